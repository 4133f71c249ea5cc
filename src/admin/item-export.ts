/** Items made of properties into files: iCalendar, vCard, .msg and TNEF. */
import { createWriteStream } from "node:fs";
import type { WriteStream } from "node:fs";
import { mkdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import { Fault, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import { namedKey } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { writeMsgItem } from "#convert/msg.ts";
import { writeTnef } from "#convert/tnef.ts";
import { noteComponent, taskComponent, writeTodos } from "#convert/todo/write.ts";
import { formatComponent } from "#convert/vcard/text.ts";
import { writeVcard } from "#convert/vcard/write.ts";
import type { VcardVersion } from "#convert/vcard/write.ts";
import type { Admin } from "#admin/admin.ts";
import { folderAt, foldersWithPaths, openMailbox } from "#admin/folders.ts";
import { importMark, ownUid } from "#admin/item-import.ts";
import { beginFolder, fileNames, finish, write } from "#admin/mail-export.ts";
import { Teller } from "#admin/transfer.ts";
import type { Progress } from "#admin/transfer.ts";
import { forMessage } from "#directory/address.ts";
import type { FolderInfo, Mailbox } from "#mailbox/api.ts";
import type { ItemRow, StoredItem } from "#mailbox/items-api.ts";
import { properties } from "#props/registry.ts";

const p = properties;

export type ItemFormat = "ics" | "vcf" | "msg" | "tnef";

export interface ItemExport {
  readonly address: string;
  readonly format: ItemFormat;
  readonly path: string;
  readonly folder: string | null;
  /** One file for each item. */
  readonly each: boolean;
  readonly vcard: VcardVersion;
  readonly zone: Zone;
  readonly progress?: Progress;
}

export interface ItemExportResult {
  exported: number;
  folders: number;
  failed: number;
  readonly skipped: { item: string; reason: string }[];
}

interface FormatRow {
  /** Folders that are exported when none is named. */
  readonly folders: RegExp;
  /** Items of such folders that the format holds. */
  readonly items: RegExp;
  readonly holds: string;
}

const formats: Readonly<Record<ItemFormat, FormatRow>> = {
  ics: {
    folders: /^IPF\.(?:Appointment|Task)\b/i, items: /^IPM\.(?:Appointment|Task|StickyNote|Activity)\b/i,
    holds: "appointments, tasks, notes and journal entries",
  },
  vcf: { folders: /^IPF\.Contact\b/i, items: /^IPM\.(?:Contact|DistList|AbchPerson)\b/i, holds: "contacts and lists" },
  msg: { folders: /^(?:IPF\.(?!Configuration)|$)/i, items: /(?:)/, holds: "items" },
  tnef: { folders: /^(?:IPF\.(?!Configuration)|$)/i, items: /(?:)/, holds: "items" },
};

/**
 * `path` ends in .ics or .vcf: one file with everything. Else a folder, which is made, or is empty: a file for each
 * folder of the mailbox, or with `each` (always for .msg and TNEF) a folder with a file for each item.
 */
export async function exportItems(ctx: Ctx, admin: Admin, request: ItemExport): Promise<ItemExportResult> {
  const mailbox = await openMailbox(ctx, admin, request.address);
  const folders = await foldersFor(ctx, mailbox, request);
  const run = new ExportRun(ctx, mailbox, request);
  const isEach = request.each || request.format === "msg" || request.format === "tnef";
  const isFile = !isEach && extname(request.path).toLowerCase() === `.${request.format}`;
  if (isFile) {
    await mustNotExist(request.path);
    await run.oneFile(request.path, folders);
    return run.result;
  }
  await beginFolder(request.path);
  for (const one of folders) {
    const names = fileNames(one.path);
    if (isEach) await run.eachItem(join(request.path, ...names), one);
    else await run.oneFile(`${join(request.path, ...names)}.${request.format}`, [one]);
  }
  return run.result;
}

interface ExportFolder {
  readonly folder: FolderInfo;
  readonly path: string;
}

async function foldersFor(ctx: Ctx, mailbox: Mailbox, { format, folder }: ItemExport): Promise<ExportFolder[]> {
  const all = await foldersWithPaths(ctx, mailbox);
  if (folder !== null) {
    const { folderId } = await folderAt(ctx, mailbox, folder);
    return all.filter((one) => one.folder.folderId === folderId);
  }
  return all.filter((one) => formats[format].folders.test(one.folder.containerClass) && !one.folder.isSearchFolder &&
    !one.folder.hidden && one.folder.messageCount > 0);
}

async function mustNotExist(path: string): Promise<void> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (info !== null) throw new Fault("alreadyExists", `${forMessage(path)} is there already; name a new file.`);
}

class ExportRun {
  readonly result: ItemExportResult = { exported: 0, folders: 0, failed: 0, skipped: [] };
  readonly #ctx: Ctx;
  readonly #mailbox: Mailbox;
  readonly #request: ItemExport;
  readonly #teller: Teller;

  constructor(ctx: Ctx, mailbox: Mailbox, request: ItemExport) {
    this.#ctx = ctx;
    this.#mailbox = mailbox;
    this.#request = request;
    this.#teller = new Teller(ctx, request.progress);
  }

  /** Written beside its name, and given it when it is whole. */
  async oneFile(path: string, folders: readonly ExportFolder[]): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    const draft = `${path}.part`;
    const out = createWriteStream(draft, { flags: "w", mode: 0o600 });
    try {
      if (this.#request.format === "ics") await this.#calendar(out, folders);
      else await this.#cards(out, folders);
    } catch (error) {
      out.destroy();
      await rm(draft, { force: true });
      throw error;
    }
    await finish(out);
    await rename(draft, path);
  }

  async eachItem(path: string, folder: ExportFolder): Promise<void> {
    await mkdir(path, { recursive: true });
    for await (const { row, item, label } of this.#items(folder)) {
      const bytes = this.#written(label, () => this.#encode(row, item));
      if (bytes === null) continue;
      const file = join(path, `${row.uid}.${this.#request.format}`);
      await writeFile(file, bytes, { flag: "wx", mode: 0o600 });
      await utimes(file, row.modifiedMs / 1000, row.modifiedMs / 1000);
      this.#count(folder.path);
    }
  }

  #encode(row: ItemRow, item: ItemBag): Uint8Array | string | null {
    const { format, vcard, zone } = this.#request;
    const uid = ownUid(this.#mailbox.mailboxId, row.itemId);
    if (format === "msg") return writeMsgItem(item);
    if (format === "tnef") return writeTnef(item);
    if (format === "vcf") return writeVcard(item, { version: vcard, uid });
    if (!isEvent(row)) return writeTodos([item], { uid, zone, stampMs: row.modifiedMs });
    return eventText(item, zone);
  }

  async #cards(out: WriteStream, folders: readonly ExportFolder[]): Promise<void> {
    for (const folder of folders) {
      for await (const { row, item, label } of this.#items(folder)) {
        const text = this.#written(label, () => this.#encode(row, item));
        if (text === null) continue;
        await write(out, text);
        this.#count(folder.path);
      }
    }
  }

  /** The zones of all events stand before them, so that all are held until the end. */
  async #calendar(out: WriteStream, folders: readonly ExportFolder[]): Promise<void> {
    const events: ItemBag[] = [];
    const others: string[] = [];
    let heldBytes = 0;
    for (const folder of folders) {
      for await (const { row, item, label } of this.#items(folder)) {
        const text = this.#written(label, () => isEvent(row) ? eventText(item, this.#request.zone)
          : this.#component(row, item));
        if (text === null) continue;
        heldBytes += text.length;
        if (heldBytes > limits.exportCalendarMaxBytes || events.length >= limits.calendarEventsMax) {
          throw new Fault("tooBig", "This calendar is too large for one file; export one file for each item (--each).");
        }
        if (isEvent(row)) events.push(item);
        else others.push(text);
        this.#count(folder.path);
      }
    }
    const calendar = writeCalendar(events, { zone: this.#request.zone });
    const end = calendar.lastIndexOf("END:VCALENDAR");
    await write(out, calendar.slice(0, end));
    for (const text of others) await write(out, text);
    await write(out, calendar.slice(end));
  }

  #component(row: ItemRow, item: ItemBag): string {
    const options = {
      uid: ownUid(this.#mailbox.mailboxId, row.itemId), zone: this.#request.zone, stampMs: row.modifiedMs,
    };
    const isTask = /^IPM\.Task\b/i.test(row.messageClass);
    return formatComponent(isTask ? taskComponent(item, options) : noteComponent(item, options));
  }

  #count(path: string): void {
    const count = ++this.result.exported;
    this.#teller.tell(() => `${count} exported; at ${path}`);
  }

  /** Items one after another; those that cannot be read or that the format does not hold are named and left out. */
  async *#items({ folder, path }: ExportFolder): AsyncGenerator<{ row: ItemRow; item: ItemBag; label: string }> {
    this.result.folders++;
    const { items: shape, holds } = formats[this.#request.format];
    for await (const rows of this.#mailbox.items.rows(this.#ctx, folder.folderId)) {
      for (const row of rows) {
        const label = `${path}/${row.uid} "${forMessage(row.subject)}"`;
        if (!shape.test(row.messageClass)) {
          this.#skip(label, `it is an ${forMessage(row.messageClass)}; .${this.#request.format} holds ${holds}`);
          continue;
        }
        const item = await this.#load(row, label);
        if (item !== null) yield { row, item, label };
        await yieldToOthers();
      }
    }
  }

  async #load(row: ItemRow, label: string): Promise<ItemBag | null> {
    try {
      const stored = await this.#mailbox.items.open(this.#ctx, row.messageId);
      return await loadWhole(this.#ctx, stored, { leftBytes: limits.messageSizeMaxBytes }, 0);
    } catch (error) {
      return this.#refused(label, error);
    }
  }

  #written<T>(label: string, make: () => T | null): T | null {
    try {
      const made = make();
      if (made === null) this.#skip(label, "it has no start, and a calendar shows only what has one");
      return made;
    } catch (error) {
      return this.#refused(label, error);
    }
  }

  #refused(label: string, error: unknown): null {
    const isExpected = error instanceof WireError || error instanceof RangeError ||
      (error instanceof Fault && error.code !== "cancelled");
    if (!isExpected) throw error;
    this.#skip(label, error.message);
    return null;
  }

  #skip(item: string, reason: string): void {
    this.result.failed++;
    if (this.result.skipped.length < limits.importTroublesToldMax) this.result.skipped.push({ item, reason });
  }
}

