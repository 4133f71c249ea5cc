/** What comes back to the organizer: answers, proposals, forwards. [MS-OXOCAL] 3.1.4.8.4, 3.1.5.2, RFC 5546 §3.2.3 */
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { isException } from "#convert/ical/attachments.ts";
import { getPerson } from "#convert/mime/people.ts";
import { changeTime, decided } from "#calendar/meetings/decision.ts";
import { delegatedIn, forwardedTo } from "#calendar/meetings/messages.ts";
import { dayIn, seriesItemOf } from "#calendar/meetings/occurrences.ts";
import {
  addRow, attendeesOf, classIs, copyItem, flagsOf, isOwner, isReceived, meetingKeyOf, occurrenceDayOf,
  organizerOf, removeProperty, resolverOf, rowOf, sameAddress, setAttendeeTexts, trackOf,
} from "#calendar/meetings/parts.ts";
import { cancelLate, inviteLate, lastSequenceOf } from "#calendar/meetings/organize.ts";
import { wasRemoved } from "#calendar/meetings/removed.ts";
import { attendeeFlags, responses } from "#calendar/meetings/values.ts";
import { attendeesMax } from "#calendar/meetings/decision.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { ItemBag, ItemRecipient } from "#convert/item.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type { Decision, MeetingState } from "#calendar/meetings/decision.ts";
import type { AttendeeContext } from "#calendar/meetings/receive.ts";

const p = properties;

const optional = 2;

function answerOf(message: ItemBag): number | undefined {
  // A reply of another system that says nothing.
  const inside = getProperty(message, p.PidLidResponseStatus) ?? responses.none;
  if (inside === responses.notResponded) return undefined;
  // A counter proposal that came as text is of one class whatever the answer in it.
  const isProposal = getProperty(message, p.PidLidAppointmentCounterProposal) === true;
  const isAnswer = inside === responses.accepted || inside === responses.declined || inside === responses.tentative;
  if (isProposal && isAnswer) return inside;
  if (classIs(message, "accept")) return responses.accepted;
  if (classIs(message, "decline")) return responses.declined;
  return classIs(message, "tentative") ? responses.tentative : undefined;
}

interface Answered {
  readonly person: DisplayAddress;
  readonly answer: number;
  readonly at: bigint;
  /** Undefined for an answer that does not say to what: it is to what there is. */
  readonly sequence: number | undefined;
  /** PidLidOwnerCriticalChange of what was answered. */
  readonly change: bigint | undefined;
  readonly proposal: { readonly start: bigint; readonly end: bigint } | undefined;
  /** Who comes instead. RFC 5545 §3.2.5 */
  readonly instead: readonly DisplayAddress[];
}

function answeredOf(message: ItemBag, now: number, resolve: ResolveAddress): Answered | undefined {
  const answer = answerOf(message);
  const person = getPerson(message, "representing", resolve) ?? getPerson(message, "sender", resolve);
  if (answer === undefined || person === null) return undefined;
  const start = getProperty(message, p.PidLidAppointmentProposedStartWhole);
  const end = getProperty(message, p.PidLidAppointmentProposedEndWhole);
  const isProposal = getProperty(message, p.PidLidAppointmentCounterProposal) === true;
  return {
    person, answer, sequence: getProperty(message, p.PidLidAppointmentSequence), instead: delegatedIn(message),
    at: getProperty(message, p.PidLidAttendeeCriticalChange) ?? changeTime(now),
    change: getProperty(message, p.PidLidOwnerCriticalChange),
    proposal: isProposal && start !== undefined && end !== undefined ? { start, end } : undefined,
  };
}

/** Whether an answer is to what the meeting no longer is. [MS-OXOCAL] 3.1.5.2 */
function isLate({ sequence, change }: Answered, meeting: ItemBag): boolean {
  const asked = getProperty(meeting, p.PidLidAppointmentSequence) ?? 0;
  if (sequence !== undefined && sequence !== asked) return sequence < asked;
  const since = getProperty(meeting, p.PidLidAppointmentSequenceTime);
  return change !== undefined && since !== undefined && change < since;
}

