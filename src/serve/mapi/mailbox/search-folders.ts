/**
 * Search folders: what a client wants to find, kept with the folder, and the messages that pass now.
 * [MS-OXCFOLD] 2.2.1.4, 2.2.1.5, 3.2.5.4, 3.2.5.5
 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import { decode, encode } from "#codec/binary/code.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import { tagsOf, untestable } from "#props/evaluate.ts";
import { restriction } from "#props/structures.ts";
import type { Restriction } from "#props/structures.ts";
import type { PropertyTag, PropertyValue, ReadonlyPropertyBag } from "#props/types.ts";
import { contentsSource } from "#serve/mapi/mailbox/contents.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { searchTags, toShortId } from "#serve/mapi/mailbox/keys.ts";
import type { FolderObject } from "#serve/mapi/mailbox/objects.ts";
import type { SourceContext } from "#serve/mapi/mailbox/sources.ts";
import { restrict } from "#serve/mapi/mailbox/table-order.ts";
import type { SourceChanges, TableRow, TableSource } from "#serve/mapi/mailbox/table.ts";
import type { Cell } from "#wire/mapi/rows.ts";

/** [MS-OXCFOLD] 2.2.1.4.1 */
export const searchFlags = { stop: 0x01, restart: 0x02, recursive: 0x04, shallow: 0x08, static: 0x4_0000 } as const;
/** [MS-OXCFOLD] 2.2.1.5.2 */
const searchStates = { running: 0x01, recursive: 0x04, static: 0x4_0000 } as const;

export interface SearchCriteria {
  readonly restriction: Restriction | null;
  readonly folderIds: readonly FolderId[];
  /** As SetSearchCriteria told them. */
  readonly flags: number;
}

const { criteria: PidCriteria, scope: PidScope, flags: PidFlags } = searchTags;

function criteriaIn(bag: ReadonlyPropertyBag): SearchCriteria | null {
  const [raw, scope, flags] = [bag.get(PidCriteria), bag.get(PidScope), bag.get(PidFlags)];
  if (!(raw instanceof Uint8Array) || !Array.isArray(scope) || typeof flags !== "number") return null;
  return {
    restriction: raw.length === 0 ? null : decode(restriction("rop"), raw),
    folderIds: (scope as readonly bigint[]).map((id) => Number(id) as FolderId), flags,
  };
}

/** null when nobody has told any. */
export async function readCriteria(ctx: Ctx, folder: FolderObject): Promise<SearchCriteria | null> {
  const properties = await folder.logon.mailbox.folderProperties(ctx, folder.folderId);
  return criteriaIn(properties.get(folder.folderId)?.bag ?? new Map());
}

export function stateOf({ flags }: SearchCriteria): number {
  const isStopped = (flags & searchFlags.stop) !== 0;
  return (isStopped ? 0 : searchStates.running) | ((flags & searchFlags.recursive) === 0 ? 0 : searchStates.recursive) |
    ((flags & searchFlags.static) === 0 ? 0 : searchStates.static);
}

/** What is left out stays as it was. Throws RopError `notInitialized` when it never was. */
export async function setCriteria(ctx: Ctx, folder: FolderObject, asked: SearchCriteria): Promise<void> {
  const { mailbox } = folder.logon;
  const info = await mailbox.folder(ctx, folder.folderId);
  if (!info.isSearchFolder) throw new RopError("notSearchFolder", "This folder holds messages of its own.");
  const before = await readCriteria(ctx, folder);
  const test = asked.restriction ?? before?.restriction ?? null;
  const scope = asked.folderIds.length > 0 ? asked.folderIds : before?.folderIds ?? [];
  if (scope.length === 0) throw new RopError("notInitialized", "The search has no folders to look into.");
  const refused = test === null ? null : untestable(test);
  if (refused !== null) throw new RopError("tooComplex", `This server does not do ${refused}.`);
  for (const folderId of asked.folderIds) {
    const found = await mailbox.folder(ctx, folderId);
    if (found.isSearchFolder) throw new RopError("searchScopeViolation", "A search folder is not searched.");
  }
  const set = new Map<PropertyTag, PropertyValue>([
    [PidCriteria, test === null ? new Uint8Array(0) : encode(restriction("rop"), test)],
    [PidScope, scope.map(BigInt)], [PidFlags, asked.flags | 0],
  ]);
  await mailbox.updateFolderProperties(ctx, { folderId: folder.folderId, set });
}

