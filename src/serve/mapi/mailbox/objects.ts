/** What handles stand for. [MS-OXCROPS] 1.3.2 */
import type { FolderId, MailboxId } from "#base/ids.ts";
import type { Mailbox } from "#mailbox/api.ts";
import type { Items } from "#mailbox/items-api.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import type { ObjectKind } from "#wire/mapi/rop.ts";

interface ServerObject {
  readonly kind: ObjectKind;
  /** Called with its handle when it is given out. */
  opened?(handle: number, session: MailboxSession): void;
  /** Frees what it holds; called once when its handle is released or its logon ends. */
  close?(): void;
}

/** A store that a client logged on to. [MS-OXCSTOR] 2.2.1.1 */
export interface LogonObject extends ServerObject {
  readonly kind: "logon";
  readonly logonId: number;
  readonly mailbox: Mailbox;
  readonly items: Items;
  readonly mailboxId: MailboxId;
  readonly mailboxGuid: string;
  readonly replicaGuid: string;
  readonly owner: { readonly legacyDn: string; readonly displayName: string; readonly address: string };
  readonly isOwner: boolean;
  /** The folders of the whole organisation, where everybody has read marks of their own. */
  readonly isPublic: boolean;
}

export interface FolderObject extends ServerObject {
  readonly kind: "folder";
  readonly logon: LogonObject;
  readonly folderId: FolderId;
}

/** Made by the files of the other objects, which know their shape. */
export interface OtherObject extends ServerObject {
  readonly logon: LogonObject;
}

export type AnyObject = LogonObject | FolderObject | OtherObject;

export function isLogon(object: AnyObject): object is LogonObject {
  return object.kind === "logon";
}

export function logonOf(object: AnyObject): LogonObject {
  return object.kind === "logon" ? object as LogonObject : (object as FolderObject | OtherObject).logon;
}
