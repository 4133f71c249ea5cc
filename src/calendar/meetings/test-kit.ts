/** What tests of meetings share: appointments from few words, calendars that carry decisions out, the outside world. */
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { calendarOf } from "#convert/ical/mime-plug.ts";
import { itemOf } from "#convert/ical/test-kit.ts";
import { dropKept } from "#convert/ical/kept.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { properties } from "#props/registry.ts";
import { addRow, isCanceled, resolverOf, attendeesOf } from "#calendar/meetings/parts.ts";
import { seriesItemOf } from "#calendar/meetings/occurrences.ts";
import { toFileTime } from "#convert/mime/times.ts";
import type { Decision, MeetingState, Tombstone } from "#calendar/meetings/decision.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { ItemBag } from "#convert/item.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";

const p = properties;
export const berlin = ianaZone("Europe/Berlin")!;
export const person = (name: string): DisplayAddress => ({ name: name.toUpperCase(), address: `${name}@example.org` });
export const resolve = resolverOf({ now: 0 });
export const at = (iso: string): number => Date.parse(iso);
export const time = (iso: string): bigint => toFileTime(Date.parse(iso));

export interface AppointmentWords {
  readonly uid?: string;
  /** Wall clock of Berlin, as iCalendar has it: 20261123T100000. */
  readonly start?: string;
  readonly minutes?: number;
  readonly rule?: string;
  readonly subject?: string;
  readonly location?: string;
  readonly to?: readonly string[];
  readonly extra?: readonly string[];
}

export function appointment(words: AppointmentWords = {}): ItemBag {
  const { uid = "u1@example.org", start = "20261123T100000", minutes = 60, rule, subject = "s", location = "l" } = words;
  const item = itemOf(["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", `UID:${uid}`, "DTSTAMP:20260101T000000Z",
    `DTSTART;TZID=Europe/Berlin:${start}`, `DURATION:PT${minutes}M`, `SUMMARY:${subject}`, `LOCATION:${location}`,
    ...(rule === undefined ? [] : [`RRULE:${rule}`]), ...(words.extra ?? []), "END:VEVENT", "END:VCALENDAR", ""].join("\r\n"));
  dropKept(item);
  for (const name of words.to ?? []) addRow(item, 1, person(name));
  return item;
}

/** Carries out what was decided, as a mailbox would. */
export class Calendar implements MeetingState {
  items: ItemBag[] = [];
  tombstones: Tombstone[] = [];

  apply(decision: Decision): Decision {
    for (const change of decision.calendar) {
      if (change.kind !== "create") {
        const index = this.items.indexOf(change.before);
        if (index === -1) throw new Error("a change of an item that is not in the calendar");
        this.items.splice(index, 1);
      }
      if (change.kind !== "delete") this.items.push(change.item);
    }
    this.tombstones.push(...decision.tombstones);
    return decision;
  }
}

/** Through the text of a calendar, as another system reads it. */
export function throughText(message: ItemBag, owner: string): ItemBag {
  const written = calendarOf(message);
  if (written === null) throw new Error(`no calendar tells ${getProperty(message, p.PidTagMessageClass)}`);
  const [object, ...rest] = readCalendars(written.text, { owner }).flatMap(({ objects }) => objects);
  if (object === undefined || object.kind === "refused" || rest.length > 0) {
    throw new Error(`${JSON.stringify(object)} ${rest.length} of\n${written.text}`);
  }
  return object.item;
}

const utcText = (ms: bigint | undefined): string =>
  new Date(Number((ms ?? 0n) / 10_000n) - 11_644_473_600_000).toISOString().slice(0, 16);

const lineOf = (item: ItemBag): string => [utcText(getProperty(item, p.PidLidAppointmentStartWhole)),
  utcText(getProperty(item, p.PidLidAppointmentEndWhole)), getProperty(item, p.PidTagSubject) ?? "",
  getProperty(item, p.PidLidLocation) ?? ""].join(" ");

interface ShownOccurrence {
  readonly day: LocalMinutes;
  readonly line: string;
  readonly attendees: ReadonlySet<string>;
}

/** Items do not change once they are in a calendar. */
const shown = new WeakMap<ItemBag, readonly ShownOccurrence[]>();

function occurrencesOf(item: ItemBag): readonly ShownOccurrence[] {
  const known = shown.get(item);
  if (known !== undefined) return known;
  const found: ShownOccurrence[] = [];
  const add = (day: LocalMinutes, one: ItemBag): void => {
    found.push({ day, line: lineOf(one), attendees: new Set(attendeesOf(one, resolve).keys()) });
  };
  const series = isCanceled(item) ? undefined : seriesItemOf(item);
  if (series === undefined) {
    if (!isCanceled(item)) add(-1, item);
  } else {
    const window = { fromUtcMs: Date.UTC(2020, 0, 1), toUtcMs: Date.UTC(2035, 0, 1) };
    for (const { original } of series.series!.expand(window)) {
      const day = original - series.minuteOfDay;
      const one = series.occurrenceOn(day);
      if (one !== undefined && !isCanceled(one)) add(day, one);
    }
  }
  shown.set(item, found);
  return found;
}

/** Every occurrence that an item shows, canceled ones left out; a single meeting is of day -1. */
export function shownBy(item: ItemBag, attendee?: string): Map<LocalMinutes, string> {
  const isThere = ({ attendees }: ShownOccurrence): boolean =>
    attendee === undefined || attendees.has(attendee.toLowerCase());
  return new Map(occurrencesOf(item).filter(isThere).map(({ day, line }) => [day, line]));
}

export function setText(item: ItemBag, subject: string | undefined, location: string | undefined): ItemBag {
  setProperty(item, p.PidTagSubject, subject);
  setProperty(item, p.PidTagNormalizedSubject, subject);
  setProperty(item, p.PidLidLocation, location);
  return item;
}
