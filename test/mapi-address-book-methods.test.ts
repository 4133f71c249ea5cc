/**
 * Proves what each method of the address book does with its parameters, over real HTTPS: which are checked and by which
 * code refused, what a refusal leaves as it was, where the STAT stands afterwards, which form of entry id is told, in
 * which code page text comes, and the dialogs for addresses made by hand. [MS-OXNSPI] 3.1.4.1, [MS-OXOABKT]
 */
import { strict as assert } from "node:assert";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeTag, withTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import type { Restriction } from "#props/structures.ts";
import { parseEntryId } from "#wire/mapi/entry-ids.ts";
import type { Stat } from "#wire/mapi/nspi.ts";
import { CellError } from "#wire/mapi/rows.ts";
import { AddressBookClient, startStat } from "./support/address-book.ts";
import { dnOf } from "./support/mapi-mailbox.ts";
import { TestServer, domain } from "./support/server.ts";

const codes = {
  success: 0, errorsReturned: 0x0004_0380, generalFailure: 0x8000_4005, notSupported: 0x8004_0102,
  invalidObject: 0x8004_0108, notFound: 0x8004_010f, tooComplex: 0x8004_0117, invalidCodePage: 0x8004_011e,
  invalidLocale: 0x8004_011f, tableTooBig: 0x8004_0403, invalidBookmark: 0x8004_0405, accessDenied: 0x8007_0005,
  invalidParameter: 0x8007_0057,
} as const;
const teletex = 20261;
const unicode = 1200;
const noCodePage = 0xff;
const nobody = 0xffff_ffff;
const name8 = makeTag(0x3001, "String8");
const name = makeTag(0x3001, "String");
const entryId = makeTag(0x0fff, "Binary");
const displayType = makeTag(0x3900, "Integer32");
const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");
const textOf = (value: unknown): string => Buffer.from(value as Uint8Array).toString("latin1");

let server: TestServer;
let book: AddressBookClient;
const ids = new Map<string, number>();

const at = (change: Partial<Stat>): Stat => ({ ...startStat, ...change });
const mid = (who: string): number => {
  const found = ids.get(who);
  assert.ok(found !== undefined, who);
  return found;
};

before(async () => {
  server = await TestServer.start({ users: ["alice", "bob", "carol"], config: { mapi: true } });
  await server.must(["user", "set", `carol@${domain}`, "name=Carola Müller", "department=Sales",
    "phoneticDisplayName=Aaa"]);
  await server.must(["group", "add", `crew@${domain}`, "--managed-by", `alice@${domain}`]);
  await server.must(["group", "member-add", `crew@${domain}`, `bob@${domain}`]);
  await server.must(["group", "add", `sales@${domain}`, "--dynamic", "department=Sales"]);
  await server.must(["contact", "add", "dora@outside.test", "--name", "Dora Outside"]);
  book = await AddressBookClient.bind(server, `alice@${domain}`);
  const told = await book.call("QueryRows", {
    flags: 0, state: startStat, explicitTable: [], rowCount: 50, columns: [name, makeTag(0x0ff6, "Binary")],
  });
  for (const [who, key] of told.rows!.rows) ids.set(who as string, Buffer.from(key as Uint8Array).readUInt32LE());
  assert.deepEqual([...ids.keys()], ["alice", "bob", "Carola Müller", "crew", "Dora Outside", "sales"]);
});
after(async () => {
  await book?.unbind();
  await server?.dispose();
});

test("Bind refuses nameless sign-in and code pages that are none; Unbind forgets", async () => {
  const other = new AddressBookClient(server, `bob@${domain}`);
  const bind = async (flags: number, codePage: number): Promise<number> =>
    (await other.call("Bind", { flags, state: at({ codePage }) })).errorCode;
  assert.equal(await bind(0x20, 1252), codes.notSupported);
  assert.equal(await bind(0, unicode), codes.invalidCodePage);
  assert.equal(await bind(0, noCodePage), codes.invalidCodePage);
  assert.equal(other.client.cookies.size, 0, "a refusal makes no session");
  assert.equal(await bind(1, teletex), codes.success, "other bits are ignored");
  assert.equal((await other.call("Unbind", { reserved: 5 })).errorCode, 1);
  other.client.close();
});

