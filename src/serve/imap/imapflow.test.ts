/**
 * An independent client, imapflow, against IMAP over a mailbox in memory: it reads every message of the corpus back
 * byte for byte, understands each ENVELOPE and BODYSTRUCTURE, and does what mail programs do all day.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ImapFlow } from "imapflow";
import { FakeMailbox, serveFake } from "#serve/imap/test-kit.ts";

const corpus = join(process.env["OUTPOST_CORPUS"] ?? "../shared/corpus", "eml");

async function withClient(mailbox: FakeMailbox, run: (client: ImapFlow) => Promise<void>): Promise<void> {
  await using server = await serveFake(mailbox);
  const client = new ImapFlow({
    host: "127.0.0.1", port: server.port, secure: false, doSTARTTLS: false, logger: false,
    auth: { user: "alice", pass: "secret" },
  });
  await client.connect();
  try {
    await run(client);
  } finally {
    await client.logout();
  }
  assert.deepEqual(server.failures, []);
}

const skip = existsSync(corpus) ? false : `${corpus} is missing`;

test("every message of the corpus is read back", { skip }, async () => {
  const mailbox = new FakeMailbox();
  const names = readdirSync(corpus).filter((name) => readFileSync(join(corpus, name)).length > 0);
  const inbox = mailbox.byRole("inbox");
  for (const name of names) mailbox.deliver(inbox, readFileSync(join(corpus, name)));
  await withClient(mailbox, async (client) => {
    const lock = await client.getMailboxLock("INBOX");
    const seen = new Set<number>();
    const query = { uid: true, envelope: true, bodyStructure: true, source: true, headers: true, flags: true };
    for await (const message of client.fetch("1:*", query)) {
      const name = names[message.seq - 1]!;
      assert.ok(message.source?.equals(readFileSync(join(corpus, name))), `${name} comes back changed`);
      assert.ok(message.envelope !== undefined && message.bodyStructure !== undefined, `${name} has no structure`);
      const { root } = inbox.messages[message.seq - 1]!.index;
      assert.equal(message.bodyStructure.type, `${root.type}/${root.subtype}`, name);
      seen.add(message.seq);
    }
    assert.equal(seen.size, names.length);
    lock.release();
  });
});

test("a day of a mail program", async () => {
  const mailbox = new FakeMailbox();
  await withClient(mailbox, async (client) => {
    const listed = await client.list({ statusQuery: { messages: true, unseen: true } });
    const uses = Object.fromEntries(listed.map((folder) => [folder.specialUse, folder.path]));
    assert.equal(uses["\\Sent"], "Sent Items");
    assert.equal(uses["\\Trash"], "deletedItems");
    assert.ok(!listed.some((folder) => folder.path === "calendar"));
    await client.mailboxCreate(["Projekte", "Büro & mehr"]);
    const appended = await client.append("Projekte/Büro & mehr", "Subject: x\r\n\r\nHello", ["\\Seen", "Important"]);
    assert.ok(appended && appended.uid === 1);
    await client.mailboxOpen("Projekte/Büro & mehr");
    assert.deepEqual(await client.search({ subject: "X", keyword: "important" }, { uid: true }), [1]);
    assert.ok(await client.messageFlagsAdd("1", ["\\Flagged"]));
    const fetched = await client.fetchOne("1", { flags: true, source: true, internalDate: true });
    assert.ok(fetched && fetched.flags?.has("\\Flagged") && fetched.flags.has("Important"));
    const moved = await client.messageMove("1", "INBOX");
    assert.ok(moved && moved.uidMap?.get(1) === 1);
    await client.mailboxOpen("INBOX");
    const { promise: exists, resolve } = Promise.withResolvers<number>();
    client.on("exists", ({ count }: { count: number }) => resolve(count));
    const idling = client.idle();
    mailbox.deliver(mailbox.byRole("inbox"), Buffer.from("Subject: new\r\n\r\nnow\r\n"));
    assert.equal(await exists, 2);
    await client.noop();
    await idling;
    assert.ok(await client.messageDelete("1:*"));
    assert.equal(mailbox.byRole("inbox").messages.length, 0);
    await client.mailboxClose();
    await client.mailboxRename("Projekte/Büro & mehr", "Alt");
    await client.mailboxDelete("Alt");
    await client.mailboxSubscribe("Projekte");
    const status = await client.status("INBOX", { messages: true, uidNext: true });
    assert.ok(status && status.messages === 0);
  });
});
