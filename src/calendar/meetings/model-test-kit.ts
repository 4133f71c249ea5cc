/**
 * An organizer, five attendees (one reached by iCalendar text alone, one whose delegate answers) and whoever gets an
 * invitation sent on, doing random things to one meeting while messages are reordered, doubled and lost, and what must
 * hold in the end. For model.test.ts and model.long.test.ts.
 */
import { strict as assert } from "node:assert";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { compareVersions } from "#calendar/meetings/decision.ts";
import { delegateCopies } from "#calendar/meetings/delegates.ts";
import { forwardMeeting } from "#calendar/meetings/forward.ts";
import { seriesItemOf } from "#calendar/meetings/occurrences.ts";
import { cancelMeeting, cancelOccurrenceOf, sendRequest, updateMeeting } from "#calendar/meetings/organize.ts";
import {
  addRow, attendeesOf, classIs, copyItem, isCanceled, isResponse, meetingKeyOf, occurrenceDayOf, rowPerson, trackOf,
  versionOf,
} from "#calendar/meetings/parts.ts";
import { askForMeeting, declineProposal } from "#calendar/meetings/proposals.ts";
import { receiveCancel, receiveRequest, removeCanceled } from "#calendar/meetings/receive.ts";
import { respond } from "#calendar/meetings/respond.ts";
import { receiveForwardNotification, receiveRefresh, receiveResponse } from "#calendar/meetings/tracking.ts";
import { appointment, at, Calendar, person, resolve, setText, shownBy, throughText } from "#calendar/meetings/test-kit.ts";
import type { Decision, Version } from "#calendar/meetings/decision.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { ItemBag } from "#convert/item.ts";
import type { Answer } from "#calendar/meetings/values.ts";

const p = properties;

function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const names = ["ann", "ben", "cleo", "dora", "emil"];
const strangers = ["fay", "gus"];
const byText = "cleo";
const withDelegate = "dora";
const delegate = person("delegate");
const me = (name: string): { person: ReturnType<typeof person> } => ({ person: person(name) });

interface Word {
  readonly day: LocalMinutes | undefined;
  readonly response: number;
  readonly at: bigint;
  readonly version: Version;
}

const answerValues: Record<Answer, number> = { tentative: 2, accept: 3, decline: 4 };

class World {
  now = at("2026-11-20T08:00:00Z");
  readonly organizer = new Calendar();
  readonly calendars = new Map([...names, ...strangers].map((name) => [name, new Calendar()]));
  readonly words = new Map<string, Word[]>([...names, ...strangers].map((name) => [name, []]));
  /** The sequence number that somebody was taken off with, by name, and by occurrence. */
  readonly removals: { readonly name: string; readonly day: LocalMinutes | undefined; readonly sequence: number }[] = [];
  readonly requests = new Map<string, ItemBag>();
  flying: { readonly to: string; readonly item: ItemBag }[] = [];
  lost: { readonly to: string; readonly item: ItemBag }[] = [];
  readonly log: string[] = [];
  readonly random: () => number;
  #start = 0;

