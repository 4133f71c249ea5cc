// Bodies of the address book: any value that the layouts can write comes back, and any bytes are a value or a
// WireError. Recorded bodies are checked in traffic.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode, encode } from "#codec/binary/code.ts";
import { arbitrary, valueOrWireError } from "#codec/binary/test-kit.ts";
import type { Type } from "#codec/binary/type.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";

for (const [name, row] of Object.entries(addressBookBodies)) {
  test(`${name} there and back`, () => {
    for (const side of ["request", "response"] as const) {
      const layout = row[side] as Type<unknown>;
      const given = { columns: [0x3001001f, 0x0ffe0003, 0x0fff0102] };
      fc.assert(fc.property(arbitrary(layout, given), (value) => {
        const bytes = encode(layout, value, { given });
        assert.deepEqual(encode(layout, decode(layout, bytes, { given }), { given }), bytes);
      }), { numRuns: 30 });
      fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        valueOrWireError(() => decode(layout, bytes));
      }), { numRuns: 60 });
    }
  });
}
