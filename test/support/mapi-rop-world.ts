/** Objects of every kind that a ROP can be asked of, made fresh for whoever asks. [MS-OXCROPS] 1.3.2 */
import { makeTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import type { ObjectKind } from "#wire/mapi/rop.ts";
import * as transfers from "#wire/mapi/rops/fast-transfer.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as notifications from "#wire/mapi/rops/notifications.ts";
import * as streams from "#wire/mapi/rops/streams.ts";
import * as synchronization from "#wire/mapi/rops/synchronization.ts";
import { tags } from "./mapi-mailbox.ts";
import type { MailboxClient } from "./mapi-mailbox.ts";

export const attachData = makeTag(0x3701, "Binary");
export const note = makeTag(0x1000, "String");
export const columns = [tags.mid, tags.subject] as const;
/** As clients in cached mode ask. [MS-OXCFXICS] 2.2.3.2.1.1 */
export const configureContents = {
  synchronizationType: 1, sendOptions: 9, synchronizationFlags: 0x39, restrictionData: null,
  synchronizationExtraFlags: 5, propertyTags: [] as PropertyTag[],
} as const;

export interface Filled {
  readonly handle: number;
  readonly id: ShortTermId;
  /** Of its two messages. */
  readonly ids: readonly ShortTermId[];
}

export class RopWorld {
  readonly client: MailboxClient;
  readonly inbox: number;
  #names = 0;

  private constructor(client: MailboxClient, inbox: number) {
    this.client = client;
    this.inbox = inbox;
  }

  static async over(client: MailboxClient): Promise<RopWorld> {
    return new RopWorld(client, await client.openFolder("inbox"));
  }

  get logon(): number {
    return this.client.logon;
  }

  get inboxId(): ShortTermId {
    return this.client.folderIds[4]!;
  }

  /** An id that nothing has. */
  readonly noId: ShortTermId = { replicaId: 1, counter: 0x7fff_fff0 };

  name(): string {
    return `Folder ${++this.#names}`;
  }

  async folder(folderType = 1, parent = this.inbox): Promise<{ handle: number; id: ShortTermId; name: string }> {
    const displayName = this.name();
    const { body, opened } = await this.client.session.must(folders.RopCreateFolder, parent,
      { folderType, useUnicodeStrings: true, openExisting: false, displayName, comment: "" });
    return { handle: opened, id: body.folderId, name: displayName };
  }

  /** A folder with two messages. */
  async filled(): Promise<Filled> {
    const { handle, id } = await this.folder();
    const ids: ShortTermId[] = [];
    for (const subject of ["one", "two"]) {
      const { opened } = await this.client.session.must(messages.RopCreateMessage, handle,
        { codePageId: 0x0fff, folderId: id, associatedFlag: false });
      await this.client.set(opened, [[tags.subject, subject]]);
      ids.push(await this.client.save(opened));
      this.client.session.release(opened);
    }
    return { handle, id, ids };
  }

  /** Not saved yet. */
  async draft(): Promise<number> {
    return await this.client.create("inbox", [[tags.subject, "draft"], [note, "some text"]]);
  }

  async saved(mode = 1): Promise<{ handle: number; id: ShortTermId }> {
    const made = await this.draft();
    const { opened: attachment } = await this.client.session.must(messages.RopCreateAttachment, made);
    await this.client.set(attachment, [[attachData, Buffer.from("bytes of it")]]);
    await this.client.session.must(messages.RopSaveChangesAttachment, attachment, { saveFlags: 0x0a });
    await this.client.addRecipient(made, "kim@outside.test");
    const id = await this.client.save(made);
    this.client.session.release(attachment);
    this.client.session.release(made);
    return { handle: await this.client.open(this.inbox, "inbox", id, mode), id };
  }

  async attachment(message?: number): Promise<number> {
    const on = message ?? await this.draft();
    return (await this.client.session.must(messages.RopCreateAttachment, on)).opened;
  }

  /** On a text of ten letters; with `create` on bytes that are to come. */
  async stream(mode = 1): Promise<number> {
    const made = await this.client.create("inbox", [[note, "ten letter"]]);
    return (await this.client.session.must(streams.RopOpenStream, made, { propertyTag: note, openModeFlags: mode })).opened;
  }

  /** Of two messages, with its columns. */
  async table(): Promise<number> {
    const { handle } = await this.filled();
    return await this.client.contents(handle, columns);
  }

  async tableWithoutColumns(): Promise<number> {
    const { handle } = await this.filled();
    return (await this.client.session.must(folders.RopGetContentsTable, handle, { tableFlags: 0 })).opened;
  }

  async subscription(): Promise<number> {
    return (await this.client.session.must(notifications.RopRegisterNotification, this.logon,
      { notificationTypes: 0x80, wantWholeStore: true })).opened;
  }

  async transferSource(): Promise<number> {
    const on = await this.draft();
    return (await this.client.session.must(transfers.RopFastTransferSourceCopyTo, on,
      { level: 0, copyFlags: 0, sendOptions: 9, propertyTags: [] })).opened;
  }

  async transferDestination(): Promise<number> {
    const on = await this.draft();
    return (await this.client.session.must(transfers.RopFastTransferDestinationConfigure, on,
      { sourceOperation: 1, copyFlags: 0 })).opened;
  }

  async download(folder = this.inbox): Promise<number> {
    return (await this.client.session.must(synchronization.RopSynchronizationConfigure, folder, configureContents)).opened;
  }

  async collector(isContentsCollector = true, folder = this.inbox): Promise<number> {
    return (await this.client.session.must(synchronization.RopSynchronizationOpenCollector, folder,
      { isContentsCollector })).opened;
  }

  /** One object of each kind. */
  async ofEachKind(): Promise<ReadonlyMap<ObjectKind, number>> {
    return new Map<ObjectKind, number>([
      ["logon", this.logon], ["folder", this.inbox], ["message", await this.draft()],
      ["attachment", await this.attachment()], ["table", await this.table()], ["stream", await this.stream()],
      ["subscription", await this.subscription()], ["fastTransferSource", await this.transferSource()],
      ["fastTransferDestination", await this.transferDestination()], ["syncDownload", await this.download()],
      ["syncUpload", await this.collector()],
    ]);
  }
}
