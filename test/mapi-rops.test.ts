/**
 * Proves for every ROP of the table, over real HTTPS: a handle that stands for nothing, an object of the wrong kind and
 * a request that is cut off are answered as the specification says; what is not done here says so; requests made from
 * the tables, and the same with damage, never end a session, a call or the server. [MS-OXCROPS] 3.2.5.1
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { decodePrefix, encode } from "#codec/binary/code.ts";
import type { Type } from "#codec/binary/type.ts";
import { arbitrary, valueOrWireError } from "#codec/binary/test-kit.ts";
import { makeTag } from "#props/types.ts";
import { executeRequest, executeResponse } from "#wire/mapi/emsmdb.ts";
import { decode } from "#codec/binary/code.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import { packRopBuffer, unpackRopBuffer } from "#wire/mapi/rop-buffer.ts";
import { ropById } from "#wire/mapi/rop-table.ts";
import type { ObjectKind, Rop } from "#wire/mapi/rop.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as notifications from "#wire/mapi/rops/notifications.ts";
import * as streams from "#wire/mapi/rops/streams.ts";
import { MapiClient } from "./support/mapi-client.ts";
import { MailboxClient, startServer, tags } from "./support/mapi-mailbox.ts";
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
const onObjects = asked.filter((row) => row.name !== "RopLogon" && row.name !== "RopRelease");
/** Caches of clients are filled by these; they are not there. */
const notDone = /^Rop(FastTransfer|Synchronization|TellVersion|GetLocalReplicaIds|SetLocalReplicaMidsetDeleted)/;

function sample(row: Rop, at: number): Record<string, unknown> {
  const [request] = fc.sample(arbitrary(row.request as Type<Record<string, unknown>>, { isPublicLogon: false }),
    { numRuns: 1, seed: seed + at });
  return request!;
}

/** With the indexes that the handle table of a test has: the object first, what it opens second. */
function placed(request: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out = { ...request };
  for (const field of indexFields) if (field in out) out[field] = 0;
  if ("outputHandleIndex" in out) out["outputHandleIndex"] = 1;
  if ("destHandleIndex" in out) out["destHandleIndex"] = 1;
  return out;
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

const hex = (value: number | null): string => (value === null ? "none" : `0x${value.toString(16)}`);

before(async () => {
  server = await startServer(["alice", "bob"]);
  alice = await MailboxClient.open(server, "alice");
  const inbox = await alice.openFolder("inbox");
  const message = await alice.create("inbox", [[tags.subject, "one"], [tags.body, "text"]]);
  await alice.save(message);
  const { opened: attachment } = await alice.session.must(messages.RopCreateAttachment, message);
  const { opened: stream } = await alice.session.must(streams.RopOpenStream, attachment,
    { propertyTag: makeTag(0x3701, "Binary"), openModeFlags: 2 });
  const { opened: subscription } = await alice.session.must(notifications.RopRegisterNotification, alice.logon,
    { notificationTypes: 0x80, wantWholeStore: true });
  const { opened: table } = await alice.session.must(folders.RopGetContentsTable, inbox, { tableFlags: 0x10 });
  const found: [ObjectKind, number][] = [["logon", alice.logon], ["folder", inbox], ["message", message],
    ["attachment", attachment], ["stream", stream], ["subscription", subscription], ["table", table]];
  for (const [kind, handle] of found) handles.set(kind, handle);
});
after(async () => {
  await alice?.disconnect();
  await server?.dispose();
});

test("a handle that stands for nothing: NullObject", async () => {
  for (const [at, row] of onObjects.entries()) {
    for (const handle of [0x7777_7777, 0xffff_ffff]) {
      const { errorCode, returnValue } = await run(bytesOf(row, placed(sample(row, at))), [handle, 0xffff_ffff]);
      assert.equal(errorCode, 0, row.name);
      assert.equal(returnValue, 0x4b9, `${row.name}: ${hex(returnValue)}`);
    }
  }
});

test("an object of the wrong kind: NotSupported", async () => {
  for (const [at, row] of onObjects.entries()) {
    if (row.on.length === 0) continue;
    for (const [kind, handle] of handles) {
      if (row.on.includes(kind)) continue;
      const { returnValue } = await run(bytesOf(row, placed(sample(row, at))), [handle, handles.get("folder")!]);
      assert.equal(returnValue, 0x8004_0102, `${row.name} of a ${kind}: ${hex(returnValue)}`);
    }
  }
});

test("what fills caches is not there, and says so", async () => {
  const rows = onObjects.filter((row) => notDone.test(row.name));
  assert.ok(rows.length > 20);
  for (const [at, row] of rows.entries()) {
    const kind = row.on.find((one) => handles.has(one));
    if (kind === undefined) continue;
    const { returnValue } = await run(bytesOf(row, placed(sample(row, at))), [handles.get(kind)!, 0xffff_ffff]);
    assert.equal(returnValue, 0x8004_0102, `${row.name}: ${hex(returnValue)}`);
  }
});

test("a request that is cut off fails the call and nothing has run", async () => {
  for (const [at, row] of asked.entries()) {
    const whole = bytesOf(row, placed(sample(row, at)));
    for (const length of new Set([1, 2, whole.length >> 1, whole.length - 1])) {
      const cut = whole.subarray(0, length);
      const isWhole = length >= 2 && valueOrWireError(() => {
        const given = { isPublicLogon: false };
        return decodePrefix(row.request as Type<unknown>, cut, 2, { given }).end === length;
      }) === true;
      if (isWhole || length === 0) continue;
      const { errorCode } = await run(cut, [handles.get("logon")!, 0xffff_ffff]);
      assert.equal(errorCode, 0x4b6, `${row.name}, ${length} of ${whole.length} bytes`);
    }
  }
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
