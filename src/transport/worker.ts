/**
 * Takes recipients that are due and sees each through to its outcome: into a mailbox here, or to another server. What
 * an attempt leads to (another attempt, reports, the end) is decided here and nowhere else.
 */
import type { Ctx } from "#base/ctx.ts";
import { sleep } from "#base/ctx.ts";
import type { Store } from "#store/api.ts";
import { serverScope } from "#store/api.ts";
import type { TransportSettings } from "#transport/config.ts";
import { loadContent } from "#transport/content.ts";
import type { LocalDelivery } from "#transport/local.ts";
import type { Outcome } from "#transport/outcome.ts";
import type {
  ClaimedRecipient, NewMessage, QueueMessage, QueueRecipient, Settlement, StoredContent,
} from "#transport/queue-rows.ts";
import { isServiceRoute } from "#transport/queue-rows.ts";
import { claimDue, endForeignLeases, endOwnLeases, nextDue, renewLeases } from "#transport/queue-store.ts";
import type { ReportEntry } from "#transport/report.ts";
import { groupByAction, toReportEntry } from "#transport/report.ts";
import { Settler } from "#transport/settler.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";

/** Recipients of one message that go the same way, with its bytes when they are at hand. */
export interface Consignment {
  readonly message: QueueMessage;
  readonly recipients: readonly QueueRecipient[];
  readonly content: StoredContent | null;
}

export interface Outbound {
  /** Takes recipients of one route; tells each outcome once, together or in parts. */
  send(consignment: Consignment, onOutcomes: (outcomes: readonly Outcome[]) => void): void;
  /** Finishes what is being sent, gives the rest back by not telling an outcome. */
  stop(): Promise<void>;
}

export interface WorkerParts {
  readonly ctx: Ctx;
  readonly store: Store;
  readonly settings: TransportSettings;
  readonly local: LocalDelivery;
  readonly outbound: Outbound;
  /** Makes the report of one kind; null when there is nobody to tell. */
  readonly makeReport: (
    message: QueueMessage, content: StoredContent | null, entries: readonly ReportEntry[],
  ) => Promise<NewMessage | null>;
}

const pollPauseMs = 60_000;
const pollAfterErrorMs = 5_000;
const claimLimit = 200;
const bytesInHandMax = 32 * 1024 * 1024;

