/**
 * Listeners and connections on real sockets: bytes and ends, back-pressure both ways with bounded memory, silence and
 * stalls, limits with their refusal lines, STARTTLS with text sent ahead (CVE-2011-0411), handshakes that hang, names
 * in SNI (asked with `openssl s_client`), and the stop.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { Fault } from "#base/fault.ts";
import { ReadTimeout } from "#net/api.ts";
import type { Connection, ConnectionHandler, ListenOptions } from "#net/api.ts";
import { Certificates } from "#net/certificates.ts";
import { Listeners } from "#net/listeners.ts";
import type { NetLimits } from "#net/listeners.ts";
import { pause, realCtx, temporaryFolder, until } from "../../test/support/real-ctx.ts";
import type { TestCtx } from "../../test/support/real-ctx.ts";

interface Setup {
  readonly ctx: TestCtx;
  readonly listeners: Listeners;
  readonly port: number;
  readonly caFile: string;
}

async function setUp(
  t: TestContext, handler: ConnectionHandler, options: Partial<ListenOptions> & { limits?: Partial<NetLimits> } = {},
): Promise<Setup> {
  const ctx = realCtx();
  const directory = temporaryFolder(t);
  const certificates = await Certificates.open(ctx, { directory, hostname: "mail.example.test", domains: [] });
  const limits = { stopTimeoutMs: 200, ...options.limits };
  const listeners = new Listeners({ ctx, credentials: certificates, limits });
  t.after(() => listeners.stop());
  const { port } = await listeners.listen({
    name: "test", port: 0, address: "127.0.0.1", tls: "none", refusal: (reason) => `no: ${reason}\r\n`,
    ...options, handler,
  });
  return { ctx, listeners, port, caFile: `${directory}/ca.pem` };
}

function client(t: TestContext, port: number): Socket & { text(): string; ended(): boolean } {
  const socket = connect({ port, host: "127.0.0.1" });
  let received = "";
  let ended = false;
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => { received += chunk; });
  socket.on("end", () => { ended = true; });
  socket.on("close", () => { ended = true; });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return Object.assign(socket, { text: () => received, ended: () => ended });
}

async function echo(connection: Connection): Promise<void> {
  for (;;) {
    const chunk = await connection.read(5_000);
    if (chunk === null) return;
    await connection.write("<", chunk, ">");
  }
}

test("bytes come and go, the client's end is seen, ids are unique", async (t) => {
  const ids = new Set<string>();
  const { ctx, port, listeners } = await setUp(t, async (connection) => {
    ids.add(connection.id);
    assert.equal(connection.remoteAddress, "127.0.0.1");
    assert.equal(connection.localPort, port);
    await echo(connection);
    await connection.write("bye");
  });
  for (let round = 0; round < 3; round++) {
    const socket = client(t, port);
    socket.write("abc");
    await until(() => socket.text() === "<abc>", "echo");
    socket.end();
    await until(() => socket.ended(), "end");
    assert.equal(socket.text(), "<abc>bye");
  }
  assert.equal(ids.size, 3);
  await until(() => listeners.stats[0]!.open === 0, "closed");
  assert.deepEqual(ctx.errors(), []);
});

test("a slow drip is one chunk after the other", async (t) => {
  const { port } = await setUp(t, echo);
  const socket = client(t, port);
  socket.setNoDelay(true);
  let expected = "";
  for (const letter of "abcdef") {
    socket.write(letter);
    expected += `<${letter}>`;
    await until(() => socket.text() === expected, "each letter alone");
  }
});

test("silence ends a read with ReadTimeout, and reading can go on", async (t) => {
  const seen: string[] = [];
  const { port } = await setUp(t, async (connection) => {
    await assert.rejects(connection.read(60), ReadTimeout);
    await connection.write("timeout\r\n");
    seen.push(Buffer.from(await connection.read(5_000) ?? []).toString());
  });
  const started = performance.now();
  const socket = client(t, port);
  await until(() => socket.text() === "timeout\r\n", "timeout");
  assert.ok(performance.now() - started >= 55);
  socket.write("later");
  await until(() => socket.ended(), "end");
  assert.deepEqual(seen, ["later"]);
});

test("a client that does not read holds up the writer, then is dropped; memory stays bounded", async (t) => {
  let written = 0;
  let failure: unknown;
  const { ctx, port } = await setUp(t, async (connection) => {
    const piece = Buffer.alloc(64 * 1024);
    try {
      for (;;) {
        await connection.write(piece);
        written += piece.length;
      }
    } catch (error) {
      failure = error;
      throw error;
    }
  }, { limits: { writeStallTimeoutMs: 300 } });
  const socket = client(t, port);
  socket.pause();
  await until(() => failure !== undefined, "dropped");
  assert.ok(failure instanceof Fault && failure.code === "cancelled");
  assert.ok(written < 32 * 1024 * 1024, `took ${written} bytes`);
  assert.ok(ctx.lines.some(({ message }) => message.includes("stalled")));
  assert.deepEqual(ctx.errors(), []);
});

test("a protocol that does not read holds up the client", async (t) => {
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => { go = resolve; });
  let read = 0;
  const { port } = await setUp(t, async (connection) => {
    await gate;
    for (let chunk = await connection.read(5_000); chunk !== null; chunk = await connection.read(5_000)) {
      read += chunk.length;
    }
  });
  const socket = client(t, port);
  const total = 48 * 1024 * 1024;
  socket.end(Buffer.alloc(total));
  await pause(300);
  assert.ok(socket.writableLength > 0, "the client could not send everything");
  go();
  await until(() => read === total, "everything arrived");
});

test("the last reply arrives though the client's bytes were never read", async (t) => {
  const { port } = await setUp(t, async (connection) => {
    await connection.read(5_000);
    await connection.write("bye\r\n");
  });
  const socket = client(t, port);
  socket.write(Buffer.alloc(300_000));
  await until(() => socket.ended(), "end");
  assert.equal(socket.text(), "bye\r\n");
});

test("writing to a client that left rejects, awaited or not", async (t) => {
  let failure: unknown;
  const { ctx, port } = await setUp(t, async (connection) => {
    connection.ctx.signal.addEventListener("abort", () => {
      void connection.write("nobody waits");
      connection.write("x").catch((error: unknown) => { failure = error; });
    });
    await connection.read(5_000);
    await connection.read(5_000);
  });
  const socket = client(t, port);
  socket.write("x");
  await pause(20);
  socket.resetAndDestroy();
  await until(() => failure instanceof Fault && failure.code === "cancelled", "rejected");
  assert.deepEqual(ctx.errors(), []);
});

test("errors of a protocol end its connection and reach the log only", async (t) => {
  const { ctx, port } = await setUp(t, () => Promise.reject(new Error("a bug")));
  const socket = client(t, port);
  await until(() => socket.ended(), "end");
  assert.equal(ctx.errors().length, 1);
  assert.ok(typeof ctx.errors()[0]!.fields["connection"] === "string");
});

const refusals: [name: string, limits: Partial<NetLimits>, reason: string][] = [
  ["all together", { connectionsMax: 2 }, "tooManyConnections"],
  ["one address", { connectionsPerAddressMax: 2 }, "tooManyFromAddress"],
];
for (const [name, limits, reason] of refusals) {
  test(`limit of connections, ${name}`, async (t) => {
    const { ctx, port, listeners } = await setUp(t, echo, { limits });
    const first = client(t, port);
    const second = client(t, port);
    await until(() => listeners.stats[0]!.open === 2, "two open");
    const third = client(t, port);
    await until(() => third.ended(), "third refused");
    assert.equal(third.text(), `no: ${reason}\r\n`);
    assert.equal(ctx.lines.filter(({ level }) => level === "warn").length, 1);
    first.end();
    await until(() => first.ended() && listeners.stats[0]!.open === 1, "one left");
    const fourth = client(t, port);
    fourth.write("x");
    await until(() => fourth.text() === "<x>", "served again");
    second.write("y");
    await until(() => second.text() === "<y>", "the second never noticed");
    assert.deepEqual(listeners.stats[0], { name: "test", port, open: 2, accepted: 3, refused: 1 });
  });
}

/** Answers S with STARTTLS and echoes lines after it, telling what it got before and after. */
async function upgrade(connection: Connection): Promise<void> {
  const chunk = await connection.read(5_000);
  if (chunk === null) return;
  await connection.startTls("go\r\n");
  await connection.write(`tls ${connection.isTls} ${connection.tlsVersion} ${connection.serverName}\r\n`);
  await echo(connection);
}

