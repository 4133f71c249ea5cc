/**
 * What the front does for its routes, seen by independent clients (curl with HTTP/1.1 and 2, undici, node:http2, raw
 * sockets): names and proxies, https only, 100-continue, bounds of bodies, compression both ways, streams, PROXY.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import type { IncomingHttpHeaders } from "node:http2";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { brotliCompressSync, constants, gunzipSync, gzipSync } from "node:zlib";
import { AddressList } from "#net/addresses.ts";
import { beginAnswer, chooseCoding, sendBody, sendJson, sendPage, sendText } from "#net/http-answer.ts";
import { bodyChunks, readBody } from "#net/http-body.ts";
import type { HttpRoute } from "#net/http.ts";
import { rawClient, startFront } from "#net/http-test-kit.ts";
import { pause, temporaryFolder, until } from "../../test/support/real-ctx.ts";

const run = promisify(execFile);
const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
const text = "All work and no play makes a dull text. ".repeat(20_000);

const routes: HttpRoute[] = [
  { path: "/who", methods: { GET: ({ response, host, hostPort, origin, remoteAddress, peerAddress, isTls }) => sendJson(
    response, 200, { host, hostPort, origin, remoteAddress, peerAddress, isTls }) } },
  { path: "/health", servesPlain: true, methods: { GET: ({ response }) => sendText(response, 200, "ok") } },
  { path: "/text", methods: { GET: ({ response }) => sendBody(response, 200, "text/plain; charset=utf-8", text) } },
  { path: "/secret", compress: false, methods: { GET: ({ response }) => sendBody(response, 200, "text/plain", text) } },
  { path: "/bytes", methods: { GET: ({ response }) => sendBody(response, 200, "application/octet-stream", text) } },
  { path: "/short", methods: { GET: ({ response }) => sendBody(response, 200, "text/xml", text.slice(0, 2000)) } },
  { path: "/page", methods: { GET: ({ response }) => sendPage(response, 200, "<p>page") } },
  { path: "/ticks", methods: { async GET({ response }) {
    const answer = beginAnswer(response, 200, "text/plain");
    for (let index = 0; index < 3; index++) {
      await answer.write(`tick ${index}\n`);
      await answer.flush();
      await pause(100);
    }
    await answer.end();
  } } },
  { path: "/size", bodyMaxBytes: 5_000_000, takesCompressedBody: true, methods: { async POST(request) {
    sendText(request.response, 200, `${(await readBody(request)).length}`);
  } } },
  { path: "/stream", bodyMaxBytes: 200_000_000, methods: { async "*"(request) {
    let size = 0;
    for await (const chunk of bodyChunks(request)) size += chunk.length;
    sendText(request.response, 200, `${size}`);
  } } },
  { path: "/plain", methods: { async POST(request) {
    sendText(request.response, 200, `${(await readBody(request, 1000)).length}`);
  } } },
  { path: "/no", bodyMaxBytes: 200_000_000, methods: { "*": ({ response }) => sendText(response, 401, "Sign in first.") } },
  { path: "/raw", methods: { async POST({ incoming, response }) {
    let size = 0;
    for await (const chunk of incoming) size += (chunk as Buffer).length;
    sendText(response, 200, `${size}`);
  } } },
];

/** Each test runs on both versions. */
async function curl(front: { securePort: number; caFile: string }, args: string[], path: string): Promise<string> {
  const { stdout } = await run("curl", ["-sS", "--max-time", "15", "--cacert", front.caFile, "--resolve",
    `mail.example.test:${front.securePort}:127.0.0.1`, ...args, `https://mail.example.test:${front.securePort}${path}`],
  { maxBuffer: 10_000_000 });
  return stdout;
}

