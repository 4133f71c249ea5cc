/**
 * Proves what `items-api.ts` promises, on SQLite and PostgreSQL: what is written as properties is given back as it was;
 * MIME messages are told as `convert` tells them; what a client sets beside MIME leaves the bytes alone and what MIME
 * shows gives them up under a new UID; rendered bytes stay the same for ever; counts stay right.
 */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { after, before, describe, test } from "node:test";
import { Fault } from "#base/fault.ts";
import type { FolderId, MailboxId, MessageId } from "#base/ids.ts";
import { getProperty, newItem, setNamed, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { writeTnef } from "#convert/tnef.ts";
import { newRecipient } from "#convert/mime/people.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { Mailbox, MessageContent, MessageStructure } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import type { OpenedKit } from "#mailbox/items/test-kit.ts";
import type { StoredItem } from "#mailbox/items-api.ts";
import { properties } from "#props/registry.ts";
import { propertySets } from "#props/property-sets.ts";
import type { Store } from "#store/api.ts";
import { checkStore } from "#store/check.ts";
import { checkCounts } from "#store/contract-test-counts.ts";
import { ctx, newMailbox, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { postgresMissing } from "../../../test/support/postgres.ts";

const p = properties;
const ms = (text: string): number => Date.parse(text);
const time = (text: string): bigint => toFileTime(ms(text));

export function letter(subject: string, more = "", body = "Some words of the body.\r\n"): Uint8Array {
  return new Uint8Array(Buffer.from(`From: Ada <ada@example.org>\r\nTo: Kim <kim@example.org>\r\nSubject: ${subject}\r\n` +
    `Date: Thu, 5 Sep 2024 10:00:00 +0000\r\nMessage-ID: <${subject.replaceAll(/\W/g, "")}@example.org>\r\n${more}\r\n${body}`));
}

const mixed = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n";
const mixedBody = "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/octet-stream; name=a.bin\r\n" +
  "Content-Disposition: attachment; filename=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAQIDBA==\r\n" +
  "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: x@example.org\r\nSubject: inner\r\n\r\ninner body\r\n--b--\r\n";

const request = ["BEGIN:VCALENDAR", "METHOD:REQUEST", "PRODID:-//x//y", "VERSION:2.0", "BEGIN:VEVENT",
  "UID:meeting-1@example.org", "DTSTAMP:20240901T000000Z", "DTSTART:20240910T090000Z", "DTEND:20240910T100000Z",
  "SUMMARY:Planning", "ORGANIZER:mailto:ada@example.org", "ATTENDEE;RSVP=TRUE:mailto:kim@example.org", "SEQUENCE:0",
  "END:VEVENT", "END:VCALENDAR", ""].join("\r\n");

function note(subject: string): ItemBag {
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, "IPM.Note");
  setProperty(item, p.PidTagSubject, subject);
  setProperty(item, p.PidTagBody, "Text written by Outlook.\r\n");
  setProperty(item, p.PidTagSenderName, "Kim");
  setProperty(item, p.PidTagSenderAddressType, "SMTP");
  setProperty(item, p.PidTagSenderEmailAddress, "kim@example.org");
  item.recipients.push(newRecipient(1, { name: "Ada", address: "ada@example.org" }, 0));
  return item;
}

function appointment(subject: string, start: string, end: string): ItemBag {
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, "IPM.Appointment");
  setProperty(item, p.PidTagSubject, subject);
  setProperty(item, p.PidLidAppointmentStartWhole, time(start));
  setProperty(item, p.PidLidAppointmentEndWhole, time(end));
  setProperty(item, p.PidLidBusyStatus, 2);
  setProperty(item, p.PidLidReminderSet, true);
  setProperty(item, p.PidLidReminderSignalTime, time(start) - 9_000_000_000n);
  return item;
}

