/** The face of the queue to those who hand mail in: SMTP sessions, and later every protocol that can send. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Directory, Resolution } from "#directory/api.ts";
import type { Store } from "#store/api.ts";
import { serverScope } from "#store/api.ts";
import type { TransportConfig, TransportSettings } from "#transport/config.ts";
import { withDefaults } from "#transport/config.ts";
import { readContentStart } from "#transport/content.ts";
import type { Deliver, ProcessMeeting } from "#transport/local.ts";
import { LocalDelivery } from "#transport/local.ts";
import type { Dialer } from "#transport/outbound/dial.ts";
import { nodeDialer } from "#transport/outbound/dial.ts";
import { OutboundMail } from "#transport/outbound/outbound.ts";
import { QueueIds } from "#transport/queue-id.ts";
import type { MessageOrigin, NewMessage, NewRecipient, QueueMessage, StoredContent } from "#transport/queue-rows.ts";
import { contentFlags, sentCopyRoute } from "#transport/queue-rows.ts";
import { acceptMessages } from "#transport/queue-store.ts";
import type { ReportEntry } from "#transport/report.ts";
import { buildReport } from "#transport/report.ts";
import { MessageSpool } from "#transport/spool.ts";
import { QueueWorker } from "#transport/worker.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";

/** What a sender hears of who asked for nothing. RFC 3461 §4.1 */
export const defaultNotify = notifyBits.failure | notifyBits.delay;
/** All that a sender can ask to hear. */
export const everyNotify = defaultNotify | notifyBits.success;

export interface AcceptRecipient {
  readonly address: string;
  readonly resolution: Resolution;
  /** Bits of `notifyBits`; the default when absent. */
  readonly notify?: number;
  /** ORCPT as it came. */
  readonly originalRecipient?: string | null;
}

export interface AcceptRequest {
  /** From {@link Transport.newQueueId}; it already stands in the trace. */
  readonly queueId: string;
  readonly origin: MessageOrigin;
  /** Empty for the null sender. */
  readonly envelopeSender: string;
  readonly envelopeId?: string | null;
  readonly ret?: "FULL" | "HDRS" | null;
  /** Bits of `contentFlags`. */
  readonly flags: number;
  /** Header fields to put in front, with their line ends. */
  readonly trace: Uint8Array;
  readonly content: StoredContent;
  readonly recipients: readonly AcceptRecipient[];
  /** The mailbox that keeps a copy as sent, where the message is sent in its name. */
  readonly sentFor?: { readonly mailboxId: MailboxId; readonly address: string } | null;
  /** The message is taken once for a key, however often it is handed in; for mail the server writes by itself. */
  readonly onceKey?: string;
}

export interface TransportParts {
  readonly ctx: Ctx;
  readonly store: Store;
  readonly directory: Directory;
  readonly deliver: Deliver;
  /** Left out where meetings stay mail. */
  readonly processMeeting?: ProcessMeeting;
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

