/** Pieces of an item that every rule about meetings looks at. */
import { Buffer } from "node:buffer";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import { getProperty, namedKey, setProperty } from "#convert/item.ts";
import { resolveDefault } from "#convert/ical/event-write.ts";
import { exceptionDateOf, withExceptionDate } from "#convert/ical/global-object-id.ts";
import { getPerson, newRecipient, setPerson } from "#convert/mime/people.ts";
import { attendeeFlags, messageClasses, responses, stateFlags } from "#calendar/meetings/values.ts";
import { attendeesMax } from "#calendar/meetings/decision.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Property } from "#props/registry.ts";
import type { ItemAttachment, ItemBag, ItemObject, ItemRecipient, NamedValue } from "#convert/item.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { PropertyTag } from "#props/types.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type { MeetingContext, Owner, Version } from "#calendar/meetings/decision.ts";

const p = properties;

const copyObject = (object: ItemObject): ItemObject => ({ bag: new Map(object.bag), named: new Map(object.named) });

/** Changed occurrences are copied too; values, attachments' bytes among them, are shared. */
export function copyItem(item: ItemBag): ItemBag {
  return {
    ...copyObject(item), recipients: item.recipients.map(copyObject),
    attachments: item.attachments.map((one): ItemAttachment => ({
      ...one, ...copyObject(one), ...(one.embedded === undefined ? {} : { embedded: copyItem(one.embedded) }),
    })),
  };
}

export function removeProperty(object: ItemObject, property: Property): void {
  if (property.tag !== undefined) object.bag.delete(property.tag);
  else object.named.delete(namedKey(property.named));
}

/** Makes a property what it is in another object, absent included. */
export function takeProperty(object: ItemObject, from: ItemObject, property: Property): void {
  const value = getProperty(from, property);
  if (value === undefined) removeProperty(object, property);
  else setProperty(object, property, value);
}

export const sameAddress = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

export const isOwner = ({ person, aliases = [] }: Owner, address: string): boolean =>
  [person.address, ...aliases].some((own) => sameAddress(own, address));

export const resolverOf = ({ resolve }: MeetingContext): ResolveAddress =>
  (type, address) => resolve?.(type, address) ?? resolveDefault(type, address);

/** PidLidCleanGlobalObjectId; undefined for what is no meeting of anybody. [MS-OXOCAL] 2.2.1.28 */
export function meetingIdOf(item: ItemBag): Uint8Array | undefined {
  const id = getProperty(item, p.PidLidCleanGlobalObjectId) ?? getProperty(item, p.PidLidGlobalObjectId);
  return id === undefined || id.length === 0 ? undefined : withExceptionDate(id);
}

export function meetingKeyOf(item: ItemBag): string | undefined {
  const id = meetingIdOf(item);
  return id === undefined ? undefined : Buffer.from(id).toString("hex");
}

/** Midnight of the day that names an occurrence; undefined for a series or single meeting. [MS-OXOCAL] 2.2.1.27 */
export function occurrenceDayOf(item: ItemBag): LocalMinutes | undefined {
  const id = getProperty(item, p.PidLidGlobalObjectId);
  return id === undefined ? undefined : exceptionDateOf(id);
}

/** What the item knows of its organizer. [MS-OXOCAL] 3.1.5.2 */
export const versionOf = (item: ItemBag): Version => ({
  sequence: getProperty(item, p.PidLidAppointmentSequence) ?? 0,
  change: getProperty(item, p.PidLidOwnerCriticalChange) ?? 0n,
});

const stateOf = (item: ItemBag): number => getProperty(item, p.PidLidAppointmentStateFlags) ?? 0;
/** Received from an organizer. [MS-OXOCAL] 2.2.1.10 */
export const isReceived = (item: ItemBag): boolean => (stateOf(item) & stateFlags.received) !== 0;
export const isCanceled = (item: ItemBag): boolean => (stateOf(item) & stateFlags.canceled) !== 0;

