import { fileName } from "#format/mime/attachments.ts";
import { parseDate } from "#format/mime/date.ts";
import { paramValue } from "#format/mime/parameters.ts";
import { collapse, cutText } from "#format/mime/text.ts";
import { decodeWords } from "#format/mime/words.ts";
import { properties } from "#props/registry.ts";
import { newItemObject, setProperty } from "#convert/item.ts";
import { partBytes, partContent } from "#convert/mime/contents.ts";
import { extensionOf, mimeExtension, safeFileName, shortFileName } from "#convert/mime/file-names.ts";
import { toFileTime } from "#convert/mime/times.ts";
import type { MimePart } from "#format/mime/types.ts";
import type { ItemAttachment, ItemBag } from "#convert/item.ts";
import type { ReadBytes } from "#convert/mime/contents.ts";
import type { AttachedPart } from "#convert/mime/layout.ts";

const p = properties;

/** PidTagAttachMethod. [MS-OXCMSG] 2.2.2.9 */
export const attachMethods = {
  none: 0, byValue: 1, byReference: 2, byReferenceOnly: 4, embedded: 5, ole: 6, byWebReference: 7,
} as const;
/** PidTagAttachFlags: the body refers to it. [MS-OXCMSG] 2.2.2.18 */
export const renderedInBody = 4;
const notRendered = -1;

/** Whether the HTML body shows a part, by Content-ID or Content-Location. */
export type IsShown = (contentId: string | null, location: string | null) => boolean;

/** A part as an attachment by value. [MS-OXCMAIL] 2.2.3.4.1 */
export function attachmentOf(
  read: ReadBytes, { part, related, appleFile }: AttachedPart, index: number, isShown: IsShown,
): ItemAttachment {
  const attachment = describe(part, index, related, isShown);
  attachment.content = partContent(read, part);
  setProperty(attachment, p.PidTagAttachMethod, attachMethods.byValue);
  setProperty(attachment, p.PidTagAttachSize, attachment.content.aboutBytes);
  setNames(attachment, part, index);
  if (part.type === "text") {
    setProperty(attachment, p.PidTagTextAttachmentCharset, paramValue(part.params, "charset") ?? undefined);
  }
  if (appleFile !== undefined) {
    setProperty(attachment, p.PidNameAttachmentMacInfo, partBytes(read, appleFile));
    setProperty(attachment, p.PidTagAttachEncoding, macEncoding);
  }
  return attachment;
}

/** An enclosed message. [MS-OXCMAIL] 2.2.3.4.3 */
export function embeddedAttachmentOf(
  part: MimePart, index: number, embedded: ItemBag, subject: string,
): ItemAttachment {
  const attachment = describe(part, index, false, () => false);
  attachment.embedded = embedded;
  setProperty(attachment, p.PidTagAttachMethod, attachMethods.embedded);
  setProperty(attachment, p.PidTagAttachSize, part.bodyEnd - part.bodyStart);
  const name = fileName(part);
  setProperty(attachment, p.PidTagDisplayName, subject === "" ? cutText(name ?? "", 255) : cutText(subject, 255));
  if (name !== null) setProperty(attachment, p.PidTagAttachLongFilename, safeFileName(name));
  return attachment;
}

/** OID 1.2.840.113556.3.11.1, MacBinary. [MS-OXCMSG] 2.2.2.20 */
const macEncoding = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x03, 0x0b, 0x01);

function describe(part: MimePart, index: number, related: boolean, isShown: IsShown): ItemAttachment {
  const attachment: ItemAttachment = newItemObject();
  setProperty(attachment, p.PidTagAttachNumber, index);
  setProperty(attachment, p.PidTagRenderingPosition, notRendered);
  setProperty(attachment, p.PidTagAttachMimeTag, `${part.type}/${part.subtype}`);
  const contentId = part.contentId?.trim().replace(/^</, "").replace(/>$/, "") ?? "";
  if (contentId !== "") setProperty(attachment, p.PidTagAttachContentId, contentId);
  setProperty(attachment, p.PidTagAttachContentLocation, part.location);
  const isInline = isShown(contentId === "" ? null : contentId, part.location ?? null);
  const isNamed = contentId !== "" || part.location !== undefined;
  const belongs = related && isNamed && part.disposition?.type !== "attachment";
  setProperty(attachment, p.PidTagAttachFlags, belongs || isInline ? renderedInBody : 0);
  setProperty(attachment, p.PidTagAttachmentHidden, isInline);
  for (const [name, property] of [
    ["creation-date", p.PidTagCreationTime], ["modification-date", p.PidTagLastModificationTime],
  ] as const) {
    const text = part.disposition === undefined ? null : paramValue(part.disposition.params, name);
    const utcMs = text === null ? null : parseDate(text);
    if (utcMs !== null) setProperty(attachment, property, toFileTime(utcMs));
  }
  return attachment;
}

/** [MS-OXCMAIL] 2.2.3.4.1.1 */
function setNames(attachment: ItemAttachment, part: MimePart, index: number): void {
  const mimeTag = `${part.type}/${part.subtype}`;
  const given = fileName(part);
  const made = `ATT${String(index + 1).padStart(5, "0")}${mimeExtension(mimeTag)}`;
  const name = given === null ? made : safeFileName(given);
  setProperty(attachment, p.PidTagAttachLongFilename, name);
  setProperty(attachment, p.PidTagAttachFilename, shortFileName(name));
  setProperty(attachment, p.PidTagAttachExtension, extensionOf(name));
  const description = part.description === undefined ? "" : collapse(decodeWords(part.description));
  setProperty(attachment, p.PidTagDisplayName, description === "" ? name : cutText(description, 255));
}
