/** The procedure that puts a MIME message into a folder: for APPEND, delivery and import. */
import { encodeMimeIndex } from "#format/mime/index-text.ts";
import { Fault } from "#base/fault.ts";
import { createMimeIndexer } from "#format/mime/indexer.ts";
import { messageFlags } from "#mailbox/api.ts";
import { describeArrival } from "#mailbox/items/mime-head.ts";
import type { ArrivedMime } from "#mailbox/items/mime-head.ts";
import { findConversationKey } from "#mailbox/tx/conversation.ts";
import {
  adjustFolder, adjustMailbox, takeCn, takeContentId, takeItemIds, takeObjectIds,
} from "#mailbox/tx/counters.ts";
import { readFolder, readFolderByRole } from "#mailbox/tx/folders.ts";
import { contentKeys, listedFieldsOf } from "#mailbox/keys/content-keys.ts";
import type { ContentKeys } from "#mailbox/keys/content-keys.ts";
import { makeGrams, putGrams } from "#mailbox/tx/grams.ts";
import { putFields, putKeys } from "#mailbox/tx/keys.ts";
import { checkQuota } from "#mailbox/tx/quota.ts";
import { setTime } from "#mailbox/tx/item-parts.ts";
import { extraBits } from "#mailbox/tx/parts.ts";
import { markNewRead, rowFlags } from "#mailbox/tx/readers.ts";
import type { ReaderId } from "#mailbox/tx/readers.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { messageColumns } from "#mailbox/tx/rows.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import { sourceReader } from "#mailbox/tx/source.ts";
import { discard } from "#mailbox/tx/transfer.ts";
import { procedure } from "#store/api.ts";
import type { PrepareIo, Transaction } from "#store/api.ts";
import { addToSearchIndex } from "#store/search-index.ts";
import type { SearchFields } from "#store/search-index.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Bytes of a message: `inline` first, then those of the blob, when there is one. */
export interface MessageSource {
  readonly inline: Uint8Array;
  readonly blob: { readonly hash: string; readonly sizeBytes: number } | null;
}

export interface InsertMessage {
  readonly folder: { readonly folderId: number } | { readonly role: FolderRole };
  readonly source: MessageSource;
  readonly flags: number;
  readonly keywords: readonly string[];
  readonly internalMs: number | null;
  /** The mailbox may not grow past this; null for no limit. */
  readonly quotaBytes: number | null;
  /** Set for deliveries: the same id is inserted once, however often it is tried. */
  readonly deliveryId: string | null;
  /** Whoever puts it there; null for the owner and for deliveries. */
  readonly creatorId?: number | null;
  /** Of the public store: whose read mark `flags` tells. */
  readonly readerId?: ReaderId;
}

export interface Inserted {
  readonly messageId: number;
  readonly uid: number;
  readonly uidValidity: number;
  readonly folderId: number;
  readonly cn: number;
  /** Nothing was inserted: this delivery id was seen before. */
  readonly duplicate: boolean;
  /** Set for a meeting message, also for one that was inserted before. */
  readonly meeting: ArrivedMeeting | null;
}

/** What a calendar must know of a meeting message to find it. */
export interface ArrivedMeeting {
  readonly messageClass: string;
  /** PidLidCleanGlobalObjectId; null when it tells none. */
  readonly globalObjectId: Uint8Array | null;
  readonly messageIdHeader: string;
}

function meetingOf({ columns: { messageClass, messageIdHeader }, time }: ArrivedMime): ArrivedMeeting | null {
  if (!messageClass.startsWith("IPM.Schedule.Meeting.")) return null;
  return { messageClass, globalObjectId: time?.globalObjectId ?? null, messageIdHeader };
}

interface Parsed {
  readonly indexText: string;
  readonly arrived: ArrivedMime;
  readonly search: SearchFields;
  readonly grams: Uint8Array;
  readonly keys: ContentKeys;
  readonly fields: string | null;
  readonly sizeBytes: number;
}

