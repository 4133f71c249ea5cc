/** Public folders in the directory: whose mailbox they are in, and which of them have an address. */
import { Fault } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import type { By } from "#directory/changes.ts";
import { addEntry } from "#directory/entry-changes.ts";
import { entriesByIds, entryByMailKind } from "#directory/reads.ts";
import type { Entry } from "#directory/reads.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { all, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** The row of `entry_setting` with the folder that an entry stands for. */
const folderSetting = "public-folder";

export interface PublicFolderEntry {
  readonly folderId: FolderId;
  readonly entry: Entry;
}

export function publicStoreEntry(): Work<Entry | null> {
  return entryByMailKind("public-store");
}

export function* publicFolderEntries(): Work<PublicFolderEntry[]> {
  const rows = yield* all<{ entry_id: number; value: string }>(
    "SELECT entry_id, value FROM entry_setting WHERE name = $1", folderSetting);
  const found: PublicFolderEntry[] = [];
  for (let at = 0; at < rows.length; at += 100) {
    const some = rows.slice(at, at + 100);
    const entries = new Map((yield* entriesByIds(some.map((row) => row.entry_id))).map((one) => [one.entryId, one]));
    for (const row of some) {
      const entry = entries.get(row.entry_id as Entry["entryId"]);
      if (entry !== undefined) found.push({ folderId: Number(row.value) as FolderId, entry });
    }
  }
  return found;
}

export interface MailEnableArgs extends By {
  readonly folderId: number;
  readonly address: string;
  readonly displayName: string;
  readonly randomHex: string;
  readonly hidden: boolean;
}

/** Gives a public folder an address. Fault `alreadyExists` when it has one. */
export const mailEnableFolder = procedure({
  name: "directory.mailEnableFolder",
  *run(tx: Transaction, args: MailEnableArgs): Work<Entry> {
    const known = (yield* publicFolderEntries()).find(({ folderId }) => folderId === args.folderId);
    if (known !== undefined) {
      throw new Fault("alreadyExists", `This folder takes mail at ${known.entry.address} already.`);
    }
    const entry = yield* addEntry.run(tx, {
      by: args.by, kind: "public-folder", address: args.address, displayName: args.displayName, mailboxId: null,
      randomHex: args.randomHex, phc: null, change: { hidden: args.hidden },
    }, undefined);
    yield* run("INSERT INTO entry_setting (entry_id, name, position, value) VALUES ($1, $2, 0, $3)",
      entry.entryId, folderSetting, String(args.folderId));
    return entry;
  },
});
