// Proves: the right password and nothing else signs in, by every form of name; refusals look alike and cost alike; a
// known sign-in costs no hash until the directory changes; guessers are slowed down and owners never locked out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { StoreDirectory } from "#directory/directory.ts";
import type { Protocol } from "#directory/api.ts";
import { addDomain } from "#directory/domain-changes.ts";
import { removeEntry, setEntry, setPassword } from "#directory/entry-changes.ts";
import { GuessGuard, networkOf } from "#directory/guess-guard.ts";
import { PasswordHasher } from "#directory/password.ts";
import { addTestEntry, openTestBed } from "#directory/test-kit.ts";
import type { TestBed } from "#directory/test-kit.ts";
import { all } from "#store/sql.ts";

class CountingHasher extends PasswordHasher {
  checks = 0;
  override verify(password: string, phc: string): Promise<boolean> {
    // Only a hash of the full cost counts: a cheap refusal would tell a guesser something.
    if (/^\$argon2id\$v=19\$m=(?:64|32),t=1,p=1\$/.test(phc)) this.checks++;
    return super.verify(password, phc);
  }
}

const by = "test";
const hasher = new CountingHasher({ memory: 64, passes: 1, parallelism: 1 });
const message = "The name or password is wrong, or this account may not sign in here.";
let bed: TestBed;
let directory: StoreDirectory;

before(async () => {
  bed = await openTestBed();
  directory = new StoreDirectory(bed.ctx, bed.store, hasher);
  for (const name of ["example.test", "other.test", "third.test"]) await bed.change(addDomain, { by, name });
  const phc = await hasher.hash(bed.ctx, "secret");
  for (const address of ["alice@example.test", "bob@example.test", "bob@other.test", "zoe@other.test", "max@other.test", "max@third.test"]) {
    await addTestEntry(bed, "user", address, { phc });
  }
  await addTestEntry(bed, "user", "empty@example.test");
  await addTestEntry(bed, "shared", "info@example.test", { phc });
  await bed.change(setEntry, { by, address: "alice@example.test", kinds: [], change: { addAddresses: ["al@example.test"] } });
});
after(async () => {
  await directory.close();
  await bed.close();
});

let network = 0;
/** From a new network each time, so that counted failures stay apart. */
async function signIn(name: string, password: string, more: { protocol?: Protocol; clientAddress?: string } = {}): Promise<string> {
  const clientAddress = more.clientAddress ?? `10.${network >> 8}.${network++ & 255}.1`;
  const person = await directory.authenticate(bed.ctx, { name, password, protocol: more.protocol ?? "imap", clientAddress });
  return person.address;
}
const refused = { code: "authenticationFailed", message };

test("names", async () => {
  const rows: [string, string][] = [
    ["alice@example.test", "alice@example.test"], ["ALICE@Example.Test", "alice@example.test"], ["alice", "alice@example.test"],
    ["example.test\\alice", "alice@example.test"], ["EXAMPLE\\alice", "alice@example.test"], ["al@example.test", "alice@example.test"],
    ["bob", "bob@example.test"], ["OTHER\\bob", "bob@other.test"], ["other.test\\bob", "bob@other.test"],
    ["zoe", "zoe@other.test"], ["anything\\zoe@other.test", "zoe@other.test"],
  ];
  for (const [name, address] of rows) assert.equal(await signIn(name, "secret"), address, name);
});

test("refusals all look alike and each costs one hash", async () => {
  await bed.change(setEntry, { by, address: "zoe@other.test", kinds: [], change: { disabled: true } });
  await bed.change(setEntry, { by, address: "bob@other.test", kinds: [], change: { protocols: { imap: false } } });
  const rows: [string, string, string][] = [
    ["wrong password", "alice", "Secret"], ["empty password", "alice", ""], ["nobody", "nobody@example.test", "secret"],
    ["no address", "@@", "secret"], ["no password set", "empty", "secret"], ["shared mailbox", "info@example.test", "secret"],
    ["foreign domain", "alice@elsewhere.test", "secret"], ["in two domains, none the default", "max", "secret"],
    ["disabled", "zoe@other.test", "secret"], ["protocol off", "bob@other.test", "secret"], ["detail", "alice+x@example.test", "secret"],
    ["long name", "a".repeat(5000), "secret"],
  ];
  for (const [name, user, password] of rows) {
    const before = hasher.checks;
    // A person disabled or switched off after a good sign-in is refused at once from memory.
    const known = name === "disabled" || name === "protocol off";
    await assert.rejects(signIn(user, password), refused, name);
    assert.equal(hasher.checks - before, known ? 0 : 1, name);
  }
  assert.equal(await signIn("bob@other.test", "secret", { protocol: "smtp" }), "bob@other.test");
});

test("a known sign-in costs nothing until its time is over", async () => {
  await signIn("alice", "secret");
  const before = hasher.checks;
  await signIn("alice@example.test", "secret", { protocol: "pop3" });
  await Promise.all(Array.from({ length: 20 }, () => signIn("alice", "secret")));
  assert.equal(hasher.checks, before);
  bed.clock.advance(11 * 60_000);
  await Promise.all(Array.from({ length: 20 }, () => signIn("alice", "secret")));
  assert.equal(hasher.checks, before + 1, "twenty at once share one check");
});

