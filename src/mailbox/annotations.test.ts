/**
 * Annotations and the ranking of words on every kind of store: what is set is read and nothing else, private ones are
 * each person's, bounds hold, what changed is told from any moment on; words are found whole or by their beginnings,
 * the better first.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, FolderId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { folderRights } from "#mailbox/access.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { postgresMissing } from "../../test/support/postgres.ts";

const kinds = [
  { name: "SQLite", skip: false as string | false, make: () => Promise.resolve(sqliteBackend(0)) },
  { name: "PostgreSQL", skip: postgresMissing ?? false, make: postgresBackend },
];
const value = (text: string): Uint8Array => Buffer.from(text, "utf8");

after(stopPostgres);

for (const { name, skip, make } of kinds) {
  describe(name, { skip }, () => {
    let backend: Backend;
    let store: Store;
    let kit: Awaited<ReturnType<typeof openKit>>;
    let mailbox: Mailbox;
    let folderId: FolderId;

    before(async () => {
      backend = await make();
      store = await backend.open();
      const scope: MailboxId = await newMailbox(store);
      kit = await openKit(store, scope);
      mailbox = kit.mailbox;
      folderId = (await mailbox.folderByRole(ctx, "inbox")).folderId;
    });
    after(async () => {
      await store.close();
      backend.remove();
    });

    const set = (name: string, text: string | null, at: FolderId | null = folderId): Promise<ChangeNumber> =>
      mailbox.annotations.set(ctx, at, [{ name, value: text === null ? null : value(text) }]);
    const read = async (from: Mailbox = mailbox, at: FolderId | null = folderId): Promise<[string, string][]> =>
      (await from.annotations.of(ctx, at)).map((one) => [one.name, Buffer.from(one.value).toString("utf8")]);

    test("what is set is read, in any case of its name, until it is taken away", async () => {
      await set("/private/Comment", "one");
      await set("/shared/comment", "two\0\xff");
      await set("/private/comment", "three");
      await set("/private/x", "account", null);
      assert.deepEqual(await read(), [["/private/comment", "three"], ["/shared/comment", "two\0\xff"]]);
      assert.deepEqual(await read(mailbox, null), [["/private/x", "account"]]);
      await set("/PRIVATE/COMMENT", null);
      assert.deepEqual(await read(), [["/shared/comment", "two\0\xff"]]);
      const named = await mailbox.annotations.named(ctx, "/shared/Comment");
      assert.deepEqual([...named.keys()], [folderId]);
      await set("/shared/comment", null);
    });

    test("changes are told from any moment on, and nothing is one where nothing changed", async () => {
      const first = await set("/private/a", "1");
      const second = await set("/private/a", "2");
      assert.ok(second > first);
      assert.equal(await set("/private/a", "2"), second);
      const third = await set("/private/a", null);
      const told = async (since: number): Promise<unknown[]> =>
        (await mailbox.annotations.changes(ctx, since as ChangeNumber)).map((one) => [one.folderId, one.name, one.cn]);
      assert.deepEqual(await told(second), [[folderId, "/private/a", third]]);
      assert.deepEqual(await told(third), []);
    });

    test("private ones are each person's, and rights are needed", async () => {
      await set("/private/comment", "the owner's");
      await set("/shared/comment", "for all");
      await mailbox.setPermission(ctx, folderId, 2, folderRights.readAny);
      const other = await kit.open("stranger");
      assert.deepEqual(await read(other), [["/shared/comment", "for all"]]);
      await other.annotations.set(ctx, folderId, [{ name: "/private/comment", value: value("mine") }]);
      assert.deepEqual(await read(other), [["/private/comment", "mine"], ["/shared/comment", "for all"]]);
      assert.deepEqual(await read(), [["/private/comment", "the owner's"], ["/shared/comment", "for all"]]);
      const refused = (code: string) => (error: unknown): boolean => error instanceof Fault && error.code === code;
      const sharing = [{ name: "/shared/comment", value: value("x") }];
      await assert.rejects(other.annotations.set(ctx, folderId, sharing), refused("accessDenied"));
      await assert.rejects(other.annotations.of(ctx, null), refused("accessDenied"));
      await mailbox.setPermission(ctx, folderId, 2, folderRights.folderVisible);
      await assert.rejects(other.annotations.of(ctx, folderId), refused("accessDenied"));
      await mailbox.setPermission(ctx, folderId, 2, null);
    });

    test("bounds: one value, how many, all together; and all or none", async () => {
      const big = new Uint8Array(limits.annotationMaxBytes + 1);
      const bad = (code: string) => (error: unknown): boolean => error instanceof Fault && error.code === code;
      const one = (index: number, bytes: Uint8Array): { name: string; value: Uint8Array } =>
        ({ name: `/private/vendor/x/${index}`, value: bytes });
      const { folderId: at } = await mailbox.createFolder(ctx, {
        parentId: (await mailbox.folderByRole(ctx, "ipmSubtree")).folderId, name: "Notes on it",
      });
      await assert.rejects(mailbox.annotations.set(ctx, at, [one(0, big)]), bad("tooBig"));
      const many = Array.from({ length: limits.annotationsPerFolderMax + 1 }, (_, index) => one(index, value("x")));
      await assert.rejects(mailbox.annotations.set(ctx, at, many), bad("tooMany"));
      assert.deepEqual(await read(mailbox, at), []);
      const large = Array.from({ length: 130 }, (_, index) => one(index, big.subarray(1)));
      await assert.rejects(mailbox.annotations.set(ctx, at, large), bad("overQuota"));
      await mailbox.annotations.set(ctx, at, many.slice(1));
      assert.equal((await read(mailbox, at)).length, limits.annotationsPerFolderMax);
      await mailbox.deleteFolder(ctx, { folderId: at, mode: "hard", children: "refuse" });
      await assert.rejects(mailbox.annotations.of(ctx, at).then((found) => {
        if (found.length === 0) throw new Fault("notFound", "nothing is left");
      }), bad("notFound"));
    });

    test("words rank messages: whole or by their beginnings, in one field or all", async () => {
      const letters = [
        "Subject: Invoice garden\r\nFrom: Ann Lee <ann@example.test>\r\n\r\nplease pay\r\n",
        "Subject: other\r\nFrom: Bo <bo@example.test>\r\n\r\nthe invoices of the garden\r\n",
        "Subject: r\u00e9sum\u00e9\r\n\r\nann\r\n",
      ];
      const at = (await mailbox.folderByRole(ctx, "archive")).folderId;
      for (const letter of letters) {
        const upload = mailbox.beginUpload(ctx, null);
        await upload.write(Buffer.from(letter, "utf8"));
        await mailbox.append(ctx, { folderId: at, upload, flags: 0, keywords: [], internalMs: null });
      }
      const rows: [string, "subject" | "addresses" | "body" | "text", number[]][] = [
        ["invoice", "text", [1, 2]], ["invoi gard", "text", [1, 2]], ["invoice", "subject", [1]],
        ["invoice", "body", [2]], ["ann", "addresses", [1]], ["ann", "text", [1, 3]], ["resume", "subject", [3]],
        ["R\u00c9SUM\u00c9", "text", [3]], ["invoice nowhere", "text", [1, 2]], ["in", "text", []], ["", "text", []],
        ["\" * ( ) : OR & |", "text", []], ["' OR 1=1 --", "text", []],
      ];
      for (const [words, field, uids] of rows) {
        const found = await mailbox.rankWords(ctx, at, words, field);
        assert.deepEqual(found.map(({ uid }) => uid), uids, `${words} in ${field}`);
      }
      const [best, worse] = await mailbox.rankWords(ctx, at, "invoice", "text");
      assert.ok(best!.score > worse!.score, "the subject is worth more");
    });
  });
}
