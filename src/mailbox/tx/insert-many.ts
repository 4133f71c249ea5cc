/** The procedure that puts several messages into folders at once, all or none, and may take others away for them. */
import { insertMessage } from "#mailbox/tx/insert.ts";
import type { Inserted, InsertMessage } from "#mailbox/tx/insert.ts";
import { removeMessages } from "#mailbox/tx/transfer.ts";
import { procedure } from "#store/api.ts";
import type { Work } from "#store/sql.ts";

export interface InsertMessages {
  readonly messages: readonly InsertMessage[];
  /** A message that goes when the others have come; null for none. */
  readonly replaces: { readonly folderId: number; readonly uid: number } | null;
}

export const insertMessages = procedure({
  name: "mailbox.insertMessages",
  prepare: (args: InsertMessages, io) => args.messages.map((message) => insertMessage.prepare!(message, io)),
  *run(tx, args: InsertMessages, parsed): Work<Inserted[]> {
    const inserted: Inserted[] = [];
    for (const [index, message] of args.messages.entries()) {
      inserted.push(yield* insertMessage.run(tx, message, parsed[index]!));
    }
    if (args.replaces !== null) {
      const { folderId, uid } = args.replaces;
      const uids = [{ first: uid, last: uid }];
      yield* removeMessages.run(tx, { folderId, uids, only: "any", mode: "soft" }, undefined);
    }
    return inserted;
  },
});
