/**
 * `/`: how to connect with every kind of program, made of the same table that discovery answers from, so that it tells
 * what is really served. Plain HTML for any browser: no script, nothing loaded from elsewhere. RFC 9110 §8.3
 */
import { createHash } from "node:crypto";
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { tryParseAddress } from "#directory/address.ts";
import { sendBody, sendPage, sendText } from "#net/http-answer.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { Html, html } from "#net/page-html.ts";
import { welcomeStyle } from "#serve/http/welcome-style.ts";
import { english } from "#serve/http/welcome-texts.ts";
import type { ProgramText, ServedWays } from "#serve/http/welcome-texts.ts";

/** One open port of a mail program. RFC 8314 §3 */
export interface WelcomeConnection {
  readonly protocol: "imap" | "pop3" | "smtp";
  readonly host: string;
  readonly port: number;
  readonly security: "TLS" | "STARTTLS";
}

/** What the page stands on; the ways in are those that discovery publishes. [MS-OXDISCO] 1.3 */
export interface WelcomeSource {
  readonly hostname: string;
  /** Ways in under the name the reader used, TLS before STARTTLS. */
  readonly published: (request: HttpRequest) => Promise<{
    readonly authority: string;
    readonly web: ReadonlyMap<string, string>;
    readonly mail: readonly WelcomeConnection[];
  }>;
  readonly isOurDomain: (ctx: Ctx, domain: string) => Promise<boolean>;
  /** A domain for the example in the form: the one the reader came by, else the first. */
  readonly exampleDomain: (request: HttpRequest) => Promise<string | null>;
  /** PEM of the authority that clients must trust; null with certificates of others. */
  readonly authorityPem: () => Promise<string | null>;
  /** Whether there are pages of the account at `/account`. */
  readonly hasAccountPages: boolean;
}

const t = english;
const styleHash = `'sha256-${createHash("sha256").update(welcomeStyle).digest("base64")}'`;
/** Nothing but the page's own styles, and its form to itself. */
const policy = `default-src 'none'; style-src ${styleHash}; base-uri 'none'; form-action 'self'; ` +
  "frame-ancestors 'none'";

/** The page, and the authority's certificate to download. RFC 9110 §9.3.1 */
export function welcomeRoutes(source: WelcomeSource): HttpRoute[] {
  const authority = (name: string): HttpRoute => ({
    path: `/${name}`,
    methods: {
      async GET({ response }) {
        const pem = await source.authorityPem();
        if (pem === null) return sendText(response, 404, "The certificate of this server needs no file to be trusted.");
        response.setHeader("content-disposition", `attachment; filename="outpost-${name}"`);
        sendBody(response, 200, "application/x-x509-ca-cert", pem);
      },
    },
  });
  return [
    {
      path: "/",
      methods: {
        async GET(request) {
          sendPage(request.response, 200, (await welcomePage(source, request)).text, policy);
        },
      },
    },
    // Windows and Android open files of one name only, Apple's systems and Thunderbird of both.
    authority("ca.pem"), authority("ca.crt"),
  ];
}

/** What the page knows while it is written. */
interface View {
  readonly hostname: string;
  readonly authority: string;
  readonly web: ReadonlyMap<string, string>;
  readonly mail: readonly WelcomeConnection[];
  readonly served: ServedWays;
  /** As given; null when none or a wrong one was. */
  readonly address: string | null;
  readonly typed: string;
  readonly trouble: string | null;
  readonly example: string;
  readonly authorityPem: string | null;
  readonly hasAccountPages: boolean;
  readonly qr: Html | null;
}

async function look(source: WelcomeSource, request: HttpRequest): Promise<View> {
  const { ctx, query } = request;
  const [{ authority, web, mail }, example, authorityPem] = await Promise.all([
    source.published(request), source.exampleDomain(request), source.authorityPem(),
  ]);
  const typed = (query.get("address") ?? query.get("emailaddress") ?? "").trim().slice(0, limits.welcomeAddressMax);
  const parsed = tryParseAddress(typed);
  const isOurs = parsed !== null && await source.isOurDomain(ctx, parsed.domain);
  const trouble = typed === "" || isOurs ? null
    : parsed === null ? t.addressUnreadable(typed) : t.addressForeign(parsed.domain);
  const address = isOurs ? parsed.key : null;
  const served: ServedWays = {
    mapi: web.has("mapi"), ews: web.has("ews"), activeSync: web.has("activeSync"), calDav: web.has("calDav"),
    cardDav: web.has("cardDav"), imap: mail.some((one) => one.protocol === "imap"),
  };
  return {
    hostname: source.hostname, authority, web, mail, served, address, typed, trouble, authorityPem,
    example: example ?? "example.org", hasAccountPages: source.hasAccountPages,
    qr: address === null ? null : await qrCode(`https://${authority}${profilePath(address)}`, request.host),
  };
}

