/**
 * Proves that a week of meetings between three people, two rooms and a partner outside ends consistent although mail is
 * late, comes twice and in another order. Programs of people know only what their own calendar holds; everything else
 * goes by SMTP. At the end every attendee's calendar shows what the organizer's says, answers stand where they were
 * given, and no room is booked twice at one time. A failure prints its seed.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { appointmentOf } from "#calendar/occurrences/appointment.ts";
import { instancesOfAll } from "#calendar/occurrences/instances.ts";
import { isCanceled, isReceived, meetingKeyOf, rowOf, resolverOf, trackOf, attendeesOf } from "#calendar/meetings/parts.ts";
import { seriesItemOf } from "#calendar/meetings/occurrences.ts";
import { shownBy } from "#calendar/meetings/test-kit.ts";
import { addRow } from "#calendar/meetings/parts.ts";
import { responses } from "#calendar/meetings/values.ts";
import { berlin, itemFrom } from "#calendar/occurrences/test-kit.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { dropKept } from "#convert/ical/kept.ts";
import { setTimes } from "#convert/ical/event-times.ts";
import type { ItemBag } from "#convert/item.ts";
import { copyItem } from "#calendar/meetings/parts.ts";
import { properties } from "#props/registry.ts";
import { MeetingHouse, address } from "./support/meetings.ts";
import type { MessageId } from "#base/ids.ts";

const p = properties;
const resolve = resolverOf({ now: 0 });
const people = ["alice", "bob", "carol"] as const;
const rooms = ["room1", "room2"] as const;
const partner = "pat@partner.test";
const seed = Number(process.env["MEETINGS_SEED"] ?? 20261122);
let state = seed;
const random = (below: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;

const monday = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000 + 8 * 86_400_000);
monday.setUTCDate(monday.getUTCDate() + (8 - monday.getUTCDay()) % 7);
const dayText = (day: number): string =>
  new Date(monday.getTime() + day * 86_400_000).toISOString().slice(0, 10).replaceAll("-", "");

let house: MeetingHouse;
before(async () => {
  house = await MeetingHouse.open([...people], rooms.map((room) => [`${room}@example.test`]));
});
after(async () => { await house?.close(); });

let made = 0;
async function create(): Promise<void> {
  const organizer = pick(people);
  const hour = 8 + random(8);
  const two = String(hour).padStart(2, "0");
  const day = dayText(random(5));
  made++;
  const item = itemFrom([[`UID:m${made}`, `SUMMARY:Meeting ${made}.`, `DTSTART;TZID=Europe/Berlin:${day}T${two}0000`,
    `DTEND;TZID=Europe/Berlin:${day}T${two}${pick(["30", "45", "59"])}00`,
    ...(random(3) === 0 ? ["RRULE:FREQ=DAILY;COUNT=3"] : [])]]);
  dropKept(item);
  const asked = [...people.filter((one) => one !== organizer && random(3) > 0), pick(rooms), ...(random(2) === 0 ? [partner] : [])];
  for (const name of asked) addRow(item, name.startsWith("room") ? 3 : 1, { name: "", address: address(name) });
  await house.acts.create(house.ctx, await house.mailboxOf(organizer), item);
}

async function someMeeting(own: boolean): Promise<{ user: string; messageId: MessageId; item: ItemBag } | undefined> {
  const user = pick(people);
  const found = (await house.appointments(user)).filter(({ item }) => isReceived(item) !== own && !isCanceled(item));
  return found.length === 0 ? undefined : { user, ...pick(found) };
}

async function change(): Promise<void> {
  const one = await someMeeting(true);
  if (one === undefined) return;
  const act = { mailboxId: await house.mailboxOf(one.user), messageId: one.messageId };
  const series = seriesItemOf(one.item);
  const kind = random(6);
  if (kind === 0) { await house.acts.cancel(house.ctx, act); return; }
  if (kind === 1 && series !== undefined) {
    const days = [...shownBy(one.item).keys()];
    if (days.length > 1) { await house.acts.cancel(house.ctx, act, pick(days)); return; }
  }
  await house.acts.update(house.ctx, act, (item) => {
    const next = copyItem(item);
    if (kind === 2 || series !== undefined) {
      setProperty(next, p.PidLidLocation, `Place ${random(1000)}`);
      return next;
    }
    const shiftMs = pick([-30, 30, 60, 120]) * 60_000;
    const at = (property: typeof p.PidLidAppointmentStartWhole | typeof p.PidLidAppointmentEndWhole): number =>
      Number((getProperty(item, property) ?? 0n) / 10_000n) - 11_644_473_600_000 + shiftMs;
    setTimes(next, at(p.PidLidAppointmentStartWhole), at(p.PidLidAppointmentEndWhole), false);
    return next;
  });
}

async function answer(): Promise<void> {
  const one = await someMeeting(false);
  if (one === undefined) return;
  await house.acts.respond(house.ctx, { mailboxId: await house.mailboxOf(one.user), messageId: one.messageId },
    { answer: pick(["accept", "accept", "tentative", "decline"] as const), ...(random(2) === 0 ? { comment: "Well." } : {}) });
}

async function network(): Promise<void> {
  if (house.inFlight.length === 0) return;
  const index = random(house.inFlight.length);
  const mail = house.inFlight[index]!;
  if (random(4) > 0) house.inFlight.splice(index, 1);
  await house.deliver(mail);
}

/** What a room shows of a meeting, without the words that it takes away. */
const timesOf = (shown: Map<number, string>): string[] => [...shown.values()].map((line) => line.slice(0, 33)).sort();

