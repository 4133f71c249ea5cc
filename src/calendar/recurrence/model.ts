/** What a series means, whoever spelled it: the one model between the recurrence blob, RRULE and the expansion. */
import type { LocalMinutes } from "#calendar/zones/dates.ts";

/** As Outlook shows the series; which days are meant is the pattern's ("every weekday" is daily with a week's days). */
export type Frequency = "daily" | "weekly" | "monthly" | "yearly";

/** Bit 0 is Sunday, bit 6 Saturday. [MS-OXOCAL] 2.2.1.44.1 */
export type WeekdayMask = number;

/** [MS-OXOCAL] 2.2.1.44.1 PatternTypeSpecific */
export type Pattern =
  /** Every `interval` days. */
  | { readonly kind: "daily" }
  /** On some days of every `interval`-th week. */
  | { readonly kind: "weekly"; readonly weekdays: WeekdayMask }
  /** On a day of every `interval`-th month; a month too short has it on its last day. Yearly: `interval` 12. */
  | { readonly kind: "monthly"; readonly day: number }
  /** On the n-th (1 to 4, 5 the last) of some weekdays of every `interval`-th month. */
  | { readonly kind: "monthlyNth"; readonly weekdays: WeekdayMask; readonly nth: number }
  /** On the last day of every `interval`-th month. */
  | { readonly kind: "monthEnd" }
  /** Hijri and lunar months: kept, not expanded. */
  | {
    readonly kind: "foreign";
    readonly patternType: number;
    readonly specific: Readonly<Record<string, number>>;
    readonly firstDateTime: number;
    /** EndDate and OccurrenceCount as they stood, as nobody here can count them. */
    readonly endDate: LocalMinutes;
    readonly occurrenceCount: number;
  };

export type SeriesEnd =
  | { readonly kind: "never" }
  /** Midnight of the last day that an occurrence may begin on. */
  | { readonly kind: "date"; readonly lastDate: LocalMinutes }
  | { readonly kind: "count"; readonly count: number };

/** What one occurrence has of its own in the blob; attachments and bodies are with the embedded message. */
export interface Overrides {
  readonly subject?: string | undefined;
  readonly location?: string | undefined;
  readonly meetingType?: number | undefined;
  readonly reminderDelta?: number | undefined;
  readonly reminderSet?: boolean | undefined;
  readonly busyStatus?: number | undefined;
  readonly hasAttachment?: boolean | undefined;
  readonly isAllDay?: boolean | undefined;
  readonly color?: number | undefined;
  readonly hasBody?: boolean | undefined;
}

export interface Modified {
  /** When it would have begun: wall clock of the series' zone. */
  readonly original: LocalMinutes;
  readonly start: LocalMinutes;
  readonly end: LocalMinutes;
  readonly overrides: Overrides;
}

export interface Recurrence {
  readonly frequency: Frequency;
  /** CalendarType, 0 for Gregorian. [MS-OXOCAL] 2.2.1.44.1 */
  readonly calendarType: number;
  readonly pattern: Pattern;
  /** Days, weeks or months, as the pattern counts. */
  readonly interval: number;
  /** 0 is Sunday. */
  readonly firstDayOfWeek: number;
  /** Start of the first occurrence that the pattern gives, wall clock of the series' zone. */
  readonly start: LocalMinutes;
  readonly durationMinutes: number;
  readonly end: SeriesEnd;
  /** Original starts of occurrences that are gone, in order. */
  readonly deleted: readonly LocalMinutes[];
  /** In order of their originals; none is in `deleted`. */
  readonly modified: readonly Modified[];
}

/** CalendarTypes whose months are Gregorian ones. [MS-OXOCAL] 2.2.1.44.1 CalendarType */
const gregorianCalendars = new Set([0, 1, 2, 3, 4, 5, 7, 9, 0xa, 0xb, 0xc]);

/** Days and weeks are the same in every calendar, months are not. */
export function isExpandable({ pattern, calendarType }: Pick<Recurrence, "pattern" | "calendarType">): boolean {
  if (pattern.kind === "foreign") return false;
  return pattern.kind === "daily" || pattern.kind === "weekly" || gregorianCalendars.has(calendarType);
}
