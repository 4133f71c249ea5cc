/**
 * Proves that a client which only follows the events of a table has the rows that a fresh table shows: random
 * operations by MAPI and IMAP, mail that is delivered and moved by a rule, by one at a time and several at once, against
 * tables of different orders and restrictions, with categories, with the values of a property one by one, and of search
 * folders, whose counts are compared as well. `OUTPOST_MODEL_STEPS` for longer runs, `OUTPOST_MODEL_SEED` for others.
 * [MS-OXCNOTIF] 3.1.4.3
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { ImapFlow } from "imapflow";
import type { Transporter } from "nodemailer";
import { encode } from "#codec/binary/code.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import { propertySets } from "#props/property-sets.ts";
import { restriction, ruleActions, serverEntryId } from "#props/structures.ts";
import type { Restriction } from "#props/structures.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { tableEvents as e } from "#wire/mapi/notification.ts";
import type { NotificationData } from "#wire/mapi/notification.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as rules from "#wire/mapi/rops/rules.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { MailboxClient, idFrom, logonPlaces, mailer, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { pause } from "./support/real-ctx.ts";
import { Random } from "./support/random.ts";
import { domain, password } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
let flow: ImapFlow;
const seed = Number(process.env["OUTPOST_MODEL_SEED"] ?? 20_261_122);
const steps = Number(process.env["OUTPOST_MODEL_STEPS"] ?? 40);
const [instId, instance, rowType, depth, count, unread] =
  ([0x674d, 0x674e, 0x0ff5, 0x3005, 0x3602, 0x3603] as const).map((id) => makeTag(id, id === 0x674d ? "Integer64" : "Integer32")) as
  [PropertyTag, PropertyTag, PropertyTag, PropertyTag, PropertyTag, PropertyTag];
/** Set before the tables are opened: the category column is of an id this mailbox gave. */
let columns: readonly PropertyTag[] = [];
let keywordsId = 0;
let search = 0;
let bob: Transporter;

before(async () => {
  server = await startServer(["alice", "bob"]);
  alice = await MailboxClient.open(server, "alice");
  bob = mailer(server, "bob");
  flow = new ImapFlow({
    host: "127.0.0.1", port: server.ports.imaps, secure: true, servername: "localhost", tls: { ca: server.caPem },
    auth: { user: `alice@${domain}`, pass: password }, logger: false,
  });
  await flow.connect();
  await prepare();
});
after(async () => {
  bob?.close();
  await flow?.logout();
  await alice?.disconnect();
  await server?.dispose();
});

/** A rule that moves what is delivered, a search folder over everything, and the id of categories. */
async function prepare(): Promise<void> {
  const { session } = alice;
  const { body } = await session.must(properties.RopGetPropertyIdsFromNames, alice.logon,
    { flags: 2, propertyNames: [{ guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "Keywords" }] });
  keywordsId = body.propertyIds[0]!;
  const keyword = (makeTag(keywordsId, "MultipleString") + 0x2000) as PropertyTag;
  columns = [instId, instance, tags.subject, tags.read, rowType, depth, count, unread, keyword];
  const subjectHolds = (value: string): Restriction => ({
    restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: tags.subject, taggedValue: { tag: tags.subject, value },
  });
  const target = encode(serverEntryId, {
    ours: 1, folderId: alice.folderIds[logonPlaces.sentItems]!, messageId: { replicaId: 0, counter: 0 }, instance: 0,
  });
  await session.must(rules.RopModifyRules, await alice.openFolder("inbox"), { modifyRulesFlags: 0, rulesData: [{
    ruleDataFlags: 1, propertyValues: [
      { tag: text(0x6682), value: "moves" }, { tag: makeTag(0x6676, "Integer32"), value: 1 },
      { tag: makeTag(0x6677, "Integer32"), value: 1 }, { tag: text(0x6681), value: "RuleOrganizer" },
      { tag: makeTag(0x6679, "Restriction"), value: encode(restriction("rop"), subjectHolds("ruled")) },
      { tag: makeTag(0x6680, "RuleAction"), value: encode(ruleActions("rop"), [{
        actionType: 1, actionFlavor: 0, actionFlags: 0, folderInThisStore: 1, storeEntryId: new Uint8Array(0),
        folderEntryId: target,
      }]) },
    ],
  }] });
  const made = await session.must(folders.RopCreateFolder, await alice.openFolder("finder"),
    { folderType: 2, useUnicodeStrings: true, openExisting: false, displayName: "Model", comment: "" });
  search = made.opened;
  await session.must(folders.RopSetSearchCriteria, search,
    { restrictionData: subjectHolds("s1"), folderIds: [alice.folderIds[logonPlaces.ipmSubtree]], searchFlags: 0x06 });
}

