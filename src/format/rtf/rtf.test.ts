/**
 * Proves RTF: tables of what HTML and text come out of encapsulated and native RTF (code pages, Unicode, skipped groups,
 * formatting), the round trip of any HTML and any text through encapsulation, that nothing in native RTF can become a
 * script, and that any bytes are taken in time.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deEncapsulateHtml, deEncapsulateText, readRtfBody } from "#format/rtf/de-encapsulate.ts";
import { encapsulateHtml, encapsulateText } from "#format/rtf/encapsulate.ts";
import { rtfOrigin } from "#format/rtf/reader.ts";
import { rtfToHtml } from "#format/rtf/to-html.ts";
import { rtfToText } from "#format/rtf/to-text.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");
const head = "{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0{\\fonttbl{\\f0\\fswiss Arial;}{\\f1\\fcharset204 Arial Cyr;}" +
  "{\\f2\\fcharset128 MS Mincho;}{\\f3\\fcharset2 Symbol;}}\r\n{\\colortbl\\red0\\green0\\blue0;}\\uc1\\pard\\plain\\f0 ";

test("HTML comes out as it went in, [MS-OXRTFEX] 2.2.3.2", () => {
  const rows: [name: string, rtf: string, html: string][] = [
    ["tags and text", "{\\*\\htmltag64 <p>}Hello{\\*\\htmltag72 </p>}", "<p>Hello</p>"],
    ["no number", "{\\*\\htmltag <b>}x", "<b>x"],
    ["number and text that begins with a digit", "{\\*\\htmltag84 42}", "42"],
    ["empty tag", "{\\*\\htmltag64}x{\\*\\htmltag72}", "x"],
    ["RTF only", "{\\*\\htmltag84 &lt;}\\htmlrtf <\\htmlrtf0 x", "&lt;x"],
    ["RTF only, across groups", "{\\*\\htmltag84 <b>}\\htmlrtf {\\b\\htmlrtf0 bold\\htmlrtf }\\htmlrtf0 {\\*\\htmltag92 </b>}!",
      "<b>bold</b>!"],
    ["RTF only ends with its group", "{\\htmlrtf gone}kept", "kept"],
    ["line ends", "a\\par\\line b{\\*\\htmltag0 \\par }c\r\nd", "a\r\n\r\nb\r\ncd"],
    ["tab", "a\\tab b{\\*\\htmltag0 \\tab }", "a\tb\t"],
    ["escapes", "\\{\\}\\\\ \\~\\_\\- {\\*\\htmltag0 \\{x\\}}", "{}\\ \u00a0\u00ad\u00ad {x}"],
    ["quotes and dashes", "\\lquote x\\rquote \\ldblquote y\\rdblquote \\bullet \\endash \\emdash ",
      "\u2018x\u2019\u201cy\u201d\u2022\u2013\u2014"],
    ["8-bit by the document", "\\'e4\\'80", "\u00e4\u20ac"],
    ["8-bit by the font", "\\f1 \\'ef\\'f0\\'e8\\plain\\f0 \\'e8", "\u043f\u0440\u0438\u00e8"],
    ["font of a group ends with it", "{\\f1 \\'ef}\\'ef", "\u043f\u00ef"],
    ["default font", "\\plain \\'e4", "\u00e4"],
    ["font inside what is RTF only", "\\htmlrtf\\f1\\htmlrtf0 \\'ef", "\u043f"],
    ["two bytes", "\\f2 \\'93\\'fa\\'96{\\*\\htmltag64 <p>}", "\u65e5\ufffd<p>"],
    ["second byte a letter", "\\f2 \\'83A\\'83\\'5c", "\u30a2\u30bd"],
    ["second byte raw", "\\f2 \x93\xfa", "\u65e5"],
    ["tags have the document's code page", "\\f1{\\*\\htmltag84 <a title=\"\\'e4\">}", "<a title=\"\u00e4\">"],
    ["Unicode", "\\u8364?\\u-10179?\\u-8704?x", "\u20ac\ud83d\ude00x"],
    ["Unicode without substitute", "\\uc0\\u8364 x", "\u20acx"],
    ["Unicode with two", "\\uc2\\u26085\\'93\\'fax{\\u26085 ab}c", "\u65e5x\u65e5c"],
    ["substitute ends with the group", "{\\u8364}x", "\u20acx"],
    ["substitute is a word", "\\u8364\\emdash x", "\u20acx"],
    ["rewritten links are passed over", "{\\*\\htmltag84 <a href=\"x\">}{\\*\\mhtmltag84 <a href=\"mhtml:x\">}t",
      "<a href=\"x\">t"],
    ["those without the star too", "{\\mhtmltag84 x}y", "y"],
    ["unknown destinations are passed over", "{\\*\\unknown {deep} text}a{\\pict\\bin4 }}}}00}b{\\fonttbl{\\f9 X;}}c", "abc"],
    ["bullets are the RTF's", "{\\pntext\\'b7\\tab}{\\*\\htmltag84 <li>}one", "<li>one"],
    ["links", "{\\*\\htmltag84 <a>}\\htmlrtf {\\field{\\*\\fldinst{HYPERLINK \"x\"}}{\\fldrslt\\cf1 \\htmlrtf0 t" +
      "\\htmlrtf }\\htmlrtf0 \\htmlrtf }\\htmlrtf0 {\\*\\htmltag92 </a>}", "<a>t</a>"],
    ["comment with braces", "{\\*\\htmltag241 <!-- p \\{color:red\\} -->}", "<!-- p {color:red} -->"],
  ];
  for (const [name, rtf, html] of rows) assert.equal(deEncapsulateHtml(bytesOf(`${head}${rtf}}`)), html, name);
  assert.equal(deEncapsulateHtml(bytesOf("{\\rtf1 plain}")), null);
});

test("plain text comes out as it went in, [MS-OXRTFEX] 2.2.3.3", () => {
  const start = "{\\rtf1\\ansi\\ansicpg1251\\fromtext \\deff0{\\fonttbl{\\f0 Arial;}}\\uc1\\pard\\plain\\f0 ";
  const rows: [string, string][] = [
    ["one\\par two\\line\\par", "one\r\ntwo\r\n\r\n"], ["\\'ef\\'f0", "\u043f\u0440"], ["a\\tab b <x> & y", "a\tb <x> & y"],
    ["\\u8364?{\\info{\\title gone}}", "\u20ac"],
  ];
  for (const [rtf, text] of rows) assert.equal(deEncapsulateText(bytesOf(`${start}${rtf}}`)), text, rtf);
  assert.equal(deEncapsulateText(bytesOf("{\\rtf1 plain}")), null);
});

test("the origin is told by the first words only", () => {
  const rows: [string, ReturnType<typeof rtfOrigin>][] = [
    ["{\\rtf1\\ansi\\fromhtml1 x}", "html"], ["{\\rtf1\\ANSI\\ansicpg1252\\deff0\\fromtext x}", "text"],
    ["{\\rtf1\\ansi x}", "native"], ["{\\rtf\\fromhtml}", "html"], ["{\\rtf1\\fromhtml0}", "native"],
    [`{\\rtf1 ${"{\\b x}".repeat(20)}\\fromhtml1}`, "native"], ["{\\urtf1}", null], ["", null], ["<html>", null], ["{", null],
  ];
  for (const [rtf, origin] of rows) assert.equal(rtfOrigin(bytesOf(rtf)), origin, rtf);
  assert.equal(readRtfBody(bytesOf("no RTF")), null);
});

test("native RTF as text", () => {
  const rows: [string, string][] = [
    ["{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}{\\stylesheet{\\s0 Normal;}}Hello \\b world\\b0 !\\par}", "Hello world!\r\n"],
    ["{\\rtf1{\\v hidden}{\\pntext\\'b7\\tab}item\\par a\\cell b\\cell\\row}", "\u00b7\titem\r\na\tb\t\r\n"],
    ["{\\rtf1 {\\field{\\*\\fldinst HYPERLINK \"http://x\"}{\\fldrslt link}}{\\header top}}", "link"],
    ["{\\rtf1 a\\\nb\\\tc}ignored", "a\r\nb\tc"],
    ["{\\rtf1{\\upr{x}{\\*\\ud{\\u8364?}}}}", "x\u20ac"],
    ["{\\rtf1\\mac \\'8a}", "\u00e4"], ["{\\rtf1\\pc \\'84}", "\u00e4"], ["{\\rtf1 unclosed {group", "unclosed group"],
    ["{\\rtf1\\'zz\\'4}", "zz4"],
  ];
  for (const [rtf, text] of rows) assert.equal(rtfToText(bytesOf(rtf)), text, rtf);
});

test("native RTF as HTML", () => {
  const rows: [string, string][] = [
    ["{\\rtf1 a{\\b b{\\i c}}\\ul d\\ulnone\\super e\\par}",
      "<p>a<b>b</b><b><i>c</i></b><u>d</u><sup>e</sup></p>\r\n"],
    ["{\\rtf1{\\colortbl;\\red255\\green0\\blue16;}{\\cf1 red}{\\cf9 none}\\par}",
      "<p><span style=\"color:#ff0010\">red</span>none</p>\r\n"],
    ["{\\rtf1{\\fonttbl{\\f0 A'\\'22<;}}\\f0\\fs20 x & <y>\\par}",
      "<p><span style=\"font-family:'A&quot;&lt;';font-size:10pt\">x &amp; &lt;y&gt;</span></p>\r\n"],
    ["{\\rtf1\\qc centre\\par\\pard left\\line more\\par}",
      "<p style=\"text-align:center\">centre</p>\r\n<p>left<br>more</p>\r\n"],
    ["{\\rtf1{\\pntext\\'b7\\tab}one\\par{\\pntext\\'b7\\tab}two\\par\\pard out\\par}",
      "<ul>\r\n<li>one</li>\r\n<li>two</li>\r\n</ul>\r\n<p>out</p>\r\n"],
    ["{\\rtf1{\\listtext 1.\\tab}one\\par}", "<ol>\r\n<li>one</li>\r\n</ol>\r\n"],
    ["{\\rtf1{\\field{\\*\\fldinst{HYPERLINK \"http://x/?a=1&b=2\"}}{\\fldrslt{\\ul link}}} after\\par}",
      "<p><a href=\"http://x/?a=1&amp;b=2\">link</a> after</p>\r\n"],
    ["{\\rtf1{\\field{\\*\\fldinst{HYPERLINK \"javascript:alert(1)\"}}{\\fldrslt bad}}\\par}", "<p>bad</p>\r\n"],
    ["{\\rtf1\\trowd\\intbl a\\cell b\\cell\\row\\pard c\\par}",
      "<table border=\"1\">\r\n<tr><td>a</td><td>b</td></tr>\r\n</table>\r\n<p>c</p>\r\n"],
    ["{\\rtf1\\par}", "<p>&nbsp;</p>\r\n"],
    // Groups beyond the limit share the state of the last.
    [`{\\rtf1${"{".repeat(5000)}{\\b x}y`, "<p><b>xy</b></p>\r\n"],
  ];
  for (const [rtf, html] of rows) assert.equal(rtfToHtml(bytesOf(rtf)), `<html><body>\r\n${html}</body></html>\r\n`, rtf);
});

test("HTML in RTF is shown to those who read the RTF", () => {
  const rtf = encapsulateHtml("<html><head><title>no</title><style>p {}</style></head>\r\n<body>\r\n<style>b {}</style><p>Hello <b>w\u00f6rld</b>" +
    " &amp; <a href=\"http://a/b\">link</a></p><ul><li>one<li>two</ul></body></html>");
  assert.equal(rtfToText(rtf).trim(), "Hello w\u00f6rld & link\r\n\u2022\tone\r\n\u2022\ttwo");
  assert.match(rtfToHtml(rtf), /<b>wörld<\/b>.*<a href="http:\/\/a\/b">/s);
  assert.match(rtf.toString("latin1"), /\{\\\*\\htmltag19 <html>\}\{\\\*\\htmltag34 <head>\}.*\{\\\*\\htmltag50 <body>\}/s);
  assert.ok(/^[\x00-\x7f]*$/.test(rtf.toString("latin1")));
});

const crlf = (text: string): string => text.replace(/\r\n|\r|\n/g, "\r\n");
const piece = fc.oneof(fc.constantFrom(
  "<b>", "</b>", "<p>", "</p>", "<br>", "&amp;", "&#228;", "&nbsp", "<", "<!--", "-->", "<style>", "</style>", "<html>", "</html>",
  "<head>", "</head>", "<body>", "</body>", "<pre>", "</pre>", "<a href='http://x/'>", "</a>", "\r\n", "\n", "\r", "\t", " ", "  ",
  "{", "}", "\\", "\\'", "\"", "\u00e4", "\u20ac", "\u65e5", "<?x?>", "0", "\\htmlrtf", "\0",
), fc.string({ unit: "binary", maxLength: 6 }));

test("any HTML and any text come back from their RTF", () => {
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }).map((list) => list.join("")), (text) => {
    assert.equal(deEncapsulateHtml(encapsulateHtml(text)), crlf(text));
    assert.equal(deEncapsulateText(encapsulateText(text)), crlf(text));
  }), { numRuns: 500 });
});

const rtfPiece = fc.oneof(fc.constantFrom(
  "{", "}", "\\", "\\*", "\\htmltag84 ", "\\htmlrtf ", "\\htmlrtf0 ", "\\u8364?", "\\uc9 ", "\\'e4", "\\f1 ", "\\fonttbl ", "\\bin3 ",
  "\\par ", "\\cell ", "\\row ", "\\intbl ", "\\field ", "\\fldinst ", "HYPERLINK \"javascript:x\"", "\\pntext ", "<script>", "text",
  "\\fromhtml1 ", "\\colortbl ", ";", "\\red300 ", "\\fcharset128 ", "\\x-99999999999999 ", "\x93",
), fc.string({ unit: "binary", maxLength: 3 }));

test("any RTF is taken, and no script comes out of native RTF", () => {
  fc.assert(fc.property(fc.array(rtfPiece, { maxLength: 40 }).map((list) => bytesOf(`{\\rtf1 ${list.join("")}`)), (rtf) => {
    const body = readRtfBody(rtf);
    const html = rtfToHtml(rtf);
    rtfToText(rtf);
    assert.ok(body !== null);
    assert.doesNotMatch(html, /<script|href="javascript/i);
    assert.match(html, /^<html><body>\r\n[\s\S]*<\/body><\/html>\r\n$/);
  }), { numRuns: 500 });
});

test("numbers of characters that there are not are passed over", () => {
  for (const number of ["-2147483648", "-2147483647", "-65537", "-99999999999", "1114112", "2147483647", "99999999999"]) {
    assert.equal(rtfToText(bytesOf(`{\\rtf1 a\\u${number}?b}`)), "ab", number);
  }
  assert.equal(rtfToText(bytesOf("{\\rtf1 a\\u-3913?b}")), "a\uf0b7b");
});

test("hostile RTF is taken in time", () => {
  const rows: [string, Buffer][] = [
    ["deep groups", bytesOf(`{\\rtf1${"{".repeat(1_000_000)}x`)],
    ["many fields", bytesOf(`{\\rtf1${"{\\field{\\*\\fldinst HYPERLINK x}".repeat(50_000)}`)],
    ["long link, many runs", bytesOf(`{\\rtf1{\\field{\\*\\fldinst HYPERLINK ${"x ".repeat(5000)}}{\\fldrslt ${"\\b a\\b0 b".repeat(50_000)}}}}`)],
    ["many fonts", bytesOf(`{\\rtf1{\\fonttbl${Array.from({ length: 50_000 }, (_, n) => `{\\f${n} Name${n};}`).join("")}}x}`)],
    ["single high bytes", bytesOf(`{\\rtf1{\\fonttbl{\\f0\\fcharset128 M;}}\\f0 ${"\\'93\\b ".repeat(100_000)}}`)],
    ["cells", bytesOf(`{\\rtf1 ${"x\\cell ".repeat(200_000)}\\row}`)],
  ];
  for (const [name, rtf] of rows) {
    const from = cpuMs();
    rtfToHtml(rtf);
    rtfToText(rtf);
    assert.ok(cpuMs() - from < 3000, `${name}: ${cpuMs() - from} ms`);
  }
  const html = `${"<b>".repeat(100_000)}${"&amp".repeat(100_000)}${"<".repeat(100_000)}<style>${"</b>".repeat(50_000)}`;
  const from = cpuMs();
  encapsulateHtml(html);
  assert.ok(cpuMs() - from < 2000);
});
