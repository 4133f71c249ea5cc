/** Which messages of a folder a query may describe: by conditions on their rows, then by their trigrams. */
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import type { FolderId, MailboxId } from "#base/ids.ts";
import { toSource } from "#mailbox/items/load.ts";
import type { SourceRecord } from "#mailbox/items/load.ts";
import type { Candidates, UidRange, UidSet } from "#mailbox/api.ts";
import type { Query } from "#mailbox/query.ts";
import { gramTest, looksAtBytes } from "#mailbox/search/grams.ts";
import type { GramTest } from "#mailbox/search/grams.ts";
import { isOfSubject } from "#mailbox/search/subject.ts";
import { rowFilter, undecidedByRows } from "#mailbox/search/row-filter.ts";
import type { RowFilter } from "#mailbox/search/row-filter.ts";
import { keepGrams } from "#mailbox/tx/grams.ts";
import type { GramsKept, KeepGrams } from "#mailbox/tx/grams.ts";
import { uidMax } from "#mailbox/tx/rows.ts";
import type { Dialect, Store } from "#store/api.ts";
import { numberList, numberSet } from "#store/number-list.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Messages looked at in one read: their rows alone, or with their trigrams. */
const rowsAtOnce = 8000;
const gramsAtOnce = 2000;
/** Older messages whose trigrams are made by one procedure, and procedures that may share a commit. */
const madeAtOnce = 200;
const madeBeside = 3;

export interface CandidateSource {
  readonly store: Store;
  readonly mailboxId: MailboxId;
  readonly folderId: FolderId;
  /** Read marks are each reader's own. */
  readonly hasReaders: boolean;
}

/** Ascending, in slices, of the messages in `uids`. With `modSeqs` each comes with its change number. */
export async function* findCandidates(
  ctx: Ctx, from: CandidateSource, uids: UidSet, query: Query, { modSeqs }: { modSeqs: boolean },
): AsyncGenerator<Candidates> {
  const options = { hasReaders: from.hasReaders };
  const filter = rowFilter(query, 6, options);
  const left = undecidedByRows(query, options);
  // Subjects are read faster than trigrams are.
  const test = filter.isExact || isOfSubject(left) ? undefined : gramTest(left);
  const makesMissing = looksAtBytes(left);
  const text = test === undefined ? listText(filter, modSeqs) : gramsText(filter, from.store.dialect);
  for await (const window of windowsOf(ctx, from, uids, test === undefined ? rowsAtOnce : gramsAtOnce)) {
    const { mailboxId, folderId, store } = from;
    const values = [mailboxId, folderId, window.first, window.last, uidMax, ...filter.values];
    const rows = await store.read(ctx, mailboxId, () => all<{ list: string | null }>(text, ...values));
    const { list } = rows[0]!;
    if (test === undefined) {
      yield within(parseList(list, modSeqs, filter.isExact), window.only);
    } else {
      const found = testLines(list, test);
      const isMade = found.missing.size > 0 && makesMissing;
      yield within(isMade ? await makeMissing(ctx, from, found, test) : found, window.only);
    }
    await yieldToOthers();
  }
}

interface Window extends UidRange {
  /** Ranges that lie close to each other are read as one; what lies between them is left out after. */
  readonly only: readonly UidRange[] | undefined;
}

