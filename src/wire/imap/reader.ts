import type { AnyCommand, Command } from "#wire/imap/commands.ts";
import type { AppendPart, AppendPlace, AppendStep } from "#wire/imap/append.ts";
import type { LiteralHeader } from "#wire/imap/cursor.ts";
import type { LineEvent } from "#codec/text/line-reader.ts";
import { assert, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { LineReader } from "#codec/text/line-reader.ts";
import { appendRest } from "#wire/imap/append.ts";
import { parseCommand } from "#wire/imap/commands.ts";
import { Cursor, LiteralPending } from "#wire/imap/cursor.ts";

/** A command that is not one: the tag when it could be read, and what was wrong. RFC 9051 §7.1.3 */
export interface Bad {
  readonly kind: "bad";
  readonly tag: string | undefined;
  readonly text: string;
}

/**
 * What comes out of the bytes of a client. RFC 9051 §2.2.1
 *
 * - `continue`: tell the client to send the literal it announced.
 * - `append`: an APPEND or REPLACE whose message is announced, not read, when its last step is a literal. Call
 *   {@link CommandReader.acceptLiteral} (after telling a synchronizing client to go on) and take `data` up to
 *   `dataEnd`, whose steps may announce the next one; or {@link CommandReader.refuseLiteral} and wait for `skipped`
 *   before the answer.
 * - `text`: the line asked for by {@link CommandReader.expectText}; undefined when it was too long.
 * - `fatal`: where the next command begins can no longer be known; say BYE and close.
 */
export type ReaderEvent =
  | { readonly kind: "command"; readonly command: AnyCommand }
  | { readonly kind: "continue" }
  | { readonly kind: "append"; readonly command: Command<"APPEND" | "REPLACE"> }
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "dataEnd"; readonly bad: Bad | undefined; readonly steps: readonly AppendStep[] }
  | { readonly kind: "skipped" }
  | { readonly kind: "text"; readonly bytes: Uint8Array | undefined }
  | Bad
  | { readonly kind: "fatal"; readonly text: string };

type Mode = "line" | "literal" | "decide" | "stream" | "streamTail" | "skip" | "skipTail" | "text";

/**
 * Turns bytes into commands, in step with the client through literals of both kinds and through every mistake. What a
 * command's text and literals may hold in memory is bounded; the message of an APPEND passes through in pieces.
 * RFC 9051 §4.3, RFC 7888
 */
export class CommandReader {
  /** Bytes of literals one command may hold; lower until somebody has signed in. */
  literalMaxBytes: number = limits.imapLiteralMaxBytes;
  /** How folder names are written since ENABLE; see `Cursor`. */
  takesUtf8 = false;
  readonly #lines = new LineReader({ lineLengthMaxBytes: limits.commandLineMaxBytes });
  #mode: Mode = "line";
  #line: Buffer = Buffer.alloc(0);
  #literals: Buffer[] = [];
  #marks: number[] = [];
  #literalBytes = 0;
  #filling: Buffer = Buffer.alloc(0);
  #filledBytes = 0;
  #announced: LiteralHeader | undefined;
  #place: AppendPlace = "between";
  /** What to tell once the bytes of a refused literal are past. */
  #afterSkip: ReaderEvent | undefined;

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  /** Drops what came before a TLS handshake. RFC 9051 §11.1 */
  discard(): number {
    this.#reset();
    return this.#lines.discard();
  }

