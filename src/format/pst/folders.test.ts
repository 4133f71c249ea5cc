/**
 * Proves that the special folders of data files are found by the entry ids the files keep, on files that Outlook wrote
 * (1997, 2003, 2007 and later; cached Exchange mailboxes), and that broken files give folders or a WireError.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { readPstFolders } from "#format/pst/folders.ts";
import type { ReadAt } from "#format/pst/file.ts";
import { corpusFolder, corpusMissing } from "../../../test/support/corpus.ts";

const at = (bytes: Buffer): ReadAt => (position, size) => bytes.subarray(position, position + size);
const fileOf = (name: string): Buffer => readFileSync(join(corpusFolder, "outlook", name));

const rows: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["aspose-Outlook_1.pst", {
    ipmSubtree: "Top of Personal Folders", inbox: "Inbox", outbox: "Outbox", sentItems: "Sent Items",
    deletedItems: "Deleted Items", calendar: "Calendar", contacts: "Contacts", journal: "Journal", notes: "Notes",
    tasks: "Tasks", drafts: "Drafts", junkEmail: "Junk E-mail",
  }],
  ["pst2john-97_outlook_pass12345.pst", {
    ipmSubtree: "Top of Personal Folders", inbox: "Inbox", outbox: "Outbox", sentItems: "Sent Items",
    deletedItems: "Deleted Items", calendar: "Calendar", contacts: "Contacts", journal: "Journal", notes: "Notes",
    tasks: "Tasks",
  }],
  // Kept by IMAP: there is no calendar that would tell the inbox.
  ["process-pst-four_nesting_levels.pst", {
    ipmSubtree: "Top of Outlook data file", deletedItems: "Deleted Items", sentItems: "Sent Items",
    junkEmail: "Junk E-mail",
  }],
  // Its entry ids are those of the server; the inbox is where they are.
  ["aspose-SampleOstFile.ost", { inbox: "Inbox" }],
];

for (const [name, expected] of rows) {
  test(`special folders of ${name}`, { skip: corpusMissing }, () => {
    const found = readPstFolders(at(fileOf(name))).filter(({ role }) => role !== null);
    assert.deepEqual(Object.fromEntries(found.map((folder) => [folder.role, folder.name])), expected);
  });
}

test("any bytes in the place of some give folders or a WireError", { skip: corpusMissing }, () => {
  const whole = existsSync(corpusFolder) ? fileOf("pstsdk-submessage.pst") : Buffer.alloc(0);
  const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.uint8Array({ maxLength: 40 })), { maxLength: 30 });
  fc.assert(fc.property(damage, fc.nat(whole.length), (changes, cut) => {
    const bytes = Buffer.from(whole);
    for (const [place, values] of changes) bytes.set(values.subarray(0, bytes.length - place), place);
    try {
      readPstFolders(at(cut % 3 === 0 ? bytes.subarray(0, cut) : bytes));
    } catch (error) {
      assert.ok(error instanceof WireError, String(error));
    }
  }), { numRuns: 200 });
});
