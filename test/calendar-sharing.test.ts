/**
 * Calendars shared and meetings made from the command line while a server runs: the messages come by the queue and are
 * read by IMAP, rights count for who asked and nobody else, free/busy tells each right its own detail, a room answers,
 * and what an attendee answers reaches the organizer.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ImapFlow } from "imapflow";
import { pause } from "./support/real-ctx.ts";
import { mustHere, runHere } from "./support/cli.ts";
import { domain, password, TestServer } from "./support/server.ts";
import type { Answer } from "./support/server.ts";

const at = (name: string): string => `${name}@${domain}`;
let server: TestServer;
const must = (words: readonly string[]): Promise<string> => mustHere(server.dataDir, words);
const outpost = (words: readonly string[]): Promise<Answer> => runHere(server.dataDir, words);
before(async () => {
  server = await TestServer.start({ users: ["alice", "bob", "carol"], config: { outbound: { mode: "off" } } });
  await must(["room", "add", at("room1"), "--name", "Room One"]);
});
after(() => server?.dispose());

const dayMs = 86_400_000;
const tomorrow = new Date(Math.floor(Date.now() / dayMs) * dayMs + dayMs).toISOString().slice(0, 10);

async function json<T>(...words: string[]): Promise<T> {
  return JSON.parse(await must([...words, "--json"])) as T;
}

/** The source of a message in the inbox by its subject, as soon as it is there. */
async function wait(user: string, subject: RegExp): Promise<string> {
  const client = new ImapFlow({
    host: "127.0.0.1", port: server.ports.imaps, secure: true, logger: false,
    auth: { user: at(user), pass: password }, tls: { ca: server.caPem, servername: "localhost" },
  });
  await client.connect();
  try {
    for (let tries = 0; tries < 60; tries++) {
      await client.mailboxOpen("INBOX");
      const all = await Array.fromAsync(client.fetch("1:*", { envelope: true, source: true }));
      const found = all.find(({ envelope }) => subject.test(envelope?.subject ?? ""));
      if (found !== undefined) return found.source!.toString();
      await client.mailboxClose();
      await pause(100);
    }
    throw new Error(`no message ${subject} for ${user}`);
  } finally {
    await client.logout();
  }
}

type Sharing = { id: number; kind: string; from: string }[];
type Busy = { viewType?: string; why?: string; merged: string | null; events: { subject: string | null; location: string | null }[] }[];
const busyOf = (as: string): Promise<Busy> => json("freebusy", at("alice"), "--as", at(as), "--from",
  `${tomorrow}T00:00Z`, "--to", `${tomorrow}T23:59Z`, "--slot", "60");

test("each right is told its own: nothing, times, subjects, all", async () => {
  await must(["meeting", "create", at("alice"), "--subject", "Plans", "--location", "Cellar",
    "--start", `${tomorrow}T09:00Z`, "--end", `${tomorrow}T10:00Z`]);
  const [byDefault] = await busyOf("bob");
  assert.equal(byDefault?.viewType, "FreeBusyMerged");
  assert.equal(byDefault?.merged?.slice(8, 11), "020");
  assert.deepEqual(byDefault?.events.map(({ subject }) => subject), [null]);
  const rows: readonly [string, string | undefined, (string | null)[]][] = [
    ["none", undefined, []], ["availability-only", "FreeBusyMerged", [null]],
    ["limited-details", "DetailedMerged", ["Plans"]], ["reviewer", "DetailedMerged", ["Plans"]],
  ];
  for (const [right, viewType, subjects] of rows) {
    await must(["folder", "permit", at("alice"), "Calendar", "--to", at("carol"), "--right", right]);
    const [seen] = await busyOf("carol");
    if (viewType === undefined) assert.equal(seen?.why, "noRight");
    else assert.deepEqual([seen?.viewType, seen?.events.map(({ subject }) => subject)], [viewType, subjects]);
  }
  await must(["folder", "permit", at("alice"), "Calendar", "--to", at("carol"), "--remove"]);
});

test("an invitation gives the right and tells of it", async () => {
  await must(["calendar", "share", at("alice"), "--to", at("bob"), "--right", "limited-details",
    "--comment", "As we said"]);
  const source = await wait("bob", /^Sharing invitation/);
  assert.match(source, /X-Sharing-Flavor: 20310/);
  assert.match(source, /As we said/);
  const [found] = await json<Sharing>("calendar", "requests", at("bob"));
  assert.deepEqual([found?.kind, found?.from], ["invitation", at("alice")]);
  const [seen] = await busyOf("bob");
  assert.deepEqual(seen?.events.map(({ subject }) => subject), ["Plans"]);
});

test("a request is answered: denied first, then accepted", async () => {
  for (const [answer, subject, flavor] of [["deny", /denied/, /25100/], ["accept", /allowed/, /23310/]] as const) {
    await must(["calendar", "ask", at("carol"), "--to", at("alice")]);
    let asked: Sharing = [];
    for (let tries = 0; tries < 30 && asked.length < (answer === "deny" ? 1 : 2); tries++) {
      await pause(200);
      asked = (await json<Sharing>("calendar", "requests", at("alice"))).filter(({ kind }) => kind === "request");
    }
    await must(["calendar", "answer", at("alice"), String(asked[0]!.id), answer]);
    assert.match(await wait("carol", subject), new RegExp(`X-Sharing-Flavor: ${flavor.source}`));
    const [seen] = await busyOf("carol");
    assert.deepEqual(seen?.events.map((one) => one.subject), [answer === "deny" ? null : "Plans"]);
  }
  const [invitation] = await json<Sharing>("calendar", "requests", at("bob"));
  const wrong = await outpost(["calendar", "answer", at("bob"), String(invitation!.id), "accept"]);
  assert.equal(wrong.code, 1, "an invitation asks for nothing");
});

test("somebody outside gets a link", async () => {
  const { link } = await json<{ link: string }>("calendar", "share", at("alice"), "--to", "pat@partner.test",
    "--right", "availability-only");
  assert.match(link, /\/published\/\d+-[\w-]{43}\/calendar\.html$/);
});

test("a meeting with a room: suggested, made, answered, called off", async () => {
  const times = await json<{ start: string; quality: string }[]>("calendar", "suggest", at("bob"), at("alice"),
    at("room1"), "--from", `${tomorrow}T08:00Z`, "--to", `${tomorrow}T12:00Z`);
  assert.ok(times.length > 0 && times.every(({ quality }) => quality !== "Poor"));
  assert.equal(times[0]?.quality, "Excellent");
  assert.ok(!times.slice(0, 3).some(({ start }) => start.includes("T09:")), "alice is taken at nine");
  const { id } = await json<{ id: number }>("meeting", "create", at("bob"), "--subject", "Review", "--start",
    `${tomorrow}T11:00Z`, "--end", `${tomorrow}T12:00Z`, "--with", at("alice"), "--room", at("room1"));
  await wait("bob", /^Accepted: Review/);
  await wait("alice", /^Review/);
  type Listed = { id: number; subject: string }[];
  let held: Listed = [];
  for (let tries = 0; tries < 20 && held.length === 0; tries++) {
    await pause(200);
    held = (await json<Listed>("meeting", "list", at("alice"))).filter(({ subject }) => subject === "Review");
  }
  await must(["meeting", "answer", at("alice"), String(held[0]!.id), "tentative", "--comment", "Maybe"]);
  assert.match(await wait("bob", /^Tentative: Review/), /Maybe/);
  await must(["meeting", "cancel", at("bob"), String(id)]);
  await wait("alice", /^Canceled: Review/);
  assert.deepEqual(server.errors(), []);
});