/** An answer that came later than the one in the row, by when it was given. */
function setTrack(meeting: ItemBag, row: ItemRecipient, { answer, at, proposal }: Answered): boolean {
  const had = getProperty(row, p.PidTagRecipientTrackStatusTime);
  if (had !== undefined && (at < had || (at === had && trackOf(row) === answer))) return false;
  setProperty(row, p.PidTagRecipientTrackStatus, answer);
  setProperty(row, p.PidTagRecipientTrackStatusTime, at);
  for (const property of [p.PidTagRecipientProposed, p.PidTagRecipientProposedStartTime,
    p.PidTagRecipientProposedEndTime] as const) removeProperty(row, property);
  if (proposal !== undefined && getProperty(meeting, p.PidLidAppointmentNotAllowPropose) !== true) {
    setProperty(row, p.PidTagRecipientProposed, true);
    setProperty(row, p.PidTagRecipientProposedStartTime, proposal.start);
    setProperty(row, p.PidTagRecipientProposedEndTime, proposal.end);
  }
  const proposals = meeting.recipients.filter((one) => getProperty(one, p.PidTagRecipientProposed) === true).length;
  setProperty(meeting, p.PidLidAppointmentProposalNumber, proposals);
  setProperty(meeting, p.PidLidAppointmentCounterProposal, proposals > 0);
  return true;
}

/** Who joins a series joins its changed occurrences. */
function joinOccurrences(item: ItemBag, people: readonly DisplayAddress[], resolve: ResolveAddress): void {
  for (const { embedded } of item.attachments.filter(isException)) {
    if (embedded === undefined || embedded.recipients.length === 0) continue;
    for (const person of people) {
      if (rowOf(embedded, person.address, resolve) === undefined) addRow(embedded, optional, person);
    }
  }
}

/** The answer in the rows of a meeting; who was not asked is an optional attendee from now on. */
function track(meeting: ItemBag, answered: Answered, resolve: ResolveAddress): boolean {
  const known = rowOf(meeting, answered.person.address, resolve);
  if (known === undefined && meeting.recipients.length >= attendeesMax) return false;
  const row = known ?? addRow(meeting, optional, answered.person);
  if (known === undefined) joinOccurrences(meeting, [answered.person], resolve);
  if (known !== undefined) setProperty(row, p.PidTagRecipientFlags, flagsOf(row) & ~attendeeFlags.exceptionalDeleted);
  const isNew = setTrack(meeting, row, answered);
  if (isNew) joinInstead(meeting, row, answered, resolve);
  if (known === undefined) setAttendeeTexts(meeting, resolve);
  return isNew;
}

/** Exchange knows nobody who was sent: he declines, and those whom he sent are asked as he was. RFC 5546 §3.2.2.3 */
function joinInstead(meeting: ItemBag, row: ItemRecipient, { instead }: Answered, resolve: ResolveAddress): void {
  const organizer = organizerOf(meeting, resolve)?.address ?? "";
  const joined = instead.filter(({ address }) => rowOf(meeting, address, resolve) === undefined &&
    !sameAddress(address, organizer)).slice(0, Math.max(0, attendeesMax - meeting.recipients.length));
  const isOptional = ((getProperty(row, p.PidTagRecipientType) ?? 1) & 0xf) === optional;
  for (const person of joined) addRow(meeting, isOptional ? optional : 1, person);
  if (joined.length === 0) return;
  joinOccurrences(meeting, joined, resolve);
  setAttendeeTexts(meeting, resolve);
}

/** Occurrences that were told with their series, and answered with it. */
function trackOccurrences(item: ItemBag, answered: Answered, resolve: ResolveAddress): void {
  const series = seriesItemOf(item);
  for (const day of series?.changedDays ?? []) {
    const embedded = series?.embeddedOn(day);
    const row = embedded === undefined ? undefined : rowOf(embedded, answered.person.address, resolve);
    if (embedded === undefined || row === undefined) continue;
    const last = getProperty(embedded, p.PidLidAppointmentLastSequence) ??
      getProperty(embedded, p.PidLidAppointmentSequence) ?? 0;
    const isLater = answered.sequence !== undefined && last > answered.sequence;
    if ((flagsOf(row) & attendeeFlags.exceptionalResponse) !== 0 || isLater) continue;
    setTrack(embedded, row, { ...answered, proposal: undefined });
  }
}

