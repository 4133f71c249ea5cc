/** vCard files into a folder of contacts. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { getProperty } from "#convert/item.ts";
import type { MemberFinder } from "#convert/vcard/members.ts";
import { uidOf } from "#convert/vcard/kept.ts";
import { readVcards } from "#convert/vcard/read.ts";
import type { Admin } from "#admin/admin.ts";
import { ensureFolder, openMailbox } from "#admin/folders.ts";
import { filesAt, readWhole } from "#admin/import-files.ts";
import { ItemImporter } from "#admin/item-import.ts";
import type { PersonFinder } from "#admin/item-import.ts";
import { runImport } from "#admin/transfer.ts";
import type { ImportResult, ImportRun, TransferOptions } from "#admin/transfer.ts";
import { forMessage } from "#directory/address.ts";
import type { FolderInfo, Mailbox } from "#mailbox/api.ts";
import { properties } from "#props/registry.ts";

const p = properties;

export interface ContactsImport extends TransferOptions {
  readonly address: string;
  readonly path: string;
  readonly folder: string | null;
}

export async function importContacts(ctx: Ctx, admin: Admin, request: ContactsImport): Promise<ImportResult> {
  const mailbox = await openMailbox(ctx, admin, request.address);
  const files = await filesAt(request.path, [".vcf", ".vcard"]);
  const { folderId } = await contactsFolder(ctx, mailbox, request.folder);
  return await runImport(ctx, mailbox, request, async (run) => {
    const importer = new ItemImporter(run);
    const find = await importer.personFinder(folderId);
    for (const { file } of files) await importFile(run, importer, folderId, file, find);
  });
}

async function importFile(
  run: ImportRun, importer: ItemImporter, folderId: FolderId, file: string, find: PersonFinder,
): Promise<void> {
  const bytes = await readWhole(file, limits.importTextMaxBytes).catch((error: unknown) => {
    run.refuse(file, error);
    return null;
  });
  const findMember: MemberFinder = (uid) => {
    const found = find(uid);
    return found === undefined ? undefined : { ...found, addressType: "SMTP" };
  };
  const read = bytes === null ? null : run.reading(file, () => readVcards(bytes, { findMember }));
  if (read === null) return;
  if (read.cards.length === 0) run.fail(file, "it holds no vCard");
  else run.lose("lines that are none", read.faults.length);
  for (const { item } of read.cards) {
    const name = getProperty(item, p.PidTagDisplayName) ?? "";
    const label = name === "" ? file : `${file}: ${forMessage(name)}`;
    await importer.put(folderId, item, label, uidOf(item) === undefined ? "content" : "uid");
    run.tell(file);
  }
}

async function contactsFolder(ctx: Ctx, mailbox: Mailbox, path: string | null): Promise<FolderInfo> {
  if (path === null) return await mailbox.folderByRole(ctx, "contacts");
  const folder = await ensureFolder(ctx, mailbox, path, "IPF.Contact");
  if (/^IPF\.Contact\b/i.test(folder.containerClass)) return folder;
  throw new Fault("invalidArgument",
    `"${forMessage(path)}" is no folder for contacts; name one that is, or a new one.`);
}
