/** Every ROP by its id. [MS-OXCROPS] 2.2.2 */
import type { Rop } from "#wire/mapi/rop.ts";
import * as fastTransfer from "#wire/mapi/rops/fast-transfer.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as notifications from "#wire/mapi/rops/notifications.ts";
import * as permissions from "#wire/mapi/rops/permissions.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as rules from "#wire/mapi/rops/rules.ts";
import * as sessions from "#wire/mapi/rops/sessions.ts";
import * as store from "#wire/mapi/rops/store.ts";
import * as streams from "#wire/mapi/rops/streams.ts";
import * as synchronization from "#wire/mapi/rops/synchronization.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import * as transport from "#wire/mapi/rops/transport.ts";

const groups: readonly Readonly<Record<string, unknown>>[] = [
  fastTransfer, folders, messages, notifications, permissions, properties, rules, sessions, store, streams,
  synchronization, tables, transport,
];

function isRop(value: unknown): value is Rop {
  return typeof value === "object" && value !== null && "answers" in value && "section" in value;
}

/** Undefined for an id that no ROP has. */
export const ropById: ReadonlyMap<number, Rop> = new Map(
  groups.flatMap((group) => Object.values(group).filter(isRop)).map((row) => [row.id, row]),
);
