/**
 * What others than the owner did in a mailbox, for its owner to read. Noting costs a push to a list: lines wait for a
 * moment, the same acts become one line that counts, and one commit for each mailbox writes them. Deliveries are never
 * noted. A crash loses the last seconds at most.
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { writeAudit } from "#mailbox/tx/audit.ts";
import type { AuditLogon, NewAuditLine } from "#mailbox/tx/audit.ts";
import type { Store } from "#store/api.ts";

/** What is done, in Exchange's words where it has one. */
export type AuditAction =
  | "FolderBind" | "Create" | "Update" | "Copy" | "Move" | "MoveToDeletedItems" | "SoftDelete" | "HardDelete"
  | "UpdateFolderPermissions" | "SendAs" | "SendOnBehalf" | "Recover" | "Purge" | "Import" | "Export" | "Publish"
  | "Unpublish" | "SetRetention";

export interface AuditNote {
  readonly actor: string;
  readonly logon: AuditLogon;
  readonly action: AuditAction;
  readonly folderId?: number | null;
  readonly detail?: string;
  /** How many things it was done to; 1 without. */
  readonly count?: number;
}

const flushEveryMs = 2000;
/** Of one act by one person in one folder; more are counted in one line without their details. */
const linesAlikeMax = 5;
/** A folder that is looked into again within a day is not told again, as in Exchange. */
const bindAgainMs = 24 * 3_600_000;
const bindsMax = 10_000;

type Waiting = NewAuditLine & { repeated: number };

interface MailboxLines {
  readonly lines: Map<string, Waiting>;
  readonly alike: Map<string, number>;
}

export class MailboxAudit {
  readonly #ctx: Ctx;
  readonly #store: Store;
  readonly #waiting = new Map<MailboxId, MailboxLines>();
  readonly #binds = new Map<string, number>();
  #count = 0;
  #dropped = 0;
  #isMuted = false;
  #cancelTimer: (() => void) | null = null;
  #flushing: Promise<void> = Promise.resolve();

  /** `ctx` is the service's own: what waits is written whatever becomes of the request that left it. */
  constructor(ctx: Ctx, store: Store) {
    this.#ctx = ctx;
    this.#store = store;
  }

  /** Acts of the body are not noted one by one: whoever calls notes them as one. */
  async muted<T>(body: () => Promise<T>): Promise<T> {
    this.#isMuted = true;
    try {
      return await body();
    } finally {
      this.#isMuted = false;
    }
  }

  note(mailboxId: MailboxId, note: AuditNote): void {
    if (this.#isMuted && note.action !== "Import" && note.action !== "Export") return;
    const { actor, logon, action, folderId = null, detail = "", count = 1 } = note;
    const nowMs = this.#ctx.system.nowMs();
    const alikeKey = `${actor} ${logon} ${action} ${folderId ?? ""}`;
    if (action === "FolderBind" && !this.#isNewBind(`${mailboxId} ${alikeKey}`, nowMs)) return;
    const at = this.#linesOf(mailboxId);
    const isMany = (at.alike.get(alikeKey) ?? 0) >= linesAlikeMax;
    const key = isMany ? `${alikeKey} …` : `${alikeKey} ${detail}`;
    const known = at.lines.get(key);
    if (known !== undefined) {
      known.repeated += count;
      return;
    }
    if (this.#count >= limits.mailboxAuditWaitingMax) {
      this.#dropped += count;
      return;
    }
    this.#count++;
    at.alike.set(alikeKey, (at.alike.get(alikeKey) ?? 0) + 1);
    at.lines.set(key, {
      atMs: nowMs, actor, logon, action, folderId, detail: isMany ? "more" : detail, repeated: count,
    });
    this.#cancelTimer ??= this.#ctx.system.setTimer(flushEveryMs, () => { void this.flush(); });
  }

  #linesOf(mailboxId: MailboxId): MailboxLines {
    const known = this.#waiting.get(mailboxId);
    if (known !== undefined) return known;
    const made: MailboxLines = { lines: new Map(), alike: new Map() };
    this.#waiting.set(mailboxId, made);
    return made;
  }

  #isNewBind(key: string, nowMs: number): boolean {
    const last = this.#binds.get(key);
    if (last !== undefined && nowMs - last < bindAgainMs) return false;
    this.#binds.delete(key);
    this.#binds.set(key, nowMs);
    if (this.#binds.size > bindsMax) this.#binds.delete(this.#binds.keys().next().value!);
    return true;
  }

  /** Writes what waits. Never throws: what cannot be written is logged. */
  flush(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#flushing = this.#flushing.then(() => this.#writeAll());
    return this.#flushing;
  }

  async #writeAll(): Promise<void> {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#count = 0;
    if (this.#dropped > 0) {
      this.#ctx.log.error({ lines: this.#dropped },
        "more was done in mailboxes than the audit can take; not all is told");
      this.#dropped = 0;
    }
    for (const [mailboxId, { lines }] of waiting) {
      try {
        await this.#store.transact(this.#ctx, mailboxId, writeAudit, { lines: [...lines.values()] });
      } catch (error) {
        // The mailbox was removed, and with it who would read this.
        if (error instanceof Fault && error.code === "notFound") continue;
        this.#ctx.log.error({ error, mailbox: mailboxId, lines: lines.size }, "the audit could not be written");
      }
    }
  }
}
