// Proves: the right password and nothing else signs in, by every form of name; refusals look alike and cost alike; a
// known sign-in costs no hash until the directory changes; guessers are slowed down and owners never locked out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { StoreDirectory } from "#directory/directory.ts";
import type { Protocol } from "#directory/api.ts";
import { addDomain } from "#directory/domain-changes.ts";
import { removeEntry, setEntry, setPassword } from "#directory/entry-changes.ts";
import { Credentials } from "#directory/credentials.ts";
import { GuessGuard, Lanes, networkOf } from "#directory/guess-guard.ts";
import type { Trier } from "#directory/guess-guard.ts";
import { PasswordHasher } from "#directory/password.ts";
import { signInsOf } from "#directory/sign-in-log.ts";
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
const hasher = new CountingHasher({ memory: 64, passes: 1, parallelism: 1, scramIterations: 4096 });
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
  const old = new PasswordHasher({ memory: 32, passes: 1, parallelism: 1, scramIterations: 4096 });
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
  const from = (account: string, clientAddress: string, device: string | null = null): Trier =>
    ({ account, clientAddress, device });
  for (let count = 0; count < 15; count++) guard.failed(from("alice", "192.0.2.1"), 1000);
  assert.deepEqual(guard.check(from("alice", "192.0.2.99"), 1000), { kind: "refuse" });
  assert.deepEqual(guard.check(from("alice", "192.0.3.1"), 1000), { kind: "allow", delayMs: 0 });
  assert.deepEqual(guard.check(from("bob", "192.0.2.1"), 1000), { kind: "allow", delayMs: 0 });
  assert.deepEqual(guard.check(from("alice", "192.0.2.1", "phone"), 1000), { kind: "allow", delayMs: 0 });
  for (let count = 0; count < 99; count++) guard.failed(from("alice", "192.0.2.1", "phone"), 1000);
  assert.deepEqual(guard.check(from("alice", "192.0.2.1", "phone"), 1000),
    { kind: "lane", key: "alice 192.0.2 known phone" });
  assert.deepEqual(guard.check(from("alice", "192.0.2.1"), 1000 + 15 * 60_000 + 1), { kind: "allow", delayMs: 0 });
  guard.succeeded(from("alice", "192.0.2.1"));
  assert.deepEqual(guard.check(from("alice", "192.0.2.1"), 1000), { kind: "allow", delayMs: 0 });
});

test("one password tried on everybody: strangers of that network go one after the other, known devices do not", () => {
  const guard = new GuessGuard();
  const from = (account: string, clientAddress: string, device: string | null = null): Trier =>
    ({ account, clientAddress, device });
  for (let count = 0; count < 100; count++) {
    assert.deepEqual(guard.check(from(`person${count}`, "192.0.2.1"), 1000), { kind: "allow", delayMs: 0 });
    guard.failed(from(`person${count}`, "192.0.2.1"), 1000);
  }
  assert.deepEqual(guard.check(from("kim", "192.0.2.200"), 1000), { kind: "lane", key: "192.0.2" });
  assert.deepEqual(guard.check(from("kim", "192.0.2.200", "phone"), 1000), { kind: "allow", delayMs: 0 });
  assert.deepEqual(guard.check(from("kim", "192.0.3.1"), 1000), { kind: "allow", delayMs: 0 });
  assert.deepEqual(guard.check(from("kim", "192.0.2.200"), 1001 + 15 * 60_000), { kind: "allow", delayMs: 0 });
});

