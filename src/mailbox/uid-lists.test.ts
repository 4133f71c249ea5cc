/** The UIDs of a folder are those that are there, whatever was remembered of it: against the rows, after each change. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { openKit } from "#mailbox/items/test-kit.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import { moveMessages, removeMessages } from "#mailbox/tx/transfer.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";
import { all } from "#store/sql.ts";

const letter = Buffer.from("Subject: one\r\n\r\ntext\r\n");
const acts = fc.array(fc.tuple(fc.constantFrom("add", "add", "remove", "move", "look"), fc.nat(30), fc.nat(3)), { maxLength: 40 });

test("UIDs are those of the rows", async () => {
  const backend = sqliteBackend(0);
  const store = await backend.open();
  try {
    await fc.assert(fc.asyncProperty(acts, async (list) => {
      const scope = await newMailbox(store);
      const { mailbox, open } = await openKit(store, scope);
      const other = await open();
      const { folderId } = await mailbox.folderByRole(ctx, "inbox");
      for (const [act, at, more] of list) {
        const uids = [{ first: at + 1, last: at + 1 + more }];
        if (act === "add") {
          await store.transact(ctx, scope, insertMessage, {
            folder: { folderId }, source: { inline: letter, blob: null }, flags: 0, keywords: [], internalMs: null,
            quotaBytes: null, deliveryId: null,
          });
        } else if (act === "remove") {
          await store.transact(ctx, scope, removeMessages, { folderId, uids, only: "any", mode: "hard" });
        } else if (act === "move") {
          await store.transact(ctx, scope, moveMessages, { folderId, uids, targetId: folderId, quotaBytes: null });
        }
        const rows = await store.read(ctx, scope, () => all<{ uid: number }>(
          "SELECT uid FROM message WHERE mailbox_id = $1 AND folder_id = $2 ORDER BY uid", scope, folderId));
        const expected = rows.map(({ uid }) => uid);
        for (const one of [mailbox, other]) {
          const found = await one.uids(ctx, folderId);
          assert.deepEqual([...found.uids], expected);
          // Everybody has the same list: nobody may change it.
          assert.equal((await one.uids(ctx, folderId)).uids, found.uids);
        }
      }
    }), { numRuns: 20, endOnFailure: true });
  } finally {
    await store.close();
    backend.remove();
  }
});
