import { limits } from "#base/limits.ts";

/**
 * Whether a path matches a LIST pattern: `*` is any text, `%` any text without `/`. INBOX matches in any case.
 * Time is bounded by the product of both lengths. RFC 9051 §6.3.9
 */
export class PathPattern {
  readonly #pattern: string;

  constructor(pattern: string) {
    const folded = pattern.toUpperCase() === "INBOX" ? "INBOX" : pattern.replace(/^inbox(?=\/)/i, "INBOX");
    // A run of wildcards is as strong as its strongest; longer patterns than any path match nothing.
    const runs = folded.replace(/[*%]{2,}/g, (run) => (run.includes("*") ? "*" : "%"));
    this.#pattern = runs.length > limits.imapPatternMaxCharacters ? "" : runs;
  }

  matches(path: string): boolean {
    const pattern = this.#pattern;
    if (pattern === "*") return true;
    if (!/[*%]/.test(pattern)) return path === pattern;
    // reachable[i]: the pattern up to i matches the path read so far.
    let reachable = new Uint8Array(pattern.length + 1);
    reachable[0] = 1;
    closeOver(reachable, pattern);
    for (let at = 0; at < path.length; at++) {
      const next = new Uint8Array(pattern.length + 1);
      let isAny = false;
      for (let index = 0; index < pattern.length; index++) {
        if (reachable[index] === 0) continue;
        const wanted = pattern[index];
        if (wanted === "*" || (wanted === "%" && path[at] !== "/")) next[index] = 1;
        else if (wanted === path[at]) next[index + 1] = 1;
        else continue;
        isAny = true;
      }
      if (!isAny) return false;
      closeOver(next, pattern);
      reachable = next;
    }
    return reachable[pattern.length] === 1;
  }
}

/** A wildcard may match nothing. */
function closeOver(reachable: Uint8Array, pattern: string): void {
  for (let index = 0; index < pattern.length; index++) {
    if (reachable[index] === 1 && (pattern[index] === "*" || pattern[index] === "%")) reachable[index + 1] = 1;
  }
}
