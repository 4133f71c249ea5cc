/**
 * Proves the pieces of the desk by themselves: changes of items are exactly what differs, on a real mailbox; tombstones
 * are kept, bounded and forgotten in time; mail that waits is the server's own or none; options of rooms are read as
 * they were set; who may speak for whom, as a table. Whole meetings go through `test/meetings.test.ts`.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { Fault } from "#base/fault.ts";
import type { EntryId, FolderId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { bookingOptionNamed, bookingOptions, bookingPolicy, parseBookingOption, setBookingOptions } from "#calendar/desk/booking-settings.ts";
import { changeOf, loadItemBag } from "#calendar/desk/item-bags.ts";
import { Ledger } from "#calendar/desk/ledger.ts";
import { Locks } from "#calendar/desk/locks.ts";
import { keepMail, keptMail, mailOf } from "#calendar/desk/outgoing.ts";
import type { DeskDirectory } from "#calendar/desk/people.ts";
import { isFromWhomItSays } from "#calendar/desk/senders.ts";
import type { Tombstone } from "#calendar/meetings/decision.ts";
import { copyItem } from "#calendar/meetings/parts.ts";
import { itemFrom } from "#calendar/occurrences/test-kit.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { setPerson } from "#convert/mime/people.ts";
import type { Entry } from "#directory/reads.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { properties } from "#props/registry.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";
import type { Store } from "#store/api.ts";

const p = properties;
const resolve = (): null => null;
let store: Store;
let mailbox: Mailbox;
let calendarId: FolderId;
let close: () => Promise<void>;

before(async () => {
  const backend = sqliteBackend(0);
  store = await backend.open();
  close = async () => { await store.close(); backend.remove(); };
  const mailboxId = await newMailbox(store) as MailboxId;
  ({ mailbox } = await openKit(store, mailboxId));
  calendarId = (await mailbox.folderByRole(ctx, "calendar")).folderId;
});
after(async () => { await close(); });

const series = (): ItemBag => itemFrom([
  ["SUMMARY:Plan", "DTSTART;TZID=Europe/Berlin:20261123T100000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3",
    "ORGANIZER:mailto:ann@example.org", "ATTENDEE:mailto:bo@example.org"],
  ["RECURRENCE-ID;TZID=Europe/Berlin:20261124T100000", "SUMMARY:Later", "DTSTART;TZID=Europe/Berlin:20261124T120000", "DURATION:PT1H"],
]);

test("what was loaded and not changed needs no change; what was changed is all that is written", async () => {
  const saved = await mailbox.items.create(ctx, { folderId: calendarId, item: series() });
  const load = async () => loadItemBag(ctx, await mailbox.items.open(ctx, saved.messageId));
  const loaded = await load();
  assert.equal(changeOf(loaded, copyItem(loaded.item)), null);
  const next = copyItem(loaded.item);
  setProperty(next, p.PidLidLocation, "Hall");
  next.named.delete([...next.named].find(([, { name }]) => name.id === p.PidLidAppointmentSequence.named.id)![0]);
  const change = changeOf(loaded, next)!;
  assert.deepEqual([change.set!.named!.size, change.set!.bag.size, change.remove!.names!.length], [1, 0, 1]);
  assert.deepEqual([change.recipients, change.attachments], [undefined, undefined]);
  await mailbox.items.update(ctx, { messageId: saved.messageId, ...change });
  const again = await load();
  assert.equal(getProperty(again.item, p.PidLidLocation), "Hall");
  assert.equal(getProperty(again.item, p.PidLidAppointmentSequence), undefined);
  const later = copyItem(again.item);
  setProperty(later.attachments[0]!.embedded!, p.PidTagSubject, "Latest");
  const parts = changeOf(again, later)!.attachments!;
  assert.deepEqual([parts.remove, parts.add!.length], [again.numbers, 1]);
  await mailbox.items.update(ctx, { messageId: saved.messageId, ...changeOf(again, later) });
  assert.equal(getProperty((await load()).item.attachments[0]!.embedded!, p.PidTagSubject), "Latest");
});

const tombstone = (meeting: string, sequence: number, more: Partial<Tombstone> = {}): Tombstone =>
  ({ meeting, day: undefined, reason: "canceled", version: { sequence, change: 7n }, ...more });

test("tombstones: the later of one thing is kept, the oldest go, and a writer who was overtaken hears of it", async () => {
  const read = () => Ledger.read(ctx, mailbox.items, calendarId);
  const [first, stale] = [await read(), await read()];
  const now = ctx.system.nowMs();
  await first.add(ctx, mailbox.items, [tombstone("aa", 1), tombstone("aa", 2, { day: 220_000_000, reason: "declined" })], now);
  const second = await read();
  assert.deepEqual(second.of("aa").map(({ day, version }) => [day, version.sequence]), [[undefined, 1], [220_000_000, 2]]);
  await second.add(ctx, mailbox.items, [tombstone("aa", 0)], now);
  assert.equal((await read()).of("aa")[0]!.version.sequence, 1, "an earlier one tells nothing");
  const [one, other] = [await read(), await read()];
  await one.add(ctx, mailbox.items, [tombstone("aa", 5)], now);
  await assert.rejects(other.add(ctx, mailbox.items, [tombstone("bb", 1)], now), (error) => error instanceof Fault && error.code === "conflict");
  assert.equal(stale.of("aa").length, 0);
  const many = Array.from({ length: limits.meetingTombstonesMax + 5 }, (_, index) => tombstone((index + 4096).toString(16).padStart(6, "0"), 1));
  await (await read()).add(ctx, mailbox.items, many, now);
  const full = await read();
  assert.deepEqual([full.of("aa").length, full.of("001000").length, full.of(many.at(-1)!.meeting).length], [0, 0, 1]);
  await full.add(ctx, mailbox.items, [tombstone("cc", 1)], now + limits.meetingTombstonesKeptMs + 1);
  assert.deepEqual([(await read()).of(many.at(-1)!.meeting).length, (await read()).of("cc").length], [0, 1]);
});

test("mail that waits is sent only when this server wrote it", () => {
  const mail = { onceKey: "k", envelopeSender: "a@x.org", to: ["b@x.org"], bytes: Buffer.from("Subject: x\r\n\r\n") };
  const [secret, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const kept = keepMail([mail], secret);
  assert.deepEqual(keptMail(kept, secret), [mail]);
  for (const bad of ["", "x", kept.slice(1), kept.replace("a@x.org", "boss@x.org"), keepMail([mail], other), `${"0".repeat(64)} []`]) {
    assert.deepEqual(keptMail(bad, secret), [], bad.slice(0, 20));
  }
});

test("a message goes to nobody twice, never to its sender, and says that a machine wrote it", () => {
  const item = series();
  setProperty(item, p.PidTagMessageClass, "IPM.Schedule.Meeting.Request");
  const to = ["bo@example.org", "BO@example.org", "ann@example.org", "nowhere"].map((address) => ({ name: "", address }));
  const parts = { onceKey: "meeting.1.2.0", sender: "ann@example.org", isAutomatic: true, resolve, nowMs: 0 };
  const mail = mailOf({ item, to }, parts)!;
  assert.deepEqual(mail.to.map((one) => one.toLowerCase()), ["bo@example.org"]);
  const text = Buffer.from(mail.bytes).toString();
  assert.match(text, /^Auto-Submitted: auto-replied\r$/m);
  assert.match(text, /^Message-ID: <meeting\.1\.2\.0\.0@example\.org>\r$/m);
  assert.match(text, /text\/calendar;[^]*method=REQUEST/i);
  assert.equal(mailOf({ item, to: to.slice(2) }, parts), null);
});

test("options of booking are spelled as Exchange spells them, in any case", async () => {
  for (const [word, text, value] of [
    ["bookingwindowindays", "90", 90], ["AllBookInPolicy", "no", false], ["BookInPolicy", "a@x.org, b@x.org", ["a@x.org", "b@x.org"]],
    ["AutomateProcessing", "autoupdate", "AutoUpdate"], ["AdditionalResponse", "Thanks", "Thanks"], ["BookInPolicy", "", null],
  ] as const) {
    const name = bookingOptionNamed(word)!;
    assert.deepEqual(parseBookingOption(name, text), value, word);
  }
  assert.equal(bookingOptionNamed("nonsense"), undefined);
  for (const [name, text] of [["BookingWindowInDays", "2000"], ["BookingWindowInDays", "-1"], ["AllBookInPolicy", "maybe"], ["AutomateProcessing", "Never"]] as const) {
    assert.throws(() => parseBookingOption(name, text), Fault, `${name}=${text}`);
  }
  await setBookingOptions(ctx, mailbox, { BookingWindowInDays: 30, AllowConflicts: true });
  await setBookingOptions(ctx, mailbox, { AllowConflicts: null, EnforceCapacity: true });
  assert.deepEqual(await bookingOptions(ctx, mailbox), { BookingWindowInDays: 30, EnforceCapacity: true });
  const policy = await bookingPolicy(ctx, { mailbox, folderId: calendarId }, false);
  assert.deepEqual([policy.AutomateProcessing, policy.BookingWindowInDays, policy.AllowConflicts], ["AutoUpdate", 30, false]);
  await assert.rejects(setBookingOptions(ctx, mailbox, { BookingWindowInDays: "soon" }), Fault);
});

/** ann has an alias; sec may send for ann; everybody else is outside. */
const directory = {
  entryByAddress: (_ctx: unknown, address: string) => Promise.resolve(
    /^(?:ann|ann2)@example\.org$/i.test(address) ? { entryId: 1 as EntryId } as Entry
      : /^sec@example\.org$/i.test(address) ? { entryId: 2 as EntryId } as Entry : null),
  maySendOnBehalf: (_ctx: unknown, entryId: EntryId, address: string) => Promise.resolve(entryId === 2 && address === "ann@example.org"),
} satisfies Partial<DeskDirectory>;

