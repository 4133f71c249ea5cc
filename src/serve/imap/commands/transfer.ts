/** COPY, MOVE, EXPUNGE and their UID forms. RFC 9051 §6.4.3, §6.4.7, §6.4.8, RFC 4315 */
import type { CopyResult, FolderInfo } from "#mailbox/api.ts";
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import { Fault } from "#base/fault.ts";
import { no, ok } from "#serve/imap/state.ts";
import { findFolder } from "#serve/imap/tree.ts";
import { encodeStatus } from "#wire/imap/encode.ts";
import { encodeNumbers } from "#wire/imap/sequence.ts";

/** RFC 9051 §6.4.7: all messages or none. */
export const copy: Handler<"COPY"> = async (state, { args, isUid }) => {
  const view = state.selected;
  const target = await findTarget(state, args.mailbox);
  if (target === undefined) return noTarget();
  const numbers = view.numbers(args.set, isUid);
  if (numbers.length === 0) return ok("There are no such messages.");
  const result = await state.mailbox.copy(state.ctx, view.folderId, view.uidRanges(numbers), target.folderId);
  if (target.folderId === view.folderId) view.isDirty = true;
  return ok("Copied.", copyUid(result));
};

/** The client learns the new UIDs before the old messages go. RFC 9051 §6.4.8, RFC 6851 §4.3 */
export const move: Handler<"MOVE"> = async (state, { args, isUid }) => {
  const view = state.selected;
  if (view.isReadOnly) return no("The folder was opened for reading only.", "CANNOT");
  const target = await findTarget(state, args.mailbox);
  if (target === undefined) return noTarget();
  const numbers = view.numbers(args.set, isUid);
  if (numbers.length === 0) return ok("There are no such messages.");
  const result = await state.mailbox.move(state.ctx, view.folderId, view.uidRanges(numbers), target.folderId);
  view.isDirty = true;
  const code = copyUid(result);
  if (code !== undefined) state.client.write(encodeStatus("*", "OK", code, "Moved."));
  return ok("Moved.");
};

/** RFC 9051 §6.4.3; the messages can still be recovered. */
export const expunge: Handler<"EXPUNGE"> = async (state) => {
  const { folderId, isReadOnly } = state.selected;
  if (isReadOnly) return no("The folder was opened for reading only.", "CANNOT");
  await state.mailbox.remove(state.ctx, { folderId, uids: "all", only: "marked", mode: "soft" });
  state.selected.isDirty = true;
  return ok("Expunged.");
};

/** RFC 4315 §2.1 */
export const uidExpunge: Handler<"UID EXPUNGE"> = async (state, { args }) => {
  const view = state.selected;
  if (view.isReadOnly) return no("The folder was opened for reading only.", "CANNOT");
  const numbers = view.numbers(args.set, true);
  if (numbers.length === 0) return ok("There are no such messages.");
  const uids = view.uidRanges(numbers);
  await state.mailbox.remove(state.ctx, { folderId: view.folderId, uids, only: "marked", mode: "soft" });
  view.isDirty = true;
  return ok("Expunged.");
};

/** Undefined when the client may create it and try again. RFC 9051 §6.4.7 */
export async function findTarget(state: SessionState, path: string): Promise<FolderInfo | undefined> {
  try {
    return await findFolder(state.ctx, state.mailbox, path);
  } catch (error) {
    if (error instanceof Fault && error.code === "notFound") return undefined;
    throw error;
  }
}

export function noTarget(): Completion {
  return no("There is no such folder; it can be made.", "TRYCREATE");
}

/** `COPYUID validity sources targets`; nothing when nothing was there to copy. RFC 4315 §3 */
function copyUid({ uidValidity, pairs }: CopyResult): string | undefined {
  if (pairs.length === 0) return undefined;
  const sources = pairs.filter((_, index) => index % 2 === 0);
  const targets = pairs.filter((_, index) => index % 2 === 1);
  return `COPYUID ${uidValidity} ${encodeNumbers(sources)} ${encodeNumbers(targets)}`;
}
