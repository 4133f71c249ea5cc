/** What every request of the address book works with, and how it can end. [MS-OXNSPI] 3.1.4.1 */
import type { Ctx } from "#base/ctx.ts";
import type { AddressBookChanges } from "#directory/address-book-changes.ts";
import type { AddressBook, AddressBookView } from "#directory/address-book.ts";
import type { SignedIn } from "#directory/api.ts";

/** ErrorCode of these requests. [MS-OXNSPI] 2.2.1.2 */
export const nspiCodes = {
  success: 0, unbindSuccess: 1, errorsReturned: 0x0004_0380, generalFailure: 0x8000_4005, notSupported: 0x8004_0102,
  invalidObject: 0x8004_0108, notFound: 0x8004_010f, tooComplex: 0x8004_0117, invalidCodePage: 0x8004_011e,
  unknownLocale: 0x8004_011f, tableTooBig: 0x8004_0403, invalidBookmark: 0x8004_0405, accessDenied: 0x8007_0005,
  outOfResources: 0x8007_000e, invalidParameter: 0x8007_0057,
} as const;

export interface AddressBookSession {
  readonly serverGuid: string;
  readonly person: SignedIn;
}

/** What every request works with. */
export interface From {
  readonly ctx: Ctx;
  readonly session: AddressBookSession;
  readonly book: AddressBook;
  readonly changes: AddressBookChanges;
  readonly view: AddressBookView;
  /** Addresses under which the client reaches this server. */
  readonly urls: { readonly mailbox: string; readonly addressBook: string };
}
