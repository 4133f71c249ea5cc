/**
 * A message's index as one text to be stored: five lines, each read only when it is asked for, since a list of messages
 * wants the envelopes and a FETCH of header fields two offsets. Version 1 was the JSON of the whole index.
 *
 * 1. `2`, then numbers: size, headerStart, headerSize, lines, bare LFs, flags.
 * 2. The envelope, a JSON array; addresses are four values each, `sender` and `replyTo` 0 where they are `from`.
 * 3. The parts, JSON arrays in each other.
 * 4. Preview and names of attachments, a JSON array.
 * 5. Captured fields, a JSON array of names and values in turn.
 */
import { WireError } from "#base/fault.ts";
import { mimeIndexVersion } from "#format/mime/types.ts";
import type { CapturedField, Envelope, MimeAddress, MimeIndex, MimeParam, MimePart } from "#format/mime/types.ts";

type EnvelopeRow = readonly [
  date: string | null, subject: string | null, from: AddressRow, sender: AddressRow | 0, replyTo: AddressRow | 0,
  to: AddressRow, cc: AddressRow, bcc: AddressRow, inReplyTo: string | null, messageId: string | null,
];
/** Name, at-domain-list, mailbox and host in turn. */
type AddressRow = readonly (string | null)[];
/** Names and values in turn, or whole where one has a spelling of its own. */
type ParamRow = readonly string[] | readonly MimeParam[];
/** Optional fields of a part by name. */
type Extras = Omit<MimePart, "kind" | "headerStart" | "bodyStart" | "bodyEnd" | "lineCount" | "type" | "subtype" |
  "params" | "encoding" | "children" | "envelope" | "body">;
type LeafRow = readonly [
  kind: number, headerStart: number, bodyStart: number, bodyEnd: number, lineCount: number, type: string,
    subtype: string,
  params: ParamRow, encoding: string, extras: Extras | 0,
];
/** The body of a message stands as its one child. */
type PartRow = readonly [...LeafRow, children?: readonly PartRow[], envelope?: EnvelopeRow];

const kinds = ["multipart", "message", "text", "basic"] as const satisfies readonly MimePart["kind"][];
const flags = { eightBit: 1, eightBitHeader: 2, nulBytes: 4, truncated: 8, hasAttachments: 16 } as const;

/** The text of an index for `decodeMimeIndex`. RFC 9051 §7.5.2 */
export function encodeMimeIndex(index: MimeIndex): string {
  let bits = 0;
  for (const [name, bit] of Object.entries(flags)) if (index[name as keyof typeof flags]) bits |= bit;
  const { sizeBytes, headerStart, headerSizeBytes, lineCount, bareLineFeedCount } = index;
  const numbers = [mimeIndexVersion, sizeBytes, headerStart, headerSizeBytes, lineCount, bareLineFeedCount, bits];
  return `${numbers.join(" ")}\n` +
    `${JSON.stringify(envelopeRow(index.envelope))}\n${JSON.stringify(partRow(index.root))}\n` +
    `${JSON.stringify([index.preview, ...index.attachmentNames])}\n` +
    JSON.stringify(index.fields.flatMap(({ name, value }) => [name, value]));
}

/**
 * An index from its stored text of any version; what it holds is read when it is asked for. Throws WireError for a
 * text of a version that is not known. RFC 9051 §7.5.2
 */
export function decodeMimeIndex(text: string): MimeIndex {
  if (text.charCodeAt(0) !== 0x7b) return new StoredIndex(text);
  const index = JSON.parse(text) as Omit<MimeIndex, "headerStart">;
  return { ...index, headerStart: index.root.headerStart };
}

/**
 * Where the header section lies, from the beginning of a stored text (80 characters do); undefined for a text of the
 * earlier version. RFC 9051 §6.4.5.1
 */
export function headerRange(start: string): { start: number; end: number } | undefined {
  const numbers = /^2 \d+ (\d+) (\d+) /.exec(start);
  return numbers === null ? undefined : { start: Number(numbers[1]), end: Number(numbers[2]) };
}

/** The envelope as it is stored (line 2 above), for a writer that needs no objects of it; undefined where it is not. */
export function storedEnvelope(index: MimeIndex): string | undefined {
  return index instanceof StoredIndex ? index.lineText(0) : undefined;
}

class StoredIndex implements MimeIndex {
  readonly version: number;
  readonly sizeBytes: number;
  readonly headerStart: number;
  readonly headerSizeBytes: number;
  readonly lineCount: number;
  readonly bareLineFeedCount: number;
  readonly eightBit: boolean;
  readonly eightBitHeader: boolean;
  readonly nulBytes: boolean;
  readonly truncated: boolean;
  readonly hasAttachments: boolean;
  readonly #text: string;
  /** Where each line starts that was reached. */
  readonly #starts: number[];
  #envelope: Envelope | undefined;
  #root: MimePart | undefined;
  #words: readonly string[] | undefined;
  #fields: readonly CapturedField[] | undefined;

  constructor(text: string) {
    this.#text = text;
    const end = text.indexOf("\n");
    const numbers = text.slice(0, Math.max(0, end)).split(" ");
    this.version = Number(numbers[0]);
    if (this.version !== mimeIndexVersion) throw new WireError("an index of a version that is not known", 0);
    this.sizeBytes = Number(numbers[1]);
    this.headerStart = Number(numbers[2]);
    this.headerSizeBytes = Number(numbers[3]);
    this.lineCount = Number(numbers[4]);
    this.bareLineFeedCount = Number(numbers[5]);
    const bits = Number(numbers[6]);
    this.eightBit = (bits & flags.eightBit) !== 0;
    this.eightBitHeader = (bits & flags.eightBitHeader) !== 0;
    this.nulBytes = (bits & flags.nulBytes) !== 0;
    this.truncated = (bits & flags.truncated) !== 0;
    this.hasAttachments = (bits & flags.hasAttachments) !== 0;
    this.#starts = [end + 1];
  }