  constructor(seed: number) {
    this.random = randomOf(seed);
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)]!;
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  get meeting(): ItemBag | undefined {
    return this.organizer.items[0];
  }

  get context(): { now: number; organizer: ReturnType<typeof person> } {
    return { now: this.now, organizer: person("olga") };
  }

  send(decision: Decision): void {
    for (const { item, to } of decision.messages) {
      for (const { address } of to) {
        const name = address.split("@")[0]!;
        const message = { to: name, item };
        if (classIs(item, "cancel")) {
          this.removals.push({
            name, day: occurrenceDayOf(item), sequence: getProperty(item, p.PidLidAppointmentSequence) ?? 0,
          });
        }
        this.log.push(`  ${getProperty(item, p.PidTagMessageClass)} ${getProperty(item, p.PidLidAppointmentSequence)} ` +
          `type ${getProperty(item, p.PidLidMeetingType)} day ${occurrenceDayOf(item)} to ${name}`);
        if (this.chance(0.15)) this.lost.push(message);
        else this.flying.push(message);
        if (this.chance(0.15)) this.flying.push(message);
      }
    }
  }

  deliver(): void {
    if (this.flying.length === 0) return;
    const [{ to, item }] = this.flying.splice(Math.floor(this.random() * this.flying.length), 1) as
      [{ to: string; item: ItemBag }];
    const context = { now: this.now, me: me(to) };
    if (to === "olga") {
      const decision = isResponse(item) ? receiveResponse(item, this.organizer, context)
        : classIs(item, "refresh") ? receiveRefresh(item, this.organizer, context)
          : receiveForwardNotification(item, this.organizer, context);
      this.log.push(`deliver ${getProperty(item, p.PidTagMessageClass)} to olga: ${decision.outcome}`);
      this.send(this.organizer.apply(decision));
      return;
    }
    // That a proposal was declined changes no calendar.
    if (classIs(item, "note")) return;
    const calendar = this.calendars.get(to)!;
    const sent = to === byText ? throughText(item, person(to).address) : item;
    const message = to === withDelegate
      ? delegateCopies(sent, person(to), [{ person: delegate, seesPrivate: true }], "delegatesOnly").delegates[0]!.item
      : sent;
    const isCancel = classIs(item, "cancel");
    const decision = isCancel ? receiveCancel(message, calendar, context) : receiveRequest(message, calendar, context);
    this.log.push(`deliver ${isCancel ? "cancel" : "request"} ${versionOf(item).sequence} day ${occurrenceDayOf(item)} ` +
      `to ${to}: ${decision.outcome}`);
    calendar.apply(decision);
    if (!isCancel && decision.outcome !== "outOfDate") this.requests.set(to, message);
  }

  begin(): void {
    const isSeries = this.chance(0.7);
    const item = appointment({ ...this.#when(isSeries), to: names.filter(() => this.chance(0.7)) });
    this.organizer.items.push(item);
    const decision = sendRequest(item, this.context);
    this.log.push(`begin ${isSeries ? "series" : "single"}`);
    this.send(this.organizer.apply(decision));
  }

  #when(isSeries: boolean): { start: string; minutes: number; rule?: string } {
    this.#start = (this.#start + 1 + Math.floor(this.random() * 5)) % 20;
    const start = `202612${String(this.#start + 1).padStart(2, "0")}T${10 + Math.floor(this.random() * 8)}0000`;
    const rules = ["FREQ=DAILY;COUNT=5", "FREQ=WEEKLY;COUNT=6", "FREQ=WEEKLY;BYDAY=MO,TH;COUNT=8",
      "FREQ=MONTHLY;COUNT=4", "FREQ=DAILY;INTERVAL=3;COUNT=4"];
    return { start, minutes: 30 + 30 * Math.floor(this.random() * 4), ...(isSeries ? { rule: this.pick(rules) } : {}) };
  }

  #edit(edited: ItemBag, what: string): void {
    const before = this.meeting!;
    const decision = updateMeeting(before, edited, this.context);
    this.log.push(`edit ${what}: ${decision.outcome}`);
    this.send(this.organizer.apply(decision));
  }

  /** A new time, a new pattern: exceptions go with the old one. */
  move(): void {
    const before = this.meeting!;
    const isSeries = getProperty(before, p.PidLidRecurring) === true;
    const edited = appointment({ ...this.#when(isSeries) });
    setText(edited, getProperty(before, p.PidTagSubject), getProperty(before, p.PidLidLocation));
    edited.recipients.push(...copyItem(before).recipients);
    this.#edit(edited, "move");
  }

  retext(): void {
    const edited = copyItem(this.meeting!);
    const isPlace = this.chance(0.5);
    const word = `w${Math.floor(this.random() * 4)}`;
    this.#edit(setText(edited, isPlace ? undefined : word, isPlace ? word : undefined), `text ${word}`);
  }

  /** What only the organizer has: nothing is sent. */
  mark(): void {
    const edited = copyItem(this.meeting!);
    setProperty(edited, p.PidNameKeywords, [`c${this.random()}`]);
    setProperty(edited, p.PidLidReminderDelta, Math.floor(this.random() * 60));
    const { messages } = updateMeeting(this.meeting!, edited, this.context);
    assert.deepEqual(messages.map(({ item, to }) => [getProperty(item, p.PidTagMessageClass), occurrenceDayOf(item), getProperty(item, p.PidLidMeetingType), to.length].join()), []);
    this.#edit(edited, "mark");
  }

  people(): void {
    const edited = copyItem(this.meeting!);
    const had = attendeesOf(edited, resolve);
    const name = this.pick(names);
    const { address } = person(name);
    if (had.has(address)) {
      const kept = edited.recipients.filter((row) => rowPerson(row, resolve)?.address !== address);
      edited.recipients.splice(0, edited.recipients.length, ...kept);
    } else addRow(edited, 1, person(name));
    this.#edit(edited, `${had.has(address) ? "remove" : "add"} ${name}`);
  }

  #day(item: ItemBag): LocalMinutes | undefined {
    const series = seriesItemOf(item);
    const days = series === undefined ? [] : [...shownBy(item).keys()];
    return days.length === 0 ? undefined : this.pick(days);
  }

  occurrence(): void {
    const before = this.meeting!;
    const day = this.#day(before);
    if (day === undefined) return;
    const series = seriesItemOf(before)!;
    const edited = series.occurrenceOn(day)!;
    const what = this.pick(["time", "text", "people", "delete"]);
    if (what === "delete") {
      const decision = cancelOccurrenceOf(before, day, this.context);
      this.log.push(`delete ${day}: ${decision.outcome}`);
      this.send(this.organizer.apply(decision));
      return;
    }
    if (what === "text") setText(edited, undefined, `x${Math.floor(this.random() * 4)}`);
    if (what === "time") {
      const shift = BigInt(Math.floor(this.random() * 5)) * 18_000_000_000n;
      for (const property of [p.PidLidAppointmentStartWhole, p.PidLidAppointmentEndWhole] as const) {
        setProperty(edited, property, getProperty(edited, property)! + shift);
      }
    }
    if (what === "people") {
      const name = this.pick(names);
      const { address } = person(name);
      if (attendeesOf(edited, resolve).has(address)) {
        const kept = edited.recipients.filter((row) => rowPerson(row, resolve)?.address !== address);
        edited.recipients.splice(0, edited.recipients.length, ...kept);
      } else addRow(edited, 1, person(name));
    }
    this.#edit(series.withOccurrence(day, edited), `occurrence ${day} ${what}`);
  }

  answer(): void {
    const name = this.pick([...names, ...strangers]);
    const calendar = this.calendars.get(name)!;
    if (calendar.items.length === 0) return;
    const item = this.pick(calendar.items);
    const series = seriesItemOf(item);
    const day = series !== undefined && this.chance(0.4) ? this.#day(item) : undefined;
    const target = day === undefined ? item : series?.occurrenceOn(day);
    if (target === undefined || isCanceled(target)) return;
    const answer = this.pick(["accept", "tentative", "decline"] as const);
    const start = Number((getProperty(target, p.PidLidAppointmentStartWhole) ?? 0n) / 10_000n) - 11_644_473_600_000;
    const proposal = this.chance(0.2) ? { startMs: start + 3_600_000, endMs: start + 7_200_000 } : undefined;
    const decision = respond(item, {
      now: this.now, me: me(name), answer, ...(day === undefined ? {} : { day }),
      ...(name === withDelegate ? { by: delegate } : {}), ...(proposal === undefined ? {} : { proposal }),
    });
    for (const { item: message } of decision.messages) {
      this.words.get(name)!.push({
        day: occurrenceDayOf(message), response: answerValues[answer], version: versionOf(message),
        at: getProperty(message, p.PidLidAttendeeCriticalChange)!,
      });
      this.log.push(`${name} ${answer} ${occurrenceDayOf(message) ?? ""} of ${versionOf(message).sequence}`);
    }
    calendar.apply(decision);
    this.send({ ...decision, messages: decision.messages.map((one) => ({
      ...one, item: name === byText ? throughText(one.item, person("olga").address) : one.item,
    })) });
  }

  forward(): void {
    const name = this.pick(names.filter((one) => one !== byText));
    const request = this.requests.get(name);
    if (request === undefined || occurrenceDayOf(request) !== undefined) return;
    const held = this.calendars.get(name)!.items.find((one) => occurrenceDayOf(one) === undefined);
    if (held === undefined || isCanceled(held) || meetingKeyOf(held) !== meetingKeyOf(request)) return;
    const to = person(this.pick(strangers));
    this.log.push(`${name} forwards ${versionOf(request).sequence} to ${to.name}`);
    this.send(forwardMeeting(request, { now: this.now, forwarder: person(name), to: [to] }));
  }

  /** The organizer keeps the time that there is, for everybody or for one occurrence. */
  declineCounter(): void {
    const meeting = this.meeting!;
    const series = seriesItemOf(meeting);
    const places = [undefined, ...series?.changedDays ?? []].flatMap((day) => {
      const one = day === undefined ? meeting : series?.occurrenceOn(day);
      return [...(one === undefined ? [] : attendeesOf(one, resolve))]
        .filter(([, row]) => getProperty(row, p.PidTagRecipientProposed) === true).map(([attendee]) => ({ attendee, day }));
    });
    if (places.length === 0) return;
    const { attendee, day } = this.pick(places);
    this.log.push(`decline the proposal of ${attendee} ${day ?? ""}`);
    const context = { ...this.context, attendee, ...(day === undefined ? {} : { day }) };
    this.send(this.organizer.apply(declineProposal(meeting, context)));
  }

  /** Somebody wants the meeting as it is now. */
  ask(): void {
    const name = this.pick([...names, ...strangers]);
    const calendar = this.calendars.get(name)!;
    if (calendar.items.length === 0) return;
    this.log.push(`${name} asks again`);
    const decision = askForMeeting(this.pick(calendar.items), { now: this.now, me: me(name) });
    this.send({ ...decision, messages: decision.messages.map((one) => ({
      ...one, item: name === byText ? throughText(one.item, person("olga").address) : one.item,
    })) });
  }

  tidy(): void {
    const name = this.pick([...names, ...strangers]);
    const calendar = this.calendars.get(name)!;
    const item = calendar.items.find(isCanceled);
    if (item !== undefined) {
      this.log.push(`${name} removes the canceled`);
      calendar.apply(removeCanceled(item, undefined, { now: this.now }));
    }
  }

  cancel(): void {
    const decision = cancelMeeting(this.meeting!, this.context);
    this.log.push("cancel");
    this.send(this.organizer.apply(decision));
  }

  step(): void {
    this.now += 1000 + Math.floor(this.random() * 100_000);
    if (this.chance(0.45)) return this.deliver();
    if (this.chance(0.4)) return this.answer();
    if (this.chance(0.15)) return this.forward();
    if (this.chance(0.1)) return this.tidy();
    if (this.chance(0.08)) return this.ask();
    if (this.meeting === undefined) return;
    if (this.chance(0.12)) return this.declineCounter();
    if (this.chance(0.01)) return this.cancel();
    const edits = [() => this.move(), () => this.retext(), () => this.mark(), () => this.people(), () => this.people(),
      () => this.occurrence(), () => this.occurrence(), () => this.occurrence(), () => this.occurrence()];
    this.pick(edits)();
  }

  settle(): void {
    this.flying.push(...this.lost.splice(0));
    for (let round = 0; this.flying.length > 0 || this.lost.length > 0; round++) {
      assert.ok(round < 10_000, "messages beget messages");
      this.now += 1000;
      this.deliver();
      this.flying.push(...this.lost.splice(0));
    }
  }
}

