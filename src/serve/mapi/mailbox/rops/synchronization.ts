/** Incremental change synchronization. [MS-OXCFXICS] 3.2.5.3 to 3.2.5.9 */
import { noId } from "#props/object-ids.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import type { AnyObject } from "#serve/mapi/mailbox/objects.ts";
import { asFolder, asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import { SyncDownload, syncTypes } from "#serve/mapi/mailbox/transfer/download.ts";
import { codePageFor } from "#serve/mapi/mailbox/transfer/settings.ts";
import { writeState } from "#serve/mapi/mailbox/transfer/state.ts";
import { TransferSource } from "#serve/mapi/mailbox/transfer/stream.ts";
import { SyncUpload } from "#serve/mapi/mailbox/transfer/upload.ts";
import * as rops from "#wire/mapi/rops/synchronization.ts";

function asSync(object: AnyObject): SyncDownload | SyncUpload {
  if (object instanceof SyncDownload || object instanceof SyncUpload) return object;
  throw new RopError("notSupported", "This needs a synchronization.");
}

function asUpload(object: AnyObject): SyncUpload {
  if (object instanceof SyncUpload) return object;
  throw new RopError("notSupported", "This needs a collector of changes.");
}

export const synchronizationHandlers: readonly RopHandler[] = [
  handler(rops.RopSynchronizationConfigure, (call) => {
    const folder = asFolder(call.object);
    const { synchronizationType, sendOptions, synchronizationFlags, restrictionData, propertyTags } = call.request;
    if (synchronizationType !== syncTypes.contents && synchronizationType !== syncTypes.hierarchy) {
      throw new RopError("invalidParameter", "An unknown type of synchronization.");
    }
    return {
      opens: new SyncDownload(folder, {
        isHierarchy: synchronizationType === syncTypes.hierarchy, flags: synchronizationFlags,
        extraFlags: call.request.synchronizationExtraFlags, restriction: restrictionData, tags: propertyTags,
        codePage: codePageFor(sendOptions, call.session), hostname: call.session.services.hostname,
      }),
    };
  }),

  handler(rops.RopSynchronizationUploadStateStreamBegin, (call) => {
    const sync = asSync(call.object);
    if (sync instanceof SyncDownload) sync.requireUnread();
    sync.upload.begin(call.request.stateProperty);
    return {};
  }),

  handler(rops.RopSynchronizationUploadStateStreamContinue, (call) => {
    asSync(call.object).upload.continue(call.request.streamData);
    return {};
  }),

  handler(rops.RopSynchronizationUploadStateStreamEnd, (call) => {
    asSync(call.object).upload.end();
    return {};
  }),

  handler(rops.RopSynchronizationGetTransferState, (call) => {
    const sync = asSync(call.object);
    const { logon } = sync;
    return {
      opens: new TransferSource(logon, async function* ({ writer }) {
        writeState(writer, logon.replicaGuid, sync.state, sync.isContents);
        yield;
      }),
    };
  }),

  handler(rops.RopSynchronizationOpenCollector, (call) => ({
    opens: new SyncUpload(asFolder(call.object), call.request.isContentsCollector, call.session),
  })),

  handler(rops.RopSynchronizationImportMessageChange, async (call) => ({
    opens: await asUpload(call.object).importMessage(call.ctx, call.request.importFlag, call.request.propertyValues),
    body: { messageId: noId },
  })),

  handler(rops.RopSynchronizationImportHierarchyChange, async (call) => {
    await asUpload(call.object).importFolder(call.ctx, call.request.hierarchyValues, call.request.propertyValues);
    return { body: { folderId: noId } };
  }),

  handler(rops.RopSynchronizationImportMessageMove, async (call) => {
    await asUpload(call.object).importMove(call.ctx, call.request);
    return { body: { messageId: noId } };
  }),

  handler(rops.RopSynchronizationImportReadStateChanges, async (call) => {
    await asUpload(call.object).importReadStates(call.ctx, call.request.messageReadStates);
    return {};
  }),

  handler(rops.RopSynchronizationImportDeletes, async (call) => {
    await asUpload(call.object).importDeletes(call.ctx, call.request.importDeleteFlags, call.request.propertyValues);
    return {};
  }),

  handler(rops.RopGetLocalReplicaIds, async (call) => {
    const logon = asLogon(call);
    const globalCount = await logon.items.reserveIds(call.ctx, call.request.idCount);
    return { body: { replGuid: logon.replicaGuid, globalCount } };
  }),

  // Ids that the client will never use: as ids are given out once only, there is nothing to write down.
  handler(rops.RopSetLocalReplicaMidsetDeleted, () => ({})),
];
