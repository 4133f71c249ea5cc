/** Recipients as ORGANIZER and ATTENDEE. [MS-OXCICAL] 2.1.3.1.1.20.2, 2.1.3.1.1.20.16 */
import { properties } from "#props/registry.ts";
import { getProperty } from "#convert/item.ts";
import { getPerson } from "#convert/mime/people.ts";
import { stateFlags } from "#convert/ical/event-read.ts";
import { parameter, propertiesOf, propertyOfName } from "#convert/ical/lines.ts";
import {
  delegatedName, forwardedName, namesIn, partStats, personOf, recipientFlags, recipientTypeOf, responseOf, responses,
  sentByOf,
} from "#convert/ical/people-read.ts";
import type { CalendarPerson } from "#convert/ical/people-read.ts";
import type { Component, Property } from "#convert/ical/lines.ts";
import type { ItemBag, ItemRecipient } from "#convert/item.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";

const p = properties;

const partStatOf = (response: number): string =>
  Object.entries(partStats).find(([, value]) => value === response)?.[0] ?? "NEEDS-ACTION";

const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Kept lines by the address that they name; of several the last, as it is read. */
type KeptPeople = ReadonlyMap<string, CalendarPerson>;

function keptPeople(kept: Component, name: string): KeptPeople {
  const people = propertiesOf(kept, name).map(personOf).filter((person) => person !== null);
  return new Map(people.map((person) => [person.address.toLowerCase(), person]));
}

/** The line that a person had, while it says the same. */
function keptLine(kept: KeptPeople, person: DisplayAddress, fits: (kept: Property) => boolean): string | undefined {
  const known = kept.get(person.address.toLowerCase());
  if (known === undefined || !fits(known.property)) return undefined;
  const isName = known.name === person.name || (person.name === "" && isSame(known.name, known.address));
  return isName ? known.property.line : undefined;
}

const roles = ["REQ-PARTICIPANT", "OPT-PARTICIPANT", "NON-PARTICIPANT"];

function attendeeLine(row: ItemRecipient, person: DisplayAddress, kept: KeptPeople, asksReply: boolean): string {
  const type = (getProperty(row, p.PidTagRecipientType) ?? 1) & 0xf;
  const told = getProperty(row, p.PidTagRecipientTrackStatus) ?? responses.none;
  const response = told === responses.notResponded ? responses.none : told;
  const same = keptLine(kept, person, (one) =>
    recipientTypeOf(one) === type && responseOf(one) === response);
  if (same !== undefined) return same;
  return `ATTENDEE${parameter("CN", person.name)}${type === 3 ? ";CUTYPE=RESOURCE" : ""}` +
    `;ROLE=${roles[type - 1] ?? roles[0]};PARTSTAT=${partStatOf(response)}` +
    `${asksReply ? ";RSVP=TRUE" : ""}:mailto:${person.address}`;
}

/**
 * Who writes a message for the one whom it is of; sending an invitation on is not that. An address that nobody outside
 * knows names nobody. RFC 5545 §3.2.18
 */
function writerOf(item: ItemBag, person: DisplayAddress, resolve: ResolveAddress): DisplayAddress | null {
  const sender = getPerson(item, "sender", resolve);
  const isForwarded = ((getProperty(item, p.PidLidAppointmentAuxiliaryFlags) ?? 0) & forwardedFlag) !== 0;
  if (!isWritable(sender) || isForwarded || !isMessage(item) || /^IMCEA/i.test(sender.address)) return null;
  return isSame(sender.address, person.address) ? null : sender;
}

const isMessage = (item: ItemBag): boolean =>
  /^IPM\.(?:Schedule\.|Note$)/i.test(getProperty(item, p.PidTagMessageClass) ?? "");

/** PidLidAppointmentAuxiliaryFlags. [MS-OXOCAL] 2.2.1.3 */
const forwardedFlag = 4;

const sentBy = (writer: DisplayAddress | null): string =>
  (writer === null ? "" : `;SENT-BY="mailto:${writer.address.replaceAll("\"", "")}"`);

/** An item of a calendar, unlike a message, has nobody who writes it: what it was told stays. */
function organizerLine(
  person: DisplayAddress, kept: Component, writer: DisplayAddress | null, isSent: boolean,
): string {
  const fits = (property: Property): boolean => {
    const had = sentByOf(property)?.address ?? "";
    return isSame(had, writer?.address ?? "") || (writer === null && !isSent);
  };
  return keptLine(keptPeople(kept, "ORGANIZER"), person, fits) ??
    `ORGANIZER${parameter("CN", person.name)}${sentBy(writer)}:mailto:${person.address}`;
}

const isWritable = (person: DisplayAddress | null): person is DisplayAddress =>
  person !== null && !/[\x00-\x20<>]/.test(person.address);

function personIn(row: ItemRecipient, resolve: ResolveAddress): DisplayAddress | null {
  const person = getPerson(row, "recipient", resolve);
  return isWritable(person) ? person : null;
}

/** Whether somebody calls others together; an appointment of one's own has no organizer. [MS-OXOCAL] 2.2.1.10 */
function isMeeting(item: ItemBag, kept: Component): boolean {
  return ((getProperty(item, p.PidLidAppointmentStateFlags) ?? 0) & stateFlags.meeting) !== 0 ||
    item.recipients.length > 0 || propertyOfName(kept, "ORGANIZER") !== undefined ||
    /^IPM\.Schedule\./i.test(getProperty(item, p.PidTagMessageClass) ?? "");
}

