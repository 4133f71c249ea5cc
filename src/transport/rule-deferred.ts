/** Deferred actions, written where Outlook looks for them. [MS-OXORULE] 3.2.5.1.2 */
import type { Ctx } from "#base/ctx.ts";
import { ownReplicaId } from "#base/ids.ts";
import type { MessageId } from "#base/ids.ts";
import { guid as guidType } from "#codec/binary/bytes.ts";
import { encode } from "#codec/binary/code.ts";
import { reserved, struct } from "#codec/binary/combine.ts";
import { u16, u32 } from "#codec/binary/numbers.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { globalCounter } from "#props/object-ids.ts";
import { properties } from "#props/registry.ts";
import { serverEntryId } from "#props/structures.ts";
import type { DeferredActions } from "#rules/decisions.ts";
import { deferredMessages } from "#rules/outlook/deferred.ts";
import type { DeferredAbout } from "#rules/outlook/deferred.ts";

/** 46 bytes. [MS-OXCDATA] 2.2.4.1 */
const folderEntryId = struct({
  flags: u32, provider: guidType, folderType: u16, databaseGuid: guidType, counter: globalCounter, pad: reserved(u16),
});
/** 70 bytes. [MS-OXCDATA] 2.2.4.2 */
const messageEntryId = struct({
  flags: u32, provider: guidType, messageType: u16, folderDatabaseGuid: guidType, folderCounter: globalCounter,
  folderPad: reserved(u16), messageDatabaseGuid: guidType, messageCounter: globalCounter, messagePad: reserved(u16),
});
/** eitLTPrivateFolder, eitLTPrivateMessage. [MS-OXCDATA] 2.2.4 */
const objectTypes = { privateFolder: 1, privateMessage: 7 } as const;

/** How clients name a delivered message and the folder whose rules ran. */
export async function aboutDelivery(ctx: Ctx, mailbox: Mailbox, messageId: MessageId): Promise<DeferredAbout> {
  const { guid: provider, replicaGuid: databaseGuid } = await mailbox.identity(ctx);
  const { folderId } = await mailbox.items.row(ctx, messageId);
  const inbox = await mailbox.folderByRole(ctx, "inbox");
  return {
    messageEntryId: encode(messageEntryId, {
      flags: 0, provider, messageType: objectTypes.privateMessage, folderDatabaseGuid: databaseGuid,
      folderCounter: folderId, messageDatabaseGuid: databaseGuid, messageCounter: messageId,
    }),
    folderEntryId: encode(folderEntryId, {
      flags: 0, provider, folderType: objectTypes.privateFolder, databaseGuid, counter: inbox.folderId,
    }),
    messageServerId: encode(serverEntryId, {
      ours: 1, folderId: { replicaId: ownReplicaId, counter: folderId },
      messageId: { replicaId: ownReplicaId, counter: messageId }, instance: 0,
    }),
  };
}

export async function writeDeferred(
  ctx: Ctx, mailbox: Mailbox, messageId: MessageId, deferred: readonly DeferredActions[],
): Promise<void> {
  const about = await aboutDelivery(ctx, mailbox, messageId);
  const target = await mailbox.folderByRole(ctx, "deferredAction");
  for (const item of deferredMessages(deferred, about)) {
    await mailbox.items.create(ctx, { folderId: target.folderId, item });
  }
  const { tag } = properties.PidTagHasDeferredActionMessages;
  await mailbox.items.update(ctx, { messageId, set: { bag: new Map([[tag, true]]) } });
}
