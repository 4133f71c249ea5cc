/**
 * Outgoing mail against a scripted server on loopback addresses (127.0.0.2 and on): what is said, what is made of the
 * answers, what happens when a server is dead, slow, rude or gone in the middle.
 */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { test } from "node:test";
import { createSecureContext, TLSSocket } from "node:tls";
import { randomBytes } from "node:crypto";
import { makeAuthority, makeServerCertificate } from "#net/x509.ts";
import { listQueue } from "#transport/queue-admin.ts";
import type { MessageOrigin } from "#transport/queue-rows.ts";
import { contentFlags } from "#transport/queue-rows.ts";
import type { TestHouse } from "#transport/test-kit.ts";
import { openTestHouse, until } from "#transport/test-kit.ts";
import type { AcceptRequest, Transport } from "#transport/transport.ts";
import type { OutboundConfig, TransportConfig } from "#transport/config.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";

const day = 86_400_000;
const times = { notBeforeMs: Date.now() - day, notAfterMs: Date.now() + day };
const authority = makeAuthority({ name: "Test CA", serial: randomBytes(16), times });
const certificate = makeServerCertificate({ authority, names: ["mx.remote.test", "localhost"], serial: randomBytes(16), times });

/** What the server says; each verb's answer may be a function. null says nothing. Defaults to a friendly server. */
interface Script {
  readonly greeting?: string | null;
  readonly ehlo?: string[] | string;
  readonly answers?: Record<string, string | null | ((line: string, connection: number) => string | null)>;
  /** Closes the socket instead of answering this verb. */
  readonly hangUpAt?: (verb: string, connection: number) => boolean;
  readonly tlsFails?: boolean;
}

const usual = ["PIPELINING", "8BITMIME", "SIZE 1000000", "DSN", "ENHANCEDSTATUSCODES"];

class ScriptedServer {
  script: Script;
  readonly lines: string[] = [];
  readonly messages: string[] = [];
  connections = 0;
  tlsConnections = 0;
  #server: Server | null = null;
  readonly #sockets = new Set<Socket>();

  constructor(script: Script = {}) {
    this.script = script;
  }
  listen(address: string, port = 0): Promise<number> {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      this.#talk(socket, ++this.connections, true);
    });
    return new Promise((resolve, reject) => {
      this.#server!.once("error", reject);
      this.#server!.listen(port, address, () => resolve((this.#server!.address() as AddressInfo).port));
    });
  }
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server?.close();
  }
  #talk(socket: Socket, connection: number, greets: boolean): void {
    const { script } = this;
    const say = (text: string | null): void => { if (text !== null) socket.write(`${text}\r\n`); };
    let rest = "";
    let data: string | null = null;
    const onLine = (line: string): boolean => {
      if (data !== null) {
        if (line !== ".") {
          data += `${line.startsWith(".") ? line.slice(1) : line}\r\n`;
          return true;
        }
        this.messages.push(data);
        data = null;
        return this.#answer(socket, connection, "DOT", ".", "250 2.0.0 Taken", say);
      }
      this.lines.push(line);
      const verb = line.split(/[ :]/)[0]!.toUpperCase();
      if (verb === "STARTTLS") {
        say("220 Go");
        socket.removeAllListeners("data");
        this.#secure(socket, connection);
        return false;
      }
      if (verb === "DATA") {
        const said = script.answers?.["DATA"];
        if (said === undefined) data = "";
        return this.#answer(socket, connection, verb, line, "354 Go on", say);
      }
      const ehlo = Array.isArray(script.ehlo ?? usual) ? ["mx.remote.test", ...(script.ehlo ?? usual) as string[]] : [script.ehlo as string];
      const friendly: Record<string, string> = {
        EHLO: Array.isArray(script.ehlo ?? usual) ? ehlo.map((text, index) => `250${index === ehlo.length - 1 ? " " : "-"}${text}`).join("\r\n") : ehlo[0]!,
        QUIT: "221 2.0.0 Bye", AUTH: "235 2.7.0 Welcome",
      };
      return this.#answer(socket, connection, verb, line, friendly[verb] ?? "250 2.0.0 OK", say);
    };
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      rest += text;
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (!onLine(line)) return;
      }
    });
    if (greets) say(script.greeting === undefined ? "220 mx.remote.test ESMTP" : script.greeting);
  }
  #answer(socket: Socket, connection: number, verb: string, line: string, friendly: string, say: (text: string | null) => void): boolean {
    if (this.script.hangUpAt?.(verb, connection)) {
      socket.destroy();
      return false;
    }
    const scripted = this.script.answers?.[verb];
    say(scripted === undefined ? friendly : typeof scripted === "function" ? scripted(line, connection) : scripted);
    return true;
  }
  #secure(raw: Socket, connection: number): void {
    if (this.script.tlsFails) {
      raw.write("this is not TLS at all\r\n");
      return;
    }
    const secure = new TLSSocket(raw, { isServer: true, secureContext: createSecureContext({ key: certificate.keyPem, cert: certificate.chainPem }) });
    secure.on("error", () => raw.destroy());
    this.tlsConnections++;
    this.#talk(secure, connection, false);
  }
}

