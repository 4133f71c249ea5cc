/** Procedures of the contract suite; writer threads load this file too. */
import { Fault } from "#base/fault.ts";
import type { FaultCode } from "#base/fault.ts";
import "#main/procedures.ts";
import { procedure } from "#store/api.ts";
import type { Dialect } from "#store/api.ts";
import { addToSearchIndex, removeFromSearchIndex } from "#store/search-index.ts";
import type { SearchFields } from "#store/search-index.ts";
import { takeServerCn } from "#store/server-cn.ts";
import { all, get, run } from "#store/sql.ts";
import type { SqlValue, Work } from "#store/sql.ts";

function* takeCn(scope: number): Work<number> {
  const row = yield* get<{ cn: number }>(
    "UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn", scope);
  return row!.cn;
}

function* addName(scope: number, name: string): Work<number> {
  return yield* run("INSERT INTO subscription (mailbox_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING", scope, name);
}

/** Adds a name and takes a change number; the number. Waits inside the transaction when asked to. */
export const addNameTx = procedure({
  name: "contract.addName",
  *run(tx, args: { name: string; waitMs?: number }): Work<number> {
    const cn = yield* takeCn(tx.scope);
    yield* addName(tx.scope, args.name);
    if (args.waitMs !== undefined) yield* waitInside(tx.dialect, args.waitMs);
    return cn;
  },
});

/** Holds the thread (SQLite) or the connection (PostgreSQL). */
export function* waitInside(dialect: Dialect, waitMs: number): Work<void> {
  if (dialect === "postgres") yield* get("SELECT pg_sleep($1)", waitMs / 1000);
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitMs);
}

/** Changes something, then refuses. */
export const refuse = procedure({
  name: "contract.refuse",
  *run(tx, args: { name: string; code: FaultCode | null }): Work<void> {
    yield* takeCn(tx.scope);
    yield* addName(tx.scope, args.name);
    if (args.code !== null) throw new Fault(args.code, `refused ${args.name}`);
    throw new TypeError(`a bug in ${args.name}`);
  },
});

export const refuseInPrepare = procedure({
  name: "contract.refuseInPrepare",
  prepare(args: { name: string }): string {
    throw new Fault("tooBig", `refused ${args.name} before it began`);
  },
  *run(tx, args: { name: string }): Work<void> {
    yield* addName(tx.scope, args.name);
  },
});

/** Catches a statement that fails and goes on as if nothing had been. */
export const ignoreFailure = procedure({
  name: "contract.ignoreFailure",
  *run(tx, args: { name: string }): Work<string> {
    yield* addName(tx.scope, args.name);
    try {
      yield* run("INSERT INTO subscription (mailbox_id, name) VALUES ($1, $2)", tx.scope, args.name);
    } catch {
      yield* addName(tx.scope, `${args.name} again`);
    }
    return "went on";
  },
});

export const noTransaction = procedure({
  name: "contract.nothing",
  *run(_tx, args: { value: unknown }): Work<unknown> {
    yield* get("SELECT 1 AS one");
    return args.value;
  },
});

export interface Kept {
  content_id: number;
  size_bytes: number;
  hash: string | null;
  bytes: Uint8Array | null;
}

/** Stores one row of values and gives it back as the database does. */
export const keepValues = procedure({
  name: "contract.keepValues",
  *run(tx, args: { id: number; integer: number | bigint; text: string | null; bytes: Uint8Array | null }): Work<Kept> {
    yield* run(
      "INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, $3, $4, $5)",
      tx.scope, args.id, args.integer, args.text, args.bytes);
    return (yield* readKept(tx.scope, args.id))!;
  },
});

export function* readKept(scope: number, id: number): Work<Kept | undefined> {
  return yield* get<Kept>(
    "SELECT content_id, size_bytes, hash, bytes FROM content WHERE mailbox_id = $1 AND content_id = $2", scope, id);
}

/** Runs statements as they stand; for damage and for reading whole tables. */
export const runTexts = procedure({
  name: "contract.runTexts",
  *run(_tx, args: { texts: readonly { text: string; values: readonly SqlValue[] }[] }): Work<number[]> {
    const counts = [];
    for (const { text, values } of args.texts) counts.push(yield* run(text, ...values));
    return counts;
  },
});

export const indexWords = procedure({
  name: "contract.indexWords",
  *run(tx, args: { contentId: number; fields: SearchFields | null }): Work<void> {
    if (args.fields === null) yield* removeFromSearchIndex(tx, args.contentId);
    else yield* addToSearchIndex(tx, args.contentId, args.fields);
  },
});

