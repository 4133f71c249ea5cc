/** What comes to a room or a piece of equipment: booked by its policy, or by who decides for it. */
import type { EntryId } from "#base/ids.ts";
import { bookedItem } from "#calendar/booking/booked.ts";
import { decideBooking } from "#calendar/booking/decide.ts";
import type { BookableResource, BookingDecision, BookingRequest } from "#calendar/booking/decide.ts";
import type { CalendarProcessing } from "#calendar/booking/policy.ts";
import { approvalMessage } from "#calendar/desk/approval.ts";
import { bookingPolicy } from "#calendar/desk/booking-settings.ts";
import type { Receiving } from "#calendar/desk/desk.ts";
import { isOutside, isResource, isSamePerson } from "#calendar/desk/people.ts";
import { workingHoursOf } from "#calendar/desk/working-hours.ts";
import { decided } from "#calendar/meetings/decision.ts";
import type {
  CalendarChange, Decision, MeetingState, OutgoingMessage, Owner, Tombstone,
} from "#calendar/meetings/decision.ts";
import { responseMessage } from "#calendar/meetings/messages.ts";
import { dayIn, seriesItemOf } from "#calendar/meetings/occurrences.ts";
import {
  attendeesOf, classIs, copyItem, isCanceled, isReceived, isResponse, meetingKeyOf, occurrenceDayOf, organizerOf,
  resolverOf, rowOf, versionOf,
} from "#calendar/meetings/parts.ts";
import { receiveCancel, receiveRequest } from "#calendar/meetings/receive.ts";
import { receiveEach, receiveEachLater } from "#calendar/meetings/several.ts";
import { respond, respondToRequest } from "#calendar/meetings/respond.ts";
import { responses } from "#calendar/meetings/values.ts";
import type { Answer } from "#calendar/meetings/values.ts";
import { appointmentOf, appointmentsOf } from "#calendar/occurrences/appointment.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import { extentOf } from "#calendar/occurrences/instances.ts";
import { midnightOf } from "#calendar/zones/dates.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { getPerson } from "#convert/mime/people.ts";
import { properties } from "#props/registry.ts";

const p = properties;
const dayMs = 86_400_000;

/** What came, and the calendar as earlier parts of the same message leave it. */
type Judging = Omit<Receiving, "held"> & { readonly held: MeetingState };

/** The resource's answers to requests, cancellations and its delegates. */
export async function decideForResource(receiving: Receiving): Promise<Decision> {
  const { ctx, calendar, entry, message, held, context } = receiving;
  const policy = await bookingPolicy(ctx, calendar, entry.autoAccept);
  if (policy.AutomateProcessing === "None") return decided("ignored", { received: seenBy(message) });
  if (classIs(message, "cancel")) {
    return receiveEach(message, held, (one, now) => removed(receiveCancel(one, now, context)));
  }
  if (isResponse(message)) return await decideByDelegate(receiving, policy);
  if (!classIs(message, "request")) return decided("ignored", { received: seenBy(message) });
  return await receiveEachLater(message, held, (one, now) =>
    decideRequest({ ...receiving, message: one, held: now }, policy));
}

async function decideRequest(receiving: Judging, policy: CalendarProcessing): Promise<Decision> {
  const { message, held, context } = receiving;
  const me = asInvited(receiving);
  const inviting = { ...receiving, context: { ...context, me } };
  const got = receiveRequest(message, held, inviting.context);
  if (got.outcome !== "created" && got.outcome !== "updated" && got.outcome !== "informed") return got;
  return await book(inviting, got, policy);
}

function seenBy(message: ItemBag): ItemBag {
  const copy = copyItem(message);
  setProperty(copy, p.PidTagProcessed, true);
  setProperty(copy, p.PidLidServerProcessed, true);
  return copy;
}

/** The resource under the address that it was asked by: the answer must be that attendee's. RFC 5546 §3.2.3 */
function asInvited({ message, context }: Judging): Owner {
  const { person, aliases = [] } = context.me;
  const resolve = resolverOf(context);
  const address = [person.address, ...aliases].find((one) => rowOf(message, one, resolve) !== undefined);
  if (address === undefined || address === person.address) return context.me;
  return { person: { ...person, address }, aliases: [person.address, ...aliases] };
}

/** Who cancels gives the time back: a resource keeps nothing to look at. */
function removed(decision: Decision): Decision {
  const tombstones: Tombstone[] = [...decision.tombstones];
  const calendar = decision.calendar.map((change): CalendarChange => {
    if (change.kind !== "update" || !isCanceled(change.item)) return change;
    tombstones.push({
      meeting: meetingKeyOf(change.item) ?? "", day: occurrenceDayOf(change.item), version: versionOf(change.item),
      reason: "canceled",
    });
    return { kind: "delete", before: change.before };
  });
  return { ...decision, calendar, tombstones };
}

