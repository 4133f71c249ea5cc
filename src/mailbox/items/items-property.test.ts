/**
 * Proves that 2,000 random items of every type and every named set come back byte for byte, that rendering makes a
 * message of each, and that messages of the corpus are told through the store as `convert` tells them, with columns that
 * say the same.
 */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { FolderId, MailboxId } from "#base/ids.ts";
import { arbitrary } from "#codec/binary/test-kit.ts";
import { namedKey } from "#convert/item.ts";
import type { ItemObject, NamedValue } from "#convert/item.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { describeColumns } from "#mailbox/items/describe.ts";
import { itemOfMime } from "#mailbox/items/mime-head.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import type { NewItem, NewObject, StoredItem } from "#mailbox/items-api.ts";
import { encodeBag } from "#props/bag.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";
import { makeTag, propertyTypes, tagId } from "#props/types.ts";
import type { PropertyTag, PropertyTypeName, PropertyValue } from "#props/types.ts";
import { valueTypeOf } from "#props/values.ts";
import type { Store } from "#store/api.ts";
import { checkCounts } from "#store/contract-test-counts.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";
import { corpusMessages, corpusMissing } from "../../../test/support/corpus.ts";

const p = properties;
const typeNames = Object.keys(propertyTypes) as PropertyTypeName[];
const valueOf = (name: PropertyTypeName): fc.Arbitrary<PropertyValue> => arbitrary(valueTypeOf(propertyTypes[name].code));

/** Kept by the server itself. */
const serverKept = new Set([p.PidTagMessageFlags, p.PidTagMessageSize, p.PidTagHasAttachments, p.PidTagRead,
  p.PidTagAssociated, p.PidTagFlagStatus].map(({ tag }) => tagId(tag)));

const anyTagged = fc.tuple(fc.nat(0xffff), fc.constantFrom(...typeNames)).filter(([id]) => !serverKept.has(id) && (id < 0x8000 || (id > 0xf000 && id < 0xfff0)))
  .chain(([id, name]) => valueOf(name).map((value): [PropertyTag, PropertyValue] => [makeTag(id, name), value]));
const known = Object.values(properties).flatMap((one) => (one.tag === undefined || serverKept.has(tagId(one.tag)) || tagId(one.tag) >= 0x8000 ? [] : [one]));
const anyKnown = fc.constantFrom(...known).chain((one) => valueOf(one.type).map((value): [PropertyTag, PropertyValue] => [one.tag, value]));
const classes = ["IPM.Note", "IPM.Appointment", "IPM.Contact", "IPM.DistList", "IPM.Task", "IPM.StickyNote", "IPM.Activity",
  "IPM.Schedule.Meeting.Request", "REPORT.IPM.Note.NDR", "IPM.Note.SMIME", "ipm.\ud800x", ""];
const anyClass = fc.constantFrom(...classes).map((value): [PropertyTag, PropertyValue] => [p.PidTagMessageClass.tag, value]);
const anyBag = fc.tuple(fc.array(fc.oneof(anyTagged, anyKnown), { maxLength: 10 }), anyClass)
  .map(([entries, one]) => new Map([...entries, one]));

const guids = [...Object.values(propertySets).map(({ guid }) => guid), "01234567-89ab-cdef-0123-456789abcdef"];
const names: NamedId[] = Array.from({ length: 300 }, (_, index) =>
  ({ guid: guids[index % guids.length]!, id: index % 3 === 0 ? 0x8000 + index : `Name \u00fc ${index}` }));
const someNamed = Object.values(properties).flatMap((one) => (one.named === undefined ? [] : [one]));
const anyNamed = fc.oneof(
  fc.tuple(fc.constantFrom(...names), fc.constantFrom(...typeNames)),
  fc.constantFrom(...someNamed).map((one) => [one.named, one.type] as [NamedId, PropertyTypeName]),
).filter(([name]) => !(name.id === "Keywords"))
  .chain(([name, type]) => valueOf(type).map((value): NamedValue => ({ name, type, value })));
const anyNamedBag = fc.array(anyNamed, { maxLength: 6 }).map((list) => new Map(list.map((one) => [namedKey(one.name), one])));
const anyObject = fc.record({ bag: anyBag, named: anyNamedBag });
const anyItem: fc.Arbitrary<NewItem> = fc.record({
  bag: anyBag, named: anyNamedBag, recipients: fc.array(anyObject, { maxLength: 2 }),
  attachments: fc.array(anyObject, { maxLength: 2 }),
});

/** Told by the rows of attachments. */
const attachmentKept = new Set([p.PidTagAttachNumber, p.PidTagAttachSize, p.PidTagAttachDataBinary].map(({ tag }) => tag));

let mailbox: Mailbox;
let store: Store;
let scope: MailboxId;
let drafts: FolderId;
const backend = sqliteBackend(1);

