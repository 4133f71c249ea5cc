/** What is measured: a server with its ports, its people, and the memory it takes. */
import { readFileSync, readdirSync } from "node:fs";
import type { WireAddress } from "../test/support/wire-socket.ts";

export const people = ["alice", "bob", "carol", "dave"];
export const domain = "example.test";
export const password = "secret";

export interface Target {
  readonly name: string;
  readonly smtp: WireAddress;
  readonly imaps: WireAddress;
  /** First processes of its trees. */
  pids(): number[];
  stop(): Promise<void>;
}

function statusField(pid: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0);
}

/** A process may end between two looks at it. */
function throwUnlessEnded(error: unknown): void {
  if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
}

/** Proportional set size of the processes and all they started, bytes: pages that are shared count once. */
export function memoryBytes(roots: readonly number[]): number {
  const parents = new Map<number, number>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      parents.set(Number(pid), statusField(pid, "PPid"));
    } catch (error) {
      throwUnlessEnded(error);
    }
  }
  const belongs = (pid: number): boolean => roots.includes(pid) || (parents.has(pid) && belongs(parents.get(pid)!));
  let sum = 0;
  for (const pid of parents.keys()) {
    if (!belongs(pid)) continue;
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
      sum += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
    } catch (error) {
      throwUnlessEnded(error);
    }
  }
  return sum;
}
