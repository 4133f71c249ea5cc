/**
 * Meeting messages that came into a mailbox, carried out in its calendar. Each is carried out once: it says itself that
 * it was (PidLidServerProcessed), and what is to be sent waits beside it until the queue has it. [MS-OXOCAL] 3.1.4.7.4
 */
import type { Ctx } from "#base/ctx.ts";
import { throwIfCancelled } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { MeetingCalendar } from "#calendar/desk/calendar.ts";
import type { HeldMeeting } from "#calendar/desk/calendar.ts";
import { changeOf, loadItemBag, messageClassOf } from "#calendar/desk/item-bags.ts";
import type { LoadedItem } from "#calendar/desk/item-bags.ts";
import { Locks } from "#calendar/desk/locks.ts";
import { keepMail, keptMail, mailOf } from "#calendar/desk/outgoing.ts";
import type { DeskMail, SendMail } from "#calendar/desk/outgoing.ts";
import { isResource, ownerOf, resolverFor } from "#calendar/desk/people.ts";
import type { DeskDirectory } from "#calendar/desk/people.ts";
import { workingHoursOf } from "#calendar/desk/working-hours.ts";
import { decideForResource } from "#calendar/desk/resource.ts";
import { isFromWhomItSays } from "#calendar/desk/senders.ts";
import { decided } from "#calendar/meetings/decision.ts";
import type { Decision, MeetingState } from "#calendar/meetings/decision.ts";
import { classIs, copyItem, isResponse, meetingIdOf, organizerOf } from "#calendar/meetings/parts.ts";
import { receiveCancel, receiveRequest } from "#calendar/meetings/receive.ts";
import type { AttendeeContext } from "#calendar/meetings/receive.ts";
import { receiveEach } from "#calendar/meetings/several.ts";
import { receiveForwardNotification, receiveRefresh, receiveResponse } from "#calendar/meetings/tracking.ts";
import { getProperty, namedKey, setNamed, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import type { Entry } from "#directory/reads.ts";
import type { Mailboxes } from "#mailbox/api.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";

const p = properties;

export interface DeskParts {
  readonly mailboxes: Mailboxes;
  readonly directory: DeskDirectory;
  readonly send: SendMail;
}

/** A meeting message that was delivered. */
export interface Arrival {
  readonly mailboxId: MailboxId;
  /** Null for one that was delivered before, maybe without having been carried out. */
  readonly messageId: MessageId | null;
  /** Clean id of its meeting; null when it tells none. */
  readonly globalObjectId: Uint8Array | null;
  readonly messageIdHeader: string;
}

/** Mail that waits for the queue. */
const outgoingName: NamedId = { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "urn:outpost:meeting:outgoing" };
const outgoingKey = namedKey(outgoingName);
const secretName = "meeting-mail";

/** Nothing that lies here is carried out: it is not the owner's wish, or was sent by him. */
const leftAlone: ReadonlySet<FolderRole> = new Set<FolderRole>([
  "junkEmail", "sentItems", "drafts", "outbox", "deletedItems", "calendar", "recoverableItems",
  "recoverableDeletions", "recoverablePurges", "recoverableVersions",
]);

/** Everything about one message while it is carried out. */
export interface Receiving {
  readonly ctx: Ctx;
  readonly directory: DeskDirectory;
  readonly entry: Entry;
  readonly calendar: MeetingCalendar;
  readonly message: ItemBag;
  readonly held: HeldMeeting;
  readonly context: AttendeeContext;
}

export class MeetingDesk {
  readonly parts: DeskParts;
  readonly #locks = new Locks<MailboxId>();

  constructor(parts: DeskParts) {
    this.parts = parts;
  }

  /** Work in one calendar, one at a time. */
  alone<T>(mailboxId: MailboxId, body: () => Promise<T>): Promise<T> {
    return this.#locks.run(mailboxId, body);
  }

  /** Durable when it resolves. Repeating it does no harm. Throws what the store throws. */
  async receive(ctx: Ctx, arrival: Arrival): Promise<void> {
    const { mailboxId, globalObjectId } = arrival;
    if (globalObjectId === null) return;
    const entry = await this.parts.directory.entryOfMailbox(ctx, mailboxId);
    if (entry === null) return;
    await this.alone(mailboxId, async () => {
      const calendar = await MeetingCalendar.open(ctx, this.parts.mailboxes, mailboxId);
      const waiting = arrival.messageId !== null ? [arrival.messageId]
        : await this.#waiting(ctx, calendar, globalObjectId, arrival.messageIdHeader);
      for (const messageId of waiting) await this.#receiveOne(ctx, entry, calendar, messageId);
    });
  }

  /** What was delivered and may have been left half done. */
  async #waiting(
    ctx: Ctx, calendar: MeetingCalendar, globalObjectId: Uint8Array, messageIdHeader: string,
  ): Promise<MessageId[]> {
    const found = await calendar.items.itemsByGlobalObjectId(ctx, globalObjectId);
    return found.filter(({ row }) => row.messageIdHeader === messageIdHeader &&
      /^IPM\.Schedule\.Meeting\./i.test(row.messageClass)).map(({ row }) => row.messageId);
  }

  async #receiveOne(ctx: Ctx, entry: Entry, calendar: MeetingCalendar, messageId: MessageId): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#attempt(ctx, entry, calendar, messageId);
        return;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        if (error.code === "notFound" && await isGone(ctx, calendar, messageId)) return;
        if (error.code !== "conflict" || tries >= limits.itemUpdateTriesMax) throw error;
        throwIfCancelled(ctx);
      }
    }
  }

  async #attempt(ctx: Ctx, entry: Entry, calendar: MeetingCalendar, messageId: MessageId): Promise<void> {
    const stored = await calendar.items.open(ctx, messageId);
    const roles = await calendar.mailbox.roleFolders(ctx);
    const role = roles.find(([, folderId]) => folderId === stored.row.folderId)?.[0];
    if (role !== undefined && leftAlone.has(role)) return;
    const loaded = await loadItemBag(ctx, stored);
    const message = loaded.item;
    const id = meetingIdOf(message);
    if (id === undefined || getProperty(message, p.PidLidServerProcessed) === true) return;
    const { directory } = this.parts;
    const held = await calendar.meeting(ctx, id);
    const resolve = await resolverFor(ctx, directory, [message, ...held.items]);
    const zone = getProperty(message, p.PidLidAppointmentSubType) !== true ? undefined
      : (await workingHoursOf(ctx, calendar.items, calendar.folderId))?.zone;
    const context: AttendeeContext = {
      now: ctx.system.nowMs(), resolve, me: await ownerOf(ctx, directory, entry),
      ...(zone === undefined ? {} : { zone }),
    };
    const check = { message, fromAddress: stored.row.fromAddress, resolve, held: held.items };
    if (!await isFromWhomItSays(ctx, directory, check)) {
      ctx.log.info({ mailbox: entry.address, from: stored.row.fromAddress },
        "a meeting message is not from whom it says and stays mail");
      await this.#finish(ctx, calendar, messageId, loaded, processed(message));
      return;
    }
    const decision = await decide({ ctx, directory, entry, calendar, message, held, context });
    const mails = await this.#mails(ctx, calendar, { messageId, loaded, entry, decision, context });
    await calendar.apply(ctx, held, decision);
    for (const mail of mails) await this.parts.send(ctx, mail);
    await this.#finish(ctx, calendar, messageId, loaded, decision.received ?? processed(message));
    if (isResource(entry) && decision.outcome !== "ignored") await putAway(ctx, calendar, messageId);
    ctx.log.info({ mailbox: entry.address, outcome: decision.outcome, sent: mails.length }, "meeting message");
  }

  /** What has to be sent; it is on disk before the calendar changes, since afterwards nothing would ask for it. */
  async #mails(ctx: Ctx, calendar: MeetingCalendar, { messageId, loaded, entry, decision, context }: {
    messageId: MessageId; loaded: LoadedItem; entry: Entry; decision: Decision; context: AttendeeContext;
  }): Promise<DeskMail[]> {
    const kept = loaded.item.named.get(outgoingKey)?.value;
    if (decision.messages.length === 0 && typeof kept !== "string") return [];
    const secret = await this.parts.directory.secret(ctx, secretName);
    if (decision.messages.length === 0) return keptMail(typeof kept === "string" ? kept : "", secret);
    const resolve = await resolverFor(ctx, this.parts.directory, decision.messages.map(({ item }) => item));
    const mails = decision.messages.map((message, index) => mailOf(message, {
      onceKey: `meeting.${calendar.mailbox.mailboxId}.${messageId}.${index}`, sender: entry.address,
      isAutomatic: true, resolve, nowMs: context.now,
    })).filter((one) => one !== null);
    const marks = { bag: new Map(), named: new Map() };
    setNamed(marks, outgoingName, "String", keepMail(mails, secret));
    await calendar.items.update(ctx, { messageId, set: marks });
    return mails;
  }

  /** The message says that it was carried out, and what it was. [MS-OXOCAL] 2.2.5.4, 2.2.6.5 */
  async #finish(
    ctx: Ctx, calendar: MeetingCalendar, messageId: MessageId, loaded: LoadedItem, received: ItemBag,
  ): Promise<void> {
    const change = changeOf(loaded, received);
    if (change === null) return;
    await calendar.items.update(ctx, { messageId, ...change, remove: { names: [outgoingName] } });
  }
}

