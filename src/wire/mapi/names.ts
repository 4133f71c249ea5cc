/** Names of named properties. [MS-OXCDATA] 2.6.1 */
import { guid, utf16Bytes } from "#codec/binary/bytes.ts";
import { choose, mapped, struct, when } from "#codec/binary/combine.ts";
import { enumeration, u32, u8 } from "#codec/binary/numbers.ts";
import type { Scope, Type } from "#codec/binary/type.ts";
import type { NamedId } from "#props/registry.ts";

type NameKind = "number" | "text" | "none";
const kinds = { number: 0, text: 1, none: 0xff };
const hasName = (scope: Scope): boolean => scope.get("kind") !== "none";

/** PropertyName; null for an id that has no name. [MS-OXCDATA] 2.6.1 */
export const propertyName: Type<NamedId | null> = mapped<
  { readonly kind: NameKind; readonly guid?: string | undefined; readonly id?: number | string | undefined },
  NamedId | null
>(
  struct({
    kind: enumeration(u8, kinds),
    guid: when(hasName, guid),
    id: when(hasName, choose("kind", { number: u32, text: utf16Bytes(u8) })),
  }),
  (raw) => {
    if (raw.kind === "none" || raw.guid === undefined || raw.id === undefined) return null;
    return { guid: raw.guid, id: typeof raw.id === "string" ? withoutNul(raw.id) : raw.id };
  },
  (name) => {
    if (name === null) return { kind: "none" };
    if (typeof name.id === "number") return { kind: "number", guid: name.guid, id: name.id };
    return { kind: "text", guid: name.guid, id: `${name.id}\0` };
  },
);

function withoutNul(text: string): string {
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}
