/** `/mapi/emsmdb`: mailboxes over HTTP. [MS-OXCMAPIHTTP] 2.2.4, 3.2.5.2 */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { decode, encode } from "#codec/binary/code.ts";
import { WireError } from "#base/fault.ts";
import { recipientsDn } from "#directory/kinds.ts";
import { MapiEndpoint } from "#serve/mapi/endpoint.ts";
import { ecCodes, RopError } from "#serve/mapi/mailbox/errors.ts";
import { execute } from "#serve/mapi/mailbox/execute.ts";
import { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import type { Services } from "#serve/mapi/mailbox/session.ts";
import { connectAuxiliary, organizationFlags, unpackAuxiliary } from "#wire/mapi/auxiliary.ts";
import {
  connectRequest, connectResponse, disconnectRequest, disconnectResponse, executeRequest, executeResponse,
  notificationWaitRequest, notificationWaitResponse,
} from "#wire/mapi/emsmdb.ts";

const none = new Uint8Array(0);
/** What clients are told to do when the server does not answer: Exchange's own figures. [MS-OXCRPC] 3.1.4.1 */
const polls = { pollsMaxMs: 60_000, retryCount: 6, retryDelayMs: 10_000 } as const;
const unicodeCodePage = 1200;

export function mailboxEndpoint(ctx: Ctx, services: Services): MapiEndpoint<MailboxSession> {
  return new MapiEndpoint<MailboxSession>(ctx, services.directory, {
    path: "/mapi/emsmdb",
    opens: {
      type: "Connect",
      async open(context, person, body) {
        const asked = decode(connectRequest, body);
        unpackAuxiliary(asked.auxiliaryBuffer);
        const entry = (await services.book.view(context)).byLegacyDn(asked.userDn);
        const isOwn = entry?.entryId === person.entryId;
        const errorCode = isOwn ? ecCodes.success : entry === undefined ? ecCodes.unknownUser : ecCodes.accessDenied;
        const hasPublic = await services.directory.publicStore?.(context) ?? null;
        const orgFlags = hasPublic === null ? 0
          : organizationFlags.publicFoldersEnabled | organizationFlags.useAutodiscoverForPublicFolders;
        const answer = encode(connectResponse, {
          statusCode: 0, errorCode, ...polls, dnPrefix: recipientsDn, displayName: person.displayName,
          auxiliaryBuffer: isOwn ? connectAuxiliary({ orgFlags, expiryTimeMs: limits.mapiSessionIdleMs }) : none,
        });
        if (!isOwn) return { state: null, body: answer };
        const codePage = asked.defaultCodePage === unicodeCodePage ? 1252 : asked.defaultCodePage;
        const session = new MailboxSession({ person, services, codePage, localeId: asked.lcidString });
        return { state: session, body: answer };
      },
    },
    closes: "Disconnect",
    waits: "NotificationWait",
    answers: {
      async Execute(call) {
        const asked = decode(executeRequest, call.body);
        const done = await executed(call.ctx, call.session.state, asked);
        return encode(executeResponse, { statusCode: 0, flags: 0, auxiliaryBuffer: none, ...done });
      },
      Disconnect(call) {
        decode(disconnectRequest, call.body);
        return encode(disconnectResponse, { statusCode: 0, errorCode: 0, auxiliaryBuffer: none });
      },
      async NotificationWait(call) {
        decode(notificationWaitRequest, call.body);
        const { session } = call;
        const isPending = await session.state.waitForEvents(call.ctx, limits.mapiNotificationWaitMs,
          [call.ctx.signal, call.request.stopping]);
        return encode(notificationWaitResponse, {
          statusCode: 0, errorCode: 0, eventPending: isPending ? 1 : 0, auxiliaryBuffer: none,
        });
      },
    },
  });
}

/** A buffer that cannot be read fails the call, not the session. [MS-OXCROPS] 3.2.5.1 */
async function executed(
  ctx: Ctx, session: MailboxSession, asked: Parameters<typeof execute>[2],
): Promise<{ errorCode: number; ropBuffer: Uint8Array }> {
  try {
    return { errorCode: 0, ropBuffer: await execute(ctx, session, asked) };
  } catch (error) {
    if (error instanceof RopError) return { errorCode: error.code, ropBuffer: none };
    if (!(error instanceof WireError)) throw error;
    ctx.log.info({ why: error.message }, "a client's ROP buffer could not be read");
    return { errorCode: ecCodes.rpcFormat, ropBuffer: none };
  }
}
