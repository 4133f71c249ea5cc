/** What is kept of a MIME message beside its bytes: columns, its place in time, a bag without bodies. Pure. */
import { readCalendarInto } from "#convert/ical/mime-plug.ts";
import { conversationId, parseThreadIndex } from "#convert/mime/conversation.ts";
import { fromMime } from "#convert/mime/from-mime.ts";
import type { FromMimeOptions } from "#convert/mime/from-mime.ts";
import { isClearSigned, isOpaqueSecure, layoutOf } from "#convert/mime/layout.ts";
import { getProperty } from "#convert/item.ts";
import { paramValue } from "#format/mime/parameters.ts";
import { decodeWords } from "#format/mime/words.ts";
import { fieldOf, summarize } from "#format/mime/summary.ts";
import { boundReferences, describeColumns, isVisible } from "#mailbox/items/describe.ts";
import { decodeSome, splitNamed } from "#mailbox/items/stored-bags.ts";
import { timeOf } from "#mailbox/items/times.ts";
import { decodeBag, encodeBag } from "#props/bag.ts";
import { properties } from "#props/registry.ts";
import { isNamedTag, makeTag, namedPropertyIdMax, namedPropertyIdMin, tagId } from "#props/types.ts";
import type { ItemBag, ItemObject } from "#convert/item.ts";
import type { ReadBytes } from "#convert/mime/contents.ts";
import type { MimeIndex, MimePart } from "#format/mime/types.ts";
import type { Asked } from "#mailbox/items/computed.ts";
import type { DetailColumns } from "#mailbox/items/describe.ts";
import type { ItemTime } from "#mailbox/items/times.ts";
import type { NamedId } from "#props/registry.ts";
import type { PropertyBag } from "#props/types.ts";

const p = properties;

/** The message as properties, its calendar and winmail.dat taken in. [MS-OXCMAIL] 2.2 */
export function itemOfMime(
  index: MimeIndex, read: ReadBytes, deliveredMs: number | null, options: FromMimeOptions = {},
): ItemBag {
  return fromMime(index, read, {
    ...options,
    ...deliveredMs === null ? {} : { deliveredMs },
    readCalendar: (text, item, part) => readCalendarInto(text, item, part),
  });
}

/** Ids of properties that are not kept, but told from the bytes each time: bodies and the header text. */
export const deferredIds: ReadonlySet<number> = new Set([
  p.PidTagBody, p.PidTagHtml, p.PidTagRtfCompressed, p.PidTagTransportMessageHeaders, p.PidTagRtfInSync,
].map(({ tag }) => tagId(tag)));
/** Told by the row of each copy. */
const rowIds: ReadonlySet<number> = new Set([
  p.PidTagMessageDeliveryTime, p.PidTagMessageFlags, p.PidTagHasAttachments,
].map(({ tag }) => tagId(tag)));

export interface KeptHead {
  /** Encoded bag; named properties under ids from 0x8000 on, in the order of `names`. */
  readonly bag: Uint8Array;
  /** JSON; null for none. */
  readonly names: string | null;
}

/** All properties of the message itself that are not in its bodies, by names: ids are given out when somebody asks. */
export function headOf(item: ItemObject): KeptHead {
  const bag: PropertyBag = new Map();
  for (const tag of item.bag.keys()) {
    // Bodies are not even looked at: a large one would be made for it.
    if (!deferredIds.has(tagId(tag)) && !rowIds.has(tagId(tag))) bag.set(tag, item.bag.get(tag)!);
  }
  const names: (readonly [string, string | number])[] = [];
  for (const { name, type, value } of item.named.values()) {
    const propertyId = namedPropertyIdMin + names.length;
    if (propertyId > namedPropertyIdMax) break;
    bag.set(makeTag(propertyId, type), value);
    names.push([name.guid, name.id]);
  }
  return { bag: encodeBag(bag), names: names.length === 0 ? null : JSON.stringify(names) };
}

/** The properties of a head; with `asked` only those, and no others are decoded. */
export function readHead({ bag, names }: KeptHead, asked?: Asked): ItemObject {
  const list = names === null || asked?.hasNamed === false ? [] : JSON.parse(names) as [string, string | number][];
  const byId = new Map(list.map(([guid, id], index): [number, NamedId] => [namedPropertyIdMin + index, { guid, id }]));
  if (asked === undefined) return splitNamed(decodeBag(bag), byId);
  return splitNamed(decodeSome(bag, (tag) => (isNamedTag(tag) ? asked.hasNamed : asked.has(tag))), byId);
}

