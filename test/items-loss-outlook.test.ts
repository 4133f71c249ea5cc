/**
 * Proves on every file of Outlook in the collection (.msg, .oft, winmail.dat, .pst, .ost) that its items pass through
 * our own .msg and TNEF and stay the same, and what they lose on the way through what the world outside reads: MIME for
 * messages, iCalendar for appointments, tasks, notes, vCard for contacts and lists. Files that hold no item or are
 * broken are refused by name. `test/data/items-loss-outlook.tsv` holds every loss with its reason; nothing else may be
 * lost, and nothing throws but a named error.
 */
import { suite, test } from "node:test";
import { WireError } from "#base/fault.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import { calendarOf, readCalendarInto } from "#convert/ical/mime-plug.ts";
import { itemsOf } from "#convert/ical/test-kit.ts";
import { getProperty } from "#convert/item.ts";
import { bytesOf, differences, itemOf, meaningOf } from "#convert/mime/test-kit.ts";
import { readMsgItem, writeMsgItem } from "#convert/msg.ts";
import { readPstItems } from "#convert/pst.ts";
import { readTnef, writeTnef } from "#convert/tnef.ts";
import { readTodos } from "#convert/todo/read.ts";
import { writeTodos } from "#convert/todo/write.ts";
import { readVcards } from "#convert/vcard/read.ts";
import { writeVcard } from "#convert/vcard/write.ts";
import { properties as p } from "#props/registry.ts";
import type { ItemBag } from "#convert/item.ts";
import { corpusMissing } from "./support/corpus.ts";
import { differenceNames } from "./support/item-losses.ts";
import { checkLosses, corpusFilesOf } from "./support/loss-table.ts";
import type { Loss, Reasons } from "./support/loss-table.ts";

const place = "(?:attachment |inside |recipient )*";
const of = (format: string, kinds: string, names: string): RegExp => new RegExp(`^by ${format} (?:${kinds}): ${place}(?:${names})$`);
const any = "(?:MIME|iCalendar|VTODO|vCard)";
/** Ranges of ids that [MS-OXCDATA] 2.9 leaves to a store and its transport. */
const storeIds = "0x(?:0E|0F|3[0-9F]|40|5[DEF]|6[0-9A-F]|7[0-9A-F])[0-9A-F]{6}";

