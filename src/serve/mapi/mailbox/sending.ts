/** Sending a message: whose name it bears, who gets it, and where it stays. [MS-OXOMSG] 2.2.4, 3.3.5.1 */
import { Buffer } from "node:buffer";
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { ownReplicaId } from "#base/ids.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { calendarOf } from "#convert/ical/mime-plug.ts";
import { getProperty, newItemObject, setProperty } from "#convert/item.ts";
import type { ItemAttachment, ItemBag, ItemObject } from "#convert/item.ts";
import { getPerson, isOrganizer } from "#convert/mime/people.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import { fromFileTime } from "#convert/mime/times.ts";
import { toMime } from "#convert/mime/to-mime.ts";
import type { AddressBookEntry, AddressBookView } from "#directory/address-book.ts";
import { formatDate } from "#format/mime/date.ts";
import type { StoredAttachment, StoredItem } from "#mailbox/items-api.ts";
import { properties } from "#props/registry.ts";
import { makeTag } from "#props/types.ts";
import { permanentEntryId } from "#serve/mapi/address-book/properties.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import type { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { toFileTime } from "#serve/mapi/mailbox/property-source.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import { fileSent } from "#transport/outbox.ts";
import { contentFlags } from "#transport/queue-rows.ts";
import type { SentFate } from "#transport/queue-rows.ts";
import type { AcceptRequest, Deferral } from "#transport/transport.ts";
import { actingAs, judgeSending, sentCopyPlaces } from "#transport/sending.ts";
import type { ActingAs } from "#transport/sending.ts";
import { everyNotify } from "#transport/expand.ts";
import type { AcceptRecipient } from "#transport/expand.ts";
import { parseEntryId } from "#wire/mapi/entry-ids.ts";

const p = properties;

/** PidTagMessageFlags. [MS-OXCMSG] 2.2.1.6 */
const itemFlags = { read: 0x01, unsent: 0x08, submitted: 0x04, fromMe: 0x20, resend: 0x80 } as const;
/** Bits beside the type in PidTagRecipientType. [MS-OXCMSG] 2.2.3.1.1 */
const recipientBits = { mask: 0x0f, p1: 0x1000_0000, p1OfRow: 0x10 } as const;

/** Whose name a message bears and who wrote it. */
interface Senders {
  readonly sender: AddressBookEntry;
  readonly representing: { readonly name: string; readonly address: string; readonly entry: AddressBookEntry | null };
  readonly sentFor: Awaited<ReturnType<typeof sentCopyPlaces>> & { readonly address: string };
  readonly actingAs: ActingAs | null;
}

/**
 * Sends what the message is now, saved or not, and files it. Fault or RopError when it may not or cannot be sent; the
 * message is then as it was.
 */
export async function submitMessage(ctx: Ctx, session: MailboxSession, message: OpenMessage): Promise<void> {
  const { logon } = message;
  if (message.within !== null) throw new RopError("notSupported", "A message inside another is not sent.");
  message.requireWritable();
  const bag = await message.bag(ctx);
  if (((bag.get(p.PidTagMessageFlags.tag) as number | undefined ?? 0) & itemFlags.submitted) !== 0) {
    throw new RopError("alreadySent", "This message was sent before.");
  }
  if ((await message.recipients(ctx)).length === 0) throw new RopError("invalidRecipients", "There are no recipients.");
  const messageId = await message.save(ctx, true);
  if (messageId === null) throw new RopError("notFound", "This message is not kept anywhere.");
  await requireRoomToSend(ctx, logon);
  const stored = await logon.items.open(ctx, messageId);
  const view = await session.services.book.view(ctx);
  const resolve: ResolveAddress = (type, address) =>
    (type.toUpperCase() === "EX" ? view.byLegacyDn(address)?.address ?? null : null);
  const senders = await findSenders(ctx, session, logon, view, stored, resolve);
  const item = await loadItem(ctx, stored, { left: limits.messageSizeMaxBytes }, 0);
  complete(ctx, session, item, senders);
  const recipients = await findRecipients(ctx, session, item, resolve);
  const queued = { recipients, senders, resolve };
  const untilMs = deferredUntilMs(ctx, item);
  if (untilMs !== null) {
    await submitLater(ctx, session, { message, messageId, item, untilMs, queued });
    return;
  }
  await logon.items.update(ctx, { messageId, set: sentProperties(item, itemFlags.submitted | itemFlags.unsent) });
  try {
    await queue(ctx, session, item, queued);
  } catch (error) {
    await logon.items.update(ctx, { messageId, set: sentProperties(item, itemFlags.unsent) });
    throw error;
  }
  const fate = await fateOf(ctx, logon, messageId, item, senders);
  await fileSent(ctx, logon, messageId, sentProperties(item, itemFlags.read | itemFlags.fromMe), fate);
}

