/**
 * Restrictions decided from as little as possible: first what a light row tells, then what the full-text index rules
 * out, and only for what is left whole items. [MS-OXCDATA] 2.12, [MS-OXCTABL] 3.2.5.5
 */
import type { LightRow } from "#mailbox/items/light.ts";
import type { TextCandidates } from "#mailbox/items/text-candidates.ts";
import { passes, tagsOf } from "#props/evaluate.ts";
import type { Testable } from "#props/evaluate.ts";
import { restrictTypes } from "#props/structures.ts";
import type { Restriction } from "#props/structures.ts";
import { multivalueInstanceFlag, tagTypeCode, withTypeCode } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";

/** undefined: not known yet. */
export type Verdict = boolean | undefined;

/** One test inside a restriction: what is not made of others. */
export type Leaf = Restriction;

/** What a light row tells, and whether it is of plain mail, of which it tells more. */
export interface LightTestable extends Testable {
  readonly isPlain: boolean;
  readonly row: LightRow;
}

/** What is known of one leaf: it can be tested on light rows, on those of plain mail, or it fails for all but some. */
export type Known = "light" | "plain" | TextCandidates | null;

type Decide = (row: LightTestable) => Verdict;

/** The verdict of a restriction on one row as far as it is known. */
export function decider(restriction: Restriction, known: (leaf: Leaf) => Known): Decide {
  switch (restriction.restrictType) {
    case restrictTypes.and: return all(restriction.restricts.map((one) => decider(one, known)), false);
    case restrictTypes.or: return all(restriction.restricts.map((one) => decider(one, known)), true);
    case restrictTypes.not: {
      const inner = decider(restriction.restriction, known);
      return (row) => {
        const verdict = inner(row);
        return verdict === undefined ? undefined : !verdict;
      };
    }
    case restrictTypes.comment:
      return restriction.restriction === undefined ? () => true : decider(restriction.restriction, known);
    case restrictTypes.count: return decider(restriction.restriction, known);
    default: return leafDecider(restriction, known(restriction));
  }
}

/** Decided by the first that is as `deciding`; in the order of the restriction. */
function all(parts: readonly Decide[], deciding: boolean): Decide {
  return (row) => {
    let isDecided = true;
    for (const part of parts) {
      const verdict = part(row);
      if (verdict === deciding) return deciding;
      if (verdict === undefined) isDecided = false;
    }
    return isDecided ? !deciding : undefined;
  };
}

function leafDecider(leaf: Leaf, known: Known): Decide {
  if (known === null) return () => undefined;
  if (known === "light") return (row) => passes(leaf, row);
  if (known === "plain") return (row) => (row.isPlain ? passes(leaf, row) : undefined);
  return ({ row }) => (known.may(row) ? undefined : false);
}

/** Every leaf, in order. */
export function leavesOf(restriction: Restriction, into: Leaf[] = []): Leaf[] {
  if ("restricts" in restriction) for (const one of restriction.restricts) leavesOf(one, into);
  else if (isInner(restriction)) {
    if (restriction.restriction !== undefined) leavesOf(restriction.restriction, into);
  } else into.push(restriction);
  return into;
}

function isInner(one: Restriction): one is Restriction & { readonly restriction?: Restriction } {
  return one.restrictType === restrictTypes.not || one.restrictType === restrictTypes.comment ||
    one.restrictType === restrictTypes.count;
}

/** Whether recipients or attachments are looked into. */
export function looksIntoParts(restriction: Restriction): boolean {
  return leavesOf(restriction).some((leaf) => leaf.restrictType === restrictTypes.subObject);
}

/** Whether a tag asks for the one value of a row that shows one of several. [MS-OXCTABL] 2.2.2.2 */
export const isInstanceTag = (tag: PropertyTag): boolean =>
  (tag & multivalueInstanceFlag) !== 0 && (tag & 0x1000) !== 0;

/** Whether the values of instances are tested, which only the table knows. */
export function testsInstances(restriction: Restriction): boolean {
  return [...tagsOf(restriction)].some(isInstanceTag);
}

/** The tags a restriction looks at, as items hold them. */
export function heldTagsOf(restriction: Restriction): PropertyTag[] {
  const held = new Set<PropertyTag>();
  for (const tag of tagsOf(restriction)) {
    const code = tagTypeCode(tag) & ~multivalueInstanceFlag;
    held.add(withTypeCode(tag, code === 0x1e ? 0x1f : code === 0x101e ? 0x101f : code));
  }
  return [...held];
}

/** How many rows a restriction lets pass at most. [MS-OXCDATA] 2.12.11 */
export function countLimitOf(restriction: Restriction | null): number {
  return restriction?.restrictType === restrictTypes.count ? restriction.count : Number.POSITIVE_INFINITY;
}
