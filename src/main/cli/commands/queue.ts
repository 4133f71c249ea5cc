/** `outpost queue …` */
import { Fault } from "#base/fault.ts";
import { formatSize } from "#admin/sizes.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag } from "#main/cli/command.ts";
import { counted, facts, localTime, table } from "#main/cli/text.ts";
import { dropQueued, holdQueued, listQueue, retryQueued, showQueued } from "#transport/queue-admin.ts";
import type { QueueListRow } from "#transport/queue-admin.ts";

type QueueSelection = Parameters<typeof retryQueued>[2];

/** So that a queue of millions does not fill the terminal; `--all` lists them. */
const listRowsMax = 1000;
const pageRows = 500;

async function readQueue(call: Call, most: number): Promise<{ rows: QueueListRow[]; isCut: boolean }> {
  return call.withAdmin(async ({ store }) => {
    const rows: QueueListRow[] = [];
    for (;;) {
      const last = rows.at(-1);
      const page = await listQueue(call.ctx, store, last === undefined ? { limitRows: pageRows } : {
        after: { queueId: last.queueId, recipientNumber: last.recipientNumber }, limitRows: pageRows,
      });
      rows.push(...page);
      if (page.length < pageRows) return { rows, isCut: false };
      if (rows.length >= most) return { rows, isCut: true };
    }
  });
}

const allFlag: Flag = { name: "all", summary: "every message in the queue" };
const recipientFlag: Flag = { name: "recipient", value: "N", summary: "only this recipient, by its number" };

function changeCommand(
  verb: string, summary: string, done: string,
  work: (ctx: Call["ctx"], store: Parameters<typeof retryQueued>[1], selection: QueueSelection) => Promise<number>,
): Command {
  return {
    name: `queue ${verb}`, operands: "[ID]", operandsMin: 0, operandsMax: 1, flags: [allFlag, recipientFlag], summary,
    async run(call) {
      const selection = readSelection(call, `queue ${verb}`);
      const count = await call.withAdmin(({ store }) => work(call.ctx, store, selection));
      return { data: { count }, text: `${done} ${counted(count, "recipient")}.` };
    },
  };
}

function readSelection(call: Call, command: string): QueueSelection {
  const [queueId] = call.operands;
  if ((queueId === undefined) !== call.has("all")) {
    throw new UsageError("Name one message by its id, or all of them with --all.", command);
  }
  const number = call.value("recipient");
  if (number === null) return { queueId: queueId ?? null };
  if (queueId === undefined || !/^\d{1,6}$/.test(number)) {
    throw new UsageError("--recipient is the number of a recipient of one message.", command);
  }
  return { queueId, recipientNumber: Number(number) };
}

export const queueCommands: readonly Command[] = [
  {
    name: "queue list", operands: "", operandsMin: 0, operandsMax: 0, flags: [allFlag],
    summary: "Lists the mail that waits",
    async run(call) {
      const { rows, isCut } = await readQueue(call, call.has("all") ? Infinity : listRowsMax);
      if (rows.length === 0) return { data: rows, text: "The queue is empty." };
      const lines = rows.map((row) => [
        row.queueId, row.envelopeSender === "" ? "<>" : row.envelopeSender, row.address, formatSize(row.sizeBytes),
        row.state, String(row.attempts), localTime(row.nextAttemptMs), row.lastReply ?? "",
      ]);
      const header = ["ID", "FROM", "TO", "SIZE", "STATE", "TRIES", "NEXT", "LAST ANSWER"];
      const end = isCut ? `\nThe first ${rows.length}; --all shows the rest.` : "";
      return { data: rows, text: `${table(header, lines)}\n${counted(rows.length, "recipient")}${end}` };
    },
  },
  {
    name: "queue show", operands: "ID", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Shows one message with its recipients and header",
    async run(call) {
      const message = await call.withAdmin(({ store }) => showQueued(call.ctx, store, call.operands[0]!));
      const header = Buffer.from(message.header).toString("utf8");
      const recipients = message.recipients.map((row) => [
        String(row.recipientNumber), row.address, row.state, String(row.attempts), localTime(row.nextAttemptMs),
        row.lastReply ?? "",
      ]);
      const top = facts([
        ["id", message.queueId], ["from", message.envelopeSender === "" ? "<>" : message.envelopeSender],
        ["origin", message.origin], ["accepted", localTime(message.acceptedMs)],
        ["size", formatSize(message.sizeBytes)],
      ]);
      const list = table(["N", "TO", "STATE", "TRIES", "NEXT", "LAST ANSWER"], recipients);
      return { data: { ...message, header }, text: `${top}\n\n${list}\n\n${header.trimEnd()}` };
    },
  },
  changeCommand("retry", "Tries to deliver now; also ends a hold", "Trying again:", retryQueued),
  changeCommand("hold", "Keeps a message from being tried until queue retry", "Held:", holdQueued),
  changeCommand("drop", "Removes a message without telling its sender", "Dropped:", dropQueued),
];

/** Commands the contract names whose room is not built yet: refused plainly, so that scripts notice. */
function later(name: string, operands: string, summary: string): Command {
  return {
    name, operands, operandsMin: 0, operandsMax: Infinity, flags: [], summary: `${summary} (not available yet)`,
    run: () => Promise.reject(new Fault("notSupported", `"outpost ${name}" is not available yet in this version.`)),
  };
}

export const laterCommands: readonly Command[] = [
  later("policy add", "NAME", "Makes a phone policy"),
  later("policy set", "NAME", "Changes a phone policy"),
  later("policy assign", "NAME", "Gives users a phone policy"),
  later("policy list", "", "Lists the phone policies"),
  later("device list", "ADDR", "Lists a user's phones"),
  later("device wipe", "ADDR", "Wipes a phone"),
  later("device allow", "ADDR", "Lets a phone in"),
  later("device block", "ADDR", "Keeps a phone out"),
  later("device remove", "ADDR", "Forgets a phone"),
];
