/** Everything that is answered over HTTP, wired by hand: one line for each protocol's routes. */
import { readFile } from "node:fs/promises";
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { PublishedCalendars } from "#calendar/desk/published.ts";
import { AddressBookChanges } from "#directory/address-book-changes.ts";
import { AddressBook } from "#directory/address-book.ts";
import type { Config } from "#main/config.ts";
import type { Opened } from "#main/open.ts";
import { version } from "#main/version.ts";
import type { Acme } from "#net/acme.ts";
import { AddressList } from "#net/addresses.ts";
import type { Certificates } from "#net/certificates.ts";
import { HttpFront } from "#net/http.ts";
import type { HttpRoute } from "#net/http.ts";
import type { Listeners } from "#net/listeners.ts";
import { autodiscoverRoutes, servesPath } from "#serve/autodiscover/routes.ts";
import { Autodiscover } from "#serve/autodiscover/service.ts";
import type { AutodiscoverOptions } from "#serve/autodiscover/service.ts";
import { signContent } from "#serve/autodiscover/sign-profile.ts";
import { acmeChallengeRoute, healthRoute, metricsRoute } from "#serve/http/routes.ts";
import type { StatusSource } from "#serve/http/routes.ts";
import { welcomeRoutes } from "#serve/http/welcome.ts";
import { addressBookEndpoint } from "#serve/mapi/address-book/listen.ts";
import { mailboxEndpoint } from "#serve/mapi/mailbox/listen.ts";
import { StreamLocks } from "#serve/mapi/mailbox/stream-locks.ts";
import { publishedRoutes } from "#serve/published/routes.ts";
import { PublicFolderRules } from "#transport/public-folder-rules.ts";
import { RuleStore } from "#transport/rule-store.ts";
import type { Transport } from "#transport/transport.ts";

/** The ports by name with their standard numbers; the order is the one of the table a person sees. */
export const standardPorts = {
  smtp: 25, submission: 587, submissions: 465, imap: 143, imaps: 993, pop3: 110, pop3s: 995, http: 80, https: 443,
} as const;
export type PortName = keyof typeof standardPorts;
export type Ports = Record<PortName, number>;

/** What is spoken at the ports mail programs use. */
const mailProtocolOf = {
  imap: "imap", imaps: "imap", pop3: "pop3", pop3s: "pop3", submission: "smtp", submissions: "smtp",
} as const satisfies Partial<Record<PortName, string>>;
type ClientPort = keyof typeof mailProtocolOf;

/** What routes may stand on. */
export interface FrontParts {
  readonly ctx: Ctx;
  readonly dataDir: string;
  readonly config: Config;
  readonly opened: Opened;
  readonly listeners: Listeners;
  readonly transport: Transport;
  readonly certificates: Certificates;
  readonly acme: Acme | null;
  /** Pages of signing in and of the account, and our own provider of access tokens. */
  readonly signInRoutes: readonly HttpRoute[];
}

/** What mail programs are told, in discovery and on the welcome page. */
export const connectionRows: readonly { name: ClientPort; security: "TLS" | "STARTTLS" }[] = [
  { name: "imaps", security: "TLS" }, { name: "imap", security: "STARTTLS" },
  { name: "pop3s", security: "TLS" }, { name: "pop3", security: "STARTTLS" },
  { name: "submissions", security: "TLS" }, { name: "submission", security: "STARTTLS" },
];

/** Where a named port is reached. */
export function portOf(config: Config, name: PortName): number {
  return (config.portBase ?? 0) + standardPorts[name];
}

export function makeFront(parts: FrontParts): HttpFront {
  const { ctx, config } = parts;
  return new HttpFront({
    ctx, routes: makeRoutes(parts), hostname: config.hostname,
    trustedProxies: new AddressList(config.trustedProxies),
    securePort: portOf(config, "https"),
    // Browsers remember it for every port of the name: not where others may live on the same one.
    hstsSeconds: (config.portBase ?? 0) === 0 ? limits.httpHstsSeconds : 0,
  });
}

/** The more special path wins, whatever the order. */
function makeRoutes(parts: FrontParts): HttpRoute[] {
  const { ctx, config, listeners, transport, acme } = parts;
  const watchers = new AddressList([...config.metricsFrom, "127.0.0.0/8", "::1"]);
  const status: StatusSource = {
    hostname: config.hostname, version, startedMs: ctx.system.nowMs(), nowMs: () => ctx.system.nowMs(),
    listeners: () => listeners.stats, queueDepth: () => transport.inHand, isReady: () => !listeners.isStopping,
  };
  const routes: HttpRoute[] = [
    healthRoute(status, watchers), metricsRoute(status, watchers),
    acmeChallengeRoute((token) => acme?.answerTo(token) ?? null), ...parts.signInRoutes,
  ];
  const { directory, mailboxes, store } = parts.opened;
  routes.push(...publishedRoutes(new PublishedCalendars(mailboxes, directory)));
  const book = new AddressBook(store);
  if (config.mapi) {
    routes.push(...addressBookEndpoint({ ctx, directory, book, changes: new AddressBookChanges(store) }).routes());
    const rules = new RuleStore({ store, mailboxes });
    const publicRules = new PublicFolderRules({
      store, directory, transport: () => transport, hostname: config.hostname, rules,
    });
    const services = {
      directory, mailboxes, book, transport, rules, publicRules, locks: new StreamLocks(), hostname: config.hostname,
    };
    routes.push(...mailboxEndpoint(ctx, services).routes());
  }
  routes.push(...discoveryRoutes(parts, (path) => servesPath(routes, path)));
  return routes;
}

/** Clients find their settings by address alone; what they are told follows from the routes that there are. */
function discoveryRoutes(parts: FrontParts, isServed: (path: string) => boolean): HttpRoute[] {
  const { config, opened, certificates } = parts;
  const options: AutodiscoverOptions = {
    hostname: config.hostname, httpsPort: portOf(config, "https"), directory: opened.directory, isServed,
    mail: connectionRows.map(({ name, security }) => ({
      protocol: mailProtocolOf[name], port: portOf(config, name), security,
    })),
    signProfile: (ctx, profile, host) => Promise.resolve(
      signContent(profile, certificates.keyAndChainFor(host), ctx.system.nowMs())),
  };
  return [...autodiscoverRoutes(options), ...settingsPage(parts, new Autodiscover(options))];
}

/** The page `/` tells people what discovery tells programs. */
function settingsPage({ config, opened, certificates }: FrontParts, discovery: Autodiscover): HttpRoute[] {
  return welcomeRoutes({
    hostname: config.hostname,
    published: async (request) => discovery.published(await discovery.authorityFor(request)),
    isOurDomain: (ctx, domain) => discovery.isOurDomain(ctx, domain),
    exampleDomain: async ({ ctx, host }) =>
      await discovery.domainOfHost(ctx, host) ?? (await opened.directory.domains(ctx))[0]?.name ?? null,
    authorityPem: async () => (certificates.authorityFile === null ? null
      : await readFile(certificates.authorityFile, "utf8")),
    hasAccountPages: discovery.options.isServed("/account"),
  });
}
