/** The account page: password, second factor, passkeys, app passwords, programs let in, and what happened lately. */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { appPasswordProtocols, showAppPassword } from "#directory/app-passwords.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { seeOther } from "#serve/account/forms.ts";
import { html } from "#net/page-html.ts";
import { note, sendPage, time } from "#serve/account/html.ts";
import type { Html } from "#net/page-html.ts";
import { historySection } from "#serve/account/history.ts";
import { fromOf, whoseOf } from "#serve/account/web.ts";
import type { Web, WebSignedIn } from "#serve/account/web.ts";

/** What a form's work leaves to say. */
interface Told {
  readonly good?: string;
  readonly bad?: string;
  /** Shown above everything else: a secret told once. */
  readonly shown?: Html;
  /** Of the browser's session, where the work began a new one. */
  readonly token?: string;
}

type Work = (request: HttpRequest, person: WebSignedIn, fields: URLSearchParams) => Promise<Told>;

export const protocolNames: Record<(typeof appPasswordProtocols)[number], string> = {
  imap: "IMAP", pop3: "POP3", smtp: "Sending (SMTP)", mapi: "Outlook (MAPI)", ews: "Exchange Web Services",
  eas: "ActiveSync", dav: "Calendars and contacts (DAV)", jmap: "JMAP",
};

/** RFC 9110 §9.3.1, §9.3.3 */
export function accountRoutes(web: Web): HttpRoute[] {
  const told = new ToldOnce();
  const form = (path: string, work: Work): HttpRoute => ({
    path, methods: { POST: (request) => runForm(web, request, work, told) },
  });
  return [
    {
      path: "/account",
      methods: {
        async GET(request) {
          const person = await web.requireSignedIn(request, "/account");
          if (person !== null) await showAccount(web, request, person, told.take(person.token));
        },
      },
    },
    form("/account/password", (request, person, fields) => changePassword(web, request, person, fields)),
    form("/account/app-passwords/add", (request, person, fields) => addAppPassword(web, request, person, fields)),
    form("/account/app-passwords/remove", async ({ ctx }, person, fields) => {
      const { label } = await web.credentials.removeAppPassword(ctx, whoseOf(person), Number(fields.get("id")));
      return { good: `The app password “${label}” was removed; its device is signed out.` };
    }),
    form("/account/passkeys/remove", async ({ ctx }, person, fields) => {
      await web.credentials.removePasskey(ctx, whoseOf(person), fields.get("id") ?? "");
      return { good: "The passkey was removed." };
    }),
    form("/account/programs/remove", async ({ ctx }, person, fields) => {
      const id = fields.get("id") ?? "";
      const theirs = await web.credentials.oauthGrants(ctx, person.account.entry.entryId);
      if (theirs.some((each) => each.id === id)) await web.credentials.removeOauthRows(ctx, { grantId: id });
      return { good: "The program has to ask again from now on." };
    }),
    form("/account/sessions/end-others", async ({ ctx }, person) => {
      const { entryId } = person.account.entry;
      const count = await web.credentials.endOtherWebSessions(ctx, entryId, person.token);
      return { good: count === 1 ? "One other browser was signed out." : `${count} other browsers were signed out.` };
    }),
  ];
}

/**
 * What a form left to say, until the page is looked at next: the browser is sent there by a redirect, so that loading
 * the page again does not do the work again.
 */
class ToldOnce {
  readonly #byToken = new Map<string, Told>();

