/** What a meeting of another becomes in one's own calendar. [MS-OXOCAL] 3.1.4.7.2.2, 3.1.4.7.4.2 */
import { properties } from "#props/registry.ts";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { compareMeetings } from "#calendar/meetings/changes.ts";
import { compareVersions } from "#calendar/meetings/decision.ts";
import { setSubject } from "#calendar/meetings/messages.ts";
import { seriesItemOf, utcOf } from "#calendar/meetings/occurrences.ts";
import {
  copyItem, isCanceled, organizerOf, removeProperty, rowOf, setAttendeeTexts, setOrganizer, takeMeeting, takeProperty,
  trackOf, versionOf,
} from "#calendar/meetings/parts.ts";
import {
  busyStatuses, meetingTypes, messageClasses, responses, stateFlags,
} from "#calendar/meetings/values.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { ItemBag } from "#convert/item.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { Owner, Version } from "#calendar/meetings/decision.ts";

const p = properties;

/** The next reminder of an item, by what it says of itself. [MS-OXORMDR] 2.2.1.2, 2.2.1.7 */
export function setReminderTimes(item: ItemBag, now: number): void {
  if (getProperty(item, p.PidLidReminderSet) !== true) return;
  const delta = Math.min(Math.max(getProperty(item, p.PidLidReminderDelta) ?? 15, 0), 525_600);
  let startMs = utcOf(getProperty(item, p.PidLidAppointmentStartWhole) ?? 0n);
  const series = seriesItemOf(item)?.series;
  for (const occurrence of series?.from(now) ?? []) {
    startMs = occurrence.startUtcMs;
    break;
  }
  setProperty(item, p.PidLidReminderTime, toFileTime(startMs));
  setProperty(item, p.PidLidReminderSignalTime, toFileTime(startMs - delta * 60_000));
}

/** Not answered: it takes its time tentatively. [MS-OXOCAL] 3.1.4.7.2.2 */
export function setUnanswered(item: ItemBag): void {
  const intended = getProperty(item, p.PidLidIntendedBusyStatus) ?? busyStatuses.BUSY;
  setProperty(item, p.PidLidResponseStatus, responses.notResponded);
  setProperty(item, p.PidLidBusyStatus, intended === busyStatuses.FREE ? intended : busyStatuses.TENTATIVE);
  for (const property of [p.PidLidAppointmentReplyTime, p.PidLidAppointmentReplyName] as const) {
    removeProperty(item, property);
  }
}

/** The meeting of a request as a calendar holds it, nothing of one's own in it yet. [MS-OXOCAL] 3.1.4.7.2.2 */
export function calendarItemOf(message: ItemBag, resolve: ResolveAddress): ItemBag {
  const item = newItem();
  takeMeeting(item, message);
  item.recipients.push(...copyItem(message).recipients);
  const organizer = organizerOf(message, resolve);
  if (organizer !== null) setOrganizer(item, organizer, resolve);
  setAttendeeTexts(item, resolve);
  setProperty(item, p.PidTagMessageClass, messageClasses.appointment);
  setProperty(item, p.PidLidAppointmentStateFlags, stateFlags.meeting | stateFlags.received);
  setProperty(item, p.PidLidFInvited, true);
  const intended = getProperty(message, p.PidLidIntendedBusyStatus) ?? getProperty(message, p.PidLidBusyStatus);
  setProperty(item, p.PidLidIntendedBusyStatus, intended ?? busyStatuses.BUSY);
  const subject = getProperty(item, p.PidTagSubject) ?? "";
  const prefix = getProperty(item, p.PidTagSubjectPrefix) ?? "";
  if (prefix !== "" && subject.startsWith(prefix)) setSubject(item, "");
  setUnanswered(item);
  return item;
}

