/**
 * Proves that scripts built on other people's IMAP libraries run whole: Python's `imaplib` and Perl's `Mail::IMAPTalk`.
 * The scripts judge every answer themselves (`mail-programs/`); what the server holds afterwards is compared here.
 */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { ImapClient } from "./support/imap-client.ts";
import { mustRun, onServer } from "./support/mail-programs.ts";
import { programMissing } from "./support/programs.ts";
import { TestServer, domain, password, projectRoot } from "./support/server.ts";

suite("scripts that speak IMAP", () => {
  let server: TestServer;
  before(async () => { server = await TestServer.start({ users: ["alice", "perl", "bob"] }); });
  after(() => server.dispose());

  const play = async (program: string, script: string, user: string): Promise<ImapClient> => {
    const path = join(projectRoot, "test", "mail-programs", script);
    const args = [path, String(server.ports.imaps), server.ready.ca, `${user}@${domain}`, password];
    assert.equal((await mustRun(program, args)).stdout, "done\n");
    return await ImapClient.signedIn(server.at("imaps"), `${user}@${domain}`, password);
  };

  test("Python's imaplib", { skip: programMissing("python3") }, async (t) => {
    const imap = await play("python3", "imaplib-cycle.py", "alice");
    t.after(() => imap.close());
    assert.deepEqual(await onServer(imap, "INBOX"), { s1: "FWork", s4: "S", s5: "S", s6: "", s7: "S", s8: "" });
    assert.deepEqual(await onServer(imap, "Year 2026"), { large: "F", s0: "FWork", s1: "FWork", s9: "S" });
  });

  test("Perl's Mail::IMAPTalk", { skip: perlModuleMissing("Mail::IMAPTalk", "libmail-imaptalk-perl") }, async (t) => {
    const imap = await play("perl", "imaptalk-cycle.pl", "perl");
    t.after(() => imap.close());
    assert.deepEqual(await onServer(imap, "INBOX"), { "Re: odd": "", alpha: "" });
    assert.deepEqual(await onServer(imap, "Talk"), { odd: "RWork", large: "FRWork" });
  });

  test("the server found nothing wrong with any of it", () => {
    assert.deepEqual(server.errors(), []);
  });
});

/** As `programMissing`, for a module of Perl. */
function perlModuleMissing(module: string, debianPackage: string): string | false {
  if (process.env["OUTPOST_EXPECT_CLIENTS"] === "1") return false;
  const found = spawnSync("perl", [`-M${module}`, "-e", "1"], { stdio: "ignore" }).status === 0;
  return found ? false : `needs ${module}, Debian package ${debianPackage}`;
}
