/** Outgoing mail: one queue for each destination, a few connections to each, many messages over one connection. */
import type { Ctx } from "#base/ctx.ts";
import { withCtx } from "#base/ctx.ts";
import type { Store } from "#store/api.ts";
import type { OutboundConfig, OutboundTls, TransportSettings } from "#transport/config.ts";
import { loadContent, streamContent } from "#transport/content.ts";
import type { Outcome } from "#transport/outcome.ts";
import { ReplyError, SmtpClient } from "#transport/outbound/client.ts";
import type { Dialer, TlsWish } from "#transport/outbound/dial.ts";
import { DialError } from "#transport/outbound/dial.ts";
import type { MailHost, NoRoute, Route } from "#transport/outbound/route.ts";
import { findRoute } from "#transport/outbound/route.ts";
import type { StoredContent } from "#transport/queue-rows.ts";
import type { Consignment, Outbound } from "#transport/worker.ts";
import { WireError } from "#base/fault.ts";
import { parseAddressLiteral } from "#wire/smtp/address.ts";
import { replyText } from "#wire/smtp/reply.ts";

/** Recipients in one transaction; a server must take 100. RFC 5321 §4.5.3.1.8 */
const recipientsPerTransaction = 100;
/** A destination that could not be reached is left alone for so long. */
const downMs = 60_000;

const internalError: NoRoute = {
  kind: "later", status: "4.3.0", reply: "451 4.3.0 Internal error; the log has more",
};

interface Waiting {
  readonly consignment: Consignment;
  readonly onOutcomes: (outcomes: readonly Outcome[]) => void;
  /** It was given to a connection that broke before taking it. */
  readonly returned: boolean;
}

interface Destination {
  readonly key: string;
  readonly waiting: Waiting[];
  connections: number;
  /** Connections in the middle of a message or waiting for one. */
  readonly idle: Set<() => void>;
  down: { readonly untilMs: number; readonly why: NoRoute } | null;
}

export interface OutboundParts {
  readonly ctx: Ctx;
  readonly store: Store;
  readonly settings: TransportSettings;
  readonly dialer: Dialer;
}

export class OutboundMail implements Outbound {
  readonly #parts: OutboundParts;
  readonly #ctx: Ctx;
  readonly #hardStop = new AbortController();
  readonly #destinations = new Map<string, Destination>();
  /** Destinations with work that found all connections in use. */
  readonly #starved = new Set<Destination>();
  #connections = 0;
  #stopping = false;
  #whenIdle: (() => void)[] = [];

  constructor(parts: OutboundParts) {
    this.#parts = parts;
    this.#ctx = withCtx(parts.ctx, { signal: this.#hardStop.signal });
  }

