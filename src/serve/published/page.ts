/** The page of a published calendar: a month on a wide screen, a list of its days on a narrow one. RFC 9110 §8.3 */
import { createHash } from "node:crypto";
import type { PublishedEvent } from "#calendar/published/events.ts";
import { subjectText } from "#calendar/published/ical.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { Html, html } from "#net/page-html.ts";

const style = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5a6472; --line: #d4d9e0; --back: #f4f6f8; --card: #fff;
  --accent: #1a5fb4; --busy: #1a5fb4; --tentative: #8a6d00; --away: #8a3a9c; --free: #4a7c59 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #a3adba; --line: #3a424e; --back: #14181e;
  --card: #1d232b; --accent: #78aeed; --busy: #78aeed; --tentative: #d9b84a; --away: #d08be0; --free: #8fc7a2 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink); font: 1rem/1.45 system-ui, sans-serif }
main { max-width: 72rem; margin: 0 auto; padding: 1.25rem 1rem 3rem }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: baseline; justify-content: space-between;
  margin: 0 0 1rem }
h1 { font-size: 1.4rem; margin: 0; overflow-wrap: anywhere } h2 { font-size: 1.1rem; margin: 0 }
nav { display: flex; gap: .75rem; align-items: baseline; flex-wrap: wrap }
a { color: var(--accent) } nav .off { color: var(--soft) }
.hint { color: var(--soft); font-size: .9rem; margin: 1rem 0 0 }
.month { display: grid; grid-template-columns: repeat(7, minmax(0, 1fr)); gap: 1px; background: var(--line);
  border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; list-style: none; margin: 0; padding: 0 }
.head { background: var(--card); font-weight: 600; font-size: .85rem; padding: .35rem .5rem; color: var(--soft) }
.day { background: var(--card); min-height: 6.5rem; padding: .35rem .4rem }
.day.other { background: var(--back) } .day.other > .date { color: var(--soft) }
.date { font-size: .85rem; font-weight: 600 } .date .long { display: none }
.today > .date { display: inline-block; background: var(--accent); color: var(--card); border-radius: 1rem;
  padding: 0 .45rem }
.events { list-style: none; margin: .25rem 0 0; padding: 0 }
.event { border-left: 3px solid var(--busy); padding: .05rem 0 .05rem .4rem; margin: 0 0 .3rem; font-size: .85rem;
  overflow-wrap: anywhere }
.tentative { border-left-color: var(--tentative); border-left-style: dashed }
.outOfOffice { border-left-color: var(--away) }
.free, .workingElsewhere { border-left-color: var(--free) }
.event time { color: var(--soft); font-variant-numeric: tabular-nums } .event strong { font-weight: 600 }
.event small { display: block; color: var(--soft) } .event details { margin: 0 } summary { cursor: pointer }
.event p { white-space: pre-wrap; margin: .25rem 0 0; max-height: 16rem; overflow: auto }
@media (max-width: 46rem) { .month { display: block; background: none; border: 0 } .head, .day.empty, .day.other
  { display: none } .day { min-height: 0; border: 1px solid var(--line); border-radius: .5rem; margin: 0 0 .5rem;
  padding: .6rem .75rem } .date .long { display: inline } .date .short { display: none } .event { font-size: 1rem } }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
