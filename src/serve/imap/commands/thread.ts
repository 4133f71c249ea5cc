/** THREAD and UID THREAD. RFC 5256 §3 */
import type { MessageStructure } from "#mailbox/api.ts";
import type { Handler } from "#serve/imap/state.ts";
import type { ThreadMessage } from "#serve/imap/threads.ts";
import { parseDate } from "#format/mime/date.ts";
import { decodeWords } from "#format/mime/words.ts";
import { badCharset, find, searchCompletion } from "#serve/imap/commands/search.ts";
import { byOrderedSubject, byReferences, encodeThreads } from "#serve/imap/threads.ts";
import { baseSubject } from "#wire/imap/subject.ts";

/** RFC 5256 §3 */
export const thread: Handler<"THREAD"> = async (state, { tag, args, isUid }) => {
  const view = state.selected;
  const found = await find(state, view, tag, args);
  if (found === undefined) return badCharset();
  const wanted = new Set(found.uids);
  const messages: ThreadMessage[] = [];
  for await (const rows of view.mailbox.structures(state.ctx, view.folderId, view.rangesOf(found.uids))) {
    for (const row of rows) {
      const number = isUid || state.usesUidOnly ? row.uid : view.numberOf(row.uid);
      if (wanted.has(row.uid) && number !== 0) messages.push(toThreadMessage(row, number));
    }
  }
  const threads = args.algorithm === "ORDEREDSUBJECT" ? byOrderedSubject(messages)
    : byReferences(messages, args.algorithm === "REFERENCES");
  state.client.write(`* THREAD${threads.length === 0 ? "" : ` ${encodeThreads(threads)}`}\r\n`);
  return searchCompletion(view, isUid);
};

function toThreadMessage({ index, internalMs }: MessageStructure, number: number): ThreadMessage {
  const { envelope, fields } = index;
  const { base, isReply } = baseSubject(decodeWords(envelope.subject ?? ""));
  const references = idsIn(fields.find(({ name }) => name === "references")?.value ?? "");
  return {
    number, subject: base, isReply, messageId: idsIn(envelope.messageId ?? "")[0] ?? "",
    sentMs: (envelope.date === null ? null : parseDate(envelope.date)) ?? internalMs,
    references: references.length > 0 ? references : idsIn(envelope.inReplyTo ?? "").slice(0, 1),
  };
}

/** References of one message that are looked at: the newest ones. */
const referencesMax = 100;

/** Identifiers between angle brackets. RFC 5256 §4 */
function idsIn(text: string): string[] {
  const ids = text.match(/<[^<>\s]+>/g) ?? [];
  return ids.slice(-referencesMax).map((id) => id.slice(1, -1));
}
