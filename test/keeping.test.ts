/**
 * What fills up, what was removed, and who did what, on a real server by programs of others: imapflow and SMTP, the
 * command line beside them. Proves the three levels of a quota where each protocol refuses, the one warning a day that
 * comes however full the mailbox is and in its owner's language, that removed items come back where they were with
 * their marks (by command, and by IMAP where the owner wants to see them), terms of folders, and that the owner reads
 * what a delegate and an administrator did. An open session hears at once of what another person changed.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ImapFlow } from "imapflow";
import { mustHere, runHere } from "./support/cli.ts";
import { domain, password, TestServer } from "./support/server.ts";
import type { Answer } from "./support/server.ts";
import { pause } from "./support/real-ctx.ts";
import { SmtpClient } from "./support/smtp-client.ts";

const at = (name: string): string => `${name}@${domain}`;
let server: TestServer;
const must = (words: readonly string[]): Promise<string> => mustHere(server.dataDir, words);
const outpost = (words: readonly string[]): Promise<Answer> => runHere(server.dataDir, words);
before(async () => {
  server = await TestServer.start({
    users: ["alice", "bob", "carol"], config: { outbound: { mode: "off" }, retention: { emptyJunkDays: 30 } },
  });
});
after(() => server?.dispose());

async function withImap<T>(user: string, run: (client: ImapFlow) => Promise<T>): Promise<T> {
  const client = new ImapFlow({
    host: "127.0.0.1", port: server.ports.imaps, secure: true, logger: false,
    auth: { user: at(user), pass: password }, tls: { ca: server.caPem, servername: "localhost" },
  });
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.logout();
  }
}

const message = (subject: string, sizeBytes = 0, from = "bob"): string =>
  `From: ${at(from)}\r\nTo: ${at("alice")}\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replaceAll(" ", "-")}@t>\r\n` +
  `\r\n${"x".repeat(70).concat("\r\n").repeat(Math.ceil(sizeBytes / 72))}`;

const append = (user: string, folder: string, text: string, flags: string[] = []) =>
  withImap(user, (client) => client.append(folder, Buffer.from(text), flags));

async function subjects(user: string, folder: string): Promise<string[]> {
  return await withImap(user, async (client) => {
    await client.mailboxOpen(folder);
    const found: string[] = [];
    for await (const one of client.fetch("1:*", { envelope: true })) found.push(one.envelope?.subject ?? "");
    return found;
  });
}

/** As SMTP answered; the command is told when it was refused. */
async function submit(user: string, to: string, text: string, as = user): Promise<string> {
  const smtp = await SmtpClient.signedIn(server.at("submissions"), at(user), password);
  try {
    for (const command of [`MAIL FROM:<${at(as)}> SIZE=${text.length}`, `RCPT TO:<${to}>`, "DATA"]) {
      const { code, text: said } = await smtp.command(command);
      if (code >= 400) return `${command.split(" ")[0]} ${said}`;
    }
    return (await smtp.command(`${text}\r\n.`)).text;
  } finally {
    smtp.close();
  }
}

async function json<T>(...words: string[]): Promise<T> {
  return JSON.parse(await must([...words, "--json"])) as T;
}

test("the levels of a quota hold where each protocol meets them, and the owner hears once a day", async () => {
  await must(["user", "set", at("alice"), "quota=1M", "language=de", "quota-warning=50%", "quota-send=90%"]);
  assert.match(await append("alice", "INBOX", message("first", 600_000)).then(() => "done"), /done/);
  const run = await json<{ warned: boolean }>("retention", "run", at("alice"));
  assert.equal(run.warned, true);
  assert.equal((await json<{ warned: boolean }>("retention", "run", at("alice"))).warned, false);
  assert.ok((await subjects("alice", "INBOX")).includes("Ihr Postfach ist fast voll"));
  assert.match(await submit("alice", at("bob"), message("still sends", 0, "alice")), /^250/);

  await append("alice", "INBOX", message("second", 360_000));
  assert.match(await submit("alice", at("bob"), message("too full", 0, "alice")), /^MAIL 552 .*5\.2\.2/);
  const full = await withImap("alice", async (client) => {
    const quota = await client.getQuota("INBOX");
    const refused = await client.append("INBOX", Buffer.from(message("third", 200_000))).then(() => null,
      (error: Error & { serverResponseCode?: string }) => error.serverResponseCode ?? error.message);
    return { quota, refused };
  });
  assert.equal(full.refused, "OVERQUOTA");
  assert.match(await submit("bob", at("alice"), message("large", 200_000)), /^RCPT 452 .*4\.2\.2/);
  assert.match(await submit("bob", at("alice"), message("larger than all", 2_000_000)), /^RCPT 552 .*5\.2\.2/);

  // What was removed does not count: whoever deletes has room at once.
  await withImap("alice", async (client) => {
    await client.mailboxOpen("INBOX");
    await client.messageDelete({ subject: "second" });
  });
  assert.match(await submit("alice", at("bob"), message("sends again", 0, "alice")), /^250/);
  await must(["user", "set", at("alice"), "quota=none"]);
});

