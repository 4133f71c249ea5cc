/** FETCH and UID FETCH. RFC 9051 §6.4.5, RFC 7162 §3.1.4 */
import type { MimeIndex } from "#format/mime/types.ts";
import type { MessageContent, MessageRow, MessageStructure, UidRange } from "#mailbox/api.ts";
import type { SectionBytes } from "#serve/imap/body.ts";
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { FetchItem, SectionItem } from "#wire/imap/fetch.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import { isWhole, locateSection } from "#serve/imap/body.ts";
import { encodeFlags } from "#serve/imap/flags.ts";
import { no, ok, OutOfStep } from "#serve/imap/state.ts";
import { encodeDateTime } from "#wire/imap/date.ts";
import { encodeAstring } from "#wire/imap/encode.ts";
import { encodeSectionLabel } from "#wire/imap/fetch.ts";
import { encodeBodyStructure, encodeEnvelope } from "#wire/imap/structure.ts";

type PlainItem = Exclude<FetchItem["item"], "BODY[]">;

/** What each plain item answers; those of the second table need the stored structure. RFC 9051 §7.5.2 */
const rowItems: Partial<Record<PlainItem, (row: MessageRow) => string>> = {
  UID: (row) => `UID ${row.uid}`,
  FLAGS: encodeFlags,
  INTERNALDATE: (row) => `INTERNALDATE ${encodeDateTime(row.internalMs)}`,
  "RFC822.SIZE": (row) => `RFC822.SIZE ${row.sizeBytes}`,
  MODSEQ: (row) => `MODSEQ (${row.modSeq})`,
};
const structureItems: Partial<Record<PlainItem, (index: MimeIndex) => string>> = {
  ENVELOPE: (index) => `ENVELOPE ${encodeEnvelope(index.envelope)}`,
  BODY: (index) => `BODY ${encodeBodyStructure(index.root, false)}`,
  BODYSTRUCTURE: (index) => `BODYSTRUCTURE ${encodeBodyStructure(index.root, true)}`,
};

/** One FETCH made ready: what is asked, what it needs. */
interface Plan {
  readonly plain: readonly PlainItem[];
  readonly sections: readonly SectionItem[];
  readonly needsStructure: boolean;
  readonly setsSeen: boolean;
  readonly changedSince: number | undefined;
}

export const fetch: Handler<"FETCH"> = async (state, { args, isUid }) => {
  const view = state.selected;
  const plan = planFetch(args.items, isUid, view.isReadOnly, args.modifiers?.changedSince);
  if (plan.changedSince !== undefined || plan.plain.includes("MODSEQ")) state.usesCondstore = true;
  const numbers = view.numbers(args.set, isUid);
  if (numbers.length === 0) return nothing(view, isUid);
  const uids = view.uidRanges(numbers);
  let lost = 0;
  for await (const rows of rowsOf(state, view, plan, uids)) {
    const wanted = plan.changedSince === undefined ? rows : rows.filter((row) => row.modSeq > plan.changedSince!);
    const seen = plan.setsSeen ? await setSeen(state, view, wanted) : undefined;
    for (const row of wanted) {
      const number = view.numberOf(row.uid);
      if (number === 0) continue;
      const prelude = encodeItems(state, plan, row, seen?.get(row.uid));
      if (plan.sections.length === 0) state.client.write(`* ${number} FETCH (${prelude})\r\n`);
      else if (!await writeSections(state, plan, number, row, prelude)) lost++;
      if (state.client.isFull) await state.client.drain();
    }
  }
  return completion(view, isUid, lost);
};

/** Numbers beyond the end are a mistake of the client, except in an empty folder, where any set is. RFC 9051 §6.4.9 */
function nothing(view: FolderView, isUid: boolean): Completion {
  if (isUid || view.count === 0) return ok("There are no such messages.");
  return { condition: "BAD", text: `There are only ${view.count} messages.` };
}

function completion(view: FolderView, isUid: boolean, lost: number): Completion {
  if (lost > 0) return no(`${lost} messages could not be read.`, "CORRUPTION");
  // RFC 5530 §3: some numbers stand for messages that are gone.
  return ok("Fetched.", !isUid && view.hasHeldBack ? "EXPUNGEISSUED" : undefined);
}

function planFetch(
  items: readonly FetchItem[], isUid: boolean, isReadOnly: boolean, changedSince: number | undefined,
): Plan {
  const plain = new Set<PlainItem>(isUid ? ["UID"] : []);
  const sections: SectionItem[] = [];
  for (const item of items) {
    if (item.item === "BODY[]") sections.push(item);
    else plain.add(item.item);
  }
  // RFC 7162 §3.1.4.1
  if (changedSince !== undefined) plain.add("MODSEQ");
  const needsStructure = [...plain].some((item) => Object.hasOwn(structureItems, item)) ||
    sections.some((item) => !isWhole(item.section));
  const setsSeen = !isReadOnly && sections.some((item) => !item.isPeek);
  return { plain: [...plain], sections, needsStructure, setsSeen, changedSince };
}

