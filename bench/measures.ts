/** The measures, the same code against every target: a lean client that sends ahead as far as the protocol allows. */
import { ImapClient } from "../test/support/imap-client.ts";
import { appendMany, sampleMessage } from "../test/support/load.ts";
import { pause } from "../test/support/real-ctx.ts";
import { SmtpClient } from "../test/support/smtp-client.ts";
import type { Mail } from "../test/support/smtp-client.ts";
import { domain, password, people } from "./target.ts";
import type { Target } from "./target.ts";

export interface Measure {
  readonly name: string;
  readonly unit: string;
  /** Whether a larger number is the better one. */
  readonly higherIsBetter: boolean;
  run(target: Target, sizes: Sizes, round: number): Promise<number>;
}

export interface Sizes {
  readonly messages: number;
  readonly messageBytes: number;
  readonly connections: number;
  readonly logins: number;
  /** Messages that lie in the folder before the first measure; 0: those that the APPEND measure puts there. */
  readonly filled: number;
}

/** Messages of the folder in a round: without a filled one it grows with each. */
function held({ messages, filled }: Sizes, round: number): number {
  return filled === 0 ? messages * (round + 1) : filled;
}

/** In a larger folder what takes long for each message is measured on so many from its middle. */
const sampleMax = 100_000;

/** The messages that costly measures touch, as a set, and how many they are. */
export function sampleOf(sizes: Sizes, round: number): { set: string; count: number } {
  const count = held(sizes, round);
  if (count <= sampleMax) return { set: "1:*", count };
  const first = Math.floor((count - sampleMax) / 2) + 1;
  return { set: `${first}:${first + sampleMax - 1}`, count: sampleMax };
}

function signedIn(target: Target, user: string): Promise<ImapClient> {
  return ImapClient.signedIn(target.imaps, user, password);
}

function letter(user: string, token: string, sizeBytes: number): Mail {
  return { from: "sender@outside.example", to: [`${user}@${domain}`], bytes: sampleMessage(token, sizeBytes) };
}

async function perSecond(count: number, body: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await body();
  return count / ((performance.now() - began) / 1000);
}

/** Runs `count` turns spread over `connections` loops, each with what `open` gives it. */
async function spread<T extends { close(): void }>(
  count: number, connections: number, open: (index: number) => Promise<T>,
  turn: (client: T, number: number) => Promise<unknown>,
): Promise<number> {
  const clients = await Promise.all(Array.from({ length: connections }, (_, index) => open(index)));
  let next = 0;
  const rate = await perSecond(count, () => Promise.all(clients.map(async (client) => {
    for (let number = next++; number < count; number = next++) await turn(client, number);
  })));
  for (const client of clients) client.close();
  return rate;
}

async function inboxCount(target: Target): Promise<number> {
  let sum = 0;
  for (const user of people) {
    const client = await signedIn(target, user);
    const reply = await client.ok("STATUS INBOX (MESSAGES)");
    sum += Number(/MESSAGES (\d+)/.exec(reply.untagged.map(({ text }) => text).join())![1]);
    client.close();
  }
  return sum;
}

async function withFolder<T>(target: Target, body: (client: ImapClient) => Promise<T>): Promise<T> {
  const client = await signedIn(target, "alice");
  client.discard = true;
  await client.ok("SELECT Bench");
  const result = await body(client);
  client.close();
  return result;
}

/** No more commands are begun after this: their rate is told by those there were. */
const inTurnMaxMs = 15_000;

/** Commands per second, one after the other, each waiting for the answer before. */
async function inTurn(client: ImapClient, count: number, command: (number: number) => string): Promise<number> {
  const began = performance.now();
  let done = 0;
  while (done < count && performance.now() - began < inTurnMaxMs) await client.ok(command(++done));
  return done / ((performance.now() - began) / 1000);
}

/** Each command touches so many messages that a few of them tell. */
function timesOf({ filled }: Sizes, count: number): number {
  return filled === 0 ? count : Math.min(2, count);
}

/** Messages per second of commands that each touch all messages of the folder, which grows with each round. */
function onAll(
  target: Target, sizes: Sizes, round: number, count: number, command: (number: number) => string,
): Promise<number> {
  return withFolder(target, async (client) =>
    await inTurn(client, timesOf(sizes, count), command) * held(sizes, round));
}

/** The same for commands that take the messages they touch as a set. */
function onSample(
  target: Target, sizes: Sizes, round: number, count: number, command: (set: string, number: number) => string,
): Promise<number> {
  const sample = sampleOf(sizes, round);
  return withFolder(target, async (client) =>
    await inTurn(client, timesOf(sizes, count), (number) => command(sample.set, number)) * sample.count);
}

