/**
 * Where the server's certificates come from: files an administrator names, one that was issued over ACME, or else a
 * private authority made on first start. The folder then holds `ca.pem` (what clients are given to trust), `ca-key.pem`
 * and `server-key.pem`, each key with its certificates in one file so that the two can never part, and `server.pem` for
 * other programs to read.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { SecureContext } from "node:tls";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { fileFault, readIfThere, writeAtomically } from "#net/safe-files.ts";
import { makeSecureContext } from "#net/tls.ts";
import type { TlsCredentials } from "#net/tls.ts";
import { makeAuthority, makeServerCertificate, subjectAltName } from "#net/x509.ts";
import type { KeyAndChain } from "#net/x509.ts";

export interface CertificateFiles {
  /** PEM, the server's certificate first, then the chain. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface ServedNames {
  readonly hostname: string;
  readonly domains: readonly string[];
}

export interface CertificatesOptions extends ServedNames {
  /** `<data>/tls` */
  readonly directory: string;
  /** The first answers for names that none of them holds. */
  readonly own?: readonly CertificateFiles[];
  /** Key and chain in one file as `acme.ts` writes it; used while it is there and valid. */
  readonly issuedFile?: string;
}

interface Loaded {
  readonly pair: KeyAndChain;
  readonly certificate: X509Certificate;
  readonly context: SecureContext;
}

const dayMs = 24 * 3_600_000;
const authorityName = "Outpost local CA";
const authorityDays = 3653;
/** Apple's programs take no server certificate that lasts longer than 825 days, public ones 398. */
const serverDays = 397;
const renewBeforeDays = 30;
/** Clocks of clients may be behind. */
const backdateMs = dayMs;
/** Longer lists do not fit into what some clients take as one handshake message. */
const namesMax = 200;
const checkIntervalMs = 30_000;

export class Certificates implements TlsCredentials {
  readonly #directory: string;
  readonly #own: readonly CertificateFiles[];
  readonly #issuedFile: string | null;
  /** Contexts that prove a name to a certificate authority, by name. RFC 8737 §3 */
  readonly challenges = new Map<string, SecureContext>();
  #names: ServedNames;
  #loaded: readonly Loaded[] = [];
  #issued: Loaded | null = null;
  #ownStamp = "";

  private constructor(options: CertificatesOptions) {
    this.#directory = options.directory;
    this.#own = options.own ?? [];
    this.#issuedFile = options.issuedFile ?? null;
    this.#names = { hostname: options.hostname, domains: options.domains };
  }

  /** Throws Fault `corrupt` or `notFound` with the file's name when certificates cannot be had. */
  static async open(ctx: Ctx, options: CertificatesOptions): Promise<Certificates> {
    const certificates = new Certificates(options);
    await certificates.reload(ctx);
    return certificates;
  }

  /** PEM file of the authority that clients must trust; null with certificates of others. */
  get authorityFile(): string | null {
    return this.#own.length > 0 || this.#issued !== null ? null : join(this.#directory, "ca.pem");
  }

  /** When the default certificate ends, UTC milliseconds. */
  get notAfterMs(): number {
    return this.#default.certificate.validToDate.getTime();
  }

