/**
 * Proves sending over real HTTPS: what MAPI submits arrives as MIME at its recipients, read by IMAP; the copy lies where
 * it belongs; who may not send, nobody to send to, and what was sent before are refused with their codes. [MS-OXOMSG]
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { ImapFlow } from "imapflow";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as transport from "#wire/mapi/rops/transport.ts";
import { MailboxClient, dnOf, logonPlaces, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { pause } from "./support/real-ctx.ts";
import { domain, password } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;

const deleteAfterSubmit = makeTag(0x0e01, "Boolean");
const sentMailEntryId = makeTag(0x0e0a, "Binary");

before(async () => {
  server = await startServer(["alice", "bob", "carol"]);
  alice = await MailboxClient.open(server, "alice");
});
after(async () => {
  await alice?.disconnect();
  await server?.dispose();
});

const draft = (subject: string): [PropertyTag, PropertyValue][] =>
  [[tags.subject, subject], [tags.messageClass, "IPM.Note"], [tags.body, `Text of ${subject}: Grüße\r\n`]];

async function subjects(place: keyof typeof logonPlaces): Promise<string[]> {
  const columns = [tags.subject];
  const folder = await alice.openFolder(place);
  return (await alice.rows(await alice.contents(folder, columns), columns)).map((row) => String(row[0]));
}

/** The source of the newest message of a person's inbox with this subject. */
async function received(user: string, subject: string): Promise<string> {
  const flow = new ImapFlow({
    host: "127.0.0.1", port: server.ports.imaps, secure: true, servername: "localhost", tls: { ca: server.caPem },
    auth: { user: `${user}@${domain}`, pass: password }, logger: false,
  });
  await flow.connect();
  try {
    for (let tries = 0; tries < 100; tries++) {
      const lock = await flow.getMailboxLock("INBOX");
      try {
        await flow.noop();
        const found = await flow.search({ subject }, { uid: true });
        if (found !== false && found !== undefined && found.length > 0) {
          const one = await flow.fetchOne(String(found.at(-1)), { source: true }, { uid: true });
          return (one as { source: Buffer }).source.toString();
        }
      } finally {
        lock.release();
      }
      await pause(50);
    }
  } finally {
    await flow.logout();
  }
  throw new Error(`${user} got no "${subject}"`);
}

test("a message without a save before goes out; Bcc is told to nobody; the copy lies in Sent Items", async () => {
  const message = await alice.create("outbox", draft("submitted"));
  await alice.addRecipient(message, `bob@${domain}`, { rowId: 0, type: 1 });
  await alice.addRecipient(message, `carol@${domain}`, { rowId: 1, type: 3 });
  const { opened: attachment } = await alice.session.must(messages.RopCreateAttachment, message);
  await alice.set(attachment, [
    [makeTag(0x3705, "Integer32"), 1], [text(0x3707), "a.txt"],
    [makeTag(0x3701, "Binary"), Buffer.from("attached")],
  ]);
  await alice.session.must(messages.RopSaveChangesAttachment, attachment, { saveFlags: 2 });
  await alice.session.must(transport.RopSubmitMessage, message, { submitFlags: 0 });
  for (const user of ["bob", "carol"]) {
    const source = await received(user, "submitted");
    assert.match(source, new RegExp(`^From: alice <alice@${domain}>`, "m"));
    assert.match(source, new RegExp(`^To: .*bob@${domain}`, "m"));
    assert.match(source, /^Received: by localhost with MAPI id /m);
    assert.match(source, /^Message-ID: </m);
    assert.match(source, /^Date: /m);
    assert.match(source, /a\.txt/);
    assert.doesNotMatch(source, /^(Bcc|Sender|X-Unsent):/im);
    assert.doesNotMatch(source, /carol/);
  }
  assert.deepEqual(await subjects("sentItems"), ["submitted"]);
  assert.deepEqual(await subjects("outbox"), []);
  const folder = await alice.openFolder("sentItems");
  const columns = [tags.messageFlags, text(0x0c1a), makeTag(0x0e06, "Time")];
  const [row] = await alice.rows(await alice.contents(folder, columns), columns);
  assert.equal((row![0] as number) & 0x2f, 0x21, "read, from me, neither unsent nor submitted");
  assert.equal(row![1], "alice");
});

