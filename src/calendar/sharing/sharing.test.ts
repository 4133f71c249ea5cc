// Proves: each kind of sharing message says in its header and in its document what it is, both read back the same, and
// documents of strangers give a value or a WireError. The flavors are those of [MS-OXPROPS] PidLidSharingFlavor.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { asksForFolder, buildSharing, readSharingXml, sharingFlavors, sharingKindOf, sharingXml, tellsFolder }
  from "#calendar/sharing/message.ts";
import type { SharedFolder, SharingKind, SharingMessage } from "#calendar/sharing/message.ts";
import { newItemObject, setNamed, setProperty } from "#convert/item.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";

const internal: SharedFolder = {
  kind: "internal", folderEntryId: Uint8Array.of(0, 1, 254), storeEntryId: Uint8Array.of(9, 8),
};
const published: SharedFolder = {
  kind: "published", browseUrl: "https://mail.example.test/published/1-a/calendar.html?a=1&b=<2>",
  icalUrl: "https://mail.example.test/published/1-a/calendar.ics",
};
const message = (kind: SharingKind, folder: SharedFolder | null): SharingMessage => ({
  kind, initiator: { name: "Alice & Söhne <x>", address: "alice@example.test" }, initiatorEntryId: Uint8Array.of(1, 2),
  to: { name: "Bob", address: "bob@example.test" }, folderName: "Kalender", folder, comment: "As we said",
  nowMs: Date.UTC(2026, 10, 22), messageId: "a1@example.test",
});

for (const kind of Object.keys(sharingFlavors) as SharingKind[]) {
  for (const folder of tellsFolder(kind) ? [internal, published] : [null]) {
    test(`${kind} ${folder?.kind ?? ""}`, () => {
      const read = readSharingXml(Buffer.from(sharingXml(message(kind, folder))));
      assert.deepEqual(read, { kind, initiator: message(kind, folder).initiator, folder });
      const text = Buffer.from(buildSharing(message(kind, folder))).toString("latin1");
      assert.match(text, new RegExp(`^X-Sharing-Flavor: ${sharingFlavors[kind].toString(16).toUpperCase()}\r$`, "m"));
      assert.match(text, /^Content-Class: Sharing\r$/m);
      assert.match(text, /application\/x-sharing-metadata-xml/);
      assert.ok(text.split("\r\n").every((line) => line.length <= 998 && !/[^\x00-\x7f]/.test(line)));
      assert.equal(asksForFolder(kind), kind === "request" || kind === "invitationAndRequest");
    });
  }
}

test("the kind of an item is told by its header field or by its property", () => {
  const byField = newItemObject();
  setNamed(byField, { guid: propertySets.PS_INTERNET_HEADERS.guid, id: "X-Sharing-Flavor" }, "String", "20500");
  assert.equal(sharingKindOf(byField), "request");
  const rows: readonly [number, SharingKind | null][] = [
    [0x20310, "invitation"], [0x310, "invitation"], [0x20500, "request"], [0x20710, "invitationAndRequest"],
    [0x25100, "deny"], [0x23310, "accept"], [0, null], [0x20311, null],
  ];
  for (const [flavor, kind] of rows) {
    const item = newItemObject();
    setProperty(item, properties.PidLidSharingFlavor, flavor);
    assert.equal(sharingKindOf(item), kind, flavor.toString(16));
  }
  assert.equal(sharingKindOf(newItemObject()), null);
});

test("documents of another kind are none of ours", () => {
  const xml = sharingXml(message("invitation", internal));
  assert.equal(readSharingXml(Buffer.from(xml.replace("<DataType>calendar", "<DataType>contacts"))), null);
  assert.equal(readSharingXml(Buffer.from("<a/>")), null);
  assert.equal(readSharingXml(Buffer.from(xml.replace("00 01 FE", "")))?.kind, "invitation");
  assert.equal(readSharingXml(Buffer.from(xml.replace("0001FE", "0001F")))?.folder, null);
  assert.throws(() => readSharingXml(new Uint8Array(limits.sharingXmlMaxBytes + 1)), WireError);
  assert.throws(() => readSharingXml(Buffer.from("no xml")), WireError);
});

test("whatever comes is a value or a WireError", () => {
  const whole = Buffer.from(sharingXml(message("invitationAndRequest", internal)));
  fc.assert(fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
    const broken = Buffer.from(whole);
    broken[at] = byte;
    try {
      readSharingXml(broken);
    } catch (error) {
      assert.ok(error instanceof WireError);
    }
  }), { numRuns: 300 });
});
