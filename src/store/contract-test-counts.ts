/** Counts everything in a mailbox, row by row, and compares with what the store keeps counted. */
import { strict as assert } from "node:assert";
import type { MailboxId } from "#base/ids.ts";
import type { Store } from "#store/api.ts";
import { ctx } from "#store/contract-test-kit.ts";
import { all } from "#store/sql.ts";

type Row = Record<string, number | null>;

async function table(store: Store, scope: MailboxId, name: string, columns: string): Promise<Row[]> {
  return await store.read(ctx, scope, () => all<Row>(`SELECT ${columns} FROM ${name} WHERE mailbox_id = $1`, scope));
}

function countBy(rows: readonly Row[], key: string): Map<number, number> {
  const counts = new Map<number, number>();
  for (const row of rows) if (row[key] !== null) counts.set(row[key]!, (counts.get(row[key]!) ?? 0) + 1);
  return counts;
}

export async function checkCounts(store: Store, scope: MailboxId): Promise<void> {
  const [mailbox] = await table(store, scope, "mailbox", "*");
  const folders = await table(store, scope, "folder", "*");
  const messages = await table(store, scope, "message", "*");
  const details = await table(store, scope, "message_detail", "item_id, owner_attachment_id, origin, extras");
  const values = await table(store, scope, "item_value", "item_id");
  const times = await table(store, scope, "item_time", "item_id");
  const attachments = await table(store, scope, "attachment", "*");
  const recipients = await table(store, scope, "recipient", "item_id");
  const contents = await table(store, scope, "content", "content_id");
  const mime = await table(store, scope, "mime", "content_id");
  const tombstones = await table(store, scope, "tombstone", "*");
  const permissions = await table(store, scope, "folder_permission", "folder_id");
  const words = await store.read(ctx, scope, () => store.dialect === "sqlite"
    ? all<Row>("SELECT rowid AS content_id FROM message_text")
    : all<Row>("SELECT content_id FROM message_text WHERE mailbox_id = $1", scope));

  const sum = (rows: Row[], key: string): number => rows.reduce((total, row) => total + row[key]!, 0);
  assert.deepEqual([mailbox!["message_count"], mailbox!["size_bytes"]], [messages.length, sum(messages, "size_bytes")]);
  for (const folder of folders) {
    const here = messages.filter((message) => message["folder_id"] === folder["folder_id"]);
    const visible = here.filter((message) => message["associated"] === 0);
    assert.deepEqual(
      [folder["message_count"], folder["unread_count"], folder["associated_count"], folder["size_bytes"]],
      [visible.length, visible.filter((message) => (message["flags"]! & 1) === 0).length, here.length - visible.length,
        sum(here, "size_bytes")], `counts of folder ${folder["folder_id"]}`);
    for (const message of here) {
      assert.ok(message["uid"]! < folder["uid_next"]!);
      assert.ok(message["mod_seq"]! <= folder["highest_cn"]! && message["mod_seq"]! >= message["cn"]!);
      assert.ok(message["mod_seq"] === Math.max(message["cn"]!, message["read_cn"]!));
    }
    assert.ok(folder["highest_cn"]! <= mailbox!["cn"]! && folder["cn"]! <= mailbox!["cn"]!);
    assert.ok(folder["parent_id"] === null || folders.some((one) => one["folder_id"] === folder["parent_id"]));
  }
  const ids = (rows: readonly Row[], key: string): Set<number> => new Set(rows.map((row) => row[key]!));
  const folderIds = ids(folders, "folder_id");
  for (const row of [...messages, ...permissions]) assert.ok(folderIds.has(row["folder_id"]!), "folder of a row");

  // Details: one for each message, one for each embedded message, no other.
  const embedded = attachments.filter((row) => row["embedded_item_id"] !== null);
  assert.deepEqual([...ids(details, "item_id")].sort(),
    [...messages.map((row) => row["item_id"]!), ...embedded.map((row) => row["embedded_item_id"]!)].sort());
  for (const detail of details) {
    const owner = embedded.find((row) => row["embedded_item_id"] === detail["item_id"]);
    assert.equal(detail["owner_attachment_id"], owner?.["attachment_id"] ?? null);
  }
  const items = ids(details, "item_id");
  for (const row of [...attachments, ...recipients, ...values, ...times]) {
    assert.ok(items.has(row["item_id"]!), "owner of a part");
  }
  const [withValues, withTime] = [ids(values, "item_id"), ids(times, "item_id")];
  for (const detail of details) {
    const id = detail["item_id"]!;
    assert.equal(detail["extras"]! & 3, (withValues.has(id) ? 1 : 0) | (withTime.has(id) ? 2 : 0), `extras of item ${id}`);
  }

  const users = countBy([...messages, ...attachments], "content_id");
  assert.deepEqual([...ids(contents, "content_id")].sort(), [...users.keys()].sort(), "contents and their users");
  for (const row of mime) assert.ok(users.has(row["content_id"]!), "mime without its content");
  // Words of bytes that came stand under the bytes, those of items made of properties under the item.
  const made = ids(details.filter((row) => row["origin"] === 1), "item_id");
  const rendered = ids(messages.filter((row) => made.has(row["item_id"]!)), "content_id");
  const sought = [...mime.map((row) => row["content_id"]!).filter((id) => !rendered.has(id)),
    ...details.filter((row) => (row["extras"]! & 4) !== 0).map((row) => -row["item_id"]!)];
  assert.deepEqual([...ids(words, "content_id")].sort(), sought.sort(), "search rows");
  for (const message of messages.filter((row) => row["content_id"] !== null)) {
    assert.ok(mime.some((row) => row["content_id"] === message["content_id"]), "mime of a message");
  }
  const live = ids(messages, "message_id");
  for (const row of tombstones) {
    assert.ok(row["kind"] === 2 || !live.has(row["object_id"]!), "a mark of something that lives");
    assert.ok(row["cn"]! <= mailbox!["cn"]!);
  }
  for (const [key, next, rows] of [["message_id", "next_counter", messages], ["folder_id", "next_counter", folders],
    ["item_id", "next_item", details], ["attachment_id", "next_item", attachments],
    ["content_id", "next_content", contents]] as const) {
    for (const row of rows) assert.ok(row[key]! < mailbox![next]!, `${key} ${row[key]} below ${next}`);
  }
}
