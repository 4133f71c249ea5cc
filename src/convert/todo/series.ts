/** Recurring tasks: rules and PidLidTaskRecurrence. [MS-OXOTASK] 2.2.2.2.15, RFC 5545 §3.8.5 */
import { Fault, WireError } from "#base/fault.ts";
import { decodeTaskRecurrence, encodeTaskRecurrence } from "#calendar/recurrence/blob.ts";
import { recurrenceOfPattern } from "#calendar/recurrence/from-blob.ts";
import { coverOfRule } from "#calendar/recurrence/cover.ts";
import { recurrenceOfRule } from "#calendar/recurrence/from-rule.ts";
import { patternOfRecurrence } from "#calendar/recurrence/to-blob.ts";
import type { RuleSource } from "#calendar/recurrence/from-rule.ts";
import type { Recurrence } from "#calendar/recurrence/model.ts";
import { ruleOfRecurrence } from "#calendar/recurrence/to-rule.ts";
import { formatDate } from "#calendar/zones/rule-text.ts";
import type { RuleTime } from "#calendar/zones/rule-text.ts";
import { localFrom, localToMs, midnightOf } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { timeOf } from "#convert/todo/calendar.ts";
import type { ZoneFinder } from "#convert/todo/calendar.ts";
import type { Line } from "#convert/vcard/lines.ts";
import { line } from "#convert/vcard/text.ts";
import { limits } from "#base/limits.ts";

export const seriesNames: ReadonlySet<string> = new Set(["RRULE", "EXRULE", "EXDATE", "RDATE"]);

/** Days, since a task knows no time of day. */
function asDay({ local, isUtc, localMs }: RuleTime, own: Zone): RuleTime {
  const day = midnightOf(isUtc ? own.toLocal(localMs) : local);
  return { local: day, localMs: localToMs(day), isUtc: false, isDate: true };
}

/** The blob of a rule; undefined when Exchange has no pattern for it. [MS-OXOTASK] 2.2.2.2.15 */
export function blobOfLines(
  lines: readonly Line[], start: LocalMinutes, own: Zone, find: ZoneFinder, regenerates: boolean,
): Uint8Array | undefined {
  const values = (name: string): string[] => lines.filter((one) => one.name === name).map((one) => one.value.trim());
  const days = (name: string): RuleTime[] | undefined => {
    const found: RuleTime[] = [];
    for (const one of lines) {
      if (one.name !== name) continue;
      for (const value of one.value.split(",")) {
        const at = timeOf(one, find, value);
        if (at === undefined || found.length >= limits.recurrenceExceptionsMax) return undefined;
        found.push(asDay(at.time, own));
      }
    }
    return found;
  };
  const excluded = days("EXDATE");
  const extra = days("RDATE");
  if (excluded === undefined || extra === undefined) return undefined;
  const source = {
    rules: values("RRULE"), exclusionRules: values("EXRULE"), excluded, extra: extra.map((at) => ({ start: at })),
    start, durationMinutes: 0, zone: own,
  };
  const result = recurrenceOfRule(source);
  // A task is done one after the other: a series of the rule's dates does as well, its lines are kept.
  const recurrence = result.kind === "mapped" ? result.recurrence : coverOf(source, regenerates);
  if (recurrence === undefined) return undefined;
  const isPlain = recurrence.start === midnightOf(recurrence.start) && recurrence.start < localFrom(4500, 1, 1) &&
    recurrence.modified.length === 0;
  if (!isPlain) return undefined;
  return encodeTaskRecurrence({ ...patternOfRecurrence(recurrence), slidingFlag: regenerates ? 1 : 0 });
}

/** What regenerates counts from when it was done, so that dates cannot stand for its rule. */
function coverOf(source: RuleSource, regenerates: boolean): Recurrence | undefined {
  const cover = regenerates ? undefined : coverOfRule(source);
  return cover === undefined || cover.differences.includes("ruleNotRead") ? undefined : cover.recurrence;
}

export interface TaskSeries {
  readonly lines: readonly Line[];
  /** The next task begins that long after this one is done. [MS-OXOCAL] 2.2.1.44.1 SlidingFlag */
  readonly regenerates: boolean;
}

/** RRULE and EXDATE of a blob; undefined when it is broken or of a calendar without rules. [MS-OXOTASK] 2.2.2.2.15 */
export function linesOfBlob(bytes: Uint8Array): TaskSeries | undefined {
  try {
    const pattern = decodeTaskRecurrence(bytes);
    const { rule, excluded } = ruleOfRecurrence(recurrenceOfPattern(pattern), { kind: "date" });
    const lines = [line("RRULE", rule)];
    if (excluded.length > 0) {
      lines.push(line("EXDATE", excluded.map(formatDate).join(","), [{ name: "VALUE", value: "DATE" }]));
    }
    return { lines, regenerates: pattern.slidingFlag !== 0 };
  } catch (error) {
    if (error instanceof WireError || error instanceof Fault) return undefined;
    throw error;
  }
}
