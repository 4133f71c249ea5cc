/**
 * Proves that meeting mail becomes what calendars show: real messages by SMTP into a real server, calendars read back
 * from its data. People answer by mail alone; rooms by their policy; a partner outside speaks iCalendar by mail.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { FreeBusyService } from "#calendar/desk/free-busy.ts";
import { suggestionDefaults } from "#calendar/free-busy/suggestions.ts";
import { workingHoursClass, workingHoursIn, writeWorkingHours } from "#calendar/free-busy/working-hours-xml.ts";
import { MeetingDesk } from "#calendar/desk/desk.ts";
import { seriesItemOf } from "#calendar/meetings/occurrences.ts";
import { shownBy } from "#calendar/meetings/test-kit.ts";
import { createDeliver } from "#mailbox/delivery.ts";
import { serverScope } from "#store/api.ts";
import { acceptMessages } from "#transport/queue-store.ts";
import { addRow, trackOf, rowOf, resolverOf } from "#calendar/meetings/parts.ts";
import { berlin, itemFrom } from "#calendar/occurrences/test-kit.ts";
import { getProperty, newItemObject, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { dropKept } from "#convert/ical/kept.ts";
import { properties } from "#props/registry.ts";
import { MeetingHouse, address } from "./support/meetings.ts";

const p = properties;
const resolve = resolverOf({ now: 0 });
const partner = "pat@partner.test";
let house: MeetingHouse;

/** Monday of the week after next. */
const monday = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000 + 8 * 86_400_000);
monday.setUTCDate(monday.getUTCDate() + (8 - monday.getUTCDay()) % 7);
const on = (day: number, time: string): string => {
  const date = new Date(monday.getTime() + day * 86_400_000);
  return `${date.toISOString().slice(0, 10).replaceAll("-", "")}T${time}00`;
};

interface Words { subject: string; day: number; from: string; to: string; rule?: string; people: readonly string[] }

function appointment({ subject, day, from, to, rule, people }: Words): ItemBag {
  const item = itemFrom([[`UID:${subject}@test`, `SUMMARY:${subject}`, `DTSTART;TZID=Europe/Berlin:${on(day, from)}`,
    `DTEND;TZID=Europe/Berlin:${on(day, to)}`, ...(rule === undefined ? [] : [`RRULE:${rule}`])]]);
  dropKept(item);
  for (const name of people) addRow(item, name.startsWith("room") ? 3 : 1, { name: name.split("@")[0]!, address: address(name) });
  return item;
}

async function meetingIn(user: string, subject: string): Promise<ItemBag | undefined> {
  const found = (await house.appointments(user)).filter(({ item }) => (getProperty(item, p.PidTagSubject) ?? "").includes(subject));
  assert.ok(found.length <= 1, `${user} has ${found.length} of ${subject}`);
  return found[0]?.item;
}

const trackIn = (item: ItemBag, user: string): number => trackOf(rowOf(item, address(user), resolve)!);

before(async () => {
  house = await MeetingHouse.open(["alice", "bob", "carol"], [
    ["room1@example.test", "--capacity", "8"], ["room2@example.test", "--capacity", "4"],
  ]);
});
after(async () => { await house?.close(); });

test("an invitation comes in tentatively, a room books itself, a partner answers from outside", async () => {
  const made = await house.acts.create(house.ctx, await house.mailboxOf("alice"),
    appointment({ subject: "Plan", day: 0, from: "1000", to: "1100", people: ["bob", "room1", partner] }));
  assert.equal(made.decision.outcome, "sent");
  await house.deliverAll();
  const bobs = await meetingIn("bob", "Plan");
  assert.equal(getProperty(bobs!, p.PidLidBusyStatus), 1);
  assert.equal(getProperty(bobs!, p.PidLidResponseStatus), 5);
  const rooms = await meetingIn("room1", "");
  assert.equal(getProperty(rooms!, p.PidTagSubject), "alice");
  assert.equal(getProperty(rooms!, p.PidLidBusyStatus), 2);
  const alices = await meetingIn("alice", "Plan");
  assert.equal(trackIn(alices!, "room1"), 3);
  const [request] = house.partner.messages;
  assert.match(request!.text, /^METHOD:REQUEST|method=REQUEST/im);
});

