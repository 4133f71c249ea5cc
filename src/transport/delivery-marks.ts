/** What a delivered message is besides mail, written on it. The message itself cannot claim any of this. */
import type { Ctx } from "#base/ctx.ts";
import type { EntryId, MessageId } from "#base/ids.ts";
import { meetingTypes } from "#calendar/meetings/values.ts";
import { newItemObject, setProperty } from "#convert/item.ts";
import { setBookPerson, setPerson } from "#convert/mime/people.ts";
import type { Directory, MailboxOwner } from "#directory/api.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { properties } from "#props/registry.ts";
import { approvalMarks } from "#rules/moderation/request.ts";
import type { DeliveryMark } from "#transport/queue-rows.ts";

const p = properties;

export async function writeMark(
  ctx: Ctx, { directory, mailbox, owner }: { directory: Directory; mailbox: Mailbox; owner: MailboxOwner },
  messageId: MessageId, mark: DeliveryMark,
): Promise<void> {
  if (mark.kind === "approval") {
    await mailbox.items.update(ctx, { messageId, set: approvalMarks() });
    return;
  }
  if (mark.kind === "public") return;
  const marks = newItemObject();
  setPerson(marks, "receivedBy", { name: owner.displayName, address: owner.address });
  const principal = await namedEntry(ctx, directory, mark.for);
  if (principal !== null) {
    // As the address book has them. [MS-OXORULE] 3.2.5.1 (OP_DELEGATE)
    if (principal.legacyDn === undefined) setPerson(marks, "receivedRepresenting", principal);
    else setBookPerson(marks, "receivedRepresenting", principal, principal.legacyDn);
  }
  setProperty(marks, p.PidTagDelegatedByRule, true);
  await mailbox.items.update(ctx, { messageId, set: marks });
}

async function namedEntry(
  ctx: Ctx, directory: Directory, entryId: EntryId,
): Promise<{ name: string; address: string; legacyDn: string | undefined } | null> {
  const entry = (await directory.sharing?.namedEntries(ctx, [entryId]))?.get(entryId);
  return entry === undefined ? null
    : { name: entry.displayName, address: entry.address, legacyDn: entry.legacyDn };
}

/** Somebody else answers: the owner's copy is there to be known. [MS-OXOCAL] 2.2.6.5 */
export async function markForInformation(ctx: Ctx, mailbox: Mailbox, messageId: MessageId): Promise<void> {
  const marks = newItemObject();
  setProperty(marks, p.PidLidMeetingType, meetingTypes.delegatorCopy);
  await mailbox.items.update(ctx, { messageId, set: marks });
}

/** Where what a delegate answers goes once it was carried out, so that its owner need not look at it. */
export async function putAway(ctx: Ctx, mailbox: Mailbox, messageId: MessageId): Promise<void> {
  const deleted = await mailbox.folderByRole(ctx, "deletedItems");
  await mailbox.items.move(ctx, [messageId], deleted.folderId);
}
