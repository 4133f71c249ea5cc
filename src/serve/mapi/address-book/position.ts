/** Where a client stands in the address book, by STAT. [MS-OXNSPI] 2.2.8, 3.1.4.5 */
import { sortKeyOf } from "#directory/address-book.ts";
import type { AddressBookEntry, AddressBookView } from "#directory/address-book.ts";
import { entryIdOf, minimalIdOf, minimalIds } from "#serve/mapi/address-book/properties.ts";
import type { Stat } from "#wire/mapi/nspi.ts";

/** Containers by their id; the global address list is 0. [MS-OXOABK] 2.2.2 */
export interface Container {
  readonly id: number;
  readonly name: string;
  /** Distinguished name behind `/`; the global list has none. */
  readonly dn: string;
  readonly holds: (entry: AddressBookEntry) => boolean;
}

const guidDn = (number: number): string => `/guid=${number.toString(16).padStart(32, "0").toUpperCase()}`;

/** The lists every person sees. */
export const containers: readonly Container[] = [
  { id: 0, name: "Global Address List", dn: "/", holds: () => true },
  { id: 1, name: "All Users", dn: guidDn(1), holds: (entry) => entry.kind === "user" || entry.kind === "shared" },
  { id: 2, name: "All Groups", dn: guidDn(2), holds: (entry) => entry.kind === "group" },
  { id: 3, name: "All Contacts", dn: guidDn(3), holds: (entry) => entry.kind === "contact" },
  {
    id: 4, name: "All Rooms", dn: guidDn(4),
    holds: (entry) => entry.kind === "room" || entry.kind === "equipment",
  },
];

/** An ordered list that STAT moves in. */
export interface Table {
  readonly length: number;
  at(index: number): AddressBookEntry | undefined;
  /** -1 when the entry is not in it. */
  indexOf(entryId: number): number;
  seek(text: string): number;
}

/** What lists are ordered by. [MS-OXNSPI] 2.2.1.5 */
export const sortTypes = {
  displayName: 0, phonetic: 3, displayNameReadOnly: 0x3e8, displayNameWritable: 0x3e9,
} as const;

type KeyOf = (entry: AddressBookEntry) => string;

const displayKey: KeyOf = (entry) => entry.sortKey;

/** How the name is spoken, where that was told: names in kana instead of kanji. [MS-OXOABK] 2.2.3.9 */
const phoneticKey: KeyOf = (entry) => {
  const [spoken] = entry.attributes.get("phoneticDisplayName") ?? [];
  return spoken === undefined ? entry.sortKey : sortKeyOf(spoken);
};

const keyFor = (sortType: number): KeyOf => (sortType === sortTypes.phonetic ? phoneticKey : displayKey);

const tables = new WeakMap<AddressBookView, Map<string, Table>>();

/** The rows of a container in an order; undefined for an id that none has. */
export function tableOf(view: AddressBookView, containerId: number, sortType: number): Table | undefined {
  const container = containers.find((one) => one.id === containerId);
  if (container === undefined) return undefined;
  const isPhonetic = sortType === sortTypes.phonetic;
  if (container.id === 0 && !isPhonetic) {
    return {
      length: view.entries.length, at: (index) => view.entries[index], indexOf: (entryId) => view.indexOf(entryId),
      seek: (text) => view.seek(text),
    };
  }
  let known = tables.get(view);
  if (known === undefined) tables.set(view, known = new Map());
  const name = `${container.id} ${isPhonetic ? "spoken" : "written"}`;
  let table = known.get(name);
  if (table === undefined) {
    const entries = view.entries.filter(container.holds);
    table = listTable(isPhonetic ? inOrder(entries, sortType) : entries, sortType);
    known.set(name, table);
  }
  return table;
}

export function inOrder(entries: readonly AddressBookEntry[], sortType: number): AddressBookEntry[] {
  const keyOf = keyFor(sortType);
  const keyed = entries.map((entry) => ({ entry, key: keyOf(entry) }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)) || a.entry.entryId - b.entry.entryId);
  return keyed.map(({ entry }) => entry);
}

/** A table of entries as a client lists them, in whatever order. [MS-OXNSPI] 3.1.4.4.2 */
export function givenTable(entries: readonly AddressBookEntry[], sortType: number): Table {
  const keyOf = keyFor(sortType);
  return {
    ...listTable(entries, sortType),
    seek(text) {
      const key = sortKeyOf(text);
      const found = entries.findIndex((entry) => keyOf(entry) >= key);
      return found < 0 ? entries.length : found;
    },
  };
}

/** A table of entries that stand in order. */
export function listTable(entries: readonly AddressBookEntry[], sortType: number): Table {
  const keyOf = keyFor(sortType);
  const places = new Map<number, number>(entries.map((entry, index) => [entry.entryId, index]));
  return {
    length: entries.length,
    at: (index) => entries[index],
    indexOf: (entryId) => places.get(entryId) ?? -1,
    seek(text) {
      const key = sortKeyOf(text);
      let low = 0;
      let high = entries.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (keyOf(entries[middle]!) < key) low = middle + 1;
        else high = middle;
      }
      return low;
    },
  };
}

/** The row a STAT means; undefined when its record is not in the table. [MS-OXNSPI] 3.1.4.5.1, 3.1.4.5.2 */
export function resolvePosition(stat: Stat, table: Table): number | undefined {
  const start = startOf(stat, table);
  if (start === undefined) return undefined;
  return Math.max(0, Math.min(table.length, start + stat.delta));
}

function startOf(stat: Stat, table: Table): number | undefined {
  if (stat.currentRecord === minimalIds.beginning) return 0;
  if (stat.currentRecord === minimalIds.end) return table.length;
  if (stat.currentRecord === minimalIds.current) {
    if (stat.totalRecords === 0) return 0;
    return Math.min(table.length, Math.floor((stat.numericPosition * table.length) / stat.totalRecords));
  }
  const index = table.indexOf(entryIdOf(stat.currentRecord));
  return index < 0 ? undefined : index;
}

/** The STAT that stands on a row. */
export function statAt(stat: Stat, table: Table, index: number): Stat {
  const entry = table.at(index);
  return {
    ...stat, currentRecord: entry === undefined ? minimalIds.end : minimalIdOf(entry.entryId), delta: 0,
    numericPosition: Math.min(index, table.length), totalRecords: table.length,
  };
}
