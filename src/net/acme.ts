/**
 * Certificates from an authority over ACME: which names to ask for, when, how they are proved, and how long to wait
 * after a failure. The protocol itself is the library's. What it brings is written whole beside the other certificates
 * and taken into use by all protocols without a restart.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import type { Authorization, Client, Order } from "acme-client";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { acmeFiles, emptyAcmeState, readAcmeState, writeAcmeState } from "#net/acme-state.ts";
import type { AcmeState } from "#net/acme-state.ts";
import { splitBundle } from "#net/certificates.ts";
import type { Certificates } from "#net/certificates.ts";
import { readIfThere, writeAtomically } from "#net/safe-files.ts";
import { makeSecureContext } from "#net/tls.ts";

export type ChallengeType = "http-01" | "tls-alpn-01";

export interface AcmeConfig {
  /** The authority's terms must be agreed to by a person; without this nothing is asked. */
  readonly termsOfServiceAgreed: true;
  /** Let's Encrypt when left out. */
  readonly directory?: string;
  /** Where the authority sends warnings. */
  readonly email?: string;
  /** Besides the host name. Left out: of each domain and its autodiscover, autoconfig and mta-sts what leads here. */
  readonly names?: readonly string[];
  /** In the order of liking; both when left out. */
  readonly challenges?: readonly ChallengeType[];
}

export interface AcmeOptions {
  readonly config: AcmeConfig;
  /** `<data>/tls/acme` */
  readonly directory: string;
  readonly certificates: Certificates;
  readonly hostname: string;
  readonly domains: () => Promise<readonly string[]>;
  /** Time between two looks at something the authority works on; tests are in a hurry. */
  readonly pollMs?: number;
}

const defaultDirectory = "https://acme-v02.api.letsencrypt.org/directory";

type Library = typeof import("acme-client");

export class Acme {
  readonly #ctx: Ctx;
  readonly #options: AcmeOptions;
  readonly #files: ReturnType<typeof acmeFiles>;
  readonly #tokens = new Map<string, string>();
  #state: AcmeState;
  #cancelTimer = (): void => {};
  #ended = false;
  #looking: Promise<void> | null = null;
  /** Set when the authority said how long to wait. */
  #retryAfterMs = 0;

  private constructor(ctx: Ctx, options: AcmeOptions, state: AcmeState) {
    this.#ctx = ctx;
    this.#options = options;
    this.#files = acmeFiles(options.directory);
    this.#state = state;
  }

  static async open(ctx: Ctx, options: AcmeOptions): Promise<Acme> {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    const directory = options.config.directory ?? defaultDirectory;
    const stored = await readAcmeState(options.directory);
    return new Acme(ctx, options, stored?.directory === directory ? stored : emptyAcmeState(directory));
  }

  get state(): AcmeState {
    return this.#state;
  }

  /** The key authorization behind a token while its proof is under way. RFC 8555 §8.3 */
  answerTo(token: string): string | null {
    return this.#tokens.get(token) ?? null;
  }

