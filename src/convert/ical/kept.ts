/**
 * What a calendar says and an item has no property for: it stays beside the item, in its own words, so that it comes
 * back. A line that an item's property tells too is written again only while both mean the same.
 */
import { propertySets } from "#props/property-sets.ts";
import { getNamedString, rangeName } from "#convert/ical/names.ts";
import { namedKey, setNamed } from "#convert/item.ts";
import { parseComponents } from "#convert/ical/lines.ts";
import type { Component } from "#convert/ical/lines.ts";
import type { ItemObject } from "#convert/item.ts";
import type { NamedId } from "#props/registry.ts";

/** Unfolded lines of the event, one each line. [MS-OXCICAL] 2.1.3.1.1.20.61 */
const linesName: NamedId = { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "urn:outpost:icalendar:lines" };
/** The recurrence lines of a series that says a little less, and the mark of the blob made of them. */
const ruleName: NamedId = { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "urn:outpost:icalendar:rule" };

/** Which lines are told by properties alone, and so need no keeping. RFC 5545 §3.8 */
const told = new Set([
  "BEGIN", "END", "SUMMARY", "LOCATION", "DESCRIPTION", "TRANSP", "SEQUENCE", "CATEGORIES",
  "CREATED", "LAST-MODIFIED", "DTSTAMP", "RRULE", "EXDATE", "RDATE", "EXRULE", "DURATION", "RECURRENCE-ID",
  "X-MICROSOFT-CDO-BUSYSTATUS", "X-MICROSOFT-CDO-INTENDEDSTATUS", "X-MICROSOFT-CDO-IMPORTANCE",
  "X-MICROSOFT-CDO-ALLDAYEVENT", "X-MICROSOFT-CDO-OWNERAPPTID", "X-MICROSOFT-CDO-APPT-SEQUENCE",
  "X-MICROSOFT-CDO-INSTTYPE", "X-MICROSOFT-DISALLOW-COUNTER", "X-MICROSOFT-CDO-OWNER-CRITICAL-CHANGE",
  "X-MICROSOFT-CDO-ATTENDEE-CRITICAL-CHANGE", "X-MS-OLK-ORIGINALSTART", "X-MS-OLK-ORIGINALEND",
]);

/** Text properties whose parameters no property of an item has; a reader of them needs LANGUAGE and ALTREP. */
const asWritten = new Set(["SUMMARY", "LOCATION", "DESCRIPTION"]);

/** Lines that a writer makes itself, with or without those kept. */
const rewritten = new Set([
  ...told, "DTSTART", "DTEND", "UID", "ORGANIZER", "ATTENDEE", "STATUS", "CLASS", "PRIORITY", "ATTACH", "X-ALT-DESC",
]);

export const isTold = (name: string): boolean => rewritten.has(name);

/** Name and parameters as every reader takes them. RFC 5545 §3.1 */
const soundHead = /^[A-Za-z0-9-]+(?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*:/;

export function keepLines(object: ItemObject, event: Component): void {
  const kept: string[] = [];
  for (const property of event.properties) {
    const hasParameters = asWritten.has(property.name) && property.parameters.size > 0;
    if (property.name === "ATTACH" || property.name === "X-ALT-DESC") continue;
    const isWanted = !told.has(property.name) || hasParameters;
    if (isWanted && soundHead.test(property.line)) kept.push(property.line);
  }
  for (const component of event.components) kept.push(...component.lines);
  if (kept.length > 0) setNamed(object, linesName, "String", kept.join("\n"));
}

/** The kept lines as a component; an empty one when there are none, or somebody put something else there. */
export function keptComponent(object: ItemObject): Component {
  const text = getNamedString(object, linesName) ?? "";
  const empty: Component = { name: "VEVENT", properties: [], components: [], lines: [] };
  if (text === "") return empty;
  const [root] = parseComponents(`BEGIN:VCALENDAR\nBEGIN:VEVENT\n${text}\nEND:VEVENT\nEND:VCALENDAR`);
  return root?.components[0] ?? empty;
}

export function keepRule(object: ItemObject, mark: string, lines: readonly string[]): void {
  setNamed(object, ruleName, "String", [mark, ...lines].join("\n"));
}

/** The recurrence lines that were kept, while the blob is still the one made of them. */
export function keptRule(object: ItemObject, mark: string): string[] | undefined {
  const [first, ...lines] = (getNamedString(object, ruleName) ?? "").split("\n");
  const isSound = lines.every((line) => /^(?:DTSTART|DTEND|DURATION|RRULE|EXRULE|EXDATE|RDATE)[;:]/i.test(line));
  return first === mark && lines.length > 0 && isSound ? lines : undefined;
}

/** For an occurrence, which has its series' properties but not its lines. */
export function dropKept(object: ItemObject): void {
  for (const name of [linesName, ruleName, rangeName]) object.named.delete(namedKey(name));
}