/** Nobody reads the inbox of a room: what was carried out goes where its administrator can still find it. */
async function putAway(ctx: Ctx, { mailbox }: MeetingCalendar, messageId: MessageId): Promise<void> {
  const deleted = (await mailbox.roleFolders(ctx)).find(([role]) => role === "deletedItems")?.[1];
  if (deleted !== undefined) await mailbox.items.move(ctx, [messageId], deleted);
}

async function isGone(ctx: Ctx, { items }: MeetingCalendar, messageId: MessageId): Promise<boolean> {
  return (await items.properties(ctx, [messageId], { tags: [p.PidTagMessageClass.tag] })).length === 0;
}

/** A message that was looked at, whatever came of it. [MS-OXOCAL] 2.2.5.4 */
export function processed(message: ItemBag): ItemBag {
  const copy = copyItem(message);
  setProperty(copy, p.PidTagProcessed, true);
  setProperty(copy, p.PidLidServerProcessed, true);
  return copy;
}

async function decide(receiving: Receiving): Promise<Decision> {
  const { ctx, directory, entry, message, held, context } = receiving;
  if (isResource(entry)) return await decideForResource(receiving);
  if (classIs(message, "request") || classIs(message, "cancel")) {
    // Rooms ask their delegates by requests of their own, which are nobody's meetings.
    const organizer = organizerOf(message, context.resolve ?? (() => null));
    const asking = organizer === null ? null : await directory.entryByAddress(ctx, organizer.address);
    if (asking !== null && isResource(asking)) return decided("ignored", { received: processed(message) });
  }
  return decideForPerson(message, held, context);
}

/** What any owner's calendar does with a message. [MS-OXOCAL] 3.1.4.7.4, 3.1.4.8.4, 3.1.4.9.2 */
export function decideForPerson(message: ItemBag, state: MeetingState, context: AttendeeContext): Decision {
  if (classIs(message, "request") || classIs(message, "cancel")) {
    return receiveEach(message, state, (one, now) =>
      (classIs(one, "cancel") ? receiveCancel(one, now, context) : receiveRequest(one, now, context)));
  }
  if (isResponse(message)) return receiveResponse(message, state, context);
  if (classIs(message, "forwarded")) return receiveForwardNotification(message, state, context);
  if (classIs(message, "refresh")) return receiveRefresh(message, state, context);
  return decided("ignored", { received: processed(message) });
}

export const isMeetingMessage = (item: ItemBag): boolean =>
  /^IPM\.Schedule\.Meeting\./i.test(messageClassOf(item));
