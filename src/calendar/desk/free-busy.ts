/** Who is free when: calendars of others as far as they let one see, merged views, and times for a meeting. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { MeetingCalendar } from "#calendar/desk/calendar.ts";
import type { DeskDirectory } from "#calendar/desk/people.ts";
import { workingHoursOf } from "#calendar/desk/working-hours.ts";
import { intervalsOf, mergeIntervals } from "#calendar/free-busy/intervals.ts";
import type { FreeBusyInterval } from "#calendar/free-busy/intervals.ts";
import { checkWindow, slotMinutesDefault } from "#calendar/free-busy/merged-view.ts";
import type { MergedDigits } from "#calendar/free-busy/merged-view.ts";
import { suggestTimes } from "#calendar/free-busy/suggestions.ts";
import type {
  AttendeeTimes, AttendeeType, SuggestionDay, SuggestionOptions,
} from "#calendar/free-busy/suggestions.ts";
import { freeBusyView } from "#calendar/free-busy/view.ts";
import type { FreeBusyRight, FreeBusyView, ViewType } from "#calendar/free-busy/view.ts";
import type { WorkingHours } from "#calendar/free-busy/working-hours.ts";
import { appointmentsOf } from "#calendar/occurrences/appointment.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import type { Window } from "#calendar/recurrence/expand.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { MailboxStanding } from "#directory/api.ts";
import { folderRights } from "#mailbox/access.ts";
import type { Mailboxes, Principal } from "#mailbox/api.ts";
import { effectiveRights } from "#mailbox/permissions/effective.ts";

/** `StoreDirectory` is one. */
export interface FreeBusyDirectory extends DeskDirectory {
  mailboxStanding(ctx: Ctx, entryId: EntryId, mailboxId: MailboxId): Promise<MailboxStanding>;
}

export interface FreeBusyRequest {
  readonly addresses: readonly string[];
  readonly window: Window;
  readonly viewType: ViewType;
  readonly slotMinutes?: number;
  readonly digits?: MergedDigits;
  /** Where whole days of somebody without working hours lie; UTC when nobody tells. */
  readonly zone?: Zone;
}

/** In the order of the addresses. */
export type FreeBusyAnswer =
  | {
    readonly kind: "view"; readonly address: string; readonly view: FreeBusyView;
    readonly workingHours: WorkingHours | undefined;
  }
  /** All members together, nobody told apart. [MS-OXWAVLS] 3.1.4.1 */
  | { readonly kind: "group"; readonly address: string; readonly view: FreeBusyView }
  | {
    readonly kind: "none"; readonly address: string;
    readonly why: "unknown" | "outside" | "noRight" | "tooBigGroup";
  };

export interface SuggestedAttendee {
  readonly address: string;
  readonly type: AttendeeType;
  readonly excludeConflicts?: boolean;
}

interface Opened {
  readonly right: FreeBusyRight;
  readonly seesPrivate: boolean;
  readonly appointments: readonly Appointment[];
  readonly workingHours: WorkingHours | undefined;
}

/** What everybody may see of a calendar whose owner said nothing: Exchange's own default. [MS-OXCPERM] 2.2.7 */
const defaultRights = folderRights.freeBusySimple;

export class FreeBusyService {
  readonly #mailboxes: Mailboxes;
  readonly #directory: FreeBusyDirectory;

  constructor(mailboxes: Mailboxes, directory: FreeBusyDirectory) {
    this.#mailboxes = mailboxes;
    this.#directory = directory;
  }

  /** Faults `invalidArgument` for a window or slots that are not answered, `tooMany`. [MS-OXWAVLS] 3.1.4.1 */
  async freeBusy(ctx: Ctx, asker: Principal, request: FreeBusyRequest): Promise<FreeBusyAnswer[]> {
    checkWindow(request.window);
    checkCount(request.addresses.length);
    const answers: FreeBusyAnswer[] = [];
    for (const address of request.addresses) answers.push(await this.#answer(ctx, asker, address, request));
    return answers;
  }

  async #answer(ctx: Ctx, asker: Principal, address: string, request: FreeBusyRequest): Promise<FreeBusyAnswer> {
    const resolution = await this.#directory.resolve(ctx, address);
    const { window, viewType, slotMinutes = slotMinutesDefault, digits, zone = utcZone } = request;
    const asked = { window, slotMinutes, viewType, ...(digits === undefined ? {} : { digits }) };
    if (resolution.kind === "mailbox") {
      const opened = await this.#open(ctx, asker, resolution.mailboxId, window, zone);
      const { right, seesPrivate, workingHours } = opened;
      if (right === "none") return { kind: "none", address, why: "noRight" };
      const view = freeBusyView(opened.appointments, { ...asked, right, seesPrivate });
      return { kind: "view", address, workingHours, view };
    }
    if (resolution.kind !== "group") {
      return { kind: "none", address, why: resolution.kind === "remote" ? "outside" : "unknown" };
    }
    const isTooBig = resolution.members.length > limits.freeBusyGroupMembersMax;
    if (isTooBig) return { kind: "none", address, why: "tooBigGroup" };
    const all: Appointment[] = [];
    for (const member of resolution.members) {
      if (member.kind !== "mailbox") continue;
      const { right, appointments } = await this.#open(ctx, asker, member.mailboxId, window, zone);
      if (right !== "none") all.push(...appointments);
    }
    return { kind: "group", address, view: freeBusyView(all, { ...asked, right: "timeOnly" }) };
  }