for (const version of ["--http1.1", "--http2"]) {
  test(`curl ${version}: answers, redirect of nothing, uploads, refusals, compression`, async (t) => {
    const front = await startFront(t, routes);
    const folder = temporaryFolder(t);
    const ask = (args: string[], path: string): Promise<string> => curl(front, [version, ...args], path);
    assert.equal(await ask(["-o", "/dev/null", "-w", "%{http_version}"], "/who"), version === "--http2" ? "2" : "1.1");
    assert.deepEqual(JSON.parse(await ask([], "/WHO")), {
      host: "mail.example.test", hostPort: front.securePort, origin: `https://mail.example.test:${front.securePort}`,
      remoteAddress: "127.0.0.1", peerAddress: "127.0.0.1", isTls: true,
    });
    assert.equal((await ask([], "/text")).length, text.length);
    assert.equal((await ask([], "/bytes")).length, text.length);
    for (const coding of ["gzip", "br"]) {
      for (const path of ["/text", "/short"]) {
        const args = ["--compressed", "-H", `accept-encoding: ${coding}`, "-w", "\n%{header_json}%{size_download}"];
        const whole = await ask(args, path);
        assert.ok(whole.startsWith(path === "/text" ? text : text.slice(0, 2000)), `${coding} ${path}`);
        const answer = whole.slice(whole.indexOf("\n"));
        assert.match(answer, new RegExp(`"content-encoding":\\["${coding}"\\]`), `${coding} ${path}`);
        assert.match(answer, /"vary":\["accept-encoding"\]/);
        assert.ok(Number(/\}\s*(\d+)$/.exec(answer)?.[1]) < 20_000);
      }
    }
    for (const path of ["/secret", "/bytes"]) {
      assert.doesNotMatch(await ask(["--compressed", "-I"], path), /content-encoding/i, path);
    }
    assert.match(await ask(["-I"], "/text"), /content-length: 800000/i);
    assert.match(await ask(["-i"], "/page"), /content-security-policy: default-src 'none'[^]*<p>page$/);

    const large = join(folder, "large");
    writeFileSync(large, "");
    truncateSync(large, 100_000_000);
    const upload = ["-T", large, "-w", " %{http_code} %{size_upload} %{time_total}"];
    assert.match(await ask([...upload, "-X", "POST"], "/stream"), /^100000000\n 200 100000000/);
    for (const [path, status, expect] of [["/size", 413, ""], ["/no", 401, ""], ["/size", 413, "Expect;"],
      ["/no", 401, "Expect;"], ["/nothing", 404, ""], ["/raw", 413, "Expect;"]] as const) {
      const args = [...upload, "-X", "POST", ...expect === "" ? ["-H", "Expect: 100-continue"] : ["-H", "Expect:"]];
      const [, code, size, time] = / (\d+) (\d+) ([\d.]+)$/.exec(await ask(args, path).catch(
        (error: { stdout: string }) => error.stdout))!;
      assert.equal(Number(code), status, `${path} ${expect}`);
      assert.ok(Number(time) < 2, `${path} ${expect} took ${time}`);
      if (expect === "") assert.ok(Number(size) <= (version === "--http2" ? 262_144 : 0), `${path}: ${size} were sent`);
      else assert.ok(Number(size) < 20_000_000, `${path}: ${size} bytes were sent`);
    }
    // A body of unknown length is refused on its way.
    const chunked = ["-H", "Transfer-Encoding: chunked", "-H", "Expect:", "-H", "Content-Length:", ...upload];
    const endless = await ask([...chunked, "-X", "POST"], "/size").catch((error: { stdout: string }) => error.stdout);
    assert.match(endless, / 413 \d{1,8} /);
    const zipped = join(folder, "zipped");
    writeFileSync(zipped, gzipSync(text));
    const body = ["--data-binary", `@${zipped}`, "-H", "content-encoding: gzip", "-w", " %{http_code}"];
    assert.equal(await ask(body, "/size"), "800000\n 200");
    assert.match(await ask(body, "/plain"), / 415$/);
    writeFileSync(zipped, gzipSync(Buffer.alloc(100_000_000)));
    assert.match(await ask(body, "/size"), /larger than the 5000000 bytes[^]* 413$/);
    writeFileSync(zipped, brotliCompressSync(Buffer.alloc(100_000_000), quick));
    assert.match(await ask(body.map((one) => one.replace("gzip", "br")), "/size"), / 413$/);
    writeFileSync(zipped, gzipSync(text).subarray(0, 500));
    assert.match(await ask(body, "/size"), /gzip data of the request is broken[^]* 400$/);
    assert.deepEqual(front.ctx.errors(), []);
  });
}

test("a stream of pieces arrives piece by piece, compressed too", async (t) => {
  const front = await startFront(t, routes);
  for (const version of ["--http1.1", "--http2"]) {
    for (const more of [[], ["--compressed"]]) {
      const started = performance.now();
      const times: number[] = [];
      const child = execFile("curl", ["-sS", "-N", "--max-time", "10", "-k", version, ...more,
        `https://127.0.0.1:${front.securePort}/ticks`]);
      child.stdout!.on("data", () => times.push(performance.now() - started));
      await new Promise((resolve) => child.once("close", resolve));
      assert.ok(times.length >= 3 && times.at(-1)! - times[0]! > 150, `${version} ${more.join()} ${times.join()}`);
    }
  }
  assert.deepEqual(front.ctx.errors(), []);
});

