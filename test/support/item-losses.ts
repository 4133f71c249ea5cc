/** What differs between two items, in the names of their properties. */
import { properties, propertiesByTag, propertyByNamedId } from "#props/registry.ts";
import { namedKey } from "#convert/item.ts";
import type { PropertyTag } from "#props/types.ts";
import type { NamedProperty } from "#props/registry.ts";

const byKey = new Map(Object.values(properties).flatMap((one) =>
  (one.named === undefined ? [] : [[namedKey(one.named), (propertyByNamedId(one.named) as NamedProperty).name] as const])));

/** The name of a property from what stands for it in a path: its tag, or the key of its name. */
export function propertyNameOf(text: string): string {
  if (/^0x[0-9A-Fa-f]{8}$/.test(text)) {
    return propertiesByTag(Number(text) as PropertyTag)[0]?.name ?? text;
  }
  const known = byKey.get(text);
  if (known !== undefined) return known;
  const [, name] = /^[0-9a-f-]{36}[|+](.*)$/s.exec(text) ?? [];
  return name === undefined ? text : `"${name}"`;
}

/**
 * `gone: attachment PidTagX` for each difference of two meanings: what is lost, added or changed, and where. What is gone
 * and said nothing (no text, zero, false) is `unsaid`.
 */
export function differenceNames(differences: readonly string[]): string[] {
  const found = differences.map((difference) => {
    const [, path = "", before = "", after = ""] = /^(.*?): (.*) → (.*)$/s.exec(difference) ?? [];
    const isSaying = !/^(?:""|0|false|\[\]|"0")$/.test(before);
    const kind = after === "undefined" ? (isSaying ? "gone" : "unsaid") : before === "undefined" ? "added" : "changed";
    const words = path.split("/").filter((word) => word !== "").map((word) =>
      word === "attachments" ? "attachment" : word === "recipients" ? "recipient" : word === "content" ? "inside" : word)
      .filter((word) => !/^\d+$/.test(word)).map(propertyNameOf);
    return `${kind}: ${words.join(" ")}`;
  });
  return [...new Set(found)];
}
