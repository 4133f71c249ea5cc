/** Health, metrics and the page of settings, called as handlers with an answer that keeps what it got. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { ServerResponse } from "node:http";
import { test } from "node:test";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { healthRoute, metricsRoute, welcomeRoute } from "#serve/http/routes.ts";
import type { StatusSource } from "#serve/http/routes.ts";
import { realCtx } from "../../../test/support/real-ctx.ts";

async function call(route: HttpRoute): Promise<{ status: number; body: string; type: unknown }> {
  const response = new ServerResponse({ method: "GET" } as IncomingMessage);
  let body = "";
  response.end = (chunk?: unknown) => {
    body = String(chunk);
    return response;
  };
  const request: HttpRequest = {
    id: "r", method: "GET", path: route.path, query: new URLSearchParams(), remoteAddress: "192.0.2.1", isTls: false,
    ctx: realCtx(), stopping: new AbortController().signal, incoming: { method: "GET" } as IncomingMessage, response,
  };
  await route.methods["GET"]!(request);
  return { status: response.statusCode, body, type: response.getHeader("content-type") };
}

const source: StatusSource = {
  hostname: "mail.example.test", version: "1.2", startedMs: 1_000, nowMs: () => 62_500, isReady: () => true,
  listeners: () => [{ name: "imap", port: 143, open: 2, accepted: 5, refused: 1 }],
};

test("health", async () => {
  const ok = await call(healthRoute(source));
  assert.equal(ok.status, 200);
  assert.deepEqual(JSON.parse(ok.body), { status: "ok", version: "1.2", uptimeSeconds: 61 });
  const stopping = await call(healthRoute({ ...source, isReady: () => false, queueDepth: () => 3 }));
  assert.equal(stopping.status, 503);
  assert.deepEqual(JSON.parse(stopping.body), { status: "stopping", version: "1.2", uptimeSeconds: 61, queueDepth: 3 });
});

test("metrics", async () => {
  const { status, body } = await call(metricsRoute({ ...source, queueDepth: () => Promise.resolve(7) }));
  assert.equal(status, 200);
  assert.match(body, /^outpost_connections_open\{listener="imap",port="143"\} 2$/m);
  assert.match(body, /^outpost_queue_depth 7$/m);
  for (const line of body.trimEnd().split("\n")) assert.match(line, /^(?:# (?:HELP|TYPE) |\w+(?:\{[^}]*\})? [\d.]+$)/);
});

test("the page tells the settings, escaped", async () => {
  const settings = [{ title: "IMAP <&>", port: 993, security: "TLS" as const }];
  const { status, body, type } = await call(welcomeRoute("mail.example.test", () => settings));
  assert.equal(status, 200);
  assert.equal(type, "text/html; charset=utf-8");
  assert.ok(body.includes("<tr><td>IMAP &lt;&amp;&gt;</td><td>mail.example.test</td><td>993</td><td>TLS</td></tr>"));
});
