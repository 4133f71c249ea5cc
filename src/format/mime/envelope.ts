import { limits } from "#base/limits.ts";
import { parseAddresses } from "#format/mime/addresses.ts";
import type { Envelope, MimeAddress } from "#format/mime/types.ts";

/** Fields an envelope is made of, and whether a second one of that name adds to the first. RFC 5322 §3.6 */
export const envelopeFields: ReadonlyMap<string, "first" | "all"> = new Map([
  ["date", "first"], ["subject", "first"], ["from", "first"], ["sender", "first"], ["reply-to", "first"],
  ["to", "all"], ["cc", "all"], ["bcc", "all"], ["in-reply-to", "first"], ["message-id", "first"],
]);

/**
 * The envelope of a message from its unfolded fields (see `envelopeFields`): the first of each counts, To, Cc and Bcc
 * that stand twice are one list. Sender and Reply-To that are absent or empty are From. RFC 9051 §7.5.2
 */
export function makeEnvelope(
  fields: ReadonlyMap<string, readonly string[]>, addressesMax: number = limits.mimeAddressesMax,
): Envelope {
  const text = (name: string): string | null => fields.get(name)?.[0] ?? null;
  const addresses = (name: string): MimeAddress[] => {
    const out: MimeAddress[] = [];
    for (const value of fields.get(name) ?? []) {
      if (out.length < addressesMax) out.push(...parseAddresses(value, addressesMax - out.length));
    }
    return out;
  };
  const from = addresses("from");
  const sender = addresses("sender");
  const replyTo = addresses("reply-to");
  return {
    date: text("date"),
    subject: text("subject"),
    from,
    sender: sender.length > 0 ? sender : from,
    replyTo: replyTo.length > 0 ? replyTo : from,
    to: addresses("to"),
    cc: addresses("cc"),
    bcc: addresses("bcc"),
    inReplyTo: text("in-reply-to"),
    messageId: text("message-id"),
  };
}

/** Ids of a References, In-Reply-To or Message-ID field, without brackets; bare words with "@" too. RFC 5322 §3.6.4 */
export function messageIds(text: string, idsMax = 1000): string[] {
  const out: string[] = [];
  let at = 0;
  while (at < text.length && out.length < idsMax) {
    const open = text.indexOf("<", at);
    const close = open < 0 ? -1 : text.indexOf(">", open);
    if (close < 0) break;
    const id = text.slice(open + 1, close).replaceAll(/\s+/g, "");
    if (id !== "") out.push(id);
    at = close + 1;
  }
  if (out.length > 0) return out;
  return text.split(/[\s,<>]+/).filter((word) => word.includes("@")).slice(0, idsMax);
}
