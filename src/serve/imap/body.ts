import type { MimeIndex, MimePart } from "#format/mime/types.ts";
import type { MessageContent } from "#mailbox/api.ts";
import type { BinaryItem, BinarySizeItem, Partial, Section, SectionItem } from "#wire/imap/fetch.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { decodeTransfer, transferDecoder } from "#format/mime/decode.ts";
import { headerFieldsSlice } from "#format/mime/header-slice.ts";
import type { FieldNames } from "#format/mime/header-slice.ts";

/** Octets of a message that a section names: a range to be streamed, as it lies or decoded, bytes, or nothing (NIL). */
export type SectionBytes =
  | { readonly kind: "range"; readonly offset: number; readonly sizeBytes: number }
  | DecodedRange
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  | { readonly kind: "none" };

/** Of what `[offset, end)` decodes to, `sizeBytes` after the first `skipBytes`. */
export interface DecodedRange {
  readonly kind: "decoded";
  readonly offset: number;
  readonly end: number;
  readonly encoding: string;
  readonly skipBytes: number;
  readonly sizeBytes: number;
}

const none: SectionBytes = { kind: "none" };

/** Whether the section can be told without the stored structure. RFC 9051 §6.4.5.1 */
export function isWhole({ partPath, text }: Section): boolean {
  return partPath.length === 0 && text === "";
}

/** Finds the octets of `BODY[section]<partial>`. `index` may be missing for the whole message. RFC 9051 §6.4.5.1 */
export async function locateSection(
  { section, partial }: SectionItem, names: FieldNames | undefined, index: MimeIndex | undefined,
  content: MessageContent,
): Promise<SectionBytes> {
  const range = isWhole(section) || index === undefined
    ? { offset: 0, end: content.sizeBytes } : rangeOf(section, index, content.sizeBytes);
  if (range === undefined) return none;
  const offset = Math.min(range.offset, content.sizeBytes);
  const end = Math.max(offset, Math.min(range.end, content.sizeBytes));
  if (names !== undefined) {
    const header = await content.read(offset, end - offset);
    const bytes = headerFieldsSlice(header, names, section.text === "HEADER.FIELDS.NOT");
    return { kind: "bytes", bytes: partial === undefined ? bytes : cut(bytes, partial) };
  }
  if (partial === undefined) return { kind: "range", offset, sizeBytes: end - offset };
  const from = Math.min(offset + partial.offset, end);
  return { kind: "range", offset: from, sizeBytes: Math.min(partial.sizeBytes, end - from) };
}

function cut(bytes: Uint8Array, { offset, sizeBytes }: Partial): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).subarray(offset, offset + sizeBytes);
}

/** A part asked for in the clear whose transfer encoding nobody knows. RFC 3516 §4.3 */
export class UnknownEncoding extends Error {}

const knownEncodings: ReadonlySet<string> = new Set(["7bit", "8bit", "binary", "base64", "quoted-printable"]);

/** The octets of a part with its transfer encoding undone; the whole message as it lies. RFC 3516 §4.2 */
export async function decodePart(
  item: BinaryItem | BinarySizeItem, index: MimeIndex | undefined, content: MessageContent,
): Promise<SectionBytes> {
  const partial = item.item === "BINARY[]" ? item.partial : undefined;
  if (item.partPath.length === 0 || index === undefined) {
    return { kind: "bytes", bytes: Buffer.from(await content.read(partial?.offset ?? 0,
      partial?.sizeBytes ?? content.sizeBytes)) };
  }
  const part = findPart(index.root, item.partPath);
  if (part === undefined) return none;
  if (part.kind === "multipart") throw new UnknownEncoding("A multipart has no bytes of its own.");
  if (!knownEncodings.has(part.encoding)) throw new UnknownEncoding("The encoding of the part is not known.");
  if (part.bodyEnd - part.bodyStart > decodeMaxBytes) throw new Fault("tooBig", "The part is too large to be decoded.");
  if (part.bodyEnd - part.bodyStart > decodeAtOnceMaxBytes) return await decodedRange(part, partial, content);
  const bytes = decodeTransfer(await content.read(part.bodyStart, part.bodyEnd - part.bodyStart), part.encoding);
  return { kind: "bytes", bytes: cut(bytes, partial ?? { offset: 0, sizeBytes: bytes.length }) };
}

/** A literal says its size first: larger parts are decoded twice, to be counted and then to be sent. */
async function decodedRange(
  part: MimePart, partial: Partial | undefined, content: MessageContent,
): Promise<SectionBytes> {
  const all: DecodedRange = {
    kind: "decoded", offset: part.bodyStart, end: part.bodyEnd, encoding: part.encoding, skipBytes: 0,
    sizeBytes: Infinity,
  };
  let sizeBytes = 0;
  for await (const piece of decodedPieces(all, content)) sizeBytes += piece.length;
  const skipBytes = Math.min(partial?.offset ?? 0, sizeBytes);
  return { ...all, skipBytes, sizeBytes: Math.min(partial?.sizeBytes ?? sizeBytes, sizeBytes - skipBytes) };
}

/** The octets of such a range, in pieces. RFC 3516 §4.2 */
export async function* decodedPieces(
  { offset, end, encoding, skipBytes, sizeBytes }: DecodedRange, content: MessageContent,
): AsyncGenerator<Uint8Array> {
  const decoder = transferDecoder(encoding);
  let at = -skipBytes;
  const wanted = (piece: Uint8Array): Uint8Array => {
    const start = Math.min(piece.length, Math.max(0, -at));
    const cut = piece.subarray(start, Math.max(start, sizeBytes - at));
    at += piece.length;
    return cut;
  };
  for await (const piece of content.stream(offset, end - offset)) {
    const cut = wanted(decoder.write(piece));
    if (cut.length > 0) yield cut;
    if (at >= sizeBytes) return;
  }
  const rest = wanted(decoder.end());
  if (rest.length > 0) yield rest;
}

/** Above, a part is decoded in pieces. */
const decodeAtOnceMaxBytes = 256 * 1024;
/** Still larger parts are not worth decoding; they are fetched as they lie. */
const decodeMaxBytes = limits.imapDecodeMaxBytes;

function rangeOf(section: Section, index: MimeIndex, sizeBytes: number): { offset: number; end: number } | undefined {
  const { root } = index;
  if (section.partPath.length === 0) {
    if (section.text === "TEXT") return { offset: root.bodyStart, end: sizeBytes };
    return { offset: root.headerStart, end: root.bodyStart };
  }
  const part = findPart(root, section.partPath);
  if (part === undefined) return undefined;
  if (section.text === "") return { offset: part.bodyStart, end: part.bodyEnd };
  if (section.text === "MIME") return { offset: part.headerStart, end: part.bodyStart };
  // What is left names parts of a message, and only an enclosed message has them.
  if (part.kind !== "message") return undefined;
  const { body } = part;
  if (section.text === "TEXT") return { offset: body.bodyStart, end: part.bodyEnd };
  return { offset: body.headerStart, end: body.bodyStart };
}

/** A message that is not multipart has one part, number 1. RFC 9051 §6.4.5.1 */
export function findPart(root: MimePart, partPath: readonly number[]): MimePart | undefined {
  let container: MimePart | undefined = root;
  let part: MimePart | undefined;
  for (const number of partPath) {
    if (container === undefined) return undefined;
    part = container.kind === "multipart" ? container.children[number - 1] : number === 1 ? container : undefined;
    if (part === undefined) return undefined;
    container = part.kind === "message" ? part.body : part.kind === "multipart" ? part : undefined;
  }
  return part;
}