export const flagsOf = (row: ItemRecipient): number => getProperty(row, p.PidTagRecipientFlags) ?? 0;
export const isOrganizerRow = (row: ItemRecipient): boolean => (flagsOf(row) & attendeeFlags.organizer) !== 0;
export const trackOf = (row: ItemRecipient): number => getProperty(row, p.PidTagRecipientTrackStatus) ?? responses.none;

/** A row that stands for somebody whom the occurrence no longer concerns. [MS-OXOCAL] 2.2.4.10.1 */
export const isGone = (row: ItemRecipient): boolean => (flagsOf(row) & attendeeFlags.exceptionalDeleted) !== 0;

export const rowPerson = (row: ItemRecipient, resolve: ResolveAddress): DisplayAddress | null =>
  getPerson(row, "recipient", resolve);

export function rowOf(item: ItemBag, address: string, resolve: ResolveAddress): ItemRecipient | undefined {
  return item.recipients.find((row) => sameAddress(rowPerson(row, resolve)?.address ?? "", address));
}

/** Whose meeting it is. [MS-OXOCAL] 2.2.4.10.1 */
export function organizerOf(item: ItemBag, resolve: ResolveAddress): DisplayAddress | null {
  const row = item.recipients.find(isOrganizerRow);
  return (row && rowPerson(row, resolve)) ?? getPerson(item, "representing", resolve);
}

/** Everybody who is invited, by address in lower case. */
export function attendeesOf(item: ItemBag, resolve: ResolveAddress): Map<string, ItemRecipient> {
  const found = new Map<string, ItemRecipient>();
  const organizer = organizerOf(item, resolve)?.address ?? "";
  for (const row of item.recipients) {
    if (isOrganizerRow(row) || isGone(row) || found.size >= attendeesMax) continue;
    const person = rowPerson(row, resolve);
    if (person === null || sameAddress(person.address, organizer)) continue;
    found.set(person.address.toLowerCase(), row);
  }
  return found;
}

export function addRow(item: ItemBag, type: 1 | 2 | 3, person: DisplayAddress): ItemRecipient {
  const row = newRecipient(type, person, item.recipients.length);
  setProperty(row, p.PidTagRecipientFlags, attendeeFlags.sendable);
  item.recipients.push(row);
  return row;
}

/** The organizer stands first in the recipients of the meeting. [MS-OXOCAL] 2.2.4.10 */
export function setOrganizer(item: ItemBag, organizer: DisplayAddress, resolve: ResolveAddress): void {
  setPerson(item, "representing", organizer);
  setPerson(item, "sender", organizer);
  const others = item.recipients.filter((row) => !isOrganizerRow(row) &&
    !sameAddress(rowPerson(row, resolve)?.address ?? "", organizer.address));
  const row = newRecipient(1, organizer, 0);
  setProperty(row, p.PidTagRecipientFlags, attendeeFlags.sendable | attendeeFlags.organizer);
  setProperty(row, p.PidTagRecipientTrackStatus, responses.organized);
  item.recipients.splice(0, item.recipients.length, row, ...others);
  item.recipients.forEach((one, index) => setProperty(one, p.PidTagRowid, index));
}

/** [MS-OXOCAL] 2.2.1.16 to 2.2.1.18 */
export function setAttendeeTexts(item: ItemBag, resolve: ResolveAddress): void {
  const names: [string[], string[], string[]] = [[], [], []];
  for (const row of attendeesOf(item, resolve).values()) {
    const person = rowPerson(row, resolve);
    const type = (getProperty(row, p.PidTagRecipientType) ?? 1) & 0xf;
    if (person === null) continue;
    names[Math.min(Math.max(type, 1), 3) - 1]!.push(person.name === "" ? person.address : person.name);
  }
  const [to, cc] = names.map((list) => list.join("; ")) as [string, string, string];
  setProperty(item, p.PidLidToAttendeesString, to);
  setProperty(item, p.PidLidCcAttendeesString, cc);
  setProperty(item, p.PidLidAllAttendeesString, names.flat().join("; "));
}

const bodyTags = [p.PidTagBody, p.PidTagHtml, p.PidTagRtfCompressed, p.PidTagRtfInSync, p.PidTagNativeBody,
  p.PidTagInternetCodepage] as const;