/** [MS-OXCICAL] 2.1.3.1.1.20.2, 2.1.3.1.1.20.16 */
export function peopleLines(item: ItemBag, kept: Component, resolve: ResolveAddress): string[] {
  const representing = getPerson(item, "representing", resolve);
  const attendees = keptPeople(kept, "ATTENDEE");
  const lines: string[] = [];
  const asksReply = getProperty(item, p.PidTagResponseRequested) === true;
  const isOrganizer = (row: ItemRecipient): boolean =>
    ((getProperty(row, p.PidTagRecipientFlags) ?? 0) & recipientFlags.organizer) !== 0;
  const organizing = item.recipients.find(isOrganizer);
  const organizer = (organizing && personIn(organizing, resolve)) ?? (isMeeting(item, kept) ? representing : null);
  if (isWritable(organizer)) {
    lines.push(organizerLine(organizer, kept, writerOf(item, organizer, resolve), isMessage(item)));
    // An organizer may be an attendee too, with an answer that no recipient has.
    const self = attendees.get(organizer.address.toLowerCase());
    if (self !== undefined) lines.push(self.property.line);
  }
  for (const row of item.recipients) {
    const person = isOrganizer(row) ? null : personIn(row, resolve);
    if (person === null || (isWritable(organizer) && isSame(person.address, organizer.address))) continue;
    lines.push(attendeeLine(row, person, attendees, asksReply));
  }
  // Whoever has no address is only known by the line.
  for (const name of ["ORGANIZER", "ATTENDEE"]) {
    for (const one of propertiesOf(kept, name)) if (personOf(one) === null) lines.push(one.line);
  }
  return lines;
}

const replies: readonly (readonly [RegExp, number])[] = [
  [/\.Resp\.Pos$/i, responses.accepted], [/\.Resp\.Neg$/i, responses.declined],
  [/\.Resp\.Tent$/i, responses.tentative],
];

/** The answer of one attendee. RFC 5546 §3.2.3, [MS-OXCICAL] 2.1.3.1.1.1 */
export function replyLines(item: ItemBag, kept: Component, resolve: ResolveAddress): string[] {
  const messageClass = getProperty(item, p.PidTagMessageClass) ?? "";
  const byClass = replies.find(([shape]) => shape.test(messageClass))?.[1] ?? responses.none;
  const inside = getProperty(item, p.PidLidResponseStatus);
  // A counter proposal is of one class whatever the answer in it; a reply may be none.
  const isInside = getProperty(item, p.PidLidAppointmentCounterProposal) === true || inside === responses.notResponded;
  const told = isInside ? inside ?? byClass : byClass;
  const response = told === responses.notResponded ? responses.none : told;
  const lines = toOrganizer(item, kept, resolve);
  const from = getPerson(item, "representing", resolve) ?? getPerson(item, "sender", resolve);
  if (!isWritable(from)) return [...lines, ...propertiesOf(kept, "ATTENDEE").map(({ line }) => line)];
  const instead = namesIn(item, delegatedName).filter(isWritable);
  const attendees = keptPeople(kept, "ATTENDEE");
  const toldBy = instead.length > 0 ? delegatedOf : responseOf;
  const same = keptLine(attendees, from, (one) => toldBy(one) === response ||
    (responseOf(one) === responses.none && response === responses.accepted));
  const to = instead.map(({ address }) => `"mailto:${address.replaceAll("\"", "")}"`).join(",");
  const status = instead.length > 0 ? `;PARTSTAT=DELEGATED;DELEGATED-TO=${to}` : `;PARTSTAT=${partStatOf(response)}`;
  lines.push(same ?? `ATTENDEE${parameter("CN", from.name)}${status}${sentBy(writerOf(item, from, resolve))}` +
    `:mailto:${from.address}`);
  for (const one of instead) {
    const origin = `;DELEGATED-FROM="mailto:${from.address.replaceAll("\"", "")}"`;
    lines.push(keptLine(attendees, one, () => true) ??
      `ATTENDEE${parameter("CN", one.name)}${origin}:mailto:${one.address}`);
  }
  return lines;
}

const delegatedOf = (property: Property): number =>
  ((property.parameters.get("PARTSTAT") ?? "").toUpperCase() === "DELEGATED" ? responses.declined : responses.none);

/** ORGANIZER of what goes to him. */
function toOrganizer(item: ItemBag, kept: Component, resolve: ResolveAddress): string[] {
  const row = item.recipients[0];
  const to = row === undefined ? null : personIn(row, resolve);
  const named = propertyOfName(kept, "ORGANIZER");
  if (to !== null) return [organizerLine(to, kept, null, false)];
  return named === undefined ? [] : [named.line];
}

/** Who asks for the meeting as it is now. RFC 5546 §3.2.6 */
export function refreshLines(item: ItemBag, kept: Component, resolve: ResolveAddress): string[] {
  const from = getPerson(item, "representing", resolve);
  const asks = isWritable(from) ? [`ATTENDEE${parameter("CN", from.name)}:mailto:${from.address}`] : [];
  return [...toOrganizer(item, kept, resolve), ...asks];
}

/** Whom an invitation was sent on to. [MS-OXOCAL] 2.2.9.3 */
export function forwardLines(item: ItemBag, kept: Component, resolve: ResolveAddress): string[] {
  const people = namesIn(item, forwardedName).filter(isWritable);
  return [...toOrganizer(item, kept, resolve),
    ...people.map(({ name, address }) => `ATTENDEE${parameter("CN", name)}:mailto:${address}`)];
}
