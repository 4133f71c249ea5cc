/**
 * Writes the second half of docs/COVERAGE.md: every specification section that code or tests cite, with where.
 * `node tools/ledger.ts` rewrites it, `tools/ledger.test.ts` fails when it is out of date.
 */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const coverageFile = join(root, "docs", "COVERAGE.md");
const marker = "<!-- below this line tools/ledger.ts writes -->";

interface Citation {
  readonly spec: string;
  readonly section: string;
  readonly path: string;
  readonly isTest: boolean;
}

/** `RFC 9051 §6.4.4`, `[MS-OXCDATA] 2.2.1`, and further sections after "and" or a comma. */
const citationForm =
  /(RFC \d{3,5}|\[MS-[A-Z0-9]+\]) ?§? ?((?:[A-Z]|\d+)(?:\.\d+)*)((?:(?:, | and )§?\d+(?:\.\d+)+)*)/g;

export function citationsIn(path: string, text: string): Citation[] {
  const isTest = /\.test\.ts$/.test(path);
  const found: Citation[] = [];
  for (const comment of text.matchAll(/\/\*\*[\s\S]*?\*\/|\/\/[^\n]*/g)) {
    const flat = comment[0].replace(/\n\s*\*?\s*/g, " ");
    for (const match of flat.matchAll(citationForm)) {
      const more = (match[3] ?? "").match(/\d+(?:\.\d+)+/g) ?? [];
      for (const section of [match[2]!, ...more]) found.push({ spec: match[1]!, section, path, isTest });
    }
  }
  return found;
}

function sourceFiles(): string[] {
  return ["src", "test"].flatMap((folder) => readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))).sort();
}

function bySection(left: string, right: string): number {
  return left.localeCompare(right, "en", { numeric: true });
}

/** A file beside which a test of the same folder stands is shown with that test. */
function testsBeside(path: string, files: ReadonlySet<string>): string[] {
  const folder = dirname(path);
  const own = path.replace(/\.ts$/, ".test.ts");
  if (files.has(own)) return [own];
  return [...files].filter((file) => dirname(file) === folder && file.endsWith(".test.ts"));
}

export function renderLedger(): string {
  const paths = sourceFiles();
  const files = new Set(paths);
  const citations = paths.flatMap((path) => citationsIn(path, readFileSync(join(root, path), "utf8")));
  const specs = new Map<string, Map<string, Citation[]>>();
  for (const citation of citations) {
    const sections = specs.get(citation.spec) ?? specs.set(citation.spec, new Map()).get(citation.spec)!;
    sections.set(citation.section, [...sections.get(citation.section) ?? [], citation]);
  }
  const lines: string[] = [];
  for (const [spec, sections] of [...specs].sort((left, right) => bySection(left[0], right[0]))) {
    lines.push(`### ${spec}`, "", "| Section | Code | Tests |", "|---|---|---|");
    for (const [section, cited] of [...sections].sort((left, right) => bySection(left[0], right[0]))) {
      const code = [...new Set(cited.filter((one) => !one.isTest).map((one) => one.path))];
      const tests = [...new Set([
        ...cited.filter((one) => one.isTest).map((one) => one.path),
        ...code.flatMap((path) => testsBeside(path, files)),
      ])].slice(0, 3);
      lines.push(`| ${section} | ${code.map(short).join(", ")} | ${tests.map(short).join(", ") || "–"} |`);
    }
    lines.push("");
  }
  return lines.join("\n");
}

function short(path: string): string {
  return path.replace(/^src\//, "");
}

/** The whole file: what a person wrote above the marker, and the ledger below. */
export function renderCoverage(current: string): string {
  const [written] = current.split(marker);
  return `${written!.trimEnd()}\n\n${marker}\n\n## By section\n\n${renderLedger()}`;
}

if (import.meta.main) {
  writeFileSync(coverageFile, renderCoverage(readFileSync(coverageFile, "utf8")));
}