test("a new password counts at once, the old one no longer", async () => {
  await signIn("alice", "secret");
  await bed.change(setPassword, { by, address: "alice@example.test", phc: await hasher.hash(bed.ctx, "new one"), expected: null });
  await assert.rejects(signIn("alice", "secret"), refused);
  assert.equal(await signIn("alice", "new one"), "alice@example.test");
  await bed.change(setPassword, { by, address: "alice@example.test", phc: await hasher.hash(bed.ctx, "secret"), expected: null });
  assert.equal(await signIn("alice", "secret"), "alice@example.test");
});

test("an unrelated change keeps known sign-ins, a removal ends them", async () => {
  await addTestEntry(bed, "user", "eve@example.test", { phc: await hasher.hash(bed.ctx, "secret") });
  await signIn("eve", "secret");
  const before = hasher.checks;
  await bed.change(setEntry, { by, address: "bob@example.test", kinds: [], change: { displayName: "Bob" } });
  await signIn("eve", "secret");
  assert.equal(hasher.checks, before);
  await bed.change(removeEntry, { by, address: "eve@example.test", kinds: [] });
  await assert.rejects(signIn("eve", "secret"), refused);
});

test("a cheap old hash is renewed at sign-in", async () => {
  const old = new PasswordHasher({ memory: 32, passes: 1, parallelism: 1 });
  await addTestEntry(bed, "user", "fay@example.test", { phc: await old.hash(bed.ctx, "secret") });
  await signIn("fay", "secret");
  const rows = await bed.read(() => all<{ phc: string }>(
    "SELECT phc FROM credential c JOIN entry e ON e.entry_id = c.entry_id WHERE e.address = 'fay@example.test'"));
  assert.match(rows[0]!.phc, /m=64/);
  const before = hasher.checks;
  await signIn("fay", "secret");
  assert.equal(hasher.checks, before);
});

test("guessers wait longer each time and are then refused unread; the owner elsewhere is not", async () => {
  const clientAddress = "192.0.2.66";
  await signIn("alice", "secret", { clientAddress: "198.51.100.1" });
  bed.clock.delays.length = 0;
  const before = hasher.checks;
  for (let round = 0; round < 20; round++) {
    const attempt = signIn("alice", `guess ${round}`, { clientAddress });
    // The waits stand on the test's clock; each pass lets one more step of the attempt run.
    const ended = assert.rejects(attempt, refused);
    for (let step = 0; step < 20; step++) await new Promise((resolve) => setImmediate(resolve));
    bed.clock.advance(8_000);
    await ended;
  }
  assert.equal(hasher.checks - before, 15);
  // A wait of one second cannot be told from the timer of the audit trail.
  const waits = bed.clock.delays.filter((delay) => delay !== 1000);
  assert.deepEqual(waits.slice(0, 6), [250, 500, 2000, 4000, 8000, 8000]);
  assert.equal(await signIn("alice", "secret", { clientAddress: "203.0.113.9" }), "alice@example.test");
  assert.equal(await signIn("alice", "secret", { clientAddress }), "alice@example.test", "a known password passes even there");
  await assert.rejects(signIn("bob", "no", { clientAddress }), refused);
  assert.equal(await signIn("bob", "secret", { clientAddress }), "bob@example.test");
});

test("failed sign-ins reach the audit trail, equal ones as one line", async () => {
  bed.clock.advance(2000);
  const clientAddress = "192.0.2.200";
  for (let round = 0; round < 3; round++) await assert.rejects(signIn("Mallory", "x", { clientAddress }), refused);
  bed.clock.advance(1000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const rows = await bed.read(() => all<{ actor: string; detail: string; repeated: number }>(
    "SELECT actor, detail, repeated FROM audit WHERE client = $1", clientAddress));
  assert.deepEqual(rows.map((row) => ({ ...row })), [{ actor: "mallory", detail: "imap: wrong name or password", repeated: 3 }]);
});

test("networks", () => {
  const rows: [string, string][] = [
    ["192.0.2.7", "192.0.2"], ["::ffff:192.0.2.7", "192.0.2"], ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:DB8::1", "2001:db8:0:0"], ["::1", "0:0:0:0"], ["fe80::1%eth0", "fe80:0:0:0"], ["2001:0db8:0001::", "2001:db8:1:0"],
    ["local", "local"],
  ];
  for (const [address, expected] of rows) assert.equal(networkOf(address), expected, address);
});

test("failures are forgotten after a quiet time and after success", () => {
  const guard = new GuessGuard();
  for (let count = 0; count < 15; count++) guard.failed("alice", "192.0.2.1", 1000);
  assert.deepEqual(guard.check("alice", "192.0.2.99", 1000), { kind: "refuse" });
  assert.deepEqual(guard.check("alice", "192.0.3.1", 1000), { kind: "allow", delayMs: 0 });
  assert.deepEqual(guard.check("bob", "192.0.2.1", 1000), { kind: "allow", delayMs: 0 });
  assert.deepEqual(guard.check("alice", "192.0.2.1", 1000 + 15 * 60_000 + 1), { kind: "allow", delayMs: 0 });
  guard.succeeded("alice", "192.0.2.1");
  assert.deepEqual(guard.check("alice", "192.0.2.1", 1000), { kind: "allow", delayMs: 0 });
});
