/**
 * Proves that the store does what `api.ts` promises, by one suite run on SQLite with writer threads, SQLite in place and
 * PostgreSQL. The SQL texts of the suite are compared with `sql/*.golden.sql`; UPDATE_GOLDEN=1 writes them anew.
 */
import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { FaultCode } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { serverScope } from "#store/api.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { compareWithGolden, recordTexts } from "#store/contract-test-golden.ts";
import { runModel } from "#store/contract-test-model.ts";
import { runScript } from "#store/contract-test-script.ts";
import {
  addNameTx, ignoreFailure, indexWords, keepValues, noTransaction, placeMessage, readKept, refuse, refuseInPrepare,
  touchServer, waitInside,
} from "#store/contract-test-procedures.ts";
import { findWords } from "#store/search-index.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";
import { postgresMissing } from "../../test/support/postgres.ts";
import { until } from "../../test/support/real-ctx.ts";

const nowhere = 999_999 as MailboxId;

function isFault(code: FaultCode, message?: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof Fault, `a Fault, not ${String(error)}`);
    assert.equal(error.code, code);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  };
}

function names(store: Store, scope: MailboxId): Promise<string[]> {
  return store.read(ctx, scope, function* (): Work<string[]> {
    const rows = yield* all<{ name: string }>("SELECT name FROM subscription WHERE mailbox_id = $1 ORDER BY name", scope);
    return rows.map((row) => row.name);
  });
}

function currentCn(store: Store, scope: MailboxId): Promise<number> {
  return store.read(ctx, scope, function* (): Work<number> {
    return (yield* get<{ cn: number }>("SELECT cn FROM mailbox WHERE mailbox_id = $1", scope))!.cn;
  });
}

const kinds: { name: string; skip: string | false; make: () => Promise<Backend> }[] = [
  { name: "SQLite with writer threads", skip: false, make: () => Promise.resolve(sqliteBackend(2)) },
  { name: "SQLite in place", skip: false, make: () => Promise.resolve(sqliteBackend(0)) },
  { name: "PostgreSQL", skip: postgresMissing ?? false, make: postgresBackend },
];

after(stopPostgres);

