/**
 * What NOTIFY tells, decided by itself as a table; and its bounds over real sessions: too many folders are refused,
 * commands keep their order between news, and a connection that ends leaves no listener behind.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { KnownFolder } from "#serve/imap/notify/known-folder.ts";
import { changedStatus, firstStatus } from "#serve/imap/notify/known-folder.ts";
import { FakeMailbox, RawClient, serveFake } from "#serve/imap/test-kit.ts";

const folder: KnownFolder = {
  folderId: 1 as FolderId, parentId: null, name: "x", path: "x", uidValidity: 7, uidNext: 10, messageCount: 5,
  unreadCount: 2, highestCn: 50, isClosed: false,
};

test("what a STATUS tells of what happened. RFC 5465 §5.1 to §5.3", () => {
  const rows: [name: string, change: Partial<KnownFolder>, condstore: boolean, flags: boolean, told: string][] = [
    ["nothing", {}, true, true, ""],
    ["a message came", { uidNext: 11, messageCount: 6, unreadCount: 3, highestCn: 51 }, false, false,
      "MESSAGES 6 UIDNEXT 11 UIDVALIDITY 7"],
    ["the same with change numbers", { uidNext: 11, messageCount: 6, highestCn: 51 }, true, false,
      "MESSAGES 6 UIDNEXT 11 UIDVALIDITY 7 HIGHESTMODSEQ 51"],
    ["the same with unread counts", { uidNext: 11, messageCount: 6, unreadCount: 3, highestCn: 51 }, false, true,
      "MESSAGES 6 UIDNEXT 11 UIDVALIDITY 7 UNSEEN 3"],
    ["a message went", { messageCount: 4, highestCn: 51 }, false, false, "MESSAGES 4 UIDNEXT 10 UIDVALIDITY 7"],
    ["one came and one went", { uidNext: 11, highestCn: 51 }, false, false, "MESSAGES 5 UIDNEXT 11 UIDVALIDITY 7"],
    ["a flag, and nobody asked", { highestCn: 51 }, true, false, ""],
    ["a flag with change numbers", { highestCn: 51 }, true, true, "UIDVALIDITY 7 HIGHESTMODSEQ 51"],
    ["a flag that only change numbers tell", { highestCn: 51 }, false, true, ""],
    ["one was read", { highestCn: 51, unreadCount: 1 }, false, true, "UIDVALIDITY 7 UNSEEN 1"],
    ["another folder", { uidValidity: 8 }, false, false, "MESSAGES 5 UIDNEXT 10 UIDVALIDITY 8"],
  ];
  for (const [name, change, usesCondstore, tellsFlags, told] of rows) {
    assert.equal(changedStatus(folder, { ...folder, ...change }, { usesCondstore, tellsFlags }).join(" "), told, name);
  }
  assert.equal(firstStatus(folder, { usesCondstore: false, tellsFlags: true }).join(" "),
    "MESSAGES 5 UIDNEXT 10 UIDVALIDITY 7 HIGHESTMODSEQ 50");
});

test("too many folders are refused, and nothing is told of them", async () => {
  const mailbox = new FakeMailbox();
  const opened = mailbox.open();
  const parentId = mailbox.byRole("ipmSubtree").folderId;
  const ctx = {} as never;
  for (let index = 0; index <= limits.imapNotifyFoldersMax; index++) {
    mailbox.folders.push({
      ...mailbox.byRole("inbox"), folderId: 10_000 + index as FolderId, parentId, name: `f${index}`, role: null,
      messages: [], vanished: [],
    });
  }
  assert.ok((await opened.folders(ctx)).length > limits.imapNotifyFoldersMax);
  await using server = await serveFake(mailbox);
  const client = await RawClient.signedIn(server.port);
  const watchers = mailbox.watchers.size;
  const answer = await client.run("NOTIFY SET (personal (MessageNew MessageExpunge))");
  assert.match(answer, /^t NO \[NOTIFICATIONOVERFLOW\]/m);
  assert.equal(mailbox.watchers.size, watchers, "no listener stays");
  client.close();
  assert.deepEqual(server.failures, []);
});

test("a connection that ends leaves no listener behind, whether it says so or not", async () => {
  const mailbox = new FakeMailbox();
  await using server = await serveFake(mailbox);
  for (const ending of ["LOGOUT", "UNAUTHENTICATE", ""]) {
    const client = await RawClient.signedIn(server.port,
      "NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))");
    assert.ok(mailbox.watchers.size > 0);
    if (ending !== "") await client.run(ending);
    client.close();
    for (let turn = 0; turn < 100 && mailbox.watchers.size > 0; turn++) await new Promise((go) => setTimeout(go, 10));
    assert.equal(mailbox.watchers.size, 0, ending);
  }
  assert.deepEqual(server.failures, []);
});

test("a folder that is deleted while it is selected ends the connection between commands", async () => {
  const mailbox = new FakeMailbox();
  await using server = await serveFake(mailbox);
  const other = await RawClient.signedIn(server.port, "CREATE doomed");
  const client = await RawClient.signedIn(server.port, "SELECT doomed",
    "NOTIFY SET (selected (MessageNew MessageExpunge))");
  await other.run("DELETE doomed");
  await client.until(/^\* BYE .*\r\n/m);
  await client.closed();
  other.close();
  assert.deepEqual(server.failures, []);
});

test("commands sent while news are told are answered in their order", async () => {
  const mailbox = new FakeMailbox();
  await using server = await serveFake(mailbox);
  const client = await RawClient.signedIn(server.port, "SELECT INBOX",
    "NOTIFY SET (selected (MessageNew (UID) MessageExpunge))");
  for (let turn = 0; turn < 50; turn++) {
    mailbox.deliver(mailbox.byRole("inbox"), Buffer.from("Subject: new\r\n\r\nnow\r\n"));
    client.send(`x${turn} UID FETCH 1 UID\r\ny${turn} NOOP\r\n`);
    await client.until(new RegExp(`^x${turn} OK.*\r\n(?:\\*.*\r\n)*y${turn} OK.*\r\n`, "m"));
  }
  client.close();
  assert.deepEqual(server.failures, []);
});
