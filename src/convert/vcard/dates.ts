/** Days of a life, kept as times in MAPI. [MS-OXOCNTC] 2.2.1.5, RFC 6350 §4.3 */
import { daysFromCivil, daysInMonth, civilFromDays } from "#calendar/zones/dates.ts";
import type { CivilDate } from "#calendar/zones/dates.ts";

/** Stands for a year that is not told, as address books do: it has a 29 February. */
export const yearUntold = 1604;

const dayTicks = 864_000_000_000n;
const dateShape = /^(\d{4}|--)-?(\d{2})-?(\d{2})(?:[T ].*)?$/;

/** Null for what names no whole day. RFC 6350 §4.3.1, RFC 2426 §3.1.5 */
export function parseDay(text: string): CivilDate | null {
  const match = dateShape.exec(text.trim());
  if (match === null) return null;
  const year = match[1] === "--" ? yearUntold : Number(match[1]);
  const month = Number(match[2]);
  const day = Number(match[3]);
  if (year < 1601 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  return { year, month, day };
}

const two = (value: number): string => String(value).padStart(2, "0");
const four = (value: number): string => String(value).padStart(4, "0");

/** RFC 6350 §4.3.1 */
export function formatDay({ year, month, day }: CivilDate, version: "3.0" | "4.0"): string {
  if (version === "3.0") return `${four(year)}-${two(month)}-${two(day)}`;
  return `${year === yearUntold ? "--" : four(year)}${two(month)}${two(day)}`;
}

/** 11:59 UTC of the day, which is the same day nearly everywhere. [MS-OXOCNTC] 2.2.1.5.1 */
export function noonOfDay({ year, month, day }: CivilDate): bigint {
  return BigInt(daysFromCivil(year, month, day)) * dayTicks + 11n * 36_000_000_000n + 59n * 600_000_000n;
}

/** Midnight of the day, of no zone. [MS-OXOCNTC] 2.2.1.5.2 */
export function midnightOfDay({ year, month, day }: CivilDate): bigint {
  return BigInt(daysFromCivil(year, month, day)) * dayTicks;
}

/** The day whose midnight is nearest: clients store midnight of their own zone in UTC. */
export function dayOfTime(time: bigint): CivilDate | null {
  const days = Number((time + dayTicks / 2n) / dayTicks);
  return days < 0 || days > 3_000_000 ? null : civilFromDays(days);
}

const instantShape =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2}):?(\d{2})(?::?(\d{2})(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/** UTC milliseconds; a time of no zone is taken as UTC. RFC 6350 §4.3.5 */
export function parseInstant(text: string): number | null {
  const match = instantShape.exec(text.trim());
  const date = match === null ? null : parseDay(text);
  if (match === null || date === null) return null;
  const zone = match[7] ?? "Z";
  const sign = zone.startsWith("-") ? -1 : 1;
  const offset = zone === "Z" ? 0 : sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)));
  const [hour, minute, second] = [Number(match[4] ?? 0), Number(match[5] ?? 0), Number(match[6] ?? 0)];
  return Date.UTC(date.year, date.month - 1, date.day, hour, minute, second) - offset * 60_000;
}

/** RFC 6350 §4.3.5 */
export function formatInstant(utcMs: number): string {
  return `${new Date(utcMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
}
