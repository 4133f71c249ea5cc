/**
 * Conversations with an IMAP server as text, to be held with any server.
 *
 *     ## a folder is opened          a case: a new folder $box each time, connections of its own
 *     need CONDSTORE                 left out where the server does not say that it can
 *     not Dovecot: why               left out on that server
 *     A SELECT $box                  connection A (signed in when first named) gives a command
 *       * 0 EXISTS                   an untagged answer that must come with it, in any order
 *       - * 1 EXISTS                 one that must not
 *       OK [READ-WRITE] ...          how it must end; without such a line: OK
 *     A APPEND $box <<a: b\r\n\r\n>> a literal
 *     A IDLE                         until `A DONE`
 *     A wait * 1 EXISTS              an answer that comes in IDLE
 *     A hears * 1 EXISTS             one that comes while no command is under way
 *     A quiet                        nothing comes for a moment, with lines below: nothing like them
 *
 * In what is expected `...` is any text, `{name}` takes what stands there for `$name` (`{name:pattern}` where it must
 * match), and case does not count. A literal in an answer stands as `<<its bytes>>`. Names beginning with B are
 * another person.
 */
import assert from "node:assert/strict";
import { ImapClient } from "./imap-client.ts";
import type { ImapLine } from "./imap-client.ts";
import { pause } from "./real-ctx.ts";
import type { WireAddress } from "./wire-socket.ts";

export interface ScriptCase {
  readonly name: string;
  readonly needs: readonly string[];
  /** Server name and reason. */
  readonly not: ReadonlyMap<string, string>;
  readonly lines: readonly { readonly number: number; readonly text: string }[];
}

export interface ScriptTarget {
  readonly name: string;
  readonly address: WireAddress;
  readonly people: readonly [string, string];
  readonly password: string;
}

export function parseScript(text: string): ScriptCase[] {
  const cases: { name: string; needs: string[]; not: Map<string, string>; lines: ScriptCase["lines"][number][] }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.startsWith("## ")) {
      cases.push({ name: line.slice(3), needs: [], not: new Map(), lines: [] });
    } else if (line.startsWith("need ")) {
      cases.at(-1)!.needs.push(...line.slice(5).split(" "));
    } else if (line.startsWith("not ")) {
      const [server, reason] = line.slice(4).split(": ");
      cases.at(-1)!.not.set(server!, reason ?? "");
    } else if (line.trim() !== "" && !line.startsWith("#")) {
      cases.at(-1)!.lines.push({ number: index + 1, text: line.replaceAll("\\r\\n", "\r\n") });
    }
  }
  return cases;
}

/** How long an answer that nobody asked for may take, and how long silence is listened to. */
const hearsMs = 5000;
const quietMs = 700;

let boxes = 0;

/** Runs one case; the reason when the server cannot. */
export async function runCase(target: ScriptTarget, one: ScriptCase): Promise<string | undefined> {
  const reason = one.not.get(target.name);
  if (reason !== undefined) return reason;
  const run = new Run(target);
  try {
    const missing = await run.missing(one.needs);
    if (missing !== undefined) return `${target.name} has no ${missing}`;
    for (let at = 0; at < one.lines.length;) {
      const { number, text } = one.lines[at++]!;
      const expected: string[] = [];
      while (at < one.lines.length && /^\s/.test(one.lines[at]!.text)) expected.push(one.lines[at++]!.text.trim());
      try {
        await run.step(text, expected);
      } catch (error) {
        throw new Error(`line ${number}: ${text}: ${(error as Error).message}`, { cause: error });
      }
    }
  } finally {
    await run.end();
  }
  return undefined;
}

class Run {
  readonly #target: ScriptTarget;
  readonly #clients = new Map<string, ImapClient>();
  readonly #idle = new Map<string, Awaited<ReturnType<ImapClient["idle"]>>>();
  readonly #variables: Map<string, string>;

