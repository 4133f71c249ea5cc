/** What a client has of a folder: ids it was given and changes it has seen. [MS-OXCFXICS] 2.2.1.1, 3.2.5.2 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { tagId } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { CounterSet, decodeIdSet, encodeIdSet } from "#wire/mapi/id-set.ts";
import { metaTags } from "#wire/mapi/transfer-stream.ts";
import type { TransferWriter } from "#wire/mapi/transfer-stream.ts";

/** Counters of this store's replica alone: ids of others were never given out here. */
export interface SyncState {
  readonly given: CounterSet;
  readonly seen: CounterSet;
  readonly seenAssociated: CounterSet;
  readonly read: CounterSet;
}
type Part = keyof SyncState;

const partById: ReadonlyMap<number, Part> = new Map<number, Part>([
  [metaTags.idsetGiven >>> 16, "given"], [metaTags.cnsetSeen >>> 16, "seen"],
  [metaTags.cnsetSeenFai >>> 16, "seenAssociated"], [metaTags.cnsetRead >>> 16, "read"],
]);
const empty = new CounterSet();

/** A state on its way in: one property after the other, each in pieces. [MS-OXCFXICS] 2.2.3.2.2 */
export class StateUpload {
  readonly #replicaGuid: string;
  readonly #sets = new Map<Part, CounterSet>();
  #open: { part: Part; pieces: Uint8Array[]; size: number } | null = null;

  constructor(replicaGuid: string) {
    this.#replicaGuid = replicaGuid;
  }

  get state(): SyncState {
    const set = (part: Part): CounterSet => this.#sets.get(part) ?? empty;
    return { given: set("given"), seen: set("seen"), seenAssociated: set("seenAssociated"), read: set("read") };
  }

  begin(tag: PropertyTag): void {
    const part = partById.get(tagId(tag));
    if (part === undefined) throw new RopError("invalidParameter", "This property is no part of a state.");
    if (this.#open !== null) throw new RopError("notInitialized", "Another part of the state is on its way.");
    this.#open = { part, pieces: [], size: 0 };
  }

  continue(bytes: Uint8Array): void {
    if (this.#open === null) throw new RopError("notInitialized", "No part of the state was begun.");
    this.#open.size += bytes.length;
    if (this.#open.size > limits.mapiStateMaxBytes) throw new RopError("invalidParameter", "This state is too long.");
    this.#open.pieces.push(Uint8Array.from(bytes));
  }

  end(): void {
    if (this.#open === null) throw new RopError("notInitialized", "No part of the state was begun.");
    const { part, pieces } = this.#open;
    this.#open = null;
    this.#sets.set(part, decode(Buffer.concat(pieces)).get(this.#replicaGuid) ?? empty);
  }
}

function decode(bytes: Uint8Array): ReadonlyMap<string, CounterSet> {
  try {
    return decodeIdSet(bytes);
  } catch (error) {
    if (error instanceof WireError) throw new RopError("invalidParameter", error.message);
    throw error;
  }
}

/** Changes up to this one, all of them, are in the set. */
export function knownUpTo(set: CounterSet): number {
  const [first] = set.ranges;
  return first !== undefined && first.low <= 1 ? first.high : 0;
}

/** `state` of the grammar. [MS-OXCFXICS] 2.2.4.3.25 */
export function writeState(writer: TransferWriter, replicaGuid: string, state: SyncState, isContents: boolean): void {
  const pack = (set: CounterSet): Buffer => encodeIdSet(new Map([[replicaGuid, set]]));
  writer.marker("IncrSyncStateBegin");
  writer.meta(metaTags.idsetGiven, pack(state.given));
  writer.meta(metaTags.cnsetSeen, pack(state.seen));
  if (isContents) {
    writer.meta(metaTags.cnsetSeenFai, pack(state.seenAssociated));
    writer.meta(metaTags.cnsetRead, pack(state.read));
  }
  writer.marker("IncrSyncStateEnd");
}
