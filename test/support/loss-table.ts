/**
 * Tables of what a file of the collection loses on its way through an item: one row a file, kind of loss and reason,
 * `file`, `what` and `why`, kept beside the tests. A loss that the table does not have fails, and so does a row that no longer happens.
 * With UPDATE_GOLDEN=1 the table is written anew; each loss must still fall under a named reason.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { TestContext } from "node:test";
import { corpusFolder } from "./corpus.ts";
import { projectRoot } from "./server.ts";

export interface Loss {
  readonly file: string;
  readonly what: string;
}

/** Losses whose `what` has a shape, with what it means that they happen. */
export type Reasons = readonly (readonly [what: RegExp, why: string])[];

/** Files of a folder of the collection, by name. */
export function corpusFilesOf(folder: string): { name: string; bytes: Buffer }[] {
  const root = join(corpusFolder, folder);
  return readdirSync(root, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name)).sort()
    .map((path) => ({ name: relative(root, path), bytes: readFileSync(path) }));
}

function whyOf({ what }: Loss, reasons: Reasons): string {
  return reasons.find(([shape]) => shape.test(what))?.[1] ?? "";
}

/** Losses of one file and kind that have one reason stand in one row. */
function rowsOf(losses: readonly Loss[], reasons: Reasons): string[] {
  const found = new Map<string, Set<string>>();
  for (const loss of losses) {
    const [, kind = "", name = ""] = /^([^:]*): (.*)$/s.exec(loss.what) ?? [];
    const key = [loss.file, kind, whyOf(loss, reasons)].join("\t");
    found.set(key, (found.get(key) ?? new Set()).add(name));
  }
  return [...found].map(([key, names]) => {
    const [file, kind, why] = key.split("\t");
    return `${file}\t${kind}: ${[...names].sort().join(", ")}\t${why}`;
  }).sort();
}

/** Compares what was found with the table, and says how many files are whole, lossy and refused. */
export function checkLosses(
  t: TestContext, folder: string, files: readonly string[], losses: readonly Loss[], reasons: Reasons,
): void {
  const unexplained = losses.filter((loss) => whyOf(loss, reasons) === "").map(({ file, what }) => `${file}: ${what}`);
  assert.deepEqual(unexplained, [], `losses in ${folder} without a reason`);
  const path = join(projectRoot, "test", "data", `items-loss-${folder}.tsv`);
  const rows = rowsOf(losses, reasons);
  const text = `${["file\twhat\twhy", ...rows].join("\n")}\n`;
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, text);
  const kept = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n").slice(1) : [];
  assert.deepEqual(rows.filter((row) => !kept.includes(row)), [], `new losses in ${folder}`);
  assert.deepEqual(kept.filter((row) => !rows.includes(row)), [], `rows of ${folder} that no longer happen`);
  const refused = new Set(losses.filter(({ what }) => what.startsWith("refused: ")).map(({ file }) => file));
  const lossy = new Set(losses.map(({ file }) => file).filter((file) => !refused.has(file)));
  t.diagnostic(`${folder}: ${files.length} files, ${files.length - lossy.size - refused.size} whole, ` +
    `${lossy.size} lossy, ${refused.size} refused`);
  const byWhy = new Map<string, Set<string>>();
  for (const loss of losses) {
    const why = whyOf(loss, reasons);
    byWhy.set(why, (byWhy.get(why) ?? new Set()).add(loss.file));
  }
  for (const [why, named] of [...byWhy].sort(([, a], [, b]) => b.size - a.size)) t.diagnostic(`${named.size} ${why}`);
}
