/**
 * What an organizer or an attendee does with a meeting of the calendar, for every protocol: decided, written, sent. The
 * calendar is written first, since that may be refused; a client that hears of a failure afterwards tries again.
 */
import type { Ctx } from "#base/ctx.ts";
import { throwIfCancelled } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, MailboxId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { MeetingCalendar } from "#calendar/desk/calendar.ts";
import type { HeldMeeting } from "#calendar/desk/calendar.ts";
import { mailOf } from "#calendar/desk/outgoing.ts";
import type { MeetingDesk } from "#calendar/desk/desk.ts";
import { ownerOf, resolverFor } from "#calendar/desk/people.ts";
import { forwardMeeting } from "#calendar/meetings/forward.ts";
import { cancelMeeting, cancelOccurrenceOf, sendRequest, updateMeeting } from "#calendar/meetings/organize.ts";
import type { OrganizerContext } from "#calendar/meetings/organize.ts";
import type { Decision } from "#calendar/meetings/decision.ts";
import type { Proposal } from "#calendar/meetings/messages.ts";
import { removeCanceled } from "#calendar/meetings/receive.ts";
import type { AttendeeContext } from "#calendar/meetings/receive.ts";
import { respond } from "#calendar/meetings/respond.ts";
import type { Answer } from "#calendar/meetings/values.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { ItemBag } from "#convert/item.ts";
import { globalObjectIdOfUid } from "#convert/ical/global-object-id.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";

/** Which meeting, and who acts: its calendar's owner, or somebody for the owner. */
export interface Act {
  readonly mailboxId: MailboxId;
  readonly messageId: MessageId;
  readonly by?: DisplayAddress;
  /** Fault `conflict` when the item has changed since. */
  readonly expectedCn?: ChangeNumber;
}

export interface Acted {
  readonly decision: Decision;
  /** Of the item as it is now; null when it left the calendar. */
  readonly messageId: MessageId | null;
}

interface Acting {
  readonly item: ItemBag;
  readonly organizer: OrganizerContext;
  readonly attendee: AttendeeContext;
}

export class MeetingActs {
  readonly #desk: MeetingDesk;

  constructor(desk: MeetingDesk) {
    this.#desk = desk;
  }

