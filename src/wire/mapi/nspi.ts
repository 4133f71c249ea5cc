/** Bodies of the address book endpoint. [MS-OXCMAPIHTTP] 2.2.5 */
import { bytes, guid, latin1z, utf16z } from "#codec/binary/bytes.ts";
import { listOf, mapped, struct, when } from "#codec/binary/combine.ts";
import { i32, u32, u8 } from "#codec/binary/numbers.ts";
import type { AnyType, Of, Type } from "#codec/binary/type.ts";
import { propertyTag } from "#props/object-ids.ts";
import { propertyRow } from "#wire/mapi/rows.ts";
import { restriction, taggedValue } from "#props/structures.ts";

const auxiliaryBuffer = bytes(u32);
const form = "addressBook";

/** Where a client stands in a table. [MS-OXNSPI] 2.2.8 */
export const stat = struct({
  sortType: u32, containerId: u32, currentRecord: u32, delta: i32, numericPosition: u32, totalRecords: u32,
  codePage: u32, templateLocale: u32, sortLocale: u32,
});
export type Stat = Of<typeof stat>;

/** A byte that tells whether the value follows; null when not. [MS-OXCMAPIHTTP] 2.2.5 */
function perhaps<T>(inner: Type<T>): Type<T | null> {
  return mapped<{ readonly has: number; readonly value?: T | undefined }, T | null>(
    struct({ has: u8, value: when((scope) => scope.number("has") !== 0, inner) }),
    (raw) => raw.value ?? null,
    (value) => (value === null ? { has: 0 } : { has: 0xff, value }),
  );
}

/** LargePropertyTagArray. [MS-OXCMAPIHTTP] 2.2.1.8 */
const tags = listOf(u32, propertyTag);
const minimalIds = listOf(u32, u32);
const values = listOf(u32, taggedValue(form));
const names8 = listOf(u32, latin1z);
const names = listOf(u32, utf16z);
const rows = struct({ columns: tags, rows: listOf(u32, propertyRow(form, "columns")) });
const propertyName = struct({ guid, id: u32 });

const request = <const F extends Readonly<Record<string, AnyType>>>(fields: F) =>
  struct({ ...fields, auxiliaryBuffer });
const response = <const F extends Readonly<Record<string, AnyType>>>(fields: F) =>
  struct({ statusCode: u32, errorCode: u32, ...fields, auxiliaryBuffer });

/** One row for each request type: what is asked and what is answered. [MS-OXCMAPIHTTP] 2.2.5.1 to 2.2.5.19 */
export const addressBookBodies = {
  Bind: { request: request({ flags: u32, state: perhaps(stat) }), response: response({ serverGuid: guid }) },
  Unbind: { request: request({ reserved: u32 }), response: response({}) },
  CompareMIds: {
    request: request({ reserved: u32, state: perhaps(stat), minimalId1: u32, minimalId2: u32 }),
    response: response({ result: i32 }),
  },
  DNToMId: {
    request: request({ reserved: u32, names: perhaps(names8) }),
    response: response({ minimalIds: perhaps(minimalIds) }),
  },
  GetMatches: {
    request: request({
      reserved: u32, state: perhaps(stat), minimalIds: perhaps(minimalIds), interfaceOptionFlags: u32,
      filter: perhaps(restriction(form)), propertyName: perhaps(propertyName), rowCount: u32, columns: perhaps(tags),
    }),
    response: response({ state: perhaps(stat), minimalIds: perhaps(minimalIds), rows: perhaps(rows) }),
  },
  GetPropList: {
    request: request({ flags: u32, minimalId: u32, codePage: u32 }), response: response({ tags: perhaps(tags) }),
  },
  GetProps: {
    request: request({ flags: u32, state: perhaps(stat), tags: perhaps(tags) }),
    response: response({ codePage: u32, values: perhaps(values) }),
  },
  GetSpecialTable: {
    request: request({ flags: u32, state: perhaps(stat), version: perhaps(u32) }),
    response: response({ codePage: u32, version: perhaps(u32), rows: perhaps(listOf(u32, values)) }),
  },
  GetTemplateInfo: {
    request: request({ flags: u32, displayType: u32, templateDn: perhaps(latin1z), codePage: u32, localeId: u32 }),
    response: response({ codePage: u32, row: perhaps(values) }),
  },
  ModLinkAtt: {
    request: request({
      flags: u32, propertyTag, minimalId: u32, entryIds: perhaps(listOf(u32, bytes(u32))),
    }),
    response: response({}),
  },
  ModProps: {
    request: request({ reserved: u32, state: perhaps(stat), tags: perhaps(tags), values: perhaps(values) }),
    response: response({}),
  },
  QueryColumns: { request: request({ reserved: u32, mapiFlags: u32 }), response: response({ columns: perhaps(tags) }) },
  QueryRows: {
    request: request({
      flags: u32, state: perhaps(stat), explicitTable: minimalIds, rowCount: u32, columns: perhaps(tags),
    }),
    response: response({ state: perhaps(stat), rows: perhaps(rows) }),
  },
  ResolveNames: {
    request: request({ reserved: u32, state: perhaps(stat), tags: perhaps(tags), names: perhaps(names) }),
    response: response({ codePage: u32, minimalIds: perhaps(minimalIds), rows: perhaps(rows) }),
  },
  ResortRestriction: {
    request: request({ reserved: u32, state: perhaps(stat), minimalIds: perhaps(minimalIds) }),
    response: response({ state: perhaps(stat), minimalIds: perhaps(minimalIds) }),
  },
  SeekEntries: {
    request: request({
      reserved: u32, state: perhaps(stat), target: perhaps(taggedValue(form)), explicitTable: perhaps(minimalIds),
      columns: perhaps(tags),
    }),
    response: response({ state: perhaps(stat), rows: perhaps(rows) }),
  },
  UpdateStat: {
    request: request({ reserved: u32, state: perhaps(stat), deltaRequested: u8 }),
    response: response({ state: perhaps(stat), delta: perhaps(i32) }),
  },
  GetMailboxUrl: { request: request({ flags: u32, serverDn: utf16z }), response: response({ serverUrl: utf16z }) },
  GetAddressBookUrl: { request: request({ flags: u32, userDn: utf16z }), response: response({ serverUrl: utf16z }) },
} as const;