/** Minute, hour, day, week. [MS-OXOMSG] 2.2.3.3 */
const deferredUnitsMs = [60_000, 3_600_000, 86_400_000, 7 * 86_400_000] as const;
const deferredNumberMax = 999;

/**
 * When it is to leave, null for at once: a number of units after its submission, which then is PidTagDeferredSendTime,
 * else the time that it names. [MS-OXOMSG] 2.2.1.6, 2.2.3.2, 2.2.3.3, 2.2.3.4
 */
function deferredUntilMs(ctx: Ctx, item: ItemBag): number | null {
  const nowMs = ctx.system.nowMs();
  const number = getProperty(item, p.PidTagDeferredSendNumber);
  const unitMs = deferredUnitsMs[getProperty(item, p.PidTagDeferredSendUnits) ?? -1];
  if (number !== undefined && number >= 0 && number <= deferredNumberMax && unitMs !== undefined) {
    setProperty(item, p.PidTagDeferredSendTime, toFileTime(nowMs + number * unitMs));
  }
  const until = getProperty(item, p.PidTagDeferredSendTime) ?? getProperty(item, p.PidTagDeferredDeliveryTime);
  const untilMs = until === undefined ? null : fromFileTime(until);
  return untilMs !== null && untilMs > nowMs ? untilMs : null;
}

/** In the queue first: without its mark as submitted, which comes then, the item is never sent. */
async function submitLater(
  ctx: Ctx, session: MailboxSession, { message: { logon }, messageId, item, untilMs, queued }: {
    message: OpenMessage; messageId: MessageId; item: ItemBag; untilMs: number; queued: Queued;
  },
): Promise<void> {
  const { transport } = session.services;
  const fate = await fateOf(ctx, logon, messageId, item, queued.senders);
  const submittedMs = fromFileTime(getProperty(item, p.PidTagClientSubmitTime)!)!;
  const { mailboxId } = logon;
  await queue(ctx, session, item, { ...queued, deferral: { mailboxId, messageId, submittedMs, untilMs, fate } });
  try {
    const set = sentProperties(item, itemFlags.submitted | itemFlags.unsent);
    const time = getProperty(item, p.PidTagDeferredSendTime);
    if (time !== undefined) setProperty(set, p.PidTagDeferredSendTime, time);
    await logon.items.update(ctx, { messageId, set });
  } catch (error) {
    await transport.abort(ctx, mailboxId, messageId, () => Promise.resolve());
    throw error;
  }
}

/** A message that no queue knows, so long after it was handed in, was left behind by a server that was killed. */
const strandedMs = 10 * 60_000;

/**
 * Takes a message back that waits for its time: it is a draft again. RopErrors `notInQueue` for one that was not handed
 * in, `unableToAbort` for one that has left. [MS-OXOMSG] 2.2.3.5.1, [MS-OXCROPS] 2.2.7.2
 */
export async function abortSubmit(
  ctx: Ctx, session: MailboxSession, logon: LogonObject, messageId: MessageId,
): Promise<void> {
  const { items, mailboxId } = logon;
  const wanted = { tags: [p.PidTagMessageFlags.tag, p.PidTagClientSubmitTime.tag] };
  const [found] = await items.properties(ctx, [messageId], wanted);
  if (found === undefined) throw new RopError("notFound", "This message is not there any more.");
  const flags = getProperty(found.object, p.PidTagMessageFlags) ?? 0;
  if ((flags & itemFlags.submitted) === 0) throw new RopError("notInQueue", "The message is not waiting to be sent.");
  if ((await items.allowed(ctx, [messageId], "deleteItem")).length === 0) {
    throw new RopError("accessDenied", "You may not take this message back.");
  }
  const unsubmit = async (): Promise<void> => {
    const set = newItemObject();
    setProperty(set, p.PidTagMessageFlags, (flags & ~itemFlags.submitted) | itemFlags.unsent);
    await items.update(ctx, { messageId, set });
  };
  const done = await session.services.transport.abort(ctx, mailboxId, messageId, unsubmit);
  if (done === "aborted") return;
  const submitted = getProperty(found.object, p.PidTagClientSubmitTime);
  const submittedMs = submitted === undefined ? null : fromFileTime(submitted);
  const isStranded = (submittedMs ?? 0) + strandedMs < ctx.system.nowMs();
  if (done === "tooLate" || !isStranded) throw new RopError("unableToAbort", "The message is on its way.");
  await unsubmit();
}

