/**
 * The folders of a new mailbox, one row each: role, parent, container class, which folder clients see. Names by
 * language stand in `names.ts`. Roles never change and tie a folder to every protocol's well-known name.
 * [MS-OXOSFLD] 2.2.1, [MS-OXCSTOR] 2.2.1.1.3
 */
export interface RoleRow {
  /** null: directly below nothing (the root itself). */
  readonly parent: FolderRole | null;
  readonly containerClass: string;
  /** Below the tree a person sees ("Top of Information Store"). */
  readonly visible: boolean;
  readonly hidden?: true;
  readonly searchFolder?: true;
  /** RFC 6154 attribute in IMAP LIST. */
  readonly specialUse?: "\\Archive" | "\\Drafts" | "\\Junk" | "\\Sent" | "\\Trash";
}

export type FolderRole = MailboxRole | PublicRole;

/** Of the public store alone. [MS-OXCSTOR] 2.2.1.1.4 */
export type PublicRole = "nonIpmSubtree" | "eformsRegistry" | "publicFreeBusy" | "publicAddressBook";

export type MailboxRole =
  | "root" | "deferredAction" | "spoolerQueue" | "ipmSubtree" | "inbox" | "outbox" | "sentItems" | "deletedItems"
  | "commonViews" | "schedule" | "finder" | "views" | "shortcuts" | "drafts" | "calendar" | "contacts" | "journal"
  | "notes" | "tasks" | "reminders" | "junkEmail" | "syncIssues" | "conflicts" | "localFailures" | "serverFailures"
  | "rssFeeds" | "trackedMail" | "toDo" | "conversationActions" | "quickSteps" | "suggestedContacts" | "contactSearch"
  | "imContactList" | "quickContacts" | "freeBusyData" | "archive" | "conversationHistory" | "recoverableItems"
  | "recoverableDeletions" | "recoverableVersions" | "recoverablePurges" | "recoverableDiscoveryHolds"
  | "recoverableAudits" | "recoverableCalendarLogging" | "allItems";

