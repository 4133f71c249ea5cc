/**
 * A message about an occurrence and all that follow. Exchange has no such change, and a series cut in two would be two
 * meetings to those who answer: the later occurrences are changed one by one, as far as a bound; of a cancellation the
 * series ends. RFC 5545 §3.2.13, RFC 5546 §3.2.2.1
 */
import { limits } from "#base/limits.ts";
import { rangeName } from "#convert/ical/names.ts";
import { setTimes } from "#convert/ical/event-times.ts";
import { getProperty, namedKey } from "#convert/item.ts";
import { properties } from "#props/registry.ts";
import { utcOf } from "#calendar/meetings/occurrences.ts";
import { copyItem } from "#calendar/meetings/parts.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { ItemBag } from "#convert/item.ts";
import type { SeriesItem } from "#calendar/meetings/occurrences.ts";

const p = properties;

export const isRange = (message: ItemBag): boolean => message.named.get(namedKey(rangeName))?.value === true;

/** The occurrences after a day as the changed one is, as much later or earlier. */
export function laterChanges(series: SeriesItem, day: LocalMinutes, changed: ItemBag): Map<LocalMinutes, ItemBag> {
  const { zone, minuteOfDay } = series;
  const local = (name: typeof p.PidLidAppointmentStartWhole | typeof p.PidLidAppointmentEndWhole): number =>
    zone.toLocal(utcOf(getProperty(changed, name) ?? 0n));
  const [start, end] = [local(p.PidLidAppointmentStartWhole), local(p.PidLidAppointmentEndWhole)];
  const shift = start - (day + minuteOfDay);
  const changes = new Map<LocalMinutes, ItemBag>();
  for (const next of series.daysAfter(day, limits.recurrenceRangeMax)) {
    const item = copyItem(changed);
    item.named.delete(namedKey(rangeName));
    const at = next + minuteOfDay + shift;
    const [startMs, endMs] = [zone.toUtc(at), zone.toUtc(at + Math.max(0, end - start))];
    setTimes(item, startMs, Math.max(startMs, endMs), getProperty(item, p.PidLidAppointmentSubType) === true);
    changes.set(next, item);
  }
  return changes;
}
