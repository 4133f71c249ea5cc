/**
 * SORT, THREAD and FETCH of header fields answer as an independent server does, Dovecot, where it is installed: over
 * messages with odd subjects, people, dates and references made from a seed, on a real mailbox. What the two read
 * differently by choice is not in the messages, and said where they are made.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { openKit } from "#mailbox/items/test-kit.ts";
import { serveFake } from "#serve/imap/test-kit.ts";
import type { Store } from "#store/api.ts";
import { newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";
import { dovecotMissing, startDovecot } from "./support/dovecot.ts";

/** A client of either server: one command after the other. */
class Client {
  readonly #socket: Socket;
  #text = "";
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#text += text;
      this.#wake?.();
    });
  }

  static async open(port: number): Promise<Client> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    const client = new Client(socket);
    await client.#until(/^\* OK.*\r\n/);
    assert.match(await client.run("LOGIN alice secret"), /^t OK/m);
    return client;
  }

  async #until(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found !== null) {
        const end = found.index + found[0].length;
        const text = this.#text.slice(0, end);
        this.#text = this.#text.slice(end);
        return text;
      }
      await new Promise<void>((resolve) => { this.#wake = resolve; });
    }
  }

  async run(command: string): Promise<string> {
    this.#socket.write(`t ${command}\r\n`, "latin1");
    return await this.#until(/^t (?:OK|NO|BAD).*\r\n/m);
  }

  async append(bytes: Buffer, day: number): Promise<void> {
    const date = `" ${1 + day % 9}-Mar-2026 10:00:00 +0000"`;
    this.#socket.write(`t APPEND INBOX ${date} {${bytes.length}}\r\n`, "latin1");
    await this.#until(/^\+ .*\r\n/m);
    this.#socket.write(bytes);
    this.#socket.write("\r\n");
    assert.match(await this.#until(/^t (?:OK|NO|BAD).*\r\n/m), /^t OK/m);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Numbers that look like chance and are the same every time. */
function chance(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 9) % below;
  };
}

const words = ["Report", "report", "Käse", "=?utf-8?Q?K=C3=A4se?=", "=?iso-8859-1?Q?K=E4se?=", "zebra", "Apple", "", "x"];
const befores = ["", "", "", "Re: ", "RE: ", "Fwd: ", "Fw:", "[list] ", "Re: [list] ", "[a][b] Re: ", "re[2]: ", "Re:Re:  "];
const behinds = ["", "", "", " (fwd)", "  ", " (FWD) (fwd)", " [tail]"];
const people = [
  "Kim <kim@example.org>", "\"Lee, Sam\" <sam@example.org>", "zoe@example.net", "=?utf-8?Q?=C3=84da?= <ada@example.org>",
  "ALF <Alf@Example.ORG>", "ben (Ben Comment) <ben@example.org>", "<mia@example.org>", "Kim <other@example.com>",
];
const dates = [
  "Mon, 2 Mar 2026 10:00:00 +0000", "Mon, 02 Mar 2026 12:00:00 +0200", "2 Mar 26 10:00:01 GMT", "Sun, 1 Mar 2026 23:59:59 -0500",
  "Tue, 03 Mar 2026 00:00 +0000", "not a date", "",
];

