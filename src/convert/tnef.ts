import { WireError } from "#base/fault.ts";
import { decodeTnef } from "#format/tnef/decode.ts";
import { encodeTnef } from "#format/tnef/encode.ts";
import { itemOfMapi, mapiOfItem } from "#convert/mapi-file.ts";
import type { ItemBag } from "#convert/item.ts";

/**
 * The item in a winmail.dat; null for one that is broken and is left an attachment. Its checksums are not counted: a
 * wrong one would only be told, and nobody is there to be told. [MS-OXTNEF] 2.1.3
 */
export function readTnef(bytes: Uint8Array): ItemBag | null {
  try {
    return itemOfMapi(decodeTnef(bytes, { checksums: false }));
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}

/** An item as TNEF, for archives and never for mail to others. [MS-OXTNEF] 2.1.3 */
export function writeTnef(item: ItemBag): Uint8Array {
  return encodeTnef(mapiOfItem(item));
}