test("the warning comes into a mailbox that is full, soon after the delivery that filled it", async () => {
  await must(["user", "set", at("carol"), "quota=100K"]);
  assert.match(await submit("bob", at("carol"), message("fills", 98_000)), /^250/);
  let found: string[] = [];
  for (let tries = 0; tries < 60 && found.length < 2; tries++) {
    await pause(250);
    found = await subjects("carol", "INBOX");
  }
  assert.deepEqual(found, ["fills", "Your mailbox is full: you cannot send"]);
  await must(["user", "set", at("carol"), "quota=none"]);
});

test("removed messages come back where they were, with their marks", async () => {
  await withImap("alice", (client) => client.mailboxCreate("Projects"));
  await append("alice", "Projects", message("plan"), ["\\Flagged", "\\Seen", "important"]);
  await append("alice", "Projects", message("other plan"));
  await withImap("alice", async (client) => {
    await client.mailboxOpen("Projects");
    await client.messageDelete("1:*");
  });
  type Removed = { messageId: number; subject: string; folder: string | null }[];
  const removed = await json<Removed>("recover", "list", at("alice"), "--folder", "Projects");
  assert.deepEqual(removed.map(({ subject, folder }) => [subject, folder]).sort(),
    [["other plan", "Projects"], ["plan", "Projects"]]);
  const plan = removed.find(({ subject }) => subject === "plan")!;
  assert.match(await must(["recover", "restore", at("alice"), String(plan.messageId)]), /1 item into Projects/);
  await withImap("alice", async (client) => {
    await client.mailboxOpen("Projects");
    const [one] = await Array.fromAsync(client.fetch("1:*", { flags: true, envelope: true }));
    assert.equal(one?.envelope?.subject, "plan");
    assert.deepEqual([...one?.flags ?? []].sort(), ["\\Flagged", "\\Seen", "important"]);
  });
  await must(["recover", "purge", at("alice"), "--all", "--text", "other plan"]);
  const left = await json<Removed>("recover", "list", at("alice"), "--text", "other plan");
  assert.deepEqual(left, []);
  const nothing = await outpost(["recover", "restore", at("alice"), "1"]);
  assert.equal(nothing.code, 1);
});

test("a folder that is gone: its messages come back into the inbox", async () => {
  await withImap("bob", (client) => client.mailboxCreate("Short"));
  await append("bob", "Short", message("was in Short"));
  await withImap("bob", (client) => client.mailboxDelete("Short"));
  assert.match(await must(["recover", "restore", at("bob"), "--all", "--text", "was in Short"]), /into Inbox/);
  assert.ok((await subjects("bob", "INBOX")).includes("was in Short"));
});

test("IMAP shows what was removed to an owner who wants it: moving takes it back, deleting is for good", async () => {
  await append("bob", "INBOX", message("gone"));
  await append("bob", "INBOX", message("gone for good"));
  await withImap("bob", async (client) => {
    await client.mailboxOpen("INBOX");
    await client.messageDelete({ subject: "gone" });
    const paths = (await client.list()).map(({ path }) => path);
    assert.ok(!paths.includes("Recoverable Items"));
  });
  await must(["user", "set", at("bob"), "show-recoverable=on"]);
  await pause(1100);
  await withImap("bob", async (client) => {
    assert.ok((await client.list()).some(({ path }) => path === "Recoverable Items"));
    await client.mailboxOpen("Recoverable Items");
    await client.messageDelete({ subject: "for good" });
    await client.messageMove({ subject: "gone" }, "INBOX");
  });
  assert.ok((await subjects("bob", "INBOX")).includes("gone"));
  assert.deepEqual(await json("recover", "list", at("bob"), "--text", "gone for good"), []);
});

