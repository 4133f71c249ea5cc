import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { MailboxId } from "#base/ids.ts";
import { serverScope } from "#store/api.ts";

/** Where things lie below the data folder. */
export function serverFile(dataDir: string): string {
  return join(dataDir, "server.db");
}

/** Mailbox files are spread over 256 folders so that no folder grows too large. */
export function mailboxFile(dataDir: string, mailboxId: MailboxId): string {
  const shelf = (mailboxId % 256).toString(16).padStart(2, "0");
  return join(dataDir, "mailboxes", shelf, `${mailboxId}.db`);
}

/** Ids of the mailboxes that have a file, ascending. */
export async function listMailboxFiles(dataDir: string): Promise<MailboxId[]> {
  const root = join(dataDir, "mailboxes");
  const found: number[] = [];
  for (const shelf of await readdir(root).catch(noFolder)) {
    if (!/^[0-9a-f]{2}$/.test(shelf)) continue;
    for (const name of await readdir(join(root, shelf))) {
      const id = Number(/^([1-9]\d{0,14})\.db$/.exec(name)?.[1]);
      if (Number.isSafeInteger(id) && mailboxFile(dataDir, id as MailboxId) === join(root, shelf, name)) found.push(id);
    }
  }
  return found.sort((left, right) => left - right) as MailboxId[];
}

function noFolder(error: unknown): string[] {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
  throw error;
}

export function scopeFile(dataDir: string, scope: MailboxId): string {
  return scope === serverScope ? serverFile(dataDir) : mailboxFile(dataDir, scope);
}

export function blobFolder(dataDir: string): string {
  return join(dataDir, "blobs");
}

/** Longest name of a local socket that every system takes, bytes. */
const socketNameMaxBytes = 100;

/** The local socket on which a running server takes hints from the command line. */
export function hintSocket(dataDir: string): string {
  const path = join(dataDir, "hints.sock");
  if (Buffer.byteLength(path) <= socketNameMaxBytes) return path;
  return join(tmpdir(), `outpost-${createHash("sha256").update(resolve(dataDir)).digest("hex").slice(0, 24)}.sock`);
}

/** Makes a folder and its missing parents so that they outlive a power loss. */
export function makeFolderSync(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    const parent = openSync(dirname(made), "r");
    try {
      fsyncSync(parent);
    } finally {
      closeSync(parent);
    }
  }
}
