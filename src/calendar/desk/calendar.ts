/** The calendar folder of a mailbox: what it holds of a meeting, and decisions carried out in it. */
import { Buffer } from "node:buffer";
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, FolderId, MailboxId, MessageId } from "#base/ids.ts";
import { changeOf, loadItemBag } from "#calendar/desk/item-bags.ts";
import type { LoadedItem } from "#calendar/desk/item-bags.ts";
import { Ledger } from "#calendar/desk/ledger.ts";
import { appointmentOf } from "#calendar/occurrences/appointment.ts";
import type { Decision, MeetingState, Tombstone } from "#calendar/meetings/decision.ts";
import { afterChange, newReminder, reminderOf, setReminder } from "#calendar/reminders/signal.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import { getProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import type { Mailbox, Mailboxes, Principal } from "#mailbox/api.ts";
import type { Items } from "#mailbox/items-api.ts";
import { properties } from "#props/registry.ts";

const p = properties;

/** The server itself: whoever asks, meetings are carried out in the calendar they are of. */
export const deskPrincipal: Principal =
  { entryId: 0, address: "calendar", displayName: "Calendar", mailboxId: null };

interface HeldRow {
  readonly messageId: MessageId;
  readonly cn: ChangeNumber;
  readonly loaded: LoadedItem;
}

/** All of one meeting, as it was at one moment. */
export class HeldMeeting implements MeetingState {
  readonly items: readonly ItemBag[];
  readonly tombstones: readonly Tombstone[];
  readonly ledger: Ledger;
  readonly #rows = new Map<ItemBag, HeldRow>();

  constructor(rows: readonly HeldRow[], ledger: Ledger, meeting: string) {
    for (const row of rows) this.#rows.set(row.loaded.item, row);
    this.items = rows.map(({ loaded }) => loaded.item);
    this.ledger = ledger;
    this.tombstones = ledger.of(meeting);
  }

  rowOf(item: ItemBag): HeldRow | undefined {
    return this.#rows.get(item);
  }

  itemOf(messageId: MessageId): ItemBag | undefined {
    return [...this.#rows].find(([, row]) => row.messageId === messageId)?.[0];
  }
}

export class MeetingCalendar {
  readonly mailbox: Mailbox;
  readonly folderId: FolderId;

  private constructor(mailbox: Mailbox, folderId: FolderId) {
    this.mailbox = mailbox;
    this.folderId = folderId;
  }

  static async open(ctx: Ctx, mailboxes: Mailboxes, mailboxId: MailboxId): Promise<MeetingCalendar> {
    const mailbox = await mailboxes.open(ctx, deskPrincipal, mailboxId);
    return new MeetingCalendar(mailbox, (await mailbox.folderByRole(ctx, "calendar")).folderId);
  }

  get items(): Items {
    return this.mailbox.items;
  }

  async meeting(ctx: Ctx, globalObjectId: Uint8Array): Promise<HeldMeeting> {
    // The ledger first: what is taken off between the two reads is seen twice, not never.
    const ledger = await Ledger.read(ctx, this.items, this.folderId);
    const timed = await this.items.itemsByGlobalObjectId(ctx, globalObjectId, this.folderId);
    const rows: HeldRow[] = [];
    for (const { row } of timed) rows.push(await this.#load(ctx, row.messageId));
    return new HeldMeeting(rows, ledger, Buffer.from(globalObjectId).toString("hex"));
  }

  /** One item of the calendar with no regard to what else is known of its meeting. */
  async held(ctx: Ctx, messageId: MessageId): Promise<HeldMeeting> {
    const row = await this.#load(ctx, messageId);
    const { item } = row.loaded;
    const id = getProperty(item, p.PidLidCleanGlobalObjectId) ?? getProperty(item, p.PidLidGlobalObjectId);
    const ledger = await Ledger.read(ctx, this.items, this.folderId);
    return new HeldMeeting([row], ledger, id === undefined ? "" : Buffer.from(id).toString("hex"));
  }

  /** For what comes into the calendar by its owner: nothing is known of it. */
  async nothing(ctx: Ctx): Promise<HeldMeeting> {
    return new HeldMeeting([], await Ledger.read(ctx, this.items, this.folderId), "");
  }

  async #load(ctx: Ctx, messageId: MessageId): Promise<HeldRow> {
    const stored = await this.items.open(ctx, messageId);
    return { messageId, cn: stored.row.cn, loaded: await loadItemBag(ctx, stored) };
  }

