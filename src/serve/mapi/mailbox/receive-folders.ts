/** Which folder new messages of a class come to. [MS-OXCSTOR] 2.2.1.2 to 2.2.1.4, 3.2.5.2 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { keptClasses, readKept, writeKept } from "#serve/mapi/mailbox/kept.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";

export interface ReceiveFolder {
  readonly messageClass: string;
  readonly folderId: FolderId;
  readonly changedMs: number;
}

/** Those that every mailbox begins with. [MS-OXCSTOR] 3.2.1.1 */
const initial: readonly (readonly [messageClass: string, role: FolderRole])[] = [
  ["", "inbox"], ["IPM", "inbox"], ["REPORT.IPM", "inbox"], ["IPM.Note", "inbox"], ["IPC", "root"],
];
/** Classes that stay where they are. [MS-OXCSTOR] 3.2.5.3 */
const fixed: ReadonlySet<string> = new Set(["ipm", "report.ipm"]);

type Stored = readonly { messageClass: string; folderId: number; changedMs: number }[];

export async function receiveFolders(ctx: Ctx, logon: LogonObject): Promise<ReceiveFolder[]> {
  const roles = new Map(await logon.mailbox.roleFolders(ctx));
  const byClass = new Map<string, ReceiveFolder>();
  for (const [messageClass, role] of initial) {
    byClass.set(messageClass.toLowerCase(), { messageClass, folderId: roles.get(role)!, changedMs: 0 });
  }
  for (const one of await readKept(ctx, logon, keptClasses.receiveFolders) as Stored | undefined ?? []) {
    byClass.set(one.messageClass.toLowerCase(), { ...one, folderId: one.folderId as FolderId });
  }
  return [...byClass.values()];
}

/** The longest class that the asked one begins with, at a dot. */
export function receiveFolderOf(rows: readonly ReceiveFolder[], messageClass: string): ReceiveFolder {
  const lower = messageClass.toLowerCase();
  const fits = rows.filter((row) => {
    const prefix = row.messageClass.toLowerCase();
    return prefix === "" || lower === prefix || lower.startsWith(`${prefix}.`);
  });
  return fits.reduce((best, one) => (one.messageClass.length > best.messageClass.length ? one : best));
}

export function checkClass(messageClass: string): void {
  // The NUL behind it counts. [MS-OXCSTOR] 2.2.1.2.1
  const isBad = messageClass.length >= 255 || messageClass.startsWith(".") || messageClass.endsWith(".") ||
    messageClass.includes("..") || /[^\x20-\x7e]/.test(messageClass);
  if (isBad) throw new RopError("invalidParameter", `"${messageClass}" is no message class.`);
}

/** null takes the entry away. */
export async function setReceiveFolder(
  ctx: Ctx, logon: LogonObject, messageClass: string, folderId: FolderId | null,
): Promise<void> {
  checkClass(messageClass);
  const key = messageClass.toLowerCase();
  if (fixed.has(key)) throw new RopError("accessDenied", `Where "${messageClass}" comes to is not changed.`);
  if (key === "" && folderId === null) throw new RopError("generalFailure", "Everything has to come somewhere.");
  if (folderId !== null) await logon.mailbox.folder(ctx, folderId);
  const stored = await readKept(ctx, logon, keptClasses.receiveFolders) as Stored | undefined ?? [];
  const others = stored.filter((one) => one.messageClass.toLowerCase() !== key);
  if (folderId === null && others.length === stored.length) throw new RopError("notFound", "There is no such entry.");
  if (others.length >= limits.mapiReceiveFoldersMax) {
    throw new RopError("notEnoughMemory", "There are too many entries.");
  }
  const changedMs = ctx.system.nowMs();
  await writeKept(ctx, logon, keptClasses.receiveFolders,
    folderId === null ? others : [...others, { messageClass, folderId, changedMs }]);
}
