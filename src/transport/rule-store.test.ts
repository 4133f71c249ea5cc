/**
 * Rules as they are stored, on SQLite and PostgreSQL: none, changed, removed, and what does not concern them; the
 * memory of answers under two writers at once.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { EntryId, MailboxId } from "#base/ids.ts";
import { newItem, setProperty } from "#convert/item.ts";
import type { Directory } from "#directory/api.ts";
import { createMailboxes } from "#mailbox/mailbox.ts";
import { properties } from "#props/registry.ts";
import { settingsDefault } from "#rules/own/settings.ts";
import type { RuleSettings } from "#rules/own/settings.ts";
import { RuleMemory } from "#rules/replies/memory.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { RuleStore } from "#transport/rule-store.ts";
import { postgresMissing } from "../../test/support/postgres.ts";

const p = properties;
const kinds = ["sqlite", "postgres"] as const;
const named = (name: string): RuleSettings => ({ ...settingsDefault, rules: [{ name, isOn: true, moveTo: "A" }] });

for (const kind of kinds) {
  describe(kind, { skip: kind === "postgres" && postgresMissing !== null ? postgresMissing : false }, () => {
    let backend: Backend;
    let store: Store;
    let rules: RuleStore;
    const directory: Partial<Directory> = {
      mailboxOwner: () => Promise.resolve({ entryId: 1 as EntryId, address: "kim@example.org", displayName: "Kim", quotaBytes: null }),
      mailboxRight: () => Promise.resolve("none"),
    };
    before(async () => {
      backend = kind === "sqlite" ? sqliteBackend(0) : await postgresBackend();
      store = await backend.open();
      rules = new RuleStore({ store, mailboxes: createMailboxes(store, directory as Directory) });
    });
    after(async () => {
      await store?.close();
      backend?.remove();
      if (kind === "postgres") await stopPostgres();
    });
    const namesIn = async (mailboxId: MailboxId): Promise<string[] | null> =>
      (await rules.load(ctx, mailboxId))?.settings.rules.map(({ name }) => name) ?? null;

    test("none, made, changed by another, removed", async () => {
      const mailboxId = await newMailbox(store);
      assert.equal(await namesIn(mailboxId), null);
      await rules.saveSettings(ctx, mailboxId, named("one"));
      assert.deepEqual(await namesIn(mailboxId), ["one"]);
      const same = await rules.load(ctx, mailboxId);
      const mailbox = await rules.open(ctx, mailboxId);
      const { folderId } = await mailbox.folderByRole(ctx, "inbox");
      await mailbox.items.create(ctx, { folderId, item: newItem() });
      assert.equal(await rules.load(ctx, mailboxId), same, "a message is none of its business");
      const other = new RuleStore({ store, mailboxes: createMailboxes(store, directory as Directory) });
      await other.saveSettings(ctx, mailboxId, named("two"));
      assert.deepEqual(await namesIn(mailboxId), ["two"]);
      const item = newItem();
      setProperty(item, p.PidTagMessageClass, "IPM.Rule.Version2.Message");
      setProperty(item, p.PidTagRuleName, "Outlook's");
      const { messageId } = await mailbox.items.create(ctx, { folderId, item, associated: true });
      assert.deepEqual((await rules.load(ctx, mailboxId))!.rules.map(({ name }) => name), ["Outlook's"]);
      await mailbox.items.remove(ctx, [messageId], "hard");
      assert.deepEqual((await rules.load(ctx, mailboxId))!.rules, []);
    });

    test("many at once: each key has one taker, and the memory leaves the rules alone", async () => {
      const mailboxId = await newMailbox(store);
      await rules.saveSettings(ctx, mailboxId, named("one"));
      const mailbox = await rules.open(ctx, mailboxId);
      const other = new RuleStore({ store, mailboxes: createMailboxes(store, directory as Directory) });
      const take = (from: RuleStore, delivery: string): Promise<boolean> => from.remember(ctx, mailbox, 0, (memory) => {
        if (memory.has("key", delivery)) return false;
        memory.add("key", 1000, delivery);
        return true;
      });
      assert.equal(await take(rules, "d0"), true);
      const before = await rules.load(ctx, mailboxId);
      const taken = await Promise.all(Array.from({ length: 6 }, (_, index) => take(index % 2 === 0 ? rules : other, `d${index + 1}`)));
      assert.deepEqual(taken, taken.map(() => false));
      assert.equal(await take(other, "d0"), true, "the one that has it, again");
      await Promise.all(Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? rules : other)
        .remember(ctx, mailbox, 0, (memory) => memory.add(`k${index}`, 1000, "d"))));
      const memory: RuleMemory = await rules.readMemory(ctx, mailbox, 0);
      for (let index = 0; index < 6; index++) assert.ok(memory.has(`k${index}`, "x"), `k${index}`);
      assert.equal(await rules.load(ctx, mailboxId), before);
    });
  });
}
