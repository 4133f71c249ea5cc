/**
 * Proves tasks that are given to another: the states of both copies through request, answer, updates and return; what is
 * sent and when nothing is; and that both lists agree in the end when messages come late, twice and in another order.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import {
  acceptances, acceptTask, assignTask, declineTask, histories, ownerships, receiveTaskAnswer, receiveTaskRequest, takeTaskBack,
  taskClasses, taskIn, taskModes, taskStates, updateTask,
} from "#calendar/tasks/assign.ts";
import type { TaskDecision } from "#calendar/tasks/assign.ts";
import { completeTask } from "#calendar/tasks/complete.ts";
import { at, berlin } from "#calendar/occurrences/test-kit.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { readTodos } from "#convert/todo/read.ts";
import { properties } from "#props/registry.ts";

const p = properties;
const olga = { name: "Olga", address: "olga@example.org" };
const ben = { name: "Ben", address: "ben@example.org" };
const newId = Uint8Array.from({ length: 16 }, (_, index) => index);
let now = at("2026-11-01T08:00Z");
const asOlga = (): { now: number; me: typeof olga } => ({ now: now += 1000, me: olga });
const asBen = (): { now: number; me: typeof ben } => ({ now: now += 1000, me: ben });

const task = (...lines: string[]): ItemBag => readTodos(["BEGIN:VCALENDAR", "BEGIN:VTODO", "UID:t", "SUMMARY:Paint", ...lines,
  "END:VTODO", "END:VCALENDAR", ""].join("\r\n"), { zone: berlin }).items[0]!;

const stateOf = (item: ItemBag | undefined): unknown[] => [p.PidLidTaskState, p.PidLidTaskOwnership, p.PidLidTaskAcceptanceState,
  p.PidLidTaskHistory].map((property) => item && getProperty(item, property));

const only = (decision: TaskDecision): ItemBag => {
  assert.equal(decision.messages.length, 1);
  return decision.messages[0]!.item;
};

test("a task from one to the other and back", () => {
  const given = assignTask(task("DUE;VALUE=DATE:20261123"), { ...asOlga(), to: ben, newId });
  assert.deepEqual(stateOf(given.task), [taskStates.assigners, ownerships.assigners, acceptances.unknown, histories.assigned]);
  const request = only(given);
  assert.equal(getProperty(request, p.PidTagMessageClass), taskClasses.request);
  assert.equal(getProperty(request, p.PidTagSubject), "Task Request: Paint");
  assert.equal(getProperty(taskIn(request)!, p.PidLidTaskMode), taskModes.request);
  const got = receiveTaskRequest(request, [], asBen()).task!;
  assert.deepEqual(stateOf(got), [taskStates.assignees, ownerships.assignees, acceptances.unknown, histories.assigned]);
  assert.deepEqual([getProperty(got, p.PidLidTaskOwner), getProperty(got, p.PidLidTaskAssigner)], ["Ben", "Olga"]);
  // The same request once more is nothing new.
  assert.equal(receiveTaskRequest(request, [got], asBen()).task, undefined);
  const accepted = acceptTask(got, asBen());
  assert.deepEqual(accepted.messages[0]!.to.map(({ address }) => address), [olga.address]);
  const known = receiveTaskAnswer(only(accepted), [given.task!]).task!;
  assert.deepEqual(stateOf(known), [taskStates.assigners, ownerships.assigners, acceptances.accepted, histories.accepted]);
  const { done } = completeTask(accepted.task!, at("2026-11-20T12:00Z"), berlin);
  const told = updateTask(accepted.task!, done, asBen());
  const over = receiveTaskAnswer(only(told), [known]).task!;
  assert.deepEqual([getProperty(over, p.PidLidTaskComplete), getProperty(over, p.PidLidPercentComplete)], [true, 1]);
  // The acceptance comes late: it is older than what is known.
  assert.equal(receiveTaskAnswer(only(accepted), [over]).task, undefined);
});

test("a task that is refused goes back, even where its assigner has no copy", () => {
  const given = assignTask(task(), { ...asOlga(), to: ben, newId });
  const refused = declineTask(receiveTaskRequest(only(given), [], asBen()).task!, asBen());
  assert.deepEqual([refused.task, refused.isRemoved], [undefined, true]);
  const known = receiveTaskAnswer(only(refused), [given.task!]).task!;
  assert.deepEqual(stateOf(known), [taskStates.rejected, ownerships.assigners, acceptances.rejected, histories.rejected]);
  const back = takeTaskBack(known, asOlga()).task!;
  assert.deepEqual(stateOf(back).slice(0, 3), [taskStates.own, ownerships.none, acceptances.none]);
  assert.equal(stateOf(receiveTaskAnswer(only(refused), []).task)[0], taskStates.lost);
  // And it can be given again.
  assert.equal(assignTask(back, { ...asOlga(), to: ben, newId }).messages.length, 1);
});

test("what is sent, and what is not", () => {
  const start = (options: { wantsUpdates?: boolean; wantsReport?: boolean }): ItemBag =>
    acceptTask(receiveTaskRequest(only(assignTask(task(), { ...asOlga(), to: ben, newId, ...options })), [], asBen()).task!, asBen()).task!;
  const edit = (item: ItemBag, change: (copy: ItemBag) => void): ItemBag => {
    const copy = { ...item, bag: new Map(item.bag), named: new Map(item.named) };
    change(copy);
    return copy;
  };
  const half = (item: ItemBag): ItemBag => edit(item, (one) => setProperty(one, p.PidLidPercentComplete, 0.5));
  const noted = (item: ItemBag): ItemBag => edit(item, (one) => setProperty(one, p.PidLidReminderSet, true));
  const done = (item: ItemBag): ItemBag => completeTask(item, now, berlin).done;
  const rows: [options: { wantsUpdates: boolean; wantsReport: boolean }, change: (item: ItemBag) => ItemBag, count: number][] = [
    [{ wantsUpdates: true, wantsReport: false }, half, 1], [{ wantsUpdates: true, wantsReport: true }, noted, 0],
    [{ wantsUpdates: false, wantsReport: true }, half, 0], [{ wantsUpdates: false, wantsReport: true }, done, 1],
    [{ wantsUpdates: false, wantsReport: false }, done, 0],
  ];
  for (const [options, change, count] of rows) {
    const item = start(options);
    assert.equal(updateTask(item, change(item), asBen()).messages.length, count);
  }
  const own = task();
  assert.equal(updateTask(own, half(own), asBen()).messages.length, 0);
  const moved = start({});
  const later = edit(moved, (one) => setProperty(one, p.PidLidTaskDueDate, 134_000_000_000_000_000n));
  assert.equal(stateOf(updateTask(moved, later, asBen()).task)[3], histories.dueDate);
  for (const wrong of [() => acceptTask(own, asBen()), () => declineTask(own, asBen()), () => takeTaskBack(own, asBen()),
    () => assignTask(assignTask(own, { ...asOlga(), to: ben, newId }).task!, { ...asOlga(), to: ben, newId })]) {
    assert.throws(wrong, (error) => error instanceof Fault && error.code === "notAllowed");
  }
});

test("a recurring task goes on with who does it", () => {
  const given = assignTask(task("DUE;VALUE=DATE:20261123", "RRULE:FREQ=WEEKLY;COUNT=3"), { ...asOlga(), to: ben, newId });
  const mine = acceptTask(receiveTaskRequest(only(given), [], asBen()).task!, asBen()).task!;
  const { next } = completeTask(mine, at("2026-11-23T12:00Z"), berlin);
  const known = receiveTaskAnswer(only(updateTask(mine, next!, asBen())), [given.task!]).task!;
  assert.equal(getProperty(known, p.PidLidTaskDueDate), getProperty(next!, p.PidLidTaskDueDate));
  assert.equal(getProperty(known, p.PidLidTaskFRecurring), true);
});

test("both lists agree whatever happens to the messages", () => {
  fc.assert(fc.property(fc.array(fc.nat(99), { minLength: 1, maxLength: 12 }), fc.infiniteStream(fc.nat(999)), (shares, order) => {
    const given = assignTask(task(), { ...asOlga(), to: ben, newId });
    let theirs = receiveTaskRequest(only(given), [], asBen()).task!;
    const accepted = acceptTask(theirs, asBen());
    theirs = accepted.task!;
    const messages = [only(accepted)];
    for (const share of shares) {
      const edited = { ...theirs, bag: new Map(theirs.bag), named: new Map(theirs.named) };
      setProperty(edited, p.PidLidPercentComplete, share / 100);
      const decision = updateTask(theirs, edited, asBen());
      theirs = decision.task!;
      messages.push(...decision.messages.map(({ item }) => item));
    }
    let held = given.task!;
    const late = [...messages, ...messages];
    while (late.length > 0) {
      const [message] = late.splice(order.next().value % late.length, 1);
      held = receiveTaskAnswer(message!, [held]).task ?? held;
    }
    assert.equal(getProperty(held, p.PidLidPercentComplete), getProperty(theirs, p.PidLidPercentComplete));
    assert.equal(getProperty(held, p.PidLidTaskVersion), getProperty(theirs, p.PidLidTaskVersion));
  }), { numRuns: 60 });
});
