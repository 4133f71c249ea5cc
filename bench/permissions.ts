/**
 * What a permission check costs: in a mailbox of 500 folders with 100 entries each and 20,000 messages in one folder,
 * of which 200 are private, for its owner and for somebody let in by a group. `node bench/permissions.ts`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EntryId, FolderId, MailboxId } from "../src/base/ids.ts";
import type { Ctx } from "../src/base/ctx.ts";
import { silentLog } from "../src/base/log.ts";
import type { Directory, MailboxStanding, Sharing } from "../src/directory/api.ts";
import { Access } from "../src/mailbox/permissions/open-access.ts";
import { PermissionSnapshots } from "../src/mailbox/permissions/snapshots.ts";
import { createMailboxes } from "../src/mailbox/mailbox.ts";
import type { Mailbox } from "../src/mailbox/api.ts";
import { provisionMailbox } from "../src/mailbox/tx/folders.ts";
import { setPermissions } from "../src/mailbox/tx/permissions.ts";
import { makeSystem } from "../src/main/system.ts";
import { openSqliteStore } from "../src/store/sqlite-store.ts";

const folderCount = 500;
const entriesPerFolder = 100;
const messageCount = 20_000;
const privateEvery = 100;

const dataDir = mkdtempSync(join(tmpdir(), "outpost-bench-"));
const ctx: Ctx = { system: makeSystem(), log: silentLog, signal: new AbortController().signal };
const procedureModules = [new URL("../src/main/procedures.ts", import.meta.url).href];
const store = await openSqliteStore({ dataDir, writerThreads: 0, procedureModules, role: "server", nowMs: Date.now });
const mailboxId = 1 as MailboxId;
const groupId = 7777;
const standing: MailboxStanding = { right: "none", seesPrivate: false, selfAndGroups: new Set([2, groupId]) };
const directory: Partial<Directory> = {
  mailboxOwner: () => Promise.resolve(
    { entryId: 1 as EntryId, address: "a@x.test", displayName: "A", quotaBytes: null }),
  sharing: {
    mailboxStanding: () => Promise.resolve(standing), namedEntries: () => Promise.resolve(new Map()),
  } as Partial<Sharing> as Sharing,
};

async function time(name: string, rounds: number, body: () => Promise<unknown>): Promise<void> {
  await body();
  const began = performance.now();
  for (let round = 0; round < rounds; round++) await body();
  const each = (performance.now() - began) / rounds;
  console.log(`${name.padEnd(60)} ${each < 0.1 ? `${(each * 1000).toFixed(2)} µs` : `${each.toFixed(2)} ms`}`);
}

async function fill(owner: Mailbox, folderId: FolderId): Promise<void> {
  for (let at = 0; at < messageCount;) {
    const messages = [];
    for (; messages.length < 500; at++) {
      const upload = owner.beginUpload(ctx, null);
      const mark = at % privateEvery === 0 ? "Sensitivity: Private\r\n" : "";
      await upload.write(Buffer.from(`Subject: ${at}\r\n${mark}\r\nwords\r\n`));
      messages.push({ upload, flags: 0, keywords: [], internalMs: null });
    }
    await owner.appendAll(ctx, { folderId, messages });
  }
}

try {
  await store.createMailbox(ctx, mailboxId);
  await store.transact(ctx, mailboxId, provisionMailbox,
    { guid: new Uint8Array(16), replicaGuid: new Uint8Array(16), language: "en" });
  const mailboxes = createMailboxes(store, directory as Directory);
  const person = (entryId: number) => ({
    entryId, address: "p@x.test", displayName: "P", mailboxId: entryId === 1 ? mailboxId : null,
  });
  const owner = await mailboxes.open(ctx, person(1), mailboxId);
  const inbox = (await owner.folderByRole(ctx, "inbox")).folderId;
  const changes = Array.from({ length: entriesPerFolder }, (_, index) => ({ memberId: 1000 + index, rights: 0x401 }));
  const whole = [...changes, { memberId: groupId, rights: 0x401 }];
  await store.transact(ctx, mailboxId, setPermissions, { folderId: inbox, changes: whole });
  for (let index = 0; index < folderCount; index++) {
    await owner.createFolder(ctx, { parentId: inbox, name: `Folder ${index}` });
  }
  await fill(owner, inbox);
  const reader = await mailboxes.open(ctx, person(2), mailboxId);
  const snapshots = new PermissionSnapshots(store);
  const made = (entryId: number, from = snapshots): Access =>
    new Access(directory as Directory, person(entryId), mailboxId, from.of(mailboxId));
  const [ownerAccess, readerAccess] = [made(1), made(2)];
  await time("check, owner", 100_000, () => ownerAccess.check(ctx, inbox, "listItems"));
  await time("check, let in by a group", 100_000, () => readerAccess.check(ctx, inbox, "listItems"));
  await time(`rights worked out anew, ${folderCount * entriesPerFolder} entries`, 20, () => made(2).current(ctx));
  await time(`entries read anew, ${folderCount * entriesPerFolder}`, 20, () =>
    made(2, new PermissionSnapshots(store)).current(ctx));
  for (const [name, mailbox] of [["owner", owner], ["let in by a group", reader]] as const) {
    await time(`folders(), ${name}`, 20, () => mailbox.folders(ctx));
    await time(`uids() of ${messageCount}, ${name}`, 20, () => mailbox.uids(ctx, inbox));
    await time(`flags() of ${messageCount}, ${name}`, 20, async () => {
      for await (const columns of mailbox.flags(ctx, inbox, "all")) void columns;
    });
    await time(`rows() of one message, ${name}`, 2000, async () => {
      for await (const rows of mailbox.rows(ctx, inbox, [{ first: 17, last: 17 }])) void rows;
    });
  }
} finally {
  await store.close();
  rmSync(dataDir, { recursive: true, force: true });
}
