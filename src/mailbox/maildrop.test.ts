/**
 * A folder as POP3 numbers it, on every kind of store: the columns are those of the rows, of mail and of items made of
 * properties, in one slice or several; an item keeps its id through moves and edits and no other has it ever; the term
 * of the folder is told.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { FolderId, MailboxId } from "#base/ids.ts";
import { newItem, setProperty } from "#convert/item.ts";
import type { Mailbox, MessageRow, UidRange } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { setFolderRetention } from "#mailbox/tx/retention.ts";
import { properties as p } from "#props/registry.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { postgresMissing } from "../../test/support/postgres.ts";

const kinds = [
  { name: "SQLite", skip: false as string | false, make: () => Promise.resolve(sqliteBackend(0)) },
  { name: "PostgreSQL", skip: postgresMissing ?? false, make: postgresBackend },
];
/** More than one slice of the read. */
const manyMessages = 2100;

after(stopPostgres);

for (const { name, skip, make } of kinds) {
  describe(name, { skip }, () => {
    let backend: Backend;
    let store: Store;
    let scope: MailboxId;
    let mailbox: Mailbox;
    let inbox: FolderId;
    let other: FolderId;

    before(async () => {
      backend = await make();
      store = await backend.open();
      scope = await newMailbox(store);
      ({ mailbox } = await openKit(store, scope));
      inbox = (await mailbox.folderByRole(ctx, "inbox")).folderId;
      other = (await mailbox.folderByRole(ctx, "archive")).folderId;
    });
    after(async () => {
      await store.close();
      backend.remove();
    });

    const append = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) {
        const upload = mailbox.beginUpload(ctx, null);
        await upload.write(Buffer.from(`Subject: ${index}\r\n\r\n${"x".repeat(index)}\r\n`));
        await mailbox.append(ctx, { folderId: inbox, upload, flags: 0, keywords: [], internalMs: null });
      }
    };
    const rowsOf = async (): Promise<MessageRow[]> => {
      const found: MessageRow[] = [];
      for await (const some of mailbox.rows(ctx, inbox, "all")) found.push(...some);
      return found;
    };
    /** The columns as rows; they must agree with the rows of the folder. */
    const read = async (): Promise<{ uid: number; itemId: number }[]> => {
      const columns = await mailbox.maildrop(ctx, inbox);
      const rows = await rowsOf();
      const list = Array.from({ length: columns.count }, (_, at) => (
        [columns.uids[at], columns.sizes[at], columns.contentIds[at]]
      ));
      assert.deepEqual(list, rows.map((row) => [row.uid, row.sizeBytes, row.contentId]));
      return rows.map(({ uid }, at) => ({ uid, itemId: columns.itemIds[at]! }));
    };
    const range = (first: number, last = first): UidRange[] => [{ first, last }];

    test("an empty folder, then mail, then what was made of properties", async () => {
      assert.deepEqual(await read(), []);
      await append(3);
      const item = newItem();
      setProperty(item, p.PidTagMessageClass, "IPM.Note");
      setProperty(item, p.PidTagSubject, "Made of properties");
      await mailbox.items.create(ctx, { folderId: inbox, item });
      assert.equal((await read()).length, 4);
    });

    test("an id stays through moves and edits, which give new UIDs; copies have their own", async () => {
      const first = await read();
      const ids = first.map(({ itemId }) => itemId);
      const { pairs } = await mailbox.move(ctx, inbox, range(first[0]!.uid, first[1]!.uid), other);
      assert.deepEqual((await read()).map(({ itemId }) => itemId), ids.slice(2));
      await mailbox.move(ctx, other, range(pairs[1]!, pairs[3]!), inbox);
      const moved = await read();
      assert.deepEqual(moved.map(({ itemId }) => itemId), [...ids.slice(2), ids[0], ids[1]]);
      const row = (await rowsOf())[0]!;
      const set = newItem();
      setProperty(set, p.PidTagSubject, "Another subject");
      await mailbox.items.update(ctx, { messageId: row.messageId, set });
      const edited = await read();
      assert.deepEqual(edited.map(({ itemId }) => itemId).sort(), [...ids].sort());
      assert.ok(!edited.some(({ uid }) => uid === row.uid), "the edited one has a new UID");
      await mailbox.copy(ctx, inbox, range(edited[0]!.uid), inbox);
      const copied = (await read()).map(({ itemId }) => itemId);
      assert.equal(new Set(copied).size, 5);
      // What is gone for good leaves its id to nobody.
      const last = (await read()).at(-1)!;
      await mailbox.remove(ctx, { folderId: inbox, uids: range(last.uid), only: "any", mode: "hard" });
      await append(1);
      assert.ok(!copied.includes((await read()).at(-1)!.itemId));
    });

    test("the folder's own term", async () => {
      const keepDays = async (): Promise<number | null> => (await mailbox.maildrop(ctx, inbox)).keepDays;
      assert.equal(await keepDays(), null);
      for (const [days, told] of [[30, 30], [0, null], [null, null]] as const) {
        await store.transact(ctx, scope, setFolderRetention, { folderId: inbox, days });
        assert.equal(await keepDays(), told);
      }
    });

    test("more than one slice", async () => {
      let count = (await read()).length;
      for (; count < manyMessages; count *= 2) await mailbox.copy(ctx, inbox, "all", inbox);
      const ids = (await read()).map(({ itemId }) => itemId);
      assert.equal(new Set(ids).size, count);
    });
  });
}
