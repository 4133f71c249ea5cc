/** Sending messages. [MS-OXOMSG] 2.2.4, 2.2.5 */
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { messageIdOf } from "#serve/mapi/mailbox/keys.ts";
import { asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import { asMessage } from "#serve/mapi/mailbox/rops/messages.ts";
import { abortSubmit, submitMessage } from "#serve/mapi/mailbox/sending.ts";
import * as rops from "#wire/mapi/rops/transport.ts";

/** RopSpoolerLockMessage. [MS-OXOMSG] 2.2.5.3.1 */
const lockStates = { lock: 0, unlock: 1, finished: 2 } as const;

export const sendingHandlers: readonly RopHandler[] = [
  // A client with a spooler of its own has nothing to do for addresses that this server reaches: it sends them all.
  handler(rops.RopSubmitMessage, async (call) => {
    await submitMessage(call.ctx, call.session, asMessage(call.object));
    return {};
  }),

  handler(rops.RopTransportSend, async (call) => {
    await submitMessage(call.ctx, call.session, asMessage(call.object));
    return { body: { noPropertiesReturned: true, propertyValues: [] } };
  }),

  handler(rops.RopAbortSubmit, async (call) => {
    await abortSubmit(call.ctx, call.session, asLogon(call), messageIdOf(call.request.messageId));
    return {};
  }),

  handler(rops.RopSpoolerLockMessage, async (call) => {
    const { lockState, messageId } = call.request;
    if (lockState > lockStates.finished) throw new RopError("invalidParameter", `${lockState} is no state of a lock.`);
    await asLogon(call).items.row(call.ctx, messageIdOf(messageId));
    return {};
  }),

  // The client tells of mail that its own transport brought; it was told as it came.
  handler(rops.RopTransportNewMail, async (call) => {
    await asLogon(call).items.row(call.ctx, messageIdOf(call.request.messageId));
    return {};
  }),
];
