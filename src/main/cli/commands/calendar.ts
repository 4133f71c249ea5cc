/** `outpost calendar freebusy`, and how rooms answer: the options of booking as words of `room set`. */
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { openMailbox } from "#admin/folders.ts";
import { serverPrincipal } from "#admin/admin.ts";
import type { Admin } from "#admin/admin.ts";
import { showEntry } from "#admin/views.ts";
import type { EntryKind } from "#directory/kinds.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag } from "#main/cli/command.ts";
import { facts, table } from "#main/cli/text.ts";

const roomKinds: readonly EntryKind[] = ["room", "equipment"];
const days = 86_400_000;

/** Loaded when a command needs it: the calendar is much to read for a command that lists queues. */
const booking = () => import("#calendar/desk/booking-settings.ts");

interface Words {
  /** Options of booking by name; null sets one back. */
  readonly options: Record<string, unknown>;
  readonly others: readonly string[];
}

async function splitWords(words: readonly string[]): Promise<Words> {
  const { bookingOptionNamed, parseBookingOption } = await booking();
  const options: Record<string, unknown> = {};
  const others: string[] = [];
  for (const word of words) {
    const equals = word.indexOf("=");
    const name = equals <= 0 ? undefined : bookingOptionNamed(word.slice(0, equals));
    if (name === undefined) others.push(word);
    else options[name] = parseBookingOption(name, word.slice(equals + 1));
  }
  return { options, others };
}

function withOperands(call: Call, operands: readonly string[]): Call {
  return {
    ctx: call.ctx, terminal: call.terminal, dataDir: call.dataDir, json: call.json, operands,
    has: (flag) => call.has(flag), value: (flag) => call.value(flag), values: (flag) => call.values(flag),
    withAdmin: (body) => call.withAdmin(body),
  };
}

const bookingHelp = `How the room answers is set by the options that Exchange has for it, by the same names:

  outpost room set room1@example.org BookingWindowInDays=90 MaximumDurationInMinutes=240
  outpost room set room1@example.org AllBookInPolicy=no BookInPolicy=boss@example.org,team@example.org
  outpost room set room1@example.org AllRequestInPolicy=yes ResourceDelegates=desk@example.org

An empty value sets an option back: BookInPolicy=`;

/** The commands of rooms, with booking. */
export function withBooking(commands: readonly Command[]): Command[] {
  return commands.map((command) => {
    if (command.name === "room show") return { ...command, run: (call) => show(command, call) };
    if (command.name !== "room set" && command.name !== "room add") return command;
    return { ...command, help: bookingHelp, run: (call) => change(command, call) };
  });
}

async function change(command: Command, call: Call) {
  const [address = "", ...words] = call.operands;
  const { options, others } = await splitWords(words);
  if (Object.keys(options).length === 0) return await command.run(call);
  const { setBookingOptions } = await booking();
  const isMore = others.length > 0 || command.name === "room add" ||
    command.flags.some(({ name }) => call.has(name) || call.value(name) !== null);
  const reply = isMore ? await command.run(withOperands(call, [address, ...others])) : undefined;
  const set = await call.withAdmin(async (admin) => {
    const view = await showEntry(call.ctx, admin, address, roomKinds);
    return await setBookingOptions(call.ctx, await openMailbox(call.ctx, admin, view.address), options);
  });
  return { data: { ...reply?.data as object | undefined, booking: set }, text: reply?.text ?? `Changed ${address}.` };
}

async function show(command: Command, call: Call) {
  const reply = await command.run(call);
  const { bookingOptions } = await booking();
  const set = await call.withAdmin(async (admin) =>
    await bookingOptions(call.ctx, await openMailbox(call.ctx, admin, call.operands[0]!)));
  const rows = Object.entries(set).map(([name, value]): [string, string] => [name, String(value)]);
  return {
    data: { ...reply.data as object, booking: set },
    text: rows.length === 0 ? reply.text : `${reply.text}\n${facts(rows)}`,
  };
}

/** Who asks: the server itself, or somebody as whom. */
async function askerOf(call: Call, admin: Admin) {
  const as = call.value("as");
  if (as === null) return serverPrincipal(admin);
  const entry = await admin.directory.entryByAddress(call.ctx, as);
  if (entry === null) throw new Fault("notFound", `There is nobody called ${as}.`);
  return {
    entryId: entry.entryId, address: entry.address, displayName: entry.displayName,
    mailboxId: entry.mailboxId as MailboxId | null,
  };
}

function timeOf(call: Call, flag: string, otherwise: number): number {
  const text = call.value(flag);
  if (text === null) return otherwise;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new UsageError(`--${flag} is a time like 2026-11-23T08:00Z.`, "calendar freebusy");
  return ms;
}

const at = (utcMs: number): string => `${new Date(utcMs).toISOString().slice(0, 16).replace("T", " ")}Z`;

const askFlags: readonly Flag[] = [
  { name: "from", value: "TIME", summary: "first moment, as 2026-11-23T08:00Z; now without" },
  { name: "to", value: "TIME", summary: "last moment; a week later without" },
  { name: "as", value: "USER", summary: "who asks: what they may not see is not shown" },
];

