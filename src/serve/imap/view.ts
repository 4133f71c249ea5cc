import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, FolderId } from "#base/ids.ts";
import type { FolderInfo, Mailbox, MessageRow, UidRange } from "#mailbox/api.ts";
import type { Query } from "#mailbox/query.ts";
import type { FolderRecord } from "#serve/imap/folder-memory.ts";
import type { FetchItem } from "#wire/imap/fetch.ts";
import type { Interval, SequenceSet } from "#wire/imap/sequence.ts";
import { RecentMessages } from "#serve/imap/folder-memory.ts";
import { resolveSet, savedResult, star } from "#wire/imap/sequence.ts";

/** What a client has to hear about its folder; told in this order. RFC 9051 §7.5.1 */
export interface ViewUpdates {
  /** Numbers and UIDs of what went, highest first, so that none shifts another. */
  readonly expunged: readonly { readonly number: number; readonly uid: number }[];
  /** The new count of messages; undefined when none came. */
  readonly exists: number | undefined;
  /** Messages whose flags changed, with their numbers. */
  readonly changed: readonly { readonly number: number; readonly row: MessageRow }[];
  /** UIDs of messages that came. */
  readonly added: readonly number[];
  /** UIDs of messages that changed, told before or not. */
  readonly touched: readonly number[];
  /** UIDs that are known to be gone since this look; the client may be told of it later. */
  readonly vanished: readonly number[];
  /** Keywords of messages that came. */
  readonly keywords: readonly string[];
}

/** A search whose results are kept up to date. RFC 5267 §4.3 */
export interface SearchContext {
  /** Results are told as UIDs. */
  readonly isUid: boolean;
  /** What to fetch of messages that come and are found. RFC 5465 §7 */
  readonly items: readonly FetchItem[];
  /** What is looked for, as of now. */
  readonly again: () => Promise<Query>;
  /** Puts ascending UIDs into the order asked for; undefined: that of the folder. */
  readonly order: ((uids: readonly number[]) => Promise<number[]>) | undefined;
  /** The results the client has been told, in their order. */
  uids: number[];
}

/**
 * The selected folder as one client knows it: which message has which number. Four bytes per message, shared by all
 * clients until something changes; it changes only in {@link FolderView.sync}, so numbers stand still while a command
 * runs. RFC 9051 §2.3.1.2
 */
export class FolderView {
  readonly mailbox: Mailbox;
  readonly folderId: FolderId;
  readonly uidValidity: number;
  readonly isReadOnly: boolean;
  /** A commit happened since the last sync. */
  isDirty = false;
  /** The newest commit heard of. */
  #heardCn = 0;
  /** The folder's state the client has been told, apart from what {@link FolderView.hasHeldBack} says. */
  #cn: ChangeNumber;
  #uids: Uint32Array;
  #count: number;
  /** Other sessions have the same list: it is not written to. Longer than they know it never is. */
  #isShared = true;
  /** Searches whose results are kept up to date, by tag. RFC 5267 §4.3 */
  readonly contexts = new Map<string, SearchContext>();
  /** UIDs this connection made itself, and need not be shown. RFC 5465 §5.2 */
  readonly ownUids = new Set<number>();
  /** Messages that are new to this client; undefined where nobody wants to know. RFC 3501 §2.3.2 */
  recent: RecentMessages | undefined;
  /** Keywords the client knows of, by their names in small letters. RFC 9051 §7.3.1 */
  keywords: Map<string, string> = new Map();
  /** Those any client of the folder was told of. */
  folderKeywords: Map<string, string> = new Map();
  /** UIDs that are gone, of which the client cannot be told yet. */
  #heldBack = new Set<number>();
  /** `$`, ascending. */
  #saved = new Uint32Array(0);
  /** What the client was told, or did itself, since the last sync: change number by UID. */
  #told = new Map<number, number>();

