/** What doctor finds: one plain sentence each, what to do about it, and lines for the zone file. */

/** `warn` works here and fails for some; `skipped` was not looked at, and the text says why. */
export type Status = "ok" | "bad" | "warn" | "skipped";

export interface Finding {
  /** Stays the same from version to version: `dns.mx`, `imaps.sign-in`. With {@link about} it is told once. */
  readonly id: string;
  readonly status: Status;
  /** Which domain, name, port or address; null when there is only one. */
  readonly about: string | null;
  readonly text: string;
  /** What to do, as a sentence; null when there is nothing to do. */
  readonly fix: string | null;
  /** Shown as they are: lines to add to the zone file (RFC 1035 §5), a fingerprint. */
  readonly lines: readonly string[];
}

type More = Partial<Pick<Finding, "about" | "fix" | "lines">>;

function finding(status: Status, id: string, text: string, more: More): Finding {
  return { id, status, about: more.about ?? null, text, fix: more.fix ?? null, lines: more.lines ?? [] };
}

export function ok(id: string, text: string, more: More = {}): Finding {
  return finding("ok", id, text, more);
}

export function bad(id: string, text: string, fix: string, more: More = {}): Finding {
  return finding("bad", id, text, { ...more, fix });
}

export function warn(id: string, text: string, fix: string | null, more: More = {}): Finding {
  return finding("warn", id, text, { ...more, ...fix === null ? {} : { fix } });
}

export function skipped(id: string, text: string, more: More = {}): Finding {
  return finding("skipped", id, text, more);
}

export interface Group {
  /** `machine`, `person`, `mail`, `web`, `certificates`, `dns` or `dns:example.org`. */
  readonly id: string;
  readonly title: string;
  readonly findings: readonly Finding[];
}

export interface Report {
  /** Nothing is wrong; there may be warnings. */
  readonly healthy: boolean;
  readonly counts: Readonly<Record<Status, number>>;
  readonly groups: readonly Group[];
}

export function makeReport(groups: readonly Group[]): Report {
  const counts = { ok: 0, bad: 0, warn: 0, skipped: 0 };
  for (const group of groups) for (const { status } of group.findings) counts[status]++;
  return { healthy: counts.bad === 0, counts, groups };
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(items: readonly string[]): string {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}
