/**
 * Receipts for messages that are marked as read or removed unread: each goes into the queue once for its item, whatever
 * program marks it and however often, and the item remembers that it was answered. RFC 8098, [MS-OXOMSG] 3.2.5.2
 */
import { createHash } from "node:crypto";
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { ItemObject } from "#convert/item.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import { toMime } from "#convert/mime/to-mime.ts";
import type { Directory } from "#directory/api.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { formatDate } from "#format/mime/date.ts";
import { folderRights } from "#mailbox/access.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { FlagChange, Mailbox } from "#mailbox/api.ts";
import type { ItemRow } from "#mailbox/items-api.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { getProperty } from "#convert/item.ts";
import { properties } from "#props/registry.ts";
import { domainOf } from "#rules/message.ts";
import { decideReceipt, receiptProperties } from "#rules/receipts/decide.ts";
import type { ReceiptCause } from "#rules/receipts/decide.ts";
import { buildReceipt } from "#rules/receipts/message.ts";
import { contentFlagsOf } from "#transport/content-flags.ts";
import type { Transport } from "#transport/transport.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";

export type { ReceiptCause };

export interface ReceiptParts {
  readonly transport: Transport;
  readonly directory: Directory;
  readonly hostname: string;
  readonly resolve: ResolveAddress;
}

/** The mailbox that the messages are in, and whose it is. */
export interface ReceiptPlace {
  readonly mailbox: Mailbox;
  readonly owner: { readonly displayName: string; readonly address: string };
}

/** PidTagMessageFlags: sent from this mailbox. [MS-OXCMSG] 2.2.1.6 */
const fromMe = 0x20;
const ownWorkRoles: readonly FolderRole[] = ["drafts", "outbox", "sentItems"];

/**
 * Answers those of the messages that ask for it and were not answered; they are marked as answered. What others made
 * of a message, and whether it is read, stays. Faults of single messages are told to the log alone.
 */
export async function sendReceipts(
  ctx: Ctx, parts: ReceiptParts, place: ReceiptPlace, ids: readonly MessageId[], cause: ReceiptCause,
): Promise<void> {
  if (!parts.transport.answersReadReceipts || ids.length === 0) return;
  const work = new Receipts(parts, place, cause);
  for (let at = 0; at < ids.length; at += limits.sliceRows) {
    await work.answer(ctx, ids.slice(at, at + limits.sliceRows));
    await yieldToOthers();
  }
}

export type ForgottenReceipts = "read" | "unread" | "both";
const forgottenMarks = {
  read: messageFlags.readReceiptOff, unread: messageFlags.nonReadReceiptOff, both: messageFlags.mdnSent,
} as const;

/** Those of the messages that ask for such a receipt are marked: nobody gets one. [MS-OXCMSG] 2.2.3.10.1 */
export async function forgetReceipts(
  ctx: Ctx, { mailbox }: ReceiptPlace, ids: readonly MessageId[], which: ForgottenReceipts,
): Promise<void> {
  const asking = [
    ...which === "unread" ? [] : [properties.PidTagReadReceiptRequested],
    ...which === "read" ? [] : [properties.PidTagNonReceiptNotificationRequested],
  ];
  const mark: FlagChange = { mode: "add", flags: forgottenMarks[which], keywords: [] };
  for (let at = 0; at < ids.length; at += limits.sliceRows) {
    const some = ids.slice(at, at + limits.sliceRows);
    const found = await mailbox.items.properties(ctx, some, { tags: asking.map(({ tag }) => tag) });
    const open = found.filter(({ row, object }) => (row.flags & (messageFlags.mdnSent | mark.flags)) === 0 &&
      (mailbox.rightsIn(row.folderId) & folderRights.editAny) !== 0 &&
      asking.some((property) => getProperty(object, property) === true));
    if (open.length > 0) await mailbox.items.setFlags(ctx, open.map(({ row }) => row.messageId), mark);
  }
}

const answeredMark: FlagChange = { mode: "add", flags: messageFlags.mdnSent, keywords: [] };

const offMarks = { read: messageFlags.readReceiptOff, removed: messageFlags.nonReadReceiptOff } as const;

class Receipts {
  readonly #parts: ReceiptParts;
  readonly #place: ReceiptPlace;
  readonly #cause: ReceiptCause;
  #roles: ReadonlyMap<FolderId, FolderRole> | null = null;

