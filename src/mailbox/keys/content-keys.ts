/**
 * What of a message is asked for again and again, in the forms in which it is stored beside its bytes: the keys that
 * folders are sorted and threaded by, and the header fields that programs show in lists. Pure.
 */
import { hash } from "node:crypto";
import { baseSubject } from "#format/mime/base-subject.ts";
import { parseDate } from "#format/mime/date.ts";
import { foldText } from "#format/mime/fold.ts";
import { FieldNames, headerFieldsOctets } from "#format/mime/header-slice.ts";
import { fieldOf } from "#format/mime/summary.ts";
import { decodeWords } from "#format/mime/words.ts";
import { limits } from "#base/limits.ts";
import type { MimeAddress, MimeIndex } from "#format/mime/types.ts";

/** A row of `content_keys`. */
export interface ContentKeys {
  /** The instant of the Date field; null without one that can be read. */
  readonly sentMs: number | null;
  /** The base subject, folded. RFC 5256 §2.1 */
  readonly subject: string;
  /** In the order of {@link personKeys}, {@link parting} between them. */
  readonly people: string;
  /**
   * `+` of a reply, else `-`; then the base subject, the message's own id and those it refers to, oldest first: each as
   * {@link idKeyLength} characters that stand for it. Dots stand for one that is not there.
   */
  readonly ids: string;
}

/** Part before the `@` of the first address, or its name. RFC 5256 §3, RFC 5957 §2 */
export const personKeys = ["from", "to", "cc", "displayFrom", "displayTo"] as const;
export type PersonKey = (typeof personKeys)[number];

/** Between keys in one text; a line end stands between rows. Neither is in a key. */
export const parting = "\u001f";
const reserved = /[\u001f\r\n\0]/g;

export const idKeyLength = 16;
export const noIdKey = ".".repeat(idKeyLength);

/** The keys of a message from its index. RFC 5256 §2, §3 */
export function contentKeys(index: MimeIndex): ContentKeys {
  const { envelope } = index;
  const { base, isReply } = baseSubject(decodeWords(envelope.subject ?? ""));
  const people = [
    mailboxOf(envelope.from), mailboxOf(envelope.to), mailboxOf(envelope.cc), displayOf(envelope.from),
    displayOf(envelope.to),
  ];
  const own = idsIn(envelope.messageId ?? "", 1);
  const references = idsIn(fieldOf(index, "references") ?? "", referencesMax);
  const parents = references.length > 0 ? references : idsIn(envelope.inReplyTo ?? "", 1);
  return {
    sentMs: envelope.date === null ? null : parseDate(envelope.date), subject: stored(base),
    people: people.map(stored).join(parting),
    ids: (isReply ? "+" : "-") + [base, own[0] ?? "", ...parents].map(idKey).join(""),
  };
}

function stored(text: string): string {
  return text.slice(0, keyMaxCharacters).replaceAll(reserved, " ").toWellFormed();
}

/** Longer keys are compared up to here. */
const keyMaxCharacters = 1000;

/** The part before the `@` of the first address. RFC 5256 §3 */
function mailboxOf([first]: readonly MimeAddress[]): string {
  return foldText((first?.mailbox ?? "").slice(0, keyMaxCharacters));
}

/** The name of the first address, else the address. RFC 5957 §2 */
function displayOf([first]: readonly MimeAddress[]): string {
  if (first === undefined) return "";
  if (first.name !== null && first.name !== "") return foldText(decodeWords(first.name).slice(0, keyMaxCharacters));
  const address = first.host === null ? first.mailbox ?? "" : `${first.mailbox ?? ""}@${first.host}`;
  return foldText(address.slice(0, keyMaxCharacters));
}

/** References of one message that are looked at: the newest ones. */
const referencesMax = 100;

/** Identifiers between angle brackets: the first for `max` 1, else the last ones. Others are none. RFC 5256 §4 */
function idsIn(text: string, max: number): string[] {
  const ids: string[] = [];
  for (const [, inner] of text.matchAll(/<([^<>]+)>/g)) {
    const id = normalId(inner!);
    if (id === undefined) continue;
    ids.push(id);
    if (max === 1) return ids;
  }
  return ids.slice(-max);
}

/** Without white space of folds, the left side without quotes that it does not need. RFC 5256 §4, RFC 5322 §3.6.4 */
function normalId(inner: string): string | undefined {
  const id = inner.replaceAll(/\s+/g, "");
  const at = id.lastIndexOf("@");
  if (at <= 0 || at === id.length - 1) return undefined;
  const left = id.slice(0, at);
  if (!/^".+"$/.test(left)) return id;
  return `${left.slice(1, -1).replaceAll(/\\(.)/g, "$1")}${id.slice(at)}`;
}

/** As good as the text itself for telling it from others, and short. */
function idKey(id: string): string {
  if (id === "") return noIdKey;
  return hash("sha1", id, "base64").slice(0, idKeyLength);
}

/** Fields that programs ask for when they list a folder. RFC 9051 §6.4.5 */
const listedFields = [
  "from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id", "in-reply-to", "references",
  "newsgroups", "content-type", "content-transfer-encoding", "mime-version", "importance", "priority", "x-priority",
  "x-msmail-priority", "sensitivity", "keywords", "auto-submitted", "precedence", "disposition-notification-to",
  "return-receipt-to", "list-id", "list-post", "list-unsubscribe", "list-unsubscribe-post", "list-archive",
  "list-help", "list-owner", "list-subscribe", "x-mailer", "user-agent", "x-spam-flag", "x-spam-status", "x-spam-level",
  "x-uniform-type-identifier", "x-universally-unique-identifier", "x-k9mail-identity", "chat-version", "bimi-indicator",
  "bimi-location", "x-bimi-indicator-hash", "delivered-to", "resent-from", "resent-to", "resent-date",
  "thread-topic", "x-label", "x-mozilla-draft-info", "x-identity-key", "followup-to", "archived-at",
] as const;

const listed: ReadonlySet<string> = new Set(listedFields);
const listedNames = new FieldNames(listedFields);

/** Whether the fields of these names, in any case, are all among those kept. */
export function areListed(names: readonly string[]): boolean {
  return names.length > 0 && names.every((name) => listed.has(name.toLowerCase()));
}

/**
 * The fields kept of a header section, as they stand and in their order, one character for each byte; null where they
 * are too many to be kept, or hold what a text may not.
 */
export function listedFieldsOf(header: Uint8Array): string | null {
  const octets = headerFieldsOctets(header, listedNames);
  // Without the blank line.
  const fields = octets.slice(0, -2);
  return fields.length > limits.listedFieldsMaxBytes || fields.includes("\0") ? null : fields;
}
