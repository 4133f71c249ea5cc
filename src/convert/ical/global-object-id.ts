/** What names a meeting in every calendar: PidLidGlobalObjectId and the UID of iCalendar. [MS-OXOCAL] 2.2.1.27 */
import { Buffer } from "node:buffer";
import { civilFromDays, dayOfLocal, daysFromCivil, minutesPerDay } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";

const classId = Buffer.from("040000008200e00074c5b7101a82e008", "hex");
const dateAt = 16;
const sizeAt = 36;
const dataAt = 40;
/** Data that stands for a UID of another form: this, the UID and a NUL. [MS-OXOCAL] 2.2.1.27 */
const foreignMark = Buffer.from("vCal-Uid\x01\0\0\0", "latin1");

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whether bytes have the layout of the structure, its size included. [MS-OXOCAL] 2.2.1.27 */
export function isGlobalObjectId(bytes: Uint8Array): boolean {
  const source = view(bytes);
  if (source.length < dataAt || !source.subarray(0, dateAt).equals(classId)) return false;
  return source.readUInt32LE(sizeAt) === source.length - dataAt;
}

/** PidLidGlobalObjectId with another day, or none: PidLidCleanGlobalObjectId. [MS-OXOCAL] 2.2.1.27, 2.2.1.28 */
export function withExceptionDate(globalObjectId: Uint8Array, original?: LocalMinutes): Buffer {
  const out = Buffer.from(globalObjectId);
  if (out.length < dateAt + 4) return out;
  out.fill(0, dateAt, dateAt + 4);
  if (original === undefined) return out;
  const { year, month, day } = civilFromDays(dayOfLocal(original));
  out.writeUInt16BE(year & 0xffff, dateAt);
  out[dateAt + 2] = month;
  out[dateAt + 3] = day;
  return out;
}

/** Midnight of the day that an exception's id names; undefined for a series or a single item. [MS-OXOCAL] 2.2.1.27 */
export function exceptionDateOf(globalObjectId: Uint8Array): LocalMinutes | undefined {
  if (globalObjectId.length < dateAt + 4) return undefined;
  const year = view(globalObjectId).readUInt16BE(dateAt);
  const [month, day] = [globalObjectId[dateAt + 2]!, globalObjectId[dateAt + 3]!];
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  return daysFromCivil(year, month, day) * minutesPerDay;
}

/** PidLidCleanGlobalObjectId for a UID of either form. [MS-OXCICAL] 2.1.3.1.1.20.26 */
export function globalObjectIdOfUid(uid: string): Buffer {
  if (uid.length % 2 === 0 && /^040000008200e00074c5b7101a82e008(?:[0-9a-f]{2})*$/i.test(uid)) {
    const native = Buffer.from(uid, "hex");
    if (isGlobalObjectId(native)) return withExceptionDate(native);
  }
  const data = Buffer.concat([foreignMark, Buffer.from(`${uid}\0`, "utf8")]);
  const head = Buffer.alloc(dataAt);
  classId.copy(head);
  head.writeUInt32LE(data.length, sizeAt);
  return Buffer.concat([head, data]);
}

/** The UID that an id came from, or its hexadecimal digits without the day. [MS-OXCICAL] 2.1.3.1.1.20.26 */
export function uidOfGlobalObjectId(globalObjectId: Uint8Array): string {
  const source = view(globalObjectId);
  const data = source.subarray(dataAt);
  if (isGlobalObjectId(source) && data.subarray(0, foreignMark.length).equals(foreignMark)) {
    const end = data.indexOf(0, foreignMark.length);
    const text = data.toString("utf8", foreignMark.length, end === -1 ? data.length : end);
    if (text !== "" && !/[\x00-\x1f\x7f]/.test(text)) return text;
  }
  return withExceptionDate(source).toString("hex").toUpperCase();
}
