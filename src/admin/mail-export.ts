/**
 * Messages of a mailbox into files: single messages (eml), mbox, Maildir. The bytes are those that came in; of what was
 * never MIME, those that IMAP shows.
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { WriteStream } from "node:fs";
import { mkdir, readdir, rename, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Admin } from "#admin/admin.ts";
import { folderAt, foldersWithPaths, openMailbox } from "#admin/folders.ts";
import { namesOfPath } from "#admin/special-folders.ts";
import {
  MaildirKeywords, toFlagLine, toKeywordLine, toMaildirInfo, toModifiedUtf7, toStatusHeaders,
} from "#admin/mail-flags.ts";
import { Teller } from "#admin/transfer.ts";
import type { Progress } from "#admin/transfer.ts";
import { forMessage } from "#directory/address.ts";
import type { FolderInfo, Mailbox, MessageSummary } from "#mailbox/api.ts";

export type ExportFormat = "eml" | "mbox" | "maildir";

export interface ExportResult {
  exported: number;
  folders: number;
}

export interface MailExport {
  readonly address: string;
  readonly format: ExportFormat;
  readonly path: string;
  readonly folder: string | null;
  readonly progress?: Progress;
}

/** Makes the folder an export goes into. Fault `notAllowed` when it holds something. */
export async function beginFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  if ((await readdir(path)).length > 0) {
    throw new Fault("notAllowed", `${forMessage(path)} is not empty; export into a new folder.`);
  }
}

/**
 * Into the folder `path`, which is made, or is empty. Without `folder` every mail folder that holds something:
 * `Folder/UID.eml` with flags in `Folder/flags.tsv`, `Folder.mbox`, or Maildir++ with the inbox at its root.
 */
export async function exportMail(ctx: Ctx, admin: Admin, request: MailExport): Promise<ExportResult> {
  const mailbox = await openMailbox(ctx, admin, request.address);
  const only = request.folder === null ? null : await folderAt(ctx, mailbox, request.folder);
  await beginFolder(request.path);
  const teller = new Teller(ctx, request.progress);
  const result: ExportResult = { exported: 0, folders: 0 };
  for (const { folder, path } of await foldersWithPaths(ctx, mailbox)) {
    const isMail = folder.containerClass === "" || /^IPF\.Note/i.test(folder.containerClass);
    if (only !== null ? folder.folderId !== only.folderId : !isMail || folder.isSearchFolder) continue;
    const isRoot = only !== null || folder.role === "inbox";
    if (folder.messageCount === 0 && !isRoot) continue;
    result.folders++;
    const exporter = makeExporter(request.format, request.path, path, isRoot);
    const before = result.exported;
    result.exported += await exportFolder(ctx, mailbox, folder, exporter,
      (count) => teller.tell(() => `${before + count} exported; at ${path}`));
  }
  return result;
}

