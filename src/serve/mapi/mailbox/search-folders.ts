/**
 * Search folders: what a client wants to find, kept with the folder as it was told, and the messages that pass now.
 * [MS-OXCFOLD] 2.2.1.4, 2.2.1.5, 3.2.5.4, 3.2.5.5
 */
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, FolderId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { decode, encode } from "#codec/binary/code.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import type { FolderChange, FolderTree } from "#mailbox/folder-tree.ts";
import { untestable } from "#props/evaluate.ts";
import { restriction, restrictTypes } from "#props/structures.ts";
import type { Restriction, TaggedValue } from "#props/structures.ts";
import { propertyTypes, tagTypeCode, withTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue, ReadonlyPropertyBag } from "#props/types.ts";
import { decodeCodePage, encodeCodePage } from "#format/mapi/code-page.ts";
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
const searchFlags = {
  stop: 0x01, restart: 0x02, recursive: 0x04, shallow: 0x08, foreground: 0x10, background: 0x20,
  contentIndexed: 0x1_0000, nonContentIndexed: 0x2_0000, static: 0x4_0000,
} as const;
const knownFlags = Object.values(searchFlags).reduce((all, flag) => all | flag, 0);
/** [MS-OXCFOLD] 2.2.1.5.2 */
const searchStates = { running: 0x01, recursive: 0x04, foreground: 0x08, complete: 0x1000, static: 0x1_0000 } as const;

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
export async function readCriteria(ctx: Ctx, folder: FolderObject): Promise<SearchCriteria | null> {
  const { logon, folderId } = folder;
  const told = criteriaIn((await logon.mailbox.folderProperties(ctx, folderId)).get(folderId)?.bag ?? new Map());
  if (told !== null) return told;
  const info = await logon.mailbox.folder(ctx, folderId);
  if (info.role === null) return null;
  const own = await defaultSearch(ctx, logon, info, await logon.mailbox.folders(ctx));
  return own === null ? null : { ...own, found: null };
}

/** What RopGetSearchCriteria tells: a search here is done whenever it is looked at. [MS-OXCFOLD] 2.2.1.5.2 */
export function stateOf({ flags, found }: SearchCriteria): number {
  return searchStates.complete | (found === null ? searchStates.running : 0) |
    ((flags & searchFlags.recursive) === 0 ? 0 : searchStates.recursive) |
    ((flags & searchFlags.foreground) === 0 ? 0 : searchStates.foreground) |
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

const opposites: readonly (readonly [keyof typeof searchFlags, keyof typeof searchFlags])[] = [
  ["stop", "restart"], ["recursive", "shallow"], ["foreground", "background"], ["contentIndexed", "nonContentIndexed"],
];

/**
 * Flags that say opposite things are no request; unknown ones are answered as Exchange 2013 and later do.
 * [MS-OXCFOLD] 2.2.1.4.1, 3.2.5.4
 */
function checkFlags(flags: number): void {
  if ((flags & ~knownFlags) !== 0) throw new RopError("notSupported", "The search has an unknown flag.");
  for (const [one, other] of opposites) {
    if ((flags & searchFlags[one]) !== 0 && (flags & searchFlags[other]) !== 0) {
      throw new RopError("invalidParameter", "The flags of the search contradict each other.");
    }
  }
}

type TextForm = "wide" | "narrow";
const textTypes = {
  wide: { of: [propertyTypes.String8.code, propertyTypes.MultipleString8.code], to: [0x1f, 0x101f] },
  narrow: { of: [propertyTypes.String.code, propertyTypes.MultipleString.code], to: [0x1e, 0x101e] },
} as const;

function tagInForm(tag: PropertyTag, form: TextForm): PropertyTag {
  const { of, to } = textTypes[form];
  const at = (of as readonly number[]).indexOf(tagTypeCode(tag));
  return at < 0 ? tag : withTypeCode(tag, to[at]!);
}

function valueInForm<V>(value: V, form: TextForm, codePage: number): V {
  const one = (text: unknown): unknown => {
    if (form === "narrow") return typeof text === "string" ? encodeCodePage(text, codePage) : text;
    return text instanceof Uint8Array ? decodeCodePage(text, codePage) : text;
  };
  return (Array.isArray(value) ? value.map(one) : one(value)) as V;
}

/** Texts and the tags they are told under in the form a client asks for. [MS-OXCFOLD] 2.2.1.5.1 UseUnicode */
export function inTextForm(restriction: Restriction, form: TextForm, codePage: number): Restriction {
  const inForm = (value: unknown, key: string): unknown => {
    if (Array.isArray(value) && key === "restricts") return value.map((inner) => inForm(inner, ""));
    if (key === "taggedValue") return taggedInForm(value as TaggedValue, form, codePage);
    if (key === "taggedValues") return (value as TaggedValue[]).map((one) => taggedInForm(one, form, codePage));
    if (typeof value === "number" && /^propertyTag\d?$/.test(key)) return tagInForm(value as PropertyTag, form);
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, inForm(inner, name)]));
  };
  return inForm(restriction, "") as Restriction;
}