/** What an attendee has of his own in a meeting, whatever its organizer does. */
const ownProperties = [
  p.PidNameKeywords, p.PidLidReminderSet, p.PidLidReminderDelta, p.PidLidReminderOverride, p.PidLidReminderPlaySound,
  p.PidLidReminderFileParameter, p.PidLidAppointmentColor,
] as const;
/**
 * Whether an update asks again: it says so, one that did was missed, or its times are others than those answered to.
 * An update from another system says it by the answer that it has of the attendee. [MS-OXOCAL] 2.2.6.5, 3.1.4.7.3.1
 */
export function asksAgain(own: ItemBag, message: ItemBag, me: Owner, resolve: ResolveAddress): boolean {
  if (compareMeetings(own, message, resolve).isSignificant || isCanceled(own)) return true;
  const since = getProperty(message, p.PidLidAppointmentSequenceTime);
  if (since !== undefined) return versionOf(own).change < since;
  const told = getProperty(message, p.PidLidMeetingType) ?? meetingTypes.empty;
  if (told === meetingTypes.full || told === meetingTypes.informational) return told === meetingTypes.full;
  if (versionOf(message).sequence <= versionOf(own).sequence) return false;
  return trackOfOwner(message, me, resolve) === responses.none;
}

/** What the organizer has of an attendee's answer; undefined when he is not among the recipients. */
function trackOfOwner(message: ItemBag, me: Owner, resolve: ResolveAddress): number | undefined {
  const rows = [me.person.address, ...(me.aliases ?? [])].map((one) => rowOf(message, one, resolve));
  const row = rows.find((one) => one !== undefined);
  return row === undefined ? undefined : trackOf(row);
}

/** Whether an occurrence that the attendee took away is asked for anew. */
function isReopened(back: ItemBag, refused: Version, { me, resolve }: MergeParts): boolean {
  if (compareVersions(versionOf(back), refused) <= 0) return false;
  const since = getProperty(back, p.PidLidAppointmentSequenceTime);
  return since === undefined ? trackOfOwner(back, me, resolve) !== responses.declined : refused.change < since;
}

/** One meeting or occurrence as it is now, with what is the attendee's own. [MS-OXOCAL] 3.1.4.7.4.2 */
export function updatedItem(own: ItemBag, fresh: ItemBag, isAsked: boolean): ItemBag {
  const item = copyItem(own);
  takeMeeting(item, fresh);
  item.recipients.splice(0, item.recipients.length, ...copyItem(fresh).recipients);
  for (const property of takenProperties) takeProperty(item, fresh, property);
  for (const property of ownProperties) takeProperty(item, own, property);
  if (isAsked) setUnanswered(item);
  return item;
}

const takenProperties = [
  p.PidTagMessageClass, p.PidLidAppointmentStateFlags, p.PidTagSentRepresentingName,
  p.PidTagSentRepresentingAddressType, p.PidTagSentRepresentingEmailAddress, p.PidTagSentRepresentingSmtpAddress,
  p.PidTagSentRepresentingEntryId, p.PidTagSentRepresentingSearchKey, p.PidLidAllAttendeesString,
  p.PidLidToAttendeesString, p.PidLidCcAttendeesString,
] as const;

export interface MergeParts {
  readonly message: ItemBag;
  readonly me: Owner;
  readonly now: number;
  readonly resolve: ResolveAddress;
  /** Occurrences that the calendar holds alone, by day. */
  readonly alone: ReadonlyMap<LocalMinutes, ItemBag>;
  /** Occurrences that were taken away, and by which version. */
  readonly gone: ReadonlyMap<LocalMinutes, Version>;
  /** Those among them that the attendee took away himself. */
  readonly refused: ReadonlyMap<LocalMinutes, Version>;
}

export interface Merged {
  readonly item: ItemBag;
  readonly isAsked: boolean;
  /** Occurrences that have to stand alone meanwhile. */
  readonly apart: readonly ItemBag[];
}

