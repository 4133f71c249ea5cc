/**
 * Proves the body of an item in any form: a table of which form is the native one, each form made of each other, HTML
 * and text through RTF and back, and broken RTF that hides nothing else.
 */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { compressedRtfOf, htmlBodyOf, nativeBodyOf, plainBodyOf } from "#convert/bodies.ts";
import { newItem, setProperty } from "#convert/item.ts";
import { nativeBodies } from "#convert/mime/bodies.ts";
import { compressRtf } from "#format/rtf/compressed.ts";
import { encapsulateHtml, encapsulateText } from "#format/rtf/encapsulate.ts";
import { properties as p } from "#props/registry.ts";
import type { ItemBag } from "#convert/item.ts";

interface Bodies {
  readonly text?: string;
  readonly html?: string;
  readonly rtf?: Uint8Array;
  readonly told?: number;
  readonly inSync?: boolean;
}

function itemWith({ text, html, rtf, told, inSync }: Bodies): ItemBag {
  const item = newItem();
  setProperty(item, p.PidTagBody, text);
  setProperty(item, p.PidTagHtml, html === undefined ? undefined : Buffer.from(html, "utf8"));
  setProperty(item, p.PidTagRtfCompressed, rtf);
  setProperty(item, p.PidTagNativeBody, told);
  setProperty(item, p.PidTagRtfInSync, inSync);
  return item;
}

const ofHtml = compressRtf(encapsulateHtml("<b>\u20ac</b>"));
const ofText = compressRtf(encapsulateText("a\r\nb"));
const own = compressRtf(Buffer.from("{\\rtf1\\ansi\\pard {\\b bold}\\par}"));
const broken = Buffer.from("00112233", "hex");

test("the native form", () => {
  const { undefined: none, plain, rtf, html } = nativeBodies;
  const rows: [Bodies, number][] = [
    [{}, none], [{ text: "a" }, plain], [{ html: "a" }, html], [{ text: "a", html: "a" }, html],
    [{ rtf: own }, rtf], [{ rtf: ofHtml }, html], [{ rtf: ofText, text: "a" }, plain], [{ rtf: own, html: "a" }, html],
    [{ rtf: own, html: "a", inSync: true }, rtf], [{ rtf: broken, text: "a" }, plain],
    [{ told: plain, text: "a", html: "a" }, plain], [{ told: rtf, rtf: own, html: "a" }, rtf],
    // What an item says of a form that it does not have counts for nothing.
    [{ told: rtf, text: "a" }, plain], [{ told: html }, none], [{ told: 77, html: "a" }, html],
  ];
  for (const [bodies, expected] of rows) assert.equal(nativeBodyOf(itemWith(bodies)), expected, JSON.stringify(bodies));
});

test("the other forms are made of it", () => {
  const rows: [Bodies, html: string | undefined, text: string | undefined][] = [
    [{}, undefined, undefined],
    [{ text: "a <b>\r\n  c" }, '<html><body><pre style="white-space: pre-wrap">a &lt;b&gt;\r\n  c</pre></body></html>',
      "a <b>\r\n  c"],
    [{ html: "<p>a<p>b&amp;" }, "<p>a<p>b&amp;", "a\r\nb&"],
    [{ rtf: ofHtml }, "<b>\u20ac</b>", "\u20ac"],
    [{ rtf: ofText }, '<html><body><pre style="white-space: pre-wrap">a\r\nb</pre></body></html>', "a\r\nb"],
    [{ rtf: broken, text: "kept" }, '<html><body><pre style="white-space: pre-wrap">kept</pre></body></html>', "kept"],
  ];
  for (const [bodies, html, text] of rows) {
    const item = itemWith(bodies);
    assert.equal(htmlBodyOf(item), html, JSON.stringify(bodies));
    assert.equal(plainBodyOf(item), text, JSON.stringify(bodies));
    const rtf = compressedRtfOf(item);
    assert.equal(rtf === undefined, html === undefined);
    if (rtf === undefined || bodies.rtf !== undefined) continue;
    const back = itemWith({ rtf });
    assert.equal(nativeBodyOf(back), nativeBodyOf(item));
    if (bodies.html !== undefined) assert.equal(htmlBodyOf(back), bodies.html);
    else assert.equal(plainBodyOf(back), bodies.text);
  }
  assert.match(htmlBodyOf(itemWith({ rtf: own }))!, /<b>bold<\/b>/);
  assert.equal(plainBodyOf(itemWith({ rtf: own }))!.trim(), "bold");
});
