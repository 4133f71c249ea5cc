/**
 * Proves that mail comes out as it went in. Every message of the corpus, the broken ones too, is sent by SMTP to two
 * people, half of them by DATA and half by BDAT, and read back by IMAP and POP3: the same bytes behind the added trace
 * fields. What SMTP itself forbids (a CR without LF) must be refused with the reason, and goes in by IMAP APPEND
 * instead. Then imapflow, a client that is not ours, parses ENVELOPE and BODYSTRUCTURE of all of them, and the sizes
 * the structure tells are the sizes of the parts.
 */
import { strict as assert } from "node:assert";
import { after, before, suite, test } from "node:test";
import { ImapFlow } from "imapflow";
import type { MessageStructureObject } from "imapflow";
import { corpusMessages, corpusMissing, hasLoneCr, withCrlf } from "./support/corpus.ts";
import type { CorpusMessage } from "./support/corpus.ts";
import { ImapClient } from "./support/imap-client.ts";
import { Pop3Client } from "./support/pop3-client.ts";
import { TestServer, domain, password } from "./support/server.ts";
import { SmtpClient } from "./support/smtp-client.ts";
import { pause } from "./support/real-ctx.ts";

const people = ["alice", "bob"];
/** What a server on the way may add, and nothing else. RFC 5321 §4.4, RFC 9228 */
const traceFields = /^(Return-Path|Received|Delivered-To): /;

interface Sent extends CorpusMessage {
  /** The bytes as they went over the wire. */
  readonly wire: Buffer;
  readonly sender: string;
}

function splitTrace(got: Buffer, wire: Buffer): { trace: string; same: boolean } {
  const trace = got.subarray(0, Math.max(0, got.length - wire.length));
  return { trace: trace.toString("latin1"), same: got.subarray(trace.length).equals(wire) };
}

function assertTrace(trace: string, name: string): void {
  for (const field of trace.split(/\r\n(?![ \t])/).filter((line) => line !== "")) {
    assert.match(field, traceFields, `${name}: added more than trace: ${field}`);
  }
  assert.ok(trace === "" || trace.endsWith("\r\n"), name);
}

suite("the corpus through SMTP, IMAP and POP3", { skip: corpusMissing }, () => {
  const sent: Sent[] = [];
  const appended: CorpusMessage[] = [];
  const refused: string[] = [];
  let server: TestServer;

  before(async () => {
    server = await TestServer.start({ users: people });
  });
  after(async () => {
    await server.dispose();
  });

  test("each is accepted by SMTP, or refused for what SMTP forbids", async (t) => {
    const client = await SmtpClient.greeted(server.at("smtp"));
    for (const [index, message] of corpusMessages().entries()) {
      const wire = withCrlf(message.bytes);
      const sender = `corpus-${index}@outside.example`;
      // DATA cannot say that the last line has no end.
      const way = index % 2 === 1 || wire.at(-1) !== 10 ? "bdat" : "data";
      const reply = await client.send({ from: sender, to: people.map((one) => `${one}@${domain}`), bytes: wire, way });
      if (reply.code === 250) {
        sent.push({ ...message, wire, sender });
        continue;
      }
      refused.push(`${message.name}: ${reply.text}`);
      appended.push(message);
      assert.ok(hasLoneCr(message.bytes), `${message.name} should have been taken: ${reply.text}`);
      assert.equal(reply.code, 550, message.name);
    }
    client.close();
    t.diagnostic(`${sent.length} sent, ${refused.length} refused:`);
    for (const line of refused) t.diagnostic(line);
    assert.ok(sent.length > 200);
  });

  test("what SMTP refuses is taken by IMAP APPEND as it stands", async () => {
    for (const person of people) {
      const client = await ImapClient.signedIn(server.at("imaps"), person, password);
      for (const message of appended) await client.append("INBOX", message.bytes);
      client.close();
    }
  });

  for (const person of people) {
    test(`IMAP gives ${person} the same bytes`, async () => {
      const client = await ImapClient.signedIn(server.at("imaps"), person, password);
      await arrived(client, sent.length + appended.length);
      await client.ok("EXAMINE INBOX");
      const reply = await client.ok("FETCH 1:* (RFC822.SIZE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT])");
      client.close();
      const bySender = new Map(sent.map((one) => [one.sender, one]));
      let exact = 0;
      for (const line of reply.untagged.filter(({ text }) => / FETCH /.test(text))) {
        const [whole, header, text] = line.literals as [Buffer, Buffer, Buffer];
        assert.equal(Number(/RFC822\.SIZE (\d+)/.exec(line.text)![1]), whole.length);
        assertSections(whole, header, text);
        const one = take(bySender, whole);
        if (one === undefined) {
          assert.ok(appended.some(({ bytes }) => bytes.equals(whole)), `unknown message: ${whole.subarray(0, 300)}`);
        } else {
          const { trace, same } = splitTrace(whole, one.wire);
          assert.ok(same, `${one.name} came back changed`);
          assertTrace(trace, one.name);
        }
        exact++;
      }
      assert.deepEqual([...bySender.values()].map(({ name }) => name), [], "never came");
      assert.equal(exact, sent.length + appended.length);
    });

    test(`POP3 gives ${person} the same bytes`, async () => {
      const client = await Pop3Client.signedIn(server.at("pop3s"), person, password);
      const bySender = new Map(sent.map((one) => [one.sender, one]));
      const listed = await client.lines("LIST");
      assert.equal(listed.length, sent.length + appended.length);
      for (const row of listed) {
        const [number, sizeText] = row.toString().split(" ") as [string, string];
        let got = await client.retrieve(Number(number));
        const size = Number(sizeText);
        // The line of one dot needs a line end before it: one is added to a message that has none.
        if (got.length === size + 2 && got.subarray(size).toString() === "\r\n") got = got.subarray(0, size);
        assert.equal(got.length, size, `message ${number}`);
        const one = take(bySender, got);
        if (one === undefined) {
          assert.ok(appended.some(({ bytes }) => bytes.equals(got)), `unknown message: ${got.subarray(0, 300)}`);
        } else {
          assert.ok(splitTrace(got, one.wire).same, `${one.name} came back changed`);
        }
      }
      assert.equal(bySender.size, 0);
      client.close();
    });
  }

  test("imapflow parses every ENVELOPE and BODYSTRUCTURE, and the parts have the sizes they tell", async () => {
    const flow = new ImapFlow({
      host: "127.0.0.1", port: server.ports.imaps, secure: true, servername: "localhost", tls: { ca: server.caPem },
      auth: { user: "alice", pass: password }, logger: false,
    });
    await flow.connect();
    await flow.mailboxOpen("INBOX", { readOnly: true });
    const leaves: { uid: number; part: string; size: number }[] = [];
    let count = 0;
    for await (const message of flow.fetch("1:*", {
      uid: true, envelope: true, bodyStructure: true, size: true, internalDate: true, flags: true,
    })) {
      count++;
      assert.ok(message.envelope, `message ${message.uid} has no envelope`);
      assert.ok(message.bodyStructure, `message ${message.uid} has no structure`);
      collectLeaves(message.bodyStructure, message.uid, leaves);
    }
    assert.equal(count, sent.length + appended.length);
    await flow.logout();
    const client = await ImapClient.signedIn(server.at("imaps"), "alice", password);
    await client.ok("EXAMINE INBOX");
    const answers = await Promise.all(leaves.map(({ uid, part }) =>
      client.ok(`UID FETCH ${uid} (BODY.PEEK[${part}])`)));
    for (const [index, leaf] of leaves.entries()) {
      const line = answers[index]!.untagged.find(({ text }) => / FETCH /.test(text));
      assert.ok(line, `no part ${leaf.part} in message ${leaf.uid}`);
      assert.equal(line.literals[0]?.length ?? (/""\)?$/.test(line.text) ? 0 : -1), leaf.size,
        `message ${leaf.uid}, part ${leaf.part}: ${line.text.slice(0, 200)}`);
    }
    client.close();
  });

  test("the server stands, complains of nothing of its own, and its data is whole", async () => {
    assert.deepEqual(server.errors(), []);
    await server.stop();
    await server.mustCheckClean();
  });
});

