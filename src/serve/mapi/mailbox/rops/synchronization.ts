/** Incremental change synchronization. [MS-OXCFXICS] 3.2.5.3 to 3.2.5.9 */
import { noId } from "#props/object-ids.ts";
import { ecCodes, RopError } from "#serve/mapi/mailbox/errors.ts";
import type { AnyObject } from "#serve/mapi/mailbox/objects.ts";
import { asFolder, asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import { SyncDownload, syncTypes } from "#serve/mapi/mailbox/transfer/download.ts";
import { textFormFor } from "#serve/mapi/mailbox/transfer/settings.ts";
import { writeState } from "#serve/mapi/mailbox/transfer/state.ts";
import { TransferSource } from "#serve/mapi/mailbox/transfer/stream.ts";
import { SyncUpload } from "#serve/mapi/mailbox/transfer/upload.ts";
import { CounterSet } from "#wire/mapi/id-set.ts";
import * as rops from "#wire/mapi/rops/synchronization.ts";

function asSync(object: AnyObject): SyncDownload | SyncUpload {
  if (object instanceof SyncDownload || object instanceof SyncUpload) return object;
  throw new RopError("notSupported", "This needs a synchronization.");
}

function asUpload(object: AnyObject): SyncUpload {
  if (object instanceof SyncUpload) return object;
  throw new RopError("notSupported", "This needs a collector of changes.");
}

/** Must not be set. [MS-OXCFXICS] 3.2.5.9.1.1 */
const reservedFlag = 0x1000;

export const synchronizationHandlers: readonly RopHandler[] = [
  handler(rops.RopSynchronizationConfigure, (call) => {
    const folder = asFolder(call.object);
    const { synchronizationType, sendOptions, synchronizationFlags, restrictionData, propertyTags } = call.request;
    if (synchronizationType !== syncTypes.contents && synchronizationType !== syncTypes.hierarchy) {
      throw new RopError("invalidParameter", "An unknown type of synchronization.");
    }
    if ((synchronizationFlags & reservedFlag) !== 0) throw new RopError("rpcFormat", "A reserved flag is set.");
    return {
      opens: new SyncDownload(folder, {
        isHierarchy: synchronizationType === syncTypes.hierarchy, flags: synchronizationFlags,
        extraFlags: call.request.synchronizationExtraFlags, restriction: restrictionData, tags: propertyTags,
        text: textFormFor(sendOptions, call.session), hostname: call.session.services.hostname,
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
    const isOther = await asUpload(call.object).importMove(call.ctx, call.request);
    return { body: { messageId: noId }, ...isOther ? { returnValue: ecCodes.newerClientChange } : {} };
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

  // Ids that the client will never use, or has used up: nothing is imported under them later. 3.2.5.9.4.8
  handler(rops.RopSetLocalReplicaMidsetDeleted, async (call) => {
    const folder = asFolder(call.object);
    const { logon } = folder;
    const ranges = call.request.longTermIdRanges.map(({ minLongTermId, maxLongTermId }) => {
      const isOurs = [minLongTermId, maxLongTermId].every((one) => one.replicaGuid === logon.replicaGuid);
      if (!isOurs || maxLongTermId.counter < minLongTermId.counter) {
        throw new RopError("invalidParameter", "Ranges of ids are of this store, the lowest first.");
      }
      return { low: minLongTermId.counter, high: maxLongTermId.counter };
    });
    await logon.items.giveUpIds(call.ctx, folder.folderId, new CounterSet(ranges).ranges);
    return {};
  }),
];