interface Asked {
  readonly request: BookingRequest;
  readonly resource: BookableResource;
}

/** What a booking is decided by: who asks, what stands in the calendar, when the resource is there. */
async function askedOf(
  { ctx, directory, entry, calendar, message, context }: Judging, item: ItemBag, policy: CalendarProcessing,
): Promise<Asked | undefined> {
  const workingHours = await workingHoursOf(ctx, calendar.items, calendar.folderId);
  const zone = workingHours?.zone ?? appointmentOf(item, utcZone)?.ownZone ?? utcZone;
  const appointment = appointmentOf(item, zone);
  const extent = appointment === undefined ? undefined : extentOf(appointment);
  if (appointment === undefined) return undefined;
  const resolve = resolverOf(context);
  const organizer = organizerOf(message, resolve)?.address ?? "";
  const windowEndMs = context.now + (policy.BookingWindowInDays + 2) * dayMs;
  const toMs = Math.min(windowEndMs, (extent?.toUtcMs ?? windowEndMs) + 1);
  const fromMs = Math.min(context.now, toMs - 1);
  const standing = await calendar.between(ctx, fromMs, toMs);
  const capacity = await directory.attribute(ctx, entry.entryId, "capacity");
  return {
    request: {
      appointment, requester: await requesterOf({ ctx, directory }, organizer),
      isExternal: await isOutside(ctx, directory, organizer), people: await peopleOf({ ctx, directory }, item, context),
    },
    resource: {
      appointments: [...appointmentsOf(standing, zone)], zone, workingHours,
      capacity: capacity === null ? undefined : Number(capacity),
    },
  };
}

type Asking = Pick<Receiving, "ctx" | "directory">;

/** Every address that a policy may name somebody by: theirs, and those of groups they are in. */
async function requesterOf({ ctx, directory }: Asking, organizer: string): Promise<string[]> {
  const found = [organizer];
  const entry = await directory.entryByAddress(ctx, organizer);
  for (const entryId of entry === null ? [] : await directory.selfAndGroups(ctx, entry.entryId)) {
    found.push(...await directory.addresses(ctx, entryId as EntryId));
  }
  return found;
}

/** Who sits in the room: rooms and things do not. */
async function peopleOf({ ctx, directory }: Asking, item: ItemBag, context: Receiving["context"]): Promise<number> {
  let people = 1;
  for (const [address, row] of attendeesOf(item, resolverOf(context))) {
    if (((getProperty(row, p.PidTagRecipientType) ?? 1) & 0xf) === 3) continue;
    const entry = await directory.entryByAddress(ctx, address);
    if (entry === null || !isResource(entry)) people++;
  }
  return people;
}

/** The item that a received request makes or changes in the calendar. */
function changed({ calendar }: Decision): Extract<CalendarChange, { item: ItemBag }> | undefined {
  return calendar.find((one) => one.kind !== "delete");
}

async function book(receiving: Judging, got: Decision, policy: CalendarProcessing): Promise<Decision> {
  const { message, held, context } = receiving;
  const change = changed(got);
  if (change === undefined) return got;
  const series = seriesItemOf(change.item);
  const day = series === undefined ? undefined : dayIn(message, series);
  // One occurrence is judged by itself; the rest of its series was.
  const subject = day === undefined ? change.item : series?.occurrenceOn(day) ?? change.item;
  const asked = await askedOf(receiving, subject, policy);
  if (asked === undefined) return got;
  const decision = decideBooking(asked.request, asked.resource, policy, context.now);
  if (decision.kind === "ignore") {
    // Whom the policy does not answer has no time here either, save where nobody but people decides.
    return decision.why === "notAutomatic" ? got : decided("ignored", { received: seenBy(message) });
  }
  const answer: Answer = decision.kind === "accept" ? "accept" : decision.kind === "decline" ? "decline" : "tentative";
  const answered = respondToRequest(message, held, { ...context, answer, comment: decision.text });
  if (decision.kind === "decline") return answered;
  const booked = withBooking(receiving, answered, asked.request.appointment, decision, policy);
  if (decision.kind !== "pending" || decision.forwardTo.length === 0) return booked;
  const approval = approvalMessage(subject, {
    resource: context.me.person, to: decision.forwardTo, text: decision.text, context,
  });
  return { ...booked, messages: [...booked.messages, approval] };
}

type Booked = Exclude<BookingDecision, { kind: "ignore" } | { kind: "decline" }>;

