/** What others than the owner did with a mailbox and its entry, newest first: out of the mailbox and the directory. */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { MailboxId } from "#base/ids.ts";
import type { Admin } from "#admin/admin.ts";
import { openEntryMailbox } from "#admin/folders.ts";
import { showEntry } from "#admin/views.ts";
import { folderRights, roleOf } from "#mailbox/access.ts";
import type { AuditAction } from "#mailbox/audit/log.ts";
import { readAudit } from "#mailbox/tx/audit.ts";
import { serverScope } from "#store/api.ts";
import { all } from "#store/sql.ts";

export interface AuditView {
  readonly atMs: number;
  readonly actor: string;
  /** `delegate`, `admin` or `owner`. */
  readonly as: string;
  readonly action: string;
  readonly folder: string;
  readonly detail: string;
  readonly repeated: number;
}

/** Sign-ins have a list of their own. */
const ownList = "sign-in-failed";

export async function showAudit(
  ctx: Ctx, admin: Admin, address: string, limitRows: number = limits.mailboxAuditShownMax,
): Promise<{ address: string; lines: AuditView[] }> {
  const view = await showEntry(ctx, admin, address);
  await admin.audit?.flush();
  const ofDirectory = await admin.store.read(ctx, serverScope, () => all<Omit<AuditView, "as" | "folder">>(
    `SELECT at_ms AS "atMs", actor, action, detail, repeated FROM audit WHERE target = $1 AND action <> $2
     ORDER BY at_ms DESC, audit_id DESC LIMIT $3`, view.address, ownList, limitRows));
  const mailboxId = view.mailboxId as MailboxId | null;
  const ofMailbox = mailboxId === null ? []
    : await admin.store.read(ctx, mailboxId, () => readAudit(mailboxId, limitRows));
  const lines: AuditView[] = [
    ...ofMailbox.map(({ logon, ...line }) => ({ ...line, as: logon as string })),
    ...ofDirectory.map((line) => ({
      ...line, as: line.actor === view.address ? "owner" : "admin", folder: "", action: line.action,
    })),
  ];
  lines.sort((one, other) => other.atMs - one.atMs);
  const shown = lines.slice(0, limitRows);
  return { address: view.address, lines: await named(ctx, admin, shown) };
}

/** Entries and rights of permission lines by their names. */
async function named(ctx: Ctx, admin: Admin, lines: readonly AuditView[]): Promise<AuditView[]> {
  const pattern = /\bentry (\d+)\b/g;
  const ids = new Set<number>();
  for (const { action, detail } of lines) {
    if (action !== "UpdateFolderPermissions") continue;
    for (const match of detail.matchAll(pattern)) ids.add(Number(match[1]));
  }
  const entries = await admin.directory.namedEntries(ctx, [...ids]);
  return lines.map((line) => (line.action !== "UpdateFolderPermissions" ? line : {
    ...line,
    detail: line.detail.replaceAll(pattern, (text, id: string) => entries.get(Number(id))?.address ?? text)
      .replaceAll(/0x([0-9a-f]{1,8})\b/g, (_, hex: string) => rightsName(Number.parseInt(hex, 16))),
  }));
}

function rightsName(rights: number): string {
  const role = roleOf(rights);
  if (role !== null) return role;
  return Object.entries(folderRights).filter(([, bit]) => (rights & bit) !== 0).map(([name]) => name).join("+");
}

/** Long work in a mailbox as one line, instead of one for each item. */
export async function auditedAsOne<T>(
  ctx: Ctx, admin: Admin,
  request: { address: string; action: AuditAction; detail: string; countOf: (done: T) => number },
  body: () => Promise<T>,
): Promise<T> {
  const { audit } = admin;
  if (audit === undefined) return await body();
  const { mailbox: { mailboxId } } = await openEntryMailbox(ctx, admin, request.address);
  const { action, detail, countOf } = request;
  const note = (count: number, more = ""): void =>
    audit.note(mailboxId, { actor: admin.by, logon: "admin", action, detail: `${detail}${more}`, count });
  const done = await audit.muted(async () => {
    try {
      return await body();
    } catch (error) {
      note(1, ", which did not end well");
      throw error;
    }
  });
  note(Math.max(1, countOf(done)));
  return done;
}
