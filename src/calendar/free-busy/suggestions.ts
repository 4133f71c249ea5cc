/** Times for a meeting, scored by how many can come. [MS-OXWAVLS] 3.1.4.1.3 Suggestion, SuggestionsViewOptions */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { IntervalWalk } from "#calendar/free-busy/intervals.ts";
import type { FreeBusyInterval } from "#calendar/free-busy/intervals.ts";
import { checkWindow } from "#calendar/free-busy/merged-view.ts";
import { isConflict, rankOf } from "#calendar/free-busy/states.ts";
import type { FreeBusyState } from "#calendar/free-busy/states.ts";
import { workingIntervals } from "#calendar/free-busy/working-hours.ts";
import type { UtcInterval, WorkingHours } from "#calendar/free-busy/working-hours.ts";
import type { Window } from "#calendar/recurrence/expand.ts";
import { localToMs, midnightOf } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Zone } from "#calendar/zones/zone.ts";

/** Best first. [MS-OXWAVLS] 7.2 SuggestionQuality */
export const suggestionQualities = ["Excellent", "Good", "Fair", "Poor"] as const;
export type SuggestionQuality = (typeof suggestionQualities)[number];

/** [MS-OXWAVLS] 7.2 MeetingAttendeeType */
export type AttendeeType = "Organizer" | "Required" | "Optional" | "Room" | "Resource";

/** What is known of one attendee; intervals are merged ones. [MS-OXWAVLS] 3.1.4.1.3 AttendeeConflictData */
export type AttendeeTimes =
  | { readonly kind: "individual"; readonly intervals: readonly FreeBusyInterval[] }
  | { readonly kind: "group"; readonly members: readonly (readonly FreeBusyInterval[])[] }
  | { readonly kind: "tooBigGroup" }
  | { readonly kind: "unknown" };

export interface SuggestionAttendee {
  readonly type: AttendeeType;
  /** Times at which this one cannot come are not suggested at all. */
  readonly excludeConflicts: boolean;
  readonly times: AttendeeTimes;
}

export interface SuggestionOptions {
  /** From the first to the last whole day that is looked at. */
  readonly window: Window;
  /** Whose days they are, and on whose half hours meetings begin. */
  readonly zone: Zone;
  readonly meetingMinutes: number;
  /** Percent above 50 that must be able to come for a good time, 1 to 49. */
  readonly goodThreshold: number;
  readonly maximumResultsByDay: number;
  readonly maximumNonWorkHourResultsByDay: number;
  readonly minimumQuality: SuggestionQuality;
  /** Whoever asks; without them every time is one to work. */
  readonly workingHours?: WorkingHours | undefined;
  /** Times before are not suggested. */
  readonly notBeforeUtcMs?: number | undefined;
  /** Of equally good times those near to it come first. */
  readonly currentMeetingUtcMs?: number | undefined;
}

/** [MS-OXWAVLS] 3.1.4.1.3 SuggestionsViewOptions */
export const suggestionDefaults = {
  meetingMinutes: 60, goodThreshold: 25, maximumResultsByDay: 10, maximumNonWorkHourResultsByDay: 0,
  minimumQuality: "Fair",
} as const;

/** How often a time is tried, minutes. */
const stepMinutes = 30;

/** In the order of the attendees. [MS-OXWAVLS] 3.1.4.1.3 ArrayOfAttendeeConflictData */
export type AttendeeConflict =
  | { readonly kind: "individual"; readonly state: FreeBusyState }
  | {
    readonly kind: "group";
    readonly members: number;
    readonly available: number;
    readonly withConflict: number;
    readonly withNoData: number;
  }
  | { readonly kind: "tooBigGroup" }
  | { readonly kind: "unknown" };

export interface Suggestion {
  readonly startUtcMs: number;
  readonly isWorkTime: boolean;
  readonly quality: SuggestionQuality;
  readonly conflicts: readonly AttendeeConflict[];
}

export interface SuggestionDay {
  /** Midnight on the wall clock of the one who asks. */
  readonly date: LocalMinutes;
  /** Of its best time; Poor where there is none. */
  readonly quality: SuggestionQuality;
  readonly suggestions: readonly Suggestion[];
}