  constructor(mailbox: Mailbox, folder: FolderInfo, uids: Uint32Array, isReadOnly: boolean) {
    this.mailbox = mailbox;
    this.folderId = folder.folderId;
    this.uidValidity = folder.uidValidity;
    this.isReadOnly = isReadOnly;
    this.#cn = folder.highestCn;
    this.#uids = uids;
    this.#count = uids.length;
  }

  get count(): number {
    return this.#count;
  }

  get cn(): ChangeNumber {
    return this.#cn;
  }

  get hasHeldBack(): boolean {
    return this.#heldBack.size > 0;
  }

  get largestUid(): number {
    return this.#count === 0 ? 0 : this.#uids[this.#count - 1]!;
  }

  uidOf(number: number): number {
    return this.#uids[number - 1]!;
  }

  /** The number of a UID, from 1; 0 when the client does not know it. */
  numberOf(uid: number): number {
    const index = this.#lowerBound(uid);
    return index < this.#count && this.#uids[index] === uid ? index + 1 : 0;
  }

  /** {@link FolderView.numberOf} for UIDs that come in order: looks first at the number `expected`. */
  numberNear(uid: number, expected: number): number {
    return expected <= this.#count && this.#uids[expected - 1] === uid ? expected : this.numberOf(uid);
  }

  /** `$` becomes these. RFC 9051 §6.4.4.1 */
  save(uids: readonly number[]): void {
    this.#saved = Uint32Array.from(uids).sort();
  }

