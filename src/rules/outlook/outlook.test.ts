/**
 * The rules of Outlook: every condition, every action, every state flag as tables; stored and extended forms; a rule
 * that cannot be followed is set aside whole and the others go on; any bytes make a rule or a broken one.
 */
import assert from "node:assert/strict";
import { corpusMessages, corpusMissing, withCrlf } from "../../../test/support/corpus.ts";
import { test } from "node:test";
import fc from "fast-check";
import { encode } from "#codec/binary/code.ts";
import { setPerson } from "#convert/mime/people.ts";
import { getProperty, newItemObject } from "#convert/item.ts";
import { properties } from "#props/registry.ts";
import { propertySets } from "#props/property-sets.ts";
import { restriction, ruleActions, serverEntryId } from "#props/structures.ts";
import type { Restriction, RuleAction, RuleRecipient } from "#props/structures.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { settle } from "#rules/decisions.ts";
import type { Decision } from "#rules/decisions.ts";
import { RuleMessage } from "#rules/message.ts";
import { decideRules } from "#rules/outlook/decide.ts";
import type { OutlookState } from "#rules/outlook/decide.ts";
import { deferredError, deferredMessages, ruleErrors } from "#rules/outlook/deferred.ts";
import { readExtendedRule, readRule, ruleStates } from "#rules/outlook/rule.ts";
import type { Rule } from "#rules/outlook/rule.ts";

const p = properties;

const text = `Received: from a by b; Sat, 1 Aug 2026 09:06:40 +0200
From: Pat <pat@partner.test>
To: Alice <alice@example.test>, bob@example.test
Cc: carol@example.test
Subject: RE: Weekly Report
Date: Sat, 1 Aug 2026 09:06:31 +0200
Message-ID: <1@partner.test>
Importance: high
Sensitivity: private
X-Team: blue
Keywords: Red Category, Work
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

The quarterly figures are attached.
--b
Content-Type: application/pdf; name="figures.pdf"
Content-Disposition: attachment; filename="figures.pdf"
Content-Transfer-Encoding: base64

JVBERi0=
--b--
`;
const message = new RuleMessage({
  envelope: { sender: "pat@partner.test", recipient: "alice@example.test" }, bytes: Buffer.from(text.replaceAll("\n", "\r\n")),
  receivedMs: Date.UTC(2026, 7, 1, 7, 6, 40), sizeBytes: 5000,
});
const state: OutlookState = { ownAddresses: ["alice@example.test"], isOof: false, sclIsSafe: false };

let lastId = 0n;
function rule(more: Partial<Rule> & { actions: readonly RuleAction[] }): Rule {
  return {
    ruleId: ++lastId, sequence: Number(lastId), state: ruleStates.enabled, userFlags: 0, level: 0, name: `r${lastId}`,
    provider: "RuleOrganizer", providerData: new Uint8Array(0), condition: null, form: "rop", namedIds: new Map(), broken: null, ...more,
  };
}

const head = { actionFlavor: 0, actionFlags: 0 };
const none = new Uint8Array(0);
const place = (counter: number, actionType: 1 | 2): RuleAction => ({
  ...head, actionType, folderInThisStore: 1, storeEntryId: none,
  folderEntryId: encode(serverEntryId, { ours: 1, folderId: { replicaId: 1, counter }, messageId: { replicaId: 0, counter: 0 }, instance: 0 }),
});
const move = (counter: number): RuleAction => place(counter, 1);
const copy = (counter: number): RuleAction => place(counter, 2);
const deletes: RuleAction = { ...head, actionType: 10 };
const marks: RuleAction = { ...head, actionType: 11 };

function recipient(address: string, type = "SMTP"): RuleRecipient {
  const object = newItemObject();
  setPerson(object, "recipient", { name: "X", address });
  const values = [...object.bag].map(([tag, value]) => ({ tag, value }));
  if (type === "SMTP") return { reserved: 1, values };
  return { reserved: 1, values: [{ tag: p.PidTagAddressType.tag, value: type }, { tag: p.PidTagEmailAddress.tag, value: address }] };
}
const forward = (actionFlavor: number, ...addresses: string[]): RuleAction =>
  ({ actionFlavor, actionFlags: 0, actionType: 7, recipients: addresses.map((address) => recipient(address)) });

