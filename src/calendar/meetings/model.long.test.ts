/** Proves what model.test.ts does on more and longer stories. */
import { test } from "node:test";
import { run } from "#calendar/meetings/model-test-kit.ts";

const first = Number(process.env["MEETING_FIRST"] ?? 100_000);
const runs = Number(process.env["MEETING_RUNS"] ?? 1000);
for (let from = first; from < first + runs; from += 100) {
  test(`stories ${from} to ${from + 99}`, () => {
    for (let seed = from; seed < from + 100; seed++) run(seed, 40 + (seed % 80));
  });
}
