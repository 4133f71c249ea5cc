/**
 * Proves on every calendar file of the collection what is lost when it becomes items and a calendar again: files and
 * components that are refused, each by name; what a series says less than its rule; lines of the source that what is
 * written does not have; properties that differ after the second way in. `test/data/items-loss-ics.tsv` holds every
 * loss with its reason; nothing else may be lost, and nothing throws but a named error.
 */
import { suite, test } from "node:test";
import { Fault, WireError } from "#base/fault.ts";
import { refusalReasons } from "#calendar/recurrence/rule-pattern.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import { parseComponents } from "#convert/ical/lines.ts";
import { eventRefusals } from "#convert/ical/refusal.ts";
import { itemsOf, meaningOf } from "#convert/ical/test-kit.ts";
import { readTodos } from "#convert/todo/read.ts";
import { writeTodos } from "#convert/todo/write.ts";
import type { ReadCalendar } from "#convert/ical/calendar-read.ts";
import type { Component } from "#convert/ical/lines.ts";
import { corpusMissing } from "./support/corpus.ts";
import { propertyNameOf } from "./support/item-losses.ts";
import { checkLosses, corpusFilesOf } from "./support/loss-table.ts";
import type { Loss, Reasons } from "./support/loss-table.ts";

const reasons: Reasons = [
  [/^refused: the text has no VCALENDAR$/, "a broken file: no calendar and no event begins in it"],
  [/^refused: components nest too deep$/, "a broken file: components in components without end"],
  [/^refused: /, "a broken file: more of one thing than any program writes"],
  ...Object.entries({ ...refusalReasons, ...eventRefusals }).map(([reason, why]) =>
    [new RegExp(`^VEVENT refused: ${reason}$`), `refused by name: ${why}`] as const),
  [/^component: VFREEBUSY$/, "free/busy is no item: it is worked out from the calendar"],
  [/^component: VAVAILABILITY$/, "working hours are settings of the calendar, no item holds them"],
  [/^component: (?:VALARM|VPOLL|VEVENT|BOGUS|X-[\w-]+|DAYLIGHT|STANDARD|ANY|VTODO.*|[A-Z]{2,20})$/,
    "a component that no item is made of"],
  [/^told: startNotInRule$/, "the first day is not in the rule: the series begins with the rule's first"],
  [/^told: unknownZone$/, "a zone that nobody knows: its times are the reader's own"],
  [/^told: overrideNotInSeries$/, "a change of a day that the series does not have"],
  [/^told: ruleAsDates$/, "no pattern of Exchange has the rule: a series of its dates stands for it, the rule is kept"],
  [/^told: partOfRule$/, "dates stand for the years of a rule that are near, the rule is kept"],
  [/^told: severalPerDay$/, "of several occurrences on a day the first is told, the rule is kept"],
  [/^told: ruleNotRead$/, "a rule that nobody can count: its first date is told, the rule is kept"],
  [/^told: partOfRange$/, "a change of all that follows is written into some hundred of them"],
  [/^told: overrideNotRead$/, "a changed day that says no time"],
  [/^told: \w+$/, "the rule says a little more than a series of Exchange can"],
  [/^line gone: VEVENT DURATION$/, "the length of an event goes out as its end"],
  [/^line gone: VEVENT DTEND$/, "an end that is not after the start says nothing"],
  [/^line gone: VEVENT (?:RRULE|RDATE|EXDATE)$/, "one changed day of a series cannot itself repeat"],
  [/^line gone: VEVENT (?:CREATED|LAST-MODIFIED)$/, "a stamp from before 1970"],
  [/^line gone: VEVENT X-MICROSOFT-(?:DISALLOW-COUNTER|CDO-INSTTYPE)$/, "a line that says what is so without it"],
  [/^added: PidLidOwnerCriticalChange$/, "an event that goes out has a DTSTAMP"],
  [/^added: PidTagBody$/, "HTML alone goes out with its words in plain text"],
  [/^calendar line gone: /, "what a calendar says of itself belongs to its folder"],
];

const zone = ianaZone("America/New_York")!;

/** Of the calendar, not of an item; what every writer says anew is no loss. */
const ofWriter = new Set(["VERSION", "PRODID", "METHOD", "CALSCALE", "BEGIN", "END"]);


const valueOf = (component: Component, name: string): string =>
  component.properties.find((one) => one.name === name)?.value.trim() ?? "";

const keyOf = (component: Component): string =>
  `${component.name} ${valueOf(component, "UID")} ${valueOf(component, "RECURRENCE-ID").slice(0, 8)}`;

/** Objects by their name, those of one name in their order. */
function byKey(components: readonly Component[]): Map<string, Component[]> {
  const found = new Map<string, Component[]>();
  for (const one of components) {
    if (valueOf(one, "UID") !== "") found.set(keyOf(one), [...found.get(keyOf(one)) ?? [], one]);
  }
  return found;
}

