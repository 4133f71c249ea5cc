/** The zone structures of Outlook items, little endian; every byte is kept. */
import { bytes, rest, utf16 } from "#codec/binary/bytes.ts";
import { decode, encode } from "#codec/binary/code.ts";
import { countOf, dynamic, listOf, struct } from "#codec/binary/combine.ts";
import { i32, u16, u8 } from "#codec/binary/numbers.ts";
import type { Of, Scope, Type } from "#codec/binary/type.ts";

/** A date of every year (`year` 0: the `day`-th `dayOfWeek` of `month`, 5 the last) or of one. [MS-DTYP] 2.3.13 */
export const SystemTime = struct({
  year: u16, month: u16, dayOfWeek: u16, day: u16, hour: u16, minute: u16, second: u16, milliseconds: u16,
});
export type SystemTime = Of<typeof SystemTime>;

/** PidLidTimeZoneStruct: UTC = local time + bias, minutes. [MS-OXOCAL] 2.2.1.39 */
export const TimeZoneStruct = struct({
  bias: i32, standardBias: i32, daylightBias: i32,
  standardYear: u16, standardDate: SystemTime, daylightYear: u16, daylightDate: SystemTime,
});
export type TimeZoneStruct = Of<typeof TimeZoneStruct>;

/** [MS-OXOCAL] 2.2.1.41.1 TZRule flags */
export const zoneRuleFlags = { recurCurrent: 1, effective: 2 } as const;

/** [MS-OXOCAL] 2.2.1.41.1 */
export const TimeZoneRule = struct({
  majorVersion: u8, minorVersion: u8, size: u16, flags: u16, year: u16, unused: bytes(14),
  bias: i32, standardBias: i32, daylightBias: i32, standardDate: SystemTime, daylightDate: SystemTime,
});
export type TimeZoneRule = Of<typeof TimeZoneRule>;

/** What a later version adds to the header; a writer that counted too little has added nothing. */
const headerExtra: Type<Uint8Array> = dynamic((scope: Scope) =>
  bytes(Math.max(0, scope.number("headerSize") - 6 - String(scope.get("keyName")).length * 2)));

/** PidLidAppointmentTimeZoneDefinitionRecur, …StartDisplay and …EndDisplay. [MS-OXOCAL] 2.2.1.41 to 2.2.1.43 */
export const TimeZoneDefinition = struct({
  majorVersion: u8, minorVersion: u8, headerSize: u16, reserved: u16, keyName: utf16(u16),
  ruleCount: countOf(u16, "rules"), headerExtra, rules: listOf("ruleCount", TimeZoneRule), trailing: rest,
});
export type TimeZoneDefinition = Of<typeof TimeZoneDefinition>;

/** The TimeZone of ActiveSync before base64: names of 32 characters, then the rule. [MS-ASDTYPE] 2.7.6 */
export const ActiveSyncTimeZone = struct({
  bias: i32, standardName: utf16(32), standardDate: SystemTime, standardBias: i32,
  daylightName: utf16(32), daylightDate: SystemTime, daylightBias: i32,
});
export type ActiveSyncTimeZone = Of<typeof ActiveSyncTimeZone>;

/** Throws WireError. [MS-OXOCAL] 2.2.1.39 */
export const decodeTimeZoneStruct = (from: Uint8Array): TimeZoneStruct => decode(TimeZoneStruct, from);
/** [MS-OXOCAL] 2.2.1.39 */
export const encodeTimeZoneStruct = (value: TimeZoneStruct): Buffer => encode(TimeZoneStruct, value);
/** Throws WireError. [MS-OXOCAL] 2.2.1.41 */
export const decodeTimeZoneDefinition = (from: Uint8Array): TimeZoneDefinition => decode(TimeZoneDefinition, from);
/** [MS-OXOCAL] 2.2.1.41 */
export const encodeTimeZoneDefinition = (value: TimeZoneDefinition): Buffer => encode(TimeZoneDefinition, value);
