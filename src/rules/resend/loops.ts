/**
 * What keeps mail that is sent on from going round. Each copy that leaves a mailbox carries its address in Delivered-To
 * (RFC 9228): a mailbox that finds itself there sends nothing on, and after some hops nobody does.
 */
import { limits } from "#base/limits.ts";
import type { SendDecision } from "#rules/decisions.ts";
import { foldAddress } from "#rules/message.ts";
import type { RuleMessage } from "#rules/message.ts";

/** Exchange's mark of the same meaning: whoever sent it on by a rule. */
const exchangeMark = "x-ms-exchange-inbox-rules-loop";

/** Why this mailbox sends a message on to nobody; null when it may. RFC 5228 §4.2, RFC 5321 §6.3 */
export function whyNoForward(message: RuleMessage, ownAddresses: readonly string[]): string | null {
  const own = new Set(ownAddresses.map(foldAddress));
  const passed = message.named("delivered-to").map(foldAddress);
  const marked = message.named(exchangeMark).map(foldAddress);
  if ([...passed, ...marked].some((address) => own.has(address))) return "it was sent on from here before";
  if (passed.length >= limits.ruleForwardHopsMax) return `it was sent on ${passed.length} times already`;
  if (message.named("received").length >= limits.receivedHeadersMax) return "it passed too many servers";
  return null;
}

export interface AllowedSends {
  readonly sends: readonly SendDecision[];
  /** What is not sent, and why. */
  readonly dropped: readonly { readonly by: string; readonly why: string }[];
}

/**
 * Of all that rules want to send on: each address once, nothing to the owner, nothing past the limit, nothing at all
 * in a loop. Answers pass; they have rules of their own.
 */
export function allowSends(
  wanted: readonly SendDecision[], message: RuleMessage, ownAddresses: readonly string[],
): AllowedSends {
  const own = new Set(ownAddresses.map(foldAddress));
  const loop = wanted.some((send) => "addresses" in send) ? whyNoForward(message, ownAddresses) : null;
  const seen = new Set<string>();
  const sends: SendDecision[] = [];
  const dropped: { by: string; why: string }[] = [];
  for (const send of wanted) {
    if (send.kind === "reply" || send.kind === "vacation") {
      sends.push(send);
      continue;
    }
    if (loop !== null) {
      dropped.push({ by: send.by, why: loop });
      continue;
    }
    const addresses: string[] = [];
    for (const address of send.addresses) {
      const key = foldAddress(address);
      const why = key === "" ? `${address} is no address` : own.has(key) ? `${address} is the owner's own`
        : seen.size >= limits.ruleForwardsMax && !seen.has(key) ? "it is sent on to too many" : null;
      if (why !== null) dropped.push({ by: send.by, why });
      else if (!seen.has(key)) {
        seen.add(key);
        addresses.push(address);
      }
    }
    if (addresses.length > 0) sends.push({ ...send, addresses });
  }
  return { sends, dropped };
}
