/**
 * Proves that the fuzzer sees what it looks for: decoders that always fail are told with their seed and a short input,
 * whether they throw, take long, take memory or never end; one that is sound is not.
 */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const script = join(import.meta.dirname, "fuzz.ts");

function fuzz(...args: string[]): { status: number | null; out: string } {
  const { status, stdout } = spawnSync(process.execPath, [script, ...args], {
    encoding: "utf8", cwd: join(import.meta.dirname, ".."), stdio: ["ignore", "pipe", "ignore"],
  });
  return { status, out: stdout };
}

test("a decoder that throws is told with its seed, and its input is made short", () => {
  const { status, out } = fuzz("--seconds", "1", "--seed", "7", "canary");
  assert.equal(status, 1);
  assert.match(out, /canary: Error: the canary fails always/);
  const kept = /seed 7, input \d+; 1 bytes kept in (\S+)/.exec(out)?.[1] ?? "";
  assert.ok(existsSync(kept), out);
  assert.equal(readFileSync(kept, "latin1"), "a");
  rmSync(kept);
});

test("a sound decoder is not told", () => {
  const { status, out } = fuzz("--seconds", "1", "--seed", "7", "smtp");
  assert.equal(status, 0, out);
  assert.match(out, /smtp: [\d.]+ s, [1-9]\d* inputs, nothing found/);
});

test("time and memory of one input alone are told", () => {
  const folder = mkdtempSync(join(tmpdir(), "outpost-fuzz-test-"));
  try {
    const file = join(folder, "input");
    writeFileSync(file, "x");
    const told = (name: string): unknown => JSON.parse(fuzz("--replay", file, name).out).what;
    assert.match(String(told("canarySlow")), /^took \d+ ms$/);
    assert.match(String(told("canaryMemory")), /KB more resident memory$/);
    assert.equal(told("smtp"), null);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
