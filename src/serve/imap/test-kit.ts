/**
 * For tests of this room: a mailbox in memory that keeps the promises of `mailbox/api.ts`, a directory of one person,
 * and real sockets to speak IMAP over.
 */
import type { AddressInfo, Socket } from "node:net";
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, ContentId, EntryId, FolderId, MailboxId, MessageId, Uid } from "#base/ids.ts";
import type { Directory } from "#directory/api.ts";
import type {
  Candidates, CopyResult, FlagColumns, FolderInfo, Mailbox, MessageHeader, MessageStructure, MessageSubject, OrderKey,
  ThreadColumns, UidSet, Upload,
} from "#mailbox/api.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import type { Connection } from "#net/api.ts";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { atOnce } from "#base/turns.ts";
import { Fault } from "#base/fault.ts";
import { contentKeys } from "#mailbox/keys/content-keys.ts";
import { ranksOf } from "#mailbox/keys/rank-column.ts";
import { partOf, personIn } from "#mailbox/keys/read-keys.ts";
import { ThreadGatherer } from "#mailbox/keys/thread-columns.ts";
import { silentLog } from "#base/log.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { decodeWords } from "#format/mime/words.ts";
import { messageFlags } from "#mailbox/api.ts";
import { folderRoles, roleRow } from "#mailbox/roles.ts";
import { ReadTimeout } from "#net/api.ts";
import { imapHandler } from "#serve/imap/listen.ts";
import type { Query } from "#mailbox/query.ts";
import { decidedByRow } from "#mailbox/search.ts";

const ctxOf = (signal: AbortSignal): Ctx => ({
  log: silentLog, signal,
  system: {
    nowMs: () => Date.now(), monotonicMs: () => performance.now(), randomBytes: (size) => randomBytes(size),
    setTimer(delayMs, body) {
      const timer = setTimeout(body, delayMs);
      return () => clearTimeout(timer);
    },
    resolver: { mx: none, a: none, aaaa: none, txt: none, srv: none, ptr: none },
  },
});