/** Folders that are searched: those told, and below them. Removed mail is found only where it is asked for. */
function searched(infos: readonly FolderInfo[], { folderIds, flags }: SearchCriteria): FolderInfo[] {
  const wanted = new Set<FolderId>(folderIds);
  const isDeep = (flags & searchFlags.recursive) !== 0;
  const found: FolderInfo[] = [];
  for (const info of infos) {
    const isBelow = isDeep && info.parentId !== null && wanted.has(info.parentId) && info.role !== "recoverableItems";
    if (!wanted.has(info.folderId) && !isBelow) continue;
    wanted.add(info.folderId);
    if (!info.isSearchFolder) found.push(info);
  }
  return found;
}

class SearchSource implements TableSource {
  readonly canSort = true;
  readonly #from: SourceContext;
  readonly #folder: FolderObject;
  /** Any folder's: cells and columns of a message do not depend on where it is. */
  readonly #any: TableSource;
  #criteria: SearchCriteria | null = null;
  #criteriaCn = 0;
  #folders: readonly FolderInfo[] = [];
  readonly #places = new Map<number, FolderId>();

  constructor(from: SourceContext, folder: FolderObject) {
    this.#from = from;
    this.#folder = folder;
    this.#any = contentsSource(from, folder.folderId, false);
  }

  /** The folders as they are now; true when the search itself is another. */
  async #look(ctx: Ctx): Promise<boolean> {
    const { mailbox } = this.#from.logon;
    const infos = await mailbox.folders(ctx);
    const own = infos.find((info) => info.folderId === this.#folder.folderId);
    const isOther = own?.cn !== this.#criteriaCn;
    if (isOther) this.#criteria = await readCriteria(ctx, this.#folder);
    this.#criteriaCn = own?.cn ?? 0;
    const before = this.#folders.map(({ folderId }) => folderId).join();
    const isOn = this.#criteria !== null && (this.#criteria.flags & searchFlags.stop) === 0;
    this.#folders = isOn ? searched(infos, this.#criteria!) : [];
    return isOther || before !== this.#folders.map(({ folderId }) => folderId).join();
  }

  async state(ctx: Ctx): Promise<number> {
    await this.#look(ctx);
    return this.#newest();
  }

  #newest(): number {
    return this.#folders.reduce((most, info) => Math.max(most, info.highestCn), 0);
  }

  watch(onChange: () => void): () => void {
    return this.#from.logon.mailbox.watch(onChange);
  }

  idOf(key: number): ReturnType<NonNullable<TableSource["idOf"]>> {
    return { folderId: toShortId(this.#places.get(key) ?? this.#folder.folderId), messageId: toShortId(key) };
  }

  #wanted(wanted: readonly PropertyTag[]): PropertyTag[] {
    const test = this.#criteria?.restriction ?? null;
    return [...test === null ? new Set(wanted) : tagsOf(test, new Set(wanted))];
  }

  async #passing(rows: readonly TableRow[], folderId: FolderId): Promise<TableRow[]> {
    const test = this.#criteria?.restriction ?? null;
    const kept = test === null ? [...rows] : await restrict(rows, test);
    for (const row of kept) this.#places.set(row.key, folderId);
    return kept;
  }

  async list(ctx: Ctx, wanted: readonly PropertyTag[]): Promise<TableRow[]> {
    const found: TableRow[] = [];
    this.#places.clear();
    for (const { folderId } of this.#folders) {
      const rows = await contentsSource(this.#from, folderId, false).list(ctx, this.#wanted(wanted));
      for (const row of await this.#passing(rows, folderId)) found.push(row);
    }
    return found.sort((a, b) => a.key - b.key);
  }

  async changes(ctx: Ctx, since: number, wanted: readonly PropertyTag[]): Promise<SourceChanges | null> {
    if (await this.#look(ctx)) return null;
    const changed: TableRow[] = [];
    const removed: number[] = [];
    for (const { folderId, highestCn } of this.#folders) {
      if (highestCn <= since) continue;
      const found = await contentsSource(this.#from, folderId, false).changes!(ctx, since, this.#wanted(wanted));
      if (found === null) return null;
      // What does not pass any more has left this folder.
      removed.push(...found.removed, ...found.changed.map(({ key }) => key));
      changed.push(...await this.#passing(found.changed, folderId));
    }
    return { state: Math.max(since, this.#newest()), changed, removed };
  }

  load(...args: Parameters<NonNullable<TableSource["load"]>>): ReturnType<NonNullable<TableSource["load"]>> {
    return this.#any.load!(...args);
  }

  cells(ctx: Ctx, rows: readonly TableRow[], columns: readonly PropertyTag[]): Promise<(Cell[] | undefined)[]> {
    return this.#any.cells(ctx, rows, columns);
  }

  allColumns(ctx: Ctx): Promise<readonly PropertyTag[]> {
    return this.#any.allColumns(ctx);
  }
}

/** The messages that a search folder finds, wherever they are. */
export function searchSource(from: SourceContext, folder: FolderObject): TableSource {
  return new SearchSource(from, folder);
}
