/** Whom a rule names: whom its actions send to, and whom its condition is about. [MS-OXORULE] 2.2.5.1.2.4.1 */
import { properties } from "#props/registry.ts";
import { actionTypes } from "#props/structures.ts";
import type { Restriction, RuleRecipient } from "#props/structures.ts";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyValue } from "#props/types.ts";
import { foldAddress } from "#rules/message.ts";
import type { Rule } from "#rules/outlook/rule.ts";

const p = properties;
const smtpAddressId = tagId(p.PidTagSmtpAddress.tag);
const addressTypeId = tagId(p.PidTagAddressType.tag);
const emailAddressId = tagId(p.PidTagEmailAddress.tag);

export interface NamedRecipient {
  /** "SMTP", or the kind of address that has to be looked up. */
  readonly type: string;
  /** Empty where the recipient has none. */
  readonly address: string;
}

/** The Internet address where there is one; else what the address book may know. */
export function namedRecipient(recipient: RuleRecipient): NamedRecipient {
  const smtp = text(recipient, smtpAddressId);
  if (smtp !== null && foldAddress(smtp) !== "") return { type: "SMTP", address: smtp };
  const address = text(recipient, emailAddressId) ?? entryDn(recipient) ?? "";
  // Clients leave the type out beside a distinguished name.
  const type = text(recipient, addressTypeId) ?? (address.startsWith("/") ? "EX" : "SMTP");
  return { type: type.toUpperCase(), address };
}

/** Distinguished names in small letters that rules name, of which only the directory knows the Internet address. */
export function distinguishedNames(rules: readonly Rule[]): Set<string> {
  const found = new Set<string>();
  for (const { actions, condition } of rules) {
    for (const action of actions) {
      if (action.actionType !== actionTypes.forward && action.actionType !== actionTypes.delegate) continue;
      for (const recipient of action.recipients) {
        const { type, address } = namedRecipient(recipient);
        if (type === "EX" && address !== "") found.add(address.toLowerCase());
      }
    }
    if (condition === null) continue;
    inCondition(condition, (name) => {
      found.add(name);
      return null;
    });
  }
  return found;
}

/**
 * The rules with the people of the address book named by the addresses that mail has of them: a client writes the
 * search key of an entry, and mail comes with that of an Internet address.
 */
export function withAddresses(rules: readonly Rule[], addressOf: ReadonlyMap<string, string>): readonly Rule[] {
  if (addressOf.size === 0) return rules;
  return rules.map((rule) => {
    if (rule.condition === null) return rule;
    const condition = inCondition(rule.condition, (name) => addressOf.get(name) ?? null);
    return condition === rule.condition ? rule : { ...rule, condition };
  });
}

/** The same condition where no key of it changes. */
function inCondition(condition: Restriction, addressOf: (name: string) => string | null): Restriction {
  switch (condition.restrictType) {
    case 0: case 1: {
      const restricts = condition.restricts.map((one) => inCondition(one, addressOf));
      const isSame = restricts.every((one, index) => one === condition.restricts[index]);
      return isSame ? condition : { ...condition, restricts };
    }
    case 2: case 9: case 11: {
      const restriction = inCondition(condition.restriction, addressOf);
      return restriction === condition.restriction ? condition : { ...condition, restriction };
    }
    case 10: {
      if (condition.restriction === undefined) return condition;
      const restriction = inCondition(condition.restriction, addressOf);
      return restriction === condition.restriction ? condition : { ...condition, restriction };
    }
    case 3: case 4: {
      const { tag, value } = condition.taggedValue;
      const key = keyOf(value, addressOf);
      return key === null ? condition : { ...condition, taggedValue: { tag, value: key } };
    }
    default: return condition;
  }
}

/** Another key for that of an entry of the address book. [MS-OXCMAIL] 2.2.3.1.1 (PidTagSenderSearchKey) */
function keyOf(value: PropertyValue, addressOf: (name: string) => string | null): Uint8Array | null {
  if (!(value instanceof Uint8Array) || value.length > keyMaxBytes) return null;
  const key = Buffer.from(value).toString("latin1");
  const name = /^ex:(\/[^\0]+)(\0?)$/i.exec(key);
  if (name === null) return null;
  const address = addressOf(name[1]!.toLowerCase());
  return address === null ? null : Buffer.from(`SMTP:${address.toUpperCase()}${name[2]}`, "latin1");
}

function text(recipient: RuleRecipient, id: number): string | null {
  for (const { tag, value } of recipient.values) {
    if (tag === makeTag(id, "String") && typeof value === "string") return value;
    if (tag === makeTag(id, "String8") && value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  }
  return null;
}

const addressBookProvider = Buffer.from("dca740c8c042101ab4b908002b2fe182", "hex");
const dnAt = 28;
/** A distinguished name has at most 1,024. */
const keyMaxBytes = 1100;

/** The name in an entry id of the address book. [MS-OXCDATA] 2.2.5.2 */
function entryDn({ values }: RuleRecipient): string | null {
  const id = values.find(({ tag }) => tag === p.PidTagEntryId.tag)?.value;
  if (!(id instanceof Uint8Array) || !addressBookProvider.equals(id.subarray(4, 20))) return null;
  const dn = Buffer.from(id.subarray(dnAt)).toString("latin1");
  const end = dn.indexOf("\0");
  return end < 0 ? dn : dn.slice(0, end);
}
