/**
 * Marks are the same for IMAP and for programs that see properties, both ways, on mail that came as MIME and on items
 * made of properties: each change of one side is seen by the other, with a new MODSEQ. A table of marks over a real
 * store and a real session.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { MailboxId, MessageId } from "#base/ids.ts";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { properties } from "#props/registry.ts";
import type { TaggedProperty } from "#props/registry.ts";
import { RawClient, serveFake } from "#serve/imap/test-kit.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";

const p = properties;
const backend = sqliteBackend(1);
let store: Store;
let mailbox: Mailbox;

before(async () => {
  store = await backend.open();
  const scope: MailboxId = await newMailbox(store);
  mailbox = (await openKit(store, scope)).mailbox;
});
after(async () => {
  await store.close();
  backend.remove();
});

interface Mark {
  readonly flag: string;
  readonly set: (item: ItemBag) => void;
  readonly clear: (item: ItemBag) => readonly TaggedProperty[];
  /** What programs see while it is set, and when it is not. */
  readonly seen: readonly (readonly [TaggedProperty<"Integer32">, number, number | undefined])[];
}

/** As Outlook sets them, together. */
function verb(value: number, icon: number): (item: ItemBag) => void {
  return (item) => {
    setProperty(item, p.PidTagLastVerbExecuted, value);
    setProperty(item, p.PidTagIconIndex, icon);
  };
}

/** [MS-OXOFLAG] 2.2.1, [MS-OXOMSG] 2.2.1.5, 2.2.1.10, [MS-OXCMSG] 2.2.1.6 */
const marks: readonly Mark[] = [
  {
    flag: "\\Flagged", set: (item) => setProperty(item, p.PidTagFlagStatus, 2), clear: () => [p.PidTagFlagStatus],
    seen: [[p.PidTagFlagStatus, 2, undefined], [p.PidTagFollowupIcon, 6, undefined]],
  },
  {
    flag: "\\Flagged", set: (item) => setProperty(item, p.PidTagFlagStatus, 2),
    clear: (item) => { setProperty(item, p.PidTagFlagStatus, 1); return []; }, seen: [],
  },
  {
    flag: "\\Answered", set: verb(102, 0x105), clear: () => [p.PidTagLastVerbExecuted, p.PidTagIconIndex],
    seen: [[p.PidTagLastVerbExecuted, 102, undefined], [p.PidTagIconIndex, 0x105, undefined]],
  },
  {
    flag: "\\Answered", set: (item) => setProperty(item, p.PidTagLastVerbExecuted, 103),
    clear: (item) => { setProperty(item, p.PidTagLastVerbExecuted, 0); return []; }, seen: [],
  },
  {
    flag: "$Forwarded", set: verb(104, 0x106), clear: () => [p.PidTagLastVerbExecuted, p.PidTagIconIndex],
    seen: [[p.PidTagLastVerbExecuted, 104, undefined], [p.PidTagIconIndex, 0x106, undefined]],
  },
  {
    flag: "\\Seen", set: (item) => setProperty(item, p.PidTagMessageFlags, 1),
    clear: (item) => { setProperty(item, p.PidTagMessageFlags, 0); return []; },
    seen: [[p.PidTagMessageFlags, 1, 0]],
  },
];

async function inInbox(kind: "MIME" | "properties"): Promise<MessageId> {
  const { folderId } = await mailbox.folderByRole(ctx, "inbox");
  if (kind === "MIME") {
    const upload = mailbox.beginUpload(ctx, null);
    await upload.write(Buffer.from("Subject: marked\r\n\r\ntext\r\n"));
    return (await mailbox.append(ctx, { folderId, upload, flags: 0, keywords: [], internalMs: null })).messageId;
  }
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, "IPM.Note");
  setProperty(item, p.PidTagSubject, "marked");
  return (await mailbox.items.create(ctx, { folderId, item })).messageId;
}

async function uidOf(messageId: MessageId): Promise<number> {
  return (await mailbox.items.row(ctx, messageId)).uid;
}

