/** Items made of properties on their way into folders: what is there already is found, not doubled. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { FolderId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { attachmentAboutBytes, getProperty, namedKey, setNamed } from "#convert/item.ts";
import type { ItemBag, ItemObject } from "#convert/item.ts";
import { exceptionDateOf } from "#convert/ical/global-object-id.ts";
import { fromFileTime } from "#convert/mime/times.ts";
import { uidName, uidOf } from "#convert/vcard/kept.ts";
import { throwIfCancelled } from "#base/ctx.ts";
import type { ImportRun } from "#admin/transfer.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { ItemRow } from "#mailbox/items-api.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";
import { tagId } from "#props/types.ts";

const p = properties;

/** Of what the item was made, so that the same file read again makes no second one. */
export const importMark: NamedId = { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "OutpostImported" };

/** The UID of an item that has none of its own: the same at each export. */
export function ownUid(mailboxId: number, itemId: number): string {
  return `outpost-${mailboxId}-${itemId}`;
}

interface Known {
  readonly messageId: MessageId;
  readonly mark: string | null;
  readonly sequence: number;
  readonly modifiedMs: number | null;
  readonly name: string;
  readonly address: string;
}

/** What a folder holds, by what files may tell of it. */
interface FolderIndex {
  /** How often an item of this mark is there and was not met yet. */
  readonly marks: Map<string, number>;
  readonly byKey: Map<string, Known>;
  /** Keys whose item is being written. */
  readonly pending: Map<string, Promise<void>>;
}

export type PersonFinder = (uid: string) => { readonly name: string; readonly address: string } | undefined;

/** How an item is known again: by its UID, so that a newer file changes it, or by all that it says. */
export type KnownBy = "uid" | "content";

export class ItemImporter {
  readonly run: ImportRun;
  readonly #indexes = new Map<number, Promise<FolderIndex>>();

  constructor(run: ImportRun) {
    this.run = run;
  }

  /** Takes an item in. `label` names it where it is refused. */
  async put(folderId: FolderId, item: ItemBag, label: string, knownBy: KnownBy): Promise<void> {
    throwIfCancelled(this.run.ctx);
    const index = await this.#index(folderId);
    const key = knownBy === "uid" ? keyOf(item) : null;
    const mark = markOf(item);
    setNamed(item, importMark, "String", mark);
    if (key === null) {
      const count = index.marks.get(mark) ?? 0;
      if (count > 0 && !this.run.again) {
        index.marks.set(mark, count - 1);
        this.run.result.present++;
        return;
      }
      await this.run.lanes.start(sizeOf(item), () => this.#create(folderId, item, label).then(() => undefined));
      return;
    }
    await index.pending.get(key);
    const known = index.byKey.get(key);
    if (known !== undefined && !this.run.again) {
      if (known.mark === mark) {
        this.run.result.present++;
        return;
      }
      if (isOlder(item, known)) {
        this.run.result.older++;
        return;
      }
    }
    await this.run.lanes.start(sizeOf(item), () => {
      const work = this.#write(folderId, index, key, known, item, label);
      index.pending.set(key, work);
      return work.finally(() => index.pending.delete(key));
    });
  }

  async #write(
    folderId: FolderId, index: FolderIndex, key: string, known: Known | undefined, item: ItemBag, label: string,
  ): Promise<void> {
    const messageId = known === undefined ? await this.#create(folderId, item, label)
      : await this.#replace(known.messageId, item, label);
    if (messageId !== null) index.byKey.set(key, knownOf(messageId, item));
  }