/** The message last parsed from a blob: one message to many people is parsed once on each writer thread. */
let lastParsed: { key: string; parsed: Parsed } | null = null;

function parse(source: MessageSource, io: PrepareIo): Parsed {
  const key = source.blob === null ? null : `${source.blob.hash} ${Buffer.from(source.inline).toString("latin1")}`;
  if (key !== null && lastParsed?.key === key) return lastParsed.parsed;
  const indexer = createMimeIndexer();
  indexer.push(source.inline);
  if (source.blob !== null) io.readBlob(source.blob.hash, (chunk) => indexer.push(chunk));
  const { index, searchText } = indexer.end();
  const read = sourceReader(source, io);
  const parsed = {
    indexText: encodeMimeIndex(index),
    arrived: describeArrival(index, read, null),
    grams: makeGrams(index, read),
    keys: contentKeys(index),
    fields: listedFieldsOf(read(index.headerStart, index.headerSizeBytes)),
    search: searchText,
    sizeBytes: index.sizeBytes,
  };
  if (key !== null) lastParsed = { key, parsed };
  return parsed;
}

export const insertMessage = procedure({
  name: "mailbox.insertMessage",
  prepare: (args: InsertMessage, io) => parse(args.source, io),
  *run(tx, args: InsertMessage, parsed: Parsed): Work<Inserted> {
    const mailboxId = tx.scope;
    if (args.deliveryId !== null && (yield* isDelivered(mailboxId, args.deliveryId))) {
      const meeting = meetingOf(parsed.arrived);
      return { messageId: 0, uid: 0, uidValidity: 0, folderId: 0, cn: 0, duplicate: true, meeting };
    }
    const folder = "role" in args.folder ? yield* readFolderByRole(mailboxId, args.folder.role)
      : yield* readFolder(mailboxId, args.folder.folderId);
    if (folder.search_folder === 1) throw new Fault("notAllowed", "A search folder holds no messages of its own.");
    const twins = folder.role === "sentItems" ? yield* findSentTwins(tx, folder.folder_id, args, parsed) : [];
    if (twins.length > 0 && args.deliveryId !== null) {
      return { messageId: 0, uid: 0, uidValidity: 0, folderId: 0, cn: 0, duplicate: true, meeting: null };
    }
    yield* checkQuota(mailboxId, args.quotaBytes, parsed.sizeBytes);
    const cn = yield* takeCn(mailboxId);
    if (twins.length > 0) yield* discard(tx, cn, twins, folder.folder_id, "hard");
    const contentId = yield* insertContent(mailboxId, args.source, parsed);
    const messageId = yield* takeObjectIds(mailboxId, 1);
    const itemId = yield* takeItemIds(mailboxId, 1);
    const flags = rowFlags(args.flags, args.readerId);
    const unread = (flags & messageFlags.seen) === 0 ? 1 : 0;
    const uid = yield* adjustFolder(mailboxId, folder.folder_id, cn,
      { messages: 1, unread, sizeBytes: parsed.sizeBytes, uids: 1 });
    yield* adjustMailbox(mailboxId, 1, parsed.sizeBytes);
    yield* run(
      `INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn,
         mod_seq, size_bytes, internal_ms, saved_ms, content_id)
       VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $8, $8, $9, $10, $11, $12)`,
      mailboxId, itemId, messageId, folder.folder_id, uid, flags,
      args.keywords.length === 0 ? null : JSON.stringify(args.keywords), cn, parsed.sizeBytes,
      args.internalMs ?? tx.nowMs, tx.nowMs, contentId);
    yield* insertDetail(mailboxId, itemId, parsed.arrived, args.creatorId ?? null);
    yield* addToSearchIndex(tx, contentId, parsed.search);
    yield* putGrams(mailboxId, contentId, parsed.grams);
    yield* putKeys(mailboxId, contentId, parsed.keys);
    yield* putFields(mailboxId, contentId, parsed.fields);
    yield* markNewRead(mailboxId, args.readerId, folder.folder_id, uid, args.flags, cn);
    if (args.deliveryId !== null) {
      yield* run("INSERT INTO delivery (mailbox_id, delivery_id, delivered_ms) VALUES ($1, $2, $3)",
        mailboxId, args.deliveryId, tx.nowMs);
    }
    return {
      messageId, uid, uidValidity: folder.uid_validity, folderId: folder.folder_id, cn, duplicate: false,
      meeting: meetingOf(parsed.arrived),
    };
  },
});

