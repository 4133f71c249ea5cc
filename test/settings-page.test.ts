/**
 * Looks at the settings page with a real browser (Chromium, where it is installed): wide and narrow, light and dark,
 * with few and with all ways in, with and without an address. Proves that nothing runs over the edge, that every text
 * stands out from what is behind it (4.5:1), that headings are in order, that links lead somewhere, that the form works
 * by keyboard alone, and that the browser has nothing to complain about, its content policy included. What the page says
 * is proved without a browser.
 */
import { strict as assert } from "node:assert";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import puppeteer from "puppeteer-core";
import type { Browser, Page } from "puppeteer-core";
import { StoreDirectory } from "#directory/directory.ts";
import { addDomain } from "#directory/domain-changes.ts";
import { openTestBed } from "#directory/test-kit.ts";
import { startFront } from "#net/http-test-kit.ts";
import { sendText } from "#net/http.ts";
import type { HttpRoute } from "#net/http.ts";
import { autodiscoverRoutes, servesPath } from "#serve/autodiscover/routes.ts";
import { Autodiscover } from "#serve/autodiscover/service.ts";
import type { AutodiscoverOptions } from "#serve/autodiscover/service.ts";
import { welcomeRoutes } from "#serve/http/welcome.ts";
import { webProtocols } from "#wire/autodiscover/published.ts";
import type { WebProtocol } from "#wire/autodiscover/published.ts";
import { realCtx } from "./support/real-ctx.ts";

const browserPath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const expected = process.env["OUTPOST_EXPECT_CLIENTS"] === "1";
const skip = existsSync(browserPath) || expected ? false : `needs chromium, Debian package chromium (or $CHROMIUM)`;
/** Pictures of every view go here when it is set. */
const pictures = process.env["SETTINGS_PAGE_PICTURES"];

const hostname = "mail.example.test";
const address = "alice@example.test";

interface Place {
  readonly port: number;
  readonly caPem: string;
  ask(path: string, headers?: Record<string, string>): Promise<{ status: number; type: string; body: string;
    headers: Record<string, unknown>; }>;
}

async function startPage(
  t: TestContext, served: readonly WebProtocol[], options: { selfMade: boolean },
): Promise<Place> {
  const bed = await openTestBed();
  const ctx = realCtx();
  await bed.change(addDomain, { by: "test", name: "example.test" });
  const directory = new StoreDirectory(ctx, bed.store);
  const routes: HttpRoute[] = served.map((name) => ({
    path: webProtocols[name].path, methods: { "*": ({ response }) => sendText(response, 200, name) },
  }));
  const around: HttpRoute[] = ["/account", "/favicon.ico"].map((path) => (
    { path, methods: { GET: ({ response }) => sendText(response, 200, "here") } }));
  const discovery: AutodiscoverOptions = {
    hostname, httpsPort: 443, directory, isServed: (path) => servesPath(routes, path),
    mail: [
      { protocol: "imap", port: 993, security: "TLS" }, { protocol: "imap", port: 143, security: "STARTTLS" },
      { protocol: "pop3", port: 995, security: "TLS" }, { protocol: "pop3", port: 110, security: "STARTTLS" },
      { protocol: "smtp", port: 465, security: "TLS" }, { protocol: "smtp", port: 587, security: "STARTTLS" },
    ],
  };
  const service = new Autodiscover(discovery);
  let caPem = "";
  const front = await startFront(t, [
    ...routes, ...around, ...autodiscoverRoutes(discovery), ...welcomeRoutes({
      hostname, published: async (request) => service.published(await service.authorityFor(request)),
      isOurDomain: (context, domain) => service.isOurDomain(context, domain),
      exampleDomain: () => Promise.resolve("example.test"), hasAccountPages: true,
      authorityPem: () => Promise.resolve(options.selfMade ? caPem : null),
    }),
  ]);
  caPem = readFileSync(front.caFile, "utf8");
  t.after(async () => {
    await directory.close();
    await bed.close();
  });
  const { securePort: port } = front;
  return {
    port, caPem,
    ask: (path, headers = {}) => new Promise((resolve, reject) => {
      httpsRequest({
        host: "127.0.0.1", port, path, ca: caPem, servername: hostname, agent: false,
        headers: { host: `${hostname}:${port}`, ...headers },
      }, (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.once("end", () => resolve({
          status: response.statusCode ?? 0, type: String(response.headers["content-type"]),
          body: Buffer.concat(pieces).toString("utf8"), headers: response.headers,
        }));
      }).once("error", reject).end();
    }),
  };
}

