/**
 * Two people and a shared mailbox, by programs of others: imapflow reads, nodemailer sends, the command line grants.
 * Proves that nobody sends in a name that was not granted to them, that Send As and Send on Behalf write From and Sender
 * as they must, that the copy is where the shared mailbox's setting says and once however it came there, that groups
 * refuse strangers, and that rights and changes of others reach sessions that are open.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ImapFlow } from "imapflow";
import { createTransport } from "nodemailer";
import type { SendMailOptions } from "nodemailer";
import { pause } from "./support/real-ctx.ts";
import { domain, password, TestServer } from "./support/server.ts";
import { SmtpClient } from "./support/smtp-client.ts";

const at = (name: string): string => `${name}@${domain}`;
const info = at("info");
const sharedSent = `Shared/${info}/Sent Items`;

let server: TestServer;
before(async () => {
  server = await TestServer.start({ users: ["alice", "bob", "carol"], config: { outbound: { mode: "off" } } });
  await server.must(["shared", "add", info, "--name", "Info"]);
});
after(() => server.dispose());

interface Refused extends Error {
  readonly responseCode?: number;
  readonly response?: string;
}

async function send(user: string, mail: SendMailOptions): Promise<Refused | null> {
  const transport = createTransport({
    host: "127.0.0.1", port: server.ports.submissions, secure: true, auth: { user: at(user), pass: password },
    tls: { ca: server.caPem, servername: "localhost" },
  });
  try {
    await transport.sendMail({ to: at("carol"), text: "words", ...mail });
    return null;
  } catch (error) {
    return error as Refused;
  } finally {
    transport.close();
  }
}

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

/** Messages of a folder by subject, as soon as there is one: header text with lower-case names. */
async function wait(user: string, folder: string, subject: string, forMs = 5000): Promise<string[]> {
  return await withImap(user, async (client) => {
    for (const end = Date.now() + forMs; ;) {
      await client.mailboxOpen(folder);
      const found: string[] = [];
      const uids = await client.search({ header: { subject } }, { uid: true });
      if (Array.isArray(uids) && uids.length > 0) {
        for await (const message of client.fetch(uids, { source: true, flags: true }, { uid: true })) {
          found.push(`${[...message.flags ?? []].join(" ")}\r\n${message.source!.toString()}`);
        }
      }
      if (found.length > 0 || Date.now() > end) return found;
      await client.mailboxClose();
      await pause(50);
    }
  });
}

const headerOf = (text: string, name: string): string | undefined =>
  new RegExp(`^${name}: *(.*)$`, "im").exec(text.slice(0, text.indexOf("\r\n\r\n")))?.[1]?.trim();

/** Nothing may come later either: whatever the queue had, it has done. */
async function quiet(): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((JSON.parse(await server.must(["queue", "list", "--json"])) as unknown[]).length === 0) return;
    await pause(50);
  }
  throw new Error("the queue does not empty");
}

test("without a right nobody sends in another's name", async () => {
  const refused = await send("bob", { from: info, subject: "no right" });
  assert.equal(refused?.responseCode, 553);
  const inside = await send("bob", { from: info, envelope: { from: at("bob"), to: at("carol") }, subject: "no right" });
  assert.equal(inside?.responseCode, 550);
  assert.match(inside?.response ?? "", /5\.7\.1 bob@example\.test may not send as info@example\.test/);
  // A name that nobody has is refused in the same words.
  const nobody = await send("bob", { from: at("ghost"), envelope: { from: at("bob"), to: at("carol") }, subject: "x" });
  assert.equal(nobody?.response?.replaceAll("ghost", "info"), inside?.response);
  assert.deepEqual(await wait("carol", "INBOX", "no right", 0), []);
});

test("Send on Behalf adds who it was, and the copy goes to the shared mailbox", async () => {
  await server.must(["shared", "grant", info, "--to", at("bob"), "--right", "send-on-behalf"]);
  await server.must(["shared", "grant", info, "--to", at("alice"), "--right", "full"]);
  assert.equal(await send("bob", { from: `Info <${info}>`, bcc: at("alice"), subject: "on behalf" }), null);
  const [got] = await wait("carol", "INBOX", "on behalf");
  assert.deepEqual([headerOf(got!, "From"), headerOf(got!, "Sender")], [`Info <${info}>`, `<${at("bob")}>`]);
  const [copy, ...more] = await wait("alice", sharedSent, "on behalf");
  assert.deepEqual([headerOf(copy!, "Sender"), headerOf(copy!, "Return-Path"), headerOf(copy!, "Bcc"), more.length],
    [`<${at("bob")}>`, undefined, undefined, 0]);
  assert.match(copy!, /^\\Seen\r\n/);
  // Who may only send on behalf does not sign as the other.
  const asInfo = { from: info, sender: info, envelope: { from: at("bob"), to: at("carol") }, subject: "lie" };
  assert.match((await send("bob", asInfo))?.response ?? "", /550 5\.7\.1 .*\(Sender\)/);
});

