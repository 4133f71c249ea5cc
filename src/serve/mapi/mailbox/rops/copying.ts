/** Properties of one object for another. [MS-OXCPRPT] 2.2.10, 2.2.11, 2.2.22 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { ecCodes, RopError } from "#serve/mapi/mailbox/errors.ts";
import type { EcCode } from "#serve/mapi/mailbox/errors.ts";
import { holderOf } from "#serve/mapi/mailbox/holders.ts";
import { OpenAttachment } from "#serve/mapi/mailbox/attachment.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { PropertyHolder } from "#serve/mapi/mailbox/message.ts";
import { logonOf } from "#serve/mapi/mailbox/objects.ts";
import type { AnyObject, FolderObject } from "#serve/mapi/mailbox/objects.ts";
import { handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler, RopReply } from "#serve/mapi/mailbox/rop-call.ts";
import * as rops from "#wire/mapi/rops/properties.ts";

/** [MS-OXCPRPT] 2.2.10.1, 2.2.11.1 */
const copyFlags = { move: 0x01, noOverwrite: 0x02 } as const;
/** What stands for the parts of an object in a list of properties. [MS-OXCPRPT] 2.2.11.1 */
const parts = {
  recipients: 0x0e12, attachments: 0x0e13, contents: 0x360f, subfolders: 0x360e, associated: 0x3610,
} as const;
const PidTagAttachData = 0x3701;
const PidTagDisplayName = makeTag(0x3001, "String");

interface Problem {
  readonly index: number;
  readonly propertyTag: PropertyTag;
  readonly errorCode: number;
}

interface Pair {
  readonly from: AnyObject;
  readonly to: AnyObject;
  readonly source: PropertyHolder;
  readonly target: PropertyHolder;
}

function pairOf(call: RopCall<{ destHandleIndex: number; copyFlags: number }>): Pair {
  const to = call.object2(call.request.destHandleIndex);
  if (to.kind !== call.object.kind) {
    throw new RopError("notSupported", "Only objects of one kind are copied to each other.");
  }
  const flags = call.request.copyFlags;
  const both = copyFlags.move | copyFlags.noOverwrite;
  if ((flags & ~both) !== 0 || (flags & both) === both) {
    throw new RopError("invalidParameter", "Not a way of copying.");
  }
  return {
    from: call.object, to, source: holderOf(call.object, call.session), target: holderOf(to, call.session),
  };
}

type Values = { tag: PropertyTag; value: PropertyValue }[];

async function put(ctx: Ctx, { target }: Pair, values: Values, flags: number): Promise<void> {
  const known = (flags & copyFlags.noOverwrite) === 0 ? null : new Set([...(await target.bag(ctx)).keys()].map(tagId));
  const kept = known === null ? values : values.filter(({ tag }) => !known.has(tagId(tag)));
  // Exchange 2013 and later leave the source as it is when it is told to move; so do we.
  if (kept.length > 0) await target.set(ctx, kept);
}

/** The message goes through itself where it is copied into what it contains. [MS-OXCPRPT] 3.2.5.8 */
function requireNoCycle(from: OpenMessage | OpenAttachment, to: OpenMessage | OpenAttachment): void {
  let inner: OpenMessage = to instanceof OpenMessage ? to : to.message;
  if (to !== from && inner === from) throw new RopError("messageCycle", "It would be copied into itself.");
  for (let within = inner.within; within !== null; within = inner.within) {
    inner = within.message;
    const isSame = from instanceof OpenMessage && from.within === null && inner.within === null &&
      from.messageId !== null && from.messageId === inner.messageId && from.logon.mailboxId === inner.logon.mailboxId;
    if (within === from || inner === from || isSame) {
      throw new RopError("messageCycle", "It would be copied into itself.");
    }
  }
}

/** Parts that are there already stay where nothing is to be overwritten. */
function withoutPresent(to: OpenMessage, flags: number, has: (part: number) => boolean): (part: number) => boolean {
  if ((flags & copyFlags.noOverwrite) === 0) return has;
  return (part) => has(part) && !(part === parts.attachments && to.attachments().length > 0);
}

async function copyMessageParts(
  ctx: Ctx, from: OpenMessage, to: OpenMessage, has: (part: number) => boolean, depth: number, flags = 0,
): Promise<void> {
  const keepsRecipients = (flags & copyFlags.noOverwrite) !== 0 && (await to.recipients(ctx)).length > 0;
  if (has(parts.recipients) && !keepsRecipients) {
    to.removeAllRecipients();
    for (const { rowId, bag } of await from.recipients(ctx)) await to.putRecipient(ctx, rowId, new Map(bag));
  }
  if (!has(parts.attachments)) return;
  for (const one of to.attachments()) to.deleteAttachment(one.number);
  for (const one of from.attachments()) {
    const made = to.createAttachment();
    await copyAttachment(ctx, one, made, depth);
    made.isListed = true;
  }
}

