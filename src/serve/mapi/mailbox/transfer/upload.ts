/**
 * Changes that a client made away from the server, on their way in: messages, folders, moves, deletions, read marks.
 * Who changed what without knowing of the other is told by lists of changes. [MS-OXCFXICS] 3.2.5.9, 3.1.5.6
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault, WireError } from "#base/fault.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import { folderRights } from "#mailbox/access.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import type { ImportedChange, ItemRow } from "#mailbox/items-api.ts";
import { makeTag, propertyTypes, tagTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { holderOf, splitWritable } from "#serve/mapi/mailbox/holders.ts";
import { counterOfKey, folderVersionOf, versionOf } from "#serve/mapi/mailbox/keys.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { toFileTime } from "#serve/mapi/mailbox/property-source.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import { StateUpload } from "#serve/mapi/mailbox/transfer/state.ts";
import type { SyncState } from "#serve/mapi/mailbox/transfer/state.ts";
import {
  decodePredecessors, encodePredecessors, includes, predecessorsOf, withChanges,
} from "#wire/mapi/predecessors.ts";
import { CounterSet } from "#wire/mapi/id-set.ts";

/** [MS-OXCFXICS] 2.2.3.2.4.2.1 */
const importFlags = { associated: 0x10, failOnConflict: 0x40 } as const;
/** [MS-OXCFXICS] 2.2.3.2.4.5.1 */
const deleteFlags = { hierarchy: 0x01, hardDelete: 0x02 } as const;

/** Exchange refuses bits that there are none of. [MS-OXCFXICS] 3.2.5.9.4.2, 3.2.5.9.4.5 */
function requireKnown(flags: number, known: Readonly<Record<string, number>>): void {
  const all = Object.values(known).reduce((sum, one) => sum | one, 0);
  if ((flags & ~all) !== 0) throw new RopError("invalidParameter", `0x${flags.toString(16)} has unknown flags.`);
}

const binary = (id: number): PropertyTag => makeTag(id, "Binary");
const PidTagSourceKey = binary(0x65e0);
const PidTagParentSourceKey = binary(0x65e1);
const PidTagChangeKey = binary(0x65e2);
const PidTagPredecessorChangeList = binary(0x65e3);
const PidTagLastModificationTime = makeTag(0x3008, "Time");
const PidTagDisplayName = makeTag(0x3001, "String");
const PidTagContainerClass = makeTag(0x3613, "String");
const PidTagAttributeHidden = makeTag(0x10f4, "Boolean");

type Values = readonly { readonly tag: PropertyTag; readonly value: PropertyValue }[];

/** The values of a request that has to have exactly these properties, in this order. */
function requireValues(values: Values, tags: readonly PropertyTag[]): PropertyValue[] {
  if (values.length !== tags.length || tags.some((tag, index) => values[index]!.tag !== tag)) {
    throw new RopError("invalidParameter", "An import needs its identifying properties, in their order.");
  }
  return values.map(({ value }) => value);
}

/** Throws RopError `invalidParameter` where the wire has it wrong. */
function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) throw new RopError("invalidParameter", error.message);
    throw error;
  }
}

/**
 * A message whose own version is the later one: what the client writes to it is taken and dropped, and the one that
 * stays knows both versions. [MS-OXCFXICS] 3.1.5.6.2.1
 */
class LosingMessage extends OpenMessage {
  override async save(ctx: Ctx): Promise<MessageId | null> {
    const { imported, messageId } = this;
    if (imported === null || messageId === null) return messageId;
    await this.logon.items.update(ctx, { messageId, imported: imported.change });
    this.imported = null;
    return messageId;
  }
}

/** How the client names its change, with everything that it knew. */
function changeOf(changeKey: PropertyValue, predecessors: PropertyValue): ImportedChange {
  return checked(() => ({
    changeKey: Uint8Array.from(changeKey as Uint8Array),
    predecessors: encodePredecessors(withChanges(decodePredecessors(predecessors as Uint8Array),
      predecessorsOf(changeKey as Uint8Array))),
  }));
}

