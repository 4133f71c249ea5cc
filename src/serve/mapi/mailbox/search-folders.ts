/**
 * Search folders: what a client wants to find, kept with the folder as it was told, and the messages that pass now.
 * [MS-OXCFOLD] 2.2.1.4, 2.2.1.5, 3.2.5.4, 3.2.5.5
 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { decode, encode } from "#codec/binary/code.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import { untestable } from "#props/evaluate.ts";
import { restriction, restrictTypes } from "#props/structures.ts";
import type { Restriction } from "#props/structures.ts";
import type { PropertyTag, PropertyValue, ReadonlyPropertyBag } from "#props/types.ts";
import { contentsSource } from "#serve/mapi/mailbox/contents.ts";
import type { ContentsSource } from "#serve/mapi/mailbox/contents.ts";
import { defaultSearch } from "#serve/mapi/mailbox/default-searches.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { searchTags, toShortId } from "#serve/mapi/mailbox/keys.ts";
import type { FolderObject } from "#serve/mapi/mailbox/objects.ts";
import type { SourceContext } from "#serve/mapi/mailbox/sources.ts";
import type { RowId, SourceChanges, TableRow, TableSource } from "#serve/mapi/mailbox/table.ts";
import type { Cell } from "#wire/mapi/rows.ts";

/** [MS-OXCFOLD] 2.2.1.4.1 */
const searchFlags = { stop: 0x01, restart: 0x02, recursive: 0x04, shallow: 0x08, static: 0x4_0000 } as const;
/** [MS-OXCFOLD] 2.2.1.5.2 */
const searchStates = { running: 0x01, recursive: 0x04, complete: 0x1000, static: 0x1_0000 } as const;

export interface SearchCriteria {
  readonly restriction: Restriction | null;
  readonly folderIds: readonly FolderId[];
  /** As SetSearchCriteria told them. */
  readonly flags: number;
  /** What was found when the search was stopped, or made static; null while it goes on. */
  readonly found: readonly MessageId[] | null;
}

const { criteria: PidCriteria, scope: PidScope, flags: PidFlags, found: PidFound } = searchTags;
const idBytes = 6;

function criteriaIn(bag: ReadonlyPropertyBag): SearchCriteria | null {
  const [raw, scope, flags, found] = [bag.get(PidCriteria), bag.get(PidScope), bag.get(PidFlags), bag.get(PidFound)];
  if (!(raw instanceof Uint8Array) || !Array.isArray(scope) || typeof flags !== "number") return null;
  return {
    restriction: raw.length === 0 ? null : decode(restriction("rop"), raw),
    folderIds: (scope as readonly bigint[]).map((id) => Number(id) as FolderId), flags,
    found: found instanceof Uint8Array ? idsIn(found) : null,
  };
}

function idsIn(raw: Uint8Array): MessageId[] {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  const ids: MessageId[] = [];
  for (let at = 0; at + idBytes <= bytes.length; at += idBytes) ids.push(bytes.readUIntLE(at, idBytes) as MessageId);
  return ids;
}

function idsToBytes(ids: readonly number[]): Buffer {
  const bytes = Buffer.alloc(ids.length * idBytes);
  ids.forEach((id, index) => bytes.writeUIntLE(id, index * idBytes, idBytes));
  return bytes;
}

/** null when nobody has told any, and the server has none of its own for this folder. */
export async function readCriteria(
  ctx: Ctx, folder: FolderObject, infos?: readonly FolderInfo[],
): Promise<SearchCriteria | null> {
  const { logon, folderId } = folder;
  const told = criteriaIn((await logon.mailbox.folderProperties(ctx, folderId)).get(folderId)?.bag ?? new Map());
  if (told !== null) return told;
  const info = infos?.find((one) => one.folderId === folderId) ?? await logon.mailbox.folder(ctx, folderId);
  if (info.role === null) return null;
  const own = await defaultSearch(ctx, logon, info, infos ?? await logon.mailbox.folders(ctx));
  return own === null ? null : { ...own, found: null };
}

