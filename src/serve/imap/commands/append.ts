/** APPEND: the message passes from the socket to the store in pieces. RFC 9051 §6.3.12, RFC 4315 §2 */
import type { Handler } from "#serve/imap/state.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { findTarget, noTarget } from "#serve/imap/commands/transfer.ts";
import { splitFlags } from "#serve/imap/flags.ts";
import { no, ok } from "#serve/imap/state.ts";

/** What can be known before the message is decided before the client sends it. */
export const append: Handler<"APPEND"> = async (state, { args }) => {
  const { ctx, client, mailbox } = state;
  const { sizeBytes, isSynchronizing } = args.literal;
  let isRead = false;
  try {
    if (sizeBytes > limits.messageSizeMaxBytes) {
      throw new Fault("tooBig", `A message has at most ${limits.messageSizeMaxBytes} bytes.`);
    }
    if (sizeBytes === 0) throw new Fault("invalidArgument", "The message is empty.");
    const target = await findTarget(state, args.mailbox);
    if (target === undefined) {
      isRead = true;
      await client.refuseMessage();
      return noTarget();
    }
    const { usedBytes, limitBytes } = await mailbox.quota(ctx);
    if (limitBytes !== null && usedBytes + sizeBytes > limitBytes) {
      throw new Fault("overQuota", "The mailbox has no room for this message.");
    }
    const upload = mailbox.beginUpload(ctx, sizeBytes);
    try {
      isRead = true;
      for await (const chunk of client.readMessage(isSynchronizing)) await upload.write(chunk);
      const { flags, keywords } = splitFlags(args.flags ?? []);
      const internalMs = args.internalMs ?? null;
      const result = await mailbox.append(ctx, { folderId: target.folderId, upload, flags, keywords, internalMs });
      if (state.view?.folderId === target.folderId) state.view.isDirty = true;
      return ok("Appended.", `APPENDUID ${result.uidValidity} ${result.uid}`);
    } finally {
      await upload.discard();
    }
  } catch (error) {
    if (!isRead) await client.refuseMessage();
    if (error instanceof Fault && error.code === "overQuota") return no(error.message, "OVERQUOTA");
    throw error;
  }
};
