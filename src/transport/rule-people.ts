/** People of the address book whom rules name: by their Internet addresses, which mail has. */
import type { Ctx } from "#base/ctx.ts";
import { distinguishedNames, withAddresses } from "#rules/outlook/recipients.ts";
import type { Rule } from "#rules/outlook/rule.ts";

export interface NamesDirectory {
  /** Left out where nobody has such a name. */
  entryByLegacyDn?(ctx: Ctx, legacyDn: string): Promise<{ readonly address: string } | null>;
}

export interface NamedRules {
  readonly rules: readonly Rule[];
  /** Internet addresses by distinguished name in small letters. */
  readonly resolved: ReadonlyMap<string, string>;
}

interface Known {
  readonly names: ReadonlySet<string>;
  /** As of the last message; the same as long as nobody's address changes. */
  last: NamedRules | null;
}

const known = new WeakMap<readonly Rule[], Known>();

export async function withPeople(ctx: Ctx, directory: NamesDirectory, rules: readonly Rule[]): Promise<NamedRules> {
  let found = known.get(rules);
  if (found === undefined) {
    found = { names: distinguishedNames(rules), last: null };
    known.set(rules, found);
  }
  const resolved = new Map<string, string>();
  for (const name of found.names) {
    const entry = await directory.entryByLegacyDn?.(ctx, name) ?? null;
    if (entry !== null) resolved.set(name, entry.address);
  }
  const { last } = found;
  if (last !== null && isSame(last.resolved, resolved)) return last;
  return (found.last = { rules: withAddresses(rules, resolved), resolved });
}

function isSame(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, address]) => other.get(name) === address);
}
