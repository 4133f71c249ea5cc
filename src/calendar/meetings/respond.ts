/** What an attendee, or a delegate for him, answers. [MS-OXOCAL] 3.1.4.8, RFC 5546 §3.2.3, §3.2.7 */
import { Fault } from "#base/fault.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { compareVersions, decided } from "#calendar/meetings/decision.ts";
import { setReminderTimes } from "#calendar/meetings/merge.ts";
import { responseMessage, responseOfAnswer } from "#calendar/meetings/messages.ts";
import { dayIn, seriesItemOf } from "#calendar/meetings/occurrences.ts";
import {
  copyItem, isCanceled, isReceived, meetingKeyOf, occurrenceDayOf, organizerOf, removeProperty, resolverOf, versionOf,
} from "#calendar/meetings/parts.ts";
import { canceledBeyond, receiveRequest } from "#calendar/meetings/receive.ts";
import { joined } from "#calendar/meetings/several.ts";
import { busyStatuses, intents, responses } from "#calendar/meetings/values.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { ItemBag } from "#convert/item.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type {
  CalendarChange, Decision, MeetingState, OutgoingMessage, Tombstone,
} from "#calendar/meetings/decision.ts";
import type { Proposal } from "#calendar/meetings/messages.ts";
import type { AttendeeContext } from "#calendar/meetings/receive.ts";
import type { Answer } from "#calendar/meetings/values.ts";

const p = properties;

export interface AnswerContext extends AttendeeContext {
  readonly answer: Answer;
  /** Midnight of the day of the one occurrence that is answered; else the whole meeting is. */
  readonly day?: LocalMinutes;
  /** The delegate who answers. */
  readonly by?: DisplayAddress;
  readonly comment?: string;
  readonly proposal?: Proposal;
  /** False answers in the calendar alone. */
  readonly isSent?: boolean;
}

const answerIntents = {
  accept: intents.respondedAccept, tentative: intents.respondedTentative, decline: intents.respondedDecline,
} as const;

/** [MS-OXOCAL] 3.1.4.8.1, 3.1.4.8.2 */
function setAnswer(item: ItemBag, { answer, now, by }: AnswerContext): void {
  const intended = getProperty(item, p.PidLidIntendedBusyStatus) ?? busyStatuses.BUSY;
  const isTentative = answer === "tentative" && intended !== busyStatuses.FREE;
  setProperty(item, p.PidLidBusyStatus, isTentative ? busyStatuses.TENTATIVE : intended);
  setProperty(item, p.PidLidResponseStatus, responseOfAnswer(answer));
  setProperty(item, p.PidLidAppointmentReplyTime, toFileTime(now));
  if (by === undefined) removeProperty(item, p.PidLidAppointmentReplyName);
  else setProperty(item, p.PidLidAppointmentReplyName, by.name === "" ? by.address : by.name);
  setProperty(item, p.PidLidClientIntent, answerIntents[answer] | (by === undefined ? 0 : intents.delegate));
}

const isUnanswered = (item: ItemBag): boolean => {
  const response = getProperty(item, p.PidLidResponseStatus) ?? responses.none;
  return response === responses.none || response === responses.notResponded;
};

/** Whether a series was told before one of its occurrences was. */
const isLater = (occurrence: ItemBag, series: ItemBag): boolean =>
  compareVersions(versionOf(occurrence), versionOf(series)) > 0;

/**
 * Occurrences that an answer to their series does not speak of: told later, or answered on their own. Who answers the
 * series means them too, so each gets an answer. [MS-OXOCAL] 3.1.4.8
 */
function besides(item: ItemBag, answer: Answer): [day: LocalMinutes, occurrence: ItemBag][] {
  const series = seriesItemOf(item);
  return (series?.changedDays ?? []).flatMap((day): [LocalMinutes, ItemBag][] => {
    const one = series!.occurrenceOn(day);
    if (one === undefined || isCanceled(one)) return [];
    const isMeant = isUnanswered(one) ? isLater(one, item) : answer === "decline";
    return isMeant ? [[day, one]] : [];
  });
}

/** The series answered, and with it its occurrences that have no answer of their own. */
function answeredWhole(item: ItemBag, context: AnswerContext): ItemBag {
  const copy = copyItem(item);
  setAnswer(copy, context);
  const [had, has] = [seriesItemOf(item), seriesItemOf(copy)];
  if (had === undefined || has === undefined) return copy;
  const changes = new Map<LocalMinutes, ItemBag>();
  for (const day of had.changedDays) {
    const occurrence = had.occurrenceOn(day);
    if (occurrence === undefined) continue;
    if (isUnanswered(occurrence) && !isCanceled(occurrence)) setAnswer(occurrence, context);
    changes.set(day, occurrence);
  }
  return has.with(changes);
}