/** Whose mailbox is over its level of sending makes room first. [MS-OXPROPS] PidTagProhibitSendQuota */
async function requireRoomToSend(ctx: Ctx, logon: LogonObject): Promise<void> {
  const { mailbox } = logon;
  // Whoever acts in another's mailbox is not told how full it is.
  if (mailbox.principal.mailboxId !== mailbox.mailboxId) return;
  const { usedBytes, sendBytes } = await mailbox.quota(ctx);
  if (sendBytes === undefined || sendBytes === null || usedBytes < sendBytes) return;
  throw new Fault("overQuota", "The mailbox is full; delete messages before you send.");
}

async function findSenders(
  ctx: Ctx, session: MailboxSession, logon: LogonObject, view: AddressBookView, item: StoredItem,
  resolve: ResolveAddress,
): Promise<Senders> {
  const { directory } = session.services;
  const self = view.byId(session.person.entryId);
  const owner = view.byLegacyDn(logon.owner.legacyDn);
  if (self === undefined || owner === undefined) throw new RopError("accessDenied", "You are not in the directory.");
  const named = getPerson(item, "representing", resolve) ??
    { name: owner.displayName, address: owner.address };
  const verdict = await judgeSending(ctx, directory, session.person.entryId, { from: [named.address], sender: [] });
  if (verdict.kind === "refused") {
    throw new RopError("accessDenied", `${self.address} may not send as ${verdict.address}.`);
  }
  const entry = view.byAddress("smtp", named.address) ?? null;
  const places = await sentCopyPlaces(ctx, directory, verdict.sentFor);
  return {
    // Send As hides who it was; Send on Behalf tells. [MS-OXOMSG] 3.2.4.1.2
    sender: verdict.onBehalf || entry === null ? self : entry,
    representing: { name: named.name === "" ? entry?.displayName ?? "" : named.name, address: named.address, entry },
    sentFor: { ...places, address: verdict.sentFor?.address ?? named.address },
    actingAs: actingAs(verdict, session.person.address),
  };
}

/** An item with all its bytes, as sending needs it. */
async function loadItem(ctx: Ctx, stored: StoredItem, room: { left: number }, depth: number): Promise<ItemBag> {
  const attachments: ItemAttachment[] = [];
  for (const one of stored.attachments) attachments.push(await loadAttachment(ctx, one, room, depth));
  const copy = ({ bag, named }: ItemObject): ItemObject => ({ bag: new Map(bag), named: new Map(named) });
  return { ...copy(stored), recipients: stored.recipients.map(copy), attachments };
}

async function loadAttachment(
  ctx: Ctx, one: StoredAttachment, room: { left: number }, depth: number,
): Promise<ItemAttachment> {
  const attachment: ItemAttachment = { bag: new Map(one.bag), named: new Map(one.named) };
  if (one.isEmbedded) {
    if (depth >= limits.mimeDepthMax) throw new Fault("tooMany", "Messages are nested too deep to be sent.");
    attachment.embedded = await loadItem(ctx, await one.open(ctx), room, depth + 1);
  } else if (one.content !== null) {
    const pieces: Uint8Array[] = [];
    for await (const piece of one.content.stream(ctx)) {
      room.left -= piece.length;
      if (room.left < 0) throw new RopError("maxSubmissionExceeded", "The message is too large to be sent.");
      pieces.push(piece);
    }
    setProperty(attachment, p.PidTagAttachDataBinary, Buffer.concat(pieces));
  }
  return attachment;
}

