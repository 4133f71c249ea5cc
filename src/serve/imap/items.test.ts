/**
 * An independent client, imapflow, and a raw one over a real mailbox: items made of properties are fetched the same
 * twice and over a restart, calendar and contacts too, and a changed subject brings a new UID that a session hears of.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ImapFlow } from "imapflow";
import type { MailboxId, MessageId } from "#base/ids.ts";
import { newItem, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { newRecipient } from "#convert/mime/people.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import type { Mailbox } from "#mailbox/api.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { properties } from "#props/registry.ts";
import { serveFake } from "#serve/imap/test-kit.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";

import { until } from "../../../test/support/real-ctx.ts";

const p = properties;
const backend = sqliteBackend(1);
let store: Store;
let scope: MailboxId;
let mailbox: Mailbox;

before(async () => {
  store = await backend.open();
  scope = await newMailbox(store);
  mailbox = (await openKit(store, scope)).mailbox;
});
after(async () => {
  await store.close();
  backend.remove();
});

async function create(role: FolderRole, item: ItemBag): Promise<MessageId> {
  const { folderId } = await mailbox.folderByRole(ctx, role);
  return (await mailbox.items.create(ctx, { folderId, item })).messageId;
}

function mail(subject: string): ItemBag {
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, "IPM.Note");
  setProperty(item, p.PidTagSubject, subject);
  setProperty(item, p.PidTagBody, "Written in Outlook.\r\n");
  item.recipients.push(newRecipient(1, { name: "Ada", address: "ada@example.org" }, 0));
  const content = { aboutBytes: 120_000, chunks: () => [new Uint8Array(120_000).fill(65)] };
  item.attachments.push({ bag: new Map([[p.PidTagAttachLongFilename.tag, "large.bin"]]), named: new Map(), content });
  return item;
}

/** What a client learns of every message of a folder. */
async function fetchAll(path: string): Promise<{ uid: number; source: string; size: number; subject: string; structure: string }[]> {
  await using server = await serveFake({ open: () => mailbox });
  const client = new ImapFlow({
    host: "127.0.0.1", port: server.port, secure: false, doSTARTTLS: false, logger: false,
    auth: { user: "alice", pass: "secret" },
  });
  await client.connect();
  const found = [];
  const lock = await client.getMailboxLock(path);
  for await (const one of client.fetch("1:*", { uid: true, source: true, size: true, envelope: true, bodyStructure: true })) {
    found.push({
      uid: one.uid, source: one.source!.toString("latin1"), size: one.size!, subject: one.envelope!.subject ?? "",
      structure: JSON.stringify(one.bodyStructure),
    });
  }
  lock.release();
  await client.logout();
  assert.deepEqual(server.failures, []);
  return found;
}

test("an item made of properties is fetched the same twice and over a restart; a new subject is a new UID", async () => {
  const id = await create("inbox", mail("From Outlook"));
  const [first] = await fetchAll("INBOX");
  assert.equal(first!.size, first!.source.length);
  assert.equal(first!.subject, "From Outlook");
  assert.match(first!.source, /filename=large\.bin/);
  assert.deepEqual(await fetchAll("INBOX"), [first]);
  await store.close();
  store = await backend.open();
  mailbox = (await openKit(store, scope)).mailbox;
  assert.deepEqual(await fetchAll("INBOX"), [first]);
  const set = newItem();
  setProperty(set, p.PidTagSubject, "Changed in Outlook");
  await mailbox.items.update(ctx, { messageId: id, set });
  const [second, ...others] = await fetchAll("INBOX");
  assert.deepEqual([others.length, second!.subject], [0, "Changed in Outlook"]);
  assert.ok(second!.uid > first!.uid);
});

test("an open session hears that the message went and another came", async () => {
  const id = await create("drafts", mail("Draft"));
  await using server = await serveFake({ open: () => mailbox });
  const client = new ImapFlow({
    host: "127.0.0.1", port: server.port, secure: false, doSTARTTLS: false, logger: false,
    auth: { user: "alice", pass: "secret" },
  });
  await client.connect();
  const drafts = (await mailbox.folderByRole(ctx, "drafts")).name;
  await client.mailboxOpen(drafts);
  const before = await client.fetchOne("1", { uid: true });
  const heard: string[] = [];
  client.on("expunge", () => heard.push("expunge"));
  client.on("exists", () => heard.push("exists"));
  const set = newItem();
  setProperty(set, p.PidTagBody, "Another text.\r\n");
  await mailbox.items.update(ctx, { messageId: id, set });
  await client.noop();
  await until(() => heard.length > 1, "what happened");
  assert.deepEqual(heard, ["expunge", "exists"]);
  const now = await client.fetchOne("1", { uid: true, source: true });
  assert.ok(before && now && now.uid > before.uid && now.source!.includes("Another text."));
  await client.logout();
});

test("appointments, contacts, tasks and notes are readable files", async () => {
  const rows: [FolderRole, string, (item: ItemBag) => void, RegExp][] = [
    ["calendar", "IPM.Appointment", (item) => {
      setProperty(item, p.PidLidAppointmentStartWhole, toFileTime(Date.UTC(2024, 8, 10, 9)));
      setProperty(item, p.PidLidAppointmentEndWhole, toFileTime(Date.UTC(2024, 8, 10, 10)));
    }, /BEGIN:VEVENT[\s\S]*DTSTART:20240910T090000Z/],
    ["contacts", "IPM.Contact", (item) => setProperty(item, p.PidTagGivenName, "Ada"), /BEGIN:VCARD[\s\S]*Ada/],
    ["tasks", "IPM.Task", (item) => setProperty(item, p.PidLidTaskDueDate, toFileTime(Date.UTC(2024, 8, 10))), /BEGIN:VTODO/],
    ["notes", "IPM.StickyNote", (item) => setProperty(item, p.PidTagBody, "Milk"), /Milk/],
  ];
  for (const [role, messageClass, fill, expected] of rows) {
    const item = newItem();
    setProperty(item, p.PidTagMessageClass, messageClass);
    setProperty(item, p.PidTagSubject, `One ${role}`);
    fill(item);
    const id = await create(role, item);
    const { folderId } = await mailbox.folderByRole(ctx, role);
    let text = "";
    for await (const some of mailbox.structures(ctx, folderId, "all")) {
      for (const row of some.filter((one) => one.messageId === id)) {
        const content = await mailbox.content(ctx, row.contentId);
        text = Buffer.from(await content.read(0, content.sizeBytes)).toString("latin1");
      }
    }
    const decoded = text + (text.match(/^[A-Za-z0-9+/=\r\n]{40,}$/gm) ?? []).map((one) => Buffer.from(one, "base64").toString()).join("");
    assert.match(decoded, expected, role);
    assert.match(text, new RegExp(`^Subject: One ${role}\r$`, "m"));
  }
});