/** In the order they are made: parents first; the first 13 are the ids of RopLogon in order. */
export const folderRoles = {
  root: { parent: null, containerClass: "", visible: false },
  deferredAction: { parent: "root", containerClass: "", visible: false },
  spoolerQueue: { parent: "root", containerClass: "", visible: false },
  ipmSubtree: { parent: "root", containerClass: "", visible: true },
  inbox: { parent: "ipmSubtree", containerClass: "IPF.Note", visible: true },
  outbox: { parent: "ipmSubtree", containerClass: "IPF.Note", visible: true },
  sentItems: { parent: "ipmSubtree", containerClass: "IPF.Note", visible: true, specialUse: "\\Sent" },
  deletedItems: { parent: "ipmSubtree", containerClass: "IPF.Note", visible: true, specialUse: "\\Trash" },
  commonViews: { parent: "root", containerClass: "", visible: false },
  schedule: { parent: "root", containerClass: "", visible: false },
  finder: { parent: "root", containerClass: "", visible: false },
  views: { parent: "root", containerClass: "", visible: false },
  shortcuts: { parent: "root", containerClass: "", visible: false },
  drafts: { parent: "ipmSubtree", containerClass: "IPF.Note", visible: true, specialUse: "\\Drafts" },
  calendar: { parent: "ipmSubtree", containerClass: "IPF.Appointment", visible: true },
  contacts: { parent: "ipmSubtree", containerClass: "IPF.Contact", visible: true },
  journal: { parent: "ipmSubtree", containerClass: "IPF.Journal", visible: true },
  notes: { parent: "ipmSubtree", containerClass: "IPF.StickyNote", visible: true },
  tasks: { parent: "ipmSubtree", containerClass: "IPF.Task", visible: true },
  reminders: { parent: "root", containerClass: "Outlook.Reminder", visible: false, searchFolder: true },
  junkEmail: { parent: "ipmSubtree", containerClass: "IPF.Note", visible: true, specialUse: "\\Junk" },
  syncIssues: { parent: "ipmSubtree", containerClass: "IPF.Note", visible: true },
  conflicts: { parent: "syncIssues", containerClass: "IPF.Note", visible: true },
  localFailures: { parent: "syncIssues", containerClass: "IPF.Note", visible: true },
  serverFailures: { parent: "syncIssues", containerClass: "IPF.Note", visible: true },
  rssFeeds: { parent: "ipmSubtree", containerClass: "IPF.Note.OutlookHomepage", visible: true },
  trackedMail: { parent: "root", containerClass: "IPF.Note", visible: false, searchFolder: true },
  toDo: { parent: "root", containerClass: "IPF.Task", visible: false, searchFolder: true },
  conversationActions: { parent: "ipmSubtree", containerClass: "IPF.Configuration", visible: true, hidden: true },
  quickSteps: { parent: "ipmSubtree", containerClass: "IPF.Configuration", visible: true, hidden: true },
  suggestedContacts: { parent: "ipmSubtree", containerClass: "IPF.Contact", visible: true },
  contactSearch: { parent: "finder", containerClass: "IPF.Contact", visible: false, searchFolder: true },
  imContactList: {
    parent: "contacts", containerClass: "IPF.Contact.MOC.ImContactList", visible: true, hidden: true,
  },
  quickContacts: {
    parent: "contacts", containerClass: "IPF.Contact.MOC.QuickContacts", visible: true, hidden: true,
  },
  freeBusyData: { parent: "root", containerClass: "", visible: false },
  archive: { parent: "ipmSubtree", containerClass: "IPF.Note", visible: true, specialUse: "\\Archive" },
  conversationHistory: { parent: "ipmSubtree", containerClass: "IPF.Note", visible: true },
  recoverableItems: { parent: "root", containerClass: "", visible: false },
  recoverableDeletions: { parent: "recoverableItems", containerClass: "", visible: false },
  recoverableVersions: { parent: "recoverableItems", containerClass: "", visible: false },
  recoverablePurges: { parent: "recoverableItems", containerClass: "", visible: false },
  recoverableDiscoveryHolds: { parent: "recoverableItems", containerClass: "", visible: false },
  recoverableAudits: { parent: "recoverableItems", containerClass: "", visible: false },
  recoverableCalendarLogging: { parent: "recoverableItems", containerClass: "", visible: false },
  allItems: { parent: "root", containerClass: "IPF", visible: false, searchFolder: true },
} as const satisfies Record<MailboxRole, RoleRow>;

/**
 * The folders of a new public store in the order they are made. Public folders stand below `ipmSubtree`, and everybody
 * sees the way to those they may see.
 */
export const publicFolders: readonly (RoleRow & { readonly role: FolderRole; readonly name: string })[] = [
  { role: "root", name: "Root", parent: null, containerClass: "", visible: false },
  { role: "ipmSubtree", name: "IPM_SUBTREE", parent: "root", containerClass: "", visible: true },
  { role: "nonIpmSubtree", name: "NON_IPM_SUBTREE", parent: "root", containerClass: "", visible: false },
  { role: "eformsRegistry", name: "EFORMS REGISTRY", parent: "nonIpmSubtree", containerClass: "", visible: false },
  {
    role: "publicFreeBusy", name: "SCHEDULE+ FREE BUSY", parent: "nonIpmSubtree", containerClass: "", visible: false,
  },
  {
    role: "publicAddressBook", name: "OFFLINE ADDRESS BOOK", parent: "nonIpmSubtree", containerClass: "",
    visible: false,
  },
  { role: "recoverableItems", name: "Recoverable Items", parent: "root", containerClass: "", visible: false },
  { role: "recoverableDeletions", name: "Deletions", parent: "recoverableItems", containerClass: "", visible: false },
  { role: "recoverablePurges", name: "Purges", parent: "recoverableItems", containerClass: "", visible: false },
];
const publicRows: Partial<Record<FolderRole, RoleRow>> =
  Object.fromEntries(publicFolders.map((row) => [row.role, row]));

/** The row of a role with its optional columns. */
export function roleRow(role: FolderRole): RoleRow {
  return role in folderRoles ? folderRoles[role as MailboxRole] : publicRows[role]!;
}
