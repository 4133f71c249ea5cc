/**
 * Proves what every import shares: bounds of work under way, what is told and what is counted only, and that a run that
 * cannot go on says how to. Also names of folders in any language, and the digest by which an item is known again.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ctx } from "#base/ctx.ts";
import { Fault, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { silentLog } from "#base/log.ts";
import { markOf } from "#admin/item-import.ts";
import { roleOfItem } from "#admin/message-import.ts";
import { namesOfPath, roleOfName } from "#admin/special-folders.ts";
import { ImportRun, Lanes, runImport, Teller } from "#admin/transfer.ts";
import { newItem, setProperty } from "#convert/item.ts";
import { makeSystem } from "#main/system.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { properties } from "#props/registry.ts";

let nowMs = 0;
const ctx: Ctx = {
  system: { ...makeSystem(), monotonicMs: () => nowMs }, log: silentLog, signal: new AbortController().signal,
};
const mailbox = {} as Mailbox;

test("lanes: never more at once than bounded, in number and bytes, and a failure comes out", async () => {
  const lanes = new Lanes();
  let open = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => { setImmediate(resolve); });
    open--;
  };
  for (let index = 0; index < 100; index++) await lanes.start(1, work);
  await lanes.finish();
  assert.equal(most, limits.importAtOnce);
  most = 0;
  for (let index = 0; index < 20; index++) await lanes.start(limits.importAtOnceMaxBytes * 0.6, work);
  await lanes.start(limits.importAtOnceMaxBytes * 5, work);
  await lanes.finish();
  assert.equal(most, 1);
  await lanes.start(1, () => Promise.reject(new Fault("overQuota", "full")));
  await lanes.settle();
  await assert.rejects(lanes.start(1, work), /full/);
  await assert.rejects(lanes.finish(), /full/);
});

test("a run: refusals of one item are counted, those of all end it and say how to go on", async () => {
  const run = new ImportRun(ctx, mailbox, {});
  run.refuse("a", new WireError("broken", 7));
  run.refuse("b", new Fault("tooBig", "too big"));
  assert.throws(() => run.refuse("c", new Fault("storageFull", "no room")), /no room/);
  assert.throws(() => run.refuse("d", new TypeError("a bug")), /a bug/);
  assert.equal(run.reading("e", () => { throw new RangeError("beyond the end"); }), null);
  for (let index = 0; index < limits.importTroublesToldMax; index++) run.fail("f", "x");
  assert.equal(run.result.failed, limits.importTroublesToldMax + 3);
  assert.equal(run.result.skipped.length, limits.importTroublesToldMax);
  assert.deepEqual(run.result.skipped.slice(0, 2).map(({ file, reason }) => [file, reason]),
    [["a", "broken (at byte 7)"], ["b", "too big"]]);
  const stopped = runImport(ctx, mailbox, {}, async (one) => {
    one.result.imported = 5;
    await one.lanes.start(1, () => Promise.reject(new Fault("overQuota", "The mailbox is full.")));
  });
  await assert.rejects(stopped, { code: "overQuota", message: /^The mailbox is full. 5 were taken in before; the same/ });
});

test("progress comes every few seconds", () => {
  const told: string[] = [];
  const teller = new Teller(ctx, (text) => told.push(text));
  for (let second = 0; second < 21; second++) {
    nowMs = second * 1000;
    teller.tell(() => String(second));
  }
  assert.deepEqual(told, ["5", "10", "15", "20"]);
});

test("folders by name, items by class", () => {
  const names: [string, string | null][] = [
    ["Posteingang", "inbox"], ["GESENDETE ELEMENTE", "sentItems"], ["Sent", "sentItems"], ["Éléments supprimés", "deletedItems"],
    ["Junk E-mail", "junkEmail"], ["Spam", "junkEmail"], ["Agenda", "calendar"], ["Projects", null], ["", null],
    ["constructor", null],
  ];
  for (const [name, role] of names) assert.equal(roleOfName(name), role, name);
  assert.deepEqual(namesOfPath("/A/b\\/c//d\\\\e/"), ["A", "b/c", "d\\e"]);
  const classes: [string, number, string][] = [
    ["IPM.Note", 0, "inbox"], ["IPM.Note", 8, "drafts"], ["IPM.Appointment", 8, "calendar"], ["IPM.DistList", 0, "contacts"],
    ["ipm.task", 0, "tasks"], ["IPM.TaskRequest", 0, "inbox"], ["IPM.StickyNote", 0, "notes"], ["IPM.Activity", 0, "journal"],
    ["IPM.Schedule.Meeting.Request", 0, "inbox"], ["", 0, "inbox"],
  ];
  for (const [messageClass, flags, role] of classes) {
    const item = newItem();
    setProperty(item, properties.PidTagMessageClass, messageClass);
    setProperty(item, properties.PidTagMessageFlags, flags);
    assert.equal(roleOfItem(item), role, `${messageClass} ${flags}`);
  }
});

test("a digest tells items apart by all they say, and by nothing else", () => {
  const make = (subject: string, data: string): ReturnType<typeof newItem> => {
    const item = newItem();
    setProperty(item, properties.PidTagSubject, subject);
    setProperty(item, properties.PidNameKeywords, ["a", "b"]);
    const inner = newItem();
    setProperty(inner, properties.PidTagSubject, data);
    item.attachments.push({ bag: new Map(), named: new Map(), embedded: inner });
    item.attachments.push({ bag: new Map([[properties.PidTagAttachDataBinary.tag, Buffer.from(data)]]), named: new Map() });
    return item;
  };
  const mark = markOf(make("x", "y"));
  assert.equal(mark, markOf(make("x", "y")));
  assert.notEqual(mark, markOf(make("x", "z")));
  assert.notEqual(mark, markOf(make("z", "y")));
  const turned = make("x", "y");
  assert.equal(markOf({ ...turned, bag: new Map([...turned.bag].reverse()) }), mark);
  const more = make("x", "y");
  more.recipients.push({ bag: new Map(), named: new Map() });
  assert.notEqual(markOf(more), mark);
});
