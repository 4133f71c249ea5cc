/** A process of its own that commits until it is killed; tells on stdout each name whose commit it was told of. */
import type { MailboxId } from "#base/ids.ts";
import { ctx, procedureModules } from "#store/contract-test-kit.ts";
import { addNameTx } from "#store/contract-test-procedures.ts";
import { openSqliteStore } from "#store/sqlite-store.ts";

const [dataDir, mailboxId] = process.argv.slice(2);
const store = await openSqliteStore({
  dataDir: dataDir!, writerThreads: 1, procedureModules, role: "server", nowMs: () => ctx.system.nowMs(),
});

async function commitForever(client: number): Promise<void> {
  for (let count = 0; ; count++) {
    const name = `${client}-${count}`;
    await store.transact(ctx, Number(mailboxId) as MailboxId, addNameTx, { name });
    process.stdout.write(`${name}\n`);
  }
}

await Promise.all([0, 1, 2, 3, 4].map(commitForever));
