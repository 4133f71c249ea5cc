import { Buffer } from "node:buffer";
import { limits } from "#base/limits.ts";
import { captureFieldsDefault, readSection } from "#format/mime/content.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { parseDate } from "#format/mime/date.ts";
import { makeEnvelope } from "#format/mime/envelope.ts";
import { headerFields } from "#format/mime/headers.ts";
import { paramValue } from "#format/mime/parameters.ts";
import { summarize } from "#format/mime/summary.ts";
import { mimeIndexVersion } from "#format/mime/types.ts";
import { properties } from "#props/registry.ts";
import { getProperty, newItem, newItemObject, setProperty } from "#convert/item.ts";
import { LargeBag } from "#convert/large.ts";
import { attachMethods, attachmentOf, embeddedAttachmentOf } from "#convert/mime/attachments-read.ts";
import { setBodies } from "#convert/mime/bodies.ts";
import { entityContent, partBytes, partContent, partStart, withLineFeeds } from "#convert/mime/contents.ts";
import {
  readHeaders, setDelivery, setFields, setNamedFields, setPeople, setSummary, setTransportHeaders,
} from "#convert/mime/headers-read.ts";
import { isClearSigned, isOpaqueSecure, layoutOf } from "#convert/mime/layout.ts";
import { classOfCalendar, classOfContentClass } from "#convert/mime/message-class.ts";
import { fieldGroups, setReport } from "#convert/mime/report-read.ts";
import { shownParts } from "#convert/mime/shown-parts.ts";
import { fromFileTime } from "#convert/mime/times.ts";
import { isOfMessage, mergeTnef } from "#convert/mime/tnef-merge.ts";
import { readTnef } from "#convert/tnef.ts";
import type { CapturedField, Envelope, MimeIndex, MimePart } from "#format/mime/types.ts";
import type { ItemAttachment, ItemBag, ItemContent } from "#convert/item.ts";
import type { IsShown } from "#convert/mime/attachments-read.ts";
import type { ReadBytes } from "#convert/mime/contents.ts";
import type { Headers, IsWelcome } from "#convert/mime/headers-read.ts";
import type { AttachedPart, Layout } from "#convert/mime/layout.ts";
import type { Original } from "#convert/mime/report-read.ts";
import type { ShownParts } from "#convert/mime/shown-parts.ts";

const p = properties;

export interface FromMimeOptions {
  /** When the message came into the mailbox, UTC milliseconds; else the last Received field tells. */
  readonly deliveredMs?: number;
  /** Whether a header field without a row in the registry may become a named property; else all may. */
  readonly isWelcome?: IsWelcome;
  /** False leaves winmail.dat an attachment, as does a broken one. */
  readonly openTnef?: boolean;
  /** Bodies of more bytes are not held in the bag, but told from the message. */
  readonly heldMaxBytes?: number;
  /** What was read of a large part beforehand, by those who must not do it all at once. */
  readonly readBefore?: ReadBefore;
  /** Takes a calendar into the item, with the method of its part; false leaves it a hidden attachment. */
  readonly readCalendar?: (text: string, item: ItemBag, part?: { readonly method: string }) => boolean;
}

/** Large parts that somebody has read already; undefined for those that were not. */
export interface ReadBefore {
  /** Decoded. */
  readonly bytes: (part: MimePart) => Uint8Array | undefined;
  /** What its HTML shows in place. */
  readonly shown: (part: MimePart) => ShownParts | undefined;
}

/** PidTagMessageFlags. [MS-OXCMSG] 2.2.1.6 */
export const messageFlags = { read: 1, unsent: 8, hasAttachments: 0x10 } as const;

/**
 * A message as an item. `read` gives bytes of the message the index was made of; attachments keep asking it, so that it
 * must stay usable as long as they are. Nothing is refused: what cannot be understood is an attachment.
 * [MS-OXCMAIL] 2.2, [MS-OXOSMIME] 2.1.3
 */
export function fromMime(index: MimeIndex, read: ReadBytes, options: FromMimeOptions = {}): ItemBag {
  return new MessageReader(read, options).message(index.envelope, index.root, 0, options.deliveredMs ?? null);
}

/** Messages in messages; the index bounds them too. Deeper ones are files. */
const embeddedDepthMax = 32;
const headerMax = 1024 * 1024;
const textMax = 4 * 1024 * 1024;
const captured = new Set(captureFieldsDefault);

class MessageReader {
  readonly #read: ReadBytes;
  readonly #options: FromMimeOptions;

  constructor(read: ReadBytes, options: FromMimeOptions) {
    this.#read = read;
    this.#options = options;
  }

