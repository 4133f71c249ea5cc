/**
 * Sign-in of HTTP requests over the real front: what an Authorization field holds, who is let in, what the one refusal
 * looks like, that a refused request leaves its connection usable, and that nothing is taken without TLS.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import type { BearerOffer, Directory, SignedIn, SignInFrom } from "#directory/api.ts";
import { makeSystem } from "#main/system.ts";
import { Certificates } from "#net/certificates.ts";
import { HttpFront, sendText } from "#net/http.ts";
import { parseAuthorization, requireSignIn } from "#net/http-sign-in.ts";
import { Listeners } from "#net/listeners.ts";

const b64 = (text: string, encoding: "utf8" | "latin1" = "utf8"): string => Buffer.from(text, encoding).toString("base64");

test("what an Authorization field holds", () => {
  const basic = (name: string, password: string) => ({ kind: "basic", name, password });
  const rows: [field: string | undefined, expected: object | string][] = [
    [undefined, "none"], ["", "none"], ["  ", "none"],
    // RFC 7617 §2, and §2.1 with its pound sign in UTF-8
    ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", basic("Aladdin", "open sesame")], ["basic dGVzdDoxMjPCow==", basic("test", "123£")],
    [`BASIC   ${b64("a:b")}  `, basic("a", "b")], [`Basic ${b64("a:b:c")}`, basic("a", "b:c")],
    [`Basic ${b64("a:")}`, basic("a", "")], [`Basic ${b64("t:\xa3", "latin1")}`, basic("t", "£")],
    [`Basic ${b64("EXAMPLE\\alice:x")}`, basic("EXAMPLE\\alice", "x")],
    ["Basic", "unusable"], ["Basic !", "unusable"], [`Basic ${b64("ab")}`, "unusable"], [`Basic ${b64(":b")}`, "unusable"],
    [`Basic ${b64("a\r:b")}`, "unusable"], [`Basic ${b64("a\0:b")}`, "unusable"], [`Basic ${b64(`${"n".repeat(1025)}:x`)}`, "unusable"],
    [`Basic ${b64(`a:${"x".repeat(1025)}`)}`, "unusable"], [`Basic ${"A".repeat(20_000)}`, "unusable"],
    ["Bearer", "none"], ["Bearer  ", "none"], ["bearer abc.DEF-1_~+/==", { kind: "bearer", token: "abc.DEF-1_~+/==" }],
    ["Bearer a b", "unusable"], [`Bearer ${"a".repeat(8193)}`, "unusable"],
    ["NTLM TlRMTVNTUAABAAAA", "unusable"], ["Negotiate YIIa", "unusable"], ["Digest username=x", "unusable"],
  ];
  for (const [field, expected] of rows) {
    const found = parseAuthorization(field);
    if (typeof expected === "string") assert.equal(found.kind, expected, `field ${field}`);
    else assert.deepEqual(found, expected, `field ${field}`);
  }
  fc.assert(fc.property(fc.string(), (text) => { parseAuthorization(text); parseAuthorization(`Basic ${b64(text)}`); }));
});

const asked: (SignInFrom & { password?: string; token?: string })[] = [];
let offer: BearerOffer | null = null;
const person: SignedIn = { entryId: 1 as EntryId, address: "alice@example.test", displayName: "Alice", mailboxId: null };
const directory = {
  async authenticate(_ctx: Ctx, request: SignInFrom & { password: string }) {
    asked.push(request);
    if (request.password === "busy") throw new Fault("serverBusy", "Too many people.");
    if (request.password !== "secret") throw new Fault("authenticationFailed", "Wrong.");
    return person;
  },
  signIn: {
    bearer: () => offer,
    async authenticateBearer(_ctx: Ctx, request: SignInFrom & { token: string }) {
      asked.push(request);
      if (request.token !== "good") throw new Fault("authenticationFailed", "The access token is not valid.");
      return person;
    },
  },
} as Partial<Directory> as Directory;

const stop = new AbortController();
const ctx: Ctx = { system: makeSystem(), log: silentLog, signal: stop.signal };
const folder = mkdtempSync(join(tmpdir(), "outpost-http-sign-in-"));
let listeners: Listeners;
let port = 0;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

before(async () => {
  const credentials = await Certificates.open(ctx, { directory: folder, hostname: "localhost", domains: [] });
  listeners = new Listeners({ ctx, credentials });
  const front = new HttpFront({
    ctx, hostname: "localhost",
    routes: [{
      path: "/x", methods: {
        async "*"(request) {
          const found = await requireSignIn(request, { directory, protocol: "ews", realm: 'The "house"' });
          if (found !== null) sendText(request.response, 200, found.address);
        },
      },
    }],
  });
  port = (await front.listen(listeners, { name: "http", port: 0, address: "127.0.0.1", tls: "none" })).port;
});
after(async () => {
  agent.destroy();
  await listeners.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly localPort: number;
}

function ask(headers: Record<string, string>, body = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = httpRequest({ agent, port, host: "127.0.0.1", path: "/x", method: "POST", headers }, (answer) => {
      const { localPort } = answer.socket;
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => { text += chunk; });
      answer.on("end", () => resolve({ status: answer.statusCode!, headers: answer.headers, text, localPort: localPort! }));
    });
    call.on("error", reject);
    call.end(body);
  });
}

const challenge = 'Basic realm="The \\"house\\"", charset="UTF-8"';

test("one refusal with one challenge, on a connection that goes on", async () => {
  const good = await ask({ authorization: `Basic ${b64("alice:secret")}`, "user-agent": "Test/1" });
  assert.deepEqual([good.status, good.text], [200, "alice@example.test\n"]);
  assert.deepEqual([asked[0]!.protocol, asked[0]!.device, asked[0]!.clientAddress], ["ews", "Test/1", "127.0.0.1"]);
  asked.length = 0;
  const rows: [authorization: string, asks: number][] = [
    ["", 0], ["Negotiate YII=", 0], ["NTLM TlRM", 0], ["Basic !", 0], [`Basic ${b64("alice:no")}`, 1], ["Bearer good", 0],
  ];
  for (const [authorization, asks] of rows) {
    const answer = await ask({ authorization }, "x".repeat(1000));
    assert.equal(answer.status, 401, authorization);
    assert.equal(answer.headers["www-authenticate"], challenge, authorization);
    assert.ok(answer.text.length < 100);
    assert.equal(asked.length, asks, authorization);
    assert.equal(answer.localPort, good.localPort, "the same connection");
    asked.length = 0;
  }
  assert.equal((await ask({ authorization: `Basic ${b64("alice:busy")}` })).status, 503);
});

test("tokens, and who is told of them", async () => {
  offer = { issuer: "https://m.example", authorizationUri: "https://m.example/oauth/authorize", outlookKnows: false };
  const both = `${challenge}, Bearer realm="The \\"house\\"", authorization_uri="https://m.example/oauth/authorize"`;
  assert.equal((await ask({ authorization: "Bearer good" })).status, 200);
  assert.equal((await ask({})).headers["www-authenticate"], both);
  assert.equal((await ask({ authorization: "Bearer bad" })).headers["www-authenticate"], `${both}, error="invalid_token"`);
  const outlook = { "user-agent": "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)" };
  assert.equal((await ask(outlook)).headers["www-authenticate"], challenge);
  offer = { ...offer, outlookKnows: true };
  assert.equal((await ask(outlook)).headers["www-authenticate"], both);
});

test("nothing is taken without TLS but from this machine itself", async () => {
  asked.length = 0;
  // A proxy on this machine makes everybody look local, whatever it says of them.
  for (const header of ["x-forwarded-proto", "forwarded", "x-forwarded-for", "x-forwarded-host", "via"]) {
    const answer = await ask({ authorization: `Basic ${b64("alice:secret")}`, [header]: "proto=http" });
    assert.deepEqual([answer.status, answer.headers["www-authenticate"]], [403, undefined]);
    assert.match(answer.text, /https:\/\/127\.0\.0\.1/);
  }
  assert.equal(asked.length, 0);
});