/** What the server adds to a message that leaves. [MS-OXOMSG] 3.3.5.1.1 */
function complete(ctx: Ctx, session: MailboxSession, item: ItemBag, { sender, representing }: Senders): void {
  const now = toFileTime(ctx.system.nowMs());
  setProperty(item, p.PidTagSenderName, sender.displayName);
  setProperty(item, p.PidTagSenderAddressType, "EX");
  setProperty(item, p.PidTagSenderEmailAddress, sender.legacyDn);
  setProperty(item, p.PidTagSenderSmtpAddress, sender.address);
  setProperty(item, p.PidTagSenderEntryId, permanentEntryId(sender));
  setProperty(item, p.PidTagSenderSearchKey, searchKey("EX", sender.legacyDn));
  const { entry } = representing;
  setProperty(item, p.PidTagSentRepresentingName, representing.name);
  setProperty(item, p.PidTagSentRepresentingAddressType, entry === null ? "SMTP" : "EX");
  setProperty(item, p.PidTagSentRepresentingEmailAddress, entry?.legacyDn ?? representing.address);
  setProperty(item, p.PidTagSentRepresentingSmtpAddress, representing.address);
  if (entry !== null) {
    setProperty(item, p.PidTagSentRepresentingEntryId, permanentEntryId(entry));
    setProperty(item, p.PidTagSentRepresentingSearchKey, searchKey("EX", entry.legacyDn));
  }
  setProperty(item, p.PidTagClientSubmitTime, now);
  setProperty(item, p.PidTagMessageDeliveryTime, now);
  if (getProperty(item, p.PidTagInternetMessageId) === undefined) {
    const domain = representing.address.slice(representing.address.lastIndexOf("@") + 1);
    const random = Buffer.from(ctx.system.randomBytes(16)).toString("hex");
    setProperty(item, p.PidTagInternetMessageId, `<${random}@${domain === "" ? session.services.hostname : domain}>`);
  }
}

const searchKey = (type: string, address: string): Buffer =>
  Buffer.from(`${type}:${address.toUpperCase()}\0`, "latin1");

/** What of it is kept with the message in the mailbox. */
function sentProperties(item: ItemBag, flags: number): ItemObject {
  const set = newItemObject();
  const before = getProperty(item, p.PidTagMessageFlags) ?? 0;
  const cleared = itemFlags.submitted | itemFlags.unsent;
  setProperty(set, p.PidTagMessageFlags, (before & ~cleared) | flags);
  for (const { tag } of [
    p.PidTagSenderName, p.PidTagSenderAddressType, p.PidTagSenderEmailAddress, p.PidTagSenderSmtpAddress,
    p.PidTagSenderEntryId, p.PidTagSenderSearchKey, p.PidTagSentRepresentingName,
    p.PidTagSentRepresentingAddressType, p.PidTagSentRepresentingEmailAddress, p.PidTagSentRepresentingSmtpAddress,
    p.PidTagSentRepresentingEntryId, p.PidTagSentRepresentingSearchKey, p.PidTagClientSubmitTime,
    p.PidTagMessageDeliveryTime, p.PidTagInternetMessageId,
  ]) {
    const value = item.bag.get(tag);
    if (value !== undefined) set.bag.set(tag, value);
  }
  return set;
}

/** Who gets it: of a message that is sent again, those alone that are marked for it. [MS-OXOMSG] 3.2.4.4 */
async function findRecipients(
  ctx: Ctx, session: MailboxSession, item: ItemBag, resolve: ResolveAddress,
): Promise<AcceptRecipient[]> {
  const { directory } = session.services;
  const isResent = ((getProperty(item, p.PidTagMessageFlags) ?? 0) & itemFlags.resend) !== 0;
  const wantsReport = getProperty(item, p.PidTagOriginatorDeliveryReportRequested) === true;
  const found: AcceptRecipient[] = [];
  const typeOf = (recipient: ItemObject): number => getProperty(recipient, p.PidTagRecipientType) ?? 1;
  const isMarked = (recipient: ItemObject): boolean =>
    (typeOf(recipient) & (recipientBits.p1 | recipientBits.p1OfRow)) !== 0;
  // Where nobody is marked it is a first sending, whatever the message says of itself.
  const onlyMarked = isResent && item.recipients.some(isMarked);
  for (const recipient of item.recipients) {
    if ((typeOf(recipient) & recipientBits.mask) === 0 || isOrganizer(recipient)) continue;
    if (onlyMarked && !isMarked(recipient)) continue;
    const address = getPerson(recipient, "recipient", resolve)?.address;
    if (address === undefined) {
      throw new RopError("invalidRecipients", "A recipient has no address that mail can go to.");
    }
    const resolution = await session.services.transport.resolve(ctx, address, { isReport: false });
    if (resolution.kind === "unknown" || resolution.kind === "disabled") {
      throw new RopError("invalidRecipients", `${address} is not known here.`);
    }
    const why = resolution.kind !== "group" ? null
      : await directory.sharing?.refusesSender(ctx, resolution.entryId, { entryId: session.person.entryId });
    if (why !== null && why !== undefined) throw new RopError("accessDenied", `${address} ${why}`);
    found.push({
      address, resolution,
      ...wantsReport ? { notify: everyNotify } : {},
    });
  }
  if (found.length === 0) throw new RopError("invalidRecipients", "Nobody is left to send it to.");
  return found;
}

