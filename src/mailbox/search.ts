/**
 * Evaluates a {@link Query} over one folder. Each message is decided from as little as possible: its row, then its
 * structure, then its bytes. Nothing is held for the folder as a whole, and the event loop is given away often.
 */
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, FolderId, Uid } from "#base/ids.ts";
import type { MimeAddress, MimeIndex, MimePart } from "#format/mime/types.ts";
import type { Mailbox, MessageContent, MessageRow, UidRange, UidSet } from "#mailbox/api.ts";
import type { Query } from "#mailbox/query.ts";
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { charsetDecoder } from "#format/mime/charset.ts";
import { parseDate } from "#format/mime/date.ts";
import { transferDecoder } from "#format/mime/decode.ts";
import { fieldText, headerFields } from "#format/mime/headers.ts";
import { paramValue } from "#format/mime/parameters.ts";
import { decodeWords } from "#format/mime/words.ts";
import { messageFlags } from "#mailbox/api.ts";
import { shallowestDepth } from "#mailbox/query.ts";

/** How long searching keeps the thread before others get a turn. */
const turnMs = 8;

/** Rows of the messages in `uids` that `query` describes, in UID order, in slices. */
export async function* searchFolder(
  ctx: Ctx, mailbox: Mailbox, folderId: FolderId, query: Query, uids: UidSet,
): AsyncGenerator<MessageRow[]> {
  const search = new Search(ctx, mailbox);
  const folded = foldQuery(query);
  if (shallowestDepth(folded) !== "row") {
    yield* search.byStructure(folderId, folded, uids);
    return;
  }
  for await (const rows of mailbox.rows(ctx, folderId, uids)) {
    const verdicts = rows.map((row) => evaluate(folded, row, undefined));
    const found = new Set<number>();
    const undecided = undecidedRanges(rows, verdicts);
    if (undecided.length > 0) {
      for await (const more of search.byStructure(folderId, folded, undecided)) {
        for (const row of more) found.add(row.uid);
      }
    }
    yield rows.filter((row, index) => verdicts[index] ?? found.has(row.uid));
    await search.giveWay();
  }
}

/** What flags, keywords, UIDs and change numbers decide: no row need be made for each message. */
export function isOfFlags(query: Query): boolean {
  switch (query.op) {
    case "all": case "none": case "flag": case "keyword": case "uid": case "changed": return true;
    case "not": return isOfFlags(query.of);
    case "and": case "or": return query.of.every(isOfFlags);
    default: return false;
  }
}

/** {@link searchFolder} for a query of which {@link isOfFlags} holds. */
export async function* searchFlags(
  ctx: Ctx, mailbox: Mailbox, folderId: FolderId, query: Query, uids: UidSet,
): AsyncGenerator<Pick<MessageRow, "uid" | "modSeq">[]> {
  const folded = foldQuery(query);
  for await (const columns of mailbox.flags(ctx, folderId, uids)) {
    const found: Pick<MessageRow, "uid" | "modSeq">[] = [];
    // One row for all: the keys looked at are those of the columns.
    const row = { uid: 0, flags: 0, modSeq: 0, keywords: noKeywords };
    for (let at = 0; at < columns.count; at++) {
      row.uid = columns.uids[at]!;
      row.flags = columns.flags[at]!;
      row.modSeq = columns.modSeqs[at]!;
      row.keywords = columns.keywords.get(at) ?? noKeywords;
      if (evaluateFlags(folded, row)) found.push({ uid: row.uid as Uid, modSeq: row.modSeq as ChangeNumber });
    }
    yield found;
    throwIfCancelled(ctx);
  }
}

const noKeywords: readonly string[] = [];

interface FlagsOnly {
  readonly uid: number;
  readonly flags: number;
  readonly modSeq: number;
  readonly keywords: readonly string[];
}

function evaluateFlags(query: Query, row: FlagsOnly): boolean {
  switch (query.op) {
    case "all": return true;
    case "and": return query.of.every((one) => evaluateFlags(one, row));
    case "or": return query.of.some((one) => evaluateFlags(one, row));
    case "not": return !evaluateFlags(query.of, row);
    case "flag": return (row.flags & messageFlags[query.flag]) !== 0;
    case "keyword": return row.keywords.some((keyword) => fold(keyword) === query.keyword);
    case "uid": return isInRanges(query.ranges, row.uid);
    case "changed": return row.modSeq >= query.since;
    default: return false;
  }
}

