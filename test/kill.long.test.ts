/**
 * Proves that nothing acknowledged is lost when the process dies. Round after round the server is killed by SIGKILL at
 * a random moment (now and then while it starts) under SMTP delivery and IMAP load: append, flags, move, expunge. After
 * each restart every mailbox is compared with what clients were told: each acknowledged message is there once, in the
 * right folder, with the acknowledged flags, under the UID that was told; UIDs are never used again; what was not
 * answered is in one of the two states. `outpost check` must find nothing, on data just crashed and on a running
 * server. Losing power is another matter, which `synchronous=FULL` answers and this cannot show. OUTPOST_KILL_ROUNDS
 * sets the rounds (300), OUTPOST_SEED the seed.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { ImapClient } from "./support/imap-client.ts";
import { Ledger, gone } from "./support/ledger.ts";
import type { SeenFolder } from "./support/ledger.ts";
import { Random, chooseSeed } from "./support/random.ts";
import { pause } from "./support/real-ctx.ts";
import { TestServer, domain, password } from "./support/server.ts";
import { SmtpClient } from "./support/smtp-client.ts";

const rounds = Number(process.env["OUTPOST_KILL_ROUNDS"] ?? 300);
const roundsPerCheck = 25;
const users = ["alice", "bob"];
const folders = ["INBOX", "Other"];
/** Above this many messages the load expunges more than it adds. */
const messagesPerMailbox = 250;
const flagSets = ["", "\\Seen", "\\Flagged", "\\Answered \\Seen", "$Work", "$Work \\Draft"];

let tokens = 0;
const acknowledged = { deliveries: 0, appends: 0, flags: 0, moves: 0, expunges: 0 };

function newMessage(random: Random): { token: string; bytes: Buffer } {
  const token = `k${++tokens}`;
  // Some lie in the mailbox file, some are large enough for the blob store.
  const size = random.chance(0.05) ? random.integer(70_000, 120_000) : random.integer(10, 4000);
  const lines = Array.from({ length: Math.ceil(size / 72) }, () => "x".repeat(70)).join("\r\n");
  const head = `From: <a@outside.example>\r\nSubject: ${token}\r\nMessage-ID: <${token}@kill>\r\n`;
  return { token, bytes: Buffer.from(`${head}\r\n${lines}\r\n`) };
}

/** Runs until the connection breaks; anything else that goes wrong is remembered and fails the test. */
async function untilKilled(what: string, failures: string[], body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    const { message } = error as Error;
    if (!/closed the connection/.test(message)) failures.push(`${what}: ${message}`);
  }
}

async function deliver(server: TestServer, ledgers: readonly Ledger[], random: Random): Promise<void> {
  const client = await SmtpClient.greeted(server.at("smtp"));
  for (;;) {
    const { token, bytes } = newMessage(random);
    const to = random.chance(0.3) ? ledgers : [random.pick(ledgers)];
    const arrived = { folder: "INBOX", uid: null, flags: "" };
    for (const ledger of to) ledger.expect(token, arrived, gone).mayComeLate = true;
    const reply = await client.send({
      from: "a@outside.example", to: to.map(({ user }) => `${user}@${domain}`), bytes,
        way: random.pick(["data", "bdat"]),
    });
    if (reply.code !== 250) throw new Error(reply.text);
    acknowledged.deliveries++;
    for (const ledger of to) ledger.expect(token, arrived).mayComeLate = false;
  }
}

/** One IMAP connection that changes the messages whose number leaves `remainder` when divided by two. */
async function work(server: TestServer, ledger: Ledger, remainder: number, random: Random): Promise<void> {
  const client = await ImapClient.signedIn(server.at("imaps"), ledger.user, password);
  for (;;) {
    const folder = random.pick(folders);
    await client.ok(`SELECT ${folder}`);
    for (let turn = random.integer(1, 12); turn > 0; turn--) {
      await changeSomething(client, ledger, folder, remainder, random);
    }
  }
}

async function changeSomething(
  client: ImapClient, ledger: Ledger, folder: string, remainder: number, random: Random,
): Promise<void> {
  const mine = ledger.certain(folder).filter(({ token }) => Number(token.slice(1)) % 2 === remainder);
  const crowded = ledger.copies.size > messagesPerMailbox;
  const roll = random.next();
  if (mine.length === 0 || (roll < 0.3 && !crowded)) return await append(client, ledger, folder, random);
  const { token, state } = random.pick(mine);
  if (roll < 0.55) return await storeFlags(client, ledger, { token, state }, random);
  if (roll < 0.75) return await move(client, ledger, { token, state });
  // One command for many, so that its being cut in the middle is seen.
  const count = crowded ? random.integer(5, 40) : random.integer(1, 4);
  await expunge(client, ledger, mine.slice(0, count));
}

type Certain = ReturnType<Ledger["certain"]>[number];

async function storeFlags(client: ImapClient, ledger: Ledger, { token, state }: Certain,
  random: Random): Promise<void> {
  const after = { ...state, flags: random.pick(flagSets) };
  ledger.expect(token, state, after);
  await client.ok(`UID STORE ${state.uid} FLAGS (${after.flags})`);
  ledger.expect(token, after);
  acknowledged.flags++;
}

async function move(client: ImapClient, ledger: Ledger, { token, state }: Certain): Promise<void> {
  const target = folders.find((other) => other !== state.folder)!;
  const { flags } = state;
  ledger.expect(token, state, { folder: target, uid: null, flags });
  const reply = await client.ok(`UID MOVE ${state.uid} ${target}`);
  const told = [...reply.untagged.map(({ text }) => text), reply.text].find((text) => text.includes("COPYUID"));
  const uid = Number(/COPYUID \d+ \d+ (\d+)/.exec(told ?? "")?.[1]);
  if (!(uid > 0)) throw new Error(`MOVE told no COPYUID: ${reply.text}`);
  ledger.expect(token, { folder: target, uid, flags });
  acknowledged.moves++;
}