  async #create(folderId: FolderId, item: ItemBag, label: string): Promise<MessageId | null> {
    try {
      const { ctx, mailbox, result } = this.run;
      // What a file does not tell to be unread was known to who wrote it.
      const flags = item.bag.has(p.PidTagMessageFlags.tag) ? 0 : messageFlags.seen;
      const { messageId } = await mailbox.items.create(ctx, { folderId, item, flags, internalMs: arrivalOf(item) });
      result.imported++;
      return messageId;
    } catch (error) {
      this.run.refuse(label, error);
      return null;
    }
  }

  /** All that the file tells takes the place of all that the item told; marks of readers stay. */
  async #replace(messageId: MessageId, item: ItemBag, label: string): Promise<MessageId | null> {
    const { ctx, mailbox, result } = this.run;
    try {
      const old = await mailbox.items.open(ctx, messageId);
      const told = new Set([...item.bag.keys()].map(tagId));
      const tags = [...old.bag.keys()].filter((tag) => !told.has(tagId(tag)) && !staying.has(tagId(tag)));
      const names = [...old.named].filter(([key]) => !item.named.has(key)).map(([, { name }]) => name);
      await mailbox.items.update(ctx, {
        messageId, set: item, remove: { tags, names }, recipients: item.recipients,
        attachments: { remove: old.attachments.map(({ number }) => number), add: item.attachments },
      });
      result.updated++;
      return messageId;
    } catch (error) {
      this.run.refuse(label, error);
      return null;
    }
  }

  /** Whether the series of a changed occurrence is in the folder. */
  async holdsSeriesOf(folderId: FolderId, item: ItemBag): Promise<boolean> {
    const clean = getProperty(item, p.PidLidCleanGlobalObjectId);
    const index = await this.#index(folderId);
    return clean !== undefined && index.byKey.has(goidKey(clean));
  }

  /** Who is meant by the UID of a card in the folder. */
  async personFinder(folderId: FolderId): Promise<PersonFinder> {
    const { byKey } = await this.#index(folderId);
    return (uid) => {
      const known = byKey.get(uidKey(uid));
      return known === undefined || known.address === "" ? undefined : known;
    };
  }

  #index(folderId: FolderId): Promise<FolderIndex> {
    let index = this.#indexes.get(folderId);
    if (index === undefined) {
      index = this.#readIndex(folderId);
      this.#indexes.set(folderId, index);
    }
    return index;
  }

  /** One pass over the folder. */
  async #readIndex(folderId: FolderId): Promise<FolderIndex> {
    const { ctx, mailbox } = this.run;
    const index: FolderIndex = { marks: new Map(), byKey: new Map(), pending: new Map() };
    for await (const slice of mailbox.items.table(ctx, folderId, { tags: indexTags, names: indexNames })) {
      for (const { row, object } of slice) {
        const known = knownOf(row.messageId, object);
        if (known.mark !== null) index.marks.set(known.mark, (index.marks.get(known.mark) ?? 0) + 1);
        const key = keyOf(object) ?? uidKey(ownUid(mailbox.mailboxId, row.itemId));
        if (!isMailRow(row)) index.byKey.set(key, known);
      }
    }
    return index;
  }
}

const indexTags = [p.PidTagLastModificationTime.tag, p.PidTagDisplayName.tag];
const indexNames: readonly NamedId[] = [
  importMark, uidName, p.PidLidGlobalObjectId.named, p.PidLidCleanGlobalObjectId.named,
  p.PidLidAppointmentSequence.named, p.PidLidEmail1EmailAddress.named,
];

function isMailRow({ messageClass }: ItemRow): boolean {
  return /^(?:IPM\.(?:Note|Schedule)|REPORT)\b/i.test(messageClass);
}

function goidKey(globalObjectId: Uint8Array): string {
  return `g:${Buffer.from(globalObjectId).toString("hex")}`;
}

function uidKey(uid: string): string {
  return `u:${uid.toLowerCase()}`;
}

/** A changed occurrence alone is known by its day, too. [MS-OXOCAL] 2.2.1.27 */
function keyOf(item: ItemObject): string | null {
  const id = getProperty(item, p.PidLidGlobalObjectId);
  const clean = getProperty(item, p.PidLidCleanGlobalObjectId);
  if (id !== undefined && (clean === undefined || exceptionDateOf(id) !== undefined)) return goidKey(id);
  if (clean !== undefined) return goidKey(clean);
  const uid = uidOf(item);
  return uid === undefined ? null : uidKey(uid);
}

