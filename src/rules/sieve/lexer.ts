/** A Sieve script as tokens. RFC 5228 §2, §8.1 */
import { limits } from "#base/limits.ts";

/** What is wrong with a script, and where: lines and columns count from 1. */
export class SieveError extends Error {
  readonly line: number;
  readonly column: number;

  constructor(message: string, line: number, column: number) {
    super(`line ${line}, column ${column}: ${message}`);
    this.name = "SieveError";
    this.line = line;
    this.column = column;
  }
}

export type Token =
  | { readonly kind: "identifier" | "tag" | "string"; readonly text: string; readonly at: number }
  | { readonly kind: "number"; readonly value: number; readonly at: number }
  | { readonly kind: "punctuation"; readonly text: string; readonly at: number }
  | { readonly kind: "end"; readonly at: number };

/** RFC 5228 §2.4.1: numbers of 31 bits at least; larger ones are refused here. */
const numberMax = 2 ** 53 - 1;
const quantifiers: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

export class Lexer {
  readonly #script: string;
  #at = 0;
  #strings = 0;

  constructor(script: string) {
    this.#script = script;
    if (Buffer.byteLength(script) > limits.sieveScriptMaxBytes) {
      throw this.error(`the script has more than ${limits.sieveScriptMaxBytes} bytes`, 0);
    }
    const nul = script.indexOf("\0");
    if (nul >= 0) throw this.error("a NUL may not stand in a script", nul);
  }

  error(message: string, at: number): SieveError {
    const before = this.#script.slice(0, at);
    const lineStart = before.lastIndexOf("\n") + 1;
    let line = 1;
    for (let feed = before.indexOf("\n"); feed >= 0; feed = before.indexOf("\n", feed + 1)) line++;
    return new SieveError(message, line, at - lineStart + 1);
  }

  next(): Token {
    this.#skip();
    const script = this.#script;
    const at = this.#at;
    if (at >= script.length) return { kind: "end", at };
    const character = script[at]!;
    if ("[](){},;".includes(character)) {
      this.#at++;
      return { kind: "punctuation", text: character, at };
    }
    if (character === '"') return this.#quoted(at);
    if (character === ":") {
      const text = this.#word(at + 1);
      if (text === "") throw this.error('a name is missing after ":"', at);
      this.#at = at + 1 + text.length;
      return { kind: "tag", text: text.toLowerCase(), at };
    }
    if (character >= "0" && character <= "9") return this.#number(at);
    const word = this.#word(at);
    if (word === "") throw this.error(`${JSON.stringify(character)} does not belong here`, at);
    this.#at = at + word.length;
    if (word.toLowerCase() === "text" && script[this.#at] === ":") return this.#multiline(at);
    return { kind: "identifier", text: word.toLowerCase(), at };
  }

  /** White space and comments of both kinds. RFC 5228 §2.2, §2.3 */
  #skip(): void {
    const script = this.#script;
    for (;;) {
      const character = script[this.#at];
      if (character === " " || character === "\t" || character === "\r" || character === "\n") this.#at++;
      else if (character === "#") {
        const feed = script.indexOf("\n", this.#at);
        this.#at = feed < 0 ? script.length : feed + 1;
      } else if (character === "/" && script[this.#at + 1] === "*") {
        const end = script.indexOf("*/", this.#at + 2);
        if (end < 0) throw this.error("this comment has no end", this.#at);
        this.#at = end + 2;
      } else return;
    }
  }

  #word(from: number): string {
    const pattern = /[A-Za-z_][A-Za-z0-9_]*/y;
    pattern.lastIndex = from;
    return pattern.exec(this.#script)?.[0] ?? "";
  }

  #number(at: number): Token {
    const pattern = /(\d+)([KkMmGg]?)(?![A-Za-z0-9_])/y;
    pattern.lastIndex = at;
    const found = pattern.exec(this.#script);
    if (found === null) throw this.error("this is no number", at);
    const value = Number(found[1]) * (quantifiers[found[2]!.toLowerCase()] ?? 1);
    if (value > numberMax) throw this.error("this number is too large", at);
    this.#at = pattern.lastIndex;
    return { kind: "number", value, at };
  }

  #countString(at: number): void {
    if (++this.#strings > limits.sieveStringsMax) throw this.error("there are too many strings", at);
  }

  /** A backslash makes the next character stand for itself. RFC 5228 §2.4.2 */
  #quoted(at: number): Token {
    this.#countString(at);
    const script = this.#script;
    const pieces: string[] = [];
    let from = at + 1;
    for (let index = from; index < script.length; index++) {
      const character = script[index];
      if (character === "\\") {
        pieces.push(script.slice(from, index));
        from = index + 1;
        index++;
      } else if (character === '"') {
        pieces.push(script.slice(from, index));
        this.#at = index + 1;
        return { kind: "string", text: pieces.join(""), at };
      }
    }
    throw this.error("this string has no end", at);
  }

  /** `text:`, its lines up to one with a dot alone; a dot before a dot goes. RFC 5228 §2.4.2 */
  #multiline(at: number): Token {
    this.#countString(at);
    const pattern = /:[ \t]*(?:#[^\n]*)?\r?\n/y;
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#script)) throw this.error('"text:" is followed by the end of its line', at);
    const lines: string[] = [];
    for (let from = pattern.lastIndex; from < this.#script.length;) {
      const feed = this.#script.indexOf("\n", from);
      const end = feed < 0 ? this.#script.length : feed + 1;
      const line = this.#script.slice(from, end).replace(/\r?\n$/, "");
      if (line === "." && feed >= 0 || line === "." && end === this.#script.length) {
        this.#at = end;
        return { kind: "string", text: lines.join(""), at };
      }
      lines.push(`${line.startsWith(".") ? line.slice(1) : line}\r\n`);
      from = end;
    }
    throw this.error('this text has no end: a line with "." alone', at);
  }
}
