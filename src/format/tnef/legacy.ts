import iconv from "iconv-lite";
import { decode, encode } from "#codec/binary/code.ts";
import { i16, u16, u32 } from "#codec/binary/numbers.ts";
import { codePageLabel } from "#format/mapi/code-page.ts";
import { canonicalCharset, decodeCharset } from "#format/mime/charset.ts";
import type { MapiProperty, MapiValue } from "#format/mapi/property.ts";
import { withoutNul } from "#format/mapi/values.ts";
import { attributeIds, DateTime, From, idOf, Owner } from "#format/tnef/layout.ts";

/** How an attribute of the old kind says what a property says. */
interface LegacyRow {
  /** Properties in the order of {@link read}'s answer. */
  readonly tags: readonly number[];
  read(data: Uint8Array): readonly (MapiValue | undefined)[];
  /** Only attributes that are written have it. */
  write?(value: MapiValue, codePage: number): Uint8Array | undefined;
}

const epochMs = 11_644_473_600_000n;

/** The old attributes have no zone; the writer's local time is taken for UTC, as nothing better is known. */
function readDate(data: Uint8Array): bigint | undefined {
  const { year, month, day, hour, minute, second } = decode(DateTime, data, { trailing: "ignore" });
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  return year < 1601 || Number.isNaN(ms) ? undefined : (BigInt(ms) + epochMs) * 10_000n;
}

function writeDate(value: MapiValue): Uint8Array | undefined {
  if (typeof value !== "bigint") return undefined;
  const date = new Date(Number(value / 10_000n - epochMs));
  if (Number.isNaN(date.getTime())) return undefined;
  return encode(DateTime, {
    year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), hour: date.getUTCHours(),
    minute: date.getUTCMinutes(), second: date.getUTCSeconds(), dayOfWeek: date.getUTCDay(),
  });
}

function asText(value: MapiValue, codePage: number): string | undefined {
  if (typeof value === "string") return value;
  return value instanceof Uint8Array ? decodeCharset(value, codePageLabel(codePage)) : undefined;
}

function writeText(value: MapiValue, codePage: number): Uint8Array | undefined {
  if (value instanceof Uint8Array) return Buffer.concat([value, Buffer.alloc(1)]);
  if (typeof value !== "string") return undefined;
  return Buffer.concat([encodeCodePage(value, codePage), Buffer.alloc(1)]);
}

/** 8-bit text of a code page; what it has no character for becomes "?". */
export function encodeCodePage(text: string, codePage: number): Uint8Array {
  const label = codePageLabel(codePage);
  const name = label === null ? "ascii" : canonicalCharset(label) ?? "ascii";
  return iconv.encode(text, iconv.encodingExists(name) ? name : "ascii");
}

/** Message classes of the program that TNEF was made for. [MS-OXTNEF] 2.1.3.3 */
const classes: readonly (readonly [old: string, now: string])[] = [
  ["IPM.Microsoft Mail.Note", "IPM.Note"],
  ["IPM.Microsoft Mail.Read Receipt", "Report.IPM.Note.IPNRN"],
  ["IPM.Microsoft Mail.Non-Delivery", "Report.IPM.Note.NDR"],
  ["IPM.Microsoft Schedule.MtgRespP", "IPM.Schedule.Meeting.Resp.Pos"],
  ["IPM.Microsoft Schedule.MtgRespN", "IPM.Schedule.Meeting.Resp.Neg"],
  ["IPM.Microsoft Schedule.MtgRespA", "IPM.Schedule.Meeting.Resp.Tent"],
  ["IPM.Microsoft Schedule.MtgReq", "IPM.Schedule.Meeting.Request"],
  ["IPM.Microsoft Schedule.MtgCncl", "IPM.Schedule.Meeting.Canceled"],
];

function readClass(data: Uint8Array): Uint8Array {
  const text = Buffer.from(withoutNul(data)).toString("latin1").toLowerCase();
  const row = classes.find(([old]) => old.toLowerCase() === text);
  return row === undefined ? withoutNul(data) : Buffer.from(row[1], "latin1");
}