interface Stage extends AsyncDisposable {
  readonly house: TestHouse;
  readonly transport: Transport;
  readonly server: ScriptedServer;
  readonly port: number;
}

/** A house that sends remote.test to the scripted server. */
async function stage(script: Script = {}, config: Partial<TransportConfig> & { out?: Partial<OutboundConfig> } = {}): Promise<Stage> {
  const house = await openTestHouse();
  const server = new ScriptedServer(script);
  const port = await server.listen("127.0.0.2");
  house.system.names.set("remote.test", { mx: [{ exchange: "mx.remote.test", priority: 10 }] });
  house.system.names.set("mx.remote.test", { a: ["127.0.0.2"] });
  const { out, ...rest } = config;
  const transport = house.transport({
    outbound: { mode: "mx", port, privateAddresses: true, ...out } as OutboundConfig, connectionIdleMs: 50,
    timeouts: { connectMs: 500, greetingMs: 300, commandMs: 300, dataMs: 300, blockMs: 300, finalDotMs: 300 }, ...rest,
  });
  await transport.start();
  return {
    house, server, port, transport,
    async [Symbol.asyncDispose]() {
      server.close();
      await house[Symbol.asyncDispose]();
    },
  };
}

async function send({ house, transport }: Stage, to: string[], more: Partial<AcceptRequest> & { body?: string; notify?: number; originalRecipient?: string } = {}): Promise<void> {
  const { body = "Subject: s\r\n\r\n.dot\r\n", notify, originalRecipient, ...rest } = more;
  await transport.accept(house.ctx, {
    queueId: transport.newQueueId(), origin: "submission" satisfies MessageOrigin, envelopeSender: "alice@example.test", flags: 0,
    trace: Buffer.from("Received: x\r\n"), content: { bytes: new Uint8Array(Buffer.from(body, "latin1")) }, ...rest,
    recipients: await Promise.all(to.map(async (address) => ({
      address, resolution: await house.directory.resolve(house.ctx, address), ...(notify === undefined ? {} : { notify }),
      originalRecipient: originalRecipient ?? null,
    }))),
  });
}

const done = ({ house }: Stage): Promise<void> =>
  until("an empty queue", async () => (await house.rows("queue_recipient")).length === 0);
const waiting = async ({ house }: Stage): Promise<string> => {
  await until("an attempt", async () => {
    const rows = await listQueue(house.ctx, house.store);
    return rows.length > 0 && rows.every(({ attempts, state }) => attempts > 0 && state === "waiting");
  });
  return (await listQueue(house.ctx, house.store)).map(({ lastReply }) => lastReply).join(" | ");
};
const report = ({ house }: Stage): string => (house.mailboxes.get(1) ?? []).map(({ text }) => text).join("\n=====\n");

