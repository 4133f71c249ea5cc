/**
 * Changes that clients made away from the server, under ids they were given in advance and with names of their own for
 * each version. [MS-OXCFXICS] 3.1.5.3, 3.2.5.9
 */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { takeObjectIds } from "#mailbox/tx/counters.ts";
import { requireReserved } from "#mailbox/tx/reserved-ids.ts";
import { createItem, updateItem } from "#mailbox/tx/items.ts";
import type { CreateItem, ItemCreated, ItemUpdated, UpdateItem } from "#mailbox/tx/items.ts";
import { moveItems } from "#mailbox/tx/transfer-items.ts";
import type { TransferItems } from "#mailbox/tx/transfer-items.ts";
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

/** A move whose new id was set aside. Fault `notFound` when the message is gone. */
export const importMove = procedure({
  name: "mailbox.importMove",
  *run(
    tx, args: Omit<TransferItems, "messageIds"> & {
      readonly messageId: number; readonly newId: number; readonly version: ImportedVersion;
    },
  ): Work<number> {
    yield* requireReserved(tx.scope, args.newId);
    const [moved] = yield* moveItems.run(tx, { ...args, messageIds: [args.messageId] }, undefined);
    if (moved === undefined || moved === 0) throw new Fault("notFound", "This message does not exist any more.");
    yield* renumber(tx.scope, moved, args.newId);
    const row = yield* get<{ item_id: number; cn: number }>(
      "SELECT item_id, cn FROM message WHERE mailbox_id = $1 AND message_id = $2", tx.scope, args.newId);
    yield* putVersion(tx.scope, row!.item_id, row!.cn, args.version);
    return args.newId;
  },
});