test("containers that do not exist are refused, and nothing moves", async () => {
  const state = at({ containerId: 99, delta: 1 });
  const restriction: Restriction = { restrictType: 8, propertyTag: entryId };
  const rows = await book.call("QueryRows", { flags: 1, state, explicitTable: [], rowCount: 1, columns: [name] });
  const seek = await book.call("SeekEntries", {
    reserved: 0, state, target: { tag: name, value: "a" }, explicitTable: null, columns: [name],
  });
  const matches = await book.call("GetMatches", {
    reserved: 0, state, minimalIds: null, interfaceOptionFlags: 0, filter: restriction, propertyName: null,
    rowCount: 9, columns: [name],
  });
  const update = await book.call("UpdateStat", { reserved: 0, state, deltaRequested: 1 });
  for (const [what, told] of Object.entries({ rows, seek, matches, update })) {
    assert.equal(told.errorCode, codes.invalidBookmark, what);
    assert.deepEqual(told.state, state, what);
    assert.equal("rows" in told ? told.rows : null, null, what);
  }
  const resolved = await book.call("ResolveNames", { reserved: 0, state, tags: null, names: ["alice"] });
  assert.deepEqual([resolved.errorCode, resolved.minimalIds, resolved.rows], [codes.invalidBookmark, null, null]);
  const compared = await book.call("CompareMIds", {
    reserved: 0, state, minimalId1: mid("alice"), minimalId2: mid("bob"),
  });
  assert.equal(compared.errorCode, codes.invalidBookmark);
});

test("UpdateStat: rows counted from the start, the end, a row and a fraction; or not found", async () => {
  const update = (change: Partial<Stat>, deltaRequested = 1) =>
    book.call("UpdateStat", { reserved: 7, state: at(change), deltaRequested });
  const rows: readonly (readonly [Partial<Stat>, place: number, who: number, moved: number])[] = [
    [{ currentRecord: 0 }, 0, mid("alice"), 0], [{ currentRecord: 0, delta: 2 }, 2, mid("Carola Müller"), 2],
    [{ currentRecord: 0, delta: -1 }, 0, mid("alice"), 0], [{ currentRecord: 2 }, 6, 2, 0],
    [{ currentRecord: 2, delta: 1 }, 6, 2, 0], [{ currentRecord: 2, delta: -6 }, 0, mid("alice"), -6],
    [{ currentRecord: mid("bob"), delta: 2 }, 3, mid("crew"), 2], [{ currentRecord: mid("bob"), delta: 99 }, 6, 2, 5],
    [{ currentRecord: 1, numericPosition: 5, totalRecords: 10 }, 3, mid("crew"), 0],
    [{ currentRecord: 1, numericPosition: 50, totalRecords: 10 }, 6, 2, 0],
    [{ currentRecord: 1, delta: 1 }, 1, mid("bob"), 1],
  ];
  for (const [change, place, who, moved] of rows) {
    const told = await update(change);
    assert.equal(told.errorCode, codes.success);
    assert.deepEqual(told.state, { ...startStat, currentRecord: who, numericPosition: place, totalRecords: 6 },
      JSON.stringify(change));
    assert.equal(told.delta, moved, JSON.stringify(change));
  }
  assert.equal((await update({}, 0)).delta, null);
  const lost = await update({ currentRecord: nobody, delta: 1 });
  assert.equal(lost.errorCode, codes.notFound);
  assert.deepEqual(lost.state, at({ currentRecord: nobody, delta: 1 }));
});

