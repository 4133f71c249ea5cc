/** STORE and UID STORE. RFC 9051 §6.4.6, RFC 7162 §3.1.3 */
import type { ChangeNumber } from "#base/ids.ts";
import type { FlagChange } from "#mailbox/api.ts";
import type { Handler } from "#serve/imap/state.ts";
import type { Interval } from "#wire/imap/sequence.ts";
import { limits } from "#base/limits.ts";
import { announceKeywords, beginFetch, splitFlags, writeFlags } from "#serve/imap/flags.ts";
import { writeUpdates } from "#serve/imap/news.ts";
import { no, ok, pastTheEnd } from "#serve/imap/state.ts";
import { encodeNumbers } from "#wire/imap/sequence.ts";

export const store: Handler<"STORE"> = async (state, { args, isUid }) => {
  const view = state.selected;
  if (view.isReadOnly) return no("The folder was opened for reading only.", "CANNOT");
  const unchangedSince = args.modifiers?.unchangedSince;
  if (unchangedSince !== undefined) state.usesCondstore = true;
  const mistake = pastTheEnd(view, args.set, isUid);
  if (mistake !== undefined) return mistake;
  const numbers = view.numbers(args.set, isUid);
  const change: FlagChange = {
    mode: args.mode.mode, ...splitFlags(args.flags),
    ...(unchangedSince === undefined ? {} : { unchangedSince: unchangedSince as ChangeNumber }),
  };
  // What others did before must not be hidden by this command's silence.
  const told = view.isDirty ? await writeUpdates(state, false) : undefined;
  const conflicts: number[] = [];
  let knownCn: number = view.cn;
  for (const batch of batches(numbers)) {
    // Whatever is heard of from here on says which commit it was.
    const wasClean = !view.isDirty && state.notify === undefined;
    const result = await view.mailbox.setFlags(state.ctx, view.folderId, view.uidRanges(batch), change);
    // Somebody may have come in between: then the rows hold what silence would hide, and the next sync tells them.
    const isAlone = result.cn === knownCn || (result.isChanged && result.cn === knownCn + 1);
    knownCn = result.cn;
    for (const uid of result.conflicts) {
      const number = isUid ? uid : view.numberOf(uid);
      if (number !== 0) conflicts.push(number);
    }
    for (const row of result.rows) {
      const number = view.numberOf(row.uid);
      if (number === 0) continue;
      if (isAlone || !args.mode.isSilent) view.noteTold(row);
      // Flags told a moment ago are not left standing, silent or not: they are from before this change.
      if (!args.mode.isSilent || told?.has(row.uid) === true) writeFlags(state, number, row);
      else if (state.usesCondstore && row.modSeq === result.cn) {
        // RFC 7162 §3.1.3: silence does not cover the new MODSEQ.
        state.client.write(`${beginFetch(state, number, row.uid)}MODSEQ (${row.modSeq}))\r\n`);
      }
      if (state.client.isFull) await state.client.drain();
    }
    if (wasClean && isAlone) view.advance(result.cn);
  }
  if (args.mode.mode !== "remove") announceKeywords(state, change.keywords);
  if (conflicts.length > 0) {
    return ok("Some messages have changed since and were left alone.", `MODIFIED ${encodeNumbers(conflicts)}`);
  }
  return ok("Stored.", !isUid && view.hasHeldBack ? "EXPUNGEISSUED" : undefined);
};

/** Pieces of at most `limits.imapStoreBatchMessages`, so that one command never holds the mailbox for long. */
export function* batches(numbers: readonly Interval[]): Generator<Interval[]> {
  const max = limits.imapStoreBatchMessages;
  let batch: Interval[] = [];
  let size = 0;
  for (const interval of numbers) {
    for (let first = interval.first; first <= interval.last;) {
      const last = Math.min(interval.last, first + (max - size) - 1);
      batch.push({ first, last });
      size += last - first + 1;
      first = last + 1;
      if (size < max) continue;
      yield batch;
      batch = [];
      size = 0;
    }
  }
  if (batch.length > 0) yield batch;
}
