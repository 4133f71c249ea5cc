/** Which items of a folder hold rules: one light read for each delivery; a folder without rules pays little. */
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, FolderId, MailboxId, MessageId } from "#base/ids.ts";
import type { Store } from "#store/api.ts";
import { all, get } from "#store/sql.ts";

/** Associated items by which rules are kept, in the inbox or in the public folder whose rules they are. */
export const ruleItemClasses = {
  /** What the owner told the server, as JSON in PidTagBody. */
  settings: "IPM.Configuration.Outpost.Rules",
  /** Who was answered and what was seen, likewise. */
  memory: "IPM.Configuration.Outpost.RuleMemory",
  /** A row of the rules table, with the properties of [MS-OXORULE] 2.2.1.3.1. */
  standard: "IPM.Rule.Version2.Message",
  /** [MS-OXORULE] 2.2.4.1 */
  extended: "IPM.ExtendedRule.Message",
} as const;
export type RuleItemKind = keyof typeof ruleItemClasses;

export interface RuleItem {
  readonly kind: RuleItemKind;
  readonly messageId: MessageId;
  /** Moves when the item does. */
  readonly cn: ChangeNumber;
  readonly folderId: FolderId;
}

const kinds = new Map(Object.entries(ruleItemClasses).map(([kind, name]) =>
  [name.toLowerCase(), kind as RuleItemKind]));

export interface RuleItemsState {
  /** The mailbox's change number: the next look asks what came after it. */
  readonly cn: number;
  readonly associatedCount: number;
  /** Associated items of the folder that changed or came after `since`, the memory not counted. */
  readonly changedCount: number;
}

/** Whose rules are meant: the inbox's where no folder is named. */
const chosen = (folderId: FolderId | undefined, parameter: string): string =>
  (folderId === undefined ? "f.role = 'inbox'" : `f.folder_id = ${parameter}`);

/**
 * Whether rules may have changed since a change number: a few rows of one index, however many rules there are. Items
 * that are gone show in the count.
 */
export async function readRuleItemsState(
  ctx: Ctx, store: Store, mailboxId: MailboxId, since: number, folderId?: FolderId,
): Promise<RuleItemsState | null> {
  const row = await store.read(ctx, mailboxId, () => get<{ cn: number; associated: number; changed: number }>(
    `SELECT b.cn, f.associated_count AS associated,
         (SELECT COUNT(*) FROM message m
            JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id
            WHERE m.mailbox_id = f.mailbox_id AND m.folder_id = f.folder_id AND m.mod_seq > $2 AND m.associated = 1
              AND d.message_class <> $3) AS changed
       FROM folder f JOIN mailbox b ON b.mailbox_id = f.mailbox_id
       WHERE f.mailbox_id = $1 AND ${chosen(folderId, "$4")}`,
    mailboxId, since, ruleItemClasses.memory, ...folderId === undefined ? [] : [folderId]));
  return row === undefined ? null
    : { cn: row.cn, associatedCount: row.associated, changedCount: Number(row.changed) };
}

/** In the order they came. */
export async function readRuleItems(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId?: FolderId,
): Promise<RuleItem[]> {
  const rows = await store.read(ctx, mailboxId, () => all<{
    folder_id: number; message_id: number; cn: number; message_class: string;
  }>(
    `SELECT m.folder_id, m.message_id, m.cn, d.message_class FROM folder f
       JOIN message m ON m.mailbox_id = f.mailbox_id AND m.folder_id = f.folder_id AND m.associated = 1
       JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id
       WHERE f.mailbox_id = $1 AND ${chosen(folderId, "$2")} AND f.associated_count > 0
         AND (d.message_class LIKE 'IPM.Configuration.Outpost.Rule%' OR d.message_class LIKE 'IPM.%Rule.%')
       ORDER BY m.uid`, mailboxId, ...folderId === undefined ? [] : [folderId]));
  return rows.flatMap((row): RuleItem[] => {
    const kind = kinds.get(row.message_class.toLowerCase());
    return kind === undefined ? [] : [{
      kind, messageId: row.message_id as MessageId, cn: row.cn as ChangeNumber, folderId: row.folder_id as FolderId,
    }];
  });
}