async function copyAttachment(ctx: Ctx, from: OpenAttachment, to: OpenAttachment, depth: number): Promise<void> {
  const values = [...await from.bag(ctx)].filter(([tag]) => !to.readOnly.has(tagId(tag)))
    .map(([tag, value]) => ({ tag, value }));
  await to.set(ctx, values);
  await copyAttachmentContent(ctx, from, to, depth);
}

async function copyAttachmentContent(ctx: Ctx, from: OpenAttachment, to: OpenAttachment, depth: number): Promise<void> {
  if (from.stored?.isEmbedded === true || from.embedded !== null) {
    if (depth >= limits.mimeDepthMax) throw new RopError("tooComplex", "Messages are nested too deep.");
    const inner = await from.openEmbedded(ctx, false);
    const copy = await to.openEmbedded(ctx, true);
    const values = [...await inner.bag(ctx)].filter(([tag]) => !copy.readOnly.has(tagId(tag)));
    await copy.set(ctx, values.map(([tag, value]) => ({ tag, value })));
    await copyMessageParts(ctx, inner, copy, () => true, depth + 1);
    to.embeddedChanged = true;
  } else if (from.data !== undefined || from.stored?.content != null) {
    to.data = await from.readData(ctx);
  }
}

async function foldersBelow(ctx: Ctx, { logon, folderId }: FolderObject): Promise<FolderInfo[]> {
  return (await logon.mailbox.folders(ctx)).filter((info) => info.parentId === folderId);
}

const folded = (name: string): string => name.normalize("NFC").toLowerCase();

/** Before anything is written. [MS-OXCPRPT] 3.2.5.8 */
async function requireFolderParts(
  ctx: Ctx, from: FolderObject, to: FolderObject, has: (part: number) => boolean,
): Promise<void> {
  if (from.logon.mailboxId !== to.logon.mailboxId) {
    throw new RopError("notSupported", "Folders are copied within one mailbox.");
  }
  if (!has(parts.subfolders)) return;
  const parents = new Map((await to.logon.mailbox.folders(ctx)).map(({ folderId, parentId }) => [folderId, parentId]));
  for (let at: FolderId | null | undefined = to.folderId; at !== null && at !== undefined; at = parents.get(at)) {
    if (at === from.folderId) throw new RopError("folderCycle", "A folder is not copied into one below it.");
  }
  const names = new Set((await foldersBelow(ctx, to)).map(({ name }) => folded(name)));
  const clash = (await foldersBelow(ctx, from)).find(({ name }) => names.has(folded(name)));
  if (clash !== undefined) throw new RopError("collision", `There is a folder "${clash.name}" already.`);
}

async function copyFolderParts(
  ctx: Ctx, from: FolderObject, to: FolderObject, has: (part: number) => boolean,
): Promise<void> {
  const { items, mailbox } = from.logon;
  for (const [part, associated] of [[parts.contents, false], [parts.associated, true]] as const) {
    if (!has(part)) continue;
    const ids = [];
    for await (const rows of items.rows(ctx, from.folderId, { associated })) {
      for (const row of rows) ids.push(row.messageId);
    }
    for (let at = 0; at < ids.length; at += limits.sliceRows) {
      await items.copy(ctx, ids.slice(at, at + limits.sliceRows), to.folderId);
    }
  }
  if (!has(parts.subfolders)) return;
  const below = await foldersBelow(ctx, from);
  for (const { folderId, name } of below) await mailbox.copyFolder(ctx, { folderId, parentId: to.folderId, name });
}

