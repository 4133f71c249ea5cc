/** An attendee sends his invitation on. [MS-OXOCAL] 3.1.4.7.6, 2.2.9 */
import { Fault } from "#base/fault.ts";
import { properties } from "#props/registry.ts";
import { getProperty } from "#convert/item.ts";
import { decided } from "#calendar/meetings/decision.ts";
import { forwardedRequest, forwardNotification } from "#calendar/meetings/messages.ts";
import { seriesItemOf } from "#calendar/meetings/occurrences.ts";
import { isCanceled, isReceived, organizerOf, resolverOf } from "#calendar/meetings/parts.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { ItemBag } from "#convert/item.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type { Decision, MeetingContext, OutgoingMessage } from "#calendar/meetings/decision.ts";

const p = properties;

export interface ForwardContext extends MeetingContext {
  readonly forwarder: DisplayAddress;
  readonly to: readonly DisplayAddress[];
  /** Midnight of the day of the one occurrence that is sent on. */
  readonly day?: LocalMinutes;
  readonly comment?: string;
}

/**
 * `meeting` is the request that was received, or what the calendar holds of it. The organizer is told. Throws Fault
 * `notAllowed` for one's own meeting, a canceled one, or one that is not to be sent on. [MS-OXOCAL] 2.2.1.51, 2.2.9
 */
export function forwardMeeting(meeting: ItemBag, context: ForwardContext): Decision {
  const { forwarder, to, day, comment } = context;
  if (!isReceived(meeting)) throw new Fault("notAllowed", "an organizer adds attendees instead");
  if (getProperty(meeting, p.PidNameMeetingDoNotForward) === true) {
    throw new Fault("notAllowed", "the organizer does not want the meeting sent on");
  }
  const one = day === undefined ? meeting : seriesItemOf(meeting)?.occurrenceOn(day);
  if (one === undefined) throw new Fault("notFound", "the meeting has no such occurrence");
  if (isCanceled(one)) throw new Fault("notAllowed", "the meeting is canceled");
  if (to.length === 0) throw new Fault("invalidArgument", "nobody to send the meeting to");
  const parts = { forwarder, to, context, comment };
  const messages: OutgoingMessage[] = [{ item: forwardedRequest(one, parts), to }];
  const organizer = organizerOf(one, resolverOf(context));
  const notification = forwardNotification(one, parts);
  if (notification !== null && organizer !== null) messages.push({ item: notification, to: [organizer] });
  return decided("sent", { messages });
}
