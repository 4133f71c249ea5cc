// Entry ids: the bytes of the fact pack and of recorded traffic, and any bytes are one kind or none.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode, encode } from "#codec/binary/code.ts";
import {
  addressBookEntryId, folderEntryId, messageEntryId, oneOffEntryId, parseEntryId, providers, storeDllFileName,
  storeEntryId, wrappedProviders,
} from "#wire/mapi/entry-ids.ts";

const mailboxGuid = "6c4f2a3e-1111-4222-8333-944455566677";
const databaseGuid = "0f0e0d0c-0b0a-0908-0706-050403020100";

test("a one-off address, byte for byte", () => {
  // [MS-OXCDATA] 2.2.5.1
  const raw = Buffer.from("00000000812b1fa4bea310199d6e00dd010f5402000001904200" +
    "6f00620000005300" + "4d005400500000006200400078002e006f00720067000000", "hex");
  const value = decode(oneOffEntryId, raw);
  assert.deepEqual(value, { bits: 0x9001, displayName: "Bob", addressType: "SMTP", emailAddress: "b@x.org" });
  assert.deepEqual(encode(oneOffEntryId, value), raw);
  assert.equal(parseEntryId(raw)?.kind, "oneOff");
});

test("an address book entry as Outlook got it", () => {
  const raw = Buffer.from("00000000dca740c8c042101ab4b908002b2fe18201000000000100002f00", "hex");
  const value = decode(addressBookEntryId, raw);
  assert.deepEqual(value, { type: 0x100, x500Dn: "/" });
  assert.deepEqual(encode(addressBookEntryId, value), raw);
  assert.equal(parseEntryId(raw)?.kind, "addressBook");
});

test("folders and messages have their sizes", () => {
  const folder = { provider: mailboxGuid, folderType: 1, databaseGuid, counter: 0x0102_0304_0506 };
  const raw = encode(folderEntryId, folder);
  assert.equal(raw.length, 46);
  assert.equal(raw.subarray(38, 44).toString("hex"), "010203040506");
  assert.deepEqual(parseEntryId(raw), { kind: "folder", value: folder });
  const message = {
    provider: mailboxGuid, messageType: 7, folderDatabaseGuid: databaseGuid, folderCounter: 9,
    messageDatabaseGuid: databaseGuid, messageCounter: 10,
  };
  const rawMessage = encode(messageEntryId, message);
  assert.equal(rawMessage.length, 70);
  assert.deepEqual(parseEntryId(rawMessage), { kind: "message", value: message });
});

test("a store, with the newer trailer too", () => {
  const store = {
    dllFileName: storeDllFileName, wrappedProvider: wrappedProviders.mailbox, wrappedType: 0x0c,
    serverShortName: "mail", mailboxDn: "/o=x/cn=a",
  };
  const raw = encode(storeEntryId, store);
  assert.equal(raw.subarray(4, 20).toString("hex"), "38a1bb1005e5101aa1bb08002b2a56c2");
  assert.equal(raw.subarray(40, 56).toString("hex"), "1b55fa20aa6611cd9bc800aa002fc45a");
  assert.equal(parseEntryId(raw)?.kind, "store");
  assert.equal(parseEntryId(Buffer.concat([raw, Buffer.from("d83521f3", "hex")]))?.kind, "store");
  assert.equal(providers.publicFolders, "9073441a-66aa-cd11-9bc8-00aa002fc45a");
});

test("any bytes are one kind or none", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 90 }), (bytes) => void parseEntryId(bytes)));
});
