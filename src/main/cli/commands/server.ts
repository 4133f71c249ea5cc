/** `outpost demo`, `init`, `serve` */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { Admin } from "#admin/admin.ts";
import { createDomain, createEntry, giveRole, grantAccess } from "#admin/entries.ts";
import { domainOf, normaliseDomain, parseAddress } from "#directory/address.ts";
import { checkNewPassword, PasswordHasher } from "#directory/password.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag, Reply } from "#main/cli/command.ts";
import { passwordFlags, readPassword } from "#main/cli/commands/shared-parts.ts";
import { table } from "#main/cli/text.ts";
import { defaultConfig, writeConfig } from "#main/config.ts";
import { openData } from "#main/open.ts";
import type { RunningServer } from "#main/server.ts";
import { version } from "#main/version.ts";
import { serverFile } from "#store/files.ts";

const demoDomain = "example.test";
const demoUsers = [["alice", "Alice Adams"], ["bob", "Bob Brown"], ["carol", "Carol Clark"]] as const;
const demoPassword = "secret";
const demoPortBase = 10_000;

const portBaseFlag: Flag = { name: "port-base", value: "N", summary: "each port is N plus the standard one" };

function readPortBase(call: Call, command: string): number | null {
  const text = call.value("port-base");
  if (text === null) return null;
  const base = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(base + 995 <= 65_535)) throw new UsageError("--port-base is a number from 0 to 64540.", command);
  return base;
}

const stopSignals = ["SIGINT", "SIGTERM"] as const;

/** Ctrl-C or a signal. Listened for before the server says ready: whoever waits for that may stop it at once. */
function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    onHangUp = resolve;
    for (const signal of stopSignals) process.once(signal, () => resolve());
    process.on("SIGHUP", () => onHangUp());
  });
}

let onHangUp = (): void => {};

/** Waits to be asked, stops in order; a second signal ends at once. */
async function untilStopped(call: Call, server: RunningServer, asked: Promise<void>): Promise<void> {
  await asked;
  for (const signal of stopSignals) process.on(signal, () => process.exit(1));
  onHangUp = () => process.exit(1);
  if (call.terminal.isInteractive) call.terminal.printError("Stopping …");
  await server.stop();
  for (const signal of [...stopSignals, "SIGHUP"]) process.removeAllListeners(signal);
}

async function withNewData<T>(call: Call, dataDir: string, body: (admin: Admin) => Promise<T>): Promise<T> {
  const opened = await openData(call.ctx, dataDir, defaultConfig, "tool");
  try {
    return await body({ ...opened, hasher: new PasswordHasher(), by: "cli:init" });
  } finally {
    await opened.close();
  }
}

const init: Command = {
  name: "init", operands: "", operandsMin: 0, operandsMax: 0,
  flags: [
    { name: "hostname", value: "NAME", required: true, summary: "the name clients use: mail.example.org" },
    { name: "domain", value: "NAME", required: true, summary: "the domain it takes mail for: example.org" },
    { name: "admin", value: "ADDR", required: true, summary: "the first user, who may administer everything" },
    ...passwordFlags,
  ],
  summary: "Makes the data folder of a new server",
  help: "  outpost init --data /srv/mail --hostname mail.example.org --domain example.org --admin you@example.org",
  async run(call) {
    if (existsSync(serverFile(call.dataDir))) {
      throw new Fault("alreadyExists", `${call.dataDir} holds the data of a server already.`);
    }
    const hostname = normaliseDomain(call.value("hostname")!);
    const domain = normaliseDomain(call.value("domain")!);
    const adminAddress = parseAddress(call.value("admin")!).key;
    if (domainOf(adminAddress) !== domain) {
      throw new Fault("invalidArgument", `The administrator ${adminAddress} must have an address in ${domain}.`);
    }
    const password = await readPassword(call, "init", adminAddress);
    checkNewPassword(password);
    mkdirSync(call.dataDir, { recursive: true, mode: 0o700 });
    writeConfig(call.dataDir, { hostname });
    await withNewData(call, call.dataDir, async (admin) => {
      await createDomain(call.ctx, admin, domain);
      await createEntry(call.ctx, admin, { kind: "user", address: adminAddress, password });
      await giveRole(call.ctx, admin, adminAddress, "organisation-admin", null);
    });
    const data = { dataDir: call.dataDir, hostname, domain, admin: adminAddress };
    return { data, text: `Made ${call.dataDir}. Start the server with: outpost serve --data ${call.dataDir}` };
  },
};

const serve: Command = {
  name: "serve", operands: "", operandsMin: 0, operandsMax: 0,
  flags: [
    { name: "config", value: "FILE", summary: "settings; outpost.json in the data folder otherwise" },
    { name: "listen", value: "ADDR", summary: "the IP address to listen on; all of them otherwise" },
    portBaseFlag,
    { name: "ready-file", value: "FILE", summary: "written as JSON once every port answers" },
  ],
  summary: "Runs the server until it is told to stop",
  async run(call) {
    const configFile = call.value("config");
    if (configFile === null && !existsSync(serverFile(call.dataDir))) {
      throw new Fault("notFound", `There is no Outpost data in ${call.dataDir}; make it with "outpost init".`);
    }
    const portBase = readPortBase(call, "serve");
    // Loaded here, so that the other commands start without the protocols.
    const { startServer } = await import("#main/server.ts");
    const asked = stopAsked();
    const server = await startServer({
      dataDir: call.dataDir, demo: false, configFile: configFile ?? undefined,
      listenAddress: call.value("listen") ?? undefined, readyFile: call.value("ready-file") ?? undefined,
      ...portBase === null ? {} : { portBase },
    });
    // At a terminal it means that the terminal is gone, to a service that its files have changed.
    if (!call.terminal.isInteractive) onHangUp = () => void server.reload();
    announce(call, server, false);
    await untilStopped(call, server, asked);
    return silentReply;
  },
};

