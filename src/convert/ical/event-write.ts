/** One appointment or meeting message as the lines of a VEVENT. [MS-OXCICAL] 2.1.3.1.1.20 */
import { decodeCharset } from "#format/mime/charset.ts";
import { properties } from "#props/registry.ts";
import { getProperty } from "#convert/item.ts";
import { textOfHtml } from "#convert/mime/bodies.ts";
import { charsetOf } from "#convert/mime/charset.ts";
import { encapsulate } from "#convert/mime/people.ts";
import { fromFileTime } from "#convert/mime/times.ts";
import { alarmLines, reminderOf } from "#convert/ical/alarm.ts";
import { writeAttachments } from "#convert/ical/attachments.ts";
import {
  busyStatuses, importanceOf, originalNames, sensitivities, sensitivityOf, stateFlags,
} from "#convert/ical/event-read.ts";
import { uidOfGlobalObjectId } from "#convert/ical/global-object-id.ts";
import { isTold, keptComponent } from "#convert/ical/kept.ts";
import { escapeText, propertyOfName, textOf } from "#convert/ical/lines.ts";
import { forwardMethod } from "#convert/ical/people-read.ts";
import { forwardLines, peopleLines, refreshLines, replyLines } from "#convert/ical/people-write.ts";
import { CalendarZones, timeText, utcText } from "#convert/ical/times.ts";
import { styleOf } from "#convert/ical/zones-write.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { Component } from "#convert/ical/lines.ts";
import type { ItemBag } from "#convert/item.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { UsedZones, WrittenStyle } from "#convert/ical/zones-write.ts";

const p = properties;

export interface WriteContext {
  readonly own: Zone;
  readonly used: UsedZones;
  /** Upper case; empty for none. */
  readonly method: string;
  readonly resolve: ResolveAddress;
}

const domainDefault = "localhost.invalid";

/** For addresses of other kinds when nobody resolves them. [MS-OXCMAIL] 2.1.3.1 */
export const resolveDefault: ResolveAddress = (addressType, address) =>
  encapsulate(addressType, address, domainDefault);

export interface WrittenTimes {
  readonly startMs: number;
  readonly endMs: number;
  readonly start: WrittenStyle;
  readonly end: WrittenStyle;
}

const instantOf = (time: bigint | undefined): number | undefined =>
  (time === undefined ? undefined : Number(time / 10_000n) - 11_644_473_600_000);

/** A response that asks for another time, which is then the time of its event. [MS-OXOCAL] 2.2.7.3, RFC 5546 §3.2.7 */
const isProposal = (item: ItemBag): boolean => getProperty(item, p.PidLidAppointmentCounterProposal) === true &&
  getProperty(item, p.PidLidAppointmentProposedStartWhole) !== undefined &&
  /\.Resp\./i.test(getProperty(item, p.PidTagMessageClass) ?? "");

/** The times of the item; undefined when it has none. [MS-OXOCAL] 2.2.1.5, 2.2.1.6 */
export function timesOf(item: ItemBag, kept: Component, own: Zone): WrittenTimes | undefined {
  const proposed = isProposal(item);
  const startMs = instantOf(proposed ? getProperty(item, p.PidLidAppointmentProposedStartWhole)
    : getProperty(item, p.PidLidAppointmentStartWhole) ?? getProperty(item, p.PidLidCommonStart));
  if (startMs === undefined) return undefined;
  const told = instantOf(proposed ? getProperty(item, p.PidLidAppointmentProposedEndWhole)
    : getProperty(item, p.PidLidAppointmentEndWhole) ?? getProperty(item, p.PidLidCommonEnd));
  const length = getProperty(item, p.PidLidAppointmentDuration) ?? 0;
  const endMs = Math.max(startMs, told ?? startMs + length * 60_000);
  const start = styleOf(item, "start", kept, startMs, own);
  const plain = styleOf(item, "end", kept, endMs, own);
  // Both ends of a whole day are of one kind. RFC 5545 §3.8.2.2
  const isOneKind = start.style === "date" || start.style === "floating" || plain.style === "floating";
  return { startMs, endMs, start, end: isOneKind ? start : plain };
}

export function timeLines({ startMs, endMs, start, end }: WrittenTimes, used: UsedZones): string[] {
  used.use(start, startMs, startMs);
  used.use(end, endMs, endMs);
  const lines = [`DTSTART${timeText(startMs, start.style, start.zone, start.tzid)}`];
  // An end that is the start is none: DTEND must be later. RFC 5545 §3.8.2.2
  if (endMs > startMs) lines.push(`DTEND${timeText(endMs, end.style, end.zone, end.tzid)}`);
  return lines;
}

