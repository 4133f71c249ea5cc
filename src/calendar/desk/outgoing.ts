/** Mail that decisions want sent, as bytes for the queue. RFC 6047 §2.4 */
import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Ctx } from "#base/ctx.ts";
import { copyItem, sameAddress } from "#calendar/meetings/parts.ts";
import type { OutgoingMessage } from "#calendar/meetings/decision.ts";
import { calendarOf } from "#convert/ical/mime-plug.ts";
import { getProperty, setNamed, setProperty } from "#convert/item.ts";
import { getPerson } from "#convert/mime/people.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { toMime } from "#convert/mime/to-mime.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";

const p = properties;

/** One message for the queue. */
export interface DeskMail {
  /** The same for the same message however often it is handed in: it is taken once. */
  readonly onceKey: string;
  readonly envelopeSender: string;
  readonly to: readonly string[];
  readonly bytes: Uint8Array;
}

/** Puts a message into the queue, once for each key; on disk when it resolves. */
export type SendMail = (ctx: Ctx, mail: DeskMail) => Promise<void>;

export interface MailParts {
  readonly onceKey: string;
  /** Whose mailbox sends it: where failures are reported. */
  readonly sender: string;
  /** Written by a machine, as answers of rooms are. RFC 3834 §5 */
  readonly isAutomatic: boolean;
  readonly resolve: ResolveAddress;
  readonly nowMs: number;
}

const autoSubmitted = { guid: propertySets.PS_INTERNET_HEADERS.guid, id: "auto-submitted" } as const;

/** Null when there is nobody to send it to but the sender himself. */
export function mailOf({ item, to }: OutgoingMessage, parts: MailParts): DeskMail | null {
  const { onceKey, sender, isAutomatic, resolve, nowMs } = parts;
  const addresses = [...new Map(to.map(({ address }) => [address.toLowerCase(), address])).values()]
    .filter((address) => address.includes("@") && !sameAddress(address, sender));
  if (addresses.length === 0) return null;
  const domain = sender.slice(sender.lastIndexOf("@") + 1);
  const message = copyItem(item);
  if (isAutomatic) setNamed(message, autoSubmitted, "String", "auto-replied");
  if (getProperty(message, p.PidTagClientSubmitTime) === undefined) {
    setProperty(message, p.PidTagClientSubmitTime, toFileTime(nowMs));
  }
  message.bag.delete(p.PidTagInternetMessageId.tag);
  setProperty(message, p.PidTagInternetMessageId, `<${onceKey}.${Math.floor(nowMs).toString(36)}@${domain}>`);
  if (getPerson(message, "representing", resolve) === null) return null;
  const isInside = addresses.every((address) => address.toLowerCase().endsWith(`@${domain.toLowerCase()}`));
  const pieces = [...toMime(message, {
    domain, resolve, plainFromHtml: true, writeCalendar: (one) => calendarOf(one, { resolve, isInside }),
  })];
  return { onceKey, envelopeSender: sender, to: addresses, bytes: Buffer.concat(pieces) };
}

interface KeptMail {
  readonly onceKey: string;
  readonly envelopeSender: string;
  readonly to: readonly string[];
  readonly text: string;
}

const sealOf = (text: string, secret: Uint8Array): string => createHmac("sha256", secret).update(text).digest("hex");

/**
 * Mail as it waits beside the message that caused it. It is sealed: who may write into the mailbox must not be able to
 * have the server send what he likes.
 */
export function keepMail(mails: readonly DeskMail[], secret: Uint8Array): string {
  const text = JSON.stringify(mails.map((mail): KeptMail => ({
    onceKey: mail.onceKey, envelopeSender: mail.envelopeSender, to: mail.to,
    text: Buffer.from(mail.bytes).toString("base64"),
  })));
  return `${sealOf(text, secret)} ${text}`;
}

/** What is not sealed by this server is no mail. */
export function keptMail(kept: string, secret: Uint8Array): DeskMail[] {
  const text = kept.slice(65);
  const [seal, own] = [Buffer.from(kept.slice(0, 64)), Buffer.from(sealOf(text, secret))];
  if (seal.length !== own.length || !timingSafeEqual(seal, own)) return [];
  return (JSON.parse(text) as KeptMail[]).map(({ text: bytes, ...mail }) =>
    ({ ...mail, bytes: Buffer.from(bytes, "base64") }));
}