  /** The next line is no command: an answer to AUTHENTICATE, or DONE. */
  expectText(): void {
    assert(this.#mode === "line" && this.#line.length === 0, "a line of text is asked for between commands");
    this.#mode = "text";
  }

  /** A message is announced and neither accepted nor refused. */
  get hasAnnounced(): boolean {
    return this.#mode === "decide";
  }

  /** The bytes of the announced message come as `data`. */
  acceptLiteral(): void {
    assert(this.#mode === "decide" && this.#announced !== undefined, "a message was announced");
    this.#mode = "stream";
    this.#lines.expectExact(this.#announced.sizeBytes);
  }

  /** The announced message is not wanted: `skipped` comes when the next command can. */
  refuseLiteral(): void {
    assert(this.#mode === "decide" && this.#announced !== undefined, "a message was announced");
    this.#skip(this.#announced, { kind: "skipped" });
  }

  /** The next event, or undefined when more bytes are needed. */
  next(): ReaderEvent | undefined {
    assert(this.#mode !== "decide", "the announced message was accepted or refused");
    for (;;) {
      if (this.#mode === "line" && this.#afterSkip !== undefined) return this.#takeAfterSkip();
      const event = this.#lines.next();
      if (event === undefined) return undefined;
      const result = this.#take(event);
      if (result !== undefined) return result;
    }
  }

  #take(event: LineEvent): ReaderEvent | undefined {
    switch (this.#mode) {
      case "line":
        return event.kind === "line" ? this.#takeLine(event.bytes) : this.#takeTooLong(event);
      case "literal":
        return this.#fill(event);
      case "stream":
        if (event.kind !== "literal") return undefined;
        if (event.remaining === 0) this.#mode = "streamTail";
        return { kind: "data", bytes: event.bytes };
      case "streamTail":
        return this.#endStream(event);
      case "skip":
        if (event.kind === "literal" && event.remaining === 0) this.#mode = "skipTail";
        return undefined;
      case "skipTail":
        return this.#endSkip(event);
      default:
        this.#mode = "line";
        return { kind: "text", bytes: event.kind === "line" ? event.bytes : undefined };
    }
  }

  #takeLine(bytes: Uint8Array): ReaderEvent | undefined {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#line = this.#line.length === 0 ? piece : Buffer.concat([this.#line, piece]);
    const header = trailingLiteral(piece);
    if (header !== undefined) this.#marks.push(this.#line.length);
    if (this.#line.length > limits.commandLineMaxBytes) {
      return this.#refuse(header, `A command has at most ${limits.commandLineMaxBytes} bytes without its literals`);
    }
    try {
      const cursor = new Cursor(this.#line, this.#literals, this.#marks);
      cursor.takesUtf8 = this.takesUtf8;
      const command = parseCommand(cursor);
      if (command.name === "APPEND" || command.name === "REPLACE") {
        this.#announce(command.args);
        return { kind: "append", command: command as Command<"APPEND" | "REPLACE"> };
      }
      this.#reset();
      return { kind: "command", command };
    } catch (error) {
      if (error instanceof LiteralPending && header !== undefined) return this.#beginLiteral(header);
      if (!(error instanceof WireError)) throw error;
      return this.#refuse(header, error.message);
    }
  }

  /** The literal at the end of `steps` is to be decided on; without one the command is complete. */
  #announce({ steps, place }: AppendPart): void {
    const last = steps.at(-1);
    if (place === undefined || last?.step !== "literal") {
      this.#reset();
      return;
    }
    this.#announced = last.literal;
    this.#place = place;
    this.#mode = "decide";
  }

  #beginLiteral(header: LiteralHeader): ReaderEvent | undefined {
    if (this.#literals.length >= limits.imapLiteralsMax) {
      return this.#refuse(header, `A command has at most ${limits.imapLiteralsMax} literals`);
    }
    if (this.#literalBytes + header.sizeBytes > this.literalMaxBytes) {
      return this.#refuse(header, `The literals of a command have at most ${this.literalMaxBytes} bytes`);
    }
    this.#literalBytes += header.sizeBytes;
    // Grown as bytes come: an announcement alone must not take memory.
    this.#filling = Buffer.allocUnsafe(Math.min(header.sizeBytes, 1024));
    this.#filledBytes = 0;
    this.#mode = "literal";
    this.#lines.expectExact(header.sizeBytes);
    return header.isSynchronizing ? { kind: "continue" } : undefined;
  }

  #fill(event: LineEvent): undefined {
    if (event.kind !== "literal") return;
    const { bytes, remaining } = event;
    const needed = this.#filledBytes + bytes.length;
    if (needed > this.#filling.length) {
      const grown = Buffer.allocUnsafe(Math.min(needed + remaining, Math.max(needed, this.#filling.length * 2)));
      grown.set(this.#filling.subarray(0, this.#filledBytes));
      this.#filling = grown;
    }
    this.#filling.set(bytes, this.#filledBytes);
    this.#filledBytes = needed;
    if (remaining > 0) return;
    this.#literals.push(this.#filling.subarray(0, this.#filledBytes));
    this.#mode = "line";
  }

  #takeTooLong(event: LineEvent): ReaderEvent {
    const head = event.kind === "error" ? event.head : new Uint8Array(0);
    const first = this.#line.length > 0 ? this.#line : Buffer.from(head);
    this.#reset();
    return { kind: "bad", tag: tagOf(first), text: `A line has at most ${limits.commandLineMaxBytes} bytes` };
  }

  /** BAD now, or once the literal that comes anyway is past. RFC 7888 §4 */
  #refuse(header: LiteralHeader | undefined, text: string): ReaderEvent | undefined {
    const bad: Bad = { kind: "bad", tag: tagOf(this.#line), text };
    if (header !== undefined && !header.isSynchronizing) {
      if (header.sizeBytes > limits.imapSkipMaxBytes) return { kind: "fatal", text: "The literal is far too large" };
      this.#skip(header, bad);
      return undefined;
    }
    this.#reset();
    return bad;
  }

  #skip(header: LiteralHeader, afterwards: ReaderEvent): void {
    this.#reset();
    this.#afterSkip = afterwards;
    if (header.isSynchronizing) return;
    if (header.sizeBytes > limits.imapSkipMaxBytes) {
      this.#afterSkip = { kind: "fatal", text: "The literal is far too large" };
      return;
    }
    this.#mode = "skip";
    this.#lines.expectExact(header.sizeBytes);
  }

  #takeAfterSkip(): ReaderEvent | undefined {
    const event = this.#afterSkip;
    this.#afterSkip = undefined;
    return event;
  }

  #endSkip(event: LineEvent): ReaderEvent | undefined {
    const header = event.kind === "line" ? trailingLiteral(event.bytes) : undefined;
    const afterwards = this.#afterSkip!;
    this.#reset();
    if (header === undefined || header.isSynchronizing) return afterwards;
    this.#skip(header, afterwards);
    return undefined;
  }

  /** The text between the literals of an APPEND, or its end. */
  #endStream(event: LineEvent): ReaderEvent | undefined {
    const line = event.kind === "line" ? Buffer.from(event.bytes) : Buffer.alloc(0);
    const header = trailingLiteral(line);
    try {
      if (event.kind !== "line") throw new WireError("The line is too long", 0);
      const cursor = new Cursor(line, [], header === undefined ? [] : [line.length]);
      const part = appendRest(cursor, this.#place);
      if (!cursor.isAtEnd) cursor.fail("Something follows the message that APPEND does not take");
      this.#announce(part);
      return { kind: "dataEnd", bad: undefined, steps: part.steps };
    } catch (error) {
      if (!(error instanceof WireError) && !(error instanceof LiteralPending)) throw error;
      const text = error instanceof WireError ? error.message : "A URL cannot be a literal here";
      const bad: Bad = { kind: "bad", tag: tagOf(this.#line), text };
      const afterwards: ReaderEvent = { kind: "dataEnd", bad, steps: [] };
      this.#reset();
      if (header === undefined || header.isSynchronizing) return afterwards;
      this.#skip(header, afterwards);
      return undefined;
    }
  }

  #reset(): void {
    this.#mode = "line";
    this.#line = Buffer.alloc(0);
    this.#literals = [];
    this.#marks = [];
    this.#literalBytes = 0;
    this.#filling = Buffer.alloc(0);
    this.#announced = undefined;
    this.#afterSkip = undefined;
  }
}

/** `{n}`, `{n+}` or `~{n}` at the end of a line. RFC 9051 §9 `literal` */
function trailingLiteral(line: Uint8Array): LiteralHeader | undefined {
  let index = line.length - 1;
  if (line[index] !== 0x7d) return undefined;
  const isSynchronizing = line[index - 1] !== 0x2b;
  index -= isSynchronizing ? 1 : 2;
  let sizeBytes = 0;
  let scale = 1;
  const end = index;
  for (; index >= 0 && line[index]! >= 0x30 && line[index]! <= 0x39; index--) {
    // A size past any limit keeps growing towards infinity, which every limit refuses.
    sizeBytes += (line[index]! - 0x30) * scale;
    scale *= 10;
  }
  if (index === end || line[index] !== 0x7b || Number.isNaN(sizeBytes)) return undefined;
  return { sizeBytes, isSynchronizing, isBinary: line[index - 1] === 0x7e };
}

/** The tag a client may be waiting for, even when the rest cannot be read. RFC 9051 §2.2.1 */
function tagOf(line: Buffer): string | undefined {
  try {
    const cursor = new Cursor(line.subarray(0, 256));
    const tag = cursor.tag();
    return cursor.isAtEnd && line.length > 256 ? undefined : tag;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
