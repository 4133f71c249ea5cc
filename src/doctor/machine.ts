/** Judges the machine: data folder, disk, clock, and whether the server runs. `look` gathers, the rest decides. */
import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { askHttp, Trouble } from "#doctor/connect.ts";
import type { Place } from "#doctor/connect.ts";
import { bad, listed, ok, skipped, warn } from "#doctor/finding.ts";
import type { Finding } from "#doctor/finding.ts";
import { localAddress, portNames, standardPorts } from "#doctor/setting.ts";
import type { PortName, Setting } from "#doctor/setting.ts";

export interface MachineSeen {
  /** Error code of looking into the folder or writing there; null when both work. */
  readonly folderTrouble: string | null;
  readonly disk: { readonly freeBytes: number; readonly sizeBytes: number } | null;
  readonly nowMs: number;
  /** When the newest file of the data was written. */
  readonly newestMs: number | null;
  /** What the running server says of itself; null when it does not answer. */
  readonly health: { readonly version: string | null; readonly status: string } | null;
  /** Ports that could not be opened, while no server runs. */
  readonly taken: readonly { readonly name: PortName; readonly code: string }[];
  /** Clock of somebody outside minus ours; null when nobody was asked. */
  readonly clockAheadMs: { readonly who: string; readonly byMs: number } | null;
}

