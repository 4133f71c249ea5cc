/**
 * Proves the address book endpoint over real HTTPS with bodies as Outlook sends them, some of them recorded: sessions,
 * cookies and refusals; hierarchy, paging, seeking, name resolution, matches, properties, lists behind objects.
 */
import { strict as assert } from "node:assert";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { decode, encode } from "#codec/binary/code.ts";
import type { Of, Type } from "#codec/binary/type.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { parseEntryId } from "#wire/mapi/entry-ids.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import type { Stat } from "#wire/mapi/nspi.ts";
import { CellError } from "#wire/mapi/rows.ts";
import { corpusFolder } from "./support/corpus.ts";
import { MapiClient } from "./support/mapi-client.ts";
import { TestServer, domain, password } from "./support/server.ts";

type Bodies = typeof addressBookBodies;
const none = new Uint8Array(0);
const people = ["alice", "bob", "carol"];
let server: TestServer;
let client: MapiClient;

const startStat: Stat = {
  sortType: 0, containerId: 0, currentRecord: 0, delta: 0, numericPosition: 0, totalRecords: 0, codePage: 1252,
  templateLocale: 1033, sortLocale: 1033,
};
const name = makeTag(0x3001, "String");
const smtp = makeTag(0x39fe, "String");
const entryId = makeTag(0x0fff, "Binary");

async function call<N extends keyof Bodies>(
  type: N, request: Omit<Of<Bodies[N]["request"]>, "auxiliaryBuffer">, by = client,
): Promise<Of<Bodies[N]["response"]>> {
  const layouts = addressBookBodies[type];
  const answer = await by.post(type, encode(layouts.request as Type<unknown>, { ...request, auxiliaryBuffer: none }));
  assert.equal(answer.code, 0, `${type}: ${answer.raw.toString()}`);
  return decode(layouts.response as Type<unknown>, answer.body) as Of<Bodies[N]["response"]>;
}

before(async () => {
  server = await TestServer.start({ users: people, config: { mapi: true } });
  await server.must(["user", "set", `carol@${domain}`, "givenName=Carola", "surname=Müller", "department=Sales",
    "name=Carola Müller", "phone=+49 30 1234"]);
  await server.must(["user", "set", `bob@${domain}`, "name=Bob Builder"]);
  await server.must(["group", "add", `team@${domain}`]);
  await server.must(["group", "member-add", `team@${domain}`, `alice@${domain}`]);
  await server.must(["group", "member-add", `team@${domain}`, `carol@${domain}`]);
  await server.must(["room", "add", `room1@${domain}`, "--capacity", "12"]);
  await server.must(["contact", "add", "dora@outside.test", "--name", "Dora Outside"]);
  client = new MapiClient(server, "/mapi/nspi/?MailboxId=test", `alice@${domain}`);
});
after(async () => {
  client.close();
  await server.dispose();
});

test("Bind as Outlook sends it", async () => {
  const path = join(corpusFolder, "protocol", "syncgw-mapihttp-bind_req4.bin");
  const body = existsSync(path) ? readFileSync(path)
    : encode(addressBookBodies.Bind.request, { flags: 0, state: startStat, auxiliaryBuffer: none });
  const answer = await client.post("Bind", body);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "application/mapi-http");
  assert.equal(answer.headers["x-requesttype"], "Bind");
  assert.match(answer.headers["x-requestid"] as string, /:1$/);
  assert.equal(answer.headers["x-responsecode"], "0");
  assert.ok(Number(answer.headers["x-expirationinfo"]) > 60_000);
  assert.deepEqual(answer.metaTags, ["PROCESSING", "DONE"]);
  const told = decode(addressBookBodies.Bind.response, answer.body);
  assert.equal(told.errorCode, 0);
  assert.equal(client.cookies.size, 2);
});