function knownOf(messageId: MessageId, item: ItemObject): Known {
  const mark = item.named.get(namedKey(importMark))?.value;
  const modified = getProperty(item, p.PidTagLastModificationTime);
  return {
    messageId, mark: typeof mark === "string" ? mark : null,
    sequence: getProperty(item, p.PidLidAppointmentSequence) ?? 0,
    modifiedMs: modified === undefined ? null : fromFileTime(modified),
    name: getProperty(item, p.PidTagDisplayName) ?? "",
    address: getProperty(item, p.PidLidEmail1EmailAddress) ?? "",
  };
}

/** RFC 5546 §2.1.5: first the sequence, then the time of the last change. */
function isOlder(item: ItemBag, known: Known): boolean {
  const { sequence, modifiedMs } = knownOf(known.messageId, item);
  if (sequence !== known.sequence) return sequence < known.sequence;
  return modifiedMs !== null && known.modifiedMs !== null && modifiedMs < known.modifiedMs;
}

/** Kept through an update: what readers and the server noted. */
const staying: ReadonlySet<number> = new Set([
  p.PidTagMessageFlags, p.PidTagMessageSize, p.PidTagHasAttachments, p.PidTagRead, p.PidTagAssociated,
  p.PidTagMessageClass, p.PidTagDisplayTo, p.PidTagDisplayCc, p.PidTagDisplayBcc, p.PidTagCreationTime,
  p.PidTagLastModificationTime, p.PidTagMessageDeliveryTime, p.PidTagConversationId, p.PidTagFlagStatus,
  p.PidTagSearchKey, p.PidTagSubjectPrefix, p.PidTagLastVerbExecuted, p.PidTagLastVerbExecutionTime,
].map(({ tag }) => tagId(tag)));

function sizeOf(item: ItemBag): number {
  return item.attachments.reduce((sum, one) =>
    sum + attachmentAboutBytes(one) + (one.embedded === undefined ? 0 : sizeOf(one.embedded)), 16_384);
}

/** When it came: else when it was sent, else made. UTC milliseconds; null for what tells none of them. */
function arrivalOf(item: ItemBag): number | null {
  for (const property of [p.PidTagMessageDeliveryTime, p.PidTagClientSubmitTime, p.PidTagCreationTime]) {
    const time = getProperty(item, property);
    const ms = time === undefined ? null : fromFileTime(time);
    if (ms !== null) return ms;
  }
  return null;
}

/** A digest of everything an item says. */
export function markOf(item: ItemBag): string {
  const hash = createHash("sha256");
  addItem(hash, item, 0);
  return hash.digest("hex").slice(0, 40);
}

type Hash = ReturnType<typeof createHash>;

function addItem(hash: Hash, item: ItemBag, depth: number): void {
  addObject(hash, item);
  for (const recipient of item.recipients) addObject(hash, recipient);
  for (const attachment of item.attachments) {
    addObject(hash, attachment);
    for (const chunk of attachment.content?.chunks() ?? []) hash.update(chunk);
    if (attachment.embedded !== undefined && depth < limits.itemDepthMax) {
      addItem(hash, attachment.embedded, depth + 1);
    }
  }
}

function addObject(hash: Hash, object: ItemObject): void {
  const lines: [string, unknown][] = [];
  for (const [tag, value] of object.bag) lines.push([String(tag), value]);
  for (const [key, { type, value }] of object.named) lines.push([`${key} ${type}`, value]);
  lines.sort(([left], [right]) => (left < right ? -1 : 1));
  for (const [name, value] of lines) {
    if (name.startsWith(namedKey(importMark))) continue;
    hash.update(`\n${name} `);
    addValue(hash, value);
  }
  hash.update("\n\n");
}

function addValue(hash: Hash, value: unknown): void {
  if (value instanceof Uint8Array) hash.update(`${value.length}:`).update(value);
  else if (Array.isArray(value)) {
    hash.update(`[${value.length}]`);
    for (const one of value) addValue(hash, one);
  } else hash.update(`${typeof value} ${String(value)}`);
}