export async function lookAtMachine(ctx: Ctx, setting: Setting, https: Place): Promise<MachineSeen> {
  const [folderTrouble, disk, newestMs, health, clockAheadMs] = await Promise.all([
    folderTroubleOf(setting.dataDir), diskOf(setting.dataDir), newestOf(setting.dataDir),
    healthOf(ctx, setting, https), askClock(ctx, setting),
  ]);
  const taken = health !== null || setting.running !== null ? [] : await takenPorts(setting);
  return { folderTrouble, disk, nowMs: ctx.system.nowMs(), newestMs, health, taken, clockAheadMs };
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

async function folderTroubleOf(folder: string): Promise<string | null> {
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

async function diskOf(folder: string): Promise<MachineSeen["disk"]> {
  try {
    const disk = await statfs(folder);
    return { freeBytes: disk.bavail * disk.bsize, sizeBytes: disk.blocks * disk.bsize };
  } catch {
    // The finding about the folder tells.
    return null;
  }
}

async function newestOf(folder: string): Promise<number | null> {
  const times = await Promise.all(["server.db", "server.db-wal"].map(async (name) => {
    try {
      return (await stat(join(folder, name))).mtimeMs;
    } catch {
      // PostgreSQL has no such file, and a journal is not always there.
      return 0;
    }
  }));
  const newest = Math.max(...times);
  return newest === 0 ? null : newest;
}

/** What the server at this place says of itself; null when none answers. */
export async function healthOf(ctx: Ctx, setting: Setting, https: Place): Promise<MachineSeen["health"]> {
  try {
    const ask = { method: "GET", path: "/healthz", host: setting.hostname, tls: true };
    const { body } = await askHttp(ctx, https, ask);
    const parsed = JSON.parse(body.toString("utf8")) as { status?: unknown; version?: unknown };
    if (typeof parsed.status !== "string") return null;
    return { status: parsed.status, version: typeof parsed.version === "string" ? parsed.version : null };
  } catch (error) {
    if (error instanceof Trouble || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Ports that some other program holds, or that this user may not open. */
async function takenPorts(setting: Setting): Promise<{ name: PortName; code: string }[]> {
  const results = await Promise.all(portNames.map((name) => new Promise<{ name: PortName; code: string } | null>(
    (resolve) => {
      const probe = createServer();
      probe.once("error", (error) => resolve({ name, code: codeOf(error) }));
      probe.listen({ port: setting.ports[name], host: setting.listen }, () => probe.close(() => resolve(null)));
    })));
  return results.filter((one) => one !== null);
}

/** The certificate authority, when there is one, is asked for the time; nobody else is. */
async function askClock(ctx: Ctx, setting: Setting): Promise<MachineSeen["clockAheadMs"]> {
  const directory = setting.acme.configured ? setting.acme.state?.directory : undefined;
  if (directory === undefined || !URL.canParse(directory)) return null;
  const { hostname, port, protocol, pathname } = new URL(directory);
  if (protocol !== "https:") return null;
  try {
    const [address] = await ctx.system.resolver.a(hostname);
    if (address === undefined) return null;
    const place = { address, port: port === "" ? 443 : Number(port), proxyHeader: false };
    const { headers } = await askHttp(ctx, place, { method: "HEAD", path: pathname, host: hostname, tls: true });
    const theirsMs = Date.parse(headers.date ?? "");
    return Number.isNaN(theirsMs) ? null : { who: hostname, byMs: theirsMs - ctx.system.nowMs() };
  } catch (error) {
    ctx.log.debug({ error }, "the clock of the authority could not be read");
    return null;
  }
}

const mebibyte = 1024 * 1024;

export function judgeMachine(setting: Setting, seen: MachineSeen): Finding[] {
  return [
    ok("config", `The configuration can be read; the server is ${setting.hostname} for ` +
      `${setting.domains.length === 0 ? "no domain yet" : listed(setting.domains.slice(0, 8))}` +
      `${setting.domains.length > 8 ? " …" : ""}.`),
    ...setting.domains.length > 0 ? []
      : [bad("domains", "There is no domain, so nobody has an address.", "outpost domain add example.org")],
    judgeFolder(setting, seen), judgeDisk(seen), judgeClock(seen), ...judgeServer(setting, seen),
    ...judgePortNumbers(setting),
  ];
}

function judgeFolder({ dataDir }: Setting, { folderTrouble }: MachineSeen): Finding {
  if (folderTrouble === null) return ok("data", `The data folder ${dataDir} can be written.`);
  if (folderTrouble === "ENOENT") {
    return bad("data", `The data folder ${dataDir} is not there.`, 'Name it with --data DIR, or make it with ' +
      '"outpost init".');
  }
  return bad("data", `The data folder ${dataDir} cannot be written (${folderTrouble}).`,
    "Run doctor and the server as the user it belongs to, or give it to that user with chown.");
}

function judgeDisk({ disk }: MachineSeen): Finding {
  if (disk === null) return skipped("disk", "The room on the disk could not be read.");
  const { freeBytes, sizeBytes } = disk;
  const free = freeBytes >= 1024 * mebibyte ? `${(freeBytes / 1024 / mebibyte).toFixed(1)} GB`
    : `${Math.floor(freeBytes / mebibyte)} MB`;
  // What the store holds back: below it new mail is refused.
  const reserve = Math.min(256 * mebibyte, Math.max(sizeBytes / 20, Math.min(16 * mebibyte, sizeBytes / 4)));
  if (freeBytes < reserve) {
    return bad("disk", `The disk is full (${free} left): new mail is refused.`,
      "Make room; service goes on by itself.");
  }
  if (freeBytes < 4 * reserve) return warn("disk", `There is not much room on the disk: ${free}.`, "Make room soon.");
  return ok("disk", `There is room on the disk: ${free}.`);
}

const minuteMs = 60_000;

function judgeClock({ nowMs, newestMs, clockAheadMs }: MachineSeen): Finding {
  const fix = "Switch time synchronisation on (timedatectl set-ntp true).";
  if (clockAheadMs !== null) {
    const minutes = Math.round(Math.abs(clockAheadMs.byMs) / minuteMs);
    if (minutes < 1) return ok("clock", `The clock agrees with that of ${clockAheadMs.who}.`);
    const how = clockAheadMs.byMs > 0 ? "behind" : "ahead";
    return bad("clock", `The clock is ${minutes} minutes ${how} (compared with ${clockAheadMs.who}): one-time ` +
      "codes and certificates fail.", fix);
  }
  if (newestMs !== null && newestMs - nowMs > 5 * minuteMs) {
    return bad("clock", "The clock is behind: the data was last written in what it takes for the future.", fix);
  }
  return skipped("clock", `The clock says ${new Date(nowMs).toISOString().slice(0, 16).replace("T", " ")} UTC; ` +
    "nobody outside was asked whether that is right.");
}

function judgeServer(setting: Setting, { health, taken }: MachineSeen): Finding[] {
  const { running, ports, version } = setting;
  if (health !== null) {
    if (health.status !== "ok") {
      return [bad("server", "The server is stopping.", "Wait a moment, then start it again.")];
    }
    const theirs = health.version ?? running?.version ?? null;
    if (theirs !== null && theirs !== version) {
      return [warn("server", `The server is running, version ${theirs}; this program is ${version}.`,
        "Restart the server to use the new version.")];
    }
    const pid = running?.pid == null ? "" : `, process ${running.pid}`;
    return [ok("server", `The server is running${theirs === null ? "" : ` (version ${theirs}${pid})`}.`)];
  }
  if (running !== null) {
    const pid = running.pid === null ? "" : ` (process ${running.pid})`;
    return [bad("server", `The server is running${pid}, but its port ${ports.https} for HTTPS does not answer at ` +
      `${localAddress(setting)}.`, "Look into its log, then restart it.")];
  }
  return [
    bad("server", "The server is not running.", `outpost serve --data ${setting.dataDir}`),
    ...taken.map(({ name, code }) => (code === "EACCES"
      ? bad("port", `This user may not open port ${ports[name]} (${name}).`, "Start the server as root, with " +
        "AmbientCapabilities=CAP_NET_BIND_SERVICE, or with --port-base.", { about: name })
      : code === "EADDRINUSE"
        ? bad("port", `Port ${ports[name]} (${name}) is held by another program.`,
          "Stop it (ss -ltnp tells which), or use --port-base.", { about: name })
        : bad("port", `Port ${ports[name]} (${name}) cannot be opened on ${setting.listen} (${code}).`,
          'Correct "listen" in outpost.json.', { about: name }))),
  ];
}

function judgePortNumbers({ ports }: Setting): Finding[] {
  const moved = portNames.filter((name) => ports[name] !== standardPorts[name]);
  if (moved.length === 0) return [];
  return [warn("ports", `Ports are moved (HTTPS is ${ports.https}, IMAP ${ports.imaps}, SMTP ${ports.smtp}): clients ` +
    "outside look at the standard numbers, and other servers bring mail to 25 only.",
  "For more than trying out, serve without --port-base, or let a router pass the standard ports on.")];
}
