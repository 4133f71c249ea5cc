/**
 * Proves that a week of meetings between three people, one with a delegate who acts for her, two rooms and a partner
 * outside ends consistent although mail is late, comes twice and in another order. Programs of people know only what
 * their own calendar holds; everything else goes by SMTP, the partner's answers and invitations too. At the end every
 * attendee's calendar, the partner's among them, shows what the organizer's says, answers stand where they were given,
 * nothing is in the delegate's own calendar, and no room is booked twice at one time. A failure prints its seed;
 * MEETINGS_SEED=n repeats it, MEETINGS_SEED=any takes another one each time.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { appointmentOf } from "#calendar/occurrences/appointment.ts";
import { instancesOfAll } from "#calendar/occurrences/instances.ts";
import {
  attendeesOf, classIs, isCanceled, isReceived, isResponse, meetingKeyOf, resolverOf, rowOf, trackOf,
} from "#calendar/meetings/parts.ts";
import { sendRequest, updateMeeting } from "#calendar/meetings/organize.ts";
import { receiveCancel, receiveRequest } from "#calendar/meetings/receive.ts";
import { respond } from "#calendar/meetings/respond.ts";
import { receiveEach } from "#calendar/meetings/several.ts";
import { receiveResponse } from "#calendar/meetings/tracking.ts";
import { mailOf } from "#calendar/desk/outgoing.ts";
import { readCalendarInto } from "#convert/ical/mime-plug.ts";
import { itemOf } from "#convert/mime/test-kit.ts";
import type { Decision } from "#calendar/meetings/decision.ts";
import { seriesItemOf } from "#calendar/meetings/occurrences.ts";
import { Calendar, shownBy } from "#calendar/meetings/test-kit.ts";
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
const delegate = "dave";
const byDelegate = { name: "", address: address(delegate) };

/** Alice's delegate does about half of what she does, in her calendar and under his own name. */
async function actingFor<T>(user: string, act: (by: { by?: typeof byDelegate }) => Promise<T>): Promise<T> {
  const isDelegate = user === "alice" && random(2) === 0;
  house.actingAs = isDelegate ? byDelegate.address : null;
  try {
    return await act(isDelegate ? { by: byDelegate } : {});
  } finally {
    house.actingAs = null;
  }
}
const given = process.env["MEETINGS_SEED"];
const seed = given === "any" ? Date.now() % 1_000_000 : Number(given ?? 20261122);
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
  house = await MeetingHouse.open([...people, delegate], rooms.map((room) => [`${room}@example.test`]));
  await house.server.must(["shared", "grant", address("alice"), "--to", address(delegate), "--right", "send-on-behalf"]);
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
  await actingFor(organizer, async ({ by }) => await house.acts.create(house.ctx, await house.mailboxOf(organizer), item, by));
}

async function someMeeting(own: boolean): Promise<{ user: string; messageId: MessageId; item: ItemBag } | undefined> {
  const user = pick(people);
  const found = (await house.appointments(user)).filter(({ item }) => isReceived(item) !== own && !isCanceled(item));
  return found.length === 0 ? undefined : { user, ...pick(found) };
}

async function change(): Promise<void> {
  const one = await someMeeting(true);
  if (one === undefined) return;
  await actingFor(one.user, (by) => changeOne(one, by));
}

async function changeOne(
  one: { user: string; messageId: MessageId; item: ItemBag }, by: { by?: typeof byDelegate },
): Promise<void> {
  const act = { mailboxId: await house.mailboxOf(one.user), messageId: one.messageId, ...by };
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
  await actingFor(one.user, async (by) => await house.acts.respond(house.ctx,
    { mailboxId: await house.mailboxOf(one.user), messageId: one.messageId, ...by },
    { answer: pick(["accept", "accept", "tentative", "decline"] as const), ...(random(2) === 0 ? { comment: "Well." } : {}) }));
}

/** The partner's program: what it makes of mail, and what it sends. Its own network is as slow as ours. */
const pat = { me: { person: { name: "Pat", address: partner } }, calendar: new Calendar(), seen: 0, invited: 0 };
const patSends: { to: string; text: string }[] = [];

function patMails(decision: Decision): void {
  for (const [index, message] of decision.messages.entries()) {
    const mail = mailOf(message, { onceKey: `pat.${patSends.length}.${index}.${random(1_000_000)}`, sender: partner,
      isAutomatic: false, resolve: () => null, nowMs: house.ctx.system.nowMs() });
    for (const to of mail?.to ?? []) patSends.push({ to, text: Buffer.from(mail!.bytes).toString("utf8") });
  }
}

function patReads(text: string): void {
  const message = itemOf(text, { readCalendar: readCalendarInto });
  const context = { now: house.ctx.system.nowMs(), me: pat.me };
  const { calendar } = pat;
  const decision = isResponse(message) ? receiveResponse(message, calendar, context) : receiveEach(message, calendar,
    (one, state) => (classIs(one, "cancel") ? receiveCancel(one, state, context) : receiveRequest(one, state, context)));
  patMails(calendar.apply(decision));
}

/** Each mail of ours twice at times, in any order. */
const patInbox: string[] = [];
function patStep(): void {
  const { messages } = house.partner;
  for (; pat.seen < messages.length; pat.seen++) patInbox.push(messages[pat.seen]!.text);
  const index = random(Math.max(1, patInbox.length));
  const text = patInbox[index];
  if (text === undefined) return;
  if (random(5) > 0) patInbox.splice(index, 1);
  patReads(text);
}

