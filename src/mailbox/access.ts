/**
 * Who may do what in a folder, as tables: rights, Outlook's names for sets of them, and what each operation needs.
 * {@link decide} is the one place that judges; `permissions/open-access.ts` asks it for every call of every protocol.
 * [MS-OXCPERM] 2.2.7
 */

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

const r = folderRights;
const everyRight = Object.values(folderRights).reduce((bits, bit) => bits | bit, 0);
export const freeBusyRights = r.freeBusySimple | r.freeBusyDetailed;

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
export type FolderRole = keyof typeof folderRoleRights;

/** Members of permission entries that are no entry of the directory. [MS-OXCPERM] 2.2.5 */
export const defaultMember = 0;
export const anonymousMember = -1;

/**
 * Rights with those that they bring along: whoever may change or delete anything may do so with their own, whoever
 * reads a folder or owns it sees it, details of free/busy show the times too. Unknown bits go. [MS-OXCPERM] 2.2.7
 */
export function completeRights(bits: number): number {
  let whole = bits & everyRight;
  if ((whole & r.editAny) !== 0) whole |= r.editOwned;
  if ((whole & r.deleteAny) !== 0) whole |= r.deleteOwned;
  if ((whole & (r.readAny | r.folderOwner)) !== 0) whole |= r.folderVisible;
  if ((whole & r.freeBusyDetailed) !== 0) whole |= r.freeBusySimple;
  return whole;
}

/**
 * Outlook's name of a set of rights, or null for a set it calls custom. Free/busy does not count where there is more,
 * nor whether the owner is the folder's contact.
 */
export function roleOf(bits: number): FolderRole | null {
  const rights = (bits & ~freeBusyRights) === 0 ? bits : bits & ~freeBusyRights;
  const asContact = (rights & r.folderOwner) === 0 ? rights : rights | r.folderContact;
  for (const [name, own] of Object.entries(folderRoleRights)) if (own === asContact) return name as FolderRole;
  return null;
}

/** Store-wide rights, from the directory. `server` is the server itself, for delivery and housekeeping. */
export type StoreRight = "none" | "read" | "full" | "owner" | "server";

/** One of these bits is needed: `any` for everything, `own` only for what the caller made. */
interface Need {
  readonly any: number;
  readonly own?: number;
}

const visible = r.folderVisible | r.readAny | r.folderOwner;
const atHome = r.folderVisible | r.create | r.editOwned | r.deleteOwned;

/** What can be done in a folder, and the rights it takes. [MS-OXCPERM] 2.2.7 */
export const folderOperations = {
  /** Its name, place and counts. */
  seeFolder: { any: visible },
  listItems: { any: r.readAny },
  /** By id. Without `readAny` people still read what they made themselves. */
  readItem: { any: r.readAny, own: atHome },
  /** Read and unread are the folder's, not each reader's: whoever may read may change them. */
  changeReadState: { any: r.readAny, own: atHome },
  createItem: { any: r.create },
  changeItem: { any: r.editAny, own: r.editOwned },
  /** Also to mark as deleted and to move away. */
  deleteItem: { any: r.deleteAny, own: r.deleteOwned },
  /** Settings kept in the folder (FAI), rules among them: to make, change, remove. */
  changeAssociated: { any: r.folderOwner },
  createFolder: { any: r.createSubFolder },
  /** To read annotations, and to keep one's own on the folder. RFC 5464 §3.3 */
  readAnnotations: { any: r.readAny },
  /** Annotations that all who are let in see. */
  changeAnnotations: { any: r.editAny | r.folderOwner },
  /** Rename, move, delete, properties. */
  changeFolder: { any: r.folderOwner },
  /** Who has rights here is told to nobody else. */
  readPermissions: { any: r.folderOwner },
  changePermissions: { any: r.folderOwner },
} as const satisfies Record<string, Need>;
export type FolderOperation = keyof typeof folderOperations;

/** `own`: only with what the caller made. `hidden`: no, and not even that the folder is there may be told. */
export type Verdict = "yes" | "own" | "no" | "hidden";

export function decide(rights: number, operation: FolderOperation): Verdict {
  const need: Need = folderOperations[operation];
  if ((rights & need.any) !== 0) return "yes";
  if (need.own !== undefined && (rights & need.own) !== 0) return "own";
  return (rights & visible) === 0 ? "hidden" : "no";
}
