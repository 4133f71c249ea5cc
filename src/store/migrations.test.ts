/**
 * Proves that data of every earlier version opens with today's code: `test/data/store/*.sql` are whole files written
 * down as SQL, one pair for each version of the schema. Each is opened, read, checked and written to, and ends with the
 * schema a new file gets. Data of a newer version is refused in words that say what to do.
 *
 * UPDATE_GOLDEN=1 writes the pair of the newest version anew; that of a released version must never change.
 */
import { strict as assert } from "node:assert";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { Fault } from "#base/fault.ts";
import type { FolderId, MailboxId } from "#base/ids.ts";
import { setFlags } from "#mailbox/tx/flags.ts";
import { createFolder, provisionMailbox, readFolderByRole, readFolders } from "#mailbox/tx/folders.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import { moveMessages, removeMessages } from "#mailbox/tx/transfer.ts";
import { serverScope } from "#store/api.ts";
import type { Store } from "#store/api.ts";
import { checkStore } from "#store/check.ts";
import { checkCounts } from "#store/contract-test-counts.ts";
import { ctx, sqliteBackend } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { addNameTx, insertParts, runTexts, touchServer } from "#store/contract-test-procedures.ts";
import { mailboxFile, scopeFile, serverFile } from "#store/files.ts";
import { mailboxMigrations } from "#store/schema/mailbox.ts";
import { serverSchemas } from "#store/schema/server.ts";
import { findWords } from "#store/search-index.ts";
import { all } from "#store/sql.ts";
import { openSqliteStore } from "#store/sqlite-store.ts";

const folder = fileURLToPath(new URL("../../test/data/store/", import.meta.url));
const own = 7 as MailboxId;
/** Counts the steps of all parts, so that each step of any of them begins a pair of its own. */
const newest = 1 + [mailboxMigrations, ...Object.values(serverSchemas)]
  .reduce((steps, migrations) => steps + migrations.at(-1)!.version - 1, 0);
const searchWords = { subject: "Greetings", addresses: "kim example org", body: "words of version", attachmentNames: "" };

function fixture(version: number, part: "mailbox" | "server"): string {
  return `${folder}v${version}-${part}.sql`;
}

/** The text that makes a file again. The full-text index does not give its words back, so they are written as known. */
function dump(path: string): string {
  const db = new DatabaseSync(path, { readOnly: true });
  const objects = db.prepare("SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").all();
  const lines: string[] = [];
  for (const { name, type, sql } of objects) {
    // The tables behind a virtual one come with it.
    if (/^message_text_/.test(String(name))) continue;
    lines.push(`${String(sql)};`);
    if (type !== "table") continue;
    if (name === "message_text") {
      for (const { rowid } of db.prepare("SELECT rowid FROM message_text").all()) {
        const values = [Number(rowid), ...Object.values(searchWords)].map(literal);
        lines.push(`INSERT INTO message_text (rowid, subject, addresses, body, attachment_names) VALUES (${values.join(", ")});`);
      }
      continue;
    }
    for (const row of db.prepare(`SELECT * FROM ${String(name)}`).all()) {
      lines.push(`INSERT INTO ${String(name)} VALUES (${Object.values(row).map(literal).join(", ")});`);
    }
  }
  db.close();
  return `${lines.join("\n")}\n`;
}

function literal(value: unknown): string {
  if (value === null || typeof value === "number") return String(value);
  if (value instanceof Uint8Array) return `X'${Buffer.from(value).toString("hex")}'`;
  return `'${String(value).replaceAll("'", "''")}'`;
}

/** What two files must have in common to be the same schema. */
function schemaOf(path: string): string[] {
  const db = new DatabaseSync(path, { readOnly: true });
  const rows = db.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY sql").all();
  db.close();
  return rows.map((row) => String(row["sql"]).replace(/--.*/g, "").replace(/\s+/g, " "));
}

async function fill(store: Store): Promise<void> {
  await store.createMailbox(ctx, own);
  await store.transact(ctx, own, provisionMailbox, {
    guid: new Uint8Array(16).fill(1), replicaGuid: new Uint8Array(16).fill(2), language: "en",
  });
  const inbox = (await store.read(ctx, own, () => readFolderByRole(own, "inbox"))).folder_id as FolderId;
  const made = await store.transact(ctx, own, createFolder, { parentId: inbox, name: "Älter" });
  for (const subject of ["Greetings", "It's", "Third"]) {
    await store.transact(ctx, own, insertMessage, {
      folder: { folderId: inbox }, flags: 0, keywords: ["$Work"], internalMs: 1, quotaBytes: null, deliveryId: subject,
      source: { inline: Buffer.from(`From: Kim <kim@example.org>\r\nSubject: ${subject}\r\n\r\nWords of version\r\n`), blob: null },
    });
  }
  await store.transact(ctx, own, insertParts, { folderId: inbox, depth: 1, associated: false, sizeBytes: 30 });
  await store.transact(ctx, own, setFlags, {
    folderId: inbox, uids: [{ first: 1, last: 1 }], change: { mode: "add", flags: 3, keywords: [] },
  });
  await store.transact(ctx, own, moveMessages,
    { folderId: inbox, uids: [{ first: 2, last: 2 }], targetId: made.folder_id, quotaBytes: null });
  await store.transact(ctx, own, removeMessages,
    { folderId: inbox, uids: [{ first: 3, last: 3 }], only: "any", mode: "hard" });
  await store.transact(ctx, serverScope, runTexts, { texts: [{
    text: `INSERT INTO entry (entry_id, kind, address, display_name, name_key, mailbox_id, legacy_dn, legacy_dn_key, language,
      disabled, hidden, protocols_off, auto_accept, created_ms, cn)
      VALUES (1, 'user', 'kim@example.org', 'Kim', 'kim', $1, '/o=x', '/o=x', 'en', 0, 0, '', 0, 1, 1)`, values: [own] }] });
  await store.transact(ctx, serverScope, touchServer, {});
}

