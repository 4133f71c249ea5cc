/**
 * Parameters of MAIL and RCPT, one row each: the keyword, the value's grammar and what it means.
 */
import { WireError } from "#base/fault.ts";
import { decodeUtf8Address, decodeXtext } from "#wire/smtp/xtext.ts";

/** RFC 3461 §4.1; as bits, because the queue keeps them. */
export const notifyBits = { never: 1, success: 2, failure: 4, delay: 8 } as const;

export interface MailParameters {
  /** Bytes the client says the message has. RFC 1870 §6 */
  readonly size?: number;
  /** RFC 6152 §2 */
  readonly body?: "7BIT" | "8BITMIME";
  /** RFC 6531 §3.4 */
  readonly smtpUtf8?: true;
  /** How much of the message a failure report brings back. RFC 3461 §4.3 */
  readonly ret?: "FULL" | "HDRS";
  /** Decoded. RFC 3461 §4.4 */
  readonly envelopeId?: string;
  /** Who handed it in first; decoded, empty for `<>`. RFC 4954 §5 */
  readonly auth?: string;
}

export interface RcptParameters {
  /** Bits of {@link notifyBits}. RFC 3461 §4.1 */
  readonly notify?: number;
  /** As it came: `rfc822;` and xtext. RFC 3461 §4.2 */
  readonly originalRecipient?: string;
}

/** What one row gives: the field it sets, or why not. */
type Row<P> = (value: string | null) => P;

function refuse(text: string): never {
  throw new WireError(text, 0);
}

function parseSize(value: string | null): MailParameters {
  if (value === null || !/^\d{1,20}$/.test(value)) refuse("SIZE takes a number of bytes");
  return { size: Number(value) };
}

function parseBody(value: string | null): MailParameters {
  const body = value?.toUpperCase();
  if (body === "7BIT" || body === "8BITMIME") return { body };
  return refuse("BODY takes 7BIT or 8BITMIME");
}

function parseRet(value: string | null): MailParameters {
  const ret = value?.toUpperCase();
  if (ret === "FULL" || ret === "HDRS") return { ret };
  return refuse("RET takes FULL or HDRS");
}

function parseEnvid(value: string | null): MailParameters {
  if (value === null || value === "" || value.length > 300) refuse("ENVID takes up to 100 characters as xtext");
  const envelopeId = decodeXtext(value);
  if (envelopeId.length > 100 || /[^\x20-\x7e]/.test(envelopeId)) refuse("ENVID takes up to 100 printable characters");
  return { envelopeId };
}

function parseAuth(value: string | null): MailParameters {
  if (value === null || value === "" || value.length > 1000) refuse("AUTH takes an address as xtext or <>");
  return { auth: value === "<>" ? "" : decodeXtext(value) };
}

function parseNotify(value: string | null): RcptParameters {
  let notify = 0;
  for (const word of (value ?? "").toLowerCase().split(",")) {
    if (!Object.hasOwn(notifyBits, word)) refuse("NOTIFY takes NEVER, or some of SUCCESS,FAILURE,DELAY");
    notify |= notifyBits[word as keyof typeof notifyBits];
  }
  if ((notify & notifyBits.never) !== 0 && notify !== notifyBits.never) refuse("NOTIFY=NEVER stands alone");
  return { notify };
}

function parseOrcpt(value: string | null): RcptParameters {
  const match = /^([A-Za-z0-9-]{1,40});(.+)$/s.exec(value ?? "");
  if (match === null || value!.length > 500) refuse("ORCPT takes a type, a semicolon and an address as xtext");
  if (match[1]!.toLowerCase() === "utf-8") decodeUtf8Address(match[2]!);
  else decodeXtext(match[2]!);
  return { originalRecipient: value! };
}

/** Parameters of MAIL. RFC 5321 §4.1.1.2 and the RFC each row cites above */
export const mailParameters = {
  SIZE: parseSize,
  BODY: parseBody,
  SMTPUTF8: (value) => (value === null ? { smtpUtf8: true } : refuse("SMTPUTF8 takes no value")),
  RET: parseRet,
  ENVID: parseEnvid,
  AUTH: parseAuth,
} as const satisfies Record<string, Row<MailParameters>>;

/** Parameters of RCPT. RFC 5321 §4.1.1.3, RFC 3461 §4.1 and §4.2 */
export const rcptParameters = {
  NOTIFY: parseNotify,
  ORCPT: parseOrcpt,
} as const satisfies Record<string, Row<RcptParameters>>;

/** A parameter that is not in the table: the reply is 555, not 501. RFC 5321 §4.1.1.11 */
export class UnknownParameter extends WireError {}

const parametersMax = 20;

/**
 * Reads ` KEY=VALUE KEY …` from `at` to the end of the line. Throws {@link UnknownParameter}, or WireError for bad
 * values and doubled keys. RFC 5321 §4.1.2 Mail-parameters
 */
export function parseParameters<P extends object>(text: string, at: number, table: Record<string, Row<P>>): P {
  let parameters = {} as P;
  const rest = text.slice(at);
  if (rest.trim() === "") return parameters;
  if (!rest.startsWith(" ")) throw new WireError("a space goes before the parameters", at);
  const words = rest.trim().split(/ +/);
  if (words.length > parametersMax) throw new WireError("too many parameters", at);
  const seen = new Set<string>();
  for (const word of words) {
    const equals = word.indexOf("=");
    const key = (equals < 0 ? word : word.slice(0, equals)).toUpperCase();
    if (!Object.hasOwn(table, key)) {
      throw new UnknownParameter(`the parameter ${key.slice(0, 40)} is not known here`, at);
    }
    if (seen.has(key)) throw new WireError(`the parameter ${key} stands twice`, at);
    seen.add(key);
    parameters = { ...parameters, ...table[key]!(equals < 0 ? null : word.slice(equals + 1)) };
  }
  return parameters;
}

/** The address in an ORCPT, decoded, with its type; for DSNs. RFC 3464 §2.3.1 */
export function parseOriginalRecipient(value: string): { type: string; address: string } {
  const semicolon = value.indexOf(";");
  const type = value.slice(0, semicolon).toLowerCase();
  const encoded = value.slice(semicolon + 1);
  return { type, address: type === "utf-8" ? decodeUtf8Address(encoded) : decodeXtext(encoded) };
}
