/** An iCalendar text as appointments and meeting messages. RFC 5545 §3.4, [MS-OXCICAL] 2.1.3 */
import { limits } from "#base/limits.ts";
import { Fault, WireError } from "#base/fault.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setNamed, setProperty } from "#convert/item.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { isCancelled, readEvent } from "#convert/ical/event-read.ts";
import { ZoneProperties } from "#convert/ical/event-times.ts";
import { globalObjectIdOfUid, withExceptionDate } from "#convert/ical/global-object-id.ts";
import { parseComponents, propertyOfName } from "#convert/ical/lines.ts";
import { rangeName } from "#convert/ical/names.ts";
import { isRange } from "#convert/ical/overrides-read.ts";
import { Refusal } from "#convert/ical/refusal.ts";
import { isSeries, setSeries } from "#convert/ical/series-read.ts";
import { CalendarZones, readTimeOf } from "#convert/ical/times.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { EventContext } from "#convert/ical/event-read.ts";
import type { EventTimes } from "#convert/ical/event-times.ts";
import type { Component } from "#convert/ical/lines.ts";
import type { EventRefusal } from "#convert/ical/refusal.ts";
import type { Loss } from "#convert/ical/overrides-read.ts";
import type { CalendarTime } from "#convert/ical/times.ts";
import type { ItemBag } from "#convert/item.ts";

const p = properties;

export interface ReadCalendarOptions {
  /** Where floating times and whole days are; UTC when nobody tells. */
  readonly zone?: Zone;
  /** SMTP address of whose calendar it is: organizer or attendee. */
  readonly owner?: string;
  /** Events as they stand in a calendar, whatever METHOD the file was sent with. */
  readonly asAppointments?: boolean;
  /** For a calendar without a METHOD of its own: that of the part it came in. RFC 6047 §2.4 */
  readonly method?: string;
  /** SMTP address in From of the mail that it came in. */
  readonly replier?: string;
}

export type CalendarObject =
  | { readonly kind: "event"; readonly uid: string; readonly item: ItemBag; readonly losses: readonly Loss[] }
  | {
    readonly kind: "refused";
    /** Of the component, upper case. */
    readonly component: string;
    readonly uid: string;
    readonly reason: EventRefusal;
    readonly detail: string;
  };

export interface ReadCalendar {
  /** Upper case; empty when there is none. RFC 5545 §3.7.2 */
  readonly method: string;
  readonly objects: readonly CalendarObject[];
}

const uidMax = 2000;

/**
 * Every object of every VCALENDAR in a text: one item for each event, its changed occurrences inside; a changed
 * occurrence without its series is an item too. What cannot be an appointment is refused by name. Throws WireError for
 * a text that has no VCALENDAR or more of anything than is bounded. RFC 5545 §3.4, [MS-OXCICAL] 2.1.3
 */
export function readCalendars(text: string, options: ReadCalendarOptions = {}): ReadCalendar[] {
  const calendars = parseComponents(text);
  if (calendars.length === 0) throw new WireError("the text has no VCALENDAR", 0);
  const blobs = new ZoneProperties();
  let left: number = limits.calendarEventsMax;
  return calendars.map((calendar) => {
    left -= calendar.components.length;
    if (left < 0) throw new WireError("a calendar of too many events", 0);
    return readCalendar(calendar, blobs, options);
  });
}

function readCalendar(calendar: Component, blobs: ZoneProperties, options: ReadCalendarOptions): ReadCalendar {
  const told = (propertyOfName(calendar, "METHOD")?.value ?? "").trim().toUpperCase().slice(0, 40);
  const method = told === "" ? (options.method ?? "").toUpperCase() : told;
  const isOlder = propertyOfName(calendar, "VERSION")?.value.trim() === "1.0";
  const zones = new CalendarZones(calendar, options.zone ?? utcZone);
  const context: EventContext = {
    zones, blobs, method: options.asAppointments === true ? "" : method, owner: options.owner ?? "",
    replier: options.replier ?? "",
  };
  const groups = new Map<string, Component[]>();
  const objects: CalendarObject[] = [];
  for (const component of calendar.components) {
    const uid = uidOf(component);
    if (component.name === "VTIMEZONE") continue;
    if (component.name === "VEVENT" && !isOlder) {
      // Events that have no name of their own are each for itself.
      const key = uid === "" ? `\0${groups.size}` : uid;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [component]);
      else group.push(component);
      continue;
    }
    objects.push(refused(component, new Refusal(isOlder ? "olderVersion" : "notAnEvent")));
  }
  for (const group of groups.values()) objects.push(...readGroup(group, context));
  return { method, objects };
}

const uidOf = (component: Component): string => propertyOfName(component, "UID")?.value.trim() ?? "";

const refused = (component: Component, { reason, detail }: Refusal): CalendarObject =>
  ({ kind: "refused", component: component.name, uid: uidOf(component), reason, detail });

const sequenceOf = (event: Component): number => Number(propertyOfName(event, "SEQUENCE")?.value.trim() ?? 0) || 0;

/** A request for what is off is a cancellation, as some programs send it. RFC 5546 §3.2.5 */
const contextOf = (event: Component, context: EventContext): EventContext =>
  (context.method === "REQUEST" && isCancelled(event) ? { ...context, method: "CANCEL" } : context);