interface Exporter {
  begin(): Promise<void>;
  message(row: MessageSummary, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  end(): Promise<void>;
}

async function exportFolder(
  ctx: Ctx, mailbox: Mailbox, folder: FolderInfo, exporter: Exporter, tell: (count: number) => void,
): Promise<number> {
  let count = 0;
  await exporter.begin();
  for await (const rows of mailbox.summaries(ctx, folder.folderId, "all")) {
    for (const row of rows) {
      const content = await mailbox.content(ctx, row.contentId);
      await exporter.message(row, content.stream());
      tell(++count);
    }
  }
  await exporter.end();
  return count;
}

/** The names of a path as names of files: what no file system takes is replaced. */
export function fileNames(folderPath: string): string[] {
  return namesOfPath(folderPath).map((part) =>
    part.replace(/[\\/:*?"<>|\0-\x1f]/g, "_").replace(/^\.+/, "_").slice(0, 120));
}

/** A dot parts folders and a slash parts files: both are written as other signs are. */
function toMaildirName(name: string): string {
  return toModifiedUtf7(name).replaceAll(".", "&AC4-").replaceAll("/", "&AC8-");
}

function makeExporter(format: ExportFormat, path: string, folderPath: string, isRoot: boolean): Exporter {
  if (format === "maildir") {
    const name = `.${namesOfPath(folderPath).map(toMaildirName).join(".")}`;
    return maildirExporter(isRoot ? path : join(path, name));
  }
  const safe = fileNames(folderPath);
  if (format === "eml") return emlExporter(join(path, ...safe));
  return mboxExporter(join(path, ...safe.slice(0, -1)), `${safe.at(-1) ?? "Inbox"}.mbox`);
}

function emlExporter(path: string): Exporter {
  let flagFile: WriteStream | null = null;
  return {
    async begin() {
      await mkdir(path, { recursive: true });
    },
    async message(row, bytes) {
      await writeMessage(join(path, `${row.uid}.eml`), row, bytes);
      if (row.flags === 0 && row.keywords.length === 0) return;
      flagFile ??= createWriteStream(join(path, "flags.tsv"), { flags: "wx", mode: 0o600 });
      await write(flagFile, toFlagLine(`${row.uid}.eml`, row));
    },
    end: () => flagFile === null ? Promise.resolve() : finish(flagFile),
  };
}

function maildirExporter(path: string): Exporter {
  const words = new MaildirKeywords();
  return {
    async begin() {
      for (const part of ["cur", "new", "tmp"]) await mkdir(join(path, part), { recursive: true });
    },
    async message(row, bytes) {
      const unique = `${Math.floor(row.internalMs / 1000)}.U${row.uid}.outpost`;
      const name = `${unique},S=${row.sizeBytes}:2,${toMaildirInfo(row.flags)}${words.lettersOf(row.keywords)}`;
      const draft = join(path, "tmp", name);
      await writeMessage(draft, row, bytes);
      await rename(draft, join(path, "cur", name));
    },
    async end() {
      const list = words.file();
      if (list !== "") await writeFile(join(path, "dovecot-keywords"), list, { flag: "wx", mode: 0o600 });
    },
  };
}

async function writeMessage(path: string, row: MessageSummary, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const out = createWriteStream(path, { flags: "wx", mode: 0o600 });
  for await (const chunk of bytes) await write(out, chunk);
  await finish(out);
  await utimes(path, row.internalMs / 1000, row.internalMs / 1000);
}

export async function write(out: WriteStream, chunk: Uint8Array | string): Promise<void> {
  if (!out.write(chunk)) await once(out, "drain");
}

export async function finish(out: WriteStream): Promise<void> {
  out.end();
  await once(out, "close");
}

/** mboxrd: lines end in LF, `From ` at the start of a line gets a `>`, and so does `>From `. */
function mboxExporter(folder: string, name: string): Exporter {
  let out: WriteStream;
  return {
    async begin() {
      await mkdir(folder, { recursive: true });
      out = createWriteStream(join(folder, name), { flags: "wx", mode: 0o600 });
      await once(out, "open");
    },
    async message(row, bytes) {
      const sender = /^[\x21-\x7e]+$/.test(row.fromAddress) ? row.fromAddress : "MAILER-DAEMON";
      // Marks stand first, where a reader finds them also in a message whose header is broken.
      const marks = toStatusHeaders(row.flags) + toKeywordLine(row.flags, row.keywords);
      await write(out, `From ${sender} ${asctime(row.internalMs)}\n${marks}`);
      const lines = new MboxLines();
      for await (const chunk of bytes) await write(out, lines.convert(chunk));
      await write(out, lines.end());
    },
    end: () => finish(out),
  };
}

/** `Thu Jan  1 00:00:00 1970`, UTC. RFC 4155 Appendix A */
export function asctime(ms: number): string {
  const [day, date, month, year, time] = new Date(ms).toUTCString().replace(",", "").split(" ");
  return `${day} ${month} ${String(Number(date)).padStart(2, " ")} ${time} ${year}`;
}

/** One message on its way into an mbox, piece by piece. */
export class MboxLines {
  /** Start of a line that is not long enough yet to say whether it needs a `>`; also a CR at the end of a piece. */
  #rest: Buffer = Buffer.alloc(0);
  #atLineStart = true;

  convert(chunk: Uint8Array): Buffer {
    const bytes = Buffer.concat([this.#rest, chunk]);
    const pieces: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      const lineEnd = end > start && bytes[end - 1] === 13 ? end - 1 : end;
      if (this.#atLineStart) this.#beginLine(bytes.subarray(start, lineEnd), pieces);
      pieces.push(bytes.subarray(start, lineEnd), Buffer.from("\n"));
      this.#atLineStart = true;
      start = end + 1;
    }
    const last = bytes.subarray(start);
    if (this.#atLineStart && last.length <= 1024) {
      this.#rest = Buffer.from(last);
    } else {
      if (this.#atLineStart) this.#beginLine(last, pieces);
      this.#atLineStart = false;
      const keep = last[last.length - 1] === 13 ? 1 : 0;
      pieces.push(last.subarray(0, last.length - keep));
      this.#rest = Buffer.from(last.subarray(last.length - keep));
    }
    return Buffer.concat(pieces);
  }

  #beginLine(line: Buffer, pieces: Buffer[]): void {
    if ((line[0] === 0x3e || line[0] === 0x46) && /^>*From /.test(line.subarray(0, 1024).toString("latin1"))) {
      pieces.push(Buffer.from(">"));
    }
  }

  /** The last line with an end, and the empty line between messages. */
  end(): Buffer {
    const pieces: Buffer[] = [];
    if (this.#rest.length > 0) {
      if (this.#atLineStart) this.#beginLine(this.#rest, pieces);
      pieces.push(this.#rest, Buffer.from("\n"));
    } else if (!this.#atLineStart) {
      pieces.push(Buffer.from("\n"));
    }
    pieces.push(Buffer.from("\n"));
    return Buffer.concat(pieces);
  }
}
