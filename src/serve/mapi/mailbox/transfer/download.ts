/**
 * Synchronization of a folder's contents, or of the folders below it: what changed since the state that the client
 * sent, and the state it is in after that. [MS-OXCFXICS] 3.2.5.3, 3.2.5.4, 3.2.5.5
 */
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { ownReplicaId, toObjectId } from "#base/ids.ts";
import type { ChangeNumber, FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { ItemRow } from "#mailbox/items-api.ts";
import { passes, tagsOf } from "#props/evaluate.ts";
import type { Restriction } from "#props/structures.ts";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { globalKey, versionOf } from "#serve/mapi/mailbox/keys.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { folderBags, toFileTime } from "#serve/mapi/mailbox/property-source.ts";
import {
  isFolderProperty, PidTagMessageAttachments, PidTagMessageRecipients, writeMessageContent, writeProperty,
} from "#serve/mapi/mailbox/transfer/objects-out.ts";
import type { Filter, OutputOptions } from "#serve/mapi/mailbox/transfer/objects-out.ts";
import type { TextForm } from "#serve/mapi/mailbox/transfer/settings.ts";
import { knownUpTo, StateUpload, writeState } from "#serve/mapi/mailbox/transfer/state.ts";
import type { SyncState } from "#serve/mapi/mailbox/transfer/state.ts";
import { TransferStream } from "#serve/mapi/mailbox/transfer/stream.ts";
import type { Producer, TransferOutput, TransferPart } from "#serve/mapi/mailbox/transfer/stream.ts";
import { CounterSet, encodeShortIdSet } from "#wire/mapi/id-set.ts";
import { metaTags } from "#wire/mapi/transfer-stream.ts";

/** [MS-OXCFXICS] 2.2.3.2.1.1.1 */
export const syncTypes = { contents: 1, hierarchy: 2 } as const;
const syncFlags = {
  unicode: 0x0001, noDeletions: 0x0002, ignoreNoLongerInScope: 0x0004, readState: 0x0008, associated: 0x0010,
  normal: 0x0020, onlySpecified: 0x0080, noForeignIdentifiers: 0x0100, ignoreSpecifiedOnAssociated: 0x4000,
  progress: 0x8000,
} as const;
const extraFlags = { eid: 0x1, messageSize: 0x2, changeNumber: 0x4, orderByDeliveryTime: 0x8 } as const;

export interface SyncSettings {
  readonly isHierarchy: boolean;
  readonly flags: number;
  readonly extraFlags: number;
  readonly restriction: Restriction | null;
  /** To leave out, or with `onlySpecified` the only ones. */
  readonly tags: readonly PropertyTag[];
  readonly text: TextForm;
  readonly hostname: string;
}

const binary = (id: number): PropertyTag => makeTag(id, "Binary");
const PidTagSourceKey = binary(0x65e0);
const PidTagParentSourceKey = binary(0x65e1);
const PidTagChangeKey = binary(0x65e2);
const PidTagPredecessorChangeList = binary(0x65e3);
const PidTagLastModificationTime = makeTag(0x3008, "Time");
const PidTagAssociated = makeTag(0x67aa, "Boolean");
const PidTagMid = makeTag(0x674a, "Integer64");
const PidTagMessageSize = makeTag(0x0e08, "Integer32");
const PidTagChangeNumber = makeTag(0x67a4, "Integer64");
const PidTagDisplayName = makeTag(0x3001, "String");
const PidTagFolderId = makeTag(0x6748, "Integer64");
const PidTagParentFolderId = makeTag(0x6749, "Integer64");

const objectId = (counter: number): bigint => BigInt.asIntN(64, toObjectId(counter));
const sizeMax = 0x7fff_ffff;

/** A download under way. The client sends its state, then takes the stream. */
export class SyncDownload {
  readonly kind = "syncDownload";
  readonly logon: LogonObject;
  readonly upload: StateUpload;
  readonly #folder: FolderObject;
  readonly #settings: SyncSettings;
  #stream: TransferStream | null = null;
  #final: SyncState | null = null;

  constructor(folder: FolderObject, settings: SyncSettings) {
    this.logon = folder.logon;
    this.upload = new StateUpload(folder.logon.replicaGuid);
    this.#folder = folder;
    this.#settings = settings;
  }

  get isContents(): boolean {
    return !this.#settings.isHierarchy;
  }

  /** The state that the client has, as far as the stream was made. */
  get state(): SyncState {
    return this.#final ?? this.upload.state;
  }

  requireUnread(): void {
    if (this.#stream !== null) throw new RopError("notInitialized", "The stream is being read already.");
  }

  next(ctx: Ctx, maxBytes: number): Promise<TransferPart> {
    this.#stream ??= new TransferStream(ctx, this.#producer());
    return this.#stream.next(ctx, maxBytes);
  }

  close(): void {
    this.#stream?.close();
  }

  #producer(): Producer {
    const known = this.upload.state;
    const settings = this.#settings;
    const folder = this.#folder;
    const end = (out: TransferOutput, state: SyncState): void => {
      this.#final = state;
      writeState(out.writer, folder.logon.replicaGuid, state, !settings.isHierarchy);
      out.writer.marker("IncrSyncEnd");
    };
    return settings.isHierarchy ? (out) => hierarchy(out, folder, settings, known, end)
      : (out) => contents(out, folder, settings, known, end);
  }
}

type End = (out: TransferOutput, state: SyncState) => void;

async function optionsOf(ctx: Ctx, logon: LogonObject, text: TextForm): Promise<OutputOptions> {
  return { text, names: await logon.items.allPropertyNames(ctx) };
}

const isSet = (value: number, flag: number): boolean => (value & flag) !== 0;

function filterOf({ flags, tags }: SyncSettings, isAssociated: boolean): Filter {
  const ids = new Set(tags.map(tagId));
  const isOnly = isSet(flags, syncFlags.onlySpecified) &&
    !(isAssociated && isSet(flags, syncFlags.ignoreSpecifiedOnAssociated));
  const has = (tag: PropertyTag): boolean => ids.has(tagId(tag)) === isOnly;
  return { has, recipients: has(PidTagMessageRecipients), attachments: has(PidTagMessageAttachments) };
}

/** What is kept of each message while a folder is compared and sent: folders hold hundreds of thousands. */
type PlanRow = Pick<ItemRow, "messageId" | "isAssociated" | "cn" | "readCn" | "flags" | "internalMs" | "itemSizeBytes">;
const planColumns = ["cn", "readCn", "flags", "internalMs", "itemSizeBytes"] as const;

function toPlanRow({ messageId, isAssociated, cn, readCn, flags, internalMs, itemSizeBytes }: PlanRow): PlanRow {
  return { messageId, isAssociated, cn, readCn, flags, internalMs, itemSizeBytes };
}

/** All messages of the folder for a client that knows of no beginning; else those that changed since. */
async function changesSince(
  ctx: Ctx, { logon, folderId }: FolderObject, since: ChangeNumber, associated: boolean,
): Promise<{ cn: ChangeNumber; changed: readonly PlanRow[]; removed: readonly number[] }> {
  const { items, mailbox } = logon;
  // In public folders rows are marked as each reader has read them.
  if (since > 0 || logon.isPublic) {
    const { cn, changed, removed } = await items.changes(ctx, folderId, since, { associated });
    return { cn, changed: changed.map(toPlanRow), removed };
  }
  // Read before the rows: what changes meanwhile is told again.
  const { highestCn: cn } = await mailbox.folder(ctx, folderId);
  const changed: PlanRow[] = [];
  for await (const slice of items.light(ctx, folderId, planColumns, { associated })) {
    for (const row of slice) changed.push(toPlanRow({ ...row, isAssociated: associated }));
  }
  return { cn, changed, removed: [] };
}

/** What is to be told of a folder's messages. */
interface ContentsPlan {
  readonly toSend: PlanRow[];
  /** As ranges: a client may have been given millions. */
  readonly deleted: CounterSet;
  readonly noLongerInScope: number[];
  readonly read: number[];
  readonly unread: number[];
  readonly cn: ChangeNumber;
}

async function planContents(
  ctx: Ctx, folder: FolderObject, settings: SyncSettings, known: SyncState,
): Promise<ContentsPlan> {
  const plan: ContentsPlan = {
    toSend: [], deleted: new CounterSet(), noLongerInScope: [], read: [], unread: [], cn: 0 as ChangeNumber,
  };
  let cn = Number.MAX_SAFE_INTEGER;
  let gone = new CounterSet();
  for (const associated of [true, false]) {
    if (!isSet(settings.flags, associated ? syncFlags.associated : syncFlags.normal)) continue;
    const seen = associated ? known.seenAssociated : known.seen;
    const since = Math.min(knownUpTo(seen), associated ? Number.MAX_SAFE_INTEGER : knownUpTo(known.read));
    const changes = await changesSince(ctx, folder, since as ChangeNumber, associated);
    cn = Math.min(cn, changes.cn);
    gone = gone.with(CounterSet.of(changes.removed.filter((id) => known.given.has(id))).ranges);
    if (since === 0) gone = gone.with((await forgotten(ctx, folder, known, changes.changed, associated)).ranges);
    const inScope = await matching(ctx, folder.logon, settings.restriction, changes.changed);
    for (const [index, row] of changes.changed.entries()) {
      if (index % limits.sliceRows === limits.sliceRows - 1) await yieldToOthers();
      const isGiven = known.given.has(row.messageId);
      if (!inScope(row)) {
        if (isGiven) plan.noLongerInScope.push(row.messageId);
      } else if (!isGiven || !seen.has(row.cn)) {
        plan.toSend.push(row);
      } else if (!associated && !known.read.has(row.readCn)) {
        ((row.flags & messageFlags.seen) !== 0 ? plan.read : plan.unread).push(row.messageId);
      }
    }
  }
  if (isSet(settings.extraFlags, extraFlags.orderByDeliveryTime)) {
    plan.toSend.sort((a, b) => b.internalMs - a.internalMs);
  }
  return { ...plan, deleted: gone, cn: (cn === Number.MAX_SAFE_INTEGER ? 0 : cn) as ChangeNumber };
}

/** Without a known beginning everything is compared: what the client has and the folder has not is gone. */
async function forgotten(
  ctx: Ctx, folder: FolderObject, known: SyncState, all: readonly PlanRow[], associated: boolean,
): Promise<CounterSet> {
  if (known.given.isEmpty) return known.given;
  const there = CounterSet.of(all.map((row) => row.messageId));
  return known.given.without(there).without(await otherIds(ctx, folder, !associated));
}

async function otherIds(ctx: Ctx, folder: FolderObject, associated: boolean): Promise<CounterSet> {
  const ids: number[] = [];
  for await (const rows of folder.logon.items.light(ctx, folder.folderId, [], { associated })) {
    for (const row of rows) ids.push(row.messageId);
  }
  return CounterSet.of(ids);
}

async function matching(
  ctx: Ctx, logon: LogonObject, restriction: Restriction | null, rows: readonly PlanRow[],
): Promise<(row: PlanRow) => boolean> {
  if (restriction === null) return () => true;
  const found = new Set<number>();
  const tags = [...tagsOf(restriction)];
  for (let at = 0; at < rows.length; at += limits.sliceRows) {
    const ids = rows.slice(at, at + limits.sliceRows).map((row) => row.messageId);
    for (const { row, object } of await logon.items.properties(ctx, ids, { tags })) {
      const bag = await logon.items.toTags(ctx, object, false);
      if (passes(restriction, { get: (tag) => bag.get(tag) })) found.add(row.messageId);
    }
  }
  return (row) => found.has(row.messageId);
}

/** `contentsSync` of the grammar. [MS-OXCFXICS] 2.2.4.3.6 */
async function* contents(
  out: TransferOutput, folder: FolderObject, settings: SyncSettings, known: SyncState, end: End,
): AsyncGenerator<void> {
  const { logon } = folder;
  const plan = await planContents(out.ctx, folder, settings, known);
  const options = await optionsOf(out.ctx, logon, settings.text);
  if (isSet(settings.flags, syncFlags.progress)) writeProgressTotal(out, plan.toSend);
  const sent: PlanRow[] = [];
  for (const row of plan.toSend) {
    let message: OpenMessage;
    try {
      const stored = await logon.items.open(out.ctx, row.messageId);
      message = new OpenMessage({
        logon, hostname: settings.hostname, folderId: folder.folderId, messageId: row.messageId,
        isAssociated: row.isAssociated, isWritable: false, within: null,
      }, stored);
    } catch (error) {
      // Removed meanwhile; the next synchronization tells of it.
      if (error instanceof Fault && error.code === "notFound") continue;
      throw error;
    }
    const current = message.stored!.row;
    if (isSet(settings.flags, syncFlags.progress)) writeProgress(out, current);
    writeMessageHeader(out, logon, current, settings.extraFlags);
    out.writer.marker("IncrSyncMessage");
    yield* writeMessageContent(out, message, options, filterOf(settings, row.isAssociated));
    sent.push(toPlanRow(current));
  }
  writeDeletions(out, plan, settings);
  if (isSet(settings.flags, syncFlags.readState)) writeReadStates(out, plan);
  end(out, stateAfter(plan, settings, known, sent));
  yield;
}

/** Deletions that were not told stay to be told: the client still has those ids, and does not know all changes. */
function stateAfter(plan: ContentsPlan, settings: SyncSettings, known: SyncState, sent: readonly PlanRow[]): SyncState {
  const tellsGone = !isSet(settings.flags, syncFlags.noDeletions);
  const tellsScope = tellsGone && !isSet(settings.flags, syncFlags.ignoreNoLongerInScope);
  const isAll = tellsGone || plan.deleted.isEmpty;
  const upTo = plan.cn === 0 || !isAll ? [] : [{ low: 1, high: plan.cn }];
  const toldUpTo = isAll ? plan.cn : 0;
  const changesOf = (associated: boolean) => CounterSet.of(sent.flatMap((row) =>
    (row.isAssociated === associated && row.cn > toldUpTo ? [row.cn] : []))).ranges;
  const gone = (tellsGone ? plan.deleted : new CounterSet())
    .with(CounterSet.of(tellsScope ? plan.noLongerInScope : []).ranges);
  const has = (flag: number): boolean => isSet(settings.flags, flag);
  return {
    given: known.given.with(CounterSet.of(sent.map((row) => row.messageId)).ranges).without(gone),
    seen: has(syncFlags.normal) ? known.seen.with([...upTo, ...changesOf(false)]) : known.seen,
    seenAssociated: has(syncFlags.associated) ? known.seenAssociated.with([...upTo, ...changesOf(true)])
      : known.seenAssociated,
    read: has(syncFlags.normal) ? known.read.with([
      ...upTo, ...CounterSet.of(sent.flatMap((row) =>
        (!row.isAssociated && row.readCn > toldUpTo ? [row.readCn] : []))).ranges,
    ]) : known.read,
  };
}

/** `messageChangeHeader`, in its order. [MS-OXCFXICS] 2.2.4.3.13 */
function writeMessageHeader({ writer }: TransferOutput, logon: LogonObject, row: ItemRow, extra: number): void {
  writer.marker("IncrSyncChg");
  writer.property(PidTagSourceKey, globalKey(logon, row.messageId));
  writer.property(PidTagLastModificationTime, toFileTime(row.modifiedMs));
  const { changeKey, predecessors } = versionOf(logon, row);
  writer.property(PidTagChangeKey, changeKey);
  writer.property(PidTagPredecessorChangeList, predecessors);
  writer.property(PidTagAssociated, row.isAssociated);
  if (isSet(extra, extraFlags.eid)) writer.property(PidTagMid, objectId(row.messageId));
  if (isSet(extra, extraFlags.messageSize)) {
    writer.property(PidTagMessageSize, Math.min(row.itemSizeBytes, sizeMax));
  }
  if (isSet(extra, extraFlags.changeNumber)) writer.property(PidTagChangeNumber, objectId(row.cn));
}

const progressInformation = makeTag(0x0000, "Binary");
const progressSize = makeTag(0x0000, "Integer32");
const progressAssociated = makeTag(0x0000, "Boolean");

/** ProgressInformation. [MS-OXCFXICS] 2.2.2.7 */
function writeProgressTotal({ writer }: TransferOutput, rows: readonly PlanRow[]): void {
  const bytes = Buffer.alloc(32);
  const total = (associated: boolean): { count: number; size: number } => {
    const some = rows.filter((row) => row.isAssociated === associated);
    return { count: some.length, size: some.reduce((sum, row) => sum + row.itemSizeBytes, 0) };
  };
  const [settings, normal] = [total(true), total(false)];
  bytes.writeUInt32LE(settings.count, 4);
  bytes.writeBigUInt64LE(BigInt(settings.size), 8);
  bytes.writeUInt32LE(normal.count, 16);
  bytes.writeBigUInt64LE(BigInt(normal.size), 24);
  writer.marker("IncrSyncProgressMode");
  writer.property(progressInformation, bytes);
}

function writeProgress({ writer }: TransferOutput, row: ItemRow): void {
  writer.marker("IncrSyncProgressPerMsg");
  writer.property(progressSize, Math.min(row.itemSizeBytes, sizeMax));
  writer.property(progressAssociated, row.isAssociated);
}

/** [MS-OXCFXICS] 2.2.4.3.3 */
function writeDeletions({ writer }: TransferOutput, plan: ContentsPlan, { flags }: SyncSettings): void {
  if (isSet(flags, syncFlags.noDeletions)) return;
  const sets: [number, CounterSet][] = [[metaTags.idsetDeleted, plan.deleted]];
  if (!isSet(flags, syncFlags.ignoreNoLongerInScope)) {
    sets.push([metaTags.idsetNoLongerInScope, CounterSet.of(plan.noLongerInScope)]);
  }
  writeSets(writer, "IncrSyncDel", sets);
}

function writeReadStates({ writer }: TransferOutput, plan: ContentsPlan): void {
  writeSets(writer, "IncrSyncRead",
    [[metaTags.idsetRead, CounterSet.of(plan.read)], [metaTags.idsetUnread, CounterSet.of(plan.unread)]]);
}

function writeSets(
  writer: TransferOutput["writer"], marker: "IncrSyncDel" | "IncrSyncRead",
  sets: readonly (readonly [number, CounterSet])[],
): void {
  if (sets.every(([, ids]) => ids.isEmpty)) return;
  writer.marker(marker);
  for (const [tag, ids] of sets) {
    if (!ids.isEmpty) writer.meta(tag, encodeShortIdSet(ownReplicaId, ids));
  }
}

/** `hierarchySync` of the grammar: parents before their children. [MS-OXCFXICS] 2.2.4.3.9 */
async function* hierarchy(
  out: TransferOutput, folder: FolderObject, settings: SyncSettings, known: SyncState, end: End,
): AsyncGenerator<void> {
  const { logon } = folder;
  const options = await optionsOf(out.ctx, logon, settings.text);
  const below = new Set<FolderId>([folder.folderId]);
  const there: number[] = [];
  let newest = 0;
  for (const { info, bag } of await folderBags(out.ctx, logon, settings.hostname)) {
    if (info.parentId === null || !below.has(info.parentId) || info.isSearchFolder) continue;
    below.add(info.folderId);
    there.push(info.folderId);
    newest = Math.max(newest, info.cn);
    if (known.given.has(info.folderId) && known.seen.has(info.cn)) continue;
    out.writer.marker("IncrSyncChg");
    writeFolderChange(out, bag, info.parentId === folder.folderId, settings, options);
    yield;
  }
  const given = CounterSet.of(there);
  const deleted = known.given.without(given);
  if (!isSet(settings.flags, syncFlags.noDeletions)) {
    writeSets(out.writer, "IncrSyncDel", [[metaTags.idsetDeleted, deleted]]);
  }
  const seen = newest === 0 ? known.seen : known.seen.with([{ low: 1, high: newest }]);
  end(out, { given, seen, seenAssociated: new CounterSet(), read: new CounterSet() });
  yield;
}

/** [MS-OXCFXICS] 2.2.4.3.5 */
function writeFolderChange(
  out: TransferOutput, bag: ReadonlyMap<PropertyTag, PropertyValue>, isAtTop: boolean, settings: SyncSettings,
  options: OutputOptions,
): void {
  const first: [PropertyTag, PropertyValue | undefined][] = [
    [PidTagParentSourceKey, isAtTop ? Buffer.alloc(0) : bag.get(PidTagParentSourceKey)],
    ...[PidTagSourceKey, PidTagLastModificationTime, PidTagChangeKey, PidTagPredecessorChangeList, PidTagDisplayName]
      .map((tag): [PropertyTag, PropertyValue | undefined] => [tag, bag.get(tag)]),
  ];
  const hasEid = isSet(settings.extraFlags, extraFlags.eid);
  if (hasEid) first.push([PidTagFolderId, bag.get(PidTagFolderId)]);
  if (hasEid || isSet(settings.flags, syncFlags.noForeignIdentifiers)) {
    first.push([PidTagParentFolderId, bag.get(PidTagParentFolderId)]);
  }
  for (const [tag, value] of first) if (value !== undefined) writeProperty(out, tag, value, options);
  const { has } = filterOf(settings, false);
  const written = new Set(first.map(([tag]) => tag));
  for (const [tag, value] of bag) {
    if (written.has(tag) || !has(tag) || !isFolderProperty(tag)) continue;
    writeProperty(out, tag, value, options);
  }
}
