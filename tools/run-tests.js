// Runs every test file under src/, test/ and tools/ with node's own test runner. Plain JavaScript: it runs before
// anything is known to be installed right. Arguments narrow the files (`npm test -- src/store`).
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wanted = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const long = process.argv.includes("--long");

function testFiles(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.test\.ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    // Files named x.long.test.ts take minutes; .ci/run runs them.
    .filter((path) => /\.long\.test\.ts$/.test(path) === long)
    .filter((path) => wanted.length === 0 || wanted.some((word) => path.includes(word)));
}

const files = ["src", "test", "tools"].flatMap(testFiles).sort();
if (files.length === 0) {
  console.error(`No test file matches ${wanted.join(" ")}.`);
  process.exit(1);
}
// The pinned Node, also when this file was started by another one.
const pinned = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
const node = existsSync(pinned) ? pinned : process.execPath;
const reporter = process.stdout.isTTY ? "spec" : "dot";
const result = spawnSync(node, [
  "--test", `--test-concurrency=${process.env.OUTPOST_TEST_CONCURRENCY ?? 2}`, "--test-timeout=600000",
  `--test-reporter=${process.env.OUTPOST_TEST_REPORTER ?? reporter}`, "--test-reporter-destination=stdout",
  "--test-reporter=./tools/summary-reporter.js", "--test-reporter-destination=stdout", ...files,
], {
  cwd: root, stdio: "inherit",
  // Stripped and compiled code is kept between test files: each loads some hundreds of modules.
  env: { NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "outpost-tests"), ...process.env },
});
process.exit(result.status ?? 1);
