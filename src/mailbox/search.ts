/**
 * Evaluates a {@link Query} over one folder. Each message is decided from as little as possible: its row, then its
 * structure, then its bytes. Nothing is held for the folder as a whole, and the event loop is given away often.
 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import type { MimeIndex } from "#format/mime/types.ts";
import type { Mailbox, MessageContent, MessageRow, UidRange, UidSet } from "#mailbox/api.ts";
import type { Query } from "#mailbox/query.ts";
import type { Section } from "#mailbox/search/texts.ts";
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import { parseDate } from "#format/mime/date.ts";
import { foldText } from "#format/mime/fold.ts";
import { decodeWords } from "#format/mime/words.ts";
import { messageFlags } from "#mailbox/api.ts";
import { deepestDepth } from "#mailbox/query.ts";
import { undecidedByRows } from "#mailbox/search/row-filter.ts";
import { isOfSubject, subjectHolds, wholeSubjectMax } from "#mailbox/search/subject.ts";
import { addressText, fieldsOf, PartReader, sectionsOf } from "#mailbox/search/texts.ts";

/** How long searching keeps the thread before others get a turn. */
const turnMs = 8;

/** What was found, in UID order. */
export interface FoundColumns {
  readonly uids: readonly number[];
  /** Beside the UIDs; empty when they were not asked for. */
  readonly modSeqs: readonly number[];
}

/** The messages in `uids` that `query` describes, in slices. */
export async function* searchFolder(
  ctx: Ctx, mailbox: Mailbox, folderId: FolderId, query: Query, uids: UidSet, { modSeqs = false } = {},
): AsyncGenerator<FoundColumns> {
  const search = new Search(ctx, mailbox);
  // Of what is not sure, the rows have said all that they can, save read marks where each reader has their own.
  const folded = foldQuery(undecidedByRows(query, { hasReaders: true }));
  for await (const found of mailbox.candidates(ctx, folderId, uids, query, { modSeqs })) {
    yield found.sure === undefined ? found : await search.verify(folderId, folded, found, found.sure);
    throwIfCancelled(ctx);
  }
}

/** UIDs next to each other share a range. */
function rangesOf(uids: readonly number[]): UidRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const uid of uids) {
    const previous = ranges.at(-1);
    if (previous !== undefined && previous.last + 1 === uid) previous.last = uid;
    else ranges.push({ first: uid, last: uid });
  }
  return ranges;
}

/** The same query with texts folded once. */
function foldQuery(query: Query): Query {
  if (query.op === "and" || query.op === "or") return { ...query, of: query.of.map(foldQuery) };
  if (query.op === "not") return { ...query, of: foldQuery(query.of) };
  if (query.op === "keyword") return { ...query, keyword: foldText(query.keyword) };
  if (query.op === "header") return { ...query, name: query.name.toLowerCase(), text: foldText(query.text) };
  return "text" in query ? { ...query, text: foldText(query.text) } : query;
}

