/** Mail that rules cause: sent on, forwarded, answered. Each goes into the queue once for its delivery. */
import { createHash } from "node:crypto";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { htmlBodyOf, plainBodyOf } from "#convert/bodies.ts";
import { getProperty } from "#convert/item.ts";
import type { Directory, MailboxOwner } from "#directory/api.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { properties } from "#props/registry.ts";
import type { SendDecision } from "#rules/decisions.ts";
import { domainOf, foldAddress, RuleMessage } from "#rules/message.ts";
import type { ReplySettings, RuleSettings } from "#rules/own/settings.ts";
import { decideReply, replyText, whyNoReply } from "#rules/replies/decide.ts";
import type { AnswerKind } from "#rules/replies/decide.ts";
import { memoryKey } from "#rules/replies/memory.ts";
import { buildReply, replyClasses } from "#rules/replies/message.ts";
import type { ReplyRequest } from "#rules/replies/message.ts";
import { buildForward } from "#rules/resend/forward.ts";
import { resentFields } from "#rules/resend/redirect.ts";
import type { Store } from "#store/api.ts";
import { readContentStart } from "#transport/content.ts";
import type { Deliver } from "#transport/local.ts";
import { contentFlagsOf } from "#transport/content-flags.ts";
import type { DeliveryMark, StoredContent } from "#transport/queue-rows.ts";
import type { RuleStore } from "#transport/rule-store.ts";
import type { AcceptRecipient } from "#transport/expand.ts";
import type { Transport } from "#transport/transport.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";

const p = properties;
const dayMs = 24 * 3_600_000;

export interface RuleMailParts {
  readonly store: Store;
  readonly directory: Directory;
  readonly transport: () => Transport;
  readonly hostname: string;
  readonly mailbox: Mailbox;
  readonly owner: MailboxOwner;
  readonly own: readonly string[];
  readonly message: RuleMessage;
  readonly request: Parameters<Deliver>[1];
  readonly memory: RuleStore;
  readonly settings: RuleSettings;
}

/** A mail that has somebody to go to. */
export interface Prepared {
  send(ctx: Ctx): Promise<void>;
}

interface Outgoing {
  readonly key: string;
  readonly envelopeSender: string;
  readonly recipients: readonly AcceptRecipient[];
  readonly trace: Uint8Array;
  readonly content: StoredContent;
  readonly flags: number;
  /** Sent on in the name of somebody else. */
  readonly forwardedBy?: string;
  readonly mark?: DeliveryMark;
}

type Onward = Extract<SendDecision, { kind: "redirect" | "forward" | "delegate" }>;
type Answer = Exclude<SendDecision, Onward>;

export class RuleMail {
  readonly #parts: RuleMailParts;

  constructor(parts: RuleMailParts) {
    this.#parts = parts;
  }

  get #owner(): DisplayAddress {
    return { name: this.#parts.owner.displayName, address: this.#parts.owner.address };
  }

