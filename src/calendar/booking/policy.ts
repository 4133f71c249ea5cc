/**
 * How a room or a piece of equipment answers: the options of Set-CalendarProcessing under their own names, each with
 * what it may be and what it is when nobody says.
 */
import { Fault } from "#base/fault.ts";

type OptionRow =
  | { readonly kind: "choice"; readonly choices: readonly string[]; readonly value: string }
  | { readonly kind: "flag"; readonly value: boolean }
  | { readonly kind: "number"; readonly min: number; readonly max: number; readonly value: number }
  | { readonly kind: "people"; readonly value: readonly string[] }
  | { readonly kind: "text"; readonly maxCharacters: number; readonly value: string };

const flag = (value: boolean): { kind: "flag"; value: boolean } => ({ kind: "flag", value });
const people: { kind: "people"; value: readonly string[] } = { kind: "people", value: [] };
const number = (value: number, min: number, max: number): { kind: "number"; min: number; max: number; value: number } =>
  ({ kind: "number", min, max, value });

/** Names as in Exchange; times in minutes and days as the names say. */
export const processingOptions = {
  /** `AutoAccept` decides by this policy, `AutoUpdate` only writes requests down, `None` leaves them alone. */
  AutomateProcessing: { kind: "choice", choices: ["None", "AutoUpdate", "AutoAccept"], value: "AutoAccept" },
  AllowConflicts: flag(false),
  /** Share of a series' occurrences, and number of them, that may be declined while the others are accepted. */
  ConflictPercentageAllowed: number(0, 0, 100),
  MaximumConflictInstances: number(0, 0, 1_000_000),
  /** Days from today on that may be booked; 0 is today only. */
  BookingWindowInDays: number(180, 0, 1080),
  /** A series that goes on after the window is declined; else it is cut at the window. */
  EnforceSchedulingHorizon: flag(true),
  /** 0 for no bound. */
  MaximumDurationInMinutes: number(1440, 0, 2_147_483_647),
  MinimumDurationInMinutes: number(0, 0, 2_147_483_647),
  AllowRecurringMeetings: flag(true),
  ScheduleOnlyDuringWorkHours: flag(false),
  EnforceCapacity: flag(false),
  /** Who is accepted at once, who may ask within the policy, who may ask for what is outside of it. */
  AllBookInPolicy: flag(true),
  BookInPolicy: people,
  AllRequestInPolicy: flag(false),
  RequestInPolicy: people,
  AllRequestOutOfPolicy: flag(false),
  RequestOutOfPolicy: people,
  ResourceDelegates: people,
  ForwardRequestsToDelegates: flag(true),
  /** What waits for a delegate stands in the calendar as tentative, else as free. */
  TentativePendingApproval: flag(true),
  ProcessExternalMeetingMessages: flag(false),
  DeleteSubject: flag(true),
  DeleteComments: flag(true),
  DeleteAttachments: flag(true),
  AddOrganizerToSubject: flag(true),
  RemovePrivateProperty: flag(true),
  DeleteNonCalendarItems: flag(true),
  /** Answers name who has the time that is taken. */
  OrganizerInfo: flag(true),
  /** Answers say why. */
  EnableResponseDetails: flag(true),
  AddAdditionalResponse: flag(false),
  AdditionalResponse: { kind: "text", maxCharacters: 1024, value: "" },
} as const satisfies Record<string, OptionRow>;

export type ProcessingOption = keyof typeof processingOptions;

type ValueOfRow<R extends OptionRow> = R extends { choices: readonly (infer C)[] } ? C
  : R["kind"] extends "flag" ? boolean : R["kind"] extends "number" ? number
  : R["kind"] extends "people" ? readonly string[] : string;

export type CalendarProcessing = { readonly [K in ProcessingOption]: ValueOfRow<(typeof processingOptions)[K]> };

export const processingDefaults = Object.fromEntries(
  Object.entries(processingOptions).map(([name, row]) => [name, row.value]),
) as CalendarProcessing;

const peopleMax = 1000;

function isValue(row: OptionRow, value: unknown): boolean {
  switch (row.kind) {
    case "flag": return typeof value === "boolean";
    case "choice": return typeof value === "string" && row.choices.includes(value);
    case "number": return typeof value === "number" && Number.isInteger(value) && value >= row.min && value <= row.max;
    case "text": return typeof value === "string" && value.length <= row.maxCharacters;
    case "people":
      return Array.isArray(value) && value.length <= peopleMax && value.every((one) => typeof one === "string");
  }
}

/** A policy of the options that are set; the others are as by default. Throws Fault `invalidArgument` by name. */
export function calendarProcessing(options: Readonly<Record<string, unknown>>): CalendarProcessing {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(processingOptions, name)) throw new Fault("invalidArgument", `no option ${name.slice(0, 60)}`);
    const row: OptionRow = processingOptions[name as ProcessingOption];
    if (!isValue(row, value)) throw new Fault("invalidArgument", `${name} cannot be that: it is a ${row.kind}`);
  }
  return { ...processingDefaults, ...(options as Partial<CalendarProcessing>) };
}
