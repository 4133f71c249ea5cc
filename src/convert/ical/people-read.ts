/** ORGANIZER and ATTENDEE as recipients. [MS-OXCICAL] 2.1.3.1.1.20.2, 2.1.3.1.1.20.16 */
import { properties } from "#props/registry.ts";
import { limits } from "#base/limits.ts";
import { propertySets } from "#props/property-sets.ts";
import { namedKey, setNamed, setProperty } from "#convert/item.ts";
import { newRecipient, setPerson } from "#convert/mime/people.ts";
import { propertiesOf, propertyOfName } from "#convert/ical/lines.ts";
import type { Component, Property } from "#convert/ical/lines.ts";
import type { NamedId } from "#props/registry.ts";
import type { ItemBag, ItemObject } from "#convert/item.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";

const p = properties;

/** PidTagRecipientFlags: it gets the meeting; it calls the meeting. [MS-OXOCAL] 2.2.4.10.1 */
export const recipientFlags = { sendable: 1, organizer: 2 } as const;

/** PidLidResponseStatus and PidTagRecipientTrackStatus. [MS-OXOCAL] 2.2.1.11 */
export const responses = { none: 0, organized: 1, tentative: 2, accepted: 3, declined: 4, notResponded: 5 } as const;

/** [MS-OXCICAL] 2.1.3.1.1.20.2.4 */
export const partStats = {
  "NEEDS-ACTION": responses.none, "ACCEPTED": responses.accepted, "DECLINED": responses.declined,
  "TENTATIVE": responses.tentative,
} as const;

export interface CalendarPerson extends DisplayAddress {
  readonly property: Property;
}

/** The address of a CAL-ADDRESS value; null when there is none to write to. RFC 5545 §3.3.3 */
export function addressOf(value: string): string | null {
  const text = value.trim().replace(/^mailto:/i, "");
  if (/[\x00-\x20<>]/.test(text) || text.length > 320 || text === "") return null;
  if (!/^mailto:/i.test(value.trim()) && !text.includes("@")) return null;
  return text;
}

export function personOf(property: Property | undefined): CalendarPerson | null {
  const address = property === undefined ? null : addressOf(property.value);
  if (property === undefined || address === null) return null;
  const name = (property.parameters.get("CN") ?? "").replaceAll("\0", "").trim();
  return { property, address, name: name.slice(0, 1000) };
}

/** 1 required, 2 optional, 3 a room or thing. [MS-OXCICAL] 2.1.3.1.1.20.2.2, 2.1.3.1.1.20.2.5 */
export function recipientTypeOf({ parameters }: Property): 1 | 2 | 3 {
  const kind = parameters.get("CUTYPE")?.toUpperCase();
  if (kind === "ROOM" || kind === "RESOURCE") return 3;
  const role = parameters.get("ROLE")?.toUpperCase();
  return role === "OPT-PARTICIPANT" || role === "NON-PARTICIPANT" ? 2 : 1;
}

export function responseOf({ parameters }: Property): number {
  const status = (parameters.get("PARTSTAT") ?? "NEEDS-ACTION").toUpperCase();
  return Object.hasOwn(partStats, status) ? partStats[status as keyof typeof partStats] : responses.none;
}

/** The method of a forward notification between mailboxes of one organization; outside it is plain mail. */
export const forwardMethod = "X-OUTPOST-FORWARD";

/**
 * Whom a request was forwarded to, and whom an attendee sent in his place, one "name <address>" each.
 * PidLidForwardNotificationRecipients is for the wire: who writes that fills it from these. RFC 5545 §3.2.5
 */
export const forwardedName: NamedId =
  { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "urn:outpost:meeting:forwarded" };
export const delegatedName: NamedId =
  { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "urn:outpost:meeting:delegated" };

export function setNames(item: ItemBag, name: NamedId, people: readonly DisplayAddress[]): void {
  if (people.length === 0) return;
  setNamed(item, name, "MultipleString", people.map((one) => `${one.name.replaceAll(/[<>]/g, "")} <${one.address}>`));
}

export function namesIn(item: ItemObject, name: NamedId): DisplayAddress[] {
  const value = item.named.get(namedKey(name))?.value;
  if (!Array.isArray(value)) return [];
  return value.slice(0, limits.itemPartsMax).flatMap((text: unknown): DisplayAddress[] => {
    const match = typeof text === "string" ? /^([^<>]{0,1000}) <([^\x00-\x20<>]{1,320})>$/.exec(text) : null;
    return match === null ? [] : [{ name: match[1]!, address: match[2]! }];
  });
}

/** Who writes for somebody. RFC 5545 §3.2.18 */
export function sentByOf({ parameters }: Property): DisplayAddress | undefined {
  const address = addressOf(parameters.get("SENT-BY") ?? "");
  return address === null ? undefined : { name: "", address };
}

