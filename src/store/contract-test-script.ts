/** One walk through every procedure of a mailbox and every read of `mailbox/reads.ts`, always the same. */
import { strict as assert } from "node:assert";
import type { ChangeNumber, FolderId, MailboxId } from "#base/ids.ts";
import { readChanges, readUids, scanFolder } from "#mailbox/reads.ts";
import { UidLists } from "#mailbox/uid-lists.ts";
import { setFlags } from "#mailbox/tx/flags.ts";
import {
  copyFolder, createFolder, deleteFolder, moveFolder, readFolderByRole, setSubscription,
} from "#mailbox/tx/folders.ts";
import { setPermissions } from "#mailbox/tx/permissions.ts";
import { forgetDeliveries, insertMessage } from "#mailbox/tx/insert.ts";
import type { InsertMessage } from "#mailbox/tx/insert.ts";
import { fillColumns, keepHeads } from "#mailbox/tx/heads.ts";
import { keepFields, keepKeys } from "#mailbox/tx/keys.ts";
import { readItemRecords, readParts } from "#mailbox/tx/item-rows.ts";
import { createItem, updateItem } from "#mailbox/tx/items.ts";
import type { UpdateItem } from "#mailbox/tx/items.ts";
import { findPropertyIds, readPropertyNames, takePropertyIds } from "#mailbox/tx/named-properties.ts";
import type { PropertyName } from "#mailbox/tx/named-properties.ts";
import { messageColumns } from "#mailbox/tx/rows.ts";
import { renderMessage } from "#mailbox/tx/render.ts";
import { purgeRemoved } from "#mailbox/tx/retention.ts";
import { copyMessages, moveMessages, removeMessages } from "#mailbox/tx/transfer.ts";
import { copyItems, moveItems, removeItems } from "#mailbox/tx/transfer-items.ts";
import type { Procedure, Store } from "#store/api.ts";
import { checkCounts } from "#store/contract-test-counts.ts";
import { recordReads } from "#store/contract-test-golden.ts";
import { ctx } from "#store/contract-test-kit.ts";
import { letters, nestedItem } from "#store/contract-test-model.ts";
import { runTexts } from "#store/contract-test-procedures.ts";
import { encodeBag } from "#props/bag.ts";
import { properties } from "#props/registry.ts";
import { findWords } from "#store/search-index.ts";
import { all } from "#store/sql.ts";

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
  const item = { folderId: inbox, associated: false, flags: 0, keywords: ["$Work"], internalMs: 1, quotaBytes: 10 ** 9, ...nestedItem(3) };
  const { itemId } = await change(createItem, item);
  await change(createItem, { ...item, ...nestedItem(1), associated: true });
  await assert.rejects(change(createItem, { ...item, ...nestedItem(100) }), { code: "tooBig" });
  const stored = (await recordReads("reads", () => store.read(ctx, scope, () => readParts(scope, itemId))))!;
  assert.deepEqual(stored.recipients.map((row) => ({
    kind: row.kind, displayName: row.display_name, addressType: row.address_type, address: row.address,
    bag: new Uint8Array(row.bag!),
  })), item.parts.recipients);
  assert.deepEqual(stored.attachments.map((row) => [row.method, row.size_bytes, row.embedded_item_id !== null]),
    [[1, 3, false], [5, 0, true]]);
  await changeNames(store, scope);

  await change(setFlags, { folderId: inbox, uids: "all", change: { mode: "add", flags: 1, keywords: [] } });
  await change(setFlags, { folderId: inbox, uids: [{ first: 2, last: 3 }], change: { mode: "replace", flags: 8, keywords: ["a"] } });
  await change(setFlags, { folderId: inbox, uids: [{ first: 1, last: 9 }], change: { mode: "remove", flags: 4, keywords: ["a"] } });
  const beside = { mode: "add" as const, flags: 2, keywords: ["b"], unchangedSince: 1 as ChangeNumber };
  assert.ok((await change(setFlags, { folderId: inbox, uids: "all", change: beside })).conflicts.length > 0);

  await change(copyMessages, { folderId: inbox, uids: "all", targetId: sent, quotaBytes: 10 ** 9 });
  // The copies carry the deleted mark of their originals; these are to stay.
  await change(setFlags, { folderId: sent, uids: "all", change: { mode: "remove", flags: 8, keywords: [] } });
  await change(moveMessages, { folderId: sent, uids: [{ first: 1, last: 4 }], targetId: inbox, quotaBytes: null });
  await change(removeMessages, { folderId: inbox, uids: "all", only: "marked", mode: "soft" });
  await change(removeMessages, { folderId: inbox, uids: [{ first: 1, last: 1 }], only: "any", mode: "hard" });

  const made = await change(createFolder, { parentId: inbox, name: "Made" });
  const below = await change(createFolder, { parentId: made.folder_id as FolderId, name: "Below", containerClass: "IPF.Task" });
  await change(setPermissions, { folderId: made.folder_id as FolderId, changes: [{ memberId: 7, rights: 0x401 }] });
  await change(setPermissions, {
    folderId: below.folder_id as FolderId, changes: [{ memberId: 7, rights: null }, { memberId: 8, rights: 0x400 }],
    replace: true,
  });
  await change(copyMessages, { folderId: inbox, uids: "all", targetId: below.folder_id, quotaBytes: null });
  await change(createItem, { ...item, ...nestedItem(2), folderId: below.folder_id, associated: true });
  await assert.rejects(store.transact(ctx, scope, copyFolder,
    { folderId: made.folder_id as FolderId, parentId: sent, name: "Copy", quotaBytes: 1 }), /full/);
  const copied = await change(copyFolder,
    { folderId: made.folder_id as FolderId, parentId: sent, name: "Copy", quotaBytes: 10 ** 9 });
  await change(moveFolder, { folderId: made.folder_id as FolderId, parentId: sent, name: "Moved" });
  await change(deleteFolder, { folderId: made.folder_id as FolderId, mode: "soft", children: "delete" });
  await change(setSubscription, { name: "INBOX", subscribed: true });
  await change(setSubscription, { name: "INBOX", subscribed: false });
  await checkCounts(store, scope);

  await recordReads("reads", async () => {
    const state = await readUids(ctx, store, scope, inbox, (row) => row as never, new UidLists());
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
  await change(insertMessage, message({ folder: { role: "recoverableDeletions" } }));
  assert.equal(await change(purgeRemoved, { beforeMs: 1, limitRows: 10 }), 0);
  assert.equal(await change(purgeRemoved, { beforeMs: ctx.system.nowMs() + 1, limitRows: 10 }), 1);
  await change(forgetDeliveries, { beforeMs: ctx.system.nowMs() + 1 });
  await checkCounts(store, scope);
  await changeItems(store, scope, inbox, sent);
}

/** Items by id: made with everything they can have, changed in each way, rendered, copied, moved, removed. */
async function changeItems(store: Store, scope: MailboxId, inbox: FolderId, sent: FolderId): Promise<void> {
  const change = <Args, Result, Ready>(row: Procedure<Args, Result, Ready>, args: Args): Promise<Result> =>
    store.transact(ctx, scope, row, args);
  const { parts } = nestedItem(2);
  const large = encodeBag(new Map([[properties.PidTagBody.tag, "large"]]));
  const full = {
    ...parts, recipients: [], attachments: parts.attachments.map((one) => ({ ...one, bag: null })),
    values: [{ tag: properties.PidTagBody.tag, value: large }],
    time: { startMs: 5, endMs: 9, isRecurring: false, busyStatus: 2, globalObjectId: Uint8Array.of(1), reminderMs: 4 },
    words: { subject: "one", addresses: "", body: "two", attachmentNames: "" },
  };
  const made = await change(createItem, {
    folderId: inbox, associated: false, flags: 0, keywords: [], internalMs: 1, quotaBytes: 10 ** 9, parts: full,
  });
  const record = async (id: number) => (await recordReads("reads", () =>
    store.read(ctx, scope, () => readItemRecords(scope, [id]))))[0]!;
  const update = async (id: number, more: Partial<UpdateItem>): Promise<void> => {
    const { cn } = await record(id);
    await change(updateItem, {
      messageId: id, expectedCn: cn, quotaBytes: 10 ** 9, flags: [], keywords: null, change: null, ...more });
  };
  const render = async (): Promise<void> => {
    const { item_id: itemId, cn } = await record(made.messageId);
    const item = { bag: new Map([[properties.PidTagSubject.tag, "x"]]), named: new Map(), recipients: [], attachments: [] };
    assert.ok(await change(renderMessage, { itemId, cn, subject: "", domain: "example.org", item }));
    assert.equal(await change(renderMessage, { itemId, cn, subject: "", domain: "example.org", item }), null);
  };
  await render();
  const before = await record(made.messageId);
  await update(made.messageId, { flags: [{ mode: "add", flags: 1, keywords: ["k"] }], keywords: ["a"] });
  const same = { own: { ...full, time: null, words: null, values: [] }, recipients: null, removed: [], changed: [], added: [] };
  await update(made.messageId, { change: { kind: "properties", dropsBytes: false, ...same } });
  assert.equal((await record(made.messageId)).uid, before.uid);
  await update(made.messageId, { change: {
    kind: "properties", dropsBytes: true, own: full, recipients: nestedItem(0).parts.recipients, removed: [],
    changed: [
      { number: 0, method: 1, fileName: "b", bag: null, content: { inline: Uint8Array.of(1), blob: null }, embedded: undefined },
      { number: 1, method: 5, fileName: "", bag: null, content: undefined, embedded: nestedItem(1).parts }],
    added: full.attachments,
  } });
  const after = await record(made.messageId);
  assert.deepEqual([after.uid > before.uid, after.content_id], [true, null]);
  await update(made.messageId, { change: { kind: "properties", dropsBytes: true, ...same, removed: [1, 7] } });
  await assert.rejects(change(updateItem, {
    messageId: made.messageId, expectedCn: 1, quotaBytes: null, flags: [], keywords: null, change: null }), { code: "conflict" });

  const [mime] = await store.read(ctx, scope, () => all<{ message_id: number; content_id: number }>(
    "SELECT message_id, content_id FROM message WHERE mailbox_id = $1 AND content_id IS NOT NULL ORDER BY message_id DESC",
    scope));
  const [{ mime_index: index } = { mime_index: "" }] = await store.read(ctx, scope, () => all<{ mime_index: string }>(
    "SELECT mime_index FROM mime WHERE mailbox_id = $1 AND content_id = $2", scope, mime!.content_id));
  await change(keepHeads, { messages: [{ contentId: mime!.content_id, source: { inline: letters[0]!, blob: null }, index }] });
  await change(runTexts, { texts: [{ text: "DELETE FROM content_keys WHERE mailbox_id = $1", values: [scope] }] });
  const { folder_id: keyed } = (await store.read(ctx, scope, () => all<{ folder_id: number }>(
    "SELECT folder_id FROM message WHERE mailbox_id = $1 AND message_id = $2", scope, mime!.message_id)))[0]!;
  assert.ok(await change(keepKeys, { folderId: keyed, first: 1, last: 9999, limitRows: 100 }) > 0);
  assert.equal(await change(keepKeys, { folderId: keyed, first: 1, last: 9999, limitRows: 100 }), 0);
  await change(keepFields, { messages: [{ contentId: mime!.content_id, fields: null }] });
  await change(runTexts, { texts: [{ text: "UPDATE mailbox SET fill_item = next_item WHERE mailbox_id = $1", values: [scope] }] });
  assert.ok(await change(fillColumns, { limitRows: 1 }) > 0);
  assert.equal(await change(fillColumns, { limitRows: 1000 }), 0);
  await update(mime!.message_id, { change: { kind: "overlay", bag: large, messageClass: "IPM.Note.X", time: full.time } });
  const [copy, gone] = await change(copyItems, { messageIds: [mime!.message_id, 999_999], targetId: sent, quotaBytes: 10 ** 9 });
  assert.equal(gone, 0);
  await update(copy!, { change: { kind: "replace", parts: full } });
  const [second] = await change(copyItems, { messageIds: [copy!], targetId: sent, quotaBytes: null });
  const [moved] = await change(moveItems, { messageIds: [copy!], targetId: inbox, quotaBytes: null });
  assert.equal(await change(removeItems, { messageIds: [moved!, second!], mode: "soft" }), 2);
  assert.equal(await change(removeItems, { messageIds: [made.messageId], mode: "hard" }), 1);
  await checkCounts(store, scope);
}

/** Named properties get one id each, once, also when two clients ask at the same time. */
async function changeNames(store: Store, scope: MailboxId): Promise<void> {
  const set = new Uint8Array(16).fill(3);
  const names: PropertyName[] = [
    { set, lid: 0x8205 }, { set, name: "Keywords" }, { set, name: "keywords" }, { set, name: "a\0b" }, { set, lid: 0x8205 },
    { set: new Uint8Array(16), lid: 0 }, { set, name: "" },
  ];
  const [ids, again] = await Promise.all([names, [...names].reverse()].map((some) =>
    store.transact(ctx, scope, takePropertyIds, { names: some })));
  assert.deepEqual(ids, [0x8000, 0x8001, 0x8002, 0x8003, 0x8000, 0x8004, 0x8005]);
  assert.deepEqual(again, [...ids!].reverse());
  await recordReads("reads", async () => {
    assert.deepEqual(await store.read(ctx, scope, () => findPropertyIds(scope, [...names, { set, lid: 1 }])), [...ids!, 0]);
    const read = await store.read(ctx, scope, () => readPropertyNames(scope, [...ids!, 0x9000]));
    assert.deepEqual(read.map((name) => name && { ...name, set: new Uint8Array(name.set) }), [...names, null]);
  });
}
