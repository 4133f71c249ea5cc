/**
 * SMTP sessions over a connection in memory, with a real queue behind them: scripts of lines sent and replies expected,
 * sent whole and one byte at a time, and what then lies in the mailboxes.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { Connection } from "#net/api.ts";
import { ReadTimeout } from "#net/api.ts";
import { smtpHandler, smtpRefusal } from "#serve/smtp/listen.ts";
import type { SmtpConfig, SmtpParts } from "#serve/smtp/service.ts";
import type { TestHouse } from "#transport/test-kit.ts";
import { openTestHouse, until } from "#transport/test-kit.ts";
import type { TransportConfig } from "#transport/config.ts";

/** The client's end and the server's end in one. */
class MemoryConnection implements Connection {
  readonly id = "c1";
  readonly remoteAddress = "192.0.2.7";
  readonly localPort = 25;
  readonly serverName = null;
  isTls: boolean;
  readonly stop = new AbortController();
  readonly ctx;
  output = "";
  #input: (Uint8Array | null)[] = [];
  #wake: (() => void) | null = null;
  timeoutsAsked: number[] = [];

  constructor(house: TestHouse, isTls: boolean) {
    this.ctx = house.ctx;
    this.isTls = isTls;
  }
  get tlsVersion(): string | null {
    return this.isTls ? "TLSv1.3" : null;
  }
  get tlsCipher(): string | null {
    return this.isTls ? "TLS_AES_256_GCM_SHA384" : null;
  }
  get stopping(): AbortSignal {
    return this.stop.signal;
  }
  send(text: string | Uint8Array, byteByByte = false): void {
    const bytes = typeof text === "string" ? Buffer.from(text, "latin1") : text;
    if (byteByByte) for (const byte of bytes) this.#input.push(Uint8Array.of(byte));
    else this.#input.push(bytes);
    this.#wake?.();
  }
  end(): void {
    this.#input.push(null);
    this.#wake?.();
  }
  async read(timeoutMs: number): Promise<Uint8Array | null> {
    this.timeoutsAsked.push(timeoutMs);
    const startMs = performance.now();
    while (this.#input.length === 0) {
      const leftMs = timeoutMs - (performance.now() - startMs);
      if (leftMs <= 0) throw new ReadTimeout();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(leftMs, 20_000));
        this.#wake = () => { clearTimeout(timer); resolve(); };
      });
    }
    return this.#input.shift()!;
  }
  async write(...pieces: (Uint8Array | string)[]): Promise<void> {
    for (const piece of pieces) this.output += typeof piece === "string" ? piece : Buffer.from(piece).toString("latin1");
  }
  async startTls(...answer: (Uint8Array | string)[]): Promise<void> {
    this.#input = [];
    await this.write(...answer);
    this.isTls = true;
  }
  async close(): Promise<void> {}
  destroy(): void {
    this.end();
  }
}

interface Client {
  readonly connection: MemoryConnection;
  readonly done: Promise<void>;
}

interface Options {
  readonly role?: "inbound" | "submission";
  readonly tls?: boolean;
  readonly config?: Partial<SmtpConfig>;
  readonly quota?: SmtpParts["quota"];
  readonly transport?: Partial<TransportConfig>;
}

function connect(house: TestHouse, options: Options = {}): Client {
  const { role = "inbound", tls = false } = options;
  const connection = new MemoryConnection(house, tls);
  const handler = smtpHandler({
    config: { role, hostname: "mail.example.test", startTls: !tls, postmaster: "alice@example.test", ...options.config },
    directory: house.directory, transport: house.transport(options.transport), quota: options.quota ?? null,
  });
  return { connection, done: handler(connection) };
}

/** Sends all of `input`, the end of the stream behind it; gives the replies as lines without the greeting. */
async function converse(house: TestHouse, input: string, options: Options & { byteByByte?: boolean } = {}): Promise<string[]> {
  const { connection, done } = connect(house, options);
  connection.send(input, options.byteByByte ?? false);
  connection.end();
  await done;
  return connection.output.split("\r\n").slice(1, -1);
}

