/** Proves that the fuzzer outlives what it looks for: an input that never ends, and one that takes all of the heap. */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const rows: readonly (readonly [name: string, patienceSeconds: number, told: RegExp])[] = [
  // A fifth of the usual: it is the watching that is proved here, not how long it lasts.
  ["canaryHang", 2, /canaryHang: hangs; alone: ended with SIGTERM\n {2}seed 7, input 0/],
  ["canaryHeap", 10, /canaryHeap: (?:ERR_WORKER_OUT_OF_MEMORY|memory); alone: ended with/],
];

test("threads that hang or run out of memory are ended and told", () => {
  for (const [name, patienceSeconds, told] of rows) {
    const { status, stdout } = spawnSync(process.execPath, [
      join(import.meta.dirname, "fuzz.ts"), "--seconds", "2", "--seed", "7", name,
    ], { encoding: "utf8", cwd: join(import.meta.dirname, ".."), stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, OUTPOST_FUZZ_PATIENCE_SECONDS: String(patienceSeconds) },
    });
    assert.equal(status, 1, name);
    assert.match(stdout, told);
  }
});
