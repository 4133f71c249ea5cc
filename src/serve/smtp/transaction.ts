import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Resolution, SignedIn } from "#directory/api.ts";
import type { CountedBody } from "#serve/smtp/intake.ts";
import { MessageIntake, replyOfError } from "#serve/smtp/intake.ts";
import type { SmtpParts, SmtpSettings } from "#serve/smtp/service.ts";
import { checkSubmittedHeader, mayNotSend } from "#serve/smtp/submission.ts";
import { receivedField } from "#serve/smtp/trace.ts";
import type { RecipientResolution } from "#transport/expand.ts";
import { contentFlags } from "#transport/queue-rows.ts";
import { judgeSending } from "#transport/sending.ts";
import type { ActedFor, ActingAs } from "#transport/sending.ts";
import type { SmtpAddress } from "#wire/smtp/address.ts";
import type { Command } from "#wire/smtp/command.ts";
import type { MailParameters, RcptParameters } from "#wire/smtp/parameters.ts";
import type { Reply } from "#wire/smtp/reply.ts";
import { reply } from "#wire/smtp/reply.ts";

/** What the session knows when MAIL comes. */
export interface TransactionFacts {
  readonly parts: SmtpParts;
  readonly settings: SmtpSettings;
  /** Always there on submission ports. */
  readonly signedIn: SignedIn | null;
  readonly client: {
    readonly address: string;
    readonly tls: { readonly version: string; readonly cipher: string } | null;
  };
  readonly hello: { readonly client: string; readonly extended: boolean };
}

interface Recipient {
  readonly address: SmtpAddress;
  readonly resolution: RecipientResolution;
  readonly parameters: RcptParameters;
}

const needsSmtpUtf8 = reply(553, "5.6.7", "An address beyond ASCII needs the SMTPUTF8 parameter of MAIL");

/** Whether anyone in a group can be reached. */
function hasMembers(group: Resolution & { kind: "group" }): boolean {
  const open: Resolution[] = [...group.members];
  for (let member = open.pop(); member !== undefined; member = open.pop()) {
    if (member.kind === "mailbox" || member.kind === "remote") return true;
    if (member.kind === "group") open.push(...member.members);
  }
  return false;
}

/** One message from MAIL to the end of its data. RFC 5321 §3.3 */
export class Transaction {
  readonly #facts: TransactionFacts;
  readonly #sender: SmtpAddress | null;
  readonly #parameters: MailParameters;
  readonly #queueId: string;
  readonly recipients: Recipient[] = [];
  #intake: MessageIntake | null = null;
  /** The mailbox in whose name the message is sent, when it keeps a copy. */
  #sentFor: ActedFor | null = null;
  #actingAs: ActingAs | null = null;

  private constructor(facts: TransactionFacts, sender: SmtpAddress | null, parameters: MailParameters) {
    this.#facts = facts;
    this.#sender = sender;
    this.#parameters = parameters;
    this.#queueId = facts.parts.transport.newQueueId();
  }

  /** MAIL: the transaction, or why there is none. RFC 5321 §4.1.1.2, RFC 1870 §6.1, RFC 6409 §6.1 */
  static async begin(
    ctx: Ctx, facts: TransactionFacts, command: Command & { verb: "MAIL" },
  ): Promise<Transaction | Reply> {
    const { from, parameters } = command;
    const { settings, signedIn, parts } = facts;
    if (from !== null && !from.isAscii && parameters.smtpUtf8 !== true) return needsSmtpUtf8;
    if ((parameters.size ?? 0) > settings.messageSizeMaxBytes) {
      return reply(552, "5.3.4", `The message is larger than ${settings.messageSizeMaxBytes} bytes`);
    }
    // The null sender is for receipts, which programs send themselves (RFC 8098 §3).
    if (signedIn !== null && from !== null) {
      const authors = { from: [from.text], sender: [] };
      const verdict = await judgeSending(ctx, parts.directory, signedIn.entryId, authors);
      if (verdict.kind === "refused") return { ...mayNotSend(signedIn.address, from.text, "MAIL"), code: 553 };
      const full = await refuseFullSender(ctx, facts);
      if (full !== null) return full;
    }
    return new Transaction(facts, from, parameters);
  }

  get intake(): MessageIntake | null {
    return this.#intake;
  }

