/**
 * A request that waits for a delegate, as a request of the resource itself: whatever program the delegate has, its
 * answer comes to the resource.
 */
import { messageClasses, meetingTypes } from "#calendar/meetings/values.ts";
import type { MeetingContext, OutgoingMessage } from "#calendar/meetings/decision.ts";
import { addRow, copyItem, organizerOf, removeProperty, resolverOf, setOrganizer } from "#calendar/meetings/parts.ts";
import { dropKept } from "#convert/ical/kept.ts";
import { isException } from "#convert/ical/attachments.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { properties } from "#props/registry.ts";

const p = properties;

export interface ApprovalParts {
  readonly resource: DisplayAddress;
  /** Addresses of the delegates. */
  readonly to: readonly string[];
  /** Why it waits. */
  readonly text: string;
  readonly context: MeetingContext;
}

const nameOf = ({ name, address }: DisplayAddress): string => (name === "" ? address : `${name} <${address}>`);

/** [MS-OXOCAL] 2.2.6 */
export function approvalMessage(meeting: ItemBag, { resource, to, text, context }: ApprovalParts): OutgoingMessage {
  const message = copyItem(meeting);
  const asks = organizerOf(meeting, resolverOf(context));
  const subject = getProperty(meeting, p.PidTagSubject) ?? "";
  dropKept(message);
  for (const { embedded } of message.attachments.filter(isException)) {
    if (embedded === undefined) continue;
    dropKept(embedded);
    embedded.recipients.length = 0;
  }
  message.attachments.splice(0, message.attachments.length, ...message.attachments.filter(isException));
  message.recipients.length = 0;
  setOrganizer(message, resource, resolverOf(context));
  const people = to.map((address): DisplayAddress => ({ name: "", address }));
  for (const person of people) addRow(message, 1, person);
  for (const property of [p.PidTagHtml, p.PidTagRtfCompressed, p.PidTagSubjectPrefix, p.PidTagNormalizedSubject,
    p.PidTagNativeBody, p.PidTagInternetMessageId, p.PidTagClientSubmitTime] as const) {
    removeProperty(message, property);
  }
  setProperty(message, p.PidTagMessageClass, messageClasses.request);
  setProperty(message, p.PidLidMeetingType, meetingTypes.request);
  setProperty(message, p.PidTagSubject, `Approve for ${resource.name || resource.address}: ${subject}`);
  setProperty(message, p.PidTagBody, [
    `${asks === null ? "Somebody" : nameOf(asks)} wants to book ${nameOf(resource)}.`, "", text, "",
    "Accept or decline this request; your answer decides.", "",
  ].join("\r\n"));
  setProperty(message, p.PidLidIntendedBusyStatus, 0);
  setProperty(message, p.PidLidBusyStatus, 0);
  setProperty(message, p.PidTagResponseRequested, true);
  setProperty(message, p.PidTagReplyRequested, true);
  setProperty(message, p.PidLidReminderSet, false);
  return { item: message, to: people };
}