test("who may speak: the organizer for the meeting, the attendee for the answer", async () => {
  const rows: [messageClass: string, representing: string, from: string, expected: boolean][] = [
    ["Request", "bo@example.org", "ann@example.org", true], ["Request", "", "ANN@example.org", true], ["Request", "", "ann2@example.org", true],
    ["Request", "", "sec@example.org", true], ["Request", "", "eve@example.net", false], ["Canceled", "", "eve@example.net", false],
    ["Canceled", "", "ann@example.org", true], ["Canceled", "", "", false],
    ["Resp.Pos", "bo@example.net", "bo@example.net", true], ["Resp.Pos", "bo@example.net", "ann@example.org", false],
    ["Resp.Neg", "ann@example.org", "sec@example.org", true], ["Resp.Tent", "bo@example.net", "eve@example.net", false],
  ];
  for (const [kind, representing, fromAddress, expected] of rows) {
    const message = series();
    setProperty(message, p.PidTagMessageClass, `IPM.Schedule.Meeting.${kind}`);
    if (representing !== "") setPerson(message, "representing", { name: "", address: representing });
    const told = await isFromWhomItSays(ctx, directory as Partial<DeskDirectory> as DeskDirectory, { message, fromAddress, resolve });
    assert.equal(told, expected, `${kind} for ${representing} from ${fromAddress}`);
  }
});

test("work in one calendar is one after the other, also after a failure; others do not wait", async () => {
  const locks = new Locks<number>();
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = locks.run(1, async () => { await gate.promise; order.push("first"); throw new Error("broken"); });
  const second = locks.run(1, async () => { order.push("second"); });
  await locks.run(2, async () => { order.push("elsewhere"); });
  gate.resolve();
  await assert.rejects(first, /broken/);
  await second;
  assert.deepEqual(order, ["elsewhere", "first", "second"]);
});
