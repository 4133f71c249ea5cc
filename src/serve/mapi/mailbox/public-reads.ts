/** What somebody read in a public folder, as the set of change numbers that clients know. [MS-OXCSTOR] 3.2.5.12, .13 */
import type { Ctx } from "#base/ctx.ts";
import { WireError } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { UidRange } from "#mailbox/api.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { CounterSet, decodeIdSet, encodeIdSet } from "#wire/mapi/id-set.ts";

interface LongTermId {
  readonly replicaGuid: string;
  readonly counter: number;
}

function folderOf(logon: LogonObject, { replicaGuid, counter }: LongTermId): FolderId {
  if (replicaGuid !== logon.replicaGuid) throw new RopError("notFound", "This id belongs to another store.");
  return counter as FolderId;
}

/** Change numbers of the messages that were read. [MS-OXCFXICS] 2.2.2.4 */
export async function readPublicReads(ctx: Ctx, logon: LogonObject, folder: LongTermId): Promise<Buffer> {
  const numbers: number[] = [];
  for await (const rows of logon.items.light(ctx, folderOf(logon, folder), ["flags", "cn"])) {
    for (const row of rows) if ((row.flags & messageFlags.seen) !== 0) numbers.push(row.cn);
  }
  return encodeIdSet(new Map([[logon.replicaGuid, CounterSet.of(numbers)]]));
}

function readNumbers(bytes: Uint8Array): Map<string, CounterSet> {
  try {
    return decodeIdSet(bytes);
  } catch (error) {
    if (error instanceof WireError) throw new RopError("corruptData", error.message);
    throw error;
  }
}

/** RopError `corruptData` for what is no set of change numbers; nothing at all is the empty one. */
export function requireReadSet(bytes: Uint8Array): void {
  if (bytes.length > 0) readNumbers(bytes);
}

/** Messages whose number is in the set are read from now on, the others are not. */
export async function writePublicReads(
  ctx: Ctx, logon: LogonObject, folder: LongTermId, bytes: Uint8Array,
): Promise<void> {
  const folderId = folderOf(logon, folder);
  const read = readNumbers(bytes).get(logon.replicaGuid) ?? new CounterSet();
  const changes = { add: [] as UidRange[], remove: [] as UidRange[] };
  for await (const rows of logon.items.rows(ctx, folderId)) {
    for (const { uid, cn, flags } of rows) {
      const isRead = read.has(cn);
      if (isRead === ((flags & messageFlags.seen) !== 0)) continue;
      changes[isRead ? "add" : "remove"].push({ first: uid, last: uid });
    }
  }
  for (const mode of ["add", "remove"] as const) {
    const uids = changes[mode].sort((a, b) => a.first - b.first);
    if (uids.length === 0) continue;
    await logon.mailbox.setFlags(ctx, folderId, uids, { mode, flags: messageFlags.seen, keywords: [] });
  }
}
