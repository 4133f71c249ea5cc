import type { Handler } from "#serve/imap/state.ts";
import type { CommandName } from "#wire/imap/commands.ts";
import { deleteAcl, getAcl, listRights, myRights, setAcl } from "#serve/imap/commands/acl.ts";
import { append, replace } from "#serve/imap/commands/append.ts";
import { cancelUpdate } from "#serve/imap/commands/cancel-update.ts";
import { fetch } from "#serve/imap/commands/fetch.ts";
import { create, remove, rename, subscribe, unsubscribe } from "#serve/imap/commands/folders.ts";
import {
  capability, compress, enable, id, logout, namespace, noop, unauthenticate,
} from "#serve/imap/commands/general.ts";
import { idle } from "#serve/imap/commands/idle.ts";
import { list, lsub, status } from "#serve/imap/commands/list.ts";
import { getMetadata, setMetadata } from "#serve/imap/commands/metadata.ts";
import { multiSearch } from "#serve/imap/commands/multi-search.ts";
import { notify } from "#serve/imap/commands/notify.ts";
import { getQuota, getQuotaRoot, setQuota } from "#serve/imap/commands/quota.ts";
import { search } from "#serve/imap/commands/search.ts";
import { close, examine, select, unselect } from "#serve/imap/commands/select.ts";
import { authenticate, login, startTls } from "#serve/imap/commands/sign-in.ts";
import { sort } from "#serve/imap/commands/sort.ts";
import { store } from "#serve/imap/commands/store.ts";
import { thread } from "#serve/imap/commands/thread.ts";
import { copy, expunge, move, uidExpunge } from "#serve/imap/commands/transfer.ts";

/** What runs each command. RFC 9051 §6 */
export const handlers: { readonly [N in CommandName]: Handler<N> } = {
  CAPABILITY: capability, NOOP: noop, LOGOUT: logout, ID: id, STARTTLS: startTls, AUTHENTICATE: authenticate,
  LOGIN: login, ENABLE: enable, SELECT: select, EXAMINE: examine, CREATE: create, DELETE: remove, RENAME: rename,
  SUBSCRIBE: subscribe, UNSUBSCRIBE: unsubscribe, LIST: list, LSUB: lsub, NAMESPACE: namespace, STATUS: status,
  APPEND: append, IDLE: idle, CHECK: noop, CLOSE: close, UNSELECT: unselect, EXPUNGE: expunge,
  "UID EXPUNGE": uidExpunge, SEARCH: search, FETCH: fetch, STORE: store, COPY: copy, MOVE: move,
  REPLACE: replace, SORT: sort, THREAD: thread, ESEARCH: multiSearch, COMPRESS: compress,
  UNAUTHENTICATE: unauthenticate, GETQUOTA: getQuota, GETQUOTAROOT: getQuotaRoot, SETQUOTA: setQuota, GETACL: getAcl,
  MYRIGHTS: myRights, LISTRIGHTS: listRights, DELETEACL: deleteAcl, SETACL: setAcl,
  CANCELUPDATE: cancelUpdate, NOTIFY: notify, GETMETADATA: getMetadata, SETMETADATA: setMetadata,
};

/** These always ask the change log, hint or not; all others when something happened. RFC 9051 §6.1.2 */
export const asksForNews: ReadonlySet<CommandName> = new Set([
  "NOOP", "CHECK", "IDLE", "EXPUNGE", "UID EXPUNGE", "NOTIFY",
]);

/** Their effect on the selected folder is their answer, told whatever NOTIFY says. RFC 9051 §6.4.3, §6.4.8 */
export const ownEffects: ReadonlySet<CommandName> = new Set(["EXPUNGE", "UID EXPUNGE", "MOVE", "REPLACE", "NOTIFY"]);

/** Of these the client is told that they are under way. RFC 9585 §1 */
export const mayTakeLong: ReadonlySet<CommandName> = new Set([
  "FETCH", "STORE", "SEARCH", "SORT", "THREAD", "ESEARCH", "COPY", "MOVE", "EXPUNGE", "UID EXPUNGE", "SELECT",
  "EXAMINE", "CLOSE", "STATUS", "LIST", "RENAME", "DELETE",
]);

/** Given by message number, these may not shift the numbers under a client that has sent more. RFC 3501 §7.4.1 */
export const keepsNumbers: ReadonlySet<CommandName> = new Set(["FETCH", "STORE", "SEARCH", "SORT", "THREAD"]);
