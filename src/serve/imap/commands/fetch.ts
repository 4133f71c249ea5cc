/** FETCH and UID FETCH. RFC 9051 §6.4.5, RFC 7162 §3.1.4, RFC 9394, RFC 9586 */
import type { MimeIndex } from "#format/mime/types.ts";
import type { MailboxId } from "#base/ids.ts";
import type { MessageRow, UidRange } from "#mailbox/api.ts";
import type { PlainItem } from "#serve/imap/fetch-items.ts";
import type { SectionPlan } from "#serve/imap/fetch-body.ts";
import type { Handler, SessionState } from "#serve/imap/state.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { FetchItem, SectionItem, Window } from "#wire/imap/fetch.ts";
import type { ArgumentsOf } from "#wire/imap/commands.ts";
import type { Interval, SequenceSet } from "#wire/imap/sequence.ts";
import { limits } from "#base/limits.ts";
import { FieldNames, headerFieldsOctets } from "#format/mime/header-slice.ts";
import { messageFlags } from "#mailbox/api.ts";
import { isWhole } from "#serve/imap/body.ts";
import { UnknownEncoding, writeSections } from "#serve/imap/fetch-body.ts";
import { rowItems, structureItems } from "#serve/imap/fetch-items.ts";
import { encodeVanished, flagsOf } from "#serve/imap/flags.ts";
import { threadId } from "#serve/imap/places.ts";
import { no, ok, pastTheEnd } from "#serve/imap/state.ts";
import { encodeAstring, octetsOf } from "#wire/imap/encode.ts";
import { encodeSectionLabel } from "#wire/imap/fetch.ts";

/** One FETCH made ready: what is asked, and what has to be read for it. */
interface Plan {
  readonly plain: readonly PlainItem[];
  readonly sections: readonly SectionPlan[];
  /** The least that tells it all: flags alone, rows, rows with their header sections, or with their structure. */
  readonly reads: "flags" | "rows" | "headers" | "structures";
  /** Where only fields of these names are told of headers. */
  readonly fieldNames: readonly string[] | undefined;
  readonly setsSeen: boolean;
  readonly changedSince: number | undefined;
}

export const fetch: Handler<"FETCH"> = async (state, { args, isUid }) => {
  const view = state.selected;
  const plan = planFetch(args, isUid, view.isReadOnly);
  if (args.modifiers?.tellsVanished === true && (!isUid || !state.usesQresync)) {
    return { condition: "BAD", text: "VANISHED is for UID FETCH after ENABLE QRESYNC." };
  }
  const mistake = pastTheEnd(view, args.set, isUid);
  if (mistake !== undefined) return mistake;
  if (plan.changedSince !== undefined || plan.plain.includes("MODSEQ")) state.usesCondstore = true;
  const numbers = windowed(view.numbers(args.set, isUid), args.modifiers?.window);
  if (args.modifiers?.tellsVanished === true) await writeVanished(state, view, args, plan.changedSince!);
  if (numbers.length === 0) return ok("There are no such messages.");
  try {
    const { found, lost } = await writeMessages(state, view, plan, view.uidRanges(numbers));
    if (lost > 0) return no(`${lost} messages could not be read.`, "CORRUPTION");
    // RFC 5530 §3: some numbers stand for messages that are gone, be it told later.
    const someGone = view.hasHeldBack || (plan.changedSince === undefined && found < countOf(numbers));
    return ok("Fetched.", !isUid && someGone ? "EXPUNGEISSUED" : undefined);
  } catch (error) {
    if (error instanceof UnknownEncoding) return no(error.message, "UNKNOWN-CTE");
    throw error;
  }
};

/** What of messages goes out without having been asked for by this command; none is marked read. RFC 5465 §5.2 */
export async function fetchUnasked(
  state: SessionState, view: FolderView, items: readonly FetchItem[], uids: readonly number[],
): Promise<void> {
  const all: SequenceSet = [];
  const plan = planFetch({ set: all, items: [...items], modifiers: undefined }, true, true);
  await writeMessages(state, view, plan, view.rangesOf(uids.toSorted((a, b) => a - b)));
}