test("QueryRows moves as UpdateStat does, and tells eight-bit names when no columns are asked for", async () => {
  const state = at({ codePage: 1252 });
  const told = await book.call("QueryRows", { flags: 0, state, explicitTable: [], rowCount: 3, columns: null });
  const moved = await book.call("UpdateStat", { reserved: 0, state: { ...state, delta: 3 }, deltaRequested: 0 });
  assert.deepEqual(told.state, moved.state);
  assert.deepEqual(told.rows!.columns.map((tag) => tag.toString(16)),
    ["fffd0003", "ffe0003", "39000003", "3001001e", "3a1a001e", "3a18001e", "3a19001e"]);
  const [, , carol] = told.rows!.rows;
  assert.deepEqual([carol![0], textOf(carol![3])], [mid("Carola Müller"), "Carola M\xfcller"]);
  assert.ok(carol![4] instanceof CellError && carol![4].code === codes.notFound);
  const wide = await book.call("QueryRows", {
    flags: 0, state: at({ codePage: unicode }), explicitTable: [], rowCount: 1, columns: null,
  });
  assert.equal(wide.rows!.rows[0]![3], "alice");
  const empty = await book.call("QueryRows", { flags: 0, state, explicitTable: [], rowCount: 0, columns: [name] });
  assert.deepEqual([empty.errorCode, empty.state], [codes.invalidParameter, state]);
  const own = await book.call("QueryRows", {
    flags: 2, state, explicitTable: [mid("crew"), nobody, mid("bob")], rowCount: 9, columns: [entryId, name],
  });
  assert.deepEqual(own.state, state, "an own table moves nothing");
  assert.deepEqual(own.rows!.rows.map(([, who]) => (who instanceof CellError ? null : who)), ["crew", null, "bob"]);
  assert.equal(parseEntryId(own.rows!.rows[0]![0] as Uint8Array)?.kind, "ephemeral");
});

test("what every object has", async () => {
  const required = [0x0fff, 0x3001, 0x3900, 0x0ffe, 0x3f08, 0x39ff, 0xfffd, 0x0ff6, 0x300b, 0x0ff9, 0x3002, 0x3003,
    0x3902, 0x3a20, 0x0ff8, 0x803c];
  const told = await book.call("QueryRows", {
    flags: 0, state: startStat, explicitTable: [], rowCount: 50,
    columns: required.map((id) => (id * 0x1_0000) as PropertyTag),
  });
  for (const row of told.rows!.rows) {
    row.forEach((cell, index) => assert.ok(!(cell instanceof CellError), required[index]!.toString(16)));
  }
  const types = await book.call("QueryRows", {
    flags: 0, state: startStat, explicitTable: [], rowCount: 50,
    columns: [displayType, makeTag(0x3600, "Integer32"), makeTag(0x3905, "Integer32")],
  });
  const [alice, , , crew, dora, sales] = types.rows!.rows;
  assert.deepEqual([alice![0], crew![0], dora![0], sales![0]], [0, 1, 6, 3], "a group by query is an agent");
  assert.deepEqual([crew![1], sales![1]], [9, 9]);
  assert.ok(alice![1] instanceof CellError);
  assert.deepEqual([crew![2], sales![2]], [0x4000_0009, 3]);
  const same = await book.call("GetProps", {
    flags: 0, state: at({ currentRecord: mid("bob") }),
    tags: [entryId, makeTag(0x3902, "Binary"), makeTag(0x0ff9, "Binary")],
  });
  const [own, template, record] = same.values!.map(({ value }) => value);
  assert.deepEqual([template, record], [own, own], "the permanent id stands in three places");
});

