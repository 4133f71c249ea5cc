/** What a notification tells. [MS-OXCNOTIF] 2.2.1.4.1.2, [MS-OXCROPS] 2.2.14.2.1 */
import { latin1z, utf16z } from "#codec/binary/bytes.ts";
import { choose, listOf, sized, struct, when } from "#codec/binary/combine.ts";
import { bool, u16, u32 } from "#codec/binary/numbers.ts";
import { makeType } from "#codec/binary/type.ts";
import type { Of, Scope, Type } from "#codec/binary/type.ts";
import type { PropertyTag } from "#props/types.ts";
import { propertyTag, shortTermId } from "#props/object-ids.ts";
import { propertyRow } from "#wire/mapi/rows.ts";

/** Kinds of events: bits of NotificationTypes, and the low twelve bits of NotificationFlags. [MS-OXCNOTIF] 2.2.1.1 */
export const notificationTypes = {
  criticalError: 0x0001, newMail: 0x0002, objectCreated: 0x0004, objectDeleted: 0x0008, objectModified: 0x0010,
  objectMoved: 0x0020, objectCopied: 0x0040, searchComplete: 0x0080, tableModified: 0x0100, extended: 0x0400,
} as const;
const t = notificationTypes;

/** Bits beside the kind. [MS-OXCNOTIF] 2.2.1.4.1.2 */
export const notificationFlags = {
  hasTotalCount: 0x1000, hasUnreadCount: 0x2000, isSearchFolder: 0x4000, isMessage: 0x8000,
} as const;

/** TableEventType. [MS-OXCNOTIF] 2.2.1.4.1.2 */
export const tableEvents = {
  changed: 0x0001, rowAdded: 0x0003, rowDeleted: 0x0004, rowModified: 0x0005, restrictionChanged: 0x0007,
} as const;
const e = tableEvents;

const typeOf = (scope: Scope): number => scope.number("notificationFlags") & 0x0fff;
const hasBit = (scope: Scope, bit: number): boolean => (scope.number("notificationFlags") & bit) !== 0;
const isMessage = (scope: Scope): boolean => hasBit(scope, notificationFlags.isMessage);
const isType = (...types: number[]) => (scope: Scope): boolean => types.includes(typeOf(scope));
const isEvent = (...events: number[]) => (scope: Scope): boolean =>
  typeOf(scope) === t.tableModified && events.includes(scope.number("tableEventType"));
const isMessageEvent = (...events: number[]) => (scope: Scope): boolean =>
  isMessage(scope) && isEvent(...events)(scope);
const isObject = (scope: Scope): boolean => !isType(t.tableModified, t.extended)(scope);
const hasParent = (scope: Scope): boolean =>
  isType(t.objectCreated, t.objectDeleted, t.objectMoved, t.objectCopied)(scope) &&
  hasBit(scope, notificationFlags.isSearchFolder) === isMessage(scope);
const isMoved = isType(t.objectMoved, t.objectCopied);

/** Changed tags; null says that none are told, 0xFFFF on the wire too. */
const changedTags: Type<readonly PropertyTag[] | null> = makeType<readonly PropertyTag[] | null>({
  shape: { kind: "list", count: u16, item: propertyTag }, sizeMin: 2,
  read: (reader) => {
    const at = reader.at;
    const count = u16.read(reader);
    if (count === 0xffff) return null;
    reader.at = at;
    return listOf(u16, propertyTag).read(reader);
  },
  write: (writer, tags) => {
    if (tags === null) u16.write(writer, 0xffff);
    else listOf(u16, propertyTag).write(writer, tags);
  },
});

/** The columns of the table are the field `columns` of what the caller gives. */
export const notificationData = struct({
  notificationFlags: u16,
  tableEventType: when(isType(t.tableModified), u16),
  rowFolderId: when(isEvent(e.rowAdded, e.rowDeleted, e.rowModified), shortTermId),
  rowMessageId: when(isMessageEvent(e.rowAdded, e.rowDeleted, e.rowModified), shortTermId),
  rowInstance: when(isMessageEvent(e.rowAdded, e.rowDeleted, e.rowModified), u32),
  insertAfterFolderId: when(isEvent(e.rowAdded, e.rowModified), shortTermId),
  insertAfterMessageId: when(isMessageEvent(e.rowAdded, e.rowModified), shortTermId),
  insertAfterInstance: when(isMessageEvent(e.rowAdded, e.rowModified), u32),
  rowData: when(isEvent(e.rowAdded, e.rowModified), sized(u16, propertyRow("rop", "columns"))),
  folderId: when(isObject, shortTermId),
  messageId: when((scope) => isMessage(scope) && isObject(scope), shortTermId),
  parentFolderId: when(hasParent, shortTermId),
  oldFolderId: when(isMoved, shortTermId),
  oldMessageId: when((scope) => isMessage(scope) && isMoved(scope), shortTermId),
  oldParentFolderId: when((scope) => !isMessage(scope) && isMoved(scope), shortTermId),
  tags: when(isType(t.objectCreated, t.objectModified), changedTags),
  totalMessageCount: when((scope) => hasBit(scope, notificationFlags.hasTotalCount), u32),
  unreadMessageCount: when((scope) => hasBit(scope, notificationFlags.hasUnreadCount), u32),
  messageFlags: when(isType(t.newMail), u32),
  unicodeFlag: when(isType(t.newMail), bool),
  messageClass: when(isType(t.newMail),
    choose((scope) => (scope.get("unicodeFlag") === true ? "wide" : "narrow"), { wide: utf16z, narrow: latin1z })),
});
export type NotificationData = Of<typeof notificationData>;
