/** Sizes as people write them. */
import { Fault } from "#base/fault.ts";
import { forMessage } from "#directory/address.ts";
import { readSize } from "#directory/quota.ts";

/** `5G`, `500 MB`, `1.5g`, `1048576`; null for `none` or `unlimited`. Fault `invalidArgument`. */
export function parseSize(text: string): number | null {
  const bytes = readSize(text);
  if (bytes === undefined) {
    throw new Fault("invalidArgument", `"${forMessage(text)}" is not a size like 500M or 5G, nor "none".`);
  }
  return bytes;
}

const [kb, mb, gb, tb] = [1024, 1024 ** 2, 1024 ** 3, 1024 ** 4];

/** `5 GB`, `512 KB`, `none`. */
export function formatSize(bytes: number | null): string {
  if (bytes === null) return "none";
  for (const [unit, size] of [["TB", tb], ["GB", gb], ["MB", mb], ["KB", kb]] as const) {
    if (bytes >= size) return `${Number((bytes / size).toFixed(1))} ${unit}`;
  }
  return `${bytes} B`;
}