test("Send As says nothing of the sender, nor does it put a copy twice", async () => {
  await server.must(["shared", "grant", info, "--to", at("bob"), "--right", "send-as"]);
  await server.must(["shared", "grant", info, "--to", at("bob"), "--right", "full"]);
  const mail = { from: info, subject: "as info", messageId: "<as-info@example.test>" };
  assert.equal(await send("bob", mail), null);
  const [got] = await wait("carol", "INBOX", "as info");
  assert.deepEqual([headerOf(got!, "From"), headerOf(got!, "Sender")], [info, undefined]);
  assert.equal((await wait("alice", sharedSent, "as info")).length, 1);
  // The program puts its own copy beside it: one is left, the program's.
  await withImap("bob", (client) => client.append(sharedSent,
    `From: ${info}\r\nTo: ${at("carol")}\r\nBcc: ${at("alice")}\r\nSubject: as info\r\nMessage-ID: <as-info@example.test>\r\n\r\nwords`,
    ["\\Seen"]));
  const copies = await wait("alice", sharedSent, "as info");
  assert.deepEqual([copies.length, headerOf(copies[0]!, "Bcc")], [1, at("alice")]);
  // And the other way round.
  await withImap("bob", (client) => client.append(sharedSent,
    `From: ${info}\r\nSubject: copy first\r\nMessage-ID: <copy-first@example.test>\r\n\r\nwords`, ["\\Seen"]));
  assert.equal(await send("bob", { from: info, subject: "copy first", messageId: "<copy-first@example.test>" }), null);
  assert.equal((await wait("carol", "INBOX", "copy first")).length, 1);
  await quiet();
  assert.equal((await wait("alice", sharedSent, "copy first")).length, 1);
});

test("where the copy goes is the shared mailbox's setting", async () => {
  for (const [setting, count] of [["sender", 0], ["both", 1], ["shared", 1]] as const) {
    await server.must(["shared", "set", info, `sent-copies=${setting}`]);
    await pause(1100);
    assert.equal(await send("bob", { from: info, subject: `copies ${setting}` }), null);
    assert.equal((await wait("carol", "INBOX", `copies ${setting}`)).length, 1);
    await quiet();
    assert.equal((await wait("alice", sharedSent, `copies ${setting}`, 0)).length, count, setting);
    assert.equal((await wait("bob", "Sent Items", `copies ${setting}`, 0)).length, 0);
  }
  assert.equal(await send("bob", { from: at("bob"), subject: "own" }), null);
  await wait("carol", "INBOX", "own");
  await quiet();
  assert.deepEqual(await wait("alice", sharedSent, "own", 0), []);
});

test("a session in the shared mailbox sees what others do, and stops when its right ends", async () => {
  await withImap("alice", async (alice) => {
    await alice.mailboxOpen(`Shared/${info}/INBOX`);
    const { promise: exists, resolve } = Promise.withResolvers<number>();
    alice.on("exists", ({ count }: { count: number }) => resolve(count));
    const idling = alice.idle();
    await withImap("bob", (bob) => bob.append(`Shared/${info}/INBOX`, "Subject: from bob\r\n\r\nwords", []));
    assert.equal(await exists, 1);
    await alice.noop();
    await idling;
    await server.must(["shared", "revoke", info, "--to", at("alice")]);
    await pause(1100);
    assert.equal(await alice.fetchOne("1", { source: true }).catch(() => false), false);
    await assert.rejects(alice.append(`Shared/${info}/INBOX`, "Subject: late\r\n\r\nx", []));
  });
  assert.deepEqual(await wait("bob", `Shared/${info}/INBOX`, "late", 0), []);
});

test("a folder opened to a group is read by its members, and nothing else is", async () => {
  await server.must(["group", "add", at("team"), "--member", at("bob")]);
  await server.must(["folder", "permit", at("carol"), "Inbox", "--to", at("team"), "--right", "reviewer"]);
  await withImap("bob", async (bob) => {
    await bob.mailboxOpen(`Other Users/${at("carol")}/INBOX`);
    assert.ok((await bob.search({ header: { subject: "on behalf" } }, { uid: true }) as number[]).length > 0);
    await assert.rejects(bob.mailboxOpen(`Other Users/${at("carol")}/Sent Items`));
    await assert.rejects(bob.append(`Other Users/${at("carol")}/INBOX`, "Subject: x\r\n\r\nx", []));
  });
  await assert.rejects(withImap("alice", (alice) => alice.mailboxOpen(`Other Users/${at("carol")}/INBOX`)));
});

test("a group takes mail from those it is open to", async () => {
  await server.must(["group", "set", at("team"), "senders=members"]);
  await pause(1100);
  assert.match((await send("alice", { from: at("alice"), to: at("team"), subject: "to team" }))?.response ?? "",
    /550 5\.7\.2 team@example\.test takes mail from its members alone/);
  assert.equal(await send("bob", { from: at("bob"), to: at("team"), subject: "to team" }), null);
  assert.equal((await wait("bob", "INBOX", "to team")).length, 1);
  const stranger = await SmtpClient.greeted(server.at("smtp"));
  await stranger.command("MAIL FROM:<bob@example.test>");
  assert.equal((await stranger.command(`RCPT TO:<${at("team")}>`)).code, 550);
  await stranger.command("QUIT");
  await server.must(["group", "set", at("team"), "senders=", `accept-from=${at("alice")}`]);
  await pause(1100);
  assert.equal(await send("alice", { from: at("alice"), to: at("team"), subject: "chosen" }), null);
  assert.match((await send("bob", { from: at("bob"), to: at("team"), subject: "x" }))?.response ?? "", /chosen senders/);
});

test("nothing is left over", async () => {
  await quiet();
  await server.mustCheckClean();
});
