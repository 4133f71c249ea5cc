/**
 * A mailbox as arrays and maps, and the same commands on it and on the store. What a command answers is compared as it
 * goes; at the end everything in the store is counted and compared with what the store says it counted.
 */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import type { FaultCode } from "#base/fault.ts";
import type { FolderId, MailboxId } from "#base/ids.ts";
import { applyFlagChange, setFlags } from "#mailbox/tx/flags.ts";
import { copyFolder, createFolder, deleteFolder, moveFolder, readFolderByRole, readFolders } from "#mailbox/tx/folders.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import { createItem } from "#mailbox/tx/items.ts";
import type { ItemParts } from "#mailbox/tx/item-parts.ts";
import { describeColumns } from "#mailbox/items/describe.ts";
import { encodeBag } from "#props/bag.ts";
import { properties } from "#props/registry.ts";
import { copyMessages, moveMessages, removeMessages } from "#mailbox/tx/transfer.ts";
import type { Store } from "#store/api.ts";
import { checkCounts } from "#store/contract-test-counts.ts";
import { withoutRecording } from "#store/contract-test-golden.ts";
import { ctx } from "#store/contract-test-kit.ts";
import { all } from "#store/sql.ts";

interface ModelMessage {
  messageId: number;
  flags: number;
  keywords: readonly string[];
  sizeBytes: number;
  modSeq: number;
}

interface ModelFolder {
  id: number;
  parent: number | null;
  name: string;
  fixed: boolean;
  search: boolean;
  uidNext: number;
  messages: Map<number, ModelMessage>;
  associated: number;
  associatedBytes: number;
}

const deleted = 8;

export const letters = ["one", "two", "three"].map((word, index) => Buffer.from(
  `From: a@example.org\r\nTo: b@example.org\r\nSubject: ${word}\r\nMessage-ID: <${word}@x>\r\n\r\n${"text ".repeat(index * 40)}\r\n`));

/** An item with a file and another item in it, and so on `depth` times. */
export function nestedItem(depth: number): { parts: ItemParts; sizeBytes: number } {
  const inner = depth === 0 ? null : nestedItem(depth - 1);
  const subject = `level ${depth}`;
  const bag = new Map([[properties.PidTagSubject.tag, subject]]);
  const parts: ItemParts = {
    columns: describeColumns({ bag, named: new Map(), recipients: [], attachments: [] }), bag: encodeBag(bag), values: [],
    time: null, words: null,
    recipients: [{ kind: 1, displayName: "Kim", addressType: "SMTP", address: "kim@example.org", bag: Uint8Array.of(9) }],
    attachments: inner === null ? [] : [
      { method: 1, fileName: "a.bin", bag: null, content: { inline: Uint8Array.of(1, 2, 3), blob: null }, embedded: null },
      { method: 5, fileName: "", bag: Uint8Array.of(4, 4), content: null, embedded: inner.parts },
    ],
  };
  return { parts, sizeBytes: parts.bag.length + 1 + (inner === null ? 0 : 5 + inner.sizeBytes) };
}

/** A command as fast-check makes it: what to do, and numbers to choose with. */
type Command = readonly [number, number, number, number];

class Model {
  readonly store: Store;
  readonly scope: MailboxId;
  readonly folders: ModelFolder[] = [];
  readonly tombstones = new Map<number, { folderId: number; uid: number }>();
  readonly seenIds = new Set<number>();
  bin!: ModelFolder;

  constructor(store: Store, scope: MailboxId) {
    this.store = store;
    this.scope = scope;
  }

  async begin(): Promise<void> {
    for (const row of await this.#rows()) {
      this.folders.push({
        id: row.folder_id, parent: row.parent_id, name: row.name, fixed: true, search: row.search_folder === 1,
        uidNext: 1, messages: new Map(), associated: 0, associatedBytes: 0,
      });
    }
    const bin = await this.store.read(ctx, this.scope, () => readFolderByRole(this.scope, "recoverableDeletions"));
    this.bin = this.#byId(bin.folder_id);
  }

