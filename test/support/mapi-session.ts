/** ROPs as a client sends them: one buffer, its handles, its answers. [MS-OXCROPS] */
import { strict as assert } from "node:assert";
import { borrowWriter, decode, encode, encodeInto } from "#codec/binary/code.ts";
import type { Of, Type } from "#codec/binary/type.ts";
import { connectRequest, connectResponse, disconnectRequest, executeRequest, executeResponse } from "#wire/mapi/emsmdb.ts";
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

  private constructor(client: MapiClient, dn: string) {
    this.client = client;
    this.dn = dn;
  }

  static async connect(server: TestServer, user: string, dn: string): Promise<MapiSession> {
    const client = new MapiClient(server, "/mapi/emsmdb/?MailboxId=test", user);
    const session = new MapiSession(client, dn);
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
    const rops = borrowWriter((writer) => {
      for (const { rop, logonId, request } of asks) {
        writer.append(Buffer.from([rop.id, logonId ?? 0]));
        encodeInto(writer, rop.request as Type<unknown>, request);
      }
      return writer.toBytes();
    });
    const buffer = packRopBuffer([{ rops, handles: Uint32Array.from(handles) }], { compress: false, xorMagic: false });
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
      const read = decodeAnswer(ask?.rop ?? row, payload!.rops, at, ask?.given);
      if (ask !== undefined) left.splice(left.indexOf(ask), 1);
      answers.push(read);
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

  async disconnect(): Promise<void> {
    await this.client.post("Disconnect", encode(disconnectRequest, { auxiliaryBuffer: none }));
    this.client.close();
  }
}