/** Rows next to each other share a range: no message lies between them. */
function undecidedRanges(rows: readonly MessageRow[], verdicts: readonly (boolean | undefined)[]): UidRange[] {
  const ranges: { first: number; last: number }[] = [];
  let isOpen = false;
  rows.forEach((row, index) => {
    if (verdicts[index] !== undefined) {
      isOpen = false;
    } else if (isOpen) {
      ranges[ranges.length - 1]!.last = row.uid;
    } else {
      ranges.push({ first: row.uid, last: row.uid });
      isOpen = true;
    }
  });
  return ranges;
}

/** The same query with texts folded once. */
function foldQuery(query: Query): Query {
  if (query.op === "and" || query.op === "or") return { ...query, of: query.of.map(foldQuery) };
  if (query.op === "not") return { ...query, of: foldQuery(query.of) };
  if (query.op === "keyword") return { ...query, keyword: fold(query.keyword) };
  if (query.op === "header") return { ...query, name: query.name.toLowerCase(), text: fold(query.text) };
  return "text" in query ? { ...query, text: fold(query.text) } : query;
}

/** Case does not count, nor how an accent is composed. */
function fold(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** Undefined where the structure or the bytes would be needed. */
function evaluate(query: Query, row: MessageRow, index: MimeIndex | undefined): boolean | undefined {
  switch (query.op) {
    case "all": return true;
    case "none": return false;
    case "and": return evaluateAll(query.of, row, index, false);
    case "or": return evaluateAll(query.of, row, index, true);
    case "not": {
      const verdict = evaluate(query.of, row, index);
      return verdict === undefined ? undefined : !verdict;
    }
    case "flag": return (row.flags & messageFlags[query.flag]) !== 0;
    case "keyword": return row.keywords.some((keyword) => fold(keyword) === query.keyword);
    case "uid": return isInRanges(query.ranges, row.uid);
    case "sizeAbove": return row.sizeBytes > query.sizeBytes;
    case "sizeBelow": return row.sizeBytes < query.sizeBytes;
    case "received": return row.internalMs >= query.fromMs && row.internalMs < query.beforeMs;
    case "saved": return row.savedMs >= query.fromMs && row.savedMs < query.beforeMs;
    case "content": return row.contentId === query.contentId;
    case "changed": return row.modSeq >= query.since;
    default: return index === undefined ? undefined : evaluateStructure(query, index);
  }
}

function evaluateAll(
  queries: readonly Query[], row: MessageRow, index: MimeIndex | undefined, deciding: boolean,
): boolean | undefined {
  let isDecided = true;
  for (const query of queries) {
    const verdict = evaluate(query, row, index);
    if (verdict === deciding) return deciding;
    if (verdict === undefined) isDecided = false;
  }
  return isDecided ? !deciding : undefined;
}

function isInRanges(ranges: readonly { first: number; last: number }[], uid: number): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.last < uid) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low]!.first <= uid;
}

function evaluateStructure(query: Query, { envelope }: MimeIndex): boolean | undefined {
  switch (query.op) {
    case "subject": return holds(envelope.subject ?? "", query.text);
    case "from": case "to": case "cc": case "bcc":
      return query.text === "" || envelope[query.op].some((address) => holds(addressText(address), query.text));
    case "sentDay": {
      const day = writtenDay(envelope.date);
      return day !== undefined && day >= query.fromDay && day < query.beforeDay;
    }
    case "body": case "text": return query.text === "" ? true : undefined;
    case "header": return evaluateHeader(query.name, query.text, envelope);
    default: return undefined;
  }
}

/** The identifier fields are in the envelope as they stand, and clients look for them often. */
function evaluateHeader(name: string, text: string, envelope: MimeIndex["envelope"]): boolean | undefined {
  const value = name === "message-id" ? envelope.messageId : name === "in-reply-to" ? envelope.inReplyTo : undefined;
  if (value === null || value === undefined) return undefined;
  return holds(value, text) ? true : undefined;
}

function holds(text: string, foldedText: string): boolean {
  return fold(decodeWords(text)).includes(foldedText);
}