  #rows(): Promise<FolderRow[]> {
    return this.store.read(ctx, this.scope, () => readFolders(this.scope));
  }

  #byId(id: number): ModelFolder {
    return this.folders.find((folder) => folder.id === id)!;
  }

  /** A folder to work on: a few of the fixed ones, the bin among them, and every other. */
  #pick(choice: number): ModelFolder {
    const some = this.folders.filter((folder, index) => !folder.fixed || [4, 7, 19].includes(index) || folder === this.bin);
    return some[choice % some.length]!;
  }

  /** Runs a procedure and compares whether it is refused, and why, with what the model says. */
  async #expect<T>(refusal: FaultCode | null, work: Promise<T>): Promise<T | null> {
    const result = await work.catch((error: unknown) => {
      if (error instanceof Fault) return error;
      throw error;
    });
    assert.equal(result instanceof Fault ? result.code : null, refusal);
    return result instanceof Fault ? null : result;
  }

  async run([what, a, b, c]: Command): Promise<void> {
    const [one, other] = [this.#pick(a), this.#pick(b)];
    const first = 1 + c % 5;
    const uids = c % 7 === 0 ? "all" as const : [{ first, last: first + b % 4 }];
    const chosen = [...one.messages.keys()].filter((uid) => uids === "all" || (uid >= first && uid <= first + b % 4))
      .sort((left, right) => left - right);
    switch (what) {
      case 0: case 1: case 2: return await this.#insert(one, b, c);
      case 3: return await this.#createItem(one, b, c);
      case 4: case 5: return await this.#setFlags(one, uids, chosen, b, c);
      case 6: return await this.#transfer("copy", one, uids, chosen, other);
      case 7: return await this.#transfer("move", one, uids, chosen, other);
      case 8: case 9: return await this.#remove(one, uids, chosen, b % 2 === 0 ? "any" : "marked", c % 2 === 0 ? "soft" : "hard");
      case 10: return await this.#createFolder(one, `f${b % 4}`);
      case 11: return await this.#moveFolder(one, other, `F${c % 4}`);
      case 12: return await this.#copyFolder(one, other, `f${c % 4}`);
      default: return await this.#deleteFolder(one, b % 2 === 0 ? "soft" : "hard", c % 3 === 0 ? "refuse" : "delete");
    }
  }

  #newId(id: number): number {
    assert.ok(!this.seenIds.has(id), `id ${id} was given out before`);
    this.seenIds.add(id);
    return id;
  }

  async #insert(folder: ModelFolder, b: number, c: number): Promise<void> {
    const inline = letters[b % letters.length]!;
    const [flags, keywords] = [c & 0x0f, c % 3 === 0 ? ["$Label1"] : []];
    const result = await this.#expect(folder.search ? "notAllowed" : null,
      this.store.transact(ctx, this.scope, insertMessage, {
        folder: { folderId: folder.id }, source: { inline, blob: null }, flags, keywords, internalMs: null,
        quotaBytes: null, deliveryId: null,
      }));
    if (result === null) return;
    assert.equal(result.uid, folder.uidNext++);
    folder.messages.set(result.uid, {
      messageId: this.#newId(result.messageId), flags, keywords, sizeBytes: inline.length, modSeq: result.cn,
    });
  }

  async #createItem(folder: ModelFolder, b: number, c: number): Promise<void> {
    const [associated, flags] = [c % 2 === 0, c & 3];
    const { parts, sizeBytes } = nestedItem(b % 4);
    const result = await this.#expect(folder.search && !associated ? "notAllowed" : null,
      this.store.transact(ctx, this.scope, createItem,
        { folderId: folder.id, associated, flags, keywords: [], internalMs: null, quotaBytes: null, parts }));
    if (result === null) return;
    const uid = folder.uidNext++;
    if (associated) {
      folder.associated++;
      folder.associatedBytes += sizeBytes;
      return;
    }
    folder.messages.set(uid, {
      messageId: this.#newId(result.messageId), flags, keywords: [], sizeBytes, modSeq: result.cn,
    });
  }

  async #cn(): Promise<number> {
    const rows = await this.store.read(ctx, this.scope,
      () => all<{ cn: number }>("SELECT cn FROM mailbox WHERE mailbox_id = $1", this.scope));
    return rows[0]!.cn;
  }

  async #setFlags(folder: ModelFolder, uids: "all" | { first: number; last: number }[], chosen: number[], b: number, c: number) {
    const change = {
      mode: (["add", "remove", "replace"] as const)[c % 3]!, flags: 1 << b % 5, keywords: b % 2 === 0 ? ["$label1"] : [],
    };
    const before = await this.#cn();
    const result = await this.store.transact(ctx, this.scope, setFlags, { folderId: folder.id, uids, change });
    assert.deepEqual(result.rows.map((row) => row.uid), chosen);
    for (const row of result.rows) {
      const message = folder.messages.get(row.uid)!;
      const after = applyFlagChange(message.flags, message.keywords, change);
      const changed = after.flags !== message.flags || String(after.keywords) !== String(message.keywords);
      Object.assign(message, { ...after, modSeq: changed ? before + 1 : message.modSeq });
      assert.deepEqual([row.flags, row.keywords, row.modSeq], [message.flags, message.keywords, message.modSeq]);
    }
  }

  async #transfer(
    how: "copy" | "move", source: ModelFolder, uids: "all" | { first: number; last: number }[], chosen: number[],
    target: ModelFolder,
  ): Promise<void> {
    const result = await this.#expect(target.search ? "notAllowed" : null,
      this.store.transact(ctx, this.scope, how === "copy" ? copyMessages : moveMessages,
        { folderId: source.id, uids, targetId: target.id, quotaBytes: null }));
    if (result === null) return;
    const pairs = chosen.flatMap((uid) => [uid, how === "copy" ? this.#copy(source, uid, target, result.cn)
      : this.#move(source, uid, target, result.cn)]);
    assert.deepEqual([...result.pairs], pairs);
  }

  #copy(source: ModelFolder, uid: number, target: ModelFolder, cn: number): number {
    const message = source.messages.get(uid)!;
    target.messages.set(target.uidNext, { ...message, messageId: -1, modSeq: cn });
    return target.uidNext++;
  }

  #move(source: ModelFolder, uid: number, target: ModelFolder, cn: number): number {
    const copy = this.#copy(source, uid, target, cn);
    this.#erase(source, uid);
    return copy;
  }

  #erase(folder: ModelFolder, uid: number): void {
    this.tombstones.set(folder.messages.get(uid)!.messageId, { folderId: folder.id, uid });
    folder.messages.delete(uid);
  }

  async #remove(
    folder: ModelFolder, uids: "all" | { first: number; last: number }[], chosen: number[], only: "any" | "marked",
    mode: "soft" | "hard",
  ): Promise<void> {
    const doomed = chosen.filter((uid) => only === "any" || (folder.messages.get(uid)!.flags & deleted) !== 0);
    const result = await this.store.transact(ctx, this.scope, removeMessages, { folderId: folder.id, uids, only, mode });
    assert.deepEqual([...result.uids], doomed);
    for (const uid of doomed) this.#discard(folder, uid, mode, result.cn);
    await this.learnIds();
  }

  #discard(folder: ModelFolder, uid: number, mode: "soft" | "hard", cn: number): void {
    if (mode === "soft" && folder !== this.bin) {
      const kept = this.bin.messages.get(this.#move(folder, uid, this.bin, cn))!;
      kept.flags &= ~deleted;
    } else {
      this.#erase(folder, uid);
    }
  }

  async #createFolder(parent: ModelFolder, name: string): Promise<void> {
    const taken = this.#child(parent, name) !== undefined;
    const row = await this.#expect(parent.search ? "notAllowed" : taken ? "alreadyExists" : null,
      this.store.transact(ctx, this.scope, createFolder, { parentId: parent.id as FolderId, name }));
    if (row !== null) this.#addFolder(row);
  }

  #child(parent: ModelFolder, name: string): ModelFolder | undefined {
    return this.folders.find((one) => one.parent === parent.id && one.name.toLowerCase() === name.toLowerCase());
  }

  #addFolder(row: FolderRow): ModelFolder {
    const folder = {
      id: this.#newId(row.folder_id), parent: row.parent_id, name: row.name, fixed: false, search: false, uidNext: 1,
      messages: new Map<number, ModelMessage>(), associated: 0, associatedBytes: 0,
    };
    this.folders.push(folder);
    return folder;
  }

  #isBelow(folder: ModelFolder, above: ModelFolder): boolean {
    for (let at: ModelFolder | undefined = folder; at !== undefined; at = at.parent === null ? undefined : this.#byId(at.parent)) {
      if (at === above) return true;
    }
    return false;
  }

  async #moveFolder(folder: ModelFolder, parent: ModelFolder, name: string): Promise<void> {
    const sibling = this.#child(parent, name);
    const refusal = folder.fixed || parent.search ? "notAllowed" : this.#isBelow(parent, folder) ? "folderCycle"
      : sibling !== undefined && sibling !== folder ? "alreadyExists" : null;
    const row = await this.#expect(refusal, this.store.transact(ctx, this.scope, moveFolder,
      { folderId: folder.id as FolderId, parentId: parent.id as FolderId, name }));
    if (row !== null) Object.assign(folder, { parent: parent.id, name });
  }

  async #copyFolder(folder: ModelFolder, parent: ModelFolder, name: string): Promise<void> {
    if (parent.search || folder.search) return;
    const refusal = this.#isBelow(parent, folder) ? "folderCycle"
      : this.#child(parent, name) !== undefined ? "alreadyExists" : null;
    const row = await this.#expect(refusal, this.store.transact(ctx, this.scope, copyFolder,
      { folderId: folder.id as FolderId, parentId: parent.id as FolderId, name, quotaBytes: null }));
    if (row === null) return;
    const sources = this.#subtree(folder);
    const cn = await this.#cn();
    const rows = await this.#rows();
    const top = this.#addFolder(rows.find((one) => one.folder_id === row.folder_id)!);
    const copies = new Map([[folder.id, top]]);
    for (const source of sources) {
      if (source !== folder) {
        const parentCopy = copies.get(source.parent!)!;
        copies.set(source.id, this.#addFolder(
          rows.find((one) => one.parent_id === parentCopy.id && one.name === source.name)!));
      }
      for (const uid of [...source.messages.keys()].sort((x, y) => x - y)) {
        this.#copy(source, uid, copies.get(source.id)!, cn);
      }
    }
  }

  #subtree(folder: ModelFolder): ModelFolder[] {
    const found = [folder];
    for (const one of found) found.push(...this.folders.filter((child) => child.parent === one.id));
    return found;
  }

  async #deleteFolder(folder: ModelFolder, mode: "soft" | "hard", children: "refuse" | "delete"): Promise<void> {
    const doomed = this.#subtree(folder);
    const refusal = doomed.some((one) => one.fixed) ? "notAllowed"
      : children === "refuse" && doomed.length > 1 ? "hasChildren" : null;
    await this.#expect(refusal, this.store.transact(ctx, this.scope, deleteFolder,
      { folderId: folder.id as FolderId, mode, children }));
    if (refusal !== null) return;
    const cn = await this.#cn();
    for (const one of doomed.reverse()) {
      for (const uid of [...one.messages.keys()].sort((x, y) => x - y)) this.#discard(one, uid, mode, cn);
      this.folders.splice(this.folders.indexOf(one), 1);
      for (const [id, tombstone] of this.tombstones) if (tombstone.folderId === one.id) this.tombstones.delete(id);
    }
  }

  /** Copies and moves do not tell the ids they gave: takes them from the store, by folder and UID. */
  async learnIds(): Promise<void> {
    const rows = await this.store.read(ctx, this.scope, () => all<{ folder_id: number; uid: number; message_id: number }>(
      "SELECT folder_id, uid, message_id FROM message WHERE mailbox_id = $1 AND associated = 0", this.scope));
    for (const row of rows) {
      const message = this.#byId(row.folder_id).messages.get(row.uid);
      assert.ok(message, `message ${row.uid} in folder ${row.folder_id}`);
      if (message.messageId === -1) message.messageId = this.#newId(row.message_id);
    }
  }

  /** The store holds what the model holds. */
  async compare(): Promise<void> {
    await checkCounts(this.store, this.scope);
    const rows = await this.#rows();
    assert.deepEqual(rows.map((row) => [row.folder_id, row.parent_id, row.name, row.uid_next, row.message_count,
      row.unread_count, row.associated_count, row.size_bytes]),
    [...this.folders].sort((left, right) => left.id - right.id).map((folder) => {
      const messages = [...folder.messages.values()];
      return [folder.id, folder.parent, folder.name, folder.uidNext, messages.length,
        messages.filter((message) => (message.flags & 1) === 0).length, folder.associated,
        messages.reduce((sum, message) => sum + message.sizeBytes, folder.associatedBytes)];
    }));
    assert.equal(new Set(rows.map((row) => row.uid_validity)).size, rows.length);
    const messages = await this.store.read(ctx, this.scope, () => all<Record<string, number | string | null>>(
      `SELECT folder_id, uid, message_id, flags, keywords, size_bytes, mod_seq FROM message
       WHERE mailbox_id = $1 AND associated = 0 ORDER BY folder_id, uid`, this.scope));
    const expected = this.folders.flatMap((folder) => [...folder.messages].map(([uid, message]) => ({
      folder_id: folder.id, uid, message_id: message.messageId, flags: message.flags,
      keywords: message.keywords.length === 0 ? null : JSON.stringify(message.keywords), size_bytes: message.sizeBytes,
      mod_seq: message.modSeq,
    }))).sort((left, right) => left.folder_id - right.folder_id || left.uid - right.uid);
    assert.deepEqual(messages.map((row) => ({ ...row })), expected);
    const marks = await this.store.read(ctx, this.scope, () => all<{ object_id: number; folder_id: number; uid: number }>(
      "SELECT object_id, folder_id, uid FROM tombstone WHERE mailbox_id = $1 AND kind = 1 ORDER BY object_id", this.scope));
    assert.deepEqual(marks.map((row) => ({ ...row })), [...this.tombstones].sort(([left], [right]) => left - right)
      .map(([id, { folderId, uid }]) => ({ object_id: id, folder_id: folderId, uid })));
  }
}

const commands = fc.array(
  fc.tuple(fc.nat({ max: 13 }), fc.nat({ max: 30 }), fc.nat({ max: 30 }), fc.nat({ max: 60 })), { minLength: 1, maxLength: 60 });

export async function runModel(store: Store, newMailbox: () => Promise<MailboxId>, runs: number): Promise<void> {
  await withoutRecording(() => fc.assert(fc.asyncProperty(commands, async (list) => {
    const model = new Model(store, await newMailbox());
    await model.begin();
    for (const command of list) {
      await model.run(command);
      await model.learnIds();
    }
    await model.compare();
  }), { numRuns: runs, endOnFailure: runs < 10 }));
}