/** HEADER and TEXT make up the whole; a line of an mbox file before the first field belongs to neither. RFC 4155 */
function assertSections(whole: Buffer, header: Buffer, text: Buffer): void {
  const both = Buffer.concat([header, text]);
  const before = whole.subarray(0, whole.length - both.length).toString("latin1");
  assert.ok(whole.subarray(before.length).equals(both),
    `HEADER and TEXT are not the whole: ${header.subarray(0, 200)}`);
  assert.match(before, /^(From [^\r\n]*[\r\n]+)?$/);
}

async function arrived(client: ImapClient, count: number): Promise<void> {
  const end = performance.now() + 60_000;
  for (;;) {
    const reply = await client.ok("STATUS INBOX (MESSAGES)");
    const found = Number(/MESSAGES (\d+)/.exec(reply.untagged[0]?.text ?? "")?.[1]);
    if (found === count) return;
    if (performance.now() > end || found > count) throw new Error(`${found} messages came instead of ${count}`);
    await pause(50);
  }
}

/** The message this copy is of, found by its Return-Path, and taken out of the map: none comes twice. */
function take(bySender: Map<string, Sent>, got: Buffer): Sent | undefined {
  const sender = /^Return-Path: <(corpus-\d+@outside\.example)>\r\n/.exec(got.subarray(0, 100).toString("latin1"))?.[1];
  if (sender === undefined) return undefined;
  const one = bySender.get(sender);
  assert.ok(one, `${sender} came twice`);
  bySender.delete(sender);
  return one;
}

function collectLeaves(
  root: MessageStructureObject, uid: number, leaves: { uid: number; part: string; size: number }[],
): void {
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    // imapflow numbers the only part of an enclosed message as the message; RFC 9051 §6.4.5.1 says 2.1.
    const isEnclosing = node.type === "message/rfc822";
    open.push(...(node.childNodes ?? []).filter((child) => !isEnclosing || child.type.startsWith("multipart/")));
    if (node.type.startsWith("multipart/") || node.type === "message/rfc822") continue;
    leaves.push({ uid, part: node.part ?? "1", size: node.size ?? 0 });
  }
}
