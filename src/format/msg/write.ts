import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { encode, encodeInto } from "#codec/binary/code.ts";
import { Writer } from "#codec/binary/type.ts";
import { attachMethods, isMultiple, namedIdMin, numberOf, propertyIds } from "#format/mapi/property.ts";
import type { MapiAttachment, MapiMessage, MapiProperty, MapiScalar } from "#format/mapi/property.ts";
import { fixedTypes, isVariable, typeCodes } from "#format/mapi/values.ts";
import { isCompoundFile, readCompoundFile } from "#format/msg/compound-read.ts";
import { contentOf, writeCompoundFile } from "#format/msg/compound-write.ts";
import type { CompoundContent } from "#format/msg/compound-write.ts";
import {
  MessageHeader, messageClsid, names, PropertyEntry, propertyFlags, propertyHeaderSizes,
} from "#format/msg/layout.ts";
import { NameWriter } from "#format/msg/named.ts";

type Children = Map<string, CompoundContent | Uint8Array>;

const unknownSize = 0xffffffff;
const rowId = 0x3000;
const attachNumber = 0x0e21;
/** In PidTagStoreSupportMask: strings are Unicode. [MS-OXMSG] 2.1.1.1 */
const unicodeOk = 0x00040000;

/**
 * A message as a .msg file. Named properties get ids of the file; properties of unknown types are left out. Throws
 * WireError for a message nested too deep. [MS-OXMSG] 2
 */
export function writeMsg(message: MapiMessage): Buffer {
  const nameWriter = new NameWriter();
  const children = messageChildren(message, propertyHeaderSizes.message, nameWriter, 0);
  children.set(names.nameMapping, nameWriter.toStorage());
  return writeCompoundFile({ clsid: messageClsid, children });
}

function hexOf(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, "0");
}

function integer(id: number, value: number): MapiProperty {
  return { id, type: typeCodes.Integer32, value };
}

/** Adds what a reader needs and the list lacks. */
function completed(properties: readonly MapiProperty[], needed: readonly MapiProperty[]): MapiProperty[] {
  const missing = needed.filter(({ id }) => !properties.some((one) => one.id === id));
  return [...properties, ...missing];
}

function messageChildren(message: MapiMessage, headerSize: number, nameWriter: NameWriter, depth: number): Children {
  if (depth > limits.itemDepthMax) throw new WireError("messages nested too deep", 0, "attachments");
  const children: Children = new Map();
  const { recipients, attachments } = message;
  const isUnicode = message.properties.some(({ type }) => type === typeCodes.String);
  const properties = isUnicode
    ? completed(message.properties, [integer(propertyIds.storeSupportMask, unicodeOk)]) : message.properties;
  const header = encode(MessageHeader, {
    nextRecipientId: recipients.length, nextAttachmentId: attachments.length, recipientCount: recipients.length,
    attachmentCount: attachments.length,
  });
  const head = Buffer.alloc(headerSize);
  head.set(header.subarray(0, headerSize));
  writeProperties(children, properties, head, nameWriter);
  for (const [index, recipient] of recipients.entries()) {
    const inside: Children = new Map();
    const all = completed(recipient, [integer(rowId, index)]);
    writeProperties(inside, all, Buffer.alloc(propertyHeaderSizes.other), nameWriter);
    children.set(`${names.recipient}${hexOf(index)}`, { children: inside });
  }
  for (const [index, attachment] of attachments.entries()) {
    const inside = attachmentChildren(attachment, index, nameWriter, depth);
    children.set(`${names.attachment}${hexOf(index)}`, { children: inside });
  }
  return children;
}

function attachmentChildren(
  attachment: MapiAttachment, index: number, nameWriter: NameWriter, depth: number,
): Children {
  const children: Children = new Map();
  const { data, embedded } = attachment;
  const method = embedded !== undefined ? attachMethods.embeddedMessage : attachMethods.byValue;
  const properties = completed(attachment.properties.filter(({ id }) => id !== propertyIds.attachData), [
    integer(attachNumber, index), ...(data === undefined && embedded === undefined ? [] : [
      integer(propertyIds.attachMethod, method)]),
  ]);
  const isStorage = numberOf(properties, propertyIds.attachMethod) === attachMethods.storage;
  const object = { id: propertyIds.attachData, type: typeCodes.Object, value: null };
  if (embedded !== undefined) {
    children.set(names.embedded, {
      children: messageChildren(embedded, propertyHeaderSizes.embedded, nameWriter, depth + 1),
    });
    properties.push(object);
  } else if (data !== undefined && isStorage && isCompoundFile(data)) {
    children.set(names.embedded, contentOf(readCompoundFile(data)));
    properties.push(object);
  } else if (data !== undefined) {
    properties.push({ id: propertyIds.attachData, type: typeCodes.Binary, value: data });
  }
  writeProperties(children, properties, Buffer.alloc(propertyHeaderSizes.other), nameWriter, isStorage ? 4 : 1);
  return children;
}

