/** What a running server notes about itself in the data folder, so that tools find its ports however it was started. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Ports } from "#main/http-front.ts";

export interface RunningNote {
  readonly pid: number;
  readonly version: string;
  readonly ports: Ports;
  /** Address it listens on. */
  readonly listen: string;
  /** The file given with `--config`; null for the one in the data folder. */
  readonly configFile: string | null;
}

function noteFile(dataDir: string): string {
  return join(dataDir, "running.json");
}

/** Written whole, so that a reader never sees half of it. */
export function writeRunningNote(dataDir: string, note: RunningNote): void {
  const path = noteFile(dataDir);
  writeFileSync(`${path}.new`, `${JSON.stringify(note)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function removeRunningNote(dataDir: string): void {
  rmSync(noteFile(dataDir), { force: true });
}

/** The note of a server that is still there; null without one, also after it was killed. */
export function readRunningNote(dataDir: string): RunningNote | null {
  try {
    const note = JSON.parse(readFileSync(noteFile(dataDir), "utf8")) as RunningNote;
    // Nothing is sent: the system says whether the process is there.
    if (Number.isSafeInteger(note.pid) && note.pid > 0) process.kill(note.pid, 0);
    return note;
  } catch (error) {
    // It is there and belongs to another user.
    if ((error as NodeJS.ErrnoException).code === "EPERM") return readAnyway(dataDir);
    return null;
  }
}

function readAnyway(dataDir: string): RunningNote | null {
  try {
    return JSON.parse(readFileSync(noteFile(dataDir), "utf8")) as RunningNote;
  } catch {
    // Not readable either: as good as none.
    return null;
  }
}
