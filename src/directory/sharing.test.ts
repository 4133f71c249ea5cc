/**
 * Proves what the directory tells of working together, on SQLite and PostgreSQL: what somebody is in a mailbox that is
 * not theirs, by own grants and by groups in groups and by query; the same object until something changes; delegates
 * and private items; Send As and Send on Behalf; where copies go; which groups are closed to whom; hidden members.
 */
import { strict as assert } from "node:assert";
import { after, before, describe, test } from "node:test";
import type { EntryId, MailboxId } from "#base/ids.ts";
import { AddressBook } from "#directory/address-book.ts";
import { StoreDirectory } from "#directory/directory.ts";
import { removeEntry, setEntry } from "#directory/entry-changes.ts";
import type { SettingChange } from "#directory/setting-changes.ts";
import { addGrant, addMember, removeGrant } from "#directory/link-changes.ts";
import type { AccessRight } from "#directory/kinds.ts";
import type { Entry } from "#directory/reads.ts";
import { setDelegate } from "#directory/setting-changes.ts";
import { addDomain } from "#directory/domain-changes.ts";
import { addTestEntry, openTestBed } from "#directory/test-kit.ts";
import type { StoreKind, TestBed } from "#directory/test-kit.ts";
import { serverScope } from "#store/api.ts";
import { all } from "#store/sql.ts";
import { postgresMissing } from "../../test/support/postgres.ts";

const kinds: [StoreKind, string | false][] = [["sqlite", false], ["postgres", postgresMissing ?? false]];
const by = "test";