/** What RopGetSearchCriteria tells: a search here is done whenever it is looked at. [MS-OXCFOLD] 2.2.1.5.2 */
export function stateOf({ flags, found }: SearchCriteria): number {
  return searchStates.complete | (found === null ? searchStates.running : 0) |
    ((flags & searchFlags.recursive) === 0 ? 0 : searchStates.recursive) |
    ((flags & searchFlags.static) === 0 ? 0 : searchStates.static);
}

/** Whether a search begins anew by this, so that its end is told. */
export interface SearchBegun {
  readonly isRunning: boolean;
}

/** What is left out stays as it was. Throws RopError `notInitialized` when it never was. */
export async function setCriteria(
  ctx: Ctx, folder: FolderObject, asked: Pick<SearchCriteria, "restriction" | "folderIds" | "flags">,
): Promise<SearchBegun> {
  const { mailbox } = folder.logon;
  const info = await mailbox.folder(ctx, folder.folderId);
  if (!info.isSearchFolder) throw new RopError("notSearchFolder", "This folder holds messages of its own.");
  checkFlags(asked.flags);
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
  const next: SearchCriteria = { restriction: test, folderIds: scope, flags: flagsAfter(asked, before), found: null };
  const found = await frozen(ctx, folder, next, before, asked);
  const set = new Map<PropertyTag, PropertyValue>([
    [PidCriteria, test === null ? new Uint8Array(0) : encode(restriction("rop"), test)],
    [PidScope, scope.map(BigInt)], [PidFlags, next.flags | 0],
  ]);
  if (found !== null) set.set(PidFound, idsToBytes(found));
  await mailbox.updateFolderProperties(ctx, {
    folderId: folder.folderId, set, ...found === null ? { remove: [PidFound] } : {},
  });
  return { isRunning: (next.flags & searchFlags.stop) === 0 };
}

/** Flags that say opposite things are no request. [MS-OXCFOLD] 2.2.1.4.1 */
function checkFlags(flags: number): void {
  const both = (a: number, b: number): boolean => (flags & a) !== 0 && (flags & b) !== 0;
  if (both(searchFlags.stop, searchFlags.restart) || both(searchFlags.recursive, searchFlags.shallow)) {
    throw new RopError("invalidParameter", "The flags of the search contradict each other.");
  }
}

/** Depth stays as it was where nothing is told of it; a stopped search stays so until it has reason to go on. */
function flagsAfter(
  { flags, restriction: test, folderIds }: Pick<SearchCriteria, "restriction" | "folderIds" | "flags">,
  before: SearchCriteria | null,
): number {
  const depth = searchFlags.recursive | searchFlags.shallow;
  const isNew = test !== null || folderIds.length > 0 || (flags & searchFlags.restart) !== 0;
  let next = flags;
  if ((flags & depth) === 0) next |= (before?.flags ?? 0) & depth;
  if (!isNew) next |= (before?.flags ?? 0) & searchFlags.stop;
  return next;
}

