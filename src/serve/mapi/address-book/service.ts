/** The requests of the address book endpoint. [MS-OXCMAPIHTTP] 2.2.5, [MS-OXNSPI] 3.1.4.1 */
import { yieldToOthers } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { encode } from "#codec/binary/code.ts";
import type { AddressBookEntry, AddressBookView } from "#directory/address-book.ts";
import { decodeCodePage, encodeCodePage, isKnownCodePage } from "#format/mapi/code-page.ts";
import { passes, tagsOf, untestable } from "#props/evaluate.ts";
import type { Testable } from "#props/evaluate.ts";
import type { Restriction, TaggedValue } from "#props/structures.ts";
import { makeTag, propertyTypes, tagId, tagTypeCode, withTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import {
  containers, givenTable, inOrder, listTable, resolvePosition, sortTypes, statAt, tableOf,
} from "#serve/mapi/address-book/position.ts";
import type { Table } from "#serve/mapi/address-book/position.ts";
import {
  asText8, asUnicode, defaultColumns, entryIdOf, isKnownProperty, isReadOneByOne, knownTags, minimalIdOf, minimalIds,
  valueFor, valueOf,
} from "#serve/mapi/address-book/properties.ts";
import type { ValueContext } from "#serve/mapi/address-book/properties.ts";
import { nspiCodes } from "#serve/mapi/address-book/request.ts";
import type { From } from "#serve/mapi/address-book/request.ts";
import { addressBookEntryId, displayTypes } from "#wire/mapi/entry-ids.ts";
import { modifyLinks, modifyProperties } from "#serve/mapi/address-book/changes.ts";
import { isLink, linkedEntries } from "#serve/mapi/address-book/links.ts";
import { creationTable, templateFor } from "#serve/mapi/address-book/templates.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import type { Stat } from "#wire/mapi/nspi.ts";
import { CellError, TypedCell } from "#wire/mapi/rows.ts";
import type { Cell } from "#wire/mapi/rows.ts";
import type { Of } from "#codec/binary/type.ts";

const flagSkipObjects = 0x1;
const flagEphemeralIds = 0x2;
/** NspiAddressCreationTemplates and NspiUnicodeStrings. [MS-OXNSPI] 2.2.1.7 */
const wantsCreationTable = 0x2;
const wantsUnicode = 0x4;
/** TI_TEMPLATE and TI_SCRIPT. [MS-OXNSPI] 2.2.1.9 */
const wantsTemplate = 0x1;
const wantsScript = 0x4;
const PidTagTemplateData = makeTag(0x0001, "Binary");
const PidTagScriptData = makeTag(0x0004, "Binary");
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
  const asked = columnsFor(columns, stat.codePage).filter((tag) => (flags & flagSkipObjects) === 0 || !isObject(tag));
  const context = contextOf(from, flags);
  const rows: Cell[][] = [];
  for (const entry of entries) rows.push(await cells(entry, asked, context, stat.codePage));
  return { columns: asked, rows };
}

/** Text of columns that nobody named is 8-bit text, where there can be such. [MS-OXNSPI] 3.1.4.1.8 */
const columnsFor = (columns: readonly PropertyTag[] | null, codePage: number): readonly PropertyTag[] =>
  columns ?? (codePage === unicodeCodePage ? defaultColumns.map(asUnicode) : defaultColumns);

/** Whether values of these columns can be written in the code page. [MS-OXNSPI] 3.1.4.1.7 */
function canWrite(columns: readonly PropertyTag[], codePage: number): boolean {
  if (codePage !== unicodeCodePage) return isKnownCodePage(codePage);
  return !columns.some((tag) => asUnicode(tag) !== tag && isKnownProperty(tagId(tag)));
}

const noStat: Stat = {
  sortType: 0, containerId: 0, currentRecord: 0, delta: 0, numericPosition: 0, totalRecords: 0, codePage: 1252,
  templateLocale: 1033, sortLocale: 1033,
};

/** The table a STAT moves in: a container, or the list behind an object. [MS-OXNSPI] 3.1.4.1.10 */
function tableFor(stat: Stat, from: From): Table | undefined {
  return tableOf(from.view, stat.containerId, stat.sortType);
}

