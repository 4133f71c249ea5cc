/** Copying, moving and removing by message id, associated messages too. Each is one transaction. */
import { takeCn } from "#mailbox/tx/counters.ts";
import { checkQuota } from "#mailbox/tx/quota.ts";
import { carryRead } from "#mailbox/tx/readers.ts";
import type { ReaderId } from "#mailbox/tx/readers.ts";
import { messageColumns } from "#mailbox/tx/rows.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import { discard, insertCopies, readTarget, relocate, sumSizes } from "#mailbox/tx/transfer.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface TransferItems {
  readonly messageIds: readonly number[];
  readonly targetId: number;
  readonly quotaBytes: number | null;
  /** Whoever copies, who is then the maker of the copies; null for the owner. */
  readonly creatorId?: number | null;
  /** Of the public store: for whom read messages stay read. */
  readonly readerId?: ReaderId;
}

/** Messages that are in one folder, of one kind. */
interface Group {
  readonly folderId: number;
  readonly associated: boolean;
  readonly records: MessageRecord[];
}

type PlacedRecord = MessageRecord & { folder_id: number; associated: number };

/** In the order of the ids; ids that are gone are left out. */
function* readGroups(mailboxId: number, messageIds: readonly number[]): Work<Group[]> {
  const groups = new Map<string, Group>();
  for (const messageId of new Set(messageIds)) {
    const record = yield* get<PlacedRecord>(
      `SELECT ${messageColumns}, m.folder_id, m.associated FROM message m
       WHERE m.mailbox_id = $1 AND m.message_id = $2`, mailboxId, messageId);
    if (record === undefined) continue;
    const key = `${record.folder_id} ${record.associated}`;
    const group = groups.get(key) ?? { folderId: record.folder_id, associated: record.associated === 1, records: [] };
    group.records.push(record);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** The new ids by the old ones: rows know their UIDs, and those are told in the order of the records. */
function* newIds(mailboxId: number, targetId: number, group: Group, pairs: Uint32Array): Work<[number, number][]> {
  const uids = group.records.map((_, index) => pairs[2 * index + 1]!);
  const rows = yield* all<{ uid: number; message_id: number }>(
    `SELECT uid, message_id FROM message
     WHERE mailbox_id = $1 AND folder_id = $2 AND associated = $3 AND uid BETWEEN $4 AND $5`,
    mailboxId, targetId, group.associated ? 1 : 0, uids[0]!, uids.at(-1)!);
  const byUid = new Map(rows.map((row) => [row.uid, row.message_id]));
  return group.records.map((record, index) => [record.message_id, byUid.get(uids[index]!)!]);
}

/** New ids in the order of those given; 0 for one that is gone. */
function inOrder(messageIds: readonly number[], found: ReadonlyMap<number, number>): number[] {
  return messageIds.map((id) => found.get(id) ?? 0);
}

function* carry(tx: Transaction, cn: number, args: TransferItems, group: Group, pairs: Uint32Array): Work<void> {
  if (!group.associated) yield* carryRead(tx.scope, args.readerId, group.folderId, args.targetId, pairs, cn);
}

export const copyItems = procedure({
  name: "mailbox.copyItems",
  *run(tx, args: TransferItems): Work<number[]> {
    yield* readTarget(tx.scope, args.targetId);
    const groups = yield* readGroups(tx.scope, args.messageIds);
    if (groups.length === 0) return inOrder(args.messageIds, new Map());
    yield* checkQuota(tx.scope, args.quotaBytes, groups.reduce((sum, { records }) => sum + sumSizes(records), 0));
    const cn = yield* takeCn(tx.scope);
    const found = new Map<number, number>();
    for (const group of groups) {
      const pairs = yield* insertCopies(tx, cn, group.records, args.targetId, group.associated, args.creatorId);
      yield* carry(tx, cn, args, group, pairs);
      for (const [before, after] of yield* newIds(tx.scope, args.targetId, group, pairs)) found.set(before, after);
    }
    return inOrder(args.messageIds, found);
  },
});

export const moveItems = procedure({
  name: "mailbox.moveItems",
  *run(tx, args: TransferItems): Work<number[]> {
    yield* readTarget(tx.scope, args.targetId);
    const groups = yield* readGroups(tx.scope, args.messageIds);
    if (groups.length === 0) return inOrder(args.messageIds, new Map());
    const cn = yield* takeCn(tx.scope);
    const found = new Map<number, number>();
    for (const group of groups) {
      const pairs = yield* relocate(tx, cn, group.records, group.folderId, args.targetId, null, group.associated);
      yield* carry(tx, cn, args, group, pairs);
      for (const [before, after] of yield* newIds(tx.scope, args.targetId, group, pairs)) found.set(before, after);
    }
    return inOrder(args.messageIds, found);
  },
});

export const removeItems = procedure({
  name: "mailbox.removeItems",
  *run(tx, args: { messageIds: readonly number[]; mode: "soft" | "hard" }): Work<number> {
    const groups = yield* readGroups(tx.scope, args.messageIds);
    if (groups.length === 0) return 0;
    const cn = yield* takeCn(tx.scope);
    for (const { records, folderId, associated } of groups) {
      yield* discard(tx, cn, records, folderId, args.mode, associated);
    }
    return groups.reduce((count, { records }) => count + records.length, 0);
  },
});