/** The same for searches: a set is one more thing to look for, left out where it is everything. */
function inSample(
  target: Target, sizes: Sizes, round: number, count: number, command: (within: string, number: number) => string,
): Promise<number> {
  return onSample(target, sizes, round, count, (set, number) => command(set === "1:*" ? "" : `${set} `, number));
}

export const measures: Measure[] = [
  {
    name: "SMTP, accepted and delivered", unit: "messages/s", higherIsBetter: true,
    async run(target, { messages, messageBytes, connections }, round) {
      const before = await inboxCount(target);
      const began = performance.now();
      await spread(messages, connections, () => SmtpClient.greeted(target.smtp), async (client, number) => {
        const user = people[number % people.length]!;
        const reply = await client.send(letter(user, `s${round}-${number}`, messageBytes));
        if (reply.code !== 250) throw new Error(reply.text);
      });
      const acceptedMs = performance.now() - began;
      lastAccepted.set(target.name, messages / (acceptedMs / 1000));
      while (await inboxCount(target) < before + messages) await pause(20);
      return messages / ((performance.now() - began) / 1000);
    },
  },
  {
    name: "SMTP, accepted (250 sent)", unit: "messages/s", higherIsBetter: true,
    run: (target) => Promise.resolve(lastAccepted.get(target.name)!),
  },
  {
    name: "SMTP, one client, 250 after", unit: "ms", higherIsBetter: false,
    async run(target, { messageBytes }) {
      const client = await SmtpClient.greeted(target.smtp);
      const times: number[] = [];
      for (let number = 0; number < 50; number++) {
        const began = performance.now();
        await client.send(letter("dave", `l${number}`, messageBytes));
        times.push(performance.now() - began);
      }
      client.close();
      return median(times);
    },
  },
  {
    name: "SMTP to IDLE notice", unit: "ms", higherIsBetter: false,
    async run(target, { messageBytes }) {
      // The queue must have settled, or an older message rings the bell.
      await pause(500);
      const reader = await signedIn(target, "carol");
      await reader.ok("SELECT INBOX");
      const client = await SmtpClient.greeted(target.smtp);
      const times: number[] = [];
      for (let number = 0; number < 20; number++) {
        const idle = await reader.idle();
        const began = performance.now();
        const told = idle.next(/EXISTS/);
        await client.send(letter("carol", `i${number}`, messageBytes));
        await told;
        times.push(performance.now() - began);
        await idle.done();
      }
      client.close();
      reader.close();
      return median(times);
    },
  },
  {
    name: "IMAP APPEND, one client sending ahead", unit: "messages/s", higherIsBetter: true,
    async run(target, { messages, messageBytes, filled }, round) {
      const client = await signedIn(target, "alice");
      const folder = filled === 0 ? "Bench" : "Appended";
      await client.send(`CREATE ${folder}`);
      const options = { sizeBytes: messageBytes, prefix: `a${round}-` };
      const rate = await perSecond(messages, () => appendMany(client, folder, messages, options));
      client.close();
      return rate;
    },
  },
  {
    name: "IMAP APPEND, many clients", unit: "messages/s", higherIsBetter: true,
    run: (target, { messages, messageBytes, connections }, round) => spread(messages, connections,
      (index) => signedIn(target, people[index % people.length]!),
      (client, number) => client.ok("APPEND INBOX \u0000", sampleMessage(`b${round}-${number}`, messageBytes))),
  },
  {
    name: "IMAP SELECT", unit: "commands/s", higherIsBetter: true,
    run: (target, { filled }) => withFolder(target, (client) =>
      inTurn(client, filled === 0 ? 50 : 5, () => "SELECT Bench")),
  },
  {
    name: "IMAP SELECT again, ten messages changed", unit: "ms", higherIsBetter: false,
    async run(target, _, round) {
      const writer = await signedIn(target, "alice");
      await writer.ok("ENABLE QRESYNC");
      const opened = (await writer.ok("SELECT Bench")).untagged.map(({ text }) => text).join("\n");
      const [, validity] = /UIDVALIDITY (\d+)/.exec(opened)!;
      const [, modSeq] = /HIGHESTMODSEQ (\d+)/.exec(opened)!;
      await writer.ok(`STORE 1:10 ${round % 2 === 0 ? "+" : "-"}FLAGS.SILENT (\\Draft)`);
      writer.close();
      const reader = await signedIn(target, "alice");
      await reader.ok("ENABLE QRESYNC");
      const began = performance.now();
      const missed = await reader.ok(`SELECT Bench (QRESYNC (${validity} ${modSeq}))`);
      const tookMs = performance.now() - began;
      reader.close();
      if (missed.untagged.filter(({ text }) => / FETCH /.test(text)).length !== 10) throw new Error("not the changes");
      return tookMs;
    },
  },
  {
    name: "IMAP FETCH flags of all", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => onAll(target, sizes, round, 10, () => "FETCH 1:* (UID FLAGS)"),
  },
  {
    name: "IMAP FETCH envelopes of all", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => onSample(target, sizes, round, 3,
      (set) => `FETCH ${set} (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)`),
  },
  {
    name: "IMAP FETCH header fields of all", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => onSample(target, sizes, round, 3,
      (set) => `FETCH ${set} (UID BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])`),
  },
  {
    name: "IMAP FETCH bodies of all", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => onSample(target, sizes, round, 3, (set) => `FETCH ${set} (UID BODY.PEEK[])`),
  },
  {
    name: "IMAP FETCH one body, in turn", unit: "messages/s", higherIsBetter: true,
    run: (target, { messages }) => withFolder(target, (client) =>
      inTurn(client, messages, (number) => `FETCH ${number} (BODY.PEEK[])`)),
  },
  {
    name: "IMAP STORE on all", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => onSample(target, sizes, round, 4,
      (set, number) => `STORE ${set} ${number % 2 === 1 ? "+" : "-"}FLAGS.SILENT (\\Flagged)`),
  },
  {
    name: "IMAP STORE on one, in turn", unit: "commands/s", higherIsBetter: true,
    run: (target, { messages }, round) => withFolder(target, (client) =>
      inTurn(client, 300, (number) => `STORE ${1 + number % messages} ${round % 2 === 0 ? "+" : "-"}FLAGS (\\Seen)`)),
  },
  {
    name: "IMAP SEARCH flags", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => onAll(target, sizes, round, 20, () => "UID SEARCH UNSEEN UNFLAGGED"),
  },
  {
    name: "IMAP SEARCH subject", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => inSample(target, sizes, round, 5,
      (within, number) => `UID SEARCH ${within}SUBJECT "a0-${number}"`),
  },
  {
    name: "IMAP SEARCH header field", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => inSample(target, sizes, round, 5,
      (within, number) => `UID SEARCH ${within}HEADER Message-ID "a0-${number}77@"`),
  },
  {
    name: "IMAP SEARCH body, some found", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => inSample(target, sizes, round, 2,
      (within) => `UID SEARCH ${within}BODY "suninstwen" SEEN`),
  },
  {
    name: "IMAP SEARCH body, nothing found", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => inSample(target, sizes, round, 2,
      (within) => `UID SEARCH ${within}BODY "not in any of them"`),
  },
  {
    name: "IMAP SORT by subject", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => inSample(target, sizes, round, 5,
      (within) => `UID SORT (SUBJECT) UTF-8 ${within}ALL`),
  },
  {
    name: "IMAP SORT by date, newest first", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => inSample(target, sizes, round, 5,
      (within) => `UID SORT (REVERSE DATE) UTF-8 ${within}ALL`),
  },
  {
    name: "IMAP THREAD by reference", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => inSample(target, sizes, round, 5,
      (within) => `UID THREAD REFERENCES UTF-8 ${within}ALL`),
  },
  {
    name: "IMAP COPY of all", unit: "messages/s", higherIsBetter: true,
    run: (target, sizes, round) => withFolder(target, async (client) => {
      await client.send("CREATE Copies");
      const { set, count } = sampleOf(sizes, round);
      return await perSecond(count, () => client.ok(`COPY ${set} Copies`));
    }),
  },
  {
    name: "IMAP EXPUNGE of all", unit: "messages/s", higherIsBetter: true,
    async run(target, sizes, round) {
      const client = await signedIn(target, "alice");
      client.discard = true;
      await client.ok("SELECT Copies");
      await client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)");
      const rate = await perSecond(sampleOf(sizes, round).count, () => client.ok("EXPUNGE"));
      client.close();
      return rate;
    },
  },
  {
    name: "IMAP flag change to IDLE notice", unit: "ms", higherIsBetter: false,
    async run(target, _, round) {
      const reader = await signedIn(target, "alice");
      await reader.ok("SELECT Bench");
      const times: number[] = [];
      await withFolder(target, async (writer) => {
        for (let number = 0; number < 20; number++) {
          const idle = await reader.idle();
          const began = performance.now();
          const told = idle.next(/FETCH/);
          await writer.ok(`STORE ${number + 1} ${round % 2 === 0 ? "+" : "-"}FLAGS (\\Answered)`);
          await told;
          times.push(performance.now() - began);
          await idle.done();
        }
      });
      reader.close();
      return median(times);
    },
  },
  {
    name: "IMAP sign-in over TLS, many clients", unit: "sign-ins/s", higherIsBetter: true,
    async run(target, { logins, connections }) {
      let next = 0;
      return await perSecond(logins, () => Promise.all(Array.from({ length: connections }, async () => {
        for (let number = next++; number < logins; number = next++) {
          const client = await signedIn(target, people[number % people.length]!);
          client.close();
        }
      })));
    },
  },
];

const lastAccepted = new Map<string, number>();

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
