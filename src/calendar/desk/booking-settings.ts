/**
 * How a room or a piece of equipment answers, as its administrator set it: an associated item of its calendar with one
 * "name value" line for each option of `booking/policy.ts`, the value as JSON.
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { MeetingCalendar } from "#calendar/desk/calendar.ts";
import { associatedItem, writeAssociated } from "#calendar/desk/ledger.ts";
import { calendarProcessing, processingOptions } from "#calendar/booking/policy.ts";
import type { CalendarProcessing, ProcessingOption } from "#calendar/booking/policy.ts";
import { namedKey } from "#convert/item.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { propertySets } from "#props/property-sets.ts";
import type { NamedId } from "#props/registry.ts";
import type { FolderId } from "#base/ids.ts";

export const bookingClass = "IPM.Configuration.Outpost.Booking";
const bookingName: NamedId = { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "urn:outpost:booking:options" };

export type BookingOptions = { readonly [K in ProcessingOption]?: CalendarProcessing[K] };

/** What was set, without what is as by default. Lines that are no option any more are passed over. */
async function readOptions(ctx: Ctx, mailbox: Mailbox, folderId: FolderId): Promise<Map<string, unknown>> {
  const found = await associatedItem(ctx, mailbox.items, folderId, bookingClass, bookingName);
  const value = found?.object.named.get(namedKey(bookingName))?.value;
  const options = new Map<string, unknown>();
  for (const line of Array.isArray(value) ? value : []) {
    if (typeof line !== "string") continue;
    const [name = "", text] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)];
    if (!Object.hasOwn(processingOptions, name)) continue;
    try {
      const told: unknown = JSON.parse(text);
      calendarProcessing({ [name]: told });
      options.set(name, told);
    } catch (error) {
      if (!(error instanceof SyntaxError) && !(error instanceof Fault)) throw error;
      ctx.log.warn({ option: name }, "an option of a room cannot be read and counts as not set");
    }
  }
  return options;
}

/** The policy of a resource; one that does not accept by itself only writes requests down. */
export async function bookingPolicy(
  ctx: Ctx, calendar: Pick<MeetingCalendar, "mailbox" | "folderId">, acceptsByItself: boolean,
): Promise<CalendarProcessing> {
  const options = await readOptions(ctx, calendar.mailbox, calendar.folderId);
  const automatic = acceptsByItself ? "AutoAccept" : "AutoUpdate";
  return calendarProcessing({ AutomateProcessing: automatic, ...Object.fromEntries(options) });
}

/** What an administrator set; for showing. */
export async function bookingOptions(ctx: Ctx, mailbox: Mailbox): Promise<BookingOptions> {
  const { folderId } = await mailbox.folderByRole(ctx, "calendar");
  return Object.fromEntries(await readOptions(ctx, mailbox, folderId)) as BookingOptions;
}

/** Sets options; null sets one back to what it is by default. Throws Fault `invalidArgument` by name. */
export async function setBookingOptions(
  ctx: Ctx, mailbox: Mailbox, change: Readonly<Record<string, unknown>>,
): Promise<BookingOptions> {
  const { folderId } = await mailbox.folderByRole(ctx, "calendar");
  const options = await readOptions(ctx, mailbox, folderId);
  for (const [name, value] of Object.entries(change)) {
    if (value === null) options.delete(name);
    else options.set(name, value);
  }
  calendarProcessing(Object.fromEntries(options));
  const found = await associatedItem(ctx, mailbox.items, folderId, bookingClass, bookingName);
  await writeAssociated(ctx, mailbox.items, folderId, {
    messageId: found?.messageId ?? null, cn: found?.cn, messageClass: bookingClass, name: bookingName,
    lines: [...options].map(([name, value]) => `${name} ${JSON.stringify(value)}`),
  });
  return Object.fromEntries(options) as BookingOptions;
}

/** The name of an option as it is spelled, whatever the case; undefined when there is none. */
export function bookingOptionNamed(word: string): ProcessingOption | undefined {
  const lower = word.toLowerCase();
  return (Object.keys(processingOptions) as ProcessingOption[]).find((name) => name.toLowerCase() === lower);
}

/** A value of the command line; an empty one sets the option back. Throws Fault `invalidArgument`. */
export function parseBookingOption(name: ProcessingOption, text: string): unknown {
  if (text === "") return null;
  const row = processingOptions[name];
  const value = row.kind === "flag" ? flagOf(text)
    : row.kind === "number" ? (/^\d{1,10}$/.test(text) ? Number(text) : text)
      : row.kind === "people" ? text.split(",").map((one) => one.trim()).filter((one) => one !== "")
        : row.kind === "choice" ? row.choices.find((one) => one.toLowerCase() === text.toLowerCase()) ?? text : text;
  calendarProcessing({ [name]: value });
  return value;
}

function flagOf(text: string): boolean | string {
  if (/^(?:on|yes|true|1)$/i.test(text)) return true;
  return /^(?:off|no|false|0)$/i.test(text) ? false : text;
}
