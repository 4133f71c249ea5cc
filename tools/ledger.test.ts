/** Proves that docs/COVERAGE.md lists every citation in the code as it is, and that citations are found as written. */
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { citationsIn, coverageFile, renderCoverage } from "./ledger.ts";

test("citations are found in comments, with further sections", () => {
  const text = [
    "/** Reads. RFC 9051 §6.4.4 */", "// [MS-OXCDATA] 2.2.1.1 and 2.2.1.2", "/** RFC 3461 §4.1 and §5.2 */",
    "/** [MS-OXOCAL]\n * 2.2.1.44 */", 'const text = "RFC 1 §1";',
  ].join("\n");
  assert.deepEqual(citationsIn("src/x.ts", text).map(({ spec, section }) => `${spec} ${section}`), [
    "RFC 9051 6.4.4", "[MS-OXCDATA] 2.2.1.1", "[MS-OXCDATA] 2.2.1.2", "RFC 3461 4.1", "RFC 3461 5.2",
    "[MS-OXOCAL] 2.2.1.44",
  ]);
});

test("docs/COVERAGE.md is up to date", () => {
  const current = readFileSync(coverageFile, "utf8");
  assert.equal(current, renderCoverage(current), "run: npm run coverage");
});