/** A short telling of decisions. */
function told(decisions: readonly Decision[]): string[] {
  return decisions.map((decision) => {
    switch (decision.kind) {
      case "file": return decision.folder.kind === "entryId" ? `file ${Buffer.from(decision.folder.folderEntryId).readUIntBE(3, 6)}` : "file ?";
      case "flag": return `flag ${decision.flags.join(" ")}`;
      case "redirect": case "delegate": return `${decision.kind} ${decision.addresses.join(" ")}`;
      case "forward": return `forward ${decision.form} ${decision.addresses.join(" ")}`;
      case "reply": return `reply ${decision.flavor}${decision.isOof ? " oof" : ""}${decision.once ? " once" : ""}`;
      case "refuse": return `refuse ${decision.status}`;
      case "setAside": return `set aside: ${decision.reason}`;
      case "tag": return `tag ${decision.tagged.tag.toString(16)}`;
      case "defer": return `defer ${decision.deferred.actionType}`;
      default: return decision.kind;
    }
  });
}

const decide = (rules: readonly Rule[], more: Partial<OutlookState> = {}): string[] =>
  told(decideRules(rules, message, { ...state, ...more }));

const content = (tag: PropertyTag, value: PropertyValue, low: number, high = 1): Restriction =>
  ({ restrictType: 3, fuzzyLevelLow: low, fuzzyLevelHigh: high, propertyTag: tag, taggedValue: { tag, value } });
const property = (tag: PropertyTag, relOp: number, value: PropertyValue): Restriction =>
  ({ restrictType: 4, relOp, propertyTag: tag, taggedValue: { tag, value } });
const inRecipients = (inner: Restriction): Restriction => ({ restrictType: 9, subobject: 0x0e12_000d as PropertyTag, restriction: inner });
const inAttachments = (inner: Restriction): Restriction => ({ restrictType: 9, subobject: 0x0e13_000d as PropertyTag, restriction: inner });
const senderKey = Buffer.from("SMTP:PAT@PARTNER.TEST\0", "latin1");
const team = makeTag(0x8123, "String");
const categories = makeTag(0x8124, "MultipleString");
const namedOf: OutlookState["namedOf"] = (id) => (id === 0x8123 ? { guid: propertySets.PS_INTERNET_HEADERS.guid, id: "x-team" }
  : id === 0x8124 ? p.PidNameKeywords.named : undefined);

