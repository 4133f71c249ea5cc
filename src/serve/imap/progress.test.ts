/**
 * What a client hears of a command that takes long (RFC 9585), and of what others did while its own ran, with a
 * mailbox that waits, or lets others in, at the right moment.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mailbox } from "#mailbox/api.ts";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import { FakeMailbox, RawClient, serveFake } from "#serve/imap/test-kit.ts";

const message = Buffer.from("Subject: a\r\n\r\nb\r\n");

/** A mailbox with one message, some of whose calls are others. */
function stageWith(change: (inner: Mailbox) => Partial<Mailbox>): Pick<FakeMailbox, "open"> {
  const mailbox = new FakeMailbox();
  mailbox.deliver(mailbox.byRole("inbox"), message);
  return {
    open: () => {
      const inner = mailbox.open();
      return { ...inner, ...change(inner) };
    },
  };
}

test("a long command says that it is under way until its answer begins", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  await using server = await serveFake(stageWith((inner) => ({
    copy: async (...args) => {
      begun.resolve();
      await gate.promise;
      return await inner.copy(...args);
    },
  })));
  const client = await RawClient.signedIn(server.port, "SELECT INBOX");
  client.send("c COPY 1 INBOX\r\n");
  await begun.promise;
  for (let times = 0; times < 2; times++) {
    context.mock.timers.tick(limits.imapProgressMs);
    await client.until(/^\* OK \[INPROGRESS \("c" NIL NIL\)\] .*\r\n/);
  }
  gate.resolve();
  await client.until(/^\* 2 EXISTS\r\n\* 1 RECENT\r\nc OK \[COPYUID .*\r\n/);
  context.mock.timers.tick(10 * limits.imapProgressMs);
  assert.match(await client.run("NOOP"), /^t OK/);
  client.close();
  assert.deepEqual(server.failures, []);
});

test("a silent STORE that changes nothing does not hide what another client did in between", async () => {
  await using server = await serveFake(stageWith((inner) => ({
    setFlags: async (ctx, folderId, uids, change) => {
      // Somebody flags the message; then there is nothing left to be done.
      const others = await inner.setFlags(ctx, folderId, uids, {
        mode: "add", flags: messageFlags.flagged | change.flags, keywords: [],
      });
      return { ...others, isChanged: false };
    },
  })));
  const client = await RawClient.signedIn(server.port, "SELECT INBOX");
  const stored = await client.run("STORE 1 +FLAGS.SILENT (\\Seen)");
  assert.match(stored + await client.run("NOOP"), /\* 1 FETCH \(UID 1 FLAGS \(\\Flagged \\Seen\)\)\r\n/);
  client.close();
});
