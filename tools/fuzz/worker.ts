/** The thread that runs inputs: it may hang or run out of memory, and the one that watches it lives on. */
import { createHash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { Fault, WireError } from "#base/fault.ts";
import { makeInput, minimize } from "./mutate.ts";
import { materialOf, targetOf } from "./targets.ts";
import type { Target } from "./targets.ts";

export interface WorkerTask {
  readonly name: string;
  readonly seed: number;
  readonly firstNumber: number;
  /** From when the examples are read on: a busy machine takes its time to begin. */
  readonly forMs: number;
  /** Number of the input under way. */
  readonly progress: SharedArrayBuffer;
}

export type WorkerReport =
  | {
    readonly kind: "find"; readonly number: number; readonly what: string; readonly signature: string;
    readonly bytes: Uint8Array;
  }
  | { readonly kind: "done"; readonly runs: number };

export const slowMs = 1000;
const findsMax = 8;
const minimizeTriesMax = 3000;
/** A slow input takes its second at each try. */
const minimizeSlowTriesMax = 60;

/** What was wrong with one run; null when all was well. Time is that of the processor: the machine may be busy. */
export function troubleWith(target: Target, bytes: Buffer): { what: string; signature: string } | null {
  const before = process.threadCpuUsage();
  try {
    target.run(bytes);
  } catch (error) {
    if (!(error instanceof WireError) && !(error instanceof Fault)) {
      const stack = error instanceof Error ? error.stack ?? error.message : String(error);
      const frames = [...stack.matchAll(/\((?:file:\/\/)?([^()]*:\d+):\d+\)/g)].slice(0, 2).map(([, at]) => at);
      const head = stack.split("\n")[0]!.replaceAll(/\d+/g, "#").slice(0, 100);
      return { what: stack, signature: `${head} ${frames.join(" ")}` };
    }
  }
  const used = process.threadCpuUsage(before);
  const tookMs = (used.user + used.system) / 1000;
  return tookMs > slowMs ? { what: `took ${Math.round(tookMs)} ms`, signature: "slow" } : null;
}

function runTask({ name, seed, firstNumber, forMs, progress }: WorkerTask): void {
  const target = targetOf(name);
  const material = materialOf(target);
  const shared = new Int32Array(progress);
  const signatures = new Set<string>();
  let number = firstNumber;
  const endMs = performance.now() + forMs;
  for (; performance.now() < endMs && signatures.size < findsMax; number++) {
    Atomics.store(shared, 0, number);
    const bytes = makeInput(seed, number, material);
    const trouble = troubleWith(target, bytes);
    if (trouble === null || signatures.has(trouble.signature)) continue;
    const isSlow = trouble.signature === "slow";
    // What was slow once may have met the compiler or the collector.
    if (isSlow && troubleWith(target, bytes) === null) continue;
    signatures.add(trouble.signature);
    const isAsBad = (shorter: Buffer): boolean => troubleWith(target, shorter)?.signature === trouble.signature;
    const small = minimize(bytes, isAsBad, isSlow ? minimizeSlowTriesMax : minimizeTriesMax);
    report({ kind: "find", number, what: trouble.what, signature: trouble.signature, bytes: small });
  }
  report({ kind: "done", runs: number - firstNumber });
}

function report(one: WorkerReport): void {
  parentPort?.postMessage(one);
}

/** Names a file by what is in it. */
export function nameOfInput(name: string, bytes: Uint8Array): string {
  return `outpost-fuzz-${name}-${createHash("sha256").update(bytes).digest("hex").slice(0, 12)}.bin`;
}

if (parentPort !== null) runTask(workerData as WorkerTask);
