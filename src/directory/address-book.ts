/**
 * The global address book as one ordered list in memory, for the protocols that page, seek and resolve names in it.
 * Read in slices when first asked for; afterwards only what changed is read again. [MS-OXOABK] 2.2
 */
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { attributeNamed } from "#directory/attributes.ts";
import type { AddressInfo, Entry } from "#directory/reads.ts";
import {
  directoryVersion, entriesByIds, entriesChangedSince, entriesPage, grantsOn, membersOf, selfAndGroupsOf,
} from "#directory/reads.ts";
import { settingsOf } from "#directory/settings.ts";
import { serverScope } from "#store/api.ts";
import type { Store } from "#store/api.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface AddressBookEntry extends Entry {
  /** Order of the book: folded display name. */
  readonly sortKey: string;
  /** Primary first; `type` smtp, x500, … */
  readonly addresses: readonly AddressInfo[];
  /** Text attributes by key of `attributes.ts`; binary ones are read on demand. */
  readonly attributes: ReadonlyMap<string, readonly string[]>;
}

/** One state of the book. Entries that are hidden can be found by name or address but stand in no list. */
export interface AddressBookView {
  readonly version: number;
  /** Visible entries in order. */
  readonly entries: readonly AddressBookEntry[];
  byId(entryId: number): AddressBookEntry | undefined;
  byLegacyDn(legacyDn: string): AddressBookEntry | undefined;
  /** `type` in lower case, as `smtp`. */
  byAddress(type: string, value: string): AddressBookEntry | undefined;
  /** Place of an entry among {@link entries}; -1 for one that is hidden or gone. */
  indexOf(entryId: number): number;
  /** Place of the first entry that does not stand before `text`. */
  seek(text: string): number;
  /** Ambiguous name resolution: entries one of whose names, words or addresses begins like the text. */
  find(text: string, limit: number): AddressBookEntry[];
}

/** Names compare without capitals and accents. */
export function sortKeyOf(name: string): string {
  return name.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase();
}

export class AddressBook {
  readonly #store: Store;
  #view: View | null = null;
  #refresh: Promise<View> | null = null;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The book as it is now. */
  async view(ctx: Ctx): Promise<AddressBookView> {
    const version = await this.#store.read(ctx, serverScope, directoryVersion);
    if (this.#view?.version === version) return this.#view;
    this.#refresh ??= this.#read(ctx, version).finally(() => {
      this.#refresh = null;
    });
    return await this.#refresh;
  }

  /** Direct members of a group that the book shows or knows; of a group that hides them, none. */
  async members(ctx: Ctx, group: AddressBookEntry): Promise<AddressBookEntry[]> {
    const view = await this.view(ctx);
    const members = await this.#store.read(ctx, serverScope, function* (): Work<Entry[]> {
      const [isHidden] = (yield* settingsOf(group.entryId)).get("hidden-members") ?? [];
      return isHidden === "on" ? [] : yield* membersOf(group);
    });
    return members.map((member) => view.byId(member.entryId)).filter((entry) => entry !== undefined);
  }

  /** Groups that an entry stands in directly, by hand or by query; those that hide their members are left out. */
  async groupsOf(ctx: Ctx, entryId: number): Promise<AddressBookEntry[]> {
    const view = await this.view(ctx);
    const { direct, around } = await this.#store.read(ctx, serverScope, function* () {
      const rows = yield* all<{ group_id: number }>(
        `SELECT group_id FROM group_member WHERE member_id = $1 AND group_id NOT IN
           (SELECT entry_id FROM entry_setting WHERE name = 'hidden-members' AND value = 'on')`, entryId);
      return { direct: new Set(rows.map((row) => row.group_id)), around: yield* selfAndGroupsOf(entryId) };
    });
    return around.map((id) => view.byId(id)).filter((entry) => entry !== undefined)
      .filter((entry) => direct.has(entry.entryId) || (entry.dynamicQuery !== null && entry.entryId !== entryId));
  }

  /** Whoever may send on behalf of an entry. */
  async sendersFor(ctx: Ctx, entryId: number): Promise<AddressBookEntry[]> {
    const view = await this.view(ctx);
    const grants = await this.#store.read(ctx, serverScope, () => grantsOn(entryId));
    return grants.filter(({ right }) => right === "send-on-behalf")
      .map(({ granteeId }) => view.byId(granteeId)).filter((entry) => entry !== undefined);
  }

  /** Values of one binary attribute: photo, certificate. */
  async binary(ctx: Ctx, entryId: number, key: string): Promise<Uint8Array[]> {
    const rows = await this.#store.read(ctx, serverScope, () => all<{ bytes: Uint8Array | null }>(
      `SELECT binary_value AS bytes FROM entry_attribute WHERE entry_id = $1 AND key = $2 ORDER BY position`,
      entryId, key));
    return rows.map((row) => row.bytes).filter((bytes) => bytes !== null);
  }

  async #read(ctx: Ctx, version: number): Promise<View> {
    const known = this.#view;
    const changes = known === null ? null
      : await this.#store.read(ctx, serverScope, () => entriesChangedSince(known.newestCn));
    const isSmall = changes !== null && changes.entryIds.length <= limits.sliceRows;
    this.#view = isSmall && known !== null ? await this.#patch(ctx, known, version, changes)
      : await this.#readAll(ctx, version);
    return this.#view;
  }

  async #patch(
    ctx: Ctx, known: View, version: number, changes: { entryIds: number[]; newestCn: number },
  ): Promise<View> {
    const entries = new Map(known.all);
    for (const entryId of changes.entryIds) entries.delete(entryId);
    const fresh = await this.#store.read(ctx, serverScope, () => readDetails(entriesByIds(changes.entryIds)));
    for (const entry of fresh) entries.set(entry.entryId, entry);
    return new View(version, changes.newestCn, entries);
  }

  async #readAll(ctx: Ctx, version: number): Promise<View> {
    const entries = new Map<number, AddressBookEntry>();
    let newestCn = 0;
    let afterNameKey = "";
    let afterId = -1;
    for (;;) {
      const request = { kind: null, afterNameKey, afterId, limitRows: limits.sliceRows };
      const page = await this.#store.read(ctx, serverScope, function* () {
        const { entries: found, lastNameKey } = yield* entriesPage(request);
        return { found: yield* withDetails(found), lastNameKey };
      });
      for (const entry of page.found) {
        entries.set(entry.entryId, entry);
        newestCn = Math.max(newestCn, entry.cn);
      }
      if (page.found.length < limits.sliceRows) return new View(version, newestCn, entries);
      afterNameKey = page.lastNameKey;
      afterId = page.found.at(-1)!.entryId;
      await yieldToOthers();
    }
  }
}

