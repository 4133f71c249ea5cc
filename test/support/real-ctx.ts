/** A context on the real clock with a log that keeps its lines, for tests with real sockets and files. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Ctx } from "#base/ctx.ts";
import type { Log, LogFields } from "#base/log.ts";
import { makeSystem } from "#main/system.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

export interface TestCtx extends Ctx {
  readonly lines: LogLine[];
  /** Lines of level error: what a test that provokes no bug must not leave. */
  errors(): LogLine[];
}

export function realCtx(): TestCtx {
  const lines: LogLine[] = [];
  const logWith = (base: LogFields): Log => {
    const line = (level: LogLine["level"]) => (fields: LogFields, message: string): void => {
      lines.push({ level, message, fields: { ...base, ...fields } });
    };
    return {
      debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error"),
      child: (fields) => logWith({ ...base, ...fields }),
    };
  };
  return {
    system: makeSystem(), log: logWith({}), signal: new AbortController().signal, lines,
    errors: () => lines.filter(({ level }) => level === "error"),
  };
}

/** A folder that goes when the test ends. */
export function temporaryFolder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "outpost-test-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/** Looks again and again until `condition` holds; fails after `timeoutMs`. */
export async function until(condition: () => boolean, what: string, timeoutMs = 5_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited too long: ${what}`);
    await pause(5);
  }
}
