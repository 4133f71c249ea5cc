/** Signing in with a browser: password, then a code where the account has a second factor; or a passkey alone. */
import { Fault } from "#base/fault.ts";
import type { Account } from "#directory/account.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { nextOf, fromOf } from "#serve/account/web.ts";
import type { Web } from "#serve/account/web.ts";
import { seeOther } from "#serve/account/forms.ts";
import { html } from "#net/page-html.ts";
import { note, sendPage } from "#serve/account/html.ts";

/** Time between the password and the code. */
const codeMs = 10 * 60_000;

/** RFC 9110 §9.3.1, §9.3.3 */
export function signInRoutes(web: Web): HttpRoute[] {
  return [
    {
      path: "/account/sign-in",
      methods: {
        async GET(request) {
          const next = nextOf(request.query);
          const isAgain = request.query.get("again") !== null;
          if (!isAgain && await web.signedIn(request) !== null) return seeOther(request, next);
          const text = isAgain ? "Please sign in again to change this." : null;
          askPassword(web, request, 200, { next, text, name: "" });
        },
        POST: (request) => judgeForm(web, request),
      },
    },
    {
      path: "/account/sign-out",
      methods: {
        async POST(request) {
          await web.forms.read(request);
          await web.signOut(request);
          seeOther(request, "/account/sign-in");
        },
      },
    },
  ];
}

async function judgeForm(web: Web, request: HttpRequest): Promise<void> {
  const fields = await web.forms.read(request);
  return fields.has("pending") ? await judgeCode(web, request, fields) : await judgePassword(web, request, fields);
}

async function judgePassword(web: Web, request: HttpRequest, fields: URLSearchParams): Promise<void> {
  const next = nextOf(fields);
  const name = (fields.get("name") ?? "").trim();
  const password = fields.get("password") ?? "";
  try {
    const person = await web.directory.authenticate(request.ctx, { ...fromOf(request), name, password });
    const account = await web.credentials.account(request.ctx, person.entryId);
    if (account === null) throw new Fault("authenticationFailed", "The account is gone.");
    if (account.hasSecondFactor) {
      const pending = sealPending(web, request, account);
      return askCode(web, request, 200, { pending, next, text: null });
    }
    await web.start(request, account, "password");
    seeOther(request, next);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "authenticationFailed") throw error;
    askPassword(web, request, 403, { next, text: error.message, name });
  }
}

interface Pending {
  readonly entryId: number;
  readonly browser: string;
  readonly passwordMs: number;
}

/** Bound to the browser that knew the password, whose form cookie is part of what is sealed, and to that password. */
function sealPending(web: Web, request: HttpRequest, { entry, passwordMs }: Account): string {
  const value: Pending = { entryId: entry.entryId, browser: web.forms.token(request), passwordMs };
  return web.forms.seal("pending sign-in", value, request.ctx.system.nowMs() + codeMs);
}

async function judgeCode(web: Web, request: HttpRequest, fields: URLSearchParams): Promise<void> {
  const { ctx } = request;
  const next = nextOf(fields);
  const pending = fields.get("pending") ?? "";
  const opened = web.forms.unseal("pending sign-in", pending, ctx.system.nowMs()) as Pending | null;
  const isSame = opened !== null && opened.browser === web.forms.token(request);
  const account = isSame ? await web.credentials.account(ctx, opened.entryId) : null;
  const isOver = account?.passwordMs !== opened?.passwordMs;
  if (account === null || isOver || account.entry.disabled || !account.hasSecondFactor) {
    return askPassword(web, request, 403, { next, text: "That took too long; please begin again.", name: "" });
  }
  try {
    const method = await web.judgeCode(request, account, fields.get("code") ?? "");
    if (method === null) {
      return askCode(web, request, 403, { pending, next, text: "That code is wrong or was used already." });
    }
    web.directory.noteSuccess(account.entry.entryId, fromOf(request), method);
    await web.start(request, account, method);
    seeOther(request, next);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "authenticationFailed") throw error;
    askCode(web, request, 403, { pending, next, text: error.message });
  }
}

function askPassword(
  web: Web, request: HttpRequest, status: number,
  { next, text, name }: { next: string; text: string | null; name: string },
): void {
  const body = html`<section><h1>Sign in</h1>
${note("bad", text)}
<form method="post" action="/account/sign-in">${web.forms.field(request)}
<input type="hidden" name="next" value="${next}">
<label for="name">Mail address</label>
<input id="name" name="name" type="text" inputmode="email" autocomplete="username webauthn" autocapitalize="none"
  spellcheck="false" required value="${name}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button class="wide">Sign in</button></form>
<div id="passkey-sign-in" data-form="${web.forms.token(request)}" data-next="${next}" hidden>
<p class="or">or</p><button type="button" class="second wide">Sign in with a passkey</button>
<p class="note bad" role="alert" hidden></p></div></section>`;
  sendPage(request, status, { title: "Sign in – Outpost", body, narrow: true, script: true });
}

function askCode(
  web: Web, request: HttpRequest, status: number,
  { pending, next, text }: { pending: string; next: string; text: string | null },
): void {
  const body = html`<section><h1>Second factor</h1>
${note("bad", text)}
<form method="post" action="/account/sign-in">${web.forms.field(request)}
<input type="hidden" name="next" value="${next}">
<input type="hidden" name="pending" value="${pending}">
<label for="code">Code</label>
<p class="hint" id="code-hint">The six digits your authenticator shows, or one of your recovery codes.</p>
<input id="code" name="code" type="text" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" required
  aria-describedby="code-hint" autofocus>
<button class="wide">Go on</button></form></section>`;
  sendPage(request, status, { title: "Second factor – Outpost", body, narrow: true });
}
