/** `/mapi/nspi`: the address book over HTTP. [MS-OXCMAPIHTTP] 2.2.5, 3.2.5.3 */
import type { Ctx } from "#base/ctx.ts";
import { guidToText } from "#codec/binary/bytes.ts";
import { decode, encode } from "#codec/binary/code.ts";
import type { Of, Type } from "#codec/binary/type.ts";
import type { AddressBookChanges } from "#directory/address-book-changes.ts";
import type { AddressBook } from "#directory/address-book.ts";
import type { Directory } from "#directory/api.ts";
import { isKnownCodePage } from "#format/mapi/code-page.ts";
import type { HttpRequest } from "#net/http.ts";
import { MapiEndpoint } from "#serve/mapi/endpoint.ts";
import type { Answerer } from "#serve/mapi/endpoint.ts";
import type { SessionState } from "#serve/mapi/sessions.ts";
import { nspiCodes } from "#serve/mapi/address-book/request.ts";
import type { AddressBookSession, From } from "#serve/mapi/address-book/request.ts";
import { addressBookHandlers } from "#serve/mapi/address-book/service.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";

interface State extends SessionState, AddressBookSession {}

const none = new Uint8Array(0);
/** 8-bit text cannot be written in it. [MS-OXNSPI] 2.2.1.4 */
const unicodeCodePage = 1200;
/** [MS-OXNSPI] 2.2.1.8 */
const fAnonymousLogin = 0x20;

export interface AddressBookOptions {
  readonly ctx: Ctx;
  readonly directory: Directory;
  readonly book: AddressBook;
  readonly changes: AddressBookChanges;
}

export function addressBookEndpoint({ ctx, directory, book, changes }: AddressBookOptions): MapiEndpoint<State> {
  // One for the life of the process: ephemeral entry ids hold no longer. [MS-OXNSPI] 3.1.4.1.1
  const serverGuid = guidToText(ctx.system.randomBytes(16));
  const answers: Record<string, Answerer<State>> = {};
  for (const [name, handler] of Object.entries(addressBookHandlers)) {
    const bodies = addressBookBodies[name as keyof typeof addressBookBodies];
    answers[name] = async (call) => {
      const asked = decode(bodies.request as Type<unknown>, call.body);
      const from: From = {
        ctx: call.ctx, session: call.session.state, book, changes, view: await book.view(call.ctx),
        urls: urlsOf(call.request),
      };
      const told = await (handler as (asked: unknown, from: From) => unknown)(asked, from);
      return encode(bodies.response as Type<unknown>, { statusCode: 0, auxiliaryBuffer: none, ...told as object });
    };
  }
  return new MapiEndpoint<State>(ctx, directory, {
    path: "/mapi/nspi",
    opens: {
      type: "Bind",
      open(_ctx, person, body) {
        const asked = decode(addressBookBodies.Bind.request, body);
        const errorCode = bindCode(asked);
        const isRefused = errorCode !== nspiCodes.success;
        const answer = encode(addressBookBodies.Bind.response, {
          statusCode: 0, errorCode, serverGuid, auxiliaryBuffer: none,
        });
        const state: State = { serverGuid, person, close: () => undefined };
        return Promise.resolve({ state: isRefused ? null : state, body: answer });
      },
    },
    closes: "Unbind",
    waits: null,
    answers,
  });
}

/** Nobody comes in without a name, and 8-bit text needs a code page. [MS-OXNSPI] 3.1.4.1.1 */
function bindCode({ flags, state }: Of<typeof addressBookBodies.Bind.request>): number {
  if ((flags & fAnonymousLogin) !== 0) return nspiCodes.notSupported;
  const isKnown = state === null || (state.codePage !== unicodeCodePage && isKnownCodePage(state.codePage));
  return isKnown ? nspiCodes.success : nspiCodes.invalidCodePage;
}

function urlsOf(request: HttpRequest): From["urls"] {
  const query = request.query.size === 0 ? "" : `?${request.query.toString()}`;
  return { mailbox: `${request.origin}/mapi/emsmdb/${query}`, addressBook: `${request.origin}/mapi/nspi/${query}` };
}
