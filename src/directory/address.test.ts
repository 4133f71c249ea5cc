// Proves: addresses, domains and sign-in names become one spelling, and what is none is refused; by tables of good and
// bad rows, and by a property (normalising twice changes nothing).
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSignInName, tryNormaliseDomain, tryParseAddress, withoutDetail } from "#directory/address.ts";

const addressRows: [string, string, string | null][] = [
  ["plain", "alice@example.test", "alice@example.test"],
  ["any case", "Alice.B@EXAMPLE.Test", "alice.b@example.test"],
  ["IDN domain", "info@Bücher.example", "info@xn--bcher-kva.example"],
  ["IDN already ASCII", "info@xn--bcher-kva.example", "info@xn--bcher-kva.example"],
  ["UTF-8 local part, decomposed", "jose\u0301@example.test", "jos\u00e9@example.test"],
  ["trailing dot of the domain", "a@example.test.", "a@example.test"],
  ["needless quotes", "\"alice\"@example.test", "alice@example.test"],
  ["needed quotes", "\"Alice B\"@example.test", "\"alice b\"@example.test"],
  ["quoted at sign", "\"a@b\"@example.test", "\"a@b\"@example.test"],
  ["quoted pair", "\"a\\\"b\"@example.test", "\"a\\\"b\"@example.test"],
  ["detail", "alice+list@example.test", "alice+list@example.test"],
  ["address literal", "a@[192.0.2.1]", "a@[192.0.2.1]"],
  ["IPv6 literal", "a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"],
  ["single label", "a@localhost", "a@localhost"],
  ["specials of atext", "o'hara!#$%&*/=?^_`{|}~-x@example.test", "o'hara!#$%&*/=?^_`{|}~-x@example.test"],
  ["empty", "", null],
  ["no at", "alice", null],
  ["no local part", "@example.test", null],
  ["no domain", "alice@", null],
  ["two ats", "a@b@example.test", null],
  ["space", "a b@example.test", null],
  ["dot at the end", "alice.@example.test", null],
  ["two dots", "a..b@example.test", null],
  ["unclosed quote", "\"alice@example.test", null],
  ["quote ends in backslash", "\"alice\\\"@example.test", null],
  ["empty quotes", "\"\"@example.test", null],
  ["empty label", "a@example..test", null],
  ["label starts with hyphen", "a@-example.test", null],
  ["numbers only", "a@192.0.2.1", null],
  ["number that a URL reads as IPv4", "a@0x7f.1", null],
  ["percent code", "a@ex%61mple.test", null],
  ["long local part", `${"a".repeat(65)}@example.test`, null],
  ["long domain", `a@${"a.".repeat(128)}test`, null],
  ["long label", `a@${"a".repeat(64)}.test`, null],
  ["CRLF", "a@example.test\r\n", null],
  ["NUL", "a\0@example.test", null],
  ["surrogate alone", "a\ud800@example.test", null],
  ["angle brackets", "<a@example.test>", null],
  ["port", "a@example.test:25", null],
];

test("addresses", () => {
  for (const [name, input, expected] of addressRows) {
    assert.equal(tryParseAddress(input)?.key ?? null, expected, name);
  }
});

const domainRows: [string, string, string | null][] = [
  ["plain", "Example.Test", "example.test"],
  ["underscore", "_dmarc.example.test", "_dmarc.example.test"],
  ["full-width dot", "bücher。example", "xn--bcher-kva.example"],
  ["sharp s", "straße.example", "xn--strae-oqa.example"],
  ["forbidden character inside IDN", "bü cher.example", null],
  ["path", "example.test/x", null],
  ["dot alone", ".", null],
];

test("domains", () => {
  for (const [name, input, expected] of domainRows) assert.equal(tryNormaliseDomain(input), expected, name);
});

test("an address of another address is itself, and any text gives an address or null", () => {
  fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.emailAddress()), (text) => {
    const key = tryParseAddress(text)?.key;
    if (key !== undefined) assert.equal(tryParseAddress(key)?.key, key);
  }), { numRuns: 1000 });
});

test("details", () => {
  const rows: [string, string | null][] = [
    ["alice+x@example.test", "alice@example.test"], ["alice+x+y@example.test", "alice@example.test"],
    ["+x@example.test", null], ["alice@example.test", null], ["\"a +b\"@example.test", null],
  ];
  for (const [input, expected] of rows) assert.equal(withoutDetail(input), expected, input);
});

test("sign-in names", () => {
  const rows: [string, unknown][] = [
    ["alice@example.test", { form: "address", key: "alice@example.test" }],
    ["Alice", { form: "short", local: "alice", firstLabel: null }],
    ["example.test\\Alice", { form: "address", key: "alice@example.test" }],
    ["EXAMPLE\\alice", { form: "short", local: "alice", firstLabel: "example" }],
    ["EXAMPLE\\alice@other.test", { form: "address", key: "alice@other.test" }],
    ["\\alice", { form: "short", local: "alice", firstLabel: null }],
    ["", null], ["\\", null], ["example.test\\", null], ["a\0b", null], ["alice@", null], ["no such\\@@", null],
  ];
  for (const [input, expected] of rows) assert.deepEqual(parseSignInName(input), expected, input);
});
