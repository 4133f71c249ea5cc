/** Calendars of mail: what `fromMime` and `toMime` are given to take them in and write them. RFC 6047 §2.4 */
import { Buffer } from "node:buffer";
import { Fault, WireError } from "#base/fault.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { attachMethods } from "#convert/mime/attachments-read.ts";
import { setDisplayNames } from "#convert/mime/headers-read.ts";
import { methodOfClass } from "#convert/mime/message-class.ts";
import { isException } from "#convert/ical/attachments.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import { exceptionAttachment } from "#convert/ical/overrides-read.ts";
import { forwardMethod } from "#convert/ical/people-read.ts";
import type { CalendarObject, ReadCalendarOptions } from "#convert/ical/calendar-read.ts";
import type { WriteCalendarOptions } from "#convert/ical/calendar-write.ts";
import type { CalendarText } from "#convert/mime/parts-write.ts";
import type { ItemAttachment, ItemBag } from "#convert/item.ts";
import type { PropertyTag } from "#props/types.ts";

const p = properties;

/** What the message tells better than its calendar: people, bodies, its own dates. [MS-OXCICAL] 2.1.3 */
const ofMessage = new Set<PropertyTag>([
  p.PidTagMessageClass, p.PidTagSubject, p.PidTagNormalizedSubject, p.PidTagConversationTopic, p.PidTagBody,
  p.PidTagHtml, p.PidTagNativeBody, p.PidTagInternetCodepage, p.PidTagCreationTime, p.PidTagLastModificationTime,
  p.PidTagSenderName, p.PidTagSenderAddressType, p.PidTagSenderEmailAddress, p.PidTagSenderSmtpAddress,
  p.PidTagSenderEntryId, p.PidTagSenderSearchKey, p.PidTagHasAttachments,
].map(({ tag }) => tag));

/**
 * Takes the meeting of a calendar into a message; false when there is none, several, or one that cannot be held. Of
 * occurrences that are told without their series the first is the message's, the others stand beside it. Recipients of
 * a request are those of its calendar. [MS-OXCICAL] 2.1.3.1.1.20, RFC 5546 §3.2.2.1
 */
