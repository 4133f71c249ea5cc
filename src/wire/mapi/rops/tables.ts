/** Tables. [MS-OXCROPS] 2.2.5 */
import { bytes } from "#codec/binary/bytes.ts";
import { countOf, listOf, struct, when } from "#codec/binary/combine.ts";
import { bool, i32, u16, u32, u64, u8 } from "#codec/binary/numbers.ts";
import { isSet, nothing, perhapsSized, rop } from "#wire/mapi/rop.ts";
import { propertyRow, propertyTags, sortOrder } from "#wire/mapi/rows.ts";
import { restriction } from "#props/structures.ts";

/** [MS-OXCROPS] 2.2.5.1 */
export const RopSetColumns = rop({
  id: 0x12, name: "RopSetColumns", section: "2.2.5.1", on: ["table"],
  request: struct({ inputHandleIndex: u8, setColumnsFlags: u8, propertyTags }),
  response: struct({ tableStatus: u8 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.2 */
export const RopSortTable = rop({
  id: 0x13, name: "RopSortTable", section: "2.2.5.2", on: ["table"],
  request: struct({
    inputHandleIndex: u8, sortTableFlags: u8, sortOrderCount: countOf(u16, "sortOrders"), categoryCount: u16,
    expandedCount: u16, sortOrders: listOf("sortOrderCount", sortOrder),
  }),
  response: struct({ tableStatus: u8 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.3 */
export const RopRestrict = rop({
  id: 0x14, name: "RopRestrict", section: "2.2.5.3", on: ["table"],
  request: struct({
    inputHandleIndex: u8, restrictFlags: u8, restrictionData: perhapsSized(restriction("rop")),
  }),
  response: struct({ tableStatus: u8 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.4 */
export const RopQueryRows = rop({
  id: 0x15, name: "RopQueryRows", section: "2.2.5.4", on: ["table"],
  request: struct({ inputHandleIndex: u8, queryRowsFlags: u8, forwardRead: bool, rowCount: u16 }),
  response: struct({ origin: u8, rowData: listOf(u16, propertyRow("rop", "columns")) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.6 */
export const RopGetStatus = rop({
  id: 0x16, name: "RopGetStatus", section: "2.2.5.6", on: ["table"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ tableStatus: u8 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.7 */
export const RopQueryPosition = rop({
  id: 0x17, name: "RopQueryPosition", section: "2.2.5.7", on: ["table"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ numerator: u32, denominator: u32 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.8 */
export const RopSeekRow = rop({
  id: 0x18, name: "RopSeekRow", section: "2.2.5.8", on: ["table"],
  request: struct({ inputHandleIndex: u8, origin: u8, rowCount: i32, wantRowMovedCount: bool }),
  response: struct({ hasSoughtLess: bool, rowsSought: i32 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.9 */
export const RopSeekRowBookmark = rop({
  id: 0x19, name: "RopSeekRowBookmark", section: "2.2.5.9", on: ["table"],
  request: struct({
    inputHandleIndex: u8, bookmark: bytes(u16), rowCount: i32, wantRowMovedCount: bool,
  }),
  response: struct({ rowNoLongerVisible: bool, hasSoughtLess: bool, rowsSought: i32 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.10 */
export const RopSeekRowFractional = rop({
  id: 0x1a, name: "RopSeekRowFractional", section: "2.2.5.10", on: ["table"],
  request: struct({ inputHandleIndex: u8, numerator: u32, denominator: u32 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.11 */
export const RopCreateBookmark = rop({
  id: 0x1b, name: "RopCreateBookmark", section: "2.2.5.11", on: ["table"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ bookmark: bytes(u16) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.12 */
export const RopQueryColumnsAll = rop({
  id: 0x37, name: "RopQueryColumnsAll", section: "2.2.5.12", on: ["table"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ propertyTags }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.5 */
export const RopAbort = rop({
  id: 0x38, name: "RopAbort", section: "2.2.5.5", on: ["table"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ tableStatus: u8 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.13 */
export const RopFindRow = rop({
  id: 0x4f, name: "RopFindRow", section: "2.2.5.13", on: ["table"],
  request: struct({
    inputHandleIndex: u8, findRowFlags: u8, restrictionData: perhapsSized(restriction("rop")), origin: u8,
    bookmark: bytes(u16),
  }),
  response: struct({
    rowNoLongerVisible: bool, hasRowData: bool,
    rowData: when(isSet("hasRowData"), propertyRow("rop", "columns")),
  }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.16 */
export const RopExpandRow = rop({
  id: 0x59, name: "RopExpandRow", section: "2.2.5.16", on: ["table"],
  request: struct({ inputHandleIndex: u8, maxRowCount: u16, categoryId: u64 }),
  response: struct({ expandedRowCount: u32, rowData: listOf(u16, propertyRow("rop", "columns")) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.17 */
export const RopCollapseRow = rop({
  id: 0x5a, name: "RopCollapseRow", section: "2.2.5.17", on: ["table"],
  request: struct({ inputHandleIndex: u8, categoryId: u64 }),
  response: struct({ collapsedRowCount: u32 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.18 */
export const RopGetCollapseState = rop({
  id: 0x6b, name: "RopGetCollapseState", section: "2.2.5.18", on: ["table"],
  request: struct({ inputHandleIndex: u8, rowId: u64, rowInstanceNumber: u32 }),
  response: struct({ collapseState: bytes(u16) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.19 */
export const RopSetCollapseState = rop({
  id: 0x6c, name: "RopSetCollapseState", section: "2.2.5.19", on: ["table"],
  request: struct({ inputHandleIndex: u8, collapseState: bytes(u16) }),
  response: struct({ bookmark: bytes(u16) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.15 */
export const RopResetTable = rop({
  id: 0x81, name: "RopResetTable", section: "2.2.5.15", on: ["table"],
  request: struct({ inputHandleIndex: u8 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.5.14 */
export const RopFreeBookmark = rop({
  id: 0x89, name: "RopFreeBookmark", section: "2.2.5.14", on: ["table"],
  request: struct({ inputHandleIndex: u8, bookmark: bytes(u16) }),
  response: nothing,
  answers: "inputHandleIndex",
});