const slice = (table: Table, first: number, count: number): (AddressBookEntry | undefined)[] =>
  Array.from({ length: Math.min(count, table.length - first) }, (_, index) => table.at(first + index));

/** Where an id stands among the rows; undefined for one that is none of them. */
function placeOf(minimalId: number, table: Table): number | undefined {
  const index = table.indexOf(entryIdOf(minimalId));
  return index < 0 ? undefined : index;
}

/**
 * The property whose list is asked for: named apart, or by its tag in place of a container, which clients do together
 * with the sort orders of such lists. Null for none. [MS-OXNSPI] 2.2.1.5, 3.1.4.1.10
 */
function openedProperty(stat: Stat, named: number | null): number | null {
  const isOfObject = stat.sortType === sortTypes.displayNameReadOnly || stat.sortType === sortTypes.displayNameWritable;
  const id = named !== null ? (named > 0xffff ? named >>> 16 : named) : isOfObject ? stat.containerId >>> 16 : 0;
  return isLink(id) ? id : null;
}

/** What tables can be searched by, for each order. [MS-OXNSPI] 3.1.4.1.9 */
const seekable: ReadonlyMap<number, number> = new Map([
  [sortTypes.displayName, 0x3001], [sortTypes.phonetic, 0x8c92],
]);

/** Two at most; of other lists than the global one only those who stand in them. [MS-OXNSPI] 3.1.4.7 */
function resolve(name: string, stat: Stat, table: Table, { view }: From): AddressBookEntry[] {
  if (stat.containerId === 0) return view.find(name, 2);
  return view.find(name, limits.addressBookMatchesMax)
    .filter((entry) => table.indexOf(entry.entryId) >= 0).slice(0, 2);
}

const knownEntries = (view: AddressBookView, ids: readonly number[]): AddressBookEntry[] =>
  ids.map((one) => view.byId(entryIdOf(one))).filter((one) => one !== undefined);

async function matching(restriction: Restriction, table: Table, from: From, stat: Stat): Promise<AddressBookEntry[]> {
  const context = contextOf(from, 0);
  const readText8 = (raw: Uint8Array): string => decodeCodePage(raw, stat.codePage);
  const anr = anrText(restriction, stat.codePage);
  if (anr !== null) {
    return inOrder(from.view.find(anr, limits.addressBookMatchesMax + 1), stat.sortType)
      .filter((entry) => table.indexOf(entry.entryId) >= 0);
  }
  const found: AddressBookEntry[] = [];
  // Photos, certificates and members are read one by one; a restriction on them finds nothing.
  const ids = new Set([...tagsOf(restriction)].map(tagId).filter((id) => !isReadOneByOne(id)));
  for (let index = 0; index < table.length; index++) {
    if (index % limits.sliceRows === limits.sliceRows - 1) await yieldToOthers();
    const entry = table.at(index)!;
    const values = new Map<number, PropertyValue>();
    for (const id of ids) {
      const value = await valueOf(entry, id, context);
      if (value !== undefined) values.set(makeTag(id, value.type), value.value);
    }
    const object: Testable = { get: (tag) => values.get(tag) };
    if (passes(restriction, object, { readText8 })) found.push(entry);
    if (found.length > limits.addressBookMatchesMax) break;
  }
  return found;
}

