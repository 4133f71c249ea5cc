/**
 * How much search folders hold, and how much of it is unread: worked out when somebody asks, then kept right by what
 * changes. One for each logon, since what is found depends on who may see it. [MS-OXCFOLD] 2.2.2.2.1.2, 3.2.5.4
 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import { makeTag } from "#props/types.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { searchSource } from "#serve/mapi/mailbox/search-folders.ts";
import type { SearchSource } from "#serve/mapi/mailbox/search-folders.ts";
import type { TableRow } from "#serve/mapi/mailbox/table.ts";

const PidTagRead = makeTag(0x0e69, "Boolean");
const wanted = [PidTagRead];

export interface SearchCount {
  readonly messageCount: number;
  readonly unreadCount: number;
}

/** A message and, where it is known, the folder it is in. */
export type SearchedRow = Pick<TableRow, "key" | "folderId">;

/** What came into a search folder, went, or changed, since the last look. */
export interface SearchMoves {
  readonly added: readonly SearchedRow[];
  readonly changed: readonly SearchedRow[];
  readonly removed: readonly number[];
}

const noMoves: SearchMoves = { added: [], changed: [], removed: [] };

/** What one search folder holds: whether each message is unread. */
class LiveSearch {
  readonly #source: SearchSource;
  #state: number | null = null;
  #found = new Map<number, boolean>();
  #unread = 0;

  constructor(source: SearchSource) {
    this.#source = source;
  }

  get count(): SearchCount {
    return { messageCount: this.#found.size, unreadCount: this.#unread };
  }

  async look(ctx: Ctx): Promise<SearchMoves> {
    const changes = this.#state === null ? null : await this.#source.changes(ctx, this.#state, wanted, null);
    if (changes !== null) {
      this.#state = changes.state;
      return this.#take(changes.touched, changes.rows);
    }
    const isFirst = this.#state === null;
    this.#state = await this.#source.state(ctx);
    const rows = await this.#source.list(ctx, wanted, null);
    if (!isFirst) return this.#take(new Set([...this.#found.keys(), ...rows.map(({ key }) => key)]), rows);
    for (const row of rows) this.#put(row);
    return noMoves;
  }

  #take(touched: ReadonlySet<number>, rows: readonly TableRow[]): SearchMoves {
    if (touched.size === 0) return noMoves;
    const moves = { added: [] as SearchedRow[], changed: [] as SearchedRow[], removed: [] as number[] };
    const gone = new Set(touched);
    for (const row of rows) {
      gone.delete(row.key);
      const was = this.#found.get(row.key);
      if (was === undefined) moves.added.push(row);
      else moves.changed.push(row);
      if (was === true) this.#unread--;
      this.#put(row);
    }
    for (const key of gone) {
      const was = this.#found.get(key);
      if (was === undefined) continue;
      if (was) this.#unread--;
      this.#found.delete(key);
      moves.removed.push(key);
    }
    return moves;
  }

  #put(row: TableRow): void {
    const isUnread = row.values.get(PidTagRead) === false;
    this.#found.set(row.key, isUnread);
    if (isUnread) this.#unread++;
  }
}

const byLogon = new WeakMap<LogonObject, SearchCounts>();

export class SearchCounts {
  readonly #logon: LogonObject;
  readonly #searches = new Map<FolderId, LiveSearch>();
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(logon: LogonObject) {
    this.#logon = logon;
  }

  static of(logon: LogonObject): SearchCounts {
    let counts = byLogon.get(logon);
    if (counts === undefined) {
      counts = new SearchCounts(logon);
      byLogon.set(logon, counts);
    }
    return counts;
  }

  /** Whether somebody has asked for this one, so that it is worth keeping right. */
  knows(folderId: FolderId): boolean {
    return this.#searches.has(folderId);
  }

  /** All of them. */
  get known(): Iterable<FolderId> {
    return this.#searches.keys();
  }

  /** Gone folders are forgotten. */
  forget(folderId: FolderId): void {
    this.#searches.delete(folderId);
  }

  /** The count now, and what happened since the last look. One look at a time. */
  async look(ctx: Ctx, folderId: FolderId): Promise<{ readonly count: SearchCount; readonly moves: SearchMoves }> {
    const turn = this.#turn.then(() => this.#lookAlone(ctx, folderId));
    // The next one waits for the end of this one, however it ends.
    this.#turn = turn.catch(() => undefined);
    return await turn;
  }

  async #lookAlone(ctx: Ctx, folderId: FolderId): Promise<{ count: SearchCount; moves: SearchMoves }> {
    let search = this.#searches.get(folderId);
    if (search === undefined) {
      const from = { logon: this.#logon, hostname: "", codePage: 1252 };
      search = new LiveSearch(searchSource(from, { kind: "folder", logon: this.#logon, folderId }));
    }
    const moves = await search.look(ctx);
    this.#searches.set(folderId, search);
    return { count: search.count, moves };
  }

  /** The folder as clients are to see it. */
  async counted(ctx: Ctx, info: FolderInfo): Promise<FolderInfo> {
    if (!info.isSearchFolder) return info;
    const { count } = await this.look(ctx, info.folderId);
    return { ...info, ...count };
  }
}
