/**
 * Proves that the tree of folders held in memory is what a fresh list tells, and that its changes lead from one state to
 * the next, whatever is made, renamed, moved, filled and removed between two looks.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, FolderId } from "#base/ids.ts";
import { newItem } from "#convert/item.ts";
import type { FolderInfo, Mailbox } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
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