/** What a request makes of the meeting that the calendar holds, or of none. [MS-OXOCAL] 3.1.4.7.4.2 */
export function mergeRequest(own: ItemBag | undefined, parts: MergeParts): Merged {
  const { message, me, now, resolve } = parts;
  const isAsked = own === undefined || asksAgain(own, message, me, resolve);
  const fresh = calendarItemOf(message, resolve);
  const plain = own === undefined ? fresh : updatedItem(own, fresh, isAsked);
  const item = mergeOccurrences(own, plain, isAsked, parts);
  setReminderTimes(item, now);
  return { item, isAsked, apart: laterApart(own, item, parts) };
}

/** Occurrences told later than the series now is, on days that it does not have: a newer series will. */
function laterApart(own: ItemBag | undefined, item: ItemBag, { message }: MergeParts): ItemBag[] {
  const [had, next] = [own && seriesItemOf(own), seriesItemOf(item)];
  if (had === undefined || isCanceled(had.item)) return [];
  const version = versionOf(message);
  return had.changedDays.filter((day) => next?.has(day) !== true).map((day) => had.occurrenceOn(day))
    .filter((one) => one !== undefined).filter((one) => compareVersions(versionOf(one), version) > 0);
}

function mergeOccurrences(own: ItemBag | undefined, item: ItemBag, isAsked: boolean, parts: MergeParts): ItemBag {
  const [had, told, next] = [own && seriesItemOf(own), seriesItemOf(parts.message), seriesItemOf(item)];
  if (told === undefined || next === undefined) return item;
  const version = versionOf(parts.message);
  const isLater = (one: ItemBag): boolean => compareVersions(versionOf(one), version) > 0;
  const changes = new Map<LocalMinutes, ItemBag | null>();
  for (const day of told.changedDays) {
    const fresh = calendarItemOf(told.occurrenceOn(day)!, parts.resolve);
    const mine = had?.occurrenceOn(day);
    changes.set(day, mine === undefined ? fresh : mergeOccurrence(mine, fresh, isAsked, parts));
  }
  for (const day of had?.changedDays ?? []) {
    const mine = had!.occurrenceOn(day);
    if (mine === undefined || !next.hasDay(day)) continue;
    if (isLater(mine)) {
      // Of a canceled series those that are not canceled stand alone meanwhile.
      if (isCanceled(mine) || !isCanceled(had!.item)) changes.set(day, mine);
      continue;
    }
    const plain = isAsked || told.isChanged(day) || isCanceled(mine) ? undefined : told.occurrenceOn(day);
    // Only what is the attendee's own made it another than its series.
    const isOwn = plain !== undefined && !compareMeetings(plain, mine, parts.resolve).isReal;
    if (isOwn) changes.set(day, updatedItem(mine, calendarItemOf(plain, parts.resolve), false));
  }
  for (const [day, refused] of isAsked ? [] : parts.refused) {
    const back = told.isChanged(day) ? told.occurrenceOn(day) : undefined;
    const isBack = back !== undefined && isReopened(back, refused, parts);
    if (next.hasDay(day) && had?.deletedDays.has(day) === true && !isBack) changes.set(day, null);
  }
  for (const [day, one] of parts.alone) if (next.hasDay(day) && isLater(one)) changes.set(day, one);
  for (const [day, gone] of parts.gone) {
    const kept = changes.get(day);
    const isBack = kept !== undefined && kept !== null && compareVersions(versionOf(kept), gone) > 0;
    if (next.hasDay(day) && compareVersions(gone, version) > 0 && !isBack) changes.set(day, null);
  }
  return next.with(changes);
}

/** An occurrence of the series that was told with it: the one of the later version. */
function mergeOccurrence(mine: ItemBag, fresh: ItemBag, isAsked: boolean, { me, resolve }: MergeParts): ItemBag {
  if (isAsked) return updatedItem(mine, fresh, true);
  if (compareVersions(versionOf(mine), versionOf(fresh)) === 0) return updatedItem(mine, fresh, false);
  return updatedItem(mine, fresh, asksAgain(mine, fresh, me, resolve));
}
