/** Outlook data files (.pst, .ost) into a mailbox, item by item: the file is never held as a whole. */
import { closeSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import { WireError } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { getProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { readPstItems } from "#convert/pst.ts";
import type { PstItem } from "#convert/pst.ts";
import type { Admin } from "#admin/admin.ts";
import { openMailbox } from "#admin/folders.ts";
import { filesAt } from "#admin/import-files.ts";
import { ItemImporter } from "#admin/item-import.ts";
import { knownContainerClass, namesOfPath, placeFor, roleOfName } from "#admin/special-folders.ts";
import { runImport } from "#admin/transfer.ts";
import type { ImportResult, ImportRun, TransferOptions } from "#admin/transfer.ts";
import { forMessage } from "#directory/address.ts";
import { readPstFolders, rootNid } from "#format/pst/folders.ts";
import type { PstFolder } from "#format/pst/folders.ts";
import type { ReadAt } from "#format/pst/file.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { properties } from "#props/registry.ts";
import { tagId } from "#props/types.ts";

const p = properties;

export interface PstImport extends TransferOptions {
  readonly address: string;
  readonly path: string;
  /** Everything goes below this folder; without it special folders go where they belong. */
  readonly folder: string | null;
}

export async function importPst(ctx: Ctx, admin: Admin, request: PstImport): Promise<ImportResult> {
  const mailbox = await openMailbox(ctx, admin, request.address);
  const files = await filesAt(request.path, [".pst", ".ost"]);
  return await runImport(ctx, mailbox, request, async (run) => {
    for (const { file } of files) await importFile(run, file, request.folder);
  });
}

async function importFile(run: ImportRun, file: string, below: string | null): Promise<void> {
  const descriptor = openSync(file, "r");
  try {
    const read: ReadAt = (position, size) => {
      const bytes = Buffer.allocUnsafe(size);
      let filled = 0;
      while (filled < size) {
        const count = readSync(descriptor, bytes, filled, size - filled, position + filled);
        if (count === 0) break;
        filled += count;
      }
      return bytes.subarray(0, filled);
    };
    const folders = run.reading(file, () => readPstFolders(read));
    if (folders === null) return;
    await new PstImporter(run, file, folders, below).all(read);
  } finally {
    closeSync(descriptor);
  }
}

/** Where a folder of the file goes: names below a special folder, or from the top; null for nowhere. */
type Target = { readonly names: readonly string[]; readonly role: FolderRole | null } | null;

/** Deeper folders of a file are put together into the last one. */
const depthMax = 100;

class PstImporter {
  readonly #run: ImportRun;
  readonly #file: string;
  readonly #title: string;
  readonly #below: readonly string[] | null;
  readonly #items: ItemImporter;
  readonly #folders: ReadonlyMap<number, PstFolder>;
  readonly #subtree: number;
  readonly #targets = new Map<number, Target>();
  readonly #places = new Map<number, FolderId>();

  constructor(run: ImportRun, file: string, folders: readonly PstFolder[], below: string | null) {
    this.#run = run;
    this.#file = file;
    this.#title = basename(file).replace(/\.[^.]+$/, "");
    this.#below = below === null ? null : namesOfPath(below);
    this.#items = new ItemImporter(run);
    this.#folders = new Map(folders.map((folder) => [folder.nid, folder]));
    this.#subtree = subtreeOf(folders);
  }

  async all(read: ReadAt): Promise<void> {
    await this.#makeFolders();
    const items = readPstItems(read);
    for (;;) {
      const step = this.#run.reading(this.#file, () => items.next());
      // What comes after a broken tree of nodes cannot be found any more.
      if (step === null || step.done === true) return;
      await this.#one(step.value);
      await yieldToOthers();
    }
  }

  /** Folders without items are part of what somebody made, too. */
  async #makeFolders(): Promise<void> {
    for (const folder of this.#folders.values()) {
      if (folder.nid === this.#subtree) continue;
      const target = this.#targetOf(folder.nid);
      if (target === null || target.names.length === 0 || folder.isHidden) continue;
      if (/^IPF\.Configuration\b/i.test(folder.containerClass) || folder.role === "outbox") continue;
      await this.#placeOf(folder.nid);
    }
  }

  async #one({ nid, folderNid, folder, item }: PstItem): Promise<void> {
    const place = folder.length === 0 ? "in no folder" : folder.join("/");
    const label = `${this.#file}: ${forMessage(place)}, item ${nid.toString(16)}`;
    if (item instanceof WireError) {
      this.#run.fail(label, item.message);
      return;
    }
    const folderId = await this.#placeOf(folderNid);
    if (folderId === null) {
      // Settings and views of Outlook itself lie outside of what people see.
      this.#run.lose(`left in the file: ${getProperty(item, p.PidTagMessageClass) ?? "item"} in ${place}`);
      return;
    }
    dropOwn(item);
    await this.#items.put(folderId, item, label, "content");
    this.#run.tell(`${this.#title}: ${place}`);
  }

  async #placeOf(nid: number): Promise<FolderId | null> {
    const known = this.#places.get(nid);
    if (known !== undefined) return known;
    const target = this.#targetOf(nid);
    if (target === null) return null;
    const { ctx, mailbox } = this.#run;
    const containerClass = knownContainerClass(this.#folders.get(nid)?.containerClass ?? "");
    const folder = await placeFor(ctx, mailbox, target.names, { containerClass, under: target.role });
    this.#places.set(nid, folder.folderId);
    return folder.folderId;
  }

  #targetOf(nid: number): Target {
    const known = this.#targets.get(nid);
    if (known !== undefined) return known;
    // Set first: a folder that lies in itself lies nowhere.
    this.#targets.set(nid, null);
    const target = this.#workOut(nid);
    this.#targets.set(nid, target);
    return target;
  }

  #workOut(nid: number): Target {
    const top = this.#below ?? [];
    if (nid === this.#subtree) return { names: this.#below ?? [this.#title], role: null };
    if (nid === rootNid) return null;
    const folder = this.#folders.get(nid);
    if (folder === undefined) return { names: [...top, this.#title, "Lost and Found"], role: null };
    const isTop = folder.parentNid === this.#subtree;
    const role = this.#below === null ? roleOf(folder, isTop) : null;
    if (role !== null) return { names: [], role };
    const parent = this.#targetOf(folder.parentNid);
    return parent === null ? null : this.#inside(parent, folder.name);
  }

  #inside(parent: NonNullable<Target>, name: string): Target {
    return parent.names.length >= depthMax ? parent : { names: [...parent.names, name], role: parent.role };
  }
}

/** Below it is what people see. In an .ost it has a name instead of an entry id. */
function subtreeOf(folders: readonly PstFolder[]): number {
  const told = folders.find(({ role }) => role === "ipmSubtree");
  if (told !== undefined) return told.nid;
  const mailboxes = new Set(folders.filter(({ name }) => /^Root - Mailbox$/i.test(name)).map(({ nid }) => nid));
  const named = folders.filter(({ name }) => /^IPM_SUBTREE$/i.test(name));
  const found = named.find(({ parentNid }) => mailboxes.has(parentNid)) ?? named[0]
    ?? folders.find(({ name }) => /^Top of /i.test(name));
  return found?.nid ?? rootNid;
}

/**
 * The entry ids of the file know best; a name says it only right below the top. What waited in an outbox is not put
 * where a program would send it now.
 */
function roleOf(folder: PstFolder, isTop: boolean): FolderRole | null {
  const role = folder.role ?? (isTop ? roleOfName(folder.name) : null);
  return role === "ipmSubtree" || role === "outbox" ? null : role;
}

/** What tells of the place in the file, not of the item. [MS-PST] 2.4.4.5.1 */
const own: ReadonlySet<number> = new Set([
  0x0e09, 0x0e27, 0x0ff4, 0x0ff5, 0x0ff6, 0x0ff7, 0x0ff8, 0x0ff9, 0x0ffa, 0x0ffb, 0x0fff, 0x65e0, 0x65e1, 0x65e2,
  0x65e3, 0x67f2, 0x67f3, 0x0e2f, 0x0e30, 0x0e33, 0x0e34, 0x0e38, 0x0e3c, 0x0e3d,
]);

/** PidTagMessageFlags mfSubmitted: what waited to be sent waits no more. [MS-OXCMSG] 2.2.1.6 */
const submitted = 0x4;

function dropOwn(item: ItemBag): void {
  const flags = getProperty(item, p.PidTagMessageFlags);
  if (flags !== undefined) item.bag.set(p.PidTagMessageFlags.tag, flags & ~submitted);
  for (const object of [item, ...item.recipients, ...item.attachments]) {
    for (const tag of object.bag.keys()) if (own.has(tagId(tag))) object.bag.delete(tag);
  }
}