test("undici reads, keeps the connection and uploads", async (t) => {
  const front = await startFront(t, routes);
  const base = `http://127.0.0.1:${front.port}`;
  for (let round = 0; round < 3; round++) {
    const answer = await fetch(`${base}/text`);
    assert.equal((await answer.text()).length, text.length);
    assert.equal(answer.headers.get("content-encoding"), "gzip");
    const upload = new ReadableStream({ start(controller) {
      for (let index = 0; index < 10; index++) controller.enqueue(Buffer.alloc(100_000));
      controller.close();
    } });
    const sent = await fetch(`${base}/stream`, { method: "POST", body: upload, duplex: "half" } as RequestInit);
    assert.equal(await sent.text(), "1000000\n");
  }
  assert.ok(front.listeners.stats[0]!.accepted <= 2);
  assert.equal((await fetch(`${base}/size`, { method: "POST", body: text.repeat(10) }).then(
    (answer) => answer.status, () => 413)), 413);
});

const codings: [field: string | undefined, expected: string | null][] = [
  [undefined, null], ["", null], ["gzip", "gzip"], ["br", "br"], ["gzip, deflate, br", "br"], ["gzip;q=1, br;q=0.5", "gzip"],
  ["*", "br"], ["gzip;q=0", null], ["identity", null], ["*;q=0", null], ["br;q=0, *", "gzip"], ["x-gzip", "gzip"],
  ["GZIP", "gzip"], ["gzip;q=x", null], ["deflate", null],
];

test("which coding a client likes", () => {
  for (const [field, expected] of codings) assert.equal(chooseCoding(field), expected, String(field));
});

const named: [name: string, lines: string, status: number, origin: string][] = [
  ["a name", "host: Mail.Example.TEST.", 200, "http://mail.example.test"],
  ["with a port", "host: mail.example.test.:8080", 200, "http://mail.example.test:8080"],
  ["the scheme's own port", "host: mail.example.test:80", 200, "http://mail.example.test"],
  ["an address", "host: [::1]:81", 200, "http://[::1]:81"],
  ["empty", "host:", 200, "http://mail.example.test"],
  ["two names", "host: a\r\nhost: b", 400, ""], ["the same twice", "host: a\r\nhost: a", 400, ""],
  ["no name", "host: a b", 400, ""], ["path in it", "host: a/b", 400, ""], ["user in it", "host: x@a", 400, ""],
];