before(async () => {
  store = await backend.open();
  scope = await newMailbox(store);
  mailbox = (await openKit(store, scope)).mailbox;
  drafts = (await mailbox.folderByRole(ctx, "drafts")).folderId;
});
after(async () => {
  await store.close();
  backend.remove();
});

const encoded = (tag: PropertyTag, value: PropertyValue | undefined): string =>
  value === undefined ? "absent" : Buffer.from(encodeBag(new Map([[tag, value]]))).toString("hex");

async function compare(found: ItemObject, wanted: NewObject, kept: ReadonlySet<PropertyTag> = new Set()): Promise<void> {
  const tags = await mailbox.items.toTags(ctx, found, false);
  const expected = await mailbox.items.toTags(ctx, wanted, false);
  for (const [tag, value] of expected) {
    if (!kept.has(tag)) assert.equal(encoded(tag, tags.get(tag)), encoded(tag, value), tag.toString(16));
  }
  for (const [key, one] of wanted.named ?? []) {
    // What shares its name with another value stands under its id.
    const same = found.named.get(key);
    if (same !== undefined && same.type === one.type) {
      assert.equal(encoded(makeTag(1, one.type), same.value), encoded(makeTag(1, one.type), one.value), key);
    }
  }
}

test("2,000 random items come back byte for byte, and each can be shown as a message", { timeout: 120_000 }, async () => {
  const items = fc.sample(anyItem, { numRuns: 2000, seed: Number(process.env["SEED"] ?? 20240905) });
  for (let at = 0; at < items.length; at += 100) {
    const some = items.slice(at, at + 100);
    const saved = await Promise.all(some.map((item) => mailbox.items.create(ctx, { folderId: drafts, item })));
    const opened = await Promise.all(saved.map(({ messageId }) => mailbox.items.open(ctx, messageId)));
    for (const [index, found] of opened.entries()) await compareItem(found, some[index]!);
  }
  let shown = 0;
  for await (const rows of mailbox.structures(ctx, drafts, [{ first: 1, last: 400 }])) {
    for (const row of rows) {
      assert.ok(row.sizeBytes > 0 && row.index.sizeBytes === row.sizeBytes);
      shown++;
    }
  }
  assert.equal(shown, 400);
  await checkCounts(store, scope);
});

async function compareItem(found: StoredItem, item: NewItem): Promise<void> {
  await compare(found, item);
  assert.equal(found.recipients.length, item.recipients.length);
  for (const [index, one] of found.recipients.entries()) await compare(one, item.recipients[index]!);
  for (const [index, one] of found.attachments.entries()) await compare(one, item.attachments[index]!, attachmentKept);
}

test("messages of the corpus are told as convert tells them", { skip: corpusMissing, timeout: 120_000 }, async () => {
  const own = await newMailbox(store);
  const opened = (await openKit(store, own)).mailbox;
  const inbox = (await opened.folderByRole(ctx, "inbox")).folderId;
  let compared = 0;
  const messages = corpusMessages().filter(({ bytes }) => bytes.length > 0);
  const ids = await Promise.all(messages.map(async ({ bytes }) => {
    const upload = opened.beginUpload(ctx, null);
    await upload.write(bytes);
    return (await opened.append(ctx, { folderId: inbox, upload, flags: 0, keywords: [], internalMs: 1e12 })).messageId;
  }));
  for (const [index, { name, bytes }] of messages.entries()) {
    const messageId = ids[index]!;
    const expected = itemOfMime(indexMessage(bytes).index, (start, end) => bytes.subarray(start, end), 1e12);
    const found = await opened.items.open(ctx, messageId);
    for (const [tag, value] of expected.bag) {
      if (!serverKept.has(tagId(tag))) assert.deepEqual(plain(found.bag.get(tag)), plain(value), `${name} ${tag.toString(16)}`);
    }
    for (const [key, value] of expected.named) {
      if (key !== namedKey(p.PidNameKeywords.named)) assert.deepEqual(plain(found.named.get(key)?.value), plain(value.value), `${name} ${key}`);
    }
    assert.equal(found.recipients.length, expected.recipients.length, name);
    assert.equal(found.attachments.length, expected.attachments.length, name);
    const columns = describeColumns(expected);
    const { row } = found;
    assert.deepEqual([row.messageClass, row.subject, row.normalizedSubject, row.importance, row.sensitivity],
      [columns.messageClass, columns.subject, columns.normalizedSubject, columns.importance, columns.sensitivity], name);
    compared++;
  }
  assert.ok(compared > 100);
  let listed = 0;
  for await (const some of opened.items.table(ctx, inbox, { tags: [p.PidTagSenderEntryId.tag, p.PidTagConversationIndex.tag] })) listed += some.length;
  assert.equal(listed, compared);
  await checkCounts(store, own);
});

function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}
