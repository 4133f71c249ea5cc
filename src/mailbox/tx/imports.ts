/**
 * Changes that clients made away from the server, under ids they were given in advance and with names of their own for
 * each version. [MS-OXCFXICS] 3.1.5.3, 3.2.5.9
 */
import { assert, Fault } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { takeObjectIds } from "#mailbox/tx/counters.ts";
import { updateFolderProperties } from "#mailbox/tx/folder-properties.ts";
import { folderVersionTags } from "#mailbox/tx/folder-version.ts";
import { createFolder, moveFolder, readFolder } from "#mailbox/tx/folders.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";
import { requireReserved } from "#mailbox/tx/reserved-ids.ts";
import { createItem, updateItem } from "#mailbox/tx/items.ts";
import type { CreateItem, ItemCreated, ItemUpdated, UpdateItem } from "#mailbox/tx/items.ts";
import { moveItems } from "#mailbox/tx/transfer-items.ts";
import type { TransferItems } from "#mailbox/tx/transfer-items.ts";
import type { PropertyBag, ReadonlyPropertyBag } from "#props/types.ts";
import { procedure } from "#store/api.ts";
import { get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** A version's name, and the versions it knew. */
export interface ImportedVersion {
  readonly changeKey: Uint8Array;
  readonly predecessors: Uint8Array;
}

/** Sets ids aside for a client; the first of them. They are never given out again. */
export const reserveIds = procedure({
  name: "mailbox.reserveIds",
  *run(tx, args: { readonly count: number }): Work<number> {
    if (args.count < 1 || args.count > limits.reservedIdsMax) {
      throw new Fault("invalidArgument", `1 to ${limits.reservedIdsMax} ids are set aside at once.`);
    }
    return yield* takeObjectIds(tx.scope, args.count);
  },
});

function* putVersion(mailboxId: number, itemId: number, cn: number, version: ImportedVersion): Work<void> {
  yield* run(
    `UPDATE message_detail SET version_cn = $3, change_key = $4, predecessors = $5
     WHERE mailbox_id = $1 AND item_id = $2`, mailboxId, itemId, cn, version.changeKey, version.predecessors);
}

/** A new item under an id that was set aside. */
export const importItem = procedure({
  name: "mailbox.importItem",
  *run(tx, args: CreateItem & { readonly version: ImportedVersion; readonly messageId: number }): Work<ItemCreated> {
    yield* requireReserved(tx.scope, args.messageId);
    const created = yield* createItem.run(tx, args, undefined);
    yield* renumber(tx.scope, created.messageId, args.messageId);
    yield* putVersion(tx.scope, created.itemId, created.cn, args.version);
    return { ...created, messageId: args.messageId };
  },
});

function* renumber(mailboxId: number, from: number, to: number): Work<void> {
  yield* run("UPDATE message SET message_id = $3 WHERE mailbox_id = $1 AND message_id = $2", mailboxId, from, to);
}

/** A change of an item that is there. */
export const importUpdate = procedure({
  name: "mailbox.importUpdate",
  *run(tx, args: UpdateItem & { readonly version: ImportedVersion }): Work<ItemUpdated> {
    const updated = yield* updateItem.run(tx, args, undefined);
    const row = yield* get<{ item_id: number }>(
      "SELECT item_id FROM message WHERE mailbox_id = $1 AND message_id = $2", tx.scope, args.messageId);
    yield* putVersion(tx.scope, row!.item_id, updated.cn, args.version);
    return updated;
  },
});

/**
 * A move whose new id was set aside; without a version it is a change of this server. Fault `notFound` when the message
 * is gone.
 */
export const importMove = procedure({
  name: "mailbox.importMove",
  *run(
    tx, args: Omit<TransferItems, "messageIds"> & {
      readonly messageId: number; readonly newId: number; readonly version: ImportedVersion | null;
    },
  ): Work<number> {
    yield* requireReserved(tx.scope, args.newId);
    const [moved] = yield* moveItems.run(tx, { ...args, messageIds: [args.messageId] }, undefined);
    if (moved === undefined || moved === 0) throw new Fault("notFound", "This message does not exist any more.");
    yield* renumber(tx.scope, moved, args.newId);
    const row = yield* get<{ item_id: number; cn: number }>(
      "SELECT item_id, cn FROM message WHERE mailbox_id = $1 AND message_id = $2", tx.scope, args.newId);
    if (args.version !== null) yield* putVersion(tx.scope, row!.item_id, row!.cn, args.version);
    return args.newId;
  },
});

export interface ImportFolder {
  readonly folderId: FolderId;
  readonly parentId: FolderId;
  readonly name: string;
  readonly set: ReadonlyPropertyBag;
  readonly containerClass: string | null;
  readonly hidden: boolean | null;
  readonly version: ImportedVersion;
  readonly makerId: number | null;
  readonly isPublic: boolean;
}

/** Makes the folder, or moves, renames and changes it; the version is the client's. */
export const importFolder = procedure({
  name: "mailbox.importFolder",
  *run(tx, args: ImportFolder): Work<FolderRow> {
    const { folderId, parentId, name } = args;
    const known = yield* get<{ parent_id: number | null; name: string }>(
      "SELECT parent_id, name FROM folder WHERE mailbox_id = $1 AND folder_id = $2", tx.scope, folderId);
    if (known === undefined) {
      const { makerId, isPublic } = args;
      yield* createFolder.run(tx, { parentId, name, folderId, makerId, isPublic }, undefined);
    } else if (known.parent_id !== parentId || known.name !== name) {
      yield* moveFolder.run(tx, { folderId, parentId, name }, undefined);
    }
    // The change number that the next step takes: nothing else takes one meanwhile.
    const mailbox = yield* get<{ cn: number }>("SELECT cn FROM mailbox WHERE mailbox_id = $1", tx.scope);
    const next = mailbox!.cn + 1;
    const set: PropertyBag = new Map(args.set);
    set.set(folderVersionTags.changeKey, args.version.changeKey);
    set.set(folderVersionTags.predecessors, args.version.predecessors);
    set.set(folderVersionTags.cn, BigInt(next));
    const { containerClass, hidden } = args;
    const cn = yield* updateFolderProperties.run(tx, { folderId, set, remove: [], containerClass, hidden }, undefined);
    assert(cn === next, "a change number was taken beside the import of a folder");
    return yield* readFolder(tx.scope, folderId);
  },
});
