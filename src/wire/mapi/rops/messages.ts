/** Messages and attachments. [MS-OXCROPS] 2.2.6 */
import { bytes } from "#codec/binary/bytes.ts";
import { listOf, reserved, struct, when } from "#codec/binary/combine.ts";
import { bool, i32, u16, u32, u8 } from "#codec/binary/numbers.ts";
import { shortTermId } from "#props/object-ids.ts";
import { isSet, nothing, rop } from "#wire/mapi/rop.ts";
import { modifyRecipientRow, openRecipientRow, propertyTags, readRecipientRow, typedString } from "#wire/mapi/rows.ts";

/** [MS-OXCROPS] 2.2.6.1 */
export const RopOpenMessage = rop({
  id: 0x03, name: "RopOpenMessage", section: "2.2.6.1", on: ["logon", "folder"],
  yields: "message",
  request: struct({
    inputHandleIndex: u8, outputHandleIndex: u8, codePageId: u16, folderId: shortTermId, openModeFlags: u8,
    messageId: shortTermId,
  }),
  response: struct({
    hasNamedProperties: bool, subjectPrefix: typedString, normalizedSubject: typedString, recipientCount: u16,
    recipientColumns: propertyTags, recipientRows: listOf(u8, openRecipientRow),
  }),
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.2 */
export const RopCreateMessage = rop({
  id: 0x06, name: "RopCreateMessage", section: "2.2.6.2", on: ["logon", "folder"],
  yields: "message",
  request: struct({
    inputHandleIndex: u8, outputHandleIndex: u8, codePageId: u16, folderId: shortTermId, associatedFlag: bool,
  }),
  response: struct({ hasMessageId: bool, messageId: when(isSet("hasMessageId"), shortTermId) }),
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.3 */
export const RopSaveChangesMessage = rop({
  id: 0x0c, name: "RopSaveChangesMessage", section: "2.2.6.3", on: ["message"],
  request: struct({ responseHandleIndex: u8, inputHandleIndex: u8, saveFlags: u8 }),
  response: struct({ inputHandleIndex: u8, messageId: shortTermId }),
  answers: "responseHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.4 */
export const RopRemoveAllRecipients = rop({
  id: 0x0d, name: "RopRemoveAllRecipients", section: "2.2.6.4", on: ["message"],
  request: struct({ inputHandleIndex: u8, reserved: reserved(u32) }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.5 */
export const RopModifyRecipients = rop({
  id: 0x0e, name: "RopModifyRecipients", section: "2.2.6.5", on: ["message"],
  request: struct({
    inputHandleIndex: u8, recipientColumns: propertyTags, recipientRows: listOf(u16, modifyRecipientRow),
  }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.6 */
export const RopReadRecipients = rop({
  id: 0x0f, name: "RopReadRecipients", section: "2.2.6.6", on: ["message"],
  request: struct({ inputHandleIndex: u8, rowId: u32, reserved: reserved(u16) }),
  response: struct({ recipientRows: listOf(u8, readRecipientRow) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.7 */
export const RopReloadCachedInformation = rop({
  id: 0x10, name: "RopReloadCachedInformation", section: "2.2.6.7", on: ["message"],
  request: struct({ inputHandleIndex: u8, reserved: reserved(u16) }),
  response: struct({
    hasNamedProperties: bool, subjectPrefix: typedString, normalizedSubject: typedString, recipientCount: u16,
    recipientColumns: propertyTags, recipientRows: listOf(u8, openRecipientRow),
  }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.11 */
export const RopSetMessageReadFlag = rop({
  id: 0x11, name: "RopSetMessageReadFlag", section: "2.2.6.11", on: ["message"],
  request: struct({
    responseHandleIndex: u8, inputHandleIndex: u8, readFlags: u8,
    clientData: when(isSet("isPublicLogon"), bytes(24)),
  }),
  response: struct({
    readStatusChanged: bool, logonId: when(isSet("readStatusChanged"), u8),
    clientData: when(isSet("readStatusChanged"), bytes(24)),
  }),
  answers: "responseHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.9 */
export const RopGetMessageStatus = rop({
  id: 0x1f, name: "RopGetMessageStatus", section: "2.2.6.9", on: ["folder"],
  request: struct({ inputHandleIndex: u8, messageId: shortTermId }),
  response: struct({ messageStatusFlags: u32 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.8 */
export const RopSetMessageStatus = rop({
  id: 0x20, name: "RopSetMessageStatus", section: "2.2.6.8", on: ["folder"],
  request: struct({
    inputHandleIndex: u8, messageId: shortTermId, messageStatusFlags: u32, messageStatusMask: u32,
  }),
  response: struct({ messageStatusFlags: u32 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.17 */
export const RopGetAttachmentTable = rop({
  id: 0x21, name: "RopGetAttachmentTable", section: "2.2.6.17", on: ["message"],
  yields: "table",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8, tableFlags: u8 }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.12 */
export const RopOpenAttachment = rop({
  id: 0x22, name: "RopOpenAttachment", section: "2.2.6.12", on: ["message"],
  yields: "attachment",
  request: struct({
    inputHandleIndex: u8, outputHandleIndex: u8, openAttachmentFlags: u8, attachmentId: u32,
  }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.13 */
export const RopCreateAttachment = rop({
  id: 0x23, name: "RopCreateAttachment", section: "2.2.6.13", on: ["message"],
  yields: "attachment",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8 }),
  response: struct({ attachmentId: u32 }),
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.14 */
export const RopDeleteAttachment = rop({
  id: 0x24, name: "RopDeleteAttachment", section: "2.2.6.14", on: ["message"],
  request: struct({ inputHandleIndex: u8, attachmentId: u32 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.15 */
export const RopSaveChangesAttachment = rop({
  id: 0x25, name: "RopSaveChangesAttachment", section: "2.2.6.15", on: ["attachment"],
  request: struct({ responseHandleIndex: u8, inputHandleIndex: u8, saveFlags: u8 }),
  response: nothing,
  answers: "responseHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.16 */
export const RopOpenEmbeddedMessage = rop({
  id: 0x46, name: "RopOpenEmbeddedMessage", section: "2.2.6.16", on: ["attachment"],
  yields: "message",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8, codePageId: u16, openModeFlags: u8 }),
  response: struct({
    reserved: reserved(u8), messageId: shortTermId, hasNamedProperties: bool, subjectPrefix: typedString,
    normalizedSubject: typedString, recipientCount: u16, recipientColumns: propertyTags,
    recipientRows: listOf(u8, openRecipientRow),
  }),
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.18 */
export const RopGetValidAttachments = rop({
  id: 0x52, name: "RopGetValidAttachments", section: "2.2.6.18", on: ["message"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ attachmentIdArray: listOf(u32, i32) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.6.10 */
export const RopSetReadFlags = rop({
  id: 0x66, name: "RopSetReadFlags", section: "2.2.6.10", on: ["folder"],
  request: struct({
    inputHandleIndex: u8, wantAsynchronous: bool, readFlags: u8, messageIds: listOf(u16, shortTermId),
  }),
  response: struct({ partialCompletion: bool }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});
