/**
 * Proves on a table of known attacks that what comes out of cleaning holds no element, attribute, address or style that
 * acts, also inside other elements and cleaned once more; that what is harmless stays; that pictures follow the policy;
 * and that hostile sizes end fast. `clean-browser.long.test.ts` asks a browser about the same table.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { cleanHtml } from "#format/html/clean.ts";
import { attacks, surroundings } from "#format/html/test-kit.ts";
import type { CleanOptions } from "#format/html/clean.ts";

const tag = /<(\/?)([a-z][a-z0-9]*)((?: [^\s"'<>/=]+(?:="[^"<>]*")?)*)(?: \/)?>/g;

/** Elements of cleaned text with their attributes. It is written in one way only; any other "<" or ">" is a failure. */
function elementsOf(html: string, from: string): { name: string; attributes: Record<string, string> }[] {
  const out: { name: string; attributes: Record<string, string> }[] = [];
  const rest = html.replaceAll(tag, (_, close: string, name: string, list: string) => {
    const attributes = Object.fromEntries([...list.matchAll(/ ([^\s=]+)(?:="([^"]*)")?/g)]
      .map(([, key, value]) => [key!, (value ?? "").replaceAll("&quot;", "\"").replaceAll("&amp;", "&")]));
    if (close === "") out.push({ name, attributes });
    return "";
  });
  assert.ok(!/[<>]/.test(rest), `markup that was not expected, of ${from}: ${rest.slice(0, 200)}`);
  return out;
}

const active = /^(?:script|style|iframe|frame|frameset|object|embed|applet|form|input|button|select|textarea|svg|math|base|meta|link|template|noscript|xmp|plaintext|title|audio|video|source|marquee)$/;

function assertHarmless(html: string, from: string): void {
  for (const { name, attributes } of elementsOf(html, from)) {
    assert.ok(!active.test(name), `<${name}> of ${from} in ${html}`);
    for (const [attribute, value] of Object.entries(attributes)) {
      const what = `${attribute}=${JSON.stringify(value)} of ${from}`;
      assert.ok(!/^on|^(?:srcdoc|srcset|action|formaction|xlink:href|dynsrc|lowsrc|poster|ping|is|slot)$/i.test(attribute), what);
      if (/^(?:href|src|background|cite)$/.test(attribute)) {
        assert.ok(/^(?:https?:|mailto:|tel:|ftp:|mid:|cid:|#m-|\/part\/|data:image\/(?:png|gif|jpe?g|webp|bmp))/i.test(value), what);
      }
      if (attribute === "style") assert.ok(!/url|expression|import|behavior|binding|position|javascript|[\\<>@{}]/i.test(value), what);
      if (attribute === "id" || attribute === "name") assert.ok(value.startsWith("m-"), what);
    }
  }
}

test("no attack of the table leaves anything that acts, nor does what was left when it is cleaned once more", () => {
  for (const [input, left] of attacks) {
    const { html } = cleanHtml(input);
    assertHarmless(html, input);
    if (left !== null) assert.equal(html, left, input);
    assert.equal(cleanHtml(html).html, html, `${input} changes when it is cleaned again`);
    // Inside other elements, where parsers have other rules.
    for (const around of surroundings) {
      assertHarmless(cleanHtml(around + input).html, around + input);
      assertHarmless(cleanHtml(around + input + input).html, `${around + input} twice`);
    }
  }
});

const kept: readonly (readonly [input: string, output: string])[] = [
  ["<body bgcolor=\"#ffffff\"><p>a</p></body>", "<div bgcolor=\"#ffffff\"><p>a</p></div>"],
  ["<p class=MsoNormal style='mso-margin-top-alt:auto;COLOR:#1F497D;Font-Family:\"Calibri\",sans-serif'>a<o:p></o:p></p>",
    "<p style=\"color:#1F497D;font-family:&quot;Calibri&quot;,sans-serif\">a</p>"],
  ["<p>Grüße &amp; &nbsp;\u{1f600}</p>", "<p>Grüße &amp; \u00a0\u{1f600}</p>"],
  ["<font color=red size=+1 face=Arial>a</font>", "<font color=\"red\" size=\"+1\" face=\"Arial\">a</font>"],
  ["<table width=\"100%\" cellpadding=0><tr><td align=center style=\"color:rgb(1, 2, 3);border:1px solid #ccc\">a</td></tr></table>",
    "<table width=\"100%\" cellpadding=\"0\"><tr><td align=\"center\" style=\"color:rgb(1, 2, 3);border:1px solid #ccc\">a</td></tr></table>"],
  ["<blockquote type=cite>a<br>b</blockquote>", "<blockquote type=\"cite\">a<br />b</blockquote>"],
  ["<a href=\"mailto:a@b.test?subject=x\">a</a>",
    "<a href=\"mailto:a@b.test?subject=x\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">a</a>"],
  ["<img src=\"data:image/png;base64,iVBORw0KGgo=\" alt=a>", "<img src=\"data:image/png;base64,iVBORw0KGgo=\" alt=\"a\" />"],
  ["<p>never closed <b>at all", "<p>never closed <b>at all</b></p>"],
  ["", ""],
];

test("what is harmless stays", () => {
  for (const [input, output] of kept) {
    const clean = cleanHtml(input);
    assert.deepEqual(clean, { html: output, blockedCount: 0, contentIds: [], cut: false });
  }
});

test("pictures are of the message, or from elsewhere as the policy says", () => {
  const input = "<img src=\"cid:a%40b\"><img src=\"CID:gone\"><img src=\"cid:a@b\"><img src=\"http://t.test/1\">" +
    "<td background=\"//t.test/2\">x</td>";
  const cid = (id: string): string | null => (id === "a@b" ? "/part/2" : null);
  const cases: readonly (readonly [CleanOptions, string, number])[] = [
    [{ cid }, "<img src=\"/part/2\" /><img /><img src=\"/part/2\" /><img /><td>x</td>", 2],
    [{ cid, remote: "allow" }, "<img src=\"/part/2\" /><img /><img src=\"/part/2\" /><img src=\"http://t.test/1\" />" +
      "<td background=\"https://t.test/2\">x</td>", 0],
    [{ cid, remote: (url) => (url.endsWith("1") ? `/part/${url.length}` : null) },
      "<img src=\"/part/2\" /><img /><img src=\"/part/2\" /><img src=\"/part/15\" /><td>x</td>", 1],
  ];
  for (const [options, html, blockedCount] of cases) {
    assert.deepEqual(cleanHtml(input, options), { html, blockedCount, contentIds: ["a@b"], cut: false });
  }
});

test("what a caller's address holds is laid down as an attribute and never as markup", () => {
  const { html } = cleanHtml("<img src=cid:a>", { cid: () => "/part/\"><script>" });
  assert.equal(html, "<img src=\"/part/&quot;&gt;&lt;script&gt;\" />");
});

/** Sizes that a cleaner without limits takes minutes or all memory for. */
const hostile: readonly (readonly [name: string, html: string])[] = [
  ["5 MB of nested elements", "<div>".repeat(1_000_000)],
  ["nested and never matched", "<b>".repeat(300_000) + "</i>".repeat(300_000)],
  ["unmatched end tags below depth", "<b>".repeat(900) + "</i>".repeat(90_000)],
  ["one element of many attributes", `<p ${"a=b ".repeat(300_000)}>`],
  ["one long attribute", `<p title="${"x".repeat(4_000_000)}">`],
  ["long style", `<p style="${"color:red;".repeat(400_000)}">`],
  ["many styles", "<p style=\"color:red;margin:0\">a</p>".repeat(20_000)],
  ["brackets", "<".repeat(1_000_000)],
  ["comments", "<!--".repeat(900_000)],
  ["references", "&#x41;".repeat(200_000)],
  ["ampersands", "&".repeat(1_000_000)],
  ["nested svg", "<svg>".repeat(90_000)],
  ["styles that backtrack", `<p style="color:${"rgb(1,".repeat(600)}">`],
];

test("hostile sizes end soon and stay harmless", () => {
  for (const [name, html] of hostile) {
    const before = process.threadCpuUsage();
    const clean = cleanHtml(html);
    const used = process.threadCpuUsage(before);
    const tookMs = (used.user + used.system) / 1000;
    assert.ok(tookMs < 5000, `${name} takes ${Math.round(tookMs)} ms`);
    assertHarmless(clean.html.slice(0, clean.html.indexOf(">", 100_000) + 1), name);
  }
  assert.equal(cleanHtml(`${"<div>".repeat(5000)}the text`).html, "<div>the text</div>");
  assert.equal(cleanHtml(`${"<div>".repeat(5000)}a&lt;b`).html, "<div>a&lt;b</div>");
  assert.equal(cleanHtml("a".repeat(5_000_000)).cut, true);
});