/**
 * The quality of a time that `conflicts` of `people` cannot come at: all can, as many as the threshold above half, half
 * of them, fewer. [MS-OXWAVLS] 7.2 SuggestionQuality
 */
export function qualityOf(conflicts: number, people: number, goodThreshold: number): SuggestionQuality {
  if (conflicts === 0) return "Excellent";
  const available = (100 * (people - conflicts)) / people;
  if (available >= 50 + goodThreshold) return "Good";
  return available >= 50 ? "Fair" : "Poor";
}

interface Rated extends Suggestion {
  /** People that count, weighed by how much they are needed. */
  readonly weight: number;
}

const neededWeight: Readonly<Record<AttendeeType, number>> = {
  Organizer: 1000, Required: 1000, Room: 1000, Resource: 100, Optional: 1,
};

class AttendeeWalk {
  readonly attendee: SuggestionAttendee;
  readonly #walks: readonly IntervalWalk[];

  constructor(attendee: SuggestionAttendee) {
    this.attendee = attendee;
    const { times } = attendee;
    const lists = times.kind === "individual" ? [times.intervals] : times.kind === "group" ? times.members : [];
    this.#walks = lists.map((list) => new IntervalWalk(list));
  }

  conflictIn(startUtcMs: number, endUtcMs: number): AttendeeConflict {
    const { kind } = this.attendee.times;
    if (kind === "tooBigGroup" || kind === "unknown") return { kind };
    if (kind === "individual") return { kind, state: this.#walks[0]!.stateIn(startUtcMs, endUtcMs) };
    let [withConflict, withNoData] = [0, 0];
    for (const walk of this.#walks) {
      const state = walk.stateIn(startUtcMs, endUtcMs);
      if (isConflict(state)) withConflict++;
      else if (state === "noData") withNoData++;
    }
    const members = this.#walks.length;
    return { kind, members, available: members - withConflict - withNoData, withConflict, withNoData };
  }
}

/** People, and those who cannot come, for one attendee. */
function countOf(conflict: AttendeeConflict): { people: number; conflicts: number } {
  if (conflict.kind === "group") return { people: conflict.members, conflicts: conflict.withConflict };
  return { people: 1, conflicts: conflict.kind === "individual" && isConflict(conflict.state) ? 1 : 0 };
}

/** A time as it is for all; undefined when somebody excludes it. */
function rate(
  walks: readonly AttendeeWalk[], startUtcMs: number, endUtcMs: number, isWorkTime: boolean, goodThreshold: number,
): Rated | undefined {
  const conflicts: AttendeeConflict[] = [];
  let [people, unable, weight] = [0, 0, 0];
  let isExcluded = false;
  for (const walk of walks) {
    const conflict = walk.conflictIn(startUtcMs, endUtcMs);
    const count = countOf(conflict);
    if (count.conflicts > 0 && walk.attendee.excludeConflicts) isExcluded = true;
    conflicts.push(conflict);
    people += count.people;
    unable += count.conflicts;
    weight += count.conflicts * neededWeight[walk.attendee.type];
    // Of two busy times the one that can be given up is the better one.
    if (conflict.kind === "individual") weight += rankOf(conflict.state) / 100;
  }
  if (isExcluded) return undefined;
  return { startUtcMs, isWorkTime, quality: qualityOf(unable, people, goodThreshold), conflicts, weight };
}

function check(attendees: readonly SuggestionAttendee[], options: SuggestionOptions): void {
  checkWindow(options.window);
  const people = attendees.reduce((sum, { times }) => sum + (times.kind === "group" ? times.members.length : 1), 0);
  if (people > limits.suggestionAttendeesMax) {
    throw new Fault("tooMany", `suggestions for more than ${limits.suggestionAttendeesMax} people`);
  }
  const isWhole = (value: number, min: number, max: number): boolean =>
    Number.isInteger(value) && value >= min && value <= max;
  if (!isWhole(options.meetingMinutes, 1, 1440)) throw new Fault("invalidArgument", "a meeting of 1 to 1440 minutes");
  if (!isWhole(options.goodThreshold, 1, 49)) throw new Fault("invalidArgument", "a good threshold of 1 to 49 percent");
  if (!isWhole(options.maximumResultsByDay, 0, 48) || !isWhole(options.maximumNonWorkHourResultsByDay, 0, 48)) {
    throw new Fault("invalidArgument", "0 to 48 results by day");
  }
}

function bestOf(rated: Rated[], options: SuggestionOptions): Rated[] {
  const { currentMeetingUtcMs: current } = options;
  const away = ({ startUtcMs }: Rated): number => (current === undefined ? 0 : Math.abs(startUtcMs - current));
  const quality = (one: Rated): number => suggestionQualities.indexOf(one.quality);
  rated.sort((one, other) => quality(one) - quality(other) || one.weight - other.weight || away(one) - away(other) ||
    one.startUtcMs - other.startUtcMs);
  const worst = suggestionQualities.indexOf(options.minimumQuality);
  let left = options.maximumResultsByDay;
  let leftOutside = options.maximumNonWorkHourResultsByDay;
  return rated.filter((one) => {
    if (quality(one) > worst || left === 0 || (!one.isWorkTime && leftOutside === 0)) return false;
    left--;
    if (!one.isWorkTime) leftOutside--;
    return true;
  });
}

/** Whether a time lies in one of the working times; times must be asked for in order. */
function workTimes(hours: WorkingHours | undefined, window: Window): (startUtcMs: number, endUtcMs: number) => boolean {
  if (hours === undefined) return () => true;
  const day = 2 * 86_400_000;
  const working: UtcInterval[] = workingIntervals(hours, {
    fromUtcMs: window.fromUtcMs - day, toUtcMs: window.toUtcMs + day,
  });
  let next = 0;
  return (startUtcMs, endUtcMs) => {
    while (next < working.length && working[next]!.endUtcMs <= startUtcMs) next++;
    const one = working[next];
    return one !== undefined && one.startUtcMs <= startUtcMs && one.endUtcMs >= endUtcMs;
  };
}

/**
 * Suggestions for every day that the window touches, the best first in each day. Required people weigh more than
 * optional ones where the quality is the same. Throws Fault `invalidArgument`, `tooMany`. [MS-OXWAVLS] 3.1.4.1
 */
export function suggestTimes(attendees: readonly SuggestionAttendee[], options: SuggestionOptions): SuggestionDay[] {
  check(attendees, options);
  const { window, zone, meetingMinutes, goodThreshold } = options;
  const walks = attendees.map((attendee) => new AttendeeWalk(attendee));
  const isWorkTime = workTimes(options.workingHours, window);
  const fromUtcMs = Math.max(window.fromUtcMs, options.notBeforeUtcMs ?? window.fromUtcMs);
  const days: SuggestionDay[] = [];
  const firstDate = midnightOf(zone.toLocal(window.fromUtcMs));
  const lastDate = midnightOf(zone.toLocal(window.toUtcMs - 1));
  let triedUtcMs = Number.NEGATIVE_INFINITY;
  for (let date = firstDate; date <= lastDate; date += 1440) {
    const rated: Rated[] = [];
    for (let local = date; local < date + 1440; local += stepMinutes) {
      const startUtcMs = zone.toUtc(local);
      const endUtcMs = startUtcMs + meetingMinutes * 60_000;
      // Half hours that the clock skips are others' times, and none begins twice.
      if (startUtcMs <= triedUtcMs || startUtcMs < fromUtcMs || endUtcMs > window.toUtcMs) continue;
      triedUtcMs = startUtcMs;
      const one = rate(walks, startUtcMs, endUtcMs, isWorkTime(startUtcMs, endUtcMs), goodThreshold);
      if (one !== undefined) rated.push(one);
    }
    const best = bestOf(rated, options);
    const suggestions = best.map(({ weight: _, ...one }): Suggestion => one);
    days.push({ date, quality: suggestions[0]?.quality ?? "Poor", suggestions });
  }
  return days;
}

/** The instant that a day of suggestions begins, as clients are told it. */
export const dayStartOf = ({ date }: SuggestionDay, zone: Zone): number => zone.localMsToUtc(localToMs(date));
