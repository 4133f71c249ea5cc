/**
 * POP3 sessions: scripts of lines against a mailbox in memory, over a connection in memory (each session's whole answer
 * is compared), and over real sockets with TLS by `curl`.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { limits } from "#base/limits.ts";
import { Certificates } from "#net/certificates.ts";
import { Listeners } from "#net/listeners.ts";
import { pop3Handler, pop3Refusal } from "#serve/pop3/listen.ts";
import { FakeConnection } from "../../../test/support/fake-connection.ts";
import { fakeServer } from "../../../test/support/fake-mailbox.ts";
import type { FakeServer } from "../../../test/support/fake-mailbox.ts";
import { realCtx, temporaryFolder, until } from "../../../test/support/real-ctx.ts";
import type { TestCtx } from "../../../test/support/real-ctx.ts";

const messages = ["Subject: one\r\n\r\n.dot\r\nend\r\n", "Subject: two\r\n\r\nbare\nlf", "\r\n"];
const signIn = "USER alice\r\nPASS secret\r\n";

interface Played {
  readonly ctx: TestCtx;
  readonly server: FakeServer;
  readonly connection: FakeConnection;
  readonly done: Promise<void>;
}

function begin(isTls = true, texts: readonly string[] = messages, change: Partial<FakeServer> = {}): Played {
  const ctx = realCtx();
  const server = Object.assign(fakeServer(texts), change);
  const connection = new FakeConnection(ctx, isTls);
  const done = pop3Handler({ ...server, canStartTls: true })(connection);
  return { ctx, server, connection, done };
}

/** Plays a whole session and gives the status lines and content after the greeting and the sign-in. */
async function play(lines: string, isTls = true, texts: readonly string[] = messages): Promise<string> {
  const { ctx, connection, done } = begin(isTls, texts);
  connection.send(isTls ? signIn + lines : lines);
  connection.sendEnd();
  await done;
  assert.deepEqual(ctx.errors(), []);
  return isTls ? connection.text.replace(/^(?:\+OK [^\r]*\r\n){3}/, "") : connection.text.replace(/^[^\n]*\n/, "");
}

/** Replies with the words after the status taken away, so that texts may change. */
function statuses(text: string): string {
  return text.replace(/^(\+OK|-ERR(?: \[[A-Z/-]+\])?).*\r$/gm, "$1").replace(/\s+/g, " ").trim();
}

const scripts: [name: string, lines: string, expected: string][] = [
  ["STAT", "STAT\r\n", "+OK 3 52\r\n"],
  ["LIST of one", "LIST 2\r\n", "+OK 2 23\r\n"],
  ["LIST", "LIST\r\n", "+OK 3 messages (52 octets)\r\n1 27\r\n2 23\r\n3 2\r\n.\r\n"],
  ["UIDL of one", "UIDL 3\r\n", "+OK 3 77-3\r\n"],
  ["UIDL", "uidl\r\n", "+OK 3 messages (52 octets)\r\n1 77-1\r\n2 77-2\r\n3 77-3\r\n.\r\n"],
  ["RETR doubles dots", "RETR 1\r\n", "+OK 27 octets\r\nSubject: one\r\n\r\n..dot\r\nend\r\n.\r\n"],
  ["RETR keeps a LF alone", "RETR 2\r\n", "+OK 23 octets\r\nSubject: two\r\n\r\nbare\nlf\r\n.\r\n"],
  ["TOP", "TOP 1 1\r\n", "+OK Beginning of the message follows\r\nSubject: one\r\n\r\n..dot\r\n.\r\n"],
  ["TOP 0", "TOP 1 0\r\n", "+OK Beginning of the message follows\r\nSubject: one\r\n\r\n.\r\n"],
];

test("answers", async () => {
  for (const [name, lines, expected] of scripts) assert.equal(await play(lines), expected, name);
});