function* readDetails(work: Work<Entry[]>): Work<AddressBookEntry[]> {
  return yield* withDetails(yield* work);
}

/** Addresses and text attributes of a page of entries, in two queries. */
function* withDetails(entries: readonly Entry[]): Work<AddressBookEntry[]> {
  if (entries.length === 0) return [];
  const ids = entries.map((entry) => entry.entryId);
  const marks = ids.map((_, index) => `$${index + 1}`).join(", ");
  const addressRows = yield* all<AddressInfo & { entry_id: number }>(
    `SELECT entry_id, type, value FROM entry_address WHERE entry_id IN (${marks})
     ORDER BY entry_id, type, value`, ...ids);
  const attributeRows = yield* all<{ entry_id: number; key: string; text: string | null }>(
    `SELECT entry_id, key, text_value AS text FROM entry_attribute WHERE entry_id IN (${marks})
     ORDER BY entry_id, key, position`, ...ids);
  const addresses = Map.groupBy(addressRows, (row) => row.entry_id);
  const attributes = Map.groupBy(attributeRows, (row) => row.entry_id);
  return entries.map((entry) => ({
    ...entry, sortKey: sortKeyOf(entry.displayName), addresses: primaryFirst(entry, addresses.get(entry.entryId) ?? []),
    attributes: textsByKey(attributes.get(entry.entryId) ?? []),
  }));
}

function primaryFirst(entry: Entry, rows: readonly AddressInfo[]): AddressInfo[] {
  const isPrimary = (row: AddressInfo): boolean => row.type === "smtp" && row.value.toLowerCase() === entry.address;
  return [...rows.filter(isPrimary), ...rows.filter((row) => !isPrimary(row))]
    .map(({ type, value }) => ({ type, value }));
}

function textsByKey(rows: readonly { key: string; text: string | null }[]): Map<string, string[]> {
  const byKey = new Map<string, string[]>();
  for (const { key, text } of rows) {
    if (text === null) continue;
    const found = byKey.get(key);
    if (found === undefined) byKey.set(key, [text]);
    else found.push(text);
  }
  return byKey;
}

