import { Buffer } from "node:buffer";
import { limits } from "#base/limits.ts";
import { charsetDecoder, decodeCharset } from "#format/mime/charset.ts";
import { formatDate } from "#format/mime/date.ts";
import { paramField, rawField, textField } from "#format/mime/fields.ts";
import { parseParameterized, paramValue } from "#format/mime/parameters.ts";
import { encodeWords } from "#format/mime/words.ts";
import { properties } from "#props/registry.ts";
import { attachmentAboutBytes, attachmentBytes, attachmentChunks, getProperty } from "#convert/item.ts";
import { charsetOfHtml, htmlCharset, rtfBodyOf } from "#convert/bodies.ts";
import { bytePieces, largeOf, textPieces } from "#convert/large.ts";
import { attachMethods, renderedInBody } from "#convert/mime/attachments-read.ts";
import { textOfHtml } from "#convert/mime/bodies.ts";
import { textPart } from "#convert/mime/deferred.ts";
import { mimeExtension } from "#convert/mime/file-names.ts";
import { HtmlWords } from "#convert/mime/text-decoding.ts";
import { methodOf, methodOfClass } from "#convert/mime/message-class.ts";
import { fromFileTime } from "#convert/mime/times.ts";
import type { BuildPart } from "#format/mime/build.ts";
import type { FieldLine } from "#format/mime/fields.ts";
import type { ItemAttachment, ItemBag, ItemContent } from "#convert/item.ts";
import type { DeferredContents } from "#convert/mime/deferred.ts";
import type { PropertyTag } from "#props/types.ts";

const p = properties;

export interface PartChoices {
  readonly deferred: DeferredContents;
  /** A plain text beside an HTML that came without one. */
  readonly plainFromHtml: boolean;
  readonly writeCalendar: ((item: ItemBag) => CalendarText | null) | undefined;
  /** The chunks of an embedded message. */
  readonly message: (embedded: ItemBag, index: number) => Uint8Array[];
}

export interface CalendarText {
  /** REQUEST, REPLY, CANCEL… RFC 5546 §1.4 */
  readonly method: string;
  readonly text: string;
}

interface Bodies {
  readonly html: BuildPart | null;
  readonly plain: BuildPart | null;
}

/** The forms of the body that go out; RTF only as HTML or text, nobody outside reads it. [MS-OXCMAIL] 2.1.3.3 */
function bodiesOf(item: ItemBag, { plainFromHtml, deferred }: PartChoices): Bodies {
  const largePlain = isLarge(item, p.PidTagBody.tag) ? deferred.text(() => textPieces(item.bag, p.PidTagBody.tag) ?? [])
    : undefined;
  const body = largePlain === undefined ? getProperty(item, p.PidTagBody) : undefined;
  if (isLarge(item, p.PidTagHtml.tag)) {
    const chunks = (): Iterable<Uint8Array> => bytePieces(item.bag, p.PidTagHtml.tag) ?? [];
    const charset = charsetOfHtml(item, chunks());
    const html = deferred.bytes({ type: "text/html", params: { charset } }, chunks);
    const words = plainFromHtml && body === undefined ? deferred.text(() => wordsOf(chunks(), charset)) : null;
    return { html, plain: largePlain ?? (body === undefined ? words : { kind: "text", text: body }) };
  }
  const html = getProperty(item, p.PidTagHtml);
  if (html !== undefined) {
    const part = htmlPart(item, html);
    if (largePlain !== undefined) return { html: part, plain: largePlain };
    const text = body ?? (plainFromHtml ? textOfHtml(decodeCharset(html, htmlCharset(item, html))) : undefined);
    return { html: part, plain: text === undefined ? null : { kind: "text", text } };
  }
  const found = rtfBodyOf(item);
  if (largePlain !== undefined && found?.html === undefined) return { html: null, plain: largePlain };
  if (found?.html !== undefined) {
    const bytes = Buffer.from(found.html, "utf8");
    const text = body ?? found.text ?? (plainFromHtml ? textOfHtml(found.html) : undefined);
    const part = textPart({ type: "text/html", params: { charset: "utf-8" } }, bytes);
    return { html: part, plain: largePlain ?? (text === undefined ? null : { kind: "text", text }) };
  }
  const text = body ?? found?.text;
  return { html: null, plain: text === undefined ? null : { kind: "text", text } };
}

/** Whether a body is to pass in pieces; above, no string or array is made of all of it. */
function isLarge({ bag }: ItemBag, tag: PropertyTag): boolean {
  if (largeOf(bag, tag) !== undefined) return true;
  const value = bag.get(tag);
  return (typeof value === "string" || value instanceof Uint8Array) && value.length > limits.itemBodyHeldMaxBytes;
}

/** Words of HTML that passes in pieces. */
function* wordsOf(chunks: Iterable<Uint8Array>, charset: string): Generator<string> {
  const decoder = charsetDecoder(charset);
  const words = new HtmlWords();
  for (const chunk of chunks) yield words.write(decoder.write(chunk));
  yield words.write(decoder.end()) + words.end();
}

