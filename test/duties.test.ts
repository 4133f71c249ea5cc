/**
 * Holds duties by their number (what goes wrong in other servers and must not here), on a running server, with clients
 * that send exactly what those programs send.
 */
import { strict as assert } from "node:assert";
import { after, before, suite, test } from "node:test";
import { ImapClient } from "./support/imap-client.ts";
import { sampleMessage } from "./support/load.ts";
import { TestServer, domain, password } from "./support/server.ts";
import { SmtpClient } from "./support/smtp-client.ts";
import { WireSocket } from "./support/wire-socket.ts";

suite("duties", () => {
  let server: TestServer;
  before(async () => {
    server = await TestServer.start();
  });
  after(async () => {
    await server.dispose();
  });

  const base64 = (text: string): string => Buffer.from(text).toString("base64");

  test("duty 4: a wrong password is refused at once, and finally", async () => {
    const began = performance.now();
    const client = await ImapClient.open(server.at("imaps"));
    const reply = await client.send('LOGIN "alice" "not it"');
    assert.match(`${reply.status} ${reply.text}`, /^NO \[AUTHENTICATIONFAILED\]/);
    assert.ok(performance.now() - began < 3000);
    client.close();
    const smtp = await SmtpClient.greeted(server.at("submissions"));
    assert.equal((await smtp.command(`AUTH PLAIN ${base64("\0alice\0not it")}`)).code, 535);
    smtp.close();
    // One bad device does not lock the owner out.
    (await ImapClient.signedIn(server.at("imaps"), "alice", password)).close();
  });

  test("duty 6: AUTH LOGIN with an initial response, and a TLS name that ends in a dot", async () => {
    const smtp = await SmtpClient.greeted({ ...server.at("submissions"), servername: "localhost." });
    assert.equal((await smtp.command(`AUTH LOGIN ${base64("alice")}`)).code, 334);
    assert.equal((await smtp.command(base64(password))).code, 235);
    smtp.close();
  });

  test("duty 29: marking 2,000 messages read is not 2,000 commits", async () => {
    const client = await ImapClient.signedIn(server.at("imaps"), "bob", password);
    const bytes = sampleMessage("many");
    await Promise.all(Array.from({ length: 2000 }, () => client.append("INBOX", bytes)));
    await client.ok("SELECT INBOX");
    const began = performance.now();
    await client.ok("STORE 1:* +FLAGS.SILENT (\\Seen)");
    const tookMs = performance.now() - began;
    const unseen = await client.ok("STATUS INBOX (UNSEEN)");
    assert.match(unseen.untagged.map(({ text }) => text).join("\n"), /UNSEEN 0\)/);
    // A bound for "one commit for each message" (seconds on any disk), not a measure of speed.
    assert.ok(tookMs < 5000, `took ${Math.round(tookMs)} ms`);
    client.close();
  });

  test("duty 30: IDLE sent ahead with the next commands stalls nothing", async () => {
    const socket = await WireSocket.open(server.at("imaps"));
    socket.write(`a LOGIN alice ${password}\r\nb SELECT INBOX\r\nc IDLE\r\nDONE\r\nd NOOP\r\n`);
    for (;;) {
      const line = (await socket.line()).toString();
      if (/^[abcd] (NO|BAD)/.test(line)) assert.fail(line);
      if (line.startsWith("d OK")) break;
    }
    socket.close();
  });

  test("duty 30: an edit by APPEND and UID EXPUNGE removes the old message and nothing else", async () => {
    const client = await ImapClient.signedIn(server.at("imaps"), "alice", password);
    await client.ok("SELECT Drafts");
    const first = await client.append("Drafts", sampleMessage("first"), "\\Draft");
    const other = await client.append("Drafts", sampleMessage("other"), "\\Draft \\Deleted");
    const second = await client.append("Drafts", sampleMessage("second"), "\\Draft");
    await client.ok(`UID STORE ${first.uid} +FLAGS.SILENT (\\Deleted)`);
    await client.ok(`UID EXPUNGE ${first.uid}`);
    const left = await client.ok("UID SEARCH ALL");
    assert.match(left.untagged.map(({ text }) => text).join("\n"), new RegExp(`SEARCH ${other.uid} ${second.uid}`));
    client.close();
  });

  test("duty 30: folders are known by their role in any language", async () => {
    await server.must(["user", "add", `uwe@${domain}`, "--password", password, "--language", "de"]);
    const client = await ImapClient.signedIn(server.at("imaps"), "uwe", password);
    const listed = (await client.ok('LIST "" "*"')).untagged.map(({ text }) => text).join("\n");
    for (const [attribute, name] of [["Drafts", "Entw&APw-rfe"], ["Sent", "Gesendete Elemente"], ["Junk", "Junk-E-Mail"],
      ["Trash", "Gel&APY-schte Elemente"], ["Archive", "Archiv"]] as const) {
      assert.match(listed, new RegExp(`\\\\${attribute}[^\\n]*"?${name.replace(/[&]/g, "\\$&")}`), listed);
    }
    assert.doesNotMatch(listed, /Kalender|Kontakte|Aufgaben/, "only mail is listed");
    client.close();
  });
});
