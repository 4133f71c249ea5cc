/**
 * What somebody read in public folders: in the public store as it is, and in their own mailbox as clients left it
 * there, which nobody here reads. [MS-OXCSTOR] 2.2.1.10 to 2.2.1.13
 */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { keptClasses, readKept, writeKept } from "#serve/mapi/mailbox/kept.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import { readPublicReads, requireReadSet, writePublicReads } from "#serve/mapi/mailbox/public-reads.ts";
import * as rops from "#wire/mapi/rops/store.ts";

interface LongTermId {
  readonly replicaGuid: string;
  readonly counter: number;
}

interface PerUser {
  readonly replicaGuid: string;
  readonly counter: number;
  /** Of the database that the folder's replica is in. */
  readonly databaseGuid: string;
  readonly data: string;
}

interface Unfinished {
  readonly databaseGuid: string;
  readonly pieces: Uint8Array[];
  size: number;
}

/** Writes that are not finished yet, by folder. */
const unfinished = new WeakMap<LogonObject, Map<string, Unfinished>>();

const keyOf = ({ replicaGuid, counter }: LongTermId): string => `${replicaGuid} ${counter}`;

async function readAll(ctx: Ctx, logon: LogonObject): Promise<readonly PerUser[]> {
  return await readKept(ctx, logon, keptClasses.perUser) as readonly PerUser[] | undefined ?? [];
}

async function leftBytes(ctx: Ctx, logon: LogonObject, folderId: LongTermId): Promise<Buffer> {
  const key = keyOf(folderId);
  const found = (await readAll(ctx, logon)).find((one) => keyOf(one) === key);
  return found === undefined ? Buffer.alloc(0) : Buffer.from(found.data, "base64");
}

/** What is read in pieces stays as it was at the first. */
const unread = new WeakMap<LogonObject, { readonly key: string; readonly bytes: Buffer }>();

async function publicReads(ctx: Ctx, logon: LogonObject, folderId: LongTermId, dataOffset: number): Promise<Buffer> {
  const key = keyOf(folderId);
  const begun = unread.get(logon);
  if (dataOffset > 0 && begun?.key === key) return begun.bytes;
  const bytes = await readPublicReads(ctx, logon, folderId);
  unread.set(logon, { key, bytes });
  return bytes;
}

/** Only mailboxes keep what was read elsewhere. [MS-OXCSTOR] 3.2.5.10 */
function asPrivate(call: RopCall<unknown>): LogonObject {
  const logon = asLogon(call);
  if (logon.isPublic) throw new RopError("notSupported", "This is asked of mailboxes alone.");
  return logon;
}

/** Of what is read at once, and the size where none is told. [MS-OXCSTOR] 3.2.5.12 */
const pieceMaxBytes = 0x1000;
const zeroGuid = "00000000-0000-0000-0000-000000000000";

export const perUserHandlers: readonly RopHandler[] = [
  handler(rops.RopGetPerUserLongTermIds, async (call) => {
    const all = await readAll(call.ctx, asPrivate(call));
    const own = all.filter((one) => one.databaseGuid === call.request.databaseGuid);
    return { body: { longTermIds: own.map(({ replicaGuid, counter }) => ({ replicaGuid, counter })) } };
  }),

  handler(rops.RopGetPerUserGuid, async (call) => {
    const key = keyOf(call.request.longTermId);
    const found = (await readAll(call.ctx, asPrivate(call))).find((one) => keyOf(one) === key);
    if (found === undefined) throw new RopError("notFound", "Nothing is kept about this folder.");
    return { body: { databaseGuid: found.databaseGuid } };
  }),

  handler(rops.RopReadPerUserInformation, async (call) => {
    const { folderId, dataOffset, maxDataSize } = call.request;
    const logon = asLogon(call);
    const bytes = logon.isPublic ? await publicReads(call.ctx, logon, folderId, dataOffset)
      : await leftBytes(call.ctx, logon, folderId);
    // A signed number on the wire: one below 0 is past every end. [MS-OXCSTOR] 3.2.5.12
    if (dataOffset > bytes.length) throw new RopError("generalFailure", "There is no such place in what is kept.");
    const asked = maxDataSize === 0 ? pieceMaxBytes : Math.min(maxDataSize, pieceMaxBytes);
    const room = Math.max(0, Math.min(asked, call.roomBytes - 16));
    const data = bytes.subarray(dataOffset, dataOffset + room);
    const hasFinished = dataOffset + data.length >= bytes.length;
    if (hasFinished) unread.delete(logon);
    return { body: { hasFinished, data } };
  }),

  handler(rops.RopWritePerUserInformation, async (call) => {
    const logon = asLogon(call);
    const { folderId, dataOffset, data, hasFinished, replGuid } = call.request;
    const key = keyOf(folderId);
    const open = unfinished.get(logon) ?? new Map<string, Unfinished>();
    unfinished.set(logon, open);
    const current = dataOffset === 0 ? { databaseGuid: replGuid ?? zeroGuid, pieces: [], size: 0 } : open.get(key);
    if (current === undefined || current.size !== dataOffset) {
      throw new RopError("generalFailure", "This does not go on where the last piece ended.");
    }
    current.pieces.push(data);
    current.size += data.length;
    if (current.size > limits.mapiKeptMaxBytes || open.size > limits.mapiPerUserOpenMax) {
      open.delete(key);
      throw new RopError("notEnoughMemory", "This is more than a store keeps.");
    }
    open.set(key, current);
    if (!hasFinished) return {};
    open.delete(key);
    if (logon.isPublic) {
      await writePublicReads(call.ctx, logon, folderId, Buffer.concat(current.pieces));
      return {};
    }
    requireReadSet(Buffer.concat(current.pieces));
    const others = (await readAll(call.ctx, logon)).filter((one) => keyOf(one) !== key);
    const { databaseGuid, pieces } = current;
    const mine: PerUser = { ...folderId, databaseGuid, data: Buffer.concat(pieces).toString("base64") };
    await writeKept(call.ctx, logon, keptClasses.perUser, [...others, mine]);
    return {};
  }),
];