/** What an attendee has to show: what the organizer has for him, but what he declined since he was asked. */
function checkCalendar(world: World, name: string): void {
  const { meeting } = world;
  const calendar = world.calendars.get(name)!;
  const expected = meeting === undefined ? new Map<number, string>() : shownBy(meeting, person(name).address);
  const actual = new Map<number, string>();
  for (const item of calendar.items) {
    for (const [day, line] of shownBy(item)) {
      const key = day === -1 ? occurrenceDayOf(item) ?? -1 : day;
      assert.ok(!actual.has(key), `${name} shows ${key} twice`);
      actual.set(key, line);
    }
  }
  for (const [day, line] of actual) assert.equal(line, expected.get(day), `${name} shows ${day}`);
  for (const [day, line] of expected) {
    if (actual.has(day)) continue;
    const occurrence = day === -1 || meeting === undefined ? meeting : seriesItemOf(meeting)?.occurrenceOn(day);
    const base = Math.max(versionOf(meeting!).sequence, versionOf(occurrence!).sequence);
    const isDeclined = world.words.get(name)!.some((word) => word.response === 4 && word.version.sequence >= base &&
      (word.day === undefined || word.day === day));
    assert.ok(isDeclined, `${name} misses ${day} ${line}`);
  }
  const whole = calendar.items.find((item) => occurrenceDayOf(item) === undefined && !isCanceled(item));
  if (whole === undefined || meeting === undefined) return;
  assert.ok(versionOf(whole).sequence >= versionOf(meeting).sequence, `${name} has an old version`);
  const last = getProperty(meeting, p.PidLidAppointmentLastSequence)!;
  assert.ok(versionOf(whole).sequence <= last, `${name} has a version that nobody sent`);
}

