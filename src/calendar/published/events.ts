/** What a published calendar tells of its appointments to whoever has the link: never who is invited. */
import { instancesOfAll, isOccurrence, locationOf, subjectOf } from "#calendar/occurrences/instances.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import { rankOf, stateOfBusyStatus } from "#calendar/free-busy/states.ts";
import type { FreeBusyState } from "#calendar/free-busy/states.ts";
import type { Window } from "#calendar/recurrence/expand.ts";
import { cutText } from "#format/mime/text.ts";

export interface PublishedEvent {
  readonly startUtcMs: number;
  readonly endUtcMs: number;
  /** On the wall clock of the zone it is told in, dates are days. */
  readonly isAllDay: boolean;
  readonly state: FreeBusyState;
  /** Empty where only the state is told. */
  readonly subject: string;
  readonly location: string;
  readonly description: string;
  readonly isPrivate: boolean;
  /** The same for the same occurrence, whatever is told of it. */
  readonly key: string;
}

export interface PublishedRequest {
  readonly window: Window;
  readonly detail: "availability" | "limited" | "full";
  readonly max: number;
  /** Names an appointment for ever. */
  readonly keyOf: (appointment: Appointment) => string;
  /** Of what is told in full. */
  readonly descriptionOf: (appointment: Appointment) => string;
}

const descriptionMax = 16_000;
const subjectMax = 1000;

/**
 * In the order of their starts. Of private ones the time and the state are told and nothing else, whatever the detail;
 * free time is told where subjects are; what was canceled is not there. Throws Fault `tooMany` above `max`.
 */
export function publishedEvents(appointments: readonly Appointment[], request: PublishedRequest): PublishedEvent[] {
  const { window, detail, max, keyOf, descriptionOf } = request;
  const shown = appointments.filter(({ isCanceled }) => !isCanceled);
  const events: PublishedEvent[] = [];
  for (const instance of instancesOfAll(shown, window, max)) {
    const { appointment, startUtcMs, endUtcMs, isAllDay, original } = instance;
    const state = stateOfBusyStatus(instance.busyStatus);
    const isBare = detail === "availability" || appointment.isPrivate;
    if (detail === "availability" && rankOf(state) <= rankOf("workingElsewhere")) continue;
    const key = keyOf(appointment);
    events.push({
      startUtcMs, endUtcMs, isAllDay, state, isPrivate: appointment.isPrivate,
      subject: isBare ? "" : cutText(subjectOf(instance), subjectMax),
      location: isBare ? "" : cutText(locationOf(instance), subjectMax),
      description: isBare || detail !== "full" ? "" : cutText(descriptionOf(appointment), descriptionMax),
      key: isOccurrence(instance) ? `${key} ${original}` : key,
    });
  }
  return events;
}