/** What Outlook's own wizard offers, each as it writes it, and each once not holding. */
const conditions: readonly (readonly [what: string, condition: Restriction, holds: boolean])[] = [
  ["with words in the subject", content(p.PidTagSubject.tag, "weekly", 1), true],
  ["with other words in the subject", content(p.PidTagSubject.tag, "monthly", 1), false],
  ["capitals count without the flag", content(p.PidTagSubject.tag, "weekly", 1, 0), false],
  ["words in the body", content(p.PidTagBody.tag, "QUARTERLY", 1), true],
  ["words in the header", content(p.PidTagTransportMessageHeaders.tag, "x-team: blue", 1), true],
  ["prefix of the normalized subject", content(p.PidTagNormalizedSubject.tag, "Weekly", 2), true],
  ["full string", content(p.PidTagSubject.tag, "re: weekly report", 0), true],
  ["from somebody, by search key", content(p.PidTagSenderSearchKey.tag, senderKey, 1, 0), true],
  ["from somebody, equal", property(p.PidTagSenderSearchKey.tag, 4, senderKey), true],
  ["words in the sender's address", content(p.PidTagSenderEmailAddress.tag, "partner.test", 1), true],
  ["sent to somebody", inRecipients(content(p.PidTagSmtpAddress.tag, "carol@example.test", 0)), true],
  ["sent to nobody like that", inRecipients(content(p.PidTagSmtpAddress.tag, "dave@", 1)), false],
  ["where my name is in the To box", property(p.PidTagMessageToMe.tag, 4, true), true],
  ["where my name is in the Cc box", property(p.PidTagMessageCcMe.tag, 4, true), false],
  ["where my name is in To or Cc", property(p.PidTagMessageRecipientMe.tag, 4, true), true],
  ["sent only to me", { restrictType: 0, restricts: [property(p.PidTagMessageToMe.tag, 4, true),
    { restrictType: 2, restriction: content(p.PidTagDisplayTo.tag, ";", 1) }] }, false],
  ["marked as important", property(p.PidTagImportance.tag, 4, 2), true],
  ["marked with a sensitivity", property(p.PidTagSensitivity.tag, 4, 2), true],
  ["which has an attachment, by flag", { restrictType: 6, bitmapRelOp: 1, propertyTag: p.PidTagMessageFlags.tag, mask: 0x10 }, true],
  ["has no attachment", property(p.PidTagHasAttachments.tag, 4, false), false],
  ["attachment by its name", inAttachments(content(p.PidTagAttachLongFilename.tag, ".PDF", 1)), true],
  ["size in a range", { restrictType: 0, restricts: [property(p.PidTagMessageSize.tag, 2, 4000), property(p.PidTagMessageSize.tag, 0, 6000)] }, true],
  ["larger", property(p.PidTagMessageSize.tag, 2, 6000), false],
  ["received after", property(p.PidTagMessageDeliveryTime.tag, 2, 134_299_000_000_000_000n), true],
  ["received before", property(p.PidTagMessageDeliveryTime.tag, 0, 134_299_000_000_000_000n), false],
  ["of a message class", content(p.PidTagMessageClass.tag, "IPM.Note", 0), true],
  ["a property is there", { restrictType: 8, propertyTag: p.PidTagImportance.tag }, true],
  ["a property is not there", { restrictType: 8, propertyTag: p.PidTagFlagStatus.tag }, false],
  ["assigned to a category", { restrictType: 4, relOp: 4, propertyTag: categories, taggedValue: { tag: makeTag(0x8124, "String"), value: "Work" } }, true],
  ["a named header field", content(team, "blue", 0), true],
  ["a named field without a name", content(makeTag(0x8200, "String"), "blue", 0), false],
  ["size of a property", { restrictType: 7, relOp: 2, propertyTag: p.PidTagSubject.tag, size: 10 }, true],
  ["two properties compared", { restrictType: 5, relOp: 4, propertyTag1: p.PidTagSenderSearchKey.tag, propertyTag2: p.PidTagSentRepresentingSearchKey.tag }, true],
  ["any of them", { restrictType: 1, restricts: [content(p.PidTagSubject.tag, "zzz", 1), content(p.PidTagSubject.tag, "report", 1)] }, true],
  ["an exception", { restrictType: 0, restricts: [content(p.PidTagSubject.tag, "report", 1), { restrictType: 2, restriction: content(p.PidTagSubject.tag, "weekly", 1) }] }, false],
  ["a comment around it", { restrictType: 10, taggedValues: [], restrictionPresent: 1, restriction: content(p.PidTagSubject.tag, "report", 1) }, true],
  ["a count around it", { restrictType: 11, count: 1, restriction: content(p.PidTagSubject.tag, "report", 1) }, true],
  ["8-bit text", { restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: makeTag(0x0037, "String8"), taggedValue: { tag: makeTag(0x0037, "String8"), value: Buffer.from("weekly") } }, true],
];

for (const [what, condition, holds] of conditions) {
  test(`condition: ${what}`, () => {
    assert.deepEqual(decide([rule({ condition, actions: [marks] })], { namedOf }), holds ? ["flag \\Seen"] : []);
    // The same as the store keeps it.
    const row: PropertyBag = new Map<PropertyTag, PropertyValue>([
      [p.PidTagRuleState.tag, 1], [p.PidTagRuleCondition.tag, encode(restriction("rop"), condition)],
      [p.PidTagRuleActions.tag, encode(ruleActions("rop"), [marks])],
    ]);
    assert.deepEqual(decide([readRule(row)], { namedOf }), holds ? ["flag \\Seen"] : []);
  });
}

