import type { Cursor } from "#wire/imap/cursor.ts";

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** Days since 1970-01-01 of a date that stands for itself, without a time zone. */
export type DayNumber = number;

export const dayMs = 86_400_000;

/** `1-Feb-1994`, quoted or not. RFC 9051 §9 `date` */
export function date(cursor: Cursor): DayNumber {
  const isQuoted = cursor.accept('"');
  const day = dayNumber(cursor, cursor.number("a day of the month", 31));
  if (isQuoted) cursor.expect('"', 'a closing "');
  return day;
}

/** `"17-Jul-1996 02:44:25 -0700"` in UTC milliseconds. RFC 9051 §9 `date-time` */
export function dateTime(cursor: Cursor): number {
  cursor.expect('"', 'a " before the date');
  cursor.accept(" ");
  const day = dayNumber(cursor, cursor.number("a day of the month", 31));
  cursor.space();
  const hours = twoDigits(cursor, 23);
  cursor.expect(":", ":");
  const minutes = twoDigits(cursor, 59);
  cursor.expect(":", ":");
  const seconds = twoDigits(cursor, 60);
  cursor.space();
  const isWest = cursor.peek() === 0x2d;
  if (!isWest && cursor.peek() !== 0x2b) cursor.fail("Expected a time zone such as +0100");
  cursor.offset++;
  const zone = digits(cursor, 4, 9959);
  const zoneMinutes = Math.floor(zone / 100) * 60 + (zone % 100);
  cursor.expect('"', 'a " after the date');
  const localMs = day * dayMs + ((hours * 60 + minutes) * 60 + seconds) * 1000;
  return localMs - (isWest ? -zoneMinutes : zoneMinutes) * 60_000;
}

function dayNumber(cursor: Cursor, day: number): DayNumber {
  cursor.expect("-", "- after the day");
  const start = cursor.offset;
  const name = cursor.line.toString("latin1", start, start + 3).toLowerCase();
  const month = months.findIndex((candidate) => candidate.toLowerCase() === name);
  if (month < 0) cursor.fail("Expected a month such as Jan");
  cursor.offset += 3;
  cursor.expect("-", "- after the month");
  const yearStart = cursor.offset;
  const year = cursor.number("a year", 9999);
  if (cursor.offset - yearStart !== 4) cursor.fail("A year has four digits");
  const instant = new Date(0);
  instant.setUTCFullYear(year, month, day);
  if (instant.getUTCDate() !== day || day === 0) {
    cursor.offset = start;
    cursor.fail("There is no such day");
  }
  return Math.floor(instant.getTime() / dayMs);
}

function twoDigits(cursor: Cursor, max: number): number {
  return digits(cursor, 2, max);
}

function digits(cursor: Cursor, count: number, max: number): number {
  const start = cursor.offset;
  const value = cursor.number(`${count} digits`, max);
  if (cursor.offset - start !== count) cursor.fail(`Expected ${count} digits`);
  return value;
}

/** The day told last: messages next to each other are often of one day. */
let lastDay = NaN;
let lastDayText = "";

/** UTC milliseconds as INTERNALDATE shows them, always in UTC. RFC 9051 §9 `date-time` */
export function encodeDateTime(timeMs: number): string {
  const seconds = Math.floor(Math.min(Math.max(timeMs, -62_135_596_800_000), 253_402_300_799_000) / 1000);
  const day = Math.floor(seconds / 86_400);
  if (day !== lastDay) {
    const instant = new Date(day * dayMs);
    const year = String(instant.getUTCFullYear()).padStart(4, "0");
    lastDay = day;
    lastDayText = `${String(instant.getUTCDate()).padStart(2, " ")}-${months[instant.getUTCMonth()]}-${year}`;
  }
  const inDay = seconds - day * 86_400;
  const minutes = Math.floor(inDay / 60);
  return `"${lastDayText} ${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(inDay % 60)} +0000"`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}
