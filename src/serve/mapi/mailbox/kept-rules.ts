/** Whether a folder has rules: one associated message each. [MS-OXORULE] 2.2.8.1 PidTagHasRules */
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, FolderId } from "#base/ids.ts";
import { folderRights } from "#mailbox/access.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";

/** What a rule is kept as; its properties are those of the rules table. [MS-OXORULE] 2.2.1.3.1 */
export const ruleMessageClass = "IPM.Rule.Version2.Message";

/** What was found, and when: folders are opened far more often than rules change. */
const known = new WeakMap<LogonObject, Map<FolderId, { readonly cn: ChangeNumber; readonly hasRules: boolean }>>();

/** False for those who may not read the folder. */
export async function hasKeptRules(
  ctx: Ctx, logon: LogonObject,
  { folderId, associatedCount, highestCn }: Pick<FolderInfo, "folderId" | "associatedCount" | "highestCn">,
): Promise<boolean> {
  if (associatedCount === 0 || (logon.mailbox.rightsIn(folderId) & folderRights.readAny) === 0) return false;
  let folders = known.get(logon);
  if (folders === undefined) known.set(logon, folders = new Map());
  const before = folders.get(folderId);
  if (before?.cn === highestCn) return before.hasRules;
  const hasRules = await look(ctx, logon, folderId);
  folders.set(folderId, { cn: highestCn, hasRules });
  return hasRules;
}

async function look(ctx: Ctx, logon: LogonObject, folderId: FolderId): Promise<boolean> {
  for await (const rows of logon.items.light(ctx, folderId, ["messageClass"], { associated: true })) {
    if (rows.some((row) => row.messageClass === ruleMessageClass)) return true;
  }
  return false;
}
