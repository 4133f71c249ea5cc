/** For tests of signing in: a whole server on loopback, a browser without a screen, and raw lines to any port. */
import { connect } from "node:tls";
import type { TLSSocket } from "node:tls";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { silentLog } from "#base/log.ts";
import { Credentials } from "#directory/credentials.ts";
import { PasswordHasher } from "#directory/password.ts";
import { createDomain, createEntry } from "#admin/entries.ts";
import type { Admin } from "#admin/admin.ts";
import type { Config } from "#main/config.ts";
import { startServer } from "#main/server.ts";
import type { RunningServer } from "#main/server.ts";
import { makeSystem } from "#main/system.ts";

export interface TestServer {
  readonly running: RunningServer;
  readonly ctx: Ctx;
  readonly admin: Admin;
  readonly credentials: Credentials;
  readonly origin: string;
  readonly ca: string;
  readonly dataDir: string;
  addUser(address: string, password: string): Promise<number>;
  /** Stops and starts on the same data. */
  restart(): Promise<TestServer>;
  stop(): Promise<void>;
}

/** Enough for tests to wait little; the real cost is measured elsewhere. */
const cheap = { memory: 64, passes: 1, parallelism: 1, scramIterations: 4096 };

export async function startTestServer(portBase: number, config: Partial<Config> = {}): Promise<TestServer> {
  const dataDir = mkdtempSync(join(tmpdir(), "outpost-sign-in-"));
  writeFileSync(join(dataDir, "outpost.json"), JSON.stringify({
    hostname: "localhost", listen: "127.0.0.1", outbound: { mode: "off" }, logLevel: "silent", portBase, writerThreads: 1,
    ...config,
  }));
  const server = await open(dataDir, true);
  return server;
}

