/** Mail that is sent on: what stops it, what is put on it, in whose name it goes; loops of three mailboxes die. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "#base/limits.ts";
import { headerValue } from "#format/mime/headers.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import type { SendDecision } from "#rules/decisions.ts";
import { RuleMessage } from "#rules/message.ts";
import { buildForward } from "#rules/resend/forward.ts";
import { allowSends, whyNoForward } from "#rules/resend/loops.ts";
import { resentFields } from "#rules/resend/redirect.ts";
import { decodeSrs, encodeSrs, forwardSender } from "#rules/resend/sender.ts";

function message(header: readonly string[] = [], body = "Body\r\n", sender = "pat@partner.test"): RuleMessage {
  const text = ["From: Pat <pat@partner.test>", "To: alice@example.test", "Subject: Grüße", "Message-ID: <1@partner.test>", ...header, "", body].join("\r\n");
  return new RuleMessage({ envelope: { sender, recipient: "alice@example.test" }, bytes: Buffer.from(text), receivedMs: 0 });
}
const own = ["alice@example.test"];

const loopRows: readonly (readonly [what: string, header: string[], why: RegExp | null])[] = [
  ["a fresh one", [], null],
  ["passed another mailbox", ["Delivered-To: bob@example.test"], null],
  ["passed here", ["Delivered-To: bob@example.test", "Delivered-To: Alice@Example.test"], /before/],
  ["an Exchange passed it on for us", ["X-MS-Exchange-Inbox-Rules-Loop: alice@example.test"], /before/],
  ["too many hops", Array.from({ length: limits.ruleForwardHopsMax }, (_, index) => `Delivered-To: p${index}@x.test`), /5 times/],
  ["too many servers", Array.from({ length: limits.receivedHeadersMax }, () => "Received: by x"), /too many servers/],
];
for (const [what, header, why] of loopRows) {
  test(`sent on: ${what}`, () => {
    const found = whyNoForward(message(header), own);
    if (why === null) assert.equal(found, null);
    else assert.match(found!, why);
  });
}

const redirect = (...addresses: string[]): SendDecision => ({ kind: "redirect", addresses, by: "r" });

test("each address once, not the owner, not too many; answers pass", () => {
  const many = Array.from({ length: 40 }, (_, index) => `p${index}@x.test`);
  const { sends, dropped } = allowSends([redirect("a@x.test", "A@x.test", "ALICE@example.test", "none"), redirect("a@x.test"), redirect(...many)], message(), own);
  assert.deepEqual(sends.map((send) => ("addresses" in send ? send.addresses.length : 0)), [1, limits.ruleForwardsMax - 1]);
  assert.equal(dropped.length, 2 + 40 - (limits.ruleForwardsMax - 1));
  const reply: SendDecision = { kind: "reply", template: { folderId: null, messageId: null, entryId: null, guid: "" }, isOof: false, ruleId: "1", once: false, flavor: "stock", by: "r" };
  assert.deepEqual(allowSends([redirect("a@x.test"), reply], message(["Delivered-To: alice@example.test"]), own).sends, [reply]);
});

test("what a redirect puts in front (RFC 5322 §3.6.6)", () => {
  const fields = resentFields({ owner: { name: "Alice", address: "alice@example.test" }, to: ["x@y.test"], nowMs: 0, messageId: "m@example.test" });
  assert.equal(fields.toString(), ["Delivered-To: alice@example.test", "Resent-Date: Thu, 1 Jan 1970 00:00:00 +0000",
    "Resent-From: Alice <alice@example.test>", "Resent-To: x@y.test", "Resent-Message-ID: <m@example.test>", ""].join("\r\n"));
});

/** Mailboxes that each redirect to the next ones; counts what arrives until nothing moves. */
function simulate(forwards: Readonly<Record<string, readonly string[]>>, first: string): Map<string, number> {
  const arrived = new Map<string, number>();
  const waiting = [{ to: first, bytes: Buffer.from("From: <pat@partner.test>\r\nSubject: x\r\n\r\nBody\r\n") }];
  for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
    arrived.set(one.to, (arrived.get(one.to) ?? 0) + 1);
    assert.ok([...arrived.values()].reduce((sum, count) => sum + count, 0) < 500, "it never ends");
    const here = new RuleMessage({ envelope: { sender: "pat@partner.test", recipient: one.to }, bytes: one.bytes, receivedMs: 0 });
    for (const send of allowSends([redirect(...forwards[one.to] ?? [])], here, [one.to]).sends) {
      if (!("addresses" in send)) continue;
      const fields = resentFields({ owner: { name: "", address: one.to }, to: send.addresses, nowMs: 0, messageId: "x@y" });
      for (const to of send.addresses) waiting.push({ to, bytes: Buffer.concat([fields, one.bytes]) });
    }
  }
  return arrived;
}

test("three mailboxes in a circle come to rest, each with the message", () => {
  const arrived = simulate({ "a@x.test": ["b@x.test"], "b@x.test": ["c@x.test"], "c@x.test": ["a@x.test"] }, "a@x.test");
  assert.deepEqual([...arrived], [["a@x.test", 2], ["b@x.test", 1], ["c@x.test", 1]]);
});

test("everybody to everybody comes to rest", () => {
  const names = ["a@x.test", "b@x.test", "c@x.test"];
  const arrived = simulate(Object.fromEntries(names.map((name) => [name, names])), "a@x.test");
  assert.ok([...arrived.values()].every((count) => count >= 1 && count <= 10), JSON.stringify([...arrived]));
});

