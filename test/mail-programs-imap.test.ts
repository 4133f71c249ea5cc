/**
 * Proves that programs of other people that live on IMAP go through whole cycles: `offlineimap` syncs a mailbox down,
 * takes changes of both sides, and then has nothing left to do; `neomutt`, played by pushed keys on a terminal and in
 * batch, reads, flags, files, deletes and sends. Both sides are compared by message and flags.
 */
import { strict as assert } from "node:assert";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { ImapClient } from "./support/imap-client.ts";
import {
  appendAll, homeFor, inMailDir, mustRun, onServer, sampleMail, subjectOf, subjectsIn, writePrivate,
} from "./support/mail-programs.ts";
import type { Held } from "./support/mail-programs.ts";
import { programMissing } from "./support/programs.ts";
import { TestServer, domain, password } from "./support/server.ts";

const names = (prefix: string, first: number, last: number): string[] => (
  Array.from({ length: last - first + 1 }, (_, index) => `${prefix}${first + index}`)
);

suite("programs that live on IMAP", () => {
  let server: TestServer;
  before(async () => { server = await TestServer.start({ users: ["alice", "mutt", "bob"] }); });
  after(() => server.dispose());

  const openImap = async (user: string): Promise<ImapClient> => (
    await ImapClient.signedIn(server.at("imaps"), `${user}@${domain}`, password)
  );

  suite("offlineimap", { skip: programMissing("offlineimap", "offlineimap3") }, () => {
    const folders = ["INBOX", "Projects", "Projects/Größe"];
    let home: string;
    let near: string;
    let imap: ImapClient;

    before(async () => {
      home = homeFor(server, "offlineimap");
      near = join(home, "mail");
      mkdirSync(near);
      writePrivate(join(home, "offlineimaprc"), [
        "[general]", `metadata = ${join(home, "state")}`, "accounts = outpost", "ui = basic", "socktimeout = 60", "",
        "[Account outpost]", "localrepository = near", "remoterepository = far", "",
        "[Repository near]", "type = Maildir", `localfolders = ${near}`, "sep = /", "utime_from_header = yes", "",
        "[Repository far]", "type = IMAP", "remotehost = localhost", `remoteport = ${server.ports.imaps}`,
        `remoteuser = alice@${domain}`, `remotepass = ${password}`, "ssl = yes",
        `sslcacertfile = ${server.ready.ca}`, "auth_mechanisms = PLAIN", "expunge = yes", "idlefolders = []",
        "folderfilter = lambda name: name == 'INBOX' or name.startswith('Projects') or name.startswith('Near')",
      ]);
      imap = await openImap("alice");
      await imap.ok("CREATE Projects");
      await imap.ok("CREATE Projects/Gr&APYA3w-e");
      await appendAll(imap, "INBOX", names("m", 1, 60));
      await appendAll(imap, "Projects", names("p", 1, 20));
      await appendAll(imap, "Projects/Gr&APYA3w-e", ["deep"]);
      await imap.ok("SELECT INBOX");
      await imap.ok("STORE 1:20 +FLAGS.SILENT (\\Seen)");
      await imap.ok("STORE 11:30 +FLAGS.SILENT (\\Flagged \\Answered)");
    });
    after(() => imap?.close());

    const sync = async (): Promise<string> => {
      const args = ["-c", join(home, "offlineimaprc"), "-o", "-1"];
      const { stdout, stderr } = await mustRun("offlineimap", args, { env: { HOME: home } });
      const said = stdout + stderr;
      assert.doesNotMatch(said, /ERROR|Traceback/, said.slice(-3000));
      return said;
    };
    const nearName = (folder: string): string => join(near, folder.replace("Größe", "Gr&APYA3w-e"));
    const farName = (folder: string): string => folder.replace("Größe", "Gr&APYA3w-e");
    const same = async (count: number, all: readonly string[] = folders): Promise<void> => {
      let sum = 0;
      for (const folder of all) {
        const held: Held = inMailDir(nearName(folder));
        assert.deepEqual(held, await onServer(imap, farName(folder)), folder);
        sum += Object.keys(held).length;
      }
      assert.equal(sum, count);
    };

    test("everything comes down with its flags", async () => {
      await sync();
      await same(81);
    });

    test("flags, deletions, new messages and folders go both ways", async () => {
      await imap.ok("SELECT INBOX");
      await imap.ok("STORE 1:5 +FLAGS.SILENT (\\Flagged)");
      await imap.ok("STORE 6:8 -FLAGS.SILENT (\\Seen)");
      await imap.ok("STORE 50:60 +FLAGS.SILENT (\\Deleted)");
      await imap.ok("EXPUNGE");
      await appendAll(imap, "INBOX", names("far", 1, 3));
      const inbox = join(near, "INBOX");
      for (const part of ["cur", "new"]) {
        for (const name of readdirSync(join(inbox, part))) {
          const path = join(inbox, part, name);
          const number = Number(/^m(\d+)$/.exec(subjectOf(readFileSync(path)))?.[1] ?? 0);
          if (number >= 31 && number <= 35) renameSync(path, join(inbox, "cur", `${name.split(":2,")[0]}:2,FS`));
          if (number >= 36 && number <= 40) rmSync(path);
        }
      }
      writeFileSync(join(inbox, "new", "1770000001.near.client"), lines(sampleMail("near1")));
      for (const part of ["", "cur", "new", "tmp"]) mkdirSync(join(near, "NearMade", part));
      writeFileSync(join(near, "NearMade", "cur", "1770000002.near.client:2,S"), lines(sampleMail("near2")));
      await sync();
      const total = 81 - 11 + 3 - 5 + 1;
      await same(total + 1, [...folders, "NearMade"]);
      const held = await onServer(imap, "INBOX");
      assert.equal(held["m33"], "FS");
      assert.deepEqual(["m36", "m40", "m55", "near1", "far2"].map((name) => name in held),
        [false, false, false, true, true]);
    });

    test("a second run has nothing to do, and does nothing", async () => {
      const state = async (): Promise<unknown> => (await Promise.all([...folders, "NearMade"].map(async (folder) => (
        (await imap.ok(`STATUS ${farName(folder)} (MESSAGES UIDNEXT HIGHESTMODSEQ)`)).untagged.at(-1)!.text
      ))));
      const before = [await state(), files(near)];
      await sync();
      assert.deepEqual([await state(), files(near)], before);
    });
  });

  suite("neomutt", { skip: programMissing("neomutt") }, () => {
    let home: string;
    let imap: ImapClient;
    let config: string;

    before(async () => {
      home = homeFor(server, "neomutt");
      imap = await openImap("mutt");
      config = writePrivate(join(home, "muttrc"), [
        `set folder = "imaps://localhost:${server.ports.imaps}/"`, 'set spool_file = "+INBOX"',
        `set imap_user = "mutt@${domain}"`, `set imap_pass = "${password}"`, `set ssl_ca_certificates_file = ""`,
        `set certificate_file = "${server.ready.ca}"`, "set auto_tag = no",
        `set smtp_url = "smtps://mutt%40${domain}@localhost:${server.ports.submissions}/"`,
        `set smtp_pass = "${password}"`, `set from = "mutt@${domain}"`, 'set real_name = "Mutt Reader"',
        'set hostname = "localhost"', 'set record = "+Sent Items"', 'set postponed = "+Drafts"',
        `set header_cache = "${join(home, "cache")}"`, `set message_cachedir = "${join(home, "bodies")}"`,
        "set delete = yes", "set move = no", "set quit = yes", "set confirm_append = no", "set confirm_create = no",
        "set mark_old = no", "set wait_key = no", "set beep = no", "set abort_noattach = no", "set timeout = 5",
        "set sleep_time = 0", "set pager_stop = yes", "set imap_check_subscribed = no", "set mail_check = 5",
        "set sort = mailbox-order", "set resolve = no", "unset collapse_unread", 
        // With GNU SASL it takes SCRAM-SHA-256-PLUS by itself, has no channel binding for it, and gives up.
        'set smtp_authenticators = "plain"', `set editor = "${join(home, "editor")}"`, "set fast_reply = yes",
        "set include = no", "set edit_headers = no", 'set send_charset = "us-ascii:utf-8"',
      ]);
    });
    after(() => imap?.close());

    /** Plays keys on a terminal that `script` makes. */
    const play = async (keys: string): Promise<void> => {
      const command = `neomutt -n -F '${config}' -e 'push "${keys}"'`;
      await mustRun("script", ["-qec", command, "/dev/null"], { env: { HOME: home, TERM: "xterm", LINES: "40" } });
    };

    test("reads, flags, files and deletes", async () => {
      await appendAll(imap, "INBOX", ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot"]);
      await imap.ok("CREATE Projects");
      await play("<search>~s alpha<enter><flag-message><search>~s bravo<enter><save-message>=Projects<enter>" +
        "<search>~s charlie<enter><delete-message><search>~s delta<enter><display-message><exit>" +
        "<search>~s echo<enter><copy-message>=Made<enter><sync-mailbox><quit>");
      assert.deepEqual(await onServer(imap, "INBOX"), { alpha: "F", delta: "S", echo: "", foxtrot: "" });
      assert.deepEqual(subjectsIn(await onServer(imap, "Projects")), ["bravo"]);
      assert.deepEqual(subjectsIn(await onServer(imap, "Made")), ["echo"]);
    });

    test("acts on what it tags by a pattern, with its cache of headers", async () => {
      // What changed since comes by CONDSTORE and QRESYNC into its cache.
      await appendAll(imap, "INBOX", ["golf", "hotel"]);
      await play("<tag-pattern>~s golf|~s hotel<enter><tag-prefix><save-message>=Projects<enter>" +
        "<change-folder>=Projects<enter><tag-pattern>~A<enter><tag-prefix><flag-message><sync-mailbox><quit>");
      assert.deepEqual(subjectsIn(await onServer(imap, "INBOX")), ["alpha", "delta", "echo", "foxtrot"]);
      const held = await onServer(imap, "Projects");
      assert.deepEqual(subjectsIn(held), ["bravo", "golf", "hotel"]);
      assert.ok(Object.values(held).every((flags) => flags.includes("F")), JSON.stringify(held));
    });

    test("searches on the server", async () => {
      await imap.append("INBOX", sampleMail("needle", "A haystack with rhubarb in it.\r\n"));
      await play("<limit>=b rhubarb<enter><tag-pattern>~A<enter><tag-prefix><save-message>=Found<enter>" +
        "<sync-mailbox><quit>");
      assert.deepEqual(subjectsIn(await onServer(imap, "Found")), ["needle"]);
    });

    test("answers with an attachment by submission, and keeps a copy", async (t) => {
      writeFileSync(join(home, "editor"), "#!/bin/sh\necho 'Hello Bob, äöü.' >> \"$1\"\n", { mode: 0o755 });
      const file = join(home, "notes.txt");
      writeFileSync(file, "Attached äöü.\n");
      await imap.append("INBOX", Buffer.from(`From: <bob@${domain}>\r\nTo: <mutt@${domain}>\r\n` +
        "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <question@bob>\r\n\r\nA question.\r\n"));
      await play(`<search>~f bob<enter><reply><attach-file>${file}<enter><send-message><sync-mailbox><quit>`);
      const bob = await openImap("bob");
      t.after(() => bob.close());
      const came = (await firstOf(bob, "INBOX")).toString();
      assert.match(came, /^Subject: Re: =\?utf-8\?\S+\?=/im);
      assert.match(came, /^In-Reply-To: <question@bob>/m);
      assert.match(came, /^Hello Bob, (?:äöü|=C3=A4=C3=B6=C3=BC)\./m);
      assert.match(came, /filename="?notes\.txt/);
      const question = (await onServer(imap, "INBOX"))["=?utf-8?Q?Gr=C3=BC=C3=9Fe?="];
      assert.match(question ?? "", /R/, "it is answered");
      assert.match((await firstOf(imap, "Sent Items")).toString(), /^In-Reply-To: <question@bob>/m);
      assert.ok(Object.values(await onServer(imap, "Sent Items"))[0]!.includes("S"));
    });

    test("sends in batch", async (t) => {
      await mustRun("neomutt", ["-n", "-F", config, "-s", "batch", "--", `alice@${domain}`],
        { input: "Hello Alice.\n", env: { HOME: home, TERM: "xterm" } });
      const alice = await openImap("alice");
      t.after(() => alice.close());
      await alice.ok("SELECT INBOX");
      assert.match((await firstOf(alice, "INBOX", "SUBJECT batch")).toString(), /Hello Alice\./);
    });
  });

  test("the server found nothing wrong with any of it", () => {
    assert.deepEqual(server.errors(), []);
  });
});

/** The bytes of the first message of a folder that fits, waited for by IDLE. */
async function firstOf(client: ImapClient, folder: string, what = "ALL"): Promise<Buffer> {
  await client.ok(`SELECT "${folder}"`);
  for (;;) {
    const { untagged } = await client.ok(`UID SEARCH ${what}`);
    const uid = untagged.map(({ text }) => /^\* SEARCH (\d+)/.exec(text)?.[1]).find((one) => one !== undefined);
    if (uid !== undefined) {
      const answer = await client.ok(`UID FETCH ${uid} BODY.PEEK[]`);
      return answer.untagged.find(({ literals }) => literals.length > 0)!.literals[0]!;
    }
    const waiting = await client.idle();
    await waiting.next(/ EXISTS/);
    await waiting.done();
  }
}

/** As a Maildir has it. */
function lines(bytes: Buffer): string {
  return bytes.toString().replaceAll("\r\n", "\n");
}

function files(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).sort();
}
