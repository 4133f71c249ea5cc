/** One walk through every procedure of a mailbox and every read of `mailbox/reads.ts`, always the same. */
import { strict as assert } from "node:assert";
import type { ChangeNumber, FolderId, MailboxId } from "#base/ids.ts";
import { readChanges, readUids, scanFolder } from "#mailbox/reads.ts";
import { setFlags } from "#mailbox/tx/flags.ts";
import {
  copyFolder, createFolder, deleteFolder, moveFolder, readFolderByRole, setPermission, setSubscription,
} from "#mailbox/tx/folders.ts";
import { forgetDeliveries, insertMessage } from "#mailbox/tx/insert.ts";
import type { InsertMessage } from "#mailbox/tx/insert.ts";
import { messageColumns } from "#mailbox/tx/rows.ts";
import { copyMessages, moveMessages, removeMessages } from "#mailbox/tx/transfer.ts";
import type { Procedure, Store } from "#store/api.ts";
import { checkCounts } from "#store/contract-test-counts.ts";
import { recordReads } from "#store/contract-test-golden.ts";
import { ctx } from "#store/contract-test-kit.ts";
import { letters } from "#store/contract-test-model.ts";
import { insertParts } from "#store/contract-test-procedures.ts";
import { findWords } from "#store/search-index.ts";

export async function runScript(store: Store, scope: MailboxId): Promise<void> {
  const change = <Args, Result, Ready>(row: Procedure<Args, Result, Ready>, args: Args): Promise<Result> =>
    store.transact(ctx, scope, row, args);
  const role = async (name: "inbox" | "sentItems" | "recoverableDeletions"): Promise<FolderId> =>
    (await store.read(ctx, scope, () => readFolderByRole(scope, name))).folder_id as FolderId;
  const [inbox, sent] = [await role("inbox"), await role("sentItems")];
  const message = (more: Partial<InsertMessage>): InsertMessage => ({
    folder: { folderId: inbox }, source: { inline: letters[0]!, blob: null }, flags: 0, keywords: [], internalMs: 1,
    quotaBytes: null, deliveryId: null, ...more,
  });

  const writer = store.blobs.create();
  await writer.write(Buffer.alloc(100_000, "Large body. "));
  const blob = await writer.finish();
  assert.equal((await change(insertMessage, message({ deliveryId: "d1" }))).duplicate, false);
  assert.equal((await change(insertMessage, message({ deliveryId: "d1" }))).duplicate, true);
  const head = Buffer.from("Subject: headwind\r\n\r\n");
  await change(insertMessage, message({ source: { inline: head, blob }, folder: { role: "inbox" }, quotaBytes: 10 ** 9 }));
  await assert.rejects(change(insertMessage, message({ source: { inline: head, blob: { ...blob, hash: "0".repeat(64) } } })),
    { code: "notFound" });
  for (let index = 0; index < 4; index++) await change(insertMessage, message({ flags: index, keywords: ["$Work"] }));
  await change(insertParts, { folderId: inbox, depth: 3, associated: false, sizeBytes: 50 });
  await change(insertParts, { folderId: inbox, depth: 1, associated: true, sizeBytes: 20 });

  await change(setFlags, { folderId: inbox, uids: "all", change: { mode: "add", flags: 1, keywords: [] } });
  await change(setFlags, { folderId: inbox, uids: [{ first: 2, last: 3 }], change: { mode: "replace", flags: 8, keywords: ["a"] } });
  await change(setFlags, { folderId: inbox, uids: [{ first: 1, last: 9 }], change: { mode: "remove", flags: 4, keywords: ["a"] } });
  const beside = { mode: "add" as const, flags: 2, keywords: ["b"], unchangedSince: 1 as ChangeNumber };
  assert.ok((await change(setFlags, { folderId: inbox, uids: "all", change: beside })).conflicts.length > 0);

  await change(copyMessages, { folderId: inbox, uids: "all", targetId: sent, quotaBytes: 10 ** 9 });
  await change(moveMessages, { folderId: sent, uids: [{ first: 1, last: 4 }], targetId: inbox, quotaBytes: null });
  await change(removeMessages, { folderId: inbox, uids: "all", only: "marked", mode: "soft" });
  await change(removeMessages, { folderId: inbox, uids: [{ first: 1, last: 1 }], only: "any", mode: "hard" });

  const made = await change(createFolder, { parentId: inbox, name: "Made" });
  const below = await change(createFolder, { parentId: made.folder_id as FolderId, name: "Below", containerClass: "IPF.Task" });
  await change(setPermission, { folderId: made.folder_id as FolderId, memberId: 7, rights: 0x401 });
  await change(setPermission, { folderId: below.folder_id as FolderId, memberId: 7, rights: null });
  await change(copyMessages, { folderId: inbox, uids: "all", targetId: below.folder_id, quotaBytes: null });
  await change(insertParts, { folderId: below.folder_id, depth: 2, associated: true, sizeBytes: 9 });
  const copied = await change(copyFolder, { folderId: made.folder_id as FolderId, parentId: sent, name: "Copy" });
  await change(moveFolder, { folderId: made.folder_id as FolderId, parentId: sent, name: "Moved" });
  await change(deleteFolder, { folderId: made.folder_id as FolderId, mode: "soft", children: "delete" });
  await change(setSubscription, { name: "INBOX", subscribed: true });
  await change(setSubscription, { name: "INBOX", subscribed: false });
  await checkCounts(store, scope);

  await recordReads("reads", async () => {
    const state = await readUids(ctx, store, scope, inbox, (row) => row as never);
    assert.ok(state.uids.length > 3);
    const seen: number[] = [];
    for await (const slice of scanFolder<{ uid: number }>(ctx, store, scope, inbox, "all",
      { columns: messageColumns, joins: "", sliceRows: 2 })) for (const row of slice) seen.push(row.uid);
    assert.deepEqual(seen, [...state.uids]);
    const changes = await readChanges(ctx, store, scope, inbox, 1 as ChangeNumber);
    assert.deepEqual(changes.changed.map((row) => row.uid), seen);
    assert.ok(changes.vanished.length > 0);
    const found = await store.read(ctx, scope, () => findWords(store.dialect, scope, inbox, "headwind"));
    assert.deepEqual(found.length, 1, "the message with the word, and not the one without any text");
  });
  await change(deleteFolder, { folderId: copied.folder_id as FolderId, mode: "hard", children: "delete" });
  await change(removeMessages, { folderId: await role("recoverableDeletions"), uids: "all", only: "any", mode: "soft" });
  await change(forgetDeliveries, { beforeMs: ctx.system.nowMs() + 1 });
  await checkCounts(store, scope);
}
