/** CANCELUPDATE. RFC 5267 §4.3.5 */
import type { Handler } from "#serve/imap/state.ts";
import { no, ok } from "#serve/imap/state.ts";

/** A tag of nothing that is kept up to date is told; the others end all the same. */
export const cancelUpdate: Handler<"CANCELUPDATE"> = async (state, { args }) => {
  const { contexts } = state.selected;
  const unknown = args.tags.filter((tag) => !contexts.delete(tag));
  return unknown.length === 0 ? ok("No further updates.")
    : no(`No search with the tag ${unknown[0]!.slice(0, 40)} is kept up to date.`);
};
