/**
 * Proves that contacts and vCards say the same: tables of lines and properties in both directions, every vCard of the
 * corpus read, written and read again with a list of what changes and why, ical.js as reader of what is written, and
 * random items and bytes.
 */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import ICAL from "ical.js";
import { Fault } from "#base/fault.ts";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { decodeOneOff, encodeOneOff } from "#convert/mime/one-off.ts";
import { emailFields, phoneFields, textFields } from "#convert/vcard/fields.ts";
import type { StringProperty } from "#convert/vcard/fields.ts";
import { readComponents } from "#convert/vcard/lines.ts";
import { membersOf, setMembers } from "#convert/vcard/members.ts";
import { readVcards } from "#convert/vcard/read.ts";
import { foldLine, formatLine } from "#convert/vcard/text.ts";
import { writeVcard, writeVcards } from "#convert/vcard/write.ts";
import { properties } from "#props/registry.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

type Jcard = ConstructorParameters<typeof ICAL.Component>[0];

const corpus = join(process.env["OUTPOST_CORPUS"] ?? "../shared/corpus", "vcf");
const p = properties;

const card = (version: string, ...lines: string[]): string =>
  ["BEGIN:VCARD", `VERSION:${version}`, ...lines, "END:VCARD", ""].join("\r\n");

function readOne(text: string | Uint8Array): ItemBag {
  const { cards } = readVcards(text);
  assert.equal(cards.length, 1);
  return cards[0]!.item;
}

/** Everything an item says, as text. */
function saidBy(item: ItemBag): unknown {
  const text = (_: string, value: unknown): unknown => typeof value === "bigint" ? String(value)
    : value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
  const named = [...item.named].filter(([key]) => !key.includes("OutpostKnownLines"))
    .map(([key, { value }]) => [key, value] as const).sort(([one], [other]) => (one < other ? -1 : 1));
  const bag = [...item.bag].sort(([one], [other]) => one - other);
  return JSON.parse(JSON.stringify(
    { bag, named, attachments: item.attachments.map((one) => [...one.bag]) }, (key, value: unknown) =>
      value instanceof Object && "type" in value && "data" in value ? text(key, Buffer.from(value.data as number[]))
        : text(key, value)));
}

