/** The face of the queue to those who hand mail in: SMTP sessions, and later every protocol that can send. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId, MessageId } from "#base/ids.ts";
import type { Directory } from "#directory/api.ts";
import { isSrs } from "#rules/resend/sender.ts";
import type { Store } from "#store/api.ts";
import { serverScope } from "#store/api.ts";
import type { TransportConfig, TransportSettings } from "#transport/config.ts";
import { withDefaults } from "#transport/config.ts";
import { readContentStart } from "#transport/content.ts";
import { contentFlagsOf } from "#transport/content-flags.ts";
import { defaultNotify, expandRecipients } from "#transport/expand.ts";
import type { ExpandedRecipient, ExpandRequest, HeldGroup, RecipientResolution } from "#transport/expand.ts";
import type { Deliver, ProcessMeeting } from "#transport/local.ts";
import { DeferredMail } from "#transport/deferred.ts";
import { abortDeferred, endAborted, releaseDeferred } from "#transport/deferred-store.ts";
import type { AbortResult } from "#transport/deferred-store.ts";
import { LocalDelivery } from "#transport/local.ts";
import { Moderation } from "#transport/moderation.ts";
import type { ModeratorDecision } from "#transport/moderation.ts";
import type { Dialer } from "#transport/outbound/dial.ts";
import { nodeDialer } from "#transport/outbound/dial.ts";
import { OutboundMail } from "#transport/outbound/outbound.ts";
import type { Outbox } from "#transport/outbox.ts";
import { QueueIds } from "#transport/queue-id.ts";
import type { DeferredItem, MessageOrigin, NewMessage, QueueMessage, StoredContent } from "#transport/queue-rows.ts";
import { awaitedRoutes, contentFlags, deferredNumber, deferredRoute, heldRoute } from "#transport/queue-rows.ts";
import { acceptMessages } from "#transport/queue-store.ts";
import type { ReportEntry } from "#transport/report.ts";
import { buildReport, groupByAction } from "#transport/report.ts";
import { SenderRewriting } from "#transport/sender-rewriting.ts";
import type { ActingAs } from "#transport/sending.ts";
import { MessageSpool } from "#transport/spool.ts";
import { QueueWorker } from "#transport/worker.ts";
import type { WorkerParts } from "#transport/worker.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";

export interface AcceptRequest extends ExpandRequest {
  /** From {@link Transport.newQueueId}; it already stands in the trace. */
  readonly queueId: string;
  readonly origin: MessageOrigin;
  readonly envelopeId?: string | null;
  readonly ret?: "FULL" | "HDRS" | null;
  /** Bits of `contentFlags`. */
  readonly flags: number;
  /** Header fields to put in front, with their line ends. */
  readonly trace: Uint8Array;
  readonly content: StoredContent;
  /** Somebody who sends in the name of another; noted once the message is taken. */
  readonly actingAs?: ActingAs | null;
  /** The message is taken once for a key, however often it is handed in; for mail the server writes by itself. */
  readonly onceKey?: string;
}

/** When a message is to leave, and the item that it is meanwhile. */
export interface Deferral extends Pick<DeferredItem, "messageId" | "submittedMs" | "fate"> {
  readonly mailboxId: MailboxId;
  readonly untilMs: number;
}

export interface TransportParts {
  readonly ctx: Ctx;
  readonly store: Store;
  readonly directory: Directory;
  readonly deliver: Deliver;
  /** Where mail that waits for its time stands in mailboxes; left out by tools. */
  readonly outbox?: Outbox;
  /** Left out where meetings stay mail. */
  readonly processMeeting?: ProcessMeeting;
  /** Hears of what was sent in another's name. */
  readonly noteSending?: (actingAs: ActingAs, recipients: readonly string[]) => void;
  /** node's sockets when absent. */
  readonly dialer?: Dialer;
  readonly config: TransportConfig;
}

/** Bytes of a message that a report brings back: whole when asked for, when nobody said, and its header otherwise. */
const returnWholeMaxBytes = { FULL: 1024 * 1024, unsaid: 64 * 1024, header: 64 * 1024 } as const;

export class Transport {
  readonly #parts: TransportParts;
  readonly #settings: TransportSettings;
  readonly #worker: QueueWorker;
  readonly #ids: QueueIds;
  readonly #rewriting: SenderRewriting;
  readonly #moderation: Moderation;

