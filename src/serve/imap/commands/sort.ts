/** SORT and UID SORT, by what is stored of each message. RFC 5256, RFC 5957, RFC 5267 §3 */
import type { MimeAddress } from "#format/mime/types.ts";
import type { MessageSortKeys, MessageStructure } from "#mailbox/api.ts";
import type { Handler, SessionState } from "#serve/imap/state.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { SortCriterion, SortKey } from "#wire/imap/sort.ts";
import { decodeWords } from "#format/mime/words.ts";
import { badCharset, find, searchCompletion, tellsAnything } from "#serve/imap/commands/search.ts";
import { encodeExtended, save, tagCorrelator, writeList } from "#serve/imap/search-result.ts";
import { sortInTurns } from "#serve/imap/turns.ts";
import { baseSubject, casemap } from "#wire/imap/subject.ts";

/** RFC 5256 §3 */
export const sort: Handler<"SORT"> = async (state, { tag, args, isUid }) => {
  const view = state.selected;
  const found = await find(state, view, tag, args);
  if (found === undefined) return badCharset();
  const sorted = await sortMessages(state, view, found.uids, args.criteria);
  const modSeqOf = new Map(found.modSeqs.map((modSeq, index) => [found.uids[index]!, modSeq]));
  const result = { uids: sorted, modSeqs: found.modSeqs.length === 0 ? [] : sorted.map((uid) => modSeqOf.get(uid)!) };
  const told = { correlator: tagCorrelator(tag), view: isUid || state.usesUidOnly ? undefined : view };
  if (args.returns === undefined) {
    await writeList(state, "SORT", result, told.view);
  } else {
    save(view, result, args.returns);
    if (tellsAnything(args.returns)) state.client.write(encodeExtended(result, args.returns, told));
  }
  return searchCompletion(view, isUid);
};

type Keyed = readonly [uid: number, ...keys: (string | number)[]];

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
  state: SessionState, view: FolderView, uids: readonly number[], criteria: readonly SortCriterion[],
): Promise<number[]> {
  const keys = [...new Set(criteria.map(({ key }) => key))];
  const keyed = new Map<number, (string | number)[]>(uids.map((uid) => [uid, []]));
  const ranges = view.rangesOf(uids);
  const { mailbox } = view;
  const { ctx } = state;
  const take = <R extends { readonly uid: number }>(rows: readonly R[], table: KeyTable<R>): void => {
    for (const row of rows) {
      const values = keyed.get(row.uid);
      if (values === undefined) continue;
      for (const [at, key] of keys.entries()) {
        const value = table[key];
        if (value !== undefined) values[at] = value(row);
      }
    }
  };
  const isIn = (table: object) => (key: SortKey): boolean => Object.hasOwn(table, key);
  if (keys.some(isIn(columnKeys))) {
    for await (const rows of mailbox.sortKeys(ctx, view.folderId, ranges)) take(rows, columnKeys);
  }
  if (keys.some(isIn(structureKeys))) {
    for await (const rows of mailbox.structures(ctx, view.folderId, ranges)) take(rows, structureKeys);
  }
  const order = criteria.map(({ key, isReverse }) => ({ at: keys.indexOf(key) + 1, sign: isReverse ? -1 : 1 }));
  const messages = uids.map((uid): Keyed => [uid, ...keyed.get(uid)!]);
  const sorted = await sortInTurns(ctx, messages, (a, b) => {
    for (const { at, sign } of order) {
      const left = a[at] ?? "";
      const right = b[at] ?? "";
      if (left !== right) return left < right ? -sign : sign;
    }
    return a[0] - b[0];
  });
  return sorted.map(([uid]) => uid);
}
