/** Words of the command line to a command with its operands and flags. */
import { nearest } from "#admin/assignments.ts";
import { commonFlags, UsageError } from "#main/cli/command.ts";
import type { Command, Flag } from "#main/cli/command.ts";

export interface Parsed {
  readonly command: Command;
  readonly operands: readonly string[];
  readonly flags: ReadonlyMap<string, readonly string[]>;
}

/** What was asked for: a command, or help about one word, or about all. */
export type Request =
  | { readonly kind: "run"; readonly parsed: Parsed }
  | { readonly kind: "help"; readonly topic: string | null }
  | { readonly kind: "version" };

export function parseCommandLine(words: readonly string[], commands: readonly Command[]): Request {
  const first = words[0];
  if (first === "--version" || first === "-v" || first === "version") return { kind: "version" };
  if (first === undefined || first === "help" || first === "--help" || first === "-h") {
    return { kind: "help", topic: words.slice(1).filter((word) => !word.startsWith("-")).join(" ") || null };
  }
  const { command, rest } = findCommand(words, commands);
  if (command === null) return { kind: "help", topic: first };
  const { operands, flags } = readWords(command, rest);
  if (flags.has("help")) return { kind: "help", topic: command.name };
  checkCounts(command, operands, flags);
  return { kind: "run", parsed: { command, operands, flags } };
}

/** The command of one to three words; null when a word is missing because help was asked for. */
function findCommand(
  words: readonly string[], commands: readonly Command[],
): { command: Command | null; rest: readonly string[] } {
  // Flags may stand before the second word: `outpost user --json list`.
  const [first, second, third] = words.filter((word) => !word.startsWith("-"));
  const single = commands.find((command) => command.name === first);
  if (single !== undefined) return { command: single, rest: without(words, [first!]) };
  const group = commands.filter((command) => command.name.startsWith(`${first} `));
  if (first === undefined || group.length === 0) {
    const names = new Set(commands.flatMap((command) => [command.name.split(" ")[0]!]));
    throw new UsageError(unknown(`There is no command "${first ?? words[0]}"`, first ?? "", [...names]));
  }
  const verbs = group.map((command) => command.name.slice(first.length + 1));
  const double = group.find((command) => command.name === `${first} ${second}`);
  if (double !== undefined) return { command: double, rest: without(words, [first, second!]) };
  const triple = group.find((command) => command.name === `${first} ${second} ${third}`);
  if (triple !== undefined) return { command: triple, rest: without(words, [first, second!, third!]) };
  if (words.includes("--help") || words.includes("-h") || second === "help") return { command: null, rest: [] };
  if (second === undefined) {
    throw new UsageError(`What shall "outpost ${first}" do? One of: ${verbs.join(", ")}.`, first);
  }
  const within = verbs.filter((verb) => verb.startsWith(`${second} `)).map((verb) => verb.slice(second.length + 1));
  if (within.length > 0) {
    const group = `${first} ${second}`;
    throw new UsageError(`What shall "outpost ${group}" do? One of: ${within.join(", ")}.`, group);
  }
  throw new UsageError(unknown(`There is no command "${first} ${second}"`, second, verbs, `${first} `), first);
}

function unknown(what: string, word: string, words: readonly string[], before = ""): string {
  const near = nearest(word, words);
  if (near === null) return `${what}; "outpost help" lists them all.`;
  return `${what}; did you mean "outpost ${before}${near}"?`;
}

/** The words without the first occurrence of each of `taken`, in order. */
function without(words: readonly string[], taken: readonly string[]): string[] {
  const left = [...words];
  for (const word of taken) left.splice(left.indexOf(word), 1);
  return left;
}

function readWords(command: Command, words: readonly string[]): { operands: string[]; flags: Map<string, string[]> } {
  const known: readonly Flag[] = [...command.flags, ...commonFlags];
  const operands: string[] = [];
  const flags = new Map<string, string[]>();
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (word === "--") {
      operands.push(...words.slice(index + 1));
      break;
    }
    if (word === "-h") {
      flags.set("help", [""]);
      continue;
    }
    if (!word.startsWith("--")) {
      if (/^-[A-Za-z]/.test(word)) {
        throw new UsageError(`"${word}" is not a flag; flags have two dashes.`, command.name);
      }
      operands.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const name = equals === -1 ? word.slice(2) : word.slice(2, equals);
    const flag = known.find((one) => one.name === name);
    if (flag === undefined) {
      const near = nearest(name, known.map((one) => one.name));
      const hint = near === null ? `"outpost ${command.name} --help" lists its flags.` : `did you mean --${near}?`;
      throw new UsageError(`"outpost ${command.name}" has no flag --${name}; ${hint}`, command.name);
    }
    let value = "";
    if (flag.value === undefined) {
      if (equals !== -1) throw new UsageError(`--${name} takes no value.`, command.name);
    } else if (equals !== -1) {
      value = word.slice(equals + 1);
    } else {
      const next = words[++index];
      if (next === undefined) throw new UsageError(`--${name} needs a value: --${name} ${flag.value}.`, command.name);
      value = next;
    }
    if (flags.has(name) && flag.many !== true && flag.value !== undefined) {
      throw new UsageError(`--${name} is given twice.`, command.name);
    }
    flags.set(name, [...flags.get(name) ?? [], value]);
  }
  return { operands, flags };
}

function checkCounts(command: Command, operands: readonly string[], flags: ReadonlyMap<string, unknown>): void {
  const usage = `outpost ${command.name} ${command.operands}`.trimEnd();
  if (operands.length < command.operandsMin) throw new UsageError(`Something is missing: ${usage}.`, command.name);
  if (operands.length > command.operandsMax) {
    throw new UsageError(`"${operands[command.operandsMax]}" is one word too many: ${usage}.`, command.name);
  }
  for (const flag of command.flags) {
    if (flag.required === true && !flags.has(flag.name)) {
      throw new UsageError(`--${flag.name} ${flag.value ?? ""}`.trimEnd() + " is missing.", command.name);
    }
  }
}
