import { formatDate } from "#format/mime/date.ts";
import type { SmtpAddress } from "#wire/smtp/address.ts";
import { isDomain, isIpv4 } from "#wire/smtp/address.ts";

export interface TraceFacts {
  /** What the client said in EHLO or HELO. */
  readonly client: string;
  readonly clientAddress: string;
  readonly hostname: string;
  readonly queueId: string;
  readonly nowMs: number;
  readonly extended: boolean;
  readonly signedIn: boolean;
  readonly smtpUtf8: boolean;
  readonly tls: { readonly version: string; readonly cipher: string } | null;
  /** The recipient, when there is one only: others must not see each other. */
  readonly onlyRecipient: SmtpAddress | null;
}

/** The `with` word. RFC 3848 §2, RFC 6531 §4.3 */
export function transmissionType({ extended, signedIn, smtpUtf8, tls }: TraceFacts): string {
  if (!extended) return "SMTP";
  return `${smtpUtf8 ? "UTF8SMTP" : "ESMTP"}${tls === null ? "" : "S"}${signedIn ? "A" : ""}`;
}

/** Nothing a client says may end the line, the comment or the field. */
function inComment(text: string): string {
  return text.replace(/[^A-Za-z0-9._:[\]+=-]/g, "?").slice(0, 100);
}

/** The Received field of this server, with its line end. RFC 5321 §4.4 */
export function receivedField(facts: TraceFacts): string {
  const literal = isIpv4(facts.clientAddress) ? `[${facts.clientAddress}]` : `[IPv6:${facts.clientAddress}]`;
  const isName = isDomain(facts.client) && (facts.smtpUtf8 || !/[^\x00-\x7f]/.test(facts.client));
  const from = isName ? `${facts.client} (${literal})` : `${literal} (${inComment(facts.client)})`;
  const tls = facts.tls === null ? "" : `\r\n\t(${inComment(facts.tls.version)} ${inComment(facts.tls.cipher)})`;
  const { onlyRecipient } = facts;
  const canShow = onlyRecipient !== null && (onlyRecipient.isAscii || facts.smtpUtf8);
  const recipient = canShow ? `\r\n\tfor <${onlyRecipient.text}>` : "";
  return `Received: from ${from}\r\n\tby ${facts.hostname} with ${transmissionType(facts)} id ${facts.queueId}` +
    `${tls}${recipient};\r\n\t${formatDate(facts.nowMs)}\r\n`;
}
