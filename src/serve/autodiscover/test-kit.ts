/** For tests of this room: a front over TLS on a real directory, with any of the published protocols switched on. */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { StoreDirectory } from "#directory/directory.ts";
import type { EntryChange } from "#directory/entry-changes.ts";
import { addDomain } from "#directory/domain-changes.ts";
import { PasswordHasher } from "#directory/password.ts";
import { addTestEntry, openTestBed } from "#directory/test-kit.ts";
import type { TestBed } from "#directory/test-kit.ts";
import { Certificates } from "#net/certificates.ts";
import { HttpFront, sendText } from "#net/http.ts";
import type { HttpRoute } from "#net/http.ts";
import { Listeners } from "#net/listeners.ts";
import { autodiscoverRoutes, servesPath } from "#serve/autodiscover/routes.ts";
import type { AutodiscoverOptions } from "#serve/autodiscover/service.ts";
import { signContent } from "#serve/autodiscover/sign-profile.ts";
import { webProtocols } from "#wire/autodiscover/published.ts";
import type { WebProtocol } from "#wire/autodiscover/published.ts";
import { realCtx, temporaryFolder } from "../../../test/support/real-ctx.ts";
import type { TestCtx } from "../../../test/support/real-ctx.ts";

export const hostname = "mail.example.test";
export const password = "correct horse";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly bytes: Buffer;
}

export interface Ask {
  readonly method?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Name the client uses; {@link hostname} unless told. */
  readonly host?: string;
  readonly user?: string | null;
  readonly plain?: boolean;
}

export interface DiscoveryServer {
  readonly ctx: TestCtx;
  readonly bed: TestBed;
  readonly caFile: string;
  readonly port: number;
  readonly plainPort: number;
  ask(path: string, options?: Ask): Promise<Answer>;
}

/** People of the tests by address, with what is special about them. */
const people: readonly [kind: Parameters<typeof addTestEntry>[1], address: string, change: EntryChange][] = [
  ["user", "alice@example.test", { addAddresses: ["a.adams@example.test"] }],
  ["user", "bob@example.test", {}],
  ["user", "hidden@example.test", { hidden: true }],
  ["user", "phoneless@example.test", { protocols: { eas: false, mapi: false, ews: false } }],
  ["user", "nothing@example.test", 
    { protocols: { mapi: false, ews: false, eas: false, imap: false, pop3: false, smtp: false } }],
  ["user", "gone@example.test", { disabled: true }],
  ["shared", "info@example.test", {}],
  ["shared", "readonly@example.test", {}],
  ["group", "team@example.test", {}],
  ["contact", "joe@partner.example", { addAddresses: ["joe@example.test"] }],
];

/** A server on free ports of the loopback. */
export async function startDiscovery(
  t: TestContext, served: readonly WebProtocol[], more: Partial<AutodiscoverOptions> = {},
): Promise<DiscoveryServer> {
  const bed = await openTestBed();
  const ctx = realCtx();
  const hasher = new PasswordHasher({ memory: 1024, passes: 1, parallelism: 1 });
  const phc = await hasher.hash(ctx, password);
  for (const name of ["example.test", "other.test"]) await bed.change(addDomain, { by: "test", name });
  for (const [kind, address, change] of people) {
    await addTestEntry(bed, kind, address, { change, ...kind === "user" ? { phc } : {} });
  }
  const directory = new StoreDirectory(ctx, bed.store, hasher);
  const folder = temporaryFolder(t);
  const credentials = await Certificates.open(ctx, {
    directory: folder, hostname, domains: ["example.test", "other.test"],
  });
  const listeners = new Listeners({ ctx, credentials, limits: { stopTimeoutMs: 300 } });
  const routes: HttpRoute[] = served.map((name) => ({
    path: webProtocols[name].path, methods: { "*": ({ response }) => sendText(response, 200, name) },
  }));
  let port = 0;
  const options: AutodiscoverOptions = {
    hostname, directory, isServed: (path) => servesPath(routes, path),
    get httpsPort() { return port; },
    mail: [
      { protocol: "imap", port: 993, security: "TLS" }, { protocol: "imap", port: 143, security: "STARTTLS" },
      { protocol: "smtp", port: 465, security: "TLS" }, { protocol: "pop3", port: 995, security: "TLS" },
    ],
    signProfile: (context, profile, host) => Promise.resolve(
      signContent(profile, credentials.keyAndChainFor(host), context.system.nowMs())),
    ...more,
  };
  routes.push(...autodiscoverRoutes(options));
  const secure = new HttpFront({ ctx, routes, hostname });
  port = (await secure.listen(listeners, { name: "https", port: 0, address: "127.0.0.1", tls: "implicit" })).port;
  const plain = new HttpFront({ ctx, routes, hostname, securePort: port });
  const { port: plainPort } = await plain.listen(listeners, {
    name: "http", port: 0, address: "127.0.0.1", tls: "none",
  });
  t.after(async () => {
    await listeners.stop();
    await directory.close();
    await bed.close();
  });
  const caFile = join(folder, "ca.pem");
  const ca = readFileSync(caFile);
  return { ctx, bed, caFile, port, plainPort, ask: (path, ask = {}) => send(path, ask, { ca, port, plainPort }) };
}

function send(path: string, ask: Ask, place: { ca: Buffer; port: number; plainPort: number }): Promise<Answer> {
  const host = ask.host ?? hostname;
  const port = ask.plain === true ? place.plainPort : place.port;
  const user = ask.user === undefined ? "alice@example.test" : ask.user;
  const authorization = user === null ? {}
    : { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
  const options = {
    host: "127.0.0.1", port, path, method: ask.method ?? (ask.body === undefined ? "GET" : "POST"), agent: false,
    headers: { host: `${host}:${port}`, ...authorization, ...ask.headers },
  };
  return new Promise((resolve, reject) => {
    const request = ask.plain === true ? httpRequest(options)
      : httpsRequest({ ...options, ca: place.ca, servername: hostname });
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes.toString("utf8"), bytes });
      });
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(ask.body);
  });
}
