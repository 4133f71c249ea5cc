/** Synchronization as a client in cached mode does it: states up, streams down, changes of its own. [MS-OXCFXICS] 3.3 */
import { strict as assert } from "node:assert";
import { guidToBytes } from "#codec/binary/bytes.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { decodeIdSet } from "#wire/mapi/id-set.ts";
import type { CounterSet } from "#wire/mapi/id-set.ts";
import * as transfers from "#wire/mapi/rops/fast-transfer.ts";
import * as rops from "#wire/mapi/rops/synchronization.ts";
import { TransferReader } from "#wire/mapi/transfer-stream.ts";
import type { TransferWord } from "#wire/mapi/transfer-stream.ts";
import type { MailboxClient } from "./mapi-mailbox.ts";

export type SyncState = ReadonlyMap<number, Uint8Array>;
export const noState: SyncState = new Map();
/** Unicode, ReadState, FAI, Normal. [MS-OXCFXICS] 2.2.3.2.1.1.1 */
export const contentsFlags = 0x1 | 0x8 | 0x10 | 0x20;

export interface Downloaded {
  readonly words: readonly TransferWord[];
  readonly state: SyncState;
}

export async function takeRaw(client: MailboxClient, source: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const { body } = await client.session.must(transfers.RopFastTransferSourceGetBuffer, source,
      { bufferSize: 0xbabe, maximumBufferSize: 0x7fff });
    pieces.push(body.transferBuffer);
    if (body.transferStatus === 3) return Buffer.concat(pieces);
    assert.equal(body.transferStatus, 1);
    assert.ok(body.transferBuffer.length > 0);
  }
}

export async function takeAll(client: MailboxClient, source: number): Promise<TransferWord[]> {
  const reader = new TransferReader();
  const words = [...reader.push(await takeRaw(client, source))];
  assert.ok(reader.isAtWord);
  return words;
}

async function uploadState(client: MailboxClient, context: number, state: SyncState): Promise<void> {
  for (const [stateProperty, bytes] of state) {
    const request = { stateProperty: stateProperty as PropertyTag, transferBufferSize: bytes.length };
    await client.session.must(rops.RopSynchronizationUploadStateStreamBegin, context, request);
    const half = bytes.length >> 1;
    for (const streamData of [bytes.subarray(0, half), bytes.subarray(half)]) {
      await client.session.must(rops.RopSynchronizationUploadStateStreamContinue, context, { streamData });
    }
    await client.session.must(rops.RopSynchronizationUploadStateStreamEnd, context, {});
  }
}

/** `synchronizationType` 1: messages, 2: folders. */
export async function download(
  client: MailboxClient, folder: number, synchronizationType: number, state: SyncState = noState, more: object = {},
): Promise<Downloaded> {
  const { opened } = await client.session.must(rops.RopSynchronizationConfigure, folder, {
    synchronizationType, sendOptions: 0x9, synchronizationFlags: synchronizationType === 1 ? contentsFlags : 0x1,
    restrictionData: null, synchronizationExtraFlags: 0x1 | 0x4, propertyTags: [], ...more,
  });
  await uploadState(client, opened, state);
  const words = await takeAll(client, opened);
  assert.deepEqual(words.at(-1), { kind: "marker", marker: "IncrSyncEnd" });
  return { words, state: stateIn(words) };
}

export function stateIn(words: readonly TransferWord[]): SyncState {
  const from = words.findIndex((word) => word.kind === "marker" && word.marker === "IncrSyncStateBegin");
  const to = words.findIndex((word) => word.kind === "marker" && word.marker === "IncrSyncStateEnd");
  return new Map(words.slice(from + 1, to).map((word) =>
    [(word as { tag: number }).tag, (word as { value: Uint8Array }).value]));
}

/** The changes of a stream: header and properties of each, in order. */
export function changesIn(words: readonly TransferWord[]): ReadonlyMap<number, PropertyValue>[] {
  const found: Map<number, PropertyValue>[] = [];
  let current: Map<number, PropertyValue> | null = null;
  for (const word of words) {
    if (word.kind === "marker" && word.marker === "IncrSyncChg") found.push(current = new Map());
    else if (word.kind === "marker" && word.marker !== "IncrSyncMessage") current = null;
    else if (word.kind === "property") current?.set(word.tag, word.value);
  }
  return found;
}

/** Counters of a set that names its replica by a short id; undefined where the stream has none. */
export function shortSetIn(words: readonly TransferWord[], tag: number): number[] | undefined {
  const found = words.find((word) => word.kind === "property" && word.tag === tag);
  if (found?.kind !== "property") return undefined;
  const bytes = found.value as Uint8Array;
  return [...decodeIdSet(Buffer.concat([Buffer.alloc(16), bytes.subarray(2)])).values().next().value as CounterSet];
}

export async function collector(client: MailboxClient, folder: number, isContentsCollector = true): Promise<number> {
  return (await client.session.must(rops.RopSynchronizationOpenCollector, folder, { isContentsCollector })).opened;
}

const clientGuid = Buffer.from("0123456789abcdef0123456789abcdef", "hex");
/** A change of a client's own. */
export const clientXid = (change: number): Buffer => Buffer.concat([clientGuid, Buffer.from([0, 0, 0, change])]);
export const listOfXids = (...xids: Uint8Array[]): Buffer =>
  Buffer.concat(xids.flatMap((one) => [Buffer.of(one.length), one]));

export interface Change {
  readonly key: Uint8Array;
  readonly change: Uint8Array;
  readonly predecessors: Uint8Array;
  /** FILETIME. */
  readonly modified?: bigint;
}

/** Identifying properties of a change, in their order. */
export function identity({ key, change, predecessors, modified = 133_000_000_000_000_000n }: Change):
{ tag: PropertyTag; value: PropertyValue }[] {
  return [
    { tag: makeTag(0x65e0, "Binary"), value: key }, { tag: makeTag(0x3008, "Time"), value: modified },
    { tag: makeTag(0x65e2, "Binary"), value: change }, { tag: makeTag(0x65e3, "Binary"), value: predecessors },
  ];
}

/** Keys of ids that the server set aside. */
export async function reserved(client: MailboxClient, count: number): Promise<Buffer[]> {
  const { body } = await client.session.must(rops.RopGetLocalReplicaIds, client.logon, { idCount: count });
  const guid = Buffer.alloc(16);
  guidToBytes(body.replGuid, guid);
  return Array.from({ length: count }, (_, index) => {
    const key = Buffer.alloc(22);
    guid.copy(key);
    key.writeUIntBE(body.globalCount + index, 16, 6);
    return key;
  });
}
