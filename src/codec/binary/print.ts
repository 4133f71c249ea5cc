import { Scope } from "#codec/binary/type.ts";
import type { AnyType } from "#codec/binary/type.ts";
import type { Selector } from "#codec/binary/shape.ts";

const shownBytesMax = 48;
const shownItemsMax = 64;
const linesMax = 2000;

/** Milliseconds from 1601-01-01 to 1970-01-01. */
const epochOffsetMs = 11_644_473_600_000n;

/**
 * A value as lines of `path: value` for traces, in the order of the wire: numbers in hexadecimal as specifications
 * print them, long bytes and lists cut short. Message content shows in it, so it is for tests and debugging only.
 */
export function print(type: AnyType, value: unknown): string {
  const lines: string[] = [];
  printValue(type, value, "", undefined, lines);
  return lines.join("\n");
}

function hex(value: number | bigint, digits: number): string {
  return value < 0 ? String(value) : `0x${value.toString(16).padStart(digits, "0")}`;
}

function printFileTime(value: bigint): string {
  const ms = Number(value / 10_000n - epochOffsetMs);
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? hex(value, 16) : `${hex(value, 16)} ${date.toISOString()}`;
}

function printBytes(value: Uint8Array): string {
  const shown = Buffer.from(value.buffer, value.byteOffset, Math.min(value.length, shownBytesMax)).toString("hex");
  return `${value.length} bytes ${shown}${value.length > shownBytesMax ? "…" : ""}`;
}

function printLeaf(value: unknown, digits: number): string {
  if (value instanceof Uint8Array) return printBytes(value);
  if (typeof value === "number" && Number.isInteger(value)) return hex(value, digits);
  if (typeof value === "bigint") return hex(value, 16);
  if (typeof value === "string") return JSON.stringify(value);
  return String(value);
}

function select(selector: Selector, scope: Scope | undefined): string {
  return String(typeof selector === "string" ? scope?.get(selector) : scope === undefined ? "" : selector(scope));
}

function printList(
  item: AnyType, list: readonly unknown[], path: string, scope: Scope | undefined, lines: string[],
): void {
  lines.push(`${path}: ${list.length} items`);
  for (let index = 0; index < Math.min(list.length, shownItemsMax); index++) {
    printValue(item, list[index], `${path}[${index}]`, scope, lines);
  }
  if (list.length > shownItemsMax) lines.push(`${path}: …`);
}

function printValue(type: AnyType, value: unknown, path: string, scope: Scope | undefined, lines: string[]): void {
  if (lines.length >= linesMax) return;
  const { shape } = type;
  const prefix = path === "" ? "" : `${path}: `;
  switch (shape.kind) {
    case "struct": {
      const fields = value as Record<string, unknown>;
      const inner = new Scope(fields, scope);
      for (const [name, field] of Object.entries(shape.fields)) {
        if (field.presence === "hidden") continue;
        printValue(field, fields[name], path === "" ? name : `${path}.${name}`, inner, lines);
      }
      return;
    }
    case "list":
      printList(shape.item, value as readonly unknown[], path, scope, lines);
      return;
    case "sized":
      printValue(shape.inner, value, path, scope, lines);
      return;
    case "when":
      if (value !== undefined) printValue(shape.inner, value, path, scope, lines);
      return;
    case "recursive":
      printValue(shape.inner(), value, path, scope, lines);
      return;
    case "dynamic":
      printValue(shape.pick(scope ?? new Scope({}, undefined)), value, path, scope, lines);
      return;
    case "choose": {
      const chosen = shape.cases[select(shape.selector, scope)] ?? shape.otherwise;
      if (chosen !== undefined) printValue(chosen, value, path, scope, lines);
      return;
    }
    case "tagged": {
      const tag = (value as Record<string, unknown>)[shape.tagName];
      printValue(shape.tag, tag, path === "" ? shape.tagName : `${path}.${shape.tagName}`, scope, lines);
      const chosen = shape.cases[String(tag)];
      if (chosen !== undefined) printValue(chosen, value, path, scope, lines);
      return;
    }
    case "flags": {
      const set = Object.entries(value as Record<string, boolean>).filter(([, isSet]) => isSet).map(([name]) => name);
      lines.push(`${prefix}${set.length === 0 ? "none" : set.join(" ")}`);
      return;
    }
    case "fileTime":
      lines.push(`${prefix}${printFileTime(value as bigint)}`);
      return;
    case "integer":
      lines.push(`${prefix}${printLeaf(value, shape.bits / 4)}`);
      return;
    case "float":
      lines.push(`${prefix}${String(value)}`);
      return;
    default:
      lines.push(`${prefix}${printLeaf(value, 0)}`);
  }
}
