/** `outpost calendar publish`, `share`, `ask`, `answer` and what goes with them: calendars opened to others. */
import type { MessageId } from "#base/ids.ts";
import { listPublished, publish, rotate, unpublish } from "#admin/published.ts";
import type { PublishedView } from "#admin/published.ts";
import type { SharingKind } from "#calendar/sharing/message.ts";
import { publishDetails } from "#directory/published-calendars.ts";
import { isOneOf } from "#directory/kinds.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag, Reply } from "#main/cli/command.ts";
import { counted, facts, localTime, table } from "#main/cli/text.ts";
import { readConfig } from "#main/config.ts";
import { readRunningNote } from "#main/running.ts";

/** How the server is reached: as it runs, else as it will. */
function originOf(call: Call): string {
  const running = readRunningNote(call.dataDir);
  const config = readConfig(call.dataDir, running?.configFile ?? null);
  const port = running?.ports.https ?? (config.portBase ?? 0) + 443;
  return `https://${config.hostname.toLowerCase()}${port === 443 ? "" : `:${port}`}`;
}

function daysOf(call: Call, flag: string, otherwise: number): number {
  const text = call.value(flag);
  if (text === null) return otherwise;
  if (!/^\d{1,4}$/.test(text)) throw new UsageError(`--${flag} is a number of days.`, "calendar publish");
  return Number(text);
}

function idOf(call: Call, command: string): number | null {
  const [, text] = call.operands;
  if (text === undefined) return null;
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`"${text}" is not the ID of a link.`, command);
  return Number(text);
}

const linkText = (view: PublishedView): string => facts([
  ["id", String(view.id)], ["calendar", view.folder], ["tells", view.detail],
  ["window", `${counted(view.pastDays, "day")} back, ${counted(view.futureDays, "day")} ahead`],
  ["for programs", view.ics], ["as a page", view.html],
]);

const commentFlag: Flag = { name: "comment", value: "TEXT", summary: "what else they read" };

async function share(call: Call, kind: SharingKind, right: string | null): Promise<Reply> {
  const [address = ""] = call.operands;
  const to = call.value("to")!;
  const { shareCalendar } = await import("#main/cli/sharing.ts");
  const { link } = await call.withAdmin((admin) => shareCalendar(call, admin, {
    address, to, kind, right, folder: call.value("folder"), comment: call.value("comment") ?? "",
    origin: originOf(call),
  }));
  const text = right === null ? `Asked ${to}.` : link === null ? `${to} has ${right}; the invitation is on its way.`
    : `${to} gets the link ${link}.`;
  return { data: { address, to, kind, right, link }, text };
}

