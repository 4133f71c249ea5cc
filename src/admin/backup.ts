/**
 * Copies of a data folder while the server runs, and back. Each database is copied by SQLite's own online backup and
 * is consistent in itself; message bytes are copied last, so that every one a copied database speaks of is there.
 */
import { access, copyFile, mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join, relative, resolve } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { forMessage } from "#directory/address.ts";
import { blobFolder, hintSocket, mailboxFile, serverFile } from "#store/files.ts";

const manifestName = "backup.json";

export interface BackupResult {
  readonly mailboxes: number;
  readonly blobs: number;
  readonly files: number;
}

/** Into `target`, which is made, is empty, or holds an earlier backup that is brought up to date. */
export async function backupData(ctx: Ctx, dataDir: string, target: string): Promise<BackupResult> {
  const from = resolve(dataDir);
  const to = resolve(target);
  if (to === from || to.startsWith(`${from}/`) || from.startsWith(`${to}/`)) {
    throw new Fault("invalidArgument", "The backup must lie outside the data folder.");
  }
  await mkdir(to, { recursive: true, mode: 0o700 });
  if ((await readdir(to)).length > 0 && !await exists(join(to, manifestName))) {
    throw new Fault("notAllowed",
      `${forMessage(target)} holds something that is not a backup; choose an empty folder.`);
  }
  const startedMs = ctx.system.nowMs();
  await writeManifest(to, { format: 1, complete: false, startedMs });
  await backupDatabase(serverFile(from), serverFile(to));
  const mailboxes = await listFiles(join(from, "mailboxes"), (name) => /^\d+\.db$/.test(name));
  for (const path of mailboxes) await backupDatabase(path, join(to, relative(from, path)));
  await removeOthers(join(to, "mailboxes"), new Set(mailboxes.map((path) => relative(from, path))), to);
  const files = await copyOtherFiles(from, to);
  const blobs = await copyBlobs(blobFolder(from), blobFolder(to));
  await writeManifest(to, {
    format: 1, complete: true, startedMs, finishedMs: ctx.system.nowMs(), mailboxes: mailboxes.length, blobs,
  });
  return { mailboxes: mailboxes.length, blobs, files };
}

async function backupDatabase(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  const draft = `${to}.new`;
  for (const suffix of ["", "-wal", "-shm", "-journal"]) await rm(draft + suffix, { force: true });
  const source = new DatabaseSync(from, { readOnly: true });
  try {
    // One snapshot for the whole copy: without it each commit of a running server would begin the copy anew.
    source.exec("BEGIN");
    source.prepare("SELECT COUNT(*) FROM sqlite_schema").get();
    await backup(source, draft);
  } finally {
    source.close();
  }
  // A copy in WAL mode would leave side files behind when it is opened; a backup is one plain file.
  const copy = new DatabaseSync(draft);
  copy.exec("PRAGMA journal_mode = DELETE");
  copy.close();
  await syncFile(draft);
  await rename(draft, to);
}

/** Configuration, certificates, keys: everything small that is neither database nor blob. */
async function copyOtherFiles(from: string, to: string): Promise<number> {
  const skip = /(?:\.db|-wal|-shm|-journal|\.sock|\.new|\.lock|\.log)$/;
  let count = 0;
  const wanted = (name: string): boolean => !skip.test(name) && name !== manifestName;
  for (const path of await listFiles(from, wanted, ["blobs", "mailboxes"])) {
    const target = join(to, relative(from, path));
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await copyWhole(path, target);
    count++;
  }
  return count;
}

/** Blobs never change under their name, so one that is there is right. */
async function copyBlobs(from: string, to: string): Promise<number> {
  let count = 0;
  for (const path of await listFiles(from, (name) => /^[0-9a-f]{64}$/.test(name))) {
    const target = join(to, relative(from, path));
    count++;
    if (await exists(target)) continue;
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    try {
      await copyWhole(path, target);
    } catch (error) {
      // Swept meanwhile: nothing that was copied before speaks of it.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      count--;
    }
    if (count % 100 === 0) await yieldToOthers();
  }
  return count;
}

