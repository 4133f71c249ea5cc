/**
 * Clients that mean harm: heads that two readers would understand differently, floods and drips of heads and bodies,
 * floods of HTTP/2 frames written by hand, pipelines, a thousand idle connections. After each the server serves others,
 * and nothing of it is an error of its own.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import type { TLSSocket } from "node:tls";
import { limits } from "#base/limits.ts";
import { readBody } from "#net/http-body.ts";
import { sendText } from "#net/http-answer.ts";
import type { HttpRoute } from "#net/http.ts";
import { rawClient, startFront } from "#net/http-test-kit.ts";
import type { RawClient, TestFront } from "#net/http-test-kit.ts";
import { pause, until } from "../../test/support/real-ctx.ts";

let running = 0;
let highest = 0;
const routes: HttpRoute[] = [
  { path: "/", methods: { GET: ({ response }) => sendText(response, 200, "here") } },
  { path: "/slow", methods: { async GET({ response }) {
    highest = Math.max(highest, ++running);
    await pause(5);
    running--;
    sendText(response, 200, "slow");
  } } },
  { path: "/forever", methods: { async GET({ ctx }) {
    highest = Math.max(highest, ++running);
    await once(ctx.signal, "abort");
    running--;
  } } },
  { path: "/flood", methods: { async GET({ ctx, response }) {
    running++;
    while (!ctx.signal.aborted) {
      if (!response.write(Buffer.alloc(65_536))) {
        await Promise.race([once(response, "drain"), once(ctx.signal, "abort")]);
      }
    }
    running--;
  } } },
  { path: "/raw", methods: { async POST({ incoming, response }) {
    let size = 0;
    for await (const chunk of incoming) size += (chunk as Buffer).length;
    sendText(response, 200, `${size}`);
  } } },
  { path: "/wait", methods: { async "*"(request) {
    if (request.method === "POST") await readBody(request);
    await Promise.race([pause(1500), once(request.ctx.signal, "abort")]);
    if (!request.ctx.signal.aborted) sendText(request.response, 200, "waited");
  } } },
  { path: "/up", bodyMaxBytes: 1_000_000, bodyTimeoutMs: 400, methods: { async POST(request) {
    sendText(request.response, 200, `${(await readBody(request)).length}`);
  } } },
];

async function serves({ port, ctx }: TestFront): Promise<void> {
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "here\n");
  assert.deepEqual(ctx.errors(), []);
}

async function say(t: TestContext, port: number, bytes: string): Promise<RawClient> {
  const socket = rawClient(t, port);
  socket.write(Buffer.from(bytes, "latin1"));
  await until(() => socket.ended(), JSON.stringify(bytes.slice(0, 80)));
  return socket;
}

/** Each must be refused, or have one meaning only: `GET /secret` hidden in it must not be answered. */
const smuggled = "GET /secret HTTP/1.1\r\nhost: a\r\n\r\n";
const post = "POST /up HTTP/1.1\r\nhost: a\r\n";
const heads: [name: string, bytes: string, status: number][] = [
  ["length and chunks", `${post}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`, 400],
  ["chunks and length", `${post}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n${smuggled}`, 400],
  ["two lengths", `${post}content-length: 0\r\ncontent-length: 34\r\n\r\n${smuggled}`, 400],
  ["two equal lengths", `${post}content-length: 1\r\ncontent-length: 1\r\n\r\nx`, 400],
  ["list of lengths", `${post}content-length: 0, 34\r\n\r\n${smuggled}`, 400],
  ["signed length", `${post}content-length: +5\r\n\r\n${smuggled}`, 400],
  ["hex length", `${post}content-length: 0x5\r\n\r\n${smuggled}`, 400],
  ["negative length", `${post}content-length: -1\r\n\r\n${smuggled}`, 400],
  ["length with a blank inside", `${post}content-length: 1 0\r\n\r\n${smuggled}`, 400],
  ["endless length", `${post}content-length: 99999999999999999999999\r\n\r\n`, 400],
  ["space before the colon", `${post}content-length : 5\r\n\r\n${smuggled}`, 400],
  ["chunked twice", `${post}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n${smuggled}`, 400],
  ["not chunked last", `${post}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`, 400],
  ["unknown coding", `${post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`, 400],
  ["vertical tab in the coding", `${post}transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n${smuggled}`, 400],
  ["bare LF", `POST /up HTTP/1.1\nhost: a\ncontent-length: 0\n\n${smuggled}`, 400],
  ["bare LF in the head", `${post}x: y\ncontent-length: 0\r\n\r\n${smuggled}`, 400],
  ["bare CR", `${post}x: y\rcontent-length: 5\r\n\r\n${smuggled}`, 400],
  ["folded line", `${post}x: y\r\n transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n${smuggled}`, 400],
  ["folded coding", `${post}transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n${smuggled}`, 400],
  ["NUL", `${post}x: a\0b\r\n\r\n`, 400],
  ["no name", `${post}: x\r\n\r\n`, 400],
  ["space first", `POST /up HTTP/1.1\r\n host: a\r\n\r\n`, 400],
  ["bad chunk size", `${post}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n${smuggled}`, 400],
  ["chunk longer than said", `${post}transfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n`, 400],
  ["chunk ended by LF", `${post}transfer-encoding: chunked\r\n\r\n1\nx\n0\n\n`, 400],
  ["endless chunk extension", `${post}transfer-encoding: chunked\r\n\r\n1;${"x".repeat(100_000)}\r\n`, 400],
  ["other protocol", "GET / HTTP/3.7\r\nhost: a\r\n\r\n", 400],
  ["HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
  ["two spaces", "GET  / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 200],
  ["no version", "GET /\r\n\r\n", 400],
  ["endless target", `GET /${"a".repeat(70_000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 431],
  ["endless field", `GET / HTTP/1.1\r\nhost: a\r\nx: ${"a".repeat(70_000)}\r\n\r\n`, 431],
  ["many fields", `GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${"x:y\r\n".repeat(300)}\r\n`, 431],
  ["thousands of fields", `GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${"x:y\r\n".repeat(13_000)}\r\n`, 431],
  ["hidden second host", `GET / HTTP/1.1\r\nhost: a\r\n${"x:y\r\n".repeat(3000)}host: b\r\nconnection: close\r\n\r\n`, 431],
  ["CONNECT", "CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n", 0],
  ["upgrade", "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n", 200],
];

test("heads with two meanings and heads without end", async (t) => {
  const front = await startFront(t, routes, { front: { timeouts: { headMs: 500, stallMs: 500 } } });
  for (const [name, bytes, status] of heads) {
    const answer = (await say(t, front.port, bytes)).text();
    const statuses = [...answer.matchAll(/^HTTP\/1.1 (\d+)/gm)].map(([, digits]) => Number(digits));
    assert.deepEqual(statuses, status === 0 ? [] : [status], `${name}: ${answer.slice(0, 300)}`);
  }
  await serves(front);
});

test("bodies: large ones are refused at once, slow ones are cut off with 408", async (t) => {
  const front = await startFront(t, routes, { front: { timeouts: { headMs: 2000, stallMs: 2000 } } });
  const started = performance.now();
  const large = await say(t, front.port, `${post}content-length: 100000000\r\n\r\nx`);
  assert.match(large.text(), /^HTTP\/1.1 413 /);
  for (const path of ["/up", "/raw"]) {
    const chunked = rawClient(t, front.port);
    chunked.write(`POST ${path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n`);
    const piece = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(65_536, 120), Buffer.from("\r\n")]);
    for (let count = 0; count < 1600 && !chunked.ended() && !chunked.text().includes("413"); count++) {
      if (!chunked.write(piece)) await Promise.race([once(chunked, "drain"), once(chunked, "close"), pause(50)]);
      else if (count % 8 === 0) await pause(1);
    }
    assert.match(chunked.text(), /^HTTP\/1.1 413 /, path);
    assert.ok(chunked.bytesWritten < 50_000_000, `${chunked.bytesWritten}`);
  }
  assert.ok(performance.now() - started < 4000);
  // Fast enough for every look at progress, but not for the route.
  const slow = rawClient(t, front.port);
  slow.write(`${post}content-length: 100000\r\n\r\n`);
  for (let count = 0; count < 100 && !slow.ended(); count++) {
    slow.write("x".repeat(50));
    await pause(20);
  }
  assert.match(slow.text(), /^HTTP\/1.1 408 /);
  await serves(front);
});

test("a drip of a few bytes now and then counts as standing still", async (t) => {
  const front = await startFront(t, [{ path: "/up", bodyTimeoutMs: 60_000, methods: { async POST(request) {
    sendText(request.response, 200, `${(await readBody(request)).length}`);
  } } }, ...routes.slice(0, 1)], { front: { timeouts: { headMs: 500, stallMs: 500 } } });
  const socket = rawClient(t, front.port);
  socket.write(`${post}content-length: 1000\r\n\r\n`);
  const started = performance.now();
  while (!socket.ended() && performance.now() - started < 4000) {
    socket.write("x");
    await pause(100);
  }
  assert.ok(performance.now() - started < 2500);
  await serves(front);
});

test("pipelines are answered in order, one at a time, and not without end", async (t) => {
  const front = await startFront(t, routes);
  highest = 0;
  const polite = rawClient(t, front.port);
  polite.write("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n".repeat(20));
  await until(() => polite.text().split("slow\n").length === 21, "all twenty");
  assert.equal(highest, 1, "one after the other");
  const rude = rawClient(t, front.port);
  rude.write("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n".repeat(5000));
  await until(() => rude.ended(), "closed", 10_000);
  assert.equal(highest, 1);
  const answers = rude.text().split("slow\n").length - 1;
  assert.ok(answers <= limits.httpPipelineMax + 1, `${answers} answers`);
  await serves(front);
});

test("a thousand idle connections cost little and hold nobody up", async (t) => {
  const front = await startFront(t, routes);
  const before = process.memoryUsage.rss();
  const sockets = Array.from({ length: 1000 }, () => rawClient(t, front.port));
  for (const socket of sockets) socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await until(() => sockets.every((socket) => socket.text().endsWith("here\n")), "a thousand answers", 20_000);
  assert.equal(front.listeners.stats[0]!.open, 1000);
  const started = performance.now();
  await serves(front);
  assert.ok(performance.now() - started < 1000);
  const perConnection = (process.memoryUsage.rss() - before) / 1000;
  t.diagnostic(`${Math.round(perConnection / 1024)} KiB for both ends of a connection`);
  assert.ok(perConnection < 120 * 1024);
  for (const socket of sockets) socket.destroy();
  await until(() => front.listeners.stats[0]!.open <= 1, "all gone");
});

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** One frame. RFC 9113 §4.1 */
function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
const settings = frame(4, 0, 0);
/** `:method GET`, `:scheme https`, then path and authority as literals. RFC 7541 appendix A and §6.2.2 */
function requestHead(path: string): Buffer {
  const literal = (index: number, value: string): Buffer => Buffer.concat([Buffer.from([index, value.length]), Buffer.from(value)]);
  return Buffer.concat([Buffer.from([0x82, 0x87]), literal(0x04, path), literal(0x01, "a")]);
}
const get = (stream: number, path: string): Buffer => frame(1, 0x5, stream, requestHead(path));

async function http2(t: TestContext, front: TestFront): Promise<{
  socket: TLSSocket; ended(): boolean; frames(): { type: number; flags: number; stream: number }[];
}> {
  const socket = connectTls({ port: front.securePort, host: "127.0.0.1", ALPNProtocols: ["h2"], rejectUnauthorized: false });
  t.after(() => socket.destroy());
  let bytes = Buffer.alloc(0);
  let ended = false;
  socket.on("data", (chunk: Buffer) => { bytes = Buffer.concat([bytes, chunk]); });
  socket.on("error", () => { ended = true; });
  socket.on("close", () => { ended = true; });
  socket.on("end", () => { ended = true; });
  await once(socket, "secureConnect");
  socket.write(Buffer.concat([preface, settings]));
  return { socket, ended: () => ended, frames() {
    const found: { type: number; flags: number; stream: number }[] = [];
    for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
      found.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, stream: bytes.readUInt32BE(at + 5) & 0x7fff_ffff });
    }
    return found;
  } };
}

type Flood = (index: number) => Buffer;
const literalField = Buffer.concat([Buffer.from([0x00, 3]), Buffer.from("x-a"), Buffer.from([0x7f, 0x21]), Buffer.alloc(160, 97)]);
const floods: [name: string, first: Buffer, flood: Flood][] = [
  // A stream that was reset may have begun already: what can begin at once is the burst that is let through.
  ["rapid reset", Buffer.alloc(0), (index) => Buffer.concat([get(index * 2 + 1, "/forever"),
    frame(3, 0, index * 2 + 1, Buffer.from([0, 0, 0, 8]))])],
  ["endless continuation", frame(1, 0x1, 1, requestHead("/")), () => frame(9, 0, 1, literalField)],
  ["frames on no stream", Buffer.alloc(0), (index) => frame(0, 0, index * 2 + 1, Buffer.alloc(10))],
  ["frames of a wrong size", Buffer.alloc(0), () => frame(8, 0, 0, Buffer.alloc(3))],
  ["garbage", Buffer.alloc(0), () => Buffer.alloc(1000, 255)],
  ["empty data", frame(1, 0x4, 1, requestHead("/forever")), () => frame(0, 0, 1)],
];

for (const [name, first, flood] of floods) {
  test(`HTTP/2 flood: ${name}`, async (t) => {
    const front = await startFront(t, routes);
    highest = running = 0;
    const client = await http2(t, front);
    client.socket.write(first);
    for (let index = 0; index < 100_000 && !client.ended(); index += 100) {
      const batch = Array.from({ length: 100 }, (_, offset) => flood(index + offset));
      if (!client.socket.write(Buffer.concat(batch))) await Promise.race([once(client.socket, "drain"), pause(200)]);
      await pause(0);
    }
    await until(() => client.ended(), "the connection is ended");
    assert.ok(highest <= limits.http2StreamsMax + limits.http2ResetBurst + 1, `${highest} requests at once`);
    await until(() => front.listeners.stats[1]!.open === 0, "the connection is counted out");
    await until(() => running === 0, "no handler is left");
    await serves(front);
  });
}

test("HTTP/2: settings and pings that are never read back do not pile up", async (t) => {
  for (const one of [settings, frame(6, 0, 0, Buffer.alloc(8))]) {
    const front = await startFront(t, routes);
    const client = await http2(t, front);
    client.socket.pause();
    const before = process.memoryUsage.rss();
    const batch = Buffer.concat(Array.from({ length: 1000 }, () => one));
    for (let count = 0; count < 300 && !client.ended(); count++) {
      if (!client.socket.write(batch)) await Promise.race([once(client.socket, "drain"), pause(20)]);
    }
    assert.ok(process.memoryUsage.rss() - before < 100_000_000);
    client.socket.destroy();
    await serves(front);
  }
});

test("HTTP/2: more streams than allowed are refused, an idle connection and a stalled stream end", async (t) => {
  const front = await startFront(t, routes, { front: { timeouts: { headMs: 400, stallMs: 300 } } });
  highest = running = 0;
  const many = await http2(t, front);
  many.socket.write(Buffer.concat(Array.from({ length: 300 }, (_, index) => get(index * 2 + 1, "/forever"))));
  await until(() => many.ended() || many.frames().filter(({ type }) => type === 3).length >= 100, "refused");
  assert.ok(highest <= limits.http2StreamsMax, `${highest}`);
  many.socket.destroy();
  await until(() => running === 0, "handlers are told");

  const idle = await http2(t, front);
  const pings = setInterval(() => idle.ended() || idle.socket.write(frame(6, 0, 0, Buffer.alloc(8))), 50);
  t.after(() => clearInterval(pings));
  await until(() => idle.ended(), "pings do not keep an idle connection", 2000);

  // The window is 65,535 bytes and never grows; pings move bytes all the time.
  const stalled = await http2(t, front);
  stalled.socket.write(get(1, "/flood"));
  const more = setInterval(() => stalled.ended() || stalled.socket.write(frame(6, 0, 0, Buffer.alloc(8))), 50);
  t.after(() => clearInterval(more));
  await until(() => running === 1, "begun");
  await until(() => stalled.frames().some(({ type, stream }) => type === 3 && stream === 1) || stalled.ended(), "reset", 4000);
  await until(() => running === 0, "the handler is told");

  // A body that does not come, with pings.
  const silent = await http2(t, front);
  silent.socket.write(frame(1, 0x4, 1, Buffer.concat([Buffer.from([0x83, 0x87]), requestHead("/up").subarray(2)])));
  const last = setInterval(() => silent.ended() || silent.socket.write(frame(6, 0, 0, Buffer.alloc(8))), 50);
  t.after(() => clearInterval(last));
  await until(() => silent.frames().some(({ stream }) => stream === 1) || silent.ended(), "408 or reset", 4000);
  await serves(front);
});

test("HTTP/2: an answer may wait for long, whether its request had a body or not; an empty one arrives", async (t) => {
  const front = await startFront(t, routes, { front: { timeouts: { headMs: 200, stallMs: 200 } } });
  const session = connectHttp2(`https://localhost:${front.securePort}`, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  const ask = async (method: string, path: string, body: string): Promise<string> => {
    const stream = session.request({ ":path": path, ":method": method }, { endStream: body === "" });
    let status = 0;
    stream.on("response", (headers) => { status = headers[":status"] ?? 0; });
    if (body !== "") stream.end(body);
    let text = "";
    for await (const chunk of stream) text += String(chunk);
    return `${status} ${text}`;
  };
  assert.deepEqual(await Promise.all([ask("GET", "/wait", ""), ask("POST", "/wait", "x".repeat(1000)),
    ask("PUT", "/wait", "unread"), ask("OPTIONS", "/up", ""), ask("OPTIONS", "/up", "x".repeat(40_000))]),
  ["200 waited\n", "200 waited\n", "200 waited\n", "204 ", "204 "]);
  await serves(front);
});
