/**
 * Proves that TNEF and message files become items and items files: a table of what changes on the way in (8-bit text,
 * HTML as text, names that are ids), every file of the corpus through item and file and back to the same item, the
 * bodies in compressed RTF against the plain ones beside them, and TNEF inside real mail.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { corpusFiles, corpusMissing, plain } from "#format/mapi/test-kit.ts";
import { codePageLabel } from "#format/mapi/code-page.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { decodeTransfer } from "#format/mime/decode.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { htmlToText } from "#format/html/to-text.ts";
import { decompressRtf } from "#format/rtf/compressed.ts";
import { readRtfBody } from "#format/rtf/de-encapsulate.ts";
import { properties as p } from "#props/registry.ts";
import { propertySets } from "#props/property-sets.ts";
import { encodeBag } from "#props/bag.ts";
import { getProperty, newItem, setNamed, setProperty } from "#convert/item.ts";
import { itemOfMapi, mapiOfItem } from "#convert/mapi-file.ts";
import { readMsgItem, writeMsgItem } from "#convert/msg.ts";
import { readTnef, writeTnef } from "#convert/tnef.ts";
import type { ItemBag, ItemObject } from "#convert/item.ts";
import type { MapiProperty } from "#format/mapi/property.ts";
import type { MimePart } from "#format/mime/types.ts";

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const itemWith = (list: MapiProperty[], codePage?: number): ItemBag =>
  itemOfMapi({ properties: list, recipients: [], attachments: [], codePage });

test("8-bit strings become Unicode by the code page", () => {
  const cyrillic = latin1("\xef\xf0\xe8");
  const rows: [codePage: number | undefined, bytes: Buffer, text: string][] = [
    [1251, cyrillic, "\u043f\u0440\u0438"], [932, latin1("\x93\xfa"), "\u65e5"], [65001, Buffer.from("\u20ac"), "\u20ac"],
    [undefined, latin1("\xe4"), "\u00e4"], [1252, latin1("\x80"), "\u20ac"], [936, latin1("\xc4\xe3"), "\u4f60"], [50220, latin1("a"), "a"],
  ];
  for (const [codePage, value, text] of rows) {
    const item = itemWith([
      { id: 0x37, type: 0x1e, value },
      { id: 0x8000, type: 0x101e, name: { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "Keywords" }, value: [value] },
    ], codePage);
    assert.equal(getProperty(item, p.PidTagSubject), text, String(codePage));
    assert.deepEqual(getProperty(item, p.PidNameKeywords), [text]);
  }
  const both = itemWith([{ id: 0x37, type: 0x1e, value: latin1("old") }, { id: 0x37, type: 0x1f, value: "new" }]);
  assert.equal(getProperty(both, p.PidTagSubject), "new");
  const turned = itemWith([{ id: 0x37, type: 0x1f, value: "new" }, { id: 0x37, type: 0x1e, value: latin1("old") }]);
  assert.equal(getProperty(turned, p.PidTagSubject), "new");
});

test("HTML is kept as bytes", () => {
  const rows: [MapiProperty[], codePage: number | undefined, html: Buffer, internetCodePage: number | undefined][] = [
    [[{ id: 0x1013, type: 0x102, value: latin1("<p>") }], 1251, latin1("<p>"), 1251],
    [[{ id: 0x1013, type: 0x102, value: latin1("<p>") }, { id: 0x3fde, type: 3, value: 65001 }], 1251, latin1("<p>"), 65001],
    [[{ id: 0x1013, type: 0x1f, value: "\u20ac" }], 1251, Buffer.from("\u20ac"), 65001],
    [[{ id: 0x1013, type: 0x1e, value: latin1("\xef") }], 1251, latin1("\xef"), 1251],
  ];
  for (const [list, codePage, html, internetCodePage] of rows) {
    const item = itemWith(list, codePage);
    assert.deepEqual([plain(getProperty(item, p.PidTagHtml)), getProperty(item, p.PidTagInternetCodepage)], [plain(html), internetCodePage]);
  }
});

test("names, objects and attachments", () => {
  const item = itemOfMapi({
    properties: [
      { id: 0x8123, type: 3, name: { guid: propertySets.PSETID_Task.guid, id: 0x8101 }, value: 2 },
      { id: 0x8124, type: 3, name: { guid: propertySets.PS_MAPI.guid, id: 0x0017 }, value: 2 },
    ],
    recipients: [[{ id: 0x3001, type: 0x1f, value: "Bob" }, { id: 0x0c15, type: 3, value: 2 }]],
    attachments: [
      { properties: [{ id: 0x3705, type: 3, value: 6 }], data: latin1("ole") },
      { properties: [], data: latin1("file") },
      { properties: [], embedded: { properties: [{ id: 0x37, type: 0x1e, value: latin1("\xe8") }], recipients: [], attachments: [], codePage: 1251 } },
    ],
  });
  assert.equal(getProperty(item, p.PidLidTaskStatus), 2);
  assert.equal(getProperty(item, p.PidTagImportance), 2);
  assert.deepEqual([getProperty(item.recipients[0]!, p.PidTagDisplayName), getProperty(item.recipients[0]!, p.PidTagRecipientType)],
    ["Bob", 2]);
  const [ole, file, message] = item.attachments;
  assert.equal(plain(getProperty(ole!, p.PidTagAttachDataObject)), plain(latin1("ole")));
  assert.equal(plain(getProperty(file!, p.PidTagAttachDataBinary)), plain(latin1("file")));
  assert.equal(getProperty(message!.embedded!, p.PidTagSubject), "\u0438");
  const back = mapiOfItem(item);
  assert.deepEqual(back.attachments.map((one) => plain(one.data)), [plain(latin1("ole")), plain(latin1("file")), undefined]);
  const streamed = newItem();
  streamed.attachments.push({
    ...newItem(), content: { aboutBytes: 4, chunks: () => [latin1("ab"), latin1("cd")] },
  });
  assert.equal(plain(mapiOfItem(streamed).attachments[0]!.data), plain(latin1("abcd")));
  setNamed(streamed, { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "x" }, "String", "y");
  setProperty(streamed, p.PidTagSubject, "s");
  for (const again of [readMsgItem(writeMsgItem(streamed)), readTnef(writeTnef(streamed))!]) {
    assert.deepEqual([...again.named.values()].map(({ name, value }) => [name.id, value]), [["x", "y"]]);
    assert.equal(getProperty(again, p.PidTagSubject), "s");
  }
});

test("broken winmail.dat is left alone", () => {
  assert.equal(readTnef(latin1("nothing")), null);
  assert.equal(readTnef(latin1("x\x9f>\"\x01\x00garbage")), null);
});

/** What the writers add where it is missing, and what they know better. */
const added = new Set([0x3000, 0x0e21, 0x3705, 0x340d, 0x370b].map((id) => id * 0x10000 + 3));

