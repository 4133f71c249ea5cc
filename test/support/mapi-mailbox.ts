/** A server with MAPI switched on, and steps that many tests begin with. */
import { strict as assert } from "node:assert";
import nodemailer from "nodemailer";
import type { Transporter } from "nodemailer";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import { noHandle } from "#wire/mapi/rop-buffer.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as store from "#wire/mapi/rops/store.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { MapiSession } from "./mapi-session.ts";
import { TestServer, domain, password } from "./server.ts";

export const text = (id: number): PropertyTag => makeTag(id, "String");
export const tags = {
  subject: text(0x0037), messageClass: text(0x001a), body: text(0x1000), displayName: text(0x3001),
  mid: makeTag(0x674a, "Integer64"), read: makeTag(0x0e69, "Boolean"), messageFlags: makeTag(0x0e07, "Integer32"),
} as const;
/** Places in the folder list of RopLogon. [MS-OXCSTOR] 2.2.1.1.3 */
export const logonPlaces = { root: 0, ipmSubtree: 3, inbox: 4, outbox: 5, sentItems: 6, deletedItems: 7, finder: 10 } as const;

export const idFrom = (value: bigint): ShortTermId => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return { replicaId: bytes.readUInt16LE(0), counter: bytes.readUIntBE(2, 6) };
};

export function startServer(users: readonly string[]): Promise<TestServer> {
  return TestServer.start({ users, config: { mapi: true } });
}

export async function dnOf(server: TestServer, user: string): Promise<string> {
  const shown = JSON.parse(await server.must(["user", "show", `${user}@${domain}`, "--json"])) as Record<string, unknown>;
  return shown["legacyExchangeDN"] as string;
}

/** A client with a logon to its own mailbox. */
export class MailboxClient {
  readonly session: MapiSession;
  readonly logon: number;
  readonly folderIds: readonly ShortTermId[];

  private constructor(session: MapiSession, logon: number, folderIds: readonly ShortTermId[]) {
    this.session = session;
    this.logon = logon;
    this.folderIds = folderIds;
  }

  static async open(server: TestServer, user: string, owner = user): Promise<MailboxClient> {
    const session = await MapiSession.connect(server, `${user}@${domain}`, await dnOf(server, user));
    return await MailboxClient.over(session, await dnOf(server, owner));
  }

  static async over(session: MapiSession, dn: string): Promise<MailboxClient> {
    const done = await session.execute([{
      rop: store.RopLogon, request: {
        outputHandleIndex: 0, logonFlags: 1, openFlags: 0x0100_0000, storeState: 0,
        essdn: Buffer.from(`${dn}\0`, "latin1"),
      },
    }], [noHandle]);
    const [answer] = done.answers;
    assert.equal(answer!.returnValue, 0, `RopLogon: 0x${answer!.returnValue.toString(16)}`);
    return new MailboxClient(session, done.handles[0]!, (answer!.body as { folderIds: ShortTermId[] }).folderIds);
  }

  async openFolder(place: keyof typeof logonPlaces): Promise<number> {
    const folderId = this.folderIds[logonPlaces[place]];
    return (await this.session.must(folders.RopOpenFolder, this.logon, { folderId, openModeFlags: 0 })).opened;
  }

  async contents(folder: number, columns: readonly PropertyTag[], tableFlags = 0): Promise<number> {
    const { opened } = await this.session.must(folders.RopGetContentsTable, folder, { tableFlags });
    await this.session.must(tables.RopSetColumns, opened, { setColumnsFlags: 0, propertyTags: columns });
    return opened;
  }

  async rows(table: number, columns: readonly PropertyTag[], rowCount = 500): Promise<(readonly unknown[])[]> {
    const { body } = await this.session.must(tables.RopQueryRows, table,
      { queryRowsFlags: 0, forwardRead: true, rowCount }, { columns });
    return body.rowData as (readonly unknown[])[];
  }

  async get(object: number, propertyTags: readonly PropertyTag[]): Promise<readonly unknown[]> {
    const { body } = await this.session.must(properties.RopGetPropertiesSpecific, object,
      { propertySizeLimit: 0, wantUnicode: 1, propertyTags }, { propertyTags });
    return body.rowData;
  }

  async set(object: number, values: readonly (readonly [PropertyTag, PropertyValue])[]): Promise<void> {
    const { body } = await this.session.must(properties.RopSetProperties, object,
      { propertyValues: values.map(([tag, value]) => ({ tag, value })) });
    assert.deepEqual(body.propertyProblems, []);
  }

  /** A new message, not saved yet. */
  async create(place: keyof typeof logonPlaces, values: readonly (readonly [PropertyTag, PropertyValue])[],
    associatedFlag = false): Promise<number> {
    const folderId = this.folderIds[logonPlaces[place]];
    const { opened } = await this.session.must(messages.RopCreateMessage, this.logon,
      { codePageId: 0x0fff, folderId, associatedFlag });
    await this.set(opened, values);
    return opened;
  }

  async save(message: number): Promise<ShortTermId> {
    return (await this.session.must(messages.RopSaveChangesMessage, message, { saveFlags: 0x0a })).body.messageId;
  }

  async open(folder: number, place: keyof typeof logonPlaces, messageId: ShortTermId, mode = 1): Promise<number> {
    return (await this.session.must(messages.RopOpenMessage, folder, {
      codePageId: 0x0fff, folderId: this.folderIds[logonPlaces[place]], openModeFlags: mode, messageId,
    })).opened;
  }

  /** One recipient of an Internet address. */
  async addRecipient(message: number, address: string, options: { rowId?: number; type?: number } = {}): Promise<void> {
    await this.session.must(messages.RopModifyRecipients, message, {
      recipientColumns: [text(0x39fe)],
      recipientRows: [{
        rowId: options.rowId ?? 0, recipientType: options.type ?? 1,
        recipientRow: {
          recipientFlags: 0x0200 | 0x0008 | 0x0010 | 0x0003, emailAddress: address, displayName: address,
          recipientProperties: [address],
        },
      }],
    });
  }

  disconnect(): Promise<void> {
    return this.session.disconnect();
  }
}

export function mailer(server: TestServer, user: string): Transporter {
  return nodemailer.createTransport({
    host: "127.0.0.1", port: server.ports.submissions, secure: true, tls: { ca: server.caPem, servername: "localhost" },
    auth: { user: `${user}@${domain}`, pass: password },
  });
}
