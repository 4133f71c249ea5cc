// Proves: tips follow from the facts by a table: away inside and outside, full, groups with nested and outside members
// told once each, closed and moderated ones, texts by language, addresses of nobody.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EntryId, MailboxId } from "#base/ids.ts";
import type { Resolution } from "#directory/api.ts";
import { settingsDefault } from "#rules/own/settings.ts";
import type { ReplySettings } from "#rules/own/settings.ts";
import { tipsOf } from "#transport/mail-tips.ts";
import type { MailTips, TipFacts } from "#transport/mail-tips.ts";

const box = (id: number): Resolution =>
  ({ kind: "mailbox", mailboxId: id as MailboxId, entryId: id as EntryId, address: `u${id}@example.test` });
const remote = (name: string): Resolution => ({ kind: "remote", address: `${name}@partner.test` });
const group = (...members: Resolution[]): Resolution =>
  ({ kind: "group", entryId: 99 as EntryId, address: "all@example.test", members });
const text = (words: string) => ({ text: words, isHtml: false });
const away = (more: Partial<ReplySettings> = {}): ReplySettings =>
  ({ ...settingsDefault.replies, state: "on", inside: text("in"), outside: text("out"), ...more });
const many = Array.from({ length: 26 }, (_, index) => box(index + 1));

const plain: TipFacts = {
  recipient: "u1@example.test", displayName: "One", resolution: box(1), isInside: true, language: "en", replies: null,
  isFull: false, customTips: [], restriction: null, isModerated: false, nowMs: 1_000_000,
};
const none: Partial<MailTips> = {
  isInvalid: false, outOfOffice: null, isMailboxFull: false, customTip: null, totalMemberCount: 1,
  externalMemberCount: 0, isLargeAudience: false, restriction: null, isModerated: false,
};
const oof = (words: string, startMs: number | null = null, endMs: number | null = null) =>
  ({ text: words, isHtml: false, startMs, endMs });

const rows: readonly [name: string, facts: Partial<TipFacts>, tips: Partial<MailTips>][] = [
  ["nothing to tell", {}, {}],
  ["away, told inside", { replies: away() }, { outOfOffice: oof("in") }],
  ["away, told outside", { replies: away(), isInside: false }, { outOfOffice: oof("out") }],
  ["away, nobody outside hears", { replies: away({ audience: "none" }), isInside: false }, {}],
  ["away, only who is known outside hears", { replies: away({ audience: "known" }), isInside: false }, {}],
  ["away without words", { replies: away({ inside: text(" ") }) }, {}],
  ["not away", { replies: settingsDefault.replies }, {}],
  ["away later", { replies: away({ state: "scheduled", startMs: 2_000_000, endMs: 3_000_000 }) }, {}],
  ["away now by schedule", { replies: away({ state: "scheduled", startMs: 1, endMs: 3_000_000 }) },
    { outOfOffice: oof("in", 1, 3_000_000) }],
  ["full", { isFull: true }, { isMailboxFull: true }],
  ["nobody", { resolution: { kind: "unknown", address: "x@example.test" } }, { isInvalid: true, totalMemberCount: 0 }],
  ["disabled", { resolution: { kind: "disabled", address: "x@example.test" } }, { isInvalid: true, totalMemberCount: 0 }],
  ["outside", { resolution: remote("a") }, { externalMemberCount: 1 }],
  ["a group, each once", { resolution: group(box(1), group(box(2), box(1), remote("a")), remote("A")) },
    { totalMemberCount: 3, externalMemberCount: 1 }],
  ["a group, asked from outside", { resolution: group(box(1), remote("a")), isInside: false },
    { totalMemberCount: 2, externalMemberCount: 0 }],
  ["25 are not many", { resolution: group(...many.slice(0, 25)) }, { totalMemberCount: 25 }],
  ["26 are", { resolution: group(...many) }, { totalMemberCount: 26, isLargeAudience: true }],
  ["an empty group", { resolution: group() }, { totalMemberCount: 0 }],
  ["closed", { resolution: group(box(1)), restriction: "takes mail from its members alone" },
    { restriction: "takes mail from its members alone" }],
  ["moderated", { resolution: group(box(1)), isModerated: true }, { isModerated: true }],
  ["a text", { customTips: ["Two days."] }, { customTip: "Two days." }],
  ["a text in the asker's language", { customTips: ["Two days.", "de: Zwei Tage."], language: "de-CH" },
    { customTip: "Zwei Tage." }],
  ["no text in the asker's language", { customTips: ["de:Zwei Tage.", "Two days."], language: "fr" },
    { customTip: "Two days." }],
  ["only another language", { customTips: ["de:Zwei Tage."], language: "fr" }, { customTip: "Zwei Tage." }],
];

for (const [name, facts, tips] of rows) {
  test(name, () => {
    const { recipient, displayName, maxMessageBytes, ...told } = tipsOf({ ...plain, ...facts });
    assert.deepEqual(told, { ...none, ...tips });
    assert.ok(maxMessageBytes > 0 && recipient === plain.recipient && displayName === plain.displayName);
  });
}

test("groups in groups a thousand deep are counted without recursion", () => {
  let deep: Resolution = group(box(1));
  for (let depth = 0; depth < 20_000; depth++) deep = group(deep);
  assert.equal(tipsOf({ ...plain, resolution: deep }).totalMemberCount, 1);
});
