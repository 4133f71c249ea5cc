import type { MessageRow } from "#mailbox/api.ts";
import type { SessionState } from "#serve/imap/state.ts";
import type { FlagName } from "#wire/imap/flags.ts";
import type { ViewUpdates } from "#serve/imap/view.ts";
import { Fault } from "#base/fault.ts";
import { messageFlags } from "#mailbox/api.ts";
import { encodeKeyword } from "#wire/imap/flags.ts";
import { encodeNumbers } from "#wire/imap/sequence.ts";

/** Which bit each flag is; the last two are keywords to IMAP and bits to every other protocol. RFC 9051 §2.3.2 */
const flagBits: readonly (readonly [FlagName, number])[] = [
  ["\\Answered", messageFlags.answered], ["\\Flagged", messageFlags.flagged], ["\\Deleted", messageFlags.deleted],
  ["\\Seen", messageFlags.seen], ["\\Draft", messageFlags.draft], ["$Forwarded", messageFlags.forwarded],
  ["$MDNSent", messageFlags.mdnSent],
];

const bitsByName = new Map(flagBits.map(([name, bit]) => [name.toLowerCase(), bit]));

/** Flags every folder has, and keywords programs agree on. RFC 9051 §2.3.2 */
export const usualFlags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent $Junk $NotJunk";

/** Bits and categories of flags a client named. */
export function splitFlags(names: readonly FlagName[]): { flags: number; keywords: string[] } {
  let flags = 0;
  const keywords = new Map<string, string>();
  for (const name of names) {
    const bit = bitsByName.get(name.toLowerCase());
    if (bit === undefined) keywords.set(name.toLowerCase(), name);
    else flags |= bit;
  }
  return { flags, keywords: [...keywords.values()] };
}

const textByBits: string[] = [];

/** `FLAGS (\Seen Red)`. RFC 9051 §7.5.2 */
export function encodeFlags(flags: number, keywords: readonly string[]): string {
  const bits = flags & 0x7f;
  const text = textByBits[bits] ??=
    `FLAGS (${flagBits.filter(([, bit]) => (bits & bit) !== 0).map(([name]) => name).join(" ")})`;
  if (keywords.length === 0) return text;
  const words = keywords.filter((keyword) => keyword !== "").map(encodeKeyword).join(" ");
  return words === "" ? text : `${text.slice(0, -1)}${bits === 0 ? "" : " "}${words})`;
}

/** `* 7 FETCH (UID 12 FLAGS (\Seen) MODSEQ (65))`: a message's flags changed. RFC 9051 §7.5.2, RFC 7162 §3.1.4 */
export function writeFlags(state: SessionState, number: number, row: MessageRow): void {
  const modSeq = state.usesCondstore ? ` MODSEQ (${row.modSeq})` : "";
  state.client.write(`${beginFetch(state, number, row.uid)}${encodeFlags(row.flags, row.keywords)}${modSeq})\r\n`);
}

/** `* 7 FETCH (UID 12 `, or `* 12 UIDFETCH (` for a client without message numbers. RFC 9586 §3.3 */
export function beginFetch(state: SessionState, number: number, uid: number): string {
  return state.usesUidOnly ? `* ${uid} UIDFETCH (` : `* ${number} FETCH (UID ${uid} `;
}

/** `* VANISHED 300:310,405`. RFC 7162 §3.2.10 */
export function encodeVanished(uids: Iterable<number>, isEarlier = false): string {
  return `* VANISHED ${isEarlier ? "(EARLIER) " : ""}${encodeNumbers(uids)}\r\n`;
}

/**
 * Tells the client what happened in its folder; when that is gone, good-bye, since the client's numbers stand for
 * nothing any more. UIDs of the messages whose flags it told. RFC 9051 §7.5.1, RFC 3501 §7.4.1, RFC 2180 §3.3
 */
export async function writeUpdates(state: SessionState, mayExpunge: boolean): Promise<ReadonlySet<number>> {
  const { view, client } = state;
  if (view === undefined) return none;
  let updates: ViewUpdates;
  try {
    updates = await view.sync(state.ctx, mayExpunge);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "notFound") throw error;
    state.view = undefined;
    state.bye("The selected folder was deleted.");
    return none;
  }
  const { expunged } = updates;
  if (expunged.length > 0 && (state.usesQresync || state.usesUidOnly)) {
    client.write(encodeVanished(expunged.map(({ uid }) => uid).reverse()));
  } else {
    for (const { number } of expunged) {
      client.write(`* ${number} EXPUNGE\r\n`);
      if (client.isFull) await client.drain();
    }
  }
  if (updates.exists !== undefined) client.write(`* ${updates.exists} EXISTS\r\n`);
  if (updates.changed.length === 0) return none;
  for (const { number, row } of updates.changed) {
    writeFlags(state, number, row);
    if (client.isFull) await client.drain();
  }
  return new Set(updates.changed.map(({ row }) => row.uid));
}

const none: ReadonlySet<number> = new Set();