/** An answer of the partner's program to the request it got. */
function partnerReply(request: string, partStat: string, more: Record<string, string> = {}): string {
  const calendar = calendarIn(request);
  const line = (name: string): string => new RegExp(`^${name}[;:].*$`, "m").exec(calendar)?.[0] ?? "";
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const method = more["METHOD"] ?? "REPLY";
  return [`From: Pat <${more["From"] ?? partner}>`, "To: alice@example.test", `Subject: ${partStat}`, `Message-ID: <${Math.random()}@partner.test>`,
    `Date: ${new Date().toUTCString()}`, "MIME-Version: 1.0", `Content-Type: text/calendar; charset=utf-8; method=${method}`, "",
    "BEGIN:VCALENDAR", "PRODID:-//Partner//EN", "VERSION:2.0", `METHOD:${method}`, "BEGIN:VEVENT", line("UID"), line("SEQUENCE"),
    `DTSTAMP:${stamp}`, more["DTSTART"] ?? line("DTSTART").replace(/;TZID[^:]*/, ""), more["DTEND"] ?? line("DTEND").replace(/;TZID[^:]*/, ""),
    line("ORGANIZER"), `ATTENDEE;PARTSTAT=${partStat}:mailto:${partner}`, ...more["RECURRENCE-ID"] === undefined ? [] : [more["RECURRENCE-ID"]],
    "END:VEVENT", "END:VCALENDAR", ""].filter((one, index) => index < 8 || one !== "").join("\r\n") + "\r\n";
}

/** The calendar part of a message, unfolded. */
function calendarIn(message: string): string {
  const index = /Content-Type: text\/calendar[\s\S]*?\r\n\r\n/i.exec(message);
  const body = message.slice(index!.index + index![0].length);
  const text = /base64/i.test(index![0]) || /Content-Transfer-Encoding: base64/i.test(message.slice(index!.index - 200, index!.index + index![0].length))
    ? Buffer.from(body.split("\r\n--")[0]!, "base64").toString() : body;
  return text.replaceAll(/\r?\n[ \t]/g, "").replaceAll("\r\n", "\n");
}

test("the partner's answer counts; another's in his name does not, and stays mail", async () => {
  const request = house.partner.messages[0]!.text;
  await house.fromOutside("eve@partner.test", "alice@example.test", partnerReply(request, "DECLINED", { From: "eve@partner.test" }));
  assert.equal(trackIn((await meetingIn("alice", "Plan"))!, partner), 0);
  await house.fromOutside(partner, "alice@example.test", partnerReply(request, "ACCEPTED"));
  assert.equal(trackIn((await meetingIn("alice", "Plan"))!, partner), 3);
  const calendar = await house.calendarOf("alice");
  const inbox = await calendar.mailbox.folderByRole(house.ctx, "inbox");
  assert.equal(inbox.messageCount, 3, "the room's answer, the false one and the partner's");
});

test("the partner calls a meeting and calls it off, the two overtaking each other", async () => {
  const text = (method: string, sequence: number, status: string): string => [
    `From: Pat <${partner}>`, "To: bob@example.test", `Subject: Fair`, `Message-ID: <fair-${method}@partner.test>`, "MIME-Version: 1.0",
    `Content-Type: text/calendar; charset=utf-8; method=${method}`, "", "BEGIN:VCALENDAR", "PRODID:-//Partner//EN", "VERSION:2.0",
    `METHOD:${method}`, "BEGIN:VEVENT", "UID:fair@partner.test", `SEQUENCE:${sequence}`, `DTSTAMP:2026010${sequence + 1}T000000Z`,
    `DTSTART:${on(4, "0900")}Z`, `DTEND:${on(4, "1000")}Z`, "SUMMARY:Fair", `STATUS:${status}`, `ORGANIZER;CN=Pat:mailto:${partner}`,
    "ATTENDEE;RSVP=TRUE:mailto:bob@example.test", "END:VEVENT", "END:VCALENDAR", "",
  ].join("\r\n");
  await house.fromOutside(partner, "bob@example.test", text("CANCEL", 1, "CANCELLED"));
  await house.fromOutside(partner, "bob@example.test", text("REQUEST", 0, "CONFIRMED"));
  assert.equal(await meetingIn("bob", "Fair"), undefined, "what was called off before it came does not come");
});

