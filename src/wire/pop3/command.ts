/** POP3 commands, one row each, and the parser that follows the rows. */
import { WireError } from "#base/fault.ts";

export type Pop3State = "authorization" | "transaction";

/** What may follow a keyword, and what the parser makes of it. */
export interface Pop3Arguments {
  readonly none: null;
  /** The rest of the line after one space, as sent: names and passwords hold spaces. RFC 1939 §7 */
  readonly text: Uint8Array;
  /** A message number. */
  readonly number: number;
  readonly optionalNumber: number | null;
  /** One word in lower case. */
  readonly optionalWord: string | null;
  readonly numberAndCount: { readonly number: number; readonly count: number };
  /** A SASL mechanism in upper case and the initial response. RFC 5034 §4 */
  readonly mechanism: { readonly mechanism: string | null; readonly initialResponse: string | null };
}

export interface Pop3CommandRow {
  readonly argument: keyof Pop3Arguments;
  readonly states: readonly Pop3State[];
  /** Known, so that the refusal can say why, and never done. */
  readonly refusal?: string;
}

/** RFC 1939 §5–§7 unless the row says otherwise. */
export const pop3Commands = {
  /** RFC 2449 §5 */
  CAPA: { argument: "none", states: ["authorization", "transaction"] },
  USER: { argument: "text", states: ["authorization"] },
  PASS: { argument: "text", states: ["authorization"] },
  /** RFC 5034 §4 */
  AUTH: { argument: "mechanism", states: ["authorization"] },
  /** RFC 2595 §4 */
  STLS: { argument: "none", states: ["authorization"] },
  /** RFC 6856 §2.1 */
  UTF8: { argument: "none", states: ["authorization"] },
  /** RFC 6856 §3 */
  LANG: { argument: "optionalWord", states: ["authorization", "transaction"] },
  STAT: { argument: "none", states: ["transaction"] },
  LIST: { argument: "optionalNumber", states: ["transaction"] },
  UIDL: { argument: "optionalNumber", states: ["transaction"] },
  RETR: { argument: "number", states: ["transaction"] },
  TOP: { argument: "numberAndCount", states: ["transaction"] },
  DELE: { argument: "number", states: ["transaction"] },
  RSET: { argument: "none", states: ["transaction"] },
  NOOP: { argument: "none", states: ["transaction"] },
  QUIT: { argument: "none", states: ["authorization", "transaction"] },
  APOP: {
    argument: "text", states: ["authorization"],
    refusal: "APOP is not offered, because it needs passwords kept in the clear. Use USER and PASS with TLS.",
  },
  /** RFC 1460 §6, gone since RFC 1725. */
  LAST: { argument: "none", states: ["transaction"], refusal: "LAST is not offered. Use UIDL to tell what is new." },
} as const satisfies Record<string, Pop3CommandRow>;

export type Pop3Verb = keyof typeof pop3Commands;

export type Pop3Command = {
  [V in Pop3Verb]: { readonly verb: V; readonly argument: Pop3Arguments[(typeof pop3Commands)[V]["argument"]] };
}[Pop3Verb];

/** The row of a command with its optional columns. */
export function pop3CommandRow(verb: Pop3Verb): Pop3CommandRow {
  return pop3Commands[verb];
}

/** RFC 2449 §4 asks for 255 octets; AUTH may be as long as the line reader lets through. */
const commandMaxBytes = 2048;
const space = 32;

/**
 * One command line without its CRLF. Keywords in any case, spaces at the end of numbers ignored (Eudora sent them).
 * Throws WireError for an unknown keyword or an argument that does not fit its row. RFC 1939 §3, RFC 2449 §4
 */
export function parsePop3Command(line: Uint8Array): Pop3Command {
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  const gap = bytes.indexOf(space);
  const keywordEnd = gap < 0 ? bytes.length : gap;
  // The longest keyword has four letters; nothing longer is worth a copy.
  const keyword = keywordEnd > 4 ? "" : bytes.toString("latin1", 0, keywordEnd).toUpperCase();
  if (!Object.hasOwn(pop3Commands, keyword)) throw new WireError("Unknown command", 0);
  const verb = keyword as Pop3Verb;
  const isTooLong = verb !== "AUTH" && bytes.length > commandMaxBytes;
  if (isTooLong) throw new WireError("The command is too long", commandMaxBytes);
  const rest = gap < 0 ? null : bytes.subarray(gap + 1);
  const argument = argumentParsers[pop3Commands[verb].argument](rest, keywordEnd);
  return { verb, argument } as Pop3Command;
}

type ArgumentParser = (rest: Buffer | null, at: number) => Pop3Arguments[keyof Pop3Arguments];

const argumentParsers = {
  none(rest, at) {
    if (words(rest).length > 0) throw new WireError("The command takes no argument", at);
    return null;
  },
  text(rest, at) {
    if (rest === null || rest.length === 0) throw new WireError("The command needs an argument", at);
    return rest;
  },
  number(rest, at) {
    const [first, ...more] = words(rest);
    if (first === undefined || more.length > 0) throw new WireError("The command needs one message number", at);
    return parseNumber(first, at);
  },
  optionalNumber(rest, at) {
    const [first, ...more] = words(rest);
    if (more.length > 0) throw new WireError("The command takes at most one message number", at);
    return first === undefined ? null : parseNumber(first, at);
  },
  optionalWord(rest, at) {
    const [first, ...more] = words(rest);
    if (more.length > 0) throw new WireError("The command takes at most one argument", at);
    return first?.toLowerCase() ?? null;
  },
  numberAndCount(rest, at) {
    const [number, count, ...more] = words(rest);
    if (number === undefined || count === undefined || more.length > 0) {
      throw new WireError("The command needs a message number and a count of lines", at);
    }
    return { number: parseNumber(number, at), count: parseNumber(count, at) };
  },
  mechanism(rest, at) {
    const [mechanism, initialResponse, ...more] = words(rest);
    if (more.length > 0) throw new WireError("AUTH takes a mechanism and at most one response", at);
    return { mechanism: mechanism?.toUpperCase() ?? null, initialResponse: initialResponse ?? null };
  },
} as const satisfies Record<keyof Pop3Arguments, ArgumentParser>;

function words(rest: Buffer | null): string[] {
  return rest === null ? [] : rest.toString("latin1").split(" ", 64).filter((word) => word !== "");
}

/** Decimal, at most 10 digits. */
function parseNumber(text: string, at: number): number {
  if (!/^\d{1,10}$/.test(text)) throw new WireError("A number is not a number", at);
  return Number(text);
}
