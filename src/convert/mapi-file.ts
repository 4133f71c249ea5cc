import { assert } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { ansiCodePage, codePageLabel } from "#format/mapi/code-page.ts";
import { attachMethods, namedIdMin } from "#format/mapi/property.ts";
import type { MapiAttachment, MapiMessage, MapiProperty, MapiValue } from "#format/mapi/property.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import { isNamedTag, makeTag, propertyTypeName, propertyTypes, tagId, tagTypeCode } from "#props/types.ts";
import type { PropertyTypeName, PropertyValue } from "#props/types.ts";
import { attachmentBytes, getProperty, newItem, newItemObject, setNamed, setProperty } from "#convert/item.ts";
import type { ItemAttachment, ItemBag, ItemObject } from "#convert/item.ts";

const p = properties;
const utf8CodePage = 65001;
const defaultCodePage = 1252;
const htmlId = 0x1013;

/**
 * A message of TNEF or a .msg file as an item: 8-bit strings become Unicode by the code page of the message, named
 * properties are kept by name, HTML is bytes with its code page beside it. [MS-OXTNEF] 2.1.3, [MS-OXMSG] 2.1
 */
export function itemOfMapi(message: MapiMessage): ItemBag {
  const item = newItem();
  fill(item, message.properties, message.codePage);
  if (item.bag.has(p.PidTagHtml.tag) && !item.bag.has(p.PidTagInternetCodepage.tag)) {
    setProperty(item, p.PidTagInternetCodepage, message.codePage);
  }
  for (const one of message.recipients) {
    const recipient = newItemObject();
    fill(recipient, one, message.codePage);
    item.recipients.push(recipient);
  }
  for (const one of message.attachments) item.attachments.push(attachmentOfMapi(one, message.codePage));
  return item;
}

function attachmentOfMapi(from: MapiAttachment, codePage: number | undefined): ItemAttachment {
  const attachment: ItemAttachment = newItemObject();
  fill(attachment, from.properties, codePage);
  if (from.embedded !== undefined) attachment.embedded = itemOfMapi(from.embedded);
  else if (from.data !== undefined) {
    // The object of another program is no file that could be opened by itself.
    const isStorage = getProperty(attachment, p.PidTagAttachMethod) === attachMethods.storage;
    setProperty(attachment, isStorage ? p.PidTagAttachDataObject : p.PidTagAttachDataBinary, from.data);
  }
  return attachment;
}

function fill(object: ItemObject, list: readonly MapiProperty[], codePage: number | undefined): void {
  for (const { id, type, name, value } of list) {
    const typeName = propertyTypeName(type);
    if (typeName === undefined) continue;
    if (id === htmlId && typeName !== "Binary" && name === undefined) {
      setHtml(object, value, codePage);
      continue;
    }
    const [shownType, shown] = unicode(typeName, value as PropertyValue, codePage);
    // This set lends its names to properties that have an id of their own. [MS-OXCPRPT] 2.2.12
    const isPlain = name?.guid === propertySets.PS_MAPI.guid && typeof name.id === "number" && name.id < namedIdMin;
    if (name !== undefined && !isPlain) setNamed(object, name, shownType, shown);
    else if (isPlain || id < namedIdMin) {
      const tag = makeTag(isPlain ? Number(name?.id) : id, shownType);
      if (typeName === shownType || !object.bag.has(tag)) object.bag.set(tag, shown);
    }
  }
}

/** HTML may come as text; it is kept as bytes, as Exchange does. [MS-OXCMSG] 2.2.1.56.9 */
function setHtml(object: ItemObject, value: MapiValue, codePage: number | undefined): void {
  if (object.bag.has(p.PidTagHtml.tag)) return;
  if (typeof value === "string") {
    setProperty(object, p.PidTagHtml, Buffer.from(value, "utf8"));
    setProperty(object, p.PidTagInternetCodepage, utf8CodePage);
  } else if (value instanceof Uint8Array) {
    setProperty(object, p.PidTagHtml, value);
    if (!object.bag.has(p.PidTagInternetCodepage.tag)) setProperty(object, p.PidTagInternetCodepage, codePage);
  }
}

function unicode(
  type: PropertyTypeName, value: PropertyValue, codePage: number | undefined,
): [PropertyTypeName, PropertyValue] {
  const label = codePageLabel(codePage);
  if (type === "String8" && value instanceof Uint8Array) return ["String", decodeCharset(value, label)];
  if (type === "MultipleString8" && Array.isArray(value)) {
    return ["MultipleString", value.map((one) => decodeCharset(one as Uint8Array, label))];
  }
  return [type, value];
}

/** The same way back. Bytes of attachments are read whole. [MS-OXMSG] 2.1 */
export function mapiOfItem(item: ItemBag, depth = 0): MapiMessage {
  assert(depth <= limits.itemDepthMax, "items nested no deeper than limits.itemDepthMax");
  const messageCodePage = getProperty(item, p.PidTagMessageCodepage);
  return {
    properties: listOf(item),
    recipients: item.recipients.map(listOf),
    attachments: item.attachments.map((one) => mapiOfAttachment(one, depth)),
    codePage: messageCodePage ?? ansiCodePage(getProperty(item, p.PidTagInternetCodepage)) ?? defaultCodePage,
  };
}

function mapiOfAttachment(attachment: ItemAttachment, depth: number): MapiAttachment {
  const list = listOf(attachment).filter(({ id, name }) =>
    name !== undefined || id !== tagId(p.PidTagAttachDataBinary.tag));
  if (attachment.embedded !== undefined) {
    return { properties: list, embedded: mapiOfItem(attachment.embedded, depth + 1) };
  }
  const object = getProperty(attachment, p.PidTagAttachDataObject);
  const hasBytes = attachment.content !== undefined || attachment.bag.has(p.PidTagAttachDataBinary.tag);
  return { properties: list, data: hasBytes ? attachmentBytes(attachment) : object };
}

/** Named properties get ids of their own kind; what they are is settled by whoever writes the file. */
function listOf(object: ItemObject): MapiProperty[] {
  const list: MapiProperty[] = [];
  for (const [tag, value] of object.bag) {
    if (!isNamedTag(tag)) list.push({ id: tagId(tag), type: tagTypeCode(tag), value: value as MapiValue });
  }
  let id = namedIdMin;
  for (const { name, type, value } of object.named.values()) {
    list.push({ id, type: propertyTypes[type].code, name, value: value as MapiValue });
    id = Math.min(id + 1, 0xfffe);
  }
  return list;
}
