/** Opening, making and saving messages and attachments. [MS-OXCMSG] 2.2.3 */
import { messageFlags } from "#mailbox/api.ts";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { folderIdOf, messageIdOf, toShortId } from "#serve/mapi/mailbox/keys.ts";
import { OpenAttachment, OpenMessage } from "#serve/mapi/mailbox/message.ts";
import { fromRecipientRow, recipientColumns, toRecipientRow } from "#serve/mapi/mailbox/recipients.ts";
import { asFolder, asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import * as rops from "#wire/mapi/rops/messages.ts";

const openModes = { readOnly: 0, readWrite: 1, bestAccess: 3, softDeleted: 4 } as const;
const saveFlags = { keepOpenReadOnly: 0x01, keepOpenReadWrite: 0x02, forceSave: 0x04 } as const;
/** [MS-OXCMSG] 2.2.3.10.1 */
const readFlags = {
  suppressReceipt: 0x01, clearReadFlag: 0x04, generateReceiptOnly: 0x10, clearNotifyRead: 0x20, clearNotifyUnread: 0x40,
} as const;
/** Recipients that come with the answer of opening; the rest are read by RopReadRecipients. */
const rowsAtOnceMax = 100;

const PidTagSubjectPrefix = makeTag(0x003d, "String");
const PidTagNormalizedSubject = makeTag(0x0e1d, "String");
const PidTagMessageStatus = makeTag(0x0e17, "Integer32");

const stringOf = (bag: PropertyBag, tag: PropertyTag): string | null => {
  const value = bag.get(tag);
  return typeof value === "string" ? value.replace(/\0.*$/s, "") : null;
};

export function asMessage(object: unknown): OpenMessage {
  if (object instanceof OpenMessage) return object;
  throw new RopError("notSupported", "This needs a message.");
}

export function asAttachment(object: unknown): OpenAttachment {
  if (object instanceof OpenAttachment) return object;
  throw new RopError("notSupported", "This needs an attachment.");
}

/** What the client is told of a message it opened. [MS-OXCROPS] 2.2.6.1.2 */
async function openedBody(call: RopCall<unknown>, message: OpenMessage): Promise<Record<string, unknown>> {
  const bag = await message.bag(call.ctx);
  const recipients = await message.recipients(call.ctx);
  const rows = [];
  let room = call.roomBytes - 600;
  for (const one of recipients.slice(0, rowsAtOnceMax)) {
    const row = toRecipientRow(one.bag, call.session.codePage);
    room -= row.aboutBytes;
    if (room < 0) break;
    rows.push({ recipientType: row.recipientType, codePageId: call.session.codePage, recipientRow: row.row });
  }
  const hasNamedProperties = [...bag.keys()].some((tag) => tagId(tag) >= 0x8000);
  return {
    hasNamedProperties, subjectPrefix: stringOf(bag, PidTagSubjectPrefix) ?? "",
    normalizedSubject: stringOf(bag, PidTagNormalizedSubject) ?? "", recipientCount: recipients.length,
    recipientColumns, recipientRows: rows,
  };
}

/** Nothing is received of what is to be unread. [MS-OXCMSG] 2.2.3.10.1 */
function checkReadFlags(flags: number): void {
  const contradiction = readFlags.clearReadFlag | readFlags.generateReceiptOnly;
  if ((flags & contradiction) === contradiction) {
    throw new RopError("invalidParameter", "These read flags contradict each other.");
  }
}

async function setReadFlag(call: RopCall<unknown>, message: OpenMessage, flags: number): Promise<boolean> {
  if (message.messageId === null || (flags & readFlags.generateReceiptOnly) !== 0) return false;
  const isRead = (flags & readFlags.clearReadFlag) === 0;
  const row = await message.logon.items.row(call.ctx, message.messageId);
  if (((row.flags & messageFlags.seen) !== 0) === isRead) return false;
  await message.logon.items.setFlags(call.ctx, [message.messageId],
    { mode: isRead ? "add" : "remove", flags: messageFlags.seen, keywords: [] });
  return true;
}

export const messageHandlers: readonly RopHandler[] = [
  handler(rops.RopOpenMessage, async (call) => {
    const logon = asLogon(call);
    const messageId = messageIdOf(call.request.messageId);
    const stored = await logon.items.open(call.ctx, messageId);
    const message = new OpenMessage({
      logon, hostname: call.session.services.hostname, folderId: stored.row.folderId, messageId,
      isAssociated: stored.row.isAssociated, isWritable: (call.request.openModeFlags & 0x03) !== openModes.readOnly,
      within: null,
    }, stored);
    return { opens: message, body: await openedBody(call, message) };
  }),

  handler(rops.RopCreateMessage, async (call) => {
    const logon = asLogon(call);
    const folderId = folderIdOf(call.request.folderId);
    await logon.mailbox.folder(call.ctx, folderId);
    const message = new OpenMessage({
      logon, hostname: call.session.services.hostname, folderId, messageId: null,
      isAssociated: call.request.associatedFlag, isWritable: true, within: null,
    }, null);
    return { opens: message, body: { hasMessageId: false } };
  }),

  handler(rops.RopSaveChangesMessage, async (call) => {
    const message = asMessage(call.object);
    const { saveFlags: flags, inputHandleIndex } = call.request;
    const messageId = await message.save(call.ctx, (flags & saveFlags.forceSave) !== 0);
    if ((flags & saveFlags.keepOpenReadOnly) !== 0) message.isWritable = false;
    return { body: { inputHandleIndex, messageId: toShortId(messageId ?? 0) } };
  }),

  handler(rops.RopRemoveAllRecipients, (call) => {
    asMessage(call.object).removeAllRecipients();
    return {};
  }),

  handler(rops.RopModifyRecipients, async (call) => {
    const message = asMessage(call.object);
    const { recipientColumns: columns, recipientRows } = call.request;
    for (const { rowId, recipientType, recipientRow } of recipientRows) {
      const bag = recipientRow === null ? null
        : fromRecipientRow(recipientRow, recipientType, columns, call.session.codePage);
      await message.putRecipient(call.ctx, rowId, bag);
    }
    return {};
  }),

  handler(rops.RopReadRecipients, async (call) => {
    const recipients = await asMessage(call.object).recipients(call.ctx);
    const rows = [];
    let room = call.roomBytes - 16;
    for (const one of recipients.filter(({ rowId }) => rowId >= call.request.rowId).slice(0, 255)) {
      const row = toRecipientRow(one.bag, call.session.codePage);
      room -= row.aboutBytes;
      if (room < 0) break;
      rows.push({
        rowId: one.rowId, recipientType: row.recipientType, codePageId: call.session.codePage, recipientRow: row.row,
      });
    }
    if (rows.length === 0) throw new RopError("notFound", "There are no recipients from this row on.");
    return { body: { recipientRows: rows }, given: { recipientColumns } };
  }),

  handler(rops.RopReloadCachedInformation, async (call) => ({
    body: await openedBody(call, asMessage(call.object)),
  })),

  handler(rops.RopSetMessageReadFlag, async (call) => {
    const message = asMessage(call.object);
    checkReadFlags(call.request.readFlags);
    const hasChanged = await setReadFlag(call, message, call.request.readFlags);
    const { clientData } = call.request;
    // On public folders the client keeps count itself, and hears which of its calls did something.
    if (!hasChanged || !message.logon.isPublic || clientData === undefined || clientData === null) {
      return { body: { readStatusChanged: false } };
    }
    return { body: { readStatusChanged: true, logonId: call.logonId, clientData } };
  }),

  handler(rops.RopSetReadFlags, async (call) => {
    const { items } = asLogon(call);
    const folder = asFolder(call.object);
    checkReadFlags(call.request.readFlags);
    if ((call.request.readFlags & readFlags.generateReceiptOnly) !== 0) return { body: { partialCompletion: false } };
    const isRead = (call.request.readFlags & readFlags.clearReadFlag) === 0;
    const ids = call.request.messageIds.map(messageIdOf);
    const change = { mode: isRead ? "add" : "remove", flags: messageFlags.seen, keywords: [] } as const;
    if (ids.length > 0) await items.setFlags(call.ctx, ids, change);
    else await setAllReadFlags(call, folder, change);
    return { body: { partialCompletion: false } };
  }),

  handler(rops.RopGetMessageStatus, async (call) => ({
    body: { messageStatusFlags: await statusOf(call, messageIdOf(call.request.messageId)) },
  })),

  handler(rops.RopSetMessageStatus, async (call) => {
    const { messageStatusFlags, messageStatusMask } = call.request;
    const messageId = messageIdOf(call.request.messageId);
    const before = await statusOf(call, messageId);
    const after = (before & ~messageStatusMask) | (messageStatusFlags & messageStatusMask);
    if (after !== before) {
      const set = { bag: new Map<PropertyTag, PropertyValue>([[PidTagMessageStatus, after | 0]]) };
      await asLogon(call).items.update(call.ctx, { messageId, set });
    }
    return { body: { messageStatusFlags: before } };
  }),

  handler(rops.RopOpenAttachment, (call) => ({
    opens: asMessage(call.object).attachment(call.request.attachmentId),
  })),

  handler(rops.RopGetValidAttachments, (call) => ({
    body: { attachmentIdArray: asMessage(call.object).attachments().map((one) => one.number) },
  })),

  handler(rops.RopCreateAttachment, (call) => {
    const made = asMessage(call.object).createAttachment();
    return { opens: made, body: { attachmentId: made.number } };
  }),

  handler(rops.RopDeleteAttachment, (call) => {
    asMessage(call.object).deleteAttachment(call.request.attachmentId);
    return {};
  }),

  handler(rops.RopSaveChangesAttachment, (call) => {
    const attachment = asAttachment(call.object);
    attachment.message.requireWritable();
    attachment.isListed = true;
    return {};
  }),

  handler(rops.RopOpenEmbeddedMessage, async (call) => {
    const attachment = asAttachment(call.object);
    const message = await attachment.openEmbedded(call.ctx, (call.request.openModeFlags & 0x02) !== 0);
    const { messageId } = message;
    return {
      opens: message, body: { messageId: toShortId(messageId ?? 0), ...await openedBody(call, message) },
    };
  }),
];

async function statusOf(call: RopCall<unknown>, messageId: ReturnType<typeof messageIdOf>): Promise<number> {
  const [found] = await asLogon(call).items.properties(call.ctx, [messageId], { tags: [PidTagMessageStatus] });
  if (found === undefined) throw new RopError("notFound", "This message does not exist any more.");
  const value = found.object.bag.get(PidTagMessageStatus);
  return typeof value === "number" ? value >>> 0 : 0;
}

async function setAllReadFlags(
  call: RopCall<unknown>, folder: ReturnType<typeof asFolder>,
  change: { mode: "add" | "remove"; flags: number; keywords: readonly string[] },
): Promise<void> {
  const { items } = folder.logon;
  for await (const rows of items.rows(call.ctx, folder.folderId)) {
    await items.setFlags(call.ctx, rows.map((row) => row.messageId), change);
  }
}