function writeClass(value: MapiValue, codePage: number): Uint8Array | undefined {
  const text = asText(value, codePage);
  const row = classes.find(([, now]) => now.toLowerCase() === text?.toLowerCase());
  return writeText(row === undefined ? value : row[0], codePage);
}

/** Bytes written as hexadecimal digits. */
function readHex(data: Uint8Array): Uint8Array | undefined {
  const text = Buffer.from(withoutNul(data)).toString("latin1");
  return /^(?:[0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, "hex") : undefined;
}

function writeHex(value: MapiValue): Uint8Array | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  return Buffer.from(`${Buffer.from(value).toString("hex").toUpperCase()}\0`, "latin1");
}

/** `SMTP:someone@example.com` in two. */
function splitAddress(raw: Uint8Array): [type: Uint8Array | undefined, address: Uint8Array] {
  const clean = withoutNul(raw);
  const colon = clean.indexOf(0x3a);
  return colon < 0 ? [undefined, clean] : [clean.subarray(0, colon), clean.subarray(colon + 1)];
}

function readFrom(data: Uint8Array): readonly (MapiValue | undefined)[] {
  const from = decode(From, data);
  return [withoutNul(from.name), ...splitAddress(from.address)];
}

function readOwner(data: Uint8Array): readonly (MapiValue | undefined)[] {
  const owner = decode(Owner, data);
  return [withoutNul(owner.name), ...splitAddress(owner.address)];
}

/** Old flag, and the bit of PidTagMessageFlags. [MS-OXTNEF] 2.1.3.3, [MS-OXCMSG] 2.2.1.6 */
const statusBits: readonly (readonly [old: number, now: number])[] = [
  [0x20, 0x01], [0x04, 0x04], [0x02, 0x08], [0x80, 0x10],
];

function readStatus(data: Uint8Array): readonly [number] {
  const old = data[0] ?? 0;
  const flags = statusBits.reduce((sum, [bit, now]) => ((old & bit) === 0 ? sum : sum | now), 0);
  return [(old & 0x01) === 0 ? flags | 0x02 : flags];
}

const text = (tag: number, write?: LegacyRow["write"]): LegacyRow => ({
  tags: [tag], read: (data) => [withoutNul(data)], ...(write === undefined ? {} : { write }),
});
const date = (tag: number, write?: LegacyRow["write"]): LegacyRow => ({
  tags: [tag], read: (data) => [readDate(data)], ...(write === undefined ? {} : { write }),
});
const hex = (tag: number, write?: LegacyRow["write"]): LegacyRow => ({
  tags: [tag], read: (data) => [readHex(data)], ...(write === undefined ? {} : { write }),
});
const ignoring = { trailing: "ignore" } as const;

/** Attributes of a message, with the properties they stand for. [MS-OXTNEF] 2.1.3.3 */
const messageRows = new Map<number, LegacyRow>([
  [attributeIds.attMessageClass, { tags: [0x001a001e], read: (data) => [readClass(data)], write: writeClass }],
  [attributeIds.attPriority, {
    // 1 is high and 3 low; PidTagImportance counts the other way.
    tags: [0x00170003], read: (data) => [Math.min(Math.max(3 - decode(i16, data, ignoring), 0), 2)],
    write: (value) => (typeof value === "number" ? encode(u16, 3 - Math.min(Math.max(value, 0), 2)) : undefined),
  }],
  [attributeIds.attSubject, text(0x0037001e, writeText)],
  [attributeIds.attDateSent, date(0x00390040, writeDate)],
  [attributeIds.attDateModified, date(0x30080040, writeDate)],
  [attributeIds.attMessageID, hex(0x300b0102, writeHex)],
  [attributeIds.attOriginalMessageClass, { tags: [0x004b001e], read: (data) => [readClass(data)] }],
  [attributeIds.attFrom, { tags: [0x0c1a001e, 0x0c1e001e, 0x0c1f001e], read: readFrom }],
  [attributeIds.attSentFor, { tags: [0x0042001e, 0x0064001e, 0x0065001e], read: readOwner }],
  [attributeIds.attDelegate, { tags: [0x00430102], read: (data) => [data] }],
  [attributeIds.attBody, text(0x1000001e)],
  [attributeIds.attParentID, hex(0x00250102)],
  [attributeIds.attConversationID, hex(0x000b0102)],
  [attributeIds.attMessageStatus, { tags: [0x0e070003], read: readStatus }],
  [attributeIds.attDateStart, date(0x00600040)],
  [attributeIds.attDateEnd, date(0x00610040)],
  [attributeIds.attDateRecd, date(0x0e060040)],
  [attributeIds.attAidOwner, { tags: [0x00620003], read: (data) => [decode(u32, data, ignoring) | 0] }],
  [attributeIds.attRequestRes, { tags: [0x0063000b], read: (data) => [decode(i16, data, ignoring) !== 0] }],
]);

