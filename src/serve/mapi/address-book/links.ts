/** Lists of entries behind a property of one: members, groups, owner, reports, delegates. [MS-OXOABK] 2.2.5, 2.2.6 */
import type { Ctx } from "#base/ctx.ts";
import type { AddressBook, AddressBookEntry, AddressBookView } from "#directory/address-book.ts";

/** Properties whose value is a list of entries. [MS-OXOABK] 2.2.5.2, 2.2.5.3, 2.2.5.5, 2.2.6.1, 2.2.6.2 */
export const linkIds = {
  memberOf: 0x8008, member: 0x8009, owner: 0x800c, reports: 0x800e, publicDelegates: 0x8015,
} as const;

const linkIdSet: ReadonlySet<number> = new Set(Object.values(linkIds));

/** Whether the property's value is a list of entries. */
export const isLink = (propertyId: number): boolean => linkIdSet.has(propertyId);

interface LinkContext {
  readonly ctx: Ctx;
  readonly book: AddressBook;
  readonly view: AddressBookView;
}

/** The entries that a property of one object refers to, in no order. [MS-OXNSPI] 3.1.4.4.2.2 */
export async function linkedEntries(
  entry: AddressBookEntry, propertyId: number, { ctx, book, view }: LinkContext,
): Promise<AddressBookEntry[]> {
  switch (propertyId) {
    case linkIds.member: return entry.kind === "group" ? await book.members(ctx, entry) : [];
    case linkIds.memberOf: return await book.groupsOf(ctx, entry.entryId);
    case linkIds.publicDelegates: return await book.sendersFor(ctx, entry.entryId);
    case linkIds.reports:
      return view.entries.filter((one) => one.attributes.get("manager")?.[0] === String(entry.entryId));
    case linkIds.owner: {
      const owner = entry.managedBy === null ? undefined : view.byId(entry.managedBy);
      return owner === undefined ? [] : [owner];
    }
    default: return [];
  }
}
