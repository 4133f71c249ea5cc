/**
 * Keeps the last part of the disk free of new mail. On a disk filled to the brim nothing works any more: a mailbox
 * cannot even be opened for reading, because the database needs a few pages of its own. So new messages are refused a
 * little earlier, and reading, marking and deleting, which makes room again, go on.
 */
import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault } from "#base/fault.ts";

const mebibyte = 1024 * 1024;
const freshForMs = 250;
/** Bytes on disk for one of a message, at the most: journal, rows, index, and the file that takes the journal in. */
const amplification = 3;

/**
 * What is held back: 5 % of the disk, at most 256 MiB; of a small disk 16 MiB or a quarter, because databases grow by
 * the size of their journals (8 MiB) after a message was acknowledged.
 */
export function reserveOf(diskBytes: number): number {
  const small = Math.min(16 * mebibyte, diskBytes / 4);
  return Math.min(256 * mebibyte, Math.max(diskBytes / 20, small));
}

export class DiskRoom {
  readonly #folder: string;
  readonly #nowMs: () => number;
  #readMs = -Infinity;
  #freeBytes = Infinity;
  #reading: Promise<void> | null = null;

  constructor(folder: string, nowMs: () => number) {
    this.#folder = folder;
    this.#nowMs = nowMs;
  }

  /** Takes note of bytes about to be written. Fault `storageFull` when they would go into the reserve. */
  async require(sizeBytes: number): Promise<void> {
    const age = this.#nowMs() - this.#readMs;
    // Before a refusal always a fresh look: somebody may have made room just now.
    if (age > freshForMs || age < 0 || this.#freeBytes < sizeBytes) {
      this.#reading ??= this.#read().finally(() => { this.#reading = null; });
      await this.#reading;
    }
    if (this.#freeBytes < sizeBytes) {
      throw new Fault("storageFull", "The server's disk is full; try again later.");
    }
    this.#freeBytes -= sizeBytes * amplification;
  }

  /** Bytes free above the reserve. */
  async #read(): Promise<void> {
    const disk = await statfs(existingFolder(this.#folder));
    this.#freeBytes = disk.bavail * disk.bsize - reserveOf(disk.blocks * disk.bsize);
    this.#readMs = this.#nowMs();
  }
}

/** The folder itself, or the nearest one above it that is there already. */
function existingFolder(folder: string): string {
  let current = folder;
  while (!existsSync(current) && dirname(current) !== current) current = dirname(current);
  return current;
}
