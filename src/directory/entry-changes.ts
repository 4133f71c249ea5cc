/** Changes of entries themselves: made, changed, given addresses and attributes, removed. */
import { Fault } from "#base/fault.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { domainOf, forMessage, parseAddress } from "#directory/address.ts";
import { putScramKeys } from "#directory/app-passwords.ts";
import {
  beginChange, checkDisplayName, checkLegacyDn, lockDirectory, requireEntry, requireFreeAddress, requireFreeKey,
  requireFreeLegacyDn, touchEntry,
} from "#directory/changes.ts";
import type { By } from "#directory/changes.ts";
import { attributeNamed } from "#directory/attributes.ts";
import { isOneOf, mailboxKinds, newLegacyDn, protocolSwitches } from "#directory/kinds.ts";
import type { EntryKind } from "#directory/kinds.ts";
import { parseGroupQuery } from "#directory/query.ts";
import { putSetting } from "#directory/setting-changes.ts";
import type { SettingChange } from "#directory/setting-changes.ts";
import { addressesOf, entryByAddressKey, entryById, isLocalDomainWork } from "#directory/reads.ts";
import type { Entry } from "#directory/reads.ts";
import type { NewScramKeys } from "#directory/scram-keys.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { takeCounter, takeServerCn } from "#store/server-cn.ts";
import { run } from "#store/sql.ts";
import type { SqlValue, Work } from "#store/sql.ts";

/** New values of one attribute; none takes it away. */
export interface AttributeChange {
  readonly key: string;
  readonly values: readonly (string | Uint8Array)[];
}

/** What may be changed of an entry; what is left out stays. */
export interface EntryChange {
  readonly displayName?: string;
  readonly language?: string;
  readonly quotaBytes?: number | null;
  readonly disabled?: boolean;
  readonly hidden?: boolean;
  readonly legacyDn?: string;
  readonly autoAccept?: boolean;
  /** Address of whoever may change the group; null for nobody. */
  readonly managedBy?: string | null;
  /** Makes a group dynamic, or with null static again. */
  readonly dynamicQuery?: string | null;
  /** Switches, true for on. */
  readonly protocols?: Readonly<Record<string, boolean>>;
  readonly attributes?: readonly AttributeChange[];
  /** See `settings.ts`; no value takes a setting away. */
  readonly settings?: readonly SettingChange[];
  readonly addAddresses?: readonly string[];
  readonly removeAddresses?: readonly string[];
  /** The new primary address; the old one stays as an alias. */
  readonly address?: string;
}

export interface AddEntryArgs extends By {
  readonly kind: EntryKind;
  readonly address: string;
  readonly displayName: string;
  /** From {@link reserveMailbox}; null for kinds without one. */
  readonly mailboxId: MailboxId | null;
  /** 32 random hex digits: procedures have no random numbers of their own. */
  readonly randomHex: string;
  readonly phc: string | null;
  /** What SCRAM needs of the same password; without it SCRAM works from the first sign-in in the clear on. */
  readonly scram?: NewScramKeys | null;
  readonly change: EntryChange;
}

/**
 * Takes a mailbox id for an entry to be made, after checking that its address can be had. The mailbox is made first
 * and the entry last, so that no entry ever points to a mailbox that is not there.
 */
export const reserveMailbox = procedure({
  name: "directory.reserveMailbox",
  *run(_tx: Transaction, args: { readonly address: string; readonly aliases: readonly string[] }): Work<MailboxId> {
    for (const address of [args.address, ...args.aliases]) yield* requireFreeAddress(address);
    return (yield* takeCounter("mailbox")) as MailboxId;
  },
});

