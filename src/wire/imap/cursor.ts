import { WireError } from "#base/fault.ts";

/**
 * Text as it stands on the wire, one character per byte (0 to 255): what clients send as a string before anybody has
 * said which character set it is in.
 */
export type Octets = string;

/** A literal's announcement, `{n}` or `{n+}`. RFC 9051 §4.3, RFC 7888 §4 */
export interface LiteralHeader {
  readonly sizeBytes: number;
  /** False for `{n+}`: the bytes follow without our consent. */
  readonly isSynchronizing: boolean;
  /** `~{n}`, which only BINARY allows. RFC 3516 §7 */
  readonly isBinary: boolean;
}

/** The grammar stands at a string whose literal has been announced but not read. Not an error: see `reader.ts`. */
export class LiteralPending extends Error {}

const atomBit = 1;
const astringBit = 2;
const listBit = 4;
const tagBit = 8;
const nameBit = 16;

/** Which lexical class each byte belongs to. Bytes from 0x80 are taken in names, for clients that send bare UTF-8. */
const classes = buildClasses();

function buildClasses(): Uint8Array {
  const table = new Uint8Array(256);
  for (let byte = 0x21; byte < 0x7f; byte++) {
    const character = String.fromCharCode(byte);
    if ('(){%*"\\'.includes(character)) continue;
    const bits = atomBit | astringBit | listBit | tagBit;
    table[byte] = character === "]" ? bits & ~atomBit : character === "+" ? bits & ~tagBit : bits;
  }
  for (const wildcard of [0x25, 0x2a]) table[wildcard] = listBit;
  table.fill(astringBit | listBit, 0x80, 0x100);
  for (let byte = 0; byte < table.length; byte++) if ((table[byte]! & astringBit) !== 0) table[byte]! |= nameBit;
  table[0x5c]! |= nameBit;
  return table;
}

/** Whether `text` can stand as an atom. RFC 9051 §9 `atom` */
export function isAtom(text: string): boolean {
  if (text === "") return false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0xff || (classes[code]! & atomBit) === 0) return false;
  }
  return true;
}

/** Whether `text` can stand as an astring without quotes, `]` included. RFC 9051 §9 `ASTRING-CHAR` */
export function isAstringAtom(text: string): boolean {
  if (text === "") return false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7e || (classes[code]! & astringBit) === 0) return false;
  }
  return true;
}

/**
 * Reads one command: the text of its lines put together without line ends, each literal's bytes standing beside its
 * `{n}` mark. Every method either consumes what it names or throws `WireError` with the offset in the line text.
 * RFC 9051 §9
 */
export class Cursor {
  readonly line: Buffer;
  readonly literals: readonly Buffer[];
  /** Offsets in `line` right after the mark of each literal, in order; one more than `literals` when one is pending. */
  readonly literalMarks: readonly number[];
  /** Folder names are UTF-8 and `&` is a letter like any other. RFC 6855 §3 */
  takesUtf8 = false;
  offset = 0;
  depth = 0;
  #literalIndex = 0;

  constructor(line: Buffer, literals: readonly Buffer[] = [], literalMarks: readonly number[] = []) {
    this.line = line;
    this.literals = literals;
    this.literalMarks = literalMarks;
  }

  get isAtEnd(): boolean {
    return this.offset >= this.line.length;
  }

  /** The next byte, or -1 at the end. */
  peek(ahead = 0): number {
    return this.line[this.offset + ahead] ?? -1;
  }

  fail(message: string): never {
    throw new WireError(message, this.offset);
  }

  /** Consumes `character` when it is next. */
  accept(character: string): boolean {
    if (this.peek() !== character.charCodeAt(0)) return false;
    this.offset++;
    return true;
  }

  expect(character: string, what: string): void {
    if (!this.accept(character)) this.fail(`Expected ${what}`);
  }

  space(): void {
    if (!this.accept(" ")) this.fail(this.isAtEnd ? "Something is missing at the end" : "Expected a space");
  }

  /** Whether `word` (in capitals) stands here, in any case, and ends here as a word. */
  isWord(word: string): boolean {
    for (let index = 0; index < word.length; index++) {
      if (upper(this.peek(index)) !== word.charCodeAt(index)) return false;
    }
    const after = this.peek(word.length);
    return after === -1 || (classes[after]! & atomBit) === 0;
  }

  tag(): string {
    return this.#run(tagBit) || this.fail("Expected a tag");
  }

  atom(what = "an atom"): string {
    return this.#run(atomBit) || this.fail(`Expected ${what}`);
  }

  /** An atom in capitals. */
  word(what: string): string {
    return this.atom(what).toUpperCase();
  }

  /** Letters, digits, dots and minus in capitals: names that end before `[`, which is itself an atom character. */
  itemName(what: string): string {
    const start = this.offset;
    for (;;) {
      const byte = upper(this.peek());
      const isNameByte = (byte >= 0x41 && byte <= 0x5a) || isDigit(byte) || byte === 0x2e || byte === 0x2d;
      if (!isNameByte) break;
      this.offset++;
    }
    if (this.offset === start) this.fail(`Expected ${what}`);
    return this.#text(start).toUpperCase();
  }

