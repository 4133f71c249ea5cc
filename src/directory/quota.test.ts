// Proves: levels of a quota follow from what is set, by a table; no level is above a stricter one; states at the edges.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isLevel, quotaLevels, quotaState, readSize } from "#directory/quota.ts";
import type { QuotaLevels, QuotaState } from "#directory/quota.ts";

const levels = (quota: number | null, set: Record<string, string> = {}): (number | null)[] => {
  const found = quotaLevels(quota, new Map(Object.entries(set).map(([name, value]) => [`quota-${name}`, [value]])));
  return [found.warningBytes, found.sendBytes, found.receiveBytes];
};

const rows: readonly [name: string, quota: number | null, set: Record<string, string>, levels: (number | null)[]][] = [
  ["no quota", null, {}, [null, null, null]],
  ["the defaults", 1000, {}, [800, 950, 1000]],
  ["parts", 1000, { warning: "50%", send: "75%" }, [500, 750, 1000]],
  ["sizes", 4096, { warning: "1K", send: "2k" }, [1024, 2048, 4096]],
  ["no warning", 1000, { warning: "none" }, [null, 950, 1000]],
  ["sending is never stopped early", 1000, { send: "none" }, [800, null, 1000]],
  ["a warning without a quota", null, { warning: "1K" }, [1024, null, null]],
  ["a part of no quota", null, { warning: "50%" }, [null, null, null]],
  ["a level above the quota is the quota", 1000, { send: "5G" }, [800, 1000, 1000]],
  ["a warning above the level of sending is that", 1000, { warning: "99%", send: "60%" }, [600, 600, 1000]],
];
for (const [name, quota, set, expected] of rows) test(name, () => assert.deepEqual(levels(quota, set), expected));

test("states at the edges", () => {
  const of: QuotaLevels = { warningBytes: 800, sendBytes: 950, receiveBytes: 1000 };
  const states: readonly [number, QuotaState][] = [
    [0, "fine"], [799, "fine"], [800, "warning"], [949, "warning"], [950, "cannotSend"], [999, "cannotSend"],
    [1000, "full"], [5000, "full"],
  ];
  for (const [used, state] of states) assert.equal(quotaState(used, of), state, String(used));
  assert.equal(quotaState(5000, { warningBytes: null, sendBytes: null, receiveBytes: null }), "fine");
});

test("what is a level and what is not", () => {
  for (const text of ["80%", "1%", "100%", "5G", "500 MB", "1.5g", "none", "unlimited"]) assert.ok(isLevel(text), text);
  for (const text of ["", "0%", "101%", "-5", "5X", "five", "1e9", "9".repeat(20)]) assert.ok(!isLevel(text), text);
  assert.deepEqual([readSize("2K"), readSize("none"), readSize("x")], [2048, null, undefined]);
});
