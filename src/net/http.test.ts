/**
 * The HTTP front on real sockets: routes and refusals as a table of raw requests, errors of handlers, clients that
 * send slowly, never, too much or nothing, answers that are long or never read, and the stop.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { Fault } from "#base/fault.ts";
import { Certificates } from "#net/certificates.ts";
import { HttpFront, parseTarget, sendJson, sendText } from "#net/http.ts";
import type { HttpRoute } from "#net/http.ts";
import type { HttpTimeouts } from "#net/http-connection.ts";
import { Listeners } from "#net/listeners.ts";
import type { NetLimits } from "#net/listeners.ts";
import { pause, realCtx, temporaryFolder, until } from "../../test/support/real-ctx.ts";
import type { TestCtx } from "../../test/support/real-ctx.ts";

interface Setup {
  readonly ctx: TestCtx;
  readonly listeners: Listeners;
  readonly port: number;
  readonly securePort: number;
  readonly caFile: string;
  /** What happened in handlers. */
  readonly events: string[];
}

function routes(events: string[]): HttpRoute[] {
  return [
    { path: "/Hello", methods: {
      GET: ({ response, query }) => sendText(response, 200, `hello ${query.get("n") ?? ""}`),
    } },
    { path: "/tree/*", methods: { "*": ({ response, path, method }) => sendText(response, 200, `${method} ${path}`) } },
    { path: "/tree/leaf/*", methods: { GET: ({ response }) => sendText(response, 200, "leaf") } },
    { path: "/json", methods: { POST: ({ response }) => sendJson(response, 200, { a: 1 }) } },
    { path: "/fault", methods: { GET: () => Promise.reject(new Fault("accessDenied", "Not for you.")) } },
    { path: "/bug", methods: { GET: () => { throw new Error("a bug with a secret inside"); } } },
    { path: "/late", methods: { GET: ({ response }) => {
      response.write("beginning");
      throw new Error("later");
    } } },
    { path: "/upload", methods: { async POST({ incoming, response }) {
      let size = 0;
      for await (const chunk of incoming) size += (chunk as Buffer).length;
      sendText(response, 200, `${size}`);
    } } },
    { path: "/poll", methods: { async GET({ ctx, stopping, response }) {
      const ended = AbortSignal.any([ctx.signal, stopping]);
      await new Promise((resolve) => ended.addEventListener("abort", resolve, { once: true }));
      events.push(ctx.signal.aborted ? "left" : "stopping");
      sendText(response, 200, "stopping");
    } } },
    { path: "/flood", methods: { async GET({ ctx, response }) {
      const piece = Buffer.alloc(256 * 1024);
      while (!ctx.signal.aborted) {
        if (!response.write(piece)) await Promise.race([
          new Promise((resolve) => response.once("drain", resolve)),
          new Promise((resolve) => ctx.signal.addEventListener("abort", resolve, { once: true })),
        ]);
      }
      events.push("flood ended");
    } } },
  ];
}

async function setUp(
  t: TestContext, options: { timeouts?: Partial<HttpTimeouts>; limits?: Partial<NetLimits> } = {},
): Promise<Setup> {
  const ctx = realCtx();
  const directory = temporaryFolder(t);
  const credentials = await Certificates.open(ctx, { directory, hostname: "localhost", domains: [] });
  const listeners = new Listeners({ ctx, credentials, limits: { stopTimeoutMs: 300, ...options.limits } });
  t.after(() => listeners.stop());
  const events: string[] = [];
  const front = new HttpFront({ ctx, routes: routes(events), ...options });
  const { port } = await front.listen(listeners, { name: "http", port: 0, address: "127.0.0.1", tls: "none" });
  const secure = await front.listen(listeners, { name: "https", port: 0, address: "127.0.0.1", tls: "implicit" });
  return { ctx, listeners, port, securePort: secure.port, caFile: `${directory}/ca.pem`, events };
}