/** Ranges of UIDs that hold at most so many messages each: how long a read takes does not depend on luck. */
async function* windowsOf(
  ctx: Ctx, { store, mailboxId, folderId }: CandidateSource, uids: UidSet, rowsMax: number,
): AsyncGenerator<Window> {
  const folder = await store.read(ctx, mailboxId, () => get<{ uid_next: number }>(
    "SELECT uid_next FROM folder WHERE mailbox_id = $1 AND folder_id = $2", mailboxId, folderId));
  const newest = (folder?.uid_next ?? 1) - 1;
  const ranges = uids === "all" ? [{ first: 1, last: newest }] : uids;
  for (let at = 0; at < ranges.length;) {
    const start = at;
    let { first } = ranges[at]!;
    const end = Math.min(ranges[at]!.last, newest);
    while (at + 1 < ranges.length && ranges[at + 1]!.last - first < rowsMax) at++;
    at++;
    if (at > start + 1) {
      yield { first, last: Math.min(ranges[at - 1]!.last, newest), only: ranges.slice(start, at) };
      continue;
    }
    while (first <= end) {
      // As many UIDs as messages wanted: no more can be in it.
      let last = Math.min(end, first + rowsMax - 1);
      if (last < end) {
        const from = first;
        const edge = await store.read(ctx, mailboxId, () => get<{ uid: number }>(
          `SELECT uid FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid BETWEEN $3 AND $4
           ORDER BY uid LIMIT 1 OFFSET $5`, mailboxId, folderId, from, end, rowsMax - 1));
        last = edge?.uid ?? end;
      }
      yield { first, last, only: undefined };
      first = last + 1;
    }
  }
}

function within(found: Candidates, only: readonly UidRange[] | undefined): Candidates {
  if (only === undefined) return found;
  let at = 0;
  const kept: number[] = [];
  for (const [index, uid] of found.uids.entries()) {
    while (at < only.length && only[at]!.last < uid) at++;
    if (at < only.length && only[at]!.first <= uid) kept.push(index);
  }
  const pick = <T>(values: readonly T[]): T[] => (values.length === 0 ? [] : kept.map((index) => values[index]!));
  return {
    uids: pick(found.uids), modSeqs: pick(found.modSeqs), sure: found.sure === undefined ? undefined : pick(found.sure),
  };
}

/** One text for all rows found: a fraction of what rows cost. Lines are `uid[ mod_seq][ sure]`. */
function listText({ may, must, isExact }: RowFilter, modSeqs: boolean): string {
  const line = `CAST(m.uid AS TEXT)${modSeqs ? " || ' ' || CAST(m.mod_seq AS TEXT)" : ""}` +
    (isExact ? "" : ` || CASE WHEN ${must} THEN ' 1' ELSE ' 0' END`);
  return `SELECT string_agg(line, ',') AS list FROM (
    SELECT ${line} AS line FROM message m
    WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 AND ${may}
    ORDER BY m.uid LIMIT $5) AS slice`;
}

/** Numbers by digits: a message costs no string. */
function parseList(list: string | null, modSeqs: boolean, isExact: boolean): Candidates {
  const uids: number[] = [];
  const seqs: number[] = [];
  const sure: boolean[] = [];
  const text = list ?? "";
  let field = 0;
  let value = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? 0x2c : text.charCodeAt(at);
    if (code >= 0x30) {
      value = value * 10 + code - 0x30;
      continue;
    }
    if (at === 0) break;
    if (field === 0) uids.push(value);
    else if (modSeqs && field === 1) seqs.push(value);
    else sure.push(value === 1);
    value = 0;
    field = code === 0x2c ? 0 : field + 1;
  }
  return { uids, modSeqs: seqs, sure: isExact ? undefined : sure };
}

/** Lines are `uid mod_seq sure content_id grams`, `-` for trigrams that are not there. */
function gramsText({ may, must }: RowFilter, dialect: Dialect): string {
  const digits = dialect === "sqlite" ? "hex(g.grams)" : "encode(g.grams, 'hex')";
  return `SELECT string_agg(line, ',') AS list FROM (
    SELECT CAST(m.uid AS TEXT) || ' ' || CAST(m.mod_seq AS TEXT) || CASE WHEN ${must} THEN ' 1 ' ELSE ' 0 ' END ||
      CAST(COALESCE(m.content_id, 0) AS TEXT) || ' ' || CASE WHEN g.grams IS NULL THEN '-' ELSE ${digits} END AS line
    FROM message m LEFT JOIN content_grams g ON g.mailbox_id = m.mailbox_id AND g.content_id = m.content_id
    WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 AND ${may}
    ORDER BY m.uid LIMIT $5) AS slice`;
}

