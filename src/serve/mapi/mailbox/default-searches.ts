/**
 * What the server's own search folders find until a client tells them otherwise: the criteria that clients give these
 * folders when they make them. [MS-OXOSFLD] 3.1.4.1.1, 3.1.4.1.2
 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { properties } from "#props/registry.ts";
import { fuzzyFlags, fuzzyLevels, relationalOperators, restrictTypes } from "#props/structures.ts";
import type { Restriction } from "#props/structures.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { toFolderEntryId } from "#serve/mapi/mailbox/keys.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";

const PidTagMessageClass = makeTag(0x001a, "String");
const PidTagMessageFlags = makeTag(0x0e07, "Integer32");
const PidTagParentEntryId = makeTag(0x0e09, "Binary");
const PidTagFlagStatus = makeTag(0x1090, "Integer32");
const PidTagToDoItemFlags = makeTag(0x0e2b, "Integer32");

/** mfSubmitted. [MS-OXCMSG] 2.2.1.6 */
const submitted = 0x4;
/** [MS-OXOFLAG] 2.2.1.1: flagged for somebody to follow up. */
const flagged = 2;
/** todoTimeFlagged and todoRecipientFlagged. [MS-OXOFLAG] 2.2.1.6 */
const toDoFlags = 0x1 | 0x8;
const recursive = 0x4;

/** Where nothing reminds and nothing is to be done. [MS-OXOSFLD] 3.1.4.1.1 */
const leftOut: readonly FolderRole[] = [
  "deletedItems", "junkEmail", "drafts", "outbox", "conflicts", "localFailures", "serverFailures", "syncIssues",
];

const and = (...restricts: Restriction[]): Restriction => ({ restrictType: restrictTypes.and, restricts });
const or = (...restricts: Restriction[]): Restriction => ({ restrictType: restrictTypes.or, restricts });
const not = (restriction: Restriction): Restriction => ({ restrictType: restrictTypes.not, restriction });
const exists = (propertyTag: PropertyTag): Restriction => ({ restrictType: restrictTypes.exist, propertyTag });
const isTrue = (tag: PropertyTag): Restriction => ({
  restrictType: restrictTypes.property, relOp: relationalOperators.equal, propertyTag: tag,
  taggedValue: { tag, value: true },
});
const classBegins = (value: string): Restriction => ({
  restrictType: restrictTypes.content, fuzzyLevelLow: fuzzyLevels.prefix, fuzzyLevelHigh: fuzzyFlags.ignoreCase,
  propertyTag: PidTagMessageClass, taggedValue: { tag: PidTagMessageClass, value },
});

function outsideOf(logon: LogonObject, byRole: ReadonlyMap<FolderRole, FolderId>): Restriction {
  const folders = leftOut.flatMap((role) => byRole.get(role) ?? []);
  return and(...folders.map((folderId): Restriction => ({
    restrictType: restrictTypes.property, relOp: relationalOperators.notEqual, propertyTag: PidTagParentEntryId,
    taggedValue: { tag: PidTagParentEntryId, value: toFolderEntryId(logon, folderId) },
  })));
}

/** [MS-OXOSFLD] 3.1.4.1.1 */
async function remindersOf(ctx: Ctx, logon: LogonObject, outside: Restriction): Promise<Restriction> {
  const names = [properties.PidLidReminderSet.named, properties.PidLidRecurring.named];
  const [reminderSet, recurring] = (await logon.items.propertyIds(ctx, names, true))
    .map((id) => makeTag(id, "Boolean"));
  return and(outside, and(
    not(and(exists(PidTagMessageClass), classBegins("IPM.Schedule"))),
    { restrictType: restrictTypes.bitMask, bitmapRelOp: 0, propertyTag: PidTagMessageFlags, mask: submitted },
    or(isTrue(reminderSet!), and(exists(recurring!), isTrue(recurring!)))));
}

/** Tasks, and what was flagged. [MS-OXOSFLD] 3.1.4.1.2 */
function toDoOf(outside: Restriction): Restriction {
  return and(
    and(not(classBegins("IPM.Appointment")), not(classBegins("IPM.Activity")), not(classBegins("IPM.StickyNote"))),
    and(outside, or(
      classBegins("IPM.Task"),
      { restrictType: restrictTypes.bitMask, bitmapRelOp: 1, propertyTag: PidTagToDoItemFlags, mask: toDoFlags },
      {
        restrictType: restrictTypes.property, relOp: relationalOperators.equal, propertyTag: PidTagFlagStatus,
        taggedValue: { tag: PidTagFlagStatus, value: flagged },
      })));
}

export interface DefaultSearch {
  readonly restriction: Restriction | null;
  readonly folderIds: readonly FolderId[];
  readonly flags: number;
}

/** null for folders that find nothing until they are told. */
export async function defaultSearch(
  ctx: Ctx, logon: LogonObject, folder: FolderInfo, infos: readonly FolderInfo[],
): Promise<DefaultSearch | null> {
  if (folder.role !== "reminders" && folder.role !== "toDo" && folder.role !== "allItems") return null;
  const byRole = new Map(infos.flatMap((info) => (info.role === null ? [] : [[info.role, info.folderId] as const])));
  const top = byRole.get("ipmSubtree");
  if (top === undefined) return null;
  const outside = outsideOf(logon, byRole);
  const restriction = folder.role === "allItems" ? null
    : folder.role === "toDo" ? toDoOf(outside) : await remindersOf(ctx, logon, outside);
  return { restriction, folderIds: [top], flags: recursive };
}