/** Flags and MODSEQ as IMAP tells them. */
async function told(client: RawClient, uid: number): Promise<{ flags: string[]; modSeq: number }> {
  const answer = await client.run(`UID FETCH ${uid} (FLAGS MODSEQ)`);
  const match = /FLAGS \(([^)]*)\)[^\r]* MODSEQ \((\d+)\)/.exec(answer);
  assert.ok(match !== null, answer);
  const flags = match[1]!.split(" ").filter((flag) => flag !== "" && flag !== "\\Recent");
  return { flags, modSeq: Number(match[2]) };
}

for (const kind of ["MIME", "properties"] as const) {
  test(`${kind}: what programs set is a flag, what IMAP sets a property, each with a new MODSEQ`, async () => {
    await using server = await serveFake({ open: () => mailbox });
    const client = await RawClient.signedIn(server.port, "SELECT INBOX (CONDSTORE)");
    for (const [index, mark] of marks.entries()) {
      const id = await inInbox(kind);
      const what = `${index}: ${mark.flag}`;
      const sees = async (isSet: boolean): Promise<void> => {
        const item = await mailbox.items.open(ctx, id);
        for (const [property, on, off] of mark.seen) {
          assert.equal(getProperty(item, property), isSet ? on : off, `${what} ${property.name}`);
        }
      };
      // From properties to IMAP.
      await client.run("NOOP");
      const first = await told(client, await uidOf(id));
      assert.ok(!first.flags.includes(mark.flag), what);
      const set = newItem();
      mark.set(set);
      await mailbox.items.update(ctx, { messageId: id, set });
      const uid = await uidOf(id);
      const news = new RegExp(`FETCH \\(UID ${uid} FLAGS \\([^)]*${RegExp.escape(mark.flag)}`);
      assert.match(await client.run("NOOP"), news, what);
      const second = await told(client, uid);
      assert.ok(second.flags.includes(mark.flag) && second.modSeq > first.modSeq, what);
      await sees(true);
      const unset = newItem();
      const removed = mark.clear(unset).map(({ tag }) => tag);
      await mailbox.items.update(ctx, { messageId: id, set: unset, remove: { tags: removed } });
      await client.run("NOOP");
      const third = await told(client, uid);
      assert.ok(!third.flags.includes(mark.flag) && third.modSeq > second.modSeq, what);
      // From IMAP to properties.
      await client.run(`UID STORE ${uid} +FLAGS (${mark.flag})`);
      await sees(true);
      await client.run(`UID STORE ${uid} -FLAGS (${mark.flag})`);
      await sees(false);
      // Set by a program, taken away by IMAP.
      const again = newItem();
      mark.set(again);
      await mailbox.items.update(ctx, { messageId: id, set: again });
      await sees(true);
      await client.run(`UID STORE ${uid} -FLAGS (${mark.flag})`);
      await sees(false);
      assert.equal(await uidOf(id), uid, `${what}: marks keep the UID`);
    }
    client.close();
    assert.deepEqual(server.failures, []);
  });

  test(`${kind}: categories are keywords`, async () => {
    await using server = await serveFake({ open: () => mailbox });
    const client = await RawClient.signedIn(server.port, "SELECT INBOX (CONDSTORE)");
    const id = await inInbox(kind);
    await client.run("NOOP");
    const first = await told(client, await uidOf(id));
    const set = newItem();
    setProperty(set, p.PidNameKeywords, ["Red Category", "Work", "B\u00fcro"]);
    await mailbox.items.update(ctx, { messageId: id, set });
    const uid = await uidOf(id);
    await client.run("NOOP");
    const second = await told(client, uid);
    assert.deepEqual(second.flags, ["Red&ACA-Category", "Work", "B&APw-ro"]);
    assert.ok(second.modSeq > first.modSeq);
    await client.run(`UID STORE ${uid} -FLAGS (Red&ACA-Category)`);
    await client.run(`UID STORE ${uid} +FLAGS (Blue $MDNSent)`);
    const { row, ...item } = await mailbox.items.open(ctx, id);
    assert.deepEqual(getProperty(item as never, p.PidNameKeywords), ["Work", "B\u00fcro", "Blue"]);
    assert.equal(row.flags & 0x40, 0x40);
    await mailbox.items.update(ctx, { messageId: id, remove: { names: [p.PidNameKeywords.named] } });
    await client.run("NOOP");
    assert.deepEqual((await told(client, uid)).flags, ["$MDNSent"]);
    client.close();
  });
}
