/** The working hours stream, PidTagRoamingXmlStream of IPM.Configuration.WorkHours. [MS-OXOCFG] 2.2.5.2.1 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { WorkingHours } from "#calendar/free-busy/working-hours.ts";
import { zoneOfStruct } from "#calendar/zones/definition.ts";
import { windowsIdOfIana } from "#calendar/zones/iana.ts";
import { matchZone, zoneOfId } from "#calendar/zones/match.ts";
import { fixedRule, noDate, ruleOfYear, sameInYear } from "#calendar/zones/rule.ts";
import type { ZoneRule } from "#calendar/zones/rule.ts";
import type { SystemTime } from "#calendar/zones/tables.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { parseXml } from "#codec/xml/element.ts";
import type { XmlElement } from "#codec/xml/element.ts";

export const workingHoursClass = "IPM.Configuration.WorkHours";
/** PidTagRoamingDatatypes: an XML stream. [MS-OXOCFG] 2.2.2.1 */
export const roamingXmlStream = 2;
/** WorkDaysList, the name of each bit. [MS-OXOCFG] 2.2.5.2.1 */
export const dayNames = [
  "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
] as const;
/** Names that stand for several days. */
const dayGroups: Readonly<Record<string, number>> = {
  Day: 0x7f, AllDays: 0x7f, Weekday: 0x3e, Weekdays: 0x3e, WeekendDay: 0x41, WeekendDays: 0x41, None: 0,
};

function refuse(what: string): never {
  throw new WireError(`working hours: ${what}`, 0);
}

function childOf(element: XmlElement, name: string): XmlElement {
  return element.child(name) ?? refuse(`no ${name}`);
}

function numberIn(element: XmlElement, name: string, min: number, max: number): number {
  const text = childOf(element, name).text.trim();
  const value = /^[+-]?\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : refuse(`${name} is "${text.slice(0, 20)}"`);
}

const timeShape = /^(\d{2}):(\d{2}):(\d{2})(?:\.(\d{3})\d{0,4})?$/;

interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly milliseconds: number;
}

/** xs:time without a zone. */
function timeIn(element: XmlElement, name: string): TimeOfDay {
  const text = childOf(element, name).text.trim();
  const match = timeShape.exec(text) ?? refuse(`${name} is "${text.slice(0, 20)}"`);
  const [hour, minute, second, milliseconds] = match.slice(1).map((part) => Number(part ?? 0)) as
    [number, number, number, number];
  if (hour > 24 || minute > 59 || second > 59) refuse(`${name} is "${text}"`);
  return { hour, minute, second, milliseconds };
}

function transitionOf(zone: XmlElement, name: string): { bias: number; date: SystemTime } {
  const transition = childOf(zone, name);
  const bias = numberIn(transition, "Bias", -1500, 1500);
  const change = transition.child("ChangeDate");
  if (change === null) return { bias, date: noDate };
  const time = timeIn(change, "Time");
  const text = childOf(change, "Date").text.trim();
  const match = /^(\d{4})\/(\d{2})\/(\d{2})$/.exec(text) ?? refuse(`Date is "${text.slice(0, 20)}"`);
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const dayOfWeek = numberIn(change, "DayOfWeek", 0, 6);
  return { bias, date: { year, month, dayOfWeek, day, ...time } };
}

interface NamedZone {
  readonly zone: Zone;
  readonly zoneName: string;
}

/** The zone of that name while its rules are those of the stream, else what the rules say. */
function zoneOf(element: XmlElement, year: number): NamedZone {
  const standard = transitionOf(element, "Standard");
  const daylight = transitionOf(element, "DaylightSavings");
  const rule: ZoneRule = {
    bias: numberIn(element, "Bias", -1500, 1500), standardBias: standard.bias, daylightBias: daylight.bias,
    standardDate: standard.date, daylightDate: daylight.date,
  };
  const zoneName = (element.childText("Name") ?? "").slice(0, 255);
  const told = zoneOfStruct(zoneName, rule);
  const named = zoneName === "" ? undefined : zoneOfId(zoneName);
  if (named !== undefined && sameInYear(named, told, year)) return { zone: named, zoneName };
  const match = matchZone({ ids: [], zone: told, year });
  if (match.kind === "named") return { zone: match.zone, zoneName: match.windowsId ?? match.zone.name };
  return { zone: told, zoneName };
}

