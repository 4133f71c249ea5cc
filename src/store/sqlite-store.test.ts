/**
 * Proves of SQLite what the common contract cannot ask: a killed process loses nothing it was told of, a full disk and
 * a damaged file are refused and harm nobody else, a writer thread that dies is replaced, and one server at a time
 * works on a folder. The crash is a real process killed with SIGKILL; the full disk is a file that may not grow.
 */
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { serverScope } from "#store/api.ts";
import type { Store } from "#store/api.ts";
import { checkCounts } from "#store/contract-test-counts.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import {
  addNameTx, endThread, keepValues, limitPages, noTransaction, readKept,
} from "#store/contract-test-procedures.ts";
import { hintSocket, mailboxFile } from "#store/files.ts";
import { all, get } from "#store/sql.ts";
import { openSqliteStore } from "#store/sqlite-store.ts";
import { SqliteWriter } from "#store/sqlite-writer.ts";
import { RecentlyUsed } from "#store/sqlite.ts";

async function open(t: TestContext, writerThreads = 0): Promise<{ backend: Backend; store: Store }> {
  const backend = sqliteBackend(writerThreads);
  const store = await backend.open();
  t.after(async () => {
    await store.close();
    backend.remove();
  });
  return { backend, store };
}

function names(store: Store, scope: MailboxId): Promise<Set<string>> {
  return store.read(ctx, scope, function* () {
    const rows = yield* all<{ name: string }>("SELECT name FROM subscription WHERE mailbox_id = $1", scope);
    return new Set(rows.map((row) => row.name));
  });
}

test("a process killed at work has kept every commit it was told of", async (t) => {
  const backend = sqliteBackend(0);
  t.after(() => backend.remove());
  const before = await backend.open();
  const own = await newMailbox(before);
  await before.close();
  const child = spawn(process.execPath,
    [fileURLToPath(new URL("./contract-test-crash.ts", import.meta.url)), backend.dataDir, String(own)],
    { stdio: ["ignore", "pipe", "inherit"] });
  let told = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    told += text;
    if (told.length > 4000) child.kill("SIGKILL");
  });
  await new Promise((resolve) => child.once("close", resolve));
  assert.ok(existsSync(hintSocket(backend.dataDir)), "the socket of the killed server is in the way");
  const after = await backend.open();
  const kept = await names(after, own);
  // The last line may have been cut in the middle.
  const acknowledged = told.split("\n").slice(0, -1);
  assert.ok(acknowledged.length > 500);
  for (const name of acknowledged) assert.ok(kept.has(name), `${name} was acknowledged`);
  await checkCounts(after, own);
  const [row] = await after.read(ctx, own, () => all<{ integrity_check: string }>("PRAGMA integrity_check"));
  assert.equal(row?.integrity_check, "ok");
  await after.close();
});

test("a full disk refuses what does not fit, and then goes on", async (t) => {
  const { store } = await open(t);
  const [full, other] = [await newMailbox(store), await newMailbox(store)];
  const bytes = new Uint8Array(400_000);
  await store.transact(ctx, full, limitPages, { more: 3 });
  const results = await Promise.allSettled([
    store.transact(ctx, full, addNameTx, { name: "small" }),
    store.transact(ctx, full, keepValues, { id: 1, integer: 1, text: null, bytes }),
    store.transact(ctx, other, keepValues, { id: 1, integer: 1, text: null, bytes }),
  ]);
  assert.equal(results[2].status, "fulfilled");
  const refused = results[1];
  assert.ok(refused.status === "rejected" && refused.reason instanceof Fault);
  assert.equal(refused.reason.code, "storageFull");
  assert.equal(await store.read(ctx, full, () => readKept(full, 1)), undefined);
  // Whoever shared the commit was told the truth, whichever way it went.
  assert.equal((await names(store, full)).has("small"), results[0].status === "fulfilled");
  await store.transact(ctx, full, limitPages, { more: null });
  await store.transact(ctx, full, keepValues, { id: 1, integer: 1, text: null, bytes });
  await checkCountsButContent(store, full);
});

/** The rows `keepValues` made are used by nothing, on purpose. */
async function checkCountsButContent(store: Store, scope: MailboxId): Promise<void> {
  const row = await store.read(ctx, scope, () => get<{ integrity_check: string }>("PRAGMA integrity_check"));
  assert.equal(row?.integrity_check, "ok");
}

test("a damaged mailbox is refused as damaged, and the others work", async (t) => {
  for (const threads of [0, 1]) {
    const { backend, store } = await open(t, threads);
    const other = await newMailbox(store);
    const damaged = 5000 as MailboxId;
    const path = mailboxFile(backend.dataDir, damaged);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.alloc(20_000, "no database at all "));
    for (const attempt of [
      () => store.transact(ctx, damaged, noTransaction, { value: 1 }),
      () => store.read(ctx, damaged, () => get("SELECT 1 AS one")),
      () => store.createMailbox(ctx, damaged),
    ]) await assert.rejects(attempt(), (error) => error instanceof Fault && error.code === "corrupt");
    await store.transact(ctx, other, addNameTx, { name: "fine" });
    assert.equal(statSync(path).size, 20_000, "left as it was, for whoever can save something");
  }
});

