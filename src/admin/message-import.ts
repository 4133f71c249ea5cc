/** Outlook's single items (.msg, .oft) and winmail.dat (TNEF) into the folders that are for their class. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { getProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { readMsgItem } from "#convert/msg.ts";
import { readTnef } from "#convert/tnef.ts";
import type { Admin } from "#admin/admin.ts";
import { ensureFolder, openMailbox } from "#admin/folders.ts";
import { filesAt, readWhole } from "#admin/import-files.ts";
import { ItemImporter } from "#admin/item-import.ts";
import { runImport } from "#admin/transfer.ts";
import type { ImportResult, ImportRun, TransferOptions } from "#admin/transfer.ts";
import { roleRow } from "#mailbox/roles.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { properties } from "#props/registry.ts";

const p = properties;

export const messageFormats = {
  msg: { extensions: [".msg", ".oft"], read: readMsgItem },
  tnef: { extensions: [".dat", ".tnef"], read: readTnefItem },
} as const;
export type MessageFormat = keyof typeof messageFormats;

function readTnefItem(bytes: Uint8Array): ItemBag {
  const item = readTnef(bytes);
  if (item === null) throw new Fault("invalidArgument", "it is no winmail.dat (TNEF), or a broken one");
  return item;
}

/** [MS-OXCMSG] 2.2.1.3 and what the protocols of the other kinds of items say of it. */
const rolesByClass: readonly (readonly [RegExp, FolderRole])[] = [
  [/^IPM\.Appointment(?:\.|$)/i, "calendar"], [/^IPM\.(?:Contact|DistList|AbchPerson)(?:\.|$)/i, "contacts"],
  [/^IPM\.Task(?:\.|$)/i, "tasks"], [/^IPM\.StickyNote(?:\.|$)/i, "notes"], [/^IPM\.Activity(?:\.|$)/i, "journal"],
];

/** PidTagMessageFlags mfUnsent. [MS-OXCMSG] 2.2.1.6 */
const unsent = 8;

/** Where an item of its class belongs: a mail that was never sent is a draft. */
export function roleOfItem(item: ItemBag): FolderRole {
  const messageClass = getProperty(item, p.PidTagMessageClass) ?? "";
  const found = rolesByClass.find(([shape]) => shape.test(messageClass));
  if (found !== undefined) return found[1];
  return ((getProperty(item, p.PidTagMessageFlags) ?? 0) & unsent) !== 0 ? "drafts" : "inbox";
}

export interface MessageImport extends TransferOptions {
  readonly address: string;
  readonly format: MessageFormat;
  readonly path: string;
  readonly folder: string | null;
}

export async function importMessages(ctx: Ctx, admin: Admin, request: MessageImport): Promise<ImportResult> {
  const mailbox = await openMailbox(ctx, admin, request.address);
  const { extensions, read } = messageFormats[request.format];
  const files = await filesAt(request.path, extensions);
  return await runImport(ctx, mailbox, request, async (run) => {
    const importer = new ItemImporter(run);
    const places = new Map<FolderRole, FolderId>();
    for (const { file } of files) {
      const item = await readItem(run, file, read);
      if (item === null) continue;
      const role = roleOfItem(item);
      const folderId = places.get(role) ?? await folderFor(run, role, request.folder);
      places.set(role, folderId);
      const isNamed = role === "calendar" && getProperty(item, p.PidLidGlobalObjectId) !== undefined;
      await importer.put(folderId, item, file, isNamed ? "uid" : "content");
      run.tell(file);
    }
  });
}

async function readItem(
  run: ImportRun, file: string, read: (bytes: Uint8Array) => ItemBag,
): Promise<ItemBag | null> {
  const bytes = await readWhole(file, limits.messageSizeMaxBytes).catch((error: unknown) => {
    run.refuse(file, error);
    return null;
  });
  return bytes === null ? null : run.reading(file, () => read(bytes));
}

async function folderFor({ ctx, mailbox }: ImportRun, role: FolderRole, path: string | null): Promise<FolderId> {
  const folder = path === null ? await mailbox.folderByRole(ctx, role)
    : await ensureFolder(ctx, mailbox, path, roleRow(role).containerClass);
  return folder.folderId;
}