const table: readonly (readonly [string, string, StringProperty, string])[] = [
  ["3.0", "N:Doe;John;Q.,R.;Dr.;Jr.", p.PidTagMiddleName, "Q. R."],
  ["3.0", "N:Doe;John;;Dr.;Jr.", p.PidTagDisplayNamePrefix, "Dr."],
  ["3.0", "N:Doe;John;;;Jr.", p.PidTagGeneration, "Jr."],
  ["2.1", "N;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:M=FCller;J=F6rg", p.PidTagSurname, "Müller"],
  ["2.1", "NOTE;ENCODING=QUOTED-PRINTABLE:one=0D=0A=\r\ntwo=3B", p.PidTagBody, "one\r\ntwo;"],
  ["3.0", "NOTE:one\\ntwo\\, \\;\\\\", p.PidTagBody, "one\r\ntwo, ;\\"],
  ["3.0", "ORG:Acme\\, Inc.;Sales;East", p.PidTagDepartmentName, "Sales;East"],
  ["3.0", "ORG:Acme\\, Inc.;Sales", p.PidTagCompanyName, "Acme, Inc."],
  ["3.0", "TEL;TYPE=WORK,VOICE:1", p.PidTagBusinessTelephoneNumber, "1"],
  ["2.1", "TEL;WORK;FAX:1", p.PidTagBusinessFaxNumber, "1"],
  ["3.0", "TEL;TYPE=fax,home:1", p.PidTagHomeFaxNumber, "1"],
  ["3.0", "TEL;TYPE=fax:1", p.PidTagPrimaryFaxNumber, "1"],
  ["4.0", 'TEL;VALUE=uri;TYPE="cell,text":tel:+1-2', p.PidTagMobileTelephoneNumber, "+1-2"],
  ["3.0", "TEL:1", p.PidTagOtherTelephoneNumber, "1"],
  ["3.0", "TEL;TYPE=pref:1", p.PidTagPrimaryTelephoneNumber, "1"],
  ["3.0", "X-MS-TEL;TYPE=CALLBACK:1", p.PidTagCallbackTelephoneNumber, "1"],
  ["3.0", "X-MS-TEL;TYPE=TTYTDD:1", p.PidTagTelecommunicationsDeviceForDeafTelephoneNumber, "1"],
  ["3.0", "ADR;TYPE=home:1;2;3;4;5;6;7", p.PidTagHomeAddressStreet, "2\r\n3"],
  ["3.0", "ADR;TYPE=work:1;2;3;4;5;6;7", p.PidTagOfficeLocation, "2"],
  ["3.0", "ADR;TYPE=work:;;3;4;5;6;7", p.PidLidWorkAddress, "3\r\n4, 5 6\r\n7"],
  ["3.0", "ADR;TYPE=work,pref:;;3;4;5;6;7", p.PidTagLocality, "4"],
  ["4.0", "RELATED;TYPE=spouse;VALUE=text:Ann", p.PidTagSpouseName, "Ann"],
  ["3.0", "a.X-ABRELATEDNAMES:Ann\r\na.X-ABLabel:_$!<Assistant>!$_", p.PidTagAssistant, "Ann"],
  ["3.0", "URL;TYPE=home:http\\://x", p.PidTagPersonalHomePage, "http://x"],
  ["4.0", "IMPP:xmpp:a@b", p.PidLidInstantMessagingAddress, "xmpp:a@b"],
  ["3.0", "X-MS-IMADDRESS:a@b", p.PidLidInstantMessagingAddress, "a@b"],
  ["3.0", "X-PHONETIC-LAST-NAME:やまだ", p.PidLidYomiLastName, "やまだ"],
  ["3.0", "N:Doe;John", p.PidLidFileUnder, "Doe, John"],
  ["3.0", "N:Doe;John\r\nX-EVOLUTION-FILE-AS:J D", p.PidLidFileUnder, "J D"],
  ["3.0", "EMAIL:a@b\r\nEMAIL;TYPE=pref:c@d", p.PidLidEmail1EmailAddress, "c@d"],
  ["4.0", "EMAIL;PREF=2:a@b\r\nEMAIL;PREF=1:c@d", p.PidLidEmail2EmailAddress, "a@b"],
  ["3.0", "HOBBY:chess", p.PidTagHobbies, "chess"],
];

test("each line fills its property, and writing it gives the line back", () => {
  for (const [version, lines, property, expected] of table) {
    const item = readOne(card(version, lines));
    assert.equal(getProperty(item, property), expected, lines);
    for (const to of ["3.0", "4.0"] as const) {
      assert.equal(getProperty(readOne(writeVcard(item, { version: to })), property), expected, `${lines} in ${to}`);
    }
  }
});

test("what has no property or no room stays as it was", () => {
  const rows: readonly (readonly [string, ...string[]])[] = [
    ["3.0", "GEO:37.386013;-122.082932", "TZ:-05:00", "X-SKYPE;TYPE=home:me", "item1.X-ABLabel:Own"],
    ["3.0", "TEL;TYPE=home:1", "TEL;TYPE=home:2", "TEL;TYPE=home:3"],
    ["3.0", "EMAIL;TYPE=home:1@x", "EMAIL;TYPE=work:2@x", "EMAIL:3@x", "a.EMAIL:4@x"],
    ["4.0", "ADR;TYPE=home:;;1;;;;", "ADR;TYPE=home:;;2;;;;", "PHOTO:http://x/y.jpg", "BDAY;VALUE=text:circa 1800"],
    ["4.0", "BDAY:1953-10", "X-ODD;P=\"a,b;c:d\":v", "GENDER:O;other", "RELATED;TYPE=friend:urn:uuid:1"],
    ["3.0", "BDAY;VALUE=DATE:1953-10-15", "REV:2020-01-02T03:04:05Z", "item1.URL;type=pref:http\\://x"],
  ];
  for (const [version, ...lines] of rows) {
    const written = writeVcard(readOne(card(version, ...lines)), { version: version === "4.0" ? "4.0" : "3.0" });
    const found = written.split("\r\n");
    for (const one of lines) {
      assert.ok(found.some((other) => other.toLowerCase() === one.toLowerCase()), `${one}\n${written}`);
    }
  }
});