function shown(object: ItemObject): unknown {
  return [
    [...object.bag].filter(([tag]) => !added.has(tag)).sort(([a], [b]) => a - b).map(plain),
    [...object.named].sort(([a], [b]) => (a < b ? -1 : 1)).map(plain),
  ];
}

/** A compound file that was taken apart and put together has its parts in another order. */
function meaning(item: ItemBag): unknown {
  return [shown(item), item.recipients.map(shown), item.attachments.map((one) =>
    [one.bag.has(p.PidTagAttachDataObject.tag) ? "object" : shown(one), one.embedded === undefined ? null : meaning(one.embedded)])];
}

const squeezed = (text: string): string => text.replace(/[\s\u00a0]+/g, " ").trim();

/** Bodies in RTF say what the plain body beside them says. */
function checkBodies(item: ItemBag, name: string, seen: Record<string, number>): void {
  encodeBag(item.bag);
  const compressed = getProperty(item, p.PidTagRtfCompressed);
  const body = getProperty(item, p.PidTagBody);
  if (compressed !== undefined) {
    const rtf = readRtfBody(decompressRtf(compressed));
    assert.ok(rtf !== null, name);
    seen[rtf.origin] = (seen[rtf.origin] ?? 0) + 1;
    const text = rtf.text ?? htmlToText(rtf.html ?? "");
    if (body !== undefined && !name.includes("unknown_properties")) assert.equal(squeezed(text), squeezed(body), name);
  }
  for (const { embedded } of item.attachments) if (embedded !== undefined) checkBodies(embedded, name, seen);
}

