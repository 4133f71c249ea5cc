/** SASL PLAIN and LOGIN as tables: what a client sends in, credentials or refusal out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { beginSasl, decodeSignInText } from "#net/sasl.ts";
import type { SaslStep } from "#net/sasl.ts";

const b64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

/** Plays `lines` after the command; gives a line of text for the last step. */
function play(mechanism: string, initial: string | null, lines: readonly string[]): string {
  const told: string[] = [];
  let step: SaslStep = beginSasl(mechanism, initial);
  for (const line of [...lines, null]) {
    if (step.kind !== "challenge") break;
    told.push(`+ ${Buffer.from(step.challenge, "base64").toString()}`);
    if (line !== null) step = step.next(line);
  }
  if (step.kind === "credentials") {
    const { authzid, name, password } = step.credentials;
    told.push(`${authzid}|${name}|${password}`);
  } else if (step.kind === "refused") {
    told.push(step.reason);
  }
  return told.join(" ");
}

const rows: [name: string, mechanism: string, initial: string | null, lines: string[], expected: string][] = [
  ["PLAIN with initial response", "PLAIN", b64("\0alice\0secret"), [], "|alice|secret"],
  ["PLAIN without", "plain", null, [b64("\0alice\0secret")], "+  |alice|secret"],
  ["PLAIN for oneself", "PLAIN", b64("Alice\0alice\0x"), [], "Alice|alice|x"],
  ["PLAIN for someone else", "PLAIN", b64("bob\0alice\0x"), [], "otherIdentity"],
  ["PLAIN in UTF-8", "PLAIN", b64("\0jörg@example.test\0pässword €"), [], "|jörg@example.test|pässword €"],
  ["PLAIN in ISO 8859-1", "PLAIN", Buffer.from("\0j\xf6rg\0p\xe4ss", "latin1").toString("base64"), [], "|jörg|päss"],
  ["PLAIN, spaces stay", "PLAIN", b64("\0a b\0 c "), [], "|a b| c "],
  ["PLAIN, too few parts", "PLAIN", b64("alice\0secret"), [], "malformed"],
  ["PLAIN, too many parts", "PLAIN", b64("\0alice\0sec\0ret"), [], "malformed"],
  ["PLAIN, no name", "PLAIN", b64("\0\0secret"), [], "malformed"],
  ["PLAIN, no password", "PLAIN", b64("\0alice\0"), [], "malformed"],
  ["PLAIN, empty", "PLAIN", "=", [], "malformed"],
  ["PLAIN, cancelled", "PLAIN", null, ["*"], "+  cancelled"],
  ["PLAIN, not base64", "PLAIN", "!!!!", [], "malformed"],
  ["PLAIN, base64 without its end", "PLAIN", b64("\0alice\0secret").slice(0, -1), [], "malformed"],
  ["PLAIN, padding inside", "PLAIN", "AGFs=WNlAHNl", [], "malformed"],
  ["PLAIN, space inside", "PLAIN", "AGFs WNl", [], "malformed"],
  ["PLAIN, longest name", "PLAIN", b64(`\0${"n".repeat(1024)}\0x`), [], `|${"n".repeat(1024)}|x`],
  ["PLAIN, name too long", "PLAIN", b64(`\0${"n".repeat(1025)}\0x`), [], "malformed"],
  ["PLAIN, password too long", "PLAIN", b64(`\0n\0${"x".repeat(1025)}`), [], "malformed"],
  ["PLAIN, response too long", "PLAIN", "A".repeat(12_292), [], "malformed"],
  ["LOGIN", "LOGIN", null, [b64("alice"), b64("secret")], "+ Username: + Password: |alice|secret"],
  ["LOGIN with initial response", "Login", b64("alice"), [b64("secret")], "+ Password: |alice|secret"],
  ["LOGIN, cancelled at the name", "LOGIN", null, ["*"], "+ Username: cancelled"],
  ["LOGIN, cancelled at the password", "LOGIN", b64("alice"), ["*"], "+ Password: cancelled"],
  ["LOGIN, NUL in the password", "LOGIN", b64("alice"), [b64("a\0b")], "+ Password: malformed"],
  ["LOGIN, empty password", "LOGIN", b64("alice"), [""], "+ Password: malformed"],
  ["unknown", "CRAM-MD5", null, [], "unknownMechanism"],
  ["a name of the language", "constructor", null, [], "unknownMechanism"],
];

test("PLAIN and LOGIN", () => {
  for (const [name, mechanism, initial, lines, expected] of rows) {
    assert.equal(play(mechanism, initial, lines), expected, name);
  }
});

test("what a client can say is read back", () => {
  const field = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((text) => !text.includes("\0"));
  fc.assert(fc.property(field, field, (name, password) => {
    assert.equal(play("PLAIN", b64(`\0${name}\0${password}`), []), `|${name}|${password}`);
    assert.equal(play("LOGIN", b64(name), [b64(password)]), `+ Password: |${name}|${password}`);
  }), { numRuns: 200 });
});

test("any line gives a step", () => {
  const names = fc.constantFrom("PLAIN", "LOGIN");
  fc.assert(fc.property(names, fc.array(fc.string(), { maxLength: 3 }), (mechanism, lines) => {
    assert.equal(typeof play(mechanism, lines[0] ?? null, lines.slice(1)), "string");
  }), { numRuns: 300 });
});

test("a byte order mark is part of a name, not dropped", () => {
  assert.equal(decodeSignInText(Buffer.from("\ufeffa")), "\ufeffa");
});