class View implements AddressBookView {
  readonly version: number;
  readonly newestCn: number;
  readonly all: ReadonlyMap<number, AddressBookEntry>;
  readonly entries: readonly AddressBookEntry[];
  readonly #places: ReadonlyMap<number, number>;
  #byName: ReadonlyMap<string, AddressBookEntry> | null = null;

  constructor(version: number, newestCn: number, all: ReadonlyMap<number, AddressBookEntry>) {
    this.version = version;
    this.newestCn = newestCn;
    this.all = all;
    this.entries = [...all.values()].filter((entry) => !entry.hidden).sort((a, b) =>
      (a.sortKey < b.sortKey ? -1 : Number(a.sortKey > b.sortKey)) || a.entryId - b.entryId);
    this.#places = new Map(this.entries.map((entry, index) => [entry.entryId, index]));
  }

  byId(entryId: number): AddressBookEntry | undefined {
    return this.all.get(entryId);
  }

  byLegacyDn(legacyDn: string): AddressBookEntry | undefined {
    return this.#names().get(`dn ${legacyDn.toLowerCase()}`);
  }

  byAddress(type: string, value: string): AddressBookEntry | undefined {
    return this.#names().get(`${type} ${value.toLowerCase()}`);
  }

  indexOf(entryId: number): number {
    return this.#places.get(entryId) ?? -1;
  }

  seek(text: string): number {
    const key = sortKeyOf(text);
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.entries[middle]!.sortKey < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  find(text: string, limit: number): AddressBookEntry[] {
    const key = sortKeyOf(text).trim();
    if (key === "") return [];
    const exact = this.#exact(text.trim(), key);
    if (exact.length > 0) return exact.slice(0, limit);
    const words = key.split(/[\s,;.]+/u).filter((word) => word !== "");
    const found: AddressBookEntry[] = [];
    for (const entry of this.entries) {
      if (!matchesWords(entry, key, words)) continue;
      found.push(entry);
      if (found.length >= limit) break;
    }
    return found;
  }

  /** A whole address, name or distinguished name settles it, hidden or not. */
  #exact(text: string, key: string): AddressBookEntry[] {
    const plain = text.replace(/^=/, "");
    const colon = /^(smtp|x500|ex):(.*)$/i.exec(plain);
    const [type, value] = colon === null ? ["smtp", plain] : [colon[1]!.toLowerCase(), colon[2]!];
    const byAddress = type === "ex" ? this.byLegacyDn(value) : this.byAddress(type, value);
    const one = byAddress ?? (plain.startsWith("/") ? this.byLegacyDn(plain) : undefined);
    if (one !== undefined) return [one];
    const isAlias = (entry: AddressBookEntry): boolean => entry.address.startsWith(`${plain.toLowerCase()}@`);
    const aliases = this.entries.filter(isAlias);
    if (aliases.length > 0) return aliases;
    const named = this.entries.filter((entry) => entry.sortKey === key);
    return named.length === 1 ? named : [];
  }

  #names(): ReadonlyMap<string, AddressBookEntry> {
    if (this.#byName !== null) return this.#byName;
    const names = new Map<string, AddressBookEntry>();
    for (const entry of this.all.values()) {
      names.set(`dn ${entry.legacyDn.toLowerCase()}`, entry);
      for (const { type, value } of entry.addresses) {
        names.set(`${type} ${value.toLowerCase()}`, entry);
        // An old distinguished name kept as x500 address still names its owner.
        if (type === "x500") names.set(`dn ${value.toLowerCase()}`, entry);
      }
    }
    this.#byName = names;
    return names;
  }
}

/** Attributes whose words name a person. [MS-OXOABK] 2.2.2.8 */
const nameAttributes = [
  "givenName", "surname", "nickname", "office", "phoneticDisplayName", "phoneticGivenName", "phoneticSurname",
].filter((key) => attributeNamed(key) !== undefined);

function matchesWords(entry: AddressBookEntry, key: string, words: readonly string[]): boolean {
  if (entry.sortKey.startsWith(key)) return true;
  if (entry.addresses.some(({ type, value }) => type === "smtp" && value.toLowerCase().startsWith(key))) return true;
  const own = entry.sortKey.split(/[\s,;.\-()]+/u);
  for (const attribute of nameAttributes) {
    for (const value of entry.attributes.get(attribute) ?? []) own.push(...sortKeyOf(value).split(/\s+/u));
  }
  return words.length > 0 && words.every((word) => own.some((one) => one.startsWith(word)));
}
