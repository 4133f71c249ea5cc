/** Parts of a date, for the tests `date` and `currentdate`. RFC 5260 §4.2 */
import { parseDate } from "#format/mime/date.ts";

interface Local {
  /** Shown as if it were UTC. */
  readonly date: Date;
  readonly zone: number;
}

const two = (value: number): string => String(value).padStart(2, "0");
const dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const dayMs = 24 * 3_600_000;
/** 1858-11-17, the day before the modified Julian day 1. */
const julianEpochMs = Date.UTC(1858, 10, 17);

const year = ({ date }: Local): string => String(date.getUTCFullYear()).padStart(4, "0");
const month = ({ date }: Local): string => two(date.getUTCMonth() + 1);
const day = ({ date }: Local): string => two(date.getUTCDate());
const time = ({ date }: Local): string =>
  `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;

function zoneText(zone: number, separator = ""): string {
  const minutes = Math.abs(zone);
  return `${zone < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${separator}${two(minutes % 60)}`;
}

/** RFC 5260 §4.2, one row for each part. */
const parts: Readonly<Record<string, (local: Local) => string>> = {
  year, month, day,
  date: (local) => `${year(local)}-${month(local)}-${day(local)}`,
  julian: ({ date }) => String(Math.floor((date.getTime() - julianEpochMs) / dayMs)),
  hour: ({ date }) => two(date.getUTCHours()),
  minute: ({ date }) => two(date.getUTCMinutes()),
  second: ({ date }) => two(date.getUTCSeconds()),
  time,
  iso8601: (local) => `${year(local)}-${month(local)}-${day(local)}T${time(local)}${zoneText(local.zone, ":")}`,
  std11: (local) => {
    const { date, zone } = local;
    const text = `${date.getUTCDate()} ${monthNames[date.getUTCMonth()]} ${year(local)} ${time(local)}`;
    return `${dayNames[date.getUTCDay()]}, ${text} ${zoneText(zone)}`;
  },
  zone: ({ zone }) => zoneText(zone),
  weekday: ({ date }) => String(date.getUTCDay()),
};

export const dateParts: ReadonlySet<string> = new Set(Object.keys(parts));

/** One part of a moment as it is in a zone, minutes east of UTC; null for a part that is not known. */
export function datePart(utcMs: number, zone: number, part: string): string | null {
  const name = part.toLowerCase();
  if (!dateParts.has(name)) return null;
  return parts[name]!({ date: new Date(utcMs + zone * 60_000), zone });
}

/** `+0130` in minutes; null when it is none. RFC 5322 §3.3 */
export function zoneMinutes(text: string): number | null {
  const found = /^([+-])(\d\d)([0-5]\d)$/.exec(text);
  if (found === null) return null;
  return (found[1] === "-" ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3]));
}

/** The date of a header field: after the last ";" where one stands, as in Received. RFC 5260 §4 */
export function fieldDate(value: string): { readonly utcMs: number; readonly zone: number } | null {
  const text = value.slice(value.lastIndexOf(";") + 1).trim();
  const utcMs = parseDate(text);
  if (utcMs === null) return null;
  return { utcMs, zone: zoneMinutes(/[+-]\d{4}(?=\s*(?:\(|$))/.exec(text)?.[0] ?? "") ?? 0 };
}