export const addEntry = procedure({
  name: "directory.addEntry",
  *run(tx: Transaction, args: AddEntryArgs): Work<Entry> {
    yield* lockDirectory();
    const needsMailbox = mailboxKinds.includes(args.kind);
    if (needsMailbox !== (args.mailboxId !== null)) throw new Error(`a ${args.kind} with the wrong mailbox`);
    const parsed = parseAddress(args.address);
    if (args.kind === "contact") yield* checkContactAddress(parsed.key, parsed.domain);
    else yield* requireFreeAddress(parsed.key);
    const displayName = checkDisplayName(args.displayName);
    const entryId = (yield* takeCounter("entry")) as EntryId;
    const legacyDn = newLegacyDn(args.randomHex, parsed.local);
    const cn = yield* beginChange(tx, args, `${args.kind}-add`, parsed.key);
    yield* run(
      `INSERT INTO entry (entry_id, kind, address, display_name, name_key, mailbox_id, legacy_dn, legacy_dn_key,
         language, quota_bytes, disabled, hidden, protocols_off, managed_by, dynamic_query, auto_accept, created_ms, cn)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, 0, 0, '', NULL, NULL, $10, $11, $12)`,
      entryId, args.kind, parsed.key, displayName, displayName.toLowerCase(), args.mailboxId, legacyDn,
      legacyDn.toLowerCase(), args.change.language ?? "en", args.kind === "room" ? 1 : 0, tx.nowMs, cn);
    yield* addAddress(entryId, "smtp", parsed.key, parsed.key);
    if (args.phc !== null) yield* putPassword(entryId, args.phc, args.scram ?? null, tx.nowMs);
    yield* applyChange((yield* entryById(entryId))!, args.change, cn);
    return (yield* entryById(entryId))!;
  },
});

export interface EntryArgs extends By {
  readonly address: string;
  /** Only an entry of these kinds; empty for any. */
  readonly kinds: readonly EntryKind[];
}

export const setEntry = procedure({
  name: "directory.setEntry",
  *run(tx: Transaction, args: EntryArgs & { readonly change: EntryChange }): Work<Entry> {
    yield* lockDirectory();
    const entry = yield* requireEntry(args.address, args.kinds);
    const cn = yield* beginChange(tx, args, `${entry.kind}-set`, entry.address, describe(args.change));
    yield* applyChange(entry, args.change, cn);
    return (yield* entryById(entry.entryId))!;
  },
});

/** Takes an entry out of everything. The mailbox itself is removed after, by whoever called. */
export const removeEntry = procedure({
  name: "directory.removeEntry",
  *run(tx: Transaction, args: EntryArgs): Work<Entry> {
    yield* lockDirectory();
    const entry = yield* requireEntry(args.address, args.kinds);
    const id = entry.entryId;
    const cn = yield* beginChange(tx, args, `${entry.kind}-remove`, entry.address);
    yield* run("DELETE FROM entry_address WHERE entry_id = $1", id);
    yield* run("DELETE FROM entry_attribute WHERE entry_id = $1", id);
    yield* run("DELETE FROM entry_attribute WHERE key = 'manager' AND text_value = $1", String(id));
    yield* run("DELETE FROM group_member WHERE group_id = $1 OR member_id = $1", id);
    yield* run("DELETE FROM entry_grant WHERE target_id = $1 OR grantee_id = $1", id);
    yield* run("DELETE FROM entry_role WHERE entry_id = $1 OR over_id = $1", id);
    yield* run("DELETE FROM entry_setting WHERE entry_id = $1", id);
    yield* run("DELETE FROM published_calendar WHERE entry_id = $1", id);
    yield* run("DELETE FROM entry_delegate WHERE entry_id = $1 OR delegate_id = $1", id);
    for (const table of credentialTables) yield* run(`DELETE FROM ${table} WHERE entry_id = $1`, id);
    yield* run("DELETE FROM oauth_row WHERE account = $1", String(id));
    yield* run("UPDATE entry SET managed_by = NULL, cn = $2 WHERE managed_by = $1", id, cn);
    yield* run("DELETE FROM entry WHERE entry_id = $1", id);
    yield* run("INSERT INTO entry_tombstone (entry_id, kind, address, legacy_dn, cn) VALUES ($1, $2, $3, $4, $5)",
      id, entry.kind, entry.address, entry.legacyDn, cn);
    return entry;
  },
});

/** Tables with what somebody signs in with. */
const credentialTables = [
  "credential", "scram_key", "app_password", "second_factor", "recovery_code", "passkey", "sign_in", "web_session",
] as const;

export interface PasswordArgs extends By {
  readonly address: string;
  readonly phc: string;
  readonly scram?: NewScramKeys | null;
  /** Only when this is still the hash: for raising the cost at sign-in. */
  readonly expected: string | null;
}

