/** Copies of messages and folders as streams. [MS-OXCFXICS] 2.2.4.3, 3.2.5.8.1 */
import { Fault } from "#base/fault.ts";
import { toObjectId } from "#base/ids.ts";
import type { EntryId, FolderId, MessageId } from "#base/ids.ts";
import { folderRights } from "#mailbox/access.ts";
import type { ItemRow } from "#mailbox/items-api.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { ecCodes } from "#serve/mapi/mailbox/errors.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { FolderObject } from "#serve/mapi/mailbox/objects.ts";
import { folderBags } from "#serve/mapi/mailbox/property-source.ts";
import type { FolderView } from "#serve/mapi/mailbox/property-source.ts";
import {
  isFolderProperty, wholeFilter, writeMessageContent, writeProperty,
} from "#serve/mapi/mailbox/transfer/objects-out.ts";
import type { Filter, OutputOptions } from "#serve/mapi/mailbox/transfer/objects-out.ts";
import type { Producer, TransferOutput } from "#serve/mapi/mailbox/transfer/stream.ts";
import { metaTags } from "#wire/mapi/transfer-stream.ts";

const PidTagMid = makeTag(0x674a, "Integer64");
const PidTagFolderId = makeTag(0x6748, "Integer64");
const PidTagDisplayName = makeTag(0x3001, "String");
const PidTagComment = makeTag(0x3004, "String");
export const PidTagContainerContents = makeTag(0x360f, "Object");
export const PidTagFolderAssociatedContents = makeTag(0x3610, "Object");
export const PidTagContainerHierarchy = makeTag(0x360e, "Object");

const binary = (id: number): PropertyTag => makeTag(id, "Binary");
const PidTagEntryId = binary(0x0fff);
const PidTagOriginalEntryId = binary(0x3a12);
const identityTags: readonly PropertyTag[] = [
  binary(0x65e0), makeTag(0x3008, "Time"), binary(0x65e2), binary(0x65e3), PidTagOriginalEntryId,
];

const objectId = (counter: number): bigint => BigInt.asIntN(64, toObjectId(counter));

export interface CopyMessages {
  readonly hostname: string;
  /** Tells what names each message here, and its version. */
  readonly withIds: boolean;
  /** Who is going to remove the messages behind: what they may not remove stays out. null for a copy. */
  readonly mover: EntryId | null;
}

/** A part of what was asked for is not in the stream. [MS-OXCFXICS] 2.2.4.1.5.2, 3.2.5.8.1 */
function warn({ writer }: TransferOutput): void {
  writer.meta(metaTags.ecWarning, ecCodes.errorsReturned);
}

/**
 * `message`: one of a list, with its id. What was removed meanwhile is passed over; of what may not be read a warning
 * tells. [MS-OXCFXICS] 2.2.4.3.11
 */
async function* writeMessage(
  out: TransferOutput, folder: FolderObject, messageId: MessageId, options: OutputOptions,
  { hostname, withIds, mover }: CopyMessages,
): AsyncGenerator<void> {
  let message: OpenMessage;
  try {
    const stored = await folder.logon.items.open(out.ctx, messageId);
    if (mover !== null && !mayRemove(folder, stored.row, mover)) return warn(out);
    message = new OpenMessage({
      logon: folder.logon, hostname, folderId: stored.row.folderId, messageId, isAssociated: stored.row.isAssociated,
      isWritable: false, within: null,
    }, stored);
  } catch (error) {
    if (error instanceof Fault && error.code === "notFound") return;
    if (error instanceof Fault && error.code === "accessDenied") return warn(out);
    throw error;
  }
  out.writer.marker(message.isAssociated ? "StartFAIMsg" : "StartMessage");
  out.writer.property(PidTagMid, objectId(messageId));
  if (withIds) await writeIds(out, message);
  yield* writeMessageContent(out, message, options, wholeFilter);
  out.writer.marker("EndMessage");
  yield;
}

function mayRemove({ logon }: FolderObject, row: ItemRow, mover: EntryId): boolean {
  const rights = logon.mailbox.rightsIn(row.folderId);
  if ((rights & folderRights.deleteAny) !== 0) return true;
  return (rights & folderRights.deleteOwned) !== 0 && row.creatorId === mover;
}

/** What names the message and its version here, for a copy that is to be the same one. [MS-OXCFXICS] 2.2.3.1.1.3.1 */
async function writeIds({ writer, ctx }: TransferOutput, message: OpenMessage): Promise<void> {
  const bag = await message.bag(ctx);
  for (const tag of identityTags) {
    const value = bag.get(tag === PidTagOriginalEntryId ? PidTagEntryId : tag);
    if (value !== undefined) writer.property(tag, value);
  }
}

