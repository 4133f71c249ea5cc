/**
 * Proves of the check that it finds nothing in a healthy store, finds each kind of damage in a mailbox and names it, and
 * that a repair leaves a mailbox whose counts are equal to what is there. On SQLite and PostgreSQL. And that the sweep
 * takes old bytes nothing speaks of and no others.
 */
import { strict as assert } from "node:assert";
import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { MailboxId } from "#base/ids.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import { readFolderByRole } from "#mailbox/tx/folders.ts";
import { removeMessages } from "#mailbox/tx/transfer.ts";
import { serverScope } from "#store/api.ts";
import type { Dialect, Store } from "#store/api.ts";
import { blobPath } from "#store/blobs.ts";
import { checkStore, sweepBlobs } from "#store/check.ts";
import type { Finding } from "#store/check.ts";
import { checkRows } from "#store/check-rows.ts";
import type { CheckKind } from "#store/check-rows.ts";
import { checkCounts } from "#store/contract-test-counts.ts";
import { ctx, newMailbox, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { letters } from "#store/contract-test-model.ts";
import { insertParts, runTexts } from "#store/contract-test-procedures.ts";
import { postgresMissing } from "../../test/support/postgres.ts";

/** Statements that do a kind of damage; `$1` is the mailbox. And the other kinds that follow from it. */
const damages: Record<CheckKind, { texts: (string | ((dialect: Dialect) => string))[]; also?: CheckKind[] }> = {
  detailWithoutMessage: {
    texts: ["INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name, " +
      "from_address, message_id_header, in_reply_to, has_attachments, importance, preview) " +
      "VALUES ($1, 500000, '', '', '', '', '', '', '', 0, 1, '')"],
    also: ["mailboxCounts"],
  },
  messageWithoutDetail: { texts: ["DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id = 2"] },
  messageWithoutFolder: {
    texts: ["UPDATE message SET folder_id = 777 WHERE mailbox_id = $1 AND item_id IN (1, 2)"], also: ["folderCounts"],
  },
  recipientWithoutMessage: { texts: ["UPDATE recipient SET item_id = 12345 WHERE mailbox_id = $1 AND item_id = 3"] },
  attachmentWithoutMessage: {
    texts: ["UPDATE attachment SET item_id = 12345 WHERE mailbox_id = $1 AND item_id = 3"],
    // What hung on it follows, level by level.
    also: ["detailWithoutMessage", "recipientWithoutMessage", "contentUnused"],
  },
  embeddedMissing: {
    texts: ["UPDATE attachment SET embedded_item_id = 4444 WHERE mailbox_id = $1 AND embedded_item_id = 6"],
    also: ["detailWithoutMessage", "recipientWithoutMessage", "attachmentWithoutMessage", "contentUnused"],
  },
  valueWithoutItem: {
    texts: ["INSERT INTO item_value SELECT mailbox_id, 600000, 1, guid FROM mailbox WHERE mailbox_id = $1"],
  },
  timeWithoutItem: { texts: ["INSERT INTO item_time (mailbox_id, item_id, recurring) VALUES ($1, 600000, 0)"] },
  extrasWrong: { texts: ["UPDATE message_detail SET extras = 3 WHERE mailbox_id = $1 AND item_id = 1"] },
  itemWithoutAnything: { texts: ["UPDATE message_detail SET bag = NULL WHERE mailbox_id = $1 AND item_id = 10"] },
  messageWithoutBytes: {
    texts: ["UPDATE message SET content_id = 90 WHERE mailbox_id = $1 AND item_id = 1"],
    also: [
      "messageWithoutStructure", "contentUnused", "structureWithoutContent", "gramsWithoutContent", "wordsWithoutContent",
      "keysWithoutContent", "fieldsWithoutContent",
    ],
  },
  attachmentWithoutBytes: {
    texts: ["DELETE FROM content WHERE mailbox_id = $1 AND hash IS NULL AND size_bytes = 3"],
  },
  messageWithoutStructure: {
    texts: ["DELETE FROM mime WHERE mailbox_id = $1 AND content_id = 1"],
  },
  gramsWithoutContent: {
    texts: [`INSERT INTO content_grams (mailbox_id, content_id, grams)
      SELECT $1, 3000, grams FROM content_grams WHERE mailbox_id = $1 LIMIT 1`],
  },
  keysWithoutContent: {
    texts: [`INSERT INTO content_keys (mailbox_id, content_id, subject, people, ids)
      SELECT $1, 3000, subject, people, ids FROM content_keys WHERE mailbox_id = $1 LIMIT 1`],
  },
  fieldsWithoutContent: {
    texts: ["INSERT INTO content_fields (mailbox_id, content_id, fields) VALUES ($1, 3000, NULL)"],
  },
  contentUnused: {
    texts: ["INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, 3000, 0, 0, NULL, NULL)"],
    also: ["mailboxCounts"],
  },
  structureWithoutContent: { texts: ["INSERT INTO mime (mailbox_id, content_id, mime_index) VALUES ($1, 3000, '{}')"],
    also: ["contentWithoutWords"] },
  wordsWithoutContent: {
    texts: [(dialect) => dialect === "sqlite" ? "INSERT INTO message_text (rowid, subject) VALUES (3000 + $1 * 0, 'x')"
      : "INSERT INTO message_text (mailbox_id, content_id, document) VALUES ($1, 3000, '')"],
  },
  contentWithoutWords: {
    texts: [(dialect) => dialect === "sqlite" ? "DELETE FROM message_text WHERE rowid = 1 AND $1 > 0"
      : "DELETE FROM message_text WHERE mailbox_id = $1 AND content_id = 1"],
  },
  markOfMessage: {
    texts: ["INSERT INTO tombstone SELECT mailbox_id, 1, message_id, folder_id, uid, cn FROM message WHERE mailbox_id = $1 AND item_id = 1"],
  },
  permissionWithoutFolder: { texts: ["INSERT INTO folder_permission (mailbox_id, folder_id, member_id, rights) VALUES ($1, 4321, 1, 1)"] },
  annotationWithoutFolder: {
    texts: ["INSERT INTO annotation (mailbox_id, folder_id, member_id, name_key, name, cn) VALUES ($1, 4321, 0, '/a', '/a', 1)"],
  },
  retentionWithoutFolder: { texts: ["INSERT INTO folder_retention (mailbox_id, folder_id, days) VALUES ($1, 4321, 5)"] },
  readMarksWithoutFolder: {
    texts: ["INSERT INTO reader_range (mailbox_id, reader_id, folder_id, first_uid, last_uid, is_read, mod_seq) VALUES ($1, 9, 4321, 1, 2, 1, 1)"],
  },
  readerWithoutFolder: { texts: ["INSERT INTO reader_folder (mailbox_id, reader_id, folder_id, cn) VALUES ($1, 9, 4321, 1)"] },
  markOfFolder: {
    texts: ["INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) VALUES ($1, 2, 5, 1, 0, 1)"],
  },
  folderWithoutParent: { texts: ["UPDATE folder SET parent_id = 4321 WHERE mailbox_id = $1 AND role = 'archive'"] },
  folderCounts: {
    texts: ["UPDATE folder SET message_count = 7, unread_count = -1, size_bytes = 0, uid_next = 1, highest_cn = 0 WHERE mailbox_id = $1 AND role = 'inbox'",
      "UPDATE folder SET associated_count = 2 WHERE mailbox_id = $1 AND role = 'drafts'"],
  },
  mailboxCounts: {
    texts: ["UPDATE mailbox SET message_count = 99, size_bytes = 1, next_counter = 3, next_item = 1, next_content = 1, cn = 2 WHERE mailbox_id = $1"],
  },
};

const old = new Date(Date.now() - 25 * 3_600_000);

for (const kind of ["SQLite", "PostgreSQL"] as const) {
  describe(kind, { skip: kind === "PostgreSQL" && (postgresMissing ?? false) }, () => {
    let backend: Backend;
    let store: Store;

    before(async () => {
      backend = kind === "SQLite" ? sqliteBackend(0) : await postgresBackend();
      store = await backend.open();
    });
    after(async () => {
      await store.close();
      backend.remove();
    });

    const check = async (options: { repair?: boolean; deep?: boolean } = {}): Promise<readonly Finding[]> => {
      const report = await checkStore(ctx, store, { repair: false, deep: false, ...options }, () => undefined);
      return report.findings.filter((one) => one.kind !== "mailboxWithoutOwner");
    };

    /** Items 1 and 2 are letters, 3 to 9 a message with others in it, 10 an associated one. */
    const filledMailbox = async (): Promise<MailboxId> => {
      const own = await newMailbox(store);
      const inbox = await store.read(ctx, own, () => readFolderByRole(own, "inbox"));
      for (const bytes of letters.slice(0, 2)) {
        await store.transact(ctx, own, insertMessage, {
          folder: { folderId: inbox.folder_id }, source: { inline: bytes, blob: null }, flags: 0, keywords: [],
          internalMs: 1, quotaBytes: null, deliveryId: null,
        });
      }
      await store.transact(ctx, own, insertParts, { folderId: inbox.folder_id, depth: 2, associated: false, sizeBytes: 9 });
      await store.transact(ctx, own, insertParts, { folderId: inbox.folder_id, depth: 0, associated: true, sizeBytes: 1 });
      return own;
    };

    test("a healthy store gives no findings", async () => {
      const own = await filledMailbox();
      assert.deepEqual(await check({ deep: true }), []);
      await store.removeMailbox(ctx, own);
    });

    const damageMailbox = (own: MailboxId, kinds: readonly CheckKind[]): Promise<number[]> =>
      store.transact(ctx, own, runTexts, {
        texts: kinds.flatMap((damage) => damages[damage].texts)
          .map((text) => ({ text: typeof text === "string" ? text : text(store.dialect), values: [own] })),
      });
    const canBeRepaired = (one: Finding): boolean => checkRows[one.kind as CheckKind].repair !== null;

    for (const damage of kind === "SQLite" ? Object.keys(damages) as CheckKind[] : []) {
      test(`finds: ${damage}`, async () => {
        const own = await filledMailbox();
        await damageMailbox(own, [damage]);
        const found = await check();
        assert.ok(found.some((one) => one.kind === damage && one.repaired === 0), JSON.stringify(found));
        const repaired = await check({ repair: true });
        for (const one of repaired) {
          assert.ok(one.kind === damage || damages[damage].also?.includes(one.kind as CheckKind), `also ${one.kind}`);
          assert.ok(!canBeRepaired(one) || one.repaired === one.count, JSON.stringify(one));
        }
        const left = await check();
        assert.deepEqual(left.filter(canBeRepaired), []);
        if (left.length === 0) await checkCounts(store, own);
        await store.removeMailbox(ctx, own);
      });
    }

    test("all at once is found and repaired too", async () => {
      const own = await filledMailbox();
      const kinds = (Object.keys(damages) as CheckKind[]).filter((damage) => checkRows[damage].repair !== null);
      await damageMailbox(own, kinds);
      const found = await check({ repair: true });
      for (const damage of kinds) assert.ok(found.some((one) => one.kind === damage && one.repaired > 0), damage);
      assert.deepEqual(await check(), []);
      await checkCounts(store, own);
      await store.removeMailbox(ctx, own);
    });

    test("rows of the server's data without their owner", async () => {
      await store.transact(ctx, serverScope, runTexts, { texts: [{
        text: "INSERT INTO credential (entry_id, name, phc, changed_ms) VALUES ($1, 'x', 'x', 1)", values: [404] }] });
      const found = await check({ repair: true });
      assert.deepEqual(found.map((one) => [one.kind, one.count, one.repaired, one.examples]),
        [["serverOrphans", 1, 1, ["credential"]]]);
      assert.deepEqual(await check(), []);
    });

    test("a mailbox whose data is missing is told, and then nothing is swept", async () => {
      const text = "INSERT INTO entry (entry_id, kind, address, display_name, name_key, mailbox_id, legacy_dn, legacy_dn_key, " +
        "language, disabled, hidden, protocols_off, auto_accept, created_ms, cn) " +
        "VALUES (1, 'user', 'a@b', '', '', $1, '', '', '', 0, 0, '', 0, 0, 1)";
      await store.transact(ctx, serverScope, runTexts, { texts: [{ text, values: [54321] }] });
      const hash = await keep("unused while a mailbox is missing", old);
      const found = await check({ repair: true });
      assert.deepEqual(found.map((one) => [one.kind, one.repaired]), [["mailboxMissing", 0], ["blobUnused", 0]]);
      await assert.rejects(sweepBlobs(ctx, store), /is a disk missing/);
      await store.transact(ctx, serverScope, runTexts, { texts: [{ text: "DELETE FROM entry WHERE mailbox_id = $1", values: [54321] }] });
      assert.equal((await sweepBlobs(ctx, store)).removed, 1);
      await assert.rejects(store.blobs.read(hash, 0, 1));
    });

    const keep = async (text: string, time: Date | null): Promise<string> => {
      const writer = store.blobs.create();
      await writer.write(Buffer.from(text));
      const { hash } = await writer.finish();
      if (time !== null) utimesSync(blobPath(join(backend.dataDir, "blobs"), hash), time, time);
      return hash;
    };

    test("blobs: missing, damaged, unused and half ones", async () => {
      const own = await newMailbox(store);
      const insert = async (text: string): Promise<string> => {
        const hash = await keep(text, old);
        await store.transact(ctx, own, insertMessage, {
          folder: { role: "inbox" }, source: { inline: Buffer.from("A: b\r\n\r\n"), blob: { hash, sizeBytes: text.length } },
          flags: 0, keywords: [], internalMs: 1, quotaBytes: null, deliveryId: null,
        });
        return hash;
      };
      const [used, cut, bent, lost] = [await insert("used"), await insert("cut"), await insert("bent"), await insert("lost")];
      const path = (hash: string): string => blobPath(join(backend.dataDir, "blobs"), hash);
      writeFileSync(path(cut), "c");
      writeFileSync(path(bent), "bend");
      rmSync(path(lost));
      const [unused, young] = [await keep("unused", old), await keep("young", null)];
      const queued = await keep("queued", old);
      await store.transact(ctx, serverScope, runTexts, { texts: [
        { text: "INSERT INTO queue_message (queue_id, accepted_ms, origin, envelope_sender, flags, size_bytes, blob_hash, trace) " +
          "VALUES ('q', 1, 'smtp', '', 0, 1, $1, $2)", values: [queued, new Uint8Array(0)] },
        { text: "INSERT INTO queue_recipient (queue_id, recipient_number, address, route, notify, held, attempts, next_attempt_ms, delay_told) " +
          "VALUES ('q', 0, $1, '', 0, 0, 0, 0, 0)", values: ["x@y"] }] });
      const pending = join(backend.dataDir, "blobs", "pending");
      mkdirSync(pending, { recursive: true });
      for (const [name, time] of [["half", old], ["under-way", new Date()]] as const) {
        writeFileSync(join(pending, name), "x");
        utimesSync(join(pending, name), time, time);
      }
      const kinds = (found: readonly Finding[]): unknown => found.map((one) => [one.kind, one.examples, one.repaired]);
      const expected = (repaired: number, deep: boolean): unknown => [
        ["blobMissing", [lost], 0], ["blobDamaged", deep ? [bent, cut].sort() : [cut], 0],
        ["blobUnused", [unused], repaired], ["uploadLeft", ["half"], repaired],
      ];
      const sorted = (found: readonly Finding[]): Finding[] => found.map((one) => ({ ...one, examples: [...one.examples].sort() }));
      assert.deepEqual(kinds(await check()), expected(0, false));
      assert.deepEqual(kinds(sorted(await check({ deep: true, repair: true }))), expected(1, true));
      assert.deepEqual(readdirSync(pending), ["under-way"]);
      for (const hash of [used, young, queued]) assert.ok((await store.blobs.read(hash, 0, 100)).length > 0);
      await keep("cut", null);
      assert.equal(Buffer.from(await store.blobs.read(cut, 0, 9)).toString(), "cut", "stored anew, a damaged blob is whole again");
      const inbox = await store.read(ctx, own, () => readFolderByRole(own, "inbox"));
      await store.transact(ctx, own, removeMessages, { folderId: inbox.folder_id, uids: "all", only: "any", mode: "hard" });
      assert.equal((await sweepBlobs(ctx, store)).removed, 1, "used; cut and bent are young again");
    });
  });
}

after(stopPostgres);
