/** What is worked out of a message: what a new one has, flags, subjects, bodies in other forms. [MS-OXCMSG] 2.2.1 */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { compressedRtfOf, htmlBodyOf, nativeBodyOf, plainBodyOf } from "#convert/bodies.ts";
import type { ItemObject } from "#convert/item.ts";
import { messageFlags } from "#mailbox/api.ts";
import { subjectOf } from "#mailbox/items/describe.ts";
import type { ItemRow } from "#mailbox/items-api.ts";
import { valueSize } from "#props/compare.ts";
import { isNamedTag, makeTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyTypeName, PropertyValue } from "#props/types.ts";

const PidTagSubject = makeTag(0x0037, "String");
const PidTagSubjectPrefix = makeTag(0x003d, "String");
const PidTagNormalizedSubject = makeTag(0x0e1d, "String");
const PidTagMessageFlags = makeTag(0x0e07, "Integer32");
const PidTagReadReceiptRequested = makeTag(0x0029, "Boolean");
const PidTagNonReceiptNotificationRequested = makeTag(0x0c06, "Boolean");
const PidTagLastModificationTime = makeTag(0x3008, "Time");
const PidTagBody = makeTag(0x1000, "String");
const PidTagHtml = makeTag(0x1013, "Binary");
const PidTagBodyHtml = makeTag(0x1013, "String");
const PidTagRtfCompressed = makeTag(0x1009, "Binary");
const PidTagNativeBody = makeTag(0x1016, "Integer32");
const PidTagRtfInSync = makeTag(0x0e1f, "Boolean");
const PidTagInternetCodepage = makeTag(0x3fde, "Integer32");
const utf8CodePage = 65_001;
const PidTagMessageLocaleId = 0x3ff1;
const PidTagLocaleId = makeTag(0x66a1, "Integer32");

const nowOf = (ctx: Ctx): bigint => BigInt(Math.round(ctx.system.nowMs()) + 11_644_473_600_000) * 10_000n;
const bagOf = (rows: readonly (readonly [number, PropertyTypeName, PropertyValue])[]): PropertyBag =>
  new Map(rows.map(([id, type, value]) => [makeTag(id, type), value]));

/** A message that nobody has filled yet. [MS-OXCMSG] 3.2.5.2 */
export function newMessageBag(ctx: Ctx, localeId: number | null = null): PropertyBag {
  const now = nowOf(ctx);
  return bagOf([
    ...localeId === null ? [] : [[PidTagMessageLocaleId, "Integer32", localeId] as const],
    [0x001a, "String", "IPM.Note"], [0x0017, "Integer32", 1], [0x0036, "Integer32", 0],
    [0x0e07, "Integer32", flagBits.read | flagBits.unsent], [0x0e1b, "Boolean", false], [0x3007, "Time", now],
    [0x3008, "Time", now], [0x300b, "Binary", Buffer.from(ctx.system.randomBytes(16))], [0x0e08, "Integer32", 0],
    [0x0e02, "String", ""], [0x0e03, "String", ""], [0x0e04, "String", ""],
  ]);
}

/** An attachment that nobody has filled yet. [MS-OXCMSG] 3.2.5.13 */
export function newAttachmentBag(ctx: Ctx): PropertyBag {
  const now = nowOf(ctx);
  return bagOf([[0x370b, "Integer32", -1], [0x3007, "Time", now], [0x3008, "Time", now]]);
}

/** PidTagMessageFlags. [MS-OXCMSG] 2.2.1.6 */
export const flagBits = {
  read: 0x1, unmodified: 0x2, submitted: 0x4, unsent: 0x8, hasAttachments: 0x10, fromMe: 0x20, associated: 0x40,
  resend: 0x80, notifyRead: 0x100, notifyUnread: 0x200, everRead: 0x400,
} as const;
const workedOut = flagBits.unmodified | flagBits.notifyRead | flagBits.notifyUnread | flagBits.everRead;
const ownWork = flagBits.unsent | flagBits.fromMe | flagBits.associated;

/** Bits that a client reads and that are never kept: they are worked out anew. [MS-OXCMSG] 2.2.1.6 */
export function withoutWorkedOut(flags: number): number {
  return flags & ~workedOut;
}

/** What {@link putReceipts} looks at beside the flags. */
const receiptTags = [PidTagReadReceiptRequested, PidTagNonReceiptNotificationRequested] as const;

