/**
 * Proves that a two-way sync by mbsync (Debian package isync) settles: 2,000 messages come down, flags and deletions go
 * both ways, and a second run changes nothing on either side. Both sides are compared by message and flags.
 */
import { strict as assert } from "node:assert";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, suite, test } from "node:test";
import { ImapClient } from "./support/imap-client.ts";
import { programMissing, run } from "./support/programs.ts";
import { TestServer, domain, password } from "./support/server.ts";

const messageCount = 2000;

/** Subject to sorted flag letters, as a Maildir spells them. */
type Side = Map<string, string>;

const letters: Record<string, string> = { "\\Seen": "S", "\\Flagged": "F", "\\Answered": "R", "\\Draft": "D" };

suite("isync", { skip: programMissing("mbsync", "isync") }, () => {
  let server: TestServer;
  let client: ImapClient;
  let maildir: string;
  let config: string;

  before(async () => {
    server = await TestServer.start();
    const folder = dirname(server.dataDir);
    maildir = join(folder, "mail");
    config = join(folder, "mbsyncrc");
    mkdirSync(maildir);
    writeFileSync(config, [
      "IMAPAccount outpost", "Host localhost", `Port ${server.ports.imaps}`, `User alice@${domain}`, `Pass ${password}`,
      "SSLType IMAPS", `CertificateFile ${server.ready.ca}`, "",
      "IMAPStore far", "Account outpost", "",
      "MaildirStore near", `Path ${maildir}/`, `Inbox ${maildir}/INBOX`, "SubFolders Verbatim", "",
      "Channel mail", "Far :far:", "Near :near:", "Patterns INBOX Projects", "Create Both", "Expunge Both",
        "SyncState *", "",
    ].join("\n"));
    client = await ImapClient.signedIn(server.at("imaps"), "alice", password);
    await client.ok("CREATE Projects");
    const appends: Promise<unknown>[] = [];
    for (let index = 0; index < messageCount; index++) {
      const flags = ["", "\\Seen", "\\Flagged", "\\Seen \\Answered"][index % 4]!;
      appends.push(client.append(index % 5 === 0 ? "Projects" : "INBOX", message(`m${index}`), flags));
    }
    await Promise.all(appends);
  });
  after(async () => {
    client?.close();
    await server.dispose();
  });

  const sync = async (): Promise<string> => {
    const answer = await run("mbsync", ["--config", config, "--verbose", "--all"], { timeoutMs: 240_000 });
    assert.equal(answer.code, 0, answer.stdout.slice(-2000) + answer.stderr.slice(-2000));
    return answer.stdout;
  };
  const same = async (count: number): Promise<void> => {
    for (const folder of ["INBOX", "Projects"]) {
      assert.deepEqual(sorted(nearSide(join(maildir, folder))), sorted(await farSide(client, folder)), folder);
    }
    assert.equal(nearSide(join(maildir, "INBOX")).size + nearSide(join(maildir, "Projects")).size, count);
  };

  test("everything comes down", async (t) => {
    const began = performance.now();
    await sync();
    t.diagnostic(`${messageCount} messages in ${Math.round(performance.now() - began)} ms`);
    await same(messageCount);
  });

  test("a second run changes nothing on either side", async () => {
    await changesNothing();
  });

  test("flags, deletions and new messages go both ways", async () => {
    await client.ok("SELECT INBOX");
    await client.ok("STORE 1:50 +FLAGS.SILENT (\\Flagged)");
    await client.ok("STORE 51:80 -FLAGS.SILENT (\\Seen)");
    await client.ok("STORE 101:200 +FLAGS.SILENT (\\Deleted)");
    await client.ok("EXPUNGE");
    for (let index = 0; index < 20; index++) await client.append("INBOX", message(`far${index}`), "\\Seen");
    const current = join(maildir, "INBOX", "cur");
    const files = readdirSync(current).filter((name) =>
      Number(/^m(\d+)$/.exec(subjectOf(join(current, name)))?.[1] ?? 0) > 1000);
    for (const name of files.slice(0, 50)) renameSync(join(current, name), join(current, withFlag(name, "F")));
    for (const name of files.slice(50, 120)) rmSync(join(current, name));
    for (let index = 0; index < 20; index++) {
      writeFileSync(join(maildir, "INBOX", "new", `${1_770_000_000 + index}.near${index}.client`),
        message(`near${index}`).toString().replaceAll("\r\n", "\n"));
    }
    await sync();
    await same(messageCount - 100 - 70 + 40);
  });

  test("and again a second run changes nothing", async () => {
    await changesNothing();
    assert.deepEqual(server.errors(), []);
  });

  async function changesNothing(): Promise<void> {
    const state = async (): Promise<unknown> => ({
      near: ["INBOX", "Projects"].map((folder) =>
        ["cur", "new"].map((part) => readdirSync(join(maildir, folder, part)).sort())),
      far: await Promise.all(["INBOX", "Projects"].map(async (folder) =>
        (await client.ok(`STATUS ${folder} (MESSAGES UIDNEXT HIGHESTMODSEQ)`)).untagged.at(-1)!.text)),
    });
    const before = await state();
    await sync();
    assert.deepEqual(await state(), before);
  }
});

function message(subject: string): Buffer {
  return Buffer.from(`From: <a@outside.example>\r\nTo: <alice@${domain}>\r\nSubject: ${subject}\r\n` +
    `Message-ID: <${subject}@isync>\r\nDate: Tue, 3 Feb 2026 04:05:06 +0000\r\n\r\nMessage ${subject}.\r\n`);
}

function subjectOf(path: string): string {
  return /^Subject: (.*)$/m.exec(readFileSync(path, "latin1"))?.[1]?.trim() ?? "";
}

function withFlag(name: string, letter: string): string {
  const [base, flags = ""] = name.split(":2,") as [string, string?];
  return `${base}:2,${[...new Set([...flags, letter])].sort().join("")}`;
}

function nearSide(folder: string): Side {
  const side: Side = new Map();
  for (const part of ["cur", "new"]) {
    for (const name of readdirSync(join(folder, part))) {
      const subject = subjectOf(join(folder, part, name));
      assert.ok(!side.has(subject), `${subject} is there twice`);
      side.set(subject, [...name.split(":2,")[1] ?? ""].sort().join(""));
    }
  }
  return side;
}

async function farSide(client: ImapClient, folder: string): Promise<Side> {
  await client.ok(`EXAMINE ${folder}`);
  const reply = await client.ok("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
  const side: Side = new Map();
  for (const line of reply.untagged.filter(({ text }) => / FETCH /.test(text))) {
    const subject = line.literals[0]!.toString().replace(/^Subject: /, "").trim();
    assert.ok(!side.has(subject), `${subject} is there twice`);
    const flags = /FLAGS \(([^)]*)\)/.exec(line.text)![1]!.split(" ");
    side.set(subject, flags.map((flag) => letters[flag] ?? "").sort().join(""));
  }
  return side;
}

function sorted(side: Side): [string, string][] {
  return [...side].sort(([a], [b]) => (a < b ? -1 : 1));
}