test("STARTTLS drops plain text sent ahead", async (t) => {
  const { ctx, port } = await setUp(t, upgrade, { tls: "starttls" });
  const raw = client(t, port);
  raw.write("S\r\nINJECTED ONE\r\n");
  await until(() => raw.text() === "go\r\n", "go");
  raw.removeAllListeners("data");
  const secure = connectTls({ socket: raw, rejectUnauthorized: false, servername: "Mail.Example.TEST" });
  let text = "";
  secure.on("data", (chunk: Buffer) => { text += chunk.toString(); });
  secure.on("error", () => {});
  secure.write("after");
  await until(() => text.includes("<after>"), "echo over TLS");
  assert.equal(text, "tls true TLSv1.3 mail.example.test\r\n<after>");
  assert.deepEqual(ctx.errors(), []);
});

const sentAhead: [name: string, size: number, works: boolean][] = [
  ["all read ahead by us", 5_000, true],
  ["more than we read ahead, the rest taken for a broken handshake", 200_000, false],
];
for (const [name, size, works] of sentAhead) {
  test(`STARTTLS drops text that lies unread: ${name}`, async (t) => {
    let ready = (): void => {};
    const gate = new Promise<void>((resolve) => { ready = resolve; });
    const { ctx, port } = await setUp(t, async (connection) => {
      await connection.read(5_000);
      await gate;
      await connection.startTls("go\r\n");
      await echo(connection);
    }, { tls: "starttls" });
    const raw = client(t, port);
    raw.write("S\r\n");
    await pause(20);
    raw.write(Buffer.alloc(size, "INJECTED\r\n"));
    await pause(50);
    ready();
    await until(() => raw.text() === "go\r\n" || raw.ended(), "answer");
    raw.removeAllListeners("data");
    const secure = connectTls({ socket: raw, rejectUnauthorized: false });
    let text = "";
    let failed = raw.destroyed;
    raw.on("close", () => { failed = true; });
    secure.on("data", (chunk: Buffer) => { text += chunk.toString(); });
    secure.on("error", () => { failed = true; });
    secure.on("close", () => { failed = true; });
    secure.write("after");
    await until(() => failed || text.includes("after"), "works or fails");
    assert.equal(text, works ? "<after>" : "");
    assert.equal(failed, !works);
    assert.deepEqual(ctx.errors(), []);
  });
}

