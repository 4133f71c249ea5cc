/** Who somebody is: what the desk asks of the directory. */
import type { Ctx } from "#base/ctx.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import type { Directory } from "#directory/api.ts";
import type { Entry } from "#directory/reads.ts";
import type { Owner } from "#calendar/meetings/decision.ts";
import { sameAddress } from "#calendar/meetings/parts.ts";
import type { ItemBag, ItemObject } from "#convert/item.ts";
import { getProperty } from "#convert/item.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { properties } from "#props/registry.ts";

const p = properties;

/** `StoreDirectory` is one. */
export interface DeskDirectory extends Pick<Directory, "resolve" | "isLocalDomain"> {
  entry(ctx: Ctx, entryId: EntryId): Promise<Entry | null>;
  entryByAddress(ctx: Ctx, address: string): Promise<Entry | null>;
  entryByLegacyDn(ctx: Ctx, legacyDn: string): Promise<Entry | null>;
  entryOfMailbox(ctx: Ctx, mailboxId: MailboxId): Promise<Entry | null>;
  /** SMTP addresses, the primary one first. */
  addresses(ctx: Ctx, entryId: EntryId): Promise<readonly string[]>;
  /** The entry itself and every group it is in. */
  selfAndGroups(ctx: Ctx, entryId: EntryId): Promise<readonly number[]>;
  attribute(ctx: Ctx, entryId: EntryId, key: string): Promise<string | null>;
  /** A key of this server, kept with its data. */
  secret(ctx: Ctx, name: string): Promise<Uint8Array>;
  maySendOnBehalf(ctx: Ctx, entryId: EntryId, address: string): Promise<boolean>;
}

export async function ownerOf(ctx: Ctx, directory: DeskDirectory, entry: Entry): Promise<Owner> {
  const aliases = await directory.addresses(ctx, entry.entryId);
  return { person: personOf(entry), aliases: aliases.filter((one) => !sameAddress(one, entry.address)) };
}

export const personOf = ({ displayName, address }: Entry): DisplayAddress => ({ name: displayName, address });

export const isResource = ({ kind }: Entry): boolean => kind === "room" || kind === "equipment";

const domainOf = (address: string): string => address.slice(address.lastIndexOf("@") + 1);

export const isOutside = async (ctx: Ctx, directory: DeskDirectory, address: string): Promise<boolean> =>
  !await directory.isLocalDomain(ctx, domainOf(address));

/** The same address, or addresses of one entry. */
export async function isSamePerson(
  ctx: Ctx, directory: DeskDirectory, one: string, other: string,
): Promise<boolean> {
  if (sameAddress(one, other)) return true;
  const [left, right] = [await directory.entryByAddress(ctx, one), await directory.entryByAddress(ctx, other)];
  return left !== null && left.entryId === right?.entryId;
}

const addressProperties = [
  [p.PidTagSentRepresentingAddressType, p.PidTagSentRepresentingEmailAddress],
  [p.PidTagSenderAddressType, p.PidTagSenderEmailAddress], [p.PidTagAddressType, p.PidTagEmailAddress],
] as const;

/** Clients of this server write people by their distinguished names: all that the items have are looked up first. */
export async function resolverFor(
  ctx: Ctx, directory: DeskDirectory, items: readonly ItemBag[],
): Promise<ResolveAddress> {
  const names = new Set<string>();
  const gather = (object: ItemObject): void => {
    for (const [type, email] of addressProperties) {
      const address = getProperty(object, email);
      if (getProperty(object, type)?.toUpperCase() === "EX" && address !== undefined) names.add(address.toLowerCase());
    }
  };
  const open = [...items];
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    gather(item);
    item.recipients.forEach(gather);
    for (const { embedded } of item.attachments) if (embedded !== undefined) open.push(embedded);
  }
  const found = new Map<string, string>();
  for (const name of names) {
    const entry = await directory.entryByLegacyDn(ctx, name);
    if (entry !== null) found.set(name, entry.address);
  }
  return (type, address) => (type.toUpperCase() === "EX" ? found.get(address.toLowerCase()) ?? null : null);
}
