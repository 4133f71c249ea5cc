/** Which messages are new to which client: tables of claims, and the folder's newest messages at its first opening. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FolderInfo, Mailbox } from "#mailbox/api.ts";
import { limits } from "#base/limits.ts";
import { FolderMemory, noteKeyword, RecentMessages } from "#serve/imap/folder-memory.ts";

function mailboxOf(rows: readonly { uid: number; savedMs: number; keywords: readonly string[] }[]): Mailbox {
  return {
    mailboxId: 1,
    async *rows(_: unknown, __: unknown, [range]: readonly { first: number; last: number }[]) {
      yield rows.filter(({ uid }) => uid >= range!.first && uid <= range!.last);
    },
    async *flags(_: unknown, __: unknown, [range]: readonly { first: number; last: number }[]) {
      yield { count: rows.filter(({ uid }) => uid >= range!.first && uid <= range!.last).length };
    },
  } as Partial<Record<keyof Mailbox, unknown>> as Mailbox;
}

function folderOf(uidNext: number, messageCount: number, uidValidity = 7): FolderInfo {
  return { folderId: 5, uidNext, uidValidity, messageCount } as Partial<FolderInfo> as FolderInfo;
}

const ctx = {} as never;

test("what came since the process began is new to the first who opens the folder", async () => {
  const row = (uid: number, savedMs: number) => ({ uid, savedMs, keywords: uid === 2 ? ["Red"] : [] });
  for (const [saved, expected] of [
    [[1, 2, 3], 4], [[1, 2, 200], 3], [[200, 200, 200], 1], [[200, 2, 200], 3], [[200, 200, 3], 4],
  ] as const) {
    const memory = new FolderMemory();
    memory.begin(100);
    memory.begin(500);
    const mailbox = mailboxOf(saved.map((savedMs, index) => row(index + 1, savedMs)));
    const record = await memory.open(ctx, mailbox, folderOf(4, 3));
    assert.equal(record.recentFrom, expected, String(saved));
    assert.deepEqual([...record.keywords], [["red", "Red"]]);
    assert.equal(await memory.open(ctx, mailbox, folderOf(4, 3)), record);
    assert.equal(await memory.countRecent(ctx, mailbox, folderOf(4, 3)), 4 - expected);
    assert.notEqual(await memory.open(ctx, mailbox, folderOf(4, 3, 8)), record);
  }
  assert.equal(await new FolderMemory().countRecent(ctx, mailboxOf([]), folderOf(1, 0)), 0);
});

test("each message is new to one client; who only looks takes nothing", () => {
  const record = { uidValidity: 1, recentFrom: 5, keywords: new Map<string, string>() };
  const looks = new RecentMessages(record, false);
  looks.tell(6);
  const first = new RecentMessages(record, true);
  first.tell(6);
  const second = new RecentMessages(record, true);
  second.tell(6);
  second.tell(8);
  first.tell(8);
  first.tell(9);
  first.tell(10);
  looks.tell(11);
  const uids = Array.from({ length: 13 }, (_, uid) => uid);
  const told = (recent: RecentMessages): number[] => uids.filter((uid) => recent.has(uid));
  assert.deepEqual(told(first), [5, 6, 9, 10]);
  assert.deepEqual(first.ranges, [{ first: 5, last: 6 }, { first: 9, last: 10 }]);
  assert.deepEqual(told(second), [7, 8]);
  assert.deepEqual(told(looks), [5, 6, 11]);
  assert.equal(record.recentFrom, 11);
});

test("keywords are told once, whatever their case, and not without end", () => {
  const known = new Map<string, string>();
  assert.deepEqual(["a", "A", "b", ""].map((name) => noteKeyword(known, name)), [true, false, true, false]);
  for (let index = 0; index < 1000; index++) noteKeyword(known, `k${index}`);
  assert.equal(known.size, limits.imapKeywordsToldMax);
});
