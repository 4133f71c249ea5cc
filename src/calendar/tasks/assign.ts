/**
 * Tasks that one gives to another: the request with the task inside, the answer, updates, and what each side's copy
 * becomes. Pure: items in, items and messages out. [MS-OXOTASK] 2.2.3, 3.1.4, 3.2.4
 */
import { Buffer } from "node:buffer";
import { Fault } from "#base/fault.ts";
import { getProperty, newItem, newItemObject, setProperty } from "#convert/item.ts";
import type { ItemAttachment, ItemBag, ItemRecipient } from "#convert/item.ts";
import { newRecipient, setPerson } from "#convert/mime/people.ts";
import { toFileTime } from "#convert/mime/times.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { properties } from "#props/registry.ts";

const p = properties;

/** PidTagMessageClass. [MS-OXOTASK] 2.2.3.1 */
export const taskClasses = {
  task: "IPM.Task", request: "IPM.TaskRequest", accept: "IPM.TaskRequest.Accept", decline: "IPM.TaskRequest.Decline",
  update: "IPM.TaskRequest.Update",
} as const;

/** PidLidTaskState. [MS-OXOTASK] 2.2.2.2.14 */
export const taskStates = { lost: 0, own: 1, assignees: 2, assigners: 3, rejected: 4 } as const;
/** PidLidTaskOwnership. [MS-OXOTASK] 2.2.2.2.29 */
export const ownerships = { none: 0, assigners: 1, assignees: 2 } as const;
/** PidLidTaskAcceptanceState. [MS-OXOTASK] 2.2.2.2.30 */
export const acceptances = { none: 0, unknown: 1, accepted: 2, rejected: 3 } as const;
/** PidLidTaskHistory. [MS-OXOTASK] 2.2.2.2.18 */
export const histories = { none: 0, accepted: 1, rejected: 2, changed: 3, dueDate: 4, assigned: 5 } as const;
/** PidLidTaskMode. [MS-OXOTASK] 2.2.3.2 */
export const taskModes = { none: 0, request: 1, accepted: 2, rejected: 3, update: 4, own: 5 } as const;

export interface TaskMessage {
  readonly item: ItemBag;
  readonly to: readonly DisplayAddress[];
}

export interface TaskDecision {
  /** The task as it is now; undefined where it leaves the folder, or nothing changes. */
  readonly task: ItemBag | undefined;
  readonly isRemoved: boolean;
  readonly messages: readonly TaskMessage[];
}

export interface TaskContext {
  /** UTC milliseconds. */
  readonly now: number;
  readonly me: DisplayAddress;
}

const copyObject = <T extends ItemRecipient>(object: T): T =>
  ({ ...object, bag: new Map(object.bag), named: new Map(object.named) });

const copyOf = (item: ItemBag): ItemBag => ({
  ...copyObject(item), recipients: item.recipients.map(copyObject), attachments: [...item.attachments],
});

const nameOf = ({ name, address }: DisplayAddress): string => (name === "" ? address : name);

/** Who did what last. [MS-OXOTASK] 2.2.2.2.13, 2.2.2.2.18, 2.2.2.2.24, 2.2.2.2.25 */
function stamp(task: ItemBag, history: number, { now, me }: TaskContext): void {
  setProperty(task, p.PidLidTaskHistory, history);
  setProperty(task, p.PidLidTaskLastUpdate, toFileTime(now));
  setProperty(task, p.PidLidTaskLastUser, nameOf(me));
  setProperty(task, p.PidLidTaskVersion, (getProperty(task, p.PidLidTaskVersion) ?? 0) + 1);
}

/** The task inside a message about it. [MS-OXOTASK] 2.2.3.3 */
function messageAbout(task: ItemBag, messageClass: string, mode: number, to: DisplayAddress, context: TaskContext,
): TaskMessage {
  const inside = copyOf(task);
  setProperty(inside, p.PidLidTaskMode, mode);
  const attachment: ItemAttachment = newItemObject();
  attachment.embedded = inside;
  setProperty(attachment, p.PidTagAttachMethod, 5);
  setProperty(attachment, p.PidTagAttachmentHidden, true);
  setProperty(attachment, p.PidTagRenderingPosition, -1);
  setProperty(attachment, p.PidTagDisplayName, getProperty(task, p.PidTagSubject) ?? "");
  const item = newItem();
  item.attachments.push(attachment);
  item.recipients.push(newRecipient(1, to, 0));
  const subject = getProperty(task, p.PidTagSubject) ?? "";
  const prefix = prefixes[messageClass] ?? "";
  setProperty(item, p.PidTagMessageClass, messageClass);
  setProperty(item, p.PidTagSubject, prefix + subject);
  setProperty(item, p.PidTagSubjectPrefix, prefix);
  setProperty(item, p.PidTagNormalizedSubject, subject);
  setProperty(item, p.PidLidTaskMode, mode);
  setProperty(item, p.PidLidTaskGlobalId, getProperty(task, p.PidLidTaskGlobalId));
  setProperty(item, p.PidTagClientSubmitTime, toFileTime(context.now));
  setProperty(item, p.PidTagBody, getProperty(task, p.PidTagBody));
  setPerson(item, "representing", context.me);
  setPerson(item, "sender", context.me);
  return { item, to: [to] };
}

