/** Items made of properties as MIME, for IMAP and POP3. Pure: the same item gives the same bytes. */
import { Buffer } from "node:buffer";
import { Fault, WireError } from "#base/fault.ts";
import { calendarOf } from "#convert/ical/mime-plug.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import { getProperty, newItemObject, setProperty } from "#convert/item.ts";
import { toMime } from "#convert/mime/to-mime.ts";
import { writeTodos } from "#convert/todo/write.ts";
import { writeVcard } from "#convert/vcard/write.ts";
import { properties } from "#props/registry.ts";
import type { ItemAttachment, ItemBag } from "#convert/item.ts";
import type { CalendarText } from "#convert/mime/parts-write.ts";

const p = properties;

/**
 * The item in pieces. Mail shows its header, bodies and attachments; an appointment its text and a calendar; a contact,
 * task or note its text and a file that any program reads. What cannot be put into such a file is mail all the same.
 * [MS-OXCMAIL] 2.1, RFC 6047 §2.4, RFC 6350
 */
export function renderItem(item: ItemBag, domain: string): Iterable<Uint8Array> {
  const file = fileOf(item, domain);
  const shown = file === null ? item : { ...item, attachments: [...item.attachments, file] };
  return toMime(shown, { domain, includeBcc: true, includeUnsent: true, writeCalendar: calendarText });
}

function calendarText(item: ItemBag): CalendarText | null {
  const messageClass = getProperty(item, p.PidTagMessageClass) ?? "";
  if (!/^IPM\.Appointment(?:\.|$)/i.test(messageClass)) return calendarOf(item);
  return orNothing(() => ({ method: "PUBLISH", text: writeCalendar([item], { method: "PUBLISH" }) }));
}

function fileOf(item: ItemBag, domain: string): ItemAttachment | null {
  const messageClass = getProperty(item, p.PidTagMessageClass) ?? "";
  if (/^IPM\.(?:Contact|DistList)(?:\.|$)/i.test(messageClass)) {
    return orNothing(() => textFile("text/vcard", "contact.vcf", writeVcard(item, { version: "4.0" })));
  }
  const name = /^IPM\.(Task|StickyNote|Activity)(?:\.|$)/i.exec(messageClass)?.[1]?.toLowerCase();
  if (name === undefined) return null;
  return orNothing(() => textFile("text/calendar", `${name}.ics`, writeTodos([item], { uid: `${name}@${domain}` })));
}

/** Null for what the format cannot hold. */
function orNothing<T>(write: () => T): T | null {
  try {
    return write();
  } catch (error) {
    if (error instanceof Fault || error instanceof WireError) return null;
    throw error;
  }
}

function textFile(type: string, name: string, text: string): ItemAttachment {
  const file: ItemAttachment = newItemObject();
  setProperty(file, p.PidTagAttachMethod, 1);
  setProperty(file, p.PidTagAttachMimeTag, type);
  setProperty(file, p.PidTagAttachLongFilename, name);
  setProperty(file, p.PidTagTextAttachmentCharset, "utf-8");
  setProperty(file, p.PidTagAttachDataBinary, Buffer.from(text, "utf8"));
  return file;
}

/** What stands for an item that cannot be written as MIME: its subject, and why there is no more. */
export function renderPlaceholder(subject: string): Iterable<Uint8Array> {
  const item: ItemBag = { ...newItemObject(), recipients: [], attachments: [] };
  setProperty(item, p.PidTagMessageClass, "IPM.Note");
  setProperty(item, p.PidTagSubject, subject);
  setProperty(item, p.PidTagBody, "This item cannot be shown as a mail message.\r\n");
  return toMime(item);
}
