/** Receipts: which mail is answered, whom the answer goes to, and what it says. RFC 8098, [MS-OXOMSG] 2.2.2 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { setPerson } from "#convert/mime/people.ts";
import { toMime } from "#convert/mime/to-mime.ts";
import { properties as p } from "#props/registry.ts";
import { decideReceipt } from "#rules/receipts/decide.ts";
import type { ReceiptFacts } from "#rules/receipts/decide.ts";
import { buildReceipt } from "#rules/receipts/message.ts";

const bob = { name: "Bob", address: "bob@example.test" };
const none = (): null => null;

function asking(change: (item: ItemBag) => void = () => undefined): ItemBag {
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, "IPM.Note");
  setProperty(item, p.PidTagSubject, "Re: Lunch");
  setProperty(item, p.PidTagNormalizedSubject, "Lunch");
  setProperty(item, p.PidTagInternetMessageId, "<1@example.test>");
  setProperty(item, p.PidTagReadReceiptRequested, true);
  setProperty(item, p.PidTagNonReceiptNotificationRequested, true);
  setPerson(item, "sender", bob);
  setPerson(item, "representing", bob);
  change(item);
  return item;
}
const reader = (name: string, address: string) => (item: ItemBag): void => setPerson(item, "readReceipt", { name, address });

const rows: readonly (readonly [what: string, item: ItemBag, facts: Partial<ReceiptFacts>, told: string])[] = [
  ["the sender", asking(), {}, "bob@example.test"],
  ["removed", asking(), { cause: "removed" }, "bob@example.test"],
  ["another address of the sender's house", asking(reader("R", "Receipts@EXAMPLE.test")), {}, "Receipts@EXAMPLE.test"],
  ["a stranger", asking(reader("V", "victim@other.test")), {}, "the receipt is to go to somebody else than the sender"],
  ["nobody asked", asking((item) => setProperty(item, p.PidTagReadReceiptRequested, false)), {}, "nobody asked for it"],
  ["only the one kind was asked for", asking((item) => setProperty(item, p.PidTagNonReceiptNotificationRequested, false)),
    { cause: "removed" }, "nobody asked for it"],
  ["answered", asking(), { isAnswered: true }, "it was answered before"],
  ["own work", asking(), { isOwnWork: true }, "it did not come to this mailbox"],
  ["junk", asking(), { isJunk: true }, "whoever sends junk hears nothing"],
  ["removed when read", asking(), { cause: "removed", isRead: true }, "it had been read"],
  ["a report", asking((item) => setProperty(item, p.PidTagMessageClass, "report.IPM.Note.IPNRN")), {}, "it is a report"],
  ["read receipts refused", asking((item) => setProperty(item, p.PidTagAutoResponseSuppress, 4)), {}, "its sender asked for no answer"],
  ["the other kind refused", asking((item) => setProperty(item, p.PidTagAutoResponseSuppress, 8)), {}, "bob@example.test"],
  ["unread receipts refused", asking((item) => setProperty(item, p.PidTagAutoResponseSuppress, -1)), { cause: "removed" },
    "its sender asked for no answer"],
  ["no sender", ((): ItemBag => {
    const item = newItem();
    setProperty(item, p.PidTagReadReceiptRequested, true);
    return item;
  })(), {}, "it names nobody to answer"],
  ["the owner", asking(), { own: ["BOB@example.test"] }, "it is the owner's own"],
];

for (const [what, item, facts, told] of rows) {
  test(`who is answered: ${what}`, () => {
    const decision = decideReceipt(item, {
      cause: "read", isRead: false, isAnswered: false, isOwnWork: false, isJunk: false, own: ["alice@example.test"],
      resolve: none, ...facts,
    });
    assert.equal(decision.kind === "answer" ? decision.to.address : decision.why, told);
  });
}

test("what a receipt says", () => {
  for (const [cause, messageClass, subject, disposition] of [
    ["read", "REPORT.IPM.Note.IPNRN", "Read: Lunch", "displayed"],
    ["removed", "REPORT.IPM.Note.IPNNRN", "Not read: Lunch", "deleted"],
  ] as const) {
    const receipt = buildReceipt(asking(), {
      cause, owner: { name: "Alice", address: "alice@example.test" }, to: bob, nowMs: Date.UTC(2024, 5, 1),
      messageId: "<r@example.test>", chance: 7,
    });
    assert.equal(getProperty(receipt, p.PidTagMessageClass), messageClass);
    const mail = Buffer.concat([...toMime(receipt, { domain: "example.test", resolve: none })]).toString();
    assert.match(mail, new RegExp(`^Subject: ${subject}`, "m"));
    assert.match(mail, /^To: "?Bob"? <bob@example\.test>/m);
    assert.match(mail, /^In-Reply-To: <1@example\.test>/m);
    assert.match(mail, /report-type="?disposition-notification/);
    assert.match(mail, /^Final-Recipient: rfc822; ?alice@example\.test/m);
    assert.match(mail, new RegExp(`^Disposition: automatic-action/MDN-sent-automatically; ?${disposition}`, "m"));
  }
});

test("what strangers wrote makes no fields of its own, nor a header without end", () => {
  const evil = "x\r\nBcc: eve@example.test\r\n\r\ntext";
  const original = asking((item) => {
    for (const property of [p.PidTagSubject, p.PidTagNormalizedSubject, p.PidTagConversationTopic]) {
      setProperty(item, property, evil);
    }
    setProperty(item, p.PidTagInternetMessageId, `<1@example.test>${evil}`);
    setProperty(item, p.PidTagInternetReferences, `${evil} ${"<r@example.test> ".repeat(20_000)}`);
  });
  const receipt = buildReceipt(original, {
    cause: "read", owner: { name: evil, address: "alice@example.test" }, to: { name: evil, address: "bob@example.test" },
    nowMs: 0, messageId: "<r@example.test>", chance: 7,
  });
  const mail = Buffer.concat([...toMime(receipt, { domain: "example.test", resolve: none })]).toString();
  const header = mail.slice(0, mail.indexOf("\r\n\r\n"));
  assert.doesNotMatch(header, /^Bcc:/mi);
  assert.match(header, /^MIME-Version: /m);
  assert.ok(header.length < 10_000, `${header.length}`);
  assert.doesNotMatch(mail, /^Original-Message-ID:[^]*^Bcc:/mi);
});