test("GetProps: nobody has no values, doubles come twice, and a code page has to be one", async () => {
  const get = (change: Partial<Stat>, tags: PropertyTag[] | null, flags = 0) =>
    book.call("GetProps", { flags, state: at(change), tags });
  for (const currentRecord of [0, 1, 2, nobody]) {
    const told = await get({ currentRecord }, [name]);
    assert.equal(told.errorCode, codes.errorsReturned);
    assert.deepEqual(told.values, [{ tag: makeTag(0x3001, "ErrorCode"), value: codes.notFound }]);
  }
  const twice = await get({ currentRecord: mid("bob") }, [displayType, displayType]);
  assert.deepEqual([twice.errorCode, twice.values!.map(({ value }) => value)], [codes.success, [0, 0]]);
  const wrong = await get({ currentRecord: mid("bob"), codePage: noCodePage }, [name]);
  assert.deepEqual([wrong.errorCode, wrong.values], [codes.invalidCodePage, null]);
  assert.equal((await get({ currentRecord: mid("bob"), codePage: unicode }, [name8])).errorCode, codes.invalidCodePage);
  assert.equal((await get({ currentRecord: mid("bob"), codePage: unicode }, [name])).errorCode, codes.success);
  const unknown = await get({ currentRecord: mid("bob"), codePage: unicode }, [0x1e as PropertyTag]);
  assert.deepEqual([unknown.errorCode, unknown.values![0]!.tag], [codes.errorsReturned, 0x0a]);
  const accents = await get({ currentRecord: mid("Carola Müller"), codePage: teletex }, [name8]);
  assert.equal(textOf(accents.values![0]!.value), "Carola M\xc8uller");
  const rows = (codePage: number, columns: PropertyTag[]) =>
    book.call("QueryRows", { flags: 0, state: at({ codePage }), explicitTable: [], rowCount: 9, columns });
  assert.equal((await rows(noCodePage, [name])).errorCode, codes.invalidCodePage);
  assert.equal((await rows(unicode, [name8])).errorCode, codes.invalidCodePage);
  const lists = await get({ currentRecord: mid("crew") }, [makeTag(0x8009, "MultipleString8")]);
  assert.deepEqual((lists.values![0]!.value as Uint8Array[]).map(textOf), [await dnOf(server, "bob")]);
});

test("GetPropList: of an object what it has, of the whole list everything there is", async () => {
  const list = async (minimalId: number, codePage = 1252) =>
    await book.call("GetPropList", { flags: 0, minimalId, codePage });
  const columns = await book.call("QueryColumns", { reserved: 1, mapiFlags: 1 });
  assert.deepEqual((await list(0)).tags, columns.columns);
  assert.ok(columns.columns!.every((tag) => (tag & 0xfff) !== 0x1f));
  const own = await list(mid("bob"));
  assert.ok(own.tags!.length < columns.columns!.length && own.tags!.includes(name8));
  assert.equal((await list(nobody)).errorCode, codes.invalidObject);
  assert.equal((await list(mid("bob"), noCodePage)).errorCode, codes.invalidCodePage);
});

test("SeekEntries: orders it knows, properties it seeks by, and rows with ephemeral ids", async () => {
  const seek = (value: PropertyValue, tag: PropertyTag, change: Partial<Stat> = {}, table: number[] | null = null) =>
    book.call("SeekEntries", {
      reserved: 1, state: at(change), target: { tag, value }, explicitTable: table, columns: [name, entryId],
    });
  const found = await seek(bytesOf("carola"), name8, { delta: 4 });
  assert.deepEqual(found.state,
    at({ currentRecord: mid("Carola Müller"), delta: 4, numericPosition: 2, totalRecords: 6 }));
  assert.equal(parseEntryId(found.rows!.rows[0]![1] as Uint8Array)?.kind, "ephemeral");
  const rows = await book.call("QueryRows", {
    flags: 2, state: { ...found.state!, delta: 0 }, explicitTable: [], rowCount: 4, columns: [name, entryId],
  });
  assert.deepEqual(rows.rows, found.rows);
  for (const [what, told] of [
    ["sorted for lists of one object", await seek("a", name, { sortType: 0x3e8 })],
    ["not by its order", await seek("a", makeTag(0x8c92, "String"))],
    ["not by its order either", await seek("a", name, { sortType: 3 })],
    ["no text", await seek(0, displayType)],
  ] as const) {
    assert.equal(told.errorCode, codes.generalFailure, what);
    assert.equal(told.rows, null, what);
  }
  const past = await seek(Buffer.from([0xff, 0xff, 0xff]), name8, { codePage: teletex, numericPosition: 3 });
  assert.equal(past.errorCode, codes.notFound);
  assert.deepEqual(past.state, at({ codePage: teletex, numericPosition: 3 }), "nothing moves");
  const own = await seek("bo", name, {}, [mid("alice"), mid("bob"), mid("crew")]);
  assert.deepEqual([own.state!.numericPosition, own.state!.totalRecords], [1, 3]);
  assert.deepEqual(own.rows!.rows.map(([who]) => who), ["bob", "crew"]);
  assert.equal((await seek("bo", name, {}, [])).state!.totalRecords, 6, "a table of nobody is none");
  const spoken = await seek("a", makeTag(0x8c92, "String"), { sortType: 3 });
  assert.equal(spoken.rows!.rows[0]![0], "Carola Müller");
});

