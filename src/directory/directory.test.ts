// Proves, on SQLite and on PostgreSQL: entries with their addresses, attributes, groups, grants and roles are kept and refused as
// said; addresses resolve, loops end, caches follow changes, also those another process made.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { StoreDirectory } from "#directory/directory.ts";
import { attributeRows } from "#directory/attributes.ts";
import { addDomain, removeDomain, setDefaultDomain } from "#directory/domain-changes.ts";
import { removeEntry, setEntry } from "#directory/entry-changes.ts";
import type { EntryChange } from "#directory/entry-changes.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import { recipientsDn } from "#directory/kinds.ts";
import { addGrant, addMember, grantRole, removeGrant, removeMember, revokeRole } from "#directory/link-changes.ts";
import { addressesOf, attributesOf } from "#directory/reads.ts";
import type { Entry } from "#directory/reads.ts";
import { addTestEntry, openTestBed } from "#directory/test-kit.ts";
import type { StoreKind, TestBed } from "#directory/test-kit.ts";
import { get } from "#store/sql.ts";

const specFile = new URL("../../../shared/spec/oxprops.tsv", import.meta.url);
const by = "test";
/** The same tests on each kind of store. */
function testDirectory(kind: StoreKind): void {
  let bed: TestBed;
  let directory: StoreDirectory;
  let alice: Entry;
  let bob: Entry;
  let carol: Entry;
  let info: Entry;

  before(async () => {
    bed = await openTestBed(kind);
    directory = new StoreDirectory(bed.ctx, bed.store);
    await bed.change(addDomain, { by, name: "example.test" });
    await bed.change(addDomain, { by, name: "Bücher.example" });
    alice = await addTestEntry(bed, "user", "alice@example.test", { name: "Alice Adams" });
    bob = await addTestEntry(bed, "user", "bob@example.test");
    carol = await addTestEntry(bed, "user", "carol@example.test");
    info = await addTestEntry(bed, "shared", "info@example.test");
  });
  after(async () => {
    await directory.close();
    await bed.close();
  });

  const set = (address: string, change: EntryChange): Promise<Entry> =>
    bed.change(setEntry, { by, address, kinds: [], change });
  const resolved = async (address: string): Promise<string> => {
    const found = await directory.resolve(bed.ctx, address);
    if (found.kind !== "group") return `${found.kind} ${found.address}`;
    return `group ${found.members.map((one) => `${one.kind === "remote" ? "remote " : ""}${one.address}`).sort().join(" ")}`;
  };

  test("a new entry has a mailbox of its own, a legacyExchangeDN and sane values", () => {
    assert.notEqual(alice.mailboxId, bob.mailboxId);
    assert.ok(alice.legacyDn.startsWith(recipientsDn));
    assert.match(alice.legacyDn.slice(recipientsDn.length), /^[0-9a-f]{32}-alice$/);
    assert.deepEqual([alice.displayName, alice.language, alice.quotaBytes, alice.disabled], ["Alice Adams", "en", null, false]);
  });

  test("entries that cannot be made", async () => {
    const rows: [string, () => Promise<unknown>, string][] = [
      ["taken", () => addTestEntry(bed, "user", "ALICE@example.test"), "alreadyExists"],
      ["foreign domain", () => addTestEntry(bed, "user", "x@elsewhere.example"), "notFound"],
      ["not an address", () => addTestEntry(bed, "user", "x y"), "invalidArgument"],
      ["contact inside", () => addTestEntry(bed, "contact", "x@example.test"), "notAllowed"],
      ["name empty", () => addTestEntry(bed, "user", "x@example.test", { name: " " }), "invalidArgument"],
      ["alias taken", () => addTestEntry(bed, "user", "x@example.test", { change: { addAddresses: ["bob@example.test"] } }),
        "alreadyExists"],
      ["language", () => addTestEntry(bed, "user", "x@example.test", { change: { language: "english!" } }), "invalidArgument"],
    ];
    for (const [name, make, code] of rows) await assert.rejects(make(), { code }, name);
    assert.equal(await directory.entryByAddress(bed.ctx, "x@example.test"), null, "a refused entry leaves nothing");
  });

  test("mailbox ids are never used again", async () => {
    const gone = await addTestEntry(bed, "user", "gone@example.test");
    await bed.change(removeEntry, { by, address: "gone@example.test", kinds: ["user"] });
    const next = await addTestEntry(bed, "user", "gone@example.test");
    assert.ok(next.mailboxId! > gone.mailboxId! && next.entryId > gone.entryId);
    await bed.change(removeEntry, { by, address: "gone@example.test", kinds: [] });
  });

  test("addresses resolve", async () => {
    await set("alice@example.test", { addAddresses: ["a.adams@example.test", "alice@bücher.example"] });
    await set("carol@example.test", { disabled: true });
    await addTestEntry(bed, "contact", "joe@partner.example", { change: { addAddresses: ["joe@example.test"] } });
    const rows: [string, string][] = [
      ["alice@example.test", "mailbox alice@example.test"],
      ["ALICE+x@EXAMPLE.TEST", "mailbox alice@example.test"],
      ["A.Adams@example.test", "mailbox alice@example.test"],
      ["alice@xn--bcher-kva.example", "mailbox alice@example.test"],
      ["nobody@example.test", "unknown nobody@example.test"],
      ["nobody+alice@example.test", "unknown nobody+alice@example.test"],
      ["carol@example.test", "disabled carol@example.test"],
      ["joe@example.test", "remote joe@partner.example"],
      ["joe@partner.example", "remote joe@partner.example"],
      ["someone@elsewhere.example", "remote someone@elsewhere.example"],
      ["someone@[192.0.2.1]", "remote someone@[192.0.2.1]"],
      ["not an address", "unknown not an address"],
      ["postmaster", "unknown postmaster@example.test"],
    ];
    for (const [address, expected] of rows) assert.equal(await resolved(address), expected, address);
    await set("carol@example.test", { disabled: false });
    await bed.change(grantRole, { by, address: "bob@example.test", role: "organisation-admin", over: null });
    assert.equal(await resolved("Postmaster"), "mailbox bob@example.test");
    assert.equal(await resolved("postmaster@bücher.example"), "mailbox bob@example.test");
  });

  test("an exact address with a plus wins over the detail", async () => {
    await set("bob@example.test", { addAddresses: ["alice+bob@example.test"] });
    assert.equal(await resolved("alice+bob@example.test"), "mailbox bob@example.test");
    await set("bob@example.test", { removeAddresses: ["alice+bob@example.test"] });
    assert.equal(await resolved("alice+bob@example.test"), "mailbox alice@example.test");
  });

  test("groups: nested, each once, loops refused, disabled left out", async () => {
    await addTestEntry(bed, "group", "team@example.test");
    await addTestEntry(bed, "group", "all@example.test");
    const join = (group: string, member: string): Promise<unknown> => bed.change(addMember, { by, group, member });
    await join("team@example.test", "alice@example.test");
    await join("team@example.test", "bob@example.test");
    await join("all@example.test", "team@example.test");
    await join("all@example.test", "bob@example.test");
    await join("all@example.test", "carol@example.test");
    await join("all@example.test", "joe@partner.example");
    assert.equal(await resolved("all@example.test"),
      "group alice@example.test bob@example.test carol@example.test remote joe@partner.example");
    await assert.rejects(join("team@example.test", "all@example.test"), { code: "notAllowed" });
    await assert.rejects(join("team@example.test", "team@example.test"), { code: "notAllowed" });
    await assert.rejects(join("team@example.test", "x@elsewhere.example"), { code: "notFound", message: /contact add/ });
    await assert.rejects(join("alice@example.test", "bob@example.test"), { code: "notFound", message: /is a user, not a group/ });
    await set("carol@example.test", { disabled: true });
    await bed.change(removeMember, { by, group: "all@example.test", member: "joe@partner.example" });
    assert.equal(await resolved("all@example.test"), "group alice@example.test bob@example.test");
    await set("carol@example.test", { disabled: false });
  });

  test("dynamic groups follow the address book", async () => {
    await set("alice@example.test", { attributes: [{ key: "department", values: ["Sales"] }, { key: "title", values: ["Head of Sales"] }] });
    await set("bob@example.test", { attributes: [{ key: "DEPARTMENT", values: ["Support 100%"] }] });
    const rows: [string, string][] = [
      ["department=sales", "group alice@example.test"],
      ["department=Sales or department=\"support 100%\"", "group alice@example.test bob@example.test"],
      ["department=sup*", "group bob@example.test"],
      ["department=*", "group alice@example.test bob@example.test"],
      ["department=*%*", "group "],
      ["department=Sales title=\"head of sales\"", "group alice@example.test"],
      ["department=Sales title=x", "group "],
      ["department!=Sales address!=gone*", "group bob@example.test carol@example.test"],
      ["kind=shared", "group info@example.test"],
      ["domain=example.test name=alice*", "group alice@example.test"],
    ];
    await addTestEntry(bed, "group", "dyn@example.test", { change: { dynamicQuery: "department=x" } });
    for (const [query, expected] of rows) {
      await set("dyn@example.test", { dynamicQuery: query });
      assert.equal(await resolved("dyn@example.test"), expected, query);
    }
    await assert.rejects(set("dyn@example.test", { dynamicQuery: "colour=red" }), { code: "invalidArgument" });
    await assert.rejects(bed.change(addMember, { by, group: "dyn@example.test", member: "bob@example.test" }), { code: "notAllowed" });
  });

  test("grants, directly and through groups", async () => {
    const right = (who: Entry, whose: Entry): Promise<string> => directory.mailboxRight(bed.ctx, who.entryId, whose.mailboxId!);
    const sends = (who: Entry, address: string): Promise<boolean> => directory.maySendAs(bed.ctx, who.entryId, address);
    assert.equal(await right(alice, alice), "owner");
    assert.equal(await right(bob, info), "none");
    assert.equal(await directory.mailboxRight(bed.ctx, 999 as EntryId, info.mailboxId!), "none");
    assert.equal(await directory.mailboxRight(bed.ctx, bob.entryId, 999 as MailboxId), "none");
    const grant = (grantee: string, access: "full" | "read" | "send-as" | "send-on-behalf"): Promise<unknown> =>
      bed.change(addGrant, { by, target: "info@example.test", grantee, right: access });
    await grant("bob@example.test", "read");
    assert.equal(await right(bob, info), "read");
    await grant("team@example.test", "full");
    assert.equal(await right(bob, info), "full");
    assert.equal(await right(alice, info), "full");
    assert.equal(await right(carol, info), "none");
    await set("dyn@example.test", { dynamicQuery: "name=carol" });
    await grant("dyn@example.test", "send-as");
    assert.equal(await sends(alice, "info@example.test"), false);
    await set("dyn@example.test", { dynamicQuery: "name=Alice*" });
    assert.equal(await sends(alice, "INFO+x@example.test"), true);
    assert.equal(await sends(bob, "info@example.test"), false);
    await grant("bob@example.test", "send-on-behalf");
    assert.equal(await sends(bob, "info@example.test"), false);
    assert.equal(await directory.maySendOnBehalf(bed.ctx, bob.entryId, "info@example.test"), true);
    const granted = await directory.mailboxesGrantedTo(bed.ctx, bob.entryId);
    assert.deepEqual(granted.map((row) => [row.entry.address, row.rights.sort()]), [["info@example.test", ["full", "read", "send-on-behalf"]]]);
    await bed.change(removeGrant, { by, target: "info@example.test", grantee: "bob@example.test", right: null });
    await bed.change(removeGrant, { by, target: "info@example.test", grantee: "team@example.test", right: "full" });
    assert.equal(await right(bob, info), "none");
    await assert.rejects(bed.change(removeGrant, { by, target: "info@example.test", grantee: "bob@example.test", right: null }), { code: "notFound" });
    await assert.rejects(grant("info@example.test", "read"), { code: "notFound" });
  });

  test("own addresses may be sent as, others not", async () => {
    const rows: [Entry, string, boolean][] = [
      [alice, "alice@example.test", true], [alice, "Alice+x@example.test", true], [alice, "a.adams@example.test", true],
      [alice, "bob@example.test", false], [alice, "nobody@example.test", false], [alice, "x@elsewhere.example", false],
      [alice, "", false],
    ];
    for (const [who, address, expected] of rows) {
      assert.equal(await directory.maySendAs(bed.ctx, who.entryId, address), expected, address);
    }
  });

  test("roles", async () => {
    const may = (who: Entry, whom: Entry): Promise<boolean> => directory.mayImpersonate(bed.ctx, who.entryId, whom.entryId);
    await bed.change(grantRole, { by, address: "alice@example.test", role: "impersonation", over: "bob@example.test" });
    assert.deepEqual([await may(alice, bob), await may(alice, carol), await may(bob, alice)], [true, false, false]);
    await bed.change(grantRole, { by, address: "alice@example.test", role: "impersonation", over: null });
    assert.equal(await may(alice, carol), true);
    await bed.change(revokeRole, { by, address: "alice@example.test", role: "impersonation", over: null });
    assert.deepEqual([await may(alice, bob), await may(alice, carol)], [true, false]);
    await assert.rejects(bed.change(grantRole, { by, address: "alice@example.test", role: "organisation-admin", over: "bob@example.test" }),
      { code: "invalidArgument" });
    await assert.rejects(bed.change(revokeRole, { by, address: "carol@example.test", role: "organisation-admin", over: null }), { code: "notFound" });
  });

  test("attributes and addresses", async () => {
    const dn = "/o=Old Org/ou=First Administrative Group/cn=Recipients/cn=alice";
    await set("alice@example.test", {
      legacyDn: dn,
      addAddresses: ["sip:alice@example.test", "X500:/o=Older/cn=Recipients/cn=aa"],
      attributes: [
        { key: "manager", values: ["bob@example.test"] }, { key: "photo", values: [Buffer.from("ffd8ff", "hex")] },
        { key: "phone2", values: ["1", "2"] }, { key: "seniorityIndex", values: ["7"] },
      ],
    });
    const attributes = await bed.read(() => attributesOf(alice.entryId, true));
    const shown = attributes.map((row) => `${row.key}=${row.text ?? Buffer.from(row.bytes!).toString("hex")}`);
    assert.deepEqual(shown, ["department=Sales", `manager=${bob.entryId}`, "phone2=1", "phone2=2", "photo=ffd8ff", "seniorityIndex=7",
      "title=Head of Sales"]);
    const addresses = (await bed.read(() => addressesOf(alice.entryId))).map((row) => `${row.type}:${row.value}`);
    assert.equal(addresses[0], "smtp:alice@example.test");
    assert.ok(addresses.includes(`x500:${alice.legacyDn}`), "the former legacyExchangeDN stays as an address");
    assert.equal((await directory.entryByLegacyDn(bed.ctx, dn.toUpperCase()))?.entryId, alice.entryId);
    const bad: [EntryChange, string][] = [
      [{ legacyDn: "nonsense" }, "invalidArgument"], [{ legacyDn: dn }, "alreadyExists"],
      [{ legacyDn: alice.legacyDn }, "alreadyExists"],
      [{ attributes: [{ key: "colour", values: ["red"] }] }, "invalidArgument"],
      [{ attributes: [{ key: "title", values: ["a", "b"] }] }, "invalidArgument"],
      [{ attributes: [{ key: "photo", values: ["text"] }] }, "invalidArgument"],
      [{ attributes: [{ key: "title", values: [new Uint8Array(3)] }] }, "invalidArgument"],
      [{ attributes: [{ key: "manager", values: ["nobody@example.test"] }] }, "notFound"],
      [{ attributes: [{ key: "seniorityIndex", values: ["high"] }] }, "invalidArgument"],
      [{ removeAddresses: ["bob@example.test"] }, "notAllowed"], [{ removeAddresses: ["zz@example.test"] }, "notFound"],
      [{ protocols: { gopher: true } }, "invalidArgument"], [{ quotaBytes: -1 }, "invalidArgument"],
      [{ autoAccept: true }, "invalidArgument"], [{ dynamicQuery: "kind=user" }, "invalidArgument"],
    ];
    for (const [change, code] of bad) await assert.rejects(set("bob@example.test", change), { code }, JSON.stringify(change));
    await set("alice@example.test", { attributes: [{ key: "photo", values: [] }] });
    assert.ok(!(await bed.read(() => attributesOf(alice.entryId))).some((row) => row.key === "photo"));
  });

  test("a new primary address keeps the old one until it is taken away", async () => {
    await set("bob@example.test", { address: "robert@example.test" });
    assert.equal(await resolved("bob@example.test"), "mailbox robert@example.test");
    await set("bob@example.test", { address: "bob@example.test", removeAddresses: ["robert@example.test"] });
    assert.equal(await resolved("robert@example.test"), "unknown robert@example.test");
  });

  test("domains", async () => {
    await assert.rejects(bed.change(addDomain, { by, name: "EXAMPLE.test" }), { code: "alreadyExists" });
    await assert.rejects(bed.change(addDomain, { by, name: "no domain" }), { code: "invalidArgument" });
    await assert.rejects(bed.change(removeDomain, { by, name: "example.test" }), { code: "notAllowed" });
    await assert.rejects(bed.change(removeDomain, { by, name: "none.test" }), { code: "notFound" });
    await bed.change(addDomain, { by, name: "third.test" });
    await bed.change(setDefaultDomain, { by, name: "third.test" });
    assert.deepEqual((await directory.domains(bed.ctx)).map((row) => row.name), ["third.test", "example.test", "xn--bcher-kva.example"]);
    assert.equal(await directory.isLocalDomain(bed.ctx, "BÜCHER.example"), true);
    await bed.change(removeDomain, { by, name: "third.test" });
    assert.equal(await directory.isLocalDomain(bed.ctx, "third.test"), false);
  });

  test("removing somebody takes them out of everything", async () => {
    const dave = await addTestEntry(bed, "user", "dave@example.test", { change: { addAddresses: ["d@example.test"] } });
    await bed.change(addMember, { by, group: "team@example.test", member: "d@example.test" });
    await bed.change(addGrant, { by, target: "info@example.test", grantee: "dave@example.test", right: "full" });
    await set("carol@example.test", { attributes: [{ key: "manager", values: ["dave@example.test"] }] });
    await set("team@example.test", { managedBy: "dave@example.test" });
    await bed.change(removeEntry, { by, address: "dave@example.test", kinds: ["user"] });
    assert.equal(await resolved("d@example.test"), "unknown d@example.test");
    assert.equal((await bed.read(() => attributesOf(carol.entryId))).length, 0);
    assert.equal((await directory.entryByAddress(bed.ctx, "team@example.test"))?.managedBy, null);
    const left = await bed.read(() => get<{ count: number }>(
      "SELECT (SELECT COUNT(*) FROM group_member WHERE member_id = $1) + (SELECT COUNT(*) FROM entry_grant WHERE grantee_id = $1) AS count",
      dave.entryId));
    assert.equal(left!.count, 0);
  });

  test("changes of another process count after a second at the latest", async () => {
    assert.equal(await resolved("late@example.test"), "unknown late@example.test");
    const other = await bed.openAgain();
    await addTestEntry({ ...bed, change: (row, args) => other.transact(bed.ctx, 0 as MailboxId, row, args) }, "user", "late@example.test");
    await other.close();
    bed.clock.advance(1001);
    assert.equal(await resolved("late@example.test"), "mailbox late@example.test");
  });

  test("all entries in pages, in order of name", async () => {
    const names: string[] = [];
    for await (const page of directory.entries(bed.ctx, "user")) names.push(...page.map((entry) => entry.displayName));
    assert.deepEqual(names, ["Alice Adams", "bob", "carol", "late"]);
  });
}

for (const kind of ["sqlite", "postgres"] as const) describe(kind, () => testDirectory(kind));

test("the attribute table agrees with the property table", { skip: !hasSpec() && "../shared/spec is missing" }, () => {
  const lines = readFileSync(specFile, "utf8").split("\n").map((line) => line.split("\t"));
  for (const attribute of attributeRows) {
    const line = lines.find((columns) => columns[0] === attribute.property);
    assert.ok(line, attribute.property);
    assert.ok(line.includes(`0x${attribute.tag.toString(16).toUpperCase().padStart(8, "0")}`), attribute.key);
  }
});

function hasSpec(): boolean {
  try {
    return readFileSync(specFile).length > 0;
  } catch {
    return false;
  }
}
