/** Clients of other people, run as programs: where they are missing the test is skipped and says which. */
import { spawn, spawnSync } from "node:child_process";
import type { Answer } from "./server.ts";

/**
 * False when `program` is here, else why a test with it is skipped. With OUTPOST_EXPECT_CLIENTS=1 nothing is skipped:
 * the test then fails when it starts the program.
 */
export function programMissing(program: string, debianPackage = program): string | false {
  if (process.env["OUTPOST_EXPECT_CLIENTS"] === "1") return false;
  const found = spawnSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" }).status === 0;
  return found ? false : `needs ${program}, Debian package ${debianPackage}`;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Record<string, string>;
  readonly timeoutMs?: number;
}

export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Answer> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...options.env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => { stdout += chunk.toString("latin1"); });
  child.stderr.on("data", (chunk: Buffer) => { stderr += chunk.toString("latin1"); });
  child.stdin.on("error", () => {
    // A program that does not read its input is no error.
  });
  child.stdin.end(options.input ?? "");
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 60_000);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  clearTimeout(timer);
  return { code, stdout, stderr };
}
