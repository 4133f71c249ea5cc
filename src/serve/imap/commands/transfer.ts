/** COPY, MOVE, EXPUNGE and their UID forms. RFC 9051 §6.4.3, §6.4.7, §6.4.8, RFC 4315 */
import type { AppendedMessage, CopyResult, MessageRow, UidRange } from "#mailbox/api.ts";
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { Place } from "#serve/imap/places.ts";
import type { FolderView } from "#serve/imap/view.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { findTarget } from "#serve/imap/places.ts";
import { no, ok, pastTheEnd } from "#serve/imap/state.ts";
import { encodeStatus } from "#wire/imap/encode.ts";
import { encodeNumbers } from "#wire/imap/sequence.ts";

/** RFC 9051 §6.4.7: all messages or none. */
export const copy: Handler<"COPY"> = async (state, { args, isUid }) => {
  const view = state.selected;
  const mistake = pastTheEnd(view, args.set, isUid);
  if (mistake !== undefined) return mistake;
  const target = await findTarget(state, args.mailbox);
  if (target === undefined) return noTarget();
  const numbers = view.numbers(args.set, isUid);
  if (numbers.length === 0) return ok("There are no such messages.");
  const result = await copyTo(state, view, view.uidRanges(numbers), target);
  if (target.info.folderId === view.folderId) view.isDirty = true;
  if (result.pairs.length === 0 && !isUid) return allGone();
  return ok("Copied.", copyUid(result));
};

/** The client learns the new UIDs before the old messages go. RFC 9051 §6.4.8, RFC 6851 §4.3 */
export const move: Handler<"MOVE"> = async (state, { args, isUid }) => {
  const view = state.selected;
  if (view.isReadOnly) return no("The folder was opened for reading only.", "CANNOT");
  const mistake = pastTheEnd(view, args.set, isUid);
  if (mistake !== undefined) return mistake;
  const target = await findTarget(state, args.mailbox);
  if (target === undefined) return noTarget();
  const numbers = view.numbers(args.set, isUid);
  if (numbers.length === 0) return ok("There are no such messages.");
  const uids = view.uidRanges(numbers);
  const { mailbox, folderId } = view;
  let result: Pick<CopyResult, "uidValidity" | "pairs">;
  if (target.mailbox === mailbox) {
    result = await mailbox.move(state.ctx, folderId, uids, target.info.folderId);
  } else {
    // RFC 6851 §3.3: message by message what is there twice is gone from here.
    result = await copyTo(state, view, uids, target);
    const gone = [...result.pairs].filter((_, index) => index % 2 === 0).map((uid) => ({ first: uid, last: uid }));
    await mailbox.remove(state.ctx, { folderId, uids: gone, only: "any", mode: "soft" });
  }
  view.isDirty = true;
  const code = copyUid(result);
  if (code === undefined && !isUid) return allGone();
  if (code !== undefined) state.client.write(encodeStatus("*", "OK", code, "Moved."));
  return ok("Moved.");
};

/** Numbers that the client has not yet been told stand for nothing any more. RFC 5530 §3 */
function allGone(): Completion {
  return no("The messages are gone; somebody removed them.", "EXPUNGEISSUED");
}

async function copyTo(
  state: SessionState, view: FolderView, uids: UidRange[], target: Place,
): Promise<Pick<CopyResult, "uidValidity" | "pairs">> {
  if (target.mailbox === view.mailbox) {
    return await view.mailbox.copy(state.ctx, view.folderId, uids, target.info.folderId);
  }
  const rows: MessageRow[] = [];
  const messages: AppendedMessage[] = [];
  let sizeBytes = 0;
  try {
    for await (const slice of view.mailbox.rows(state.ctx, view.folderId, uids)) {
      for (const row of slice) {
        rows.push(row);
        sizeBytes += row.sizeBytes;
        if (sizeBytes > limits.imapCrossCopyMaxBytes || rows.length > limits.imapCrossCopyMessagesMax) {
          throw new Fault("tooMany", "That is too much for one copy into another mailbox; copy fewer messages.");
        }
        messages.push(await readFor(state, view, row, target));
      }
    }
    const { folderId } = target.info;
    const added = messages.length === 0 ? [] : await target.mailbox.appendAll(state.ctx, { folderId, messages });
    const pairs = Uint32Array.from(added.flatMap(({ uid }, index) => [rows[index]!.uid, uid]));
    return { uidValidity: target.info.uidValidity, pairs };
  } finally {
    for (const { upload } of messages) await upload.discard();
  }
}

/** The bytes of a message, on their way into another mailbox. */
async function readFor(
  state: SessionState, view: FolderView, row: MessageRow, { mailbox }: Place,
): Promise<AppendedMessage> {
  const content = await view.mailbox.content(state.ctx, row.contentId);
  const upload = mailbox.beginUpload(state.ctx, content.sizeBytes);
  for await (const chunk of content.stream()) await upload.write(chunk);
  return { upload, flags: row.flags, keywords: row.keywords, internalMs: row.internalMs };
}

/** RFC 9051 §6.4.3; the messages can still be recovered. */
export const expunge: Handler<"EXPUNGE"> = async (state) => {
  const { mailbox, folderId, isReadOnly } = state.selected;
  if (isReadOnly) return no("The folder was opened for reading only.", "CANNOT");
  const gone = await mailbox.remove(state.ctx, { folderId, uids: "all", only: "marked", mode: "soft" });
  state.selected.isDirty = true;
  return expunged(state, gone);
};

/** RFC 4315 §2.1 */
export const uidExpunge: Handler<"UID EXPUNGE"> = async (state, { args }) => {
  const view = state.selected;
  if (view.isReadOnly) return no("The folder was opened for reading only.", "CANNOT");
  const numbers = view.numbers(args.set, true);
  if (numbers.length === 0) return ok("There are no such messages.");
  const uids = view.uidRanges(numbers);
  const gone = await view.mailbox.remove(state.ctx, { folderId: view.folderId, uids, only: "marked", mode: "soft" });
  view.isDirty = true;
  return expunged(state, gone);
};

/** RFC 7162 §3.2.7, §3.2.8: the folder's new state goes with the answer. */
function expunged(state: SessionState, { uids, cn }: { uids: Uint32Array; cn: number }): Completion {
  return ok("Expunged.", state.usesQresync && uids.length > 0 ? `HIGHESTMODSEQ ${cn}` : undefined);
}

export function noTarget(): Completion {
  return no("There is no such folder; it can be made.", "TRYCREATE");
}

/** `COPYUID validity sources targets`; nothing when nothing was there to copy. RFC 4315 §3 */
function copyUid({ uidValidity, pairs }: Pick<CopyResult, "uidValidity" | "pairs">): string | undefined {
  if (pairs.length === 0) return undefined;
  const sources = pairs.filter((_, index) => index % 2 === 0);
  const targets = pairs.filter((_, index) => index % 2 === 1);
  return `COPYUID ${uidValidity} ${encodeNumbers(sources)} ${encodeNumbers(targets)}`;
}
