/** Large values piece by piece. [MS-OXCPRPT] 2.2.14 to 2.2.26, 3.2.5.13 */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { encodeCodePage } from "#format/mapi/code-page.ts";
import { propertyTypes, tagId, tagTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { holderOf } from "#serve/mapi/mailbox/holders.ts";
import { OpenAttachment } from "#serve/mapi/mailbox/attachment.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { PropertyHolder, Unflushed } from "#serve/mapi/mailbox/message.ts";
import { makeBody } from "#serve/mapi/mailbox/message-values.ts";
import type { AnyObject, FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { logonOf } from "#serve/mapi/mailbox/objects.ts";
import { cellOf } from "#serve/mapi/mailbox/property-source.ts";
import { handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import type { StreamLocks } from "#serve/mapi/mailbox/stream-locks.ts";
import * as rops from "#wire/mapi/rops/streams.ts";

const openModes = { readOnly: 0, readWrite: 1, create: 2, bestAccess: 3 } as const;
const seekOrigins = { beginning: 0, current: 1, end: 2 } as const;
const PidTagAttachData = 0x3701;
/** A byte count that says that the real one follows. [MS-OXCROPS] 2.2.9.2.1 */
const largeCount = 0xbabe;

/** Text is made to bytes and back in steps of this many characters, between which others have their turn. */
const stepCharacters = 128 * 1024;

interface StreamParts {
  readonly logon: LogonObject;
  readonly holder: PropertyHolder;
  readonly tag: PropertyTag;
  readonly isWritable: boolean;
  readonly key: string;
}

export class OpenStream implements Unflushed {
  readonly kind = "stream";
  readonly logon: LogonObject;
  readonly isWritable: boolean;
  /** Names the value to other sessions. */
  readonly key: string;
  /** Set with the first lock: frees this session's locks on the value. */
  unlockAll: (() => void) | null = null;
  position = 0;
  readonly #parts: StreamParts;
  #bytes: Buffer;
  #size: number;
  /** Whether nobody else looks at the bytes: they are copied before the first change otherwise. */
  #isOwned = false;
  #isDirty: boolean;

  constructor(parts: StreamParts, bytes: Uint8Array, isDirty = false) {
    this.#parts = parts;
    this.logon = parts.logon;
    this.key = parts.key;
    this.isWritable = parts.isWritable;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#size = bytes.length;
    this.#isDirty = isDirty;
    if (isDirty) this.#noteUnflushed();
  }

  get size(): number {
    return this.#size;
  }

  /** Whether what was written is with its object. */
  get isDirty(): boolean {
    return this.#isDirty;
  }

  read(count: number): Buffer {
    const piece = this.#bytes.subarray(this.position, Math.min(this.position + count, this.#size));
    this.position += piece.length;
    return piece;
  }

  write(data: Uint8Array): number {
    this.requireWritable();
    const end = this.position + data.length;
    this.#change(Math.max(end, this.#size));
    this.#bytes.set(data, this.position);
    this.position = end;
    return data.length;
  }

  resize(size: number): void {
    this.requireWritable();
    this.#change(size);
  }

  /** A place behind the end makes the value longer, as far as values go. [MS-OXCPRPT] 3.2.5.17 */
  seek(position: number): void {
    if (position > this.#size && this.isWritable && position <= limits.messageSizeMaxBytes) this.#change(position);
    this.position = position;
  }

  #change(size: number): void {
    if (size > limits.messageSizeMaxBytes) throw new RopError("tooBig", "The value would be too large.");
    if (size > this.#bytes.length || !this.#isOwned) {
      const isGrowing = size > this.#bytes.length;
      const room = isGrowing ? Math.min(this.#bytes.length * 2, limits.messageSizeMaxBytes) : 0;
      const grown = Buffer.alloc(Math.max(size, room, 4096));
      this.#bytes.copy(grown, 0, 0, this.#size);
      this.#bytes = grown;
      this.#isOwned = true;
    }
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
    if (!this.#isDirty) this.#noteUnflushed();
    this.#isDirty = true;
  }

  /** What was written counts for the object at once, whether or not it is committed. [MS-OXCPRPT] 3.2.5.13 */
  #noteUnflushed(): void {
    const { holder } = this.#parts;
    if (holder instanceof OpenMessage || holder instanceof OpenAttachment) holder.unflushed.add(this);
  }

  requireWritable(): void {
    if (!this.isWritable) throw new RopError("streamAccessDenied", "This stream is open for reading only.");
  }

  /** Puts the value into its object; saved with it. */
  async commit(ctx: Ctx): Promise<void> {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    this.#isOwned = false;
    const { holder, tag } = this.#parts;
    if (holder instanceof OpenMessage || holder instanceof OpenAttachment) holder.unflushed.delete(this);
    const value = await this.#toValue(this.#bytes.subarray(0, this.#size));
    await holder.set(ctx, [{ tag, value }]);
  }

  async #toValue(bytes: Buffer): Promise<PropertyValue> {
    const code = tagTypeCode(this.#parts.tag);
    if (code === propertyTypes.String.code) return await textOf(bytes);
    if (code === propertyTypes.String8.code) return bytes.subarray(0, zeroEnd(bytes));
    return bytes;
  }

  close(): void {
    this.unlockAll?.();
  }

  clone(): OpenStream {
    this.#isOwned = false;
    const copy = new OpenStream(this.#parts, this.#bytes.subarray(0, this.#size));
    copy.position = this.position;
    return copy;
  }
}

/** UTF-16 without the zeros at its end. */
async function textOf(bytes: Buffer): Promise<string> {
  let end = bytes.length - bytes.length % 2;
  while (end > 0 && bytes[end - 1] === 0 && bytes[end - 2] === 0) end -= 2;
  const pieces: string[] = [];
  for (let at = 0; at < end; at += stepCharacters * 2) {
    pieces.push(bytes.toString("utf16le", at, Math.min(at + stepCharacters * 2, end)));
    if (at > 0) await yieldToOthers();
  }
  return pieces.join("");
}

/** Text as bytes of two for each character, up to its NUL. [MS-OXCDATA] 2.11.1 */
async function bytesOf(text: string): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(text.length * 2);
  for (let at = 0; at < text.length; at += stepCharacters) {
    const piece = text.slice(at, at + stepCharacters);
    const end = piece.indexOf("\0");
    bytes.write(piece, at * 2, "utf16le");
    if (end >= 0) return bytes.subarray(0, (at + end) * 2);
    if (at > 0) await yieldToOthers();
  }
  return bytes;
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
  const isText = code === propertyTypes.String.code || code === propertyTypes.String8.code;
  if (!streamable.has(code) || (isText && call.object.kind === "folder")) {
    throw new RopError("notSupported", "A value of this type is not opened as a stream.");
  }
  const holder = holderOf(call.object, call.session);
  const mode = openModeFlags & 0x03;
  const isWritable = mode === openModes.bestAccess ? mayWrite(holder, propertyTag) : mode !== openModes.readOnly;
  if (isWritable && holder.readOnly.has(tagId(propertyTag))) {
    throw new RopError("accessDenied", "This property is the server's.");
  }
  if (isWritable) messageOf(holder)?.requireWritable();
  const isNew = mode === openModes.create;
  const bytes = isNew ? new Uint8Array(0) : await readBytes(call, holder, propertyTag);
  return new OpenStream({
    logon: logonOf(call.object), holder, tag: propertyTag, isWritable,
    key: keyOf(call.object, propertyTag, call.session.services.locks),
  }, bytes, isNew);
}

/** The message that a value belongs to, which may be open for reading alone. [MS-OXCPRPT] 3.2.5.12 */
function messageOf(holder: PropertyHolder): OpenMessage | null {
  return holder instanceof OpenMessage ? holder : holder instanceof OpenAttachment ? holder.message : null;
}

function mayWrite(holder: PropertyHolder, tag: PropertyTag): boolean {
  return !holder.readOnly.has(tagId(tag)) && messageOf(holder)?.isWritable !== false;
}

async function readBytes(call: RopCall<unknown>, holder: PropertyHolder, tag: PropertyTag): Promise<Uint8Array> {
  const bag = await holder.bag(call.ctx) as PropertyBag;
  const kept = bag.get(tag);
  if (kept instanceof Uint8Array) return kept;
  if (holder instanceof OpenAttachment && tagId(tag) === PidTagAttachData && holder.stored?.isEmbedded !== true) {
    return await holder.readData(call.ctx);
  }
  if (holder.canMake?.(bag, tag) === true) makeBody(bag, tag);
  const value = bag.get(tag);
  if (tagTypeCode(tag) === propertyTypes.String.code && typeof value === "string") return await bytesOf(value);
  const codePage = messageOf(holder)?.codePage ?? call.session.codePage;
  const cell = cellOf(bag, tag, codePage);
  if (typeof cell === "string") {
    return tagTypeCode(tag) === propertyTypes.String.code ? await bytesOf(cell) : encodeCodePage(cell, codePage);
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
    stream.seek(position);
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
