/**
 * Proves over real HTTPS that requests made from the tables of ROPs and of the address book, on objects of every kind,
 * and the same with damage, never end a session, a call or the server. OUTPOST_FUZZ_RUNS and OUTPOST_FUZZ_SEED set how
 * many and which. [MS-OXCROPS] 3.2.5.1
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { encode } from "#codec/binary/code.ts";
import type { Type } from "#codec/binary/type.ts";
import { arbitrary } from "#codec/binary/test-kit.ts";
import { makeTag } from "#props/types.ts";
import { executeRequest, executeResponse } from "#wire/mapi/emsmdb.ts";
import { decode } from "#codec/binary/code.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import { packRopBuffer, unpackRopBuffer } from "#wire/mapi/rop-buffer.ts";
import { ropById } from "#wire/mapi/rop-table.ts";
import type { ObjectKind, Rop } from "#wire/mapi/rop.ts";
import { MapiClient } from "./support/mapi-client.ts";
import { MailboxClient, startServer } from "./support/mapi-mailbox.ts";
import { RopWorld } from "./support/mapi-rop-world.ts";
import { domain } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
const handles = new Map<ObjectKind, number>();
const none = new Uint8Array(0);
const seed = Number(process.env["OUTPOST_FUZZ_SEED"] ?? 20_261_122);
const runs = Number(process.env["OUTPOST_FUZZ_RUNS"] ?? 150);
const indexFields = ["inputHandleIndex", "outputHandleIndex", "responseHandleIndex", "sourceHandleIndex", "destHandleIndex"];

/** Asked by clients: all but what servers alone write. */
const asked = [...ropById.values()].filter((row) => !["RopNotify", "RopPending", "RopBackoff", "RopBufferTooSmall"]
  .includes(row.name));
function sample(row: Rop, at: number): Record<string, unknown> {
  const [request] = fc.sample(arbitrary(row.request as Type<Record<string, unknown>>, { isPublicLogon: false }),
    { numRuns: 1, seed: seed + at });
  return request!;
}

const bytesOf = (row: Rop, request: Readonly<Record<string, unknown>>): Buffer =>
  Buffer.concat([Buffer.from([row.id, 0]), encode(row.request as Type<unknown>, request)]);

/** The call's own error code, the return value of the first answer, and how many answers there were. */
async function run(list: Uint8Array, table: readonly number[], maxRopOut = 0x10008):
Promise<{ errorCode: number; returnValue: number | null; rops: Uint8Array }> {
  const answer = await alice.session.client.post("Execute", encode(executeRequest, {
    flags: 3, maxRopOut, auxiliaryBuffer: none,
    ropBuffer: packRopBuffer([{ rops: list, handles: Uint32Array.from(table) }], { compress: false, xorMagic: false }),
  }));
  assert.equal(answer.status, 200);
  assert.equal(answer.code, 0, answer.raw.toString());
  const { errorCode, ropBuffer } = decode(executeResponse, answer.body);
  if (errorCode !== 0) return { errorCode, returnValue: null, rops: none };
  const [payload] = unpackRopBuffer(ropBuffer);
  const { rops } = payload!;
  return { errorCode, returnValue: rops.length < 6 ? null : Buffer.from(rops).readUInt32LE(2), rops };
}

before(async () => {
  server = await startServer(["alice", "bob"]);
  alice = await MailboxClient.open(server, "alice");
  for (const [kind, handle] of await (await RopWorld.over(alice)).ofEachKind()) handles.set(kind, handle);
});
after(async () => {
  await alice?.disconnect();
  await server?.dispose();
});

test("requests from the tables, whole and damaged, end nothing", async () => {
  const random = fc.sample(fc.infiniteStream(fc.nat()), { numRuns: 1, seed })[0]!;
  const next = (below: number): number => random.next().value % below;
  const known = [...handles.values()];
  // What has no end of its own is left out: it would end the session the test stands on.
  const rows = asked.filter((row) => row.name !== "RopRelease");
  for (let at = 0; at < runs; at++) {
    const table = Array.from({ length: 4 }, () => (next(8) === 0 ? next(1000) : known[next(known.length)]!));
    const list = Buffer.concat(Array.from({ length: 1 + next(6) }, (_, part) => {
      const row = rows[next(rows.length)]!;
      const request = sample(row, at * 10 + part);
      for (const field of indexFields) if (field in request) request[field] = next(4);
      return bytesOf(row, request);
    }));
    if (next(3) === 0) for (let hits = 1 + next(3); hits > 0; hits--) list[next(list.length)] = next(256);
    await run(list, table, next(4) === 0 ? next(0x10008) : 0x10008);
  }
  assert.deepEqual(server.errors(), [], `seed ${seed}`);
  assert.deepEqual(await alice.get(alice.logon, [makeTag(0x661c, "String")]), ["alice"]);
  assert.ok(server.memory().nowBytes < 700 * 1024 * 1024);
});

test("bodies of the address book from the tables, whole and damaged, end nothing", async () => {
  const client = new MapiClient(server, "/mapi/nspi", `alice@${domain}`);
  const state = { sortType: 0, containerId: 0, currentRecord: 0, delta: 0, numericPosition: 0, totalRecords: 0,
    codePage: 1252, templateLocale: 1033, sortLocale: 1033 };
  const bind = (): Promise<unknown> => client.post("Bind",
    encode(addressBookBodies.Bind.request, { flags: 0, state, auxiliaryBuffer: none }));
  await bind();
  const random = fc.sample(fc.infiniteStream(fc.nat()), { numRuns: 1, seed: seed + 1 })[0]!;
  const next = (below: number): number => random.next().value % below;
  const names = Object.keys(addressBookBodies).filter((name) => name !== "Unbind" && name !== "Bind") as
    (keyof typeof addressBookBodies)[];
  for (let at = 0; at < runs; at++) {
    const name = names[next(names.length)]!;
    const [value] = fc.sample(arbitrary(addressBookBodies[name].request as Type<Record<string, unknown>>),
      { numRuns: 1, seed: seed + at });
    // Half of them ask in earnest.
    const real = "state" in value! && next(2) === 0 ? { ...value, state: { ...state, currentRecord: next(40) } } : value!;
    const body = Buffer.from(encode(addressBookBodies[name].request as Type<unknown>, real));
    if (next(3) === 0) for (let hits = 1 + next(3); hits > 0; hits--) body[next(body.length)] = next(256);
    const answer = await client.post(name, body);
    assert.equal(answer.status, 200, name);
    assert.ok(answer.code === 0 || answer.code === 12, `${name}: ${answer.code} ${answer.raw.toString("latin1")}`);
  }
  assert.deepEqual(server.errors(), [], `seed ${seed}`);
  client.close();
});
