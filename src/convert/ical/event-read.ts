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
import {
  delegatedTo, forwardMethod, peopleOf, replierOf, responseOf, responses, setForwarded, setPeople, setReplier,
} from "#convert/ical/people-read.ts";
import type { CalendarZones } from "#convert/ical/times.ts";
import type { Component, Property } from "#convert/ical/lines.ts";
import type { CalendarPerson, EventPeople } from "#convert/ical/people-read.ts";
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
  /** SMTP address in From of the answer that it came in; empty when nobody is known. */
  readonly replier: string;
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
  const noCounter = propertyOfName(event, "X-MICROSOFT-DISALLOW-COUNTER")?.value.trim().toUpperCase();
  if (noCounter === "TRUE") setProperty(item, p.PidLidAppointmentNotAllowPropose, true);
  setProperty(item, p.PidTagCreationTime, stampOf(event, "CREATED"));
  setProperty(item, p.PidTagLastModificationTime, stampOf(event, "LAST-MODIFIED"));
}

/**
 * PidLidAppointmentSequence. Some programs hand lines of Outlook on while they count by SEQUENCE, so the larger one
 * holds. An answer without either is to whatever its writer had. [MS-OXCICAL] 2.1.3.1.1.20.24, RFC 5546 §2.1.5
 */
function setSequence(item: ItemBag, event: Component, method: string): void {
  const told = [integerOf(event, "X-MICROSOFT-CDO-APPT-SEQUENCE"), integerOf(event, "SEQUENCE")]
    .filter((one) => one !== undefined);
  if (told.length === 0 && isReplyMethod(method)) return;
  setProperty(item, p.PidLidAppointmentSequence, Math.max(0, ...told));
}

const replyClasses: Readonly<Record<number, string>> = {
  [responses.accepted]: "IPM.Schedule.Meeting.Resp.Pos", [responses.declined]: "IPM.Schedule.Meeting.Resp.Neg",
  [responses.tentative]: "IPM.Schedule.Meeting.Resp.Tent",
};

/** Methods whose message is of one class. [MS-OXCICAL] 2.1.3.1.1.1, RFC 5546 §1.4 */
const methodClasses: Readonly<Record<string, string>> = {
  "REQUEST": "IPM.Schedule.Meeting.Request", "ADD": "IPM.Schedule.Meeting.Request",
  "CANCEL": "IPM.Schedule.Meeting.Canceled", "COUNTER": "IPM.Schedule.Meeting.Resp.Tent",
  "REFRESH": "IPM.Schedule.Meeting.Refresh", [forwardMethod]: "IPM.Schedule.Meeting.Notification.Forward",
};

function messageClassOf(method: string, self: CalendarPerson | undefined): string {
  if (Object.hasOwn(methodClasses, method)) return methodClasses[method] ?? "IPM.Appointment";
  if (method !== "REPLY") return "IPM.Appointment";
  return replyClasses[answerOf(self)] ?? "IPM.Schedule.Meeting.Resp.Pos";
}

/** Who sent somebody in his place does not come. RFC 5545 §3.2.12 */
function answerOf(person: CalendarPerson | undefined): number {
  if (person === undefined) return responses.none;
  return delegatedTo(person).length > 0 ? responses.declined : responseOf(person.property);
}

const isReplyMethod = (method: string): boolean => method === "REPLY" || method === "COUNTER";
const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** What kind of meeting it is, for whom. [MS-OXOCAL] 2.2.1.10, 2.2.1.11 */
function setMeeting(item: ItemBag, event: Component, people: EventPeople, context: EventContext): void {
  const { organizer, attendees } = people;
  const { method, owner } = context;
  const isReply = isReplyMethod(method);
  const replier = isReply ? replierOf(people, context.replier) : undefined;
  setProperty(item, p.PidTagMessageClass, messageClassOf(method, replier));
  setProperty(item, p.PidNameCalendarMethod, method === "" ? undefined : method);
  setStamps(item, event, isReply);
  const isMeeting = organizer !== null || attendees.length > 0;
  const isOwn = owner !== "" && organizer !== null && isSame(organizer.address, owner);
  const isFromOrganizer = method === "REQUEST" || method === "CANCEL" || method === "ADD";
  const isReceived = isMeeting && !isOwn && (isFromOrganizer || owner !== "");
  const isCanceled = method === "CANCEL" || isCancelled(event);
  setProperty(item, p.PidLidAppointmentStateFlags, (isMeeting ? stateFlags.meeting : 0) |
    (isReceived ? stateFlags.received : 0) | (isCanceled ? stateFlags.canceled : 0));
  if (!isMeeting) {
    setProperty(item, p.PidLidResponseStatus, responses.none);
    return;
  }
  const self = attendees.find(({ address }) => owner !== "" && isSame(address, owner)) ?? replier;
  const response = isReceived || isReply ? answerOf(self) || responses.notResponded : responses.organized;
  setProperty(item, p.PidLidResponseStatus, response);
  setProperty(item, p.PidLidFInvited, true);
  if (method === "REQUEST" || method === "ADD") setProperty(item, p.PidLidMeetingType, 1);
  const rsvp = !isReply && (self === undefined ? attendees : [self])
    .some(({ property }) => property.parameters.get("RSVP")?.toUpperCase() === "TRUE");
  setProperty(item, p.PidTagResponseRequested, rsvp);
  setProperty(item, p.PidTagReplyRequested, rsvp);
  if (method === "COUNTER") setProperty(item, p.PidLidAppointmentCounterProposal, true);
}

export const isCancelled = (event: Component): boolean =>
  propertyOfName(event, "STATUS")?.value.trim().toUpperCase() === "CANCELLED";

/** When its organizer, or who answers, last changed it. [MS-OXOCAL] 2.2.1.34, 2.2.5.2 */
function setStamps(item: ItemBag, event: Component, isReply: boolean): void {
  const stamp = stampOf(event, "DTSTAMP");
  const ownerChange = stampOf(event, "X-MICROSOFT-CDO-OWNER-CRITICAL-CHANGE");
  setProperty(item, p.PidLidOwnerCriticalChange, ownerChange ?? stamp);
  const change = stampOf(event, "X-MICROSOFT-CDO-ATTENDEE-CRITICAL-CHANGE");
  setProperty(item, p.PidLidAttendeeCriticalChange, change ?? (isReply ? stamp : undefined));
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
  const isAllowed = method === "REPLY" || method === "CANCEL" || method === "REFRESH";
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
  setSequence(item, event, context.method);
  if (isReplyMethod(context.method) || context.method === "REFRESH") setReplier(item, people, context.replier);
  else if (context.method === forwardMethod) setForwarded(item, people);
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