test("every restriction type and every action type has a row above or below", () => {
  const types = new Set<number>();
  const walk = (one: Restriction): void => {
    types.add(one.restrictType);
    for (const inner of "restricts" in one ? one.restricts : "restriction" in one && one.restriction !== undefined ? [one.restriction] : []) walk(inner);
  };
  for (const [, condition] of conditions) walk(condition);
  assert.deepEqual([...types].sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assert.deepEqual([...new Set(actionRows.flatMap(([, list]) => list.map(({ actionType }) => actionType)))].sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

const template = { replyTemplateFolderId: { replicaId: 1, counter: 5 }, replyTemplateMessageId: { replicaId: 1, counter: 9 }, replyTemplateGuid: "00000000-0000-0000-0000-000000000001" };
const bounce = (bounceCode: number): RuleAction => ({ ...head, actionType: 6, bounceCode });

const bobsEntryId = Buffer.concat([Buffer.from("00000000dca740c8c042101ab4b908002b2fe1820100000000000000", "hex"), Buffer.from("/o=x/cn=bob\0")]);

const actionRows: readonly (readonly [what: string, actions: readonly RuleAction[], expected: string[]])[] = [
  ["move", [move(7)], ["file 7", "leave"]],
  ["copy", [copy(8)], ["file 8"]],
  ["move to another store is for the client", [{ ...head, actionType: 1, folderInThisStore: 0, storeEntryId: Buffer.from([1]), folderEntryId: Buffer.from([2]) }], ["defer 1"]],
  ["a folder that is none", [{ ...head, actionType: 1, folderInThisStore: 1, storeEntryId: none, folderEntryId: Buffer.from([2]) }], ["set aside: "]],
  ["reply", [{ ...head, actionType: 3, ...template }], ["reply standard"]],
  ["reply to the template's people", [{ ...head, actionFlavor: 1, actionType: 3, ...template }], ["reply toTemplate"]],
  ["stock reply", [{ ...head, actionFlavor: 2, actionType: 3, ...template }], ["reply stock"]],
  ["OOF reply", [{ ...head, actionType: 4, ...template }], ["reply standard oof"]],
  ["deferred", [{ ...head, actionType: 5, deferActionData: Buffer.from("x") }], ["defer 5"]],
  ["bounce: too large", [bounce(0x0d)], ["refuse 5.2.3"]],
  ["bounce: cannot be shown", [bounce(0x1f)], ["refuse 5.6.0"]],
  ["bounce: denied", [bounce(0x26)], ["refuse 5.7.1"]],
  ["bounce: unknown", [bounce(1)], ["set aside: it bounces with the unknown code 1"]],
  ["forward", [forward(0, "bob@example.test", "x@partner.test")], ["forward inline bob@example.test x@partner.test"]],
  ["forward as attachment", [forward(4, "bob@example.test")], ["forward attachment bob@example.test"]],
  ["redirect", [forward(3, "bob@example.test")], ["redirect bob@example.test"]],
  ["redirect, sender kept", [forward(1, "bob@example.test")], ["redirect bob@example.test"]],
  ["forward as text message", [forward(8, "bob@example.test")], ["set aside: it forwards as a text message"]],
  ["forward in two ways", [forward(5, "bob@example.test")], ["set aside: it forwards in the two ways 5"]],
  ["forward to nobody", [{ ...head, actionType: 7, recipients: [] }], ["set aside: it sends to nobody"]],
  ["forward within the organisation", [{ ...head, actionType: 7, recipients: [recipient("/o=x/cn=bob", "EX")] }], ["forward inline bob@example.test"]],
  ["forward to a name without its type", [{ ...head, actionType: 7, recipients: [{ reserved: 1, values: [{ tag: p.PidTagEmailAddress.tag, value: "/o=x/cn=bob" }] }] }], ["forward inline bob@example.test"]],
  ["forward to an entry of the address book", [{ ...head, actionType: 7, recipients: [{ reserved: 1, values: [{ tag: p.PidTagEntryId.tag, value: bobsEntryId }] }] }], ["forward inline bob@example.test"]],
  ["forward to an address of nobody", [{ ...head, actionType: 7, recipients: [recipient("/o=x/cn=zoe", "EX")] }], ["set aside: it sends to /o=x/cn=zoe"]],
  ["delegate", [{ ...head, actionType: 8, recipients: [recipient("bob@example.test")] }], ["delegate bob@example.test"]],
  ["tag", [{ ...head, actionType: 9, taggedValue: { tag: p.PidTagImportance.tag, value: 2 } }], ["tag 170003"]],
  ["delete", [deletes], ["leave"]],
  ["mark as read", [marks], ["flag \\Seen"]],
  ["one that cannot be followed takes all with it", [move(7), bounce(1)], ["set aside: it bounces with the unknown code 1"]],
];

const resolve: OutlookState["resolve"] = (type, address) => (type === "EX" && address === "/o=x/cn=bob" ? "bob@example.test" : null);

for (const [what, actions, expected] of actionRows) {
  test(`action: ${what}`, () => {
    const found = decide([rule({ actions })], { resolve });
    assert.equal(found.length, expected.length);
    for (const [index, line] of expected.entries()) assert.ok(found[index]!.startsWith(line), `${found[index]} is ${line}`);
    // A rule that is set aside keeps no other from its work.
    assert.ok(decide([rule({ actions }), rule({ actions: [marks], state: ruleStates.enabled | ruleStates.onlyWhenOof })], { resolve, isOof: true }).includes("flag \\Seen"));
  });
}

const { enabled, error, exitLevel, keepOofHistory, onlyWhenOof, skipIfSclIsSafe, parseError } = ruleStates;

const states: readonly (readonly [what: string, states: readonly number[], more: Partial<OutlookState>, expected: number[]])[] = [
  ["enabled", [enabled], {}, [1]],
  ["disabled", [0], {}, []],
  ["error is ignored", [enabled | error], {}, [1]],
  ["parse error is ignored", [enabled | parseError], {}, [1]],
  ["exit level ends", [enabled | exitLevel, enabled], {}, [1]],
  ["exit level and OOF rules", [enabled | exitLevel, enabled, enabled | onlyWhenOof], { isOof: true }, [1, 3]],
  ["exit level without OOF", [enabled | exitLevel, enabled, enabled | onlyWhenOof], {}, [1]],
  ["OOF rule while away", [enabled | onlyWhenOof, enabled], { isOof: true }, [1, 2]],
  ["OOF rule while here", [enabled | onlyWhenOof, enabled], {}, [2]],
  ["OOF rule with exit: OOF rules go on", [onlyWhenOof | exitLevel, enabled, onlyWhenOof], { isOof: true }, [1, 3]],
  ["safe sender", [enabled | skipIfSclIsSafe, enabled], { sclIsSafe: true }, [2]],
  ["not safe", [enabled | skipIfSclIsSafe, enabled], {}, [1, 2]],
];

for (const [what, list, more, expected] of states) {
  test(`state: ${what}`, () => {
    const rules = list.map((one, index) => rule({ state: one, sequence: index, actions: [copy(index + 1)] }));
    // The order they are stored in says nothing.
    assert.deepEqual(decide(rules.toReversed(), more), expected.map((counter) => `file ${counter}`));
  });
}

test("each sender is answered once by a rule that keeps a history (duty 13)", () => {
  const rules = [rule({ ruleId: 77n, state: onlyWhenOof | keepOofHistory, actions: [{ ...head, actionType: 4, ...template }] })];
  const hasAnswered = (id: bigint, sender: string): boolean => id === 77n && sender === "pat@partner.test";
  assert.deepEqual(decide(rules, { isOof: true }), ["reply standard oof once"]);
  assert.deepEqual(decide(rules, { isOof: true, hasAnswered }), []);
  assert.deepEqual(decide(rules, { hasAnswered: () => false }), [], "never once it is over");
});

test("several moves make several copies; deleting ends the rest", () => {
  const decisions = decideRules([rule({ actions: [move(3)] }), rule({ actions: [move(4)] }), rule({ actions: [move(3)] })], message, state);
  assert.equal(settle(decisions).placements.length, 2);
  assert.deepEqual(decide([rule({ actions: [deletes] }), rule({ actions: [copy(3)] })]), ["leave"]);
  assert.deepEqual(settle(decideRules([rule({ actions: [deletes] })], message, state)).placements, []);
  assert.deepEqual(settle(decideRules([rule({ actions: [copy(9)] })], message, state)).placements.length, 2);
});

function extended(condition: Restriction, actions: readonly RuleAction[], names: Buffer = Buffer.from([0, 0])): PropertyBag {
  return new Map<PropertyTag, PropertyValue>([
    [p.PidTagMessageClass.tag, "IPM.ExtendedRule.Message"], [p.PidTagRuleMessageState.tag, 1], [p.PidTagRuleMessageSequence.tag, 4],
    [p.PidTagRuleMessageName.tag, "Junk E-mail Rule"], [p.PidTagRuleMessageProvider.tag, "JunkEmailRule"],
    [p.PidTagExtendedRuleMessageCondition.tag, Buffer.concat([names, encode(restriction("extended"), condition)])],
    [p.PidTagExtendedRuleMessageActions.tag, Buffer.concat([Buffer.from([0, 0, 1, 0, 0, 0]), encode(ruleActions("extended"), actions)])],
  ]);
}

const wholeEntryId = Buffer.alloc(46);
wholeEntryId.writeUIntBE(12, 38, 6);
const extendedMove: RuleAction = { ...head, actionType: 1, storeEntryId: none, folderEntryId: wholeEntryId };

test("an extended rule, with names of its own (MS-OXORULE 2.2.4)", () => {
  const plain = readExtendedRule(extended(content(p.PidTagSubject.tag, "weekly", 1), [extendedMove]), 9n);
  assert.equal(plain.broken, null);
  assert.deepEqual([plain.name, plain.sequence, plain.ruleId], ["Junk E-mail Rule", 4, 9n]);
  assert.equal(decideRules([plain], message, state).length, 2);
  const guid = Buffer.from("8603020000000000c000000000000046", "hex");
  const name = Buffer.from("x-team", "utf16le");
  const property16 = Buffer.concat([Buffer.from([1]), guid, Buffer.from([name.length]), name]);
  const names = Buffer.alloc(8);
  names.writeUInt16LE(1, 0);
  names.writeUInt16LE(0x8001, 2);
  names.writeUInt32LE(property16.length, 4);
  const rows = readExtendedRule(extended(content(makeTag(0x8001, "String"), "blue", 0), [extendedMove], Buffer.concat([names, property16])), 10n);
  assert.equal(rows.broken, null);
  assert.equal(decideRules([rows], message, state).length, 2);
});

test("broken rules say why", () => {
  const row = (condition: Uint8Array, actions: Uint8Array = encode(ruleActions("rop"), [marks])): Rule => readRule(new Map<PropertyTag, PropertyValue>([
    [p.PidTagRuleState.tag, 1], [p.PidTagRuleName.tag, "b"], [p.PidTagRuleCondition.tag, condition], [p.PidTagRuleActions.tag, actions],
  ]));
  assert.match(row(Buffer.from([99])).broken!, /^it cannot be read: /);
  assert.match(row(Buffer.alloc(300_000)).broken!, /more than 262144 bytes/);
  assert.match(row(encode(restriction("rop"), property(p.PidTagSubject.tag, 6, "a.*"))).broken!, /regular expression/);
  assert.match(row(encode(restriction("rop"), content(p.PidTagSubject.tag, "a", 1)), Buffer.from([1, 0])).broken!, /cannot be read/);
  assert.deepEqual(decide([row(Buffer.from([99]))])[0]?.slice(0, 9), "set aside");
  const wrongVersion = extended(content(p.PidTagSubject.tag, "a", 1), [extendedMove]);
  wrongVersion.set(p.PidTagExtendedRuleMessageActions.tag, Buffer.from([0, 0, 2, 0, 0, 0, 0, 0, 0, 0]));
  assert.match(readExtendedRule(wrongVersion, 1n).broken!, /version 2 of rules/);
});

test("any bytes are a rule or a broken one, and no rule stops the others", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 80 }), (condition, actions) => {
    const bag = new Map<PropertyTag, PropertyValue>([
      [p.PidTagRuleState.tag, 1], [p.PidTagRuleCondition.tag, condition], [p.PidTagRuleActions.tag, actions],
      [p.PidTagRuleMessageState.tag, 1], [p.PidTagExtendedRuleMessageCondition.tag, condition], [p.PidTagExtendedRuleMessageActions.tag, actions],
    ]);
    decideRules([readRule(bag), readExtendedRule(bag, 1n)], message, state);
  }));
});

