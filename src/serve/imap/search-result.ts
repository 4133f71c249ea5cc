/** What SEARCH, SORT and their kin found, and how it is told. RFC 9051 §7.3.4, RFC 4731, RFC 9394, RFC 5267 §3 */
import type { SessionState } from "#serve/imap/state.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { ReturnOptions, SearchReturn } from "#wire/imap/search.ts";
import type { Window } from "#wire/imap/fetch.ts";
import { encodeString } from "#wire/imap/encode.ts";
import { encodeNumbers } from "#wire/imap/sequence.ts";

/** In the order of the answer: of the folder, or sorted. */
export interface Found {
  readonly uids: readonly number[];
  /** Change numbers beside the UIDs; empty when nobody asks for them. */
  readonly modSeqs: readonly number[];
  /** How well they fit, from 1 to 100 by UID, where something was looked for fuzzily. RFC 6203 §4 */
  readonly scores?: ReadonlyMap<number, number> | undefined;
}

/** `(TAG "a1")`, and the folder when it is not the one selected. RFC 7377 §2.1 */
export interface Told {
  readonly correlator: string;
  /** Undefined where UIDs stand in the answer. */
  readonly view: FolderView | undefined;
}

/** Message numbers or UIDs, as the client counts. */
export function numbersIn(found: Found, view: FolderView | undefined): readonly number[] {
  return view === undefined ? found.uids : found.uids.map((uid) => view.numberOf(uid));
}

/** `* ESEARCH (TAG "a1") UID COUNT 5 ALL 4:19,21`. RFC 9051 §7.3.4 */
export function encodeExtended(found: Found, { options, window }: ReturnOptions, { correlator, view }: Told): string {
  const numbers = numbersIn(found, view);
  const wants = (option: SearchReturn): boolean => options.includes(option);
  let text = `* ESEARCH (${correlator})${view === undefined ? " UID" : ""}`;
  if (wants("COUNT")) text += ` COUNT ${numbers.length}`;
  if (window !== undefined) {
    const part = inWindow(numbers, window);
    text += ` PARTIAL (${windowText(window)} ${part.length === 0 ? "NIL" : encodeNumbers(part)})`;
  }
  if (numbers.length > 0) {
    if (wants("MIN")) text += ` MIN ${numbers[0]}`;
    if (wants("MAX")) text += ` MAX ${numbers.at(-1)}`;
    if (wants("ALL")) text += ` ALL ${encodeNumbers(numbers)}`;
    const modSeq = toldModSeq(found, options, window);
    if (modSeq !== undefined) text += ` MODSEQ ${modSeq}`;
  }
  if (wants("RELEVANCY")) {
    const told = window === undefined ? found.uids : inWindow(found.uids, window);
    text += ` RELEVANCY (${told.map((uid) => scoreOf(found, uid)).join(" ")})`;
  }
  return `${text}\r\n`;
}

/** What no word was looked for in fits as well as anything. RFC 6203 §4 */
export function scoreOf({ scores }: Found, uid: number): number {
  return scores === undefined || scores.size === 0 ? 100 : scores.get(uid) ?? 1;
}

/** `TAG "a1"`. RFC 9051 §7.3.4 */
export function tagCorrelator(tag: string): string {
  return `TAG ${encodeString(tag)}`;
}

/** RFC 9394 §3.1: counted from the first found, or from the last. */
export function inWindow<T>(values: readonly T[], { first, last, isFromEnd }: Window): readonly T[] {
  if (!isFromEnd) return values.slice(first - 1, last);
  return values.slice(Math.max(0, values.length - last), Math.max(0, values.length - first + 1));
}

function windowText({ first, last, isFromEnd }: Window): string {
  return isFromEnd ? `-${first}:-${last}` : `${first}:${last}`;
}

/** The highest change of what is told: with MIN or MAX alone of those messages only. RFC 7162 §3.1.10 */
function toldModSeq(
  { modSeqs }: Found, options: readonly SearchReturn[], window: Window | undefined,
): number | undefined {
  if (modSeqs.length === 0) return undefined;
  const told = window !== undefined ? inWindow(modSeqs, window)
    : options.includes("ALL") || options.includes("COUNT") ? modSeqs
      : [...(options.includes("MIN") ? [modSeqs[0]!] : []), ...(options.includes("MAX") ? [modSeqs.at(-1)!] : [])];
  let highest = 0;
  for (const modSeq of told.length === 0 ? modSeqs : told) highest = Math.max(highest, modSeq);
  return highest;
}

/** `$` becomes what was found; with MIN or MAX and nothing more, those. RFC 9051 §6.4.4.1 */
export function save(view: FolderView, { uids }: Found, { options }: ReturnOptions): void {
  if (!options.includes("SAVE")) return;
  const isWhole = options.includes("ALL") || options.includes("COUNT") ||
    !(options.includes("MIN") || options.includes("MAX"));
  if (isWhole || uids.length === 0) {
    view.save(uids);
    return;
  }
  view.save([...(options.includes("MIN") ? [uids[0]!] : []), ...(options.includes("MAX") ? [uids.at(-1)!] : [])]);
}

/** `* SEARCH 2 5 7 (MODSEQ 917)`, or SORT. RFC 3501 §7.2.5, RFC 5256 §4, RFC 7162 §3.1.5 */
export async function writeList(
  state: SessionState, name: "SEARCH" | "SORT", found: Found, view: FolderView | undefined,
): Promise<void> {
  const { client } = state;
  const numbers = numbersIn(found, view);
  client.write(`* ${name}`);
  for (let at = 0; at < numbers.length; at += 1000) {
    client.write(` ${numbers.slice(at, at + 1000).join(" ")}`);
    await client.drain();
  }
  const modSeq = toldModSeq(found, ["ALL"], undefined);
  client.write(modSeq === undefined ? "\r\n" : ` (MODSEQ ${modSeq})\r\n`);
}
