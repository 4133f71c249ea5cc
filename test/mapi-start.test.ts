/**
 * Proves a client's first minute in the order Outlook without cached mode asks: Autodiscover, address book, connection,
 * logon, special folders, names of properties, settings, tables with notifications, mail read and sent, an appointment, a
 * contact, rules and permissions. [MS-OXDSCLI], [MS-OXCMAPIHTTP], [MS-OXOSFLD]
 */
import { strict as assert } from "node:assert";
import { request as httpsRequest } from "node:https";
import { after, before, test } from "node:test";
import { decode, encode } from "#codec/binary/code.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { parseEntryId } from "#wire/mapi/entry-ids.ts";
import { notificationTypes, tableEvents } from "#wire/mapi/notification.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as notifications from "#wire/mapi/rops/notifications.ts";
import * as permissions from "#wire/mapi/rops/permissions.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as rules from "#wire/mapi/rops/rules.ts";
import * as store from "#wire/mapi/rops/store.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import * as transport from "#wire/mapi/rops/transport.ts";
import { MapiClient } from "./support/mapi-client.ts";
import { MapiSession } from "./support/mapi-session.ts";
import { MailboxClient, idFrom, logonPlaces, mailer, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { pause } from "./support/real-ctx.ts";
import { domain, password } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
const none = new Uint8Array(0);

before(async () => {
  server = await startServer(["alice", "bob"]);
});
after(async () => {
  await server?.dispose();
});

async function discover(body: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const request = httpsRequest({
      host: "127.0.0.1", port: server.ports.https, path: "/autodiscover/autodiscover.xml", method: "POST",
      ca: server.caPem, servername: "localhost", headers: {
        "host": `localhost:${server.ports.https}`, "content-type": "text/xml", "x-mapihttpcapability": "1",
        "x-clientcanhandle": "Negotiate,ExHttpInfo",
        "authorization": `Basic ${Buffer.from(`alice@${domain}:${password}`).toString("base64")}`,
      },
    }, (response) => {
      let answer = "";
      response.setEncoding("utf8").on("data", (piece: string) => { answer += piece; });
      response.once("end", () => resolve(answer));
    });
    request.once("error", reject);
    request.end(body);
  });
}

const state = { sortType: 0, containerId: 0, currentRecord: 0, delta: 0, numericPosition: 0, totalRecords: 0,
  codePage: 1252, templateLocale: 1033, sortLocale: 1033 };

let userDn = "";

test("Autodiscover leads to both endpoints, which answer", async () => {
  const answer = await discover(`<?xml version="1.0" encoding="utf-8"?><Autodiscover
    xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>
    <EMailAddress>alice@${domain}</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>
    </Request></Autodiscover>`);
  userDn = /<LegacyDN>([^<]+)<\/LegacyDN>/.exec(answer)![1]!;
  const http = /<Protocol Type="mapiHttp"[^>]*>([\s\S]*?)<\/Protocol>/.exec(answer)?.[1] ?? "";
  assert.match(http, /<MailStore>[\s\S]*<ExternalUrl>https:\/\/localhost:\d+\/mapi\/emsmdb\/\?MailboxId=[^<]+<\/ExternalUrl>/);
  assert.match(http, /<AddressBook>[\s\S]*<ExternalUrl>https:\/\/localhost:\d+\/mapi\/nspi\/\?MailboxId=[^<]+<\/ExternalUrl>/);
  // The rows of the older protocols name the same mailbox and no other way to it.
  assert.match(answer, /<Type>EXCH<\/Type>/);
  const serverDn = /<ServerDN>([^<]+)<\/ServerDN>/.exec(answer)?.[1];
  assert.match(serverDn ?? "", /\/cn=Configuration\/cn=Servers\/cn=/);
});