async function copyWhole(from: string, to: string): Promise<void> {
  const info = await stat(from);
  const draft = `${to}.new`;
  await copyFile(from, draft);
  await utimes(draft, info.atime, info.mtime);
  await syncFile(draft);
  await rename(draft, to);
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Mailboxes of an earlier backup that are gone since. */
async function removeOthers(folder: string, keep: ReadonlySet<string>, root: string): Promise<void> {
  for (const path of await listFiles(folder, (name) => /^\d+\.db$/.test(name))) {
    if (!keep.has(relative(root, path))) await rm(path);
  }
}

async function listFiles(
  folder: string, wanted: (name: string) => boolean, skipFolders: readonly string[] = [],
): Promise<string[]> {
  const found: string[] = [];
  const folders = [folder];
  for (const at of folders) {
    let entries;
    try {
      entries = await readdir(at, { withFileTypes: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw error;
    }
    for (const entry of entries) {
      const isSkipped = at === folder && skipFolders.includes(entry.name);
      if (entry.isDirectory() && !isSkipped) folders.push(join(at, entry.name));
      else if (entry.isFile() && wanted(entry.name)) found.push(join(at, entry.name));
    }
  }
  return found.sort();
}

async function writeManifest(folder: string, manifest: object): Promise<void> {
  const path = join(folder, manifestName);
  const file = await open(`${path}.new`, "w", 0o600);
  await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
  await file.sync();
  await file.close();
  await rename(`${path}.new`, path);
}

/** Fault when `folder` is no complete backup. */
export async function checkBackup(folder: string): Promise<void> {
  let manifest: { format?: unknown; complete?: unknown };
  try {
    manifest = JSON.parse(await readFile(join(folder, manifestName), "utf8")) as typeof manifest;
  } catch (error) {
    throw new Fault("notFound", `${forMessage(folder)} holds no backup: ${(error as Error).message}`);
  }
  if (manifest.format !== 1) throw new Fault("notSupported", "This backup was made by a newer version of Outpost.");
  if (manifest.complete !== true) {
    throw new Fault("corrupt", `The backup in ${forMessage(folder)} was not finished; run the backup again.`);
  }
}

/** The whole of a backup into a data folder that holds no data. The mailboxes must be renewed after. */
export async function restoreData(folder: string, dataDir: string): Promise<{ mailboxIds: MailboxId[] }> {
  await checkBackup(folder);
  if (await exists(serverFile(dataDir))) {
    throw new Fault("notAllowed", `${forMessage(dataDir)} holds data already; restore into an empty folder.`);
  }
  const mailboxIds: MailboxId[] = [];
  const from = resolve(folder);
  const paths = await listFiles(from, (name) => name !== manifestName && !name.endsWith(".new"));
  // The server's file last: a restore that was broken off is seen as no data at all.
  paths.sort((one, other) => Number(one === serverFile(from)) - Number(other === serverFile(from)));
  for (const path of paths) {
    const target = join(dataDir, relative(from, path));
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await copyWhole(path, target);
    const id = /(\d+)\.db$/.exec(path);
    if (id !== null) mailboxIds.push(Number(id[1]) as MailboxId);
  }
  return { mailboxIds };
}

/** Puts one mailbox of a backup in the place of what is there. Only while no server runs on the data. */
export async function restoreMailbox(
  folder: string, dataDir: string, address: string, mailboxId: MailboxId,
): Promise<void> {
  await checkBackup(folder);
  if (await isServerRunning(dataDir)) {
    throw new Fault("notAllowed", "Stop the server first: a mailbox cannot be replaced while it is in use.");
  }
  const before = mailboxIdInBackup(folder, address);
  if (before !== mailboxId) {
    throw new Fault("conflict", `In the backup ${address} was another mailbox; restore the whole backup elsewhere.`);
  }
  const source = mailboxFile(folder, mailboxId);
  if (!await exists(source)) throw new Fault("notFound", `The backup has no mailbox of ${address}.`);
  await copyBlobs(blobFolder(folder), blobFolder(dataDir));
  const target = mailboxFile(dataDir, mailboxId);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  for (const suffix of ["-wal", "-shm"]) await rm(target + suffix, { force: true });
  await copyWhole(source, target);
}

function mailboxIdInBackup(folder: string, address: string): number | null {
  const database = new DatabaseSync(serverFile(folder), { readOnly: true });
  try {
    const row = database.prepare(
      `SELECT mailbox_id FROM entry WHERE entry_id = (SELECT entry_id FROM entry_address WHERE address_key = ?)`,
    ).get(address);
    return row === undefined ? null : row.mailbox_id as number | null;
  } finally {
    database.close();
  }
}

/** Whether a server listens for hints in the data folder. */
export function isServerRunning(dataDir: string): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect(hintSocket(dataDir));
    const end = (isRunning: boolean): void => {
      socket.destroy();
      answer(isRunning);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
