/** When somebody works, as their mailbox keeps it. [MS-OXOCFG] 2.2.5.2 */
import type { Ctx } from "#base/ctx.ts";
import { WireError } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { readWorkingHours, workingHoursClass } from "#calendar/free-busy/working-hours-xml.ts";
import type { WorkingHours } from "#calendar/free-busy/working-hours.ts";
import { yearOfMs } from "#calendar/zones/dates.ts";
import { getProperty } from "#convert/item.ts";
import type { Items } from "#mailbox/items-api.ts";
import { properties } from "#props/registry.ts";

const p = properties;
/** [MS-OXPROPS] PidTagRoamingXmlStream */
const wanted = { tags: [p.PidTagRoamingXmlStream.tag] };

/** Undefined when nobody told, or what was told cannot be read. */
export async function workingHoursOf(ctx: Ctx, items: Items, folderId: FolderId): Promise<WorkingHours | undefined> {
  for await (const rows of items.rows(ctx, folderId, { associated: true })) {
    const row = rows.find(({ messageClass }) => messageClass.toLowerCase() === workingHoursClass.toLowerCase());
    if (row === undefined) continue;
    const [found] = await items.properties(ctx, [row.messageId], wanted);
    const stream = found === undefined ? undefined : getProperty(found.object, p.PidTagRoamingXmlStream);
    if (stream === undefined) return undefined;
    try {
      return readWorkingHours(stream, yearOfMs(ctx.system.nowMs()));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      ctx.log.info({ reason: error.message }, "working hours that cannot be read");
      return undefined;
    }
  }
  return undefined;
}
