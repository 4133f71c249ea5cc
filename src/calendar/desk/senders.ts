/** Whether a meeting message is from whom it says: others' calendars are not theirs to change. RFC 6047 §2.2.1 */
import type { Ctx } from "#base/ctx.ts";
import type { DeskDirectory } from "#calendar/desk/people.ts";
import { isOutside, isSamePerson } from "#calendar/desk/people.ts";
import { messageClassOf } from "#calendar/desk/item-bags.ts";
import { classIs, organizerOf, sameAddress } from "#calendar/meetings/parts.ts";
import { keptComponent } from "#convert/ical/kept.ts";
import { propertyOfName } from "#convert/ical/lines.ts";
import { sentByOf } from "#convert/ical/people-read.ts";
import type { ItemBag } from "#convert/item.ts";
import { getPerson } from "#convert/mime/people.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";

export interface SenderCheck {
  readonly message: ItemBag;
  /** The address in From, as the mailbox knows it. */
  readonly fromAddress: string;
  readonly resolve: ResolveAddress;
  /** What the calendar has of the meeting. */
  readonly held?: readonly ItemBag[];
}

/** Who the calendar text says writes for the organizer. RFC 5545 §3.2.18 */
function writerFor(item: ItemBag): string | undefined {
  const line = propertyOfName(keptComponent(item), "ORGANIZER");
  return line === undefined ? undefined : sentByOf(line)?.address;
}

/**
 * Somebody outside who writes for an organizer cannot prove it: he may call a meeting that nobody knows, and change one
 * that was called by him. RFC 6047 §2.2.1
 */
function isKnownWriter({ message, fromAddress, held = [] }: SenderCheck): boolean {
  const isFrom = (item: ItemBag): boolean => sameAddress(writerFor(item) ?? "", fromAddress);
  const isOrganizers = /^IPM\.Schedule\.Meeting\.(?:Request|Canceled)(?:\.|$)/i.test(messageClassOf(message));
  if (!isOrganizers || !isFrom(message)) return false;
  return held.length === 0 ? classIs(message, "request") : held.some(isFrom);
}

/** Whose word the message is: the organizer's, or that of the attendee who answers. RFC 5546 §3.2 */
export function speakerOf({ message, resolve }: Pick<SenderCheck, "message" | "resolve">): DisplayAddress | null {
  const isOrganizers = /^IPM\.Schedule\.Meeting\.(?:Request|Canceled)(?:\.|$)/i.test(messageClassOf(message));
  return isOrganizers ? organizerOf(message, resolve)
    : getPerson(message, "representing", resolve) ?? getPerson(message, "sender", resolve);
}

/**
 * A request or cancellation must be from its organizer, an answer from its attendee: by any address of theirs, or from
 * somebody of this server who may send for them. Sender alone names nobody's right. RFC 6047 §2.2.1, §2.3
 */
export async function isFromWhomItSays(ctx: Ctx, directory: DeskDirectory, check: SenderCheck): Promise<boolean> {
  const speaker = speakerOf(check);
  const { fromAddress } = check;
  if (speaker === null || speaker.address === "" || fromAddress === "") return false;
  if (await isSamePerson(ctx, directory, fromAddress, speaker.address)) return true;
  if (isKnownWriter(check) && await isOutside(ctx, directory, speaker.address)) return true;
  const writer = await directory.entryByAddress(ctx, fromAddress);
  return writer !== null && await directory.maySendOnBehalf(ctx, writer.entryId, speaker.address);
}