test("a message goes out with its trace, dots and parameters", async () => {
  await using s = await stage();
  await send(s, ["a@remote.test", "b@REMOTE.test"], {
    ret: "HDRS", envelopeId: "e=1", flags: contentFlags.eightBit, notify: notifyBits.success | notifyBits.delay, originalRecipient: "rfc822;orig@x",
    body: "Subject: \xe9\r\n\r\n.dot\r\n..\r\nend",
  });
  await done(s);
  assert.deepEqual(s.server.messages, ["Received: x\r\nSubject: \xe9\r\n\r\n.dot\r\n..\r\nend\r\n"]);
  assert.deepEqual(s.server.lines.slice(0, 5), [
    "EHLO mail.example.test", "MAIL FROM:<alice@example.test> SIZE=40 BODY=8BITMIME RET=HDRS ENVID=e+3D1",
    "RCPT TO:<a@remote.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;orig@x", "RCPT TO:<b@REMOTE.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;orig@x", "DATA",
  ]);
  assert.equal(report(s), "", "the other server reports");
});

test("a server that knows nothing: HELO, one command at a time, success told here", async () => {
  await using s = await stage({ ehlo: "502 what?" });
  await send(s, ["a@remote.test"], { ret: "FULL", notify: notifyBits.success, flags: contentFlags.eightBit });
  await done(s);
  assert.deepEqual(s.server.lines.slice(0, 5), ["EHLO mail.example.test", "HELO mail.example.test", "MAIL FROM:<alice@example.test>", "RCPT TO:<a@remote.test>", "DATA"]);
  await until("the report", () => report(s).includes("Action: relayed"));
});

test("each recipient has an outcome of its own", async () => {
  const RCPT = (line: string): string => line.includes("<a@") ? "550 5.1.1 no a" : line.includes("<b@") ? "450 4.2.1 later b" : "250 OK";
  for (const ehlo of [usual, ["DSN"]]) {
    await using s = await stage({ ehlo, answers: { RCPT } });
    await send(s, ["a@remote.test", "b@remote.test", "c@remote.test"]);
    assert.equal(await waiting(s).catch(() => waiting(s)), "450 4.2.1 later b");
    await until("the report", () => report(s) !== "");
    assert.equal(s.server.messages.length, 1);
    assert.match(report(s), /Final-Recipient: rfc822; a@remote\.test\r\nAction: failed\r\nStatus: 5\.1\.1\r\nRemote-MTA: dns; mx\.remote\.test\r\nDiagnostic-Code: smtp; 550 5\.1\.1 no a\r\n/);
    assert.ok(!report(s).includes("b@remote"));
  }
});

const refusals: [name: string, script: Script, failed: RegExp | null, later: RegExp | null][] = [
  ["MAIL for good", { answers: { MAIL: "550 5.7.1 not you" } }, /Status: 5\.7\.1/, null],
  ["MAIL for now", { answers: { MAIL: "451 greylisted" } }, null, /^451 greylisted$/],
  ["MAIL, no pipelining", { ehlo: [], answers: { MAIL: "550 no" } }, /Status: 5\.0\.0/, null],
  ["all recipients", { answers: { RCPT: "550 5.1.1 no" } }, /Status: 5\.1\.1/, null],
  ["all recipients, no pipelining", { ehlo: [], answers: { RCPT: "550 5.1.1 no" } }, /Status: 5\.1\.1/, null],
  ["all recipients, DATA refused too", { answers: { RCPT: "550 5.1.1 no", DATA: "554 no valid" } }, /Status: 5\.1\.1/, null],
  ["DATA for good", { answers: { DATA: "554 5.3.2 closed" } }, /Status: 5\.3\.2/, null],
  ["DATA for now", { answers: { DATA: "451 4.3.0 disk" } }, null, /451 4\.3\.0 disk/],
  ["the message for good", { answers: { DOT: "554 5.7.1 spam" } }, /Status: 5\.7\.1/, null],
  ["the message for now", { answers: { DOT: "452 4.3.1 full" } }, null, /452 4\.3\.1 full/],
  ["421 at MAIL", { answers: { MAIL: "421 4.3.2 bye" } }, null, /421 4\.3\.2 bye/],
  ["421 at the greeting", { greeting: "421 busy" }, null, /greeting: 421 busy/],
  ["554 at the greeting", { greeting: "554 you are listed" }, null, /554 you are listed/],
  ["a greeting of another protocol", { greeting: "* OK IMAP4rev1" }, null, /begins with a code/],
  ["silence at the greeting", { greeting: null }, null, /did not answer within/],
  ["silence at EHLO", { answers: { EHLO: null } }, null, /did not answer within/],
  ["silence at MAIL", { ehlo: [], answers: { MAIL: null } }, null, /did not answer within/],
  ["silence at the end", { answers: { DOT: null } }, null, /did not answer within/],
  ["gone at EHLO", { hangUpAt: (verb) => verb === "EHLO" }, null, /4\.4\.1/],
  ["gone at RCPT", { hangUpAt: (verb) => verb === "RCPT" }, null, /4\.4\.2/],
  ["gone at the end", { hangUpAt: (verb) => verb === "DOT" }, null, /4\.4\.2/],
  ["itself", { ehlo: "250 mail.example.test" }, /Status: 5\.4\.6/, null],
];
test("refusals and silences", async () => {
  for (const [name, script, failed, later] of refusals) {
    await using s = await stage(script);
    await send(s, ["a@remote.test"]);
    if (later !== null) {
      assert.match(await waiting(s), later, name);
      assert.equal(report(s), "", name);
    } else {
      await done(s);
      await until(name, () => report(s) !== "");
      assert.match(report(s), failed!, name);
    }
  }
});

