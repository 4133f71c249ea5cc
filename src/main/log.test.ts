/** The JSON log: one line each, secrets cut out wherever they stand, errors told, sizes bounded, the level kept. */
import assert from "node:assert/strict";
import { readFileSync, renameSync, existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { cleanFields, makeLog } from "#main/log.ts";
import { temporaryFolder, until } from "../../test/support/real-ctx.ts";

test("lines in a file, with fields of the child, above the level only", async (t) => {
  const file = join(temporaryFolder(t), "log");
  const log = makeLog({ file, level: "info" });
  const child = log.child({ connection: "a-1" });
  child.debug({}, "not this");
  child.info({ user: "alice", password: "pw-in-the-clear" }, "signed in");
  child.error({ error: new Fault("notFound", "gone") }, "failed");
  await until(() => existsSync(file) && readFileSync(file, "utf8").trimEnd().split("\n").length === 2, "lines");
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(first!["level"], "info");
  assert.equal(first!["message"], "signed in");
  assert.equal(first!["connection"], "a-1");
  assert.equal(first!["password"], "[cut]");
  assert.match(String(first!["time"]), /^\d{4}-\d\d-\d\dT.*Z$/);
  const error = { ...second!["error"] as object, stack: "" };
  assert.deepEqual(error, { name: "Fault", message: "gone", code: "notFound", stack: "" });
  renameSync(file, `${file}.1`);
  log.reopen();
  await until(() => existsSync(file), "opened again");
  log.info({}, "after");
  await until(() => readFileSync(file, "utf8").includes("after"), "line");
});

const rows: [name: string, fields: Record<string, unknown>, expected: Record<string, unknown>][] = [
  ["plain", { a: 1, b: "x", c: null, d: true }, { a: 1, b: "x", c: null, d: true }],
  ["names of secrets", { Password: "x", clientSecret: "x", Authorization: "x", accessToken: "x", passwd: "x" },
    { Password: "[cut]", clientSecret: "[cut]", Authorization: "[cut]", accessToken: "[cut]", passwd: "[cut]" }],
  ["deeper", { request: { headers: [{ authorization: "x", host: "h" }] } },
    { request: { headers: [{ authorization: "[cut]", host: "h" }] } }],
  ["bytes", { body: Buffer.from("text") }, { body: "[4 bytes]" }],
  ["bigint", { id: 12n }, { id: "12" }],
  ["functions", { f: () => 1 }, { f: undefined }],
  ["too deep", { a: { a: { a: { a: { a: { a: 1 } } } } } }, { a: { a: { a: { a: { a: "[…]" } } } } }],
  ["too long", { a: "x".repeat(3000) }, { a: `${"x".repeat(2000)}…` }],
];

test("fields are cleaned", () => {
  for (const [name, fields, expected] of rows) assert.deepEqual(cleanFields(fields), expected, name);
  const ring: Record<string, unknown> = {};
  ring["self"] = ring;
  assert.equal(typeof JSON.stringify(cleanFields(ring)), "string");
});