/** When the meeting is that a proposal is about. [MS-OXCICAL] 2.1.3.1.1.20.59 */
function originalLines(item: ItemBag, { start }: WrittenTimes, method: string): string[] {
  if (method !== "COUNTER" || !isProposal(item)) return [];
  const times = [getProperty(item, p.PidLidAppointmentStartWhole), getProperty(item, p.PidLidAppointmentEndWhole)];
  return originalNames.flatMap((name, index) => {
    const utcMs = instantOf(times[index]);
    return utcMs === undefined ? [] : [`${name}${timeText(utcMs, start.style, start.zone, start.tzid)}`];
  });
}

/** A text and the parameters that it came with, while it is the same text. */
function textLine(name: string, text: string | undefined, kept: Component): string[] {
  if (text === undefined) return [];
  const normal = (value: string | undefined): string => (value ?? "").replaceAll(/\s+/g, " ").trim();
  const line = propertyOfName(kept, name)?.line;
  if (line !== undefined && normal(textOf(kept, name)) === normal(text)) return [line];
  return [`${name}:${escapeText(text)}`];
}

function bodyLines(item: ItemBag, kept: Component): string[] {
  const html = getProperty(item, p.PidTagHtml);
  const page = getProperty(item, p.PidTagInternetCodepage);
  const markup = html === undefined ? undefined
    : decodeCharset(html, page === undefined || page === 65001 ? "utf-8" : charsetOf(page));
  const body = getProperty(item, p.PidTagBody) ?? (markup === undefined ? undefined : textOfHtml(markup));
  const lines = textLine("DESCRIPTION", body, kept);
  if (markup !== undefined) lines.push(`X-ALT-DESC;FMTTYPE=text/html:${escapeText(markup)}`);
  return lines;
}

const nameIn = (table: Readonly<Record<string, number>>, value: number): string | undefined =>
  Object.entries(table).find(([, one]) => one === value)?.[0];

function markLines(item: ItemBag, kept: Component): string[] {
  const lines: string[] = [];
  const sensitivity = getProperty(item, p.PidTagSensitivity) ?? 0;
  const classLine = propertyOfName(kept, "CLASS");
  if (classLine !== undefined && sensitivityOf(classLine) === sensitivity) lines.push(classLine.line);
  else lines.push(`CLASS:${nameIn(sensitivities, sensitivity) ?? "PUBLIC"}`);
  const importance = getProperty(item, p.PidTagImportance) ?? 1;
  const priority = propertyOfName(kept, "PRIORITY");
  if (priority !== undefined && (importanceOf(kept) ?? 1) === importance) lines.push(priority.line);
  else lines.push(`PRIORITY:${importance === 2 ? 1 : importance === 0 ? 9 : 5}`);
  const busy = getProperty(item, p.PidLidBusyStatus) ?? busyStatuses.BUSY;
  lines.push(`TRANSP:${busy === busyStatuses.FREE ? "TRANSPARENT" : "OPAQUE"}`);
  const status = propertyOfName(kept, "STATUS");
  const wasCanceled = status?.value.trim().toUpperCase() === "CANCELLED";
  const isCanceled = ((getProperty(item, p.PidLidAppointmentStateFlags) ?? 0) & stateFlags.canceled) !== 0;
  if (isCanceled) lines.push("STATUS:CANCELLED");
  else if (status !== undefined && !wasCanceled) lines.push(status.line);
  lines.push(`X-MICROSOFT-CDO-BUSYSTATUS:${nameIn(busyStatuses, busy) ?? "BUSY"}`);
  const intended = getProperty(item, p.PidLidIntendedBusyStatus);
  const intendedName = intended === undefined ? undefined : nameIn(busyStatuses, intended);
  if (intendedName !== undefined) lines.push(`X-MICROSOFT-CDO-INTENDEDSTATUS:${intendedName}`);
  lines.push(`X-MICROSOFT-CDO-IMPORTANCE:${importance}`);
  const isAllDay = getProperty(item, p.PidLidAppointmentSubType) === true;
  lines.push(`X-MICROSOFT-CDO-ALLDAYEVENT:${isAllDay ? "TRUE" : "FALSE"}`);
  const ownerId = getProperty(item, p.PidTagOwnerAppointmentId);
  if (ownerId !== undefined) lines.push(`X-MICROSOFT-CDO-OWNERAPPTID:${ownerId}`);
  if (getProperty(item, p.PidLidAppointmentNotAllowPropose) === true) lines.push("X-MICROSOFT-DISALLOW-COUNTER:TRUE");
  return lines;
}

function stampLine(name: string, time: bigint | undefined): string[] {
  const utcMs = time === undefined ? null : fromFileTime(time);
  return utcMs === null ? [] : [`${name}:${utcText(utcMs)}`];
}

const isReplyMethod = (method: string): boolean => method === "REPLY" || method === "COUNTER";

