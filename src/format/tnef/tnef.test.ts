/**
 * Proves TNEF: the attributes of the specification's sample message with their checksums, golden bytes of properties,
 * tables of attributes of the old kind and of damage, every file of the corpus decoded, encoded and decoded again, any
 * message through encode and decode, damaged files, and that an independent reader finds our attachments.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { decode, decodePrefix, encode } from "#codec/binary/code.ts";
import { valueOrWireError } from "#codec/binary/test-kit.ts";
import { anyMessage, corpusFiles, corpusMissing, damaged, meaning, plain } from "#format/mapi/test-kit.ts";
import { decodeTnef, isTnef } from "#format/tnef/decode.ts";
import { encodeTnef } from "#format/tnef/encode.ts";
import { Attribute, attributeIds as ids, checksumOf, Property } from "#format/tnef/layout.ts";
import type { MapiMessage, MapiProperty } from "#format/mapi/property.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const start = hex("789f3e22 0100");

function attribute(level: number, id: number, data: Uint8Array): Buffer {
  return encode(Attribute, { level, id, data, checksum: checksumOf(data) });
}

function attributesOf(bytes: Uint8Array): Attribute[] {
  const found: Attribute[] = [];
  for (let at = 6; at < bytes.length;) {
    const { value, end } = decodePrefix(Attribute, bytes, at);
    found.push(value);
    at = end;
  }
  return found;
}

const find = (list: readonly MapiProperty[], id: number): unknown => plain(list.find((one) => one.id === id)?.value);
const fileTime = (iso: string): bigint => (BigInt(Date.parse(iso)) + 11_644_473_600_000n) * 10_000n;
const message = (properties: MapiProperty[], more: Partial<MapiMessage> = {}): MapiMessage =>
  ({ properties, recipients: [], attachments: [], ...more });

test("the sample message, [MS-OXTNEF] 3.1", () => {
  const bytes = encodeTnef(message([
    { id: 0x001a, type: 0x1e, value: latin1("IPM.Note") }, { id: 0x0017, type: 3, value: 1 },
    { id: 0x0037, type: 0x1e, value: latin1("Simple subject") },
    { id: 0x0039, type: 0x40, value: fileTime("2004-02-17T11:25:35Z") },
    { id: 0x3008, type: 0x40, value: fileTime("2004-02-17T12:26:09Z") },
    { id: 0x300b, type: 0x102, value: hex("757BB19CDE936A4087D90BB784C58E3B") },
  ]));
  const rows: [name: keyof typeof ids, size: number, checksum: number, data?: string][] = [
    ["attTnefVersion", 4, 0x0001, "00000100"], ["attOemCodepage", 8, 0x00e8, "e404000000000000"],
    ["attMessageClass", 24, 0x0831, Buffer.from("IPM.Microsoft Mail.Note\0").toString("hex")],
    ["attPriority", 2, 0x0002, "0200"], ["attSubject", 15, 0x057a], ["attDateSent", 14, 0x0137],
    ["attDateModified", 14, 0x011f], ["attMessageID", 33, 0x0751],
  ];
  assert.equal(bytes.subarray(0, 6).toString("hex"), "789f3e220100");
  const found = attributesOf(bytes);
  for (const [index, [name, size, checksum, data]] of rows.entries()) {
    const one = found[index]!;
    assert.deepEqual([one.id, one.data.length, one.checksum, one.level], [ids[name], size, checksum, 1], name);
    if (data !== undefined) assert.equal(Buffer.from(one.data).toString("hex"), data, name);
  }
  // Without the property list the old attributes alone say the same.
  const old = decodeTnef(Buffer.concat([start, ...found.slice(0, rows.length).map((one) => encode(Attribute, one))]));
  assert.equal(find(old.properties, 0x001a), plain(latin1("IPM.Note")));
  assert.equal(find(old.properties, 0x0017), 1);
  assert.equal(find(old.properties, 0x0037), plain(latin1("Simple subject")));
  assert.equal(find(old.properties, 0x0039), fileTime("2004-02-17T11:25:35Z"));
  assert.equal(find(old.properties, 0x300b), plain(hex("757BB19CDE936A4087D90BB784C58E3B")));
  assert.deepEqual(old.problems, []);
});

test("golden bytes of properties, [MS-OXTNEF] 2.1.3", () => {
  const rows: [name: string, input: string, expected: MapiProperty][] = [
    ["Integer16 is padded", "0200 3412 ffff0000", { type: 2, id: 0x1234, value: -1 }],
    ["Boolean is padded", "0b00 0200 01000000", { type: 0x0b, id: 2, value: true }],
    ["Integer32", "0300 2600 feffffff", { type: 3, id: 0x26, value: -2 }],
    ["ErrorCode is unsigned", "0a00 2600 0f010480", { type: 0x0a, id: 0x26, value: 0x8004010f }],
    ["Time", "4000 3900 0080fd0e9ff5c301", { type: 0x40, id: 0x39, value: 0x01c3f59f0efd8000n }],
    ["Guid", "4800 3900 2903020000000000c000000000000046",
      { type: 0x48, id: 0x39, value: "00020329-0000-0000-c000-000000000046" }],
    ["String8 with NUL and padding", "1e00 3700 01000000 03000000 61620000", { type: 0x1e, id: 0x37, value: latin1("ab") }],
    ["String", "1f00 3700 01000000 06000000 6100ac200000 0000", { type: 0x1f, id: 0x37, value: "a\u20ac" }],
    ["Binary", "0201 0910 01000000 05000000 0102030405000000", { type: 0x102, id: 0x1009, value: hex("0102030405") }],
    ["empty Binary", "0201 0910 01000000 00000000", { type: 0x102, id: 0x1009, value: hex("") }],
    ["MultipleString8", "1e10 0010 02000000 02000000 61000000 03000000 62630000",
      { type: 0x101e, id: 0x1000, value: [latin1("a"), latin1("bc")] }],
    ["MultipleInteger32", "0310 0010 02000000 01000000 ffffffff", { type: 0x1003, id: 0x1000, value: [1, -1] }],
    ["named by number", "0300 0080 0820060000000000c000000000000046 00000000 44850000 03000000",
      { type: 3, id: 0x8000, name: { guid: "00062008-0000-0000-c000-000000000046", id: 0x8544 }, value: 3 }],
    ["named by string", "0b00 0180 2903020000000000c000000000000046 01000000 06000000 6100620000000000 01000000",
      { type: 0x0b, id: 0x8001, name: { guid: "00020329-0000-0000-c000-000000000046", id: "ab" }, value: true }],
  ];
  for (const [name, input, expected] of rows) {
    const value = decode(Property, hex(input));
    assert.deepEqual(plain({ name: undefined, ...value }), plain({ name: undefined, ...expected }), name);
    assert.equal(encode(Property, expected).toString("hex"), hex(input).toString("hex"), name);
    for (let size = 0; size < hex(input).length; size++) {
      assert.throws(() => decode(Property, hex(input).subarray(0, size)), WireError, `${name} cut at ${size}`);
    }
  }
});

test("attributes of the old kind", () => {
  const from = hex("0400 1000 0400 0a00 426f6200 534d54503a62 40782e00 00000000");
  const owner = Buffer.concat([hex("0400"), latin1("Bob\0"), hex("0900"), latin1("SMTP:b@x\0")]);
  const rows: [name: string, id: number, data: Uint8Array, expected: [number, unknown][]][] = [
    ["attFrom", ids.attFrom, from, [[0x0c1a, latin1("Bob")], [0x0c1e, latin1("SMTP")], [0x0c1f, latin1("b@x.")]]],
    ["attSentFor", ids.attSentFor, owner, [[0x0042, latin1("Bob")], [0x0064, latin1("SMTP")], [0x0065, latin1("b@x")]]],
    ["attOwner", ids.attOwner, owner, [[0x0042, latin1("Bob")]]],
    ["attPriority high", ids.attPriority, hex("0100"), [[0x0017, 2]]],
    ["attPriority low", ids.attPriority, hex("0300"), [[0x0017, 0]]],
    ["attPriority nonsense", ids.attPriority, hex("ff7f"), [[0x0017, 0]]],
    ["attMessageStatus read", ids.attMessageStatus, hex("20"), [[0x0e07, 3]]],
    ["attMessageStatus changed, submitted, attachments", ids.attMessageStatus, hex("85"), [[0x0e07, 0x14]]],
    ["attBody", ids.attBody, latin1("text\0"), [[0x1000, latin1("text")]]],
    ["attMessageID that is none", ids.attMessageID, latin1("xyz\0"), [[0x300b, undefined]]],
    ["attRequestRes", ids.attRequestRes, hex("0100"), [[0x0063, true]]],
    ["attAidOwner", ids.attAidOwner, hex("ffffffff"), [[0x0062, -1]]],
    ["attDateStart with a year of 0", ids.attDateStart, Buffer.alloc(14), [[0x0060, undefined]]],
    ["meeting class", ids.attMessageClass, latin1("IPM.Microsoft Schedule.MtgReq\0"),
      [[0x001a, latin1("IPM.Schedule.Meeting.Request")]]],
    ["other class", ids.attMessageClass, latin1("IPM.Task\0"), [[0x001a, latin1("IPM.Task")]]],
  ];
  const subject = attribute(1, ids.attSubject, latin1("s\0"));
  for (const [name, id, data, expected] of rows) {
    const found = decodeTnef(Buffer.concat([start, subject, attribute(1, id, data)]));
    assert.deepEqual(found.problems, [], name);
    for (const [property, value] of expected) assert.deepEqual(find(found.properties, property), plain(value), name);
  }
});

test("properties win over old attributes, and attachments are put together", () => {
  const list = (properties: MapiProperty[]): Buffer => {
    const count = Buffer.alloc(4);
    count.writeUInt32LE(properties.length);
    return Buffer.concat([count, ...properties.map((one) => encode(Property, one))]);
  };
  const inner = encodeTnef(message([{ id: 0x37, type: 0x1f, value: "inside" }]));
  const object = Buffer.concat([hex("0703020000000000c000000000000046"), inner]);
  const found = decodeTnef(Buffer.concat([
    start, attribute(1, ids.attSubject, latin1("old\0")),
    attribute(1, ids.attMsgProps, list([{ id: 0x37, type: 0x1f, value: "new" }])),
    attribute(2, ids.attAttachRendData, hex("0100 ffffffff 2000 2000 00000000")),
    attribute(2, ids.attAttachData, latin1("data")), attribute(2, ids.attAttachTitle, latin1("a.txt\0")),
    attribute(2, ids.attAttachment, list([{ id: 0x3707, type: 0x1f, value: "long name.txt" }])),
    attribute(2, ids.attAttachRendData, hex("0100 05000000 2000 2000 00000000")),
    attribute(2, ids.attAttachment, list([{ id: 0x3701, type: 0x0d, value: object }])),
    attribute(2, ids.attAttachRendData, hex("0200 05000000 2000 2000 00000000")),
    attribute(2, ids.attAttachment, list([
      { id: 0x3701, type: 0x0d, value: Buffer.concat([hex("0b00000000000000c000000000000046"), latin1("ole")]) }])),
  ]));
  assert.deepEqual(found.problems, []);
  assert.equal(find(found.properties, 0x37), "new");
  const [file, embedded, ole] = found.attachments;
  assert.equal(plain(file!.data), plain(latin1("data")));
  assert.deepEqual([find(file!.properties, 0x3704), find(file!.properties, 0x3707), find(file!.properties, 0x370b)],
    [plain(latin1("a.txt")), "long name.txt", -1]);
  assert.equal(find(embedded!.embedded!.properties, 0x37), "inside");
  assert.deepEqual([find(embedded!.properties, 0x3705), embedded!.data], [5, undefined]);
  assert.deepEqual([find(ole!.properties, 0x3705), plain(ole!.data)], [6, plain(latin1("ole"))]);
});

test("what is damaged is left out, what is none is refused", () => {
  const subject = attribute(1, ids.attSubject, latin1("s\0"));
  const twoProperties = Buffer.concat([hex("02000000"), encode(Property, { id: 0x26, type: 3, value: 1 }), hex("ee00 2700 00")]);
  const rows: [name: string, bytes: Buffer, problem: RegExp][] = [
    ["garbage at the end", Buffer.concat([start, subject, latin1("garbage")]), /no attribute/],
    ["cut attribute", Buffer.concat([start, subject, subject.subarray(0, 12)]), /needs/],
    ["wrong checksum", Buffer.concat([start, subject.subarray(0, -1), hex("ff")]), /checksum/],
    ["unknown type", Buffer.concat([start, subject, attribute(1, ids.attMsgProps, twoProperties)]), /unknown type/],
    ["huge count", Buffer.concat([start, subject, attribute(1, ids.attRecipTable, hex("ffffffff"))]), /needs 4 bytes/],
    ["short rendering", Buffer.concat([start, subject, attribute(2, ids.attAttachRendData, hex("0100"))]), /needs/],
    ["short sender", Buffer.concat([start, subject, attribute(1, ids.attFrom, hex("0400"))]), /needs/],
  ];
  for (const [name, bytes, problem] of rows) {
    const found = decodeTnef(bytes);
    assert.match(found.problems.join("\n"), problem, name);
    assert.equal(find(found.properties, 0x37), plain(latin1("s")), name);
  }
  assert.equal(find(decodeTnef(rows[3]![1]).properties, 0x26), 1, "properties before the damage are kept");
  for (const bytes of [hex(""), hex("789f3e22"), hex("789f3e23 0100"), Buffer.concat([start, latin1("garbage")])]) {
    assert.throws(() => decodeTnef(bytes), WireError);
  }
  assert.ok(isTnef(start) && !isTnef(hex("789f3e22")) && !isTnef(hex("000000000000")));
});

test("messages in messages end at a depth", () => {
  let deep = message([{ id: 0x37, type: 0x1f, value: "end" }]);
  for (let depth = 0; depth < 64; depth++) deep = message([], { attachments: [{ properties: [], embedded: deep }] });
  let bytes = encodeTnef(deep);
  assert.throws(() => encodeTnef(message([], { attachments: [{ properties: [], embedded: deep }] })), /too deep/);
  const object = (inner: Buffer): MapiProperty =>
    ({ id: 0x3701, type: 0x0d, value: Buffer.concat([hex("0703020000000000c000000000000046"), inner]) });
  for (let depth = 0; depth < 100; depth++) {
    bytes = Buffer.concat([start, attribute(2, ids.attAttachRendData, hex("0100 ffffffff 2000 2000 00000000")),
      attribute(2, ids.attAttachment, Buffer.concat([hex("01000000"), encode(Property, object(bytes))]))]);
  }
  let at: MapiMessage | undefined = decodeTnef(bytes);
  let count = 0;
  for (; at?.attachments[0]?.embedded !== undefined; at = at.attachments[0].embedded) count++;
  assert.equal(count, 64);
  assert.ok(isTnef(at!.attachments[0]!.data!), "the rest is kept as it is");
});

test("any message comes back", () => {
  fc.assert(fc.property(anyMessage, (one) => {
    const added = [0x3705, 0x370b];
    assert.deepEqual(meaning(decodeTnef(encodeTnef(one)), added), meaning(one, added));
  }), { numRuns: 200 });
});

test("the corpus", { skip: corpusMissing }, () => {
  const rows: Readonly<Record<string, [properties: number, recipients: number, attachments: string, problems: number]>> = {
    "ktnef-mapi_attach_data_obj.tnef": [53, 0, "61952 213685 68919", 1], "ktnef-one-file.tnef": [61, 0, "244", 0],
    "ktnef-two-files.tnef": [61, 0, "244 893", 0], "poi-bug52400-winmail-simple.dat": [57, 1, "", 1],
    "tnef-data-before-name.tnef": [37, 0, "0 0 289", 0], "tnef-garbage-at-end.tnef": [35, 0, "", 1],
    "tnef-multi-name-property.tnef": [95, 0, "", 0], "tnefparse-IPM-DistList.tnef": [43, 0, "message", 2],
    "ytnef-rtf.tnef": [74, 0, "", 0],
  };
  for (const { name, bytes } of corpusFiles(".tnef", ".dat")) {
    if (name === "poi-oom.tnef") {
      assert.throws(() => decodeTnef(bytes), WireError, name);
      continue;
    }
    const found = decodeTnef(bytes);
    const attachments = found.attachments.map((one) => (one.embedded === undefined ? one.data?.length : "message")).join(" ");
    assert.deepEqual([found.properties.length, found.recipients.length, attachments, found.problems.length], rows[name], name);
    assert.deepEqual(meaning(decodeTnef(encodeTnef(found))), meaning(found), name);
  }
});

test("damaged files give a value or a WireError in time", () => {
  const seeds = [encodeTnef(message([
    { id: 0x37, type: 0x1f, value: "subject" }, { id: 0x8000, type: 0x101f, name: { guid: "00020329-0000-0000-c000-000000000046",
      id: "Keywords" }, value: ["a", "b"] }], { attachments: [{ properties: [], data: latin1("x") }] })),
  ...corpusFiles(".tnef", ".dat").filter(({ bytes }) => bytes.length < 30_000).map(({ bytes }) => bytes)];
  const from = cpuMs();
  for (const seed of seeds) {
    fc.assert(fc.property(damaged(seed), (bytes) => void valueOrWireError(() => decodeTnef(bytes))), { numRuns: 60 });
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    valueOrWireError(() => decodeTnef(Buffer.concat([start, hex("01"), bytes])));
  }));
  assert.ok(cpuMs() - from < 3000);
});

const reader = spawnSync("tnef", ["--version"]).error === undefined ? false : "no tnef program here";

test("tnef (Debian) takes our attachments out", { skip: reader }, () => {
  const folder = mkdtempSync(join(tmpdir(), "tnef-"));
  try {
    writeFileSync(join(folder, "winmail.dat"), encodeTnef(message([{ id: 0x37, type: 0x1f, value: "subject" }], {
      attachments: [{ properties: [{ id: 0x3704, type: 0x1f, value: "one.txt" }], data: latin1("one") },
        { properties: [{ id: 0x3704, type: 0x1f, value: "two.txt" }], data: latin1("two") }],
    })));
    const run = spawnSync("tnef", ["-C", folder, "-f", join(folder, "winmail.dat")], { encoding: "utf8" });
    assert.equal(run.status, 0, run.stderr);
    assert.equal(readFileSync(join(folder, "one.txt"), "latin1"), "one");
    assert.equal(readFileSync(join(folder, "two.txt"), "latin1"), "two");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
