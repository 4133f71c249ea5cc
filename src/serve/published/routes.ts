/** Published calendars over HTTP, for whoever has the link: as iCalendar and as a page. RFC 9110 §9.3.1 */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { OpenPublished, PublishedCalendars, PublishedView } from "#calendar/desk/published.ts";
import { publishedIcal } from "#calendar/published/ical.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { sendBody, sendEmpty, sendPage, sendText } from "#net/http-answer.ts";
import { dayAt, daysOfMonth, monthOf, pagePolicy, publishedPage } from "#serve/published/page.ts";

const start = "/published/";
/** How often programs should look, and how long an answer counts as fresh. */
const refreshMinutes = 30;

/** RFC 9110 §9.3.1 */
export function publishedRoutes(calendars: PublishedCalendars): HttpRoute[] {
  const cache = new ViewCache(calendars);
  return [{ path: `${start}*`, methods: { GET: (request) => answer(request, calendars, cache) } }];
}

async function answer(request: HttpRequest, calendars: PublishedCalendars, cache: ViewCache): Promise<void> {
  const { response, path, ctx } = request;
  // Whoever has the link must not be found by search engines, nor tell it to pages that are linked to.
  response.setHeader("x-robots-tag", "noindex, nofollow, noarchive");
  response.setHeader("referrer-policy", "no-referrer");
  const match = /^(\d{1,15})-([\w-]{43})\/(calendar\.ics|calendar\.html|)$/i.exec(path.slice(start.length));
  const open = match === null ? null : await calendars.open(ctx, Number(match[1]), match[2]!);
  if (match === null || open === null) {
    return sendText(response, 404, "There is no such calendar, or it is not published any more.");
  }
  const isIcal = match[3]!.toLowerCase() === "calendar.ics";
  const zone = zoneAsked(request);
  const month = request.query.get("month");
  // A page without a month is that of today, which is part of the version.
  const etag = `"${open.version}${isIcal ? "" : `-${zone?.name ?? ""}-${month ?? ""}`.replaceAll(/[^\w-]/g, "_")}"`;
  response.setHeader("etag", etag);
  response.setHeader("cache-control", `private, max-age=${isIcal ? 300 : 60}, must-revalidate`);
  if (matches(request.incoming.headers["if-none-match"], etag)) return sendEmpty(response, 304);
  const view = await cache.view(ctx, open);
  if (isIcal) return sendIcal(request, open, view);
  sendPage(response, 200, pageOf(ctx, open, view, zone, month), pagePolicy);
}

/** A list of tags, weak ones too: what is told is the same. RFC 9110 §13.1.2 */
function matches(field: string | undefined, etag: string): boolean {
  if (field === undefined) return false;
  return field.trim() === "*" || field.slice(0, 8000).split(",").some((one) => one.trim().replace(/^W\//, "") === etag);
}

function zoneAsked({ query }: HttpRequest): Zone | null {
  const name = query.get("zone");
  return name === null || name.length > 64 ? null : ianaZone(name) ?? null;
}

function sendIcal({ ctx, response }: HttpRequest, open: OpenPublished, view: PublishedView): void {
  const { published: { detail }, owner, folder } = open;
  response.setHeader("content-disposition", 'inline; filename="calendar.ics"');
  const text = publishedIcal(view.events, detail, {
    name: `${folder.name} – ${owner.displayName}`, stampMs: ctx.system.nowMs(), zone: view.zone, uidOf: view.uidOf,
    refreshMinutes,
  });
  sendBody(response, 200, "text/calendar; charset=utf-8", text);
}

function pageOf(
  ctx: Ctx, open: OpenPublished, view: PublishedView, asked: Zone | null, month: string | null,
): string {
  const { published: { detail }, owner, folder, window } = open;
  const zone = asked ?? view.zone;
  const today = dayAt(ctx.system.nowMs(), zone);
  const [from, to] = [dayAt(window.fromUtcMs, zone), dayAt(window.toUtcMs - 1, zone)];
  const wanted = month === null ? null : daysOfMonth(month);
  // A month in which nothing is told is that of today.
  const shown = wanted === null || wanted.next <= from || wanted.first > to ? monthOf(today) : month!;
  return publishedPage({
    ownerName: owner.displayName, calendarName: folder.name, detail, events: view.events, zone, month: shown, from, to,
    today, isCut: view.isCut, zoneQuery: asked === null ? "" : `&zone=${encodeURIComponent(asked.name)}`,
  });
}

/** About the bytes that an event takes in memory. */
const eventBytes = 400;

/** Views by their version: many programs ask for the same again and again, and reading a calendar is work. */
class ViewCache {
  readonly #calendars: PublishedCalendars;
  readonly #views = new Map<string, { view: Promise<PublishedView>; sizeBytes: number }>();
  #sizeBytes = 0;

  constructor(calendars: PublishedCalendars) {
    this.#calendars = calendars;
  }

  async view(ctx: Ctx, open: OpenPublished): Promise<PublishedView> {
    const key = `${open.published.publishId} ${open.version}`;
    const known = this.#views.get(key);
    if (known !== undefined) return await known.view;
    const entry = { view: this.#calendars.view(ctx, open), sizeBytes: 0 };
    this.#views.set(key, entry);
    try {
      const view = await entry.view;
      entry.sizeBytes = view.events.reduce((sum, { subject, location, description }) =>
        sum + eventBytes + 2 * (subject.length + location.length + description.length), 0);
      this.#sizeBytes += entry.sizeBytes;
      this.#trim();
      return view;
    } catch (error) {
      if (this.#views.get(key) === entry) this.#views.delete(key);
      throw error;
    }
  }

  #trim(): void {
    for (const [key, { sizeBytes }] of this.#views) {
      if (this.#views.size <= limits.publishedCacheMax && this.#sizeBytes <= limits.publishedCacheMaxBytes) return;
      this.#views.delete(key);
      this.#sizeBytes -= sizeBytes;
    }
  }
}
