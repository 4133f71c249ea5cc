// Proves: command lines are read as written, wrong ones are refused with a hint and status 2, and every row of the
// table of commands is complete and documented; by tables.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "#admin/assignments.ts";
import { parseSize } from "#admin/sizes.ts";
import { commandHelp, overview } from "#main/cli/help.ts";
import { parseCommandLine } from "#main/cli/parse.ts";
import { commands } from "#main/cli/table.ts";

const good: [string, string][] = [
  ["user add a@x.test --name A --alias b@x.test --alias=c@x.test", "user add [a@x.test] name=A alias=b@x.test,c@x.test"],
  ["user --json list", "user list [] json="],
  ["user set a@x.test title=x --quota 5G", "user set [a@x.test title=x] quota=5G"],
  ["backup /tmp/x --data /srv", "backup [/tmp/x] data=/srv"],
  ["contact add -- --odd@x.test", "contact add [--odd@x.test]"],
  ["user", "usage"], ["help", "help null"], ["", "help null"], ["--help", "help null"], ["help user add", "help user add"],
  ["user add --help", "help user add"], ["user --help", "help user"], ["user help", "help user"], ["--version", "version"],
];

test("what was written", () => {
  for (const [line, expected] of good) {
    const words = line === "" ? [] : line.split(" ");
    if (expected === "usage") {
      assert.throws(() => parseCommandLine(words, commands), { name: "UsageError" }, line);
      continue;
    }
    const request = parseCommandLine(words, commands);
    const shown = request.kind === "help" ? `help ${request.topic}` : request.kind === "version" ? "version"
      : `${request.parsed.command.name} [${request.parsed.operands.join(" ")}]`
        + [...request.parsed.flags].map(([name, values]) => ` ${name}=${values.join(",")}`).join("");
    assert.equal(shown, expected, line);
  }
});

const bad: [string, RegExp][] = [
  ["usr list", /did you mean "outpost user"/], ["user lst", /did you mean "outpost user list"/],
  ["frobnicate", /no command "frobnicate"; "outpost help"/], ["user frobnicate", /outpost help/],
  ["user add", /Something is missing: outpost user add ADDR/], ["user list extra", /one word too many/],
  ["user list --colour", /no flag --colour/], ["user add a@x.test --nmae A", /did you mean --name/],
  ["user add a@x.test --name", /--name needs a value/], ["user list --json=yes", /takes no value/],
  ["user add a@x.test --name A --name B", /given twice/], ["user list -x", /two dashes/],
  ["import a@x.test /tmp", /--format FORMAT is missing/], ["init", /--hostname NAME is missing/],
];

test("what was written wrong", () => {
  for (const [line, message] of bad) {
    assert.throws(() => parseCommandLine(line.split(" "), commands), { name: "UsageError", message }, line);
  }
});

test("every row is complete", () => {
  const names = new Set<string>();
  for (const command of commands) {
    assert.ok(!names.has(command.name), command.name);
    names.add(command.name);
    assert.ok(command.summary.length > 8 && !command.summary.endsWith("."), command.name);
    assert.ok(command.operandsMax >= command.operandsMin, command.name);
    const flags = command.flags.map((flag) => flag.name);
    assert.equal(new Set([...flags, "data", "json", "help"]).size, flags.length + 3, command.name);
    const help = commandHelp(command);
    for (const line of help.split("\n")) assert.ok(line.length <= 112, `${command.name}: ${line}`);
    assert.ok(overview(commands).includes(command.summary), command.name);
  }
});

test("every command of the contract is there", () => {
  const contract = `demo init serve import export backup restore check doctor;domain add list remove;
    user add list show passwd set disable remove;shared add grant revoke remove;role grant revoke list;
    group add member-add member-remove list remove;contact add remove;public add list permit mail-enable remove;
    room add set remove;folder list permit;policy add set assign list;device list wipe allow block remove;
    queue list show retry hold drop`;
  const [singles = "", ...groups] = contract.replace(/\s+/g, " ").split(";").map((part) => part.trim());
  const wanted = [...singles.split(" "), ...groups.flatMap((group) => {
    const [first, ...verbs] = group.split(" ");
    return verbs.map((verb) => `${first} ${verb}`);
  })];
  assert.deepEqual(wanted.filter((name) => !commands.some((command) => command.name === name)), []);
});

test("sizes", () => {
  const rows: [string, number | null][] = [
    ["5G", 5 * 1024 ** 3], ["500m", 500 * 1024 ** 2], ["1.5 GB", 1.5 * 1024 ** 3], ["10KiB", 10240], ["123", 123],
    ["none", null], ["unlimited", null], ["0", 0],
  ];
  for (const [text, bytes] of rows) assert.equal(parseSize(text), bytes, text);
  for (const text of ["", "5X", "-1", "G", "1e9", "99999999999999999T"]) {
    assert.throws(() => parseSize(text), { code: "invalidArgument" }, text);
  }
});

test("nearest words", () => {
  const words = ["department", "title", "phone", "photo"];
  const rows: [string, string | null][] = [
    ["tilte", "title"], ["DEPARTMENT", "department"], ["depratment", "department"], ["fone", "phone"], ["zzz", null], ["", null],
  ];
  for (const [word, expected] of rows) assert.equal(nearest(word, words), expected, word);
});