const flows: [name: string, lines: string, expected: string][] = [
  ["DELE hides at once", "DELE 2\r\nSTAT\r\nLIST 2\r\nRETR 2\r\nDELE 2\r\nTOP 2 1\r\nUIDL 2\r\n",
    "+OK +OK -ERR -ERR -ERR -ERR -ERR"],
  ["RSET brings back", "DELE 2\r\nRSET\r\nLIST 2\r\n", "+OK +OK +OK"],
  ["numbers out of range", "LIST 0\r\nLIST 4\r\nRETR 4294967296\r\n", "-ERR -ERR -ERR"],
  ["refused commands", "LAST\r\nAPOP a b\r\nXTND\r\n\r\n", "-ERR -ERR -ERR -ERR"],
  ["not twice", "USER alice\r\nPASS secret\r\nSTLS\r\nAUTH PLAIN\r\nUTF8\r\n", "-ERR -ERR -ERR -ERR -ERR"],
  ["NOOP and CAPA", "NOOP\r\nnoop\r\n", "+OK +OK"],
  ["after QUIT nothing", "QUIT\r\nNOOP\r\n", "+OK"],
];

test("flows", async () => {
  for (const [name, lines, expected] of flows) assert.equal(statuses(await play(lines)), expected, name);
});

test("sizes after DELE and RSET", async () => {
  assert.equal(await play("DELE 1\r\nSTAT\r\n").then((text) => text.split("\r\n")[1]), "+OK 2 25");
  assert.equal(await play("DELE 1\r\nRSET\r\nSTAT\r\n").then((text) => text.split("\r\n")[2]), "+OK 3 52");
});

const b64 = (text: string): string => Buffer.from(text).toString("base64");
const signIns: [name: string, isTls: boolean, lines: string, expected: string][] = [
  ["in the clear", false, `USER alice\r\nPASS secret\r\nAUTH PLAIN ${b64("\0alice\0secret")}\r\nSTAT\r\n`,
    "-ERR [AUTH] -ERR [AUTH] -ERR [AUTH] -ERR"],
  ["PASS without USER", true, "PASS secret\r\n", "-ERR"],
  ["wrong password", true, "USER alice\r\nPASS wrong\r\nPASS secret\r\n", "+OK -ERR [AUTH] -ERR"],
  ["unknown name", true, "USER mallory\r\nPASS secret\r\n", "+OK -ERR [AUTH]"],
  ["PLAIN", true, `AUTH PLAIN ${b64("\0alice\0secret")}\r\nSTAT\r\n`, "+OK +OK"],
  ["PLAIN in two steps", true, `auth plain\r\n${b64("\0alice\0secret")}\r\nSTAT\r\n`, "+ +OK +OK"],
  ["PLAIN for another", true, `AUTH PLAIN ${b64("bob\0alice\0secret")}\r\n`, "-ERR [AUTH]"],
  ["LOGIN", true, `AUTH LOGIN\r\n${b64("alice")}\r\n${b64("secret")}\r\nSTAT\r\n`,
    "+ VXNlcm5hbWU6 + UGFzc3dvcmQ6 +OK +OK"],
  ["LOGIN with a name", true, `AUTH LOGIN ${b64("alice")}\r\n${b64("secret")}\r\n`, "+ UGFzc3dvcmQ6 +OK"],
  ["cancelled", true, "AUTH LOGIN\r\n*\r\nCAPA x\r\n", "+ VXNlcm5hbWU6 -ERR -ERR"],
  ["a name of another kind", true, "AUTH CRAM-MD5\r\n", "-ERR"],
  ["too many wrong ones", true, "USER alice\r\nPASS no\r\n".repeat(7), "+OK -ERR [AUTH] ".repeat(5).trim()],
  ["too many bad commands", true, "FOO\r\n".repeat(30), "-ERR ".repeat(20).trim()],
  ["a line too long", true, `USER ${"x".repeat(20_000)}\r\nQUIT\r\n`, "-ERR +OK"],
];

test("signing in", async () => {
  for (const [name, isTls, lines, expected] of signIns) {
    const { connection, done, ctx } = begin(isTls);
    connection.send(lines);
    connection.sendEnd();
    await done;
    assert.equal(statuses(connection.text), `+OK ${expected}`, name);
    assert.ok(!JSON.stringify(ctx.lines).includes("secret"), "no password in the log");
  }
});

