/**
 * `npm run bench -- mapi`: what the mailbox endpoint of MAPI over HTTP does, over HTTPS, against a server of its own:
 * calls per second, tables of many rows, sessions that wait. There is no other server of this protocol to measure
 * beside it; IMAP of the same server on the same mailbox stands there for scale.
 * `--rows N` (100,000), `--seconds N` for each rate (3), `--waiting N` sessions that wait (250),
 * `--only logons,calls,held,download,large,busy` for some parts.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeTag } from "#props/types.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as sync from "#wire/mapi/rops/synchronization.ts";
import * as transfers from "#wire/mapi/rops/fast-transfer.ts";
import { RopRelease } from "#wire/mapi/rops/sessions.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { ImapClient } from "../test/support/imap-client.ts";
import { appendMany, sampleMessage } from "../test/support/load.ts";
import { dnOf, MailboxClient, idFrom, startServer, tags, text } from "../test/support/mapi-mailbox.ts";
import { MapiSession } from "../test/support/mapi-session.ts";
import { pause } from "../test/support/real-ctx.ts";
import { domain, password, projectRoot } from "../test/support/server.ts";
import type { TestServer } from "../test/support/server.ts";
import { median } from "./measures.ts";
import { memoryBytes } from "./target.ts";

const { values: given } = parseArgs({
  args: process.argv.slice(2).filter((one) => one !== "mapi"),
  options: {
    rows: { type: "string", default: "100000" }, seconds: { type: "string", default: "3" },
    waiting: { type: "string", default: "250" }, only: { type: "string", default: "" },
  },
});
const rowCount = Number(given.rows);
const seconds = Number(given.seconds);
const waiting = Number(given.waiting);
const only = given.only === "" ? [] : given.only.split(",");
const busySessions = 10;
/** One person holds at most so many sessions; see `limits.mapiSessionsPerPersonMax`. */
const sessionsEach = 25;
const people = ["alice", ...Array.from({ length: Math.ceil(2 * waiting / sessionsEach) }, (_, index) => `p${index}`)];

interface Result {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
}
const results: Result[] = [];

function note(name: string, unit: string, value: number): void {
  results.push({ name, unit, value });
  process.stderr.write(`${name}: ${value.toFixed(value < 100 ? 2 : 0)} ${unit}\n`);
}

const time = makeTag(0x0e06, "Time");
const listColumns = [
  tags.mid, tags.subject, text(0x0042), text(0x0e04), time, makeTag(0x0e08, "Integer32"), tags.messageFlags, tags.read,
  makeTag(0x0e1b, "Boolean"), makeTag(0x0017, "Integer32"), tags.messageClass, makeTag(0x1090, "Integer32"),
];
const readTags = [tags.subject, tags.body, text(0x0042), text(0x0e04), text(0x0e03), time, tags.messageFlags];

/** The longest that another connection of the server waits for an answer while something else is going on. */
async function whileWatched<T>(imap: ImapClient, work: () => Promise<T>):
Promise<{ result: T; ms: number; worstMs: number }> {
  let isOver = false;
  let worstMs = 0;
  const watch = (async () => {
    while (!isOver) {
      const began = performance.now();
      await imap.ok("NOOP");
      worstMs = Math.max(worstMs, performance.now() - began);
      await pause(2);
    }
  })();
  const began = performance.now();
  const result = await work();
  const ms = performance.now() - began;
  isOver = true;
  await watch;
  return { result, ms, worstMs };
}

async function rate(name: string, unit: string, work: (round: number) => Promise<number>): Promise<void> {
  const end = performance.now() + seconds * 1000;
  const began = performance.now();
  let done = 0;
  for (let round = 0; performance.now() < end; round++) done += await work(round);
  note(name, unit, (done * 1000) / (performance.now() - began));
}

