/** Entries as plain data for people and scripts: what `show` and `list` print. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Admin } from "#admin/admin.ts";
import { forMessage, parseAddress } from "#directory/address.ts";
import { attributeNamed } from "#directory/attributes.ts";
import { protocolSwitches } from "#directory/kinds.ts";
import type { EntryKind } from "#directory/kinds.ts";
import {
  addressesOf, attributesOf, entryByAddressKey, entryById, grantsOn, membersOf, rolesOf,
} from "#directory/reads.ts";
import type { Entry } from "#directory/reads.ts";
import { delegatesOf, settingNamed, settingsOf } from "#directory/settings.ts";
import { serverScope } from "#store/api.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface EntrySummary {
  readonly address: string;
  readonly kind: EntryKind;
  readonly displayName: string;
  readonly mailboxId: number | null;
  readonly quotaBytes: number | null;
  readonly disabled: boolean;
  readonly hidden: boolean;
}

export interface EntryView extends EntrySummary {
  readonly entryId: number;
  readonly aliases: readonly string[];
  /** Foreign addresses as `type:value`. */
  readonly proxyAddresses: readonly string[];
  readonly legacyExchangeDN: string;
  readonly language: string;
  readonly hasPassword: boolean;
  readonly protocols: Readonly<Record<string, "on" | "off">>;
  /** Text attributes; of binary ones only that they are there. */
  readonly attributes: Readonly<Record<string, string | readonly string[]>>;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  /** See `directory/settings.ts`; those that were set. */
  readonly settings: Readonly<Record<string, readonly string[]>>;
  readonly delegates: readonly {
    readonly address: string; readonly meetingCopies: boolean; readonly seesPrivate: boolean;
  }[];
  readonly grants: readonly { readonly to: string; readonly right: string }[];
  readonly managedBy: string | null;
  readonly query: string | null;
  readonly members: readonly string[] | null;
  readonly autoAccept: boolean | null;
  readonly createdMs: number;
}

export function summarise(entry: Entry): EntrySummary {
  return {
    address: entry.address, kind: entry.kind, displayName: entry.displayName, mailboxId: entry.mailboxId,
    quotaBytes: entry.quotaBytes, disabled: entry.disabled, hidden: entry.hidden,
  };
}

/** All entries of some kinds, in order of name. */
export async function listEntries(ctx: Ctx, admin: Admin, kinds: readonly EntryKind[]): Promise<EntrySummary[]> {
  const found: EntrySummary[] = [];
  for await (const page of admin.directory.entries(ctx, kinds.length === 1 ? kinds[0]! : null)) {
    for (const entry of page) if (kinds.length === 0 || kinds.includes(entry.kind)) found.push(summarise(entry));
  }
  return found;
}

/** Fault `notFound` when nobody of these kinds has the address. */
export async function showEntry(
  ctx: Ctx, admin: Admin, address: string, kinds: readonly EntryKind[] = [],
): Promise<EntryView> {
  const { key } = parseAddress(address);
  const view = await admin.store.read(ctx, serverScope, function* (): Work<EntryView | null> {
    const entry = yield* entryByAddressKey(key);
    return entry === null || (kinds.length > 0 && !kinds.includes(entry.kind)) ? null : yield* entryView(entry);
  });
  if (view === null) {
    throw new Fault("notFound", `There is no ${kinds.length === 1 ? kinds[0]! : "entry"} ${forMessage(key)}.`);
  }
  return view;
}

function* entryView(entry: Entry): Work<EntryView> {
  const addresses = yield* addressesOf(entry.entryId);
  const roles = yield* rolesOf(entry.entryId);
  const grants = yield* grantsOn(entry.entryId);
  const groups = yield* all<{ address: string }>(
    `SELECT g.address FROM group_member m JOIN entry g ON g.entry_id = m.group_id WHERE m.member_id = $1
     ORDER BY g.address`,
    entry.entryId);
  const password = yield* get("SELECT entry_id FROM credential WHERE entry_id = $1", entry.entryId);
  const manager = entry.managedBy === null ? null : yield* entryById(entry.managedBy);
  const isRoom = entry.kind === "room" || entry.kind === "equipment";
  return {
    ...summarise(entry), entryId: entry.entryId,
    aliases: addresses.filter((row) => row.type === "smtp" && row.value !== entry.address).map((row) => row.value),
    proxyAddresses: addresses.filter((row) => row.type !== "smtp").map((row) => `${row.type}:${row.value}`),
    legacyExchangeDN: entry.legacyDn, language: entry.language, hasPassword: password !== undefined,
    protocols: Object.fromEntries(protocolSwitches.map((name) =>
      [name, entry.protocolsOff.includes(name) ? "off" as const : "on" as const])),
    attributes: yield* attributeView(entry.entryId),
    roles: roles.map((row) => row.overAddress === null ? row.role : `${row.role} over ${row.overAddress}`),
    groups: groups.map((row) => row.address),
    grants: grants.map((row) => ({ to: row.granteeAddress, right: row.right })),
    settings: yield* settingView(entry.entryId), delegates: yield* delegateView(entry.entryId),
    managedBy: manager?.address ?? null, query: entry.dynamicQuery,
    members: entry.kind === "group" ? (yield* membersOf(entry)).map((member) => member.address) : null,
    autoAccept: isRoom ? entry.autoAccept : null, createdMs: entry.createdMs,
  };
}

function* settingView(entryId: number): Work<Record<string, readonly string[]>> {
  const view: Record<string, readonly string[]> = {};
  for (const [name, values] of yield* settingsOf(entryId)) {
    if (settingNamed(name)?.values !== "entries") {
      view[name] = values;
      continue;
    }
    const shown: string[] = [];
    for (const value of values) {
      const entry = yield* entryById(Number(value));
      if (entry !== null) shown.push(entry.address);
    }
    view[name] = shown;
  }
  return view;
}

function* delegateView(entryId: number): Work<EntryView["delegates"]> {
  const found: { address: string; meetingCopies: boolean; seesPrivate: boolean }[] = [];
  for (const { delegateId, meetingCopies, seesPrivate } of yield* delegatesOf(entryId)) {
    const entry = yield* entryById(delegateId);
    if (entry !== null) found.push({ address: entry.address, meetingCopies, seesPrivate });
  }
  return found;
}

function* attributeView(entryId: number): Work<Record<string, string | string[]>> {
  const view: Record<string, string | string[]> = {};
  for (const value of yield* attributesOf(entryId)) {
    const row = attributeNamed(value.key);
    let shown = value.text ?? "(set)";
    if (row?.type === "entry") shown = (yield* entryById(Number(value.text)))?.address ?? shown;
    const before = view[value.key];
    if (row?.many !== true) view[value.key] = shown;
    else view[value.key] = before === undefined ? [shown] : [...before, shown];
  }
  return view;
}

/** Who has which role, in order of address. */
export function listRoles(ctx: Ctx, admin: Admin): Promise<{ address: string; role: string }[]> {
  return admin.store.read(ctx, serverScope, function* (): Work<{ address: string; role: string }[]> {
    const rows = yield* all<{ address: string; role: string; over_address: string | null }>(
      `SELECT e.address, r.role, o.address AS over_address FROM entry_role r JOIN entry e ON e.entry_id = r.entry_id
       LEFT JOIN entry o ON o.entry_id = r.over_id ORDER BY e.address, r.role, o.address`);
    return rows.map((row) => ({
      address: row.address, role: row.over_address === null ? row.role : `${row.role} over ${row.over_address}`,
    }));
  });
}
