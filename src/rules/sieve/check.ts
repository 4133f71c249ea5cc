/**
 * From parsed commands to commands that can run: every name, argument and extension is known, every place is told
 * where one is not. RFC 5228 §2.10, §3.2
 */
import { parseAddresses } from "#format/mime/addresses.ts";
import { capabilities, commandRows, testRows } from "#rules/sieve/grammar.ts";
import type { ArgumentKind, NodeRow } from "#rules/sieve/grammar.ts";
import type { SieveError } from "#rules/sieve/lexer.ts";
import { comparatorNames } from "#rules/sieve/match.ts";
import { parseScript } from "#rules/sieve/parser.ts";
import type { Argument, ParsedCommand, ParsedScript, ParsedTest } from "#rules/sieve/parser.ts";
import { decodeCharacters, isVariableName, namesOf } from "#rules/sieve/variables.ts";
import { dateParts, zoneMinutes } from "#rules/sieve/dates.ts";

export type TagValue = true | number | readonly string[];

export interface SieveTest {
  readonly name: string;
  readonly at: number;
  readonly tags: ReadonlyMap<string, TagValue>;
  /** In the order of the row; an optional first one that was left out is null. */
  readonly values: readonly (readonly string[] | number | null)[];
  readonly tests: readonly SieveTest[];
}

export interface SieveCommand extends SieveTest {
  readonly block: readonly SieveCommand[];
}

/** A script that can run. */
export interface SieveScript {
  readonly commands: readonly SieveCommand[];
  readonly required: ReadonlySet<string>;
  /** An error at a place of this script, for what shows only as it runs. */
  errorAt(message: string, at: number): SieveError;
}

/** Parses and checks. Throws SieveError with the place. RFC 5228 §2.10.5, §3.2 */
export function compileSieve(script: string): SieveScript {
  const parsed = parseScript(script);
  const checker = new Checker(parsed);
  const commands = checker.commands(parsed.commands, true);
  return { commands, required: checker.required, errorAt: parsed.errorAt };
}

const known: ReadonlySet<string> = new Set(capabilities);
/** Always there, whether required or not. RFC 5228 §2.7.3 */
const comparatorsFree = new Set(["i;octet", "i;ascii-casemap"]);
const relations = new Set(["gt", "ge", "lt", "le", "eq", "ne"]);

class Checker {
  readonly required = new Set<string>();
  readonly #script: ParsedScript;

  constructor(script: ParsedScript) {
    this.#script = script;
  }