test("a writer thread that dies refuses what it held, and the next work gets a new one", async (t) => {
  const { store } = await open(t, 1);
  const own = await newMailbox(store);
  const results = await Promise.allSettled([
    store.transact(ctx, own, addNameTx, { name: "neighbour" }),
    store.transact(ctx, own, endThread, {}),
  ]);
  for (const result of results) {
    assert.ok(result.status === "rejected" && result.reason instanceof Fault && result.reason.code === "unavailable");
  }
  await store.transact(ctx, own, addNameTx, { name: "after" });
  assert.deepEqual([...await names(store, own)], ["after"]);
});

test("one server at a time, and tools beside it", async (t) => {
  const { backend, store } = await open(t);
  await assert.rejects(backend.open("server"), (error) => error instanceof Fault && error.code === "inUse");
  const tool = await backend.open("tool");
  await tool.close();
  await store.transact(ctx, serverScope, noTransaction, { value: 1 });
});

test("a tool whose server comes, goes or does not listen does its work", async (t) => {
  const backend = sqliteBackend(0);
  t.after(() => backend.remove());
  const tool = await backend.open("tool");
  const own = await newMailbox(tool);
  const server = await backend.open("server");
  const heard: number[] = [];
  server.watch(own, (cn) => heard.push(cn));
  await tool.transact(ctx, own, addNameTx, { name: "1" });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(heard.length, 1, "a server that started after the tool hears it");
  await server.close();
  await tool.transact(ctx, own, addNameTx, { name: "2" });
  const deaf = createServer((socket) => socket.pause());
  await new Promise<void>((resolve) => deaf.listen(hintSocket(backend.dataDir), resolve));
  await Promise.all(Array.from({ length: 50 }, (_, index) => tool.transact(ctx, own, addNameTx, { name: `d${index}` })));
  await tool.close();
  deaf.close();
});

test("the rest of a removed mailbox is not played into a new one of its name", async (t) => {
  const { backend, store } = await open(t);
  const own = await newMailbox(store);
  const path = mailboxFile(backend.dataDir, own);
  await store.transact(ctx, own, addNameTx, { name: "old" });
  await store.removeMailbox(ctx, own);
  assert.deepEqual(readdirSync(dirname(path)), []);
  writeFileSync(`${path}-wal`, Buffer.alloc(5000, 1));
  writeFileSync(`${path}-shm`, Buffer.alloc(32_768, 1));
  await store.createMailbox(ctx, own);
  assert.deepEqual([...await names(store, own)], []);
});

test("reads beside the sockets never write the journal back", async (t) => {
  const { backend, store } = await open(t);
  const own = await newMailbox(store);
  const writer = new SqliteWriter(backend.dataDir, 1);
  await store.read(ctx, own, () => get("SELECT 1 AS one"));
  const refused = await store.read(ctx, own, () => get("DELETE FROM subscription")).then(() => null, (error: unknown) => error);
  assert.ok(refused instanceof Error, "a read that writes is refused");
  writer.close();
});

test("more mailboxes than files may be open at once", async (t) => {
  const { backend, store } = await open(t);
  const scopes = [];
  for (let index = 0; index < 5; index++) scopes.push(await newMailbox(store));
  const writer = new SqliteWriter(backend.dataDir, 2);
  for (let round = 0; round < 3; round++) {
    for (const scope of scopes) {
      const outcome = writer.run({
        scope, nowMs: 1, kind: "work", jobs: [{ procedure: "contract.addName", args: { name: `r${round}` } }],
      });
      assert.equal(outcome.failure, null);
    }
  }
  writer.close();
  for (const scope of scopes) assert.equal((await names(store, scope)).size, 3);
});

test("a data folder with a long path works", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "outpost-store-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const dataDir = join(root, "x".repeat(120), "data");
  const store = await openSqliteStore({
    dataDir, writerThreads: 0, procedureModules: [], role: "server", nowMs: () => 1,
  });
  await store.close();
  assert.deepEqual(readdirSync(dataDir), ["server.db"]);
});

test("what was used least recently is dropped", () => {
  const dropped: string[] = [];
  const cache = new RecentlyUsed<number, string>(2, (value) => dropped.push(value));
  cache.set(1, "one");
  cache.set(2, "two");
  assert.equal(cache.get(1), "one");
  cache.set(3, "three");
  assert.deepEqual(dropped, ["two"]);
  cache.delete(9);
  cache.delete(1);
  cache.clear();
  assert.deepEqual(dropped, ["two", "one", "three"]);
});
