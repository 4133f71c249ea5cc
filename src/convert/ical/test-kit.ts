/** What tests of this room share: items told in words, so that two can be compared. */
import { Buffer } from "node:buffer";
import { properties } from "#props/registry.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { dropKept } from "#convert/ical/kept.ts";
import type { CalendarObject, ReadCalendarOptions } from "#convert/ical/calendar-read.ts";
import type { ItemBag, ItemObject } from "#convert/item.ts";
import type { PropertyValue } from "#props/types.ts";

const ownNames = /urn:outpost:icalendar:/;
const names = new Map(Object.values(properties).map((one) => [one.tag, one.name]));

function valueText(value: PropertyValue): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map((one: PropertyValue) => valueText(one)).join("|");
  return String(value);
}

function objectText(object: ItemObject): string[] {
  const tagged = [...object.bag].map(([tag, value]) => `${names.get(tag) ?? tag}=${valueText(value)}`);
  const named = [...object.named].filter(([key]) => !ownNames.test(key))
    .map(([key, { value }]) => `${key}=${valueText(value)}`);
  return [...tagged, ...named].sort();
}

/** Every property of an item and what is in it, without the lines that were kept. */
export function meaningOf(item: ItemBag): string[] {
  const recipients = item.recipients.map((one) => objectText(one)
    .filter((line) => !line.startsWith("PidTagRowid=")).join(" "));
  const attachments = item.attachments.flatMap((one) => {
    const own = objectText(one).filter((line) => !line.startsWith("PidTagAttachNumber="));
    const name = own.find((line) => /^PidTag(?:ExceptionReplaceTime|AttachLong)/.test(line)) ?? "";
    return [...own, ...(one.embedded === undefined ? [] : meaningOf(one.embedded))].map((line) => `${name}: ${line}`);
  });
  return [...objectText(item), ...recipients.map((one) => `to ${one}`), ...attachments];
}

export function withoutKept(item: ItemBag): ItemBag {
  const copy: ItemBag = {
    bag: new Map(item.bag), named: new Map(item.named), recipients: item.recipients,
    attachments: item.attachments.map((one) =>
      (one.embedded === undefined ? one : { ...one, embedded: withoutKept(one.embedded) })),
  };
  dropKept(copy);
  return copy;
}

export const itemsOf = (objects: readonly CalendarObject[]): ItemBag[] =>
  objects.flatMap((one) => (one.kind === "event" ? [one.item] : []));

export const calendar = (...lines: string[]): string =>
  ["BEGIN:VCALENDAR", "VERSION:2.0", ...lines, "END:VCALENDAR", ""].join("\r\n");

export const event = (...lines: string[]): string[] =>
  ["BEGIN:VEVENT", "UID:u1@x.org", "DTSTAMP:20260101T000000Z", ...lines, "END:VEVENT"];

/** The only object of a text. */
export function readOne(text: string, options: ReadCalendarOptions = {}): CalendarObject {
  const [object, ...rest] = readCalendars(text, options).flatMap(({ objects }) => objects);
  if (object === undefined || rest.length > 0) throw new Error(`${rest.length + 1} objects`);
  return object;
}

export function itemOf(text: string, options: ReadCalendarOptions = {}): ItemBag {
  const object = readOne(text, options);
  if (object.kind === "refused") throw new Error(`${object.reason}: ${object.detail}`);
  return object.item;
}