async function none(): Promise<never[]> {
  return [];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface FakeFolder extends Mutable<FolderInfo> {
  messages: Mutable<MessageStructure>[];
  vanished: { uid: number; cn: number }[];
}

/** Everything at once and in memory; only the rules that IMAP can see. */
export class FakeMailbox {
  readonly folders: FakeFolder[] = [];
  readonly contents = new Map<number, Uint8Array>();
  readonly subscribed = new Set<string>(["INBOX"]);
  readonly watchers = new Set<(cn: ChangeNumber) => void>();
  limitBytes: number | null = null;
  /** Calls of `rows` and `structures`, for tests of how little is read. */
  scans = 0;
  #cn = 1;
  #nextId = 1;
  #uploads = new Map<Upload, Buffer[]>();

  constructor() {
    const names: Partial<Record<FolderRole, string>> = { inbox: "Posteingang", sentItems: "Sent Items" };
    for (const role of Object.keys(folderRoles) as FolderRole[]) {
      const row = roleRow(role);
      const parentId = row.parent === null ? null : this.byRole(row.parent).folderId;
      this.#add({
        parentId, name: names[role] ?? role, role, containerClass: row.containerClass, hidden: row.hidden ?? false,
        isSearchFolder: row.searchFolder ?? false,
      });
    }
  }

  byRole(role: FolderRole): FakeFolder {
    return this.folders.find((folder) => folder.role === role)!;
  }

  byId(folderId: FolderId): FakeFolder {
    const folder = this.folders.find((one) => one.folderId === folderId);
    if (folder === undefined) throw new Fault("notFound", "The folder is gone.");
    return folder;
  }

  #add(
    part: Pick<FolderInfo, "parentId" | "name" | "role" | "containerClass" | "hidden" | "isSearchFolder">,
  ): FakeFolder {
    const folder: FakeFolder = {
      ...part, folderId: this.#nextId++ as FolderId, uidValidity: 77, uidNext: 1, messageCount: 0, unreadCount: 0,
      associatedCount: 0, sizeBytes: 0, highestCn: 1 as ChangeNumber, cn: 1 as ChangeNumber, messages: [], vanished: [],
    };
    this.folders.push(folder);
    return folder;
  }

  #commit(): ChangeNumber {
    const cn = ++this.#cn as ChangeNumber;
    queueMicrotask(() => this.watchers.forEach((watcher) => watcher(cn)));
    return cn;
  }

  #touch(folder: FakeFolder, cn: ChangeNumber): void {
    folder.highestCn = cn;
    folder.messageCount = folder.messages.length;
    folder.unreadCount = folder.messages.filter((m) => (m.flags & messageFlags.seen) === 0).length;
    folder.sizeBytes = folder.messages.reduce((sum, m) => sum + m.sizeBytes, 0);
  }

  /** Adds a message as a delivery would. */
  deliver(
    folder: FakeFolder, bytes: Uint8Array, more: Partial<Mutable<MessageStructure>> = {},
  ): Mutable<MessageStructure> {
    const contentId = (more.contentId ?? this.#nextId++) as ContentId;
    this.contents.set(contentId, bytes);
    const cn = this.#commit();
    const message: Mutable<MessageStructure> = {
      messageId: this.#nextId++ as MessageId, flags: 0, keywords: [], internalMs: Date.UTC(2024, 0, 2, 3, 4, 5),
      savedMs: 0, sizeBytes: bytes.length, index: more.index ?? indexMessage(bytes).index, ...more, contentId,
      uid: folder.uidNext++ as Uid, modSeq: cn,
    };
    folder.messages.push(message);
    this.#touch(folder, cn);
    return message;
  }

  /** Takes messages away as another client would. */
  take(folder: FakeFolder, uids: UidSet, isWanted: (message: MessageStructure) => boolean = () => true): number[] {
    const gone = this.#select(folder, uids).filter(isWanted);
    if (gone.length === 0) return [];
    const cn = this.#commit();
    folder.messages = folder.messages.filter((message) => !gone.includes(message));
    for (const { uid } of gone) folder.vanished.push({ uid, cn });
    this.#touch(folder, cn);
    return gone.map(({ uid }) => uid);
  }

  #select(folder: FakeFolder, uids: UidSet): Mutable<MessageStructure>[] {
    if (uids === "all") return [...folder.messages];
    return folder.messages.filter(({ uid }) => uids.some((range) => uid >= range.first && uid <= range.last));
  }

  async *#slices(folderId: FolderId, uids: UidSet): AsyncGenerator<MessageStructure[]> {
    this.scans++;
    const rows = this.#select(this.byId(folderId), uids);
    for (let at = 0; at < rows.length; at += 500) yield rows.slice(at, at + 500).map((row) => ({ ...row }));
  }

  open(): Mailbox {
    const mailbox: Partial<Mailbox> = {
      rightsIn: () => 0x7fb,
      mailboxId: 1 as MailboxId,
      principal: { entryId: 1, address: "alice@example.test", displayName: "Alice", mailboxId: 1 as MailboxId },
      folders: async () => this.folders.map((folder) => ({ folder, depth: this.#depth(folder) }))
        .sort((a, b) => a.depth - b.depth).map(({ folder }) => folder),
      folder: async (_, folderId) => this.byId(folderId),
      folderByRole: async (_, role) => this.byRole(role),
      createFolder: async (_, { parentId, name, containerClass = "" }) => {
        this.#refuseTwin(parentId, name);
        this.#commit();
        return this.#add({ parentId, name, role: null, containerClass, hidden: false, isSearchFolder: false });
      },
      moveFolder: async (_, { folderId, parentId, name }) => {
        if (this.byId(folderId).role !== null) throw new Fault("notAllowed", "This folder stays where it is.");
        this.#refuseTwin(parentId, name, folderId);
        this.#commit();
        return Object.assign(this.byId(folderId), { parentId, name });
      },
      copyFolder: async () => { throw new Fault("notSupported", "not in tests"); },
      deleteFolder: async (_, { folderId }) => {
        if (this.byId(folderId).role !== null) throw new Fault("notAllowed", "This folder stays.");
        const hasChildren = this.folders.some((one) => one.parentId === folderId);
        if (hasChildren) throw new Fault("hasChildren", "There are folders below.");
        this.folders.splice(this.folders.indexOf(this.byId(folderId)), 1);
        this.#commit();
      },
      subscriptions: async () => [...this.subscribed],
      setSubscription: async (_, name, subscribed) => {
        if (subscribed) this.subscribed.add(name);
        else this.subscribed.delete(name);
      },
      uids: async (_, folderId) => {
        const folder = this.byId(folderId);
        return { folder, uids: Uint32Array.from(folder.messages, ({ uid }) => uid) };
      },
      rows: (_, folderId, uids) => this.#slices(folderId, uids),
      summaries: () => { throw new Fault("notSupported", "not in tests"); },
      structures: (_, folderId, uids) => this.#slices(folderId, uids),
      headers: (_, folderId, uids) => this.#headers(folderId, uids),
      ranks: async (_, folderId, uids, key) => await this.#ranks(folderId, uids, key),
      threadKeys: async (_, folderId) => await this.#threadKeys(folderId),
      flags: (_, folderId, uids) => this.#flags(folderId, uids),
      candidates: (_, folderId, uids, query) => this.#candidates(folderId, uids, query),
      subjects: (_, folderId, uids) => this.#subjects(folderId, uids),
      changes: async (_, folderId, since) => {
        const folder = this.byId(folderId);
        const vanished = folder.vanished.filter(({ cn }) => cn > since).map(({ uid }) => uid);
        return {
          cn: folder.highestCn, uidNext: folder.uidNext, vanished: Uint32Array.from(vanished).sort(),
          changed: folder.messages.filter(({ modSeq }) => modSeq > since).map((row) => ({ ...row })),
        };
      },
      content: async (_, contentId) => {
        const bytes = this.contents.get(contentId)!;
        return {
          sizeBytes: bytes.length,
          read: async (offset, length) => bytes.subarray(offset, offset + length),
          async *stream(offset = 0, length = bytes.length) {
            for (let at = offset; at < offset + length; at += 65_536) {
              yield bytes.subarray(at, Math.min(at + 65_536, offset + length));
            }
          },
        };
      },
      searchWords: async () => new Uint32Array(0),
      annotations: {
        of: async () => [], named: async () => new Map(), changes: async () => [],
        set: async () => this.#cn as ChangeNumber,
      },
      beginUpload: () => {
        const chunks: Buffer[] = [];
        const upload: Upload = {
          sizeBytes: 0, write: async (chunk) => { chunks.push(Buffer.from(chunk)); },
          discard: async () => { this.#uploads.delete(upload); },
        };
        this.#uploads.set(upload, chunks);
        return upload;
      },
      append: async (_, { folderId, upload, flags, keywords, internalMs }) => {
        const folder = this.byId(folderId);
        const bytes = Buffer.concat(this.#uploads.get(upload)!);
        const given = { flags, keywords, ...(internalMs === null ? {} : { internalMs }) };
        const { messageId, uid, modSeq } = this.deliver(folder, bytes, given);
        return { messageId, uid, uidValidity: folder.uidValidity, cn: modSeq };
      },
      setFlags: async (_, folderId, uids, change) => {
        const folder = this.byId(folderId);
        const all = this.#select(folder, uids);
        const rows = all.filter((row) => row.modSeq <= (change.unchangedSince ?? Infinity));
        const cn = this.#commit();
        for (const row of rows) {
          const before = `${row.flags} ${row.keywords}`;
          const others = row.keywords.filter((one) => !change.keywords.includes(one));
          const { flags, keywords, mode } = change;
          if (mode === "add") Object.assign(row, { flags: row.flags | flags, keywords: [...others, ...keywords] });
          else if (mode === "remove") Object.assign(row, { flags: row.flags & ~flags, keywords: others });
          else Object.assign(row, { flags, keywords });
          if (before !== `${row.flags} ${row.keywords}`) row.modSeq = cn;
        }
        this.#touch(folder, cn);
        return {
          cn, isChanged: true, rows: rows.map((row) => ({ ...row })),
          conflicts: all.filter((row) => !rows.includes(row)).map(({ uid }) => uid),
        };
      },
      copy: async (_, folderId, uids, targetId) => this.#copy(folderId, uids, targetId),
      move: async (_, folderId, uids, targetId) => {
        const result = this.#copy(folderId, uids, targetId);
        this.take(this.byId(folderId), uids);
        return result;
      },
      remove: async (_, { folderId, uids, only }) => {
        const isWanted = (row: MessageStructure): boolean => only === "any" || (row.flags & messageFlags.deleted) !== 0;
        const gone = this.take(this.byId(folderId), uids, isWanted);
        return { uids: Uint32Array.from(gone), cn: this.#cn as ChangeNumber };
      },
      watch: (listener) => {
        this.watchers.add(listener);
        return () => this.watchers.delete(listener);
      },
      quota: async () => ({ usedBytes: 0, limitBytes: this.limitBytes, messageCount: 0 }),
    };
    return mailbox as Mailbox;
  }

  async #ranks(folderId: FolderId, uids: readonly number[], key: OrderKey): Promise<Float64Array> {
    const rows = uids.map((uid) => this.byId(folderId).messages.find((row) => row.uid === uid)!);
    const { part, person } = partOf(key);
    const keys = rows.map(({ index }) => contentKeys(index));
    const texts = keys.map(({ subject, people }) => (part === "subject" ? subject : personIn(people, person)));
    if (part === "subject" || part === "people") return atOnce(ranksOf(uids, texts, false)).ranks;
    return Float64Array.from(rows, ({ internalMs, sizeBytes }, at) =>
      (part === "size" ? sizeBytes : part === "date" ? keys[at]!.sentMs ?? internalMs : internalMs));
  }

  async #threadKeys(folderId: FolderId): Promise<ThreadColumns> {
    const gatherer = new ThreadGatherer([0x9e37_79b1, 0x85eb_ca6b]);
    for (const { uid, index, internalMs } of this.byId(folderId).messages) {
      const { sentMs, ids } = contentKeys(index);
      gatherer.add(uid, sentMs ?? internalMs, ids);
    }
    return gatherer.columns;
  }

  async *#headers(folderId: FolderId, uids: UidSet): AsyncGenerator<MessageHeader[]> {
    for await (const rows of this.#slices(folderId, uids)) {
      yield rows.map((row) => ({
        ...row,
        header: this.contents.get(row.contentId)!.subarray(row.index.headerStart, row.index.headerSizeBytes),
      }));
    }
  }

  /** Without an index: what rows decide, and nothing of the others. */
  async *#candidates(folderId: FolderId, uids: UidSet, query: Query): AsyncGenerator<Candidates> {
    for await (const all of this.#slices(folderId, uids)) {
      const rows = all.filter((row) => decidedByRow(query, row) !== false);
      yield {
        uids: rows.map(({ uid }) => uid), modSeqs: rows.map(({ modSeq }) => modSeq),
        sure: rows.map((row) => decidedByRow(query, row) === true),
      };
    }
  }

  async *#subjects(folderId: FolderId, uids: UidSet): AsyncGenerator<MessageSubject[]> {
    for await (const rows of this.#slices(folderId, uids)) {
      yield rows.map(({ uid, index }) => ({ uid, subject: decodeWords(index.envelope.subject ?? "") }));
    }
  }

  async *#flags(folderId: FolderId, uids: UidSet): AsyncGenerator<FlagColumns> {
    for await (const rows of this.#slices(folderId, uids)) {
      yield {
        count: rows.length, uids: Uint32Array.from(rows, ({ uid }) => uid),
        flags: Uint8Array.from(rows, ({ flags }) => flags), modSeqs: Float64Array.from(rows, ({ modSeq }) => modSeq),
        keywords: new Map(rows.map((row, index) => [index, row.keywords])),
      };
    }
  }

  #depth({ parentId }: FolderInfo): number {
    return parentId === null ? 0 : this.#depth(this.byId(parentId)) + 1;
  }

  #refuseTwin(parentId: FolderId, name: string, folderId?: FolderId): void {
    const twin = this.folders.find((one) =>
      one.parentId === parentId && one.name.toLowerCase() === name.toLowerCase() && one.folderId !== folderId);
    if (twin !== undefined) throw new Fault("alreadyExists", "There is such a folder.");
  }

  #copy(folderId: FolderId, uids: UidSet, targetId: FolderId): CopyResult {
    const pairs: number[] = [];
    const target = this.byId(targetId);
    for (const row of this.#select(this.byId(folderId), uids)) {
      const { contentId, flags, keywords, internalMs, index } = row;
      const kept = { contentId, flags, keywords, internalMs, index };
      const copy = this.deliver(target, this.contents.get(contentId)!, kept);
      pairs.push(row.uid, copy.uid);
    }
    return { uidValidity: target.uidValidity, pairs: Uint32Array.from(pairs), cn: this.#cn as ChangeNumber };
  }
}

