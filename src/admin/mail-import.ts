/** Messages from files into a mailbox: single messages (eml), mbox, Maildir with its subfolders. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import type { Admin } from "#admin/admin.ts";
import { ensureFolder, openMailbox } from "#admin/folders.ts";
import { fromMaildirName, fromModifiedUtf7, fromStatus } from "#admin/mail-flags.ts";
import { forMessage } from "#directory/address.ts";
import type { Mailbox, Upload } from "#mailbox/api.ts";

export type ImportFormat = "eml" | "mbox" | "maildir";

export interface ImportResult {
  imported: number;
  /** Files that hold no message, or one that was refused, with the reason. */
  readonly skipped: { file: string; reason: string }[];
}

interface Target {
  readonly ctx: Ctx;
  readonly mailbox: Mailbox;
  readonly result: ImportResult;
}

/** `folder`: where eml and mbox go; a Maildir's own folders go below it. */
export async function importMail(
  ctx: Ctx, admin: Admin, request: { address: string; format: ImportFormat; path: string; folder: string | null },
): Promise<ImportResult> {
  const mailbox = await openMailbox(ctx, admin, request.address);
  const target: Target = { ctx, mailbox, result: { imported: 0, skipped: [] } };
  const info = await stat(request.path).catch((error: Error) => {
    throw new Fault("notFound", `${forMessage(request.path)} cannot be read: ${error.message}`);
  });
  if (request.format === "maildir") {
    await importMaildir(target, request.path, request.folder);
    return target.result;
  }
  const files = info.isDirectory()
    ? (await readdir(request.path)).filter((name) => /\.(?:eml|mbox|txt)$/i.test(name)).sort()
      .map((name) => join(request.path, name))
    : [request.path];
  if (files.length === 0) throw new Fault("notFound", `${forMessage(request.path)} holds no .${request.format} file.`);
  if (request.format === "eml") {
    const { folderId } = await ensureFolder(ctx, mailbox, request.folder ?? "Inbox");
    for (const file of files) await importFile(target, folderId, file, 0);
    return target.result;
  }
  for (const file of files) {
    const name = info.isDirectory() ? basename(file).replace(/\.[^.]+$/, "") : "Inbox";
    const { folderId } = await ensureFolder(ctx, mailbox, request.folder ?? name);
    await importMbox(target, folderId, file);
  }
  return target.result;
}

async function importMaildir(target: Target, path: string, folder: string | null): Promise<void> {
  const names = await readdir(path);
  if (!names.includes("cur") && !names.includes("new")) {
    throw new Fault("notFound", `${forMessage(path)} is not a Maildir: it has no folder cur or new.`);
  }
  const subfolders = names.filter((name) => name.startsWith(".") && name.length > 1 && name !== "..").sort();
  for (const name of ["", ...subfolders]) {
    const parts = name === "" ? []
      : name.slice(1).split(".").map((part) => fromModifiedUtf7(part).replaceAll("/", "\\/"));
    const at = [...folder === null ? [] : [folder], ...parts];
    const info = await ensureFolder(target.ctx, target.mailbox, at.length === 0 ? "Inbox" : at.join("/"));
    for (const part of ["cur", "new"]) {
      for (const file of await listIfThere(join(path, name, part))) {
        const flags = part === "new" ? 0 : fromMaildirName(file);
        await importFile(target, info.folderId, join(path, name, part, file), flags);
      }
    }
  }
}

async function listIfThere(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** One file with one message. Its date of change is the date of arrival. */
async function importFile(target: Target, folderId: FolderId, file: string, flags: number): Promise<void> {
  const info = await stat(file);
  if (!info.isFile() || info.size === 0) {
    target.result.skipped.push({ file, reason: "not a file with a message" });
    return;
  }
  const message = new IncomingMessage(target, folderId);
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) await message.write(chunk as Buffer);
  await message.finish(file, flags, Math.round(info.mtimeMs));
}

const lineMax = 1024 * 1024;

/** Messages begin at lines `From …` after an empty line; `>From ` loses one `>`. RFC 4155 Appendix A, mboxrd. */
async function importMbox(target: Target, folderId: FolderId, file: string): Promise<void> {
  const reader = new MboxReader(target, folderId, file);
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) {
    const bytes: Buffer = rest.length === 0 ? chunk as Buffer : Buffer.concat([rest, chunk as Buffer]);
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      await reader.line(bytes.subarray(start, end + 1));
      start = end + 1;
    }
    // A line without end is passed on in pieces; it cannot begin a message any more.
    if (bytes.length - start > lineMax) {
      await reader.line(bytes.subarray(start));
      start = bytes.length;
    }
    rest = bytes.subarray(start);
  }
  if (rest.length > 0) await reader.line(rest);
  await reader.end();
}

