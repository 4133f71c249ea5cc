/**
 * Which messages pass a restriction: decided on light rows as far as they tell, then on what the full-text index does
 * not rule out, and only then on whole items. The outcome is that of looking at every item. [MS-OXCDATA] 2.12
 */
import type { Ctx } from "#base/ctx.ts";
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MessageId } from "#base/ids.ts";
import type { LightColumn, LightRow } from "#mailbox/items/light.ts";
import { candidateColumns } from "#mailbox/items/text-candidates.ts";
import type { TextCandidates, TextNeedle } from "#mailbox/items/text-candidates.ts";
import type { ItemRow, StoredItem } from "#mailbox/items-api.ts";
import { passes, tagsOf } from "#props/evaluate.ts";
import type { Testable } from "#props/evaluate.ts";
import { fuzzyFlags, fuzzyLevels, restrictTypes } from "#props/structures.ts";
import type { Restriction } from "#props/structures.ts";
import type { NamedId } from "#props/registry.ts";
import { isNamedTag, tagId, tagTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag } from "#props/types.ts";
import { decider, heldTagsOf, leavesOf, looksIntoParts } from "#serve/mapi/mailbox/decide.ts";
import type { Known, Leaf, Verdict } from "#serve/mapi/mailbox/decide.ts";
import {
  columnsOf, isAbsentInPlain, isExactTag, isPlainTag, lightTags, LightValues,
} from "#serve/mapi/mailbox/light-tags.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";

/** Items looked into before others get a turn, and rows decided. */
const itemsAtOnce = 50;
const rowsAtOnce = 500;

/** Reads a stored object as a client would see it. */
export type ToBag =
  (ctx: Ctx, row: ItemRow, object: Parameters<LogonObject["items"]["toTags"]>[1]) => Promise<PropertyBag>;

export class RowFilter {
  readonly restriction: Restriction;
  /** What light rows have to tell. */
  readonly columns: readonly LightColumn[];
  readonly #logon: LogonObject;
  readonly #toBag: ToBag;
  readonly #tags: readonly PropertyTag[];
  readonly #decide: ReturnType<typeof decider>;
  readonly #parts: boolean;
  /** What is read of rows only when nothing else decides them. */
  readonly #lazy: readonly TextCandidates[];