test("recipients by distinguished name, and where the copy goes", async () => {
  const message = await alice.create("outbox", [...draft("by name"), [deleteAfterSubmit, true]]);
  await alice.session.must(messages.RopModifyRecipients, message, {
    recipientColumns: [], recipientRows: [{
      rowId: 0, recipientType: 1, recipientRow: {
        recipientFlags: 0x0200 | 0x0010 | 0x0001, addressPrefixUsed: 0, displayType: 0, x500Dn: await dnOf(server, "bob"),
        displayName: "Bob", recipientProperties: [],
      },
    }],
  });
  await alice.session.must(transport.RopTransportSend, message);
  assert.match(await received("bob", "by name"), new RegExp(`^To: Bob <bob@${domain}>`, "m"));
  assert.ok(!(await subjects("sentItems")).includes("by name"));
  const inbox = await alice.openFolder("inbox");
  const [entryId] = await alice.get(inbox, [makeTag(0x0fff, "Binary")]);
  const other = await alice.create("outbox", [...draft("filed"), [sentMailEntryId, entryId as Uint8Array]]);
  await alice.addRecipient(other, `bob@${domain}`);
  await alice.session.must(transport.RopSubmitMessage, other, { submitFlags: 0 });
  assert.ok((await subjects("inbox")).includes("filed"));
});

test("refusals: nobody, unknown people, another's name; the message stays a draft", async () => {
  const lonely = await alice.create("outbox", draft("lonely"));
  assert.equal((await alice.session.call(transport.RopSubmitMessage, lonely, { submitFlags: 0 })).returnValue, 0x8004_0607);
  const unknown = await alice.create("outbox", draft("unknown"));
  await alice.addRecipient(unknown, `nobody@${domain}`);
  assert.equal((await alice.session.call(transport.RopSubmitMessage, unknown, { submitFlags: 0 })).returnValue, 0x8004_0607);
  const forged = await alice.create("outbox", [
    ...draft("forged"), [text(0x0064), "SMTP"], [text(0x0065), `bob@${domain}`], [text(0x0042), "Bob"],
    [text(0x5d02), `bob@${domain}`],
  ]);
  await alice.addRecipient(forged, `carol@${domain}`);
  const refused = await alice.session.call(transport.RopSubmitMessage, forged, { submitFlags: 0 });
  assert.equal(refused.returnValue, 0x8007_0005);
  assert.equal((await alice.session.call(transport.RopSubmitMessage, alice.logon, { submitFlags: 0 })).returnValue, 0x8004_0102);
  const [flags] = await alice.get(forged, [tags.messageFlags]);
  assert.equal((flags as number) & 0x0c, 0x08, "unsent still");
  assert.ok(!(await subjects("sentItems")).includes("forged"));
  assert.equal((await alice.session.call(transport.RopAbortSubmit, alice.logon, {
    folderId: alice.folderIds[logonPlaces.outbox], messageId: { replicaId: 1, counter: 0x7fff_ffff },
  })).returnValue, 0x8004_010f);
});

test("Send on Behalf shows who wrote it, Send As does not", async () => {
  await server.must(["shared", "add", `info@${domain}`]);
  const info: [PropertyTag, PropertyValue][] = [
    [text(0x0064), "SMTP"], [text(0x0065), `info@${domain}`], [text(0x0042), "Info"], [text(0x5d02), `info@${domain}`],
  ];
  for (const [right, pattern] of [["send-on-behalf", true], ["send-as", false]] as const) {
    await server.must(["shared", "grant", `info@${domain}`, "--to", `alice@${domain}`, "--right", right]);
    const message = await alice.create("outbox", [...draft(`by ${right}`), ...info]);
    await alice.addRecipient(message, `bob@${domain}`);
    await alice.session.must(transport.RopSubmitMessage, message, { submitFlags: 0 });
    const source = await received("bob", `by ${right}`);
    assert.match(source, new RegExp(`^From: .*<?info@${domain}`, "m"));
    assert.equal(new RegExp(`^Sender: .*alice@${domain}`, "m").test(source), pattern, source);
  }
});