test("the corpus through items", { skip: corpusMissing }, () => {
  const seen: Record<string, number> = {};
  for (const { name, bytes } of corpusFiles(".msg", ".oft", ".tnef", ".dat")) {
    const item = /\.(msg|oft)$/.test(name) ? readMsgItem(bytes) : readTnef(bytes);
    if (item === null) {
      assert.equal(name, "poi-oom.tnef");
      continue;
    }
    checkBodies(item, name, seen);
    const expected = meaning(item);
    assert.deepEqual(meaning(readMsgItem(writeMsgItem(item))), expected, `${name} by .msg`);
    assert.deepEqual(meaning(readTnef(writeTnef(item))!), expected, `${name} by TNEF`);
  }
  assert.ok(seen["html"]! > 15 && seen["native"]! > 8 && seen["text"]! > 0, JSON.stringify(seen));
});

test("strings of 8-bit files of the corpus", { skip: corpusMissing }, () => {
  const subjects: Readonly<Record<string, string>> = {
    "msgreader-js-nonUnicodeCP932.msg": "\u65e5\u672c\u8a9e Non Unicode \u30bf\u30a4\u30c8\u30eb",
    "poi-ASCII_CP1251_LCID1049.msg": "Subject \u0430\u0432\u0442\u043e\u043c\u0430\u0442\u0438\u0447\u0435\u0441\u043a\u0438 Subject",
    "ktnef-mapi_attach_data_obj.tnef": "Bod\u00f8-damer p\u00e5 vei!", "ruby-msg-note.msg": "note sample",
  };
  for (const { name, bytes } of corpusFiles(...Object.keys(subjects))) {
    const item = name.endsWith(".msg") ? readMsgItem(bytes) : readTnef(bytes);
    assert.equal(getProperty(item!, p.PidTagSubject), subjects[name], name);
  }
});

function tnefParts(part: MimePart): MimePart[] {
  if (part.kind === "multipart") return part.children.flatMap(tnefParts);
  if (part.kind === "message") return tnefParts(part.body);
  return /ms-tnef/.test(part.subtype) ? [part] : [];
}

const mail = join(process.env["OUTPOST_CORPUS"] ?? "../shared/corpus", "eml");

test("TNEF in mail", { skip: existsSync(mail) ? false : `no corpus at ${mail}` }, (t) => {
  let count = 0;
  for (const name of readdirSync(mail).sort()) {
    const bytes = readFileSync(join(mail, name));
    if (!bytes.includes("ms-tnef")) continue;
    for (const part of tnefParts(indexMessage(bytes).index.root)) {
      const item = readTnef(decodeTransfer(bytes.subarray(part.bodyStart, part.bodyEnd), part.encoding));
      assert.ok(item !== null, name);
      count++;
      checkBodies(item, name, {});
      const html = getProperty(item, p.PidTagHtml);
      const label = codePageLabel(getProperty(item, p.PidTagInternetCodepage));
      if (html !== undefined) assert.match(decodeCharset(html, label), /</, name);
      t.diagnostic(`${name}: ${item.bag.size + item.named.size} properties, ${item.attachments.length} attachments`);
      assert.deepEqual(meaning(readMsgItem(writeMsgItem(item))), meaning(item), name);
    }
  }
  assert.ok(count >= 4, String(count));
});
