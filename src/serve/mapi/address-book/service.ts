/** The requests of the address book endpoint. [MS-OXCMAPIHTTP] 2.2.5, [MS-OXNSPI] 3.1.4.1 */
import { yieldToOthers } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { encode } from "#codec/binary/code.ts";
import type { AddressBookEntry, AddressBookView } from "#directory/address-book.ts";
import { decodeCodePage, encodeCodePage } from "#format/mapi/code-page.ts";
import { passes, tagsOf, untestable } from "#props/evaluate.ts";
import type { Testable } from "#props/evaluate.ts";
import type { Restriction, TaggedValue } from "#props/structures.ts";
import { makeTag, propertyTypes, tagId, tagTypeCode, withTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import {
  containers, inOrder, listTable, resolvePosition, sortTypes, statAt, tableOf,
} from "#serve/mapi/address-book/position.ts";
import type { Table } from "#serve/mapi/address-book/position.ts";
import {
  asText8, defaultColumns, entryIdOf, isBinaryAttribute, knownTags, minimalIdOf, minimalIds, valueFor, valueOf,
} from "#serve/mapi/address-book/properties.ts";
import type { ValueContext } from "#serve/mapi/address-book/properties.ts";
import { nspiCodes } from "#serve/mapi/address-book/request.ts";
import type { From } from "#serve/mapi/address-book/request.ts";
import { addressBookEntryId, displayTypes } from "#wire/mapi/entry-ids.ts";
import { modifyLinks, modifyProperties } from "#serve/mapi/address-book/changes.ts";
import { templateFor } from "#serve/mapi/address-book/templates.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import type { Stat } from "#wire/mapi/nspi.ts";
import { CellError, TypedCell } from "#wire/mapi/rows.ts";
import type { Cell } from "#wire/mapi/rows.ts";
import type { Of } from "#codec/binary/type.ts";

const flagSkipObjects = 0x1;
const flagEphemeralIds = 0x2;
/** TI_TEMPLATE. [MS-OXNSPI] 2.2.1.11 */
const wantsTemplate = 0x1;
const PidTagTemplateData = makeTag(0x0001, "Binary");
/** Text cannot be 8-bit text of this page. [MS-OXNSPI] 2.2.1.4 */
const unicodeCodePage = 1200;
const seekRowsMax = 50;

type Bodies = typeof addressBookBodies;
type RequestName = Exclude<keyof Bodies, "Bind">;
type Asked<N extends keyof Bodies> = Of<Bodies[N]["request"]>;
type Told<N extends keyof Bodies> = Omit<Of<Bodies[N]["response"]>, "statusCode" | "auxiliaryBuffer">;
type Handler<N extends keyof Bodies> = (asked: Asked<N>, from: From) => Promise<Told<N>> | Told<N>;
type Handlers = { readonly [N in RequestName]: Handler<N> };

interface Rows {
  readonly columns: readonly PropertyTag[];
  readonly rows: readonly (readonly Cell[])[];
}

const contextOf = (from: From, flags: number): ValueContext => ({
  ctx: from.ctx, book: from.book, view: from.view, serverGuid: from.session.serverGuid,
  ephemeral: (flags & flagEphemeralIds) !== 0,
});

/** Objects stand in no row; they are asked for on their own. */
const isObject = (tag: PropertyTag): boolean => tagTypeCode(tag) === propertyTypes.Object.code;

async function cells(
  entry: AddressBookEntry | undefined, columns: readonly PropertyTag[], context: ValueContext, codePage: number,
): Promise<Cell[]> {
  const row: Cell[] = [];
  for (const tag of columns) {
    const found = entry === undefined || isObject(tag) ? undefined : await valueFor(entry, tag, context, codePage);
    if (found === undefined) row.push(new CellError(nspiCodes.notFound));
    else row.push(tagTypeCode(tag) === 0 ? new TypedCell(found.typeCode, found.value) : found.value);
  }
  return row;
}

async function rowsOf(
  entries: readonly (AddressBookEntry | undefined)[], columns: readonly PropertyTag[] | null, from: From, stat: Stat,
  flags: number,
): Promise<Rows> {
  const asked = (columns ?? defaultColumns).filter((tag) => (flags & flagSkipObjects) === 0 || !isObject(tag));
  const context = contextOf(from, flags);
  const rows: Cell[][] = [];
  for (const entry of entries) rows.push(await cells(entry, asked, context, stat.codePage));
  return { columns: asked, rows };
}

const noStat: Stat = {
  sortType: 0, containerId: 0, currentRecord: 0, delta: 0, numericPosition: 0, totalRecords: 0, codePage: 1252,
  templateLocale: 1033, sortLocale: 1033,
};

/** The table a STAT moves in: a container, or the list behind an object. [MS-OXNSPI] 3.1.4.1.10 */
function tableFor(stat: Stat, from: From): Table | undefined {
  return tableOf(from.view, stat.containerId, stat.sortType);
}

/** Properties whose value is a list of entries. [MS-OXOABK] 2.2.3.33, 2.2.5, 2.2.6 */
const linkIds = { memberOf: 0x8008, member: 0x8009, owner: 0x800c, reports: 0x800e, publicDelegates: 0x8015 } as const;

/** The entries that a property of one object refers to. */
async function linked(entry: AddressBookEntry, propertyId: number, from: From): Promise<AddressBookEntry[]> {
  switch (propertyId) {
    case linkIds.member: return entry.kind === "group" ? await from.book.members(from.ctx, entry) : [];
    case linkIds.memberOf: return await from.book.groupsOf(from.ctx, entry.entryId);
    case linkIds.publicDelegates: return await from.book.sendersFor(from.ctx, entry.entryId);
    case linkIds.reports:
      return from.view.entries.filter((one) => one.attributes.get("manager")?.[0] === String(entry.entryId));
    case linkIds.owner: {
      const owner = entry.managedBy === null ? undefined : from.view.byId(entry.managedBy);
      return owner === undefined ? [] : [owner];
    }
    default: return [];
  }
}

const slice = (table: Table, first: number, count: number): (AddressBookEntry | undefined)[] =>
  Array.from({ length: Math.min(count, table.length - first) }, (_, index) => table.at(first + index));

const seen = (view: AddressBookView, entries: readonly AddressBookEntry[]): AddressBookEntry[] =>
  entries.filter((entry) => view.byId(entry.entryId) !== undefined);

const knownEntries = (view: AddressBookView, ids: readonly number[]): AddressBookEntry[] =>
  ids.map((one) => view.byId(entryIdOf(one))).filter((one) => one !== undefined);

async function matching(restriction: Restriction, table: Table, from: From, stat: Stat): Promise<AddressBookEntry[]> {
  const context = contextOf(from, 0);
  const anr = anrText(restriction, stat.codePage);
  if (anr !== null) {
    return from.view.find(anr, limits.addressBookMatchesMax + 1).filter((entry) => table.indexOf(entry.entryId) >= 0);
  }
  const found: AddressBookEntry[] = [];
  // Photos and certificates are read one by one; a restriction on them finds nothing.
  const ids = new Set([...tagsOf(restriction)].map(tagId).filter((id) => !isBinaryAttribute(id)));
  for (let index = 0; index < table.length; index++) {
    if (index % limits.sliceRows === limits.sliceRows - 1) await yieldToOthers();
    const entry = table.at(index)!;
    const values = new Map<number, PropertyValue>();
    for (const id of ids) {
      const value = await valueOf(entry, id, context);
      if (value !== undefined) values.set(makeTag(id, value.type), value.value);
    }
    const object: Testable = { get: (tag) => values.get(tag) };
    if (passes(restriction, object)) found.push(entry);
    if (found.length > limits.addressBookMatchesMax) break;
  }
  return found;
}

const PidTagAnr = 0x360c;
const PidTagDisplayName = 0x3001;
const PidTagAddressBookPhoneticDisplayName = 0x8c92;

/** The text of a restriction that asks for name resolution. [MS-OXNSPI] 3.1.4.7 */
function anrText(restriction: Restriction, codePage: number): string | null {
  if (restriction.restrictType !== 4 || tagId(restriction.propertyTag) !== PidTagAnr) return null;
  const { value } = restriction.taggedValue;
  if (typeof value === "string") return value;
  return value instanceof Uint8Array ? decodeCodePage(value, codePage) : null;
}

function stringOf(tagged: TaggedValue | null, codePage: number): string | null {
  const value = tagged?.value;
  if (typeof value === "string") return value;
  return value instanceof Uint8Array ? decodeCodePage(value, codePage) : null;
}

/** What a container shows of itself in the hierarchy. [MS-OXNSPI] 3.1.4.1.3 */
function containerRow(container: (typeof containers)[number], isUnicode: boolean, codePage: number): TaggedValue[] {
  const tag = makeTag;
  const entryId = encode(addressBookEntryId, { type: displayTypes.container, x500Dn: container.dn });
  const name: TaggedValue = isUnicode ? { tag: tag(0x3001, "String"), value: container.name }
    : { tag: tag(0x3001, "String8"), value: encodeCodePage(container.name, codePage) };
  return [
    { tag: tag(0x0fff, "Binary"), value: entryId },
    { tag: tag(0x3600, "Integer32"), value: 0x9 },
    { tag: tag(0x3005, "Integer32"), value: 0 },
    { tag: tag(0xfffd, "Integer32"), value: container.id },
    name,
    { tag: tag(0xfffb, "Boolean"), value: false },
  ];
}

export const addressBookHandlers: Handlers = {
  Unbind: () => ({ errorCode: nspiCodes.unbindSuccess }),

  CompareMIds(asked, { view }) {
    const place = (minimalId: number): number => {
      if (minimalId === minimalIds.beginning) return -1;
      return minimalId === minimalIds.end ? Number.MAX_SAFE_INTEGER : view.indexOf(entryIdOf(minimalId));
    };
    const [a, b] = [place(asked.minimalId1), place(asked.minimalId2)];
    const isKnown = [asked.minimalId1, asked.minimalId2].every((one) => one <= 2 || view.byId(entryIdOf(one)));
    return isKnown ? { errorCode: nspiCodes.success, result: Math.sign(a - b) }
      : { errorCode: nspiCodes.generalFailure, result: 0 };
  },

  DNToMId(asked, { view }) {
    const ids = (asked.names ?? []).map((name) => {
      const entry = view.byLegacyDn(name);
      return entry === undefined ? minimalIds.unresolved : minimalIdOf(entry.entryId);
    });
    return { errorCode: nspiCodes.success, minimalIds: ids };
  },

  async GetMatches(asked, from) {
    const stat = asked.state ?? noStat;
    const refusal = (errorCode: number) => ({ errorCode, state: stat, minimalIds: null, rows: null });
    if (stat.codePage === unicodeCodePage) return refusal(nspiCodes.invalidCodePage);
    let found: AddressBookEntry[];
    if (asked.filter !== null) {
      const table = tableFor(stat, from);
      if (table === undefined) return refusal(nspiCodes.invalidBookmark);
      if (untestable(asked.filter) !== null) return refusal(nspiCodes.tooComplex);
      found = await matching(asked.filter, table, from, stat);
    } else {
      // The list behind an object: the container's id is the tag of the property. [MS-OXNSPI] 3.1.4.1.10
      const entry = from.view.byId(entryIdOf(stat.currentRecord));
      if (entry === undefined) return refusal(nspiCodes.notFound);
      found = inOrder(seen(from.view, await linked(entry, stat.containerId >>> 16, from)), stat.sortType);
    }
    if (found.length > Math.min(asked.rowCount, limits.addressBookMatchesMax)) return refusal(nspiCodes.tableTooBig);
    const table = listTable(found, stat.sortType);
    const state = { ...statAt(stat, table, 0), containerId: stat.containerId };
    const rows = asked.columns === null ? null : await rowsOf(found, asked.columns, from, stat, 0);
    return { errorCode: nspiCodes.success, state, minimalIds: found.map((one) => minimalIdOf(one.entryId)), rows };
  },

  async GetPropList(asked, from) {
    const entry = from.view.byId(entryIdOf(asked.minimalId));
    if (entry === undefined) return { errorCode: nspiCodes.invalidObject, tags: null };
    const tags: PropertyTag[] = [];
    for (const tag of knownTags) {
      if (await valueOf(entry, tagId(tag), contextOf(from, 0)) === undefined) continue;
      tags.push(asked.codePage === unicodeCodePage ? tag : asText8(tag));
    }
    return { errorCode: nspiCodes.success, tags };
  },

  async GetProps(asked, from) {
    const stat = asked.state ?? noStat;
    const { codePage } = stat;
    const entry = from.view.byId(entryIdOf(stat.currentRecord));
    if (entry === undefined) return { errorCode: nspiCodes.invalidObject, codePage, values: null };
    const context = contextOf(from, asked.flags);
    const isGiven = asked.tags !== null;
    const tags = asked.tags ?? (codePage === unicodeCodePage ? knownTags : knownTags.map(asText8));
    if (isGiven && codePage === unicodeCodePage && tags.some((tag) => (tagTypeCode(tag) & 0xfff) === 0x1e)) {
      return { errorCode: nspiCodes.invalidCodePage, codePage, values: null };
    }
    const values: TaggedValue[] = [];
    let hasErrors = false;
    for (const tag of tags) {
      if (isObject(tag) && (asked.flags & flagSkipObjects) !== 0) continue;
      const found = await valueFor(entry, tag, context, codePage);
      if (found !== undefined) {
        values.push({ tag: withTypeCode(tag, found.typeCode), value: found.value });
      } else if (isGiven) {
        hasErrors = true;
        values.push({ tag: withTypeCode(tag, propertyTypes.ErrorCode.code), value: nspiCodes.notFound });
      }
    }
    return { errorCode: hasErrors ? nspiCodes.errorsReturned : nspiCodes.success, codePage, values };
  },

  GetSpecialTable(asked, { view }) {
    const { codePage } = asked.state ?? noStat;
    const version = view.version;
    // One-off templates: none are made here, and Outlook brings its own.
    if ((asked.flags & 0x2) !== 0) return { errorCode: nspiCodes.success, codePage, version, rows: [] };
    const isUnicode = (asked.flags & 0x4) !== 0;
    const rows = containers.map((container) => containerRow(container, isUnicode, codePage));
    return { errorCode: nspiCodes.success, codePage, version, rows };
  },

  GetTemplateInfo({ flags, displayType, templateDn, codePage }) {
    const refusal = (errorCode: number) => ({ errorCode, codePage, row: null });
    if (codePage === unicodeCodePage) return refusal(nspiCodes.invalidCodePage);
    if ((flags & wantsTemplate) === 0) return { errorCode: nspiCodes.success, codePage, row: [] };
    // Only details of display types; templates for new addresses have names of their own, and there are none.
    const template = templateDn === null || templateDn === "" ? templateFor(displayType, codePage) : null;
    if (template === null) return refusal(nspiCodes.unknownLocale);
    return { errorCode: nspiCodes.success, codePage, row: [{ tag: PidTagTemplateData, value: template }] };
  },

  ModLinkAtt: (asked, from) => modifyLinks(asked, from),
  ModProps: (asked, from) => modifyProperties(asked, from),

  QueryColumns(asked) {
    const isUnicode = (asked.mapiFlags & 0x8000_0000) !== 0;
    return { errorCode: nspiCodes.success, columns: isUnicode ? knownTags : knownTags.map(asText8) };
  },

  async QueryRows(asked, from) {
    const stat = asked.state ?? noStat;
    const count = Math.min(asked.rowCount, limits.addressBookRowsMax);
    if (asked.explicitTable.length > 0) {
      const entries = asked.explicitTable.slice(0, count).map((one) => from.view.byId(entryIdOf(one)));
      const rows = await rowsOf(entries, asked.columns, from, stat, asked.flags);
      return { errorCode: nspiCodes.success, state: stat, rows };
    }
    const table = tableFor(stat, from);
    if (table === undefined) return { errorCode: nspiCodes.invalidBookmark, state: null, rows: null };
    if (asked.rowCount === 0) return { errorCode: nspiCodes.invalidParameter, state: null, rows: null };
    const first = resolvePosition(stat, table);
    if (first === undefined) return { errorCode: nspiCodes.notFound, state: null, rows: null };
    const entries = slice(table, first, count);
    const rows = await rowsOf(entries, asked.columns, from, stat, asked.flags);
    return { errorCode: nspiCodes.success, state: statAt(stat, table, first + entries.length), rows };
  },

  async ResolveNames(asked, from) {
    const stat = asked.state ?? noStat;
    const ids: number[] = [];
    const resolved: AddressBookEntry[] = [];
    for (const name of asked.names ?? []) {
      const found = from.view.find(name, 2);
      const [entry] = found;
      if (found.length === 1 && entry !== undefined) resolved.push(entry);
      ids.push([minimalIds.unresolved, minimalIds.resolved, minimalIds.ambiguous][found.length]!);
    }
    const rows = await rowsOf(resolved, asked.tags, from, stat, 0);
    return { errorCode: nspiCodes.success, codePage: stat.codePage, minimalIds: ids, rows };
  },

  ResortRestriction(asked, { view }) {
    const stat = asked.state ?? noStat;
    const sorted = inOrder(knownEntries(view, asked.minimalIds ?? []), stat.sortType);
    const table = listTable(sorted, stat.sortType);
    const current = table.indexOf(entryIdOf(stat.currentRecord));
    const state = statAt(stat, table, current < 0 ? 0 : current);
    return {
      errorCode: nspiCodes.success,
      state: current < 0 ? { ...state, currentRecord: minimalIds.beginning } : state,
      minimalIds: sorted.map((one) => minimalIdOf(one.entryId)),
    };
  },

  async SeekEntries(asked, from) {
    const stat = asked.state ?? noStat;
    const refusal = (errorCode: number) => ({ errorCode, state: stat, rows: null });
    const isKnown = Object.values(sortTypes).some((one) => one === stat.sortType);
    const wanted = stringOf(asked.target, stat.codePage);
    const soughtId = stat.sortType === sortTypes.phonetic ? PidTagAddressBookPhoneticDisplayName : PidTagDisplayName;
    if (!isKnown || wanted === null || tagId(asked.target!.tag) !== soughtId) return refusal(nspiCodes.generalFailure);
    const explicit = asked.explicitTable === null ? undefined : knownEntries(from.view, asked.explicitTable);
    const table = explicit === undefined ? tableFor(stat, from) : listTable(explicit, stat.sortType);
    if (table === undefined) return refusal(nspiCodes.invalidBookmark);
    const first = table.seek(wanted);
    if (first >= table.length) return { errorCode: nspiCodes.notFound, state: statAt(stat, table, first), rows: null };
    const entries = slice(table, first, seekRowsMax);
    const rows = asked.columns === null ? null : await rowsOf(entries, asked.columns, from, stat, 0);
    return { errorCode: nspiCodes.success, state: statAt(stat, table, first), rows };
  },

  UpdateStat(asked, from) {
    const stat = asked.state ?? noStat;
    const table = tableFor(stat, from);
    if (table === undefined) return { errorCode: nspiCodes.invalidBookmark, state: null, delta: null };
    const start = resolvePosition({ ...stat, delta: 0 }, table);
    const index = resolvePosition(stat, table);
    if (index === undefined || start === undefined) return { errorCode: nspiCodes.notFound, state: null, delta: null };
    const delta = asked.deltaRequested === 0 ? null : index - start;
    return { errorCode: nspiCodes.success, state: statAt(stat, table, index), delta };
  },

  GetMailboxUrl: (_asked, { urls }) => ({ errorCode: nspiCodes.success, serverUrl: urls.mailbox }),
  GetAddressBookUrl: (_asked, { urls }) => ({ errorCode: nspiCodes.success, serverUrl: urls.addressBook }),
};
