/**
 * Proves by reading every source file that the house is as ARCHITECTURE.md and the style say: imports go only where
 * a room may look, files and lines keep their size, nobody touches the clock behind the system's back.
 */
import { strict as assert } from "node:assert";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { pureRooms, rooms, siblingRooms } from "./rooms.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

interface Source {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly isTest: boolean;
}

function readSources(folder: string): Source[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => {
      const path = relative(root, join(entry.parentPath, entry.name));
      const text = readFileSync(join(root, path), "utf8");
      const isTest = /\.test\.ts$|test-|-test|\/test\//.test(path) || path.startsWith("test/");
      return { path, text, lines: text.split("\n"), isTest };
    });
}

const sources = readSources("src");
const everything = [...sources, ...readSources("test"), ...readSources("tools"), ...readSources("bench")];

function importsOf(source: Source): { specifier: string; line: number }[] {
  return [...source.text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)["']([^"']+)["']/g)].map((match) => ({
    specifier: match[1]!, line: source.text.slice(0, match.index).split("\n").length,
  }));
}

function roomOf(path: string): { room: string; sibling: string } {
  const [, room, sibling] = path.split("/");
  const part = `${room}/${sibling}`;
  return { room: rooms[part] === undefined ? room! : part, sibling: sibling ?? "" };
}

test("imports go only where the room may look", () => {
  const breaches: string[] = [];
  for (const source of sources) {
    const here = roomOf(source.path);
    if (rooms[here.room] === undefined) breaches.push(`${source.path}: the room ${here.room} is not in tools/rooms.ts`);
    for (const { specifier, line } of importsOf(source)) {
      if (specifier.startsWith(".") && !source.isTest && !specifier.endsWith(".ts")) {
        breaches.push(`${source.path}:${line}: name the file, with .ts: ${specifier}`);
      }
      if (!specifier.startsWith("#")) continue;
      if (!specifier.endsWith(".ts")) breaches.push(`${source.path}:${line}: name the file, with .ts: ${specifier}`);
      const there = roomOf(`src/${specifier.slice(1)}`);
      const allowed = rooms[here.room] ?? [];
      if (there.room === here.room) {
        if (siblingRooms.includes(here.room) && there.sibling !== here.sibling) {
          breaches.push(`${source.path}:${line}: siblings in ${here.room} do not know each other: ${specifier}`);
        }
      } else if (!source.isTest && ![there.room, there.room.split("/")[0], `${there.room}/${there.sibling}`]
        .some((room) => allowed.includes(room!))) {
        breaches.push(`${source.path}:${line}: ${here.room} may not import ${there.room}: ${specifier}`);
      } else if (!source.isTest && here.room === "serve" && there.room === "wire" && there.sibling !== here.sibling) {
        breaches.push(`${source.path}:${line}: serve/${here.sibling} may not import wire/${there.sibling}`);
      }
    }
  }
  assert.deepEqual(breaches, []);
});

test("no file imports itself in a circle between rooms", () => {
  const graph = new Map<string, Set<string>>();
  for (const source of sources.filter((one) => !one.isTest)) {
    const { room } = roomOf(source.path);
    const set = graph.get(room) ?? graph.set(room, new Set()).get(room)!;
    for (const { specifier } of importsOf(source)) {
      if (specifier.startsWith("#")) set.add(roomOf(`src/${specifier.slice(1)}`).room);
    }
    set.delete(room);
  }
  const state = new Map<string, "open" | "done">();
  const circles: string[] = [];
  const visit = (room: string, path: string[]): void => {
    if (state.get(room) === "done") return;
    if (state.get(room) === "open") {
      circles.push([...path, room].join(" -> "));
      return;
    }
    state.set(room, "open");
    for (const next of graph.get(room) ?? []) visit(next, [...path, room]);
    state.set(room, "done");
  };
  for (const room of graph.keys()) visit(room, []);
  assert.deepEqual(circles, []);
});

/** What only `main` may use, with the reason told. */
const banned: { pattern: RegExp; reason: string; allowedIn: RegExp }[] = [
  { pattern: /\bDate\.now\(|\bnew Date\(\)/, reason: "take the time from ctx.system", allowedIn: /^src\/(main|store\/blobs\.ts)/ },
  { pattern: /\bMath\.random\(/, reason: "take random bytes from ctx.system", allowedIn: /^src\/main\// },
  { pattern: /\b(setTimeout|setInterval)\(/, reason: "take timers from ctx.system", allowedIn: /^src\/main\// },
  { pattern: /\bconsole\./, reason: "log through ctx.log", allowedIn: /^src\/main\// },
  { pattern: /\bas any\b|: any\b|as unknown as/, reason: "say the type", allowedIn: /^src\/store\/(sql|api)\.ts/ },
  { pattern: /@ts-ignore|@ts-nocheck|@ts-expect-error/, reason: "fix the type", allowedIn: /^$/ },
  { pattern: /catch\s*(\([^)]*\))?\s*\{\s*\}/, reason: "an empty catch hides an error", allowedIn: /^$/ },
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, reason: "finish it, or say todo(spec) in docs/COVERAGE.md", allowedIn: /^$/ },
  { pattern: /^(export )?(const )?enum |^(export )?namespace /, reason: "only erasable syntax", allowedIn: /^$/ },
];

test("nothing is used that the style bans", () => {
  const breaches: string[] = [];
  for (const source of sources.filter((one) => !one.isTest)) {
    for (const [index, line] of source.lines.entries()) {
      if (/^\s*(\*|\/\/|\/\*)/.test(line)) continue;
      for (const rule of banned) {
        if (rule.pattern.test(line) && !rule.allowedIn.test(source.path)) {
          breaches.push(`${source.path}:${index + 1}: ${rule.reason}: ${line.trim()}`);
        }
      }
    }
  }
  assert.deepEqual(breaches, []);
});

test("pure rooms touch no socket, file or clock", () => {
  const outside = /^node:(fs|net|tls|http|https|dns|child_process|worker_threads|timers|os|dgram|sqlite)/;
  const breaches: string[] = [];
  for (const source of sources.filter((one) => !one.isTest && pureRooms.includes(roomOf(one.path).room))) {
    for (const { specifier, line } of importsOf(source)) {
      if (outside.test(specifier)) breaches.push(`${source.path}:${line}: a pure room may not import ${specifier}`);
    }
  }
  assert.deepEqual(breaches, []);
});

/** Pure tables may be as long as their facts. */
const tables = /^src\/props\/|names\.ts$|table|^src\/base\/|labels/;

/** Lines that are longer because they hold one fact that would be harder to read in two. This list only shrinks. */
const longLines: readonly RegExp[] = [/^src\/props\//];

test("lines and files keep their size", () => {
  const breaches: string[] = [];
  for (const source of everything) {
    if (source.lines.length > 600 && !source.isTest && !tables.test(source.path)) {
      breaches.push(`${source.path}: ${source.lines.length} lines, at most 600`);
    }
    if (longLines.some((rule) => rule.test(source.path))) continue;
    for (const [index, line] of source.lines.entries()) {
      if (line.length > 120 && !/https?:\/\/|["'`][0-9a-f]{60,}/.test(line) && !source.isTest) {
        breaches.push(`${source.path}:${index + 1}: ${line.length} columns, at most 120`);
      }
    }
  }
  assert.deepEqual(breaches, []);
});
