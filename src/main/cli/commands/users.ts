/** `outpost user …` */
import { changeEntry, changePassword, createEntry, deleteEntry } from "#admin/entries.ts";
import { assignmentKeys } from "#admin/assignments.ts";
import { listEntries, showEntry } from "#admin/views.ts";
import { wrap } from "#main/cli/text.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Command } from "#main/cli/command.ts";
import {
  aliasFlag, languageFlag, listText, nameFlag, operandsManyMax, passwordFlags, quotaFlag, readChange, readPassword,
  removeAliasFlag, showText,
} from "#main/cli/commands/shared-parts.ts";

const shownKeys = assignmentKeys.filter((key) => !/^extension\d/.test(key));

export const keysHelp = [
  wrap(`Keys: ${shownKeys.join(", ")}, extension1 to extension15.`),
  "A key without a value (title=) takes the attribute away. photo=@FILE and certificate=@FILE read a file.",
  "The switches mapi, ews, eas, imap, pop3, smtp are on or off.",
].join("\n");

export const userCommands: readonly Command[] = [
  {
    name: "user add", operands: "ADDR [KEY=VALUE …]", operandsMin: 1, operandsMax: operandsManyMax,
    flags: [nameFlag, ...passwordFlags, quotaFlag, aliasFlag, languageFlag],
    summary: "Makes a user with a mailbox",
    help: `  outpost user add dora@example.org --name "Dora Diaz" --password-stdin department=Sales\n\n${keysHelp}`,
    async run(call) {
      const [address = "", ...words] = call.operands;
      const change = await readChange(call, words);
      const password = await readPassword(call, "user add", address);
      const { displayName, ...rest } = change;
      const view = await call.withAdmin((admin) => createEntry(call.ctx, admin, {
        kind: "user", address, password, change: rest, ...displayName === undefined ? {} : { displayName },
      }));
      return { data: view, text: `Made the user ${view.address}.` };
    },
  },
  {
    name: "user list", operands: "", operandsMin: 0, operandsMax: 0, flags: [], summary: "Lists all users",
    async run(call) {
      const entries = await call.withAdmin((admin) => listEntries(call.ctx, admin, ["user"]));
      return { data: entries, text: listText(entries, "user") };
    },
  },
  {
    name: "user show", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Shows everything about a user",
    async run(call) {
      const view = await call.withAdmin((admin) => showEntry(call.ctx, admin, call.operands[0]!, ["user"]));
      return { data: view, text: showText(view) };
    },
  },
  {
    name: "user passwd", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: passwordFlags,
    summary: "Sets a user's password",
    async run(call) {
      const [address = ""] = call.operands;
      const password = await readPassword(call, "user passwd", address);
      await call.withAdmin((admin) => changePassword(call.ctx, admin, address, password));
      return { data: { address }, text: `Set the password of ${address}.` };
    },
  },
  {
    name: "user set", operands: "ADDR [KEY=VALUE …]", operandsMin: 1, operandsMax: operandsManyMax,
    flags: [nameFlag, quotaFlag, aliasFlag, removeAliasFlag, languageFlag],
    summary: "Changes a user: name, quota, addresses, address-book attributes, protocol switches",
    help: `  outpost user set alice@example.org title="Head of Sales" photo=@alice.jpg pop3=off\n\n${keysHelp}`,
    async run(call) {
      const [address = "", ...words] = call.operands;
      const change = await readChange(call, words);
      if (Object.keys(change).length === 0) throw new UsageError("What shall change? Say KEY=VALUE.", "user set");
      const view = await call.withAdmin((admin) => changeEntry(call.ctx, admin, address, ["user"], change));
      return { data: view, text: `Changed ${view.address}.` };
    },
  },
  ...([["disable", true], ["enable", false]] as const).map(([verb, disabled]): Command => ({
    name: `user ${verb}`, operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: disabled ? "Stops a user from signing in and getting mail; keeps the mailbox" : "Undoes user disable",
    async run(call) {
      const view = await call.withAdmin((admin) =>
        changeEntry(call.ctx, admin, call.operands[0]!, ["user"], { disabled }));
      return { data: view, text: `${disabled ? "Disabled" : "Enabled"} ${view.address}.` };
    },
  })),
  {
    name: "user remove", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Removes a user and the mailbox for good",
    async run(call) {
      const gone = await call.withAdmin((admin) => deleteEntry(call.ctx, admin, call.operands[0]!, ["user"]));
      return { data: gone, text: `Removed ${gone.address} and the mailbox.` };
    },
  },
];
