/** Messages from files into a mailbox: single messages (eml), mbox, Maildir with its subfolders. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Admin } from "#admin/admin.ts";
import { ensureFolder, openMailbox } from "#admin/folders.ts";
import { filesAt } from "#admin/import-files.ts";
import type { FoundFile } from "#admin/import-files.ts";
import {
  fromKeywordLine, fromMaildirName, fromModifiedUtf7, fromStatus, keywordsOfMaildir, noMarks, readFlagFile,
  readKeywordFile,
} from "#admin/mail-flags.ts";
import type { Marks } from "#admin/mail-flags.ts";
import { headOf, KnownMail } from "#admin/mail-known.ts";
import { namesOfPath, placeFor } from "#admin/special-folders.ts";
import { runImport } from "#admin/transfer.ts";
import type { ImportResult, ImportRun, TransferOptions } from "#admin/transfer.ts";
import { forMessage } from "#directory/address.ts";
import type { Upload } from "#mailbox/api.ts";

export type ImportFormat = "eml" | "mbox" | "maildir";

export interface MailImport extends TransferOptions {
  readonly address: string;
  readonly format: ImportFormat;
  readonly path: string;
  readonly folder: string | null;
}

/** Where messages go, and what is there already. */
interface Target {
  readonly run: ImportRun;
  readonly folderId: FolderId;
  readonly known: KnownMail;
}

/**
 * `folder`: where it goes; without it, messages of a file into the inbox, and those of subfolders into folders of the
 * same names.
 */
export async function importMail(ctx: Ctx, admin: Admin, request: MailImport): Promise<ImportResult> {
  const mailbox = await openMailbox(ctx, admin, request.address);
  const { format, path, folder } = request;
  if (format === "maildir") {
    const names = await readdir(path).catch((error: Error) => {
      throw new Fault("notFound", `${forMessage(path)} cannot be read: ${error.message}`);
    });
    return await runImport(ctx, mailbox, request, (run) => importMaildir(run, path, names, folder));
  }
  const files = await filesAt(path, format === "eml" ? [".eml", ".txt"] : [".mbox", ".mbx", ".txt"]);
  const isFolder = (await stat(path)).isDirectory();
  return await runImport(ctx, mailbox, request, async (run) => {
    const targets = new Targets(run, folder);
    for (const found of files) {
      if (format === "eml") await importEml(targets, found);
      else await importMbox(targets, found, isFolder);
    }
  });
}

/** Folders of the mailbox by the names that lead there. */
class Targets {
  readonly run: ImportRun;
  readonly #below: readonly string[] | null;
  readonly #targets = new Map<string, Target>();
  readonly flagFiles = new Map<string, ReadonlyMap<string, Marks>>();

  constructor(run: ImportRun, below: string | null) {
    this.run = run;
    this.#below = below === null ? null : namesOfPath(below);
  }

