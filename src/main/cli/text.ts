/** Plain text for people: aligned tables, times, wrapped paragraphs. */

/** Columns as wide as their widest cell, two spaces apart. Cells on the right of `rightAligned` numbers align right. */
export function table(
  header: readonly string[], rows: readonly (readonly string[])[], rightAligned: readonly number[] = [],
): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ""))));
  return all.map((row) => row.map((cell, column) => {
    const padding = " ".repeat(widths[column]! - width(cell));
    return rightAligned.includes(column) ? padding + cell : cell + padding;
  }).join("  ").trimEnd()).join("\n");
}

/** `name   value` lines; values of several lines are indented. Rows without a value are left out. */
export function facts(rows: readonly (readonly [string, string | null])[]): string {
  const shown = rows.filter(([, value]) => value !== null && value !== "");
  const most = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(most)}  ${value!.replaceAll("\n", `\n${" ".repeat(most + 2)}`)}`)
    .join("\n");
}

const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;

/** Characters a terminal shows for a text; wide East Asian ones count two. */
function width(text: string): number {
  let count = 0;
  for (const character of text) {
    if (/\p{Mark}/u.test(character)) continue;
    count += wide.test(character) ? 2 : 1;
  }
  return count;
}

/** `2026-11-22 08:15`, in the zone of the machine. */
export function localTime(ms: number | null): string {
  if (ms === null) return "";
  const at = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** A paragraph in lines of at most 110 characters. */
export function wrap(text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length >= 110) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

/** `1 message`, `2 messages`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
