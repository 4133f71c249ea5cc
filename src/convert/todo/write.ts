/** Tasks as VTODO, notes and journal entries as VJOURNAL. [MS-OXOTASK] 2.2.2, [MS-OXONOTE] 2.2, RFC 5545 §3.6 */
import { formatDate, formatDateTime } from "#calendar/zones/rule-text.ts";
import { midnightOf, msToLocal } from "#calendar/zones/dates.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { getProperty, namedKey } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { hexOf, localOfTime, utcOfTime } from "#convert/todo/calendar.ts";
import {
  mileageLine, mileageName, noteNumbers, priorityOfImportance, taskLists, taskNumbers, taskStatusComplete,
  taskStatuses, taskTexts,
} from "#convert/todo/fields.ts";
import { componentLine, noDue } from "#convert/todo/read.ts";
import { linesOfBlob } from "#convert/todo/series.ts";
import { OldShapes, sensitivityOf, uidName, uidOf, unknownOf } from "#convert/vcard/kept.ts";
import type { Slot } from "#convert/vcard/kept.ts";
import { readComponents } from "#convert/vcard/lines.ts";
import type { Component, Line, Parameter } from "#convert/vcard/lines.ts";
import { formatComponent, line, unescapeText } from "#convert/vcard/text.ts";
import { escapeText } from "#format/content-lines.ts";
import { properties } from "#props/registry.ts";

export interface TodoWriteOptions {
  /** The owner's, whose days the completion date and the journal's times are; UTC when not told. */
  readonly zone?: Zone;
  /** For an item that has none of its own. */
  readonly uid?: string;
  /** DTSTAMP of an item that was never changed, UTC milliseconds. */
  readonly stampMs?: number;
}

const isDate: readonly Parameter[] = [{ name: "VALUE", value: "DATE" }];
/** A task without a date has this one. [MS-OXOTASK] 2.2.2.2.4 */
const noDateMinutes = 0x5ae980e0;

class Writing {
  readonly item: ItemBag;
  readonly shapes: OldShapes;
  readonly lines: Line[] = [];
  readonly components: Component[] = [];

  constructor(item: ItemBag) {
    this.item = item;
    this.shapes = new OldShapes(item);
  }

  add(slot: Slot, fresh: Line): void {
    this.lines.push(this.shapes.of(slot, fresh) ?? fresh);
  }

  has(id: string): boolean {
    return this.item.named.has(namedKey({ guid: uidName.guid, id }));
  }
}

const utcText = (utcMs: number): string => `${formatDateTime(msToLocal(utcMs), Math.floor(utcMs / 1000) % 60)}Z`;

function writeCommon(writing: Writing, options: TodoWriteOptions): void {
  const { item, lines } = writing;
  const uid = uidOf(item) ?? options.uid;
  if (uid !== undefined) lines.push(line("UID", escapeText(uid)));
  const instants = { CREATED: properties.PidTagCreationTime, "LAST-MODIFIED": properties.PidTagLastModificationTime };
  let stamp = options.stampMs ?? 0;
  for (const [name, property] of Object.entries(instants)) {
    const at = getProperty(item, property);
    if (at === undefined) continue;
    stamp = utcOfTime(at);
    writing.add(`instant/${name}`, line(name, utcText(stamp)));
  }
  writing.add("uid/DTSTAMP", line("DTSTAMP", utcText(stamp)));
  const subject = getProperty(item, properties.PidTagSubject) ?? "";
  const hasSummary = subject !== "" && !writing.has("OutpostNoSummary");
  if (hasSummary) writing.add("text/SUMMARY", line("SUMMARY", escapeText(subject)));
  const body = getProperty(item, properties.PidTagBody) ?? "";
  if (body !== "" && body !== subject) writing.add("text/DESCRIPTION", line("DESCRIPTION", escapeText(body)));
  else if (body !== "" && writing.has("OutpostNoSummary")) lines.push(line("DESCRIPTION", escapeText(body)));
  const words = getProperty(item, properties.PidNameKeywords) ?? [];
  if (words.length > 0) lines.push(line("CATEGORIES", words.map(escapeText).join(",")));
  const sensitivity = sensitivityOf(item);
  if (sensitivity !== undefined) {
    const fresh = line("CLASS", sensitivity);
    const old = writing.shapes.of("text/CLASS", fresh);
    if (old !== undefined || sensitivity !== "PUBLIC") lines.push(old ?? fresh);
  }
}

