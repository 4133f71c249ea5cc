/** SEARCH and UID SEARCH. RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 4731, RFC 5032 */
import type { UidRange, UidSet } from "#mailbox/api.ts";
import type { Query } from "#mailbox/query.ts";
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { SearchKey, SearchReturn } from "#wire/imap/search.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { searchFolder } from "#mailbox/search.ts";
import { splitFlags } from "#serve/imap/flags.ts";
import { no, ok } from "#serve/imap/state.ts";
import { dayMs } from "#wire/imap/date.ts";
import { encodeString } from "#wire/imap/encode.ts";
import { searchDecoder } from "#wire/imap/search.ts";
import { encodeNumbers, star } from "#wire/imap/sequence.ts";

export const search: Handler<"SEARCH"> = async (state, { tag, args, isUid }) => {
  const decodeAny = searchDecoder(args.charset);
  if (decodeAny === undefined) return no("The character set is not known.", "BADCHARSET (UTF-8 US-ASCII)");
  if (args.usesModSeq) state.usesCondstore = true;
  const view = state.selected;
  const decode = (octets: string): string => {
    const max = limits.searchTermMaxCharacters;
    if (octets.length > max) throw new Fault("tooMany", `A text to search for has at most ${max} bytes.`);
    return decodeAny(octets);
  };
  const query = translate(args.key, { view, decode, nowMs: state.ctx.system.nowMs() });
  const known = knownFrom(args.key, view, isUid);
  const { found, highest } = known ?? await look(state, view, query, isUid);
  const modSeq = args.usesModSeq && found.length > 0 ? highest : undefined;
  if (args.returns === undefined) await writeSearch(state, found, modSeq);
  else writeExtended(state, { tag, isUid, returns: args.returns, found, modSeq });
  return completion(view, isUid);
};

interface Found {
  /** Message numbers or UIDs, ascending. */
  readonly found: readonly number[];
  readonly highest: number;
}

/** The first thing a program asks when it synchronizes is which UIDs there are: the view knows without reading. */
function knownFrom(key: SearchKey, view: FolderView, isUid: boolean): Found | undefined {
  // Messages that went since must not be found, and the view may still number them.
  if (view.isDirty || view.hasHeldBack) return undefined;
  if (key.key !== "all" && key.key !== "uid" && key.key !== "sequence") return undefined;
  const set = key.key === "all" ? [{ first: 1, last: star }] : key.set;
  const found: number[] = [];
  for (const { first, last } of view.numbers(set, key.key === "uid")) {
    for (let number = first; number <= last; number++) found.push(isUid ? view.uidOf(number) : number);
  }
  return { found, highest: 0 };
}

async function look(state: SessionState, view: FolderView, query: Query, isUid: boolean): Promise<Found> {
  const found: number[] = [];
  let highest = 0;
  for await (const rows of searchFolder(state.ctx, state.mailbox, view.folderId, query, universe(query))) {
    for (const row of rows) {
      const number = view.numberOf(row.uid);
      if (number === 0) continue;
      found.push(isUid ? row.uid : number);
      if (row.modSeq > highest) highest = row.modSeq;
    }
  }
  return { found, highest };
}

function completion(view: FolderView, isUid: boolean): Completion {
  return ok("Searched.", !isUid && view.hasHeldBack ? "EXPUNGEISSUED" : undefined);
}

/** RFC 3501 §7.2.5, RFC 7162 §3.1.5 */
async function writeSearch(state: SessionState, found: readonly number[], modSeq: number | undefined): Promise<void> {
  const { client } = state;
  client.write("* SEARCH");
  for (let at = 0; at < found.length; at += 1000) {
    client.write(` ${found.slice(at, at + 1000).join(" ")}`);
    await client.drain();
  }
  client.write(modSeq === undefined ? "\r\n" : ` (MODSEQ ${modSeq})\r\n`);
}

