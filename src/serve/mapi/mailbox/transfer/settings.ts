/** What the ROPs of transfers have in common in their requests. [MS-OXCFXICS] 2.2.3.1.1.1.2 */
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";

const sendOptions = {
  unicode: 0x01, useCodePage: 0x02, recoverMode: 0x04, forceUnicode: 0x08, partialItem: 0x10,
} as const;
const known = Object.values(sendOptions).reduce((all, one) => all | one, 0);

/**
 * How text goes out: as Unicode, in a code page (its number), or saying itself in which it is, for a server that keeps
 * it so.
 */
export type TextForm = "unicode" | "told" | number;

/** Text is kept as Unicode here. Throws RopError `invalidParameter` for options that there are none of. */
export function textFormFor(options: number, session: MailboxSession): TextForm {
  if ((options & ~known) !== 0) throw new RopError("invalidParameter", "Unknown options of a transfer.");
  if ((options & sendOptions.forceUnicode) !== 0) return "unicode";
  if ((options & sendOptions.useCodePage) !== 0) return "told";
  return (options & sendOptions.unicode) !== 0 ? "unicode" : session.codePage;
}

/** Throws RopError `invalidParameter` for flags that there are none of. [MS-OXCFXICS] 3.2.5.8.1 */
export function requireFlags(flags: number, all: number): void {
  if ((flags & ~all) !== 0) throw new RopError("invalidParameter", `0x${flags.toString(16)} has unknown flags.`);
}
