import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { decode, decodePrefix } from "#codec/binary/code.ts";
import { ansiCodePage, codePageOfLocale } from "#format/mapi/code-page.ts";
import { isMultiple, namedIdMin, numberOf, propertyIds } from "#format/mapi/property.ts";
import type { MapiAttachment, MapiMessage, MapiName, MapiProperty, MapiValue } from "#format/mapi/property.ts";
import { fixedTypes, isVariable, textOfUtf16, typeCodes, withoutNul } from "#format/mapi/values.ts";
import { isCompoundFile, readCompoundFile } from "#format/msg/compound-read.ts";
import type { CompoundStorage, CompoundStream } from "#format/msg/compound-read.ts";
import { contentOf, writeCompoundFile } from "#format/msg/compound-write.ts";
import { names, PropertyEntry, propertyEntrySize, propertyHeaderSizes } from "#format/msg/layout.ts";
import { readNames } from "#format/msg/named.ts";

/** A message that came as a .msg file. */
export interface MsgMessage extends MapiMessage {
  /** What was damaged and passed over, for the log. */
  readonly problems: readonly string[];
}

const problemsMax = 50;
const nameOfOtherString: Readonly<Record<number, number>> = { 0x1e: 0x1f, 0x1f: 0x1e, 0x101e: 0x101f, 0x101f: 0x101e };

/**
 * The message in a .msg or .oft file. What is damaged is left out and told in `problems`. Throws WireError for what is
 * no compound file, or one without a message. [MS-OXMSG] 2
 */
export function readMsg(bytes: Uint8Array): MsgMessage {
  if (!isCompoundFile(bytes)) throw new WireError("is no compound file", 0, "msg");
  return new MsgReader(readCompoundFile(bytes)).run();
}

class MsgReader {
  readonly #root: CompoundStorage;
  readonly #names: readonly (MapiName | undefined)[];
  readonly #problems: string[] = [];
  #propertiesLeft: number = limits.itemPropertiesMax;