function planFetch(args: ArgumentsOf<"FETCH">, isUid: boolean, isReadOnly: boolean): Plan {
  const plain = new Set<PlainItem>(isUid ? ["UID"] : []);
  const sections: SectionPlan[] = [];
  for (const item of args.items) {
    if (item.item === "BODY[]" || item.item === "BINARY[]" || item.item === "BINARY.SIZE[]") {
      sections.push({ item, label: `${encodeSectionLabel(item, encodeAstring)} `, names: namesOf(item) });
    } else {
      plain.add(item.item);
    }
  }
  const changedSince = args.modifiers?.changedSince;
  // RFC 7162 §3.1.4.1
  if (changedSince !== undefined) plain.add("MODSEQ");
  const setsSeen = !isReadOnly && sections.some(({ item }) => item.item !== "BINARY.SIZE[]" && !item.isPeek);
  return {
    plain: [...plain], sections, reads: readsOf(plain, sections, setsSeen), fieldNames: fieldNamesOf(sections),
    setsSeen, changedSince,
  };
}

function fieldNamesOf(sections: readonly SectionPlan[]): readonly string[] | undefined {
  const names: string[] = [];
  for (const { item } of sections) {
    if (item.item !== "BODY[]" || item.section.text !== "HEADER.FIELDS") return undefined;
    names.push(...item.section.fieldNames);
  }
  return names;
}

function namesOf(item: FetchItem): FieldNames | undefined {
  return item.item === "BODY[]" && item.section.fieldNames.length > 0 ? new FieldNames(item.section.fieldNames)
    : undefined;
}

const flagItems: ReadonlySet<PlainItem> = new Set(["UID", "FLAGS", "MODSEQ"]);

function readsOf(plain: ReadonlySet<PlainItem>, sections: readonly SectionPlan[], setsSeen: boolean): Plan["reads"] {
  if ([...plain].some((item) => Object.hasOwn(structureItems, item))) return "structures";
  if (sections.length === 0) return [...plain].every((item) => flagItems.has(item)) ? "flags" : "rows";
  const isOfHeader = ({ item }: SectionPlan): boolean => item.item === "BODY[]" && isHeader(item);
  if (!setsSeen && sections.every(isOfHeader)) return "headers";
  return sections.some(({ item }) => item.item === "BODY[]" ? !isWhole(item.section) : item.partPath.length > 0)
    ? "structures" : "rows";
}

function isHeader({ section }: SectionItem): boolean {
  return section.partPath.length === 0 && section.text.startsWith("HEADER");
}

