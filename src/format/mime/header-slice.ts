import { Buffer } from "node:buffer";
import { asBuffer } from "#format/mime/charset.ts";
import { isFold, lowerName, scanFields } from "#format/mime/headers.ts";

/** Names of header fields made ready to be looked for; worth keeping over the messages of one FETCH. RFC 9051 §6.4.5 */
export class FieldNames {
  readonly #names: ReadonlySet<string>;
  /** A mark for the length and first letter of each name, so that most fields are passed without being looked up. */
  readonly #marks = new Uint8Array(markCount);

  constructor(names: Iterable<string>) {
    this.#names = new Set([...names].map((name) => name.toLowerCase()));
    for (const name of this.#names) this.#marks[markOf(name.charCodeAt(0), name.length)] = 1;
  }

  /** Whether the field whose name stands before `colon` is one of them. */
  has(text: string, start: number, colon: number): boolean {
    let end = colon;
    while (isFold(text.charCodeAt(end - 1))) end--;
    if (this.#marks[markOf(text.charCodeAt(start), end - start)] === 0) return false;
    return this.#names.has(lowerName(text.slice(start, end)));
  }
}

const markCount = 1024;

/** A letter in either case gives the same mark. */
function markOf(first: number, length: number): number {
  return ((first & 0x1f) << 5 | (length & 0x1f)) & (markCount - 1);
}

/**
 * What IMAP answers for HEADER.FIELDS (or, `not`, HEADER.FIELDS.NOT) of a header section: the fields of the names as
 * they stand, in their order, and the blank line. One pass, nothing decoded; neighbours are copied together.
 * RFC 9051 §6.4.5.1
 */
export function headerFieldsSlice(header: Uint8Array, names: FieldNames | readonly string[], not = false): Buffer {
  return Buffer.from(headerFieldsOctets(header, names, not), "latin1");
}

/** The same with one character for each byte; so may the header section be. RFC 9051 §6.4.5.1 */
export function headerFieldsOctets(
  header: Uint8Array | string, names: FieldNames | readonly string[], not = false,
): string {
  const wanted = names instanceof FieldNames ? names : new FieldNames(names);
  const text = typeof header === "string" ? header : asBuffer(header).toString("latin1");
  let out = "";
  /** Start and end of fields that are wanted and not taken yet. */
  let from = 0;
  let to = 0;
  scanFields(text, (start, colon, end) => {
    if (wanted.has(text, start, colon) === not) return;
    if (start !== to) {
      out += text.slice(from, to);
      from = start;
    }
    to = end;
  });
  out += text.slice(from, to);
  if (out !== "" && out.charCodeAt(out.length - 1) !== 0x0a) out += "\r\n";
  return `${out}\r\n`;
}