/** What there was to say was said while it ran. */
const silentReply: Reply = { text: "", data: undefined };

const demo: Command = {
  name: "demo", operands: "", operandsMin: 0, operandsMax: 0,
  flags: [
    { name: "port-base", value: "N", summary: `each port is N plus the standard one; ${demoPortBase} otherwise` },
    { name: "ready-file", value: "FILE", summary: "written as JSON once every port answers" },
  ],
  summary: `Runs a server to try out, on this machine only, with users in ${demoDomain}`,
  async run(call) {
    const portBase = readPortBase(call, "demo") ?? demoPortBase;
    if (!existsSync(serverFile(call.dataDir))) await seedDemo(call);
    const { startServer } = await import("#main/server.ts");
    const asked = stopAsked();
    const server = await startServer({
      dataDir: call.dataDir, demo: true, portBase, listenAddress: "127.0.0.1",
      readyFile: call.value("ready-file") ?? undefined,
    });
    announce(call, server, true);
    await untilStopped(call, server, asked);
    return silentReply;
  },
};

/** Beside its place, and moved there when it is complete: a first start that is broken off leaves nothing behind. */
async function seedDemo(call: Call): Promise<void> {
  mkdirSync(call.dataDir, { recursive: true, mode: 0o700 });
  if (readdirSync(call.dataDir).some((name) => !name.startsWith("."))) {
    throw new Fault("notAllowed", `${call.dataDir} holds something that is not Outpost's; choose an empty folder.`);
  }
  const draft = join(call.dataDir, ".demo-draft");
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  writeConfig(draft, { hostname: "localhost", listen: "127.0.0.1", outbound: { mode: "off" }, logLevel: "warn" });
  await withNewData(call, draft, (admin) => fillDemo(call, admin));
  // The server's file last: its being there says that all is.
  const names = readdirSync(draft).sort((one, other) => Number(one === "server.db") - Number(other === "server.db"));
  for (const name of names) renameSync(join(draft, name), join(call.dataDir, name));
  rmSync(draft, { recursive: true });
}

async function fillDemo({ ctx }: Call, admin: Admin): Promise<void> {
  const at = (local: string): string => `${local}@${demoDomain}`;
  await createDomain(ctx, admin, demoDomain);
  for (const [local, displayName] of demoUsers) {
    await createEntry(ctx, admin, { kind: "user", address: at(local), displayName, password: demoPassword });
  }
  await createEntry(ctx, admin, { kind: "shared", address: at("info"), displayName: "Info" });
  await createEntry(ctx, admin, {
    kind: "room", address: at("room1"), displayName: "Room 1",
    change: { attributes: [{ key: "capacity", values: ["8"] }] },
  });
  for (const local of ["alice", "bob"]) {
    for (const right of ["full", "send-as"] as const) await grantAccess(ctx, admin, at("info"), at(local), right);
  }
  await giveRole(ctx, admin, at("alice"), "organisation-admin", null);
}

/** The table of endpoints and sign-ins, then the line `ready`, which programs wait for. */
function announce(call: Call, server: RunningServer, isDemo: boolean): void {
  const { ports, hostname, ca } = server;
  const page = `https://${hostname}${ports.https === 443 ? "" : `:${ports.https}`}/`;
  if (call.json) {
    call.terminal.print(JSON.stringify({ ready: true, pid: process.pid, hostname, ports, ca }));
    return;
  }
  const rows = [
    ["SMTP, mail from other servers", String(ports.smtp), "STARTTLS, no sign-in"],
    ["SMTP, sending", String(ports.submissions), "TLS"],
    ["", String(ports.submission), "STARTTLS"],
    ["IMAP, reading", String(ports.imaps), "TLS"],
    ["", String(ports.imap), "STARTTLS"],
    ["POP3, reading", String(ports.pop3s), "TLS"],
    ["", String(ports.pop3), "STARTTLS"],
    ["Web, Outlook, phones", String(ports.https), "TLS"],
    ["", String(ports.http), "none, leads to the one above"],
  ];
  const lines = [`Outpost ${version} on ${hostname}`, "", table(["SERVICE", "PORT", "SECURITY"], rows), ""];
  if (isDemo) {
    const people = demoUsers.map(([local, name]) =>
      [`${local}@${demoDomain}`, `${local}  or  ${demoDomain}\\${local}`, demoPassword, name]);
    lines.push(table(["SIGN IN AS", "OR SHORT", "PASSWORD", "NAME"], people), "");
    lines.push(`Shared mailbox info@${demoDomain} (for alice and bob), room room1@${demoDomain}.`);
    lines.push(`Data in ${call.dataDir}, this machine only, nothing is sent outside. Ctrl-C stops.`);
  }
  if (ca !== null) lines.push(`Certificates are signed by ${ca}`);
  lines.push(`Settings for every mail program and phone: ${page}`);
  lines.push("ready");
  call.terminal.print(lines.join("\n"));
}

export const serverCommands: readonly Command[] = [demo, init, serve];