const everything = Object.keys(webProtocols) as WebProtocol[];

test("the page says what is served, and what is not", async (t) => {
  const few = await startPage(t, ["autodiscover"], { selfMade: true });
  const all = await startPage(t, everything, { selfMade: false });
  const [plain, rich] = [(await few.ask("/")).body, (await all.ask("/")).body];
  const rows: [text: string, few: boolean, all: boolean][] = [
    ["as with Exchange", false, true], ["Mail over IMAP. Calendar and contacts stay in Outlook.", true, false],
    ["Exchange Web Services, which", true, false], ["Not served here", true, false],
    [`https://${hostname}:${all.port}/dav/calendars/`, false, true], ["CalDAV and CardDAV, for", true, false],
    ["Download ca.pem", true, false], ["<code>993</code> SSL/TLS", true, true], ["<code>143</code> STARTTLS", true, true],
    ["<code>465</code> SSL/TLS", true, true], ["<code>995</code> SSL/TLS", true, true], ["your whole mail address", true, true],
    ["placeholder=\"you@example.test\"", true, true], ["Add account › Exchange", false, true],
  ];
  for (const [text, inFew, inAll] of rows) {
    assert.equal(plain.includes(text), inFew, `few: ${text}`);
    assert.equal(rich.includes(text), inAll, `all: ${text}`);
  }
});

test("an address makes the page one's own; a wrong one is told, and nothing of it is taken for HTML", async (t) => {
  const place = await startPage(t, ["autodiscover"], { selfMade: true });
  const rows: [typed: string, has: RegExp, hasNot: RegExp | null][] = [
    [address, /<dd><code>alice@example\.test<\/code><\/dd>/, /class="note"/],
    ["Alice@Example.TEST", /apple\.mobileconfig\?emailaddress=Alice%40example\.test|=alice%40example\.test/, /class="note"/],
    // Whether somebody has the address is not told.
    ["nobody@example.test", /<strong>nobody@example\.test<\/strong>/, /class="note"/],
    ["alice@elsewhere.test", /takes no mail for elsewhere\.test/, /mobileconfig\?/],
    ["alice", /“alice” is not a mail address/, /mobileconfig\?/],
    ["<script>alert(1)</script>", /&lt;script&gt;/, /<script/],
    ['"onfocus=x autofocus "', /value="&quot;onfocus=x autofocus &quot;"/, /value=""onfocus/],
    ["", /appears here/, /class="note"/],
  ];
  for (const [typed, has, hasNot] of rows) {
    const { status, body } = await place.ask(`/?address=${encodeURIComponent(typed)}`);
    assert.equal(status, 200, typed);
    assert.match(body, has, typed);
    if (hasNot !== null) assert.doesNotMatch(body, hasNot, typed);
  }
  const long = await place.ask(`/?address=${"a".repeat(20_000)}`);
  assert.ok(long.body.length < 40_000, "a long text is cut");
});

test("nothing from elsewhere may be loaded, run or framed", async (t) => {
  const place = await startPage(t, everything, { selfMade: true });
  const { headers, body } = await place.ask(`/?address=${address}`);
  const policy = String(headers["content-security-policy"]);
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'self'; frame-anc/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["referrer-policy"], "no-referrer");
  assert.doesNotMatch(body, /<script|<img|<link|style="|\son\w+=/);
  for (const [, link] of body.matchAll(/(?:href|src|action)="([^"]*)"/g)) assert.match(link!, /^[/#]/);
});