test("a changed property is written anew", () => {
  const item = readOne(card("3.0", "x.TEL;TYPE=home,video:1", "BDAY:19800102"));
  setProperty(item, p.PidTagHomeTelephoneNumber, "2");
  const written = writeVcard(item, { version: "3.0" });
  assert.match(written, /^TEL;TYPE=home,voice:2\r$/m);
  assert.match(written, /^BDAY:19800102\r$/m);
});

test("e-mail addresses have their one-off EntryIDs and are counted", () => {
  const item = readOne(card("3.0", "FN:Bob", "EMAIL:b@x", "EMAIL:c@x", "TEL;TYPE=work,fax:9"));
  assert.deepEqual(getProperty(item, p.PidLidAddressBookProviderEmailList), [0, 1, 3]);
  assert.equal(getProperty(item, p.PidLidAddressBookProviderArrayType), 0b1011);
  const entryId = getProperty(item, emailFields[1].entryId);
  assert.deepEqual(decodeOneOff(entryId!), { name: "Bob", addressType: "SMTP", address: "c@x" });
  assert.equal(getProperty(item, p.PidLidEmail1DisplayName), "Bob (b@x)");
});

test("days stay days: 11:59 UTC, midnight of no zone, midnight of any zone", () => {
  const item = readOne(card("4.0", "BDAY:19800321", "ANNIVERSARY:20120801"));
  const day = 138_506n * 864_000_000_000n;
  assert.equal(getProperty(item, p.PidLidBirthdayLocal), day);
  assert.equal(getProperty(item, p.PidTagBirthday), day + 431_400_000_000n);
  const other = newItem();
  for (const [minutes, expected] of [
    [-60, "0321"], [0, "0321"], [719, "0321"], [-719, "0321"], [721, "0322"],
  ] as const) {
    setProperty(other, p.PidTagBirthday, day + BigInt(minutes) * 600_000_000n);
    assert.match(writeVcard(other, { version: "4.0" }), new RegExp(`^BDAY:1980${expected}\r$`, "m"));
  }
  // Far from UTC the nearest midnight is the wrong one; the local day is not.
  setProperty(other, p.PidLidBirthdayLocal, day);
  assert.match(writeVcard(other, { version: "4.0" }), /^BDAY:19800321\r$/m);
  const yearless = readOne(card("4.0", "BDAY:--0229"));
  assert.match(writeVcard(yearless, { version: "4.0" }), /^BDAY:--0229\r$/m);
  assert.match(writeVcard(yearless, { version: "3.0" }), /^BDAY;VALUE=date;X-APPLE-OMIT-YEAR=1604:1604-02-29\r$/m);
});

test("a photo is an attachment, a certificate a value", () => {
  const jpeg = Buffer.from("ffd8ffe000104a464946", "hex").toString("base64");
  for (const [version, ...lines] of [
    ["2.1", `PHOTO;JPEG;ENCODING=BASE64:\r\n ${jpeg}\r\n`, "KEY;X509;BASE64:MAMCAQE=\r\n"],
    ["3.0", `PHOTO;TYPE=JPEG;ENCODING=b:${jpeg}`, "KEY;ENCODING=b:MAMCAQE="],
    ["4.0", `PHOTO:data:image/jpeg;base64,${jpeg}`, "KEY:data:application/pkix-cert;base64,MAMCAQE="],
  ] as const) {
    const item = readOne(card(version, ...lines));
    const back = (["3.0", "4.0"] as const).map((to) => readOne(writeVcard(item, { version: to })));
    for (const again of [item, ...back]) {
      const photo = again.attachments[0]!;
      assert.equal(getProperty(photo, p.PidTagAttachmentContactPhoto), true);
      assert.equal(Buffer.from(getProperty(photo, p.PidTagAttachDataBinary)!).toString("base64"), jpeg);
      assert.deepEqual(getProperty(again, p.PidTagUserX509Certificate)?.map((one) => Buffer.from(one).toString("hex")),
        ["3003020101"]);
      assert.equal(again.named.size > 0 && !writeVcard(again, { version: "3.0" }).includes("OutpostUnknown"), true);
    }
  }
});