test("a counter proposal stands with the attendee who made it", async () => {
  const request = house.partner.messages[0]!.text;
  await house.fromOutside(partner, "alice@example.test", partnerReply(request, "TENTATIVE", {
    METHOD: "COUNTER", DTSTART: `DTSTART:${on(0, "1300")}Z`, DTEND: `DTEND:${on(0, "1400")}Z`,
  }));
  const item = (await meetingIn("alice", "Plan"))!;
  const row = rowOf(item, partner, resolve)!;
  assert.equal(getProperty(row, p.PidTagRecipientProposed), true);
  assert.equal(trackIn(item, partner), 2);
});

test("a message that comes twice, or is delivered anew after a crash, is carried out once", async () => {
  const { store, directory, mailboxes } = house.opened;
  const sent: string[] = [];
  const desk = new MeetingDesk({ mailboxes, directory, send: (_ctx, { onceKey }) => { sent.push(onceKey); return fails(); } });
  let crashes = true;
  const fails = (): Promise<void> => (crashes ? Promise.reject(new Error("killed")) : Promise.resolve());
  const bytes = Buffer.from([
    "From: alice@example.test", "To: room2@example.test", "Subject: Crash", "Message-ID: <crash@partner.test>", "MIME-Version: 1.0",
    "Content-Type: text/calendar; charset=utf-8; method=REQUEST", "", "BEGIN:VCALENDAR", "PRODID:-//Partner//EN", "VERSION:2.0",
    "METHOD:REQUEST", "BEGIN:VEVENT", "UID:crash@partner.test", "SEQUENCE:0", "DTSTAMP:20260101T000000Z", `DTSTART:${on(1, "0900")}Z`,
    `DTEND:${on(1, "1000")}Z`, "SUMMARY:Crash", "ORGANIZER:mailto:alice@example.test", "ATTENDEE:mailto:room2@example.test",
    "END:VEVENT", "END:VCALENDAR", "",
  ].join("\r\n"));
  const mailboxId = await house.mailboxOf("room2");
  const deliver = createDeliver(store, directory);
  const delivery = { mailboxId, deliveryId: "crash.1", content: { bytes }, prefix: new Uint8Array(0), internalMs: Date.now() };
  const first = await deliver(house.ctx, delivery);
  await assert.rejects(desk.receive(house.ctx, { mailboxId, messageId: first.messageId, ...first.meeting! }), /killed/);
  assert.ok(await meetingIn("room2", "alice"), "the calendar was written before the crash");
  crashes = false;
  const again = await deliver(house.ctx, delivery);
  assert.equal(again.duplicate, true);
  await desk.receive(house.ctx, { mailboxId, messageId: again.messageId, ...again.meeting! });
  assert.deepEqual(sent, [sent[0], sent[0]], "the same answer under the same key");
  await desk.receive(house.ctx, { mailboxId, messageId: again.messageId, ...again.meeting! });
  assert.equal(sent.length, 2, "nothing is left to be done");
  assert.ok(await meetingIn("room2", "alice"));
});

test("mail for the queue is taken once for a key", async () => {
  const { store } = house.opened;
  const once = () => store.transact(house.ctx, serverScope, acceptMessages, { messages: [], onceKey: "the key" });
  assert.deepEqual([await once(), await once()], [true, false]);
});

test("a room takes what is free of a series, and answers occurrence by occurrence", async () => {
  const series = { subject: "Daily", day: 0, from: "1030", to: "1130", rule: "FREQ=DAILY;COUNT=4", people: ["room1"] };
  await house.server.must(["room", "set", "room1@example.test", "MaximumConflictInstances=1", "ConflictPercentageAllowed=50"]);
  await house.acts.create(house.ctx, await house.mailboxOf("carol"), appointment(series));
  await house.deliverAll();
  const item = (await meetingIn("carol", "Daily"))!;
  assert.equal(trackIn(item, "room1"), 3);
  const first = seriesItemOf(item)!;
  const days = [...shownBy(item).keys()].sort((one, other) => one - other);
  const monday = first.occurrenceOn(days[0]!)!;
  assert.equal(trackOf(rowOf(monday, address("room1"), resolve)!), 4, "Monday is taken by Plan");
  const booked = (await house.appointments("room1")).find((one) => getProperty(one.item, p.PidTagSubject) === "carol")!.item;
  assert.deepEqual([...shownBy(booked).keys()], days.slice(1));
});