  get envelope(): Envelope {
    return this.#envelope ??= envelopeOf(this.#line(0) as EnvelopeRow);
  }

  get root(): MimePart {
    return this.#root ??= partOf(this.#line(1) as PartRow);
  }

  get preview(): string {
    return (this.#words ??= this.#line(2) as readonly string[])[0] ?? "";
  }

  get attachmentNames(): readonly string[] {
    return (this.#words ??= this.#line(2) as readonly string[]).slice(1);
  }

  get fields(): readonly CapturedField[] {
    return this.#fields ??= fieldsOf(this.#line(3) as readonly string[]);
  }

  /** Plain data, as the indexer made it. */
  toJSON(): MimeIndex {
    const { envelope, root, fields, preview, attachmentNames } = this;
    return { ...this, envelope, root, fields, preview, attachmentNames };
  }

  #line(number: number): unknown {
    return JSON.parse(this.lineText(number));
  }

  lineText(number: number): string {
    const starts = this.#starts;
    while (starts.length <= number + 1) {
      const feed = this.#text.indexOf("\n", starts.at(-1));
      starts.push(feed < 0 ? this.#text.length + 1 : feed + 1);
    }
    return this.#text.slice(starts[number], starts[number + 1]! - 1);
  }
}

function fieldsOf(row: readonly string[]): CapturedField[] {
  const fields: CapturedField[] = [];
  for (let at = 0; at + 1 < row.length; at += 2) fields.push({ name: row[at]!, value: row[at + 1]! });
  return fields;
}

function envelopeRow({ date, subject, from, sender, replyTo, to, cc, bcc, inReplyTo,
  messageId }: Envelope): EnvelopeRow {
  return [
    date, subject, addressRow(from), sameAddresses(sender, from) ? 0 : addressRow(sender),
    sameAddresses(replyTo, from) ? 0 : addressRow(replyTo), addressRow(to), addressRow(cc), addressRow(bcc),
    inReplyTo, messageId,
  ];
}

function envelopeOf([date, subject, from, sender, replyTo, to, cc, bcc, inReplyTo, messageId]: EnvelopeRow): Envelope {
  const authors = addressesOf(from);
  return {
    date, subject, from: authors, sender: sender === 0 ? authors : addressesOf(sender),
    replyTo: replyTo === 0 ? authors : addressesOf(replyTo),
    to: addressesOf(to), cc: addressesOf(cc), bcc: addressesOf(bcc), inReplyTo, messageId,
  };
}

function addressRow(addresses: readonly MimeAddress[]): AddressRow {
  return addresses.flatMap(({ name, adl, mailbox, host }) => [name, adl, mailbox, host]);
}

function addressesOf(row: AddressRow): MimeAddress[] {
  const addresses: MimeAddress[] = [];
  for (let at = 0; at + 3 < row.length; at += 4) {
    addresses.push({ name: row[at]!, adl: row[at + 1]!, mailbox: row[at + 2]!, host: row[at + 3]! });
  }
  return addresses;
}

/** The same list: what is absent is `from` itself. */
function sameAddresses(one: readonly MimeAddress[], other: readonly MimeAddress[]): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

function paramRow(params: readonly MimeParam[]): ParamRow {
  if (params.some(({ wireName, wireValue }) => wireName !== undefined || wireValue !== undefined)) return params;
  return params.flatMap(({ name, value }) => [name, value]);
}

function isWhole(row: ParamRow): row is readonly MimeParam[] {
  return typeof row[0] === "object";
}

function paramsOf(row: ParamRow): readonly MimeParam[] {
  if (isWhole(row)) return row;
  const params: MimeParam[] = [];
  for (let at = 0; at + 1 < row.length; at += 2) params.push({ name: row[at]!, value: row[at + 1]! });
  return params;
}

/** Depth is bounded by that of the index. */
function partRow(part: MimePart): PartRow {
  const { kind, headerStart, bodyStart, bodyEnd, lineCount, type, subtype, params, encoding, ...rest } = part;
  const { children, envelope, body, ...extras } = { children: undefined, envelope: undefined, body: undefined,
    ...rest };
  const row: LeafRow = [
    kinds.indexOf(kind), headerStart, bodyStart, bodyEnd, lineCount, type, subtype, paramRow(params), encoding,
    Object.keys(extras).length === 0 ? 0 : extras,
  ];
  if (part.kind === "multipart") return [...row, part.children.map(partRow)];
  return part.kind === "message" ? [...row, [partRow(part.body)], envelopeRow(part.envelope)] : row;
}

function partOf(row: PartRow): MimePart {
  const [kind, headerStart, bodyStart, bodyEnd, lineCount, type, subtype, params, encoding, extras] = row;
  const [, , , , , , , , , , children, envelope] = row;
  const common = { headerStart, bodyStart, bodyEnd, lineCount, type, subtype, params: paramsOf(params), encoding };
  const all = extras === 0 ? common : { ...common, ...extras };
  switch (kinds[kind]) {
    case "multipart": return { kind: "multipart", ...all, children: (children ?? []).map(partOf) };
    case "message": return { kind: "message", ...all, envelope: envelopeOf(envelope!), body: partOf(children![0]!) };
    case "text": return { kind: "text", ...all };
    default: return { kind: "basic", ...all };
  }
}
