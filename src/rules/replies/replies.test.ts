/**
 * Automatic replies: every header rule of RFC 3834 and its kin as a table, the owner's settings, the reply as bytes,
 * and the memory of who was answered.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { headerValue } from "#format/mime/headers.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { limits } from "#base/limits.ts";
import { RuleMessage } from "#rules/message.ts";
import { settingsDefault } from "#rules/own/settings.ts";
import type { ReplySettings } from "#rules/own/settings.ts";
import { decideReply, isAway, whyNoReply } from "#rules/replies/decide.ts";
import type { ReplyState } from "#rules/replies/decide.ts";
import { memoryKey, RuleMemory } from "#rules/replies/memory.ts";
import { buildReply } from "#rules/replies/message.ts";

function message(header: readonly string[] = [], { sender = "pat@partner.test", from = "Pat <pat@partner.test>", to = "Alice <alice@example.test>" } = {}): RuleMessage {
  const text = [`From: ${from}`, `To: ${to}`, "Subject: Question", "Message-ID: <1@partner.test>", ...header, "", "Body", ""].join("\r\n");
  return new RuleMessage({ envelope: { sender, recipient: "alice@example.test" }, bytes: Buffer.from(text), receivedMs: 0 });
}
const own = ["alice@example.test", "a.smith@example.test"];

/** null is answered. */
const rows: readonly (readonly [what: string, message: RuleMessage, why: string | null])[] = [
  ["a person's mail", message(), null],
  ["to an alias", message([], { to: "A.Smith@example.test" }), null],
  ["in Cc", message(["Cc: alice@example.test"], { to: "x@y.test" }), null],
  ["in Bcc", message(["Bcc: alice@example.test"], { to: "x@y.test" }), null],
  ["resent to", message(["Resent-To: alice@example.test"], { to: "x@y.test" }), null],
  ["Auto-Submitted: no", message(["Auto-Submitted: no"]), null],
  ["Auto-Submitted: no (comment)", message(["Auto-Submitted: no (person)"]), null],
  ["Precedence: first-class", message(["Precedence: first-class"]), null],
  ["Auto-Response-Suppress of reports only", message(["X-Auto-Response-Suppress: DR, NDR, RN"]), null],
  ["a local part that only begins alike", message([], { sender: "norepl@partner.test" }), null],
  ["a person called Owner", message([], { sender: "jane.owner@partner.test" }), null],
  ["null sender", message([], { sender: "" }), "it has the null sender"],
  ["a sender that is none", message([], { sender: "nobody" }), "it has the null sender"],
  ...["MAILER-DAEMON", "postmaster", "owner-list", "list-request", "list-owner", "list-bounces", "list-bounces+alice=example.test",
    "bounce-123", "bounces+1-2", "bounce", "LISTSERV", "majordomo", "noreply", "no-reply", "No_Reply", "donotreply", "do-not-reply",
    "noreply-comments", "SRS0=abc=AA=x.test=y", "prvs=123=x", "list-confirm+1", "mailman-bounces"]
    .map((local) => [`from ${local}`, message([], { sender: `${local}@partner.test` }), "its sender is no person"] as const),
  ["Auto-Submitted: auto-generated", message(["Auto-Submitted: auto-generated"]), "it was sent automatically"],
  ["Auto-Submitted: auto-replied", message(["Auto-Submitted: auto-replied; owner-email=\"x\""]), "it was sent automatically"],
  ["Auto-Submitted: auto-notified", message(["Auto-Submitted: auto-notified"]), "it was sent automatically"],
  ["Auto-Submitted in the future", message(["auto-submitted: SOMETHING-new"]), "it was sent automatically"],
  ["Precedence: bulk", message(["Precedence: bulk"]), "it is bulk mail"],
  ["Precedence: list", message(["Precedence: List"]), "it is bulk mail"],
  ["Precedence: junk", message(["Precedence: junk"]), "it is bulk mail"],
  ...["List-Id", "List-Help", "List-Subscribe", "List-Unsubscribe", "List-Post", "List-Owner", "List-Archive", "Mailing-List", "X-Mailing-List",
    "X-Autoreply", "X-Autorespond", "Feedback-ID", "X-Auto-Reply-From"]
    .map((name) => [name, message([`${name}: <x>`]), "it comes from a list or a program"] as const),
  ["suppressed: All", message(["X-Auto-Response-Suppress: All"]), "its sender asked for no answer"],
  ["suppressed: OOF", message(["X-Auto-Response-Suppress: DR, OOF, AutoReply"]), "its sender asked for no answer"],
  ["an Exchange rule's forward", message(["X-MS-Exchange-Inbox-Rules-Loop: x@y.test"]), "it was forwarded by a rule"],
  ["a delivery report", message(["Content-Type: multipart/report; report-type=delivery-status; boundary=b"]), "it is a report"],
  ["spam", message(["X-Spam-Flag: YES"]), "it is marked as spam"],
  ["from oneself", message([], { sender: "alice@example.test" }), "it is the owner's own"],
  ["from one's alias", message([], { sender: "A.SMITH@example.test" }), "it is the owner's own"],
  ["one's own in From", message([], { from: "alice@example.test" }), "it is the owner's own"],
  ["that was here before", message(["Delivered-To: alice@example.test"]), "it went round in a circle"],
  ["to a group", message([], { to: "team@example.test" }), "it is not written to the owner"],
  ["to nobody", message([], { to: "undisclosed-recipients:;" }), "it is not written to the owner"],
];
for (const [what, one, why] of rows) {
  test(`${why === null ? "answered" : "not answered"}: ${what}`, () => assert.equal(whyNoReply(one, own), why));
}