async function copyTo(call: RopCall<{
  destHandleIndex: number; copyFlags: number; wantSubObjects: boolean; excludedTags: readonly PropertyTag[];
}>): Promise<RopReply> {
  const { ctx, request } = call;
  const pair = pairOf(call);
  const { from, to, source, target } = pair;
  if (from === to) throw new RopError("accessDenied", "An object is not copied onto itself.");
  const excluded = new Set(request.excludedTags.map(tagId));
  const has = (part: number): boolean => !excluded.has(part);
  if (isOpenItem(from) && isOpenItem(to)) requireNoCycle(from, to);
  if (from.kind === "folder") {
    if (logonOf(from).isPublic || logonOf(to).isPublic) {
      throw new RopError("notSupported", "Public folders are not copied onto others.");
    }
    if (request.wantSubObjects) await requireFolderParts(ctx, from as FolderObject, to as FolderObject, has);
  }
  const values: Values = [];
  for (const [tag, value] of await source.bag(ctx)) {
    const id = tagId(tag);
    const isKept = target.readOnly.has(id) || target.spoiling?.has(id) === true;
    if (!excluded.has(id) && !isKept) values.push({ tag, value });
  }
  await put(ctx, pair, await withoutTakenName(ctx, pair, values), request.copyFlags);
  if (request.wantSubObjects && from instanceof OpenMessage && to instanceof OpenMessage) {
    const wanted = withoutPresent(to, request.copyFlags, has);
    await copyMessageParts(ctx, from, to, wanted, 0, request.copyFlags);
  } else if (from instanceof OpenAttachment && to instanceof OpenAttachment) {
    const isInner = from.stored?.isEmbedded === true || from.embedded !== null;
    const isCopied = has(PidTagAttachData) && (request.wantSubObjects || !isInner);
    if (isCopied) await copyAttachmentContent(ctx, from, to, 0);
  } else if (request.wantSubObjects && from.kind === "folder") {
    await copyFolderParts(ctx, from as FolderObject, to as FolderObject, has);
  }
  return { body: { propertyProblems: [] } };
}

const isOpenItem = (object: AnyObject): object is OpenMessage | OpenAttachment =>
  object instanceof OpenMessage || object instanceof OpenAttachment;

/** Beside its source a folder keeps its name: two of one name are never there. */
async function withoutTakenName(ctx: Ctx, { from, to }: Pair, values: Values): Promise<Values> {
  if (from.kind !== "folder") return values;
  const { logon, folderId } = to as FolderObject;
  const infos = await logon.mailbox.folders(ctx);
  const own = infos.find((info) => info.folderId === folderId);
  const taken = new Set(infos.filter((info) => info.parentId === own?.parentId && info !== own)
    .map(({ name }) => folded(name)));
  return values.filter(({ tag, value }) => tag !== PidTagDisplayName || typeof value !== "string" ||
    !taken.has(folded(value)));
}

async function copyProperties(call: RopCall<{
  destHandleIndex: number; copyFlags: number; propertyTags: readonly PropertyTag[];
}>): Promise<RopReply> {
  const { ctx, request } = call;
  const pair = pairOf(call);
  const { from, to, source, target } = pair;
  if (from.kind === "folder" && (request.copyFlags & copyFlags.move) !== 0) {
    throw new RopError("notSupported", "Properties of folders are not moved.");
  }
  const bag = await source.bag(ctx);
  const byId = new Map([...bag].map(([tag, value]) => [tagId(tag), { tag, value }]));
  const values: Values = [];
  const wanted = new Set<number>();
  const propertyProblems: Problem[] = [];
  const problem = (index: number, code: EcCode): void => {
    propertyProblems.push({ index, propertyTag: request.propertyTags[index]!, errorCode: ecCodes[code] });
  };
  for (const [index, tag] of request.propertyTags.entries()) {
    const id = tagId(tag);
    const found = byId.get(id);
    const isData = id === PidTagAttachData && from.kind === "attachment";
    const isPart = isData || (Object.values(parts) as number[]).includes(id);
    if (isPart) wanted.add(id);
    else if (target.readOnly.has(id)) problem(index, "computed");
    else if (found === undefined) problem(index, "notFound");
    else values.push(found);
  }
  const has = (part: number): boolean => wanted.has(part);
  if (wanted.size > 0 && isOpenItem(from) && isOpenItem(to)) requireNoCycle(from, to);
  if (wanted.size > 0 && from.kind === "folder") {
    await requireFolderParts(ctx, from as FolderObject, to as FolderObject, has);
  }
  await put(ctx, pair, values, request.copyFlags);
  if (from instanceof OpenMessage && to instanceof OpenMessage) {
    const present = withoutPresent(to, request.copyFlags, has);
    await copyMessageParts(ctx, from, to, present, 0, request.copyFlags);
  } else if (from instanceof OpenAttachment && to instanceof OpenAttachment) {
    if (has(PidTagAttachData)) await copyAttachmentContent(ctx, from, to, 0);
  } else if (from.kind === "folder") await copyFolderParts(ctx, from as FolderObject, to as FolderObject, has);
  return { body: { propertyProblems } };
}

export const copyingHandlers: readonly RopHandler[] = [
  handler(rops.RopCopyTo, copyTo),
  handler(rops.RopCopyProperties, copyProperties),
  // Everything is done when it is answered: whoever asks hears that nothing is left. [MS-OXCPRPT] 3.2.5.11
  handler(rops.RopProgress, (call) => ({
    body: { logonId: call.logonId, completedTaskCount: 1, totalTaskCount: 1 },
  })),
];
