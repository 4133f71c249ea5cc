/** POP3 replies as text. */

/** Codes in brackets after -ERR: RFC 2449 §8.1 (IN-USE), RFC 3206 §4 and §5 (SYS/TEMP, SYS/PERM, AUTH). */
export type Pop3ResponseCode = "IN-USE" | "AUTH" | "SYS/TEMP" | "SYS/PERM";

/** RFC 2449 §4: a reply has at most 512 octets with its CRLF. */
const textMaxBytes = 480;

/** A positive reply. RFC 1939 §3 */
export function okReply(text: string): string {
  return `+OK ${replyText(text)}\r\n`;
}

/** A refusal; an empty code is none. RFC 1939 §3, RFC 2449 §8 */
export function errorReply(code: Pop3ResponseCode | "", text: string): string {
  return code === "" ? `-ERR ${replyText(text)}\r\n` : `-ERR [${code}] ${replyText(text)}\r\n`;
}

/** Asks the client to go on with a sign-in. RFC 5034 §4 */
export function continueReply(base64: string): string {
  return `+ ${base64}\r\n`;
}

/** One line, short enough; an opening bracket would look like a response code. */
function replyText(text: string): string {
  let line = text.replace(/[\x00-\x1f\x7f]+/g, " ").replace(/^\[/, "(");
  while (Buffer.byteLength(line) > textMaxBytes) line = line.slice(0, Math.min(line.length - 1, textMaxBytes));
  return line;
}

/** What decides which capabilities a client is shown. */
export interface Pop3Capabilities {
  readonly isTls: boolean;
  readonly canStartTls: boolean;
  readonly saslMechanisms: readonly string[];
  readonly implementation: string;
  /** Days after which messages go by themselves, null for never; undefined while nobody is signed in. */
  readonly keepDays: number | null | undefined;
}

/** One row per capability: its line, and when it is shown. */
const capabilityRows: readonly {
  readonly line: (facts: Pop3Capabilities) => string;
  readonly shown?: (facts: Pop3Capabilities) => boolean;
}[] = [
  /**
   * RFC 2449 §6.1 to §6.9; LOGIN-DELAY is left out because there is none. EXPIRE is each person's own, so that before
   * the sign-in the shortest term that can be set is told, as §6.7 demands.
   */
  { line: () => "TOP" },
  { line: () => "UIDL" },
  { line: () => "RESP-CODES" },
  { line: () => "PIPELINING" },
  { line: ({ keepDays }) => `EXPIRE ${keepDays === undefined ? "1 USER" : keepDays ?? "NEVER"}` },
  /** RFC 3206 §6 */
  { line: () => "AUTH-RESP-CODE" },
  /** RFC 6856 §2: names and passwords in UTF-8 too. */
  { line: () => "UTF8 USER" },
  /** RFC 6856 §3 */
  { line: () => "LANG" },
  { line: () => "USER", shown: (facts) => facts.isTls },
  /** RFC 5034 §3 */
  { line: (facts) => `SASL ${facts.saslMechanisms.join(" ")}`, shown: (facts) => facts.isTls },
  /** RFC 2595 §4 */
  { line: () => "STLS", shown: (facts) => !facts.isTls && facts.canStartTls },
  { line: (facts) => `IMPLEMENTATION ${facts.implementation}` },
];

/** The whole answer to CAPA. RFC 2449 §5 */
export function capabilityReply(facts: Pop3Capabilities): string {
  const rows = capabilityRows.filter(({ shown }) => shown === undefined || shown(facts));
  const lines = rows.map(({ line }) => line(facts));
  return `+OK Capabilities follow\r\n${lines.join("\r\n")}\r\n.\r\n`;
}

/** Tags and names of the languages in which replies are written. RFC 6856 §3.2 */
const languages = { en: "English" } as const;

/** The answer to LANG without an argument. RFC 6856 §3.2 */
export function languageListing(): string {
  const lines = Object.entries(languages).map(([tag, name]) => `${tag} ${name}\r\n`);
  return `+OK Language listing follows:\r\n${lines.join("")}.\r\n`;
}

/**
 * The tag of the language that a range of a client stands for, null for one that is not spoken here. `*` is the one
 * chosen for it; a region or script behind the language does not matter. RFC 6856 §3.2, RFC 4647 §3.4
 */
export function languageFor(range: string): string | null {
  if (range === "*" || range === "i-default") return "en";
  const [primary = ""] = range.split("-", 1);
  return Object.hasOwn(languages, primary) ? primary : null;
}
