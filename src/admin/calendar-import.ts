/** iCalendar files into calendars, tasks, notes and the journal. */
import { Fault } from "#base/fault.ts";
import type { Ctx } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { zoneOfId } from "#calendar/zones/match.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import type { CalendarObject, ReadCalendar } from "#convert/ical/calendar-read.ts";
import { getProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { readTodos } from "#convert/todo/read.ts";
import { seriesNames } from "#convert/todo/series.ts";
import { readComponents } from "#convert/vcard/lines.ts";
import type { Component } from "#convert/vcard/lines.ts";
import { formatComponent } from "#convert/vcard/text.ts";
import type { Admin } from "#admin/admin.ts";
import { ensureFolder, findFolder, foldersWithPaths, openEntryMailbox } from "#admin/folders.ts";
import { filesAt, readWhole } from "#admin/import-files.ts";
import { ItemImporter } from "#admin/item-import.ts";
import { runImport } from "#admin/transfer.ts";
import type { ImportResult, ImportRun, TransferOptions } from "#admin/transfer.ts";
import { forMessage } from "#directory/address.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import { roleRow } from "#mailbox/roles.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { properties } from "#props/registry.ts";

const p = properties;

export const calendarExtensions = [".ics", ".ical", ".icalendar", ".ifb", ".vcs"];

/** What only answers or takes back is no entry of a calendar. RFC 5546 §1.4 */
const answers: ReadonlySet<string> = new Set(["REPLY", "CANCEL", "REFRESH", "COUNTER", "DECLINECOUNTER"]);

/** What keeps out more than the series. */
const wholeRefusals: ReadonlySet<string> = new Set([
  "notAnEvent", "olderVersion", "noStart", "badTime", "timeOutOfRange", "uidTooLong", "thisAndFuture", "severalMasters",
  "malformed",
]);

/** Folders by what they are for. */
const placeRoles = ["calendar", "tasks", "notes", "journal"] as const satisfies readonly FolderRole[];
type Place = (typeof placeRoles)[number];

function placeOf(item: ItemBag): Place {
  const messageClass = getProperty(item, p.PidTagMessageClass) ?? "";
  if (/^IPM\.Task\b/i.test(messageClass)) return "tasks";
  if (/^IPM\.StickyNote\b/i.test(messageClass)) return "notes";
  return /^IPM\.Activity\b/i.test(messageClass) ? "journal" : "calendar";
}

export interface CalendarImport extends TransferOptions {
  readonly address: string;
  readonly path: string;
  readonly folder: string | null;
  /** Where floating times and whole days are. */
  readonly zone: Zone;
}

/** Fault `invalidArgument` for a zone nobody knows. */
export function zoneNamed(name: string): Zone {
  const zone = zoneOfId(name);
  if (zone === undefined) {
    throw new Fault("invalidArgument", `There is no time zone "${forMessage(name)}"; say one like Europe/Berlin.`);
  }
  return zone;
}

export async function importCalendar(ctx: Ctx, admin: Admin, request: CalendarImport): Promise<ImportResult> {
  const { mailbox, address } = await openEntryMailbox(ctx, admin, request.address);
  const files = await filesAt(request.path, calendarExtensions);
  return await runImport(ctx, mailbox, request, async (run) => {
    const importer = new CalendarImporter(run, request, address);
    for (const { file } of files) await importer.file(file);
  });
}

class CalendarImporter {
  readonly #run: ImportRun;
  readonly #request: CalendarImport;
  readonly #owner: string;
  readonly #items: ItemImporter;
  readonly #places = new Map<Place, FolderId>();

  constructor(run: ImportRun, request: CalendarImport, owner: string) {
    this.#run = run;
    this.#request = request;
    this.#owner = owner;
    this.#items = new ItemImporter(run);
  }

  async file(file: string): Promise<void> {
    const run = this.#run;
    const bytes = await readWhole(file, limits.importTextMaxBytes).catch((error: unknown) => {
      run.refuse(file, error);
      return null;
    });
    if (bytes === null) return;
    const { zone } = this.#request;
    const read = run.reading(file, () => readCalendars(decodeCharset(bytes, null), {
      zone, owner: this.#owner, asAppointments: true,
    }));
    if (read === null) return;
    const masters = new Masters(bytes);
    for (const calendar of read) await this.#events(file, masters, calendar);
    if (read.every(({ method }) => answers.has(method))) return;
    const todos = run.reading(file, () => readTodos(bytes, { zone }));
    for (const item of todos?.items ?? []) await this.#put(file, item, getProperty(item, p.PidTagSubject) ?? "");
  }

  async #events(file: string, masters: Masters, { method, objects }: ReadCalendar): Promise<void> {
    if (answers.has(method)) {
      this.#run.fail(file, `it answers or takes back a meeting (METHOD:${method}) and is no entry of a calendar`);
      return;
    }
    for (const object of objects) {
      const label = labelOf(file, object.uid);
      if (object.kind === "event") {
        for (const loss of object.losses) this.#run.lose(loss);
        await this.#put(file, object.item, object.uid);
      } else if (object.component === "VEVENT") {
        await this.#refused(file, masters, object);
      } else if (object.component !== "VTODO" && object.component !== "VJOURNAL") {
        this.#run.fail(label, `${object.component}: ${object.detail}`);
      }
    }
  }

  /** Of a series that has no pattern here the first day is better than nothing. */
  async #refused(file: string, masters: Masters, { uid, reason, detail }: Refused): Promise<void> {
    const label = labelOf(file, uid);
    const text = wholeRefusals.has(reason) ? null : masters.withoutSeries(uid);
    const [object] = text === null ? [] : readCalendars(text, {
      zone: this.#request.zone, owner: this.#owner, asAppointments: true,
    }).flatMap(({ objects }) => objects);
    if (object?.kind !== "event") this.#run.fail(label, detail);
    else if (await this.#put(file, object.item, uid)) this.#run.note(label, `only its first day came in: ${detail}`);
  }

  /** False when it was refused. */
  async #put(file: string, item: ItemBag, name: string): Promise<boolean> {
    const folderId = await this.#folderFor(placeOf(item));
    const label = labelOf(file, name);
    const isAlone = getProperty(item, p.PidLidIsException) === true;
    if (isAlone && await this.#items.holdsSeriesOf(folderId, item)) {
      this.#run.fail(label, "it changes one day of a series that is there; import the whole series");
      return false;
    }
    await this.#items.put(folderId, item, label, "uid");
    this.#run.tell(file);
    return true;
  }

  async #folderFor(place: Place): Promise<FolderId> {
    const known = this.#places.get(place);
    if (known !== undefined) return known;
    const { folderId } = await this.#findFolder(place);
    this.#places.set(place, folderId);
    return folderId;
  }

  /** The folder that was named takes what it is for; a new one is for what comes first. */
  async #findFolder(place: Place): Promise<FolderInfo> {
    const { ctx, mailbox } = this.#run;
    const { folder } = this.#request;
    const usual = (): Promise<FolderInfo> => mailbox.folderByRole(ctx, place);
    if (folder === null) return await usual();
    const named = findFolder(await foldersWithPaths(ctx, mailbox), folder);
    const { containerClass } = roleRow(place);
    if (named === null) return await ensureFolder(ctx, mailbox, folder, containerClass);
    if (isFor(named, containerClass)) return named;
    if (placeRoles.some((role) => isFor(named, roleRow(role).containerClass))) return await usual();
    throw new Fault("invalidArgument",
      `"${forMessage(folder)}" holds no calendar; name a folder for appointments, or a new one.`);
  }
}