  constructor(parts: TransportParts) {
    const { ctx, store, deliver, dialer = nodeDialer } = parts;
    this.#parts = parts;
    this.#ids = new QueueIds(ctx.system);
    const settings = withDefaults(parts.config);
    this.#settings = settings;
    this.#worker = new QueueWorker({
      ctx, store, settings,
      local: new LocalDelivery(store, deliver, parts.processMeeting),
      outbound: new OutboundMail({ ctx, store, settings, dialer }),
      makeReport: (message, content, entries) => this.#makeReport(message, content, entries),
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

  newQueueId(): string {
    return this.#ids.next();
  }

  beginMessage(ctx: Ctx): MessageSpool {
    return new MessageSpool(ctx, this.#parts.store.blobs);
  }

  /**
   * Takes responsibility for a message: it is on disk when this resolves. Groups become their members, each mailbox
   * once. Faults: `notFound` when no recipient is left, `tooMany`, `storageFull`, `serverBusy`.
   */
  async accept(ctx: Ctx, request: AcceptRequest): Promise<void> {
    const expanded = new Expansion(request);
    if (expanded.recipients.length === 0) throw new Fault("notFound", "None of the recipients takes mail.");
    if (request.sentFor) expanded.addSentCopy(request.sentFor);
    const message = this.#toMessage(request, expanded.recipients);
    const messages = [message];
    if (expanded.reports.length > 0) {
      const report = await this.#makeReport(message, request.content, expanded.reports);
      if (report !== null) messages.push(report);
    }
    if (message.content !== null) await this.#parts.store.requireRoom(message.sizeBytes);
    this.#worker.joinCommit();
    const { onceKey } = request;
    const args = { messages, ...(onceKey === undefined ? {} : { onceKey }) };
    if (!await this.#parts.store.transact(ctx, serverScope, acceptMessages, args)) return;
    for (const accepted of messages) this.#worker.take(accepted);
  }

  #toMessage(request: AcceptRequest, expanded: readonly Expanded[]): NewMessage {
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
    const resolution = await directory.resolve(ctx, message.envelopeSender);
    if (resolution.kind === "unknown" || resolution.kind === "disabled") {
      ctx.log.warn({ queue: message.queueId, sender: message.envelopeSender }, "a delivery report has nobody to go to");
      return null;
    }
    const isFailure = entries[0]!.action === "failed";
    const wholeMaxBytes = message.ret === "HDRS" || !isFailure ? 0 : returnWholeMaxBytes[message.ret ?? "unsaid"];
    const wholeMessage = content !== null && message.sizeBytes <= wholeMaxBytes;
    const start = content === null ? new Uint8Array(0)
      : await readContentStart(store, content, wholeMessage ? message.sizeBytes : returnWholeMaxBytes.header);
    const reportId = this.newQueueId();
    const { bytes, eightBit } = buildReport({
      hostname: this.#settings.hostname, reportId, nowMs: ctx.system.nowMs(), message, entries, wholeMessage,
      original: Buffer.concat([message.trace, start]),
    });
    const spool = this.beginMessage(ctx);
    await spool.write(bytes);
    const utf8 = /[^\x00-\x7f]/.test(message.envelopeSender);
    const request: AcceptRequest = {
      queueId: reportId, origin: "report", envelopeSender: "", trace: new Uint8Array(0), content: await spool.finish(),
      flags: (eightBit ? contentFlags.eightBit : 0) | (utf8 ? contentFlags.smtpUtf8 | contentFlags.eightBitHeader : 0),
      recipients: [{ address: message.envelopeSender, resolution, notify: notifyBits.never }],
    };
    const expanded = new Expansion(request).recipients;
    return expanded.length === 0 ? null : this.#toMessage(request, expanded);
  }
}

type Expanded = Omit<NewRecipient, "leaseOwner" | "nextAttemptMs">;

/** Recipients as the queue keeps them: groups opened, each mailbox and each outside address once. RFC 5321 §3.9 */
class Expansion {
  readonly recipients: Expanded[] = [];
  /** Groups whose sender wants to hear of success; deliveries to members are not told. RFC 3461 §5.2.7.3 */
  readonly reports: ReportEntry[] = [];
  readonly #seen = new Set<string>();

  constructor(request: AcceptRequest) {
    for (const recipient of request.recipients) {
      const notify = recipient.notify ?? defaultNotify;
      const originalRecipient = recipient.originalRecipient ?? null;
      if (recipient.resolution.kind !== "group") {
        this.#add(recipient.resolution, recipient.address, notify, originalRecipient);
        continue;
      }
      if ((notify & notifyBits.success) !== 0) {
        this.reports.push({
          action: "expanded", address: recipient.address, originalRecipient, status: "2.0.0", reply: "",
          remoteMta: null,
        });
      }
      const rest = notify & ~notifyBits.success;
      this.#addMembers(recipient.resolution, rest === 0 ? notifyBits.never : rest, originalRecipient);
    }
  }

  /** Group within group, without recursion: the directory has cut the loops, not the depth. */
  #addMembers(group: Resolution & { kind: "group" }, notify: number, originalRecipient: string | null): void {
    const open: Resolution[] = group.members.toReversed();
    for (let member = open.pop(); member !== undefined; member = open.pop()) {
      if (member.kind === "group") for (const inner of member.members.toReversed()) open.push(inner);
      else this.#add(member, member.address, notify, originalRecipient);
    }
  }

  /** Filed by the queue as deliveries are, so that it is there once whatever happens; nobody hears of its failure. */
  addSentCopy({ mailboxId, address }: { readonly mailboxId: MailboxId; readonly address: string }): void {
    this.recipients.push({
      recipientNumber: this.recipients.length + 1, address, route: sentCopyRoute, notify: notifyBits.never,
      originalRecipient: null, mailboxId,
    });
  }

  #add(resolution: Resolution, address: string, notify: number, originalRecipient: string | null): void {
    if (resolution.kind !== "mailbox" && resolution.kind !== "remote") return;
    const isLocal = resolution.kind === "mailbox";
    const at = address.lastIndexOf("@");
    const route = isLocal ? "" : address.slice(at + 1).toLowerCase();
    const key = isLocal ? `mailbox ${resolution.mailboxId}` : `${address.slice(0, at)}@${route}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (this.recipients.length >= limits.queueRecipientsMax) {
      throw new Fault("tooMany", `The message has more than ${limits.queueRecipientsMax} recipients.`);
    }
    this.recipients.push({
      recipientNumber: this.recipients.length + 1, address, route, notify, originalRecipient,
      mailboxId: isLocal ? resolution.mailboxId : null,
    });
  }
}
