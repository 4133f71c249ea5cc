/** One VEVENT as an appointment or a meeting message; its series is read beside it. [MS-OXCICAL] 2.1.3.1.1.20 */
import { Buffer } from "node:buffer";
import { WireError } from "#base/fault.ts";
import { parseRuleTime } from "#calendar/zones/rule-text.ts";
import { properties } from "#props/registry.ts";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import { nativeBodies, utf8CodePage } from "#convert/mime/bodies.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { reminderOf } from "#convert/ical/alarm.ts";
import { isException, readAttachments } from "#convert/ical/attachments.ts";
import { eventTimes, setTimes } from "#convert/ical/event-times.ts";
import { Refusal } from "#convert/ical/refusal.ts";
import { readTimeOf } from "#convert/ical/times.ts";
import { keepLines } from "#convert/ical/kept.ts";
import { integerOf, propertiesOf, propertyOfName, textOf, textsOf } from "#convert/ical/lines.ts";
import { peopleOf, responseOf, responses, setPeople, setReplier } from "#convert/ical/people-read.ts";
import type { CalendarZones } from "#convert/ical/times.ts";
import type { Component, Property } from "#convert/ical/lines.ts";
import type { EventPeople } from "#convert/ical/people-read.ts";
import type { EventTimes, ZoneProperties } from "#convert/ical/event-times.ts";
import type { ItemBag } from "#convert/item.ts";

const p = properties;

export interface EventContext {
  readonly zones: CalendarZones;
  readonly blobs: ZoneProperties;
  /** METHOD in upper case; empty when the calendar has none. */
  readonly method: string;
  /** SMTP address of the calendar's owner; empty when nobody is known. */
  readonly owner: string;
}

/** PidLidBusyStatus. [MS-OXCICAL] 2.1.3.1.1.20.31 */
export const busyStatuses = { FREE: 0, TENTATIVE: 1, BUSY: 2, OOF: 3, WORKINGELSEWHERE: 4 } as const;
/** PidTagSensitivity. [MS-OXCICAL] 2.1.3.1.1.20.4 */
export const sensitivities = { "PUBLIC": 0, "X-PERSONAL": 1, "PRIVATE": 2, "CONFIDENTIAL": 3 } as const;
/** PidLidAppointmentStateFlags. [MS-OXOCAL] 2.2.1.10 */
export const stateFlags = { meeting: 1, received: 2, canceled: 4 } as const;

function lookUp(table: Readonly<Record<string, number>>, text: string | undefined): number | undefined {
  const word = text?.trim().toUpperCase() ?? "";
  return Object.hasOwn(table, word) ? table[word] : undefined;
}

/** A class that nobody knows is private. RFC 5545 §3.8.1.3 */
export function sensitivityOf(property: Property | undefined): number {
  return property === undefined ? 0 : lookUp(sensitivities, property.value) ?? sensitivities.PRIVATE;
}

/** PidTagImportance by PRIORITY; undefined when it says nothing. [MS-OXCICAL] 2.1.3.1.1.20.17 */
export function importanceOf(event: Component): number | undefined {
  const priority = integerOf(event, "PRIORITY");
  if (priority === undefined || priority < 1 || priority > 9) return undefined;
  return priority < 5 ? 2 : priority === 5 ? 1 : 0;
}