for (const [kind, skip] of kinds) {
  describe(kind, { skip }, () => {
    let bed: TestBed;
    let directory: StoreDirectory;
    const entries = new Map<string, Entry>();
    const idOf = (name: string): EntryId => entries.get(name)!.entryId;
    const address = (name: string): string => entries.get(name)!.address;
    const mailboxOf = (name: string): MailboxId => entries.get(name)!.mailboxId!;
    const set = (name: string, ...settings: SettingChange[]) =>
      bed.change(setEntry, { by, address: address(name), kinds: [], change: { settings } });
    const grant = (target: string, grantee: string, right: AccessRight) =>
      bed.change(addGrant, { by, target: address(target), grantee: address(grantee), right });
    before(async () => {
      bed = await openTestBed(kind);
      await bed.change(addDomain, { by, name: "example.test" });
      for (const name of ["ada", "ben", "cleo"]) entries.set(name, await addTestEntry(bed, "user", `${name}@example.test`));
      entries.set("info", await addTestEntry(bed, "shared", "info@example.test"));
      for (const name of ["inner", "outer"]) entries.set(name, await addTestEntry(bed, "group", `${name}@example.test`));
      entries.set("heads", await addTestEntry(bed, "group", "heads@example.test", { change: { dynamicQuery: "title=Head*" } }));
      await bed.change(addMember, { by, group: address("inner"), member: address("ben") });
      await bed.change(addMember, { by, group: address("outer"), member: address("inner") });
      directory = new StoreDirectory(bed.ctx, bed.store);
    });
    after(async () => {
      await directory.close();
      await bed.close();
    });

    test("standing in a mailbox: by group in group, and the same object until something changes", async () => {
      await grant("info", "outer", "read");
      const standing = await directory.mailboxStanding(bed.ctx, idOf("ben"), mailboxOf("info"));
      assert.deepEqual([standing.right, standing.seesPrivate, [...standing.selfAndGroups].sort()],
        ["read", false, [idOf("ben"), idOf("inner"), idOf("outer")].sort()]);
      assert.equal(await directory.mailboxStanding(bed.ctx, idOf("ben"), mailboxOf("info")), standing);
      await bed.change(setEntry, {
        by, address: address("ben"), kinds: [], change: { attributes: [{ key: "title", values: ["Head of Sales"] }] },
      });
      const changed = await directory.mailboxStanding(bed.ctx, idOf("ben"), mailboxOf("info"));
      assert.notEqual(changed, standing);
      assert.ok(changed.selfAndGroups.has(idOf("heads")));
      await bed.change(removeGrant, { by, target: address("info"), grantee: address("outer"), right: null });
      assert.equal((await directory.mailboxStanding(bed.ctx, idOf("ben"), mailboxOf("info"))).right, "none");
      assert.equal((await directory.mailboxStanding(bed.ctx, idOf("ben"), 999 as MailboxId)).right, "none");
      assert.equal((await directory.mailboxStanding(bed.ctx, idOf("ben"), mailboxOf("ben"))).right, "owner");
    });

    test("delegates, as people and as groups, see private items where they may", async () => {
      const seesPrivate = async () => (await directory.mailboxStanding(bed.ctx, idOf("ben"), mailboxOf("ada"))).seesPrivate;
      const make = (delegate: string, sees: boolean) => bed.change(setDelegate, {
        by, address: address("ada"), delegate: address(delegate), as: { meetingCopies: true, seesPrivate: sees },
      });
      await make("ben", false);
      assert.equal(await seesPrivate(), false);
      await make("inner", true);
      assert.equal(await seesPrivate(), true);
      assert.deepEqual(await directory.delegates(bed.ctx, idOf("ada")), [
        { delegateId: idOf("ben"), meetingCopies: true, seesPrivate: false },
        { delegateId: idOf("inner"), meetingCopies: true, seesPrivate: true },
      ]);
      await bed.change(setDelegate, { by, address: address("ada"), delegate: address("inner"), as: null });
      assert.equal(await seesPrivate(), false);
      const refused: [string, string, string][] = [["ada", "ada", "notAllowed"], ["outer", "ben", "notFound"]];
      for (const [one, delegate, code] of refused) {
        await assert.rejects(bed.change(setDelegate, {
          by, address: address(one), delegate: address(delegate), as: { meetingCopies: false, seesPrivate: false },
        }), { code });
      }
    });

    test("in whose name somebody sends", async () => {
      await grant("info", "ben", "send-on-behalf");
      await grant("outer", "ada", "send-as");
      const rows: [string, string, boolean, boolean][] = [
        ["ben", "info", false, true], ["ben", "ben", true, true], ["ben", "ada", false, false],
        ["ada", "outer", true, true], ["cleo", "outer", false, false],
      ];
      for (const [who, as, sendAs, onBehalf] of rows) {
        assert.equal(await directory.maySendAs(bed.ctx, idOf(who), address(as)), sendAs, `${who} as ${as}`);
        assert.equal(await directory.maySendOnBehalf(bed.ctx, idOf(who), address(as)), onBehalf, `${who} for ${as}`);
      }
    });

    test("where copies go: to the shared mailbox unless told otherwise", async () => {
      assert.deepEqual([await directory.sentCopies(bed.ctx, idOf("info")), await directory.sentCopies(bed.ctx, idOf("ada"))],
        ["shared", "sender"]);
      await set("info", { name: "sent-copies", values: ["both"] });
      assert.equal(await directory.sentCopies(bed.ctx, idOf("info")), "both");
      await set("info", { name: "sent-copies", values: [] });
      assert.equal(await directory.sentCopies(bed.ctx, idOf("info")), "shared");
      for (const [name, change] of [
        ["info", { name: "sent-copies", values: ["all"] }], ["info", { name: "sent-copies", values: ["both", "shared"] }],
        ["info", { name: "senders", values: ["members"] }], ["outer", { name: "sent-copies", values: ["both"] }],
        ["info", { name: "colour", values: ["red"] }],
      ] as [string, SettingChange][]) await assert.rejects(set(name, change), { code: "invalidArgument" });
    });

    test("groups are closed to some senders", async () => {
      const closedTo = async (who: string | null): Promise<boolean> =>
        await directory.refusesSender(bed.ctx, idOf("outer"), { entryId: who === null ? null : idOf(who) }) !== null;
      const closed = async () => [await closedTo("ben"), await closedTo("cleo"), await closedTo(null)];
      assert.deepEqual(await closed(), [false, false, false]);
      await set("outer", { name: "senders", values: ["inside"] });
      assert.deepEqual(await closed(), [false, false, true]);
      await set("outer", { name: "senders", values: ["members"] });
      assert.deepEqual(await closed(), [false, true, true]);
      await set("outer", { name: "accept-from", values: [address("cleo")] });
      assert.deepEqual(await closed(), [true, false, true]);
      await set("outer", { name: "accept-from", values: [address("inner"), address("cleo")] });
      assert.deepEqual(await closed(), [false, false, true]);
      await assert.rejects(set("outer", { name: "accept-from", values: ["ghost@example.test"] }), { code: "notFound" });
    });

    test("members that are hidden stand in no address book", async () => {
      const book = new AddressBook(bed.store);
      const members = async () => {
        const group = (await book.view(bed.ctx)).byId(idOf("outer"))!;
        return (await book.members(bed.ctx, group)).map((entry) => entry.address);
      };
      assert.deepEqual(await members(), [address("inner")]);
      await set("outer", { name: "hidden-members", values: ["on"] });
      assert.deepEqual(await members(), []);
    });

    test("who is removed leaves nothing behind", async () => {
      await bed.change(setDelegate, {
        by, address: address("cleo"), delegate: address("ada"), as: { meetingCopies: false, seesPrivate: false },
      });
      await set("cleo", { name: "sent-copies", values: ["both"] });
      await bed.change(removeEntry, { by, address: address("cleo"), kinds: [] });
      const left = await bed.store.read(bed.ctx, serverScope, function* () {
        const settings = yield* all("SELECT name FROM entry_setting WHERE entry_id = $1", idOf("cleo"));
        const delegates = yield* all("SELECT entry_id FROM entry_delegate WHERE entry_id = $1 OR delegate_id = $1", idOf("cleo"));
        return [settings, delegates];
      });
      assert.deepEqual(left, [[], []]);
      assert.equal((await directory.namedEntries(bed.ctx, [idOf("cleo"), idOf("ada")])).size, 1);
      assert.equal(await directory.refusesSender(bed.ctx, idOf("outer"), { entryId: idOf("ben") }), null);
    });
  });
}
