import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { guidToText } from "#codec/binary/bytes.ts";
import { decode, decodePrefix } from "#codec/binary/code.ts";
import { u32 } from "#codec/binary/numbers.ts";
import { attachMethods, numberOf, propertyIds } from "#format/mapi/property.ts";
import type { MapiAttachment, MapiMessage, MapiProperty } from "#format/mapi/property.ts";
import { typeCodes } from "#format/mapi/values.ts";
import {
  AttachRendData, Attribute, attributeIds, checksumOf, idOf, levels, objectKinds, Property, signature, StreamHeader,
  streamHeaderSize,
} from "#format/tnef/layout.ts";
import { classText, legacyProperties } from "#format/tnef/legacy.ts";

/** A message that came as TNEF. */
export interface TnefMessage extends MapiMessage {
  /** Ties the attachments to those of the MIME message around. [MS-OXTNEF] 2.1.3 */
  readonly legacyKey: number;
  /** What was damaged and passed over, for the log. */
  readonly problems: readonly string[];
}

const ids = {
  attMsgProps: idOf(attributeIds.attMsgProps), attRecipTable: idOf(attributeIds.attRecipTable),
  attOemCodepage: idOf(attributeIds.attOemCodepage), attMessageClass: idOf(attributeIds.attMessageClass),
  attAttachRendData: idOf(attributeIds.attAttachRendData), attAttachData: idOf(attributeIds.attAttachData),
  attAttachment: idOf(attributeIds.attAttachment),
} as const;
const problemsMax = 50;
const oleAttachType = 2;
const noPosition = 0xffffffff;