test("refusals have their codes", async () => {
  const stranger = new MapiClient(server, "/mapi/nspi", `bob@${domain}`);
  const wrong = new MapiClient(server, "/MAPI/NSPI/", `bob@${domain}`, "wrong");
  assert.equal((await wrong.post("Bind", none)).status, 401);
  assert.equal((await stranger.post("Nonsense", none)).code, 5);
  assert.equal((await stranger.post("", none)).code, 7);
  assert.equal((await stranger.post("Bind", none, { "x-requestid": "" })).code, 7);
  assert.equal((await stranger.post("Bind", Buffer.from([1, 2, 3]))).code, 12);
  assert.equal((await stranger.post("QueryRows", none)).code, 13);
  stranger.cookies.set("MapiContext", client.cookies.get("MapiContext")!);
  stranger.cookies.set("MapiSequence", client.cookies.get("MapiSequence")!);
  assert.equal((await stranger.post("QueryRows", none)).code, 10, "somebody else's session does not exist");
  const sequence = client.cookies.get("MapiSequence")!;
  client.cookies.set("MapiSequence", "0-bogus");
  assert.equal((await client.post("QueryColumns", none)).code, 15);
  client.cookies.set("MapiSequence", sequence);
  assert.equal((await client.post("PING", none)).code, 0);
  stranger.close();
  wrong.close();
});

test("a lost answer is given again for the same request", async () => {
  const asked = { reserved: 0, mapiFlags: 0x8000_0000, auxiliaryBuffer: none };
  const body = encode(addressBookBodies.QueryColumns.request, asked);
  const headers = { "x-requestid": "{C715155F-2BE8-44E0-BD34-2960067874C8}:900" };
  const before = new Map(client.cookies);
  const first = await client.post("QueryColumns", body, headers);
  const after = new Map(client.cookies);
  for (const [key, value] of before) client.cookies.set(key, value);
  const again = await client.post("QueryColumns", body, headers);
  assert.equal(again.code, 0);
  assert.deepEqual(again.body, first.body);
  for (const [key, value] of after) client.cookies.set(key, value);
  assert.ok(decode(addressBookBodies.QueryColumns.response, first.body).columns!.includes(smtp));
});

test("the hierarchy: the global list and lists by kind", async () => {
  const told = await call("GetSpecialTable", { flags: 4, state: startStat, version: null });
  const names = told.rows!.map((row) => row.find(({ tag }) => tag === name)?.value);
  assert.deepEqual(names, ["Global Address List", "All Users", "All Groups", "All Contacts", "All Rooms"]);
  const first = told.rows![0]!.map(({ tag }) => tag.toString(16));
  assert.deepEqual(first, ["fff0102", "36000003", "30050003", "fffd0003", "3001001f", "fffb000b"]);
});

test("paging in order of name", async () => {
  const told = await call("QueryRows", {
    flags: 0, state: startStat, explicitTable: [], rowCount: 3, columns: [name, smtp],
  });
  assert.deepEqual(told.rows!.rows.map(([one]) => one), ["alice", "Bob Builder", "Carola Müller"]);
  assert.equal(told.state!.numericPosition, 3);
  const rest = await call("QueryRows", {
    flags: 0, state: told.state, explicitTable: [], rowCount: 50, columns: [name],
  });
  assert.deepEqual(rest.rows!.rows.map(([one]) => one), ["Dora Outside", "room1", "team"]);
  assert.equal(rest.state!.currentRecord, 2, "at the end");
  assert.equal(rest.state!.totalRecords, 6);
  const back = await call("UpdateStat", { reserved: 0, state: { ...rest.state!, delta: -2 }, deltaRequested: 1 });
  assert.equal(back.delta, -2);
  assert.equal(back.state!.numericPosition, 4);
  const half = await call("UpdateStat", {
    reserved: 0, state: { ...startStat, currentRecord: 1, numericPosition: 50, totalRecords: 100 }, deltaRequested: 0,
  });
  assert.equal(half.state!.numericPosition, 3);
  const rooms = await call("QueryRows", {
    flags: 0, state: { ...startStat, containerId: 4 }, explicitTable: [], rowCount: 50, columns: [name],
  });
  assert.deepEqual(rooms.rows!.rows.map(([one]) => one), ["room1"]);
  const unknown = await call("QueryRows", {
    flags: 0, state: { ...startStat, containerId: 99 }, explicitTable: [], rowCount: 50, columns: [name],
  });
  assert.equal(unknown.errorCode, 0x8004_0405);
});

test("seeking by what a person types", async () => {
  const seek = (value: string) => call("SeekEntries", {
    reserved: 0, state: startStat, target: { tag: name, value }, explicitTable: null, columns: [name],
  });
  assert.deepEqual((await seek("caro")).rows!.rows[0], ["Carola Müller"]);
  assert.deepEqual((await seek("c")).state!.numericPosition, 2);
  assert.equal((await seek("zz")).errorCode, 0x8004_010f);
});

