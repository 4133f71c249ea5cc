// Proves what a stranger cannot do at the doors: guess by SCRAM many times at once, learn from a salt or from refusals
// whether somebody is there, be let in by a token that names nobody's address, stay after the password was changed, or
// fill the disk with failures.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { limits } from "#base/limits.ts";
import { StoreDirectory } from "#directory/directory.ts";
import { addDomain } from "#directory/domain-changes.ts";
import { setPassword } from "#directory/entry-changes.ts";
import { PasswordHasher } from "#directory/password.ts";
import { recordSignIns } from "#directory/sign-in-log.ts";
import { addTestEntry, openTestBed } from "#directory/test-kit.ts";
import type { TestBed } from "#directory/test-kit.ts";
import { all, run } from "#store/sql.ts";
import { procedure } from "#store/api.ts";

const by = "test";
const hasher = new PasswordHasher({ memory: 64, passes: 1, parallelism: 1, scramIterations: 4096 });
const refused = { code: "authenticationFailed" };
let bed: TestBed;
let directory: StoreDirectory;

before(async () => {
  bed = await openTestBed();
  directory = new StoreDirectory(bed.ctx, bed.store, hasher);
  for (const name of ["example.test", "other.test"]) await bed.change(addDomain, { by, name });
});
after(async () => {
  await directory.close();
  await bed.close();
});

async function addUser(address: string): Promise<void> {
  await addTestEntry(bed, "user", address, { phc: await hasher.hash(bed.ctx, "secret") });
}

test("exchanges of SCRAM begun beforehand are no more guesses than others", async () => {
  await addUser("alice@example.test");
  const owner = { protocol: "imap" as const, clientAddress: "198.51.100.1", name: "alice@example.test" };
  await directory.authenticate(bed.ctx, { ...owner, password: "secret" });
  const from = { ...owner, clientAddress: "192.0.2.1" };
  await Promise.all(Array.from({ length: 100 }, () => directory.beginScram(bed.ctx, from)));
  for (let count = 0; count < 40; count++) {
    await assert.rejects(directory.finishScram(bed.ctx, { ...from, credential: null }), refused);
  }
  // Of the 100 the 41st would have been right.
  await assert.rejects(directory.finishScram(bed.ctx, { ...from, credential: "password" }), refused);
  const person = await directory.finishScram(bed.ctx, { ...owner, credential: "password" });
  assert.equal(person.address, "alice@example.test", "the owner elsewhere");
});

test("the spellings of a name are one name, whether somebody has it or not", async () => {
  await addUser("bob@example.test");
  const from = { protocol: "imap" as const, clientAddress: "192.0.2.2" };
  const salt = async (name: string): Promise<string> =>
    Buffer.from((await directory.beginScram(bed.ctx, { ...from, name })).salt).toString("hex");
  const rows: [name: string, spellings: (local: string) => string[]][] = [
    ["short and whole", (local) => [local, `${local}@example.test`]],
    ["with its domain before", (local) => [`EXAMPLE\\${local}`, `example.test\\${local}`, `${local}@example.test`]],
    ["case, a last dot", (local) => [`${local.toUpperCase()}@EXAMPLE.test`, `${local}@example.test.`]],
    ["quoted", (local) => [`"${local}"@example.test`, `${local}@example.test`]],
  ];
  for (const [name, spellings] of rows) {
    for (const local of ["bob", "nobody"]) {
      const salts = new Set(await Promise.all(spellings(local).map(salt)));
      assert.equal(salts.size, 1, `${name}: ${local}`);
    }
  }
  // And counted as one: refusals come as early.
  for (const local of ["bob", "nobody"]) {
    const guesser = { protocol: "imap" as const, clientAddress: "192.0.2.77" };
    for (let count = 0; count < 15; count++) {
      const name = count % 2 === 0 ? local : `${local}@example.test`;
      await assert.rejects(directory.finishScram(bed.ctx, { ...guesser, name, credential: null }), refused);
    }
    await assert.rejects(directory.beginScram(bed.ctx, { ...guesser, name: local }), refused, local);
  }
});

test("tokens: of an address alone, and sessions end with the password", async () => {
  await addUser("carol@example.test");
  const offer = { issuer: "https://id.example", authorizationUri: "https://id.example/go", outlookKnows: false };
  directory.bearerSources = [{
    offer,
    verify: (_ctx, token) => Promise.resolve({ who: { address: token }, expiresMs: bed.clock.ms + 3_600_000 }),
  }];
  const by_token = (token: string) =>
    directory.authenticateBearer(bed.ctx, { token, name: null, protocol: "imap", clientAddress: "192.0.2.3" });
  for (const claim of ["carol", "EXAMPLE\\carol", "x\\carol@example.test", ""]) await assert.rejects(by_token(claim), refused, claim);
  const person = await by_token("carol@example.test");
  const told: string[] = [];
  directory.watchSignOut(person, "imap", (why) => told.push(why));
  const settle = async (): Promise<void> => {
    for (let step = 0; step < 120; step++) await new Promise((resolve) => setImmediate(resolve));
  };
  await settle();
  assert.deepEqual(told, []);
  bed.clock.advance(5);
  await bed.change(setPassword, {
    by, address: "carol@example.test", phc: await hasher.hash(bed.ctx, "another"), expected: null,
  });
  await settle();
  assert.deepEqual(told, ["The password was changed."]);
});

const raiseAudit = procedure({
  name: "test.raiseAudit",
  * run(_tx, args: { readonly count: number }) {
    yield* run("UPDATE counter SET value = value + $1 WHERE name = 'audit'", args.count);
  },
});

test("failures fill a bounded number of rows, and push out nothing but failures", async () => {
  const failure = (target: string) => ({
    atMs: bed.clock.ms, actor: target, action: "sign-in-failed", target, detail: "imap: x", client: "192.0.2.4", repeated: 1,
  });
  await bed.change(recordSignIns, { successes: [], failures: [failure("first")] });
  await bed.change(raiseAudit, { count: limits.auditSignInKeepRows });
  await bed.change(recordSignIns, { successes: [], failures: [failure("second")] });
  const rows = await bed.read(() => all<{ action: string; target: string }>("SELECT action, target FROM audit"));
  const failed = rows.filter((row) => row.action === "sign-in-failed").map((row) => row.target);
  assert.ok(!failed.includes("first") && failed.includes("second"), failed.join());
  assert.ok(rows.some((row) => row.action === "user-add"));
});