/** Whether bytes begin as TNEF does. [MS-OXTNEF] 2.1.3 */
export function isTnef(bytes: Uint8Array): boolean {
  return bytes.length >= streamHeaderSize &&
    ((bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0) === signature;
}

/**
 * The message in TNEF. What is damaged or cut off is left out and told in `problems`; bytes of values are views of the
 * input. Throws WireError for what does not begin as TNEF or holds nothing readable. `checksums` false leaves them
 * uncounted, which is most of the work on a large one. [MS-OXTNEF] 2.1.3
 */
export function decodeTnef(bytes: Uint8Array, { checksums = true } = {}): TnefMessage {
  return new Decoder(bytes, 0, { left: limits.itemPropertiesMax, checksums }).run();
}

/** Properties and attributes that may still be read, messages inside and all. */
interface Budget {
  left: number;
  /** Whether the sums of attributes are counted. */
  readonly checksums: boolean;
}

interface OpenAttachment {
  readonly properties: MapiProperty[];
  readonly legacy: MapiProperty[];
  data: Uint8Array | undefined;
  embedded: TnefMessage | undefined;
}

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #depth: number;
  readonly #problems: string[] = [];
  readonly #properties: MapiProperty[] = [];
  /** Of the old kind; the first of each. */
  readonly #old = new Map<number, Uint8Array>();
  readonly #recipients: MapiProperty[][] = [];
  readonly #attachments: OpenAttachment[] = [];
  #codePage: number | undefined = undefined;
  readonly #budget: Budget;

  constructor(bytes: Uint8Array, depth: number, budget: Budget) {
    this.#bytes = bytes;
    this.#depth = depth;
    this.#budget = budget;
  }

  run(): TnefMessage {
    const { legacyKey } = decodePrefix(StreamHeader, this.#bytes).value;
    let at = streamHeaderSize;
    while (at < this.#bytes.length) {
      const level = this.#bytes[at];
      if (level !== levels.message && level !== levels.attachment) {
        this.#problem("bytes that are no attribute", at);
        break;
      }
      let read: { value: Attribute; end: number };
      try {
        read = decodePrefix(Attribute, this.#bytes, at);
      } catch (error) {
        this.#refused(error, at);
        break;
      }
      if (--this.#budget.left < 0) {
        this.#problem("more attributes than allowed", at);
        break;
      }
      this.#attribute(read.value, at);
      at = read.end;
    }
    const properties = this.#withLegacy();
    if (properties.length + this.#recipients.length + this.#attachments.length === 0 && this.#problems.length > 0) {
      throw new WireError(`nothing of it can be read: ${this.#problems.at(-1)}`, streamHeaderSize, "TNEF");
    }
    return {
      legacyKey, properties, recipients: this.#recipients, codePage: this.#codePage,
      attachments: this.#attachments.map((one) => closeAttachment(one)), problems: this.#problems,
    };
  }

  #problem(text: string, at: number): void {
    if (this.#problems.length < problemsMax) this.#problems.push(`${text} (at byte ${at})`);
  }

  /** Damage is noted; anything else is a bug and goes on. */
  #refused(error: unknown, at: number): void {
    if (!(error instanceof WireError)) throw error;
    this.#problem(error.message, at);
  }

  #attribute(attribute: Attribute, at: number): void {
    const { level, data } = attribute;
    const id = idOf(attribute.id);
    // What is inside an attachment is covered by the sum of the attachment.
    if (this.#depth === 0 && this.#budget.checksums && checksumOf(data) !== attribute.checksum) {
      this.#problem(`checksum of attribute 0x${attribute.id.toString(16)}`, at);
    }
    try {
      if (level === levels.attachment) this.#attachmentAttribute(id, data);
      else if (id === ids.attMsgProps) this.#propertyList(data, 0, this.#properties);
      else if (id === ids.attRecipTable) this.#recipientTable(data);
      else if (id === ids.attOemCodepage) {
        // Some writers leave the second one out.
        this.#codePage = decodePrefix(u32, data).value;
      } else if (!this.#old.has(id)) this.#old.set(id, data);
    } catch (error) {
      this.#refused(error, at);
    }
  }

  /** Reads a counted list of properties and gives the offset behind it. Those before a damaged one are kept. */
  #propertyList(data: Uint8Array, from: number, into: MapiProperty[]): number {
    const { value: count, end } = decodePrefix(u32, data, from);
    let at = end;
    for (let index = 0; index < count; index++) {
      if (--this.#budget.left < 0) throw new WireError("more properties than allowed", at);
      const read = decodePrefix(Property, data, at);
      into.push(read.value);
      at = read.end;
    }
    return at;
  }

  #recipientTable(data: Uint8Array): void {
    const { value: count, end } = decodePrefix(u32, data);
    let at = end;
    for (let index = 0; index < count; index++) {
      if (this.#recipients.length >= limits.itemPartsMax) throw new WireError("more recipients than allowed", at);
      const row: MapiProperty[] = [];
      this.#recipients.push(row);
      at = this.#propertyList(data, at, row);
    }
  }

  #attachmentAttribute(id: number, data: Uint8Array): void {
    if (id === ids.attAttachRendData || this.#attachments.length === 0) {
      if (this.#attachments.length >= limits.itemPartsMax) throw new WireError("more attachments than allowed", 0);
      this.#attachments.push({ properties: [], legacy: [], data: undefined, embedded: undefined });
    }
    const open = this.#attachments.at(-1)!;
    if (id === ids.attAttachRendData) {
      const rendering = decode(AttachRendData, data, { trailing: "ignore" });
      const method = rendering.attachType === oleAttachType ? attachMethods.storage : attachMethods.byValue;
      open.legacy.push(
        { id: propertyIds.attachMethod, type: typeCodes.Integer32, value: method },
        { id: 0x370b, type: typeCodes.Integer32,
          value: rendering.attachPosition === noPosition ? -1 : rendering.attachPosition | 0 });
      return;
    }
    if (id === ids.attAttachData) open.data = data;
    else if (id === ids.attAttachment) {
      try {
        this.#propertyList(data, 0, open.properties);
      } finally {
        this.#attachedObject(open);
      }
    } else open.legacy.push(...legacyProperties(id, data, true, ""));
  }

  /** The data of an attachment may also stand among its properties: as bytes, or as an object with its kind. */
  #attachedObject(open: OpenAttachment): void {
    const index = open.properties.findIndex(({ id }) => id === propertyIds.attachData);
    if (index < 0) return;
    const { type, value } = open.properties[index]!;
    if (!(value instanceof Uint8Array)) return;
    open.properties.splice(index, 1);
    if (type !== typeCodes.Object) {
      open.data = value;
      return;
    }
    if (value.length < 16) throw new WireError("an object without its kind", 0);
    const content = value.subarray(16);
    if (guidToText(value) !== objectKinds.message || this.#depth >= limits.itemDepthMax) {
      open.data = content;
      return;
    }
    open.data = content;
    const inner = new Decoder(content, this.#depth + 1, this.#budget).run();
    const room = problemsMax - this.#problems.length;
    this.#problems.push(...inner.problems.slice(0, room).map((problem) => `inside: ${problem}`));
    open.embedded = inner;
    open.data = undefined;
  }

  #withLegacy(): MapiProperty[] {
    const found: MapiProperty[] = [];
    const messageClass = this.#old.get(ids.attMessageClass);
    let className = classText(this.#properties);
    if (className === "" && messageClass !== undefined) {
      className = classText(legacyProperties(ids.attMessageClass, messageClass, false, ""));
    }
    for (const [id, data] of this.#old) {
      try {
        found.push(...legacyProperties(id, data, false, className));
      } catch (error) {
        this.#refused(error, 0);
      }
    }
    return joined(this.#properties, found);
  }
}

/** Encapsulated properties win over what the old attributes say. [MS-OXTNEF] 2.1.3 */
function joined(properties: readonly MapiProperty[], legacy: readonly MapiProperty[]): MapiProperty[] {
  const known = new Set(properties.filter(({ name }) => name === undefined).map(({ id }) => id));
  const all = [...properties];
  for (const property of legacy) {
    if (known.has(property.id)) continue;
    known.add(property.id);
    all.push(property);
  }
  return all;
}

function closeAttachment(open: OpenAttachment): MapiAttachment {
  const properties = joined(open.properties, open.legacy);
  const { data, embedded } = open;
  if (embedded === undefined || numberOf(properties, propertyIds.attachMethod) === attachMethods.embeddedMessage) {
    return { properties, data, embedded };
  }
  const method = { id: propertyIds.attachMethod, type: typeCodes.Integer32, value: attachMethods.embeddedMessage };
  return { properties: [...properties.filter(({ id }) => id !== propertyIds.attachMethod), method], data, embedded };
}