/** How long after the server filed a copy a sender's program may bring its own. */
const sentTwinMs = 24 * 3_600_000;

/**
 * What is sent in a mailbox's name is in its Sent Items once, though the server files it and the sender's program may
 * put its own copy there too: the server's gives way to the program's, which also tells of blind copies.
 */
function* findSentTwins(
  tx: Transaction, folderId: number, args: InsertMessage, { arrived: { columns } }: Parsed,
): Work<MessageRecord[]> {
  const isByProgram = (args.creatorId ?? null) !== null;
  if (columns.messageIdHeader === "" || (args.deliveryId === null && !isByProgram)) return [];
  return yield* all<MessageRecord>(
    `SELECT ${messageColumns} FROM message_detail d
     JOIN message m ON m.mailbox_id = d.mailbox_id AND m.item_id = d.item_id
     WHERE d.mailbox_id = $1 AND d.message_id_header = $2 AND m.folder_id = $3 AND m.associated = 0
       AND m.saved_ms > $4 ${isByProgram ? "AND d.creator_id IS NULL" : ""} LIMIT 10`,
    tx.scope, columns.messageIdHeader, folderId, tx.nowMs - sentTwinMs);
}

function* isDelivered(mailboxId: number, deliveryId: string): Work<boolean> {
  const row = yield* get("SELECT 1 AS found FROM delivery WHERE mailbox_id = $1 AND delivery_id = $2",
    mailboxId, deliveryId);
  return row !== undefined;
}

function* insertContent(mailboxId: number, source: MessageSource, parsed: Parsed): Work<number> {
  const contentId = yield* takeContentId(mailboxId);
  yield* run(
    "INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, $3, $4, $5)",
    mailboxId, contentId, parsed.sizeBytes, source.blob?.hash ?? null, source.inline);
  const { head } = parsed.arrived;
  yield* run("INSERT INTO mime (mailbox_id, content_id, mime_index, head, head_names) VALUES ($1, $2, $3, $4, $5)",
    mailboxId, contentId, parsed.indexText, head?.bag ?? null, head?.names ?? null);
  return contentId;
}

function* insertDetail(
  mailboxId: number, itemId: number, { columns, time, trouble, isPlain }: ArrivedMime, creatorId: number | null,
): Work<void> {
  const conversationKey = yield* findConversationKey(mailboxId, columns.references);
  yield* run(
    `INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name,
       from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id,
       sensitivity, display_to, display_cc, conversation_key, extras, trouble, creator_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`,
    mailboxId, itemId, columns.messageClass, columns.subject, columns.normalizedSubject, columns.fromName,
    columns.fromAddress, columns.sentMs, columns.messageIdHeader, columns.inReplyTo, columns.hasAttachments ? 1 : 0,
    columns.importance, columns.preview, columns.conversationId, columns.sensitivity, columns.displayTo,
    columns.displayCc, conversationKey, (time === null ? 0 : extraBits.time) | (isPlain ? extraBits.plain : 0), trouble,
    creatorId);
  if (time !== null) yield* setTime(mailboxId, itemId, time);
}

/** Forgets deliveries so old that no queue row of theirs can be left. */
export const forgetDeliveries = procedure({
  name: "mailbox.forgetDeliveries",
  // No change number: nobody sees deliveries, and nobody should be woken for them.
  *run(tx, args: { beforeMs: number }): Work<number> {
    return yield* run("DELETE FROM delivery WHERE mailbox_id = $1 AND delivered_ms < $2", tx.scope, args.beforeMs);
  },
});
