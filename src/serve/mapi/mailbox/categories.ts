/**
 * Categories of a table: rows that have one value of a property stand below a row of their own, which is open or not.
 * [MS-OXCTABL] 2.2.1, 2.2.2.17 to 2.2.2.20, 3.2.5.3
 */
import { createHash } from "node:crypto";
import { yieldToOthers } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { compareValues, foldCase } from "#props/compare.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { singleTag } from "#serve/mapi/mailbox/cells.ts";
import { sortInSlices } from "#serve/mapi/mailbox/table-order.ts";
import type { CategoryKey } from "#serve/mapi/mailbox/table-order.ts";
import type { RowId, TableRow } from "#serve/mapi/mailbox/table.ts";

const PidTagRowType = makeTag(0x0ff5, "Integer32");
const PidTagDepth = makeTag(0x3005, "Integer32");
const PidTagContentCount = makeTag(0x3602, "Integer32");
const PidTagContentUnreadCount = makeTag(0x3603, "Integer32");
const PidTagInstID = makeTag(0x674d, "Integer64");
const PidTagInstanceNum = makeTag(0x674e, "Integer32");
const PidTagRead = makeTag(0x0e69, "Boolean");

/** PidTagRowType. [MS-OXCTABL] 2.2.1.3 */
export const rowTypes = { leaf: 1, expanded: 3, collapsed: 4 } as const;

/** Rows of categories have keys below 0; their ids tell the replica of no store. */
const categoryReplica = 0x7fff;

export interface CategoryRow extends TableRow {
  readonly values: PropertyBag;
}

export const isCategory = (row: TableRow): row is CategoryRow => row.key < 0;

interface Group {
  readonly path: string;
  readonly value: PropertyValue | undefined;
  readonly rows: TableRow[];
  greatest: PropertyValue | undefined;
  unreadCount: number;
}