  constructor(target: ScriptTarget) {
    this.#target = target;
    const [me, other] = target.people;
    this.#variables = new Map([
      ["box", `Box${process.pid}x${++boxes}`], ["me", me], ["other", other], ["password", target.password],
    ]);
  }

  async missing(needs: readonly string[]): Promise<string | undefined> {
    const client = await this.#client("A");
    const have = new Set(words((await client.ok("CAPABILITY")).untagged));
    await client.ok(`CREATE ${this.#variables.get("box")}`);
    return needs.find((need) => !have.has(need));
  }

  async step(text: string, expected: readonly string[]): Promise<void> {
    const [name, ...rest] = text.split(" ");
    const command = this.#fill(rest.join(" "));
    if (command === "close") {
      this.#clients.get(name!)?.close();
      this.#clients.delete(name!);
      return;
    }
    const client = await this.#client(name!);
    if (command === "IDLE") {
      this.#idle.set(name!, await client.idle());
      return;
    }
    if (command === "DONE") {
      assert.equal((await this.#idle.get(name!)!.done()).status, "OK");
      return;
    }
    if (command.startsWith("wait ")) {
      const line = await this.#idle.get(name!)!.next(this.#pattern(rest.join(" ").slice(5)));
      this.#matches(shown(line), rest.join(" ").slice(5));
      return;
    }
    if (command.startsWith("hears ")) {
      await this.#hears(client, rest.join(" ").slice(6));
      return;
    }
    if (command === "quiet") {
      await pause(quietMs);
      const came = client.unasked.map(shown);
      const isBad = expected.length === 0 ? came.length > 0
        : came.some((line) => expected.some((one) => this.#matches(line, one.slice(2))));
      assert.ok(!isBad, `nothing was to come\ncame:\n${came.join("\n")}`);
      return;
    }
    const literals: Buffer[] = [];
    const sent = command.replace(/<<([\s\S]*?)>>/g, (_, bytes: string) => {
      literals.push(Buffer.from(bytes, "utf8"));
      return "\u0000";
    });
    const reply = await client.send(Buffer.from(sent, "utf8").toString("latin1"), ...literals);
    this.#check([...client.unasked.splice(0), ...reply.untagged].map(shown), `${reply.status} ${reply.text}`, expected);
  }

  async #hears(client: ImapClient, pattern: string): Promise<void> {
    for (let waitedMs = 0; waitedMs < hearsMs; waitedMs += 20) {
      const at = client.unasked.findIndex((line) => this.#matches(shown(line), pattern));
      if (at >= 0) {
        client.unasked.splice(at, 1);
        return;
      }
      await pause(20);
    }
    assert.fail(`expected: ${this.#fill(pattern)}\ncame:\n${client.unasked.map(shown).join("\n")}`);
  }

  #check(untagged: readonly string[], ending: string, expected: readonly string[]): void {
    const came = (): string => `\ncame:\n${[...untagged, ending].join("\n")}`;
    const left = [...untagged];
    let isEnded = false;
    for (const line of expected) {
      if (line.startsWith("- ")) {
        const hasCome = untagged.some((one) => this.#matches(one, line.slice(2)));
        assert.ok(!hasCome, `must not come: ${line.slice(2)}${came()}`);
      } else if (line.startsWith("* ")) {
        const at = left.findIndex((one) => this.#matches(one, line));
        assert.ok(at >= 0, `expected: ${this.#fill(line)}${came()}`);
        left.splice(at, 1);
      } else {
        isEnded = true;
        assert.ok(this.#matches(ending, line), `expected: ${this.#fill(line)}${came()}`);
      }
    }
    if (!isEnded) assert.ok(ending.startsWith("OK"), `expected OK${came()}`);
  }

  #matches(text: string, pattern: string): boolean {
    const match = this.#pattern(pattern).exec(text);
    if (match === null) return false;
    for (const [name, value] of Object.entries(match.groups ?? {})) this.#variables.set(name, value);
    return true;
  }

  #pattern(pattern: string): RegExp {
    const source = this.#fill(pattern).split(/(\.\.\.|\{[a-z]\w*(?::[^}]*)?\})/).map((piece) => {
      if (piece === "...") return "[\\s\\S]*";
      const taken = /^\{([a-z]\w*)(?::([^}]*))?\}$/.exec(piece);
      return taken === null ? RegExp.escape(piece) : `(?<${taken[1]}>${taken[2] ?? "[^\\s()\\[\\]]+"})`;
    });
    return new RegExp(`^${source.join("")}$`, "i");
  }

  #fill(text: string): string {
    return text.replace(/\$([a-z]\w*)/g, (whole, name: string) => this.#variables.get(name) ?? whole);
  }

  async #client(name: string): Promise<ImapClient> {
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const user = this.#target.people[name.startsWith("B") ? 1 : 0];
    const client = await ImapClient.signedIn(this.#target.address, user, this.#target.password);
    this.#clients.set(name, client);
    return client;
  }

  async end(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    const cleaner = await ImapClient.signedIn(this.#target.address, this.#target.people[0], this.#target.password);
    const box = this.#variables.get("box")!;
    const { untagged } = await cleaner.ok(`LIST "" ${box}*`);
    const names = untagged.map(({ text }) => / "\/" (\S+)$/.exec(text)?.[1]).filter((path) => path !== undefined);
    for (const path of names.toSorted((a, b) => b.length - a.length)) await cleaner.send(`DELETE ${path}`);
    cleaner.close();
  }
}

function words(lines: readonly ImapLine[]): string[] {
  return lines.flatMap(({ text }) => (text.startsWith("* CAPABILITY ") ? text.slice(13).split(" ") : []));
}

/** A response with its literals in their places. */
function shown({ text, literals }: ImapLine): string {
  let next = 0;
  const whole = text.replace(/~?\{(\d+)\}/g, (mark) =>
    (next < literals.length ? `<<${literals[next++]!.toString("latin1")}>>` : mark));
  return Buffer.from(whole, "latin1").toString("utf8");
}
