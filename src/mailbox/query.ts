/**
 * What to look for in a folder, in no protocol's words: IMAP SEARCH, EWS restrictions, ActiveSync and JMAP filters are
 * translated to this and evaluated by `search.ts`.
 */
import type { MessageFlag, UidRange } from "#mailbox/api.ts";

/**
 * Texts match as substrings without regard to case, in decoded text. An empty text matches every message, save in
 * `header`, where the field must exist.
 */
export type Query =
  | { readonly op: "all" | "none" }
  | { readonly op: "and" | "or"; readonly of: readonly Query[] }
  | { readonly op: "not"; readonly of: Query }
  | { readonly op: "flag"; readonly flag: MessageFlag }
  /** Without regard to case. */
  | { readonly op: "keyword"; readonly keyword: string }
  /** Ascending, apart from each other. */
  | { readonly op: "uid"; readonly ranges: readonly UidRange[] }
  | { readonly op: "sizeAbove" | "sizeBelow"; readonly sizeBytes: number }
  /** Arrived at `fromMs` or later and before `beforeMs`. */
  | { readonly op: "received"; readonly fromMs: number; readonly beforeMs: number }
  /** Came into this folder at `fromMs` or later and before `beforeMs`. */
  | { readonly op: "saved"; readonly fromMs: number; readonly beforeMs: number }
  /** Copies of the same bytes. */
  | { readonly op: "content"; readonly contentId: number }
  /** The day written in the Date field, without regard to its time and zone; days since 1970-01-01. */
  | { readonly op: "sentDay"; readonly fromDay: number; readonly beforeDay: number }
  /** Changed at `since` or later. */
  | { readonly op: "changed"; readonly since: number }
  | { readonly op: "subject" | "from" | "to" | "cc" | "bcc"; readonly text: string }
  /** Any field of this name holds the text. */
  | { readonly op: "header"; readonly name: string; readonly text: string }
  /** The text parts, enclosed messages with their headers included. */
  | { readonly op: "body"; readonly text: string }
  /** The header or the body. */
  | { readonly op: "text"; readonly text: string };

/** What must be read to decide a query: the light row, the stored structure, or the bytes. */
export type QueryDepth = "row" | "structure" | "content";

const depthOf: Readonly<Record<Query["op"], QueryDepth>> = {
  all: "row", none: "row", and: "row", or: "row", not: "row", flag: "row", keyword: "row", uid: "row",
  sizeAbove: "row", sizeBelow: "row", received: "row", saved: "row", content: "row", changed: "row",
  sentDay: "structure", subject: "structure",
  from: "structure", to: "structure", cc: "structure", bcc: "structure", header: "content", body: "content",
  text: "content",
};

/** The depth at which every part of the query can be decided. */
export function deepestDepth(query: Query): QueryDepth {
  if (query.op === "not") return deepestDepth(query.of);
  if (query.op !== "and" && query.op !== "or") return depthOf[query.op];
  const depths = query.of.map(deepestDepth);
  return depths.includes("content") ? "content" : depths.includes("structure") ? "structure" : "row";
}
