/**
 * Proves that the registry is [MS-OXPROPS]: every row of the fact pack is here with the same ids and type and nothing
 * else is; spellings exist where they are said to; look-ups find what the rows say. The fact pack is read where it is
 * kept; without it those tests are skipped by name.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { propertySets } from "#props/property-sets.ts";
import {
  properties, propertiesByElement, propertiesByFieldUri, propertiesByTag, propertyByName, propertyByNamedId, spellings,
  valueIn,
} from "#props/registry.ts";
import type { Property } from "#props/registry.ts";
import { makeTag, propertyTag, propertyTypes, tagText } from "#props/types.ts";
import type { PropertyBag } from "#props/types.ts";

const factPack = process.env.OUTPOST_SPEC ?? new URL("../../../shared/spec", import.meta.url).pathname;
const skip = existsSync(`${factPack}/oxprops.tsv`) ? false : `no fact pack in ${factPack}`;

function readTable(name: string): Record<string, string>[] {
  const [head, ...lines] = readFileSync(`${factPack}/${name}`, "utf8").trimEnd().split("\n");
  const columns = head!.split("\t");
  return lines.map((line) => {
    const cells = line.split("\t");
    return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? ""]));
  });
}

const hex = (value: number, digits: number): string => `0x${value.toString(16).toUpperCase().padStart(digits, "0")}`;

/** A property as the fact pack writes it. */
function written(property: Property): string {
  const code = propertyTypes[property.type].code;
  const { name, tag, named } = property;
  if (tag !== undefined) return [name, "tagged", hex(tag >>> 16, 4), "", "", hex(code, 4), tagText(tag)].join(" ");
  const kind = typeof named.id === "number" ? "named-LID" : "named-string";
  const set = Object.entries(propertySets).find(([, row]) => row.guid === named.guid)?.[0];
  const id = typeof named.id === "number" ? hex(named.id, 8) : named.id;
  return [name, kind, id, set, named.guid.toUpperCase(), hex(code, 4), ""].join(" ");
}

test("the properties are those of [MS-OXPROPS]", { skip }, () => {
  const expected = readTable("oxprops.tsv").filter((row) => row.status === "current").map((row) =>
    [row.name, row.kind, row.id_lid_or_string, row.propset, row.propset_guid, row.type_hex, row.proptag].join(" "));
  assert.equal(expected.length, 1080);
  assert.deepEqual(Object.values(properties).map(written).sort(), expected.sort());
});

test("the property sets are those of [MS-OXPROPS]", { skip }, () => {
  const expected = readTable("propsets.tsv").map((row) =>
    `${row.name} ${row.guid!.toLowerCase()} ${row.ews_DistinguishedPropertySetId}`);
  const found = Object.entries(propertySets).map(([name, row]) => `${name} ${row.guid} ${"ews" in row ? row.ews : ""}`);
  assert.deepEqual(found.sort(), expected.sort());
});

/** Left out: aggregates, single bits of a property and the recipient table, which are computed. */
function isDirect(row: Record<string, string>): boolean {
  const group = row.field_uri!.split(":")[0]!;
  return !["persona", "person", "conversation"].includes(group) && !row.note!.startsWith("bit ") &&
    row.canonical_properties !== "PidTagMessageRecipients" && Object.hasOwn(properties, row.canonical_properties!);
}

test("EWS spellings are those of the field table", { skip }, () => {
  const expected = readTable("ews/ews_map.tsv").filter(isDirect)
    .map((row) => `${row.canonical_properties} ${row.field_uri}`);
  const found = Object.values(properties).flatMap((property) =>
    spellings(property, "ews").map((uri) => `${property.name} ${uri}`));
  assert.ok(expected.length > 150);
  assert.deepEqual(found.sort(), expected.sort());
});

test("ActiveSync spellings are elements of their code page", { skip }, () => {
  const elements = new Set(readTable("eas/codepages.tsv").map((row) => `${row.namespace}:${row.element}`));
  for (const property of Object.values(properties)) {
    for (const element of spellings(property, "eas")) assert.ok(elements.has(element), `${property.name} ${element}`);
  }
});

test("names say what kind of property it is, and ids stand in their ranges", () => {
  assert.equal(Object.keys(properties).length, 1080);
  for (const property of Object.values(properties) as Property[]) {
    const kind = property.tag !== undefined ? "PidTag" : typeof property.named.id === "number" ? "PidLid" : "PidName";
    assert.ok(property.name.startsWith(kind), property.name);
    for (const protocol of ["ews", "eas", "header", "ical", "vcard"] as const) {
      for (const spelling of spellings(property, protocol)) assert.match(spelling, /^[\x21-\x7e]+$/, property.name);
    }
  }
});

test("look-ups", () => {
  assert.equal(properties.PidTagSubject.tag, 0x0037_001f);
  assert.equal(propertyByName("PidTagSubject"), properties.PidTagSubject);
  assert.equal(propertyByName("toString"), undefined);
  assert.deepEqual(propertiesByTag(propertyTag(0x0037_001f)), [properties.PidTagSubject]);
  assert.deepEqual(propertiesByTag(propertyTag(0x0037_001e)), []);
  assert.ok(propertiesByTag(makeTag(0x6841, "Integer32")).length > 1, "ids that mean several things");
  const appointment = propertySets.PSETID_Appointment.guid;
  assert.equal(propertyByNamedId({ guid: appointment, id: 0x8208 }), properties.PidLidLocation);
  assert.equal(propertyByNamedId({ guid: appointment, id: "33288" }), undefined);
  const publicStrings = propertySets.PS_PUBLIC_STRINGS.guid;
  assert.equal(propertyByNamedId({ guid: publicStrings, id: "Keywords" }), properties.PidNameKeywords);
  assert.equal(propertyByNamedId({ guid: publicStrings, id: "keywords" }), undefined);
  assert.equal(propertyByNamedId({ guid: propertySets.PS_INTERNET_HEADERS.guid, id: "ACCEPT-language" }),
    properties.PidNameAcceptLanguage);
  assert.deepEqual(propertiesByFieldUri("item:Subject"), [properties.PidTagSubject]);
  assert.deepEqual(propertiesByFieldUri("item:Nothing"), []);
  assert.deepEqual(propertiesByElement("Tasks:Subject"), [properties.PidTagSubject]);
  for (const property of Object.values(properties) as Property[]) {
    if (property.tag !== undefined) assert.ok(propertiesByTag(property.tag).includes(property), property.name);
    else assert.equal(propertyByNamedId(property.named)?.type, property.type, property.name);
  }
});

test("types follow from the rows", () => {
  const bag: PropertyBag = new Map([[properties.PidTagSubject.tag, "Hello"]]);
  const subject: string | undefined = valueIn(bag, properties.PidTagSubject);
  assert.equal(subject, "Hello");
});
