/**
 * Proves on SQLite and PostgreSQL what a mailbox keeps of clients that work away from it: ids that were given up stay
 * unused, however many at once, and those that something has stay its own; folders and moved messages have the version
 * of whoever changed them last. The store is checked whole at the end.
 */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { after, before, describe, test } from "node:test";
import type { FolderId, MailboxId, MessageId } from "#base/ids.ts";
import { newItem, setProperty } from "#convert/item.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { folderVersionTags } from "#mailbox/tx/folder-version.ts";
import { properties } from "#props/registry.ts";
import type { Store } from "#store/api.ts";
import { checkStore } from "#store/check.ts";
import { ctx, newMailbox, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { postgresMissing } from "../../../test/support/postgres.ts";

const kinds = [
  { name: "SQLite", skip: false as string | false, make: () => Promise.resolve(sqliteBackend(0)) },
  { name: "PostgreSQL", skip: postgresMissing ?? false, make: postgresBackend },
];

after(stopPostgres);

const xid = (change: number): Uint8Array => new Uint8Array([...Buffer.alloc(16, 7), change]);
const version = (change: number) => ({ changeKey: xid(change), predecessors: new Uint8Array([17, ...xid(change)]) });

for (const kind of kinds) {
  describe(kind.name, { skip: kind.skip }, () => {
    let backend: Backend;
    let store: Store;
    let mailbox: Mailbox;
    let inbox: FolderId;

    before(async () => {
      backend = await kind.make();
      store = await backend.open();
      const scope: MailboxId = await newMailbox(store);
      ({ mailbox } = await openKit(store, scope));
      inbox = (await mailbox.folderByRole(ctx, "inbox")).folderId;
    });
    after(async () => {
      const { findings } = await checkStore(ctx, store, { repair: false, deep: true }, () => undefined);
      assert.deepEqual(findings.filter((one) => one.kind !== "mailboxWithoutOwner"), []);
      await store.close();
      backend.remove();
    });

    const states = async (first: number, count: number): Promise<string> => {
      const found: string[] = [];
      for (let id = first; id < first + count; id++) found.push(await mailbox.items.idState(ctx, id as MessageId));
      return found.join(" ");
    };
    const create = async (messageId: number): Promise<void> => {
      const item = newItem();
      setProperty(item, properties.PidTagSubject, "Own");
      await mailbox.items.create(ctx, { folderId: inbox, item, imported: { ...version(1), messageId: messageId as MessageId } });
    };

    test("ids given up are nobody's; those that are taken stay", async () => {
      const first = await mailbox.items.reserveIds(ctx, 70_000);
      await create(first + 2);
      await mailbox.items.giveUpIds(ctx, inbox, [{ low: first + 1, high: first + 3 }, { low: first + 10, high: first + 65_000 }]);
      assert.equal(await states(first, 5), "free removed there removed free");
      assert.equal(await states(first + 9, 2), "free removed");
      assert.equal(await states(first + 65_000, 2), "removed free");
      await assert.rejects(create(first + 1), /not set aside/);
      await create(first);
      await mailbox.items.giveUpIds(ctx, inbox, [{ low: first + 10, high: first + 11 }]);
      assert.equal(await states(first + 12, 1), "removed", "a longer range that is known stays as long");
      await mailbox.items.remove(ctx, [(first + 2) as MessageId], "hard");
      assert.equal(await states(first + 2, 1), "removed");
      for (const range of [{ low: 0, high: 1 }, { low: first + 3, high: first + 2 }, { low: 1, high: first + 100_000 }]) {
        await assert.rejects(mailbox.items.giveUpIds(ctx, inbox, [range]), /given out/);
      }
    });

    test("a folder is made, moved and changed in one step, with the version of whoever did", async () => {
      const folderId = await mailbox.items.reserveIds(ctx, 1) as FolderId;
      const parentId = (await mailbox.folderByRole(ctx, "ipmSubtree")).folderId;
      const comment = properties.PidTagComment.tag;
      const read = async (): Promise<unknown[]> => {
        const { bag } = (await mailbox.folderProperties(ctx)).get(folderId)!;
        const { name, parentId: parent, cn, hidden } = await mailbox.folder(ctx, folderId);
        const { changeKey, cn: tag } = folderVersionTags;
        return [name, parent, hidden, bag.get(comment), Buffer.from(bag.get(changeKey) as Uint8Array).at(-1), bag.get(tag) === BigInt(cn)];
      };
      const cn = await mailbox.items.importFolder(ctx, { folderId, parentId, name: "One", set: new Map([[comment, "first"]]), change: version(3) });
      assert.equal((await mailbox.folder(ctx, folderId)).cn, cn);
      assert.deepEqual(await read(), ["One", parentId, false, "first", 3, true]);
      await mailbox.items.importFolder(ctx, { folderId, parentId: inbox, name: "Two", set: new Map(), hidden: true, change: version(4) });
      assert.deepEqual(await read(), ["Two", inbox, true, "first", 4, true]);
      await mailbox.updateFolderProperties(ctx, { folderId, set: new Map([[comment, "second"]]) });
      assert.deepEqual(await read(), ["Two", inbox, true, "second", 4, false]);
      const copy = await mailbox.copyFolder(ctx, { folderId, parentId, name: "Copy" });
      const copied = (await mailbox.folderProperties(ctx)).get(copy.folderId)!.bag;
      assert.equal(copied.get(comment), "second");
      for (const tag of Object.values(folderVersionTags)) assert.equal(copied.has(tag), false, "a copy is no version");
      const taken = { folderId: 999_999 as FolderId, parentId, name: "Three", set: new Map(), change: version(5) };
      await assert.rejects(mailbox.items.importFolder(ctx, taken), /not set aside/);
      await mailbox.deleteFolder(ctx, { folderId, mode: "hard", children: "delete" });
      assert.equal(await states(folderId, 1), "removed");
    });

    test("a moved message has the client's version only where it is told", async () => {
      const [from, kept, given] = Array.from({ length: 3 }, (_, index) => index);
      const first = await mailbox.items.reserveIds(ctx, 4);
      await create(first + from!);
      const target = (await mailbox.folderByRole(ctx, "sentItems")).folderId;
      const own = await mailbox.items.importMove(ctx, (first + from!) as MessageId, target, (first + kept!) as MessageId, null);
      assert.deepEqual([own.messageId, own.folderId, own.imported?.isCurrent], [first + kept!, target, false]);
      const theirs = await mailbox.items.importMove(ctx, own.messageId, inbox, (first + given!) as MessageId, version(9));
      assert.deepEqual([theirs.folderId, theirs.imported?.isCurrent, theirs.imported?.changeKey.at(-1)], [inbox, true, 9]);
    });
  });
}