test("a long chain ends", () => {
  const arrived = simulate(Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`p${index}@x.test`, [`p${index + 1}@x.test`]])), "p0@x.test");
  assert.equal(arrived.size, limits.ruleForwardHopsMax + 1);
});

const keys = { secrets: [Buffer.from("new secret"), Buffer.from("old secret")], domain: "example.test" };
const nowMs = Date.UTC(2026, 10, 22);
const day = 86_400_000;

test("in whose name (RFC 7208)", () => {
  const base = { original: "pat@partner.test", owner: "alice@example.test", isTargetLocal: false, isOriginalLocal: false, srs: null, nowMs };
  assert.equal(forwardSender(base), "alice@example.test");
  assert.equal(forwardSender({ ...base, original: "" }), "", "a report causes none");
  assert.equal(forwardSender({ ...base, isTargetLocal: true }), "pat@partner.test");
  assert.equal(forwardSender({ ...base, isOriginalLocal: true }), "pat@partner.test");
  assert.match(forwardSender({ ...base, srs: keys }), /^SRS0=[a-z0-9]{8}=[A-Z2-7]{2}=partner\.test=pat@example\.test$/);
});

test("rewritten senders lead back, for three weeks, with our signature alone", () => {
  const rewritten = encodeSrs("Pat.x=y@partner.test", keys, nowMs);
  assert.equal(decodeSrs(rewritten, keys, nowMs), "Pat.x=y@partner.test");
  assert.equal(decodeSrs(rewritten.toLowerCase(), keys, nowMs)?.toLowerCase(), "pat.x=y@partner.test", "capitals are lost on the way");
  assert.equal(decodeSrs(rewritten, keys, nowMs + 21 * day), "Pat.x=y@partner.test");
  assert.equal(decodeSrs(rewritten, keys, nowMs + 22 * day), null);
  assert.equal(decodeSrs(rewritten.replace("partner", "evil"), keys, nowMs), null);
  assert.equal(decodeSrs(encodeSrs("a@b.test", { ...keys, secrets: [keys.secrets[1]!] }, nowMs), keys, nowMs), "a@b.test", "an older secret is believed");
  for (const bad of ["a@b.test", "SRS0=@x", "SRS0=a=b@x", "SRS1=aaaaaaaa=x@y", "SRS0=aaaaaaaa=AA=b=c@example.test", ""]) assert.equal(decodeSrs(bad, keys, nowMs), null, bad);
});

test("an address that another server rewrote is wrapped once", () => {
  const first = "SRS0=abcd=AA=origin.test=pat@first.test";
  const second = encodeSrs(first, keys, nowMs);
  assert.match(second, /^SRS1=[a-z0-9]{8}=first\.test==abcd=AA=origin\.test=pat@example\.test$/);
  assert.equal(decodeSrs(second, keys, nowMs), first.replace("SRS0=", "SRS0="));
  const third = encodeSrs(second.replace("example.test", "second.test"), keys, nowMs);
  assert.match(third, /^SRS1=[a-z0-9]{8}=first\.test==abcd=/);
});

const request = { owner: { name: "Alice", address: "alice@example.test" }, to: ["bob@example.test"], nowMs, messageId: "m@example.test" };

test("a forward as an attachment keeps the message byte by byte", () => {
  const one = message(["Delivered-To: carol@example.test"]);
  const bytes = buildForward(one, { ...request, form: "attachment" });
  assert.ok(bytes.includes(one.bytes));
  const made = new RuleMessage({ envelope: one.envelope, bytes, receivedMs: 0 });
  assert.deepEqual(made.named("delivered-to"), ["alice@example.test", "carol@example.test"], "hops are counted on");
  assert.equal(headerValue(bytes, "auto-submitted"), "auto-generated");
  assert.equal(indexMessage(bytes).index.root.kind, "multipart");
});

test("a forward inline keeps attachments and neither receipts nor other people's answers", () => {
  const one = message(["Disposition-Notification-To: pat@partner.test", "Reply-To: spy@x.test", "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b"],
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDas Übliche\r\n--b\r\nContent-Type: image/png; name=a.png\r\nContent-Disposition: attachment; filename=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b--\r\n");
  const bytes = buildForward(one, { ...request, form: "inline" });
  const made = new RuleMessage({ envelope: one.envelope, bytes, receivedMs: 0 });
  assert.equal(made.people("from")[0]?.address, "alice@example.test");
  assert.deepEqual(made.people("to").map(({ address }) => address), ["bob@example.test"]);
  assert.equal(made.first("reply-to"), null);
  assert.equal(made.first("disposition-notification-to"), null);
  assert.equal(made.first("message-id"), "<m@example.test>");
  assert.equal(made.index.hasAttachments, true);
  const [text] = [...made.leaves()].filter(({ type }) => type === "text");
  assert.match(made.textOf(text!), /From: Pat <pat@partner\.test>\r\n[^]*Das Übliche/);
});

test("signed mail goes as an attachment whatever was asked for", () => {
  const one = message(["MIME-Version: 1.0", 'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b'],
    "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nx\r\n--b--\r\n");
  assert.ok(buildForward(one, { ...request, form: "inline" }).includes(one.bytes));
});
