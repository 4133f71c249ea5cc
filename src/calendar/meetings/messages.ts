/** Meeting messages made of what a calendar holds. [MS-OXOCAL] 2.2.5 to 2.2.9 */
import { properties } from "#props/registry.ts";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import { isException } from "#convert/ical/attachments.ts";
import { dropKept } from "#convert/ical/kept.ts";
import { delegatedName, forwardedName, namesIn, setNames } from "#convert/ical/people-read.ts";
import { newRecipient, setPerson } from "#convert/mime/people.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { changeTime } from "#calendar/meetings/decision.ts";
import {
  addRow, attendeesOf, copyItem, organizerOf, removeProperty, resolverOf, rowPerson, setOrganizer,
  takeMeeting, takeProperty,
} from "#calendar/meetings/parts.ts";
import {
  auxiliaryFlags, busyStatuses, meetingTypes, messageClasses, responses, stateFlags, subjectPrefixes,
} from "#calendar/meetings/values.ts";
import type { ItemBag } from "#convert/item.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type { MeetingContext } from "#calendar/meetings/decision.ts";
import type { Answer } from "#calendar/meetings/values.ts";

const p = properties;

/** [MS-OXOMSG] 2.2.1.60, [MS-OXCMSG] 2.2.1.10 */
export function setSubject(item: ItemBag, prefix: string): void {
  const given = getProperty(item, p.PidTagNormalizedSubject) ?? getProperty(item, p.PidTagSubject) ?? "";
  const plain = given.startsWith(prefix) ? given.slice(prefix.length) : given;
  setProperty(item, p.PidTagSubject, prefix + plain);
  setProperty(item, p.PidTagSubjectPrefix, prefix);
  setProperty(item, p.PidTagNormalizedSubject, plain);
  setProperty(item, p.PidTagConversationTopic, plain);
}

/** Says who the message is from, and who wrote it for him. [MS-OXOMSG] 2.2.1.53, [MS-OXODLGT] 2.2.5 */
export function setAuthor(item: ItemBag, person: DisplayAddress, by: DisplayAddress | undefined): void {
  setPerson(item, "representing", person);
  setPerson(item, "sender", by ?? person);
}

interface MessageParts {
  readonly sequence: number;
  readonly now: number;
  readonly resolve: NonNullable<MeetingContext["resolve"]>;
  /** Who writes for the organizer. */
  readonly by: DisplayAddress | undefined;
}

/** What requests and cancellations have in common. [MS-OXOCAL] 2.2.5 */
function organizerMessage(meeting: ItemBag, { sequence, now, resolve, by }: MessageParts): ItemBag {
  const message = newItem();
  takeMeeting(message, meeting);
  message.recipients.push(...copyItem(meeting).recipients);
  const organizer = organizerOf(meeting, resolve);
  if (organizer !== null) {
    setOrganizer(message, organizer, resolve);
    setAuthor(message, organizer, by);
  }
  setProperty(message, p.PidLidAppointmentSequence, sequence);
  setProperty(message, p.PidLidOwnerCriticalChange, changeTime(now));
  setProperty(message, p.PidLidAttendeeCriticalChange, changeTime(now));
  setProperty(message, p.PidLidWhere, getProperty(meeting, p.PidLidLocation));
  setProperty(message, p.PidTagClientSubmitTime, toFileTime(now));
  setProperty(message, p.PidLidAppointmentMessageClass, messageClasses.appointment);
  return message;
}

/** The version of a changed occurrence inside its series is what its last message had. [MS-OXOCAL] 3.1.5.4 */
function tellOccurrenceVersions(message: ItemBag): void {
  for (const { embedded } of message.attachments.filter(isException)) {
    if (embedded === undefined) continue;
    const last = getProperty(embedded, p.PidLidAppointmentLastSequence);
    if (last !== undefined) setProperty(embedded, p.PidLidAppointmentSequence, last);
    setProperty(embedded, p.PidLidIntendedBusyStatus, getProperty(embedded, p.PidLidBusyStatus));
    for (const property of [p.PidLidAppointmentLastSequence, p.PidNameKeywords, p.PidLidClientIntent] as const) {
      removeProperty(embedded, property);
    }
  }
}

