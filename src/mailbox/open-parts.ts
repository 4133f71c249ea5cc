/** What an opened mailbox is made of; wired in `mailbox.ts`. */
import type { MailboxId } from "#base/ids.ts";
import type { Directory, MailboxOwner } from "#directory/api.ts";
import type { Principal } from "#mailbox/api.ts";
import type { FolderTrees } from "#mailbox/folder-tree.ts";
import type { PropertyNameMap } from "#mailbox/items/names.ts";
import type { FolderKeys } from "#mailbox/keys/folder-keys.ts";
import type { Access } from "#mailbox/permissions/open-access.ts";
import type { Reader } from "#mailbox/readers/reader.ts";
import type { UidLists } from "#mailbox/uid-lists.ts";
import type { Store } from "#store/api.ts";

export interface OpenParts {
  readonly store: Store;
  readonly directory: Directory;
  readonly principal: Principal;
  readonly mailboxId: MailboxId;
  readonly access: Access;
  readonly owner: MailboxOwner;
  readonly names: PropertyNameMap;
  /** Of the public store: whose read marks are told and changed; null for the server itself. */
  readonly reader: Reader | null;
  readonly uidLists: UidLists;
  readonly folderKeys: FolderKeys;
  readonly folderTrees: FolderTrees;
}
