/** The folders of a mailbox are those of its rows, whatever was remembered: against the rows, after each change. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { inTreeOrder, toFolderInfo } from "#mailbox/folder-info.ts";
import { listFolders } from "#mailbox/folder-lists.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { readFolders } from "#mailbox/tx/folders.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import { removeMessages } from "#mailbox/tx/transfer.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";

const letter = Buffer.from("Subject: one\r\n\r\ntext\r\n");
const acts = fc.array(fc.tuple(fc.constantFrom("make", "rename", "delete", "add", "remove", "flag", "look"), fc.nat(9)),
  { maxLength: 30 });

test("folders are those of the rows, and the same list while nothing changes", async () => {
  const backend = sqliteBackend(0);
  const store = await backend.open();
  try {
    await fc.assert(fc.asyncProperty(acts, async (list) => {
      const scope = await newMailbox(store);
      const { mailbox, open } = await openKit(store, scope);
      const other = await open();
      const { folderId: parentId } = await mailbox.folderByRole(ctx, "ipmSubtree");
      const made: FolderId[] = [];
      const own = (at: number): FolderId | undefined => made[at % Math.max(1, made.length)];
      for (const [step, [act, at]] of list.entries()) {
        const folderId = own(at);
        if (act === "make") {
          made.push((await mailbox.createFolder(ctx, { parentId, name: `f${step}` })).folderId);
        } else if (folderId === undefined) {
          continue;
        } else if (act === "rename") {
          await mailbox.moveFolder(ctx, { folderId, parentId, name: `r${step}` });
        } else if (act === "delete") {
          await mailbox.deleteFolder(ctx, { folderId, mode: "hard", children: "delete" });
          made.splice(made.indexOf(folderId), 1);
        } else if (act === "add") {
          await store.transact(ctx, scope, insertMessage, {
            folder: { folderId }, source: { inline: letter, blob: null }, flags: 0, keywords: [], internalMs: null,
            quotaBytes: null, deliveryId: null,
          });
        } else if (act === "remove") {
          await store.transact(ctx, scope, removeMessages, { folderId, uids: "all", only: "any", mode: "hard" });
        } else if (act === "flag") {
          await mailbox.setFlags(ctx, folderId, "all", { mode: "replace", flags: at, keywords: [] });
        }
        const rows = await store.read(ctx, scope, () => readFolders(scope));
        const found = await mailbox.folders(ctx);
        assert.deepEqual(found, inTreeOrder(rows).map(toFolderInfo));
        assert.equal(await other.folders(ctx), found);
      }
    }), { numRuns: 15, endOnFailure: true });
  } finally {
    await store.close();
    backend.remove();
  }
});

test("no more folders are remembered than the limit says", async () => {
  const backend = sqliteBackend(0);
  const store = await backend.open();
  try {
    const first = await newMailbox(store);
    const before = await listFolders(ctx, store, first);
    assert.equal(await listFolders(ctx, store, first), before);
    const { mailbox } = await openKit(store, await newMailbox(store));
    const { folderId: parentId } = await mailbox.folderByRole(ctx, "ipmSubtree");
    for (let number = 0; number < 20; number++) await mailbox.createFolder(ctx, { parentId, name: `${number}` });
    const keptMax = limits.foldersKeptMax;
    try {
      Object.assign(limits, { foldersKeptMax: 20 });
      await mailbox.folders(ctx);
      assert.notEqual(await listFolders(ctx, store, first), before);
    } finally {
      Object.assign(limits, { foldersKeptMax: keptMax });
    }
  } finally {
    await store.close();
    backend.remove();
  }
});
