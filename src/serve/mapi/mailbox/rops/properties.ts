/** Reading, writing and naming properties. [MS-OXCPRPT] 2.2 */
import { valueSize } from "#props/compare.ts";
import { propertySets } from "#props/property-sets.ts";
import type { NamedId } from "#props/registry.ts";
import type { TaggedValue } from "#props/structures.ts";
import { namedPropertyIdMin, propertyTypes, tagTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { ecCodes, RopError } from "#serve/mapi/mailbox/errors.ts";
import { holderOf, splitWritable } from "#serve/mapi/mailbox/holders.ts";
import { asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler, RopReply } from "#serve/mapi/mailbox/rop-call.ts";
import { cellOf, untilNul } from "#serve/mapi/mailbox/property-source.ts";
import { CellError, TypedCell } from "#wire/mapi/rows.ts";
import type { Cell } from "#wire/mapi/rows.ts";
import * as rops from "#wire/mapi/rops/properties.ts";

/** Values of this size and more are for streams. [MS-OXCPRPT] 3.2.5.1 */
const streamFromBytes = 0x1f00;

function sizeOf(tag: PropertyTag, cell: Cell): number {
  if (cell === undefined || cell instanceof CellError) return 5;
  const value = cell instanceof TypedCell ? cell.value : cell;
  return 8 + valueSize(tag, value);
}

/** Cells that fit; those too large say so, and the client opens a stream. */
function fitting(tags: readonly PropertyTag[], cells: readonly Cell[], limitBytes: number, roomBytes: number): Cell[] {
  let left = roomBytes - tags.length * 5 - 16;
  const most = Math.min(limitBytes === 0 ? streamFromBytes : limitBytes, streamFromBytes);
  return cells.map((cell, index) => {
    const size = sizeOf(tags[index]!, cell);
    if (size > most || size > left) return new CellError(ecCodes.notEnoughMemory);
    left -= size;
    return cell;
  });
}

async function setProperties(call: RopCall<{ propertyValues: readonly TaggedValue[] }>): Promise<RopReply> {
  const holder = holderOf(call.object, call.session);
  const { good, bad } = splitWritable(holder, call.request.propertyValues);
  if (good.length > 0) await holder.set(call.ctx, good);
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

export const propertyHandlers: readonly RopHandler[] = [
  handler(rops.RopGetPropertiesSpecific, async (call) => {
    const { propertyTags, propertySizeLimit } = call.request;
    const bag = await holderOf(call.object, call.session).bag(call.ctx, call.request.propertyTags);
    const cells = propertyTags.map((tag) => cellOf(bag, tag, call.session.codePage));
    const rowData = fitting(propertyTags, cells, propertySizeLimit, call.roomBytes);
    return { body: { rowData }, given: { propertyTags } };
  }),

  handler(rops.RopGetPropertiesAll, async (call) => {
    const { propertySizeLimit, wantUnicode } = call.request;
    const bag = await holderOf(call.object, call.session).bag(call.ctx);
    const most = propertySizeLimit === 0 ? streamFromBytes : Math.min(propertySizeLimit, streamFromBytes);
    let left = call.roomBytes - 16;
    const propertyValues: TaggedValue[] = [];
    for (const [kept, keptValue] of bag) {
      const { tag, value } = wantUnicode === 0 ? asText8(call, bag, kept, keptValue)
        : { tag: kept, value: untilNul(tagTypeCode(kept), keptValue) };
      const size = 8 + valueSize(tag, value);
      const isLarge = size > most || size > left;
      const shown = isLarge ? tooLarge(tag) : { tag, value };
      left -= isLarge ? 8 : size;
      if (left < 0) break;
      propertyValues.push(shown);
    }
    return { body: { propertyValues } };
  }),

  handler(rops.RopGetPropertiesList, async (call) => {
    const bag = await holderOf(call.object, call.session).bag(call.ctx);
    return { body: { propertyTags: [...bag.keys()] } };
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
    const bag = await holderOf(call.object, call.session).bag(call.ctx);
    const all = await asLogon(call).items.allPropertyNames(call.ctx);
    const found: [number, NamedId][] = [];
    for (const id of new Set([...bag.keys()].map((tag) => tag >>> 16))) {
      const name = id >= namedPropertyIdMin ? all.get(id) : undefined;
      if (name === undefined || (propertyGuid !== undefined && name.guid !== propertyGuid)) continue;
      const isText = typeof name.id === "string";
      if ((isText && (queryFlags & 0x01) !== 0) || (!isText && (queryFlags & 0x02) !== 0)) continue;
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
  const cell = cellOf(bag, asked, call.session.codePage);
  return { tag: asked, value: cell as PropertyValue };
}
