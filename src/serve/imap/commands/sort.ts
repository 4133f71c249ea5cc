/** SORT and UID SORT, by what is stored of each message. RFC 5256, RFC 5957, RFC 5267 §3 */
import type { MimeAddress } from "#format/mime/types.ts";
import type { MessageSortKeys, MessageStructure } from "#mailbox/api.ts";
import type { Handler, SessionState } from "#serve/imap/state.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { SortCriterion, SortKey } from "#wire/imap/sort.ts";
import { decodeWords } from "#format/mime/words.ts";
import { badCharset, find, refuseTwin, searchCompletion, tellsAnything } from "#serve/imap/commands/search.ts";
import { keepUpToDate } from "#serve/imap/contexts.ts";
import { encodeExtended, save, scoreOf, tagCorrelator, writeList } from "#serve/imap/search-result.ts";
import type { Found } from "#serve/imap/search-result.ts";
import { sortInTurns } from "#serve/imap/turns.ts";
import { baseSubject, casemap } from "#wire/imap/subject.ts";

/** RFC 5256 §3 */
export const sort: Handler<"SORT"> = async (state, { tag, args, isUid }) => {
  const view = state.selected;
  refuseTwin(view, tag, args.returns);
  const found = await find(state, view, tag, args);
  if (found === undefined) return badCharset();
  const sorted = await sortMessages(state, view, found.uids, args.criteria, found);
  const modSeqOf = new Map(found.modSeqs.map((modSeq, index) => [found.uids[index]!, modSeq]));
  const result = { uids: sorted, modSeqs: found.modSeqs.length === 0 ? [] : sorted.map((uid) => modSeqOf.get(uid)!),
    scores: found.scores };
  keepUpToDate(state, view, {
    tag, isUid, returns: args.returns, found: { ...result, again: found.again },
    // How well something fits changes with every message.
    ...(args.criteria.some(({ key }) => key === "RELEVANCY") ? { refusal: "Relevancy does not stand still." }
      : { order: (uids: readonly number[]) => sortMessages(state, view, uids, args.criteria) }),
  });
  const told = { correlator: tagCorrelator(tag), view: isUid || state.usesUidOnly ? undefined : view };
  if (args.returns === undefined) {
    await writeList(state, "SORT", result, told.view);
  } else {
    save(view, result, args.returns);
    if (tellsAnything(args.returns)) state.client.write(encodeExtended(result, args.returns, told));
  }
  return searchCompletion(view, isUid);
};

type KeyTable<R> = Partial<Record<SortKey, (row: R) => string | number>>;

/** What the stored columns tell. RFC 5256 §3 */
const columnKeys: Partial<Record<SortKey, (row: MessageSortKeys) => string | number>> = {
  ARRIVAL: (row) => row.internalMs,
  SIZE: (row) => row.sizeBytes,
  DATE: (row) => row.sentMs ?? row.internalMs,
  SUBJECT: (row) => baseSubject(row.subject).base,
};
/** What only the envelope tells. RFC 5256 §3, RFC 5957 §2 */
const structureKeys: Partial<Record<SortKey, (row: MessageStructure) => string>> = {
  CC: ({ index }) => mailboxOf(index.envelope.cc),
  FROM: ({ index }) => mailboxOf(index.envelope.from),
  TO: ({ index }) => mailboxOf(index.envelope.to),
  DISPLAYFROM: ({ index }) => displayOf(index.envelope.from),
  DISPLAYTO: ({ index }) => displayOf(index.envelope.to),
};

/** The part before the `@` of the first address. RFC 5256 §3 */
function mailboxOf([first]: readonly MimeAddress[]): string {
  return casemap(first?.mailbox ?? "");
}

/** The name of the first address, else the address. RFC 5957 §2 */
function displayOf([first]: readonly MimeAddress[]): string {
  if (first === undefined) return "";
  if (first.name !== null && first.name !== "") return casemap(decodeWords(first.name));
  return casemap(first.host === null ? first.mailbox ?? "" : `${first.mailbox ?? ""}@${first.host}`);
}

/** The same messages in another order; what compares alike stays in the order of the folder. RFC 5256 §3 */
async function sortMessages(
  state: SessionState, view: FolderView, uids: readonly number[], criteria: readonly SortCriterion[], found?: Found,
): Promise<number[]> {
  const keys = [...new Set(criteria.map(({ key }) => key))];
  const values = keys.map((): (string | number)[] => new Array<string | number>(uids.length).fill(""));
  const ranges = view.rangesOf(uids);
  const { mailbox } = view;
  const { ctx } = state;
  // Rows come in the order of the UIDs: each finds its place next to the one before.
  const taker = <R extends { readonly uid: number }>(table: KeyTable<R>): ((rows: readonly R[]) => void) => {
    const told = keys.flatMap((key, at) => (table[key] === undefined ? [] : [{ column: values[at]!, of: table[key] }]));
    let index = 0;
    return (rows) => {
      for (const row of rows) {
        while (index < uids.length && uids[index]! < row.uid) index++;
        if (uids[index] !== row.uid) continue;
        for (const { column, of } of told) column[index] = of(row);
      }
    };
  };
  const isIn = (table: object) => (key: SortKey): boolean => Object.hasOwn(table, key);
  if (keys.some(isIn(columnKeys))) {
    const take = taker(columnKeys);
    const isWanted = { hasSubject: keys.includes("SUBJECT"), hasDate: keys.includes("DATE") };
    for await (const rows of mailbox.sortKeys(ctx, view.folderId, ranges, isWanted)) take(rows);
  }
  if (keys.some(isIn(structureKeys))) {
    const take = taker(structureKeys);
    for await (const rows of mailbox.structures(ctx, view.folderId, ranges)) take(rows);
  }
  if (found !== undefined && keys.includes("RELEVANCY")) {
    // RFC 6203 §6: what fits best comes first.
    values[keys.indexOf("RELEVANCY")] = uids.map((uid) => -scoreOf(found, uid));
  }
  const order = criteria.map(({ key, isReverse }) =>
    ({ column: values[keys.indexOf(key)]!, sign: isReverse ? -1 : 1 }));
  const sorted = await sortInTurns(ctx, [...uids.keys()], (a, b) => {
    for (const { column, sign } of order) {
      const left = column[a]!;
      const right = column[b]!;
      if (left !== right) return left < right ? -sign : sign;
    }
    return a - b;
  });
  return sorted.map((index) => uids[index]!);
}
