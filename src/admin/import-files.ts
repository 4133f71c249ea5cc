/** Files that an import reads. */
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { forMessage } from "#directory/address.ts";

export interface FoundFile {
  readonly file: string;
  /** Names of the folders it lies in, below the one that was named. */
  readonly folder: readonly string[];
}

/**
 * The file, whatever its name, or those of a folder and its subfolders that end in one of `extensions`, in order.
 * Fault `notFound` when there is none.
 */
export async function filesAt(path: string, extensions: readonly string[]): Promise<FoundFile[]> {
  const info = await stat(path).catch((error: Error) => {
    throw new Fault("notFound", `${forMessage(path)} cannot be read: ${error.message}`);
  });
  if (!info.isDirectory()) return [{ file: path, folder: [] }];
  const found: FoundFile[] = [];
  await collect(path, [], new Set(extensions), found);
  if (found.length === 0) {
    throw new Fault("notFound", `${forMessage(path)} holds no file that ends in ${extensions.join(", ")}.`);
  }
  return found;
}

async function collect(
  path: string, folder: readonly string[], extensions: ReadonlySet<string>, found: FoundFile[],
): Promise<void> {
  if (folder.length > limits.folderDepthMax) return;
  const entries = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !name.startsWith("."))
    .sort((left, right) => left.name < right.name ? -1 : 1);
  for (const entry of entries) {
    const at = join(path, entry.name);
    // A link to a folder is not followed: it may lead into a circle.
    if (entry.isDirectory()) await collect(at, [...folder, entry.name], extensions, found);
    else if (extensions.has(extname(entry.name).toLowerCase())) found.push({ file: at, folder });
    if (found.length > limits.importFilesMax) {
      throw new Fault("tooMany", `${forMessage(path)} holds more than ${limits.importFilesMax} files.`);
    }
  }
}

/** A whole file. Fault `tooBig`, `invalidArgument` for what is none. */
export async function readWhole(file: string, sizeMaxBytes: number): Promise<Buffer> {
  const info = await stat(file);
  if (!info.isFile() || info.size === 0) throw new Fault("invalidArgument", "it is empty or no file");
  if (info.size > sizeMaxBytes) {
    throw new Fault("tooBig", `it has ${info.size} bytes; at most ${sizeMaxBytes} are read, so cut it into pieces`);
  }
  return await readFile(file);
}