function taggedInForm({ tag, value }: TaggedValue, form: TextForm, codePage: number): TaggedValue {
  const told = tagInForm(tag, form);
  return told === tag ? { tag, value } : { tag: told, value: valueInForm(value, form, codePage) };
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
function searched(tree: FolderTree, { folderIds, flags }: SearchCriteria): Map<FolderId, FolderInfo> {
  const isDeep = (flags & searchFlags.recursive) !== 0;
  const found = new Map<FolderId, FolderInfo>();
  const seen = new Set<FolderId>(folderIds);
  const left: FolderInfo[] = [];
  for (const folderId of seen) {
    const info = tree.folders.get(folderId);
    if (info !== undefined) left.push(info);
  }
  for (let info = left.pop(); info !== undefined; info = left.pop()) {
    if (!info.isSearchFolder) found.set(info.folderId, info);
    if (!isDeep) continue;
    for (const child of tree.childrenOf(info.folderId)) {
      if (child.role === "recoverableItems" || seen.has(child.folderId)) continue;
      seen.add(child.folderId);
      left.push(child);
    }
  }
  return found;
}

/** Whether a folder came, went, or stands elsewhere, so that another set of folders may be searched. */
const isElsewhere = ({ before, after }: FolderChange): boolean => before?.parentId !== after?.parentId ||
  before?.folderId !== after?.folderId;

/** Rows of one look that are kept for another: the table of a search is the tables of its folders, filtered. */
export class SearchSource implements TableSource {
  readonly tableKind = "contents";
  readonly #from: SourceContext;
  readonly #folder: FolderObject;
  /** Any folder's: cells and columns of a message do not depend on where it is. */
  readonly #any: ContentsSource;
  /** Those of the folder, unless the search is tried before it is told. */
  readonly #given: SearchCriteria | null | undefined;
  #criteria: SearchCriteria | null = null;
  #criteriaCn = 0;
  #folders: Map<FolderId, FolderInfo> = new Map();
  /** What they are as of. */
  #treeCn = -1 as ChangeNumber;
  #newest = 0;

  constructor(from: SourceContext, folder: FolderObject, given?: SearchCriteria | null) {
    this.#from = from;
    this.#folder = folder;
    this.#given = given;
    this.#any = contentsSource(from, folder.folderId, false);
  }

  /** The folders as they are now; true when the search itself is another. */
  async #look(ctx: Ctx): Promise<boolean> {
    const tree = await this.#from.logon.mailbox.folderTree(ctx);
    const own = tree.folders.get(this.#folder.folderId);
    const isOther = own?.cn !== this.#criteriaCn;
    if (isOther) this.#criteria = this.#given ?? await readCriteria(ctx, this.#folder);
    this.#criteriaCn = own?.cn ?? 0;
    const news = isOther || this.#treeCn < 0 ? null : tree.changesSince(this.#treeCn);
    this.#treeCn = tree.cn;
    if (news !== null && !news.some(isElsewhere)) {
      for (const { after } of news) if (after !== null && this.#folders.has(after.folderId)) this.#put(after);
      return false;
    }
    const before = this.#folders;
    this.#folders = new Map();
    this.#newest = 0;
    if (this.#criteria !== null) for (const info of searched(tree, this.#criteria).values()) this.#put(info);
    const { size } = this.#folders;
    return isOther || before.size !== size || [...before.keys()].some((folderId) => !this.#folders.has(folderId));
  }

  #put(info: FolderInfo): void {
    this.#folders.set(info.folderId, info);
    this.#newest = Math.max(this.#newest, info.highestCn);
  }

  async state(ctx: Ctx): Promise<number> {
    await this.#look(ctx);
    return this.#newest;
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
    for (const folderId of this.#folders.keys()) {
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
    const changed = await this.#changed(ctx, since);
    const tested = this.#together(more);
    const filter = tested === null || changed.length === 0 ? null : await this.#any.filter(ctx, tested, false);
    let state = since;
    for (const { folderId } of changed) {
      const found = await contentsSource(this.#from, folderId, false).changesWith(ctx, since, wanted, filter);
      if (found === null) return null;
      for (const key of found.touched) touched.add(key);
      rows.push(...found.rows);
      state = Math.max(state, Math.min(found.state, this.#newest));
    }
    return { state, touched, rows };
  }

  /** Those of the folders that hold something newer. */
  async #changed(ctx: Ctx, since: number): Promise<FolderInfo[]> {
    const tree = await this.#from.logon.mailbox.folderTree(ctx);
    const news = tree.changesSince(since as ChangeNumber);
    const maybe = news === null ? [...this.#folders.values()]
      : news.flatMap(({ after }) => (after === null ? [] : this.#folders.get(after.folderId) ?? []));
    return maybe.filter(({ highestCn }) => highestCn > since);
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
