/**
 * Proves what one Execute call does beside its ROPs: payloads that go on where one is full, a client that is asked to
 * wait, room that is too small, payloads compressed and disguised on their way in and out. [MS-OXCRPC] 3.1.4.2.1.2
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { Ctx } from "#base/ctx.ts";
import { Fault, WireError } from "#base/fault.ts";
import { encode } from "#codec/binary/code.ts";
import type { Type } from "#codec/binary/type.ts";
import { makeTag } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { execute } from "#serve/mapi/mailbox/execute.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { OpenStream } from "#serve/mapi/mailbox/rops/streams.ts";
import { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import type { Services } from "#serve/mapi/mailbox/session.ts";
import { OpenTable } from "#serve/mapi/mailbox/table.ts";
import { rowPut, TableEvents } from "#serve/mapi/mailbox/table-events.ts";
import { TransferSource } from "#serve/mapi/mailbox/transfer/stream.ts";
import { StreamLocks } from "#serve/mapi/mailbox/stream-locks.ts";
import { noHandle, packRopBuffer, unpackRopBuffer } from "#wire/mapi/rop-buffer.ts";
import type { PackOptions, RopPayload } from "#wire/mapi/rop-buffer.ts";
import { decodeAnswer } from "#wire/mapi/rop.ts";
import type { Rop } from "#wire/mapi/rop.ts";
import { RopFastTransferSourceGetBuffer } from "#wire/mapi/rops/fast-transfer.ts";
import { tableEvents } from "#wire/mapi/notification.ts";
import { RopNotify, RopPending } from "#wire/mapi/rops/notifications.ts";
import { RopBackoff } from "#wire/mapi/rops/sessions.ts";
import { RopGetStreamSize, RopReadStream } from "#wire/mapi/rops/streams.ts";
import { RopGetLocalReplicaIds } from "#wire/mapi/rops/synchronization.ts";
import { RopQueryRows } from "#wire/mapi/rops/tables.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const ctx = { log, signal: new AbortController().signal } as object as Ctx;
const logon = {
  kind: "logon", logonId: 0,
  items: { reserveIds: () => Promise.reject(new Fault("serverBusy", "Too much is to be done.")) },
} as object as LogonObject;

function openSession(): MailboxSession {
  return new MailboxSession({
    person: {} as MailboxSession["person"], codePage: 1252, localeId: 1033,
    services: { hostname: "mail.example.test", locks: new StreamLocks() } as object as Services,
  });
}

const holder = { bag: () => Promise.resolve(new Map()), set: () => Promise.resolve(), remove: () => Promise.resolve(),
  readOnly: new Set<number>() };
const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
const streamOf = (data: Uint8Array): OpenStream =>
  new OpenStream({ logon, holder, tag: makeTag(0x3701, "Binary"), isWritable: false, key: "a value" }, data);

const plain: PackOptions = { compress: false, xorMagic: false };
const askFor = (rop: Rop, request: object): Buffer => Buffer.concat([Buffer.from([rop.id, 3]),
  encode(rop.request as Type<unknown>, { inputHandleIndex: 0, ...request })]);
const chain = 0x7;

async function call(session: MailboxSession, list: Uint8Array, handle: number, options: {
  readonly flags?: number; readonly maxRopOut?: number; readonly pack?: PackOptions; readonly copies?: number;
} = {}): Promise<RopPayload[]> {
  const payload = { rops: list, handles: Uint32Array.of(handle) };
  const ropBuffer = packRopBuffer(Array.from({ length: options.copies ?? 1 }, () => payload), options.pack ?? plain);
  const answer = await execute(ctx, session, {
    flags: options.flags ?? 3, ropBuffer, maxRopOut: options.maxRopOut ?? 0x10008, auxiliaryBuffer: new Uint8Array(0),
  });
  assert.ok(answer.length <= (options.maxRopOut ?? 0x10008), "the client's room");
  return unpackRopBuffer(answer);
}

test("a stream goes on in further payloads when the client takes them, as far as it was asked for", async () => {
  const session = openSession();
  const read = async (handle: number, request: object, options: object): Promise<Buffer[]> =>
    (await call(session, askFor(RopReadStream, request), handle, options))
      .map(({ rops }) => Buffer.from((decodeAnswer(RopReadStream, rops, 0).body as { data: Uint8Array }).data));
  const much = { byteCount: 0xbabe, maximumByteCount: 200_000 };
  const whole = await read(session.add(streamOf(bytes)), much, { flags: chain, maxRopOut: 0x40000 });
  assert.ok(whole.length >= 4);
  assert.deepEqual(Buffer.concat(whole), bytes);
  const few = await read(session.add(streamOf(bytes)), { ...much, maximumByteCount: 70_000 },
    { flags: chain, maxRopOut: 0x40000 });
  assert.deepEqual(Buffer.concat(few), bytes.subarray(0, 70_000));
  const narrow = await read(session.add(streamOf(bytes)), much, { flags: chain, maxRopOut: 50_000 });
  assert.ok(narrow.length === 2 && Buffer.concat(narrow).equals(bytes.subarray(0, Buffer.concat(narrow).length)));
  assert.equal((await read(session.add(streamOf(bytes)), much, { maxRopOut: 0x40000 })).length, 1, "not asked for");
});

test("only the last ROP of a list goes on", async () => {
  const session = openSession();
  const list = Buffer.concat([askFor(RopReadStream, { byteCount: 0x7000 }), askFor(RopGetStreamSize, {})]);
  assert.equal((await call(session, list, session.add(streamOf(bytes)), { flags: chain, maxRopOut: 0x40000 })).length, 1);
});

test("a transfer goes on until it is done; a client that tells a size takes one buffer", async () => {
  const session = openSession();
  const source = (): number => session.add(new TransferSource(logon, async function* ({ writer }) {
    for (let part = 0; part < 10; part++) {
      writer.property(makeTag(0x1013, "Binary"), bytes.subarray(0, 9000));
      yield;
    }
  }));
  const take = async (request: object): Promise<{ transferStatus: number; transferBuffer: Uint8Array }[]> =>
    (await call(session, askFor(RopFastTransferSourceGetBuffer, request), source(), { flags: chain, maxRopOut: 0x40000 }))
      .map(({ rops }) => decodeAnswer(RopFastTransferSourceGetBuffer, rops, 0).body as never);
  const all = await take({ bufferSize: 0xbabe, maximumBufferSize: 0x7000 });
  assert.deepEqual(all.map(({ transferStatus }) => transferStatus).at(-1), 3);
  assert.equal(all.reduce((sum, { transferBuffer }) => sum + transferBuffer.length, 0), 10 * 9008);
  assert.equal((await take({ bufferSize: 0x1000 })).length, 1);
});

test("rows go on where the client says that it takes them packed", async () => {
  const session = openSession();
  const tag = makeTag(0x0037, "String");
  const rows = Array.from({ length: 400 }, (_, key) =>
    ({ key, instance: 0, version: 0, values: new Map([[tag, `row ${key} ${"x".repeat(90)}`]]) }));
  const open = (): number => {
    const table = new OpenTable(logon, {
      list: () => Promise.resolve([...rows]), tableKind: "attachments", allColumns: () => Promise.resolve([tag]),
      cells: (_ctx, some) => Promise.resolve(some.map(({ values }) => [values.get(tag) as string])),
    });
    table.setColumns([tag]);
    return session.add(table);
  };
  const query = async (queryRowsFlags: number, flags: number): Promise<number[]> =>
    (await call(session, askFor(RopQueryRows, { queryRowsFlags, forwardRead: true, rowCount: 380 }), open(),
      { flags, maxRopOut: 0x40000 })).map(({ rops }) =>
      (decodeAnswer(RopQueryRows, rops, 0, { columns: [tag] }).body as { rowData: unknown[] }).rowData.length);
  const packed = await query(2, chain);
  assert.ok(packed.length === 3, packed.join());
  assert.equal(packed.reduce((sum, count) => sum + count, 0), 380);
  assert.equal((await query(0, chain)).length, 1, "not said of the rows");
  assert.equal((await query(2, 3)).length, 1, "not said of the call");
});

test("an event that no answer holds says less; one that cannot stays, and the client hears that there is more", async () => {
  const tag = makeTag(0x0037, "String");
  const rowData = (size: number) => rowPut(true, { folderId: { replicaId: 1, counter: 5 }, instance: 0 }, null, ["x".repeat(size)]);
  const told = async (events: TableEvents, maxRopOut: number): Promise<number[]> => {
    const session = openSession();
    session.addSubscription({
      kind: "table", logon, handle: 9, look: () => Promise.resolve(), next: () => events.next(), take: () => events.take(),
      shorten: () => events.shorten(), get hasEvents() { return !events.isEmpty; },
    });
    const [payload] = await call(session, new Uint8Array(0), noHandle, { maxRopOut });
    const seen: number[] = [];
    for (let rops = payload!.rops; rops.length > 0;) {
      seen.push(rops[0]!);
      rops = rops.subarray(decodeAnswer(rops[0] === RopNotify.id ? RopNotify : RopPending, rops, 0, { columns: [tag] }).end);
    }
    return seen;
  };
  const eventsOf = (...sizes: number[]): TableEvents => {
    const events = new TableEvents();
    for (const size of sizes) events.push(rowData(size), [tag]);
    return events;
  };
  const tooBig = eventsOf(1000);
  assert.deepEqual(await told(tooBig, 200), [RopNotify.id]);
  assert.ok(tooBig.isEmpty);
  // Behind another answer it waits for a buffer of its own.
  const second = eventsOf(10, 1000);
  assert.deepEqual(await told(second, 200), [RopNotify.id, RopPending.id]);
  assert.deepEqual(await told(second, 200), [RopNotify.id]);
  assert.ok(second.isEmpty);
  const whole = eventsOf(1000);
  assert.deepEqual(await told(whole, 4000), [RopNotify.id]);
  // No room for the least there is to say.
  const least = eventsOf(1000);
  assert.deepEqual(await told(least, 20), [RopPending.id]);
  assert.equal(least.next()?.data.tableEventType, tableEvents.changed);
});

test("too much to do: RopBackoff in place of the answer, and nothing after it is done", async () => {
  const session = openSession();
  const handle = session.add(logon);
  const list = Buffer.concat([askFor(RopGetLocalReplicaIds, { idCount: 1 }), askFor(RopGetStreamSize, {})]);
  const [payload] = await call(session, list, handle);
  const { body, end } = decodeAnswer(RopBackoff, payload!.rops, 0);
  assert.equal(end, payload!.rops.length);
  const { logonId, duration } = body as { logonId: number; duration: number };
  assert.equal(logonId, 3);
  assert.ok(duration > 0);
});

test("an answer without any room fails before anything is done; payloads are not packed on their way in", async () => {
  const session = openSession();
  const handle = session.add(streamOf(bytes));
  const list = askFor(RopReadStream, { byteCount: 10 });
  const isTooSmall = (error: unknown): boolean => error instanceof RopError && error.code === 0x47d;
  for (const maxRopOut of [0, 7, 20]) await assert.rejects(call(session, list, handle, { maxRopOut }), isTooSmall);
  await assert.rejects(call(session, list, handle, { copies: 2 }), WireError);
  assert.equal((session.get(handle) as OpenStream).position, 0);
});

test("compressed and disguised, in and out", async () => {
  const session = openSession();
  const handle = session.add(streamOf(Buffer.alloc(20_000, 7)));
  const list = Buffer.concat(Array.from({ length: 200 }, () => askFor(RopGetStreamSize, {})));
  for (const [pack, flags] of [
    [{ compress: true, xorMagic: true }, 0], [{ compress: true, xorMagic: false }, 2],
    [{ compress: false, xorMagic: true }, 1], [plain, 3],
  ] as const) {
    const [payload] = await call(session, list, handle, { pack, flags });
    assert.equal((decodeAnswer(RopGetStreamSize, payload!.rops, 0).body as { streamSize: number }).streamSize, 20_000);
  }
});
