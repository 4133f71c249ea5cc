/** Which conversation each message of a folder belongs to. RFC 8474 §5.2 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId, MailboxId } from "#base/ids.ts";
import type { UidSet } from "#mailbox/api.ts";
import { fillMailbox } from "#mailbox/items/fill.ts";
import { scanFolder } from "#mailbox/reads.ts";
import type { Store } from "#store/api.ts";
import { all } from "#store/sql.ts";

interface KeyRecord {
  uid: number;
  key: Uint8Array | null;
}

/** Keys in hexadecimal by UID; a message that belongs to none has no entry. */
export async function readConversations(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, uids: UidSet,
): Promise<Map<number, string>> {
  await fillMailbox(ctx, store, mailboxId);
  const found = new Map<number, string>();
  const slices = scanFolder<KeyRecord>(ctx, store, mailboxId, folderId, uids, {
    columns: "m.uid AS uid, d.conversation_key AS key",
    joins: "JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id",
  });
  for await (const rows of slices) {
    for (const { uid, key } of rows) if (key !== null) found.set(uid, Buffer.from(key).toString("hex"));
  }
  return found;
}

/** UIDs of a folder's messages in one conversation, ascending. */
export async function findInConversation(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, conversationKey: string,
): Promise<number[]> {
  if (!/^([0-9a-f]{2}){1,64}$/.test(conversationKey)) return [];
  await fillMailbox(ctx, store, mailboxId);
  const rows = await store.read(ctx, mailboxId, () => all<{ uid: number }>(
    `SELECT m.uid AS uid FROM message_detail d
     JOIN message m ON m.mailbox_id = d.mailbox_id AND m.item_id = d.item_id
     WHERE d.mailbox_id = $1 AND d.conversation_key = $2 AND m.folder_id = $3 AND m.associated = 0 ORDER BY m.uid`,
    mailboxId, Uint8Array.from(Buffer.from(conversationKey, "hex")), folderId));
  return rows.map(({ uid }) => uid);
}
