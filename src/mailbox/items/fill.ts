/** Columns that rows from an older version lack, filled before the first look that needs them. */
import type { Ctx } from "#base/ctx.ts";
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import { fillColumns } from "#mailbox/tx/heads.ts";
import type { Store } from "#store/api.ts";
import { all } from "#store/sql.ts";

/** Rows filled in one transaction, where a mailbox comes from before there were such columns. */
const fillRows = 200;

export async function fillMailbox(ctx: Ctx, store: Store, mailboxId: MailboxId): Promise<void> {
  const rows = await store.read(ctx, mailboxId, () => all<{ fill_item: number }>(
    "SELECT fill_item FROM mailbox WHERE mailbox_id = $1", mailboxId));
  for (let left = rows[0]?.fill_item ?? 0; left > 0; await yieldToOthers()) {
    throwIfCancelled(ctx);
    left = await store.transact(ctx, mailboxId, fillColumns, { limitRows: fillRows });
  }
}
