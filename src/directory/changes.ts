/** What every change of the directory has in common: its change number, its version, its line in the audit trail. */
import { Fault } from "#base/fault.ts";
import { domainOf, forMessage, parseAddress } from "#directory/address.ts";
import type { EntryKind } from "#directory/kinds.ts";
import { entryByAddressKey, entryByLegacyDn, isLocalDomainWork } from "#directory/reads.ts";
import type { Entry } from "#directory/reads.ts";
import type { Transaction } from "#store/api.ts";
import { takeCounter, takeServerCn } from "#store/server-cn.ts";
import { run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Who changes something, for the audit trail: `cli:root`, an address, `system`. */
export interface By {
  readonly by: string;
}

/** Writes the audit line and takes the change number; every procedure of the directory calls it once. */
export function* beginChange(
  tx: Transaction, args: By, action: string, target: string, detail = "",
): Work<number> {
  yield* addAudit({ atMs: tx.nowMs, actor: args.by, action, target, detail, client: "", repeated: 1 });
  return yield* takeServerCn();
}

/**
 * Counts the directory's version up, before anything is looked at: where several processes write (PostgreSQL) the
 * counter's row is the lock that makes changes of the directory serial.
 */
export function* lockDirectory(): Work<void> {
  yield* takeCounter("directory");
}

export interface AuditLine {
  readonly atMs: number;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly detail: string;
  /** Address of the client, empty for the command line. */
  readonly client: string;
  /** How often the same happened within the second this line stands for. */
  readonly repeated: number;
}

export function* addAudit(line: AuditLine): Work<void> {
  const auditId = yield* takeCounter("audit");
  yield* run(
    `INSERT INTO audit (audit_id, at_ms, actor, action, target, detail, client, repeated)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    auditId, line.atMs, line.actor, line.action, line.target, line.detail, line.client, line.repeated);
}

const kindNames: Record<EntryKind, string> = {
  user: "user", group: "group", shared: "shared mailbox", room: "room", equipment: "equipment", contact: "contact",
  "public-store": "mailbox of public folders", "public-folder": "public folder",
};

/** The entry of an address. Fault `notFound` when there is none or it is of another kind. */
export function* requireEntry(text: string, kinds: readonly EntryKind[] = []): Work<Entry> {
  const { key } = parseAddress(text);
  const entry = yield* entryByAddressKey(key);
  if (entry === null) {
    const wanted = kinds.length === 1 ? kindNames[kinds[0]!] : "entry";
    throw new Fault("notFound", `There is no ${wanted} ${forMessage(key)}.`);
  }
  if (kinds.length > 0 && !kinds.includes(entry.kind)) {
    const wanted = kinds.map((kind) => kindNames[kind]).join(" or ");
    throw new Fault("notFound", `${entry.address} is a ${kindNames[entry.kind]}, not a ${wanted}.`);
  }
  return entry;
}

/** An address of ours that nobody has. Fault `notFound` for a foreign domain, `alreadyExists` when taken. */
export function* requireFreeAddress(text: string): Work<string> {
  const { key } = parseAddress(text);
  const domain = domainOf(key);
  if (!(yield* isLocalDomainWork(domain))) {
    throw new Fault("notFound",
      `${domain} is not a domain of this server; add it with "outpost domain add ${domain}".`);
  }
  yield* requireFreeKey(key);
  return key;
}

export function* requireFreeKey(key: string): Work<void> {
  const owner = yield* entryByAddressKey(key);
  if (owner !== null) {
    const what = owner.address === key ? `a ${kindNames[owner.kind]}` : `an address of ${owner.address}`;
    throw new Fault("alreadyExists", `${key} is ${what} already.`);
  }
}

/** Fault `alreadyExists` when another entry has this legacyExchangeDN, as name or as x500 address. */
export function* requireFreeLegacyDn(legacyDn: string, exceptId: number): Work<void> {
  const owner = (yield* entryByLegacyDn(legacyDn)) ?? (yield* entryByAddressKey(`x500:${legacyDn.toLowerCase()}`));
  if (owner !== null && owner.entryId !== exceptId) {
    throw new Fault("alreadyExists", `${owner.address} has that legacyExchangeDN already.`);
  }
}

/** `/o=…/…/cn=…`, printable ASCII. Fault `invalidArgument`. */
export function checkLegacyDn(text: string): string {
  if (!/^(?:\/[a-zA-Z]+=[\x20-\x2e\x30-\x7e]{1,256}){2,20}$/.test(text) || text.length > 1024) {
    throw new Fault("invalidArgument",
      `"${forMessage(text)}" is not a legacyExchangeDN like /o=…/ou=…/cn=Recipients/cn=….`);
  }
  return text;
}

/** A name a person reads: one line, not empty, at most 256 characters. Fault `invalidArgument`. */
export function checkDisplayName(text: string): string {
  const name = text.normalize("NFC").trim();
  if (name === "" || name.length > 256 || /[\0-\x1f\x7f]/.test(name) || !name.isWellFormed()) {
    throw new Fault("invalidArgument", "The name is empty, longer than 256 characters, or holds a control character.");
  }
  return name;
}

/** The new change number on an entry whose links changed, so that whoever follows entries sees it. */
export function touchEntry(entryId: number, cn: number): Work<number> {
  return run("UPDATE entry SET cn = $2 WHERE entry_id = $1", entryId, cn);
}
