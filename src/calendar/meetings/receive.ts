/** What requests and cancellations do to the calendar of an attendee. [MS-OXOCAL] 3.1.4.7, 3.1.4.9.2, RFC 5546 §3.2 */
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { compareVersions, decided } from "#calendar/meetings/decision.ts";
import { asksAgain, calendarItemOf, mergeRequest, setReminderTimes, updatedItem } from "#calendar/meetings/merge.ts";
import { daysIn } from "#calendar/meetings/days.ts";
import { setSubject } from "#calendar/meetings/messages.ts";
import { dayIn, seriesItemOf } from "#calendar/meetings/occurrences.ts";
import {
  copyItem, isCanceled, isOwner, isReceived, meetingKeyOf, occurrenceDayOf, organizerOf, removeProperty, resolverOf,
  sameAddress, versionOf,
} from "#calendar/meetings/parts.ts";
import { isRange, laterChanges } from "#calendar/meetings/range.ts";
import { busyStatuses, meetingTypes, stateFlags, subjectPrefixes } from "#calendar/meetings/values.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { ItemBag } from "#convert/item.ts";
import type {
  CalendarChange, Decision, MeetingContext, MeetingState, Outcome, Owner, Tombstone, Version,
} from "#calendar/meetings/decision.ts";
import type { SeriesItem } from "#calendar/meetings/occurrences.ts";

const p = properties;

export interface AttendeeContext extends MeetingContext {
  /** In whose calendar the meeting is, also when a delegate acts. */
  readonly me: Owner;
  /** Where the owner is: a whole day that came without a zone is a day there. */
  readonly zone?: Zone;
}

/** The items and tombstones of one meeting, sorted by what they are about. */
interface Known {
  readonly key: string;
  readonly whole: ItemBag | undefined;
  readonly alone: ReadonlyMap<LocalMinutes, ItemBag>;
  readonly wholeGone: Version | undefined;
  readonly gone: ReadonlyMap<LocalMinutes, Version>;
  readonly refused: ReadonlyMap<LocalMinutes, Version>;
}

function laterOf(one: Version | undefined, other: Version): Version {
  return one === undefined || compareVersions(other, one) > 0 ? other : one;
}

function knownOf(message: ItemBag, { items, tombstones }: MeetingState): Known | undefined {
  const key = meetingKeyOf(message);
  if (key === undefined) return undefined;
  let whole: ItemBag | undefined;
  const alone = new Map<LocalMinutes, ItemBag>();
  for (const item of items) {
    if (meetingKeyOf(item) !== key) continue;
    const day = occurrenceDayOf(item);
    if (day !== undefined) alone.set(day, item);
    else if (whole === undefined || compareVersions(versionOf(item), versionOf(whole)) > 0) whole = item;
  }
  let wholeGone: Version | undefined;
  const gone = new Map<LocalMinutes, Version>();
  const refused = new Map<LocalMinutes, Version>();
  for (const { meeting, day, version, reason } of tombstones) {
    if (meeting !== key) continue;
    if (day === undefined) wholeGone = laterOf(wholeGone, version);
    else gone.set(day, laterOf(gone.get(day), version));
    if (day !== undefined && reason !== "canceled") refused.set(day, laterOf(refused.get(day), version));
  }
  return { key, whole, alone, wholeGone, gone, refused };
}

const dayOf = (message: ItemBag, { whole }: Known): LocalMinutes | undefined =>
  dayIn(message, whole === undefined ? undefined : seriesItemOf(whole));

/** The message with what receiving it told. [MS-OXOCAL] 2.2.5.4, 2.2.5.7, 2.2.6.5 */
function processed(message: ItemBag, type?: number): ItemBag {
  const copy = copyItem(message);
  setProperty(copy, p.PidTagProcessed, true);
  setProperty(copy, p.PidLidServerProcessed, true);
  const delegated = (getProperty(message, p.PidLidMeetingType) ?? 0) & meetingTypes.delegatorCopy;
  if (type !== undefined) setProperty(copy, p.PidLidMeetingType, type | delegated);
  return copy;
}