test("GetMatches: restrictions in either text, one object alone, lists behind it, and its refusals", async () => {
  const match = (
    filter: Restriction | null, change: Partial<Stat> = {}, rowCount = 50, property: number | null = null,
  ) =>
    book.call("GetMatches", {
      reserved: 1, state: at(change), minimalIds: null, interfaceOptionFlags: 1, filter, rowCount,
      propertyName: property === null ? null : { guid: "00000000-0000-0000-0000-000000000000", id: property },
      columns: [name, entryId],
    });
  const equal = (tag: PropertyTag, value: PropertyValue): Restriction =>
    ({ restrictType: 4, relOp: 4, propertyTag: tag, taggedValue: { tag, value } });
  const prefix: Restriction = {
    restrictType: 3, fuzzyLevelLow: 2, fuzzyLevelHigh: 1, propertyTag: name8,
    taggedValue: { tag: name8, value: bytesOf("CR") },
  };
  const anyone: Restriction = { restrictType: 8, propertyTag: entryId };
  const rows: readonly (readonly [what: string, Restriction, who: readonly string[]])[] = [
    ["eight-bit name", equal(name8, bytesOf("Carola M\xfcller")), ["Carola Müller"]],
    ["start of a name", prefix, ["crew"]],
    ["either", { restrictType: 1, restricts: [equal(name8, bytesOf("bob")), prefix] }, ["bob", "crew"]],
    ["both", { restrictType: 0, restricts: [anyone, equal(makeTag(0x3a18, "String"), "sales")] }, ["Carola Müller"]],
    ["not", { restrictType: 2, restriction: equal(displayType, 0) }, ["crew", "Dora Outside", "sales"]],
    ["there", { restrictType: 8, propertyTag: makeTag(0x8c92, "String") }, ["Carola Müller"]],
    ["bits", { restrictType: 6, bitmapRelOp: 1, propertyTag: displayType, mask: 2 }, ["Dora Outside", "sales"]],
  ];
  for (const [what, filter, who] of rows) {
    const told = await match(filter, { numericPosition: 9, totalRecords: 9, delta: 3 });
    assert.deepEqual([told.errorCode, told.rows!.rows.map(([one]) => one)], [codes.success, who], what);
    assert.deepEqual(told.minimalIds, who.map(mid), what);
    assert.deepEqual(told.state, at({ numericPosition: 9, totalRecords: 9, delta: 3 }), "only the container changes");
    for (const [, id] of told.rows!.rows) assert.equal(parseEntryId(id as Uint8Array)?.kind, "ephemeral", what);
  }
  for (const sortType of [0x3e8, 0x3e9, 4]) assert.equal((await match(anyone, { sortType })).minimalIds!.length, 6);
  const spoken = await match(anyone, { sortType: 3 });
  assert.equal(spoken.rows!.rows[0]![0], "Carola Müller");
  for (const containerId of [0, 1, 0x3001_001e]) {
    const alone = await match(null, { currentRecord: mid("bob"), containerId, delta: 2 });
    assert.deepEqual([alone.minimalIds, alone.state!.containerId], [[mid("bob")], mid("bob")]);
  }
  const members = { sortType: 0x3e8, containerId: 0x8009_000d, currentRecord: mid("crew") };
  assert.deepEqual((await match(null, members)).minimalIds, [mid("bob")]);
  assert.deepEqual((await match(null, { currentRecord: mid("crew") }, 50, 0x8009_000d)).minimalIds, [mid("bob")]);
  assert.deepEqual((await match(equal(name, "carola"), members)).minimalIds, []);
  assert.equal((await match(null)).errorCode, codes.generalFailure, "nobody is before the first row");
  const big = await match(anyone, {}, 5);
  assert.deepEqual([big.errorCode, big.minimalIds, big.rows, big.state], [codes.tableTooBig, null, null, startStat]);
  assert.equal((await match(anyone, { codePage: unicode })).errorCode, codes.invalidCodePage);
  const reserved = await book.call("GetMatches", {
    reserved: 0, state: startStat, minimalIds: [mid("bob")], interfaceOptionFlags: 0, filter: anyone,
    propertyName: null, rowCount: 50, columns: null,
  });
  assert.deepEqual([reserved.errorCode, reserved.minimalIds, reserved.state], [codes.tooComplex, null, startStat]);
  const passedOver = await book.call("GetMatches", {
    reserved: 0, state: at({ currentRecord: mid("bob") }), minimalIds: [mid("crew")], interfaceOptionFlags: 0,
    filter: null, propertyName: null, rowCount: 1, columns: null,
  });
  assert.deepEqual([passedOver.errorCode, passedOver.minimalIds], [codes.success, [mid("bob")]]);
});