  constructor(root: CompoundStorage) {
    this.#root = root;
    const mapping = child(root, names.nameMapping);
    this.#names = mapping?.kind !== "storage" ? [] : readNames(
      this.#stream(mapping, names.guidStream), this.#stream(mapping, names.entryStream),
      this.#stream(mapping, names.stringStream),
    );
  }

  run(): MsgMessage {
    const message = this.#message(this.#root, propertyHeaderSizes.message, undefined, 0);
    if (message.properties.length === 0) throw new WireError("holds no message", 0, "msg");
    return { ...message, problems: this.#problems };
  }

  /** Damage is noted; anything else is a bug and goes on. */
  #attempt<T>(what: string, body: () => T): T | undefined {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#problem(`${what}: ${error.message}`);
      return undefined;
    }
  }

  #problem(text: string): void {
    if (this.#problems.length < problemsMax) this.#problems.push(text);
  }

  #stream(storage: CompoundStorage, name: string): Uint8Array {
    const found = child(storage, name);
    if (found?.kind !== "stream") return new Uint8Array(0);
    return this.#attempt(name, () => found.read()) ?? new Uint8Array(0);
  }

  #message(
    storage: CompoundStorage, headerSize: number, outerCodePage: number | undefined, depth: number,
  ): MapiMessage {
    const properties = this.#properties(storage, headerSize);
    const codePage = codePageOf(properties) ?? outerCodePage;
    const recipients = numbered(storage, names.recipient)
      .map((one) => this.#properties(one, propertyHeaderSizes.other));
    const attachments = numbered(storage, names.attachment).map((one) => this.#attachment(one, codePage, depth));
    return { properties, recipients, attachments, codePage };
  }

  #attachment(storage: CompoundStorage, codePage: number | undefined, depth: number): MapiAttachment {
    const all = this.#properties(storage, propertyHeaderSizes.other);
    const properties = all.filter(({ id }) => id !== propertyIds.attachData);
    const data = all.find(({ id }) => id === propertyIds.attachData)?.value;
    const object = child(storage, names.embedded);
    if (object?.kind === "storage") {
      if (child(object, names.properties)?.kind === "stream" && depth < limits.itemDepthMax) {
        return { properties, embedded: this.#message(object, propertyHeaderSizes.embedded, codePage, depth + 1) };
      }
      const file = this.#attempt(object.name, () => writeCompoundFile(contentOf(object)));
      return { properties, data: file };
    }
    if (object !== undefined) return { properties, data: this.#attempt(object.name, () => object.read()) };
    return { properties, data: data instanceof Uint8Array ? data : undefined };
  }

  #properties(storage: CompoundStorage, headerSize: number): MapiProperty[] {
    const stream = this.#stream(storage, names.properties);
    const found: MapiProperty[] = [];
    const seen = new Set<number>();
    for (let at = headerSize; at + propertyEntrySize <= stream.length; at += propertyEntrySize) {
      if (--this.#propertiesLeft < 0) throw new WireError("more properties than allowed", at, names.properties);
      const { type, id, value: raw } = decodePrefix(PropertyEntry, stream, at).value;
      const tag = id * 0x10000 + type;
      if (seen.has(tag)) continue;
      seen.add(tag);
      const value = this.#attempt(tagName(tag), () => this.#value(storage, id, type, raw));
      if (value !== undefined) this.#add(found, id, type, value);
    }
    this.#unlisted(storage, seen, found);
    return found;
  }

  #add(found: MapiProperty[], id: number, type: number, value: MapiValue): void {
    const name = id < namedIdMin ? undefined : this.#names[id - namedIdMin];
    if (id >= namedIdMin && name === undefined) this.#problem(`${tagName(id * 0x10000 + type)}: has no name`);
    else found.push({ id, type, value, ...(name === undefined ? {} : { name }) });
  }

  /** Some writers keep values that their list of properties does not have. */
  #unlisted(storage: CompoundStorage, seen: ReadonlySet<number>, found: MapiProperty[]): void {
    for (const key of storage.children.keys()) {
      if (!key.startsWith("__SUBSTG1.0_") || key.length !== 20) continue;
      const tag = Number.parseInt(key.slice(12), 16);
      if (Number.isNaN(tag) || seen.has(tag) || !isVariable(tag & 0xffff) || isMultiple(tag & 0xffff)) continue;
      const twin = nameOfOtherString[tag & 0xffff];
      if (twin !== undefined && seen.has((tag - (tag & 0xffff)) + twin)) continue;
      if (--this.#propertiesLeft < 0) throw new WireError("more properties than allowed", 0, key);
      const value = this.#attempt(key, () => this.#value(storage, Math.floor(tag / 0x10000), tag & 0xffff, noValue));
      if (value !== undefined) this.#add(found, Math.floor(tag / 0x10000), tag & 0xffff, value);
    }
  }

  #value(storage: CompoundStorage, id: number, type: number, raw: Uint8Array): MapiValue | undefined {
    if (type === typeCodes.Null) return null;
    const name = `${names.value}${tagName(id * 0x10000 + type)}`;
    const found = child(storage, name);
    // The value of an object is a storage, which the attachment looks into by itself.
    if (found?.kind === "storage" || (type === typeCodes.Object && id === propertyIds.attachData)) return undefined;
    const fixed = fixedTypes.get(type & ~0x1000);
    if (isMultiple(type)) return this.#values(storage, name, type, found);
    if (fixed !== undefined && type !== typeCodes.Guid) return decode(fixed, raw.subarray(0, fixed.sizeMin));
    if (found === undefined) {
      const twin = nameOfOtherString[type];
      const other = twin === undefined ? undefined : child(storage, `${names.value}${tagName(id * 0x10000 + twin)}`);
      if (other?.kind === "stream") return valueOf(type === 0x1f ? 0x1e : 0x1f, other.read());
      throw new WireError("has no value", 0);
    }
    if (type === typeCodes.Guid) return decode(fixed!, found.read());
    return valueOf(type, found.read());
  }

  #values(
    storage: CompoundStorage, name: string, type: number, found: CompoundStream | undefined,
  ): MapiValue {
    if (found === undefined) throw new WireError("has no values", 0);
    const base = type & ~0x1000;
    const listed = found.read();
    const fixed = fixedTypes.get(base);
    if (fixed !== undefined) {
      const count = Math.floor(listed.length / fixed.sizeMin);
      return Array.from({ length: count }, (_, index) =>
        decodePrefix(fixed, listed, index * fixed.sizeMin).value) as readonly number[];
    }
    // One size for each value; of binary ones followed by four reserved bytes.
    const count = Math.floor(listed.length / (base === typeCodes.Binary ? 8 : 4));
    const values: (string | Uint8Array)[] = [];
    for (let index = 0; index < count; index++) {
      const item = child(storage, `${name}-${index.toString(16).toUpperCase().padStart(8, "0")}`);
      if (item?.kind !== "stream") throw new WireError(`value ${index} of ${count} is missing`, 0);
      values.push(valueOf(base, item.read()));
    }
    return values as readonly string[] | readonly Uint8Array[];
  }
}

const noValue = new Uint8Array(8);

function valueOf(type: number, raw: Uint8Array): string | Uint8Array {
  if (type === typeCodes.String) return textOfUtf16(raw);
  return type === typeCodes.String8 ? withoutNul(raw) : raw;
}

function tagName(tag: number): string {
  return tag.toString(16).toUpperCase().padStart(8, "0");
}

function child(storage: CompoundStorage, name: string): CompoundStream | CompoundStorage | undefined {
  return storage.children.get(name.toUpperCase());
}

/** Storages of recipients or attachments in the order of their numbers. */
function numbered(storage: CompoundStorage, prefix: string): CompoundStorage[] {
  const found: { number: number; storage: CompoundStorage }[] = [];
  for (const [key, one] of storage.children) {
    if (one.kind !== "storage" || !key.startsWith(prefix.toUpperCase())) continue;
    const number = Number.parseInt(key.slice(prefix.length), 16);
    if (!Number.isNaN(number)) found.push({ number, storage: one });
  }
  if (found.length > limits.itemPartsMax) throw new WireError("more parts than allowed", 0, prefix);
  return found.sort((left, right) => left.number - right.number).map((one) => one.storage);
}

/** Of the 8-bit strings, as the message tells it. [MS-OXMSG] 2.1.2, [MS-OXCMSG] 2.2.1.4, 2.2.1.5 */
function codePageOf(properties: readonly MapiProperty[]): number | undefined {
  const told = numberOf(properties, propertyIds.messageCodepage);
  if (told !== undefined && told !== 0) return ansiCodePage(told) ?? told;
  const locale = numberOf(properties, propertyIds.messageLocaleId);
  if (locale !== undefined && locale !== 0) return codePageOfLocale(locale);
  return ansiCodePage(numberOf(properties, propertyIds.internetCodepage));
}