const typeOf: Partial<Record<Outcome, number>> = {
  created: meetingTypes.request, updated: meetingTypes.full, informed: meetingTypes.informational,
  outOfDate: meetingTypes.outOfDate,
};

/** Nobody but its organizer changes a meeting; one that is not known yet is whoever's it says. RFC 5546 §6.1.1 */
function isOrganizers(own: ItemBag | undefined, message: ItemBag, context: MeetingContext): boolean {
  const resolve = resolverOf(context);
  const [had, has] = [own && organizerOf(own, resolve), organizerOf(message, resolve)];
  return had === undefined || had === null || (has !== null && sameAddress(had.address, has.address));
}

/**
 * A request or an update. `state` is all that the calendar holds, or has taken away, under the message's clean id. A
 * new meeting comes in tentatively, an update keeps what is the attendee's own; an older message changes nothing,
 * whatever came in between. [MS-OXOCAL] 3.1.4.7.2.2, 3.1.4.7.4.2, 3.1.5.2
 */
export function receiveRequest(given: ItemBag, state: MeetingState, context: AttendeeContext): Decision {
  const message = daysIn(given, context.zone);
  const known = knownOf(message, state);
  const resolve = resolverOf(context);
  const organizer = organizerOf(message, resolve);
  const isMine = organizer !== null && isOwner(context.me, organizer.address);
  const ignored = decided("ignored", { received: processed(given) });
  const isTimed = getProperty(message, p.PidLidAppointmentStartWhole) !== undefined;
  if (known === undefined || isMine || !isTimed) return ignored;
  const day = dayOf(message, known);
  const own = known.whole ?? (day === undefined ? undefined : known.alone.get(day));
  if (own !== undefined && (!isReceived(own) || !isOrganizers(own, message, context))) return ignored;
  const decision = day === undefined ? receiveWhole(message, known, context) : receiveOne(message, day, known, context);
  return { ...decision, received: processed(given, typeOf[decision.outcome]) };
}

function receiveWhole(message: ItemBag, known: Known, context: AttendeeContext): Decision {
  const { whole, alone, gone, wholeGone, refused } = known;
  const version = versionOf(message);
  const order = whole === undefined ? undefined : compareVersions(version, versionOf(whole));
  if (order === 0) return decided("same");
  const isGone = wholeGone !== undefined && compareVersions(version, wholeGone) <= 0;
  if (isGone || (order ?? 1) < 0) return decided("outOfDate");
  const { item, isAsked, apart } = mergeRequest(whole, {
    message, me: context.me, now: context.now, resolve: resolverOf(context), alone, gone, refused,
  });
  const calendar: CalendarChange[] = [whole === undefined ? { kind: "create", item }
    : { kind: "update", before: whole, item }];
  for (const one of apart) calendar.push({ kind: "create", item: one });
  // What stood alone is in its series now, or was out of date; else it waits for a series that has its day.
  const series = seriesItemOf(item);
  for (const [day, before] of alone) {
    const isOlder = compareVersions(versionOf(before), version) <= 0;
    if (isOlder || series?.hasDay(day) === true) calendar.push({ kind: "delete", before });
  }
  return decided(whole === undefined ? "created" : isAsked ? "updated" : "informed", { calendar });
}

/** How much is known of one occurrence of a series: its own version, or that of the series which told it. */
function occurrenceVersion(series: SeriesItem, day: LocalMinutes, gone: Version | undefined): Version {
  const whole = laterOf(gone, versionOf(series.item));
  const changed = series.isChanged(day) ? series.occurrenceOn(day) : undefined;
  return changed === undefined ? whole : laterOf(whole, versionOf(changed));
}