  /** Appointments that touch a window, with what times and states are told by. */
  async between(ctx: Ctx, fromMs: number, toMs: number): Promise<ItemBag[]> {
    const timed = await this.items.calendarItems(ctx, this.folderId, fromMs, toMs);
    const ids = timed.filter(({ row }) => /^IPM\.Appointment(?:\.|$)/i.test(row.messageClass))
      .map(({ row }) => row.messageId);
    const found = await this.items.properties(ctx, ids, timeProperties);
    return found.map(({ object }) => ({ ...object, recipients: [], attachments: [] }));
  }

  /**
   * Carries a decision out. Fault `conflict` when one of its items, or the ledger, is not any more what it was decided
   * by: then it must be decided anew. Whoever answers notes what leaves the calendar before it leaves; what comes from
   * others is noted after it is done, so that whatever was half done is done again.
   */
  async apply(ctx: Ctx, held: HeldMeeting, decision: Decision): Promise<Map<ItemBag, MessageId>> {
    const nowMs = ctx.system.nowMs();
    const isOwn = decision.outcome === "responded" || decision.outcome === "sent";
    if (isOwn) await held.ledger.add(ctx, this.items, decision.tombstones, nowMs);
    const ids = new Map<ItemBag, MessageId>();
    for (const change of decision.calendar) {
      if (change.kind === "create") {
        remindOf(change.item, undefined, nowMs);
        const saved = await this.items.create(ctx, { folderId: this.folderId, item: change.item, flags: seen });
        ids.set(change.item, saved.messageId);
        continue;
      }
      const row = held.rowOf(change.before);
      if (row === undefined) throw new Error("a decision about an item that is not in the calendar");
      if (change.kind === "delete") {
        await this.items.remove(ctx, [row.messageId], "soft");
        continue;
      }
      remindOf(change.item, change.before, nowMs);
      const update = changeOf(row.loaded, change.item);
      if (update !== null) await this.items.update(ctx, { messageId: row.messageId, expectedCn: row.cn, ...update });
      ids.set(change.item, row.messageId);
    }
    if (!isOwn) await held.ledger.add(ctx, this.items, decision.tombstones, nowMs);
    return ids;
  }
}

/** `messageFlags.seen`: an appointment is no unread mail. */
const seen = 1;

/** Keeps the due time of a reminder right when times change; what was dismissed stays so. [MS-OXORMDR] 3.1.4 */
export function remindOf(item: ItemBag, before: ItemBag | undefined, nowMs: number, zone: Zone = utcZone): void {
  if (getProperty(item, p.PidLidReminderSet) !== true) return;
  const appointment = appointmentOf(item, zone);
  if (appointment === undefined) return;
  const had = before === undefined ? undefined : appointmentOf(before, zone);
  setReminder(item, had === undefined ? newReminder(appointment, nowMs)
    : afterChange(appointment, reminderOf(had), nowMs));
}

/** What times, states and views are told by. */
export const timeProperties = {
  tags: [
    p.PidTagMessageClass, p.PidTagSubject, p.PidTagSensitivity, p.PidTagSentRepresentingName,
  ].map(({ tag }) => tag),
  names: [
    p.PidLidAppointmentStartWhole, p.PidLidAppointmentEndWhole, p.PidLidCommonStart, p.PidLidCommonEnd,
    p.PidLidAppointmentDuration, p.PidLidAppointmentSubType, p.PidLidBusyStatus, p.PidLidAppointmentStateFlags,
    p.PidLidRecurring, p.PidLidAppointmentRecur, p.PidLidTimeZoneStruct, p.PidLidTimeZoneDescription,
    p.PidLidAppointmentTimeZoneDefinitionRecur, p.PidLidAppointmentTimeZoneDefinitionStartDisplay,
    p.PidLidAppointmentTimeZoneDefinitionEndDisplay, p.PidLidPrivate, p.PidLidReminderSet, p.PidLidReminderDelta,
    p.PidLidLocation, p.PidLidCleanGlobalObjectId, p.PidLidGlobalObjectId,
  ].map(({ named }) => named),
};
