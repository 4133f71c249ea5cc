/** Stores and folders as holders of properties; messages and attachments are their own. [MS-OXCPRPT] 3.2.5 */
import type { Ctx } from "#base/ctx.ts";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { setAway } from "#serve/mapi/mailbox/away.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { hasKeptRules } from "#serve/mapi/mailbox/kept-rules.ts";
import { hiddenFolderIds } from "#serve/mapi/mailbox/keys.ts";
import { OpenAttachment } from "#serve/mapi/mailbox/attachment.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { PropertyHolder } from "#serve/mapi/mailbox/message.ts";
import type { AnyObject, FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { folderBag, logonBag, toFileTime } from "#serve/mapi/mailbox/property-source.ts";
import { SearchCounts } from "#serve/mapi/mailbox/search-counts.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";

const PidTagDisplayName = makeTag(0x3001, "String");
const PidTagContainerClass = makeTag(0x3613, "String");
const PidTagFolderType = makeTag(0x3601, "Integer32");
const searchFolder = 2;
/** What a search folder holds is worked out when it is asked for. [MS-OXCFOLD] 2.2.2.2.1.1, 2.2.2.2.1.2 */
const countIds: ReadonlySet<number> = new Set([0x3602, 0x3603]);
const PidTagAttributeHidden = makeTag(0x10f4, "Boolean");
const PidTagHasRules = makeTag(0x663a, "Boolean");
const PidTagHierarchyChangeNumber = makeTag(0x663e, "Integer32");
const PidTagLocalCommitTimeMax = makeTag(0x670a, "Time");
const PidTagFolderFlags = makeTag(0x66a8, "Integer32");
/** In PidTagFolderFlags. */
const withRules = 0x08;
const ruleIds: ReadonlySet<number> = new Set([PidTagHasRules, PidTagFolderFlags].map(tagId));
/** What is not told by the row of the folder. [MS-OXCFOLD] 2.2.2.2.1.6, 2.2.2.2.1.9, 2.2.2.2.1.14 */
const stampIds: ReadonlySet<number> = new Set([
  PidTagHierarchyChangeNumber, PidTagLocalCommitTimeMax, PidTagFolderFlags,
].map(tagId));

/** Computed by the server. [MS-OXCFOLD] 2.2.2.2 */
const folderReadOnly: ReadonlySet<number> = new Set([
  0x0ff4, 0x0ff6, 0x0ff8, 0x0ff9, 0x0ffa, 0x0ffb, 0x0ffe, 0x0fff, 0x0e08, 0x0e09, 0x3601, 0x3602, 0x3603, 0x3617,
  0x360a, 0x6639, 0x663a, 0x65e0, 0x65e1, 0x65e2, 0x65e3, 0x6748, 0x6749, 0x67a4, 0x670a, 0x670b, 0x3008,
  0x663e, 0x66a8, 0x668f,
  ...hiddenFolderIds,
]);
const PidTagOutOfOfficeState = makeTag(0x661d, "Boolean");
/** [MS-OXCSTOR] 2.2.2.1.2 */
const logonWritable: ReadonlySet<number> = new Set([tagId(PidTagOutOfOfficeState)]);

class FolderHolder implements PropertyHolder {
  readonly readOnly = folderReadOnly;
  readonly #folder: FolderObject;
  readonly #hostname: string;

  constructor(folder: FolderObject, hostname: string) {
    this.#folder = folder;
    this.#hostname = hostname;
  }

  async bag(ctx: Ctx, tags?: readonly PropertyTag[]): Promise<ReadonlyMap<PropertyTag, PropertyValue>> {
    const bag = await folderBag(ctx, this.#folder, this.#hostname);
    if (tags?.some((tag) => ruleIds.has(tagId(tag))) ?? true) {
      const { logon, folderId } = this.#folder;
      bag.set(PidTagHasRules, await hasKeptRules(ctx, logon, await logon.mailbox.folder(ctx, folderId)));
    }
    if (tags?.some((tag) => stampIds.has(tagId(tag))) ?? true) await this.#putStamps(ctx, bag);
    const asksCounts = tags?.some((tag) => countIds.has(tagId(tag))) ?? true;
    if (bag.get(PidTagFolderType) !== searchFolder || !asksCounts) return bag;
    const { count } = await SearchCounts.of(this.#folder.logon).look(ctx, this.#folder.folderId);
    return new Map(bag).set(makeTag(0x3602, "Integer32"), count.messageCount)
      .set(makeTag(0x3603, "Integer32"), count.unreadCount);
  }

  async #putStamps(ctx: Ctx, bag: PropertyBag): Promise<void> {
    const { logon, folderId } = this.#folder;
    const { treeCn, contentMs } = await logon.mailbox.folderStamps(ctx, folderId);
    bag.set(PidTagHierarchyChangeNumber, treeCn & 0x7fff_ffff);
    if (contentMs !== null) bag.set(PidTagLocalCommitTimeMax, toFileTime(contentMs));
    const flags = bag.get(PidTagFolderFlags);
    if (bag.get(PidTagHasRules) === true && typeof flags === "number") bag.set(PidTagFolderFlags, flags | withRules);
  }

  async set(ctx: Ctx, values: readonly { tag: PropertyTag; value: PropertyValue }[]): Promise<void> {
    const { mailbox } = this.#folder.logon;
    const set = new Map<PropertyTag, PropertyValue>();
    let name: string | null = null;
    let containerClass: string | undefined;
    let hidden: boolean | undefined;
    for (const { tag, value } of values) {
      if (tag === PidTagDisplayName && typeof value === "string") name = value;
      else if (tag === PidTagContainerClass && typeof value === "string") containerClass = value;
      else if (tag === PidTagAttributeHidden && typeof value === "boolean") hidden = value;
      else set.set(tag, value);
    }
    if (name !== null) await this.#rename(ctx, name);
    if (set.size === 0 && containerClass === undefined && hidden === undefined) return;
    await mailbox.updateFolderProperties(ctx, {
      folderId: this.#folder.folderId, set, ...containerClass === undefined ? {} : { containerClass },
      ...hidden === undefined ? {} : { hidden },
    });
  }

  async #rename(ctx: Ctx, name: string): Promise<void> {
    const { mailbox } = this.#folder.logon;
    const info = await mailbox.folder(ctx, this.#folder.folderId);
    if (info.parentId === null || info.name === name) return;
    await mailbox.moveFolder(ctx, { folderId: info.folderId, parentId: info.parentId, name });
  }

  async remove(ctx: Ctx, tags: readonly PropertyTag[]): Promise<void> {
    await this.#folder.logon.mailbox.updateFolderProperties(ctx, { folderId: this.#folder.folderId, remove: tags });
  }
}

class LogonHolder implements PropertyHolder {
  readonly readOnly: ReadonlySet<number> = { has: (id: number) => !logonWritable.has(id) } as ReadonlySet<number>;
  readonly #logon: LogonObject;
  readonly #session: MailboxSession;

  constructor(logon: LogonObject, session: MailboxSession) {
    this.#logon = logon;
    this.#session = session;
  }

  bag(ctx: Ctx): Promise<ReadonlyMap<PropertyTag, PropertyValue>> {
    return logonBag(ctx, this.#logon, this.#session);
  }

  async set(ctx: Ctx, values: readonly { tag: PropertyTag; value: PropertyValue }[]): Promise<void> {
    for (const { tag, value } of values) {
      if (tag !== PidTagOutOfOfficeState || typeof value !== "boolean") {
        throw new RopError("accessDenied", "The properties of the store are the server's.");
      }
      await setAway(ctx, this.#logon, this.#session.services, value);
    }
  }

  remove(): Promise<void> {
    throw new RopError("accessDenied", "The properties of the store are the server's.");
  }
}

/** Throws RopError `notSupported` for what has no properties. */
export function holderOf(object: AnyObject, session: MailboxSession): PropertyHolder {
  if (object instanceof OpenMessage || object instanceof OpenAttachment) return object;
  if (object.kind === "folder") return new FolderHolder(object as FolderObject, session.services.hostname);
  if (object.kind === "logon") return new LogonHolder(object as LogonObject, session);
  throw new RopError("notSupported", `A ${object.kind} has no properties.`);
}

/**
 * Which of the tags may be written, and the problems of those that may not; `spoiling` are those that are taken and
 * keep the object from being saved. [MS-OXCPRPT] 3.2.5.4, [MS-OXCMSG] 3.2.5.3
 */
export function splitWritable<T extends { readonly tag: PropertyTag }>(
  holder: PropertyHolder, values: readonly T[],
): { readonly good: T[]; readonly bad: { index: number; tag: PropertyTag }[]; readonly spoiling: T[] } {
  const good: T[] = [];
  const spoiling: T[] = [];
  const bad: { index: number; tag: PropertyTag }[] = [];
  values.forEach((value, index) => {
    const id = tagId(value.tag);
    if (holder.spoiling?.has(id) === true) spoiling.push(value);
    else if (holder.readOnly.has(id)) bad.push({ index, tag: value.tag });
    else good.push(value);
  });
  return { good, bad, spoiling };
}
