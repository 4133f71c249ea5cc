/** Reading, writing and naming properties. [MS-OXCPRPT] 2.2 */
import { valueSize } from "#props/compare.ts";
import { propertySets } from "#props/property-sets.ts";
import type { NamedId } from "#props/registry.ts";
import type { TaggedValue } from "#props/structures.ts";
import { propertiesByTag } from "#props/registry.ts";
import { namedPropertyIdMin, propertyTypes, tagId, tagTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { OpenAttachment } from "#serve/mapi/mailbox/attachment.ts";
import { ecCodes, RopError } from "#serve/mapi/mailbox/errors.ts";
import { holderOf, splitWritable } from "#serve/mapi/mailbox/holders.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import { asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler, RopReply } from "#serve/mapi/mailbox/rop-call.ts";
import { cellOf, untilNul } from "#serve/mapi/mailbox/property-source.ts";
import { CellError, TypedCell } from "#wire/mapi/rows.ts";
import type { Cell } from "#wire/mapi/rows.ts";
import * as rops from "#wire/mapi/rops/properties.ts";

function sizeOf(tag: PropertyTag, cell: Cell): number {
  if (cell === undefined || cell instanceof CellError) return 5;
  const value = cell instanceof TypedCell ? cell.value : cell;
  return 8 + valueSize(tag, value);
}

/** Types that can be large, and are then read by stream. [MS-OXCPRPT] 3.2.5.1 */
const streamed: ReadonlySet<number> = new Set([
  propertyTypes.Binary.code, propertyTypes.Object.code, propertyTypes.String.code, propertyTypes.String8.code,
]);
const isStreamed = (tag: PropertyTag): boolean => streamed.has(tagTypeCode(tag)) || (tagTypeCode(tag) & 0x1000) !== 0 ||
  tagTypeCode(tag) === 0;

/**
 * Cells that fit into the answer: where not all do the largest say that they are too large, and the client opens a
 * stream for them. What a client tells of sizes is passed over, as by Exchange 2010 and later. [MS-OXCPRPT] 3.2.5.1
 */
function fitting(tags: readonly PropertyTag[], cells: readonly Cell[], roomBytes: number): Cell[] {
  const sizes = cells.map((cell, index) => sizeOf(tags[index]!, cell));
  let left = roomBytes - 16 - sizes.reduce((sum, size) => sum + size, 0);
  const out = [...cells];
  if (left >= 0) return out;
  const largest = [...sizes.keys()].filter((index) => sizes[index]! > 13 && isStreamed(tags[index]!))
    .sort((a, b) => sizes[b]! - sizes[a]!);
  for (const index of largest) {
    if (left >= 0) break;
    left += sizes[index]! - 5;
    out[index] = new CellError(ecCodes.notEnoughMemory);
  }
  return out;
}

const narrowOf: ReadonlyMap<number, number> = new Map([
  [propertyTypes.String.code, propertyTypes.String8.code],
  [propertyTypes.MultipleString.code, propertyTypes.MultipleString8.code],
]);
const wideOf: ReadonlyMap<number, number> = new Map([...narrowOf].map(([wide, narrow]) => [narrow, wide]));

/** Of a property whose type was not told, text comes as the client wants texts. [MS-OXCPRPT] 2.2.2.1, 3.2.5.1 */
function textAsWanted(
  bag: ReadonlyMap<PropertyTag, PropertyValue>, tag: PropertyTag, cell: Cell, wantUnicode: number, codePage: number,
): Cell {
  if (!(cell instanceof TypedCell)) return cell;
  const type = (wantUnicode === 0 ? narrowOf : wideOf).get(cell.typeCode);
  if (type === undefined) return cell;
  const asked = ((tag & 0xffff_0000) >>> 0) + type as PropertyTag;
  const text = cellOf(bag, asked, codePage);
  const isNone = text === undefined || text instanceof CellError || text instanceof TypedCell;
  return isNone ? cell : new TypedCell(type, text);
}

/** Of 8-bit text of this object. [MS-OXCMSG] 2.2.3.1.1 */
function codePageOf({ object, session }: RopCall<unknown>): number {
  const own = object instanceof OpenMessage ? object.codePage
    : object instanceof OpenAttachment ? object.message.codePage : null;
  return own ?? session.codePage;
}

/** 8-bit text of a property that is known as text is kept as text, so that everybody can read it. */
function asText({ tag, value }: TaggedValue, codePage: number): TaggedValue {
  const wide = wideOf.get(tagTypeCode(tag));
  if (wide === undefined) return { tag, value };
  const known = ((tag & 0xffff_0000) >>> 0) + wide as PropertyTag;
  if (propertiesByTag(known).length === 0) return { tag, value };
  const text = cellOf(new Map([[tag, value]]), known, codePage);
  const isText = typeof text === "string" || Array.isArray(text);
  return isText ? { tag: known, value: text as PropertyValue } : { tag, value };
}

async function setProperties(call: RopCall<{ propertyValues: readonly TaggedValue[] }>): Promise<RopReply> {
  const holder = holderOf(call.object, call.session);
  const codePage = codePageOf(call);
  const { good, bad, spoiling } = splitWritable(holder, call.request.propertyValues);
  if (spoiling.length > 0) holder.spoil?.();
  if (good.length > 0) await holder.set(call.ctx, good.map((one) => asText(one, codePage)));
  return { body: { propertyProblems: bad.map(({ index, tag }) => problem(index, tag)) } };
}

async function deleteProperties(call: RopCall<{ propertyTags: readonly PropertyTag[] }>): Promise<RopReply> {
  const holder = holderOf(call.object, call.session);
  const { good, bad } = splitWritable(holder, call.request.propertyTags.map((tag) => ({ tag })));
  if (good.length > 0) await holder.remove(call.ctx, good.map(({ tag }) => tag));
  return { body: { propertyProblems: bad.map(({ index, tag }) => problem(index, tag)) } };
}

function problem(index: number, propertyTag: PropertyTag, errorCode: number = ecCodes.computed) {
  return { index, propertyTag, errorCode };
}

const psMapi = propertySets.PS_MAPI.guid;

/** What a property is called: ids below the named ones name themselves. [MS-OXCPRPT] 2.2.12 */
async function namesOf(call: RopCall<unknown>, ids: readonly number[]): Promise<(NamedId | null)[]> {
  const named = ids.filter((id) => id >= namedPropertyIdMin);
  const found = await asLogon(call).items.propertyNames(call.ctx, named);
  const byId = new Map(named.map((id, index) => [id, found[index] ?? null]));
  return ids.map((id) => (id < namedPropertyIdMin ? { guid: psMapi, id } : byId.get(id) ?? null));
}

const createFlag = 0x02;

/** All that is kept and what is only shown; `asked` are ids, null for all. */
async function shownBag(call: RopCall<unknown>, asked: ReadonlySet<number> | null): Promise<PropertyBag> {
  const holder = holderOf(call.object, call.session);
  const tags = (call.request as { propertyTags?: readonly PropertyTag[] }).propertyTags;
  const bag = await holder.bag(call.ctx, asked === null ? undefined : tags);
  if (holder.show === undefined) return bag as PropertyBag;
  holder.show(bag as PropertyBag, asked);
  return bag as PropertyBag;
}

export const propertyHandlers: readonly RopHandler[] = [
  handler(rops.RopGetPropertiesSpecific, async (call) => {
    const { propertyTags, wantUnicode } = call.request;
    const codePage = codePageOf(call);
    const holder = holderOf(call.object, call.session);
    const bag = await shownBag(call, new Set(propertyTags.map(tagId)));
    const cells = propertyTags.map((tag) => {
      const cell = cellOf(bag, tag, codePage);
      // A body in another form is made for whoever opens a stream of it.
      const isByStream = cell instanceof CellError && holder.canMake?.(bag, tag) === true;
      return isByStream ? new CellError(ecCodes.notEnoughMemory)
        : textAsWanted(bag, tag, cell, wantUnicode, codePage);
    });
    return { body: { rowData: fitting(propertyTags, cells, call.roomBytes) }, given: { propertyTags } };
  }),

  handler(rops.RopGetPropertiesAll, async (call) => {
    const { wantUnicode } = call.request;
    const bag = await shownBag(call, null);
    const values = [...bag].map(([tag, value]) => (wantUnicode === 0 ? asText8(call, bag, tag, value)
      : { tag, value: untilNul(tagTypeCode(tag), value) }));
    const cells = fitting(values.map(({ tag }) => tag), values.map(({ value }) => value), call.roomBytes);
    let left = call.roomBytes - 16;
    const propertyValues: TaggedValue[] = [];
    for (const [index, one] of values.entries()) {
      const shown = cells[index] instanceof CellError ? tooLarge(one.tag) : one;
      left -= 8 + valueSize(shown.tag, shown.value);
      if (left < 0) break;
      propertyValues.push(shown);
    }
    return { body: { propertyValues } };
  }),

  handler(rops.RopGetPropertiesList, async (call) => {
    return { body: { propertyTags: [...(await shownBag(call, null)).keys()] } };
  }),

  handler(rops.RopSetProperties, setProperties),
  handler(rops.RopSetPropertiesNoReplicate, setProperties),
  handler(rops.RopDeleteProperties, deleteProperties),
  handler(rops.RopDeletePropertiesNoReplicate, deleteProperties),

  handler(rops.RopGetNamesFromPropertyIds, async (call) => ({
    body: { propertyNames: await namesOf(call, call.request.propertyIds) },
  })),

  handler(rops.RopGetPropertyIdsFromNames, async (call) => {
    const { propertyNames, flags } = call.request;
    const logon = asLogon(call);
    if (propertyNames.length === 0) {
      if (call.object.kind !== "logon") throw new RopError("invalidParameter", "No names were asked for.");
      return { body: { propertyIds: [...(await logon.items.allPropertyNames(call.ctx)).keys()] } };
    }
    const own = propertyNames.map((name) => ownId(name));
    const asked = propertyNames.filter((name, index): name is NamedId => name !== null && own[index] === undefined);
    const mayCreate = (flags & createFlag) !== 0;
    const ids = await logon.items.propertyIds(call.ctx, asked, mayCreate);
    let next = 0;
    const propertyIds = propertyNames.map((name, index) => (name === null ? 0 : own[index] ?? ids[next++] ?? 0));
    const isPartial = propertyIds.includes(0);
    return { body: { propertyIds }, ...isPartial ? { returnValue: ecCodes.errorsReturned } : {} };
  }),

  handler(rops.RopQueryNamedProperties, async (call) => {
    const { queryFlags, propertyGuid } = call.request;
    const all = await asLogon(call).items.allPropertyNames(call.ctx);
    // Of a store: every name that it knows. [MS-OXCPRPT] 2.2.9
    const ids = call.object.kind === "logon" ? all.keys()
      : new Set([...(await holderOf(call.object, call.session).bag(call.ctx)).keys()].map((tag) => tag >>> 16));
    const found: [number, NamedId][] = [];
    let room = call.roomBytes - 32;
    for (const id of ids) {
      const name = id >= namedPropertyIdMin ? all.get(id) : undefined;
      if (name === undefined || (propertyGuid !== undefined && name.guid !== propertyGuid)) continue;
      const isText = typeof name.id === "string";
      if ((isText && (queryFlags & 0x01) !== 0) || (!isText && (queryFlags & 0x02) !== 0)) continue;
      room -= 2 + 16 + 1 + (isText ? 1 + 2 * (String(name.id).length + 1) : 4);
      if (room < 0) break;
      found.push([id, name]);
    }
    return {
      body: {
        idCount: found.length, propertyIds: found.map(([id]) => id), propertyNames: found.map(([, name]) => name),
      },
    };
  }),
];

/** Names of the set that stands for plain ids. */
function ownId(name: NamedId | null): number | undefined {
  return name?.guid === psMapi && typeof name.id === "number" && name.id < namedPropertyIdMin ? name.id : undefined;
}

function tooLarge(tag: PropertyTag): TaggedValue {
  return {
    tag: ((tag & 0xffff_0000) >>> 0) + propertyTypes.ErrorCode.code as PropertyTag, value: ecCodes.notEnoughMemory,
  };
}

function asText8(
  call: RopCall<unknown>, bag: ReadonlyMap<PropertyTag, PropertyValue>, tag: PropertyTag, value: PropertyValue,
): TaggedValue {
  const code = tagTypeCode(tag);
  const narrow = code === propertyTypes.String.code ? propertyTypes.String8.code
    : code === propertyTypes.MultipleString.code ? propertyTypes.MultipleString8.code : undefined;
  if (narrow === undefined) return { tag, value };
  const asked = ((tag & 0xffff_0000) >>> 0) + narrow as PropertyTag;
  const cell = cellOf(bag, asked, codePageOf(call));
  return { tag: asked, value: cell as PropertyValue };
}
