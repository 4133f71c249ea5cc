/** Whether a message is junk: by the owner's lists, then by what a filter in front of this server wrote on it. */
import { domainOf, foldAddress } from "#rules/message.ts";
import type { RuleMessage } from "#rules/message.ts";
import type { JunkSettings } from "#rules/own/settings.ts";

export interface JunkVerdict {
  readonly isJunk: boolean;
  /** A sender the owner trusts, or a message marked safe: its rules may be skipped. [MS-OXCSPAM] 2.2.1.3 */
  readonly isSafe: boolean;
  /** What decided; empty when nothing did. */
  readonly by: string;
}

/** [MS-OXCSPAM] 2.2.1.3: levels from here on are junk. */
const sclJunkMin = 5;

interface ScoreRow {
  readonly field: string;
  /** true junk, false not, null when the field says nothing. */
  readonly read: (value: string, scoreMin: number | null) => boolean | null;
}

const isYes = (value: string): boolean | null =>
  (/^\s*(?:yes|true)\b/i.test(value) ? true : /^\s*(?:no|false)\b/i.test(value) ? false : null);

function byScore(text: string | undefined, scoreMin: number | null): boolean | null {
  if (text === undefined || scoreMin === null) return null;
  return Number(text) >= scoreMin;
}

/**
 * What SpamAssassin, rspamd and Exchange write, one row each. The owner's own threshold comes before the filter's
 * word, the first field of a name before later ones: the last filter stands on top.
 */
export const scoreRows: readonly ScoreRow[] = [
  {
    field: "x-spam-status",
    read: (value, scoreMin) =>
      byScore(/\b(?:score|hits)=(-?\d+(?:\.\d+)?)/i.exec(value)?.[1], scoreMin) ?? isYes(value),
  },
  { field: "x-spam-score", read: (value, scoreMin) => byScore(/^\s*(-?\d+(?:\.\d+)?)/.exec(value)?.[1], scoreMin) },
  { field: "x-spam-flag", read: isYes },
  { field: "x-spam", read: isYes },
  {
    field: "x-spamd-result",
    read: (value, scoreMin) => byScore(/\[(-?\d+(?:\.\d+)?)\s*\//.exec(value)?.[1], scoreMin) ??
      isYes(value.slice(value.indexOf(":") + 1)),
  },
  { field: "x-rspamd-score", read: (value, scoreMin) => byScore(/^\s*(-?\d+(?:\.\d+)?)/.exec(value)?.[1], scoreMin) },
  {
    field: "x-rspamd-action",
    read: (value) => (/^\s*(?:add header|rewrite subject|reject|quarantine)/i.test(value) ? true
      : /^\s*(?:no action|greylist)/i.test(value) ? false : null),
  },
  {
    field: "x-ms-exchange-organization-scl",
    read: (value) => (/^\s*-?\d+\s*$/.test(value) ? Number(value) >= sclJunkMin : null),
  },
];

/** 2 for an address in the list, 1 for its domain or one above, 0 for neither. */
export function listed(address: string, list: ReadonlySet<string>): 0 | 1 | 2 {
  if (address === "") return 0;
  if (list.has(address)) return 2;
  let domain = domainOf(address);
  for (;;) {
    if (list.has(domain)) return 1;
    const dot = domain.indexOf(".");
    if (dot < 0) return 0;
    domain = domain.slice(dot + 1);
  }
}

/** Entries as they are compared: `@example.test` means the domain. */
export function senderList(entries: readonly string[]): Set<string> {
  return new Set(entries.map((entry) => entry.trim().toLowerCase().replace(/^\*?@/, "")).filter((one) => one !== ""));
}

/** Who the message says it is from, and who handed it in. */
function sendersOf(message: RuleMessage): string[] {
  const from = message.people("from").map(({ address }) => foldAddress(address));
  return [...new Set([...from, foldAddress(message.envelope.sender)])].filter((one) => one !== "");
}

/** The nearer entry counts, an address before its domain; the safe list before the blocked one where both are near. */
export function judgeJunk(message: RuleMessage, settings: JunkSettings): JunkVerdict {
  const senders = settings.blocked.length + settings.safe.length === 0 ? [] : sendersOf(message);
  const nearest = (entries: readonly string[]): number => {
    const list = senderList(entries);
    return senders.reduce((best, sender) => Math.max(best, listed(sender, list)), 0);
  };
  const blocked = settings.blocked.length === 0 ? 0 : nearest(settings.blocked);
  const safe = settings.safe.length === 0 ? 0 : nearest(settings.safe);
  if (safe > 0 && safe >= blocked) return { isJunk: false, isSafe: true, by: "safe senders" };
  if (blocked > 0) return { isJunk: true, isSafe: false, by: "blocked senders" };
  // Where no filter stands in front anybody could have written it.
  const isSafe = settings.isOn && /^\s*-1\s*$/.test(message.first("x-ms-exchange-organization-scl") ?? "");
  if (!settings.isOn) return { isJunk: false, isSafe, by: "" };
  for (const row of scoreRows) {
    const value = message.first(row.field);
    if (value !== null && row.read(value, settings.scoreMin) === true) return { isJunk: true, isSafe, by: row.field };
  }
  return { isJunk: false, isSafe, by: "" };
}
