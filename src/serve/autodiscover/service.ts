/**
 * What this server tells about itself: which names it answers to, what it serves to whom, and what an address leads to.
 * The dialects beside this file only spell it. [MS-OXDSCLI] 3.2.5
 */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { domainOf, tryNormaliseDomain, tryParseAddress } from "#directory/address.ts";
import type { SignedIn } from "#directory/api.ts";
import type { StoreDirectory } from "#directory/directory.ts";
import { mailboxKinds } from "#directory/kinds.ts";
import type { Entry } from "#directory/reads.ts";
import type { HttpRequest } from "#net/http.ts";
import type { AlternativeMailbox, Discovery } from "#wire/autodiscover/account.ts";
import type { AutoconfigOAuth } from "#wire/autodiscover/autoconfig.ts";
import { derivedUuid, publish } from "#wire/autodiscover/published.ts";
import type { MailConnection, Published } from "#wire/autodiscover/published.ts";

export interface AutodiscoverOptions {
  /** The name of this machine to clients; mail programs are always sent there. */
  readonly hostname: string;
  /** Where HTTPS is reached by clients that name no port. */
  readonly httpsPort: number;
  readonly directory: StoreDirectory;
  /** Whether something answers at this path; what does not is not published. */
  readonly isServed: (path: string) => boolean;
  /** Open ports of the line protocols. */
  readonly mail: readonly Omit<MailConnection, "host">[];
  /** Where access tokens are to be had; null while none are taken. */
  readonly oauth?: () => AutoconfigOAuth | null;
  /** Signs a profile as the server that `host` names; without it profiles go out unsigned. */
  readonly signProfile?: (ctx: Ctx, profile: Uint8Array, host: string) => Promise<Uint8Array>;
}

/** Names a client may have come by beside a domain's own. */
const servicePrefixes = ["autodiscover.", "autoconfig.", "mail."];

export class Autodiscover {
  readonly options: AutodiscoverOptions;

  constructor(options: AutodiscoverOptions) {
    this.options = options;
  }

  /** Domain the client came by (`autodiscover.example.test` for `example.test`); null when the name is none of ours. */
  async domainOfHost(ctx: Ctx, host: string): Promise<string | null> {
    const plain = servicePrefixes.find((prefix) => host.startsWith(prefix));
    for (const name of plain === undefined ? [host] : [host, host.slice(plain.length)]) {
      if (await this.isOurDomain(ctx, name)) return tryNormaliseDomain(name);
    }
    return null;
  }

  isOurDomain(ctx: Ctx, domain: string): Promise<boolean> {
    return this.options.directory.isLocalDomain(ctx, domain);
  }

  /**
   * Host and port that addresses in the answer are made with: what the client used when it is one of our names, else
   * the configured name. A port is kept unless it is the usual one.
   */
  async authorityFor({ ctx, host, hostPort, isTls }: HttpRequest): Promise<string> {
    const { hostname, httpsPort } = this.options;
    const isOurs = host === hostname.toLowerCase() || await this.domainOfHost(ctx, host) !== null;
    // Without TLS the port is that of the other listener.
    const port = isOurs && isTls ? hostPort ?? 443 : httpsPort;
    return `${isOurs ? host : hostname}${port === 443 ? "" : `:${port}`}`;
  }

  /** Everything that is served, to somebody with these switches off. */
  published(authority: string, off: readonly string[] = []): Published {
    const { hostname, isServed } = this.options;
    const mail = this.options.mail.map((one) => ({ ...one, host: hostname }));
    return publish({ authority, isServed, mail, off });
  }

  /**
   * What `asker` is told about an address or a distinguished name, which counts more. People who are hidden look like
   * nobody to those without a right to their mailbox.
   */
  async discover(
    ctx: Ctx, asker: SignedIn, request: { address: string | null; legacyDn: string | null }, authority: string,
  ): Promise<Discovery> {
    const { directory } = this.options;
    const address = request.address?.replace(/^(?:smtp|mailto):/i, "") ?? "";
    const entry = request.legacyDn === null ? await directory.entryByAddress(ctx, address)
      : await directory.entryByLegacyDn(ctx, request.legacyDn.slice(0, 1024));
    if (entry === null) return { kind: "unknown" };
    const isOwn = entry.entryId === asker.entryId;
    const isPublic = entry.kind === "public-store";
    if (!isOwn && entry.hidden && !isPublic && !await this.#mayOpen(ctx, asker, entry)) return { kind: "unknown" };
    if (entry.kind === "contact") return await this.#elsewhere(ctx, address, entry);
    if (!mailboxKinds.includes(entry.kind) || entry.mailboxId === null || entry.disabled) return { kind: "nothing" };
    const asking = isOwn ? null : await directory.entry(ctx, asker.entryId);
    const published = this.published(authority, [...entry.protocolsOff, ...asking?.protocolsOff ?? []]);
    // Mail programs sign in as the mailbox's owner, which nobody else can.
    const usable = isOwn ? published : { ...published, mail: [] };
    if (usable.mail.length === 0 && !["mapi", "ews", "activeSync"].some((one) => usable.web.has(one as "mapi"))) {
      return { kind: "nothing" };
    }
    return {
      kind: "account",
      account: {
        displayName: entry.displayName, address: entry.address, legacyDn: entry.legacyDn, published: usable,
        deploymentId: derivedUuid(`organization ${this.options.hostname.toLowerCase()}`),
        // Who may open what is between the two of them.
        alternatives: isOwn ? await this.#alternatives(ctx, entry) : [],
        publicFolderAddress: (await directory.publicStore(ctx))?.address ?? null,
      },
    };
  }

  async #mayOpen(ctx: Ctx, asker: SignedIn, entry: Entry): Promise<boolean> {
    if (entry.mailboxId === null) return false;
    return await this.options.directory.mailboxRight(ctx, asker.entryId, entry.mailboxId) !== "none";
  }

  /** A contact's mail lives outside. One whose address is ours or the one asked for would lead in a circle. */
  async #elsewhere(ctx: Ctx, asked: string, entry: Entry): Promise<Discovery> {
    const target = tryParseAddress(entry.address);
    const isCircle = target === null || target.key === tryParseAddress(asked)?.key
      || await this.isOurDomain(ctx, domainOf(target.key));
    return isCircle ? { kind: "nothing" } : { kind: "redirect", address: entry.address };
  }

  /** Mailboxes this person may open whole, by name. */
  async #alternatives(ctx: Ctx, entry: Entry): Promise<AlternativeMailbox[]> {
    const granted = await this.options.directory.mailboxesGrantedTo(ctx, entry.entryId);
    return granted
      .filter(({ entry: one, rights }) => rights.includes("full") && one.mailboxId !== null && !one.disabled)
      .map(({ entry: one }) => ({ displayName: one.displayName, address: one.address, legacyDn: one.legacyDn }))
      .sort((a, b) => (a.address < b.address ? -1 : 1))
      .slice(0, limits.alternativeMailboxesMax);
  }
}
