/** The words of the directory: kinds of entries, protocols with a switch, rights, roles. */
/** `public-store`: the mailbox with all public folders, one at most; `public-folder`: one of them with an address. */
export const entryKinds = [
  "user", "group", "shared", "room", "equipment", "contact", "public-store", "public-folder",
] as const;
export type EntryKind = (typeof entryKinds)[number];

/** Kinds that own a mailbox. */
export const mailboxKinds: readonly EntryKind[] = ["user", "shared", "room", "equipment", "public-store"];

/** Protocols an administrator can switch off for one person. */
export const protocolSwitches = ["mapi", "ews", "eas", "imap", "pop3", "smtp"] as const;

/** What may be granted on somebody else's mailbox. */
export const accessRights = ["full", "read", "send-as", "send-on-behalf"] as const;
export type AccessRight = (typeof accessRights)[number];

export const roles = ["organisation-admin", "impersonation", "public-folder-admin"] as const;
export type Role = (typeof roles)[number];

export function isOneOf<T extends string>(words: readonly T[], word: string): word is T {
  return (words as readonly string[]).includes(word);
}

/** Start of every name of a recipient; what follows is unique. [MS-OXOABK] 2.2.1.1 */
export const recipientsDn = "/o=Outpost/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=";

/** The legacyExchangeDN of a new entry: a random part and as much of the local part as the 64 characters allow. */
export function newLegacyDn(randomHex: string, local: string): string {
  const readable = local.replace(/[^a-zA-Z0-9._-]/g, "_");
  return recipientsDn + `${randomHex}-${readable}`.slice(0, 64);
}
