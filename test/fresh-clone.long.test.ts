/**
 * Proves the README's first screen: on a clone without `node_modules`, `npm start` installs what is missing, prints the
 * table of endpoints and `ready`, answers on its ports and ends cleanly by Ctrl-C. (That `npm test` passes on such a
 * clone is what `.ci/run` shows: it runs in one.) The clone holds what the repository would: files git knows or would
 * add. Needs the npm registry.
 */
import { strict as assert } from "node:assert";
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { ImapClient } from "./support/imap-client.ts";
import { corpusFolder } from "./support/corpus.ts";
import { until } from "./support/real-ctx.ts";
import { freePortBase, projectRoot } from "./support/server.ts";

const git = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"],
  { cwd: projectRoot, encoding: "utf8" });
const skip = git.status === 0 ? false : "needs git and a repository";

function cloneInto(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "outpost-clone-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const path of git.stdout.split("\0").filter((name) => name !== "" && existsSync(join(projectRoot, name)))) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    copyFileSync(join(projectRoot, path), join(folder, path));
  }
  return folder;
}

/** As a person's shell has it: nothing of this test run's own Node or npm settings. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_|^OUTPOST_/i.test(name));
  const path = (process.env["PATH"] ?? "").split(":").filter((part) => !part.includes("node_modules")).join(":");
  return { ...Object.fromEntries(kept), PATH: path, OUTPOST_CORPUS: corpusFolder };
}

test("npm start on a fresh clone reaches ready", { skip, timeout: 600_000 }, async (t) => {
  const folder = cloneInto(t);
  const base = await freePortBase();
  const child = spawn("npm", ["start", "--", "--port-base", String(base)], {
    cwd: folder, env: plainEnvironment(), stdio: ["ignore", "pipe", "pipe"], detached: true,
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => { output += chunk.toString(); });
  child.stderr.on("data", (chunk: Buffer) => { output += chunk.toString(); });
  let ended = false;
  const end = new Promise<number | null>((resolve) => child.once("close", (code) => {
    ended = true;
    resolve(code);
  }));
  const group = -child.pid!;
  t.after(() => {
    if (!ended) process.kill(group, "SIGKILL");
  });
  await until(() => /^ready$/m.test(output) || ended, "ready", 500_000);
  assert.match(output, /^ready$/m, output);
  for (const word of [String(base + 993), String(base + 587), "alice@example.test", "bob@example.test",
    "carol@example.test", "secret"]) {
    assert.ok(output.includes(word), `${word} is not told: ${output}`);
  }
  const client = await ImapClient.signedIn({ port: base + 993, tls: true }, "alice", "secret");
  await client.ok("SELECT INBOX");
  client.close();
  const health = await fetch(`http://127.0.0.1:${base + 80}/healthz`);
  assert.equal(health.status, 200);
  // As a terminal does on Ctrl-C: the signal goes to the whole group.
  process.kill(group, "SIGINT");
  await end;
  assert.doesNotMatch(output, /Error:|at .*\.ts:\d+/, output);
});
