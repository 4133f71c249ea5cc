/**
 * The transactions of mail that waits for its time, on SQLite and PostgreSQL: who takes a step first takes it alone, and
 * what the command line does with such mail.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { FolderId, MailboxId, MessageId } from "#base/ids.ts";
import { serverScope } from "#store/api.ts";
import { ctx, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import {
  abortDeferred, awaitedRecipients, endAborted, giveUpDeferred, releaseDeferred,
} from "#transport/deferred-store.ts";
import { countQueue, dropQueued, holdQueued, listQueue, retryQueued } from "#transport/queue-admin.ts";
import { awaitedRoutes, deferredRoute } from "#transport/queue-rows.ts";
import type { DeferredItem, NewMessage } from "#transport/queue-rows.ts";
import { acceptMessages, nextDue } from "#transport/queue-store.ts";
import { postgresMissing } from "../../test/support/postgres.ts";

const mailboxId = 1 as MailboxId;
const messageId = 7 as MessageId;
const later = 4_000_000_000_000;
const item: DeferredItem = {
  state: "deferred", messageId, submittedMs: 1_700_000_000_000, fate: 5 as FolderId, senderId: null,
};
const kinds = [
  { name: "SQLite", skip: false as string | false, make: () => Promise.resolve(sqliteBackend(0)) },
  { name: "PostgreSQL", skip: postgresMissing ?? false, make: postgresBackend },
];

after(stopPostgres);

function waiting(queueId: string): NewMessage {
  const row = { notify: 0, originalRecipient: null, leaseOwner: null, nextAttemptMs: later };
  return {
    queueId, acceptedMs: later, origin: "submission", envelopeSender: "kim@example.test", envelopeId: null, ret: null,
    flags: 0, trace: new Uint8Array(0), sizeBytes: 1, blobHash: null, content: new Uint8Array(1), recipients: [
      { ...row, recipientNumber: 0, address: "kim@example.test", route: deferredRoute(item), mailboxId },
      { ...row, recipientNumber: 1, address: "a@x.test", route: awaitedRoutes.recipient, mailboxId: null, held: true },
      { ...row, recipientNumber: 2, address: "b@x.test", route: awaitedRoutes.sentCopy, mailboxId, held: true },
    ],
  };
}

for (const kind of kinds) {
  describe(kind.name, { skip: kind.skip }, () => {
    let backend: Backend;
    let store: Awaited<ReturnType<Backend["open"]>>;
    before(async () => {
      backend = await kind.make();
      store = await backend.open();
    });
    after(async () => {
      await store?.close();
      backend?.remove();
    });
    const put = async (queueId: string): Promise<boolean> =>
      await store.transact(ctx, serverScope, acceptMessages, { messages: [waiting(queueId)] });
    const states = async (): Promise<string[]> => (await listQueue(ctx, store)).map(({ state }) => state);

    test("taken back once, and then never released", async () => {
      await put("q1");
      assert.deepEqual(await states(), ["deferred", "deferred"]);
      assert.equal((await countQueue(ctx, store)).held, 0);
      const awaited = await store.read(ctx, serverScope, () => awaitedRecipients("q1"));
      assert.deepEqual(awaited.map(({ address, sentCopyOf }) => [address, sentCopyOf]), [["a@x.test", null], ["b@x.test", 1]]);
      const other = await store.transact(ctx, serverScope, abortDeferred, { mailboxId, messageId: 8 as MessageId });
      assert.equal(other.kind, "notThere");
      assert.equal((await store.transact(ctx, serverScope, abortDeferred, { mailboxId, messageId })).kind, "aborted");
      const released = { queueId: "q1", item, messages: [] };
      assert.equal(await store.transact(ctx, serverScope, releaseDeferred, released), false);
      assert.equal(await store.transact(ctx, serverScope, giveUpDeferred, { queueId: "q1", item }), false);
      await store.transact(ctx, serverScope, endAborted, { queueId: "q1" });
      assert.equal((await countQueue(ctx, store)).messages, 0);
    });

    test("released once, and then never taken back; the command line", async () => {
      await put("q2");
      await holdQueued(ctx, store, { queueId: "q2" });
      assert.deepEqual(await states(), ["held", "held"]);
      await retryQueued(ctx, store, { queueId: null });
      assert.deepEqual(await states(), ["deferred", "deferred"]);
      assert.equal(await store.read(ctx, serverScope, nextDue), later);
      await retryQueued(ctx, store, { queueId: "q2" });
      assert.notEqual(await store.read(ctx, serverScope, nextDue), later);
      const messages = [{ ...waiting("q2"), recipients: [{
        recipientNumber: 1, address: "a@x.test", route: "x.test", mailboxId: null, notify: 0, originalRecipient: null,
        leaseOwner: null, nextAttemptMs: later,
      }] }];
      assert.equal(await store.transact(ctx, serverScope, releaseDeferred, { queueId: "q2", item, messages }), true);
      assert.equal(await store.transact(ctx, serverScope, releaseDeferred, { queueId: "q2", item, messages }), false);
      assert.equal((await store.transact(ctx, serverScope, abortDeferred, { mailboxId, messageId })).kind, "tooLate");
      assert.deepEqual(await states(), ["waiting"]);
      await put("q3");
      assert.equal(await dropQueued(ctx, store, { queueId: "q3" }), 2);
      assert.deepEqual(await states(), ["waiting"]);
      assert.equal((await store.transact(ctx, serverScope, abortDeferred, { mailboxId, messageId })).kind, "aborted",
        "its item is still to become a draft");
    });
  });
}