/** RFC 9051 §7.3.4 */
function writeExtended(
  state: SessionState,
  { tag, isUid, returns, found, modSeq }: {
    tag: string; isUid: boolean; returns: readonly SearchReturn[]; found: readonly number[]; modSeq: number | undefined;
  },
): void {
  let text = `* ESEARCH (TAG ${encodeString(tag)})${isUid ? " UID" : ""}`;
  if (returns.includes("COUNT")) text += ` COUNT ${found.length}`;
  if (found.length > 0) {
    if (returns.includes("MIN")) text += ` MIN ${found[0]}`;
    if (returns.includes("MAX")) text += ` MAX ${found[found.length - 1]}`;
    if (returns.includes("ALL")) text += ` ALL ${encodeNumbers(found)}`;
    if (modSeq !== undefined) text += ` MODSEQ ${modSeq}`;
  }
  state.client.write(`${text}\r\n`);
}

interface Translation {
  readonly view: FolderView;
  readonly decode: (octets: string) => string;
  readonly nowMs: number;
}

const flagNames = {
  "\\Answered": "answered", "\\Flagged": "flagged", "\\Deleted": "deleted", "\\Seen": "seen", "\\Draft": "draft",
} as const;

/** The same search in the mailbox's words; message numbers become UIDs. */
function translate(key: SearchKey, as: Translation): Query {
  switch (key.key) {
    case "all": return { op: "all" };
    case "and": case "or": return { op: key.key, of: key.keys.map((one) => translate(one, as)) };
    case "not": return { op: "not", of: translate(key.of, as) };
    case "recent": return { op: "none" };
    case "flag": return { op: "flag", flag: flagNames[key.flag] };
    case "keyword": return keywordQuery(key.keyword);
    case "uid": case "sequence":
      return { op: "uid", ranges: as.view.uidRanges(as.view.numbers(key.set, key.key === "uid")) };
    case "larger": return { op: "sizeAbove", sizeBytes: key.sizeBytes };
    case "smaller": return { op: "sizeBelow", sizeBytes: key.sizeBytes };
    case "modSeq": return { op: "changed", since: key.since };
    case "older": return { op: "received", fromMs: -Infinity, beforeMs: as.nowMs - key.seconds * 1000 + 1 };
    case "younger": return { op: "received", fromMs: as.nowMs - key.seconds * 1000, beforeMs: Infinity };
    case "header": return { op: "header", name: key.name, text: as.decode(key.text) };
    case "address": return { op: key.field, text: as.decode(key.text) };
    case "subject": case "body": case "text": return { op: key.key, text: as.decode(key.text) };
    case "before": return { op: "received", fromMs: -Infinity, beforeMs: key.day * dayMs };
    case "on": return { op: "received", fromMs: key.day * dayMs, beforeMs: (key.day + 1) * dayMs };
    case "since": return { op: "received", fromMs: key.day * dayMs, beforeMs: Infinity };
    case "sentBefore": return { op: "sentDay", fromDay: -Infinity, beforeDay: key.day };
    case "sentOn": return { op: "sentDay", fromDay: key.day, beforeDay: key.day + 1 };
    case "sentSince": return { op: "sentDay", fromDay: key.day, beforeDay: Infinity };
  }
}

/** Two keywords are bits of their own. */
function keywordQuery(keyword: string): Query {
  const { keywords } = splitFlags([keyword]);
  if (keywords.length > 0) return { op: "keyword", keyword };
  return { op: "flag", flag: keyword.toLowerCase() === "$forwarded" ? "forwarded" : "mdnSent" };
}

/** The messages to look at at all: a set that stands alone or among keys that all must hold bounds the reading. */
function universe(query: Query): UidSet {
  if (query.op === "uid") return [...query.ranges];
  if (query.op !== "and") return "all";
  const set = query.of.find((one): one is { op: "uid"; ranges: readonly UidRange[] } => one.op === "uid");
  return set === undefined ? "all" : [...set.ranges];
}
