import type { MessageRow } from "#mailbox/api.ts";
import type { SessionState } from "#serve/imap/state.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { FlagName } from "#wire/imap/flags.ts";
import { messageFlags } from "#mailbox/api.ts";
import { noteKeyword } from "#serve/imap/folder-memory.ts";
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

/**
 * Tells of keywords the client has not heard of in this folder, before a message is told with them: `FLAGS` and
 * `PERMANENTFLAGS` name what there is. RFC 9051 §7.3.1, §7.1 `PERMANENTFLAGS`
 */
export function announceKeywords(state: SessionState, keywords: Iterable<string>): void {
  const { view } = state;
  if (view === undefined) return;
  let isNew = false;
  for (const name of keywords) {
    if (noteKeyword(view.keywords, name) && !usualNames.has(name.toLowerCase())) isNew = true;
  }
  if (isNew) state.client.write(flagLines(view));
}

const usualNames: ReadonlySet<string> = new Set(usualFlags.toLowerCase().split(" "));

/** `* FLAGS (…)` and `* OK [PERMANENTFLAGS (…)]` of the selected folder. RFC 9051 §7.3.1, §7.1 */
export function flagLines(view: FolderView): string {
  for (const name of view.keywords.values()) noteKeyword(view.folderKeywords, name);
  const more = [...view.keywords].flatMap(([key, name]) => (usualNames.has(key) ? [] : [` ${encodeKeyword(name)}`]));
  const flags = `${usualFlags}${more.join("")}`;
  return `* FLAGS (${flags})\r\n` +
    `* OK [PERMANENTFLAGS (${view.isReadOnly ? "" : `${flags} \\*`})] Flags that are kept.\r\n`;
}

/** Flags as one client sees them. RFC 9051 §7.5.2, RFC 3501 §2.3.2 */
export function flagsOf(state: SessionState, uid: number, flags: number, keywords: readonly string[]): string {
  if (keywords.length > 0) announceKeywords(state, keywords);
  const text = encodeFlags(flags, keywords);
  if (state.view?.recent?.has(uid) !== true || state.usesRev2) return text;
  return text === "FLAGS ()" ? "FLAGS (\\Recent)" : `${text.slice(0, -1)} \\Recent)`;
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
  const flags = flagsOf(state, row.uid, row.flags, row.keywords);
  state.client.write(`${beginFetch(state, number, row.uid)}${flags}${modSeq})\r\n`);
}

/** `* 7 FETCH (UID 12 `, or `* 12 UIDFETCH (` for a client without message numbers. RFC 9586 §3.3 */
export function beginFetch(state: SessionState, number: number, uid: number): string {
  return state.usesUidOnly ? `* ${uid} UIDFETCH (` : `* ${number} FETCH (UID ${uid} `;
}

/** `* VANISHED 300:310,405`. RFC 7162 §3.2.10 */
export function encodeVanished(uids: Iterable<number>, isEarlier = false): string {
  return `* VANISHED ${isEarlier ? "(EARLIER) " : ""}${encodeNumbers(uids)}\r\n`;
}