test(`a week of meetings, seed ${seed}`, async () => {
  house.aheadMs = -300_000;
  for (let step = 0; step < 12; step++, house.aheadMs += 2000) await create();
  for (let step = 0; step < 120; step++) {
    const kind = random(10);
    house.aheadMs += 2000;
    if (kind === 0 && step < 80) await create();
    else if (kind < 2) await change();
    else if (kind < 5) await answer();
    else await network();
    if (step % 20 === 19) await house.quiet();
  }
  while (house.inFlight.length > 0) await network();
  await house.quiet();
  await checkPeople();
  await checkRooms();
  assert.deepEqual(house.server.errors(), []);
});

async function checkPeople(): Promise<void> {
  let [compared, answered] = [0, 0];
  const own = new Map<string, { organizer: string; item: ItemBag }>();
  for (const organizer of people) {
    for (const { item } of await house.appointments(organizer)) {
      if (!isReceived(item)) own.set(meetingKeyOf(item)!, { organizer, item });
    }
  }
  for (const user of people) {
    const held = (await house.appointments(user)).map(({ item }) => item).filter(isReceived);
    const keys = held.map((item) => meetingKeyOf(item)!);
    assert.equal(new Set(keys).size, keys.length, `${user} has a meeting twice`);
    for (const item of held) {
      const meeting = own.get(meetingKeyOf(item)!);
      const what = `${user}: ${getProperty(item, p.PidTagSubject)}, seed ${seed}`;
      if (meeting === undefined) { assert.deepEqual([...shownBy(item)], [], `${what} was called off`); continue; }
      assert.deepEqual([...shownBy(item)], [...shownBy(meeting.item, address(user))], what);
      compared++;
      const status = getProperty(item, p.PidLidResponseStatus);
      const track = trackOf(rowOf(meeting.item, address(user), resolve)!);
      // Text does not tell an update that informs from one that asks: it asks again while an answer is on its way.
      if (status !== responses.notResponded) { assert.equal(track, status, what); answered++; }
    }
    for (const [key, { item }] of own) {
      if (!attendeesOf(item, resolve).has(address(user)) || keys.includes(key)) continue;
      assert.equal(trackOf(rowOf(item, address(user), resolve)!), responses.declined, `${user} misses ${getProperty(item, p.PidTagSubject)}, seed ${seed}`);
    }
  }
  assert.ok(compared > 8 && answered > 1, `only ${compared} meetings and ${answered} answers were compared`);
}

async function checkRooms(): Promise<void> {
  for (const room of rooms) {
    const items = (await house.appointments(room)).map(({ item }) => item);
    const window = { fromUtcMs: monday.getTime(), toUtcMs: monday.getTime() + 40 * 86_400_000 };
    const taken = instancesOfAll(items.map((item) => appointmentOf(item, berlin)!), window).filter(({ busyStatus }) => busyStatus !== 0);
    for (let index = 1; index < taken.length; index++) {
      assert.ok(taken[index]!.startUtcMs >= taken[index - 1]!.endUtcMs, `${room} is booked twice, seed ${seed}`);
    }
    assert.ok(taken.length > 2, `${room} has hardly a booking`);
    const byKey = new Map(items.map((item) => [meetingKeyOf(item), item]));
    for (const organizer of people) {
      for (const { item } of await house.appointments(organizer)) {
        const row = isReceived(item) ? undefined : rowOf(item, address(room), resolve);
        if (row === undefined) continue;
        const what = `${room}: ${getProperty(item, p.PidTagSubject)}, seed ${seed}`;
        const booked = byKey.get(meetingKeyOf(item));
        if (trackOf(row) === responses.declined) { assert.equal(booked, undefined, what); continue; }
        assert.equal(trackOf(row), responses.accepted, what);
        const shown = shownBy(item);
        for (const line of timesOf(shownBy(booked!))) assert.ok(timesOf(shown).includes(line), `${what} ${line}`);
      }
    }
  }
}
