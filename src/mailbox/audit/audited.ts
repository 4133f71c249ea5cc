/** Which calls on an opened mailbox are noted for its owner, as a table: the call, and the line it becomes. */
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Mailbox, Principal, UidSet } from "#mailbox/api.ts";
import type { AuditAction, AuditNote, MailboxAudit } from "#mailbox/audit/log.ts";
import type { Items } from "#mailbox/items-api.ts";
import type { AuditLogon } from "#mailbox/tx/audit.ts";
import type { Store } from "#store/api.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** What a call is about, before it is done: what goes away has a name only now. */
interface Act {
  readonly action: AuditAction;
  readonly folderId?: number | null;
  readonly detail?: string;
  /** By their ids, or by where they stand. */
  readonly items?: readonly number[] | { readonly folderId: number; readonly uids: UidSet };
  /** A folder that is moved, removed or opened to others: its name goes into the line. */
  readonly aboutFolder?: number;
  readonly targetId?: number;
  /** Nothing is told when nothing was done. */
  readonly countOf?: (result: unknown) => number;
  /** Of what the call made. */
  readonly made?: (result: unknown) => readonly number[];
}

type Describe<T> = {
  readonly [K in keyof T]?: T[K] extends (...args: infer Args) => unknown ? (...args: Args) => Act | null : never;
};

const deletion = (mode: "soft" | "hard"): AuditAction => (mode === "soft" ? "SoftDelete" : "HardDelete");
const hasMessageId = (result: unknown): result is { messageId: number } =>
  typeof result === "object" && result !== null && "messageId" in result && typeof result.messageId === "number";
const madeOne = (result: unknown): readonly number[] => (hasMessageId(result) ? [result.messageId] : []);
const madeAll = (result: unknown): readonly number[] => (Array.isArray(result) ? result.flatMap(madeOne) : []);
const pairCount = (result: unknown): number =>
  (typeof result === "object" && result !== null && "pairs" in result && result.pairs instanceof Uint32Array
    ? result.pairs.length / 2 : 1);
const uidCount = (result: unknown): number =>
  (typeof result === "object" && result !== null && "uids" in result && result.uids instanceof Uint32Array
    ? result.uids.length : 1);
const idCount = (result: unknown): number => (Array.isArray(result) ? result.filter((id) => id !== null).length : 1);
const numberOf = (result: unknown): number => (typeof result === "number" ? result : 1);
const bind = (_: Ctx, folderId: number): Act => ({ action: "FolderBind", folderId });

const mailboxActs: Describe<Mailbox> = {
  createFolder: (_, { parentId, name }) => ({ action: "Create", folderId: parentId, detail: `folder ${name}` }),
  moveFolder: (_, { folderId, parentId, name }) =>
    ({ action: "Move", folderId: parentId, aboutFolder: folderId, detail: `folder, now ${name}` }),
  copyFolder: (_, { folderId, parentId, name }) =>
    ({ action: "Copy", folderId: parentId, aboutFolder: folderId, detail: `folder, as ${name}` }),
  deleteFolder: (_, { folderId, mode }) => ({ action: deletion(mode), aboutFolder: folderId, detail: "folder" }),
  updateFolderProperties: (_, { folderId }) => ({ action: "Update", folderId, detail: "folder" }),
  setPermissions: (_, folderId, changes) => ({
    action: "UpdateFolderPermissions", folderId,
    detail: changes.slice(0, 20).map(({ memberId, rights }) =>
      `${memberName(memberId)} ${rights === null ? "removed" : `0x${rights.toString(16)}`}`).join(", "),
  }),
  append: (_, { folderId }) => ({ action: "Create", folderId, made: madeOne }),
  appendAll: (_, { folderId }) => ({ action: "Create", folderId, made: madeAll }),
  setFlags: (_, folderId, uids, { mode, flags, keywords }) => ({
    action: "Update", folderId, items: { folderId, uids },
    detail: `marks ${mode} 0x${flags.toString(16)}${keywords.length > 0 ? ` ${keywords.join(" ")}` : ""}`,
  }),
  copy: (_, folderId, uids, targetId) =>
    ({ action: "Copy", folderId, targetId, items: { folderId, uids }, countOf: pairCount }),
  move: (_, folderId, uids, targetId) =>
    ({ action: "Move", folderId, targetId, items: { folderId, uids }, countOf: pairCount }),
  remove: (_, { folderId, uids, mode }) =>
    ({ action: deletion(mode), folderId, items: { folderId, uids }, countOf: uidCount }),
  uids: bind, rows: bind, summaries: bind, structures: bind, headers: bind,
  ranks: bind, threadKeys: bind,
};

