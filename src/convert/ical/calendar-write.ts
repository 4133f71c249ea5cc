/** Appointments and meeting messages as an iCalendar text. RFC 5545 §3.4, [MS-OXCICAL] 2.1.3 */
import { WireError } from "#base/fault.ts";
import { decodeAppointmentRecur } from "#calendar/recurrence/blob.ts";
import { recurrenceOf } from "#calendar/recurrence/from-blob.ts";
import { ruleOfRecurrence } from "#calendar/recurrence/to-rule.ts";
import { formatDateTime, parseRuleTime, weekdayNames } from "#calendar/zones/rule-text.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import { splitContentLine } from "#format/content-lines.ts";
import { properties } from "#props/registry.ts";
import { getProperty, namedKey, setProperty } from "#convert/item.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { isException } from "#convert/ical/attachments.ts";
import { eventLines, resolveDefault, timeLines, timesOf } from "#convert/ical/event-write.ts";
import { exceptionDateOf } from "#convert/ical/global-object-id.ts";
import { dropKept, keptComponent } from "#convert/ical/kept.ts";
import { rangeName } from "#convert/ical/names.ts";
import { textOfLines } from "#convert/ical/lines.ts";
import { keptRuleOf } from "#convert/ical/series-read.ts";
import { timeText, utcText } from "#convert/ical/times.ts";
import { UsedZones } from "#convert/ical/zones-write.ts";
import type { Modified, Recurrence } from "#calendar/recurrence/model.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { WriteContext, WrittenTimes } from "#convert/ical/event-write.ts";
import type { ItemAttachment, ItemBag } from "#convert/item.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";

const p = properties;

export interface WriteCalendarOptions {
  /** Where floating times and whole days are; UTC when nobody tells. */
  readonly zone?: Zone;
  /** METHOD, upper case; else none. RFC 5546 §1.4 */
  readonly method?: string;
  /** The Internet address of another kind of address ("EX"), null when there is none. */
  readonly resolve?: ResolveAddress;
}

/**
 * Items as one VCALENDAR with the zones they need. Equal items give equal text; items without a start are left out.
 * Throws Fault `notSupported` for a series in a calendar that no RRULE tells. RFC 5545 §3.4, [MS-OXCICAL] 2.1.3
 */
export function writeCalendar(items: readonly ItemBag[], options: WriteCalendarOptions = {}): string {
  const method = options.method ?? "";
  const used = new UsedZones();
  const context: WriteContext = {
    used, method, own: options.zone ?? utcZone,
    resolve: (type, address) => options.resolve?.(type, address) ?? resolveDefault(type, address),
  };
  const events = items.flatMap((item) => itemLines(item, context));
  const head = ["BEGIN:VCALENDAR", "PRODID:-//Outpost//Outpost//EN", "VERSION:2.0"];
  if (/^[A-Z-]+$/.test(method)) head.push(`METHOD:${method}`);
  return textOfLines([...head, ...used.lines(), ...events, "END:VCALENDAR"]);
}

function itemLines(item: ItemBag, context: WriteContext): string[] {
  const kept = keptComponent(item);
  const times = timesOf(item, kept, context.own);
  if (times === undefined) return timelessLines(item, context);
  const blob = getProperty(item, p.PidLidAppointmentRecur);
  const recurrence = blob === undefined ? undefined : seriesOf(blob);
  if (recurrence !== undefined) return seriesLines(item, recurrence, times, context);
  return eventLines(item, times, [...timeLines(times, context.used), ...recurrenceIdOf(item, times, context)], context);
}

/** An answer or a cancellation that does not say when the meeting is. RFC 5546 §3.2.3, §3.2.5 */
function timelessLines(item: ItemBag, context: WriteContext): string[] {
  if (!["REPLY", "CANCEL", "REFRESH"].includes(context.method)) return [];
  const style = { style: "utc", zone: utcZone, tzid: "" } as const;
  const times: WrittenTimes = { startMs: 0, endMs: 0, start: style, end: style };
  return eventLines(item, times, recurrenceIdOf(item, times, context), context);
}