for (const kind of kinds) {
  describe(kind.name, { skip: kind.skip }, () => {
    const isInPlace = kind.name.includes("in place");
    let backend: Backend;
    let store: Store;
    let scope: MailboxId;

    before(async () => {
      backend = await kind.make();
      store = recordTexts(await backend.open(), backend.kind);
      scope = await newMailbox(store);
    });
    after(async () => {
      await store.close();
      backend.remove();
    });

    test("a procedure's result comes back, plain data and bytes alike", async () => {
      const value = { number: 2 ** 53 - 1, text: "ä\0b", bytes: Uint8Array.of(0, 255), list: [null, { deep: true }] };
      assert.deepEqual(await store.transact(ctx, scope, noTransaction, { value }), value);
    });

    test("refusals and bugs roll back their own procedure and nobody else's", async () => {
      const results = await Promise.allSettled([
        store.transact(ctx, scope, addNameTx, { name: "keep-1" }),
        store.transact(ctx, scope, refuse, { name: "lost-1", code: "overQuota" }),
        store.transact(ctx, scope, addNameTx, { name: "keep-2" }),
        store.transact(ctx, scope, refuse, { name: "lost-2", code: null }),
        store.transact(ctx, scope, refuseInPrepare, { name: "lost-3" }),
        store.transact(ctx, scope, addNameTx, { name: "keep-3" }),
      ]);
      assert.deepEqual(results.map((result) => result.status),
        ["fulfilled", "rejected", "fulfilled", "rejected", "rejected", "fulfilled"]);
      const reasons = results.map((result) => result.status === "rejected" ? result.reason as Error : null);
      assert.ok(isFault("overQuota", /^refused lost-1$/)(reasons[1]));
      assert.ok(!(reasons[3] instanceof Fault) && /a bug in lost-2/.test(reasons[3]!.message));
      assert.ok(isFault("tooBig", /before it began/)(reasons[4]));
      assert.deepEqual((await names(store, scope)).filter((name) => /keep|lost/.test(name)), ["keep-1", "keep-2", "keep-3"]);
    });

    test("a refusal alone in its batch changes nothing either", async () => {
      const cn = await currentCn(store, scope);
      await assert.rejects(store.transact(ctx, scope, refuse, { name: "alone", code: "conflict" }), isFault("conflict"));
      assert.equal(await currentCn(store, scope), cn);
    });

    test("a statement that failed ends its procedure, also when the body looks away", async () => {
      await assert.rejects(store.transact(ctx, scope, ignoreFailure, { name: "doubled" }), /unique|duplicate/i);
      assert.ok(!(await names(store, scope)).some((name) => name.startsWith("doubled")));
    });

    test("what waits for a mailbox runs in order and shares commits", async () => {
      const own = await newMailbox(store);
      const cn = await currentCn(store, own);
      let hints = 0;
      const end = store.watch(own, () => { hints++; });
      const cns = await Promise.all(Array.from({ length: 600 },
        (_, index) => store.transact(ctx, own, addNameTx, { name: `n${index}` })));
      assert.deepEqual(cns, Array.from({ length: 600 }, (_, index) => cn + 1 + index));
      await until(() => hints > 0, "a hint");
      end();
      // 256 share a commit at most, and at least those that waited together do.
      assert.ok(hints <= 4, `${hints} commits for 600 procedures`);
      assert.equal((await names(store, own)).length, 600);
    });

    test("hints come after the commit, one scope's only to its own watchers, and none when nothing changed", async () => {
      const [one, other] = [await newMailbox(store), await newMailbox(store)];
      const seen: { cn: number; read: number }[] = [];
      let strays = 0;
      const ends = [
        store.watch(one, (cn) => void currentCn(store, one).then((read) => seen.push({ cn, read }))),
        store.watch(other, () => { strays++; }),
      ];
      const cn = await store.transact(ctx, one, addNameTx, { name: "x" });
      await store.transact(ctx, one, noTransaction, { value: 1 });
      await assert.rejects(store.transact(ctx, one, refuse, { name: "y", code: "conflict" }));
      await until(() => seen.length > 0, "the hint");
      assert.deepEqual(seen, [{ cn, read: cn }]);
      for (const end of ends) end();
      await store.transact(ctx, one, addNameTx, { name: "z" });
      assert.equal(seen.length, 1);
      assert.equal(strays, 0);
    });

    // In place a writer holds everything.
    if (!isInPlace) test("reads go on beside a long writer and stay on one snapshot", async () => {
      const own = await newMailbox(store);
      const cn = await currentCn(store, own);
      let done = false;
      const writing = store.transact(ctx, own, addNameTx, { name: "slow", waitMs: 300 }).then(() => { done = true; });
      await new Promise((resolve) => setTimeout(resolve, 60));
      assert.equal(await currentCn(store, own), cn);
      assert.equal(done, false, "the read came while the writer was at work");
      await writing;
      let atOnce: Promise<unknown> = Promise.resolve();
      const [before, later] = await store.read(ctx, own, function* (): Work<[number, number]> {
        const count = (): Work<{ n: number } | undefined> =>
          get<{ n: number }>("SELECT COUNT(*) AS n FROM subscription WHERE mailbox_id = $1", own);
        const first = (yield* count())!.n;
        atOnce = Promise.all(["a", "b"].map((name) => store.transact(ctx, own, addNameTx, { name })));
        yield* waitInside(store.dialect, 80);
        return [first, (yield* count())!.n];
      });
      assert.equal(before, later);
      await atOnce;
      assert.equal((await names(store, own)).length, before + 2);
    });

    test("every value comes back as it went in", async () => {
      const own = await newMailbox(store);
      const rows: [number | bigint, string | null, Uint8Array | null][] = [
        [0, null, null], [-1, "", new Uint8Array(0)], [2 ** 53 - 1, "a\0b", Uint8Array.of(0)],
        [-(2 ** 53 - 1), "\0", Uint8Array.of(0, 1, 254, 255)], [BigInt(2 ** 53 - 1), "\ufdd0", new Uint8Array([92, 120, 39])],
        [2 ** 32, "\ufdd00\ufdd01\0\ufdd0", new Uint8Array(1_500_000).fill(7)], [1, "𝄞 ü \u202e '\" \\ $1 ?1", null],
        [2, "x".repeat(300_000), new Uint8Array(12).subarray(3, 7)],
      ];
      for (const [index, [integer, text, bytes]] of rows.entries()) {
        const expected = { content_id: index, size_bytes: Number(integer), hash: text, bytes };
        const kept = await store.transact(ctx, own, keepValues, { id: index, integer, text, bytes });
        const read = await store.read(ctx, own, () => readKept(own, index));
        for (const row of [kept, read!]) {
          assert.deepEqual({ ...row, bytes: row.bytes && new Uint8Array(row.bytes) }, expected, `row ${index}`);
          assert.ok(row.bytes === null || row.bytes instanceof Uint8Array);
        }
      }
      const found = await store.read(ctx, own, () => get<{ content_id: number }>(
        "SELECT content_id FROM content WHERE mailbox_id = $1 AND hash = $2", own, "a\0b"));
      assert.equal(found?.content_id, 2, "texts with U+0000 are found by their value");
    });

    test("numbers past 2^53 and fractions in whole columns are refused, not bent", async () => {
      const own = await newMailbox(store);
      await assert.rejects(store.transact(ctx, own, keepValues, { id: 1, integer: 2n ** 60n, text: null, bytes: null }));
      await assert.rejects(store.transact(ctx, own, keepValues, { id: 2, integer: 0.5, text: null, bytes: null }));
      assert.equal(await store.read(ctx, own, () => readKept(own, 2)), undefined);
    });

    test("texts are ordered by their bytes", async () => {
      const own = await newMailbox(store);
      for (const name of ["b", "a", "B", "ä", "_", "a b", "ab"]) await store.transact(ctx, own, addNameTx, { name });
      assert.deepEqual(await names(store, own), ["B", "_", "a", "a b", "ab", "b", "ä"]);
    });

    test("mailboxes are made once and are gone when removed", async () => {
      await assert.rejects(store.read(ctx, nowhere, () => get("SELECT 1 AS one")), isFault("notFound"));
      await assert.rejects(store.transact(ctx, nowhere, noTransaction, { value: 1 }), isFault("notFound"));
      const own = await newMailbox(store);
      await store.transact(ctx, own, addNameTx, { name: "kept" });
      await store.createMailbox(ctx, own);
      assert.deepEqual(await names(store, own), ["kept"]);
      const under = store.transact(ctx, own, addNameTx, { name: "under way" });
      const removed = store.removeMailbox(ctx, own);
      await Promise.allSettled([under, removed]);
      await removed;
      await assert.rejects(names(store, own), isFault("notFound"));
      await assert.rejects(store.transact(ctx, own, addNameTx, { name: "late" }), isFault("notFound"));
      await store.removeMailbox(ctx, own);
      await store.createMailbox(ctx, own);
      assert.deepEqual(await names(store, own), [], "a mailbox made again is empty");
    });

    test("what nobody wants any more does not begin", async () => {
      const abort = new AbortController();
      const leaving: Ctx = { ...ctx, signal: abort.signal };
      const own = await newMailbox(store);
      const first = store.transact(ctx, own, addNameTx, { name: "first" });
      const second = store.transact(leaving, own, addNameTx, { name: "second" });
      abort.abort();
      const [, late] = await Promise.allSettled([first, second]);
      assert.ok(late.status === "rejected" && isFault("cancelled")(late.reason));
      await assert.rejects(store.transact(leaving, own, addNameTx, { name: "third" }), isFault("cancelled"));
      await assert.rejects(store.read(leaving, own, () => get("SELECT 1 AS one")), isFault("cancelled"));
      assert.deepEqual(await names(store, own), ["first"]);
    });

    test("too much waiting work is refused as busy", async () => {
      const own = await newMailbox(store);
      const abort = new AbortController();
      const impatient: Ctx = { ...ctx, signal: abort.signal };
      const waiting = Array.from({ length: limits.transactionsWaitingMax + 5 }, () =>
        store.transact(impatient, own, noTransaction, { value: 0 }).then(() => "done", (error: Fault) => error.code));
      abort.abort();
      const results = await Promise.all(waiting);
      assert.equal(results.filter((result) => result === "serverBusy").length, 5);
      assert.equal(results.filter((result) => result === "cancelled").length, limits.transactionsWaitingMax);
      assert.equal(await store.transact(ctx, own, noTransaction, { value: 1 }), 1, "and then it goes on");
    });

    test("the server's own data has its own change number", async () => {
      const hints: number[] = [];
      const end = store.watch(serverScope, (cn) => hints.push(cn));
      const cns = await Promise.all([0, 1, 2].map(() => store.transact(ctx, serverScope, touchServer, {})));
      assert.deepEqual(cns, [cns[0], cns[0]! + 1, cns[0]! + 2]);
      await until(() => hints.length > 0, "the hint");
      assert.deepEqual(hints, [cns[2]]);
      end();
    });

    test("two stores on the same data write in turns and hear of each other", async () => {
      const own = await newMailbox(store);
      const second = await backend.open("tool");
      try {
        const heard: number[] = [];
        const end = store.watch(own, (cn) => heard.push(cn));
        const cns = await Promise.all(Array.from({ length: 40 },
          (_, index) => (index % 2 === 0 ? store : second).transact(ctx, own, addNameTx, { name: `t${index}` })));
        assert.equal(new Set(cns).size, 40);
        const last = await second.transact(ctx, own, addNameTx, { name: "last" });
        await until(() => heard.includes(last), "the hint of the other store");
        assert.equal((await names(store, own)).length, 41);
        end();
      } finally {
        await second.close();
      }
    });

    test("closing waits for work under way, and what is closed refuses", async () => {
      const own = await newMailbox(store);
      const second = await backend.open("tool");
      const work = Array.from({ length: 300 }, (_, index) => second.transact(ctx, own, addNameTx, { name: `c${index}` }));
      await Promise.all([second.close(), ...work]);
      await assert.rejects(second.transact(ctx, own, addNameTx, { name: "late" }), isFault("unavailable"));
      await assert.rejects(second.read(ctx, own, () => get("SELECT 1 AS one")), isFault("unavailable"));
      assert.equal((await names(store, own)).length, 300);
    });

    test("words are found in whatever field, case, accent and neighbourhood they stand", async () => {
      const own = await newMailbox(store);
      const fields = {
        subject: "Café déjà-vu Ünïcode", addresses: "Kim <kim.lee@example.org>", body: `naïve plan 42 ${"word ".repeat(9)}`,
        attachmentNames: "Budget_2024.xlsx",
      };
      await store.transact(ctx, own, indexWords, { contentId: 5, fields });
      await store.transact(ctx, own, placeMessage, { contentId: 5, uid: 9 });
      const find = (words: string): Promise<number[]> => store.read(ctx, own, () => findWords(store.dialect, own, 1, words));
      const rows: [string, boolean][] = [
        ["cafe", true], ["CAFÉ", true], ["cafe\u0301", true], ["deja vu", true], ["unicode plan", true], ["lee", true],
        ["example.org", true], ["naive 42", true], ["budget", true], ["xlsx 2024", true], ["caf", false],
        ["plan absent", false], ["", false], ["!!", false], ["plan' OR 1", false], ["\" NEAR *", false], ["a\0b", false],
      ];
      for (const [words, found] of rows) assert.deepEqual(await find(words), found ? [9] : [], JSON.stringify(words));
      await store.transact(ctx, own, indexWords, { contentId: 5, fields: null });
      assert.deepEqual(await find("cafe"), []);
      const heavy = Array.from({ length: 60_000 }, (_, index) => String.fromCodePoint(0x4e00 + index % 20_000, 0x61 + index % 7));
      await store.transact(ctx, own, indexWords, {
        contentId: 6, fields: { subject: "\0 x", addresses: "q".repeat(5_000), body: heavy.join(" "), attachmentNames: "" },
      });
    });

    test("blobs: the same bytes once, any part of them, nothing left of what was dropped", async () => {
      const pieces = [Buffer.alloc(300_000, "a"), Buffer.alloc(0), Buffer.from("end")];
      const whole = Buffer.concat(pieces);
      const store1 = async (): Promise<{ hash: string; sizeBytes: number }> => {
        const writer = store.blobs.create();
        for (const piece of pieces) await writer.write(piece);
        return await writer.finish();
      };
      const [first, second] = await Promise.all([store1(), store1()]);
      const hash = createHash("sha256").update(whole).digest("hex");
      assert.deepEqual([first, second], Array(2).fill({ hash, sizeBytes: whole.length }));
      const stream = async (offset?: number, length?: number): Promise<Buffer> => {
        const got = [];
        for await (const piece of store.blobs.stream(hash, offset, length)) got.push(piece);
        return Buffer.concat(got);
      };
      for (const [offset, length] of [[0, 5], [299_999, 4], [262_144, 1], [300_003, 0]] as const) {
        const part = whole.subarray(offset, offset + length);
        assert.deepEqual(Buffer.from(await store.blobs.read(hash, offset, length)), part);
        assert.deepEqual(await stream(offset, length), part);
      }
      assert.deepEqual(await stream(), whole);
      assert.equal((await store.blobs.read(hash, 400_000, 5)).length, 0);
      await assert.rejects(stream(0, whole.length + 1), isFault("corrupt"));

      const dropped = store.blobs.create();
      await dropped.write(whole);
      await dropped.discard();
      await dropped.discard();
      const empty = await store.blobs.create().finish();
      assert.equal(empty.sizeBytes, 0);
      const kept = [];
      for await (const blob of store.blobs.list()) kept.push(blob.hash);
      assert.deepEqual(kept.sort(), [hash, empty.hash].sort());
      assert.deepEqual(readdirSync(join(backend.dataDir, "blobs", "pending")), []);

      const absent = "0".repeat(64);
      await assert.rejects(store.blobs.read(absent, 0, 1), isFault("notFound"));
      for (const bad of ["", "../../etc/passwd", hash.toUpperCase(), `${hash}0`]) {
        await assert.rejects(store.blobs.read(bad, 0, 1), isFault("invalidArgument"));
      }
      assert.equal(await store.blobs.remove(hash, Date.now() - 60_000), false, "young bytes stay");
      assert.equal(await store.blobs.remove(hash), true);
      assert.equal(await store.blobs.remove(hash), false);
      await assert.rejects(stream(), isFault("notFound"));
    });

    test("every procedure of the mailbox keeps counts equal to what is there", async () => {
      await runScript(store, await newMailbox(store));
    });

    test("random commands do what the array-and-map model does", async () => {
      await runModel(store, () => newMailbox(store), backend.kind === "postgres" ? 4 : 12);
    });

    // What runs on writer threads is out of sight here.
    if (!kind.name.includes("threads")) test("the SQL texts are the known ones", () => {
      compareWithGolden(store.dialect);
    });
  });
}
