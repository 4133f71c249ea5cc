/**
 * Proves personal folder files: every one of the corpus (ANSI and Unicode, each disguise, a password) gives its messages
 * with their folders, recipients and attachments, the same that an independent reader (pst-extractor) finds; the cyclic
 * disguise is its own way back; damaged files give messages or a WireError in time.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { PSTFile } from "pst-extractor";
import type { PSTFolder, PSTMessage } from "pst-extractor";
import { WireError } from "#base/fault.ts";
import { corpusFiles, corpusMissing, damaged } from "#format/mapi/test-kit.ts";
import { decodeCyclic, decodePermuted } from "#format/pst/crypt.ts";
import { readPst } from "#format/pst/read.ts";
import type { MapiMessage } from "#format/mapi/property.ts";
import type { PstMessage } from "#format/pst/read.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

function fileOf(name: string): Buffer {
  const [found] = corpusFiles(name);
  assert.ok(found !== undefined, name);
  return found.bytes;
}

const messagesOf = (bytes: Buffer): PstMessage[] => [...readPst((at, size) => bytes.subarray(at, at + size))];

function textOf(message: MapiMessage, id: number): string {
  const value = message.properties.find((one) => one.id === id && one.name === undefined)?.value;
  return typeof value === "string" ? value : value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : "";
}

/** Subject, class, recipients and attachments of one message, as both readers tell them. */
const shown = (folder: string, subject: string, messageClass: string, recipients: number, attachments: number): string =>
  [folder, subject, messageClass, recipients, attachments].join(" | ");

/** How many messages each file holds, and one of them. */
const files: readonly (readonly [name: string, count: number, folder: string, subject: string])[] = [
  ["aspose-Outlook_1.pst", 17, "Top of Personal Folders/Sent Items", "message 1"],
  ["aspose-SampleOstFile.ost", 92, "Root - Mailbox/IPM_SUBTREE/Inbox/sub1", "message 1999"],
  ["java-libpst-passworded.pst", 3, "Top of Personal Folders/Contacts", "test dist list"],
  ["outlook-pst-rs-Empty.pst", 0, "", ""],
  ["process-pst-four_nesting_levels.pst", 1, "Top of Outlook data file/Inbox", "Outermost message"],
  ["pst2john-2003_high-encryption_quickquick.pst", 36, "Top of Personal Folders/Deleted Items",
    "FW: Welcome to Microsoft Outlook 2000!"],
  ["pst2john-97_outlook_pass12345.pst", 294, "Top of Personal Folders/Inbox", "Lorem ipsum "],
  ["pstsdk-submessage.pst", 1, "Top of Outlook data file/submessage",
    "This is a message which has an embedded message attached"],
  ["pstsdk-test_ansi.pst", 1, "Top of Personal Folders/Folder", "Post"],
];

test("every file of the corpus gives its messages", { skip: corpusMissing }, () => {
  for (const [name, count, folder, subject] of files) {
    const found = messagesOf(fileOf(name));
    assert.equal(found.length, count, name);
    for (const { message } of found) assert.ok(!(message instanceof WireError), `${name}: ${String(message)}`);
    const isThere = found.some((one) => one.folder.join("/") === folder && !(one.message instanceof WireError) &&
      textOf(one.message, 0x37) === subject);
    assert.ok(isThere || count === 0, name);
  }
  let message = messagesOf(fileOf("process-pst-four_nesting_levels.pst"))[0]!.message as MapiMessage | undefined;
  const subjects: string[] = [];
  for (; message !== undefined; message = message.attachments[0]?.embedded) subjects.push(textOf(message, 0x37));
  assert.deepEqual(subjects, ["Outermost message", "Middle message", "Innermost message"]);
});

function theirs(folder: PSTFolder, path: string, out: string[]): void {
  if (folder.hasSubfolders) {
    for (const one of folder.getSubFolders()) theirs(one, path === "" ? one.displayName : `${path}/${one.displayName}`, out);
  }
  if (folder.contentCount === 0) return;
  for (let one = folder.getNextChild() as PSTMessage | null; one !== null; one = folder.getNextChild() as PSTMessage | null) {
    out.push(shown(path, one.subject, one.messageClass, one.numberOfRecipients, one.numberOfAttachments));
  }
}

test("an independent reader finds the same messages", { skip: corpusMissing }, () => {
  const unread: string[] = [];
  let compared = 0;
  for (const { name, bytes } of corpusFiles(".pst", ".ost")) {
    // It knows nothing of the cyclic disguise, reads no 8-bit text right, and wants every file to have names.
    if (/high-encryption|97_outlook|test_ansi|sample2/.test(name)) continue;
    const found: string[] = [];
    try {
      theirs(new PSTFile(bytes).getRootFolder(), "", found);
    } catch (error) {
      unread.push(`${name}: ${String(error)}`);
      continue;
    }
    const ours = messagesOf(bytes).map(({ folder, message }) => (message instanceof WireError ? "" : shown(folder.join("/"),
      textOf(message, 0x37), textOf(message, 0x1a), message.recipients.length, message.attachments.length)));
    const missing = found.filter((one) => !ours.includes(one));
    assert.deepEqual(missing, [], `${name}: ${ours.join("\n")}`);
    compared += found.length;
  }
  assert.deepEqual(unread, []);
  assert.ok(compared > 100, String(compared));
});

test("the disguises", () => {
  assert.equal(decodePermuted(Buffer.from("4136", "hex")).toString("hex"), "0001");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(0xffffffff), (bytes, key) => {
    assert.deepEqual(decodeCyclic(decodeCyclic(bytes, key), key), Buffer.from(bytes));
  }));
});

test("what is no such file, and what is broken", { skip: corpusMissing }, () => {
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(600), Buffer.from("!BDN")]) {
    assert.throws(() => messagesOf(bytes), WireError);
  }
  const from = cpuMs();
  for (const name of ["pstsdk-submessage.pst", "pstsdk-test_ansi.pst"]) {
    const bytes = fileOf(name);
    fc.assert(fc.property(damaged(bytes), fc.array(fc.record({ at: fc.nat(bytes.length - 1), value: fc.nat(255) })),
      (broken, changes) => {
        // Most of a file is empty: changes are put where something stands, too.
        const copy = Buffer.from(broken);
        for (const { at, value } of changes) if (at < copy.length) copy[at] = value;
        try {
          messagesOf(copy);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }), { numRuns: 60 });
    for (const page of [224, 240, 188, 196]) {
      const copy = Buffer.from(bytes);
      copy.writeUInt32LE(0x4400, page);
      assert.throws(() => {
        for (const { message } of messagesOf(copy)) if (message instanceof WireError) throw message;
        throw new WireError("nothing was read from there", 0);
      }, WireError);
    }
  }
  assert.ok(cpuMs() - from < 20_000);
});
