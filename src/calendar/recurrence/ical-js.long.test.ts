/** Proves the expansion against ical.js on 20,000 random rules in 40 zones; see ical-js.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compare, differences, loadIcal, randomFrom, sampleRule, theirsBy } from "#calendar/recurrence/test-kit.ts";

const ICAL = await loadIcal();

test("20,000 random rules agree", { skip: ICAL === undefined ? "ical.js is not installed" : false }, (context) => {
  const theirs = theirsBy(ICAL!);
  const seed = Number(process.env["OUTPOST_SEED"] ?? 1);
  const random = randomFrom(seed);
  const counts: Record<string, number> = {};
  for (let index = 0; index < 20_000; index++) {
    const sample = sampleRule(random);
    const comparison = compare(sample, theirs, 25);
    if (comparison.kind === "unexplained") {
      assert.equal(comparison.ours, comparison.theirs, `seed ${seed}: ${JSON.stringify(sample)}`);
    }
    const name = comparison.kind === "refused" ? `refused: ${comparison.reason}`
      : comparison.kind === "different" ? `${comparison.name}: ${differences[comparison.name]}` : comparison.kind;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  context.diagnostic(JSON.stringify(counts, null, 1));
  assert.ok(counts["same"]! > 12_000);
});
