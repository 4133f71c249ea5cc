/** Which conversation a message belongs to. */
import { conversationSeed } from "#mailbox/items/describe.ts";
import type { ConversationHints } from "#mailbox/items/describe.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Earlier messages that are looked for, the last first. */
const lookedForMax = 5;

/**
 * That of an earlier message it refers to, or of one with the same conversation index; else one of its own, named so
 * that messages which come later and name the same oldest message meet it. One query for an answer, none for a message
 * that refers to nothing.
 */
export function* findConversationKey(mailboxId: number, hints: ConversationHints): Work<Uint8Array | null> {
  const earlier = hints.references.slice(-lookedForMax);
  if (earlier.length > 0) {
    const places = earlier.map((_, index) => `$${index + 2}`).join(", ");
    const key = firstKey(yield* all<KeyRow>(
      `SELECT conversation_key AS key FROM message_detail
       WHERE mailbox_id = $1 AND message_id_header IN (${places}) LIMIT ${rowsMax}`, mailboxId, ...earlier));
    if (key !== null) return key;
  }
  if (hints.tracked !== null) {
    const key = firstKey(yield* all<KeyRow>(
      `SELECT conversation_key AS key FROM message_detail
       WHERE mailbox_id = $1 AND conversation_id = $2 LIMIT ${rowsMax}`, mailboxId, hints.tracked));
    if (key !== null) return key;
  }
  return conversationSeed(hints);
}

interface KeyRow {
  key: Uint8Array | null;
}

/** Asked for in SQL, the key being there would make SQLite walk the index of keys. */
const rowsMax = 8;

function firstKey(rows: readonly KeyRow[]): Uint8Array | null {
  return rows.find(({ key }) => key !== null)?.key ?? null;
}