test("CompareMIds, DNToMId and ResortRestriction", async () => {
  const compare = async (minimalId1: number, minimalId2: number, change: Partial<Stat> = {}) => {
    const told = await book.call("CompareMIds", { reserved: 1, state: at(change), minimalId1, minimalId2 });
    return told.errorCode === 0 ? told.result : told.errorCode;
  };
  assert.deepEqual([
    await compare(mid("alice"), mid("bob")), await compare(mid("bob"), mid("alice")),
    await compare(mid("bob"), mid("bob")),
  ], [-1, 1, 0]);
  assert.equal(await compare(0, 1), codes.generalFailure);
  assert.equal(await compare(mid("bob"), mid("crew"), { containerId: 1 }), codes.generalFailure, "not both in it");
  const known = await book.call("DNToMId", { reserved: 1, names: [await dnOf(server, "bob"), "Unknown", "/cn=x"] });
  assert.deepEqual(known.minimalIds, [mid("bob"), 0, 0]);
  assert.equal((await book.call("DNToMId", { reserved: 0, names: null })).errorCode, codes.success);
  const sort = (minimalIds: number[], change: Partial<Stat> = {}) =>
    book.call("ResortRestriction", { reserved: 1, state: at(change), minimalIds });
  const given = [mid("crew"), nobody, mid("alice"), mid("bob")];
  const sorted = await sort(given, { currentRecord: mid("bob") });
  assert.deepEqual(sorted.minimalIds, [mid("alice"), mid("bob"), mid("crew")]);
  assert.deepEqual([sorted.state!.currentRecord, sorted.state!.numericPosition, sorted.state!.totalRecords],
    [mid("bob"), 1, 3]);
  const without = await sort(given, { currentRecord: mid("sales") });
  assert.deepEqual([without.state!.currentRecord, without.state!.numericPosition], [0, 0]);
  assert.deepEqual((await sort([nobody], { codePage: unicode })).minimalIds, []);
});