test("distribution lists: members by address, by a card of the same file, wrapped, and unknown", () => {
  const { cards } = readVcards(
    card("3.0", "UID:u-1", "FN:Ann", "EMAIL:ann@x")
    + card("3.0", "X-ADDRESSBOOKSERVER-KIND:group", "FN:All", "UID:g", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:u-1",
      "X-ADDRESSBOOKSERVER-MEMBER:mailto:bob@x", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:gone"));
  const list = cards[1]!.item;
  assert.equal(getProperty(list, p.PidTagMessageClass), "IPM.DistList");
  assert.deepEqual(membersOf(list).map(({ address }) => address), ["ann@x", "bob@x"]);
  const written = writeVcard(list, { version: "3.0" });
  for (const end of ["urn:uuid:u-1", "mailto:bob@x", "urn:uuid:gone"]) assert.ok(written.includes(`MEMBER:${end}\r\n`));
  const oneOff = encodeOneOff({ name: "Cy", addressType: "SMTP", address: "cy@x" });
  const wrapped = Buffer.concat([Buffer.from("00000000c091add3519dcf11a4a900aa0047faa4c3", "hex"), Buffer.alloc(70)]);
  const inside = Buffer.concat([wrapped.subarray(0, 20), Buffer.of(0x80), oneOff]);
  const outlook = newItem();
  setProperty(outlook, p.PidLidDistributionListMembers, [inside]);
  assert.deepEqual(membersOf(outlook).map(({ name }) => name), ["Cy"]);
  setProperty(outlook, p.PidTagMessageClass, "IPM.DistList");
  setProperty(outlook, p.PidLidDistributionListMembers, [wrapped]);
  setProperty(outlook, p.PidLidDistributionListOneOffMembers, [oneOff]);
  const text = writeVcard(outlook, { version: "4.0" });
  assert.match(text, /^KIND:group\r$/m);
  assert.match(text, /^MEMBER;X-CN=Cy:mailto:cy@x\r$/m);
  assert.deepEqual(membersOf(readOne(text)), [{ name: "Cy", addressType: "SMTP", address: "cy@x" }]);
});

test("a distribution list tells that nobody changed it alone, and a long one stands in a stream", () => {
  const oneOff = (name: string): Uint8Array => encodeOneOff({ name, addressType: "SMTP", address: `${name}@x` });
  const list = newItem();
  setMembers(list, [oneOff("Ann"), oneOff("Bob")]);
  assert.deepEqual(membersOf(list).map(({ name }) => name), ["Ann", "Bob"]);
  // An old client that knows only the list of EntryIDs leaves the one-offs behind.
  const wrapped = Buffer.concat([Buffer.from("00000000c091add3519dcf11a4a900aa0047faa4c3", "hex"), Buffer.alloc(70)]);
  setProperty(list, p.PidLidDistributionListMembers, [wrapped, oneOff("Cy")]);
  assert.deepEqual(membersOf(list).map(({ name }) => name), ["Cy"]);
  const many = Array.from({ length: 400 }, (_, index) => oneOff(`member-${index}`));
  setMembers(list, many);
  assert.equal(getProperty(list, p.PidLidDistributionListMembers), undefined);
  assert.equal(getProperty(list, p.PidLidDistributionListChecksum), undefined);
  assert.equal(membersOf(list).length, 400);
  const stream = Buffer.from(getProperty(list, p.PidLidDistributionListStream)!);
  assert.equal(stream.readUInt32LE(12), 400);
  const [first] = many;
  assert.equal(stream.readUInt32LE(28), first!.length);
  assert.ok(stream.subarray(32, 32 + first!.length).equals(first!));
  // The stream wins over what stands beside it; a broken one does not.
  setProperty(list, p.PidLidDistributionListMembers, [oneOff("Cy")]);
  assert.equal(membersOf(list).length, 400);
  setProperty(list, p.PidLidDistributionListStream, stream.subarray(0, 200));
  assert.deepEqual(membersOf(list).map(({ name }) => name), ["Cy"]);
  setMembers(list, [oneOff("Dee")]);
  assert.equal(getProperty(list, p.PidLidDistributionListStream), undefined);
  assert.deepEqual(membersOf(list).map(({ name }) => name), ["Dee"]);
});

test("lines fold at 75 octets and come back whole", () => {
  const text = `NOTE:${"ä€😀".repeat(60)}`;
  const folded = foldLine(text);
  assert.equal(foldLine("a".repeat(160)).split("\r\n").map((one) => one.length).join(), "75,75,12,0");
  for (const one of folded.split("\r\n")) assert.ok(Buffer.byteLength(one) <= 75);
  assert.equal(folded.replaceAll("\r\n ", "").trimEnd(), text);
});

/** Names of lines that change in a round trip of the corpus, and why. */
const reasons: Readonly<Record<string, string>> = {
  N: "all five parts are written; lists in a part become words; the commas of 2.1 get a backslash",
  FN: "made from the other names where it is missing; escapes as the version has them",
  NOTE: "escapes as the version has them", ORG: "escapes as the version has them",
  TITLE: "escapes as the version has them",
  ADR: "a 2.1 value gets the seven parts and escapes of 3.0", LABEL: "the same text in 3.0 escapes",
  BDAY: "2.1 dates are written as 3.0 has them", "X-MS-ANNIVERSARY": "2.1 dates are written as 3.0 has them",
  PHOTO: "the same bytes, encoded for the version", KEY: "the same bytes, encoded for the version",
  CATEGORIES: "several lines become one", GENDER: "a second word for the same thing",
  "X-GENDER": "written as GENDER in 4.0", URL: "the same address without a needless backslash",
  "X-ABRELATEDNAMES": "children have no label of their own", "X-MS-CHILD": "children have no label of their own",
  RELATED: "children before 4.0 are X-MS-CHILD",
  "X-MS-OL-DEFAULT-POSTAL-ADDRESS": "added for a preferred address; 0 is the same as none",
  "X-EVOLUTION-FILE-AS": "what every card without it is filed under",
};

/** No card can be read of these: the beginning is missing or nothing stands before the end. */
const broken = new Set(["caldavtester-vcarderrors-4.vcf", "eds-vcard-7.vcf"]);

const skip = existsSync(corpus) ? false : "corpus is not here";

test("every vCard of the corpus: read, written and read again", { skip }, () => {
  for (const file of readdirSync(corpus)) {
    const bytes = readFileSync(join(corpus, file));
    const { cards } = readVcards(bytes);
    assert.equal(cards.length === 0, broken.has(file), file);
    const sources = readComponents(bytes).components.filter(({ name }) => name === "VCARD");
    cards.forEach(({ item, version }, index) => {
      const to = version === "4.0" ? "4.0" : "3.0";
      const written = writeVcard(item, { version: to });
      const again = readComponents(written).components[0]!;
      const [before, after] = [sources[index]!.lines.map(formatLine), again.lines.map(formatLine)];
      const differing = [
        ...before.filter((one) => !after.includes(one)), ...after.filter((one) => !before.includes(one)),
      ];
      for (const text of differing) {
        const name = /^(?:[^.:;]+\.)?([^:;]+)/.exec(text)![1]!;
        if (name === "VERSION" || name === "PRODID" || /:\s*$/.test(text)) continue;
        assert.ok(name in reasons, `${file} card ${index}: ${text.slice(0, 120)}`);
      }
      const second = readOne(written);
      const third = readOne(writeVcard(second, { version: to }));
      assert.deepEqual(saidBy(third), saidBy(second), file);
      for (const property of [...textFields, ...Object.values(phoneFields)].map((field) => field.property)) {
        assert.equal(getProperty(second, property), getProperty(item, property), `${file} ${property.name}`);
      }
    });
  }
});

test("ical.js reads what is written, in both versions", { skip }, () => {
  for (const file of readdirSync(corpus)) {
    const items = readVcards(readFileSync(join(corpus, file))).cards.map(({ item }) => item);
    for (const version of ["3.0", "4.0"] as const) {
      for (const item of items) {
        const parsed = new ICAL.Component(ICAL.parse(writeVcard(item, { version })) as Jcard);
        const name = getProperty(item, p.PidTagDisplayName) ?? "";
        const found = String(parsed.getFirstPropertyValue("fn") ?? "").replaceAll("\n", "\r\n");
        assert.equal(found, name, file);
        const first = getProperty(item, p.PidLidEmail1EmailAddress);
        if (first !== undefined) assert.equal(parsed.getFirstPropertyValue("email"), first, file);
      }
    }
  }
});

const word = fc.string({ unit: fc.constantFrom(..."aB1;,\\:\"^é€😀 =.-@".split("")), minLength: 1, maxLength: 20 })
  .map((text) => text.trim()).filter((text) => text !== "" && text.isWellFormed());

test("any texts in any properties come back from both versions", () => {
  const fields = [
    ...textFields.map(({ property }) => property), p.PidTagSurname, p.PidTagGivenName, p.PidTagHomeAddressCity,
  ];
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(fields.length - 1), word)), (values) => {
    const item = newItem();
    for (const [index, text] of values) setProperty(item, fields[index]!, text);
    for (const version of ["3.0", "4.0"] as const) {
      const again = readOne(writeVcard(item, { version }));
      for (const field of fields) {
        const isList = field === p.PidTagNickname || field === p.PidTagHobbies;
        const given = getProperty(item, field);
        if (!isList) assert.equal(getProperty(again, field), given);
        else assert.equal(getProperty(again, field) === undefined, given === undefined);
      }
    }
  }), { numRuns: 150 });
});

