import { WireError } from "#base/fault.ts";
import { readPst } from "#format/pst/read.ts";
import { itemOfMapi } from "#convert/mapi-file.ts";
import type { ReadAt } from "#format/pst/file.ts";
import type { ItemBag } from "#convert/item.ts";

export interface PstItem {
  readonly nid: number;
  readonly folderNid: number;
  /** Names from the first folder down. */
  readonly folder: readonly string[];
  /** The item, or why it cannot be read. */
  readonly item: ItemBag | WireError;
}

/**
 * Every item of a .pst or .ost file, one after another; `read` gives bytes at a place. A password that a file asks for
 * keeps nobody out: its bytes are only disguised. Throws WireError for what is no such file. [MS-PST] 2.4.5
 */
export function* readPstItems(read: ReadAt): Generator<PstItem, undefined> {
  for (const { nid, folderNid, folder, message } of readPst(read)) {
    yield { nid, folderNid, folder, item: message instanceof WireError ? message : itemOfMapi(message) };
  }
  return undefined;
}
