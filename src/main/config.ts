/**
 * What an administrator sets: `outpost.json` in the data folder, or the file named by `--config`. Every key has a
 * default; an unknown key is refused by name, so that a typing mistake is not silently ignored.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname as machineName } from "node:os";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { LogLevel } from "#main/log.ts";
import type { CertificateFiles } from "#net/certificates.ts";
import type { OutboundConfig } from "#transport/config.ts";

export interface Config {
  /** The name clients and other servers know this server by. */
  readonly hostname: string;
  /** Address to listen on; `::` takes IPv4 too. */
  readonly listen: string;
  /** Each port is this number plus the standard one; null for the standard ports. */
  readonly portBase: number | null;
  /** Certificates of the administrator's; none: an authority of our own. */
  readonly certificates: readonly CertificateFiles[];
  readonly outbound: OutboundConfig;
  readonly logLevel: LogLevel;
  /** `sqlite`, or `postgres://…`. */
  readonly store: string;
  /** Threads that commit. */
  readonly writerThreads: number;
}

export const defaultConfig: Config = {
  hostname: machineName(), listen: "::", portBase: null, certificates: [], outbound: { mode: "mx" }, logLevel: "info",
  store: "sqlite", writerThreads: 2,
};

export function configFile(dataDir: string): string {
  return join(dataDir, "outpost.json");
}

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === "string" && value !== "";
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isPort: Check = (value) => Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;

/** What each key may hold, in words for the message. */
const keys: Record<keyof Config, { is: Check; wants: string }> = {
  hostname: { is: isText, wants: "a host name" },
  listen: { is: isText, wants: "an IP address" },
  portBase: {
    is: (value) => value === null || (Number.isInteger(value) && Number(value) >= 0 && Number(value) < 64_500),
    wants: "a number below 64500, or null for the standard ports",
  },
  certificates: {
    is: (value) => Array.isArray(value) && value.every((one) =>
      isObject(one) && isText(one["certificateFile"]) && isText(one["keyFile"])),
    wants: 'a list of { "certificateFile": PATH, "keyFile": PATH }',
  },
  outbound: {
    is: (value) => isObject(value) && (value["mode"] === "off" || value["mode"] === "mx" ||
      (value["mode"] === "smarthost" && isText(value["host"]) && isPort(value["port"]) &&
        ["implicit", "required", "opportunistic", "none"].includes(String(value["tls"])))),
    wants: '{ "mode": "mx" }, { "mode": "off" } or { "mode": "smarthost", "host": NAME, "port": N, ' +
      '"tls": "implicit" | "required" | "opportunistic" | "none" }',
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
  return { ...defaultConfig, ...parsed };
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