interface Row {
  readonly id: string;
  readonly text: string;
}
const nameOf = (id: ShortTermId, number = 0): string => `${id.replicaId}-${id.counter}/${number}`;
const toRow = (cells: readonly unknown[]): Row => ({
  id: nameOf(idFrom(cells[0] as bigint), cells[1] as number),
  text: cells.slice(2).map((cell) => (typeof cell === "object" ? "-" : String(cell))).join(" "),
});

/** Rows of categories have ids of their own in each table. */
const alike = (row: Row): Row => (row.id.startsWith("32767-") ? { ...row, id: "category" } : row);

/** Rows after one event; null says that they have to be read again. */
function follow(rows: Row[], data: NotificationData): Row[] | null {
  if (data.tableEventType === e.changed) return null;
  const id = nameOf(data.rowMessageId!, data.rowInstance);
  const rest = rows.filter((row) => row.id !== id);
  if (data.tableEventType === e.rowDeleted) return rest;
  const behind = data.insertAfterMessageId!;
  const name = nameOf(behind, data.insertAfterInstance);
  const at = behind.counter === 0 ? 0 : rest.findIndex((row) => row.id === name) + 1;
  assert.ok(behind.counter === 0 || at > 0, `${name} is not there`);
  return [...rest.slice(0, at), toRow(data.rowData!), ...rest.slice(at)];
}

interface Kind {
  readonly name: string;
  readonly sort: readonly (readonly [id: number, type: number, order: number])[];
  readonly categories?: number;
  readonly isUnread?: true;
  readonly isSearch?: true;
}
const subject = [0x0037, 0x1f, 0] as const;
const kinds = (): Kind[] => [
  { name: "as it comes", sort: [] }, { name: "by subject", sort: [subject] },
  { name: "by subject, last first", sort: [[0x0037, 0x1f, 1]] }, { name: "unread", sort: [], isUnread: true },
  { name: "unread by subject", sort: [subject], isUnread: true },
  { name: "by each category", sort: [[keywordsId, 0x301f, 0], subject] },
  { name: "below categories", sort: [[keywordsId, 0x301f, 0], subject], categories: 1 },
  { name: "below read and unread", sort: [[0x0e69, 0x0b, 0], [0x0037, 0x1f, 1]], categories: 1 },
  { name: "search folder", sort: [], isSearch: true }, { name: "search folder by subject", sort: [subject], isSearch: true },
];

