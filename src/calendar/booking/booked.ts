/** A booking as it stands in the calendar of a resource: what the policy takes away, and what of a series is left. */
import { decodeAppointmentRecur, encodeAppointmentRecur, endDateNever } from "#calendar/recurrence/blob.ts";
import { recurrenceOf } from "#calendar/recurrence/from-blob.ts";
import { blobOfRecurrence } from "#calendar/recurrence/to-blob.ts";
import type { Modified, Overrides, Recurrence } from "#calendar/recurrence/model.ts";
import type { CalendarProcessing } from "#calendar/booking/policy.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import { epochOffsetMs, localToMs, midnightOf } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import { isException } from "#convert/ical/attachments.ts";
import { busyStatuses, sensitivities } from "#convert/ical/event-read.ts";
import { dropKept } from "#convert/ical/kept.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import type { ItemAttachment, ItemBag } from "#convert/item.ts";
import { properties } from "#props/registry.ts";

const p = properties;

export interface Booking {
  readonly appointment: Appointment;
  readonly organizerName: string;
  /** Originals of the occurrences that are not booked. */
  readonly declined: readonly LocalMinutes[];
  /** Day after which the series is cut, midnight on its wall clock. */
  readonly lastDate: LocalMinutes | undefined;
  /** As what it stands in the calendar: as the organizer meant it once it is accepted. */
  readonly busyStatus: "asAsked" | "tentative" | "free";
}

const texts = [
  p.PidTagBody, p.PidTagHtml, p.PidTagBodyHtml, p.PidTagRtfCompressed, p.PidTagNativeBody, p.PidTagRtfInSync,
] as const;

function bookedSubject(subject: string, organizerName: string, policy: CalendarProcessing): string {
  const kept = policy.DeleteSubject ? "" : subject;
  return policy.AddOrganizerToSubject ? `${organizerName} ${kept}`.trim() : kept;
}

function setSubject(item: ItemBag, subject: string): void {
  item.bag.delete(p.PidTagSubjectPrefix.tag);
  for (const property of [p.PidTagSubject, p.PidTagNormalizedSubject, p.PidTagConversationTopic]) {
    setProperty(item, property, subject);
  }
}

/** PidLidBusyStatus of a booking; what it was meant to be stays beside it. [MS-OXOCAL] 2.2.6.4 */
function setBusyStatus(item: ItemBag, { busyStatus }: Booking): void {
  const told = getProperty(item, p.PidLidIntendedBusyStatus) ?? getProperty(item, p.PidLidBusyStatus);
  const asked = told === undefined || told < 0 ? busyStatuses.BUSY : told;
  setProperty(item, p.PidLidIntendedBusyStatus, asked);
  const status = busyStatus === "asAsked" ? asked
    : busyStatus === "tentative" ? busyStatuses.TENTATIVE : busyStatuses.FREE;
  setProperty(item, p.PidLidBusyStatus, status);
}

/** One item by itself, its changed occurrences left as they are. */
function stripped(from: ItemBag, booking: Booking, policy: CalendarProcessing): ItemBag {
  const item: ItemBag = {
    bag: new Map(from.bag), named: new Map(from.named), recipients: from.recipients,
    attachments: policy.DeleteAttachments ? from.attachments.filter(isException) : [...from.attachments],
  };
  // The lines that a calendar came with tell what is taken away here.
  dropKept(item);
  const subject = getProperty(from, p.PidTagSubject);
  if (subject !== undefined || policy.AddOrganizerToSubject) {
    setSubject(item, bookedSubject(subject ?? "", booking.organizerName, policy));
  }
  if (policy.DeleteComments) for (const { tag } of texts) item.bag.delete(tag);
  if (policy.DeleteAttachments) setProperty(item, p.PidTagHasAttachments, false);
  if (policy.RemovePrivateProperty) {
    const sensitivity = getProperty(from, p.PidTagSensitivity);
    if (sensitivity === sensitivities.PRIVATE) setProperty(item, p.PidTagSensitivity, sensitivities.PUBLIC);
    if (getProperty(from, p.PidLidPrivate) === true) setProperty(item, p.PidLidPrivate, false);
  }
  setBusyStatus(item, booking);
  return item;
}

function overridesOf(own: Overrides, booking: Booking, policy: CalendarProcessing): Overrides {
  const subject = own.subject === undefined || policy.DeleteSubject ? undefined
    : bookedSubject(own.subject, booking.organizerName, policy);
  return {
    ...own, subject, busyStatus: booking.busyStatus === "asAsked" ? own.busyStatus : undefined,
    hasBody: policy.DeleteComments ? undefined : own.hasBody,
    hasAttachment: policy.DeleteAttachments ? undefined : own.hasAttachment,
  };
}

/** The series without what is not booked. */
function bookedSeries(series: Recurrence, booking: Booking, policy: CalendarProcessing): Recurrence {
  const { lastDate, declined } = booking;
  const isLeft = (original: LocalMinutes): boolean => lastDate === undefined || midnightOf(original) <= lastDate;
  const gone = new Set(declined);
  const deleted = [...new Set([...series.deleted, ...declined])].filter(isLeft).sort((one, other) => one - other);
  const modified = series.modified.filter(({ original }) => isLeft(original) && !gone.has(original))
    .map((one): Modified => ({ ...one, overrides: overridesOf(one.overrides, booking, policy) }));
  const end = lastDate === undefined ? series.end : { kind: "date" as const, lastDate };
  return { ...series, deleted, modified, end };
}

const instantOf = (time: bigint): number => Number(time / 10_000n) - epochOffsetMs;

function replacedAt(attachment: ItemAttachment): number | undefined {
  const time = (attachment.embedded && getProperty(attachment.embedded, p.PidLidExceptionReplaceTime)) ??
    getProperty(attachment, p.PidTagExceptionReplaceTime);
  return time === undefined ? undefined : instantOf(time);
}

/**
 * The item for the calendar of the resource; the one that was asked with is left as it is. Throws Fault
 * `invalidArgument` when nothing of the series is left.
 */
export function bookedItem(booking: Booking, policy: CalendarProcessing): ItemBag {
  const { appointment, lastDate, declined } = booking;
  const item = stripped(appointment.item, booking, policy);
  const { series, ownZone } = appointment;
  const blob = getProperty(appointment.item, p.PidLidAppointmentRecur);
  let left: ((attachment: ItemAttachment) => boolean) | undefined;
  if (series !== undefined && blob !== undefined) {
    const previous = decodeAppointmentRecur(blob);
    const booked = bookedSeries(recurrenceOf(previous), booking, policy);
    const written = blobOfRecurrence(booked, previous);
    setProperty(item, p.PidLidAppointmentRecur, encodeAppointmentRecur(written));
    const { endDate } = written.recurrencePattern;
    const endMs = endDate === endDateNever ? localToMs(endDate) : ownZone.toUtc(endDate);
    if (lastDate !== undefined) setProperty(item, p.PidLidClipEnd, BigInt(endMs + epochOffsetMs) * 10_000n);
    const kept = new Set(booked.modified.map(({ original }) => ownZone.toUtc(original)));
    if (lastDate !== undefined || declined.length > 0) {
      left = (attachment) => kept.has(replacedAt(attachment) ?? Number.NaN);
    }
  }
  const attachments = item.attachments.filter((one) => !isException(one) || left === undefined || left(one))
    .map((one) => (one.embedded === undefined || !isException(one) ? one
      : { ...one, embedded: stripped(one.embedded, booking, policy) }));
  item.attachments.splice(0, item.attachments.length, ...attachments);
  return item;
}
