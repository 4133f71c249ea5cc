/**
 * Mailboxes of any size in seconds: 500 messages come in as mail does, all others are made of them by SQL, each with
 * bytes, structure, words and Message-ID of its own. For a data folder on SQLite that no server has open. The same
 * messages as files of a Maildir for the server beside it.
 */
import { chownSync, linkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MailboxId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { createFolder, readFolderByRole, readFolders } from "#mailbox/tx/folders.ts";
import { insertMessages } from "#mailbox/tx/insert-many.ts";
import { copyMessages } from "#mailbox/tx/transfer.ts";
import { makeSystem } from "#main/system.ts";
import { procedure } from "#store/api.ts";
import { openSqliteStore } from "#store/sqlite-store.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

const templates = 500;
/** Messages of one conversation. */
const threadLength = 5;
const wordCount = 4000;

function mark(number: number): string {
  return `~${String(number).padStart(7, "0")}~`;
}

/** Numbers that look like chance and are the same every time. */
function* chance(seed: number): Generator<number> {
  for (let state = seed >>> 0;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state >>> 8;
  }
}

const syllables = ["ka", "re", "mi", "to", "sun", "el", "ba", "dor", "in", "fa", "gle", "th", "or", "wen", "st", "pu"];

const words: readonly string[] = (() => {
  const numbers = chance(7);
  const next = (below: number): number => numbers.next().value! % below;
  return Array.from({ length: wordCount }, () =>
    Array.from({ length: 2 + next(3) }, () => syllables[next(syllables.length)]!).join(""));
})();

/** Message `number` of the mailbox, about `sizeBytes` long. The words repeat every {@link templates} messages. */
export function bigMessage(number: number, sizeBytes: number): Buffer {
  const template = number % templates;
  const numbers = chance(template * 977 + 13);
  const word = (): string => words[numbers.next().value! % wordCount]!;
  const first = number - template % threadLength;
  const sender = `${words[template % 37]!}${template % 37}`;
  const id = `<${mark(first)}@load>`;
  const references = first === number ? "" : `In-Reply-To: ${id}\r\nReferences: ${id}\r\n`;
  const date = new Date(Date.UTC(2026, 0, 1) + template * 4_567_000).toUTCString().replace("GMT", "+0000");
  let text = `From: ${sender} <${sender}@outside.example>\r\nTo: <alice@example.test>\r\n` +
    `Subject: ${first === number ? "" : "Re: "}${words[(template * 31) % wordCount]!} ${mark(first)} ${word()}\r\n` +
    `Date: ${date}\r\nMessage-ID: <${mark(number)}@load>\r\n${references}MIME-Version: 1.0\r\n` +
    "Content-Type: text/plain; charset=utf-8\r\n\r\n";
  while (text.length < sizeBytes) {
    let line = word();
    while (line.length < 66) line += ` ${word()}`;
    text += `${line}\r\n`;
  }
  return Buffer.from(text);
}

interface Multiply {
  readonly folderId: number;
  readonly uidValidity: number;
  /** Item, content and message ids of the templates begin here, without gaps. */
  readonly firstItem: number;
  readonly firstContent: number;
  readonly firstMessage: number;
  /** Which copies are made: of all templates, these many times over. */
  readonly from: number;
  readonly to: number;
}

/** A stored text with the marks of one copy. */
function remarked(column: string): string {
  return `replace(replace(${column}, $own, $ownNew), $first, $firstNew)`;
}

/** Every table that a message stands in, copied with other marks; for SQLite alone. */
const multiply = procedure({
  name: "bench.multiply",
  *run(tx, args: Multiply): Work<void> {
    const scope = tx.scope;
    const detail = (yield* all<{ name: string }>("SELECT name FROM pragma_table_info('message_detail')"))
      .map(({ name }) => name).filter((name) => name !== "mailbox_id" && name !== "item_id");
    const changed = new Set(["subject", "normalized_subject", "message_id_header", "in_reply_to"]);
    const columns = detail.join(", ");
    for (let copy = args.from; copy < args.to; copy++) {
      for (let template = 0; template < templates; template++) {
        const at = copy * templates;
        const first = template - template % threadLength;
        const marks = [mark(template), mark(at + template), mark(first), mark(at + first)];
        const spell = (text: string): string => text.replaceAll("$own,", "$2,").replaceAll("$ownNew", "$3")
          .replaceAll("$first,", "$4,").replaceAll("$firstNew", "$5");
        const content = args.firstContent + template;
        const item = args.firstItem + template;
        yield* run(spell(`INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes)
          SELECT mailbox_id, content_id + $6, 1, size_bytes, hash, CAST(${remarked("CAST(bytes AS TEXT)")} AS BLOB)
          FROM content WHERE mailbox_id = $1 AND content_id = $7`), scope, ...marks, at, content);
        yield* run(spell(`INSERT INTO mime (mailbox_id, content_id, mime_index)
          SELECT mailbox_id, content_id + $6, ${remarked("mime_index")}
          FROM mime WHERE mailbox_id = $1 AND content_id = $7`), scope, ...marks, at, content);
        yield* run(spell(`INSERT INTO message_text (rowid, subject, addresses, body, attachment_names)
          SELECT content_id + $6, '', '',
            substr(CAST(bytes AS TEXT), instr(CAST(bytes AS TEXT), char(13, 10, 13, 10))), ''
          FROM content WHERE mailbox_id = $1 AND content_id = $7 AND $2 || $3 || $4 || $5 <> ''`),
          scope, ...marks, at, content);
        yield* run(`INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords,
            cn, read_cn, mod_seq, size_bytes, internal_ms, saved_ms, content_id)
          SELECT mailbox_id, item_id + $2, message_id + $2, folder_id, uid + $2, associated,
            flags, keywords, cn, read_cn, mod_seq, size_bytes, internal_ms + $2, saved_ms, content_id + $2
          FROM message WHERE mailbox_id = $1 AND item_id = $3`, scope, at, item);
        yield* run(spell(`INSERT INTO message_detail (mailbox_id, item_id, ${columns})
          SELECT mailbox_id, item_id + $6,
            ${detail.map((name) => (changed.has(name) ? remarked(name) : name)).join(", ")}
          FROM message_detail WHERE mailbox_id = $1 AND item_id = $7`), scope, ...marks, at, item);
      }
    }
  },
});

/** Counters and totals after {@link multiply}: `factor` times as many messages as templates. */
const settle = procedure({
  name: "bench.settle",
  *run(tx, { folderId, copies }: { folderId: number; copies: number }): Work<void> {
    const more = copies * templates;
    yield* run(`UPDATE mailbox SET cn = cn + 1, next_counter = next_counter + $2, next_item = next_item + $2,
      next_content = next_content + $2, message_count = message_count * $3, size_bytes = size_bytes * $3
      WHERE mailbox_id = $1`, tx.scope, more, copies + 1);
    yield* run(`UPDATE folder SET uid_next = uid_next + $3, message_count = message_count * $4,
      unread_count = unread_count * $4, size_bytes = size_bytes * $4
      WHERE mailbox_id = $1 AND folder_id = $2`, tx.scope, folderId, more, copies + 1);
  },
});

/** Copies of all templates in one commit. */
const copiesPerCommit = 20;
/**
 * Beyond these, messages are what COPY makes of them: rows of their own that share the bytes, files of other names with
 * the same bytes. Fewer in a mailbox so large that making them takes minutes.
 */
function distinctOf(count: number): number {
  return Math.min(count, count > 100_000 ? 20_000 : 100_000);
}

/**
 * Makes folder `name` with `count` messages (a multiple of 500) in a mailbox that has no messages yet. Message `n` is
 * {@link bigMessage}(n), for those that have bytes of their own.
 */
export async function fillMailbox(
  dataDir: string, mailboxId: MailboxId, name: string, count: number, sizeBytes: number,
): Promise<void> {
  const system = makeSystem();
  const ctx = { system, log: silentLog, signal: new AbortController().signal };
  const store = await openSqliteStore({
    dataDir, role: "tool", writerThreads: 0, procedureModules: [], nowMs: () => system.nowMs(),
  });
  try {
    const root = await store.read(ctx, mailboxId, () => readFolderByRole(mailboxId, "ipmSubtree"));
    const rows = await store.read(ctx, mailboxId, () => readFolders(mailboxId));
    const folder = rows.find((row) => row.name === name) ??
      await store.transact(ctx, mailboxId, createFolder, { parentId: root.folder_id as never, name });
    const folderId = folder.folder_id;
    for (let at = 0; at < templates; at += 100) {
      await store.transact(ctx, mailboxId, insertMessages, {
        replaces: null,
        messages: Array.from({ length: 100 }, (_, index) => ({
          folder: { folderId }, source: { inline: bigMessage(at + index, sizeBytes), blob: null },
          flags: (at + index) % 3 === 0 ? 0 : 1, keywords: [], internalMs: Date.UTC(2026, 0, 1) + at + index,
          quotaBytes: null, deliveryId: null,
        })),
      });
    }
    const first = await store.read(ctx, mailboxId, () => get<{ item: number; content: number; message: number }>(
      "SELECT MIN(item_id) AS item, MIN(content_id) AS content, MIN(message_id) AS message FROM message " +
      "WHERE mailbox_id = $1 AND folder_id = $2", mailboxId, folderId));
    const distinct = distinctOf(count);
    const copies = distinct / templates - 1;
    for (let from = 1; from <= copies; from += copiesPerCommit) {
      await store.transact(ctx, mailboxId, multiply, {
        folderId, uidValidity: folder.uid_validity, firstItem: first!.item, firstContent: first!.content,
        firstMessage: first!.message, from, to: Math.min(copies + 1, from + copiesPerCommit),
      });
    }
    await store.transact(ctx, mailboxId, settle, { folderId, copies });
    for (let made = distinct; made < count;) {
      const more = Math.min(20_000, distinct, count - made);
      const uids = [{ first: 1, last: more }];
      await store.transact(ctx, mailboxId, copyMessages, { folderId, uids, targetId: folderId, quotaBytes: null });
      made += more;
    }
  } finally {
    await store.close();
  }
}

/** The same messages as files of a Maildir folder, owned by `uid` and `gid`. */
export function fillMaildir(folder: string, count: number, sizeBytes: number, uid: number, gid: number): void {
  for (const part of ["cur", "new", "tmp"]) {
    mkdirSync(join(folder, part), { recursive: true });
    chownSync(join(folder, part), uid, gid);
  }
  chownSync(folder, uid, gid);
  const distinct = distinctOf(count);
  const sizes: number[] = [];
  const pathOf = (number: number): string => {
    const seen = number % templates % 3 === 0 ? "" : "S";
    const name = `${1_767_225_600 + number}.M${number}P1.bench,S=${sizes[number % distinct]}:2,${seen}`;
    return join(folder, "cur", name);
  };
  for (let number = 0; number < count; number++) {
    if (number >= distinct) {
      linkSync(pathOf(number % distinct), pathOf(number));
      continue;
    }
    const message = bigMessage(number, sizeBytes);
    sizes.push(message.length);
    writeFileSync(pathOf(number), message);
    chownSync(pathOf(number), uid, gid);
  }
}