test("folders lose what is old by their terms, the server's for junk among them", async () => {
  await append("bob", "Junk Email", message("junk of today"));
  await must(["retention", "set", at("bob"), "Sent Items", "--days", "0"]);
  assert.match(await must(["retention", "list", at("bob")]), /Sent Items +for ever[\s\S]*Junk Email 30 days/);
  const calendar = await outpost(["retention", "set", at("bob"), "Calendar", "--days", "3"]);
  assert.equal(calendar.code, 1);
  const done = await json<{ expired: number }>("retention", "run", at("bob"));
  assert.equal(done.expired, 0, "what came today is not old");
});

test("the owner reads what a delegate and an administrator did", async () => {
  await must(["folder", "permit", at("alice"), "Projects", "--to", at("bob"), "--right", "editor"]);
  await must(["shared", "grant", at("alice"), "--to", at("bob"), "--right", "send-as"]);
  await must(["user", "passwd", at("alice"), "--password", password]);
  await withImap("bob", async (client) => {
    const path = `Other Users/${at("alice")}/Projects`;
    await client.append(path, Buffer.from(message("by bob")));
    await client.mailboxOpen(path);
    await client.messageFlagsAdd({ subject: "plan" }, ["\\Flagged"]);
    await client.messageDelete({ subject: "by bob" });
  });
  const smtp = await submit("bob", at("carol"), message("in her name", 0, "alice"), "alice");
  assert.match(smtp, /^250/);
  await pause(2500);
  const lines = await json<{ actor: string; as: string; action: string; folder: string; detail: string }[]>(
    "audit", at("alice"));
  const has = (actor: string | RegExp, action: string, folder: string, detail: RegExp): void => {
    const found = lines.some((line) => (typeof actor === "string" ? line.actor === actor : actor.test(line.actor)) &&
      line.action === action && line.folder === folder && detail.test(line.detail));
    assert.ok(found, `${action} ${folder} ${detail} in ${JSON.stringify(lines, null, 1)}`);
  };
  has(/^cli:/, "UpdateFolderPermissions", "Projects", /bob@.* editor/);
  has(/^cli:/, "password-set", "", /^/);
  has(/^cli:/, "grant-add", "", /send-as/);
  has(at("bob"), "Create", "Projects", /by bob/);
  has(at("bob"), "FolderBind", "Projects", /^/);
  has(at("bob"), "Update", "Projects", /marks add/);
  has(at("bob"), "SoftDelete", "Projects", /by bob/);
  has(at("bob"), "SendAs", "", /carol/);
  has(/^cli:/, "Recover", "", /plan/);
  assert.ok(lines.every(({ actor }) => actor !== at("alice")), "what the owner does is nobody's business");
});

test("a session that is open hears at once of what another person changed", async () => {
  await withImap("bob", async (watcher) => {
    await watcher.mailboxOpen(`Other Users/${at("alice")}/Projects`);
    const heard = new Promise<number>((resolve) => watcher.once("exists", ({ count }) => resolve(count)));
    const idle = watcher.idle();
    await pause(200);
    const began = performance.now();
    await append("alice", "Projects", message("for both"));
    const count = await Promise.race([heard, pause(3000).then(() => -1)]);
    assert.ok(count > 0, "nothing was heard");
    assert.ok(performance.now() - began < 2000);
    const flags = new Promise<boolean>((resolve) => watcher.once("flags", () => resolve(true)));
    await withImap("alice", async (client) => {
      await client.mailboxOpen("Projects");
      await client.messageFlagsAdd({ subject: "for both" }, ["\\Seen"]);
    });
    assert.equal(await Promise.race([flags, pause(3000).then(() => false)]), true);
    await watcher.noop();
    await idle;
  });
});
