/**
 * Proves that meeting mail becomes what calendars show: real messages by SMTP into a real server, calendars read back
 * from its data. People answer by mail alone; rooms by their policy; a partner outside speaks iCalendar by mail.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { addRow, trackOf, rowOf, isCanceled, resolverOf } from "#calendar/meetings/parts.ts";
import { itemFrom } from "#calendar/occurrences/test-kit.ts";
import { getProperty, setProperty } from "#convert/item.ts";
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
