/** Properties of one object for another. [MS-OXCPRPT] 2.2.10, 2.2.11, 2.2.22 */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { tagId } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { ecCodes, RopError } from "#serve/mapi/mailbox/errors.ts";
import type { EcCode } from "#serve/mapi/mailbox/errors.ts";
import { holderOf } from "#serve/mapi/mailbox/holders.ts";
import { OpenAttachment } from "#serve/mapi/mailbox/attachment.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { PropertyHolder } from "#serve/mapi/mailbox/message.ts";
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
  if ((call.request.copyFlags & ~(copyFlags.move | copyFlags.noOverwrite)) !== 0) {
    throw new RopError("invalidParameter", "An unknown way of copying.");
  }
  return {
    from: call.object, to, source: holderOf(call.object, call.session), target: holderOf(to, call.session),
  };
}

type Values = { tag: PropertyTag; value: PropertyValue }[];

async function put(
  ctx: Ctx, { source, target }: Pair, values: Values, flags: number,
): Promise<void> {
  const known = (flags & copyFlags.noOverwrite) === 0 ? null : new Set([...(await target.bag(ctx)).keys()].map(tagId));
  const kept = known === null ? values : values.filter(({ tag }) => !known.has(tagId(tag)));
  if (kept.length > 0) await target.set(ctx, kept);
  if ((flags & copyFlags.move) !== 0 && values.length > 0) await source.remove(ctx, values.map(({ tag }) => tag));
}

async function copyMessageParts(
  ctx: Ctx, from: OpenMessage, to: OpenMessage, has: (part: number) => boolean, depth: number,
): Promise<void> {
  if (has(parts.recipients)) {
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

async function copyFolderParts(
  ctx: Ctx, from: FolderObject, to: FolderObject, has: (part: number) => boolean,
): Promise<void> {
  const { items, mailbox } = from.logon;
  if (from.logon.mailboxId !== to.logon.mailboxId) {
    throw new RopError("notSupported", "Folders are copied within one mailbox.");
  }
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
  const below = (await mailbox.folders(ctx)).filter((info) => info.parentId === from.folderId);
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
  const values: Values = [];
  for (const [tag, value] of await source.bag(ctx)) {
    const id = tagId(tag);
    if (!excluded.has(id) && !target.readOnly.has(id)) values.push({ tag, value });
  }
  await put(ctx, pair, values, request.copyFlags);
  const has = (part: number): boolean => !excluded.has(part);
  if (request.wantSubObjects && from instanceof OpenMessage && to instanceof OpenMessage) {
    await copyMessageParts(ctx, from, to, has, 0);
  } else if (from instanceof OpenAttachment && to instanceof OpenAttachment) {
    if (has(PidTagAttachData)) await copyAttachmentContent(ctx, from, to, 0);
  } else if (request.wantSubObjects && from.kind === "folder") {
    await copyFolderParts(ctx, from as FolderObject, to as FolderObject, has);
  }
  return { body: { propertyProblems: [] } };
}

async function copyProperties(call: RopCall<{
  destHandleIndex: number; copyFlags: number; propertyTags: readonly PropertyTag[];
}>): Promise<RopReply> {
  const { ctx, request } = call;
  const pair = pairOf(call);
  const { from, to, source, target } = pair;
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
  await put(ctx, pair, values, request.copyFlags);
  const has = (part: number): boolean => wanted.has(part);
  if (from instanceof OpenMessage && to instanceof OpenMessage) await copyMessageParts(ctx, from, to, has, 0);
  else if (from instanceof OpenAttachment && to instanceof OpenAttachment) {
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