test("a room answers each of several occurrences that one message moves", async () => {
  const event = (lines: readonly string[]): string[] => [
    "BEGIN:VEVENT", "UID:several@partner.test", "DTSTAMP:20260101T000000Z", "SUMMARY:Several", ...lines,
    "ORGANIZER:mailto:carol@example.test", "ATTENDEE:mailto:room2@example.test", "END:VEVENT",
  ];
  const send = async (messageId: string, events: readonly string[][]): Promise<void> => {
    await house.deliver({ from: "carol@example.test", to: "room2@example.test", bytes: Buffer.from([
      "From: carol@example.test", "To: room2@example.test", "Subject: Several", `Message-ID: <${messageId}@partner.test>`,
      "MIME-Version: 1.0", "Content-Type: text/calendar; charset=utf-8; method=REQUEST", "", "BEGIN:VCALENDAR",
      "PRODID:-//Partner//EN", "VERSION:2.0", "METHOD:REQUEST", ...events.flat(), "END:VCALENDAR", "",
    ].join("\r\n")) });
    await house.deliverAll();
  };
  await send("several.1", [event([
    "SEQUENCE:0", `DTSTART:${on(7, "1500")}Z`, `DTEND:${on(7, "1530")}Z`, "RRULE:FREQ=DAILY;COUNT=4",
  ])]);
  const moved = (day: number): string[] => event([
    "SEQUENCE:1", `RECURRENCE-ID:${on(day, "1500")}Z`, `DTSTART:${on(day, "1700")}Z`, `DTEND:${on(day, "1730")}Z`,
  ]);
  await send("several.2", [moved(8), moved(9)]);
  const booked = (await house.appointments("room2")).find((one) => getProperty(one.item, p.PidTagSubject)?.startsWith("carol"))!;
  const hours = [...shownBy(booked.item).values()].map((line) => line.slice(11, 16));
  assert.deepEqual(hours, ["15:00", "17:00", "17:00", "15:00"]);
});

test("a room's policy: too long, outside of the horizon, who may book, approval by a delegate", async () => {
  await house.server.must(["room", "set", "room2@example.test", "MaximumDurationInMinutes=60", "AllBookInPolicy=no",
    "BookInPolicy=carol@example.test", "AllRequestInPolicy=yes", "ResourceDelegates=bob@example.test"]);
  const shown = JSON.parse(await house.server.must(["room", "show", "room2@example.test", "--json"])) as { booking: Record<string, unknown> };
  assert.equal(shown.booking["MaximumDurationInMinutes"], 60);
  const ask = async (who: string, words: Partial<Words>): Promise<number> => {
    const subject = `Ask ${who} ${words.day} ${words.from}`;
    await house.acts.create(house.ctx, await house.mailboxOf(who), appointment({ subject, day: 2, from: "0900", to: "1000", people: ["room2"], ...words }));
    await house.deliverAll();
    return trackIn((await meetingIn(who, subject))!, "room2");
  };
  assert.equal(await ask("carol", { from: "0800", to: "1000" }), 4, "too long");
  assert.equal(await ask("carol", { day: 300 }), 4, "too far ahead");
  assert.equal(await ask("carol", { day: 2 }), 3, "may book");
  assert.equal(await ask("alice", { day: 2 }), 4, "taken by carol");
  assert.equal(await ask("alice", { day: 3 }), 2, "waits for the delegate");
  const bobs = await house.calendarOf("bob");
  const inbox = await bobs.mailbox.folderByRole(house.ctx, "inbox");
  let asked = "";
  for await (const rows of bobs.items.rows(house.ctx, inbox.folderId)) {
    for (const row of rows) {
      if (!row.subject.startsWith("Approve for")) continue;
      const content = await bobs.mailbox.content(house.ctx, row.contentId!);
      asked = Buffer.from(await content.read(0, content.sizeBytes)).toString();
    }
  }
  assert.equal(await meetingIn("bob", "Approve"), undefined, "what a room asks is no meeting of the delegate");
  const reply = partnerReply(asked, "ACCEPTED").replaceAll(partner, "bob@example.test").replace("To: alice@", "To: room2@");
  await house.deliver({ from: "bob@example.test", to: "room2@example.test", bytes: Buffer.from(reply) });
  await house.quiet();
  assert.equal(trackIn((await meetingIn("alice", "Ask alice 3"))!, "room2"), 3);
});