function profilePath(address: string): string {
  return `/apple.mobileconfig?emailaddress=${encodeURIComponent(address)}`;
}

/** A name of this very machine leads a phone nowhere. */
async function qrCode(link: string, host: string): Promise<Html | null> {
  if (/^(?:localhost|127\.|\[::1\])/.test(host)) return null;
  const { default: qrcode } = await import("qrcode");
  const svg = await qrcode.toString(link, { type: "svg", margin: 2, errorCorrectionLevel: "M" });
  return new Html(svg.replace("<svg ", `<svg role="img" aria-label="${t.qrLabel}" `));
}

async function welcomePage(source: WelcomeSource, request: HttpRequest): Promise<Html> {
  const view = await look(source, request);
  const [before, host] = t.heading(view.hostname);
  const programs = programSections(view);
  return html`<!doctype html>
<html lang="${t.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${t.title(view.hostname)}</title>
<style>${new Html(welcomeStyle)}</style>
</head>
<body>
<header class="head"><span class="brand">${t.brand}</span>${
  view.hasAccountPages && html`<a href="/account">${t.account}</a>`}</header>
<main>
<div class="intro">
<h1>${before}<span>${host}</span></h1>
<p>${t.lead}</p>
</div>
${askSection(view)}
${trustSection(view)}
<nav aria-label="${t.contents}"><ul>
${programs.map(({ id, text }) => html`<li><a href="#${id}">${text.title}</a></li>\n`)}
<li><a href="#other">${t.byHandTitle}</a></li>
<li><a href="#groupware">${t.groupwareTitle}</a></li>
</ul></nav>
<div class="flow">
${programs.map(({ id, text, extra }) => programSection(id, text, extra))}
</div>
${byHandSection(view)}
<div class="grid">
${groupwareSection(view)}
${notServedSection(view)}
</div>
</main>
<footer><p>${t.foot}</p></footer>
</body>
</html>
`;
}

function askSection({ typed, trouble, address, example }: View): Html {
  const wrong = trouble !== null && html` aria-invalid="true" aria-errormessage="trouble"`;
  return html`<section>
<form method="get" action="/">
${trouble !== null && html`<p class="note" role="alert" id="trouble">${trouble}</p>`}
<label for="address">${t.addressLabel}</label>
<div class="ask"><input id="address" name="address" type="email" autocomplete="email" inputmode="email" required
  maxlength="${limits.welcomeAddressMax}" spellcheck="false" autocapitalize="off" value="${typed}"
  placeholder="${t.addressExample(example)}" aria-describedby="address-hint"${wrong}>
<button>${t.addressButton}</button></div>
<p class="hint" id="address-hint">${t.addressHint}</p>
</form>
${address !== null && html`<p class="current" role="status">${t.settingsFor} <strong>${address}</strong>.
<a href="/">${t.otherAddress}</a></p>`}
</section>`;
}

function trustSection({ authorityPem }: View): Html | null {
  if (authorityPem === null) return null;
  const der = Buffer.from(/-----BEGIN CERTIFICATE-----([^-]+)/.exec(authorityPem)?.[1] ?? "", "base64");
  // Lines may end behind a colon only, so that people can compare them.
  const print = createHash("sha256").update(der).digest("hex").toUpperCase().replace(/..(?=.)/g, "$&:<wbr>");
  return html`<section class="trust" id="trust">
<div class="titled"><h2>${t.authorityTitle}</h2></div>
<p>${t.authorityLead}</p>
<p class="spaced"><a class="button" href="/ca.pem">${t.authorityDownload}</a>
<a href="/ca.crt">${t.authorityDownloadCrt}</a></p>
<p>${t.authorityFingerprint}<code class="print">${new Html(print)}</code>${t.authorityCompare}</p>
<details><summary>${t.authorityHow}</summary>
<dl>${t.authoritySteps.map(([where, how]) => html`<dt>${where}</dt><dd>${how}</dd>\n`)}</dl>
</details>
</section>`;
}

