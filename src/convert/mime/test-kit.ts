/** What the tests of this folder share: messages in and out, and what an item means whatever its bytes. */
import { createHash } from "node:crypto";
import { indexMessage } from "#format/mime/indexer.ts";
import { codePageLabel } from "#format/mapi/code-page.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { parseParameterized } from "#format/mime/parameters.ts";
import { properties } from "#props/registry.ts";
import { attachmentBytes, attachmentChunks, getProperty, namedKey } from "#convert/item.ts";
import { fromMime } from "#convert/mime/from-mime.ts";
import { decodeFlatEntryList, decodeOneOff } from "#convert/mime/one-off.ts";
import { toMime } from "#convert/mime/to-mime.ts";
import { tagText } from "#props/types.ts";
import type { ItemAttachment, ItemBag, ItemObject } from "#convert/item.ts";
import type { FromMimeOptions } from "#convert/mime/from-mime.ts";
import type { ToMimeOptions } from "#convert/mime/to-mime.ts";

const p = properties;

export function itemOf(message: Uint8Array | string, options?: FromMimeOptions): ItemBag {
  const bytes = typeof message === "string" ? Buffer.from(message.replaceAll(/\r?\n/g, "\r\n"), "utf8")
    : message;
  return fromMime(indexMessage(bytes).index, (start, end) => bytes.subarray(start, end), options);
}

export function bytesOf(item: ItemBag, options?: ToMimeOptions): Buffer {
  return Buffer.concat([...toMime(item, options)]);
}

/** Plain data that two items share when they mean the same: no ids, sizes, keys, or bytes that may be spelled anew. */
export type Meaning = Record<string, unknown>;

/** Properties that are told in another way below, or that only describe how the message was framed. */
const framing = new Set([
  p.PidTagTransportMessageHeaders, p.PidTagInternetCodepage, p.PidTagHtml, p.PidTagBody, p.PidTagReplyRecipientEntries,
  p.PidTagMessageDeliveryTime, p.PidTagAttachSize, p.PidTagAttachNumber, p.PidTagAttachFilename, p.PidTagTextAttachmentCharset,
].map(({ tag }) => tag));

export function meaningOf(item: ItemBag): Meaning {
  const out = plain(item);
  const html = getProperty(item, p.PidTagHtml);
  const page = getProperty(item, p.PidTagInternetCodepage);
  if (html !== undefined) out["html"] = decodeCharset(html, codePageLabel(page)).trimEnd();
  const body = getProperty(item, p.PidTagBody);
  if (body !== undefined) out["body"] = body.trimEnd();
  const replyTo = getProperty(item, p.PidTagReplyRecipientEntries);
  if (replyTo !== undefined) out["replyTo"] = decodeFlatEntryList(replyTo).map(decodeOneOff);
  out["recipients"] = item.recipients.map(plain);
  out["attachments"] = item.attachments.map((one) => ({
    ...plain(one),
    content: one.embedded === undefined ? contentOf(one) : meaningOf(one.embedded),
  }));
  return out;
}

/** Line ends of parts that are never encoded go out as CRLF. */
function contentOf(attachment: ItemAttachment): string {
  if (!/^(?:message|multipart)\/|pgp-encrypted$/.test(getProperty(attachment, p.PidTagAttachMimeTag) ?? "")) {
    return digest(attachmentChunks(attachment));
  }
  return digest([Buffer.from(Buffer.from(attachmentBytes(attachment)).toString("latin1").replaceAll("\r\n", "\n"))]);
}

function plain(object: ItemObject): Meaning {
  const out: Meaning = {};
  const tags = [...object.bag.keys()].filter((tag) => !framing.has(tag)).sort((a, b) => a - b);
  for (const tag of tags) {
    const value = object.bag.get(tag);
    out[tagText(tag)] = value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
  }
  for (const key of [...object.named.keys()].sort()) out[key] = object.named.get(key)?.value;
  const type = getProperty(object, p.PidNameContentType);
  if (type !== undefined) out[namedKey(p.PidNameContentType.named)] = contentTypeOf(type);
  return out;
}

/** Without the boundary, which is made anew, and the "x-" of old programs. */
function contentTypeOf(text: string): string {
  const { value, params } = parseParameterized(text);
  const kept = params.filter(({ name }) => name !== "boundary").map((one) => `${one.name}=${one.value}`).sort();
  return [value.toLowerCase().replace("/x-", "/"), ...kept].join("; ");
}

export function digest(chunks: Iterable<Uint8Array>): string {
  const hash = createHash("sha256");
  let size = 0;
  for (const chunk of chunks) {
    size += chunk.length;
    hash.update(chunk);
  }
  return `${size} ${hash.digest("hex").slice(0, 16)}`;
}

/** Paths at which two meanings differ, with both values cut short. */
export function differences(before: unknown, after: unknown, path = ""): string[] {
  if (Object.is(before, after)) return [];
  if (typeof before !== "object" || typeof after !== "object" || before === null || after === null) {
    return [`${path}: ${short(before)} → ${short(after)}`];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => differences((before as Meaning)[key], (after as Meaning)[key], `${path}/${key}`));
}

function short(value: unknown): string {
  const plainly = (_: string, one: unknown): unknown => (typeof one === "bigint" ? String(one) : one);
  return (JSON.stringify(value, plainly) ?? "undefined").slice(0, 160);
}