const envelope = "EHLO c.test\r\nMAIL FROM:<x@remote.test>\r\nRCPT TO:<bob@example.test>\r\n";
const plain = (user: string, password: string): string => Buffer.from(`\0${user}\0${password}`).toString("base64");
const signIn = `EHLO c.test\r\nAUTH PLAIN ${plain("alice", "secret")}\r\n`;
/** Replies without the lines of EHLO. */
const short = (lines: string[]): string[] => lines.filter((line) => !/^250-|^250 (LIMITS|STARTTLS|AUTH)/.test(line));
/** Codes alone. */
const codes = (lines: string[]): string => short(lines).map((line) => line.slice(0, 3)).join(" ");

/** Rows: name, what the client sends, the replies' codes (or, after `~`, a part of the last reply). */
const inbound: [name: string, input: string, expected: string][] = [
  ["a message", `${envelope}DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n`, "250 250 354 250 221"],
  ["HELO", "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n\r\n.\r\n", "250 250 250 354 250"],
  ["MAIL before hello", "MAIL FROM:<a@b>\r\n", "503"],
  ["RCPT before MAIL", "EHLO c\r\nRCPT TO:<bob@example.test>\r\n", "503"],
  ["DATA before MAIL", "EHLO c\r\nDATA\r\n", "503"],
  ["DATA without recipients", "EHLO c\r\nMAIL FROM:<a@b>\r\nDATA\r\n", "250 554"],
  ["a second MAIL", "EHLO c\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\n", "250 503"],
  ["EHLO drops the message", `${envelope}EHLO c\r\nDATA\r\n`, "250 250 503"],
  ["RSET drops the message", `${envelope}RSET\r\nDATA\r\n`, "250 250 250 503"],
  ["unknown command", "FOO\r\n", "~500 5.5.2"],
  ["empty line", "\r\n", "~500 5.5.2"],
  ["verb without regard to case", "nOoP\r\n", "250"],
  ["VRFY, EXPN, HELP", "VRFY bob\r\nEXPN team\r\nHELP\r\n", "252 502 214"],
  ["unknown recipient", "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<nobody@example.test>\r\n", "~550 5.1.1"],
  ["no relaying", "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<x@remote.test>\r\n", "~550 5.7.1"],
  ["disabled mailbox", "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<dan@example.test>\r\n", "~550 5.2.1"],
  ["a group without members", "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<empty@example.test>\r\n", "~550 5.2.1"],
  ["postmaster alone", "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\n", "250 250"],
  ["postmaster of the domain", "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster@example.test>\r\n", "250 250"],
  ["source route", "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<@x.test,@y.test:bob@example.test>\r\n", "250 250"],
  ["quoted local part", "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<\"bob\"@example.test>\r\n", "250 250"],
  ["no brackets", "EHLO c\r\nMAIL FROM:a@b\r\nRCPT TO:bob@example.test\r\n", "250 250"],
  ["bad sender", "EHLO c\r\nMAIL FROM:<a b@c>\r\n", "~501 5.1.7"],
  ["bad recipient", "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@>\r\n", "~501 5.1.3"],
  ["unknown parameter", "EHLO c\r\nMAIL FROM:<a@b> FOO=1\r\n", "~555 5.5.4"],
  ["BINARYMIME is not offered", "EHLO c\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\n", "~501 5.5.4"],
  ["too large by its word", "EHLO c\r\nMAIL FROM:<a@b> SIZE=999999999999\r\n", "~552 5.3.4"],
  ["AUTH on the inbound port", "EHLO c\r\nAUTH PLAIN AAAA\r\n", "~502 5.5.1"],
  ["address beyond ASCII without SMTPUTF8", "EHLO c\r\nMAIL FROM:<\xc3\xa9@b>\r\n", "~553 5.6.7"],
  ["address beyond ASCII", "EHLO c\r\nMAIL FROM:<\xc3\xa9@b> SMTPUTF8\r\n", "250"],
  ["no UTF-8", "EHLO c\r\nMAIL FROM:<\xe9@b> SMTPUTF8\r\n", "~500 5.5.2"],
  ["NUL in a command", "NO\0OP\r\n", "~500 5.5.2"],
  ["command ended by LF", "NOOP\nNOOP\r\n", "500 250"],
  ["command too long", `NOOP ${"x".repeat(5000)}\r\nNOOP\r\n`, "500 250"],
  ["command much too long", `NOOP ${"x".repeat(50_000)}\r\nNOOP\r\n`, "500 250"],
  ["bare LF in the message", `${envelope}DATA\r\na\nb\r\n.\r\n`, "~550 5.6.11"],
  ["bare CR in the message", `${envelope}DATA\r\na\rb\r\n.\r\n`, "~550 5.6.11"],
  ["LF dot LF does not end the data", `${envelope}DATA\r\na\n.\nMAIL FROM:<evil@x>\r\n.\r\nNOOP\r\n`, "250 250 354 550 250"],
  ["LF dot CRLF does not end the data", `${envelope}DATA\r\na\n.\r\nRSET\r\n.\r\nNOOP\r\n`, "250 250 354 550 250"],
  ["CRLF dot LF does not end the data", `${envelope}DATA\r\na\r\n.\nRSET\r\n.\r\nNOOP\r\n`, "250 250 354 550 250"],
  ["CR dot CR does not end the data", `${envelope}DATA\r\na\r.\rRSET\r\n.\r\nNOOP\r\n`, "250 250 354 550 250"],
  ["NUL is data", `${envelope}DATA\r\n\r\na\0b\r\n.\r\n`, "250 250 354 250"],
  ["line too long", `${envelope}DATA\r\n\r\n${"x".repeat(limits.smtpTextLineMaxBytes)}\r\n.\r\n`, "~554 5.6.0"],
  ["loop", `${envelope}DATA\r\n${"Received: x\r\n".repeat(101)}\r\nx\r\n.\r\n`, "~554 5.4.6"],
  ["Received in the body is no loop", `${envelope}DATA\r\n\r\n${"Received: x\r\n".repeat(200)}.\r\n`, "250 250 354 250"],
  ["BDAT in one", `${envelope}BDAT 6 LAST\r\n\r\nhi\r\n`, "250 250 250"],
  ["BDAT in two", `${envelope}BDAT 3\r\n\r\nhBDAT 3 LAST\r\ni\r\nNOOP\r\n`, "250 250 250 250 250"],
  ["empty last BDAT", `${envelope}BDAT 6\r\n\r\nhi\r\nBDAT 0 LAST\r\n`, "250 250 250 250"],
  ["the bytes of a refused BDAT are dropped", "EHLO c\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n", "503 250"],
  ["BDAT of no known size closes", "EHLO c\r\nBDAT x\r\nNOOP\r\n", "501"],
  ["DATA after BDAT", `${envelope}BDAT 2\r\n\r\nDATA\r\nRCPT TO:<bob@example.test>\r\nRSET\r\n`, "250 250 250 503 503 250"],
  ["bare LF in BDAT", `${envelope}BDAT 3 LAST\r\na\nb`, "~550 5.6.11"],
  ["STARTTLS again", "STARTTLS x\r\n", "~501 5.5.4"],
  ["doubled parameter", "EHLO c\r\nMAIL FROM:<a@b> SIZE=1 SIZE=2\r\n", "~501 5.5.4"],
  ["DSN parameters", "EHLO c\r\nMAIL FROM:<a@b> RET=HDRS ENVID=a+2Bb\r\nRCPT TO:<bob@example.test> NOTIFY=SUCCESS,delay ORCPT=rfc822;b+40x\r\n", "250 250"],
  ["NOTIFY=NEVER stands alone", "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<bob@example.test> NOTIFY=NEVER,DELAY\r\n", "~501 5.5.4"],
];

