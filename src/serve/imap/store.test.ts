/**
 * What a connection changed itself is not read back, and what others did is told all the same: random STORE, COPY and
 * EXPUNGE of two connections at once over a real store, each keeping what it is told; in the end both know every flag.
 * And a table of what a view takes for news.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { ChangeNumber, FolderId, MailboxId } from "#base/ids.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import { RawClient, serveFake } from "#serve/imap/test-kit.ts";
import { FolderView } from "#serve/imap/view.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";

const backend = sqliteBackend(1);
let store: Store;

before(async () => { store = await backend.open(); });
after(async () => {
  await store.close();
  backend.remove();
});

/** A mailbox that counts how often changes are asked for. */
async function counted(messages: number): Promise<{ open: () => Mailbox; looks: () => number; scope: MailboxId }> {
  const scope = await newMailbox(store);
  const { mailbox, open } = await openKit(store, scope);
  const { folderId } = await mailbox.folderByRole(ctx, "inbox");
  for (let number = 0; number < messages; number++) {
    await store.transact(ctx, scope, insertMessage, {
      folder: { folderId }, source: { inline: Buffer.from(`Subject: ${number}\r\n\r\ntext\r\n`), blob: null }, flags: 0,
      keywords: [], internalMs: null, quotaBytes: null, deliveryId: null,
    });
  }
  const ready = await Promise.all(Array.from({ length: 4 }, open));
  let looks = 0;
  const counting = (one: Mailbox): Mailbox => new Proxy(one, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: [never, FolderId, never]) => {
        if (name === "changes") looks++;
        return (value as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { open: () => counting(ready.pop()!), looks: () => looks, scope };
}

test("one's own STORE is not read back; those of others are told", async () => {
  const mailbox = await counted(5);
  await using server = await serveFake(mailbox);
  const own = await RawClient.signedIn(server.port, "SELECT INBOX", "STORE 5 +FLAGS (\\Draft)");
  const before = mailbox.looks();
  for (let number = 1; number <= 4; number++) {
    assert.match(await own.run(`STORE ${number} +FLAGS (\\Seen)`), new RegExp(`\\* ${number} FETCH .*\\\\Seen`));
  }
  await own.run("STORE 1:3 +FLAGS.SILENT (\\Flagged)");
  assert.equal(mailbox.looks(), before);
  const other = await RawClient.signedIn(server.port, "SELECT INBOX");
  await other.run("STORE 2 +FLAGS (\\Answered)");
  assert.match(await own.run("STORE 3 -FLAGS (\\Seen)"), /\* 2 FETCH .*\\Answered/);
  assert.match(await other.run("NOOP"), /\* 3 FETCH .*FLAGS \(\\Flagged( \\Recent)?\)/);
  own.close();
  other.close();
  assert.deepEqual(server.failures, []);
});

test("a commit heard of after one's own is news, whatever comes first; one that is known is none", async () => {
  const mailbox = (await counted(1)).open();
  const { folder, uids } = await mailbox.uids(ctx, (await mailbox.folderByRole(ctx, "inbox")).folderId);
  const next = (by: number): ChangeNumber => folder.highestCn + by as ChangeNumber;
  const rows: [string, readonly ["hear" | "advance", number][], boolean][] = [
    ["own, then its hint", [["advance", 1], ["hear", 1]], false],
    ["its hint, then own", [["hear", 1], ["advance", 1]], false],
    ["a hint of two commits, then own", [["hear", 2], ["advance", 1]], true],
    ["own, then another", [["advance", 1], ["hear", 2]], true],
    ["another's came before", [["hear", 1], ["advance", 2]], true],
    ["two of one's own", [["hear", 1], ["advance", 1], ["hear", 2], ["advance", 2]], false],
    ["what the view began with", [["hear", 0]], false],
  ];
  for (const [name, steps, isDirty] of rows) {
    const view = new FolderView(mailbox, folder, uids, false);
    for (const [what, by] of steps) view[what](next(by));
    assert.equal(view.isDirty, isDirty, name);
  }
});

/** What a client knows: flags by number, as it was told. */
class Told {
  flags: (string | undefined)[] = [];

  hear(answer: string): void {
    for (const line of answer.split("\r\n")) {
      const fetch = /^\* (\d+) FETCH \(UID \d+ FLAGS \(([^)]*)\)/.exec(line);
      if (fetch !== null) this.flags[Number(fetch[1]) - 1] = known(fetch[2]!);
      const expunge = /^\* (\d+) EXPUNGE/.exec(line);
      if (expunge !== null) this.flags.splice(Number(expunge[1]) - 1, 1);
      const exists = /^\* (\d+) EXISTS/.exec(line);
      if (exists !== null) this.flags.length = Number(exists[1]);
    }
  }
}

function known(flags: string): string {
  return flags.split(" ").filter((flag) => flag !== "" && flag !== "\\Recent").sort().join(" ");
}

const acts = fc.array(fc.tuple(fc.nat(1), fc.constantFrom("set", "set", "unset", "silent", "expunge", "copy", "noop"),
  fc.nat(5), fc.constantFrom("\\Seen", "\\Flagged", "\\Deleted", "word")), { maxLength: 25 });

test("two connections that write at once know every flag in the end", async () => {
  await fc.assert(fc.asyncProperty(acts, async (list) => {
    const mailbox = await counted(6);
    await using server = await serveFake(mailbox);
    const clients = [await RawClient.signedIn(server.port), await RawClient.signedIn(server.port)];
    const tolds = [new Told(), new Told()];
    const say = async (who: number, command: string): Promise<void> => {
      tolds[who]!.hear(await clients[who]!.run(command));
    };
    for (const who of [0, 1]) {
      await say(who, "SELECT INBOX");
      await say(who, "FETCH 1:* (UID FLAGS)");
    }
    const lanes = [0, 1].map(async (who) => {
      for (const [lane, act, at, flag] of list) {
        if (lane !== who) continue;
        const number = 1 + at % Math.max(1, tolds[who]!.flags.length);
        if (act === "set") await say(who, `STORE ${number} +FLAGS (${flag})`);
        if (act === "unset") await say(who, `STORE ${number}:* -FLAGS (${flag})`);
        if (act === "silent") await say(who, `STORE ${number} +FLAGS.SILENT (${flag})`);
        if (act === "silent") await say(who, `FETCH ${number} (UID FLAGS)`);
        if (act === "expunge") await say(who, "EXPUNGE");
        if (act === "copy") await say(who, `COPY ${number} INBOX`);
        if (act === "copy") await say(who, "FETCH 1:* (UID FLAGS)");
        if (act === "noop") await say(who, "NOOP");
      }
    });
    await Promise.all(lanes);
    for (const who of [0, 1]) {
      await say(who, "NOOP");
      const heard = [...tolds[who]!.flags];
      await say(who, "FETCH 1:* (UID FLAGS)");
      // What came by COPY of the other one was counted, its flags were not told.
      assert.deepEqual(heard.map((flags, at) => flags ?? tolds[who]!.flags[at]), tolds[who]!.flags);
    }
    assert.deepEqual(tolds[0]!.flags, tolds[1]!.flags);
    for (const client of clients) client.close();
    assert.deepEqual(server.failures, []);
  }), { numRuns: 25, endOnFailure: true });
});