test("nothing is sent that the server said it cannot take", async () => {
  await using s = await stage();
  await send(s, ["a@remote.test"], { body: `Subject: x\r\n\r\n${"x\r\n".repeat(400_000)}` });
  await send(s, ["\u00e9@remote.test"], { flags: contentFlags.smtpUtf8 });
  await send(s, ["a@remote.test"], { flags: contentFlags.smtpUtf8 | contentFlags.eightBitHeader });
  await send(s, ["ascii@remote.test"], { flags: contentFlags.smtpUtf8 });
  await done(s);
  await until("three reports", () => (s.house.mailboxes.get(1) ?? []).length === 3);
  assert.match(report(s), /Status: 5\.3\.4/);
  assert.equal(report(s).split("Status: 5.6.7").length, 3);
  assert.match(report(s), /Content-Type: message\/global-delivery-status\r\n.*Final-Recipient: utf-8; \xc3\xa9@remote\.test\r\n/s);
  assert.equal(s.server.messages.length, 1, "nothing beyond ASCII was in this one");
});

test("SMTPUTF8 is asked for where it is needed", async () => {
  await using s = await stage({ ehlo: [...usual, "SMTPUTF8"] });
  await send(s, ["\u00e9@remote.test"], { flags: contentFlags.smtpUtf8 | contentFlags.eightBit });
  await done(s);
  assert.match(s.server.lines[1]!, / BODY=8BITMIME SMTPUTF8$/);
  assert.match(s.server.lines[2]!, /^RCPT TO:<\xc3\xa9@remote\.test> NOTIFY=FAILURE,DELAY ORCPT=utf-8;\\x\{E9\}@remote\.test$/);
});

test("the next server is tried when one is dead or turns us away", async () => {
  await using s = await stage();
  const rude = new ScriptedServer({ greeting: "554 go away" });
  await rude.listen("127.0.0.3", s.port);
  s.house.system.names.set("remote.test", { mx: [
    { exchange: "dead.remote.test", priority: 1 }, { exchange: "rude.remote.test", priority: 2 }, { exchange: "mx.remote.test", priority: 3 },
  ] });
  s.house.system.names.set("dead.remote.test", { a: ["127.0.0.9"] });
  s.house.system.names.set("rude.remote.test", { a: ["127.0.0.3"] });
  await send(s, ["a@remote.test"]);
  await done(s);
  assert.equal(s.server.messages.length, 1);
  assert.equal(rude.connections, 1);
  rude.close();
});

test("a destination that is down is left alone for a while", async () => {
  await using s = await stage();
  s.server.close();
  await send(s, ["a@remote.test"]);
  assert.match(await waiting(s), /cannot connect to 127\.0\.0\.2:\d+: ECONNREFUSED/);
  const log = (): number => s.house.logLines.filter(({ message }) => message === "outgoing connection failed").length;
  const tried = log();
  await send(s, ["b@remote.test"]);
  await waiting(s);
  assert.equal(log(), tried);
});

