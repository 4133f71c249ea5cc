/** Published calendars read from mailboxes: which link it is, what it may tell, and whether that has changed. */
import { createHash, createHmac } from "node:crypto";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId, MailboxId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { deskPrincipal, timeProperties } from "#calendar/desk/calendar.ts";
import { workingHoursOf } from "#calendar/desk/working-hours.ts";
import { appointmentsOf } from "#calendar/occurrences/appointment.ts";
import { publishedEvents } from "#calendar/published/events.ts";
import type { PublishedEvent } from "#calendar/published/events.ts";
import type { Window } from "#calendar/recurrence/expand.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { plainBodyOf } from "#convert/bodies.ts";
import type { ItemBag } from "#convert/item.ts";
import { isPublishToken, publishSecretName } from "#directory/published-calendars.ts";
import type { PublishedCalendar } from "#directory/published-calendars.ts";
import type { Entry } from "#directory/reads.ts";
import type { FolderInfo, Mailbox, Mailboxes } from "#mailbox/api.ts";
import { properties } from "#props/registry.ts";

const p = properties;
const dayMs = 86_400_000;

/** `StoreDirectory` is one. */
export interface PublishedDirectory {
  published(ctx: Ctx, publishId: number): Promise<PublishedCalendar | null>;
  entry(ctx: Ctx, entryId: EntryId): Promise<Entry | null>;
  secret(ctx: Ctx, name: string): Promise<Uint8Array>;
}

export interface OpenPublished {
  readonly published: PublishedCalendar;
  readonly owner: Entry;
  readonly mailbox: Mailbox;
  readonly folder: FolderInfo;
  /** What is told, by whole days. */
  readonly window: Window;
  /** Another one when anything that is told may have changed. RFC 9110 §8.8.3 */
  readonly version: string;
}

export interface PublishedView {
  readonly events: readonly PublishedEvent[];
  /** The owner's own. */
  readonly zone: Zone;
  /** There are more than are told. */
  readonly isCut: boolean;
  readonly uidOf: (key: string) => string;
}

export class PublishedCalendars {
  readonly #mailboxes: Mailboxes;
  readonly #directory: PublishedDirectory;

  constructor(mailboxes: Mailboxes, directory: PublishedDirectory) {
    this.#mailboxes = mailboxes;
    this.#directory = directory;
  }

  /** null for a link that is wrong, revoked or of somebody who is disabled: nobody can tell which. */
  async open(ctx: Ctx, publishId: number, token: string): Promise<OpenPublished | null> {
    const secret = await this.#directory.secret(ctx, publishSecretName);
    const published = await this.#directory.published(ctx, publishId);
    // What is not there is compared too, so that an id that exists takes no other time.
    if (!isPublishToken(secret, published ?? nobody, token) || published === null) return null;
    const owner = await this.#directory.entry(ctx, published.entryId);
    if (owner === null || owner.disabled || owner.mailboxId === null) return null;
    try {
      const mailbox = await this.#mailboxes.open(ctx, deskPrincipal, owner.mailboxId as MailboxId);
      const folder = await mailbox.folder(ctx, published.folderId);
      const today = Math.floor(ctx.system.nowMs() / dayMs) * dayMs;
      const window = {
        fromUtcMs: today - published.pastDays * dayMs, toUtcMs: today + (published.futureDays + 1) * dayMs,
      };
      const { nonce, detail, pastDays, futureDays } = published;
      const version = createHash("sha256").update(nonce)
        .update(JSON.stringify([detail, pastDays, futureDays, today, folder.highestCn, folder.cn, owner.displayName]))
        .digest("base64url").slice(0, 24);
      return { published, owner, mailbox, folder, window, version };
    } catch (error) {
      if (error instanceof Fault && (error.code === "notFound" || error.code === "accessDenied")) return null;
      throw error;
    }
  }

  async view(ctx: Ctx, { published, mailbox, window }: OpenPublished): Promise<PublishedView> {
    const { folderId, detail } = published;
    const { items } = mailbox;
    const calendar = await mailbox.folderByRole(ctx, "calendar");
    const zone = (await workingHoursOf(ctx, items, calendar.folderId))?.zone ?? utcZone;
    const timed = await items.calendarItems(ctx, folderId, window.fromUtcMs - dayMs, window.toUtcMs + dayMs);
    const ids = timed.filter(({ row }) => /^IPM\.Appointment(?:\.|$)/i.test(row.messageClass))
      .map(({ row }) => row.messageId);
    const wanted = detail === "full" ? withBodies : timeProperties;
    const keys = new Map<ItemBag, string>();
    const found: ItemBag[] = [];
    for (let at = 0; at < ids.length; at += limits.sliceRows) {
      for (const { row, object } of await items.properties(ctx, ids.slice(at, at + limits.sliceRows), wanted)) {
        const item: ItemBag = { ...object, recipients: [], attachments: [] };
        keys.set(item, keyOf(row.messageId));
        found.push(item);
      }
    }
    const appointments = [...appointmentsOf(found, zone)];
    const { events, isCut } = upTo(limits.publishedInstancesMax, window, (max, until) =>
      publishedEvents(appointments, {
        window: until, detail, max, keyOf: ({ item }) => keys.get(item) ?? "",
        descriptionOf: ({ item }) => plainBodyOf(item) ?? "",
      }));
    const secret = await this.#directory.secret(ctx, publishSecretName);
    const uidOf = (key: string): string =>
      `${createHmac("sha256", secret).update(published.nonce).update(key).digest("hex").slice(0, 40)}@published`;
    return { events, zone, isCut, uidOf };
  }
}

const nobody: PublishedCalendar = {
  publishId: 0, entryId: 0 as EntryId, folderId: 0 as PublishedCalendar["folderId"], nonce: new Uint8Array(32),
  detail: "availability", pastDays: 0, futureDays: 0, createdMs: 0,
};

const keyOf = (messageId: MessageId): string => String(messageId);

const withBodies = {
  ...timeProperties,
  tags: [...timeProperties.tags, p.PidTagBody.tag, p.PidTagHtml.tag, p.PidTagRtfCompressed.tag],
};

/** A window that holds too much is halved, until what is told is told whole. */
function upTo(
  max: number, window: Window, body: (max: number, window: Window) => PublishedEvent[],
): { events: PublishedEvent[]; isCut: boolean } {
  for (let until = window; ;) {
    try {
      return { events: body(max, until), isCut: until !== window };
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "tooMany") throw error;
      const spanMs = Math.floor((until.toUtcMs - until.fromUtcMs) / 2);
      if (spanMs < dayMs) return { events: [], isCut: true };
      until = { fromUtcMs: until.fromUtcMs, toUtcMs: until.fromUtcMs + spanMs };
    }
  }
}
