/**
 * `npm run fuzz [-- --seconds N] [--seed N] [NAME …]`: feeds every decoder damaged real files, damaged examples and
 * random bytes until the time is up. A decoder gives a value or a WireError or Fault, in less than a second, in less
 * than 512 MB; anything else is printed with the seed, and the input, made as short as may be, is kept in a file. Each
 * find becomes a row of that decoder's test. `--replay FILE NAME` runs one input alone and tells time and memory.
 * `canary` and its like always fail and prove that finds are seen.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { makeInput } from "./fuzz/mutate.ts";
import { materialOf, targetNames, targetOf } from "./fuzz/targets.ts";
import { nameOfInput, slowMs, troubleWith } from "./fuzz/worker.ts";
import type { WorkerReport, WorkerTask } from "./fuzz/worker.ts";

const memoryMaxBytes = 512 * 1024 * 1024;
/** Time of the processor without the end of an input before its thread is ended: others use this machine too. */
const hangMs = 1000 * Number(process.env["OUTPOST_FUZZ_PATIENCE_SECONDS"] ?? 10);
/** By the clock on the wall, for one input alone; and the same while it is made short. */
const replayMs = 6 * hangMs;
const shortenMs = hangMs / 2;
const minimizeMs = 10 * hangMs;
const watchMs = 50;
/** Threads one decoder may lose before it is left alone. */
const lossesMax = 5;

interface Outcome {
  readonly runs: number;
  readonly finds: number;
  readonly seconds: number;
}

interface Replay {
  readonly what: string | null;
  readonly peakBytes: number;
}

/** One input in a process of its own: nothing else takes time or memory there. */
function replay(name: string, file: string, timeoutMs: number): Replay {
  const args = [...process.execArgv, "--max-old-space-size=512", import.meta.filename, "--replay", file, name];
  const { stdout, status, signal } = spawnSync(process.execPath, args, {
    encoding: "utf8", timeout: timeoutMs, stdio: ["ignore", "pipe", "ignore"],
  });
  const line = stdout.trim().split("\n").at(-1) ?? "";
  if (status !== 0 || !line.startsWith("{")) return { what: `ended with ${signal ?? status}`, peakBytes: 0 };
  return JSON.parse(line) as Replay;
}

function runReplay(name: string, file: string): void {
  const target = targetOf(name);
  const before = process.resourceUsage().maxRSS;
  const trouble = troubleWith(target, readFileSync(file));
  const { maxRSS } = process.resourceUsage();
  const what = trouble?.what ?? (maxRSS * 1024 > memoryMaxBytes ? `${maxRSS - before} KB more resident memory` : null);
  console.log(JSON.stringify({ what, peakBytes: maxRSS * 1024 } satisfies Replay));
}

function keep(name: string, bytes: Uint8Array): string {
  const file = join(tmpdir(), nameOfInput(name, bytes));
  writeFileSync(file, bytes);
  return file;
}

function tell(name: string, seed: number, number: number, what: string, bytes: Uint8Array): void {
  const file = keep(name, bytes);
  console.log(`${name}: ${what}\n  seed ${seed}, input ${number}; ${bytes.length} bytes kept in ${file}`);
}