/** Knows alice with the password `secret`. */
const directory = {
  async authenticate(_: Ctx, { name, password }: { name: string; password: string }) {
    if (name !== "alice" || password !== "secret") throw new Fault("authenticationFailed", "Wrong name or password.");
    return { entryId: 1 as EntryId, address: "alice@example.test", displayName: "Alice", mailboxId: 1 as MailboxId };
  },
} as Pick<Directory, "authenticate"> as Directory;

class SocketConnection implements Connection {
  readonly id = "c1";
  readonly remoteAddress = "127.0.0.1";
  readonly localPort = 993;
  isTls: boolean;
  readonly serverName = null;
  readonly tlsVersion = null;
  readonly tlsCipher = null;
  readonly ctx: Ctx;
  readonly stopping: AbortSignal;
  readonly #socket: Socket;
  #iterator: AsyncIterator<Buffer>;

  constructor(socket: Socket, isTls: boolean, stopping: AbortSignal) {
    this.#socket = socket;
    this.isTls = isTls;
    this.stopping = stopping;
    const gone = new AbortController();
    socket.on("close", () => gone.abort());
    socket.on("error", () => gone.abort());
    this.ctx = ctxOf(gone.signal);
    this.#iterator = socket.iterator({ destroyOnReturn: false });
  }

