/** A message that came as MIME, as properties: of a large one only the parts that are needed are read. */
import { Buffer } from "node:buffer";
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { ItemBag, ItemContent, ItemObject } from "#convert/item.ts";
import { GrowingBytes, largeOf, slices } from "#convert/large.ts";
import type { ReadBytes } from "#convert/mime/contents.ts";
import type { ReadBefore } from "#convert/mime/from-mime.ts";
import { isTnef } from "#convert/mime/layout.ts";
import { ShownParts } from "#convert/mime/shown-parts.ts";
import { transferDecoder } from "#format/mime/decode.ts";
import type { MimeIndex, MimePart } from "#format/mime/types.ts";
import type { MessageContent } from "#mailbox/api.ts";
import { itemOfMime } from "#mailbox/items/mime-head.ts";
import type { AttachmentContent } from "#mailbox/items-api.ts";

/** Bytes that were not read beforehand: they are, and the conversion begins anew. */
class MissingBytes extends Error {
  readonly start: number;
  readonly end: number;

  constructor(start: number, end: number) {
    super(`bytes ${start} to ${end} are not read yet`);
    this.start = start;
    this.end = end;
  }
}

interface Range {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** Further reads that a conversion may ask for, beside those that are foreseen. */
const furtherReadsMax = 200;

/**
 * The message as an item. What is large is read and looked through in pieces, between which others have their turn;
 * bodies that are large are not held yet (`holdBodies`).
 */
export async function readMimeItem(
  ctx: Ctx, index: MimeIndex, content: MessageContent, deliveredMs: number | null,
): Promise<ItemBag> {
  if (content.sizeBytes <= limits.itemReadWholeMaxBytes) {
    const whole = await content.read(0, content.sizeBytes);
    return itemOfMime(index, (start, end) => whole.subarray(start, end), deliveredMs);
  }
  const ranges: Range[] = [];
  const load = async (start: number, end: number): Promise<void> => {
    ranges.push({ start, bytes: await content.read(start, end - start) });
  };
  const { small, large } = foreseen(index.root);
  for (const [start, end] of small) await load(start, end);
  const readBefore = await readLarge(ctx, content, large);
  for (let tries = 0; tries < furtherReadsMax; tries++) {
    try {
      return itemOfMime(index, readFrom(ranges), deliveredMs, { readBefore });
    } catch (error) {
      if (!(error instanceof MissingBytes)) throw error;
      await load(error.start, error.end);
      throwIfCancelled(ctx);
    }
  }
  throw new Fault("tooMany", "This message has too many parts to be shown as an item.");
}

function readFrom(ranges: readonly Range[]): ReadBytes {
  return (start, end) => {
    if (start >= end) return new Uint8Array(0);
    for (const { start: from, bytes } of ranges) {
      if (start >= from && end <= from + bytes.length) return bytes.subarray(start - from, end - from);
    }
    throw new MissingBytes(start, end);
  };
}

interface Foreseen {
  /** Header sections, and bodies that become properties. */
  readonly small: [number, number][];
  /** What is looked through in pieces. */
  readonly large: MimePart[];
}

function foreseen(root: MimePart): Foreseen {
  const small: [number, number][] = [[root.headerStart, root.bodyStart]];
  const large: MimePart[] = [];
  const pending: MimePart[] = [root];
  for (let part = pending.pop(); part !== undefined && small.length < limits.mimePartsMax; part = pending.pop()) {
    if (part.kind === "multipart") pending.push(...part.children);
    else if (part.kind === "message") {
      small.push([part.body.headerStart, part.body.bodyStart]);
      pending.push(part.body);
    } else if (isTold(part)) {
      if (part.bodyEnd - part.bodyStart <= limits.itemBodyHeldMaxBytes) small.push([part.bodyStart, part.bodyEnd]);
      else if (isTnef(part) || (part !== root && isHtml(part))) large.push(part);
    }
  }
  return { small, large };
}

function isTold(part: MimePart): boolean {
  if (part.type === "text") return part.disposition?.type !== "attachment" || part.subtype === "calendar";
  return part.type === "message" || isTnef(part) || part.subtype === "applefile";
}

function isHtml({ type, subtype }: MimePart): boolean {
  return type === "text" && subtype === "html";
}

/** What of large parts the conversion asks for: winmail.dat decoded, and what HTML shows of other parts. */
async function readLarge(ctx: Ctx, content: MessageContent, parts: readonly MimePart[]): Promise<ReadBefore> {
  const bytes = new Map<number, Uint8Array>();
  const shown = new Map<number, ShownParts>();
  for (const part of parts) {
    const decoder = transferDecoder(part.encoding);
    if (isTnef(part)) {
      const whole = new GrowingBytes(part.bodyEnd - part.bodyStart);
      for await (const piece of inTurns(ctx, content, part.bodyStart, part.bodyEnd)) whole.push(decoder.write(piece));
      whole.push(decoder.end());
      bytes.set(part.bodyStart, whole.value());
      continue;
    }
    const found = new ShownParts();
    for await (const piece of inTurns(ctx, content, part.bodyStart, part.bodyEnd)) found.write(decoder.write(piece));
    found.write(decoder.end());
    found.end();
    shown.set(part.bodyStart, found);
  }
  return { bytes: ({ bodyStart }) => bytes.get(bodyStart), shown: ({ bodyStart }) => shown.get(bodyStart) };
}

/** Pieces of the message, others served between them. */
async function* inTurns(
  ctx: Ctx, content: MessageContent, start: number, end: number,
): AsyncGenerator<Uint8Array> {
  for await (const piece of content.stream(start, end - start)) {
    for (const slice of slices(piece)) {
      yield slice;
      await yieldToOthers();
    }
    throwIfCancelled(ctx);
  }
}

/** Puts the bodies that were left in the message into the bag: read in pieces, between which others have their turn. */
export async function holdBodies(
  ctx: Ctx, item: ItemObject, source: MessageContent | ((ctx: Ctx) => Promise<MessageContent>),
): Promise<void> {
  for (const tag of item.bag.keys()) {
    const large = largeOf(item.bag, tag);
    if (large === undefined) continue;
    const content = typeof source === "function" ? await source(ctx) : source;
    const gathering = large.gather();
    for (const { start, end, open } of large.segments) {
      const decoding = open();
      for await (const piece of inTurns(ctx, content, start, end)) gathering.push(decoding.write(piece));
      gathering.push(decoding.end());
    }
    item.bag.set(tag, gathering.value());
  }
}

/** The bytes of a derived attachment: read from the message when they are asked for. */
export function attachmentContent(
  found: ItemContent, openMessage: (ctx: Ctx) => Promise<MessageContent>,
): AttachmentContent {
  const { source, aboutBytes } = found;
  if (source === undefined) {
    return {
      aboutBytes,
      async *stream() {
        for (const chunk of found.chunks()) yield await Promise.resolve(chunk);
      },
    };
  }
  return {
    aboutBytes,
    async *stream(ctx) {
      const content = await openMessage(ctx);
      if (source.head.length > 0) yield source.head;
      const decoder = transferDecoder(source.encoding);
      for await (const piece of content.stream(source.start, source.end - source.start)) {
        const decoded = decoder.write(piece);
        if (decoded.length > 0) yield decoded;
      }
      const rest = decoder.end();
      if (rest.length > 0) yield rest;
    },
  };
}

/** All of an attachment at once, for what is known to be small. */
export async function readAll(ctx: Ctx, content: AttachmentContent): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content.stream(ctx)) pieces.push(piece);
  return Buffer.concat(pieces);
}
