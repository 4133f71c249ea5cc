/**
 * Proves of PostgreSQL what the common contract cannot ask: lost connections are replaced and what happened meanwhile is
 * told, several servers may start at once, and data of another kind or a newer program is refused.
 */
import { strict as assert } from "node:assert";
import { after, describe, test } from "node:test";
import pg from "pg";
import { Fault } from "#base/fault.ts";
import type { FaultCode } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import { ctx, newMailbox, postgresBackend, sharedPostgres, stopPostgres } from "#store/contract-test-kit.ts";
import { addNameTx, keepValues } from "#store/contract-test-procedures.ts";
import { isRetryable, toPostgresFault } from "#store/postgres-faults.ts";
import { mailboxTables } from "#store/postgres-schema.ts";
import { openPostgresStore } from "#store/postgres-store.ts";
import { escapeText, unescapeText } from "#store/postgres-values.ts";
import { get } from "#store/sql.ts";
import { postgresMissing } from "../../test/support/postgres.ts";
import { until } from "../../test/support/real-ctx.ts";

function openAt(connectionString: string) {
  return openPostgresStore({
    connectionString, blobFolder: "/nonexistent", procedureModules: [], system: ctx.system, log: silentLog,
  });
}

const isFault = (code: FaultCode) => (error: unknown): boolean => error instanceof Fault && error.code === code;

/** A backend told to end may still take a command; what met its end is tried again, as a client would. */
async function insist<T>(body: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await body();
    } catch (error) {
      if (attempt >= 5 || !isFault("unavailable")(error)) throw error;
    }
  }
}

describe("PostgreSQL", { skip: postgresMissing ?? false }, () => {
  after(stopPostgres);

  test("lost connections are replaced, and watchers hear of what they missed", async () => {
    const backend = await postgresBackend();
    const [store, other] = [await backend.open(), await backend.open()];
    const own = await newMailbox(store);
    const heard: number[] = [];
    store.watch(own, (cn) => heard.push(cn));
    await (await sharedPostgres()).dropConnections();
    const cn = await insist(() => other.transact(ctx, own, addNameTx, { name: "meanwhile" }));
    await until(() => heard.includes(cn), "the hint that was missed");
    assert.equal((await store.read(ctx, own, () => get<{ n: number }>("SELECT COUNT(*) AS n FROM subscription")))!.n, 1);
    // At whatever moment it happens: the work is done, or refused as unavailable.
    for (let round = 0; round < 4; round++) {
      const working = Array.from({ length: 20 },
        (_, index) => store.transact(ctx, own, addNameTx, { name: `w${round}-${index}` }));
      await new Promise((resolve) => setTimeout(resolve, round * 7));
      await (await sharedPostgres()).dropConnections();
      for (const result of await Promise.allSettled(working)) {
        assert.ok(result.status === "fulfilled" || isFault("unavailable")(result.reason), JSON.stringify(result));
      }
    }
    const next = await insist(() => other.transact(ctx, own, addNameTx, { name: "later" }));
    await until(() => heard.includes(next), "hints again", 20_000);
    await Promise.all([store.close(), other.close()]);
    backend.remove();
  });

  test("servers that start together make the schema once", async () => {
    const connectionString = await (await sharedPostgres()).makeDatabase();
    const stores = await Promise.all(Array.from({ length: 4 }, () => openAt(connectionString)));
    await Promise.all(stores.map((store) => store.close()));
  });

  test("data of a newer program and databases in another encoding are refused", async () => {
    const connectionString = await (await sharedPostgres()).makeDatabase();
    await (await openAt(connectionString)).close();
    const client = new pg.Client(connectionString);
    await client.connect();
    await client.query("UPDATE schema_version SET version = 99 WHERE part = 'mailbox'");
    await assert.rejects(openAt(connectionString), (error) => isFault("notSupported")(error) && /newer/.test(String(error)));
    await client.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    await client.end();
    await assert.rejects(openAt(connectionString.replace(/test\d+/, "latin")), isFault("notSupported"));
  });

  test("a server that is not there is unavailable", async () => {
    await assert.rejects(openAt("postgres://x@/y?host=%2Fnonexistent"), isFault("unavailable"));
    await assert.rejects(openAt("postgres://x@127.0.0.1:1/y"), isFault("unavailable"));
  });

  test("a key too long for an index is a refusal of its own", async () => {
    const backend = await postgresBackend();
    const store = await backend.open();
    const own = await newMailbox(store);
    const name = Buffer.from(ctx.system.randomBytes(30_000)).toString("base64");
    await assert.rejects(store.transact(ctx, own, addNameTx, { name }), isFault("tooBig"));
    await store.transact(ctx, own, keepValues, { id: 1, integer: 1, text: name, bytes: null });
    await store.close();
    backend.remove();
  });
});

test("every table of a mailbox goes when the mailbox goes", () => {
  for (const name of ["mailbox_scope", "mailbox", "message", "content", "message_text", "delivery"]) {
    assert.ok(mailboxTables.includes(name), name);
  }
});

test("texts keep U+0000 and the mark that stands for it", () => {
  for (const text of ["", "plain", "\0", "\ufdd0", "\ufdd00", "\ufdd01", "a\0\ufdd0\0b", "\ufdd0\ufdd01\0"]) {
    assert.ok(!escapeText(text).includes("\0"));
    assert.equal(unescapeText(escapeText(text)), text);
  }
});

test("errors of the database by their state", () => {
  const failure = (code: string): Error => Object.assign(new Error("x"), { code });
  const rows: [string, FaultCode | null, boolean][] = [
    ["40001", "unavailable", true], ["40P01", "unavailable", true], ["57P01", "unavailable", true],
    ["ECONNRESET", "unavailable", true], ["53300", "unavailable", false], ["55P03", "unavailable", false],
    ["53100", "storageFull", false], ["XX001", "corrupt", false], ["54000", "tooBig", false], ["23505", null, false],
    ["42601", null, false],
  ];
  for (const [code, fault, retry] of rows) {
    const error = failure(code);
    const seen = toPostgresFault(error);
    assert.equal(seen instanceof Fault ? seen.code : null, fault, code);
    assert.equal(isRetryable(error), retry, code);
  }
});
