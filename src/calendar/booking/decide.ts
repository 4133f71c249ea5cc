/** What a room or a piece of equipment answers to a request: a decision of its policy, its calendar and the time. */
import { Buffer } from "node:buffer";
import { conflictsOf } from "#calendar/booking/conflicts.ts";
import type { BookingConflict } from "#calendar/booking/conflicts.ts";
import type { CalendarProcessing } from "#calendar/booking/policy.ts";
import { answerText, breachText, conflictTexts, dateText } from "#calendar/booking/texts.ts";
import type { PolicyBreach } from "#calendar/booking/texts.ts";
import { isWorkTime } from "#calendar/free-busy/working-hours.ts";
import type { WorkingHours } from "#calendar/free-busy/working-hours.ts";
import { extentOf, instancesOf, instancesOfAll } from "#calendar/occurrences/instances.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import type { Instance } from "#calendar/occurrences/instances.ts";
import { midnightOf, minutesPerDay } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { getProperty } from "#convert/item.ts";
import { properties } from "#props/registry.ts";

export interface BookingRequest {
  /** The meeting as it would stand in the calendar, ready in the resource's zone. */
  readonly appointment: Appointment;
  /** Addresses of who asks and of the groups that one is in, in any case. */
  readonly requester: readonly string[];
  /** From outside of the organization. */
  readonly isExternal: boolean;
  /** Who is invited, as far as a capacity counts. */
  readonly people?: number;
}

export interface BookableResource {
  /** What stands in its calendar; the meeting itself, when it is an update, does not stand in its own way. */
  readonly appointments: Iterable<Appointment>;
  readonly zone: Zone;
  readonly workingHours?: WorkingHours | undefined;
  /** Undefined when nobody said. */
  readonly capacity?: number | undefined;
}

export type BookingDecision =
  /** Nothing is done by the policy and nothing is sent. */
  | { readonly kind: "ignore"; readonly why: "notAutomatic" | "external" | "past" }
  | {
    readonly kind: "accept";
    readonly text: string;
    /** Occurrences that are declined, by their originals. */
    readonly declined: readonly BookingConflict[];
    /** Day after which the series is cut, midnight on its wall clock; undefined when it is booked whole. */
    readonly lastDate: LocalMinutes | undefined;
  }
  | {
    readonly kind: "decline";
    readonly text: string;
    readonly breaches: readonly PolicyBreach[];
    readonly conflicts: readonly BookingConflict[];
  }
  /** Waits for a delegate. */
  | {
    readonly kind: "pending";
    readonly text: string;
    /** Addresses that the request is forwarded to. */
    readonly forwardTo: readonly string[];
    /** How it stands in the calendar meanwhile. */
    readonly busyStatus: "tentative" | "free";
    readonly breaches: readonly PolicyBreach[];
    readonly declined: readonly BookingConflict[];
    readonly lastDate: LocalMinutes | undefined;
  };

/** The first instant after the last day that may be booked. */
function windowEnd(policy: CalendarProcessing, zone: Zone, nowUtcMs: number): number {
  return zone.toUtc(midnightOf(zone.toLocal(nowUtcMs)) + (policy.BookingWindowInDays + 1) * minutesPerDay);
}

const minutesOf = ({ startUtcMs, endUtcMs }: Instance): number => Math.ceil((endUtcMs - startUtcMs) / 60_000);

interface Judged {
  /** What is asked for from now to the end of the window, in order. */
  readonly wanted: readonly Instance[];
  readonly breaches: readonly PolicyBreach[];
  readonly lastDate: LocalMinutes | undefined;
}

function lengthBreaches(wanted: readonly Instance[], policy: CalendarProcessing): PolicyBreach[] {
  const found: PolicyBreach[] = [];
  const longest = wanted.reduce((most, one) => Math.max(most, minutesOf(one)), 0);
  const shortest = wanted.reduce((least, one) => Math.min(least, minutesOf(one)), Number.POSITIVE_INFINITY);
  const { MaximumDurationInMinutes: max, MinimumDurationInMinutes: min } = policy;
  if (max > 0 && longest > max) found.push({ kind: "tooLong", minutes: longest, maxMinutes: max });
  if (min > 0 && shortest < min) found.push({ kind: "tooShort", minutes: shortest, minMinutes: min });
  return found;
}

function judge(
  request: BookingRequest, resource: BookableResource, policy: CalendarProcessing, nowUtcMs: number,
): Judged {
  const { appointment, people = 0 } = request;
  const { zone, workingHours, capacity } = resource;
  const endUtcMs = windowEnd(policy, zone, nowUtcMs);
  const extent = extentOf(appointment);
  const wanted = instancesOf(appointment, { fromUtcMs: nowUtcMs, toUtcMs: endUtcMs });
  const breaches = lengthBreaches(wanted, policy);
  const days = policy.BookingWindowInDays;
  const isSeries = appointment.series !== undefined || appointment.isUnexpandable;
  if (isSeries && !policy.AllowRecurringMeetings) breaches.push({ kind: "recurring" });
  let lastDate: LocalMinutes | undefined;
  const isBeyond = extent !== undefined && extent.toUtcMs > endUtcMs;
  if (wanted.length === 0 || (!isSeries && isBeyond)) {
    breaches.push({ kind: "beyondWindow", days, endUtcMs });
  } else if (isBeyond || appointment.isUnexpandable) {
    if (policy.EnforceSchedulingHorizon || appointment.isUnexpandable) {
      breaches.push({ kind: "endsBeyondWindow", days, endUtcMs });
    } else {
      lastDate = midnightOf(appointment.zone.toLocal(endUtcMs - 1));
    }
  }
  if (policy.ScheduleOnlyDuringWorkHours && workingHours !== undefined &&
    !wanted.every((one) => isWorkTime(workingHours, one.startUtcMs, one.endUtcMs))) {
    breaches.push({ kind: "outsideWorkHours" });
  }
  if (policy.EnforceCapacity && capacity !== undefined && people > capacity) {
    breaches.push({ kind: "tooManyPeople", people, capacity });
  }
  return { wanted, breaches, lastDate };
}

