/**
 * Proves for every ROP of the table, over real HTTPS: what it answers when it succeeds and for each refusal that can be
 * brought about; a handle that stands for nothing, an object of every wrong kind, a second handle that stands for
 * nothing, handle indexes outside the table, and every possible cut. Rows that are missing fail. [MS-OXCROPS] 3.2.5.1
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { decode, decodePrefix, encode } from "#codec/binary/code.ts";
import type { Type } from "#codec/binary/type.ts";
import { arbitrary, valueOrWireError } from "#codec/binary/test-kit.ts";
import { makeTag } from "#props/types.ts";
import { executeRequest, executeResponse } from "#wire/mapi/emsmdb.ts";
import { noHandle, packRopBuffer, unpackRopBuffer } from "#wire/mapi/rop-buffer.ts";
import { ropById } from "#wire/mapi/rop-table.ts";
import { decodeAnswer, isSuccess } from "#wire/mapi/rop.ts";
import type { ObjectKind, Rop } from "#wire/mapi/rop.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import { RopRelease } from "#wire/mapi/rops/sessions.ts";
import { RopLogon } from "#wire/mapi/rops/store.ts";
import { MailboxClient, startServer } from "./support/mapi-mailbox.ts";
import { ropRows } from "./support/mapi-rop-rows.ts";
import { RopWorld } from "./support/mapi-rop-world.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let world: RopWorld;
let kinds: ReadonlyMap<ObjectKind, number>;
const none = new Uint8Array(0);
const hex = (value: number | null): string => (value === null ? "none" : `0x${value.toString(16)}`);

/** Written by servers alone. */
const ofServers = new Set(["RopNotify", "RopPending", "RopBackoff", "RopBufferTooSmall"]);
const asked = [...ropById.values()].filter((row) => !ofServers.has(row.name));
const onObjects = asked.filter((row) => row !== RopLogon && row !== RopRelease);
const indexFields = ["inputHandleIndex", "outputHandleIndex", "responseHandleIndex", "sourceHandleIndex", "destHandleIndex"];

/** Never succeed here: nothing is under way that could be ended, regions are not locked, or it is no matter of mailboxes. */
const neverOk = new Set(["RopGetOwningServers", "RopGetStoreState", "RopAbort", "RopUnlockRegionStream"]);

function sample(row: Rop, at: number): Record<string, unknown> {
  const [request] = fc.sample(arbitrary(row.request as Type<Record<string, unknown>>, { isPublicLogon: false }),
    { numRuns: 1, seed: at });
  const out = { ...request! };
  for (const field of indexFields) if (field in out) out[field] = 0;
  if ("outputHandleIndex" in out) out["outputHandleIndex"] = 1;
  if ("destHandleIndex" in out) out["destHandleIndex"] = 1;
  return out;
}

const bytesOf = (row: Rop, request: Readonly<Record<string, unknown>>): Buffer =>
  Buffer.concat([Buffer.from([row.id, 0]), encode(row.request as Type<unknown>, request)]);

interface Told {
  readonly errorCode: number;
  readonly rops: Uint8Array;
  readonly handles: Uint32Array;
  readonly returnValue: number | null;
}

async function run(list: Uint8Array, table: readonly number[]): Promise<Told> {
  const answer = await world.client.session.client.post("Execute", encode(executeRequest, {
    flags: 3, maxRopOut: 0x10008, auxiliaryBuffer: none,
    ropBuffer: packRopBuffer([{ rops: list, handles: Uint32Array.from(table) }], { compress: false, xorMagic: false }),
  }));
  assert.equal(answer.status, 200);
  assert.equal(answer.code, 0, answer.raw.toString());
  const { errorCode, ropBuffer } = decode(executeResponse, answer.body);
  if (errorCode !== 0) return { errorCode, rops: none, handles: new Uint32Array(0), returnValue: null };
  const [{ rops, handles }] = unpackRopBuffer(ropBuffer) as [{ rops: Uint8Array; handles: Uint32Array }];
  return { errorCode, rops, handles, returnValue: rops.length < 6 ? null : Buffer.from(rops).readUInt32LE(2) };
}