export class SyncUpload {
  readonly kind = "syncUpload";
  readonly logon: LogonObject;
  readonly upload: StateUpload;
  readonly isContents: boolean;
  readonly #folder: FolderObject;
  readonly #session: MailboxSession;
  #done: SyncState = {
    given: new CounterSet(), seen: new CounterSet(), seenAssociated: new CounterSet(), read: new CounterSet(),
  };
  #removed = new CounterSet();

  constructor(folder: FolderObject, isContents: boolean, session: MailboxSession) {
    this.logon = folder.logon;
    this.upload = new StateUpload(folder.logon.replicaGuid);
    this.isContents = isContents;
    this.#folder = folder;
    this.#session = session;
  }

  /** What the client has when it counts its own changes in. [MS-OXCFXICS] 3.2.5.9.3 */
  get state(): SyncState {
    const { given, seen, seenAssociated, read } = this.upload.state;
    return {
      given: given.with(this.#done.given.ranges).without(this.#removed), seen: seen.with(this.#done.seen.ranges),
      seenAssociated: seenAssociated.with(this.#done.seenAssociated.ranges), read: read.with(this.#done.read.ranges),
    };
  }

  #requireContents(isContents: boolean): void {
    if (this.isContents !== isContents) {
      throw new RopError("notSupported", `This collects changes of ${this.isContents ? "messages" : "folders"}.`);
    }
  }

  #note(row: ItemRow): void {
    const one = (counter: number) => [{ low: counter, high: counter }];
    const { given, seen, seenAssociated, read } = this.#done;
    this.#done = {
      given: given.with(one(row.messageId)),
      seen: row.isAssociated ? seen : seen.with(one(row.cn)),
      seenAssociated: row.isAssociated ? seenAssociated.with(one(row.cn)) : seenAssociated,
      read: row.isAssociated ? read : read.with(one(row.readCn)),
    };
  }

  /** The message to be filled and saved. */
  async importMessage(ctx: Ctx, flags: number, values: Values): Promise<OpenMessage> {
    this.#requireContents(true);
    requireKnown(flags, importFlags);
    const [sourceKey, modified, changeKey, list] = requireValues(values,
      [PidTagSourceKey, PidTagLastModificationTime, PidTagChangeKey, PidTagPredecessorChangeList]);
    const messageId = counterOfKey(this.logon, sourceKey as Uint8Array) as MessageId;
    const change = changeOf(changeKey!, list!);
    const place = {
      logon: this.logon, hostname: this.#session.services.hostname, folderId: this.#folder.folderId,
      isAssociated: (flags & importFlags.associated) !== 0, isWritable: true, within: null,
    };
    const state = await this.logon.items.idState(ctx, messageId);
    if (state === "removed") throw new RopError("syncObjectDeleted", "This message was removed on the server.");
    if (state === "free") {
      const message = new OpenMessage({ ...place, messageId: null }, null);
      message.imported = { change: { ...change, messageId }, saved: (row) => this.#note(row) };
      return message;
    }
    const stored = await this.logon.items.open(ctx, messageId);
    const failsOnConflict = (flags & importFlags.failOnConflict) !== 0;
    const { winner, wins } = this.#reconcile(stored.row, change, modified as bigint, failsOnConflict);
    const message = wins ? new OpenMessage({ ...place, messageId }, stored)
      : new LosingMessage({ ...place, messageId }, stored);
    // What the server keeps is told to the client with the next download.
    message.imported = { change: winner, saved: (row) => this.#note(row) };
    return message;
  }

  /**
   * Throws when the server's version is newer, or (where asked) when neither knows the other. Otherwise the last writer
   * of the two wins, and the version that stays knows both. [MS-OXCFXICS] 3.1.5.6.1, 3.1.5.6.2.1
   */
  #reconcile(
    row: ItemRow, change: ImportedChange, modified: bigint, failsOnConflict: boolean,
  ): { winner: ImportedChange; wins: boolean } {
    const version = versionOf(this.logon, row);
    const own = checked(() => decodePredecessors(version.predecessors));
    const theirs = decodePredecessors(change.predecessors);
    if (includes(own, theirs)) throw new RopError("syncIgnore", "The server has a newer version of this message.");
    if (includes(theirs, own)) return { winner: change, wins: true };
    if (failsOnConflict) throw new RopError("syncConflict", "This message was changed on the server as well.");
    const predecessors = encodePredecessors(withChanges(theirs, own));
    const wins = modified >= toFileTime(row.modifiedMs);
    return { winner: { changeKey: wins ? change.changeKey : version.changeKey, predecessors }, wins };
  }

  /** True where the client's version was not taken on: it had another one than the server. [MS-OXCFXICS] 3.2.5.9.4.4 */
  async importMove(ctx: Ctx, request: {
    readonly sourceMessageId: Uint8Array; readonly predecessorChangeList: Uint8Array;
    readonly destinationMessageId: Uint8Array; readonly changeNumber: Uint8Array;
  }): Promise<boolean> {
    this.#requireContents(true);
    const { items } = this.logon;
    const from = counterOfKey(this.logon, request.sourceMessageId) as MessageId;
    const newId = counterOfKey(this.logon, request.destinationMessageId) as MessageId;
    const change = changeOf(request.changeNumber, request.predecessorChangeList);
    const before = await items.row(ctx, from);
    const own = checked(() => decodePredecessors(versionOf(this.logon, before).predecessors));
    const theirs = decodePredecessors(change.predecessors);
    const knowsTheirs = includes(own, theirs);
    const isSame = knowsTheirs && includes(theirs, own);
    const row = await items.importMove(ctx, from, this.#folder.folderId, newId, isSame ? change : null);
    // Of another version the client has yet to hear.
    if (isSame) this.#note(row);
    else this.#done = { ...this.#done, given: this.#done.given.with([{ low: newId, high: newId }]) };
    return !knowsTheirs;
  }

  async importReadStates(ctx: Ctx, states: readonly { messageId: Uint8Array; markAsRead: boolean }[]): Promise<void> {
    this.#requireContents(true);
    for (const isRead of [true, false]) {
      const ids = states.filter((one) => one.markAsRead === isRead)
        .map((one) => counterOfKey(this.logon, one.messageId) as MessageId);
      if (ids.length === 0) continue;
      const rows = await this.logon.items.setFlags(ctx, ids,
        { mode: isRead ? "add" : "remove", flags: messageFlags.seen, keywords: [] });
      // The read state alone is known by it: of other changes to the same messages the client may not have heard.
      const told = rows.filter((row) => !row.isAssociated).map(({ readCn }) => ({ low: readCn, high: readCn }));
      this.#done = { ...this.#done, read: this.#done.read.with(told) };
    }
  }

  async importDeletes(ctx: Ctx, flags: number, values: Values): Promise<void> {
    requireKnown(flags, deleteFlags);
    const isHierarchy = (flags & deleteFlags.hierarchy) !== 0;
    this.#requireContents(!isHierarchy);
    const keys = values.flatMap(({ tag, value }) => {
      if (tagTypeCode(tag) !== propertyTypes.MultipleBinary.code) {
        throw new RopError("invalidParameter", "What is removed is named by lists of keys.");
      }
      return value as Uint8Array[];
    });
    const ids = [...new Set(keys.map((key) => counterOfKey(this.logon, key)))];
    const mode = (flags & deleteFlags.hardDelete) !== 0 ? "hard" : "soft";
    if (isHierarchy) await this.#deleteFolders(ctx, ids as FolderId[], mode);
    else await this.#deleteMessages(ctx, ids as MessageId[], mode);
    await this.#giveUp(ctx, ids);
    this.#removed = this.#removed.with(CounterSet.of(ids).ranges);
  }

  /** Those of this folder: what another program moved on meanwhile stays where it is. */
  async #deleteMessages(ctx: Ctx, ids: readonly MessageId[], mode: "soft" | "hard"): Promise<void> {
    const rows = await this.logon.items.lightOf(ctx, ids, []);
    const here = rows.filter(({ folderId }) => folderId === this.#folder.folderId).map(({ messageId }) => messageId);
    if (here.length > 0) await this.logon.items.remove(ctx, here, mode);
  }

  /** All of them, or, where one may not go, none. [MS-OXCFXICS] 3.2.5.9.4.5 */
  async #deleteFolders(ctx: Ctx, ids: readonly FolderId[], mode: "soft" | "hard"): Promise<void> {
    const { mailbox } = this.logon;
    const byId = new Map((await mailbox.folders(ctx)).map((info) => [info.folderId, info]));
    const there = ids.filter((id) => byId.has(id));
    for (const id of there) {
      const may = (mailbox.rightsIn(id) & folderRights.folderOwner) !== 0;
      if (!may || byId.get(id)!.role !== null || !isBelow(byId, id, this.#folder.folderId)) {
        throw new RopError("accessDenied", "One of these folders cannot be removed here.");
      }
    }
    for (const folderId of there) {
      try {
        await mailbox.deleteFolder(ctx, { folderId, mode, children: "delete" });
      } catch (error) {
        // Gone already, with a folder above it.
        if (!(error instanceof Fault) || error.code !== "notFound") throw error;
      }
    }
  }

  /** What never was here is not to come later, from another program that still has it. [MS-OXCFXICS] 3.2.5.9.4.5 */
  async #giveUp(ctx: Ctx, ids: readonly number[]): Promise<void> {
    const { items, mailbox } = this.logon;
    const next = await mailbox.nextObjectId(ctx);
    const free: number[] = [];
    for (const id of ids) {
      if (id < next && await items.idState(ctx, id as MessageId) === "free") free.push(id);
    }
    if (free.length === 0) return;
    const folders = new Set<number>((await mailbox.folders(ctx)).map(({ folderId }) => folderId));
    await items.giveUpIds(ctx, this.#folder.folderId, CounterSet.of(free.filter((id) => !folders.has(id))).ranges);
  }

  /** Makes, renames, moves or changes a folder. [MS-OXCFXICS] 3.2.5.9.4.3 */
  async importFolder(ctx: Ctx, hierarchyValues: Values, values: Values): Promise<void> {
    this.#requireContents(false);
    const [parentKey, sourceKey, modified, changeKey, list, name] = requireValues(hierarchyValues, [
      PidTagParentSourceKey, PidTagSourceKey, PidTagLastModificationTime, PidTagChangeKey, PidTagPredecessorChangeList,
      PidTagDisplayName,
    ]);
    const change = changeOf(changeKey!, list!);
    const { mailbox, items } = this.logon;
    const folderId = counterOfKey(this.logon, sourceKey as Uint8Array) as FolderId;
    const all = await mailbox.folders(ctx);
    const parentId = this.#parentOf(parentKey as Uint8Array, all);
    const known = all.find((one) => one.folderId === folderId);
    if (known === undefined && await items.idState(ctx, folderId as number as MessageId) === "removed") {
      throw new RopError("syncObjectDeleted", "This folder was removed on the server.");
    }
    const settled = known === undefined ? { change, wins: true } : await this.#settle(ctx, known, change, modified!);
    if (settled === null) return;
    const place = settled.wins ? { parentId, name: name as string, ...this.#folderValues(folderId, values) }
      : { parentId: known!.parentId!, name: known!.name, set: new Map() };
    const cn = await items.importFolder(ctx, { folderId, ...place, change: settled.change });
    this.#done = {
      ...this.#done, given: this.#done.given.with([{ low: folderId, high: folderId }]),
      // What the server kept of its own is still to be told.
      seen: settled.wins ? this.#done.seen.with([{ low: cn, high: cn }]) : this.#done.seen,
    };
  }

  #parentOf(key: Uint8Array, all: readonly FolderInfo[]): FolderId {
    if (key.length === 0) return this.#folder.folderId;
    try {
      const parentId = counterOfKey(this.logon, key) as FolderId;
      if (all.some((one) => one.folderId === parentId)) return parentId;
    } catch (error) {
      // A key of another store names no folder of this one either.
      if (!(error instanceof RopError)) throw error;
    }
    throw new RopError("syncNoParent", "The folder that this one stands in does not exist.");
  }

  /** null where the server knows the client's version already; else whose version stays. [MS-OXCFXICS] 3.1.5.6.2.1 */
  async #settle(
    ctx: Ctx, known: FolderInfo, change: ImportedChange, modified: PropertyValue,
  ): Promise<{ change: ImportedChange; wins: boolean } | null> {
    const written = (await this.logon.mailbox.folderProperties(ctx)).get(known.folderId);
    const version = folderVersionOf(this.logon, known.cn, written?.bag ?? new Map());
    const own = checked(() => decodePredecessors(version.predecessors));
    const theirs = decodePredecessors(change.predecessors);
    if (includes(own, theirs)) return null;
    if (includes(theirs, own)) return { change, wins: true };
    const predecessors = encodePredecessors(withChanges(theirs, own));
    const wins = (modified as bigint) >= toFileTime(written?.modifiedMs ?? 0);
    return { change: { changeKey: wins ? change.changeKey : version.changeKey, predecessors }, wins };
  }

  #folderValues(
    folderId: FolderId, values: Values,
  ): { set: Map<PropertyTag, PropertyValue>; containerClass?: string; hidden?: boolean } {
    const { good } = splitWritable(holderOf({ kind: "folder", logon: this.logon, folderId }, this.#session), values);
    const set = new Map(good.map(({ tag, value }) => [tag, value]));
    const containerClass = set.get(PidTagContainerClass);
    const hidden = set.get(PidTagAttributeHidden);
    for (const tag of [PidTagDisplayName, PidTagContainerClass, PidTagAttributeHidden]) set.delete(tag);
    return {
      set, ...typeof containerClass === "string" ? { containerClass } : {},
      ...typeof hidden === "boolean" ? { hidden } : {},
    };
  }
}

function isBelow(byId: ReadonlyMap<FolderId, FolderInfo>, id: FolderId, top: FolderId): boolean {
  let at: FolderId | null = byId.get(id)?.parentId ?? null;
  for (let depth = 0; at !== null && depth <= byId.size; depth++) {
    if (at === top) return true;
    at = byId.get(at)?.parentId ?? null;
  }
  return false;
}