  constructor(parts: TransportParts) {
    const { ctx, store, deliver, dialer = nodeDialer } = parts;
    this.#parts = parts;
    this.#ids = new QueueIds(ctx.system);
    const settings = withDefaults(parts.config);
    this.#settings = settings;
    const makeReport: WorkerParts["makeReport"] = (message, content, entries) =>
      this.#makeReport(message, content, entries);
    this.#rewriting = new SenderRewriting(parts.directory);
    this.#moderation = new Moderation({
      store, directory: parts.directory, makeReport, newQueueId: () => this.newQueueId(),
      accept: (context, request) => this.accept(context, request),
      commit: (context, messages, onceKey) => this.#commit(context, messages, onceKey),
    });
    this.#worker = new QueueWorker({
      ctx, store, settings, makeReport,
      local: new LocalDelivery({
        store, deliver, processMeeting: parts.processMeeting, moderation: this.#moderation,
        deferred: new DeferredMail({
          store, outbox: parts.outbox,
          resolve: (context, address) => this.resolve(context, address, { isReport: false }),
          release: (context, item, request, reports) => this.#release(context, item, request, reports),
        }),
      }),
      outbound: new OutboundMail({ ctx, store, settings, dialer }),
    });
  }

  /** Begins to work on the queue. Accepting works without, for tools. */
  start(): Promise<void> {
    return this.#worker.start();
  }

  /** Lets deliveries under way end and gives the rest back. The store must stay open until it resolves. */
  stop(): Promise<void> {
    return this.#worker.stop();
  }

  /** Recipients in hand, for metrics. */
  get inHand(): number {
    return this.#worker.inHand;
  }

  /** Whether receipts that senders ask for are sent. */
  get answersReadReceipts(): boolean {
    return this.#settings.readReceipts;
  }

  newQueueId(): string {
    return this.#ids.next();
  }

  beginMessage(ctx: Ctx): MessageSpool {
    return new MessageSpool(ctx, this.#parts.store.blobs);
  }

  /**
   * Where mail for an address goes: what the directory knows, and addresses of the server's own. Those of senders it
   * rewrote take reports alone.
   */
  async resolve(ctx: Ctx, address: string, { isReport }: { readonly isReport: boolean }): Promise<RecipientResolution> {
    if (isSrs(address)) {
      const original = await this.#rewriting.original(ctx, address);
      if (original !== null) {
        if (isReport) return await this.#parts.directory.resolve(ctx, original);
        return { kind: "unknown", address };
      }
    }
    if (await this.#moderation.isAnswerAddress(ctx, address)) return { kind: "service", address };
    return await this.#parts.directory.resolve(ctx, address);
  }

  /** Lets a message pass that waits for a moderator, or refuses it. Fault `notFound` for one that does not wait. */
  async moderate(ctx: Ctx, heldId: string, decision: ModeratorDecision): Promise<void> {
    await this.#moderation.decide(ctx, heldId, decision);
  }

  /**
   * Takes responsibility for a message: it is on disk when this resolves. Groups become their members, each mailbox
   * once; of a moderated group its moderators are asked. False when its key was used before. Faults: `notFound` when
   * no recipient is left, `tooMany`, `storageFull`, `serverBusy`.
   */
  async accept(ctx: Ctx, request: AcceptRequest): Promise<boolean> {
    const messages = await this.#prepare(ctx, request, []);
    const { onceKey, actingAs } = request;
    if (!await this.#commit(ctx, messages, onceKey)) return false;
    if (actingAs) this.#parts.noteSending?.(actingAs, request.recipients.map(({ address }) => address));
    return true;
  }

  /** The message with its recipients as they are now, questions to moderators and reports. */
  async #prepare(
    ctx: Ctx, request: AcceptRequest, told: readonly ReportEntry[],
  ): Promise<NewMessage[]> {
    const { store, directory } = this.#parts;
    const expanded = await expandRecipients(ctx, { directory, rewriting: this.#rewriting }, request);
    const messages = [...expanded.bySender].map(([envelopeSender, recipients], index) => this.#toMessage(
      { ...request, envelopeSender, queueId: index === 0 ? request.queueId : this.newQueueId() }, recipients));
    const reports = [...told, ...expanded.reports];
    for (const group of expanded.held) {
      const held = await this.#hold(ctx, request, group);
      if (held === null) reports.push(nobodyToAsk(group));
      else messages.push(...held);
    }
    if (messages.length === 0 && reports.length === 0) {
      throw new Fault("notFound", "None of the recipients takes mail.");
    }
    const whole = this.#toMessage(request, []);
    for (const same of groupByAction(reports)) {
      const report = await this.#makeReport(whole, request.content, same);
      if (report !== null) messages.push(report);
    }
    if (whole.content !== null) await store.requireRoom(whole.sizeBytes * messages.length);
    return messages;
  }

  /**
   * Takes a message that leaves at a later time. Its item is to be marked as submitted, with this time of submission,
   * right after this resolved; without, nothing is sent.
   */
  async acceptLater(ctx: Ctx, request: AcceptRequest, deferral: Deferral): Promise<void> {
    const { store } = this.#parts;
    const { mailboxId, untilMs, messageId, submittedMs, fate } = deferral;
    const { sentFor, actingAs, senderId = null } = request;
    const waits = { leaseOwner: null, nextAttemptMs: untilMs };
    const whole = this.#toMessage(request, []);
    const item = deferredRoute({ state: "deferred", messageId, submittedMs, fate, senderId });
    const awaited = request.recipients.map(({ address, notify = defaultNotify, originalRecipient = null }, index) => ({
      ...waits, recipientNumber: index + 1, address, route: awaitedRoutes.recipient, notify, originalRecipient,
      mailboxId: null, held: true,
    }));
    const copy = sentFor === null || sentFor === undefined ? [] : [{
      ...waits, recipientNumber: awaited.length + 1, address: sentFor.address, route: awaitedRoutes.sentCopy,
      notify: notifyBits.never, originalRecipient: null, mailboxId: sentFor.mailboxId, held: true,
    }];
    if (whole.content !== null) await store.requireRoom(whole.sizeBytes);
    const waiting: NewMessage = {
      ...whole, acceptedMs: untilMs, recipients: [{
        ...waits, recipientNumber: deferredNumber, address: request.envelopeSender, route: item,
        notify: notifyBits.never, originalRecipient: null, mailboxId,
      }, ...awaited, ...copy],
    };
    await this.#commit(ctx, [waiting], undefined);
    if (actingAs) this.#parts.noteSending?.(actingAs, request.recipients.map(({ address }) => address));
  }

  /** Takes back what waits for its time: then `unsubmit` is to make the item a draft again. */
  async abort(
    ctx: Ctx, mailboxId: MailboxId, messageId: MessageId, unsubmit: (item: DeferredItem) => Promise<void>,
  ): Promise<AbortResult["kind"]> {
    const { store } = this.#parts;
    const done = await store.transact(ctx, serverScope, abortDeferred, { mailboxId, messageId });
    if (done.kind !== "aborted") return done.kind;
    await unsubmit(done.item);
    await store.transact(ctx, serverScope, endAborted, { queueId: done.queueId });
    ctx.log.info({ queue: done.queueId }, "deferred mail was taken back");
    return "aborted";
  }

  async #release(
    ctx: Ctx, item: DeferredItem, request: AcceptRequest, reports: readonly ReportEntry[],
  ): Promise<boolean> {
    let messages: readonly NewMessage[] = [];
    try {
      messages = await this.#prepare(ctx, request, reports);
    } catch (error) {
      // Groups may have become empty since.
      if (!(error instanceof Fault) || error.code !== "notFound") throw error;
    }
    const args = { queueId: request.queueId, item, messages };
    this.#worker.joinCommit();
    if (!await this.#parts.store.transact(ctx, serverScope, releaseDeferred, args)) return false;
    for (const released of messages) this.#worker.take(released);
    return true;
  }

  async #commit(ctx: Ctx, messages: readonly NewMessage[], onceKey: string | undefined): Promise<boolean> {
    this.#worker.joinCommit();
    const args = { messages, ...(onceKey === undefined ? {} : { onceKey }) };
    if (!await this.#parts.store.transact(ctx, serverScope, acceptMessages, args)) return false;
    for (const accepted of messages) this.#worker.take(accepted);
    return true;
  }

  /** The message as it waits, and the question to its moderators; null when none of them takes mail. */
  async #hold(ctx: Ctx, request: AcceptRequest, group: HeldGroup): Promise<NewMessage[] | null> {
    const queueId = this.newQueueId();
    const expiresMs = ctx.system.nowMs() + this.#settings.retry.expireAfterMs;
    const question = await this.#moderation.question(ctx, queueId, group, { ...request, expiresMs });
    if (question === null) return null;
    const held = this.#toMessage({ ...request, queueId }, [{
      recipientNumber: 1, address: group.address, route: heldRoute(request.senderId ?? null), notify: group.notify,
      originalRecipient: group.originalRecipient, mailboxId: null,
    }]);
    const waiting = held.recipients.map((one) => ({ ...one, leaseOwner: null, nextAttemptMs: expiresMs }));
    const { bytes, recipients } = question;
    const spool = this.beginMessage(ctx);
    await spool.write(bytes);
    const asked: AcceptRequest = {
      queueId: this.newQueueId(), origin: "internal", envelopeSender: "", trace: new Uint8Array(0), recipients,
      content: await spool.finish(), flags: contentFlagsOf(bytes, recipients.map(({ address }) => address)),
      mark: { kind: "approval" },
    };
    const parts = { directory: this.#parts.directory, rewriting: this.#rewriting };
    const { bySender } = await expandRecipients(ctx, parts, asked);
    return [{ ...held, recipients: waiting }, ...[...bySender.values()].map((one) => this.#toMessage(asked, one))];
  }

  #toMessage(request: AcceptRequest, expanded: readonly ExpandedRecipient[]): NewMessage {
    const { system } = this.#parts.ctx;
    const { content } = request;
    const nowMs = system.nowMs();
    const mine = this.#worker.canTake(expanded.length);
    return {
      queueId: request.queueId, acceptedMs: nowMs, origin: request.origin, envelopeSender: request.envelopeSender,
      envelopeId: request.envelopeId ?? null, ret: request.ret ?? null, flags: request.flags, trace: request.trace,
      ...("bytes" in content ? { sizeBytes: content.bytes.length, blobHash: null, content: content.bytes }
        : { sizeBytes: content.sizeBytes, blobHash: content.hash, content: null }),
      recipients: expanded.map((recipient) => ({
        ...recipient,
        leaseOwner: mine ? this.#worker.owner : null,
        nextAttemptMs: mine ? nowMs + this.#settings.leaseMs : nowMs,
      })),
    };
  }

  /** A report to the sender of `message`; null when there is nobody to tell. Never one about a report. RFC 3464 §2 */
  async #makeReport(
    message: QueueMessage, content: StoredContent | null, entries: readonly ReportEntry[],
  ): Promise<NewMessage | null> {
    const { ctx, directory, store } = this.#parts;
    if (message.envelopeSender === "" || message.origin === "report") return null;
    // What was sent on goes back to who wrote it.
    const envelopeSender = await this.#rewriting.original(ctx, message.envelopeSender) ?? message.envelopeSender;
    const resolution = await directory.resolve(ctx, envelopeSender);
    if (resolution.kind === "unknown" || resolution.kind === "disabled") {
      ctx.log.warn({ queue: message.queueId, sender: envelopeSender }, "a delivery report has nobody to go to");
      return null;
    }
    const isFailure = entries[0]!.action === "failed";
    const wholeMaxBytes = message.ret === "HDRS" || !isFailure ? 0 : returnWholeMaxBytes[message.ret ?? "unsaid"];
    const wholeMessage = content !== null && message.sizeBytes <= wholeMaxBytes;
    const start = content === null ? new Uint8Array(0)
      : await readContentStart(store, content, wholeMessage ? message.sizeBytes : returnWholeMaxBytes.header);
    const reportId = this.newQueueId();
    const { bytes, eightBit } = buildReport({
      hostname: this.#settings.hostname, reportId, nowMs: ctx.system.nowMs(), entries, wholeMessage,
      message: { ...message, envelopeSender },
      original: Buffer.concat([message.trace, start]),
    });
    const spool = this.beginMessage(ctx);
    await spool.write(bytes);
    const utf8 = /[^\x00-\x7f]/.test(envelopeSender);
    const request: AcceptRequest = {
      queueId: reportId, origin: "report", envelopeSender: "", trace: new Uint8Array(0), content: await spool.finish(),
      flags: (eightBit ? contentFlags.eightBit : 0) | (utf8 ? contentFlags.smtpUtf8 | contentFlags.eightBitHeader : 0),
      recipients: [{ address: envelopeSender, resolution, notify: notifyBits.never }],
    };
    // A group has closed groups in it or not: what a report cannot reach it does not reach.
    const { bySender } = await expandRecipients(ctx, { directory, rewriting: this.#rewriting }, request);
    const expanded = bySender.get("") ?? [];
    return expanded.length === 0 ? null : this.#toMessage(request, expanded);
  }
}

function nobodyToAsk({ address, originalRecipient }: HeldGroup): ReportEntry {
  return {
    action: "failed", address, originalRecipient, status: "5.7.2", remoteMta: null,
    reply: `550 5.7.2 ${address} has no moderator who takes mail`,
  };
}
