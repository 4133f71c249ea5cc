/** A Sieve script as commands, tests and arguments, whatever they mean. RFC 5228 §8.2 */
import { limits } from "#base/limits.ts";
import { Lexer } from "#rules/sieve/lexer.ts";
import type { SieveError, Token } from "#rules/sieve/lexer.ts";

export type Argument =
  | { readonly kind: "tag"; readonly tag: string; readonly at: number }
  | { readonly kind: "number"; readonly number: number; readonly at: number }
  /** `isList` tells `["a"]` from `"a"`. */
  | { readonly kind: "strings"; readonly strings: readonly string[]; readonly isList: boolean; readonly at: number };

export interface ParsedTest {
  readonly name: string;
  readonly at: number;
  readonly args: readonly Argument[];
  readonly tests: readonly ParsedTest[];
  /** Tests stood in parentheses. */
  readonly isTestList: boolean;
}

export interface ParsedCommand extends ParsedTest {
  readonly block: readonly ParsedCommand[] | null;
}

export interface ParsedScript {
  readonly commands: readonly ParsedCommand[];
  /** An error at a place of this script. */
  errorAt(message: string, at: number): SieveError;
}

/** Throws SieveError. RFC 5228 §8.2 */
export function parseScript(script: string): ParsedScript {
  // A mark that editors put before UTF-8 is no part of the text.
  const lexer = new Lexer(script.startsWith("\uFEFF") ? ` ${script.slice(1)}` : script);
  return { commands: new Parser(lexer).script(), errorAt: (message, at) => lexer.error(message, at) };
}

class Parser {
  readonly #lexer: Lexer;
  #token: Token;
  #nodes = 0;

  constructor(lexer: Lexer) {
    this.#lexer = lexer;
    this.#token = lexer.next();
  }

  script(): ParsedCommand[] {
    const commands = this.#commands(0);
    if (this.#token.kind !== "end") throw this.#unexpected("a command");
    return commands;
  }

  #advance(): Token {
    const token = this.#token;
    this.#token = this.#lexer.next();
    return token;
  }

  #isPunctuation(text: string): boolean {
    return this.#token.kind === "punctuation" && this.#token.text === text;
  }

  #take(text: string): void {
    if (!this.#isPunctuation(text)) throw this.#unexpected(`"${text}"`);
    this.#advance();
  }

  #unexpected(wanted: string): SieveError {
    const token = this.#token;
    const found = token.kind === "end" ? "the script ends" : token.kind === "number" ? `there is ${token.value}`
      : token.kind === "string" ? "there is a string" : `there is "${token.kind === "tag" ? ":" : ""}${token.text}"`;
    return this.#lexer.error(`${wanted} is wanted, and ${found}`, token.at);
  }

  #count(depth: number): void {
    if (depth > limits.sieveDepthMax) {
      throw this.#lexer.error(`this is nested more than ${limits.sieveDepthMax} deep`, this.#token.at);
    }
    if (++this.#nodes > limits.sieveNodesMax) {
      throw this.#lexer.error(`there are more than ${limits.sieveNodesMax} commands and tests`, this.#token.at);
    }
  }

  #commands(depth: number): ParsedCommand[] {
    const commands: ParsedCommand[] = [];
    while (this.#token.kind === "identifier") commands.push(this.#command(depth));
    return commands;
  }

  #command(depth: number): ParsedCommand {
    const test = this.#test(depth);
    if (this.#isPunctuation("{")) {
      this.#advance();
      const block = this.#commands(depth + 1);
      this.#take("}");
      return { ...test, block };
    }
    if (!this.#isPunctuation(";")) throw this.#unexpected(test.isTestList ? '"{" or ";"' : '";"');
    this.#advance();
    return { ...test, block: null };
  }

  /** A test has the same shape as the head of a command: name, arguments, tests. */
  #test(depth: number): ParsedTest {
    this.#count(depth);
    const head = this.#advance() as Extract<Token, { text: string }>;
    const args: Argument[] = [];
    for (let arg = this.#argument(); arg !== null; arg = this.#argument()) args.push(arg);
    const tests: ParsedTest[] = [];
    const isTestList = this.#isPunctuation("(");
    if (isTestList) {
      do {
        this.#advance();
        if (this.#token.kind !== "identifier") throw this.#unexpected("a test");
        tests.push(this.#test(depth + 1));
      } while (this.#isPunctuation(","));
      this.#take(")");
    } else if (this.#token.kind === "identifier") tests.push(this.#test(depth + 1));
    return { name: head.text, at: head.at, args, tests, isTestList };
  }

  #argument(): Argument | null {
    const token = this.#token;
    if (token.kind === "tag") {
      this.#advance();
      return { kind: "tag", tag: token.text, at: token.at };
    }
    if (token.kind === "number") {
      this.#advance();
      return { kind: "number", number: token.value, at: token.at };
    }
    if (token.kind === "string") {
      this.#advance();
      return { kind: "strings", strings: [token.text], isList: false, at: token.at };
    }
    if (!this.#isPunctuation("[")) return null;
    const strings: string[] = [];
    do {
      this.#advance();
      const { kind } = this.#token;
      if (kind !== "string") throw this.#unexpected("a string");
      strings.push((this.#advance() as Extract<Token, { text: string }>).text);
    } while (this.#isPunctuation(","));
    this.#take("]");
    return { kind: "strings", strings, isList: true, at: token.at };
  }
}
