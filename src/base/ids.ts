/**
 * Identifiers, branded so that they cannot be swapped. Inside the server an object's id is its 48-bit counter; the
 * 64-bit ids of MAPI add the replica id and are made by {@link toObjectId}. [MS-OXCDATA] 2.2.1
 */
declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** Which mailbox: a positive number given out by the directory and never used again. */
export type MailboxId = Branded<number, "MailboxId">;
/** A folder's 48-bit counter in its mailbox. */
export type FolderId = Branded<number, "FolderId">;
/** A message's 48-bit counter in its mailbox; a move gives a new one, as in Exchange. */
export type MessageId = Branded<number, "MessageId">;
/** A row that keeps its number through moves: message, embedded message. Never shown to clients. */
export type ItemId = Branded<number, "ItemId">;
/** Bytes of a message or attachment in a mailbox, shared by copies of the same message. */
export type ContentId = Branded<number, "ContentId">;
/** A point in the history of one mailbox. Every commit takes the next one. */
export type ChangeNumber = Branded<number, "ChangeNumber">;
/** IMAP unique identifier, 32 bits, per folder, never used again. RFC 9051 §2.3.1.1 */
export type Uid = Branded<number, "Uid">;
/** Anything the directory knows: a user, group, room, shared mailbox, contact. */
export type EntryId = Branded<number, "EntryId">;

/** The server's own replica in every mailbox. [MS-OXCDATA] 2.2.1.1 */
export const ownReplicaId = 1;

/**
 * The 64-bit id of a folder or message as it stands on the wire, read as a little-endian integer: the replica id in
 * the low 16 bits, then the six bytes of the counter, most significant first. [MS-OXCDATA] 2.2.1.1 and 2.2.1.2
 */
export function toObjectId(counter: number, replicaId: number = ownReplicaId): bigint {
  let swapped = 0n;
  let rest = BigInt(counter);
  for (let index = 0; index < 6; index++) {
    swapped = (swapped << 8n) | (rest & 0xffn);
    rest >>= 8n;
  }
  return (swapped << 16n) | BigInt(replicaId);
}
