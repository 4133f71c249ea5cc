/**
 * `npm run bench`: Outpost, and Postfix + Dovecot beside it where they are installed, measured in the same run by the
 * same client, turn by turn so that a busy machine is busy for both. Prints a table with ratios and writes
 * bench/results/*.json.
 * `--rounds N`, `--messages N`, `--only TEXT`, `--alone`; `--filled N`: the folder holds so many messages (a multiple
 * of 500) from the start, for measures of large mailboxes; above 100,000 costly measures touch 100,000 of them, and
 * one round is made unless told otherwise; `--minutes N`: no measure is begun after so long, those left out stay
 * empty. `npm run bench -- items` runs `items.ts` instead, and `npm run bench -- together` runs `together.ts`, `npm run
 * bench -- mapi` runs `mapi.ts`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { MailboxId } from "#base/ids.ts";
import { fillMailbox } from "./big-mailbox.ts";
import { TestServer, projectRoot } from "../test/support/server.ts";
import { measures, median, sampleOf } from "./measures.ts";
import type { Measure, Sizes } from "./measures.ts";
import { neighboursMissing, startNeighbours } from "./neighbours.ts";
import { ImapClient } from "../test/support/imap-client.ts";
import { memoryBytes, password, people } from "./target.ts";
import type { Target } from "./target.ts";

if (["items", "mapi", "together"].includes(process.argv[2] ?? "")) {
  const args = [join(import.meta.dirname, `${process.argv[2]}.ts`), ...process.argv.slice(3)];
  process.exit(spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1);
}

const { values } = parseArgs({
  options: {
    rounds: { type: "string" }, messages: { type: "string", default: "1000" },
    only: { type: "string", default: "" }, filled: { type: "string", default: "0" },
    alone: { type: "boolean", default: false }, minutes: { type: "string", default: "60" },
  },
});
const filled = Number(values.filled);
const rounds = Number(values.rounds ?? (filled > 100_000 ? 1 : 3));
const filledBytes = 1500;
const deadlineMs = performance.now() + Number(values.minutes) * 60_000;
const sizes: Sizes = { messages: Number(values.messages), messageBytes: 4000, connections: 8, logins: 200, filled };

async function startOutpost(): Promise<Target> {
  const server = await TestServer.start({ users: people, config: { logLevel: "warn" } });
  if (filled > 0) {
    await server.stop();
    await fillMailbox(server.dataDir, 1 as MailboxId, "Bench", filled, filledBytes);
    await server.run();
  }
  return {
    name: "Outpost", smtp: { port: server.ports.smtp }, imaps: { port: server.ports.imaps, tls: true },
    pids: () => [server.pid],
    stop: () => server.dispose(),
  };
}

interface Row {
  readonly measure: Measure;
  /** Median over the rounds, by target. */
  readonly values: Map<string, number>;
}

/** Both servers keep what they have once read: the first look at a folder that came from nowhere is not measured. */
async function warm(all: readonly Target[]): Promise<void> {
  for (const target of all) {
    const client = await ImapClient.signedIn(target.imaps, "alice", password);
    client.discard = true;
    const { set } = sampleOf(sizes, 0);
    const within = set === "1:*" ? "" : `${set} `;
    for (const command of ["SELECT Bench", "FETCH 1:* (FLAGS)",
      `FETCH ${set} (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)`,
      `FETCH ${set} (BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])`, `UID SORT (SUBJECT) UTF-8 ${within}ALL`,
      `UID THREAD REFERENCES UTF-8 ${within}ALL`, `UID SEARCH ${within}BODY "not in any of them"`]) {
      const began = performance.now();
      await client.ok(command);
      console.log(`${target.name}, first ${command}: ${Math.round(performance.now() - began)} ms`);
    }
    client.close();
  }
}

