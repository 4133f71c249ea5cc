/**
 * One Execute call: every request is decoded before anything runs; then they run in order, each with its own return
 * value; answers are written until the client's buffer is full, then events. [MS-OXCROPS] 3.2.5.1, 3.2.5.2
 */
import type { Ctx } from "#base/ctx.ts";
import { assert, faults, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { borrowWriter, decodePrefix } from "#codec/binary/code.ts";
import type { Type, Writer } from "#codec/binary/type.ts";
import { ecCodes, returnValueOf, RopError } from "#serve/mapi/mailbox/errors.ts";
import { handlerById } from "#serve/mapi/mailbox/handlers.ts";
import type { AnyObject } from "#serve/mapi/mailbox/objects.ts";
import type { RopCall, RopHandler, RopReply } from "#serve/mapi/mailbox/rop-call.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import { executeFlags } from "#wire/mapi/emsmdb.ts";
import type { ExecuteRequest } from "#wire/mapi/emsmdb.ts";
import { noHandle, packRopBuffer, unpackRopBuffer } from "#wire/mapi/rop-buffer.ts";
import { ropById } from "#wire/mapi/rop-table.ts";
import { encodeAnswer } from "#wire/mapi/rop.ts";
import type { Rop } from "#wire/mapi/rop.ts";
import { RopNotify, RopPending } from "#wire/mapi/rops/notifications.ts";
import { RopBufferTooSmall, RopRelease } from "#wire/mapi/rops/sessions.ts";

interface DecodedRop {
  readonly row: Rop;
  readonly logonId: number;
  readonly request: Readonly<Record<string, unknown>>;
  /** Where it begins in the list. */
  readonly offset: number;
}

/** Room that every answer needs before its ROP runs, so that nothing is done that cannot be told. */
const answerRoomMinBytes = 128;
const tooSmallHeadBytes = 3;
const headerBytes = 8;
const payloadMaxBytes = 0x7fff;

/** The buffer that answers. Throws WireError when the request cannot be read; nothing has run then. */
export function execute(ctx: Ctx, session: MailboxSession, asked: ExecuteRequest): Promise<Uint8Array> {
  return session.exclusively(() => executeAlone(ctx, session, asked));
}

async function executeAlone(ctx: Ctx, session: MailboxSession, asked: ExecuteRequest): Promise<Uint8Array> {
  const [payload] = unpackRopBuffer(asked.ropBuffer);
  assert(payload !== undefined, "a buffer without a payload was read");
  const handles = Uint32Array.from(payload.handles);
  const rops = decodeRops(payload.rops, handles);
  const maxBytes = Math.min(asked.maxRopOut, payloadMaxBytes) - headerBytes - 2 - handles.length * 4;
  const run = new Run(ctx, session, handles, payload.rops, Math.max(maxBytes, 0));
  for (const one of rops) if (!await run.next(one)) break;
  await session.look(ctx);
  run.appendEvents();
  return packRopBuffer([{ rops: run.answers(), handles }], {
    compress: (asked.flags & executeFlags.noCompression) === 0, xorMagic: (asked.flags & executeFlags.noXorMagic) === 0,
  });
}

function decodeRops(list: Uint8Array, handles: Uint32Array): DecodedRop[] {
  const rops: DecodedRop[] = [];
  let at = 0;
  while (at < list.length) {
    if (rops.length >= limits.mapiRopsPerCallMax) throw new WireError("too many ROPs in one call", at);
    const row = ropById.get(list[at]!);
    if (row === undefined) throw new WireError(`0x${list[at]!.toString(16)} is no ROP`, at);
    if (list.length - at < 2) throw new WireError("a ROP is cut off", at);
    const given = { isPublicLogon: false };
    const layout = row.request as Type<Readonly<Record<string, unknown>>>;
    const { value, end } = decodePrefix(layout, list, at + 2, { given });
    checkIndexes(value, handles, at);
    rops.push({ row, logonId: list[at + 1]!, request: value, offset: at });
    at = end;
  }
  return rops;
}

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
    if (this.#size + answer.length <= this.#maxBytes) {
      this.#push(answer);
      return true;
    }
    this.#undo(one);
    this.#giveBack(one, answer.length);
    return false;
  }

  async #answer(one: DecodedRop, roomBytes: number): Promise<Uint8Array> {
    const { row, request } = one;
    const handleIndex = row.answers === "none" ? 0 : request[row.answers] as number;
    try {
      const reply = await this.#run(one, roomBytes);
      const { opens } = reply;
      if (opens !== undefined) this.#handles[request["outputHandleIndex"] as number] = this.#session.add(opens);
      return this.#encode((writer) => encodeAnswer(writer, {
        rop: row, handleIndex, returnValue: reply.returnValue ?? 0, body: reply.body,
        ...reply.given === undefined ? {} : { given: reply.given },
      }));
    } catch (error) {
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
      throw new RopError("notSupported", `${one.row.name} is not for a ${object.kind}.`);
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
        if (this.#maxBytes - this.#size < limits.mapiEventRoomBytes) {
          const pending = this.#encode((writer) =>
            encodeAnswer(writer, { rop: RopPending, handleIndex: 0, returnValue: 0, body: { sessionIndex: 0 } }));
          if (this.#size + pending.length <= this.#maxBytes) this.#push(pending);
          return;
        }
        const event = subscription.take();
        if (event === undefined) break;
        const body = {
          notificationHandle: subscription.handle, logonId: subscription.logon.logonId, notificationData: event.data,
        };
        const answer = this.#encode((writer) => encodeAnswer(writer, {
          rop: RopNotify, handleIndex: 0, returnValue: 0, body, given: { columns: event.columns },
        }));
        if (this.#size + answer.length <= this.#maxBytes) this.#push(answer);
      }
    }
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
