/** Opening, making and saving messages and attachments. [MS-OXCMSG] 2.2.3 */
import type { FolderId, MessageId } from "#base/ids.ts";
import { isKnownCodePage } from "#format/mapi/code-page.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { permanentEntryId } from "#serve/mapi/address-book/properties.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { folderIdOf, messageIdOf, toShortId } from "#serve/mapi/mailbox/keys.ts";
import { OpenAttachment } from "#serve/mapi/mailbox/attachment.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { Author } from "#serve/mapi/mailbox/message-values.ts";
import { fromRecipientRow, recipientColumns, toRecipientRow } from "#serve/mapi/mailbox/recipients.ts";
import { markMany, markOf, markOne } from "#serve/mapi/mailbox/read-marks.ts";
import { asFolder, asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import { wasRemovedFrom } from "#serve/mapi/mailbox/removed.ts";
import * as rops from "#wire/mapi/rops/messages.ts";

const openModes = { readOnly: 0, readWrite: 1, bestAccess: 3, softDeleted: 4 } as const;
/** 0x08 tells that errors may come late, which changes nothing here. [MS-OXCMSG] 2.2.3.3.1 */
const saveFlags = { keepOpenReadOnly: 0x01, keepOpenReadWrite: 0x02, forceSave: 0x04 } as const;
/** The code page of the logon. [MS-OXCMSG] 2.2.3.1.1 */
const ofLogon = 0x0fff;
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

/** The code page of 8-bit text that a client tells. [MS-OXCMSG] 3.2.5.1 */
function codePageOf(call: RopCall<{ codePageId: number }>): number {
  const { codePageId } = call.request;
  if (codePageId === ofLogon) return call.session.codePage;
  if (!isKnownCodePage(codePageId)) throw new RopError("unknownCodePage", `Nobody knows the code page ${codePageId}.`);
  return codePageId;
}

/** Throws RopError `notSupported` where what is to become of the object contradicts itself. [MS-OXCMSG] 3.2.5.3 */
function checkSaveFlags(flags: number): void {
  const both = saveFlags.keepOpenReadOnly | saveFlags.keepOpenReadWrite;
  if ((flags & both) === both) throw new RopError("notSupported", "An object is open for writing or it is not.");
}

/** Whoever saves, as messages name their authors; null for somebody the directory does not know. */
async function authorOf({ ctx, session }: RopCall<unknown>): Promise<Author | null> {
  const entry = (await session.services.book.view(ctx)).byId(session.person.entryId);
  return entry === undefined ? null : { name: entry.displayName, entryId: permanentEntryId(entry) };
}

/**
 * The message lies in the folder that was named, or was removed from it; of a search folder it is enough that it is
 * found.
 */
async function requireIn(
  call: RopCall<{ folderId: ShortTermId }>, folderId: FolderId, messageId: MessageId,
): Promise<void> {
  const named = folderIdOf(call.request.folderId);
  if (named === folderId) return;
  const info = await asLogon(call).mailbox.folder(call.ctx, named);
  if (info.isSearchFolder || await wasRemovedFrom(call.ctx, asLogon(call), messageId, info)) return;
  throw new RopError("notFound", "This folder does not hold the message.");
}

/** What was posted into a public folder meets the folder's rules. [MS-OXORULE] 3.2.5.1 */
async function runFolderRules(
  { ctx, session }: RopCall<unknown>, { logon, folderId }: OpenMessage, messageId: MessageId,
): Promise<void> {
  const { address } = session.person;
  const { mailboxId } = logon;
  const done = await session.services.publicRules.posted(ctx, { mailboxId, folderId, messageId, address });
  if (done === "refused") throw new RopError("accessDenied", "A rule of this folder refuses the message.");
}

export const messageHandlers: readonly RopHandler[] = [
  handler(rops.RopOpenMessage, async (call) => {
    const logon = asLogon(call);
    const messageId = messageIdOf(call.request.messageId);
    const codePage = codePageOf(call);
    const stored = await logon.items.open(call.ctx, messageId);
    await requireIn(call, stored.row.folderId, messageId);
    const message = new OpenMessage({
      logon, hostname: call.session.services.hostname, folderId: stored.row.folderId, messageId,
      isAssociated: stored.row.isAssociated, isWritable: (call.request.openModeFlags & 0x03) !== openModes.readOnly,
      within: null, codePage, localeId: call.session.localeId,
    }, stored);
    return { opens: message, body: await openedBody(call, message) };
  }),

  handler(rops.RopCreateMessage, async (call) => {
    const logon = asLogon(call);
    const folderId = folderIdOf(call.request.folderId);
    const codePage = codePageOf(call);
    await logon.mailbox.folder(call.ctx, folderId);
    const message = new OpenMessage({
      logon, hostname: call.session.services.hostname, folderId, messageId: null,
      isAssociated: call.request.associatedFlag, isWritable: true, within: null, codePage,
      localeId: call.session.localeId,
    }, null);
    return { opens: message, body: { hasMessageId: false } };
  }),

  handler(rops.RopSaveChangesMessage, async (call) => {
    const message = asMessage(call.object);
    const { saveFlags: flags, inputHandleIndex } = call.request;
    checkSaveFlags(flags);
    // Exchange 2010 and later go on taking changes where the client said that it has no more; so do we.
    const author = message.within === null ? await authorOf(call) : null;
    const isPosted = message.logon.isPublic && message.messageId === null && !message.isAssociated;
    const messageId = await message.save(call.ctx, (flags & saveFlags.forceSave) !== 0, author);
    if (isPosted && messageId !== null) await runFolderRules(call, message, messageId);
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
    const mark = markOf(call.request.readFlags);
    const hasChanged = message.messageId !== null && message.within === null &&
      await markOne(call, message.logon, message.messageId, mark);
    const { clientData } = call.request;
    // On public folders the client keeps count itself, and hears which of its calls did something.
    if (!hasChanged || !message.logon.isPublic || clientData === undefined || clientData === null) {
      return { body: { readStatusChanged: false } };
    }
    return { body: { readStatusChanged: true, logonId: call.logonId, clientData } };
  }),

  handler(rops.RopSetReadFlags, async (call) => {
    const logon = asLogon(call);
    const folder = asFolder(call.object);
    const mark = markOf(call.request.readFlags);
    const ids = call.request.messageIds.map(messageIdOf);
    if (ids.length > 0) return { body: { partialCompletion: await markMany(call, logon, ids, mark) < ids.length } };
    for await (const rows of logon.items.rows(call.ctx, folder.folderId)) {
      await markMany(call, logon, rows.map((row) => row.messageId), mark);
    }
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
    const made = asMessage(call.object).createAttachment(call.ctx);
    return { opens: made, body: { attachmentId: made.number } };
  }),

  handler(rops.RopDeleteAttachment, (call) => {
    asMessage(call.object).deleteAttachment(call.request.attachmentId);
    return {};
  }),

  handler(rops.RopSaveChangesAttachment, async (call) => {
    checkSaveFlags(call.request.saveFlags);
    await asAttachment(call.object).saveChanges(call.ctx);
    return {};
  }),

  handler(rops.RopOpenEmbeddedMessage, async (call) => {
    const attachment = asAttachment(call.object);
    const create = (call.request.openModeFlags & 0x02) !== 0;
    const message = await attachment.openEmbedded(call.ctx, create, { asDraft: true, codePage: codePageOf(call) });
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
