/**
 * Proves the expansion against another one, ical.js: all rules of the corpus and some hundred random ones in 40 zones
 * (x.long.test.ts: 20,000). Every way in which the two may differ has a name and a reason; any other fails.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { WireError } from "#base/fault.ts";
import { compare, differences, loadIcal, randomFrom, sampleRule, theirsBy } from "#calendar/recurrence/test-kit.ts";
import type { Comparison } from "#calendar/recurrence/test-kit.ts";
import { refusalReasons } from "#calendar/recurrence/rule-pattern.ts";
import { parseRuleTime } from "#calendar/zones/rule-text.ts";
import { splitContentLine } from "#format/content-lines.ts";
import { readVtimezone } from "#calendar/zones/vtimezone-read.ts";

const corpus = `${process.env["OUTPOST_CORPUS"] ?? "../shared/corpus"}/ics`;
const ICAL = await loadIcal();
const noIcal = ICAL === undefined ? "ical.js is not installed" : false;
const noCorpus = existsSync(corpus) ? noIcal : "the corpus is missing";

function count(counts: Map<string, number>, comparison: Comparison): void {
  const { kind } = comparison;
  const name = kind === "refused" ? comparison.reason : kind === "different" ? comparison.name : kind;
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

test("some hundred random rules agree", { skip: noIcal }, () => {
  const theirs = theirsBy(ICAL!);
  const random = randomFrom(20_261_122);
  const counts = new Map<string, number>();
  for (let index = 0; index < 250; index++) {
    const sample = sampleRule(random);
    const comparison = compare(sample, theirs, 12);
    if (comparison.kind === "unexplained") assert.equal(comparison.ours, comparison.theirs, JSON.stringify(sample));
    count(counts, comparison);
  }
  assert.ok(counts.get("same")! > 150, JSON.stringify([...counts]));
});

const unfold = (text: string): string[] => text.replaceAll(/\r?\n[ \t]/g, "").split(/\r?\n/);
const files = noCorpus === false ? readdirSync(corpus).filter((name) => name.endsWith(".ics")).sort() : [];

/** RRULE and DTSTART of each component of the corpus. */
function rulesOf(lines: readonly string[]): { rule: string; start: string }[] {
  const open: { rules: string[]; start: string }[] = [];
  const found: { rule: string; start: string }[] = [];
  for (const text of lines) {
    if (!/^(BEGIN|END|RRULE|DTSTART)[;:]/i.test(text) || !text.includes(":")) continue;
    const { name, value } = splitContentLine(text);
    if (name === "BEGIN") open.push({ rules: [], start: "" });
    if (name === "RRULE") open.at(-1)?.rules.push(value.trim());
    if (name === "DTSTART" && open.length > 0) open.at(-1)!.start = value.trim();
    if (name === "END") {
      const ended = open.pop();
      for (const rule of ended?.rules ?? []) found.push({ rule, start: ended!.start });
    }
  }
  return found;
}

/** Rules of the corpus that ical.js reads in its own way, and what is wrong with them. */
const ownReading: Readonly<Record<string, string>> = {};

test("all rules of the corpus agree, or are refused by name", { skip: noCorpus }, () => {
  const theirs = theirsBy(ICAL!);
  const seen = new Set<string>();
  const counts = new Map<string, number>();
  for (const file of files) {
    for (const { rule, start } of rulesOf(unfold(readFileSync(`${corpus}/${file}`, "utf8")))) {
      if (seen.has(`${start} ${rule}`)) continue;
      seen.add(`${start} ${rule}`);
      let local: number;
      try {
        local = parseRuleTime(start).local;
      } catch (error) {
        assert.ok(error instanceof WireError, `${file}: ${start}`);
        continue;
      }
      const comparison = compare({ rule, start: local, zoneName: "Europe/Berlin" }, theirs, 30);
      count(counts, comparison);
      if (comparison.kind === "unexplained" && ownReading[rule] === undefined) {
        assert.equal(comparison.ours, comparison.theirs, `${file}: ${start} ${rule}`);
      }
    }
  }
  const known = new Set(["same", ...Object.keys(refusalReasons), ...Object.keys(differences)]);
  for (const name of counts.keys()) assert.ok(known.has(name), name);
  assert.ok(counts.get("same")! > 100, JSON.stringify([...counts]));
});

test("all VTIMEZONEs of the corpus mean the same offsets", { skip: noCorpus }, () => {
  let zones = 0;
  const odd: string[] = [];
  const broken: string[] = [];
  for (const file of files) {
    const blocks = unfold(readFileSync(`${corpus}/${file}`, "utf8")).join("\n").match(/BEGIN:VTIMEZONE[^]*?END:VTIMEZONE/g);
    for (const block of blocks ?? []) {
      let read: ReturnType<typeof readVtimezone>;
      try {
        read = readVtimezone(block.split("\n"));
      } catch (error) {
        assert.ok(error instanceof WireError, `${file}: ${String(error)}`);
        broken.push(`${file}: ${error.message}`);
        continue;
      }
      // Where a part has RDATE, ical.js leaves out its DTSTART, which RFC 5545 §3.6.5 counts as the first onset.
      const leavesOut = block.split("END:").some((part) => {
        const start = /DTSTART[^:]*:(\S+)/.exec(part)?.[1];
        return part.includes("\nRDATE") && !part.includes(`RDATE:${start}`);
      });
      if (leavesOut) continue;
      zones++;
      const theirs = new ICAL!.Timezone({ component: new ICAL!.Component(ICAL!.parse(block)), tzid: read.id });
      // Before the first change ical.js knows no offset and takes UTC; the part's TZOFFSETFROM is what was told.
      const firstYear = Math.min(...[...block.matchAll(/DTSTART[^:]*:(\d{4})/g)].map((match) => Number(match[1])));
      for (const year of [1995, 2006, 2021]) {
        if (firstYear >= year) continue;
        for (let day = 1; day < 365; day += 23) {
          const at = ICAL!.Time.fromData({ year, month: 1, day, hour: 12, minute: 0, second: 0 }, theirs);
          const local = Date.UTC(year, 0, day, 12);
          const offset = (local - read.zone.localMsToUtc(local)) / 1000;
          if (offset !== theirs.utcOffset(at)) {
            odd.push(`${file}: ${read.id} ${year} day ${day}: ${offset} and ${theirs.utcOffset(at)}`);
            break;
          }
        }
      }
    }
  }
  assert.deepEqual(odd, []);
  assert.ok(zones > 50, `${zones} zones`);
  assert.ok(broken.length < 12, broken.join("\n"));
});
