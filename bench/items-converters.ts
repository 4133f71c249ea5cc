/** What is measured of items, ours first in each row, and the programs beside it. */
import ICAL from "ical.js";
import { simpleParser } from "mailparser";
import PostalMime from "postal-mime";
import { Fault, WireError } from "#base/fault.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import { attachmentChunks } from "#convert/item.ts";
import { fromMime } from "#convert/mime/from-mime.ts";
import { toMime } from "#convert/mime/to-mime.ts";
import { readVcards } from "#convert/vcard/read.ts";
import { writeVcards } from "#convert/vcard/write.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { summarize } from "#format/mime/summary.ts";
import type { ItemBag } from "#convert/item.ts";

export interface Converter {
  readonly name: string;
  /** How many things a file held. */
  readonly convert: (bytes: Buffer) => number | Promise<number>;
  /** Files that were refused, over all passes. */
  readonly failed: () => number;
}

export interface Work {
  readonly name: string;
  /** Of the corpus. */
  readonly folder: string;
  readonly filter?: (bytes: Buffer) => boolean;
  readonly converters: readonly Converter[];
}

function converter(name: string, convert: (bytes: Buffer) => number | Promise<number>): Converter {
  const refused = new Set<Buffer>();
  return {
    name, failed: () => refused.size,
    convert: async (bytes) => {
      try {
        return await convert(bytes);
      } catch (error) {
        if (name === "Outpost" && !(error instanceof Fault) && !(error instanceof WireError)) throw error;
        refused.add(bytes);
        return 0;
      }
    },
  };
}

/** Whether Exchange has a pattern for every rule: else we work out each date of it, which ical.js does not. */
function hasPatterns(bytes: Buffer): boolean {
  try {
    return readCalendars(bytes.toString("utf8")).every(({ objects }) => objects.every((one) =>
      one.kind !== "event" || !one.losses.some((loss) => loss === "ruleAsDates" || loss === "ruleNotRead")));
  } catch (error) {
    if (error instanceof Fault || error instanceof WireError) return false;
    throw error;
  }
}

function itemOf(bytes: Buffer): ItemBag {
  const { index } = indexMessage(bytes);
  return fromMime(index, (start, end) => bytes.subarray(start, end));
}

function decodeAll(item: ItemBag): void {
  for (const attachment of item.attachments) {
    if (attachment.embedded !== undefined) decodeAll(attachment.embedded);
    else for (const chunk of attachmentChunks(attachment)) void chunk.length;
  }
}

const mailparser = converter("mailparser", async (bytes) => {
  await simpleParser(bytes);
  return 1;
});
const postalMime = converter("postal-mime", async (bytes) => {
  await PostalMime.parse(bytes);
  return 1;
});
/** What an ordinary message is; most of the corpus is odd on purpose. */
const isSmall = (bytes: Buffer): boolean => bytes.length >= 2048 && bytes.length <= 8192;

/** The components of a text; a file of several calendars is an array of them. */
function icalOf(bytes: Buffer): InstanceType<typeof ICAL.Component>[] {
  const parsed: unknown = ICAL.parse(bytes.toString("utf8"));
  const list = (Array.isArray(parsed) && typeof parsed[0] === "string" ? [parsed] : parsed) as unknown[][];
  return list.map((one) => new ICAL.Component(one as [string, object[], object[]]));
}

/** Every value of every property: ical.js makes them of its text only when they are asked for, we always do. */
function walk(component: InstanceType<typeof ICAL.Component>): number {
  let count = 0;
  for (const property of component.getAllProperties()) count += property.getValues().length;
  for (const inner of component.getAllSubcomponents()) count += walk(inner);
  return count;
}

const icalComponents = converter("ical.js, all values", (bytes) => {
  let count = 0;
  for (const calendar of icalOf(bytes)) {
    walk(calendar);
    for (const component of calendar.getAllSubcomponents("vevent")) {
      const event = new ICAL.Event(component);
      if (event.startDate !== null && event.endDate !== null && event.summary !== null) count++;
      void event.attendees.length;
    }
  }
  return count;
});

export const converters: readonly Work[] = [
  {
    name: "messages of 2 to 8 KB, read on arrival", folder: "eml", filter: isSmall, converters: [
      converter("Outpost", (bytes) => {
        const { index, searchText } = indexMessage(bytes);
        return summarize(index).subject.length + searchText.body.length >= 0 ? 1 : 0;
      }),
      mailparser, postalMime,
    ],
  },
  {
    name: "messages, all of the corpus, read on arrival", folder: "eml", converters: [
      converter("Outpost", (bytes) => {
        summarize(indexMessage(bytes).index);
        return 1;
      }),
      mailparser, postalMime,
    ],
  },
  {
    name: "messages to items, attachments decoded", folder: "eml", converters: [
      converter("Outpost", (bytes) => {
        decodeAll(itemOf(bytes));
        return 1;
      }),
      mailparser, postalMime,
    ],
  },
  {
    name: "messages to items and back to bytes", folder: "eml", converters: [
      converter("Outpost", (bytes) => {
        for (const chunk of toMime(itemOf(bytes))) void chunk.length;
        return 1;
      }),
      mailparser, postalMime,
    ],
  },
  {
    name: "events to items", folder: "ics", filter: hasPatterns, converters: [
      converter("Outpost", (bytes) => readCalendars(bytes.toString("utf8")).reduce((sum,
        one) => sum + one.objects.length, 0)),
      icalComponents,
    ],
  },
  {
    name: "events to items and back to text", folder: "ics", filter: hasPatterns, converters: [
      converter("Outpost", (bytes) => readCalendars(bytes.toString("utf8")).reduce((sum, { objects }) => {
        writeCalendar(objects.flatMap((one) => (one.kind === "refused" ? [] : [one.item])));
        return sum + objects.length;
      }, 0)),
      converter("ical.js, all values, its own tree and back", (bytes) => icalOf(bytes).reduce((sum, one) =>
        sum + walk(one) + one.toString().length, 0)),
    ],
  },
  {
    name: "events of all rules to items", folder: "ics", converters: [
      converter("Outpost", (bytes) => readCalendars(bytes.toString("utf8")).reduce((sum,
        one) => sum + one.objects.length, 0)),
      icalComponents,
    ],
  },
  {
    name: "contacts to items", folder: "vcf", converters: [
      converter("Outpost", (bytes) => readVcards(bytes).cards.length),
      converter("ical.js, all values", (bytes) => icalOf(bytes).reduce((sum, one) => sum + walk(one), 0)),
    ],
  },
  {
    name: "contacts to items and back to text", folder: "vcf", converters: [
      converter("Outpost", (bytes) => {
        const { cards } = readVcards(bytes);
        writeVcards(cards.map(({ item }) => item), { version: "4.0" });
        return cards.length;
      }),
      converter("ical.js, all values, its own tree and back", (bytes) => icalOf(bytes).reduce((sum, one) =>
        sum + walk(one) + one.toString().length, 0)),
    ],
  },
];