export interface RequestParts extends MessageParts {
  readonly type: number;
  readonly highlight: number;
  /** How the meeting was when its attendees heard of it last. */
  readonly before?: ItemBag;
}

/** [MS-OXOCAL] 2.2.6, 3.1.4.7.2.1, 3.1.4.7.3 */
export function requestMessage(meeting: ItemBag, parts: RequestParts): ItemBag {
  const message = organizerMessage(meeting, parts);
  const { type, highlight, before } = parts;
  setProperty(message, p.PidTagMessageClass, messageClasses.request);
  setProperty(message, p.PidLidMeetingType, type);
  setProperty(message, p.PidLidAppointmentStateFlags, stateFlags.meeting | stateFlags.received);
  setProperty(message, p.PidLidResponseStatus, responses.notResponded);
  const busy = getProperty(meeting, p.PidLidBusyStatus) ?? busyStatuses.BUSY;
  setProperty(message, p.PidLidIntendedBusyStatus, busy);
  setProperty(message, p.PidLidBusyStatus, busy === busyStatuses.FREE ? busy : busyStatuses.TENTATIVE);
  const isAsked = getProperty(meeting, p.PidTagResponseRequested) ?? true;
  setProperty(message, p.PidTagResponseRequested, isAsked);
  setProperty(message, p.PidTagReplyRequested, isAsked);
  tellOccurrenceVersions(message);
  if (type === meetingTypes.request || before === undefined) return message;
  setProperty(message, p.PidLidChangeHighlight, highlight);
  setProperty(message, p.PidLidOldWhenStartWhole, getProperty(before, p.PidLidAppointmentStartWhole));
  setProperty(message, p.PidLidOldWhenEndWhole, getProperty(before, p.PidLidAppointmentEndWhole));
  setProperty(message, p.PidLidOldLocation, getProperty(before, p.PidLidLocation));
  return message;
}

/** [MS-OXOCAL] 2.2.8, 3.1.4.9.1 */
export function cancelMessage(meeting: ItemBag, parts: MessageParts, only?: ReadonlySet<string>): ItemBag {
  const message = organizerMessage(meeting, parts);
  if (only !== undefined) {
    const rows = message.recipients.filter((row, index) =>
      index === 0 || only.has(rowPerson(row, parts.resolve)?.address.toLowerCase() ?? ""));
    message.recipients.splice(0, message.recipients.length, ...rows);
  }
  setProperty(message, p.PidTagMessageClass, messageClasses.cancel);
  setProperty(message, p.PidLidMeetingType, meetingTypes.empty);
  setProperty(message, p.PidLidAppointmentStateFlags, stateFlags.meeting | stateFlags.received | stateFlags.canceled);
  setProperty(message, p.PidLidResponseStatus, responses.notResponded);
  setProperty(message, p.PidLidBusyStatus, busyStatuses.FREE);
  setProperty(message, p.PidLidIntendedBusyStatus, busyStatuses.FREE);
  setProperty(message, p.PidTagResponseRequested, false);
  setProperty(message, p.PidTagReplyRequested, false);
  setProperty(message, p.PidLidReminderSet, false);
  setSubject(message, subjectPrefixes.cancel);
  tellOccurrenceVersions(message);
  return message;
}

/** Another time that an attendee would rather have, UTC milliseconds. [MS-OXOCAL] 2.2.7.3 to 2.2.7.5 */
export interface Proposal {
  readonly startMs: number;
  readonly endMs: number;
}

export interface ResponseParts {
  readonly answer: Answer;
  readonly me: DisplayAddress;
  readonly by: DisplayAddress | undefined;
  readonly now: number;
  readonly resolve: NonNullable<MeetingContext["resolve"]>;
  /** Plain text to the organizer. */
  readonly comment: string | undefined;
  readonly proposal: Proposal | undefined;
}

