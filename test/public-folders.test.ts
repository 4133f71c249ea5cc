/**
 * Public folders of a whole server: made by the command line, read by two people with imapflow, written to with
 * nodemailer and by strangers on port 25. Proves that each has read marks and unread counts of their own, that
 * CONDSTORE and QRESYNC tell each what changed for them alone, that rights hold and change in open sessions, and that
 * a folder with an address takes mail from whoever may post into it and from nobody else.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ImapFlow } from "imapflow";
import type { FetchMessageObject } from "imapflow";
import { createTransport } from "nodemailer";
import { ImapClient } from "./support/imap-client.ts";
import { pause } from "./support/real-ctx.ts";
import { domain, password, TestServer } from "./support/server.ts";
import { SmtpClient } from "./support/smtp-client.ts";

const at = (name: string): string => `${name}@${domain}`;
const notices = "Public Folders/Notices";

let server: TestServer;
before(async () => {
  server = await TestServer.start({ users: ["alice", "bob", "carol"], config: { outbound: { mode: "off" } } });
  await server.must(["public", "add", "Notices"]);
  await server.must(["public", "add", "Staff/Board", "--owner", at("bob")]);
  await server.must(["public", "permit", "Staff", "--to", "default", "--right", "none", "--below"]);
  await server.must(["public", "permit", "Staff", "--to", at("bob"), "--right", "owner", "--below"]);
});
after(() => server.dispose());

async function connect(user: string): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: "127.0.0.1", port: server.ports.imaps, secure: true, logger: false,
    auth: { user: at(user), pass: password }, tls: { ca: server.caPem, servername: "localhost" }, qresync: true,
  });
  await client.connect();
  return client;
}

async function withImap<T>(user: string, run: (client: ImapFlow) => Promise<T>): Promise<T> {
  const client = await connect(user);
  try {
    return await run(client);
  } finally {
    await client.logout();
  }
}

const mail = (subject: string): string =>
  `From: ${at("alice")}\r\nTo: all\r\nSubject: ${subject}\r\n\r\nWords about ${subject}.\r\n`;

async function seenIn(user: string, path: string): Promise<Record<string, boolean>> {
  return await withImap(user, async (client) => {
    await client.mailboxOpen(path, { readOnly: true });
    const found: Record<string, boolean> = {};
    const messages: FetchMessageObject[] = await client.fetchAll("1:*", { envelope: true, flags: true });
    for (const { envelope, flags } of messages) found[envelope!.subject!] = flags!.has("\\Seen");
    await client.mailboxClose();
    return found;
  });
}

const unseen = (user: string, path = notices): Promise<number> =>
  withImap(user, async (client) => {
    const status = await client.status(path, { unseen: true });
    return typeof status === "object" && status !== null ? status.unseen ?? -1 : -1;
  });

test("programs find the folders in a namespace of their own, each person those they may see", async () => {
  const bob = await ImapClient.signedIn(
    { host: "127.0.0.1", port: server.ports.imaps, tls: true, ca: server.caPem }, at("bob"), password);
  const namespace = await bob.ok("NAMESPACE");
  assert.match(namespace.untagged[0]!.text, /\(\("Shared\/" "\/"\)\("Public Folders\/" "\/"\)\)/);
  const listed = (await bob.ok('LIST "" "Public Folders/*"')).untagged.map((line) => line.text);
  assert.deepEqual(listed.map((line) => /"\/" (.*)$/.exec(line)![1]),
    ['"Public Folders/Notices"', '"Public Folders/Staff"', '"Public Folders/Staff/Board"']);
  const top = (await bob.ok('LIST "" "%"')).untagged.map((line) => line.text);
  assert.ok(top.some((line) => line.includes("\\Noselect") && line.endsWith('"Public Folders"')), top.join("\n"));
  await bob.ok("LOGOUT");
  assert.deepEqual(await withImap("carol", async (client) =>
    (await client.list()).map(({ path }) => path).filter((path) => path.startsWith("Public"))),
  ["Public Folders", notices]);
  await withImap("carol", async (client) => {
    await assert.rejects(client.mailboxOpen("Public Folders/Staff/Board"));
  });
});

test("what one has read another has not, also while both look", async () => {
  const [alice, bob] = [await connect("alice"), await connect("bob")];
  try {
    await alice.append(notices, mail("first"), ["\\Seen"]);
    await bob.append(notices, mail("second"));
    await alice.mailboxOpen(notices);
    await bob.mailboxOpen(notices);
    await bob.messageFlagsAdd("1", ["\\Seen"]);
    await bob.messageFlagsAdd("2", ["\\Seen"]);
    const own = await alice.fetchAll("1:*", { flags: true });
    assert.deepEqual(own.map(({ flags }) => flags!.has("\\Seen")), [true, false]);
    assert.deepEqual(await alice.search({ seen: false }), [2]);
    assert.deepEqual(await bob.search({ seen: false }), []);
  } finally {
    await alice.logout();
    await bob.logout();
  }
  assert.deepEqual(await seenIn("alice", notices), { first: true, second: false });
  assert.deepEqual(await seenIn("bob", notices), { first: true, second: true });
  assert.deepEqual(await seenIn("carol", notices), { first: false, second: false });
  assert.deepEqual([await unseen("alice"), await unseen("bob"), await unseen("carol")], [1, 0, 2]);
});

test("CONDSTORE and QRESYNC tell each reader of their own marks, and of what concerns all", async () => {
  const address = { host: "127.0.0.1", port: server.ports.imaps, tls: true, ca: server.caPem };
  const [alice, carol] = [await ImapClient.signedIn(address, at("alice"), password),
    await ImapClient.signedIn(address, at("carol"), password)];
  for (const client of [alice, carol]) await client.ok("ENABLE QRESYNC CONDSTORE");
  const selected = await carol.ok(`SELECT "${notices}"`);
  const number = (name: string, lines: readonly { text: string }[]): number =>
    Number(new RegExp(`${name} (\\d+)`).exec(lines.map((line) => line.text).join("\n"))![1]);
  const modSeq = number("HIGHESTMODSEQ", selected.untagged);
  const validity = number("UIDVALIDITY", selected.untagged);
  await alice.ok(`SELECT "${notices}"`);
  const stored = await alice.ok("STORE 2 +FLAGS (\\Seen)");
  const told = /MODSEQ \((\d+)\)/.exec(stored.untagged.map((line) => line.text).join("\n"));
  assert.ok(Number(told?.[1]) > modSeq, "the reader hears of a new number");
  const noop = await carol.ok("NOOP");
  assert.deepEqual(noop.untagged.filter((line) => line.text.includes("FETCH")), [], "the mark of another is no news");
  const fetched = await carol.ok(`UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${modSeq})`);
  assert.deepEqual(fetched.untagged, []);
  // A flag of the message itself is news to both.
  await alice.ok("STORE 1 +FLAGS (\\Flagged)");
  const news = await carol.ok("NOOP");
  assert.match(news.untagged.map((line) => line.text).join("\n"), /1 FETCH \(.*\\Flagged/);
  assert.doesNotMatch(news.untagged.map((line) => line.text).join("\n"), /\\Seen/);
  const conflict = await carol.ok(`STORE 2 (UNCHANGEDSINCE ${modSeq}) +FLAGS (\\Seen)`);
  assert.doesNotMatch(conflict.text, /MODIFIED/, "for this reader nothing had changed");
  await carol.ok("UNSELECT");
  const again = await carol.ok(`SELECT "${notices}" (QRESYNC (${validity} ${modSeq}))`);
  const flags = again.untagged.filter((line) => line.text.includes("FETCH")).map((line) => line.text);
  const marks = flags.map((line) => [/UID (\d+)/.exec(line)![1], line.includes("\\Seen")]);
  assert.deepEqual(marks, [["1", false], ["2", true]]);
  await alice.ok("LOGOUT");
  await carol.ok("LOGOUT");
});

test("rights are those of the folder, and change for sessions that are open", async () => {
  await withImap("carol", async (client) => {
    await assert.rejects(client.mailboxCreate("Public Folders/Mine"));
    await client.append(notices, mail("by carol"));
    await server.must(["public", "permit", "Notices", "--to", at("carol"), "--right", "reviewer"]);
    await pause(1100);
    await assert.rejects(client.append(notices, mail("refused")));
    await client.mailboxOpen(notices);
    assert.equal((await client.search({ all: true }) as number[]).length, 3);
    await server.must(["public", "permit", "Notices", "--to", at("carol"), "--remove"]);
  });
  await withImap("alice", async (client) => {
    // The first user administers everything.
    await client.mailboxCreate("Public Folders/Made/Here");
    await client.mailboxDelete("Public Folders/Made/Here");
  });
});

async function post(user: string, to: string, subject: string): Promise<string | null> {
  const transport = createTransport({
    host: "127.0.0.1", port: server.ports.submissions, secure: true, auth: { user: at(user), pass: password },
    tls: { ca: server.caPem, servername: "localhost" },
  });
  try {
    await transport.sendMail({ from: at(user), to, subject, text: "words" });
    return null;
  } catch (error) {
    return (error as Error & { response?: string }).response ?? String(error);
  } finally {
    transport.close();
  }
}

async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 15_000;
  while (!await is()) {
    assert.ok(performance.now() < end, what);
    await pause(50);
  }
}

test("a folder with an address takes mail from whoever may post into it", async () => {
  await server.must(["public", "mail-enable", "Notices", at("notices"), "--name", "All notices"]);
  await server.must(["public", "mail-enable", "Staff/Board", at("board")]);
  assert.equal(await post("carol", at("notices"), "posted"), null);
  await until("the post is in the folder", async () => "posted" in await seenIn("bob", notices));
  assert.equal((await seenIn("carol", notices))["posted"], false, "new to its sender too");
  assert.match(await post("carol", at("board"), "let me in") ?? "", /550 5\.7\.1/);
  assert.equal(await post("bob", at("board"), "for the board"), null);
  const board = "Public Folders/Staff/Board";
  await until("the owner's post is there", async () => "for the board" in await seenIn("bob", board));
  assert.match(await post("carol", at("public-folders"), "to nobody") ?? "", /550/);
});

async function fromOutside(to: string, subject: string): Promise<string> {
  const client = await SmtpClient.greeted({ host: "127.0.0.1", port: server.ports.smtp });
  await client.command("MAIL FROM:<stranger@elsewhere.example>");
  const reply = await client.command(`RCPT TO:<${to}>`);
  if (reply.code === 250) {
    await client.command("DATA");
    const sent = await client.command(`From: stranger@elsewhere.example\r\nSubject: ${subject}\r\n\r\nwords\r\n.`);
    assert.equal(sent.code, 250);
  }
  client.socket.close();
  return reply.text;
}

test("strangers write to a folder only where Anonymous may, and groups may hold one", async () => {
  assert.match(await fromOutside(at("notices"), "spam"), /550 5\.7\.1/);
  await server.must(["public", "permit", "Notices", "--to", "anonymous", "--right", "contributor"]);
  await server.must(["group", "add", at("everybody"), "--member", at("notices")]);
  await until("the right counts", async () => (await fromOutside(at("notices"), "from outside")).startsWith("250"));
  await until("the stranger's mail is there", async () => "from outside" in await seenIn("alice", notices));
  assert.equal(await post("bob", at("everybody"), "to the group"), null);
  await until("the group's mail is there", async () => "to the group" in await seenIn("alice", notices));
});

test("a folder goes with its address, and everything fits together after", async () => {
  await server.must(["public", "mail-disable", "Staff/Board"]);
  assert.match(await post("bob", at("board"), "late") ?? "", /550 5\.1\.1/);
  assert.equal((await server.outpost(["public", "remove", "Staff"])).code, 1, "there is a folder below");
  await server.must(["public", "remove", "Staff", "--below"]);
  await server.must(["public", "remove", "Notices"]);
  assert.match(await post("bob", at("notices"), "late") ?? "", /550 5\.1\.1/);
  const left = JSON.parse(await server.must(["public", "list", "--json"])) as { path: string }[];
  assert.deepEqual(left.map(({ path }) => path), ["Made"]);
  await server.must(["check"]);
});