test("the authority to trust can be downloaded, when there is one", async (t) => {
  const own = await startPage(t, ["autodiscover"], { selfMade: true });
  for (const name of ["ca.pem", "ca.crt"]) {
    const { status, type, body, headers } = await own.ask(`/${name}`);
    assert.equal(status, 200);
    assert.equal(type, "application/x-x509-ca-cert");
    assert.equal(headers["content-disposition"], `attachment; filename="outpost-${name}"`);
    assert.equal(body, own.caPem);
    assert.doesNotMatch(body, /PRIVATE/);
  }
  const foreign = await startPage(t, ["autodiscover"], { selfMade: false });
  assert.equal((await foreign.ask("/ca.pem")).status, 404);
});

let browser: Browser | null = null;
before(async () => {
  if (skip !== false) return;
  browser = await puppeteer.launch({
    executablePath: browserPath, headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", `--host-resolver-rules=MAP * 127.0.0.1`],
    acceptInsecureCerts: true,
  });
});
after(() => browser?.close());

/** A page with everything the browser complains about. */
async function openPage(url: string, view: { width: number; dark: boolean }): Promise<{ page: Page; bad: string[] }> {
  const page = await browser!.newPage();
  const bad: string[] = [];
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) bad.push(message.text());
  });
  page.on("pageerror", (error) => bad.push(String(error)));
  page.on("requestfailed", (request) => bad.push(`${request.url()} failed`));
  page.on("request", (request) => {
    if (new URL(request.url()).host !== new URL(url).host) bad.push(`asks ${request.url()}`);
  });
  await page.setViewport({ width: view.width, height: 900, isMobile: view.width < 600, hasTouch: view.width < 600 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: view.dark ? "dark" : "light" }]);
  await page.goto(url, { waitUntil: "load" });
  return { page, bad };
}

/** Runs in the page: what runs over the edge, what is hard to read, what is out of order. A text, as it is not ours. */
const lookAround = `(() => {
  const found = [];
  const edge = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > edge) found.push("the page is wider than the window");
  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const luminance = ({ r, g, b }) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const behind = (element) => {
    const layers = [];
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.a > 0) layers.push(color);
      if (color.a === 1) break;
    }
    return layers.reduceRight((under, over) => ({
      r: over.r * over.a + under.r * (1 - over.a), g: over.g * over.a + under.g * (1 - over.a),
      b: over.b * over.a + under.b * (1 - over.a),
    }), { r: 255, g: 255, b: 255 });
  };
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  let texts = 0;
  const judge = (element, color, what) => {
    const ratio = contrast(parse(color), behind(element));
    if (ratio < 4.5) found.push("contrast " + ratio.toFixed(2) + ": " + what);
    texts++;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.data.trim() === "" || element.closest("svg") !== null) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()];
    if (boxes.length === 0) continue;
    if (boxes.some((box) => box.right > edge + 0.5 || box.left < -0.5)) found.push("over the edge: " + node.data);
    judge(element, getComputedStyle(element).color, node.data.trim().slice(0, 40));
    if (parseFloat(getComputedStyle(element).fontSize) < 12) found.push("too small: " + node.data);
  }
  const input = document.querySelector("input");
  judge(input, getComputedStyle(input, "::placeholder").color, "placeholder");
  for (const element of document.querySelectorAll("a, button, input, summary")) {
    const box = element.getBoundingClientRect();
    if (box.height === 0 || element.closest("p, dd, li") !== null && !element.matches(".button")) continue;
    if (box.height < 24) found.push("hard to touch: " + element.textContent);
  }
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(heading.localName[1]);
    if (next > level + 1) found.push("skips a level: " + heading.textContent);
    level = next;
  }
  for (const name of ["main", "header", "nav"]) {
    if (document.querySelectorAll(name).length !== 1) found.push("not one " + name);
  }
  if (document.documentElement.lang === "" || document.title === "") found.push("no language or title");
  for (const field of document.querySelectorAll("input")) {
    if (field.labels.length !== 1) found.push("a field without its label");
  }
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  if (new Set(ids).size !== ids.length) found.push("an id twice");
  if (texts < 40) found.push("hardly any text");
  return found;
})()`;

