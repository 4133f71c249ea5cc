/** Header fields put in front of a message that is sent on as it is. RFC 5322 §3.6.6, RFC 9228 */
import { Buffer } from "node:buffer";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { formatDate } from "#format/mime/date.ts";
import { addressField, idsField, rawField } from "#format/mime/fields.ts";

export interface ResendRequest {
  /** The mailbox it is sent on from. */
  readonly owner: DisplayAddress;
  readonly to: readonly string[];
  readonly nowMs: number;
  /** Without angle brackets. */
  readonly messageId: string;
  /** Says that nobody did it by hand: PidTagAutoForwarded. [MS-OXORULE] 2.2.5.1.1 (PR) */
  readonly isAutoForwarded?: boolean;
}

/** A block of Resent fields stands together above all others. RFC 5322 §3.6.6 */
export function resentFields({ owner, to, nowMs, messageId, isAutoForwarded = false }: ResendRequest): Buffer {
  const fields = [
    `Delivered-To: ${owner.address.replaceAll(/[\x00-\x20\x7f]/g, "")}`,
    rawField("Resent-Date", formatDate(nowMs)),
    addressField("Resent-From", [owner]),
    addressField("Resent-To", to.map((address) => ({ name: "", address }))),
    idsField("Resent-Message-ID", [messageId]),
    ...isAutoForwarded ? ["Autoforwarded: TRUE"] : [],
  ];
  return Buffer.from(`${fields.join("\r\n")}\r\n`, "utf8");
}
