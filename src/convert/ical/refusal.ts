import { refusalReasons } from "#calendar/recurrence/rule-pattern.ts";
import type { RefusalReason } from "#calendar/recurrence/rule-pattern.ts";

/** Why an object of a calendar becomes no appointment; a rule is refused by the reasons of its own. */
export const eventRefusals = {
  ...refusalReasons,
  notAnEvent: "the component is no event",
  olderVersion: "the calendar is a vCalendar 1.0",
  noStart: "the event has no DTSTART",
  badTime: "a date or time of the event is broken",
  timeOutOfRange: "the event lies before 1601 or after 4500",
  uidTooLong: "the UID is too long",
  addedSeries: "a rule is added to a series that has one",
  severalMasters: "the same event is told twice",
} as const;
export type EventRefusal = RefusalReason | keyof typeof eventRefusals;

/** Thrown while an event is read, and turned into a result by the one that began. */
export class Refusal {
  readonly reason: EventRefusal;
  readonly detail: string;

  constructor(reason: EventRefusal, detail: string = eventRefusals[reason]) {
    this.reason = reason;
    this.detail = detail;
  }
}
