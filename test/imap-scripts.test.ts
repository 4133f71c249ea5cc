/**
 * Every conversation in `test/imap/*.script` held with a whole Outpost over TLS, and the same with Dovecot where it is
 * installed: what a case expects is what the documents say, not what we happen to answer. Cases that a server cannot
 * pass are left out by name.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { dovecotMissing, startDovecot } from "./support/dovecot.ts";
import { parseScript, runCase } from "./support/imap-script.ts";
import type { ScriptTarget } from "./support/imap-script.ts";
import { TestServer, password, projectRoot } from "./support/server.ts";

const folder = join(projectRoot, "test", "imap");
const files = readdirSync(folder).filter((name) => name.endsWith(".script")).sort();

function onAll(target: () => ScriptTarget): void {
  for (const file of files) {
    for (const one of parseScript(readFileSync(join(folder, file), "utf8"))) {
      test(`${file.slice(0, -7)}: ${one.name}`, { timeout: 30_000 }, async (context) => {
        // What a server has not got does not apply to it: said, but nothing that was skipped.
        const reason = await runCase(target(), one);
        if (reason !== undefined) context.diagnostic(`left out: ${reason}`);
      });
    }
  }
}

describe("Outpost", () => {
  let server: TestServer;
  before(async () => { server = await TestServer.start({ users: ["alice", "bob"], config: { logLevel: "warn" } }); });
  after(() => server.dispose());
  onAll(() => ({
    name: "Outpost", address: { port: server.ports.imaps, tls: true },
    people: ["alice@example.test", "bob@example.test"], password,
  }));
});

if (dovecotMissing() === null) describe("Dovecot", () => {
  let server: Awaited<ReturnType<typeof startDovecot>>;
  before(async () => { server = await startDovecot(["alice", "bob"], password); });
  after(() => server[Symbol.asyncDispose]());
  onAll(() => ({ name: "Dovecot", address: { port: server.port }, people: ["alice", "bob"], password }));
});