  send(consignment: Consignment, onOutcomes: (outcomes: readonly Outcome[]) => void): void {
    const { outbound } = this.#parts.settings;
    if (outbound.mode === "off") {
      onOutcomes(toAll(consignment, {
        kind: "failed", status: "5.7.1",
        reply: "550 5.7.1 This server is set up to keep mail inside: sending to other domains is switched off",
      }));
      return;
    }
    const key = outbound.mode === "smarthost" ? "" : consignment.recipients[0]!.route;
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      destination = { key, waiting: [], connections: 0, idle: new Set(), down: null };
      this.#destinations.set(key, destination);
    }
    if (destination.down !== null && destination.down.untilMs > this.#ctx.system.monotonicMs()) {
      onOutcomes(toAll(consignment, destination.down.why));
      return;
    }
    destination.down = null;
    for (let from = 0; from < consignment.recipients.length; from += recipientsPerTransaction) {
      const recipients = consignment.recipients.slice(from, from + recipientsPerTransaction);
      destination.waiting.push({ consignment: { ...consignment, recipients }, onOutcomes, returned: false });
    }
    this.#pump(destination);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const destination of this.#destinations.values()) {
      destination.waiting.length = 0;
      for (const wake of destination.idle) wake();
    }
    if (this.#connections > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    this.#hardStop.abort();
  }

  /** Wakes an idle connection or opens another one, within the limits. */
  #pump(destination: Destination): void {
    const { connectionsMax, connectionsPerRouteMax } = this.#parts.settings;
    if (destination.waiting.length === 0 || this.#stopping) return;
    for (const wake of destination.idle) {
      wake();
      return;
    }
    if (destination.connections >= connectionsPerRouteMax) return;
    // A second connection pays off only when there is more than one message for each.
    if (destination.connections > 0 && destination.waiting.length <= destination.connections) return;
    if (this.#connections >= connectionsMax) {
      this.#starved.add(destination);
      return;
    }
    destination.connections++;
    this.#connections++;
    void this.#serve(destination).catch((error: unknown) => {
      this.#ctx.log.error({ error, route: destination.key }, "outgoing mail failed by a bug");
      this.#giveUp(destination, internalError);
    }).finally(() => this.#closed(destination));
  }

  #closed(destination: Destination): void {
    destination.connections--;
    this.#connections--;
    if (this.#connections === 0) for (const tell of this.#whenIdle.splice(0)) tell();
    this.#pump(destination);
    if (destination.connections === 0 && destination.waiting.length === 0 && destination.down === null) {
      this.#destinations.delete(destination.key);
    }
    for (const starved of this.#starved) {
      this.#starved.delete(starved);
      this.#pump(starved);
      if (this.#connections >= this.#parts.settings.connectionsMax) return;
    }
  }

  async #serve(destination: Destination): Promise<void> {
    const opened = await this.#open(destination.key);
    if (!(opened instanceof SmtpClient)) {
      // Other connections to it are at work: this one was one too many.
      if (destination.connections > 1 && opened.kind === "later") return;
      this.#giveUp(destination, opened);
      return;
    }
    let healthy = true;
    try {
      healthy = await this.#sendAll(destination, opened);
    } finally {
      if (healthy && !this.#ctx.signal.aborted) await opened.quit();
      else opened.destroy();
    }
  }

  /** Sends what waits until nothing comes any more; false when the connection is of no more use. */
  async #sendAll(destination: Destination, client: SmtpClient): Promise<boolean> {
    const { messagesPerConnectionMax, connectionIdleMs } = this.#parts.settings;
    for (let sent = 0; sent < messagesPerConnectionMax; sent++) {
      if (destination.waiting.length === 0) await this.#idle(destination, connectionIdleMs);
      const next = destination.waiting.shift();
      if (next === undefined) return true;
      const { outcomes, broken, untouched } = await this.#sendOne(client, next);
      if (untouched && sent > 0 && !next.returned) {
        // The server closed a connection that had served before: nothing is known about this message yet.
        destination.waiting.unshift({ ...next, returned: true });
        return false;
      }
      next.onOutcomes(outcomes);
      if (broken) return false;
    }
    return true;
  }

  async #sendOne(client: SmtpClient, { consignment }: Waiting): ReturnType<SmtpClient["send"]> {
    const { ctx, store } = this.#parts;
    const { message, recipients } = consignment;
    let content: StoredContent;
    try {
      content = consignment.content ?? await loadContent(ctx, store, message);
    } catch (error) {
      const reply = `451 4.3.0 ${error instanceof Error ? error.message : String(error)}`;
      const outcomes = toAll(consignment, { kind: "later", status: "4.3.0", reply });
      return { outcomes, broken: false, untouched: false };
    }
    return await client.send(message, recipients, () => streamContent(store, content));
  }

  #idle(destination: Destination, idleMs: number): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        destination.idle.delete(wake);
        resolve();
      };
      const cancel = this.#ctx.system.setTimer(idleMs, wake);
      destination.idle.add(wake);
    });
  }

  #giveUp(destination: Destination, why: NoRoute): void {
    destination.down = { untilMs: this.#ctx.system.monotonicMs() + downMs, why };
    // The entry must not stay for ever when nobody writes there again.
    this.#ctx.system.setTimer(downMs + 1000, () => {
      if (destination.connections === 0 && destination.waiting.length === 0) this.#destinations.delete(destination.key);
    });
    for (const { consignment, onOutcomes } of destination.waiting.splice(0)) onOutcomes(toAll(consignment, why));
  }

  /** A connection ready for mail, or why there is none. Tries every address of every host in order. */
  async #open(domain: string): Promise<SmtpClient | NoRoute> {
    const { outbound, hostname } = this.#parts.settings;
    const route = await this.#route(domain, outbound, hostname);
    if (route.kind !== "hosts") return route;
    let last: NoRoute = { kind: "later", status: "4.4.1", reply: "451 4.4.1 No server answered" };
    for (const host of route.hosts) {
      for (const address of host.addresses) {
        if (this.#stopping) return last;
        const result = await this.#openAt(host, address, outbound);
        if (result instanceof SmtpClient) return result;
        this.#ctx.log.info({ host: host.name, address, reply: result.reply }, "outgoing connection failed");
        last = result;
        if (result.status === "5.4.6") return result;
      }
    }
    return last;
  }

  async #route(domain: string, outbound: OutboundConfig, hostname: string): Promise<Route> {
    if (outbound.mode !== "smarthost") {
      return await findRoute(this.#ctx, domain, {
        hostname, privateAddresses: outbound.mode === "mx" && outbound.privateAddresses === true,
      });
    }
    // The name goes to the dialler as it is: a smarthost may be known by the hosts file alone.
    return { kind: "hosts", hosts: [{ name: outbound.host, addresses: [outbound.host] }] };
  }

  async #openAt(host: MailHost, address: string, outbound: OutboundConfig): Promise<SmtpClient | NoRoute> {
    const tls: OutboundTls = outbound.mode === "off" ? "none" : outbound.tls ?? "opportunistic";
    try {
      return await this.#connect(host, address, outbound, tls);
    } catch (error) {
      if (tls === "opportunistic" && error instanceof TlsFailed) {
        this.#ctx.log.warn({ host: host.name, error: error.message }, "outgoing TLS failed; sending in the clear");
        try {
          return await this.#connect(host, address, outbound, "none");
        } catch (second) {
          return toNoRoute(second, host);
        }
      }
      return toNoRoute(error, host);
    }
  }

  async #connect(host: MailHost, address: string, outbound: OutboundConfig, tls: OutboundTls): Promise<SmtpClient> {
    const { dialer, settings: { timeouts, hostname } } = this.#parts;
    const verify = tls === "implicit" || tls === "required";
    const caPem = outbound.mode === "smarthost" ? outbound.caPem : undefined;
    const serverName = parseAddressLiteral(host.name) ?? host.name;
    const wish: TlsWish = { serverName, verify, ...(caPem === undefined ? {} : { caPem }) };
    const port = outbound.mode === "smarthost" ? outbound.port : outbound.mode === "mx" ? outbound.port ?? 25 : 25;
    const socket = await dialer.connect(this.#ctx, {
      address, port, timeoutMs: timeouts.connectMs, ...(tls === "implicit" ? { tls: wish } : {}),
    });
    const client = new SmtpClient({ ctx: this.#ctx, socket, host: host.name, hostname, timeouts });
    try {
      await client.greet();
      const offered = client.supports("STARTTLS");
      if (tls === "required" || (tls === "opportunistic" && offered)) await startTls(client, wish, tls);
      if (outbound.mode === "smarthost" && outbound.user !== undefined) {
        await client.signIn(outbound.user, outbound.password ?? "");
      }
      return client;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }
}

/** STARTTLS did not work; another connection without it may. */
class TlsFailed extends Error {}

async function startTls(client: SmtpClient, wish: TlsWish, tls: OutboundTls): Promise<void> {
  if (!client.supports("STARTTLS")) {
    throw new DialError(`${client.host} offers no STARTTLS, which the settings require`);
  }
  try {
    await client.startTls(wish);
  } catch (error) {
    if (tls === "opportunistic" && (error instanceof DialError || error instanceof ReplyError)) {
      throw new TlsFailed(error.message, { cause: error });
    }
    throw error;
  }
}

function toNoRoute(error: unknown, host: MailHost): NoRoute {
  if (error instanceof ReplyError) {
    const { reply } = error;
    if (reply.enhanced === "5.4.6") return { kind: "failed", status: "5.4.6", reply: replyText(reply) };
    // Refusals at the door are about us or about now, not about the message: another time, another server.
    return { kind: "later", status: "4.4.1", reply: `451 4.4.1 ${host.name}: ${error.message}` };
  }
  if (error instanceof DialError || error instanceof WireError || error instanceof TlsFailed) {
    return { kind: "later", status: "4.4.1", reply: `451 4.4.1 ${host.name}: ${error.message}` };
  }
  throw error;
}

function toAll(consignment: Consignment, why: NoRoute): Outcome[] {
  return consignment.recipients.map((recipient) => ({
    recipient, kind: why.kind, status: why.status, reply: why.reply, remoteMta: null,
  }));
}
