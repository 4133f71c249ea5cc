/** Meetings and invitations from the command line: carried out in the calendar, their mail left in the queue. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import type { Admin } from "#admin/admin.ts";
import { MeetingActs } from "#calendar/desk/acts.ts";
import { MeetingDesk } from "#calendar/desk/desk.ts";
import type { SendMail } from "#calendar/desk/outgoing.ts";
import type { Entry } from "#directory/reads.ts";
import type { Call } from "#main/cli/command.ts";
import { readConfig } from "#main/config.ts";
import { meetingMail } from "#transport/meeting-mail.ts";
import { retryQueued } from "#transport/queue-admin.ts";
import { Transport } from "#transport/transport.ts";
import type { AcceptRequest, TransportParts } from "#transport/transport.ts";

export interface ToolDesk {
  readonly acts: MeetingActs;
  /** Durable when it resolves; a server that runs sends it at once, others when they start. */
  readonly send: SendMail;
}

/** Takes mail and wakes the server that runs: what another process put into the queue is not looked for. */
class ToolTransport extends Transport {
  readonly #store: Admin["store"];

  constructor(parts: TransportParts) {
    super(parts);
    this.#store = parts.store;
  }

  override async accept(ctx: Ctx, request: AcceptRequest): ReturnType<Transport["accept"]> {
    const done = await super.accept(ctx, request);
    await retryQueued(ctx, this.#store, { queueId: request.queueId });
    return done;
  }
}

export function openDesk(call: Call, admin: Admin): ToolDesk {
  const { hostname, outbound } = readConfig(call.dataDir, null);
  const transport = new ToolTransport({
    ctx: call.ctx, store: admin.store, directory: admin.directory, config: { hostname, outbound },
    deliver: () => Promise.reject(new Fault("unavailable", "The server delivers, not its tools.")),
  });
  const send = meetingMail(() => transport, admin.directory);
  const desk = new MeetingDesk({ mailboxes: admin.mailboxes, directory: admin.directory, send });
  return { acts: new MeetingActs(desk), send };
}

/** Somebody with a mailbox. Fault `notFound`. */
export async function ownerOfMailbox(
  call: Call, admin: Admin, address: string,
): Promise<Entry & { readonly mailboxId: MailboxId }> {
  const entry = await admin.directory.entryByAddress(call.ctx, address);
  if (entry === null || entry.mailboxId === null) throw new Fault("notFound", `There is no mailbox ${address}.`);
  return { ...entry, mailboxId: entry.mailboxId };
}