  async read(timeoutMs: number): Promise<Uint8Array | null> {
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => timeout.reject(new ReadTimeout()), Math.min(timeoutMs, 2 ** 30));
    try {
      const { done, value } = await Promise.race([this.#iterator.next(), timeout.promise]);
      return done === true ? null : value;
    } catch (error) {
      if (error instanceof ReadTimeout) throw error;
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  async write(...pieces: (Uint8Array | string)[]): Promise<void> {
    if (this.#socket.destroyed) throw new Fault("cancelled", "The client is gone.");
    const isTaken = pieces.map((piece) => this.#socket.write(piece)).at(-1);
    if (isTaken === false) await once(this.#socket, "drain");
  }

  /** The handshake itself is the business of `net`. */
  async startTls(...answer: (Uint8Array | string)[]): Promise<void> {
    await this.write(...answer);
    this.isTls = true;
  }

  async close(): Promise<void> {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Serves `mailbox` on a port; `failures` collects what no handler should throw. */
export async function serveFake(mailbox: Pick<FakeMailbox, "open">, isTls = true): Promise<{
  port: number; failures: unknown[]; stop: AbortController; [Symbol.asyncDispose](): Promise<void>;
}> {
  const failures: unknown[] = [];
  const stop = new AbortController();
  const handler = imapHandler({
    mailboxes: { open: async () => mailbox.open(), watch: () => () => undefined }, directory,
    hostname: "mail.example.test", version: "0", offersStartTls: true,
  });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    handler(new SocketConnection(socket, isTls, stop.signal)).catch((error) => {
      failures.push(error);
      socket.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const dispose = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  };
  return { port: (server.address() as AddressInfo).port, failures, stop, [Symbol.asyncDispose]: dispose };
}

/** A client that says exactly what it is told. */
export class RawClient {
  readonly #socket: Socket;
  #buffer = "";
  #waiting: (() => void) | undefined;
  isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#buffer += text;
      this.#waiting?.();
    });
    for (const event of ["close", "error"] as const) {
      socket.on(event, () => {
        this.isClosed = true;
        this.#waiting?.();
      });
    }
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect(port, "127.0.0.1");
    const client = new RawClient(socket);
    await client.until(/^\* OK .*\r\n/);
    return client;
  }

  static async signedIn(port: number, ...commands: string[]): Promise<RawClient> {
    const client = await RawClient.open(port);
    await client.run("LOGIN alice secret");
    for (const command of commands) await client.run(command);
    return client;
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** What came up to the end of the first match. */
  async until(pattern: RegExp): Promise<string> {
    const deadline = setTimeout(() => this.#socket.destroy(new Error("too slow")), 5000);
    try {
      for (;;) {
        const match = pattern.exec(this.#buffer);
        if (match !== null) {
          const end = match.index + match[0].length;
          const text = this.#buffer.slice(0, end);
          this.#buffer = this.#buffer.slice(end);
          return text;
        }
        if (this.isClosed) throw new Error(`closed before ${pattern}: ${JSON.stringify(this.#buffer.slice(0, 500))}`);
        await new Promise<void>((resolve) => { this.#waiting = resolve; });
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  /** One command with a literal's text after each `{n}`; everything up to its tagged answer. */
  async run(command: string, ...literals: string[]): Promise<string> {
    this.send(`t ${command}\r\n`);
    for (const literal of literals) {
      await this.until(/^\+ .*\r\n/m);
      this.send(`${literal}\r\n`);
    }
    return this.until(/^t (OK|NO|BAD).*\r\n/m);
  }

  async closed(): Promise<string> {
    while (!this.isClosed) await new Promise<void>((resolve) => { this.#waiting = resolve; });
    return this.#buffer;
  }

  close(): void {
    this.#socket.destroy();
  }
}
