/** Keys and listed fields of messages beside their bytes: kept on arrival, and for older messages when first asked. */
import { decodeMimeIndex } from "#format/mime/index-text.ts";
import { contentKeys } from "#mailbox/keys/content-keys.ts";
import type { ContentKeys } from "#mailbox/keys/content-keys.ts";
import { procedure } from "#store/api.ts";
import { all, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

const hasContent = "EXISTS (SELECT 1 FROM content c WHERE c.mailbox_id = $1 AND c.content_id = $2)";

export function* putKeys(mailboxId: number, contentId: number, keys: ContentKeys): Work<void> {
  yield* run(
    `INSERT INTO content_keys (mailbox_id, content_id, sent_ms, subject, people, ids) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (mailbox_id, content_id) DO NOTHING`,
    mailboxId, contentId, keys.sentMs, keys.subject, keys.people, keys.ids);
}

/** See `listedFieldsOf`. */
export function* putFields(mailboxId: number, contentId: number, fields: string | null): Work<void> {
  yield* run(
    `INSERT INTO content_fields (mailbox_id, content_id, fields) SELECT $1, $2, $3 WHERE ${hasContent}
     ON CONFLICT (mailbox_id, content_id) DO NOTHING`, mailboxId, contentId, fields);
}

export interface KeepKeys {
  readonly folderId: number;
  readonly first: number;
  readonly last: number;
  readonly limitRows: number;
}

/**
 * Makes the keys of messages in a range of UIDs that have none, from their stored structure; how many it made. Nobody
 * sees a difference, so it takes no change number.
 */
export const keepKeys = procedure({
  name: "mailbox.keepKeys",
  *run(tx, { folderId, first, last, limitRows }: KeepKeys): Work<number> {
    const records = yield* all<{ content_id: number; mime_index: string }>(
      `SELECT m.content_id, x.mime_index FROM message m
       JOIN mime x ON x.mailbox_id = m.mailbox_id AND x.content_id = m.content_id
       LEFT JOIN content_keys k ON k.mailbox_id = m.mailbox_id AND k.content_id = m.content_id
       WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4
         AND k.content_id IS NULL
       ORDER BY m.uid LIMIT $5`, tx.scope, folderId, first, last, limitRows);
    for (const { content_id: contentId, mime_index: index } of records) {
      yield* putKeys(tx.scope, contentId, contentKeys(decodeMimeIndex(index)));
    }
    return records.length;
  },
});

export interface KeepFields {
  readonly messages: readonly { readonly contentId: number; readonly fields: string | null }[];
}

/** Keeps what somebody who read the bytes has found. Takes no change number either. */
export const keepFields = procedure({
  name: "mailbox.keepFields",
  *run(tx, { messages }: KeepFields): Work<number> {
    for (const { contentId, fields } of messages) yield* putFields(tx.scope, contentId, fields);
    return messages.length;
  },
});