/** Some thousand messages of their own, and copies of them up to the number. */
async function fill(imap: ImapClient, count: number): Promise<void> {
  await imap.ok("CREATE Bench");
  const first = Math.min(count, 3125);
  await appendMany(imap, "Bench", first, { sizeBytes: 4000, prefix: "a" });
  await imap.ok("SELECT Bench");
  for (let have = first; have < count;) {
    const more = Math.min(have, count - have);
    await imap.ok(`COPY 1:${more} Bench`);
    have += more;
  }
}

class Bench {
  readonly server: TestServer;
  readonly alice: MailboxClient;
  readonly imap: ImapClient;
  readonly watch: ImapClient;
  folder = 0;
  folderId: ShortTermId = { replicaId: 1, counter: 0 };

  constructor(server: TestServer, alice: MailboxClient, imap: ImapClient, watch: ImapClient) {
    this.server = server;
    this.alice = alice;
    this.imap = imap;
    this.watch = watch;
  }

  static async start(): Promise<Bench> {
    const server = await startServer(people);
    const imap = await signedIn(server);
    const began = performance.now();
    await fill(imap, rowCount);
    process.stderr.write(`filled with ${rowCount} messages in ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
    const bench = new Bench(server, await MailboxClient.open(server, "alice"), imap, await signedIn(server));
    bench.folderId = await bench.#find();
    bench.folder = await bench.openFolder(bench.alice);
    return bench;
  }

  async #find(): Promise<ShortTermId> {
    const columns = [tags.displayName, makeTag(0x6748, "Integer64")];
    const top = await this.alice.openFolder("ipmSubtree");
    const { opened } = await this.alice.session.must(folders.RopGetHierarchyTable, top, { tableFlags: 4 });
    await this.alice.session.must(tables.RopSetColumns, opened, { setColumnsFlags: 0, propertyTags: columns });
    const found = (await this.alice.rows(opened, columns)).find((row) => row[0] === "Bench");
    return idFrom(found![1] as bigint);
  }

  async openFolder(client: MailboxClient): Promise<number> {
    const request = { folderId: this.folderId, openModeFlags: 0 };
    return (await client.session.must(folders.RopOpenFolder, client.logon, request)).opened;
  }

  async contents(client = this.alice, folder = this.folder): Promise<number> {
    return await client.contents(folder, listColumns, 0x10);
  }

  async sort(table: number, ids: readonly (readonly [number, number, number])[]): Promise<void> {
    await this.alice.session.must(tables.RopSortTable, table, {
      sortTableFlags: 0, categoryCount: 0, expandedCount: 0,
      sortOrders: ids.map(([propertyId, propertyType, order]) => ({ propertyId, propertyType, order })),
    });
  }

  async restrict(table: number, restrictionData: object): Promise<void> {
    await this.alice.session.must(tables.RopRestrict, table, { restrictFlags: 0, restrictionData });
  }
}

function signedIn(server: TestServer): Promise<ImapClient> {
  return ImapClient.signedIn({ port: server.ports.imaps, tls: true }, `alice@${domain}`, password);
}

const contains = (tag: number, value: string, level = 1): object =>
  ({ restrictType: 3, fuzzyLevelLow: level, fuzzyLevelHigh: 1, propertyTag: tag, taggedValue: { tag, value } });

async function large(bench: Bench): Promise<void> {
  const { alice, watch } = bench;
  const step = async (name: string, work: (table: number) => Promise<void>, table?: number): Promise<void> => {
    const memory = memoryBytes([bench.server.pid]);
    const own = table ?? await bench.contents();
    const { ms, worstMs } = await whileWatched(watch, async () => {
      await work(own);
      await alice.rows(own, listColumns, 50);
    });
    note(`${name}, first 50 rows`, "ms", ms);
    note(`${name}: longest wait of others`, "ms", worstMs);
    note(`${name}: memory more than before`, "MB", (memoryBytes([bench.server.pid]) - memory) / 2 ** 20);
    if (table === undefined) alice.session.release(own);
  };
  const n = rowCount.toLocaleString("en");
  await step(`Table of ${n} rows`, () => Promise.resolve());
  await step(`Sort ${n} rows by time, newest first`, (table) => bench.sort(table, [[0x0e06, 0x40, 1]]));
  await step(`Sort ${n} rows by subject and time`, (table) =>
    bench.sort(table, [[0x0037, 0x1f, 0], [0x0e06, 0x40, 1]]));
  await step(`Restrict ${n} rows by subject`, (table) => bench.restrict(table, contains(tags.subject, "e a31")));
  await step(`Restrict ${n} rows to unread`, (table) => bench.restrict(table, {
    restrictType: 4, relOp: 4, propertyTag: tags.read, taggedValue: { tag: tags.read, value: false },
  }));
  await step(`Search ${n} bodies for words of none`, (table) =>
    bench.restrict(table, contains(tags.body, " in none of them ")));
  const sorted = await bench.contents();
  await bench.sort(sorted, [[0x0037, 0x1f, 0]]);
  await alice.rows(sorted, listColumns, 50);
  await step(`FindRow in ${n} sorted rows by subject`, async () => {
    await alice.session.must(tables.RopFindRow, sorted, {
      findRowFlags: 0, restrictionData: contains(tags.subject, "Message a99", 2), origin: 0,
      bookmark: new Uint8Array(0),
    }, { columns: listColumns });
  }, sorted);
  await step(`FindRow in ${n} sorted rows by message id, the last`, async () => {
    await alice.session.call(tables.RopFindRow, sorted, {
      findRowFlags: 0, origin: 0, bookmark: new Uint8Array(0),
      restrictionData: { restrictType: 4, relOp: 4, propertyTag: tags.mid, taggedValue: { tag: tags.mid, value: 1n } },
    }, { columns: listColumns });
  }, sorted);
  const { body } = await alice.session.must(tables.RopCreateBookmark, sorted, {});
  await step(`SeekRowBookmark in ${n} rows`, async () => {
    await alice.session.must(tables.RopSeekRowBookmark, sorted,
      { bookmark: body.bookmark, rowCount: 500, wantRowMovedCount: true });
  }, sorted);
  const told = await alice.contents(bench.folder, listColumns);
  await bench.sort(told, [[0x0e06, 0x40, 1]]);
  await alice.rows(told, listColumns, 50);
  const { ms, worstMs } = await whileWatched(watch, async () => {
    await bench.imap.ok("APPEND Bench \u0000", sampleMessage("new"));
    while ((await alice.session.events()).length === 0) await pause(2);
  });
  note(`New message told to a table of ${n} rows`, "ms", ms);
  note(`New message told to a table of ${n} rows: longest wait of others`, "ms", worstMs);
  for (const table of [sorted, told]) alice.session.release(table);
  for (const [name, command] of [
    ["SORT by subject", "UID SORT (SUBJECT) UTF-8 ALL"], ["SEARCH SUBJECT", 'UID SEARCH SUBJECT "e a31"'],
    ["SEARCH BODY, words of none", 'UID SEARCH BODY " in none of them "'], ["SELECT", "SELECT Bench"],
  ] as const) {
    const { ms: imapMs, worstMs: imapWorst } = await whileWatched(watch, () => bench.imap.ok(command));
    note(`IMAP, the same folder: ${name}`, "ms", imapMs);
    note(`IMAP, the same folder: ${name}: longest wait of others`, "ms", imapWorst);
  }
}

async function calls(bench: Bench): Promise<void> {
  const { alice, imap } = bench;
  const table = await bench.contents();
  const rows = await alice.rows(table, listColumns, 50);
  const seekToStart = { rop: tables.RopSeekRow,
    request: { inputHandleIndex: 0, origin: 0, rowCount: 0, wantRowMovedCount: false } };
  const query = {
    rop: tables.RopQueryRows, request: { inputHandleIndex: 0, queryRowsFlags: 0, forwardRead: true, rowCount: 50 },
    given: { columns: listColumns },
  };
  await rate("Execute: QueryRows of 50 rows, one session", "calls/s", async () => {
    await alice.session.execute([seekToStart, query], [table]);
    return 1;
  });
  await imap.ok("SELECT Bench");
  await rate("IMAP FETCH of 50 envelopes", "calls/s", async () => {
    await imap.ok("FETCH 1:50 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)");
    return 1;
  });
  const ids = rows.map((row) => idFrom(row[0] as bigint));
  const opened = await alice.session.must(messages.RopOpenMessage, bench.folder,
    { codePageId: 0x0fff, folderId: bench.folderId, openModeFlags: 0, messageId: ids[0]! });
  await rate("Execute: GetPropertiesSpecific of an open message", "calls/s", async () => {
    await alice.get(opened.opened, listColumns);
    return 1;
  });
  await rate("Execute: open a message, read it with its body, close it", "messages/s", async (round) => {
    await alice.session.execute([
      {
        rop: messages.RopOpenMessage, request: {
          inputHandleIndex: 0, outputHandleIndex: 1, codePageId: 0x0fff, folderId: bench.folderId, openModeFlags: 0,
          messageId: ids[round % ids.length]!,
        },
      },
      {
        rop: properties.RopGetPropertiesSpecific, given: { propertyTags: readTags },
        request: { inputHandleIndex: 1, propertySizeLimit: 0, wantUnicode: 1, propertyTags: readTags },
      },
      { rop: RopRelease, request: { inputHandleIndex: 1 } },
    ], [bench.folder, 0xffff_ffff]);
    return 1;
  });
  await rate("IMAP FETCH of one body", "messages/s", async (round) => {
    await imap.ok(`FETCH ${1 + round % 50} (BODY.PEEK[])`);
    return 1;
  });
  alice.session.release(table);
}

async function logons(bench: Bench): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < 20; round++) {
    const began = performance.now();
    const client = await MailboxClient.over(
      await MapiSession.connect(bench.server, `alice@${domain}`, bench.alice.session.dn), bench.alice.session.dn);
    times.push(performance.now() - began);
    await client.disconnect();
  }
  note("Connect and logon, TLS anew", "ms", median(times));
  const imapTimes: number[] = [];
  for (let round = 0; round < 20; round++) {
    const began = performance.now();
    const client = await signedIn(bench.server);
    imapTimes.push(performance.now() - began);
    client.close();
  }
  note("IMAP sign-in, TLS anew", "ms", median(imapTimes));
}

/** Each of ten scrolls through a table of its own, as fast as answers come; how long one waits for its rows. */
async function busy(bench: Bench): Promise<void> {
  const clients = await Promise.all(Array.from({ length: busySessions }, () =>
    MailboxClient.open(bench.server, "alice")));
  const opened = await Promise.all(clients.map(async (client) => ({
    client, table: await bench.contents(client, await bench.openFolder(client)),
  })));
  for (const { client, table } of opened) await client.rows(table, listColumns, 50);
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  await Promise.all(opened.map(async ({ client, table }) => {
    while (performance.now() < end) {
      const began = performance.now();
      const rows = await client.rows(table, listColumns, 50);
      times.push(performance.now() - began);
      if (rows.length < 50) {
        await client.session.must(tables.RopSeekRow, table, { origin: 0, rowCount: 0, wantRowMovedCount: false });
      }
    }
  }));
  times.sort((a, b) => a - b);
  note(`QueryRows of 50 rows in ${busySessions} busy sessions, all together`, "calls/s", times.length / seconds);
  note(`QueryRows of 50 rows in ${busySessions} busy sessions: half wait`, "ms", times[times.length >> 1]!);
  note(`QueryRows of 50 rows in ${busySessions} busy sessions: 99 of 100 wait`, "ms",
    times[Math.floor(times.length * 0.99)]!);
  await Promise.all(clients.map((client) => client.disconnect()));
}

/**
 * As many sessions again as the server holds already: what the first of them bring (code, caches, a heap that has room)
 * is not theirs. All of them wait while memory is read.
 */
async function held(bench: Bench): Promise<void> {
  const clients: MailboxClient[] = [];
  const ends: Promise<boolean>[] = [];
  const readings: number[] = [];
  for (let batch = 0; batch < 2; batch++) {
    for (let index = 0; index < waiting; index++) {
      const person = people[1 + Math.floor((batch * waiting + index) / sessionsEach)]!;
      const client = await MailboxClient.over(
        await MapiSession.connect(bench.server, `${person}@${domain}`, await dnFor(bench.server, person)),
        await dnFor(bench.server, person));
      await client.openFolder("inbox");
      clients.push(client);
      ends.push(client.session.wait().catch(() => false));
    }
    await pause(3000);
    readings.push(memoryBytes([bench.server.pid]));
  }
  const bytes = (readings[1]! - readings[0]!) / waiting;
  note("Memory of one session that waits in NotificationWait, TLS included", "KB", bytes / 1024);
  note("NotificationWait held per GB", "sessions", bytes <= 0 ? 0 : 2 ** 30 / bytes);
  for (const client of clients) client.session.client.close();
  await Promise.all(ends);
}

const dns = new Map<string, Promise<string>>();

/** Asked for once for each: it takes a process. */
function dnFor(server: TestServer, person: string): Promise<string> {
  const known = dns.get(person) ?? dnOf(server, person);
  dns.set(person, known);
  return known;
}

const changeMarker = Buffer.from("03001240", "hex");

/** What cached mode does first: all messages of a folder as a stream, for some seconds of it, and then what is new. */
async function download(bench: Bench): Promise<void> {
  const { alice, folder } = bench;
  const { opened } = await alice.session.must(sync.RopSynchronizationConfigure, folder, {
    synchronizationType: 1, sendOptions: 9, synchronizationFlags: 0x39, restrictionData: null,
    synchronizationExtraFlags: 7, propertyTags: [],
  });
  const next = async (): Promise<{ transferStatus: number; transferBuffer: Uint8Array }> =>
    (await alice.session.must(transfers.RopFastTransferSourceGetBuffer, opened,
      { bufferSize: 0xbabe, maximumBufferSize: 0x7fff })).body;
  const first = await whileWatched(bench.watch, next);
  note(`First download of ${rowCount.toLocaleString("en")} messages: until the first bytes`, "ms", first.ms);
  note("First download, until the first bytes: longest wait of others", "ms", first.worstMs);
  let messageCount = 0;
  let sizeBytes = 0;
  const began = performance.now();
  for (let { transferStatus, transferBuffer } = first.result; ; ({ transferStatus, transferBuffer } = await next())) {
    const bytes = Buffer.from(transferBuffer);
    for (let at = bytes.indexOf(changeMarker); at >= 0; at = bytes.indexOf(changeMarker, at + 1)) messageCount++;
    sizeBytes += bytes.length;
    if (transferStatus !== 1 || performance.now() - began > seconds * 1000) break;
  }
  const elapsed = (performance.now() - began) / 1000;
  note("First download", "messages/s", messageCount / elapsed);
  note("First download", "MB/s", sizeBytes / 2 ** 20 / elapsed);
  alice.session.release(opened);
}

const parts: Readonly<Record<string, (bench: Bench) => Promise<void>>> =
  { logons, calls, held, download, large, busy };

const bench = await Bench.start();
try {
  for (const [name, part] of Object.entries(parts)) if (only.length === 0 || only.includes(name)) await part(bench);
  const format = (value: number): string =>
    (Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1));
  console.log(["| Measure | Unit | Value |", "| --- | --- | ---: |",
    ...results.map(({ name, unit, value }) => `| ${name} | ${unit} | ${format(value)} |`)].join("\n"));
  console.log(`${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, Node ${process.version}.`);
  const folder = join(projectRoot, "bench", "results");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `mapi-${new Date().toISOString().replaceAll(":", "-").slice(0, 19)}.json`);
  writeFileSync(path, JSON.stringify({
    at: new Date().toISOString(), node: process.version, cpus: cpus().length, rowCount, seconds, waiting, results,
  }, null, 2));
  console.log(`Written to ${path}`);
} finally {
  bench.imap.close();
  bench.watch.close();
  await bench.alice.disconnect();
  await bench.server.dispose();
}
