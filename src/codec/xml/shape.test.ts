/**
 * Declared elements: each kind of field read and written, wrong documents with the path of what is wrong, and as a
 * property that what a table writes it reads back.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { parseXml } from "#codec/xml/element.ts";
import { schemaInstance } from "#codec/xml/names.ts";
import {
  attribute, body, boolean, byType, choice, integer, listOf, many, nillable, oneOf, optional, optionalAttribute,
  readElement, record, text, token, writeElement,
} from "#codec/xml/shape.ts";
import type { Of } from "#codec/xml/shape.ts";
import { XmlWriter } from "#codec/xml/writer.ts";

const ns = "urn:example";
const Url = record(ns, { AuthenticationMethod: attribute(text), Url: body(token) });
const Setting = byType(ns, {
  StringSetting: record(ns, { Name: text, Value: text }),
  ListSetting: record(ns, { Name: text, Values: listOf(ns, "Value", integer, 3) }),
});
const Action = choice(ns, { Redirect: text, Settings: record(ns, { Server: many(text) }) });
const Whole = record(ns, {
  Version: optionalAttribute(integer), Name: text, Nick: optional(text), Target: nillable(text), Done: boolean,
  Color: oneOf(["Red", "Blue"]), Url: many(Url), Settings: listOf(ns, "Setting", Setting), Action: optional(Action),
});
type Whole = Of<typeof Whole>;

function write(value: Whole): string {
  const writer = new XmlWriter({ prefixes: { "": ns, i: schemaInstance }, declaration: false });
  writeElement(writer, ns, "Whole", Whole, value);
  return writer.end();
}

const example: Whole = {
  Version: 2, Name: "a & b", Target: null, Done: true, Color: "Blue",
  Url: [{ AuthenticationMethod: "Basic", Url: "https://a/" }, { AuthenticationMethod: "Fba", Url: "https://b/" }],
  Settings: [{ kind: "StringSetting", Name: "x", Value: "y" }, { kind: "ListSetting", Name: "z", Values: [1, -2] }],
  Action: { kind: "Settings", value: { Server: ["s"] } },
};
const written = '<Whole xmlns="urn:example" Version="2"><Name>a &amp; b</Name>'
  + '<Target xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true" /><Done>true</Done><Color>Blue</Color>'
  + '<Url AuthenticationMethod="Basic">https://a/</Url><Url AuthenticationMethod="Fba">https://b/</Url>'
  + '<Settings><Setting xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="StringSetting"><Name>x</Name>'
  + '<Value>y</Value></Setting><Setting xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="ListSetting">'
  + "<Name>z</Name><Values><Value>1</Value><Value>-2</Value></Values></Setting></Settings>"
  + "<Action><Settings><Server>s</Server></Settings></Action></Whole>";

test("an example both ways", () => {
  assert.equal(write(example), written);
  assert.deepEqual(readElement(parseXml(written), Whole), example);
});

test("order, white space, unknown elements and other spellings do not matter", () => {
  const document = `<p:Whole xmlns:p="${ns}" xmlns:o="urn:o" other="1"> <p:Color> BLUE </p:Color><o:Name>no</o:Name>
    <p:Settings/><p:Done>1</p:Done><p:Unknown><p:Name>no</p:Name></p:Unknown><p:Name>n</p:Name><p:Target/></p:Whole>`;
  assert.deepEqual(readElement(parseXml(document), Whole), {
    Name: "n", Target: "", Done: true, Color: "Blue", Url: [], Settings: [],
  });
});

test("what is wrong is named with its path", () => {
  const without = (piece: RegExp, instead = ""): string => written.replace(piece, instead);
  const rows: [string, RegExp][] = [
    [without(/<Name>a.*?<\/Name>/), /^Whole\.Name: the element is missing/],
    [without(/true<\/Done>/, "yes</Done>"), /^Whole\.Done: neither true nor false/],
    [without(/Version="2"/, 'Version="2.5"'), /^Whole\.Version: not a whole number/],
    [without(/>Blue</, ">Green<"), /^Whole\.Color: none of Red, Blue/],
    [without(/ AuthenticationMethod="Fba"/), /^Whole\.Url\.AuthenticationMethod: the attribute is missing/],
    [without(/"StringSetting"/, '"toString"'), /^Whole\.Settings\.Setting: toString is no known type/],
    [without(/ i:type="StringSetting"/), /^Whole\.Settings\.Setting: the type is missing/],
    [without(/>-2</, ">two<"), /^Whole\.Settings\.Setting\.Values\.Value: not a whole number/],
    [without(/<Value>1<\/Value>/, "<Value>1</Value>".repeat(4)), /^Whole\.Settings\.Setting\.Values: there are more/],
    [without(/<Settings><Server>s<\/Server><\/Settings>/), /^Whole\.Action: none of Redirect, Settings is there/],
  ];
  for (const [document, message] of rows) {
    assert.throws(() => readElement(parseXml(document), Whole), (error) => {
      assert.ok(error instanceof WireError);
      assert.match(error.message, message);
      return true;
    });
  }
});

test("what a table writes it reads back", () => {
  const words = fc.string({ unit: "grapheme-ascii" }).map((value) => value.replace(/[\0-\x1f]/g, ""));
  const value: fc.Arbitrary<Whole> = fc.record({
    Version: fc.integer(), Name: words, Nick: words, Target: fc.option(words), Done: fc.boolean(),
    Color: fc.constantFrom("Red" as const, "Blue" as const),
    Url: fc.array(fc.record({ AuthenticationMethod: words, Url: words.map((one) => one.trim()) })),
    Settings: fc.array(fc.oneof(
      fc.record({ kind: fc.constant("StringSetting" as const), Name: words, Value: words }),
      fc.record({ kind: fc.constant("ListSetting" as const), Name: words,
        Values: fc.array(fc.integer(), { maxLength: 3 }) }),
    )),
    Action: fc.oneof(
      fc.record({ kind: fc.constant("Redirect" as const), value: words }),
      fc.record({ kind: fc.constant("Settings" as const), value: fc.record({ Server: fc.array(words) }) }),
    ),
  }, { requiredKeys: ["Name", "Target", "Done", "Color", "Url", "Settings"] });
  fc.assert(fc.property(value, (one) => {
    assert.deepEqual(readElement(parseXml(write(one)), Whole), structuredClone(one));
  }));
});
