/** Properties of tasks and notes, and their lines. [MS-OXOTASK] 2.2.2, [MS-OXONOTE] 2.2 */
import { properties } from "#props/registry.ts";
import { propertySets } from "#props/property-sets.ts";
import type { NamedId, NamedProperty, TaggedProperty } from "#props/registry.ts";

const p = properties;

/** Numbers that no other calendar knows. */
export const taskNumbers: readonly (readonly [string, TaggedProperty<"Integer32"> | NamedProperty<"Integer32">])[] = [
  ["X-OUTPOST-ESTIMATED-EFFORT", p.PidLidTaskEstimatedEffort], ["X-OUTPOST-ACTUAL-EFFORT", p.PidLidTaskActualEffort],
  ["X-OUTPOST-TASK-OWNERSHIP", p.PidLidTaskOwnership], ["X-OUTPOST-TASK-ACCEPTANCE", p.PidLidTaskAcceptanceState],
];
export const taskTexts: readonly (readonly [string, TaggedProperty<"String"> | NamedProperty<"String">])[] = [
  ["X-OUTPOST-BILLING", p.PidLidBilling],
  ["X-OUTPOST-TASK-OWNER", p.PidLidTaskOwner], ["X-OUTPOST-TASK-ASSIGNER", p.PidLidTaskAssigner],
];
/** Words of a task, in lists. [MS-OXOJRNL] 2.2.2.4, [MS-OXCMSG] 2.2.1.57.2 */
export const taskLists: readonly (readonly [string, NamedProperty<"MultipleString">])[] = [
  ["X-OUTPOST-COMPANIES", p.PidLidCompanies], ["X-OUTPOST-CONTACTS", p.PidLidContacts],
];
/** The text that Outlook calls mileage; it has no row in [MS-OXPROPS]. */
export const mileageName: NamedId = { guid: propertySets.PSETID_Common.guid, id: 0x8534 };
export const mileageLine = "X-OUTPOST-MILEAGE";

/** [MS-OXONOTE] 2.2.1 */
export const noteNumbers: readonly (readonly [string, NamedProperty<"Integer32">])[] = [
  ["X-OUTPOST-NOTE-COLOR", p.PidLidNoteColor], ["X-OUTPOST-NOTE-WIDTH", p.PidLidNoteWidth],
  ["X-OUTPOST-NOTE-HEIGHT", p.PidLidNoteHeight], ["X-OUTPOST-NOTE-X", p.PidLidNoteX],
  ["X-OUTPOST-NOTE-Y", p.PidLidNoteY],
];

/** PidLidTaskStatus by its number. [MS-OXOTASK] 2.2.2.2.2, RFC 5545 §3.8.1.11 */
export const taskStatuses = [
  { status: "NEEDS-ACTION", own: "" }, { status: "IN-PROCESS", own: "" }, { status: "COMPLETED", own: "" },
  { status: "NEEDS-ACTION", own: "WAITING" }, { status: "NEEDS-ACTION", own: "DEFERRED" },
] as const;
export const taskStatusComplete = 2;

/** PidTagImportance by PRIORITY: 1 to 4 high, 5 normal, 6 to 9 low. [MS-OXCICAL] 2.1.3.1.1.20.17 */
export const priorityOfImportance = [9, 5, 1] as const;

/** Null for 0, which says nothing. [MS-OXCICAL] 2.1.3.1.1.20.17 */
export function importanceOf(value: string): number | null {
  const priority = Number(value.trim());
  if (!Number.isInteger(priority) || priority < 1 || priority > 9) return null;
  return priority < 5 ? 2 : priority === 5 ? 1 : 0;
}