  /** RCPT: null when the recipient was taken. RFC 5321 §4.1.1.3 */
  async addRecipient(ctx: Ctx, command: Command & { verb: "RCPT" }): Promise<Reply | null> {
    const { settings } = this.#facts;
    if (!command.to.isAscii && this.#parameters.smtpUtf8 !== true) return needsSmtpUtf8;
    if (this.recipients.length >= settings.recipientsMax) {
      const text = `At most ${settings.recipientsMax} recipients; send to the others with another message`;
      return reply(452, "4.5.3", text);
    }
    const { address, resolution } = await this.#resolve(ctx, command.to);
    const refused = await this.#refuseResolution(ctx, address, resolution)
      ?? await this.#refuseForGroup(ctx, resolution) ?? await this.#refuseForFolder(ctx, resolution)
      ?? await this.#refuseForQuota(ctx, resolution);
    if (refused === null) this.recipients.push({ address, resolution, parameters: command.parameters });
    return refused;
  }

  /** The first byte of the message is about to come. RFC 5321 §4.1.1.4 */
  beginMessage(ctx: Ctx): void {
    const { parts, settings, signedIn } = this.#facts;
    this.#intake = new MessageIntake(ctx, parts.transport.beginMessage(ctx), {
      messageSizeMaxBytes: settings.messageSizeMaxBytes,
      checkHeader: signedIn === null ? null : async (header) => {
        const verdict = await checkSubmittedHeader(ctx, {
          directory: parts.directory, signedIn, envelopeSender: this.#sender?.text ?? "", hostname: settings.hostname,
          queueId: this.#queueId, nowMs: ctx.system.nowMs(),
        }, header);
        if ("pieces" in verdict) {
          this.#sentFor = verdict.sentFor;
          this.#actingAs = verdict.actingAs;
        }
        return verdict;
      },
    });
  }

  /** The reply to the whole message: 250 only when it is in the queue, on disk. RFC 5321 §4.2.5, §6.1 */
  async finish(ctx: Ctx, counted: CountedBody): Promise<Reply> {
    const taken = await this.#intake!.finish(counted);
    if ("refused" in taken) return this.#log(ctx, taken.refused);
    const { parts, signedIn } = this.#facts;
    const utf8 = this.#parameters.smtpUtf8 === true ? contentFlags.smtpUtf8 : 0;
    try {
      await parts.transport.accept(ctx, {
        queueId: this.#queueId, origin: signedIn === null ? "inbound" : "submission",
        envelopeSender: this.#sender?.text ?? "", envelopeId: this.#parameters.envelopeId ?? null,
        ret: this.#parameters.ret ?? null, flags: taken.flags | utf8, trace: this.#trace(ctx), content: taken.content,
        recipients: this.recipients.map(({ address, resolution, parameters }) => ({
          address: address.text, resolution,
          ...(parameters.notify === undefined ? {} : { notify: parameters.notify }),
          originalRecipient: parameters.originalRecipient ?? null,
        })),
        senderId: signedIn?.entryId ?? null, sentFor: this.#sentFor, actingAs: this.#actingAs,
      });
    } catch (error) {
      if (error instanceof Fault && error.code === "cancelled") throw error;
      return this.#log(ctx, replyOfError(ctx, error));
    }
    return this.#log(ctx, reply(250, "2.0.0", `Queued as ${this.#queueId}`));
  }

  async discard(): Promise<void> {
    await this.#intake?.discard();
  }

  #log(ctx: Ctx, answer: Reply): Reply {
    const fields = {
      queue: this.#queueId, sender: this.#sender?.text ?? "", recipients: this.recipients.length,
      sizeBytes: this.#intake?.sizeBytes, reply: `${answer.code} ${answer.enhanced} ${answer.lines[0]}`,
    };
    if (answer.code < 400) ctx.log.info(fields, "message accepted");
    else ctx.log.warn(fields, "message refused");
    return answer;
  }

  #trace(ctx: Ctx): Uint8Array {
    const { client, hello, settings, signedIn } = this.#facts;
    return new Uint8Array(Buffer.from(receivedField({
      client: hello.client, clientAddress: client.address, hostname: settings.hostname, queueId: this.#queueId,
      nowMs: ctx.system.nowMs(), extended: hello.extended, signedIn: signedIn !== null,
      smtpUtf8: this.#parameters.smtpUtf8 === true, tls: client.tls,
      onlyRecipient: this.recipients.length === 1 ? this.recipients[0]!.address : null,
    })));
  }

  /** Every server must reach a person as `postmaster`. RFC 5321 §4.5.1 */
  async #resolve(ctx: Ctx, to: SmtpAddress): Promise<{ address: SmtpAddress; resolution: RecipientResolution }> {
    const { parts: { directory, transport }, settings: { postmaster, hostname } } = this.#facts;
    const address: SmtpAddress = to.domain === null ? { ...to, domain: hostname, text: `${to.text}@${hostname}` } : to;
    const isPostmaster = to.localPart.toLowerCase() === "postmaster";
    if (to.domain === null) return { address, resolution: await directory.resolve(ctx, postmaster) };
    const resolution = await transport.resolve(ctx, address.text, { isReport: this.#sender === null });
    if (!isPostmaster || resolution.kind !== "unknown") return { address, resolution };
    return { address, resolution: await directory.resolve(ctx, postmaster) };
  }

  async #refuseResolution(ctx: Ctx, address: SmtpAddress, resolution: RecipientResolution): Promise<Reply | null> {
    const { parts: { directory }, signedIn } = this.#facts;
    switch (resolution.kind) {
      case "mailbox":
      case "service":
        return null;
      case "unknown":
        return reply(550, "5.1.1", `${address.text} is not known here`);
      case "disabled":
        return reply(550, "5.2.1", `${address.text} takes no mail`);
      case "group":
        return hasMembers(resolution) ? null : reply(550, "5.2.1", `${address.text} has no members`);
      case "remote":
        // An address of ours may lead outside: a contact's, or that of a sender whose mail was sent on.
        if (signedIn !== null || await directory.isLocalDomain(ctx, address.domain ?? "")) return null;
        return reply(550, "5.7.1", `${address.text} is not at this server; sign in on port 587 or 465 to send on`);
    }
  }

  /** Groups may be closed to some senders. RFC 3463 §3.8 X.7.2 */
  async #refuseForGroup(ctx: Ctx, resolution: RecipientResolution): Promise<Reply | null> {
    const { parts: { directory }, signedIn } = this.#facts;
    if (resolution.kind !== "group") return null;
    const why = await directory.sharing?.refusesSender(ctx, resolution.entryId, { entryId: signedIn?.entryId ?? null });
    return why === undefined || why === null ? null : reply(550, "5.7.2", `${resolution.address} ${why}`);
  }

  /** Public folders take mail from whoever may make items in them. RFC 3463 §3.8 X.7.1 */
  async #refuseForFolder(ctx: Ctx, resolution: RecipientResolution): Promise<Reply | null> {
    const { parts: { mayPost }, signedIn } = this.#facts;
    if (resolution.kind !== "mailbox" || resolution.folderId === undefined || mayPost === undefined) return null;
    const { mailboxId, folderId, address } = resolution;
    if (await mayPost(ctx, { mailboxId, folderId, senderId: signedIn?.entryId ?? null })) return null;
    const how = signedIn === null ? "; sign in to write to it, where you may" : "";
    return reply(550, "5.7.1", `${address} takes no mail from you${how}`);
  }

  async #refuseForQuota(ctx: Ctx, resolution: RecipientResolution): Promise<Reply | null> {
    const { quota } = this.#facts.parts;
    if (quota === null || resolution.kind !== "mailbox") return null;
    const { usedBytes, limitBytes } = await quota(ctx, resolution.mailboxId);
    if (limitBytes === null) return null;
    const sizeBytes = this.#parameters.size ?? 0;
    if (sizeBytes > limitBytes) return reply(552, "5.2.2", "The message is larger than the mailbox may become");
    // Room may be made before the sender's server gives up.
    if (usedBytes + sizeBytes >= limitBytes) return reply(452, "4.2.2", "The mailbox is full");
    return null;
  }
}

/** Whose mailbox is over its level of sending makes room first. [MS-OXPROPS] PidTagProhibitSendQuota */
async function refuseFullSender(
  ctx: Ctx, { signedIn, parts: { quota } }: Pick<TransactionFacts, "signedIn" | "parts">,
): Promise<Reply | null> {
  const mailboxId = signedIn?.mailboxId ?? null;
  if (quota === null || mailboxId === null) return null;
  const { usedBytes, sendBytes } = await quota(ctx, mailboxId);
  if (sendBytes === undefined || sendBytes === null || usedBytes < sendBytes) return null;
  return reply(552, "5.2.2", "Your mailbox is full; delete messages before you send");
}