function writeDates(writing: Writing): void {
  const { item } = writing;
  const dates = { DTSTART: properties.PidLidTaskStartDate, DUE: properties.PidLidTaskDueDate };
  for (const [name, property] of Object.entries(dates)) {
    const time = getProperty(item, property);
    if (time === undefined) continue;
    const day = midnightOf(localOfTime(time));
    if (day >= midnightOf(noDateMinutes)) continue;
    const start = getProperty(item, properties.PidLidTaskStartDate);
    if (name === "DUE" && writing.has(noDue.id) && time === start) continue;
    writing.add(`uid/${name}:${day}`, line(name, formatDate(day), isDate));
  }
}

function writeProgress(writing: Writing, own: Zone): void {
  const { item, lines } = writing;
  const isComplete = getProperty(item, properties.PidLidTaskComplete) === true;
  const status = isComplete ? taskStatusComplete : getProperty(item, properties.PidLidTaskStatus) ?? 0;
  const row = taskStatuses[status] ?? taskStatuses[0];
  writing.add(`uid/STATUS:${status}`, line("STATUS", row.status));
  const isOld = lines.at(-1)?.value.trim().toUpperCase() !== row.status;
  if (row.own !== "" && !isOld) lines.push(line("X-OUTPOST-TASK-STATUS", row.own));
  const percent = getProperty(item, properties.PidLidPercentComplete);
  if (typeof percent === "number" && percent >= 0 && percent <= 1) {
    const fresh = line("PERCENT-COMPLETE", String(Math.round(percent * 100)));
    const old = writing.shapes.of(`uid/PERCENT:${percent}`, fresh);
    if (old !== undefined || percent > 0) lines.push(old ?? fresh);
  }
  const done = getProperty(item, properties.PidLidTaskDateCompleted);
  if (done === undefined || status !== taskStatusComplete) return;
  const utcMs = utcOfTime(done);
  writing.add(`uid/COMPLETED:${midnightOf(own.toLocal(utcMs))}`, line("COMPLETED", utcText(utcMs)));
}

function writeSeries(writing: Writing): void {
  const { item, lines, shapes } = writing;
  const blob = getProperty(item, properties.PidLidTaskRecurrence);
  if (blob === undefined || getProperty(item, properties.PidLidTaskFRecurring) !== true) return;
  const series = linesOfBlob(blob);
  if (series === undefined) return;
  const slot: Slot = `uid/SERIES:${hexOf(blob.subarray(0, 200))}`;
  const old: Line[] = [];
  for (let one = shapes.of(slot, line("", "")); one !== undefined; one = shapes.of(slot, line("", ""))) old.push(one);
  lines.push(...(old.length > 0 ? old : series.lines));
  if (series.regenerates) lines.push(line("X-OUTPOST-REGENERATE", "TRUE"));
}

/** A component that was kept in one line. */
function componentOf(kept: Line): Component | undefined {
  return readComponents(unescapeText(kept.value)).components[0];
}

function writeReminder(writing: Writing): void {
  const { item, shapes, components } = writing;
  const time = getProperty(item, properties.PidLidReminderSignalTime)
    ?? getProperty(item, properties.PidLidReminderTime);
  if (time === undefined || getProperty(item, properties.PidLidReminderSet) !== true) return;
  const utcMs = utcOfTime(time);
  const trigger = line("TRIGGER", utcText(utcMs), [{ name: "VALUE", value: "DATE-TIME" }]);
  const old = shapes.of(`uid/VALARM:${utcMs}`, trigger);
  const whole = old === undefined ? undefined : componentOf(old);
  const lines = [line("ACTION", "DISPLAY"), line("DESCRIPTION", "Reminder"), trigger];
  components.push(whole ?? { name: "VALARM", lines, components: [] });
}

