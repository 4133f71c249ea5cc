/** What one person is told of another's time, by what was asked for and what the right allows. [MS-OXWAVLS] 3.1.4.1 */
import { instancesOfAll, isOccurrence, locationOf, reminderSetOf, subjectOf } from "#calendar/occurrences/instances.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import type { Instance } from "#calendar/occurrences/instances.ts";
import { intervalOf, mergeIntervals } from "#calendar/free-busy/intervals.ts";
import type { FreeBusyInterval } from "#calendar/free-busy/intervals.ts";
import { checkWindow, mergedView } from "#calendar/free-busy/merged-view.ts";
import type { MergedDigits } from "#calendar/free-busy/merged-view.ts";
import type { Window } from "#calendar/recurrence/expand.ts";

/** [MS-OXWAVLS] 7.2 FreeBusyViewType */
export const viewTypes = {
  None: { merged: false, events: false, details: false },
  MergedOnly: { merged: true, events: false, details: false },
  FreeBusy: { merged: false, events: true, details: false },
  FreeBusyMerged: { merged: true, events: true, details: false },
  Detailed: { merged: false, events: true, details: true },
  DetailedMerged: { merged: true, events: true, details: true },
} as const;
export type ViewType = keyof typeof viewTypes;

/**
 * How much of a calendar somebody may see: nothing, times, times with subject and location (the free/busy rights of
 * [MS-OXCPERM] 2.2.7), or the items themselves.
 */
export const freeBusyRights = ["none", "timeOnly", "timeSubjectLocation", "full"] as const;
export type FreeBusyRight = (typeof freeBusyRights)[number];

/** The most that a right allows of what was asked for. [MS-OXWAVLS] 3.1.4.1 */
export function allowedView(asked: ViewType, right: FreeBusyRight): ViewType {
  if (right === "none") return "None";
  if (right !== "timeOnly") return asked;
  return asked === "Detailed" ? "FreeBusy" : asked === "DetailedMerged" ? "FreeBusyMerged" : asked;
}

/** [MS-OXWAVLS] 7.2 CalendarEventDetails */
export interface EventDetails {
  /** Only of items that may be opened. */
  readonly instance: Instance | undefined;
  readonly subject: string | undefined;
  readonly location: string | undefined;
  readonly isMeeting: boolean;
  readonly isRecurring: boolean;
  readonly isException: boolean;
  readonly isReminderSet: boolean;
  readonly isPrivate: boolean;
}

export interface FreeBusyEvent extends FreeBusyInterval {
  readonly details: EventDetails | undefined;
}

export interface FreeBusyView {
  readonly viewType: ViewType;
  readonly merged: string | undefined;
  /** Each appointment by itself and in full, in order; free ones too where details may be seen. */
  readonly events: readonly FreeBusyEvent[] | undefined;
}

export interface ViewRequest {
  readonly window: Window;
  readonly viewType: ViewType;
  readonly slotMinutes: number;
  readonly digits?: MergedDigits;
  readonly right: FreeBusyRight;
  /** Owners, and delegates who were given private items. [MS-OXODLGT] 2.2.2.2.6 */
  readonly seesPrivate?: boolean;
}

const hidden: EventDetails = {
  instance: undefined, subject: undefined, location: undefined, isMeeting: false, isRecurring: false,
  isException: false, isReminderSet: false, isPrivate: true,
};

function detailsOf(instance: Instance, { right, seesPrivate = false }: ViewRequest): EventDetails {
  const { appointment, modified } = instance;
  if (appointment.isPrivate && !seesPrivate) return hidden;
  return {
    instance: right === "full" ? instance : undefined,
    subject: subjectOf(instance), location: locationOf(instance), isMeeting: appointment.isMeeting,
    isRecurring: isOccurrence(instance), isException: modified !== undefined, isReminderSet: reminderSetOf(instance),
    isPrivate: appointment.isPrivate,
  };
}

/**
 * The view of one calendar. Private appointments show their time and state only. Throws Fault `invalidArgument` for a
 * window or slots that are not answered, `tooMany` for more appointments than are told. [MS-OXWAVLS] 3.1.4.1
 */
export function freeBusyView(appointments: Iterable<Appointment>, request: ViewRequest): FreeBusyView {
  const { window, slotMinutes, digits, right } = request;
  checkWindow(window);
  const viewType = allowedView(request.viewType, right);
  const wanted = viewTypes[viewType];
  if (!wanted.merged && !wanted.events) return { viewType, merged: undefined, events: undefined };
  const instances = instancesOfAll(appointments, window);
  const intervals = instances.map(intervalOf);
  const merged = wanted.merged ? mergedView(mergeIntervals(intervals), window, slotMinutes, digits) : undefined;
  if (!wanted.events) return { viewType, merged, events: undefined };
  const events: FreeBusyEvent[] = [];
  instances.forEach((instance, index) => {
    const interval = intervals[index]!;
    if (instance.appointment.isCanceled || (!wanted.details && interval.state === "free")) return;
    events.push({ ...interval, details: wanted.details ? detailsOf(instance, request) : undefined });
  });
  return { viewType, merged, events };
}