  /** The same for the same delivery, so that a mail made twice is one. */
  #messageId(what: string): string {
    const { request, owner } = this.#parts;
    const digest = createHash("sha256").update(`${request.deliveryId} ${request.mailboxId} ${what}`).digest("hex");
    return `${digest.slice(0, 32)}.rule@${domainOf(owner.address)}`;
  }

  /** `failed` counts what has nobody to go to, or is too large. */
  async prepare(ctx: Ctx, sends: readonly SendDecision[]): Promise<{ mails: Prepared[]; failed: number }> {
    const mails: Prepared[] = [];
    let failed = 0;
    for (const [index, send] of sends.entries()) {
      if (send.kind === "reply" || send.kind === "vacation") continue;
      const recipients = await this.#takers(ctx, send);
      const made = recipients.length === 0 ? [] : await this.#onward(ctx, send, recipients, index);
      if (made.length === 0) failed++;
      for (const mail of made) mails.push({ send: (later) => this.#accept(later, mail) });
    }
    return { mails, failed };
  }

  /** Those of `addresses` that take mail and are not this mailbox. */
  async #takers(ctx: Ctx, send: Onward): Promise<AcceptRecipient[]> {
    const { directory, request, owner } = this.#parts;
    const found: AcceptRecipient[] = [];
    for (const address of send.addresses) {
      const resolution = await directory.resolve(ctx, address);
      const folderId = request.mark?.kind === "public" ? request.mark.folderId : undefined;
      const isSelf = resolution.kind === "mailbox" && resolution.mailboxId === request.mailboxId &&
        resolution.folderId === folderId;
      const refusal = isSelf ? "it is the owner's own"
        : resolution.kind === "unknown" || resolution.kind === "disabled" ? "nobody takes mail there"
        : resolution.kind === "group" ? await this.#refusalOf(ctx, resolution.entryId) : null;
      if (refusal === null) found.push({ address, resolution });
      else {
        ctx.log.info({ mailbox: owner.address, rule: send.by, recipient: address, reason: refusal }, "not sent on");
      }
    }
    return found;
  }

  async #refusalOf(ctx: Ctx, groupId: EntryId): Promise<string | null> {
    const { directory, owner } = this.#parts;
    return await directory.sharing?.refusesSender(ctx, groupId, { entryId: owner.entryId }) ?? null;
  }

  async #onward(ctx: Ctx, send: Onward, recipients: readonly AcceptRecipient[], index: number): Promise<Outgoing[]> {
    const nowMs = ctx.system.nowMs();
    const messageId = this.#messageId(`${index}`);
    const to = recipients.map(({ address }) => address);
    if (send.kind === "forward") {
      const whole = await this.#whole(ctx);
      if (whole === null) return [];
      const bytes = buildForward(whole, { owner: this.#owner, to, form: send.form, nowMs, messageId });
      return [{
        key: `${index}`, envelopeSender: this.#parts.owner.address, recipients, trace: new Uint8Array(0),
        content: { bytes }, flags: contentFlagsOf(bytes, [this.#parts.owner.address, ...to]),
      }];
    }
    const { request, owner } = this.#parts;
    const isAutoForwarded = send.kind === "redirect" && send.isAutoForwarded === true;
    const fields = resentFields({ owner: this.#owner, to, nowMs, messageId, isAutoForwarded });
    // Return-Path belongs to the last delivery alone. RFC 5321 §4.4
    const trace = Buffer.concat([fields, request.prefix.subarray(returnPathSize(request.prefix))]);
    const isDelegated = send.kind === "delegate";
    return [{
      // The queue rewrites the sender for those outside.
      key: `${index} ${request.envelopeSender}`, envelopeSender: request.envelopeSender, recipients, trace,
      content: request.content, flags: request.flags ?? 0, forwardedBy: owner.address,
      ...isDelegated ? { mark: { kind: "delegated", for: owner.entryId } } : {},
    }];
  }

  /** The message with all its bytes; null when it is too large to be taken along. */
  async #whole(ctx: Ctx): Promise<RuleMessage | null> {
    const { store, request, message } = this.#parts;
    if (message.sizeBytes === message.bytes.length) return message;
    if (message.sizeBytes > limits.ruleForwardWholeMaxBytes) {
      ctx.log.info({ mailbox: this.#parts.owner.address, sizeBytes: message.sizeBytes }, "too large to be forwarded");
      return null;
    }
    const content = await readContentStart(store, request.content, limits.ruleForwardWholeMaxBytes);
    return new RuleMessage({
      envelope: message.envelope, bytes: Buffer.concat([request.prefix, content]), receivedMs: message.receivedMs,
    });
  }

  async #accept(ctx: Ctx, mail: Outgoing): Promise<void> {
    const queue = this.#parts.transport();
    try {
      await queue.accept(ctx, {
        queueId: queue.newQueueId(), origin: "internal", envelopeSender: mail.envelopeSender, flags: mail.flags,
        trace: mail.trace, content: mail.content, recipients: mail.recipients,
        // What the owner may write to, the owner's rules may write to.
        senderId: this.#parts.owner.entryId,
        ...mail.forwardedBy === undefined ? {} : { forwardedBy: mail.forwardedBy },
        ...mail.mark === undefined ? {} : { mark: mail.mark },
        onceKey: `rule ${this.#parts.request.deliveryId} ${mail.key}`,
      });
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "notFound") throw error;
      ctx.log.info({ mailbox: this.#parts.owner.address }, "a mail of a rule has nobody to go to");
    }
  }

  async #reply(
    ctx: Ctx, to: string, key: string, reply: Omit<ReplyRequest, "owner" | "to" | "nowMs" | "messageId">,
  ): Promise<void> {
    const { directory, message } = this.#parts;
    const resolution = await directory.resolve(ctx, to);
    if (resolution.kind === "unknown" || resolution.kind === "disabled") return;
    const bytes = buildReply(message, {
      ...reply, owner: this.#owner, to, nowMs: ctx.system.nowMs(), messageId: this.#messageId(key),
    });
    // From the null sender, so that nothing answers the answer. RFC 3834 §3.3
    await this.#accept(ctx, {
      key, envelopeSender: "", trace: new Uint8Array(0), content: { bytes },
      recipients: [{ address: to, resolution, notify: notifyBits.never }], flags: contentFlagsOf(bytes, [to]),
    });
  }

  /** Whether this delivery may use a key that each sender gets once. */
  #takesTurn(ctx: Ctx, key: string, periodMs: number): Promise<boolean> {
    const { memory, mailbox, request } = this.#parts;
    const nowMs = ctx.system.nowMs();
    return memory.remember(ctx, mailbox, nowMs, (remembered) => {
      if (remembered.has(key, request.deliveryId)) return false;
      remembered.add(key, nowMs + periodMs, request.deliveryId);
      return true;
    });
  }

  #mayAnswer(ctx: Ctx, by: string, kind: AnswerKind, more: readonly string[] = []): boolean {
    const why = whyNoReply(this.#parts.message, [...this.#parts.own, ...more], kind);
    if (why !== null) ctx.log.debug({ mailbox: this.#parts.owner.address, rule: by, reason: why }, "not answered");
    return why === null;
  }

  /** An answer of a rule or a script. RFC 5230 §4, [MS-OXORULE] 2.2.5.1.2.2 */
  async answer(ctx: Ctx, send: Answer, index: number): Promise<void> {
    const { message } = this.#parts;
    const sender = message.envelope.sender;
    if (send.kind === "vacation") {
      const { request } = send;
      if (!this.#mayAnswer(ctx, send.by, "script", request.addresses)) return;
      const key = memoryKey("vacation", request.handle, foldAddress(sender));
      if (!await this.#takesTurn(ctx, key, request.seconds * 1000)) return;
      await this.#reply(ctx, sender, `vacation ${index}`, {
        body: { text: request.reason, isHtml: false }, subject: request.subject, isMime: request.isMime,
      });
      return;
    }
    if (!this.#mayAnswer(ctx, send.by, send.isOof ? "oof" : "rule")) return;
    const template = await this.#template(ctx, send);
    if (template === null) return;
    const key = memoryKey("rule", send.ruleId, foldAddress(sender));
    if (send.once && !await this.#takesTurn(ctx, key, this.#oofPeriodMs(ctx))) return;
    const to = send.flavor === "toTemplate" ? template.to : [sender];
    for (const [number, address] of to.entries()) {
      await this.#reply(ctx, address, `reply ${index} ${number}`, {
        // What tells that somebody is away names the message it is about, whatever the template's own subject is.
        body: template.body, subject: send.isOof ? null : template.subject,
        messageClass: send.isOof ? replyClasses.oof : replyClasses.reply,
      });
    }
  }

  /** The message that a rule answers with; null when it is gone. */
  async #template(
    ctx: Ctx, { template, flavor, by }: Extract<Answer, { kind: "reply" }>,
  ): Promise<{ body: { text: string; isHtml: boolean }; subject: string | null; to: string[] } | null> {
    const counter = template.messageId?.counter ??
      (template.entryId?.length === 70 ? Buffer.from(template.entryId).readUIntBE(62, 6) : 0);
    if (flavor === "stock") return { body: { text: stockText, isHtml: false }, subject: null, to: [] };
    try {
      const item = await this.#parts.mailbox.items.open(ctx, counter as MessageId);
      const html = item.bag.has(p.PidTagHtml.tag) ? htmlBodyOf(item) : undefined;
      const body = html === undefined ? { text: plainBodyOf(item) ?? "", isHtml: false } : { text: html, isHtml: true };
      const subject = getProperty(item, p.PidTagSubject) ?? "";
      const to = item.recipients.map((one) => getProperty(one, p.PidTagSmtpAddress) ?? "")
        .filter((address) => foldAddress(address) !== "").slice(0, limits.ruleForwardsMax);
      return { body, subject: subject === "" ? null : subject, to };
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "notFound") throw error;
      ctx.log.warn({ mailbox: this.#parts.owner.address, rule: by }, "a rule's reply template is gone");
      return null;
    }
  }

  /** While somebody is away each sender is answered once; without an end, again after a week. */
  #oofPeriodMs(ctx: Ctx): number {
    const { state, endMs } = this.#parts.settings.replies;
    if (state !== "scheduled" || endMs === null) return 7 * dayMs;
    return Math.max(endMs - ctx.system.nowMs(), dayMs);
  }

  /** The owner's own automatic reply. [MS-OXWOOF] 2.2.4.2 */
  async answerAway(ctx: Ctx, replies: ReplySettings, message: RuleMessage): Promise<void> {
    const { own, owner, directory } = this.#parts;
    const sender = message.envelope.sender;
    const why = whyNoReply(message, own, "oof");
    if (why !== null) {
      ctx.log.debug({ mailbox: owner.address, reason: why }, "not answered");
      return;
    }
    const isInside = await directory.isLocalDomain(ctx, domainOf(sender));
    const isKnown = !isInside && replies.audience === "known" && await this.#isInContacts(ctx, sender);
    const state = { nowMs: ctx.system.nowMs(), ownAddresses: own, isInside, isKnown, wasAnswered: false };
    if (decideReply(message, replies, state).kind === "none") return;
    const body = replyText(replies, isInside);
    // A new text, or a new time, is a new answer.
    const key = memoryKey("oof", JSON.stringify([replies.startMs, replies.endMs, body]), foldAddress(sender));
    if (!await this.#takesTurn(ctx, key, this.#oofPeriodMs(ctx))) return;
    await this.#reply(ctx, sender, "away", { body, subject: null, messageClass: replyClasses.oof });
  }

  async #isInContacts(ctx: Ctx, address: string): Promise<boolean> {
    const { mailbox } = this.#parts;
    const wanted = foldAddress(address);
    const emails = [p.PidLidEmail1EmailAddress, p.PidLidEmail2EmailAddress, p.PidLidEmail3EmailAddress];
    const contacts = await mailbox.folderByRole(ctx, "contacts");
    for await (const rows of mailbox.items.table(ctx, contacts.folderId, { names: emails.map(({ named }) => named) })) {
      for (const { object } of rows) {
        if (emails.some((email) => foldAddress(getProperty(object, email) ?? "") === wanted)) return true;
      }
    }
    return false;
  }
}

const stockText = "This is an automatic reply. Your message was received.";

function returnPathSize(prefix: Uint8Array): number {
  const bytes = Buffer.from(prefix.buffer, prefix.byteOffset, prefix.length);
  return /^return-path:/i.test(bytes.toString("latin1", 0, 12)) ? bytes.indexOf("\n") + 1 : 0;
}