before(async () => {
  server = await startServer(["alice", "bob"]);
  world = await RopWorld.over(await MailboxClient.open(server, "alice"));
  kinds = await world.ofEachKind();
});
after(async () => {
  await world?.client.disconnect();
  await server?.dispose();
});

test("each ROP has rows: of success, and of a refusal where it has one of its own", () => {
  const rowsOf = (rop: Rop) => ropRows.filter((one) => one.rop === rop);
  for (const rop of [...onObjects, RopLogon]) {
    const isOk = rowsOf(rop).some(({ code }) => code === 0);
    assert.equal(isOk, !neverOk.has(rop.name), `${rop.name} has no row of success`);
  }
  const noRefusal = [...onObjects].filter((rop) => rowsOf(rop).every(({ code }) => code === 0)).map(({ name }) => name).sort();
  // What these can answer but success is what everything can: no object, the wrong one.
  assert.deepEqual(noRefusal, noRefusalOfTheirOwn);
});

const noRefusalOfTheirOwn = [
  "RopCloneStream", "RopCommitStream", "RopCreateBookmark", "RopDeleteMessages", "RopDeletePropertiesNoReplicate",
  "RopFastTransferSourceGetBuffer", "RopGetAddressTypes", "RopGetAttachmentTable",
  "RopGetNamesFromPropertyIds", "RopGetPerUserLongTermIds", "RopGetPermissionsTable", "RopGetPropertiesAll",
  "RopGetPropertiesList", "RopGetPropertiesSpecific", "RopGetReceiveFolderTable", "RopGetRulesTable", "RopGetStatus",
  "RopGetStreamSize", "RopGetTransportFolder", "RopGetValidAttachments", "RopHardDeleteMessages",
  "RopLockRegionStream", "RopOptionsData", "RopProgress", "RopPublicFolderIsGhosted", "RopQueryColumnsAll", "RopQueryNamedProperties",
  "RopQueryPosition", "RopReloadCachedInformation", "RopResetTable", "RopSetLocalReplicaMidsetDeleted",
  "RopSetPropertiesNoReplicate", "RopSetSpooler", "RopSynchronizationGetTransferState", "RopSynchronizationOpenCollector",
  "RopTellVersion", "RopUpdateDeferredActionMessages",
];

