/** The procedure that changes flags and keywords. */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { hiddenMessageFlags, messageFlags } from "#mailbox/api.ts";
import type { FlagChange, MessageRow, UidSet } from "#mailbox/api.ts";
import { adjustFolder, takeCn } from "#mailbox/tx/counters.ts";
import { readFolder } from "#mailbox/tx/folders.ts";
import { rangeAt } from "#mailbox/readers/ranges.ts";
import { isReader, putRanges, readRanges } from "#mailbox/tx/readers.ts";
import type { ReaderId } from "#mailbox/tx/readers.ts";
import { parseKeywords, readSet, SetReader, toMessageRow } from "#mailbox/tx/rows.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { numberList, numberSet } from "#store/number-list.ts";
import { run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface SetFlags {
  readonly folderId: number;
  readonly uids: UidSet;
  readonly change: FlagChange;
  /** Of the public store: whose read marks change. */
  readonly readerId?: ReaderId;
}

export interface FlagsSet {
  readonly cn: number;
  /** False: everything was so already, and the state is that of the last commit, whoever made it. */
  readonly isChanged: boolean;
  readonly rows: MessageRow[];
  readonly conflicts: number[];
}

/** Flags and keywords of one message after a change; the same keyword in another case is the same keyword. */
export function applyFlagChange(
  flags: number, keywords: readonly string[], change: FlagChange,
): { flags: number; keywords: readonly string[] } {
  const keys = new Set(change.keywords.map((word) => word.toLowerCase()));
  switch (change.mode) {
    case "replace":
      return { flags: change.flags | (flags & hiddenMessageFlags), keywords: change.keywords };
    case "add": {
      const have = new Set(keywords.map((word) => word.toLowerCase()));
      const more = change.keywords.filter((word) => !have.has(word.toLowerCase()));
      return { flags: flags | change.flags, keywords: more.length === 0 ? keywords : [...keywords, ...more] };
    }
    case "remove":
      return {
        flags: flags & ~change.flags,
        keywords: keys.size === 0 ? keywords : keywords.filter((word) => !keys.has(word.toLowerCase())),
      };
  }
}

function sameWords(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((word, index) => word === right[index]);
}

/** Messages that become alike: one statement writes them all. */
interface Alike {
  readonly flags: number;
  readonly keywords: string | null;
  /** Which change numbers move. Read state has one of its own; all else is content. [MS-OXCFXICS] 2.2.1.2 */
  readonly columns: "cn" | "read_cn" | "cn, read_cn";
  readonly itemIds: number[];
}

export const setFlags = procedure({
  name: "mailbox.setFlags",
  *run(tx, args: SetFlags): Work<FlagsSet> {
    const mailboxId = tx.scope;
    if (args.readerId !== null && args.readerId !== undefined) return yield* setReaderFlags(mailboxId, args);
    const folder = yield* readFolder(mailboxId, args.folderId);
    const reader = new SetReader(mailboxId, folder, args.uids);
    const rows: MessageRow[] = [];
    const conflicts: number[] = [];
    let cn = 0;
    let unread = 0;
    for (let records = yield* reader.next(); records.length > 0; records = yield* reader.next()) {
      const changed = new Map<string, Alike>();
      for (const record of records) {
        if (args.change.unchangedSince !== undefined && record.mod_seq > args.change.unchangedSince) {
          conflicts.push(record.uid);
          continue;
        }
        const before = parseKeywords(record.keywords);
        const after = applyFlagChange(record.flags, before, args.change);
        if (after.keywords.length > limits.keywordsMax) {
          throw new Fault("tooMany", `A message has at most ${limits.keywordsMax} keywords.`);
        }
        const sameKeywords = sameWords(before, after.keywords);
        if (after.flags !== record.flags || !sameKeywords) {
          if (cn === 0) cn = yield* takeCn(mailboxId);
          const toggled = after.flags ^ record.flags;
          const isSeenChanged = (toggled & messageFlags.seen) !== 0;
          if (isSeenChanged) unread += (after.flags & messageFlags.seen) === 0 ? 1 : -1;
          const onlySeen = toggled === messageFlags.seen && sameKeywords;
          record.flags = after.flags;
          record.keywords = after.keywords.length === 0 ? null : JSON.stringify(after.keywords);
          record.mod_seq = cn;
          const columns = onlySeen ? "read_cn" : isSeenChanged ? "cn, read_cn" : "cn";
          const key = `${record.flags} ${columns} ${record.keywords}`;
          let alike = changed.get(key);
          if (alike === undefined) {
            alike = { flags: record.flags, keywords: record.keywords, columns, itemIds: [] };
            changed.set(key, alike);
          }
          alike.itemIds.push(record.item_id);
        }
        rows.push(toMessageRow(record));
      }
      for (const alike of changed.values()) yield* writeAlike(tx, cn, alike);
    }
    if (cn !== 0) yield* adjustFolder(mailboxId, args.folderId, cn, { unread });
    return { cn: cn === 0 ? folder.highest_cn : cn, isChanged: cn !== 0, rows, conflicts };
  },
});

function* writeAlike(tx: Transaction, cn: number, { flags, keywords, columns, itemIds }: Alike): Work<void> {
  const stamped = columns.split(", ").map((column) => `, ${column} = $5`).join("");
  yield* run(
    `UPDATE message SET flags = $3, keywords = $4, mod_seq = $5${stamped}
     WHERE mailbox_id = $1 AND item_id IN ${numberSet(tx.dialect, "$2")}`,
    tx.scope, numberList(itemIds), flags, keywords, cn);
}

/** In the public store: the read mark is the reader's own, all others are the message's. */
function* setReaderFlags(mailboxId: number, args: SetFlags): Work<FlagsSet> {
  const { folderId, change, readerId } = args;
  const folder = yield* readFolder(mailboxId, folderId);
  const records = yield* readSet(mailboxId, folderId, args.uids);
  const ranges = isReader(readerId) ? yield* readRanges(mailboxId, readerId, folderId) : [];
  const rows: MessageRow[] = [];
  const conflicts: number[] = [];
  const news = new ReadNews(args.uids);
  let cn = 0;
  for (const [index, record] of records.entries()) {
    const range = rangeAt(ranges, record.uid);
    record.flags = withSeen(record.flags, range?.isRead === true);
    record.mod_seq = Math.max(record.mod_seq, range?.modSeq ?? 0);
    if (change.unchangedSince !== undefined && record.mod_seq > change.unchangedSince) {
      conflicts.push(record.uid);
      continue;
    }
    const before = parseKeywords(record.keywords);
    const after = applyFlagChange(record.flags, before, change);
    if (after.keywords.length > limits.keywordsMax) {
      throw new Fault("tooMany", `A message has at most ${limits.keywordsMax} keywords.`);
    }
    const toggled = (after.flags ^ record.flags) & (isReader(readerId) ? ~0 : ~messageFlags.seen);
    const isShared = (toggled & ~messageFlags.seen) !== 0 || !sameWords(before, after.keywords);
    if (isShared || toggled !== 0) {
      if (cn === 0) cn = yield* takeCn(mailboxId);
      record.flags ^= toggled;
      record.mod_seq = cn;
      if (isShared) yield* putShared(mailboxId, record, after.keywords, cn);
      const isRead = (record.flags & messageFlags.seen) !== 0;
      if ((toggled & messageFlags.seen) !== 0) news.add(index, record.uid, isRead, cn);
    }
    rows.push(toMessageRow(record));
  }
  if (isReader(readerId)) yield* putRanges(mailboxId, readerId, folderId, ranges, news.ranges, cn);
  // Stamped also where only marks of the reader changed: by it sessions know that there is something to look at.
  if (cn !== 0) yield* adjustFolder(mailboxId, folderId, cn, {});
  return { cn: cn === 0 ? folder.highest_cn : cn, isChanged: cn !== 0, rows, conflicts };
}

function withSeen(flags: number, isSeen: boolean): number {
  return isSeen ? flags | messageFlags.seen : flags & ~messageFlags.seen;
}

/** The row itself tells of no reader. */
function* putShared(
  mailboxId: number, record: MessageRecord, keywords: readonly string[], cn: number,
): Work<void> {
  record.keywords = keywords.length === 0 ? null : JSON.stringify(keywords);
  yield* run(
    "UPDATE message SET flags = $3, keywords = $4, mod_seq = $5, cn = $5 WHERE mailbox_id = $1 AND item_id = $2",
    mailboxId, record.item_id, withSeen(record.flags, false), record.keywords, cn);
}

/** Messages that follow each other, with none between, share a range: what is asked for in one range has none. */
class ReadNews {
  readonly ranges: { first: number; last: number; isRead: boolean; modSeq: number }[] = [];
  readonly #wanted: UidSet;
  #place = 0;
  /** Of the last message added, with the place it has among all messages of the set. */
  #last = { index: -1, place: -1 };

  constructor(wanted: UidSet) {
    this.#wanted = wanted;
  }

  /** `index`: among all messages of the set, which come in order of their UIDs. */
  add(index: number, uid: number, isRead: boolean, modSeq: number): void {
    const place = this.#placeOf(uid);
    const last = this.ranges.at(-1);
    const isNext = this.#last.index === index - 1 && this.#last.place === place;
    if (last !== undefined && isNext && last.isRead === isRead) last.last = uid;
    else this.ranges.push({ first: uid, last: uid, isRead, modSeq });
    this.#last = { index, place };
  }

  #placeOf(uid: number): number {
    if (this.#wanted === "all") return 0;
    while (this.#place < this.#wanted.length - 1 && this.#wanted[this.#place]!.last < uid) this.#place++;
    return this.#place;
  }
}
