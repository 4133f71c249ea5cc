/** Read bodies over the directory's tables: one row type, lookups by address, id, name; resolution of addresses. */
import type { EntryId, FolderId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Resolution } from "#directory/api.ts";
import { tryParseAddress, withoutDetail } from "#directory/address.ts";
import type { AccessRight, EntryKind, Role } from "#directory/kinds.ts";
import { parseGroupQuery, queryCondition } from "#directory/query.ts";
import { isGated, settingsOf } from "#directory/settings.ts";
import { all, get } from "#store/sql.ts";
import type { SqlValue, Work } from "#store/sql.ts";

/** One entry as it stands in its row. */
export interface Entry {
  readonly entryId: EntryId;
  readonly kind: EntryKind;
  /** Primary address, normalised; of a contact the address outside. */
  readonly address: string;
  readonly displayName: string;
  readonly mailboxId: MailboxId | null;
  readonly legacyDn: string;
  readonly language: string;
  readonly quotaBytes: number | null;
  readonly disabled: boolean;
  readonly hidden: boolean;
  /** Switches that are off. */
  readonly protocolsOff: readonly string[];
  readonly managedBy: EntryId | null;
  readonly dynamicQuery: string | null;
  readonly autoAccept: boolean;
  readonly createdMs: number;
  readonly cn: number;
}

interface EntryRow {
  entry_id: number; kind: string; address: string; display_name: string; mailbox_id: number | null; legacy_dn: string;
  language: string; quota_bytes: number | null; disabled: number; hidden: number; protocols_off: string;
  managed_by: number | null; dynamic_query: string | null; auto_accept: number; created_ms: number; cn: number;
}

const columns = `e.entry_id, e.kind, e.address, e.display_name, e.mailbox_id, e.legacy_dn, e.language, e.quota_bytes,
  e.disabled, e.hidden, e.protocols_off, e.managed_by, e.dynamic_query, e.auto_accept, e.created_ms, e.cn`;

function toEntry(row: EntryRow): Entry {
  return {
    entryId: row.entry_id as EntryId, kind: row.kind as EntryKind, address: row.address,
    displayName: row.display_name, mailboxId: row.mailbox_id as MailboxId | null, legacyDn: row.legacy_dn,
    language: row.language, quotaBytes: row.quota_bytes, disabled: row.disabled !== 0, hidden: row.hidden !== 0,
    protocolsOff: row.protocols_off === "" ? [] : row.protocols_off.split(","),
    managedBy: row.managed_by as EntryId | null, dynamicQuery: row.dynamic_query, autoAccept: row.auto_accept !== 0,
    createdMs: row.created_ms, cn: row.cn,
  };
}

function* entryWhere(condition: string, ...values: SqlValue[]): Work<Entry | null> {
  const row = yield* get<EntryRow>(`SELECT ${columns} FROM entry e WHERE ${condition}`, ...values);
  return row === undefined ? null : toEntry(row);
}

export function entryById(entryId: number): Work<Entry | null> {
  return entryWhere("e.entry_id = $1", entryId);
}

export function entryByMailbox(mailboxId: number): Work<Entry | null> {
  return entryWhere("e.mailbox_id = $1", mailboxId);
}

export function entryByLegacyDn(legacyDn: string): Work<Entry | null> {
  return entryWhere("e.legacy_dn_key = $1", legacyDn.toLowerCase());
}

/** The entry that owns exactly this address: primary, alias, or foreign (`x500:…`). */
export function entryByAddressKey(key: string): Work<Entry | null> {
  return entryWhere("e.entry_id = (SELECT entry_id FROM entry_address WHERE address_key = $1)", key);
}

/** The entry an address leads to, also with a detail (`user+detail`). `key` is normalised. */
export function* entryByAddress(key: string): Work<Entry | null> {
  const exact = yield* entryByAddressKey(key);
  if (exact !== null) return exact;
  const base = withoutDetail(key);
  return base === null ? null : yield* entryByAddressKey(base);
}

/** The first entry of a kind. */
export function entryByMailKind(kind: EntryKind): Work<Entry | null> {
  return entryWhere("e.entry_id = (SELECT MIN(entry_id) FROM entry WHERE kind = $1)", kind);
}

