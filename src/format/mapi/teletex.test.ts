/** Proves Teletex text by known bytes of names, and that both directions agree. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { decodeCodePage, encodeCodePage, isKnownCodePage } from "#format/mapi/code-page.ts";
import { decodeTeletex } from "#format/mapi/teletex.ts";

test("accents stand before their letters, other letters have bytes of their own", () => {
  const rows: readonly (readonly [text: string, hex: string])[] = [
    ["Anna", "416e6e61"], ["Müller", "4dc8756c6c6572"], ["Ångström", "ca416e67737472c86f6d"], ["Łódź", "e8c26f64c27a"],
    ["Straße", "53747261fb65"], ["Škoda", "cf536b6f6461"], ["Çelik #1", "cb43656c696b202331"], ["Ærø", "e172f9"],
  ];
  for (const [text, hex] of rows) {
    assert.equal(encodeCodePage(text, 20261).toString("hex"), hex, text);
    assert.equal(decodeCodePage(Buffer.from(hex, "hex"), 20261), text);
  }
  assert.equal(encodeCodePage("Иван 中", 20261).toString(), "???? ?");
  assert.equal(decodeTeletex(Buffer.from("41ffc8", "hex")), "A\ufffd\ufffd");
  assert.ok(isKnownCodePage(20261));
});

test("any bytes give a text; names of letters that it has come back", () => {
  const letters = fc.constantFrom(..."abcXYZ -'äöüßéèêçñåøæłŁšžőůĳŋđþ½");
  fc.assert(fc.property(fc.array(letters).map((all) => all.join("")), (text) => {
    assert.equal(decodeTeletex(encodeCodePage(text, 20261)), text);
  }));
  fc.assert(fc.property(fc.uint8Array(), (bytes) => { decodeTeletex(bytes); }));
});
