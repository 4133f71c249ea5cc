/** JSON lines through pino. Secrets are cut out by the name of their field, wherever a careless caller put them. */
import { destination, pino } from "pino";
import type { Logger } from "pino";
import type { Log, LogFields } from "#base/log.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export interface LogOptions {
  readonly level?: LogLevel;
  /** Lines go to the end of this file instead of stderr. */
  readonly file?: string;
}

export interface ClosableLog extends Log {
  /** Opens the file again after something moved it away. */
  reopen(): void;
  /** Writes what is still held; for the end of the process. */
  flush(): void;
}

/** Nobody reads stderr, or the disk is slow: lines above this many bytes are dropped rather than kept for ever. */
const heldMaxBytes = 16 * 1024 * 1024;

export function makeLog(options: LogOptions = {}): ClosableLog {
  const out = destination({
    dest: options.file ?? 2, sync: false, minLength: 0, maxLength: heldMaxBytes, append: true, mkdir: false,
  });
  out.on("error", () => {
    // A log that cannot be written must not stop the mail; there is no other place to say so.
  });
  const logger = pino({
    level: options.level ?? "info",
    base: { pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    messageKey: "message",
  }, out);
  return {
    ...wrap(logger),
    reopen() {
      if (options.file !== undefined) out.reopen();
    },
    flush() {
      try {
        out.flushSync();
      } catch (error) {
        // The file never opened or its disk is full. The process ends; stderr is the last place to say it.
        process.stderr.write(`The log could not be written: ${String(error)}\n`);
      }
    },
  };
}

function wrap(logger: Logger): Log {
  return {
    debug(fields, message) {
      if (logger.isLevelEnabled("debug")) logger.debug(cleanFields(fields), message);
    },
    info(fields, message) {
      if (logger.isLevelEnabled("info")) logger.info(cleanFields(fields), message);
    },
    warn: (fields, message) => logger.warn(cleanFields(fields), message),
    error: (fields, message) => logger.error(cleanFields(fields), message),
    child: (fields) => wrap(logger.child(cleanFields(fields))),
  };
}

const secretName = /passw|secret|authori[sz]ation|credential|token|cookie|privatekey|keypem/i;
const depthMax = 4;
const itemsMax = 50;
const textMaxCharacters = 2000;

/** Fields as they may stand in a log: secrets cut out, errors told, depth, length and bytes bounded. */
export function cleanFields(fields: LogFields): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) clean[name] = cleanValue(name, value, 0);
  return clean;
}

function cleanValue(name: string, value: unknown, depth: number): unknown {
  if (secretName.test(name)) return value === undefined || value === null ? value : "[cut]";
  if (typeof value === "string") {
    return value.length <= textMaxCharacters ? value : `${value.slice(0, textMaxCharacters)}…`;
  }
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value;
  if (depth >= depthMax) return "[…]";
  if (value instanceof Error) return cleanError(value, depth);
  if (Array.isArray(value)) return value.slice(0, itemsMax).map((item) => cleanValue(name, item, depth + 1));
  const clean: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value).slice(0, itemsMax)) clean[key] = cleanValue(key, item, depth + 1);
  return clean;
}

function cleanError(error: Error & { code?: unknown }, depth: number): Record<string, unknown> {
  return {
    name: error.name,
    message: cleanValue("message", error.message, depth),
    ...(typeof error.code === "string" ? { code: error.code } : {}),
    stack: cleanValue("stack", error.stack, depth),
    ...(error.cause instanceof Error ? { cause: cleanValue("cause", error.cause, depth + 1) } : {}),
  };
}
