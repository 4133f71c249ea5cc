/** Whether an object passes a restriction: for rules, tables, search folders and the address book. [MS-OXCDATA] 2.12 */
import { Buffer } from "node:buffer";
import { compareValues, foldCase, foldMarks, readLatin, valueSize } from "#props/compare.ts";
import type { ReadText8 } from "#props/compare.ts";
import { fuzzyFlags, fuzzyLevels, relationalOperators, restrictTypes } from "#props/structures.ts";
import type { Restriction, TaggedValue } from "#props/structures.ts";
import { multipleFlag, multivalueInstanceFlag, propertyTypes, tagTypeCode, withTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";

/** What is tested. A property is asked for by its stored type; 8-bit text is asked for as text. */
export interface Testable {
  get(tag: PropertyTag): PropertyValue | undefined;
  /** Bytes of a property too large to be got; left out, the value tells. */
  sizeOf?(tag: PropertyTag): number | undefined;
  /** What a SubObject restriction looks into; none when left out. */
  recipients?(): Iterable<Testable>;
  attachments?(): Iterable<Testable>;
}

export interface EvaluateOptions {
  readonly readText8?: ReadText8;
  /** RelOp 0x64: whether the value names a member of the list with this entry id. */
  readonly isMember?: (value: PropertyValue, listEntryId: Uint8Array) => boolean;
}

/** PidTagMessageRecipients and PidTagMessageAttachments, as SubObject restrictions name them. [MS-OXCDATA] 2.12.10 */
const subObjects = { recipients: 0x0e12_000d, attachments: 0x0e13_000d } as const;

/** A property that is not there passes no test but "not equal"; so do values of another type. [MS-OXCDATA] 2.12 */
export function passes(restriction: Restriction, object: Testable, options: EvaluateOptions = {}): boolean {
  return new Evaluation(options).passes(restriction, object);
}

class Evaluation {
  readonly #options: EvaluateOptions;
  readonly #readText8: ReadText8;

  constructor(options: EvaluateOptions) {
    this.#options = options;
    this.#readText8 = options.readText8 ?? readLatin;
  }

  passes(restriction: Restriction, object: Testable): boolean {
    switch (restriction.restrictType) {
      case restrictTypes.and: return restriction.restricts.every((one) => this.passes(one, object));
      case restrictTypes.or: return restriction.restricts.some((one) => this.passes(one, object));
      case restrictTypes.not: return !this.passes(restriction.restriction, object);
      case restrictTypes.content: return this.#content(restriction, object);
      case restrictTypes.property:
        return this.#property(restriction.relOp, restriction.propertyTag, restriction.taggedValue, object);
      case restrictTypes.compareProperties: return this.#compare(restriction, object);
      case restrictTypes.bitMask: {
        const value = object.get(restriction.propertyTag);
        return typeof value === "number" && ((value & restriction.mask) !== 0) === (restriction.bitmapRelOp === 1);
      }
      case restrictTypes.size: {
        const size = sizeOf(object, restriction.propertyTag);
        return size !== undefined && holds(restriction.relOp, size - restriction.size);
      }
      case restrictTypes.exist: return this.#values(object, restriction.propertyTag) !== undefined;
      case restrictTypes.subObject: return this.#subObject(restriction.subobject, restriction.restriction, object);
      case restrictTypes.comment:
        return restriction.restriction === undefined || this.passes(restriction.restriction, object);
      case restrictTypes.count: return this.passes(restriction.restriction, object);
    }
  }

  /** One value, or each of a multi-valued property that is compared with a single one; text never as 8-bit. */
  #values(object: Testable, tag: PropertyTag): readonly PropertyValue[] | undefined {
    const asked = textTag(withTypeCode(tag, tagTypeCode(tag) & ~multivalueInstanceFlag));
    const value = object.get(asked) ?? this.#otherForm(object, asked);
    if (value === undefined) return undefined;
    return Array.isArray(value) ? (value as readonly PropertyValue[]) : [value];
  }

  /** A single value is asked of a property that has several: every one of them counts. */
  #otherForm(object: Testable, tag: PropertyTag): PropertyValue | undefined {
    if ((tag & multipleFlag) !== 0) return undefined;
    return object.get(withTypeCode(tag, tagTypeCode(tag) | multipleFlag));
  }

  #wanted({ tag, value }: TaggedValue): PropertyValue {
    if (tagTypeCode(tag) === propertyTypes.String8.code && value instanceof Uint8Array) return this.#readText8(value);
    return value;
  }

  #property(relOp: number, tag: PropertyTag, tagged: TaggedValue, object: Testable): boolean {
    const values = this.#values(object, tag);
    if (values === undefined) return relOp === relationalOperators.notEqual;
    const wanted = this.#wanted(tagged);
    if (relOp === relationalOperators.memberOf) {
      const { isMember } = this.#options;
      return wanted instanceof Uint8Array && values.some((value) => isMember?.(value, wanted) === true);
    }
    if (Array.isArray(wanted)) return holds(relOp, compareValues(values as PropertyValue, wanted));
    if (relOp === relationalOperators.notEqual) return values.every((value) => compareValues(value, wanted) !== 0);
    return values.some((value) => holds(relOp, compareValues(value, wanted)));
  }

  #compare(restriction: Restriction & { readonly restrictType: 5 }, object: Testable): boolean {
    const [a, ...moreA] = this.#values(object, restriction.propertyTag1) ?? [];
    const [b, ...moreB] = this.#values(object, restriction.propertyTag2) ?? [];
    if (a === undefined || b === undefined) return false;
    const order = moreA.length + moreB.length > 0 ? compareValues([a, ...moreA] as PropertyValue,
      [b, ...moreB] as PropertyValue) : compareValues(a, b);
    return holds(restriction.relOp, order);
  }

  #content(restriction: Restriction & { readonly restrictType: 3 }, object: Testable): boolean {
    const values = this.#values(object, restriction.propertyTag);
    if (values === undefined) return false;
    const wanted = this.#wanted(restriction.taggedValue);
    const level = restriction.fuzzyLevelLow;
    if (wanted instanceof Uint8Array) {
      return values.some((value) => value instanceof Uint8Array && bytesMatch(value, wanted, level));
    }
    if (typeof wanted !== "string") return values.some((value) => compareValues(value, wanted) === 0);
    const fold = folding(restriction.fuzzyLevelHigh);
    const needle = fold(wanted);
    return values.some((value) => typeof value === "string" && textMatches(fold(value), needle, level));
  }

  #subObject(tag: PropertyTag, restriction: Restriction, object: Testable): boolean {
    const parts = tag === subObjects.recipients ? object.recipients?.()
      : tag === subObjects.attachments ? object.attachments?.() : undefined;
    for (const part of parts ?? []) if (this.passes(restriction, part)) return true;
    return false;
  }
}

