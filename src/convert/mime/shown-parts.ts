import { Buffer } from "node:buffer";
import { properties } from "#props/registry.ts";
import { getProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import type { IsShown } from "#convert/mime/attachments-read.ts";

const referencesMax = 20_000;
/** `cid:…` anywhere, and what src, background and href point to. RFC 2392, RFC 2557 §5 */
const reference = /\bcid:([^"'\s<>)]{1,1000})|\b(?:src|background|href)\s*=\s*["']?([^"'\s<>]{1,2000})/gi;

/** Which parts the item's HTML shows in place. [MS-OXCMAIL] 2.2.3.4.1 (inline attachments) */
export function shownParts(item: ItemObject): IsShown {
  const html = getProperty(item, properties.PidTagHtml);
  const contentIds = new Set<string>();
  const locations = new Set<string>();
  if (html !== undefined) {
    const text = Buffer.from(html.buffer, html.byteOffset, html.byteLength).toString("latin1");
    let count = 0;
    for (const [, contentId, location] of text.matchAll(reference)) {
      if (count++ >= referencesMax) break;
      if (contentId !== undefined) contentIds.add(unescape(contentId));
      else if (location?.slice(0, 4).toLowerCase() === "cid:") contentIds.add(unescape(location.slice(4)));
      else if (location !== undefined) locations.add(location.replaceAll("&amp;", "&"));
    }
  }
  return (contentId, location) =>
    (contentId !== null && contentIds.has(contentId)) || (location !== null && locations.has(location));
}

function unescape(text: string): string {
  const plain = text.replaceAll("&amp;", "&");
  if (!plain.includes("%")) return plain;
  return plain.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}