/** mfNotifyRead, mfNotifyUnread: which receipts somebody waits for; `kept` are the flags of the row. */
function awaitedReceipts(bag: PropertyBag, flags: number, kept: number): number {
  if ((flags & ownWork) !== 0 || (kept & messageFlags.mdnSent) !== 0) return 0;
  const [read, unread] = receiptTags.map((tag) => bag.get(tag) === true);
  return (read === true && (kept & messageFlags.readReceiptOff) === 0 ? flagBits.notifyRead : 0) |
    (unread === true && (kept & messageFlags.nonReadReceiptOff) === 0 ? flagBits.notifyUnread : 0);
}

/** The tags to read where a table asks for flags, so that {@link putReceipts} can tell of receipts. */
export function withReceiptTags(tags: readonly PropertyTag[]): readonly PropertyTag[] {
  return tags.includes(PidTagMessageFlags) ? [...tags, ...receiptTags] : tags;
}

/** PidTagMessageFlags of a table's row tells of receipts as that of the open message does. [MS-OXCMSG] 2.2.1.6 */
export function putReceipts(bag: PropertyBag, row: Pick<ItemRow, "flags">): void {
  const flags = bag.get(PidTagMessageFlags);
  if (typeof flags !== "number") return;
  const others = flags & ~(flagBits.notifyRead | flagBits.notifyUnread);
  bag.set(PidTagMessageFlags, others | awaitedReceipts(bag, others, row.flags));
}

type KeptRow = Pick<ItemRow, "flags" | "origin" | "savedMs" | "modifiedMs">;

function flagsShown(bag: PropertyBag, row: KeptRow | null): number {
  const flags = withoutWorkedOut(Number(bag.get(PidTagMessageFlags) ?? 0));
  const isUntouched = row !== null && (row.origin === "mime" || row.modifiedMs <= row.savedMs);
  return flags | (isUntouched ? flagBits.unmodified : 0) | ((flags & flagBits.read) === 0 ? 0 : flagBits.everRead) |
    awaitedReceipts(bag, flags, row?.flags ?? 0);
}

const subjectTags = [PidTagSubject, PidTagSubjectPrefix, PidTagNormalizedSubject] as const;

/** The three forms of the subject agree, whichever of them was set last. [MS-OXCMSG] 3.2.4.1.1, 3.2.4.1.2 */
export function completeSubject(bag: PropertyBag, set: ReadonlyMap<PropertyTag, PropertyValue>): void {
  if (!subjectTags.some((tag) => bag.has(tag))) return;
  const isByParts = !set.has(PidTagSubject) && (set.has(PidTagSubjectPrefix) || set.has(PidTagNormalizedSubject));
  if (isByParts) bag.delete(PidTagSubject);
  const { subject, prefix, normalized } = subjectOf({ bag, named: new Map() });
  bag.set(PidTagSubject, subject);
  bag.set(PidTagSubjectPrefix, prefix);
  bag.set(PidTagNormalizedSubject, normalized);
}

/** Of what is written: where the subject was told in parts, all three. */
export function writableSubject(set: PropertyBag, whole: PropertyBag): void {
  if (!set.has(PidTagSubjectPrefix) && !set.has(PidTagNormalizedSubject)) return;
  completeSubject(whole, set);
  for (const tag of subjectTags) {
    const value = whole.get(tag);
    if (value !== undefined) set.set(tag, value);
  }
}

export interface Shown {
  readonly row: KeptRow | null;
  /** That it was opened with. */
  readonly codePage: number | null;
  /** Of the logon that it was opened with. */
  readonly localeId: number | null;
  /** Ids that are asked for; null for all. */
  readonly asked: ReadonlySet<number> | null;
}

/** Adds what is only shown: it is in no store and goes into no copy. [MS-OXCMSG] 2.2.1 */
export function addShown(bag: PropertyBag, { row, codePage, localeId, asked }: Shown): void {
  bag.set(PidTagMessageFlags, flagsShown(bag, row));
  bag.set(makeTag(0x664a, "Boolean"), [...bag.keys()].some(isNamedTag));
  if (codePage !== null) bag.set(makeTag(0x3ffd, "Integer32"), codePage);
  if (localeId !== null && !bag.has(PidTagLocaleId)) bag.set(PidTagLocaleId, localeId);
  const modified = bag.get(PidTagLastModificationTime);
  if (row !== null && modified !== undefined) bag.set(makeTag(0x6709, "Time"), modified);
  // RTF is looked into for it, which is not done for those who do not ask.
  const asksNative = asked === null || asked.has(tagId(PidTagNativeBody));
  if (asksNative && !bag.has(PidTagNativeBody)) bag.set(PidTagNativeBody, nativeBodyOf(itemOf(bag)));
  if (!bag.has(PidTagRtfInSync) && bag.has(PidTagRtfCompressed) && !bag.has(PidTagHtml)) bag.set(PidTagRtfInSync, true);
}

