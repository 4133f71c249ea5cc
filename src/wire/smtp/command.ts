/**
 * SMTP commands, one row each: the verb and the grammar of its argument.
 */
import { WireError } from "#base/fault.ts";
import type { SmtpAddress } from "#wire/smtp/address.ts";
import { parsePathAt } from "#wire/smtp/address.ts";
import type { MailParameters, RcptParameters } from "#wire/smtp/parameters.ts";
import { mailParameters, parseParameters, rcptParameters, UnknownParameter } from "#wire/smtp/parameters.ts";
import type { Reply } from "#wire/smtp/reply.ts";
import { reply } from "#wire/smtp/reply.ts";

/** RFC 5321 §4.1.1, RFC 3030 §2 (BDAT), RFC 3207 §4 (STARTTLS), RFC 4954 §4 (AUTH) */
export type Command =
  | { readonly verb: "EHLO" | "HELO"; readonly client: string }
  /** `from` is null for `<>`. */
  | { readonly verb: "MAIL"; readonly from: SmtpAddress | null; readonly parameters: MailParameters }
  | { readonly verb: "RCPT"; readonly to: SmtpAddress; readonly parameters: RcptParameters }
  | { readonly verb: "BDAT"; readonly sizeBytes: number; readonly last: boolean }
  /** `initialResponse` as it stood: base64, or `=` for an empty one. */
  | { readonly verb: "AUTH"; readonly mechanism: string; readonly initialResponse: string | null }
  | { readonly verb: "VRFY" | "EXPN" | "HELP"; readonly argument: string }
  | { readonly verb: "DATA" | "RSET" | "NOOP" | "QUIT" | "STARTTLS" };

/** A line that is no command we can run: what to answer. `verb` is known when the verb was. RFC 5321 §4.2.4 */
export interface BadCommand {
  readonly verb: "";
  readonly badVerb: string;
  readonly reply: Reply;
}

type CommandParser = (argument: string) => Command;

/** A bad argument whose reply is not the usual 501 5.5.4. RFC 3463 §3 */
class BadArgument extends WireError {
  readonly reply: Reply;

  constructor(answer: Reply) {
    super(answer.lines[0] ?? "", 0);
    this.reply = answer;
  }
}

function parseClient(verb: "EHLO" | "HELO"): CommandParser {
  return (argument) => {
    const client = argument.trim();
    if (client === "") throw new WireError(`${verb} takes the name of the client`, 0);
    if (client.includes(" ") || Buffer.byteLength(client) > 255) throw new WireError(`${verb} takes one name`, 0);
    return { verb, client };
  };
}

/** Skips `FROM:` or `TO:` and, as real clients send them, spaces around the colon. */
function afterKeyword(argument: string, keyword: string, example: string): number {
  const match = new RegExp(`^${keyword} *: *`, "i").exec(argument);
  if (match === null) throw new WireError(`the form is ${example}`, 0);
  return match[0].length;
}

function parseMail(argument: string): Command {
  const start = afterKeyword(argument, "FROM", "MAIL FROM:<address>");
  const { address, end } = parsePath(argument, start, "5.1.7", "sender");
  if (address !== null && address.domain === null) throw new BadArgument(reply(501, "5.1.7", "Bad sender: no domain"));
  return { verb: "MAIL", from: address, parameters: parseParameters(argument, end, mailParameters) };
}

function parseRcpt(argument: string): Command {
  const start = afterKeyword(argument, "TO", "RCPT TO:<address>");
  const { address, end } = parsePath(argument, start, "5.1.3", "recipient");
  if (address === null) throw new BadArgument(reply(501, "5.1.3", "Bad recipient: <> is no recipient"));
  return { verb: "RCPT", to: address, parameters: parseParameters(argument, end, rcptParameters) };
}

function parsePath(argument: string, start: number, enhanced: string, what: string): ReturnType<typeof parsePathAt> {
  try {
    return parsePathAt(argument, start);
  } catch (error) {
    if (error instanceof WireError) throw new BadArgument(reply(501, enhanced, `Bad ${what}: ${sentence(error)}`));
    throw error;
  }
}

function parseBdat(argument: string): Command {
  const match = /^(\d{1,15})(?: +(LAST))? *$/i.exec(argument);
  if (match === null) throw new WireError("the form is BDAT size [LAST]", 0);
  return { verb: "BDAT", sizeBytes: Number(match[1]), last: match[2] !== undefined };
}

function parseAuth(argument: string): Command {
  const match = /^([A-Za-z0-9_-]{1,20})(?: +([^ ]+))? *$/.exec(argument);
  if (match === null) throw new WireError("the form is AUTH mechanism [initial response in base64]", 0);
  return { verb: "AUTH", mechanism: match[1]!.toUpperCase(), initialResponse: match[2] ?? null };
}

function withoutArgument(verb: "DATA" | "RSET" | "QUIT" | "STARTTLS"): CommandParser {
  return (argument) => {
    if (argument.trim() !== "") throw new WireError(`${verb} takes no argument`, 0);
    return { verb };
  };
}

/** Every verb with its grammar. RFC 5321 §4.1.1 */
export const commands = {
  EHLO: parseClient("EHLO"),
  HELO: parseClient("HELO"),
  MAIL: parseMail,
  RCPT: parseRcpt,
  DATA: withoutArgument("DATA"),
  BDAT: parseBdat,
  RSET: withoutArgument("RSET"),
  NOOP: () => ({ verb: "NOOP" }),
  QUIT: withoutArgument("QUIT"),
  VRFY: (argument) => ({ verb: "VRFY", argument: argument.trim() }),
  EXPN: (argument) => ({ verb: "EXPN", argument: argument.trim() }),
  HELP: (argument) => ({ verb: "HELP", argument: argument.trim() }),
  STARTTLS: withoutArgument("STARTTLS"),
  AUTH: parseAuth,
} as const satisfies Record<string, CommandParser>;

function bad(badVerb: string, answer: Reply): BadCommand {
  return { verb: "", badVerb, reply: answer };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A command line without its CRLF as a command, or as the reply that refuses it. Never throws on any bytes.
 * RFC 5321 §4.1.1 and §4.2.4, RFC 6531 §3.3 (UTF-8 in arguments)
 */
export function parseCommand(line: Uint8Array): Command | BadCommand {
  let text: string;
  try {
    text = decoder.decode(line);
  } catch {
    // Only malformed UTF-8 makes the decoder throw.
    return bad("", reply(500, "5.5.2", "The command is not valid UTF-8"));
  }
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(text)) return bad("", reply(500, "5.5.2", "The command has control characters"));
  const [, word = "", rest = ""] = /^ *([^ \t]*)(?:[ \t]+(.*))?$/.exec(text) ?? [];
  const verb = word.toUpperCase();
  if (!Object.hasOwn(commands, verb)) return bad("", reply(500, "5.5.2", "Command not recognised"));
  try {
    return commands[verb as keyof typeof commands](rest);
  } catch (error) {
    if (error instanceof BadArgument) return bad(verb, error.reply);
    if (error instanceof UnknownParameter) return bad(verb, reply(555, "5.5.4", sentence(error)));
    if (error instanceof WireError) return bad(verb, reply(501, "5.5.4", sentence(error)));
    throw error;
  }
}

/** The message of a WireError without its offset, which says little about one line. */
function sentence(error: WireError): string {
  const text = error.message.replace(/ \(at byte \d+\)$/, "");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