const PidTagAnr = 0x360c;

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

  CompareMIds(asked, from) {
    const table = tableFor(asked.state ?? noStat, from);
    if (table === undefined) return { errorCode: nspiCodes.invalidBookmark, result: 0 };
    const [a, b] = [asked.minimalId1, asked.minimalId2].map((one) => placeOf(one, table));
    if (a === undefined || b === undefined) return { errorCode: nspiCodes.generalFailure, result: 0 };
    return { errorCode: nspiCodes.success, result: Math.sign(a - b) };
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
    // A list of the client's own is not restricted here; without a restriction it is passed over, as others do.
    if (asked.minimalIds !== null && asked.filter !== null) return refusal(nspiCodes.tooComplex);
    if (stat.codePage === unicodeCodePage || !isKnownCodePage(stat.codePage)) return refusal(nspiCodes.invalidCodePage);
    const propertyId = openedProperty(stat, asked.propertyName?.id ?? null);
    let found: AddressBookEntry[];
    if (propertyId !== null || asked.filter === null) {
      const entry = from.view.byId(entryIdOf(stat.currentRecord));
      if (entry === undefined) return refusal(nspiCodes.generalFailure);
      found = propertyId === null ? [entry]
        : inOrder(await linkedEntries(entry, propertyId, contextOf(from, 0)), stat.sortType);
    } else {
      found = [];
    }
    if (asked.filter !== null) {
      if (untestable(asked.filter) !== null) return refusal(nspiCodes.tooComplex);
      const table = propertyId === null ? tableFor(stat, from) : listTable(found, stat.sortType);
      if (table === undefined) return refusal(nspiCodes.invalidBookmark);
      found = await matching(asked.filter, table, from, stat);
    }
    if (found.length > Math.min(asked.rowCount, limits.addressBookMatchesMax)) return refusal(nspiCodes.tableTooBig);
    const rows = asked.columns === null ? null : await rowsOf(found, asked.columns, from, stat, flagEphemeralIds);
    return {
      errorCode: nspiCodes.success, state: { ...stat, containerId: stat.currentRecord },
      minimalIds: found.map((one) => minimalIdOf(one.entryId)), rows,
    };
  },

  async GetPropList(asked, from) {
    if (asked.codePage !== unicodeCodePage && !isKnownCodePage(asked.codePage)) {
      return { errorCode: nspiCodes.invalidCodePage, tags: null };
    }
    // The global list itself stands for everything that an object of it may have.
    if (asked.minimalId === minimalIds.beginning) {
      const tags = asked.codePage === unicodeCodePage ? knownTags : knownTags.map(asText8);
      return { errorCode: nspiCodes.success, tags };
    }
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
    // One that cannot be found is answered like one without any value. [MS-OXNSPI] 3.1.4.1.7
    const entry = from.view.byId(entryIdOf(stat.currentRecord));
    const context = contextOf(from, asked.flags);
    const isGiven = asked.tags !== null;
    const tags = asked.tags ?? (codePage === unicodeCodePage ? knownTags : knownTags.map(asText8));
    if (!canWrite(tags, codePage)) return { errorCode: nspiCodes.invalidCodePage, codePage, values: null };
    const values: TaggedValue[] = [];
    let hasErrors = false;
    for (const tag of tags) {
      if (isObject(tag) && (asked.flags & flagSkipObjects) !== 0) continue;
      const found = entry === undefined ? undefined : await valueFor(entry, tag, context, codePage);
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
    const { codePage, templateLocale } = asked.state ?? noStat;
    const version = view.version;
    const isCreationTable = (asked.flags & wantsCreationTable) !== 0;
    const isUnicode = !isCreationTable && (asked.flags & wantsUnicode) !== 0;
    if (!isUnicode && (codePage === unicodeCodePage || !isKnownCodePage(codePage))) {
      return { errorCode: nspiCodes.invalidCodePage, codePage, version: null, rows: null };
    }
    const rows = isCreationTable ? creationTable(codePage, templateLocale)
      : containers.map((container) => containerRow(container, isUnicode, codePage));
    return { errorCode: nspiCodes.success, codePage, version, rows };
  },

  GetTemplateInfo({ flags, displayType, templateDn, codePage, localeId }) {
    const refusal = (errorCode: number) => ({ errorCode, codePage, row: null });
    if (codePage === unicodeCodePage || !isKnownCodePage(codePage)) return refusal(nspiCodes.invalidCodePage);
    const template = templateFor({ displayType, dn: templateDn === "" ? null : templateDn, codePage, localeId });
    if (template === null) return refusal(nspiCodes.unknownLocale);
    const row: TaggedValue[] = [];
    if ((flags & wantsTemplate) !== 0) row.push({ tag: PidTagTemplateData, value: template.dialog });
    if ((flags & wantsScript) !== 0) row.push({ tag: PidTagScriptData, value: template.script });
    return { errorCode: nspiCodes.success, codePage, row };
  },

  ModLinkAtt: (asked, from) => modifyLinks(asked, from),
  ModProps: (asked, from) => modifyProperties(asked, from),

  QueryColumns(asked) {
    const isUnicode = (asked.mapiFlags & 0x8000_0000) !== 0;
    return { errorCode: nspiCodes.success, columns: isUnicode ? knownTags : knownTags.map(asText8) };
  },

  async QueryRows(asked, from) {
    const stat = asked.state ?? noStat;
    const refusal = (errorCode: number) => ({ errorCode, state: stat, rows: null });
    if (!canWrite(columnsFor(asked.columns, stat.codePage), stat.codePage)) return refusal(nspiCodes.invalidCodePage);
    const count = Math.min(asked.rowCount, limits.addressBookRowsMax);
    if (asked.explicitTable.length > 0) {
      const entries = asked.explicitTable.slice(0, count).map((one) => from.view.byId(entryIdOf(one)));
      const rows = await rowsOf(entries, asked.columns, from, stat, asked.flags);
      return { errorCode: nspiCodes.success, state: stat, rows };
    }
    const table = tableFor(stat, from);
    if (table === undefined) return refusal(nspiCodes.invalidBookmark);
    if (asked.rowCount === 0) return refusal(nspiCodes.invalidParameter);
    const first = resolvePosition(stat, table);
    if (first === undefined) return refusal(nspiCodes.notFound);
    const entries = slice(table, first, count);
    const rows = await rowsOf(entries, asked.columns, from, stat, asked.flags);
    return { errorCode: nspiCodes.success, state: statAt(stat, table, first + entries.length), rows };
  },

  async ResolveNames(asked, from) {
    const stat = asked.state ?? noStat;
    const refusal = (errorCode: number) => ({ errorCode, codePage: stat.codePage, minimalIds: null, rows: null });
    if (!canWrite(columnsFor(asked.tags, stat.codePage), stat.codePage)) return refusal(nspiCodes.invalidCodePage);
    const table = tableFor(stat, from);
    if (table === undefined) return refusal(nspiCodes.invalidBookmark);
    const ids: number[] = [];
    const resolved: AddressBookEntry[] = [];
    for (const name of asked.names ?? []) {
      const found = resolve(name, stat, table, from);
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
    const wanted = stringOf(asked.target, stat.codePage);
    const soughtId = seekable.get(stat.sortType);
    if (wanted === null || soughtId === undefined || tagId(asked.target!.tag) !== soughtId) {
      return refusal(nspiCodes.generalFailure);
    }
    if (!canWrite(asked.columns ?? [], stat.codePage)) return refusal(nspiCodes.invalidCodePage);
    // A list of nobody is no list: some clients announce one and send none.
    const isExplicit = asked.explicitTable !== null && asked.explicitTable.length > 0;
    const explicit = isExplicit ? knownEntries(from.view, asked.explicitTable) : null;
    const table = explicit === null ? tableFor(stat, from) : givenTable(explicit, stat.sortType);
    if (table === undefined) return refusal(nspiCodes.invalidBookmark);
    const first = table.seek(wanted);
    if (first >= table.length) return refusal(nspiCodes.notFound);
    const state = { ...statAt(stat, table, first), delta: stat.delta };
    // Of a list of the client's own it gets all that is left. [MS-OXNSPI] 3.1.4.1.9
    const entries = slice(table, first, explicit === null ? seekRowsMax : limits.addressBookRowsMax);
    const rows = asked.columns === null ? null
      : await rowsOf(entries, asked.columns, from, stat, flagEphemeralIds);
    return { errorCode: nspiCodes.success, state, rows };
  },

  UpdateStat(asked, from) {
    const stat = asked.state ?? noStat;
    const table = tableFor(stat, from);
    if (table === undefined) return { errorCode: nspiCodes.invalidBookmark, state: stat, delta: null };
    const start = resolvePosition({ ...stat, delta: 0 }, table);
    const index = resolvePosition(stat, table);
    if (index === undefined || start === undefined) return { errorCode: nspiCodes.notFound, state: stat, delta: null };
    const delta = asked.deltaRequested === 0 ? null : index - start;
    return { errorCode: nspiCodes.success, state: statAt(stat, table, index), delta };
  },

  GetMailboxUrl: (_asked, { urls }) => ({ errorCode: nspiCodes.success, serverUrl: urls.mailbox }),
  GetAddressBookUrl: (_asked, { urls }) => ({ errorCode: nspiCodes.success, serverUrl: urls.addressBook }),
};
