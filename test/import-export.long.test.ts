/**
 * Proves that mail, calendars, contacts and Outlook files come in and go out through the command line as people use
 * it, beside a server that runs. What comes out is read by others: ical.js for iCalendar and vCard, Python's `mailbox`
 * and `email` for mail files, `pst-extractor` for what a data file holds. Files come from the corpus.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, before, test } from "node:test";
import ICAL from "ical.js";
import { simpleParser } from "mailparser";
import { PSTFile } from "pst-extractor";
import type { PSTFolder, PSTMessage } from "pst-extractor";
import { getProperty } from "#convert/item.ts";
import { fromFileTime } from "#convert/mime/times.ts";
import { readMsgItem } from "#convert/msg.ts";
import { properties as p } from "#props/registry.ts";
import { corpusFolder, corpusMessages, corpusMissing, hasLoneCr, withCrlf } from "./support/corpus.ts";
import { program, TestServer } from "./support/server.ts";
import type { Answer } from "./support/server.ts";

const scratch = mkdtempSync(join(tmpdir(), "outpost-transfer-"));
let server: TestServer;

before(async () => {
  server = await TestServer.start({ users: ["alice"] });
});
after(async () => {
  await server.mustCheckClean();
  assert.deepEqual(server.errors(), []);
  await server.dispose();
  rmSync(scratch, { recursive: true, force: true });
});

interface Result {
  readonly imported: number;
  readonly updated: number;
  readonly present: number;
  readonly older: number;
  readonly failed: number;
  readonly skipped: readonly { file: string; reason: string }[];
  readonly notes: readonly { file: string; reason: string }[];
  readonly losses: Readonly<Record<string, number>>;
}

let users = 0;

/** A mailbox of its own for each test. */
async function newUser(): Promise<string> {
  const address = `user${++users}@example.test`;
  await server.must(["user", "add", address, "--password", "secret"]);
  return address;
}

async function take(address: string, format: string, path: string, ...more: string[]): Promise<Result> {
  const { stdout, stderr } = await server.outpost(["import", address, "--format", format, path, "--json", ...more]);
  assert.ok(stdout.startsWith("{"), `import ${path} said: ${stderr}`);
  return JSON.parse(stdout) as Result;
}

function counts({ imported, updated, present, older, failed }: Result): number[] {
  return [imported, updated, present, older, failed];
}

async function give(address: string, format: string, path: string, ...more: string[]): Promise<string> {
  return await server.must(["export", address, "--format", format, path, ...more]);
}

async function refused(code: number, shape: RegExp, ...args: string[]): Promise<void> {
  const answer: Answer = await server.outpost(args);
  assert.equal(answer.code, code, `${args.join(" ")}: ${answer.stdout}${answer.stderr}`);
  assert.match(answer.stderr, shape);
}

async function folders(address: string): Promise<Record<string, number>> {
  const list = JSON.parse(await server.must(["folder", "list", address, "--json"])) as
    { path: string; messageCount: number }[];
  return Object.fromEntries(list.filter(({ messageCount }) => messageCount > 0).map((one) => [one.path, one.messageCount]));
}

function filesBelow(path: string): string[] {
  return readdirSync(path, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name)).sort();
}

/** The messages of the corpus as single files with folders, flags and keywords. */
function mailFolder(): { path: string; bodies: Map<string, Buffer> } {
  const path = join(scratch, "mail");
  const bodies = new Map<string, Buffer>();
  const lines: string[] = [];
  for (const [index, { name, bytes }] of corpusMessages().filter(({ bytes }) =>
    bytes.length > 0 && bytes.length < 200_000 && !hasLoneCr(bytes)).slice(0, 120).entries()) {
    const folder = join(path, index % 3 === 0 ? "Inbox" : index % 3 === 1 ? "Archive" : join("Projects", "v1.2"));
    mkdirSync(folder, { recursive: true });
    const file = `${index}.eml`;
    writeFileSync(join(folder, file), bytes);
    bodies.set(name, withCrlf(bytes));
    if (index % 3 === 0) lines.push(`${file}\t${index % 2 === 0 ? "FRS" : "S"}\tRed category\twork\n`);
  }
  writeFileSync(join(path, "Inbox", "flags.tsv"), lines.join(""));
  return { path, bodies };
}

