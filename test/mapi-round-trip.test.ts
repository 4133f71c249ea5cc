/**
 * Proves that what a client sets is what it reads: random values of every type, under ids of their own and under names
 * of every property set, through RopSetProperties, a save and RopGetProperties, with streams for what is too large.
 * OUTPOST_LONG=1 makes it 100,000 bags. [MS-OXCPRPT] 3.2.5, [MS-OXCDATA] 2.11
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { propertySets } from "#props/property-sets.ts";
import { makeTag, propertyTypes, tagTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { noHandle } from "#wire/mapi/rop-buffer.ts";
import { CellError } from "#wire/mapi/rows.ts";
import { RopCreateMessage, RopSaveChangesMessage } from "#wire/mapi/rops/messages.ts";
import {
  RopDeleteProperties, RopGetPropertiesAll, RopGetPropertiesList, RopGetPropertiesSpecific, RopGetPropertyIdsFromNames,
  RopGetNamesFromPropertyIds, RopSetProperties,
} from "#wire/mapi/rops/properties.ts";
import { RopCommitStream, RopOpenStream, RopReadStream, RopWriteStream } from "#wire/mapi/rops/streams.ts";
import { MailboxClient, startServer, tags } from "./support/mapi-mailbox.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
/** One id for each set of names. */
let ids: readonly number[] = [];

const bags = process.env["OUTPOST_LONG"] === "1" ? 100_000 : Number(process.env["OUTPOST_BAGS"] ?? 300);
const seed = Number(process.env["OUTPOST_FUZZ_SEED"] ?? 20_261_122);

before(async () => {
  server = await startServer(["alice"]);
  alice = await MailboxClient.open(server, "alice");
});
after(async () => {
  await alice?.disconnect();
  await server?.dispose();
});

type TypeName = keyof typeof propertyTypes;

const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
/** Text without a zero and without half a character, which texts cannot have. */
const words = fc.string({ unit: "grapheme", maxLength: 40 }).map((value) => value.replaceAll("\0", ""));
const binary = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const i16 = fc.integer({ min: -0x8000, max: 0x7fff });
const i32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const time = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const float32 = fc.float({ noNaN: true }).map(Math.fround);
const float64 = fc.double({ noNaN: true });
const many = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { minLength: 1, maxLength: 5 });

/** Every type that a property of a message is kept as. [MS-OXCDATA] 2.11.1 */
const valuesOf: Partial<Record<TypeName, fc.Arbitrary<unknown>>> = {
  Integer16: i16, Integer32: i32, Floating32: float32, Floating64: float64, Currency: i64, FloatingTime: float64,
  Boolean: fc.boolean(), Integer64: i64, String: words, Time: time, Guid: fc.uuid(), Binary: binary,
  MultipleInteger16: many(i16), MultipleInteger32: many(i32), MultipleFloating32: many(float32),
  MultipleFloating64: many(float64), MultipleCurrency: many(i64), MultipleFloatingTime: many(float64),
  MultipleInteger64: many(i64), MultipleString: many(words), MultipleTime: many(time), MultipleGuid: many(fc.uuid()),
  MultipleBinary: many(binary),
};
const typeNames = Object.keys(valuesOf) as TypeName[];

/** An id of no meaning to the server, one that a named property has, or one of a transport. */
const id = (): fc.Arbitrary<number> => fc.oneof(fc.integer({ min: 0x6800, max: 0x7bff }), fc.constantFrom(...ids));

const entry = (): fc.Arbitrary<readonly [PropertyTag, PropertyValue]> =>
  fc.tuple(id(), fc.constantFrom(...typeNames)).chain(([one, name]) =>
    valuesOf[name]!.map((value) => [makeTag(one, name as never) as PropertyTag, value as PropertyValue] as const));

const bag = (): fc.Arbitrary<(readonly [PropertyTag, PropertyValue])[]> =>
  fc.uniqueArray(entry(), { minLength: 1, maxLength: 14, selector: ([tag]) => tag >>> 16 });

