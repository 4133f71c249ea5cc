/** THREAD and UID THREAD, by what is stored of each message. RFC 5256 §3 */
import type { Ctx } from "#base/ctx.ts";
import type { ThreadColumns } from "#mailbox/api.ts";
import type { Handler } from "#serve/imap/state.ts";
import type { ThreadArguments } from "#wire/imap/sort.ts";
import { inTurns } from "#base/turns.ts";
import { badCharset, find, searchCompletion } from "#serve/imap/commands/search.ts";
import { byOrderedSubject, byReferences, threadTexts } from "#serve/imap/threads.ts";
import type { ThreadMessages } from "#serve/imap/threads.ts";

type Algorithm = ThreadArguments["algorithm"];

/** RFC 5256 §3 */
export const thread: Handler<"THREAD"> = async (state, { args, isUid }) => {
  const view = state.selected;
  const found = await find(state, view, args);
  if (found === undefined) return badCharset();
  const { ctx, client } = state;
  const columns = await view.mailbox.threadKeys(ctx, view.folderId, found.uids);
  const numbers = new Uint32Array(columns.uids.length);
  let number = 0;
  for (let at = 0, place = 0; at < found.uids.length; at++) {
    const uid = found.uids[at]!;
    while (place < columns.uids.length && columns.uids[place]! < uid) place++;
    if (columns.uids[place] !== uid) continue;
    number = view.numberNear(uid, number + 1);
    if (number !== 0) numbers[place] = isUid || state.usesUidOnly ? uid : number;
  }
  const pieces = await threadPieces(ctx, columns, numbers, args.algorithm);
  client.write(pieces.length === 0 ? "* THREAD" : "* THREAD ");
  for (const text of pieces) {
    client.write(text);
    await client.drain();
  }
  client.write("\r\n");
  return searchCompletion(view, isUid);
};

interface Told {
  readonly algorithm: Algorithm;
  readonly numbers: Uint32Array;
  readonly pieces: readonly string[];
}

/** What was told last of a folder, as long as it stays as it is: many programs ask again whenever they show it. */
const lastTold = new WeakMap<ThreadColumns, Told>();

async function threadPieces(
  ctx: Ctx, columns: ThreadColumns, numbers: Uint32Array, algorithm: Algorithm,
): Promise<readonly string[]> {
  const told = lastTold.get(columns);
  if (told?.algorithm === algorithm && isSame(told.numbers, numbers)) return told.pieces;
  const messages: ThreadMessages = { ...columns, numbers };
  const threads = await inTurns(ctx, algorithm === "ORDEREDSUBJECT" ? byOrderedSubject(messages)
    : byReferences(messages, algorithm === "REFERENCES"));
  const pieces: string[] = [];
  await inTurns(ctx, (function* () {
    for (const text of threadTexts(threads)) {
      pieces.push(text);
      yield;
    }
  })());
  lastTold.set(columns, { algorithm, numbers, pieces });
  return pieces;
}

function isSame(one: Uint32Array, other: Uint32Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
