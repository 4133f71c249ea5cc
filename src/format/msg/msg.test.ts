/**
 * Proves message files: headers and trees of compound files of every size class in both versions, hostile chains and
 * trees, golden bytes of named properties, every .msg and .oft of the corpus read, written and read again to the same
 * meaning, any message through both, damaged files, and that an independent reader (olefile) finds no fault.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { decode } from "#codec/binary/code.ts";
import { valueOrWireError } from "#codec/binary/test-kit.ts";
import { anyMessage, corpusFiles, corpusMissing, damaged, meaning, plain } from "#format/mapi/test-kit.ts";
import { isCompoundFile, readCompoundFile } from "#format/msg/compound-read.ts";
import { contentOf, writeCompoundFile } from "#format/msg/compound-write.ts";
import { Header } from "#format/msg/layout.ts";
import { NameWriter, readNames } from "#format/msg/named.ts";
import { readMsg } from "#format/msg/read.ts";
import { writeMsg } from "#format/msg/write.ts";
import type { CompoundStorage } from "#format/msg/compound-read.ts";
import type { CompoundContent } from "#format/msg/compound-write.ts";
import type { MapiMessage, MapiProperty } from "#format/mapi/property.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
/** What {@link writeMsg} adds where it is missing. */
const added = [0x3000, 0x0e21, 0x3705, 0x340d];

type Tree = { [name: string]: Tree | string };

function treeOf(storage: CompoundStorage): Tree {
  const tree: Tree = {};
  for (const one of storage.children.values()) {
    tree[one.name] = one.kind === "stream" ? Buffer.from(one.read()).toString("base64") : treeOf(one);
  }
  return tree;
}

function content(children: Record<string, CompoundContent | Uint8Array>): CompoundContent {
  return { children: new Map(Object.entries(children)) };
}

const pattern = Buffer.from(Array.from({ length: 65_521 }, (_, index) => (index * 7 + (index >> 8)) & 255));
const filled = (size: number): Buffer => Buffer.alloc(size, pattern.subarray(size % 97));

test("streams of every size class come back, in both versions, [MS-CFB] 2", () => {
  const sizes = [0, 1, 63, 64, 65, 511, 512, 513, 4095, 4096, 4097, 70_000];
  const streams = Object.fromEntries(sizes.map((size) => [`s${size}`, filled(size)]));
  const root = content({ ...streams, inner: content({ ...streams, deeper: content({}) }) });
  for (const version of [3, 4] as const) {
    const bytes = writeCompoundFile(root, { version });
    const header = decode(Header, bytes, { trailing: "ignore" });
    assert.deepEqual([header.majorVersion, header.minorVersion, header.byteOrder, header.sectorShift, header.miniSectorShift],
      [version, 0x3e, 0xfffe, version === 3 ? 9 : 12, 6]);
    assert.equal(bytes.length % 2 ** header.sectorShift, 0);
    assert.equal(header.directorySectors > 0, version === 4);
    const read = readCompoundFile(bytes);
    const expected = Object.fromEntries(sizes.map((size) => [`s${size}`, filled(size).toString("base64")]));
    assert.deepEqual(treeOf(read), { ...expected, inner: { ...expected, deeper: {} } });
    assert.deepEqual(writeCompoundFile(contentOf(read), { version }), bytes);
  }
});

test("files whose tables outgrow the header", () => {
  const large = filled(109 * 128 * 512 + 3_000_000);
  const bytes = writeCompoundFile(content({ large }));
  assert.ok(decode(Header, bytes, { trailing: "ignore" }).difatSectors > 0);
  const found = readCompoundFile(bytes).children.get("LARGE");
  assert.ok(found?.kind === "stream" && Buffer.from(found.read()).equals(large));
});