const answers = {
  accept: responses.accepted, decline: responses.declined, tentative: responses.tentative,
} as const;

export const responseOfAnswer = (answer: Answer): number => answers[answer];

/** The answer to one meeting or occurrence; null when nobody called it. [MS-OXOCAL] 2.2.7, 3.1.4.8 */
export function responseMessage(meeting: ItemBag, parts: ResponseParts): ItemBag | null {
  const { answer, me, by, now, resolve, comment, proposal } = parts;
  const organizer = organizerOf(meeting, resolve);
  if (organizer === null) return null;
  const message = newItem();
  takeMeeting(message, meeting);
  dropKept(message);
  message.attachments.length = 0;
  for (const property of [p.PidTagHtml, p.PidTagRtfCompressed, p.PidTagRtfInSync, p.PidTagBody, p.PidTagNativeBody,
    p.PidTagInternetCodepage, p.PidLidAppointmentRecur, p.PidLidReminderSet, p.PidLidReminderDelta,
    p.PidLidIntendedBusyStatus, p.PidLidAppointmentNotAllowPropose, p.PidTagResponseRequested,
    p.PidTagReplyRequested] as const) removeProperty(message, property);
  setProperty(message, p.PidTagMessageClass, messageClasses[answer]);
  setProperty(message, p.PidTagHasAttachments, false);
  setProperty(message, p.PidLidRecurring, false);
  setProperty(message, p.PidLidIsRecurring, getProperty(meeting, p.PidLidIsRecurring) ??
    getProperty(meeting, p.PidLidRecurring) ?? false);
  setProperty(message, p.PidLidResponseStatus, responseOfAnswer(answer));
  setProperty(message, p.PidLidAppointmentStateFlags, stateFlags.meeting | stateFlags.received);
  setProperty(message, p.PidLidBusyStatus, getProperty(meeting, p.PidLidBusyStatus));
  setProperty(message, p.PidLidAttendeeCriticalChange, changeTime(now));
  setProperty(message, p.PidLidWhere, getProperty(meeting, p.PidLidLocation));
  setProperty(message, p.PidTagClientSubmitTime, toFileTime(now));
  setProperty(message, p.PidTagBody, comment === "" ? undefined : comment);
  setProperty(message, p.PidLidIsSilent, comment === undefined || comment === "");
  setAuthor(message, me, by);
  message.recipients.push(newRecipient(1, organizer, 0));
  setSubject(message, proposal === undefined ? subjectPrefixes[answer] : subjectPrefixes.proposal);
  if (proposal === undefined) return message;
  const minutes = Math.max(0, Math.floor((proposal.endMs - proposal.startMs) / 60_000));
  setProperty(message, p.PidLidAppointmentCounterProposal, true);
  setProperty(message, p.PidLidAppointmentProposedStartWhole, toFileTime(proposal.startMs));
  setProperty(message, p.PidLidAppointmentProposedEndWhole, toFileTime(proposal.endMs));
  setProperty(message, p.PidLidAppointmentProposedDuration, minutes);
  return message;
}

export interface ForwardParts {
  readonly forwarder: DisplayAddress;
  readonly to: readonly DisplayAddress[];
  readonly context: MeetingContext;
  readonly comment: string | undefined;
}

