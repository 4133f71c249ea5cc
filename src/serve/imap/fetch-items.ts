/** What each FETCH item answers, and what must be read for it. RFC 9051 §7.5.2 */
import type { MimeIndex } from "#format/mime/types.ts";
import type { MailboxId } from "#base/ids.ts";
import type { MessageRow } from "#mailbox/api.ts";
import type { FetchItem } from "#wire/imap/fetch.ts";
import { storedEnvelope } from "#format/mime/index-text.ts";
import { objectId } from "#serve/imap/places.ts";
import { encodeDateTime } from "#wire/imap/date.ts";
import { encodeText } from "#wire/imap/encode.ts";
import { encodeBodyStructure, encodeEnvelope, encodeStoredEnvelope } from "#wire/imap/structure.ts";

export type PlainItem = Exclude<FetchItem["item"], "BODY[]" | "BINARY[]" | "BINARY.SIZE[]">;

/** What a message's row alone tells. RFC 9051 §7.5.2, RFC 7162 §3.1.4, RFC 8474 §5, RFC 8514 §4 */
export const rowItems: Partial<Record<PlainItem, (row: MessageRow, mailboxId: MailboxId) => string>> = {
  UID: (row) => `UID ${row.uid}`,
  INTERNALDATE: (row) => `INTERNALDATE ${encodeDateTime(row.internalMs)}`,
  "RFC822.SIZE": (row) => `RFC822.SIZE ${row.sizeBytes}`,
  MODSEQ: (row) => `MODSEQ (${row.modSeq})`,
  SAVEDATE: (row) => `SAVEDATE ${encodeDateTime(row.savedMs)}`,
  // RFC 8474 §5.1: the same for every copy of the same bytes in the mailbox.
  EMAILID: (row, mailboxId) => `EMAILID (${objectId("M", mailboxId, row.contentId)})`,
};

/** What only the stored structure tells. RFC 9051 §7.5.2, RFC 8970 §3 */
export const structureItems: Partial<Record<PlainItem, (index: MimeIndex) => string>> = {
  ENVELOPE: (index) => `ENVELOPE ${envelopeOf(index)}`,
  BODY: (index) => `BODY ${encodeBodyStructure(index.root, false)}`,
  BODYSTRUCTURE: (index) => `BODYSTRUCTURE ${encodeBodyStructure(index.root, true)}`,
  PREVIEW: (index) => `PREVIEW ${encodeText(previewOf(index.preview))}`,
};

function envelopeOf(index: MimeIndex): string {
  const stored = storedEnvelope(index);
  return (stored === undefined ? undefined : encodeStoredEnvelope(stored)) ?? encodeEnvelope(index.envelope);
}

/** RFC 8970 §3.1: at most 200 characters, and none of them cut in two. */
const previewMaxCharacters = 200;

function previewOf(text: string): string {
  return text.length <= previewMaxCharacters ? text : [...text.slice(0, previewMaxCharacters)].slice(0, -1).join("");
}