test("several messages share a connection; one that went stale is replaced unseen", async () => {
  await using s = await stage({}, { connectionsPerRouteMax: 1, connectionIdleMs: 1000 });
  for (let index = 0; index < 5; index++) await send(s, ["a@remote.test"]);
  await done(s);
  assert.equal(s.server.messages.length, 5);
  assert.equal(s.server.connections, 1);
  s.server.script = { hangUpAt: (verb, connection) => verb === "MAIL" && connection === 1 };
  await send(s, ["a@remote.test"]);
  await done(s);
  assert.equal(s.server.messages.length, 6);
  assert.equal(s.server.connections, 2);
});

test("many messages use several connections, no more than allowed", async () => {
  await using s = await stage({}, { connectionsPerRouteMax: 3 });
  await Promise.all(Array.from({ length: 30 }, () => send(s, ["a@remote.test"])));
  await done(s);
  assert.equal(s.server.messages.length, 30);
  assert.ok(s.server.connections <= 3, `${s.server.connections}`);
});

test("more recipients than a transaction holds", async () => {
  await using s = await stage();
  await send(s, Array.from({ length: 250 }, (_, index) => `u${index}@remote.test`));
  await done(s);
  assert.equal(s.server.messages.length, 3);
  assert.equal(s.server.lines.filter((line) => line.startsWith("RCPT")).length, 250);
});

test("STARTTLS where offered, in the clear where it fails", async () => {
  const ehlo = [...usual, "STARTTLS"];
  await using s = await stage({ ehlo });
  await send(s, ["a@remote.test"]);
  await done(s);
  assert.deepEqual([s.server.messages.length, s.server.tlsConnections], [1, 1]);
  assert.equal(s.server.lines.filter((line) => line.startsWith("EHLO")).length, 2);
  await using broken = await stage({ ehlo, tlsFails: true });
  await send(broken, ["a@remote.test"]);
  await done(broken);
  assert.deepEqual([broken.server.messages.length, broken.server.connections], [1, 2]);
});

test("a smarthost: TLS that must hold, sign-in, everything through it", async () => {
  const host = { mode: "smarthost", host: "localhost", tls: "required", user: "u", password: "p", caPem: authority.chainPem } as const;
  const ehlo = [...usual, "STARTTLS", "AUTH LOGIN PLAIN"];
  const server = new ScriptedServer({ ehlo });
  const port = await server.listen("127.0.0.1");
  try {
    await using s = await stage({}, { out: { ...host, port } });
    await send(s, ["a@remote.test", "b@elsewhere.test"]);
    await done(s);
    assert.equal(server.messages.length, 2);
    assert.ok(server.lines.includes(`AUTH PLAIN ${Buffer.from("\0u\0p").toString("base64")}`));
    assert.ok(server.tlsConnections >= 1);
    await using wrongName = await stage({}, { out: { ...host, port, host: "127.0.0.1" } });
    await send(wrongName, ["a@remote.test"]);
    assert.match(await waiting(wrongName), /TLS with .* failed/);
    await using unknownAuthority = await stage({}, { out: { mode: "smarthost", host: "localhost", port, tls: "required" } });
    await send(unknownAuthority, ["a@remote.test"]);
    assert.match(await waiting(unknownAuthority), /TLS with .* failed: UNABLE_TO_VERIFY|SELF_SIGNED/);
    server.script = { ehlo: usual };
    await using noTls = await stage({}, { out: { ...host, port } });
    await send(noTls, ["a@remote.test"]);
    assert.match(await waiting(noTls), /offers no STARTTLS/);
    server.script = { ehlo, answers: { AUTH: "535 5.7.8 wrong" } };
    await using noAuth = await stage({}, { out: { ...host, port } });
    await send(noAuth, ["a@remote.test"]);
    assert.match(await waiting(noAuth), /sign-in at the smarthost: 535 5\.7\.8 wrong/);
    assert.equal(server.messages.length, 2);
  } finally {
    server.close();
  }
});

test("stopping in the middle leaves the message for the next start", async () => {
  await using s = await stage({ answers: { DOT: null } });
  await send(s, ["a@remote.test"]);
  await until("DATA", () => s.server.messages.length === 1);
  await s.transport.stop();
  const rows = await s.house.rows("queue_recipient");
  assert.equal(rows.length, 1);
  assert.equal(rows[0]!["lease_owner"], null);
});