const prefixes: Readonly<Record<string, string>> = {
  [taskClasses.request]: "Task Request: ", [taskClasses.accept]: "Task Accepted: ",
  [taskClasses.decline]: "Task Declined: ", [taskClasses.update]: "Task Update: ",
};

/** The task that a message is about; undefined for a message that holds none. [MS-OXOTASK] 2.2.3.3 */
export function taskIn(message: ItemBag): ItemBag | undefined {
  const isTask = (item: ItemBag | undefined): boolean =>
    /^IPM\.Task(?:\.|$)/i.test(item === undefined ? "" : getProperty(item, p.PidTagMessageClass) ?? "");
  return message.attachments.find(({ embedded }) => isTask(embedded))?.embedded;
}

export interface AssignContext extends TaskContext {
  readonly to: DisplayAddress;
  /** PidLidTaskGlobalId for a task that has none, 16 bytes. */
  readonly newId: Uint8Array;
  /** Keep my copy up to date; tell me when it is done. */
  readonly wantsUpdates?: boolean;
  readonly wantsReport?: boolean;
}

/**
 * Gives a task to somebody. Throws Fault `notAllowed` for one that was given already, or that is another's.
 * [MS-OXOTASK] 3.1.4.6
 */
export function assignTask(task: ItemBag, context: AssignContext): TaskDecision {
  const { me, to, newId, wantsUpdates = true, wantsReport = true } = context;
  const state = getProperty(task, p.PidLidTaskState) ?? taskStates.own;
  const isAccepted = state === taskStates.assignees && getProperty(task, p.PidLidTaskAccepted) === true;
  if (state === taskStates.assigners || (state === taskStates.assignees && !isAccepted)) {
    throw new Fault("notAllowed", "the task is somebody else's now");
  }
  const own = copyOf(task);
  setProperty(own, p.PidLidTaskGlobalId, getProperty(task, p.PidLidTaskGlobalId) ?? newId);
  setProperty(own, p.PidLidTaskUpdates, wantsUpdates);
  setProperty(own, p.PidLidTaskStatusOnComplete, wantsReport);
  setProperty(own, p.PidLidTaskAssigner, nameOf(me));
  setProperty(own, p.PidLidTaskLastDelegate, nameOf(me));
  setProperty(own, p.PidLidTaskOwner, nameOf(to));
  setProperty(own, p.PidLidTaskFCreator, getProperty(task, p.PidLidTaskFCreator) ?? true);
  setProperty(own, p.PidLidTaskState, taskStates.assigners);
  setProperty(own, p.PidLidTaskOwnership, ownerships.assigners);
  setProperty(own, p.PidLidTaskAcceptanceState, acceptances.unknown);
  setProperty(own, p.PidLidTaskAccepted, false);
  setProperty(own, p.PidLidReminderSet, false);
  stamp(own, histories.assigned, context);
  setAssigner(own, me);
  const theirs = copyOf(own);
  setProperty(theirs, p.PidLidTaskFCreator, false);
  setProperty(theirs, p.PidLidTaskState, taskStates.assignees);
  setProperty(theirs, p.PidLidTaskOwnership, ownerships.assignees);
  const message = messageAbout(theirs, taskClasses.request, taskModes.request, to, context);
  return { task: own, isRemoved: false, messages: [message] };
}

/** Who is told of updates: the recipients of the task. [MS-OXOTASK] 2.2.2.2.11 */
function setAssigner(task: ItemBag, assigner: DisplayAddress): void {
  task.recipients.splice(0, task.recipients.length, newRecipient(1, assigner, 0));
}

function assignerOf(task: ItemBag): DisplayAddress | undefined {
  const row = task.recipients[0];
  const address = row === undefined ? undefined : getProperty(row, p.PidTagSmtpAddress);
  return address === undefined ? undefined : { address, name: getProperty(row!, p.PidTagDisplayName) ?? "" };
}

