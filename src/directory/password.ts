/**
 * Passwords as argon2id (RFC 9106) in the PHC string format, so that the parameters of each hash stand beside it and
 * can be raised later. Hashing runs on libuv's threads, never on the event loop, and only a few at once: the same
 * threads read files.
 */
import { argon2, timingSafeEqual } from "node:crypto";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { makeScramKeys } from "#directory/scram-keys.ts";
import type { NewScramKeys } from "#directory/scram-keys.ts";

export interface PasswordCost {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** What new hashes cost; older ones are redone at the next sign-in. */
export const passwordCost: PasswordCost = { memory: 19_456, passes: 2, parallelism: 1 };
const tagBytes = 32;
const saltBytes = 16;
/** A hash that asks for more than a gigabyte was not made here. */
const memoryMaxKib = 1024 * 1024;

interface PasswordHash {
  readonly cost: PasswordCost;
  readonly salt: Uint8Array;
  readonly tag: Uint8Array;
}

/** `$argon2id$v=19$m=…,t=…,p=…$salt$tag`; null when the text is no such hash or asks for too much work. */
function parsePhc(phc: string): PasswordHash | null {
  const match = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([\w+/]{11,86})\$([\w+/]{16,172})$/.exec(phc);
  if (match === null) return null;
  const cost = { memory: Number(match[1]), passes: Number(match[2]), parallelism: Number(match[3]) };
  if (cost.parallelism < 1 || cost.passes < 1) return null;
  if (cost.memory < 8 * cost.parallelism || cost.memory > memoryMaxKib) return null;
  return { cost, salt: Buffer.from(match[4]!, "base64"), tag: Buffer.from(match[5]!, "base64") };
}

function formatPhc(hash: PasswordHash): string {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
  const { memory, passes, parallelism } = hash.cost;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(hash.salt)}$${base64(hash.tag)}`;
}

/** Whether a stored hash costs something else than new ones do. */
export function needsRehash(phc: string, cost: PasswordCost = passwordCost): boolean {
  const hash = parsePhc(phc);
  return hash === null || hash.cost.memory !== cost.memory || hash.cost.passes !== cost.passes
    || hash.cost.parallelism !== cost.parallelism;
}

/** Checks that a password may be set. Fault `invalidArgument`. */
export function checkNewPassword(password: string): void {
  if (password === "") throw new Fault("invalidArgument", "The password is empty.");
  if (passwordBytes(password) === null) {
    throw new Fault("invalidArgument", `The password is longer than ${limits.passwordMaxBytes} bytes.`);
  }
  if (/[\0-\x1f\x7f]/.test(password)) throw new Fault("invalidArgument", "The password holds a control character.");
}

/** RFC 8265 §4.2.2: compared in NFC, so that the same keys on two systems give the same password. */
function passwordBytes(password: string): Uint8Array | null {
  if (password.length > limits.passwordMaxBytes) return null;
  const bytes = Buffer.from(password.normalize("NFC"), "utf8");
  return bytes.length > limits.passwordMaxBytes ? null : bytes;
}

/** Whoever waits for password work, in lines by network: the lines take turns. */
class WaitingLines {
  readonly #lines = new Map<string, (() => void)[]>();
  #count = 0;

  /** Fault `serverBusy` when too many wait, here or in all. */
  wait(key: string): Promise<void> {
    const line = this.#lines.get(key) ?? [];
    if (this.#count >= limits.passwordChecksWaitingMax || line.length >= limits.passwordChecksWaitingPerNetworkMax) {
      throw new Fault("serverBusy", "Too many people sign in at this moment; try again in a few seconds.");
    }
    this.#lines.set(key, line);
    this.#count++;
    return new Promise((resolve) => { line.push(resolve); });
  }

  /** The first of the line whose turn it is; its line goes to the end. */
  next(): (() => void) | undefined {
    for (const [key, line] of this.#lines) {
      this.#lines.delete(key);
      const first = line.shift();
      if (line.length > 0) this.#lines.set(key, line);
      if (first === undefined) continue;
      this.#count--;
      return first;
    }
    return undefined;
  }
}

export interface HasherCost extends PasswordCost {
  readonly scramIterations?: number;
}

/** Runs password work, a few at once. Who waits takes turns by network, so that a flood stands in its own way. */
export class PasswordHasher {
  readonly cost: PasswordCost;
  readonly scramIterations: number;
  #running = 0;
  readonly #waiting = new WaitingLines();

  constructor({ scramIterations, ...cost }: HasherCost = passwordCost) {
    this.cost = cost;
    this.scramIterations = scramIterations ?? limits.scramIterations;
  }

  /** A hash to store. */
  async hash(ctx: Ctx, password: string): Promise<string> {
    checkNewPassword(password);
    const salt = ctx.system.randomBytes(saltBytes);
    const bytes = passwordBytes(password);
    if (bytes === null) throw new Fault("invalidArgument", "The password is too long.");
    const tag = await this.#run("", () => derive(bytes, salt, this.cost, tagBytes));
    return formatPhc({ cost: this.cost, salt, tag });
  }

  /** Keys for SCRAM-SHA-256 of the same password. */
  scramKeys(password: string, salt: Uint8Array): Promise<NewScramKeys> {
    return this.#run("", () => makeScramKeys(password, salt, this.scramIterations));
  }

  /** A hash that no password gives, with the cost of a real one: for names nobody has. */
  unusable(ctx: Ctx): string {
    return formatPhc({
      cost: this.cost, salt: ctx.system.randomBytes(saltBytes), tag: ctx.system.randomBytes(tagBytes),
    });
  }

  /**
   * Whether `password` gives `phc`; compared in constant time. A hash that cannot be read never matches. `line`: whom
   * the work is for, a network.
   */
  async verify(password: string, phc: string, line = ""): Promise<boolean> {
    const hash = parsePhc(phc);
    const bytes = passwordBytes(password);
    if (hash === null || bytes === null) return false;
    const tag = await this.#run(line, () => derive(bytes, hash.salt, hash.cost, hash.tag.length));
    return timingSafeEqual(tag, hash.tag);
  }

  async #run<T>(line: string, work: () => Promise<T>): Promise<T> {
    if (this.#running >= limits.passwordChecksMax) await this.#waiting.wait(line);
    else this.#running++;
    try {
      return await work();
    } finally {
      // The place goes straight to the next in line, so that newcomers cannot overtake.
      const next = this.#waiting.next();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

function derive(message: Uint8Array, nonce: Uint8Array, cost: PasswordCost, tagLength: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    argon2("argon2id", { message, nonce, tagLength, ...cost }, (error, tag) => {
      if (error) reject(error);
      else resolve(tag);
    });
  });
}
