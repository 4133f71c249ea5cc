/**
 * `npm run fuzz [-- --seconds N] [NAME …]`: feeds every decoder damaged real files and random bytes until the time is
 * up. A decoder gives a value or a WireError or Fault, in less than a second, in bounded memory; anything else is
 * printed with the seed and kept in a file. Each find becomes a row of that decoder's test. `canary` always fails and
 * proves that finds are seen.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Fault, WireError } from "#base/fault.ts";
import { decodeAppointmentRecur } from "#calendar/recurrence/blob.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { summarize } from "#format/mime/summary.ts";
import { readMsg } from "#format/msg/read.ts";
import { decompressRtf } from "#format/rtf/compressed.ts";
import { readRtfBody } from "#format/rtf/de-encapsulate.ts";
import { decodeTnef } from "#format/tnef/decode.ts";
import { decodeBag } from "#props/bag.ts";
import { CommandReader } from "#wire/imap/reader.ts";
import { parsePop3Command } from "#wire/pop3/command.ts";
import { parseCommand } from "#wire/smtp/command.ts";
import { Random } from "../test/support/random.ts";

interface Target {
  /** Corpus folder and file ending that seeds come from; none: random bytes and the words below. */
  readonly seeds?: readonly [folder: string, ending: RegExp];
  readonly words?: readonly string[];
  readonly run: (bytes: Uint8Array) => unknown;
}

const targets: Record<string, Target> = {
  mime: { seeds: ["eml", /./], run: (bytes) => summarize(indexMessage(bytes).index) },
  msg: { seeds: ["outlook", /\.(msg|oft)$/], run: readMsg },
  tnef: { seeds: ["outlook", /\.(tnef|dat)$/], run: decodeTnef },
  rtf: {
    words: ["{\\rtf1\\ansi\\fromhtml1 {\\*\\htmltag64 <p>}a\\htmlrtf b\\htmlrtf0 \\'e4\\u252?}"],
    run: readRtfBody,
  },
  compressedRtf: {
    words: ["\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125"],
    run: (bytes) => decompressRtf(bytes),
  },
  bag: { run: decodeBag },
  recurrence: { words: ["\x04\x30\x04\x30\x0b\x20\x01\0\0\0"], run: decodeAppointmentRecur },
  imap: {
    words: [
      "a FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (TO)]<0.9>)\r\n",
      "b SEARCH OR NOT SEEN (FROM {3}\r\nabc UID 1)\r\n",
    ],
    run: (bytes) => {
      const reader = new CommandReader();
      reader.push(bytes);
      for (let turn = 0; turn < 10_000 && reader.next() !== undefined;) turn++;
    },
  },
  smtp: {
    words: ["MAIL FROM:<\"a b\"@x.test> SIZE=1 BODY=8BITMIME RET=HDRS", "RCPT TO:<@a,@b:c@d> NOTIFY=NEVER"],
    run: parseCommand,
  },
  pop3: { words: ["TOP 1 2", "AUTH PLAIN AGFsaWNl", "RETR 99999999999"], run: parsePop3Command },
  canary: { run: () => { throw new Error("the canary fails always"); } },
};

const inputMaxBytes = 256 * 1024;
const slowMs = 1000;
const memoryMaxBytes = 512 * 1024 * 1024;

function seedsOf(target: Target): Uint8Array[] {
  const words = (target.words ?? []).map((word) => Buffer.from(word, "latin1"));
  if (target.seeds === undefined) return words;
  const [name, ending] = target.seeds;
  const folder = join(process.env["OUTPOST_CORPUS"] ?? "../shared/corpus", name);
  const files = readdirSync(folder).filter((file) => ending.test(file));
  return [...words, ...files.map((file) => readFileSync(join(folder, file))).filter((b) => b.length <= inputMaxBytes)];
}

/** A seed with a few bytes changed, parts doubled, cut out or swapped; sometimes nothing but chance. */
function damage(random: Random, seeds: readonly Uint8Array[]): Buffer {
  if (seeds.length === 0 || random.integer(0, 10) === 0) return Buffer.from(random.bytes(random.integer(0, 2000)));
  let bytes = Buffer.from(random.pick(seeds));
  for (let left = random.integer(1, 9); left > 0 && bytes.length > 0; left--) {
    const at = random.integer(0, bytes.length);
    const size = Math.min(bytes.length - at, 1 << random.integer(0, 11));
    const part = bytes.subarray(at, at + size);
    const kind = random.integer(0, 5);
    if (kind === 0) bytes[at] = random.integer(0, 256);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), part, part, bytes.subarray(at)]);
    else if (kind === 3) bytes.fill(random.pick([0, 0xff, 0x0a, 0x2d]), at, at + size);
    else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(random.bytes(size)), bytes.subarray(at)]);
  }
  return bytes.subarray(0, inputMaxBytes);
}

/** What was wrong with one run; null when all was well. */
function troubleWith(target: Target, bytes: Uint8Array): string | null {
  const began = performance.now();
  try {
    target.run(bytes);
  } catch (error) {
    if (!(error instanceof WireError) && !(error instanceof Fault)) return String((error as Error).stack ?? error);
  }
  const tookMs = performance.now() - began;
  if (tookMs > slowMs) return `took ${Math.round(tookMs)} ms`;
  if (process.memoryUsage().rss > memoryMaxBytes) return `${process.memoryUsage().rss} bytes resident`;
  return null;
}

const { values, positionals } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, seed: { type: "string" } }, allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(targets).filter((name) => name !== "canary");
const seed = Number(values.seed ?? process.hrtime.bigint() % 0x7fff_ffffn);
const random = new Random(seed);
const eachMs = (Number(values.seconds) * 1000) / names.length;
console.log(`seed ${seed}, ${names.join(" ")}, ${Math.round(eachMs / 1000)} s each`);
let finds = 0;
for (const name of names) {
  const target = targets[name];
  if (target === undefined) throw new Error(`no target is named ${name}; known are ${Object.keys(targets).join(", ")}`);
  const seeds = seedsOf(target);
  const end = performance.now() + eachMs;
  let runs = 0;
  let found: string | null = null;
  for (; performance.now() < end && found === null; runs++) {
    const bytes = damage(random, seeds);
    found = troubleWith(target, bytes);
    if (found === null) continue;
    const file = join(tmpdir(), `outpost-fuzz-${name}-${seed}.bin`);
    writeFileSync(file, bytes);
    console.log(`${name}: ${found}\n  input of ${bytes.length} bytes kept in ${file}`);
    finds++;
  }
  console.log(`${name}: ${runs} inputs${found === null ? ", nothing found" : ""}`);
}
process.exitCode = finds === 0 ? 0 : 1;