test("what each ROP answers", async () => {
  const wrong: string[] = [];
  for (const { rop, what, code, ask } of ropRows) {
    const { on, to, ask: request, given, body } = await ask(world);
    const indexes = { inputHandleIndex: 0, outputHandleIndex: rop === RopLogon ? 0 : 1, responseHandleIndex: 0,
      sourceHandleIndex: 0, destHandleIndex: 1 };
    const full = { ...indexes, ...request };
    // A logon of another id: the world stands on the first.
    const list = Buffer.from(bytesOf(rop, full));
    if (rop === RopLogon) list[1] = 5;
    const told = await run(list, [rop === RopLogon ? noHandle : on, to ?? noHandle]);
    assert.equal(told.errorCode, 0, `${rop.name}, ${what}`);
    const at = told.returnValue;
    if (at !== code) wrong.push(`${rop.name}, ${what}: ${hex(at)}, not ${hex(code)}`);
    else {
      const read = decodeAnswer(rop, told.rops, 0, given ?? {});
      for (const [name, value] of Object.entries(body ?? {})) {
        assert.deepEqual((read.body as Record<string, unknown>)[name], value, `${rop.name}, ${what}: ${name}`);
      }
      assert.equal(read.returnValue, code);
      const events = told.rops.length > read.end ? told.rops[read.end] : null;
      assert.ok(events === null || events === 0x2a || events === 0x6e, `${rop.name}, ${what}: bytes after the answer`);
    }
    if (rop.yields !== undefined && at !== null && rop !== RopLogon) {
      assert.equal(told.handles[1] === noHandle, !isSuccess(at), `${rop.name}, ${what}: the handle`);
    }
    for (const handle of [on, to ?? 0, told.handles[1] ?? 0]) {
      if (handle !== world.logon && handle !== world.inbox && handle !== noHandle && handle !== 0) world.client.session.release(handle);
    }
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(server.errors(), []);
});

test("a handle that stands for nothing: NullObject, in the form a failure has", async () => {
  for (const [at, row] of onObjects.entries()) {
    for (const handle of [0x7777_7777, noHandle]) {
      const told = await run(bytesOf(row, sample(row, at)), [handle, noHandle]);
      assert.equal(told.errorCode, 0, row.name);
      assert.equal(told.returnValue, 0x4b9, `${row.name}: ${hex(told.returnValue)}`);
      assert.equal(decodeAnswer(row, told.rops, 0).end, told.rops.length, row.name);
    }
  }
});

test("an object of any wrong kind: NotSupported; of messages, NullObject", async () => {
  for (const [at, row] of onObjects.entries()) {
    if (row.on.length === 0) continue;
    const isOfMessages = row.section.startsWith("2.2.6.") && row.name !== "RopSaveChangesAttachment";
    const expected = isOfMessages ? 0x4b9 : 0x8004_0102;
    for (const [kind, handle] of kinds) {
      if (row.on.includes(kind)) continue;
      const told = await run(bytesOf(row, sample(row, at)), [handle, world.inbox]);
      assert.equal(told.returnValue, expected, `${row.name} of a ${kind}: ${hex(told.returnValue)}`);
    }
  }
});

test("a second handle that stands for nothing: NullDestinationObject, with its own body", async () => {
  const two = onObjects.filter((row) => row.nullDestination !== undefined);
  assert.equal(two.length, 6);
  for (const [at, row] of two.entries()) {
    const [kind] = row.on;
    for (const destination of [0x7777_7777, noHandle]) {
      const told = await run(bytesOf(row, { ...sample(row, at), copyFlags: 0 }), [kinds.get(kind!)!, destination]);
      assert.equal(told.returnValue, 0x503, `${row.name}: ${hex(told.returnValue)}`);
      const { body, end } = decodeAnswer(row, told.rops, 0);
      assert.equal((body as { destHandleIndex: number }).destHandleIndex, 1, row.name);
      assert.equal(end, told.rops.length, row.name);
    }
  }
});

test("a handle index outside of the table fails the call, and nothing has run", async () => {
  for (const [at, row] of asked.entries()) {
    const whole = sample(row, at);
    for (const field of indexFields.filter((name) => name in whole)) {
      const { errorCode } = await run(bytesOf(row, { ...whole, [field]: 2 }), [world.logon, noHandle]);
      assert.equal(errorCode, 0x4b6, `${row.name}.${field}`);
    }
  }
});

test("every cut of a request fails the call, and nothing has run", async () => {
  const { handle, id } = await world.folder();
  const first = bytesOf(folders.RopDeleteFolder, { inputHandleIndex: 0, deleteFolderFlags: 0, folderId: id });
  let cuts = 0;
  for (const [at, row] of asked.entries()) {
    const whole = bytesOf(row, sample(row, at)).subarray(0, 90);
    for (let length = 1; length < whole.length; length++) {
      const cut = whole.subarray(0, length);
      const isWhole = length >= 2 && valueOrWireError(() => decodePrefix(row.request as Type<unknown>, cut, 2,
        { given: { isPublicLogon: false } }).end === length) === true;
      if (isWhole) continue;
      cuts++;
      // What stands before it in the list is not done either.
      const list = cuts % 50 === 0 ? Buffer.concat([first, cut]) : cut;
      const { errorCode } = await run(list, [world.inbox, noHandle]);
      assert.equal(errorCode, 0x4b6, `${row.name}, ${length} of ${whole.length} bytes`);
    }
  }
  assert.ok(cuts > 1000, String(cuts));
  assert.equal((await world.client.get(handle, [makeTag(0x6748, "Integer64")])).length, 1);
  const there = await world.client.session.call(folders.RopOpenFolder, world.logon, { folderId: id, openModeFlags: 0 });
  assert.equal(there.returnValue, 0);
});

test("ids that no ROP has, and those that servers alone write, fail the call", async () => {
  for (let id = 0; id < 256; id++) {
    if (asked.some((row) => row.id === id)) continue;
    const { errorCode } = await run(Buffer.from([id, 0]), [world.logon, noHandle]);
    assert.equal(errorCode, 0x4b6, `0x${id.toString(16)}`);
  }
  assert.deepEqual(server.errors(), []);
});
