/** `outpost public …`: folders that belong to the whole organisation. */
import { folderPermissions } from "#admin/folders.ts";
import {
  addPublicFolder, folderClasses, listPublicFolders, listPublicPermissions, mailDisablePublicFolder,
  mailEnablePublicFolder, permitPublicFolder, removePublicFolder, setPublicQuota,
} from "#admin/public-folders.ts";
import { formatSize, parseSize } from "#admin/sizes.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag, Reply } from "#main/cli/command.ts";
import { nameFlag } from "#main/cli/commands/shared-parts.ts";
import { counted, table, wrap } from "#main/cli/text.ts";

const belowFlag: Flag = { name: "below", summary: "the folders below it too" };

async function showFolders(call: Call): Promise<Reply> {
  const folders = await call.withAdmin((admin) => listPublicFolders(call.ctx, admin));
  if (folders.length === 0) return { data: folders, text: "There are no public folders." };
  const rows = folders.map((folder) => [
    folder.path, folder.containerClass, String(folder.messageCount), formatSize(folder.sizeBytes),
    folder.address ?? "",
  ]);
  const list = table(["FOLDER", "CLASS", "ITEMS", "SIZE", "ADDRESS"], rows, [2, 3]);
  return { data: folders, text: `${list}\n${counted(folders.length, "folder")}` };
}

async function showPermissions(call: Call, path: string): Promise<Reply> {
  const entries = await call.withAdmin((admin) => listPublicPermissions(call.ctx, admin, path));
  const rows = entries.map((entry) => [entry.to, entry.name, entry.right, `0x${entry.rights.toString(16)}`]);
  return { data: entries, text: table(["WHO", "NAME", "RIGHT", "BITS"], rows) };
}

const makeCommands: readonly Command[] = [
  {
    name: "public add", operands: "PATH", operandsMin: 1, operandsMax: 1,
    flags: [
      { name: "holds", value: "WHAT", summary: `${Object.keys(folderClasses).join(", ")}; mail when left out` },
      { name: "owner", value: "USER", summary: "who may do everything in it" },
    ],
    summary: "Makes a public folder, and those above it that are missing",
    help: `${wrap("A folder at the top lets everybody who signs in read, write, and change what they wrote (author), " +
      "and strangers nothing. A folder below starts with the rights of the one above. Who has the role " +
      "public-folder-admin may do everything, in mail programs too.")}

  outpost public add Announcements/2026 --owner alice@example.org
  outpost public permit Announcements --to default --right reviewer --below`,
    async run(call) {
      const request = { path: call.operands[0]!, holds: call.value("holds") ?? "mail", owner: call.value("owner") };
      const view = await call.withAdmin((admin) => addPublicFolder(call.ctx, admin, request));
      return { data: view, text: `Made the public folder ${view.path}.` };
    },
  },
  {
    name: "public list", operands: "[PATH]", operandsMin: 0, operandsMax: 1, flags: [],
    summary: "Lists the public folders, or who has rights in one of them",
    run: (call) => (call.operands[0] === undefined ? showFolders(call) : showPermissions(call, call.operands[0])),
  },
  {
    name: "public remove", operands: "PATH", operandsMin: 1, operandsMax: 1, flags: [belowFlag],
    summary: "Removes a public folder; its messages can be recovered for some time",
    async run(call) {
      const path = call.operands[0]!;
      const done = await call.withAdmin((admin) => removePublicFolder(call.ctx, admin, path, call.has("below")));
      return { data: { path, ...done }, text: `Removed ${counted(done.folders, "public folder")}.` };
    },
  },
  {
    name: "public set", operands: "", operandsMin: 0, operandsMax: 0,
    flags: [{ name: "quota", value: "SIZE", required: true, summary: "most that all of them hold: 50G, none" }],
    summary: "Limits what the public folders hold together",
    async run(call) {
      const quotaBytes = parseSize(call.value("quota")!);
      await call.withAdmin((admin) => setPublicQuota(call.ctx, admin, quotaBytes));
      return { data: { quotaBytes }, text: `The public folders may hold ${formatSize(quotaBytes)}.` };
    },
  },
];

const openCommands: readonly Command[] = [
  {
    name: "public permit", operands: "PATH", operandsMin: 1, operandsMax: 1,
    flags: [
      { name: "to", value: "USER", required: true, summary: "the user or group, \"default\" or \"anonymous\"" },
      { name: "right", value: "RIGHT", summary: "reviewer, author, editor, owner, none, …" },
      { name: "remove", summary: "take the entry away: what groups or default have counts again" },
      belowFlag,
    ],
    summary: "Lets somebody into a public folder",
    help: `${wrap(`Rights: ${folderPermissions.join(", ")}.`)}

  outpost public permit Announcements --to default --right reviewer
  outpost public permit Announcements --to press@example.org --right editor --below`,
    async run(call) {
      const right = call.value("right");
      if ((right === null) !== call.has("remove")) throw new UsageError("Give --right or --remove.", "public permit");
      const request = { path: call.operands[0]!, to: call.value("to")!, right, below: call.has("below") };
      const folders = await call.withAdmin((admin) => permitPublicFolder(call.ctx, admin, request));
      const what = right === null ? `${request.to} has no right of its own` : `${request.to} has ${right}`;
      return { data: { ...request, folders }, text: `${what} on ${counted(folders, "public folder")}.` };
    },
  },
  {
    name: "public mail-enable", operands: "PATH ADDR", operandsMin: 2, operandsMax: 2,
    flags: [
      nameFlag,
      { name: "hidden", summary: "not shown in address books" },
      { name: "from-outside", summary: "lets everybody in the world write to it, not only who signs in" },
    ],
    summary: "Gives a public folder an address",
    help: wrap("Mail is taken from whoever may make items in the folder: people who sign in by their own right, " +
      "everybody else by that of anonymous, which --from-outside gives."),
    async run(call) {
      const [path = "", address = ""] = call.operands;
      const request = {
        path, address, displayName: call.value("name"), hidden: call.has("hidden"),
        fromOutside: call.has("from-outside"),
      };
      const view = await call.withAdmin((admin) => mailEnablePublicFolder(call.ctx, admin, request));
      return { data: view, text: `${view.path} takes mail at ${view.address}.` };
    },
  },
  {
    name: "public mail-disable", operands: "PATH", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Takes the address of a public folder away",
    async run(call) {
      const path = call.operands[0]!;
      const address = await call.withAdmin((admin) => mailDisablePublicFolder(call.ctx, admin, path));
      return { data: { path, address }, text: `${path} takes no mail at ${address} any more.` };
    },
  },
];

export const publicCommands: readonly Command[] = [...makeCommands, ...openCommands];
