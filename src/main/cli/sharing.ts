/** Invitations to calendars, requests for them and answers: the rights they give, and the messages that tell. */
import { Fault, WireError } from "#base/fault.ts";
import type { MessageId } from "#base/ids.ts";
import type { Admin } from "#admin/admin.ts";
import { folderAt, memberOf, openMailbox, rightsNamed } from "#admin/folders.ts";
import { publish } from "#admin/published.ts";
import { asksForFolder, buildSharing, readSharingXml, sharingKindOf } from "#calendar/sharing/message.ts";
import type { SharedFolder, SharingKind } from "#calendar/sharing/message.ts";
import { encode } from "#codec/binary/code.ts";
import { getProperty } from "#convert/item.ts";
import type { PublishDetail } from "#directory/published-calendars.ts";
import type { Entry } from "#directory/reads.ts";
import { openDesk, ownerOfMailbox } from "#main/cli/desk.ts";
import type { Call } from "#main/cli/command.ts";
import { readConfig } from "#main/config.ts";
import type { Mailbox } from "#mailbox/api.ts";
import type { StoredItem } from "#mailbox/items-api.ts";
import { properties } from "#props/registry.ts";
import {
  addressBookEntryId, displayTypes, folderEntryId, objectTypes, storeDllFileName, storeEntryId, storeTypes,
  wrappedProviders,
} from "#wire/mapi/entry-ids.ts";

const p = properties;
const xmlType = "application/x-sharing-metadata-xml";

export interface ShareRequest {
  readonly address: string;
  readonly to: string;
  readonly kind: SharingKind;
  /** One of the rights on calendars; null gives none. */
  readonly right: string | null;
  /** null: the calendar itself. */
  readonly folder: string | null;
  readonly comment: string;
  readonly origin: string;
}

/** What a right on a calendar tells, where it can only be told by a link. */
const detailOf = (right: string): PublishDetail =>
  (right === "availability-only" ? "availability" : right === "limited-details" ? "limited" : "full");

/** Gives the right, or makes the link for somebody outside, and sends the message. */
export async function shareCalendar(call: Call, admin: Admin, request: ShareRequest): Promise<{ link: string | null }> {
  const { ctx } = call;
  const owner = await ownerOfMailbox(call, admin, request.address);
  const receiver = await admin.directory.entryByAddress(ctx, request.to);
  const isOutside = receiver === null || receiver.kind === "contact";
  if (isOutside && !/^[^@\s]+@[^@\s]+$/.test(request.to)) {
    throw new Fault("invalidArgument", `${request.to} is no address.`);
  }
  const mailbox = await openMailbox(ctx, admin, owner.address);
  const folder = request.folder === null ? await mailbox.folderByRole(ctx, "calendar")
    : await folderAt(ctx, mailbox, request.folder);
  let shared: SharedFolder | null = null;
  if (request.right !== null) {
    if (isOutside) {
      const { html, ics } = await publish(ctx, admin, {
        address: owner.address, folder: request.folder, detail: detailOf(request.right), pastDays: 30, futureDays: 180,
        origin: request.origin,
      });
      shared = { kind: "published", browseUrl: html, icalUrl: ics };
    } else {
      const member = await memberOf(ctx, admin, receiver.address);
      await mailbox.setPermission(ctx, folder.folderId, member, rightsNamed(request.right));
      shared = await entryIdsOf(call, mailbox, folder.folderId, owner);
    }
  }
  const to = { name: receiver?.displayName ?? "", address: receiver?.address ?? request.to };
  const chance = Buffer.from(ctx.system.randomBytes(16)).toString("hex");
  const domain = owner.address.slice(owner.address.lastIndexOf("@") + 1);
  const bytes = buildSharing({
    kind: request.kind, initiator: { name: owner.displayName, address: owner.address },
    initiatorEntryId: encode(addressBookEntryId, { type: displayTypes.mailUser, x500Dn: owner.legacyDn }), to,
    folderName: folder.name, folder: shared, comment: request.comment, nowMs: ctx.system.nowMs(),
    messageId: `${chance}.share@${domain}`,
  });
  await openDesk(call, admin).send(ctx,
    { onceKey: `share ${chance}`, envelopeSender: owner.address, to: [to.address], bytes });
  return { link: shared?.kind === "published" ? shared.browseUrl : null };
}