test("a handshake that hangs or is garbage ends, with STARTTLS and with TLS from the start", async (t) => {
  for (const tls of ["starttls", "implicit"] as const) {
    for (const bytes of ["", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00"]) {
      const { ctx, port, listeners } = await setUp(t, upgrade, { tls, limits: { tlsHandshakeTimeoutMs: 100 } });
      const socket = client(t, port);
      if (tls === "starttls") {
        socket.write("S");
        await until(() => socket.text() === "go\r\n", "go");
      }
      socket.write(Buffer.from(bytes, "latin1"));
      await until(() => socket.ended(), `${tls} ${bytes}`);
      await until(() => listeners.stats[0]!.open === 0, "closed and counted");
      assert.deepEqual(ctx.errors(), []);
    }
  }
});

test("broken records after the handshake end the connection", async (t) => {
  const { ctx, port, listeners } = await setUp(t, echo, { tls: "implicit" });
  const raw = client(t, port);
  raw.removeAllListeners("data");
  const secure = connectTls({ socket: raw, rejectUnauthorized: false });
  secure.on("error", () => {});
  await new Promise((resolve) => secure.once("secureConnect", resolve));
  await until(() => listeners.stats[0]!.open === 1, "open");
  raw.write("this is no TLS record at all");
  await until(() => listeners.stats[0]!.open === 0, "closed");
  assert.deepEqual(ctx.errors(), []);
});

const names: [name: string, args: string[]][] = [
  ["own name", ["-servername", "mail.example.test"]],
  ["other case", ["-servername", "MAIL.example.TEST"]],
  ["trailing dot", ["-servername", "mail.example.test."]],
  ["unknown name", ["-servername", "elsewhere.example.org"]],
  ["no name", ["-noservername"]],
  ["TLS 1.2", ["-tls1_2"]],
  ["TLS 1.3", ["-tls1_3"]],
];

test("openssl gets the certificate under every name, and only modern TLS", async (t) => {
  const { port, caFile } = await setUp(t, async (connection) => {
    await connection.write(`sni ${connection.serverName}\r\n`);
  }, { tls: "implicit" });
  const openssl = (args: string[]): Promise<{ stdout: string }> => promisify(execFile)("openssl", [
    "s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", caFile, "-verify_return_error", "-ign_eof", ...args,
  ], { timeout: 10_000 });
  for (const [name, args] of names) {
    const { stdout } = await openssl(args);
    assert.match(stdout, /Verify return code: 0 \(ok\)/, name);
    assert.match(stdout, /subject=CN = mail\.example\.test/, name);
    const expected = args[0] === "-servername" ? args[1]!.toLowerCase().replace(/\.$/, "") : null;
    if (expected !== null) assert.ok(stdout.includes(`sni ${expected}\r\n`), name);
  }
  await assert.rejects(openssl(["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]));
});

test("stop: new clients are refused, protocols are told, work ends, the rest is cut off", async (t) => {
  const { ctx, port, listeners } = await setUp(t, async (connection) => {
    const chunk = await connection.read(5_000);
    if (chunk?.[0] === 0x69) {
      // Ignores the stop.
      await connection.read(60_000);
      return;
    }
    if (!connection.stopping.aborted) {
      await new Promise((resolve) => connection.stopping.addEventListener("abort", resolve, { once: true }));
    }
    await connection.write("stopping\r\n");
  });
  const polite = client(t, port);
  const stubborn = client(t, port);
  polite.write("p");
  stubborn.write("i");
  await until(() => listeners.stats[0]!.open === 2, "open");
  await pause(20);
  const started = performance.now();
  const stopped = listeners.stop();
  await until(() => polite.ended(), "told");
  assert.equal(polite.text(), "stopping\r\n");
  assert.ok(!stubborn.ended());
  const late = client(t, port);
  await until(() => late.ended(), "refused");
  assert.equal(await stopped, 1);
  assert.ok(performance.now() - started >= 175);
  await until(() => stubborn.ended(), "cut off");
  assert.deepEqual(ctx.errors(), []);
});

test("a port that is taken is a clear refusal", async (t) => {
  const { listeners, port } = await setUp(t, echo);
  await assert.rejects(
    listeners.listen({ name: "second", port, address: "127.0.0.1", tls: "none", handler: echo, refusal: () => "" }),
    (error: unknown) => error instanceof Fault && error.code === "unavailable" && /another program/.test(error.message),
  );
});
