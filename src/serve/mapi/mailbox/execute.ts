/**
 * One Execute call: every request is decoded before anything runs; then they run in order, each with its own return
 * value; answers are written until the client's buffer is full, then events. [MS-OXCROPS] 3.2.5.1, 3.2.5.2
 */
import type { Ctx } from "#base/ctx.ts";
import { assert, Fault, faults, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { borrowWriter, decodePrefix } from "#codec/binary/code.ts";
import type { Type, Writer } from "#codec/binary/type.ts";
import { ecCodes, returnValueOf, RopError } from "#serve/mapi/mailbox/errors.ts";
import { handlerById } from "#serve/mapi/mailbox/handlers.ts";
import type { AnyObject } from "#serve/mapi/mailbox/objects.ts";
import type { RopCall, RopHandler, RopReply } from "#serve/mapi/mailbox/rop-call.ts";
import { OpenStream } from "#serve/mapi/mailbox/rops/streams.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import { executeFlags } from "#wire/mapi/emsmdb.ts";
import type { ExecuteRequest } from "#wire/mapi/emsmdb.ts";
import { noHandle, packRopBuffer, unpackRopBuffer } from "#wire/mapi/rop-buffer.ts";
import { ropById } from "#wire/mapi/rop-table.ts";
import { encodeAnswer } from "#wire/mapi/rop.ts";
import type { Rop } from "#wire/mapi/rop.ts";
import { RopSaveChangesAttachment, RopSetMessageReadFlag } from "#wire/mapi/rops/messages.ts";
import { RopFastTransferSourceGetBuffer } from "#wire/mapi/rops/fast-transfer.ts";
import { RopNotify, RopPending } from "#wire/mapi/rops/notifications.ts";
import { RopBackoff, RopBufferTooSmall, RopRelease } from "#wire/mapi/rops/sessions.ts";
import { RopLogon, RopWritePerUserInformation } from "#wire/mapi/rops/store.ts";
import { RopReadStream } from "#wire/mapi/rops/streams.ts";
import { RopQueryRows } from "#wire/mapi/rops/tables.ts";

interface DecodedRop {
  readonly row: Rop;
  readonly logonId: number;
  readonly request: Readonly<Record<string, unknown>>;
  /** Where it begins in the list, and where the next one does. */
  readonly offset: number;
  readonly end: number;
}

/** Room that every answer needs before its ROP runs, so that nothing is done that cannot be told. */
const answerRoomMinBytes = 128;
const tooSmallHeadBytes = 3;
const headerBytes = 8;
const payloadMaxBytes = 0x7fff;
/** How long a client is asked to leave a logon alone that has more work than it can do. [MS-OXCROPS] 2.2.15.2 */
const backoffMs = 2000;

/** The buffer that answers. Throws WireError when the request cannot be read; nothing has run then. */
export function execute(ctx: Ctx, session: MailboxSession, asked: ExecuteRequest): Promise<Uint8Array> {
  return session.exclusively(() => executeAlone(ctx, session, asked));
}

async function executeAlone(ctx: Ctx, session: MailboxSession, asked: ExecuteRequest): Promise<Uint8Array> {
  const payloads = unpackRopBuffer(asked.ropBuffer);
  const [payload] = payloads;
  assert(payload !== undefined, "a buffer without a payload was read");
  // Clients pack requests for servers that say that they take them; this one does not say so. [MS-OXCRPC] 3.1.4.2.1.2
  if (payloads.length > 1) throw new WireError(`${payloads.length} payloads in one request`, 0);
  const handles = Uint32Array.from(payload.handles);
  const rops = decodeRops(session, payload.rops, handles);
  const maxBytes = Math.min(asked.maxRopOut, payloadMaxBytes) - headerBytes - 2 - handles.length * 4;
  // Where not even what is given back has room nothing is run. [MS-OXCROPS] 3.2.5.2
  if (maxBytes < (rops.length === 0 ? 0 : tooSmallHeadBytes + payload.rops.length)) {
    throw new RopError("bufferTooSmall", "The answer has no room.");
  }
  const run = new Run(ctx, session, handles, payload.rops, maxBytes);
  let isWhole = true;
  for (const one of rops) {
    isWhole = await run.next(one);
    if (!isWhole) break;
  }
  const last = rops.at(-1);
  const isChained = isWhole && last !== undefined && (asked.flags & executeFlags.chain) !== 0;
  const more = isChained ? await run.packed(last, asked.maxRopOut) : [];
  await session.look(ctx);
  // What goes on in further payloads is not parted by events: they come with the next call.
  if (more.length === 0) run.appendEvents();
  return packRopBuffer([run.answers(), ...more].map((answers) => ({ rops: answers, handles })), {
    compress: (asked.flags & executeFlags.noCompression) === 0, xorMagic: (asked.flags & executeFlags.noXorMagic) === 0,
  });
}

/** Two requests look different on a logon to public folders, which may have been made in the same call. */
function decodeRops(session: MailboxSession, list: Uint8Array, handles: Uint32Array): DecodedRop[] {
  const rops: DecodedRop[] = [];
  const made = new Map<number, boolean>();
  let at = 0;
  while (at < list.length) {
    if (rops.length >= limits.mapiRopsPerCallMax) throw new WireError("too many ROPs in one call", at);
    const row = ropById.get(list[at]!);
    const isAsked = row !== undefined && (row.answers !== "none" || row === RopRelease);
    if (!isAsked) throw new WireError(`0x${list[at]!.toString(16)} is no ROP`, at);
    if (list.length - at < 2) throw new WireError("a ROP is cut off", at);
    const logonId = list[at + 1]!;
    const asks = row === RopSetMessageReadFlag || row === RopWritePerUserInformation;
    const given = { isPublicLogon: asks && (made.get(logonId) ?? session.isPublicLogon(logonId)) };
    const layout = row.request as Type<Readonly<Record<string, unknown>>>;
    const { value, end } = decodePrefix(layout, list, at + 2, { given });
    checkIndexes(value, handles, at);
    if (row === RopLogon) made.set(logonId, ((value as { logonFlags: number }).logonFlags & 0x01) === 0);
    rops.push({ row, logonId, request: value, offset: at, end });
    at = end;
  }
  return rops;
}

/** To what is done with messages and attachments, anything else is no object; to one ROP it is. [MS-OXCMSG] 3.2.5 */
function wrongKind(row: Rop): "nullObject" | "notSupported" {
  return row.section.startsWith("2.2.6.") && row !== RopSaveChangesAttachment ? "nullObject" : "notSupported";
}

interface Packing {
  /** Below this no further payload is begun. [MS-OXCRPC] 3.1.4.2.1.2 */
  readonly roomMinBytes: number;
  /** What is still to be asked for after `reply`; null for nothing. */
  rest(request: Readonly<Record<string, unknown>>, reply: RopReply): Readonly<Record<string, unknown>> | null;
}

const enablePackedBuffers = 0x02;
/** The size of a transfer's buffer that leaves it to the server. [MS-OXCROPS] 2.2.12.4.1 */
const serverDecides = 0xbabe;

/** The ROPs whose answers go on in further payloads. [MS-OXCRPC] 3.1.4.2.1.2 */
const packing: ReadonlyMap<Rop, Packing> = new Map<Rop, Packing>([
  [RopQueryRows, {
    roomMinBytes: 32_775,
    rest(request, reply) {
      const { rowData, origin } = reply.body as { rowData: readonly unknown[]; origin: number };
      const left = (request["rowCount"] as number) - rowData.length;
      const flags = request["queryRowsFlags"] as number;
      const hasMore = rowData.length > 0 && origin === cursorOrigins.current && left > 0;
      return hasMore && flags === enablePackedBuffers ? { ...request, rowCount: left } : null;
    },
  }],
  [RopReadStream, {
    roomMinBytes: 8192,
    rest(request, reply) {
      const { data } = reply.body as { data: Uint8Array };
      const large = request["maximumByteCount"] as number | undefined;
      const left = (large ?? request["byteCount"] as number) - data.length;
      if (data.length === 0 || left <= 0) return null;
      return { ...request, ...large === undefined ? { byteCount: left } : { maximumByteCount: left } };
    },
  }],
  [RopFastTransferSourceGetBuffer, {
    roomMinBytes: 8192,
    rest(request, reply) {
      const { transferStatus, transferBuffer } = reply.body as { transferStatus: number; transferBuffer: Uint8Array };
      // A client that tells a size takes one buffer of it.
      const isFree = request["bufferSize"] === serverDecides;
      return isFree && transferStatus === 1 && transferBuffer.length > 0 ? request : null;
    },
  }],
]);
/** [MS-OXCTABL] 2.2.2.1.1 */
const cursorOrigins = { current: 1 } as const;

const indexFields = [
  "inputHandleIndex", "outputHandleIndex", "responseHandleIndex", "sourceHandleIndex", "destHandleIndex",
] as const;

function checkIndexes(request: Readonly<Record<string, unknown>>, handles: Uint32Array, at: number): void {
  for (const field of indexFields) {
    const index = request[field];
    if (typeof index === "number" && index >= handles.length) {
      throw new WireError(`handle index ${index} of ${handles.length}`, at, field);
    }
  }
}

class Run {
  readonly #ctx: Ctx;
  readonly #session: MailboxSession;
  readonly #handles: Uint32Array;
  readonly #list: Uint8Array;
  readonly #maxBytes: number;
  readonly #pieces: Uint8Array[] = [];
  #size = 0;
  /** What the ROP before gave; null when it failed. */
  #lastReply: RopReply | null = null;
  #mayBackOff = true;

  constructor(ctx: Ctx, session: MailboxSession, handles: Uint32Array, list: Uint8Array, maxBytes: number) {
    this.#ctx = ctx;
    this.#session = session;
    this.#handles = handles;
    this.#list = list;
    this.#maxBytes = maxBytes;
  }

  answers(): Buffer {
    return Buffer.concat(this.#pieces, this.#size);
  }

  /** False when the buffer is full: what is left is given back to the client. */
  async next(one: DecodedRop): Promise<boolean> {
    if (one.row === RopRelease) {
      const index = one.request["inputHandleIndex"] as number;
      await this.#finish(this.#session.get(this.#handles[index]!));
      this.#session.release(this.#handles[index]!);
      this.#handles[index] = noHandle;
      return true;
    }
    const left = this.#list.length - one.offset;
    // What could not be run has to fit as well.
    const room = this.#maxBytes - this.#size - tooSmallHeadBytes - left;
    if (room < answerRoomMinBytes && this.#maxBytes - this.#size < answerRoomMinBytes + left) {
      this.#giveBack(one, answerRoomMinBytes + left);
      return false;
    }
    const answer = await this.#answer(one, Math.max(room, answerRoomMinBytes));
    // Who has more to do than can be done says so in place of the answer, and goes no further. [MS-OXCROPS] 3.2.4.2
    if (answer === null) {
      this.#push(this.#backoff(one));
      return false;
    }
    const restBytes = this.#list.length - one.end;
    const needed = answer.length + (restBytes === 0 ? 0 : tooSmallHeadBytes + restBytes);
    if (this.#size + needed <= this.#maxBytes) {
      this.#push(answer);
      return true;
    }
    this.#undo(one);
    this.#giveBack(one, answer.length);
    return false;
  }

  /** What was written to a stream of a folder is kept when it is closed. [MS-OXCPRPT] 3.2.5.13 */
  async #finish(object: AnyObject | undefined): Promise<void> {
    if (!(object instanceof OpenStream) || !object.isDirty) return;
    try {
      await object.commit(this.#ctx);
    } catch (error) {
      // A release is not answered: whoever wants to hear of it commits.
      if (returnValueOf(error) === undefined) throw error;
      this.#ctx.log.debug({ why: (error as Error).message }, "what was written to a stream was not kept");
    }
  }

  /** null when the server is too busy for it. */
  async #answer(one: DecodedRop, roomBytes: number): Promise<Uint8Array | null> {
    const { row, request } = one;
    const handleIndex = row.answers === "none" ? 0 : request[row.answers] as number;
    try {
      const reply = await this.#run(one, roomBytes);
      this.#lastReply = reply;
      const { opens } = reply;
      if (opens !== undefined) {
        this.#handles[request["outputHandleIndex"] as number] = this.#session.add(opens);
        if (row === RopLogon) this.#session.replaceLogon(one.logonId, opens);
      }
      return this.#encode((writer) => encodeAnswer(writer, {
        rop: row, handleIndex, returnValue: reply.returnValue ?? 0, body: reply.body,
        ...reply.given === undefined ? {} : { given: reply.given },
      }));
    } catch (error) {
      this.#lastReply = null;
      const isBusy = error instanceof Fault && error.code === "serverBusy" && row !== RopLogon;
      if (isBusy && this.#mayBackOff) return null;
      const known = returnValueOf(error);
      if (known === undefined) this.#ctx.log.error({ error, rop: row.name }, "a ROP ended by an error");
      else this.#ctx.log.debug({ rop: row.name, why: (error as Error).message }, "a ROP was refused");
      if (row.yields !== undefined) this.#handles[request["outputHandleIndex"] as number] = noHandle;
      return this.#encode((writer) => encodeAnswer(writer, {
        rop: row, handleIndex, returnValue: known ?? faults.internal.mapi, body: failureBody(row, request, known),
      }));
    }
  }

  #run(one: DecodedRop, roomBytes: number): Promise<RopReply> | RopReply {
    const handler: RopHandler | undefined = handlerById.get(one.row.id);
    const index = (one.request["inputHandleIndex"] ?? one.request["sourceHandleIndex"]) as number | undefined;
    const object = index === undefined ? undefined : this.#session.get(this.#handles[index]!);
    if (index !== undefined && object === undefined) throw new RopError("nullObject", "The handle stands for nothing.");
    if (handler === undefined) throw new RopError("notSupported", `${one.row.name} is not done here.`);
    if (object !== undefined && one.row.on.length > 0 && !one.row.on.includes(object.kind)) {
      throw new RopError(wrongKind(one.row), `${one.row.name} is not for a ${object.kind}.`);
    }
    const call: RopCall<unknown> = {
      ctx: this.#ctx, session: this.#session, request: one.request, logonId: one.logonId, roomBytes,
      object: object as AnyObject,
      object2: (second) => {
        const found = this.#session.get(this.#handles[second]!);
        if (found === undefined) throw new RopError("nullDestination", "The second handle stands for nothing.");
        return found;
      },
    };
    return handler.run(call);
  }

  #backoff(one: DecodedRop): Uint8Array {
    this.#ctx.log.warn({ rop: one.row.name }, "too much is to be done; a client is asked to wait");
    return this.#encode((writer) => encodeAnswer(writer, {
      rop: RopBackoff, handleIndex: 0, returnValue: 0,
      body: { logonId: one.logonId, duration: backoffMs, backoffRopData: [], additionalData: new Uint8Array(0) },
    }));
  }

  /**
   * More of what the last ROP gave, a payload each, for a client that takes several: rows, a stream, a transfer. It
   * is as if the client had asked for the rest. [MS-OXCRPC] 3.1.4.2.1.2
   */
  async packed(last: DecodedRop, maxRopOut: number): Promise<Uint8Array[]> {
    const payloads: Uint8Array[] = [];
    const rule = packing.get(last.row);
    const headBytes = headerBytes + 2 + this.#handles.length * 4;
    let left = maxRopOut - headBytes - this.#size;
    let one: DecodedRop = last;
    while (rule !== undefined && this.#lastReply !== null && payloads.length < limits.mapiPackedPayloadsMax) {
      const rest = rule.rest(one.request, this.#lastReply);
      const room = Math.min(left, payloadMaxBytes) - headBytes;
      if (rest === null || left < rule.roomMinBytes) break;
      one = { ...one, request: rest };
      this.#mayBackOff = false;
      const answer = await this.#answer(one, room);
      // What ends by an error is asked for anew, and tells it then.
      if (answer === null || this.#lastReply === null) break;
      payloads.push(answer);
      left -= answer.length + headBytes;
    }
    return payloads;
  }

  /** What an answer that did not fit has opened is closed; the client will ask again. */
  #undo(one: DecodedRop): void {
    const index = one.request["outputHandleIndex"];
    if (one.row.yields === undefined || typeof index !== "number") return;
    this.#session.release(this.#handles[index]!);
    this.#handles[index] = noHandle;
  }

  #giveBack(one: DecodedRop, sizeNeeded: number): void {
    const rest = this.#list.subarray(one.offset);
    this.#push(this.#encode((writer) => encodeAnswer(writer, {
      rop: RopBufferTooSmall, handleIndex: 0, returnValue: 0,
      body: { sizeNeeded: Math.min(sizeNeeded, 0xffff), requestBuffers: rest },
    })));
  }

  /** Events come after the answers, as many as fit; RopPending says that there are more. [MS-OXCNOTIF] 3.1.5.1 */
  appendEvents(): void {
    for (const subscription of this.#session.subscriptions) {
      while (subscription.hasEvents) {
        const event = subscription.next();
        if (event === undefined) break;
        const body = {
          notificationHandle: subscription.handle, logonId: subscription.logon.logonId, notificationData: event.data,
        };
        const answer = this.#encode((writer) => encodeAnswer(writer, {
          rop: RopNotify, handleIndex: 0, returnValue: 0, body, given: { columns: event.columns },
        }));
        if (this.#size + answer.length + pendingBytes <= this.#maxBytes) {
          this.#push(answer);
          subscription.take();
        } else if (this.#size > 0 || !subscription.shorten()) {
          return this.#pushPending();
        }
      }
    }
  }

  #pushPending(): void {
    const pending = this.#encode((writer) =>
      encodeAnswer(writer, { rop: RopPending, handleIndex: 0, returnValue: 0, body: { sessionIndex: 0 } }));
    if (this.#size + pending.length <= this.#maxBytes) this.#push(pending);
  }

  #encode(write: (writer: Writer) => void): Buffer {
    return borrowWriter((writer) => {
      write(writer);
      return writer.toBytes();
    });
  }

  #push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#size += piece.length;
  }
}

/** RopPending: its id and the index of a session. [MS-OXCROPS] 2.2.14.3.1 */
const pendingBytes = 3;

/** The fields that stand in an answer whatever happened; all of them nothing. */
function failureBody(row: Rop, request: Readonly<Record<string, unknown>>, code: number | undefined): unknown {
  if (code === ecCodes.nullDestination) {
    return {
      destHandleIndex: request["destHandleIndex"], partialCompletion: false, readByteCount: 0n, writtenByteCount: 0n,
    };
  }
  return row.isAlwaysWhole === true ? emptyBody : undefined;
}

const emptyBody = {
  partialCompletion: false, data: new Uint8Array(0), writtenSize: 0, readByteCount: 0n, writtenByteCount: 0n,
  transferStatus: 0, inProgressCount: 0, totalStepCount: 0, transferBuffer: new Uint8Array(0), bufferUsedSize: 0,
};