test("names resolve in any script, or are ambiguous, or unknown", async () => {
  await server.must(["user", "add", `ivan@${domain}`, "--password", password]);
  await server.must(["user", "set", `ivan@${domain}`, "name=Иван Петров"]);
  await server.must(["room", "add", `room2@${domain}`]);
  const told = await call("ResolveNames", {
    reserved: 0, state: startStat, tags: [name, smtp],
    names: ["muller", "bob", "nobody", "петров", "=SMTP:alice@example.test", "room"],
  });
  assert.deepEqual(told.minimalIds, [2, 2, 0, 2, 2, 1]);
  assert.deepEqual(told.rows!.rows.map(([one]) => one), ["Carola Müller", "Bob Builder", "Иван Петров", "alice"]);
});

test("GetMatches: what Outlook recorded, a restriction, the members of a group", async () => {
  const anr = await call("GetMatches", {
    reserved: 0, state: startStat, minimalIds: null, interfaceOptionFlags: 0,
    filter: { restrictType: 4, relOp: 4, propertyTag: makeTag(0x360c, "String"),
      taggedValue: { tag: makeTag(0x360c, "String"), value: "=SMTP:carol@example.test" } },
    propertyName: null, rowCount: 100, columns: [name],
  });
  assert.deepEqual(anr.rows!.rows, [["Carola Müller"]]);
  const sales = await call("GetMatches", {
    reserved: 0, state: startStat, minimalIds: null, interfaceOptionFlags: 0,
    filter: { restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: makeTag(0x3a18, "String"),
      taggedValue: { tag: makeTag(0x3a18, "String"), value: "SALE" } },
    propertyName: null, rowCount: 100, columns: [name],
  });
  assert.deepEqual(sales.rows!.rows, [["Carola Müller"]]);
  const group = (await call("ResolveNames", { reserved: 0, state: startStat, tags: [entryId], names: ["team"] }));
  const dn = parseEntryId(group.rows!.rows[0]![0] as Uint8Array);
  assert.equal(dn?.kind, "addressBook");
  const names = [dn?.kind === "addressBook" ? dn.value.x500Dn : "", "/cn=x"];
  const ids = await call("DNToMId", { reserved: 0, names });
  assert.equal(ids.minimalIds![1], 0);
  const members = await call("GetMatches", {
    reserved: 0, state: { ...startStat, sortType: 0x3e8, containerId: 0x8009_000d, currentRecord: ids.minimalIds![0]! },
    minimalIds: null, interfaceOptionFlags: 0, filter: null, propertyName: null, rowCount: 100, columns: [name],
  });
  assert.deepEqual(members.rows!.rows, [["alice"], ["Carola Müller"]]);
});

test("properties of one person, in both kinds of text", async () => {
  const found = await call("ResolveNames", { reserved: 0, state: startStat, tags: [entryId], names: ["carol"] });
  const id = parseEntryId(found.rows!.rows[0]![0] as Uint8Array)!;
  const [minimalId] = (await call("DNToMId", {
    reserved: 0, names: [id.kind === "addressBook" ? id.value.x500Dn : ""],
  })).minimalIds!;
  const state = { ...startStat, currentRecord: minimalId! };
  const tags: PropertyTag[] = [
    name, makeTag(0x3001, "String8"), makeTag(0x800f, "MultipleString"), makeTag(0x3905, "Integer32"),
    makeTag(0x3a08, "String"), makeTag(0x3a1c, "String"),
  ];
  const told = await call("GetProps", { flags: 0, state, tags });
  assert.equal(told.errorCode, 0x0004_0380, "one of them is missing");
  assert.deepEqual(told.values!.map(({ value }) => value), [
    "Carola Müller", Buffer.from("Carola M\xfcller", "latin1"), [`SMTP:carol@${domain}`], 0x4000_0000, "+49 30 1234",
    0x8004_010f,
  ]);
  const list = await call("GetPropList", { flags: 0, minimalId: minimalId!, codePage: 1252 });
  assert.ok(list.tags!.includes(makeTag(0x3a18, "String8")));
  const rows = await call("QueryRows", {
    flags: 0, state: startStat, explicitTable: [minimalId!, 9999], rowCount: 5, columns: [name],
  });
  assert.equal(rows.rows!.rows[0]![0], "Carola Müller");
  assert.ok(rows.rows!.rows[1]![0] instanceof CellError);
});

