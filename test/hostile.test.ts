/**
 * Proves that bad clients and a full disk harm nobody else: garbage on every port, commands cut off anywhere, bytes
 * that drip, clients that never read. After each the server serves others as before, quickly, in bounded memory, and
 * has logged no fault of its own. On a full disk (a small tmpfs; skipped where mounting is not permitted) SMTP says 452
 * and IMAP says NO, reading goes on, and when there is room again so does everything else, with nothing acknowledged
 * lost.
 */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { ImapClient } from "./support/imap-client.ts";
import { appendMany, sampleMessage } from "./support/load.ts";
import { Pop3Client } from "./support/pop3-client.ts";
import { Random, chooseSeed } from "./support/random.ts";
import { pause } from "./support/real-ctx.ts";
import { TestServer, domain, password } from "./support/server.ts";
import type { PortName } from "./support/server.ts";
import { SmtpClient } from "./support/smtp-client.ts";
import { WireSocket } from "./support/wire-socket.ts";

const ports: PortName[] = ["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "http", "https"];

/** What every other client expects, within a second each. */
async function serves(server: TestServer): Promise<void> {
  const began = performance.now();
  const token = `ok${began}`.replace(".", "-");
  const sender = await SmtpClient.greeted(server.at("smtp"));
  const reader = await ImapClient.signedIn(server.at("imaps"), "bob", password);
  await reader.ok("SELECT INBOX");
  const idle = await reader.idle();
  const reply = await sender.send({ from: "a@outside.example", to: [`bob@${domain}`], bytes: sampleMessage(token) });
  assert.equal(reply.code, 250, reply.text);
  await idle.next(/EXISTS/);
  await idle.done();
  const found = await reader.ok(`SEARCH HEADER Message-ID ${token}@load`);
  assert.match(found.untagged.map(({ text }) => text).join("\n"), /SEARCH \d+/);
  reader.close();
  sender.close();
  const drop = await Pop3Client.signedIn(server.at("pop3s"), "bob", password);
  await drop.ok("STAT");
  drop.close();
  const tookMs = performance.now() - began;
  assert.ok(tookMs < 4000, `serving others took ${Math.round(tookMs)} ms`);
}

suite("hostile clients", () => {
  let server: TestServer;
  before(async () => {
    server = await TestServer.start();
  });
  after(async () => {
    await server.dispose();
  });

  test("garbage on every port", async (t) => {
    const seed = chooseSeed();
    t.diagnostic(`OUTPOST_SEED=${seed}`);
    const random = new Random(seed);
    for (const port of ports) {
      await Promise.all(Array.from({ length: 12 }, async (_, index) => {
        const socket = await WireSocket.open({ port: server.ports[port] });
        const bytes = random.bytes(random.integer(1, 40_000));
        // Half of them as lines, which get further than one endless line.
        if (index % 2 === 0) {
          for (let at = 40; at < bytes.length; at += random.integer(2, 80)) bytes.write("\r\n", at - 2);
        }
        socket.write(bytes);
        await pause(random.integer(0, 150));
        if (index % 3 === 0) socket.raw.end();
        else if (index % 3 === 1) socket.raw.resetAndDestroy();
        else socket.close();
      }));
    }
    await serves(server);
  });

  test("commands cut off at every byte", async () => {
    const conversations: [PortName, string][] = [
      ["smtp", "EHLO x\r\nMAIL FROM:<a@b.example> SIZE=100\r\n" +
        "RCPT TO:<alice@example.test>\r\nDATA\r\nSubject: cut\r\n\r\nhalf\r\n.\r"],
      ["smtp", "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.test>\r\n" +
        "BDAT 100 LAST\r\nSubject: cut\r\n\r\nhalf"],
      ["imap", "a CAPABILITY\r\nb LOGIN {5}\r\nalice {6}\r\nsecret\r\n"],
      ["imap", "a STARTTLS\r\n\x16\x03\x01\x02\x00\x01\x00\x01"],
      ["pop3", "CAPA\r\nUSER alice\r\nPASS secret\r\nSTLS\r\n\x16\x03"],
      ["imaps", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
      ["http", "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"],
    ];
    for (const [port, text] of conversations) {
      await Promise.all(Array.from({ length: text.length }, async (_, end) => {
        const socket = await WireSocket.open({ port: server.ports[port] });
        socket.write(text.slice(0, end + 1));
        await pause(50);
        socket.close();
      }));
    }
    await serves(server);
    const reader = await ImapClient.signedIn(server.at("imaps"), "alice", password);
    const status = await reader.ok("STATUS INBOX (MESSAGES)");
    assert.match(status.untagged[0]!.text, /MESSAGES 0\)/, "a message that never ended was never delivered");
    reader.close();
  });

  test("200 clients whose bytes drip hold nobody up", async () => {
    let dripping = true;
    const text = "EHLO slow.example\r\nMAIL FROM:<a@b.example>\r\n" +
      "RCPT TO:<alice@example.test>\r\nDATA\r\nSubject: drip\r\n";
    const drips = Array.from({ length: 200 }, async (_, index) => {
      const port = (["smtp", "imap", "pop3", "imaps"] as const)[index % 4]!;
      const socket = await WireSocket.open({ port: server.ports[port] });
      for (let at = 0; dripping && !socket.isClosed; at++) {
        socket.write(text[at % text.length]!);
        await pause(20);
      }
      socket.close();
    });
    await pause(300);
    await serves(server);
    dripping = false;
    await Promise.all(drips);
  });

  test("clients that ask for much and never read cost bounded memory", async (t) => {
    const filler = await ImapClient.signedIn(server.at("imaps"), "alice", password);
    await appendMany(filler, "INBOX", 20, { sizeBytes: 1_000_000, prefix: "large" });
    filler.close();
    const beforeBytes = server.memory().nowBytes;
    const greedy: WireSocket[] = [];
    for (let index = 0; index < 10; index++) {
      const client = await ImapClient.signedIn(server.at("imaps"), "alice", password);
      await client.ok("SELECT INBOX");
      client.socket.raw.pause();
      for (let tag = 0; tag < 100; tag++) client.socket.write(`x${tag} FETCH 1:* (BODY.PEEK[])\r\n`);
      greedy.push(client.socket);
      const smtp = await WireSocket.open({ port: server.ports.smtp });
      smtp.raw.pause();
      smtp.write("EHLO never-reads.example\r\n".repeat(60_000));
      greedy.push(smtp);
    }
    await pause(3000);
    const afterBytes = server.memory().nowBytes;
    await serves(server);
    for (const socket of greedy) socket.close();
    t.diagnostic(`resident before ${mib(beforeBytes)}, with them ${mib(afterBytes)}: 20 GB were asked for`);
    assert.ok(afterBytes - beforeBytes < 150 * 1024 * 1024, `grew by ${mib(afterBytes - beforeBytes)}`);
  });

  test("what is too large or too much is refused with a clear word", async () => {
    const smtp = await SmtpClient.greeted(server.at("smtp"));
    assert.equal((await smtp.command(`MAIL FROM:<a@b.example> SIZE=${10 ** 12}`)).code, 552);
    assert.equal((await smtp.command(`MAIL FROM:<${"a".repeat(5000)}@b.example>`)).code, 500);
    const bare = await smtp.send({ from: "a@b.example", to: [`bob@${domain}`],
      bytes: Buffer.from("Subject: x\n\nbare\n\r\n") });
    assert.equal(bare.code, 550, bare.text);
    const received = "Received: from x by y; Tue, 3 Feb 2026 04:05:06 +0000\r\n";
    const looping = Buffer.from(`${received.repeat(200)}Subject: loop\r\n\r\nx\r\n`);
    assert.equal((await smtp.send({ from: "a@b.example", to: [`bob@${domain}`], bytes: looping })).code, 554);
    smtp.close();
    const imap = await ImapClient.open(server.at("imaps"));
    assert.equal((await imap.send(`NOOP ${"(".repeat(10_000)}`)).status, "BAD");
    imap.close();
    await serves(server);
  });

  test("none of it was a fault of the server's own", async () => {
    assert.deepEqual(server.errors(), []);
    await server.stop();
    await server.mustCheckClean();
  });
});

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`;
}

/** A small file system of our own, or why there is none. */
function mountSmall(sizeMb: number): { folder: string; unmount(): void } | string {
  const folder = mkdtempSync(join(tmpdir(), "outpost-small-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMb}m`, "tmpfs", folder], { encoding: "utf8" });
  if (mounted.status !== 0) {
    rmSync(folder, { recursive: true });
    return `cannot mount a tmpfs here: ${(mounted.error?.message ?? mounted.stderr).trim()}`;
  }
  return {
    folder,
    unmount() {
      // Lazily: a process that still holds a file there must not keep the folder.
      spawnSync("umount", ["--lazy", folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

test("a full disk: refused with 452 and NO, reading goes on, and it recovers", async (t) => {
  const small = mountSmall(96);
  if (typeof small === "string") return t.skip(small);
  const server = await TestServer.start({ dataDir: join(small.folder, "data") });
  t.after(async () => {
    await server.dispose();
    small.unmount();
  });
  const ballast = join(small.folder, "ballast");
  const free = statfsSync(small.folder);
  writeFileSync(ballast, Buffer.alloc(Math.max(0, free.bavail * free.bsize - 32 * 1024 * 1024)));

  // Kept before the disk is full; her mailbox is opened for the first time in this process when it is.
  const early = await ImapClient.signedIn(server.at("imaps"), "alice", password);
  await early.append("INBOX", sampleMessage("before"));
  early.close();
  await server.restart();
  const smtp = await SmtpClient.greeted(server.at("smtp"));
  const accepted: string[] = [];
  let refusal = "";
  for (let index = 0; refusal === "" && index < 500; index++) {
    const token = `full${index}`;
    const reply = await smtp.send({ from: "a@outside.example", to: [`bob@${domain}`],
      bytes: sampleMessage(token, 100_000 + index * 1000) });
    if (reply.code === 250) accepted.push(token);
    else refusal = reply.text;
  }
  t.diagnostic(`${accepted.length} accepted, then: ${refusal}`);
  assert.match(refusal, /^452 4\.3\.1 /);

  const imap = await ImapClient.signedIn(server.at("imaps"), "alice", password);
  const appended = ["before"];
  let no = "";
  for (let index = 0; no === "" && index < 500; index++) {
    const reply = await imap.send("APPEND INBOX \u0000", sampleMessage(`append${index}`, 60_000));
    if (reply.status === "OK") appended.push(`append${index}`);
    else no = `${reply.status} ${reply.text}`;
  }
  t.diagnostic(`${appended.length} appended, then: ${no}`);
  assert.match(no, /^NO /);
  await imap.ok("SELECT INBOX");
  const read = await imap.ok("FETCH 1 (FLAGS BODY.PEEK[])");
  assert.ok(read.untagged.some(({ literals }) => literals[0]?.includes("before@load")), "what is there can be read");
  const other = await Pop3Client.signedIn(server.at("pop3s"), "alice", password);
  other.close();
  const troubles = server.log().split("\n").filter((line) => /"level":"(warn|error)"/.test(line));
  assert.ok(troubles.some((line) => /full|no space|ENOSPC/i.test(line)),
    `no clear word in the log: ${server.log().slice(-1500)}`);

  rmSync(ballast);
  const reply = await smtp.send({ from: "a@outside.example", to: [`bob@${domain}`],
    bytes: sampleMessage("room", 100_000) });
  assert.equal(reply.code, 250, reply.text);
  await imap.ok("APPEND INBOX \u0000", sampleMessage("room", 60_000));
  await present(server, "bob", [...accepted, "room"]);
  await present(server, "alice", [...appended, "room"]);
  smtp.close();
  imap.close();
  await server.restart();
  await present(server, "bob", [...accepted, "room"]);
  await server.stop();
  await server.mustCheckClean();
});

/** Waits until exactly these are in the inbox: what was put off by the full disk is delivered by the next attempt. */
async function present(server: TestServer, user: string, tokens: readonly string[]): Promise<void> {
  const client = await ImapClient.signedIn(server.at("imaps"), user, password);
  const end = performance.now() + 120_000;
  for (;;) {
    await client.ok("EXAMINE INBOX");
    const reply = await client.send("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])");
    const found = reply.untagged.flatMap(({ literals }) =>
      /<(.*)@load>/.exec(literals[0]?.toString() ?? "")?.[1] ?? []);
    if (found.length >= tokens.length || performance.now() > end) {
      assert.deepEqual(found.sort(), [...tokens].sort(), user);
      client.close();
      return;
    }
    await pause(200);
  }
}
