/** `outpost doctor [ADDR]` */
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Admin } from "#admin/admin.ts";
import { makeReport, bad } from "#doctor/finding.ts";
import type { Group, Report } from "#doctor/finding.ts";
import { printGroup, printSummary } from "#doctor/print.ts";
import { standardPorts } from "#doctor/setting.ts";
import type { Ports, Setting } from "#doctor/setting.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Reply } from "#main/cli/command.ts";
import { readConfig } from "#main/config.ts";
import type { Config } from "#main/config.ts";
import { readRunningNote } from "#main/running.ts";
import type { RunningNote } from "#main/running.ts";
import { makeSystem } from "#main/system.ts";
import { version } from "#main/version.ts";
import { AddressList } from "#net/addresses.ts";
import { readAcmeState } from "#net/acme-state.ts";
import { readIfThere } from "#net/safe-files.ts";

async function gatherSetting(
  ctx: Ctx, call: Call, config: Config, note: RunningNote | null, admin: Admin,
): Promise<Setting> {
  const { dataDir } = call;
  const tls = join(dataDir, "tls");
  const domains = (await admin.directory.domains(ctx)).map((domain) => domain.name);
  const authorityPem = await readIfThere(join(tls, "ca.pem"));
  const moved = Object.fromEntries(Object.entries(standardPorts).map(([name, port]) =>
    [name, port + (config.portBase ?? 0)])) as Ports;
  const machineAddresses = Object.values(networkInterfaces()).flatMap((one) => one ?? [])
    .filter((one) => !one.internal).map((one) => one.address.split("%", 1)[0]!);
  const trusted = new AddressList(config.trustedProxies);
  return {
    hostname: config.hostname, dataDir, version, domains, machineAddresses,
    listen: note?.listen ?? config.listen, ports: note?.ports ?? moved,
    outboundMode: config.outbound.mode, publicAddresses: config.publicAddresses,
    hasOwnCertificates: config.certificates.length > 0,
    acme: { configured: config.acme !== null, state: await readAcmeState(join(tls, "acme")) },
    authority: authorityPem === null ? null : { file: join(tls, "ca.pem"), pem: authorityPem },
    speaksProxyProtocol: config.proxyProtocol && (trusted.has("127.0.0.1") || trusted.has("::1")),
    running: note === null ? null : { pid: note.pid, version: note.version },
  };
}

/** Null: an app password is used for the time of the check. */
async function askPassword(call: Call): Promise<string | null> {
  const [address] = call.operands;
  if (call.has("password-stdin")) {
    if (address === undefined) throw new UsageError("--password-stdin goes with an address.", "doctor");
    return await call.terminal.readLine();
  }
  if (address === undefined || call.json || !call.terminal.isInteractive) return null;
  const typed = await call.terminal.askSecret(
    `Password of ${address} (just Enter: sign in with an app password, removed afterwards): `);
  return typed === "" ? null : typed;
}

/** What is wrong when doctor cannot even begin. */
function unreadable(error: Fault): Report {
  const fix = error.code === "notFound" ? 'Name the data folder with --data DIR, or make it with "outpost init".'
    : "Correct the file; its settings are in docs/OPERATIONS.md.";
  return makeReport([{ id: "machine", title: "This machine and the server",
    findings: [bad("config", error.message, fix)] }]);
}

async function examine(call: Call): Promise<Report> {
  const nameServers = call.values("name-server");
  for (const one of nameServers) {
    if (isIP(one.replace(/^\[(.*)\](?::\d+)?$|:\d+$/, "$1")) === 0 && isIP(one) === 0) {
      throw new UsageError("--name-server is an IP address, with a port if it is not 53.", "doctor");
    }
  }
  const system = nameServers.length === 0 ? call.ctx.system : makeSystem({ nameServers });
  const ctx: Ctx = { ...call.ctx, system };
  const note = readRunningNote(call.dataDir);
  const options = printOptions(call);
  const onGroup = (group: Group): void => {
    if (!call.json) call.terminal.print(printGroup(group, options));
  };
  let config: Config;
  try {
    config = readConfig(call.dataDir, call.value("config") ?? note?.configFile ?? null);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const report = unreadable(error);
    report.groups.forEach(onGroup);
    return report;
  }
  const password = await askPassword(call);
  if (call.terminal.isInteractive && !call.json) call.terminal.printError("Looking …\n");
  // Loaded here, so that the other commands start without it.
  const { runDoctor } = await import("#doctor/doctor.ts");
  return await call.withAdmin(async (admin) => await runDoctor(ctx, {
    setting: await gatherSetting(ctx, call, config, note, admin), admin, address: call.operands[0] ?? null, password,
    onGroup,
  }));
}

function printOptions(call: Call): { color: boolean } {
  const isTerminal = call.terminal.isInteractive && process.stdout.isTTY === true;
  return { color: isTerminal && process.env["NO_COLOR"] === undefined };
}

async function doctor(call: Call): Promise<Reply> {
  const report = await examine(call);
  return { data: report, text: printSummary(report, printOptions(call)), exitCode: report.healthy ? 0 : 1 };
}

export const doctorCommand: Command = {
  name: "doctor", operands: "[ADDR]", operandsMin: 0, operandsMax: 1,
  flags: [
    { name: "password-stdin", summary: "read ADDR's password from standard input" },
    { name: "name-server", value: "IP[:PORT]", many: true, summary: "ask this name server instead of the machine's" },
    { name: "config", value: "FILE", summary: "settings; those of the running server otherwise" },
  ],
  summary: "Tells why a client cannot connect, and what to change",
  help: `Looks at the machine, every port, certificates and DNS as clients and other servers see them. With ADDR also
walks the way Outlook, phones and mail programs take for that person, signing in for real: with the
password, or without one with an app password that exists only meanwhile. Exit status 1 when
something is wrong.

  outpost doctor
  outpost doctor anna@example.org
  outpost doctor --name-server 9.9.9.9       what the world sees, behind a name server of your own`,
  run: doctor,
};