function addressText({ name, mailbox, host }: MimeAddress): string {
  const address = host === null ? mailbox ?? "" : `${mailbox ?? ""}@${host}`;
  return name === null ? address : `${name} <${address}>`;
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

function writtenDay(date: string | null): number | undefined {
  if (date === null) return undefined;
  const match = /(\d{1,2})[ -]+([A-Za-z]{3})[A-Za-z]*[ -]+(\d{4})\b/.exec(date.slice(0, 100));
  const month = match === null ? -1 : months.indexOf(match[2]!.toLowerCase());
  if (match !== null && month >= 0) return Date.UTC(Number(match[3]), month, Number(match[1])) / 86_400_000;
  const timeMs = parseDate(date);
  return timeMs === null ? undefined : Math.floor(timeMs / 86_400_000);
}

/** What one search carries from message to message: whose turn it is. */
class Search {
  readonly #ctx: Ctx;
  readonly #mailbox: Mailbox;
  #turnEndMs: number;

  constructor(ctx: Ctx, mailbox: Mailbox) {
    this.#ctx = ctx;
    this.#mailbox = mailbox;
    this.#turnEndMs = ctx.system.monotonicMs() + turnMs;
  }

  async *byStructure(folderId: FolderId, query: Query, uids: UidSet): AsyncGenerator<MessageRow[]> {
    for await (const messages of this.#mailbox.structures(this.#ctx, folderId, uids)) {
      const found: MessageRow[] = [];
      for (const message of messages) {
        const candidate = new Candidate(this, message, message.index);
        if (evaluate(query, message, message.index) ?? await candidate.decide(query)) found.push(message);
        await this.giveWay();
      }
      yield found;
    }
  }

  content(row: MessageRow): Promise<MessageContent> {
    return this.#mailbox.content(this.#ctx, row.contentId);
  }

  /** Others get the thread when the turn is over; throws Fault `cancelled` when nobody waits for the answer. */
  async giveWay(): Promise<void> {
    if (this.#ctx.system.monotonicMs() < this.#turnEndMs) return;
    await yieldToOthers();
    throwIfCancelled(this.#ctx);
    this.#turnEndMs = this.#ctx.system.monotonicMs() + turnMs;
  }
}

/** One message whose bytes must be looked at. */
class Candidate {
  readonly #search: Search;
  readonly #row: MessageRow;
  readonly #index: MimeIndex;
  #content: MessageContent | undefined;

  constructor(search: Search, row: MessageRow, index: MimeIndex) {
    this.#search = search;
    this.#row = row;
    this.#index = index;
  }

  async decide(query: Query): Promise<boolean> {
    const known = evaluate(query, this.#row, this.#index);
    if (known !== undefined) return known;
    switch (query.op) {
      case "and":
        for (const one of query.of) if (!await this.decide(one)) return false;
        return true;
      case "or":
        for (const one of query.of) if (await this.decide(one)) return true;
        return false;
      case "not": return !await this.decide(query.of);
      case "header": return this.#headerHolds(this.#index.root, query.name, query.text);
      case "body": return this.#partHolds(this.#index.root, query.text, 0);
      case "text":
        return await this.#headerHolds(this.#index.root, undefined, query.text) ||
          this.#partHolds(this.#index.root, query.text, 0);
      default: return false;
    }
  }

  async #read(offset: number, length: number): Promise<Uint8Array> {
    this.#content ??= await this.#search.content(this.#row);
    return this.#content.read(offset, length);
  }

  /** `name` undefined: any field, its name counting as text. */
  async #headerHolds(part: MimePart, name: string | undefined, text: string): Promise<boolean> {
    const size = Math.min(part.bodyStart - part.headerStart, limits.headerSectionMaxBytes);
    const bytes = await this.#read(part.headerStart, size);
    for (const field of headerFields(bytes)) {
      if (name !== undefined && field.name !== name) continue;
      const value = fieldText(bytes, field);
      if (holds(name === undefined ? `${field.name}: ${value}` : value, text)) return true;
    }
    return false;
  }

  async #partHolds(part: MimePart, text: string, depth: number): Promise<boolean> {
    if (depth > limits.mimeDepthMax) return false;
    if (part.kind === "multipart") {
      for (const child of part.children) if (await this.#partHolds(child, text, depth + 1)) return true;
      return false;
    }
    if (part.kind === "message") {
      return await this.#headerHolds(part.body, undefined, text) || this.#partHolds(part.body, text, depth + 1);
    }
    return part.type === "text" && this.#textHolds(part, text);
  }

  /** Piece by piece: the end of each is looked at again with the beginning of the next. */
  async #textHolds(part: MimePart, text: string): Promise<boolean> {
    this.#content ??= await this.#search.content(this.#row);
    const transfer = transferDecoder(part.encoding);
    const charset = charsetDecoder(paramValue(part.params, "charset"));
    const overlap = text.length * 2 + 16;
    let tail = "";
    const look = (piece: string): boolean => {
      const joined = tail + piece;
      tail = joined.slice(-overlap);
      return fold(joined).includes(text);
    };
    for await (const bytes of this.#content.stream(part.bodyStart, part.bodyEnd - part.bodyStart)) {
      for (let at = 0; at < bytes.length; at += 65_536) {
        if (look(charset.write(transfer.write(bytes.subarray(at, at + 65_536))))) return true;
        await this.#search.giveWay();
      }
    }
    return look(charset.write(transfer.end()) + charset.end());
  }
}