function isListed(requester: readonly string[], list: readonly string[]): boolean {
  const asked = new Set(requester.map((one) => one.toLowerCase()));
  return list.some((one) => asked.has(one.toLowerCase()));
}

/** Too many to accept the others: each of the two bounds stands by itself. */
function areTooMany(conflicts: number, { wanted }: Judged, isSeries: boolean, policy: CalendarProcessing): boolean {
  if (conflicts === 0) return false;
  if (!isSeries || conflicts === wanted.length) return true;
  return conflicts > policy.MaximumConflictInstances ||
    (conflicts * 100) / wanted.length > policy.ConflictPercentageAllowed;
}

/** What the requester may do: in the order in which it is looked for. */
function rightOf({ requester }: BookingRequest, policy: CalendarProcessing): "book" | "ask" | "none" {
  if (policy.AllBookInPolicy || isListed(requester, policy.BookInPolicy)) return "book";
  if (policy.AllRequestInPolicy || isListed(requester, policy.RequestInPolicy)) return "ask";
  return mayAskOutside({ requester }, policy) ? "ask" : "none";
}

const mayAskOutside = ({ requester }: Pick<BookingRequest, "requester">, policy: CalendarProcessing): boolean =>
  policy.AllRequestOutOfPolicy || isListed(requester, policy.RequestOutOfPolicy);

/**
 * Past requests, and those from outside where they are not taken, are left alone. What breaks the policy is declined
 * or, for those who may ask for it, waits for a delegate. A time that is taken is nobody's to give: it is declined
 * for all, of a series the taken occurrences alone as long as they are few enough.
 */
export function decideBooking(
  request: BookingRequest, resource: BookableResource, policy: CalendarProcessing, nowUtcMs: number,
): BookingDecision {
  if (policy.AutomateProcessing !== "AutoAccept") return { kind: "ignore", why: "notAutomatic" };
  if (request.isExternal && !policy.ProcessExternalMeetingMessages) return { kind: "ignore", why: "external" };
  const { zone } = resource;
  const extent = extentOf(request.appointment);
  if (extent === undefined || Math.max(extent.toUtcMs, extent.fromUtcMs + 1) <= nowUtcMs) {
    return { kind: "ignore", why: "past" };
  }
  const judged = judge(request, resource, policy, nowUtcMs);
  const decline = (decision: string, details: string[], conflicts: readonly BookingConflict[]): BookingDecision => ({
    kind: "decline", text: answerText(decision, details, zone, policy), breaches: judged.breaches, conflicts,
  });
  const breachTexts = judged.breaches.map((breach) => breachText(breach, zone));
  if (judged.breaches.length > 0 && !mayAskOutside(request, policy)) {
    return decline("Your request was declined.", breachTexts, []);
  }
  const conflicts = policy.AllowConflicts ? [] : conflictsIn(judged, request, resource);
  const isSeries = request.appointment.series !== undefined;
  const taken = conflictTexts(conflicts, zone, policy);
  if (areTooMany(conflicts.length, judged, isSeries, policy)) {
    return decline("Your request was declined because the time is already booked.", taken, conflicts);
  }
  const { lastDate } = judged;
  const details = conflicts.length === 0 ? [] : ["These occurrences are declined, as the time is booked:", ...taken];
  if (lastDate !== undefined) details.push(`The series is booked until ${dateText(zone.toUtc(lastDate), zone)} only.`);
  const right = rightOf(request, policy);
  if (right === "none") return decline("Your request was declined: you may not book this.", [], []);
  if (judged.breaches.length === 0 && right === "book") {
    const text = answerText("Your request was accepted.", details, zone, policy);
    return { kind: "accept", text, declined: conflicts, lastDate };
  }
  const forwardTo = policy.ForwardRequestsToDelegates ? policy.ResourceDelegates : [];
  return {
    kind: "pending", forwardTo, breaches: judged.breaches, declined: conflicts, lastDate,
    busyStatus: policy.TentativePendingApproval ? "tentative" : "free",
    text: answerText("Your request was received and waits for approval.", [...breachTexts, ...details], zone, policy),
  };
}

/** The same for all instances of a meeting. [MS-OXOCAL] 2.2.1.28 */
const meetingIdOf = ({ item }: Appointment): string | undefined => {
  const id = getProperty(item, properties.PidLidCleanGlobalObjectId);
  return id === undefined ? undefined : Buffer.from(id).toString("latin1");
};

function* others(
  appointments: Iterable<Appointment>, meetingId: string | undefined,
): Generator<Appointment, undefined> {
  for (const one of appointments) {
    if (!one.isCanceled && (meetingId === undefined || meetingIdOf(one) !== meetingId)) yield one;
  }
  return undefined;
}

function conflictsIn(
  { wanted }: Judged, { appointment }: BookingRequest, { appointments }: BookableResource,
): BookingConflict[] {
  const [first] = wanted;
  if (first === undefined) return [];
  const toUtcMs = wanted.reduce((latest, { endUtcMs }) => Math.max(latest, endUtcMs), first.endUtcMs);
  const standing = others(appointments, meetingIdOf(appointment));
  return conflictsOf(wanted, instancesOfAll(standing, { fromUtcMs: first.startUtcMs, toUtcMs }));
}