/** Names of lines that each object of the source has and the written object of its name does not. */
function goneLines(source: readonly Component[], written: readonly Component[]): string[] {
  const after = byKey(written);
  const found = new Set<string>();
  for (const [key, list] of byKey(source)) {
    const same = after.get(key) ?? [];
    // Of the same event told several times in one calendar one stands for all, which is told elsewhere.
    if (same.length !== list.length) continue;
    for (const [index, before] of list.entries()) {
      const names = new Set(same[index]!.properties.map(({ name }) => name));
      for (const { name, value } of before.properties) {
        if (!names.has(name) && value.trim() !== "") found.add(`line gone: ${before.name} ${name}`);
      }
      for (const inner of before.components) {
        const isKept = same[index]!.components.some((one) => one.name === inner.name);
        if (!isKept) found.add(`line gone: ${before.name} ${inner.name}`);
      }
    }
  }
  return [...found];
}

function eventLosses(calendars: readonly ReadCalendar[], source: readonly Component[]): string[] {
  const losses: string[] = [];
  for (const [index, { method, objects }] of calendars.entries()) {
    const written: Component[] = [];
    for (const object of objects) {
      if (object.kind === "refused" && object.reason !== "notAnEvent") losses.push(`VEVENT refused: ${object.reason}`);
      if (object.kind === "event") losses.push(...object.losses.map((loss) => `told: ${loss}`));
    }
    for (const item of itemsOf(objects)) {
      const text = writeCalendar([item], { zone, method });
      written.push(...parseComponents(text).flatMap(({ components }) => components));
      const [again] = itemsOf(readCalendars(text, { zone })[0]!.objects);
      const [before, after] = [meaningOf(item), again === undefined ? ["nothing"] : meaningOf(again)];
      const name = (line: string): string => propertyNameOf(/^(?:PidTag\w+=[^:]*: )?([^=]*)=/.exec(line)?.[1] ?? line);
      const gone = new Set(before.filter((line) => !after.includes(line)).map(name));
      const added = new Set(after.filter((line) => !before.includes(line)).map(name));
      losses.push(...[...gone].map((one) => (added.has(one) ? `changed: ${one}` : `gone: ${one}`)));
      losses.push(...[...added].filter((one) => !gone.has(one)).map((one) => `added: ${one}`));
    }
    losses.push(...goneLines(source[index]!.components.filter(({ name }) => name === "VEVENT"), written));
  }
  return losses;
}

function todoLosses(bytes: Uint8Array, source: readonly Component[]): string[] {
  const { items } = readTodos(bytes, { zone });
  const written: Component[] = [];
  const losses: string[] = [];
  for (const item of items) {
    const text = writeTodos([item], { zone });
    written.push(...parseComponents(text).flatMap(({ components }) => components));
    const [again] = readTodos(text, { zone }).items;
    const [before, after] = [meaningOf(item), again === undefined ? ["nothing"] : meaningOf(again)];
    const isMemory = (line: string): boolean => line.includes("|OutpostKnownLines=");
    for (const line of before) if (!isMemory(line) && !after.includes(line)) losses.push(`task gone: ${line.slice(0, 60)}`);
    for (const line of after) if (!isMemory(line) && !before.includes(line)) losses.push(`task added: ${line.slice(0, 60)}`);
  }
  const tasks = source.flatMap(({ components }) => components).filter(({ name }) => /^V(?:TODO|JOURNAL)$/.test(name));
  losses.push(...goneLines(tasks, written));
  return losses;
}

function lossesOf(bytes: Buffer): string[] {
  const text = bytes.toString("utf8");
  let calendars: ReadCalendar[];
  try {
    calendars = readCalendars(text, { zone });
  } catch (error) {
    if (error instanceof WireError) return [`refused: ${error.message.replace(/ \(at.*/, "")}`];
    throw error;
  }
  const source = parseComponents(text);
  const losses = eventLosses(calendars, source);
  try {
    losses.push(...todoLosses(bytes, source));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    losses.push(`refused: ${error.message}`);
  }
  for (const root of source) {
    for (const { name } of root.properties) if (!ofWriter.has(name)) losses.push(`calendar line gone: ${name}`);
    for (const { name } of root.components) {
      if (!["VEVENT", "VTODO", "VJOURNAL", "VTIMEZONE"].includes(name)) losses.push(`component: ${name}`);
    }
  }
  return losses;
}

suite("calendars of the collection through items", { skip: corpusMissing }, () => {
  test("what each loses is in the table", (t) => {
    const files = corpusFilesOf("ics");
    const losses: Loss[] = files.flatMap(({ name, bytes }) => lossesOf(bytes).map((what) => ({ file: name, what })));
    checkLosses(t, "ics", files.map(({ name }) => name), losses, reasons);
  });
});
