// Proves: the commands do what they say on a real data folder, in this process: made, shown, changed, refused (1) or
// written wrong (2), one sentence on standard error, JSON for programs.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { runCommandLine } from "#main/cli/run.ts";
import { commands } from "#main/cli/table.ts";
import type { Terminal } from "#main/cli/terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "outpost-cli-"));
const data = join(folder, "data");

interface Outcome {
  status: number;
  out: string;
  error: string;
}

/** Runs words on the data folder; `input` is standard input, `typed` what a person types when asked. */
async function run(words: readonly string[], more: { input?: string; typed?: string[] } = {}): Promise<Outcome> {
  const outcome = { status: 0, out: "", error: "" };
  const typed = [...more.typed ?? []];
  const terminal: Terminal = {
    isInteractive: more.typed !== undefined,
    print: (text) => { outcome.out += `${text}\n`; },
    printError: (text) => { outcome.error += `${text}\n`; },
    readLine: () => Promise.resolve(more.input ?? ""),
    askSecret: () => Promise.resolve(typed.shift() ?? ""),
  };
  const all = words.includes("--data") || /^(?:help|--version)$/.test(words[0]!) ? words : [...words, "--data", data];
  outcome.status = await runCommandLine(all, commands, terminal);
  return outcome;
}

async function ok(line: string, ...rest: string[]): Promise<string> {
  const outcome = await run([...line.split(" "), ...rest]);
  assert.equal(outcome.status, 0, `${line}: ${outcome.error}`);
  assert.equal(outcome.error, "", line);
  return outcome.out;
}
const json = async (line: string, ...rest: string[]): Promise<any> => JSON.parse(await ok(`${line} --json`, ...rest));

async function refused(status: 1 | 2, message: RegExp, line: string, ...rest: string[]): Promise<void> {
  const outcome = await run([...line.split(" "), ...rest]);
  assert.equal(outcome.status, status, `${line}: ${outcome.out}${outcome.error}`);
  assert.match(outcome.error, message, line);
  assert.equal(outcome.out, "", line);
  assert.equal(outcome.error.trim().split("\n").length, status, `one sentence, and where help is: ${outcome.error}`);
}