/** `messageList` of the grammar. [MS-OXCFXICS] 2.2.4.3.14 */
export function copyMessagesStream(
  folder: FolderObject, messageIds: readonly MessageId[], options: OutputOptions, how: CopyMessages,
): Producer {
  return async function* (out) {
    for (const messageId of messageIds) yield* writeMessage(out, folder, messageId, options, how);
  };
}

async function* writeMessages(
  out: TransferOutput, folder: FolderObject, associated: boolean, options: OutputOptions, hostname: string,
): AsyncGenerator<void> {
  for await (const rows of folder.logon.items.rows(out.ctx, folder.folderId, { associated })) {
    for (const { messageId } of rows) {
      yield* writeMessage(out, folder, messageId, options, { hostname, withIds: false, mover: null });
    }
  }
}

function writeFolderProperties(
  out: TransferOutput, bag: ReadonlyMap<PropertyTag, PropertyValue>, options: OutputOptions, filter: Filter,
  isNamedFirst: boolean,
): void {
  const first = isNamedFirst ? [PidTagFolderId, PidTagDisplayName, PidTagComment] : [];
  for (const tag of first) {
    const value = bag.get(tag) ?? (tag === PidTagComment ? "" : undefined);
    if (value !== undefined) writeProperty(out, tag, value, options);
  }
  for (const [tag, value] of bag) {
    if (first.includes(tag) || !isFolderProperty(tag) || !filter.has(tag)) continue;
    writeProperty(out, tag, value, options);
  }
}

interface FolderTree {
  readonly views: ReadonlyMap<FolderId, FolderView>;
  readonly children: ReadonlyMap<FolderId | null, readonly FolderView[]>;
}

async function treeOf(out: TransferOutput, folder: FolderObject, hostname: string): Promise<FolderTree> {
  const all = await folderBags(out.ctx, folder.logon, hostname);
  return {
    views: new Map(all.map((view) => [view.info.folderId, view])),
    children: Map.groupBy(all, ({ info }) => info.parentId),
  };
}

interface FolderWriting {
  readonly out: TransferOutput;
  readonly tree: FolderTree;
  readonly options: OutputOptions;
  readonly hostname: string;
  readonly withSubfolders: boolean;
}

/** `folderContent`, at the top with what is to be emptied before. [MS-OXCFXICS] 2.2.4.3.7 */
async function* writeFolderContent(
  how: FolderWriting, folder: FolderObject, filter: Filter, isTop: boolean,
): AsyncGenerator<void> {
  const { out, tree, options, hostname } = how;
  writeFolderProperties(out, tree.views.get(folder.folderId)?.bag ?? new Map(), options, filter, !isTop);
  yield;
  const isReadable = (folder.logon.mailbox.rightsIn(folder.folderId) & folderRights.readAny) !== 0;
  if (!isReadable) warn(out);
  const lists = [[PidTagFolderAssociatedContents, true], [PidTagContainerContents, false]] as const;
  for (const [tag, associated] of lists) {
    if (!filter.has(tag)) continue;
    if (!isTop) out.writer.meta(metaTags.delProp, tag);
    if (isReadable) yield* writeMessages(out, folder, associated, options, hostname);
  }
  if (!how.withSubfolders || !filter.has(PidTagContainerHierarchy)) return;
  if (!isTop) out.writer.meta(metaTags.delProp, PidTagContainerHierarchy);
  for (const { info } of tree.children.get(folder.folderId) ?? []) {
    if (info.isSearchFolder) continue;
    out.writer.marker("StartSubFld");
    const below: FolderObject = { kind: "folder", logon: folder.logon, folderId: info.folderId };
    yield* writeFolderContent(how, below, wholeFilter, isTop);
    out.writer.marker("EndFolder");
  }
}

export function folderContentStream(
  folder: FolderObject, options: OutputOptions, filter: Filter, hostname: string,
): Producer {
  return async function* (out) {
    const tree = await treeOf(out, folder, hostname);
    yield* writeFolderContent({ out, tree, options, hostname, withSubfolders: true }, folder, filter, false);
  };
}

/** `topFolder` of the grammar. [MS-OXCFXICS] 2.2.4.3.27 */
export function copyFolderStream(
  folder: FolderObject, options: OutputOptions, hostname: string, withSubfolders: boolean,
): Producer {
  return async function* (out) {
    const tree = await treeOf(out, folder, hostname);
    out.writer.marker("StartTopFld");
    yield* writeFolderContent({ out, tree, options, hostname, withSubfolders }, folder, wholeFilter, true);
    out.writer.marker("EndFolder");
  };
}
