/** The file around tasks and notes: its components, its zones, and times in them. RFC 5545 §3.4, §3.6.5 */
import { Buffer } from "node:buffer";
import { WireError } from "#base/fault.ts";
import { midnightOf } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import { zoneOfId } from "#calendar/zones/match.ts";
import { parseRuleTime } from "#calendar/zones/rule-text.ts";
import type { RuleTime } from "#calendar/zones/rule-text.ts";
import { readVtimezone } from "#calendar/zones/vtimezone-read.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { parameterOf } from "#convert/vcard/lines.ts";
import type { Component, Line } from "#convert/vcard/lines.ts";
import { formatLine } from "#convert/vcard/text.ts";

/** FILETIME steps of a minute. */
export const minuteTicks = 600_000_000n;

/** A wall clock time as a PtypTime of no zone. [MS-OXCDATA] 2.11.1 */
export const localTime = (local: LocalMinutes): bigint => BigInt(local) * minuteTicks;

/** The same backwards. [MS-OXCDATA] 2.11.1 */
export const localOfTime = (time: bigint): LocalMinutes => Number(time / minuteTicks);

/** PtypTime of an instant. [MS-OXCDATA] 2.11.1 */
export const utcTime = (utcMs: number): bigint => (BigInt(utcMs) + 11_644_473_600_000n) * 10_000n;

/** Instant of a PtypTime. [MS-OXCDATA] 2.11.1 */
export const utcOfTime = (time: bigint): number => Number(time / 10_000n) - 11_644_473_600_000;

/** Zones by the TZID that a file gives them. */
export type ZoneFinder = (id: string) => Zone | undefined;

function linesOf(component: Component): string[] {
  return [
    `BEGIN:${component.name}`, ...component.lines.map(formatLine), ...component.components.flatMap(linesOf),
    `END:${component.name}`,
  ];
}

/** By the VTIMEZONEs of a file, and by the ids that all know. RFC 5545 §3.2.19 */
export function zonesOf(calendar: Component): ZoneFinder {
  const own = new Map<string, Zone>();
  for (const component of calendar.components) {
    if (component.name !== "VTIMEZONE") continue;
    try {
      const { id, zone } = readVtimezone(linesOf(component));
      own.set(id, zone);
    } catch (error) {
      // A zone that tells nothing leaves its times to the reader's own zone.
      if (!(error instanceof WireError)) throw error;
    }
  }
  return (id) => zoneOfId(id) ?? own.get(id);
}

export interface LineTime {
  readonly time: RuleTime;
  /** Of a time that is neither a date nor UTC nor floating. */
  readonly zone: Zone | undefined;
}

/** Undefined for what is no date or time. RFC 5545 §3.3.4, §3.3.5 */
export function timeOf(one: Line, find: ZoneFinder, value = one.value): LineTime | undefined {
  const id = parameterOf(one, "TZID");
  try {
    return { time: parseRuleTime(value.trim()), zone: id === undefined ? undefined : find(id) };
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** The day that a time is on: a day of its own zone, and of the reader's for UTC. [MS-OXOTASK] 2.2.2.2.5 */
export function dayOfLine({ time }: LineTime, own: Zone): LocalMinutes {
  return midnightOf(time.isUtc ? own.toLocal(time.localMs) : time.local);
}

/** UTC milliseconds; floating times are the reader's. RFC 5545 §3.3.5 */
export function instantOf({ time, zone }: LineTime, own: Zone): number {
  return time.isUtc ? time.localMs : (zone ?? own).toUtc(time.local) + (time.localMs % 60_000);
}

const durationShape = /^([+-]?)P(?:(\d{1,6})W)?(?:(\d{1,7})D)?(?:T(?:(\d{1,8})H)?(?:(\d{1,9})M)?(?:(\d{1,10})S)?)?$/;

/** Milliseconds; undefined for what is no duration. RFC 5545 §3.3.6 */
export function durationOf(text: string): number | undefined {
  const match = durationShape.exec(text.trim().toUpperCase());
  if (match === null) return undefined;
  const [weeks, days, hours, minutes, seconds] = match.slice(2, 7).map((part) => Number(part ?? 0)) as
    [number, number, number, number, number];
  const total = (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds;
  return (match[1] === "-" ? -total : total) * 1000;
}

/** Bytes as a word of a slot. */
export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