/** A blob that is broken makes no series: the first occurrence is what is left to tell. */
function seriesOf(blob: Uint8Array): Recurrence | undefined {
  try {
    return recurrenceOf(decodeAppointmentRecur(blob));
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** An occurrence that travels without its series. [MS-OXCICAL] 2.1.3.1.1.20.20 */
function recurrenceIdOf(item: ItemBag, { start }: WrittenTimes, { used }: WriteContext): string[] {
  const told = getProperty(item, p.PidLidExceptionReplaceTime);
  const id = getProperty(item, p.PidLidGlobalObjectId);
  const date = id === undefined ? undefined : exceptionDateOf(id);
  if (told === undefined && date === undefined) return [];
  const utcMs = told === undefined ? start.zone.toUtc(date!) : Number(told / 10_000n) - 11_644_473_600_000;
  used.use(start, utcMs, utcMs);
  const range = item.named.get(namedKey(rangeName))?.value === true ? ";RANGE=THISANDFUTURE" : "";
  return [`RECURRENCE-ID${range}${timeText(utcMs, start.style, start.zone, start.tzid)}`];
}

/** Years after the start of a series that its zone is told for. */
const zoneYears = 10;
const datesPerLine = 100;

/** Where it changes no date it is still what the client showed. RFC 5545 §3.3.10 WKST */
function withWeekStart(rule: string, { firstDayOfWeek }: Recurrence): string {
  const isTold = firstDayOfWeek === 1 || /(?:^|;)WKST=/.test(rule);
  return isTold ? rule : `${rule};WKST=${weekdayNames[firstDayOfWeek] ?? "MO"}`;
}

function ruleLines(item: ItemBag, recurrence: Recurrence, times: WrittenTimes): { lines: string[]; isKept: boolean } {
  const { start, endMs, startMs } = times;
  const kept = keptRuleOf(item);
  if (kept !== undefined && isStyled(kept, times)) {
    return { lines: kept.map((line) => withUtcEnd(line, times)), isKept: true };
  }
  const style = start.style === "date" || start.style === "floating" ? { kind: start.style }
    : { kind: "zoned" as const, zone: start.zone };
  const written = ruleOfRecurrence(recurrence, style);
  const lines = [
    `DTSTART${timeText(startMs, start.style, start.zone, start.tzid)}`,
    ...(endMs > startMs ? [`DTEND${timeText(endMs, start.style, start.zone, start.tzid)}`] : []),
    `RRULE:${withWeekStart(written.rule, recurrence)}`,
  ];
  for (let at = 0; at < written.excluded.length; at += datesPerLine) {
    const texts = written.excluded.slice(at, at + datesPerLine)
      .map((original) => timeText(start.zone.toUtc(original), start.style, start.zone, start.tzid));
    const prefix = texts[0]!.slice(0, texts[0]!.lastIndexOf(":") + 1);
    lines.push(`EXDATE${prefix}${texts.map((text) => text.slice(text.lastIndexOf(":") + 1)).join(",")}`);
  }
  return { lines, isKept: false };
}

/** About when the kept DTSTART is. */
function keptStartMs(lines: readonly string[]): number | undefined {
  const value = lines.find((line) => /^DTSTART[;:]/i.test(line))?.replace(/^.*:/, "").trim() ?? "";
  try {
    return parseRuleTime(value).localMs - 86_400_000;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** UNTIL is UTC where the start names a zone; some write a wall clock time or a date. RFC 5545 §3.3.10 */
function withUtcEnd(line: string, { start, startMs }: WrittenTimes): string {
  if (start.style !== "zoned" && start.style !== "utc") return line;
  const until = /^(RRULE.*[:;]UNTIL=)(\d{8})(T\d{6})?(?=;|$)/i;
  return line.replace(until, (whole, head: string, day: string, time?: string) => {
    try {
      const begin = formatDateTime(start.zone.toLocal(startMs)).slice(8);
      return `${head}${utcText(start.zone.localMsToUtc(parseRuleTime(`${day}${time ?? begin}`).localMs))}`;
    } catch (error) {
      // What is no time stays as it was.
      if (error instanceof WireError) return whole;
      throw error;
    }
  });
}

/** Whether the kept lines name the zone that is written now. */
function isStyled(lines: readonly string[], { start }: WrittenTimes): boolean {
  const found = lines.map((line) => splitContentLine(line));
  const tzids = found.map(({ parameters }) => parameters.get("TZID")).filter((tzid) => tzid !== undefined);
  const given = found.find(({ name }) => name === "DTSTART");
  if (given === undefined || tzids.some((tzid) => start.style !== "zoned" || tzid !== start.tzid)) return false;
  const isDate = !given.value.includes("T");
  const isUtc = /Z\s*$/i.test(given.value);
  return isDate === (start.style === "date") && isUtc === (start.style === "utc") &&
    (start.style === "zoned") === given.parameters.has("TZID");
}

function seriesLines(item: ItemBag, recurrence: Recurrence, times: WrittenTimes, context: WriteContext): string[] {
  const { start } = times;
  const { lines, isKept } = ruleLines(item, recurrence, times);
  // A series may stand for the later years of its rule alone.
  const fromMs = isKept ? Math.min(times.startMs, keptStartMs(lines) ?? times.startMs) : times.startMs;
  context.used.use(start, fromMs, times.startMs + zoneYears * 366 * 86_400_000);
  const out = eventLines(item, times, lines, context);
  const changes = new Map<bigint, ItemAttachment>();
  for (const attachment of item.attachments) {
    const told = isException(attachment) ? replaceTimeOf(attachment) : undefined;
    if (told !== undefined) changes.set(told, attachment);
  }
  for (const modified of recurrence.modified) {
    const originalMs = start.zone.toUtc(modified.original);
    const changed = changes.get(toFileTime(originalMs))?.embedded;
    // The lines that were kept say it already.
    if (changed === undefined && isKept) continue;
    const one = occurrenceItem(item, changed, modified, start.zone);
    const inner = timesOf(one, keptComponent(one), context.own);
    if (inner === undefined) continue;
    const id = `RECURRENCE-ID${timeText(originalMs, start.style, start.zone, start.tzid)}`;
    out.push(...eventLines(one, inner, [id, ...timeLines(inner, context.used)], context));
  }
  return out;
}

const replaceTimeOf = (attachment: ItemAttachment): bigint | undefined =>
  (attachment.embedded && getProperty(attachment.embedded, p.PidLidExceptionReplaceTime)) ??
  getProperty(attachment, p.PidTagExceptionReplaceTime);

/**
 * A changed occurrence in full: what its embedded message and the series' blob leave out is the series'. One that was
 * read from a calendar is whole as it is. [MS-OXOCAL] 2.2.10
 */
export function occurrenceItem(base: ItemBag, changed: ItemBag | undefined, modified: Modified, zone: Zone): ItemBag {
  if (changed !== undefined && keptComponent(changed).properties.length > 0) return changed;
  const { overrides } = modified;
  const item: ItemBag = {
    bag: new Map([...base.bag, ...(changed?.bag ?? [])]), named: new Map([...base.named, ...(changed?.named ?? [])]),
    recipients: changed !== undefined && changed.recipients.length > 0 ? changed.recipients : base.recipients,
    attachments: overrides.hasAttachment === true ? changed?.attachments ?? []
      : overrides.hasAttachment === false ? [] : base.attachments.filter((one) => !isException(one)),
  };
  dropKept(item);
  for (const { named } of [p.PidLidRecurring, p.PidLidAppointmentRecur]) item.named.delete(namedKey(named));
  setProperty(item, p.PidTagSubject, overrides.subject);
  if (overrides.subject === "") item.bag.delete(p.PidTagSubject.tag);
  setProperty(item, p.PidLidLocation, overrides.location);
  if (overrides.location === "") item.named.delete(namedKey(p.PidLidLocation.named));
  setProperty(item, p.PidLidReminderDelta, overrides.reminderDelta);
  setProperty(item, p.PidLidReminderSet, overrides.reminderSet);
  setProperty(item, p.PidLidBusyStatus, overrides.busyStatus);
  setProperty(item, p.PidLidAppointmentSubType, overrides.isAllDay);
  setProperty(item, p.PidLidAppointmentStartWhole, toFileTime(zone.toUtc(modified.start)));
  setProperty(item, p.PidLidAppointmentEndWhole, toFileTime(zone.toUtc(modified.end)));
  return item;
}
