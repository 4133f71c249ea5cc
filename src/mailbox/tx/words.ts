/** The words of an item made of properties, worked out from its rows: for a copy, whose words the index cannot give. */
import { guidText } from "#mailbox/items/names.ts";
import { bagsToObject } from "#mailbox/items/stored-bags.ts";
import { searchFieldsOf } from "#mailbox/items/describe.ts";
import { readParts } from "#mailbox/tx/item-rows.ts";
import type { Transaction } from "#store/api.ts";
import type { NamedId } from "#props/registry.ts";
import { addToSearchIndex } from "#store/search-index.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** The names behind the ids of a mailbox's properties, for a transaction that needs them. */
export function* readNames(tx: Transaction): Work<ReadonlyMap<number, NamedId>> {
  const rows = yield* all<{ property_id: number; property_set: Uint8Array; lid: number; name: string }>(
    "SELECT property_id, property_set, lid, name FROM named_property WHERE mailbox_id = $1", tx.scope);
  return new Map(rows.map((row): [number, NamedId] =>
    [row.property_id, { guid: guidText(row.property_set), id: row.lid === -1 ? row.name : row.lid }]));
}

export function* indexItemWords(tx: Transaction, itemId: number, names: ReadonlyMap<number, NamedId>): Work<void> {
  const parts = yield* readParts(tx.scope, itemId);
  if (parts === undefined) return;
  const described = {
    ...bagsToObject(parts.bags, names),
    recipients: parts.recipients.map(({ bag }) => bagsToObject({ bag, values: [] }, names)),
    attachments: parts.attachments.map(({ bag }) => bagsToObject({ bag, values: [] }, names)),
  };
  yield* addToSearchIndex(tx, -itemId, searchFieldsOf(described));
}