function meetingIn(message: ItemBag, { items }: MeetingState): ItemBag | undefined {
  const key = meetingKeyOf(message);
  return key === undefined ? undefined
    : items.find((item) => meetingKeyOf(item) === key && occurrenceDayOf(item) === undefined);
}

function received(message: ItemBag, isOutOfDate: boolean): ItemBag {
  const copy = copyItem(message);
  setProperty(copy, p.PidTagProcessed, true);
  setProperty(copy, p.PidLidServerProcessed, true);
  if (isOutOfDate) setProperty(copy, p.PidLidPromptSendUpdate, true);
  return copy;
}

/**
 * An answer to the organizer, also from a delegate or somebody who was not asked. Answers to an older version do not
 * count; of several the one given last does, in whichever order they come. An answer to one occurrence stands with that
 * occurrence. [MS-OXOCAL] 3.1.4.8.4, 3.1.5.2, RFC 5546 §3.2.3, §3.2.7
 */
export function receiveResponse(message: ItemBag, state: MeetingState, context: AttendeeContext): Decision {
  const resolve = resolverOf(context);
  const meeting = meetingIn(message, state);
  const answered = answeredOf(message, context.now, resolve);
  const ignored = decided("ignored", { received: received(message, false) });
  if (meeting === undefined || isReceived(meeting) || answered === undefined) return ignored;
  const organizer = organizerOf(meeting, resolve);
  const { address } = answered.person;
  if (isOwner(context.me, address) || (organizer !== null && sameAddress(organizer.address, address))) return ignored;
  const day = dayIn(message, seriesItemOf(meeting));
  const late = decided("outOfDate", { received: received(message, true) });
  const sequence = answered.sequence ?? lastSequenceOf(meeting);
  if (wasRemoved(meeting, address, day, sequence)) return late;
  const item = day === undefined ? trackWhole(meeting, answered, resolve)
    : trackOccurrence(meeting, day, answered, resolve);
  if (item === "late") return late;
  if (item === "none") return ignored;
  const copy = received(message, false);
  if (item === "same") return decided("same", { received: copy });
  // Who came by somebody else may have an older version.
  const joined = [address, ...answered.instead.map((one) => one.address)]
    .filter((one) => rowOf(meeting, one, resolve) === undefined).map((one) => one.toLowerCase());
  const isOld = joined.length > 0 && day === undefined && sequence < lastSequenceOf(meeting);
  const messages = isOld && organizer !== null ? inviteLate(item, day, new Set(joined), { ...context, organizer }) : [];
  return decided("tracked", { received: copy, messages, calendar: [{ kind: "update", before: meeting, item }] });
}

type Tracked = ItemBag | "late" | "same" | "none";

function trackWhole(meeting: ItemBag, answered: Answered, resolve: ResolveAddress): Tracked {
  if (isLate(answered, meeting)) return "late";
  const item = copyItem(meeting);
  if (!track(item, answered, resolve)) return "same";
  trackOccurrences(item, answered, resolve);
  return item;
}

function trackOccurrence(meeting: ItemBag, day: LocalMinutes, answered: Answered, resolve: ResolveAddress): Tracked {
  const series = seriesItemOf(meeting);
  const occurrence = series?.occurrenceOn(day);
  if (series === undefined || occurrence === undefined) return "none";
  if (isLate(answered, meeting) || isLate(answered, occurrence)) return "late";
  const had = rowOf(occurrence, answered.person.address, resolve);
  // What was said to the series stands until there is an answer to the occurrence, of whatever time.
  const isOwn = had !== undefined && (flagsOf(had) & attendeeFlags.exceptionalResponse) !== 0;
  if (had !== undefined && !isOwn) removeProperty(had, p.PidTagRecipientTrackStatusTime);
  const isChanged = track(occurrence, answered, resolve);
  const row = rowOf(occurrence, answered.person.address, resolve);
  if (!isChanged || row === undefined) return "same";
  setProperty(row, p.PidTagRecipientFlags, flagsOf(row) | attendeeFlags.exceptionalResponse);
  return series.withOccurrence(day, occurrence);
}

