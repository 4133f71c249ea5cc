import type { Cursor } from "#wire/imap/cursor.ts";
import type { SequenceSet } from "#wire/imap/sequence.ts";
import { modSequence } from "#wire/imap/fetch.ts";
import { keyOf, parenthesized } from "#wire/imap/grammar.ts";
import { numberSet } from "#wire/imap/sequence.ts";

/** What the client remembers of a folder it opens again. RFC 7162 §3.2.5 */
export interface KnownState {
  readonly uidValidity: number;
  readonly modSeq: number;
  /** UIDs the client has; undefined: all there were. */
  readonly uids: SequenceSet | undefined;
  /** Message numbers and the UIDs they had. */
  readonly matches: { readonly numbers: SequenceSet; readonly uids: SequenceSet } | undefined;
}

export interface SelectParameters {
  readonly known: KnownState | undefined;
}

const parameterNames = { CONDSTORE: {}, QRESYNC: {} } as const;

/** `(CONDSTORE)` or `(QRESYNC (67890007 20050715194045000 41:211))`. RFC 7162 §3.1.8, §3.2.5 */
export function selectParameters(cursor: Cursor): SelectParameters {
  let known: KnownState | undefined;
  parenthesized((c) => {
    if (keyOf(parameterNames, "parameter")(c) === "CONDSTORE") return;
    c.space();
    known = knownState(c);
  }, "parameters")(cursor);
  return { known };
}

function knownState(cursor: Cursor): KnownState {
  cursor.expect("(", "( before what is known");
  const uidValidity = cursor.nonZero("a UIDVALIDITY");
  cursor.space();
  const modSeq = modSequence(cursor);
  if (modSeq === 0) cursor.fail("The modification sequence cannot be 0");
  let uids: SequenceSet | undefined;
  let matches: KnownState["matches"];
  if (cursor.accept(" ")) {
    if (cursor.peek() !== 0x28) uids = numberSet(cursor);
    if (uids === undefined || cursor.accept(" ")) {
      cursor.expect("(", "( before numbers and UIDs");
      const numbers = numberSet(cursor);
      cursor.space();
      matches = { numbers, uids: numberSet(cursor) };
      cursor.expect(")", ") after numbers and UIDs");
    }
  }
  cursor.expect(")", ") after what is known");
  return { uidValidity, modSeq, uids, matches };
}
