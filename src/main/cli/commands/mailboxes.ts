/** `outpost shared …`, `outpost room …` */
import { changeEntry, createEntry, deleteEntry, grantAccess, revokeAccess } from "#admin/entries.ts";
import { parseYesNo } from "#admin/assignments.ts";
import { listEntries, showEntry } from "#admin/views.ts";
import { accessRights, isOneOf } from "#directory/kinds.ts";
import type { AccessRight, EntryKind } from "#directory/kinds.ts";
import type { EntryChange } from "#directory/entry-changes.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag } from "#main/cli/command.ts";
import { withBooking } from "#main/cli/commands/calendar.ts";
import { delegateCommands, folderCommands } from "#main/cli/commands/folders.ts";
import {
  aliasFlag, languageFlag, listText, nameFlag, operandsManyMax, quotaFlag, readChange, removeAliasFlag, showText,
} from "#main/cli/commands/shared-parts.ts";

const toFlag: Flag = { name: "to", value: "USER", required: true, summary: "the user or group" };
const roomKinds: readonly EntryKind[] = ["room", "equipment"];

/** add, list, show, set, remove: the same for every kind of mailbox that is nobody's own. */
function commonCommands(
  word: string, what: string, kinds: readonly EntryKind[], flags: readonly Flag[],
  more: (call: Call) => EntryChange,
): Command[] {
  return [
    {
      name: `${word} add`, operands: "ADDR [KEY=VALUE …]", operandsMin: 1, operandsMax: operandsManyMax,
      flags: [nameFlag, quotaFlag, aliasFlag, languageFlag, ...flags,
        ...word === "room" ? [{ name: "equipment", summary: "a car, a projector: a thing instead of a room" }] : []],
      summary: `Makes a ${what}`,
      async run(call) {
        const [address = "", ...words] = call.operands;
        const { displayName, ...change } = merge(await readChange(call, words), more(call));
        const kind = call.has("equipment") ? "equipment" : kinds[0]!;
        const view = await call.withAdmin((admin) => createEntry(call.ctx, admin, {
          kind, address, change, ...displayName === undefined ? {} : { displayName },
        }));
        return { data: view, text: `Made the ${kind === "equipment" ? kind : what} ${view.address}.` };
      },
    },
    {
      name: `${word} list`, operands: "", operandsMin: 0, operandsMax: 0, flags: [], summary: `Lists every ${what}`,
      async run(call) {
        const entries = await call.withAdmin((admin) => listEntries(call.ctx, admin, kinds));
        return { data: entries, text: listText(entries, what) };
      },
    },
    {
      name: `${word} show`, operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
      summary: `Shows everything about a ${what}`,
      async run(call) {
        const view = await call.withAdmin((admin) => showEntry(call.ctx, admin, call.operands[0]!, kinds));
        return { data: view, text: showText(view) };
      },
    },
    {
      name: `${word} set`, operands: "ADDR [KEY=VALUE …]", operandsMin: 1, operandsMax: operandsManyMax,
      flags: [nameFlag, quotaFlag, aliasFlag, removeAliasFlag, languageFlag, ...flags], summary: `Changes a ${what}`,
      async run(call) {
        const [address = "", ...words] = call.operands;
        const change = merge(await readChange(call, words), more(call));
        if (Object.keys(change).length === 0) throw new UsageError("What shall change? Say KEY=VALUE.", `${word} set`);
        const view = await call.withAdmin((admin) => changeEntry(call.ctx, admin, address, kinds, change));
        return { data: view, text: `Changed ${view.address}.` };
      },
    },
    {
      name: `${word} remove`, operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
      summary: `Removes a ${what} and its mailbox for good`,
      async run(call) {
        const gone = await call.withAdmin((admin) => deleteEntry(call.ctx, admin, call.operands[0]!, kinds));
        return { data: gone, text: `Removed ${gone.address} and its mailbox.` };
      },
    },
  ];
}

function merge(one: EntryChange, other: EntryChange): EntryChange {
  const attributes = [...one.attributes ?? [], ...other.attributes ?? []];
  return { ...one, ...other, ...attributes.length === 0 ? {} : { attributes } };
}

function readRight(call: Call, command: string): AccessRight | null {
  const right = call.value("right");
  if (right === null) return null;
  if (!isOneOf(accessRights, right)) throw new UsageError(`--right is one of ${accessRights.join(", ")}.`, command);
  return right;
}

const rightFlag: Flag = { name: "right", value: "RIGHT", required: true, summary: accessRights.join(", ") };

const grantCommands: readonly Command[] = [
  {
    name: "shared grant", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [toFlag, rightFlag],
    summary: "Lets a user or group into a mailbox, or send for it",
    help: `Works for the mailbox of a person or room, too. full opens everything; sending has rights of its own.

  outpost shared grant info@example.org --to alice@example.org --right full
  outpost shared grant info@example.org --to sales@example.org --right send-as
  outpost shared set info@example.org sent-copies=both`,
    async run(call) {
      const [address = ""] = call.operands;
      const right = readRight(call, "shared grant")!;
      const to = call.value("to")!;
      const { added } = await call.withAdmin((admin) => grantAccess(call.ctx, admin, address, to, right));
      const text = `${to} has ${right} on ${address}${added ? "" : " already"}.`;
      return { data: { address, to, right, added }, text };
    },
  },
  {
    name: "shared revoke", operands: "ADDR", operandsMin: 1, operandsMax: 1,
    flags: [toFlag, { name: "right", value: "RIGHT", summary: `${accessRights.join(", ")}; all without this flag` }],
    summary: "Takes back what shared grant gave",
    async run(call) {
      const [address = ""] = call.operands;
      const right = readRight(call, "shared revoke");
      const to = call.value("to")!;
      const { removed } = await call.withAdmin((admin) => revokeAccess(call.ctx, admin, address, to, right));
      const text = `Took ${right ?? "every right"} on ${address} from ${to}.`;
      return { data: { address, to, right, removed }, text };
    },
  },
];

function roomChange(call: Call): EntryChange {
  const capacity = call.value("capacity");
  const autoAccept = call.value("auto-accept");
  return {
    ...capacity === null ? {} : { attributes: [{ key: "capacity", values: [capacity] }] },
    ...autoAccept === null ? {} : { autoAccept: parseYesNo("--auto-accept", autoAccept) },
  };
}

export const mailboxCommands: readonly Command[] = [
  ...commonCommands("shared", "shared mailbox", ["shared"], [], () => ({})),
  ...grantCommands, ...delegateCommands,
  ...withBooking(commonCommands("room", "room", roomKinds, [
    { name: "capacity", value: "N", summary: "how many people it holds" },
    { name: "auto-accept", value: "yes|no", summary: "whether it answers invitations by itself" },
  ], roomChange)),
  ...folderCommands,
];