/** Entries in order of name, one page: those after (`afterNameKey`, `afterId`). */
export function* entriesPage(request: {
  kind: EntryKind | null; afterNameKey: string; afterId: number; limitRows: number;
}): Work<{ entries: Entry[]; lastNameKey: string }> {
  const kind = request.kind === null ? "" : "e.kind = $4 AND ";
  const values: SqlValue[] = [request.afterNameKey, request.afterId, request.limitRows];
  if (request.kind !== null) values.push(request.kind);
  const rows = yield* all<EntryRow & { name_key: string }>(
    `SELECT ${columns}, e.name_key FROM entry e
     WHERE ${kind}(e.name_key > $1 OR (e.name_key = $1 AND e.entry_id > $2))
     ORDER BY e.name_key, e.entry_id LIMIT $3`, ...values);
  return { entries: rows.map(toEntry), lastNameKey: rows.at(-1)?.name_key ?? "" };
}

/** Several entries at once; those that are gone are left out. */
export function* entriesByIds(entryIds: readonly number[]): Work<Entry[]> {
  if (entryIds.length === 0) return [];
  const marks = entryIds.map((_, index) => `$${index + 1}`).join(", ");
  const rows = yield* all<EntryRow>(`SELECT ${columns} FROM entry e WHERE e.entry_id IN (${marks})`, ...entryIds);
  return rows.map(toEntry);
}

export interface DomainInfo {
  readonly name: string;
  readonly isDefault: boolean;
  /** Who gets what is addressed to nobody; null for nobody. */
  readonly catchAll: string | null;
}

/** All domains, the default one first. */
export function* domains(): Work<DomainInfo[]> {
  const rows = yield* all<{ name: string; is_default: number; catch_all: string | null }>(
    `SELECT d.name, d.is_default, e.address AS catch_all FROM mail_domain d
     LEFT JOIN entry e ON e.entry_id = d.catch_all_id ORDER BY d.is_default DESC, d.name`);
  return rows.map((row) => ({ name: row.name, isDefault: row.is_default !== 0, catchAll: row.catch_all }));
}

export function* isLocalDomainWork(domain: string): Work<boolean> {
  return (yield* get("SELECT name FROM mail_domain WHERE name = $1", domain)) !== undefined;
}

export interface AddressInfo {
  readonly type: string;
  readonly value: string;
}

/** Every address of an entry; the primary one first, then in order. */
export function* addressesOf(entryId: number): Work<AddressInfo[]> {
  return yield* all<AddressInfo>(
    `SELECT a.type, a.value FROM entry_address a JOIN entry e ON e.entry_id = a.entry_id WHERE a.entry_id = $1
     ORDER BY CASE WHEN a.address_key = e.address THEN 0 ELSE 1 END, a.type, a.value`, entryId);
}

export interface AttributeValue {
  readonly key: string;
  readonly text: string | null;
  readonly bytes: Uint8Array | null;
}

/** Address-book attributes of an entry; binary ones only when asked for. */
export function* attributesOf(entryId: number, withBinary = false): Work<AttributeValue[]> {
  const bytes = withBinary ? "binary_value" : "NULL";
  return yield* all<AttributeValue>(
    `SELECT key, text_value AS text, ${bytes} AS bytes FROM entry_attribute WHERE entry_id = $1 ORDER BY key, position`,
    entryId);
}

export interface GrantInfo {
  readonly granteeId: EntryId;
  readonly granteeKind: EntryKind;
  readonly granteeAddress: string;
  readonly right: AccessRight;
}

/** What others may do with an entry's mailbox. */
export function* grantsOn(targetId: number): Work<GrantInfo[]> {
  return yield* all<GrantInfo>(
    `SELECT g.grantee_id AS "granteeId", e.kind AS "granteeKind", e.address AS "granteeAddress",
       g.access_right AS "right"
     FROM entry_grant g JOIN entry e ON e.entry_id = g.grantee_id WHERE g.target_id = $1
     ORDER BY e.address, g.access_right`, targetId);
}

export interface RoleInfo {
  readonly role: Role;
  /** null: over everybody. */
  readonly overId: EntryId | null;
  readonly overAddress: string | null;
}