test("inbound, each script whole and byte by byte", async () => {
  await using house = await openTestHouse();
  for (const [name, input, expected] of inbound) {
    for (const byteByByte of [false, true]) {
      if (byteByByte && input.length > 20_000) continue;
      const lines = await converse(house, input, { byteByByte });
      if (expected.startsWith("~")) {
        const last = lines.at(-1) ?? "";
        assert.ok(last.startsWith(expected.slice(1)), `${name}: ${lines.join(" | ")}`);
      } else {
        assert.equal(codes(lines), expected, `${name}: ${lines.join(" | ")}`);
      }
    }
  }
});

test("what EHLO offers, in the clear and in TLS", async () => {
  await using house = await openTestHouse();
  const common = [
    "250-mail.example.test", "250-PIPELINING", `250-SIZE ${limits.messageSizeMaxBytes}`, "250-8BITMIME", "250-SMTPUTF8",
    "250-CHUNKING", "250-DSN", "250-ENHANCEDSTATUSCODES",
  ];
  const rcpts = `LIMITS RCPTMAX=${limits.smtpRecipientsMax}`;
  assert.deepEqual(await converse(house, "EHLO c\r\n"), [...common, `250-${rcpts}`, "250 STARTTLS"]);
  assert.deepEqual(await converse(house, "EHLO c\r\n", { role: "submission" }), [...common, `250-${rcpts}`, "250 STARTTLS"]);
  assert.deepEqual(await converse(house, "EHLO c\r\n", { role: "submission", tls: true }), [...common, `250-${rcpts}`, "250 AUTH PLAIN LOGIN"]);
  assert.deepEqual(await converse(house, "EHLO c\r\n", { tls: true }), [...common, `250 ${rcpts}`]);
  assert.deepEqual(await converse(house, "HELO c\r\n"), ["250 mail.example.test"]);
});