function isEvent({ messageClass }: ItemRow): boolean {
  return /^IPM\.Appointment\b/i.test(messageClass);
}

/** Null for an item without a start, which no calendar shows. */
function eventText(item: ItemBag, zone: Zone): string | null {
  const text = writeCalendar([item], { zone });
  return text.includes("BEGIN:VEVENT") ? text : null;
}

/** An item with the bytes of all its attachments. Fault `tooBig` for more than one message may have. */
async function loadWhole(
  ctx: Ctx, stored: StoredItem, room: { leftBytes: number }, depth: number,
): Promise<ItemBag> {
  if (depth > limits.itemDepthMax) throw new Fault("tooBig", "messages nested too deep");
  const item: ItemBag = { bag: stored.bag, named: stored.named, recipients: [...stored.recipients], attachments: [] };
  item.named.delete(namedKey(importMark));
  for (const { bag, named, content, isEmbedded, ...attachment } of stored.attachments) {
    if (isEmbedded) {
      const inner = await attachment.open(ctx);
      item.attachments.push({ bag, named, embedded: await loadWhole(ctx, inner, room, depth + 1) });
      continue;
    }
    if (content !== null) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content.stream(ctx)) {
        room.leftBytes -= piece.length;
        if (room.leftBytes < 0) throw new Fault("tooBig", "its attachments are larger than a message may be");
        pieces.push(piece);
      }
      bag.set(p.PidTagAttachDataBinary.tag, Buffer.concat(pieces));
    }
    item.attachments.push({ bag, named });
  }
  return item;
}