const reasons: Reasons = [
  [/^refused: no message file: rwz$/, "rules of the Rules Wizard: no item is in them"],
  [/^refused: broken TNEF$/, "a broken file: an attribute is longer than the file"],
  [/^refused: /, "a broken file"],
  [/^by \.msg changed: attachment PidTagAttachDataObject$/, "the parts of an OLE object stand in another order in the file"],
  [/^by \.msg added: /, "what every .msg file must tell"], [/^by TNEF added: /, "what every TNEF must tell"],
  [of(any, "gone", `${storeIds}|PidTag(?:Access|AccessLevel|ObjectType|RecordKey|Store\\w+|MappingSignature|ChangeKey|` +
    "PredecessorChangeList|EntryId|Parent\\w+|InstanceKey|SearchKey|MessageSize|CreationTime|LastModif\\w+|Creator\\w+|" +
    "IconIndex|MessageFlags|HasAttachments|HasNamedProperties|Rowid|ReadOnly|MessageLocaleId|MessageCodepage|" +
    "DeleteAfterSubmit|Message(?:To|Cc|Recip|Recipient)\\w*|Attribute\\w+|\\w*Send(?:Acct|Account)|Rtf\\w+|" +
    "SourceKey|ParentSourceKey|AttachEncoding|AttachRendering|AttachNumber|AttachSize|ValidFolderMask)"),
    "what the store or the program that had it kept for itself"],
  [of(any, "gone|changed", "PidTag\\w*(?:EntryId|SearchKey|AddressType|EmailAddress|SmtpAddress)|" +
    "PidTag(?:Sender|SentRepresenting|ReceivedBy|ReceivedRepresenting|Original\\w*|ReadReceipt|Report)\\w*Name|" +
    "PidLid(?:Email|Fax)\\d\\w+|PidTag\\w*DisplayName"),
    "an address of an organisation or of no kind at all goes out as an SMTP address"],
  [of("MIME", "changed", "PidTag\\w+Time"), "times of header fields are whole seconds"],
  [of("(?:iCalendar|VTODO|vCard)", "changed", "PidTag(?:Creation|LastModification)Time"), "times of lines are whole seconds"],
  [of("MIME", "changed|gone", "html|body|PidTagNativeBody|PidTagRtf\\w+"), "a body in RTF goes out as HTML and text; NULs cannot stand in it"],
  [of("MIME", "changed", "PidTagMessageClass|PidTagMessageFlags|PidTagHasAttachments|PidNameContentType|PidTagDisplay(?:To|Cc|Bcc)|" +
    "PidTagNormalizedSubject|PidTagSubject|PidTagOriginalDisplayTo|PidTagRenderingPosition|PidTagAttach\\w+|PidTagConversation\\w+|PidTagSubjectPrefix"),
    "worked out anew from what the message shows"],
  [of("MIME", "changed", "PidTag(?:Recipient\\w+|Responsibility|SendRichInfo|DisplayType|ObjectType|Rowid)"),
    "worked out anew from who is named in the header"],
  [of("MIME", "changed", "inside"), "bare LFs of a part that is never encoded go out as CRLF"],
  [of("(?:MIME|iCalendar)", "changed", "PidLid(?:OwnerCriticalChange|Reminder\\w+Time|ReminderTime|Appointment\\w+Whole|Common\\w+)|" +
    "PidTag(?:StartDate|EndDate)"), "times of lines are whole seconds; the next reminder is worked out anew"],
  [of("(?:MIME|iCalendar)", "changed", "PidLidGlobalObjectId"), "two ids of one meeting that differ: the clean one is its UID"],
  [of("MIME", "changed", "PidLidAppointmentTimeZone\\w+"), "the rules of the zone are told anew by its name"],
  [of("MIME", "changed", "PidTagReplyRecipientNames|replyTo(?: name| address)?"), "spaces cannot stand in an address"],
  [of("MIME", "changed", "PidTagSupplementaryInfo"), "worked out anew from the lines of a report"],
  [of("iCalendar", "changed", "html|PidTag(?:Responsibility|SendRichInfo)"), "worked out anew from the lines of the event"],
  [of("vCard", "changed", "PidLidDistributionList\\w+"), "a member known by an id of its store goes out by its address"],
  [of("vCard", "changed", "PidTag(?:Birthday|WeddingAnniversary)"), "days stay days: the time of day they were kept with does not"],
  [of("vCard", "changed", "PidTag(?:Subject|NormalizedSubject)|PidLidFileUnderId"), "a card is called by its full name"],
  [of("vCard", "gone", "PidTag(?:Business|Home)2TelephoneNumber"), "a second number without a first becomes the first"],
  [of("VTODO", "changed", "PidLid(?:PercentComplete|TaskComplete)"), "a task that contradicts itself: its status holds"],
  [of("VTODO", "changed", "PidLidTask(?:Start|Due)Date"), "dates of tasks are days"],
  [of("iCalendar", "changed", "PidLid(?:AppointmentTimeZone\\w+|TimeZone\\w+)"), "the rules of the zone are told anew by its name"],
  [of("iCalendar", "changed", "PidLidAppointmentRecur"), "bytes behind the end of a series mean nothing"],
  [of("iCalendar", "changed", "PidLidReminder\\w+"), "the next reminder is worked out anew; one that is not set has no time"],
  [of("iCalendar", "changed", "PidLid(?:Clip\\w+|Appointment\\w+Whole|Common\\w+|FInvited|AppointmentStateFlags|ResponseStatus)|" +
    "PidTag(?:StartDate|EndDate|HasAttachments|ConversationTopic|ExceptionReplaceTime|Reply\\w+|Response\\w+|DisplayName)"),
    "worked out anew from the lines of the event"],
  [of("iCalendar", "changed", "PidTagRecipient\\w+|PidTag(?:Subject|NormalizedSubject)"), "worked out anew from the lines of the event"],
  [/^by MIME gone: recipient$/, "a recipient without a name and without an address"],
  [of("MIME", "gone", '.*'), "no header field or part says it, and no other program would know it"],
  [of("iCalendar", "gone", '.*'), "no line of an event says it, and no other program would know it"],
  [of("VTODO", "gone", '.*'), "no line of a task or note says it, and no other program would know it"],
  [of("vCard", "gone", '.*'), "no line of a card says it, and no other program would know it"],
];