/** The answered item as the policy lets it stand, and the occurrences that the resource does not come to. */
function withBooking(
  { context, message }: Judging, answered: Decision, judged: Appointment, decision: Booked,
  policy: CalendarProcessing,
): Decision {
  const change = changed(answered);
  if (change === undefined) return answered;
  const resolve = resolverOf(context);
  const organizer = organizerOf(message, resolve);
  const organizerName = organizer === null ? "" : organizer.name === "" ? organizer.address : organizer.name;
  const isWhole = judged.series !== undefined || seriesItemOf(change.item) === undefined;
  const declined = isWhole ? decision.declined.flatMap(({ instance }) => instance.original ?? []) : [];
  const series = seriesItemOf(change.item);
  const messages: OutgoingMessage[] = [...answered.messages];
  const tombstones: Tombstone[] = [...answered.tombstones];
  for (const original of declined) {
    const one = series?.occurrenceOn(midnightOf(original));
    const refusal = one === undefined ? null : responseMessage(one, {
      answer: "decline", me: context.me.person, by: undefined, now: context.now, resolve, comment: decision.text,
      proposal: undefined,
    });
    if (one === undefined || refusal === null || organizer === null) continue;
    messages.push({ item: refusal, to: [organizer] });
    tombstones.push({
      meeting: meetingKeyOf(change.item) ?? "", day: midnightOf(original), version: versionOf(one), reason: "declined",
    });
  }
  const plain = withoutName(change.item, organizerName, policy);
  const appointment = appointmentOf(plain, judged.zone);
  if (appointment === undefined) return answered;
  const item = bookedItem({
    appointment, organizerName, declined, lastDate: isWhole ? decision.lastDate : undefined,
    busyStatus: decision.kind === "pending" ? decision.busyStatus : "asAsked",
  }, policy);
  const calendar = answered.calendar.map((one) => (one === change ? { ...change, item } : one));
  return { ...answered, calendar, messages, tombstones };
}

/** A series that stands here already has its organizer's name in the subject. */
function withoutName(item: ItemBag, name: string, policy: CalendarProcessing): ItemBag {
  const subject = getProperty(item, p.PidTagSubject) ?? "";
  if (!policy.AddOrganizerToSubject || name === "" || !subject.startsWith(name)) return item;
  const copy = copyItem(item);
  setProperty(copy, p.PidTagSubject, subject.slice(name.length).trimStart());
  return copy;
}

/** A delegate lets pass what a policy has against a request, and never a time that is taken. */
const delegatePolicy: Partial<CalendarProcessing> = {
  AllBookInPolicy: true, BookingWindowInDays: 1080, EnforceSchedulingHorizon: false, MaximumDurationInMinutes: 0,
  MinimumDurationInMinutes: 0, AllowRecurringMeetings: true, ScheduleOnlyDuringWorkHours: false,
  EnforceCapacity: false, ProcessExternalMeetingMessages: true, AutomateProcessing: "AutoAccept",
};

const answers: Readonly<Record<string, Answer>> = { accept: "accept", decline: "decline" };

function answerOf(message: ItemBag): Answer | undefined {
  return Object.entries(answers).find(([kind]) => classIs(message, kind as "accept" | "decline"))?.[1];
}

/** A delegate's answer to what waits in the calendar; anybody else's is nothing to a resource. */
async function decideByDelegate(receiving: Judging, policy: CalendarProcessing): Promise<Decision> {
  const { message, held, context } = receiving;
  const ignored = decided("ignored", { received: seenBy(message) });
  const delegate = await delegateOf(receiving, policy);
  const answer = answerOf(message);
  const item = held.items.find((one) => occurrenceDayOf(one) === undefined) ?? held.items[0];
  if (delegate === undefined || answer === undefined || item === undefined || !isReceived(item)) return ignored;
  const series = seriesItemOf(item);
  const day = series === undefined ? undefined : dayIn(message, series);
  const waiting = day === undefined ? item : series?.occurrenceOn(day);
  const status = waiting === undefined ? undefined : getProperty(waiting, p.PidLidResponseStatus);
  if (waiting === undefined || (status !== responses.tentative && status !== responses.notResponded)) return ignored;
  const lenient: CalendarProcessing = { ...policy, ...delegatePolicy };
  const asked = await askedOf(receiving, waiting, lenient);
  const judged = asked === undefined || answer === "decline" ? undefined
    : decideBooking(asked.request, asked.resource, lenient, context.now);
  if (judged?.kind === "ignore") return ignored;
  const said = (getProperty(message, p.PidTagBody) ?? "").trim().slice(0, commentMax);
  const isTaken = judged?.kind === "decline";
  const decision = respond(item, {
    ...context, answer: isTaken ? "decline" : answer, by: delegate, comment: isTaken ? judged.text : said,
    ...(day === undefined ? {} : { day }),
  });
  return { ...decision, received: seenBy(message) };
}

const commentMax = 4000;

async function delegateOf({ ctx, directory, message, context }: Judging, policy: CalendarProcessing) {
  const person = getPerson(message, "representing", resolverOf(context));
  for (const one of person === null ? [] : policy.ResourceDelegates) {
    if (await isSamePerson(ctx, directory, one, person!.address)) return person!;
  }
  return undefined;
}