const plain = (value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString("hex") : Array.isArray(value) ? value.map(plain) : value;

test("names of every property set, numbers and texts, keep their ids", async () => {
  const propertyNames = Object.values(propertySets).flatMap(({ guid }) => [{ guid, id: 0x9a01 }, { guid, id: "Ünïcode name" }]);
  const { body } = await alice.session.must(RopGetPropertyIdsFromNames, alice.logon, { flags: 2, propertyNames });
  ids = body.propertyIds.filter((one) => one >= 0x8000);
  assert.ok(ids.length >= 40, `${ids.length} of ${propertyNames.length}`);
  assert.equal(new Set(ids).size, ids.length);
  const again = await alice.session.must(RopGetPropertyIdsFromNames, alice.logon, { flags: 0, propertyNames });
  assert.deepEqual(again.body.propertyIds, body.propertyIds);
  const named = await alice.session.must(RopGetNamesFromPropertyIds, alice.logon, { propertyIds: body.propertyIds });
  assert.deepEqual(named.body.propertyNames, propertyNames);
});

test(`${bags} random bags come back as they were set`, { timeout: 3_600_000 }, async () => {
  const all = fc.sample(fc.infiniteStream(bag()), { numRuns: 1, seed })[0]!;
  let message = noHandle;
  let before: PropertyTag[] = [];
  for (let at = 0; at < bags; at++) {
    const entries = all.next().value as (readonly [PropertyTag, PropertyValue])[];
    const set = entries.map(([tag, value]) => ({ tag, value }));
    const propertyTags = entries.map(([tag]) => tag);
    // A message takes fifty bags, one after the other.
    const isNew = at % 50 === 0;
    const folderId = alice.folderIds[4];
    const indexes = { inputHandleIndex: 1 };
    if (isNew && message !== noHandle) alice.session.release(message);
    const done = await alice.session.execute([
      ...isNew ? [{ rop: RopCreateMessage, request: { inputHandleIndex: 0, outputHandleIndex: 1, codePageId: 0x0fff, folderId,
        associatedFlag: false } }] : [{ rop: RopDeleteProperties, request: { ...indexes, propertyTags: before } }],
      { rop: RopSetProperties, request: { ...indexes, propertyValues: set } },
      { rop: RopSaveChangesMessage, request: { responseHandleIndex: 1, inputHandleIndex: 1, saveFlags: 0x0a } },
      { rop: RopGetPropertiesSpecific, request: { ...indexes, propertySizeLimit: 0, wantUnicode: 1, propertyTags },
        given: { propertyTags } },
      { rop: RopGetPropertiesList, request: indexes },
    ], [alice.logon, isNew ? noHandle : message]);
    const where = `bag ${at}, seed ${seed}`;
    assert.deepEqual(done.answers.slice(0, 5).map(({ returnValue }) => returnValue), [0, 0, 0, 0, 0], where);
    assert.deepEqual((done.answers[1]!.body as { propertyProblems: unknown[] }).propertyProblems, [], where);
    const { rowData } = done.answers[3]!.body as { rowData: unknown[] };
    assert.deepEqual(rowData.map(plain), entries.map(([, value]) => plain(value)), where);
    const listed = new Set((done.answers[4]!.body as { propertyTags: PropertyTag[] }).propertyTags);
    for (const tag of propertyTags) assert.ok(listed.has(tag), `${where}: 0x${tag.toString(16)} in the list`);
    // What the bag before had and this one has not is gone.
    for (const tag of isNew ? [] : before) {
      assert.ok(propertyTags.includes(tag) || !listed.has(tag), `${where}: 0x${tag.toString(16)} is still there`);
    }
    message = done.handles[1]!;
    before = propertyTags;
  }
  alice.session.release(message);
});

test("large values by stream: text, bytes; and the same through a stream as in one piece", async () => {
  const message = await alice.create("inbox", [[tags.subject, "large"]]);
  const rows: readonly (readonly [PropertyTag, Buffer])[] = [
    [makeTag(0x6801, "Binary"), Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256))],
    [makeTag(0x6802, "String"), Buffer.from("Grüße, 世界! ".repeat(9000), "utf16le")],
    [makeTag(ids[0]!, "Binary"), Buffer.alloc(100_000, 9)], [makeTag(0x6803, "Binary"), Buffer.alloc(0)],
    [makeTag(0x6804, "Binary"), Buffer.from("short")],
  ];
  for (const [propertyTag, bytes] of rows) {
    const { opened } = await alice.session.must(RopOpenStream, message, { propertyTag, openModeFlags: 2 });
    for (let at = 0; at < bytes.length; at += 0x7000) {
      const data = bytes.subarray(at, at + 0x7000);
      const { body } = await alice.session.must(RopWriteStream, opened, { data });
      assert.equal(body.writtenSize, data.length);
    }
    await alice.session.must(RopWriteStream, opened, { data: Buffer.alloc(0) });
    await alice.session.must(RopCommitStream, opened);
    alice.session.release(opened);
  }
  const id = await alice.save(message);
  alice.session.release(message);
  const again = await alice.open(await alice.openFolder("inbox"), "inbox", id, 0);
  for (const [propertyTag, bytes] of rows) {
    const { opened, body } = await alice.session.must(RopOpenStream, again, { propertyTag, openModeFlags: 0 });
    assert.equal(body.streamSize, bytes.length, `0x${propertyTag.toString(16)}`);
    const pieces: Buffer[] = [];
    for (;;) {
      const { body: read } = await alice.session.must(RopReadStream, opened, { byteCount: 0x6fff });
      if (read.data.length === 0) break;
      pieces.push(Buffer.from(read.data));
    }
    assert.ok(Buffer.concat(pieces).equals(bytes), `0x${propertyTag.toString(16)}`);
    const [cell] = await alice.get(again, [propertyTag]);
    if (bytes.length > 0x8000) assert.ok(cell instanceof CellError && cell.code === 0x8007_000e);
    else assert.equal(tagTypeCode(propertyTag) === 0x102 && bytes.equals(cell as Uint8Array), true);
    alice.session.release(opened);
  }
});

test("a text with a NUL in it, which only streams bring, ends there and stands in nobody's way", async () => {
  const message = await alice.create("inbox", [[tags.subject, "whole"]]);
  for (const propertyTag of [tags.subject, tags.displayName]) {
    const { opened } = await alice.session.must(RopOpenStream, message, { propertyTag, openModeFlags: 2 });
    await alice.session.must(RopWriteStream, opened, { data: Buffer.from("ends\0 here", "utf16le") });
    await alice.session.must(RopCommitStream, opened);
  }
  await alice.save(message);
  assert.deepEqual(await alice.get(message, [tags.subject, tags.displayName]), ["ends", "ends"]);
  await alice.session.must(RopGetPropertiesAll, message, { propertySizeLimit: 0, wantUnicode: 1 });
  const columns = [tags.subject, tags.displayName];
  const rows = await alice.rows(await alice.contents(await alice.openFolder("inbox"), columns), columns);
  assert.deepEqual(rows.at(-1), ["ends", "ends"]);
  assert.deepEqual(server.errors(), []);
});