const keyOf = (task: ItemBag): string | undefined => {
  const id = getProperty(task, p.PidLidTaskGlobalId);
  return id === undefined ? undefined : Buffer.from(id).toString("hex");
};

const heldOf = (task: ItemBag, held: readonly ItemBag[]): ItemBag | undefined => {
  const key = keyOf(task);
  return key === undefined ? undefined : held.find((one) => keyOf(one) === key);
};

const nothing: TaskDecision = { task: undefined, isRemoved: false, messages: [] };

/** Of two copies the one that was changed last: by their count, then by the clock. [MS-OXOTASK] 2.2.2.2.13 */
function isOlder(task: ItemBag, held: ItemBag): boolean {
  const [one, other] = [task, held].map((each) => getProperty(each, p.PidLidTaskVersion) ?? 0) as [number, number];
  if (one !== other) return one < other;
  return (getProperty(task, p.PidLidTaskLastUpdate) ?? 0n) <= (getProperty(held, p.PidLidTaskLastUpdate) ?? 0n);
}

/**
 * A request that came: the task stands in the list of who got it, not yet accepted. A request that comes twice, or for
 * what was given back to the same list, changes nothing. [MS-OXOTASK] 3.2.4.1
 */
export function receiveTaskRequest(message: ItemBag, held: readonly ItemBag[], context: TaskContext): TaskDecision {
  const inside = taskIn(message);
  if (inside === undefined || keyOf(inside) === undefined) return nothing;
  const known = heldOf(inside, held);
  if (known !== undefined && isOlder(inside, known)) return nothing;
  const task = copyOf(inside);
  setProperty(task, p.PidTagMessageClass, taskClasses.task);
  setProperty(task, p.PidLidTaskMode, taskModes.none);
  setProperty(task, p.PidLidTaskState, taskStates.assignees);
  setProperty(task, p.PidLidTaskOwnership, ownerships.assignees);
  setProperty(task, p.PidLidTaskAcceptanceState, acceptances.unknown);
  setProperty(task, p.PidLidTaskAccepted, false);
  setProperty(task, p.PidLidTaskOwner, nameOf(context.me));
  return { task, isRemoved: false, messages: [] };
}

function checkAssignee(task: ItemBag): DisplayAddress {
  const assigner = assignerOf(task);
  if (getProperty(task, p.PidLidTaskState) !== taskStates.assignees || assigner === undefined) {
    throw new Fault("notAllowed", "nobody gave this task");
  }
  return assigner;
}

/** Takes the task on. Throws Fault `notAllowed` for one that nobody gave. [MS-OXOTASK] 3.2.4.2 */
export function acceptTask(task: ItemBag, context: TaskContext): TaskDecision {
  const assigner = checkAssignee(task);
  const own = copyOf(task);
  setProperty(own, p.PidLidTaskAccepted, true);
  setProperty(own, p.PidLidTaskAcceptanceState, acceptances.accepted);
  stamp(own, histories.accepted, context);
  return {
    task: own, isRemoved: false,
    messages: [messageAbout(own, taskClasses.accept, taskModes.accepted, assigner, context)],
  };
}

/** Gives the task back: it leaves the list. [MS-OXOTASK] 3.2.4.3 */
export function declineTask(task: ItemBag, context: TaskContext): TaskDecision {
  const assigner = checkAssignee(task);
  const own = copyOf(task);
  setProperty(own, p.PidLidTaskAccepted, false);
  setProperty(own, p.PidLidTaskAcceptanceState, acceptances.rejected);
  stamp(own, histories.rejected, context);
  return {
    task: undefined, isRemoved: true,
    messages: [messageAbout(own, taskClasses.decline, taskModes.rejected, assigner, context)],
  };
}

/** What an assigner follows. [MS-OXOTASK] 3.2.4.4 */
const followed = [
  p.PidTagSubject, p.PidTagBody, p.PidTagImportance, p.PidTagSensitivity, p.PidLidTaskStartDate, p.PidLidTaskDueDate,
  p.PidLidTaskStatus, p.PidLidPercentComplete, p.PidLidTaskComplete, p.PidLidTaskDateCompleted,
  p.PidLidTaskActualEffort, p.PidLidTaskEstimatedEffort, p.PidLidTaskRecurrence, p.PidLidTaskFRecurring,
  p.PidLidTaskDeadOccurrence, p.PidNameKeywords, p.PidLidCommonStart, p.PidLidCommonEnd,
] as const;

