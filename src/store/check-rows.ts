/**
 * What a check of a mailbox looks for, one row each: a query that names the ids in a range at which something is wrong,
 * and the statements that put one of them right. `$1` is the mailbox, `$2` and `$3` the range; for repairs `$2` is the
 * id. A repair asks its query again first, in the transaction that changes something.
 */
import type { Dialect } from "#store/api.ts";

export interface CheckRow {
  /** What a finding of this kind means; follows a count. */
  readonly says: string;
  /** Which ids are walked: items and attachments share a counter, folders and messages another. */
  readonly span: "item" | "object" | "content" | "folder" | "mailbox";
  readonly query: string | ((dialect: Dialect) => string);
  /** null: only people, or a backup, can put it right. */
  readonly repair: readonly (string | ((dialect: Dialect) => string))[] | null;
}

const noDetail = (owner: string): string =>
  `NOT EXISTS (SELECT 1 FROM message_detail d WHERE d.mailbox_id = $1 AND d.item_id = ${owner})`;

/** The bits of `extras` that tell of other tables. */
const extras = `(CASE WHEN EXISTS (SELECT 1 FROM item_value v
    WHERE v.mailbox_id = $1 AND v.item_id = d.item_id) THEN 1 ELSE 0 END
  + CASE WHEN EXISTS (SELECT 1 FROM item_time t
    WHERE t.mailbox_id = $1 AND t.item_id = d.item_id) THEN 2 ELSE 0 END)`;

const noContent = (user: string): string =>
  `NOT EXISTS (SELECT 1 FROM content c WHERE c.mailbox_id = $1 AND c.content_id = ${user})`;

const unused = (content: string): string =>
  `NOT EXISTS (SELECT 1 FROM message u WHERE u.mailbox_id = $1 AND u.content_id = ${content})
      AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.content_id = ${content})`;

/** The full-text row of a content, under the column that holds its id. */
const words = (dialect: Dialect): { id: string; where: string } => dialect === "sqlite"
  ? { id: "rowid", where: "" } : { id: "content_id", where: "mailbox_id = $1 AND " };

const countIn = (column: string, condition: string): string => `COALESCE((SELECT ${column} FROM message m
  WHERE m.mailbox_id = $1 AND m.folder_id = folder.folder_id${condition}), 0)`;

/** Bit 0 of `flags` is the seen mark. */
const folderCounts = {
  message_count: countIn("COUNT(*)", " AND m.associated = 0"),
  unread_count: countIn("COUNT(*)", " AND m.associated = 0 AND (m.flags & 1) = 0"),
  associated_count: countIn("COUNT(*)", " AND m.associated = 1"),
  size_bytes: countIn("SUM(m.size_bytes)", ""),
};
const isWrong = (counts: Record<string, string>): string =>
  Object.entries(counts).map(([column, counted]) => `${column} <> ${counted}`).join(" OR ");
const setRight = (counts: Record<string, string>): string =>
  Object.entries(counts).map(([column, counted]) => `${column} = ${counted}`).join(", ");
const lastUid = countIn("MAX(m.uid)", "");

const mailboxCounts = {
  message_count: "(SELECT COUNT(*) FROM message m WHERE m.mailbox_id = $1)",
  size_bytes: "COALESCE((SELECT SUM(m.size_bytes) FROM message m WHERE m.mailbox_id = $1), 0)",
};
const highest = (column: string, table: string, where = ""): string =>
  `COALESCE((SELECT MAX(${column}) FROM ${table} WHERE mailbox_id = $1${where}), 0)`;

/** Counters, with all that was given out from each. */
const mailboxCounters: [string, string[]][] = [
  ["next_counter",
    [highest("message_id", "message"), highest("folder_id", "folder"), highest("object_id", "tombstone")]],
  ["next_item", [highest("item_id", "message_detail"), highest("attachment_id", "attachment")]],
  ["next_content", [highest("content_id", "content")]],
  ["next_uid_validity", [highest("uid_validity", "folder")]],
  ["next_property_id", [highest("property_id", "named_property")]],
];
const changeNumbers = [
  highest("mod_seq", "message"), highest("highest_cn", "folder"), highest("cn", "folder"), highest("cn", "tombstone"),
];

/** Public folders have none: what belongs nowhere goes where removed messages are. */
const inboxRole = `CASE WHEN EXISTS (SELECT 1 FROM folder i WHERE i.mailbox_id = $1 AND i.role = 'inbox')
           THEN 'inbox' ELSE 'recoverableDeletions' END`;
const cnNow = "(SELECT cn FROM mailbox WHERE mailbox_id = $1)";