test("siblings are found by search and the tree is balanced, [MS-CFB] 2.6.4", () => {
  for (const count of [1, 2, 3, 4, 7, 8, 100]) {
    const children = Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index * 37}`, filled(3)]));
    const bytes = writeCompoundFile(content(children));
    const directory = (decode(Header, bytes, { trailing: "ignore" }).firstDirectorySector + 1) * 512;
    const entry = (index: number): { name: string; red: boolean; left: number; right: number; child: number } => {
      const at = directory + index * 128;
      const size = bytes.readUInt16LE(at + 64) - 2;
      return { name: bytes.toString("utf16le", at, at + size), red: bytes[at + 67] === 0, left: bytes.readUInt32LE(at + 68),
        right: bytes.readUInt32LE(at + 72), child: bytes.readUInt32LE(at + 76) };
    };
    const names: string[] = [];
    const walk = (index: number, parentRed: boolean): number => {
      if (index === 0xffffffff) return 1;
      const one = entry(index);
      assert.ok(!(one.red && parentRed), "two red ones in a row");
      const left = walk(one.left, one.red);
      names.push(one.name);
      assert.equal(walk(one.right, one.red), left, "the same number of black ones on every way");
      return left + (one.red ? 0 : 1);
    };
    walk(entry(0).child, true);
    const sorted = [...names].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
    assert.deepEqual(names, sorted);
    assert.equal(names.length, count);
  }
});

test("hostile compound files are refused or bounded", () => {
  const bytes = writeCompoundFile(content({ a: filled(5000), b: filled(100), c: content({ d: filled(20) }) }));
  const header = decode(Header, bytes, { trailing: "ignore" });
  const directory = (header.firstDirectorySector + 1) * 512;
  const fat = (header.difat[0]! + 1) * 512;
  const patched = (...changes: [at: number, value: number][]): Buffer => {
    const copy = Buffer.from(bytes);
    for (const [at, value] of changes) copy.writeUInt32LE(value, at);
    return copy;
  };
  const readAll = (file: Buffer): Tree => treeOf(readCompoundFile(file));
  const rows: [name: string, file: Buffer, message: RegExp][] = [
    ["empty", hex(""), /needs/], ["no compound file", Buffer.alloc(600), /must stand/],
    ["sector size", patched([30, 0x0006_0014]), /sectors of 2\^20/],
    ["directory chain in a circle", patched([fat + header.firstDirectorySector * 4, header.firstDirectorySector]), /never ends/],
    ["directory at no sector", patched([48, 0xfffffffe]), /begins at/],
    ["stream larger than the file", patched([directory + 128 + 120, 0x7fffffff]), /more than the file/],
    ["stream with a short chain", patched([fat, 0xfffffffe]), /chain of 1 sectors/],
    ["mini chain too short", patched([directory + 256 + 120, 4000]), /mini sectors|leaves the mini stream/],
  ];
  for (const [name, file, message] of rows) assert.throws(() => readAll(file), (error) => {
    assert.ok(error instanceof WireError, name);
    assert.match(error.message, message, name);
    return true;
  });
  assert.deepEqual(Object.keys(readAll(patched([directory + 128 + 68, 1], [directory + 128 + 72, 2]))).sort(), ["a", "b", "c"],
    "siblings in a circle");
  assert.deepEqual(readAll(patched([directory + 3 * 128 + 76, 0])), { ...readAll(bytes), c: {} }, "a child that is the root");
});

test("a name whose size is damaged stays one that can be written", () => {
  const file = Buffer.from(writeCompoundFile(content({ ["n".repeat(31)]: filled(10) })));
  const at = file.indexOf(Buffer.from("n".repeat(31), "utf16le"));
  file.writeUInt16LE(0xffff, at + 64);
  const names = [...readCompoundFile(file).children.keys()];
  assert.deepEqual(names, ["N".repeat(31)]);
});

test("many streams over the same sectors are refused", () => {
  const children = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`n${index}`, new Uint8Array(0)]));
  const bytes = writeCompoundFile(content({ ...children, big: filled(4_000_000) }));
  const at = (decode(Header, bytes, { trailing: "ignore" }).firstDirectorySector + 1) * 512;
  for (let index = 1; index <= 2001; index++) {
    bytes.writeUInt32LE(0, at + index * 128 + 116);
    bytes.writeUInt32LE(4_000_000, at + index * 128 + 120);
  }
  assert.throws(() => treeOf(readCompoundFile(bytes)), /streams take more/);
});

test("names, [MS-OXMSG] 3.2", () => {
  // The entry of the specification's example: string at 0x10, third set, sixth name.
  const entries = Buffer.concat([Buffer.alloc(8 * 5), hex("10000000 0700 0500")]);
  const strings = Buffer.concat([Buffer.alloc(16, 0x92), hex("0c000000"), Buffer.from("HEADER", "utf16le"), hex("448a6fbb")]);
  const found = readNames(hex("0820060000000000c000000000000046"), entries, strings);
  assert.deepEqual(found[5], { guid: "00062008-0000-0000-c000-000000000046", id: "HEADER" });
  assert.equal(found[0], undefined);

  const writer = new NameWriter();
  const common = "00062008-0000-0000-c000-000000000046";
  const rows = [
    { guid: common, id: 0x8554 }, { guid: "00020329-0000-0000-c000-000000000046", id: "Keywords" },
    { guid: "00020328-0000-0000-c000-000000000046", id: 3 }, { guid: common, id: "x" }, { guid: common, id: "Abc" },
  ];
  for (const [index, name] of rows.entries()) assert.equal(writer.idOf(name), 0x8000 + index);
  assert.equal(writer.idOf(rows[3]!), 0x8003);
  const { children } = writer.toStorage();
  const stream = (name: string): Buffer => Buffer.from(children.get(name) as Uint8Array);
  assert.equal(stream("__substg1.0_00030102").toString("hex"),
    "5485000006000000" + "0000000005000100" + "0300000002000200" + "1400000007000300" + "1c00000007000400");
  assert.equal(stream("__substg1.0_00020102").toString("hex"), "0820060000000000c000000000000046");
  assert.deepEqual(readNames(stream("__substg1.0_00020102"), stream("__substg1.0_00030102"), stream("__substg1.0_00040102")), rows);
  // [MS-OXMSG] 2.2.3.2.1: the stream is chosen by number and set.
  assert.equal(stream(`__substg1.0_${(0x1000 + ((0x8554 ^ 6) % 0x1f)).toString(16).toUpperCase()}0102`).toString("hex"),
    "5485000006000000");
});

test("hash streams are those of the corpus", { skip: corpusMissing }, () => {
  let seen = 0;
  for (const { name, bytes } of corpusFiles("EmailWithReactions.msg", "chinese_message.msg", "att_msg.msg")) {
    const mapping = readCompoundFile(bytes).children.get("__NAMEID_VERSION1.0") as CompoundStorage;
    const tree = treeOf(mapping);
    const read = (stream: string): Buffer => Buffer.from(String(tree[`__substg1.0_${stream}`]), "base64");
    const names = readNames(read("00020102"), read("00030102"), read("00040102"));
    const writer = new NameWriter();
    for (const one of names) writer.idOf(one!);
    const entryNumbers = (stream: Buffer): string[] =>
      Array.from({ length: stream.length / 8 }, (_, index) => stream.toString("hex", index * 8 + 6, index * 8 + 8)).sort();
    for (const [stream, raw] of writer.toStorage().children) {
      if (!/_10..0102$/.test(stream)) continue;
      // Sets may be numbered otherwise, which moves names of sets; those that hold the same are what is counted.
      const theirs = typeof tree[stream] === "string" ? entryNumbers(Buffer.from(tree[stream], "base64")) : [];
      if (JSON.stringify(theirs) === JSON.stringify(entryNumbers(Buffer.from(raw as Uint8Array)))) seen++;
    }
    assert.ok(seen > 0, name);
  }
  assert.ok(seen > 40, String(seen));
});

const find = (list: readonly MapiProperty[], id: number): unknown => plain(list.find((one) => one.id === id)?.value);

test("what a writer of message files must do, [MS-OXMSG] 2", () => {
  const ole = writeCompoundFile(content({ CONTENTS: filled(10) }));
  const inner: MapiMessage = { properties: [{ id: 0x37, type: 0x1f, value: "inside" }], recipients: [], attachments: [] };
  const bytes = writeMsg({
    properties: [
      { id: 0x37, type: 0x1f, value: "subject" }, { id: 0x0e07, type: 3, value: 1 }, { id: 0x0026, type: 0x0b, value: true },
      { id: 0x9999, type: 0x101f, name: { guid: "00020329-0000-0000-c000-000000000046", id: "Keywords" }, value: ["a", "bc"] },
      { id: 0x7000, type: 0x1102, value: [filled(2), filled(0)] }, { id: 0x7001, type: 0x1003, value: [1, 2] },
      { id: 0x7002, type: 0x9999, value: 1 }, { id: 0x8001, type: 3, value: 1 },
    ],
    recipients: [[{ id: 0x3001, type: 0x1f, value: "Bob" }]],
    attachments: [
      { properties: [{ id: 0x3707, type: 0x1f, value: "a.txt" }], data: latin1("text") }, { properties: [], embedded: inner },
      { properties: [{ id: 0x3705, type: 3, value: 6 }], data: ole }, { properties: [{ id: 0x3705, type: 3, value: 2 }] },
    ],
  });
  const root = readCompoundFile(bytes);
  assert.equal(root.clsid, "00020d0b-0000-0000-c000-000000000046");
  const names = [...root.children.values()].map((one) => one.name).sort();
  assert.deepEqual(names, [
    "__attach_version1.0_#00000000", "__attach_version1.0_#00000001", "__attach_version1.0_#00000002",
    "__attach_version1.0_#00000003", "__nameid_version1.0", "__properties_version1.0", "__recip_version1.0_#00000000",
    "__substg1.0_0037001F", "__substg1.0_70001102", "__substg1.0_70001102-00000000", "__substg1.0_70001102-00000001",
    "__substg1.0_70011003", "__substg1.0_8000101F", "__substg1.0_8000101F-00000000", "__substg1.0_8000101F-00000001",
  ]);
  const list = Buffer.from((root.children.get("__PROPERTIES_VERSION1.0") as { read(): Uint8Array }).read());
  assert.equal(list.subarray(0, 32).toString("hex"), "0000000000000000" + "01000000" + "04000000" + "01000000" + "04000000" + "00".repeat(8));
  assert.equal(list.subarray(32, 80).toString("hex"),
    "1f003700 06000000 10000000 00000000".replaceAll(" ", "") + "0300070e 06000000 01000000 00000000".replaceAll(" ", "") +
    "0b002600 06000000 01000000 00000000".replaceAll(" ", ""));
  const back = readMsg(bytes);
  assert.deepEqual(back.problems, []);
  assert.deepEqual([find(back.properties, 0x340d), back.properties.length], [0x40000, 7]);
  const [file, message, object, reference] = back.attachments;
  assert.deepEqual([plain(file!.data), find(file!.properties, 0x3705), find(file!.properties, 0x0e21)], [plain(latin1("text")), 1, 0]);
  assert.deepEqual([find(message!.embedded!.properties, 0x37), find(message!.properties, 0x3705)], ["inside", 5]);
  assert.deepEqual(treeOf(readCompoundFile(object!.data!)), treeOf(readCompoundFile(ole)));
  assert.deepEqual([reference!.data, find(reference!.properties, 0x3705)], [undefined, 2]);
});

test("what readers are given that writers should not write", () => {
  const entry = (type: number, id: number, value = "0000000000000000"): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt16LE(type, 0);
    head.writeUInt16LE(id, 2);
    return Buffer.concat([head, hex(value)]);
  };
  const head = Buffer.alloc(32);
  const read = (children: Record<string, CompoundContent | Uint8Array>): ReturnType<typeof readMsg> =>
    readMsg(writeCompoundFile(content(children)));
  const streams = { "__substg1.0_0037001F": Buffer.from("s\0", "utf16le") };
  const rows: [name: string, entries: Buffer[], more: Record<string, Uint8Array>, id: number, value: unknown, problem: RegExp][] = [
    ["NUL at the end of a string", [entry(0x1f, 0x37)], {}, 0x37, "s", /^$/],
    ["a value that is not listed", [entry(3, 1)], {}, 0x37, "s", /^$/],
    ["listed as 8-bit, stored as Unicode", [entry(0x1e, 0x37)], {}, 0x37, "s", /^$/],
    ["listed twice", [entry(0x1f, 0x37), entry(0x1f, 0x37)], {}, 0x37, "s", /^$/],
    ["no value", [entry(0x1f, 0x38)], {}, 0x38, undefined, /0038001F: has no value/],
    ["unknown type", [entry(0x99, 0x38)], {}, 0x38, undefined, /00380099: has no value/],
    ["named without name", [entry(3, 0x8000)], {}, 0x8000, undefined, /80000003: has no name/],
    ["Boolean with a dirty byte", [entry(0x0b, 0x38, "0100ffffffffffff")], {}, 0x38, true, /^$/],
    ["a list with a missing value", [entry(0x101f, 0x38)], { "__substg1.0_0038101F": Buffer.alloc(4) }, 0x38, undefined,
      /value 0 of 1 is missing/],
    ["a cut entry", [entry(0x1f, 0x37), hex("1e00")], {}, 0x37, "s", /^$/],
  ];
  for (const [name, entries, more, id, value, problem] of rows) {
    const found = read({ ...streams, ...more, "__properties_version1.0": Buffer.concat([head, ...entries]) });
    assert.deepEqual(find(found.properties, id), value, name);
    assert.match(found.problems.join("; "), problem, name);
  }
  assert.throws(() => read({ other: filled(3) }), /holds no message/);
  assert.throws(() => readMsg(latin1("no file")), WireError);
  assert.ok(!isCompoundFile(latin1("no file")));
});

test("messages in messages end at a depth", () => {
  const list = (size: number): Buffer => Buffer.concat([Buffer.alloc(size), hex("03002600 06000000 01000000 00000000")]);
  let inner = content({ "__properties_version1.0": list(24) });
  for (let depth = 0; depth < 100; depth++) {
    inner = content({
      "__properties_version1.0": list(depth === 99 ? 32 : 24),
      "__attach_version1.0_#00000000": content({ "__properties_version1.0": list(8), "__substg1.0_3701000D": inner }),
    });
  }
  let at: MapiMessage | undefined = readMsg(writeCompoundFile(inner));
  let count = 0;
  for (; at?.attachments[0]?.embedded !== undefined; at = at.attachments[0].embedded) count++;
  assert.equal(count, 64);
  assert.ok(isCompoundFile(at!.attachments[0]!.data!), "the rest is kept as a file");
  for (let depth = 0; depth < 1000; depth++) inner = content({ deeper: inner });
  assert.throws(() => readMsg(writeCompoundFile(inner)), /holds no message/);
});

test("code pages of 8-bit strings", () => {
  const codePageOf = (...properties: [id: number, value: number][]): number | undefined => readMsg(writeMsg({
    properties: properties.map(([id, value]) => ({ id, type: 3, value })), recipients: [], attachments: [],
  })).codePage;
  assert.equal(codePageOf([0x3ffd, 1251], [0x3ff1, 1033]), 1251);
  assert.equal(codePageOf([0x3ffd, 0], [0x3ff1, 1049]), 1251);
  assert.equal(codePageOf([0x3fde, 50220]), 932);
  assert.equal(codePageOf([0x3ff1, 0x0404]), 950);
  assert.equal(codePageOf([0x3fde, 28592], [0x26, 1]), 1250);
  assert.equal(codePageOf([0x26, 1]), undefined);
});

test("the corpus", { skip: corpusMissing }, (t) => {
  let count = 0;
  for (const { name, bytes } of corpusFiles(".msg", ".oft")) {
    const found = readMsg(bytes);
    if (found.problems.length > 0) {
      assert.match(name, /clusterfuzz|unknown_properties/, `${name}: ${found.problems.join("; ")}`);
      t.diagnostic(`${name}: ${found.problems.slice(0, 3).join("; ")}`);
    }
    const again = readMsg(writeMsg(found));
    assert.deepEqual(meaning(again, added), meaning(found, added), name);
    assert.deepEqual(again.problems, [], name);
    count++;
  }
  assert.ok(count >= 35);
});

test("any message comes back", () => {
  fc.assert(fc.property(anyMessage, (one) => {
    fc.pre(one.properties.length > 0);
    assert.deepEqual(meaning(readMsg(writeMsg(one)), added), meaning(one, added));
  }), { numRuns: 150 });
});

test("damaged files give a value or a WireError in time", () => {
  const seeds = [writeMsg({
    properties: [{ id: 0x37, type: 0x1f, value: "subject" }, { id: 0x1000, type: 0x1f, value: "x".repeat(5000) }],
    recipients: [[{ id: 0x3001, type: 0x1f, value: "Bob" }]], attachments: [{ properties: [], data: filled(100) }],
  }), ...corpusFiles("voteItems.msg", "note.msg", "CP1251_LCID1049.msg", "Friday_Lunch.msg").map(({ bytes }) => bytes)];
  const from = cpuMs();
  for (const seed of seeds) {
    // Damage in the first sectors, where the tables are, tells more than in text.
    const head = seed.subarray(0, 1536);
    fc.assert(fc.property(damaged(head), damaged(seed), (front, whole) => {
      valueOrWireError(() => readMsg(Buffer.concat([front, seed.subarray(front.length)])));
      valueOrWireError(() => readMsg(whole));
    }), { numRuns: 40 });
  }
  assert.ok(cpuMs() - from < 4000);
});

const python = "import olefile, sys\n" +
  "for name in sys.argv[1:]:\n" +
  "  file = olefile.OleFileIO(name, raise_defects=olefile.DEFECT_INCORRECT)\n" +
  "  size = sum(len(file.openstream(one).read()) for one in file.listdir())\n" +
  "  print(len(file.listdir()), size, len(file.parsing_issues))\n";
const interpreters = ["python3", "/usr/bin/python3"]
  .filter((one) => spawnSync(one, ["-c", "import olefile"]).status === 0);

test("olefile (Python) reads what is written", { skip: interpreters.length === 0 ? "no olefile here" : false }, () => {
  const folder = mkdtempSync(join(tmpdir(), "msg-"));
  try {
    const files = [3, 4].map((version) => {
      const path = join(folder, `v${version}.cfb`);
      const children = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`n${index}`, filled(index * 300)]));
      writeFileSync(path, writeCompoundFile(content({ ...children, sub: content({ x: filled(9000) }) }), { version: version as 3 | 4 }));
      return path;
    });
    const message = join(folder, "a.msg");
    writeFileSync(message, writeMsg({
      properties: [{ id: 0x37, type: 0x1f, value: "subject" }], recipients: [], attachments: [{ properties: [], data: filled(9) }],
    }));
    const run = spawnSync(interpreters[0]!, ["-c", python, ...files, message], { encoding: "utf8" });
    assert.equal(run.status, 0, run.stderr);
    const total = 300 * 49 * 25 + 9000;
    const lines = run.stdout.trim().split("\n");
    assert.deepEqual(lines.slice(0, 2), [`51 ${total} 0`, `51 ${total} 0`]);
    assert.match(lines[2]!, / 0$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
