/** What one caller may do in one opened mailbox, as of now: asked before every call of every protocol. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import type { Directory, MailboxStanding } from "#directory/api.ts";
import { decide, folderRoleRights, freeBusyRights } from "#mailbox/access.ts";
import type { FolderOperation, StoreRight, Verdict } from "#mailbox/access.ts";
import type { Principal } from "#mailbox/api.ts";
import { folderRightsOf } from "#mailbox/permissions/effective.ts";
import type { PermissionSnapshot } from "#mailbox/permissions/effective.ts";
import type { PermissionTable } from "#mailbox/permissions/snapshots.ts";

const ownerRights = folderRoleRights.owner;
const noFolders: ReadonlyMap<number, number> = new Map();

/** The same answer for what is not there and for what may not be seen. */
export function mayNotOpen(): Fault {
  return new Fault("accessDenied", "You may not open this mailbox, or it does not exist.");
}

/** How far rights reach in a folder, for procedures that must look at each message; null there: to everything. */
export interface Reach {
  readonly entryId: number;
  readonly change: Verdict;
  readonly delete: Verdict;
}

/**
 * Rights are worked out anew when the directory or the mailbox's permission entries changed, so that a session that
 * stays open loses and gains rights within a second. Owners are not looked up at all.
 */
export class Access {
  readonly #directory: Directory;
  readonly #principal: Principal;
  readonly #mailboxId: MailboxId;
  readonly #table: PermissionTable;
  readonly #isPublic: boolean;
  #standing: MailboxStanding | null = null;
  #snapshot: PermissionSnapshot | null = null;
  #storeRight: StoreRight;
  #folders = noFolders;

  constructor(
    directory: Directory, principal: Principal, mailboxId: MailboxId, table: PermissionTable, isPublic = false,
  ) {
    this.#isPublic = isPublic;
    this.#directory = directory;
    this.#principal = principal;
    this.#mailboxId = mailboxId;
    this.#table = table;
    this.#storeRight = principal.entryId === 0 ? "server" : principal.mailboxId === mailboxId ? "owner" : "none";
  }

  get storeRight(): StoreRight {
    return this.#storeRight;
  }

  /** Who made what is made now; null for the mailbox's owner and the server. */
  get makerId(): number | null {
    return this.#storeRight === "owner" || this.#storeRight === "server" ? null : this.#principal.entryId;
  }

  /** Who becomes the owner of folders they make: whoever does not own the mailbox; of public folders everybody. */
  get folderMakerId(): number | null {
    return this.#hasAll && !this.#isPublic ? null : this.makerId;
  }

  /** Whoever owns the mailbox or has it whole may look at what was removed. */
  get opensRemoved(): boolean {
    return this.#hasAll;
  }

