import type { MimeIndex, MimePart } from "#format/mime/types.ts";
import type { MessageContent } from "#mailbox/api.ts";
import type { Section, SectionItem } from "#wire/imap/fetch.ts";
import { filterHeader } from "#format/mime/headers.ts";

/** Octets of a message that a section names: a range to be streamed, bytes at hand, or nothing (NIL). */
export type SectionBytes =
  | { readonly kind: "range"; readonly offset: number; readonly sizeBytes: number }
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  | { readonly kind: "none" };

const none: SectionBytes = { kind: "none" };

/** Whether the section can be told without the stored structure. RFC 9051 §6.4.5.1 */
export function isWhole({ partPath, text }: Section): boolean {
  return partPath.length === 0 && text === "";
}

/** Finds the octets of `BODY[section]<partial>`. `index` may be missing for the whole message. RFC 9051 §6.4.5.1 */
export async function locateSection(
  { section, partial }: SectionItem, index: MimeIndex | undefined, content: MessageContent,
): Promise<SectionBytes> {
  const range = isWhole(section) || index === undefined
    ? { offset: 0, end: content.sizeBytes } : rangeOf(section, index, content.sizeBytes);
  if (range === undefined) return none;
  const offset = Math.min(range.offset, content.sizeBytes);
  const end = Math.max(offset, Math.min(range.end, content.sizeBytes));
  const isFiltered = section.text === "HEADER.FIELDS" || section.text === "HEADER.FIELDS.NOT";
  if (isFiltered) {
    const header = await content.read(offset, end - offset);
    const names = new Set(section.fieldNames.map((name) => name.toLowerCase()));
    const bytes = Buffer.concat(filterHeader(header, names, section.text === "HEADER.FIELDS.NOT"));
    if (partial === undefined) return { kind: "bytes", bytes };
    return { kind: "bytes", bytes: bytes.subarray(partial.offset, partial.offset + partial.sizeBytes) };
  }
  if (partial === undefined) return { kind: "range", offset, sizeBytes: end - offset };
  const from = Math.min(offset + partial.offset, end);
  return { kind: "range", offset: from, sizeBytes: Math.min(partial.sizeBytes, end - from) };
}

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
