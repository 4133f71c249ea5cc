/** Permission entries of mailboxes, held in memory while somebody without the whole mailbox works in them. */
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import type { MemberRights, PermissionSnapshot } from "#mailbox/permissions/effective.ts";
import { readAccessCn, readPermissionTexts } from "#mailbox/tx/permissions.ts";
import type { Store } from "#store/api.ts";
import type { Work } from "#store/sql.ts";

/** Mailboxes whose entries are held; the others are read again when they are needed. */
const snapshotsMax = 1000;

/** Without a hint the number is looked at this often: a hint may get lost. */
const checkMs = 1000;

export class PermissionSnapshots {
  readonly #store: Store;
  readonly #tables = new Map<MailboxId, PermissionTable>();

  constructor(store: Store) {
    this.#store = store;
  }

  of(mailboxId: MailboxId): PermissionTable {
    const table = this.#tables.get(mailboxId) ?? new PermissionTable(this.#store, mailboxId);
    this.#tables.delete(mailboxId);
    this.#tables.set(mailboxId, table);
    if (this.#tables.size > snapshotsMax) {
      const [oldest, dropped] = this.#tables.entries().next().value!;
      this.#tables.delete(oldest);
      dropped.drop();
    }
    return table;
  }
}

export class PermissionTable {
  readonly #store: Store;
  readonly #mailboxId: MailboxId;
  readonly #endWatch: () => void;
  #snapshot: PermissionSnapshot | null = null;
  #accessCn = -1;
  #mayBeOld = true;
  #checkedMs = -Infinity;
  #check: Promise<PermissionSnapshot> | null = null;

  constructor(store: Store, mailboxId: MailboxId) {
    this.#store = store;
    this.#mailboxId = mailboxId;
    this.#endWatch = store.watch(mailboxId, () => this.outdate());
  }

  /** Something was changed that the hint may not have told yet. */
  outdate(): void {
    this.#mayBeOld = true;
    this.#check = null;
  }

  /** Opened mailboxes may hold a table that was dropped: it looks by the clock alone from now on. */
  drop(): void {
    this.#endWatch();
  }

  /** The snapshot, when it is known to be the current one: the usual case, two comparisons. */
  known(nowMs: number): PermissionSnapshot | null {
    return this.#mayBeOld || this.#check !== null || nowMs - this.#checkedMs >= checkMs ? null : this.#snapshot;
  }

  async current(ctx: Ctx): Promise<PermissionSnapshot> {
    const nowMs = ctx.system.monotonicMs();
    const known = this.known(nowMs);
    if (known !== null) return known;
    if (this.#check !== null) return await this.#check;
    // Before the read: what changes meanwhile is looked at again.
    this.#mayBeOld = false;
    const check = this.#read(ctx, nowMs).finally(() => {
      if (this.#check === check) this.#check = null;
    });
    this.#check = check;
    return await check;
  }

  async #read(ctx: Ctx, nowMs: number): Promise<PermissionSnapshot> {
    try {
      const [mailboxId, knownCn] = [this.#mailboxId, this.#snapshot === null ? -1 : this.#accessCn];
      const found = await this.#store.read(ctx, mailboxId, () => readIfChanged(mailboxId, knownCn));
      this.#checkedMs = nowMs;
      // A slower read that began earlier does not take the place of a newer one.
      if (found !== null && found.accessCn > this.#accessCn) {
        this.#accessCn = found.accessCn;
        this.#snapshot = found.snapshot;
      }
      return this.#snapshot!;
    } catch (error) {
      this.#mayBeOld = true;
      throw error;
    }
  }
}

/** null when nothing changed since `knownCn`. */
function* readIfChanged(
  mailboxId: MailboxId, knownCn: number,
): Work<{ accessCn: number; snapshot: PermissionSnapshot } | null> {
  const accessCn = yield* readAccessCn(mailboxId);
  if (accessCn === knownCn) return null;
  const rows = yield* readPermissionTexts(mailboxId);
  const entries = new Map(rows.entries.map((row) => [row.folder_id, parseEntries(row.list)]));
  const parents = new Map(rows.folders.map((row) => [row.folder_id, row.parent_id]));
  return { accessCn, snapshot: { entries, parents } };
}

function parseEntries(list: string): MemberRights[] {
  return list.split(",").map((pair) => {
    const space = pair.indexOf(" ");
    return { memberId: Number(pair.slice(0, space)), rights: Number(pair.slice(space + 1)) };
  });
}
