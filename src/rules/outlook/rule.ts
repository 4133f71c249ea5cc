/** One rule of a folder, from the rules table or from an extended rule's message. [MS-OXORULE] 2.2.1.3, 2.2.4 */
import { Fault, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { guid, utf16Bytes } from "#codec/binary/bytes.ts";
import { decode, decodePrefix } from "#codec/binary/code.ts";
import { listOf, struct, tagged } from "#codec/binary/combine.ts";
import { u16, u32, u8 } from "#codec/binary/numbers.ts";
import { untestable } from "#props/evaluate.ts";
import { properties, valueIn } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";
import { restriction, ruleActions } from "#props/structures.ts";
import type { Form, Restriction, RuleAction } from "#props/structures.ts";
import type { ReadonlyPropertyBag } from "#props/types.ts";

const p = properties;

/** Bits of PidTagRuleState. [MS-OXORULE] 2.2.1.3.1.3 */
export const ruleStates = {
  enabled: 0x01, error: 0x02, onlyWhenOof: 0x04, keepOofHistory: 0x08, exitLevel: 0x10, skipIfSclIsSafe: 0x20,
  parseError: 0x40,
} as const;

/** Fields have the names of the PidTagRule properties. [MS-OXORULE] 2.2.1.3.1 */
export interface Rule {
  readonly ruleId: bigint;
  readonly sequence: number;
  /** Bits of {@link ruleStates}. */
  readonly state: number;
  readonly userFlags: number;
  readonly level: number;
  readonly name: string;
  readonly provider: string;
  readonly providerData: Uint8Array;
  /** null applies to every message. */
  readonly condition: Restriction | null;
  readonly actions: readonly RuleAction[];
  readonly form: "rop" | "extended";
  /** Names of the ids that an extended rule's condition and actions use; others ask the mailbox. */
  readonly namedIds: ReadonlyMap<number, NamedId>;
  /** Why the rule cannot be followed; null when it can. */
  readonly broken: string | null;
  /** Its owner was told: it is passed by until somebody changes it. */
  readonly isSetAside?: boolean;
}

const noNames: ReadonlyMap<number, NamedId> = new Map();
const noBytes = new Uint8Array(0);

/** A row of the rules table. Never fails: what cannot be read makes a broken rule. [MS-OXORULE] 2.2.1.3.1 */
export function readRule(row: ReadonlyPropertyBag): Rule {
  const base = {
    ruleId: valueIn(row, p.PidTagRuleId) ?? 0n, sequence: valueIn(row, p.PidTagRuleSequence) ?? 0,
    state: valueIn(row, p.PidTagRuleState) ?? 0, userFlags: valueIn(row, p.PidTagRuleUserFlags) ?? 0,
    level: valueIn(row, p.PidTagRuleLevel) ?? 0, name: valueIn(row, p.PidTagRuleName) ?? "",
    provider: valueIn(row, p.PidTagRuleProvider) ?? "", providerData: valueIn(row, p.PidTagRuleProviderData) ?? noBytes,
    form: "rop", namedIds: noNames,
  } as const;
  const condition = valueIn(row, p.PidTagRuleCondition);
  const actions = valueIn(row, p.PidTagRuleActions);
  return complete(base, () => ({
    condition: condition === undefined || condition.length === 0 ? null : readWhole("rop", condition, restriction),
    actions: actions === undefined ? [] : readWhole("rop", actions, ruleActions),
  }));
}

/** An associated message of class `IPM.ExtendedRule.Message`. [MS-OXORULE] 2.2.4.1 */
export function readExtendedRule(message: ReadonlyPropertyBag, ruleId: bigint): Rule {
  const base = {
    ruleId, sequence: valueIn(message, p.PidTagRuleMessageSequence) ?? 0,
    state: valueIn(message, p.PidTagRuleMessageState) ?? 0,
    userFlags: valueIn(message, p.PidTagRuleMessageUserFlags) ?? 0,
    level: valueIn(message, p.PidTagRuleMessageLevel) ?? 0, name: valueIn(message, p.PidTagRuleMessageName) ?? "",
    provider: valueIn(message, p.PidTagRuleMessageProvider) ?? "",
    providerData: valueIn(message, p.PidTagRuleMessageProviderData) ?? noBytes, form: "extended",
  } as const;
  const names = new Map<number, NamedId>();
  return complete({ ...base, namedIds: names }, () => {
    const condition = valueIn(message, p.PidTagExtendedRuleMessageCondition);
    const actions = valueIn(message, p.PidTagExtendedRuleMessageActions);
    return {
      condition: condition === undefined || condition.length === 0 ? null : readExtendedCondition(condition, names),
      actions: actions === undefined || actions.length === 0 ? [] : readExtendedActions(actions, names),
    };
  });
}

type Content = Pick<Rule, "condition" | "actions">;

function complete(base: Omit<Rule, "condition" | "actions" | "broken">, read: () => Content): Rule {
  try {
    const content = read();
    const trouble = content.condition === null ? null : untestable(content.condition);
    return { ...base, ...content, broken: trouble === null ? null : `its condition needs ${trouble}` };
  } catch (error) {
    if (!(error instanceof WireError) && !(error instanceof Fault)) throw error;
    return { ...base, condition: null, actions: [], broken: `it cannot be read: ${error.message}` };
  }
}

function readWhole<T>(form: Form, raw: Uint8Array, layout: (form: Form) => Parameters<typeof decode<T>>[0]): T {
  checkSize(raw);
  return decode(layout(form), raw);
}

function checkSize(raw: Uint8Array): void {
  if (raw.length > limits.ruleMaxBytes) throw new Fault("tooBig", `a rule has more than ${limits.ruleMaxBytes} bytes`);
}

/** PropertyName. [MS-OXCDATA] 2.6.1 */
const propertyName = tagged("kind", u8, {
  0x00: struct({ guid, lid: u32 }), 0x01: struct({ guid, name: utf16Bytes(u8) }), 0xff: struct({ guid }),
});
const propertyIds = listOf(u16, u16);
const nameSize = struct({ namedPropertiesSize: u32 });
const ruleVersion = struct({ ruleVersion: u32 });

/**
 * NamedPropertyInformation: which names the property ids of what follows stand for. Gives where that begins. Without
 * names only their count is there. [MS-OXORULE] 2.2.4.2
 */
function readNames(raw: Uint8Array, names: Map<number, NamedId>): number {
  const { value: ids, end: idsEnd } = decodePrefix(propertyIds, raw);
  if (ids.length === 0) return idsEnd;
  const { value: { namedPropertiesSize }, end: namesAt } = decodePrefix(nameSize, raw, idsEnd);
  let at = namesAt;
  const end = at + namedPropertiesSize;
  if (end > raw.length) throw new WireError("names end after the rule", at, "NamedPropertiesSize");
  for (const id of ids) {
    const { value, end: nameEnd } = decodePrefix(propertyName, raw.subarray(0, end), at);
    if (value.kind === 0) names.set(id, { guid: value.guid, id: value.lid });
    else if (value.kind === 1) names.set(id, { guid: value.guid, id: value.name.replace(/\0+$/, "") });
    at = nameEnd;
  }
  return end;
}

function readExtendedCondition(raw: Uint8Array, names: Map<number, NamedId>): Restriction {
  checkSize(raw);
  return decode(restriction("extended"), raw.subarray(readNames(raw, names)));
}

/** [MS-OXORULE] 2.2.4.1.9: names, version 1, actions. */
function readExtendedActions(raw: Uint8Array, names: Map<number, NamedId>): readonly RuleAction[] {
  checkSize(raw);
  const at = readNames(raw, names);
  const { value, end } = decodePrefix(ruleVersion, raw, at);
  if (value.ruleVersion !== 1) throw new WireError(`version ${value.ruleVersion} of rules`, at, "RuleVersion");
  return decode(ruleActions("extended"), raw.subarray(end));
}