export const publishCommands: readonly Command[] = [
  {
    name: "calendar publish", operands: "ADDR", operandsMin: 1, operandsMax: 1,
    flags: [
      { name: "folder", value: "PATH", summary: "another calendar than the first one" },
      { name: "detail", value: "DETAIL", summary: "availability (without), limited or full" },
      { name: "past", value: "DAYS", summary: "days back that are told; 30 without" },
      { name: "future", value: "DAYS", summary: "days ahead that are told; 180 without" },
    ],
    summary: "Makes a link by which anybody may read a calendar",
    help: `availability tells when somebody is busy, limited the subjects and places too, full also what is written in
the appointments. Nobody who is invited is told, and of private appointments only the time. Whoever has the
link can read, so it is as secret as what it shows; rotate makes a new one.

  outpost calendar publish alice@example.org --detail limited --future 90
  outpost calendar rotate alice@example.org 1`,
    async run(call) {
      const detail = call.value("detail") ?? "availability";
      if (!isOneOf(publishDetails, detail)) {
        throw new UsageError(`--detail is one of ${publishDetails.join(", ")}.`, "calendar publish");
      }
      const view = await call.withAdmin((admin) => publish(call.ctx, admin, {
        address: call.operands[0]!, folder: call.value("folder"), detail, pastDays: daysOf(call, "past", 30),
        futureDays: daysOf(call, "future", 180), origin: originOf(call),
      }));
      return { data: view, text: linkText(view) };
    },
  },
  {
    name: "calendar list", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Lists the links to somebody's calendars",
    async run(call) {
      const views = await call.withAdmin((admin) =>
        listPublished(call.ctx, admin, call.operands[0]!, originOf(call)));
      return { data: views, text: views.length === 0 ? "Nothing is published." : views.map(linkText).join("\n\n") };
    },
  },
  {
    name: "calendar rotate", operands: "ADDR ID", operandsMin: 2, operandsMax: 2, flags: [],
    summary: "Makes a new link for a published calendar; the old one is dead",
    async run(call) {
      const view = await call.withAdmin((admin) => rotate(call.ctx, admin,
        { address: call.operands[0]!, publishId: idOf(call, "calendar rotate")!, origin: originOf(call) }));
      return { data: view, text: linkText(view) };
    },
  },
  {
    name: "calendar unpublish", operands: "ADDR [ID]", operandsMin: 1, operandsMax: 2,
    flags: [{ name: "all", summary: "every link of theirs" }],
    summary: "Revokes a link to a calendar",
    async run(call) {
      const id = idOf(call, "calendar unpublish");
      if ((id === null) !== call.has("all")) {
        throw new UsageError("Name a link by its ID, or all of them with --all.", "calendar unpublish");
      }
      const removed = await call.withAdmin((admin) => unpublish(call.ctx, admin, call.operands[0]!, id));
      return { data: { removed }, text: `Revoked ${counted(removed, "link")}.` };
    },
  },
  {
    name: "calendar share", operands: "ADDR", operandsMin: 1, operandsMax: 1,
    flags: [
      { name: "to", value: "USER", required: true, summary: "who is let in; somebody outside gets a link" },
      { name: "right", value: "RIGHT", summary: "reviewer (without), limited-details, availability-only, editor, …" },
      { name: "folder", value: "PATH", summary: "another calendar than the first one" },
      { name: "ask", summary: "ask for theirs, too" }, commentFlag,
    ],
    summary: "Lets somebody into a calendar and sends the invitation",
    async run(call) {
      const kind = call.has("ask") ? "invitationAndRequest" as const : "invitation" as const;
      return await share(call, kind, call.value("right") ?? "reviewer");
    },
  },
  {
    name: "calendar ask", operands: "ADDR", operandsMin: 1, operandsMax: 1,
    flags: [{ name: "to", value: "USER", required: true, summary: "whose calendar is asked for" }, commentFlag],
    summary: "Asks somebody to share their calendar",
    run: (call) => share(call, "request", null),
  },
  {
    name: "calendar requests", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Lists invitations to calendars and requests in somebody's inbox",
    async run(call) {
      const { listSharing } = await import("#main/cli/sharing.ts");
      const found = await call.withAdmin((admin) => listSharing(call, admin, call.operands[0]!));
      const rows = found.map((one) => [String(one.id), localTime(one.receivedMs), one.kind, one.from, one.subject]);
      if (rows.length === 0) return { data: found, text: "There is none." };
      return { data: found, text: table(["ID", "CAME", "KIND", "FROM", "SUBJECT"], rows, [0]) };
    },
  },
  {
    name: "calendar answer", operands: "ADDR ID accept|deny", operandsMin: 3, operandsMax: 3,
    flags: [{ name: "right", value: "RIGHT", summary: "what the asker may do; reviewer without" }],
    summary: "Answers a request for a calendar: accept lets the asker in",
    async run(call) {
      const [address = "", , answer = ""] = call.operands;
      if (answer !== "accept" && answer !== "deny") throw new UsageError("Say accept or deny.", "calendar answer");
      const id = idOf(call, "calendar answer") as MessageId;
      const right = answer === "deny" ? null : call.value("right") ?? "reviewer";
      const { answerSharing } = await import("#main/cli/sharing.ts");
      const { from } = await call.withAdmin((admin) =>
        answerSharing(call, admin, { address, id, right, origin: originOf(call) }));
      const text = right === null ? `${from} was refused.` : `${from} has ${right} on the calendar of ${address}.`;
      return { data: { from, right }, text };
    },
  },
];
