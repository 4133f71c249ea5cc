/** A report for people: groups, a mark for each finding, what to do indented below; in lines of 80 columns. */
import type { Finding, Group, Report, Status } from "#doctor/finding.ts";

export const marks: Readonly<Record<Status, string>> = { ok: "✓", bad: "✗", warn: "!", skipped: "–" };
const colors: Readonly<Record<Status, string>> = { ok: "32", bad: "31;1", warn: "33", skipped: "2" };
const columns = 80;

export interface PrintOptions {
  /** ANSI colours for the marks and titles. */
  readonly color: boolean;
}

export function printGroup(group: Group, options: PrintOptions): string {
  const title = paint(group.title, "1", options);
  return [title, ...group.findings.map((one) => printFinding(one, options)), ""].join("\n");
}

function printFinding({ status, text, fix, lines }: Finding, options: PrintOptions): string {
  const all = [`  ${paint(marks[status], colors[status], options)} ${fill(text, 4)}`];
  if (fix !== null) all.push(`    → ${fill(fix, 6)}`);
  for (const line of lines) all.push(`        ${line}`);
  return all.join("\n");
}

/** The last lines: how many of each kind. */
export function printSummary({ counts, healthy }: Report, options: PrintOptions): string {
  const parts = [
    `${counts.ok} fine`, counts.bad > 0 ? `${counts.bad} wrong` : "",
    counts.warn > 0 ? `${counts.warn} to think about` : "",
    counts.skipped > 0 ? `${counts.skipped} not looked at` : "",
  ].filter((part) => part !== "");
  const verdict = healthy ? paint("Nothing is wrong.", "32;1", options)
    : paint(counts.bad === 1 ? "One thing is wrong." : `${counts.bad} things are wrong.`, "31;1", options);
  return `${verdict} ${parts.join(", ")}.`;
}

function paint(text: string, code: string, { color }: PrintOptions): string {
  return color ? `\u001b[${code}m${text}\u001b[0m` : text;
}

/** A text in lines that end before column 80, the second and later ones indented. */
function fill(text: string, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}