export function readCalendarInto(text: string, item: ItemBag, options: ReadCalendarOptions = {}): boolean {
  try {
    const from = getProperty(item, p.PidTagSentRepresentingSmtpAddress) ?? "";
    const objects = readCalendars(text, { ...options, replier: options.replier ?? from }).flatMap((one) => one.objects);
    const [first, ...others] = objects.filter(isOfMeeting);
    if (first?.kind !== "event" || others.some((one) => one.kind !== "event" || one.uid !== first.uid)) return false;
    const { bag, named, recipients, attachments } = first.item;
    for (const [tag, value] of bag) if (!ofMessage.has(tag) || !item.bag.has(tag)) item.bag.set(tag, value);
    for (const [key, value] of named) item.named.set(key, value);
    const messageClass = getProperty(first.item, p.PidTagMessageClass) ?? "";
    if (/^IPM\.Schedule\./i.test(messageClass)) setProperty(item, p.PidTagMessageClass, messageClass);
    if (recipients.length > 0 && isToAttendees(item)) {
      item.recipients.splice(0, item.recipients.length, ...recipients);
      setDisplayNames(item);
    }
    item.attachments.push(...attachments);
    for (const one of others) if (one.kind === "event") item.attachments.push(besideAttachment(one.item));
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

/** Zones are none, nor a task that somebody sent along; an event told twice is told once. */
const isOfMeeting = (object: CalendarObject): boolean =>
  object.kind === "event" || (object.component === "VEVENT" && object.reason !== "severalMasters");

const isToAttendees = (item: ItemBag): boolean =>
  /\.(?:Request|Canceled)$/i.test(getProperty(item, p.PidTagMessageClass) ?? "");

/** Another occurrence of the same series in one message. [MS-OXOCAL] 2.2.10.1 */
function besideAttachment(item: ItemBag): ItemAttachment {
  const minutes = (time: bigint | undefined): number => Number((time ?? 0n) / 600_000_000n);
  const start = minutes(getProperty(item, p.PidLidAppointmentStartWhole));
  const end = minutes(getProperty(item, p.PidLidAppointmentEndWhole));
  const original = minutes(getProperty(item, p.PidLidExceptionReplaceTime));
  const one = { original, start, end, overrides: {} };
  return exceptionAttachment(item, one, utcZone);
}

/** Files go beside the calendar, as parts of the message. RFC 6047 §2.5, [MS-OXCICAL] 2.1.3.1.1.20.1 */
function withoutFiles(item: ItemBag): ItemBag {
  const attachments = item.attachments.filter((one) => isException(one) ||
    (getProperty(one, p.PidTagAttachMethod) ?? attachMethods.byValue) !== attachMethods.byValue);
  return { ...item, attachments };
}

export interface MeetingCalendarOptions extends WriteCalendarOptions {
  /** The reader knows what this server calls a forward notification; elsewhere it is plain mail. */
  readonly isInside?: boolean;
}

function methodFor(item: ItemBag, messageClass: string, isInside: boolean): string | null {
  if (/^IPM\.Schedule\.Meeting\.Notification\.Forward$/i.test(messageClass)) return isInside ? forwardMethod : null;
  if (/^IPM\.Schedule\.Meeting\.Refresh$/i.test(messageClass)) return "REFRESH";
  if (isDeclinedCounter(item)) return declineCounterMethod;
  if (!/^IPM\.Schedule\.Meeting\.(?:Request|Canceled|Resp)\b/i.test(messageClass)) return null;
  const isCounter = getProperty(item, p.PidLidAppointmentCounterProposal) === true && /\.Resp\./i.test(messageClass);
  return isCounter ? "COUNTER" : methodOfClass(messageClass);
}

/** Exchange has no class for it: the organizer's refusal of a proposal is mail with a calendar. RFC 5546 §3.2.8 */
export const declineCounterMethod = "DECLINECOUNTER";
const isDeclinedCounter = (item: ItemBag): boolean =>
  getProperty(item, p.PidNameCalendarMethod) === declineCounterMethod &&
  /^IPM\.Note$/i.test(getProperty(item, p.PidTagMessageClass) ?? "");

/** What need not say when the meeting is. RFC 5546 §3.2.3, §3.2.5, §3.2.6 */
const timeless: ReadonlySet<string> = new Set(["REPLY", "CANCEL", "REFRESH"]);

/** The calendar of a meeting message; null for other items and those that no calendar tells. RFC 6047 §2.4 */
export function calendarOf(item: ItemBag, options: MeetingCalendarOptions = {}): CalendarText | null {
  const messageClass = getProperty(item, p.PidTagMessageClass) ?? "";
  const method = methodFor(item, messageClass, options.isInside === true);
  const isTimed = getProperty(item, p.PidLidAppointmentStartWhole) !== undefined;
  const isNamed = getProperty(item, p.PidLidCleanGlobalObjectId) !== undefined;
  if (method === null || (!isTimed && !(isNamed && timeless.has(method)))) return null;
  try {
    const items = [item, ...besideOf(item)].map(withoutFiles);
    return { method, text: writeCalendar(items, { ...options, method }) };
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

/** Occurrences that came beside another one, each with a message's own class. [MS-OXOCAL] 2.2.10.1 */
export function besideOf(item: ItemBag): ItemBag[] {
  if (getProperty(item, p.PidLidAppointmentRecur) !== undefined) return [];
  const id = getProperty(item, p.PidLidCleanGlobalObjectId);
  return item.attachments.filter(isException).flatMap(({ embedded }) => {
    const own = embedded && getProperty(embedded, p.PidLidCleanGlobalObjectId);
    return embedded === undefined || id === undefined || own === undefined || !Buffer.from(id).equals(own)
      ? [] : [embedded];
  });
}