`;

/** What the page may do: nothing but show its own styles. */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${
  createHash("sha256").update(style).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const dayMs = 86_400_000;

/** Days since 1970, as a wall clock counts them. */
export type Day = number;

export const dayAt = (utcMs: number, zone: Zone): Day => Math.floor((utcMs + zone.offsetAt(utcMs)) / dayMs);
const dateOf = (day: Day): Date => new Date(day * dayMs);
const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" });
const monthName = format({ month: "long", year: "numeric" });
const longDay = format({ weekday: "long", day: "numeric", month: "long" });
const weekday = format({ weekday: "short" });

/** `2026-11`. */
export const monthOf = (day: Day): string => dateOf(day).toISOString().slice(0, 7);

/** The first days of a month and of the next one; null for what is no month. */
export function daysOfMonth(month: string): { first: Day; next: Day } | null {
  const match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month);
  if (match === null) return null;
  const [year, number] = [Number(match[1]), Number(match[2])];
  return { first: Date.UTC(year, number - 1, 1) / dayMs, next: Date.UTC(year, number, 1) / dayMs };
}

export interface PageRequest {
  readonly ownerName: string;
  readonly calendarName: string;
  readonly detail: string;
  readonly events: readonly PublishedEvent[];
  readonly zone: Zone;
  readonly month: string;
  /** First and last day that is told. */
  readonly from: Day;
  readonly to: Day;
  readonly today: Day;
  /** What links to other months keep. */
  readonly zoneQuery: string;
  readonly isCut: boolean;
}

/** RFC 9110 §8.3 */
export function publishedPage(request: PageRequest): string {
  const { ownerName, calendarName, month, zone, from, to, zoneQuery } = request;
  const { first, next } = daysOfMonth(month)!;
  const title = `${calendarName} – ${ownerName}`;
  const link = (day: Day, text: string): Html => (day < from || day > to
    ? html`<span class="off">${text}</span>` : html`<a href="?month=${monthOf(day)}${zoneQuery}">${text}</a>`);
  const monday = first - (dateOf(first).getUTCDay() + 6) % 7;
  const end = next + (8 - (dateOf(next).getUTCDay() || 7)) % 7;
  const byDay = eventsByDay(request, monday, end);
  const heads = Array.from({ length: 7 }, (_, index) =>
    html`<li class="head" aria-hidden="true">${weekday.format(dateOf(monday + index))}</li>`);
  const days = Array.from({ length: end - monday }, (_, index) => dayCell(request, monday + index, byDay, first, next));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow, noarchive">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body><main>
<header><h1>${title}</h1>
<nav aria-label="Months">${link(first - 1, "‹ Earlier")} <h2>${monthName.format(dateOf(first))}</h2>
${link(next, "Later ›")}</nav></header>
<ul class="month">${heads}${days}</ul>
<p class="hint">Times are those of ${zone.name}. ${request.isCut && "There is more than can be shown. "}
<a href="calendar.ics">Subscribe in a calendar program</a></p>
</main></body>
</html>
`.text;
}

function eventsByDay({ events, zone }: PageRequest, first: Day, end: Day): Map<Day, PublishedEvent[]> {
  const byDay = new Map<Day, PublishedEvent[]>();
  for (const event of events) {
    const last = dayAt(Math.max(event.startUtcMs, event.endUtcMs - 1), zone);
    for (let day = Math.max(first, dayAt(event.startUtcMs, zone)); day <= last && day < end; day++) {
      const list = byDay.get(day);
      if (list === undefined) byDay.set(day, [event]);
      else list.push(event);
    }
  }
  return byDay;
}

function dayCell(
  request: PageRequest, day: Day, byDay: ReadonlyMap<Day, PublishedEvent[]>, first: Day, next: Day,
): Html {
  const events = byDay.get(day) ?? [];
  const classes = ["day", ...day < first || day >= next ? ["other"] : [], ...day === request.today ? ["today"] : [],
    ...events.length === 0 ? ["empty"] : []];
  return html`<li class="${classes.join(" ")}"><span class="date"><span class="short">${
    dateOf(day).getUTCDate()}</span><span class="long">${longDay.format(dateOf(day))}</span></span>${
    events.length > 0 && html`<ul class="events">${events.map((event) => eventItem(request, event, day))}</ul>`}</li>
`;
}

function eventItem({ zone, detail }: PageRequest, event: PublishedEvent, day: Day): Html {
  const { startUtcMs, endUtcMs, isAllDay, state, location, description } = event;
  const clock = (utcMs: number): string => new Date(utcMs + zone.offsetAt(utcMs)).toISOString().slice(11, 16);
  const starts = dayAt(startUtcMs, zone) === day;
  const ends = dayAt(Math.max(startUtcMs, endUtcMs - 1), zone) === day;
  const from = starts ? clock(startUtcMs) : "…";
  const to = ends ? clock(endUtcMs) : "…";
  const time = isAllDay || (!starts && !ends) ? html`<time>All day</time>`
    : html`<time>${from}${startUtcMs === endUtcMs ? "" : `–${to}`}</time>`;
  const subject = subjectText(event, detail);
  const label = stateLabel(event, detail);
  const head = html`${time} <strong>${subject}</strong>`;
  return html`<li class="event ${state}">${description === "" ? head
    : html`<details><summary>${head}</summary><p>${description}</p></details>`}${
    location !== "" && html`<small>${location}</small>`}${label !== null && html`<small>${label}</small>`}</li>`;
}

const labels: Readonly<Record<string, string>> = {
  free: "Free", workingElsewhere: "Working elsewhere", tentative: "Tentative", outOfOffice: "Away",
};

/** Colours alone tell nobody anything: every state but busy is written out. */
function stateLabel({ state, subject }: PublishedEvent, detail: string): string | null {
  return detail === "availability" || subject === "" ? null : labels[state] ?? null;
}