function daysOf(text: string): number {
  let days = 0;
  for (const word of text.split(/\s+/).filter((one) => one !== "")) {
    const day = (dayNames as readonly string[]).indexOf(word);
    if (day < 0 && !Object.hasOwn(dayGroups, word)) refuse(`WorkDays has "${word.slice(0, 20)}"`);
    days |= day >= 0 ? 1 << day : dayGroups[word]!;
  }
  return days;
}

/**
 * Working hours from their stream; `year` is the one whose rules tell the zone. Throws WireError for what is no such
 * document. [MS-OXOCFG] 2.2.5.2.1
 */
export function readWorkingHours(stream: Uint8Array | string, year: number): WorkingHours {
  const root = parseXml(stream, { documentMaxBytes: limits.workingHoursMaxBytes });
  if (root.name !== "Root") refuse("the root is not Root");
  const hours = childOf(root, "WorkHoursVersion1");
  const slot = childOf(hours, "TimeSlot");
  const start = timeIn(slot, "Start");
  const end = timeIn(slot, "End");
  // Writers that cannot say 24:00 say the last second of the day.
  const isDayEnd = end.hour === 23 && end.minute === 59 && end.second === 59;
  return {
    days: daysOf(childOf(hours, "WorkDays").text), startMinute: (start.hour * 60 + start.minute) % 1440,
    endMinute: isDayEnd ? 0 : (end.hour * 60 + end.minute) % 1440, ...zoneOf(childOf(hours, "TimeZone"), year),
  };
}

const two = (value: number): string => String(value).padStart(2, "0");
const escapeXml = (text: string): string => text.replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, "")
  .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function transitionText(name: string, bias: number, date: SystemTime): string {
  // Windows ends a day at its last millisecond.
  const part = date.milliseconds === 0 ? "" : `.${String(date.milliseconds).padStart(3, "0")}`;
  const time = `${two(date.hour)}:${two(date.minute)}:${two(date.second)}${part}`;
  const day = `${String(date.year).padStart(4, "0")}/${two(date.month)}/${two(date.day)}`;
  return `<${name}><Bias>${bias}</Bias><ChangeDate><Time>${time}</Time><Date>${day}</Date>` +
    `<DayOfWeek>${date.dayOfWeek}</DayOfWeek></ChangeDate></${name}>`;
}

const minuteText = (minute: number): string => `${two(Math.floor(minute / 60))}:${two(minute % 60)}:00`;

/** The stream for working hours, with the zone's rules of a year. [MS-OXOCFG] 2.2.5.2.1 */
export function writeWorkingHours(hours: WorkingHours, year: number): string {
  const { zone, days } = hours;
  const found = ruleOfYear(zone, year);
  // A year of changes that no rule tells keeps the offset of its middle.
  const rule = found.fits ? found.rule : fixedRule(Math.round(zone.offsetAt(Date.UTC(year, 6, 1)) / 60_000));
  const names = dayNames.filter((_, day) => (days >> day) & 1).join(" ");
  return '<?xml version="1.0"?><Root xmlns="WorkingHours.xsd"><WorkHoursVersion1>' +
    `<TimeZone><Bias>${rule.bias}</Bias>${transitionText("Standard", rule.standardBias, rule.standardDate)}` +
    `${transitionText("DaylightSavings", rule.daylightBias, rule.daylightDate)}` +
    `<Name>${escapeXml(hours.zoneName)}</Name></TimeZone>` +
    `<TimeSlot><Start>${minuteText(hours.startMinute)}</Start><End>${minuteText(hours.endMinute)}</End></TimeSlot>` +
    `<WorkDays>${names}</WorkDays></WorkHoursVersion1></Root>`;
}

/** Working hours in a zone, under the name that Windows has for it. */
export const workingHoursIn = (zone: Zone, days: number, startMinute: number, endMinute: number): WorkingHours => ({
  days, startMinute, endMinute, zone, zoneName: zone === utcZone ? "UTC" : windowsIdOfIana(zone.name) ?? zone.name,
});