  private constructor(
    logon: LogonObject, restriction: Restriction, toBag: ToBag, known: ReadonlyMap<Leaf, Known>,
  ) {
    this.restriction = restriction;
    this.#logon = logon;
    this.#toBag = toBag;
    this.#tags = heldTagsOf(restriction);
    const columns = columnsOf(this.#tags);
    const of = [...known.values()];
    this.columns = [...new Set([
      ...columns, ...of.includes("plain") ? ["isPlain"] as const : [],
      ...of.some((one) => typeof one === "object" && one !== null) ? candidateColumns : [],
    ])];
    this.#decide = decider(restriction, (leaf) => known.get(leaf) ?? null);
    this.#parts = looksIntoParts(restriction);
    this.#lazy = of.filter((one) => typeof one === "object" && one !== null)
      .filter(({ prepare }) => prepare !== undefined);
  }

  /** With `useIndex` the full-text index is asked first: worth it for more than a few rows. */
  static async make(
    ctx: Ctx, logon: LogonObject, restriction: Restriction,
    options: { readonly useIndex: boolean; readonly toBag: ToBag },
  ): Promise<RowFilter> {
    const named = [...new Set(heldTagsOf(restriction).filter(isNamedTag).map(tagId))];
    const names = named.length === 0 ? [] : await logon.items.propertyNames(ctx, named);
    const nameOf = (tag: PropertyTag): NamedId | null => names[named.indexOf(tagId(tag))] ?? null;
    const isTold = (tag: PropertyTag): boolean =>
      isPlainTag(tag) || isAbsentInPlain(tag, nameOf(tag));
    const known = new Map<Leaf, Known>();
    for (const leaf of leavesOf(restriction)) {
      const needle = options.useIndex ? needleOf(leaf) : null;
      if (isLight(leaf)) known.set(leaf, "light");
      else if (isOfItem(leaf) && heldTagsOf(leaf).every(isTold)) known.set(leaf, "plain");
      else if (needle !== null) known.set(leaf, await logon.items.textCandidates(ctx, needle));
    }
    return new RowFilter(logon, restriction, options.toBag, known);
  }

  /** The rows that pass, in their order. */
  async passing(ctx: Ctx, rows: readonly LightRow[]): Promise<LightRow[]> {
    const verdicts: Verdict[] = [];
    const open: MessageId[] = [];
    for (let at = 0; at < rows.length; at += rowsAtOnce) {
      const some = rows.slice(at, at + rowsAtOnce);
      const decided = some.map((row) => this.#decide(new LightValues(row, this.#logon)));
      await this.#prepare(ctx, some.filter((_, index) => decided[index] === undefined));
      for (const [index, row] of some.entries()) {
        const verdict = decided[index] ??
          (this.#lazy.length === 0 ? undefined : this.#decide(new LightValues(row, this.#logon)));
        verdicts.push(verdict);
        if (verdict === undefined) open.push(row.messageId);
      }
      await yieldToOthers();
    }
    const found = await this.#lookInto(ctx, open);
    return rows.filter((row, index) => verdicts[index] ?? found.has(row.messageId));
  }

  async #prepare(ctx: Ctx, rows: readonly LightRow[]): Promise<void> {
    if (rows.length > 0) for (const one of this.#lazy) await one.prepare?.(ctx, rows);
  }

  /** Those of the messages that pass, whole items looked at. */
  async #lookInto(ctx: Ctx, messageIds: readonly MessageId[]): Promise<Set<number>> {
    const found = new Set<number>();
    for (let at = 0; at < messageIds.length; at += itemsAtOnce) {
      const some = messageIds.slice(at, at + itemsAtOnce);
      for (const { row, object } of await this.#logon.items.properties(ctx, some, { tags: this.#tags })) {
        const bag = await this.#toBag(ctx, row, object);
        const parts = this.#parts ? await this.#open(ctx, row.messageId) : undefined;
        if (passes(this.restriction, parts === undefined ? bag : withParts(bag, parts))) found.add(row.messageId);
      }
      await yieldToOthers();
      throwIfCancelled(ctx);
    }
    return found;
  }

  async #open(ctx: Ctx, messageId: MessageId): Promise<StoredItem | undefined> {
    try {
      return await this.#logon.items.open(ctx, messageId);
    } catch (error) {
      // It was removed meanwhile; the next look leaves it out.
      if (error instanceof Fault && error.code === "notFound") return undefined;
      throw error;
    }
  }
}

function withParts(bag: PropertyBag, { recipients, attachments }: StoredItem): Testable {
  const parts = (list: StoredItem["recipients"]): Testable[] => list.map((one) => one.bag);
  return { get: (tag) => bag.get(tag), recipients: () => parts(recipients), attachments: () => parts(attachments) };
}

/** Sizes are those of values as they are kept, which rows do not tell. */
function isOfItem(leaf: Leaf): boolean {
  return leaf.restrictType !== restrictTypes.subObject && leaf.restrictType !== restrictTypes.size;
}

function isLight(leaf: Leaf): boolean {
  return isOfItem(leaf) && heldTagsOf(leaf).every(isExactTag);
}

const subRecipients = 0x0e12_000d;
const subAttachments = 0x0e13_000d;

/** Where the index has the text of a property, by its id. */
const itemFields: ReadonlyMap<number, TextNeedle["field"]> = new Map([
  [0x1000, "body"], [0x0c1a, "addresses"], [0x0042, "addresses"], [0x5d01, "addresses"], [0x5d02, "addresses"],
]);
const recipientFields: ReadonlyMap<number, TextNeedle["field"]> =
  new Map([[0x3001, "addresses"], [0x39fe, "addresses"]]);
const attachmentFields: ReadonlyMap<number, TextNeedle["field"]> =
  new Map([[0x3707, "attachmentNames"], [0x3704, "attachmentNames"]]);

/** What the index may be asked about a leaf: no message that it does not name passes. */
function needleOf(leaf: Leaf): TextNeedle | null {
  if (leaf.restrictType === restrictTypes.content) return contentNeedle(leaf, itemFields);
  if (leaf.restrictType !== restrictTypes.subObject) return null;
  const fields = leaf.subobject === subRecipients ? recipientFields
    : leaf.subobject === subAttachments ? attachmentFields : undefined;
  if (fields === undefined) return null;
  // All of an AND have to hold of one part: each of them alone rules out as much.
  const inner = leaf.restriction.restrictType === restrictTypes.and ? leaf.restriction.restricts : [leaf.restriction];
  for (const one of inner) {
    const needle = one.restrictType === restrictTypes.content ? contentNeedle(one, fields) : null;
    if (needle !== null) return needle;
  }
  return null;
}

function contentNeedle(
  leaf: Restriction & { readonly restrictType: 3 }, fields: ReadonlyMap<number, TextNeedle["field"]>,
): TextNeedle | null {
  const field = fields.get(tagId(leaf.propertyTag));
  const { value } = leaf.taggedValue;
  const type = tagTypeCode(leaf.propertyTag);
  const ignoresMarks = (leaf.fuzzyLevelHigh & (fuzzyFlags.ignoreNonSpace | fuzzyFlags.loose)) !== 0;
  if (field === undefined || typeof value !== "string" || (type !== 0x1f && type !== 0x1e)) return null;
  return { field, text: value, isAnchored: leaf.fuzzyLevelLow !== fuzzyLevels.substring, ignoresMarks };
}

/** Whether rows of these tags know all that a restriction asks. */
export function isTold(restriction: Restriction, knows: (tags: readonly PropertyTag[]) => boolean): boolean {
  const tags = [...tagsOf(restriction)];
  return leavesOf(restriction).every(isOfItem) && knows(tags) &&
    tags.every((tag) => !lightTags.has(tag) || isExactTag(tag));
}
