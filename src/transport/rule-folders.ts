/** The folders that rules name, by path, special use or entry id. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { decode } from "#codec/binary/code.ts";
import type { FolderInfo, Mailbox } from "#mailbox/api.ts";
import { roleRow } from "#mailbox/roles.ts";
import { serverEntryId } from "#props/structures.ts";
import type { FolderTarget } from "#rules/decisions.ts";

const folded = (name: string): string => name.normalize("NFC").toLowerCase();

/** The folders of one mailbox as they were when it was made; makes those that a rule may make. */
export class RuleFolders {
  readonly #mailbox: Mailbox;
  #folders: FolderInfo[];

  private constructor(mailbox: Mailbox, folders: FolderInfo[]) {
    this.#mailbox = mailbox;
    this.#folders = folders;
  }

  static async read(ctx: Ctx, mailbox: Mailbox): Promise<RuleFolders> {
    return new RuleFolders(mailbox, [...await mailbox.folders(ctx)]);
  }

  get inbox(): FolderInfo {
    return this.#role("inbox")!;
  }

  #role(role: string): FolderInfo | undefined {
    return this.#folders.find((folder) => folder.role === role);
  }

  /** As IMAP names folders: INBOX, then names parted by "/". RFC 9051 §5.1 */
  find(path: string): FolderInfo | null {
    const { at, rest } = this.#walk(path);
    return rest.length === 0 ? at : null;
  }

  /** Whether the folder of a rule's action is there. */
  hasEntryId(entryId: Uint8Array): boolean {
    const folderId = folderIdOf(entryId);
    return this.#folders.some((folder) => folder.folderId === folderId);
  }

  hasSpecialUse(path: string | null, attribute: string): boolean {
    const found = this.#bySpecialUse(attribute);
    return found !== null && (path === null || this.find(path)?.folderId === found.folderId);
  }

  #bySpecialUse(attribute: string): FolderInfo | null {
    const key = attribute.toLowerCase();
    return this.#folders.find(({ role }) => role !== null && roleRow(role).specialUse?.toLowerCase() === key) ?? null;
  }

  #walk(path: string): { at: FolderInfo | null; rest: string[] } {
    const names = path.split("/").filter((name) => name !== "");
    let at = this.#role("ipmSubtree") ?? null;
    let depth = 0;
    if (names[0]?.toUpperCase() === "INBOX") {
      at = this.inbox;
      depth = 1;
    }
    for (; depth < names.length; depth++) {
      const key = folded(names[depth]!);
      const next = this.#folders.find(({ parentId, name }) => parentId === at?.folderId && folded(name) === key);
      if (next === undefined) break;
      at = next;
    }
    return { at, rest: names.slice(depth) };
  }

  /** The folder to put mail into; null when there is none and none may be made. Search folders hold nothing. */
  async resolve(ctx: Ctx, target: FolderTarget): Promise<FolderInfo | null> {
    const found = await this.#resolve(ctx, target);
    return found === null || found.isSearchFolder ? null : found;
  }

  async #resolve(ctx: Ctx, target: FolderTarget): Promise<FolderInfo | null> {
    switch (target.kind) {
      case "role": return this.#role(target.role) ?? null;
      case "specialUse":
        return this.#bySpecialUse(target.attribute) ?? await this.#at(ctx, target.path, target.create);
      case "path": return await this.#at(ctx, target.path, target.create);
      case "entryId": {
        const folderId = folderIdOf(target.folderEntryId);
        return this.#folders.find((folder) => folder.folderId === folderId) ?? null;
      }
    }
  }

  async #at(ctx: Ctx, path: string, create: boolean): Promise<FolderInfo | null> {
    let { at, rest } = this.#walk(path);
    if (rest.length === 0) return at;
    if (!create || at === null || rest.some((name) => name.length > limits.folderNameMaxCharacters)) return null;
    for (const name of rest) {
      try {
        at = await this.#mailbox.createFolder(ctx, { parentId: at!.folderId, name });
        this.#folders.push(at);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        if (error.code !== "alreadyExists") return null;
        // Another delivery made it meanwhile.
        this.#folders = [...await this.#mailbox.folders(ctx)];
        ({ at, rest } = this.#walk(path));
        return rest.length === 0 ? at : null;
      }
    }
    return at;
  }
}

/** In a folder entry id of 46 bytes, or in a ServerId of 21. [MS-OXCDATA] 2.2.4.1, 2.2.1.4 */
export function folderIdOf(entryId: Uint8Array): number | null {
  if (entryId.length === 46) return Buffer.from(entryId).readUIntBE(38, 6);
  if (entryId.length !== 21) return null;
  return decode(serverEntryId, entryId).folderId.counter;
}
