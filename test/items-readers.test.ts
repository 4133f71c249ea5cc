/**
 * Proves that programs that are not ours read what we write of every item of the collection: Python's email package
 * (without a single defect, the same subject, senders and attachments), vobject and icalendar of Debian (each event,
 * card and task), ical.js, tnef and ytnef (the attachments of each winmail.dat), olefile (each .msg without a fault).
 * A test whose program is missing is skipped by name.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import ICAL from "ical.js";
import { Fault, WireError } from "#base/fault.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import { parseComponents } from "#convert/ical/lines.ts";
import { calendarOf, readCalendarInto } from "#convert/ical/mime-plug.ts";
import { itemsOf } from "#convert/ical/test-kit.ts";
import { attachmentBytes, getProperty } from "#convert/item.ts";
import { attachMethods } from "#convert/mime/attachments-read.ts";
import { bytesOf, itemOf } from "#convert/mime/test-kit.ts";
import { readMsgItem, writeMsgItem } from "#convert/msg.ts";
import { readTnef, writeTnef } from "#convert/tnef.ts";
import { readTodos } from "#convert/todo/read.ts";
import { writeTodos } from "#convert/todo/write.ts";
import { readVcards } from "#convert/vcard/read.ts";
import { writeVcard } from "#convert/vcard/write.ts";
import { properties as p } from "#props/registry.ts";
import type { ItemBag } from "#convert/item.ts";
import { corpusMissing } from "./support/corpus.ts";
import { corpusFilesOf } from "./support/loss-table.ts";
import { programMissing } from "./support/programs.ts";

/** The first Python that has these modules. */
function pythonWith(module: string): string | undefined {
  return ["python3", "/usr/bin/python3"].find((one) => spawnSync(one, ["-c", `import ${module}`]).status === 0);
}

function pythonMissing(module: string, debianPackage: string): string | false {
  if (corpusMissing !== false) return corpusMissing;
  const isExpected = process.env["OUTPOST_EXPECT_CLIENTS"] === "1";
  return isExpected || pythonWith(module) !== undefined ? false : `needs Python's ${module}, Debian package ${debianPackage}`;
}

