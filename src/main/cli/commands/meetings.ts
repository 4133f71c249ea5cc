/** `outpost meeting …`: what an organizer and an attendee do, from the command line. */
import { Fault } from "#base/fault.ts";
import type { MessageId } from "#base/ids.ts";
import type { Admin } from "#admin/admin.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag } from "#main/cli/command.ts";
import { table } from "#main/cli/text.ts";

// The calendar is much to read for a command that lists queues: everything of it is loaded when it is needed.
const desk = () => import("#main/cli/desk.ts");

function instant(call: Call, flag: string, command: string): number {
  const ms = Date.parse(call.value(flag) ?? "");
  if (!Number.isNaN(ms)) return ms;
  throw new UsageError(`--${flag} is a time like 2026-11-23T08:00Z.`, command);
}

const idOf = (call: Call, command: string): MessageId => {
  const text = call.operands[1] ?? "";
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`"${text}" is not the ID of a meeting.`, command);
  return Number(text) as MessageId;
};

const icalStamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;

/** The appointment that the flags tell, with whom it is. */
async function newMeeting(call: Call, admin: Admin) {
  const [{ readCalendars }, { escapeText }, { dropKept }, { addRow }, { ianaZone }] = await Promise.all([
    import("#convert/ical/calendar-read.ts"), import("#convert/ical/lines.ts"), import("#convert/ical/kept.ts"),
    import("#calendar/meetings/parts.ts"), import("#calendar/zones/iana.ts"),
  ]);
  const [startMs, endMs] = [instant(call, "start", "meeting create"), instant(call, "end", "meeting create")];
  if (endMs < startMs) throw new UsageError("--end is before --start.", "meeting create");
  const zoneName = call.value("zone") ?? "UTC";
  const zone = ianaZone(zoneName);
  if (zone === undefined) throw new UsageError(`There is no time zone ${zoneName}.`, "meeting create");
  const local = (ms: number): string => icalStamp(ms + zone.offsetAt(ms)).slice(0, -1);
  const rule = call.value("repeat");
  const lines = [
    "BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT",
    `UID:${Buffer.from(call.ctx.system.randomBytes(16)).toString("hex")}`,
    `DTSTAMP:${icalStamp(call.ctx.system.nowMs())}`,
    zoneName === "UTC" ? `DTSTART:${icalStamp(startMs)}` : `DTSTART;TZID=${zoneName}:${local(startMs)}`,
    zoneName === "UTC" ? `DTEND:${icalStamp(endMs)}` : `DTEND;TZID=${zoneName}:${local(endMs)}`,
    `SUMMARY:${escapeText(call.value("subject")!)}`,
    ...call.value("location") === null ? [] : [`LOCATION:${escapeText(call.value("location")!)}`],
    ...call.value("text") === null ? [] : [`DESCRIPTION:${escapeText(call.value("text")!)}`],
    ...rule === null ? [] : [`RRULE:${rule}`], "END:VEVENT", "END:VCALENDAR", "",
  ];
  const [object] = readCalendars(lines.join("\r\n"), { zone }).flatMap(({ objects }) => objects);
  if (object === undefined || object.kind === "refused") {
    const why = object?.kind === "refused" ? object.detail : "nothing";
    throw new Fault("invalidArgument", `This is no meeting: ${why}.`);
  }
  const { item } = object;
  dropKept(item);
  for (const [flag, type] of [["with", 1], ["optional", 2], ["room", 3]] as const) {
    for (const address of call.values(flag)) {
      const entry = await admin.directory.entryByAddress(call.ctx, address);
      addRow(item, type, { name: entry?.displayName ?? address, address: entry?.address ?? address });
    }
  }
  return item;
}

const people = (name: string, summary: string): Flag => ({ name, value: "ADDR", many: true, summary });