export const setPassword = procedure({
  name: "directory.setPassword",
  *run(tx: Transaction, args: PasswordArgs): Work<void> {
    yield* lockDirectory();
    const entry = yield* requireEntry(args.address, ["user"]);
    if (args.expected !== null) {
      const same = yield* run("UPDATE credential SET phc = $3 WHERE entry_id = $1 AND name = 'password' AND phc = $2",
        entry.entryId, args.expected, args.phc);
      if (same > 0 && args.scram) yield* putScramKeys(entry.entryId, "password", args.scram);
      yield* takeServerCn();
      return;
    }
    const cn = yield* beginChange(tx, args, "password-set", entry.address);
    yield* putPassword(entry.entryId, args.phc, args.scram ?? null, tx.nowMs);
    // Browsers and programs that hold tokens sign in anew, as everybody who knew the old password.
    yield* run("DELETE FROM web_session WHERE entry_id = $1", entry.entryId);
    yield* run("DELETE FROM oauth_row WHERE account = $1", String(entry.entryId));
    yield* touchEntry(entry.entryId, cn);
  },
});

function* putPassword(entryId: number, phc: string, scram: NewScramKeys | null, nowMs: number): Work<void> {
  yield* run(
    `INSERT INTO credential (entry_id, name, phc, changed_ms) VALUES ($1, 'password', $2, $3)
     ON CONFLICT (entry_id, name) DO UPDATE SET phc = excluded.phc, changed_ms = excluded.changed_ms`,
    entryId, phc, nowMs);
  if (scram !== null) yield* putScramKeys(entryId, "password", scram);
  else yield* run("DELETE FROM scram_key WHERE entry_id = $1 AND credential = 'password'", entryId);
}

function* checkContactAddress(key: string, domain: string): Work<void> {
  if (yield* isLocalDomainWork(domain)) {
    throw new Fault("notAllowed", `${domain} is a domain of this server; a contact stands for somebody outside.`);
  }
  yield* requireFreeKey(key);
}

function* applyChange(entry: Entry, change: EntryChange, cn: number): Work<void> {
  yield* touchEntry(entry.entryId, cn);
  yield* applyColumns(entry, change);
  if (change.legacyDn !== undefined) yield* setLegacyDn(entry, change.legacyDn);
  for (const text of change.addAddresses ?? []) yield* addTypedAddress(entry, text);
  const primary = change.address === undefined ? entry.address : yield* setPrimaryAddress(entry, change.address);
  for (const text of change.removeAddresses ?? []) yield* removeTypedAddress(entry, primary, text);
  for (const attribute of change.attributes ?? []) yield* setAttribute(entry, attribute);
  for (const setting of change.settings ?? []) yield* putSetting(entry, setting);
}

function* applyColumns(entry: Entry, change: EntryChange): Work<void> {
  const columns: Record<string, SqlValue> = {};
  if (change.displayName !== undefined) {
    const name = checkDisplayName(change.displayName);
    columns.display_name = name;
    columns.name_key = name.toLowerCase();
  }
  if (change.language !== undefined) columns.language = checkLanguage(change.language);
  if (change.quotaBytes !== undefined) columns.quota_bytes = checkQuota(entry, change.quotaBytes);
  if (change.disabled !== undefined) columns.disabled = change.disabled ? 1 : 0;
  if (change.hidden !== undefined) columns.hidden = change.hidden ? 1 : 0;
  if (change.autoAccept !== undefined) {
    if (entry.kind !== "room" && entry.kind !== "equipment") {
      throw new Fault("invalidArgument", "Only rooms and equipment accept by themselves.");
    }
    columns.auto_accept = change.autoAccept ? 1 : 0;
  }
  if (change.managedBy !== undefined) {
    columns.managed_by = change.managedBy === null ? null : (yield* requireEntry(change.managedBy)).entryId;
  }
  if (change.dynamicQuery !== undefined) {
    if (entry.kind !== "group") throw new Fault("invalidArgument", "Only a group has a query.");
    if (change.dynamicQuery !== null) {
      parseGroupQuery(change.dynamicQuery);
      yield* run("DELETE FROM group_member WHERE group_id = $1", entry.entryId);
    }
    columns.dynamic_query = change.dynamicQuery;
  }
  if (change.protocols !== undefined) columns.protocols_off = switchProtocols(entry, change.protocols);
  const names = Object.keys(columns);
  if (names.length === 0) return;
  const assignments = names.map((name, index) => `${name} = $${index + 2}`).join(", ");
  yield* run(`UPDATE entry SET ${assignments} WHERE entry_id = $1`, entry.entryId, ...Object.values(columns));
}