/** As much of a full disk as a test can have: a file that may not grow. SQLite only. */
export const limitPages = procedure({
  name: "contract.limitPages",
  *run(_tx, args: { more: number | null }): Work<void> {
    const row = yield* get<{ page_count: number }>("PRAGMA page_count");
    yield* all(`PRAGMA max_page_count = ${args.more === null ? 1_000_000_000 : row!.page_count + args.more}`);
  },
});

interface NewParts {
  readonly folderId: number;
  /** Levels of messages within messages. */
  readonly depth: number;
  readonly associated: boolean;
  readonly sizeBytes: number;
}

/** A message as a property client makes it: recipients, attachments, embedded messages, no MIME. Its UID. */
export const insertParts = procedure({
  name: "contract.insertParts",
  *run(tx, args: NewParts): Work<{ uid: number; messageId: number }> {
    const cn = yield* takeCn(tx.scope);
    const ids = yield* get<{ next_counter: number; next_item: number }>(
      `UPDATE mailbox SET next_counter = next_counter + 1, next_item = next_item + $2,
         message_count = message_count + 1, size_bytes = size_bytes + $3
       WHERE mailbox_id = $1 RETURNING next_counter, next_item`, tx.scope, 1 + 3 * args.depth, args.sizeBytes);
    const messageId = ids!.next_counter - 1;
    let itemId = ids!.next_item - 1 - 3 * args.depth;
    const [seen, hidden] = args.associated ? [0, 1] : [1, 0];
    const folder = yield* get<{ uid_next: number }>(
      `UPDATE folder SET uid_next = uid_next + 1, message_count = message_count + $3, unread_count = unread_count + $3,
         associated_count = associated_count + $4, size_bytes = size_bytes + $5, highest_cn = $6
       WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next`,
      tx.scope, args.folderId, seen, hidden, args.sizeBytes, cn);
    if (folder === undefined) throw new Fault("notFound", "no such folder");
    const uid = folder.uid_next - 1;
    yield* run(
      `INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn,
         mod_seq, size_bytes, internal_ms, saved_ms, content_id)
       VALUES ($1, $2, $3, $4, $5, $6, 0, NULL, $7, $7, $7, $8, $9, $9, NULL)`,
      tx.scope, itemId, messageId, args.folderId, uid, hidden, cn, args.sizeBytes, tx.nowMs);
    yield* insertDetail(tx.scope, itemId, null);
    for (let level = 0; level < args.depth; level++) itemId = yield* insertLevel(tx.scope, itemId, level);
    return { uid, messageId };
  },
});

/** A file and a message within; the inner message's item. */
function* insertLevel(scope: number, itemId: number, level: number): Work<number> {
  const [file, holder, inner] = [itemId + 1, itemId + 2, itemId + 3];
  yield* run(
    `INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag)
     VALUES ($1, $2, 0, 1, 'Kim', 'SMTP', $3, NULL)`, scope, itemId, `kim${level}@example.org`);
  const content = yield* get<{ next_content: number }>(
    "UPDATE mailbox SET next_content = next_content + 1 WHERE mailbox_id = $1 RETURNING next_content", scope);
  const contentId = content!.next_content - 1;
  yield* run(
    "INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, 3, NULL, $3)",
    scope, contentId, Uint8Array.of(1, 2, 3));
  yield* run(
    `INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id,
       embedded_item_id, bag)
     VALUES ($1, $2, $3, 0, 1, 'a.bin', 3, $4, NULL, NULL), ($1, $5, $3, 1, 5, '', 0, NULL, $6, NULL)`,
    scope, file, itemId, contentId, holder, inner);
  yield* insertDetail(scope, inner, holder);
  return inner;
}

function* insertDetail(scope: number, itemId: number, owner: number | null): Work<void> {
  // An empty bag, as the store lays it out.
  yield* run(
    `INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name,
       from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id,
       owner_attachment_id, bag, origin)
     VALUES ($1, $2, 'IPM.Note', 's', 's', '', '', NULL, '', '', 0, 1, '', $4, $3, $5, 1)`,
    scope, itemId, owner, Uint8Array.of(0, 255), Uint8Array.of(1, 0, 0, 0, 0));
}

/** A visible message without anything but its row, in folder 1. */
export const placeMessage = procedure({
  name: "contract.placeMessage",
  *run(tx, args: { contentId: number; uid: number }): Work<void> {
    yield* run(
      `INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn,
         mod_seq, size_bytes, internal_ms, saved_ms, content_id)
       VALUES ($1, 900000, 900000, 1, $2, 0, 0, NULL, 1, 1, 1, 1, 1, 1, $3)`, tx.scope, args.uid, args.contentId);
  },
});

export const touchServer = procedure({
  name: "contract.touchServer",
  run: () => takeServerCn(),
});

/** What a bug that ends a writer thread looks like. */
export const endThread = procedure({
  name: "contract.endThread",
  run(): Work<void> {
    process.exit(3);
  },
});
