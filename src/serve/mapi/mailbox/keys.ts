/** Identifiers and keys of objects, as properties hold them. [MS-OXCFXICS] 2.2.1, 2.2.2 */
import { ownReplicaId } from "#base/ids.ts";
import type { ChangeNumber, FolderId, MessageId } from "#base/ids.ts";
import { encode } from "#codec/binary/code.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import { makeTag, tagId } from "#props/types.ts";
import { guidToBytes } from "#codec/binary/bytes.ts";
import type { ItemRow } from "#mailbox/items-api.ts";
import { folderVersionTags } from "#mailbox/tx/folder-version.ts";
import type { ReadonlyPropertyBag } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import {
  folderEntryId, messageEntryId, objectTypes, providers, storeDllFileName, storeEntryId, storeTypes, wrappedProviders,
} from "#wire/mapi/entry-ids.ts";
import { decodePredecessors, encodePredecessors, predecessorsOf, withChanges } from "#wire/mapi/predecessors.ts";

/** The id a client sees. [MS-OXCDATA] 2.2.1.1 */
export function toShortId(counter: number): ShortTermId {
  return { replicaId: ownReplicaId, counter };
}

/** A folder of this store. Throws RopError `notFound` for an id of another replica. */
export function folderIdOf({ replicaId, counter }: ShortTermId): FolderId {
  if (replicaId !== ownReplicaId) throw new RopError("notFound", "This id belongs to another store.");
  return counter as FolderId;
}

export function messageIdOf({ replicaId, counter }: ShortTermId): MessageId {
  if (replicaId !== ownReplicaId) throw new RopError("notFound", "This id belongs to another store.");
  return counter as MessageId;
}

/** GID and XID: the replica's GUID and six bytes, most significant first. [MS-OXCFXICS] 2.2.1.3, 2.2.2.2 */
export function globalKey(logon: LogonObject, counter: number): Buffer {
  const key = Buffer.alloc(22);
  keptGuid(logon.replicaGuid).copy(key);
  key.writeUIntBE(counter, 16, 6);
  return key;
}

let lastGuid: { readonly text: string; readonly bytes: Buffer } = { text: "", bytes: Buffer.alloc(16) };

/** The same one is asked for thousands of times in a row. */
function keptGuid(text: string): Buffer {
  if (lastGuid.text !== text) lastGuid = { text, bytes: guidBytes(text) };
  return lastGuid.bytes;
}

/** The counter of a source key of this store. RopError `invalidParameter` for another. [MS-OXCFXICS] 2.2.1.2.5 */
export function counterOfKey(logon: LogonObject, key: Uint8Array): number {
  const own = globalKey(logon, 0);
  // Some clients send long-term ids, which end in two bytes of nothing.
  const isLong = key.length === own.length + 2 && key[22] === 0 && key[23] === 0;
  const bytes = Buffer.from(isLong ? key.subarray(0, own.length) : key);
  if (bytes.length !== own.length || !bytes.subarray(0, 16).equals(own.subarray(0, 16))) {
    throw new RopError("invalidParameter", "This key was not made for this store.");
  }
  return bytes.readUIntBE(16, 6);
}

/** How a version of a message is named, and which versions it knows. [MS-OXCFXICS] 2.2.1.2.7, 2.2.1.2.8 */
export function versionOf(
  logon: LogonObject, { cn, imported }: Pick<ItemRow, "cn" | "imported">,
): { changeKey: Uint8Array; predecessors: Uint8Array } {
  if (imported?.isCurrent === true) return imported;
  const changeKey = globalKey(logon, cn);
  if (imported === null) return { changeKey, predecessors: predecessorChangeList(logon, cn) };
  const known = decodePredecessors(imported.predecessors);
  return { changeKey, predecessors: encodePredecessors(withChanges(known, predecessorsOf(changeKey))) };
}

/** The same of a folder; `bag` holds what clients and the server wrote on it. */
export function folderVersionOf(
  logon: LogonObject, cn: number, bag: ReadonlyPropertyBag,
): { changeKey: Uint8Array; predecessors: Uint8Array } {
  const changeKey = bag.get(folderVersionTags.changeKey);
  const predecessors = bag.get(folderVersionTags.predecessors);
  const imported = changeKey instanceof Uint8Array && predecessors instanceof Uint8Array
    ? { changeKey, predecessors, isCurrent: bag.get(folderVersionTags.cn) === BigInt(cn) } : null;
  return versionOf(logon, { cn: cn as ChangeNumber, imported });
}

/** One XID behind its size. [MS-OXCFXICS] 2.2.2.3 */
export function predecessorChangeList(logon: LogonObject, counter: number): Buffer {
  return Buffer.concat([Buffer.from([22]), globalKey(logon, counter)]);
}

/** [MS-OXCDATA] 2.2.4.1 */
export function toFolderEntryId(logon: LogonObject, folderId: number): Buffer {
  return encode(folderEntryId, {
    provider: logon.isPublic ? providers.publicFolders : logon.mailboxGuid,
    folderType: logon.isPublic ? objectTypes.publicFolder : objectTypes.privateFolder, databaseGuid: logon.replicaGuid,
    counter: folderId,
  });
}

/** [MS-OXCDATA] 2.2.4.2 */
export function toMessageEntryId(logon: LogonObject, folderId: number, messageId: number): Buffer {
  return encode(messageEntryId, {
    provider: logon.isPublic ? providers.publicFolders : logon.mailboxGuid,
    messageType: logon.isPublic ? objectTypes.publicMessage : objectTypes.privateMessage,
    folderDatabaseGuid: logon.replicaGuid,
    folderCounter: folderId, messageDatabaseGuid: logon.replicaGuid, messageCounter: messageId,
  });
}

/** [MS-OXCDATA] 2.2.4.3 */
export function toStoreEntryId(logon: LogonObject, hostname: string): Buffer {
  return encode(storeEntryId, {
    dllFileName: storeDllFileName, serverShortName: hostname,
    ...logon.isPublic ? { wrappedProvider: wrappedProviders.publicFolders, wrappedType: storeTypes.publicFolders }
      : {
        wrappedProvider: wrappedProviders.mailbox, wrappedType: storeTypes.mailbox, mailboxDn: logon.owner.legacyDn,
      },
  });
}

export function guidBytes(guid: string): Buffer {
  const bytes = Buffer.alloc(16);
  guidToBytes(guid, bytes);
  return bytes;
}

/** What a search folder looks for, in its own properties under provider-defined ids that no client sees. */
export const searchTags = {
  criteria: makeTag(0x67c0, "Binary"), scope: makeTag(0x67c1, "MultipleInteger64"), flags: makeTag(0x67c2, "Integer32"),
  found: makeTag(0x67c3, "Binary"),
} as const;
export const hiddenFolderIds: ReadonlySet<number> = 
  new Set([...Object.values(searchTags), ...Object.values(folderVersionTags)].map(tagId));
