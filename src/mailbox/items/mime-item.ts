/** A message that came as MIME, as properties: of a large one only the parts that are needed are read. */
import { Buffer } from "node:buffer";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { ItemBag, ItemContent } from "#convert/item.ts";
import type { ReadBytes } from "#convert/mime/contents.ts";
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
  for (const [start, end] of foreseen(index.root)) await load(start, end);
  for (let tries = 0; tries < furtherReadsMax; tries++) {
    try {
      return itemOfMime(index, readFrom(ranges), deliveredMs);
    } catch (error) {
      if (!(error instanceof MissingBytes)) throw error;
      await load(error.start, error.end);
      if (ctx.signal.aborted) throw new Fault("cancelled", "The request was cancelled before it finished.");
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

/** Header sections and the bodies that become properties. */
function foreseen(root: MimePart): [number, number][] {
  const found: [number, number][] = [[root.headerStart, root.bodyStart]];
  const pending: MimePart[] = [root];
  for (let part = pending.pop(); part !== undefined && found.length < limits.mimePartsMax; part = pending.pop()) {
    if (part.kind === "multipart") pending.push(...part.children);
    else if (part.kind === "message") {
      found.push([part.body.headerStart, part.body.bodyStart]);
      pending.push(part.body);
    } else if (isText(part)) found.push([part.bodyStart, part.bodyEnd]);
  }
  return found;
}

function isText({ type, subtype, disposition }: MimePart): boolean {
  if (type === "text") return disposition?.type !== "attachment" || subtype === "calendar";
  return type === "message" || subtype === "ms-tnef" || subtype === "applefile";
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