export class QueueWorker {
  readonly owner: string;
  readonly #parts: WorkerParts;
  readonly #settler: Settler;
  #localWaiting: Consignment[] = [];
  #localRunning = 0;
  /** Recipients claimed and not settled. */
  #inHand = 0;
  #bytesInHand = 0;
  /** A claim found no room: settlements make it and look again. */
  #handsFull = false;
  #started = false;
  #stopping = false;
  #polling = false;
  #pollAgain = false;
  #timer: { atMs: number; cancel: () => void } | null = null;
  #whenIdle: (() => void)[] = [];
  #cancelRenewal: (() => void) | null = null;
  #lastCn = -1;
  #unwatch: (() => void) | null = null;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#settler = new Settler(parts.ctx, parts.store);
    this.owner = Buffer.from(parts.ctx.system.randomBytes(12)).toString("hex");
  }

  get inHand(): number {
    return this.#inHand;
  }

  /** Frees what a predecessor held, then looks for work. */
  async start(): Promise<void> {
    const { ctx, store, settings } = this.#parts;
    if (settings.exclusive) await store.transact(ctx, serverScope, endForeignLeases, { owner: this.owner });
    this.#started = true;
    // What an administrator does in another process moves the change number; our own commits do not.
    this.#unwatch = store.watch(serverScope, (cn) => {
      if (cn === this.#lastCn) return;
      this.#lastCn = cn;
      this.#poll();
    });
    this.#scheduleRenewal();
    this.#poll();
  }

  /** Whether `count` more recipients may be leased at once by whoever accepts them. */
  canTake(count: number): boolean {
    return this.#started && !this.#stopping && this.#inHand + count <= this.#parts.settings.inHandMax;
  }

  /** A commit of the queue is about to be asked for: outcomes that wait go with it. */
  joinCommit(): void {
    this.#settler.flush();
  }

  /** A message that was just committed with its recipients leased to this worker. */
  take(message: NewMessage): void {
    const { queueId } = message;
    const mine = message.recipients.filter((recipient) => recipient.leaseOwner === this.owner)
      .map((recipient): QueueRecipient => ({ ...recipient, queueId, attempts: 0, delayTold: false }));
    if (mine.length < message.recipients.length) this.#wakeAt(0);
    // Committed while the server stops: the next start frees the lease.
    if (mine.length === 0 || this.#stopping) return;
    const keep = message.content !== null && this.#bytesInHand + message.sizeBytes <= bytesInHandMax;
    this.#begin(message, mine, keep ? { bytes: message.content } : null);
  }

  /** Stops claiming, lets what is under way end, writes it down, gives the rest back. */
  async stop(): Promise<void> {
    const { ctx, store } = this.#parts;
    this.#stopping = true;
    this.#unwatch?.();
    this.#timer?.cancel();
    this.#cancelRenewal?.();
    this.#inHand -= this.#localWaiting.reduce((sum, { recipients }) => sum + recipients.length, 0);
    this.#localWaiting = [];
    await this.#parts.outbound.stop();
    if (this.#localRunning > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    await this.#settler.idle();
    try {
      await store.transact(ctx, serverScope, endOwnLeases, { owner: this.owner });
    } catch (error) {
      // The leases end by themselves.
      ctx.log.warn({ error }, "leases of the queue could not be given back");
    }
  }

  /** Looks for due work soon; callable at any time. */
  #poll(): void {
    if (this.#stopping || !this.#started) return;
    if (this.#polling) {
      this.#pollAgain = true;
      return;
    }
    this.#polling = true;
    void this.#claim().finally(() => {
      this.#polling = false;
      if (!this.#pollAgain) return;
      this.#pollAgain = false;
      this.#poll();
    });
  }

  async #claim(): Promise<void> {
    const { ctx, store, settings } = this.#parts;
    try {
      for (;;) {
        const limit = Math.min(claimLimit, settings.inHandMax - this.#inHand);
        if (limit <= 0) this.#handsFull = true;
        if (this.#stopping || limit <= 0) return;
        const dueMs = await store.read(ctx, serverScope, nextDue);
        if (dueMs === null || dueMs > ctx.system.nowMs()) {
          this.#wakeAt(dueMs ?? Infinity);
          return;
        }
        const args = { owner: this.owner, leaseMs: settings.leaseMs, limit };
        const claimed = await store.transact(ctx, serverScope, claimDue, args);
        // Due but not to be had: another process took it, or a reader sees an older state. Never ask in a tight loop.
        if (claimed.length === 0) {
          this.#wakeAt(ctx.system.nowMs() + pollAfterErrorMs);
          return;
        }
        for (const { message, recipients } of groupByWay(claimed)) this.#begin(message, recipients, null);
      }
    } catch (error) {
      if (ctx.signal.aborted || this.#stopping) return;
      ctx.log.error({ error }, "the queue could not be read; trying again");
      this.#wakeAt(ctx.system.nowMs() + pollAfterErrorMs);
    }
  }

  #wakeAt(atMs: number): void {
    if (this.#stopping) return;
    const { system } = this.#parts.ctx;
    const wanted = Math.min(atMs, system.nowMs() + pollPauseMs);
    if (this.#timer !== null && this.#timer.atMs <= wanted) return;
    this.#timer?.cancel();
    const cancel = system.setTimer(Math.max(0, wanted - system.nowMs()), () => {
      this.#timer = null;
      this.#poll();
    });
    this.#timer = { atMs: wanted, cancel };
  }

  #scheduleRenewal(): void {
    const { ctx, store, settings } = this.#parts;
    const { leaseMs } = settings;
    const renew = async (): Promise<void> => {
      if (this.#inHand > 0) await store.transact(ctx, serverScope, renewLeases, { owner: this.owner, leaseMs });
    };
    this.#cancelRenewal = ctx.system.setTimer(leaseMs / 3, () => {
      void renew()
        .catch((error: unknown) => ctx.log.warn({ error }, "leases of the queue could not be renewed"))
        .finally(() => { if (!this.#stopping) this.#scheduleRenewal(); });
    });
  }

  #begin(message: QueueMessage, recipients: readonly QueueRecipient[], content: StoredContent | null): void {
    this.#inHand += recipients.length;
    const remote = new Map<string, QueueRecipient[]>();
    for (const recipient of recipients) {
      if (recipient.mailboxId !== null || isServiceRoute(recipient.route)) {
        if (content !== null) this.#bytesInHand += message.sizeBytes;
        this.#localWaiting.push({ message, recipients: [recipient], content });
      } else {
        const same = remote.get(recipient.route);
        if (same === undefined) remote.set(recipient.route, [recipient]);
        else same.push(recipient);
      }
    }
    for (const same of remote.values()) {
      // Outgoing mail waits for connections, so its bytes wait in the store.
      const consignment = { message, recipients: same, content: null };
      this.#parts.outbound.send(consignment, (outcomes) => void this.#finish(consignment, outcomes));
    }
    this.#runLocal();
  }

  #runLocal(): void {
    while (this.#localRunning < this.#parts.settings.localConcurrency) {
      const next = this.#localWaiting.shift();
      if (next === undefined) return;
      this.#localRunning++;
      void this.#deliver(next).finally(() => {
        this.#localRunning--;
        this.#runLocal();
        if (this.#localRunning === 0) for (const tell of this.#whenIdle.splice(0)) tell();
      });
    }
  }

  async #deliver(consignment: Consignment): Promise<void> {
    const outcome = await this.#parts.local.deliver(this.#parts.ctx, consignment);
    if (consignment.content !== null) this.#bytesInHand -= consignment.message.sizeBytes;
    // The server stops: the lease is given back and the next start delivers again, once.
    if (outcome !== null) await this.#finish(consignment, [outcome]);
    else this.#inHand -= consignment.recipients.length;
  }

  /** Never rejects: what cannot be reported is logged, what cannot be written is tried again. */
  async #finish(consignment: Consignment, outcomes: readonly Outcome[]): Promise<void> {
    const { ctx } = this.#parts;
    const { message } = consignment;
    const settlements: Settlement[] = [];
    const entries: ReportEntry[] = [];
    for (const outcome of outcomes) {
      const { settlement, entry } = this.#decide(message, outcome);
      settlements.push(settlement);
      if (entry !== null) entries.push(entry);
      logOutcome(ctx, message, outcome, settlement);
    }
    const reports: NewMessage[] = [];
    for (const same of groupByAction(entries)) {
      const report = await this.#report(consignment, same);
      if (report !== null) reports.push(report);
    }
    // A message sent to another server must not be forgotten; one in a mailbox here recognises itself.
    const isPressing = reports.length > 0 || this.#stopping || this.#inHand > this.#parts.settings.inHandMax / 4 ||
      outcomes.some(({ kind }) => kind !== "delivered");
    this.#settler.add({
      settlements, reports,
      onSettled: () => {
        this.#inHand -= outcomes.length;
        for (const report of reports) this.take(report);
        for (const settlement of settlements) if (settlement.kind === "retry") this.#wakeAt(settlement.nextAttemptMs);
        if (!this.#handsFull || this.#inHand > this.#parts.settings.inHandMax * 0.75) return;
        this.#handsFull = false;
        this.#poll();
      },
    }, isPressing ? "now" : "lazy");
  }

  async #report(consignment: Consignment, entries: readonly ReportEntry[]): Promise<NewMessage | null> {
    const { ctx, store, makeReport } = this.#parts;
    const { message } = consignment;
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        const content = consignment.content ?? await loadContent(ctx, store, message);
        return await makeReport(message, content, entries);
      } catch (error) {
        ctx.log.warn({ error, queue: message.queueId }, "a delivery report could not be made");
        if (!await sleep(ctx, 1000)) return null;
      }
    }
    try {
      return await makeReport(message, null, entries);
    } catch (error) {
      ctx.log.error({ error, queue: message.queueId }, "a delivery report was given up");
      return null;
    }
  }

  /** Another attempt or the end, and what the sender hears of it. RFC 5321 §4.5.4.1, RFC 3461 §4.1 and §5.2 */
  #decide(message: QueueMessage, outcome: Outcome): { settlement: Settlement; entry: ReportEntry | null } {
    const { retry } = this.#parts.settings;
    const nowMs = this.#parts.ctx.system.nowMs();
    const { queueId, recipientNumber, notify, attempts, delayTold, mailboxId } = outcome.recipient;
    const done: Settlement = { kind: "done", queueId, recipientNumber };
    const wants = (bit: number): boolean => (notify & bit) !== 0;
    const ageMs = nowMs - message.acceptedMs;
    if (outcome.kind === "later" && ageMs < retry.expireAfterMs) {
      const delays = mailboxId === null ? retry.remoteDelaysMs : retry.localDelaysMs;
      const delayMs = delays[Math.min(attempts, delays.length - 1)] ?? 60_000;
      const tell = !delayTold && wants(notifyBits.delay) && ageMs >= retry.delayNoticeAfterMs;
      const settlement: Settlement = {
        kind: "retry", queueId, recipientNumber, nextAttemptMs: nowMs + delayMs, attemptMs: nowMs,
        reply: outcome.reply, delayTold: delayTold || tell,
      };
      if (!tell) return { settlement, entry: null };
      const willRetryUntilMs = message.acceptedMs + retry.expireAfterMs;
      return { settlement, entry: { ...toReportEntry("delayed", outcome), willRetryUntilMs } };
    }
    if (outcome.kind === "later") {
      // The last answer keeps its own words; the status says that it was time that ended it.
      const expired: Outcome = { ...outcome, kind: "failed", status: "5.4.7" };
      return { settlement: done, entry: wants(notifyBits.failure) ? toReportEntry("failed", expired) : null };
    }
    if (outcome.kind === "failed") {
      return { settlement: done, entry: wants(notifyBits.failure) ? toReportEntry("failed", outcome) : null };
    }
    if (outcome.kind === "passed" || !wants(notifyBits.success)) return { settlement: done, entry: null };
    return { settlement: done, entry: toReportEntry(outcome.kind, outcome) };
  }
}

function logOutcome(ctx: Ctx, message: QueueMessage, outcome: Outcome, settlement: Settlement): void {
  const fields = {
    queue: message.queueId, recipient: outcome.recipient.address, outcome: outcome.kind, status: outcome.status,
    elapsedMs: ctx.system.nowMs() - message.acceptedMs, remoteMta: outcome.remoteMta ?? undefined,
    ...(outcome.kind === "delivered" ? {} : { reply: outcome.reply.slice(0, 300) }),
    ...(settlement.kind === "retry" ? { nextAttemptMs: settlement.nextAttemptMs } : {}),
  };
  if (outcome.kind === "later" || outcome.kind === "failed") ctx.log.warn(fields, "not delivered");
  else ctx.log.info(fields, "delivered");
}

/** Recipients of one message together. */
function groupByWay(claimed: readonly ClaimedRecipient[]): { message: QueueMessage; recipients: QueueRecipient[] }[] {
  const groups = new Map<string, { message: QueueMessage; recipients: QueueRecipient[] }>();
  for (const { message, recipient } of claimed) {
    const group = groups.get(message.queueId);
    if (group === undefined) groups.set(message.queueId, { message, recipients: [recipient] });
    else group.recipients.push(recipient);
  }
  return [...groups.values()];
}
