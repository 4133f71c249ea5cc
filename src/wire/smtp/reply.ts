import { WireError } from "#base/fault.ts";

/** One SMTP reply. RFC 5321 §4.2, with the enhanced status of RFC 2034. */
export interface Reply {
  /** 200 to 599. */
  readonly code: number;
  /** `5.7.1` and the like; null where none belongs: greeting, EHLO, 334, 354. */
  readonly enhanced: string | null;
  /** At least one; without line ends. */
  readonly lines: readonly string[];
}

/** Longest line of a reply, bytes with CRLF. RFC 5321 §4.5.3.1.5 */
const replyLineMaxBytes = 512;
/** Lines of one reply that a client reads before it gives up. */
const replyLinesMax = 256;

/** A reply from its parts. RFC 5321 §4.2 */
export function reply(code: number, enhanced: string | null, ...lines: readonly string[]): Reply {
  return { code, enhanced, lines };
}

/** A reply from the `smtp` column of a fault row, `550 5.1.1`. RFC 3463 §2 */
export function replyOfStatus(status: string, text: string): Reply {
  const space = status.indexOf(" ");
  return { code: Number(status.slice(0, space)), enhanced: status.slice(space + 1), lines: [text] };
}

/**
 * The bytes of a reply as text, last CRLF included. What is not printable ASCII becomes `?`, a line too long is cut, so
 * that nothing a client sent can come back as a second reply. RFC 5321 §4.2.1, RFC 2034 §4
 */
export function formatReply({ code, enhanced, lines }: Reply): string {
  let out = "";
  const status = enhanced === null ? "" : `${enhanced} `;
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!.replace(/[^\x20-\x7e]/g, "?");
    const mark = index === lines.length - 1 ? " " : "-";
    out += `${`${code}${mark}${status}${line}`.slice(0, replyLineMaxBytes - 2)}\r\n`;
  }
  return out;
}

/** A reply on one line, for logs, the queue and the `Diagnostic-Code` of a DSN. RFC 3464 §2.3.6 */
export function replyText({ code, enhanced, lines }: Reply): string {
  const status = enhanced === null ? "" : `${enhanced} `;
  return `${code} ${status}${lines.join(" ")}`.trimEnd();
}

/**
 * Puts the lines of a peer's replies together. RFC 5321 §4.2.1
 *
 * Takes what servers in use send beyond the grammar: a code alone, an enhanced status on some lines only. Throws
 * WireError where no code can be read, the code changes between lines, or there is no end.
 */
export class ReplyParser {
  #code = 0;
  #enhanced: string | null = null;
  #lines: string[] = [];

  /** One line without CRLF; the reply when this was its last line. */
  push(line: Uint8Array): Reply | null {
    const text = Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString("utf8");
    const match = /^([2-5][0-9][0-9])(?:([ -])(.*))?$/s.exec(text);
    if (match === null) throw new WireError(`a reply begins with a code, not ${JSON.stringify(text.slice(0, 40))}`, 0);
    const code = Number(match[1]);
    if (this.#lines.length > 0 && code !== this.#code) throw new WireError("the code changes within one reply", 0);
    if (this.#lines.length >= replyLinesMax) throw new WireError("a reply of too many lines", 0);
    this.#code = code;
    this.#lines.push(this.#withoutEnhanced(match[3] ?? ""));
    if (match[2] === "-") return null;
    const whole: Reply = { code, enhanced: this.#enhanced, lines: this.#lines };
    this.#enhanced = null;
    this.#lines = [];
    return whole;
  }

  #withoutEnhanced(rest: string): string {
    const match = /^([245])\.(\d{1,3})\.(\d{1,3})(?: +|$)/.exec(rest);
    if (match === null || Number(match[1]) !== Math.floor(this.#code / 100)) return rest;
    this.#enhanced ??= `${match[1]}.${match[2]}.${match[3]}`;
    return rest.slice(match[0].length);
  }
}

/** Keywords of an EHLO reply in upper case, each with what stands behind it. RFC 5321 §4.1.1.1 */
export function parseCapabilities(ehlo: Reply): Map<string, string> {
  const capabilities = new Map<string, string>();
  for (const line of ehlo.lines.slice(1)) {
    // `AUTH=PLAIN` is how very old servers wrote it.
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =](.*))?$/.exec(line.trim());
    if (match !== null && !capabilities.has(match[1]!.toUpperCase())) {
      capabilities.set(match[1]!.toUpperCase(), (match[2] ?? "").trim());
    }
  }
  return capabilities;
}
