/** Proves lists of changes: their bytes, their order, which version knows which, refusals. [MS-OXCFXICS] 2.2.2.3 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import {
  decodePredecessors, encodePredecessors, includes, predecessorsOf, withChanges,
} from "#wire/mapi/predecessors.ts";

const xid = (space: number, ...local: number[]): Buffer => Buffer.from([...Array<number>(16).fill(space), ...local]);
const list = (...xids: Buffer[]): Buffer => Buffer.concat(xids.flatMap((one) => [Buffer.of(one.length), one]));

test("entries are ordered by namespace, one for each", () => {
  const server = xid(0x11, 0, 0, 0, 0, 0, 0x31);
  const client = xid(0x99, 0, 0, 0, 7);
  const both = withChanges(predecessorsOf(client), predecessorsOf(server));
  assert.equal(encodePredecessors(both).toString("hex"), list(server, client).toString("hex"));
  const older = decodePredecessors(list(xid(0x11, 0, 0, 0, 0, 0, 0x30), server));
  assert.equal(encodePredecessors(older).toString("hex"), list(server).toString("hex"));
});

test("which version knows which", () => {
  const a = decodePredecessors(list(xid(1, 0, 0, 0, 5), xid(2, 0, 0, 0, 1)));
  const rows: [Buffer, boolean, boolean][] = [
    [list(), true, false], [list(xid(1, 0, 0, 0, 5)), true, false], [list(xid(1, 0, 0, 0, 6)), false, false],
    [list(xid(1, 0, 0, 0, 5), xid(2, 0, 0, 0, 1)), true, true], [list(xid(3, 1)), false, false],
    [list(xid(1, 0, 0, 1, 0), xid(2, 0, 0, 0, 1)), false, true], [list(xid(1, 5), xid(2, 1)), true, true],
  ];
  for (const [bytes, knows, isKnown] of rows) {
    const b = decodePredecessors(bytes);
    assert.equal(includes(a, b), knows, bytes.toString("hex"));
    assert.equal(includes(b, a), isKnown, bytes.toString("hex"));
  }
});

test("what is no list is refused", () => {
  for (const bad of ["05", "1611", "00", "ff".repeat(30)]) {
    assert.throws(() => decodePredecessors(Buffer.from(bad, "hex")), WireError, bad);
  }
  assert.throws(() => predecessorsOf(Buffer.alloc(16)), WireError);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
    try {
      decodePredecessors(bytes);
    } catch (error) {
      assert.ok(error instanceof WireError);
    }
  }));
});