async function measureAll(targets: readonly Target[]): Promise<Row[]> {
  const chosen = measures.filter(({ name }) => name.toLowerCase().includes(values.only.toLowerCase()));
  const found = new Map(chosen.map((measure) => [measure, new Map(targets.map(({ name }) => [name, [] as number[]]))]));
  for (let round = 0; round < rounds; round++) {
    for (const measure of chosen) {
      // Turn by turn, and who is first changes.
      if (performance.now() > deadlineMs) continue;
      for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
        const value = await measure.run(target, sizes, round);
        found.get(measure)!.get(target.name)!.push(value);
        // A run of minutes shows what it has.
        process.stderr.write(filled > 100_000 ? `${measure.name}, ${target.name}: ${format(value)}\n` : ".");
      }
    }
  }
  process.stderr.write("\n");
  return chosen.map((measure) => ({
    measure, values: new Map([...found.get(measure)!].map(([name, all]) => [name, median(all)])),
  }));
}

function format(value: number | undefined): string {
  if (value === undefined) return "";
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 10 ? 1 : 2);
}

/** Above 1 Outpost is the faster one, whatever the unit. */
function ratioOf({ measure, values: byTarget }: Row, other: string): number | undefined {
  const ours = byTarget.get("Outpost");
  const theirs = byTarget.get(other);
  if (ours === undefined || theirs === undefined) return undefined;
  return measure.higherIsBetter ? ours / theirs : theirs / ours;
}

function table(rows: readonly Row[], targets: readonly Target[]): string {
  const other = targets[1]?.name;
  const head = ["Measure", "Unit", ...targets.map(({ name }) => name), ...(other === undefined ? [] : ["Ratio"])];
  const lines = rows.map((row) => [
    row.measure.name, row.measure.unit, ...targets.map(({ name }) => format(row.values.get(name))),
    ...(other === undefined ? [] : [ratioOf(row, other)?.toFixed(2) ?? ""]),
  ]);
  const cells = [head, head.map((_, index) => (index < 2 ? "---" : "---:")), ...lines];
  return cells.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

const missing = values.alone ? "left out by --alone" : neighboursMissing();
const targets: Target[] = [await startOutpost()];
try {
  if (missing === null) targets.push(await startNeighbours({ filled, filledBytes }));
  else console.log(`Postfix + Dovecot are not measured: ${missing}`);
  if (filled > 0) await warm(targets);
  const idle = targets.map((target) => memoryBytes(target.pids()));
  const rows = await measureAll(targets);
  const memory = targets.map((target) => memoryBytes(target.pids()));
  const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;
  console.log(`\n${table(rows, targets)}\n`);
  for (const [index, { name }] of targets.entries()) {
    const [start, end] = [megabytes(idle[index]!), megabytes(memory[index]!)];
    console.log(`Memory of ${name} (PSS): ${start} at the start, ${end} at the end.`);
  }
  if (filled > 0) console.log(`The folder held ${filled} messages of ${filledBytes} bytes.`);
  console.log(`${rounds} rounds, medians; ${sizes.messages} messages of ${sizes.messageBytes} bytes, ` +
    `${sizes.connections} clients; ` +
    `${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, Node ${process.version}.`);
  const folder = join(projectRoot, "bench", "results");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${new Date().toISOString().replaceAll(":", "-").slice(0, 19)}.json`);
  writeFileSync(path, JSON.stringify({
    at: new Date().toISOString(), node: process.version, cpus: cpus().length, rounds, sizes, missing,
    memory: Object.fromEntries(targets.map(({ name }, index) =>
      [name, { startBytes: idle[index], endBytes: memory[index] }])),
    measures: rows.map((row) => ({
      name: row.measure.name, unit: row.measure.unit, higherIsBetter: row.measure.higherIsBetter,
      values: Object.fromEntries(row.values), ratio: targets[1] === undefined ? null : ratioOf(row, targets[1].name),
    })),
  }, null, 2));
  console.log(`Written to ${path}`);
} finally {
  for (const target of targets) await target.stop();
}