function htmlPart(item: ItemBag, html: Uint8Array): BuildPart {
  return textPart({ type: "text/html", params: { charset: htmlCharset(item, html) } }, html);
}

/** Text, pictures in it, and what is attached, each in the multipart that holds it. [MS-OXCMAIL] 2.1.3.3, 2.1.3.4 */
export function bodyPart(item: ItemBag, choices: PartChoices): BuildPart {
  const { html, plain } = bodiesOf(item, choices);
  const related: BuildPart[] = [];
  const attached: BuildPart[] = [];
  let calendar = calendarPart(item, choices);
  for (const [index, attachment] of item.attachments.entries()) {
    if (isException(attachment)) continue;
    if (calendar === null && isMeeting(item) && isCalendarFile(attachment)) {
      calendar = storedCalendar(item, attachment);
      continue;
    }
    const isRelated = html !== null && isShownInBody(attachment);
    (isRelated ? related : attached).push(attachmentPart(attachment, index, isRelated, choices));
  }
  const texts = [plain, html, calendar].filter((part) => part !== null);
  let body = texts.length > 1 ? multipart("alternative", texts) : texts[0];
  if (body !== undefined && related.length > 0) {
    const type = texts.length > 1 ? "multipart/alternative" : "text/html";
    body = { ...multipart("related", [body, ...related]), params: { type } };
  }
  if (attached.length === 0) return body ?? { kind: "text", text: "" };
  // A single attachment with no text is the message. A message in it may be 8-bit, which only a multipart may enclose.
  if (body === undefined && attached.length === 1 && attached[0] !== undefined) return attached[0];
  return multipart("mixed", body === undefined ? attached : [body, ...attached]);
}

/** All attachments but the body, as parts. */
export function attachmentParts(item: ItemBag, choices: PartChoices): BuildPart[] {
  return item.attachments.map((attachment, index) => attachmentPart(attachment, index, false, choices));
}

export function textBodyPart(item: ItemBag, choices: PartChoices): BuildPart {
  return bodyPart({ ...item, attachments: [] }, choices);
}

function multipart(subtype: string, parts: readonly BuildPart[]): Extract<BuildPart, { kind: "multipart" }> {
  return { kind: "multipart", subtype, parts };
}

const exceptionFlag = 2;

/** The changed days of a series travel in its calendar text. [MS-OXOCAL] 2.2.10.1 */
function isException(attachment: ItemAttachment): boolean {
  return ((getProperty(attachment, p.PidTagAttachmentFlags) ?? 0) & exceptionFlag) !== 0;
}

function isMeeting(item: ItemBag): boolean {
  return /^IPM\.Schedule\.Meeting\./i.test(getProperty(item, p.PidTagMessageClass) ?? "");
}

function isCalendarFile(attachment: ItemAttachment): boolean {
  return getProperty(attachment, p.PidTagAttachMimeTag)?.toLowerCase() === "text/calendar" &&
    getProperty(attachment, p.PidTagAttachmentHidden) === true;
}

function isShownInBody(attachment: ItemAttachment): boolean {
  const flags = getProperty(attachment, p.PidTagAttachFlags) ?? 0;
  const isMarked = (flags & renderedInBody) !== 0 || getProperty(attachment, p.PidTagAttachmentHidden) === true;
  if (!isMarked || attachment.embedded !== undefined) return false;
  return getProperty(attachment, p.PidTagAttachContentId) !== undefined ||
    getProperty(attachment, p.PidTagAttachContentLocation) !== undefined;
}

/** RFC 6047 §2.4 */
function calendarPart(item: ItemBag, { writeCalendar }: PartChoices): BuildPart | null {
  const calendar = writeCalendar?.(item) ?? null;
  if (calendar === null) return null;
  const params = { charset: "utf-8", method: calendar.method };
  return textPart({ type: "text/calendar", params }, Buffer.from(calendar.text, "utf8"));
}

function storedCalendar(item: ItemBag, attachment: ItemAttachment): BuildPart {
  const bytes = attachmentBytes(attachment);
  const method = methodOf(Buffer.from(bytes).toString("latin1")) ??
    methodOfClass(getProperty(item, p.PidTagMessageClass) ?? "");
  const charset = getProperty(attachment, p.PidTagTextAttachmentCharset) ?? "utf-8";
  return textPart({ type: "text/calendar", params: { charset, method } }, bytes);
}

/** Types of lines that say themselves what is in them, never encoded. RFC 2046 §5.2 */
const unencoded = /^message\/(?!global)/;
const unencodedMaxBytes = 4 * 1024 * 1024;

