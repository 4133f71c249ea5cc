/** `outpost folder …`, `outpost shared delegate`, `outpost shared undelegate`: who is let into which folder. */
import { parseYesNo } from "#admin/assignments.ts";
import { delegateFolders, endDelegate, makeDelegate } from "#admin/delegates.ts";
import { folderPermissions, listFolders, listPermissions, permitFolder } from "#admin/folders.ts";
import { formatSize } from "#admin/sizes.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag } from "#main/cli/command.ts";
import { counted, table, wrap } from "#main/cli/text.ts";

const toFlag: Flag = { name: "to", value: "USER", required: true, summary: "the user or group" };

async function showFolders(call: Call, address: string): Promise<{ data: unknown; text: string }> {
  const folders = await call.withAdmin((admin) => listFolders(call.ctx, admin, address));
  const rows = folders.map((folder) => [
    folder.path, folder.containerClass, String(folder.messageCount), String(folder.unreadCount),
    formatSize(folder.sizeBytes),
  ]);
  const header = ["FOLDER", "CLASS", "ITEMS", "UNREAD", "SIZE"];
  return { data: folders, text: `${table(header, rows, [2, 3, 4])}\n${counted(folders.length, "folder")}` };
}

async function showPermissions(call: Call, address: string, path: string): Promise<{ data: unknown; text: string }> {
  const entries = await call.withAdmin((admin) => listPermissions(call.ctx, admin, { address, path }));
  const rows = entries.map((entry) => [entry.to, entry.name, entry.right, `0x${entry.rights.toString(16)}`]);
  return { data: entries, text: table(["WHO", "NAME", "RIGHT", "BITS"], rows) };
}

export const folderCommands: readonly Command[] = [
  {
    name: "folder list", operands: "ADDR [PATH]", operandsMin: 1, operandsMax: 2, flags: [],
    summary: "Lists the folders of a mailbox, or who has rights in one of them",
    run(call) {
      const [address = "", path] = call.operands;
      return path === undefined ? showFolders(call, address) : showPermissions(call, address, path);
    },
  },
  {
    name: "folder permit", operands: "ADDR PATH", operandsMin: 2, operandsMax: 2,
    flags: [
      {
        name: "to", value: "USER", required: true, summary: "the user or group, \"default\" or \"anonymous\"",
      },
      { name: "right", value: "RIGHT", summary: "reviewer, author, editor, owner, none, …" },
      { name: "remove", summary: "take the entry away: what groups or default have counts again" },
    ],
    summary: "Lets somebody into one folder of a mailbox",
    help: `${wrap(`Rights: ${folderPermissions.join(", ")}.`)}

A person's own entry counts alone; without one the entries of their groups count together, and
without those the default one. Anonymous is whoever did not sign in.

  outpost folder permit alice@example.org Calendar --to bob@example.org --right reviewer
  outpost folder permit alice@example.org Calendar --to default --right availability-only`,
    async run(call) {
      const [address = "", path = ""] = call.operands;
      const right = call.value("right");
      if ((right === null) !== call.has("remove")) throw new UsageError("Give --right or --remove.", "folder permit");
      const request = { address, path, to: call.value("to")!, right };
      await call.withAdmin((admin) => permitFolder(call.ctx, admin, request));
      const text = right === null ? `${request.to} has no right of its own on ${path} of ${address} any more.`
        : `${request.to} has ${right} on ${path} of ${address}.`;
      return { data: request, text };
    },
  },
];

const yesNo = (call: Call, flag: string): boolean => {
  const value = call.value(flag);
  return value !== null && parseYesNo(`--${flag}`, value);
};

export const delegateCommands: readonly Command[] = [
  {
    name: "shared delegate", operands: "ADDR", operandsMin: 1, operandsMax: 1,
    flags: [
      toFlag,
      ...delegateFolders.map((name): Flag => ({ name, value: "RIGHT", summary: `right on the folder ${name}` })),
      { name: "meeting-copies", value: "yes|no", summary: "whether they get copies of meeting messages" },
      { name: "private", value: "yes|no", summary: "whether they see items marked private" },
    ],
    summary: "Makes somebody a delegate: lets them into folders and send on behalf",
    help: `Works for people, rooms and shared mailboxes. Without a flag of its own the calendar and the tasks
are opened as editor, other folders stay as they are.

  outpost shared delegate alice@example.org --to bob@example.org --inbox reviewer --meeting-copies yes`,
    async run(call) {
      const [address = ""] = call.operands;
      const given = delegateFolders.map((name) => [name, call.value(name)] as const);
      const chosen = given.filter((one): one is [typeof one[0], string] => one[1] !== null);
      const request = {
        address, to: call.value("to")!, meetingCopies: yesNo(call, "meeting-copies"),
        seesPrivate: yesNo(call, "private"),
        rights: { calendar: "editor", tasks: "editor", ...Object.fromEntries(chosen) },
      };
      await call.withAdmin((admin) => makeDelegate(call.ctx, admin, request));
      return { data: request, text: `${request.to} is a delegate of ${address}.` };
    },
  },
  {
    name: "shared undelegate", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [toFlag],
    summary: "Takes back what shared delegate gave",
    async run(call) {
      const [address = ""] = call.operands;
      const to = call.value("to")!;
      await call.withAdmin((admin) => endDelegate(call.ctx, admin, address, to));
      return { data: { address, to }, text: `${to} is no delegate of ${address} any more.` };
    },
  },
];
