/** Proves the dictionary stream by the sample of PidTagRoamingDictionary's documentation, a round trip, and bad rows. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import {
  calendarOptions, readRoamingDictionary, writeRoamingDictionary,
} from "#calendar/reminders/roaming-dictionary.ts";

const sample = `<?xml version="1.0"?>
<UserConfiguration>
<Info version="Outlook.12"/>
<Data> <e k="18-piAutoProcess" v="3-True"/>
<e k="18-piRemindDefault" v="9-15"/>
<e k="18-piReminderUpgradeTime" v="9-212864507"/>
<e k="18-OLPrefsVersion" v="9-1"/>
</Data>
</UserConfiguration>`;

test("the documented sample", () => {
  const { version, values } = readRoamingDictionary(sample);
  assert.equal(version, "Outlook.12");
  assert.deepEqual([...values], [
    ["piAutoProcess", true], ["piRemindDefault", 15], ["piReminderUpgradeTime", 212_864_507], ["OLPrefsVersion", 1],
  ]);
  assert.equal(values.get(calendarOptions.reminderDefaultMinutes), 15);
  assert.equal(writeRoamingDictionary({ version, values }).replace(/^<\?.*?\?>/, ""),
    sample.replace(/^<\?.*?\?>/, "").replaceAll(/>\s+</g, "><").trim()
      .replace("<UserConfiguration>", '<UserConfiguration xmlns="dictionary.xsd">'));
});

test("values of types that nobody knows stay as they are", () => {
  const text = sample.replace("9-15", "16-2026-11-23").replace("3-True", "3-Maybe");
  const read = readRoamingDictionary(text);
  assert.deepEqual(read.values.get("piRemindDefault"), { type: 16, text: "2026-11-23" });
  assert.deepEqual(read.values.get("piAutoProcess"), { type: 3, text: "Maybe" });
  assert.deepEqual(readRoamingDictionary(writeRoamingDictionary(read)), read);
});

test("any values go through the stream and back", () => {
  // Control characters have no way to be written in XML.
  const text = fc.string({ unit: "grapheme" }).map((one) => one.replaceAll(/[\x00-\x1f\ufffe\uffff]/g, "").toWellFormed());
  const value = fc.oneof(text, fc.boolean(), fc.integer());
  fc.assert(fc.property(fc.array(fc.tuple(text, value)), text, (entries, version) => {
    const dictionary = { version, values: new Map(entries) };
    assert.deepEqual(readRoamingDictionary(writeRoamingDictionary(dictionary)), dictionary);
  }), { numRuns: 100 });
});

for (const bad of ["", "hello", "<Root/>", sample.replace("18-piRemindDefault", "piRemindDefault"), sample.replace("9-15", "15"),
  sample.replace("<UserConfiguration>", '<!DOCTYPE a [<!ENTITY b "c">]><UserConfiguration>')]) {
  test(`no dictionary: ${bad.slice(0, 30)}`, () => assert.throws(() => readRoamingDictionary(bad), WireError));
}
