/** What is derived from bytes after they came: heads, and columns of rows from before there were such columns. */
import { decodeMimeIndex } from "#format/mime/index-text.ts";
import { headOf, itemOfMime, columnsOf } from "#mailbox/items/mime-head.ts";
import type { KeptHead } from "#mailbox/items/mime-head.ts";
import { newItemObject } from "#convert/item.ts";
import { findConversationKey } from "#mailbox/tx/conversation.ts";
import type { MessageSource } from "#mailbox/tx/insert.ts";
import { sourceReader } from "#mailbox/tx/source.ts";
import { procedure } from "#store/api.ts";
import type { PrepareIo } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface KeepHeads {
  readonly messages: readonly {
    readonly contentId: number;
    readonly source: MessageSource;
    /** As stored. */
    readonly index: string;
  }[];
}

export interface HeadKept {
  readonly contentId: number;
  readonly head: KeptHead;
}

/** Makes the heads of messages and keeps them. Nobody sees a difference, so it takes no change number. */
export const keepHeads = procedure({
  name: "mailbox.keepHeads",
  prepare: (args: KeepHeads, io): HeadKept[] => args.messages.map(({ contentId, source, index }) =>
    ({ contentId, head: makeHead(source, index, io) })),
  *run(tx, _args: KeepHeads, heads: HeadKept[]): Work<HeadKept[]> {
    for (const { contentId, head } of heads) {
      yield* run("UPDATE mime SET head = $3, head_names = $4 WHERE mailbox_id = $1 AND content_id = $2",
        tx.scope, contentId, head.bag, head.names);
    }
    return heads;
  },
});

/** Heads are without bodies, so that none has to be read for them. */
const noBodies = { heldMaxBytes: -1 } as const;

/** A message that cannot be converted has no properties of its own, but those of its row. */
function makeHead(source: MessageSource, index: string, io: PrepareIo): KeptHead {
  try {
    return headOf(itemOfMime(decodeMimeIndex(index), sourceReader(source, io), null, noBodies));
  } catch {
    return headOf(newItemObject());
  }
}

interface FillRecord {
  item_id: number;
  mime_index: string;
}

/**
 * Fills the columns of messages from before there were any, newest first, at most `limitRows`; how many items are left
 * to look at. Works from the stored index: no bytes are read.
 */
export const fillColumns = procedure({
  name: "mailbox.fillColumns",
  *run(tx, args: { limitRows: number }): Work<number> {
    const mailbox = yield* get<{ fill_item: number }>("SELECT fill_item FROM mailbox WHERE mailbox_id = $1", tx.scope);
    const below = mailbox?.fill_item ?? 0;
    if (below === 0) return 0;
    const records = yield* all<FillRecord>(
      `SELECT m.item_id, x.mime_index FROM message m
       JOIN mime x ON x.mailbox_id = m.mailbox_id AND x.content_id = m.content_id
       WHERE m.mailbox_id = $1 AND m.item_id < $2 ORDER BY m.item_id DESC LIMIT $3`, tx.scope, below, args.limitRows);
    for (const record of records) yield* fillOne(tx.scope, record);
    const left = records.length < args.limitRows ? 0 : records.at(-1)!.item_id;
    yield* run("UPDATE mailbox SET fill_item = $2 WHERE mailbox_id = $1", tx.scope, left);
    return left;
  },
});

function* fillOne(mailboxId: number, { item_id, mime_index }: FillRecord): Work<void> {
  const columns = columnsOf(decodeMimeIndex(mime_index));
  const key = yield* findConversationKey(mailboxId, columns.references);
  yield* run(
    `UPDATE message_detail SET sensitivity = $3, display_to = $4, display_cc = $5, conversation_id = $6,
       conversation_key = $7 WHERE mailbox_id = $1 AND item_id = $2 AND conversation_key IS NULL`,
    mailboxId, item_id, columns.sensitivity, columns.displayTo, columns.displayCc, columns.conversationId, key);
}