test("deferred actions become one message for each provider (MS-OXORULE 2.2.6)", () => {
  const rules = [rule({ actions: [{ ...head, actionType: 5, deferActionData: Buffer.from("a") }] }),
    rule({ actions: [{ ...head, actionType: 5, deferActionData: Buffer.from("b") }] }),
    rule({ provider: "other", actions: [{ ...head, actionType: 5, deferActionData: Buffer.from("c") }] })];
  const { deferred } = settle(decideRules(rules, message, state));
  const [first, second] = deferredMessages(deferred, { messageEntryId: Buffer.alloc(70), folderEntryId: wholeEntryId, messageServerId: Buffer.alloc(21) });
  assert.equal(getProperty(first!, p.PidTagMessageClass), "IPC.Microsoft Exchange 4.0.Deferred Action");
  assert.equal(getProperty(first!, p.PidTagRuleProvider), "RuleOrganizer");
  assert.equal(getProperty(first!, p.PidTagRuleIds)!.length, 16);
  const joined = readRule(new Map([[p.PidTagRuleActions.tag, getProperty(first!, p.PidTagClientActions)!]]));
  assert.equal(joined.actions.length, 2);
  assert.equal(getProperty(second!, p.PidTagRuleProvider), "other");
  const dem = deferredError({ ruleId: 4n, provider: "x", ruleError: ruleErrors.parsing, actionType: 1, actionNumber: 0 },
    { messageEntryId: Buffer.alloc(70), folderEntryId: wholeEntryId, messageServerId: Buffer.alloc(21) });
  assert.deepEqual([getProperty(dem, p.PidTagRuleError), getProperty(dem, p.PidTagRuleId)], [4, 4n]);
});

