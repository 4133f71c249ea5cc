/** NOTIFY: what the client is told of without asking again. RFC 5465 */
import type { Handler } from "#serve/imap/state.ts";
import { Fault } from "#base/fault.ts";
import { FolderWatch } from "#serve/imap/notify/folder-watch.ts";
import { no, ok } from "#serve/imap/state.ts";
import { notifyEvents } from "#wire/imap/notify.ts";

/** RFC 5465 §3.1 */
export const notify: Handler<"NOTIFY"> = async (state, { args }) => {
  if (args.unknown.length > 0) {
    const known = Object.values(notifyEvents).map(({ name }) => name).join(" ");
    return no(`${args.unknown[0]!.slice(0, 40)} is not told here.`, `BADEVENT (${known})`);
  }
  let watch: FolderWatch;
  try {
    watch = args.groups === undefined ? FolderWatch.ofNothing()
      : await FolderWatch.begin(state, args.groups, args.tellsStatus);
  } catch (error) {
    if (error instanceof Fault && error.code === "tooMany") return no(error.message, "NOTIFICATIONOVERFLOW");
    throw error;
  }
  state.notify?.end();
  state.notify = watch;
  return ok("So be it.");
};
