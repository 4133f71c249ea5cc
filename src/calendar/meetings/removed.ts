/**
 * Who was taken off a meeting, and by which message: an answer that was on its way then does not bring him back.
 * Kept with the organizer's meeting. RFC 5546 §3.2.3
 */
import { propertySets } from "#props/property-sets.ts";
import { namedKey, setNamed } from "#convert/item.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { NamedId } from "#props/registry.ts";
import type { ItemBag } from "#convert/item.ts";

const removedName: NamedId = { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "urn:outpost:meeting:removed" };
const keptMax = 1000;

/** One "sequence day address" each, the day empty for the whole meeting. */
function entriesOf(item: ItemBag): string[] {
  const value = item.named.get(namedKey(removedName))?.value;
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}

export function rememberRemoved(
  item: ItemBag, addresses: Iterable<string>, day: LocalMinutes | undefined, sequence: number,
): void {
  const added = [...addresses].map((address) => `${sequence} ${day ?? ""} ${address.toLowerCase()}`);
  if (added.length === 0) return;
  setNamed(item, removedName, "MultipleString", [...entriesOf(item), ...added].slice(-keptMax));
}

/** A program that writes the meeting anew does not know of it. */
export function carryRemoved(item: ItemBag, before: ItemBag): void {
  const entries = entriesOf(before);
  if (entries.length > 0) setNamed(item, removedName, "MultipleString", entries);
}

/** Whether somebody was taken off after he got the message of that sequence number. */
export function wasRemoved(item: ItemBag, address: string, day: LocalMinutes | undefined, sequence: number): boolean {
  return entriesOf(item).some((entry) => {
    const [at = "", where = "", who = ""] = entry.split(" ");
    return who === address.toLowerCase() && (where === "" || where === String(day)) && sequence < Number(at);
  });
}
