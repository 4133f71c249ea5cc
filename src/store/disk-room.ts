/**
 * Keeps the last part of the disk free of new mail. On a disk filled to the brim nothing works any more: a mailbox
 * cannot even be opened for reading, because the database needs a few pages of its own. So new messages are refused a
 * little earlier, and reading, marking and deleting, which makes room again, go on.
 */
import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault } from "#base/fault.ts";

/** Held back: this much, or this part of a small disk. */
const reserveMaxBytes = 64 * 1024 * 1024;
const reservePart = 0.05;
const freshForMs = 250;

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
    this.#freeBytes -= sizeBytes;
  }

  /** Bytes free above the reserve. */
  async #read(): Promise<void> {
    const disk = await statfs(existingFolder(this.#folder));
    const reserve = Math.min(reserveMaxBytes, disk.blocks * disk.bsize * reservePart);
    this.#freeBytes = disk.bavail * disk.bsize - reserve;
    this.#readMs = this.#nowMs();
  }
}

/** The folder itself, or the nearest one above it that is there already. */
function existingFolder(folder: string): string {
  let current = folder;
  while (!existsSync(current) && dirname(current) !== current) current = dirname(current);
  return current;
}