async function expunge(client: ImapClient, ledger: Ledger, copies: readonly Certain[]): Promise<void> {
  const uids = copies.map(({ state }) => state.uid).join(",");
  const marked = copies.map(({ token, state }) => {
    const flags = new Set([...state.flags.split(" ").filter((flag) => flag !== ""), "\\Deleted"]);
    return { token, state, after: { ...state, flags: [...flags].sort().join(" ") } };
  });
  for (const { token, state, after } of marked) ledger.expect(token, state, after);
  await client.ok(`UID STORE ${uids} +FLAGS.SILENT (\\Deleted)`);
  for (const { token, after } of marked) ledger.expect(token, after, gone);
  await client.ok(`UID EXPUNGE ${uids}`);
  for (const { token } of marked) ledger.expect(token, gone);
  acknowledged.expunges += marked.length;
}

async function append(client: ImapClient, ledger: Ledger, folder: string, random: Random): Promise<void> {
  const { token, bytes } = newMessage(random);
  const flags = random.pick(flagSets);
  ledger.expect(token, { folder, uid: null, flags }, gone);
  const { uid } = await client.append(folder, bytes, flags);
  ledger.expect(token, { folder, uid, flags });
  acknowledged.appends++;
}

async function readFolder(client: ImapClient, folder: string): Promise<SeenFolder> {
  const selected = await client.ok(`EXAMINE ${folder} (CONDSTORE)`);
  const told = selected.untagged.map(({ text }) => text).join("\n");
  const exists = Number(/\* (\d+) EXISTS/.exec(told)?.[1]);
  const fetched = exists === 0 ? [] : (await client.ok("FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"))
    .untagged.filter(({ text }) => / FETCH /.test(text));
  return {
    folder, uidValidity: Number(/UIDVALIDITY (\d+)/.exec(told)?.[1]), uidNext: Number(/UIDNEXT (\d+)/.exec(told)?.[1]),
    highestModSeq: BigInt(/HIGHESTMODSEQ (\d+)/.exec(told)?.[1] ?? 0),
    messages: fetched.map(({ text, literals }) => ({
      folder, uid: Number(/UID (\d+)/.exec(text)![1]), token: /<(k\d+)@kill>/.exec(literals[0]!.toString())![1]!,
      flags: /FLAGS \(([^)]*)\)/.exec(text)![1]!.split(" ")
        .filter((flag) => flag !== "" && flag !== "\\Recent").sort().join(" "),
    })),
  };
}

/** Reads the mailbox, waiting for the queue to deliver what was accepted before the crash. */
async function settle(server: TestServer, ledger: Ledger): Promise<string[]> {
  const client = await ImapClient.signedIn(server.at("imaps"), ledger.user, password);
  const end = performance.now() + 20_000;
  for (;;) {
    const seen: SeenFolder[] = [];
    for (const folder of folders) seen.push(await readFolder(client, folder));
    if (ledger.missing(seen).length === 0 || performance.now() > end) {
      client.close();
      return ledger.settle(seen);
    }
    await pause(20);
  }
}

async function killWhileStarting(server: TestServer, random: Random): Promise<void> {
  const starting = server.run().catch((error: Error) => error);
  await pause(random.integer(5, 600));
  server.killNow();
  await starting;
  await server.kill();
}

test(`${rounds} rounds of SIGKILL under delivery and IMAP load`, { timeout: 1_800_000 }, async (t) => {
  const seed = chooseSeed();
  t.diagnostic(`OUTPOST_SEED=${seed}`);
  const server = await TestServer.start({ users });
  t.after(() => server.dispose());
  const ledgers = users.map((user) => new Ledger(user));
  for (const { user } of ledgers) {
    const client = await ImapClient.signedIn(server.at("imaps"), user, password);
    await client.ok("CREATE Other");
    client.close();
  }
  const began = performance.now();
  let startMs = 0;
  let startMaxMs = 0;
  for (let round = 1; round <= rounds; round++) {
    const random = new Random(seed + round * 1000);
    const failures: string[] = [];
    const load = [
      ...[0, 1].map((index) => untilKilled("SMTP", failures, () =>
        deliver(server, ledgers, new Random(seed + round * 1000 + index)))),
      ...ledgers.flatMap((ledger) => [0, 1].map((remainder) => untilKilled(`IMAP ${ledger.user}`, failures,
        () => work(server, ledger, remainder, new Random(seed + round * 1000 + 10 + remainder))))),
    ];
    await pause(random.integer(60, 600));
    await server.kill();
    await Promise.all(load);
    const where = `seed ${seed}, round ${round}`;
    assert.deepEqual(failures, [], where);
    if (round % roundsPerCheck === 0) await server.mustCheckClean();
    if (random.chance(0.1)) await killWhileStarting(server, random);
    await server.run();
    startMs += server.startMs;
    startMaxMs = Math.max(startMaxMs, server.startMs);
    const wrong = (await Promise.all(ledgers.map((ledger) => settle(server, ledger)))).flat();
    assert.deepEqual(wrong, [], where);
    assert.deepEqual(server.errors(), [], where);
    if (round % roundsPerCheck === 5) await server.mustCheckClean();
  }
  await server.stop();
  await server.mustCheckClean();
  t.diagnostic(`${Math.round((performance.now() - began) / 1000)} s; ` +
    `start ${Math.round(startMs / rounds)} ms on average, ` +
    `${Math.round(startMaxMs)} ms at most; acknowledged: ${JSON.stringify(acknowledged)}`);
});
