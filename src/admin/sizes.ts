/** Sizes as people write them. */
import { Fault } from "#base/fault.ts";
import { forMessage } from "#directory/address.ts";

const units: Record<string, number> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** `5G`, `500 MB`, `1.5g`, `1048576`; null for `none` or `unlimited`. Fault `invalidArgument`. */
export function parseSize(text: string): number | null {
  if (/^(?:none|unlimited|-)$/i.test(text)) return null;
  const match = /^(\d{1,15}(?:\.\d{1,3})?)\s*([kmgt]?)(?:i?b)?$/i.exec(text);
  const bytes = match === null ? NaN : Math.round(Number(match[1]) * units[match[2]!.toLowerCase()]!);
  if (!Number.isSafeInteger(bytes)) {
    throw new Fault("invalidArgument", `"${forMessage(text)}" is not a size like 500M or 5G, nor "none".`);
  }
  return bytes;
}

/** `5 GB`, `512 KB`, `none`. */
export function formatSize(bytes: number | null): string {
  if (bytes === null) return "none";
  for (const [unit, size] of [["TB", units.t!], ["GB", units.g!], ["MB", units.m!], ["KB", 1024]] as const) {
    if (bytes >= size) return `${Number((bytes / size).toFixed(1))} ${unit}`;
  }
  return `${bytes} B`;
}