test("CAPA without TLS shows neither USER nor SASL, with TLS both", async () => {
  const plain = await play("CAPA\r\n", false);
  assert.match(plain, /\r\nSTLS\r\n/);
  assert.doesNotMatch(plain, /\r\nUSER\r\n|SASL|LOGIN-DELAY/);
  const secure = await play("CAPA\r\n");
  assert.match(secure, /\r\nUSER\r\nSASL PLAIN LOGIN\r\n/);
  assert.doesNotMatch(secure, /STLS/);
});

test("STLS forgets what was said before and drops what was sent ahead", async () => {
  const { connection, done } = begin(false);
  connection.send("STLS\r\nUSER alice\r\n");
  await until(() => connection.isTls && connection.isIdle, "TLS");
  connection.send("PASS secret\r\n");
  connection.send(`${signIn}STAT\r\n`);
  connection.sendEnd();
  await done;
  assert.equal(statuses(connection.text), "+OK +OK -ERR +OK +OK +OK");
});

test("replies to pipelined commands are one write", async () => {
  const { connection, done } = begin();
  await until(() => connection.isIdle, "greeting");
  connection.send(`${signIn}STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nQUIT\r\n`);
  await done;
  assert.equal(connection.writes.length, 2);
});

/** Connections to one server that share its locks. */
function beginMany(lockWaitMs: number): () => { connection: FakeConnection; done: Promise<void> } {
  const ctx = realCtx();
  const handler = pop3Handler({ ...fakeServer(messages), canStartTls: true, lockWaitMs });
  return () => {
    const connection = new FakeConnection(ctx, true);
    return { connection, done: handler(connection) };
  };
}

test("one session at a time, and the next when it ended", async () => {
  const open = beginMany(20);
  const first = open();
  first.connection.send(signIn);
  await until(() => first.connection.isIdle, "first");
  const second = open();
  second.connection.send(signIn);
  await until(() => second.connection.isIdle, "second");
  assert.equal(statuses(second.connection.text), "+OK +OK -ERR [IN-USE]");
  first.connection.destroy();
  await first.done;
  second.connection.send(`${signIn}QUIT\r\n`);
  await second.done;
  assert.equal(statuses(second.connection.text), "+OK +OK -ERR [IN-USE] +OK +OK +OK");
});

test("a sign-in waits a moment for the session before it to end, one after the other", async () => {
  const open = beginMany(50_000);
  const sessions = Array.from({ length: limits.pop3LockWaitersMax + 2 }, open);
  const first = sessions[0]!.connection;
  first.send(signIn);
  await until(() => first.isIdle, "first");
  for (const { connection } of sessions.slice(1)) {
    connection.send(signIn);
    // Not idle: it waits; the last of them is one too many and hears so at once.
    await until(() => statuses(connection.text).startsWith("+OK"), "greeting");
  }
  const last = sessions.at(-1)!;
  await until(() => last.connection.text.includes("IN-USE"), "one too many");
  assert.ok(sessions.slice(1, -1).every(({ connection }) => !connection.text.includes("IN-USE")));
  for (const { connection, done } of sessions.slice(0, -1)) {
    await until(() => connection.text.includes("Welcome"), "its turn");
    assert.equal(sessions.filter((one) => one.connection.text.includes("Welcome")).at(-1)?.connection, connection);
    connection.sendEnd();
    await done;
  }
  last.connection.send(`${signIn}QUIT\r\n`);
  await last.done;
  assert.match(last.connection.text, /Welcome/);
});

test("what was fetched whole counts as read after QUIT, and not otherwise", async () => {
  const rows: [name: string, lines: string, change: Partial<FakeServer>, seen: number[]][] = [
    ["fetched, one deleted, one looked at", "RETR 1\r\nRETR 2\r\nDELE 2\r\nTOP 3 0\r\nQUIT\r\n", {}, [1]],
    ["deleted and taken back", "RETR 2\r\nDELE 2\r\nRSET\r\nRETR 3\r\nQUIT\r\n", {}, [2, 3]],
    ["the connection was lost", "RETR 1\r\nRETR 2\r\n", {}, []],
    ["the owner does not want it", "RETR 1\r\nRETR 2\r\nQUIT\r\n", { marksFetched: false }, []],
  ];
  for (const [name, lines, change, seen] of rows) {
    const { connection, done, server } = begin(true, messages, change);
    connection.send(signIn + lines);
    connection.sendEnd();
    await done;
    assert.deepEqual(server.seen, seen, name);
  }
});

