/** What is done to a message that a person of ours hands in, and nothing else: RFC 6409 §5 and §8. */
import type { Ctx } from "#base/ctx.ts";
import type { Directory, SignedIn } from "#directory/api.ts";
import { parseAddresses } from "#format/mime/addresses.ts";
import { formatDate } from "#format/mime/date.ts";
import type { HeaderField } from "#format/mime/headers.ts";
import { fieldText, headerFields } from "#format/mime/headers.ts";
import type { HeaderVerdict } from "#serve/smtp/intake.ts";
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

/**
 * Judges the header of a submitted message and completes it: Date, Message-ID and From are added when missing, Bcc
 * goes. Everyone in From and Sender must be somebody this person may send as. RFC 6409 §6.1, §8; RFC 5322 §3.6
 */
export async function checkSubmittedHeader(
  ctx: Ctx, facts: SubmissionFacts, header: Uint8Array,
): Promise<HeaderVerdict> {
  const fields = [...headerFields(header)];
  const named = (name: string): HeaderField[] => fields.filter((field) => field.name === name);
  for (const name of ["from", "sender"]) {
    const refused = await checkAuthors(ctx, facts, header, name, named(name));
    if (refused !== null) return { refused };
  }
  const added: string[] = [];
  if (named("date").length === 0) added.push(`Date: ${formatDate(facts.nowMs)}\r\n`);
  if (named("from").length === 0) added.push(`From: <${facts.envelopeSender || facts.signedIn.address}>\r\n`);
  if (named("message-id").length === 0) added.push(`Message-ID: <${facts.queueId}@${facts.hostname}>\r\n`);
  return { pieces: [Buffer.from(added.join("")), ...withoutBcc(header, fields)] };
}

async function checkAuthors(
  ctx: Ctx, { directory, signedIn }: SubmissionFacts, header: Uint8Array, name: string, fields: readonly HeaderField[],
): Promise<Reply | null> {
  if (fields.length === 0) return null;
  const title = name === "from" ? "From" : "Sender";
  // Programs differ in which of two they show.
  if (fields.length > 1) {
    return reply(550, "5.7.1", `The message has ${fields.length} ${title} fields; it may have one`);
  }
  const authors = parseAddresses(fieldText(header, fields[0]!), authorsMax + 1)
    .filter(({ mailbox, host }) => mailbox !== null && host !== null);
  if (authors.length === 0) return reply(550, "5.6.0", `The ${title} field has no address`);
  if (authors.length > authorsMax) return reply(550, "5.6.0", `The ${title} field has too many addresses`);
  for (const { mailbox, host } of authors) {
    const address = `${mailbox}@${host}`;
    if (!await directory.maySendAs(ctx, signedIn.entryId, address)) {
      return reply(550, "5.7.1", `${signedIn.address} may not send as ${address} (${title})`);
    }
  }
  return null;
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