class MboxReader {
  readonly #target: Target;
  readonly #folderId: FolderId;
  readonly #file: string;
  #message: IncomingMessage | null = null;
  #internalMs: number | null = null;
  #inHeader = false;
  #afterEmpty = true;
  /** An empty line is held back: the one before the next `From ` belongs to the format. */
  #heldEmpty: Buffer | null = null;
  #headerEndWritten = false;
  #status = "";
  #xStatus = "";

  constructor(target: Target, folderId: FolderId, file: string) {
    this.#target = target;
    this.#folderId = folderId;
    this.#file = file;
  }

  async line(line: Buffer): Promise<void> {
    const isEmpty = line.length === 1 || (line.length === 2 && line[0] === 13 && line[1] === 10);
    if (this.#afterEmpty && line.subarray(0, 5).toString("latin1") === "From ") {
      await this.end();
      this.#begin(line);
      return;
    }
    this.#afterEmpty = isEmpty;
    if (this.#message === null) {
      if (isEmpty) return;
      throw new Fault("invalidArgument", `${this.#file} is not an mbox file: it does not begin with "From ".`);
    }
    if (this.#inHeader && !isEmpty && this.#takeStatus(line)) return;
    if (isEmpty) this.#inHeader = false;
    if (this.#heldEmpty !== null) {
      await this.#message.write(this.#heldEmpty);
      this.#headerEndWritten = true;
    }
    this.#heldEmpty = isEmpty ? Buffer.from(line) : null;
    if (isEmpty) return;
    const isQuoted = line[0] === 0x3e && /^>+From /.test(line.subarray(0, 80).toString("latin1"));
    await this.#message.write(isQuoted ? line.subarray(1) : line);
  }

  #begin(line: Buffer): void {
    this.#message = new IncomingMessage(this.#target, this.#folderId);
    const date = Date.parse(`${line.toString("latin1").replace(/^From \S*\s*/, "").trim()} UTC`);
    this.#internalMs = Number.isNaN(date) ? null : date;
    this.#inHeader = true;
    this.#headerEndWritten = false;
    this.#afterEmpty = false;
    this.#status = "";
    this.#xStatus = "";
  }

  #takeStatus(line: Buffer): boolean {
    const match = /^(x-)?status:\s*([A-Za-z]*)\s*$/i.exec(line.subarray(0, 80).toString("latin1"));
    if (match === null) return false;
    if (match[1] === undefined) this.#status = match[2]!;
    else this.#xStatus = match[2]!;
    return true;
  }

  async end(): Promise<void> {
    const message = this.#message;
    this.#message = null;
    // A message that is only a header still ends in its empty line.
    if (message !== null && this.#heldEmpty !== null && !this.#headerEndWritten) await message.write(this.#heldEmpty);
    this.#heldEmpty = null;
    const flags = fromStatus(this.#status, this.#xStatus);
    await message?.finish(this.#file, flags, this.#internalMs);
  }
}

/** Bytes on their way into a folder; lines that end in LF alone get their CR. */
class IncomingMessage {
  readonly #target: Target;
  readonly #folderId: FolderId;
  readonly #upload: Upload;
  #pieces: Buffer[] = [];
  #heldBytes = 0;
  #lastByte = 0;

  constructor(target: Target, folderId: FolderId) {
    this.#target = target;
    this.#folderId = folderId;
    this.#upload = target.mailbox.beginUpload(target.ctx, null);
  }

  async write(bytes: Buffer): Promise<void> {
    let start = 0;
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) {
      const before = at === 0 ? this.#lastByte : bytes[at - 1]!;
      if (before === 13) continue;
      this.#push(bytes.subarray(start, at));
      this.#push(Buffer.from("\r\n"));
      start = at + 1;
    }
    this.#push(bytes.subarray(start));
    if (bytes.length > 0) this.#lastByte = bytes[bytes.length - 1]!;
    if (this.#heldBytes >= 256 * 1024) await this.#flush();
  }

  #push(bytes: Buffer): void {
    if (bytes.length === 0) return;
    // A copy: the reader's buffer is used again.
    this.#pieces.push(Buffer.from(bytes));
    this.#heldBytes += bytes.length;
  }

  async #flush(): Promise<void> {
    const pieces = this.#pieces.splice(0);
    this.#heldBytes = 0;
    if (pieces.length > 0) await this.#upload.write(Buffer.concat(pieces));
  }

  async finish(file: string, flags: number, internalMs: number | null): Promise<void> {
    const { ctx, mailbox, result } = this.#target;
    try {
      await this.#flush();
      if (this.#upload.sizeBytes === 0) throw new Fault("invalidArgument", "the message is empty");
      await mailbox.append(ctx, { folderId: this.#folderId, upload: this.#upload, keywords: [], internalMs, flags });
      result.imported++;
    } catch (error) {
      await this.#upload.discard();
      if (!(error instanceof Fault) || (error.code !== "tooBig" && error.code !== "invalidArgument")) throw error;
      result.skipped.push({ file, reason: error.message });
    }
  }
}