interface Tested extends Candidates {
  readonly sure: boolean[];
  /** Contents that were passed on for want of trigrams, and where they stand. */
  readonly missing: ReadonlyMap<number, readonly number[]>;
}

function testLines(list: string | null, test: GramTest): Tested {
  const uids: number[] = [];
  const modSeqs: number[] = [];
  const sure: boolean[] = [];
  const missing = new Map<number, number[]>();
  const text = list ?? "";
  const fields = [0, 0, 0, 0];
  const grams = { text, start: 0, end: 0 };
  for (let at = 0; at < text.length;) {
    for (let field = 0; field < 4; field++) {
      let value = 0;
      for (let code = text.charCodeAt(at); code !== 0x20; code = text.charCodeAt(at)) {
        value = value * 10 + code - 0x30;
        at++;
      }
      fields[field] = value;
      at++;
    }
    const comma = text.indexOf(",", at);
    grams.start = at;
    grams.end = comma < 0 ? text.length : comma;
    at = grams.end + 1;
    const [uid, modSeq, isSure, contentId] = fields as [number, number, number, number];
    const isMissing = text.charCodeAt(grams.start) === 0x2d;
    const verdict = isSure === 1 ? true : isMissing || grams.end === grams.start ? undefined : test(grams);
    if (verdict === false) continue;
    if (isMissing && contentId !== 0 && verdict === undefined) {
      const same = missing.get(contentId);
      if (same === undefined) missing.set(contentId, [uids.length]);
      else same.push(uids.length);
    }
    uids.push(uid);
    modSeqs.push(modSeq);
    sure.push(verdict === true);
  }
  return { uids, modSeqs, sure, missing };
}

/** Messages from before trigrams were kept get theirs when their bytes would be read anyway. */
async function makeMissing(
  ctx: Ctx, { store, mailboxId }: CandidateSource, found: Tested, test: GramTest,
): Promise<Candidates> {
  const ids = [...found.missing.keys()];
  const gone = new Set<number>();
  const settle = (made: readonly GramsKept[]): void => {
    for (const { contentId, grams } of made) {
      const text = Buffer.from(grams).toString("hex");
      const verdict = text === "" ? undefined : test({ text, start: 0, end: text.length });
      for (const index of found.missing.get(contentId) ?? []) {
        if (verdict === false) gone.add(index);
        else if (verdict === true) found.sure[index] = true;
      }
    }
  };
  for (let at = 0; at < ids.length; at += madeAtOnce * madeBeside) {
    const batches: KeepGrams[] = [];
    for (let from = at; from < Math.min(ids.length, at + madeAtOnce * madeBeside); from += madeAtOnce) {
      const list = numberList(ids.slice(from, from + madeAtOnce));
      const sources = await store.read(ctx, mailboxId, () => readSources(store, mailboxId, list));
      batches.push({
        messages: sources.map((row) => ({ contentId: row.content_id, source: toSource(row), index: row.mime_index })),
      });
      await yieldToOthers();
    }
    const done = await Promise.all(batches.map((batch) => store.transact(ctx, mailboxId, keepGrams, batch)));
    for (const made of done) settle(made);
  }
  if (gone.size === 0) return found;
  const isLeft = (_: unknown, index: number): boolean => !gone.has(index);
  return {
    uids: found.uids.filter(isLeft), modSeqs: found.modSeqs.filter(isLeft), sure: found.sure.filter(isLeft),
  };
}

function* readSources(store: Store, mailboxId: number, list: string): Work<SourceRecord[]> {
  return yield* all<SourceRecord>(
    `SELECT c.content_id, c.size_bytes, c.hash, c.bytes, x.mime_index FROM content c
     JOIN mime x ON x.mailbox_id = c.mailbox_id AND x.content_id = c.content_id
     WHERE c.mailbox_id = $1 AND c.content_id IN ${numberSet(store.dialect, "$2")}`, mailboxId, list);
}