/** The instant of a UTC property; undefined for none, or one that is broken. RFC 5545 §3.8.7 */
function stampOf(event: Component, name: string): bigint | undefined {
  const property = propertyOfName(event, name);
  if (property === undefined) return undefined;
  try {
    const { localMs } = parseRuleTime(property.value.trim());
    return localMs < 0 ? undefined : toFileTime(localMs);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function setTexts(item: ItemBag, event: Component): void {
  const subject = textOf(event, "SUMMARY")?.replaceAll(/\s*\n\s*/g, " ").trim();
  setProperty(item, p.PidTagSubject, subject);
  setProperty(item, p.PidTagNormalizedSubject, subject);
  setProperty(item, p.PidTagConversationTopic, subject);
  const location = textOf(event, "LOCATION")?.replaceAll(/\s*\n\s*/g, " ").trim();
  setProperty(item, p.PidLidLocation, location);
  const body = textOf(event, "DESCRIPTION");
  if (body !== undefined) {
    setProperty(item, p.PidTagBody, body.replaceAll(/\r\n|\r|\n/g, "\r\n"));
    setProperty(item, p.PidTagNativeBody, nativeBodies.plain);
    setProperty(item, p.PidTagInternetCodepage, utf8CodePage);
  }
  const html = propertiesOf(event, "X-ALT-DESC")
    .find(({ parameters }) => parameters.get("FMTTYPE")?.toLowerCase() === "text/html");
  const [htmlText] = textsOf(html);
  if (htmlText !== undefined && htmlText !== "") {
    setProperty(item, p.PidTagHtml, Buffer.from(htmlText, "utf8"));
    setProperty(item, p.PidTagNativeBody, nativeBodies.html);
    setProperty(item, p.PidTagInternetCodepage, utf8CodePage);
  }
  const categories = new Set(propertiesOf(event, "CATEGORIES").flatMap(textsOf).map((one) => one.trim()));
  categories.delete("");
  if (categories.size > 0) setProperty(item, p.PidNameKeywords, [...categories]);
}

function setMarks(item: ItemBag, event: Component): void {
  const sensitivity = sensitivityOf(propertyOfName(event, "CLASS"));
  setProperty(item, p.PidTagSensitivity, sensitivity);
  setProperty(item, p.PidLidPrivate, sensitivity >= sensitivities.PRIVATE);
  const told = integerOf(event, "X-MICROSOFT-CDO-IMPORTANCE");
  const importance = importanceOf(event) ?? (told === undefined || told < 0 || told > 2 ? 1 : told);
  setProperty(item, p.PidTagImportance, importance);
  setProperty(item, p.PidTagPriority, importance - 1);
  const status = propertyOfName(event, "STATUS")?.value.trim().toUpperCase();
  const isFree = propertyOfName(event, "TRANSP")?.value.trim().toUpperCase() === "TRANSPARENT";
  const plain = isFree ? busyStatuses.FREE : status === "TENTATIVE" ? busyStatuses.TENTATIVE : busyStatuses.BUSY;
  const busy = lookUp(busyStatuses, propertyOfName(event, "X-MICROSOFT-CDO-BUSYSTATUS")?.value) ?? plain;
  setProperty(item, p.PidLidBusyStatus, busy);
  const intended = propertyOfName(event, "X-MICROSOFT-CDO-INTENDEDSTATUS")?.value;
  setProperty(item, p.PidLidIntendedBusyStatus, lookUp(busyStatuses, intended));
  setProperty(item, p.PidTagOwnerAppointmentId, integerOf(event, "X-MICROSOFT-CDO-OWNERAPPTID"));
  const sequence = integerOf(event, "X-MICROSOFT-CDO-APPT-SEQUENCE") ?? integerOf(event, "SEQUENCE") ?? 0;
  setProperty(item, p.PidLidAppointmentSequence, Math.max(0, sequence));
  const noCounter = propertyOfName(event, "X-MICROSOFT-DISALLOW-COUNTER")?.value.trim().toUpperCase();
  if (noCounter === "TRUE") setProperty(item, p.PidLidAppointmentNotAllowPropose, true);
  setProperty(item, p.PidTagCreationTime, stampOf(event, "CREATED"));
  setProperty(item, p.PidTagLastModificationTime, stampOf(event, "LAST-MODIFIED"));
}

const replyClasses: Readonly<Record<number, string>> = {
  [responses.accepted]: "IPM.Schedule.Meeting.Resp.Pos", [responses.declined]: "IPM.Schedule.Meeting.Resp.Neg",
  [responses.tentative]: "IPM.Schedule.Meeting.Resp.Tent",
};

/** [MS-OXCICAL] 2.1.3.1.1.1 */
function messageClassOf(method: string, { attendees }: EventPeople): string {
  if (method === "REQUEST") return "IPM.Schedule.Meeting.Request";
  if (method === "CANCEL") return "IPM.Schedule.Meeting.Canceled";
  if (method === "COUNTER") return "IPM.Schedule.Meeting.Resp.Tent";
  if (method !== "REPLY") return "IPM.Appointment";
  const [attendee] = attendees;
  const response = attendee === undefined ? responses.none : responseOf(attendee.property);
  return replyClasses[response] ?? "IPM.Schedule.Meeting.Resp.Pos";
}

const isReplyMethod = (method: string): boolean => method === "REPLY" || method === "COUNTER";
const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** What kind of meeting it is, for whom. [MS-OXOCAL] 2.2.1.10, 2.2.1.11 */
function setMeeting(item: ItemBag, event: Component, people: EventPeople, { method, owner }: EventContext): void {
  const { organizer, attendees } = people;
  setProperty(item, p.PidTagMessageClass, messageClassOf(method, people));
  setProperty(item, p.PidNameCalendarMethod, method === "" ? undefined : method);
  const stamp = stampOf(event, "DTSTAMP");
  const isReply = isReplyMethod(method);
  const ownerChange = stampOf(event, "X-MICROSOFT-CDO-OWNER-CRITICAL-CHANGE");
  setProperty(item, p.PidLidOwnerCriticalChange, ownerChange ?? stamp);
  const change = stampOf(event, "X-MICROSOFT-CDO-ATTENDEE-CRITICAL-CHANGE");
  setProperty(item, p.PidLidAttendeeCriticalChange, change ?? (isReply ? stamp : undefined));
  const isMeeting = organizer !== null || attendees.length > 0;
  const isOwn = owner !== "" && organizer !== null && isSame(organizer.address, owner);
  const isReceived = isMeeting && !isOwn && (method === "REQUEST" || method === "CANCEL" || owner !== "");
  const isCanceled = method === "CANCEL" ||
    propertyOfName(event, "STATUS")?.value.trim().toUpperCase() === "CANCELLED";
  setProperty(item, p.PidLidAppointmentStateFlags, (isMeeting ? stateFlags.meeting : 0) |
    (isReceived ? stateFlags.received : 0) | (isCanceled ? stateFlags.canceled : 0));
  if (!isMeeting) {
    setProperty(item, p.PidLidResponseStatus, responses.none);
    return;
  }
  const self = attendees.find(({ address }) => owner !== "" && isSame(address, owner)) ??
    (isReply ? attendees[0] : undefined);
  const answer = self === undefined ? responses.none : responseOf(self.property);
  const response = isReceived || isReply ? answer || responses.notResponded : responses.organized;
  setProperty(item, p.PidLidResponseStatus, response);
  setProperty(item, p.PidLidFInvited, true);
  if (method === "REQUEST") setProperty(item, p.PidLidMeetingType, 1);
  const rsvp = !isReply && (self === undefined ? attendees : [self])
    .some(({ property }) => property.parameters.get("RSVP")?.toUpperCase() === "TRUE");
  setProperty(item, p.PidTagResponseRequested, rsvp);
  setProperty(item, p.PidTagReplyRequested, rsvp);
  if (method !== "COUNTER") return;
  setProperty(item, p.PidLidAppointmentCounterProposal, true);
}

function setReminder(item: ItemBag, event: Component, { start, endMs }: EventTimes, zones: CalendarZones): void {
  const delta = reminderOf(event, start.utcMs, endMs, zones);
  setProperty(item, p.PidLidReminderSet, delta !== undefined);
  setProperty(item, p.PidLidReminderDelta, delta ?? 15);
  if (delta === undefined) return;
  setProperty(item, p.PidLidReminderTime, toFileTime(start.utcMs));
  setProperty(item, p.PidLidReminderSignalTime, toFileTime(start.utcMs - delta * 60_000));
}

/** The time of a COUNTER is the one proposed; Outlook tells the meeting's beside it. [MS-OXCICAL] 2.1.3.1.1.20.59 */
function setProposal(item: ItemBag, event: Component, times: EventTimes, zones: CalendarZones): void {
  const { start, endMs, isAllDay } = times;
  setProperty(item, p.PidLidAppointmentProposedStartWhole, toFileTime(start.utcMs));
  setProperty(item, p.PidLidAppointmentProposedEndWhole, toFileTime(endMs));
  setProperty(item, p.PidLidAppointmentProposedDuration, Math.floor((endMs - start.utcMs) / 60_000));
  const [from, to] = originalNames.map((name) => propertyOfName(event, name));
  if (from === undefined || to === undefined) return;
  try {
    setTimes(item, readTimeOf(from, zones).utcMs, readTimeOf(to, zones).utcMs, isAllDay);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new Refusal("badTime", error.message);
  }
}

/** [MS-OXCICAL] 2.1.3.1.1.20.59, 2.1.3.1.1.20.60 */
export const originalNames = ["X-MS-OLK-ORIGINALSTART", "X-MS-OLK-ORIGINALEND"] as const;

/** An answer or a cancellation need not say when the meeting is. RFC 5546 §3.2.3, §3.2.5 */
function isTimeless(event: Component, { method }: EventContext): boolean {
  const isAllowed = method === "REPLY" || method === "CANCEL";
  return isAllowed && ["DTSTART", "RRULE", "RDATE"].every((name) => propertyOfName(event, name) === undefined);
}

function timesIn(event: Component, context: EventContext): EventTimes {
  if (!isTimeless(event, context)) return eventTimes(event, context.zones);
  const at = context.zones.own;
  return { start: { style: "utc", utcMs: 0, localMs: 0, local: 0, at }, endMs: 0, endAt: at, isAllDay: false };
}

export interface ReadEvent {
  readonly item: ItemBag;
  readonly times: EventTimes;
}

/** Everything of a VEVENT but its series and its id. Throws Refusal. [MS-OXCICAL] 2.1.3.1.1.20 */
export function readEvent(event: Component, context: EventContext): ReadEvent {
  const times = timesIn(event, context);
  const item = newItem();
  const people = peopleOf(event);
  setMeeting(item, event, people, context);
  if (isReplyMethod(context.method)) setReplier(item, people);
  else setPeople(item, people);
  setTexts(item, event);
  setMarks(item, event);
  const { start, endMs, endAt, isAllDay } = times;
  if (!isTimeless(event, context)) {
    setTimes(item, start.utcMs, endMs, isAllDay);
    context.blobs.setDisplay(item, start.at, endAt, start.utcMs);
    setReminder(item, event, times, context.zones);
    if (context.method === "COUNTER") setProposal(item, event, times, context.zones);
  }
  readAttachments(item, event);
  setHasAttachments(item);
  keepLines(item, event);
  setProperty(item, p.PidLidRecurring, false);
  return { item, times };
}

/** Changed occurrences are no attachments for people. [MS-OXCMSG] 2.2.1.2 */
export function setHasAttachments(item: ItemBag): void {
  setProperty(item, p.PidTagHasAttachments, item.attachments.some((one) => !isException(one) &&
    getProperty(one, p.PidTagAttachmentHidden) !== true));
}