async function entryIdsOf(call: Call, mailbox: Mailbox, folderId: number, owner: Entry): Promise<SharedFolder> {
  const { guid, replicaGuid } = await mailbox.identity(call.ctx);
  const { hostname } = readConfig(call.dataDir, null);
  return {
    kind: "internal",
    folderEntryId: encode(folderEntryId, {
      provider: guid, folderType: objectTypes.privateFolder, databaseGuid: replicaGuid, counter: folderId,
    }),
    storeEntryId: encode(storeEntryId, {
      dllFileName: storeDllFileName, serverShortName: hostname, wrappedProvider: wrappedProviders.mailbox,
      wrappedType: storeTypes.mailbox, mailboxDn: owner.legacyDn,
    }),
  };
}

export interface SharingRow {
  readonly id: MessageId;
  readonly kind: SharingKind;
  readonly from: string;
  readonly receivedMs: number;
  readonly subject: string;
}

/** Sharing messages in the inbox, the newest first. */
export async function listSharing(call: Call, admin: Admin, address: string): Promise<SharingRow[]> {
  const { ctx } = call;
  const mailbox = await openMailbox(ctx, admin, (await ownerOfMailbox(call, admin, address)).address);
  const inbox = await mailbox.folderByRole(ctx, "inbox");
  const found: SharingRow[] = [];
  for await (const rows of mailbox.items.rows(ctx, inbox.folderId)) {
    for (const row of rows) {
      if (row.messageClass.toUpperCase() !== "IPM.SHARING") continue;
      const kind = await kindOf(call, await mailbox.items.open(ctx, row.messageId));
      if (kind === null) continue;
      found.push({
        id: row.messageId, kind, from: row.fromAddress, receivedMs: row.internalMs, subject: row.subject,
      });
    }
  }
  return found.reverse();
}

/** By its properties, else by the document that lies in it. */
async function kindOf(call: Call, item: StoredItem): Promise<SharingKind | null> {
  const told = sharingKindOf(item);
  if (told !== null) return told;
  const document = item.attachments.find((one) =>
    getProperty(one, p.PidTagAttachMimeTag)?.toLowerCase() === xmlType && one.content !== null);
  if (document === undefined) return null;
  const pieces: Uint8Array[] = [];
  for await (const piece of document.content!.stream(call.ctx)) pieces.push(piece);
  try {
    return readSharingXml(Buffer.concat(pieces))?.kind ?? null;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return null;
  }
}

/** Lets the asker in, or tells them that they are not. Fault `notFound`, `notAllowed` for what asks for nothing. */
export async function answerSharing(
  call: Call, admin: Admin, request: { address: string; id: MessageId; right: string | null; origin: string },
): Promise<{ from: string }> {
  const mailbox = await openMailbox(call.ctx, admin, request.address);
  const item = await mailbox.items.open(call.ctx, request.id);
  const kind = await kindOf(call, item);
  if (kind === null || !asksForFolder(kind)) throw new Fault("notAllowed", "This message asks for no calendar.");
  const from = item.row.fromAddress;
  if (request.right !== null && await admin.directory.entryByAddress(call.ctx, from) === null) {
    throw new Fault("notAllowed", `${from} is nobody of this server; invite them with calendar share.`);
  }
  const { address, right, origin } = request;
  await shareCalendar(call, admin, {
    address, to: from, kind: right === null ? "deny" : "accept", right, folder: null, comment: "", origin,
  });
  return { from };
}