const b64 = (text: string): string => Buffer.from(text).toString("base64");
const submission: [name: string, input: string, expected: string][] = [
  ["MAIL before AUTH", "EHLO c\r\nMAIL FROM:<alice@example.test>\r\n", "~530 5.7.0"],
  ["PLAIN with initial response", signIn, "235"],
  ["PLAIN without", `EHLO c\r\nAUTH PLAIN\r\n${plain("alice", "secret")}\r\n`, "334 235"],
  ["PLAIN with identity", `EHLO c\r\nAUTH PLAIN ${b64("alice\0alice\0secret")}\r\n`, "235"],
  ["PLAIN for someone else", `EHLO c\r\nAUTH PLAIN ${b64("bob\0alice\0secret")}\r\n`, "~535 5.7.8"],
  ["LOGIN with initial response", `EHLO c\r\nAUTH LOGIN ${b64("alice")}\r\n${b64("secret")}\r\n`, "334 235"],
  ["LOGIN without", `EHLO c\r\nAUTH login\r\n${b64("alice@example.test")}\r\n${b64("secret")}\r\n`, "334 334 235"],
  ["wrong password", `EHLO c\r\nAUTH PLAIN ${plain("alice", "wrong")}\r\n`, "~535 5.7.8"],
  ["cancelled", "EHLO c\r\nAUTH LOGIN\r\n*\r\nNOOP\r\n", "334 501 250"],
  ["no base64", "EHLO c\r\nAUTH PLAIN !!!!\r\n", "~501 5.5.2"],
  ["empty initial response", "EHLO c\r\nAUTH PLAIN =\r\n", "~501 5.5.2"],
  ["unknown mechanism", "EHLO c\r\nAUTH CRAM-MD5\r\n", "~504 5.5.4"],
  ["AUTH before EHLO", `AUTH PLAIN ${plain("alice", "secret")}\r\n`, "~503"],
  ["AUTH after HELO", `HELO c\r\nAUTH PLAIN ${plain("alice", "secret")}\r\n`, "250 503"],
  ["AUTH twice", `${signIn}AUTH PLAIN ${plain("alice", "secret")}\r\n`, "~503 5.5.1"],
  ["AUTH during a message", `${signIn}RSET\r\nMAIL FROM:<>\r\nAUTH LOGIN\r\n`, "235 250 250 503"],
  ["a sign-in line too long", `EHLO c\r\nAUTH LOGIN\r\n${"A".repeat(20_000)}\r\nNOOP\r\n`, "334 500 250"],
  ["relaying", `${signIn}MAIL FROM:<alice@example.test>\r\nRCPT TO:<x@remote.test>\r\n`, "235 250 250"],
  ["someone else's address", `${signIn}MAIL FROM:<bob@example.test>\r\n`, "~553 5.7.1"],
  ["a granted address", `${signIn}MAIL FROM:<info@example.test>\r\n`, "235 250"],
  ["the null sender, for receipts", `${signIn}MAIL FROM:<>\r\n`, "235 250"],
  ["sign-in is over with a new TLS only", `${signIn}EHLO d\r\nMAIL FROM:<alice@example.test>\r\n`, "235 250"],
];

