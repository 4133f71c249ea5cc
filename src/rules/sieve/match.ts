/** How values are held against keys: comparators, match types, relations. RFC 5228 §2.7, RFC 5231, RFC 4790 */

/** RFC 4790 §9 */
export const comparatorNames: ReadonlySet<string> = new Set(["i;octet", "i;ascii-casemap", "i;ascii-numeric"]);

export interface Matching {
  readonly type: "is" | "contains" | "matches" | "value" | "count";
  /** `gt` and such, of value and count. RFC 5231 §4 */
  readonly relation: string;
  readonly comparator: string;
}

/** The script took more work than any honest one. */
export class TooMuchWork extends Error {}

/** Work left for one run: one unit for each character that is compared. */
export class Budget {
  #left: number;

  constructor(units: number) {
    this.#left = units;
  }

  spend(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw new TooMuchWork("the script does too much work on this message");
  }
}

/** Letters A to Z alone; the length stays. RFC 4790 §9.2 */
export function foldAscii(text: string): string {
  return /[A-Z]/.test(text) ? text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
}

/** What stands for the whole and for each wildcard, after `matches`. RFC 5229 §3.2 */
export type Captures = readonly string[];

/** Whether one value matches one key; the captures when it is by `matches`. */
export function matchOne(value: string, key: string, how: Matching, budget: Budget): Captures | boolean {
  budget.spend(1 + value.length);
  const fold = how.comparator === "i;ascii-casemap" ? foldAscii : same;
  switch (how.type) {
    case "is":
      return how.comparator === "i;ascii-numeric" ? compareNumbers(value, key) === 0 : fold(value) === fold(key);
    case "contains": return fold(value).includes(fold(key));
    case "matches": return matchGlob(value, fold(value), fold(key), budget) ?? false;
    default: return holds(how.relation, compare(value, key, how.comparator));
  }
}

const same = (text: string): string => text;

/** RFC 5231 §4 */
export function holds(relation: string, order: number): boolean {
  switch (relation.toLowerCase()) {
    case "gt": return order > 0;
    case "ge": return order >= 0;
    case "lt": return order < 0;
    case "le": return order <= 0;
    case "eq": return order === 0;
    default: return order !== 0;
  }
}

export function compare(a: string, b: string, comparator: string): number {
  if (comparator === "i;ascii-numeric") return compareNumbers(a, b);
  const fold = comparator === "i;ascii-casemap" ? foldAscii : same;
  return Buffer.compare(Buffer.from(fold(a), "utf8"), Buffer.from(fold(b), "utf8"));
}

/** Digits at the start of a text; a text without is beyond all numbers. RFC 4790 §9.1.1 */
function compareNumbers(a: string, b: string): number {
  const one = /^\d+/.exec(a)?.[0].replace(/^0+(?=\d)/, "");
  const other = /^\d+/.exec(b)?.[0].replace(/^0+(?=\d)/, "");
  if (one === undefined || other === undefined) return (one === undefined ? 1 : 0) - (other === undefined ? 1 : 0);
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : one > other ? 1 : 0;
}

type Piece = { readonly text: string; readonly anyAt: readonly number[] };

interface Glob {
  /** Parted by `*`; `?` stands as a place in its piece. */
  readonly pieces: readonly Piece[];
  /** Wildcards in their order: false for `?`. */
  readonly stars: readonly boolean[];
}

/** `*`, `?`, and a backslash before what stands for itself. RFC 5228 §2.7.1 */
function parseGlob(pattern: string): Glob {
  const pieces: Piece[] = [];
  const stars: boolean[] = [];
  let text = "";
  let anyAt: number[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    if (character === "*") {
      stars.push(true);
      pieces.push({ text, anyAt });
      text = "";
      anyAt = [];
    } else if (character === "?") {
      stars.push(false);
      anyAt.push(text.length);
      text += "\0";
    } else text += character === "\\" && at + 1 < pattern.length ? pattern[++at]! : character;
  }
  pieces.push({ text, anyAt });
  return { pieces, stars };
}

/** The last pattern is kept: one pattern is held against many values. */
let lastGlob: { pattern: string; glob: Glob } | null = null;

/**
 * Each `*` takes as little as it can, from the left; the last piece stands at the end. No way back is ever needed, so
 * that the work is at most the length of the value times that of the longest piece, and the budget ends that too.
 * RFC 5228 §2.7.1, RFC 5229 §3.2
 */
function matchGlob(original: string, value: string, pattern: string, budget: Budget): Captures | null {
  if (lastGlob?.pattern !== pattern) lastGlob = { pattern, glob: parseGlob(pattern) };
  const { pieces, stars } = lastGlob.glob;
  const starts: number[] = [];
  let at = 0;
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index]!;
    const isLast = index === pieces.length - 1;
    if (index === 0) {
      if (!standsAt(value, piece, 0, budget) || (isLast && piece.text.length !== value.length)) return null;
      starts.push(0);
    } else if (isLast) {
      const start = value.length - piece.text.length;
      if (start < at || !standsAt(value, piece, start, budget)) return null;
      starts.push(start);
    } else {
      const start = find(value, piece, at, budget);
      if (start < 0) return null;
      starts.push(start);
    }
    at = starts[index]! + piece.text.length;
  }
  return captures(original, pieces, starts, stars);
}

function standsAt(value: string, piece: Piece, start: number, budget: Budget): boolean {
  const { text, anyAt } = piece;
  if (start + text.length > value.length) return false;
  budget.spend(text.length);
  if (anyAt.length === 0) return value.startsWith(text, start);
  let any = 0;
  for (let at = 0; at < text.length; at++) {
    if (anyAt[any] === at) any++;
    else if (value.charCodeAt(start + at) !== text.charCodeAt(at)) return false;
  }
  return true;
}

function find(value: string, piece: Piece, from: number, budget: Budget): number {
  if (piece.anyAt.length === 0) return value.indexOf(piece.text, from);
  for (let start = from; start + piece.text.length <= value.length; start++) {
    if (standsAt(value, piece, start, budget)) return start;
  }
  return -1;
}

function captures(
  value: string, pieces: readonly Piece[], starts: readonly number[], stars: readonly boolean[],
): Captures {
  const found = [value];
  let piece = 0;
  let any = 0;
  for (const isStar of stars) {
    if (found.length > 9) break;
    if (isStar) {
      found.push(value.slice(starts[piece]! + pieces[piece]!.text.length, starts[piece + 1]));
      piece++;
      any = 0;
    } else {
      const at = starts[piece]! + pieces[piece]!.anyAt[any++]!;
      found.push(value.slice(at, at + 1));
    }
  }
  return found;
}