  /** An astring that may also hold a bare backslash: programs send `DOMAIN\user` in LOGIN without quotes. */
  signInName(): Octets {
    return this.#run(nameBit) || this.string("a name");
  }

  astring(what = "a string"): Octets {
    return this.#run(astringBit) || this.string(what);
  }

  /** A mailbox name with wildcards. RFC 9051 §9 `list-mailbox` */
  listMailbox(): Octets {
    return this.#run(listBit) || this.string("a mailbox pattern");
  }

  string(what = "a string"): Octets {
    const byte = this.peek();
    if (byte === 0x22) return this.#quoted();
    if (byte === 0x7b || (byte === 0x7e && this.peek(1) === 0x7b)) return this.#literal();
    return this.fail(`Expected ${what}`);
  }

  /** {@link Cursor.nstring} that may also be a literal with `~`, which holds any octet. RFC 5464 §5 `value` */
  nstring8(): Octets | undefined {
    return this.peek() === 0x7e ? this.#literal(true) : this.nstring();
  }

  /** A string, or undefined for NIL. */
  nstring(): Octets | undefined {
    if (this.isWord("NIL")) {
      this.offset += 3;
      return undefined;
    }
    return this.string("a string or NIL");
  }

  /** Digits with a value up to `max`. */
  number(what = "a number", max = 0xffff_ffff): number {
    const start = this.offset;
    let value = 0;
    while (isDigit(this.peek())) {
      value = value * 10 + (this.line[this.offset]! - 0x30);
      if (value > max) this.fail(`The number is too large (at most ${max})`);
      this.offset++;
    }
    if (this.offset === start) this.fail(`Expected ${what}`);
    return value;
  }

  /** Up to 2^63-1; what a number cannot tell apart any more becomes the largest it can. RFC 9051 §9 `number64` */
  number64(what: string): number {
    const start = this.offset;
    while (isDigit(this.peek())) this.offset++;
    const digits = this.line.toString("latin1", start, this.offset);
    if (digits.length === 0) this.fail(`Expected ${what}`);
    if (digits.length > 19 || BigInt(digits) > 0x7fff_ffff_ffff_ffffn) this.fail("The number is too large");
    return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
  }

  nonZero(what = "a number"): number {
    const start = this.offset;
    const value = this.number(what);
    if (value === 0) {
      this.offset = start;
      this.fail("Zero cannot stand here");
    }
    return value;
  }

  /** The mark of a literal that has been announced last and not been read: the data of APPEND. RFC 9051 §6.3.12 */
  announcedLiteral(): LiteralHeader {
    const header = this.#literalHeader(true);
    if (this.#literalIndex < this.literals.length) this.fail("A message cannot stand before the last literal");
    return header;
  }

  /** Reads with one more level of nesting, at most `depthMax`. */
  nested<T>(depthMax: number, read: () => T): T {
    if (++this.depth > depthMax) this.fail(`Nested deeper than ${depthMax}`);
    const value = read();
    this.depth--;
    return value;
  }

  #run(bit: number): string {
    const start = this.offset;
    const { line } = this;
    let end = start;
    while (end < line.length && (classes[line[end]!]! & bit) !== 0) end++;
    this.offset = end;
    return end === start ? "" : this.#text(start);
  }

  #text(start: number): Octets {
    return this.line.toString("latin1", start, this.offset);
  }

  #quoted(): Octets {
    const start = ++this.offset;
    const { line } = this;
    let hasEscape = false;
    for (; this.offset < line.length; this.offset++) {
      const byte = line[this.offset]!;
      if (byte === 0x22) {
        const text = this.#text(start);
        this.offset++;
        return hasEscape ? text.replace(/\\(.)/gs, "$1") : text;
      }
      if (byte === 0x5c) {
        hasEscape = true;
        this.offset++;
        if (this.peek() !== 0x22 && this.peek() !== 0x5c) this.fail("Only \\ and \" may follow a backslash");
      } else if (byte === 0 || byte === 0x0d) {
        this.fail("NUL and CR cannot stand in a quoted string");
      }
    }
    return this.fail("The quoted string has no end");
  }

  #literalHeader(mayBeBinary = false): LiteralHeader {
    const isBinary = this.accept("~");
    this.expect("{", "a literal");
    const sizeBytes = this.number("the size of the literal", Number.MAX_SAFE_INTEGER);
    const isSynchronizing = !this.accept("+");
    this.expect("}", "} after the size of the literal");
    if (this.literalMarks[this.#literalIndex] !== this.offset) this.fail("A literal begins at the end of a line");
    if (isBinary && !mayBeBinary) this.fail("Only a message can be a literal with ~");
    return { sizeBytes, isSynchronizing, isBinary };
  }

  #literal(mayBeBinary = false): Octets {
    this.#literalHeader(mayBeBinary);
    const bytes = this.literals[this.#literalIndex];
    if (bytes === undefined) throw new LiteralPending();
    this.#literalIndex++;
    return bytes.toString("latin1");
  }
}

function upper(byte: number): number {
  return byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
}

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
