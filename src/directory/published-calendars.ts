/**
 * Calendars that are published: whoever has the link may read them, until it is revoked. The link holds a token made of
 * a random part of the row and a key of the server, so that it can be shown again to its owner and is in no row.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { Fault } from "#base/fault.ts";
import type { EntryId, FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { beginChange, lockDirectory, requireEntry } from "#directory/changes.ts";
import type { By } from "#directory/changes.ts";
import { mailboxKinds } from "#directory/kinds.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { takeCounter } from "#store/server-cn.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** How much is told: times; subjects and places too; everything but who is invited. */
export const publishDetails = ["availability", "limited", "full"] as const;
export type PublishDetail = (typeof publishDetails)[number];

export interface PublishedCalendar {
  readonly publishId: number;
  readonly entryId: EntryId;
  readonly folderId: FolderId;
  readonly nonce: Uint8Array;
  readonly detail: PublishDetail;
  /** Days before and after today that are told. */
  readonly pastDays: number;
  readonly futureDays: number;
  readonly createdMs: number;
}

interface Row {
  publish_id: number; entry_id: number; folder_id: number; nonce: Uint8Array; detail: string; past_days: number;
  future_days: number; created_ms: number;
}

const columns = "publish_id, entry_id, folder_id, nonce, detail, past_days, future_days, created_ms";

const toPublished = (row: Row): PublishedCalendar => ({
  publishId: row.publish_id, entryId: row.entry_id as EntryId, folderId: row.folder_id as FolderId, nonce: row.nonce,
  detail: row.detail as PublishDetail, pastDays: row.past_days, futureDays: row.future_days,
  createdMs: row.created_ms,
});

export function* publishedById(publishId: number): Work<PublishedCalendar | null> {
  const row = yield* get<Row>(`SELECT ${columns} FROM published_calendar WHERE publish_id = $1`, publishId);
  return row === undefined ? null : toPublished(row);
}

export function* publishedOf(entryId: number): Work<PublishedCalendar[]> {
  const rows = yield* all<Row>(
    `SELECT ${columns} FROM published_calendar WHERE entry_id = $1 ORDER BY publish_id`, entryId);
  return rows.map(toPublished);
}

export interface PublishArgs extends By {
  readonly address: string;
  readonly folderId: number;
  readonly detail: PublishDetail;
  readonly pastDays: number;
  readonly futureDays: number;
  /** 32 random bytes, for a new link. */
  readonly nonce: Uint8Array;
}

/** One link for each folder and detail: what is published already keeps its link and takes the new window. */
export const publishCalendar = procedure({
  name: "directory.publishCalendar",
  *run(tx: Transaction, args: PublishArgs): Work<PublishedCalendar> {
    yield* lockDirectory();
    const entry = yield* requireEntry(args.address, mailboxKinds);
    const count = yield* get<{ count: number }>(
      "SELECT COUNT(*) AS count FROM published_calendar WHERE entry_id = $1", entry.entryId);
    if (count!.count >= limits.publishedCalendarsMax) {
      throw new Fault("tooMany", `${entry.address} has ${limits.publishedCalendarsMax} links already.`);
    }
    yield* beginChange(tx, args, "calendar-publish", entry.address,
      `${args.detail}, ${args.pastDays} days back, ${args.futureDays} ahead`);
    const publishId = yield* takeCounter("published_calendar");
    const row = yield* get<Row>(
      `INSERT INTO published_calendar (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (entry_id, folder_id, detail)
       DO UPDATE SET past_days = excluded.past_days, future_days = excluded.future_days RETURNING ${columns}`,
      publishId, entry.entryId, args.folderId, args.nonce, args.detail, args.pastDays, args.futureDays, tx.nowMs);
    return toPublished(row!);
  },
});

export interface PublishedArgs extends By {
  readonly address: string;
  /** null: every link of the person. */
  readonly publishId: number | null;
}

/** The links are dead at once; how many there were. Fault `notFound` without one. */
export const unpublishCalendar = procedure({
  name: "directory.unpublishCalendar",
  *run(tx: Transaction, args: PublishedArgs): Work<number> {
    yield* lockDirectory();
    const entry = yield* requireEntry(args.address, mailboxKinds);
    const removed = args.publishId === null
      ? yield* run("DELETE FROM published_calendar WHERE entry_id = $1", entry.entryId)
      : yield* run("DELETE FROM published_calendar WHERE entry_id = $1 AND publish_id = $2",
        entry.entryId, args.publishId);
    if (removed === 0) throw new Fault("notFound", `${entry.address} has no such link.`);
    yield* beginChange(tx, args, "calendar-unpublish", entry.address);
    return removed;
  },
});

/** The old link is dead, there is a new one. Fault `notFound`. */
export const rotatePublished = procedure({
  name: "directory.rotatePublished",
  *run(tx: Transaction, args: PublishedArgs & { readonly nonce: Uint8Array }): Work<PublishedCalendar> {
    yield* lockDirectory();
    const entry = yield* requireEntry(args.address, mailboxKinds);
    const row = yield* get<Row>(
      `UPDATE published_calendar SET nonce = $3 WHERE entry_id = $1 AND publish_id = $2 RETURNING ${columns}`,
      entry.entryId, args.publishId, args.nonce);
    if (row === undefined) throw new Fault("notFound", `${entry.address} has no such link.`);
    yield* beginChange(tx, args, "calendar-rotate", entry.address);
    return toPublished(row);
  },
});

/** Name of the server's key that tokens are made with. */
export const publishSecretName = "published-calendar";

/** 43 characters that fit into a URL. */
export function publishToken(secret: Uint8Array, { publishId, nonce }: PublishedCalendar): string {
  return createHmac("sha256", secret).update(`published\0${publishId}\0`).update(nonce).digest("base64url");
}

/** In the same time whatever is wrong with it. */
export function isPublishToken(secret: Uint8Array, published: PublishedCalendar, token: string): boolean {
  const [told, own] = [Buffer.from(token, "latin1"), Buffer.from(publishToken(secret, published), "latin1")];
  return told.length === own.length && timingSafeEqual(told, own);
}

/** Path of the link, without what is told about the form: `calendar.ics`, `calendar.html`. */
export function publishPath(secret: Uint8Array, published: PublishedCalendar): string {
  return `/published/${published.publishId}-${publishToken(secret, published)}`;
}
