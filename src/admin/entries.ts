/** Users, shared mailboxes, rooms, contacts, groups: made, changed and removed, together with their mailboxes. */
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import type { Admin } from "#admin/admin.ts";
import { showEntry } from "#admin/views.ts";
import type { EntryView } from "#admin/views.ts";
import { parseAddress } from "#directory/address.ts";
import { addDomain, removeDomain, setCatchAll, setDefaultDomain } from "#directory/domain-changes.ts";
import { addEntry, removeEntry, reserveMailbox, setEntry, setPassword } from "#directory/entry-changes.ts";
import type { EntryChange } from "#directory/entry-changes.ts";
import { mailboxKinds } from "#directory/kinds.ts";
import type { AccessRight, EntryKind, Role } from "#directory/kinds.ts";
import { addGrant, addMember, grantRole, removeGrant, removeMember, revokeRole } from "#directory/link-changes.ts";
import { domains } from "#directory/reads.ts";
import type { DomainInfo } from "#directory/reads.ts";
import { forgetReader } from "#mailbox/tx/readers.ts";
import { serverScope } from "#store/api.ts";
import type { Procedure } from "#store/api.ts";

function change<Args, Result>(
  ctx: Ctx, admin: Admin, procedure: Procedure<Args, Result>, args: Args,
): Promise<Result> {
  return admin.store.transact(ctx, serverScope, procedure, args);
}

export interface NewEntry {
  readonly kind: EntryKind;
  readonly address: string;
  /** The local part of the address when left out. */
  readonly displayName?: string;
  /** Only for users; null makes one who cannot sign in yet. */
  readonly password?: string | null;
  readonly change?: EntryChange;
}

/** The mailbox is made first and the entry last: whoever is in the directory has a mailbox. */
export async function createEntry(ctx: Ctx, admin: Admin, wanted: NewEntry): Promise<EntryView> {
  const { key, local } = parseAddress(wanted.address);
  const password = wanted.password === undefined || wanted.password === null ? { phc: null, scram: null }
    : await admin.directory.newPassword(ctx, key, wanted.password, admin.hasher);
  const mailboxId = mailboxKinds.includes(wanted.kind) ? await makeMailbox(ctx, admin, key, wanted) : null;
  try {
    await change(ctx, admin, addEntry, {
      by: admin.by, kind: wanted.kind, address: key, displayName: wanted.displayName ?? local, mailboxId,
      randomHex: Buffer.from(ctx.system.randomBytes(16)).toString("hex"), ...password,
      change: wanted.change ?? {},
    });
  } catch (error) {
    if (mailboxId !== null) await admin.store.removeMailbox(ctx, mailboxId);
    throw error;
  }
  return showEntry(ctx, admin, key);
}

async function makeMailbox(
  ctx: Ctx, admin: Admin, address: string, { kind, change: wanted }: NewEntry,
): Promise<MailboxId> {
  const aliases = (wanted?.addAddresses ?? []).filter((one) => !/^[a-z0-9]+:/i.test(one));
  const mailboxId = await change(ctx, admin, reserveMailbox, { address, aliases });
  await admin.provisionMailbox(ctx, {
    mailboxId, language: wanted?.language ?? "en", isPublic: kind === "public-store",
  });
  return mailboxId;
}

export async function changeEntry(
  ctx: Ctx, admin: Admin, address: string, kinds: readonly EntryKind[], wanted: EntryChange,
): Promise<EntryView> {
  const entry = await change(ctx, admin, setEntry, { by: admin.by, address, kinds, change: wanted });
  return showEntry(ctx, admin, entry.address);
}

/** The entry goes first, so that nothing leads to a mailbox that is being removed. */
export async function deleteEntry(
  ctx: Ctx, admin: Admin, address: string, kinds: readonly EntryKind[],
): Promise<{ address: string; mailboxId: number | null }> {
  const entry = await change(ctx, admin, removeEntry, { by: admin.by, address, kinds });
  if (entry.mailboxId !== null) await admin.store.removeMailbox(ctx, entry.mailboxId);
  const open = entry.kind === "user" ? await admin.directory.publicStore(ctx) : null;
  if (open !== null && open.mailboxId !== null) {
    await admin.store.transact(ctx, open.mailboxId, forgetReader, { readerId: entry.entryId });
  }
  return { address: entry.address, mailboxId: entry.mailboxId };
}

export async function changePassword(ctx: Ctx, admin: Admin, address: string, password: string): Promise<void> {
  const kept = await admin.directory.newPassword(ctx, address, password, admin.hasher);
  await change(ctx, admin, setPassword, { by: admin.by, address, ...kept, expected: null });
}

export function addGroupMember(ctx: Ctx, admin: Admin, group: string, member: string): Promise<{ added: boolean }> {
  return change(ctx, admin, addMember, { by: admin.by, group, member });
}

export function removeGroupMember(ctx: Ctx, admin: Admin, group: string, member: string): Promise<void> {
  return change(ctx, admin, removeMember, { by: admin.by, group, member });
}

export function grantAccess(
  ctx: Ctx, admin: Admin, target: string, grantee: string, right: AccessRight,
): Promise<{ added: boolean }> {
  return change(ctx, admin, addGrant, { by: admin.by, target, grantee, right });
}

/** All rights when `right` is null. */
export function revokeAccess(
  ctx: Ctx, admin: Admin, target: string, grantee: string, right: AccessRight | null,
): Promise<{ removed: number }> {
  return change(ctx, admin, removeGrant, { by: admin.by, target, grantee, right });
}

export function giveRole(
  ctx: Ctx, admin: Admin, address: string, role: Role, over: string | null,
): Promise<{ added: boolean }> {
  return change(ctx, admin, grantRole, { by: admin.by, address, role, over });
}

export function takeRole(ctx: Ctx, admin: Admin, address: string, role: Role, over: string | null): Promise<void> {
  return change(ctx, admin, revokeRole, { by: admin.by, address, role, over });
}

export function createDomain(ctx: Ctx, admin: Admin, name: string): Promise<{ name: string; isDefault: boolean }> {
  return change(ctx, admin, addDomain, { by: admin.by, name });
}

export function deleteDomain(ctx: Ctx, admin: Admin, name: string): Promise<void> {
  return change(ctx, admin, removeDomain, { by: admin.by, name });
}

export function makeDefaultDomain(ctx: Ctx, admin: Admin, name: string): Promise<void> {
  return change(ctx, admin, setDefaultDomain, { by: admin.by, name });
}

/** Who gets what is addressed to nobody of a domain; null for nobody. */
export function catchAll(
  ctx: Ctx, admin: Admin, name: string, address: string | null,
): Promise<{ name: string; address: string | null }> {
  return change(ctx, admin, setCatchAll, { by: admin.by, name, address });
}

export function listDomains(ctx: Ctx, admin: Admin): Promise<DomainInfo[]> {
  return admin.store.read(ctx, serverScope, domains);
}
