/**
 * Proves that the tree of folders held in memory is what a fresh list tells, and that its changes lead from one state to
 * the next, whatever is made, renamed, moved, filled and removed between two looks. The list is that of the rows, and the
 * same one while nothing changes.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, FolderId } from "#base/ids.ts";
import { newItem } from "#convert/item.ts";
import type { FolderInfo, Mailbox } from "#mailbox/api.ts";
import { limits } from "#base/limits.ts";
import { inTreeOrder, toFolderInfo } from "#mailbox/folder-info.ts";
import { FolderTrees } from "#mailbox/folder-tree.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { readFolders } from "#mailbox/tx/folders.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import { removeMessages } from "#mailbox/tx/transfer.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { runTexts } from "#store/contract-test-procedures.ts";
import type { Store } from "#store/api.ts";

let backend: Backend;
let store: Store;
let mailbox: Mailbox;
let inbox: FolderId;

before(async () => {
  backend = sqliteBackend(1);
  store = await backend.open("tool");
  mailbox = (await openKit(store, await newMailbox(store))).mailbox;
  inbox = (await mailbox.folderByRole(ctx, "inbox")).folderId;
});
after(async () => {
  await store.close();
  await backend.remove();
});

const byId = (infos: Iterable<FolderInfo>): Map<FolderId, FolderInfo> =>
  new Map([...infos].map((info) => [info.folderId, info] as const).sort(([a], [b]) => a - b));

async function act(kind: number, one: FolderId, other: FolderId, name: string): Promise<void> {
  try {
    if (kind === 0) await mailbox.createFolder(ctx, { parentId: one, name });
    else if (kind === 1) await mailbox.moveFolder(ctx, { folderId: one, parentId: other, name });
    else if (kind === 2) await mailbox.deleteFolder(ctx, { folderId: one, mode: "hard", children: "delete" });
    else if (kind === 3) await mailbox.copyFolder(ctx, { folderId: one, parentId: other, name });
    else await mailbox.items.create(ctx, { folderId: one, item: newItem() });
  } catch (error) {
    // What cannot be done changes nothing.
    if (!(error instanceof Fault)) throw error;
  }
}

const acts = fc.array(fc.tuple(fc.nat(4), fc.nat(30), fc.nat(30), fc.nat(9)), { minLength: 1, maxLength: 5 });

test("the tree is the list, and its changes lead to it", async () => {
  let known = byId((await mailbox.folderTree(ctx)).folders.values());
  let cn: ChangeNumber = (await mailbox.folderTree(ctx)).cn;
  await fc.assert(fc.asyncProperty(acts, async (some) => {
    for (const [kind, a, b, name] of some) {
      const own = [inbox, ...(await mailbox.folders(ctx)).filter(({ role }) => role === null).map((info) => info.folderId)];
      await act(kind, own[a % own.length]!, own[b % own.length]!, `f${name}`);
      // Sometimes somebody else looks in between.
      if (name > 6) await mailbox.folderTree(ctx);
    }
    const tree = await mailbox.folderTree(ctx);
    const listed = byId(await mailbox.folders(ctx));
    assert.deepEqual(byId(tree.folders.values()), listed);
    for (const { folderId } of listed.values()) {
      const below = [...listed.values()].filter(({ parentId }) => parentId === folderId);
      assert.deepEqual(byId(tree.childrenOf(folderId)), byId(below));
      assert.deepEqual(byId(await mailbox.foldersBelow(ctx, folderId)), byId(below));
    }
    for (const { before: was, after: is } of tree.changesSince(cn)!) {
      assert.deepEqual(known.get((was ?? is)!.folderId) ?? null, was);
      if (is === null) known.delete(was!.folderId);
      else known.set(is.folderId, is);
    }
    known = byId(known.values());
    assert.deepEqual(known, listed);
    cn = tree.cn;
  }), { numRuns: 60 });
  assert.deepEqual((await mailbox.folderTree(ctx)).changesSince(cn), []);
  assert.equal((await mailbox.folderTree(ctx)).changesSince(-1 as ChangeNumber), null, "before it was read");
});

test("a mailbox whose change number went back is read anew", async () => {
  const scope = await newMailbox(store);
  const { mailbox: own } = await openKit(store, scope);
  const { folderId: parentId } = await own.folderByRole(ctx, "ipmSubtree");
  const { folderId } = await own.createFolder(ctx, { parentId, name: "lost" });
  const held = await own.folderTree(ctx);
  assert.ok(held.folders.has(folderId));
  const texts = ["DELETE FROM folder WHERE mailbox_id = $1 AND folder_id = $2",
    "UPDATE mailbox SET cn = cn - 1 WHERE mailbox_id = $1 AND CAST($2 AS BIGINT) > 0"]
    .map((text) => ({ text, values: [scope, folderId] }));
  await store.transact(ctx, scope, runTexts, { texts });
  const tree = await own.folderTree(ctx);
  assert.equal(tree.folders.has(folderId), false);
  assert.equal(tree.changesSince(held.cn), null, "who knew more looks at everything");
});

test("changes that are remembered count as rows held", async () => {
  const rowsMax = limits.folderTreesRowsMax;
  const trees = new FolderTrees(store);
  const scopes = [await newMailbox(store), await newMailbox(store)] as const;
  const { mailbox: own } = await openKit(store, scopes[0]);
  const { folderId: parentId } = await own.folderByRole(ctx, "ipmSubtree");
  const { folderId } = await own.createFolder(ctx, { parentId, name: "0" });
  const first = await trees.current(ctx, scopes[0]);
  const other = await trees.current(ctx, scopes[1]);
  try {
    Object.assign(limits, { folderTreesRowsMax: first.folders.size + other.folders.size + 10 });
    for (let number = 1; number <= 8; number++) {
      await own.moveFolder(ctx, { folderId, parentId, name: String(number) });
      await trees.current(ctx, scopes[0]);
    }
    assert.equal(await trees.current(ctx, scopes[1]), other, "there is room for so many");
    for (let number = 9; number <= 16; number++) {
      await own.moveFolder(ctx, { folderId, parentId, name: String(number) });
      await trees.current(ctx, scopes[0]);
    }
    assert.notEqual(await trees.current(ctx, scopes[1]), other, "there is no room for so many");
  } finally {
    Object.assign(limits, { folderTreesRowsMax: rowsMax });
  }
});

const letter = Buffer.from("Subject: one\r\n\r\ntext\r\n");
const listActs = fc.array(fc.tuple(fc.constantFrom("make", "rename", "delete", "add", "remove", "flag", "item", "look"), fc.nat(9)),
  { maxLength: 30 });

test("folders are those of the rows, and the same list while nothing changes", async () => {
  const backend = sqliteBackend(0);
  const store = await backend.open();
  try {
    await fc.assert(fc.asyncProperty(listActs, async (list) => {
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
        } else if (act === "item") {
          await mailbox.items.create(ctx, { folderId, item: newItem() });
          await mailbox.folders(ctx);
          // It gets bytes, and with them another size.
          for await (const given of mailbox.rows(ctx, folderId, "all")) assert.ok(given.length > 0);
        }
        const rows = await store.read(ctx, scope, () => readFolders(scope));
        const found = await mailbox.folders(ctx);
        assert.deepEqual(found, inTreeOrder(rows.map(toFolderInfo)));
        assert.equal(await other.folders(ctx), found);
      }
    }), { numRuns: 15, endOnFailure: true });
  } finally {
    await store.close();
    backend.remove();
  }
});
