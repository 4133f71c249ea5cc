/** Streams out of folders, messages and attachments. [MS-OXCFXICS] 3.2.5.8 */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { tagId } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { ecCodes, returnValueOf, RopError } from "#serve/mapi/mailbox/errors.ts";
import { messageIdOf } from "#serve/mapi/mailbox/keys.ts";
import { OpenAttachment } from "#serve/mapi/mailbox/attachment.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { AnyObject } from "#serve/mapi/mailbox/objects.ts";
import { asFolder, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler, RopReply } from "#serve/mapi/mailbox/rop-call.ts";
import { copyFolderStream, copyMessagesStream, folderContentStream } from "#serve/mapi/mailbox/transfer/copies.ts";
import { TransferDestination } from "#serve/mapi/mailbox/transfer/destination.ts";
import { SyncDownload } from "#serve/mapi/mailbox/transfer/download.ts";
import {
  PidTagMessageAttachments, PidTagMessageRecipients, writeAttachmentContent, writeMessageContent,
} from "#serve/mapi/mailbox/transfer/objects-out.ts";
import type { Filter, OutputOptions } from "#serve/mapi/mailbox/transfer/objects-out.ts";
import { requireFlags, textFormFor } from "#serve/mapi/mailbox/transfer/settings.ts";
import { TransferSource } from "#serve/mapi/mailbox/transfer/stream.ts";
import type { Producer } from "#serve/mapi/mailbox/transfer/stream.ts";
import * as rops from "#wire/mapi/rops/fast-transfer.ts";

/** [MS-OXCFXICS] 2.2.3.1.1.5.2 */
const transferStatus = { error: 0, partial: 1, noRoom: 2, done: 3 } as const;
/** The client leaves the size to the server. */
const serverDecides = 0xbabe;
const headBytes = 24;
/** After how long a client begins a transfer anew that met too much work. [MS-OXCROPS] 2.2.12.4.2 */
const busyMs = 2000;

/** Bits without a meaning are passed over, others refused. [MS-OXCFXICS] 2.2.3.1.1.1.1, 2.2.3.1.1.2.1 */
const copyToFlags = { unused: 0x060e, bestBody: 0x2000 } as const;
const copyPropertiesFlags = { move: 0x01, unused: 0x0e } as const;
/** [MS-OXCFXICS] 2.2.3.1.1.3.1; of the unused ones the highest is refused by Exchange. */
const copyMessagesFlags = { move: 0x01, unused: 0x06, bestBody: 0x10, sendEntryId: 0x20 } as const;
/** [MS-OXCFXICS] 2.2.3.1.1.4.1 */
const copyFolderFlags = { unused: 0x0e, subfolders: 0x10 } as const;
/** [MS-OXCFXICS] 2.2.3.1.2.1.1 */
const destinationFlags = { move: 0x01 } as const;

const allOf = (flags: Readonly<Record<string, number>>): number =>
  Object.values(flags).reduce((all, one) => all | one, 0);

function sourceOf(object: AnyObject): TransferSource | SyncDownload {
  if (object instanceof TransferSource || object instanceof SyncDownload) return object;
  throw new RopError("notSupported", "This needs the source of a transfer.");
}

async function optionsOf(call: RopCall<{ sendOptions: number }>): Promise<OutputOptions> {
  const { items } = call.object.kind === "logon" ? asFolder(call.object).logon
    : (call.object as { logon: { items: OpenMessage["logon"]["items"] } }).logon;
  return {
    text: textFormFor(call.request.sendOptions, call.session), names: await items.allPropertyNames(call.ctx),
  };
}

/** `level` other than 0 leaves out what stands below the object. [MS-OXCFXICS] 2.2.3.1.1.1.1 */
function filterFor(tags: readonly PropertyTag[], level: number, isOnly: boolean): Filter {
  const ids = new Set(tags.map(tagId));
  const has = (tag: PropertyTag): boolean => ids.has(tagId(tag)) === isOnly;
  return {
    has, recipients: level === 0 && has(PidTagMessageRecipients),
    attachments: level === 0 && has(PidTagMessageAttachments),
  };
}

function streamOf(object: AnyObject, options: OutputOptions, filter: Filter, call: RopCall<unknown>): Producer {
  if (object instanceof OpenMessage) return (out) => writeMessageContent(out, object, options, filter);
  if (object instanceof OpenAttachment) return (out) => writeAttachmentContent(out, object, options, filter.has);
  return folderContentStream(asFolder(object), options, filter, call.session.services.hostname);
}

