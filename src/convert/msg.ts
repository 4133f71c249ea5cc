import { readMsg } from "#format/msg/read.ts";
import { writeMsg } from "#format/msg/write.ts";
import { itemOfMapi, mapiOfItem } from "#convert/mapi-file.ts";
import type { ItemBag } from "#convert/item.ts";

/** The item in a .msg or .oft file. Throws WireError for what is none. [MS-OXMSG] 2 */
export function readMsgItem(bytes: Uint8Array): ItemBag {
  return itemOfMapi(readMsg(bytes));
}

/** An item as a .msg file that Outlook opens. [MS-OXMSG] 2 */
export function writeMsgItem(item: ItemBag): Uint8Array {
  return writeMsg(mapiOfItem(item));
}