const hasPython = ((): boolean => {
  try {
    execFileSync("python3", ["-c", "import mailbox, email"]);
    return true;
  } catch {
    return false;
  }
})();

test("mail goes out and comes in again with its folders, flags, keywords, dates and bytes", { skip: corpusMissing }, async () => {
  const address = await newUser();
  const { path, bodies } = mailFolder();
  const first = await take(address, "eml", path);
  assert.deepEqual(counts(first), [bodies.size, 0, 0, 0, 0]);
  assert.deepEqual(counts(await take(address, "eml", path)), [0, 0, bodies.size, 0, 0]);
  const out = (format: string): string => join(scratch, `out-${format}`);
  for (const format of ["eml", "mbox", "maildir"]) await give(address, format, out(format));
  const before = await folders(address);
  assert.deepEqual(Object.keys(before).sort(), ["Archive", "Inbox", "Projects/v1.2"]);
  const wanted = [...bodies.values()].map((bytes) => bytes.toString("latin1")).sort();
  const found = filesBelow(out("eml")).filter((file) => file.endsWith(".eml"));
  assert.deepEqual(found.map((file) => readFileSync(file, "latin1")).sort(), wanted);
  for (const format of ["eml", "mbox", "maildir"]) {
    const other = await newUser();
    assert.deepEqual(counts(await take(other, format, out(format))), [bodies.size, 0, 0, 0, 0], format);
    assert.deepEqual(await folders(other), before, format);
    const again = join(scratch, `again-${format}`);
    await give(other, "maildir", again);
    // Names of files hold date, UID, size and flags; the numbers differ by folder only.
    const marks = (root: string): string[] => filesBelow(root).map((file) => relative(root, file)).filter((file) =>
      file.includes(",S=")).map((file) => file.replace(/\.U\d+\./, ".").replace(/,S=\d+/, "")).sort();
    if (format !== "mbox") assert.deepEqual(marks(again), marks(out("maildir")), format);
    assert.equal(readFileSync(join(again, "dovecot-keywords"), "utf8"), "0 Red category\n1 work\n");
    assert.deepEqual(counts(await take(other, format, out(format))), [0, 0, bodies.size, 0, 0], format);
    assert.equal((await take(other, format, out(format), "--again")).imported, bodies.size);
  }
});

test("Python reads the exported mbox and Maildir as the same messages",
  { skip: corpusMissing || (hasPython ? false : "no python3") }, () => {
    const program = `
import mailbox, sys, os
total = {}
for root, _, files in os.walk(sys.argv[1]):
    for name in files:
        if name.endswith('.mbox'):
            box = mailbox.mbox(os.path.join(root, name))
            total['mbox'] = total.get('mbox', 0) + len(box)
            total['read'] = total.get('read', 0) + sum('R' in m.get_flags() for m in box)
            total['flagged'] = total.get('flagged', 0) + sum('F' in m.get_flags() for m in box)
box = mailbox.Maildir(sys.argv[2], factory=None, create=False)
boxes = [box] + [box.get_folder(n) for n in box.list_folders()]
total['maildir'] = sum(len(b) for b in boxes)
total['seen'] = sum('S' in m.get_flags() for b in boxes for m in b)
total['starred'] = sum('F' in m.get_flags() for b in boxes for m in b)
print(total['mbox'], total['read'], total['flagged'], total['maildir'], total['seen'], total['starred'])
`;
    const text = execFileSync("python3", ["-c", program, join(scratch, "out-mbox"), join(scratch, "out-maildir")]);
    const [mbox, read, flagged, maildir, seen, starred] = text.toString().trim().split(" ").map(Number);
    assert.ok(mbox! > 100);
    assert.equal(mbox, maildir);
    assert.equal(read, seen);
    assert.equal(flagged, starred);
    assert.ok(read! > flagged! && flagged! > 0);
  });

/** Every component of a file as ical.js understands it. */
function components(text: string, name: string): ICAL.Component[] {
  const roots = ICAL.parse(text) as unknown[];
  const list = (typeof roots[0] === "string" ? [roots] : roots) as (string | unknown[])[];
  return list.flatMap((jcal) => new ICAL.Component(jcal as never).getAllSubcomponents(name));
}

