/** Every ROP that is done here; the others answer that they are not supported. */
import type { RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import { folderHandlers } from "#serve/mapi/mailbox/rops/folders.ts";
import { logonHandlers } from "#serve/mapi/mailbox/rops/logon.ts";
import { movingHandlers } from "#serve/mapi/mailbox/rops/moving.ts";
import { messageHandlers } from "#serve/mapi/mailbox/rops/messages.ts";
import { notificationHandlers } from "#serve/mapi/mailbox/rops/notifications.ts";
import { propertyHandlers } from "#serve/mapi/mailbox/rops/properties.ts";
import { copyingHandlers } from "#serve/mapi/mailbox/rops/copying.ts";
import { permissionHandlers } from "#serve/mapi/mailbox/rops/permissions.ts";
import { perUserHandlers } from "#serve/mapi/mailbox/rops/per-user.ts";
import { ruleHandlers } from "#serve/mapi/mailbox/rops/rules.ts";
import { sendingHandlers } from "#serve/mapi/mailbox/rops/sending.ts";
import { streamHandlers } from "#serve/mapi/mailbox/rops/streams.ts";
import { synchronizationHandlers } from "#serve/mapi/mailbox/rops/synchronization.ts";
import { tableHandlers } from "#serve/mapi/mailbox/rops/tables.ts";
import { transferHandlers } from "#serve/mapi/mailbox/rops/transfers.ts";

export const handlerById: ReadonlyMap<number, RopHandler> = new Map([
  ...logonHandlers, ...folderHandlers, ...movingHandlers, ...tableHandlers, ...messageHandlers, ...propertyHandlers,
  ...streamHandlers, ...notificationHandlers, ...sendingHandlers, ...copyingHandlers, ...permissionHandlers,
  ...perUserHandlers, ...ruleHandlers, ...transferHandlers, ...synchronizationHandlers,
].map((one) => [one.rop.id, one]));
