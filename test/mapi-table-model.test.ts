/**
 * Proves that a client which only follows the events of a table has the rows that a fresh table shows: random
 * operations by MAPI and IMAP, by one at a time and several at once, against tables of different orders and restrictions.
 * [MS-OXCNOTIF] 3.1.4.3
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { ImapFlow } from "imapflow";
import type { ShortTermId } from "#props/object-ids.ts";
import { tableEvents as e } from "#wire/mapi/notification.ts";
import type { NotificationData } from "#wire/mapi/notification.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { MailboxClient, idFrom, startServer, tags } from "./support/mapi-mailbox.ts";
import { Random } from "./support/random.ts";
import { domain, password } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
let flow: ImapFlow;
const seed = Number(process.env["OUTPOST_MODEL_SEED"] ?? 20_261_122);
const steps = Number(process.env["OUTPOST_MODEL_STEPS"] ?? 60);
const columns = [tags.mid, tags.subject, tags.read];

before(async () => {
  server = await startServer(["alice"]);
  alice = await MailboxClient.open(server, "alice");
  flow = new ImapFlow({
    host: "127.0.0.1", port: server.ports.imaps, secure: true, servername: "localhost", tls: { ca: server.caPem },
    auth: { user: `alice@${domain}`, pass: password }, logger: false,
  });
  await flow.connect();
});
after(async () => {
  await flow?.logout();
  await alice?.disconnect();
  await server?.dispose();
});

interface Row {
  readonly id: string;
  readonly text: string;
}
const nameOf = (id: ShortTermId): string => `${id.replicaId}-${id.counter}`;
const toRow = (cells: readonly unknown[]): Row =>
  ({ id: nameOf(idFrom(cells[0] as bigint)), text: `${String(cells[1])} ${String(cells[2])}` });

/** Rows after one event; null says that they have to be read again. */
function follow(rows: Row[], data: NotificationData): Row[] | null {
  if (data.tableEventType === e.changed) return null;
  const id = nameOf(data.rowMessageId!);
  const rest = rows.filter((row) => row.id !== id);
  if (data.tableEventType === e.rowDeleted) return rest;
  const behind = nameOf(data.insertAfterMessageId!);
  const at = behind === "0-0" ? 0 : rest.findIndex((row) => row.id === behind) + 1;
  assert.ok(behind === "0-0" || at > 0, `${behind} is not there`);
  return [...rest.slice(0, at), toRow(data.rowData!), ...rest.slice(at)];
}

const sorts: readonly (readonly object[])[] = [
  [], [{ propertyType: 0x1f, propertyId: 0x0037, order: 0 }], [{ propertyType: 0x1f, propertyId: 0x0037, order: 1 }],
];

test("events lead to what a fresh table shows", async () => {
  const random = new Random(seed);
  const inbox = await alice.openFolder("inbox");
  const open = async (at: number): Promise<number> => {
    const table = await alice.contents(inbox, columns, 0);
    const [sortOrders, isUnread] = [sorts[at % 3]!, at >= 3];
    if (sortOrders.length > 0) {
      await alice.session.must(tables.RopSortTable, table,
        { sortTableFlags: 0, categoryCount: 0, expandedCount: 0, sortOrders });
    }
    if (isUnread) {
      await alice.session.must(tables.RopRestrict, table, { restrictFlags: 0, restrictionData: {
        restrictType: 4, relOp: 4, propertyTag: tags.read, taggedValue: { tag: tags.read, value: false },
      } });
    }
    return table;
  };
  const read = async (table: number): Promise<Row[]> => {
    await alice.session.must(tables.RopSeekRow, table, { origin: 0, rowCount: 0, wantRowMovedCount: false });
    return (await alice.rows(table, columns)).map(toRow);
  };
  const followed: { table: number; at: number; rows: Row[] }[] = [];
  for (let at = 0; at < 6; at++) {
    const table = await open(at);
    followed.push({ table, at, rows: await read(table) });
  }
  const lock = await flow.getMailboxLock("INBOX");
  try {
    for (let step = 0; step < steps; step++) {
      for (let times = 1 + random.integer(0, 3); times > 0; times--) await act(random, inbox);
      const events = await alice.session.events();
      for (const one of followed) {
        for (const { handle, data } of events) {
          if (handle === one.table) one.rows = follow(one.rows, data) ?? await read(one.table);
        }
        const fresh = await open(one.at);
        assert.deepEqual(one.rows, await read(fresh), `table ${one.at}, step ${step}, seed ${seed}`);
        alice.session.release(fresh);
      }
    }
  } finally {
    lock.release();
  }
});

async function act(random: Random, inbox: number): Promise<void> {
  const { session } = alice;
  const subject = `s${random.integer(0, 30)}`;
  const known = await flow.search({ all: true }, { uid: true });
  const uids = known === false || known === undefined ? [] : known;
  const uid = uids.length === 0 ? null : String(uids[random.integer(0, uids.length)]);
  switch (random.integer(0, 6)) {
    case 0: case 1:
      await alice.save(await alice.create("inbox", [[tags.subject, subject], [tags.messageClass, "IPM.Note"]]));
      break;
    case 2:
      await flow.append("INBOX", `Subject: ${subject}\r\n\r\ntext`, random.integer(0, 2) === 0 ? ["\\Seen"] : []);
      break;
    case 3:
      if (uid !== null) await flow.messageFlagsAdd(uid, ["\\Seen"], { uid: true });
      break;
    case 4:
      if (uid !== null && uids.length > 8) await flow.messageDelete(uid, { uid: true });
      break;
    default: {
      const table = await alice.contents(inbox, columns, 0x10);
      const rows = await alice.rows(table, columns);
      session.release(table);
      if (rows.length === 0) return;
      const messageId = idFrom(rows[random.integer(0, rows.length)]![0] as bigint);
      if (random.integer(0, 4) === 0) {
        await session.must(folders.RopDeleteMessages, inbox,
          { wantAsynchronous: false, notifyNonRead: false, messageIds: [messageId] });
        return;
      }
      const message = await alice.open(inbox, "inbox", messageId);
      await alice.set(message, [[tags.subject, subject]]);
      await session.must(messages.RopSaveChangesMessage, message, { saveFlags: 0x0a });
      session.release(message);
    }
  }
}
