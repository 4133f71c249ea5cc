/** What is decided about a meeting; whoever asked carries it out. */
import { limits } from "#base/limits.ts";
import { toFileTime } from "#convert/mime/times.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { ItemBag } from "#convert/item.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";

/**
 * Which of two messages about one meeting is later: all that an organizer sends about a series and its occurrences
 * counts one sequence. [MS-OXOCAL] 3.1.5.2, RFC 5546 §2.1.5
 */
export interface Version {
  readonly sequence: number;
  /** PidLidOwnerCriticalChange. */
  readonly change: bigint;
}

export function compareVersions(one: Version, other: Version): number {
  if (one.sequence !== other.sequence) return one.sequence - other.sequence;
  return one.change < other.change ? -1 : one.change > other.change ? 1 : 0;
}

/** The given items stay as they are; a change names the one it is about by identity. */
export type CalendarChange =
  | { readonly kind: "create"; readonly item: ItemBag }
  | { readonly kind: "update"; readonly before: ItemBag; readonly item: ItemBag }
  | { readonly kind: "delete"; readonly before: ItemBag };

export interface OutgoingMessage {
  /** Its recipients are everybody whom the meeting shows, organizer first. */
  readonly item: ItemBag;
  /** Who gets it. */
  readonly to: readonly DisplayAddress[];
}

/** What the calendar no longer shows, so that a late message does not bring it back. [MS-OXOCAL] 2.2.12.5 */
export interface Tombstone {
  /** PidLidCleanGlobalObjectId, hexadecimal. */
  readonly meeting: string;
  /** Midnight of the day that the occurrence began on by its series; undefined for the whole meeting. */
  readonly day: LocalMinutes | undefined;
  readonly version: Version;
  readonly reason: "canceled" | "declined" | "removed";
}

export type Outcome =
  /** A meeting came into the calendar. */
  | "created"
  /** When it is changed; who had answered is asked again. */
  | "updated"
  /** Something else changed; the answer stays. */
  | "informed"
  /** Older than what the calendar knows. */
  | "outOfDate"
  /** Already known. */
  | "same"
  | "canceled"
  | "responded"
  | "tracked"
  | "sent"
  /** Nothing that anybody has to be told. */
  | "unchanged"
  /** The meeting is another's, or not in the calendar. */
  | "ignored";

export interface Decision {
  readonly outcome: Outcome;
  readonly calendar: readonly CalendarChange[];
  readonly messages: readonly OutgoingMessage[];
  /** The message that was received, with what is now known of it; null when there was none. */
  readonly received: ItemBag | null;
  readonly tombstones: readonly Tombstone[];
}

export const decided = (outcome: Outcome, parts: Partial<Decision> = {}): Decision =>
  ({ outcome, calendar: [], messages: [], received: null, tombstones: [], ...parts });

export interface MeetingContext {
  /** UTC milliseconds. */
  readonly now: number;
  /** Turns an address of another kind into one of the Internet. */
  readonly resolve?: ResolveAddress;
}

/** The calendar's owner. */
export interface Owner {
  readonly person: DisplayAddress;
  /** Other addresses that reach the same mailbox. */
  readonly aliases?: readonly string[];
}

/** All that a calendar holds under one PidLidCleanGlobalObjectId, single occurrences of a series included. */
export interface MeetingState {
  readonly items: readonly ItemBag[];
  readonly tombstones: readonly Tombstone[];
}

/** iCalendar has whole seconds; a time compared with one that came through it has no more. RFC 5545 §3.3.5 */
export const changeTime = (utcMs: number): bigint => toFileTime(Math.floor(utcMs / 1000) * 1000);

export const attendeesMax: number = limits.itemPartsMax;
