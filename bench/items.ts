/**
 * `npm run bench -- items` (or `node bench/items.ts`): how many messages, events and contacts of the corpus are
 * converted each second, beside mailparser, postal-mime and ical.js in the same run, turn by turn; and how much memory
 * a 50 MB message takes in each. Time is that of the processor, so that a busy machine changes little.
 * `--rounds N`, `--only TEXT`, `--no-memory`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { largeMessages } from "./items-large.ts";
import { memoryRuns } from "./items-memory.ts";
import { converters } from "./items-converters.ts";
import type { Converter, Work } from "./items-converters.ts";

const { values } = parseArgs({
  options: {
    "rounds": { type: "string", default: "5" }, "only": { type: "string", default: "" },
    "no-memory": { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const corpus = process.env["OUTPOST_CORPUS"] ?? join(import.meta.dirname, "..", "..", "shared", "corpus");
const megabyte = 2 ** 20;
const passesMs = 1000;
/** Parser bombs of the corpus say nothing of speed; they are the fuzzer's. */
const fileMaxBytes = 512 * 1024;

function read(folder: string): Buffer[] {
  return readdirSync(join(corpus, folder)).sort().map((file) => readFileSync(join(corpus, folder, file)))
    .filter((bytes) => bytes.length > 0 && bytes.length <= fileMaxBytes);
}

function median(sorted: readonly number[]): number {
  return [...sorted].sort((a, b) => a - b)[sorted.length >> 1] ?? Number.NaN;
}

/** Processor milliseconds of a pass over all files, the mean of as many as take a while. */
async function pass(converter: Converter, files: readonly Buffer[]): Promise<{ ms: number; count: number }> {
  const before = process.cpuUsage();
  for (let passes = 1; ; passes++) {
    let count = 0;
    for (const bytes of files) count += await converter.convert(bytes);
    const used = process.cpuUsage(before);
    const ms = (used.user + used.system) / 1000;
    if (ms >= passesMs) return { ms: ms / passes, count };
  }
}

interface Row {
  readonly work: string;
  readonly converter: string;
  readonly perSecond: number;
  readonly megabytesPerSecond: number;
  readonly failed: number;
  readonly ratio: number;
}

/** Files that every converter takes: one that refuses has less to do. */
async function taken(files: readonly Buffer[], all: readonly Converter[]): Promise<Buffer[]> {
  const common: Buffer[] = [];
  for (const bytes of files) {
    const before = all.map((one) => one.failed());
    for (const one of all) await one.convert(bytes);
    if (all.every((one, index) => one.failed() === before[index])) common.push(bytes);
  }
  return common;
}

async function measure({ name, folder, filter, converters: all }: Work): Promise<Row[]> {
  const files = await taken(read(folder).filter(filter ?? (() => true)), all);
  const bytes = files.reduce((sum, one) => sum + one.length, 0);
  const times = all.map(() => [] as number[]);
  let count = 0;
  for (let round = -2; round < rounds; round++) {
    for (const index of round % 2 === 0 ? all.keys() : [...all.keys()].toReversed()) {
      const { ms, count: met } = await pass(all[index]!, files);
      if (index === 0) count = met;
      // The first rounds are for the compiler.
      if (round >= 0) times[index]!.push(ms);
      process.stderr.write(".");
    }
  }
  const ours = median(times[0]!);
  return all.map((converter, index) => {
    const ms = median(times[index]!);
    return {
      work: name, converter: converter.name, perSecond: count / ms * 1000,
        megabytesPerSecond: bytes / megabyte / ms * 1000,
      failed: converter.failed(), ratio: ms / ours,
    };
  });
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 10 ? 1 : 2);
}

function table(cells: readonly (readonly string[])[]): string {
  return cells.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

interface MemoryRow {
  readonly message: string;
  readonly parser: string;
  readonly baseBytes: number;
  readonly peakBytes: number;
  readonly ms: number;
}

/** Each parser in a process of its own: peak of resident memory above what it took with its code loaded. */
function measureMemory(): MemoryRow[] {
  const folder = mkdtempSync(join(tmpdir(), "outpost-bench-"));
  try {
    return [...largeMessages(folder)].flatMap(({ name, file }) => memoryRuns.map((parser) => {
      const child = spawnSync(process.execPath, [join(import.meta.dirname, "items-memory.ts"), parser, file], {
        encoding: "utf8", timeout: 10 * 60_000,
      });
      process.stderr.write(".");
      if (child.status !== 0) throw new Error(`${parser}, ${name}: ended with ${child.status}: ${child.stderr}`);
      return { message: name, parser, ...JSON.parse(child.stdout) as Omit<MemoryRow, "message" | "parser"> };
    }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (!existsSync(join(corpus, "eml"))) throw new Error(`no corpus at ${corpus}; set OUTPOST_CORPUS`);
const rows: Row[] = [];
for (const work of converters) {
  if (work.name.includes(values.only)) rows.push(...await measure(work));
}
const memory = values["no-memory"] ? [] : measureMemory();
process.stderr.write("\n");
console.log(`\n${table([
  ["What", "By", "per second", "MB/s", "Times ours", "Refused"], ["---", "---", "---:", "---:", "---:", "---:"],
  ...rows.map(({ work, converter, perSecond, megabytesPerSecond, ratio, failed }) =>
    [work, converter, format(perSecond), format(megabytesPerSecond), ratio.toFixed(2), String(failed)]),
])}`);
console.log("\nTimes ours: processor time of it for each second of ours; above 1 Outpost is the faster one.");
if (memory.length > 0) {
  const inMegabytes = (bytes: number): string => `${Math.round(bytes / megabyte)} MB`;
  console.log(`\n${table([
    ["50 MB message", "By", "Memory above its start", "At its start", "Time"], ["---", "---", "---:", "---:", "---:"],
    ...memory.map(({ message, parser, baseBytes, peakBytes, ms }) =>
      [message, parser, inMegabytes(peakBytes - baseBytes), inMegabytes(baseBytes), `${(ms / 1000).toFixed(2)} s`]),
  ])}`);
}
console.log(`\n${rounds} rounds, medians; ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, Node ${process.version}.`);
const results = join(import.meta.dirname, "results");
mkdirSync(results, { recursive: true });
const path = join(results, `items-${new Date().toISOString().replaceAll(":", "-").slice(0, 19)}.json`);
writeFileSync(path, JSON.stringify({ at: new Date().toISOString(), node: process.version, rounds, rows, memory }, null,
  2));
console.log(`Written to ${path}`);
