/** Ids of named properties: given out once for each name and mailbox, 0x8000 to 0xFFFE. [MS-OXCPRPT] 2.2.12 */
import { Fault } from "#base/fault.ts";
import { takeCn } from "#mailbox/tx/counters.ts";
import { procedure } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** A name is a number or a text in a property set; texts are told apart by case, as Exchange stores them. */
export type PropertyName =
  | { readonly set: Uint8Array; readonly lid: number }
  | { readonly set: Uint8Array; readonly name: string };

const idMax = 0xfffe;
/** Column value that says "this name is a text". */
const noLid = -1;

function columns(name: PropertyName): [set: Uint8Array, lid: number, name: string] {
  return "lid" in name ? [name.set, name.lid, ""] : [name.set, noLid, name.name];
}

/** Ids in the order of the names; 0 for names that have none yet. */
export function* findPropertyIds(mailboxId: number, names: readonly PropertyName[]): Work<number[]> {
  const ids: number[] = [];
  for (const name of names) {
    const row = yield* get<{ property_id: number }>(
      "SELECT property_id FROM named_property WHERE mailbox_id = $1 AND property_set = $2 AND lid = $3 AND name = $4",
      mailboxId, ...columns(name));
    ids.push(row?.property_id ?? 0);
  }
  return ids;
}

/** Ids in the order of the names; new names get the next ids. Fault `tooMany` when all ids are given out. */
export const takePropertyIds = procedure({
  name: "mailbox.takePropertyIds",
  *run(tx, args: { names: readonly PropertyName[] }): Work<number[]> {
    const ids = yield* findPropertyIds(tx.scope, args.names);
    if (!ids.includes(0)) return ids;
    yield* takeCn(tx.scope);
    for (const [index, name] of args.names.entries()) {
      if (ids[index] !== 0) continue;
      // The same new name may stand twice in one call.
      const [again] = yield* findPropertyIds(tx.scope, [name]);
      ids[index] = again !== 0 ? again! : yield* takePropertyId(tx.scope, name);
    }
    return ids;
  },
});

function* takePropertyId(mailboxId: number, name: PropertyName): Work<number> {
  const row = yield* get<{ next: number }>(
    `UPDATE mailbox SET next_property_id = next_property_id + 1 WHERE mailbox_id = $1
     RETURNING next_property_id AS next`, mailboxId);
  const propertyId = row!.next - 1;
  if (propertyId > idMax) throw new Fault("tooMany", "This mailbox has given out all ids for named properties.");
  yield* run(
    "INSERT INTO named_property (mailbox_id, property_id, property_set, lid, name) VALUES ($1, $2, $3, $4, $5)",
    mailboxId, propertyId, ...columns(name));
  return propertyId;
}

/** The names of ids, in their order; null for an id that was never given out. */
export function* readPropertyNames(mailboxId: number, ids: readonly number[]): Work<(PropertyName | null)[]> {
  const names: (PropertyName | null)[] = [];
  for (const propertyId of ids) {
    const [row] = yield* all<{ property_set: Uint8Array; lid: number; name: string }>(
      "SELECT property_set, lid, name FROM named_property WHERE mailbox_id = $1 AND property_id = $2",
      mailboxId, propertyId);
    if (row === undefined) names.push(null);
    else if (row.lid === noLid) names.push({ set: row.property_set, name: row.name });
    else names.push({ set: row.property_set, lid: row.lid });
  }
  return names;
}
