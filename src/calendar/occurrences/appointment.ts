/** An appointment made ready to be asked for its instances: what stands in its properties, read once. */
import { Buffer } from "node:buffer";
import { Fault, WireError } from "#base/fault.ts";
import { decodeAppointmentRecur } from "#calendar/recurrence/blob.ts";
import { Series } from "#calendar/recurrence/expand.ts";
import { recurrenceOf } from "#calendar/recurrence/from-blob.ts";
import { epochOffsetMs, yearOfMs } from "#calendar/zones/dates.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { busyStatuses, sensitivities, stateFlags } from "#convert/ical/event-read.ts";
import { zoneOfItem } from "#convert/ical/zones-write.ts";
import { getProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { properties } from "#props/registry.ts";

const p = properties;

/** Zones of items found once: those of one calendar have few, each told again in every item. */
export class ItemZones {
  readonly #found = new Map<string, Zone | undefined>();

  /** The zone of an item's series or start; undefined when it tells none. [MS-OXOCAL] 2.2.1.39 to 2.2.1.42 */
  of(item: ItemBag, startUtcMs: number): Zone | undefined {
    const text = (bytes: Uint8Array | undefined): string =>
      (bytes === undefined ? "" : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1"));
    const isSeries = getProperty(item, p.PidLidRecurring) === true;
    const key = [
      String(yearOfMs(startUtcMs)), String(isSeries),
      text(getProperty(item, p.PidLidAppointmentTimeZoneDefinitionStartDisplay)),
      ...(isSeries ? [
        text(getProperty(item, p.PidLidAppointmentTimeZoneDefinitionRecur)),
        text(getProperty(item, p.PidLidTimeZoneStruct)), getProperty(item, p.PidLidTimeZoneDescription) ?? "",
      ] : []),
    ].join("\u{10ffff}");
    if (this.#found.has(key)) return this.#found.get(key);
    const zone = zoneOfItem(item, "start", startUtcMs)?.zone;
    if (this.#found.size < zonesKeptMax && key.length < zoneKeyMax) this.#found.set(key, zone);
    return zone;
  }
}

const zonesKeptMax = 500;
const zoneKeyMax = 8000;

export interface Appointment {
  readonly item: ItemBag;
  /** Of the single appointment, or of the first one of its series. */
  readonly startUtcMs: number;
  readonly endUtcMs: number;
  /** Whose wall clock the item runs on: its own zone, or the viewer's for a floating one. */
  readonly zone: Zone;
  /** The zone that its properties are told in, as long as it has one. */
  readonly ownZone: Zone;
  /** A whole day of wherever its viewer is. [MS-OXOCAL] 3.1.5.5.1 */
  readonly isFloating: boolean;
  readonly isAllDay: boolean;
  readonly series: Series | undefined;
  /** A series whose occurrences cannot be told; the first one stands for all of it. [MS-OXOCAL] 2.2.1.44.1 */
  readonly isUnexpandable: boolean;
  /** [MS-OXOCAL] 2.2.1.2 */
  readonly busyStatus: number;
  /** [MS-OXOCAL] 2.2.1.10 */
  readonly isMeeting: boolean;
  readonly isReceived: boolean;
  readonly isCanceled: boolean;
  /** [MS-OXCMSG] 2.2.1.13 PidTagSensitivity of 2, or PidLidPrivate */
  readonly isPrivate: boolean;
  readonly reminderSet: boolean;
  readonly reminderDelta: number;
  readonly subject: string;
  readonly location: string;
}

/** PidLidReminderDelta that stands for 15 minutes, as old clients write it. [MS-OXORMDR] 2.2.1.3 */
const deltaDefaultMark = 0x5ae980e1;
export const reminderDeltaDefault = 15;
/** Years that no reminder is set ahead. */
const deltaMax = 10 * 366 * 1440;

/** Minutes before the start; a value that none can mean is the default. [MS-OXORMDR] 2.2.1.3 */
export function reminderDeltaOf(told: number | undefined): number {
  const isTold = told !== undefined && told !== deltaDefaultMark && Math.abs(told) <= deltaMax;
  return isTold ? told : reminderDeltaDefault;
}

/** PidLidBusyStatus; what is no status takes time like a busy one. [MS-OXOCAL] 2.2.1.2 */
export function busyStatusOf(told: number | undefined): number {
  return told !== undefined && told >= busyStatuses.FREE && told <= busyStatuses.WORKINGELSEWHERE ? told
    : busyStatuses.BUSY;
}

const instantOf = (time: bigint): number => Number(time / 10_000n) - epochOffsetMs;

interface Times {
  readonly startUtcMs: number;
  readonly endUtcMs: number;
}

/** [MS-OXOCAL] 2.2.1.5 to 2.2.1.7 */
function timesOf(item: ItemBag): Times | undefined {
  const start = getProperty(item, p.PidLidAppointmentStartWhole) ?? getProperty(item, p.PidLidCommonStart);
  if (start === undefined) return undefined;
  const startUtcMs = instantOf(start);
  const end = getProperty(item, p.PidLidAppointmentEndWhole) ?? getProperty(item, p.PidLidCommonEnd);
  const length = Math.max(0, getProperty(item, p.PidLidAppointmentDuration) ?? 0);
  const endUtcMs = end === undefined ? startUtcMs + length * 60_000 : instantOf(end);
  return { startUtcMs, endUtcMs: Math.max(startUtcMs, endUtcMs) };
}

/** A day that floats keeps its wall clock wherever it is seen. [MS-OXOCAL] 3.1.5.5.1 */
function floated({ startUtcMs, endUtcMs }: Times, from: Zone, to: Zone): Times {
  if (from === to) return { startUtcMs, endUtcMs };
  return {
    startUtcMs: to.localMsToUtc(startUtcMs + from.offsetAt(startUtcMs)),
    endUtcMs: to.localMsToUtc(endUtcMs + from.offsetAt(endUtcMs)),
  };
}

type FoundSeries = Pick<Appointment, "series" | "isUnexpandable">;

/** A blob that is broken or of months that are kept only makes no series. [MS-OXOCAL] 2.2.1.44.5 */
function seriesOf(item: ItemBag, zone: Zone): FoundSeries {
  const blob = getProperty(item, p.PidLidAppointmentRecur);
  const isRecurring = getProperty(item, p.PidLidRecurring) ?? blob !== undefined;
  if (!isRecurring || blob === undefined) return { series: undefined, isUnexpandable: isRecurring };
  try {
    return { series: new Series(recurrenceOf(decodeAppointmentRecur(blob)), zone), isUnexpandable: false };
  } catch (error) {
    if (error instanceof WireError || error instanceof Fault) return { series: undefined, isUnexpandable: true };
    throw error;
  }
}

/**
 * An appointment as its viewer has it; undefined for an item without a start. A series without a zone of its own runs
 * on the viewer's wall clock. [MS-OXOCAL] 2.2.1
 */
export function appointmentOf(
  item: ItemBag, viewer: Zone, zones: ItemZones = new ItemZones(),
): Appointment | undefined {
  const told = timesOf(item);
  if (told === undefined) return undefined;
  const flags = getProperty(item, p.PidLidAppointmentStateFlags) ?? 0;
  const isMeeting = (flags & stateFlags.meeting) !== 0;
  const isAllDay = getProperty(item, p.PidLidAppointmentSubType) === true;
  const own = zones.of(item, told.startUtcMs);
  const isFloating = isAllDay && !isMeeting;
  const zone = isFloating ? viewer : own ?? viewer;
  const times = isFloating && own !== undefined ? floated(told, own, viewer) : told;
  const sensitivity = getProperty(item, p.PidTagSensitivity) ?? 0;
  return {
    item, ...times, zone, ownZone: own ?? viewer, isFloating, isAllDay, ...seriesOf(item, zone),
    busyStatus: busyStatusOf(getProperty(item, p.PidLidBusyStatus)),
    isMeeting, isReceived: (flags & stateFlags.received) !== 0, isCanceled: (flags & stateFlags.canceled) !== 0,
    isPrivate: sensitivity === sensitivities.PRIVATE || getProperty(item, p.PidLidPrivate) === true,
    reminderSet: getProperty(item, p.PidLidReminderSet) === true,
    reminderDelta: reminderDeltaOf(getProperty(item, p.PidLidReminderDelta)),
    subject: getProperty(item, p.PidTagSubject) ?? getProperty(item, p.PidTagNormalizedSubject) ?? "",
    location: getProperty(item, p.PidLidLocation) ?? "",
  };
}

/** The appointments of a calendar; items without a start are left out. */
export function* appointmentsOf(items: Iterable<ItemBag>, viewer: Zone): Generator<Appointment, undefined> {
  const zones = new ItemZones();
  for (const item of items) {
    const appointment = appointmentOf(item, viewer, zones);
    if (appointment !== undefined) yield appointment;
  }
  return undefined;
}
