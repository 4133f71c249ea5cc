/** The pages people see when they sign in: plain HTML that loads nothing from anywhere else. RFC 9110 §8.3 */
import { createHash } from "node:crypto";
import { sendBody } from "#net/http.ts";
import type { HttpRequest } from "#net/http.ts";
import { Html, html } from "#net/page-html.ts";

const style = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5a6472; --line: #d4d9e0; --back: #f4f6f8; --card: #fff;
  --accent: #1a5fb4; --accent-ink: #fff; --bad: #a51d2d; --bad-back: #fdeceb; --good: #1c6b36; --good-back: #e7f5ec }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #a3adba; --line: #3a424e; --back: #14181e;
  --card: #1d232b; --accent: #78aeed; --accent-ink: #10151b; --bad: #f4a3a3; --bad-back: #3a1f22; --good: #8fd6a5;
  --good-back: #1b3325 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
header { padding: 1rem; display: flex; gap: 1rem; align-items: baseline; justify-content: space-between;
  flex-wrap: wrap; max-width: 46rem; margin: 0 auto }
.brand { font-weight: 600; text-decoration: none; color: var(--ink) }
main { max-width: 46rem; margin: 0 auto; padding: 0 1rem 3rem }
main.narrow { max-width: 26rem; padding-top: 1rem }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1.25rem;
  margin: 0 0 1.25rem }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem }
h2 { font-size: 1.1rem; margin: 0 0 .5rem }
p { margin: 0 0 .75rem } section > :last-child, form > :last-child { margin-bottom: 0 }
label { display: block; font-weight: 600; margin: 0 0 .25rem }
.hint, small { color: var(--soft); font-size: .9rem; font-weight: 400 }
input[type=text], input[type=password], input[type=email] { width: 100%; font: inherit; padding: .55rem .7rem;
  border: 1px solid var(--soft); border-radius: .4rem; background: var(--card); color: inherit; margin: 0 0 .9rem }
input[type=checkbox] { width: 1.1rem; height: 1.1rem; margin: 0 .4rem 0 0; vertical-align: -.15rem }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
button, .button { font: inherit; font-weight: 600; padding: .55rem 1.1rem; border-radius: .4rem; cursor: pointer;
  border: 1px solid var(--accent); background: var(--accent); color: var(--accent-ink); text-decoration: none;
  display: inline-block }
button.second { background: transparent; color: var(--accent) }
button.bad { background: transparent; color: var(--bad); border-color: var(--bad) }
button.wide { width: 100% }
fieldset { border: 0; padding: 0; margin: 0 0 .9rem } legend { font-weight: 600; padding: 0 }
.choices { display: flex; flex-wrap: wrap; gap: .35rem 1.1rem } .choices label { font-weight: 400; margin: 0 }
.note { border-radius: .4rem; padding: .7rem .9rem; margin: 0 0 1rem; border: 1px solid }
.note.bad { color: var(--bad); background: var(--bad-back) }
.note.good { color: var(--good); background: var(--good-back) }
.secret { font: 600 1.25rem/1.6 ui-monospace, monospace; letter-spacing: .04em; overflow-wrap: anywhere;
  user-select: all }
ul.rows { list-style: none; padding: 0; margin: 0 0 1rem }
ul.rows > li { display: flex; gap: .75rem; align-items: center; justify-content: space-between; padding: .6rem 0;
  border-top: 1px solid var(--line); flex-wrap: wrap }
ul.rows > li > div { min-width: 0; overflow-wrap: anywhere; flex: 1 1 14rem } ul.rows form { margin: 0 }
.codes { columns: 2; font: 1rem/1.7 ui-monospace, monospace; padding: 0; list-style: none; max-width: 22rem }
.qr svg { width: 12rem; height: 12rem; background: #fff; display: block; margin: 0 0 .75rem }
.or { text-align: center; color: var(--soft); margin: 1rem 0 }
.spaced { display: flex; gap: .75rem; flex-wrap: wrap }
a { color: var(--accent) }
details { margin: .75rem 0 0 } summary { cursor: pointer; font-weight: 600; margin: 0 0 .4rem }
header form { display: flex; gap: .6rem; align-items: center; flex-wrap: wrap }
[hidden] { display: none !important }
`;

const styleHash = `'sha256-${createHash("sha256").update(style).digest("base64")}'`;

export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Narrow, for a single form. */
  readonly narrow?: boolean;
  /** What stands at the right of the head line. */
  readonly corner?: Html;
  /** Loads the script for passkeys. */
  readonly script?: boolean;
  /** Where else a form may lead: the program somebody signs in for. */
  readonly formTarget?: string;
}

/** A whole page with the headers that keep everything foreign out of it. */
export function sendPage({ response }: HttpRequest, status: number, page: Page): void {
  const script = page.script === true ? "; script-src 'self'; connect-src 'self'" : "";
  const target = page.formTarget === undefined ? "" : ` ${page.formTarget}`;
  response.setHeader("content-security-policy", `default-src 'none'; style-src ${styleHash}${script}; ` +
    `form-action 'self'${target}; frame-ancestors 'none'; base-uri 'none'`);
  response.setHeader("x-frame-options", "DENY");
  response.setHeader("referrer-policy", "same-origin");
  response.setHeader("cross-origin-opener-policy", "same-origin");
  sendBody(response, status, "text/html; charset=utf-8", pageText(page));
}

function pageText(page: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.title}</title>
<style>${new Html(style)}</style>
${page.script === true && new Html('<script src="/account/passkey.js" defer></script>')}
</head>
<body>
<header><a class="brand" href="/account">Outpost</a>${page.corner}</header>
<main${page.narrow === true && new Html(' class="narrow"')}>
${page.body}
</main>
</body>
</html>
`.text;
}

/** What went wrong or right, read out by screen readers. */
export function note(kind: "bad" | "good", text: string | null): Html | null {
  if (text === null || text === "") return null;
  return html`<p class="note ${kind}" role="${kind === "bad" ? "alert" : "status"}">${text}</p>`;
}

/** A time as people read it, with the exact one for machines; UTC, as the server does not know the reader's zone. */
export function time(ms: number): Html {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC</time>`;
}