test("EXPIRE tells the term of the inbox, and before the sign-in the shortest there can be", async () => {
  for (const [keepDays, told] of [[null, "NEVER"], [30, "30"]] as const) {
    const { connection, done } = begin(true, messages, { keepDays });
    connection.send(`CAPA\r\n${signIn}CAPA\r\nQUIT\r\n`);
    await done;
    assert.deepEqual(connection.text.match(/EXPIRE .*(?=\r)/g), ["EXPIRE 1 USER", `EXPIRE ${told}`]);
  }
});

test("LANG lists, chooses and refuses, signed in or not", async () => {
  const expected = "+OK Language listing follows:\r\nen English\r\n.\r\n+OK en The language is English.\r\n" +
    "+OK en The language is English.\r\n-ERR That language is not spoken here.\r\n";
  for (const isTls of [true, false]) {
    assert.equal(await play("LANG\r\nlang EN-gb\r\nLANG *\r\nLANG tlh\r\n", isTls), expected);
  }
});

test("only QUIT deletes, the marked and no others", async () => {
  const texts = Array.from({ length: 1700 }, (_, index) => `${index}\r\n`);
  const marks = (): string => texts.map((_, index) => (index % 3 === 0 ? "" : `DELE ${index + 1}\r\n`)).join("");
  const lost = begin(true, texts);
  lost.connection.send(signIn + marks());
  lost.connection.sendEnd();
  await lost.done;
  assert.equal(lost.server.messages.length, 1700);
  const { connection, done, server } = begin(true, texts);
  connection.send(`${signIn}${marks()}QUIT\r\n`);
  server.messages.push({ uid: 1800, bytes: Buffer.from("new") });
  await done;
  const left = server.messages.map(({ uid }) => uid);
  assert.deepEqual(left.slice(0, -1), texts.map((_, index) => index + 1).filter((number) => number % 3 === 1));
  assert.equal(left.at(-1), 1800);
  assert.ok(Math.max(...server.removals) <= 500 && server.removals.length > 1);
});

test("QUIT says when deleting failed", async () => {
  const { connection, done, server, ctx } = begin();
  server.failRemove = true;
  connection.send(`${signIn}DELE 1\r\nQUIT\r\n`);
  await done;
  assert.match(connection.text, /-ERR \[SYS\/TEMP\][^\r]*\r\n$/);
  assert.deepEqual(ctx.errors(), []);
});

test("a message that went meanwhile is refused; one that breaks off is never ended", async () => {
  const gone = begin();
  gone.connection.send(signIn);
  await until(() => gone.connection.isIdle, "signed in");
  gone.server.messages.shift();
  gone.connection.send("RETR 1\r\nRETR 3\r\n");
  gone.connection.sendEnd();
  await gone.done;
  assert.match(gone.connection.text, /-ERR Message 1 is gone[^\r]*\r\n\+OK 2 octets\r\n\r\n\.\r\n$/);
  const broken = begin(true, ["x".repeat(5000)]);
  broken.server.breakAfterBytes = 3000;
  broken.connection.send(`${signIn}RETR 1\r\nNOOP\r\n`);
  await assert.rejects(broken.done, /broke off/);
  assert.ok(!broken.connection.text.includes("\r\n.\r\n"));
  assert.doesNotMatch(broken.connection.text, /-ERR/);
});