async function openSource(
  call: RopCall<{ sendOptions: number; level: number; propertyTags: readonly PropertyTag[]; copyFlags: number }>,
  isOnly: boolean,
): Promise<RopReply> {
  const { level, propertyTags, copyFlags: flags } = call.request;
  // As Exchange since 2010 says: one object is not moved by a stream. [MS-OXCFXICS] 3.2.5.8.1.1, 3.2.5.8.1.2
  requireFlags(flags, allOf(isOnly ? copyPropertiesFlags : copyToFlags));
  if (isOnly && (flags & copyPropertiesFlags.move) !== 0) {
    throw new RopError("notImplemented", "Properties are copied, not moved.");
  }
  const options = await optionsOf(call);
  const filter = filterFor(propertyTags, level, isOnly);
  const { logon } = call.object as OpenMessage;
  return { opens: new TransferSource(logon, streamOf(call.object, options, filter, call)) };
}

async function putBuffer(
  call: RopCall<{ transferData: Uint8Array }>, totalStepCount: number,
): Promise<RopReply> {
  if (!(call.object instanceof TransferDestination)) {
    throw new RopError("notSupported", "This needs the destination of a transfer.");
  }
  await call.object.put(call.ctx, call.request.transferData);
  return {
    body: {
      transferStatus: call.object.isWhole ? transferStatus.done : transferStatus.partial, inProgressCount: 0,
      totalStepCount, bufferUsedSize: call.request.transferData.length,
    },
  };
}

export const transferHandlers: readonly RopHandler[] = [
  handler(rops.RopFastTransferSourceCopyTo, (call) => openSource(call, false)),
  handler(rops.RopFastTransferSourceCopyProperties, (call) => openSource(call, true)),

  handler(rops.RopFastTransferSourceCopyMessages, async (call) => {
    const flags = call.request.copyFlags;
    requireFlags(flags, allOf(copyMessagesFlags));
    const folder = asFolder(call.object);
    const ids = call.request.messageIds.map(messageIdOf);
    const options = await optionsOf(call);
    return {
      opens: new TransferSource(folder.logon, copyMessagesStream(folder, ids, options, {
        hostname: call.session.services.hostname, withIds: (flags & copyMessagesFlags.sendEntryId) !== 0,
        mover: (flags & copyMessagesFlags.move) !== 0 ? call.session.person.entryId : null,
      })),
    };
  }),

  handler(rops.RopFastTransferSourceCopyFolder, async (call) => {
    // Exchange since 2010 takes no moving of folders by a stream either. [MS-OXCFXICS] 2.2.3.1.1.4.1
    requireFlags(call.request.copyFlags, allOf(copyFolderFlags));
    const folder = asFolder(call.object);
    const options = await optionsOf(call);
    return {
      opens: new TransferSource(folder.logon, copyFolderStream(folder, options, call.session.services.hostname,
        (call.request.copyFlags & copyFolderFlags.subfolders) !== 0)),
    };
  }),

  handler(rops.RopFastTransferSourceGetBuffer, async (call) => {
    const source = sourceOf(call.object);
    const { bufferSize, maximumBufferSize } = call.request;
    const asked = bufferSize === serverDecides ? maximumBufferSize ?? limits.mapiTransferBufferMaxBytes : bufferSize;
    const maxBytes = Math.max(0, Math.min(asked, call.roomBytes - headBytes, limits.mapiTransferBufferMaxBytes));
    const counts = { inProgressCount: 0, totalStepCount: 1 };
    try {
      const { bytes, isDone } = await source.next(call.ctx, maxBytes);
      const status = isDone ? transferStatus.done : bytes.length === 0 ? transferStatus.noRoom : transferStatus.partial;
      return { body: { transferStatus: status, ...counts, transferBuffer: bytes } };
    } catch (error) {
      const isBusy = error instanceof Fault && error.code === "serverBusy";
      const returnValue = isBusy ? ecCodes.serverBusy : returnValueOf(error);
      if (returnValue === undefined) throw error;
      call.ctx.log.debug({ why: (error as Fault).message }, "a transfer ended early");
      source.close();
      return {
        returnValue: returnValue === 0 ? ecCodes.generalFailure : returnValue,
        body: {
          transferStatus: transferStatus.error, ...counts, transferBuffer: new Uint8Array(0),
          ...isBusy ? { backoffTime: busyMs } : {},
        },
      };
    }
  }),

  handler(rops.RopFastTransferDestinationConfigure, (call) => {
    const { sourceOperation } = call.request;
    if (sourceOperation < 1 || sourceOperation > 4) {
      throw new RopError("invalidParameter", "An unknown kind of transfer.");
    }
    requireFlags(call.request.copyFlags, allOf(destinationFlags));
    return { opens: new TransferDestination(call.object, call.session) };
  }),

  // No progress is told; Exchange says so by another number in each. [MS-OXCFXICS] 2.2.3.1.2.2.2, 2.2.3.1.2.3.2
  handler(rops.RopFastTransferDestinationPutBuffer, (call) => putBuffer(call, 0)),
  handler(rops.RopFastTransferDestinationPutBufferExtended, (call) => putBuffer(call, 1)),

  // Which version the other server of a transfer between servers has; nothing here depends on it.
  handler(rops.RopTellVersion, () => ({})),
];