function finish(writing: Writing, name: string): Component {
  for (const one of unknownOf(writing.item)) {
    const inner = one.name === componentLine ? componentOf(one) : undefined;
    if (inner !== undefined) writing.components.push(inner);
    else if (one.name !== componentLine) writing.lines.push(one);
  }
  return { name, lines: writing.lines, components: writing.components };
}

/** VTODO of a task. [MS-OXOTASK] 2.2.2, RFC 5545 §3.6.2 */
export function taskComponent(item: ItemBag, options: TodoWriteOptions = {}): Component {
  const writing = new Writing(item);
  writeCommon(writing, options);
  writeDates(writing);
  writeProgress(writing, options.zone ?? utcZone);
  writeSeries(writing);
  const importance = getProperty(item, properties.PidTagImportance);
  const priority = importance === undefined ? undefined : priorityOfImportance[importance];
  if (priority !== undefined) {
    const fresh = line("PRIORITY", String(priority));
    const old = writing.shapes.of(`uid/PRIORITY:${importance ?? 1}`, fresh);
    if (old !== undefined || importance !== 1) writing.lines.push(old ?? fresh);
  }
  const names = new Set(unknownOf(item).map(({ name }) => name));
  for (const [name, property] of taskTexts) {
    const isThere = (name === "X-OUTPOST-TASK-OWNER" && names.has("ATTENDEE"))
      || (name === "X-OUTPOST-TASK-ASSIGNER" && names.has("ORGANIZER"));
    const text = getProperty(item, property) ?? "";
    if (text !== "" && !isThere) writing.lines.push(line(name, escapeText(text)));
  }
  for (const [name, property] of taskLists) {
    const words = getProperty(item, property) ?? [];
    if (words.length > 0) writing.lines.push(line(name, words.map(escapeText).join(",")));
  }
  const mileage = item.named.get(namedKey(mileageName))?.value;
  if (typeof mileage === "string" && mileage !== "") writing.lines.push(line(mileageLine, escapeText(mileage)));
  for (const [name, property] of taskNumbers) {
    const value = getProperty(item, property) ?? 0;
    if (value !== 0) writing.lines.push(line(name, String(value)));
  }
  writeReminder(writing);
  return finish(writing, "VTODO");
}

/** VJOURNAL of a note or of a journal entry. [MS-OXONOTE] 2.2, [MS-OXOJRNL] 2.2, RFC 5545 §3.6.3 */
export function noteComponent(item: ItemBag, options: TodoWriteOptions = {}): Component {
  const writing = new Writing(item);
  writeCommon(writing, options);
  for (const [name, property] of noteNumbers) {
    const value = getProperty(item, property);
    if (value !== undefined) writing.lines.push(line(name, String(value)));
  }
  const type = getProperty(item, properties.PidLidLogType);
  const isJournal = (getProperty(item, properties.PidTagMessageClass) ?? "").toUpperCase().startsWith("IPM.ACTIVITY");
  if (isJournal) {
    writing.lines.push(line("X-OUTPOST-JOURNAL-TYPE", escapeText(type ?? "")));
    const start = getProperty(item, properties.PidLidLogStart);
    if (start !== undefined) {
      const utcMs = utcOfTime(start);
      writing.add(`uid/DTSTART:${utcMs}`, line("DTSTART", utcText(utcMs)));
    }
    const minutes = getProperty(item, properties.PidLidLogDuration) ?? 0;
    if (minutes > 0) writing.lines.push(line("X-OUTPOST-JOURNAL-MINUTES", String(minutes)));
  }
  return finish(writing, "VJOURNAL");
}

/** By the class of each item; a file of its own. RFC 5545 §3.4 */
export function writeTodos(items: readonly ItemBag[], options: TodoWriteOptions = {}): string {
  const components = items.map((item) => {
    const messageClass = (getProperty(item, properties.PidTagMessageClass) ?? "").toUpperCase();
    return messageClass.startsWith("IPM.TASK") ? taskComponent(item, options) : noteComponent(item, options);
  });
  const lines = [line("VERSION", "2.0"), line("PRODID", "-//Outpost//EN")];
  return formatComponent({ name: "VCALENDAR", lines, components });
}