test("ten thousand rules are looked at quickly", () => {
  const rules = Array.from({ length: 10_000 }, (_, index) => rule({ condition: content(p.PidTagSubject.tag, `no such ${index}`, 1), actions: [marks] }));
  const fresh = new RuleMessage({ envelope: message.envelope, bytes: message.bytes, receivedMs: 0 });
  const started = performance.now();
  assert.deepEqual(decideRules(rules, fresh, state), []);
  assert.ok(performance.now() - started < 500, `${performance.now() - started} ms`);
});

test("the header alone tells what the whole message tells, on real messages", { skip: corpusMissing }, () => {
  const tags = [
    p.PidTagSubject, p.PidTagNormalizedSubject, p.PidTagSenderName, p.PidTagSenderEmailAddress, p.PidTagSenderAddressType, p.PidTagSenderSmtpAddress,
    p.PidTagSentRepresentingName, p.PidTagSentRepresentingEmailAddress, p.PidTagSentRepresentingAddressType, p.PidTagSentRepresentingSmtpAddress,
  ].map(({ tag }) => tag);
  for (const { name, bytes } of corpusMessages()) {
    const made = (): RuleMessage => new RuleMessage({ envelope: message.envelope, bytes: withCrlf(bytes), receivedMs: 0 });
    const [head, whole] = [made().head, made().item];
    for (const tag of tags) assert.deepEqual(head.bag.get(tag), whole.bag.get(tag), `${name} ${tag.toString(16)}`);
  }
});
