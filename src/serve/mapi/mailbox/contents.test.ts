/**
 * Proves that what a table shows of messages by their rows is what it shows when it looks into them: on mail of many
 * forms, with marks and with properties set beside it, each told column alone and all of them together. A column that
 * no row tells makes the table look into every message.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import type { FolderId, MailboxId } from "#base/ids.ts";
import { newItem, setProperty } from "#convert/item.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { properties } from "#props/registry.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { contentsSource } from "#serve/mapi/mailbox/contents.ts";
import type { ContentsSource } from "#serve/mapi/mailbox/contents.ts";
import type { TableRow } from "#serve/mapi/mailbox/table.ts";
import { isPlainTag, lightTags, ToldByRows } from "#serve/mapi/mailbox/light-tags.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { corpusMessages, corpusMissing, withCrlf } from "../../../../test/support/corpus.ts";

const p = properties;
/** PidTagSenderName: told by items alone. */
const untold = makeTag(0x0c1a, "String");
const marks: readonly PropertyTag[] = [
  makeTag(0x0e07, "Integer32"), makeTag(0x1080, "Integer32"), makeTag(0x1081, "Integer32"), makeTag(0x1090, "Integer32"),
  makeTag(0x1095, "Integer32"),
];
const placed: readonly PropertyTag[] = [makeTag(0x0ff5, "Integer32"), makeTag(0x3005, "Integer32")];
const columns: readonly PropertyTag[] = [...lightTags.keys(), ...marks, ...placed];

const letters: readonly string[] = [
  "From: Ada <ada@example.org>\r\nTo: Kim <kim@example.org>\r\nSubject: Plain\r\nDate: Thu, 5 Sep 2024 10:00:00 +0000\r\n\r\nhi\r\n",
  "Sender: Sec <sec@example.org>\r\nSubject: Of a sender alone\r\n\r\nhi\r\n",
  "Subject: Of nobody\r\n\r\nhi\r\n",
  "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nCc: c@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= \r\n" +
    "Importance: high\r\nSensitivity: private\r\n\r\nhi\r\n",
  "From: a@example.org\r\nThread-Topic: Other topic\r\nSubject: AW: Something\r\nDisposition-Notification-To: a@example.org\r\n\r\nhi\r\n",
  `From: a@example.org\r\nSubject: ${"long ".repeat(100)}\r\nTo: ${Array.from({ length: 60 }, (_, n) => `p${n}@example.org`).join(", ")}\r\n\r\nhi\r\n`,
];

let backend: Backend;
let store: Store;
let mailbox: Mailbox;
let source: ContentsSource;
let inbox: FolderId;

before(async () => {
  backend = sqliteBackend(0);
  store = await backend.open();
  const scope: MailboxId = await newMailbox(store);
  ({ mailbox } = await openKit(store, scope));
  inbox = (await mailbox.folderByRole(ctx, "inbox")).folderId;
  const guid = "11111111-2222-3333-4444-555555555555";
  const logon: LogonObject = {
    kind: "logon", logonId: 0, mailbox, items: mailbox.items, mailboxId: scope, mailboxGuid: guid, replicaGuid: guid,
    owner: { legacyDn: "/o=x/cn=kim", displayName: "Kim", address: "kim@example.org" }, isOwner: true, isPublic: false,
  };
  source = contentsSource({ logon, hostname: "host", codePage: 1252 }, inbox, false);
});
after(async () => {
  await store.close();
  backend.remove();
});

let appended = 0;

async function append(bytes: Uint8Array): Promise<void> {
  const upload = mailbox.beginUpload(ctx, null);
  await upload.write(bytes);
  // Each combination of marks comes, over enough messages.
  const all = Object.values(messageFlags);
  const flags = all.reduce((sum, bit, index) => sum | ((appended >> index) & 1 ? bit : 0), 0);
  const { messageId } = await mailbox.append(ctx, {
    folderId: inbox, upload, flags, keywords: appended % 3 === 0 ? ["Blue"] : [], internalMs: 1.7e12 + appended * 1000,
  });
  if (appended++ % 8 === 7) {
    const set = newItem();
    setProperty(set, p.PidTagSubject, `RE: Set ${appended}`);
    setProperty(set, p.PidTagIconIndex, 0x101);
    await mailbox.items.update(ctx, { messageId, set });
  }
}

const plain = (cell: unknown): unknown => (cell instanceof Uint8Array ? Buffer.from(cell).toString("hex") : cell);

async function compare(rows: readonly TableRow[], asked: readonly PropertyTag[]): Promise<void> {
  const told = await source.cells(ctx, rows, asked);
  const looked = (await source.cells(ctx, rows, [...asked, untold])).map((row) => row?.slice(0, -1));
  for (const [index, row] of told.entries()) assert.deepEqual(row?.map(plain), looked[index]?.map(plain), `row ${index}`);
}

test("rows and items tell the same", async () => {
  for (let round = 0; round < 6; round++) for (const letter of letters) await append(Buffer.from(letter));
  await mailbox.items.create(ctx, { folderId: inbox, item: newItem() });
  const rows = await source.list(ctx, [], null);
  assert.ok(ToldByRows.of(columns.filter((tag) => !placed.includes(tag))) !== null && !isPlainTag(untold));
  await compare(rows, columns);
  for (const column of columns) await compare(rows, [column]);
});

test("and so they do of real mail", { skip: corpusMissing }, async () => {
  const known = new Set((await source.list(ctx, [], null)).map(({ key }) => key));
  for (const { bytes } of corpusMessages()) if (bytes.length < 100_000) await append(withCrlf(bytes));
  const rows = (await source.list(ctx, [], null)).filter(({ key }) => !known.has(key));
  for (let at = 0; at < rows.length; at += 50) await compare(rows.slice(at, at + 50), columns);
});