/** The invitation as it is, still the organizer's, sent on by an attendee. [MS-OXOCAL] 2.2.6.3, 3.1.4.7.6 */
export function forwardedRequest(meeting: ItemBag, { forwarder, to, context, comment }: ForwardParts): ItemBag {
  const resolve = resolverOf(context);
  const message = newItem();
  takeMeeting(message, meeting);
  message.recipients.push(...copyItem(meeting).recipients);
  const organizer = organizerOf(meeting, resolve);
  if (organizer !== null) setOrganizer(message, organizer, resolve);
  setAuthor(message, organizer ?? forwarder, forwarder);
  const known = attendeesOf(message, resolve);
  for (const person of to) if (!known.has(person.address.toLowerCase())) addRow(message, 1, person);
  setProperty(message, p.PidTagMessageClass, messageClasses.request);
  setProperty(message, p.PidLidAppointmentMessageClass, messageClasses.appointment);
  setProperty(message, p.PidLidMeetingType, meetingTypes.request);
  setProperty(message, p.PidLidResponseStatus, responses.notResponded);
  setProperty(message, p.PidLidAppointmentStateFlags, stateFlags.meeting | stateFlags.received);
  const intended = getProperty(meeting, p.PidLidIntendedBusyStatus) ?? getProperty(meeting, p.PidLidBusyStatus);
  setProperty(message, p.PidLidIntendedBusyStatus, intended ?? busyStatuses.BUSY);
  setProperty(message, p.PidLidBusyStatus, intended === busyStatuses.FREE ? intended : busyStatuses.TENTATIVE);
  setProperty(message, p.PidLidAttendeeCriticalChange, changeTime(context.now));
  setProperty(message, p.PidTagClientSubmitTime, toFileTime(context.now));
  setProperty(message, p.PidLidForwardInstance, getProperty(meeting, p.PidLidIsException) === true);
  setProperty(message, p.PidLidAppointmentAuxiliaryFlags, auxiliaryFlags.forwarded);
  setProperty(message, p.PidTagResponseRequested, true);
  setProperty(message, p.PidTagReplyRequested, true);
  if (comment !== undefined && comment !== "") {
    const body = getProperty(meeting, p.PidTagBody);
    setProperty(message, p.PidTagBody, body === undefined ? comment : `${comment}\r\n\r\n${body}`);
    for (const property of [p.PidTagHtml, p.PidTagRtfCompressed] as const) removeProperty(message, property);
  }
  setSubject(message, subjectPrefixes.forward);
  return message;
}

/** Tells the organizer who was asked besides. [MS-OXOCAL] 2.2.9 */
export function forwardNotification(meeting: ItemBag, { forwarder, to, context }: ForwardParts): ItemBag | null {
  const organizer = organizerOf(meeting, resolverOf(context));
  if (organizer === null) return null;
  const message = newItem();
  takeMeeting(message, meeting);
  dropKept(message);
  message.attachments.length = 0;
  for (const property of [p.PidTagHtml, p.PidTagRtfCompressed, p.PidLidAppointmentRecur] as const) {
    removeProperty(message, property);
  }
  setProperty(message, p.PidTagMessageClass, messageClasses.forwarded);
  setProperty(message, p.PidTagHasAttachments, false);
  setProperty(message, p.PidLidAppointmentStateFlags, stateFlags.meeting | stateFlags.received);
  setProperty(message, p.PidLidAttendeeCriticalChange, changeTime(context.now));
  setProperty(message, p.PidTagClientSubmitTime, toFileTime(context.now));
  takeProperty(message, meeting, p.PidLidLocation);
  setAuthor(message, forwarder, undefined);
  message.recipients.push(newRecipient(1, organizer, 0));
  setNames(message, forwardedName, to);
  const people = to.map(({ name, address }) => (name === "" ? address : `${name} <${address}>`));
  const who = forwarder.name === "" ? forwarder.address : forwarder.name;
  const told = [`${who} has forwarded your meeting request to:`, "", ...people, ""];
  setProperty(message, p.PidTagBody, told.join("\r\n"));
  setSubject(message, subjectPrefixes.forwarded);
  return message;
}

/** Whom a forward notification names. [MS-OXOCAL] 2.2.9.3 */
export const forwardedTo = (message: ItemBag): DisplayAddress[] => namesIn(message, forwardedName);

/** Whom an attendee sent in his place. RFC 5546 §3.2.2.3 */
export const delegatedIn = (message: ItemBag): DisplayAddress[] => namesIn(message, delegatedName);