before(async () => {
  const outcome = await run([
    "init", "--hostname", "mail.example.test", "--domain", "example.test", "--admin", "root@example.test", "--password-stdin",
  ], { input: "first secret" });
  assert.equal(outcome.status, 0, outcome.error);
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("init made what it was told, once", async () => {
  assert.deepEqual(JSON.parse(readFileSync(join(data, "outpost.json"), "utf8")), { hostname: "mail.example.test" });
  assert.deepEqual(await json("role list"), [{ address: "root@example.test", role: "organisation-admin" }]);
  await refused(1, /already/, "init --hostname a.test --domain a.test --admin a@a.test --password x");
  const other = join(folder, "other");
  await refused(1, /must have an address in a.test/, `init --data ${other} --hostname m.test --domain a.test --admin a@b.test --password x`);
  await refused(1, /not a domain name/, `init --data ${other} --hostname ?? --domain a.test --admin a@a.test --password x`);
  await refused(2, /password-stdin/, `init --data ${other} --hostname m.test --domain a.test --admin a@a.test`);
  assert.ok(!existsSync(other), "a refused init leaves nothing");
});

test("a folder without data", async () => {
  await refused(1, /no Outpost data in/, `user list --data ${join(folder, "nothing")}`);
  assert.ok(!existsSync(join(folder, "nothing")));
});

test("users", async () => {
  const made = await json("user add dora@example.test --password pw --quota 5G --alias d@example.test department=Sales", "--name", "Dora Diaz");
  assert.deepEqual([made.address, made.displayName, made.quotaBytes, made.aliases, made.attributes],
    ["dora@example.test", "Dora Diaz", 5 * 1024 ** 3, ["d@example.test"], { department: "Sales" }]);
  assert.equal((await run(["user", "add", "typed@example.test"], { typed: ["pw", "pw"] })).status, 0);
  const differs = await run(["user", "add", "typo@example.test"], { typed: ["pw", "wp"] });
  assert.deepEqual([differs.status, /differ/.test(differs.error)], [1, true]);
  assert.equal((await run(["user", "passwd", "dora@example.test", "--password-stdin"], { input: "new pw" })).status, 0);
  await refused(2, /password-stdin/, "user add nopw@example.test");
  await refused(2, /not both/, "user add x@example.test --password a --password-stdin");
  await refused(1, /already/, "user add DORA@example.test --password pw");
  await refused(1, /not a domain of this server/, "user add a@elsewhere.test --password pw");
  await refused(1, /not a mail address/, "user add dora --password pw");
  await refused(1, /empty/, "user add e@example.test --password=");
  await refused(1, /not a size/, "user add e@example.test --password x --quota big");
  await refused(1, /did you mean title/, "user set dora@example.test tilte=x");
  await refused(1, /on or off/, "user set dora@example.test imap=maybe");
  await refused(1, /cannot be read/, "user set dora@example.test photo=@/no/such/file");
  await refused(1, /comes from a file/, "user set dora@example.test photo=x");
  await refused(1, /no user nobody@/, "user set nobody@example.test title=x");
  await refused(2, /What shall change/, "user set dora@example.test");
  const photo = join(folder, "photo.jpg");
  writeFileSync(photo, Buffer.from("ffd8ffe000104a46", "hex"));
  const set = await json("user set dora@example.test imap=off pop3=off pop3=on manager=root@example.test phone2=1 phone2=2 department= legacyExchangeDN=/o=Old/ou=x/cn=Recipients/cn=dora",
    `photo=@${photo}`, "title=Head of Sales");
  assert.deepEqual(set.attributes, { manager: "root@example.test", phone2: ["1", "2"], photo: "(set)", title: "Head of Sales" });
  assert.equal(set.protocols.imap, "off");
  assert.equal(set.protocols.pop3, "on");
  assert.equal(set.legacyExchangeDN, "/o=Old/ou=x/cn=Recipients/cn=dora");
  await ok("user disable dora@example.test");
  assert.match(await ok("user list"), /dora@example.test +Dora Diaz +user +5 GB +disabled/);
  await ok("user enable d@example.test");
  assert.match(await ok("user show dora@example.test"), /title +Head of Sales/);
  await ok("user remove typed@example.test");
  await refused(1, /no user/, "user show typed@example.test");
});

test("domains, groups, contacts, roles, shared mailboxes, rooms", async () => {
  await ok("domain add bücher.example");
  assert.deepEqual(await json("domain list"), [
    { name: "example.test", isDefault: true, catchAll: null }, { name: "xn--bcher-kva.example", isDefault: false, catchAll: null },
  ]);
  await refused(1, /still in use/, "domain remove example.test");
  await ok("domain remove bücher.example");
  await ok("contact add joe@partner.example company=Partner", "--name", "Joe");
  await ok("group add team@example.test --member dora@example.test --member joe@partner.example --managed-by root@example.test");
  await ok("group add all@example.test --member team@example.test");
  await refused(1, /contains/, "group member-add team@example.test all@example.test");
  assert.deepEqual(await json("group list team@example.test"), ["dora@example.test", "joe@partner.example"]);
  await ok("group member-remove team@example.test joe@partner.example");
  const heads = await json("group add heads@example.test", "--dynamic", "title=Head*");
  assert.deepEqual(heads.members, ["dora@example.test"]);
  await refused(1, /not an attribute/, "group add bad@example.test --dynamic colour=red");
  await ok("shared add info@example.test");
  await ok("shared grant info@example.test --to team@example.test --right full");
  await refused(2, /one of full/, "shared grant info@example.test --to dora@example.test --right everything");
  await refused(2, /--to USER is missing/, "shared grant info@example.test --right full");
  assert.deepEqual((await json("shared show info@example.test")).grants, [{ to: "team@example.test", right: "full" }]);
  await ok("shared revoke info@example.test --to team@example.test");
  await refused(1, /has no granted right/, "shared revoke info@example.test --to team@example.test");
  await ok("role grant dora@example.test impersonation --over root@example.test");
  await refused(2, /A role is one of/, "role grant dora@example.test king");
  await ok("role revoke dora@example.test impersonation --over root@example.test");
  const room = await json("room add room1@example.test --capacity 8 --auto-accept no");
  assert.deepEqual([room.kind, room.attributes.capacity, room.autoAccept], ["room", "8", false]);
  assert.equal((await json("room set room1@example.test --auto-accept yes")).autoAccept, true);
  assert.equal((await json("room add car@example.test --equipment")).kind, "equipment");
  for (const gone of ["room remove room1@example.test", "shared remove info@example.test", "group remove all@example.test",
    "contact remove joe@partner.example"]) await ok(gone);
  await refused(1, /is a user, not a group|no group/, "group remove dora@example.test");
});

test("folders", async () => {
  const folders = await json("folder list dora@example.test");
  assert.ok(folders.some((row: { path: string }) => row.path === "Inbox"));
  await ok("folder permit dora@example.test Calendar --to root@example.test --right reviewer");
  await refused(1, /no folder/, "folder permit dora@example.test Nowhere --to default --right none");
  await refused(1, /not one of/, "folder permit dora@example.test Inbox --to default --right everything");
  await refused(1, /no mailbox/, "folder list team@example.test");
  await ok("folder permit dora@example.test Inbox --to team@example.test --right contributor");
  await ok("folder permit dora@example.test Inbox --to default --right none");
  await refused(1, /right on calendars/, "folder permit dora@example.test Inbox --to default --right limited-details");
  await refused(2, /--right or --remove/, "folder permit dora@example.test Inbox --to default");
  assert.deepEqual((await json("folder list dora@example.test Inbox")).map((one: Record<string, unknown>) => [one.to, one.right]),
    [["default", "none"], ["anonymous", "none"], ["team@example.test", "contributor"]]);
  await ok("folder permit dora@example.test Inbox --to team@example.test --remove");
  assert.equal((await json("folder list dora@example.test Inbox")).length, 2);
  assert.match(await ok("folder list dora@example.test Calendar"), /root@example.test +\S+ +reviewer +0x401/);
});

test("delegates and settings", async () => {
  await ok("shared delegate dora@example.test --to root@example.test --inbox author --meeting-copies yes --private yes");
  const dora = await json("user show dora@example.test");
  assert.deepEqual(dora.delegates, [{ address: "root@example.test", meetingCopies: true, seesPrivate: true }]);
  assert.deepEqual(dora.grants, [{ to: "root@example.test", right: "send-on-behalf" }]);
  const right = async (path: string): Promise<unknown> => (await json(`folder list dora@example.test ${path}`))
    .find((one: { to: string }) => one.to === "root@example.test")?.right;
  assert.deepEqual([await right("Calendar"), await right("Tasks"), await right("Inbox"), await right("Contacts")],
    ["editor", "editor", "author", undefined]);
  await ok("shared undelegate dora@example.test --to root@example.test");
  assert.deepEqual([(await json("user show dora@example.test")).delegates, await right("Calendar")], [[], undefined]);
  await refused(1, /no delegate/, "shared undelegate dora@example.test --to root@example.test");
  assert.deepEqual((await json("user set dora@example.test sent-copies=both")).settings, { "sent-copies": ["both"] });
  await refused(1, /one of sender, shared, both/, "user set dora@example.test sent-copies=nobody");
  await refused(1, /no setting senders/, "user set dora@example.test senders=inside");
  assert.deepEqual((await json("user set dora@example.test sent-copies=")).settings, {});
  const team = await json("group set team@example.test accept-from=dora@example.test accept-from=root@example.test senders=inside");
  assert.deepEqual(team.settings, { "accept-from": ["dora@example.test", "root@example.test"], senders: ["inside"] });
  await refused(1, /not moderated/, "group set team@example.test moderation=on");
});

test("messages out and in again are the same bytes, dates and flags", async () => {
  const eml = join(folder, "eml");
  mkdirSync(eml);
  const body = "Subject: one\r\n\r\nFrom here\r\n>From there\r\n\r\n.\r\nlast\r\n";
  writeFileSync(join(eml, "1.eml"), body);
  writeFileSync(join(eml, "2.eml"), "Subject: two\n\nonly LF\n");
  writeFileSync(join(eml, "3.eml"), "Subject: header only\r\n\r\n");
  writeFileSync(join(eml, "empty.eml"), "");
  utimesSync(join(eml, "1.eml"), 1_500_000_000, 1_500_000_000);
  assert.match(await ok("import dora@example.test --format eml --folder Archive/2026", eml), /Imported 3 messages.\nNot imported: .*empty.eml/);
  for (const format of ["eml", "mbox", "maildir"]) {
    await ok(`export dora@example.test --format ${format}`, join(folder, "out", format));
    await refused(1, /not empty/, `export dora@example.test --format ${format}`, join(folder, "out", format));
  }
  const mbox = join(folder, "out", "mbox", "Archive", "2026.mbox");
  assert.match(readFileSync(mbox, "utf8"), /^From MAILER-DAEMON Fri Jul 14 02:40:00 2017\nStatus: O\nSubject: one\n\n>From here\n>>From there\n/);
  await ok("import dora@example.test --format mbox --folder FromMbox", mbox);
  await ok("import dora@example.test --format maildir --folder FromMaildir", join(folder, "out", "maildir"));
  const again = join(folder, "again");
  await ok("export dora@example.test --format eml", again);
  for (const path of ["Archive/2026", "FromMbox", "FromMaildir/Archive/2026"]) {
    const texts = readdirSync(join(again, path)).map((name) => readFileSync(join(again, path, name), "utf8")).sort();
    assert.deepEqual(texts, ["Subject: header only\r\n\r\n", body, "Subject: two\r\n\r\nonly LF\r\n"].sort(), path);
  }
  await refused(1, /not an mbox file/, "import dora@example.test --format mbox", join(eml, "1.eml"));
  await refused(1, /not a Maildir/, "import dora@example.test --format maildir", eml);
  await refused(1, /holds no file that ends in .pst/, "import dora@example.test --format pst", eml);
  await refused(1, /can be read, not written/, "export dora@example.test --format pst", eml);
  await refused(2, /--format is one of/, "import dora@example.test --format word", eml);
});

test("backup and restore", async () => {
  const backup = join(folder, "backup");
  await refused(1, /outside the data folder/, "backup", join(data, "inside"));
  await refused(1, /not a backup/, "backup", join(folder, "eml"));
  await ok("backup", backup);
  await ok("user set dora@example.test title=Later");
  await ok("backup", backup);
  const restored = join(folder, "restored");
  await ok(`restore ${backup} --data ${restored}`);
  assert.equal((await json(`user show dora@example.test --data ${restored}`)).attributes.title, "Later");
  assert.deepEqual(
    (await json(`folder list dora@example.test --data ${restored}`)).map((row: { messageCount: number }) => row.messageCount),
    (await json("folder list dora@example.test")).map((row: { messageCount: number }) => row.messageCount));
  await refused(1, /holds data already/, `restore ${backup} --data ${restored}`);
  await ok(`restore ${backup} --mailbox dora@example.test`);
  await refused(1, /no backup/, "restore", join(folder, "eml"));
});

test("check finds nothing wrong, and says what it finds", async () => {
  const report = await json("check --deep");
  assert.deepEqual([report.findings, report.mailboxes > 1], [[], true]);
  assert.match(await ok("check --repair"), /everything fits together/);
  const database = new DatabaseSync(join(data, "server.db"));
  database.exec("INSERT INTO group_member (group_id, member_id) VALUES (4711, 4712)");
  database.close();
  const outcome = await run(["check"]);
  assert.deepEqual([outcome.status, /4711|group_member/.test(outcome.out)], [1, true], outcome.out);
  assert.match(await ok("check --repair"), /put right/);
  assert.match(await ok("check"), /everything fits together/);
});

test("an empty queue", async () => {
  assert.match(await ok("queue list"), /empty/);
  assert.deepEqual(await json("queue retry --all"), { count: 0 });
  await refused(1, /no message/i, "queue show nothing");
  await refused(2, /--all/, "queue drop");
});

test("help and version", async () => {
  assert.match((await run(["help"])).out, /outpost demo/);
  assert.match((await run(["help", "user", "add"])).out, /--quota SIZE/);
  assert.match((await run(["--version"])).out, /^outpost \d+\.\d+\.\d+ \(Node v/);
  assert.equal((await run(["help", "usr"])).status, 2);
});

test("app passwords and second factors", async () => {
  await ok("user add dana@example.test --password secret-9");
  const made = await json("user app-password add dana@example.test", "Old laptop", "--protocol", "imap", "--protocol", "smtp");
  assert.equal(made.label, "Old laptop");
  assert.match(made.password, /^(?:[a-z]{4}-){4}[a-z]{4}$/);
  assert.match(await ok("user app-password add dana@example.test Phone"), /^(?:[a-z]{4}-){4}[a-z]{4}\n$/);
  const list = await json("user app-password list dana@example.test");
  assert.deepEqual(list.map((each: any) => [each.id, each.label, each.protocols.length, each.lastUsedMs]),
    [[made.id, "Old laptop", 2, null], [made.id + 1, "Phone", 8, null]]);
  assert.doesNotMatch(JSON.stringify(list), /hash|secret/i);
  assert.match(await ok("user app-password list dana@example.test"), /Old laptop\s+imap,smtp[\s\S]*never[\s\S]*2 app passwords/);
  assert.match(await ok(`user app-password remove dana@example.test ${made.id}`), /Old laptop/);
  await refused(1, /no app password number/, `user app-password remove dana@example.test ${made.id}`);
  await refused(2, /number of the app password/, "user app-password remove dana@example.test x");
  await refused(1, /A protocol is one of/, "user app-password add dana@example.test x --protocol ftp");
  await refused(1, /There is no user/, "user app-password list nobody@example.test");
  await refused(2, /One of: add ADDR|One of: add, list, remove/, "user app-password");
  assert.match(await ok("user second-factor reset dana@example.test"), /There was no second factor; removed 0 passkeys/);
});