test("submission in TLS, each script whole and byte by byte", async () => {
  await using house = await openTestHouse();
  for (const [name, input, expected] of submission) {
    for (const byteByByte of [false, true]) {
      const lines = await converse(house, input, { role: "submission", tls: true, byteByByte });
      const all = codes(lines);
      if (expected.startsWith("~")) assert.ok(lines.at(-1)!.startsWith(expected.slice(1)), `${name}: ${lines.join(" | ")}`);
      else assert.equal(all, expected, `${name}: ${lines.join(" | ")}`);
    }
  }
});

test("no sign-in in the clear, and the words that say so", async () => {
  await using house = await openTestHouse();
  const lines = await converse(house, `EHLO c\r\nAUTH PLAIN ${plain("alice", "secret")}\r\nMAIL FROM:<a@b>\r\n`, { role: "submission" });
  assert.match(lines.at(-2)!, /^538 5\.7\.11 Start TLS first/);
  assert.match(lines.at(-1)!, /^530 5\.7\.0 Start TLS first/);
});

test("STARTTLS forgets the session and drops what came ahead of the handshake", async () => {
  await using house = await openTestHouse();
  const { connection, done } = connect(house, { role: "submission" });
  connection.send("EHLO c\r\nSTARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@x>\r\n");
  await until("TLS", () => connection.isTls);
  connection.send(`MAIL FROM:<>\r\nEHLO d\r\nAUTH PLAIN ${plain("bob", "secret")}\r\nSTARTTLS\r\nQUIT\r\n`);
  await done;
  const after = connection.output.split("220 2.0.0 Ready to start TLS\r\n")[1]!.split("\r\n");
  assert.equal(after[0]!.slice(0, 9), "503 5.5.1");
  assert.match(after.slice(-4).join("|"), /235 2\.7\.0 Signed in\|503 5\.5\.1 TLS is on already\|221/);
  assert.ok(house.logLines.some(({ message }) => message.includes("in the clear behind STARTTLS")));
});

async function deliver(house: TestHouse, input: string, options: Options & { byteByByte?: boolean } = {}): Promise<string> {
  const before = house.mailboxes.get(2)?.length ?? 0;
  const lines = await converse(house, input, options);
  const worker = house.transport();
  await worker.start();
  await until(`a delivery after ${lines.join(" | ")}`, () => (house.mailboxes.get(2)?.length ?? 0) > before);
  await worker.stop();
  return house.mailboxes.get(2)!.at(-1)!.text;
}

test("an inbound message keeps its bytes behind Return-Path and Received", async () => {
  await using house = await openTestHouse();
  const body = "subject: odd \xff\0\r\n folded\r\nbroken header\r\n\r\n.dot\r\n..\r\n\xe4\r\n";
  const stuffed = body.replaceAll("\r\n.", "\r\n..");
  const inputs = [`${envelope}DATA\r\n${stuffed}.\r\n`, `${envelope}BDAT 10\r\n${body.slice(0, 10)}BDAT ${body.length - 10} LAST\r\n${body.slice(10)}`];
  for (const input of inputs) {
    for (const byteByByte of [false, true]) {
      const text = await deliver(house, input, { byteByByte });
      assert.match(text, /^Return-Path: <x@remote\.test>\r\nReceived: from c\.test \(\[192\.0\.2\.7\]\)\r\n\tby mail\.example\.test with ESMTP id [0-9a-z]{16}\r\n\tfor <bob@example\.test>;\r\n\t\w{3}, \d+ \w{3} \d{4} [\d:]{8} \+0000\r\n/);
      assert.ok(text.endsWith(`+0000\r\n${body}`), text);
    }
  }
});

test("two recipients are not shown to each other; a HELO that is no name stands in a comment", async () => {
  await using house = await openTestHouse();
  const text = await deliver(house, "HELO <(evil)>;\r\nMAIL FROM:<>\r\nRCPT TO:<carol@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n\r\n.\r\n");
  assert.match(text, /^Return-Path: <>\r\nReceived: from \[192\.0\.2\.7\] \(\?\?evil\?\?\?\)\r\n\tby mail\.example\.test with SMTP id \w+;\r\n/);
});