async function freshFiles(t: TestContext): Promise<Backend> {
  const backend = sqliteBackend(0);
  t.after(() => backend.remove());
  const store = await openSqliteStore({
    dataDir: backend.dataDir, writerThreads: 0, procedureModules: [], role: "server", nowMs: () => 1_700_000_000_000,
  });
  await fill(store);
  await store.close();
  return backend;
}

function restore(t: TestContext, version: number): Backend {
  const backend = sqliteBackend(0);
  t.after(() => backend.remove());
  for (const [part, path] of [["mailbox", mailboxFile(backend.dataDir, own)], ["server", serverFile(backend.dataDir)]] as const) {
    mkdirSync(dirname(path), { recursive: true });
    const db = new DatabaseSync(path);
    db.exec(readFileSync(fixture(version, part), "utf8"));
    db.close();
  }
  return backend;
}

test("the newest version has its data written down", async (t) => {
  const backend = await freshFiles(t);
  for (const [part, scope] of [["mailbox", own], ["server", serverScope]] as const) {
    const path = fixture(newest, part);
    if (process.env["UPDATE_GOLDEN"] === "1" || !existsSync(path)) writeFileSync(path, dump(scopeFile(backend.dataDir, scope)));
  }
});

const versions = readdirSync(folder).flatMap((name) => /^v(\d+)-mailbox\.sql$/.exec(name)?.[1] ?? []).map(Number).sort();

for (const version of versions.length === 0 ? [newest] : versions) {
  test(`data of version ${version} opens, is whole and can be worked on`, async (t) => {
    const backend = restore(t, version);
    const store = await backend.open();
    const rows = await store.read(ctx, own, () => readFolders(own));
    const inbox = rows.find((row) => row.role === "inbox")!;
    assert.deepEqual([inbox.message_count, inbox.unread_count, inbox.uid_next], [2, 1, 5]);
    assert.equal(rows.find((row) => row.name === "Älter")?.message_count, 1);
    const messages = await store.read(ctx, own, () => all<{ uid: number; flags: number; subject: string; bytes: Uint8Array | null }>(
      `SELECT m.uid, m.flags, d.subject, c.bytes FROM message m JOIN message_detail d ON d.mailbox_id = m.mailbox_id
         AND d.item_id = m.item_id LEFT JOIN content c ON c.mailbox_id = m.mailbox_id AND c.content_id = m.content_id
       WHERE m.mailbox_id = $1 AND m.folder_id = $2 ORDER BY m.uid`, own, inbox.folder_id));
    assert.deepEqual(messages.map((row) => [row.uid, row.flags, row.subject]), [[1, 3, "Greetings"], [4, 0, "s"]]);
    assert.match(Buffer.from(messages[0]!.bytes!).toString(), /^From: Kim .*\r\n\r\nWords of version\r\n$/s);
    assert.deepEqual(await store.read(ctx, own, () => findWords("sqlite", own, inbox.folder_id, "greetings words")), [1]);
    await checkCounts(store, own);
    const report = await checkStore(ctx, store, { repair: false, deep: true }, () => undefined);
    assert.deepEqual(report.findings, []);
    await store.transact(ctx, own, addNameTx, { name: "new" });
    await store.transact(ctx, serverScope, touchServer, {});
    await store.close();

    const fresh = await freshFiles(t);
    for (const scope of [own, serverScope]) {
      assert.deepEqual(schemaOf(scopeFile(backend.dataDir, scope)), schemaOf(scopeFile(fresh.dataDir, scope)),
        "a step that was released is never edited; before the first release run with UPDATE_GOLDEN=1");
    }
  });
}

test("data of a newer version is refused", async (t) => {
  const refused = (error: unknown): boolean => error instanceof Fault && error.code === "notSupported" &&
    /written by a newer Outpost .*restore the backup made before the upgrade/.test(error.message);
  const backend = await freshFiles(t);
  const setVersion = (path: string, part: string): void => {
    const db = new DatabaseSync(path);
    db.prepare("UPDATE schema_version SET version = 99 WHERE part = ?").run(part);
    db.close();
  };
  setVersion(mailboxFile(backend.dataDir, own), "mailbox");
  const store = await backend.open();
  await assert.rejects(store.read(ctx, own, () => readFolders(own)), refused);
  await assert.rejects(store.transact(ctx, own, addNameTx, { name: "x" }), refused);
  await assert.rejects(store.createMailbox(ctx, own), refused);
  await store.close();
  setVersion(serverFile(backend.dataDir), "queue");
  await assert.rejects(backend.open(), refused);
});
