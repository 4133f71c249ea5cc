/**
 * Many connections giving random commands in one folder at once. Each keeps a model of the folder built from nothing
 * but what it is told; every answer must fit the model, and at the end all models must be the folder.
 */
import assert from "node:assert/strict";
import { ImapClient } from "./imap-client.ts";
import type { ImapLine } from "./imap-client.ts";
import type { WireAddress } from "./wire-socket.ts";

export interface StressOptions {
  readonly address: WireAddress;
  readonly user: string;
  readonly password: string;
  readonly connections: number;
  readonly durationMs: number;
  readonly seed: number;
}

interface ModelMessage {
  uid: number | undefined;
  flags: string | undefined;
}

/** Runs it; the number of commands given. A failure names the seed and the connection. */
export async function stress(options: StressOptions): Promise<number> {
  const opener = await ImapClient.signedIn(options.address, options.user, options.password);
  const folders = [`Stress${options.seed}`, `Other${options.seed}`] as const;
  for (const folder of folders) await opener.ok(`CREATE ${folder}`);
  const shared: Shared = { folders, appended: new Set(), gone: new Set(), commands: 0 };
  const actors = await Promise.all(Array.from({ length: options.connections }, (_, index) =>
    Actor.open(options, shared, index)));
  const end = performance.now() + options.durationMs;
  await Promise.all(actors.map(async (actor) => { while (performance.now() < end) await actor.act(); }));
  for (const actor of actors) await actor.settle();
  await opener.ok(`SELECT ${folders[0]}`);
  const truth = ((await opener.ok("UID FETCH 1:* (FLAGS)")).untagged).flatMap((line) => fetched(line) ?? []);
  for (const actor of actors) actor.compare(truth);
  const left = new Set(truth.map(({ uid }) => uid));
  for (const uid of shared.appended) assert.ok(left.has(uid) || shared.gone.has(uid), `message ${uid} was lost`);
  for (const uid of left) assert.ok(!shared.gone.has(uid ?? 0), `message ${uid} came back`);
  for (const actor of actors) actor.close();
  for (const folder of folders) await opener.ok(`DELETE ${folder}`).catch(async () => await opener.ok("UNSELECT"));
  opener.close();
  return shared.commands;
}

interface Shared {
  readonly folders: readonly [string, string];
  readonly appended: Set<number>;
  /** UIDs somebody was told are gone. */
  readonly gone: Set<number>;
  commands: number;
}

interface Fetched {
  readonly number: number;
  readonly uid: number | undefined;
  readonly flags: string | undefined;
}

function fetched({ text }: ImapLine): Fetched | undefined {
  const number = /^\* (\d+) FETCH /.exec(text)?.[1];
  if (number === undefined) return undefined;
  const uid = /\bUID (\d+)/.exec(text)?.[1];
  const flags = /\bFLAGS \(([^)]*)\)/.exec(text)?.[1];
  return {
    number: Number(number), uid: uid === undefined ? undefined : Number(uid),
    flags: flags === undefined ? undefined : flags.split(" ").filter((flag) => flag !== "\\Recent").sort().join(" "),
  };
}

class Actor {
  readonly #client: ImapClient;
  readonly #shared: Shared;
  readonly #name: string;
  #random: number;
  readonly #model: ModelMessage[] = [];

  private constructor(client: ImapClient, shared: Shared, name: string, seed: number) {
    this.#client = client;
    this.#shared = shared;
    this.#name = name;
    this.#random = seed;
  }

  static async open({ address, user, password, seed }: StressOptions, shared: Shared, index: number): Promise<Actor> {
    const client = await ImapClient.signedIn(address, user, password);
    const actor = new Actor(client, shared, `connection ${index}, seed ${seed}`, seed * 1000 + index + 1);
    // Every third is told of what went by UID.
    if (index % 3 === 0) await client.ok("ENABLE QRESYNC");
    await actor.#run(`SELECT ${shared.folders[0]}`);
    await actor.#learn();
    return actor;
  }

  /** xorshift */
  #next(below: number): number {
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    return (this.#random >>> 0) % below;
  }

  async act(): Promise<void> {
    const count = this.#model.length;
    const one = 1 + this.#next(Math.max(1, count));
    const other = 1 + this.#next(Math.max(1, count));
    const set = one < other ? `${one}:${other}` : `${one}`;
    const flag = ["\\Seen", "\\Flagged", "\\Deleted", "word", "$Forwarded"][this.#next(5)]!;
    const choice = this.#next(12);
    if (choice < 3 || count === 0) await this.#append();
    else if (choice < 5) await this.#run(`STORE ${set} ${this.#next(2) === 0 ? "+" : "-"}FLAGS (${flag})`);
    else if (choice === 5) await this.#run(`STORE ${one} FLAGS.SILENT (${flag})`, () => { this.#forget(one); });
    else if (choice === 6) await this.#run(`FETCH ${set} (UID FLAGS)`);
    else if (choice === 7) await this.#search();
    else if (choice === 8) await this.#run("EXPUNGE");
    else if (choice === 9) await this.#run(`COPY ${one} ${this.#shared.folders[1]}`);
    else if (choice === 10) await this.#run(`FETCH ${one} (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODYSTRUCTURE ENVELOPE)`);
    else await this.#run("NOOP");
    await this.#learn();
  }

  #forget(number: number): void {
    const message = this.#model[number - 1];
    if (message !== undefined) message.flags = undefined;
  }

