/** What a vCard or iCalendar object says beyond the properties of MAPI, kept with the item. */
import { getProperty, namedKey, setNamed } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";
import { parseDay, parseInstant } from "#convert/vcard/dates.ts";
import { parseLine } from "#convert/vcard/lines.ts";
import type { Line } from "#convert/vcard/lines.ts";
import { partsOfAddress } from "#convert/vcard/shapes.ts";
import { formatLine, structureOf, unescapeText } from "#convert/vcard/text.ts";

const guid = propertySets.PS_PUBLIC_STRINGS.guid;

/** Lines that have no property, as they stood. */
export const unknownLines: NamedId = { guid, id: "OutpostUnknownLines" };
/** Lines that have one, as they stood: `version`, then `slot line`. Written again while the property says the same. */
export const knownLines: NamedId = { guid, id: "OutpostKnownLines" };
/** UID of the card or task. RFC 6350 §6.7.6 */
export const uidName: NamedId = { guid, id: "OutpostUid" };

function stringsOf(item: ItemObject, name: NamedId): readonly string[] {
  const found = item.named.get(namedKey(name));
  return found?.type === "MultipleString" ? found.value as readonly string[] : [];
}

export function uidOf(item: ItemObject): string | undefined {
  const found = item.named.get(namedKey(uidName));
  return found?.type === "String" ? found.value as string : undefined;
}

export function keepUnknown(item: ItemObject, lines: readonly Line[]): void {
  if (lines.length > 0) setNamed(item, unknownLines, "MultipleString", lines.map(formatLine));
}

export function unknownOf(item: ItemObject): Line[] {
  return stringsOf(item, unknownLines).map(parseLine).filter((line) => line !== undefined);
}

/** A place in the item that a line fills; what stands before the slash says how its value reads. */
export type Slot = `${SlotKind}/${string}`;
type SlotKind = "text" | "structure" | "date" | "instant" | "uri" | "tel" | "list" | "uid" | "address";

/** Two lines of one slot with the same meaning are the same line to the item. */
function meaningOf(slot: string, { value }: Line): string {
  switch (slot.slice(0, slot.indexOf("/"))) {
    case "structure": {
      const parts = structureOf(value, " ");
      return JSON.stringify(parts).replaceAll(/(?:,"")+\]$/g, "]");
    }
    case "address": return JSON.stringify(partsOfAddress(value, slot.endsWith("/work") ? "work" : "other"));
    // The slot says it all.
    case "uid": return "";
    case "date": return JSON.stringify(parseDay(value));
    case "instant": return String(parseInstant(value));
    case "list": return JSON.stringify(structureOf(value.replaceAll(";", "\\;").replaceAll(",", ";"), ","));
    case "tel": return numberOf(value);
    case "uri": return unescapeText(value).trim().replace(/^mailto:/i, "");
    default: return unescapeText(value);
  }
}

/** A telephone number, whether or not it stands as a URI. RFC 6350 §6.4.1 */
export function numberOf(value: string): string {
  return unescapeText(value).trim().replace(/^tel:/i, "");
}

/** Longer lines are not kept twice. */
const knownLineMax = 2000;

export class KnownLines {
  readonly #lines: string[] = [];

  add(slot: Slot, line: Line, isPlain: boolean): void {
    if (isPlain && line.group === "" && line.parameters.length === 0) return;
    const text = formatLine(line);
    if (text.length <= knownLineMax) this.#lines.push(`${slot} ${text}`);
  }

  store(item: ItemObject, version: string): void {
    if (this.#lines.length > 0) setNamed(item, knownLines, "MultipleString", [version, ...this.#lines]);
  }
}

/** Gives a line of a slot its old shape where it still means the same. */
export class OldShapes {
  readonly version: string;
  readonly #known: Map<string, Line[]>;

  constructor(item: ItemObject) {
    const [version = "", ...texts] = stringsOf(item, knownLines);
    this.version = version;
    this.#known = new Map();
    for (const text of texts) {
      const space = text.indexOf(" ");
      const line = parseLine(text.slice(space + 1));
      if (line === undefined || space < 0) continue;
      const slot = text.slice(0, space);
      const lines = this.#known.get(slot);
      if (lines === undefined) this.#known.set(slot, [line]);
      else lines.push(line);
    }
  }

  /** The line as it stood, or undefined when it says something else now. */
  of(slot: Slot, fresh: Line): Line | undefined {
    const lines = this.#known.get(slot);
    if (lines === undefined) return undefined;
    const meaning = meaningOf(slot, fresh);
    const index = lines.findIndex((line) => meaningOf(slot, line) === meaning);
    return index < 0 ? undefined : lines.splice(index, 1)[0];
  }
}

/** [MS-OXCMSG] 2.2.1.10, 2.2.1.46 */
export function setSubject(item: ItemObject, subject: string): void {
  item.bag.set(properties.PidTagSubject.tag, subject);
  item.bag.set(properties.PidTagNormalizedSubject.tag, subject);
}

/** CLASS of both formats. [MS-OXCICAL] 2.1.3.1.1.20.4, [MS-OXVCARD] 2.1.3.7.1 */
export const sensitivities = ["PUBLIC", "X-PERSONAL", "PRIVATE", "CONFIDENTIAL"] as const;

/** False for a class there is none of. */
export function setSensitivity(item: ItemObject, value: string): boolean {
  const found = (sensitivities as readonly string[]).indexOf(value.trim().toUpperCase());
  if (found < 0) return false;
  item.bag.set(properties.PidTagSensitivity.tag, found);
  item.named.set(namedKey(properties.PidLidPrivate.named), {
    name: properties.PidLidPrivate.named, type: "Boolean", value: found === 2,
  });
  return true;
}

export function sensitivityOf(item: ItemObject): string | undefined {
  const found = getProperty(item, properties.PidTagSensitivity);
  return found === undefined ? undefined : sensitivities[found];
}
