/** Asking to be told. [MS-OXCNOTIF] 2.2.1.2 */
import { limits } from "#base/limits.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { folderIdOf, messageIdOf } from "#serve/mapi/mailbox/keys.ts";
import { StoreSubscription } from "#serve/mapi/mailbox/notifications.ts";
import { asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import * as rops from "#wire/mapi/rops/notifications.ts";

/** Everything that may be asked for; tables tell of themselves. [MS-OXCNOTIF] 2.2.1.1 */
const knownTypes = 0x05ff;

export const notificationHandlers: readonly RopHandler[] = [
  handler(rops.RopRegisterNotification, async (call) => {
    const { notificationTypes: types, wantWholeStore, folderId, messageId } = call.request;
    if ((types & knownTypes) === 0) throw new RopError("invalidParameter", "No kind of event was asked for.");
    if (call.session.subscriptionCount >= limits.mapiSubscriptionsMax) {
      throw new RopError("notEnoughMemory", "Too many registrations are open.");
    }
    const isWhole = wantWholeStore || folderId === undefined || folderId.counter === 0;
    return {
      opens: await StoreSubscription.begin(call.ctx, call.session, asLogon(call), {
        types, folderId: isWhole ? null : folderIdOf(folderId),
        messageId: isWhole || messageId === undefined || messageId.counter === 0 ? null : messageIdOf(messageId),
      }),
    };
  }),
];
