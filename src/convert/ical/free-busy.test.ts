/**
 * Proves that VFREEBUSY is read from the files of the corpus and from broken text without anything but a WireError, and
 * that what is read is written and read again to the same. Meanings are tested with the calendar's free/busy room.
 */
import { strict as assert } from "node:assert";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { readFreeBusy, writeFreeBusy } from "#convert/ical/free-busy.ts";
import { corpusFolder, corpusMissing } from "../../../test/support/corpus.ts";

/** Objects and periods of each file; a VFREEBUSY that stands between two VCALENDARs, or in another component, is none. */
const expected: Readonly<Record<string, string>> = {
  "horde-ical-vfreebusy1.ics": "1 objects, 2 periods", "horde-ical-vfreebusy2.ics": "1 objects, 2 periods",
  "libical-incoming.ics": "1 objects, 7 periods", "libical-issue252.ics": "0 objects, 0 periods",
  "libical-large.ics": "1 objects, 3 periods", "libical-rfc2446.ics": "1 objects, 7 periods",
  "nc-calendar-explicitFreeSlot.ics": "1 objects, 1 periods", "nc-calendar-multipleAttendees.ics": "1 objects, 1 periods",
};

test("the files of the corpus", { skip: corpusMissing }, () => {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(corpusFolder, "ics")).filter((one) => one.endsWith(".ics"))) {
    const text = readFileSync(join(corpusFolder, "ics", name), "utf8");
    if (!/BEGIN:VFREEBUSY/i.test(text)) continue;
    try {
      const { method, objects } = readFreeBusy(text);
      const periods = objects.reduce((sum, one) => sum + one.periods.length, 0);
      found[name] = `${objects.length} objects, ${periods} periods`;
      const again = readFreeBusy(writeFreeBusy(objects, { method, stampUtcMs: 0 }));
      const addresses = (list: typeof objects): unknown => list.map((one) => ({
        ...one, organizer: one.organizer?.address.replace(/^mailto:/i, ""), attendees: one.attendees.length,
      }));
      assert.deepEqual(addresses(again.objects), addresses(objects), name);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      found[name] = error.message;
    }
  }
  assert.deepEqual(found, expected);
});

test("any text gives objects or a WireError", () => {
  const word = fc.constantFrom(
    "FREEBUSY", ";FBTYPE=", "BUSY-TENTATIVE", ":", "19980101T180000Z", "/", "PT1H", "-P9999D", ",", "\r\n", ";TZID=X",
    "DTSTART", "DTEND", "ATTENDEE", "mailto:a@b", "END:VFREEBUSY", "BEGIN:VFREEBUSY", "99999999T999999Z", "\\", "\"",
  );
  fc.assert(fc.property(fc.array(word, { maxLength: 40 }), (words) => {
    const text = `BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\n${words.join("")}\r\nEND:VFREEBUSY\r\nEND:VCALENDAR\r\n`;
    try {
      const { objects } = readFreeBusy(text);
      assert.ok(objects.every(({ periods }) => periods.every((one) => one.endUtcMs > one.startUtcMs)));
      readFreeBusy(writeFreeBusy(objects, { stampUtcMs: 0 }));
    } catch (error) {
      assert.ok(error instanceof WireError, String(error));
    }
  }), { numRuns: 500 });
});

test("what is bounded", () => {
  const line = `FREEBUSY:${"19980101T180000Z/PT1H,".repeat(50_001)}\r\n`;
  const text = (inner: string): string => `BEGIN:VCALENDAR\r\n${inner}END:VCALENDAR\r\n`;
  assert.throws(() => readFreeBusy(text(`BEGIN:VFREEBUSY\r\n${line}END:VFREEBUSY\r\n`)), WireError);
  assert.throws(() => readFreeBusy(text("BEGIN:VFREEBUSY\r\nEND:VFREEBUSY\r\n".repeat(1001))), WireError);
});
