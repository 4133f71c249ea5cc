/** A message as the conditions of Outlook's rules see it. [MS-OXCDATA] 2.12, [MS-OXORULE] 2.2.1.3.1.9 */
import { getProperty, namedKey } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import type { Testable } from "#props/evaluate.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";
import { isNamedTag, propertyTypes, tagId, tagTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { foldAddress } from "#rules/message.ts";
import type { RuleMessage } from "#rules/message.ts";

const p = properties;

export type NamedOf = (propertyId: number) => NamedId | undefined;

function objectOf(object: ItemObject, namedOf: NamedOf): Testable {
  return {
    get(tag) {
      if (!isNamedTag(tag)) return object.bag.get(tag);
      const name = namedOf(tagId(tag));
      if (name === undefined) return undefined;
      const found = object.named.get(namedKey(name));
      return found !== undefined && propertyTypes[found.type].code === tagTypeCode(tag) ? found.value : undefined;
    },
  };
}

/** Whether one of the owner's addresses stands among the recipients of a type: 1 To, 2 Cc. [MS-OXOMSG] 2.2.1.3 */
function isAddressed(message: RuleMessage, own: ReadonlySet<string>, types: readonly number[]): boolean {
  return message.item.recipients.some((recipient) =>
    types.includes(getProperty(recipient, p.PidTagRecipientType) ?? 1) &&
    own.has(foldAddress(getProperty(recipient, p.PidTagSmtpAddress) ?? "")));
}

/** What the header of a message tells. [MS-OXCMAIL] 2.2.3.1, 2.2.3.2 */
const headTags: ReadonlySet<PropertyTag> = new Set([
  p.PidTagSubject, p.PidTagNormalizedSubject, p.PidTagSenderName, p.PidTagSenderEmailAddress,
  p.PidTagSenderAddressType, p.PidTagSenderSmtpAddress, p.PidTagSenderSearchKey, p.PidTagSentRepresentingName,
  p.PidTagSentRepresentingEmailAddress, p.PidTagSentRepresentingAddressType, p.PidTagSentRepresentingSmtpAddress,
  p.PidTagSentRepresentingSearchKey,
].map(({ tag }) => tag));

/**
 * Properties of the message, those that depend on whose mailbox it comes into among them. Nothing is converted before
 * a condition asks for it.
 */
export function testableOf(message: RuleMessage, ownAddresses: ReadonlySet<string>, namedOf: NamedOf): Testable {
  let item: Testable | null = null;
  let head: Testable | null = null;
  const inItem = (): Testable => (item ??= objectOf(message.item, namedOf));
  const computed = new Map<PropertyTag, () => PropertyValue>([
    [p.PidTagMessageSize.tag, () => message.sizeBytes],
    [p.PidTagMessageSizeExtended.tag, () => BigInt(message.sizeBytes)],
    [p.PidTagMessageToMe.tag, () => isAddressed(message, ownAddresses, [1])],
    [p.PidTagMessageCcMe.tag, () => isAddressed(message, ownAddresses, [2])],
    [p.PidTagMessageRecipientMe.tag, () => isAddressed(message, ownAddresses, [1, 2])],
    [p.PidTagHasAttachments.tag, () => message.index.hasAttachments],
    [p.PidTagMessageFlags.tag, () => (message.index.hasAttachments ? 0x10 : 0)],
  ]);
  return {
    get(tag) {
      const make = computed.get(tag);
      if (make !== undefined) return make();
      // Most rules ask for these alone: the body is left as it is until another one asks for more.
      if (item === null && headTags.has(tag)) return (head ??= objectOf(message.head, namedOf)).get(tag);
      return inItem().get(tag);
    },
    *recipients() {
      for (const recipient of message.item.recipients) yield objectOf(recipient, namedOf);
    },
    *attachments() {
      for (const attachment of message.item.attachments) yield objectOf(attachment, namedOf);
    },
  };
}
