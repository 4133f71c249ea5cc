/** A folder's rules made ready: in their order, and passed by quickly where they cannot apply. */
import { limits } from "#base/limits.ts";
import type { Testable } from "#props/evaluate.ts";
import { fuzzyFlags, relationalOperators, restrictTypes } from "#props/structures.ts";
import type { Restriction, TaggedValue } from "#props/structures.ts";
import { isNamedTag, propertyTypes, tagTypeCode, withTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import type { Rule } from "#rules/outlook/rule.ts";
import { Prefilter } from "#rules/prefilter.ts";
import type { Need } from "#rules/prefilter.ts";

interface Field {
  readonly tag: PropertyTag;
  readonly ofRecipients: boolean;
}

/** The same object for the same field: prefilters tell fields apart by identity. */
const fields = new Map<string, Field>();

function fieldOf(tag: PropertyTag, ofRecipients: boolean): Field {
  const key = `${ofRecipients ? "r" : ""}${tag}`;
  const field = fields.get(key) ?? { tag, ofRecipients };
  fields.set(key, field);
  return field;
}

const stringCode = propertyTypes.String.code;
const string8Code = propertyTypes.String8.code;

/** The text that must be there; null when nothing is that simple. */
function textOf({ tag, value }: TaggedValue): string | null {
  if (value instanceof Uint8Array) {
    // 8-bit text may be of any code page.
    return tagTypeCode(tag) === string8Code ? null : latin(value);
  }
  return typeof value === "string" ? value : null;
}

const latin = (raw: Uint8Array): string => Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString("latin1");

function needOf(restriction: Restriction, ofRecipients: boolean, depth = 0): Need<Field> | null {
  if (depth > 8) return null;
  switch (restriction.restrictType) {
    case restrictTypes.and: {
      for (const one of restriction.restricts) {
        const need = needOf(one, ofRecipients, depth + 1);
        if (need !== null) return need;
      }
      return null;
    }
    case restrictTypes.or: {
      const needs = restriction.restricts.map((one) => needOf(one, ofRecipients, depth + 1));
      const field = needs[0]?.field;
      if (field === undefined || needs.some((need) => need?.field !== field)) return null;
      return { field, texts: needs.flatMap((need) => need?.texts ?? []) };
    }
    case restrictTypes.content: {
      const { fuzzyLevelHigh: level, taggedValue } = restriction;
      const isPlain = taggedValue.value instanceof Uint8Array || level === fuzzyFlags.ignoreCase;
      return isPlain ? need(restriction.propertyTag, taggedValue, ofRecipients) : null;
    }
    case restrictTypes.property:
      return restriction.relOp === relationalOperators.equal
        ? need(restriction.propertyTag, restriction.taggedValue, ofRecipients) : null;
    case restrictTypes.subObject:
      return restriction.subobject === 0x0e12_000d ? needOf(restriction.restriction, true, depth + 1) : null;
    case restrictTypes.comment:
      return restriction.restriction === undefined ? null : needOf(restriction.restriction, ofRecipients, depth + 1);
    default: return null;
  }
}

function need(tag: PropertyTag, tagged: TaggedValue, ofRecipients: boolean): Need<Field> | null {
  const text = textOf(tagged);
  if (text === null || isNamedTag(tag)) return null;
  const stored = tagTypeCode(tag) === string8Code ? withTypeCode(tag, stringCode) : tag;
  return { field: fieldOf(stored, ofRecipients), texts: [text] };
}

function shownText(value: PropertyValue | undefined): string | null {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  return value instanceof Uint8Array ? latin(value) : null;
}

/** The values of a field as one text; null when they are none. */
export function fieldText(object: Testable, { tag, ofRecipients }: Field): string | null {
  if (!ofRecipients) return shownText(object.get(tag));
  const texts: string[] = [];
  for (const recipient of object.recipients?.() ?? []) {
    const text = shownText(recipient.get(tag));
    if (text === null) return null;
    texts.push(text);
  }
  return texts.join("\n");
}

const compiled = new WeakMap<readonly Rule[], Prefilter<Rule, Field>>();

/** Made once for a list of rules, which must not change after. [MS-OXORULE] 2.2.1.3.1.2 */
export function compileRules(rules: readonly Rule[]): Prefilter<Rule, Field> {
  let found = compiled.get(rules);
  if (found === undefined) {
    const inOrder = rules.toSorted((a, b) => a.sequence - b.sequence).slice(0, limits.rulesPerFolderMax);
    found = new Prefilter(inOrder, (rule) =>
      (rule.broken !== null || rule.condition === null ? null : needOf(rule.condition, false)));
    compiled.set(rules, found);
  }
  return found;
}
