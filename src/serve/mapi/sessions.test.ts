/** Proves by a clock in hand when a session is found, when it is over, and which cookies never were a session's. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { silentLog } from "#base/log.ts";
import type { SignedIn } from "#directory/api.ts";
import { TestClock } from "#directory/test-kit.ts";
import { cookieNames, MapiSessions } from "#serve/mapi/sessions.ts";

const person = (entryId: number): SignedIn =>
  ({ entryId: entryId as EntryId, address: `p${entryId}@example.test`, displayName: "", mailboxId: null });
const alice = person(1);
const bob = person(2);

function bed() {
  const clock = new TestClock();
  const ctx: Ctx = { system: clock, log: silentLog, signal: new AbortController().signal };
  const sessions = new MapiSessions<{ close(): void }>(ctx);
  const closed: number[] = [];
  let made = 0;
  const create = (by: SignedIn) => {
    const number = made++;
    return sessions.create(by, { close: () => void closed.push(number) });
  };
  const find = (id: string | null, by: SignedIn = alice) =>
    sessions.find(new Map(id === null ? [] : [[cookieNames.context, id]]), by);
  return { clock, sessions, closed, create, find };
}

test("cookies: none, none that ever was, one of another server, somebody else's", () => {
  const { create, find } = bed();
  const session = create(alice);
  assert.equal(find(session.id), session);
  assert.equal(find(null), "missingCookie");
  for (const id of ["x", "Invalid cookie", `${session.id}x`, "ä".repeat(32)]) {
    assert.equal(find(id), "invalidContextCookie", id);
  }
  assert.equal(find("A".repeat(32)), "contextNotFound");
  assert.equal(find(session.id, bob), "contextNotFound");
});

test("a session ends by silence exactly when it was told to, a busy one later", () => {
  const { clock, create, find, closed } = bed();
  const silent = create(alice);
  const used = create(alice);
  const busy = create(alice);
  busy.isBusy = true;
  clock.ms += limits.mapiSessionIdleMs - 1;
  assert.equal(find(used.id), used);
  clock.ms += 1;
  assert.equal(find(silent.id), "contextNotFound");
  assert.equal(find(busy.id), busy);
  assert.equal(find(used.id), used);
  assert.deepEqual(closed, [0]);
  clock.advance(limits.mapiSessionIdleMs);
  assert.deepEqual(closed, [0, 1], "the sweep ends those nobody asks for");
});

test("one person's oldest session makes room; a server that stops makes none", () => {
  const { clock, sessions, create, find } = bed();
  const all = Array.from({ length: limits.mapiSessionsPerPersonMax }, () => {
    clock.ms += 1;
    return create(alice);
  });
  const other = create(bob);
  create(alice);
  assert.equal(find(all[0]!.id), "contextNotFound");
  assert.equal(find(all[1]!.id), all[1]);
  assert.equal(find(other.id, bob), other);
  sessions.stop();
  assert.equal(find(other.id, bob), "contextNotFound");
  assert.throws(() => create(alice), (error) => error instanceof Fault && error.code === "unavailable");
});