interface View {
  readonly name: string;
  readonly served: readonly WebProtocol[];
  readonly selfMade: boolean;
  readonly query: string;
  readonly opensDetails?: boolean;
}

const views: readonly View[] = [
  { name: "few", served: ["autodiscover"], selfMade: true, query: "" },
  { name: "few-address", served: ["autodiscover"], selfMade: true, query: `?address=${address}`, opensDetails: true },
  { name: "mapi-trouble", served: ["autodiscover", "mapi", "nspi"], selfMade: false, query: "?address=me@there.test" },
  { name: "all-address", served: everything, selfMade: false,
    query: `?address=${"a-very-long-local-part-of-an-address.".repeat(2).slice(0, 63)}@example.test` },
];

for (const view of views) {
  test(`in the browser: ${view.name}`, { skip }, async (t) => {
    const place = await startPage(t, view.served, view);
    const url = `https://${hostname}:${place.port}/${view.query}`;
    for (const width of [320, 390, 768, 1280]) {
      for (const dark of [false, true]) {
        const { page, bad } = await openPage(url, { width, dark });
        if (view.opensDetails === true) await page.$eval("details", (one) => one.setAttribute("open", ""));
        const where = `${view.name}, ${width} wide, ${dark ? "dark" : "light"}`;
        assert.deepEqual(await page.evaluate(lookAround), [], where);
        assert.deepEqual(bad, [], where);
        if (pictures !== undefined) {
          mkdirSync(pictures, { recursive: true });
          await page.screenshot({ path: `${pictures}/${view.name}-${width}-${dark ? "dark" : "light"}.png` as `${string}.png`, fullPage: true });
        }
        await page.close();
      }
    }
  });
}

test("in the browser: links lead somewhere", { skip }, async (t) => {
  const place = await startPage(t, everything, { selfMade: true });
  const { page } = await openPage(`https://${hostname}:${place.port}/?address=${address}`, { width: 1280, dark: false });
  const links = await page.$$eval("a", (all) => all.map((one) => one.getAttribute("href") ?? ""));
  assert.ok(links.length >= 12, links.join(" "));
  for (const link of new Set(links)) {
    if (link.startsWith("#")) assert.ok(await page.$(link) !== null, link);
    else assert.equal((await place.ask(link)).status, 200, link);
  }
  await page.close();
});

test("in the browser: by keyboard alone, without script", { skip }, async (t) => {
  const place = await startPage(t, everything, { selfMade: true });
  const { page, bad } = await openPage(`https://${hostname}:${place.port}/`, { width: 390, dark: false });
  await page.setJavaScriptEnabled(false);
  const focused = (): Promise<string> =>
    page.evaluate("document.activeElement.id || document.activeElement.localName") as Promise<string>;
  let steps = 0;
  while (await focused() !== "address" && steps++ < 5) await page.keyboard.press("Tab");
  assert.equal(await focused(), "address");
  assert.match(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") as string, /solid/);
  await page.keyboard.type(address);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "button");
  await Promise.all([page.waitForNavigation({ timeout: 5000 }), page.keyboard.press("Enter")]);
  assert.equal(new URL(page.url()).search, "?address=alice%40example.test");
  assert.equal(await page.$eval(".current strong", (one) => one.textContent), address);
  assert.equal(await page.$eval("#other dd:nth-of-type(3)", (one) => one.textContent), address);
  assert.equal(await page.$eval("#apple a.button", (one) => one.getAttribute("href")),
    "/apple.mobileconfig?emailaddress=alice%40example.test");
  assert.ok(await page.$("#apple .qr svg") !== null, "the picture for phones");
  steps = 0;
  while (await focused() !== "summary" && steps++ < 15) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.$eval("details", (one) => one.hasAttribute("open")), true);
  assert.deepEqual(bad, []);
  await page.close();
});
