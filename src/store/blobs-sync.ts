/** Blobs for the thread that prepares procedures: there waiting for the disk holds nobody up. */
import { createHash, randomUUID } from "node:crypto";
import {
  closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { PrepareIo } from "#store/api.ts";
import { blobPath, missingBlob, readBlobSync, toDiskFault } from "#store/blobs.ts";

export function prepareIoOf(folder: string): PrepareIo {
  return {
    readBlob: (hash, onChunk) => readBlobSync(folder, hash, onChunk),
    readBlobRange: (hash, offset, length) => readBlobRangeSync(folder, hash, offset, length),
    writeBlob: (chunks) => writeBlobSync(folder, chunks),
  };
}

function readBlobRangeSync(folder: string, hash: string, offset: number, length: number): Uint8Array {
  const path = blobPath(folder, hash);
  if (!existsSync(path)) throw missingBlob(path);
  const file = openSync(path, "r");
  try {
    const target = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const size = readSync(file, target, filled, length - filled, offset + filled);
      if (size === 0) break;
      filled += size;
    }
    return filled === length ? target : target.subarray(0, filled);
  } catch (error) {
    throw toDiskFault(error);
  } finally {
    closeSync(file);
  }
}

/** Complete and on disk when it returns, like the blobs of `FolderBlobs`. */
function writeBlobSync(folder: string, chunks: Iterable<Uint8Array>): { hash: string; sizeBytes: number } {
  const pending = join(folder, "pending", randomUUID());
  const digest = createHash("sha256");
  let sizeBytes = 0;
  try {
    mkdirSync(dirname(pending), { recursive: true, mode: 0o700 });
    const file = openSync(pending, "wx", 0o600);
    try {
      for (const chunk of chunks) {
        for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at);
        digest.update(chunk);
        sizeBytes += chunk.length;
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    const hash = digest.digest("hex");
    keep(pending, blobPath(folder, hash));
    return { hash, sizeBytes };
  } catch (error) {
    rmSync(pending, { force: true });
    throw toDiskFault(error);
  }
}

/** Bytes that are there already are put in their own place: young again, a sweep under way leaves them. */
function keep(pending: string, path: string): void {
  const first = mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (first !== undefined) {
    for (let made = dirname(path); made.length >= first.length; made = dirname(made)) syncFolder(dirname(made));
  }
  renameSync(pending, path);
  syncFolder(dirname(path));
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
