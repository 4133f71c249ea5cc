/** Tells the owner of a mailbox that it fills up, right in the inbox: no rule, no queue, no answer. */
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import type { Directory } from "#directory/api.ts";
import { quotaState } from "#directory/quota.ts";
import { buildQuotaMail } from "#mailbox/quota-mail.ts";
import { readUse } from "#mailbox/tx/quota.ts";
import { insertQuotaWarning, readToldMs, toldAgainMs } from "#mailbox/tx/quota-warning.ts";
import type { Store } from "#store/api.ts";

const levelOf = { warning: 1, cannotSend: 2, full: 3 } as const;

/** True when the owner was told now; once a day at most. */
export async function warnOfQuota(
  ctx: Ctx, store: Store, directory: Pick<Directory, "mailboxOwner">, mailboxId: MailboxId,
): Promise<boolean> {
  const owner = await directory.mailboxOwner(ctx, mailboxId);
  const levels = owner?.levels;
  // Public folders have no inbox in which a warning could come.
  if (owner === null || levels === undefined || owner.isPublicStore === true) return false;
  if (levels.warningBytes === null && levels.sendBytes === null && levels.receiveBytes === null) return false;
  const { usedBytes, toldMs } = await store.read(ctx, mailboxId, function* () {
    return { ...yield* readUse(mailboxId), toldMs: yield* readToldMs(mailboxId) };
  });
  const state = quotaState(usedBytes, levels);
  const nowMs = ctx.system.nowMs();
  if (state === "fine" || nowMs - toldMs < toldAgainMs) return false;
  const domain = owner.address.slice(owner.address.lastIndexOf("@") + 1);
  const bytes = buildQuotaMail({
    owner: { name: owner.displayName, address: owner.address }, language: owner.language ?? "en", state, usedBytes,
    levels, nowMs, messageId: `${Buffer.from(ctx.system.randomBytes(16)).toString("hex")}.quota@${domain}`,
  });
  return await store.transact(ctx, mailboxId, insertQuotaWarning, {
    level: levelOf[state],
    message: {
      folder: { role: "inbox" }, source: { inline: bytes, blob: null }, flags: 0, keywords: [], internalMs: nowMs,
      quotaBytes: null, deliveryId: null,
    },
  });
}
