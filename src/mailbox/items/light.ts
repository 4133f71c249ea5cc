/**
 * A few columns of many rows: what tables order and restrict by, without looking into items. Columns that nobody asked
 * for are not read, and the second table is joined only where one of its columns is.
 */
import type { ChangeNumber, FolderId, MessageId } from "#base/ids.ts";
import { idsAtOnce, padIds, places } from "#mailbox/tx/item-rows.ts";
import { extraBits } from "#mailbox/tx/parts.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Each column as it stands in the store; texts are never null. */
const lightColumns = {
  flags: "m.flags", keywords: "m.keywords", cn: "m.cn", readCn: "m.read_cn", sizeBytes: "m.size_bytes",
  internalMs: "m.internal_ms", savedMs: "m.saved_ms", itemId: "m.item_id", contentId: "m.content_id",
  messageClass: "d.message_class", subject: "d.subject", normalizedSubject: "d.normalized_subject",
  fromName: "d.from_name", displayTo: "d.display_to", displayCc: "d.display_cc", sentMs: "d.sent_ms",
  hasAttachments: "d.has_attachments", importance: "d.importance", sensitivity: "d.sensitivity",
  conversationId: "d.conversation_id", itemSizeBytes: "COALESCE(d.item_size_bytes, m.size_bytes)",
  origin: "d.origin", cameFromId: "d.came_from_id", cameFromFolderId: "d.came_from_folder_id", cameBy: "d.came_by",
  deletedFromId: "d.deleted_from_id",
  isIndexed: `CASE WHEN d.origin = 1 OR (d.extras & ${extraBits.plain}) <> 0 THEN 1 ELSE 0 END`,
  isPlain: `CASE WHEN d.origin = 0 AND d.bag IS NULL AND (d.extras & ${extraBits.plain}) <> 0 THEN 1 ELSE 0 END`,
} as const;
export type LightColumn = keyof typeof lightColumns;

/** Always told, and the columns that were asked for; the others are not there. */
export interface LightRow {
  readonly messageId: MessageId;
  readonly folderId: FolderId;
  /** Newest change of content, flags or read state. */
  readonly modSeq: ChangeNumber;
  readonly flags: number;
  /** JSON, null for none. */
  readonly keywords: string | null;
  readonly cn: ChangeNumber;
  readonly readCn: ChangeNumber;
  readonly sizeBytes: number;
  readonly internalMs: number;
  readonly savedMs: number;
  readonly itemId: number;
  readonly contentId: number | null;
  readonly messageClass: string;
  readonly subject: string;
  readonly normalizedSubject: string;
  readonly fromName: string;
  readonly displayTo: string;
  readonly displayCc: string;
  readonly sentMs: number | null;
  /** 0 or 1. */
  readonly hasAttachments: number;
  readonly importance: number;
  readonly sensitivity: number;
  readonly conversationId: Uint8Array | null;
  readonly itemSizeBytes: number;
  /** 0: MIME, 1: properties. */
  readonly origin: number;
  /** The id and folder it had before it was moved (`cameBy` 1) or copied (2) here; null when it was not. */
  readonly cameFromId: MessageId | null;
  readonly cameFromFolderId: FolderId | null;
  readonly cameBy: number | null;
  /** Of what is in Recoverable Items: the folder it was removed from. */
  readonly deletedFromId: FolderId | null;
  /** 1: what its properties show as text is what the full-text index has. */
  readonly isIndexed: number;
  /** 1: plain mail beside whose bytes nobody has set anything. */
  readonly isPlain: number;
}

/** What is read beside the columns, for slices and for who may see what. */
export interface LightRecord extends LightRow {
  readonly uid: number;
  readonly associated: number;
  readonly creatorId: number | null;
}

function selected(columns: readonly LightColumn[], withMaker: boolean): string {
  const wanted = new Set<LightColumn>(columns);
  if (withMaker) wanted.add("sensitivity");
  // In the order of the table above: the same columns make one text, whatever order they were asked in.
  const own = (Object.keys(lightColumns) as LightColumn[]).filter((name) => wanted.has(name));
  const spelled = own.map((name) => `, ${lightColumns[name]} AS "${name}"`).join("");
  const maker = withMaker ? ', d.creator_id AS "creatorId"' : "";
  const detail = withMaker || own.some((name) => lightColumns[name].includes("d."));
  const join = detail ? " JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id" : "";
  return `SELECT m.uid, m.associated, m.message_id AS "messageId", m.folder_id AS "folderId",
    m.mod_seq AS "modSeq"${spelled}${maker} FROM message m${join}`;
}

/** Which columns, and whether to tell who made what is private. */
export interface LightQuery {
  readonly columns: readonly LightColumn[];
  readonly withMaker: boolean;
}

/** Rows of a folder behind a UID, ascending. */
export function* readLightSlice(
  mailboxId: number, query: LightQuery, at: { folderId: number; associated: number; afterUid: number; rows: number },
): Work<LightRecord[]> {
  return yield* all<LightRecord>(
    `${selected(query.columns, query.withMaker)}
     WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = $3 AND m.uid > $4 ORDER BY m.uid LIMIT $5`,
    mailboxId, at.folderId, at.associated, at.afterUid, at.rows);
}

/** Rows of a folder that changed, in the order of their changes. */
export function* readLightChanges(
  mailboxId: number, query: LightQuery,
  at: { folderId: number; associated: number; afterSeq: number; afterUid: number; rows: number },
): Work<LightRecord[]> {
  return yield* all<LightRecord>(
    `${selected(query.columns, query.withMaker)}
     WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = $3
       AND (m.mod_seq > $4 OR (m.mod_seq = $4 AND m.uid > $5)) ORDER BY m.mod_seq, m.uid LIMIT $6`,
    mailboxId, at.folderId, at.associated, at.afterSeq, at.afterUid, at.rows);
}

/** Rows of messages of a folder with UIDs in a range; not of what is associated. */
export function* readLightRange(
  mailboxId: number, query: LightQuery, at: { folderId: number; first: number; last: number; rows: number },
): Work<LightRecord[]> {
  return yield* all<LightRecord>(
    `${selected(query.columns, query.withMaker)}
     WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4
     ORDER BY m.uid LIMIT $5`,
    mailboxId, at.folderId, at.first, at.last, at.rows);
}

/** Rows of some messages, in no order. */
export function* readLightRows(
  mailboxId: number, query: LightQuery, messageIds: readonly number[],
): Work<LightRecord[]> {
  const found: LightRecord[] = [];
  const text = selected(query.columns, query.withMaker);
  for (let at = 0; at < messageIds.length; at += idsAtOnce) {
    const ids = padIds(messageIds.slice(at, at + idsAtOnce));
    found.push(...yield* all<LightRecord>(
      `${text} WHERE m.mailbox_id = $1 AND m.message_id IN (${places(ids.length)})`, mailboxId, ...ids));
  }
  return found;
}
