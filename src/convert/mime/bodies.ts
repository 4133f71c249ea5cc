import { Buffer } from "node:buffer";
import { HtmlToText } from "#format/html/to-text.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { paramValue } from "#format/mime/parameters.ts";
import { withLineEnds } from "#format/mime/text.ts";
import { properties } from "#props/registry.ts";
import { setProperty } from "#convert/item.ts";
import { codePageOf } from "#convert/mime/charset.ts";
import { partBytes } from "#convert/mime/contents.ts";
import type { MimePart } from "#format/mime/types.ts";
import type { ItemBag } from "#convert/item.ts";
import type { ReadBytes } from "#convert/mime/contents.ts";
import type { BodySegment } from "#convert/mime/layout.ts";

const p = properties;

/** PidTagNativeBody. [MS-OXCMSG] 2.2.1.58.2 */
export const nativeBodies = { undefined: 0, plain: 1, rtf: 2, html: 3 } as const;
export const utf8CodePage = 65001;

/**
 * The body in the forms that came; a form that did not come is left for who asks. HTML keeps its bytes and its charset
 * when one part brings all of it, else it is joined in UTF-8. [MS-OXCMAIL] 2.2.3.3
 */
export function setBodies(item: ItemBag, read: ReadBytes, body: readonly BodySegment[]): void {
  const [only] = body;
  if (only === undefined) return;
  const hasHtml = body.some(({ html }) => html !== undefined);
  const texts = body.map(({ plain }) => (plain === undefined ? null : plainText(read, plain)));
  if (texts.every((text) => text !== null)) setProperty(item, p.PidTagBody, texts.join("\r\n"));
  if (!hasHtml) {
    setProperty(item, p.PidTagNativeBody, nativeBodies.plain);
    setProperty(item, p.PidTagInternetCodepage, codePage(only.plain) ?? utf8CodePage);
    return;
  }
  setProperty(item, p.PidTagNativeBody, nativeBodies.html);
  const page = only.html === undefined || body.length > 1 ? null : codePage(only.html);
  if (only.html !== undefined && page !== null) {
    setProperty(item, p.PidTagHtml, partBytes(read, only.html));
    setProperty(item, p.PidTagInternetCodepage, page);
    return;
  }
  const pieces = body.map(({ html }, index) =>
    (html === undefined ? htmlOfText(texts[index] ?? "") : textOf(read, html)));
  setProperty(item, p.PidTagHtml, Buffer.from(pieces.join("\r\n"), "utf8"));
  setProperty(item, p.PidTagInternetCodepage, utf8CodePage);
}

/** Null where the bytes must be written anew: an unknown charset, or one that is wider than a byte throughout. */
function codePage(part: MimePart | undefined): number | null {
  const charset = part === undefined ? null : paramValue(part.params, "charset");
  const page = charset === null ? null : codePageOf(charset);
  return page === 20127 || page === 65000 ? null : page;
}

function textOf(read: ReadBytes, part: MimePart): string {
  return decodeCharset(partBytes(read, part), paramValue(part.params, "charset")).replace(/^\ufeff/, "");
}

/** Plain text, CRLF line ends, flowed lines joined. RFC 3676 §4 */
export function plainText(read: ReadBytes, part: MimePart): string {
  const text = withLineEnds(textOf(read, part).replaceAll("\0", ""));
  if (part.subtype === "html" || part.subtype === "enriched" || part.subtype === "richtext") return textOfHtml(text);
  if (paramValue(part.params, "format")?.toLowerCase() !== "flowed") return text;
  return unflow(text, paramValue(part.params, "delsp")?.toLowerCase() === "yes");
}

/** RFC 3676 §4.1 to §4.5 */
export function unflow(text: string, deleteSpace: boolean): string {
  const out: string[] = [];
  let paragraph: string[] = [];
  let depth = 0;
  const flush = (): void => {
    if (paragraph.length > 0) out.push(`${">".repeat(depth)}${depth > 0 ? " " : ""}${paragraph.join("")}`);
    paragraph = [];
  };
  const lines = text.split("\r\n");
  for (const [index, line] of lines.entries()) {
    let quotes = 0;
    while (line.charAt(quotes) === ">") quotes++;
    const stuffed = line.charAt(quotes) === " " ? line.slice(quotes + 1) : line.slice(quotes);
    if (paragraph.length > 0 && quotes !== depth) flush();
    depth = quotes;
    const isSoft = stuffed.endsWith(" ") && stuffed !== "-- " && index < lines.length - 1;
    if (stuffed === "-- ") flush();
    paragraph.push(isSoft && deleteSpace ? stuffed.slice(0, -1) : stuffed);
    if (!isSoft) flush();
  }
  flush();
  return out.join("\r\n");
}

/** Words of HTML for readers of plain text. [MS-OXBBODY] 2.1 */
export function textOfHtml(html: string): string {
  const out: string[] = [];
  const reader = new HtmlToText((text) => out.push(text));
  reader.write(html);
  reader.end();
  const lines = out.join("").split(/\r\n|\r|\n/).map((line) => line.trimEnd());
  return lines.join("\n").replaceAll(/\n{3,}/g, "\n\n").trim().replaceAll("\n", "\r\n");
}

function htmlOfText(text: string): string {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<pre style="white-space: pre-wrap">${escaped}</pre>`;
}