export interface ArrivedMime {
  readonly columns: DetailColumns;
  readonly time: ItemTime | null;
  /** Kept at once where it was needed to understand the message; null: made at the first look. */
  readonly head: KeptHead | null;
  /** Why it is plain mail although it says it is more. */
  readonly trouble: string | null;
  /** Told by header fields and bodies alone. */
  readonly isPlain: boolean;
}

/**
 * What a message that has just come needs in its rows. Plain mail is told by its index alone; calendars, reports and
 * winmail.dat are converted, since they say what kind of item it is. Nothing makes a message fail.
 */
export function describeArrival(index: MimeIndex, read: ReadBytes, deliveredMs: number | null): ArrivedMime {
  const columns = columnsOf(index);
  if (!isMoreThanMail(index)) {
    // A report without its machine readable part, or a calendar that is a file, is plain mail.
    const messageClass = secureClass(index) ?? "IPM.Note";
    const isPlain = isWhole(index) && !asksForReceipt(index);
    return { columns: { ...columns, messageClass }, time: null, head: null, trouble: null, isPlain };
  }
  try {
    const item = itemOfMime(index, read, deliveredMs);
    const { messageClass } = describeColumns(item);
    return {
      columns: { ...columns, messageClass, hasAttachments: item.attachments.some(isVisible) }, time: timeOf(item),
      head: headOf(item), trouble: null, isPlain: false,
    };
  } catch (error) {
    return {
      columns: { ...columns, messageClass: "IPM.Note" }, time: null, head: null,
      trouble: (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, troubleMax),
      isPlain: false,
    };
  }
}

/** What lists show of it depends on whether it was answered. [MS-OXCMSG] 2.2.1.6 (mfNotifyRead) */
function asksForReceipt({ fields }: MimeIndex): boolean {
  return fields.some(({ name }) => name === "disposition-notification-to");
}

/** Whether every part is where its type says: of others bodies may be told from bytes that no index has as text. */
function isWhole({ root, truncated }: MimeIndex): boolean {
  const open: MimePart[] = [root];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    // Lines that are joined without a space make words which the index has in two pieces. RFC 3676 §4.1
    if (part.kind === "text" && paramValue(part.params, "delsp")?.toLowerCase() === "yes") return false;
    if (part.kind !== "multipart") continue;
    for (const child of part.children) {
      // Without a line that begins the first part all of it stands for one, and its text is in no index.
      if (child.headerStart === part.bodyStart) return false;
      open.push(child);
    }
    if (part.children.length === 0) return false;
  }
  return !truncated;
}

const troubleMax = 500;

/** [MS-OXOSMIME] 2.1.3 */
function secureClass({ root }: MimeIndex): string | null {
  if (isClearSigned(root)) return "IPM.Note.SMIME.MultipartSigned";
  return isOpaqueSecure(root) ? "IPM.Note.SMIME" : null;
}

function isMoreThanMail(index: MimeIndex): boolean {
  if (index.root.kind !== "multipart" && index.root.type === "text" && index.root.subtype !== "calendar") {
    return fieldOf(index, "content-class") !== null;
  }
  if (isClearSigned(index.root) || isOpaqueSecure(index.root)) return false;
  const { calendar, tnef, report } = layoutOf(index.root);
  return calendar !== null || tnef !== null || report !== null || fieldOf(index, "content-class") !== null;
}

/** The columns of plain mail. [MS-OXCMAIL] 2.2.3.2 */
export function columnsOf(index: MimeIndex): DetailColumns {
  const summary = summarize(index);
  const threadIndex = parseThreadIndex(fieldOf(index, "thread-index") ?? "");
  const topic = fieldOf(index, "thread-topic");
  const id = conversationId(threadIndex, topic === null ? summary.normalizedSubject : decodeWords(topic).trim());
  return {
    messageClass: summary.messageClass, subject: summary.subject, normalizedSubject: summary.normalizedSubject,
    fromName: summary.fromName, fromAddress: summary.fromAddress, sentMs: summary.sentMs,
    messageIdHeader: summary.messageIdHeader, inReplyTo: summary.inReplyTo, hasAttachments: summary.hasAttachments,
    importance: summary.importance, sensitivity: summary.sensitivity, displayTo: summary.displayTo,
    displayCc: summary.displayCc, preview: summary.preview,
    conversationId: id === undefined ? null : Uint8Array.from(id),
    references: {
      messageId: summary.messageIdHeader,
      references: boundReferences([...summary.references, ...summary.inReplyTo === "" ? [] : [summary.inReplyTo]]),
      tracked: threadIndex === null || threadIndex[0] !== 1 ? null : Uint8Array.from(threadIndex.subarray(6, 22)),
    },
  };
}

/** PidNameKeywords, which are the categories of a message wherever it is shown. */
export function categoriesOf(item: ItemObject): readonly string[] {
  return getProperty(item, p.PidNameKeywords) ?? [];
}