const on: ReplySettings = {
  ...settingsDefault.replies, state: "on", inside: { text: "inside", isHtml: false }, outside: { text: "outside", isHtml: false },
};
const state: ReplyState = { nowMs: 50, ownAddresses: own, isInside: false, isKnown: false, wasAnswered: false };

const settingRows: readonly (readonly [what: string, settings: Partial<ReplySettings>, state: Partial<ReplyState>, expected: string])[] = [
  ["on", {}, {}, "answer"],
  ["off", { state: "off" }, {}, "the owner is not away"],
  ["scheduled, within", { state: "scheduled", startMs: 10, endMs: 60 }, {}, "answer"],
  ["scheduled, at its start", { state: "scheduled", startMs: 50, endMs: 60 }, {}, "answer"],
  ["scheduled, at its end", { state: "scheduled", startMs: 10, endMs: 50 }, {}, "the owner is not away"],
  ["scheduled, before", { state: "scheduled", startMs: 51, endMs: 60 }, {}, "the owner is not away"],
  ["scheduled without an end", { state: "scheduled", startMs: 10 }, {}, "answer"],
  ["nobody outside", { audience: "none" }, {}, "nobody outside is answered"],
  ["nobody outside, somebody inside", { audience: "none" }, { isInside: true }, "answer"],
  ["known only, a stranger", { audience: "known" }, {}, "the sender is not known"],
  ["known only, a known one", { audience: "known" }, { isKnown: true }, "answer"],
  ["no text for outside", { outside: { text: " \n", isHtml: false } }, {}, "there is no text"],
  ["answered before", {}, { wasAnswered: true }, "the sender was answered already"],
];
for (const [what, settings, more, expected] of settingRows) {
  test(`settings: ${what}`, () => {
    const decision = decideReply(message(), { ...on, ...settings }, { ...state, ...more });
    assert.equal(decision.kind === "answer" ? "answer" : decision.why, expected);
  });
}
test("being away is a question of time", () => {
  assert.equal(isAway({ ...on, state: "scheduled", startMs: null, endMs: 5 }, 4), true);
  assert.equal(isAway({ ...on, state: "scheduled", startMs: null, endMs: 5 }, 5), false);
});

const request = {
  owner: { name: "Alice Smith", address: "alice@example.test" }, to: "pat@partner.test", body: { text: "Gone\nfishing", isHtml: false },
  subject: null, nowMs: Date.UTC(2026, 10, 22), messageId: "x1@example.test",
};

