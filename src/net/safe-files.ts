/** Files that are whole or not there: keys, certificates and what is known about them. */
import { link, open, readFile, rename, rm } from "node:fs/promises";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";

/** The text of a file, null when there is none. Throws Fault `unavailable` when it cannot be read. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "latin1");
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw fileFault(path, error);
  }
}

/** Writes beside, syncs, then takes the place; with `keep` a file that is there already stays. */
export async function writeAtomically(
  ctx: Ctx, path: string, text: string, options: { mode: number; keep: boolean },
): Promise<void> {
  const beside = `${path}.${Buffer.from(ctx.system.randomBytes(6)).toString("hex")}`;
  const file = await open(beside, "wx", options.mode);
  try {
    await file.writeFile(text, "latin1");
    await file.sync();
  } finally {
    await file.close();
  }
  if (options.keep) {
    try {
      await link(beside, path);
    } catch (error) {
      // Some file systems know no links; there the last of two first starts wins.
      if (isCode(error, "EPERM") || isCode(error, "ENOTSUP")) await rename(beside, path);
      else if (!isCode(error, "EEXIST")) throw fileFault(path, error);
    } finally {
      await rm(beside, { force: true });
    }
    return;
  }
  await rename(beside, path);
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

export function fileFault(path: string, error: unknown): Fault {
  const code = isCode(error, "ENOENT") ? "notFound" : "unavailable";
  const why = error instanceof Error ? error.message : String(error);
  return new Fault(code, `The file ${path} cannot be used: ${why}.`, { cause: error });
}
