/** Opening and leaving folders. RFC 9051 §6.3.2, §6.3.3, §6.4.1, §6.4.2 */
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { ArgumentsOf } from "#wire/imap/commands.ts";
import { usualFlags } from "#serve/imap/flags.ts";
import { ok } from "#serve/imap/state.ts";
import { findFolder } from "#serve/imap/tree.ts";
import { FolderView } from "#serve/imap/view.ts";
import { messageFlags } from "#mailbox/api.ts";

/** RFC 9051 §6.3.2 */
export const select: Handler<"SELECT"> = (state, { args }) => open(state, args, false);
/** RFC 9051 §6.3.3 */
export const examine: Handler<"EXAMINE"> = (state, { args }) => open(state, args, true);

/** RFC 9051 §6.3.2; a SELECT that fails leaves no folder selected. */
async function open(state: SessionState, args: ArgumentsOf<"SELECT">, isReadOnly: boolean): Promise<Completion> {
  if (args.parameters !== undefined) state.usesCondstore = true;
  if (state.view !== undefined) {
    state.view = undefined;
    // RFC 7162 §3.2.11
    state.client.write("* OK [CLOSED] The earlier folder is closed.\r\n");
  }
  const found = await findFolder(state.ctx, state.mailbox, args.mailbox);
  const { folder, uids } = await state.mailbox.uids(state.ctx, found.folderId);
  const view = new FolderView(folder, uids, isReadOnly);
  const unseen = await firstUnseen(state, view, folder.unreadCount);
  state.view = view;
  // A commit before the view was in place told nobody.
  view.isDirty = true;
  const permanent = isReadOnly ? "" : `${usualFlags} \\*`;
  state.client.write(
    `* FLAGS (${usualFlags})\r\n` +
    `* OK [PERMANENTFLAGS (${permanent})] Flags that are kept.\r\n` +
    `* ${view.count} EXISTS\r\n` +
    "* 0 RECENT\r\n" +
    (unseen === 0 ? "" : `* OK [UNSEEN ${unseen}] The first unread message.\r\n`) +
    `* OK [UIDVALIDITY ${folder.uidValidity}] UIDs are valid.\r\n` +
    `* OK [UIDNEXT ${folder.uidNext}] The next UID.\r\n` +
    `* OK [HIGHESTMODSEQ ${view.cn}] The newest change.\r\n`,
  );
  return isReadOnly ? ok("The folder is open for reading.", "READ-ONLY") : ok("The folder is open.", "READ-WRITE");
}

const unseenScanMax = 1000;

/**
 * The number of the first unread message; 0 when there is none, or when finding it would mean to read a large folder.
 * No program in use relies on it, and revision 2 dropped it. RFC 3501 §6.3.1
 */
async function firstUnseen(state: SessionState, view: FolderView, unreadCount: number): Promise<number> {
  if (unreadCount === 0 || view.count > unseenScanMax) return 0;
  for await (const { count, uids, flags } of state.mailbox.flags(state.ctx, view.folderId, "all")) {
    for (let at = 0; at < count; at++) if ((flags[at]! & messageFlags.seen) === 0) return view.numberOf(uids[at]!);
  }
  return 0;
}

/** Messages marked deleted go without a word. RFC 9051 §6.4.1 */
export const close: Handler<"CLOSE"> = async (state) => {
  const { folderId, isReadOnly } = state.selected;
  state.view = undefined;
  if (!isReadOnly) await state.mailbox.remove(state.ctx, { folderId, uids: "all", only: "marked", mode: "soft" });
  return ok("The folder is closed.");
};

/** RFC 9051 §6.4.2 */
export const unselect: Handler<"UNSELECT"> = async (state) => {
  state.view = undefined;
  return ok("The folder is closed.");
};