test("ResolveNames: nothing for nothing, two are too many, and a list holds only its own", async () => {
  const resolve = (names: string[], change: Partial<Stat> = {}, tags: PropertyTag[] | null = null) =>
    book.call("ResolveNames", { reserved: 1, state: at(change), tags, names });
  const told = await resolve(["alice", "", "c", "XXXXXX"]);
  assert.deepEqual(told.minimalIds, [2, 0, 1, 0]);
  assert.equal(textOf(told.rows!.rows[0]![3]), "alice");
  assert.deepEqual((await resolve(["crew", "alice"], { containerId: 2 })).minimalIds, [2, 0]);
  const wrong = await resolve(["alice"], { codePage: noCodePage });
  assert.deepEqual([wrong.errorCode, wrong.minimalIds, wrong.rows], [codes.invalidCodePage, null, null]);
  assert.equal((await resolve(["alice"], { codePage: unicode })).rows!.rows[0]![3], "alice");
});

test("changes: tags have to be told, the object has to be there, and agents have no members to add", async () => {
  const certificate = makeTag(0x8c6a, "MultipleBinary");
  const modify = async (currentRecord: number, tags: PropertyTag[] | null): Promise<number> =>
    (await book.call("ModProps", {
      reserved: 1, state: at({ currentRecord }), tags, values: [{ tag: certificate, value: [] }],
    })).errorCode;
  assert.equal(await modify(mid("alice"), null), codes.invalidParameter);
  assert.equal(await modify(1, [certificate]), codes.invalidParameter);
  assert.equal(await modify(mid("alice"), [certificate]), codes.success);
  const matched = await book.call("GetMatches", {
    reserved: 0, state: at({ currentRecord: mid("Carola Müller") }), minimalIds: null,
    interfaceOptionFlags: 0, filter: null, propertyName: null, rowCount: 1, columns: [entryId],
  });
  const ephemeral = Buffer.from(matched.rows!.rows[0]![0] as Uint8Array);
  const link = async (minimalId: number, propertyTag: number, flags: number): Promise<number> =>
    (await book.call("ModLinkAtt", {
      flags, propertyTag: propertyTag as PropertyTag, minimalId, entryIds: [ephemeral],
    })).errorCode;
  const members = async (): Promise<number> => (await book.call("GetMatches", {
    reserved: 0, state: at({ sortType: 0x3e9, containerId: 0x8009_000d, currentRecord: mid("crew") }), minimalIds: null,
    interfaceOptionFlags: 0, filter: null, propertyName: null, rowCount: 50, columns: null,
  })).minimalIds!.length;
  assert.equal(await link(mid("crew"), 0x8009_101e, 0xfe), codes.success, "an ephemeral id names somebody as well");
  assert.equal(await members(), 2);
  ephemeral.writeUInt32LE(5, 24);
  assert.equal(await link(mid("crew"), 0x8009_101e, 0xff), codes.success, "whatever display type it has");
  assert.equal(await members(), 1);
  assert.equal(await link(nobody, 0x8009_101e, 0), codes.invalidParameter);
  assert.equal(await link(mid("crew"), 0x3001_001e, 0), codes.notFound);
  assert.equal(await link(mid("sales"), 0x8009_101e, 0), codes.accessDenied);
});

