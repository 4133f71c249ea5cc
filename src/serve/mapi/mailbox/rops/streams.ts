/** Large values piece by piece. [MS-OXCPRPT] 2.2.14 to 2.2.26, 3.2.5.13 */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { encodeCodePage } from "#format/mapi/code-page.ts";
import { propertyTypes, tagId, tagTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { holderOf } from "#serve/mapi/mailbox/holders.ts";
import { OpenAttachment, OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { PropertyHolder } from "#serve/mapi/mailbox/message.ts";
import type { AnyObject, FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { logonOf } from "#serve/mapi/mailbox/objects.ts";
import { cellOf } from "#serve/mapi/mailbox/property-source.ts";
import { handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import type { StreamLocks } from "#serve/mapi/mailbox/stream-locks.ts";
import * as rops from "#wire/mapi/rops/streams.ts";

const openModes = { readOnly: 0, readWrite: 1, create: 2 } as const;
const seekOrigins = { beginning: 0, current: 1, end: 2 } as const;
const PidTagAttachData = 0x3701;
/** A byte count that says that the real one follows. [MS-OXCROPS] 2.2.9.2.1 */
const largeCount = 0xbabe;

export class OpenStream {
  readonly kind = "stream";
  readonly logon: LogonObject;
  readonly isWritable: boolean;
  readonly #holder: PropertyHolder;
  readonly #tag: PropertyTag;
  readonly #codePage: number;
  #bytes: Buffer;
  #size: number;
  /** Names the value to other sessions. */
  readonly key: string;
  /** Set with the first lock: frees this session's locks on the value. */
  unlockAll: (() => void) | null = null;
  position = 0;
  #isChanged = false;

  constructor(
    logon: LogonObject, holder: PropertyHolder, tag: PropertyTag, bytes: Uint8Array, isWritable: boolean,
    codePage: number, key: string,
  ) {
    this.logon = logon;
    this.key = key;
    this.#holder = holder;
    this.#tag = tag;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#size = bytes.length;
    this.isWritable = isWritable;
    this.#codePage = codePage;
  }

  get size(): number {
    return this.#size;
  }

  read(count: number): Buffer {
    const piece = this.#bytes.subarray(this.position, Math.min(this.position + count, this.#size));
    this.position += piece.length;
    return piece;
  }

  write(data: Uint8Array): number {
    this.requireWritable();
    const end = this.position + data.length;
    this.resize(Math.max(end, this.#size));
    this.#bytes.set(data, this.position);
    this.position = end;
    this.#isChanged = true;
    return data.length;
  }

  resize(size: number): void {
    this.requireWritable();
    if (size > limits.messageSizeMaxBytes) throw new RopError("streamSizeError", "The value would be too large.");
    if (size > this.#bytes.length || !this.#isChanged) {
      // The first change takes a copy: the bytes may be somebody else's.
      const grown = Buffer.alloc(Math.max(size, Math.min(this.#bytes.length * 2, limits.messageSizeMaxBytes), 4096));
      this.#bytes.copy(grown, 0, 0, this.#size);
      this.#bytes = grown;
    }
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
    this.#isChanged = true;
  }

  requireWritable(): void {
    if (!this.isWritable) throw new RopError("streamAccessDenied", "This stream is open for reading only.");
  }

  /** Puts the value into its object; saved with it. */
  async commit(ctx: Ctx): Promise<void> {
    if (!this.#isChanged) return;
    const bytes = this.#bytes.subarray(0, this.#size);
    await this.#holder.set(ctx, [{ tag: this.#tag, value: this.#toValue(Buffer.from(bytes)) }]);
  }

  #toValue(bytes: Buffer): PropertyValue {
    const code = tagTypeCode(this.#tag);
    if (code === propertyTypes.String.code) return bytes.toString("utf16le").replace(/\0+$/, "");
    if (code === propertyTypes.String8.code) return bytes.subarray(0, zeroEnd(bytes));
    return bytes;
  }

  close(): void {
    this.unlockAll?.();
  }

  clone(): OpenStream {
    const copy = new OpenStream(this.logon, this.#holder, this.#tag, Buffer.from(this.#bytes.subarray(0, this.#size)),
      this.isWritable, this.#codePage, this.key);
    copy.position = this.position;
    return copy;
  }
}

/** What a value is called wherever it is opened. */
function keyOf(object: AnyObject, tag: PropertyTag, locks: StreamLocks): string {
  const { mailboxId } = logonOf(object);
  if (object instanceof OpenAttachment) {
    return object.stored === null ? locks.nameOfUnsaved(object)
      : `${keyOf(object.message, tag, locks)}/${object.number}`;
  }
  if (!(object instanceof OpenMessage)) return `${mailboxId} ${tagId(tag)} folder ${(object as FolderObject).folderId}`;
  if (object.within !== null) return keyOf(object.within, tag, locks);
  return object.messageId === null ? `${locks.nameOfUnsaved(object)} ${tagId(tag)}`
    : `${mailboxId} ${tagId(tag)} ${object.messageId}`;
}

/** Throws RopError `lockViolation` where another session's lock forbids it. */
function requireUnlocked(
  { session, ctx }: RopCall<unknown>, stream: OpenStream, from: number, size: number, writes: boolean,
): void {
  const { locks } = session.services;
  if (locks.holds(stream.key)) locks.check(stream.key, session, from, size, writes, ctx.system.monotonicMs());
}

/** All that is written goes through here. */
function writeTo(call: RopCall<unknown>, stream: OpenStream, data: Uint8Array): number {
  requireUnlocked(call, stream, stream.position, data.length, true);
  return stream.write(data);
}

function readFrom(call: RopCall<unknown>, stream: OpenStream, count: number): Buffer {
  requireUnlocked(call, stream, stream.position, count, false);
  return stream.read(count);
}

function zeroEnd(bytes: Buffer): number {
  const found = bytes.indexOf(0);
  return found < 0 ? bytes.length : found;
}

const streamable: ReadonlySet<number> = new Set([
  propertyTypes.Binary.code, propertyTypes.String.code, propertyTypes.String8.code, propertyTypes.Object.code,
]);

async function openStream(call: RopCall<{ propertyTag: PropertyTag; openModeFlags: number }>): Promise<OpenStream> {
  const { propertyTag, openModeFlags } = call.request;
  const code = tagTypeCode(propertyTag);
  if (!streamable.has(code)) throw new RopError("notSupported", "A value of this type is not opened as a stream.");
  const holder = holderOf(call.object, call.session);
  const mode = openModeFlags & 0x03;
  const isWritable = mode === openModes.readWrite || mode === openModes.create;
  if (isWritable && holder.readOnly.has(tagId(propertyTag))) {
    throw new RopError("accessDenied", "This property is the server's.");
  }
  if (isWritable) requireWritable(holder);
  const bytes = mode === openModes.create ? new Uint8Array(0) : await readBytes(call, holder, propertyTag);
  return new OpenStream(logonOf(call.object), holder, propertyTag, bytes, isWritable, call.session.codePage,
    keyOf(call.object, propertyTag, call.session.services.locks));
}

/** Told when the stream is opened, not when it is committed. [MS-OXCPRPT] 3.2.5.12 */
function requireWritable(holder: PropertyHolder): void {
  if (holder instanceof OpenMessage) holder.requireWritable();
  else if (holder instanceof OpenAttachment) holder.message.requireWritable();
}

async function readBytes(call: RopCall<unknown>, holder: PropertyHolder, tag: PropertyTag): Promise<Uint8Array> {
  if (holder instanceof OpenAttachment && tagId(tag) === PidTagAttachData && holder.stored?.isEmbedded !== true) {
    return await holder.readData(call.ctx);
  }
  const { codePage } = call.session;
  const cell = cellOf(await holder.bag(call.ctx), tag, codePage);
  if (typeof cell === "string") {
    return tagTypeCode(tag) === propertyTypes.String.code ? Buffer.from(cell, "utf16le")
      : encodeCodePage(cell, codePage);
  }
  if (cell instanceof Uint8Array) return cell;
  throw new RopError("notFound", "The object has no such property.");
}

function asStream(object: unknown): OpenStream {
  if (object instanceof OpenStream) return object;
  throw new RopError("notSupported", "This needs a stream.");
}

export const streamHandlers: readonly RopHandler[] = [
  handler(rops.RopOpenStream, async (call) => {
    const stream = await openStream(call);
    return { opens: stream, body: { streamSize: stream.size } };
  }),

  handler(rops.RopReadStream, (call) => {
    const { byteCount, maximumByteCount } = call.request;
    const asked = byteCount === largeCount ? maximumByteCount ?? 0 : byteCount;
    if (asked > 0x8000_0000) throw new RopError("rpcFormat", "More bytes were asked for than can be.");
    const data = readFrom(call, asStream(call.object), Math.max(0, Math.min(asked, call.roomBytes - 16)));
    return { body: { data } };
  }),

  ...[rops.RopWriteStream, rops.RopWriteStreamExtended].map((rop) => handler(rop, (call) => ({
    body: { writtenSize: writeTo(call, asStream(call.object), call.request.data) },
  }))),

  handler(rops.RopWriteAndCommitStream, async (call) => {
    const stream = asStream(call.object);
    const writtenSize = writeTo(call, stream, call.request.data);
    await stream.commit(call.ctx);
    return { body: { writtenSize } };
  }),

  handler(rops.RopCommitStream, async (call) => {
    await asStream(call.object).commit(call.ctx);
    return {};
  }),

  handler(rops.RopGetStreamSize, (call) => ({ body: { streamSize: asStream(call.object).size } })),

  handler(rops.RopSetStreamSize, (call) => {
    const size = Number(call.request.streamSize);
    const stream = asStream(call.object);
    requireUnlocked(call, stream, Math.min(size, stream.size), Math.abs(size - stream.size), true);
    stream.resize(size);
    return {};
  }),

  handler(rops.RopSeekStream, (call) => {
    const stream = asStream(call.object);
    const { origin, offset } = call.request;
    const { beginning, current, end } = seekOrigins;
    const from = origin === beginning ? 0 : origin === current ? stream.position : origin === end ? stream.size : null;
    if (from === null) throw new RopError("streamInvalidParameter", `${origin} is no origin.`);
    const position = from + Number(offset);
    if (position < 0 || position > 0x7fff_ffff) throw new RopError("streamSeekError", "This is no place in a stream.");
    stream.position = position;
    return { body: { newPosition: BigInt(position) } };
  }),

  handler(rops.RopLockRegionStream, (call) => {
    const stream = asStream(call.object);
    const { regionOffset, regionSize, lockFlags } = call.request;
    const { key } = stream;
    const { session } = call;
    const { locks } = session.services;
    locks.lock(key, session, regionOffset, regionSize, lockFlags, call.ctx.system.monotonicMs());
    stream.unlockAll = () => locks.release(key, session);
    return {};
  }),

  handler(rops.RopUnlockRegionStream, (call) => {
    const { key } = asStream(call.object);
    const { regionOffset, regionSize, lockFlags } = call.request;
    call.session.services.locks.unlock(key, call.session, regionOffset, regionSize, lockFlags,
      call.ctx.system.monotonicMs());
    return {};
  }),

  handler(rops.RopCloneStream, (call) => ({ opens: asStream(call.object).clone() })),

  handler(rops.RopCopyToStream, (call) => {
    const target = asStream(call.object2(call.request.destHandleIndex));
    const data = readFrom(call, asStream(call.object), Number(call.request.byteCount));
    const written = writeTo(call, target, data);
    return { body: { readByteCount: BigInt(data.length), writtenByteCount: BigInt(written) } };
  }),
];
