/** Which messages those who act for somebody get too. [MS-OXODLGT] 2.2.2.2.5, [MS-OXORULE] 2.2.5.1.2.4 */
import { Buffer } from "node:buffer";
import { getProperty } from "#convert/item.ts";
import { properties } from "#props/registry.ts";
import type { Decision } from "#rules/decisions.ts";
import type { RuleMessage } from "#rules/message.ts";

const p = properties;

/** [MS-OXCMSG] 2.2.1.13: normal, personal, private, confidential. */
const privateSensitivity = 2;

/** A quick look first: few messages are about meetings. */
export function isMeetingMessage(message: RuleMessage): boolean {
  const { bytes } = message;
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  if (!/text\/calendar|ms-tnef|winmail\.dat/i.test(start)) return false;
  return /^IPM\.Schedule\.Meeting(?:\.|$)/i.test(getProperty(message.item, p.PidTagMessageClass) ?? "");
}

/** By its header, or by its calendar: a program writes either. RFC 5545 §3.8.1.3 */
export function isPrivateMeeting(message: RuleMessage): boolean {
  if ((getProperty(message.item, p.PidTagSensitivity) ?? 0) >= privateSensitivity) return true;
  for (const part of message.leaves()) {
    if (part.type !== "text" || part.subtype !== "calendar") continue;
    if (/^CLASS(?:;[^:\r\n]*)?:\s*(?:PRIVATE|CONFIDENTIAL)\s*$/im.test(message.textOf(part))) return true;
  }
  return false;
}

export interface MeetingDelegate {
  readonly address: string;
  readonly seesPrivate: boolean;
}

/** A copy of a meeting message for each of them; what is private for those alone who may see it. */
export function decideDelegates(message: RuleMessage, delegates: readonly MeetingDelegate[]): Decision[] {
  if (delegates.length === 0 || !isMeetingMessage(message)) return [];
  const isPrivate = isPrivateMeeting(message);
  const addresses = delegates.filter(({ seesPrivate }) => seesPrivate || !isPrivate).map(({ address }) => address);
  return addresses.length === 0 ? [] : [{ kind: "delegate", addresses, by: "delegates" }];
}
