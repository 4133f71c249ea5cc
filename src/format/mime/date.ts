const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** Minutes east of UTC; military letters count as unknown, so as UTC. RFC 5322 §4.3 */
const zones: Readonly<Record<string, number>> = {
  UT: 0, GMT: 0, UTC: 0, Z: 0, EST: -300, EDT: -240, CST: -360, CDT: -300, MST: -420, MDT: -360, PST: -480, PDT: -420,
  WET: 0, WEST: 60, BST: 60, CET: 60, MET: 60, CEST: 120, MEST: 120, EET: 120, EEST: 180, MSK: 180, JST: 540, KST: 540,
};

/** The form of RFC 5322 §3.3 that nearly all senders write. */
const usualDate = new RegExp("^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )? ?(\\d{1,2}) " +
  "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\\d{4}) (\\d\\d):(\\d\\d):(\\d\\d) " +
  "([+-])(\\d\\d)(\\d\\d)(?: \\([A-Z]{1,5}\\))?$");

const textLengthMax = 200;

/**
 * A Date field as UTC milliseconds, null when no date can be read. Beside RFC 5322 §3.3 and §4.3: any or no weekday,
 * comments, spaces around ":", ISO 8601, the order of C's ctime, "-" between day, month and year, "." in the time, no
 * seconds, no zone (UTC), a month before its day. Years 1900 to 9999.
 */
export function parseDate(text: string): number | null {
  const usual = usualDate.exec(text);
  if (usual !== null) {
    const [, day, month, year, hour, minute, second, sign, zoneHours, zoneRest] = usual;
    const zone = Number(zoneHours) * 60 + Number(zoneRest);
    return moment(
      Number(year), months.indexOf(month!.toLowerCase()), Number(day), Number(hour), Number(minute), Number(second),
      zone >= 24 * 60 ? 0 : sign === "-" ? -zone : zone,
    );
  }
  const clean = text.slice(0, textLengthMax).replaceAll(/\([^()]*\)/g, " ").replaceAll(/\s*:\s*/g, ":").trim();
  return parseIso(clean) ?? parseWords(clean);
}

function parseIso(text: string): number | null {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?\s*(\S*)/.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, zone] = match;
  return moment(
    Number(year), Number(month) - 1, Number(day), Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0),
    zoneMinutes(zone ?? ""),
  );
}

interface Parts {
  month: number | null;
  numbers: string[];
  time: readonly [number, number, number] | null;
  zone: number | null;
  afternoon: boolean | null;
}

function parseWords(text: string): number | null {
  const parts: Parts = { month: null, numbers: [], time: null, zone: null, afternoon: null };
  for (const word of text.split(/[\s,]+/)) readWord(word, parts);
  const { month, numbers, time } = parts;
  if (month === null || numbers.length < 2 || time === null) return null;
  let [day, year] = [numbers[0] ?? "", numbers[1] ?? ""];
  if (day.length > 2) [day, year] = [year, day];
  let hour = time[0];
  if (parts.afternoon === true && hour < 12) hour += 12;
  if (parts.afternoon === false && hour === 12) hour = 0;
  return moment(fullYear(year), month, Number(day), hour, time[1], time[2], parts.zone ?? 0);
}

function readWord(word: string, parts: Parts): void {
  const time = /^(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:\.\d+)?)?([+-]\d{4}|Z|AM|PM)?$/i.exec(word);
  if (time !== null && parts.time === null && (word.includes(":") || time[3] !== undefined)) {
    parts.time = [Number(time[1]), Number(time[2]), Number(time[3] ?? 0)];
    const tail = (time[4] ?? "").toUpperCase();
    if (tail === "AM" || tail === "PM") parts.afternoon = tail === "PM";
    else if (tail !== "") parts.zone = zoneMinutes(tail);
    return;
  }
  if (/^(?:AM|PM)$/i.test(word)) {
    parts.afternoon = word.toUpperCase() === "PM";
    return;
  }
  if (parts.time !== null && parts.zone === null && /^(?:[+-]|GMT|UTC?|[A-Za-z]{1,4}$)/.test(word)) {
    if (monthOf(word) === null || parts.month !== null) {
      if (!/^(?:mon|tue|wed|thu|fri|sat|sun)$/i.test(word)) parts.zone = zoneMinutes(word);
      return;
    }
  }
  for (const piece of word.split(/[-/.]/)) {
    if (/^\d{1,4}$/.test(piece) && parts.numbers.length < 2) parts.numbers.push(piece);
    else parts.month ??= monthOf(piece);
  }
}

function monthOf(word: string): number | null {
  if (!/^[A-Za-z]{3,9}\.?$/.test(word)) return null;
  const index = months.indexOf(word.slice(0, 3).toLowerCase());
  return index < 0 ? null : index;
}

/** Two digits: 00 to 49 is 2000 on; three count from 1900. RFC 5322 §4.3 */
function fullYear(text: string): number {
  const year = Number(text);
  if (text.length <= 2) return year < 50 ? 2000 + year : 1900 + year;
  return text.length === 3 ? 1900 + year : year;
}

function zoneMinutes(text: string): number {
  const match = /^(?:GMT|UTC?)?([+-])(\d{1,2}):?(\d{2})?$/i.exec(text);
  if (match !== null) {
    const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
    return minutes >= 24 * 60 ? 0 : match[1] === "-" ? -minutes : minutes;
  }
  const name = text.toUpperCase();
  return Object.hasOwn(zones, name) ? zones[name] ?? 0 : 0;
}

function moment(
  year: number, month: number, day: number, hour: number, minute: number, second: number, zone: number,
): number | null {
  if (year < 1900 || year > 9999 || month < 0 || month > 11 || day < 1 || day > 31) return null;
  if (hour > 24 || minute > 59 || second > 60) return null;
  return Date.UTC(year, month, day, hour, minute, second) - zone * 60_000;
}

const dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A Date field in UTC ("+0000") or, with `zone` in minutes, as local time. RFC 5322 §3.3 */
export function formatDate(utcMs: number, zone = 0): string {
  const local = new Date(utcMs + zone * 60_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const offset = Math.abs(zone);
  const time = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`;
  return `${dayNames[local.getUTCDay()]}, ${local.getUTCDate()} ${monthNames[local.getUTCMonth()]} ` +
    `${local.getUTCFullYear()} ${time} ${zone < 0 ? "-" : "+"}${two(Math.trunc(offset / 60))}${two(offset % 60)}`;
}