async function patActs(): Promise<void> {
  const now = house.ctx.system.nowMs();
  const kind = random(6);
  if (kind === 0 && pat.invited < 3) {
    pat.invited++;
    const day = dayText(random(5));
    const item = itemFrom([[`UID:pat${pat.invited}@partner.test`, `SUMMARY:Pat ${pat.invited}.`,
      `DTSTART;TZID=Europe/Berlin:${day}T070000`, `DTEND;TZID=Europe/Berlin:${day}T073000`]]);
    dropKept(item);
    for (const name of people) addRow(item, 1, { name: "", address: address(name) });
    pat.calendar.items.push(item);
    patMails(pat.calendar.apply(sendRequest(item, { now, organizer: pat.me.person })));
    return;
  }
  const own = pat.calendar.items.filter((item) => !isReceived(item) && !isCanceled(item));
  if (kind === 1 && own.length > 0) {
    const before = pick(own);
    const edited = copyItem(before);
    const start = Number(getProperty(before, p.PidLidAppointmentStartWhole)! / 10_000n) - 11_644_473_600_000 + 1_800_000;
    setTimes(edited, start, start + 1_800_000, false);
    patMails(pat.calendar.apply(updateMeeting(before, edited, { now, organizer: pat.me.person })));
    return;
  }
  const asked = pat.calendar.items.filter((item) => isReceived(item) && !isCanceled(item));
  if (asked.length === 0) return;
  patMails(pat.calendar.apply(respond(pick(asked), { now, me: pat.me, answer: pick(["accept", "tentative", "decline"] as const) })));
}

async function patNetwork(): Promise<void> {
  const index = random(Math.max(1, patSends.length));
  const mail = patSends[index];
  if (mail === undefined) return;
  if (random(5) > 0) patSends.splice(index, 1);
  await house.fromOutside(partner, mail.to, mail.text);
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
  for (let step = 0; step < 90; step++) {
    const kind = random(10);
    house.aheadMs += 2000;
    if (kind === 0 && step < 60) await create();
    else if (kind < 2) await change();
    else if (kind < 5) await answer();
    else if (kind === 5) await (random(2) === 0 ? patNetwork() : patActs());
    else if (kind === 6) patStep();
    else await network();
    if (step % 20 === 19) await house.quiet();
  }
  await settle();
  // On Friday everybody answers what is still open; that is the last word.
  for (const user of people) {
    for (const { messageId, item } of await house.appointments(user)) {
      if (!isReceived(item) || isCanceled(item) || getProperty(item, p.PidLidResponseStatus) !== responses.notResponded) continue;
      house.aheadMs += 2000;
      await house.acts.respond(house.ctx, { mailboxId: await house.mailboxOf(user), messageId }, { answer: pick(["accept", "tentative"] as const) });
    }
  }
  for (const item of pat.calendar.items.filter((one) => isReceived(one) && !isCanceled(one))) {
    house.aheadMs += 2000;
    const now = house.ctx.system.nowMs();
    patMails(pat.calendar.apply(respond(item, { now, me: pat.me, answer: "accept" })));
  }
  await settle();
  await checkPeople();
  await checkPartner();
  assert.deepEqual(await house.appointments(delegate), [], "the delegate's own calendar is his");
  await checkRooms();
  assert.deepEqual(house.server.errors(), []);
});

/** Until nothing is on its way any more. */
async function settle(): Promise<void> {
  const isBusy = (): boolean => house.inFlight.length + patSends.length + patInbox.length > 0 ||
    pat.seen < house.partner.messages.length;
  for (let round = 0; isBusy(); round++) {
    assert.ok(round < 2000, `mail begets mail, seed ${seed}`);
    if (house.inFlight.length > 0) await network();
    else if (patSends.length > 0) await patNetwork();
    else await house.quiet();
    patStep();
  }
  await house.quiet();
}

async function checkPeople(): Promise<void> {
  let [compared, answered] = [0, 0];
  const own = new Map<string, { organizer: string; item: ItemBag }>();
  for (const organizer of people) {
    for (const { item } of await house.appointments(organizer)) {
      if (!isReceived(item)) own.set(meetingKeyOf(item)!, { organizer, item });
    }
  }
  // The partner's meetings as he has them.
  for (const item of pat.calendar.items) {
    if (!isReceived(item)) own.set(meetingKeyOf(item)!, { organizer: partner, item });
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
  assert.ok(compared > 8 && answered > 8, `only ${compared} meetings and ${answered} answers were compared`);
}

/** The partner's calendar against every organizer's. */
async function checkPartner(): Promise<void> {
  const held = pat.calendar.items.filter(isReceived);
  const keys = held.map((item) => meetingKeyOf(item)!);
  assert.equal(new Set(keys).size, keys.length, "the partner has a meeting twice");
  let compared = 0;
  for (const organizer of people) {
    for (const { item } of await house.appointments(organizer)) {
      if (isReceived(item) || !attendeesOf(item, resolve).has(partner)) continue;
      const what = `the partner: ${getProperty(item, p.PidTagSubject)} of ${organizer}, seed ${seed}`;
      const track = trackOf(rowOf(item, partner, resolve)!);
      const mine = held.find((one) => meetingKeyOf(one) === meetingKeyOf(item));
      compared++;
      if (mine === undefined) { assert.equal(track, responses.declined, what); continue; }
      assert.deepEqual([...shownBy(mine)], [...shownBy(item, partner)], what);
      const status = getProperty(mine, p.PidLidResponseStatus);
      if (status !== responses.notResponded) assert.equal(track, status, what);
      keys.splice(keys.indexOf(meetingKeyOf(mine)!), 1);
    }
  }
  for (const key of keys) {
    assert.deepEqual([...shownBy(held.find((one) => meetingKeyOf(one) === key)!)], [], `the partner shows what is off, seed ${seed}`);
  }
  assert.ok(compared > 0, "the partner was asked to nothing");
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
