/** QUOTA: each mailbox is one root, whose name is "" for one's own. RFC 9208 */
import type { Mailbox } from "#mailbox/api.ts";
import type { Handler, SessionState } from "#serve/imap/state.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { findPlace, rootOf } from "#serve/imap/places.ts";
import { no, ok } from "#serve/imap/state.ts";
import { encodeMailbox, encodeText } from "#wire/imap/encode.ts";
import { decodeMailboxName } from "#wire/imap/mailboxname.ts";

/** RFC 9208 §4.1.1 */
export const getQuota: Handler<"GETQUOTA"> = async (state, { args }) => {
  const name = decodeMailboxName(args.root) ?? args.root;
  const { root } = await rootOf(state, name);
  if (root.prefix !== name) throw new Fault("notFound", "There is no such quota root.");
  state.client.write(await quotaLine(state, root.prefix, root.mailbox));
  return ok("That is the quota.");
};

/** RFC 9208 §4.1.2 */
export const getQuotaRoot: Handler<"GETQUOTAROOT"> = async (state, { args }) => {
  await findPlace(state, args.mailbox);
  const { root } = await rootOf(state, args.mailbox);
  const line = await quotaLine(state, root.prefix, root.mailbox);
  const path = encodeMailbox(args.mailbox, state.usesUtf8);
  state.client.write(`* QUOTAROOT ${path} ${encodeText(root.prefix)}\r\n${line}`);
  return ok("That is the quota.");
};

/** The administrator sets them. RFC 9208 §4.1.3 */
export const setQuota: Handler<"SETQUOTA"> = async () => no("Quotas are set by the administrator.", "NOPERM");

/** Storage in units of 1024 bytes; nothing is told of what has no limit. RFC 9208 §4.2.1, §5.1, §5.3 */
async function quotaLine(state: SessionState, prefix: string, mailbox: Mailbox): Promise<string> {
  const { usedBytes, limitBytes } = await mailbox.quota(state.ctx);
  const storage = limitBytes === null ? ""
    : `STORAGE ${Math.ceil(usedBytes / 1024)} ${Math.floor(limitBytes / 1024)} `;
  const folders = (await mailbox.folders(state.ctx)).length;
  return `* QUOTA ${encodeText(prefix)} (${storage}MAILBOX ${folders} ${limits.foldersMax})\r\n`;
}