const kinds = [
  { name: "SQLite", skip: false as string | false, make: () => Promise.resolve(sqliteBackend(0)) },
  { name: "SQLite with writer threads", skip: false as string | false, make: () => Promise.resolve(sqliteBackend(1)) },
  { name: "PostgreSQL", skip: postgresMissing ?? false, make: postgresBackend },
];

after(stopPostgres);

for (const kind of kinds) {
  describe(kind.name, { skip: kind.skip }, () => {
    let backend: Backend;
    let store: Store;
    let scope: MailboxId;
    let kit: OpenedKit;
    let mailbox: Mailbox;
    let inbox: FolderId;

    before(async () => {
      backend = await kind.make();
      store = await backend.open();
      scope = await newMailbox(store);
      kit = await openKit(store, scope);
      mailbox = kit.mailbox;
      inbox = (await mailbox.folderByRole(ctx, "inbox")).folderId;
    });
    after(async () => {
      await checkCounts(store, scope);
      const { findings } = await checkStore(ctx, store, { repair: false, deep: true }, () => undefined);
      assert.deepEqual(findings.filter((one) => one.kind !== "mailboxWithoutOwner"), []);
      await store.close();
      backend.remove();
    });

    const append = async (bytes: Uint8Array): Promise<MessageId> => {
      const upload = mailbox.beginUpload(ctx, null);
      await upload.write(bytes);
      return (await mailbox.append(ctx, { folderId: inbox, upload, flags: 0, keywords: [], internalMs: ms("2024-09-06") }))
        .messageId;
    };
    const create = async (item: ItemBag, folderId = inbox): Promise<MessageId> =>
      (await mailbox.items.create(ctx, { folderId, item })).messageId;
    const structures = async (folderId: FolderId): Promise<MessageStructure[]> => {
      const found: MessageStructure[] = [];
      for await (const some of mailbox.structures(ctx, folderId, "all")) found.push(...some);
      return found;
    };
    const bytesOf = async (content: MessageContent): Promise<string> =>
      Buffer.from(await content.read(0, content.sizeBytes)).toString("latin1");
    const structureOf = async (messageId: MessageId, folderId = inbox): Promise<MessageStructure> =>
      (await structures(folderId)).find((one) => one.messageId === messageId)!;
    const textOf = async (messageId: MessageId, folderId = inbox): Promise<string> =>
      await bytesOf(await mailbox.content(ctx, (await structureOf(messageId, folderId)).contentId));
    const streamOf = async (item: StoredItem, index: number): Promise<Buffer> => {
      const pieces = [];
      for await (const piece of item.attachments[index]!.content!.stream(ctx)) pieces.push(piece);
      return Buffer.concat(pieces);
    };

    test("an item made of properties comes back, with recipients, attachments and what is in them", async () => {
      const item = note("RE: Offer");
      setNamed(item, { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "My own" }, "Integer32", 77);
      setProperty(item, p.PidTagHtml, Buffer.alloc(9000, "<p>x</p>"));
      const inner = note("inner");
      inner.attachments.push({ bag: new Map([[p.PidTagAttachDataBinary.tag, Buffer.from("deep")]]), named: new Map() });
      item.attachments.push(
        { bag: new Map([[p.PidTagAttachLongFilename.tag, "big.bin"]]), named: new Map(),
          content: { aboutBytes: 100_000, chunks: () => [Buffer.alloc(60_000, 1), Buffer.alloc(40_000, 2)] } },
        { bag: new Map(), named: new Map(), embedded: inner });
      const id = await create(item);
      const found = await mailbox.items.open(ctx, id);
      for (const [tag, value] of item.bag) assert.deepEqual(plain(found.bag.get(tag)), plain(value), tag.toString(16));
      assert.deepEqual(found.named, item.named);
      assert.deepEqual(found.recipients.map((one) => [...one.bag.keys()].sort()),
        item.recipients.map((one) => [...one.bag.keys()].sort()));
      assert.deepEqual([found.row.subject, found.row.normalizedSubject, found.row.origin, found.row.hasAttachments],
        ["RE: Offer", "Offer", "properties", true]);
      assert.equal(getProperty(found, p.PidTagSubjectPrefix), "RE: ");
      assert.equal((await streamOf(found, 0)).length, 100_000);
      const embedded = await found.attachments[1]!.open(ctx);
      assert.equal(getProperty(embedded, p.PidTagSubject), "inner");
      assert.equal((await streamOf(embedded, 0)).toString(), "deep");
    });

    test("a MIME message is told as properties, its parts streamed, embedded ones opened", async () => {
      const id = await append(letter("Mixed", `${mixed}X-Custom-Thing: abc\r\nKeywords: Red, Blue\r\n`, mixedBody));
      const found = await mailbox.items.open(ctx, id);
      assert.deepEqual([found.row.origin, found.row.hasAttachments, getProperty(found, p.PidTagBody)?.trim()],
        ["mime", true, "hello"]);
      assert.deepEqual(await streamOf(found, 0), Buffer.from([1, 2, 3, 4]));
      assert.equal(getProperty(await found.attachments[1]!.open(ctx), p.PidTagSubject), "inner");
      assert.equal(getProperty(found, p.PidTagMessageDeliveryTime), toFileTime(ms("2024-09-06")));
      const [custom] = await mailbox.items.propertyIds(ctx, [{ guid: propertySets.PS_INTERNET_HEADERS.guid, id: "x-custom-thing" }], true);
      const tag = (custom! * 0x10000 + 0x1f) as never;
      const [listed] = await mailbox.items.properties(ctx, [id], { tags: [tag, p.PidTagBody.tag, p.PidTagSubject.tag] });
      assert.deepEqual([listed!.object.bag.get(tag), listed!.object.bag.get(p.PidTagSubject.tag)], ["abc", "Mixed"]);
      assert.match(String(listed!.object.bag.get(p.PidTagBody.tag)), /hello/);
    });

    test("properties of lists are the same as those of the opened item", async () => {
      const tags = Object.values(properties).flatMap((one) => (one.tag === undefined ? [] : [one.tag]))
        .filter((tag) => ![p.PidTagBody, p.PidTagHtml, p.PidTagRtfCompressed, p.PidTagTransportMessageHeaders].some((one) => one.tag === tag));
      let count = 0;
      for await (const some of mailbox.items.table(ctx, inbox, { tags })) {
        for (const { row, object } of some) {
          const whole = await mailbox.items.open(ctx, row.messageId);
          for (const [tag, value] of object.bag) assert.deepEqual(plain(value), plain(whole.bag.get(tag)), `${row.subject} ${tag.toString(16)}`);
          for (const tag of whole.bag.keys()) {
            assert.ok(!tags.includes(tag) || object.bag.has(tag), `${row.subject} lacks ${tag.toString(16)}`);
          }
          count++;
        }
      }
      assert.ok(count >= 2);
    });

    test("what MIME does not show is kept beside the bytes", async () => {
      const id = await append(letter("Overlay"));
      const bytes = await textOf(id);
      const { row: before } = await mailbox.items.open(ctx, id);
      const set = newItem();
      setProperty(set, p.PidNameKeywords, ["Red Category"]);
      setProperty(set, p.PidTagFlagStatus, 2);
      setProperty(set, p.PidLidReminderSet, true);
      setProperty(set, p.PidLidReminderSignalTime, time("2024-10-01T08:00:00Z"));
      setNamed(set, { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "mine" }, "String", "\ud800 kept");
      const { cn } = await mailbox.items.update(ctx, { messageId: id, set });
      const found = await mailbox.items.open(ctx, id);
      assert.equal(found.row.cn, cn);
      assert.deepEqual([found.row.uid, found.row.contentId, found.row.origin], [before.uid, before.contentId, "mime"]);
      assert.equal(await textOf(id), bytes);
      for (const [key, value] of set.named) assert.deepEqual(found.named.get(key), value);
      assert.deepEqual(found.row.keywords, ["Red Category"]);
      assert.equal(found.row.flags & messageFlags.flagged, messageFlags.flagged);
      assert.deepEqual((await mailbox.items.dueReminders(ctx, ms("2024-10-02"))).map((one) => one.row.messageId), [id]);
      await mailbox.items.update(ctx, { messageId: id, remove: { names: [p.PidLidReminderSet.named], tags: [p.PidTagFlagStatus.tag] } });
      assert.deepEqual(await mailbox.items.dueReminders(ctx, ms("2024-10-02")), []);
      assert.equal((await mailbox.items.row(ctx, id)).flags & messageFlags.flagged, 0);
    });

    test("a property of the bytes can be taken away beside them", async () => {
      const id = await append(letter("Taken", "X-Message-Flag: Follow up\r\n"));
      assert.equal(getProperty(await mailbox.items.open(ctx, id), p.PidLidFlagRequest), "Follow up");
      await mailbox.items.update(ctx, { messageId: id, remove: { names: [p.PidLidFlagRequest.named] } });
      const found = await mailbox.items.open(ctx, id);
      assert.equal(getProperty(found, p.PidLidFlagRequest), undefined);
      assert.equal(found.row.origin, "mime");
    });

    test("what MIME shows gives up the bytes: new ones come under a new UID, and the rest of the item stays", async () => {
      const id = await append(letter("Old subject", mixed, mixedBody));
      const before = await structureOf(id);
      const state = await mailbox.folder(ctx, inbox);
      const set = newItem();
      setProperty(set, p.PidTagSubject, "FW: New subject");
      await mailbox.items.update(ctx, { messageId: id, set });
      const changes = await mailbox.changes(ctx, inbox, state.highestCn);
      assert.ok([...changes.vanished].includes(before.uid));
      const now = changes.changed.find((row) => row.messageId === id)!;
      assert.ok(now.uid >= state.uidNext);
      const text = await textOf(id);
      assert.match(text, /^Subject: FW: New subject\r$/m);
      assert.match(text, /^From: Ada <ada@example\.org>\r$/m);
      assert.match(text, /^AQIDBA==\r$/m);
      assert.match(text, /^Subject: inner\r$/m);
      const found = await mailbox.items.open(ctx, id);
      assert.deepEqual([found.row.origin, found.row.normalizedSubject], ["properties", "New subject"]);
      assert.deepEqual(await streamOf(found, 0), Buffer.from([1, 2, 3, 4]));
      assert.equal(await textOf(id), text);
      await assert.rejects(mailbox.content(ctx, before.contentId), { code: "notFound" });
    });

    test("rendered bytes stay the same, over a restart too, until the item changes", async () => {
      const id = await create(note("Rendered"));
      const first = await textOf(id);
      const row = await structureOf(id);
      assert.equal(row.sizeBytes, first.length);
      assert.match(first, /^Subject: Rendered\r$/m);
      assert.match(first, /^To: Ada <ada@example\.org>\r$/m);
      if (kind.name !== "PostgreSQL") {
        await store.close();
        store = await backend.open();
        kit = await openKit(store, scope);
        mailbox = kit.mailbox;
      }
      assert.equal(await textOf(id), first);
      const mark = newItem();
      setProperty(mark, p.PidTagFlagStatus, 2);
      await mailbox.items.update(ctx, { messageId: id, set: mark });
      assert.equal((await structureOf(id)).uid, row.uid, "a mark changes no bytes");
      assert.equal(await textOf(id), first);
      const set = newItem();
      setProperty(set, p.PidTagSubject, "Rendered again");
      await mailbox.items.update(ctx, { messageId: id, set });
      const later = await structureOf(id);
      assert.ok(later.uid > row.uid);
      assert.match(await textOf(id), /^Subject: Rendered again\r$/m);
    });

    test("recipients and attachments are replaced, added, changed and removed", async () => {
      const item = note("Parts");
      for (const name of ["a", "b", "c"]) {
        item.attachments.push({ bag: new Map([[p.PidTagAttachLongFilename.tag, name]]), named: new Map(),
          content: { aboutBytes: 1, chunks: () => [Buffer.from(name)] } });
      }
      const id = await create(item);
      const { addedAttachments } = await mailbox.items.update(ctx, {
        messageId: id, recipients: [newRecipient(2, { name: "", address: "bo@example.org" }, 0)],
        attachments: {
          remove: [0, 99], add: [{ bag: new Map([[p.PidTagAttachLongFilename.tag, "d"]]), content: { aboutBytes: 1, chunks: () => [Buffer.from("d")] } }],
          update: [{ number: 1, set: { bag: new Map([[p.PidTagAttachLongFilename.tag, "b2"]]) }, content: { aboutBytes: 2, chunks: () => [Buffer.from("b2")] } }],
        },
      });
      assert.deepEqual(addedAttachments, [3]);
      const found = await mailbox.items.open(ctx, id);
      assert.deepEqual(found.attachments.map((one) => [one.number, getProperty(one, p.PidTagAttachLongFilename)]),
        [[1, "b2"], [2, "c"], [3, "d"]]);
      assert.equal((await streamOf(found, 0)).toString(), "b2");
      assert.deepEqual([found.row.displayTo, found.row.displayCc], ["", "bo@example.org"]);
    });

    test("who works from an old state is told", async () => {
      const id = await create(note("Conflict"));
      const row = await mailbox.items.row(ctx, id);
      const set = newItem();
      setProperty(set, p.PidTagSubject, "One");
      await mailbox.items.update(ctx, { messageId: id, expectedCn: row.cn, set });
      await assert.rejects(mailbox.items.update(ctx, { messageId: id, expectedCn: row.cn, set }),
        (error) => error instanceof Fault && error.code === "conflict");
      await Promise.all([1, 2, 3].map((number) => {
        const own = newItem();
        setNamed(own, { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: `n${number}` }, "Integer32", number);
        return mailbox.items.update(ctx, { messageId: id, set: own });
      }));
      assert.equal((await mailbox.items.open(ctx, id)).named.size, 3, "none of three at once is lost");
    });

    test("a calendar in the mail makes it a meeting that is found in time and by its object", async () => {
      const id = await append(letter("Invitation", "MIME-Version: 1.0\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n", request));
      const found = await mailbox.items.open(ctx, id);
      assert.equal(found.row.messageClass, "IPM.Schedule.Meeting.Request");
      const object = getProperty(found, p.PidLidGlobalObjectId)!;
      const [timed] = await mailbox.items.itemsByGlobalObjectId(ctx, object);
      assert.deepEqual([timed!.row.messageId, timed!.startMs, timed!.endMs],
        [id, ms("2024-09-10T09:00:00Z"), ms("2024-09-10T10:00:00Z")]);
      const broken = await append(letter("Broken", "MIME-Version: 1.0\r\nContent-Type: text/calendar; method=REQUEST\r\n", "BEGIN:VCALENDAR\r\nnonsense"));
      assert.match((await mailbox.items.row(ctx, broken)).messageClass, /^IPM\.(?:Note|Schedule)/);
    });

    test("of a large message only the parts that are needed are read, its attachments come in pieces", async () => {
      const data = Buffer.alloc(2_000_000, "0123456789abcdef");
      const body = mixedBody.replace("AQIDBA==", data.toString("base64").replaceAll(/.{76}/g, "$&\r\n"));
      const id = await append(letter("Large", mixed, body));
      const found = await mailbox.items.open(ctx, id);
      assert.deepEqual([found.row.subject, getProperty(found, p.PidTagBody)?.trim()], ["Large", "hello"]);
      assert.ok((await streamOf(found, 0)).equals(data));
      assert.equal(getProperty(await found.attachments[1]!.open(ctx), p.PidTagBody)?.trim(), "inner body");
      const [listed] = await mailbox.items.properties(ctx, [id], { tags: [p.PidTagSenderEntryId.tag] });
      assert.equal(listed!.object.bag.size, 1);
      const set = newItem();
      setProperty(set, p.PidTagSubject, "Large, changed");
      await mailbox.items.update(ctx, { messageId: id, set });
      const text = await textOf(id);
      assert.ok(text.length > 2_600_000 && text.includes("Subject: Large, changed\r\n"));
      assert.ok((await streamOf(await mailbox.items.open(ctx, id), 0)).equals(data));
    });

    test("bodies that are large are told whole, of the message and of one in it; so is a large winmail.dat", async () => {
      const words = "Größere Füchse springen.\r\n".repeat(60_000);
      const html = `<html><body>${"<p>Größe</p>\r\n".repeat(120_000)}<img src="cid:a@b"></body></html>`;
      const parts = (inner: string): string => "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n" +
        `--c\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${words}\r\n` +
        "--c\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
        `${Buffer.from(html, "utf8").toString("base64").replaceAll(/.{76}/g, "$&\r\n")}\r\n--c--\r\n` +
        "--b\r\nContent-Type: image/png\r\nContent-ID: <a@b>\r\nContent-Transfer-Encoding: base64\r\n\r\nAQID\r\n" +
        `${inner}--b--\r\n`;
      const message = letter("Large text", mixed, parts(`--b\r\nContent-Type: message/rfc822\r\n\r\n${
        Buffer.from(letter("Inner", mixed.replaceAll("=b", "=d"), parts("").replaceAll("--b", "--d"))).toString("utf8")}`));
      const found = await mailbox.items.open(ctx, await append(message));
      const inner = await found.attachments[1]!.open(ctx);
      for (const item of [found, inner]) {
        assert.ok(getProperty(item, p.PidTagBody) === words || getProperty(item, p.PidTagBody) === words.slice(0, -2));
        assert.ok(Buffer.from(getProperty(item, p.PidTagHtml)!).equals(Buffer.from(html, "utf8")));
        assert.deepEqual(item.attachments.map((one) => getProperty(one, p.PidTagAttachmentHidden)).slice(0, 1), [true]);
      }
      assert.match(found.row.preview, /^Größere Füchse springen\. Größere/);
      const tnef = newItem();
      setProperty(tnef, p.PidTagMessageClass, "IPM.Note");
      const file = Buffer.alloc(1_500_000, "0123456789abcdef");
      tnef.attachments.push({ bag: new Map(), named: new Map(), content: { aboutBytes: file.length, chunks: () => [file] } });
      const outlook = await mailbox.items.open(ctx, await append(letter("Large winmail.dat", mixed,
        "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n" +
        "Content-Transfer-Encoding: base64\r\n\r\n" +
        `${Buffer.from(writeTnef(tnef)).toString("base64").replaceAll(/.{76}/g, "$&\r\n")}\r\n--b--\r\n`)));
      assert.equal(outlook.attachments.length, 1);
      assert.ok((await streamOf(outlook, 0)).equals(file));
    });

    test("a large invitation with a file is a meeting as it comes", async () => {
      const file = Buffer.alloc(200_000, 7).toString("base64").replaceAll(/.{76}/g, "$&\r\n");
      const id = await append(letter("Large invitation", mixed, "--b\r\nContent-Type: application/octet-stream\r\n" +
        `Content-Transfer-Encoding: base64\r\n\r\n${file}\r\n--b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\n` +
        `${request.replace("meeting-1", "meeting-2")}\r\n--b--\r\n`));
      const row = await mailbox.items.row(ctx, id);
      assert.deepEqual([row.messageClass, row.hasAttachments], ["IPM.Schedule.Meeting.Request", true]);
      const calendar = await mailbox.items.calendarItems(ctx, inbox, ms("2024-09-10"), ms("2024-09-11"));
      assert.ok(calendar.some((one) => one.row.messageId === id));
    });

    test("winmail.dat makes the item what it was in Outlook, and pictures in the text are no attachments", async () => {
      const tnef = newItem();
      setProperty(tnef, p.PidTagMessageClass, "IPM.Task");
      setProperty(tnef, p.PidLidTaskDueDate, time("2024-10-10T00:00:00Z"));
      setProperty(tnef, p.PidTagSubject, "Task");
      const id = await append(letter("Task", mixed, "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n" +
        "Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
        `${Buffer.from(writeTnef(tnef)).toString("base64")}\r\n--b--\r\n`));
      assert.equal((await mailbox.items.row(ctx, id)).messageClass, "IPM.Task");
      const picture = await append(letter("Picture", "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n",
        "--b\r\nContent-Type: text/html\r\n\r\n<img src=\"cid:a@b\">\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <a@b>\r\n" +
        "Content-Transfer-Encoding: base64\r\n\r\nAQID\r\n--b--\r\n"));
      const found = await mailbox.items.open(ctx, picture);
      assert.deepEqual([found.row.hasAttachments, found.attachments.length], [false, 1]);
    });

    test("appointments are found by window, and are shown to IMAP as a calendar", async () => {
      const calendar = (await mailbox.folderByRole(ctx, "calendar")).folderId;
      const id = await create(appointment("Dentist", "2024-11-05T09:00:00Z", "2024-11-05T09:30:00Z"), calendar);
      await create(appointment("Later", "2024-12-05T09:00:00Z", "2024-12-05T09:30:00Z"), calendar);
      const find = async (from: string, to: string): Promise<string[]> =>
        (await mailbox.items.calendarItems(ctx, calendar, ms(from), ms(to))).map(({ row }) => row.subject);
      assert.deepEqual(await find("2024-11-05", "2024-11-06"), ["Dentist"]);
      assert.deepEqual(await find("2024-11-05T09:30:00Z", "2024-12-06"), ["Later"]);
      assert.deepEqual(await find("2024-11-01", "2025-01-01"), ["Dentist", "Later"]);
      const text = await textOf(id, calendar);
      assert.match(text, /^BEGIN:VEVENT\r?$/m);
      assert.match(text, /^DTSTART:20241105T090000Z\r?$/m);
    });

    test("conversations join by reference, and by index where there is none", async () => {
      const root = await append(letter("Thread"));
      const reply = await append(letter("Re Thread", "In-Reply-To: <Thread@example.org>\r\n"));
      const third = await append(letter("Third", "References: <Thread@example.org> <ReThread@example.org>\r\n"));
      const early = await append(letter("Early", "References: <NotYet@example.org>\r\n"));
      const late = await append(letter("NotYet"));
      const key = async (id: MessageId): Promise<string> => (await mailbox.items.row(ctx, id)).conversationKey;
      assert.equal(await key(reply), await key(root));
      assert.equal(await key(early), await key(late));
      assert.deepEqual((await mailbox.items.conversation(ctx, await key(root))).map((row) => row.messageId), [root, reply, third]);
      const index = Buffer.alloc(22, 7);
      index[0] = 1;
      const ids: MessageId[] = [];
      for (const subject of ["Draft one", "Draft two"]) {
        const item = note(subject);
        setProperty(item, p.PidTagConversationIndex, index);
        ids.push(await create(item));
      }
      assert.equal(await key(ids[0]!), await key(ids[1]!));
    });

    test("words are found wherever the item came from, and copies have them too", async () => {
      const sent = (await mailbox.folderByRole(ctx, "sentItems")).folderId;
      const item = note("Xylophone");
      setProperty(item, p.PidLidLocation, "Quiet room");
      const id = await create(item);
      const uid = (await mailbox.items.row(ctx, id)).uid;
      assert.deepEqual([...await mailbox.searchWords(ctx, inbox, "xylophone quiet outlook")], [uid]);
      const [copy] = await mailbox.items.copy(ctx, [id], sent);
      const copied = await mailbox.items.row(ctx, copy!);
      assert.deepEqual([...await mailbox.searchWords(ctx, sent, "xylophone quiet")], [copied.uid]);
      const set = newItem();
      setProperty(set, p.PidTagSubject, "Zither");
      await mailbox.items.update(ctx, { messageId: id, set });
      assert.deepEqual([...await mailbox.searchWords(ctx, inbox, "xylophone")], []);
      assert.deepEqual([...await mailbox.searchWords(ctx, inbox, "zither quiet")], [uid]);
      const [moved] = await mailbox.items.move(ctx, [copy!, 999_999 as MessageId], inbox);
      assert.notEqual(moved, null);
      assert.equal(await mailbox.items.remove(ctx, [moved!], "hard"), 1);
      assert.deepEqual([...await mailbox.searchWords(ctx, inbox, "xylophone")], []);
    });

    test("associated items are items of their own: not shown by UID, removed at once", async () => {
      const { messageId } = await mailbox.items.create(ctx, { folderId: inbox, item: note("setting"), associated: true });
      const rows = [];
      for await (const some of mailbox.items.rows(ctx, inbox, { associated: true })) rows.push(...some);
      assert.deepEqual(rows.map((row) => row.messageId), [messageId]);
      assert.equal((await structures(inbox)).some((row) => row.messageId === messageId), false);
      const { cn } = await mailbox.items.changes(ctx, inbox, 0 as never, { associated: true });
      const [moved] = await mailbox.items.move(ctx, [messageId], (await mailbox.folderByRole(ctx, "drafts")).folderId);
      assert.deepEqual((await mailbox.items.changes(ctx, inbox, cn, { associated: true })).removed, [messageId]);
      assert.equal(await mailbox.items.remove(ctx, [moved!], "soft"), 1);
      await assert.rejects(mailbox.items.open(ctx, moved!), { code: "notFound" });
    });

    test("without a right there is nothing to see or change", async () => {
      const id = await create(note("Private"));
      await assert.rejects(kit.open("stranger"), { code: "accessDenied" });
      await mailbox.setPermission(ctx, (await mailbox.folderByRole(ctx, "calendar")).folderId, 2, 0x401);
      const stranger = await kit.open("stranger");
      await assert.rejects(stranger.items.open(ctx, id), { code: "notFound" });
      await assert.rejects(stranger.items.update(ctx, { messageId: id, set: note("x") }), { code: "notFound" });
      await assert.rejects(stranger.items.create(ctx, { folderId: inbox, item: note("x") }), { code: "notFound" });
      assert.deepEqual(await stranger.items.conversation(ctx, (await mailbox.items.row(ctx, id)).conversationKey || "0".repeat(32)), []);
      const calendar = (await mailbox.folderByRole(ctx, "calendar")).folderId;
      const [seen] = await stranger.items.calendarItems(ctx, calendar, 0, ms("2030-01-01"));
      await assert.rejects(stranger.items.update(ctx, { messageId: seen!.row.messageId, set: note("x") }), { code: "accessDenied" });
    });

    test("a full mailbox takes no item, and lets none grow", async () => {
      const own = await newMailbox(store);
      const small = (await openKit(store, own, 2000)).mailbox;
      const folderId = (await small.folderByRole(ctx, "drafts")).folderId;
      const { messageId } = await small.items.create(ctx, { folderId, item: note("fits") });
      const big = note("big");
      setProperty(big, p.PidTagBody, "x".repeat(5000));
      await assert.rejects(small.items.create(ctx, { folderId, item: big }), { code: "overQuota" });
      await assert.rejects(small.items.update(ctx, { messageId, set: big }), { code: "overQuota" });
      await checkCounts(store, own);
    });
  });
}

/** Buffers and plain arrays of bytes are the same bytes. */
function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}