test("the address book: hierarchy, own name, own properties", async () => {
  const client = new MapiClient(server, "/mapi/nspi/?MailboxId=x", `alice@${domain}`);
  const call = async <N extends keyof typeof addressBookBodies>(name: N, request: object): Promise<Record<string, unknown>> => {
    const layouts = addressBookBodies[name];
    const answer = await client.post(name, encode(layouts.request as never, { ...request, auxiliaryBuffer: none } as never));
    assert.equal(answer.code, 0, name);
    return decode(layouts.response as never, answer.body) as Record<string, unknown>;
  };
  await call("Bind", { flags: 0, state });
  const hierarchy = await call("GetSpecialTable", { flags: 4, state, version: 0 });
  assert.equal((hierarchy["rows"] as unknown[]).length > 0, true);
  const ids = await call("DNToMId", { reserved: 0, names: [userDn] });
  const [mid] = ids["minimalIds"] as number[];
  assert.ok(mid! >= 0x10);
  const own = await call("GetProps", {
    flags: 0, state: { ...state, currentRecord: mid! }, tags: [text(0x39fe), makeTag(0x0fff, "Binary")],
  });
  assert.equal((own["values"] as { value: unknown }[])[0]!.value, `alice@${domain}`);
  await call("Unbind", { reserved: 0 });
  client.close();
});

let alice: MailboxClient;

/** The folder a property of another one names. [MS-OXOSFLD] 2.2.3 */
async function special(holder: number, tag: PropertyTag): Promise<number> {
  const [entryId] = await alice.get(holder, [tag]);
  const parsed = parseEntryId(entryId as Uint8Array);
  assert.equal(parsed?.kind, "folder");
  const { databaseGuid, counter } = parsed!.value as { databaseGuid: string; counter: number };
  const { body } = await alice.session.must(store.RopIdFromLongTermId, alice.logon,
    { longTermId: { replicaGuid: databaseGuid, counter } });
  return (await alice.session.must(folders.RopOpenFolder, alice.logon, { folderId: body.objectId, openModeFlags: 0 })).opened;
}

test("logon, properties of the store, receive folders, special folders, names", async () => {
  alice = await MailboxClient.over(await MapiSession.connect(server, `alice@${domain}`, userDn), userDn);
  const { body: receive } = await alice.session.must(store.RopGetReceiveFolder, alice.logon, { messageClass: "" });
  assert.deepEqual(receive.folderId, alice.folderIds[logonPlaces.inbox]);
  const [name, address] = await alice.get(alice.logon, [text(0x661c), makeTag(0x661b, "Binary")]);
  assert.equal(name, "alice");
  assert.equal(parseEntryId(address as Uint8Array)?.kind, "addressBook");
  const root = await alice.openFolder("root");
  for (const holder of [root, await alice.openFolder("inbox")]) {
    for (const [id, containerClass] of [
      [0x36d0, "IPF.Appointment"], [0x36d1, "IPF.Contact"], [0x36d2, "IPF.Journal"], [0x36d3, "IPF.StickyNote"],
      [0x36d4, "IPF.Task"], [0x36d7, "IPF.Note"],
    ] as const) {
      assert.deepEqual(await alice.get(await special(holder, makeTag(id, "Binary")), [text(0x3613)]), [containerClass]);
    }
  }
  const { body: ids } = await alice.session.must(properties.RopGetPropertyIdsFromNames, alice.logon, {
    flags: 2, propertyNames: [{ guid: "00062008-0000-0000-c000-000000000046", id: 0x8503 },
      { guid: "00020329-0000-0000-c000-000000000046", id: "Keywords" }],
  });
  assert.ok(ids.propertyIds.every((id) => id >= 0x8000));
});

test("settings in associated messages come back as written", async () => {
  const views = alice.folderIds[8]!;
  const { opened: commonViews } = await alice.session.must(folders.RopOpenFolder, alice.logon,
    { folderId: views, openModeFlags: 0 });
  const { opened: made } = await alice.session.must(messages.RopCreateMessage, commonViews,
    { codePageId: 0x0fff, folderId: views, associatedFlag: true });
  await alice.set(made, [[tags.messageClass, "IPM.Microsoft.WunderBar.Link"], [tags.subject, "Inbox"],
    [makeTag(0x6849, "Integer32"), 0], [makeTag(0x684c, "Binary"), Buffer.alloc(46, 9)]]);
  await alice.save(made);
  const columns = [tags.messageClass, tags.subject, makeTag(0x684c, "Binary")];
  const table = await alice.contents(commonViews, columns, 0x02);
  const [row] = (await alice.rows(table, columns)).filter((one) => one[0] === "IPM.Microsoft.WunderBar.Link");
  assert.deepEqual([row![1], Buffer.from(row![2] as Uint8Array)], ["Inbox", Buffer.alloc(46, 9)]);
});