test("the hierarchy in eight-bit text; addresses made by hand, with dialog and script", async () => {
  const table = (flags: number, change: Partial<Stat> = {}) =>
    book.call("GetSpecialTable", { flags, state: at(change), version: 12345 });
  const narrow = await table(1);
  assert.deepEqual(narrow.rows!.map((row) => row.find(({ tag }) => tag === name8)?.value).map(textOf)[0],
    "Global Address List");
  assert.equal((await table(4, { codePage: unicode })).errorCode, codes.success);
  for (const codePage of [unicode, noCodePage]) {
    const refused = await table(0, { codePage });
    assert.deepEqual([refused.errorCode, refused.rows], [codes.invalidCodePage, null]);
  }
  assert.deepEqual((await table(2, { templateLocale: 0 })).rows, []);
  const made = await table(6, { codePage: teletex });
  const row = new Map(made.rows![0]!.map(({ tag, value }) => [tag as number, value]));
  assert.deepEqual([...row.keys()].map((tag) => tag.toString(16)),
    ["3002001e", "3001001e", "39000003", "fff0102", "30050003", "3609000b", "ff60102"]);
  assert.deepEqual([textOf(row.get(0x3002_001e)), row.get(0x3609_000b)], ["SMTP", true]);
  const id = parseEntryId(row.get(entryId) as Uint8Array);
  assert.ok(id?.kind === "addressBook" && id.value.type === 0x102);
  const info = (templateDn: string | null, flags: number, localeId = 1033, codePage: number = teletex) =>
    book.call("GetTemplateInfo", { flags, displayType: 0, templateDn, codePage, localeId });
  const both = await info(id.value.x500Dn.toUpperCase(), 0xffff_ffff, 0);
  assert.deepEqual(both.row!.map(({ tag }) => tag.toString(16)), ["10102", "40102"]);
  const [dialog, script] = both.row!.map(({ value }) => Buffer.from(value as Uint8Array));
  assert.equal(script!.toString("hex"), "07000000040000001e00033018000000020000001e0003300000000001000000");
  // Five controls: the page, and for name and address a caption and something to type in.
  const controls = Array.from({ length: dialog!.readUInt32LE(4) }, (_, index) =>
    [16, 20, 24].map((offset) => dialog!.readUInt32LE(8 + index * 36 + offset)));
  assert.deepEqual(controls, [[8, 0, 0], [0, 0, 0], [1, 0x26, 0x3001_001e], [0, 0, 0], [1, 0x26, 0x3003_001e]]);
  assert.deepEqual((await info(null, 4)).row!.map(({ tag }) => tag.toString(16)), ["40102"]);
  for (const [told, code] of [
    [await info(null, 0x20, 0), codes.invalidLocale], [await info("/cn=nothing", 1), codes.invalidLocale],
    [await info(null, 0x20, 1033, unicode), codes.invalidCodePage],
    [await info(null, 0x20, 1033, nobody), codes.invalidCodePage],
  ] as const) assert.deepEqual([told.errorCode, told.row], [code, null]);
});

test("ids hold over sessions of one server", async () => {
  const other = await AddressBookClient.bind(server, `bob@${domain}`);
  const tag = withTypeCode(entryId, 0x102);
  const ask = async (by: AddressBookClient, flags: number) => (await by.call("GetProps", {
    flags, state: at({ currentRecord: mid("crew") }), tags: [tag],
  })).values;
  assert.deepEqual(await ask(other, 2), await ask(book, 2));
  assert.deepEqual(await ask(other, 0), await ask(book, 0));
  await other.unbind();
});

test("photos: the person's own bytes, in values and in rows", async () => {
  const start = Buffer.from("47494638396101000100800000ffffff0000002c", "hex");
  const picture = Buffer.concat([start, Buffer.alloc(20_000, 7)]);
  const file = join(server.dataDir, "bob.gif");
  await writeFile(file, picture);
  await server.must(["user", "set", `bob@${domain}`, `photo=@${file}`]);
  const photo = makeTag(0x8c9e, "Binary");
  const told = await book.call("GetProps", {
    flags: 0, state: at({ currentRecord: mid("bob") }), tags: [photo, name],
  });
  assert.equal(told.errorCode, codes.success);
  assert.deepEqual(told.values!.map(({ value }) => value instanceof Uint8Array ? Buffer.from(value) : value),
    [picture, "bob"]);
  const { rows } = await book.call("QueryRows", {
    flags: 0, state: startStat, explicitTable: [mid("bob"), mid("alice")], rowCount: 2, columns: [photo],
  });
  const [[of], [none]] = rows!.rows as [[Uint8Array], [unknown]];
  assert.deepEqual([Buffer.from(of), none instanceof CellError], [picture, true]);
  const list = await book.call("GetPropList", { flags: 0, minimalId: mid("bob"), codePage: 1252 });
  assert.ok(list.tags!.includes(photo));
});