function message(at: number, next: (below: number) => number): Buffer {
  const pick = <T>(list: readonly T[]): T => list[next(list.length)]!;
  const id = (number: number): string => pick([
    `<m${number}@load.example>`, `<m${number}@load.example>`, `<"m${number}"@load.example>`, `<m${number} @load.example>`,
    `<m${number}@load.example >`, `(note) <m${number}@load.example>`,
  ]);
  const lines = [`From: ${pick(people)}`];
  if (next(8) > 0) lines.push(`To: ${pick(people)}${next(3) === 0 ? `,\r\n ${pick(people)}` : ""}`);
  if (next(3) === 0) lines.push(`Cc: ${pick(people)}`);
  // A header field without a body is read alike: as an empty subject.
  if (next(10) > 0) lines.push(`Subject: ${pick(befores)}${pick(words)} ${next(3)}${pick(behinds)}`);
  const date = pick(dates);
  if (date !== "") lines.push(`Date: ${date}`);
  // The same id now and then, and messages without one.
  const own = next(12);
  if (own > 1) lines.push(`Message-ID: ${id(at)}`);
  else if (own === 1 && at > 3) lines.push(`Message-ID: ${id(next(at))}`);
  if (next(3) > 0) {
    const chain = Array.from({ length: 1 + next(3) }, () => id(next(40)));
    if (next(2) === 0) lines.push(`References: ${chain.join(pick([" ", "\r\n\t", "\r\n "]))}`);
    else if (next(2) === 0) lines.push(`In-Reply-To: ${chain.join(" ")}`);
    else lines.push(`References: nothing <valid> here`, `In-Reply-To: your mail of today ${chain[0]!}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\nX-Other: x\r\n\r\n${"b".repeat(next(60))}\r\n`);
}

const backend = sqliteBackend(0);
let store: Store;
before(async () => { store = await backend.open(); });
after(async () => {
  await store.close();
  backend.remove();
});

const sorts = [
  "ARRIVAL", "SIZE", "DATE", "SUBJECT", "FROM", "TO", "CC", "REVERSE SUBJECT", "REVERSE DATE FROM", "SUBJECT REVERSE DATE",
  "DISPLAYFROM", "DISPLAYTO", "CC SUBJECT REVERSE ARRIVAL",
];
const fetches = [
  "BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)]", "BODY.PEEK[HEADER.FIELDS (references Message-Id X-None)]",
  "BODY.PEEK[HEADER.FIELDS (Cc X-Other)]", "BODY.PEEK[HEADER.FIELDS.NOT (Date To)]", "BODY.PEEK[HEADER.FIELDS (TO CC)]<3.20>",
];

/** The outermost threads of an answer in the order of their texts. */
function sortedThreads(text: string): string {
  const threads: string[] = [];
  let depth = 0;
  let begin = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "(" && depth++ === 0) begin = at;
    else if (text[at] === ")" && --depth === 0) threads.push(text.slice(begin, at + 1));
  }
  return threads.sort().join("");
}

test("the same order, threads and fields as another server", { skip: dovecotMissing() ?? false, timeout: 60_000 }, async () => {
  await using other = await startDovecot(["alice"], "secret");
  const { mailbox } = await openKit(store, await newMailbox(store));
  await using own = await serveFake({ open: () => mailbox });
  const clients = [await Client.open(own.port), await Client.open(other.port)] as const;
  const next = chance(20_260_301);
  for (let at = 0; at < 200; at++) {
    const bytes = message(at, next);
    for (const client of clients) await client.append(bytes, at);
  }
  for (const client of clients) await client.run("SELECT INBOX");
  const commands = [
    ...sorts.flatMap((keys) => [`UID SORT (${keys}) UTF-8 ALL`, `SORT (${keys}) UTF-8 FROM kim`]),
    ...["REFERENCES", "REFS", "ORDEREDSUBJECT"].flatMap((name) => [`UID THREAD ${name} UTF-8 ALL`, `THREAD ${name} UTF-8 SUBJECT re`]),
    ...fetches.map((item) => `FETCH 1:* (UID ${item})`),
  ];
  const differing: string[] = [];
  for (const command of commands) {
    // What is told again is the same.
    assert.equal(await clients[0].run(command), await clients[0].run(command));
    const [mine, theirs] = [await clients[0].run(command), await clients[1].run(command)]
      .map((text) => text.split("\r\n").filter((line) => !line.startsWith("t ")).join("\r\n").toUpperCase());
    // Threads whose newest messages are of the same second stand in any order.
    const isSame = command.includes(" REFS ") ? sortedThreads(mine!) === sortedThreads(theirs!) : mine === theirs;
    if (!isSame) differing.push(`${command}\n  ${mine!.slice(0, 3000)}\n  ${theirs!.slice(0, 3000)}`);
  }
  for (const client of clients) client.close();
  assert.deepEqual(differing, []);
  assert.deepEqual(own.failures, []);
});