  get #default(): Loaded {
    const first = this.#loaded[0];
    if (first === undefined) throw new Fault("unavailable", "No certificate is loaded.");
    return first;
  }

  contextFor(serverName: string | null): SecureContext {
    return this.#loadedFor(serverName).context;
  }

  /** Key and chain a client that used this name sees; for what else the server signs. */
  keyAndChainFor(serverName: string | null): KeyAndChain {
    return this.#loadedFor(serverName).pair;
  }

  #loadedFor(serverName: string | null): Loaded {
    if (serverName !== null && this.#loaded.length > 1) {
      for (const loaded of this.#loaded) {
        if (loaded.certificate.checkHost(serverName) !== undefined) return loaded;
      }
    }
    return this.#default;
  }

  /** The served names changed (a domain was added): a new certificate of the same authority when needed. */
  async update(ctx: Ctx, names: ServedNames): Promise<void> {
    this.#names = { hostname: names.hostname, domains: names.domains };
    await this.reload(ctx);
  }

  /** Reads everything again and renews what is near its end. On an error the certificates in use stay. */
  async reload(ctx: Ctx): Promise<void> {
    const issued = await this.#readIssued(ctx);
    const some = issued === null ? [] : [issued];
    if (this.#own.length > 0) {
      this.#ownStamp = await this.#stampOfOwn();
      this.#loaded = [...await Promise.all(this.#own.map((files) => loadFiles(ctx, files))), ...some];
    } else {
      this.#loaded = [...some, load(await this.#selfMade(ctx))];
    }
    this.#issued = issued;
  }

  /** A broken or ended file is as good as none: the self-made certificate answers until there is another. */
  async #readIssued(ctx: Ctx): Promise<Loaded | null> {
    if (this.#issuedFile === null) return null;
    const bundle = await readIfThere(this.#issuedFile);
    if (bundle === null) return null;
    try {
      endOf(this.#issuedFile, bundle);
      const loaded = load(splitBundle(bundle));
      if (loaded.certificate.validToDate.getTime() > ctx.system.nowMs()) return loaded;
      ctx.log.warn({ ended: loaded.certificate.validTo }, "the issued certificate has ended and is not used any more");
    } catch (error) {
      ctx.log.error({ error, file: this.#issuedFile }, "the issued certificate cannot be used");
    }
    return null;
  }

  /** Looks now and then for changed files and certificates near their end. The result ends that. */
  watch(ctx: Ctx): () => void {
    let cancel = (): void => {};
    let ended = false;
    const look = async (): Promise<void> => {
      try {
        if (await this.#isStale(ctx)) await this.reload(ctx);
      } catch (error) {
        ctx.log.error({ error }, "certificates could not be reloaded; those in use stay");
      }
      if (!ended) cancel = ctx.system.setTimer(checkIntervalMs, () => void look());
    };
    cancel = ctx.system.setTimer(checkIntervalMs, () => void look());
    return () => { ended = true; cancel(); };
  }

  async #isStale(ctx: Ctx): Promise<boolean> {
    if (this.#own.length > 0) return await this.#stampOfOwn() !== this.#ownStamp;
    const nowMs = ctx.system.nowMs();
    const hasEnded = this.#issued !== null && this.#issued.certificate.validToDate.getTime() <= nowMs;
    const selfMade = this.#loaded.at(-1);
    return hasEnded || selfMade === undefined ||
      selfMade.certificate.validToDate.getTime() - nowMs < renewBeforeDays * dayMs;
  }

  async #stampOfOwn(): Promise<string> {
    const stamps: string[] = [];
    for (const { certificateFile, keyFile } of this.#own) {
      for (const file of [certificateFile, keyFile]) {
        try {
          const { mtimeMs, ino, size } = await stat(file);
          stamps.push(`${mtimeMs}/${ino}/${size}`);
        } catch (error) {
          throw fileFault(file, error);
        }
      }
    }
    return stamps.join(" ");
  }

  /** Names of the self-made certificate, the host's own first, without doubles. */
  #wantedNames(ctx: Ctx): string[] {
    const { hostname, domains } = this.#names;
    const ofDomains = domains.flatMap((name) => [name, `autodiscover.${name}`, `autoconfig.${name}`]);
    const all = [hostname, "localhost", "127.0.0.1", "::1", ...ofDomains];
    const names = [...new Set(all.map((name) => name.replace(/\.+$/, "").toLowerCase()))].filter((name) => name !== "");
    if (names.length > namesMax) {
      ctx.log.warn({ count: names.length }, `the self-made certificate holds the first ${namesMax} names only`);
    }
    return names.slice(0, namesMax);
  }

  async #selfMade(ctx: Ctx): Promise<KeyAndChain> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const authority = await this.#authority(ctx);
    const names = this.#wantedNames(ctx);
    const path = join(this.#directory, "server-key.pem");
    const stored = await readIfThere(path);
    if (stored !== null && isUsable(ctx, stored, authority, names)) return splitBundle(stored);
    const nowMs = ctx.system.nowMs();
    const authorityEndMs = new X509Certificate(authority.chainPem).validToDate.getTime();
    const made = makeServerCertificate({
      authority, names, serial: ctx.system.randomBytes(16),
      times: { notBeforeMs: nowMs - backdateMs, notAfterMs: Math.min(nowMs + serverDays * dayMs, authorityEndMs) },
    });
    await writeAtomically(ctx, path, made.keyPem + made.chainPem, { mode: 0o600, keep: false });
    await writeAtomically(ctx, join(this.#directory, "server.pem"), made.chainPem, { mode: 0o644, keep: false });
    ctx.log.info({ names }, "server certificate made");
    return made;
  }

  async #authority(ctx: Ctx): Promise<KeyAndChain> {
    const path = join(this.#directory, "ca-key.pem");
    const published = join(this.#directory, "ca.pem");
    const nowMs = ctx.system.nowMs();
    let stored = await readIfThere(path);
    if (stored !== null && endOf(path, stored) - nowMs < renewBeforeDays * dayMs) {
      ctx.log.warn({}, "the local certificate authority ended; a new one is made, which clients must be given");
      await rename(path, `${path}.ended`);
      stored = null;
    }
    if (stored === null) {
      const made = makeAuthority({
        name: authorityName, serial: ctx.system.randomBytes(16),
        times: { notBeforeMs: nowMs - backdateMs, notAfterMs: nowMs + authorityDays * dayMs },
      });
      // Another process may be starting too: whoever comes first wins, and both go on with the same authority.
      await writeAtomically(ctx, path, made.keyPem + made.chainPem, { mode: 0o600, keep: true });
      stored = await readFile(path, "latin1");
    }
    endOf(path, stored);
    const authority = splitBundle(stored);
    if (await readIfThere(published) !== authority.chainPem) {
      await writeAtomically(ctx, published, authority.chainPem, { mode: 0o644, keep: false });
    }
    return authority;
  }
}

function load(pair: KeyAndChain): Loaded {
  return {
    pair,
    certificate: new X509Certificate(pair.chainPem),
    context: makeSecureContext(pair.keyPem, pair.chainPem),
  };
}

async function loadFiles(ctx: Ctx, files: CertificateFiles): Promise<Loaded> {
  const [chainPem, keyPem] = await Promise.all([files.certificateFile, files.keyFile].map(async (file) => {
    const text = await readIfThere(file);
    if (text === null) throw new Fault("notFound", `The file ${file} named in the configuration is not there.`);
    return text;
  }));
  let loaded: Loaded;
  try {
    loaded = load({ keyPem: keyPem!, chainPem: chainPem! });
    if (!loaded.certificate.checkPrivateKey(createPrivateKey(keyPem!))) throw new Error("they do not belong together");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const which = `${files.certificateFile} and ${files.keyFile}`;
    throw new Fault("corrupt", `The certificate and key in ${which} cannot be used: ${why}.`, { cause: error });
  }
  if (loaded.certificate.validToDate.getTime() < ctx.system.nowMs()) {
    ctx.log.warn({ file: files.certificateFile, ended: loaded.certificate.validTo }, "certificate has ended");
  }
  return loaded;
}

/** Key first, then certificates, as written above. */
export function splitBundle(bundle: string): KeyAndChain {
  const at = bundle.indexOf("-----BEGIN CERTIFICATE-----");
  return { keyPem: bundle.slice(0, Math.max(at, 0)), chainPem: at < 0 ? "" : bundle.slice(at) };
}

/** When the certificate in a bundle ends; Fault `corrupt` when key and certificate are not whole. */
function endOf(path: string, bundle: string): number {
  try {
    const { keyPem, chainPem } = splitBundle(bundle);
    const certificate = new X509Certificate(chainPem);
    if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) throw new Error("key and certificate differ");
    return certificate.validToDate.getTime();
  } catch (error) {
    throw new Fault("corrupt", `The certificate authority in ${path} is damaged. Restore the file from a backup, or ` +
      "remove it; then a new authority is made and every client must be given its certificate.", { cause: error });
  }
}

function isUsable(ctx: Ctx, bundle: string, authority: KeyAndChain, names: readonly string[]): boolean {
  try {
    const { keyPem, chainPem } = splitBundle(bundle);
    const certificate = new X509Certificate(chainPem);
    const issuer = new X509Certificate(authority.chainPem);
    return certificate.checkPrivateKey(createPrivateKey(keyPem))
      && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
      && certificate.raw.includes(subjectAltName(names))
      && certificate.validToDate.getTime() - ctx.system.nowMs() >= renewBeforeDays * dayMs;
  } catch (error) {
    ctx.log.warn({ error }, "the stored server certificate cannot be read; a new one is made");
    return false;
  }
}
