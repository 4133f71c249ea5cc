/** ROPs as a client sends them: one buffer, its handles, its answers. [MS-OXCROPS] */
import { strict as assert } from "node:assert";
import { borrowWriter, decode, encode, encodeInto } from "#codec/binary/code.ts";
import type { PropertyTag } from "#props/types.ts";
import type { Of, Type } from "#codec/binary/type.ts";
import {
  connectRequest, connectResponse, disconnectRequest, executeRequest, executeResponse, notificationWaitRequest,
  notificationWaitResponse,
} from "#wire/mapi/emsmdb.ts";
import type { NotificationData } from "#wire/mapi/notification.ts";
import { noHandle, packRopBuffer, unpackRopBuffer } from "#wire/mapi/rop-buffer.ts";
import { ropById } from "#wire/mapi/rop-table.ts";
import { decodeAnswer } from "#wire/mapi/rop.ts";
import type { ReadAnswer, Rop } from "#wire/mapi/rop.ts";
import { MapiClient } from "./mapi-client.ts";
import type { TestServer } from "./server.ts";

const none = new Uint8Array(0);

export interface Ask {
  readonly rop: Rop;
  readonly logonId?: number;
  readonly request: Readonly<Record<string, unknown>>;
  /** What the answer's layout refers to. */
  readonly given?: Readonly<Record<string, unknown>>;
}

export class MapiSession {
  readonly client: MapiClient;
  readonly dn: string;
  /** Whose session it is. */
  readonly address: string;
  /** Of tables by handle, to read their events. */
  readonly columns = new Map<number, readonly PropertyTag[]>();
  /** Whether its requests are made on a logon to public folders, where two of them look different. */
  isPublic = false;
  readonly #released: number[] = [];
  readonly #told: { handle: number; data: NotificationData }[] = [];

  private constructor(client: MapiClient, dn: string, address: string) {
    this.client = client;
    this.address = address;
    this.dn = dn;
  }

  /** `over` is a client with cookies of a session before. */
  static async connect(server: TestServer, user: string, dn: string, over?: MapiClient): Promise<MapiSession> {
    const client = over ?? new MapiClient(server, "/mapi/emsmdb/?MailboxId=test", user);
    const session = new MapiSession(client, dn, user);
    const answer = await client.post("Connect", encode(connectRequest, {
      userDn: dn, flags: 0, defaultCodePage: 1252, lcidSort: 1033, lcidString: 1033, auxiliaryBuffer: none,
    }));
    assert.equal(answer.code, 0, answer.raw.toString());
    assert.equal(decode(connectResponse, answer.body).errorCode, 0);
    return session;
  }

  /** The raw answers of one call; handles in and out. */
  async execute(asks: readonly Ask[], handles: readonly number[], maxRopOut = 0x10008): Promise<{
    answers: ReadAnswer[]; handles: Uint32Array; errorCode: number;
  }> {
    const gone = this.#released.splice(0, 100);
    const rops = borrowWriter((writer) => {
      for (const [index] of gone.entries()) writer.append(Buffer.from([0x01, 0, handles.length + index]));
      for (const { rop, logonId, request } of asks) {
        writer.append(Buffer.from([rop.id, logonId ?? 0]));
        encodeInto(writer, rop.request as Type<unknown>, request, { given: { isPublicLogon: this.isPublic } });
      }
      return writer.toBytes();
    });
    const buffer = packRopBuffer([{ rops, handles: Uint32Array.from([...handles, ...gone]) }], { compress: false, xorMagic: false });
    const answer = await this.client.post("Execute", encode(executeRequest, {
      flags: 3, ropBuffer: buffer, maxRopOut, auxiliaryBuffer: none,
    }));
    assert.equal(answer.code, 0, answer.raw.toString());
    const told = decode(executeResponse, answer.body);
    if (told.errorCode !== 0) return { answers: [], handles: new Uint32Array(0), errorCode: told.errorCode };
    const [payload] = unpackRopBuffer(told.ropBuffer);
    const answers: ReadAnswer[] = [];
    const left = asks.filter((ask) => ask.rop.response !== null);
    for (let at = 0; at < payload!.rops.length;) {
      const row = ropById.get(payload!.rops[at]!)!;
      const ask = left.find((one) => (one.rop.answerId ?? one.rop.id) === row.id);
      const columns = row.id === 0x2a ? this.columns.get(Buffer.from(payload!.rops).readUInt32LE(at + 1)) ?? [] : [];
      const read = decodeAnswer(ask?.rop ?? row, payload!.rops, at, ask?.given ?? { columns });
      if (ask !== undefined) left.splice(left.indexOf(ask), 1);
      answers.push(read);
      if (row.id === 0x2a) this.#note(read.body);
      at = read.end;
    }
    return { answers, handles: payload!.handles, errorCode: 0 };
  }

  /** One ROP on a handle; what it opens comes in `opened`. */
  async call<R extends Rop>(
    rop: R, handle: number, request: Readonly<Record<string, unknown>>, given?: Readonly<Record<string, unknown>>,
  ): Promise<{ returnValue: number; body: Of<NonNullable<R["response"]>>; opened: number }> {
    const { answers, handles, errorCode } = await this.execute([{
      rop, request: { inputHandleIndex: 0, outputHandleIndex: 1, responseHandleIndex: 0, ...request },
      ...given === undefined ? {} : { given },
    }], [handle, noHandle]);
    assert.equal(errorCode, 0, `${rop.name} failed as a call: 0x${errorCode.toString(16)}`);
    const answer = answers.find((one) => one.rop.id === rop.id)!;
    if (rop.name === "RopSetColumns") this.columns.set(handle, request["propertyTags"] as readonly PropertyTag[]);
    return {
      returnValue: answer.returnValue, body: answer.body as Of<NonNullable<R["response"]>>, opened: handles[1]!,
    };
  }

  /** The same, which must succeed. */
  async must<R extends Rop>(
    rop: R, handle: number, request: Readonly<Record<string, unknown>> = {}, given?: Readonly<Record<string, unknown>>,
  ): Promise<{ body: Of<NonNullable<R["response"]>>; opened: number }> {
    const done = await this.call(rop, handle, request, given);
    assert.equal(done.returnValue, 0, `${rop.name}: 0x${done.returnValue.toString(16)}`);
    return done;
  }

  /** A NotificationWait: whether there are events. */
  async wait(): Promise<boolean> {
    const answer = await this.client.post("NotificationWait", encode(notificationWaitRequest, {
      flags: 0, auxiliaryBuffer: none,
    }));
    assert.equal(answer.code, 0, answer.raw.toString());
    return decode(notificationWaitResponse, answer.body).eventPending !== 0;
  }

  #note(body: unknown): void {
    const told = body as { notificationHandle: number; notificationData: NotificationData };
    this.#told.push({ handle: told.notificationHandle, data: told.notificationData });
  }

  /** Events that came with calls, and those that an empty Execute brings. */
  async events(): Promise<{ handle: number; data: NotificationData }[]> {
    await this.execute([], []);
    return this.#told.splice(0);
  }

  /** Gives a handle back, with the next call. */
  release(handle: number): void {
    this.#released.push(handle);
  }

  async disconnect(): Promise<void> {
    await this.client.post("Disconnect", encode(disconnectRequest, { auxiliaryBuffer: none }));
    this.client.close();
  }
}