test("a submitted message is completed, its Bcc gone", async () => {
  await using house = await openTestHouse();
  const options = { role: "submission", tls: true } as const;
  const start = `${signIn}MAIL FROM:<alice@example.test> SMTPUTF8\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n`;
  const text = await deliver(house, `${start}To: bob@example.test\r\nBCC: carol@example.test,\r\n x@y\r\nSubject: s\r\n\r\nbody\r\n.\r\n`, options);
  assert.match(text, /with UTF8SMTPSA id \w+\r\n\t\(TLSv1\.3 TLS_AES_256_GCM_SHA384\)\r\n\tfor <bob@example\.test>;\r\n/);
  assert.match(text, /\+0000\r\nDate: [^\r]+ \+0000\r\nFrom: <alice@example\.test>\r\nMessage-ID: <\w+@mail\.example\.test>\r\nTo: bob@example\.test\r\nSubject: s\r\n\r\nbody\r\n$/);
  const whole = "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nfrom: Alice <Alice@Example.test>\r\nMessage-Id: <a@b>\r\n\r\nbody\r\n";
  const second = await deliver(house, `${start}${whole}.\r\n`, options);
  assert.ok(second.endsWith(`+0000\r\n${whole}`), "complete: not touched");
});

const froms: [name: string, header: string, expected: string][] = [
  ["own", "From: alice@example.test", "250"],
  ["granted", "From: \"Info, the\" <info@example.test>", "250"],
  ["someone else's", "From: bob@example.test", "550 5.7.1"],
  ["someone else's behind one's own name", "From: \"alice@example.test\" <bob@example.test>", "550 5.7.1"],
  ["one of two", "From: alice@example.test, bob@example.test", "550 5.7.1"],
  ["two fields", "From: alice@example.test\r\nFrom: alice@example.test", "550 5.7.1"],
  ["no address", "From: undisclosed:;", "550 5.6.0"],
  ["folded", "From:\r\n Alice\r\n\t<bob@example.test>", "550 5.7.1"],
  ["white space before the colon", "From : bob@example.test", "550 5.7.1"],
  ["another sender", "From: alice@example.test\r\nSender: bob@example.test", "550 5.7.1"],
  ["a second sender field", "From: alice@example.test\r\nsender: alice@example.test\r\nSENDER: alice@example.test", "550 5.7.1"],
];
test("who may stand in From", async () => {
  await using house = await openTestHouse();
  for (const [name, header, expected] of froms) {
    const input = `${signIn}MAIL FROM:<alice@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n${header}\r\n\r\nx\r\n.\r\n`;
    const lines = await converse(house, input, { role: "submission", tls: true });
    assert.ok(lines.at(-1)!.startsWith(expected), `${name}: ${lines.at(-1)}`);
  }
});

test("size: refused while it comes, the next message is fine", async () => {
  await using house = await openTestHouse();
  const config = { messageSizeMaxBytes: 200_000 };
  const big = `${"x".repeat(98)}\r\n`.repeat(2500);
  const rest = "MAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n\r\nok\r\n.\r\n";
  assert.match(codes(await converse(house, `${envelope}DATA\r\n\r\n${big}.\r\n${rest}`, { config })), /354 552 250 250 354 250$/);
  assert.match(codes(await converse(house, `${envelope}BDAT ${big.length} LAST\r\n${big}${rest}`, { config })), /552 250 250 354 250$/);
  assert.match(codes(await converse(house, `${envelope}BDAT 100000\r\n${big.slice(0, 100_000)}BDAT 150000 LAST\r\n${big.slice(0, 150_000)}${rest}`, { config })), /250 552 250 250 354 250$/);
  assert.match(codes(await converse(house, `${envelope}BDAT 99999999999 LAST\r\nQUIT\r\n`, { config })), /552$/, "not worth reading: closed");
  assert.equal((await house.rows("queue_message")).length, 3);
});

test("a large message goes to the blob store and comes out the same", async () => {
  await using house = await openTestHouse();
  const body = `Subject: big\r\n\r\n${`${"y".repeat(98)}\r\n`.repeat(3000)}`;
  const text = await deliver(house, `${envelope}DATA\r\n${body}.\r\n`);
  assert.ok(text.endsWith(body));
});

test("too many recipients: the first ones get it", async () => {
  await using house = await openTestHouse();
  const rcpts = "RCPT TO:<bob@example.test>\r\n".repeat(3);
  const lines = await converse(house, `EHLO c\r\nMAIL FROM:<>\r\n${rcpts}DATA\r\n\r\n.\r\n`, { config: { recipientsMax: 2 } });
  assert.equal(codes(lines), "250 250 250 452 354 250");
  assert.ok(lines.some((line) => line.startsWith("452 4.5.3")));
});

