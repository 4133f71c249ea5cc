/**
 * Proves with a real browser (Chromium, where it is installed) that what comes out of cleaning runs nothing and loads
 * nothing when it is shown with scripts allowed, and that its tree holds no element or attribute that acts, also after
 * the browser wrote it out and read it again.
 */
import { strict as assert } from "node:assert";
import { existsSync } from "node:fs";
import { test } from "node:test";
import puppeteer from "puppeteer-core";
import { cleanHtml } from "#format/html/clean.ts";
import { attacks, surroundings } from "#format/html/test-kit.ts";

const browserPath = process.env["OUTPOST_CHROMIUM"] ?? "/usr/bin/chromium";
const skip = existsSync(browserPath) ? false : `no browser at ${browserPath}; set OUTPOST_CHROMIUM`;

/** Runs in the page: what acts in the tree of a text, parsed, written out and parsed again. */
function actingIn(html: string): string[] {
  const { document } = globalThis as unknown as { document: { createElement(name: string): Inner } };
  interface Inner {
    innerHTML: string;
    querySelectorAll(selector: string): Iterable<{
      localName: string; namespaceURI: string; attributes: Iterable<{ name: string; value: string }>;
    }>;
  }
  const found: string[] = [];
  const first = document.createElement("div");
  first.innerHTML = html;
  const second = document.createElement("div");
  second.innerHTML = first.innerHTML;
  for (const root of [first, second]) {
    for (const element of root.querySelectorAll("*")) {
      if (element.namespaceURI !== "http://www.w3.org/1999/xhtml") found.push(element.namespaceURI);
      if (/^(?:script|style|iframe|object|embed|form|input|button|select|textarea|base|meta|link|template)$/.test(element.localName)) {
        found.push(element.localName);
      }
      for (const { name, value } of element.attributes) {
        if (/^on|^(?:srcdoc|srcset|action|formaction)$/.test(name)) found.push(name);
        if (/^(?:href|src|background)$/.test(name) && /^[\s\0-\x20]*(?:javascript|vbscript|data:text)/i.test(value)) found.push(value);
      }
    }
  }
  return found;
}

test("a browser finds nothing to run or to load", { skip }, async () => {
  const browser = await puppeteer.launch({ executablePath: browserPath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const page = await browser.newPage();
    const happened: string[] = [];
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      if (!/^(?:about|data):/.test(request.url())) happened.push(request.url());
      void request.abort();
    });
    page.on("dialog", (dialog) => {
      happened.push(dialog.message());
      void dialog.dismiss();
    });
    const texts = attacks.flatMap(([input]) =>
      ["", ...surroundings].map((around) => [around + input, cleanHtml(around + input).html] as const));
    for (const [input, html] of texts) {
      assert.deepEqual(await page.evaluate(actingIn, html), [], input);
      assert.deepEqual(happened, [], input);
    }
    for (const [input] of attacks) {
      await page.setContent(`<!doctype html><body>${cleanHtml(input).html}</body>`, { waitUntil: "load" });
      assert.deepEqual(happened, [], input);
    }
    // The same text unclean does run: the test sees what it looks for.
    await page.setContent("<!doctype html><body><img src=x onerror=alert(1)></body>", { waitUntil: "load" }).catch(() => null);
    assert.ok((await page.evaluate(actingIn, "<img src=x onerror=alert(1)>")).includes("onerror"));
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(happened.length > 0);
  } finally {
    await browser.close();
  }
});