test("the reply as RFC 3834 §3 wants it", () => {
  const bytes = buildReply(message(["References: <0@partner.test> <00@partner.test>"]), request);
  const get = (name: string): string | null => headerValue(bytes, name);
  assert.deepEqual(["from", "to", "subject", "message-id", "in-reply-to", "references", "auto-submitted", "x-auto-response-suppress", "date"].map(get), [
    "Alice Smith <alice@example.test>", "pat@partner.test", "Automatic reply: Question", "<x1@example.test>", "<1@partner.test>",
    "<0@partner.test> <00@partner.test> <1@partner.test>", "auto-replied", "All", "Sun, 22 Nov 2026 00:00:00 +0000",
  ]);
  assert.match(bytes.toString(), /Gone\r\nfishing/);
  // Nobody answers the answer.
  assert.equal(whyNoReply(new RuleMessage({ envelope: { sender: "alice@example.test", recipient: "pat@partner.test" }, bytes, receivedMs: 0 }), ["pat@partner.test"]), "it was sent automatically");
});

test("HTML comes with a plain text, and in UTF-8", () => {
  const bytes = buildReply(message(), { ...request, body: { text: "<p>Grüße</p>", isHtml: true }, subject: "Fort – bis Montag" });
  const { index } = indexMessage(bytes);
  assert.equal(index.root.subtype, "alternative");
  assert.match(headerValue(bytes, "subject")!, /=\?utf-8\?/i);
  assert.equal(index.eightBit, false);
});

test("a script's own MIME body sets content fields alone (RFC 5230 §4.3)", () => {
  const body = { text: "Content-Type: text/html\r\nTo: evil@x.test\r\nBcc: evil@x.test\r\nContent-Language: de\r\n\r\n<p>x</p>", isHtml: false };
  const bytes = buildReply(message(), { ...request, body, isMime: true });
  assert.equal(headerValue(bytes, "content-type"), "text/html");
  assert.equal(headerValue(bytes, "bcc"), null);
  assert.doesNotMatch(bytes.toString(), /evil/);
  assert.match(bytes.toString(), /\r\n\r\n<p>x<\/p>/);
});

test("nothing of the message gets out of its field", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 100 }), fc.string({ unit: "binary", maxLength: 60 }), (subject, id) => {
    const one = new RuleMessage({
      envelope: { sender: "pat@partner.test", recipient: "a@b.test" }, receivedMs: 0,
      bytes: Buffer.from(`Subject: ${subject.replaceAll(/[\r\n]/g, "")}\r\nMessage-ID: <${id.replaceAll(/[\r\n]/g, "")}>\r\n\r\nx`),
    });
    const bytes = buildReply(one, { ...request, subject: subject });
    const names = bytes.toString("latin1").split("\r\n\r\n")[0]!.split("\r\n").filter((line) => !/^[ \t]/.test(line)).map((line) => line.split(":")[0]!.toLowerCase());
    for (const name of names) assert.ok(["date", "from", "to", "subject", "message-id", "in-reply-to", "references", "auto-submitted", "x-auto-response-suppress", "mime-version", "content-type", "content-transfer-encoding"].includes(name), name);
  }));
});

test("the memory knows others, forgets in time, and stays small", () => {
  const memory = RuleMemory.read("not json", 0);
  const key = memoryKey("oof", "a");
  memory.add(key, 100, "d1");
  assert.equal(memory.has(key, "d1"), false, "the same delivery sends again what it had decided");
  assert.equal(memory.has(key, "d2"), true);
  const again = RuleMemory.read(memory.toText(), 99);
  assert.equal(again.has(key, "d2"), true);
  assert.equal(again.isChanged, false);
  assert.equal(RuleMemory.read(memory.toText(), 100).has(key, "d2"), false);
  for (let index = 0; index < limits.repliesRememberedMax + 10; index++) again.add(`k${index}`, 1000, "d");
  assert.equal(again.has("k0", "x"), false);
  assert.equal(again.has(`k${limits.repliesRememberedMax + 9}`, "x"), true);
  fc.assert(fc.property(fc.json(), (text) => { RuleMemory.read(text, 0).toText(); }));
});
