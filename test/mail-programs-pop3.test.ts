/**
 * Proves that programs of other people that fetch by POP3 (and fetchmail by IMAP too) go through whole cycles: they
 * fetch each message once, keep it on the server or not, remember it by its unique-id over days, moves and restarts,
 * and delete it when they mean to. What they hold is compared byte for byte, and what the server holds by IMAP.
 */
import { strict as assert } from "node:assert";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { ImapClient } from "./support/imap-client.ts";
import {
  appendAll, deliveryScript, homeFor, inFiles, inMailDir, mustRun, onServer, sampleMail, subjectOf, subjectsIn,
  writePrivate,
} from "./support/mail-programs.ts";
import { Pop3Client } from "./support/pop3-client.ts";
import { programMissing } from "./support/programs.ts";
import { TestServer, domain, password } from "./support/server.ts";

const users = ["alice", "fetch", "mpop", "getmail"];

suite("programs that fetch by POP3", () => {
  let server: TestServer;
  before(async () => { server = await TestServer.start({ users }); });
  after(() => server.dispose());

  const openImap = async (user: string): Promise<ImapClient> => (
    await ImapClient.signedIn(server.at("imaps"), `${user}@${domain}`, password)
  );
  const openPop3 = async (user: string): Promise<Pop3Client> => (
    await Pop3Client.signedIn(server.at("pop3s"), `${user}@${domain}`, password)
  );
  /** Unique-id by subject, as a program sees it that looks at headers only. */
  const uniqueIds = async (user: string): Promise<Map<string, string>> => {
    const pop3 = await openPop3(user);
    const found = new Map<string, string>();
    for (const line of await pop3.lines("UIDL")) {
      const [number, uniqueId = ""] = line.toString().split(" ");
      const head = Buffer.concat((await pop3.lines(`TOP ${number} 0`)).map((each) => Buffer.from(`${each}\r\n`)));
      found.set(subjectOf(head), uniqueId);
    }
    await pop3.ok("QUIT");
    pop3.close();
    return found;
  };

  test("a unique-id stays through reading, moving away and back, editing flags, and a restart", async (t) => {
    const imap = await openImap("alice");
    t.after(() => imap.close());
    await appendAll(imap, "INBOX", ["one", "two", "three", "four"]);
    await imap.ok("CREATE Aside");
    const first = await uniqueIds("alice");
    assert.equal(new Set(first.values()).size, 4);
    for (const uniqueId of first.values()) assert.match(uniqueId, /^[\x21-\x7e]{1,70}$/);
    await imap.ok("SELECT INBOX");
    await imap.ok("STORE 1 +FLAGS (\\Seen \\Flagged Later)");
    await imap.ok("MOVE 1:2 Aside");
    assert.deepEqual([...(await uniqueIds("alice")).keys()].sort(), ["four", "three"]);
    await imap.ok("SELECT Aside");
    await imap.ok("MOVE 1:2 INBOX");
    await imap.ok("SELECT INBOX");
    await imap.ok("COPY 1 INBOX");
    const pop3 = await openPop3("alice");
    const listed = (await pop3.lines("UIDL")).map((line) => line.toString().split(" ")[1]!);
    assert.equal(new Set(listed).size, 5, "a copy has its own");
    pop3.close();
    await imap.ok("STORE 5 +FLAGS.SILENT (\\Deleted)");
    await imap.ok("EXPUNGE");
    await server.restart();
    const again = await uniqueIds("alice");
    assert.deepEqual([...again].sort(), [...first].sort());
  });

  test("days of a program that keeps mail on the server, as Outlook does", async (t) => {
    const imap = await openImap("alice");
    t.after(() => imap.close());
    // What it remembers between its sessions, and what it has.
    const remembered = new Set<string>();
    const has: string[] = [];
    const fetchNew = async (deleteToo: readonly string[]): Promise<number> => {
      const pop3 = await openPop3("alice");
      let count = 0;
      await pop3.ok("STAT");
      for (const line of await pop3.lines("UIDL")) {
        const [number, uniqueId = ""] = line.toString().split(" ");
        if (!remembered.has(uniqueId)) {
          has.push(subjectOf(await pop3.retrieve(Number(number))));
          remembered.add(uniqueId);
          count++;
        }
        if (deleteToo.includes(uniqueId)) await pop3.ok(`DELE ${number}`);
      }
      await pop3.ok("QUIT");
      pop3.close();
      return count;
    };
    assert.equal(await fetchNew([]), 4);
    assert.equal(await fetchNew([]), 0);
    assert.deepEqual(Object.values(await onServer(imap, "INBOX")).map((flags) => flags.includes("S")),
      [true, true, true, true]);
    await appendAll(imap, "INBOX", ["five"]);
    assert.equal(await fetchNew([]), 1);
    assert.deepEqual([...has].sort(), ["five", "four", "one", "three", "two"]);
    const old = await uniqueIds("alice");
    assert.equal(await fetchNew([old.get("one")!, old.get("two")!]), 0);
    assert.deepEqual(subjectsIn(await onServer(imap, "INBOX")), ["five", "four", "three"]);
    // Nothing goes when the connection ends without QUIT.
    const lost = await openPop3("alice");
    await lost.ok("DELE 1");
    lost.close();
    assert.equal(await fetchNew([]), 0);
    assert.deepEqual(subjectsIn(await onServer(imap, "INBOX")), ["five", "four", "three"]);
  });

  test("CAPA tells the term of the inbox", async () => {
    const told = async (): Promise<string[]> => {
      const pop3 = await openPop3("alice");
      const lines = (await pop3.lines("CAPA")).map(String);
      await pop3.ok("QUIT");
      pop3.close();
      return lines.filter((line) => /^(?:EXPIRE|LOGIN-DELAY)/.test(line));
    };
    assert.deepEqual(await told(), ["EXPIRE NEVER"]);
    await server.must(["retention", "set", `alice@${domain}`, "Inbox", "--days", "30"]);
    assert.deepEqual(await told(), ["EXPIRE 30"]);
    await server.must(["user", "set", `alice@${domain}`, "pop3-marks-read=off"]);
    const imap = await openImap("alice");
    await imap.ok("SELECT INBOX");
    await imap.ok("STORE 1:* -FLAGS (\\Seen)");
    const pop3 = await openPop3("alice");
    await pop3.retrieve(1);
    await pop3.ok("QUIT");
    pop3.close();
    assert.ok(Object.values(await onServer(imap, "INBOX")).every((flags) => !flags.includes("S")));
    imap.close();
  });

  suite("fetchmail", { skip: programMissing("fetchmail") }, () => {
    let home: string;
    let delivered: string;
    let script: string;
    let imap: ImapClient;
    before(async () => {
      home = homeFor(server, "fetchmail");
      ({ script, folder: delivered } = deliveryScript(home));
      imap = await openImap("fetch");
    });
    after(() => imap?.close());

    /** How many messages it fetched. */
    const poll = async (protocol: "POP3" | "IMAP", keep: "keep" | "nokeep", options = ""): Promise<number> => {
      const port = server.ports[protocol === "POP3" ? "pop3s" : "imaps"];
      const config = writePrivate(join(home, "fetchmailrc"), [
        `poll localhost service ${port} protocol ${protocol} ${protocol === "POP3" ? "uidl" : ""}`,
        `  user "fetch@${domain}" there with password "${password}"`,
        `  ssl sslcertck sslcertfile "${server.ready.ca}" ${keep} ${options}`, `  mda "${script}"`,
      ]);
      const before = inFiles(delivered).length;
      const args = ["--fetchmailrc", config, "--idfile", join(home, "ids"), "--nosyslog", "--nodetach", "-v"];
      // 1: there was nothing to fetch.
      const { code } = await mustRun("fetchmail", args, { env: { FETCHMAILHOME: home, HOME: home }, codes: [0, 1] });
      const count = inFiles(delivered).length - before;
      assert.equal(code, count > 0 ? 0 : 1);
      return count;
    };

    test("keeps by POP3, remembers, then deletes", async () => {
      await appendAll(imap, "INBOX", ["f1", "f2", "f3"]);
      assert.equal(await poll("POP3", "keep"), 3);
      assert.equal(await poll("POP3", "keep"), 0);
      await appendAll(imap, "INBOX", ["f4"]);
      assert.equal(await poll("POP3", "keep"), 1);
      // What it keeps it fetches by TOP with more lines than there are, so that it stays unread.
      assert.deepEqual(await onServer(imap, "INBOX"), { f1: "", f2: "", f3: "", f4: "" });
      for (const bytes of inFiles(delivered)) {
        const text = bytes.toString("latin1").replaceAll("\r\n", "\n");
        const wanted = sampleMail(subjectOf(bytes)).toString("latin1").replaceAll("\r\n", "\n");
        // It puts its own Received in front and ends files as it likes; what came is inside.
        assert.ok(text.includes(wanted.slice(wanted.indexOf("\n\n")).trimEnd()), text);
      }
      await appendAll(imap, "INBOX", ["f5"]);
      assert.equal(await poll("POP3", "nokeep"), 1);
      assert.deepEqual(subjectsIn(await onServer(imap, "INBOX")), ["f1", "f2", "f3", "f4"]);
      assert.equal(await poll("POP3", "nokeep", "flush"), 0);
      assert.deepEqual(await onServer(imap, "INBOX"), {});
    });

    test("keeps and deletes by IMAP", async () => {
      await appendAll(imap, "INBOX", ["i1", "i2", "i3"]);
      await imap.ok("SELECT INBOX");
      await imap.ok("STORE 2 +FLAGS (\\Seen)");
      assert.equal(await poll("IMAP", "keep"), 2, "only what is unread");
      assert.deepEqual(await onServer(imap, "INBOX"), { i1: "S", i2: "S", i3: "S" });
      assert.equal(await poll("IMAP", "keep"), 0);
      assert.equal(await poll("IMAP", "nokeep", "fetchall"), 3);
      assert.deepEqual(await onServer(imap, "INBOX"), {});
    });
  });

  suite("mpop", { skip: programMissing("mpop") }, () => {
    test("remembers what it has, over STLS and TLS, then deletes", async (t) => {
      const home = homeFor(server, "mpop");
      const mail = join(home, "mail");
      for (const part of ["", "cur", "new", "tmp"]) mkdirSync(join(mail, part));
      const config = writePrivate(join(home, "mpoprc"), [
        "defaults", "auth on", `user mpop@${domain}`, `password ${password}`, "tls on",
        `tls_trust_file ${server.ready.ca}`, `delivery maildir ${mail}`, `uidls_file ${join(home, "uidls")}`,
        "account tls", "host localhost", `port ${server.ports.pop3s}`, "tls_starttls off",
        "account stls", "host localhost", `port ${server.ports.pop3}`, "tls_starttls on",
      ]);
      const imap = await openImap("mpop");
      t.after(() => imap.close());
      const fetch = async (account: string, ...options: string[]): Promise<void> => {
        await mustRun("mpop", ["--file", config, ...options, account], { env: { HOME: home } });
      };
      await appendAll(imap, "INBOX", ["p1", "p2", "p3"]);
      await fetch("tls", "--keep=on");
      assert.deepEqual(subjectsIn(inMailDir(mail)), ["p1", "p2", "p3"]);
      await appendAll(imap, "INBOX", ["p4"]);
      // It pipelines when CAPA says so; inMailDir fails on anything that came twice.
      await fetch("tls", "--keep=on", "--pipelining=on");
      await fetch("tls", "--keep=on", "--pipelining=off");
      assert.deepEqual(subjectsIn(inMailDir(mail)), ["p1", "p2", "p3", "p4"]);
      assert.deepEqual(subjectsIn(await onServer(imap, "INBOX")), ["p1", "p2", "p3", "p4"]);
      await fetch("tls", "--keep=off");
      assert.deepEqual(await onServer(imap, "INBOX"), {});
      await appendAll(imap, "INBOX", ["p5"]);
      await fetch("stls", "--keep=off");
      assert.deepEqual(await onServer(imap, "INBOX"), {});
      assert.deepEqual(subjectsIn(inMailDir(mail)), ["p1", "p2", "p3", "p4", "p5"]);
      const { stdout } = await mustRun("mpop", ["--file", config, "--serverinfo", "tls"], { env: { HOME: home } });
      assert.match(stdout, /PIPELINING/);
    });
  });

  suite("getmail", { skip: programMissing("getmail", "getmail6") }, () => {
    test("remembers what it has, and deletes after days", async (t) => {
      const home = homeFor(server, "getmail");
      const { script, folder } = deliveryScript(home);
      const has = (): string[] => inFiles(folder).map(subjectOf).sort();
      const imap = await openImap("getmail");
      t.after(() => imap.close());
      const fetch = async (...options: string[]): Promise<void> => {
        const config = writePrivate(join(home, "getmailrc"), [
          "[retriever]", "type = SimplePOP3SSLRetriever", "server = localhost", `port = ${server.ports.pop3s}`,
          `username = getmail@${domain}`, `password = ${password}`, `ca_certs = ${server.ready.ca}`,
          "[destination]", "type = MDA_external", `path = ${script}`, "allow_root_commands = true",
          "[options]", "verbose = 2", "delivered_to = false", "received = false", ...options,
        ]);
        await mustRun("getmail", ["--getmaildir", home, "--rcfile", config], { env: { HOME: home } });
      };
      await appendAll(imap, "INBOX", ["g1", "g2", "g3"]);
      await fetch("read_all = false", "delete_after = 14");
      await fetch("read_all = false", "delete_after = 14");
      assert.deepEqual(has(), ["g1", "g2", "g3"]);
      assert.deepEqual(subjectsIn(await onServer(imap, "INBOX")), ["g1", "g2", "g3"]);
      // Its own file says when it saw what; fifteen days pass by for what it has.
      const seen = readdirSync(home).filter((name) => name.startsWith("oldmail-"));
      assert.equal(seen.length, 1);
      const path = join(home, seen[0]!);
      const aged = readFileSync(path, "latin1").replace(/\0(\d+)/g, (_, at: string) => `\0${Number(at) - 15 * 86_400}`);
      writeFileSync(path, aged, "latin1");
      await appendAll(imap, "INBOX", ["g4"]);
      await fetch("read_all = false", "delete_after = 14");
      assert.deepEqual(has(), ["g1", "g2", "g3", "g4"]);
      assert.deepEqual(subjectsIn(await onServer(imap, "INBOX")), ["g4"]);
      await fetch("read_all = false", "delete = true");
      assert.deepEqual(await onServer(imap, "INBOX"), {});
      assert.ok(existsSync(path));
    });
  });

  test("the server found nothing wrong with any of it", () => {
    assert.deepEqual(server.errors(), []);
  });
});