  put(token: string, told: Told): void {
    this.#byToken.delete(token);
    this.#byToken.set(token, told);
    if (this.#byToken.size <= limits.webToldMax) return;
    const oldest = this.#byToken.keys().next();
    if (!oldest.done) this.#byToken.delete(oldest.value);
  }

  take(token: string): Told {
    const told = this.#byToken.get(token) ?? {};
    this.#byToken.delete(token);
    return told;
  }
}

/** Reads the form, asks for a young sign-in, does the work, and sends the browser to the page that tells of it. */
async function runForm(web: Web, request: HttpRequest, work: Work, toldOnce: ToldOnce): Promise<void> {
  const fields = await web.forms.read(request);
  const person = await web.requireSignedIn(request, "/account", true);
  if (person === null) return;
  let told: Told;
  try {
    told = await work(request, person, fields);
  } catch (error) {
    if (!(error instanceof Fault) || error.code === "cancelled") throw error;
    told = { bad: error.message };
  }
  toldOnce.put(told.token ?? person.token, told);
  seeOther(request, "/account");
}

async function changePassword(
  web: Web, request: HttpRequest, person: WebSignedIn, fields: URLSearchParams,
): Promise<Told> {
  const { address } = person.account.entry;
  const password = fields.get("new") ?? "";
  if (password !== (fields.get("again") ?? "")) return { bad: "The two new passwords differ; nothing was changed." };
  if (password.length < 8) return { bad: "The new password has fewer than eight characters; nothing was changed." };
  const present = { ...fromOf(request), name: address, password: fields.get("old") ?? "" };
  await web.directory.authenticate(request.ctx, present);
  await web.credentials.changePassword(request.ctx, whoseOf(person), password);
  const account = await web.credentials.account(request.ctx, person.account.entry.entryId);
  const good = "Your password was changed. Every other browser and program has to sign in again.";
  return account === null ? { good } : { good, token: await web.start(request, account, "password") };
}

async function addAppPassword(
  web: Web, request: HttpRequest, person: WebSignedIn, fields: URLSearchParams,
): Promise<Told> {
  const label = (fields.get("label") ?? "").trim();
  const protocols = fields.getAll("protocol");
  if (protocols.length === 0) return { bad: "Choose what the app password is for." };
  const { secret } = await web.credentials.addAppPassword(request.ctx, whoseOf(person), label, protocols);
  const shown = html`<section aria-labelledby="new-secret"><h2 id="new-secret">App password for “${label}”</h2>
<p>Type it into the program in place of your password. It is shown only now.</p>
<p class="secret">${showAppPassword(secret)}</p>
<p class="hint">With or without the dashes. Your user name stays ${person.account.entry.address}.</p></section>`;
  return { shown };
}

async function showAccount(
  web: Web, request: HttpRequest, person: WebSignedIn, told: Told,
): Promise<void> {
  const { account } = person;
  const sections = [
    told.shown, secondFactorSection(web, request, person), await appPasswordSection(web, request, person),
    await passkeySection(web, request, person), passwordSection(web, request, person),
    await programsSection(web, request, person), await historySection(web, request, person),
  ];
  const body = html`<h1>${account.entry.displayName}</h1>
${note("good", told.good ?? null)}${note("bad", told.bad ?? null)}
${sections}`;
  sendPage(request, 200, {
    title: "Your account – Outpost", body, corner: web.corner(request, person), script: true,
  });
}

function secondFactorSection(web: Web, request: HttpRequest, { account }: WebSignedIn): Html {
  if (!account.hasSecondFactor) {
    return html`<section><h2>Second factor</h2>
<p>Off. With it, signing in on the web also takes a code from your phone, and programs use app passwords.</p>
<a class="button" href="/account/second-factor">Set it up</a></section>`;
  }
  return html`<section><h2>Second factor</h2>
<p><strong>On.</strong> Programs sign in with app passwords; your own password opens only this page.</p>
<div class="spaced"><form method="post" action="/account/second-factor/codes">${web.forms.field(request)}
<button class="second">New recovery codes</button></form>
<form method="post" action="/account/second-factor/off">${web.forms.field(request)}
<button class="bad">Switch it off</button></form></div></section>`;
}

async function appPasswordSection(web: Web, request: HttpRequest, { account }: WebSignedIn): Promise<Html> {
  const list = await web.credentials.appPasswords(request.ctx, account.entry.entryId);
  const rows = list.map((each) => html`<li><div><strong>${each.label}</strong><br>
<small>${each.protocols.map((one) => protocolNames[one as keyof typeof protocolNames] ?? one).join(", ")} · ${
  each.lastUsedMs === null ? "not used yet" : html`used ${time(each.lastUsedMs)} from ${each.lastClient}`}</small></div>
<form method="post" action="/account/app-passwords/remove">${web.forms.field(request)}
<input type="hidden" name="id" value="${each.id}"><button class="bad" aria-label="Remove ${each.label}">Remove</button>
</form></li>`);
  const offered = appPasswordProtocols.filter((each) => !account.entry.protocolsOff.includes(each));
  const choices = offered.map((each) => html`<label><input type="checkbox" name="protocol" value="${each}"${
    ["imap", "smtp"].includes(each) && html` checked`}>${protocolNames[each]}</label>`);
  return html`<section><h2>App passwords</h2>
<p>One for each program or device that asks for a password. Remove it and only that one is signed out.</p>
${rows.length > 0 && html`<ul class="rows">${rows}</ul>`}
<form method="post" action="/account/app-passwords/add">${web.forms.field(request)}
<label for="label">Program or device</label>
<input id="label" name="label" type="text" required maxlength="100" placeholder="Thunderbird on my laptop">
<fieldset><legend>For</legend><div class="choices">${choices}</div></fieldset>
<button>Make an app password</button></form></section>`;
}

async function passkeySection(web: Web, request: HttpRequest, { account }: WebSignedIn): Promise<Html> {
  const list = await web.credentials.passkeys(request.ctx, account.entry.entryId);
  const rows = list.map((each) => html`<li><div><strong>${each.label}</strong><br>
<small>added ${time(each.createdMs)} · ${
    each.lastUsedMs === null ? "not used yet" : html`used ${time(each.lastUsedMs)}`}</small></div>
<form method="post" action="/account/passkeys/remove">${web.forms.field(request)}
<input type="hidden" name="id" value="${each.credentialId}">
<button class="bad" aria-label="Remove ${each.label}">Remove</button></form></li>`);
  return html`<section><h2>Passkeys</h2>
<p>Sign in here with your device's fingerprint, face or PIN instead of password and code.</p>
${rows.length > 0 && html`<ul class="rows">${rows}</ul>`}
<div id="passkey-add" data-form="${web.forms.token(request)}" hidden>
<label for="passkey-label">Name of the device</label>
<input id="passkey-label" type="text" maxlength="100" placeholder="My phone">
<button type="button">Add a passkey</button><p class="note bad" role="alert" hidden></p></div></section>`;
}

function passwordSection(web: Web, request: HttpRequest, { account }: WebSignedIn): Html {
  return html`<section><h2>Password</h2>
<form method="post" action="/account/password">${web.forms.field(request)}
<input type="text" autocomplete="username" value="${account.entry.address}" readonly hidden>
<label for="old">Present password</label>
<input id="old" name="old" type="password" autocomplete="current-password" required>
<label for="new">New password <small>(eight characters or more)</small></label>
<input id="new" name="new" type="password" autocomplete="new-password" minlength="8" required>
<label for="again">New password once more</label>
<input id="again" name="again" type="password" autocomplete="new-password" minlength="8" required>
<button class="second">Change password</button></form></section>`;
}

async function programsSection(web: Web, request: HttpRequest, { account }: WebSignedIn): Promise<Html | null> {
  const grants = await web.credentials.oauthGrants(request.ctx, account.entry.entryId);
  if (grants.length === 0) return null;
  const rows = grants.map(({ id, payload }) => {
    const { clientId, iat } = JSON.parse(payload) as { clientId?: string; iat?: number };
    return html`<li><div><strong>${clientId ?? "A program"}</strong><br>
<small>let in ${time((iat ?? 0) * 1000)}</small></div>
<form method="post" action="/account/programs/remove">${web.forms.field(request)}
<input type="hidden" name="id" value="${id}"><button class="bad">Remove</button></form></li>`;
  });
  return html`<section><h2>Programs you let in</h2><ul class="rows">${rows}</ul></section>`;
}