test("the name a client used", async (t) => {
  const { port } = await startFront(t, routes);
  for (const [name, lines, status, origin] of named) {
    const socket = rawClient(t, port);
    socket.write(`GET /who HTTP/1.1\r\n${lines}\r\nconnection: close\r\n\r\n`);
    await until(() => socket.ended(), name);
    assert.ok(socket.text().startsWith(`HTTP/1.1 ${status}`), `${name}: ${socket.text()}`);
    if (status === 200) assert.ok(socket.text().includes(`"origin":"${origin}"`), `${name}: ${socket.text()}`);
  }
  const absolute = rawClient(t, port);
  absolute.write("GET http://other.test:81/who HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  await until(() => absolute.ended(), "absolute form");
  assert.ok(absolute.text().includes('"origin":"http://other.test:81"'));
  const old = rawClient(t, port);
  old.write("GET /who HTTP/1.0\r\n\r\n");
  await until(() => old.ended(), "HTTP/1.0");
  assert.ok(old.text().includes('"host":"mail.example.test"'));
});

async function plain(t: TestContext, port: number, request: string): Promise<string> {
  const socket = rawClient(t, port);
  socket.write(`${request} HTTP/1.1\r\nhost: mail.example.test\r\nconnection: close\r\n\r\n`);
  await until(() => socket.ended(), request);
  return socket.text();
}

test("without TLS everything leads to https but what serves plain; names are remembered by browsers", async (t) => {
  const front = await startFront(t, routes, { front: { securePort: 8443, hstsSeconds: 1000 } });
  assert.match(await plain(t, front.port, "GET /who?a=%20b"),
    /^HTTP\/1.1 302 [^]*location: https:\/\/mail\.example\.test:8443\/who\?a=%20b\r\n/i);
  assert.match(await plain(t, front.port, "GET /nothing"), /^HTTP\/1.1 302 /);
  assert.match(await plain(t, front.port, "POST /size"), /^HTTP\/1.1 308 /);
  assert.match(await plain(t, front.port, "GET //evil.example/x"), /location: https:\/\/mail\.example\.test:8443\/\/evil/i);
  const health = await plain(t, front.port, "GET /health");
  assert.match(health, /^HTTP\/1.1 200 /);
  assert.doesNotMatch(health, /strict-transport/i);
  assert.match(await curl(front, ["-i"], "/who"), /strict-transport-security: max-age=1000\r\n/);
  const { stdout } = await run("curl", ["-sSik", `https://127.0.0.1:${front.securePort}/who`]);
  assert.doesNotMatch(stdout, /strict-transport/);
});

test("a proxy is believed when it is in the list", async (t) => {
  const fields = ["-H", "X-Forwarded-For: 198.51.100.7", "-H", "X-Forwarded-Proto: https", "-H", "X-Forwarded-Host: Web.Example.Test"];
  for (const trusted of [true, false]) {
    const front = await startFront(t, routes, { front: {
      securePort: 443, trustedProxies: new AddressList(trusted ? ["127.0.0.1"] : ["192.0.2.0/24"]),
    } });
    const { stdout } = await run("curl", ["-sS", ...fields, "-w", "%{http_code}", `http://127.0.0.1:${front.port}/who`]);
    if (!trusted) assert.match(stdout, /302$/);
    else assert.deepEqual(JSON.parse(stdout.replace(/200$/, "")), {
      host: "web.example.test", hostPort: null, origin: "https://web.example.test", remoteAddress: "198.51.100.7",
      peerAddress: "127.0.0.1", isTls: true,
    });
  }
});

test("PROXY headers of trusted proxies, before lines, before HTTP and before TLS", async (t) => {
  const trustedProxies = new AddressList(["127.0.0.1"]);
  const front = await startFront(t, routes, { listeners: { trustedProxies, proxyProtocol: true } });
  const { port: lines } = await front.listeners.listen({ name: "lines", port: 0, address: "127.0.0.1", tls: "none",
    refusal: () => "", handler: async (connection) => {
      await connection.write(`hello ${connection.remoteAddress}\r\n`, await connection.read(5000) ?? "");
    } });
  for (const start of ["PROXY TCP4 198.51.100.9 127.0.0.1 1000 25\r\nearly",
    Buffer.concat([Buffer.from("0d0a0d0a000d0a515549540a2111000cc63364097f00000103e80019", "hex"), Buffer.from("early")])]) {
    const socket = rawClient(t, lines);
    socket.write(start);
    await until(() => socket.text() === "hello 198.51.100.9\r\nearly", "lines");
  }
  const drip = rawClient(t, lines);
  for (const letter of "PROXY TCP6 2001:db8::9 ::1 1 2\r\n") {
    drip.write(letter);
    await pause(1);
  }
  drip.write("x");
  await until(() => drip.text() === "hello 2001:db8::9\r\nx", "byte by byte");
  const bad = rawClient(t, lines);
  bad.write("EHLO x\r\n");
  await until(() => bad.ended() && bad.text() === "", "without a header");
  for (const [scheme, port] of [["http", front.port], ["https", front.securePort]] as const) {
    const { stdout } = await run("curl", ["-sSk", "--haproxy-protocol", `${scheme}://127.0.0.1:${port}/who`]);
    assert.equal((JSON.parse(stdout) as { remoteAddress: string }).remoteAddress, "127.0.0.1", scheme);
    const socket = rawClient(t, port);
    if (scheme === "https") continue;
    socket.write("PROXY TCP4 198.51.100.9 127.0.0.1 1000 80\r\nGET /who HTTP/1.0\r\n\r\n");
    await until(() => socket.text().includes('"remoteAddress":"198.51.100.9"'), scheme);
  }
});

test("100-continue comes when the body is wanted, and the final answer when it is not", async (t) => {
  const { port } = await startFront(t, routes);
  const wanted = rawClient(t, port);
  const head = (path: string, size: number): string =>
    `POST ${path} HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: ${size}\r\n\r\n`;
  wanted.write(head("/plain", 3));
  await until(() => wanted.text() === "HTTP/1.1 100 Continue\r\n\r\n", "100");
  wanted.write("abc");
  await until(() => wanted.text().endsWith("3\n"), "answer");
  wanted.write(head("/plain", 2) + "ab");
  await until(() => wanted.text().endsWith("2\n"), "kept open, body sent ahead");
  for (const [path, size, status] of [["/no", 3, 401], ["/plain", 5000, 413], ["/nothing", 3, 404]] as const) {
    const refused = rawClient(t, port);
    refused.write(head(path, size));
    await until(() => refused.ended(), path);
    assert.match(refused.text(), new RegExp(`^HTTP/1.1 ${status} [^]*connection: close`, "i"));
    assert.doesNotMatch(refused.text(), /100 Continue/);
  }
  const other = rawClient(t, port);
  other.write("POST /plain HTTP/1.1\r\nhost: a\r\nexpect: a-miracle\r\ncontent-length: 3\r\n\r\nabc");
  await until(() => other.text().startsWith("HTTP/1.1 417"), "417");
});

test("HTTP/2: many requests at once on one connection, and a graceful end", async (t) => {
  const front = await startFront(t, routes, { listeners: { limits: { stopTimeoutMs: 5000 } } });
  const session = connectHttp2(`https://localhost:${front.securePort}`, { ca: readFileSync(front.caFile) });
  t.after(() => session.destroy());
  const ask = (path: string): Promise<{ headers: IncomingHttpHeaders; body: Buffer }> => new Promise((resolve, reject) => {
    const stream = session.request({ ":path": path, "accept-encoding": "gzip" });
    const chunks: Buffer[] = [];
    let headers: IncomingHttpHeaders = {};
    stream.on("response", (got) => { headers = got; });
    stream.on("data", (chunk: Buffer) => { chunks.push(chunk); });
    stream.on("end", () => resolve({ headers, body: Buffer.concat(chunks) }));
    stream.once("error", reject);
  });
  const answers = await Promise.all(Array.from({ length: 60 }, () => ask("/text")));
  for (const { headers, body } of answers) {
    assert.equal(headers["content-encoding"], "gzip");
    assert.equal(gunzipSync(body).toString(), text);
  }
  assert.equal(front.listeners.stats[1]!.accepted, 1);
  const ticks = ask("/ticks");
  await pause(50);
  const stopped = front.listeners.stop();
  assert.match(gunzipSync((await ticks).body).toString(), /tick 2\n$/);
  assert.equal(await stopped, 0);
  assert.deepEqual(front.ctx.errors(), []);
});

const handshakes: [name: string, args: string[], status: RegExp][] = [
  ["own name", ["-servername", "mail.example.test"], /ALPN protocol: http\/1.1[^]*HTTP\/1.1 200/],
  ["trailing dot", ["-servername", "mail.example.test."], /HTTP\/1.1 200/],
  ["other case", ["-servername", "MAIL.Example.test"], /HTTP\/1.1 200/],
  ["a domain", ["-servername", "autodiscover.example.test"], /HTTP\/1.1 200/],
  ["unknown", ["-servername", "elsewhere.example.org"], /HTTP\/1.1 200/],
  ["an address as name", ["-servername", "127.0.0.1"], /HTTP\/1.1 200/],
  ["a name that is none", ["-servername", "..."], /HTTP\/1.1 200/],
  ["no name", ["-noservername"], /HTTP\/1.1 200/],
  ["TLS 1.2", ["-tls1_2", "-servername", "mail.example.test"], /HTTP\/1.1 200/],
];

test("openssl s_client under every name, and the protocols it may choose", async (t) => {
  const front = await startFront(t, routes);
  const openssl = (args: string[], input: string): Promise<string> => new Promise((resolve) => {
    const child = execFile("openssl", ["s_client", "-connect", `127.0.0.1:${front.securePort}`, "-CAfile", front.caFile,
      "-verify_return_error", ...input === "" ? [] : ["-ign_eof"], ...args], { timeout: 10_000 }, (_, stdout, stderr) => resolve(stdout + stderr));
    child.stdin!.end(input);
  });
  for (const [name, args, status] of handshakes) {
    const said = await openssl(["-alpn", "http/1.1", ...args],
      "GET /who HTTP/1.1\r\nhost: mail.example.test\r\nconnection: close\r\n\r\n");
    assert.match(said, status, name);
    assert.match(said, /subject=CN = mail\.example\.test/, name);
  }
  assert.match(await openssl(["-alpn", "h2,http/1.1"], ""), /ALPN protocol: h2/);
  assert.match(await openssl(["-alpn", "spdy/1"], ""), /no application protocol/);
  assert.match(await openssl(["-alpn", "acme-tls/1"], ""), /no application protocol/);
  assert.match(await openssl([], "GET /who HTTP/1.0\r\n\r\n"), /No ALPN negotiated[^]*HTTP\/1.1 200/);
  assert.deepEqual(front.ctx.errors(), []);
});