/**
 * Answers the meeting that the calendar holds. A declined one leaves the calendar. Throws Fault `notAllowed` for one's
 * own meeting, a canceled one, or a proposal that the organizer does not want. [MS-OXOCAL] 3.1.4.8
 */
export function respond(item: ItemBag, context: AnswerContext): Decision {
  const { answer, day, me, by, now, comment, proposal, isSent = true } = context;
  if (!isReceived(item)) throw new Fault("notAllowed", "an organizer does not answer the meeting");
  const series = seriesItemOf(item);
  const one = day === undefined || series === undefined ? undefined : series.occurrenceOn(day);
  if (day !== undefined && one === undefined && occurrenceDayOf(item) !== day) {
    throw new Fault("notFound", "the meeting has no such occurrence");
  }
  const meeting = one ?? item;
  if (isCanceled(meeting)) throw new Fault("notAllowed", "the meeting is canceled");
  if (proposal !== undefined && getProperty(meeting, p.PidLidAppointmentNotAllowPropose) === true) {
    throw new Fault("notAllowed", "the organizer takes no proposals");
  }
  const calendar = answerCalendar(item, one, context);
  const resolve = resolverOf(context);
  const parts = { answer, me: me.person, by, now, resolve, comment, proposal };
  const message = isSent ? responseMessage(meeting, parts) : null;
  const to = organizerOf(meeting, resolve);
  const messages: OutgoingMessage[] = message === null || to === null ? [] : [{ item: message, to: [to] }];
  const others = one === undefined ? besides(item, answer) : [];
  for (const [, other] of others) {
    const also = isSent && to !== null ? responseMessage(other, { ...parts, proposal: undefined }) : null;
    if (also !== null && to !== null) messages.push({ item: also, to: [to] });
  }
  const key = meetingKeyOf(item) ?? "";
  const told: readonly [LocalMinutes | undefined, ItemBag][] =
    [[one === undefined ? occurrenceDayOf(item) : day, meeting], ...others];
  const tombstones = answer !== "decline" ? [] : told.map(([on, what]): Tombstone =>
    ({ meeting: key, day: on, version: versionOf(what), reason: "declined" }));
  if (calendar.kind === "delete") tombstones.push(...canceledBeyond(item));
  return decided("responded", { calendar: [calendar], messages, tombstones });
}

function answerCalendar(item: ItemBag, one: ItemBag | undefined, context: AnswerContext): CalendarChange {
  const { answer, day, now } = context;
  const series = seriesItemOf(item);
  if (one === undefined || day === undefined || series === undefined) {
    if (answer === "decline") return { kind: "delete", before: item };
    return { kind: "update", before: item, item: answeredWhole(item, context) };
  }
  if (answer !== "decline") setAnswer(one, context);
  const next = answer === "decline" ? series.withoutOccurrence(day) : series.withOccurrence(day, one);
  setReminderTimes(next, now);
  return { kind: "update", before: item, item: next };
}

/**
 * Answers a request in the inbox: what it says comes into the calendar first, unless it is out of date, when nothing is
 * changed and nobody is told. [MS-OXOCAL] 3.1.4.8.1
 */
export function respondToRequest(message: ItemBag, state: MeetingState, context: AnswerContext): Decision {
  const got = receiveRequest(message, state, context);
  if (got.outcome === "outOfDate" || got.outcome === "ignored") return got;
  const came = got.calendar.find((one) => one.kind !== "delete");
  const key = meetingKeyOf(message);
  const held = state.items.filter((item) => meetingKeyOf(item) === key);
  const item = came?.kind === "create" || came?.kind === "update" ? came.item
    : held.find((one) => occurrenceDayOf(one) === undefined) ??
      held.find((one) => occurrenceDayOf(one) === occurrenceDayOf(message));
  if (item === undefined) return got;
  const series = seriesItemOf(item);
  const asked = context.day ?? (series === undefined ? undefined : dayIn(message, series));
  const answered = respond(item, { ...context, ...(asked === undefined ? {} : { day: asked }) });
  const received = copyItem(got.received ?? message);
  setProperty(received, p.PidLidResponseStatus, responseOfAnswer(context.answer));
  return { ...answered, received, calendar: joined(got.calendar, answered.calendar) };
}