  async #open(ctx: Ctx, asker: Principal, mailboxId: MailboxId, window: Window, zone: Zone): Promise<Opened> {
    const calendar = await MeetingCalendar.open(ctx, this.#mailboxes, mailboxId);
    const { right, seesPrivate } = await this.#right(ctx, asker, calendar);
    if (right === "none") return { right, seesPrivate, appointments: [], workingHours: undefined };
    const workingHours = await workingHoursOf(ctx, calendar.items, calendar.folderId);
    const items = await calendar.between(ctx, window.fromUtcMs - dayMs, window.toUtcMs + dayMs);
    return { right, seesPrivate, workingHours, appointments: [...appointmentsOf(items, workingHours?.zone ?? zone)] };
  }

  /** [MS-OXCPERM] 2.2.7, [MS-OXWAVLS] 3.1.4.1 */
  async #right(
    ctx: Ctx, asker: Principal, calendar: MeetingCalendar,
  ): Promise<{ right: FreeBusyRight; seesPrivate: boolean }> {
    const { mailboxId } = calendar.mailbox;
    if (asker.entryId === 0 || asker.mailboxId === mailboxId) return { right: "full", seesPrivate: true };
    const standing = await this.#directory.mailboxStanding(ctx, asker.entryId as EntryId, mailboxId);
    const { right, selfAndGroups } = standing;
    const seesPrivate = standing.seesPrivate || right === "full" || right === "owner";
    if (right !== "none") return { right: "full", seesPrivate };
    const entries = await calendar.mailbox.permissions(ctx, calendar.folderId);
    const said = entries.some(({ memberId }) => memberId === 0) ? entries
      : [...entries, { memberId: 0, rights: defaultRights }];
    const bits = effectiveRights(said, { entryId: asker.entryId, selfAndGroups });
    return { right: rightOf(bits), seesPrivate };
  }

  /** Times for a meeting of the one who asks. Faults `invalidArgument`, `tooMany`. [MS-OXWAVLS] 3.1.4.1.3 */
  async suggest(
    ctx: Ctx, asker: Principal, attendees: readonly SuggestedAttendee[], options: SuggestionOptions,
  ): Promise<SuggestionDay[]> {
    checkCount(attendees.length);
    const people = [];
    let { workingHours } = options;
    for (const { address, type, excludeConflicts = false } of attendees) {
      const found = await this.#times(ctx, asker, address, options);
      if (type === "Organizer") workingHours ??= found.workingHours;
      people.push({ type, excludeConflicts, times: found.times });
    }
    return suggestTimes(people, { ...options, workingHours });
  }

  async #times(
    ctx: Ctx, asker: Principal, address: string, { window, zone }: SuggestionOptions,
  ): Promise<{ times: AttendeeTimes; workingHours: WorkingHours | undefined }> {
    const resolution = await this.#directory.resolve(ctx, address);
    const unknown = { times: { kind: "unknown" } as const, workingHours: undefined };
    const merged = ({ appointments, right }: Opened): readonly FreeBusyInterval[] => (right === "none"
      ? [{ startUtcMs: window.fromUtcMs, endUtcMs: window.toUtcMs, state: "noData" as const }]
      : mergeIntervals(intervalsOf(appointments, window)));
    if (resolution.kind === "mailbox") {
      const opened = await this.#open(ctx, asker, resolution.mailboxId, window, zone);
      if (opened.right === "none") return unknown;
      return { times: { kind: "individual", intervals: merged(opened) }, workingHours: opened.workingHours };
    }
    if (resolution.kind !== "group") return unknown;
    if (resolution.members.length > limits.freeBusyGroupMembersMax) {
      return { times: { kind: "tooBigGroup" }, workingHours: undefined };
    }
    const members: (readonly FreeBusyInterval[])[] = [];
    for (const member of resolution.members) {
      if (member.kind !== "mailbox") continue;
      members.push(merged(await this.#open(ctx, asker, member.mailboxId, window, zone)));
    }
    return { times: { kind: "group", members }, workingHours: undefined };
  }
}

const dayMs = 86_400_000;

function rightOf(bits: number): FreeBusyRight {
  if ((bits & folderRights.readAny) !== 0) return "full";
  if ((bits & folderRights.freeBusyDetailed) !== 0) return "timeSubjectLocation";
  return (bits & folderRights.freeBusySimple) !== 0 ? "timeOnly" : "none";
}

function checkCount(count: number): void {
  if (count === 0 || count > limits.freeBusyAddressesMax) {
    throw new Fault("tooMany", `free/busy is told of 1 to ${limits.freeBusyAddressesMax} people at once`);
  }
}
