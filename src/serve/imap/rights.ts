/** Rights of folders in IMAP's letters. RFC 4314 §2.1, [MS-OXCPERM] 2.2.7 */
import { folderRights } from "#mailbox/access.ts";

/** What each letter stands for here. Letters on one line are given and taken together. RFC 4314 §4 */
const letters: readonly (readonly [letters: string, bits: number])[] = [
  ["l", folderRights.folderVisible],
  // The seen flag goes with reading.
  ["rs", folderRights.readAny],
  ["w", folderRights.editAny | folderRights.editOwned],
  ["ip", folderRights.create],
  ["kc", folderRights.createSubFolder],
  ["ted", folderRights.deleteAny | folderRights.deleteOwned],
  ["xa", folderRights.folderOwner],
];

/** Every right there is, as LISTRIGHTS tells it. RFC 4314 §3.4 */
export const tiedRights = letters.map(([tied]) => tied).join(" ");

const allRights = letters.reduce((bits, [, own]) => bits | own, 0);

/** The letters of some bits, in the order of the table; a right counts when all its bits are there. RFC 4314 §2.2 */
export function encodeRights(bits: number): string {
  let text = "";
  for (const [tied, own] of letters) if (hasRight(bits, own)) text += tied;
  return text;
}

/** Who may edit or delete anything may do so with their own things. */
function hasRight(bits: number, own: number): boolean {
  const decisive = own & ~(folderRights.editOwned | folderRights.deleteOwned);
  return (bits & decisive) === decisive;
}

/** The bits of letters; undefined when one is none of ours. RFC 4314 §3.1 */
export function decodeRights(text: string): number | undefined {
  let bits = 0;
  for (const letter of text) {
    const row = letters.find(([tied]) => tied.includes(letter));
    if (row === undefined) return undefined;
    bits |= row[1];
  }
  return bits;
}

/** Bits after a change; rights that IMAP has no letters for stay as they are. RFC 4314 §3.1 */
export function changeRights(before: number, mode: "add" | "remove" | "replace", bits: number): number {
  switch (mode) {
    case "add": return before | bits;
    case "remove": return before & ~bits;
    case "replace": return (before & ~allRights) | bits;
  }
}
