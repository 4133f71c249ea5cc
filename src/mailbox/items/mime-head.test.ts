/**
 * Proves that columns of a message that arrives are told by its index alone where it is plain mail, that a message whose
 * conversion fails arrives as plain mail with the reason, and that heads come back as they were, whole and in part.
 */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { indexMessage } from "#format/mime/indexer.ts";
import { conversationSeed, describeColumns } from "#mailbox/items/describe.ts";
import { columnsOf, deferredIds, describeArrival, headOf, itemOfMime, readHead } from "#mailbox/items/mime-head.ts";
import { timeOf } from "#mailbox/items/times.ts";
import { newItem, setProperty } from "#convert/item.ts";
import { properties } from "#props/registry.ts";
import { tagId } from "#props/types.ts";

const p = properties;
const broken = (): never => {
  throw new RangeError("no such bytes");
};
const index = (text: string): ReturnType<typeof indexMessage>["index"] => indexMessage(Buffer.from(text)).index;
const from = "From: Ada <ada@example.org>\r\nSubject: RE: Plan\r\nMessage-ID: <b@x>\r\n";

test("plain mail arrives without a look at its bytes", () => {
  const rows: [string, string, string][] = [
    ["text", `${from}\r\nhi`, "IPM.Note"],
    ["multipart", `${from}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\n`, "IPM.Note"],
    ["signed", `${from}Content-Type: multipart/signed; boundary=b; protocol="application/pkcs7-signature"\r\n\r\n--b\r\n\r\nhi\r\n` +
      "--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--b--\r\n", "IPM.Note.SMIME.MultipartSigned"],
    ["report without its report", `${from}Content-Type: multipart/report; boundary=b; report-type=delivery-status\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\n`, "IPM.Note"],
  ];
  for (const [name, text, messageClass] of rows) {
    const { columns, trouble, head } = describeArrival(index(text), broken, null);
    assert.deepEqual([columns.messageClass, columns.normalizedSubject, trouble, head], [messageClass, "Plan", null, null], name);
  }
});

test("a message that cannot be converted is plain mail, and its row says why", () => {
  const text = `${from}Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n`;
  const { columns, trouble } = describeArrival(index(text), broken, null);
  assert.deepEqual([columns.messageClass, columns.subject], ["IPM.Note", "RE: Plan"]);
  assert.match(trouble!, /^RangeError: no such bytes$/);
});

test("a head holds all but bodies, and gives back what is asked for", () => {
  const bytes = Buffer.from(`${from}X-Own: 1\r\nUser-Agent: pine\r\n\r\nbody\r\n`);
  const item = itemOfMime(indexMessage(bytes).index, (start, end) => bytes.subarray(start, end), null);
  const head = headOf(item);
  const whole = readHead(head);
  assert.deepEqual(whole.named, item.named);
  for (const [tag, value] of whole.bag) assert.deepEqual(value, item.bag.get(tag));
  for (const tag of whole.bag.keys()) assert.ok(!deferredIds.has(tagId(tag)));
  assert.ok(item.bag.has(p.PidTagBody.tag) && whole.bag.has(p.PidTagSenderEntryId.tag));
  const some = readHead(head, { has: (tag) => tag === p.PidTagSubject.tag, hasNamed: false });
  assert.deepEqual([[...some.bag], some.named.size], [[[p.PidTagSubject.tag, "RE: Plan"]], 0]);
});

test("columns of a message are those of its item; a conversation is named by the oldest message", () => {
  const bytes = Buffer.from(`${from}References: <a@x> <c@x>\r\nIn-Reply-To: <c@x>\r\nThread-Topic: Plan\r\nImportance: high\r\n\r\nhi`);
  const found = columnsOf(indexMessage(bytes).index);
  const item = itemOfMime(indexMessage(bytes).index, (start, end) => bytes.subarray(start, end), null);
  assert.deepEqual({ ...describeColumns(item), preview: "" }, { ...found, preview: "" });
  assert.deepEqual(conversationSeed(found.references), conversationSeed({ messageId: "<a@x>", references: [], tracked: null }));
});

test("a series stands in time from its first to its last day, for ever without an end", () => {
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, "IPM.Appointment");
  setProperty(item, p.PidLidAppointmentStartWhole, 133_000_000_000_000_000n);
  setProperty(item, p.PidLidAppointmentEndWhole, 133_000_036_000_000_000n);
  assert.equal(timeOf(item)!.isRecurring, false);
  setProperty(item, p.PidLidAppointmentRecur, Uint8Array.of(1, 2, 3));
  assert.deepEqual([timeOf(item)!.isRecurring, timeOf(item)!.endMs], [true, null], "a pattern nobody can read never ends");
});