test("silence ends without a word, the stop is told", async () => {
  const silent = begin();
  await until(() => silent.connection.isIdle, "idle");
  silent.connection.silence();
  await silent.done;
  // RFC 1939 §3: an answer nobody asked for would be taken for that of the next command.
  assert.equal(statuses(silent.connection.text), "+OK");
  const stopped = begin();
  stopped.connection.send(signIn);
  await until(() => stopped.connection.isIdle, "idle");
  stopped.connection.beginStop();
  await stopped.done;
  assert.match(stopped.connection.text, /-ERR \[SYS\/TEMP\] The server is stopping/);
  const early = begin();
  early.connection.beginStop();
  await early.done;
  assert.match(early.connection.text, /^\+OK [^\r]*\r\n-ERR \[SYS\/TEMP\] The server is stopping/);
});

test("a hundred thousand messages: LIST and UIDL in pieces, little memory", async () => {
  const texts = new Array<string>(100_000).fill("x\r\n");
  const { connection, done } = begin(true, texts);
  connection.send(`${signIn}LIST\r\nUIDL\r\nDELE 50000\r\nSTAT\r\nQUIT\r\n`);
  await done;
  assert.ok(Math.max(...connection.writes.map((write) => write.length)) < 64 * 1024);
  assert.ok(connection.text.includes("\r\n100000 77-100000\r\n.\r\n"));
  assert.ok(connection.text.includes("+OK 99999 299997\r\n"));
});

interface Real {
  readonly run: (url: string, ...args: string[]) => Promise<string>;
  readonly server: FakeServer;
  readonly plain: number;
  readonly secure: number;
  readonly ctx: TestCtx;
}

async function serveReal(t: TestContext): Promise<Real> {
  const ctx = realCtx();
  const server = fakeServer(messages);
  const directory = temporaryFolder(t);
  const credentials = await Certificates.open(ctx, { directory, hostname: "localhost", domains: [] });
  const listeners = new Listeners({ ctx, credentials });
  t.after(() => listeners.stop());
  const handler = pop3Handler({ ...server, canStartTls: true });
  const common = { address: "127.0.0.1", port: 0, handler, refusal: pop3Refusal };
  const { port: plain } = await listeners.listen({ ...common, name: "pop3", tls: "starttls" });
  const { port: secure } = await listeners.listen({ ...common, name: "pop3s", tls: "implicit" });
  const run = async (url: string, ...args: string[]): Promise<string> => {
    const common = ["-sS", "--max-time", "10", "--cacert", `${directory}/ca.pem`, "-u", "alice:secret"];
    const { stdout } = await promisify(execFile)("curl", [...common, ...args, url], { encoding: "latin1" });
    return stdout;
  };
  return { run, server, plain, secure, ctx };
}

test("curl over TLS from the start and by STLS", async (t) => {
  const { run, server, plain, secure, ctx } = await serveReal(t);
  const urls: [string, string[]][] = [
    [`pop3s://localhost:${secure}`, []],
    [`pop3://localhost:${plain}`, ["--ssl-reqd"]],
  ];
  for (const [url, args] of urls) {
    const ways = [["--login-options", "AUTH=PLAIN"], ["--login-options", "AUTH=LOGIN"], ["--sasl-ir"]];
    for (const way of ways) {
      assert.equal(await run(`${url}/`, ...args, ...way), "1 27\r\n2 23\r\n3 2\r\n", way.join(" "));
    }
    assert.equal(await run(`${url}/1`, ...args), messages[0]);
    assert.equal(await run(`${url}/2`, ...args), `${messages[1]}\r\n`);
    assert.equal(await run(`${url}/`, ...args, "-X", "UIDL"), "1 77-1\r\n2 77-2\r\n3 77-3\r\n");
    assert.equal(await run(`${url}/`, ...args, "-X", "TOP 1 0"), "Subject: one\r\n\r\n");
  }
  await run(`pop3s://localhost:${secure}/2`, "-X", "DELE", "-I");
  assert.deepEqual(server.messages.map(({ uid }) => uid), [1, 3]);
  await assert.rejects(run(`pop3://localhost:${plain}/`), "no TLS, no sign-in");
  await assert.rejects(run(`pop3s://localhost:${secure}/`, "-u", "alice:wrong"));
  assert.deepEqual(ctx.errors(), []);
});
