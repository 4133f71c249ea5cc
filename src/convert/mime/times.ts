/** Milliseconds between 1601-01-01 and 1970-01-01. */
const epochGapMs = 11_644_473_600_000n;

/** UTC milliseconds as a PtypTime. [MS-OXCDATA] 2.11.1 */
export function toFileTime(utcMs: number): bigint {
  return (BigInt(Math.trunc(utcMs)) + epochGapMs) * 10_000n;
}

const firstMs = Date.UTC(1900, 0, 1);
const lastMs = Date.UTC(9999, 11, 31);

/** A PtypTime as UTC milliseconds; null for one that no Date field holds: before 1900, after 9999. RFC 5322 §3.3 */
export function fromFileTime(time: bigint): number | null {
  const utcMs = Number(time / 10_000n - epochGapMs);
  return utcMs < firstMs || utcMs > lastMs ? null : utcMs;
}