  /** Message numbers a set names, ascending, only those there are. RFC 9051 §6.4.9 */
  numbers(set: SequenceSet, isUid: boolean): Interval[] {
    if (set === savedResult) return this.#savedNumbers();
    const found: Interval[] = [];
    for (const { first, last } of resolveSet(set, isUid ? this.largestUid : this.#count)) {
      const from = isUid ? this.#lowerBound(first) + 1 : first;
      const to = isUid ? this.#lowerBound(last + 1) : Math.min(last, this.#count);
      if (from <= to) found.push({ first: from, last: to });
    }
    return found;
  }

  /** Whether a number written out lies past the end. A range to `*` never does, but a lone `*` needs a message. */
  reachesPast(set: SequenceSet): boolean {
    return set.some(({ first, last }) => first === star || last === star
      ? first === last && this.#count === 0
      : Math.max(first, last) > this.#count);
  }

  /** Messages that went since are not in `$` any more. RFC 9051 §6.4.4.1 */
  #savedNumbers(): Interval[] {
    const found: { first: number; last: number }[] = [];
    for (const uid of this.#saved) {
      const number = this.numberOf(uid);
      if (number === 0) continue;
      const previous = found.at(-1);
      if (previous !== undefined && previous.last + 1 === number) previous.last = number;
      else found.push({ first: number, last: number });
    }
    return found;
  }

  /** A test of whether a UID stands in a set, be there such a message or not. */
  isInSet(set: SequenceSet): (uid: number) => boolean {
    const intervals = set === savedResult ? this.uidRanges(this.#savedNumbers()) : resolveSet(set, this.largestUid);
    return (uid) => {
      let low = 0;
      let high = intervals.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (intervals[middle]!.last < uid) low = middle + 1;
        else high = middle;
      }
      return low < intervals.length && intervals[low]!.first <= uid;
    };
  }

  /** The same messages as ranges of UIDs: between two neighbours no other message can lie. */
  uidRanges(numbers: readonly Interval[]): UidRange[] {
    return numbers.map(({ first, last }) => ({ first: this.uidOf(first), last: this.uidOf(last) }));
  }

  /** What all clients of the folder know together; messages up to `uidNext` are told now. */
  remember(record: FolderRecord, uidNext: number, tellsRecent: boolean): void {
    this.folderKeywords = record.keywords;
    this.keywords = new Map(record.keywords);
    if (!tellsRecent) return;
    this.recent = new RecentMessages(record, !this.isReadOnly);
    this.recent.tell(uidNext - 1);
    this.recent.toldCount = this.recentCount;
  }

  /** How many messages are new to the client. RFC 3501 §7.3.2 */
  get recentCount(): number {
    let count = 0;
    for (const { first, last } of this.recent?.ranges ?? []) {
      count += this.#lowerBound(last + 1) - this.#lowerBound(first);
    }
    return count;
  }

  /** Ranges that hold these UIDs, ascending, and no other message of the view. */
  rangesOf(uids: readonly number[]): UidRange[] {
    const ranges: { first: number; last: number; number: number }[] = [];
    for (const uid of uids) {
      const number = this.numberOf(uid);
      const previous = ranges.at(-1);
      if (previous !== undefined && previous.number + 1 === number) Object.assign(previous, { last: uid, number });
      else ranges.push({ first: uid, last: uid, number });
    }
    return ranges;
  }

  /** A commit happened; one that the view knows of already is no news. */
  hear(cn: ChangeNumber): void {
    if (cn <= this.#cn) return;
    this.#heardCn = Math.max(this.#heardCn, cn);
    this.isDirty = true;
  }

  /**
   * One commit of this connection's own came right after the state the view had, and the client knows all that it did:
   * nothing is left to be looked for, unless a later one was heard of. False where others may have come in between.
   */
  advance(cn: ChangeNumber): boolean {
    if (cn !== this.#cn + 1 || this.contexts.size > 0) return false;
    this.#cn = cn;
    this.#told.clear();
    if (this.#heardCn <= cn) this.isDirty = false;
    return true;
  }

  /** The client knows the flags of this row: it set them, or the answer to its command tells them. */
  noteTold(row: MessageRow): void {
    this.#told.set(row.uid, row.modSeq);
  }

  /**
   * Catches up with the folder. With `mayExpunge` false messages that went keep their numbers until a command that
   * may tell of it. Throws Fault `notFound` when the folder is gone. RFC 9051 §7.5.1
   */
  async sync(ctx: Ctx, mayExpunge: boolean): Promise<ViewUpdates> {
    this.isDirty = false;
    const { cn, changed, vanished } = await this.mailbox.changes(ctx, this.folderId, this.#cn);
    this.#cn = cn;
    const largest = this.largestUid;
    const gone: number[] = [];
    for (const uid of vanished) {
      if (this.numberOf(uid) === 0 || this.#heldBack.has(uid)) continue;
      this.#heldBack.add(uid);
      gone.push(uid);
    }
    const expunged = mayExpunge && this.#heldBack.size > 0 ? this.#expunge() : [];
    const countBefore = this.#count;
    const told: { number: number; row: MessageRow }[] = [];
    const added: number[] = [];
    const touched: number[] = [];
    const keywords: string[] = [];
    for (const row of changed) {
      if (row.uid > largest) {
        this.#append(row.uid);
        added.push(row.uid);
        for (const keyword of row.keywords) keywords.push(keyword);
        continue;
      }
      touched.push(row.uid);
      if (this.#told.get(row.uid) !== row.modSeq) {
        const number = this.numberOf(row.uid);
        if (number !== 0) told.push({ number, row });
      }
    }
    this.#told.clear();
    const exists = this.#count === countBefore ? undefined : this.#count;
    return { expunged, exists, changed: told, added, touched, vanished: gone, keywords };
  }

  #expunge(): { number: number; uid: number }[] {
    const gone: { number: number; uid: number }[] = [];
    if (this.#isShared) this.#uids = this.#uids.slice(0, this.#count);
    this.#isShared = false;
    let kept = 0;
    for (let index = 0; index < this.#count; index++) {
      const uid = this.#uids[index]!;
      if (this.#heldBack.has(uid)) gone.push({ number: index + 1, uid });
      else this.#uids[kept++] = uid;
    }
    this.#count = kept;
    this.#heldBack.clear();
    return gone.reverse();
  }

  #append(uid: number): void {
    if (this.#count === this.#uids.length) {
      const grown = new Uint32Array(Math.max(16, Math.ceil(this.#count * 1.25)));
      grown.set(this.#uids);
      this.#uids = grown;
      this.#isShared = false;
    }
    this.#uids[this.#count++] = uid;
  }

  #lowerBound(uid: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#uids[middle]! < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
