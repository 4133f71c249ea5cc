/** A client of the address book endpoint that is bound to it. [MS-OXCMAPIHTTP] 2.2.5 */
import { strict as assert } from "node:assert";
import { decode, encode } from "#codec/binary/code.ts";
import type { Of, Type } from "#codec/binary/type.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import type { Stat } from "#wire/mapi/nspi.ts";
import { MapiClient } from "./mapi-client.ts";
import type { TestServer } from "./server.ts";

export type Bodies = typeof addressBookBodies;

/** Before the first row of the global list, in Western European text. */
export const startStat: Stat = {
  sortType: 0, containerId: 0, currentRecord: 0, delta: 0, numericPosition: 0, totalRecords: 0, codePage: 1252,
  templateLocale: 1033, sortLocale: 1033,
};

export class AddressBookClient {
  readonly client: MapiClient;

  constructor(server: TestServer, user: string) {
    this.client = new MapiClient(server, "/mapi/nspi/?MailboxId=test", user);
  }

  static async bind(server: TestServer, user: string): Promise<AddressBookClient> {
    const client = new AddressBookClient(server, user);
    assert.equal((await client.call("Bind", { flags: 0, state: startStat })).errorCode, 0);
    return client;
  }

  async call<N extends keyof Bodies>(
    type: N, request: Omit<Of<Bodies[N]["request"]>, "auxiliaryBuffer">,
  ): Promise<Of<Bodies[N]["response"]>> {
    const layouts = addressBookBodies[type];
    const body = encode(layouts.request as Type<unknown>, { ...request, auxiliaryBuffer: new Uint8Array(0) });
    const answer = await this.client.post(type, body);
    assert.equal(answer.code, 0, `${type}: ${answer.raw.toString()}`);
    return decode(layouts.response as Type<unknown>, answer.body) as Of<Bodies[N]["response"]>;
  }

  async unbind(): Promise<void> {
    await this.call("Unbind", { reserved: 0 });
    this.client.close();
  }
}
