/** What happened with an account lately, for the person to read. RFC 9110 §9.3.1 */
import type { HttpRequest } from "#net/http.ts";
import { html } from "#net/page-html.ts";
import { time } from "#serve/account/html.ts";
import type { Html } from "#net/page-html.ts";
import type { Web, WebSignedIn } from "#serve/account/web.ts";

const shownRows = 25;
const mailboxRows = 50;

/** What delegates and administrators do, as people say it. */
const mailboxActions: Readonly<Record<string, string>> = {
  FolderBind: "Looked", Create: "Made", Update: "Changed", Copy: "Copied", Move: "Moved",
  MoveToDeletedItems: "Moved to Deleted Items", SoftDelete: "Removed", HardDelete: "Removed for good",
  UpdateFolderPermissions: "Changed who has rights", SendAs: "Sent in your name", SendOnBehalf: "Sent on your behalf",
  Recover: "Brought back what was removed", Purge: "Let removed items go for good", Import: "Imported",
  Export: "Exported", SetRetention: "Set how long messages stay",
};

const actions: Readonly<Record<string, string>> = {
  "sign-in-failed": "Sign-in refused", "password-set": "Password set", "app-password-add": "App password made",
  "app-password-remove": "App password removed", "second-factor-on": "Second factor switched on",
  "second-factor-off": "Second factor switched off", "recovery-codes-new": "New recovery codes",
  "recovery-code-used": "Recovery code used", "passkey-add": "Passkey added", "passkey-remove": "Passkey removed",
  "user-add": "Account made", "user-set": "Account changed", "role-grant": "Role given", "role-revoke": "Role taken",
};

const methods: Readonly<Record<string, string>> = {
  password: "password", token: "access token", passkey: "passkey", code: "password and code",
  "recovery-code": "password and recovery code",
};

/** Sign-ins summed up by day and program, and what was changed or refused. RFC 9110 §9.3.1 */
export async function historySection(web: Web, request: HttpRequest, { account }: WebSignedIn): Promise<Html> {
  const { entryId, address } = account.entry;
  // What the last seconds brought belongs on the page too.
  await web.directory.flushSignIns();
  const [signIns, audit] = [
    await web.credentials.signIns(request.ctx, entryId, shownRows),
    await web.credentials.audit(request.ctx, address, shownRows),
  ];
  const labels = new Map(account.appPasswords.map((each) => [`app:${each.id}`, `app password “${each.label}”`]));
  const came = signIns.map((each) => html`<li><div>${each.protocol.toUpperCase()} by ${
    methods[each.method] ?? labels.get(each.method) ?? "an app password since removed"}${
    each.count > 1 && html`, ${each.count} times`}<br>
<small>${time(each.lastMs)} from ${each.client || "several addresses"}${
    each.device !== "" && html` · ${each.device}`}</small></div></li>`);
  const done = audit.map((each) => html`<li><div>${actions[each.action] ?? each.action}${
    each.repeated > 1 && html`, ${each.repeated} times`}<br><small>${time(each.atMs)}${
    each.client !== "" && html` from ${each.client}`}${
    each.detail !== "" && html` · ${each.detail}`}</small></div></li>`);
  const { mailboxId } = account.entry;
  const others = mailboxId === null ? [] : await web.mailboxAudit(request.ctx, mailboxId, mailboxRows);
  const acts = others.map((each) => html`<li><div>${mailboxActions[each.action] ?? each.action}${
    each.folder !== "" && html` in ${each.folder}`}${each.repeated > 1 && html`, ${each.repeated} times`}<br>
<small>${time(each.atMs)} by ${each.logon === "admin" ? `an administrator (${each.actor})` : each.actor}${
    each.detail !== "" && html` · ${each.detail}`}</small></div></li>`);
  return html`<section><h2>Lately</h2>
<form method="post" action="/account/sessions/end-others">${web.forms.field(request)}
<p>Something here you do not know? Change your password, and sign out your other browsers.</p>
<p><button class="second">Sign out other browsers</button></p></form>
<details${signIns.length > 0 && html` open`}><summary>Sign-ins</summary><ul class="rows">${came}</ul></details>
<details><summary>Changes and refusals</summary><ul class="rows">${done}</ul></details>
<details><summary>What others did in your mailbox</summary>${acts.length === 0
    ? html`<p class="hint">Nobody but you did anything in the last 90 days.</p>`
    : html`<ul class="rows">${acts}</ul>`}</details></section>`;
}