test("quota at RCPT", async () => {
  await using house = await openTestHouse();
  const rows: [used: number, limit: number | null, size: string, expected: string][] = [
    [10, 100, "", "250"], [100, 100, "", "452 4.2.2"], [10, 100, " SIZE=95", "452 4.2.2"], [10, 100, " SIZE=101", "552 5.2.2"], [10, null, " SIZE=101", "250"],
  ];
  for (const [usedBytes, limitBytes, size, expected] of rows) {
    const quota = (): Promise<{ usedBytes: number; limitBytes: number | null }> => Promise.resolve({ usedBytes, limitBytes });
    const lines = await converse(house, `EHLO c\r\nMAIL FROM:<>${size}\r\nRCPT TO:<bob@example.test>\r\n`, { quota });
    assert.ok(lines.at(-1)!.startsWith(expected), `${usedBytes} of ${limitBytes}${size}: ${lines.at(-1)}`);
  }
});

test("a full disk is told and the connection lives on", async () => {
  await using house = await openTestHouse();
  const { store } = house;
  const transact = store.transact.bind(store);
  let full = true;
  store.transact = (ctx, scope, procedure, args) =>
    full && procedure.name === "transport.acceptMessages" ? Promise.reject(new Fault("storageFull", "The disk is full.")) : transact(ctx, scope, procedure, args);
  const { connection, done } = connect(house);
  connection.send(`${envelope}DATA\r\n\r\nx\r\n.\r\n`);
  await until("the refusal", () => connection.output.includes("\r\n452 4.3.1 "));
  full = false;
  connection.send("MAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n\r\nx\r\n.\r\nQUIT\r\n");
  await done;
  assert.match(connection.output, /250 2\.0\.0 Queued as \w{16}\r\n221 /);
});

test("a full disk in the middle of a large message is told at its end", async () => {
  await using house = await openTestHouse();
  house.store.blobs.create = () => ({
    write: () => Promise.reject(new Fault("storageFull", "The disk is full.")),
    finish: () => Promise.reject(new Error("not reached")), discard: () => Promise.resolve(),
  });
  const lines = await converse(house, `${envelope}DATA\r\n\r\n${`${"z".repeat(998)}\r\n`.repeat(300)}.\r\nNOOP\r\n`);
  assert.deepEqual(lines.slice(-2).map((line) => line.slice(0, 9)), ["452 4.3.1", "250 2.0.0"]);
});

test("250 only when the queue has it on disk", async () => {
  await using house = await openTestHouse();
  const { store } = house;
  const transact = store.transact.bind(store);
  let commit: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => { commit = resolve; });
  store.transact = async (ctx, scope, procedure, args) => {
    if (procedure.name === "transport.acceptMessages") await gate;
    return await transact(ctx, scope, procedure, args);
  };
  const { connection, done } = connect(house);
  connection.send(`${envelope}DATA\r\n\r\nx\r\n.\r\nQUIT\r\n`);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.ok(connection.output.endsWith("354 Send the message; end with a line of one dot\r\n") || !connection.output.includes("Queued"));
  commit();
  await done;
  assert.match(connection.output, /Queued as/);
});

test("a bug or a failing directory costs one command", async () => {
  await using house = await openTestHouse();
  house.directory.fails = new Error("boom");
  const { connection, done } = connect(house);
  connection.send("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nRCPT TO:<bob@example.test>\r\nQUIT\r\n");
  await done;
  assert.match(connection.output, /451 4\.3\.0 Internal error; try again later\r\n250 2\.1\.5 Recipient OK\r\n221/);
  assert.ok(house.logLines.some(({ level }) => level === "error"));
});

