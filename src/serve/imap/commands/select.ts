/** Opening and leaving folders. RFC 9051 §6.3.2, §6.3.3, §6.4.1, §6.4.2, RFC 7162 §3.2.5 */
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { ArgumentsOf } from "#wire/imap/commands.ts";
import type { KnownState } from "#wire/imap/select.ts";
import { messageFlags } from "#mailbox/api.ts";
import { encodeVanished, flagLines, writeFlags } from "#serve/imap/flags.ts";
import { findPlace, objectId } from "#serve/imap/places.ts";
import { ok } from "#serve/imap/state.ts";
import { isOfMail } from "#serve/imap/tree.ts";
import { FolderView } from "#serve/imap/view.ts";
import { encodeMailbox } from "#wire/imap/encode.ts";
import { numbersOf, resolveSet } from "#wire/imap/sequence.ts";

/** RFC 9051 §6.3.2 */
export const select: Handler<"SELECT"> = (state, { args }) => open(state, args, false);
/** RFC 9051 §6.3.3 */
export const examine: Handler<"EXAMINE"> = (state, { args }) => open(state, args, true);

/** RFC 9051 §6.3.2; a SELECT that fails leaves no folder selected. */
async function open(state: SessionState, args: ArgumentsOf<"SELECT">, asksReadOnly: boolean): Promise<Completion> {
  const known = args.parameters?.known;
  if (known !== undefined && !state.usesQresync) return { condition: "BAD", text: "ENABLE QRESYNC comes first." };
  if (args.parameters !== undefined) state.usesCondstore = true;
  if (state.view !== undefined) {
    state.view = undefined;
    // RFC 7162 §3.2.11
    state.client.write("* OK [CLOSED] The earlier folder is closed.\r\n");
  }
  // Who asks for calendar or contacts by name reads them as files; nothing else than reading makes sense there.
  const { mailbox, info } = await findPlace(state, args.mailbox, true);
  const { folder, uids } = await mailbox.uids(state.ctx, info.folderId);
  const isReadOnly = asksReadOnly || !isOfMail(info) || (mailbox.rightsIn(info.folderId) & changeRights) === 0;
  const view = new FolderView(mailbox, folder, uids, isReadOnly);
  const unseen = state.usesRev2 || state.usesUidOnly ? 0 : await firstUnseen(state, view, folder.unreadCount);
  view.remember(await state.memory.open(state.ctx, mailbox, folder), folder.uidNext, !state.usesRev2);
  state.view = view;
  state.selectedPath = args.mailbox.toUpperCase() === "INBOX" ? "INBOX" : args.mailbox;
  // A commit before the view was in place told nobody.
  view.isDirty = true;
  state.client.write(
    `${flagLines(view)}* ${view.count} EXISTS\r\n` +
    // RFC 9051 appendix E: revision 2 knows neither, and tells the folder's name.
    (state.usesRev2 ? `* LIST () "/" ${encodeMailbox(args.mailbox, state.usesUtf8)}\r\n`
      : `* ${view.recentCount} RECENT\r\n`) +
    (unseen === 0 ? "" : `* OK [UNSEEN ${unseen}] The first unread message.\r\n`) +
    `* OK [UIDVALIDITY ${folder.uidValidity}] UIDs are valid.\r\n` +
    `* OK [UIDNEXT ${folder.uidNext}] The next UID.\r\n` +
    `* OK [HIGHESTMODSEQ ${view.cn}] The newest change.\r\n` +
    `* OK [MAILBOXID (${objectId("F", mailbox.mailboxId, folder.folderId)})] The folder, whatever its name.\r\n`,
  );
  if (known !== undefined && known.uidValidity === folder.uidValidity) await writeMissed(state, view, known);
  return isReadOnly ? ok("The folder is open for reading.", "READ-ONLY") : ok("The folder is open.", "READ-WRITE");
}

/** Marks, new messages or deletions: any of them makes a folder more than read. RFC 4314 §5.2 */
const changeRights = 0x2 | 0x20 | 0x40;

/** What happened since the client was here last. RFC 7162 §3.2.5.1, §3.2.6 */
async function writeMissed(state: SessionState, view: FolderView, known: KnownState): Promise<void> {
  const since = Math.min(known.modSeq, view.cn) as typeof view.cn;
  const { changed, vanished } = await view.mailbox.changes(state.ctx, view.folderId, since);
  const isKnown = known.uids === undefined ? () => true : view.isInSet(known.uids);
  const from = known.matches === undefined ? 0 : matchedUpTo(view, known.matches);
  const gone = [...vanished].filter((uid) => uid > from && isKnown(uid));
  if (gone.length > 0) state.client.write(encodeVanished(gone, true));
  for (const row of changed) {
    const number = view.numberOf(row.uid);
    if (number === 0 || !isKnown(row.uid)) continue;
    writeFlags(state, number, row);
    view.noteTold(row);
    if (state.client.isFull) await state.client.drain();
  }
}

/**
 * The largest UID up to which the client's numbers still hold: nothing went below it. We remember every UID that went,
 * so that this saves the client what it knows already, no more. RFC 7162 §3.2.5.2
 */
function matchedUpTo(view: FolderView, { numbers, uids }: NonNullable<KnownState["matches"]>): number {
  const told = numbersOf(resolveSet(uids, view.largestUid));
  let matched = 0;
  for (const number of numbersOf(resolveSet(numbers, view.count))) {
    const uid = told.next();
    if (uid.done === true || number > view.count || view.uidOf(number) !== uid.value) break;
    matched = uid.value;
  }
  return matched;
}

const unseenScanMax = 1000;

/**
 * The number of the first unread message; 0 when there is none, or when finding it would mean to read a large folder.
 * No program in use relies on it, and revision 2 dropped it. RFC 3501 §6.3.1
 */
async function firstUnseen(state: SessionState, view: FolderView, unreadCount: number): Promise<number> {
  if (unreadCount === 0 || view.count > unseenScanMax) return 0;
  for await (const { count, uids, flags } of view.mailbox.flags(state.ctx, view.folderId, "all")) {
    for (let at = 0; at < count; at++) if ((flags[at]! & messageFlags.seen) === 0) return view.numberOf(uids[at]!);
  }
  return 0;
}

/** Messages marked deleted go without a word. RFC 9051 §6.4.1 */
export const close: Handler<"CLOSE"> = async (state) => {
  const { mailbox, folderId, isReadOnly } = state.selected;
  state.view = undefined;
  if (!isReadOnly) await mailbox.remove(state.ctx, { folderId, uids: "all", only: "marked", mode: "soft" });
  return ok("The folder is closed.");
};

/** RFC 9051 §6.4.2 */
export const unselect: Handler<"UNSELECT"> = async (state) => {
  state.view = undefined;
  return ok("The folder is closed.");
};