function checkLanguage(text: string): string {
  if (!/^[a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{2,8}){0,3}$/.test(text)) {
    throw new Fault("invalidArgument", `"${forMessage(text)}" is not a language like en, de or pt-BR.`);
  }
  return text;
}

function checkQuota(entry: Entry, bytes: number | null): number | null {
  if (bytes === null) return null;
  if (entry.mailboxId === null) throw new Fault("invalidArgument", `${entry.address} has no mailbox and so no quota.`);
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new Fault("invalidArgument", "The quota is not a size.");
  return bytes;
}

function switchProtocols(entry: Entry, changes: Readonly<Record<string, boolean>>): string {
  const off = new Set<string>(entry.protocolsOff);
  for (const [protocol, isOn] of Object.entries(changes)) {
    if (!isOneOf(protocolSwitches, protocol)) {
      throw new Fault("invalidArgument", `"${forMessage(protocol)}" is not one of ${protocolSwitches.join(", ")}.`);
    }
    if (isOn) off.delete(protocol);
    else off.add(protocol);
  }
  return [...off].sort().join(",");
}

/** The old one stays as an x500 address: messages written before still point to it. */
function* setLegacyDn(entry: Entry, text: string): Work<void> {
  const legacyDn = checkLegacyDn(text);
  yield* requireFreeLegacyDn(legacyDn, entry.entryId);
  if (legacyDn === entry.legacyDn) return;
  yield* run("UPDATE entry SET legacy_dn = $2, legacy_dn_key = $3 WHERE entry_id = $1",
    entry.entryId, legacyDn, legacyDn.toLowerCase());
  yield* run("DELETE FROM entry_address WHERE address_key = $1 AND entry_id = $2",
    `x500:${legacyDn.toLowerCase()}`, entry.entryId);
  if (legacyDn.toLowerCase() !== entry.legacyDn.toLowerCase()) {
    yield* addAddress(entry.entryId, "x500", entry.legacyDn, `x500:${entry.legacyDn.toLowerCase()}`);
  }
}

/** `local@domain`, or `type:value` for a foreign kind of address such as x500, sip, fax. */
function splitTyped(text: string): { type: string; value: string; key: string } {
  const match = /^([A-Za-z][A-Za-z0-9]{1,8}):([\s\S]+)$/.exec(text);
  if (match === null || match[1]!.toLowerCase() === "smtp") {
    const { key } = parseAddress(match === null ? text : match[2]!);
    return { type: "smtp", value: key, key };
  }
  const type = match[1]!.toLowerCase();
  const value = type === "x500" ? checkLegacyDn(match[2]!) : match[2]!;
  if (value.length > 1024 || /[\0-\x1f\x7f]/.test(value)) {
    throw new Fault("invalidArgument", `"${forMessage(text)}" is not an address of the form type:value.`);
  }
  return { type, value, key: `${type}:${value.toLowerCase()}` };
}

function* addTypedAddress(entry: Entry, text: string): Work<void> {
  const { type, value, key } = splitTyped(text);
  const owner = yield* entryByAddressKey(key);
  if (owner?.entryId === entry.entryId) return;
  if (type === "smtp" && entry.kind !== "contact") yield* requireFreeAddress(value);
  else yield* requireFreeKey(key);
  if (type === "x500") yield* requireFreeLegacyDn(value, entry.entryId);
  if ((yield* addressesOf(entry.entryId)).length >= limits.addressesPerEntryMax) {
    throw new Fault("tooMany", `${entry.address} has ${limits.addressesPerEntryMax} addresses already.`);
  }
  yield* addAddress(entry.entryId, type, value, key);
}

function addAddress(entryId: number, type: string, value: string, key: string): Work<number> {
  return run("INSERT INTO entry_address (address_key, entry_id, type, value) VALUES ($1, $2, $3, $4)",
    key, entryId, type, value);
}

