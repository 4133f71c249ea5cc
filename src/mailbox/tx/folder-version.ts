/** How a client named the last version of a folder that it made away from the server. [MS-OXCFXICS] 3.2.5.9.4.3 */
import { decodeBag, encodeBag } from "#props/bag.ts";
import { makeTag } from "#props/types.ts";

/**
 * Where the last version of a folder that a client made stands among its properties, under provider-defined ids that no
 * client sees: how it is named, what it knew, and the folder's change number then.
 */
export const folderVersionTags = {
  changeKey: makeTag(0x67c4, "Binary"), predecessors: makeTag(0x67c5, "Binary"), cn: makeTag(0x67c6, "Integer64"),
} as const;

/** What clients wrote on a folder, for a copy of it: that is no version of the folder it was made of. */
export function withoutVersion(bag: Uint8Array): Uint8Array {
  const kept = decodeBag(bag);
  let isOther = false;
  for (const tag of Object.values(folderVersionTags)) isOther = kept.delete(tag) || isOther;
  return isOther ? encodeBag(kept) : bag;
}