  async #append(): Promise<void> {
    const bytes = Buffer.from(`Subject: m${this.#next(1e9)}\r\n\r\nbody\r\n`);
    const reply = await this.#run(`APPEND ${this.#shared.folders[0]} \u0000`, undefined, bytes);
    this.#shared.appended.add(Number(/APPENDUID \d+ (\d+)/.exec(reply)![1]));
  }

  async #search(): Promise<void> {
    const { untagged } = await this.#send("UID SEARCH FLAGGED");
    const found = untagged.map(({ text }) => /^\* SEARCH ?(.*)/.exec(text)?.[1]).find((list) => list !== undefined)!;
    const uids = found.replace(/ ?\(MODSEQ \d+\)/, "").split(" ").filter((uid) => uid !== "").map(Number);
    assert.deepEqual(uids, [...uids].sort((a, b) => a - b), this.#name);
  }

  /** What came is asked for, so that the model is whole. */
  async #learn(): Promise<void> {
    const from = this.#model.findIndex(({ uid, flags }) => uid === undefined || flags === undefined);
    if (from >= 0) await this.#run(`FETCH ${from + 1}:* (UID FLAGS)`);
  }

  async #run(command: string, before?: () => void, ...literals: Uint8Array[]): Promise<string> {
    before?.();
    return (await this.#send(command, ...literals)).text;
  }

  async #send(command: string, ...literals: Uint8Array[]): Promise<{ text: string; untagged: ImapLine[] }> {
    this.#shared.commands++;
    const reply = await this.#client.send(command, ...literals);
    // Somebody may have removed what was to be copied.
    const isGone = command.startsWith("COPY ") && reply.text.includes("[EXPUNGEISSUED]");
    assert.equal(reply.status, isGone ? "NO" : "OK", `${this.#name}: ${command}: ${reply.text}`);
    for (const line of [...this.#client.unasked.splice(0), ...reply.untagged]) this.#take(line, command);
    return { text: reply.text, untagged: reply.untagged };
  }

  #take(line: ImapLine, command: string): void {
    const { text } = line;
    const where = (): string => `${this.#name}: ${command}: ${text}`;
    const exists = /^\* (\d+) EXISTS/.exec(text);
    if (exists !== null) {
      assert.ok(Number(exists[1]) >= this.#model.length, where());
      while (this.#model.length < Number(exists[1])) this.#model.push({ uid: undefined, flags: undefined });
    }
    const expunged = /^\* (\d+) EXPUNGE/.exec(text);
    if (expunged !== null) {
      assert.ok(!/^(FETCH|STORE|SEARCH)/.test(command), where());
      this.#remove(Number(expunged[1]) - 1, where());
    }
    const vanished = /^\* VANISHED ([\d:,]+)/.exec(text);
    for (const part of vanished?.[1]!.split(",") ?? []) {
      const [first, last = first] = part.split(":").map(Number);
      for (let uid = first!; uid <= last!; uid++) this.#remove(this.#placeOf(uid), where());
    }
    const told = fetched(line);
    if (told === undefined) return;
    const message = this.#model[told.number - 1];
    assert.ok(message !== undefined, where());
    assert.ok(told.uid === undefined || message.uid === undefined || told.uid === message.uid, where());
    message.uid ??= told.uid;
    if (told.flags !== undefined) message.flags = told.flags;
  }

  /** A message that went before it could be asked for has no UID yet, but a place between those that have. */
  #placeOf(uid: number): number {
    const known = this.#model.findIndex((one) => one.uid === uid);
    if (known >= 0) return known;
    const after = this.#model.findIndex((one) => one.uid !== undefined && one.uid > uid);
    const index = (after < 0 ? this.#model.length : after) - 1;
    return this.#model[index]?.uid === undefined ? index : -1;
  }

  #remove(index: number, where: string): void {
    assert.ok(index >= 0 && index < this.#model.length, where);
    const [message] = this.#model.splice(index, 1);
    if (message!.uid !== undefined) this.#shared.gone.add(message!.uid);
  }

  async settle(): Promise<void> {
    await this.#run("NOOP");
    await this.#learn();
  }

  compare(truth: readonly { uid: number | undefined; flags: string | undefined }[]): void {
    assert.deepEqual(this.#model.map(({ uid, flags }) => `${uid} ${flags}`),
      truth.map(({ uid, flags }) => `${uid} ${flags}`), this.#name);
  }

  close(): void {
    this.#client.close();
  }
}