test("events lead to what a fresh table shows", async () => {
  const random = new Random(seed);
  const inbox = await alice.openFolder("inbox");
  const open = async ({ sort, categories = 0, isUnread, isSearch }: Kind): Promise<number> => {
    const table = await alice.contents(isSearch === true ? search : inbox, columns, 0);
    // Only tables that are told so show values one by one.
    if (!sort.some(([id]) => id === keywordsId)) {
      await alice.session.must(tables.RopSetColumns, table, { setColumnsFlags: 0, propertyTags: columns.slice(0, -1) });
    }
    if (sort.length > 0) {
      await alice.session.must(tables.RopSortTable, table, {
        sortTableFlags: 0, categoryCount: categories, expandedCount: categories,
        sortOrders: sort.map(([propertyId, propertyType, order]) => ({ propertyId, propertyType, order })),
      });
    }
    if (isUnread === true) {
      await alice.session.must(tables.RopRestrict, table, { restrictFlags: 0, restrictionData: {
        restrictType: 4, relOp: 4, propertyTag: tags.read, taggedValue: { tag: tags.read, value: false },
      } });
    }
    return table;
  };
  const read = async (table: number): Promise<Row[]> => {
    await alice.session.must(tables.RopSeekRow, table, { origin: 0, rowCount: 0, wantRowMovedCount: false });
    return (await alice.rows(table, alice.session.columns.get(table)!)).map(toRow);
  };
  const followed: { table: number; kind: Kind; rows: Row[] }[] = [];
  for (const kind of kinds()) {
    const table = await open(kind);
    followed.push({ table, kind, rows: await read(table) });
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
        const fresh = await open(one.kind);
        assert.deepEqual(one.rows.map(alike), (await read(fresh)).map(alike), `${one.kind.name}, step ${step}, seed ${seed}`);
        if (one.kind.name === "search folder") {
          const [held, notRead] = await alice.get(search, [count, unread]);
          assert.deepEqual([held, notRead], [one.rows.length, one.rows.filter((row) => / false /.test(` ${row.text} `)).length],
            `counts, step ${step}, seed ${seed}`);
        }
        alice.session.release(fresh);
      }
    }
  } finally {
    lock.release();
  }
});

/** Messages in the folders that mail is delivered to. */
async function held(): Promise<number> {
  let sum = 0;
  for (const place of ["inbox", "sentItems"] as const) {
    const folder = await alice.openFolder(place);
    sum += (await alice.get(folder, [count]))[0] as number;
    alice.session.release(folder);
  }
  return sum;
}

async function act(random: Random, inbox: number): Promise<void> {
  const { session } = alice;
  const name = `s${random.integer(0, 30)}`;
  const word = ["Red", "Blue", "Green"][random.integer(0, 3)]!;
  const known = await flow.search({ all: true }, { uid: true });
  const uids = known === false || known === undefined ? [] : known;
  const uid = uids.length === 0 ? null : String(uids[random.integer(0, uids.length)]);
  switch (random.integer(0, 10)) {
    case 0: case 1:
      await alice.save(await alice.create("inbox", [[tags.subject, name], [tags.messageClass, "IPM.Note"]]));
      break;
    case 2:
      await flow.append("INBOX", `Subject: ${name}\r\n\r\ntext`, random.integer(0, 2) === 0 ? ["\\Seen"] : []);
      break;
    case 3:
      if (uid !== null) await flow.messageFlagsAdd(uid, ["\\Seen"], { uid: true });
      break;
    case 4:
      if (uid !== null && uids.length > 8) await flow.messageDelete(uid, { uid: true });
      break;
    case 5:
      if (uid !== null) await flow.messageFlagsAdd(uid, [word], { uid: true });
      break;
    case 6:
      if (uid !== null) await flow.messageFlagsRemove(uid, [word, "\\Seen"], { uid: true });
      break;
    case 7: {
      const before = await held();
      await bob.sendMail({ from: `bob@${domain}`, to: `alice@${domain}`, text: "text",
        subject: random.integer(0, 2) === 0 ? name : `${name} ruled` });
      // Accepted is not delivered yet.
      while (await held() === before) await pause(10);
      break;
    }
    case 8:
      if (uid !== null && uids.length > 8) await flow.messageMove(uid, "Sent Items", { uid: true });
      break;
    default: {
      const own = [tags.mid];
      const table = await alice.contents(inbox, own, 0x10);
      const rows = await alice.rows(table, own);
      session.release(table);
      if (rows.length === 0) return;
      const messageId = idFrom(rows[random.integer(0, rows.length)]![0] as bigint);
      if (random.integer(0, 4) === 0) {
        await session.must(folders.RopDeleteMessages, inbox,
          { wantAsynchronous: false, notifyNonRead: false, messageIds: [messageId] });
        return;
      }
      const message = await alice.open(inbox, "inbox", messageId);
      await alice.set(message, [[tags.subject, name]]);
      await session.must(messages.RopSaveChangesMessage, message, { saveFlags: 0x0a });
      session.release(message);
    }
  }
}
