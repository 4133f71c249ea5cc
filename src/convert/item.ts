import { Buffer } from "node:buffer";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import type { NamedId, NamedProperty, TaggedProperty } from "#props/registry.ts";
import type { PropertyBag, PropertyTypeName, PropertyValue, ReadonlyPropertyBag, ValueOf } from "#props/types.ts";

/**
 * An item between two formats: what MIME, TNEF, .msg, iCalendar and vCard are read into and written from. Tagged
 * properties stand in a bag; named ones are kept by their name, since ids belong to a mailbox. [MS-OXCMSG] 2.2
 */
export interface ItemObject {
  readonly bag: PropertyBag;
  readonly named: NamedBag;
}

export interface ItemBag extends ItemObject {
  readonly recipients: ItemRecipient[];
  readonly attachments: ItemAttachment[];
}

/** PidTagRecipientType tells To, Cc and Bcc apart. [MS-OXCMSG] 2.2.1.1 */
export type ItemRecipient = ItemObject;

export interface ItemAttachment extends ItemObject {
  /** Of an embedded message, PidTagAttachMethod 5. [MS-OXCMSG] 2.2.2.9 */
  embedded?: ItemBag;
  /** Bytes that are not in the bag as PidTagAttachDataBinary: read on demand, so that no copy is held. */
  content?: ItemContent;
}

/** Bytes that come in pieces whenever they are asked for; the same bytes each time. */
export interface ItemContent {
  /** Close to the size, and never below half of it: encoded content is not counted beforehand. */
  readonly aboutBytes: number;
  chunks(): Iterable<Uint8Array>;
  /** Where they stand in the message, for a reader that waits for them: `head`, then this range decoded. */
  readonly source?: ContentSource;
}

export interface ContentSource {
  readonly head: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Content-Transfer-Encoding. */
  readonly encoding: string;
}

export interface NamedValue {
  readonly name: NamedId;
  readonly type: PropertyTypeName;
  readonly value: PropertyValue;
}

/** Named properties of one object, by `namedKey`. */
export type NamedBag = Map<string, NamedValue>;

/** Keys of names by the object that tells them: those of the registry are asked for again and again. */
const keys = new WeakMap<NamedId, string>();

/** One key for one name; names of header fields do not tell capitals apart. [MS-OXCDATA] 2.6.1 */
export function namedKey(name: NamedId): string {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const key = keyOf(name);
  keys.set(name, key);
  return key;
}

function keyOf({ guid, id }: NamedId): string {
  if (typeof id === "number") return `${guid}+0x${id.toString(16).padStart(4, "0")}`;
  return `${guid}|${guid === propertySets.PS_INTERNET_HEADERS.guid ? id.toLowerCase() : id}`;
}

export function newItem(): ItemBag {
  return { bag: new Map(), named: new Map(), recipients: [], attachments: [] };
}

export function newItemObject(): ItemObject {
  return { bag: new Map(), named: new Map() };
}

type AnyProperty<N extends PropertyTypeName> = TaggedProperty<N> | NamedProperty<N>;

/** The value of a property, tagged or named; undefined when the object has none. */
export function getProperty<N extends PropertyTypeName>(
  object: { readonly bag: ReadonlyPropertyBag; readonly named: ReadonlyMap<string, NamedValue> },
  property: AnyProperty<N>,
): ValueOf<N> | undefined {
  if (property.tag !== undefined) return object.bag.get(property.tag) as ValueOf<N> | undefined;
  const found = object.named.get(namedKey(property.named));
  return found === undefined || found.type !== property.type ? undefined : found.value as ValueOf<N>;
}

/** Sets a property; undefined leaves the object as it is. */
export function setProperty<N extends PropertyTypeName>(
  object: ItemObject, property: AnyProperty<N>, value: ValueOf<N> | undefined,
): void {
  if (value === undefined) return;
  if (property.tag !== undefined) object.bag.set(property.tag, value as PropertyValue);
  else setNamed(object, property.named, property.type, value as PropertyValue);
}

/** For names that need no row in the registry. */
export function setNamed(object: ItemObject, name: NamedId, type: PropertyTypeName, value: PropertyValue): void {
  object.named.set(namedKey(name), { name, type, value });
}

const empty = new Uint8Array(0);

/** The bytes of an attachment by value in pieces, wherever they are kept. [MS-OXCMSG] 2.2.2.7 */
export function attachmentChunks(attachment: ItemAttachment): Iterable<Uint8Array> {
  return attachment.content?.chunks() ?? [getProperty(attachment, properties.PidTagAttachDataBinary) ?? empty];
}

/** The same as one piece; a copy of what may be large. */
export function attachmentBytes(attachment: ItemAttachment): Uint8Array {
  const chunks = [...attachmentChunks(attachment)];
  return chunks.length === 1 ? chunks[0] ?? empty : Buffer.concat(chunks);
}

/** Exact when the bytes are in the bag. */
export function attachmentAboutBytes(attachment: ItemAttachment): number {
  return attachment.content?.aboutBytes ?? getProperty(attachment, properties.PidTagAttachDataBinary)?.length ?? 0;
}