test("any bytes give cards or a Fault, in bounded time", () => {
  const piece = fc.constantFrom(
    "BEGIN:VCARD\r\n", "END:VCARD\n", "N:", "TEL;", "TYPE=", ";", ":", ",", "\"", "\r\n", " ", "=", "\\",
    "ENCODING=QUOTED-PRINTABLE:", "PHOTO;ENCODING=b:", "ADR;TYPE=work:", "BDAY:", "AGENT:", "KIND:group\n", "MEMBER:",
    "\xff", "data:", "a.b", "20200101",
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
    try {
      for (const { item } of readVcards(Buffer.from(pieces.join(""), "latin1")).cards) {
        readVcards(writeVcards([item], { version: "4.0" }));
      }
    } catch (error) {
      assert.ok(error instanceof Fault, String(error));
    }
  }), { numRuns: 300 });
  const began = cpuMs();
  for (const text of [
    `BEGIN:VCARD\n${"N:a\n b\n".repeat(50_000)}`, `BEGIN:VCARD\n${"x".repeat(2e6)}`,
    `BEGIN:VCARD\nN${";a=b".repeat(900)}:x`,
    `BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:${"a=\n".repeat(200_000)}`, `BEGIN:VCARD\nORG:${";".repeat(300_000)}`,
    `BEGIN:VCARD\nCATEGORIES:${"\\,".repeat(300_000)}`, card("3.0", "X:y").repeat(5000),
  ]) readVcards(text);
  assert.ok(cpuMs() - began < 4000);
  assert.throws(() => readVcards("BEGIN:X\n".repeat(100)), { code: "tooBig" });
});
