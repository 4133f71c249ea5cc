/**
 * Mail to a group that waits for a moderator. It stands in the queue as one recipient, the group, that comes due when
 * it runs out; the question to the moderators goes into the queue in the same commit. Who decides first decides.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Directory, Resolution } from "#directory/api.ts";
import { domainOf, RuleMessage } from "#rules/message.ts";
import { readAnswer } from "#rules/moderation/answer.ts";
import { buildApprovalRequest } from "#rules/moderation/request.ts";
import type { Store } from "#store/api.ts";
import { serverScope } from "#store/api.ts";
import { loadContent, readContentStart } from "#transport/content.ts";
import type { AcceptRecipient, HeldGroup } from "#transport/expand.ts";
import type { Outcome } from "#transport/outcome.ts";
import { heldSender } from "#transport/queue-rows.ts";
import type { NewMessage, QueueMessage, QueueRecipient, StoredContent } from "#transport/queue-rows.ts";
import { changeQueue, heldRecipient } from "#transport/queue-store.ts";
import type { ReportEntry } from "#transport/report.ts";
import type { AcceptRequest } from "#transport/transport.ts";
import type { Consignment } from "#transport/worker.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";

const secretName = "moderation";
const answerPattern = /^moderate-([0-9a-z]{16})-([0-9a-f]{20})@/i;

export interface ModerationParts {
  readonly store: Store;
  readonly directory: Directory;
  readonly accept: (ctx: Ctx, request: AcceptRequest) => Promise<boolean>;
  /** Puts finished messages into the queue, once for a key. */
  readonly commit: (ctx: Ctx, messages: readonly NewMessage[], onceKey: string) => Promise<boolean>;
  readonly newQueueId: () => string;
  readonly makeReport: (
    message: QueueMessage, content: StoredContent | null, entries: readonly ReportEntry[],
  ) => Promise<NewMessage | null>;
}

export interface ModeratorDecision {
  readonly decision: "approve" | "reject";
  readonly comment: string;
  /** For logs, and for the sender of what is refused. */
  readonly by: string;
}

export class Moderation {
  readonly #parts: ModerationParts;

  constructor(parts: ModerationParts) {
    this.#parts = parts;
  }

