/** Properties that the rows of messages tell: for these no item is looked into. [MS-OXCFOLD] 2.2.1.14 */
import { toObjectId } from "#base/ids.ts";
import type { FolderId } from "#base/ids.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { LightColumn, LightRow } from "#mailbox/items/light.ts";
import { propertySets } from "#props/property-sets.ts";
import type { NamedId } from "#props/registry.ts";
import { isNamedTag, makeTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { globalKey, toFolderEntryId, toMessageEntryId } from "#serve/mapi/mailbox/keys.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { toFileTime } from "#serve/mapi/mailbox/property-source.ts";
import type { RowValues, TableRow } from "#serve/mapi/mailbox/table.ts";

interface LightTag {
  /** What the value is worked out from; ids are always there. */
  readonly columns: readonly LightColumn[];
  readonly value: (row: LightRow, logon: LogonObject) => PropertyValue | undefined;
}

type Spelled = readonly [PropertyTag, readonly LightColumn[], LightTag["value"]];

const idOf = (counter: number): bigint => BigInt.asIntN(64, toObjectId(counter));
const orNothing = (text: string): string | undefined => (text === "" ? undefined : text);

const spelled: readonly Spelled[] = [
  [makeTag(0x001a, "String"), ["messageClass"], (row) => row.messageClass],
  [makeTag(0x0037, "String"), ["subject"], (row) => row.subject],
  [makeTag(0x0e1d, "String"), ["normalizedSubject"], (row) => row.normalizedSubject],
  [makeTag(0x0042, "String"), ["fromName"], (row) => orNothing(row.fromName)],
  [makeTag(0x0e04, "String"), ["displayTo"], (row) => row.displayTo],
  [makeTag(0x0e03, "String"), ["displayCc"], (row) => row.displayCc],
  [makeTag(0x0e06, "Time"), ["flags", "internalMs"],
    (row) => ((row.flags & messageFlags.draft) === 0 ? toFileTime(row.internalMs) : undefined)],
  [makeTag(0x0039, "Time"), ["sentMs"], (row) => (row.sentMs === null ? undefined : toFileTime(row.sentMs))],
  [makeTag(0x3007, "Time"), ["savedMs"], (row) => toFileTime(row.savedMs)],
  [makeTag(0x0e08, "Integer32"), ["itemSizeBytes"], (row) => Math.min(row.itemSizeBytes, 0x7fff_ffff)],
  [makeTag(0x0017, "Integer32"), ["importance"], (row) => row.importance],
  [makeTag(0x0036, "Integer32"), ["sensitivity"], (row) => row.sensitivity],
  [makeTag(0x0e1b, "Boolean"), ["hasAttachments"], (row) => row.hasAttachments === 1],
  [makeTag(0x0e69, "Boolean"), ["flags"], (row) => (row.flags & messageFlags.seen) !== 0],
  [makeTag(0x3013, "Binary"), ["conversationId"], (row) => row.conversationId ?? undefined],
  [makeTag(0x674a, "Integer64"), [], (row) => idOf(row.messageId)],
  [makeTag(0x674d, "Integer64"), [], (row) => idOf(row.messageId)],
  [makeTag(0x6748, "Integer64"), [], (row) => idOf(row.folderId)],
  [makeTag(0x67a4, "Integer64"), ["cn"], (row) => idOf(row.cn)],
  [makeTag(0x674e, "Integer32"), [], () => 0],
  [makeTag(0x0fff, "Binary"), [], (row, logon) => toMessageEntryId(logon, row.folderId, row.messageId)],
  [makeTag(0x0ff6, "Binary"), [], (row, logon) => globalKey(logon, row.messageId)],
  [makeTag(0x65e0, "Binary"), [], (row, logon) => globalKey(logon, row.messageId)],
  [makeTag(0x0e09, "Binary"), [], (row, logon) => toFolderEntryId(logon, row.folderId)],
];

/** For order: close enough to stand where the whole item would. */
export const lightTags: ReadonlyMap<PropertyTag, LightTag> =
  new Map(spelled.map(([tag, columns, value]) => [tag, { columns, value }]));

/** PidTagImportance, PidTagSensitivity: rows have the usual value where an item has none. */
const assumedTags: ReadonlySet<PropertyTag> = new Set([makeTag(0x0017, "Integer32"), makeTag(0x0036, "Integer32")]);
const PidTagMessageDeliveryTime = makeTag(0x0e06, "Time");
/** PidTagSentRepresentingName: rows tell the sender where an item names nobody whom it is from. */
const looseTags: ReadonlySet<PropertyTag> = new Set([makeTag(0x0042, "String")]);

/** Whether the row of any item tells the property exactly, so that tests of it are decided there. */
export const isExactTag = (tag: PropertyTag): boolean => lightTags.has(tag) && !looseTags.has(tag);

/** What rows tell of plain mail alone: of all else somebody may have set it. [MS-OXOFLAG] 2.2.1.1 */
const plainTags: ReadonlyMap<PropertyTag, LightTag> = new Map<PropertyTag, LightTag>([
  [makeTag(0x1090, "Integer32"), {
    columns: ["flags"], value: (row) => ((row.flags & messageFlags.flagged) === 0 ? undefined : 2),
  }],
  [makeTag(0x0e07, "Integer32"), {
    columns: ["flags", "hasAttachments"],
    value: (row) => ((row.flags & messageFlags.seen) === 0 ? 0 : 0x1) |
      ((row.flags & messageFlags.draft) === 0 ? 0 : 0x8) | (row.hasAttachments === 0 ? 0 : 0x10),
  }],
  // PidTagFollowupIcon, PidTagLastVerbExecuted, PidTagIconIndex: what the marks of other protocols mean.
  [makeTag(0x1095, "Integer32"), {
    columns: ["flags"], value: (row) => ((row.flags & messageFlags.flagged) === 0 ? undefined : 6),
  }],
  [makeTag(0x1081, "Integer32"), { columns: ["flags"], value: (row) => ofReply(row, 104, 102) }],
  [makeTag(0x1080, "Integer32"), { columns: ["flags"], value: (row) => ofReply(row, 0x106, 0x105) }],
]);

function ofReply({ flags }: LightRow, forwarded: number, answered: number): number | undefined {
  if ((flags & messageFlags.forwarded) !== 0) return forwarded;
  return (flags & messageFlags.answered) === 0 ? undefined : answered;
}

/** Rows that tell all of these tags as their items do; `columns` is what has to be read for it. */
export class ToldByRows {
  readonly columns: readonly LightColumn[];
  readonly #tags: readonly PropertyTag[];
  readonly #needsPlain: boolean;
  readonly #asksFrom: boolean;
  readonly #asksDelivery: boolean;

  private constructor(tags: readonly PropertyTag[]) {
    this.#tags = tags;
    this.#needsPlain = !tags.every((tag) => isExactTag(tag) && !assumedTags.has(tag));
    this.#asksFrom = tags.some((tag) => looseTags.has(tag));
    this.#asksDelivery = tags.includes(PidTagMessageDeliveryTime);
    this.columns = [...columnsOf(tags), ...this.#needsPlain ? ["isPlain"] as const : []];
  }

  /** null where one of them is told by no row. */
  static of(tags: readonly PropertyTag[]): ToldByRows | null {
    return tags.every(isPlainTag) ? new ToldByRows(tags) : null;
  }

  /**
   * null for a row that does not tell them. Mail of a Sender alone names it as whom it is from, and a draft may keep
   * when it was delivered; their rows do not.
   */
  bag(row: LightRow, logon: LogonObject): PropertyBag | null {
    if (this.#needsPlain && row.isPlain !== 1) return null;
    if (this.#asksFrom && row.fromName === "") return null;
    if (this.#asksDelivery && (row.flags & messageFlags.draft) !== 0) return null;
    const bag: PropertyBag = new Map();
    for (const tag of this.#tags) {
      const value = (lightTags.get(tag) ?? plainTags.get(tag))!.value(row, logon);
      if (value !== undefined) bag.set(tag, value);
    }
    return bag;
  }
}

/** Sets of names that header fields and bodies make no property of. */
const absentSets: ReadonlySet<string> = new Set(([
  "PSETID_Appointment", "PSETID_Task", "PSETID_Address", "PSETID_Log", "PSETID_Note", "PSETID_Meeting",
] as const).map((name) => propertySets[name].guid));
const commonSet = propertySets.PSETID_Common.guid;
/** Reminders, tasks and flags of PSETID_Common. [MS-OXPROPS] PidLidReminderSet, PidLidTaskMode, PidLidToDoTitle */
const absentCommonIds: ReadonlySet<number> = new Set([
  0x8501, 0x8502, 0x8503, 0x8516, 0x8517, 0x8518, 0x851c, 0x851e, 0x851f, 0x8560, 0x85a0, 0x85a1, 0x85a4, 0x85bf,
  0x85c0,
]);
/** PidTagFlagCompleteTime, PidTagToDoItemFlags, PidTagSwappedToDoStore, …Data */
const absentIds: ReadonlySet<number> = new Set([0x1091, 0x0e2b, 0x0e2c, 0x0e2d]);

/** Whether no plain mail has the property: `name` is that of an id of named properties. */
export function isAbsentInPlain(tag: PropertyTag, name: NamedId | null | undefined): boolean {
  if (!isNamedTag(tag)) return absentIds.has(tagId(tag));
  if (name === null || name === undefined || typeof name.id !== "number") return false;
  return absentSets.has(name.guid) || (name.guid === commonSet && absentCommonIds.has(name.id));
}

/** Whether rows of plain mail tell the property. */
export const isPlainTag = (tag: PropertyTag): boolean => plainTags.has(tag) || lightTags.has(tag);

/** The columns that some properties are worked out from; those that rows do not tell have none. */
export function columnsOf(tags: Iterable<PropertyTag>): LightColumn[] {
  const columns = new Set<LightColumn>();
  for (const tag of tags) {
    for (const column of (lightTags.get(tag) ?? plainTags.get(tag))?.columns ?? []) columns.add(column);
  }
  return [...columns];
}

/** What a light row tells of any property it knows. */
export class LightValues implements RowValues {
  readonly row: LightRow;
  readonly #logon: LogonObject;

  constructor(row: LightRow, logon: LogonObject) {
    this.row = row;
    this.#logon = logon;
  }

  get isPlain(): boolean {
    return this.row.isPlain === 1;
  }

  get(tag: PropertyTag): PropertyValue | undefined {
    return (lightTags.get(tag) ?? plainTags.get(tag))?.value(this.row, this.#logon);
  }
}

/** A row of a message with the few values that order it: a map for each row would be most of the memory. */
export class MessageTableRow implements TableRow, RowValues {
  readonly key: number;
  readonly version: number;
  readonly folderId: FolderId;
  readonly #tags: readonly PropertyTag[];
  readonly #picked: readonly (PropertyValue | undefined)[];

  constructor(
    row: Pick<LightRow, "messageId" | "modSeq" | "folderId">, tags: readonly PropertyTag[],
    picked: readonly (PropertyValue | undefined)[],
  ) {
    this.key = row.messageId;
    this.version = row.modSeq;
    this.folderId = row.folderId;
    this.#tags = tags;
    this.#picked = picked;
  }

  get instance(): number {
    return 0;
  }

  get values(): RowValues {
    return this;
  }

  get(tag: PropertyTag): PropertyValue | undefined {
    const place = this.#tags.indexOf(tag);
    return place < 0 ? undefined : this.#picked[place];
  }

  /** Whether it was asked for these: what it does not tell then is not there. */
  knows(tags: readonly PropertyTag[]): boolean {
    return tags.every((tag) => this.#tags.includes(tag));
  }
}
