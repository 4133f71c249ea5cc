/** The audit of a mailbox: lines added in batches, the oldest let go, read from the newest. */
import { limits } from "#base/limits.ts";
import { procedure } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** `admin`: by whoever runs the server, for whom no right is asked. */
export type AuditLogon = "owner" | "delegate" | "admin";

export interface AuditLine {
  readonly atMs: number;
  /** An address, or `cli:` with the name of the system's user. */
  readonly actor: string;
  readonly logon: AuditLogon;
  readonly action: string;
  /** Path of the folder; empty where none is meant. */
  readonly folder: string;
  readonly detail: string;
  /** How often it happened; the line tells the first time. */
  readonly repeated: number;
}

/** The folder becomes a path when the line is written: nobody waits for that. */
export interface NewAuditLine extends Omit<AuditLine, "folder"> {
  readonly folderId: number | null;
}

const depthMax = 64;

function* folderPaths(mailboxId: number): Work<(folderId: number) => string> {
  const rows = yield* all<{ folder_id: number; parent_id: number | null; name: string; role: string | null }>(
    "SELECT folder_id, parent_id, name, role FROM folder WHERE mailbox_id = $1", mailboxId);
  const byId = new Map(rows.map((row) => [row.folder_id, row]));
  return (folderId) => {
    const names: string[] = [];
    let row = byId.get(folderId);
    for (let depth = 0; row !== undefined && depth < depthMax; depth++) {
      if (row.role === "ipmSubtree" || row.role === "root") break;
      names.unshift(row.name);
      row = row.parent_id === null ? undefined : byId.get(row.parent_id);
    }
    return names.join("/");
  };
}

/** No change number: nobody's view of the mailbox changes, and nobody should be woken for it. */
export const writeAudit = procedure({
  name: "mailbox.writeAudit",
  *run(tx, args: { lines: readonly NewAuditLine[] }): Work<void> {
    const mailboxId = tx.scope;
    const pathOf = args.lines.some(({ folderId }) => folderId !== null) ? yield* folderPaths(mailboxId) : () => "";
    const last = yield* get<{ id: number | null }>(
      "SELECT MAX(audit_id) AS id FROM mailbox_audit WHERE mailbox_id = $1", mailboxId);
    let auditId = last?.id ?? 0;
    for (const line of args.lines) {
      yield* run(
        `INSERT INTO mailbox_audit (mailbox_id, audit_id, at_ms, actor, logon, action, folder, detail, repeated)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        mailboxId, ++auditId, line.atMs, line.actor, line.logon, line.action,
        line.folderId === null ? "" : pathOf(line.folderId), line.detail.slice(0, 1000).toWellFormed(), line.repeated);
    }
    yield* run("DELETE FROM mailbox_audit WHERE mailbox_id = $1 AND audit_id <= $2",
      mailboxId, auditId - limits.mailboxAuditMax);
  },
});

/** Lets go of what is older than `beforeMs`; how many lines. */
export const pruneAudit = procedure({
  name: "mailbox.pruneAudit",
  *run(tx, args: { beforeMs: number }): Work<number> {
    // Ids grow with time, so that the end of what is old is one step of the key.
    const first = yield* get<{ audit_id: number }>(
      `SELECT audit_id FROM mailbox_audit WHERE mailbox_id = $1 AND at_ms >= $2 ORDER BY audit_id LIMIT 1`,
      tx.scope, args.beforeMs);
    return first === undefined
      ? yield* run("DELETE FROM mailbox_audit WHERE mailbox_id = $1 AND at_ms < $2", tx.scope, args.beforeMs)
      : yield* run("DELETE FROM mailbox_audit WHERE mailbox_id = $1 AND audit_id < $2", tx.scope, first.audit_id);
  },
});

/** The newest lines first. */
export function* readAudit(mailboxId: number, limitRows: number): Work<AuditLine[]> {
  const rows = yield* all<{
    at_ms: number; actor: string; logon: string; action: string; folder: string; detail: string; repeated: number;
  }>(
    `SELECT at_ms, actor, logon, action, folder, detail, repeated FROM mailbox_audit WHERE mailbox_id = $1
     ORDER BY audit_id DESC LIMIT $2`, mailboxId, limitRows);
  return rows.map(({ at_ms: atMs, logon, ...row }) => ({ atMs, logon: logon as AuditLogon, ...row }));
}
