/**
 * The body of an item in any form: the one it was written in is kept, the others are made when somebody asks. RTF that
 * was made from HTML or text counts as what it was made from. [MS-OXBBODY] 2.1.3.1, [MS-OXCMSG] 2.2.1.56
 */
import { isUtf8 } from "node:buffer";
import { WireError } from "#base/fault.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { compressRtf, decompressRtf } from "#format/rtf/compressed.ts";
import { readRtfBody } from "#format/rtf/de-encapsulate.ts";
import { encapsulateHtml, encapsulateText } from "#format/rtf/encapsulate.ts";
import { escapeHtml } from "#format/rtf/to-html.ts";
import { properties } from "#props/registry.ts";
import { getProperty } from "#convert/item.ts";
import { nativeBodies, textOfHtml, utf8CodePage } from "#convert/mime/bodies.ts";
import { charsetOf } from "#convert/mime/charset.ts";
import type { RtfBody } from "#format/rtf/de-encapsulate.ts";
import type { ItemObject } from "#convert/item.ts";

const p = properties;
const asciiCodePage = 20127;

/** The charset that PidTagHtml is in. [MS-OXCMAIL] 2.1.3.3 */
export function htmlCharset(item: ItemObject, html: Uint8Array): string {
  const page = getProperty(item, p.PidTagInternetCodepage);
  const label = page === undefined || page === asciiCodePage ? null : charsetOf(page);
  if (label === null || page === utf8CodePage) return isUtf8(html) ? "utf-8" : label ?? "windows-1252";
  return label;
}

/** The same of HTML that passes in pieces. [MS-OXCMAIL] 2.1.3.3 */
export function charsetOfHtml(item: ItemObject, chunks: Iterable<Uint8Array>): string {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for (const chunk of chunks) decoder.decode(chunk, { stream: true });
    decoder.decode();
    return htmlCharset(item, empty);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return htmlCharset(item, notUtf8);
  }
}

const empty = new Uint8Array(0);
const notUtf8 = Uint8Array.of(0xff);

/** PidTagRtfCompressed as what it was made from; null without one, or a broken one. [MS-OXRTFEX] 2.2.3 */
export function rtfBodyOf(item: ItemObject): RtfBody | null {
  const compressed = getProperty(item, p.PidTagRtfCompressed);
  if (compressed === undefined) return null;
  try {
    return readRtfBody(decompressRtf(compressed));
  } catch (error) {
    // A broken body must not keep the rest of a message from being read.
    if (error instanceof WireError) return null;
    throw error;
  }
}

/**
 * The form the body was written in, one of `nativeBodies`: as the item says, else by what it has. HTML and RTF side by
 * side are the RTF's when the item says that it is in step. [MS-OXBBODY] 2.1.3.1
 */
export function nativeBodyOf(item: ItemObject): number {
  const told = getProperty(item, p.PidTagNativeBody);
  const hasRtf = item.bag.has(p.PidTagRtfCompressed.tag);
  const hasHtml = item.bag.has(p.PidTagHtml.tag);
  const hasText = item.bag.has(p.PidTagBody.tag);
  if (told === nativeBodies.html && (hasHtml || hasRtf)) return nativeBodies.html;
  if (told === nativeBodies.rtf && hasRtf) return nativeBodies.rtf;
  if (told === nativeBodies.plain && hasText) return nativeBodies.plain;
  const isRtf = hasRtf && (!hasHtml || getProperty(item, p.PidTagRtfInSync) === true);
  if (isRtf) {
    const origin = rtfBodyOf(item)?.origin;
    if (origin === "html") return nativeBodies.html;
    if (origin === "text") return nativeBodies.plain;
    if (origin === "native") return nativeBodies.rtf;
  }
  if (hasHtml) return nativeBodies.html;
  return hasText ? nativeBodies.plain : nativeBodies.undefined;
}

/** Text in HTML that shows it as it stands. [MS-OXCMSG] 2.2.1.56.9 */
export function htmlOfText(text: string): string {
  return `<html><body><pre style="white-space: pre-wrap">${escapeHtml(text)}</pre></body></html>`;
}

/** PidTagHtml as text, made when it is not there; undefined for an item without a body. [MS-OXCMSG] 2.2.1.56.9 */
export function htmlBodyOf(item: ItemObject): string | undefined {
  const html = getProperty(item, p.PidTagHtml);
  if (html !== undefined) return decodeCharset(html, htmlCharset(item, html));
  const rtf = rtfBodyOf(item);
  if (rtf?.html !== undefined) return rtf.html;
  const text = rtf?.text ?? getProperty(item, p.PidTagBody);
  return text === undefined ? undefined : htmlOfText(text);
}

/** PidTagBody, made when it is not there; undefined for an item without a body. [MS-OXCMSG] 2.2.1.56.1 */
export function plainBodyOf(item: ItemObject): string | undefined {
  const text = getProperty(item, p.PidTagBody);
  if (text !== undefined) return text;
  const rtf = item.bag.has(p.PidTagHtml.tag) ? null : rtfBodyOf(item);
  if (rtf?.text !== undefined) return rtf.text;
  const html = htmlBodyOf(item);
  return html === undefined ? undefined : textOfHtml(html);
}

/** PidTagRtfCompressed, made when it is not there; undefined for an item without a body. [MS-OXCMSG] 2.2.1.56.4 */
export function compressedRtfOf(item: ItemObject): Uint8Array | undefined {
  const rtf = getProperty(item, p.PidTagRtfCompressed);
  if (rtf !== undefined) return rtf;
  if (item.bag.has(p.PidTagHtml.tag)) return compressRtf(encapsulateHtml(htmlBodyOf(item) ?? ""));
  const text = getProperty(item, p.PidTagBody);
  return text === undefined ? undefined : compressRtf(encapsulateText(text));
}
