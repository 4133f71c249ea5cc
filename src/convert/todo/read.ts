/** VTODO and VJOURNAL read as tasks, notes and journal entries. [MS-OXOTASK] 2.2.2, [MS-OXONOTE] 2.2, RFC 5545 §3.6 */
import { midnightOf } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { getProperty, newItem, setNamed, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import {
  dayOfLine, durationOf, hexOf, instantOf, localOfTime, localTime, timeOf, utcTime, zonesOf,
} from "#convert/todo/calendar.ts";
import type { ZoneFinder } from "#convert/todo/calendar.ts";
import {
  importanceOf, mileageLine, mileageName, noteNumbers, taskLists, taskNumbers, taskStatusComplete, taskStatuses,
  taskTexts,
} from "#convert/todo/fields.ts";
import { blobOfLines, seriesNames } from "#convert/todo/series.ts";
import { parseInstant } from "#convert/vcard/dates.ts";
import {
  keepUnknown, KnownLines, setSensitivity, setSubject, uidName, uidOf,
} from "#convert/vcard/kept.ts";
import { parameterOf, readComponents } from "#convert/vcard/lines.ts";
import type { Component, Line } from "#convert/vcard/lines.ts";
import { formatComponent, line, splitValue, unescapeText } from "#convert/vcard/text.ts";
import { escapeText } from "#format/content-lines.ts";
import { properties } from "#props/registry.ts";
import type { NamedProperty, TaggedProperty } from "#props/registry.ts";

export interface TodoReadOptions {
  /** The reader's own, for floating times and for the day of an instant; UTC when not told. */
  readonly zone?: Zone;
}

export interface ReadTodos {
  readonly items: readonly ItemBag[];
  readonly faults: readonly string[];
}

/** Holds a whole component in one line. */
export const componentLine = "X-OUTPOST-COMPONENT";

class Reading {
  readonly item = newItem();
  readonly known = new KnownLines();
  readonly unknown: Line[] = [];
  readonly own: Zone;
  readonly find: ZoneFinder;
  readonly lines: readonly Line[];

  constructor(component: Component, own: Zone, find: ZoneFinder) {
    this.own = own;
    this.find = find;
    this.lines = component.lines;
  }

  first(name: string): Line | undefined {
    return this.lines.find((one) => one.name === name);
  }
}

type TimeProperty = TaggedProperty<"Time"> | NamedProperty<"Time">;

function setInstant(reading: Reading, name: string, property: TimeProperty, one: Line): boolean {
  const at = parseInstant(one.value);
  if (at === null || getProperty(reading.item, property) !== undefined) return false;
  setProperty(reading.item, property, utcTime(at));
  reading.known.add(`instant/${name}`, one, true);
  return true;
}

/** The lines that mean the same in all three. False keeps the line as it is. */
function readCommon(reading: Reading, one: Line): boolean {
  const { item, known } = reading;
  switch (one.name) {
    case "DTSTAMP": return known.add("uid/DTSTAMP", one, false) === undefined;
    case "UID": {
      const uid = unescapeText(one.value).trim();
      if (uid === "" || uidOf(item) !== undefined) return false;
      setNamed(item, uidName, "String", uid);
      return true;
    }
    case "SUMMARY":
      if (item.bag.has(properties.PidTagSubject.tag)) return false;
      setSubject(item, unescapeText(one.value).replaceAll("\r\n", " "));
      return known.add("text/SUMMARY", one, true) === undefined;
    case "DESCRIPTION":
      if (item.bag.has(properties.PidTagBody.tag)) return false;
      setProperty(item, properties.PidTagBody, unescapeText(one.value));
      return known.add("text/DESCRIPTION", one, true) === undefined;
    case "CATEGORIES": {
      const words = splitValue(one.value, ",").map((word) => unescapeText(word).trim()).filter((word) => word !== "");
      const before = getProperty(item, properties.PidNameKeywords) ?? [];
      if (words.length > 0) setProperty(item, properties.PidNameKeywords, [...new Set([...before, ...words])]);
      return true;
    }
    case "CLASS":
      return !item.bag.has(properties.PidTagSensitivity.tag) && setSensitivity(item, one.value)
        && known.add("text/CLASS", one, false) === undefined;
    case "CREATED": return setInstant(reading, "CREATED", properties.PidTagCreationTime, one);
    case "LAST-MODIFIED": return setInstant(reading, "LAST-MODIFIED", properties.PidTagLastModificationTime, one);
    default: return false;
  }
}

/** Whole numbers of 32 bits from lines of our own. */
function readNumber(
  reading: Reading, one: Line,
  table: readonly (readonly [string, TaggedProperty<"Integer32"> | NamedProperty<"Integer32">])[],
): boolean {
  const row = table.find(([name]) => name === one.name);
  const value = Number(one.value.trim());
  if (row === undefined || !Number.isInteger(value) || Math.abs(value) > 0x7fff_ffff) return false;
  setProperty(reading.item, row[1], value);
  return true;
}

/** The dates of a task are days of its reader; the pair beside them is the same in UTC. [MS-OXOTASK] 2.2.2.2.4 */
function readDates(reading: Reading): Set<Line> {
  const { item, own, find, known } = reading;
  const taken = new Set<Line>();
  const startLine = reading.first("DTSTART");
  const start = startLine === undefined ? undefined : timeOf(startLine, find);
  const dueLine = reading.first("DUE");
  let due = dueLine === undefined ? undefined : timeOf(dueLine, find);
  let dueDay = due === undefined ? undefined : dayOfLine(due, own);
  const startDay = start === undefined ? undefined : dayOfLine(start, own);
  const set = (name: string, day: LocalMinutes, from: Line): void => {
    const isStart = name === "DTSTART";
    setProperty(item, isStart ? properties.PidLidTaskStartDate : properties.PidLidTaskDueDate, localTime(day));
    setProperty(item, isStart ? properties.PidLidCommonStart : properties.PidLidCommonEnd, utcTime(own.toUtc(day)));
    known.add(`uid/${name}:${day}`, from, false);
    taken.add(from);
  };
  const lengthLine = reading.first("DURATION");
  const length = lengthLine === undefined ? undefined : durationOf(lengthLine.value);
  if (start !== undefined && length !== undefined && length >= 0 && due === undefined && lengthLine !== undefined) {
    const localMs = start.time.localMs + length;
    due = { zone: start.zone, time: { ...start.time, localMs, local: start.time.local + Math.floor(length / 60_000) } };
    dueDay = dayOfLine(due, own);
    set("DUE", dueDay, lengthLine);
  } else if (dueDay !== undefined && dueLine !== undefined && dueDay >= 0) {
    set("DUE", dueDay, dueLine);
  }
  if (startDay !== undefined && startLine !== undefined && startDay >= 0) {
    set("DTSTART", startDay, startLine);
    // A task that begins has a due date, not before its start. [MS-OXOTASK] 2.2.2.2.4
    if (dueDay === undefined || dueDay < startDay) {
      setProperty(item, properties.PidLidTaskDueDate, localTime(startDay));
      setProperty(item, properties.PidLidCommonEnd, utcTime(own.toUtc(startDay)));
      if (dueLine === undefined) setNamed(item, noDue, "Boolean", true);
    }
  }
  return taken;
}

/** The due date is only there because a start date must not be alone. */
export const noDue = { guid: uidName.guid, id: "OutpostNoDue" } as const;

/** [MS-OXOTASK] 2.2.2.2.2, 2.2.2.2.3, 2.2.2.2.9, 2.2.2.2.20 */
function readProgress(reading: Reading): Set<Line> {
  const { item, own, find, known } = reading;
  const taken = new Set<Line>();
  const statusLine = reading.first("STATUS");
  const word = (statusLine?.value ?? "").trim().toUpperCase().replaceAll(/[\s_]+/g, "-");
  const ownWord = (reading.first("X-OUTPOST-TASK-STATUS")?.value ?? "").trim().toUpperCase();
  let status = word === "COMPLETED" ? 2 : word === "IN-PROCESS" || word === "IN-PROGRESS" ? 1 : word === "CANCELLED" ? 4
    : Math.max(0, taskStatuses.findIndex((row) => row.own !== "" && row.own === ownWord));
  const percentLine = reading.first("PERCENT-COMPLETE");
  const told = Number(percentLine?.value.trim() || Number.NaN);
  let percent = told >= 0 && told <= 100 ? told / 100 : 0;
  const doneLine = reading.first("COMPLETED");
  const done = doneLine === undefined ? undefined : timeOf(doneLine, find);
  if (done !== undefined && doneLine !== undefined && (statusLine === undefined || status === taskStatusComplete)) {
    status = taskStatusComplete;
    const day = midnightOf(done.time.isDate ? done.time.local : own.toLocal(instantOf(done, own)));
    setProperty(item, properties.PidLidTaskDateCompleted, utcTime(own.toUtc(day)));
    known.add(`uid/COMPLETED:${day}`, doneLine, false);
    taken.add(doneLine);
  }
  if (statusLine === undefined && percent === 1) status = taskStatusComplete;
  if (status === taskStatusComplete) percent = 1;
  else if (statusLine === undefined && percent > 0 && status === 0) status = 1;
  setProperty(item, properties.PidLidTaskStatus, status);
  setProperty(item, properties.PidLidPercentComplete, percent);
  setProperty(item, properties.PidLidTaskComplete, status === taskStatusComplete);
  if (statusLine !== undefined) {
    known.add(`uid/STATUS:${status}`, statusLine, false);
    taken.add(statusLine);
  }
  if (percentLine !== undefined) {
    known.add(`uid/PERCENT:${percent}`, percentLine, false);
    taken.add(percentLine);
  }
  for (const one of reading.lines) if (one.name === "X-OUTPOST-TASK-STATUS") taken.add(one);
  return taken;
}

/** [MS-OXOTASK] 2.2.2.2.8, 2.2.2.2.15, 2.2.2.2.28 */
function readSeries(reading: Reading): Set<Line> {
  const { item, own, find, known } = reading;
  const lines = reading.lines.filter(({ name }) => seriesNames.has(name));
  const regenerate = reading.first("X-OUTPOST-REGENERATE");
  const start = getProperty(item, properties.PidLidTaskStartDate) ?? getProperty(item, properties.PidLidTaskDueDate);
  setProperty(item, properties.PidLidTaskFRecurring, false);
  if (lines.length === 0 || start === undefined) return new Set();
  const blob = blobOfLines(lines, localOfTime(start), own, find, regenerate?.value.trim().toUpperCase() === "TRUE");
  if (blob === undefined) return new Set();
  setProperty(item, properties.PidLidTaskRecurrence, blob);
  setProperty(item, properties.PidLidTaskFRecurring, true);
  setProperty(item, properties.PidLidTaskDeadOccurrence, false);
  for (const one of lines) known.add(`uid/SERIES:${hexOf(blob.subarray(0, 200))}`, one, false);
  return new Set(regenerate === undefined ? lines : [...lines, regenerate]);
}

/** The first alarm is the reminder; others stay beside it. [MS-OXORMDR] 2.2.1 */
function readAlarms(reading: Reading, alarms: readonly Component[]): void {
  const { item, own, find, known, unknown } = reading;
  setProperty(item, properties.PidLidReminderSet, false);
  for (const alarm of alarms) {
    const whole = line(componentLine, escapeText(formatComponent(alarm)));
    const trigger = alarm.name === "VALARM" ? alarm.lines.find(({ name }) => name === "TRIGGER") : undefined;
    const at = trigger === undefined ? undefined : instantOfTrigger(reading, trigger, own, find);
    if (at === undefined || getProperty(item, properties.PidLidReminderSet) === true) {
      unknown.push(whole);
      continue;
    }
    setProperty(item, properties.PidLidReminderSet, true);
    setProperty(item, properties.PidLidReminderTime, utcTime(at));
    setProperty(item, properties.PidLidReminderSignalTime, utcTime(at));
    known.add(`uid/VALARM:${at}`, whole, false);
  }
}

function instantOfTrigger(reading: Reading, trigger: Line, own: Zone, find: ZoneFinder): number | undefined {
  const length = durationOf(trigger.value);
  if (length === undefined) {
    const at = timeOf(trigger, find);
    return at === undefined ? undefined : instantOf(at, own);
  }
  const fromDue = parameterOf(trigger, "RELATED")?.toUpperCase() === "END";
  const names = fromDue ? ["DUE", "DTSTART"] : ["DTSTART", "DUE"];
  const from = names.map((name) => reading.first(name)).find((one) => one !== undefined);
  const at = from === undefined ? undefined : timeOf(from, find);
  return at === undefined ? undefined : instantOf(at, own) + length;
}

function finish(reading: Reading, component: Component): ItemBag {
  const { item } = reading;
  if (!item.bag.has(properties.PidTagSubject.tag)) {
    setSubject(item, (getProperty(item, properties.PidTagBody) ?? "").split("\r\n", 1)[0]?.slice(0, 255) ?? "");
    setNamed(item, { guid: uidName.guid, id: "OutpostNoSummary" }, "Boolean", true);
  }
  for (const inner of component.components) {
    if (component.name === "VTODO" && inner.name === "VALARM") continue;
    reading.unknown.push(line(componentLine, escapeText(formatComponent(inner))));
  }
  setProperty(item, properties.PidTagHasAttachments, false);
  keepUnknown(item, reading.unknown);
  reading.known.store(item, "2.0");
  return item;
}

/** A task from VTODO. RFC 5545 §3.6.2, [MS-OXOTASK] 2.2.2 */
export function readTask(component: Component, own: Zone, find: ZoneFinder): ItemBag {
  const reading = new Reading(component, own, find);
  const { item, known } = reading;
  setProperty(item, properties.PidTagMessageClass, "IPM.Task");
  setProperty(item, properties.PidTagIconIndex, 0x500);
  const taken = new Set([...readDates(reading), ...readProgress(reading)]);
  for (const one of readSeries(reading)) taken.add(one);
  const recurs = getProperty(item, properties.PidLidTaskFRecurring) === true;
  if (recurs) setProperty(item, properties.PidTagIconIndex, 0x501);
  setProperty(item, properties.PidLidTaskMode, 0);
  setProperty(item, properties.PidLidTaskState, 1);
  for (const one of component.lines) {
    if (taken.has(one) || readCommon(reading, one) || readNumber(reading, one, taskNumbers)) continue;
    if (readWords(item, one)) continue;
    const text = taskTexts.find(([name]) => name === one.name);
    if (text !== undefined) setProperty(item, text[1], unescapeText(one.value));
    else if (one.name === "PRIORITY" && importanceOf(one.value) !== null) {
      const importance = importanceOf(one.value) ?? 1;
      setProperty(item, properties.PidTagImportance, importance);
      known.add(`uid/PRIORITY:${importance}`, one, false);
    } else {
      if (one.name === "ORGANIZER") setPerson(item, one, properties.PidLidTaskAssigner);
      if (one.name === "ATTENDEE") setPerson(item, one, properties.PidLidTaskOwner);
      reading.unknown.push(one);
    }
  }
  readAlarms(reading, component.components.filter(({ name }) => name === "VALARM"));
  return finish(reading, component);
}

/** Companies, contacts and mileage, which no other calendar has. */
function readWords(item: ItemBag, one: Line): boolean {
  if (one.name === mileageLine) setNamed(item, mileageName, "String", unescapeText(one.value));
  const list = taskLists.find(([name]) => name === one.name);
  const words = splitValue(one.value, ",").map((word) => unescapeText(word).trim()).filter((word) => word !== "");
  if (list !== undefined && words.length > 0) setProperty(item, list[1], words);
  return one.name === mileageLine || list !== undefined;
}

/** Who gave a task and the first who got it; the line itself stays. [MS-OXOTASK] 2.2.2.2.22, 2.2.2.2.24 */
function setPerson(item: ItemBag, one: Line, property: TaggedProperty<"String"> | NamedProperty<"String">): void {
  const name = parameterOf(one, "CN") ?? one.value.replace(/^mailto:/i, "");
  const isAssigner = property === properties.PidLidTaskOwner
    && name === getProperty(item, properties.PidLidTaskAssigner);
  if (name !== "" && !isAssigner && getProperty(item, property) === undefined) setProperty(item, property, name);
}

/** A note, or a journal entry where it tells its type. RFC 5545 §3.6.3, [MS-OXONOTE] 2.2, [MS-OXOJRNL] 2.2 */
export function readNote(component: Component, own: Zone, find: ZoneFinder): ItemBag {
  const reading = new Reading(component, own, find);
  const { item, known } = reading;
  const type = reading.first("X-OUTPOST-JOURNAL-TYPE");
  setProperty(item, properties.PidTagMessageClass, type === undefined ? "IPM.StickyNote" : "IPM.Activity");
  setProperty(item, properties.PidTagIconIndex, type === undefined ? 0x303 : 0x601);
  for (const one of component.lines) {
    if (readCommon(reading, one) || readNumber(reading, one, noteNumbers)) continue;
    const at = one.name === "DTSTART" && type !== undefined ? timeOf(one, find) : undefined;
    const minutes = Number(one.value.trim());
    if (one === type) {
      setProperty(item, properties.PidLidLogType, unescapeText(one.value));
      setProperty(item, properties.PidLidLogTypeDesc, unescapeText(one.value));
    } else if (at !== undefined) {
      const utcMs = instantOf(at, own);
      setProperty(item, properties.PidLidLogStart, utcTime(utcMs));
      setProperty(item, properties.PidLidCommonStart, utcTime(utcMs));
      known.add(`uid/DTSTART:${utcMs}`, one, false);
    } else if (type !== undefined && one.name === "X-OUTPOST-JOURNAL-MINUTES" && minutes >= 0 && minutes < 1e9) {
      setProperty(item, properties.PidLidLogDuration, Math.trunc(minutes));
    } else {
      reading.unknown.push(one);
    }
  }
  const start = getProperty(item, properties.PidLidLogStart);
  if (start !== undefined) {
    const length = BigInt(getProperty(item, properties.PidLidLogDuration) ?? 0) * 600_000_000n;
    setProperty(item, properties.PidLidLogEnd, start + length);
    setProperty(item, properties.PidLidCommonEnd, start + length);
  }
  if (type === undefined && !item.bag.has(properties.PidTagBody.tag)) {
    const subject = getProperty(item, properties.PidTagSubject);
    if (subject !== undefined) setProperty(item, properties.PidTagBody, subject);
  }
  return finish(reading, component);
}

/**
 * Every task and note of a calendar file. Throws Fault `tooBig` for what no program writes. RFC 5545 §3.4
 */
export function readTodos(bytes: Uint8Array | string, options: TodoReadOptions = {}): ReadTodos {
  const own = options.zone ?? utcZone;
  const { components, faults } = readComponents(bytes);
  const items: ItemBag[] = [];
  for (const root of components) {
    const find = zonesOf(root);
    for (const component of root.name === "VCALENDAR" ? root.components : [root]) {
      if (component.name === "VTODO") items.push(readTask(component, own, find));
      else if (component.name === "VJOURNAL") items.push(readNote(component, own, find));
    }
  }
  return { items, faults };
}
