/** Who gets the meeting messages of somebody who has delegates. [MS-OXODLGT] 2.2.2.2, 3.2.4.3 */
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { addressSearchKey, encodeOneOff } from "#convert/mime/one-off.ts";
import { setPerson } from "#convert/mime/people.ts";
import { copyItem } from "#calendar/meetings/parts.ts";
import { meetingTypes } from "#calendar/meetings/values.ts";
import type { ItemBag } from "#convert/item.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";

const p = properties;

export interface Delegate {
  readonly person: DisplayAddress;
  readonly seesPrivate: boolean;
}

/**
 * PidTagScheduleInfoDontMailDelegates, …DelegatorWantsCopy and …DelegatorWantsInfo: the delegates get it and the
 * principal nothing; the principal a copy to know of; both the same. [MS-OXODLGT] 2.2.2.2.2 to 2.2.2.2.4
 */
export type DelegateDelivery = "delegatesOnly" | "delegatesAndInformed" | "delegatesAndPrincipal";

export interface DelegateCopies {
  /** What comes into the principal's inbox; null for nothing. The calendar is the principal's whoever reads it. */
  readonly principal: ItemBag | null;
  readonly delegates: readonly { readonly to: DisplayAddress; readonly item: ItemBag }[];
}

const privateFrom = 2;

function receivedFor(message: ItemBag, principal: DisplayAddress, delegate: DisplayAddress): ItemBag {
  const copy = copyItem(message);
  const { address } = principal;
  const name = principal.name === "" ? address : principal.name;
  setPerson(copy, "receivedBy", delegate);
  setProperty(copy, p.PidTagReceivedRepresentingName, name);
  setProperty(copy, p.PidTagReceivedRepresentingAddressType, "SMTP");
  setProperty(copy, p.PidTagReceivedRepresentingEmailAddress, address);
  setProperty(copy, p.PidTagReceivedRepresentingSmtpAddress, address);
  setProperty(copy, p.PidTagReceivedRepresentingEntryId, encodeOneOff({ name, addressType: "SMTP", address }));
  setProperty(copy, p.PidTagReceivedRepresentingSearchKey, addressSearchKey("SMTP", address));
  return copy;
}

/**
 * The copies of a meeting message that came for a principal. What is private goes only to delegates who may see it;
 * when nobody may, the principal gets it as if there were no delegates. [MS-OXODLGT] 3.2.4.3, [MS-OXOCAL] 2.2.6.5
 */
export function delegateCopies(
  message: ItemBag, principal: DisplayAddress, delegates: readonly Delegate[], delivery: DelegateDelivery,
): DelegateCopies {
  const isPrivate = (getProperty(message, p.PidTagSensitivity) ?? 0) >= privateFrom ||
    getProperty(message, p.PidLidPrivate) === true;
  const told = delegates.filter(({ seesPrivate }) => seesPrivate || !isPrivate);
  if (told.length === 0) return { principal: message, delegates: [] };
  const copies = told.map(({ person }) => ({ to: person, item: receivedFor(message, principal, person) }));
  if (delivery === "delegatesOnly") return { principal: null, delegates: copies };
  if (delivery === "delegatesAndPrincipal") return { principal: message, delegates: copies };
  const own = copyItem(message);
  const type = getProperty(own, p.PidLidMeetingType) ?? meetingTypes.empty;
  setProperty(own, p.PidLidMeetingType, type | meetingTypes.delegatorCopy);
  setProperty(own, p.PidTagResponseRequested, false);
  setProperty(own, p.PidTagReplyRequested, false);
  return { principal: own, delegates: copies };
}