const itemOf = (bag: PropertyBag): ItemObject => ({ bag, named: new Map() });

const bodyTags = [PidTagBody, PidTagHtml, PidTagRtfCompressed] as const;
const isBody = (tag: PropertyTag): boolean => bodyTags.some((one) => tagId(one) === tagId(tag));

/** Whether the body is there in another form than the one asked for. [MS-OXCMSG] 2.2.1.56 */
export function canMakeBody(bag: PropertyBag, tag: PropertyTag): boolean {
  if (!isBody(tag) || [...bag.keys()].some((known) => tagId(known) === tagId(tag))) return false;
  const size = sourceSize(bag);
  return size !== null && size <= limits.mapiBodyMakeMaxBytes;
}

function sourceSize(bag: PropertyBag): number | null {
  const sizes = bodyTags.filter((tag) => bag.has(tag)).map((tag) => valueSize(tag, bag.get(tag)!));
  return sizes.length === 0 ? null : Math.max(...sizes);
}

/** Whether making it is a small thing, so that it need not be asked for by stream. */
export function isBodySmall(bag: PropertyBag): boolean {
  return (sourceSize(bag) ?? 0) <= limits.mapiBodyMakeAtOnceBytes;
}

/** Puts the form of the body that is asked for into the bag, made of the one that is there. [MS-OXBBODY] 2.1.3.1 */
export function makeBody(bag: PropertyBag, tag: PropertyTag): void {
  const item = itemOf(bag);
  const id = tagId(tag);
  if (id === tagId(PidTagBody)) put(bag, PidTagBody, plainBodyOf(item));
  else if (id === tagId(PidTagRtfCompressed)) put(bag, PidTagRtfCompressed, compressedRtfOf(item));
  else if (id === tagId(PidTagHtml)) {
    const html = htmlBodyOf(item);
    if (html === undefined) return;
    bag.set(PidTagHtml, Buffer.from(html, "utf8"));
    bag.set(PidTagInternetCodepage, utf8CodePage);
  }
}

function put(bag: PropertyBag, tag: PropertyTag, value: PropertyValue | undefined): void {
  if (value !== undefined) bag.set(tag, value);
}

/** PidTagBodyHtml is PidTagHtml told as text: kept as that. [MS-OXCMSG] 2.2.1.56.3, 2.2.1.56.9 */
export function asHtmlBytes(
  values: readonly { readonly tag: PropertyTag; readonly value: PropertyValue }[],
): { readonly tag: PropertyTag; readonly value: PropertyValue }[] {
  const hasBytes = values.some(({ tag }) => tag === PidTagHtml);
  return values.flatMap((one) => {
    if (one.tag !== PidTagBodyHtml || typeof one.value !== "string") return [one];
    if (hasBytes) return [];
    return [
      { tag: PidTagHtml, value: Buffer.from(one.value, "utf8") }, { tag: PidTagInternetCodepage, value: utf8CodePage },
    ];
  });
}

/** Whoever made a message and whoever changed it last. [MS-OXCMSG] 2.2.1.31, 2.2.1.32, 2.2.1.51, 2.2.1.52 */
export interface Author {
  readonly name: string;
  readonly entryId: Uint8Array;
}

/** Puts the last author in, and with `isNew` the first, where the client did not name them itself. */
export function addAuthor(bag: PropertyBag, { name, entryId }: Author, isNew: boolean): void {
  const rows = [[0x3ffa, 0x3ffb], ...isNew ? [[0x3ff8, 0x3ff9] as const] : []] as const;
  for (const [nameId, entryIdId] of rows) {
    const nameTag = makeTag(nameId!, "String");
    const entryIdTag = makeTag(entryIdId!, "Binary");
    if (bag.has(nameTag) || bag.has(entryIdTag)) continue;
    bag.set(nameTag, name);
    bag.set(entryIdTag, entryId);
  }
}
