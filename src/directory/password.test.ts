// Proves: argon2id hashes as PHC strings, checked against a hash made by another program, bad strings refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestClock } from "#directory/test-kit.ts";
import { needsRehash, PasswordHasher } from "#directory/password.ts";
import { silentLog } from "#base/log.ts";

const ctx = { system: new TestClock(), log: silentLog, signal: new AbortController().signal };
const cheap = { memory: 64, passes: 1, parallelism: 1 };

test("a hash matches its password in any Unicode form, and no other", async () => {
  const hasher = new PasswordHasher(cheap);
  const phc = await hasher.hash(ctx, "gr\u00fcn secret");
  assert.match(phc, /^\$argon2id\$v=19\$m=64,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.equal(await hasher.verify("gr\u00fcn secret", phc), true);
  assert.equal(await hasher.verify("gru\u0308n secret", phc), true);
  assert.equal(await hasher.verify("grun secret", phc), false);
  assert.equal(await hasher.verify("", phc), false);
  assert.notEqual(await hasher.hash(ctx, "gr\u00fcn secret"), phc);
  assert.equal(await hasher.verify("gr\u00fcn secret", hasher.unusable(ctx)), false);
});

test("a hash of the reference program", async () => {
  // argon2 reference implementation, test vector "password" / "somesalt", t=2 m=2^16 p=1.
  const phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  assert.equal(await new PasswordHasher().verify("password", phc), true);
  assert.equal(await new PasswordHasher().verify("Password", phc), false);
  assert.equal(needsRehash(phc), true);
});

test("strings that are no hash, or would cost too much", async () => {
  const tag = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  const rows = [
    "", "secret", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" + tag, "$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$" + tag,
    "$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHQ$" + tag, "$argon2id$v=19$m=4,t=1,p=1$c29tZXNhbHQ$" + tag,
    "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$" + tag, "$argon2id$v=19$m=64,t=1,p=1$$" + tag,
  ];
  const hasher = new PasswordHasher(cheap);
  for (const phc of rows) assert.equal(await hasher.verify("password", phc), false, phc);
});

test("new passwords", async () => {
  const hasher = new PasswordHasher(cheap);
  for (const password of ["", "a\0b", "line\nbreak", "x".repeat(1025), "ü".repeat(600)]) {
    await assert.rejects(hasher.hash(ctx, password), { code: "invalidArgument" });
  }
});

test("many checks at once wait for each other, too many are refused as busy", async () => {
  const hasher = new PasswordHasher(cheap);
  const phc = await hasher.hash(ctx, "secret");
  const check = (index: number): Promise<boolean> => hasher.verify("secret", phc, `network ${index % 20}`);
  const results = await Promise.allSettled(Array.from({ length: 600 }, (_, index) => check(index)));
  const right = results.filter((result) => result.status === "fulfilled" && result.value).length;
  const busy = results.filter((result) => result.status === "rejected" && result.reason.code === "serverBusy").length;
  assert.equal(right, 502);
  assert.equal(busy, 98);
  assert.equal(await hasher.verify("secret", phc), true);
});

test("networks take turns: a flood from one does not keep another waiting", async () => {
  const hasher = new PasswordHasher(cheap);
  const phc = await hasher.hash(ctx, "secret");
  const order: string[] = [];
  const check = (line: string): Promise<unknown> => hasher.verify("secret", phc, line).then(() => order.push(line), () => 0);
  const flood = Array.from({ length: 60 }, () => check("flood"));
  await Promise.all([...flood, check("owner")]);
  assert.ok(order.indexOf("owner") <= 6, `the owner came as number ${order.indexOf("owner")}`);
  // Two at once at work, 50 in line, and the rest refused.
  assert.equal(order.filter((line) => line === "flood").length, 52);
});
