/** What organizer and attendee say beside requests and answers. RFC 5546 §3.2.6, §3.2.8 */
import { Fault } from "#base/fault.ts";
import { properties } from "#props/registry.ts";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import { declineCounterMethod } from "#convert/ical/mime-plug.ts";
import { dropKept } from "#convert/ical/kept.ts";
import { newRecipient } from "#convert/mime/people.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { decided } from "#calendar/meetings/decision.ts";
import { setAuthor, setSubject } from "#calendar/meetings/messages.ts";
import { seriesItemOf } from "#calendar/meetings/occurrences.ts";
import {
  copyItem, isReceived, organizerOf, removeProperty, resolverOf, rowOf, rowPerson, setOrganizer, takeMeeting,
} from "#calendar/meetings/parts.ts";
import { messageClasses, subjectPrefixes } from "#calendar/meetings/values.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { ItemBag } from "#convert/item.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type { Decision } from "#calendar/meetings/decision.ts";
import type { OrganizerContext } from "#calendar/meetings/organize.ts";
import type { AttendeeContext } from "#calendar/meetings/receive.ts";

const p = properties;

export interface ProposalContext extends OrganizerContext {
  /** Whose proposal. */
  readonly attendee: string;
  /** Midnight of the day of the one occurrence that it is for. */
  readonly day?: LocalMinutes;
  readonly comment?: string;
}

/** Nobody's proposal any more. [MS-OXOCAL] 2.2.4.10.4 to 2.2.4.10.6 */
function clearProposal(meeting: ItemBag, row: ItemBag["recipients"][number]): void {
  for (const property of [p.PidTagRecipientProposed, p.PidTagRecipientProposedStartTime,
    p.PidTagRecipientProposedEndTime] as const) removeProperty(row, property);
  const left = meeting.recipients.filter((one) => getProperty(one, p.PidTagRecipientProposed) === true).length;
  setProperty(meeting, p.PidLidAppointmentProposalNumber, left);
  setProperty(meeting, p.PidLidAppointmentCounterProposal, left > 0);
}

/**
 * The organizer keeps the time that there is: the proposal is gone, the attendee's answer stays, and he is told. Throws
 * Fault `notFound` when there is no proposal, `notAllowed` for a meeting of another. RFC 5546 §3.2.8
 */
export function declineProposal(meeting: ItemBag, context: ProposalContext): Decision {
  if (isReceived(meeting)) throw new Fault("notAllowed", "only its organizer can decline a proposal");
  const { attendee, day, now, organizer, by, comment } = context;
  const resolve = resolverOf(context);
  const series = day === undefined ? undefined : seriesItemOf(meeting);
  const one = day === undefined ? copyItem(meeting) : series?.occurrenceOn(day);
  const row = one === undefined ? undefined : rowOf(one, attendee, resolve);
  const person = row === undefined ? null : rowPerson(row, resolve);
  if (one === undefined || row === undefined || person === null ||
    getProperty(row, p.PidTagRecipientProposed) !== true) {
    throw new Fault("notFound", "the attendee has proposed no other time");
  }
  clearProposal(one, row);
  const message = newItem();
  takeMeeting(message, one);
  dropKept(message);
  message.attachments.length = 0;
  for (const property of [p.PidLidAppointmentRecur, p.PidTagHtml, p.PidTagRtfCompressed, p.PidTagBody] as const) {
    removeProperty(message, property);
  }
  message.recipients.push(newRecipient(1, person, 0));
  setOrganizer(message, organizer, resolve);
  setAuthor(message, organizer, by);
  setProperty(message, p.PidTagMessageClass, messageClasses.note);
  setProperty(message, p.PidNameCalendarMethod, declineCounterMethod);
  setProperty(message, p.PidTagHasAttachments, false);
  setProperty(message, p.PidTagClientSubmitTime, toFileTime(now));
  setProperty(message, p.PidTagBody, comment === "" ? undefined : comment);
  setSubject(message, subjectPrefixes.proposalDeclined);
  const item = day === undefined || series === undefined ? one : series.withOccurrence(day, one);
  return decided("sent", {
    messages: [{ item: message, to: [person] }], calendar: [{ kind: "update", before: meeting, item }],
  });
}

/**
 * Asks the organizer for the meeting as it is now. Throws Fault `notAllowed` for one's own, and one that nobody calls.
 * RFC 5546 §3.2.6
 */
export function askForMeeting(meeting: ItemBag, context: AttendeeContext & { readonly by?: DisplayAddress }): Decision {
  const organizer = organizerOf(meeting, resolverOf(context));
  if (!isReceived(meeting) || organizer === null) {
    throw new Fault("notAllowed", "an organizer has the meeting as it is");
  }
  const message = newItem();
  for (const property of [p.PidLidGlobalObjectId, p.PidLidCleanGlobalObjectId, p.PidLidExceptionReplaceTime] as const) {
    setProperty(message, property, getProperty(meeting, property));
  }
  const subject = getProperty(meeting, p.PidTagNormalizedSubject) ?? getProperty(meeting, p.PidTagSubject) ?? "";
  setProperty(message, p.PidTagSubject, subject);
  setProperty(message, p.PidTagMessageClass, messageClasses.refresh);
  setProperty(message, p.PidTagClientSubmitTime, toFileTime(context.now));
  setProperty(message, p.PidLidAttendeeCriticalChange, toFileTime(context.now));
  setAuthor(message, context.me.person, context.by);
  message.recipients.push(newRecipient(1, organizer, 0));
  return decided("sent", { messages: [{ item: message, to: [organizer] }] });
}
