/** Folders by the names that programs of any language give them. */
import type { Ctx } from "#base/ctx.ts";
import type { FolderInfo, Mailbox } from "#mailbox/api.ts";
import { findFolder, foldersWithPaths, splitPath } from "#admin/folders.ts";
import { folderLanguages, folderNames } from "#mailbox/names.ts";
import type { FolderRole } from "#mailbox/roles.ts";

const namedRoles: readonly FolderRole[] = [
  "inbox", "outbox", "sentItems", "deletedItems", "drafts", "calendar", "contacts", "journal", "notes", "tasks",
  "junkEmail", "syncIssues", "conflicts", "localFailures", "serverFailures", "rssFeeds", "archive",
  "conversationHistory", "suggestedContacts",
];

/** What other servers and older programs call them. */
const otherNames: readonly (readonly [string, FolderRole])[] = [
  ["sent", "sentItems"], ["sent mail", "sentItems"], ["sent messages", "sentItems"], ["sent-mail", "sentItems"],
  ["trash", "deletedItems"], ["deleted messages", "deletedItems"], ["junk", "junkEmail"], ["junk e-mail", "junkEmail"],
  ["junk mail", "junkEmail"], ["spam", "junkEmail"], ["bulk mail", "junkEmail"], ["draft", "drafts"],
  ["archives", "archive"], ["rss subscriptions", "rssFeeds"],
];

const rolesByName = new Map<string, FolderRole>(otherNames);
for (const language of folderLanguages) {
  const names = folderNames(language);
  for (const role of namedRoles) rolesByName.set(keyOf(names[role]), role);
}

function keyOf(name: string): string {
  return name.normalize("NFC").trim().toLowerCase();
}

/** Which special folder a name means in any language we know; null for none. */
export function roleOfName(name: string): FolderRole | null {
  return rolesByName.get(keyOf(name)) ?? null;
}

/**
 * The folder for names from outside, made with its parents where it is missing. A first name that no folder of the
 * mailbox has, but that means a special folder in some language, is that folder. `under` is where the names begin.
 */
export async function placeFor(
  ctx: Ctx, mailbox: Mailbox, names: readonly string[],
  { containerClass, under }: { containerClass?: string; under?: FolderRole | null } = {},
): Promise<FolderInfo> {
  const folders = await foldersWithPaths(ctx, mailbox);
  let parent = await mailbox.folderByRole(ctx, under ?? "ipmSubtree");
  let path = folders.find(({ folder }) => folder.folderId === parent.folderId)?.path ?? "";
  for (const given of names) {
    const name = fitName(given);
    const escaped = name.replace(/[\\/]/g, "\\$&");
    const at = path === "" ? escaped : `${path}/${escaped}`;
    const role = path === "" ? roleOfName(name) : null;
    const special = role === null ? undefined : folders.find(({ folder }) => folder.role === role);
    const found = findFolder(folders, at) ?? special?.folder;
    path = found === undefined ? at : folders.find(({ folder }) => folder.folderId === found.folderId)?.path ?? at;
    parent = found ?? await mailbox.createFolder(ctx, {
      parentId: parent.folderId, name, ...containerClass === undefined ? {} : { containerClass },
    });
  }
  return parent;
}

/** `Archive/2026` as names; a slash inside a name is written `\/`. */
export function namesOfPath(path: string): string[] {
  return splitPath(path).map((part) => part.replace(/\\([\\/])/g, "$1"));
}

/** A name that a folder may have. */
function fitName(name: string): string {
  const fit = name.toWellFormed().replace(/[\0-\x1f\x7f]/g, " ").trim().slice(0, 255);
  return fit === "" ? "Unnamed" : fit;
}

/** What a mail folder of another program counts as here. */
export function knownContainerClass(containerClass: string): string {
  const known = /^IPF\.(?:Note|Appointment|Contact|Task|StickyNote|Journal)\b/i.test(containerClass);
  return known ? containerClass : "IPF.Note";
}
