/** Words and bits of meetings and their messages. [MS-OXOCAL] 2.2 */
export { busyStatuses, stateFlags } from "#convert/ical/event-read.ts";
export { responses } from "#convert/ical/people-read.ts";

/** PidTagMessageClass. [MS-OXOCAL] 2.2.5, 2.2.9 */
export const messageClasses = {
  appointment: "IPM.Appointment", request: "IPM.Schedule.Meeting.Request", cancel: "IPM.Schedule.Meeting.Canceled",
  accept: "IPM.Schedule.Meeting.Resp.Pos", decline: "IPM.Schedule.Meeting.Resp.Neg",
  tentative: "IPM.Schedule.Meeting.Resp.Tent", forwarded: "IPM.Schedule.Meeting.Notification.Forward",
  /** Not of Exchange: an attendee asks for the meeting as it is. RFC 5546 §3.2.6 */
  refresh: "IPM.Schedule.Meeting.Refresh", note: "IPM.Note",
} as const;

/** PidLidMeetingType. [MS-OXOCAL] 2.2.6.5 */
export const meetingTypes = {
  empty: 0, request: 1, full: 0x1_0000, informational: 0x2_0000, outOfDate: 0x8_0000, delegatorCopy: 0x10_0000,
} as const;

/** PidLidChangeHighlight. [MS-OXOCAL] 2.2.6.2 */
export const highlights = {
  start: 0x1, end: 0x2, recurrence: 0x4, location: 0x8, subject: 0x10, required: 0x20, optional: 0x40, body: 0x80,
  response: 0x200, allowPropose: 0x400,
} as const;

/** PidTagRecipientFlags. [MS-OXOCAL] 2.2.4.10.1 */
export const attendeeFlags = {
  sendable: 0x1, organizer: 0x2, exceptionalResponse: 0x10, exceptionalDeleted: 0x20, original: 0x100,
} as const;

/** PidLidAppointmentAuxiliaryFlags. [MS-OXOCAL] 2.2.1.3 */
export const auxiliaryFlags = { copied: 1, forceResponse: 2, forwarded: 4 } as const;

/** PidLidClientIntent. [MS-OXOCAL] 2.2.2.4 */
export const intents = {
  manager: 0x1, delegate: 0x2, respondedTentative: 0x10, respondedAccept: 0x20, respondedDecline: 0x40,
  respondedExceptionDecline: 0x400, canceled: 0x800, exceptionCanceled: 0x1000,
} as const;

/** PidTagSubjectPrefix of answers and cancellations. [MS-OXOCAL] 2.2.7.2, 2.2.8.4 */
export const subjectPrefixes = {
  cancel: "Canceled: ", accept: "Accepted: ", decline: "Declined: ", tentative: "Tentative: ",
  proposal: "New Time Proposed: ", proposalDeclined: "Proposal Declined: ", forward: "FW: ",
  forwarded: "Meeting Forward Notification: ",
} as const;

export type Answer = "accept" | "decline" | "tentative";
