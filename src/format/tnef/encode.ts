import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { guidToBytes } from "#codec/binary/bytes.ts";
import { encode, encodeInto } from "#codec/binary/code.ts";
import { u32 } from "#codec/binary/numbers.ts";
import { Writer } from "#codec/binary/type.ts";
import { attachMethods, numberOf, propertyIds } from "#format/mapi/property.ts";
import type { MapiAttachment, MapiMessage, MapiProperty } from "#format/mapi/property.ts";
import { typeCodes } from "#format/mapi/values.ts";
import {
  AttachRendData, Attribute, attributeIds, checksumOf, isKnownType, levels, objectKinds, OemCodepage, Property,
  StreamHeader,
} from "#format/tnef/layout.ts";
import { legacyAttributes } from "#format/tnef/legacy.ts";

const version = 0x00010000;
const defaultCodePage = 1252;

/**
 * A message as TNEF: for archives and for tests, never for mail to others. Properties of types that the format does not
 * have are left out. Throws WireError for a message nested too deep. [MS-OXTNEF] 2.1.3
 */
export function encodeTnef(message: MapiMessage, legacyKey = 1): Buffer {
  return encodeMessage(message, legacyKey, 0);
}

type Put = (level: number, id: number, data: Uint8Array) => void;
const countSize = 4;

function encodeMessage(message: MapiMessage, legacyKey: number, depth: number): Buffer {
  if (depth > limits.itemDepthMax) throw new WireError("messages nested too deep", 0, "attachments");
  const codePage = message.codePage ?? defaultCodePage;
  const writer = new Writer(0);
  encodeInto(writer, StreamHeader, { legacyKey });
  const put: Put = (level, id, data) => {
    encodeInto(writer, Attribute, { level, id, data, checksum: checksumOf(data) });
  };
  put(levels.message, attributeIds.attTnefVersion, encode(u32, version));
  put(levels.message, attributeIds.attOemCodepage, encode(OemCodepage, { primary: codePage, secondary: 0 }));
  for (const { id, data } of legacyAttributes(message.properties, codePage, false)) put(levels.message, id, data);
  if (message.recipients.length > 0) {
    const rows = message.recipients.map(encodeProperties);
    put(levels.message, attributeIds.attRecipTable, Buffer.concat([encode(u32, rows.length), ...rows]));
  }
  putProperties(levels.message, attributeIds.attMsgProps, message.properties, put);
  for (const attachment of message.attachments) encodeAttachment(attachment, codePage, depth, put);
  return writer.toBytes();
}

function encodeProperties(properties: readonly MapiProperty[]): Uint8Array {
  const known = properties.filter(({ type, id, name }) => isKnownType(type) && (id < 0x8000 || name !== undefined));
  const writer = new Writer(0);
  encodeInto(writer, u32, known.length);
  for (const property of known) {
    encodeInto(writer, Property, property.name === undefined || property.id >= 0x8000
      ? property : { ...property, name: undefined });
  }
  return writer.toBytes();
}

function encodeAttachment(
  attachment: MapiAttachment, codePage: number, depth: number,
  put: Put,
): void {
  const { properties, data, embedded } = attachment;
  const method = numberOf(properties, propertyIds.attachMethod);
  const isStorage = method === attachMethods.storage;
  put(levels.attachment, attributeIds.attAttachRendData, encode(AttachRendData, {
    attachType: isStorage ? 2 : 1, attachPosition: (numberOf(properties, 0x370b) ?? -1) >>> 0,
    renderWidth: 32, renderHeight: 32, dataFlags: 0,
  }));
  for (const { id, data: old } of legacyAttributes(properties, codePage, true)) put(levels.attachment, id, old);
  const all = properties.filter(({ id }) => id !== propertyIds.attachData);
  if (embedded !== undefined) all.push(objectProperty("message", encodeMessage(embedded, 1, depth + 1)));
  else if (data !== undefined && isStorage) all.push(objectProperty("storage", data));
  else if (data !== undefined) put(levels.attachment, attributeIds.attAttachData, data);
  putProperties(levels.attachment, attributeIds.attAttachment, all, put);
}

/** An empty list is left out: readers of old expect a property where the attribute stands. */
function putProperties(level: number, id: number, list: readonly MapiProperty[], put: Put): void {
  const data = encodeProperties(list);
  if (data.length > countSize) put(level, id, data);
}

function objectProperty(kind: keyof typeof objectKinds, content: Uint8Array): MapiProperty {
  const value = Buffer.allocUnsafe(16 + content.length);
  guidToBytes(objectKinds[kind], value);
  value.set(content, 16);
  return { id: propertyIds.attachData, type: typeCodes.Object, value };
}
