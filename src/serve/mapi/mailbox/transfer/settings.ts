/** What the ROPs of transfers have in common in their requests. [MS-OXCFXICS] 2.2.3.1.1.1.2 */
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";

const sendOptions = {
  unicode: 0x01, useCodePage: 0x02, recoverMode: 0x04, forceUnicode: 0x08, partialItem: 0x10,
} as const;
const known = Object.values(sendOptions).reduce((all, one) => all | one, 0);

/** null: text goes out as Unicode. Throws RopError `invalidParameter` for options that there are none of. */
export function codePageFor(options: number, session: MailboxSession): number | null {
  if ((options & ~known) !== 0) throw new RopError("invalidParameter", "Unknown options of a transfer.");
  const isUnicode = (options & (sendOptions.unicode | sendOptions.useCodePage | sendOptions.forceUnicode)) !== 0;
  return isUnicode ? null : session.codePage;
}