/** Tagged properties that say what a meeting is: the same in a calendar and in a message. [MS-OXOCAL] 2.2.1 */
const sharedTags: readonly PropertyTag[] = [
  ...bodyTags, p.PidTagSubject, p.PidTagNormalizedSubject, p.PidTagSubjectPrefix, p.PidTagConversationTopic,
  p.PidTagMessageCodepage, p.PidTagMessageLocaleId, p.PidTagImportance, p.PidTagPriority, p.PidTagSensitivity,
  p.PidTagStartDate, p.PidTagEndDate, p.PidTagOwnerAppointmentId, p.PidTagResponseRequested, p.PidTagReplyRequested,
  p.PidTagHasAttachments,
].map(({ tag }) => tag);

/** What belongs to one calendar or one message alone. [MS-OXOCAL] 2.2.4, 2.2.5, 2.2.6, 2.2.7 */
const unshared = new Set([
  p.PidLidFInvited, p.PidLidResponseStatus, p.PidLidBusyStatus, p.PidLidAppointmentStateFlags,
  p.PidLidAppointmentLastSequence, p.PidLidAppointmentReplyTime, p.PidLidAppointmentReplyName,
  p.PidLidAppointmentProposalNumber, p.PidLidAppointmentCounterProposal, p.PidLidAppointmentProposedStartWhole,
  p.PidLidAppointmentProposedEndWhole, p.PidLidAppointmentProposedDuration, p.PidLidOriginalStoreEntryId,
  p.PidLidFOthersAppointment, p.PidLidAppointmentAuxiliaryFlags, p.PidLidAppointmentUnsendableRecipients,
  p.PidLidMeetingType, p.PidLidChangeHighlight, p.PidLidOldWhenStartWhole, p.PidLidOldWhenEndWhole,
  p.PidLidOldLocation, p.PidLidForwardInstance, p.PidLidAppointmentMessageClass, p.PidLidAttendeeCriticalChange,
  p.PidLidIsSilent, p.PidLidDelegateMail, p.PidLidForwardNotificationRecipients, p.PidLidAppointmentColor,
  p.PidLidPromptSendUpdate,
].map(({ named }) => namedKey(named)));

const ownCommon = new Set([
  p.PidLidCommonStart, p.PidLidCommonEnd, p.PidLidPrivate, p.PidLidReminderSet, p.PidLidReminderDelta,
].map(({ named }) => namedKey(named)));

const doNotForward = namedKey(p.PidNameMeetingDoNotForward.named);

/** Lines of a calendar that no property tells, and the like: see `convert/ical/kept.ts`. */
const isKeptLine = ({ name }: NamedValue): boolean =>
  typeof name.id === "string" && name.id.startsWith("urn:outpost:icalendar:");

function isShared(key: string, value: NamedValue): boolean {
  if (unshared.has(key)) return false;
  const { guid } = value.name;
  if (guid === propertySets.PSETID_Appointment.guid || guid === propertySets.PSETID_Meeting.guid) return true;
  return ownCommon.has(key) || key === doNotForward || isKeptLine(value);
}

/** Takes over what a meeting is, all of it: what the source does not say is gone. [MS-OXOCAL] 3.1.4.7.2.2 */
export function takeMeeting(target: ItemBag, source: ItemBag): void {
  for (const tag of sharedTags) {
    const value = source.bag.get(tag);
    if (value === undefined) target.bag.delete(tag);
    else target.bag.set(tag, value);
  }
  for (const [key, value] of target.named) if (isShared(key, value)) target.named.delete(key);
  for (const [key, value] of source.named) if (isShared(key, value)) target.named.set(key, value);
  target.attachments.splice(0, target.attachments.length, ...copyItem(source).attachments);
}

export const isResponse = (item: ItemBag): boolean =>
  /^IPM\.Schedule\.Meeting\.Resp\./i.test(getProperty(item, p.PidTagMessageClass) ?? "");

export function classIs(item: ItemBag, kind: keyof typeof messageClasses): boolean {
  return (getProperty(item, p.PidTagMessageClass) ?? "").toLowerCase() === messageClasses[kind].toLowerCase();
}
