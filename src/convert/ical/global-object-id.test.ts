/** Proves ids by the bytes of the specification's layout, both forms, both ways, and on any bytes. */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { localFrom } from "#calendar/zones/dates.ts";
import {
  exceptionDateOf, globalObjectIdOfUid, isGlobalObjectId, uidOfGlobalObjectId, withExceptionDate,
} from "#convert/ical/global-object-id.ts";

const native = "040000008200e00074c5b7101a82e0080000000000801c9a1e63dc0100000000000000001000000033221100554477668899aabb" +
  "ccddeeff";
const nativeOnDay = native.replace("e00800000000", "e00807ea0b17");
const head = `040000008200e00074c5b7101a82e008${"00".repeat(20)}15000000`;

test("ids and UIDs", () => {
  const rows: [name: string, uid: string, hex: string, back: string][] = [
    ["native", native.toUpperCase(), native, native.toUpperCase()],
    ["native in small letters", native, native, native.toUpperCase()],
    ["native with a day", nativeOnDay, native, native.toUpperCase()],
    ["another program's", "u1@x.org", "", "u1@x.org"],
    ["native cut short", native.slice(0, -2), "", native.slice(0, -2)],
    ["beyond ASCII", "é€𝄞", "", "é€𝄞"],
  ];
  for (const [name, uid, hex, back] of rows) {
    const id = globalObjectIdOfUid(uid);
    assert.ok(isGlobalObjectId(id), name);
    assert.equal(uidOfGlobalObjectId(id), back, name);
    if (hex.length === native.length) assert.equal(id.toString("hex"), hex, name);
  }
  assert.equal(globalObjectIdOfUid("u1@x.org").toString("hex"),
    `${head}7643616c2d55696401000000${Buffer.from("u1@x.org").toString("hex")}00`);
});

test("the day of an exception", () => {
  const id = Buffer.from(native, "hex");
  const day = localFrom(2026, 11, 23);
  assert.equal(withExceptionDate(id, day + 600).toString("hex"), nativeOnDay);
  assert.equal(withExceptionDate(Buffer.from(nativeOnDay, "hex")).toString("hex"), native);
  assert.equal(exceptionDateOf(Buffer.from(nativeOnDay, "hex")), day);
  assert.equal(exceptionDateOf(id), undefined);
  assert.equal(exceptionDateOf(Buffer.alloc(3)), undefined);
});

test("any UID comes back, any bytes give a UID", () => {
  const uids = fc.string({ unit: "grapheme", minLength: 1 })
    .filter((uid) => !/[\x00-\x1f\x7f]/.test(uid) && uid.isWellFormed());
  fc.assert(fc.property(uids, (uid) => uidOfGlobalObjectId(globalObjectIdOfUid(uid)) === uid));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => uidOfGlobalObjectId(bytes).length >= 0));
});