function receiveOne(message: ItemBag, day: LocalMinutes, known: Known, context: AttendeeContext): Decision {
  const { whole, alone, gone, wholeGone } = known;
  const version = versionOf(message);
  const resolve = resolverOf(context);
  if (wholeGone !== undefined && compareVersions(version, wholeGone) <= 0) return decided("outOfDate");
  const held = whole === undefined ? undefined : seriesItemOf(whole);
  const series = whole === undefined || isCanceled(whole) ? undefined : held;
  // A canceled series still tells how much is known of its occurrences.
  const base = held !== undefined ? occurrenceVersion(held, day, undefined) : whole && versionOf(whole);
  if (series === undefined || !series.hasDay(day)) {
    const own = alone.get(day);
    const least = [base, gone.get(day), own && versionOf(own)].filter((one) => one !== undefined)
      .reduce<Version | undefined>(laterOf, undefined);
    const order = least === undefined ? 1 : compareVersions(version, least);
    if (order <= 0) return decided(order === 0 && own !== undefined ? "same" : "outOfDate");
    const isAsked = own === undefined || asksAgain(own, message, context.me, resolve);
    const fresh = calendarItemOf(message, resolve);
    const item = own === undefined ? fresh : updatedItem(own, fresh, isAsked);
    setReminderTimes(item, context.now);
    const change: CalendarChange = own === undefined ? { kind: "create", item } : { kind: "update", before: own, item };
    return decided(own === undefined ? "created" : isAsked ? "updated" : "informed", { calendar: [change] });
  }
  const order = compareVersions(version, occurrenceVersion(series, day, gone.get(day)));
  if (order <= 0) return decided(order === 0 ? "same" : "outOfDate");
  const own = series.occurrenceOn(day);
  const isAsked = own === undefined || asksAgain(own, message, context.me, resolve);
  const fresh = calendarItemOf(message, resolve);
  const changed = own === undefined ? fresh : updatedItem(own, fresh, isAsked);
  const later = isRange(message) ? laterChanges(series, day, changed) : [];
  const item = series.with(new Map([[day, changed], ...later]));
  setReminderTimes(item, context.now);
  return decided(own === undefined ? "created" : isAsked ? "updated" : "informed", {
    calendar: [{ kind: "update", before: series.item, item }],
  });
}

/** Stays to be seen, without taking time, until its owner removes it. [MS-OXOCAL] 3.1.4.9.2 */
function setCanceled(item: ItemBag, { sequence, change }: Version): void {
  const flags = getProperty(item, p.PidLidAppointmentStateFlags) ?? 0;
  const { meeting, received, canceled } = stateFlags;
  setProperty(item, p.PidLidAppointmentStateFlags, flags | meeting | received | canceled);
  setProperty(item, p.PidLidBusyStatus, busyStatuses.FREE);
  setProperty(item, p.PidLidIntendedBusyStatus, busyStatuses.FREE);
  setProperty(item, p.PidLidAppointmentSequence, sequence);
  setProperty(item, p.PidLidOwnerCriticalChange, change);
  setProperty(item, p.PidLidReminderSet, false);
  removeProperty(item, p.PidLidReminderSignalTime);
  setSubject(item, subjectPrefixes.cancel);
}

/** Occurrences that somebody was asked to after the series was taken from him. */
function laterOccurrences(whole: ItemBag, version: Version): ItemBag[] {
  const series = seriesItemOf(whole);
  return (series?.changedDays ?? []).map((day) => series!.occurrenceOn(day)).filter((one) => one !== undefined)
    .filter((one) => !isCanceled(one) && compareVersions(versionOf(one), version) > 0);
}

/**
 * A cancellation of a meeting, or of one occurrence. What it is about is marked; when it is not there yet, a tombstone
 * keeps the request that is still on its way from coming in. [MS-OXOCAL] 3.1.4.9.2, RFC 5546 §3.2.5
 */
