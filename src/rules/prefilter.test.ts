/** Rules that a prefilter passes by never apply: checked against looking at all of them, plain ones and Outlook's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { properties } from "#props/registry.ts";
import type { Restriction } from "#props/structures.ts";
import { RuleMessage } from "#rules/message.ts";
import { decideRules } from "#rules/outlook/decide.ts";
import type { Rule } from "#rules/outlook/rule.ts";
import { decidePlain } from "#rules/own/decide.ts";
import type { PlainRule } from "#rules/own/settings.ts";

const p = properties;
const letters = fc.string({ unit: fc.constantFrom("a", "B", "ß", "Σ", "ç", "1", " "), minLength: 1, maxLength: 5 });

function message(subject: string): RuleMessage {
  return new RuleMessage({ envelope: { sender: "aB1@x.test", recipient: "a@b.test" }, receivedMs: 0,
    bytes: Buffer.from(`From: Ab <aB1@x.test>\r\nTo: <BBa@x.test>\r\nSubject: ${subject}\r\n\r\nx`) });
}

const content = (tag: typeof p.PidTagSubject.tag, value: string | Uint8Array, fuzzyLevelLow: number, fuzzyLevelHigh: number): Restriction =>
  ({ restrictType: 3, fuzzyLevelLow, fuzzyLevelHigh, propertyTag: tag, taggedValue: { tag, value } });
const condition: fc.Arbitrary<Restriction> = fc.letrec<{ one: Restriction }>((tie) => ({
  one: fc.oneof({ maxDepth: 2 },
    fc.tuple(letters, fc.nat(2), fc.nat(7)).map(([text, low, high]) => content(p.PidTagSubject.tag, text, low, high)),
    letters.map((text): Restriction => ({ restrictType: 4, relOp: 4, propertyTag: p.PidTagSubject.tag, taggedValue: { tag: p.PidTagSubject.tag, value: text } })),
    fc.constantFrom("SMTP:AB1@X.TEST\0", "SMTP:OTHER@X.TEST\0", "AB1").map((key) => content(p.PidTagSenderSearchKey.tag, Buffer.from(key), 1, 0)),
    letters.map((text): Restriction => ({ restrictType: 9, subobject: 0x0e12_000d as typeof p.PidTagSubject.tag, restriction: content(p.PidTagSmtpAddress.tag, text, 1, 1) })),
    fc.array(tie("one"), { maxLength: 3 }).map((restricts): Restriction => ({ restrictType: 0, restricts })),
    fc.array(tie("one"), { minLength: 1, maxLength: 3 }).map((restricts): Restriction => ({ restrictType: 1, restricts })),
    tie("one").map((restriction): Restriction => ({ restrictType: 2, restriction })),
  ),
})).one;

function rule(one: Restriction, place: number): Rule {
  return {
    ruleId: BigInt(place), sequence: place, state: 1, userFlags: 0, level: 0, name: `r${place}`, provider: "", providerData: new Uint8Array(0),
    condition: one, actions: [{ actionType: 11, actionFlavor: 0, actionFlags: 0 }], form: "rop", namedIds: new Map(), broken: null,
  };
}

test("Outlook's rules: all together as each by itself", () => {
  const state = { ownAddresses: [], isOof: false, sclIsSafe: false };
  fc.assert(fc.property(fc.array(condition, { minLength: 40, maxLength: 60 }), letters, (conditions, subject) => {
    const rules = conditions.map(rule);
    const one = message(subject);
    assert.deepEqual(decideRules(rules, one, state).map(({ by }) => by), rules.flatMap((alone) => decideRules([alone], one, state).map(({ by }) => by)));
  }));
});

const plain = fc.record({ from: fc.array(letters), to: fc.array(letters), subject: fc.array(letters) }, { requiredKeys: [] });
test("plain rules: all together as each by itself", () => {
  fc.assert(fc.property(fc.array(plain, { minLength: 40, maxLength: 60 }), letters, (list, subject) => {
    const rules = list.map((one, place): PlainRule => ({ name: `r${place}`, isOn: true, marksRead: true, ...one }));
    const one = message(subject);
    assert.deepEqual(decidePlain(rules, one).map(({ by }) => by), rules.flatMap((alone) => decidePlain([alone], one).map(({ by }) => by)));
  }));
});
