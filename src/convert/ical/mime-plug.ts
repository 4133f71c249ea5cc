/** Calendars of mail: what `fromMime` and `toMime` are given to take them in and write them. RFC 6047 §2.4 */
import { Fault, WireError } from "#base/fault.ts";
import { properties } from "#props/registry.ts";
import { getProperty } from "#convert/item.ts";
import { attachMethods } from "#convert/mime/attachments-read.ts";
import { setDisplayNames } from "#convert/mime/headers-read.ts";
import { methodOfClass } from "#convert/mime/message-class.ts";
import { isException } from "#convert/ical/attachments.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import type { ReadCalendarOptions } from "#convert/ical/calendar-read.ts";
import type { WriteCalendarOptions } from "#convert/ical/calendar-write.ts";
import type { CalendarText } from "#convert/mime/parts-write.ts";
import type { ItemBag } from "#convert/item.ts";
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
 * Takes the one event of a calendar into a message; false when there is none, several, or one that cannot be held.
 * Recipients of a request are those of its calendar. [MS-OXCICAL] 2.1.3.1.1.20
 */
export function readCalendarInto(text: string, item: ItemBag, options: ReadCalendarOptions = {}): boolean {
  try {
    const [object, ...others] = readCalendars(text, options).flatMap(({ objects }) => objects);
    if (object === undefined || object.kind === "refused" || others.length > 0) return false;
    const { bag, named, recipients, attachments } = object.item;
    for (const [tag, value] of bag) if (!ofMessage.has(tag) || !item.bag.has(tag)) item.bag.set(tag, value);
    for (const [key, value] of named) item.named.set(key, value);
    const isReply = /\.Resp\./i.test(getProperty(item, p.PidTagMessageClass) ?? "");
    if (!isReply && recipients.length > 0) {
      item.recipients.splice(0, item.recipients.length, ...recipients);
      setDisplayNames(item);
    }
    item.attachments.push(...attachments);
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

/** Files go beside the calendar, as parts of the message. RFC 6047 §2.5, [MS-OXCICAL] 2.1.3.1.1.20.1 */
function withoutFiles(item: ItemBag): ItemBag {
  const attachments = item.attachments.filter((one) => isException(one) ||
    (getProperty(one, p.PidTagAttachMethod) ?? attachMethods.byValue) !== attachMethods.byValue);
  return { ...item, attachments };
}

/** The calendar of a meeting message; null for other items and those that no calendar tells. RFC 6047 §2.4 */
export function calendarOf(item: ItemBag, options: WriteCalendarOptions = {}): CalendarText | null {
  const messageClass = getProperty(item, p.PidTagMessageClass) ?? "";
  if (!/^IPM\.Schedule\.Meeting\.(?:Request|Canceled|Resp)\b/i.test(messageClass)) return null;
  if (getProperty(item, p.PidLidAppointmentStartWhole) === undefined) return null;
  const isCounter = getProperty(item, p.PidLidAppointmentCounterProposal) === true && /\.Resp\./i.test(messageClass);
  const method = isCounter ? "COUNTER" : methodOfClass(messageClass);
  try {
    return { method, text: writeCalendar([withoutFiles(item)], { ...options, method }) };
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}
