/** Who may do what in a folder. [MS-OXCPERM] 2.2.1, 2.2.2, 3.2.5 */
import { freeBusyRights } from "#mailbox/access.ts";
import type { PermissionEntry } from "#mailbox/api.ts";
import type { PermissionChange } from "#mailbox/tx/permissions.ts";
import type { TaggedValue } from "#props/structures.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { permanentEntryId } from "#serve/mapi/address-book/properties.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { asFolder, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import { bagSource } from "#serve/mapi/mailbox/sources.ts";
import { OpenTable } from "#serve/mapi/mailbox/table.ts";
import { parseEntryId } from "#wire/mapi/entry-ids.ts";
import * as rops from "#wire/mapi/rops/permissions.ts";

const PidTagEntryId = makeTag(0x0fff, "Binary");
const PidTagMemberId = makeTag(0x6671, "Integer64");
const PidTagMemberName = makeTag(0x6672, "String");
const PidTagMemberRights = makeTag(0x6673, "Integer32");

/** [MS-OXCPERM] 2.2.1.1, 2.2.2.1 */
const includeFreeBusy = 0x02;
const replaceRows = 0x01;
/** [MS-OXCPERM] 2.2.2.2 */
const rowFlags = { add: 0x01, modify: 0x02, remove: 0x04 } as const;

const none = new Uint8Array(0);

/** Default has no name, Anonymous its own; people are named by the address book. [MS-OXCPERM] 2.2.6 */
async function rowOf(call: RopCall<unknown>, entry: PermissionEntry, rights: number): Promise<PropertyBag> {
  const { member } = entry;
  const known = typeof member === "object" && member !== null
    ? (await call.session.services.book.view(call.ctx)).byId(member.entryId) : undefined;
  const name = member === "default" ? "" : member === "anonymous" ? "Anonymous"
    : member?.displayName ?? `(removed ${entry.memberId})`;
  return new Map<PropertyTag, PropertyValue>([
    [PidTagEntryId, known === undefined ? none : permanentEntryId(known)], [PidTagMemberId, BigInt(entry.memberId)],
    [PidTagMemberName, name], [PidTagMemberRights, rights],
  ]);
}

const valueOf = (values: readonly TaggedValue[], tag: PropertyTag): PropertyValue | undefined =>
  values.find((one) => one.tag === tag)?.value;

/** The member a row names: by id, or one that comes in, by entry id. */
async function memberOf(call: RopCall<unknown>, values: readonly TaggedValue[], isNew: boolean): Promise<number> {
  const memberId = valueOf(values, PidTagMemberId);
  if (!isNew || typeof memberId === "bigint") {
    if (typeof memberId !== "bigint") throw new RopError("invalidParameter", "The row names no member.");
    return Number(BigInt.asIntN(64, memberId));
  }
  const entryId = valueOf(values, PidTagEntryId);
  const parsed = entryId instanceof Uint8Array ? parseEntryId(entryId) : null;
  if (parsed?.kind !== "addressBook") {
    throw new RopError("invalidParameter", "The row names nobody of the address book.");
  }
  const found = (await call.session.services.book.view(call.ctx)).byLegacyDn(parsed.value.x500Dn);
  if (found === undefined) throw new RopError("unknownUser", "The address book does not know this person.");
  return found.entryId;
}

function rightsIn(values: readonly TaggedValue[]): number {
  const rights = valueOf(values, PidTagMemberRights);
  if (typeof rights !== "number") throw new RopError("invalidParameter", "The row tells no rights.");
  return rights;
}

export const permissionHandlers: readonly RopHandler[] = [
  handler(rops.RopGetPermissionsTable, async (call) => {
    const { logon, folderId } = asFolder(call.object);
    const mask = (call.request.tableFlags & includeFreeBusy) === 0 ? ~freeBusyRights : -1;
    // Whoever may not look hears so of the rows. [MS-OXCPERM] 3.2.5.1
    await logon.mailbox.folder(call.ctx, folderId);
    const source = bagSource("permissions", call.session.codePage, async (ctx) => {
      const entries = await logon.mailbox.permissions(ctx, folderId);
      const rows = [];
      for (const [index, entry] of entries.entries()) {
        const rights = entry.rights & mask;
        rows.push({ key: index, instance: 0, version: rights, values: await rowOf(call, entry, rights) });
      }
      return rows;
    });
    return { opens: new OpenTable(logon, source) };
  }),

  handler(rops.RopModifyPermissions, async (call) => {
    const { logon, folderId } = asFolder(call.object);
    const { modifyFlags, permissionsData } = call.request;
    const before = new Map((await logon.mailbox.permissions(call.ctx, folderId))
      .map(({ memberId, rights }) => [memberId, rights]));
    const changes = new Map<number, number | null>();
    // Default and Anonymous are never taken away, only changed.
    if ((modifyFlags & replaceRows) !== 0) for (const id of before.keys()) if (id > 0) changes.set(id, null);
    for (const { permissionDataFlags: flag, propertyValues } of permissionsData) {
      if (flag !== rowFlags.add && flag !== rowFlags.modify && flag !== rowFlags.remove) {
        throw new RopError("invalidParameter", `${flag} is no change of a permission.`);
      }
      const memberId = await memberOf(call, propertyValues, flag === rowFlags.add);
      if (flag !== rowFlags.add && !before.has(memberId)) throw new RopError("notFound", "This member has no entry.");
      if (flag === rowFlags.remove) {
        changes.set(memberId, memberId > 0 ? null : 0);
        continue;
      }
      const kept = (modifyFlags & includeFreeBusy) === 0 ? (before.get(memberId) ?? 0) & freeBusyRights : 0;
      const mask = (modifyFlags & includeFreeBusy) === 0 ? ~freeBusyRights : -1;
      changes.set(memberId, (rightsIn(propertyValues) & mask) | kept);
    }
    const rows = [...changes].map(([memberId, rights]): PermissionChange => ({ memberId, rights }));
    if (rows.length > 0) await logon.mailbox.setPermissions(call.ctx, folderId, rows);
    return {};
  }),
];
