/** Changes of the domains this server takes mail for. */
import { Fault } from "#base/fault.ts";
import { normaliseDomain } from "#directory/address.ts";
import { beginChange, lockDirectory, requireEntry } from "#directory/changes.ts";
import type { By } from "#directory/changes.ts";
import { mailboxKinds } from "#directory/kinds.ts";
import { domains, isLocalDomainWork } from "#directory/reads.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface DomainArgs extends By {
  readonly name: string;
}

/** The first domain is the one that short sign-in names mean. */
export const addDomain = procedure({
  name: "directory.addDomain",
  *run(tx: Transaction, args: DomainArgs): Work<{ name: string; isDefault: boolean }> {
    yield* lockDirectory();
    const name = normaliseDomain(args.name);
    if (yield* isLocalDomainWork(name)) throw new Fault("alreadyExists", `${name} is a domain of this server already.`);
    const isDefault = (yield* domains()).length === 0;
    const cn = yield* beginChange(tx, args, "domain-add", name);
    yield* run("INSERT INTO mail_domain (name, is_default, created_ms, cn) VALUES ($1, $2, $3, $4)",
      name, isDefault ? 1 : 0, tx.nowMs, cn);
    return { name, isDefault };
  },
});

/** Fault `notAllowed` while somebody has an address in it. */
export const removeDomain = procedure({
  name: "directory.removeDomain",
  *run(tx: Transaction, args: DomainArgs): Work<void> {
    yield* lockDirectory();
    const name = normaliseDomain(args.name);
    const list = yield* domains();
    const domain = list.find((row) => row.name === name);
    if (domain === undefined) throw new Fault("notFound", `${name} is not a domain of this server.`);
    const used = yield* get<{ value: string }>(
      "SELECT value FROM entry_address WHERE type = 'smtp' AND value LIKE $1 ESCAPE '!' ORDER BY value LIMIT 1",
      `%@${name.replace(/[!%_]/g, "!$&")}`);
    if (used !== undefined) throw new Fault("notAllowed", `${name} is still in use, for example by ${used.value}.`);
    const cn = yield* beginChange(tx, args, "domain-remove", name);
    yield* run("DELETE FROM mail_domain WHERE name = $1", name);
    const heir = list.find((row) => row.name !== name);
    if (domain.isDefault && heir !== undefined) {
      yield* run("UPDATE mail_domain SET is_default = 1, cn = $2 WHERE name = $1", heir.name, cn);
    }
  },
});

export const setDefaultDomain = procedure({
  name: "directory.setDefaultDomain",
  *run(tx: Transaction, args: DomainArgs): Work<void> {
    yield* lockDirectory();
    const name = normaliseDomain(args.name);
    if (!(yield* isLocalDomainWork(name))) throw new Fault("notFound", `${name} is not a domain of this server.`);
    const cn = yield* beginChange(tx, args, "domain-default", name);
    yield* run("UPDATE mail_domain SET is_default = CASE WHEN name = $1 THEN 1 ELSE 0 END, cn = $2", name, cn);
  },
});

export interface CatchAllArgs extends DomainArgs {
  /** Who gets mail to addresses that nobody has; null for nobody: it is refused. */
  readonly address: string | null;
}

export const setCatchAll = procedure({
  name: "directory.setCatchAll",
  *run(tx: Transaction, args: CatchAllArgs): Work<{ name: string; address: string | null }> {
    yield* lockDirectory();
    const name = normaliseDomain(args.name);
    if (!(yield* isLocalDomainWork(name))) throw new Fault("notFound", `${name} is not a domain of this server.`);
    const entry = args.address === null ? null : yield* requireEntry(args.address, [...mailboxKinds, "group"]);
    const cn = yield* beginChange(tx, args, "domain-catch-all", name, entry?.address ?? "nobody");
    yield* run("UPDATE mail_domain SET catch_all_id = $2, cn = $3 WHERE name = $1", name, entry?.entryId ?? null, cn);
    return { name, address: entry?.address ?? null };
  },
});