interface Queued {
  readonly recipients: AcceptRecipient[];
  readonly senders: Senders;
  readonly resolve: ResolveAddress;
  readonly deferral?: Deferral;
}

async function queue(
  ctx: Ctx, session: MailboxSession, item: ItemBag, { recipients, senders, resolve, deferral }: Queued,
): Promise<void> {
  const { transport, hostname } = session.services;
  const queueId = transport.newQueueId();
  const { address } = senders.representing;
  const spool = transport.beginMessage(ctx);
  let isEightBit = false;
  let head = "";
  try {
    const options = {
      domain: address.slice(address.lastIndexOf("@") + 1), plainFromHtml: true, resolve,
      writeCalendar: (one: ItemBag) => calendarOf(one, { resolve }),
    };
    for (const piece of toMime(item, options)) {
      isEightBit ||= piece.some((byte) => byte > 0x7f);
      if (head.length < limits.headerSectionMaxBytes && !head.includes("\r\n\r\n")) {
        head += Buffer.from(piece).toString("latin1");
      }
      await spool.write(piece);
      await yieldToOthers();
    }
    const { toShared } = senders.sentFor;
    const date = formatDate(ctx.system.nowMs());
    const request: AcceptRequest = {
      queueId, origin: "submission", envelopeSender: address, recipients, content: await spool.finish(),
      flags: flagsOf(isEightBit, head, [address, ...recipients.map((one) => one.address)]),
      trace: Buffer.from(`Received: by ${hostname} with MAPI id ${queueId};\r\n\t${date}\r\n`),
      sentFor: toShared === null ? null : { mailboxId: toShared, address: senders.sentFor.address },
      actingAs: senders.actingAs, senderId: session.person.entryId,
    };
    if (deferral === undefined) await transport.accept(ctx, request);
    else await transport.acceptLater(ctx, request, deferral);
  } catch (error) {
    await spool.discard();
    throw error;
  }
  ctx.log.info({ queue: queueId, sender: address, recipients: recipients.length }, "message accepted");
}

/** RFC 6152 §2, RFC 6532 §3 */
function flagsOf(isEightBit: boolean, head: string, addresses: readonly string[]): number {
  const isUtf8 = addresses.some((one) => /[^\x00-\x7f]/.test(one));
  const end = head.indexOf("\r\n\r\n");
  const isHeaderOver = /[\x80-\xff]/.test(end < 0 ? head : head.slice(0, end));
  return (isEightBit ? contentFlags.eightBit : 0) | (isUtf8 ? contentFlags.smtpUtf8 : 0) |
    (isUtf8 || isHeaderOver ? contentFlags.eightBitHeader : 0);
}

/** What becomes of the item: removed, or where the client wants it. [MS-OXOMSG] 2.2.3.8, 2.2.3.10 */
async function fateOf(
  ctx: Ctx, logon: LogonObject, messageId: MessageId, item: ItemBag, { sentFor }: Senders,
): Promise<SentFate> {
  if (item.bag.get(PidTagDeleteAfterSubmit) === true || !sentFor.toSender) return "delete";
  const { folderId } = await logon.items.row(ctx, messageId);
  const roles = new Map(await logon.mailbox.roleFolders(ctx));
  const target = sentFolderOf(logon, item) ?? (folderId === roles.get("outbox") ? roles.get("sentItems") : undefined);
  return target === undefined || target === folderId ? "keep" : target;
}

const { tag: PidTagDeleteAfterSubmit } = p.PidTagDeleteAfterSubmit;
const PidTagSentMailEntryId = makeTag(0x0e0a, "Binary");
const { tag: PidTagSentMailSvrEID } = p.PidTagSentMailSvrEID;

/** Where the client wants its copy; null when it does not say, or names another store. [MS-OXOMSG] 2.2.3.10 */
function sentFolderOf(logon: LogonObject, item: ItemBag): FolderId | null {
  const serverId = item.bag.get(PidTagSentMailSvrEID);
  if (serverId instanceof Uint8Array && serverId.length === 21 && serverId[0] === 1) {
    const raw = Buffer.from(serverId);
    return raw.readUInt16LE(1) === ownReplicaId ? raw.readUIntBE(3, 6) as FolderId : null;
  }
  const entryId = item.bag.get(PidTagSentMailEntryId);
  const parsed = entryId instanceof Uint8Array ? parseEntryId(entryId) : null;
  if (parsed?.kind !== "folder" || parsed.value.databaseGuid !== logon.replicaGuid) return null;
  return parsed.value.counter as FolderId;
}
