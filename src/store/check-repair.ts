/** The procedures that put right what a check found. */
import { Fault } from "#base/fault.ts";
import { procedure } from "#store/api.ts";
import { checkRow, textFor } from "#store/check-rows.ts";
import type { CheckKind } from "#store/check-rows.ts";
import { takeServerCn } from "#store/server-cn.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

function* takeCn(mailboxId: number): Work<number> {
  const row = yield* get<{ cn: number }>(
    "UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn", mailboxId);
  if (row === undefined) throw new Fault("corrupt", "This mailbox has lost its own row; restore it from a backup.");
  return row.cn;
}

/** How many of `ids` were wrong still, and are right now. */
export const repairIds = procedure({
  name: "store.repairIds",
  *run(tx, args: { kind: CheckKind; ids: readonly number[] }): Work<number> {
    const row = checkRow(args.kind);
    if (row.repair === null) throw new Fault("notSupported", `Findings "${args.kind}" cannot be repaired.`);
    let cn = 0;
    let repaired = 0;
    for (const id of args.ids) {
      const still = yield* all<{ id: number }>(textFor(tx.dialect, row.query), tx.scope, id, id);
      if (still.length === 0) continue;
      if (cn === 0) cn = yield* takeCn(tx.scope);
      for (const text of row.repair) yield* run(textFor(tx.dialect, text), tx.scope, id);
      repaired++;
    }
    return repaired;
  },
});

/** Rows of the server's data that belong to something else there: table, its column, and the table it points into. */
export const serverReferences = [
  { table: "queue_recipient", column: "queue_id", owner: "queue_message", ownerColumn: "queue_id", unless: "" },
  { table: "entry_address", column: "entry_id", owner: "entry", ownerColumn: "entry_id", unless: "" },
  { table: "entry_attribute", column: "entry_id", owner: "entry", ownerColumn: "entry_id", unless: "" },
  { table: "group_member", column: "group_id", owner: "entry", ownerColumn: "entry_id", unless: "" },
  { table: "group_member", column: "member_id", owner: "entry", ownerColumn: "entry_id", unless: "" },
  { table: "entry_grant", column: "target_id", owner: "entry", ownerColumn: "entry_id", unless: "" },
  { table: "entry_grant", column: "grantee_id", owner: "entry", ownerColumn: "entry_id", unless: "" },
  { table: "entry_role", column: "entry_id", owner: "entry", ownerColumn: "entry_id", unless: "" },
  { table: "entry_role", column: "over_id", owner: "entry", ownerColumn: "entry_id", unless: " AND over_id <> 0" },
  { table: "credential", column: "entry_id", owner: "entry", ownerColumn: "entry_id", unless: "" },
  // The other way round: a message in the queue goes with its last recipient.
  { table: "queue_message", column: "queue_id", owner: "queue_recipient", ownerColumn: "queue_id", unless: "" },
] as const;
export type ServerReference = (typeof serverReferences)[number];

export function orphanCondition({ table, column, owner, ownerColumn, unless }: ServerReference): string {
  return `NOT EXISTS (SELECT 1 FROM ${owner} o WHERE o.${ownerColumn} = ${table}.${column})${unless}`;
}

export const removeServerOrphans = procedure({
  name: "store.removeServerOrphans",
  *run(_tx, args: { index: number }): Work<number> {
    const row = serverReferences[args.index]!;
    const removed = yield* run(`DELETE FROM ${row.table} WHERE ${orphanCondition(row)}`);
    if (removed > 0) yield* takeServerCn();
    return removed;
  },
});