/** Of all threads. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

type Ending = { readonly kind: "done"; readonly runs: number } | { readonly kind: "lost"; readonly why: string };

/** Runs a thread to its end, or ends it when an input hangs or takes too much memory. */
function watch(task: WorkerTask, onFind: (find: WorkerReport & { kind: "find" }) => void): Promise<Ending> {
  const progress = new Int32Array(task.progress);
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./fuzz/worker.ts", import.meta.url), {
      workerData: task, execArgv: process.execArgv, resourceLimits: { maxOldGenerationSizeMb: 400 },
    });
    let number = Atomics.load(progress, 0);
    let since = processorMs();
    let isMinimizing = false;
    const finish = (ending: Ending): void => {
      clearInterval(timer);
      void worker.terminate().then(() => resolve(ending));
    };
    const timer = setInterval(() => {
      const now = Atomics.load(progress, 0);
      if (now !== number) {
        number = now;
        since = processorMs();
        isMinimizing = false;
      }
      if (process.memoryUsage.rss() > memoryMaxBytes + baseBytes) finish({ kind: "lost", why: "memory" });
      // Making an input short takes many runs of it.
      else if (processorMs() - since > (isMinimizing ? minimizeMs : hangMs)) finish({ kind: "lost", why: "hangs" });
    }, watchMs);
    worker.on("message", (one: WorkerReport) => {
      isMinimizing = true;
      if (one.kind === "done") finish(one);
      else onFind(one);
    });
    worker.on("error", (error: Error & { code?: string }) => {
      finish({ kind: "lost", why: error.code ?? error.stack ?? "" });
    });
  });
}

/** What the process takes before any decoder ran. */
const baseBytes = process.memoryUsage.rss();

async function fuzz(name: string, seed: number, forMs: number): Promise<Outcome> {
  const beganMs = performance.now();
  const material = materialOf(targetOf(name));
  const progress = new SharedArrayBuffer(4);
  let firstNumber = 0;
  let finds = 0;
  let runs = 0;
  for (let losses = 0; losses < lossesMax;) {
    const leftMs = forMs - (performance.now() - beganMs);
    if (leftMs <= 0 && losses > 0) break;
    const ending = await watch({ name, seed, firstNumber, forMs: leftMs, progress }, ({ number, what, bytes }) => {
      finds++;
      tell(name, seed, number, what, bytes);
    });
    if (ending.kind === "done") {
      runs += ending.runs;
      break;
    }
    const number = Atomics.load(new Int32Array(progress), 0);
    runs += number + 1 - firstNumber;
    firstNumber = number + 1;
    const bytes = makeInput(seed, number, material);
    const { what } = replay(name, keep(name, bytes), replayMs);
    // Garbage of many inputs that was not yet collected is no find.
    if (what !== null) {
      finds++;
      losses++;
      tell(name, seed, number, `${ending.why}; alone: ${what}`, shorten(name, bytes));
    }
  }
  return { runs, finds, seconds: (performance.now() - beganMs) / 1000 };
}

/** A few halvings, each in a process of its own. */
function shorten(name: string, bytes: Buffer): Buffer {
  const file = join(tmpdir(), `outpost-fuzz-${name}-try-${process.pid}.bin`);
  const isBad = (shorter: Buffer): boolean => {
    writeFileSync(file, shorter);
    return replay(name, file, shortenMs).what !== null;
  };
  let best = bytes;
  for (let size = best.length >> 1, tries = 0; size > 8 && tries < 6; size >>= 1, tries++) {
    const shorter = [best.subarray(0, best.length - size), best.subarray(size)].find(isBad);
    if (shorter !== undefined) best = shorter;
  }
  rmSync(file, { force: true });
  return best;
}

const { values, positionals } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, seed: { type: "string" }, replay: { type: "string" } },
  allowPositionals: true,
});

if (values.replay !== undefined) runReplay(positionals[0] ?? "", values.replay);
else await main();

async function main(): Promise<void> {
  const names = positionals.length > 0 ? positionals : targetNames;
  const seed = Number(values.seed ?? process.hrtime.bigint() % 0x7fff_ffffn);
  const eachMs = (Number(values.seconds) * 1000) / names.length;
  console.log(`seed ${seed}, ${names.length} decoders, ${(eachMs / 1000).toFixed(1)} s each`);
  let finds = 0;
  for (const name of names) {
    const outcome = await fuzz(name, seed, eachMs);
    finds += outcome.finds;
    const verdict = outcome.finds === 0 ? "nothing found" : `${outcome.finds} found`;
    console.log(`${name}: ${outcome.seconds.toFixed(1)} s, ${outcome.runs} inputs, ${verdict} (slow is ${slowMs} ms)`);
  }
  process.exitCode = finds === 0 ? 0 : 1;
}