/** What a search that does not go on has found: now, or when it was stopped before. */
async function frozen(
  ctx: Ctx, folder: FolderObject, next: SearchCriteria, before: SearchCriteria | null,
  asked: Pick<SearchCriteria, "flags">,
): Promise<readonly MessageId[] | null> {
  const isStopped = (next.flags & searchFlags.stop) !== 0;
  if (!isStopped && (next.flags & searchFlags.static) === 0) return null;
  const isRestarted = (asked.flags & searchFlags.restart) !== 0;
  if (before?.found != null && !isRestarted && isStopped) return before.found;
  const from = { logon: folder.logon, hostname: "", codePage: 1252 };
  const source = new SearchSource(from, folder, isStopped ? before : next);
  await source.state(ctx);
  const rows = await source.list(ctx, [], null);
  // A list that is too long to keep is made anew at each look instead.
  return rows.length > limits.mapiSearchFoundMax ? null : rows.map(({ key }) => key as MessageId);
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

/** Rows of one look that are kept for another: the table of a search is the tables of its folders, filtered. */
export class SearchSource implements TableSource {
  readonly canSort = true;
  readonly #from: SourceContext;
  readonly #folder: FolderObject;
  /** Any folder's: cells and columns of a message do not depend on where it is. */
  readonly #any: ContentsSource;
  /** Those of the folder, unless the search is tried before it is told. */
  readonly #given: SearchCriteria | null | undefined;
  #criteria: SearchCriteria | null = null;
  #criteriaCn = 0;
  #folders: readonly FolderInfo[] = [];

  constructor(from: SourceContext, folder: FolderObject, given?: SearchCriteria | null) {
    this.#from = from;
    this.#folder = folder;
    this.#given = given;
    this.#any = contentsSource(from, folder.folderId, false);
  }

  /** The folders as they are now; true when the search itself is another. */
  async #look(ctx: Ctx): Promise<boolean> {
    const { mailbox } = this.#from.logon;
    const infos = await mailbox.folders(ctx);
    const own = infos.find((info) => info.folderId === this.#folder.folderId);
    const isOther = own?.cn !== this.#criteriaCn;
    if (isOther) this.#criteria = this.#given ?? await readCriteria(ctx, this.#folder, infos);
    this.#criteriaCn = own?.cn ?? 0;
    const before = this.#folders.map(({ folderId }) => folderId).join();
    this.#folders = this.#criteria === null ? [] : searched(infos, this.#criteria);
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

  idOf({ key, instance, folderId }: TableRow): RowId {
    return { folderId: toShortId(folderId ?? this.#folder.folderId), messageId: toShortId(key), instance };
  }

  /** What the search and its table test together. */
  #together(more: Restriction | null): Restriction | null {
    const own = this.#criteria?.restriction ?? null;
    if (own === null || more === null) return own ?? more;
    return { restrictType: restrictTypes.and, restricts: [own, more] };
  }

  async list(ctx: Ctx, wanted: readonly PropertyTag[], more: Restriction | null): Promise<TableRow[]> {
    const frozenIds = this.#criteria?.found ?? null;
    if (frozenIds !== null) {
      const filter = more === null ? null : await this.#any.filter(ctx, more, false);
      return await this.#any.listOf(ctx, frozenIds, wanted, filter);
    }
    const tested = this.#together(more);
    const filter = tested === null ? null : await this.#any.filter(ctx, tested, true);
    const found: TableRow[] = [];
    for (const { folderId } of this.#folders) {
      const source = contentsSource(this.#from, folderId, false);
      for (const row of await source.listWith(ctx, wanted, filter)) found.push(row);
    }
    return found.sort((a, b) => a.key - b.key);
  }

  async changes(
    ctx: Ctx, since: number, wanted: readonly PropertyTag[], more: Restriction | null,
  ): Promise<SourceChanges | null> {
    if (await this.#look(ctx) || this.#criteria?.found != null) return null;
    const touched = new Set<number>();
    const rows: TableRow[] = [];
    const changed = this.#folders.filter(({ highestCn }) => highestCn > since);
    const tested = this.#together(more);
    const filter = tested === null || changed.length === 0 ? null : await this.#any.filter(ctx, tested, false);
    let state = since;
    for (const { folderId } of changed) {
      const found = await contentsSource(this.#from, folderId, false).changesWith(ctx, since, wanted, filter);
      if (found === null) return null;
      for (const key of found.touched) touched.add(key);
      rows.push(...found.rows);
      state = Math.max(state, Math.min(found.state, this.#newest()));
    }
    return { state, touched, rows };
  }

  test(ctx: Ctx, rows: readonly TableRow[], tested: Restriction): Promise<readonly boolean[]> {
    return this.#any.test(ctx, rows, tested);
  }

  cells(ctx: Ctx, rows: readonly TableRow[], columns: readonly PropertyTag[]): Promise<(Cell[] | undefined)[]> {
    return this.#any.cells(ctx, rows, columns);
  }

  allColumns(): Promise<readonly PropertyTag[]> {
    return this.#any.allColumns();
  }
}

/** The messages that a search folder finds, wherever they are. */
export function searchSource(from: SourceContext, folder: FolderObject): SearchSource {
  return new SearchSource(from, folder);
}