interface Program {
  readonly id: string;
  readonly text: ProgramText;
  readonly extra: Html | null;
}

function programSections(view: View): Program[] {
  const { programs } = t;
  const row = (id: string, text: ProgramText, extra: Html | null = null): Program => ({ id, text, extra });
  return [
    row("outlook-windows", programs.outlookWindows(view.served)),
    row("outlook-mac", programs.outlookMac(view.served)),
    row("apple", programs.apple(view.served), profileOffer(view)),
    row("thunderbird", programs.thunderbird(view.served)),
    row("android", programs.android(view.served)),
    row("outlook-phone", programs.phoneOutlook(view.served)),
  ];
}

function profileOffer({ address, qr }: View): Html {
  if (address === null) return html`<p><a href="#address">${t.profileFirst}</a></p>`;
  return html`<p><a class="button" href="${profilePath(address)}">${t.profileButton}</a></p>
${qr !== null && html`<div class="qr">${qr}<p class="hint">${t.qrLead}</p></div>`}`;
}

function programSection(id: string, { title, badge, lead, steps, hint }: ProgramText, extra: Html | null): Html {
  return html`<section id="${id}">
<div class="titled"><h2>${title}</h2><span class="badge">${badge}</span></div>
<p>${lead}</p>
<ol>${steps.map((step) => html`<li>${step}</li>\n`)}</ol>
${extra}
${hint !== undefined && html`<p class="hint">${hint}</p>`}
</section>
`;
}

function byHandSection(view: View): Html {
  const { address, mail, hasAccountPages } = view;
  const [before, link, after] = t.appPassword;
  const blocks = (["imap", "smtp", "pop3"] as const).map((protocol) => {
    const ways = mail.filter((one) => one.protocol === protocol);
    const [first, ...others] = ways;
    if (first === undefined) return null;
    const port = (one: WelcomeConnection): Html =>
      html`<code>${one.port}</code> ${t.securityNames[one.security]}`;
    return html`<div class="block">
<h3>${t.byHandRows[protocol]}</h3>
<dl>
<dt>${t.server}</dt><dd><code>${first.host}</code></dd>
<dt>${t.port}</dt><dd>${port(first)}${others.map((one) => html` ${t.or} ${port(one)}`)}</dd>
<dt>${t.userName}</dt><dd>${address === null ? t.yourAddress : html`<code>${address}</code>`}</dd>
<dt>${t.password}</dt><dd>${hasAccountPages ? t.yourPasswordOrApp : t.yourPassword}</dd>
</dl>
<p class="hint">${t.byHandNotes[protocol]}</p>
</div>
`;
  });
  return html`<section id="other">
<div class="titled"><h2>${t.byHandTitle}</h2></div>
<p>${t.byHandLead}</p>
<div class="blocks">
${blocks}</div>
<p>${t.signInHint}${hasAccountPages && html` ${before}<a href="/account">${link}</a>${after}`}</p>
</section>`;
}

function groupwareSection({ served, web }: View): Html {
  const rows = ([["calDav", t.groupwareCalDav], ["cardDav", t.groupwareCardDav]] as const)
    .flatMap(([name, title]) => (web.has(name) ? [{ title, url: web.get(name)! }] : []));
  return html`<section id="groupware">
<div class="titled"><h2>${t.groupwareTitle}</h2>${rows.length === 0 && !served.mapi && !served.activeSync
  && html`<span class="badge quiet">${t.notServedTitle}</span>`}</div>
${served.mapi && html`<p>${t.groupwareThroughOutlook}${served.activeSync && html` ${t.groupwareThroughPhone}`}</p>`}
${rows.length === 0 ? html`<p>${t.groupwareNone}</p>` : html`<p>${t.groupwareServed}</p>
<dl>${rows.map(({ title, url }) => html`<dt>${title}</dt><dd><code>${url}</code></dd>\n`)}</dl>`}
</section>`;
}

function notServedSection({ web }: View): Html | null {
  const missing = Object.entries(t.notServed).filter(([name]) => !web.has(name));
  if (missing.length === 0) return null;
  return html`<section id="not-served">
<div class="titled"><h2>${t.notServedTitle}</h2></div>
<p>${t.notServedLead}</p>
<ul>${missing.map(([, text]) => html`<li>${text}</li>\n`)}</ul>
</section>`;
}
