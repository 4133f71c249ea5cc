/** Proves the reader of HTML by a table with the broken forms mail brings, and that no cut of the input matters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HtmlToText, htmlToText } from "#format/html/to-text.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

test("HTML to text", () => {
  const rows: readonly (readonly [html: string, text: string])[] = [
    ["a <b>b</b>c", "a bc"],
    ["a<br>b<p>c", "a\nb\nc"],
    ["<td>a</td><td>b</td>", " a  b "],
    ["<style>p{x:'<b>'}</style>a<script>if (a < b) '</b>'</script >b", "ab"],
    ["<!-- x > - -- y -> z -->a<!---->b<!-->c", "abc"],
    ["<!DOCTYPE html><?xml x?>a", "a"],
    ["&amp;&#228;&#xE4;&nbsp;&euro;&nothing;&", "&ää\u00a0€&nothing;&"],
    ["&ampx &lt &#0; &#128; &#99999999;", "&ampx < \ufffd € \ufffd"],
    ["a < b <3 <", "a < b <3 <"],
    [`<a title="x > y" href='z'>l</a>`, "l"],
    [`<a href=x/y>l</a>`, "l"],
    ["<p", ""],
    ["<style>never closed", ""],
    ["<STYLE>x</styles></STYLE>y", "y"],
  ];
  for (const [html, text] of rows) assert.equal(htmlToText(html), text, html);
  const quoted: [string, boolean][] = [];
  const reader = new HtmlToText((text, isQuoted) => quoted.push([text, isQuoted]));
  reader.write("a<blockquote>b</blockquote>c");
  reader.end();
  assert.deepEqual(quoted.filter(([text]) => text !== "\n"), [["a", false], ["b", true], ["c", false]]);
});

test("any cut gives the same text", () => {
  const soup = fc.string({ unit: fc.constantFrom(..."<>&;#x-!/ \"'=abstyle1"), maxLength: 80 });
  fc.assert(fc.property(soup, fc.integer({ min: 1, max: 5 }), (html, size) => {
    const out: string[] = [];
    const reader = new HtmlToText((text) => out.push(text));
    for (let at = 0; at < html.length; at += size) reader.write(html.slice(at, at + size));
    reader.end();
    assert.equal(out.join(""), htmlToText(html));
  }), { numRuns: 1000 });
});

test("hostile HTML takes linear time", () => {
  for (const piece of ["<", "<a ", "&", "&am", "<!--", "<style>", "<a href=\"", "<blockquote>", "</style", "&#"]) {
    const started = cpuMs();
    htmlToText(piece.repeat(1_000_000 / piece.length));
    assert.ok(cpuMs() - started < 2000, piece);
  }
});
