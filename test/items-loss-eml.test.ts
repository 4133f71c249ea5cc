/**
 * Proves on every message of the collection, the broken ones too, what it loses when it becomes an item and a message
 * again: each part and header field that is gone, each property that differs after the second way in, calendars taken
 * in as meetings. `test/data/items-loss-eml.tsv` holds every loss with its reason; nothing else may be lost, and
 * nothing throws.
 */
import { suite, test } from "node:test";
import { calendarOf, readCalendarInto } from "#convert/ical/mime-plug.ts";
import { textOfHtml } from "#convert/mime/bodies.ts";
import { partBytes, withLineFeeds } from "#convert/mime/contents.ts";
import { isOwnField } from "#convert/mime/headers-read.ts";
import { bytesOf, differences, digest, itemOf, meaningOf } from "#convert/mime/test-kit.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { headerFields } from "#format/mime/headers.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { paramValue } from "#format/mime/parameters.ts";
import type { ItemBag } from "#convert/item.ts";
import type { MimePart } from "#format/mime/types.ts";
import { corpusMissing } from "./support/corpus.ts";
import { differenceNames } from "./support/item-losses.ts";
import { checkLosses, corpusFilesOf } from "./support/loss-table.ts";
import type { Loss, Reasons } from "./support/loss-table.ts";

const reasons: Reasons = [
  [/^added: PidTagInternetMessageId$/, "a message that goes out must have a Message-ID"],
  [/^part joined: /, "several inline texts become one body: an item has but one"],
  [/^part dropped: text\/(?:enriched|richtext|plain|html|watch-html|x-[a-z]+)$/,
    "of the forms of an alternative one plain text and one HTML stay"],
  [/^part nul: /, "NULs cannot stand in text"],
  [/^part report: /, "the machine readable part of a report is written anew from its properties"],
  [/^part tnef: /, "winmail.dat is opened and goes out as what it holds"],
  [/^part calendar: /, "a calendar is written anew from its meeting"],
  [/^field: /, "a header field without a value, or whose name is broken"],
  [/^changed: PidTagReportDisposition$|^added: PidTagReportDisposition$/,
    "a read report that does not say what happened says displayed"],
  [/^changed: attachment inside$/, "bare LFs of a part that is never encoded go out as CRLF"],
  [/^changed: attachment inside html$/, "bare LFs of a part that is never encoded go out as CRLF"],
  [/^tnef gone: html$/, "rich text goes out as HTML or as text"],
  [/^tnef (?:gone|added|changed): (?:attachment |inside |recipient )*(?:html|body)$/,
    "a body in RTF goes out as HTML and text"],
  [/^tnef gone: (?:attachment |inside |recipient )*(?:Pid\w+|0x[0-9A-F]{8}|"[^"]*"[\w .]*)$/,
    "a property of winmail.dat that no header field, part or calendar carries"],
  [/^tnef added: (?:attachment |inside |recipient )*(?:Pid\w+|".*")$/,
    "what every message from outside has and winmail.dat did not tell"],
  [/^tnef changed: (?:attachment |inside )*PidTag(?:ClientSubmitTime|MessageDeliveryTime|CreationTime|LastModificationTime)$/,
    "times of header fields are whole seconds"],
  [/^tnef changed: (?:attachment |inside )*recipient PidTagResponsibility$/,
    "who is written to by a new message has not been served yet"],
  [/^tnef changed: (?:attachment |inside |recipient )*PidTag\w*(?:EntryId|SearchKey|AddressType|EmailAddress|Name)$/,
    "an address of an organisation goes out as an SMTP address"],
  [/^tnef changed: (?:attachment |inside )*PidTag(?:MessageFlags|HasAttachments|NativeBody|MessageClass|RenderingPosition|DisplayName|AttachMimeTag|AttachFlags|AttachmentHidden|AttachExtension|AttachLongFilename)$/,
    "worked out anew from what the message shows"],
  [/^calendar (?:added|changed): (?:PidLid\w+|PidTag(?:Response|Reply)Requested|PidNameCalendarMethod)$/,
    "a request that names no organizer is the sender's"],
  [/^calendar (?:changed|added|gone): recipient(?: \w+)?$/,
    "a request that names no organizer is the sender's"],
];

