/** How one version of a meeting differs from the one before, and whether anybody has to be told. */
import { Buffer } from "node:buffer";
import { properties } from "#props/registry.ts";
import { attachmentAboutBytes, getProperty } from "#convert/item.ts";
import { isException } from "#convert/ical/attachments.ts";
import { keptRuleOf } from "#convert/ical/series-read.ts";
import { attendeesOf } from "#calendar/meetings/parts.ts";
import { seriesItemOf } from "#calendar/meetings/occurrences.ts";
import { highlights } from "#calendar/meetings/values.ts";
import type { ItemBag } from "#convert/item.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";

const p = properties;

export interface MeetingChange {
  /** PidLidChangeHighlight. */
  readonly highlight: number;
  /** When it is: who has answered is asked again. [MS-OXOCAL] 3.1.4.7.3.1, RFC 5546 §2.1.4 */
  readonly isSignificant: boolean;
  /** Something that attendees see; what only the calendar's owner has sends nothing. */
  readonly isReal: boolean;
}

/** The pattern and its zone, without the occurrences that differ. */
function seriesText(item: ItemBag): string {
  const view = seriesItemOf(item);
  if (view === undefined) return "";
  const { deleted: _deleted, modified: _modified, ...pattern } = view.recurrence;
  return JSON.stringify([pattern, view.zone.name]);
}

/** What was told of a series that stands for a rule: the series itself moves with the years that it is told for. */
function ruleText(item: ItemBag): string | undefined {
  return keptRuleOf(item)?.filter((line) => !/^EXDATE[;:]/i.test(line)).join("\n");
}

const plain = (text: string | undefined): string => (text ?? "").replaceAll(/\s+/g, " ").trim();

/** The same words are the same body, whatever a program wraps round them. */
function bodyText(item: ItemBag): string {
  const body = getProperty(item, p.PidTagBody);
  if (body !== undefined) return plain(body);
  const bytes = getProperty(item, p.PidTagHtml) ?? getProperty(item, p.PidTagRtfCompressed);
  return bytes === undefined ? "" : Buffer.from(bytes).toString("latin1");
}

function attachmentText(item: ItemBag): string {
  return JSON.stringify(item.attachments.filter((one) => !isException(one)).map((one) => [
    getProperty(one, p.PidTagAttachLongFilename) ?? getProperty(one, p.PidTagAttachFilename) ?? "",
    getProperty(one, p.PidTagAttachLongPathname) ?? "", attachmentAboutBytes(one),
  ]));
}

function people(item: ItemBag, isOptional: boolean, resolve: ResolveAddress): string {
  const rows = [...attendeesOf(item, resolve)].filter(([, row]) =>
    (((getProperty(row, p.PidTagRecipientType) ?? 1) & 0xf) === 2) === isOptional);
  return rows.map(([address]) => address).sort().join(" ");
}

/** [MS-OXOCAL] 2.2.6.2, 3.1.4.7.3.1 */
export function compareMeetings(before: ItemBag, after: ItemBag, resolve: ResolveAddress): MeetingChange {
  const differs = <T>(told: (item: ItemBag) => T): boolean => told(before) !== told(after);
  let highlight = 0;
  const mark = (bit: number, isDifferent: boolean): boolean => {
    if (isDifferent) highlight |= bit;
    return isDifferent;
  };
  const rule = ruleText(before);
  const isSameRule = rule !== undefined && rule === ruleText(after);
  const significant = [
    mark(highlights.start, !isSameRule && differs((item) => getProperty(item, p.PidLidAppointmentStartWhole))),
    mark(highlights.end, !isSameRule && differs((item) => getProperty(item, p.PidLidAppointmentEndWhole))),
    mark(highlights.start, differs((item) => getProperty(item, p.PidLidAppointmentSubType) ?? false)),
    mark(highlights.recurrence, !isSameRule && differs(seriesText)),
  ];
  const others = [
    mark(highlights.location, differs((item) => plain(getProperty(item, p.PidLidLocation)))),
    mark(highlights.subject, differs((item) => plain(getProperty(item, p.PidTagSubject)))),
    mark(highlights.body, differs(bodyText)),
    mark(highlights.body, differs(attachmentText)),
    mark(highlights.response, differs((item) => getProperty(item, p.PidTagResponseRequested) ?? true)),
    mark(highlights.allowPropose, differs((item) => getProperty(item, p.PidLidAppointmentNotAllowPropose) ?? false)),
    differs((item) => getProperty(item, p.PidTagSensitivity) ?? 0),
    differs((item) => getProperty(item, p.PidTagImportance) ?? 1),
  ];
  mark(highlights.required, differs((item) => people(item, false, resolve)));
  mark(highlights.optional, differs((item) => people(item, true, resolve)));
  const isSignificant = significant.includes(true);
  return { highlight, isSignificant, isReal: isSignificant || others.includes(true) };
}