test("a room's time is given back when the meeting is called off", async () => {
  const found = (await house.appointments("alice")).find(({ item }) => getProperty(item, p.PidTagSubject) === "Plan")!;
  await house.acts.cancel(house.ctx, { mailboxId: await house.mailboxOf("alice"), messageId: found.messageId });
  await house.deliverAll();
  assert.equal((await house.appointments("room1")).some(({ item }) => getProperty(item, p.PidTagSubject) === "alice"), false);
  const bobs = (await meetingIn("bob", "Plan"))!;
  assert.equal(getProperty(bobs, p.PidTagSubject), "Canceled: Plan");
  assert.equal(getProperty(bobs, p.PidLidBusyStatus), 0);
  assert.match(house.partner.messages.at(-1)!.text, /METHOD:CANCEL|method=CANCEL/);
});

test("free/busy by right: times for everybody, subjects for who may, nothing without", async () => {
  const told = async (as: string): Promise<{ events: { start: string; state: string; subject: string | null }[]; why?: string }> => {
    const from = new Date(monday.getTime()).toISOString();
    const to = new Date(monday.getTime() + 5 * 86_400_000).toISOString();
    const [answer] = JSON.parse(await house.server.must(["calendar", "freebusy", "carol@example.test", "--from", from, "--to", to, "--as", as, "--json"])) as never[];
    return answer!;
  };
  const own = await told("carol@example.test");
  assert.ok(own.events.some(({ subject }) => subject === "Daily"));
  const others = await told("bob@example.test");
  assert.equal(others.events.length, own.events.length);
  assert.ok(others.events.every(({ subject }) => subject === null));
  await house.server.must(["folder", "permit", "carol@example.test", "Calendar", "--to", "bob@example.test", "--right", "limited-details"]);
  assert.ok((await told("bob@example.test")).events.some(({ subject }) => subject === "Daily"));
  await house.server.must(["folder", "permit", "carol@example.test", "Calendar", "--to", "bob@example.test", "--right", "none"]);
  assert.equal((await told("bob@example.test")).why, "noRight");
});

test("times are suggested where everybody and the room are free, in the hours the mailbox keeps", async () => {
  const { mailboxes, directory } = house.opened;
  const calendar = await house.calendarOf("alice");
  const hours = newItemObject();
  setProperty(hours, p.PidTagMessageClass, workingHoursClass);
  setProperty(hours, p.PidTagRoamingXmlStream, Buffer.from(writeWorkingHours(workingHoursIn(berlin, 0x3e, 9 * 60, 12 * 60), monday.getUTCFullYear())));
  await calendar.items.create(house.ctx, { folderId: calendar.folderId, associated: true, item: { ...hours, recipients: [], attachments: [] } });
  const service = new FreeBusyService(mailboxes, directory);
  const entry = (await directory.entryByAddress(house.ctx, "alice@example.test"))!;
  const asker = { entryId: entry.entryId, address: entry.address, displayName: entry.displayName, mailboxId: entry.mailboxId };
  const startMs = monday.getTime() + 86_400_000 - berlin.offsetAt(monday.getTime());
  const window = { fromUtcMs: startMs, toUtcMs: startMs + 86_400_000 };
  const [day] = await service.suggest(house.ctx, asker, [
    { address: "alice@example.test", type: "Organizer" }, { address: "carol@example.test", type: "Required" },
    { address: "room1@example.test", type: "Room", excludeConflicts: true },
  ], { ...suggestionDefaults, window, zone: berlin, meetingMinutes: 60 });
  const at = day!.suggestions.map(({ startUtcMs }) => (startUtcMs - startMs) / 60_000).sort((one, other) => one - other);
  assert.deepEqual(at, [9 * 60, 9 * 60 + 30], "Daily takes 10:30 to 11:30 of carol and the room, the day ends at 12:00");
  const [answer] = await service.freeBusy(house.ctx, asker, { addresses: ["alice@example.test"], window, viewType: "FreeBusy" });
  assert.equal(answer?.kind === "view" ? answer.workingHours?.startMinute : undefined, 540);
});

test("nothing went wrong that nobody expected", () => {
  assert.deepEqual(house.server.errors(), []);
});
