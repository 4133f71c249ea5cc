// Proves: bin/outpost runs under this Node and under an older one of the machine, also when the package lies below
// node_modules; exit statuses come through; the demo starts, says ready, sees changes made beside it, and stops
// cleanly on a signal. By running it as a child.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const folder = mkdtempSync(join(tmpdir(), "outpost-bin-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A Node of the machine that is not ours and at least 20; null when there is none. */
function otherNode(): string | null {
  for (const place of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(place, "node");
    if (place.includes("node_modules") || !existsSync(path)) continue;
    const found = spawnSync(path, ["--version"], { encoding: "utf8" }).stdout ?? "";
    const major = Number(/^v(\d+)/.exec(found)?.[1] ?? 0);
    if (major >= 20 && major < 26) return path;
  }
  return null;
}

function outpost(node: string, bin: string, ...words: string[]): { status: number | null; out: string; error: string } {
  const result = spawnSync(node, [bin, ...words], { encoding: "utf8", timeout: 30_000 });
  return { status: result.status, out: result.stdout, error: result.stderr };
}

/** The package as npm would put it: a copy below node_modules, with its dependencies beside it. */
function installedCopy(): string {
  const target = join(folder, "lib", "node_modules", "outpost");
  mkdirSync(target, { recursive: true });
  for (const name of ["bin", "src", "package.json"]) cpSync(join(root, name), join(target, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(target, "node_modules"));
  return join(target, "bin", "outpost");
}

const installed = installedCopy();
const direct = join(root, "bin", "outpost");
const other = otherNode();
const places: [string, string, string | null][] = [
  ["this Node, a clone", direct, process.execPath], ["this Node, installed", installed, process.execPath],
  ["an older Node, a clone", direct, other], ["an older Node, installed", installed, other],
];
/** A start costs most of a second, so the ends of the list stand for the others. */
const wholly = [places[0], places.at(-1)];

for (const place of places) {
  const [name, bin, node] = place;
  test(`exit statuses and output: ${name}`, { skip: node === null && "no older Node on this machine" }, () => {
    const version = outpost(node!, bin, "--version");
    assert.deepEqual([version.status, version.error], [0, ""]);
    assert.match(version.out, /^outpost \d+\.\d+\.\d+ \(Node v26/);
    if (!wholly.includes(place)) return;
    const refused = outpost(node!, bin, "user", "list", "--data", join(folder, "nothing"));
    assert.equal(refused.status, 1);
    assert.match(refused.error, /^outpost: There is no Outpost data in [^\n]+\.\n$/);
    const wrong = outpost(node!, bin, "frobnicate");
    assert.equal(wrong.status, 2);
    assert.equal(wrong.out, "");
  });
}

test("it is an executable file", { skip: process.platform === "win32" && "not on Windows" }, () => {
  assert.match(execFileSync(direct, ["--version"], { encoding: "utf8" }), /^outpost /);
});

/** Ports of their own for each start, below those the system gives out. */
let portBase = 20_000 + (process.pid % 80) * 100;

async function startDemo(node: string, bin: string, data: string): Promise<{ child: ChildProcess; out: string; ready: any }> {
  const readyFile = join(data, "..", `ready-${portBase}.json`);
  const child = spawn(node, [bin, "demo", "--data", data, "--port-base", String(portBase), "--ready-file", readyFile], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  portBase += 1100;
  let out = "";
  child.stdout!.setEncoding("utf8");
  for await (const chunk of child.stdout!) {
    out += chunk as string;
    if (/^ready$/m.test(out)) break;
  }
  return { child, out, ready: JSON.parse(readFileSync(readyFile, "utf8")) };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<[number | null, NodeJS.Signals | null]> {
  const ended = once(child, "exit");
  child.kill(signal);
  return await ended as [number | null, NodeJS.Signals | null];
}

/** Signs in over POP3 in the clear is refused, so this only asks for the greeting. */
async function greeting(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  const [chunk] = await once(socket, "data") as [Buffer];
  socket.destroy();
  return chunk.toString("latin1");
}

const demos: [string, string, string | null, NodeJS.Signals][] = [
  ["a clone, SIGINT", direct, process.execPath, "SIGINT"],
  ["installed, under an older Node, SIGTERM", installed, other ?? process.execPath, "SIGTERM"],
];
for (const [index, [name, bin, node, signal]] of demos.entries()) {
  test(`the demo: ${name}`, async () => {
    const data = join(folder, `demo${index}`);
    const { child, out, ready } = await startDemo(node!, bin, data);
    try {
      assert.match(out, /alice@example\.test .*secret/);
      assert.match(await greeting(ready.ports.imap), /^\* OK/);
      // The second one proves start and stop in another place; the rest is the same.
      if (index > 0) return;
      const added = outpost(process.execPath, direct, "user", "add", "dora@example.test", "--password", "x", "--data", data);
      assert.equal(added.status, 0, added.error);
      const kinds = JSON.parse(outpost(process.execPath, direct, "user", "list", "--json", "--data", data).out) as { address: string }[];
      assert.deepEqual(kinds.map((row) => row.address), ["alice", "bob", "carol", "dora"].map((local) => `${local}@example.test`));
      const shared = JSON.parse(outpost(process.execPath, direct, "shared", "list", "--json", "--data", data).out) as { address: string }[];
      assert.deepEqual(shared.map((row) => row.address), ["info@example.test"]);
    } finally {
      assert.deepEqual(await stop(child, signal), [0, null]);
    }
    assert.equal(existsSync(join(data, "hints.sock")), false, "nothing is left that says a server runs");
  });
}

test("an older Node that is killed takes the server along", { skip: other === null && "no older Node on this machine" }, async () => {
  const { child, ready } = await startDemo(other!, direct, join(folder, "killed"));
  assert.notEqual(ready.pid, child.pid);
  await stop(child, "SIGKILL");
  const begun = Date.now();
  const isAlive = (): boolean => {
    try {
      process.kill(ready.pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  while (isAlive() && Date.now() - begun < 12_000) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(isAlive(), false);
});
