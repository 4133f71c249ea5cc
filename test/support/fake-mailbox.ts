/** A directory with one person and a mailbox that holds messages in memory: as much of both as POP3 asks for. */
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import type { Directory, SignedIn } from "#directory/api.ts";
import type { FolderInfo, MaildropColumns, Mailbox, Mailboxes, MessageContent } from "#mailbox/api.ts";

export interface FakeMessage {
  readonly uid: number;
  readonly bytes: Uint8Array;
}

export interface FakeServer {
  readonly directory: Directory;
  readonly mailboxes: Mailboxes;
  /** Ascending by UID; tests change it under the session. */
  messages: FakeMessage[];
  /** Largest slice of `remove`. */
  removals: number[];
  /** Set to make the next contents break off after so many bytes. */
  breakAfterBytes: number | null;
  /** Set to make `remove` fail. */
  failRemove: boolean;
  /** The term of the inbox. */
  keepDays: number | null;
  /** Whether the owner wants what was fetched to be read. */
  marksFetched: boolean;
  /** UIDs marked as read. */
  seen: number[];
}

const mailboxId = 1 as MailboxId;
const uidValidity = 77;

export function fakeServer(texts: readonly string[]): FakeServer {
  const server: FakeServer = {
    directory: only<Directory>({
      signIn: undefined,
      authenticate(_ctx: unknown, request: { name: string; password: string }): Promise<SignedIn> {
        if (!/^alice(?:@example\.test)?$/.test(request.name) || request.password !== "secret") {
          return Promise.reject(new Fault("authenticationFailed", "Name or password is wrong."));
        }
        const person = { entryId: 1, address: "alice@example.test", displayName: "Alice", mailboxId };
        return Promise.resolve(person as SignedIn);
      },
    }),
    mailboxes: only<Mailboxes>({ open: () => Promise.resolve(mailbox) }),
    messages: texts.map((text, index) => ({ uid: index + 1, bytes: Buffer.from(text, "latin1") })),
    removals: [],
    breakAfterBytes: null,
    failRemove: false,
    keepDays: null,
    marksFetched: true,
    seen: [],
  };
  const folder = only<FolderInfo>({ folderId: 5 });
  const mailbox = only<Mailbox>({
    folderByRole: () => Promise.resolve(folder),
    maildrop() {
      const { messages } = server;
      return Promise.resolve(only<MaildropColumns>({
        count: messages.length, uidValidity, keepDays: server.keepDays,
        uids: Uint32Array.from(messages, ({ uid }) => uid),
        itemIds: Float64Array.from(messages, ({ uid }) => uid),
        sizes: Float64Array.from(messages, ({ bytes }) => bytes.length),
        contentIds: Float64Array.from(messages, ({ uid }) => uid * 10),
      }));
    },
    marksFetched: () => Promise.resolve(server.marksFetched),
    setFlags(_ctx: unknown, _folderId: unknown, uids: readonly { first: number; last: number }[]) {
      for (const { first, last } of uids) for (let uid = first; uid <= last; uid++) server.seen.push(uid);
      return Promise.resolve({ cn: 1, rows: [], conflicts: [] });
    },
    content(_ctx: unknown, contentId: number) {
      const found = server.messages.find(({ uid }) => uid * 10 === contentId);
      if (found === undefined) return Promise.reject(new Fault("notFound", "No such content."));
      return Promise.resolve(only<MessageContent>({
        sizeBytes: found.bytes.length,
        async *stream() {
          for (let at = 0; at < found.bytes.length; at += 1000) {
            if (server.breakAfterBytes !== null && at >= server.breakAfterBytes) throw new Error("disk error");
            yield found.bytes.subarray(at, at + 1000);
          }
        },
      }));
    },
    remove(_ctx: { signal: AbortSignal }, request: { uids: readonly { first: number; last: number }[] }) {
      if (server.failRemove) return Promise.reject(new Fault("storageFull", "The disk is full."));
      const gone = (uid: number): boolean => request.uids.some(({ first, last }) => uid >= first && uid <= last);
      const before = server.messages.length;
      server.messages = server.messages.filter(({ uid }) => !gone(uid));
      server.removals.push(before - server.messages.length);
      return Promise.resolve({ uids: new Uint32Array(0), cn: 1 });
    },
  });
  return server;
}

/** An object that has only some of its type's members; using another one fails the test. */
function only<T extends object>(members: object): T {
  return new Proxy(members, {
    get(target, key) {
      if (typeof key === "string" && key !== "then" && !Reflect.has(target, key)) {
        throw new Error(`the fake has no ${key}`);
      }
      return Reflect.get(target, key) as unknown;
    },
  }) as T;
}
