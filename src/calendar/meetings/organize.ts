/** What the organizer of a meeting sends, and when nothing. [MS-OXOCAL] 3.1.4.7, 3.1.4.9, RFC 5546 §3.2.2, §3.2.5 */
import { Fault } from "#base/fault.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { isException } from "#convert/ical/attachments.ts";
import { withExceptionDate } from "#convert/ical/global-object-id.ts";
import { compareMeetings } from "#calendar/meetings/changes.ts";
import { changeTime, decided } from "#calendar/meetings/decision.ts";
import { carryRemoved, rememberRemoved } from "#calendar/meetings/removed.ts";
import { cancelMessage, requestMessage } from "#calendar/meetings/messages.ts";
import { seriesItemOf, utcOf } from "#calendar/meetings/occurrences.ts";
import {
  addRow, attendeesOf, copyItem, flagsOf, isOrganizerRow, isReceived, meetingIdOf, meetingKeyOf, removeProperty,
  resolverOf, rowOf, rowPerson, setAttendeeTexts, setOrganizer, takeProperty, trackOf,
} from "#calendar/meetings/parts.ts";
import { attendeeFlags, meetingTypes, messageClasses, responses, stateFlags } from "#calendar/meetings/values.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { ItemBag, ItemRecipient } from "#convert/item.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type { MeetingChange } from "#calendar/meetings/changes.ts";
import type { Decision, MeetingContext, OutgoingMessage, Tombstone } from "#calendar/meetings/decision.ts";
import type { SeriesItem } from "#calendar/meetings/occurrences.ts";

const p = properties;

export interface OrganizerContext extends MeetingContext {
  readonly organizer: DisplayAddress;
  /** Who acts for the organizer. */
  readonly by?: DisplayAddress;
  /**
   * For a meeting that has none: the bytes of a new PidLidGlobalObjectId, and a number for PidTagOwnerAppointmentId.
   * [MS-OXOCAL] 2.2.1.27, 2.2.1.29
   */
  readonly newId?: { readonly globalObjectId: Uint8Array; readonly ownerAppointmentId?: number };
}

type Audience = Map<string, ItemRecipient>;

/** One change of a meeting while its messages are gathered. */
class Sending {
  readonly messages: OutgoingMessage[] = [];
  readonly resolve: ResolveAddress;
  readonly #context: OrganizerContext;
  #sequence: number;

  constructor(last: number, context: OrganizerContext) {
    this.#sequence = last;
    this.#context = context;
    this.resolve = resolverOf(context);
  }

  get sequence(): number {
    return this.#sequence;
  }

  get now(): number {
    return this.#context.now;
  }

  /** The number of a further message. [MS-OXOCAL] 3.1.5.4 */
  next(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  #people(audience: Audience): DisplayAddress[] {
    return [...audience.values()].map((row) => rowPerson(row, this.resolve)).filter((person) => person !== null);
  }

