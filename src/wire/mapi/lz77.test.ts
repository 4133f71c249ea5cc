// The compression of ROP buffers: vectors computed by an independent script, and any bytes there and back.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { compress, decompress } from "#wire/mapi/lz77.ts";

const vectors: readonly [plain: string, compressed: string][] = [
  // [MS-XCA] 3.1
  ["abc".repeat(100), "ffffff1f61626317000fff2601"],
  ["ABCABCDEF", "ffffff11414243100044 4546".replaceAll(" ", "")],
];

test("vectors", () => {
  for (const [plain, hex] of vectors) {
    const compressed = Buffer.from(hex, "hex");
    assert.equal(decompress(compressed, plain.length).toString("latin1"), plain);
  }
  assert.equal(compress(Buffer.from(vectors[0]![0]))?.toString("hex"), vectors[0]![1]);
});

test("any bytes come back, long matches of every length too", () => {
  const pieces = fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }),
    fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 3000 }))
      .map(([byte, count]) => new Uint8Array(count).fill(byte))), { maxLength: 30 });
  fc.assert(fc.property(pieces, (parts) => {
    const plain = Buffer.concat(parts);
    const compressed = compress(plain);
    if (compressed === null) return;
    assert.ok(compressed.length < plain.length);
    assert.deepEqual(decompress(compressed, plain.length), plain);
  }), { numRuns: 300 });
  for (let length = 1; length < 400; length++) {
    const ends = [Buffer.from("0123456789 the beginning"), Buffer.from("end")] as const;
    const plain = Buffer.concat([ends[0], Buffer.alloc(length, 0x61), ends[1]]);
    const compressed = compress(plain);
    if (compressed !== null) assert.deepEqual(decompress(compressed, plain.length), plain);
  }
  const long = Buffer.alloc(60_000, "x");
  assert.deepEqual(decompress(compress(long)!, long.length), long);
});

test("any bytes give bytes or a WireError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: 70_000 }), (bytes, size) => {
    try {
      assert.equal(decompress(bytes, size).length, size);
    } catch (error) {
      assert.ok(error instanceof WireError);
    }
  }));
});