  #fail(message: string, at: number): never {
    throw this.#script.errorAt(message, at);
  }

  commands(parsed: readonly ParsedCommand[], isTop: boolean): SieveCommand[] {
    const commands: SieveCommand[] = [];
    let mayRequire = isTop;
    let mayElse = false;
    for (const command of parsed) {
      const row = Object.hasOwn(commandRows, command.name) ? commandRows[command.name] : undefined;
      if (row === undefined) this.#fail(`"${command.name}" is no command`, command.at);
      if (command.name === "require") {
        if (!mayRequire) this.#fail('"require" stands before all other commands', command.at);
        this.#require(command, row);
        continue;
      }
      mayRequire = false;
      if ((command.name === "elsif" || command.name === "else") && !mayElse) {
        this.#fail(`"${command.name}" follows no "if"`, command.at);
      }
      mayElse = command.name === "if" || command.name === "elsif";
      const head = this.#node(command, row);
      if (row.block === true && command.block === null) this.#fail(`"${command.name}" needs a block`, command.at);
      if (row.block !== true && command.block !== null) this.#fail(`"${command.name}" has no block`, command.at);
      this.#checkCommand(head);
      commands.push({ ...head, block: this.commands(command.block ?? [], false) });
    }
    return commands;
  }

  #require(command: ParsedCommand, row: NodeRow): void {
    const { values } = this.#node(command, row);
    if (command.block !== null) this.#fail('"require" has no block', command.at);
    for (const name of values[0] as readonly string[]) {
      if (!known.has(name)) this.#fail(`the extension "${name}" is not known here`, command.args[0]!.at);
      this.required.add(name);
    }
  }

  #test(test: ParsedTest): SieveTest {
    const row = Object.hasOwn(testRows, test.name) ? testRows[test.name] : undefined;
    if (row === undefined) this.#fail(`"${test.name}" is no test`, test.at);
    const checked = this.#node(test, row);
    this.#checkTest(checked);
    return checked;
  }

  #needs(capability: string | undefined, what: string, at: number): void {
    if (capability === undefined || this.required.has(capability)) return;
    // Seconds of a vacation bring the vacation with them. RFC 6131 §2
    if (capability === "vacation" && this.required.has("vacation-seconds")) return;
    this.#fail(`${what} needs require "${capability}"`, at);
  }

  #node(node: ParsedTest, row: NodeRow): SieveTest {
    this.#needs(row.needs, `"${node.name}"`, node.at);
    const { tags, rest } = this.#tags(node, row);
    const values = this.#positional(node, row, rest);
    const wantsTests = row.tests !== undefined;
    if (!wantsTests && node.tests.length > 0) this.#fail(`"${node.name}" takes no test`, node.tests[0]!.at);
    if (wantsTests && node.tests.length === 0) this.#fail(`"${node.name}" needs a test`, node.at);
    if (row.tests === "list" !== node.isTestList && wantsTests) {
      this.#fail(`"${node.name}" takes ${row.tests === "list" ? "tests in parentheses" : "one test"}`, node.at);
    }
    return { name: node.name, at: node.at, tags, values, tests: node.tests.map((test) => this.#test(test)) };
  }

  #tags(node: ParsedTest, row: NodeRow): { tags: Map<string, TagValue>; rest: Argument[] } {
    const tags = new Map<string, TagValue>();
    const groups = new Map<string, string>();
    const rest: Argument[] = [];
    for (let index = 0; index < node.args.length; index++) {
      const arg = node.args[index]!;
      if (arg.kind !== "tag") {
        rest.push(arg);
        continue;
      }
      const tagRow = row.tags !== undefined && Object.hasOwn(row.tags, arg.tag) ? row.tags[arg.tag] : undefined;
      if (tagRow === undefined) this.#fail(`"${node.name}" does not know ":${arg.tag}"`, arg.at);
      if (rest.length > 0) this.#fail(`":${arg.tag}" stands before the other arguments`, arg.at);
      this.#needs(tagRow.needs, `":${arg.tag}"`, arg.at);
      const other = tagRow.group === undefined ? undefined : groups.get(tagRow.group);
      if (tags.has(arg.tag)) this.#fail(`":${arg.tag}" stands twice`, arg.at);
      if (other !== undefined) this.#fail(`":${arg.tag}" does not go with ":${other}"`, arg.at);
      if (tagRow.group !== undefined) groups.set(tagRow.group, arg.tag);
      if (tagRow.value === undefined) {
        tags.set(arg.tag, true);
        continue;
      }
      const value = node.args[++index];
      if (value === undefined) this.#fail(`":${arg.tag}" needs a value`, arg.at);
      tags.set(arg.tag, this.#value(value, tagRow.value, `":${arg.tag}"`));
    }
    return { tags, rest };
  }

  #positional(node: ParsedTest, row: NodeRow, rest: readonly Argument[]): (readonly string[] | number | null)[] {
    const wanted = row.positional ?? [];
    const isShort = row.firstOptional === true && rest.length === wanted.length - 1;
    if (rest.length !== wanted.length && !isShort) {
      const at = rest[wanted.length]?.at ?? node.at;
      this.#fail(`"${node.name}" takes ${wanted.length === 0 ? "no argument" :
        `${wanted.length} argument${wanted.length === 1 ? "" : "s"}`}, not ${rest.length}`, at);
    }
    const shift = isShort ? 1 : 0;
    const values = rest.map((arg, index) => this.#value(arg, wanted[index + shift]!, `"${node.name}"`));
    return isShort ? [null, ...values] : values;
  }

  #value(arg: Argument, kind: ArgumentKind, what: string): readonly string[] | number {
    if (kind === "number") {
      if (arg.kind !== "number") this.#fail(`${what} takes a number`, arg.at);
      return arg.number;
    }
    if (arg.kind !== "strings") this.#fail(`${what} takes a string`, arg.at);
    if (kind === "string" && arg.isList) this.#fail(`${what} takes one string, not a list`, arg.at);
    if (!this.required.has("encoded-character")) return arg.strings;
    return arg.strings.map((text) => {
      const decoded = decodeCharacters(text);
      if (decoded === null) this.#fail("this names a character that is none", arg.at);
      return decoded;
    });
  }

  /** A text that no variable can change. */
  #isFixed(text: string): boolean {
    return !this.required.has("variables") || namesOf(text).length === 0;
  }

  #checkCommand({ name, at, tags, values }: SieveTest): void {
    if (name === "redirect") this.#checkAddress((values[0] as readonly string[])[0]!, at);
    if (name === "set") {
      const variable = (values[0] as readonly string[])[0]!;
      if (!isVariableName(variable)) this.#fail(`"${variable}" is no name of a variable`, at);
    }
    if (name.endsWith("flag") && values[0] !== null) {
      this.#needs("variables", "a variable of flags", at);
      const variable = (values[0] as readonly string[])[0]!;
      if (!isVariableName(variable)) this.#fail(`"${variable}" is no name of a variable`, at);
    }
    if (name === "fileinto" && (values[0] as readonly string[])[0] === "") this.#fail("the folder has no name", at);
    const from = tags.get("from");
    if (name === "vacation" && Array.isArray(from)) this.#checkAddress((from as readonly string[])[0]!, at);
  }

  #checkAddress(text: string, at: number): void {
    if (!this.#isFixed(text)) return;
    const found = parseAddresses(text, 2);
    const only = found[0];
    if (found.length !== 1 || only?.host === null || only?.host === "" || (only?.mailbox ?? "") === "") {
      this.#fail(`"${text}" is no address`, at);
    }
  }

  #checkTest(test: SieveTest): void {
    const { name, at, tags, values } = test;
    this.#checkMatch(test);
    if (name === "size" && !tags.has("over") && !tags.has("under")) this.#fail('"size" needs ":over" or ":under"', at);
    if (tags.has("last") && name !== "duplicate" && !tags.has("index")) this.#fail('":last" needs ":index"', at);
    if (tags.get("index") === 0) this.#fail('":index" counts from 1', at);
    if (name === "envelope") {
      for (const part of values[0] as readonly string[]) {
        if (this.#isFixed(part) && !["from", "to"].includes(part.toLowerCase())) {
          this.#fail(`"${part}" is no part of an envelope that is known here`, at);
        }
      }
    }
    if (name === "date" || name === "currentdate") {
      const part = (values[name === "date" ? 1 : 0] as readonly string[])[0]!;
      if (this.#isFixed(part) && !dateParts.has(part.toLowerCase())) this.#fail(`"${part}" is no part of a date`, at);
      const zone = tags.get("zone");
      if (Array.isArray(zone)) {
        const text = (zone as readonly string[])[0]!;
        if (this.#isFixed(text) && zoneMinutes(text) === null) this.#fail(`"${text}" is no time zone like "+0100"`, at);
      }
    }
    if (name === "hasflag" && values[0] !== null) this.#needs("variables", "a variable of flags", at);
  }

  #checkMatch({ at, tags }: SieveTest): void {
    const comparator = (tags.get("comparator") as readonly string[] | undefined)?.[0];
    if (comparator !== undefined) {
      if (!comparatorNames.has(comparator)) this.#fail(`the comparator "${comparator}" is not known here`, at);
      if (!comparatorsFree.has(comparator)) this.#needs(`comparator-${comparator}`, `"${comparator}"`, at);
      if (comparator === "i;ascii-numeric" && (tags.has("contains") || tags.has("matches"))) {
        this.#fail('"i;ascii-numeric" compares numbers only, not parts of texts', at);
      }
    }
    for (const tag of ["value", "count"]) {
      const relation = (tags.get(tag) as readonly string[] | undefined)?.[0];
      if (relation !== undefined && !relations.has(relation.toLowerCase())) {
        this.#fail(`"${relation}" is none of gt, ge, lt, le, eq, ne`, at);
      }
    }
  }
}
