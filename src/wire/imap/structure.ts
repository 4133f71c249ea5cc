import type { Envelope, MimeAddress, MimeDisposition, MimeParam, MimePart } from "#format/mime/types.ts";
import { decodeWords, encodeWords } from "#format/mime/words.ts";
import { encodeNullable, encodeText, isAscii } from "#wire/imap/encode.ts";

/** ENVELOPE: ten fields of the header. RFC 9051 §7.5.2 */
export function encodeEnvelope(envelope: Envelope): string {
  const { date, subject, from, sender, replyTo, to, cc, bcc, inReplyTo, messageId } = envelope;
  const lists = [from, sender, replyTo, to, cc, bcc].map(encodeAddresses).join(" ");
  return `(${encodeNullable(date)} ${encodeWordsNullable(subject)} ${lists} ` +
    `${encodeNullable(inReplyTo)} ${encodeNullable(messageId)})`;
}

/**
 * ENVELOPE straight from its stored form, a JSON array whose quoted strings are those of IMAP as long as they are plain
 * ASCII without escapes; undefined for any other, to be told by {@link encodeEnvelope}. RFC 9051 §7.5.2
 */
export function encodeStoredEnvelope(text: string): string | undefined {
  if (text.length > storedMaxCharacters || !/^[\x20-\x5b\x5d-\x7e]*$/.test(text)) return undefined;
  const cursor = { text, at: 1 };
  let out = "(";
  let from = "";
  for (let field = 0; field < 10; field++) {
    let value: string;
    if (field < 2 || field > 7) {
      value = storedString(cursor);
    } else if (text.charCodeAt(cursor.at) === 0x30) {
      cursor.at++;
      value = from;
    } else {
      value = storedAddresses(cursor);
    }
    if (field === 2) from = value;
    out += field === 0 ? value : ` ${value}`;
    cursor.at++;
  }
  return cursor.at === text.length ? `${out})` : undefined;
}

/** Longer ones are rare, and a long string goes out as a literal. */
const storedMaxCharacters = 4096;

interface StoredCursor {
  readonly text: string;
  at: number;
}

/** `"…"`, or `null` as NIL. */
function storedString(cursor: StoredCursor): string {
  const { text, at } = cursor;
  if (text.charCodeAt(at) !== 0x22) {
    cursor.at = at + 4;
    return "NIL";
  }
  const end = text.indexOf('"', at + 1) + 1;
  cursor.at = end === 0 ? text.length : end;
  return text.slice(at, cursor.at);
}

/** `[name,route,mailbox,host,…]` */
function storedAddresses(cursor: StoredCursor): string {
  const { text } = cursor;
  if (text.charCodeAt(++cursor.at) === 0x5d) {
    cursor.at++;
    return "NIL";
  }
  let out = "(";
  while (cursor.at < text.length) {
    out += "(";
    for (let part = 0; part < 4; part++) {
      out += part === 0 ? storedString(cursor) : ` ${storedString(cursor)}`;
      cursor.at++;
    }
    out += ")";
    if (text.charCodeAt(cursor.at - 1) === 0x5d) break;
  }
  return `${out})`;
}

/** RFC 9051 §9 `address` */
function encodeAddresses(addresses: readonly MimeAddress[]): string {
  if (addresses.length === 0) return "NIL";
  let text = "(";
  for (const { name, adl, mailbox, host } of addresses) {
    // A group's name stands in `mailbox`, and with NIL as its host no program takes it for an address.
    const local = host === null ? encodeWordsNullable(mailbox) : encodeNullable(mailbox);
    text += `(${encodeWordsNullable(name)} ${encodeNullable(adl)} ${local} ${encodeNullable(host)})`;
  }
  return `${text})`;
}

/** BODYSTRUCTURE, or with `isExtended` false the shorter BODY. RFC 9051 §7.5.2 */
export function encodeBodyStructure(part: MimePart, isExtended: boolean): string {
  if (part.kind === "multipart") {
    const children = part.children.map((child) => encodeBodyStructure(child, isExtended)).join("");
    const extension = isExtended ? ` ${encodeParams(part.params)} ${encodeTail(part)}` : "";
    return `(${children} ${encodeText(part.subtype)}${extension})`;
  }
  const extension = isExtended ? ` ${encodeNullable(part.md5)} ${encodeTail(part)}` : "";
  return `(${encodeText(part.type)} ${encodeText(part.subtype)} ${encodeParams(part.params)} ` +
    `${encodeNullable(part.contentId)} ${encodeWordsNullable(part.description)} ${encodeText(part.encoding)} ` +
    `${part.bodyEnd - part.bodyStart}${encodeKindFields(part, isExtended)}${extension})`;
}

/** What text and enclosed messages have more. RFC 3501 §7.4.2: message/global is told like any other type. */
function encodeKindFields(part: Exclude<MimePart, { kind: "multipart" }>, isExtended: boolean): string {
  if (part.type === "text") return ` ${part.lineCount}`;
  if (part.kind !== "message" || part.subtype !== "rfc822") {
    // The grammar leaves no other form to this type, even where the message in it was not looked into.
    return part.type === "message" && part.subtype === "rfc822"
      ? ` ${encodeEnvelope(emptyEnvelope)} ("text" "plain" NIL NIL NIL "7bit" 0 0) ${part.lineCount}` : "";
  }
  return ` ${encodeEnvelope(part.envelope)} ${encodeBodyStructure(part.body, isExtended)} ${part.lineCount}`;
}

const emptyEnvelope: Envelope = {
  date: null, subject: null, from: [], sender: [], replyTo: [], to: [], cc: [], bcc: [], inReplyTo: null,
  messageId: null,
};

function encodeTail(part: MimePart): string {
  const language = part.language === undefined || part.language.length === 0 ? "NIL"
    : part.language.length === 1 ? encodeText(part.language[0]!) : `(${part.language.map(encodeText).join(" ")})`;
  return `${encodeDisposition(part.disposition)} ${language} ${encodeNullable(part.location)}`;
}

function encodeDisposition(disposition: MimeDisposition | undefined): string {
  if (disposition === undefined) return "NIL";
  return `(${encodeText(disposition.type)} ${encodeParams(disposition.params)})`;
}

function encodeParams(params: readonly MimeParam[]): string {
  if (params.length === 0) return "NIL";
  return `(${params.map(encodeParam).join(" ")})`;
}

function encodeParam({ name, value, wireName, wireValue }: MimeParam): string {
  return `${encodeText(wireName ?? name)} ${encodeWordsNullable(wireValue ?? value)}`;
}

/** Bare Unicode in a header has no place in a revision 1 answer: it goes out as encoded-words. RFC 2047 §2 */
function encodeWordsNullable(text: string | null | undefined): string {
  if (text === null || text === undefined) return "NIL";
  return encodeText(isAscii(text) ? text : encodeWords(decodeWords(text)));
}