function client(t: TestContext, port: number): Socket & { text(): string; ended(): boolean } {
  const socket = connect({ port, host: "127.0.0.1" });
  let received = "";
  let ended = false;
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => { received += chunk; });
  for (const event of ["end", "close"]) socket.on(event, () => { ended = true; });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return Object.assign(socket, { text: () => received, ended: () => ended });
}

function get(path: string, method = "GET"): string {
  return `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`;
}

const requests: [name: string, request: string, status: number, body: RegExp][] = [
  ["a route", get("/Hello?n=1"), 200, /^hello 1\n$/],
  ["in another case", get("/hELLO"), 200, /^hello \n$/],
  ["percent", get("/%48ello"), 200, /^hello/],
  ["absolute form", get("http://x/hello"), 200, /^hello/],
  ["HEAD", get("/hello", "HEAD"), 200, /^$/],
  ["a prefix", get("/Tree/A/b", "PROPFIND"), 200, /^PROPFIND \/Tree\/A\/b\n$/],
  ["the longer prefix", get("/tree/leaf/x"), 200, /^leaf\n$/],
  ["nothing there", get("/nothing"), 404, /Nothing is at \/nothing/],
  ["a prefix is no exact path", get("/tree"), 404, /./],
  ["wrong method", get("/json"), 405, /GET is not possible here. Possible: POST/],
  ["OPTIONS", get("/json", "OPTIONS"), 204, /^$/],
  ["bad escape", get("/%zz"), 400, /cannot be read/],
  ["NUL", get("/a%00"), 400, /cannot be read/],
  ["no path", get("hello"), 400, /^$/],
  ["a fault", get("/fault"), 403, /^Not for you\.\n$/],
  ["a bug", get("/bug"), 500, /^(?!.*secret)/],
  ["no host", "GET /hello HTTP/1.1\r\n\r\n", 400, /./],
  ["garbage", "\x16\x03\x01\x00\xa5\x01", 400, /^$/],
  ["two lengths", "POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc", 400, /^$/],
  ["length and chunks",
    "POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400, /^$/],
  ["a head too large", `GET /hello HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(70_000)}\r\n\r\n`, 431, /^$/],
  ["an upload", "POST /upload HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc", 200, /^3\n$/],
];

test("routes and refusals", async (t) => {
  const { port, listeners } = await setUp(t);
  for (const [name, request, status, body] of requests) {
    const socket = client(t, port);
    socket.write(Buffer.from(request, "latin1"));
    await until(() => socket.ended(), name);
    const [head = "", ...rest] = socket.text().split("\r\n\r\n");
    assert.equal(head.split(" ")[1], String(status), name);
    assert.match(rest.join("\r\n\r\n"), body, name);
  }
  await until(() => listeners.stats[0]!.open === 0, "all closed");
});

test("targets", () => {
  assert.equal(parseTarget("/a?b=%20")?.query.get("b"), " ");
  assert.equal(parseTarget("https://h:1?x")?.path, "/");
  assert.equal(parseTarget("*")?.path, "*");
  assert.equal(parseTarget("h:1"), null);
});

test("keep-alive and pipelined requests on one connection, each with its own id", async (t) => {
  const { port } = await setUp(t);
  const socket = client(t, port);
  const request = "GET /hello?n=%d HTTP/1.1\r\nhost: x\r\n\r\n";
  socket.write(request.replace("%d", "1") + request.replace("%d", "2"));
  await until(() => socket.text().includes("hello 2\n"), "two answers");
  socket.write(request.replace("%d", "3"));
  await until(() => socket.text().includes("hello 3\n"), "third");
  const ids = socket.text().match(/x-request-id: \S+/g) ?? [];
  assert.equal(new Set(ids).size, 3);
});

test("an answer that fails after its beginning is broken off", async (t) => {
  const { port, ctx } = await setUp(t);
  const socket = client(t, port);
  socket.write(get("/late"));
  await until(() => socket.ended(), "end");
  assert.ok(!socket.text().endsWith("0\r\n\r\n"), "not ended as if whole");
  assert.equal(ctx.errors().length, 1);
});

const slow: [name: string, bytes: string][] = [
  ["nothing", ""],
  ["half a head", "GET / HTTP/1.1\r\nhost:"],
  ["half a body", "POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc"],
  ["idle after an answer", "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n"],
];
for (const [name, bytes] of slow) {
  test(`a client that stops: ${name}`, async (t) => {
    const { port, ctx, listeners } = await setUp(t, { timeouts: { headMs: 80, stallMs: 80 } });
    const socket = client(t, port);
    socket.write(bytes);
    await until(() => socket.ended(), "closed", 1000);
    await until(() => listeners.stats[0]!.open === 0, "counted");
    assert.deepEqual(ctx.errors().filter(({ fields }) => !/aborted/.test(String(fields["error"]))), []);
  });
}

test("a head sent drop by drop does not hold a connection", async (t) => {
  const { port } = await setUp(t, { timeouts: { headMs: 150 } });
  const socket = client(t, port);
  const head = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";
  for (const letter of head) {
    if (socket.ended()) break;
    socket.write(letter);
    await pause(15);
  }
  assert.ok(socket.ended());
});

test("a slow body that moves on is not cut off, a long poll may wait", async (t) => {
  const { port, events } = await setUp(t, { timeouts: { headMs: 80, stallMs: 80 } });
  const socket = client(t, port);
  socket.write("POST /upload HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 20\r\n\r\n");
  const poll = client(t, port);
  poll.write("GET /poll HTTP/1.1\r\nhost: x\r\n\r\n");
  for (let index = 0; index < 10; index++) {
    socket.write("ab");
    await pause(40);
  }
  await until(() => socket.ended(), "end");
  assert.ok(socket.text().endsWith("20\n"));
  assert.ok(!poll.ended());
  poll.destroy();
  await until(() => events.includes("left"), "the handler is told");
});

test("an answer that nobody reads ends", async (t) => {
  const { port, events } = await setUp(t, { timeouts: { stallMs: 100 } });
  const socket = client(t, port);
  socket.pause();
  socket.write(get("/flood"));
  await until(() => events.includes("flood ended"), "ended");
});

test("a refused upload gets its answer and is not read to the end", async (t) => {
  const { port, listeners } = await setUp(t);
  const socket = client(t, port);
  socket.write("POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n");
  socket.write(Buffer.alloc(1_000_000));
  await until(() => socket.text().includes("404"), "answer");
  await until(() => listeners.stats[0]!.open === 0, "closed", 4_000);
  assert.ok(socket.bytesWritten < 50_000_000);
});

test("over the limit: 503 and 429, over TLS nothing", async (t) => {
  const { port } = await setUp(t, { limits: { connectionsPerAddressMax: 1 } });
  client(t, port);
  await pause(20);
  const second = client(t, port);
  await until(() => second.ended(), "refused");
  assert.match(second.text(), /^HTTP\/1.1 429 .*\r\nconnection: close\r\n/);
});

test("stop: idle ones close, answers end, later requests on the connection do not begin", async (t) => {
  const { port, listeners, events } = await setUp(t);
  const idle = client(t, port);
  const poll = client(t, port);
  poll.write("GET /poll HTTP/1.1\r\nhost: x\r\n\r\n");
  await until(() => listeners.stats[0]!.open === 2, "open");
  await pause(20);
  assert.equal(await listeners.stop(), 0);
  await until(() => idle.ended() && poll.ended(), "both ended");
  assert.deepEqual(events, ["stopping"]);
  assert.match(poll.text(), /connection: close\r\n[^]*stopping\n$/i);
});

test("curl over TLS", async (t) => {
  const { securePort, caFile } = await setUp(t);
  const { stdout } = await promisify(execFile)("curl", [
    "-sS", "--max-time", "10", "--cacert", caFile, `https://localhost:${securePort}/hello?n=tls`,
  ]);
  assert.equal(stdout, "hello tls\n");
});
