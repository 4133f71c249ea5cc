/** What is done to a message that a person of ours hands in, and nothing else: RFC 6409 §5 and §8. */
import type { Ctx } from "#base/ctx.ts";
import type { Directory, SignedIn } from "#directory/api.ts";
import { parseAddresses } from "#format/mime/addresses.ts";
import { formatDate } from "#format/mime/date.ts";
import type { HeaderField } from "#format/mime/headers.ts";
import { fieldText, headerFields } from "#format/mime/headers.ts";
import { actingAs, judgeSending, sentCopyPlaces } from "#transport/sending.ts";
import type { ActedFor, ActingAs } from "#transport/sending.ts";
import type { Reply } from "#wire/smtp/reply.ts";
import { reply } from "#wire/smtp/reply.ts";

export interface SubmissionFacts {
  readonly directory: Directory;
  readonly signedIn: SignedIn;
  readonly envelopeSender: string;
  readonly hostname: string;
  readonly queueId: string;
  readonly nowMs: number;
}

const authorsMax = 50;

/** A header that was taken, and the mailbox of another that keeps a copy of the message. */
export type SubmissionVerdict =
  | { readonly pieces: readonly Uint8Array[]; readonly sentFor: ActedFor | null; readonly actingAs: ActingAs | null }
  | { readonly refused: Reply };

/**
 * Judges the header of a submitted message and completes it: Date, Message-ID and From are added when missing, Sender
 * when From is somebody who allowed no more than Send on Behalf; Bcc goes. RFC 6409 §6.1, §8; RFC 5322 §3.6
 */
export async function checkSubmittedHeader(
  ctx: Ctx, facts: SubmissionFacts, header: Uint8Array,
): Promise<SubmissionVerdict> {
  const { directory, signedIn } = facts;
  const fields = [...headerFields(header)];
  const named = (name: string): HeaderField[] => fields.filter((field) => field.name === name);
  const from = readAuthors(header, "From", named("from"));
  if ("refused" in from) return from;
  const sender = readAuthors(header, "Sender", named("sender"));
  if ("refused" in sender) return sender;
  const missing = from.addresses.length === 0 ? [facts.envelopeSender || signedIn.address] : from.addresses;
  const verdict = await judgeSending(ctx, directory, signedIn.entryId, { from: missing, sender: sender.addresses });
  if (verdict.kind === "refused") return { refused: mayNotSend(signedIn.address, verdict.address, verdict.field) };
  const added: string[] = [];
  if (named("date").length === 0) added.push(`Date: ${formatDate(facts.nowMs)}\r\n`);
  if (from.addresses.length === 0) added.push(`From: <${missing[0]!}>\r\n`);
  if (verdict.needsSender) added.push(`Sender: <${signedIn.address}>\r\n`);
  if (named("message-id").length === 0) added.push(`Message-ID: <${facts.queueId}@${facts.hostname}>\r\n`);
  const { toShared } = await sentCopyPlaces(ctx, directory, verdict.sentFor);
  return {
    pieces: [Buffer.from(added.join("")), ...withoutBcc(header, fields)],
    sentFor: toShared === null ? null : verdict.sentFor,
    actingAs: actingAs(verdict, signedIn.address),
  };
}

/** The same words whether the other one exists or not. RFC 3463 §3.8 X.7.1 */
export function mayNotSend(self: string, other: string, field: string): Reply {
  return reply(550, "5.7.1",
    `${self} may not send as ${other} (${field}); Send As or Send on Behalf can be granted by an administrator`);
}

function readAuthors(
  header: Uint8Array, title: "From" | "Sender", fields: readonly HeaderField[],
): { readonly addresses: readonly string[] } | { readonly refused: Reply } {
  if (fields.length === 0) return { addresses: [] };
  // Programs differ in which of two they show.
  if (fields.length > 1) {
    return { refused: reply(550, "5.7.1", `The message has ${fields.length} ${title} fields; it may have one`) };
  }
  const authors = parseAddresses(fieldText(header, fields[0]!), authorsMax + 1)
    .filter(({ mailbox, host }) => mailbox !== null && host !== null);
  if (authors.length === 0) return { refused: reply(550, "5.6.0", `The ${title} field has no address`) };
  if (authors.length > authorsMax) return { refused: reply(550, "5.6.0", `The ${title} field has too many addresses`) };
  if (title === "Sender" && authors.length > 1) {
    return { refused: reply(550, "5.6.0", "The Sender field has more than one address") };
  }
  return { addresses: authors.map(({ mailbox, host }) => `${mailbox}@${host}`) };
}

/** The header without its Bcc fields: the others must not see them. RFC 5322 §3.6.3 */
function withoutBcc(header: Uint8Array, fields: readonly HeaderField[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const field of fields) {
    if (field.name !== "bcc" && field.name !== "resent-bcc") continue;
    pieces.push(header.subarray(from, field.start));
    from = field.end;
  }
  pieces.push(header.subarray(from));
  return pieces;
}