/** Values that tables hold for the same name one group. */
function keyOf(value: PropertyValue | undefined): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return `s${foldCase(value)}`;
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString("base64")}`;
  if (Array.isArray(value)) return `[${(value as readonly PropertyValue[]).map(keyOf).join("\0")}]`;
  return `${typeof value}${String(value)}`;
}

/** Where rows stand once for each value, the value itself names a group. */
const singleOf = (tag: PropertyTag): PropertyTag => ((tag & 0x3000) === 0x3000 ? singleTag(tag) : tag);

const orderOf = (a: PropertyValue | undefined, b: PropertyValue | undefined): number =>
  (a === undefined || b === undefined ? Number(a !== undefined) - Number(b !== undefined) : compareValues(a, b) ?? 0);

/** Eight bytes that name a path in a state that a client keeps. */
const markOf = (path: string): string => createHash("sha256").update(path).digest("hex").slice(0, 16);

export class Categories {
  readonly #keys: readonly CategoryKey[];
  readonly #expandedCount: number;
  /** Paths that are not as they began. */
  readonly #toggled = new Set<string>();
  readonly #numbers = new Map<string, number>();
  /** Paths by number, with their level. */
  readonly #paths: { readonly path: string; readonly level: number }[] = [];

  constructor(keys: readonly CategoryKey[], expandedCount: number) {
    this.#keys = keys;
    this.#expandedCount = expandedCount;
  }

  get depth(): number {
    return this.#keys.length;
  }

  get tags(): PropertyTag[] {
    return this.#keys.map(({ tag }) => tag);
  }

  /** What rows have to tell. */
  get wanted(): PropertyTag[] {
    const own = this.#keys.flatMap(({ tag, byGreatest }) => (byGreatest === null ? [tag] : [tag, byGreatest]));
    return [PidTagRead, ...own];
  }

  idOf(key: number): RowId | undefined {
    if (key >= 0) return undefined;
    const id = { replicaId: categoryReplica, counter: -key };
    return { folderId: id, messageId: id, instance: 0 };
  }

  #isOpen(path: string, level: number): boolean {
    // A mark takes its time, and most tables are as they began.
    return (level < this.#expandedCount) !== (this.#toggled.size > 0 && this.#toggled.has(markOf(path)));
  }

  /** Rows that are in sight; `leaves` stand in the order they have within a category. */
  async arrange(leaves: readonly TableRow[]): Promise<TableRow[]> {
    const shown: TableRow[] = [];
    await this.#level(leaves, 0, "", [], shown);
    return shown;
  }

  async #level(
    rows: readonly TableRow[], level: number, above: string, values: readonly (readonly [PropertyTag, PropertyValue])[],
    shown: TableRow[],
  ): Promise<void> {
    const key = this.#keys[level];
    if (key === undefined) {
      for (const row of rows) shown.push(row);
      return;
    }
    for (const group of await this.#groups(rows, key, above)) {
      const own = group.value === undefined ? values : [...values, [singleOf(key.tag), group.value] as const];
      const isOpen = this.#isOpen(group.path, level);
      shown.push(this.#header(group, level, own, isOpen));
      if (shown.length % limits.sliceRows === 0) await yieldToOthers();
      if (isOpen) await this.#level(group.rows, level + 1, group.path, own, shown);
    }
  }

  async #groups(rows: readonly TableRow[], key: CategoryKey, above: string): Promise<Group[]> {
    const groups = new Map<string, Group>();
    for (const [index, row] of rows.entries()) {
      if (index % limits.sortSliceRows === limits.sortSliceRows - 1) await yieldToOthers();
      const value = row.values.get(key.tag);
      const name = keyOf(value);
      let group = groups.get(name);
      if (group === undefined) {
        group = { path: `${above}/${name.length}:${name}`, value, rows: [], greatest: undefined, unreadCount: 0 };
        groups.set(name, group);
      }
      group.rows.push(row);
      if (row.values.get(PidTagRead) === false) group.unreadCount++;
      if (key.byGreatest === null) continue;
      const one = row.values.get(key.byGreatest);
      if (one !== undefined && (group.greatest === undefined || orderOf(one, group.greatest) > 0)) group.greatest = one;
    }
    const direction = key.isDescending ? -1 : 1;
    return await sortInSlices([...groups.values()], (a, b) =>
      (key.byGreatest === null ? 0 : orderOf(b.greatest, a.greatest)) || direction * orderOf(a.value, b.value));
  }

  #header(
    group: Group, level: number, values: readonly (readonly [PropertyTag, PropertyValue])[], isOpen: boolean,
  ): CategoryRow {
    const number = this.#number(group.path, level);
    const { rows, unreadCount } = group;
    const bag: PropertyBag = new Map<PropertyTag, PropertyValue>([
      ...values, [PidTagRowType, isOpen ? rowTypes.expanded : rowTypes.collapsed], [PidTagDepth, level],
      [PidTagContentCount, rows.length], [PidTagContentUnreadCount, unreadCount], [PidTagInstanceNum, 0],
      [PidTagInstID, bigintOf({ replicaId: categoryReplica, counter: number })],
    ]);
    return { key: -number, instance: 0, version: `${rows.length} ${unreadCount} ${isOpen}`, values: bag };
  }

  #number(path: string, level: number): number {
    let number = this.#numbers.get(path);
    if (number === undefined) {
      this.#paths.push({ path, level });
      number = this.#paths.length;
      this.#numbers.set(path, number);
    }
    return number;
  }

  /** Opens or closes one. RopError when it is so already, or not there. */
  open(id: ShortTermId, wanted: boolean): { readonly key: number } {
    const found = id.replicaId === categoryReplica ? this.#paths[id.counter - 1] : undefined;
    if (found === undefined) throw new RopError("notFound", "The table has no such category.");
    if (this.#isOpen(found.path, found.level) === wanted) {
      throw new RopError(wanted ? "notCollapsed" : "notExpanded", "The category is so already.");
    }
    const mark = markOf(found.path);
    if (!this.#toggled.delete(mark)) this.#toggled.add(mark);
    return { key: -id.counter };
  }

  /** For the client to keep; only this server reads it. */
  toState(row: ShortTermId, instance: number): Buffer {
    const key = row.replicaId === categoryReplica ? -row.counter : row.counter;
    const mark = key < 0 ? markOf(this.#paths[-key - 1]?.path ?? "") : "";
    const head = Buffer.alloc(16);
    head.writeDoubleLE(key < 0 ? 0 : key, 0);
    if (mark !== "") head.write(mark, 8, "hex");
    else head.writeUInt32LE(instance, 8);
    const marks = [...this.#toggled].slice(0, limits.mapiCollapseMarksMax).map((one) => Buffer.from(one, "hex"));
    return Buffer.concat([head, ...marks]);
  }

  /** The row that the state was made on; key 0 for none that is here. */
  fromState(state: Uint8Array): { readonly key: number; readonly instance: number } {
    const raw = Buffer.from(state);
    if (raw.length < 16 || raw.length % 8 !== 0 || raw.length > 16 + 8 * limits.mapiCollapseMarksMax) {
      throw new RopError("invalidParameter", "This is no state of a table here.");
    }
    this.#toggled.clear();
    for (let at = 16; at < raw.length; at += 8) this.#toggled.add(raw.toString("hex", at, at + 8));
    const key = raw.readDoubleLE(0);
    if (key > 0) return { key, instance: raw.readUInt32LE(8) };
    const mark = raw.toString("hex", 8, 16);
    const found = this.#paths.findIndex(({ path }) => markOf(path) === mark);
    return { key: found < 0 ? 0 : -(found + 1), instance: 0 };
  }
}

function bigintOf({ replicaId, counter }: ShortTermId): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(replicaId, 0);
  bytes.writeUIntBE(counter, 2, 6);
  return bytes.readBigInt64LE();
}

/** A category's id, or a row's, as a client gives it back. */
export function idOfBigint(value: bigint): ShortTermId {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt.asIntN(64, value));
  return { replicaId: bytes.readUInt16LE(0), counter: bytes.readUIntBE(2, 6) };
}