/** Attributes of an attachment but for its data and rendering. [MS-OXTNEF] 2.1.3.3 */
const attachmentRows = new Map<number, LegacyRow>([
  [attributeIds.attAttachTitle, text(0x3704001e, writeText)],
  [attributeIds.attAttachTransportFilename, text(0x370c001e)],
  [attributeIds.attAttachMetaFile, { tags: [0x37090102], read: (data) => [data] }],
  [attributeIds.attAttachCreateDate, date(0x30070040, writeDate)],
  [attributeIds.attAttachModifyDate, date(0x30080040, writeDate)],
]);

/** In meeting messages the owner is who organises or who represents: the class decides. [MS-OXTNEF] 2.1.3.3.16 */
const ownerOfRequest: LegacyRow = { tags: [0x0042001e, 0x0064001e, 0x0065001e], read: readOwner };
const ownerOfResponse: LegacyRow = { tags: [0x0044001e, 0x0077001e, 0x0078001e], read: readOwner };

const byId = (rows: ReadonlyMap<number, LegacyRow>): ReadonlyMap<number, LegacyRow> =>
  new Map([...rows].map(([id, row]) => [idOf(id), row]));
const messageRowsById = byId(messageRows);
const attachmentRowsById = byId(attachmentRows);

function rowOf(id: number, ofAttachment: boolean, messageClass: string): LegacyRow | undefined {
  if (ofAttachment) return attachmentRowsById.get(idOf(id));
  if (idOf(id) !== idOf(attributeIds.attOwner)) return messageRowsById.get(idOf(id));
  return /^IPM\.Schedule\.Meeting\.Resp/i.test(messageClass) ? ownerOfResponse : ownerOfRequest;
}

/**
 * The properties that an attribute of the old kind stands for; none for an unknown one. Throws WireError.
 * [MS-OXTNEF] 2.1.3.3
 */
export function legacyProperties(
  id: number, data: Uint8Array, ofAttachment: boolean, messageClass: string,
): MapiProperty[] {
  const row = rowOf(id, ofAttachment, messageClass);
  if (row === undefined) return [];
  const found: MapiProperty[] = [];
  for (const [index, value] of row.read(data).entries()) {
    const tag = row.tags[index];
    if (value === undefined || tag === undefined) continue;
    found.push({ id: tag >>> 16, type: tag & 0xffff, value });
  }
  return found;
}

/** The attributes of the old kind that say what these properties say. Order of [MS-OXTNEF] 3.1 */
export function legacyAttributes(
  properties: readonly MapiProperty[], codePage: number, ofAttachment: boolean,
): { id: number; data: Uint8Array }[] {
  const byId = new Map(properties.filter((one) => one.name === undefined).map((one) => [one.id, one.value]));
  const written: { id: number; data: Uint8Array }[] = [];
  for (const [id, row] of ofAttachment ? attachmentRows : messageRows) {
    const value = byId.get(row.tags[0]! >>> 16);
    const data = value === undefined ? undefined : row.write?.(value, codePage);
    if (data !== undefined) written.push({ id, data });
  }
  return written;
}

/** The class as text, for the rules that depend on it. */
export function classText(properties: readonly MapiProperty[]): string {
  const value = properties.find(({ id, name }) => id === 0x001a && name === undefined)?.value;
  return value === undefined ? "" : asText(value, 1252) ?? "";
}
