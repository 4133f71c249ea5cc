/** Mail that calendars want sent, put into the queue. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { DeskMail, SendMail } from "#calendar/desk/outgoing.ts";
import type { Directory } from "#directory/api.ts";
import { contentFlagsOf } from "#transport/content-flags.ts";
import type { AcceptRecipient } from "#transport/expand.ts";
import type { Transport } from "#transport/transport.ts";

/** Recipients that nobody is behind are left out: an attendee's address is a claim of the organizer. */
export function meetingMail(transport: () => Transport, directory: Directory): SendMail {
  return async (ctx, mail) => {
    const recipients = await takersOf(ctx, directory, mail);
    if (recipients.length === 0) return;
    const queue = transport();
    const spool = queue.beginMessage(ctx);
    await spool.write(mail.bytes);
    const content = await spool.finish();
    try {
      await queue.accept(ctx, {
        queueId: queue.newQueueId(), origin: "internal", envelopeSender: mail.envelopeSender,
        flags: contentFlagsOf(mail.bytes, [mail.envelopeSender, ...mail.to]), trace: new Uint8Array(0), content,
        recipients, onceKey: mail.onceKey,
        senderId: (await directory.sharing?.entryByAddress(ctx, mail.envelopeSender))?.entryId ?? null,
      });
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "notFound") throw error;
      ctx.log.info({ sender: mail.envelopeSender }, "a meeting message has nobody to go to");
    }
  };
}

async function takersOf(ctx: Ctx, directory: Directory, { to, envelopeSender }: DeskMail): Promise<AcceptRecipient[]> {
  const found: AcceptRecipient[] = [];
  for (const address of to) {
    const resolution = await directory.resolve(ctx, address);
    if (resolution.kind !== "unknown" && resolution.kind !== "disabled") found.push({ address, resolution });
    else ctx.log.info({ sender: envelopeSender, recipient: address }, "a meeting message cannot reach somebody");
  }
  return found;
}