/** A row for a table whose rows each belong to a folder; folder 0 stands for the mailbox as a whole. */
function withoutFolder(table: string, says: string): CheckRow {
  return {
    says: `${says} belong to no folder`, span: "object",
    query: `SELECT DISTINCT x.folder_id AS id FROM ${table} x
      WHERE x.mailbox_id = $1 AND x.folder_id BETWEEN $2 AND $3 AND x.folder_id > 0
        AND NOT EXISTS (SELECT 1 FROM folder f WHERE f.mailbox_id = $1 AND f.folder_id = x.folder_id)`,
    repair: [`DELETE FROM ${table} WHERE mailbox_id = $1 AND folder_id = $2`],
  };
}

/** In the order of repair: what a repair leaves behind is put right by a later row, or by the next walk. */
export const checkRows = {
  detailWithoutMessage: {
    says: "details belong to no message", span: "item",
    query: `SELECT d.item_id AS id FROM message_detail d WHERE d.mailbox_id = $1 AND d.item_id BETWEEN $2 AND $3
      AND NOT EXISTS (SELECT 1 FROM message m WHERE m.mailbox_id = $1 AND m.item_id = d.item_id)
      AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.attachment_id = d.owner_attachment_id
        AND a.embedded_item_id = d.item_id)`,
    repair: ["DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id = $2"],
  },
  messageWithoutDetail: {
    says: "messages have no details", span: "item",
    query: `SELECT m.item_id AS id FROM message m WHERE m.mailbox_id = $1 AND m.item_id BETWEEN $2 AND $3
      AND ${noDetail("m.item_id")}`,
    repair: [`INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name,
      from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview)
      VALUES ($1, $2, 'IPM.Note', '', '', '', '', NULL, '', '', 0, 1, '')`],
  },
  messageWithoutFolder: {
    says: "messages are in a folder that does not exist; repair puts them into the inbox", span: "item",
    query: `SELECT m.item_id AS id FROM message m WHERE m.mailbox_id = $1 AND m.item_id BETWEEN $2 AND $3
      AND NOT EXISTS (SELECT 1 FROM folder f WHERE f.mailbox_id = $1 AND f.folder_id = m.folder_id)`,
    repair: [
      `UPDATE message SET cn = ${cnNow}, mod_seq = ${cnNow}, associated = 0,
         folder_id = (SELECT folder_id FROM folder WHERE mailbox_id = $1 AND role = ${inboxRole}),
         uid = (SELECT uid_next FROM folder WHERE mailbox_id = $1 AND role = ${inboxRole})
       WHERE mailbox_id = $1 AND item_id = $2`,
      `UPDATE folder SET uid_next = uid_next + 1, highest_cn = ${cnNow} WHERE mailbox_id = $1 AND role = ${inboxRole}
         AND CAST($2 AS BIGINT) > 0`,
    ],
  },
  recipientWithoutMessage: {
    says: "recipients belong to no message", span: "item",
    query: `SELECT DISTINCT r.item_id AS id FROM recipient r WHERE r.mailbox_id = $1 AND r.item_id BETWEEN $2 AND $3
      AND ${noDetail("r.item_id")}`,
    repair: ["DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2"],
  },
  attachmentWithoutMessage: {
    says: "attachments belong to no message", span: "item",
    query: `SELECT a.attachment_id AS id FROM attachment a
      WHERE a.mailbox_id = $1 AND a.attachment_id BETWEEN $2 AND $3 AND ${noDetail("a.item_id")}`,
    repair: ["DELETE FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2"],
  },
  embeddedMissing: {
    says: "attached messages are missing", span: "item",
    query: `SELECT a.attachment_id AS id FROM attachment a WHERE a.mailbox_id = $1 AND a.attachment_id BETWEEN $2 AND $3
      AND a.embedded_item_id IS NOT NULL AND ${noDetail("a.embedded_item_id")}`,
    repair: null,
  },
  valueWithoutItem: {
    says: "large properties belong to no item", span: "item",
    query: `SELECT DISTINCT v.item_id AS id FROM item_value v WHERE v.mailbox_id = $1 AND v.item_id BETWEEN $2 AND $3
      AND ${noDetail("v.item_id")}`,
    repair: ["DELETE FROM item_value WHERE mailbox_id = $1 AND item_id = $2"],
  },
  timeWithoutItem: {
    says: "places in time belong to no item", span: "item",
    query: `SELECT t.item_id AS id FROM item_time t WHERE t.mailbox_id = $1 AND t.item_id BETWEEN $2 AND $3
      AND ${noDetail("t.item_id")}`,
    repair: ["DELETE FROM item_time WHERE mailbox_id = $1 AND item_id = $2"],
  },
  extrasWrong: {
    says: "items do not know of their large properties or their place in time", span: "item",
    query: `SELECT d.item_id AS id FROM message_detail d WHERE d.mailbox_id = $1 AND d.item_id BETWEEN $2 AND $3
      AND (d.extras & 3) <> ${extras}`,
    repair: [`UPDATE message_detail SET extras = (extras & 4) | ${extras.replaceAll("d.", "message_detail.")}
      WHERE mailbox_id = $1 AND item_id = $2`],
  },
  itemWithoutAnything: {
    says: "messages have neither bytes nor properties", span: "item",
    query: `SELECT m.item_id AS id FROM message m JOIN message_detail d ON d.mailbox_id = $1 AND d.item_id = m.item_id
      WHERE m.mailbox_id = $1 AND m.item_id BETWEEN $2 AND $3
        AND ((d.origin = 0 AND m.content_id IS NULL) OR (d.origin = 1 AND d.bag IS NULL))`,
    repair: null,
  },
  messageWithoutBytes: {
    says: "messages have lost their bytes", span: "item",
    query: `SELECT m.item_id AS id FROM message m WHERE m.mailbox_id = $1 AND m.item_id BETWEEN $2 AND $3
      AND m.content_id IS NOT NULL AND ${noContent("m.content_id")}`,
    repair: null,
  },
  attachmentWithoutBytes: {
    says: "attachments have lost their bytes", span: "item",
    query: `SELECT a.attachment_id AS id FROM attachment a WHERE a.mailbox_id = $1 AND a.attachment_id BETWEEN $2 AND $3
      AND a.content_id IS NOT NULL AND ${noContent("a.content_id")}`,
    repair: null,
  },
  messageWithoutStructure: {
    says: "messages have no stored MIME structure", span: "item",
    query: `SELECT m.item_id AS id FROM message m WHERE m.mailbox_id = $1 AND m.item_id BETWEEN $2 AND $3
      AND m.content_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM mime x WHERE x.mailbox_id = $1 AND x.content_id = m.content_id)`,
    repair: null,
  },
  contentUnused: {
    says: "contents are used by nothing", span: "content",
    query: `SELECT c.content_id AS id FROM content c WHERE c.mailbox_id = $1 AND c.content_id BETWEEN $2 AND $3
      AND ${unused("c.content_id")}`,
    repair: ["DELETE FROM content WHERE mailbox_id = $1 AND content_id = $2"],
  },
  structureWithoutContent: {
    says: "MIME structures belong to no content", span: "content",
    query: `SELECT x.content_id AS id FROM mime x WHERE x.mailbox_id = $1 AND x.content_id BETWEEN $2 AND $3
      AND ${noContent("x.content_id")}`,
    repair: ["DELETE FROM mime WHERE mailbox_id = $1 AND content_id = $2"],
  },
  gramsWithoutContent: {
    says: "trigrams belong to no content", span: "content",
    query: `SELECT g.content_id AS id FROM content_grams g WHERE g.mailbox_id = $1 AND g.content_id BETWEEN $2 AND $3
      AND ${noContent("g.content_id")}`,
    repair: ["DELETE FROM content_grams WHERE mailbox_id = $1 AND content_id = $2"],
  },
  keysWithoutContent: {
    says: "keys of lists belong to no content", span: "content",
    query: `SELECT k.content_id AS id FROM content_keys k WHERE k.mailbox_id = $1 AND k.content_id BETWEEN $2 AND $3
      AND ${noContent("k.content_id")}`,
    repair: ["DELETE FROM content_keys WHERE mailbox_id = $1 AND content_id = $2"],
  },
  fieldsWithoutContent: {
    says: "header fields of lists belong to no content", span: "content",
    query: `SELECT f.content_id AS id FROM content_fields f WHERE f.mailbox_id = $1 AND f.content_id BETWEEN $2 AND $3
      AND ${noContent("f.content_id")}`,
    repair: ["DELETE FROM content_fields WHERE mailbox_id = $1 AND content_id = $2"],
  },
  wordsWithoutContent: {
    says: "entries of the search index belong to no content", span: "content",
    query: (dialect) => `SELECT t.${words(dialect).id} AS id FROM message_text t
      WHERE ${words(dialect).where}t.${words(dialect).id} BETWEEN $2 AND $3 AND ${noContent(`t.${words(dialect).id}`)}`,
    repair: [(dialect) => dialect === "sqlite" ? "DELETE FROM message_text WHERE rowid = $2 AND $1 > 0"
      : "DELETE FROM message_text WHERE mailbox_id = $1 AND content_id = $2"],
  },
  contentWithoutWords: {
    says: "messages are not in the search index", span: "content",
    query: (dialect) => `SELECT x.content_id AS id FROM mime x
      WHERE x.mailbox_id = $1 AND x.content_id BETWEEN $2 AND $3 AND NOT EXISTS (
          SELECT 1 FROM message_text t WHERE ${words(dialect).where}t.${words(dialect).id} = x.content_id)
        AND NOT EXISTS (SELECT 1 FROM message m JOIN message_detail d ON d.mailbox_id = $1 AND d.item_id = m.item_id
          WHERE m.mailbox_id = $1 AND m.content_id = x.content_id AND d.origin = 1)`,
    repair: null,
  },
  markOfMessage: {
    says: "messages that are there are marked as gone", span: "object",
    query: `SELECT t.object_id AS id FROM tombstone t WHERE t.mailbox_id = $1 AND t.object_id BETWEEN $2 AND $3
      AND t.kind <> 2 AND EXISTS (SELECT 1 FROM message m WHERE m.mailbox_id = $1 AND m.message_id = t.object_id)`,
    repair: ["DELETE FROM tombstone WHERE mailbox_id = $1 AND object_id = $2 AND kind <> 2"],
  },
  markOfFolder: {
    says: "folders that are there are marked as gone", span: "object",
    query: `SELECT t.object_id AS id FROM tombstone t WHERE t.mailbox_id = $1 AND t.object_id BETWEEN $2 AND $3
      AND t.kind = 2 AND EXISTS (SELECT 1 FROM folder f WHERE f.mailbox_id = $1 AND f.folder_id = t.object_id)`,
    repair: ["DELETE FROM tombstone WHERE mailbox_id = $1 AND object_id = $2 AND kind = 2"],
  },
  folderWithoutParent: {
    says: "folders are below one that does not exist; repair puts them below the top", span: "object",
    query: `SELECT f.folder_id AS id FROM folder f WHERE f.mailbox_id = $1 AND f.folder_id BETWEEN $2 AND $3
      AND f.parent_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM folder p WHERE p.mailbox_id = $1 AND p.folder_id = f.parent_id)`,
    repair: [`UPDATE folder SET cn = ${cnNow}, name = name || ' ' || folder_id, name_key = name_key || ' ' || folder_id,
      parent_id = (SELECT folder_id FROM folder WHERE mailbox_id = $1 AND role = 'ipmSubtree')
      WHERE mailbox_id = $1 AND folder_id = $2`],
  },
  permissionWithoutFolder: withoutFolder("folder_permission", "permissions"),
  annotationWithoutFolder: withoutFolder("annotation", "annotations"),
  retentionWithoutFolder: withoutFolder("folder_retention", "terms of keeping"),
  readMarksWithoutFolder: withoutFolder("reader_range", "readers' marks"),
  readerWithoutFolder: withoutFolder("reader_folder", "readers"),
  folderCounts: {
    says: "folders have wrong counts", span: "folder",
    query: `SELECT folder_id AS id FROM folder WHERE mailbox_id = $1 AND folder_id BETWEEN $2 AND $3 AND (
      ${isWrong(folderCounts)} OR uid_next <= ${lastUid} OR highest_cn < ${countIn("MAX(m.mod_seq)", "")})`,
    repair: [`UPDATE folder SET ${setRight(folderCounts)},
      uid_next = CASE WHEN uid_next > ${lastUid} THEN uid_next ELSE ${lastUid} + 1 END, highest_cn = ${cnNow}
      WHERE mailbox_id = $1 AND folder_id = $2`],
  },
  mailboxCounts: {
    says: "the mailbox has wrong totals or counters", span: "mailbox",
    query: `SELECT 1 AS id FROM mailbox WHERE mailbox_id = $1 AND CAST($2 AS BIGINT) <= CAST($3 AS BIGINT) AND (
      ${isWrong(mailboxCounts)}
      OR ${mailboxCounters.flatMap(([column, used]) => used.map((one) => `${column} <= ${one}`)).join(" OR ")}
      OR ${changeNumbers.map((one) => `cn < ${one}`).join(" OR ")})`,
    repair: [
      `UPDATE mailbox SET ${setRight(mailboxCounts)} WHERE mailbox_id = $1 AND CAST($2 AS BIGINT) > 0`,
      ...[...mailboxCounters, ["cn", changeNumbers] as const].flatMap(([column, used]) => used.map((one) =>
        `UPDATE mailbox SET ${column} = ${one} + 1
         WHERE mailbox_id = $1 AND CAST($2 AS BIGINT) > 0 AND ${column} <= ${one}`)),
    ],
  },
} as const satisfies Record<string, CheckRow>;

export type CheckKind = keyof typeof checkRows;

/** The row of a kind with its optional columns. */
export function checkRow(kind: CheckKind): CheckRow {
  return checkRows[kind];
}

export function textFor(dialect: Dialect, text: string | ((dialect: Dialect) => string)): string {
  return typeof text === "string" ? text : text(dialect);
}