export function receiveCancel(message: ItemBag, state: MeetingState, context: AttendeeContext): Decision {
  const known = knownOf(message, state);
  const ignored = decided("ignored", { received: processed(message) });
  if (known === undefined) return ignored;
  const { key, whole, alone, gone, wholeGone } = known;
  const day = dayOf(message, known);
  const version = versionOf(message);
  const own = whole ?? (day === undefined ? undefined : alone.get(day));
  if (own !== undefined && (!isReceived(own) || !isOrganizers(own, message, context))) return ignored;
  const late = (): Decision => decided("outOfDate", { received: processed(message, meetingTypes.outOfDate) });
  if (wholeGone !== undefined && compareVersions(version, wholeGone) <= 0) return late();
  const tombstones: Tombstone[] = [{ meeting: key, day, version, reason: "canceled" }];
  const received = processed(message);
  if (day === undefined) {
    // Occurrences that stand alone were asked to on their own: only an older one goes with its series.
    const calendar: CalendarChange[] = [...alone.values()]
      .filter((one) => compareVersions(versionOf(one), version) < 0).map((before) => ({ kind: "delete", before }));
    if (whole === undefined) return decided("canceled", { calendar, tombstones, received });
    const order = compareVersions(version, versionOf(whole));
    if (order < 0) return late();
    if (order === 0 && isCanceled(whole)) return decided("same", { received });
    for (const one of laterOccurrences(whole, version)) calendar.push({ kind: "create", item: one });
    const item = copyItem(whole);
    setCanceled(item, version);
    return decided("canceled", { calendar: [...calendar, { kind: "update", before: whole, item }], received });
  }
  const series = whole === undefined ? undefined : seriesItemOf(whole);
  if (series !== undefined && series.hasDay(day) && !isCanceled(series.item)) {
    const order = compareVersions(version, occurrenceVersion(series, day, gone.get(day)));
    if (order <= 0) return order < 0 ? late() : decided("same", { received });
    const left = isRange(message) ? series.endedBefore(day) : undefined;
    if (left !== undefined) {
      setReminderTimes(left, context.now);
      return decided("canceled", { calendar: [{ kind: "update", before: series.item, item: left }], received });
    }
    const occurrence = series.occurrenceOn(day);
    if (occurrence === undefined) return decided("canceled", { tombstones, received });
    setCanceled(occurrence, version);
    const item = series.withOccurrence(day, occurrence);
    setReminderTimes(item, context.now);
    return decided("canceled", { calendar: [{ kind: "update", before: series.item, item }], received });
  }
  const one = alone.get(day);
  if (one === undefined) return decided("canceled", { tombstones, received });
  const order = compareVersions(version, versionOf(one));
  if (order < 0) return late();
  const item = copyItem(one);
  setCanceled(item, version);
  return decided("canceled", { calendar: [{ kind: "update", before: one, item }], received });
}

/**
 * What is known of occurrences beyond their series, and goes with it when it leaves the calendar: those canceled later
 * than it was told.
 */
export function canceledBeyond(item: ItemBag): Tombstone[] {
  const series = seriesItemOf(item);
  const meeting = meetingKeyOf(item) ?? "";
  return (series?.changedDays ?? []).flatMap((day): Tombstone[] => {
    const one = series!.occurrenceOn(day);
    if (one === undefined || !isCanceled(one)) return [];
    const version = versionOf(one);
    return compareVersions(version, versionOf(item)) > 0 ? [{ meeting, day, version, reason: "canceled" }] : [];
  });
}

/**
 * The owner takes a canceled meeting, or a canceled occurrence of one, out of the calendar. [MS-OXOCAL] 3.1.4.9.3
 */
export function removeCanceled(item: ItemBag, day: LocalMinutes | undefined, context: MeetingContext): Decision {
  const meeting = meetingKeyOf(item) ?? "";
  const series = day === undefined ? undefined : seriesItemOf(item);
  if (day === undefined || series === undefined) {
    const tombstone: Tombstone = { meeting, day: occurrenceDayOf(item), version: versionOf(item), reason: "removed" };
    return decided("canceled", {
      calendar: [{ kind: "delete", before: item }], tombstones: [tombstone, ...canceledBeyond(item)],
    });
  }
  const occurrence = series.occurrenceOn(day);
  if (occurrence === undefined) return decided("unchanged");
  const next = series.withoutOccurrence(day);
  setReminderTimes(next, context.now);
  return decided("canceled", {
    calendar: [{ kind: "update", before: item, item: next }],
    tombstones: [{ meeting, day, version: versionOf(occurrence), reason: "removed" }],
  });
}
