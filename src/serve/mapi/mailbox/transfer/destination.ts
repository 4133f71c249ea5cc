/**
 * Streams on their way into messages, attachments and folders. What is written to a message waits in it until the
 * client saves it; messages and folders of a list are made as they come. [MS-OXCFXICS] 3.2.5.8.2
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { MessageId } from "#base/ids.ts";
import type { NamedId } from "#props/registry.ts";
import { isNamedTag, makeTag, tagId, tagTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { holderOf } from "#serve/mapi/mailbox/holders.ts";
import { OpenAttachment } from "#serve/mapi/mailbox/attachment.ts";
import { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { AnyObject, FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import {
  PidTagContainerContents, PidTagContainerHierarchy, PidTagFolderAssociatedContents,
} from "#serve/mapi/mailbox/transfer/copies.ts";
import { PidTagMessageAttachments, PidTagMessageRecipients } from "#serve/mapi/mailbox/transfer/objects-out.ts";
import { metaTags, TransferReader } from "#wire/mapi/transfer-stream.ts";
import type { Marker, TransferWord } from "#wire/mapi/transfer-stream.ts";

interface MessageFrame {
  readonly kind: "message";
  readonly message: OpenMessage;
  /** Saved at its end: one of a list. */
  readonly isListed: boolean;
}
interface AttachmentFrame {
  readonly kind: "attachment";
  readonly attachment: OpenAttachment;
}
interface RecipientFrame {
  readonly kind: "recipient";
  readonly bag: PropertyBag;
}
interface FolderFrame {
  readonly kind: "folder";
  /** null until its name has come. */
  folder: FolderObject | null;
  readonly parent: FolderObject | null;
}
type Frame = MessageFrame | AttachmentFrame | RecipientFrame | FolderFrame;

const PidTagRowid = 0x3000;
const PidTagDisplayName = makeTag(0x3001, "String");

export class TransferDestination {
  readonly kind = "fastTransferDestination";
  readonly logon: LogonObject;
  readonly #session: MailboxSession;
  readonly #reader = new TransferReader();
  readonly #frames: Frame[];
  readonly #depthAtStart: number;
  #size = 0;
  #parts: { tag: PropertyTag; pieces: Uint8Array[] } | null = null;

  constructor(target: AnyObject, session: MailboxSession) {
    this.#session = session;
    if (target instanceof OpenMessage) {
      target.requireWritable();
      this.#frames = [{ kind: "message", message: target, isListed: false }];
    } else if (target instanceof OpenAttachment) {
      target.message.requireWritable();
      this.#frames = [{ kind: "attachment", attachment: target }];
    } else if (target.kind === "folder") {
      this.#frames = [{ kind: "folder", folder: target as FolderObject, parent: null }];
    } else {
      throw new RopError("notSupported", `Nothing is transferred into a ${target.kind}.`);
    }
    this.logon = (target as FolderObject).logon;
    this.#depthAtStart = this.#frames.length;
  }

  /** Whether the stream may end where it stands. */
  get isWhole(): boolean {
    return this.#reader.isAtWord && this.#frames.length === this.#depthAtStart;
  }