const valueText = (item: ItemBag, property: (typeof followed)[number]): string => {
  const value = getProperty(item, property as typeof p.PidTagBody) as unknown;
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value);
};

/**
 * A change of an accepted task by who does it: its assigner hears of it where he asked for updates, and of its end
 * where he asked for a report. Nothing that he follows, nothing sent. [MS-OXOTASK] 3.2.4.4
 */
export function updateTask(before: ItemBag, edited: ItemBag, context: TaskContext): TaskDecision {
  const assigner = assignerOf(before);
  const isAssigned = getProperty(before, p.PidLidTaskState) === taskStates.assignees &&
    getProperty(before, p.PidLidTaskAccepted) === true;
  const changed = followed.filter((property) => valueText(before, property) !== valueText(edited, property));
  if (assigner === undefined || !isAssigned || changed.length === 0) return { ...nothing, task: edited };
  const own = copyOf(edited);
  const isComplete = (task: ItemBag): boolean => getProperty(task, p.PidLidTaskComplete) === true;
  const isDone = isComplete(edited) && !isComplete(before);
  stamp(own, changed.includes(p.PidLidTaskDueDate) ? histories.dueDate : histories.changed, context);
  const isTold = getProperty(before, p.PidLidTaskUpdates) === true ||
    (isDone && getProperty(before, p.PidLidTaskStatusOnComplete) === true);
  return {
    task: own, isRemoved: false,
    messages: isTold ? [messageAbout(own, taskClasses.update, taskModes.update, assigner, context)] : [],
  };
}

/**
 * An answer or an update in the assigner's list. A later message holds whichever comes first; a task that is not there
 * any more comes back only when it was refused, so that it is not lost. [MS-OXOTASK] 3.1.4.7
 */
export function receiveTaskAnswer(message: ItemBag, held: readonly ItemBag[]): TaskDecision {
  const inside = taskIn(message);
  const messageClass = (getProperty(message, p.PidTagMessageClass) ?? "").toLowerCase();
  const kind = (["accept", "decline", "update"] as const)
    .find((one) => taskClasses[one].toLowerCase() === messageClass);
  if (inside === undefined || kind === undefined) return nothing;
  const known = heldOf(inside, held);
  const isRejected = kind === "decline";
  if (known === undefined) return isRejected ? { ...nothing, task: lostTask(inside) } : nothing;
  if (getProperty(known, p.PidLidTaskState) !== taskStates.assigners || isOlder(inside, known)) return nothing;
  const own = copyOf(known);
  for (const property of [...followed, p.PidLidTaskHistory, p.PidLidTaskLastUpdate, p.PidLidTaskLastUser,
    p.PidLidTaskVersion, p.PidLidTaskOwner]) {
    setProperty(own, property as typeof p.PidTagBody, getProperty(inside, property as typeof p.PidTagBody));
  }
  setProperty(own, p.PidLidTaskState, isRejected ? taskStates.rejected : taskStates.assigners);
  setProperty(own, p.PidLidTaskAcceptanceState, isRejected ? acceptances.rejected : acceptances.accepted);
  return { ...nothing, task: own };
}

/** Refused, and its assigner has no copy: it is his again. [MS-OXOTASK] 2.2.2.2.14 */
function lostTask(inside: ItemBag): ItemBag {
  const task = copyOf(inside);
  setProperty(task, p.PidTagMessageClass, taskClasses.task);
  setProperty(task, p.PidLidTaskMode, taskModes.none);
  setProperty(task, p.PidLidTaskState, taskStates.lost);
  setProperty(task, p.PidLidTaskOwnership, ownerships.assigners);
  return task;
}

/** A task that was refused is its assigner's own again. [MS-OXOTASK] 3.1.4.8 */
export function takeTaskBack(task: ItemBag, context: TaskContext): TaskDecision {
  const state = getProperty(task, p.PidLidTaskState);
  if (state !== taskStates.rejected && state !== taskStates.lost) {
    throw new Fault("notAllowed", "nobody refused the task");
  }
  const own = copyOf(task);
  own.recipients.length = 0;
  setProperty(own, p.PidLidTaskState, taskStates.own);
  setProperty(own, p.PidLidTaskOwnership, ownerships.none);
  setProperty(own, p.PidLidTaskAcceptanceState, acceptances.none);
  setProperty(own, p.PidLidTaskOwner, nameOf(context.me));
  stamp(own, histories.changed, context);
  return { ...nothing, task: own };
}