/**
 * An attendee sent the invitation on: who got it is an optional attendee of the meeting. Only attendees can.
 * [MS-OXOCAL] 2.2.9, 3.1.4.7.6
 */
export function receiveForwardNotification(message: ItemBag, state: MeetingState, context: AttendeeContext): Decision {
  const resolve = resolverOf(context);
  const meeting = meetingIn(message, state);
  const forwarder = getPerson(message, "representing", resolve) ?? getPerson(message, "sender", resolve);
  const copy = received(message, false);
  const ignored = decided("ignored", { received: copy });
  if (!classIs(message, "forwarded") || forwarder === null) return ignored;
  const sequence = getProperty(message, p.PidLidAppointmentSequence) ?? 0;
  if (meeting === undefined) {
    const off = state.tombstones.find((one) => one.meeting === meetingKeyOf(message) && one.day === undefined);
    if (off === undefined) return ignored;
    const late = cancelLate(message, forwardedTo(message), off.version.sequence,
      { ...context, organizer: context.me.person });
    return decided("canceled", { received: copy, messages: late });
  }
  if (isReceived(meeting)) return ignored;
  const day = dayIn(message, seriesItemOf(meeting));
  const series = day === undefined ? undefined : seriesItemOf(meeting);
  const target = day === undefined ? copyItem(meeting) : series?.occurrenceOn(day);
  if (target === undefined) return ignored;
  // Also who was one when he sent it on.
  const isAttendee = attendeesOf(target, resolve).has(forwarder.address.toLowerCase()) ||
    wasRemoved(meeting, forwarder.address, day, sequence);
  if (!isAttendee) return ignored;
  const joined: DisplayAddress[] = [];
  for (const person of forwardedTo(message)) {
    const isThere = rowOf(target, person.address, resolve) !== undefined || isOwner(context.me, person.address);
    if (isThere || target.recipients.length >= attendeesMax) continue;
    if (wasRemoved(meeting, person.address, day, sequence)) continue;
    addRow(target, optional, person);
    joined.push(person);
  }
  if (joined.length === 0) return decided("same", { received: copy });
  setAttendeeTexts(target, resolve);
  if (day === undefined) joinOccurrences(target, joined, resolve);
  const item = day === undefined || series === undefined ? target : series.withOccurrence(day, target);
  const organizer = organizerOf(meeting, resolve);
  // What was sent on may be an older version, or one without the occurrences that its sender has not.
  const isOld = sequence < lastSequenceOf(meeting) || meeting.attachments.some((one) => isException(one));
  const addresses = new Set(joined.map(({ address }) => address.toLowerCase()));
  const messages = isOld && organizer !== null ? inviteLate(item, day, addresses, { ...context, organizer }) : [];
  return decided("tracked", { received: copy, messages, calendar: [{ kind: "update", before: meeting, item }] });
}

/**
 * An attendee asks for the meeting as it is now: he gets it, or its cancellation. RFC 5546 §3.2.6
 */
export function receiveRefresh(message: ItemBag, state: MeetingState, context: AttendeeContext): Decision {
  const resolve = resolverOf(context);
  const meeting = meetingIn(message, state);
  const person = getPerson(message, "representing", resolve) ?? getPerson(message, "sender", resolve);
  const copy = received(message, false);
  const ignored = decided("ignored", { received: copy });
  if (person === null || (meeting !== undefined && isReceived(meeting))) return ignored;
  if (meeting === undefined) {
    const off = state.tombstones.find((one) => one.meeting === meetingKeyOf(message) && one.day === undefined);
    const isTimed = getProperty(message, p.PidLidAppointmentStartWhole) !== undefined;
    if (off?.reason !== "canceled" || !isTimed) return ignored;
    const late = cancelLate(message, [person], off.version.sequence, { ...context, organizer: context.me.person });
    return decided("canceled", { received: copy, messages: late });
  }
  const organizer = organizerOf(meeting, resolve);
  const day = dayIn(message, seriesItemOf(meeting));
  const item = copyItem(meeting);
  const messages = organizer === null ? []
    : inviteLate(item, day, new Set([person.address.toLowerCase()]), { ...context, organizer });
  if (messages.length === 0) return ignored;
  return decided("sent", { received: copy, messages, calendar: [{ kind: "update", before: meeting, item }] });
}
