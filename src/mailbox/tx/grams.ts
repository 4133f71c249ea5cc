/** Trigrams of messages beside their bytes: kept on arrival, and by the first search that looks at older ones. */
import { decodeMimeIndex } from "#format/mime/index-text.ts";
import type { MimeIndex } from "#format/mime/types.ts";
import { gramsOf } from "#mailbox/search/grams.ts";
import type { ReadBytes } from "#convert/mime/contents.ts";
import type { MessageSource } from "#mailbox/tx/insert.ts";
import { sourceReader } from "#mailbox/tx/source.ts";
import { procedure } from "#store/api.ts";
import { run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** At once, for whoever has the bytes at hand. */
export function makeGrams(index: MimeIndex, read: ReadBytes): Uint8Array {
  const making = gramsOf(index);
  let step = making.next();
  while (!step.done) step = making.next(read(step.value.start, step.value.end));
  return step.value;
}

export function* putGrams(mailboxId: number, contentId: number, grams: Uint8Array): Work<void> {
  yield* run(
    `INSERT INTO content_grams (mailbox_id, content_id, grams)
     SELECT $1, $2, $3 WHERE EXISTS (SELECT 1 FROM content c WHERE c.mailbox_id = $1 AND c.content_id = $2)
     ON CONFLICT (mailbox_id, content_id) DO NOTHING`, mailboxId, contentId, grams);
}

export interface KeepGrams {
  readonly messages: readonly {
    readonly contentId: number;
    readonly source: MessageSource;
    /** As stored. */
    readonly index: string;
  }[];
}

export interface GramsKept {
  readonly contentId: number;
  readonly grams: Uint8Array;
}

/** Makes the trigrams of messages and keeps them. Nobody sees a difference, so it takes no change number. */
export const keepGrams = procedure({
  name: "mailbox.keepGrams",
  prepare: (args: KeepGrams, io): GramsKept[] => args.messages.map(({ contentId, source, index }) =>
    ({ contentId, grams: makeGrams(decodeMimeIndex(index), sourceReader(source, io)) })),
  *run(tx, _args: KeepGrams, made: GramsKept[]): Work<GramsKept[]> {
    for (const { contentId, grams } of made) yield* putGrams(tx.scope, contentId, grams);
    return made;
  },
});
