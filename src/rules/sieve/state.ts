/** What a running script knows, and what it has decided so far. */
import { limits } from "#base/limits.ts";
import type { Decision } from "#rules/decisions.ts";
import type { RuleMessage } from "#rules/message.ts";
import { Budget } from "#rules/sieve/match.ts";
import { Variables } from "#rules/sieve/variables.ts";
import type { SieveScript } from "#rules/sieve/check.ts";

export interface SieveWorld {
  /** UTC milliseconds. */
  readonly nowMs: number;
  /** The owner's time zone, minutes east of UTC. */
  readonly zoneMinutes?: number;
  /** What parts an address with a detail: `user+detail`. RFC 5233 §4 */
  readonly detailSeparator?: string;
  /** As `fileinto` names them. RFC 5490 §3.1 */
  readonly mailboxExists?: (path: string) => boolean;
  /** RFC 8579 §3; `path` null asks for any mailbox. */
  readonly hasSpecialUse?: (path: string | null, attribute: string) => boolean;
  /** RFC 7352 §3: whether the key was remembered and is not over. */
  readonly isDuplicate?: (key: string) => boolean;
  /** RFC 5183 §4.1: `domain`, `host`, `name`, `version`, … */
  readonly environment?: ReadonlyMap<string, string>;
}

/** Something that only shows as the script runs; it ends the script. RFC 5228 §2.10.6 */
export class SieveStop extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

export class SieveRun {
  readonly script: SieveScript;
  readonly message: RuleMessage;
  readonly world: SieveWorld;
  readonly budget = new Budget(limits.sieveWorkMax);
  readonly variables = new Variables();
  readonly decisions: Decision[] = [];
  /** The internal variable of flags. RFC 5232 §2 */
  flags: readonly string[] = [];
  keepsByItself = true;
  redirects = 0;
  readonly done = new Set<string>();

  constructor(script: SieveScript, message: RuleMessage, world: SieveWorld) {
    this.script = script;
    this.message = message;
    this.world = world;
  }

  get expands(): boolean {
    return this.script.required.has("variables");
  }

  text(value: string): string {
    return this.expands ? this.variables.expand(value) : value;
  }

  texts(values: readonly string[]): readonly string[] {
    return this.expands ? values.map((value) => this.variables.expand(value)) : values;
  }
}

/** Flags of a list of texts, parted by spaces, each once; capitals do not tell them apart. RFC 5232 §2 */
export function splitFlags(texts: readonly string[]): string[] {
  const found = new Map<string, string>();
  for (const text of texts) {
    for (const flag of text.split(/[ \t\r\n]+/)) {
      // Atoms only; what IMAP could not say is dropped. RFC 9051 §9 (flag)
      if (!/^\\?[^\s\\(){%*"\]\x00-\x1f\x7f]+$/.test(flag)) continue;
      if (found.size >= limits.keywordsMax) break;
      if (!found.has(flag.toLowerCase())) found.set(flag.toLowerCase(), flag);
    }
  }
  return [...found.values()];
}
