/**
 * Changes that a client made away from the server, on their way in: messages, folders, moves, deletions, read marks.
 * Who changed what without knowing of the other is told by lists of changes. [MS-OXCFXICS] 3.2.5.9, 3.1.5.6
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault, WireError } from "#base/fault.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { ImportedChange, ItemRow } from "#mailbox/items-api.ts";
import { makeTag, propertyTypes, tagTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { holderOf, splitWritable } from "#serve/mapi/mailbox/holders.ts";
import { counterOfKey, versionOf } from "#serve/mapi/mailbox/keys.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
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

const binary = (id: number): PropertyTag => makeTag(id, "Binary");
const PidTagSourceKey = binary(0x65e0);
const PidTagParentSourceKey = binary(0x65e1);
const PidTagChangeKey = binary(0x65e2);
const PidTagPredecessorChangeList = binary(0x65e3);
const PidTagLastModificationTime = makeTag(0x3008, "Time");
const PidTagDisplayName = makeTag(0x3001, "String");

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
    const [sourceKey, , changeKey, list] = requireValues(values,
      [PidTagSourceKey, PidTagLastModificationTime, PidTagChangeKey, PidTagPredecessorChangeList]);
    const messageId = counterOfKey(this.logon, sourceKey as Uint8Array) as MessageId;
    const change = changeOf(changeKey!, list!);
    const place = {
      logon: this.logon, hostname: this.#session.services.hostname, folderId: this.#folder.folderId,
      isAssociated: (flags & importFlags.associated) !== 0, isWritable: true, within: null,
    };
    const state = await this.logon.items.idState(ctx, messageId);
    if (state === "removed") throw new RopError("syncObjectDeleted", "This message was removed on the server.");
    const stored = state === "there" ? await this.logon.items.open(ctx, messageId) : null;
    const imported = stored === null ? { ...change, messageId }
      : this.#reconcile(stored.row, change, (flags & importFlags.failOnConflict) !== 0);
    const message = new OpenMessage({ ...place, messageId: stored === null ? null : messageId }, stored);
    message.imported = { change: imported, saved: (row) => this.#note(row) };
    return message;
  }

  /** Throws when the server's version is newer, or (where asked) when neither knows the other. */
  #reconcile(row: ItemRow, change: ImportedChange, failsOnConflict: boolean): ImportedChange {
    const own = checked(() => decodePredecessors(versionOf(this.logon, row).predecessors));
    const theirs = decodePredecessors(change.predecessors);
    if (includes(own, theirs)) throw new RopError("syncIgnore", "The server has a newer version of this message.");
    if (includes(theirs, own)) return change;
    if (failsOnConflict) throw new RopError("syncConflict", "This message was changed on the server as well.");
    return { ...change, predecessors: encodePredecessors(withChanges(theirs, own)) };
  }

  async importMove(ctx: Ctx, request: {
    readonly sourceMessageId: Uint8Array; readonly predecessorChangeList: Uint8Array;
    readonly destinationMessageId: Uint8Array; readonly changeNumber: Uint8Array;
  }): Promise<void> {
    this.#requireContents(true);
    const from = counterOfKey(this.logon, request.sourceMessageId) as MessageId;
    const messageId = counterOfKey(this.logon, request.destinationMessageId) as MessageId;
    const change = changeOf(request.changeNumber, request.predecessorChangeList);
    const row = await this.logon.items.importMove(ctx, from, this.#folder.folderId, { ...change, messageId });
    this.#note(row);
  }

  async importReadStates(ctx: Ctx, states: readonly { messageId: Uint8Array; markAsRead: boolean }[]): Promise<void> {
    this.#requireContents(true);
    for (const isRead of [true, false]) {
      const ids = states.filter((one) => one.markAsRead === isRead)
        .map((one) => counterOfKey(this.logon, one.messageId) as MessageId);
      if (ids.length === 0) continue;
      const rows = await this.logon.items.setFlags(ctx, ids,
        { mode: isRead ? "add" : "remove", flags: messageFlags.seen, keywords: [] });
      for (const row of rows) this.#note(row);
    }
  }

  async importDeletes(ctx: Ctx, flags: number, values: Values): Promise<void> {
    const isHierarchy = (flags & deleteFlags.hierarchy) !== 0;
    this.#requireContents(!isHierarchy);
    const keys = values.flatMap(({ tag, value }) => {
      if (tagTypeCode(tag) !== propertyTypes.MultipleBinary.code) {
        throw new RopError("invalidParameter", "What is removed is named by lists of keys.");
      }
      return value as Uint8Array[];
    });
    const ids = keys.map((key) => counterOfKey(this.logon, key));
    const mode = (flags & deleteFlags.hardDelete) !== 0 ? "hard" : "soft";
    if (isHierarchy) await this.#deleteFolders(ctx, ids, mode);
    else await this.logon.items.remove(ctx, ids as MessageId[], mode);
    this.#removed = this.#removed.with(CounterSet.of(ids).ranges);
  }

  async #deleteFolders(ctx: Ctx, ids: readonly number[], mode: "soft" | "hard"): Promise<void> {
    for (const id of ids) {
      try {
        await this.logon.mailbox.deleteFolder(ctx, { folderId: id as FolderId, mode, children: "delete" });
      } catch (error) {
        // Gone already, with a folder above it.
        if (!(error instanceof Fault) || error.code !== "notFound") throw error;
      }
    }
  }

  /** Makes, renames, moves or changes a folder. */
  async importFolder(ctx: Ctx, hierarchyValues: Values, values: Values): Promise<void> {
    this.#requireContents(false);
    const [parentKey, sourceKey, , changeKey, list, name] = requireValues(hierarchyValues, [
      PidTagParentSourceKey, PidTagSourceKey, PidTagLastModificationTime, PidTagChangeKey, PidTagPredecessorChangeList,
      PidTagDisplayName,
    ]);
    changeOf(changeKey!, list!);
    const { mailbox } = this.logon;
    const parentId = (parentKey as Uint8Array).length === 0 ? this.#folder.folderId
      : counterOfKey(this.logon, parentKey as Uint8Array) as FolderId;
    const folderId = counterOfKey(this.logon, sourceKey as Uint8Array) as FolderId;
    const all = await mailbox.folders(ctx);
    if (!all.some((one) => one.folderId === parentId)) {
      throw new RopError("syncNoParent", "The folder that this one stands in does not exist.");
    }
    const known = all.find((one) => one.folderId === folderId);
    if (known === undefined) {
      await mailbox.createFolder(ctx, { parentId, name: name as string, folderId });
    } else if (known.parentId !== parentId || known.name !== name) {
      await mailbox.moveFolder(ctx, { folderId, parentId, name: name as string });
    }
    const folder: FolderObject = { kind: "folder", logon: this.logon, folderId };
    const holder = holderOf(folder, this.#session);
    const { good } = splitWritable(holder, values);
    if (good.length > 0) await holder.set(ctx, good);
    const { cn } = await mailbox.folder(ctx, folderId);
    this.#done = {
      ...this.#done, given: this.#done.given.with([{ low: folderId, high: folderId }]),
      seen: this.#done.seen.with([{ low: cn, high: cn }]),
    };
  }
}
