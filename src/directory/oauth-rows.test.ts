// Proves: rows of the token provider come back while they are not over, a code counts once, everything of a grant or a
// person goes together, and neither strangers nor one person can fill the store.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { limits } from "#base/limits.ts";
import {
  consumeOauthRow, grantsOfAccount, oauthRowBy, putOauthRow, removeOauthRows,
} from "#directory/oauth-rows.ts";
import type { OauthRow } from "#directory/oauth-rows.ts";
import { openTestBed } from "#directory/test-kit.ts";
import type { TestBed } from "#directory/test-kit.ts";
import { get, run } from "#store/sql.ts";
import { procedure } from "#store/api.ts";

/** Many rows at once, as no caller makes them. */
const fill = procedure({
  name: "test.fillOauthRows",
  *run(_tx, args: { count: number; account: string | null; untilMs: number }) {
    for (let index = 0; index < args.count; index++) {
      yield* run("INSERT INTO oauth_row (model, row_id, payload, account, expires_ms) VALUES ('Interaction', $1, '{}', $2, $3)",
        `${args.account ?? "stranger"}-${index}`, args.account, args.untilMs + index);
    }
  },
});

let bed: TestBed;
before(async () => { bed = await openTestBed(); });
after(() => bed.close());

function row(change: Partial<OauthRow>): OauthRow {
  return {
    model: "AccessToken", id: "a", payload: '{"x":1}', grantId: null, uid: null, userCode: null, account: "1",
    expiresMs: bed.clock.ms + 1000, ...change,
  };
}
const find = (by: Parameters<typeof oauthRowBy>[0]): Promise<string | null> => bed.read(() => oauthRowBy(by, bed.clock.ms));
const count = async (): Promise<number> => (await bed.read(() => get<{ n: number }>("SELECT COUNT(*) AS n FROM oauth_row")))!.n;

test("found by id, uid and user code until they are over", async () => {
  await bed.change(putOauthRow, row({ uid: "u", userCode: "c" }));
  for (const by of [{ id: "a" }, { uid: "u" }, { userCode: "c" }]) {
    assert.equal(await find({ model: "AccessToken", ...by }), '{"x":1}');
    assert.equal(await find({ model: "Session", ...by }), null);
  }
  await bed.change(putOauthRow, row({ payload: '{"x":2}' }));
  assert.equal(await find({ model: "AccessToken", id: "a" }), '{"x":2}');
  assert.equal(await find({ model: "AccessToken", uid: "u" }), null, "put again without a uid");
  bed.clock.advance(1000);
  assert.equal(await find({ model: "AccessToken", id: "a" }), null);
  await bed.change(putOauthRow, row({ id: "later", expiresMs: null }));
  bed.clock.advance(10);
  await bed.change(putOauthRow, row({ id: "later", expiresMs: null }));
  assert.equal(await count(), 1, "what is over is swept away");
});

test("a code counts once, of two that race too", async () => {
  await bed.change(putOauthRow, row({ model: "AuthorizationCode", id: "code" }));
  const took = await Promise.all([1, 2, 3].map(() => bed.change(consumeOauthRow, { model: "AuthorizationCode", id: "code" })));
  assert.deepEqual(took.sort(), [false, false, true]);
  const payload = JSON.parse((await find({ model: "AuthorizationCode", id: "code" }))!) as { x: number; consumed: number };
  assert.deepEqual(payload, { x: 1, consumed: Math.floor(bed.clock.ms / 1000) });
  assert.equal(await bed.change(consumeOauthRow, { model: "AuthorizationCode", id: "none" }), false);
});

test("a grant goes with everything that came of it, a person with every grant", async () => {
  for (const grantId of ["g1", "g2"]) {
    await bed.change(putOauthRow, row({ model: "Grant", id: grantId, grantId, account: "7" }));
    await bed.change(putOauthRow, row({ id: `of ${grantId}`, grantId, account: "7" }));
  }
  assert.deepEqual((await bed.read(() => grantsOfAccount("7", bed.clock.ms))).map(({ id }) => id), ["g1", "g2"]);
  assert.equal(await bed.change(removeOauthRows, { grantId: "g1" }), 2);
  assert.equal(await find({ model: "AccessToken", id: "of g1" }), null);
  assert.notEqual(await find({ model: "AccessToken", id: "of g2" }), null);
  assert.equal(await bed.change(removeOauthRows, { account: "7" }), 2);
});

test("nobody fills the store", async () => {
  await assert.rejects(bed.change(putOauthRow, row({ payload: "x".repeat(limits.oauthPayloadMaxBytes + 1) })), { code: "tooBig" });
  await bed.change(fill, { count: limits.oauthStrangerRowsMax, account: null, untilMs: bed.clock.ms + 5000 });
  await bed.change(fill, { count: limits.oauthRowsPerAccountMax, account: "9", untilMs: bed.clock.ms + 5000 });
  const before = await count();
  await bed.change(putOauthRow, row({ model: "Interaction", id: "new", account: null, expiresMs: bed.clock.ms + 90_000 }));
  assert.equal(await count(), before + 1 - limits.oauthSweepRows);
  assert.equal(await find({ model: "Interaction", id: "stranger-0" }), null, "the oldest went");
  assert.notEqual(await find({ model: "Interaction", id: "9-0" }), null, "nobody else's did");
  await bed.change(putOauthRow, row({ id: "new", account: "9" }));
  assert.equal(await find({ model: "Interaction", id: "9-0" }), null);
  assert.notEqual(await find({ model: "Interaction", id: "9-1" }), null);
});
