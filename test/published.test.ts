/**
 * Published calendars on a real server over HTTPS: what each detail tells and what none does, that private items stay
 * private, that a link can be renewed and revoked at once, that programs are told by tags when nothing changed, and
 * that search engines are kept away. An independent reader of iCalendar (ical.js) reads what is told.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import ICAL from "ical.js";
import { mustHere } from "./support/cli.ts";
import { domain, TestServer } from "./support/server.ts";

const alice = `alice@${domain}`;
const folder = mkdtempSync(join(tmpdir(), "outpost-published-"));
let server: TestServer;
const must = (words: readonly string[]): Promise<string> => mustHere(server.dataDir, words);

const dayMs = 86_400_000;
const today = Math.floor(Date.now() / dayMs) * dayMs;
const stamp = (dayOffset: number, time: string): string =>
  `${new Date(today + dayOffset * dayMs).toISOString().slice(0, 10).replaceAll("-", "")}${time}`;
const event = (uid: string, ...lines: string[]): string =>
  ["BEGIN:VEVENT", `UID:${uid}`, `DTSTAMP:${stamp(0, "T000000Z")}`, ...lines, "END:VEVENT"].join("\r\n");

const calendar = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//t//t//EN",
  event("dentist", `DTSTART:${stamp(1, "T090000Z")}`, `DTEND:${stamp(1, "T100000Z")}`, "SUMMARY:Dentist <b>",
    "LOCATION:Main Street 1", "DESCRIPTION:Bring the card"),
  event("secret", `DTSTART:${stamp(2, "T090000Z")}`, `DTEND:${stamp(2, "T100000Z")}`, "SUMMARY:Surprise party",
    "LOCATION:Cellar", "CLASS:PRIVATE"),
  event("standup", `DTSTART:${stamp(-3, "T080000Z")}`, `DTEND:${stamp(-3, "T081500Z")}`, "RRULE:FREQ=DAILY;COUNT=6",
    "SUMMARY:Standup", `ORGANIZER:mailto:${alice}`, "ATTENDEE:mailto:someone@partner.test"),
  event("holiday", `DTSTART;VALUE=DATE:${stamp(3, "")}`, `DTEND;VALUE=DATE:${stamp(5, "")}`, "SUMMARY:Holiday",
    "TRANSP:TRANSPARENT"),
  event("far", `DTSTART:${stamp(400, "T090000Z")}`, `DTEND:${stamp(400, "T100000Z")}`, "SUMMARY:Far away"),
  "END:VCALENDAR", ""].join("\r\n");

interface Link { id: number; ics: string; html: string }
interface Answer { status: number; headers: Record<string, string | string[] | undefined>; text: string }

async function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { pathname, search, port } = new URL(url);
  return await new Promise((resolve, reject) => {
    const request = httpsRequest({
      host: "127.0.0.1", port, path: pathname + search, ca: server.caPem, servername: "localhost",
      headers: { host: "localhost", ...headers },
    }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => { text += chunk; });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    request.on("error", reject);
    request.end();
  });
}

const publish = async (...words: string[]): Promise<Link> =>
  JSON.parse(await must(["calendar", "publish", alice, ...words, "--json"])) as Link;

function eventsOf(text: string): ICAL.Event[] {
  const root = new ICAL.Component(ICAL.parse(text) as unknown[]);
  return root.getAllSubcomponents("vevent").map((one) => new ICAL.Event(one));
}

before(async () => {
  server = await TestServer.start({ users: ["alice"], config: { outbound: { mode: "off" } } });
  const file = join(folder, "calendar.ics");
  writeFileSync(file, calendar);
  await must(["import", alice, "--format", "ics", file]);
});
after(async () => {
  await server?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

test("availability tells when, and nothing else", async () => {
  const link = await publish();
  const { status, headers, text } = await get(link.ics);
  assert.equal(status, 200);
  assert.match(String(headers["content-type"]), /^text\/calendar/);
  assert.match(String(headers["x-robots-tag"]), /noindex/);
  const events = eventsOf(text);
  // Six of the series, the dentist, the private one; the holiday is free, the last one too far.
  assert.equal(events.length, 8);
  assert.deepEqual([...new Set(events.map(({ summary }) => summary))], ["Busy"]);
  for (const word of ["Dentist", "Street", "Surprise", "Standup", "partner.test", alice]) assert.ok(!text.includes(word), word);
  assert.equal(new Set(events.map(({ uid }) => uid)).size, 8);
});

test("limited tells subjects and places, full the words too; private ones keep theirs", async () => {
  const limited = await get((await publish("--detail", "limited")).ics);
  assert.match(limited.text, /SUMMARY:Dentist/);
  assert.match(limited.text, /LOCATION:Main Street 1/);
  assert.doesNotMatch(limited.text, /Bring the card|Surprise|Cellar|partner\.test/);
  assert.match(limited.text, /SUMMARY:Private appointment/);
  const full = await get((await publish("--detail", "full")).ics);
  assert.match(full.text, /DESCRIPTION:Bring the card/);
  assert.doesNotMatch(full.text, /Surprise|Cellar|partner\.test/);
  const holiday = eventsOf(full.text).find(({ summary }) => summary === "Holiday")!;
  assert.deepEqual([holiday.startDate.isDate, holiday.startDate.toString(), holiday.endDate.toString()],
    [true, new Date(today + 3 * dayMs).toISOString().slice(0, 10), new Date(today + 5 * dayMs).toISOString().slice(0, 10)]);
});

test("the window is what was asked for", async () => {
  const { text } = await get((await publish("--detail", "limited", "--past", "0", "--future", "400")).ics);
  assert.equal(eventsOf(text).filter(({ summary }) => summary === "Standup").length, 3);
  assert.match(text, /Far away/);
});

test("what did not change is not sent again, what changed is", async () => {
  const { ics } = await publish("--detail", "full");
  const first = await get(ics);
  const etag = String(first.headers["etag"]);
  assert.equal((await get(ics, { "if-none-match": etag })).status, 304);
  assert.equal((await get(ics, { "if-none-match": `"other", W/${etag}` })).status, 304);
  const file = join(folder, "more.ics");
  writeFileSync(file, ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//t//t//EN",
    event("new", `DTSTART:${stamp(1, "T120000Z")}`, `DTEND:${stamp(1, "T130000Z")}`, "SUMMARY:New one"),
    "END:VCALENDAR", ""].join("\r\n"));
  await must(["import", alice, "--format", "ics", file]);
  const second = await get(ics, { "if-none-match": etag });
  assert.equal(second.status, 200);
  assert.match(second.text, /New one/);
});

test("the page is HTML that runs nothing, and shows another month when asked", async () => {
  const { html } = await publish("--detail", "full");
  const page = await get(html);
  assert.equal(page.status, 200);
  assert.match(page.text, /Dentist &lt;b&gt;/);
  assert.doesNotMatch(page.text, /<script|Surprise/);
  assert.match(String(page.headers["content-security-policy"]), /default-src 'none'; style-src 'sha256-/);
  assert.match(page.text, /noindex/);
  const berlin = await get(`${html}?zone=Europe/Berlin`);
  assert.match(berlin.text, /Europe\/Berlin/);
  for (const bad of ["?month=2026-13", "?month=9999-01", "?zone=Nowhere", "?month=%00"]) {
    assert.equal((await get(html + bad)).status, 200, bad);
  }
});

test("links that are wrong, renewed or revoked are the same nothing", async () => {
  const link = await publish("--detail", "limited");
  const wrong = [
    link.ics.replace(/\d+-/, "999-"), link.ics.replace(/-[\w-]/, "-~"), link.ics.replace("calendar.ics", "other"),
    link.ics.replace(/-([\w-])/, (_, one: string) => `-${one === "A" ? "B" : "A"}`), `${new URL(link.ics).origin}/published/`,
  ];
  const said = new Set<string>();
  for (const url of wrong) {
    const { status, text } = await get(url);
    assert.equal(status, 404, url);
    said.add(text);
  }
  const renewed = JSON.parse(await must(["calendar", "rotate", alice, String(link.id), "--json"])) as Link;
  assert.notEqual(renewed.ics, link.ics);
  for (let tries = 0; tries < 15 && (await get(link.ics)).status !== 404; tries++) await new Promise((r) => setTimeout(r, 100));
  said.add((await get(link.ics)).text);
  assert.equal((await get(renewed.ics)).status, 200);
  await must(["calendar", "unpublish", alice, "--all"]);
  for (let tries = 0; tries < 15 && (await get(renewed.ics)).status !== 404; tries++) await new Promise((r) => setTimeout(r, 100));
  said.add((await get(renewed.ics)).text);
  assert.equal(said.size, 1);
  assert.equal(await must(["calendar", "list", alice]), "Nothing is published.\n");
});
