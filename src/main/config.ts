/**
 * What an administrator sets: `outpost.json` in the data folder, or the file named by `--config`. Every key has a
 * default; an unknown key is refused by name, so that a typing mistake is not silently ignored.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname as machineName } from "node:os";
import { isIP } from "node:net";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { LogLevel } from "#main/log.ts";
import type { AcmeConfig } from "#net/acme.ts";
import { AddressList } from "#net/addresses.ts";
import type { CertificateFiles } from "#net/certificates.ts";
import type { OauthClient } from "#serve/account/oauth-provider.ts";
import type { OutsideProviderConfig } from "#serve/account/outside-provider.ts";
import type { OutboundConfig } from "#transport/config.ts";

export interface Config {
  /** The name clients and other servers know this server by. */
  readonly hostname: string;
  /** Address to listen on; `::` takes IPv4 too. */
  readonly listen: string;
  /** Addresses at which the Internet reaches this machine, where they are not its own (behind a router). */
  readonly publicAddresses: readonly string[];
  /** Each port is this number plus the standard one; null for the standard ports. */
  readonly portBase: number | null;
  /** Certificates of the administrator's; none: an authority of our own. */
  readonly certificates: readonly CertificateFiles[];
  /** Certificates from an authority over ACME; null for none. */
  readonly acme: AcmeConfig | null;
  /** Addresses and networks of reverse proxies that are believed about their clients. */
  readonly trustedProxies: readonly string[];
  /** Every connection from a trusted proxy begins with a PROXY protocol header. */
  readonly proxyProtocol: boolean;
  /** Who may read `/metrics` besides this machine. */
  readonly metricsFrom: readonly string[];
  readonly outbound: OutboundConfig;
  /** Access tokens: whether this server gives them out, to which programs besides the known ones, and who else does. */
  readonly tokens: TokensConfig;
  /** MAPI over HTTP, for Outlook for Windows. */
  readonly mapi: boolean;
  /**
   * Receipts that senders ask for are sent when Outlook marks a message as read over MAPI. What other programs mark is
   * never answered by the server: they send their own (IMAP's $MDNSent), or ask first.
   */
  readonly readReceipts: boolean;
  /** A spam filter stands in front: mail that its score fields call junk goes into Junk Email. */
  readonly spamFields: boolean;
  /** How long removed items are kept, and after how many days Deleted Items and Junk Email are emptied. */
  readonly retention: RetentionConfig;
  readonly logLevel: LogLevel;
  /** `sqlite`, or `postgres://…`. */
  readonly store: string;
  /** Threads that commit. */
  readonly writerThreads: number;
}

/** What holds for every mailbox and folder of which nothing else is said. */
export interface RetentionConfig {
  /** Days for which removed items can be brought back. */
  readonly removedDays: number;
  /** null: never. */
  readonly emptyDeletedDays: number | null;
  readonly emptyJunkDays: number | null;
}

export interface TokensConfig {
  readonly own: boolean;
  readonly clients: readonly OauthClient[];
  readonly outside: OutsideProviderConfig | null;
}

export const defaultConfig: Config = {
  hostname: machineName(), listen: "::", publicAddresses: [], portBase: null, certificates: [],
  acme: null, trustedProxies: [],
  proxyProtocol: false, metricsFrom: [], outbound: { mode: "mx" },
  tokens: { own: true, clients: [], outside: null }, mapi: true, readReceipts: true, spamFields: false,
  retention: { removedDays: 14, emptyDeletedDays: null, emptyJunkDays: null }, logLevel: "info", store: "sqlite",
  writerThreads: 2,
};

