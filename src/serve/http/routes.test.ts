/** Health, metrics and proofs, called as handlers with an answer that keeps what it got. */
import assert from "node:assert/strict";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { ServerResponse } from "node:http";
import { test } from "node:test";
import { AddressList } from "#net/addresses.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { acmeChallengeRoute, healthRoute, metricsRoute } from "#serve/http/routes.ts";
import type { StatusSource } from "#serve/http/routes.ts";
import { realCtx } from "../../../test/support/real-ctx.ts";

async function call(route: HttpRoute, remoteAddress = "192.0.2.1", headers: IncomingHttpHeaders = {}): Promise<{ status: number; body: string; type: unknown }> {
  const response = new ServerResponse({ method: "GET", headers } as IncomingMessage);
  let body = "";
  response.end = (chunk?: unknown) => {
    body = String(chunk);
    return response;
  };
  const request: HttpRequest = {
    id: "r", method: "GET", path: route.path, query: new URLSearchParams(), remoteAddress, isTls: false,
    host: "mail.example.test", hostPort: null, origin: "http://mail.example.test", peerAddress: remoteAddress,
    bodyMaxBytes: 1000, takesCompressedBody: false, ctx: realCtx(), stopping: new AbortController().signal, incoming: { method: "GET", headers } as IncomingMessage, response,
  };
  await route.methods["GET"]!(request);
  return { status: response.statusCode, body, type: response.getHeader("content-type") };
}

const everybody = new AddressList(["0.0.0.0/0"]);

const source: StatusSource = {
  hostname: "mail.example.test", version: "1.2", startedMs: 1_000, nowMs: () => 62_500, isReady: () => true,
  listeners: () => [{ name: "imap", port: 143, open: 2, accepted: 5, refused: 1 }],
};

test("health", async () => {
  const ok = await call(healthRoute(source, everybody));
  assert.equal(ok.status, 200);
  assert.deepEqual(JSON.parse(ok.body), { status: "ok", version: "1.2", uptimeSeconds: 61 });
  const stopping = await call(healthRoute({ ...source, isReady: () => false, queueDepth: () => 3 }, everybody));
  assert.equal(stopping.status, 503);
  assert.deepEqual(JSON.parse(stopping.body), { status: "stopping", version: "1.2", uptimeSeconds: 61, queueDepth: 3 });
});

test("metrics", async () => {
  const { status, body } = await call(metricsRoute({ ...source, queueDepth: () => Promise.resolve(7) }, everybody));
  assert.equal(status, 200);
  assert.match(body, /^outpost_connections_open\{listener="imap",port="143"\} 2$/m);
  assert.match(body, /^outpost_queue_depth 7$/m);
  for (const line of body.trimEnd().split("\n")) assert.match(line, /^(?:# (?:HELP|TYPE) |\w+(?:\{[^}]*\})? [\d.]+$)/);
});

test("counts are for those who watch, and a proxy on this machine does not make everybody one", async () => {
  const watchers = new AddressList(["127.0.0.0/8", "::1", "10.0.0.0/8"]);
  const rows: [address: string, headers: IncomingHttpHeaders, allowed: boolean][] = [
    ["127.0.0.1", {}, true], ["::1", {}, true], ["10.1.2.3", {}, true], ["10.1.2.3", { via: "1.1 x" }, true],
    ["192.0.2.1", {}, false], ["127.0.0.1", { "x-forwarded-for": "192.0.2.1" }, false],
    ["127.0.0.1", { forwarded: "for=192.0.2.1" }, false], ["::1", { via: "1.1 x" }, false],
  ];
  for (const [address, headers, allowed] of rows) {
    const name = `${address} ${JSON.stringify(headers)}`;
    assert.equal((await call(metricsRoute(source, watchers), address, headers)).status, allowed ? 200 : 403, name);
    const health = await call(healthRoute(source, watchers), address, headers);
    assert.equal(health.status, 200, name);
    assert.equal(health.body.includes("uptime"), allowed, name);
  }
});

test("a proof is told while it is under way, and nothing else", async () => {
  const route = acmeChallengeRoute((token) => (token === "abc" ? "abc.thumb" : null));
  const ask = (path: string): ReturnType<typeof call> => call({ ...route, path });
  assert.deepEqual(await ask("/.well-known/acme-challenge/abc"),
    { status: 200, body: "abc.thumb", type: "application/octet-stream" });
  assert.equal((await ask("/.well-known/acme-challenge/other")).status, 404);
});