function textTag(tag: PropertyTag): PropertyTag {
  const code = tagTypeCode(tag);
  if (code === propertyTypes.String8.code) return withTypeCode(tag, propertyTypes.String.code);
  return code === propertyTypes.MultipleString8.code ? withTypeCode(tag, propertyTypes.MultipleString.code) : tag;
}

function sizeOf(object: Testable, tag: PropertyTag): number | undefined {
  const told = object.sizeOf?.(tag);
  if (told !== undefined) return told;
  const value = object.get(textTag(tag));
  return value === undefined ? undefined : valueSize(tag, value);
}

function holds(relOp: number, order: number | undefined): boolean {
  if (order === undefined) return relOp === relationalOperators.notEqual;
  switch (relOp) {
    case relationalOperators.less: return order < 0;
    case relationalOperators.lessOrEqual: return order <= 0;
    case relationalOperators.greater: return order > 0;
    case relationalOperators.greaterOrEqual: return order >= 0;
    case relationalOperators.equal: return order === 0;
    case relationalOperators.notEqual: return order !== 0;
    default: return false;
  }
}

function folding(flags: number): (text: string) => string {
  const ignoresCase = (flags & (fuzzyFlags.ignoreCase | fuzzyFlags.loose)) !== 0;
  const ignoresMarks = (flags & (fuzzyFlags.ignoreNonSpace | fuzzyFlags.loose)) !== 0;
  if (!ignoresCase && !ignoresMarks) return (text) => text;
  if (!ignoresMarks) return foldCase;
  return ignoresCase ? (text) => foldCase(foldMarks(text)) : foldMarks;
}

function textMatches(text: string, wanted: string, level: number): boolean {
  if (level === fuzzyLevels.substring) return text.includes(wanted);
  return level === fuzzyLevels.prefix ? text.startsWith(wanted) : text === wanted;
}

function bytesMatch(value: Uint8Array, wanted: Uint8Array, level: number): boolean {
  const raw = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (level === fuzzyLevels.substring) return raw.includes(wanted);
  if (level === fuzzyLevels.prefix) return raw.subarray(0, wanted.length).equals(wanted);
  return raw.equals(wanted);
}

/** Every tag that a restriction looks at, for reading what is needed in one go. */
export function tagsOf(restriction: Restriction, into: Set<PropertyTag> = new Set()): Set<PropertyTag> {
  if ("restricts" in restriction) for (const one of restriction.restricts) tagsOf(one, into);
  if ("propertyTag" in restriction) into.add(textTag(restriction.propertyTag));
  if ("propertyTag1" in restriction) into.add(textTag(restriction.propertyTag1)).add(textTag(restriction.propertyTag2));
  if ("subobject" in restriction) into.add(restriction.subobject);
  else if ("restriction" in restriction && restriction.restriction !== undefined) tagsOf(restriction.restriction, into);
  return into;
}

/** What of a restriction this server cannot test, in words; null when it can test all. [MS-OXCDATA] 2.12.5 */
export function untestable(restriction: Restriction): string | null {
  if ("relOp" in restriction) {
    if (restriction.relOp === relationalOperators.matches) return "a comparison with a regular expression";
    const known: readonly number[] = Object.values(relationalOperators);
    if (!known.includes(restriction.relOp)) return `a comparison by operator ${restriction.relOp}`;
  }
  if (restriction.restrictType === restrictTypes.content && restriction.fuzzyLevelLow > fuzzyLevels.prefix) {
    return `a content restriction of level ${restriction.fuzzyLevelLow}`;
  }
  const inner = "restricts" in restriction ? restriction.restricts
    : "restriction" in restriction && restriction.restriction !== undefined ? [restriction.restriction] : [];
  for (const one of inner) {
    const found = untestable(one);
    if (found !== null) return found;
  }
  return null;
}
