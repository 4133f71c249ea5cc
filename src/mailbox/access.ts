/**
 * The one place that says who may do what in a mailbox. Every call of every protocol goes through {@link Access}.
 * [MS-OXCPERM] 2.2.7
 */
import { Fault } from "#base/fault.ts";

/** Rights of a permission entry, as bits. [MS-OXCPERM] 2.2.7 */
export const folderRights = {
  readAny: 0x1,
  create: 0x2,
  editOwned: 0x8,
  deleteOwned: 0x10,
  editAny: 0x20,
  deleteAny: 0x40,
  createSubFolder: 0x80,
  folderOwner: 0x100,
  folderContact: 0x200,
  folderVisible: 0x400,
  freeBusySimple: 0x800,
  freeBusyDetailed: 0x1000,
} as const;
export type FolderRight = keyof typeof folderRights;

const freeBusyRights = folderRights.freeBusySimple | folderRights.freeBusyDetailed;

/** Outlook's names for sets of rights. [MS-OXCPERM] 3.1.1 */
export const folderRoleRights = {
  owner: 0x7fb,
  "publishing-editor": 0x4fb,
  editor: 0x47b,
  "publishing-author": 0x49b,
  author: 0x41b,
  "non-editing-author": 0x413,
  reviewer: 0x401,
  contributor: 0x402,
  "availability-only": 0x800,
  "limited-details": 0x1800,
  none: 0,
} as const;

/** Store-wide rights, from the directory. `server` is the server itself, for delivery and housekeeping. */
export type StoreRight = "none" | "read" | "full" | "owner" | "server";

/** What one caller may do in one mailbox. */
export class Access {
  readonly storeRight: StoreRight;
  /** Rights by folder id for callers without a store-wide right. */
  readonly #folders: ReadonlyMap<number, number>;

  constructor(storeRight: StoreRight, folders: ReadonlyMap<number, number>) {
    this.storeRight = storeRight;
    this.#folders = folders;
  }

  /** Nothing here is open to the caller: not the store, not one folder. Free/busy is asked elsewhere. */
  get isNone(): boolean {
    return this.storeRight === "none"
      && ![...this.#folders.values()].some((rights) => (rights & ~freeBusyRights) !== 0);
  }

  rights(folderId: number): number {
    switch (this.storeRight) {
      case "owner": case "full": case "server":
        return folderRoleRights.owner;
      case "read":
        return folderRoleRights.reviewer | (this.#folders.get(folderId) ?? 0);
      case "none":
        return this.#folders.get(folderId) ?? 0;
    }
  }

  allows(folderId: number, right: FolderRight): boolean {
    const rights = this.rights(folderId);
    if ((rights & folderRights[right]) !== 0) return true;
    // A folder's owner sees it and makes folders below it, but reads nothing by that alone.
    return (right === "folderVisible" && (rights & (folderRights.folderOwner | folderRights.readAny)) !== 0);
  }

  /**
   * Throws Fault `accessDenied` without the right. A folder the caller may not even see is answered as one that is
   * not there, so that its existence is not told.
   */
  require(folderId: number, right: FolderRight): void {
    if (this.allows(folderId, right)) return;
    if (!this.allows(folderId, "folderVisible")) throw new Fault("notFound", "This folder does not exist any more.");
    throw new Fault("accessDenied", `You lack the right "${right}" in this folder; its owner can give it to you.`);
  }

  /** For what concerns the mailbox as a whole: subscriptions, folders at the top, settings. */
  requireStore(right: "read" | "full"): void {
    if (this.storeRight === "none" || (right === "full" && this.storeRight === "read")) {
      throw new Fault("accessDenied", "Only the mailbox's owner and people with full access may do this.");
    }
  }
}
