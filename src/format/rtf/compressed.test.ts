/**
 * Proves compressed RTF: the examples of [MS-OXRTFCP] byte for byte in both directions, a table of damage with what is
 * made of it, the stored bodies of the corpus, and the properties that decompress(compress(x)) is x and that any bytes
 * give RTF of a bounded size or a WireError.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { valueOrWireError } from "#codec/binary/test-kit.ts";
import { compressRtf, decompressRtf, rtfCrc, wrapRtf } from "#format/rtf/compressed.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

const helloHex = "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0";
const loopHex = "1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0";

test("golden bytes, [MS-OXRTFCP] 4.1 and 4.2", () => {
  const rows: [string, string][] = [
    [helloHex, "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"],
    [loopHex, "{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"],
  ];
  for (const [compressed, rtf] of rows) {
    assert.equal(text(decompressRtf(hex(compressed), { damage: "refuse" })), rtf);
    assert.equal(Buffer.from(compressRtf(Buffer.from(rtf, "latin1"))).toString("hex"), compressed);
  }
  const stored = wrapRtf(Buffer.from("{\\rtf1 x}"));
  assert.equal(stored.toString("hex"), `15000000090000004d454c4100000000${Buffer.from("{\\rtf1 x}").toString("hex")}`);
  assert.equal(text(decompressRtf(stored, { damage: "refuse" })), "{\\rtf1 x}");
  assert.equal(rtfCrc(Buffer.from("123456789")), 0x2dfd2d88);
});

test("damage is repaired or refused", () => {
  const hello = hex(helloHex);
  const rtf = text(decompressRtf(hello));
  const put = (at: number, value: number): Buffer => {
    const copy = Buffer.from(hello);
    copy.writeUInt32LE(value, at);
    return copy;
  };
  const rows: [name: string, bytes: Uint8Array, repaired: string | RegExp, refused: RegExp][] = [
    ["wrong CRC", put(12, 1), rtf, /crc/],
    ["COMPSIZE too large", put(0, 0xffff), rtf, /compSize/],
    ["COMPSIZE too small", put(0, 3), rtf, /compSize/],
    ["RAWSIZE too large", put(4, 0xffffffff), rtf, /rawSize/],
    ["RAWSIZE too small", put(4, 5), "{\\rtf", /^$/],
    ["cut", hello.subarray(0, 30), /^\{\\rtf1\\ansi\\ansicpg1/, /compSize/],
    ["RAWSIZE of stored RTF too large", Buffer.concat([wrapRtf(Buffer.from("{x}")).subarray(0, 4), Buffer.from([200, 0, 0, 0]),
      wrapRtf(Buffer.from("{x}")).subarray(8)]), "{x}", /rawSize/],
  ];
  for (const [name, bytes, repaired, refused] of rows) {
    const found = text(decompressRtf(bytes));
    if (typeof repaired === "string") assert.equal(found, repaired, name);
    else assert.match(found, repaired, name);
    if (refused.source !== "^$") assert.throws(() => decompressRtf(bytes, { damage: "refuse" }), refused, name);
  }
  for (const bytes of [hex(""), hex("00112233"), put(8, 0x12345678)]) {
    assert.throws(() => decompressRtf(bytes), WireError);
  }
});

test("a reference before anything was written reads zeros, and one to itself ends", () => {
  const content = hex("01 8000");
  const header = Buffer.alloc(16);
  header.writeUInt32LE(content.length + 12, 0);
  header.writeUInt32LE(2, 4);
  header.writeUInt32LE(0x75465a4c, 8);
  assert.equal(Buffer.from(decompressRtf(Buffer.concat([header, content]))).toString("hex"), "0000");
  header.writeUInt32LE(0xffffffff, 4);
  const small = decompressRtf(Buffer.concat([header, content]));
  assert.ok(small.buffer.byteLength < 1000, "a size that is only told takes no memory");
});

test("what is compressed comes back", () => {
  const pieces = fc.array(fc.oneof(
    fc.constantFrom("\\par ", "{\\b x}", "hello ", "\\'e4", "\r\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    fc.string({ maxLength: 4 }),
  ), { maxLength: 200 }).map((list) => Buffer.from(list.join(""), "latin1"));
  fc.assert(fc.property(fc.oneof(pieces, fc.uint8Array({ maxLength: 3000 })), (rtf) => {
    const compressed = compressRtf(rtf);
    assert.ok(compressed.length <= rtf.length + (rtf.length >> 3) + 20);
    assert.equal(text(decompressRtf(compressed, { damage: "refuse" })), text(rtf));
  }), { numRuns: 200 });
  const long = Buffer.from("{\\rtf1 the quick brown fox \\par }".repeat(20_000));
  const compressed = compressRtf(long);
  assert.ok(compressed.length < long.length / 7);
  assert.ok(Buffer.from(decompressRtf(compressed, { damage: "refuse" })).equals(long));
});

test("any bytes give a bounded answer", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(0xffffffff), (content, rawSize) => {
    const header = Buffer.alloc(16);
    header.writeUInt32LE(content.length + 12, 0);
    header.writeUInt32LE(rawSize, 4);
    header.writeUInt32LE(0x75465a4c, 8);
    const rtf = valueOrWireError(() => decompressRtf(Buffer.concat([header, content])));
    assert.ok(rtf === undefined || rtf.length <= content.length * 8 + 17);
  }), { numRuns: 300 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    valueOrWireError(() => decompressRtf(bytes));
  }));
});
