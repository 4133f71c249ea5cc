/** Properties the server keeps itself, and what marks of other protocols mean as properties. Pure. */
import { getProperty } from "#convert/item.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { FlagChange } from "#mailbox/api.ts";
import { subjectOf } from "#mailbox/items/describe.ts";
import { properties } from "#props/registry.ts";
import { setProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import type { ItemRow } from "#mailbox/items-api.ts";
import type { TaggedProperty } from "#props/registry.ts";
import { tagId } from "#props/types.ts";
import type { PropertyTag, PropertyTypeName, ValueOf } from "#props/types.ts";

const p = properties;

/** PidTagMessageFlags. [MS-OXCMSG] 2.2.1.6 */
export const itemFlags = { read: 0x1, unsent: 0x8, hasAttachments: 0x10, associated: 0x40, notifyRead: 0x100 } as const;
const ownBits = itemFlags.read | itemFlags.unsent | itemFlags.hasAttachments | itemFlags.associated;

/** [MS-OXOFLAG] 2.2.1.1 */
const flagged = 2;
/** Red, as a flag without a colour is shown. [MS-OXOFLAG] 2.2.1.2 */
const redFlag = 6;
/** PidTagLastVerbExecuted and the icon that goes with it. [MS-OXOMSG] 2.2.1.5, 2.2.1.10 */
const verbs = { reply: 102, replyAll: 103, forward: 104 } as const;
const icons = { replied: 0x105, forwarded: 0x106 } as const;

const sizeMax = 0x7fff_ffff;

/** Which properties somebody asked for; all, when nobody told. */
export interface Asked {
  has(tag: PropertyTag): boolean;
  readonly hasNamed: boolean;
}
const all: Asked = { has: () => true, hasNamed: true };

/** Ids that are read to work out the properties of the row: they must be in the object, asked for or not. */
export const rowSources: ReadonlySet<number> = new Set([
  p.PidTagMessageFlags, p.PidTagSubject, p.PidTagSubjectPrefix, p.PidTagNormalizedSubject, p.PidTagFlagStatus,
  p.PidTagFollowupIcon, p.PidTagLastVerbExecuted, p.PidTagIconIndex,
].map(({ tag }) => tagId(tag)));

/**
 * Puts the properties of the row into the object: what only the server knows always, the rest where nobody set it. What
 * a client set is not changed, save for marks that were changed since by another protocol.
 */
export function addRowProperties(object: ItemObject, row: ItemRow, asked: Asked = all): void {
  const put = <N extends PropertyTypeName>(property: TaggedProperty<N>, value: () => ValueOf<N>): void => {
    if (asked.has(property.tag)) setProperty(object, property, value());
  };
  const putAbsent = <N extends PropertyTypeName>(property: TaggedProperty<N>, value: () => ValueOf<N>): void => {
    if (asked.has(property.tag) && !object.bag.has(property.tag)) setProperty(object, property, value());
  };
  // A receipt that a mail program has sent is not asked for again.
  const isAnswered = (row.flags & (messageFlags.mdnSent | messageFlags.readReceiptOff)) !== 0;
  const kept = ~(ownBits | (isAnswered ? itemFlags.notifyRead : 0));
  put(p.PidTagMessageFlags, () => ((getProperty(object, p.PidTagMessageFlags) ?? 0) & kept) |
    ((row.flags & messageFlags.seen) === 0 ? 0 : itemFlags.read) |
    ((row.flags & messageFlags.draft) === 0 ? 0 : itemFlags.unsent) |
    (row.hasAttachments ? itemFlags.hasAttachments : 0) | (row.isAssociated ? itemFlags.associated : 0));
  put(p.PidTagMessageSize, () => Math.min(row.itemSizeBytes, sizeMax));
  put(p.PidTagHasAttachments, () => row.hasAttachments);
  put(p.PidTagRead, () => (row.flags & messageFlags.seen) !== 0);
  put(p.PidTagAssociated, () => row.isAssociated);
  putAbsent(p.PidTagMessageClass, () => row.messageClass);
  const parts = subjectOf(object);
  putAbsent(p.PidTagSubject, () => parts.subject);
  putAbsent(p.PidTagSubjectPrefix, () => parts.prefix);
  putAbsent(p.PidTagNormalizedSubject, () => parts.normalized);
  putAbsent(p.PidTagDisplayTo, () => row.displayTo);
  putAbsent(p.PidTagDisplayCc, () => row.displayCc);
  putAbsent(p.PidTagDisplayBcc, () => "");
  putAbsent(p.PidTagCreationTime, () => toFileTime(row.savedMs));
  putAbsent(p.PidTagLastModificationTime, () => toFileTime(row.modifiedMs));
  if ((row.flags & messageFlags.draft) === 0) {
    putAbsent(p.PidTagMessageDeliveryTime, () => toFileTime(row.internalMs));
  }
  putAbsent(p.PidTagConversationTopic, () => parts.normalized);
  const { conversationId } = row;
  if (conversationId !== null) putAbsent(p.PidTagConversationId, () => conversationId);
  addMarks(object, row, asked);
}

function addMarks(object: ItemObject, row: ItemRow, asked: Asked): void {
  const words = asked.hasNamed ? getProperty(object, p.PidNameKeywords) : row.keywords;
  if (words === undefined ? row.keywords.length > 0 : !isSame(words, row.keywords)) {
    setProperty(object, p.PidNameKeywords, row.keywords);
  }
  const isFlagged = (row.flags & messageFlags.flagged) !== 0;
  if (isFlagged) {
    setProperty(object, p.PidTagFlagStatus, flagged);
    if (!object.bag.has(p.PidTagFollowupIcon.tag)) setProperty(object, p.PidTagFollowupIcon, redFlag);
  } else if (getProperty(object, p.PidTagFlagStatus) === flagged) {
    object.bag.delete(p.PidTagFlagStatus.tag);
    object.bag.delete(p.PidTagFollowupIcon.tag);
  }
  forgetVerb(object, row);
  if (object.bag.has(p.PidTagLastVerbExecuted.tag)) return;
  const [verb, icon] = (row.flags & messageFlags.forwarded) !== 0 ? [verbs.forward, icons.forwarded] as const
    : (row.flags & messageFlags.answered) !== 0 ? [verbs.reply, icons.replied] as const : [undefined, undefined];
  setProperty(object, p.PidTagLastVerbExecuted, verb);
  if (!object.bag.has(p.PidTagIconIndex.tag)) setProperty(object, p.PidTagIconIndex, icon);
}

/** What was done last with a message is forgotten with its mark, whoever took that away. */
function forgetVerb(object: ItemObject, { flags }: ItemRow): void {
  const verb = getProperty(object, p.PidTagLastVerbExecuted);
  const mark = verb === verbs.forward ? messageFlags.forwarded
    : verb === verbs.reply || verb === verbs.replyAll ? messageFlags.answered : 0;
  if (mark === 0 || (flags & mark) !== 0) return;
  object.bag.delete(p.PidTagLastVerbExecuted.tag);
  const icon = getProperty(object, p.PidTagIconIndex);
  if (icon === icons.replied || icon === icons.forwarded) object.bag.delete(p.PidTagIconIndex.tag);
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((word, index) => word.toWellFormed() === right[index]);
}

const noWords: readonly string[] = [];

/**
 * The marks that properties being written mean: read and unsent state, follow-up flag, what was answered, categories.
 * `removed` tells whether a property is being taken away.
 */
export function flagChangesOf(set: ItemObject, removed: (property: TaggedProperty) => boolean): FlagChange[] {
  let add = 0;
  let clear = 0;
  const mark = (isSet: boolean, bit: number): void => {
    if (isSet) add |= bit;
    else clear |= bit;
  };
  const flags = getProperty(set, p.PidTagMessageFlags);
  if (flags !== undefined) {
    mark((flags & itemFlags.read) !== 0, messageFlags.seen);
    mark((flags & itemFlags.unsent) !== 0, messageFlags.draft);
  }
  const status = getProperty(set, p.PidTagFlagStatus);
  if (status !== undefined || removed(p.PidTagFlagStatus)) mark(status === flagged, messageFlags.flagged);
  const verb = getProperty(set, p.PidTagLastVerbExecuted);
  if (verb === verbs.reply || verb === verbs.replyAll) mark(true, messageFlags.answered);
  if (verb === verbs.forward) mark(true, messageFlags.forwarded);
  if (verb === 0 || removed(p.PidTagLastVerbExecuted)) {
    mark(false, messageFlags.answered);
    mark(false, messageFlags.forwarded);
  }
  const changes: FlagChange[] = [];
  if (add !== 0) changes.push({ mode: "add", flags: add, keywords: noWords });
  if (clear !== 0) changes.push({ mode: "remove", flags: clear, keywords: noWords });
  return changes;
}
