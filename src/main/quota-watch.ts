/** Looks at mailboxes a moment after mail came into them, so that their owners hear when they fill up. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import type { Opened } from "#main/open.ts";
import { warnOfQuota } from "#mailbox/quota-warning.ts";
import type { Deliver } from "#transport/local.ts";

const lookAfterMs = 5_000;
/** More than these are looked at by the next round of housekeeping. */
const waitingMax = 10_000;

export class QuotaWatch {
  readonly #ctx: Ctx;
  readonly #opened: Pick<Opened, "store" | "directory">;
  readonly #waiting = new Set<MailboxId>();
  #cancelTimer: (() => void) | null = null;
  #work: Promise<void> = Promise.resolve();

  constructor(ctx: Ctx, opened: Pick<Opened, "store" | "directory">) {
    this.#ctx = ctx;
    this.#opened = opened;
  }

  /** The same delivery, and a look at the mailbox later; nobody waits for it. */
  watching(deliver: Deliver): Deliver {
    return async (ctx, request) => {
      const done = await deliver(ctx, request);
      if (!done.duplicate && this.#waiting.size < waitingMax) this.#look(request.mailboxId);
      return done;
    };
  }

  #look(mailboxId: MailboxId): void {
    this.#waiting.add(mailboxId);
    this.#cancelTimer ??= this.#ctx.system.setTimer(lookAfterMs, () => {
      this.#cancelTimer = null;
      this.#work = this.#work.then(() => this.#lookAtAll());
    });
  }

  async #lookAtAll(): Promise<void> {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const mailboxId of waiting) {
      try {
        await warnOfQuota(this.#ctx, this.#opened.store, this.#opened.directory, mailboxId);
      } catch (error) {
        if (error instanceof Fault && (error.code === "cancelled" || error.code === "notFound")) continue;
        this.#ctx.log.warn({ error, mailbox: mailboxId }, "the owner could not be told that the mailbox fills up");
      }
    }
  }

  async stop(): Promise<void> {
    this.#cancelTimer?.();
    await this.#work;
  }
}
