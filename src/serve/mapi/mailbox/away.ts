/** PidTagOutOfOfficeState of a store: whether automatic replies go out now. [MS-OXCSTOR] 2.2.2.1.2 */
import type { Ctx } from "#base/ctx.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import type { Services } from "#serve/mapi/mailbox/session.ts";

export async function readAway(ctx: Ctx, logon: LogonObject, { rules }: Services): Promise<boolean> {
  return !logon.isPublic && await rules.isAway(ctx, logon.mailboxId);
}

/** RopError `accessDenied` for anybody but the owner. */
export async function setAway(ctx: Ctx, logon: LogonObject, { rules }: Services, isOn: boolean): Promise<void> {
  if (!logon.isOwner || logon.isPublic) throw new RopError("accessDenied", "Only the owner is away.");
  await rules.setAway(ctx, logon.mailboxId, isOn);
}