  /** Takes the next part. Throws RopError `corruptData` for what is no stream, Faults of what it does. */
  async put(ctx: Ctx, bytes: Uint8Array): Promise<void> {
    this.#size += bytes.length;
    const isOneObject = this.#frames[0]!.kind !== "folder";
    if (isOneObject && this.#size > limits.messageSizeMaxBytes) throw new Fault("tooBig", "This message is too large.");
    try {
      for (const word of this.#reader.push(bytes)) await this.#take(ctx, word);
    } catch (error) {
      if (error instanceof WireError) throw new RopError("corruptData", error.message);
      throw error;
    }
  }

  get #top(): Frame {
    return this.#frames.at(-1)!;
  }

  async #take(ctx: Ctx, word: TransferWord): Promise<void> {
    if (word.kind === "marker") return await this.#marker(ctx, word.marker);
    if (word.kind === "property" && await this.#meta(ctx, word.tag, word.value)) return;
    const tag = await this.#ownTag(ctx, word);
    if (word.kind === "property") return await this.#property(ctx, tag, word.value);
    this.#parts ??= { tag, pieces: [] };
    this.#parts.pieces.push(Uint8Array.from(word.bytes));
    if (word.more) return;
    const { pieces } = this.#parts;
    this.#parts = null;
    await this.#property(ctx, tag, Buffer.concat(pieces));
  }

  /** The tag under which this mailbox keeps the property. */
  async #ownTag(ctx: Ctx, { tag, name }: { tag: PropertyTag; name: NamedId | null }): Promise<PropertyTag> {
    if (name === null || !isNamedTag(tag)) return tag;
    const [id] = await this.logon.items.propertyIds(ctx, [name], true);
    return ((id! * 0x10000 + tagTypeCode(tag)) >>> 0) as PropertyTag;
  }

