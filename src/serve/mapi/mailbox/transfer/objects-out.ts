/** Messages, their recipients and attachments as parts of a stream. [MS-OXCFXICS] 2.2.4.3 */
import { limits } from "#base/limits.ts";
import { encodeCodePage } from "#format/mapi/code-page.ts";
import type { NamedId } from "#props/registry.ts";
import { isNamedTag, makeTag, multipleFlag, propertyTypes, tagId, tagTypeCode, withTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import type { OpenAttachment } from "#serve/mapi/mailbox/attachment.ts";
import type { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { TransferOutput } from "#serve/mapi/mailbox/transfer/stream.ts";
import type { TextForm } from "#serve/mapi/mailbox/transfer/settings.ts";
import { isTransferable, metaTags, unicodeTextCode } from "#wire/mapi/transfer-stream.ts";

/** How objects are written to one client. */
export interface OutputOptions {
  readonly text: TextForm;
  /** Names of the mailbox's named properties. */
  readonly names: ReadonlyMap<number, NamedId>;
}

/** Which properties and parts of the outermost object go out. */
export interface Filter {
  has(tag: PropertyTag): boolean;
  readonly recipients: boolean;
  readonly attachments: boolean;
}

export const wholeFilter: Filter = { has: () => true, recipients: true, attachments: true };

export const PidTagMessageRecipients = makeTag(0x0e12, "Object");
export const PidTagMessageAttachments = makeTag(0x0e13, "Object");
const PidTagRowid = makeTag(0x3000, "Integer32");
const PidTagAttachNumber = makeTag(0x0e21, "Integer32");
const PidTagAttachDataBinary = makeTag(0x3701, "Binary");

/** What names an object on this server, or is worked out anew wherever it arrives. [MS-OXCFXICS] 3.2.5.12 */
const ownToServer: ReadonlySet<number> = new Set([
  0x0ff4, 0x0ff5, 0x0ff6, 0x0ff7, 0x0ff8, 0x0ff9, 0x0ffa, 0x0ffb, 0x0ffe, 0x0fff, 0x0e09, 0x0e08, 0x0e12, 0x0e13,
  0x0e1b, 0x65e0, 0x65e1, 0x65e2, 0x65e3, 0x3008, 0x0e20, 0x0e21,
]);

const isServers = (tag: PropertyTag): boolean =>
  ownToServer.has(tagId(tag)) || (tagId(tag) >= 0x6600 && tagId(tag) <= 0x67ff);

/** Properties that may stand in a stream, in order of their tags. */
function goingOut(bag: ReadonlyMap<PropertyTag, PropertyValue>): [PropertyTag, PropertyValue][] {
  return [...bag].filter(([tag]) => !isServers(tag) && isTransferable(tag)).sort(([a], [b]) => a - b);
}

export function writeProperty(
  { writer }: TransferOutput, tag: PropertyTag, value: PropertyValue, { text, names }: OutputOptions,
): void {
  const name = isNamedTag(tag) ? names.get(tagId(tag)) : null;
  // An id that was never given out means nothing to anybody.
  if (name === undefined) return;
  const code = tagTypeCode(tag);
  if (text === "unicode" || (code & ~multipleFlag) !== propertyTypes.String.code) {
    writer.property(tag, value, name);
    return;
  }
  // Lists of text have no form that tells its code page.
  if (text === "told") {
    writer.property(code === propertyTypes.String.code ? withTypeCode(tag, unicodeTextCode) : tag, value, name);
    return;
  }
  const narrow = withTypeCode(tag, propertyTypes.String8.code | (code & multipleFlag));
  const bytes = (one: string): Uint8Array => encodeCodePage(one, text);
  writer.property(narrow, typeof value === "string" ? bytes(value) : (value as readonly string[]).map(bytes), name);
}

const bodies = { plain: 0x1000, html: 0x1013, rtf: 0x1009 } as const;
const bodyIds: ReadonlySet<number> = new Set(Object.values(bodies));
const PidTagNativeBody = makeTag(0x1016, "Integer32");
const nativeBodies: Readonly<Record<number, number>> = { 1: bodies.plain, 2: bodies.rtf, 3: bodies.html };

/** The one body that goes out: the others are made from it. [MS-OXCFXICS] 3.2.5.12.1 */
function bodyToSend(bag: PropertyBag): number {
  const has = (id: number): boolean => [...bag.keys()].some((tag) => tagId(tag) === id);
  const native = nativeBodies[Number(bag.get(PidTagNativeBody))];
  if (native !== undefined && has(native)) return native;
  return [bodies.html, bodies.rtf].find(has) ?? bodies.plain;
}

/** `messageContent` of the grammar. [MS-OXCFXICS] 2.2.4.3.12 */
export async function* writeMessageContent(
  out: TransferOutput, message: OpenMessage, options: OutputOptions, filter: Filter, depth = 0,
): AsyncGenerator<void> {
  const bag = await message.bag(out.ctx);
  const body = bodyToSend(bag);
  for (const [tag, value] of goingOut(bag)) {
    if (!filter.has(tag) || (bodyIds.has(tagId(tag)) && tagId(tag) !== body)) continue;
    writeProperty(out, tag, value, options);
  }
  yield;
  yield* writeMessageChildren(out, message, options, filter, depth);
}

/** `messageChildren`: a mark that all there were are to go, then those that are. [MS-OXCFXICS] 2.2.4.3.10 */
async function* writeMessageChildren(
  out: TransferOutput, message: OpenMessage, options: OutputOptions, filter: Filter, depth: number,
): AsyncGenerator<void> {
  const { writer } = out;
  if (filter.recipients) {
    writer.meta(metaTags.delProp, PidTagMessageRecipients);
    for (const { rowId, bag } of await message.recipients(out.ctx)) {
      writer.marker("StartRecip");
      writer.property(PidTagRowid, rowId);
      for (const [tag, value] of recipientProperties(bag)) writeProperty(out, tag, value, options);
      writer.marker("EndToRecip");
      yield;
    }
  }
  if (!filter.attachments) return;
  writer.meta(metaTags.delProp, PidTagMessageAttachments);
  for (const attachment of message.attachments()) {
    writer.marker("NewAttach");
    writer.property(PidTagAttachNumber, attachment.number);
    yield* writeAttachmentContent(out, attachment, options, () => true, depth);
    writer.marker("EndAttach");
    yield;
  }
}

/** A recipient has entry ids and types of its own, which name people and not objects of this server. */
function recipientProperties(bag: PropertyBag): [PropertyTag, PropertyValue][] {
  return [...bag].filter(([tag]) => tag !== PidTagRowid && isTransferable(tag)).sort(([a], [b]) => a - b);
}

/** `attachmentContent` of the grammar. [MS-OXCFXICS] 2.2.4.3.3 */
export async function* writeAttachmentContent(
  out: TransferOutput, attachment: OpenAttachment, options: OutputOptions, has: (tag: PropertyTag) => boolean,
  depth = 0,
): AsyncGenerator<void> {
  for (const [tag, value] of goingOut(await attachment.bag(out.ctx))) {
    if (tagId(tag) !== tagId(PidTagAttachDataBinary) && has(tag)) writeProperty(out, tag, value, options);
  }
  yield;
  if (attachment.stored?.isEmbedded === true) {
    if (depth >= limits.mapiTransferDepthMax) return;
    out.writer.marker("StartEmbed");
    const embedded = await attachment.openEmbedded(out.ctx, false);
    yield* writeMessageContent(out, embedded, options, wholeFilter, depth + 1);
    out.writer.marker("EndEmbed");
  } else if (attachment.stored?.content != null && has(PidTagAttachDataBinary)) {
    yield* writeAttachmentData(out, attachment);
  }
}

/** Its size stands before the bytes; what is decoded on the way tells its size only at the end, so it is read twice. */
async function* writeAttachmentData(out: TransferOutput, attachment: OpenAttachment): AsyncGenerator<void> {
  const content = attachment.stored!.content!;
  if (content.aboutBytes <= limits.mapiAttachmentAtOnceMaxBytes) {
    out.writer.property(PidTagAttachDataBinary, await attachment.readData(out.ctx));
    return;
  }
  let sizeBytes = 0;
  for await (const piece of content.stream(out.ctx)) sizeBytes += piece.length;
  out.writer.beginBytes(PidTagAttachDataBinary, null, sizeBytes);
  for await (const piece of content.stream(out.ctx)) {
    out.writer.part(Uint8Array.from(piece));
    yield;
  }
}

/** Of a folder: what this server counts or names by itself stays here. */
const serverFolderIds: ReadonlySet<number> = new Set([
  0x0ff4, 0x0ff6, 0x0ff8, 0x0ff9, 0x0ffa, 0x0ffb, 0x0ffe, 0x0fff, 0x0e08, 0x0e09, 0x3602, 0x3603, 0x3617, 0x360a,
  0x3008, 0x65e0, 0x65e1, 0x65e2, 0x65e3,
]);

export function isFolderProperty(tag: PropertyTag): boolean {
  const id = tagId(tag);
  return isTransferable(tag) && !serverFolderIds.has(id) && !(id >= 0x6600 && id <= 0x67ff);
}
