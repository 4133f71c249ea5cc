/** Switching the second factor on and off. RFC 6238 */
import { Fault } from "#base/fault.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { html, Html } from "#net/page-html.ts";
import { note, sendPage } from "#serve/account/html.ts";
import { seeOther } from "#serve/account/forms.ts";
import { whoseOf } from "#serve/account/web.ts";
import type { Web, WebSignedIn } from "#serve/account/web.ts";

const page = "/account/second-factor";
/** 160 bits. RFC 4226 §4 R6 */
const secretBytes = 20;

/** RFC 9110 §9.3.1, §9.3.3 */
export function secondFactorRoutes(web: Web): HttpRoute[] {
  return [
    {
      path: page,
      methods: {
        async GET(request) {
          const person = await web.requireSignedIn(request, page, true);
          if (person === null) return;
          if (person.account.hasSecondFactor) return seeOther(request, "/account");
          const secret = request.ctx.system.randomBytes(secretBytes);
          await web.credentials.beginSecondFactor(request.ctx, whoseOf(person), secret);
          await showSetup(web, request, person, secret, null);
        },
        POST: (request) => withForm(web, request, (person, fields) => confirm(web, request, person, fields)),
      },
    },
    {
      path: `${page}/codes`,
      methods: {
        POST: (request) => withForm(web, request, async (person) => {
          if (!person.account.hasSecondFactor) return seeOther(request, "/account");
          const { codes, hashes } = await newCodes(request, person);
          await web.credentials.renewRecoveryCodes(request.ctx, whoseOf(person), hashes);
          showCodes(web, request, person, codes, "Your new recovery codes");
        }),
      },
    },
    {
      path: `${page}/off`,
      methods: {
        POST: (request) => withForm(web, request, async (person) => {
          await web.credentials.removeSecondFactor(request.ctx, whoseOf(person), false);
          seeOther(request, "/account");
        }),
      },
    },
  ];
}

async function withForm(
  web: Web, request: HttpRequest, body: (person: WebSignedIn, fields: URLSearchParams) => Promise<void>,
): Promise<void> {
  const fields = await web.forms.read(request);
  const person = await web.requireSignedIn(request, page, true);
  if (person !== null) await body(person, fields);
}

async function confirm(web: Web, request: HttpRequest, person: WebSignedIn, fields: URLSearchParams): Promise<void> {
  const { ctx } = request;
  const factor = await web.credentials.secondFactor(ctx, person.account.entry.entryId);
  if (factor === null || factor.confirmedMs !== null) return seeOther(request, "/account");
  const { stepOfCode } = await import("#serve/account/codes.ts");
  const step = stepOfCode(factor.secret, fields.get("code") ?? "", ctx.system.nowMs());
  if (step === null) {
    return showSetup(web, request, person, factor.secret, "That code is wrong. Is the clock of your phone right?");
  }
  const { codes, hashes } = await newCodes(request, person);
  try {
    const code = { secret: factor.secret, step, codeHashes: hashes };
    await web.credentials.confirmSecondFactor(ctx, whoseOf(person), code);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return showSetup(web, request, person, factor.secret, error.message);
  }
  showCodes(web, request, person, codes, "The second factor is on");
}

async function newCodes(
  { ctx }: HttpRequest, { account }: WebSignedIn,
): Promise<{ codes: string[]; hashes: Uint8Array[] }> {
  const { hashRecoveryCode, newRecoveryCodes } = await import("#serve/account/codes.ts");
  const codes = newRecoveryCodes((size) => ctx.system.randomBytes(size));
  return { codes, hashes: codes.map((code) => hashRecoveryCode(account.entry.entryId, code)) };
}

async function showSetup(
  web: Web, request: HttpRequest, person: WebSignedIn, secret: Uint8Array, text: string | null,
): Promise<void> {
  const { setupOf } = await import("#serve/account/codes.ts");
  const { default: qrcode } = await import("qrcode");
  const setup = setupOf(secret, person.account.entry.address);
  const svg = await qrcode.toString(setup.uri, { type: "svg", margin: 2, errorCorrectionLevel: "M" });
  const picture = new Html(svg.replace("<svg ", '<svg role="img" aria-label="The code to scan" '));
  const body = html`<section><h1>Set up the second factor</h1>
${note("bad", text)}
<p>Scan this with an authenticator on your phone:</p>
<div class="qr">${picture}</div>
<p class="hint">Or type the key: <span class="secret">${setup.text}</span></p>
<form method="post" action="${page}">${web.forms.field(request)}
<label for="code">The code it shows</label>
<input id="code" name="code" type="text" inputmode="numeric" autocomplete="one-time-code" required autofocus>
<button class="wide">Switch it on</button></form></section>
<p class="hint">Programs such as Thunderbird or a phone's mail app will need an app password from then on.</p>`;
  sendPage(request, text === null ? 200 : 400, {
    title: "Second factor – Outpost", body, narrow: true, corner: web.corner(request, person),
  });
}

function showCodes(web: Web, request: HttpRequest, person: WebSignedIn, codes: readonly string[], title: string): void {
  const body = html`<section><h1>${title}</h1>
<p>Keep these recovery codes somewhere safe. Each opens your account once when your phone is not at hand. They are shown
only now.</p>
<ul class="codes">${codes.map((code) => html`<li>${code}</li>`)}</ul>
<a class="button" href="/account">I have kept them</a></section>`;
  sendPage(request, 200, {
    title: `${title} – Outpost`, body, narrow: true, corner: web.corner(request, person),
  });
}