  /** Whoever had the meeting before gets an update, others an invitation. */
  request(meeting: ItemBag, to: Audience, known: Audience, change: MeetingChange, before: ItemBag | undefined): void {
    const { now, by } = this.#context;
    const parts = { sequence: this.#sequence, now, resolve: this.resolve, by };
    const had: Audience = new Map([...to].filter(([address]) => known.has(address)));
    const fresh: Audience = new Map([...to].filter(([address]) => !known.has(address)));
    const type = change.isSignificant ? meetingTypes.full : meetingTypes.informational;
    const rows: [Audience, number][] = [[had, type], [fresh, meetingTypes.request]];
    for (const [audience, each] of rows) {
      if (audience.size === 0) continue;
      const item = requestMessage(meeting, {
        ...parts, type: each, highlight: change.highlight, ...(before === undefined ? {} : { before }),
      });
      this.messages.push({ item, to: this.#people(audience) });
    }
  }

  cancel(meeting: ItemBag, to: Audience, isWhole: boolean): void {
    if (to.size === 0) return;
    const { now, by } = this.#context;
    const only = isWhole ? undefined : new Set(to.keys());
    const item = cancelMessage(meeting, { sequence: this.#sequence, now, resolve: this.resolve, by }, only);
    this.messages.push({ item, to: this.#people(to) });
  }
}

const without = (from: Audience, other: ReadonlyMap<string, unknown>): Audience =>
  new Map([...from].filter(([address]) => !other.has(address)));

export const lastSequenceOf = (item: ItemBag): number => Math.max(
  getProperty(item, p.PidLidAppointmentLastSequence) ?? 0, getProperty(item, p.PidLidAppointmentSequence) ?? 0,
);

/** Nobody has answered yet, nobody has proposed. [MS-OXOCAL] 3.1.4.7.3.1 */
function resetTracking(item: ItemBag): void {
  for (const row of item.recipients) {
    if (isOrganizerRow(row)) continue;
    setProperty(row, p.PidTagRecipientTrackStatus, responses.none);
    setProperty(row, p.PidTagRecipientFlags, flagsOf(row) & ~attendeeFlags.exceptionalResponse);
    for (const property of [p.PidTagRecipientTrackStatusTime, p.PidTagRecipientProposed,
      p.PidTagRecipientProposedStartTime, p.PidTagRecipientProposedEndTime] as const) removeProperty(row, property);
  }
  removeProperty(item, p.PidLidAppointmentCounterProposal);
  removeProperty(item, p.PidLidAppointmentProposalNumber);
}

function resetOccurrences(item: ItemBag): void {
  for (const { embedded } of item.attachments.filter(isException)) if (embedded !== undefined) resetTracking(embedded);
}

/** The version that answers must be of, and the last one that anybody got. [MS-OXOCAL] 2.2.4.1, 2.2.4.2, 3.1.5.4 */
function setVersion(item: ItemBag, sequence: number, now: number, isSignificant: boolean): void {
  setProperty(item, p.PidLidAppointmentLastSequence, sequence);
  setProperty(item, p.PidLidOwnerCriticalChange, changeTime(now));
  if (!isSignificant) return;
  setProperty(item, p.PidLidAppointmentSequence, sequence);
  setProperty(item, p.PidLidAppointmentSequenceTime, changeTime(now));
}

const nothing: MeetingChange = { highlight: 0, isSignificant: false, isReal: false };

/**
 * Makes a meeting of an appointment and invites everybody in its recipients. Throws Fault `invalidArgument` without an
 * id and none to give it, `notAllowed` for a meeting of another organizer. [MS-OXOCAL] 3.1.4.7.1, 3.1.4.7.2.1
 */
export function sendRequest(appointment: ItemBag, context: OrganizerContext): Decision {
  if (isReceived(appointment)) throw new Fault("notAllowed", "only its organizer can send a meeting");
  const item = copyItem(appointment);
  const sending = new Sending(Math.max(-1, lastSequenceOf(item) - 1), context);
  const id = meetingIdOf(item) ?? (context.newId && withExceptionDate(context.newId.globalObjectId));
  if (id === undefined) throw new Fault("invalidArgument", "a meeting needs a Global Object Id");
  setProperty(item, p.PidLidGlobalObjectId, id);
  setProperty(item, p.PidLidCleanGlobalObjectId, id);
  if (getProperty(item, p.PidTagOwnerAppointmentId) === undefined) {
    setProperty(item, p.PidTagOwnerAppointmentId, context.newId?.ownerAppointmentId);
  }
  setOrganizer(item, context.organizer, sending.resolve);
  setProperty(item, p.PidTagMessageClass, getProperty(item, p.PidTagMessageClass) ?? messageClasses.appointment);
  setProperty(item, p.PidLidAppointmentStateFlags, stateFlags.meeting);
  setProperty(item, p.PidLidResponseStatus, responses.organized);
  resetTracking(item);
  setAttendeeTexts(item, sending.resolve);
  const audience = attendeesOf(item, sending.resolve);
  setVersion(item, sending.next(), context.now, true);
  const series = seriesItemOf(item);
  if (series === undefined) sending.request(item, audience, new Map(), nothing, undefined);
  else {
    resetOccurrences(item);
    sendSnapshot(series, audience, new Map(), nothing, undefined, sending);
    for (const day of series.changedDays) {
      const one = series.occurrenceOn(day);
      if (one === undefined) continue;
      const others = without(attendeesOf(one, sending.resolve), audience);
      if (others.size === 0) continue;
      sending.next();
      sending.request(one, others, new Map(), nothing, undefined);
    }
    setProperty(item, p.PidLidAppointmentLastSequence, sending.sequence);
  }
  setProperty(item, p.PidLidFInvited, sending.messages.length > 0);
  return decided(sending.messages.length > 0 ? "sent" : "unchanged", {
    calendar: [{ kind: "update", before: appointment, item }], messages: sending.messages,
  });
}

/**
 * The series to everybody; those whom an occurrence no longer concerns get it without that occurrence.
 * [MS-OXOCAL] 3.1.4.7.5, RFC 5546 §3.2.2
 */
function sendSnapshot(
  series: SeriesItem, to: Audience, known: Audience, change: MeetingChange, before: ItemBag | undefined,
  sending: Sending,
): void {
  const groups = new Map<string, { days: LocalMinutes[]; to: Audience }>();
  const missing = new Map<string, LocalMinutes[]>();
  for (const day of series.changedDays) {
    const embedded = series.embeddedOn(day);
    if (embedded === undefined || embedded.recipients.length === 0) continue;
    const present = attendeesOf(embedded, sending.resolve);
    for (const address of to.keys()) {
      if (present.has(address)) continue;
      const days = missing.get(address);
      if (days === undefined) missing.set(address, [day]);
      else days.push(day);
    }
  }
  for (const [address, row] of to) {
    const days = missing.get(address) ?? [];
    const key = days.join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { days, to: new Map([[address, row]]) });
    else group.to.set(address, row);
  }
  for (const group of groups.values()) {
    const item = group.days.length === 0 ? series.item : series.with(new Map(group.days.map((day) => [day, null])));
    sending.request(item, group.to, known, change, before);
  }
}

/** Properties of a meeting that its organizer's programs do not keep, or not reliably. */
const versionProperties = [
  p.PidLidAppointmentSequence, p.PidLidAppointmentLastSequence, p.PidLidAppointmentSequenceTime,
  p.PidLidOwnerCriticalChange,
] as const;
const trackingProperties = [
  p.PidTagRecipientTrackStatus, p.PidTagRecipientTrackStatusTime, p.PidTagRecipientProposed,
  p.PidTagRecipientProposedStartTime, p.PidTagRecipientProposedEndTime,
] as const;

function carry(after: ItemBag, before: ItemBag | undefined, resolve: ResolveAddress): void {
  for (const property of versionProperties) {
    if (before === undefined) removeProperty(after, property);
    else takeProperty(after, before, property);
  }
  if (before === undefined) return;
  for (const property of [p.PidLidAppointmentCounterProposal, p.PidLidAppointmentProposalNumber] as const) {
    takeProperty(after, before, property);
  }
  for (const row of after.recipients) {
    const person = rowPerson(row, resolve);
    const had = person === null ? undefined : rowOf(before, person.address, resolve);
    if (isOrganizerRow(row)) continue;
    for (const property of trackingProperties) {
      if (had === undefined) removeProperty(row, property);
      else takeProperty(row, had, property);
    }
    const mark = (had === undefined ? 0 : flagsOf(had)) & attendeeFlags.exceptionalResponse;
    setProperty(row, p.PidTagRecipientFlags, (flagsOf(row) & ~attendeeFlags.exceptionalResponse) | mark);
  }
}

/** What the calendar knows of its attendees goes over into what its owner made of the meeting. */
function prepared(before: ItemBag, edited: ItemBag, context: OrganizerContext): ItemBag {
  const resolve = resolverOf(context);
  const given = seriesItemOf(edited);
  const bare = (given?.changedDays ?? []).filter((day) => given?.embeddedOn(day) === undefined);
  const whole = given?.with(new Map(bare.map((day) => [day, given.occurrenceOn(day) ?? null]))) ?? edited;
  const after = whole === edited ? copyItem(edited) : whole;
  setOrganizer(after, context.organizer, resolve);
  carry(after, before, resolve);
  carryRemoved(after, before);
  for (const property of [p.PidLidGlobalObjectId, p.PidLidCleanGlobalObjectId, p.PidTagOwnerAppointmentId] as const) {
    takeProperty(after, before, property);
  }
  setProperty(after, p.PidLidAppointmentStateFlags, stateFlags.meeting);
  setProperty(after, p.PidLidResponseStatus, responses.organized);
  const [had, has] = [seriesItemOf(before), seriesItemOf(after)];
  for (const day of has?.changedDays ?? []) {
    const embedded = has?.embeddedOn(day);
    if (embedded === undefined) continue;
    carry(embedded, had?.embeddedOn(day), resolve);
    followSeries(embedded, had?.embeddedOn(day), before, after, resolve);
  }
  setAttendeeTexts(after, resolve);
  return after;
}

/** An occurrence whose own people nobody touched has those who joined or left the series. */
function followSeries(
  embedded: ItemBag, had: ItemBag | undefined, before: ItemBag, after: ItemBag, resolve: ResolveAddress,
): void {
  if (embedded.recipients.length === 0) return;
  const own = attendeesOf(embedded, resolve);
  const was = attendeesOf(had === undefined || had.recipients.length === 0 ? before : had, resolve);
  if (own.size !== was.size || [...own.keys()].some((address) => !was.has(address))) return;
  const [old, next] = [attendeesOf(before, resolve), attendeesOf(after, resolve)];
  const gone = without(old, next);
  const kept = embedded.recipients.filter((row) => !gone.has(rowPerson(row, resolve)?.address.toLowerCase() ?? ""));
  const joined = [...without(without(next, old), own).values()].map((row) =>
    ({ bag: new Map(row.bag), named: new Map(row.named) }));
  embedded.recipients.splice(0, embedded.recipients.length, ...kept, ...joined);
}

/**
 * What a change of a meeting by its organizer means: nothing that attendees see sends nothing; a change of when it is
 * asks everybody again, another informs; who is added is invited, who is removed gets a cancellation. Occurrences are
 * looked at one by one. `before` is what the calendar holds, `edited` what its owner made of it.
 * [MS-OXOCAL] 3.1.4.7.3, RFC 5546 §2.1.4, §3.2.2
 */
export function updateMeeting(before: ItemBag, edited: ItemBag, context: OrganizerContext): Decision {
  if (isReceived(before)) throw new Fault("notAllowed", "only its organizer can change a meeting for others");
  if (getProperty(before, p.PidLidFInvited) !== true) {
    const decision = sendRequest(edited, context);
    return { ...decision, calendar: decision.calendar.map((one) => ({ ...one, before })) };
  }
  const after = prepared(before, edited, context);
  const sending = new Sending(lastSequenceOf(before), context);
  const { resolve } = sending;
  const [had, has] = [attendeesOf(before, resolve), attendeesOf(after, resolve)];
  const removed = without(had, has);
  const change = compareMeetings(before, after, resolve);
  const told = change.isReal ? has : without(has, had);
  const occurrences = occurrenceChanges(before, after, resolve);
  if (removed.size > 0) {
    sending.next();
    sending.cancel(before, removed, false);
    rememberRemoved(after, removed.keys(), undefined, sending.sequence);
  }
  if (change.isSignificant) {
    resetTracking(after);
    resetOccurrences(after);
  }
  if (change.isReal || told.size > 0) setVersion(after, sending.next(), context.now, change.isSignificant);
  if (told.size > 0) {
    for (const { embedded, change: each } of occurrences) {
      if (embedded === undefined || !each.isReal) continue;
      if (each.isSignificant) resetTracking(embedded);
      setVersion(embedded, sending.sequence, context.now, each.isSignificant);
    }
    const series = seriesItemOf(after);
    if (series === undefined) sending.request(after, told, had, change, before);
    else sendSnapshot(series, told, had, change, before, sending);
  }
  for (const one of occurrences) sendOccurrence(one, { after, told, removed }, sending);
  if (sending.sequence > lastSequenceOf(before)) setProperty(after, p.PidLidAppointmentLastSequence, sending.sequence);
  setProperty(after, p.PidLidFInvited, true);
  return decided(sending.messages.length > 0 ? "sent" : "unchanged", {
    calendar: [{ kind: "update", before, item: after }], messages: sending.messages,
  });
}

interface OccurrenceChange {
  readonly day: LocalMinutes;
  readonly was: ItemBag | undefined;
  readonly is: ItemBag | undefined;
  /** What the series holds of it now. */
  readonly embedded: ItemBag | undefined;
  readonly change: MeetingChange;
}

/** Occurrences that are, or were, otherwise than their series, in the order of their days. */
function occurrenceChanges(before: ItemBag, after: ItemBag, resolve: ResolveAddress): OccurrenceChange[] {
  const [had, has] = [seriesItemOf(before), seriesItemOf(after)];
  const days = new Set([...(had?.changedDays ?? []), ...(has?.changedDays ?? []), ...(had?.deletedDays ?? []),
    ...(has?.deletedDays ?? [])]);
  return [...days].sort((one, other) => one - other).map((day) => {
    const [was, is] = [had?.occurrenceOn(day), has?.occurrenceOn(day)];
    const isThere = { highlight: 0, isSignificant: is !== was, isReal: is !== was };
    const change = was === undefined || is === undefined ? isThere : compareMeetings(was, is, resolve);
    return { day, was, is, embedded: has?.embeddedOn(day), change };
  });
}

interface Heard {
  readonly after: ItemBag;
  /** Who got the whole series with this change, occurrences included. */
  readonly told: Audience;
  readonly removed: Audience;
}

/**
 * Sends what one occurrence needs to those who did not hear of it with the series. [MS-OXOCAL] 3.1.4.7.5, 3.1.4.9.1
 */
function sendOccurrence(one: OccurrenceChange, { after, told, removed }: Heard, sending: Sending): void {
  const { was, is, embedded, change } = one;
  const wasThere: Audience = was === undefined ? new Map() : attendeesOf(was, sending.resolve);
  const isThere: Audience = is === undefined ? new Map() : attendeesOf(is, sending.resolve);
  const left = without(wasThere, isThere);
  const gone = without(without(left, told), removed);
  if (was !== undefined && gone.size > 0) {
    sending.next();
    sending.cancel(was, gone, is === undefined);
  }
  if (is !== undefined) rememberRemoved(after, without(left, removed).keys(), one.day, sending.sequence);
  if (is === undefined) return;
  // Who had the occurrence by the series that was just taken from him has it no more.
  const known = without(wasThere, removed);
  const to = without(change.isReal ? isThere : without(isThere, known), told);
  if (to.size === 0) return;
  const item = copyItem(is);
  if (change.isSignificant) resetTracking(item);
  if (embedded !== undefined && getProperty(embedded, p.PidLidAppointmentSequence) !== undefined) {
    for (const property of versionProperties) takeProperty(item, embedded, property);
  }
  sending.next();
  // Those who were told with the series answer to the number of that message.
  setVersion(item, sending.sequence, sending.now, change.isSignificant && told.size === 0);
  sending.request(item, to, known, change, was);
  if (embedded === undefined) return;
  for (const property of versionProperties) takeProperty(embedded, item, property);
  embedded.recipients.splice(0, embedded.recipients.length, ...item.recipients);
}

/**
 * The meeting as it is now for people who came to it by somebody else: they may hold an older version. Changes the
 * given item, whose recipients they are. [MS-OXOCAL] 3.1.4.7.3
 */
export function inviteLate(
  item: ItemBag, day: LocalMinutes | undefined, addresses: ReadonlySet<string>, context: OrganizerContext,
): readonly OutgoingMessage[] {
  const sending = new Sending(lastSequenceOf(item), context);
  const series = seriesItemOf(item);
  const one = day === undefined ? item : series?.occurrenceOn(day);
  if (one === undefined) return [];
  const to: Audience = new Map([...attendeesOf(one, sending.resolve)].filter(([address]) => addresses.has(address)));
  setProperty(item, p.PidLidAppointmentLastSequence, sending.next());
  if (day !== undefined || series === undefined) sending.request(one, to, new Map(), nothing, undefined);
  else sendSnapshot(series, to, new Map(), nothing, undefined, sending);
  return sending.messages;
}

/**
 * The whole meeting is off: everybody is told, and it leaves the organizer's calendar. Occurrences that somebody alone
 * was asked to, and that are not past, are cancelled for him. [MS-OXOCAL] 3.1.4.9.1, 3.1.4.9.1.1
 */
export function cancelMeeting(meeting: ItemBag, context: OrganizerContext): Decision {
  if (isReceived(meeting)) throw new Fault("notAllowed", "only its organizer can cancel a meeting");
  const calendar = [{ kind: "delete", before: meeting }] as const;
  const key = meetingKeyOf(meeting) ?? "";
  if (getProperty(meeting, p.PidLidFInvited) !== true) return decided("unchanged", { calendar });
  const sending = new Sending(lastSequenceOf(meeting), context);
  const item = copyItem(meeting);
  setOrganizer(item, context.organizer, sending.resolve);
  const audience = attendeesOf(item, sending.resolve);
  sending.next();
  sending.cancel(item, audience, true);
  const series = seriesItemOf(item);
  for (const day of series?.changedDays ?? []) {
    const one = series?.occurrenceOn(day);
    if (one === undefined || utcOf(getProperty(one, p.PidLidAppointmentStartWhole) ?? 0n) < context.now) continue;
    const others = without(attendeesOf(one, sending.resolve), audience);
    if (others.size === 0) continue;
    sending.next();
    sending.cancel(one, others, true);
  }
  // An invitation that is being sent on is called back by it.
  const tombstone: Tombstone = {
    meeting: key, day: undefined, reason: "canceled",
    version: { sequence: sending.sequence, change: changeTime(context.now) },
  };
  return decided(sending.messages.length > 0 ? "sent" : "unchanged", {
    calendar, messages: sending.messages, tombstones: [tombstone],
  });
}

/** For whom an invitation reached after the meeting was off; `meeting` tells what it was. [MS-OXOCAL] 3.1.4.9.1 */
export function cancelLate(
  meeting: ItemBag, to: readonly DisplayAddress[], sequence: number, context: OrganizerContext,
): readonly OutgoingMessage[] {
  const sending = new Sending(sequence, context);
  const item = copyItem(meeting);
  item.recipients.length = 0;
  setOrganizer(item, context.organizer, sending.resolve);
  for (const person of to) addRow(item, 1, person);
  sending.cancel(item, attendeesOf(item, sending.resolve), true);
  return sending.messages;
}

function seriesWith(meeting: ItemBag): SeriesItem {
  const series = seriesItemOf(meeting);
  if (series === undefined) throw new Fault("invalidArgument", "the meeting is no series");
  return series;
}

/** One occurrence as its organizer changed it; `day` is that of its original start. [MS-OXOCAL] 3.1.4.7.5 */
export function updateOccurrenceOf(
  meeting: ItemBag, day: LocalMinutes, occurrence: ItemBag, context: OrganizerContext,
): Decision {
  return updateMeeting(meeting, seriesWith(meeting).withOccurrence(day, occurrence), context);
}

/** [MS-OXOCAL] 3.1.4.9.1 */
export function cancelOccurrenceOf(meeting: ItemBag, day: LocalMinutes, context: OrganizerContext): Decision {
  const series = seriesWith(meeting);
  if (series.occurrenceOn(day) === undefined) throw new Fault("notFound", "the series has no such occurrence");
  return updateMeeting(meeting, series.withoutOccurrence(day), context);
}

/** How somebody answered, for tests and views. [MS-OXOCAL] 2.2.4.10.2 */
export const trackingOf = (item: ItemBag, resolve: ResolveAddress): Map<string, number> =>
  new Map([...attendeesOf(item, resolve)].map(([address, row]) => [address, trackOf(row)]));