const itemActs: Describe<Items> = {
  create: (_, { folderId, associated }) =>
    ({ action: "Create", folderId, made: madeOne, ...associated === true ? { detail: "setting" } : {} }),
  update: (_, { messageId }) => ({ action: "Update", items: [messageId] }),
  setFlags: (_, messageIds, { mode, flags }) =>
    ({ action: "Update", items: messageIds, detail: `marks ${mode} 0x${flags.toString(16)}` }),
  copy: (_, messageIds, targetId) => ({ action: "Copy", items: messageIds, targetId, countOf: idCount }),
  move: (_, messageIds, targetId) => ({ action: "Move", items: messageIds, targetId, countOf: idCount }),
  remove: (_, messageIds, mode) => ({ action: deletion(mode), items: messageIds, countOf: numberOf }),
  importMove: (_, messageId, targetId) => ({ action: "Move", items: [messageId], targetId }),
  importFolder: (_, { folderId, parentId, name }) =>
    ({ action: "Update", folderId: parentId, aboutFolder: folderId, detail: `folder ${name}` }),
  rows: bind, table: bind,
};

/** What the owner does is told where it opens the mailbox to others. */
const ownerActs: Describe<Mailbox> = { setPermissions: mailboxActs.setPermissions! };

const memberName = (memberId: number): string =>
  (memberId === 0 ? "default" : memberId === -1 ? "anonymous" : `entry ${memberId}`);

/** Whether what somebody does here is noted, and as what; null for the server's own work. */
export function auditLogon(principal: Principal, mailboxId: MailboxId): AuditLogon | null {
  if (principal.entryId !== 0) return principal.mailboxId === mailboxId ? "owner" : "delegate";
  // Whoever administers has a name: `cli:root`, or an address. Parts of the server have one word.
  return /[:@]/.test(principal.address) ? "admin" : null;
}

export interface AuditParts {
  readonly store: Store;
  readonly audit: MailboxAudit;
}

/** Puts the notes in front of the calls of a mailbox that was opened for somebody; the same mailbox. */
export function audited<M extends Mailbox>(mailbox: M, parts: AuditParts): M {
  const logon = auditLogon(mailbox.principal, mailbox.mailboxId);
  if (logon === null) return mailbox;
  const wrapper = new Wrapper(mailbox, logon, parts);
  wrapper.wrap(mailbox, logon === "owner" ? ownerActs : mailboxActs);
  if (logon !== "owner") wrapper.wrap(mailbox.items, itemActs);
  return mailbox;
}

type Call = (...args: never[]) => unknown;

class Wrapper {
  readonly #mailbox: Mailbox;
  readonly #logon: AuditLogon;
  readonly #parts: AuditParts;

  constructor(mailbox: Mailbox, logon: AuditLogon, parts: AuditParts) {
    this.#mailbox = mailbox;
    this.#logon = logon;
    this.#parts = parts;
  }

  wrap<T extends object>(target: T, acts: Describe<T>): void {
    for (const [name, describe] of Object.entries(acts) as [string, ((...args: never[]) => Act | null) | undefined][]) {
      if (describe === undefined) continue;
      const original = (Reflect.get(target, name) as Call).bind(target);
      Object.defineProperty(target, name, {
        value: (...args: never[]) => this.#run(args, original, describe(...args)), configurable: true, writable: true,
      });
    }
  }