  constructor(parts: ReceiptParts, place: ReceiptPlace, cause: ReceiptCause) {
    this.#parts = parts;
    this.#place = place;
    this.#cause = cause;
  }

  async answer(ctx: Ctx, ids: readonly MessageId[]): Promise<void> {
    const { mailbox } = this.#place;
    const tags = receiptProperties.map(({ tag }) => tag);
    const answered: MessageId[] = [];
    for (const { row, object } of await mailbox.items.properties(ctx, ids, { tags })) {
      // Who may not mark a message as answered would be asked for a receipt again and again.
      if ((mailbox.rightsIn(row.folderId) & folderRights.editAny) === 0) continue;
      if (await this.#answerOne(ctx, row, object)) answered.push(row.messageId);
    }
    if (answered.length === 0) return;
    await mailbox.items.setFlags(ctx, answered, answeredMark);
  }

  async #answerOne(ctx: Ctx, row: ItemRow, object: ItemObject): Promise<boolean> {
    const role = (await this.#rolesOf(ctx)).get(row.folderId);
    const flags = getProperty(object, properties.PidTagMessageFlags) ?? 0;
    const { owner } = this.#place;
    const decision = decideReceipt(object, {
      cause: this.#cause, isRead: (row.flags & messageFlags.seen) !== 0,
      isAnswered: (row.flags & (messageFlags.mdnSent | offMarks[this.#cause])) !== 0,
      isOwnWork: row.isAssociated || (row.flags & messageFlags.draft) !== 0 || (flags & fromMe) !== 0 ||
        (role !== undefined && ownWorkRoles.includes(role)),
      isJunk: role === "junkEmail", own: [owner.address], resolve: this.#parts.resolve,
    });
    if (decision.kind === "none") {
      ctx.log.debug({ mailbox: owner.address, why: decision.why }, "no receipt");
      return false;
    }
    await this.#send(ctx, row, object, decision.to);
    return true;
  }

  async #rolesOf(ctx: Ctx): Promise<ReadonlyMap<FolderId, FolderRole>> {
    this.#roles ??= new Map((await this.#place.mailbox.roleFolders(ctx)).map(([role, folderId]) => [folderId, role]));
    return this.#roles;
  }

  async #send(ctx: Ctx, row: ItemRow, object: ItemObject, to: DisplayAddress): Promise<void> {
    const { transport, hostname, resolve } = this.#parts;
    const { mailbox, owner } = this.#place;
    const resolution = await transport.resolve(ctx, to.address, { isReport: false });
    if (resolution.kind === "unknown" || resolution.kind === "disabled") {
      ctx.log.info({ mailbox: owner.address, recipient: to.address }, "a receipt has nobody to go to");
      return;
    }
    // The same for the same item, so that a receipt made twice is one.
    const onceKey = `receipt ${mailbox.mailboxId} ${row.itemId}`;
    const digest = createHash("sha256").update(`${onceKey} ${row.internalMs}`).digest("hex").slice(0, 32);
    const nowMs = ctx.system.nowMs();
    const domain = domainOf(owner.address);
    const item = buildReceipt(object, {
      cause: this.#cause, owner: { name: owner.displayName, address: owner.address }, to, nowMs,
      messageId: `<${digest}.receipt@${domain}>`, chance: ctx.system.randomBytes(1)[0] ?? 0,
    });
    const bytes = Buffer.concat([...toMime(item, { domain, resolve })]);
    const queueId = transport.newQueueId();
    const received = `Received: by ${hostname} id ${queueId};\r\n\t${formatDate(nowMs)}\r\n`;
    try {
      await transport.accept(ctx, {
        queueId, origin: "internal", envelopeSender: "", flags: contentFlagsOf(bytes, [to.address]), onceKey,
        trace: Buffer.from(`${received}Auto-Submitted: auto-replied\r\n`), content: { bytes },
        // From the null sender, and nobody hears when it is lost. RFC 8098 §2.1
        recipients: [{ address: to.address, resolution, notify: notifyBits.never }],
      });
      ctx.log.info({ queue: queueId, mailbox: owner.address, cause: this.#cause }, "receipt accepted");
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "notFound") throw error;
      ctx.log.info({ mailbox: owner.address, recipient: to.address }, "a receipt has nobody to go to");
    }
  }
}
