/**
 * A message as rules look at it: its envelope, its header fields, and, only when a rule asks, its parts and its
 * properties. Whatever is worked out is kept, so that a thousand rules read a message once.
 */
import { Buffer } from "node:buffer";
import { limits } from "#base/limits.ts";
import { fromMime } from "#convert/mime/from-mime.ts";
import { partBytes } from "#convert/mime/contents.ts";
import { newRecipient } from "#convert/mime/people.ts";
import type { ItemBag } from "#convert/item.ts";
import { displayAddresses, parseAddresses } from "#format/mime/addresses.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { fieldText, headerFields } from "#format/mime/headers.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { paramValue } from "#format/mime/parameters.ts";
import type { MimeIndex, MimePart } from "#format/mime/types.ts";

/** RFC 5321 §2.3.1: who the message came from and whom it is for, of this one delivery. */
export interface RuleEnvelope {
  /** Empty for the null sender. */
  readonly sender: string;
  readonly recipient: string;
}

export interface RuleField {
  /** Lower case. */
  readonly name: string;
  /** Unfolded, as it stood: encoded-words are kept. */
  readonly value: string;
}

export interface MessageSource {
  readonly envelope: RuleEnvelope;
  /** The start of the message, at least its whole header; `limits.ruleReadMaxBytes` are enough. */
  readonly bytes: Uint8Array;
  /** Bytes of the whole message; those of `bytes` when absent. */
  readonly sizeBytes?: number;
  /** When it came, UTC milliseconds. */
  readonly receivedMs: number;
}

export class RuleMessage {
  readonly envelope: RuleEnvelope;
  readonly sizeBytes: number;
  readonly receivedMs: number;
  readonly fields: readonly RuleField[];
  readonly #bytes: Uint8Array;
  readonly #byName = new Map<string, string[]>();
  readonly #people = new Map<string, readonly DisplayAddress[]>();
  #index: MimeIndex | null = null;
  #item: ItemBag | null = null;
  #head: ItemBag | null = null;

  constructor({ envelope, bytes, sizeBytes, receivedMs }: MessageSource) {
    this.envelope = envelope;
    this.#bytes = bytes;
    this.sizeBytes = sizeBytes ?? bytes.length;
    this.receivedMs = receivedMs;
    const fields: RuleField[] = [];
    for (const field of headerFields(bytes)) {
      if (fields.length === limits.ruleFieldsMax) break;
      const value = fieldText(bytes, field);
      fields.push({ name: field.name, value });
      const same = this.#byName.get(field.name);
      if (same === undefined) this.#byName.set(field.name, [value]);
      else same.push(value);
    }
    this.fields = fields;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Values of a field in their order; the name in any case. */
  named(name: string): readonly string[] {
    return this.#byName.get(name.toLowerCase()) ?? none;
  }

  first(name: string): string | null {
    return this.named(name)[0] ?? null;
  }

  /** The people of all fields of a name, groups opened. RFC 5322 §3.4 */
  people(name: string): readonly DisplayAddress[] {
    const key = name.toLowerCase();
    let found = this.#people.get(key);
    if (found === undefined) {
      found = this.named(key).flatMap((value) => displayAddresses(parseAddresses(value, limits.ruleAddressesMax)));
      this.#people.set(key, found);
    }
    return found;
  }

  get index(): MimeIndex {
    this.#index ??= indexMessage(this.#bytes).index;
    return this.#index;
  }

  /** The message as properties. [MS-OXCMAIL] 2.2 */
  get item(): ItemBag {
    this.#item ??= fromMime(this.index, (start, end) => this.#bytes.subarray(start, end),
      { deliveredMs: this.receivedMs });
    return this.#item;
  }

  /**
   * The message as its header alone tells it: subject and people are as in {@link item}, at a fraction of the work.
   * What a winmail.dat says comes before the header, so that one with it is read whole.
   */
  get head(): ItemBag {
    if (this.#item !== null) return this.#item;
    if (this.#head === null) {
      const bytes = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0 || /ms-tnef|winmail\.dat/i.test(bytes.toString("latin1"))) return this.item;
      const header = bytes.subarray(0, end + 4);
      this.#head = fromMime(indexMessage(header).index, (from, to) => header.subarray(from, to),
        { deliveredMs: this.receivedMs });
    }
    return this.#head;
  }

  /** A fresh copy of the item, to be changed. */
  newItem(): ItemBag {
    return fromMime(this.index, (start, end) => this.#bytes.subarray(start, end), { deliveredMs: this.receivedMs });
  }

  get bodyBytes(): Uint8Array {
    return this.#bytes.subarray(this.index.headerSizeBytes);
  }

  /** Every part that holds no others, depth first, enclosed messages opened. RFC 2046 §5 */
  *leaves(): Generator<MimePart> {
    const open: MimePart[] = [this.index.root];
    for (let part = open.pop(); part !== undefined; part = open.pop()) {
      if (part.kind === "multipart") open.push(...part.children.toReversed());
      else if (part.kind === "message") open.push(part.body);
      else yield part;
    }
  }

  /** A part's text, its transfer encoding and charset undone. RFC 2045 §6 */
  textOf(part: MimePart): string {
    const raw = partBytes((start, end) => this.#bytes.subarray(start, end), part);
    return decodeCharset(raw, paramValue(part.params, "charset"));
  }
}

const none: readonly string[] = [];

/** What a person wrote as an address, in the form in which addresses are compared; empty when it is none. */
export function foldAddress(address: string): string {
  const at = address.lastIndexOf("@");
  return at <= 0 || at === address.length - 1 ? "" : address.trim().toLowerCase();
}

export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1).toLowerCase();
}

/** Takes the place of an item's recipients. [MS-OXCMSG] 2.2.3.1.2 */
export function addressTo(item: ItemBag, people: readonly DisplayAddress[]): void {
  item.recipients.splice(0, item.recipients.length, ...people.map((person, index) => newRecipient(1, person, index)));
}