/** The last of somebody's words that count: to the meeting as it is, and after he was last taken off it. */
function lastWord(world: World, name: string, day: LocalMinutes | undefined, asked: readonly ItemBag[]): number {
  const off = Math.max(-1, ...world.removals.filter((one) => one.name === name &&
    (one.day === undefined || one.day === day)).map(({ sequence }) => sequence));
  const counts = world.words.get(name)!.filter((word) => word.day === day && word.version.sequence >= off &&
    asked.every((item) => compareVersions(word.version, {
      sequence: versionOf(item).sequence, change: getProperty(item, p.PidLidAppointmentSequenceTime) ?? 0n,
    }) >= 0));
  return counts.reduce<Word | undefined>((best, one) => (best === undefined || one.at >= best.at ? one : best), undefined)
    ?.response ?? 0;
}

function checkTracking(world: World): void {
  const { meeting } = world;
  if (meeting === undefined) return;
  for (const [address, row] of attendeesOf(meeting, resolve)) {
    const name = address.split("@")[0]!;
    assert.equal(trackOf(row), lastWord(world, name, undefined, [meeting]), `the answer of ${name}`);
  }
  const series = seriesItemOf(meeting);
  for (const day of series?.changedDays ?? []) {
    const occurrence = series!.occurrenceOn(day)!;
    for (const [address, row] of attendeesOf(occurrence, resolve)) {
      const name = address.split("@")[0]!;
      const word = lastWord(world, name, day, [meeting, occurrence]);
      if (word !== 0) assert.equal(trackOf(row), word, `the answer of ${name} to ${day}`);
    }
  }
}

export function run(seed: number, steps: number): void {
  const world = new World(seed);
  try {
    world.begin();
    for (let step = 0; step < steps; step++) world.step();
    world.settle();
    for (const name of [...names, ...strangers]) checkCalendar(world, name);
    checkTracking(world);
  } catch (error) {
    const story = process.env["MEETING_SEED"] === undefined ? "" : `\n${world.log.join("\n")}`;
    throw new Error(`MEETING_SEED=${seed}: ${error instanceof Error ? error.stack : String(error)}${story}`, { cause: error });
  }
}

