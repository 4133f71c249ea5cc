import { Buffer } from "node:buffer";
import { properties } from "#props/registry.ts";
import { bytePieces } from "#convert/large.ts";
import type { ItemObject } from "#convert/item.ts";
import type { IsShown } from "#convert/mime/attachments-read.ts";

const referencesMax = 20_000;
/** `cid:…` anywhere, and what src, background and href point to. RFC 2392, RFC 2557 §5 */
const reference = /\bcid:([^"'\s<>)]{1,1000})|\b(?:src|background|href)\s*=\s*["']?([^"'\s<>]{1,2000})/gi;
/** Longer than what one match looks at, but for white space about its "=". */
const overlap = 4096;

/** Which parts an item's HTML shows in place. [MS-OXCMAIL] 2.2.3.4.1 (inline attachments) */
export function shownParts(item: ItemObject): IsShown {
  const found = new ShownParts();
  for (const piece of bytePieces(item.bag, properties.PidTagHtml.tag) ?? []) found.write(piece);
  found.end();
  return found.isShown;
}

/** The same while the bytes of the HTML pass. */
export class ShownParts {
  readonly #contentIds = new Set<string>();
  readonly #locations = new Set<string>();
  #held = "";
  #left = referencesMax;

  write(bytes: Uint8Array): void {
    if (this.#left === 0) return;
    const text = this.#held + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    const settled = text.length - overlap;
    this.#held = settled > 0 ? text.slice(this.#scan(text, settled) - 1) : text;
  }

  end(): void {
    this.#scan(this.#held, this.#held.length);
    this.#held = "";
  }

  /** Takes what begins before `end`; where the next look begins. */
  #scan(text: string, end: number): number {
    let next = end;
    for (const match of text.matchAll(reference)) {
      if (match.index >= end || this.#left === 0) break;
      this.#left--;
      this.#take(match[1], match[2]);
      next = Math.max(next, match.index + match[0].length);
    }
    return next;
  }

  #take(contentId: string | undefined, location: string | undefined): void {
    if (contentId !== undefined) this.#contentIds.add(unescape(contentId));
    else if (location?.slice(0, 4).toLowerCase() === "cid:") this.#contentIds.add(unescape(location.slice(4)));
    else if (location !== undefined) this.#locations.add(location.replaceAll("&amp;", "&"));
  }

  readonly isShown: IsShown = (contentId, location) =>
    (contentId !== null && this.#contentIds.has(contentId)) || (location !== null && this.#locations.has(location));
}

function unescape(text: string): string {
  const plain = text.replaceAll("&amp;", "&");
  if (!plain.includes("%")) return plain;
  return plain.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}