  async #mac(ctx: Ctx, heldId: string): Promise<string> {
    const secret = await this.#parts.directory.secret?.(ctx, secretName);
    if (secret === undefined) throw new Fault("notSupported", "This server keeps no keys to sign questions with.");
    return createHmac("sha256", secret).update(`moderate ${heldId}`).digest("hex").slice(0, 20);
  }

  /** Whether this is where moderators answer; nobody else knows such an address. */
  async isAnswerAddress(ctx: Ctx, address: string): Promise<boolean> {
    const found = answerPattern.exec(address);
    if (found === null || !await this.#parts.directory.isLocalDomain(ctx, domainOf(address))) return false;
    const [, heldId = "", mac = ""] = found;
    return timingSafeEqual(Buffer.from(await this.#mac(ctx, heldId.toLowerCase())), Buffer.from(mac.toLowerCase()));
  }

  /** The question to those who may decide; null when none of them takes mail. */
  async question(
    ctx: Ctx, heldId: string, group: HeldGroup,
    { envelopeSender, trace, content, expiresMs }: {
      envelopeSender: string; trace: Uint8Array; content: StoredContent; expiresMs: number;
    },
  ): Promise<{ bytes: Buffer; recipients: AcceptRecipient[] } | null> {
    const recipients = await this.#takers(ctx, group.moderators);
    if (recipients.length === 0) return null;
    const sizeBytes = "bytes" in content ? content.bytes.length : content.sizeBytes;
    const isWhole = sizeBytes <= limits.ruleForwardWholeMaxBytes;
    const start = await readContentStart(this.#parts.store, content,
      isWhole ? limits.ruleForwardWholeMaxBytes : limits.headerSectionMaxBytes);
    const nowMs = ctx.system.nowMs();
    const domain = domainOf(group.address);
    const message = new RuleMessage({
      envelope: { sender: envelopeSender, recipient: group.address }, bytes: start, sizeBytes, receivedMs: nowMs,
    });
    const bytes = buildApprovalRequest({
      group: group.address, moderators: recipients.map(({ address }) => address), expiresMs, nowMs, message,
      answersTo: `moderate-${heldId}-${await this.#mac(ctx, heldId)}@${domain}`, whole: isWhole ? [trace, start] : null,
      messageId: `${heldId}.moderation@${domain}`,
    });
    return { bytes, recipients };
  }

  /** Groups among the moderators are opened whoever may write to them: it is the server that asks. */
  async #takers(ctx: Ctx, addresses: readonly string[]): Promise<AcceptRecipient[]> {
    const found = new Map<string, AcceptRecipient>();
    for (const address of addresses) {
      const resolution = await this.#parts.directory.resolve(ctx, address);
      const people: readonly Resolution[] = resolution.kind === "group" ? resolution.members : [resolution];
      for (const one of people) {
        if (found.size >= limits.moderatorsMax) break;
        if (one.kind !== "mailbox" && one.kind !== "remote") continue;
        found.set(one.address, { address: one.address, resolution: one, notify: notifyBits.never });
      }
    }
    return [...found.values()];
  }

  /** Carries out what the queue has for the server itself; null when it stops and nothing can be said. */
  async carryOut(ctx: Ctx, { message, recipients, content }: Consignment): Promise<Outcome> {
    const recipient = recipients[0]!;
    if (heldSender(recipient.route) !== undefined) {
      const reply = `451 4.7.2 No moderator of ${recipient.address} has answered`;
      return { recipient, kind: "later", status: "4.7.2", reply, remoteMta: null };
    }
    const bytes = content ?? await loadContent(ctx, this.#parts.store, message);
    return await this.#answer(ctx, message, recipient, bytes);
  }

  async #answer(
    ctx: Ctx, message: QueueMessage, recipient: QueueRecipient, content: StoredContent,
  ): Promise<Outcome> {
    const done: Outcome = { recipient, kind: "delivered", status: "2.0.0", reply: "", remoteMta: null };
    const failed = (status: string, text: string): Outcome =>
      ({ recipient, kind: "failed", status, reply: `550 ${status} ${text}`, remoteMta: null });
    const start = await readContentStart(this.#parts.store, content, limits.ruleReadMaxBytes);
    const answer = new RuleMessage({
      envelope: { sender: message.envelopeSender, recipient: recipient.address }, bytes: start,
      sizeBytes: message.sizeBytes, receivedMs: message.acceptedMs,
    });
    // A program's answer, or a report about the question, decides nothing.
    const isAutomatic = answer.named("auto-submitted").some((value) => !/^\s*no\b/i.test(value));
    if (message.envelopeSender === "" || isAutomatic) return done;
    const heldId = answerPattern.exec(recipient.address)?.[1]?.toLowerCase() ?? "";
    const held = await this.#parts.store.read(ctx, serverScope, () => heldRecipient(heldId));
    if (held === undefined) return failed("5.7.0", "This message waits no more: somebody has decided already.");
    if (!await this.#mayDecide(ctx, held.recipient.address, message.envelopeSender)) {
      return failed("5.7.1", `${message.envelopeSender} is no moderator of ${held.recipient.address}.`);
    }
    const said = readAnswer(answer);
    if (said === null) return failed("5.6.0", "The first line says neither Approve nor Reject.");
    await this.decide(ctx, heldId, { ...said, by: message.envelopeSender });
    return done;
  }

  async #mayDecide(ctx: Ctx, groupAddress: string, sender: string): Promise<boolean> {
    const { sharing } = this.#parts.directory;
    const group = await sharing?.entryByAddress(ctx, groupAddress) ?? null;
    const entry = await sharing?.entryByAddress(ctx, sender) ?? null;
    if (group === null || entry === null) return false;
    return await sharing?.mayModerate?.(ctx, group.entryId as EntryId, entry.entryId as EntryId) === true;
  }

  /** Lets a message pass, or sends it back. Fault `notFound` for one that does not wait. */
  async decide(ctx: Ctx, heldId: string, { decision, comment, by }: ModeratorDecision): Promise<void> {
    const { store } = this.#parts;
    const held = await store.read(ctx, serverScope, () => heldRecipient(heldId));
    if (held === undefined) throw new Fault("notFound", `There is no message ${heldId} that waits for a moderator.`);
    const { message, recipient } = held;
    const content = await loadContent(ctx, store, message);
    if (decision === "approve") await this.#pass(ctx, message, recipient, content);
    else await this.#refuse(ctx, message, recipient, { content, comment });
    await store.transact(ctx, serverScope, changeQueue, { change: "drop", queueId: heldId });
    ctx.log.info({ queue: heldId, group: recipient.address, decision, by }, "a moderator decided");
  }

  async #pass(ctx: Ctx, message: QueueMessage, recipient: QueueRecipient, content: StoredContent): Promise<void> {
    const resolution = await this.#parts.directory.resolve(ctx, recipient.address);
    if (resolution.kind !== "group") throw new Fault("notFound", `The group ${recipient.address} is gone.`);
    const { origin, envelopeSender, envelopeId, ret, flags, trace } = message;
    await this.#parts.accept(ctx, {
      queueId: this.#parts.newQueueId(), origin, envelopeSender, envelopeId, ret, flags, trace, content,
      recipients: [{
        address: recipient.address, resolution, notify: recipient.notify,
        originalRecipient: recipient.originalRecipient,
      }],
      senderId: heldSender(recipient.route) ?? null, passed: [resolution.entryId], onceKey: onceKey(message.queueId),
    });
  }

  async #refuse(
    ctx: Ctx, message: QueueMessage, recipient: QueueRecipient,
    { content, comment }: { content: StoredContent; comment: string },
  ): Promise<void> {
    const { makeReport, directory } = this.#parts;
    const why = comment === "" ? "" : `: ${comment}`;
    const reply = `550 5.7.1 A moderator of ${recipient.address} did not let it pass${why}`;
    const entry: ReportEntry = {
      action: "failed", address: recipient.address, originalRecipient: recipient.originalRecipient, status: "5.7.1",
      reply, remoteMta: null,
    };
    const isTold = (recipient.notify & notifyBits.failure) !== 0 && await isHeard(ctx, directory, message, recipient);
    const report = isTold ? await makeReport(message, content, [entry]) : null;
    await this.#parts.commit(ctx, report === null ? [] : [report], onceKey(message.queueId));
  }
}

/** Approved and refused under the same key: the first one counts, also after a crash. */
const onceKey = (heldId: string): string => `moderation ${heldId}`;

async function isHeard(
  ctx: Ctx, directory: Directory, { envelopeSender }: QueueMessage, { address }: QueueRecipient,
): Promise<boolean> {
  const group = await directory.sharing?.entryByAddress(ctx, address) ?? null;
  const mailing = group === null ? null
    : await directory.sharing?.groupMailing?.(ctx, group.entryId, { entryId: null }) ?? null;
  const notice = mailing?.moderationNotice ?? "inside";
  return notice === "everyone" || (notice === "inside" && await directory.isLocalDomain(ctx, domainOf(envelopeSender)));
}
