/** Runs one command line and gives its exit status. */
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { resolve } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import type { Admin } from "#admin/admin.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command } from "#main/cli/command.ts";
import { commandHelp, groupHelp, overview } from "#main/cli/help.ts";
import { parseCommandLine } from "#main/cli/parse.ts";
import type { Parsed } from "#main/cli/parse.ts";
import type { Terminal } from "#main/cli/terminal.ts";
import { readConfig } from "#main/config.ts";
import { openData } from "#main/open.ts";
import { makeSystem } from "#main/system.ts";
import { version } from "#main/version.ts";
import { PasswordHasher } from "#directory/password.ts";
import { serverFile } from "#store/files.ts";

export async function runCommandLine(
  words: readonly string[], commands: readonly Command[], terminal: Terminal,
): Promise<0 | 1 | 2> {
  const json = words.includes("--json");
  try {
    const request = parseCommandLine(words, commands);
    if (request.kind === "version") {
      const { version: node } = process;
      terminal.print(json ? JSON.stringify({ version, node }) : `outpost ${version} (Node ${node})`);
      return 0;
    }
    if (request.kind === "help") {
      terminal.print(helpFor(request.topic, commands));
      return 0;
    }
    const call = makeCall(request.parsed, terminal);
    const reply = await request.parsed.command.run(call);
    if (json && reply.data !== undefined) terminal.print(JSON.stringify(reply.data, null, 2));
    else if (!json && reply.text !== "") terminal.print(reply.text);
    return reply.exitCode ?? 0;
  } catch (error) {
    if (error instanceof UsageError) {
      const help = error.command === null ? "outpost help" : `outpost ${error.command} --help`;
      terminal.printError(`outpost: ${error.message}\nSee "${help}".`);
      return 2;
    }
    terminal.printError(`outpost: ${sentence(error)}`);
    return 1;
  }
}

/** One clear sentence; of a bug also where it is. */
function sentence(error: unknown): string {
  if (error instanceof Fault) return error.message;
  if (error instanceof Error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && /^E[A-Z]+$/.test(code)) return `${error.message}.`;
    return `This should not have happened: ${error.stack ?? error.message}`;
  }
  return `This should not have happened: ${String(error)}`;
}

function helpFor(topic: string | null, commands: readonly Command[]): string {
  if (topic === null) return overview(commands);
  const exact = commands.find((command) => command.name === topic);
  if (exact !== undefined) return commandHelp(exact);
  const group = commands.filter((command) => command.name.startsWith(`${topic} `));
  if (group.length > 0) return groupHelp(topic, group);
  // The parser knows how to suggest the nearest one.
  parseCommandLine(topic.split(" "), commands);
  return overview(commands);
}

function makeCall(parsed: Parsed, terminal: Terminal): Call {
  const ctx: Ctx = { system: makeSystem(), log: silentLog, signal: new AbortController().signal };
  const values = (flag: string): readonly string[] => parsed.flags.get(flag) ?? [];
  const dataDir = resolve(values("data").at(-1) ?? process.env.OUTPOST_DATA ?? "data");
  return {
    ctx, terminal, dataDir, json: parsed.flags.has("json"), operands: parsed.operands,
    has: (flag) => parsed.flags.has(flag),
    value: (flag) => values(flag).at(-1) ?? null,
    values,
    withAdmin: (body) => withAdmin(ctx, dataDir, body),
  };
}

/** Opens a data folder as a tool, beside a server that may be running. */
export async function withAdmin<T>(ctx: Ctx, dataDir: string, body: (admin: Admin) => Promise<T>): Promise<T> {
  const config = readConfig(dataDir, null);
  if (config.store === "sqlite" && !existsSync(serverFile(dataDir))) {
    throw new Fault("notFound",
      `There is no Outpost data in ${dataDir}; name its folder with --data DIR, or make it with "outpost init".`);
  }
  const opened = await openData(ctx, dataDir, config, "tool");
  try {
    return await body({ ...opened, hasher: new PasswordHasher(), by: `cli:${osUser()}` });
  } finally {
    await opened.close();
  }
}

function osUser(): string {
  try {
    return userInfo().username;
  } catch (error) {
    // A process whose user has no name in the system, as in many containers.
    return error instanceof Error && process.getuid ? String(process.getuid()) : "unknown";
  }
}