function countOf(numbers: readonly Interval[]): number {
  return numbers.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

/** The messages of a window, counted from either side. RFC 9394 §3.3 */
export function windowed(numbers: readonly Interval[], window: Window | undefined): readonly Interval[] {
  if (window === undefined) return numbers;
  const count = countOf(numbers);
  const from = window.isFromEnd ? count - window.last : window.first - 1;
  const to = window.isFromEnd ? count - window.first : window.last - 1;
  const kept: Interval[] = [];
  let at = 0;
  for (const { first, last } of numbers) {
    const start = Math.max(first, first + from - at);
    const end = Math.min(last, first + to - at);
    if (start <= end) kept.push({ first: start, last: end });
    at += last - first + 1;
  }
  return kept;
}

/** Which of the UIDs asked for are gone since. RFC 7162 §3.2.6 */
async function writeVanished(
  state: SessionState, view: FolderView, { set }: ArgumentsOf<"FETCH">, since: number,
): Promise<void> {
  const from = Math.min(since, view.cn) as typeof view.cn;
  const { vanished } = await view.mailbox.changes(state.ctx, view.folderId, from);
  const wanted = view.isInSet(set);
  // What is held back still has a number; it is told when that may be.
  const gone = [...vanished].filter((uid) => wanted(uid) && view.numberOf(uid) === 0);
  if (gone.length > 0) state.client.write(encodeVanished(gone, true));
}

type Row = MessageRow & { readonly index?: MimeIndex; readonly header?: Uint8Array | string };

/** The count of messages that could not be read. */
/** How many messages were there, and how many of these could not be read. */
interface Written {
  readonly found: number;
  readonly lost: number;
}

async function writeMessages(state: SessionState, view: FolderView, plan: Plan, uids: UidRange[]): Promise<Written> {
  if (plan.reads === "flags" && plan.changedSince === undefined) {
    return { found: await writeFlagList(state, view, plan, uids), lost: 0 };
  }
  const encode = new ItemEncoder(state, plan);
  const tellsThreads = plan.plain.includes("THREADID");
  let found = 0;
  let lost = 0;
  let number = 0;
  for await (const rows of rowsOf(state, view, plan, uids)) {
    found += rows.length;
    const wanted = plan.changedSince === undefined ? rows : rows.filter((row) => row.modSeq > plan.changedSince!);
    const seen = plan.setsSeen ? await setSeen(state, view, wanted) : undefined;
    if (tellsThreads) encode.threads = await threadsOf(state, view, wanted);
    for (const row of wanted) {
      number = view.numberNear(row.uid, number + 1);
      if (number === 0) continue;
      const items = encode.items(row, seen?.get(row.uid));
      const begin = state.usesUidOnly ? `* ${row.uid} UIDFETCH (${items}` : `* ${number} FETCH (${items}`;
      if (plan.sections.length === 0) state.client.write(`${begin})\r\n`);
      else if (plan.reads === "headers") writeHeaders(state, plan, row, begin, items !== "");
      else if (!await writeSections(state, plan.sections, row, begin, items !== "")) lost++;
      if (state.client.isFull) await state.client.drain();
    }
  }
  return { found, lost };
}

async function threadsOf(
  state: SessionState, view: FolderView, rows: readonly Row[],
): Promise<ReadonlyMap<number, string>> {
  return await view.mailbox.conversations(state.ctx, view.folderId, view.rangesOf(rows.map(({ uid }) => uid)));
}

/** Flags of many messages: text from columns, nothing made for each message. Tells how many there are. */
async function writeFlagList(state: SessionState, view: FolderView, plan: Plan, uids: UidRange[]): Promise<number> {
  const { client, usesUidOnly } = state;
  const tellsUid = plan.plain.includes("UID") && !usesUidOnly;
  const tellsFlags = plan.plain.includes("FLAGS");
  const tellsModSeq = plan.plain.includes("MODSEQ") || (tellsFlags && state.usesCondstore);
  let found = 0;
  let number = 0;
  for await (const { count, uids: present, flags, modSeqs, keywords } of view.mailbox.flags(
    state.ctx, view.folderId, uids)) {
    found += count;
    for (let at = 0; at < count; at++) {
      const uid = present[at]!;
      number = view.numberNear(uid, number + 1);
      if (number === 0) continue;
      let text = usesUidOnly ? `* ${uid} UIDFETCH (` : `* ${number} FETCH (${tellsUid ? `UID ${uid}` : ""}`;
      if (tellsFlags) {
        text += `${tellsUid ? " " : ""}${flagsOf(state, uid, flags[at]!, keywords.get(at) ?? noKeywords)}`;
      }
      if (tellsModSeq) text += `${tellsUid || tellsFlags ? " " : ""}MODSEQ (${modSeqs[at]!})`;
      client.write(`${text})\r\n`);
      if (client.isFull) await client.drain();
    }
  }
  return found;
}

const noKeywords: readonly string[] = [];

/** Only the changed rows when the change log can say which those are in one short read. RFC 7162 §3.1.4.1 */
async function* rowsOf(
  state: SessionState, view: FolderView, plan: Plan, uids: UidRange[],
): AsyncGenerator<readonly Row[]> {
  let wanted = uids;
  const { changedSince } = plan;
  if (changedSince !== undefined) {
    if (changedSince >= view.cn && !view.isDirty) return;
    if (view.cn - changedSince <= limits.imapChangedSinceCommitsMax) {
      const since = Math.min(changedSince, view.cn) as typeof view.cn;
      const { changed } = await view.mailbox.changes(state.ctx, view.folderId, since);
      const rows = withinRanges(changed, uids);
      if (plan.reads === "flags" || plan.reads === "rows") {
        yield rows;
        return;
      }
      wanted = rows.map(({ uid }) => ({ first: uid, last: uid }));
      if (wanted.length === 0) return;
    }
  }
  const { mailbox } = view;
  const { ctx } = state;
  if (plan.reads === "structures") yield* mailbox.structures(ctx, view.folderId, wanted);
  else if (plan.reads === "headers") yield* mailbox.headers(ctx, view.folderId, wanted, plan.fieldNames);
  else yield* mailbox.rows(ctx, view.folderId, wanted);
}

function withinRanges(rows: readonly MessageRow[], ranges: readonly UidRange[]): MessageRow[] {
  let at = 0;
  return rows.filter((row) => {
    while (at < ranges.length && ranges[at]!.last < row.uid) at++;
    return at < ranges.length && ranges[at]!.first <= row.uid;
  });
}

/** Reading a body without PEEK marks it read; the rows come back as they then are. RFC 9051 §6.4.5 */
async function setSeen(
  state: SessionState, view: FolderView, rows: readonly MessageRow[],
): Promise<Map<number, MessageRow> | undefined> {
  const unseen = rows.filter((row) => (row.flags & messageFlags.seen) === 0);
  if (unseen.length === 0) return undefined;
  const uids = unseen.map(({ uid }) => ({ first: uid, last: uid }));
  const change = { mode: "add" as const, flags: messageFlags.seen, keywords: [] };
  const result = await view.mailbox.setFlags(state.ctx, view.folderId, uids, change);
  for (const row of result.rows) view.noteTold(row);
  return new Map(result.rows.map((row) => [row.uid, row]));
}

/** Everything but bodies, in the order it was asked for. */
class ItemEncoder {
  readonly #state: SessionState;
  readonly #writers: readonly ((row: MessageRow, index: MimeIndex | undefined) => string)[];
  readonly #tellsFlags: boolean;
  readonly #tellsModSeq: boolean;
  /** Conversations of the rows at hand, by UID, where they are told. */
  threads: ReadonlyMap<number, string> | undefined;

  constructor(state: SessionState, { plain }: Plan) {
    this.#state = state;
    // RFC 9586 §3.2: the UID stands in front already.
    const told = plain.filter((item) => item !== "UID" || !state.usesUidOnly);
    this.#writers = told.map((item) => {
      const ofStructure = structureItems[item];
      const ofRow = rowItems[item];
      const { mailboxId } = state.selected.mailbox;
      if (item === "THREADID") return (row) => this.#threadOf(row, mailboxId);
      if (item === "FLAGS") return (row) => flagsOf(state, row.uid, row.flags, row.keywords);
      return ofStructure === undefined ? (row) => ofRow!(row, mailboxId) : (_, index) => ofStructure(index!);
    });
    this.#tellsFlags = plain.includes("FLAGS");
    this.#tellsModSeq = plain.includes("MODSEQ");
  }

  /** RFC 8474 §5.2: NIL for what belongs to no conversation. */
  #threadOf({ uid }: MessageRow, mailboxId: MailboxId): string {
    const conversation = this.threads?.get(uid);
    return `THREADID ${conversation === undefined ? "NIL" : `(${threadId(mailboxId, conversation)})`}`;
  }

  /** `changed` is the row as this command left it. */
  items(row: Row, changed: MessageRow | undefined): string {
    const current = changed ?? row;
    let text = "";
    for (const write of this.#writers) text += `${text === "" ? "" : " "}${write(current, row.index)}`;
    if (changed !== undefined && !this.#tellsFlags) {
      text += `${text === "" ? "" : " "}${flagsOf(this.#state, row.uid, changed.flags, changed.keywords)}`;
    }
    // RFC 7162 §3.2: flags come with their sequence once the client has shown that it knows of it.
    if ((this.#tellsFlags || changed !== undefined) && this.#state.usesCondstore && !this.#tellsModSeq) {
      text += ` MODSEQ (${current.modSeq})`;
    }
    return text;
  }
}

/** Sections of the message's own header, whose bytes came with the row. */
function writeHeaders(state: SessionState, { sections }: Plan, row: Row, begin: string, hasItems: boolean): void {
  let text = begin;
  for (const [index, { item, label, names }] of sections.entries()) {
    const { section, partial } = item as SectionItem;
    const header = row.header!;
    let octets = names === undefined ? octetsOf(header as Uint8Array)
      : headerFieldsOctets(header, names, section.text === "HEADER.FIELDS.NOT");
    if (partial !== undefined) octets = octets.slice(partial.offset, partial.offset + partial.sizeBytes);
    text += `${hasItems || index > 0 ? " " : ""}${label}{${octets.length}}\r\n${octets}`;
  }
  state.client.write(`${text})\r\n`);
}