  /** A new meeting of the owner, and its invitations. The item's recipients are who is asked. */
  async create(ctx: Ctx, mailboxId: MailboxId, item: ItemBag, by?: DisplayAddress): Promise<Acted> {
    return await this.#desk.alone(mailboxId, async () => {
      const calendar = await MeetingCalendar.open(ctx, this.#desk.parts.mailboxes, mailboxId);
      const { organizer } = await this.#contexts(ctx, mailboxId, [item], by);
      const newId = globalObjectIdOfUid(Buffer.from(ctx.system.randomBytes(16)).toString("hex"));
      const sent = sendRequest(item, { ...organizer, newId: { globalObjectId: newId } });
      // The decision changes the given item; here there is none yet.
      const decision = { ...sent, calendar: sent.calendar.map((one) =>
        (one.kind === "update" ? { kind: "create" as const, item: one.item } : one)) };
      return await this.#carryOut(ctx, mailboxId, calendar, null, decision);
    });
  }

  /** The meeting as its organizer made it; who has to hear of it does. */
  async update(ctx: Ctx, act: Act, edit: (item: ItemBag) => ItemBag): Promise<Acted> {
    return await this.#act(ctx, act, ({ item, organizer }) => updateMeeting(item, edit(item), organizer));
  }

  /** The whole meeting is off, or one occurrence; `day` is midnight of the day that it began on by its series. */
  async cancel(ctx: Ctx, act: Act, day?: LocalMinutes): Promise<Acted> {
    return await this.#act(ctx, act, ({ item, organizer }) =>
      (day === undefined ? cancelMeeting(item, organizer) : cancelOccurrenceOf(item, day, organizer)));
  }

  async respond(ctx: Ctx, act: Act, answer: {
    answer: Answer; day?: LocalMinutes; comment?: string; proposal?: Proposal; isSent?: boolean;
  }): Promise<Acted> {
    const { by } = act;
    return await this.#act(ctx, act, ({ item, attendee }) =>
      respond(item, { ...attendee, ...answer, ...(by === undefined ? {} : { by }) }));
  }

  /** Sends the invitation on; its organizer is told. */
  async forward(
    ctx: Ctx, act: Act, to: readonly DisplayAddress[], more: { day?: LocalMinutes; comment?: string } = {},
  ): Promise<Acted> {
    return await this.#act(ctx, act, ({ item, attendee }) =>
      forwardMeeting(item, { ...attendee, ...more, forwarder: act.by ?? attendee.me.person, to }));
  }

  /** Takes what was canceled out of the calendar. */
  async removeCanceled(ctx: Ctx, act: Act, day?: LocalMinutes): Promise<Acted> {
    return await this.#act(ctx, act, ({ item, attendee }) => removeCanceled(item, day, attendee));
  }

  async #act(ctx: Ctx, act: Act, decide: (acting: Acting) => Decision): Promise<Acted> {
    return await this.#desk.alone(act.mailboxId, async () => {
      for (let tries = 1; ; tries++) {
        const calendar = await MeetingCalendar.open(ctx, this.#desk.parts.mailboxes, act.mailboxId);
        const held = await calendar.held(ctx, act.messageId);
        const item = held.items[0]!;
        if (act.expectedCn !== undefined && held.rowOf(item)?.cn !== act.expectedCn) {
          throw new Fault("conflict", "Somebody else changed this meeting meanwhile.");
        }
        const decision = decide({ item, ...await this.#contexts(ctx, act.mailboxId, held.items, act.by) });
        try {
          return await this.#carryOut(ctx, act.mailboxId, calendar, held, decision);
        } catch (error) {
          const isOvertaken = error instanceof Fault && error.code === "conflict" && act.expectedCn === undefined;
          if (!isOvertaken || tries >= limits.itemUpdateTriesMax) throw error;
          throwIfCancelled(ctx);
        }
      }
    });
  }

  async #contexts(
    ctx: Ctx, mailboxId: MailboxId, items: readonly ItemBag[], by: DisplayAddress | undefined,
  ): Promise<Omit<Acting, "item">> {
    const { directory } = this.#desk.parts;
    const entry = await directory.entryOfMailbox(ctx, mailboxId);
    if (entry === null) throw new Fault("notFound", "This mailbox does not exist any more.");
    const me = await ownerOf(ctx, directory, entry);
    const common = { now: ctx.system.nowMs(), resolve: await resolverFor(ctx, directory, items) };
    return {
      attendee: { ...common, me }, organizer: { ...common, organizer: me.person, ...(by === undefined ? {} : { by }) },
    };
  }

  async #carryOut(
    ctx: Ctx, mailboxId: MailboxId, calendar: MeetingCalendar, held: HeldMeeting | null, decision: Decision,
  ): Promise<Acted> {
    const { directory, send } = this.#desk.parts;
    const entry = (await directory.entryOfMailbox(ctx, mailboxId))!;
    const resolve = await resolverFor(ctx, directory, decision.messages.map(({ item }) => item));
    const chance = Buffer.from(ctx.system.randomBytes(12)).toString("hex");
    const mails = decision.messages.map((message, index) => mailOf(message, {
      onceKey: `act.${mailboxId}.${chance}.${index}`, sender: entry.address, isAutomatic: false, resolve,
      nowMs: ctx.system.nowMs(),
    })).filter((one) => one !== null);
    const ids = await calendar.apply(ctx, held ?? await calendar.nothing(ctx), decision);
    for (const mail of mails) await send(ctx, mail);
    return { decision, messageId: [...ids.values()][0] ?? null };
  }
}
