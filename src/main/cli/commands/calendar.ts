/** `outpost calendar freebusy`, and how rooms answer: the options of booking as words of `room set`. */
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { openMailbox } from "#admin/folders.ts";
import { serverPrincipal } from "#admin/admin.ts";
import type { Admin } from "#admin/admin.ts";
import { showEntry } from "#admin/views.ts";
import type { EntryKind } from "#directory/kinds.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command } from "#main/cli/command.ts";
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

export const calendarCommands: readonly Command[] = [{
  name: "calendar freebusy", operands: "ADDR …", operandsMin: 1, operandsMax: 100,
  flags: [
    { name: "from", value: "TIME", summary: "first moment, as 2026-11-23T08:00Z; now without" },
    { name: "to", value: "TIME", summary: "last moment; a week later without" },
    { name: "as", value: "USER", summary: "who asks: what they may not see is not shown" },
  ],
  summary: "Shows when people and rooms are busy",
  async run(call) {
    const { FreeBusyService } = await import("#calendar/desk/free-busy.ts");
    const fromUtcMs = timeOf(call, "from", call.ctx.system.nowMs());
    const window = { fromUtcMs, toUtcMs: timeOf(call, "to", fromUtcMs + 7 * days) };
    const answers = await call.withAdmin(async (admin) =>
      await new FreeBusyService(admin.mailboxes, admin.directory).freeBusy(call.ctx, await askerOf(call, admin), {
        addresses: call.operands, window, viewType: "DetailedMerged",
      }));
    const rows = answers.flatMap((answer): string[][] => {
      if (answer.kind === "none") return [[answer.address, "", "", answer.why, ""]];
      const { events = [] } = answer.view;
      if (events.length === 0) return [[answer.address, "", "", "free", ""]];
      return events.map(({ startUtcMs, endUtcMs, state, details }) =>
        [answer.address, at(startUtcMs), at(endUtcMs), state, details?.subject ?? ""]);
    });
    const data = answers.map((answer) => (answer.kind === "none" ? answer : {
      address: answer.address, kind: answer.kind, merged: answer.view.merged ?? null,
      events: (answer.view.events ?? []).map(({ startUtcMs, endUtcMs, state, details }) => ({
        start: new Date(startUtcMs).toISOString(), end: new Date(endUtcMs).toISOString(), state,
        subject: details?.subject ?? null, location: details?.location ?? null,
      })),
    }));
    return { data, text: table(["WHO", "FROM", "TO", "STATE", "SUBJECT"], rows) };
  },
}];