test("the inbox as a table that tells of mail; it is read, marked and answered", async () => {
  const inbox = await alice.openFolder("inbox");
  await alice.session.must(notifications.RopRegisterNotification, alice.logon,
    { notificationTypes: 0x7e, wantWholeStore: true });
  const columns = [tags.mid, tags.subject, tags.messageFlags, makeTag(0x0e06, "Time"), text(0x0042)];
  const table = await alice.contents(inbox, columns);
  await alice.session.must(tables.RopSortTable, table, {
    sortTableFlags: 0, categoryCount: 0, expandedCount: 0,
    sortOrders: [{ propertyType: 0x40, propertyId: 0x0e06, order: 1 }],
  });
  assert.deepEqual(await alice.rows(table, columns), []);
  const bob = mailer(server, "bob");
  const waiting = alice.session.wait();
  await bob.sendMail({ from: `bob@${domain}`, to: `alice@${domain}`, subject: "Lunch?", text: "At noon?" });
  bob.close();
  assert.equal(await waiting, true);
  const told = [];
  for (let tries = 0; tries < 40 && told.length < 2; tries++, await pause(25)) {
    told.push(...(await alice.session.events()).filter(({ data }) => data.tableEventType === tableEvents.rowAdded ||
      (data.notificationFlags & 0xfff) === notificationTypes.newMail));
  }
  assert.equal(told.length, 2, "one of the store, one of the table");
  const [row] = await alice.rows(table, columns);
  assert.equal(row![1], "Lunch?");
  const message = await alice.open(inbox, "inbox", idFrom(row![0] as bigint));
  assert.match(String((await alice.get(message, [tags.body]))[0]), /At noon/);
  await alice.session.must(messages.RopSetMessageReadFlag, message, { readFlags: 0 });
  const answer = await alice.create("outbox", [[tags.subject, "RE: Lunch?"], [tags.body, "Yes."]]);
  await alice.addRecipient(answer, `bob@${domain}`);
  await alice.session.must(transport.RopSubmitMessage, answer, { submitFlags: 0 });
});

test("an appointment and a contact with named properties", async () => {
  const inbox = await alice.openFolder("inbox");
  const appointment = "00062002-0000-0000-c000-000000000046";
  const { body: ids } = await alice.session.must(properties.RopGetPropertyIdsFromNames, alice.logon, {
    flags: 2, propertyNames: [{ guid: appointment, id: 0x820d }, { guid: appointment, id: 0x820e },
      { guid: appointment, id: 0x8208 }],
  });
  const [start, end, place] = ids.propertyIds;
  const noon = 134_400_000_000_000_000n;
  const values = [[makeTag(start!, "Time"), noon], [makeTag(end!, "Time"), noon + 36_000_000_000n],
    [text(place!), "Room 1"]] as const;
  const calendar = await special(inbox, makeTag(0x36d0, "Binary"));
  const [fid] = await alice.get(calendar, [makeTag(0x6748, "Integer64")]);
  const { opened: made } = await alice.session.must(messages.RopCreateMessage, calendar,
    { codePageId: 0x0fff, folderId: idFrom(fid as bigint), associatedFlag: false });
  await alice.set(made, [[tags.messageClass, "IPM.Appointment"], [tags.subject, "Lunch"], ...values]);
  await alice.save(made);
  const columns = [tags.subject, ...values.map(([tag]) => tag)];
  const table = await alice.contents(calendar, columns);
  await alice.session.must(tables.RopRestrict, table, {
    restrictFlags: 0, restrictionData: {
      restrictType: 4, relOp: 3, propertyTag: columns[1]!, taggedValue: { tag: columns[1]!, value: noon },
    },
  });
  assert.deepEqual(await alice.rows(table, columns), [["Lunch", ...values.map(([, value]) => value)]]);
});

test("rules and permissions are asked for; everything is given back", async () => {
  const inbox = await alice.openFolder("inbox");
  await alice.session.must(rules.RopGetRulesTable, inbox, { tableFlags: 0x40 });
  await alice.session.must(permissions.RopGetPermissionsTable, inbox, { tableFlags: 0x02 });
  await alice.disconnect();
  assert.deepEqual(server.errors(), []);
});
