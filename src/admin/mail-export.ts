/** Messages of a mailbox into files: single messages (eml), mbox, Maildir. The bytes are those that came in. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { WriteStream } from "node:fs";
import { mkdir, readdir, rename, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Admin } from "#admin/admin.ts";
import { folderAt, foldersWithPaths, openMailbox } from "#admin/folders.ts";
import { toMaildirInfo, toModifiedUtf7, toStatusHeaders } from "#admin/mail-flags.ts";
import { forMessage } from "#directory/address.ts";
import type { FolderInfo, Mailbox, MessageSummary } from "#mailbox/api.ts";

export type ExportFormat = "eml" | "mbox" | "maildir";

export interface ExportResult {
  exported: number;
  folders: number;
}

/**
 * Into the folder `path`, which is made, or is empty. Without `folder` every mail folder that holds something:
 * `Folder/UID.eml`, `Folder.mbox`, or Maildir++ with the inbox at its root.
 */
export async function exportMail(
  ctx: Ctx, admin: Admin, request: { address: string; format: ExportFormat; path: string; folder: string | null },
): Promise<ExportResult> {
  const mailbox = await openMailbox(ctx, admin, request.address);
  const only = request.folder === null ? null : await folderAt(ctx, mailbox, request.folder);
  await mkdir(request.path, { recursive: true });
  if ((await readdir(request.path)).length > 0) {
    throw new Fault("notAllowed", `${forMessage(request.path)} is not empty; export into a new folder.`);
  }
  const result: ExportResult = { exported: 0, folders: 0 };
  for (const { folder, path } of await foldersWithPaths(ctx, mailbox)) {
    const isMail = folder.containerClass === "" || /^IPF\.Note/i.test(folder.containerClass);
    if (only !== null ? folder.folderId !== only.folderId : !isMail || folder.isSearchFolder) continue;
    const isRoot = only !== null || folder.role === "inbox";
    if (folder.messageCount === 0 && !isRoot) continue;
    result.folders++;
    const exporter = makeExporter(request.format, request.path, path, isRoot);
    result.exported += await exportFolder(ctx, mailbox, folder, exporter);
  }
  return result;
}

interface Exporter {
  begin(): Promise<void>;
  message(row: MessageSummary, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  end(): Promise<void>;
}

async function exportFolder(ctx: Ctx, mailbox: Mailbox, folder: FolderInfo, exporter: Exporter): Promise<number> {
  let count = 0;
  await exporter.begin();
  for await (const rows of mailbox.summaries(ctx, folder.folderId, "all")) {
    for (const row of rows) {
      const content = await mailbox.content(ctx, row.contentId);
      await exporter.message(row, content.stream());
      count++;
    }
  }
  await exporter.end();
  return count;
}

function makeExporter(format: ExportFormat, path: string, folderPath: string, isRoot: boolean): Exporter {
  const parts = (folderPath.match(/(?:\\[\\/]|[^/])+/g) ?? []).map((part) => part.replace(/\\([\\/])/g, "$1"));
  if (format === "maildir") {
    const name = `.${parts.map((part) => toModifiedUtf7(part).replace(/[./]/g, "_")).join(".")}`;
    return maildirExporter(isRoot ? path : join(path, name));
  }
  const safe = parts.map((part) => part.replace(/[\\/:*?"<>|\0-\x1f]/g, "_").replace(/^\.+/, "_").slice(0, 120));
  return format === "eml" ? emlExporter(join(path, ...safe)) : mboxExporter(join(path, `${safe.join(".")}.mbox`));
}

function emlExporter(path: string): Exporter {
  return {
    async begin() {
      await mkdir(path, { recursive: true });
    },
    message: (row, bytes) => writeMessage(join(path, `${row.uid}.eml`), row, bytes),
    end: () => Promise.resolve(),
  };
}

function maildirExporter(path: string): Exporter {
  return {
    async begin() {
      for (const part of ["cur", "new", "tmp"]) await mkdir(join(path, part), { recursive: true });
    },
    async message(row, bytes) {
      const unique = `${Math.floor(row.internalMs / 1000)}.U${row.uid}.outpost`;
      const name = `${unique},S=${row.sizeBytes}:2,${toMaildirInfo(row.flags)}`;
      const draft = join(path, "tmp", name);
      await writeMessage(draft, row, bytes);
      await rename(draft, join(path, "cur", name));
    },
    end: () => Promise.resolve(),
  };
}

async function writeMessage(path: string, row: MessageSummary, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const out = createWriteStream(path, { flags: "wx", mode: 0o600 });
  for await (const chunk of bytes) await write(out, chunk);
  await finish(out);
  await utimes(path, row.internalMs / 1000, row.internalMs / 1000);
}

async function write(out: WriteStream, chunk: Uint8Array | string): Promise<void> {
  if (!out.write(chunk)) await once(out, "drain");
}

async function finish(out: WriteStream): Promise<void> {
  out.end();
  await once(out, "close");
}

/** mboxrd: lines end in LF, `From ` at the start of a line gets a `>`, and so does `>From `. */
function mboxExporter(path: string): Exporter {
  let out: WriteStream;
  return {
    begin() {
      out = createWriteStream(path, { flags: "wx", mode: 0o600 });
      return once(out, "open").then(() => undefined);
    },
    async message(row, bytes) {
      const sender = /^[\x21-\x7e]+$/.test(row.fromAddress) ? row.fromAddress : "MAILER-DAEMON";
      await write(out, `From ${sender} ${asctime(row.internalMs)}\n`);
      const status = toStatusHeaders(row.flags);
      const lines = new MboxLines(status);
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
  readonly #status: string;
  /** Start of a line that is not long enough yet to say whether it needs a `>`; also a CR at the end of a piece. */
  #rest: Buffer = Buffer.alloc(0);
  #atLineStart = true;
  #statusWritten = false;

  constructor(status: string) {
    this.#status = status;
  }

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
    if (line.length === 0 && !this.#statusWritten) {
      this.#statusWritten = true;
      pieces.push(Buffer.from(this.#status));
    }
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
    if (!this.#statusWritten) pieces.push(Buffer.from(this.#status));
    pieces.push(Buffer.from("\n"));
    return Buffer.concat(pieces);
  }
}