  get #hasAll(): boolean {
    return this.#storeRight === "owner" || this.#storeRight === "full" || this.#storeRight === "server";
  }

  /** What is judged from now on is judged by today's rights. Fault `accessDenied` when none are left. */
  async current(ctx: Ctx): Promise<void> {
    if (this.#principal.entryId === 0 || this.#principal.mailboxId === this.#mailboxId) return;
    const standing = await this.#findStanding(ctx);
    const snapshot = standing.right === "full" || standing.right === "owner" ? null : await this.#table.current(ctx);
    if (standing === this.#standing && snapshot === this.#snapshot) return;
    this.#standing = standing;
    this.#snapshot = snapshot;
    this.#storeRight = standing.right;
    this.#folders = snapshot === null ? noFolders
      : folderRightsOf(snapshot, { entryId: this.#principal.entryId, selfAndGroups: standing.selfAndGroups });
    if (this.isNone) throw mayNotOpen();
  }

  async #findStanding(ctx: Ctx): Promise<MailboxStanding> {
    const entryId = this.#principal.entryId as EntryId;
    const { sharing } = this.#directory;
    if (sharing !== undefined) return await sharing.mailboxStanding(ctx, entryId, this.#mailboxId);
    const right = await this.#directory.mailboxRight(ctx, entryId, this.#mailboxId);
    if (this.#standing?.right === right) return this.#standing;
    return { right, seesPrivate: false, selfAndGroups: new Set([entryId]) };
  }

  /** After a change of permissions made here. */
  outdate(): void {
    this.#table.outdate();
  }

  /** Nothing here is open to the caller: not the store, not one folder. Free/busy is asked elsewhere. */
  get isNone(): boolean {
    return this.#storeRight === "none"
      && ![...this.#folders.values()].some((rights) => (rights & ~freeBusyRights) !== 0);
  }

  rights(folderId: number): number {
    if (this.#hasAll) return ownerRights;
    const own = this.#folders.get(folderId) ?? 0;
    return this.#storeRight === "read" ? own | folderRoleRights.reviewer : own;
  }

  /** By the rights last looked at: after {@link check} or {@link current} of the same call. */
  verdict(folderId: number, operation: FolderOperation): Verdict {
    return this.#hasAll ? "yes" : decide(this.rights(folderId), operation);
  }

  /** Without regard to who made what. */
  allows(folderId: number, operation: FolderOperation): boolean {
    return this.verdict(folderId, operation) === "yes";
  }

  /**
   * Throws Fault `accessDenied` without the right; a folder the caller may not even see is answered as one that is not
   * there (`notFound`), so that its existence is not told. `own`: each item is still to be looked at.
   */
  require(folderId: number, operation: FolderOperation): "yes" | "own" {
    const verdict = this.verdict(folderId, operation);
    if (verdict === "hidden" || verdict === "no") throw this.refusal(folderId);
    return verdict;
  }

  /** What to answer where something is not allowed. */
  refusal(folderId: number): Fault {
    return this.verdict(folderId, "seeFolder") === "yes" ? lacking()
      : new Fault("notFound", "This folder does not exist any more.");
  }

  async check(ctx: Ctx, folderId: number, operation: FolderOperation): Promise<"yes" | "own"> {
    await this.current(ctx);
    return this.require(folderId, operation);
  }

  /** For a folder and everything below it. */
  async checkTree(ctx: Ctx, folderId: number, operation: FolderOperation): Promise<void> {
    await this.check(ctx, folderId, operation);
    const { parents } = this.#snapshot ?? { parents: null };
    if (parents === null) return;
    for (const one of parents.keys()) {
      // What is below and hidden is not told apart from what is below and forbidden.
      if (isBelow(parents, one, folderId) && this.verdict(one, operation) !== "yes") throw lacking();
    }
  }

  /** null: no message has to be looked at. */
  reach(folderId: number): Reach | null {
    const change = this.verdict(folderId, "changeItem");
    const remove = this.verdict(folderId, "deleteItem");
    return change === "yes" && remove === "yes" ? null : { entryId: this.#principal.entryId, change, delete: remove };
  }

  /** Items marked private are not there for those who were let into folders or may only read. [MS-OXODLGT] 2.2.2.2.6 */
  get hidesPrivate(): boolean {
    return !this.#hasAll && this.#standing?.seesPrivate !== true;
  }

  /** For what concerns the mailbox as a whole: subscriptions, folders at the top, settings. */
  async checkStore(ctx: Ctx, right: "read" | "full"): Promise<void> {
    await this.current(ctx);
    // What the public store holds as a whole is no secret of anybody.
    if (this.#isPublic && right === "read") return;
    if (this.#storeRight === "none" || (right === "full" && this.#storeRight === "read")) {
      throw new Fault("accessDenied", "Only the mailbox's owner and people with full access may do this.");
    }
  }
}

export function lacking(): Fault {
  return new Fault("accessDenied", "You lack the right to do this in this folder; its owner can give it to you.");
}

function isBelow(parents: ReadonlyMap<number, number | null>, folderId: number, topId: number): boolean {
  let above = parents.get(folderId) ?? null;
  for (let steps = 0; above !== null && steps <= parents.size; steps++) {
    if (above === topId) return true;
    above = parents.get(above) ?? null;
  }
  return false;
}