/** All VEVENTs of one UID. RFC 5545 §3.8.4.4 */
function readGroup(events: readonly Component[], context: EventContext): CalendarObject[] {
  if (context.method === "ADD") return events.map((event) => attempt(event, () => readAdded(event, context)));
  const masters = events.filter((event) => propertyOfName(event, "RECURRENCE-ID") === undefined);
  const overrides = events.filter((event) => propertyOfName(event, "RECURRENCE-ID") !== undefined);
  // Of the same event told twice the later version holds, else the later line. RFC 5545 §3.8.7.4
  const master = masters.reduce<Component | undefined>(
    (best, one) => (best === undefined || sequenceOf(one) >= sequenceOf(best) ? one : best), undefined,
  );
  const objects = masters.filter((one) => one !== master).map((one) => refused(one, new Refusal("severalMasters")));
  if (master !== undefined) {
    objects.push(attempt(master, () => readMaster(master, overrides, contextOf(master, context))));
    return objects;
  }
  for (const override of overrides) {
    objects.push(attempt(override, () => readOrphan(override, contextOf(override, context))));
  }
  return objects;
}

function attempt(event: Component, read: () => CalendarObject): CalendarObject {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) return refused(event, error);
    if (error instanceof Fault) return refused(event, new Refusal("malformed", error.message));
    throw error;
  }
}

function idOf(event: Component): Buffer {
  const uid = uidOf(event);
  if (uid.length > uidMax) throw new Refusal("uidTooLong");
  // Without a UID the words of the event are its name. RFC 5545 §3.8.4.7
  return globalObjectIdOfUid(uid === "" ? fallbackUid(event) : uid);
}

function fallbackUid(event: Component): string {
  const [start, summary] = ["DTSTART", "SUMMARY"].map((name) => propertyOfName(event, name)?.value.trim() ?? "");
  return `${start}-${summary}`.slice(0, 200);
}

function readMaster(event: Component, overrides: readonly Component[], context: EventContext): CalendarObject {
  const losses = new Set<Loss>();
  const globalObjectId = idOf(event);
  const read = readEvent(event, context);
  const { item, times } = read;
  if (!times.start.at.isKnown) losses.add("unknownZone");
  setProperty(item, p.PidLidGlobalObjectId, globalObjectId);
  setProperty(item, p.PidLidCleanGlobalObjectId, globalObjectId);
  if (isSeries(event)) setSeries({ event, overrides, globalObjectId }, read, context, losses);
  else {
    setSpan(item);
    if (overrides.length > 0) losses.add("overrideNotInSeries");
  }
  return { kind: "event", uid: uidOf(event), item, losses: [...losses] };
}

/** Of one event the span is the event. [MS-OXOCAL] 2.2.1.14, 2.2.1.15 */
function setSpan(item: ItemBag): void {
  setProperty(item, p.PidLidClipStart, getProperty(item, p.PidLidAppointmentStartWhole));
  setProperty(item, p.PidLidClipEnd, getProperty(item, p.PidLidAppointmentEndWhole));
}

/** A changed occurrence alone, as an update of it is sent. [MS-OXOCAL] 2.2.1.27, [MS-OXCICAL] 2.1.3.1.1.20.20 */
function readOrphan(event: Component, context: EventContext): CalendarObject {
  const globalObjectId = idOf(event);
  const { item, times } = readEvent(event, context);
  try {
    setOccurrence(item, globalObjectId, readTimeOf(propertyOfName(event, "RECURRENCE-ID")!, context.zones), times);
    if (isRange(event)) setNamed(item, rangeName, "Boolean", true);
  } catch (error) {
    if (error instanceof WireError) throw new Refusal("badTime", error.message);
    throw error;
  }
  const losses: Loss[] = times.start.at.isKnown ? [] : ["unknownZone"];
  return { kind: "event", uid: uidOf(event), item, losses };
}

/** An occurrence beside those that the series has: it is called by the day it is on. RFC 5546 §3.2.4 */
function readAdded(event: Component, context: EventContext): CalendarObject {
  if (isSeries(event)) throw new Refusal("addedSeries");
  const globalObjectId = idOf(event);
  const { item, times } = readEvent(event, context);
  setOccurrence(item, globalObjectId, times.start, times);
  return { kind: "event", uid: uidOf(event), item, losses: times.start.at.isKnown ? [] : ["unknownZone"] };
}

function setOccurrence(item: ItemBag, globalObjectId: Uint8Array, original: CalendarTime, { start }: EventTimes): void {
  const local = original.style === "utc" ? start.at.zone.toLocal(original.utcMs) : original.local;
  if (original.utcMs < Date.UTC(1601, 0, 3)) throw new Refusal("timeOutOfRange");
  setProperty(item, p.PidLidGlobalObjectId, withExceptionDate(globalObjectId, local));
  setProperty(item, p.PidLidCleanGlobalObjectId, globalObjectId);
  setProperty(item, p.PidLidExceptionReplaceTime, toFileTime(original.utcMs));
  setProperty(item, p.PidLidIsException, true);
}
