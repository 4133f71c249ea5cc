/** Whether a message is answered by the server for its owner. RFC 3834 §2, RFC 5230 §4.5 and §4.6, [MS-OXWOOF] */
import { foldAddress } from "#rules/message.ts";
import type { RuleMessage } from "#rules/message.ts";
import type { ReplySettings, ReplyText } from "#rules/own/settings.ts";

/** Whether the owner is away now. [MS-OXWOOF] 2.2.5.2 */
export function isAway({ state, startMs, endMs }: ReplySettings, nowMs: number): boolean {
  if (state !== "scheduled") return state === "on";
  return (startMs === null || nowMs >= startMs) && (endMs === null || nowMs < endMs);
}

/** Names of those who are no person and must not be answered. RFC 3834 §2, RFC 5230 §4.6 */
const noPerson = new RegExp("^(?:(?:mailer-daemon|postmaster|root|listserv|majordomo|mailman|nobody|" +
  "no[-_]?reply|do[-_]?not[-_]?reply|dont[-_]?reply|bounces?)(?:[-+_=.].*)?|owner-.*|" +
  ".*-(?:request|owner|bounces?|relay|confirm|errors?|admin-bounces)(?:[+=].*)?|" +
  "(?:bounces?|prvs|srs[01])[-+=].*)$", "i");

/** A field whose mere presence says that a list or a program sent this. RFC 2369, RFC 2919, RFC 8058 */
const machineFields = [
  "list-id", "list-help", "list-subscribe", "list-unsubscribe", "list-unsubscribe-post", "list-post", "list-owner",
  "list-archive", "mailing-list", "x-mailing-list", "x-list", "x-autoreply", "x-autorespond", "x-autoresponder",
  "x-auto-reply-from", "x-mail-autoreply", "autoreply", "x-ebay-mailtracker", "feedback-id", "x-campaign-id",
] as const;

interface Exception {
  readonly why: string;
  readonly holds: (message: RuleMessage, kind: AnswerKind) => boolean;
}

/** What answers: somebody's absence, a rule's OP_REPLY, or a script, which minds either wish. [MS-OXORULE] 3.2.5.1 */
export type AnswerKind = "oof" | "rule" | "script";

/** Bits 0x10 and 0x20 of PidTagAutoResponseSuppress as their field has them. [MS-OXOMSG] 2.2.1.77 */
const suppressing: Readonly<Record<AnswerKind, RegExp>> = {
  oof: /\b(?:all|oof)\b/i, rule: /\b(?:all|autoreply)\b/i, script: /\b(?:all|oof|autoreply)\b/i,
};

const wordOf = (value: string | null): string => /^\s*([^\s;(]*)/.exec(value ?? "")?.[1]?.toLowerCase() ?? "";

/** What must never be answered, one row each. RFC 3834 §2, §5 */
export const exceptions: readonly Exception[] = [
  { why: "it has the null sender", holds: ({ envelope }) => foldAddress(envelope.sender) === "" },
  {
    why: "its sender is no person",
    holds: ({ envelope }) => noPerson.test(envelope.sender.slice(0, envelope.sender.lastIndexOf("@"))),
  },
  {
    why: "it was sent automatically",
    holds: (message) => message.named("auto-submitted").some((value) => wordOf(value) !== "no"),
  },
  {
    why: "it is bulk mail",
    holds: (message) => message.named("precedence").some((value) => /^(?:bulk|list|junk)$/.test(wordOf(value))),
  },
  {
    why: "it comes from a list or a program",
    holds: (message) => machineFields.some((name) => message.first(name) !== null),
  },
  {
    /** PidTagAutoResponseSuppress. [MS-OXCMAIL] 2.2.3.2.14 */
    why: "its sender asked for no answer",
    holds: (message, kind) => message.named("x-auto-response-suppress").some((value) => suppressing[kind].test(value)),
  },
  {
    why: "it was forwarded by a rule",
    holds: (message) => message.named("x-ms-exchange-inbox-rules-loop").length > 0,
  },
  {
    why: "it is a report",
    holds: (message) => /^\s*(?:multipart\/report|message\/(?:delivery-status|disposition-notification))\b/i
      .test(message.first("content-type") ?? ""),
  },
  {
    why: "it is marked as spam",
    holds: (message) => /^\s*yes\b/i.test(message.first("x-spam-flag") ?? ""),
  },
];

/** Fields in which a person is written to. RFC 5230 §4.5 */
const addressedFields = ["to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc"];

export interface ReplyState {
  readonly nowMs: number;
  /** Every address of the owner, and those a script adds. */
  readonly ownAddresses: readonly string[];
  /** Whether the sender belongs to this organisation. */
  readonly isInside: boolean;
  /** Whether the sender is in the owner's contacts. */
  readonly isKnown: boolean;
  /** Whether the sender got this answer within its period. */
  readonly wasAnswered: boolean;
}

export type ReplyDecision =
  | { readonly kind: "answer"; readonly to: string; readonly isInside: boolean }
  | { readonly kind: "none"; readonly why: string };

/** Why no program may answer this message for a person; null when one may. RFC 3834 §2 */
export function whyNoReply(
  message: RuleMessage, ownAddresses: readonly string[], kind: AnswerKind = "script",
): string | null {
  for (const exception of exceptions) if (exception.holds(message, kind)) return exception.why;
  const own = new Set(ownAddresses.map(foldAddress));
  if (own.has(foldAddress(message.envelope.sender))) return "it is the owner's own";
  if (message.people("from").some(({ address }) => own.has(foldAddress(address)))) return "it is the owner's own";
  if (message.named("delivered-to").some((value) => own.has(foldAddress(value)))) return "it went round in a circle";
  const isAddressed = addressedFields.some((name) =>
    message.people(name).some(({ address }) => own.has(foldAddress(address))));
  return isAddressed ? null : "it is not written to the owner";
}

/** An answer of the owner's own settings. [MS-OXWOOF] 2.2.4.2 */
export function decideReply(message: RuleMessage, settings: ReplySettings, state: ReplyState): ReplyDecision {
  if (!isAway(settings, state.nowMs)) return { kind: "none", why: "the owner is not away" };
  const why = whyNoReply(message, state.ownAddresses, "oof");
  if (why !== null) return { kind: "none", why };
  const { text } = replyText(settings, state.isInside);
  if (!state.isInside && settings.audience === "none") return { kind: "none", why: "nobody outside is answered" };
  if (!state.isInside && settings.audience === "known" && !state.isKnown) {
    return { kind: "none", why: "the sender is not known" };
  }
  if (text.trim() === "") return { kind: "none", why: "there is no text" };
  if (state.wasAnswered) return { kind: "none", why: "the sender was answered already" };
  return { kind: "answer", to: message.envelope.sender, isInside: state.isInside };
}

export function replyText(settings: ReplySettings, isInside: boolean): ReplyText {
  return isInside ? settings.inside : settings.outside;
}