const tokyo = ianaZone("Asia/Tokyo")!;

/** The way out and back that the class of an item goes. */
function throughInternet(item: ItemBag): { format: string; back: ItemBag | undefined } {
  const messageClass = (getProperty(item, p.PidTagMessageClass) ?? "").toUpperCase();
  if (messageClass.startsWith("IPM.APPOINTMENT")) {
    const text = writeCalendar([item], { zone: tokyo });
    return { format: "iCalendar", back: itemsOf(readCalendars(text, { zone: tokyo })[0]?.objects ?? [])[0] };
  }
  if (/^IPM\.(?:TASK|STICKYNOTE|ACTIVITY)/.test(messageClass) && !messageClass.startsWith("IPM.TASKREQUEST")) {
    return { format: "VTODO", back: readTodos(writeTodos([item], { zone: tokyo }), { zone: tokyo }).items[0] };
  }
  if (/^IPM\.(?:CONTACT|DISTLIST)/.test(messageClass)) {
    return { format: "vCard", back: readVcards(writeVcard(item, { version: "4.0" })).cards[0]?.item };
  }
  const bytes = bytesOf(item, { includeBcc: true, includeUnsent: true, writeCalendar: calendarOf });
  return { format: "MIME", back: itemOf(bytes, { readCalendar: readCalendarInto }) };
}

/**
 * No loss: lines that a format remembers its spelling by, bytes that are asked for when needed (they are compared
 * under another name), and outside of our own files what is added or said nothing.
 */
const noLoss = /"urn:outpost:icalendar:\w+"$|"Outpost\w+"$|PidTagAttachDataBinary$|^by [A-Za-z]+ (?:added|unsaid): /;

function itemLosses(item: ItemBag): string[] {
  const found: string[] = [];
  const add = (way: string, back: ItemBag | null | undefined): void => {
    const names = back === null || back === undefined ? ["gone: the item"]
      : differenceNames(differences(meaningOf(item), meaningOf(back)));
    found.push(...names.map((name) => `by ${way} ${name}`).filter((name) => !noLoss.test(name)));
  };
  add(".msg", readMsgItem(writeMsgItem(item)));
  add("TNEF", readTnef(writeTnef(item)));
  const { format, back } = throughInternet(item);
  add(format, back);
  return found;
}

function lossesOf(name: string, bytes: Buffer): string[] {
  const ending = name.slice(name.lastIndexOf(".") + 1);
  if (ending === "tnef" || ending === "dat") {
    const item = readTnef(bytes);
    return item === null ? ["refused: broken TNEF"] : itemLosses(item);
  }
  if (ending === "pst" || ending === "ost") {
    const found: string[] = [];
    for (const { item } of readPstItems((position, size) => bytes.subarray(position, position + size))) {
      found.push(...item instanceof WireError ? [`refused: ${item.message}`] : itemLosses(item));
    }
    return found;
  }
  if (ending !== "msg" && ending !== "oft") return [`refused: no message file: ${ending}`];
  try {
    return itemLosses(readMsgItem(bytes));
  } catch (error) {
    if (error instanceof WireError) return [`refused: ${error.message}`];
    throw error;
  }
}

suite("files of Outlook through items", { skip: corpusMissing }, () => {
  test("what each loses is in the table", (t) => {
    const files = corpusFilesOf("outlook");
    const losses: Loss[] = files.flatMap(({ name, bytes }) => lossesOf(name, bytes).map((what) => ({ file: name, what })));
    checkLosses(t, "outlook", files.map(({ name }) => name), losses, reasons);
  });
});