interface Leaf {
  readonly type: string;
  readonly bytes: string;
  /** The same whatever its line ends: parts that are never encoded go out with CRLF. */
  readonly lines: string;
  /** Without white space, since flowed lines and line ends may change; "" for what is no text. */
  readonly text: string;
}

function leavesOf(message: Uint8Array, root: MimePart): Leaf[] {
  const out: Leaf[] = [];
  const pending: MimePart[] = [root];
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part.kind === "multipart") pending.push(...part.children);
    else if (part.kind === "message") pending.push(part.body);
    else out.push(leafOf(message, part));
  }
  return out;
}

function leafOf(message: Uint8Array, part: MimePart): Leaf {
  const bytes = partBytes((start, end) => message.subarray(start, end), part);
  const lines = Buffer.from(Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n"), "latin1");
  const isHtml = part.subtype !== "plain";
  const raw = part.type === "text" ? decodeCharset(bytes, paramValue(part.params, "charset")) : "";
  const text = (isHtml ? textOfHtml(raw) : raw).replaceAll(/[\s>\ufeff]+/g, "");
  return { type: `${part.type}/${part.subtype}`, bytes: digest([bytes]), lines: digest([lines]), text };
}

function fieldNames(message: Uint8Array, root: MimePart): Set<string> {
  const section = withLineFeeds(message.subarray(root.headerStart, root.bodyStart));
  return new Set([...headerFields(section)].map(({ name }) => name));
}

function kindOf(type: string, text: string, texts: readonly string[]): string {
  if (/delivery-status$|disposition-notification$/.test(type)) return "report";
  if (type === "application/ms-tnef") return "tnef";
  if (type === "text/calendar") return "calendar";
  if (text.includes("\0") && texts.some((one) => one.includes(text.replaceAll("\0", "")))) return "nul";
  if (text !== "" && texts.some((one) => one.includes(text))) return "joined";
  return type.startsWith("text/") ? "dropped" : "lost";
}

/** Parts and header fields of the message that what is written from it does not have. */
function partLosses(message: Uint8Array, written: Uint8Array): string[] {
  const before = indexMessage(message).index.root;
  const after = indexMessage(written).index.root;
  const found = new Set<string>();
  const names = fieldNames(written, after);
  for (const name of fieldNames(message, before)) {
    if (!names.has(name) && !isOwnField(name)) found.add(`field: ${name.replaceAll(/[^!-~]/g, "?").slice(0, 60)}`);
  }
  const leaves = leavesOf(written, after);
  const digests = new Set(leaves.flatMap(({ bytes, lines }) => [bytes, lines]));
  const texts = leaves.map(({ text }) => text);
  for (const { type, bytes, lines, text } of leavesOf(message, before)) {
    if (digests.has(bytes) || digests.has(lines)) continue;
    if (type.startsWith("text/") && (text === "" || texts.includes(text))) continue;
    found.add(`part ${kindOf(type, text, texts)}: ${type}`);
  }
  return [...found];
}

/**
 * No loss: the lines beside a meeting, a memory of how its calendar was spelled; properties that say what is so without
 * them.
 */
const isNoLoss = (what: string): boolean => what.endsWith('"urn:outpost:icalendar:lines"') || what.startsWith("unsaid: ");

function propertyLosses(item: ItemBag, back: ItemBag, isTnef: boolean): string[] {
  const isMeeting = calendarOf(item) !== null;
  return differenceNames(differences(meaningOf(item), meaningOf(back))).filter((what) => !isNoLoss(what))
    .map((what) => {
      if (what === "added: PidTagInternetMessageId") return what;
      return isTnef ? `tnef ${what}` : isMeeting ? `calendar ${what}` : what;
    });
}

suite("messages of the collection through items", { skip: corpusMissing }, () => {
  test("what each loses is in the table", (t) => {
    const files = corpusFilesOf("eml");
    const losses: Loss[] = [];
    for (const { name, bytes } of files) {
      const item = itemOf(bytes, { readCalendar: readCalendarInto });
      const written = bytesOf(item, { includeBcc: true, includeUnsent: true, writeCalendar: calendarOf });
      const back = itemOf(written, { readCalendar: readCalendarInto });
      const whats = [
        ...partLosses(bytes, written), ...propertyLosses(item, back, bytes.includes("ms-tnef")),
      ];
      for (const what of whats) losses.push({ file: name, what });
    }
    checkLosses(t, "eml", files.map(({ name }) => name), losses, reasons);
  });
});