type Row = MessageRow & { readonly index?: MimeIndex };

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
      const { changed } = await state.mailbox.changes(state.ctx, view.folderId, since);
      const rows = withinRanges(changed, uids);
      if (!plan.needsStructure) {
        yield rows;
        return;
      }
      wanted = rows.map(({ uid }) => ({ first: uid, last: uid }));
      if (wanted.length === 0) return;
    }
  }
  const read = plan.needsStructure ? state.mailbox.structures(state.ctx, view.folderId, wanted)
    : state.mailbox.rows(state.ctx, view.folderId, wanted);
  for await (const rows of read as AsyncIterable<readonly (MessageRow | MessageStructure)[]>) yield rows;
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
  const result = await state.mailbox.setFlags(state.ctx, view.folderId, uids, change);
  for (const row of result.rows) view.noteTold(row);
  return new Map(result.rows.map((row) => [row.uid, row]));
}

/** Everything but bodies; `changed` is the row as this command left it. */
function encodeItems(state: SessionState, plan: Plan, row: Row, changed: MessageRow | undefined): string {
  const current = changed ?? row;
  const parts: string[] = [];
  for (const item of plan.plain) {
    const text = rowItems[item]?.(current) ?? (row.index && structureItems[item]?.(row.index));
    if (text !== undefined) parts.push(text);
  }
  if (changed !== undefined && !plan.plain.includes("FLAGS")) parts.push(encodeFlags(changed));
  const tellsFlags = plan.plain.includes("FLAGS") || changed !== undefined;
  // RFC 7162 §3.2: flags come with their sequence once the client has shown that it knows of it.
  if (tellsFlags && state.usesCondstore && !plan.plain.includes("MODSEQ")) parts.push(`MODSEQ (${current.modSeq})`);
  return parts.join(" ");
}

/** False when the message's bytes cannot be had; nothing of it is written then. */
async function writeSections(
  state: SessionState, plan: Plan, number: number, row: Row, prelude: string,
): Promise<boolean> {
  const { client } = state;
  const found = await locateSections(state, plan.sections, row);
  if (found === undefined) return false;
  client.write(`* ${number} FETCH (${prelude}`);
  let separator = prelude === "" ? "" : " ";
  for (const [index, item] of plan.sections.entries()) {
    client.write(`${separator}${encodeSectionLabel(item, encodeAstring)} `);
    await writeSection(state, found.content, found.located[index]!);
    separator = " ";
  }
  client.write(")\r\n");
  return true;
}

/** Everything that can fail happens before the first byte of the answer. */
async function locateSections(
  state: SessionState, sections: readonly SectionItem[], row: Row,
): Promise<{ content: MessageContent; located: SectionBytes[] } | undefined> {
  try {
    const content = await state.mailbox.content(state.ctx, row.contentId);
    const located: SectionBytes[] = [];
    for (const item of sections) located.push(await locateSection(item, row.index, content));
    return { content, located };
  } catch (error) {
    if (!(error instanceof Fault) || error.code === "cancelled") throw error;
    state.ctx.log.warn({ uid: row.uid, error: error.message }, "a message could not be read");
    return undefined;
  }
}

const wholeReadMaxBytes = 64 * 1024;

async function writeSection(state: SessionState, content: MessageContent, section: SectionBytes): Promise<void> {
  const { client } = state;
  if (section.kind === "none") {
    client.write("NIL");
    return;
  }
  const size = section.kind === "bytes" ? section.bytes.length : section.sizeBytes;
  client.write(`{${size}}\r\n`);
  if (size === 0) return;
  if (section.kind === "bytes") {
    client.writeBytes(section.bytes);
    return;
  }
  let written = 0;
  try {
    if (size <= wholeReadMaxBytes) {
      const bytes = await content.read(section.offset, size);
      client.writeBytes(bytes);
      written = bytes.length;
    } else {
      for await (const chunk of content.stream(section.offset, size)) {
        client.writeBytes(chunk);
        written += chunk.length;
        await client.drain();
      }
    }
  } catch (error) {
    if (error instanceof Fault && error.code === "cancelled") throw error;
    throw new OutOfStep("the bytes of a message ended early", { cause: error });
  }
  if (written !== size) throw new OutOfStep(`a message has ${written} bytes where ${size} were promised`);
}