function isFor(folder: FolderInfo, containerClass: string): boolean {
  const given = folder.containerClass.toLowerCase();
  const wanted = containerClass.toLowerCase();
  return given === wanted || given.startsWith(`${wanted}.`);
}

type Refused = Extract<CalendarObject, { kind: "refused" }>;

/** The events of a file by their UID, read when the first is wanted. */
class Masters {
  readonly #bytes: Uint8Array;
  #found: Map<string, { readonly root: Component; readonly event: Component }> | null = null;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A calendar of the event alone, without what makes it a series; null for one that is not there. */
  withoutSeries(uid: string): string | null {
    const found = (this.#found ??= this.#read()).get(uid);
    if (found === undefined) return null;
    const { root, event } = found;
    const lines = event.lines.filter(({ name }) => !seriesNames.has(name));
    const zones = root.components.filter(({ name }) => name === "VTIMEZONE");
    return formatComponent({ ...root, components: [...zones, { ...event, lines }] });
  }

  #read(): Map<string, { root: Component; event: Component }> {
    const found = new Map<string, { root: Component; event: Component }>();
    for (const root of readComponents(this.#bytes).components) {
      for (const event of root.components) {
        const uid = valueOf(event, "UID") ?? "";
        if (event.name === "VEVENT" && valueOf(event, "RECURRENCE-ID") === undefined) found.set(uid, { root, event });
      }
    }
    return found;
  }
}

function valueOf({ lines }: Component, name: string): string | undefined {
  return lines.find((one) => one.name === name)?.value.trim();
}

function labelOf(file: string, name: string): string {
  return name === "" ? file : `${file}: ${forMessage(name)}`;
}