test("limits that close the connection", async () => {
  await using house = await openTestHouse();
  const rows: [name: string, input: string, expected: RegExp, options?: Options][] = [
    ["bad commands in a row", "FOO\r\n".repeat(30), /^(500 [^|]+\|){20}421 4\.7\.0 [^|]+$/],
    ["a good one between starts anew", `${"FOO\r\n".repeat(19)}NOOP\r\n${"FOO\r\n".repeat(19)}NOOP\r\n`, /250 2\.0\.0 OK$/],
    ["failed sign-ins", `EHLO c\r\n${`AUTH PLAIN ${plain("alice", "no")}\r\n`.repeat(9)}`, /(535 [^|]+\|){5}421 4\.7\.0 [^|]+$/, { role: "submission", tls: true }],
    ["refused recipients", `EHLO c\r\nMAIL FROM:<>\r\n${"RCPT TO:<no@example.test>\r\n".repeat(150)}`, /(550 [^|]+\|){100}421 4\.7\.0 [^|]+$/],
  ];
  for (const [name, input, expected, options] of rows) {
    assert.match((await converse(house, input, options)).join("|"), expected, name);
  }
});

test("silence and drips end in 421", async () => {
  await using house = await openTestHouse();
  const config = { idleTimeoutMs: 60, dataTimeoutMs: 150 };
  const silent = connect(house, { config });
  await silent.done;
  assert.match(silent.connection.output, /421 4\.4\.2 /);
  for (const start of ["NOO", `${envelope}DATA\r\n`, `${envelope}BDAT 1000\r\n`]) {
    const { connection, done } = connect(house, { config });
    connection.send(start);
    const drip = setInterval(() => connection.send("x"), 20);
    await done;
    clearInterval(drip);
    assert.match(connection.output, /421 4\.4\.2 /, start);
  }
});

test("a stopping server ends idle connections, and busy ones after their message", async () => {
  await using house = await openTestHouse();
  const idle = connect(house);
  await until("the greeting", () => idle.connection.output !== "");
  idle.connection.stop.abort();
  await idle.done;
  idle.connection.destroy();
  assert.match(idle.connection.output, /\r\n421 4\.3\.2 [^\r]+\r\n$/);
  const busy = connect(house);
  busy.connection.send(`${envelope}DATA\r\n\r\nx`);
  await until("354", () => busy.connection.output.includes("354"));
  busy.connection.stop.abort();
  busy.connection.send("\r\n.\r\nNOOP\r\n");
  await busy.done;
  assert.match(busy.connection.output, /Queued as \w+\r\n421 4\.3\.2 [^\r]+\r\n$/);
});

test("a client that leaves in the middle leaves nothing behind", async () => {
  await using house = await openTestHouse();
  for (const input of ["EHL", envelope, `${envelope}DATA\r\nabc`, `${envelope}BDAT 10\r\nabc`, `${envelope}DATA\r\n${"x".repeat(200_000)}`]) {
    await converse(house, input);
  }
  assert.equal((await house.rows("queue_message")).length, 0);
});

test("the words at the door", () => {
  assert.match(smtpRefusal("h.test")("stopping"), /^421 4\.3\.2 h\.test: .*\r\n$/);
  assert.match(smtpRefusal("h.test")("tooManyConnections"), /^421 4\.7\.0 /);
});

test("any conversation, cut anywhere, has the same well-formed answers", async () => {
  await using house = await openTestHouse();
  const piece = fc.constantFrom(
    "EHLO c\r\n", "HELO c\r\n", "MAIL FROM:<a@b>\r\n", "MAIL FROM:<> SMTPUTF8\r\n", "RCPT TO:<bob@example.test>\r\n", "RCPT TO:<no@example.test>\r\n",
    "DATA\r\n", ".\r\n", "\r\n", "\n", "\r", "text\r\n", "..\r\n", "BDAT 5\r\n", "BDAT 3 LAST\r\n", "BDAT x\r\n", "RSET\r\n", "NOOP\r\n", "AUTH PLAIN\r\n", "*\r\n", "\0", "\xff",
    `AUTH PLAIN ${plain("alice", "secret")}\r\n`, "Received: x\r\n", "From: bob@example.test\r\n", "QUIT\r\n",
  );
  const conversation = fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join(""));
  const options = fc.constantFrom<Options>({}, { role: "submission", tls: true });
  const told = (lines: string[]): string => lines.join("\n").replace(/Queued as \w{16}/g, "Queued");
  await fc.assert(fc.asyncProperty(conversation, options, async (input, how) => {
    const whole = await converse(house, input, how);
    for (const line of whole) assert.match(line, /^[2345]\d\d[ -][ -~]*$/);
    assert.equal(told(await converse(house, input, { ...how, byteByByte: true })), told(whole));
  }), { numRuns: 150 });
});