function* removeTypedAddress(entry: Entry, primary: string, text: string): Work<void> {
  const { key } = splitTyped(text);
  if (key === primary) {
    throw new Fault("notAllowed", `${key} is the primary address; choose another primary address first.`);
  }
  const count = yield* run("DELETE FROM entry_address WHERE address_key = $1 AND entry_id = $2", key, entry.entryId);
  if (count === 0) throw new Fault("notFound", `${entry.address} has no address ${forMessage(key)}.`);
}

function* setPrimaryAddress(entry: Entry, text: string): Work<string> {
  const { key } = parseAddress(text);
  const isLocal = yield* isLocalDomainWork(domainOf(key));
  if (isLocal === (entry.kind === "contact")) {
    throw new Fault("notAllowed", isLocal
      ? `${key} is in a domain of this server; a contact's own address is outside.`
      : `${domainOf(key)} is not a domain of this server.`);
  }
  const owner = yield* entryByAddressKey(key);
  if (owner === null) yield* addAddress(entry.entryId, "smtp", key, key);
  else if (owner.entryId !== entry.entryId) yield* requireFreeKey(key);
  yield* run("UPDATE entry SET address = $2 WHERE entry_id = $1", entry.entryId, key);
  return key;
}

function* setAttribute(entry: Entry, change: AttributeChange): Work<void> {
  const attribute = attributeNamed(change.key);
  if (attribute === undefined) throw new Fault("invalidArgument", `There is no attribute "${forMessage(change.key)}".`);
  const most = attribute.many ? limits.attributeValuesMax : 1;
  if (change.values.length > most) throw new Fault("invalidArgument", `${attribute.key} takes at most ${most} values.`);
  yield* run("DELETE FROM entry_attribute WHERE entry_id = $1 AND key = $2", entry.entryId, attribute.key);
  let position = 0;
  for (const value of change.values) {
    if ((typeof value !== "string") !== (attribute.type === "photo" || attribute.type === "certificate")) {
      throw new Fault("invalidArgument", typeof value === "string"
        ? `${attribute.key} comes from a file: ${attribute.key}=@FILE.` : `${attribute.key} is text, not a file.`);
    }
    if (typeof value !== "string") {
      checkBinary(attribute.key, value);
      yield* putAttribute(entry.entryId, attribute.key, position++, null, value);
    } else {
      const text = attribute.type === "entry" ? String((yield* requireEntry(value)).entryId)
        : checkText(attribute.key, attribute.type, value);
      yield* putAttribute(entry.entryId, attribute.key, position++, text, null);
    }
  }
}

function putAttribute(
  entryId: number, key: string, position: number, text: string | null, bytes: Uint8Array | null,
): Work<number> {
  return run(
    `INSERT INTO entry_attribute (entry_id, key, position, text_value, text_key, binary_value)
     VALUES ($1, $2, $3, $4, $5, $6)`, entryId, key, position, text, text === null ? null : text.toLowerCase(), bytes);
}

function checkText(key: string, type: string, value: string): string {
  const text = value.normalize("NFC");
  if (text.length > limits.attributeTextMaxCharacters || text.includes("\0") || !text.isWellFormed()) {
    const most = limits.attributeTextMaxCharacters;
    throw new Fault("invalidArgument", `${key} is longer than ${most} characters or not text.`);
  }
  if (type === "number" && !/^\d{1,9}$/.test(text)) {
    throw new Fault("invalidArgument", `${key} is a whole number, not "${forMessage(text)}".`);
  }
  return text;
}

function checkBinary(key: string, bytes: Uint8Array): void {
  if (bytes.length === 0 || bytes.length > limits.attributeBinaryMaxBytes) {
    throw new Fault("invalidArgument", `${key} is empty or larger than ${limits.attributeBinaryMaxBytes} bytes.`);
  }
}

/** What changed, for the audit trail: keys with their short values, never bytes. */
function describe(change: EntryChange): string {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(change)) {
    if (key === "attributes") {
      for (const attribute of change.attributes ?? []) {
        const values = attribute.values.map((one) => typeof one === "string" ? forMessage(one) : "@");
        parts.push(`${attribute.key}=${values.join(",")}`);
      }
    } else if (value !== undefined) {
      parts.push(`${key}=${forMessage(typeof value === "object" ? JSON.stringify(value) : String(value))}`);
    }
  }
  return parts.join(" ").slice(0, 1000);
}