export function* rolesOf(entryId: number): Work<RoleInfo[]> {
  const rows = yield* all<{ role: Role; over_id: number; address: string | null }>(
    `SELECT r.role, r.over_id, e.address FROM entry_role r LEFT JOIN entry e ON e.entry_id = r.over_id
     WHERE r.entry_id = $1 ORDER BY r.role, r.over_id`, entryId);
  return rows.map((row) => ({
    role: row.role, overId: row.over_id === 0 ? null : row.over_id as EntryId, overAddress: row.address,
  }));
}

/** The mailboxes a person was granted something on; for shared mailboxes that appear by themselves. */
export function* grantsTo(granteeIds: readonly number[]): Work<{ targetId: EntryId; right: AccessRight }[]> {
  const found: { targetId: EntryId; right: AccessRight }[] = [];
  for (const granteeId of granteeIds) {
    found.push(...yield* all<{ targetId: EntryId; right: AccessRight }>(
      `SELECT target_id AS "targetId", access_right AS "right" FROM entry_grant WHERE grantee_id = $1
       ORDER BY target_id, access_right`, granteeId));
  }
  return found;
}

/** Direct members of a group; of a dynamic one those its query finds now. */
export function* membersOf(group: Entry): Work<Entry[]> {
  if (group.dynamicQuery !== null) {
    const condition = queryCondition(parseGroupQuery(group.dynamicQuery), 2);
    const rows = yield* all<EntryRow>(
      `SELECT ${columns} FROM entry e WHERE ${condition.text} ORDER BY e.entry_id LIMIT $1`,
      limits.groupMembersMax, ...condition.values);
    return rows.map(toEntry).filter((entry) => entry.entryId !== group.entryId);
  }
  const rows = yield* all<EntryRow>(
    `SELECT ${columns} FROM group_member m JOIN entry e ON e.entry_id = m.member_id WHERE m.group_id = $1
     ORDER BY e.address LIMIT $2`, group.entryId, limits.groupMembersMax);
  return rows.map(toEntry);
}

/** The entry itself and every group it is in, through groups in groups and dynamic groups. */
export function* selfAndGroupsOf(entryId: number): Work<number[]> {
  const seen = new Set<number>([entryId]);
  const dynamicGroups = yield* all<{ entry_id: number; dynamic_query: string }>(
    "SELECT entry_id, dynamic_query FROM entry WHERE dynamic_query IS NOT NULL");
  // The set grows while it is walked: iteration over a Set visits what was added.
  for (const memberId of seen) {
    const rows = yield* all<{ group_id: number }>("SELECT group_id FROM group_member WHERE member_id = $1", memberId);
    for (const row of rows) seen.add(row.group_id);
    for (const group of dynamicGroups) {
      if (seen.has(group.entry_id)) continue;
      const condition = queryCondition(parseGroupQuery(group.dynamic_query), 2);
      const found = yield* get(`SELECT e.entry_id FROM entry e WHERE e.entry_id = $1 AND ${condition.text}`,
        memberId, ...condition.values);
      if (found !== undefined) seen.add(group.entry_id);
    }
  }
  return [...seen];
}

/**
 * Where mail for an address goes. A group gives all its mailboxes and outside addresses flat, each once, whatever
 * groups stand in groups; disabled members are left out. What nobody has may go to one entry of its domain.
 * `postmaster` of our domains always reaches somebody when there is an administrator. RFC 5321 §4.5.1
 */
export function* resolveWork(text: string): Work<Resolution> {
  const whole = text.toLowerCase() === "postmaster" ? yield* postmasterAddress() : text;
  const address = tryParseAddress(whole);
  if (address === null) return { kind: "unknown", address: text };
  const entry = yield* entryByAddress(address.key);
  if (entry === null) {
    if (!(yield* isLocalDomainWork(address.domain))) return { kind: "remote", address: address.key };
    const other = address.local === "postmaster" ? yield* firstAdministrator() : yield* catchAllOf(address.domain);
    return other === null ? { kind: "unknown", address: address.key } : yield* resolveEntry(other);
  }
  return yield* resolveEntry(entry, address.key);
}

function catchAllOf(domain: string): Work<Entry | null> {
  return entryWhere("e.entry_id = (SELECT catch_all_id FROM mail_domain WHERE name = $1)", domain);
}

function* postmasterAddress(): Work<string> {
  const domain = (yield* domains())[0];
  return domain === undefined ? "postmaster" : `postmaster@${domain.name}`;
}

