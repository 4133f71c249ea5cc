/**
 * What clients leave with a store and ask for again, in no protocol's sight: one associated message of the root folder
 * for each kind, with its text.
 */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { Fault } from "#base/fault.ts";
import type { MessageId } from "#base/ids.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";

const PidTagMessageClass = makeTag(0x001a, "String");
/** [MS-OXOCFG] 2.2.2.2 */
const PidTagRoamingBinary = makeTag(0x7c09, "Binary");

export const keptClasses = {
  receiveFolders: "IPM.Configuration.Store.ReceiveFolders", perUser: "IPM.Configuration.Store.PerUser",
} as const;
export type KeptClass = (typeof keptClasses)[keyof typeof keptClasses];

async function find(ctx: Ctx, logon: LogonObject, kept: KeptClass): Promise<MessageId | null> {
  const roles = new Map(await logon.mailbox.roleFolders(ctx));
  for await (const rows of logon.items.rows(ctx, roles.get("root")!, { associated: true })) {
    for (const row of rows) if (row.messageClass === kept) return row.messageId;
  }
  return null;
}

/** undefined when nothing was left. */
export async function readKept(ctx: Ctx, logon: LogonObject, kept: KeptClass): Promise<unknown> {
  const messageId = await find(ctx, logon, kept);
  if (messageId === null) return undefined;
  const item = await logon.items.open(ctx, messageId);
  const value = item.bag.get(PidTagRoamingBinary);
  return value instanceof Uint8Array ? JSON.parse(Buffer.from(value).toString("utf8")) as unknown : undefined;
}

export async function writeKept(ctx: Ctx, logon: LogonObject, kept: KeptClass, content: unknown): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(content), "utf8");
  if (bytes.length > limits.mapiKeptMaxBytes) throw new Fault("tooBig", "This is more than a store keeps for clients.");
  const bag = new Map<PropertyTag, PropertyValue>([[PidTagMessageClass, kept], [PidTagRoamingBinary, bytes]]);
  const messageId = await find(ctx, logon, kept);
  if (messageId !== null) {
    await logon.items.update(ctx, { messageId, set: { bag } });
    return;
  }
  const roles = new Map(await logon.mailbox.roleFolders(ctx));
  await logon.items.create(ctx, {
    folderId: roles.get("root")!, item: { bag, recipients: [], attachments: [] }, associated: true,
  });
}