function attachmentPart(
  attachment: ItemAttachment, index: number, related: boolean, choices: PartChoices,
): BuildPart {
  const { deferred } = choices;
  if (attachment.embedded !== undefined) {
    const chunks = choices.message(attachment.embedded, index);
    return { kind: "message", chunks, fields: dispositionFields(attachment, "message/rfc822", false) };
  }
  const method = getProperty(attachment, p.PidTagAttachMethod) ?? attachMethods.byValue;
  const target = getProperty(attachment, p.PidTagAttachLongPathname) ?? getProperty(attachment, p.PidTagAttachPathname);
  if (target !== undefined && method !== attachMethods.byValue && method !== attachMethods.ole) {
    return linkPart(attachment, target);
  }
  const type = mimeTag(attachment);
  const content = contentOf(attachment);
  const line = { type, params: typeParams(attachment, type), fields: dispositionFields(attachment, type, related) };
  const part = unencoded.test(type) && content.aboutBytes <= unencodedMaxBytes
    ? deferred.asIs({ type, fields: line.fields }, content) : deferred.base64(line, content);
  const appleFile = getProperty(attachment, p.PidNameAttachmentMacInfo);
  if (appleFile === undefined) return part;
  const apple: BuildPart = { kind: "bytes", type: "application/applefile", bytes: appleFile };
  return multipart("appledouble", [apple, part]);
}

export function contentOf(attachment: ItemAttachment): ItemContent {
  if (attachment.content !== undefined) return attachment.content;
  const object = getProperty(attachment, p.PidTagAttachDataObject);
  if (object !== undefined && attachmentAboutBytes(attachment) === 0) {
    return { aboutBytes: object.length, chunks: () => [object] };
  }
  return { aboutBytes: attachmentAboutBytes(attachment), chunks: () => attachmentChunks(attachment) };
}

const tokens = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/;

/** Never a multipart, whose content is not for us to frame, and never winmail.dat. */
export function mimeTag(attachment: ItemAttachment): string {
  const tag = getProperty(attachment, p.PidTagAttachMimeTag)?.trim().toLowerCase() ?? "";
  return tokens.test(tag) && !tag.startsWith("multipart/") ? tag : "application/octet-stream";
}

function typeParams(attachment: ItemAttachment, type: string): Record<string, string> {
  const charset = getProperty(attachment, p.PidTagTextAttachmentCharset);
  const name = nameOf(attachment);
  return {
    ...type.startsWith("text/") && charset !== undefined ? { charset } : {},
    ...name === undefined ? {} : { name },
  };
}

function nameOf(attachment: ItemAttachment): string | undefined {
  const name = getProperty(attachment, p.PidTagAttachLongFilename) ?? getProperty(attachment, p.PidTagAttachFilename);
  return name === undefined || name.trim() === "" ? undefined : name.trim();
}

/** [MS-OXCMAIL] 2.1.3.4.1 */
export function dispositionFields(attachment: ItemAttachment, type: string, related: boolean): FieldLine[] {
  const out: FieldLine[] = [];
  const isFile = attachment.embedded === undefined;
  const name = nameOf(attachment) ?? (isFile ? `attachment${mimeExtension(type)}` : undefined);
  const title = getProperty(attachment, p.PidTagDisplayName)?.trim() ?? "";
  if (isFile && title !== "" && title !== name) out.push(textField("Content-Description", title));
  const params: Record<string, string> = name === undefined ? {} : { filename: name };
  for (const [param, property] of [
    ["creation-date", p.PidTagCreationTime], ["modification-date", p.PidTagLastModificationTime],
  ] as const) {
    const time = getProperty(attachment, property);
    const utcMs = time === undefined ? null : fromFileTime(time);
    if (utcMs !== null) params[param] = formatDate(utcMs);
  }
  out.push(paramField("Content-Disposition", related ? "inline" : "attachment", params));
  const contentId = getProperty(attachment, p.PidTagAttachContentId)?.replaceAll(/[\0-\x20<>\x7f-\uffff]/g, "") ?? "";
  if (contentId !== "") out.push(`Content-ID: <${contentId.slice(0, 900)}>`);
  const location = getProperty(attachment, p.PidTagAttachContentLocation)?.trim() ?? "";
  if (location !== "") out.push(rawField("Content-Location", encodeWords(location)));
  return out;
}

/** A file kept elsewhere goes as a link to it. [MS-OXCMSG] 2.2.2.14 */
function linkPart(attachment: ItemAttachment, target: string): BuildPart {
  const name = nameOf(attachment) ?? getProperty(attachment, p.PidTagDisplayName) ?? "link";
  const text = `[InternetShortcut]\r\nURL=${target.replaceAll(/[\0-\x1f]/g, "")}\r\n`;
  const disposition = paramField("Content-Disposition", "attachment", { filename: `${name}.url` });
  return textPart({ type: "application/internet-shortcut", fields: [disposition] }, Buffer.from(text, "utf8"));
}

/** The parameters a message's own type had, as far as they are to be kept. [MS-OXOSMIME] 2.1.3 */
export function keptParams(item: ItemBag, type: RegExp): Record<string, string> | null {
  const { value, params } = parseParameterized(getProperty(item, p.PidNameContentType) ?? "");
  if (!type.test(value.trim().toLowerCase())) return null;
  const out: Record<string, string> = {};
  for (const name of ["protocol", "micalg", "smime-type", "name"]) {
    const found = paramValue(params, name);
    if (found !== null) out[name] = found;
  }
  return out;
}