/** `objectKind` is what the entry of an object says: 1 a message, 4 a storage. [MS-OXMSG] 2.4.2.2 */
function writeProperties(
  children: Children, properties: readonly MapiProperty[], head: Uint8Array, nameWriter: NameWriter, objectKind = 1,
): void {
  const writer = new Writer(0);
  writer.append(head);
  const seen = new Set<number>();
  for (const property of properties) {
    const { type } = property;
    const id = property.id < namedIdMin ? property.id
      : property.name === undefined ? undefined : nameWriter.idOf(property.name);
    if (id === undefined || seen.has(id * 0x10000 + type)) continue;
    const value = valueField(children, { ...property, id }, objectKind);
    if (value === undefined) continue;
    seen.add(id * 0x10000 + type);
    encodeInto(writer, PropertyEntry, {
      type, id, flags: propertyFlags.readable | propertyFlags.writable, value,
    });
  }
  children.set(names.properties, writer.toBytes());
}

function sizes(size: number, reserved = 0): Uint8Array {
  const field = Buffer.alloc(8);
  field.writeUInt32LE(size, 0);
  field.writeUInt32LE(reserved, 4);
  return field;
}

/** The eight bytes in the list of properties; a value that does not fit gets its own streams. [MS-OXMSG] 2.4.2 */
function valueField(children: Children, property: MapiProperty, objectKind: number): Uint8Array | undefined {
  const { id, type, value } = property;
  const name = `${names.value}${hexOf(id * 0x10000 + type)}`;
  const base = type & ~0x1000;
  const fixed = fixedTypes.get(base);
  if (type === typeCodes.Null) return new Uint8Array(8);
  if (type === typeCodes.Object && value === null) return sizes(unknownSize, objectKind);
  if (fixed === undefined && !isVariable(type)) return undefined;
  if (isMultiple(type)) {
    if (!Array.isArray(value)) throw new WireError("has a single value", 0, name);
    const list = writeList(children, name, base, value as readonly MapiScalar[]);
    children.set(name, list);
    return sizes(list.length);
  }
  if (fixed !== undefined && type !== typeCodes.Guid) {
    const field = Buffer.alloc(8);
    field.set(encode(fixed, value as MapiScalar));
    return field;
  }
  const raw = rawOf(base, value as MapiScalar);
  children.set(name, raw);
  // Strings stand without the NUL that their size counts.
  return sizes(raw.length + (type === typeCodes.String ? 2 : type === typeCodes.String8 ? 1 : 0));
}

function rawOf(base: number, value: MapiScalar): Uint8Array {
  if (base === typeCodes.Guid) return encode(fixedTypes.get(base)!, value);
  if (typeof value === "string") return Buffer.from(value, "utf16le");
  if (value instanceof Uint8Array) return value;
  throw new WireError(`type 0x${base.toString(16)} has no such value`, 0, "value");
}

/** The stream of all values of a fixed size, or of the sizes of the others, which get a stream each. */
function writeList(children: Children, name: string, base: number, values: readonly MapiScalar[]): Uint8Array {
  const fixed = fixedTypes.get(base);
  if (fixed !== undefined) return Buffer.concat(values.map((value) => encode(fixed, value)));
  const parts: Uint8Array[] = [];
  for (const [index, value] of values.entries()) {
    const raw = rawOf(base, value);
    // Inside lists the NUL stands in the stream too.
    const nul = base === typeCodes.String ? 2 : base === typeCodes.String8 ? 1 : 0;
    const stream = nul === 0 ? raw : Buffer.concat([raw, Buffer.alloc(nul)]);
    children.set(`${name}-${hexOf(index)}`, stream);
    parts.push(base === typeCodes.Binary ? sizes(stream.length) : sizes(stream.length).subarray(0, 4));
  }
  return Buffer.concat(parts);
}