  async at(names: readonly string[]): Promise<Target> {
    const key = names.join("\0");
    const known = this.#targets.get(key);
    if (known !== undefined) return known;
    const { ctx, mailbox } = this.run;
    const whole = [...this.#below ?? [], ...names];
    const { folderId } = whole.length === 0 ? await ensureFolder(ctx, mailbox, "Inbox")
      : await placeFor(ctx, mailbox, whole);
    const target: Target = {
      run: this.run, folderId, known: await KnownMail.of(ctx, mailbox, folderId, this.run.again),
    };
    this.#targets.set(key, target);
    return target;
  }
}

async function importEml(targets: Targets, { file, folder }: FoundFile): Promise<void> {
  const flagFile = join(dirname(file), "flags.tsv");
  const marks = targets.flagFiles.get(flagFile) ?? await readFlagFile(flagFile);
  targets.flagFiles.set(flagFile, marks);
  await importFile(await targets.at(folder), file, marks.get(basename(file)) ?? noMarks);
}

async function importMaildir(
  run: ImportRun, path: string, names: readonly string[], folder: string | null,
): Promise<void> {
  if (!names.includes("cur") && !names.includes("new")) {
    throw new Fault("notFound", `${forMessage(path)} is not a Maildir: it has no folder cur or new.`);
  }
  const targets = new Targets(run, folder);
  const subfolders = names.filter((name) => name.startsWith(".") && name.length > 1 && name !== "..").sort();
  for (const name of ["", ...subfolders]) {
    const parts = name === "" ? [] : name.slice(1).split(".").map((part) => fromModifiedUtf7(part));
    const target = await targets.at(parts);
    const keywords = await readKeywordFile(join(path, name, "dovecot-keywords"));
    for (const part of ["cur", "new"]) {
      for (const file of await listIfThere(join(path, name, part))) {
        const marks = part === "new" ? noMarks
          : { flags: fromMaildirName(file), keywords: keywordsOfMaildir(file, keywords) };
        await importFile(target, join(path, name, part, file), marks);
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
async function importFile(target: Target, file: string, marks: Marks): Promise<void> {
  const info = await stat(file);
  if (!info.isFile() || info.size === 0) {
    target.run.fail(file, "not a file with a message");
    return;
  }
  const message = new IncomingMessage(target);
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) await message.write(chunk as Buffer);
  await message.finish(file, marks, Math.round(info.mtimeMs));
}

const lineMax = 1024 * 1024;

/** Messages begin at lines `From …` after an empty line; `>From ` loses one `>`. RFC 4155 Appendix A, mboxrd. */
async function importMbox(targets: Targets, { file, folder }: FoundFile, isOfFolder: boolean): Promise<void> {
  const name = basename(file).replace(/\.[^.]+$/, "");
  const reader = new MboxReader(await targets.at(isOfFolder ? [...folder, name] : []), file);
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
  #keywords = "";
  /** Marks before all other fields are those of the file; the message may have some of its own then. */
  #marks: "first" | "ended" | "anywhere" | null = null;
  #count = 0;

  constructor(target: Target, file: string) {
    this.#target = target;
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
    this.#message = new IncomingMessage(this.#target);
    this.#count++;
    const date = Date.parse(`${line.toString("latin1").replace(/^From \S*\s*/, "").trim()} UTC`);
    this.#internalMs = Number.isNaN(date) ? null : date;
    this.#inHeader = true;
    this.#headerEndWritten = false;
    this.#afterEmpty = false;
    this.#status = "";
    this.#xStatus = "";
    this.#keywords = "";
    this.#marks = null;
  }

  #takeStatus(line: Buffer): boolean {
    const isMark = this.#marks !== "ended" && this.#readMark(line);
    this.#marks ??= isMark ? "first" : "anywhere";
    if (!isMark && this.#marks === "first") this.#marks = "ended";
    return isMark;
  }

  #readMark(line: Buffer): boolean {
    const words = /^x-keywords:(.*)$/is.exec(line.subarray(0, 8192).toString("latin1"))?.[1];
    if (words !== undefined) {
      this.#keywords = words;
      return true;
    }
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
    const words = fromKeywordLine(this.#keywords);
    const marks = { flags: fromStatus(this.#status, this.#xStatus) | words.flags, keywords: words.keywords };
    await message?.finish(`${this.#file}, message ${this.#count}`, marks, this.#internalMs);
  }
}

/** Bytes on their way into a folder; lines that end in LF alone get their CR. */
class IncomingMessage {
  readonly #target: Target;
  readonly #upload: Upload;
  #pieces: Buffer[] = [];
  #heldBytes = 0;
  #lastByte = 0;
  /** The first bytes, to find the like of the message. */
  #head: Buffer = Buffer.alloc(0);
  /** Why it was refused while its bytes came in: the rest of them is passed over. */
  #refusal: Fault | null = null;

  constructor(target: Target) {
    this.#target = target;
    this.#upload = target.run.mailbox.beginUpload(target.run.ctx, null);
  }

  async write(bytes: Buffer): Promise<void> {
    if (this.#refusal !== null) return;
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
    const bytes = Buffer.concat(this.#pieces.splice(0));
    this.#heldBytes = 0;
    if (bytes.length === 0) return;
    const missing = limits.importHeadMaxBytes - this.#head.length;
    if (missing > 0) this.#head = Buffer.concat([this.#head, bytes.subarray(0, missing)]);
    try {
      await this.#upload.write(bytes);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#refusal = error;
    }
  }

  async finish(file: string, { flags, keywords }: Marks, internalMs: number | null): Promise<void> {
    const { run, folderId, known } = this.#target;
    await this.#flush();
    const refusal = this.#upload.sizeBytes === 0 ? new Fault("invalidArgument", "the message is empty") : this.#refusal;
    const isKnown = refusal === null && await known.take(headOf(this.#head), this.#upload.sizeBytes);
    if (refusal !== null || isKnown) {
      await this.#upload.discard();
      if (refusal !== null) run.refuse(file, refusal);
      else run.result.present++;
      return;
    }
    await run.lanes.start(Math.min(this.#upload.sizeBytes, limits.blobThresholdBytes), async () => {
      try {
        await run.mailbox.append(run.ctx, { folderId, upload: this.#upload, keywords, internalMs, flags });
        run.result.imported++;
      } catch (error) {
        await this.#upload.discard();
        run.refuse(file, error);
      }
    });
    run.tell(file);
  }
}