  message(envelope: Envelope, root: MimePart, depth: number, deliveredMs: number | null): ItemBag {
    const heldMaxBytes = this.#options.heldMaxBytes ?? limits.itemBodyHeldMaxBytes;
    const item = root.bodyEnd - root.bodyStart > heldMaxBytes ? { ...newItem(), bag: new LargeBag() } : newItem();
    const section = withLineFeeds(this.#read(root.headerStart, root.bodyStart));
    const hint = paramValue(root.params, "charset");
    const headers = readHeaders(section, hint);
    const { captured: fields } = readSection(section, "text/plain", false, captured);
    const summary = summarize(indexOf(envelope, root, fields));
    setProperty(item, p.PidTagMessageClass, classOfContentClass(headers.get("content-class") ?? "") ?? "IPM.Note");
    setSummary(item, summary);
    setPeople(item, envelope, headers);
    setFields(item, headers);
    setNamedFields(item, headers, this.#options.isWelcome ?? (() => true));
    setTransportHeaders(item, section, hint);
    setDelivery(item, deliveredMs ?? receivedMs(headers));
    this.#content(item, root, section, headers, depth);
    const visible = item.attachments.some((one) => getProperty(one, p.PidTagAttachmentHidden) !== true);
    setProperty(item, p.PidTagHasAttachments, visible);
    const unsent = headers.get("x-unsent")?.trim() === "1" ? messageFlags.unsent : 0;
    setProperty(item, p.PidTagMessageFlags, unsent | (visible ? messageFlags.hasAttachments : 0));
    return item;
  }

  #content(item: ItemBag, root: MimePart, section: Uint8Array, headers: Headers, depth: number): void {
    if (isClearSigned(root)) {
      const signed = root.kind === "multipart" ? root.children[0] : undefined;
      if (signed !== undefined) setBodies(item, this.#read, layoutOf(signed).body, this.#options.heldMaxBytes);
      this.#secure(item, root, "IPM.Note.SMIME.MultipartSigned", headers);
      const content = entityContent(this.#read, contentFields(section), root.bodyStart, root.bodyEnd);
      item.attachments.push(secureAttachment("multipart/signed", content));
      return;
    }
    if (isOpaqueSecure(root)) {
      this.#secure(item, root, "IPM.Note.SMIME", headers);
      item.attachments.push(secureAttachment("application/pkcs7-mime", partContent(this.#read, root)));
      return;
    }
    if (root.kind === "multipart" && root.subtype === "encrypted") this.#secure(item, root, "IPM.Note", headers);
    const layout = layoutOf(root);
    setBodies(item, this.#read, layout.body, this.#options.heldMaxBytes);
    this.#calendar(item, layout);
    const isShown = layout.attachments.length === 0 ? () => false : this.#shownParts(item, layout);
    const hasHtml = item.bag.has(p.PidTagHtml.tag);
    for (const attached of layout.attachments) {
      this.#attach(item, hasHtml ? attached : { ...attached, related: false }, isShown, depth);
    }
    if (layout.tnef !== null) this.#tnef(item, layout.tnef, headers);
    if (layout.report !== null) this.#report(item, layout, layout.report);
  }

  /** The parameters of the outermost part are kept, for the way back. [MS-OXOSMIME] 2.1.3 */
  #secure(item: ItemBag, root: MimePart, messageClass: string, headers: Headers): void {
    setProperty(item, p.PidTagMessageClass, messageClass);
    setProperty(item, p.PidNameContentType, headers.get("content-type") ?? `${root.type}/${root.subtype}`);
  }

  #shownParts(item: ItemBag, { body }: Layout): IsShown {
    const before = body.map(({ html }) => (html === undefined ? undefined : this.#options.readBefore?.shown(html)));
    const known = before.filter((one) => one !== undefined);
    if (known.length === 0) return shownParts(item);
    return (contentId, location) => known.some((one) => one.isShown(contentId, location));
  }

  #attach(item: ItemBag, attached: AttachedPart, isShown: IsShown, depth: number): void {
    const { part } = attached;
    const index = item.attachments.length;
    if (part.kind !== "message" || depth >= embeddedDepthMax) {
      item.attachments.push(attachmentOf(this.#read, attached, index, isShown));
      return;
    }
    const embedded = this.message(part.envelope, part.body, depth + 1, null);
    const subject = getProperty(embedded, p.PidTagSubject) ?? "";
    item.attachments.push(embeddedAttachmentOf(part, index, embedded, subject));
  }

  #calendar(item: ItemBag, layout: Layout): void {
    if (layout.calendar === null) return;
    const bytes = partStart(this.#read, layout.calendar, textMax);
    // Calendars are UTF-8 unless they say otherwise. RFC 5545 §3.1.4
    const text = decodeCharset(bytes, paramValue(layout.calendar.params, "charset") ?? "utf-8");
    const messageClass = classOfCalendar(layout.calendar, text);
    const plainClass = getProperty(item, p.PidTagMessageClass);
    if (messageClass !== null) setProperty(item, p.PidTagMessageClass, messageClass);
    const method = paramValue(layout.calendar.params, "method") ?? "";
    const { readCalendar } = this.#options;
    if (messageClass !== null && readCalendar?.(text, item, { method }) === true) return;
    // What nobody here can carry out is a file that its reader sees.
    const isMeeting = messageClass !== null && readCalendar === undefined;
    if (!isMeeting) setProperty(item, p.PidTagMessageClass, plainClass);
    setProperty(this.#file(item, layout.calendar), p.PidTagAttachmentHidden, isMeeting);
  }

  #file(item: ItemBag, part: MimePart): ItemAttachment {
    const attachment = attachmentOf(this.#read, { part, related: false }, item.attachments.length, () => false);
    item.attachments.push(attachment);
    return attachment;
  }

  #tnef(item: ItemBag, part: MimePart, headers: Headers): void {
    const found = this.#options.openTnef === false ? null : readTnef(
      this.#options.readBefore?.bytes(part) ?? partBytes(this.#read, part));
    if (found !== null && isOfMessage(found, headers)) mergeTnef(item, found);
    else if (found !== null) item.attachments.push(foreignTnef(part, item.attachments.length, found));
    else this.#file(item, part);
  }

  #report(item: ItemBag, layout: Layout, { status, kind }: NonNullable<Layout["report"]>): void {
    const bytes = withLineFeeds(partStart(this.#read, status, headerMax));
    const groups = fieldGroups(bytes, (section) => readHeaders(section, null));
    setReport(item, kind, groups, this.#original(item, layout));
  }

  /** The message a report is about: enclosed whole, or its header. RFC 6522 §3 */
  #original(item: ItemBag, layout: Layout): Original {
    const embedded = item.attachments.find((one) => one.embedded !== undefined)?.embedded;
    if (embedded !== undefined) {
      const submit = getProperty(embedded, p.PidTagClientSubmitTime);
      return {
        subject: getProperty(embedded, p.PidTagSubject) ?? null,
        messageId: getProperty(embedded, p.PidTagInternetMessageId) ?? null,
        submitMs: submit === undefined ? null : fromFileTime(submit),
        messageClass: getProperty(embedded, p.PidTagMessageClass) ?? null,
      };
    }
    const part = layout.attachments.find(({ part: { subtype } }) => /^(?:rfc822|global)-headers$/.test(subtype))?.part;
    if (part === undefined) return { subject: null, messageId: null, submitMs: null, messageClass: null };
    const section = withLineFeeds(partStart(this.#read, part, headerMax));
    const envelope = makeEnvelope(readSection(section, "text/plain", true, null).envelope);
    const { subject, messageIdHeader, sentMs } = summarize(indexOf(envelope, part, []));
    const messageId = messageIdHeader === "" ? null : messageIdHeader;
    return { subject, messageId, submitMs: sentMs, messageClass: null };
  }
}

/** As much of an index as a summary asks for. */
function indexOf(envelope: Envelope, root: MimePart, fields: readonly CapturedField[]): MimeIndex {
  return {
    version: mimeIndexVersion, sizeBytes: 0, headerStart: 0, headerSizeBytes: 0, lineCount: 0, bareLineFeedCount: 0,
    eightBit: false, eightBitHeader: false, nulBytes: false, truncated: false, envelope, root, fields, preview: "",
    hasAttachments: false, attachmentNames: [],
  };
}

/** A winmail.dat of another message is that message, enclosed. */
function foreignTnef(part: MimePart, index: number, found: ItemBag): ItemAttachment {
  const attachment = embeddedAttachmentOf(part, index, found, getProperty(found, p.PidTagSubject) ?? "");
  setProperty(attachment, p.PidTagAttachMimeTag, "message/rfc822");
  attachment.bag.delete(p.PidTagAttachLongFilename.tag);
  return attachment;
}

function receivedMs(headers: Headers): number | null {
  const received = headers.get("received");
  return received === undefined ? null : parseDate(received.slice(received.lastIndexOf(";") + 1));
}

/** The fields of a header that tell of its body, and a blank line. */
function contentFields(section: Uint8Array): Uint8Array {
  const out: Uint8Array[] = [];
  for (const field of headerFields(section)) {
    if (!field.name.startsWith("content-") || field.name === "content-class") continue;
    out.push(section.subarray(field.start, field.end));
    if (section[field.end - 1] !== 0x0a) out.push(lineEnd);
  }
  return Buffer.concat([...out, lineEnd]);
}

const lineEnd = Uint8Array.of(0x0d, 0x0a);
const secureFileName = "smime.p7m";

/** The only attachment of a signed or encrypted message. [MS-OXOSMIME] 2.1.3 */
function secureAttachment(mimeTag: string, content: ItemContent): ItemAttachment {
  const attachment: ItemAttachment = newItemObject();
  attachment.content = content;
  setProperty(attachment, p.PidTagAttachNumber, 0);
  setProperty(attachment, p.PidTagAttachMethod, attachMethods.byValue);
  setProperty(attachment, p.PidTagAttachMimeTag, mimeTag);
  setProperty(attachment, p.PidTagAttachLongFilename, secureFileName);
  setProperty(attachment, p.PidTagAttachFilename, secureFileName);
  setProperty(attachment, p.PidTagAttachExtension, ".p7m");
  setProperty(attachment, p.PidTagDisplayName, secureFileName);
  setProperty(attachment, p.PidTagRenderingPosition, -1);
  setProperty(attachment, p.PidTagAttachSize, content.aboutBytes);
  return attachment;
}
