/**
 * Content-addressed bytes in a folder: `blobs/ab/cd/<sha256>`. A blob is complete or absent: it is written under a
 * temporary name, synced, renamed, and its folder synced. Written once, never changed.
 */
import { createHash, randomUUID } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { mkdir, open, opendir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { Blobs, BlobWriter } from "#store/api.ts";
import type { DiskRoom } from "#store/disk-room.ts";

const pieceBytes = 256 * 1024;
const hashForm = /^[0-9a-f]{64}$/;
const condemnedPrefix = "condemned-";

export function blobPath(folder: string, hash: string): string {
  if (!hashForm.test(hash)) throw new Fault("invalidArgument", "A blob is named by 64 hexadecimal digits.");
  return join(folder, hash.slice(0, 2), hash.slice(2, 4), hash);
}

export class FolderBlobs implements Blobs {
  readonly #folder: string;
  readonly #room: DiskRoom | null;

  /** `room` refuses new bytes before the disk is full to the brim. */
  constructor(folder: string, room: DiskRoom | null = null) {
    this.#folder = folder;
    this.#room = room;
  }

  create(): BlobWriter {
    return new FolderBlobWriter(this.#folder, this.#room);
  }

  async read(hash: string, offset: number, length: number): Promise<Uint8Array> {
    const file = await this.#open(hash);
    try {
      const target = new Uint8Array(Math.max(0, Math.min(length, (await file.stat()).size - offset)));
      let filled = 0;
      while (filled < target.length) {
        const { bytesRead } = await file.read(target, filled, target.length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled === target.length ? target : target.subarray(0, filled);
    } finally {
      await file.close();
    }
  }

  async *stream(hash: string, offset = 0, length = Infinity): AsyncGenerator<Uint8Array> {
    const file = await this.#open(hash);
    try {
      let position = offset;
      let left = length;
      while (left > 0) {
        const piece = new Uint8Array(Math.min(pieceBytes, left));
        const { bytesRead } = await file.read(piece, 0, piece.length, position);
        if (bytesRead === 0) {
          if (left === Infinity) return;
          throw new Fault("corrupt", `The bytes ${hash.slice(0, 12)}… of this message are shorter than they were; ` +
            "the administrator should run outpost check.");
        }
        position += bytesRead;
        left -= bytesRead;
        yield bytesRead === piece.length ? piece : piece.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async *list(): AsyncGenerator<{ hash: string; sizeBytes: number; modifiedMs: number }> {
    const names = await opendir(this.#folder, { recursive: true }).catch(nothingThere);
    if (names === null) return;
    for await (const entry of names) {
      if (!entry.isFile() || !hashForm.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      const found = await stat(path).catch(nothingThere);
      if (found !== null) yield { hash: entry.name, sizeBytes: found.size, modifiedMs: found.mtimeMs };
    }
  }

  /**
   * Someone may find the blob kept and take it for a new message at this very moment. So it is set aside first and
   * looked at again: made young meanwhile, it goes back; and who comes later finds nothing and keeps bytes of his own.
   */
  async remove(hash: string, modifiedBeforeMs = Number.MAX_SAFE_INTEGER): Promise<boolean> {
    const path = blobPath(this.#folder, hash);
    const aside = join(this.#folder, "pending", `${condemnedPrefix}${hash}`);
    try {
      await mkdir(dirname(aside), { recursive: true, mode: 0o700 });
      if ((await stat(path)).mtimeMs >= modifiedBeforeMs) return false;
      await rename(path, aside);
      if ((await stat(aside)).mtimeMs >= modifiedBeforeMs) {
        await rename(aside, path);
        return false;
      }
      await rm(aside, { force: true });
      return true;
    } catch (error) {
      nothingThere(error);
      return false;
    }
  }

  async listPending(): Promise<{ name: string; sizeBytes: number; modifiedMs: number }[]> {
    const folder = join(this.#folder, "pending");
    const found = [];
    for (const name of await readdir(folder).catch(nothingThere) ?? []) {
      const state = await stat(join(folder, name)).catch(nothingThere);
      if (state !== null) found.push({ name, sizeBytes: state.size, modifiedMs: state.mtimeMs });
    }
    return found;
  }

  async removePending(name: string): Promise<void> {
    const path = join(this.#folder, "pending", name);
    if (name !== basename(path)) throw new Fault("invalidArgument", "This is no pending file.");
    const condemned = name.startsWith(condemnedPrefix) ? name.slice(condemnedPrefix.length) : null;
    // A removal that was cut short: nobody knows any more whether the bytes were wanted again, so they stay.
    if (condemned !== null && hashForm.test(condemned)) await rename(path, blobPath(this.#folder, condemned));
    else await rm(path, { force: true });
  }

  async #open(hash: string): Promise<FileHandle> {
    const path = blobPath(this.#folder, hash);
    const file = await open(path, "r").catch(nothingThere);
    if (file === null) throw missingBlob(path);
    return file;
  }
}

export function missingBlob(path: string): Fault {
  return new Fault("notFound", `The bytes ${basename(path).slice(0, 12)}… of this message are missing from the ` +
    "blob store; the administrator should run outpost check.");
}

class FolderBlobWriter implements BlobWriter {
  readonly #folder: string;
  readonly #room: DiskRoom | null;
  readonly #pendingPath: string;
  readonly #hash = createHash("sha256");
  #file: FileHandle | null = null;
  #sizeBytes = 0;
  #ended = false;
  /** A write that failed may have left a part behind: such bytes are never kept. */
  #failure: unknown = null;

  constructor(folder: string, room: DiskRoom | null) {
    this.#folder = folder;
    this.#room = room;
    this.#pendingPath = join(folder, "pending", randomUUID());
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    try {
      await this.#room?.require(chunk.length);
      this.#file ??= await this.#begin();
      await this.#file.writeFile(chunk);
    } catch (error) {
      this.#failure = toDiskFault(error);
      throw this.#failure;
    }
    this.#hash.update(chunk);
    this.#sizeBytes += chunk.length;
  }

  async finish(): Promise<{ hash: string; sizeBytes: number }> {
    if (this.#failure !== null) {
      await this.discard();
      throw this.#failure;
    }
    const hash = this.#hash.digest("hex");
    const path = blobPath(this.#folder, hash);
    try {
      this.#file ??= await this.#begin();
      if (await this.#isKept(path)) {
        await this.discard();
        return { hash, sizeBytes: this.#sizeBytes };
      }
      await this.#file.sync();
      await this.#file.close();
      this.#file = null;
      this.#ended = true;
      await makeFolder(dirname(path));
      await rename(this.#pendingPath, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await this.discard();
      throw toDiskFault(error);
    }
    return { hash, sizeBytes: this.#sizeBytes };
  }

  /**
   * The same bytes are there: only makes them young again, so that a sweep under way leaves them. Their folder is
   * synced here too, since who put them there may not have come that far. A file of another size is damaged and gives
   * way to the new one.
   */
  async #isKept(path: string): Promise<boolean> {
    const now = new Date();
    const found = await utimes(path, now, now).then(() => stat(path)).catch(nothingThere);
    if (found === null || found.size !== this.#sizeBytes) return false;
    await syncFolder(dirname(path));
    return true;
  }

  async discard(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      await this.#file?.close();
    } finally {
      this.#file = null;
      await rm(this.#pendingPath, { force: true });
    }
  }

  async #begin(): Promise<FileHandle> {
    await mkdir(dirname(this.#pendingPath), { recursive: true, mode: 0o700 });
    return await open(this.#pendingPath, "wx", 0o600);
  }
}

/** Makes a folder and its missing parents so that they outlive a power loss. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function nothingThere(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
  throw toDiskFault(error);
}

/** Disk errors as refusals a protocol can answer. */
export function toDiskFault(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new Fault("storageFull", "The server's disk is full; try again later.", { cause: error });
  }
  if (code === "EIO" || code === "EROFS" || code === "EMFILE" || code === "ENFILE" || code === "EFBIG") {
    return new Fault("unavailable", `The server's disk did not take the data (${code}); try again later.`,
      { cause: error });
  }
  return error;
}

/** For procedures: the bytes in pieces, without waiting for anything but the disk. */
export function readBlobSync(folder: string, hash: string, onChunk: (chunk: Uint8Array) => void): void {
  const file = openBlobSync(blobPath(folder, hash));
  try {
    for (;;) {
      const piece = new Uint8Array(pieceBytes);
      const size = readSync(file, piece);
      if (size === 0) return;
      onChunk(size === piece.length ? piece : piece.subarray(0, size));
    }
  } catch (error) {
    throw toDiskFault(error);
  } finally {
    closeSync(file);
  }
}

function openBlobSync(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ENOENT" ? missingBlob(path) : toDiskFault(error);
  }
}