/** What the row of a message decides; undefined where its structure or its bytes would be needed. */
export function decidedByRow(query: Query, row: MessageRow): boolean | undefined {
  return evaluate(foldQuery(query), row, undefined);
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
    case "keyword": return row.keywords.some((keyword) => foldText(keyword) === query.keyword);
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
      return query.text === "" ||
        envelope[query.op].some((address) => foldText(addressText(address)).includes(query.text));
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
  return foldText(decodeWords(text)).includes(foldedText);
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

  /** Looks at the messages themselves where rows and trigrams did not tell. */
  async verify(
    folderId: FolderId, query: Query, found: FoundColumns, sure: readonly boolean[],
  ): Promise<FoundColumns> {
    const open = found.uids.filter((_, index) => !sure[index]);
    if (open.length === 0) return found;
    const matching = new Set<number>();
    const rest = isOfSubject(query) ? await this.#bySubject(folderId, query, open, matching) : open;
    if (rest.length === 0) {
      // The columns told.
    } else if (deepestDepth(query) === "row") {
      for await (const rows of this.#mailbox.rows(this.#ctx, folderId, rangesOf(rest))) {
        for (const row of rows) if (evaluate(query, row, undefined) === true) matching.add(row.uid);
        await this.giveWay();
      }
    } else {
      for await (const messages of this.#mailbox.structures(this.#ctx, folderId, rangesOf(rest))) {
        for (const message of messages) {
          if (await new Candidate(this, message, message.index).decide(query)) matching.add(message.uid);
          await this.giveWay();
        }
      }
    }
    const kept = found.uids.flatMap((uid, index) => (sure[index] === true || matching.has(uid) ? [index] : []));
    return {
      uids: kept.map((index) => found.uids[index]!),
      modSeqs: found.modSeqs.length === 0 ? [] : kept.map((index) => found.modSeqs[index]!),
    };
  }

  /** From the column alone; the UIDs of those whose subject does not stand there whole. */
  async #bySubject(
    folderId: FolderId, query: Query, open: readonly number[], matching: Set<number>,
  ): Promise<number[]> {
    const cut: number[] = [];
    for await (const rows of this.#mailbox.subjects(this.#ctx, folderId, rangesOf(open))) {
      for (const { uid, subject } of rows) {
        if (subject.length > wholeSubjectMax) cut.push(uid);
        else if (subjectHolds(query, foldText(subject))) matching.add(uid);
      }
      await this.giveWay();
    }
    return cut;
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

/** Read at once of a text part. */
const pieceBytes = 65_536;

/** One message that is looked at as deep as the query needs. */
class Candidate {
  readonly #search: Search;
  readonly #row: MessageRow;
  readonly #index: MimeIndex;
  #content: MessageContent | undefined;
  #sections: readonly Section[] | undefined;

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
      case "header": return await this.#headerHolds(query.name, query.text);
      case "body": return await this.#holds(({ kind }) => kind === "enclosed" || kind === "text", query.text);
      case "text": return await this.#holds(() => true, query.text);
      default: return false;
    }
  }

  async #read(start: number, end: number): Promise<Uint8Array> {
    this.#content ??= await this.#search.content(this.#row);
    return this.#content.read(start, end - start);
  }

  get #all(): readonly Section[] {
    return this.#sections ??= sectionsOf(this.#index);
  }

  async #headerHolds(name: string, text: string): Promise<boolean> {
    const { start, end } = this.#all[0]!;
    const before = name.length + 2;
    for (const field of fieldsOf(await this.#read(start, end))) {
      if (field.name === name && field.folded.includes(text, before)) return true;
    }
    return false;
  }

  async #holds(isWanted: (section: Section) => boolean, text: string): Promise<boolean> {
    for (const section of this.#all) {
      if (!isWanted(section)) continue;
      if (section.kind === "text" ? await this.#partHolds(section, text) : await this.#fieldsHold(section, text)) {
        return true;
      }
    }
    return false;
  }

  async #fieldsHold({ start, end }: Section, text: string): Promise<boolean> {
    for (const { folded } of fieldsOf(await this.#read(start, end))) if (folded.includes(text)) return true;
    return false;
  }

  async #partHolds({ start, end, part }: Section, text: string): Promise<boolean> {
    let isFound = false;
    const reader = new PartReader(part, () => {
      // The end of each piece is looked at again with the beginning of the next.
      let tail = "";
      return (folded) => {
        if (isFound || folded === "") return;
        const joined = tail + folded;
        isFound = joined.includes(text);
        tail = text.length === 1 ? "" : joined.slice(1 - text.length);
      };
    });
    for (let at = start; at < end && !isFound; at += pieceBytes) {
      reader.write(await this.#read(at, Math.min(end, at + pieceBytes)));
      await this.#search.giveWay();
    }
    if (!isFound) reader.end();
    return isFound;
  }
}