/** Writes files, has a program look at the folder, and gives what it prints. */
function shown(files: ReadonlyMap<string, Uint8Array | string>, look: (folder: string) => string): string {
  const folder = mkdtempSync(join(tmpdir(), "items-"));
  try {
    for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
    return look(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function python(module: string, script: string, folder: string): string {
  const run = spawnSync(pythonWith(module) ?? "python3", ["-c", script, folder],
    { encoding: "utf8", maxBuffer: 256 * 1024 * 1024, timeout: 120_000, env: { ...process.env, PYTHONUTF8: "1" } });
  assert.equal(run.status, 0, run.stderr.slice(-2000));
  return run.stdout;
}

const tokyo = ianaZone("Asia/Tokyo")!;

function outlookItems(): Map<string, ItemBag> {
  const found = new Map<string, ItemBag>();
  for (const { name, bytes } of corpusFilesOf("outlook")) {
    const item = /\.(?:msg|oft)$/.test(name) ? readMsgItem(bytes) : /\.(?:tnef|dat)$/.test(name) ? readTnef(bytes) : null;
    if (item !== null) found.set(name, item);
  }
  return found;
}

const emailScript = `
import email, email.policy, json, sys, os
out = {}
for name in sorted(os.listdir(sys.argv[1])):
    with open(os.path.join(sys.argv[1], name), "rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    defects, files, pending = [], 0, [(message, True)]
    while pending:
        part, own = pending.pop()
        # What stands inside a signature or an enclosed report is kept byte by byte, faults and all.
        inside = own and part.get_content_type() not in ("multipart/signed", "multipart/encrypted")
        if own:
            defects += [type(one).__name__ for one in part.defects]
            for field, value in part.items():
                defects += [field + " " + type(one).__name__ for one in getattr(value, "defects", [])]
        if part.is_multipart():
            whole = part.get_content_type() != "message/rfc822"
            pending += [(one, inside) for one in part.get_payload()]
        else:
            part.get_payload(decode=True)
            if own: defects += [type(one).__name__ for one in part.defects]
        if part.get_filename() is not None: files += 1
    out[name] = {"defects": sorted(set(defects)), "subject": str(message.get("subject", "")), "files": files,
                 "from": str(message.get("from", ""))}
print(json.dumps(out))
`;

interface SeenMail {
  readonly defects: readonly string[];
  readonly subject: string;
  readonly files: number;
  readonly from: string;
}

/** Defects that the reader sees in what is kept as it came, with the reason. */
const emailDefects: readonly (readonly [file: RegExp, defect: RegExp, why: string])[] = [
  [/./, /^Message-ID InvalidHeaderDefect$/, "a Message-ID is the sender's, even one without an @: answers name it"],
  [/2evil|raw_email11/, /^(?:Sender|To) InvalidHeaderDefect$/, "an address of the sender's own machine has no @"],
  [/utf8_headers|mail_test_12/, /^(?:From|To) (?:NonASCIILocalPart|UndecodableBytes)Defect$/,
    "addresses beyond ASCII stand as UTF-8, RFC 6532; this reader asks for RFC 5322"],
  [/rfc2046\.1/, /^MissingHeaderBodySeparatorDefect$/, "the second half of a message cut in two has no header of its own"],
  [/malformed_2/, /^StartBoundaryNotFoundDefect$/, "a returned header names a boundary; its body was not returned"],
];

suite("mail", () => {
  test("Python's email reads every message without a defect", { skip: pythonMissing("email", "python3") }, () => {
    const items = new Map([...corpusFilesOf("eml").map(({ name, bytes }) =>
      [`eml-${name}`, itemOf(bytes, { readCalendar: readCalendarInto })] as const), ...[...outlookItems()]
      .map(([name, item]) => [`outlook-${name}`, item] as const)]);
    const files = new Map([...items].map(([name, item]) =>
      [name, bytesOf(item, { includeBcc: true, includeUnsent: true, writeCalendar: calendarOf })]));
    const seen = JSON.parse(shown(files, (folder) => python("email", emailScript, folder))) as Record<string, SeenMail>;
    const problems: string[] = [];
    const squeezed = (text: string): string => text.replaceAll(/[\s\0]+/g, " ").trim();
    for (const [name, item] of items) {
      const { defects, subject } = seen[name]!;
      for (const defect of defects) {
        if (!emailDefects.some(([file, shape]) => file.test(name) && shape.test(defect))) problems.push(`${name}: ${defect}`);
      }
      const own = squeezed(getProperty(item, p.PidTagSubject) ?? "");
      if (squeezed(subject) !== own) problems.push(`${name}: subject "${subject}" instead of "${own}"`);
    }
    assert.deepEqual(problems, []);
  });
});

function eventTexts(): Map<string, { text: string; count: number }> {
  const found = new Map<string, { text: string; count: number }>();
  const add = (name: string, text: string): void => {
    const count = parseComponents(text).flatMap(({ components }) => components)
      .filter((one) => one.name !== "VTIMEZONE").length;
    if (count > 0) found.set(name, { text, count });
  };
  for (const { name, bytes } of corpusFilesOf("ics")) {
    try {
      const seen = new Set<string>();
      for (const [index, { method, objects }] of readCalendars(bytes.toString("utf8"), { zone: tokyo }).entries()) {
        const text = writeCalendar(itemsOf(objects), { zone: tokyo, method });
        // One file holds the same few calendars some sixty times.
        if (!seen.has(text)) add(`${index}-${name}`, text);
        seen.add(text);
      }
      add(`tasks-${name}`, writeTodos(readTodos(bytes, { zone: tokyo }).items, { zone: tokyo }));
    } catch (error) {
      if (!(error instanceof WireError) && !(error instanceof Fault)) throw error;
    }
  }
  for (const [name, item] of outlookItems()) {
    const messageClass = getProperty(item, p.PidTagMessageClass) ?? "";
    if (/^IPM\.Appointment/i.test(messageClass)) add(`outlook-${name}.ics`, writeCalendar([item], { zone: tokyo }));
    if (/^IPM\.(?:Task|StickyNote)/i.test(messageClass)) add(`outlook-${name}.ics`, writeTodos([item], { zone: tokyo }));
  }
  return found;
}

const icalendarScript = `
import icalendar, json, sys, os
out = {}
for name in sorted(os.listdir(sys.argv[1])):
    with open(os.path.join(sys.argv[1], name), "rb") as file: text = file.read()
    try:
        calendar = icalendar.Calendar.from_ical(text)
        parts = [one for one in calendar.subcomponents if one.name != "VTIMEZONE"]
        errors = [str(error) for one in calendar.walk() for error in getattr(one, "errors", [])]
        zones = [one.to_tz() is not None for one in calendar.walk("VTIMEZONE")]
        out[name] = {"count": len(parts), "errors": errors, "again": len(calendar.to_ical()) > 0}
    except Exception as error:
        out[name] = {"count": -1, "errors": [type(error).__name__ + ": " + str(error)]}
print(json.dumps(out))
`;

const vobjectScript = `
import vobject, json, sys, os, logging
logging.disable(logging.CRITICAL)
out = {}
for name in sorted(os.listdir(sys.argv[1])):
    with open(os.path.join(sys.argv[1], name), encoding="utf-8", newline="") as file: text = file.read()
    try:
        count = 0
        for one in vobject.readComponents(text):
            count += 1 if one.name == "VCARD" else len([part for part in one.getChildren()
                if part.name in ("VEVENT", "VTODO", "VJOURNAL")])
            one.serialize() if one.name == "VCARD" else None
        out[name] = {"count": count, "errors": []}
    except Exception as error:
        out[name] = {"count": -1, "errors": [type(error).__name__ + ": " + str(error)]}
print(json.dumps(out))
`;

interface SeenComponents {
  readonly count: number;
  readonly errors: readonly string[];
}

/** What a reader refuses though it is allowed, with the reason. */
const readerFaults: readonly (readonly [reader: string, file: RegExp, error: RegExp, why: string])[] = [
  ["icalendar", /./, /RRULE UNTIL values must be specified in UTC when DTSTART is timezone-aware/,
    "of a zone whose rules changed; icalendar 4 says it of the VTIMEZONE that RFC 5545 §3.6.5 shows, too"],
  ["icalendar", /./, /KeyError: 'RSCALE'|Error in recurrence rule: RSCALE=/, "icalendar 4 does not know RFC 7529"],
  ["icalendar", /2445AllExamples/, /Error in recurrence rule: FREQ=YEARLY;BYDAY=20MO$|BYDAY=20MO'\)$/,
    "icalendar 4 takes one digit before a weekday, RFC 5545 §3.3.10 two"],
  ["icalendar", /maritz/, /Invalid iCalendar duration: -P1W6DT15H/, "the trigger of an alarm stays as its writer had it"],
  ["icalendar", /libical-large/, /got: '19970901T1300Z'/, "a time without seconds stays a line as it came"],
  ["vobject", /libical-large/, /'19970901T1300Z' is not a valid DATE-TIME/, "a time without seconds stays a line as it came"],
];

function checkSeen(
  reader: string, seen: Readonly<Record<string, SeenComponents>>, counts: ReadonlyMap<string, number>,
): void {
  const problems: string[] = [];
  for (const [name, count] of counts) {
    const { errors, count: found } = seen[name]!;
    const left = errors.filter((error) =>
      !readerFaults.some(([who, file, shape]) => who === reader && file.test(name) && shape.test(error)));
    problems.push(...left.map((error) => `${name}: ${error.slice(0, 200)}`));
    if (errors.length === 0 && found !== count) problems.push(`${name}: ${found} instead of ${count}`);
  }
  assert.deepEqual(problems, []);
}

suite("calendars", () => {
  const skipIcalendar = pythonMissing("icalendar", "python3-icalendar");
  test("Python's icalendar reads every event, task and note", { skip: skipIcalendar }, () => {
    const texts = eventTexts();
    const files = new Map([...texts].map(([name, { text }]) => [name, text]));
    const seen = JSON.parse(shown(files, (folder) => python("icalendar", icalendarScript, folder))) as
      Record<string, SeenComponents>;
    checkSeen("icalendar", seen, new Map([...texts].map(([name, { count }]) => [name, count])));
  });

  test("vobject reads them too", { skip: pythonMissing("vobject", "python3-vobject") }, () => {
    const texts = eventTexts();
    const files = new Map([...texts].map(([name, { text }]) => [name, text]));
    const seen = JSON.parse(shown(files, (folder) => python("vobject", vobjectScript, folder))) as
      Record<string, SeenComponents>;
    checkSeen("vobject", seen, new Map([...texts].map(([name, { count }]) => [name, count])));
  });

  test("ical.js reads them too", { skip: corpusMissing }, () => {
    for (const [name, { text, count }] of eventTexts()) {
      const parsed = new ICAL.Component(ICAL.parse(text) as ConstructorParameters<typeof ICAL.Component>[0]);
      const found = parsed.getAllSubcomponents().filter((one) => one.name !== "vtimezone");
      assert.equal(found.length, count, name);
      for (const event of found.filter((one) => one.getFirstProperty("dtstart") !== null)) {
        if (event.name === "vevent") assert.ok(new ICAL.Event(event).startDate.toUnixTime() !== 0, name);
      }
    }
  });
});

suite("cards", () => {
  test("vobject reads every card, 3.0 and 4.0", { skip: pythonMissing("vobject", "python3-vobject") }, () => {
    const files = new Map<string, string>();
    const cards = corpusFilesOf("vcf").flatMap(({ name, bytes }) => readVcards(bytes).cards.map(({ item }, index) =>
      [`${index}-${name}`, item] as const));
    const contacts = [...outlookItems()].filter(([, item]) =>
      /^IPM\.(?:Contact|DistList)/i.test(getProperty(item, p.PidTagMessageClass) ?? ""));
    for (const [name, item] of [...cards, ...contacts]) {
      for (const version of ["3.0", "4.0"] as const) files.set(`${version}-${name}`, writeVcard(item, { version }));
    }
    const seen = JSON.parse(shown(files, (folder) => python("vobject", vobjectScript, folder))) as
      Record<string, SeenComponents>;
    checkSeen("vobject", seen, new Map([...files.keys()].map((name) => [name, 1])));
  });
});

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Digests of the files attached to an item by value; a program gives files of one name one of them only. */
function attachedFiles(item: ItemBag): string[] {
  return item.attachments.filter((one) => one.embedded === undefined &&
    (getProperty(one, p.PidTagAttachMethod) ?? attachMethods.byValue) === attachMethods.byValue)
    .map((one) => hashOf(attachmentBytes(one)));
}

suite("files of Outlook", () => {
  const tools: readonly (readonly [program: string, debianPackage: string, args: (file: string, to: string) => string[]])[] = [
    ["tnef", "tnef", (file, to) => ["-C", to, "--number-backups", "-f", file]],
    ["ytnef", "ytnef-tools", (file, to) => ["-f", to, file]],
  ];
  for (const [program, debianPackage, args] of tools) {
    const skip = corpusMissing === false ? programMissing(program, debianPackage) : corpusMissing;
    test(`${program} takes the attachments out of every winmail.dat`, { skip }, () => {
      for (const [name, item] of outlookItems()) {
        // What has no name cannot be written to a disk.
        const isNamed = item.attachments.every((one) => one.embedded !== undefined ||
          (getProperty(one, p.PidTagAttachLongFilename) ?? getProperty(one, p.PidTagAttachFilename) ?? "") !== "");
        // One stops at a property of an id and type that none has, the other at an empty file.
        const isPlain = program === "tnef" ? !/clusterfuzz|unknown_properties/.test(name)
          : item.attachments.every((one) => one.embedded !== undefined || attachmentBytes(one).length > 0);
        if (!isNamed || !isPlain) continue;
        shown(new Map([["winmail.dat", writeTnef(item)]]), (folder) => {
          const to = join(folder, "out");
          mkdirSync(to);
          const run = spawnSync(program, args(join(folder, "winmail.dat"), to), { encoding: "latin1", timeout: 30_000 });
          assert.equal(run.status, 0, `${name}: ${run.stderr}`);
          const found = readdirSync(to).map((one) => hashOf(readFileSync(join(to, one))));
          const lost = attachedFiles(item).filter((one) => !found.includes(one));
          assert.deepEqual(lost, [], `${name}: ${readdirSync(to).join()}`);
          return "";
        });
      }
    });
  }

  const script = "import olefile, sys, os\n" +
    "for name in sorted(os.listdir(sys.argv[1])):\n" +
    "  file = olefile.OleFileIO(os.path.join(sys.argv[1], name), raise_defects=olefile.DEFECT_INCORRECT)\n" +
    "  streams = file.listdir()\n" +
    "  size = sum(len(file.openstream(one).read()) for one in streams)\n" +
    "  print(name, len(file.parsing_issues), ['__properties_version1.0'] in streams, size > 0)\n";
  test("olefile finds no fault in any .msg", { skip: pythonMissing("olefile", "python3-olefile") }, () => {
    const files = new Map([...outlookItems()].map(([name, item]) => [name, writeMsgItem(item)]));
    const lines = shown(files, (folder) => python("olefile", script, folder)).trim().split("\n");
    assert.equal(lines.length, files.size);
    for (const line of lines) assert.match(line, / 0 True True$/);
  });
});
