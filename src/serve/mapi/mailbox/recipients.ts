/** Recipients between their rows on the wire and their properties. [MS-OXCDATA] 2.8.3, [MS-OXCMSG] 2.2.1.47 */
import { decodeCodePage } from "#format/mapi/code-page.ts";
import { valueSize } from "#props/compare.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { cellOf } from "#serve/mapi/mailbox/property-source.ts";
import { addressTypes, CellError, recipientFlags, TypedCell } from "#wire/mapi/rows.ts";
import type { Cell, RecipientRow } from "#wire/mapi/rows.ts";

const text = (id: number): PropertyTag => makeTag(id, "String");
const tags = {
  recipientType: makeTag(0x0c15, "Integer32"), displayName: text(0x3001), addressType: text(0x3002),
  emailAddress: text(0x3003), simpleDisplayName: text(0x39ff), transmittableDisplayName: text(0x3a20),
  sendRichInfo: makeTag(0x3a40, "Boolean"), responsibility: makeTag(0x0e0f, "Boolean"),
  displayType: makeTag(0x3900, "Integer32"), entryId: makeTag(0x0fff, "Binary"), searchKey: makeTag(0x300b, "Binary"),
  objectType: makeTag(0x0ffe, "Integer32"),
} as const;

/** What stands beside the fixed fields in every answer. [MS-OXCMSG] 3.2.5.1 */
export const recipientColumns: readonly PropertyTag[] = [
  tags.objectType, tags.displayType, text(0x39ff), text(0x39fe), makeTag(0x3a71, "Integer32"),
  makeTag(0x3905, "Integer32"), text(0x5ff6), makeTag(0x5ffd, "Integer32"), makeTag(0x5fff, "Integer32"),
  makeTag(0x5fdf, "Integer32"), makeTag(0x5ff7, "Binary"), makeTag(0x0fff, "Binary"), makeTag(0x300b, "Binary"),
];

const stringOf = (bag: PropertyBag, tag: PropertyTag): string => {
  const value = bag.get(tag);
  return typeof value === "string" ? value.replaceAll("\0", "") : "";
};

export interface RecipientOnWire {
  readonly recipientType: number;
  readonly row: RecipientRow;
  readonly aboutBytes: number;
}

export function toRecipientRow(bag: PropertyBag, codePage: number): RecipientOnWire {
  const type = stringOf(bag, tags.addressType).toUpperCase();
  const emailAddress = stringOf(bag, tags.emailAddress);
  const displayName = stringOf(bag, tags.displayName);
  const transmittable = stringOf(bag, tags.transmittableDisplayName);
  const simple = stringOf(bag, tags.simpleDisplayName);
  const isX500 = type === "EX" && isNarrow(emailAddress);
  const isOwn = !isX500 && type !== "SMTP" && type !== "" && isNarrow(type);
  const isSame = transmittable !== "" && transmittable === displayName;
  const f = recipientFlags;
  const flags = (isX500 ? addressTypes.x500 : type === "SMTP" ? addressTypes.smtp : addressTypes.none) | f.unicode |
    (isOwn ? f.addressType : 0) | (isX500 || emailAddress === "" ? 0 : f.emailAddress) |
    (displayName === "" ? 0 : f.displayName) | (simple === "" ? 0 : f.simpleDisplayName) |
    (isSame ? f.sameAsDisplay : transmittable === "" ? 0 : f.transmittableDisplayName) |
    (bag.get(tags.sendRichInfo) === false ? f.nonRich : 0) |
    (bag.get(tags.responsibility) === true ? f.responsible : 0);
  const cells = recipientColumns.map((tag) => cellOf(bag, tag, codePage));
  const displayType = bag.get(tags.displayType);
  const row: RecipientRow = {
    recipientFlags: flags, recipientProperties: cells,
    ...isX500 ? {
      addressPrefixUsed: 0, displayType: typeof displayType === "number" ? displayType & 0xff : 0, x500Dn: emailAddress,
    } : {},
    ...isOwn ? { addressType: type } : {},
    ...isX500 || emailAddress === "" ? {} : { emailAddress },
    ...displayName === "" ? {} : { displayName },
    ...simple === "" ? {} : { simpleDisplayName: simple },
    ...isSame || transmittable === "" ? {} : { transmittableDisplayName: transmittable },
  };
  const kind = bag.get(tags.recipientType);
  const aboutBytes = 40 + 2 * (emailAddress.length + displayName.length + transmittable.length + simple.length) +
    cells.reduce<number>((sum, cell, index) => sum + cellSize(recipientColumns[index]!, cell), 0);
  return { recipientType: typeof kind === "number" ? kind & 0xff : 1, row, aboutBytes };
}

/** What fits a text of one byte for each character; a client may have set anything as a property. */
const isNarrow = (value: string): boolean => !/[^\x01-\xff]/.test(value);

function cellSize(tag: PropertyTag, cell: Cell): number {
  if (cell === undefined || cell instanceof CellError) return 5;
  return 4 + valueSize(tag, cell instanceof TypedCell ? cell.value : cell);
}

const typeNames: Readonly<Record<number, string>> = {
  1: "EX", 2: "MS", 3: "SMTP", 4: "FAX", 5: "PROFS", 6: "MAPIPDL", 7: "MAPIPDL",
};

/** All that a row tells, as properties. */
export function fromRecipientRow(
  row: RecipientRow, recipientType: number, columns: readonly PropertyTag[], codePage: number,
): PropertyBag {
  const f = recipientFlags;
  const isUnicode = (row.recipientFlags & f.unicode) !== 0;
  const read = (value: string | undefined): string | undefined =>
    (value === undefined || isUnicode ? value : decodeCodePage(Buffer.from(value, "latin1"), codePage));
  const bag: PropertyBag = new Map<PropertyTag, PropertyValue>([[tags.recipientType, recipientType]]);
  const put = (tag: PropertyTag, value: PropertyValue | undefined): void => {
    if (value !== undefined) bag.set(tag, value);
  };
  const displayName = read(row.displayName);
  put(tags.addressType, row.addressType ?? typeNames[row.recipientFlags & f.typeMask]);
  put(tags.emailAddress, row.x500Dn ?? read(row.emailAddress));
  put(tags.displayName, displayName);
  put(tags.simpleDisplayName, read(row.simpleDisplayName));
  put(tags.transmittableDisplayName,
    read(row.transmittableDisplayName) ?? ((row.recipientFlags & f.sameAsDisplay) === 0 ? undefined : displayName));
  put(tags.displayType, row.displayType);
  put(tags.entryId, row.entryId);
  put(tags.searchKey, row.searchKey);
  put(tags.sendRichInfo, (row.recipientFlags & f.nonRich) === 0);
  if ((row.recipientFlags & f.responsible) !== 0) put(tags.responsibility, true);
  row.recipientProperties.forEach((cell, index) => {
    const tag = columns[index]!;
    if (cell === undefined || cell instanceof CellError) return;
    put(tag, cell instanceof TypedCell ? cell.value : cell);
  });
  return bag;
}