  async #marker(ctx: Ctx, marker: Marker): Promise<void> {
    const top = this.#top;
    switch (marker) {
      case "StartMessage": case "StartFAIMsg":
        return this.#push({ kind: "message", message: this.#newMessage(marker === "StartFAIMsg"), isListed: true });
      case "StartTopFld": case "StartSubFld": {
        const parent = top.kind === "folder" ? top.folder : null;
        if (parent === null) throw unexpected(marker);
        return this.#push({ kind: "folder", folder: null, parent });
      }
      case "StartRecip":
        if (top.kind !== "message") throw unexpected(marker);
        return this.#push({ kind: "recipient", bag: new Map() });
      case "NewAttach":
        if (top.kind !== "message") throw unexpected(marker);
        if (top.message.attachments().length >= limits.mapiTransferAttachmentsMax) {
          throw new Fault("tooMany", "This message has too many attachments.");
        }
        return this.#push({ kind: "attachment", attachment: top.message.createAttachment() });
      case "StartEmbed":
        if (top.kind !== "attachment") throw unexpected(marker);
        return this.#push({
          kind: "message", message: await top.attachment.openEmbedded(ctx, true), isListed: false,
        });
      case "EndMessage": case "EndEmbed": case "EndToRecip": case "EndAttach": case "EndFolder":
        return await this.#end(ctx, marker);
      default: throw unexpected(marker);
    }
  }

  #push(frame: Frame): void {
    if (this.#frames.length > limits.mapiTransferDepthMax * 2) {
      throw new Fault("tooMany", "A transfer is nested too deep.");
    }
    this.#frames.push(frame);
  }

  #newMessage(isAssociated: boolean): OpenMessage {
    const top = this.#top;
    if (top.kind !== "folder" || top.folder === null) throw unexpected("StartMessage");
    const { logon, folderId } = top.folder;
    return new OpenMessage({
      logon, hostname: this.#session.services.hostname, folderId, messageId: null, isAssociated, isWritable: true,
      within: null,
    }, null);
  }

  async #end(ctx: Ctx, marker: Marker): Promise<void> {
    const frame = this.#frames.length > this.#depthAtStart ? this.#frames.pop()! : null;
    if (frame?.kind === "message" && marker === (frame.isListed ? "EndMessage" : "EndEmbed")) {
      await frame.message.save(ctx, true);
    } else if (frame?.kind === "recipient" && marker === "EndToRecip") {
      await this.#endRecipient(ctx, frame);
    } else if (frame?.kind === "attachment" && marker === "EndAttach") {
      frame.attachment.isListed = true;
    } else if (frame?.kind !== "folder" || marker !== "EndFolder") {
      throw unexpected(marker);
    }
  }

  async #endRecipient(ctx: Ctx, { bag }: RecipientFrame): Promise<void> {
    const top = this.#top;
    if (top.kind !== "message") throw unexpected("EndToRecip");
    const told = [...bag].find(([tag]) => tagId(tag) === PidTagRowid)?.[1];
    const known = await top.message.recipients(ctx);
    const rowId = typeof told === "number" ? told >>> 0 : (known.at(-1)?.rowId ?? -1) + 1;
    await top.message.putRecipient(ctx, rowId, bag);
  }

  /** True for what steers the transfer. */
  async #meta(ctx: Ctx, tag: PropertyTag, value: PropertyValue): Promise<boolean> {
    switch (tag as number) {
      case metaTags.delProp:
        await this.#empty(ctx, (Number(value) >>> 0) as PropertyTag);
        return true;
      // The name of the sender's server, and warnings of the sender: nothing to keep.
      case metaTags.dnPrefix: case metaTags.ecWarning: return true;
      case metaTags.newFolder: throw new RopError("notSupported", "Contents of another server cannot be fetched.");
      default: return false;
    }
  }

  async #empty(ctx: Ctx, tag: PropertyTag): Promise<void> {
    const top = this.#top;
    if (top.kind === "message" && tag === PidTagMessageRecipients) return top.message.removeAllRecipients();
    if (top.kind === "message" && tag === PidTagMessageAttachments) {
      for (const { number } of top.message.attachments()) top.message.deleteAttachment(number);
      return;
    }
    if (top.kind !== "folder" || top.folder === null) return;
    const { items, mailbox } = top.folder.logon;
    if (tag === PidTagContainerContents || tag === PidTagFolderAssociatedContents) {
      const ids: MessageId[] = [];
      const associated = tag === PidTagFolderAssociatedContents;
      for await (const rows of items.rows(ctx, top.folder.folderId, { associated })) {
        for (const row of rows) ids.push(row.messageId);
      }
      if (ids.length > 0) await items.remove(ctx, ids, "soft");
    } else if (tag === PidTagContainerHierarchy) {
      const { folderId } = top.folder;
      for (const info of await mailbox.folders(ctx)) {
        if (info.parentId !== folderId) continue;
        await mailbox.deleteFolder(ctx, { folderId: info.folderId, mode: "soft", children: "delete" });
      }
    }
  }

  async #property(ctx: Ctx, tag: PropertyTag, value: PropertyValue): Promise<void> {
    const top = this.#top;
    const id = tagId(tag);
    // Identifiers of the place it comes from. [MS-OXCFXICS] 3.2.5.12
    if (id >= 0x6600 && id <= 0x67ff) return;
    if (top.kind === "recipient") {
      top.bag.set(tag, value);
    } else if (top.kind === "message") {
      if (!top.message.readOnly.has(id)) await top.message.set(ctx, [{ tag, value }]);
    } else if (top.kind === "attachment") {
      if (!top.attachment.readOnly.has(id)) await top.attachment.set(ctx, [{ tag, value }]);
    } else {
      await this.#folderProperty(ctx, top, tag, value);
    }
  }

  async #folderProperty(ctx: Ctx, frame: FolderFrame, tag: PropertyTag, value: PropertyValue): Promise<void> {
    if (frame.folder === null) {
      if (tag !== PidTagDisplayName || typeof value !== "string") return;
      const { logon, folderId: parentId } = frame.parent!;
      const made = await logon.mailbox.createFolder(ctx, { parentId, name: value });
      frame.folder = { kind: "folder", logon, folderId: made.folderId };
      return;
    }
    const holder = holderOf(frame.folder, this.#session);
    // The folder that everything goes into keeps its own name.
    const isTarget = frame.parent === null && tag === PidTagDisplayName;
    if (!isTarget && !holder.readOnly.has(tagId(tag))) await holder.set(ctx, [{ tag, value }]);
  }
}

function unexpected(marker: Marker): WireError {
  return new WireError(`${marker} stands where it cannot`, 0);
}