export const meetingCommands: readonly Command[] = [
  {
    name: "meeting create", operands: "ADDR", operandsMin: 1, operandsMax: 1,
    flags: [
      { name: "subject", value: "TEXT", required: true, summary: "what it is about" },
      { name: "start", value: "TIME", required: true, summary: "as 2026-11-23T09:00+01:00" },
      { name: "end", value: "TIME", required: true, summary: "likewise" },
      people("with", "who is asked to come"), people("optional", "who may come"),
      people("room", "a room or equipment, which answers by its policy"),
      { name: "location", value: "TEXT", summary: "where it is" },
      { name: "text", value: "TEXT", summary: "what there is to say" },
      { name: "zone", value: "ZONE", summary: "whose wall clock a series follows, as Europe/Berlin; UTC without" },
      { name: "repeat", value: "RULE", summary: "as FREQ=WEEKLY;COUNT=10" },
    ],
    summary: "Puts a meeting into somebody's calendar and invites to it",
    help: `outpost meeting create alice@example.org --subject Planning --start 2026-11-23T09:00+01:00 \\
    --end 2026-11-23T10:00+01:00 --with bob@example.org --room room1@example.org`,
    async run(call) {
      const { openDesk, ownerOfMailbox } = await desk();
      const made = await call.withAdmin(async (admin) => {
        const owner = await ownerOfMailbox(call, admin, call.operands[0]!);
        const { messageId } = await openDesk(call, admin).acts.create(call.ctx, owner.mailboxId,
          await newMeeting(call, admin));
        return { address: owner.address, id: messageId };
      });
      const text = `Made the meeting ${made.id ?? ""} of ${made.address}; the invitations are on their way.`;
      return { data: made, text };
    },
  },
  {
    name: "meeting list", operands: "ADDR", operandsMin: 1, operandsMax: 1,
    flags: [
      { name: "from", value: "TIME", summary: "first moment, as 2026-11-23T08:00Z; now without" },
      { name: "to", value: "TIME", summary: "last moment; 30 days later without" },
    ],
    summary: "Lists appointments and meetings of a calendar with their IDs",
    async run(call) {
      const fromMs = call.value("from") === null ? call.ctx.system.nowMs() : instant(call, "from", "meeting list");
      const toMs = call.value("to") === null ? fromMs + 30 * 86_400_000 : instant(call, "to", "meeting list");
      const { ownerOfMailbox } = await desk();
      const { openMailbox } = await import("#admin/folders.ts");
      const found = await call.withAdmin(async (admin) => {
        const owner = await ownerOfMailbox(call, admin, call.operands[0]!);
        const mailbox = await openMailbox(call.ctx, admin, owner.address);
        const { folderId } = await mailbox.folderByRole(call.ctx, "calendar");
        return (await mailbox.items.calendarItems(call.ctx, folderId, fromMs, toMs)).map((one) => ({
          id: one.row.messageId, start: new Date(one.startMs ?? 0).toISOString(), subject: one.row.subject,
          organizer: one.row.fromAddress, isRecurring: one.isRecurring,
        }));
      });
      const rows = found.map((one) => [String(one.id), one.start.slice(0, 16).replace("T", " "),
        one.isRecurring ? "series" : "", one.organizer, one.subject]);
      return { data: found, text: table(["ID", "START (UTC)", "", "ORGANIZER", "SUBJECT"], rows, [0]) };
    },
  },
  {
    name: "meeting cancel", operands: "ADDR ID", operandsMin: 2, operandsMax: 2, flags: [],
    summary: "Calls a meeting of its organizer off; who was asked hears of it",
    async run(call) {
      const { openDesk, ownerOfMailbox } = await desk();
      await call.withAdmin(async (admin) => {
        const { mailboxId } = await ownerOfMailbox(call, admin, call.operands[0]!);
        await openDesk(call, admin).acts.cancel(call.ctx, { mailboxId, messageId: idOf(call, "meeting cancel") });
      });
      return { data: { canceled: idOf(call, "meeting cancel") }, text: "Called the meeting off." };
    },
  },
  {
    name: "meeting answer", operands: "ADDR ID accept|tentative|decline", operandsMin: 3, operandsMax: 3,
    flags: [{ name: "comment", value: "TEXT", summary: "what the organizer reads" }],
    summary: "Answers an invitation for an attendee",
    async run(call) {
      const [address = "", , answer = ""] = call.operands;
      if (answer !== "accept" && answer !== "tentative" && answer !== "decline") {
        throw new UsageError(`"${answer}" is none of accept, tentative, decline.`, "meeting answer");
      }
      const { openDesk, ownerOfMailbox } = await desk();
      const comment = call.value("comment");
      await call.withAdmin(async (admin) => {
        const { mailboxId } = await ownerOfMailbox(call, admin, address);
        await openDesk(call, admin).acts.respond(call.ctx, { mailboxId, messageId: idOf(call, "meeting answer") },
          { answer, ...comment === null ? {} : { comment } });
      });
      return { data: { id: idOf(call, "meeting answer"), answer }, text: `Answered: ${answer}.` };
    },
  },
];
