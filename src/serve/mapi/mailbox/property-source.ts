/** Properties of stores, folders and messages as clients ask for them. [MS-OXCPRPT] 2.2.2, 3.2.5 */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import { toObjectId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { decodeCodePage, encodeCodePage } from "#format/mapi/code-page.ts";
import { folderRights } from "#mailbox/access.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import type { FolderTree } from "#mailbox/folder-tree.ts";
import type { FolderProperties } from "#mailbox/tx/folder-properties.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { makeTag, propertyTypes, tagId, tagTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyTypeName, PropertyValue } from "#props/types.ts";
import { permanentEntryId } from "#serve/mapi/address-book/properties.ts";
import { readAway } from "#serve/mapi/mailbox/away.ts";
import { ecCodes } from "#serve/mapi/mailbox/errors.ts";
import {
  folderVersionOf, globalKey, guidBytes, hiddenFolderIds, toFolderEntryId, toStoreEntryId,
} from "#serve/mapi/mailbox/keys.ts";
import type { FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import { CellError, TypedCell } from "#wire/mapi/rows.ts";
import type { Cell } from "#wire/mapi/rows.ts";

/** The value in the type that was asked for; an error where there is none of that type. */
export function cellOf(bag: ReadonlyMap<PropertyTag, PropertyValue>, tag: PropertyTag, codePage: number): Cell {
  const asked = tagTypeCode(tag);
  const exact = bag.get(tag);
  if (exact !== undefined) return untilNul(asked, exact);
  const id = tagId(tag);
  if (asked === 0) {
    for (const [known, value] of bag) {
      if (tagId(known) === id) return new TypedCell(tagTypeCode(known), untilNul(tagTypeCode(known), value));
    }
    return new CellError(ecCodes.notFound);
  }
  const converted = convertText(bag, id, asked, codePage);
  return converted === undefined ? new CellError(ecCodes.notFound) : untilNul(asked, converted);
}

/** Text ends at its NUL on the wire; mail or a stream may have brought one with more behind it. [MS-OXCDATA] 2.11.1 */
export function untilNul(typeCode: number, value: PropertyValue): PropertyValue {
  if (typeof value === "string") {
    const end = value.indexOf("\0");
    return end < 0 ? value : value.slice(0, end);
  }
  if (typeCode === propertyTypes.String8.code && value instanceof Uint8Array) {
    const end = value.indexOf(0);
    return end < 0 ? value : value.subarray(0, end);
  }
  const one = typeCode === propertyTypes.MultipleString.code ? propertyTypes.String.code
    : typeCode === propertyTypes.MultipleString8.code ? propertyTypes.String8.code : 0;
  if (one === 0 || !Array.isArray(value)) return value;
  return (value as PropertyValue[]).map((item) => untilNul(one, item)) as PropertyValue;
}

/** Text in one form, kept in the other. [MS-OXCPRPT] 3.2.5.1 */
function convertText(
  bag: ReadonlyMap<PropertyTag, PropertyValue>, id: number, asked: number, codePage: number,
): PropertyValue | undefined {
  const { String: wide, String8: narrow, MultipleString: wides, MultipleString8: narrows } = propertyTypes;
  if (asked === narrow.code) {
    const value = bag.get(makeTag(id, "String"));
    return typeof value === "string" ? encodeCodePage(value, codePage) : undefined;
  }
  if (asked === wide.code) {
    const value = bag.get(makeTag(id, "String8"));
    return value instanceof Uint8Array ? decodeCodePage(value, codePage) : undefined;
  }
  if (asked === narrows.code) {
    const value = bag.get(makeTag(id, "MultipleString"));
    return Array.isArray(value) ? (value as string[]).map((one) => encodeCodePage(one, codePage)) : undefined;
  }
  if (asked === wides.code) {
    const value = bag.get(makeTag(id, "MultipleString8"));
    return Array.isArray(value) ? (value as Uint8Array[]).map((one) => decodeCodePage(one, codePage)) : undefined;
  }
  return undefined;
}

function bagOf(rows: readonly (readonly [number, PropertyTypeName, PropertyValue | undefined])[]): PropertyBag {
  const bag: PropertyBag = new Map();
  for (const [id, type, value] of rows) if (value !== undefined) bag.set(makeTag(id, type), value);
  return bag;
}

const fileTimeEpochMs = 11_644_473_600_000;
export const toFileTime = (ms: number): bigint => BigInt(Math.round(ms) + fileTimeEpochMs) * 10_000n;

/** PidTagFolderType. [MS-OXCFOLD] 2.2.2.2.2.7 */
const folderTypes = { root: 0, generic: 1, search: 2 } as const;
/** PidTagAccess. [MS-OXCPRPT] 2.2.1.1 */
const access = { modify: 0x1, read: 0x2, delete: 0x4, hierarchy: 0x8, contents: 0x10, associated: 0x20 } as const;

function folderAccess(rights: number): number {
  const has = (right: keyof typeof folderRights): boolean => (rights & folderRights[right]) !== 0;
  return (has("readAny") ? access.read : 0) | (has("create") ? access.contents : 0) |
    (has("createSubFolder") ? access.hierarchy : 0) |
    (has("folderOwner") ? access.modify | access.delete | access.associated : 0);
}

const sizeMax = 0x7fff_ffff;

/** Where well-known folders are named: on the root and on the inbox. [MS-OXOSFLD] 2.2.3 */
const specialFolders: readonly (readonly [id: number, role: FolderRole])[] = [
  [0x36d0, "calendar"], [0x36d1, "contacts"], [0x36d2, "journal"], [0x36d3, "notes"], [0x36d4, "tasks"],
  [0x36d5, "reminders"], [0x36d7, "drafts"],
];
/** PidTagAdditionalRenEntryIds, in its order. [MS-OXOSFLD] 2.2.4 */
const additionalFolders: readonly FolderRole[] = [
  "conflicts", "syncIssues", "localFailures", "serverFailures", "junkEmail",
];
/** PersistIds of PidTagAdditionalRenEntryIdsEx. [MS-OXOSFLD] 2.2.5 */
const persistedFolders: readonly (readonly [id: number, role: FolderRole])[] = [
  [0x8001, "rssFeeds"], [0x8002, "trackedMail"], [0x8004, "toDo"], [0x8006, "conversationActions"],
  [0x8007, "quickSteps"], [0x8008, "suggestedContacts"], [0x8009, "contactSearch"], [0x800a, "imContactList"],
  [0x800b, "quickContacts"],
];

/** PersistData: an id, a size, and elements of id, size and entry id; an empty one ends it. [MS-OXOSFLD] 2.2.5 */
function persistData(entries: readonly (readonly [id: number, entryId: Buffer])[]): Buffer {
  const pieces: Buffer[] = [];
  for (const [id, entryId] of entries) {
    const head = Buffer.alloc(8);
    head.writeUInt16LE(id, 0);
    head.writeUInt16LE(entryId.length + 4, 2);
    head.writeUInt16LE(0x0001, 4);
    head.writeUInt16LE(entryId.length, 6);
    pieces.push(head, entryId);
  }
  pieces.push(Buffer.alloc(4));
  return Buffer.concat(pieces);
}

/** What one folder is made of: the server's own knowledge over what clients wrote. */
export interface FolderView {
  readonly info: FolderInfo;
  readonly bag: PropertyBag;
}

function specialReferences(logon: LogonObject, byRole: ReadonlyMap<FolderRole, FolderId>): PropertyBag {
  const entryId = (role: FolderRole): Buffer | undefined => {
    const folderId = byRole.get(role);
    return folderId === undefined ? undefined : toFolderEntryId(logon, folderId);
  };
  const persisted = persistedFolders.map(([id, role]) => [id, entryId(role)] as const)
    .filter((pair): pair is readonly [number, Buffer] => pair[1] !== undefined);
  const freeBusy = entryId("freeBusyData");
  return bagOf([
    ...specialFolders.map(([id, role]) => [id, "Binary", entryId(role)] as const),
    [0x36d8, "MultipleBinary", additionalFolders.map((role) => entryId(role) ?? Buffer.alloc(0))],
    [0x36d9, "Binary", persistData(persisted)],
    [0x36e4, "MultipleBinary", freeBusy === undefined ? undefined
      : [Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(0), freeBusy]],
  ]);
}

/** Of a folder that is not there any more, or not yet. */
const noProperties: FolderProperties = { bag: new Map(), createdMs: 0, modifiedMs: 0 };

function rolesIn(tree: FolderTree): Map<FolderRole, FolderId> {
  const found = new Map<FolderRole, FolderId>();
  for (const { role, folderId } of tree.folders.values()) if (role !== null) found.set(role, folderId);
  return found;
}

/** All properties of one folder, those of clients included. [MS-OXCFOLD] 2.2.2.2 */
export function folderView(
  logon: LogonObject, hostname: string, tree: FolderTree, info: FolderInfo, own: FolderProperties = noProperties,
): FolderView {
  const bag = new Map([...own.bag].filter(([tag]) => !hiddenFolderIds.has(tagId(tag))));
  const isRoot = !logon.isPublic && (info.role === "root" || info.role === "inbox");
  const known = serverProperties(logon, info, {
    hostname, hasChildren: hasChildren(tree, info.folderId), createdMs: own.createdMs, modifiedMs: own.modifiedMs,
    isVisible: isBelowTop(tree, info),
  });
  // A client that made these folders itself has named them; the server's own names are for those it did not.
  const references = isRoot ? specialReferences(logon, rolesIn(tree)) : [];
  for (const [tag, value] of references) if (!bag.has(tag)) bag.set(tag, value);
  for (const [tag, value] of known) bag.set(tag, value);
  const version = folderVersionOf(logon, info.cn, own.bag);
  bag.set(makeTag(0x65e2, "Binary"), version.changeKey);
  bag.set(makeTag(0x65e3, "Binary"), version.predecessors);
  return { info, bag };
}

export function hasChildren(tree: FolderTree, folderId: FolderId): boolean {
  for (const _ of tree.childrenOf(folderId)) return true;
  return false;
}

/** In the part of the store that people see. */
function isBelowTop(tree: FolderTree, info: FolderInfo): boolean {
  let at: FolderInfo | undefined = info;
  for (let depth = 0; at !== undefined && depth <= limits.folderDepthMax; depth++) {
    if (at.role === "ipmSubtree") return true;
    at = at.parentId === null ? undefined : tree.folders.get(at.parentId);
  }
  return false;
}

/** The same of all folders, parents before children; others have their turn between them. */
export async function folderBags(ctx: Ctx, logon: LogonObject, hostname: string): Promise<FolderView[]> {
  const infos = await logon.mailbox.folders(ctx);
  const tree = await logon.mailbox.folderTree(ctx);
  const views: FolderView[] = [];
  for (let at = 0; at < infos.length; at += viewsAtOnce) {
    const slice = infos.slice(at, at + viewsAtOnce);
    const written = await logon.mailbox.folderPropertiesOf(ctx, slice.map(({ folderId }) => folderId));
    for (const info of slice) views.push(folderView(logon, hostname, tree, info, written.get(info.folderId)));
    await yieldToOthers();
  }
  return views;
}

/** Folders whose properties are worked out before others have their turn. */
const viewsAtOnce = 200;

export async function folderBag(ctx: Ctx, folder: FolderObject, hostname: string): Promise<PropertyBag> {
  const { logon, folderId } = folder;
  const [info, written] = await Promise.all(
    [logon.mailbox.folder(ctx, folderId), logon.mailbox.folderProperties(ctx, folderId)]);
  return folderView(logon, hostname, await logon.mailbox.folderTree(ctx), info, written.get(folderId)).bag;
}

/** PidTagFolderFlags. [MS-OXCFOLD] 2.2.2.2.1.6 */
const folderFlags = { visible: 0x01, search: 0x02, normal: 0x04 } as const;

function serverProperties(
  logon: LogonObject, info: FolderInfo,
  more: { hostname: string; hasChildren: boolean; createdMs: number; modifiedMs: number; isVisible: boolean },
): PropertyBag {
  const rights = logon.mailbox.rightsIn(info.folderId);
  const type = info.parentId === null ? folderTypes.root
    : info.isSearchFolder ? folderTypes.search : folderTypes.generic;
  const parentId = info.parentId ?? info.folderId;
  return bagOf([
    [0x3001, "String", info.name],
    [0x3601, "Integer32", type],
    [0x3602, "Integer32", info.messageCount],
    [0x3603, "Integer32", info.unreadCount],
    [0x3617, "Integer32", info.associatedCount],
    [0x360a, "Boolean", more.hasChildren],
    [0x3613, "String", info.containerClass === "" ? undefined : info.containerClass],
    [0x10f4, "Boolean", info.hidden],
    [0x0e08, "Integer32", Math.min(info.sizeBytes, sizeMax)],
    [0x0e08, "Integer64", BigInt(info.sizeBytes)],
    [0x0ff4, "Integer32", folderAccess(rights)],
    [0x6639, "Integer32", rights],
    [0x0ffe, "Integer32", 3],
    [0x0fff, "Binary", toFolderEntryId(logon, info.folderId)],
    [0x0e09, "Binary", toFolderEntryId(logon, parentId)],
    [0x0ff9, "Binary", toFolderEntryId(logon, info.folderId)],
    [0x0ff6, "Binary", globalKey(logon, info.folderId)],
    [0x0ffa, "Binary", guidBytes(logon.mailboxGuid)],
    [0x0ffb, "Binary", toStoreEntryId(logon, more.hostname)],
    [0x0ff8, "Binary", guidBytes(logon.replicaGuid)],
    [0x65e0, "Binary", globalKey(logon, info.folderId)],
    [0x65e1, "Binary", info.parentId === null ? Buffer.alloc(0) : globalKey(logon, parentId)],
    [0x67a4, "Integer64", BigInt.asIntN(64, toObjectId(info.cn))],
    [0x6748, "Integer64", BigInt.asIntN(64, toObjectId(info.folderId))],
    [0x6749, "Integer64", BigInt.asIntN(64, toObjectId(parentId))],
    [0x3007, "Time", toFileTime(more.createdMs)],
    [0x3008, "Time", toFileTime(more.modifiedMs)],
    [0x670a, "Time", toFileTime(more.modifiedMs)],
    [0x663a, "Boolean", false],
    // What came and is not there any more: UIDs are given out one after the other.
    [0x670b, "Integer32", Math.max(0, info.uidNext - 1 - info.messageCount - info.associatedCount)],
    [0x66a8, "Integer32", (more.isVisible ? folderFlags.visible : 0) |
      (info.isSearchFolder ? folderFlags.search : folderFlags.normal)],
  ]);
}

/** PidTagStoreSupportMask: what this store can do. [MS-OXCSTOR] 2.2.2.1.1.18 */
const storeSupport = 0x0001 | 0x0002 | 0x0004 | 0x0008 | 0x0010 | 0x0020 | 0x0040 | 0x0080 | 0x0100 | 0x0200 |
  0x0400 | 0x0800 | 0x1000 | 0x2000 | 0x4_0000;

/** Folders that the store names itself. [MS-OXOSFLD] 2.2.3, [MS-OXCSTOR] 2.2.2.1 */
const storeFolders: readonly (readonly [id: number, role: FolderRole])[] = [
  [0x35e0, "ipmSubtree"], [0x35e2, "outbox"], [0x35e3, "deletedItems"], [0x35e4, "sentItems"], [0x35e5, "views"],
  [0x35e6, "commonViews"], [0x35e7, "finder"],
];
/** PidTagValidFolderMask: all of them are there. */
const validFolders = 0xff;

/** Properties of a store. [MS-OXCSTOR] 2.2.2.1 */
export async function logonBag(ctx: Ctx, logon: LogonObject, session: MailboxSession): Promise<PropertyBag> {
  const { hostname, book } = session.services;
  const [quota, view, isAwayNow] = await Promise.all([
    logon.mailbox.quota(ctx), book.view(ctx), readAway(ctx, logon, session.services),
  ]);
  const kilobytes = (bytes: number): number => Math.min(Math.floor(bytes / 1024), sizeMax);
  const limitOf = (bytes: number | null | undefined): number | undefined =>
    (bytes === null || bytes === undefined ? undefined : kilobytes(bytes));
  const owner = view.byLegacyDn(logon.owner.legacyDn);
  const user = view.byId(session.person.entryId);
  const roles = logon.isPublic ? new Map<FolderRole, FolderId>() : new Map(await logon.mailbox.roleFolders(ctx));
  return bagOf([
    ...storeFolders.map(([id, role]) => {
      const folderId = roles.get(role);
      return [id, "Binary", folderId === undefined ? undefined : toFolderEntryId(logon, folderId)] as const;
    }),
    [0x35df, "Integer32", logon.isPublic ? undefined : validFolders],
    [0x3001, "String", logon.owner.displayName],
    [0x661c, "String", logon.owner.displayName],
    [0x661b, "Binary", owner === undefined ? undefined : permanentEntryId(owner)],
    [0x6619, "Binary", user === undefined ? undefined : permanentEntryId(user)],
    [0x661a, "String", user?.displayName],
    [0x0e08, "Integer64", BigInt(quota.usedBytes)],
    [0x0e08, "Integer32", Math.min(quota.usedBytes, sizeMax)],
    [0x3602, "Integer32", quota.messageCount],
    [0x666d, "Integer32", kilobytes(limits.messageSizeMaxBytes)],
    [0x666e, "Integer32", limitOf(quota.sendBytes ?? quota.limitBytes)],
    [0x666a, "Integer32", limitOf(quota.limitBytes)],
    [0x666c, "Boolean", quota.limitBytes !== null && quota.usedBytes > quota.limitBytes],
    [0x3ff5, "Integer32", limitOf(quota.warningBytes ?? quota.limitBytes)],
    [0x340d, "Integer32", storeSupport],
    [0x340e, "Integer32", 0],
    [0x66a1, "Integer32", session.localeId],
    [0x66c3, "Integer32", session.codePage],
    [0x661d, "Boolean", isAwayNow],
    [0x0e9b, "Integer32", limits.mapiExtendedRuleMaxBytes],
    [0x0ffa, "Binary", guidBytes(logon.mailboxGuid)],
    [0x0ff9, "Binary", guidBytes(logon.mailboxGuid)],
    [0x0ff8, "Binary", guidBytes(logon.replicaGuid)],
    [0x0ffb, "Binary", toStoreEntryId(logon, hostname)],
    [0x0fff, "Binary", toStoreEntryId(logon, hostname)],
    [0x0ffe, "Integer32", 1],
    [0x0ff4, "Integer32", 0x3f],
    [0x6638, "Binary", Buffer.concat([Buffer.from([1, 0]), guidBytes(logon.replicaGuid)])],
  ]);
}