/** The minimal id of whoever this name resolves to, and the permanent entry id. */
async function who(text: string): Promise<{ minimalId: number; entryId: Uint8Array }> {
  const found = await call("ResolveNames", { reserved: 0, state: startStat, tags: [entryId], names: [text] });
  const permanent = found.rows!.rows[0]![0] as Uint8Array;
  const parsed = parseEntryId(permanent);
  assert.equal(parsed?.kind, "addressBook");
  const names = [parsed?.kind === "addressBook" ? parsed.value.x500Dn : ""];
  return { minimalId: (await call("DNToMId", { reserved: 0, names })).minimalIds![0]!, entryId: permanent };
}

/** Names in the list behind a property of an entry. */
async function behind(minimalId: number, tag: number): Promise<unknown[]> {
  const told = await call("GetMatches", {
    reserved: 0, state: { ...startStat, sortType: 0x3e8, containerId: tag, currentRecord: minimalId },
    minimalIds: null, interfaceOptionFlags: 0, filter: null, propertyName: null, rowCount: 100, columns: [name],
  });
  return told.rows!.rows.map(([one]) => one);
}

test("details of people and groups come as templates, in any code page but Unicode", async () => {
  const ask = (displayType: number, codePage: number) => call("GetTemplateInfo", {
    flags: 1, displayType, templateDn: null, codePage, localeId: 1031,
  });
  const person = await ask(0, 1252);
  assert.equal(person.errorCode, 0);
  const { tag, value } = person.row![0]!;
  assert.equal(tag, 0x0001_0102);
  const bytes = Buffer.from(value as Uint8Array);
  assert.equal(bytes.readUInt32LE(0), 1);
  const rows = bytes.readUInt32LE(4);
  const texts = Array.from({ length: rows }, (_, index) => {
    const at = bytes.readUInt32LE(8 + index * 36 + 32);
    return bytes.toString("latin1", at, bytes.indexOf(0, at));
  });
  assert.ok(rows > 20 && bytes.at(-1) === 0);
  assert.deepEqual(texts.filter((_, index) => bytes.readUInt32LE(8 + index * 36 + 16) === 8),
    ["General", "Organization", "Phone/Notes", "Member Of", "E-mail Addresses"]);
  assert.notDeepEqual((await ask(1, 1252)).row![0]!.value, value);
  assert.equal((await ask(0, 1200)).errorCode, 0x8004_011e);
  assert.equal((await ask(0x100, 1252)).errorCode, 0x8004_011f);
});

test("order by how names are spoken", async () => {
  await server.must(["user", "set", `alice@${domain}`, "phoneticDisplayName=Zelda"]);
  const state = { ...startStat, sortType: 3 };
  const told = await call("QueryRows", { flags: 0, state, explicitTable: [], rowCount: 50, columns: [name] });
  const names = told.rows!.rows.map(([one]) => one);
  assert.ok(names.indexOf("alice") > names.indexOf("team"), names.join(", "));
  const seek = (tag: PropertyTag, value: string) => call("SeekEntries", {
    reserved: 0, state, target: { tag, value }, explicitTable: null, columns: [name],
  });
  assert.equal((await seek(makeTag(0x8c92, "String"), "zel")).rows!.rows[0]![0], "alice");
  assert.equal((await seek(name, "zel")).errorCode, 0x8000_4005);
});