/** Addresses of those whom an attendee sent in his place. RFC 5545 §3.2.5 */
export function delegatedTo({ property: { parameters } }: CalendarPerson): string[] {
  if ((parameters.get("PARTSTAT") ?? "").toUpperCase() !== "DELEGATED") return [];
  return (parameters.get("DELEGATED-TO") ?? "").split(",").slice(0, limits.calendarListMax)
    .map((one) => addressOf(one.replaceAll("\"", ""))).filter((one) => one !== null);
}

export interface EventPeople {
  readonly organizer: CalendarPerson | null;
  readonly attendees: readonly CalendarPerson[];
}

export function peopleOf(event: Component): EventPeople {
  const attendees = new Map<string, CalendarPerson>();
  for (const property of propertiesOf(event, "ATTENDEE")) {
    const person = personOf(property);
    if (person === null) continue;
    if (attendees.size >= limits.itemPartsMax) break;
    attendees.set(person.address.toLowerCase(), person);
  }
  return { organizer: personOf(propertyOfName(event, "ORGANIZER")), attendees: [...attendees.values()] };
}

/** Recipients of an item; the organizer is one of them. [MS-OXOCAL] 2.2.4.10 */
export function setPeople(item: ItemBag, { organizer, attendees }: EventPeople): void {
  if (organizer !== null) {
    setPerson(item, "representing", organizer);
    setPerson(item, "sender", sentByOf(organizer.property) ?? organizer);
    const row = newRecipient(1, organizer, 0);
    setProperty(row, p.PidTagRecipientFlags, recipientFlags.sendable | recipientFlags.organizer);
    setProperty(row, p.PidTagRecipientTrackStatus, responses.organized);
    item.recipients.push(row);
  }
  const names: [string[], string[], string[]] = [[], [], []];
  for (const attendee of attendees) {
    const isOrganizer = attendee.address.toLowerCase() === organizer?.address.toLowerCase();
    if (isOrganizer) continue;
    const type = recipientTypeOf(attendee.property);
    const row = newRecipient(type, attendee, item.recipients.length);
    if (type === 3) setProperty(row, p.PidTagDisplayTypeEx, 7);
    setProperty(row, p.PidTagRecipientFlags, recipientFlags.sendable);
    setProperty(row, p.PidTagRecipientTrackStatus, responseOf(attendee.property));
    item.recipients.push(row);
    names[type - 1]!.push(attendee.name === "" ? attendee.address : attendee.name);
  }
  if (item.recipients.length === 0) return;
  const [to, cc] = names.map((list) => list.join("; ")) as [string, string, string];
  setProperty(item, p.PidLidToAttendeesString, to);
  setProperty(item, p.PidLidCcAttendeesString, cc);
  setProperty(item, p.PidLidAllAttendeesString, names.flat().join("; "));
}

/** Who answers: whom From names, else the one who says something. Some programs list everybody. RFC 5546 §3.2.3 */
export function replierOf({ attendees }: EventPeople, from: string): CalendarPerson | undefined {
  const isFrom = (person: CalendarPerson): boolean => from !== "" &&
    [person.address, sentByOf(person.property)?.address].some((one) => one?.toLowerCase() === from.toLowerCase());
  return attendees.find(isFrom) ?? attendees.find((one) => delegatedTo(one).length > 0) ??
    attendees.find(({ property }) => responseOf(property) !== responses.none) ?? attendees[0];
}

/** An answer comes from its attendee, or who writes for him, and goes to the organizer. [MS-OXOCAL] 2.2.7 */
export function setReplier(item: ItemBag, people: EventPeople, from: string): void {
  const attendee = replierOf(people, from);
  if (attendee !== undefined) {
    setPerson(item, "representing", attendee);
    setPerson(item, "sender", sentByOf(attendee.property) ?? attendee);
    setNames(item, delegatedName, namedPeople(attendee, people));
  }
  if (people.organizer !== null) item.recipients.push(newRecipient(1, people.organizer, 0));
}

/** Whom a forward notification names; the mail itself says who sent the invitation on. [MS-OXOCAL] 2.2.9.3 */
export function setForwarded(item: ItemBag, { organizer, attendees }: EventPeople): void {
  setNames(item, forwardedName, attendees);
  if (organizer !== null) item.recipients.push(newRecipient(1, organizer, 0));
}

/** The names of those in somebody's place, where the answer tells them too. */
const namedPeople = (attendee: CalendarPerson, { attendees }: EventPeople): DisplayAddress[] =>
  delegatedTo(attendee).map((address) => ({
    address, name: attendees.find((one) => one.address.toLowerCase() === address.toLowerCase())?.name ?? "",
  }));
