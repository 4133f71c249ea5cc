/** Proves that the ledger of the crash test sees what it is there to see: each kind of loss is found, nothing else. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Ledger, gone } from "./ledger.ts";
import type { Seen, SeenFolder } from "./ledger.ts";

const message = (token: string, uid: number, flags = ""): Seen => ({ token, uid, flags, folder: "INBOX" });
const folder = (messages: Seen[], change: Partial<SeenFolder> = {}): SeenFolder =>
  ({ folder: "INBOX", uidValidity: 7, uidNext: 100, highestModSeq: 10n, messages, ...change });

/** Two messages that were told for certain, one that was never answered. */
function ledger(): Ledger {
  const made = new Ledger("alice");
  made.expect("k1", { folder: "INBOX", uid: 1, flags: "" });
  made.expect("k2", { folder: "INBOX", uid: 2, flags: "\\Seen" });
  made.expect("k3", { folder: "INBOX", uid: null, flags: "" }, gone);
  return made;
}
const whole = [message("k1", 1), message("k2", 2, "\\Seen")];

const rows: [name: string, seen: SeenFolder, wrong: RegExp | null][] = [
  ["all is there", folder(whole), null],
  ["what was not answered came", folder([...whole, message("k3", 3)]), null],
  ["one is lost", folder([message("k1", 1)]), /k2 is lost/],
  ["one is there twice", folder([...whole, message("k1", 5)]), /k1 is there 2 times/],
  ["a flag is lost", folder([message("k1", 1), message("k2", 2)]), /k2 is INBOX\/2 \(\)/],
  ["a UID changed", folder([message("k1", 9), message("k2", 2, "\\Seen")]), /k1 is INBOX\/9/],
  ["a UID is another's", folder([message("k1", 2), message("k2", 1, "\\Seen")]), /UID 2 was k2 and is now k1/],
  ["a stranger", folder([...whole, message("k9", 9)]), /k9 was never sent/],
];

for (const [name, seen, wrong] of rows) {
  test(name, () => {
    const found = ledger().settle([seen]);
    if (wrong === null) assert.deepEqual(found, []);
    else assert.match(found.join("\n"), wrong);
  });
}

test("what a folder tells of itself may not go back", () => {
  const made = ledger();
  assert.deepEqual(made.settle([folder(whole)]), []);
  assert.match(made.settle([folder(whole, { uidValidity: 8 })]).join(), /UIDVALIDITY was 7 and is 8/);
  assert.match(made.settle([folder(whole, { uidValidity: 8, highestModSeq: 9n })]).join(), /HIGHESTMODSEQ fell/);
  assert.match(made.settle([folder(whole, { uidValidity: 8, uidNext: 2 })]).join(), /UIDNEXT 2, but 2 was given/);
});

test("a message that is on its way is missing, not lost, until it comes", () => {
  const made = ledger();
  made.expect("k4", { folder: "INBOX", uid: null, flags: "" });
  assert.deepEqual(made.missing([folder(whole)]), ["k4"]);
  assert.deepEqual(made.missing([folder([...whole, message("k4", 4)])]), []);
});