  /** Looks now and from time to time. The result ends that; what is under way may finish for a moment. */
  start(): () => Promise<void> {
    const round = async (): Promise<void> => {
      await this.look();
      if (this.#ended) return;
      const untilMs = Math.max(this.#state.nextAttemptMs - this.#ctx.system.nowMs(), 0);
      const delayMs = this.#state.failures > 0 ? Math.max(untilMs, 1000) : limits.acmeCheckIntervalMs;
      this.#cancelTimer = this.#ctx.system.setTimer(Math.min(delayMs, limits.acmeCheckIntervalMs), () => void round());
    };
    void round();
    return async () => {
      this.#ended = true;
      this.#cancelTimer();
      const pause = new Promise<void>((resolve) => { this.#ctx.system.setTimer(1000, resolve); });
      await Promise.race([this.#looking ?? Promise.resolve(), pause]);
    };
  }

  /** One look: asks for a certificate when one is due. Never throws; what went wrong is in the state and the log. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => { this.#looking = null; });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { system, log } = this.#ctx;
    const startedMs = system.nowMs();
    let names: string[] = [];
    try {
      names = await this.#wantedNames();
      const isNew = names.some((name) => !this.#state.names.includes(name));
      if (startedMs < this.#state.nextAttemptMs && !isNew) return;
      if (!await this.#isDue(names)) return;
      await this.#keep({ names, lastAttemptMs: startedMs, ...isNew ? { orderUrl: null } : {} });
      const issued = await this.#obtain(names);
      await this.#keep({ failures: 0, lastError: null, lastSuccessMs: system.nowMs(), nextAttemptMs: 0 });
      log.info({ names: issued.names, ends: issued.ends }, "certificate issued and in use");
    } catch (error) {
      const failures = this.#state.failures + 1;
      const backoffMs = Math.min(limits.acmeRetryFirstMs * 2 ** (failures - 1), limits.acmeRetryMaxMs);
      const waitMs = Math.max(backoffMs, this.#retryAfterMs);
      const why = error instanceof Error ? error.message : String(error);
      log.error({ names, failures, retryInMinutes: Math.round(waitMs / 60_000), reason: why },
        "no certificate from the authority; the one in use stays");
      await this.#keep({ failures, lastError: why, nextAttemptMs: startedMs + waitMs })
        .catch((other: unknown) => log.error({ error: other }, "the state of certificates cannot be written"));
    }
  }

  async #keep(change: Partial<AcmeState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    await writeAcmeState(this.#ctx, this.#options.directory, this.#state);
  }

  /** The host name first; the others as the configuration lists them, or those that lead to this server. */
  async #wantedNames(): Promise<string[]> {
    const { config, hostname, domains } = this.#options;
    const derived = async (): Promise<string[]> => (await domains()).flatMap((domain) =>
      [domain, `autodiscover.${domain}`, `autoconfig.${domain}`, `mta-sts.${domain}`]);
    const host = publicName(hostname);
    if (host === null) throw new Fault("invalidArgument", `No authority gives a certificate for "${hostname}".`);
    const others = (config.names ?? await derived()).map(publicName)
      .filter((name) => name !== null && name !== host);
    const candidates = [...new Set(others as string[])].slice(0, limits.acmeNamesMax - 1);
    const nowMs = this.#ctx.system.nowMs();
    const open = candidates.filter((name) => (this.#state.leftOut[name]?.untilMs ?? 0) <= nowMs);
    if (config.names !== undefined) return [host, ...open];
    const here = new Set(await this.#addresses(host) ?? []);
    const leadsHere = await Promise.all(open.map(async (name) => {
      const addresses = await this.#addresses(name);
      // A name system that fails for a moment must not take a name off the certificate.
      return addresses === null ? this.#state.names.includes(name) : addresses.some((address) => here.has(address));
    }));
    return [host, ...open.filter((_, index) => leadsHere[index])];
  }

  async #addresses(name: string): Promise<string[] | null> {
    const { resolver } = this.#ctx.system;
    try {
      return (await Promise.all([resolver.a(name), resolver.aaaa(name)])).flat();
    } catch (error) {
      this.#ctx.log.debug({ name, error }, "name could not be looked up");
      return null;
    }
  }

  /** No certificate, names missing on it, a third of its life left, or its authority wants it replaced. */
  async #isDue(names: readonly string[]): Promise<boolean> {
    const bundle = await readIfThere(this.#files.bundle);
    if (bundle === null) return true;
    let certificate: X509Certificate;
    try {
      const { keyPem, chainPem } = splitBundle(bundle);
      certificate = new X509Certificate(chainPem);
      if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) return true;
    } catch (error) {
      this.#ctx.log.warn({ error }, "the issued certificate cannot be read; another one is asked for");
      return true;
    }
    const [fromMs, toMs] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
    const nowMs = this.#ctx.system.nowMs();
    if (nowMs >= toMs - (toMs - fromMs) / 3) return true;
    if (names.some((name) => certificate.checkHost(name) === undefined)) return true;
    return await this.#isToBeReplaced(certificate, nowMs);
  }

  /** The authority's own advice, which is in the past for a revoked certificate. RFC 9773 §4 */
  async #isToBeReplaced(certificate: X509Certificate, nowMs: number): Promise<boolean> {
    const id = renewalId(certificate);
    try {
      const signal = AbortSignal.timeout(limits.acmeRequestTimeoutMs);
      const directory = await fetchJson(this.#state.directory, signal);
      const base = directory["renewalInfo"];
      if (id === null || typeof base !== "string") return false;
      const info = await fetchJson(`${base}/${id}`, signal);
      const window = info["suggestedWindow"] as { end?: unknown } | undefined;
      return Date.parse(String(window?.end)) <= nowMs;
    } catch (error) {
      this.#ctx.log.debug({ error }, "the authority gives no advice about renewal");
      return false;
    }
  }

  async #obtain(names: readonly string[]): Promise<{ names: readonly string[]; ends: string }> {
    const library = await import("acme-client");
    this.#retryAfterMs = 0;
    // Its own repetitions would hold this attempt for hours; the next attempt is ours to plan.
    const { defaults, interceptors } = library.axios;
    Object.assign(defaults, { timeout: limits.acmeRequestTimeoutMs });
    Object.assign((defaults as { acmeSettings?: object }).acmeSettings ?? {}, { retryMaxAttempts: 0 });
    const listener = interceptors.response.use((response) => {
      const seconds = Number(response.headers["retry-after"]);
      const isWait = (response.status === 429 || response.status === 503) && seconds > 0;
      if (isWait) this.#retryAfterMs = Math.min(seconds * 1000, limits.acmeRetryAfterMaxMs);
      return response;
    });
    try {
      const client = await this.#signedInClient(library);
      const { order, names: proved } = await this.#provenOrder(library, client, names);
      return await this.#finish(library, client, order, proved);
    } finally {
      interceptors.response.eject(listener);
    }
  }

  async #signedInClient(library: Library): Promise<Client> {
    const { config, pollMs = 3000 } = this.#options;
    const { crypto } = library;
    let accountKey = await readIfThere(this.#files.account);
    if (accountKey === null) {
      const made = (await crypto.createPrivateEcdsaKey()).toString();
      await writeAtomically(this.#ctx, this.#files.account, made, { mode: 0o600, keep: true });
      accountKey = await readIfThere(this.#files.account) ?? made;
    }
    const client = new library.Client({
      directoryUrl: this.#state.directory, accountKey,
      backoffAttempts: 20, backoffMin: pollMs, backoffMax: pollMs * 4,
    });
    await client.createAccount({
      termsOfServiceAgreed: config.termsOfServiceAgreed,
      ...config.email === undefined ? {} : { contact: [`mailto:${config.email}`] },
    });
    return client;
  }

  /**
   * An order all of whose names are proved. A name that cannot be proved is left out for a day instead of holding up
   * the others; the host name itself cannot be left out.
   */
  async #provenOrder(
    library: Library, client: Client, names: readonly string[],
  ): Promise<{ order: Order; names: readonly string[] }> {
    let wanted = names;
    for (;;) {
      const order = await this.#resumedOrder(client) ?? await client.createOrder({
        identifiers: wanted.map((value) => ({ type: "dns", value })),
      });
      await this.#keep({ orderUrl: order.url });
      if (order.status !== "pending") return { order, names: namesOf(order, wanted) };
      const failed = new Map<string, string>();
      for (const authorization of await client.getAuthorizations(order)) {
        const why = authorization.status === "valid" ? null : await this.#prove(library, client, authorization);
        if (why !== null) failed.set(authorization.identifier.value, why);
      }
      if (failed.size === 0) return { order: await client.getOrder(order), names: namesOf(order, wanted) };
      await this.#keep({ orderUrl: null });
      const fatal = failed.get(wanted[0]!) ?? (failed.size >= wanted.length ? [...failed.values()][0] : undefined);
      if (fatal !== undefined) throw new Fault("unavailable", `${wanted[0]} could not be proved: ${fatal}`);
      wanted = wanted.filter((name) => !failed.has(name));
      await this.#leaveOut(failed);
    }
  }

  async #leaveOut(failed: ReadonlyMap<string, string>): Promise<void> {
    const untilMs = this.#ctx.system.nowMs() + limits.acmeNameRetryMs;
    const leftOut = { ...this.#state.leftOut };
    for (const [name, why] of failed) {
      this.#ctx.log.warn({ name, reason: why }, "name left off the certificate: it could not be proved");
      leftOut[name] = { why, untilMs };
    }
    await this.#keep({ leftOut });
  }

  async #resumedOrder(client: Client): Promise<Order | null> {
    const { orderUrl } = this.#state;
    if (orderUrl === null) return null;
    try {
      const order = await client.getOrder({ url: orderUrl } as Order);
      // Without the key of its request an issued certificate is of no use.
      const hasKey = await readIfThere(this.#files.pendingKey) !== null;
      return order.status === "invalid" || (order.status === "valid" && !hasKey) ? null : { ...order, url: orderUrl };
    } catch (error) {
      this.#ctx.log.info({ error }, "an order that was under way is given up");
      return null;
    } finally {
      await this.#keep({ orderUrl: null });
    }
  }

  /** Null when the name is proved, else why it is not. The kind of proof changes from attempt to attempt. */
  async #prove(library: Library, client: Client, authorization: Authorization): Promise<string | null> {
    const name = authorization.identifier.value;
    const liked = this.#options.config.challenges ?? ["http-01", "tls-alpn-01"];
    const possible = liked.flatMap((type) => authorization.challenges.filter((challenge) => challenge.type === type));
    const challenge = possible[this.#state.failures % Math.max(possible.length, 1)];
    if (challenge === undefined) return `the authority wants a proof other than ${liked.join(" and ")}`;
    try {
      const answer = await client.getChallengeKeyAuthorization(challenge);
      if (challenge.type === "http-01") this.#tokens.set(challenge.token, answer);
      else {
        const [key, certificate] = await library.crypto.createAlpnCertificate(
          authorization, answer, await library.crypto.createPrivateEcdsaKey());
        this.#options.certificates.challenges.set(name, makeSecureContext(String(key), String(certificate)));
      }
      await client.completeChallenge(challenge);
      await client.waitForValidStatus(challenge);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      this.#tokens.delete(challenge.token);
      this.#options.certificates.challenges.delete(name);
    }
  }

  async #finish(
    library: Library, client: Client, order: Order, names: readonly string[],
  ): Promise<{ names: readonly string[]; ends: string }> {
    let keyPem = order.status === "pending" ? null : await readIfThere(this.#files.pendingKey);
    if (keyPem === null) {
      keyPem = (await library.crypto.createPrivateEcdsaKey()).toString();
      await writeAtomically(this.#ctx, this.#files.pendingKey, keyPem, { mode: 0o600, keep: false });
    }
    let finalized = order;
    if (order.status === "ready" || order.status === "pending") {
      const [, csr] = await library.crypto.createCsr({ commonName: names[0]!, altNames: [...names] }, keyPem);
      finalized = await client.finalizeOrder(order, csr);
    }
    const chainPem = await client.getCertificate({ ...finalized, url: order.url });
    const certificate = new X509Certificate(chainPem);
    if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) {
      throw new Fault("corrupt", "The authority sent a certificate of another key.");
    }
    const bundle = `${keyPem.trimEnd()}\n${chainPem.trimEnd()}\n`;
    await writeAtomically(this.#ctx, this.#files.bundle, bundle, { mode: 0o600, keep: false });
    await this.#options.certificates.reload(this.#ctx);
    await this.#keep({ orderUrl: null });
    await rm(this.#files.pendingKey, { force: true });
    return { names, ends: certificate.validToDate.toISOString() };
  }
}

function namesOf(order: Order, wanted: readonly string[]): readonly string[] {
  const ordered = new Set(order.identifiers.map(({ value }) => value));
  const known = wanted.filter((name) => ordered.has(name));
  return known.length === ordered.size ? known : [...ordered];
}

/** A name an authority may certify, in its ASCII form; null for addresses, single words and names of this machine. */
function publicName(name: string): string | null {
  const ascii = domainToASCII(name.replace(/\.+$/, "")).toLowerCase();
  const isPublic = isIP(ascii) === 0 && ascii.includes(".") && !/(?:^|\.)(?:localhost|local)$/.test(ascii);
  return isPublic ? ascii : null;
}

async function fetchJson(url: string, signal: AbortSignal): Promise<Record<string, unknown>> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Fault("unavailable", `${url} answered ${response.status}.`);
  return await response.json() as Record<string, unknown>;
}

/** Authority key identifier and serial number of a certificate, as its authority asks for it. RFC 9773 §4.1 */
export function renewalId(certificate: X509Certificate): string | null {
  const { raw } = certificate;
  // authorityKeyIdentifier: OCTET STRING { SEQUENCE { [0] keyIdentifier … } }, all short. RFC 5280 §4.2.1.1
  const at = raw.indexOf(Buffer.from("0603551d23", "hex"));
  const keyAt = at < 0 ? -1 : at + 5 + 4;
  if (keyAt < 0 || raw[keyAt] !== 0x80) return null;
  const key = raw.subarray(keyAt + 2, keyAt + 2 + raw[keyAt + 1]!);
  const digits = certificate.serialNumber.length % 2 === 0 ? certificate.serialNumber : `0${certificate.serialNumber}`;
  const serial = Buffer.from(digits, "hex");
  const positive = serial[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), serial]) : serial;
  return `${key.toString("base64url")}.${positive.toString("base64url")}`;
}