async function open(dataDir: string, isNew: boolean): Promise<TestServer> {
  const running = await startServer({ dataDir, demo: false });
  const ctx: Ctx = { system: makeSystem(), log: silentLog, signal: new AbortController().signal };
  const hasher = new PasswordHasher(cheap);
  const admin: Admin = { ...running.opened, hasher, by: "test" };
  if (isNew) await createDomain(ctx, admin, "example.test");
  const ca = readFileSync(running.ca!, "utf8");
  setDefaultCACertificates([...getCACertificates("bundled"), ca]);
  return {
    running, ctx, admin, ca, dataDir, origin: `https://localhost:${running.ports.https}`,
    credentials: new Credentials(running.opened.store, running.opened.directory, hasher),
    async addUser(address, password) {
      await createEntry(ctx, admin, { kind: "user", address, password });
      const entry = await running.opened.directory.entryByAddress(ctx, address);
      return entry!.entryId;
    },
    async restart() {
      await running.stop();
      return await open(dataDir, false);
    },
    async stop() {
      await running.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export interface Visited {
  readonly status: number;
  /** Where the last redirect led, or was about to lead. */
  readonly url: string;
  readonly text: string;
  readonly headers: Headers;
}

/** A browser with a cookie jar that follows redirects and fills forms. */
export class TestBrowser {
  readonly #cookies = new Map<string, string>();
  readonly #origin: string;
  /** Sent with every request, over what a browser would send by itself. */
  headers: Record<string, string> = {};

  constructor(origin: string) {
    this.#origin = origin;
  }

  get cookieNames(): string[] {
    return [...this.#cookies.keys()];
  }

  /** Follows redirects as long as they stay on the server. */
  async visit(path: string, init: { method?: string; body?: string; type?: string } = {}): Promise<Visited> {
    let url = new URL(path, this.#origin).href;
    let { method = "GET", body } = init;
    for (let hops = 0; hops < 10; hops++) {
      const headers: Record<string, string> = {
        cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; "), ...this.headers,
        ...body === undefined ? {} : { "content-type": init.type ?? "application/x-www-form-urlencoded" },
        ...method === "POST" ? { origin: this.headers["origin"] ?? this.#origin } : {},
      };
      const answer = await fetch(url, { method, headers, redirect: "manual", ...body === undefined ? {} : { body } });
      this.#keep(answer.headers.getSetCookie());
      const location = answer.headers.get("location");
      const text = await answer.text();
      if (location === null) return { status: answer.status, url, text, headers: answer.headers };
      url = new URL(location, url).href;
      if (!url.startsWith(this.#origin)) return { status: answer.status, url, text, headers: answer.headers };
      method = "GET";
      body = undefined;
    }
    throw new Error(`redirects without end at ${url}`);
  }

  /** Posts the form of a page whose action is `action`, with its hidden fields and these. */
  async submit(page: Visited, action: string, fields: Record<string, string | string[]> = {}): Promise<Visited> {
    const form = new RegExp(`<form method="post" action="${action}">([\\s\\S]*?)</form>`).exec(page.text)?.[1];
    if (form === undefined) throw new Error(`no form leads to ${action} on ${page.url}:\n${page.text.slice(-1500)}`);
    const body = new URLSearchParams();
    for (const input of form.matchAll(/<input type="hidden" name="([^"]+)"[^>]*?value="([^"]*)"/g)) {
      body.append(input[1]!, unescapeHtml(input[2]!));
    }
    for (const [name, value] of Object.entries(fields)) {
      for (const each of [value].flat()) body.append(name, each);
    }
    return await this.visit(action, { method: "POST", body: body.toString() });
  }

  async signIn(name: string, password: string): Promise<Visited> {
    const page = await this.visit("/account/sign-in");
    return await this.submit(page, "/account/sign-in", { name, password });
  }

  #keep(lines: readonly string[]): void {
    for (const line of lines) {
      const [pair = "", ...attributes] = line.split(/;\s*/);
      const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      const isGone = value === "" || attributes.some((each) => /^max-age=0$/i.test(each) || /expires=thu, 01 jan 1970/i.test(each));
      if (isGone) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
}

export function unescapeHtml(text: string): string {
  return text.replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

/** One TLS connection spoken to by hand. */
export class Lines {
  readonly socket: TLSSocket;
  #text = "";
  #isOver = false;
  #wake = (): void => undefined;

  constructor(port: number) {
    this.socket = connect({ port, host: "localhost" });
    this.socket.setEncoding("latin1");
    this.socket.on("data", (text: string) => { this.#text += text; this.#wake(); });
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => { this.#isOver = true; this.#wake(); });
  }

  send(line: string): void {
    this.socket.write(`${line}\r\n`);
  }

  /** Reads until `pattern` is in what came; gives all of it. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) {
        const end = match.index + match[0].length;
        const text = this.#text.slice(0, end);
        this.#text = this.#text.slice(end);
        return text;
      }
      if (this.#isOver) return `${this.#text}<closed>`;
      await new Promise<void>((resolve) => { this.#wake = resolve; });
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

const b64 = (text: string): string => Buffer.from(text).toString("base64");

/** The client's side of a mechanism: first response, and the answers to challenges. */
export type SaslClient = { readonly mechanism: string; readonly first: string; readonly answer: (challenge: string) => string };

export function plainClient(name: string, password: string): SaslClient {
  return { mechanism: "PLAIN", first: b64(`\0${name}\0${password}`), answer: () => "*" };
}

export function loginClient(name: string, password: string): SaslClient {
  return { mechanism: "LOGIN", first: b64(name), answer: () => b64(password) };
}

export function tokenClient(mechanism: "XOAUTH2" | "OAUTHBEARER", name: string, token: string): SaslClient {
  const first = mechanism === "XOAUTH2" ? `user=${name}\x01auth=Bearer ${token}\x01\x01`
    : `n,a=${name},\x01host=localhost\x01port=1\x01auth=Bearer ${token}\x01\x01`;
  return { mechanism, first: b64(first), answer: () => mechanism === "XOAUTH2" ? "" : "AQ==" };
}

/** From RFC 5802 §3; `binding` makes it -PLUS. */
export function scramClient(name: string, password: string, binding?: { type: string; data: Uint8Array }): SaslClient {
  const gs2 = binding === undefined ? "n,," : `p=${binding.type},,`;
  const bare = `n=${name.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=fyko+d2lbbFgONRv9qkxdawL`;
  const hmac = (key: Uint8Array, text: string): Buffer => createHmac("sha256", key).update(text).digest();
  let expected = "";
  return {
    mechanism: binding === undefined ? "SCRAM-SHA-256" : "SCRAM-SHA-256-PLUS",
    first: b64(gs2 + bare),
    answer(challenge) {
      const text = Buffer.from(challenge, "base64").toString();
      if (text.startsWith("v=")) return text === expected ? "" : "*";
      const { r, s, i } = Object.fromEntries(text.split(",").map((each) => [each[0], each.slice(2)]));
      const salted = pbkdf2Sync(password, Buffer.from(s!, "base64"), Number(i), 32, "sha256");
      const clientKey = hmac(salted, "Client Key");
      const bound = Buffer.concat([Buffer.from(gs2), binding?.data ?? Buffer.alloc(0)]).toString("base64");
      const signed = `${bare},${text},c=${bound},r=${r}`;
      const signature = hmac(createHash("sha256").update(clientKey).digest(), signed);
      expected = `v=${hmac(hmac(salted, "Server Key"), signed).toString("base64")}`;
      const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString("base64");
      return b64(`c=${bound},r=${r},p=${proof}`);
    },
  };
}

/** How each line protocol carries SASL. */
const carriers = {
  imap: { port: "imaps", greeting: /^\* OK.*\r\n/m, hello: null, auth: (m: string, f: string) => `a AUTHENTICATE ${m} ${f}`,
    reply: /^(?:\+ ?(.*)|a (?:OK|NO|BAD).*)\r\n/m, isIn: /^a OK/m },
  pop3: { port: "pop3s", greeting: /^\+OK.*\r\n/m, hello: null, auth: (m: string, f: string) => `AUTH ${m} ${f}`,
    reply: /^(?:\+ (.*)|\+OK.*|-ERR.*)\r\n/m, isIn: /^\+OK/m },
  smtp: { port: "submissions", greeting: /^220.*\r\n/m, hello: /^250 .*\r\n/m, auth: (m: string, f: string) => `AUTH ${m} ${f}`,
    reply: /^(?:334 ?(.*)|[25]\d\d .*)\r\n/m, isIn: /^235/m },
} as const;

export type LineProtocol = keyof typeof carriers;
export const lineProtocols = Object.keys(carriers) as LineProtocol[];

/** Signs in; `in`, or the server's refusal. `lines` stays open. */
export async function signInBy(
  server: TestServer, protocol: LineProtocol, makeClient: SaslClient | ((socket: TLSSocket) => SaslClient),
): Promise<{ said: string; lines: Lines }> {
  const carrier = carriers[protocol];
  const lines = new Lines(server.running.ports[carrier.port]);
  await lines.until(carrier.greeting);
  if (carrier.hello !== null) {
    lines.send("EHLO client.example");
    await lines.until(carrier.hello);
  }
  const client = typeof makeClient === "function" ? makeClient(lines.socket) : makeClient;
  lines.send(carrier.auth(client.mechanism, client.first));
  for (;;) {
    const said = await lines.until(carrier.reply);
    const challenge = carrier.reply.exec(said)?.[1];
    if (challenge === undefined) return { said: carrier.isIn.test(said) ? "in" : said.trim(), lines };
    lines.send(client.answer(challenge));
  }
}
