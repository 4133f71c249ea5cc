/** Annotations of folders and of a mailbox as a whole: named values beside the mail. RFC 5464 §3 */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { takeCn } from "#mailbox/tx/counters.ts";
import { readFolder } from "#mailbox/tx/folders.ts";
import { procedure } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** The folder id of what belongs to the mailbox as a whole. */
export const wholeMailbox = 0;
/** The member id of what all share. */
export const everybody = 0;

export interface AnnotationRow {
  folder_id: number;
  name: string;
  name_key: string;
  /** null: taken away. */
  value: Uint8Array | null;
  cn: number;
}

const columns = "folder_id, name, name_key, value, cn";

/** Shared ones and those of a person, of one folder; in the order of their names. */
export function* readAnnotations(mailboxId: number, folderId: number, memberId: number): Work<AnnotationRow[]> {
  return yield* all<AnnotationRow>(
    `SELECT ${columns} FROM annotation
     WHERE mailbox_id = $1 AND folder_id = $2 AND member_id IN (0, $3) AND value IS NOT NULL ORDER BY name_key`,
    mailboxId, folderId, memberId);
}

/** Shared ones and those of a person, of all folders. */
export function* readNamedAnnotations(mailboxId: number, memberId: number, nameKey: string): Work<AnnotationRow[]> {
  return yield* all<AnnotationRow>(
    `SELECT ${columns} FROM annotation
     WHERE mailbox_id = $1 AND member_id IN (0, $2) AND name_key = $3 AND value IS NOT NULL`,
    mailboxId, memberId, nameKey);
}

/** What was set or taken away after `since`, at most `limitRows`. */
export function* readAnnotationChanges(
  mailboxId: number, memberId: number, since: number, limitRows: number,
): Work<Omit<AnnotationRow, "value">[]> {
  return yield* all<Omit<AnnotationRow, "value">>(
    `SELECT folder_id, name, name_key, cn FROM annotation
     WHERE mailbox_id = $1 AND cn > $3 AND member_id IN (0, $2) ORDER BY cn, folder_id, name_key LIMIT $4`,
    mailboxId, memberId, since, limitRows);
}

export interface AnnotationChange {
  readonly name: string;
  readonly nameKey: string;
  /** {@link everybody}, or the person it is for. */
  readonly memberId: number;
  /** null takes it away. */
  readonly value: Uint8Array | null;
}

export interface SetAnnotations {
  readonly folderId: number;
  readonly changes: readonly AnnotationChange[];
}

/** Marks of what was taken away are kept for this many commits: listeners are never that far behind. */
const marksKeptCommits = 10_000;

export const setAnnotations = procedure({
  name: "mailbox.setAnnotations",
  /** The change number; that of the mailbox where nothing changed. */
  *run(tx, { folderId, changes }: SetAnnotations): Work<number> {
    const mailboxId = tx.scope;
    if (folderId !== wholeMailbox) yield* readFolder(mailboxId, folderId);
    const wanted: AnnotationChange[] = [];
    for (const change of changes) if (yield* differs(mailboxId, folderId, change)) wanted.push(change);
    if (wanted.length === 0) {
      return (yield* get<{ cn: number }>("SELECT cn FROM mailbox WHERE mailbox_id = $1", mailboxId))?.cn ?? 0;
    }
    const cn = yield* takeCn(mailboxId);
    for (const { name, nameKey, memberId, value } of wanted) {
      yield* run(
        `INSERT INTO annotation (mailbox_id, folder_id, member_id, name_key, name, value, cn)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (mailbox_id, folder_id, member_id, name_key)
         DO UPDATE SET name = excluded.name, value = excluded.value, cn = excluded.cn`,
        mailboxId, folderId, memberId, nameKey, name, value, cn);
    }
    yield* checkLimits(mailboxId, folderId, new Set(wanted.map(({ memberId }) => memberId)));
    yield* run("DELETE FROM annotation WHERE mailbox_id = $1 AND cn < $2 AND value IS NULL",
      mailboxId, cn - marksKeptCommits);
    return cn;
  },
});

function* differs(mailboxId: number, folderId: number, change: AnnotationChange): Work<boolean> {
  const before = yield* get<{ value: Uint8Array | null }>(
    "SELECT value FROM annotation WHERE mailbox_id = $1 AND folder_id = $2 AND member_id = $3 AND name_key = $4",
    mailboxId, folderId, change.memberId, change.nameKey);
  const old = before?.value ?? null;
  if (old === null || change.value === null) return old !== change.value;
  return Buffer.compare(old, change.value) !== 0;
}

function* checkLimits(mailboxId: number, folderId: number, memberIds: ReadonlySet<number>): Work<void> {
  for (const memberId of memberIds) {
    const count = yield* get<{ n: number }>(
      `SELECT COUNT(*) AS n FROM annotation
       WHERE mailbox_id = $1 AND folder_id = $2 AND member_id = $3 AND value IS NOT NULL`,
      mailboxId, folderId, memberId);
    if (count!.n > limits.annotationsPerFolderMax) {
      throw new Fault("tooMany", `A folder has at most ${limits.annotationsPerFolderMax} annotations.`);
    }
  }
  const size = yield* get<{ n: number | null }>(
    "SELECT SUM(LENGTH(name) + COALESCE(LENGTH(value), 0)) AS n FROM annotation WHERE mailbox_id = $1", mailboxId);
  if (Number(size!.n ?? 0) > limits.annotationsMaxBytes) {
    throw new Fault("overQuota", `The annotations of a mailbox take at most ${limits.annotationsMaxBytes} bytes.`);
  }
}
