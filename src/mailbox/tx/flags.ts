/** The procedure that changes flags and keywords. */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { FlagChange, MessageRow, UidSet } from "#mailbox/api.ts";
import { adjustFolder, takeCn } from "#mailbox/tx/counters.ts";
import { readFolder } from "#mailbox/tx/folders.ts";
import { parseKeywords, readSet, toMessageRow } from "#mailbox/tx/rows.ts";
import { procedure } from "#store/api.ts";
import { run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface SetFlags {
  readonly folderId: number;
  readonly uids: UidSet;
  readonly change: FlagChange;
}

export interface FlagsSet {
  readonly cn: number;
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
      return { flags: change.flags, keywords: change.keywords };
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

export const setFlags = procedure({
  name: "mailbox.setFlags",
  *run(tx, args: SetFlags): Work<FlagsSet> {
    const mailboxId = tx.scope;
    const records = yield* readSet(mailboxId, args.folderId, args.uids);
    const folder = yield* readFolder(mailboxId, args.folderId);
    const rows: MessageRow[] = [];
    const conflicts: number[] = [];
    let cn = 0;
    let unread = 0;
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
      if (after.flags !== record.flags || !sameWords(before, after.keywords)) {
        if (cn === 0) cn = yield* takeCn(mailboxId);
        const toggled = after.flags ^ record.flags;
        if ((toggled & messageFlags.seen) !== 0) unread += (after.flags & messageFlags.seen) === 0 ? 1 : -1;
        // Read state has a change number of its own; all else is content. [MS-OXCFXICS] 2.2.1.2
        const onlySeen = toggled === messageFlags.seen && sameWords(before, after.keywords);
        record.flags = after.flags;
        record.keywords = after.keywords.length === 0 ? null : JSON.stringify(after.keywords);
        record.mod_seq = cn;
        yield* run(
          `UPDATE message SET flags = $3, keywords = $4, mod_seq = $5, ${onlySeen ? "read_cn" : "cn"} = $5
             ${(toggled & messageFlags.seen) !== 0 && !onlySeen ? ", read_cn = $5" : ""}
           WHERE mailbox_id = $1 AND item_id = $2`,
          mailboxId, record.item_id, record.flags, record.keywords, cn);
      }
      rows.push(toMessageRow(record));
    }
    if (cn !== 0) yield* adjustFolder(mailboxId, args.folderId, cn, { unread });
    return { cn: cn === 0 ? folder.highest_cn : cn, rows, conflicts };
  },
});
