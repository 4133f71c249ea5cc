/** Messages and folders that go elsewhere, or are there twice. [MS-OXCFOLD] 2.2.1.6 to 2.2.1.8, 3.2.5.6 to 3.2.5.8 */
import type { Ctx } from "#base/ctx.ts";
import { Fault, faults } from "#base/fault.ts";
import type { MessageId } from "#base/ids.ts";
import { rememberCopy } from "#serve/mapi/mailbox/copied-folders.ts";
import { copyAcross } from "#serve/mapi/mailbox/copy-across.ts";
import { ecCodes, RopError } from "#serve/mapi/mailbox/errors.ts";
import { folderIdOf, messageIdOf } from "#serve/mapi/mailbox/keys.ts";
import type { FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { asFolder, asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler, RopReply } from "#serve/mapi/mailbox/rop-call.ts";
import * as rops from "#wire/mapi/rops/folders.ts";

type Carried = readonly (MessageId | null)[];

const isDenied = (error: unknown): boolean => error instanceof Fault && error.code === "accessDenied";

/** Where nothing could be done for want of a right: that, and that it is not whole. */
const denied: RopReply = { returnValue: faults.accessDenied.mapi, body: { partialCompletion: true } };

function targetOf(call: RopCall<{ destHandleIndex: number }>): FolderObject {
  return asFolder(call.object2(call.request.destHandleIndex));
}

async function carry(
  ctx: Ctx, from: LogonObject, ids: readonly MessageId[], target: FolderObject, isCopy: boolean,
): Promise<Carried> {
  if (target.logon.mailboxId !== from.mailboxId) return await copyAcross(ctx, from, ids, target, isCopy);
  const { items } = from;
  return isCopy ? await items.copy(ctx, ids, target.folderId) : await items.move(ctx, ids, target.folderId);
}

async function moveCopyMessages(call: RopCall<{
  destHandleIndex: number; messageIds: readonly { replicaId: number; counter: number }[]; wantCopy: boolean;
}>): Promise<RopReply> {
  const { ctx } = call;
  const from = asLogon(call);
  const target = targetOf(call);
  const { wantCopy: isCopy } = call.request;
  const ids = call.request.messageIds.map(messageIdOf);
  let carried: Carried;
  try {
    carried = await carry(ctx, from, ids, target, isCopy);
  } catch (error) {
    if (!isDenied(error)) throw error;
    const allowed = await from.items.allowed(ctx, ids, isCopy ? "readItem" : "deleteItem");
    // The right that is lacking is that to put something there.
    if (allowed.length === 0 || allowed.length === ids.length) return denied;
    try {
      await carry(ctx, from, allowed, target, isCopy);
    } catch (again) {
      if (isDenied(again)) return denied;
      throw again;
    }
    carried = [null];
  }
  const isPartial = carried.some((one) => one === null);
  return { body: { partialCompletion: isPartial }, ...isPartial ? { returnValue: ecCodes.partialCompletion } : {} };
}

function targetHere(call: RopCall<{ destHandleIndex: number }>): FolderObject {
  const target = targetOf(call);
  if (target.logon.mailboxId !== asLogon(call).mailboxId) {
    throw new RopError("notSupported", "Folders stay in their mailbox.");
  }
  return target;
}

export const movingHandlers: readonly RopHandler[] = [
  handler(rops.RopMoveCopyMessages, moveCopyMessages),

  handler(rops.RopMoveFolder, async (call) => {
    const { mailbox } = asLogon(call);
    const target = targetHere(call);
    try {
      await mailbox.moveFolder(call.ctx, {
        folderId: folderIdOf(call.request.folderId), parentId: target.folderId, name: call.request.newFolderName,
      });
    } catch (error) {
      if (isDenied(error)) return denied;
      throw error;
    }
    return { body: { partialCompletion: false } };
  }),

  handler(rops.RopCopyFolder, async (call) => {
    const { mailbox, mailboxId } = asLogon(call);
    const target = targetHere(call);
    const { folderId, newFolderName, wantRecursive } = call.request;
    const origin = await mailbox.folder(call.ctx, folderIdOf(folderId));
    const place = { parentId: target.folderId, name: newFolderName };
    await rememberCopy(mailboxId, place, origin, () =>
      mailbox.copyFolder(call.ctx, { folderId: origin.folderId, ...place, isShallow: !wantRecursive }));
    return { body: { partialCompletion: false } };
  }),
];