test("managers change their groups, people who sends for them and their certificates, and nothing else", async () => {
  const [team, bob, alice, carol] = [await who("team"), await who(`bob@${domain}`), await who(`alice@${domain}`),
    await who(`carol@${domain}`)];
  const person = new MapiClient(server, "/mapi/nspi/?MailboxId=test", `bob@${domain}`);
  await call("Bind", { flags: 0, state: startStat }, person);
  const link = async (propertyTag: number, minimalId: number, entryIds: Uint8Array[], flags = 0): Promise<number> =>
    (await call("ModLinkAtt", { flags, propertyTag: propertyTag as PropertyTag, minimalId, entryIds }, person)).errorCode;
  assert.equal(await link(0x8009_000d, team.minimalId, [bob.entryId]), 0x8007_0005, "not the manager");
  await server.must(["group", "add", `crew@${domain}`, "--managed-by", `bob@${domain}`]);
  const crew = await who("crew");
  assert.equal(await link(0x8009_000d, crew.minimalId, [alice.entryId, carol.entryId]), 0);
  assert.deepEqual(await behind(crew.minimalId, 0x8009_000d), ["alice", "Carola Müller"]);
  assert.deepEqual(await behind(alice.minimalId, 0x8008_000d), ["crew", "team"]);
  assert.deepEqual(await behind(crew.minimalId, 0x800c_000d), ["Bob Builder"]);
  assert.equal(await link(0x8009_000d, crew.minimalId, [alice.entryId], 1), 0);
  assert.deepEqual(await behind(crew.minimalId, 0x8009_000d), ["Carola Müller"]);
  assert.equal(await link(0x8009_000d, crew.minimalId, [team.entryId, Buffer.from("x")]), 0x8004_010f);
  assert.equal(await link(0x8015_000d, bob.minimalId, [carol.entryId]), 0);
  assert.deepEqual(await behind(bob.minimalId, 0x8015_000d), ["Carola Müller"]);
  assert.equal(await link(0x8015_000d, alice.minimalId, [bob.entryId]), 0x8007_0005);
  assert.equal(await link(0x8008_000d, bob.minimalId, [carol.entryId]), 0x8004_0102);
  assert.equal(await link(0x3001_001f, bob.minimalId, [carol.entryId]), 0x8004_010f);
  assert.equal(await link(0x8009_000d, 9999, [bob.entryId]), 0x8007_0057);
  const certificate = makeTag(0x8c6a, "MultipleBinary");
  const modify = async (currentRecord: number, tag: PropertyTag, value: string | Uint8Array[] | null): Promise<number> =>
    (await call("ModProps", {
      reserved: 0, state: { ...startStat, currentRecord }, tags: [tag], values: value === null ? null : [{ tag, value }],
    }, person)).errorCode;
  const der = Buffer.from("3082010a", "hex");
  assert.equal(await modify(bob.minimalId, certificate, [der]), 0);
  const told = await call("GetProps", {
    flags: 0, state: { ...startStat, currentRecord: bob.minimalId }, tags: [certificate],
  });
  assert.deepEqual(told.values![0]!.value, [der]);
  assert.equal(await modify(bob.minimalId, certificate, null), 0);
  assert.equal(await modify(alice.minimalId, certificate, [der]), 0x8007_0005);
  assert.equal(await modify(bob.minimalId, name, "King"), 0x8007_0005);
  person.close();
});

test("managers and direct reports", async () => {
  await server.must(["user", "set", `bob@${domain}`, `manager=carol@${domain}`]);
  const carol = await who(`carol@${domain}`);
  assert.deepEqual(await behind(carol.minimalId, 0x800e_000d), ["Bob Builder"]);
  const told = await call("GetProps", {
    flags: 0, state: { ...startStat, currentRecord: (await who(`bob@${domain}`)).minimalId },
    tags: [makeTag(0x8005, "String")],
  });
  const parsed = parseEntryId(carol.entryId);
  assert.equal(told.values![0]!.value, parsed?.kind === "addressBook" ? parsed.value.x500Dn : "");
});

test("a change is seen at once, and hidden people stand in no list", async () => {
  await server.must(["user", "set", `bob@${domain}`, "hidden=on"]);
  const told = await call("QueryRows", {
    flags: 0, state: startStat, explicitTable: [], rowCount: 50, columns: [name],
  });
  assert.ok(!told.rows!.rows.some(([one]) => one === "Bob Builder"));
  const exact = await call("ResolveNames", {
    reserved: 0, state: startStat, tags: [name], names: [`bob@${domain}`, "Builder"],
  });
  assert.deepEqual(exact.minimalIds, [2, 0]);
});

test("Unbind ends the session", async () => {
  const told = await call("Unbind", { reserved: 0 });
  assert.equal(told.errorCode, 1);
  assert.equal((await client.post("QueryColumns", none)).code, 10);
});