function* firstAdministrator(): Work<Entry | null> {
  return yield* entryWhere(`e.entry_id = (SELECT MIN(r.entry_id) FROM entry_role r JOIN entry a
    ON a.entry_id = r.entry_id WHERE r.role = 'organisation-admin' AND a.disabled = 0 AND a.mailbox_id IS NOT NULL)`);
}

function* resolveEntry(entry: Entry, asked: string = entry.address): Work<Resolution> {
  if (entry.disabled) return { kind: "disabled", address: asked };
  if (entry.kind !== "group") return yield* single(entry);
  const directMembers = new Map<number, readonly Entry[]>();
  const { members, groups } = yield* openGroup(entry, directMembers, () => false);
  const all = { kind: "group", entryId: entry.entryId, address: entry.address, members } as const;
  const gated: Entry[] = [];
  for (const group of groups) if (group !== entry && isGated(yield* settingsOf(group.entryId))) gated.push(group);
  if (gated.length === 0) return all;
  const closed = new Set(gated.map(({ entryId }) => entryId));
  const open = yield* openGroup(entry, directMembers, ({ entryId }) => closed.has(entryId));
  // A closed group inside a closed group is that one's to open.
  const names = open.closed.map(({ entryId, address }) => ({ entryId, address }));
  return { ...all, delivery: { members: open.members, gated: names } };
}

/** Everybody in a group, groups in it opened but those that are closed. Circles end, as each is looked at once. */
function* openGroup(
  entry: Entry, known: Map<number, readonly Entry[]>, isClosed: (group: Entry) => boolean,
): Work<{ members: Resolution[]; groups: Entry[]; closed: Entry[] }> {
  const members: Resolution[] = [];
  const closed: Entry[] = [];
  const seen = new Set<number>([entry.entryId]);
  const groups: Entry[] = [entry];
  for (const group of groups) {
    const direct = known.get(group.entryId) ?? (yield* membersOf(group));
    known.set(group.entryId, direct);
    for (const member of direct) {
      if (seen.has(member.entryId) || member.disabled) continue;
      seen.add(member.entryId);
      if (member.kind !== "group") {
        if (members.length < limits.groupMembersMax) members.push(yield* single(member));
      } else if (isClosed(member)) closed.push(member);
      else groups.push(member);
    }
  }
  return { members, groups, closed };
}

function* single(entry: Entry): Work<Resolution> {
  if (entry.kind === "public-folder") return yield* publicFolder(entry);
  // To public folders as a whole nobody writes.
  if (entry.mailboxId === null || entry.kind === "public-store") {
    // A contact is outside; anybody else without a mailbox takes no mail.
    return { kind: entry.kind === "contact" ? "remote" : "disabled", address: entry.address };
  }
  return { kind: "mailbox", mailboxId: entry.mailboxId, entryId: entry.entryId, address: entry.address };
}

function* publicFolder({ entryId, address }: Entry): Work<Resolution> {
  const [folderId] = (yield* settingsOf(entryId)).get("public-folder") ?? [];
  const store = yield* entryByMailKind("public-store");
  if (folderId === undefined || store === null || store.mailboxId === null) return { kind: "disabled", address };
  return { kind: "mailbox", mailboxId: store.mailboxId, entryId, address, folderId: Number(folderId) as FolderId };
}

/** Counts every change of the directory; caches compare it. */
export function* directoryVersion(): Work<number> {
  return (yield* get<{ value: number }>("SELECT value FROM counter WHERE name = 'directory'"))?.value ?? 0;
}

/** Entries changed or removed after a change number, and the newest number of the directory; before 0 only that. */
export function* entriesChangedSince(cn: number): Work<{ entryIds: number[]; newestCn: number }> {
  if (cn < 0) {
    const newest = yield* get<{ value: number }>("SELECT value FROM counter WHERE name = 'cn'");
    return { entryIds: [], newestCn: newest?.value ?? 0 };
  }
  const rows = yield* all<{ entry_id: number; cn: number }>(
    `SELECT entry_id, cn FROM entry WHERE cn > $1
     UNION ALL SELECT entry_id, cn FROM entry_tombstone WHERE cn > $1`, cn);
  const newestCn = rows.reduce((newest, row) => Math.max(newest, row.cn), cn);
  return { entryIds: rows.map((row) => row.entry_id), newestCn };
}
