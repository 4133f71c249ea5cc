/** The server's own rules: junk by what filters wrote and by lists, plain rules, forwarding, sub-addresses, settings. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decideDelivery } from "#rules/decide.ts";
import type { MailboxPlan } from "#rules/decide.ts";
import { RuleMessage } from "#rules/message.ts";
import { detailOf } from "#rules/own/decide.ts";
import { judgeJunk } from "#rules/own/junk.ts";
import { readSettings, settingsDefault, writeSettings } from "#rules/own/settings.ts";
import type { JunkSettings, PlainRule, RuleSettings } from "#rules/own/settings.ts";
import { compileSieve } from "#rules/sieve/check.ts";

function message(header: string[], sender = "pat@partner.test", recipient = "alice+lists@example.test"): RuleMessage {
  const text = ["From: Pat <pat@partner.test>", "To: alice@example.test", ...header, "", "Body", ""].join("\r\n");
  return new RuleMessage({ envelope: { sender, recipient }, bytes: Buffer.from(text), receivedMs: 0 });
}

const junkOf = (header: string[], more: Partial<JunkSettings> = {}, sender?: string): string => {
  const { isJunk, isSafe, by } = judgeJunk(message(header, sender), { ...settingsDefault.junk, ...more });
  return `${isJunk ? "junk" : "mail"}${isSafe ? " safe" : ""}${by === "" ? "" : ` by ${by}`}`;
};

const junkRows: readonly (readonly [what: string, header: string[], more: Partial<JunkSettings>, expected: string])[] = [
  ["nothing", [], {}, "mail"],
  ["SpamAssassin's flag", ["X-Spam-Flag: YES"], {}, "junk by x-spam-flag"],
  ["SpamAssassin's flag, no", ["X-Spam-Flag: NO"], {}, "mail"],
  ["SpamAssassin's status", ["X-Spam-Status: Yes, score=7.1 required=5.0 tests=A,B autolearn=no"], {}, "junk by x-spam-status"],
  ["SpamAssassin's status, no", ["X-Spam-Status: No, score=4.9 required=5.0"], {}, "mail"],
  ["status against the owner's score", ["X-Spam-Status: No, score=4.9 required=5.0"], { scoreMin: 4 }, "junk by x-spam-status"],
  ["status under the owner's score", ["X-Spam-Status: Yes, score=5.1 required=5.0"], { scoreMin: 8 }, "mail"],
  ["old hits", ["X-Spam-Status: No, hits=3.0 required=5.0"], { scoreMin: 3 }, "junk by x-spam-status"],
  ["a score alone says nothing", ["X-Spam-Score: 99"], {}, "mail"],
  ["a score with a threshold", ["X-Spam-Score: 6.5"], { scoreMin: 6.5 }, "junk by x-spam-score"],
  ["rspamd's X-Spam", ["X-Spam: Yes"], {}, "junk by x-spam"],
  ["rspamd's action", ["X-Rspamd-Action: add header"], {}, "junk by x-rspamd-action"],
  ["rspamd's action, none", ["X-Rspamd-Action: no action"], {}, "mail"],
  ["rspamd's result", ["X-Spamd-Result: default: True [15.20 / 15.00];\r\n\tBAYES_SPAM(5.00)[99%]"], {}, "junk by x-spamd-result"],
  ["rspamd's result, no", ["X-Spamd-Result: default: False [3.20 / 15.00]"], {}, "mail"],
  ["rspamd's result and a threshold", ["X-Spamd-Result: default: False [3.20 / 15.00]"], { scoreMin: 3 }, "junk by x-spamd-result"],
  ["rspamd's score", ["X-Rspamd-Score: 12"], { scoreMin: 10 }, "junk by x-rspamd-score"],
  ["SCL", ["X-MS-Exchange-Organization-SCL: 6"], {}, "junk by x-ms-exchange-organization-scl"],
  ["SCL below", ["X-MS-Exchange-Organization-SCL: 4"], {}, "mail"],
  ["SCL safe", ["X-MS-Exchange-Organization-SCL: -1"], {}, "mail safe"],
  ["the first field counts", ["X-Spam-Flag: NO", "X-Spam-Flag: YES"], {}, "mail"],
  ["switched off", ["X-Spam-Flag: YES"], { isOn: false }, "mail"],
  ["blocked address", [], { blocked: ["PAT@partner.test"] }, "junk by blocked senders"],
  ["blocked domain", [], { blocked: ["partner.test"] }, "junk by blocked senders"],
  ["blocked domain with @", [], { blocked: ["@partner.test"] }, "junk by blocked senders"],
  ["blocked upper domain", [], { blocked: ["test"] }, "junk by blocked senders"],
  ["a part of a domain is no domain", [], { blocked: ["ner.test"] }, "mail"],
  ["blocked although switched off", [], { isOn: false, blocked: ["partner.test"] }, "junk by blocked senders"],
  ["safe beats the filter", ["X-Spam-Flag: YES"], { safe: ["partner.test"] }, "mail safe by safe senders"],
  ["safe address beats blocked domain", [], { blocked: ["partner.test"], safe: ["pat@partner.test"] }, "mail safe by safe senders"],
  ["blocked address beats safe domain", [], { blocked: ["pat@partner.test"], safe: ["partner.test"] }, "junk by blocked senders"],
];
for (const [what, header, more, expected] of junkRows) {
  test(`junk: ${what}`, () => assert.equal(junkOf(header, more), expected));
}
test("junk: the envelope counts too", () => assert.equal(junkOf([], { blocked: ["bad.test"] }, "x@bad.test"), "junk by blocked senders"));

function plan(settings: Partial<RuleSettings>, one = message(["Subject: Weekly report", "X-Team: blue"])): MailboxPlan {
  const sieve = settings.sieve === undefined || settings.sieve === null ? null : compileSieve(settings.sieve);
  return decideDelivery(one, { settings: { ...settingsDefault, ...settings }, rules: [], sieve },
    { nowMs: 0, ownAddresses: ["alice@example.test"] });
}
const shown = ({ placements, sends, dropped }: MailboxPlan): string[] => [
  ...placements.map(({ folder, flags }) => [folder.kind === "role" ? folder.role : folder.kind === "path" ? folder.path : "?", ...flags].join(" ")),
  ...sends.map((send) => ("addresses" in send ? `${send.kind} ${send.addresses.join(" ")}` : send.kind)),
  ...dropped.map(({ why }) => `dropped: ${why}`),
];

const base: PlainRule = { name: "r", isOn: true };
const ruleRows: readonly (readonly [what: string, rules: readonly Partial<PlainRule>[], expected: string[]])[] = [
  ["from", [{ from: ["PARTNER"], moveTo: "A" }], ["A"]],
  ["from a name", [{ from: ["pat <"], moveTo: "A" }], ["A"]],
  ["from another", [{ from: ["zoe"], moveTo: "A" }], ["inbox"]],
  ["to", [{ to: ["alice@"], moveTo: "A" }], ["A"]],
  ["subject, one of two", [{ subject: ["zzz", "weekly"], moveTo: "A" }], ["A"]],
  ["header", [{ header: { name: "x-TEAM", contains: ["Blue"] }, moveTo: "A" }], ["A"]],
  ["all conditions", [{ from: ["pat"], subject: ["zzz"], moveTo: "A" }], ["inbox"]],
  ["larger", [{ sizeOverBytes: 10, moveTo: "A" }], ["A"]],
  ["not larger", [{ sizeOverBytes: 10_000, moveTo: "A" }], ["inbox"]],
  ["attachments", [{ hasAttachments: true, moveTo: "A" }], ["inbox"]],
  ["no attachments", [{ hasAttachments: false, moveTo: "A" }], ["A"]],
  ["switched off", [{ isOn: false, moveTo: "A" }], ["inbox"]],
  ["copy and mark", [{ copyTo: "A", marksRead: true, flags: ["x"] }], ["inbox \\Seen x", "A \\Seen x"]],
  ["stop", [{ moveTo: "A", stops: true }, { moveTo: "B" }], ["A"]],
  ["delete ends", [{ deletes: true }, { moveTo: "B" }], []],
  ["redirect", [{ redirectTo: ["x@y.test"] }], ["inbox", "redirect x@y.test"]],
  ["redirect and delete", [{ redirectTo: ["x@y.test"], deletes: true }], ["redirect x@y.test"]],
  ["redirect to oneself and delete keeps it", [{ redirectTo: ["ALICE@example.test"], deletes: true }], ["inbox", "dropped: ALICE@example.test is the owner's own"]],
  ["forward", [{ forwardTo: ["x@y.test"] }], ["inbox", "forward x@y.test"]],
];
for (const [what, rules, expected] of ruleRows) {
  test(`rule: ${what}`, () => assert.deepEqual(shown(plan({ rules: rules.map((rule) => ({ ...base, ...rule })) })), expected));
}

test("forwarding, with and without a copy", () => {
  assert.deepEqual(shown(plan({ forward: { addresses: ["x@y.test"], keepsCopy: true } })), ["inbox", "redirect x@y.test"]);
  assert.deepEqual(shown(plan({ forward: { addresses: ["x@y.test"], keepsCopy: false } })), ["redirect x@y.test"]);
  assert.deepEqual(shown(plan({ forward: { addresses: ["x@y.test"], keepsCopy: false }, sieve: 'require "reject"; reject "no";' })), [], "a refused one goes nowhere");
});

test("a sub-address names a folder, after everything that chose one", () => {
  assert.deepEqual(shown(plan({ filesByDetail: true })), ["lists"]);
  assert.deepEqual(shown(plan({ filesByDetail: true, rules: [{ ...base, moveTo: "A" }] })), ["A"]);
  assert.equal(detailOf("a@b.test"), "");
  assert.equal(detailOf("a+b+c@d.test"), "b+c");
});

test("the script and the rules both have their say", () => {
  assert.deepEqual(shown(plan({ rules: [{ ...base, copyTo: "A" }], sieve: 'require "fileinto"; fileinto "B";' })), ["A", "B"]);
  const broken = plan({ sieve: 'require "vacation"; vacation "a"; vacation "b";' });
  assert.deepEqual([shown(broken), broken.setAside.length], [["inbox"], 1]);
});

test("settings come back as they were", () => {
  const settings: RuleSettings = {
    junk: { isOn: false, scoreMin: 4.5, blocked: ["a.test"], safe: ["b@c.test"] },
    forward: { addresses: ["x@y.test"], keepsCopy: false }, filesByDetail: true, sieve: "keep;",
    rules: [{ ...base, from: ["a"], header: { name: "h", contains: ["c"] }, sizeOverBytes: 5, hasAttachments: false, moveTo: "A", stops: true }],
    replies: { state: "scheduled", startMs: 1, endMs: 2, audience: "known", inside: { text: "i", isHtml: true }, outside: { text: "o", isHtml: false } },
  };
  assert.deepEqual(readSettings(writeSettings(settings)), { settings, troubles: [] });
  assert.deepEqual(readSettings("{}"), { settings: settingsDefault, troubles: [] });
});

test("settings that are wrong are left out, and a rule as a whole", () => {
  const { settings, troubles } = readSettings(JSON.stringify({
    junk: { isOn: "yes", blocked: [5] }, forward: { addresses: ["x@y.test\r\nBcc: z@y.test"] }, sieve: 7,
    rules: [{ name: "a", subject: 5, deletes: true }, { name: "b", moveTo: "B" }, "c"], replies: { state: "maybe" },
  }));
  assert.equal(settings.forward, null);
  assert.deepEqual(settings.rules.map(({ name }) => name), ["b"]);
  assert.ok(troubles.length >= 6);
  assert.equal(readSettings("{").troubles.length, 1);
});

test("any JSON makes settings that make a plan", () => {
  fc.assert(fc.property(fc.json({ maxDepth: 4 }), fc.record({ rules: fc.array(fc.dictionary(fc.constantFrom("name", "from", "moveTo", "header", "redirectTo", "deletes"), fc.jsonValue())) }), (text, raw) => {
    for (const one of [text, JSON.stringify(raw)]) {
      const { settings } = readSettings(one);
      plan({ ...settings, sieve: null });
    }
  }));
});
