/**
 * What clients were told, kept beside the server to be compared with what is there after a crash. A copy of a message
 * is in one certain state, or, when the server died before it answered, in one of the states before and after.
 */
export interface CopyState {
  readonly folder: string;
  /** Null when nobody was told it yet. */
  readonly uid: number | null;
  /** Sorted, joined by spaces, without \Recent. */
  readonly flags: string;
}

export const gone = "gone";
export type Possible = CopyState | typeof gone;

export interface Copy {
  readonly token: string;
  possible: Possible[];
  /** Sent but never answered: it may still come out of the queue at any later time, once. */
  mayComeLate: boolean;
  /** All that was expected and seen of it, for the person who must find out why. */
  readonly history: string[];
}

export interface Seen extends CopyState {
  readonly token: string;
  readonly uid: number;
}

export interface SeenFolder {
  readonly folder: string;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly highestModSeq: bigint;
  readonly messages: readonly Seen[];
}

function describe(state: Possible): string {
  return state === gone ? gone : `${state.folder}/${state.uid ?? "?"} (${state.flags})`;
}

/** One mailbox's promises. */
export class Ledger {
  readonly user: string;
  readonly copies = new Map<string, Copy>();
  /** Per folder, whose each UID was, for ever. */
  readonly #owners = new Map<string, Map<number, string>>();
  readonly #folders = new Map<string, { uidValidity: number; highestModSeq: bigint; uidMax: number }>();

  constructor(user: string) {
    this.user = user;
  }

  /** The server answered, or is about to be asked: these are the states that may be found. */
  expect(token: string, ...possible: Possible[]): Copy {
    const copy = this.copies.get(token) ?? { token, possible, mayComeLate: false, history: [] };
    copy.possible = possible;
    copy.history.push(possible.map(describe).join(" | "));
    this.copies.set(token, copy);
    for (const state of possible) {
      if (state !== gone && state.uid !== null) this.own(state.folder, state.uid, token);
    }
    return copy;
  }

  /** A UID was told to a client as this message's. Throws when it was another's before. */
  own(folder: string, uid: number, token: string): void {
    const owners = this.#owners.get(folder) ?? this.#owners.set(folder, new Map()).get(folder)!;
    const before = owners.get(uid);
    if (before !== undefined && before !== token) {
      throw new Error(`${this.user}/${folder}: UID ${uid} was ${before} and is now ${token}`);
    }
    owners.set(uid, token);
    const known = this.#folders.get(folder);
    if (known !== undefined && uid > known.uidMax) known.uidMax = uid;
  }

  /** Copies with one certain state, for operations to choose from. */
  certain(folder: string): { token: string; state: CopyState & { uid: number } }[] {
    const found: { token: string; state: CopyState & { uid: number } }[] = [];
    for (const { token, possible } of this.copies.values()) {
      const [state] = possible;
      if (possible.length !== 1 || state === undefined || state === gone || state.folder !== folder) continue;
      if (state.uid !== null) found.push({ token, state: { ...state, uid: state.uid } });
    }
    return found;
  }

  /** Acknowledged messages that are not among `seen`; while the queue works they may be on their way. */
  missing(seen: readonly SeenFolder[]): string[] {
    const present = new Set(seen.flatMap(({ messages }) => messages.map(({ token }) => token)));
    return [...this.copies.values()]
      .filter(({ token, possible }) => !present.has(token) && !possible.includes(gone))
      .map(({ token }) => token);
  }

  /** Compares, and takes what was seen as certain. Returns what was wrong. */
  settle(seen: readonly SeenFolder[]): string[] {
    const wrong: string[] = [];
    const byToken = new Map<string, Seen[]>();
    for (const folder of seen) {
      this.#settleFolder(folder, wrong);
      for (const message of folder.messages) {
        byToken.set(message.token, [...byToken.get(message.token) ?? [], message]);
        try {
          this.own(message.folder, message.uid, message.token);
        } catch (error) {
          wrong.push((error as Error).message);
        }
      }
    }
    for (const [token, found] of byToken) {
      if (found.length > 1) wrong.push(`${this.user}: ${token} is there ${found.length} times: ${JSON.stringify(found)}`);
      if (!this.copies.has(token)) wrong.push(`${this.user}: ${token} was never sent here`);
    }
    for (const copy of this.copies.values()) this.#settleCopy(copy, byToken.get(copy.token)?.[0], wrong);
    return wrong;
  }

  #settleFolder(folder: SeenFolder, wrong: string[]): void {
    const known = this.#folders.get(folder.folder);
    const where = `${this.user}/${folder.folder}`;
    if (known !== undefined) {
      if (known.uidValidity !== folder.uidValidity) {
        wrong.push(`${where}: UIDVALIDITY was ${known.uidValidity} and is ${folder.uidValidity}`);
      }
      if (folder.highestModSeq < known.highestModSeq) {
        wrong.push(`${where}: HIGHESTMODSEQ fell from ${known.highestModSeq} to ${folder.highestModSeq}`);
      }
      if (folder.uidNext <= known.uidMax) wrong.push(`${where}: UIDNEXT ${folder.uidNext}, but ${known.uidMax} was given`);
    }
    this.#folders.set(folder.folder, {
      uidValidity: folder.uidValidity, highestModSeq: folder.highestModSeq,
      uidMax: Math.max(known?.uidMax ?? 0, ...folder.messages.map(({ uid }) => uid)),
    });
  }

  #settleCopy(copy: Copy, found: Seen | undefined, wrong: string[]): void {
    const tell = (what: string): void => {
      wrong.push(`${this.user}: ${copy.token} is ${what}; expected ${copy.history.at(-1)}; before: ${copy.history.join(" -> ")}`);
    };
    if (found === undefined) {
      if (!copy.possible.includes(gone)) tell("lost");
      else if (!copy.mayComeLate) this.copies.delete(copy.token);
      return;
    }
    const matches = copy.possible.some((state) => state !== gone && state.folder === found.folder &&
      state.flags === found.flags && (state.uid === null || state.uid === found.uid));
    if (!matches) tell(describe(found));
    copy.mayComeLate = false;
    copy.possible = [{ folder: found.folder, uid: found.uid, flags: found.flags }];
    copy.history.push(`seen ${describe(found)}`);
  }
}
