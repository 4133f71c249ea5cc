/** IMAP's search keys in the mailbox's words. RFC 9051 §6.4.4, RFC 5032, RFC 8474 §6, RFC 8514 §4.3 */
import type { MailboxId } from "#base/ids.ts";
import type { UidRange, UidSet } from "#mailbox/api.ts";
import type { Query } from "#mailbox/query.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { SearchKey } from "#wire/imap/search.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { splitFlags } from "#serve/imap/flags.ts";
import { BadCommand } from "#serve/imap/state.ts";
import { dayMs } from "#wire/imap/date.ts";
import { searchDecoder } from "#wire/imap/search.ts";
import { savedResult } from "#wire/imap/sequence.ts";

/** What a search is understood by: the numbers of the folder, the character set, the clock. */
export interface Translation {
  /** Undefined in a folder that is not selected: message numbers mean nothing there. */
  readonly view: FolderView | undefined;
  readonly mailboxId: MailboxId;
  /** The client has given up message numbers. RFC 9586 §3 */
  readonly isUidOnly: boolean;
  readonly decode: (octets: string) => string;
  readonly nowMs: number;
  /** UIDs that keys stand for which were looked up before: see `search-keys.ts`. */
  readonly sets?: ReadonlyMap<SearchKey, readonly UidRange[]>;
}

/** A decoder that keeps to the limit of a search text; undefined for an unknown character set. RFC 9051 §6.4.4 */
export function boundedDecoder(charset: string | undefined): ((octets: string) => string) | undefined {
  const decode = searchDecoder(charset);
  if (decode === undefined) return undefined;
  return (octets) => {
    const max = limits.searchTermMaxCharacters;
    if (octets.length > max) throw new Fault("tooMany", `A text to search for has at most ${max} bytes.`);
    return decode(octets);
  };
}

const flagNames = {
  "\\Answered": "answered", "\\Flagged": "flagged", "\\Deleted": "deleted", "\\Seen": "seen", "\\Draft": "draft",
} as const;

/**
 * The same search in the mailbox's words; message numbers become UIDs. Days are days of UTC, as INTERNALDATE is told:
 * a client sees each message on the day it searches it by. RFC 9051 §6.4.4
 */
export function translate(key: SearchKey, as: Translation): Query {
  switch (key.key) {
    case "all": return { op: "all" };
    case "and": case "or": return { op: key.key, of: key.keys.map((one) => translate(one, as)) };
    case "not": return { op: "not", of: translate(key.of, as) };
    case "recent": return recentQuery(as.view);
    case "flag": return { op: "flag", flag: flagNames[key.flag] };
    case "keyword": return keywordQuery(key.keyword);
    case "uid": case "sequence": return uidQuery(key, as);
    case "larger": return { op: "sizeAbove", sizeBytes: key.sizeBytes };
    case "smaller": return { op: "sizeBelow", sizeBytes: key.sizeBytes };
    case "modSeq": return { op: "changed", since: key.since };
    case "older": return { op: "received", fromMs: -Infinity, beforeMs: as.nowMs - key.seconds * 1000 + 1 };
    case "younger": return { op: "received", fromMs: as.nowMs - key.seconds * 1000, beforeMs: Infinity };
    case "header": return { op: "header", name: key.name, text: as.decode(key.text) };
    case "address": return { op: key.field, text: as.decode(key.text) };
    case "subject": case "body": case "text": return { op: key.key, text: as.decode(key.text) };
    case "before": case "on": case "since":
      return { op: "received", ...days(key.key, key.day) };
    case "savedBefore": return { op: "saved", ...days("before", key.day) };
    case "savedOn": return { op: "saved", ...days("on", key.day) };
    case "savedSince": return { op: "saved", ...days("since", key.day) };
    case "sentBefore": return { op: "sentDay", fromDay: -Infinity, beforeDay: key.day };
    case "sentOn": return { op: "sentDay", fromDay: key.day, beforeDay: key.day + 1 };
    case "sentSince": return { op: "sentDay", fromDay: key.day, beforeDay: Infinity };
    case "emailId": {
      const id = /^M(\d{1,15})-(\d{1,15})$/.exec(key.id);
      if (id === null || Number(id[1]) !== as.mailboxId) return { op: "none" };
      return { op: "content", contentId: Number(id[2]) };
    }
    case "threadId": case "fuzzy": case "filter": throw new Error(`${key.key} was not looked up`);
  }
}

function days(key: "before" | "on" | "since", day: number): { fromMs: number; beforeMs: number } {
  return {
    fromMs: key === "before" ? -Infinity : day * dayMs,
    beforeMs: key === "before" ? day * dayMs : key === "on" ? (day + 1) * dayMs : Infinity,
  };
}

function uidQuery(key: Extract<SearchKey, { key: "uid" | "sequence" }>, as: Translation): Query {
  const { view, isUidOnly } = as;
  const ranges = as.sets?.get(key);
  if (ranges !== undefined) return { op: "uid", ranges };
  if (isUidOnly && key.key === "sequence" && key.set !== savedResult) {
    throw new BadCommand("Message numbers are not in use.", "UIDREQUIRED");
  }
  if (view !== undefined) {
    return { op: "uid", ranges: view.uidRanges(view.numbers(key.set, key.key === "uid")) };
  }
  throw new Fault("invalidArgument", "Message numbers and UIDs belong to the selected folder.");
}

/** RFC 3501 §6.4.4 */
function recentQuery(view: FolderView | undefined): Query {
  const ranges = view?.recent?.ranges ?? [];
  return ranges.length === 0 ? { op: "none" } : { op: "uid", ranges: [...ranges] };
}

/** Two keywords are bits of their own. */
function keywordQuery(keyword: string): Query {
  const { keywords } = splitFlags([keyword]);
  if (keywords.length > 0) return { op: "keyword", keyword };
  return { op: "flag", flag: keyword.toLowerCase() === "$forwarded" ? "forwarded" : "mdnSent" };
}

/** The messages to look at at all: a set that stands alone or among keys that all must hold bounds the reading. */
export function universe(query: Query): UidSet {
  if (query.op === "uid") return [...query.ranges];
  if (query.op !== "and") return "all";
  const set = query.of.find((one): one is { op: "uid"; ranges: readonly UidRange[] } => one.op === "uid");
  return set === undefined ? "all" : [...set.ranges];
}