export function configFile(dataDir: string): string {
  return join(dataDir, "outpost.json");
}

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === "string" && value !== "";
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isPort: Check = (value) => Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;
const isTextList: Check = (value) => Array.isArray(value) && value.every(isText);
const isAddressList: Check = (value) => {
  if (!isTextList(value)) return false;
  try {
    return new AddressList(value as string[]) instanceof AddressList;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
};
const isAddress = { is: isAddressList, wants: 'a list of addresses and networks such as "10.0.0.0/8"' };
const isAcme: Check = (value) => value === null || (isObject(value) && value["termsOfServiceAgreed"] === true &&
  Object.entries(value).every(([key, one]) => acmeKeys[key]?.(one) === true));
const acmeKeys: Record<string, Check> = {
  termsOfServiceAgreed: (value) => value === true,
  directory: (value) => isText(value) && URL.canParse(String(value)),
  email: isText,
  names: isTextList,
  challenges: (value) => Array.isArray(value) && value.length > 0 &&
    value.every((one) => one === "http-01" || one === "tls-alpn-01"),
};

const tokenKeys: Record<string, Check> = {
  own: (value) => typeof value === "boolean",
  clients: (value) => Array.isArray(value) && value.every((one) =>
    isObject(one) && isText(one["id"]) && isText(one["name"]) && isTextList(one["redirectUris"])),
  outside: (value) => value === null || (isObject(value) && isText(value["audience"]) && isText(value["claim"]) &&
    isText(value["issuer"]) && URL.canParse(String(value["issuer"]))),
};

const isDays: Check = (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 36_500;
const retentionKeys: Record<keyof RetentionConfig, Check> = {
  removedDays: isDays,
  emptyDeletedDays: (value) => value === null || (isDays(value) && value !== 0),
  emptyJunkDays: (value) => value === null || (isDays(value) && value !== 0),
};

/** What each key may hold, in words for the message. */
const keys: Record<keyof Config, { is: Check; wants: string }> = {
  hostname: { is: isText, wants: "a host name" },
  listen: { is: isText, wants: "an IP address" },
  publicAddresses: {
    is: (value) => isTextList(value) && (value as string[]).every((one) => isIP(one) !== 0),
    wants: "a list of IP addresses",
  },
  portBase: {
    is: (value) => value === null || (Number.isInteger(value) && Number(value) >= 0 && Number(value) < 64_500),
    wants: "a number below 64500, or null for the standard ports",
  },
  certificates: {
    is: (value) => Array.isArray(value) && value.every((one) =>
      isObject(one) && isText(one["certificateFile"]) && isText(one["keyFile"])),
    wants: 'a list of { "certificateFile": PATH, "keyFile": PATH }',
  },
  acme: {
    is: isAcme,
    wants: 'null or { "termsOfServiceAgreed": true } with, if wanted, "email", "directory" (a URL), "names" (a list) ' +
      'and "challenges" (a list of "http-01" and "tls-alpn-01")',
  },
  trustedProxies: isAddress,
  proxyProtocol: { is: (value) => typeof value === "boolean", wants: "true or false" },
  spamFields: { is: (value) => typeof value === "boolean", wants: "true or false" },
  readReceipts: { is: (value) => typeof value === "boolean", wants: "true or false" },
  metricsFrom: isAddress,
  outbound: {
    is: (value) => isObject(value) && (value["mode"] === "off" || value["mode"] === "mx" ||
      (value["mode"] === "smarthost" && isText(value["host"]) && isPort(value["port"]) &&
        ["implicit", "required", "opportunistic", "none"].includes(String(value["tls"])))),
    wants: '{ "mode": "mx" }, { "mode": "off" } or { "mode": "smarthost", "host": NAME, "port": N, ' +
      '"tls": "implicit" | "required" | "opportunistic" | "none" }',
  },
  tokens: {
    is: (value) => isObject(value) && Object.entries(value).every(([key, one]) => tokenKeys[key]?.(one) === true),
    wants: '{ "own": true | false, "clients": [{ "id": TEXT, "name": TEXT, "redirectUris": [URL] }], ' +
      '"outside": null or { "issuer": URL, "audience": TEXT, "claim": NAME } }',
  },
  mapi: { is: (value) => typeof value === "boolean", wants: "true or false" },
  retention: {
    is: (value) => isObject(value) && Object.entries(value).every(([key, one]) =>
      Object.hasOwn(retentionKeys, key) && retentionKeys[key as keyof RetentionConfig](one)),
    wants: '{ "removedDays": N, "emptyDeletedDays": N or null, "emptyJunkDays": N or null }',
  },
  logLevel: {
    is: (value) => ["debug", "info", "warn", "error", "silent"].includes(String(value)),
    wants: "debug, info, warn, error or silent",
  },
  store: {
    is: (value) => value === "sqlite" || (isText(value) && /^postgres(ql)?:\/\//.test(String(value))),
    wants: '"sqlite" or a postgres:// address',
  },
  writerThreads: {
    is: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 16, wants: "a number from 1 to 16",
  },
};

/** Throws Fault `invalidArgument` with the file and the key that is wrong. */
export function parseConfig(text: string, path: string): Config {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Fault("invalidArgument", `${path} is not JSON: ${(error as Error).message}`);
  }
  if (!isObject(parsed)) throw new Fault("invalidArgument", `${path} must hold one JSON object.`);
  for (const [key, value] of Object.entries(parsed)) {
    const row = keys[key as keyof Config] as { is: Check; wants: string } | undefined;
    if (row === undefined) {
      throw new Fault("invalidArgument", `${path}: "${key}" is no setting; known are ${Object.keys(keys).join(", ")}.`);
    }
    if (!row.is(value)) throw new Fault("invalidArgument", `${path}: "${key}" must be ${row.wants}.`);
  }
  const tokens = { ...defaultConfig.tokens, ...(parsed["tokens"] as Partial<TokensConfig> | undefined) };
  const retention = { ...defaultConfig.retention, ...(parsed["retention"] as Partial<RetentionConfig> | undefined) };
  return { ...defaultConfig, ...parsed, tokens, retention };
}

/** The configuration in force: of the named file, else of the data folder, else the defaults. */
export function readConfig(dataDir: string, file: string | null): Config {
  const path = file ?? configFile(dataDir);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (file === null && (error as NodeJS.ErrnoException).code === "ENOENT") return defaultConfig;
    throw new Fault("notFound", `${path} cannot be read: ${(error as Error).message}`);
  }
  return parseConfig(text, path);
}

/** Writes the data folder's configuration, whole or not at all. */
export function writeConfig(dataDir: string, config: Partial<Config>): void {
  const path = configFile(dataDir);
  writeFileSync(`${path}.new`, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
