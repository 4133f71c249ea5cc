/** Milliseconds between 1601-01-01 and 1970-01-01. */
const epochGapMs = 11_644_473_600_000n;

/** UTC milliseconds as a PtypTime. [MS-OXCDATA] 2.11.1 */
export function toFileTime(utcMs: number): bigint {
  return (BigInt(Math.trunc(utcMs)) + epochGapMs) * 10_000n;
}

/** A PtypTime as UTC milliseconds; null for one that no Date can hold. [MS-OXCDATA] 2.11.1 */
export function fromFileTime(time: bigint): number | null {
  const utcMs = Number(time / 10_000n - epochGapMs);
  return Math.abs(utcMs) > 8.64e15 ? null : utcMs;
}