const freeBusyCommand: Command = {
  name: "calendar freebusy", operands: "ADDR …", operandsMin: 1, operandsMax: 100,
  flags: [...askFlags, { name: "slot", value: "MINUTES", summary: "also as one digit for each so many minutes" }],
  summary: "Shows when people and rooms are busy",
  help: `With --slot one line of digits for each: 0 free, 1 tentative, 2 busy, 3 away, 4 works elsewhere, 5 unknown.

  outpost freebusy alice@example.org room1@example.org --as bob@example.org --slot 30`,
  async run(call) {
    const { FreeBusyService } = await import("#calendar/desk/free-busy.ts");
    const fromUtcMs = timeOf(call, "from", call.ctx.system.nowMs());
    const window = { fromUtcMs, toUtcMs: timeOf(call, "to", fromUtcMs + 7 * days) };
    const slot = minutesOf(call, "slot", null, "calendar freebusy");
    const answers = await call.withAdmin(async (admin) =>
      await new FreeBusyService(admin.mailboxes, admin.directory).freeBusy(call.ctx, await askerOf(call, admin), {
        addresses: call.operands, window, viewType: "DetailedMerged", ...slot === null ? {} : { slotMinutes: slot },
      }));
    const rows = answers.flatMap((answer): string[][] => {
      if (answer.kind === "none") return [[answer.address, "", "", answer.why, ""]];
      const { events = [] } = answer.view;
      if (events.length === 0) return [[answer.address, "", "", "free", ""]];
      return events.map(({ startUtcMs, endUtcMs, state, details }) =>
        [answer.address, at(startUtcMs), at(endUtcMs), state, details?.subject ?? ""]);
    });
    const data = answers.map((answer) => (answer.kind === "none" ? answer : {
      address: answer.address, kind: answer.kind, viewType: answer.view.viewType, merged: answer.view.merged ?? null,
      workingHours: answer.kind !== "view" || answer.workingHours === undefined ? null : {
        days: answer.workingHours.days, startMinute: answer.workingHours.startMinute,
        endMinute: answer.workingHours.endMinute, zone: answer.workingHours.zoneName,
      },
      events: (answer.view.events ?? []).map(({ startUtcMs, endUtcMs, state, details }) => ({
        start: new Date(startUtcMs).toISOString(), end: new Date(endUtcMs).toISOString(), state,
        subject: details?.subject ?? null, location: details?.location ?? null,
      })),
    }));
    const text = table(["WHO", "FROM", "TO", "STATE", "SUBJECT"], rows);
    if (slot === null) return { data, text };
    const merged = answers.map((answer) =>
      [answer.address, answer.kind === "none" ? answer.why : answer.view.merged ?? ""]);
    return { data, text: `${text}\n\n${table(["WHO", `EACH ${slot} MINUTES`], merged)}` };
  },
};

function minutesOf<T extends number | null>(call: Call, flag: string, otherwise: T, command: string): number | T {
  const text = call.value(flag);
  if (text === null) return otherwise;
  if (!/^\d{1,4}$/.test(text)) throw new UsageError(`--${flag} is a number of minutes.`, command);
  return Number(text);
}

const suggestCommand: Command = {
  name: "calendar suggest", operands: "ADDR …", operandsMin: 1, operandsMax: 100,
  flags: [
    ...askFlags, { name: "optional", value: "ADDR", many: true, summary: "who may come, and need not" },
    { name: "minutes", value: "N", summary: "how long it is; 60 without" },
    { name: "zone", value: "ZONE", summary: "whose days they are, as Europe/Berlin; UTC without" },
  ],
  summary: "Suggests times for a meeting, the best first on each day",
  help: `The first one is the organizer, whose working hours count; rooms are never suggested when they are taken.

  outpost calendar suggest alice@example.org bob@example.org room1@example.org --minutes 30`,
  async run(call) {
    const [{ FreeBusyService }, { suggestionDefaults }, { ianaZone }] = await Promise.all([
      import("#calendar/desk/free-busy.ts"), import("#calendar/free-busy/suggestions.ts"),
      import("#calendar/zones/iana.ts"),
    ]);
    const zone = ianaZone(call.value("zone") ?? "UTC");
    if (zone === undefined) throw new UsageError("There is no such time zone.", "calendar suggest");
    const nowMs = call.ctx.system.nowMs();
    const fromUtcMs = timeOf(call, "from", nowMs);
    const found = await call.withAdmin(async (admin) => {
      const attendees = [];
      for (const [index, address] of call.operands.entries()) {
        const entry = await admin.directory.entryByAddress(call.ctx, address);
        const type = entry?.kind === "room" ? "Room" as const : entry?.kind === "equipment" ? "Resource" as const
          : index === 0 ? "Organizer" as const : "Required" as const;
        attendees.push({ address, type, excludeConflicts: type === "Room" || type === "Resource" });
      }
      for (const address of call.values("optional")) attendees.push({ address, type: "Optional" as const });
      return await new FreeBusyService(admin.mailboxes, admin.directory).suggest(call.ctx, await askerOf(call, admin),
        attendees, {
          ...suggestionDefaults, zone, meetingMinutes: minutesOf(call, "minutes", 60, "calendar suggest"),
          window: { fromUtcMs, toUtcMs: timeOf(call, "to", fromUtcMs + 7 * days) }, notBeforeUtcMs: nowMs,
        });
    });
    const list = found.flatMap(({ suggestions }) => suggestions.map((one) => ({
      start: new Date(one.startUtcMs).toISOString(), quality: one.quality, isWorkTime: one.isWorkTime,
      conflicts: one.conflicts,
    })));
    const rows = list.map((one) => [one.start.slice(0, 16).replace("T", " ").concat("Z"), one.quality]);
    return { data: list, text: rows.length === 0 ? "There is no time at which enough can come."
      : table(["START", "QUALITY"], rows) };
  },
};

/** `freebusy` is what people type first. */
export const calendarCommands: readonly Command[] =
  [freeBusyCommand, suggestCommand, { ...freeBusyCommand, name: "freebusy" }];
