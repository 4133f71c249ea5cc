/** Which ROPs are for which tables, and which of them wait for columns. [MS-OXCTABL] 3.2.5 */
import { RopError } from "#serve/mapi/mailbox/errors.ts";

/** What rows of a table stand for. [MS-OXCTABL] 1.3 */
export type TableKind = "contents" | "hierarchy" | "attachments" | "permissions" | "rules";

interface TableAct {
  /** Tables of any kind when left out. */
  readonly on?: readonly TableKind[];
  /** Refused until RopSetColumns has said what rows show, as Exchange 2010 and above do. */
  readonly needsColumns?: true;
}

const bookmarked: readonly TableKind[] = ["contents", "hierarchy"];
const searched: readonly TableKind[] = ["contents", "hierarchy", "rules"];
const sorted: readonly TableKind[] = ["contents"];

/** One row for each ROP that not every table does at any time. [MS-OXCTABL] 3.2.5.2 to 3.2.5.20 */
export const tableActs = {
  sort: { on: sorted },
  restrict: { on: searched },
  queryRows: { needsColumns: true },
  abort: { on: bookmarked },
  createBookmark: { on: bookmarked },
  freeBookmark: { on: bookmarked, needsColumns: true },
  seekBookmark: { on: bookmarked, needsColumns: true },
  find: { on: searched, needsColumns: true },
  reset: { on: sorted },
  expand: { on: sorted, needsColumns: true },
  collapse: { on: sorted, needsColumns: true },
  collapseState: { on: sorted, needsColumns: true },
} as const satisfies Record<string, TableAct>;
export type TableActName = keyof typeof tableActs;

/** RopError where a table does not do what is asked. */
export function requireAct(name: TableActName, tableKind: TableKind, hasColumns: boolean): void {
  const act: TableAct = tableActs[name];
  if (act.on?.includes(tableKind) === false) {
    throw new RopError("notSupported", `This is not done to tables of ${tableKind}.`);
  }
  if (act.needsColumns === true && !hasColumns) throw new RopError("nullObject", "The table has no columns yet.");
}