/** The same item gives the same stamp: no clock is asked. RFC 5545 §3.8.7.2 */
function stampLines(item: ItemBag, startMs: number, method: string): string[] {
  const ownerChange = getProperty(item, p.PidLidOwnerCriticalChange);
  const answered = isReplyMethod(method) ? getProperty(item, p.PidLidAttendeeCriticalChange) : undefined;
  const change = answered ?? ownerChange ?? getProperty(item, p.PidTagLastModificationTime);
  const stamp = stampLine("DTSTAMP", change);
  return [
    ...(stamp.length > 0 ? stamp : [`DTSTAMP:${utcText(startMs)}`]),
    ...stampLine("CREATED", getProperty(item, p.PidTagCreationTime)),
    ...stampLine("LAST-MODIFIED", getProperty(item, p.PidTagLastModificationTime)),
    ...(answered !== undefined && answered !== ownerChange
      ? stampLine("X-MICROSOFT-CDO-OWNER-CRITICAL-CHANGE", ownerChange) : []),
  ];
}

function categoryLines(item: ItemBag): string[] {
  const words = getProperty(item, p.PidNameKeywords) ?? [];
  return words.length === 0 ? [] : [`CATEGORIES:${words.map(escapeText).join(",")}`];
}

/** Alarms as they came while they mean the same reminder. [MS-OXCICAL] 2.1.3.1.1.20.62 */
function reminderLines(item: ItemBag, kept: Component, { startMs, endMs }: WrittenTimes, own: Zone): string[] {
  const alarms = kept.components.filter(({ name }) => name === "VALARM");
  const isSet = getProperty(item, p.PidLidReminderSet) === true;
  const delta = getProperty(item, p.PidLidReminderDelta) ?? 15;
  const had = reminderOf(kept, startMs, endMs, noZones(own));
  if ((isSet ? delta : undefined) === had) return alarms.flatMap(({ lines }) => lines);
  const others = alarms.filter((one) => reminderOf({ ...kept, components: [one] }, 0, 0, noZones(own)) === undefined);
  const subject = escapeText(getProperty(item, p.PidTagSubject) ?? "");
  return [...others.flatMap(({ lines }) => lines), ...(isSet ? alarmLines(Math.max(0, delta), subject) : [])];
}

const noZones = (own: Zone): CalendarZones => new CalendarZones(undefined, own);

/** Lines of which no property of the item tells. */
function restLines(kept: Component): string[] {
  const lines = kept.properties.filter(({ name }) => !isTold(name)).map(({ line }) => line);
  const components = kept.components.filter(({ name }) => name !== "VALARM");
  return [...lines, ...components.flatMap((one) => one.lines)];
}

/** For an item that never had an id: the same words give the same one. RFC 5545 §3.8.4.7 */
function fallbackUid(item: ItemBag): string {
  const start = getProperty(item, p.PidLidAppointmentStartWhole) ?? 0n;
  return `${start}-${(getProperty(item, p.PidTagSubject) ?? "").replaceAll(/[^A-Za-z0-9]+/g, "-").slice(0, 100)}`;
}

function uidLine(item: ItemBag, kept: Component): string {
  const id = getProperty(item, p.PidLidCleanGlobalObjectId) ?? getProperty(item, p.PidLidGlobalObjectId);
  const told = propertyOfName(kept, "UID");
  if (id === undefined) return told?.line ?? `UID:${fallbackUid(item)}`;
  const uid = uidOfGlobalObjectId(id);
  // Hexadecimal digits are the same in capitals.
  return told !== undefined && told.value.trim().toUpperCase() === uid.toUpperCase() ? told.line : `UID:${uid}`;
}

/** Who stands in the event, by what it is sent for. RFC 5546 §3.2 */
function peopleOf(method: string): typeof peopleLines {
  if (isReplyMethod(method)) return replyLines;
  return method === "REFRESH" ? refreshLines : method === forwardMethod ? forwardLines : peopleLines;
}

/**
 * The lines of one VEVENT; `timing` are those that say when. The parts that the item does not tell come from the lines
 * kept beside it. [MS-OXCICAL] 2.1.3.1.1.20
 */
export function eventLines(
  item: ItemBag, times: WrittenTimes, timing: readonly string[], context: WriteContext,
): string[] {
  const kept = keptComponent(item);
  const { method, resolve, own } = context;
  const told = getProperty(item, p.PidLidAppointmentSequence);
  const sequence = told === undefined && isReplyMethod(method) ? [] : [`SEQUENCE:${told ?? 0}`];
  return [
    "BEGIN:VEVENT", uidLine(item, kept), ...timing, ...originalLines(item, times, method),
    ...stampLines(item, times.startMs, method),
    ...textLine("SUMMARY", getProperty(item, p.PidTagSubject), kept),
    ...textLine("LOCATION", getProperty(item, p.PidLidLocation), kept), ...bodyLines(item, kept),
    ...peopleOf(method)(item, kept, resolve), ...sequence, ...categoryLines(item), ...markLines(item, kept),
    ...writeAttachments(item), ...restLines(kept), ...reminderLines(item, kept, times, own), "END:VEVENT",
  ];
}