  #run(args: never[], original: Call, act: Act | null): unknown {
    if (act === null) return original(...args);
    const [ctx] = args as unknown[] as [Ctx];
    if (act.action !== "FolderBind") return this.#noted(ctx, act, () => original(...args) as Promise<unknown>);
    const result = original(...args);
    if (result instanceof Promise) {
      return result.then((value: unknown) => {
        this.#note(act, { subjects: "", aboutName: "" }, value, null);
        return value;
      });
    }
    return this.#listed(act, result as AsyncIterable<unknown>);
  }

  async *#listed(act: Act, slices: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    let isNoted = false;
    for await (const slice of slices) {
      if (!isNoted) this.#note(act, { subjects: "", aboutName: "" }, slice, null);
      isNoted = true;
      yield slice;
    }
  }

  async #noted(ctx: Ctx, act: Act, body: () => Promise<unknown>): Promise<unknown> {
    const before = await this.#look(ctx, act);
    const result = await body();
    const made = act.made?.(result) ?? [];
    // What was made has a name now, and may be gone in a moment.
    const seen = made.length === 0 ? before
      : { ...before, ...await this.#look(ctx, { action: "Create", items: made }) };
    const isBin = act.targetId !== undefined && act.action === "Move" && before.targetRole === "deletedItems";
    this.#note(isBin ? { ...act, action: "MoveToDeletedItems" } : act, seen, result, seen.folderId);
    return result;
  }

  #note(
    act: Act, before: { subjects: string; aboutName: string; targetName?: string }, result: unknown,
    folderId: number | null,
  ): void {
    const count = act.countOf?.(result) ?? 1;
    if (count === 0) return;
    const target = before.targetName === undefined || before.targetName === "" ? "" : `to ${before.targetName}`;
    const made = act.made?.(result) ?? [];
    const detail = [act.detail ?? "", before.aboutName, target, before.subjects].filter((part) => part !== "");
    const note: AuditNote = {
      actor: this.#mailbox.principal.address, logon: this.#logon, action: act.action,
      folderId: act.folderId ?? folderId, detail: detail.join(" · "), count: Math.max(count, made.length),
    };
    this.#parts.audit.note(this.#mailbox.mailboxId, note);
  }

  #look(ctx: Ctx, act: Act): Promise<Look> {
    const { mailboxId } = this.#mailbox;
    if (act.items === undefined && act.targetId === undefined && act.aboutFolder === undefined) {
      return Promise.resolve(nothingSeen);
    }
    return this.#parts.store.read(ctx, mailboxId, () => lookAt(mailboxId, act));
  }
}

interface Look {
  readonly subjects: string;
  readonly aboutName: string;
  readonly targetName: string;
  readonly targetRole: string | null;
  /** Where the items are, when the call does not say. */
  readonly folderId: number | null;
}

const nothingSeen: Look = { subjects: "", aboutName: "", targetName: "", targetRole: null, folderId: null };

/** Names of what a call is about, a few of them. */
function* lookAt(mailboxId: number, { items = [], targetId, aboutFolder }: Act): Work<Look> {
  const most = limits.mailboxAuditSubjectsMax;
  const folder = (folderId: number | undefined): Work<{ name: string; role: string | null } | undefined> =>
    get("SELECT name, role FROM folder WHERE mailbox_id = $1 AND folder_id = $2", mailboxId, folderId ?? 0);
  const from = `SELECT d.subject, m.folder_id FROM message m
    JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id WHERE m.mailbox_id = $1`;
  const found: { subject: string; folder_id: number }[] = [];
  if (isIdList(items)) {
    for (const messageId of items.slice(0, most)) {
      found.push(...yield* all<typeof found[0]>(`${from} AND m.message_id = $2`, mailboxId, messageId));
    }
  } else {
    const ranges = items.uids === "all" ? [{ first: 1, last: 0xffff_ffff }] : items.uids.slice(0, most);
    for (const { first, last } of ranges) {
      if (found.length >= most) break;
      found.push(...yield* all<typeof found[0]>(
        `${from} AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 ORDER BY m.uid LIMIT $5`,
        mailboxId, items.folderId, first, last, most - found.length));
    }
  }
  const target = targetId === undefined ? undefined : yield* folder(targetId);
  const about = aboutFolder === undefined ? undefined : yield* folder(aboutFolder);
  return {
    subjects: found.map(({ subject }) => (subject.length > 100 ? `${subject.slice(0, 99)}…` : subject)).join("; "),
    aboutName: about?.name ?? "", targetName: target?.name ?? "", targetRole: target?.role ?? null,
    folderId: found[0]?.folder_id ?? null,
  };
}

function isIdList(items: NonNullable<Act["items"]>): items is readonly number[] {
  return Array.isArray(items);
}
