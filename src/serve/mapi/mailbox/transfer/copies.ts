/** Copies of messages and folders as streams. [MS-OXCFXICS] 2.2.4.3, 3.2.5.8.1 */
import { Fault } from "#base/fault.ts";
import { toObjectId } from "#base/ids.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
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

const objectId = (counter: number): bigint => BigInt.asIntN(64, toObjectId(counter));

/** `message`: one of a list, with its id. What was removed meanwhile is passed over. [MS-OXCFXICS] 2.2.4.3.11 */
async function* writeMessage(
  out: TransferOutput, folder: FolderObject, messageId: MessageId, options: OutputOptions, hostname: string,
): AsyncGenerator<void> {
  let message: OpenMessage;
  try {
    const stored = await folder.logon.items.open(out.ctx, messageId);
    message = new OpenMessage({
      logon: folder.logon, hostname, folderId: stored.row.folderId, messageId, isAssociated: stored.row.isAssociated,
      isWritable: false, within: null,
    }, stored);
  } catch (error) {
    if (error instanceof Fault && error.code === "notFound") return;
    throw error;
  }
  out.writer.marker(message.isAssociated ? "StartFAIMsg" : "StartMessage");
  out.writer.property(PidTagMid, objectId(messageId));
  yield* writeMessageContent(out, message, options, wholeFilter);
  out.writer.marker("EndMessage");
  yield;
}

/** `messageList` of the grammar. [MS-OXCFXICS] 2.2.4.3.14 */
export function copyMessagesStream(
  folder: FolderObject, messageIds: readonly MessageId[], options: OutputOptions, hostname: string,
): Producer {
  return async function* (out) {
    for (const messageId of messageIds) yield* writeMessage(out, folder, messageId, options, hostname);
  };
}

async function* writeMessages(
  out: TransferOutput, folder: FolderObject, associated: boolean, options: OutputOptions, hostname: string,
): AsyncGenerator<void> {
  for await (const rows of folder.logon.items.rows(out.ctx, folder.folderId, { associated })) {
    for (const { messageId } of rows) yield* writeMessage(out, folder, messageId, options, hostname);
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
  const lists = [[PidTagFolderAssociatedContents, true], [PidTagContainerContents, false]] as const;
  for (const [tag, associated] of lists) {
    if (!filter.has(tag)) continue;
    if (!isTop) out.writer.meta(metaTags.delProp, tag);
    yield* writeMessages(out, folder, associated, options, hostname);
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