/** Lets everything run that waits for no timer. */
async function settle(): Promise<void> {
  for (let step = 0; step < 12; step++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for `work` while the test's clock goes on. */
async function withClock<T>(work: Promise<T>): Promise<T> {
  let isOver = false;
  const watched = work.finally(() => { isOver = true; });
  watched.catch(() => undefined);
  while (!isOver) {
    await settle();
    bed.clock.advance(1000);
  }
  return await watched;
}

test("20,000 wrong passwords, from elsewhere and from the same network, do not lock the owner out", async () => {
  const phc = await hasher.hash(bed.ctx, "secret");
  await addTestEntry(bed, "user", "gina@example.test", { phc });
  const phone = { name: "gina", protocol: "eas" as const, clientAddress: "198.51.100.20", device: "phone 1" };
  const owner = (who: StoreDirectory, more: object = {}): Promise<unknown> =>
    who.authenticate(bed.ctx, { ...phone, password: "secret", ...more });
  await owner(directory);
  await directory.flushSignIns();
  // Another process: nothing is remembered but what stands in the store.
  const anew = new StoreDirectory(bed.ctx, bed.store, hasher);
  const before = hasher.checks;
  const tries = async (count: number, more: object): Promise<void> => {
    for (let round = 0; round < count; round += 1000) {
      const batch = Array.from({ length: 1000 }, (_, index) => assert.rejects(anew.authenticate(bed.ctx,
        { ...phone, password: `guess ${round + index}`, ...more })));
      await withClock(Promise.all(batch));
    }
  };
  await tries(10_000, { clientAddress: "203.0.113.5", device: "x", protocol: "imap" });
  await tries(9_000, { device: "x", protocol: "imap" });
  // A guesser who even knows what the phone calls itself only makes it wait.
  await tries(1_000, {});
  assert.ok(hasher.checks - before < 100, `${hasher.checks - before} costly checks for 20,000 tries`);
  await withClock(owner(anew));
  await assert.rejects(withClock(owner(anew, { device: "new phone", password: "secret2" })), refused);
  await anew.close();
});

test("a busy lane keeps its length, and everybody in it has a chance", async () => {
  const lanes = new Lanes(bed.ctx);
  assert.equal(await lanes.enter("a"), true);
  const waiting = Array.from({ length: 100 }, () => lanes.enter("a"));
  await settle();
  const done = await withClock(Promise.all(waiting));
  assert.equal(done.filter(Boolean).length, 16);
  assert.equal(await lanes.enter("a"), true);
});

test("successes are summed up by day and program, and can be read", async () => {
  const { entryId } = await addTestEntry(bed, "user", "hana@example.test", { phc: await hasher.hash(bed.ctx, "secret") });
  const from = { name: "hana", password: "secret", protocol: "imap" as const, clientAddress: "192.0.2.9" };
  for (let round = 0; round < 50; round++) await directory.authenticate(bed.ctx, from);
  await directory.authenticate(bed.ctx, { ...from, protocol: "ews", device: "Mail/1.0\r\nX: y" });
  await directory.flushSignIns();
  await directory.authenticate(bed.ctx, from);
  await directory.flushSignIns();
  const notes = (await bed.read(() => signInsOf(entryId, 10))).map(({ protocol, method, device, count }) => [protocol, method, device, count]);
  assert.deepEqual(notes.sort(), [["ews", "password", "Mail/1.0??X: y", 1], ["imap", "password", "", 51]]);
});

test("one person's many networks and programs fill a bounded number of rows", async () => {
  const { entryId } = await addTestEntry(bed, "user", "ivan@example.test", { phc: await hasher.hash(bed.ctx, "secret") });
  for (let round = 0; round < 400; round++) {
    const clientAddress = `10.9.${round & 255}.1`;
    await directory.authenticate(bed.ctx, { name: "ivan", password: "secret", protocol: "imap", clientAddress, device: `d${round}` });
    if (round % 100 === 99) await directory.flushSignIns();
  }
  const rows = await bed.read(() => signInsOf(entryId, 1000));
  assert.equal(rows.length, 201);
  assert.equal(rows.reduce((sum, row) => sum + row.count, 0), 400);
  // They go when they are old.
  bed.clock.advance(91 * 24 * 3_600_000);
  await directory.authenticate(bed.ctx, { name: "ivan", password: "secret", protocol: "imap", clientAddress: "10.9.0.1" });
  await directory.flushSignIns();
  assert.equal((await bed.read(() => signInsOf(entryId, 1000))).length, 1);
});

test("app passwords: by protocol, checked without argon2, gone when removed", async () => {
  const credentials = new Credentials(bed.store, directory, hasher);
  const address = "jane@example.test";
  await addTestEntry(bed, "user", address, { phc: await hasher.hash(bed.ctx, "secret") });
  const whose = { address, by };
  const { id, secret } = await credentials.addAppPassword(bed.ctx, whose, "Phone", ["eas", "EWS"]);
  assert.match(secret, /^[a-z]{20}$/);
  const before = hasher.checks;
  assert.equal(await signIn("jane", secret, { protocol: "eas" }), address);
  assert.equal(await signIn("jane", `${secret.slice(0, 4)}-${secret.slice(4).toUpperCase()}`, { protocol: "ews" }), address);
  assert.equal(await signIn("jane", secret, { protocol: "autodiscover" }), address);
  await assert.rejects(signIn("jane", secret, { protocol: "imap" }), { code: "authenticationFailed", message: /not for IMAP/ });
  await assert.rejects(signIn("jane", secret, { protocol: "web" }), { message: /not for WEB/ });
  assert.equal(hasher.checks, before);
  await assert.rejects(signIn("bob", secret, { protocol: "eas" }), refused);
  await assert.rejects(credentials.addAppPassword(bed.ctx, whose, "x", ["ftp"]), { code: "invalidArgument" });
  await assert.rejects(credentials.removeAppPassword(bed.ctx, { address: "bob@example.test", by }, id), { code: "notFound" });
  await directory.flushSignIns();
  assert.equal((await credentials.appPasswords(bed.ctx, (await credentials.accountOf(bed.ctx, address)).entry.entryId))[0]!.lastUsedMs, bed.clock.ms);
  await credentials.removeAppPassword(bed.ctx, whose, id);
  await assert.rejects(signIn("jane", secret, { protocol: "eas" }), refused);
  for (let count = 0; count < 50; count++) await credentials.addAppPassword(bed.ctx, whose, `n${count}`, []);
  await assert.rejects(credentials.addAppPassword(bed.ctx, whose, "one more", []), { code: "tooMany" });
});

test("keys for SCRAM: under one salt, the same for names nobody has, gone with the password", async () => {
  const address = "kate@example.test";
  const from = { protocol: "imap" as const, clientAddress: "192.0.2.30" };
  await addTestEntry(bed, "user", address, { phc: await hasher.hash(bed.ctx, "secret") });
  const begin = (name: string) => directory.beginScram(bed.ctx, { ...from, name });
  const empty = await begin("kate");
  assert.deepEqual(empty.keys, []);
  await signIn("kate", "secret");
  const full = await begin(address);
  assert.deepEqual([Buffer.from(full.salt), full.iterations, full.keys.length], [Buffer.from(empty.salt), empty.iterations, 1]);
  const kept = await directory.newPassword(bed.ctx, address, "another", hasher);
  assert.deepEqual(Buffer.from(kept.scram.salt), Buffer.from(full.salt));
  await bed.change(setPassword, { by, address, phc: kept.phc, expected: null });
  assert.deepEqual((await begin(address)).keys, []);
  const nobody = await begin("nobody@example.test");
  assert.deepEqual(Buffer.from((await begin("Nobody@example.test")).salt), Buffer.from(nobody.salt));
  assert.notDeepEqual(Buffer.from(nobody.salt), Buffer.from(full.salt));
  await assert.rejects(directory.finishScram(bed.ctx, { ...from, name: address, credential: "password" }), refused, "keys that are gone");
  for (let count = 0; count < 20; count++) {
    await assert.rejects(directory.finishScram(bed.ctx, { ...from, name: "lea@example.test", credential: null }), refused);
  }
  await assert.rejects(begin("lea@example.test"), refused, "guesses by SCRAM are counted too");
});

test("open sessions hear of what ends them, once, and of nothing else", async () => {
  const address = "nora@example.test";
  await addTestEntry(bed, "user", address, { phc: await hasher.hash(bed.ctx, "secret") });
  const told: string[] = [];
  const open = async (protocol: Protocol): Promise<() => void> => {
    const person = await directory.authenticate(bed.ctx, { name: address, password: "secret", protocol, clientAddress: "192.0.2.50" });
    return directory.watchSignOut(person, protocol, (why) => told.push(`${protocol}: ${why}`));
  };
  const heard = async (): Promise<string[]> => {
    // Hints and reads take turns of the event loop, none of them a timer.
    for (let round = 0; round < 10; round++) await settle();
    return told.splice(0).sort();
  };
  const endSmtp = await open("smtp");
  await open("imap");
  await open("pop3");
  await open("web");
  const change = (wanted: object): Promise<unknown> => bed.change(setEntry, { by, address, kinds: [], change: wanted });
  await change({ displayName: "Nora" });
  await bed.change(setEntry, { by, address: "bob@example.test", kinds: [], change: { disabled: false } });
  assert.deepEqual(await heard(), []);
  await change({ protocols: { pop3: false } });
  assert.deepEqual(await heard(), ["pop3: POP3 was switched off for the account."]);
  endSmtp();
  await bed.change(setPassword, { by, address, phc: await hasher.hash(bed.ctx, "secret"), expected: null });
  // The same password set again is a new one all the same, unless the clock stood still.
  bed.clock.advance(5);
  await bed.change(setPassword, { by, address, phc: await hasher.hash(bed.ctx, "secret"), expected: null });
  assert.deepEqual(await heard(), ["imap: The password was changed.", "web: The password was changed."]);
  await open("imap");
  await bed.change(removeEntry, { by, address, kinds: [] });
  assert.deepEqual(await heard(), ["imap: The account was removed."]);
});