/** What a person would call the same event, whatever program wrote it. */
function meaningOf(event: ICAL.Component): string {
  const text = (name: string): string => String(event.getFirstPropertyValue(name) ?? "").replace(/\s+/g, " ").trim();
  const start = event.getFirstPropertyValue("dtstart") as ICAL.Time;
  const rule = event.getFirstPropertyValue("rrule") as ICAL.Recur | null;
  const when = start.isDate ? start.toString() : String(start.toUnixTime());
  return [text("uid").toUpperCase(), text("summary"), text("location"), when, rule === null ? "" : rule.freq,
    event.getFirstPropertyValue("recurrence-id") === null ? "" : "changed"].join(" | ");
}

test("calendars come in, are changed by newer files, and ical.js reads the same out of the export",
  { skip: corpusMissing }, async () => {
    const address = await newUser();
    const names = readdirSync(join(corpusFolder, "ics")).filter((name) => name.endsWith(".ics"));
    const source = join(scratch, "ics");
    mkdirSync(source);
    for (const name of names) copyFileSync(join(corpusFolder, "ics", name), join(source, name));
    const first = await take(address, "ics", source, "--zone", "Europe/Berlin");
    assert.ok(first.imported > 100, JSON.stringify(counts(first)));
    for (const { file, reason } of first.skipped) assert.ok(reason.length > 5, file);
    const once = await take(address, "ics", source, "--zone", "Europe/Berlin");
    assert.equal(once.imported, 0, "nothing is doubled");
    const one = join(scratch, "all.ics");
    await give(address, "ics", one, "--zone", "Europe/Berlin");
    await refused(1, /there already/, "export", address, "--format", "ics", one);
    const text = readFileSync(one, "utf8");
    const events = components(text, "vevent");
    assert.ok(events.length > 80);
    // Each zone that a line names stands in the file.
    const zones = new Set(components(text, "vtimezone").map((zone) => zone.getFirstPropertyValue("tzid")));
    for (const [, tzid] of text.replace(/\r\n[ \t]/g, "").matchAll(/^DT(?:START|END);TZID=("[^"]*"|[^:;]+)/gm)) {
      assert.ok(zones.has(tzid!.replaceAll("\"", "")), tzid);
    }
    const other = await newUser();
    const second = await take(other, "ics", one, "--zone", "Europe/Berlin");
    assert.equal(second.failed, 0, JSON.stringify(second.skipped));
    const two = join(scratch, "all-two.ics");
    await give(other, "ics", two, "--zone", "Europe/Berlin");
    // The corpus has a change of "this and all later ones" apart from its series; in one file they belong together.
    const others = (list: ICAL.Component[]): string[] =>
      list.map(meaningOf).filter((meaning) => !meaning.startsWith("GUID-1@HOST1.COM |")).sort();
    assert.deepEqual(others(components(readFileSync(two, "utf8"), "vevent")), others(events));
    await give(address, "ics", join(scratch, "each"), "--each");
    const each = filesBelow(join(scratch, "each"));
    assert.ok(each.length > 50);
    for (const file of each) ICAL.parse(readFileSync(file, "utf8"));
  });

test("series that no pattern tells come in whole, under their own rules", { skip: corpusMissing }, async () => {
  const address = await newUser();
  const result = await take(address, "ics", join(corpusFolder, "ics", "ccs-2445AllExamples.ics"));
  assert.equal(result.failed, 0, JSON.stringify(result.skipped));
  assert.deepEqual(result.notes, []);
  const out = join(scratch, "series.ics");
  await give(address, "ics", out);
  const uids = new Set(components(readFileSync(out, "utf8"), "vevent").map((one) => one.getFirstPropertyValue("uid")));
  const source = readFileSync(join(corpusFolder, "ics", "ccs-2445AllExamples.ics"), "utf8");
  assert.deepEqual([...uids].sort(), [...new Set([...source.matchAll(/^UID:(.*?)\r?$/gm)].map(([, uid]) => uid!))].sort());
});

const event = (lines: string): string => `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n${lines}END:VCALENDAR\r\n`;
const meeting = (sequence: number, modified: string, more: string): string => event(
  `BEGIN:VEVENT\r\nUID:one@x\r\nDTSTAMP:20260101T000000Z\r\nLAST-MODIFIED:${modified}\r\nSEQUENCE:${sequence}\r\n` +
  `DTSTART;TZID=Europe/Berlin:20260302T090000\r\nDTEND;TZID=Europe/Berlin:20260302T100000\r\n${more}END:VEVENT\r\n`);

test("of two versions of an appointment the newer one stays, whichever comes last", async () => {
  const address = await newUser();
  const steps: [string, string, number[]][] = [
    ["first", meeting(1, "20260101T000000Z", "SUMMARY:First\r\nLOCATION:Room 1\r\nCATEGORIES:Red\r\n"), [1, 0, 0, 0, 0]],
    ["the same", meeting(1, "20260101T000000Z", "SUMMARY:First\r\nLOCATION:Room 1\r\nCATEGORIES:Red\r\n"), [0, 0, 1, 0, 0]],
    ["older by sequence", meeting(0, "20260105T000000Z", "SUMMARY:Older\r\n"), [0, 0, 0, 1, 0]],
    ["older by time", meeting(1, "20251231T000000Z", "SUMMARY:Older\r\n"), [0, 0, 0, 1, 0]],
    ["newer by time", meeting(1, "20260102T000000Z", "SUMMARY:Second\r\nRRULE:FREQ=DAILY;COUNT=3\r\n"), [0, 1, 0, 0, 0]],
    ["newer by sequence", meeting(2, "20251231T000000Z", "SUMMARY:Third\r\n"), [0, 1, 0, 0, 0]],
    ["an answer", meeting(3, "20260103T000000Z", "SUMMARY:No\r\n").replace("PRODID:x", "PRODID:x\r\nMETHOD:CANCEL"), [0, 0, 0, 0, 1]],
    ["as it was sent", meeting(3, "20260103T000000Z", "SUMMARY:Fourth\r\n").replace("PRODID:x", "PRODID:x\r\nMETHOD:REQUEST"), [0, 1, 0, 0, 0]],
  ];
  for (const [name, text, expected] of steps) {
    const file = join(scratch, "versions.ics");
    writeFileSync(file, text);
    assert.deepEqual(counts(await take(address, "ics", file)), expected, name);
  }
  const out = join(scratch, "versions-out.ics");
  await give(address, "ics", out);
  const [only, ...rest] = components(readFileSync(out, "utf8"), "vevent");
  assert.equal(rest.length, 0);
  // What the older version said and the newer does not is gone.
  assert.deepEqual(["summary", "location", "categories", "rrule"].map((name) => only!.getFirstPropertyValue(name)),
    ["Fourth", null, null, null]);
});

test("tasks, notes and journal entries find their folders", async () => {
  const address = await newUser();
  const file = join(scratch, "todo.ics");
  writeFileSync(file, event("BEGIN:VTODO\r\nUID:t1\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Buy milk\r\nDUE;VALUE=DATE:20260301\r\n" +
    "END:VTODO\r\nBEGIN:VJOURNAL\r\nUID:j1\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:A note\r\nEND:VJOURNAL\r\n" +
    "BEGIN:VEVENT\r\nUID:e1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:20260301\r\nSUMMARY:Day\r\nEND:VEVENT\r\n"));
  assert.deepEqual(counts(await take(address, "ics", file)), [3, 0, 0, 0, 0]);
  assert.deepEqual(await folders(address), { Calendar: 1, Notes: 1, Tasks: 1 });
  assert.deepEqual(counts(await take(address, "ics", file)), [0, 0, 3, 0, 0]);
  assert.deepEqual(counts(await take(address, "ics", file, "--folder", "Calendar/Team")), [1, 0, 2, 0, 0]);
  assert.deepEqual(await folders(address), { "Calendar": 1, "Calendar/Team": 1, "Notes": 1, "Tasks": 1 });
  await refused(1, /holds no calendar/, "import", address, "--format", "ics", file, "--folder", "Inbox");
  await refused(1, /no time zone "Nowhere"/, "import", address, "--format", "ics", file, "--zone", "Nowhere");
  await refused(2, /--zone is for --format ics/, "import", address, "--format", "eml", file, "--zone", "UTC");
  const broken = join(scratch, "broken.ics");
  writeFileSync(broken, "no calendar at all");
  const answer = await server.outpost(["import", address, "--format", "ics", broken]);
  assert.deepEqual([answer.code, /Not imported: .*broken.ics: the text has no VCALENDAR/.test(answer.stdout)], [1, true]);
  // Written as mail for programs that know nothing else.
  await give(address, "eml", join(scratch, "as-mail"), "--folder", "Calendar");
  const [mail] = filesBelow(join(scratch, "as-mail"));
  assert.match(readFileSync(mail!, "utf8"), /BEGIN:VEVENT/);
});

test("contacts and lists come in, are changed by newer files, and go out in both versions", { skip: corpusMissing }, async () => {
  const address = await newUser();
  const source = join(corpusFolder, "vcf");
  const first = await take(address, "vcf", source);
  assert.ok(first.imported > 50, JSON.stringify(first));
  const once = await take(address, "vcf", source);
  assert.equal(once.imported, 0);
  for (const version of ["3", "4"]) {
    const path = join(scratch, `contacts-${version}.vcf`);
    await give(address, "vcf", path, "--vcard", version);
    const text = readFileSync(path, "utf8");
    const cards = text.split(/(?<=END:VCARD\r\n)/).filter((card) => card !== "");
    assert.ok(cards.length > 50);
    const names = cards.map((card) => String(new ICAL.Component(ICAL.parse(card) as never).getFirstPropertyValue("fn")));
    assert.ok(names.every((name) => name !== "null"));
    assert.ok(text.includes(`VERSION:${version}.0`) && !text.includes(`VERSION:${7 - Number(version)}.0`));
    assert.match(text, /^PHOTO/m);
    assert.match(text, version === "4" ? /^KIND:group/mi : /^X-ADDRESSBOOKSERVER-KIND:group/mi);
    // What was exported is found again, also what had no UID of its own.
    const back = await take(address, "vcf", path);
    assert.deepEqual([back.imported, back.failed], [0, 0], version);
    const other = await newUser();
    assert.equal((await take(other, "vcf", path)).imported, cards.length);
    const again = join(scratch, `contacts-again-${version}.vcf`);
    await give(other, "vcf", again, "--vcard", version);
    const names2 = readFileSync(again, "utf8").split(/(?<=END:VCARD\r\n)/).filter((card) => card !== "")
      .map((card) => String(new ICAL.Component(ICAL.parse(card) as never).getFirstPropertyValue("fn")));
    assert.deepEqual(names2.sort(), names.sort());
  }
  await refused(2, /--vcard is 3 or 4/, "export", address, "--format", "vcf", join(scratch, "x.vcf"), "--vcard", "5");
  await refused(1, /no folder for contacts/, "import", address, "--format", "vcf", source, "--folder", "Inbox");
});

test("single Outlook files go into the folder for their kind, and out again", { skip: corpusMissing }, async () => {
  const address = await newUser();
  const source = join(corpusFolder, "outlook");
  const first = await take(address, "msg", source);
  assert.ok(first.imported >= 25, JSON.stringify(first));
  const where = await folders(address);
  for (const name of ["Inbox", "Drafts", "Calendar", "Contacts", "Tasks", "Notes"]) assert.ok(where[name]! > 0, name);
  assert.equal((await take(address, "msg", source)).imported, 0);
  const tnef = await take(address, "tnef", source);
  assert.ok(tnef.imported >= 8, JSON.stringify(tnef));
  const out = join(scratch, "msg");
  await give(address, "msg", out);
  const written = filesBelow(out);
  assert.equal(written.length, first.imported + tnef.imported);
  const other = await newUser();
  const again = await take(other, "msg", out);
  assert.deepEqual([again.imported + again.updated + again.present, again.failed], [written.length, 0]);
  assert.deepEqual(await folders(other), await folders(address));
});

/** Every message of a data file as an independent program finds it, by folder: what a person sees of it. */
function pstMessages(path: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const visit = (folder: PSTFolder, at: string): void => {
    if (folder.contentCount > 0) {
      for (let child = folder.getNextChild(); child !== null; child = folder.getNextChild()) {
        const message = child as PSTMessage;
        found.set(at, [...found.get(at) ?? [], JSON.stringify([
          message.messageClass, message.subject, message.senderName, message.isRead, message.numberOfRecipients,
          message.numberOfAttachments, message.body.replace(/\s+/g, " ").slice(0, 200),
          message.messageDeliveryTime?.getTime() ?? 0,
        ])]);
      }
    }
    if (folder.hasSubfolders) {
      for (const inner of folder.getSubFolders()) visit(inner, `${at}/${inner.displayName}`);
    }
  };
  visit(new PSTFile(path).getRootFolder(), "");
  return found;
}

/** The same of an item that was exported as a file. */
function msgSummary(file: string): string {
  const item = readMsgItem(readFileSync(file));
  const time = getProperty(item, p.PidTagMessageDeliveryTime);
  return JSON.stringify([
    getProperty(item, p.PidTagMessageClass), getProperty(item, p.PidTagSubject) ?? "",
    getProperty(item, p.PidTagSenderName) ?? "", ((getProperty(item, p.PidTagMessageFlags) ?? 0) & 1) !== 0,
    item.recipients.length, item.attachments.length,
    (getProperty(item, p.PidTagBody) ?? "").replace(/\s+/g, " ").slice(0, 200),
    time === undefined ? 0 : fromFileTime(time),
  ]);
}

const dataFiles = corpusMissing === false
  ? readdirSync(join(corpusFolder, "outlook")).filter((name) => /\.[po]st$/.test(name)) : [];

/** What the other program cannot open (other passwords and older formats), with what was counted by hand. */
const unreadable: Readonly<Record<string, number>> = {
  "pst2john-2003_high-encryption_quickquick.pst": 36, "pst2john-97_outlook_pass12345.pst": 294,
  "pstsdk-pstsdk-sample2.pst": 1, "pstsdk-test_ansi.pst": 1,
};

for (const name of dataFiles) {
  test(`the data file ${name} comes in as another program reads it`, { skip: corpusMissing }, async () => {
    const address = await newUser();
    const path = join(corpusFolder, "outlook", name);
    const result = await take(address, "pst", path);
    assert.equal(result.failed, 0, JSON.stringify(result.skipped));
    const expected = unreadable[name] !== undefined ? []
      : [...pstMessages(path)].filter(([folder]) => /^\/(?:Top of |Root - Mailbox\/IPM_SUBTREE)/.test(folder));
    const total = unreadable[name] ?? expected.reduce((sum, [, messages]) => sum + messages.length, 0);
    const where = await folders(address);
    assert.equal(Object.values(where).reduce((sum, count) => sum + count, 0), total, JSON.stringify(where));
    assert.equal(result.imported, total);
    const once = await take(address, "pst", path);
    assert.deepEqual([once.imported, once.present], [0, total]);
    if (total === 0) return;
    const out = join(scratch, `pst-${name}`);
    await give(address, "msg", out);
    const files = filesBelow(out);
    assert.equal(files.length, total);
    if (unreadable[name] !== undefined) return;
    // Names of folders differ where they are special here; which messages are together does not.
    const groups = new Map<string, string[]>();
    for (const file of files) groups.set(dirname(file), [...groups.get(dirname(file)) ?? [], msgSummary(file)]);
    const sorted = (lists: Iterable<string[]>): string[][] =>
      [...lists].map((list) => [...list].sort()).sort((left, right) => (String(left) < String(right) ? -1 : 1));
    assert.deepEqual(sorted(groups.values()), sorted(expected.map(([, messages]) => messages)));
  });
}

test("mail of a data file is shown as MIME that another program reads", { skip: corpusMissing }, async () => {
  const address = await newUser();
  const path = join(corpusFolder, "outlook", "aspose-SampleOstFile.ost");
  await take(address, "pst", path);
  const out = join(scratch, "pst-as-mail");
  await give(address, "eml", out);
  const files = filesBelow(out).filter((file) => file.endsWith(".eml"));
  const found: string[] = [];
  for (const file of files) {
    const mail = await simpleParser(readFileSync(file));
    const names = mail.attachments.filter(({ contentType }) => contentType !== "text/calendar").length;
    found.push(JSON.stringify([mail.subject ?? "", mail.from?.text === undefined ? "" : "from", names > 0]));
  }
  const expected = [...pstMessages(path)].flatMap(([folder, messages]) => messages.map((text) => ({ folder, text })))
    .filter(({ folder, text }) => folder.startsWith("/Root - Mailbox/IPM_SUBTREE") && !/Calendar$/.test(folder) &&
      !text.startsWith('["IPM.Appointment'));
  // Appointments in Deleted Items are mail there, too.
  assert.equal(files.length, expected.length + 4);
  for (const { text } of expected) {
    const [, subject] = JSON.parse(text) as [string, string];
    assert.ok(found.some((one) => (JSON.parse(one) as [string])[0] === subject.trim()), subject);
  }
});

test("a damaged data file gives what is whole and names the rest", { skip: corpusMissing }, async () => {
  const whole = readFileSync(join(corpusFolder, "outlook", "aspose-Outlook_1.pst"));
  const seen = { imported: 0, failed: 0 };
  for (const [index, at] of [0.35, 0.5, 0.62, 0.9].entries()) {
    const path = join(scratch, `damaged-${index}.pst`);
    const bytes = Buffer.from(whole);
    bytes.fill(0xff, Math.floor(bytes.length * at), Math.floor(bytes.length * at) + 40_000);
    writeFileSync(path, bytes);
    const result = await take(await newUser(), "pst", path);
    seen.imported += result.imported;
    seen.failed += result.failed;
    for (const { reason } of result.skipped) assert.ok(reason.length > 3 && !reason.includes("should not"), reason);
  }
  assert.ok(seen.imported > 20 && seen.failed > 0, JSON.stringify(seen));
});

test("an import that is killed is simply given again", async () => {
  const address = await newUser();
  const path = join(scratch, "many.mbox");
  const messages = Array.from({ length: 3000 }, (_, index) => "From a@b Thu Jan  1 00:00:00 1970\n" +
    `Message-ID: <${index}@many>\nSubject: ${index}\n\n${"words and more words\n".repeat(30)}\n`);
  // Two that are the same stay two.
  writeFileSync(path, [...messages, messages[0]!].join(""));
  const args = [program, "import", address, "--format", "mbox", path, "--data", server.dataDir];
  const child = spawn(process.execPath, args, { stdio: "ignore" });
  const ended = once(child, "exit");
  for (let have = 0; have < 200; have = (await folders(address))["Inbox"] ?? 0) {
    assert.equal(child.exitCode, null, "it ended before it could be killed");
  }
  child.kill("SIGKILL");
  await ended;
  const before = (await folders(address))["Inbox"]!;
  assert.ok(before < 3001, String(before));
  const rest = await take(address, "mbox", path);
  assert.deepEqual([rest.imported, rest.present], [3001 - before, before]);
  assert.deepEqual(await folders(address), { Inbox: 3001 });
});

test("what cannot be done is refused with the next step", async () => {
  const address = await newUser();
  await refused(1, /can be read, not written: export mail with --format mbox/,
    "export", address, "--format", "pst", join(scratch, "x.pst"));
  await refused(2, /--format is one of eml, mbox, maildir, ics, vcf, msg, tnef, pst/,
    "export", address, "--format", "doc", scratch);
  await refused(1, /cannot be read/, "import", address, "--format", "pst", join(scratch, "none.pst"));
  await refused(1, /no mailbox nobody@example.test/, "import", "nobody@example.test", "--format", "ics", scratch);
  const wrong = join(scratch, "wrong.pst");
  writeFileSync(wrong, "this is no data file");
  const answer = await server.outpost(["import", address, "--format", "pst", wrong]);
  assert.equal(answer.code, 1);
  assert.match(answer.stdout, /Not imported: .*wrong.pst: the file ends too early/);
  await server.must(["user", "set", address, "--quota", "1M"]);
  const big = join(scratch, "big");
  mkdirSync(big);
  for (let index = 0; index < 30; index++) {
    writeFileSync(join(big, `${String(index).padStart(2, "0")}.eml`), `Message-ID: <${index}@x>\r\n\r\n${"x".repeat(70_000)}\r\n`);
  }
  await refused(1, /were taken in before; the same command goes on/, "import", address, "--format", "eml", big);
  await server.must(["user", "set", address, "--quota", "50M"]);
  const rest = await take(address, "eml", big);
  assert.deepEqual([rest.imported + rest.present, rest.imported > 0, rest.present > 0], [30, true, true]);
  assert.deepEqual(await folders(address), { Inbox: 30 });
  assert.ok(existsSync(big));
});
