/**
 * The POP3 wire: commands as a table of good and bad lines, replies, dot stuffing and TOP against plain models, whole
 * and cut anywhere.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { parsePop3Command } from "#wire/pop3/command.ts";
import { DotStuffer, TopCutter } from "#wire/pop3/content.ts";
import { capabilityReply, errorReply, languageFor, languageListing, okReply } from "#wire/pop3/reply.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

/** The command as one line of text, or the error's message. */
function parsed(line: string): string {
  try {
    const { verb, argument } = parsePop3Command(bytes(line));
    if (argument instanceof Uint8Array) return `${verb} "${Buffer.from(argument).toString("latin1")}"`;
    return `${verb} ${JSON.stringify(argument)}`;
  } catch (error) {
    if (error instanceof WireError) return "error";
    throw error;
  }
}

const commands: [line: string, expected: string][] = [
  ["CAPA", "CAPA null"],
  ["capa", "CAPA null"],
  ["CAPA ", "CAPA null"],
  ["CAPA x", "error"],
  ["USER alice@example.test", 'USER "alice@example.test"'],
  ["USER a b ", 'USER "a b "'],
  ["USER", "error"],
  ["USER ", "error"],
  ["PASS  two spaces ", 'PASS " two spaces "'],
  ["PASS \xff\0", 'PASS "\xff\0"'],
  ["AUTH", 'AUTH {"mechanism":null,"initialResponse":null}'],
  ["AUTH plain", 'AUTH {"mechanism":"PLAIN","initialResponse":null}'],
  ["AUTH PLAIN =", 'AUTH {"mechanism":"PLAIN","initialResponse":"="}'],
  ["AUTH PLAIN AGEAYg==", 'AUTH {"mechanism":"PLAIN","initialResponse":"AGEAYg=="}'],
  ["AUTH PLAIN a b", "error"],
  ["STLS", "STLS null"],
  ["UTF8", "UTF8 null"],
  ["LANG", "LANG null"],
  ["LANG EN-GB ", 'LANG "en-gb"'],
  ["LANG en de", "error"],
  ["STAT", "STAT null"],
  ["LIST", "LIST null"],
  ["LIST 7", "LIST 7"],
  ["LIST 7 ", "LIST 7"],
  ["LIST  7", "LIST 7"],
  ["LIST 7 8", "error"],
  ["LIST x", "error"],
  ["UIDL 4294967295", "UIDL 4294967295"],
  ["RETR 1", "RETR 1"],
  ["RETR 0", "RETR 0"],
  ["RETR", "error"],
  ["RETR -1", "error"],
  ["RETR +1", "error"],
  ["RETR 1e3", "error"],
  ["RETR 0x10", "error"],
  ["RETR 1.5", "error"],
  ["RETR 99999999999", "error"],
  ["RETR \xb2", "error"],
  ["TOP 1 0", 'TOP {"number":1,"count":0}'],
  ["TOP 1", "error"],
  ["TOP 1 2 3", "error"],
  ["DELE 3", "DELE 3"],
  ["RSET", "RSET null"],
  ["NOOP", "NOOP null"],
  ["QUIT", "QUIT null"],
  ["APOP alice 00", 'APOP "alice 00"'],
  ["LAST", "LAST null"],
  ["", "error"],
  [" ", "error"],
  [" STAT", "error"],
  ["STAT\t", "error"],
  ["XTND XMIT", "error"],
  ["constructor", "error"],
  ["__proto__", "error"],
  [`USER ${"x".repeat(2100)}`, "error"],
  [`RETR${" ".repeat(2000)}1`, "error"],
];

test("commands", () => {
  for (const [line, expected] of commands) assert.equal(parsed(line), expected, JSON.stringify(line));
});

test("any line is a command or a WireError", () => {
  const line = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(fc.constantFrom("TOP", "LIST", "AUTH", "PASS", "RETR"), fc.string())
      .map(([verb, rest]) => bytes(`${verb} ${rest}`)),
  );
  fc.assert(fc.property(line, (input) => {
    assert.equal(typeof parsed(Buffer.from(input).toString("latin1")), "string");
  }), { numRuns: 500 });
});

test("replies are one short line without a false code", () => {
  assert.equal(okReply("2 320"), "+OK 2 320\r\n");
  assert.equal(errorReply("AUTH", "No."), "-ERR [AUTH] No.\r\n");
  assert.equal(errorReply("", "[IN-USE] told\r\nby someone"), "-ERR (IN-USE] told by someone\r\n");
  assert.ok(Buffer.byteLength(errorReply("SYS/TEMP", "ü".repeat(1000))) <= 512);
});

test("capabilities by state", () => {
  const facts = {
    isTls: false, canStartTls: true, saslMechanisms: ["PLAIN", "LOGIN"], implementation: "X", keepDays: undefined,
  };
  const plain = capabilityReply(facts);
  assert.match(plain, /^\+OK [^\r]*\r\n(?:[A-Z][^\r\n]*\r\n)+\.\r\n$/);
  assert.match(plain, /\r\nSTLS\r\n/);
  assert.doesNotMatch(plain, /\r\nUSER\r\n|SASL/);
  const secure = capabilityReply({ ...facts, isTls: true });
  assert.match(secure, /\r\nUSER\r\nSASL PLAIN LOGIN\r\n/);
  assert.doesNotMatch(secure, /STLS|LOGIN-DELAY/);
  for (const [keepDays, line] of [[undefined, "1 USER"], [null, "NEVER"], [7, "7"]] as const) {
    assert.ok(capabilityReply({ ...facts, keepDays }).includes(`\r\nEXPIRE ${line}\r\n`));
  }
});

test("languages by range", () => {
  const rows: [range: string, tag: string | null][] = [
    ["en", "en"], ["en-us", "en"], ["en-latn-gb", "en"], ["*", "en"], ["i-default", "en"],
    ["de", null], ["english", null], ["mul", null], ["-", null], ["constructor", null], ["__proto__", null],
  ];
  for (const [range, tag] of rows) assert.equal(languageFor(range), tag, range);
  assert.equal(languageListing(), "+OK Language listing follows:\r\nen English\r\n.\r\n");
});

function stuffed(message: string, cuts: readonly number[]): string {
  const stuffer = new DotStuffer();
  const whole = bytes(message);
  const sorted = [0, ...cuts.map((at) => Math.min(at, whole.length)), whole.length].sort((a, b) => a - b);
  const parts = sorted.slice(1).map((to, index) => {
    const sent = stuffer.write(whole.subarray(sorted[index], to));
    return Buffer.from(sent).toString("latin1");
  });
  return parts.join("") + Buffer.from(stuffer.end()).toString("latin1");
}

const everywhere = Array.from({ length: 60 }, (_, index) => index);
const stuffings: [name: string, message: string, expected: string][] = [
  ["empty", "", ".\r\n"],
  ["ended", "a\r\n", "a\r\n.\r\n"],
  ["not ended", "a", "a\r\n.\r\n"],
  ["ended by CR", "a\r", "a\r\r\n.\r\n"],
  ["ended by LF", "a\n", "a\n\r\n.\r\n"],
  ["dots that begin lines", ".\r\n..a\r\nb.\r\n.c\r\n", "..\r\n...a\r\nb.\r\n..c\r\n.\r\n"],
  ["a LF alone stays", "a\nb\r\n", "a\nb\r\n.\r\n"],
  ["a dot after a LF alone stays", "a\n.b\r\n", "a\n.b\r\n.\r\n"],
  ["but not as a line", "a\n.\nb\r\n", "a\n..\nb\r\n.\r\n"],
  ["nor before CRLF", "a\n.\r\nb\r\n", "a\n..\r\nb\r\n.\r\n"],
  ["nor at the end", "a\n.", "a\n..\r\n.\r\n"],
  ["a CR alone", "a\r.\rb\r\n", "a\r.\rb\r\n.\r\n"],
  ["CR CR LF", "a\r\r\n.b\r\n", "a\r\r\n..b\r\n.\r\n"],
  ["first byte after LF alone", "\n.\n", "\n..\n\r\n.\r\n"],
];

test("stuffing, whole and byte by byte", () => {
  for (const [name, message, expected] of stuffings) {
    assert.equal(stuffed(message, []), expected, name);
    assert.equal(stuffed(message, everywhere), expected, `${name}, bytes`);
  }
  const clean = bytes("nothing. to. change\r\n");
  assert.equal(new DotStuffer().write(clean), clean, "given back as it is");
});

const piece = fc.constantFrom("\r\n", "\r", "\n", ".", "..", "\r\n.", "\n.", "a", "bc", "\0");
const message = fc.array(piece, { maxLength: 30 }).map((parts) => parts.join(""));
const cuts = fc.array(fc.nat(60), { maxLength: 8 });

test("a client gets back what was stored, and no lax client sees an early end", () => {
  fc.assert(fc.property(message, cuts, (text, at) => {
    const sent = stuffed(text, at);
    assert.equal(sent, stuffed(text, []));
    assert.ok(sent.endsWith(".\r\n"));
    // As a client that takes only CRLF for a line end.
    const end = `\r\n${sent}`.indexOf("\r\n.\r\n");
    assert.equal(end + 3, sent.length);
    const got = `\r\n${sent}`.slice(0, end + 2).replaceAll("\r\n.", "\r\n").slice(2);
    const stored = text.replace(/(?<!\r)\n\.(?=\r|\n|$)/g, "\n..");
    assert.equal(got, text === "" || stored.endsWith("\r\n") ? stored : `${stored}\r\n`);
    // As a client that takes LF too.
    const lines = sent.split("\n").map((line) => line.replace(/\r$/, ""));
    assert.equal(lines.indexOf("."), lines.length - 2);
  }), { numRuns: 1000 });
});

function top(text: string, count: number, at: readonly number[]): string {
  const cutter = new TopCutter(count);
  const whole = bytes(text);
  const sorted = [0, ...at.map((cut) => Math.min(cut, whole.length)), whole.length].sort((a, b) => a - b);
  let out = "";
  for (const [index, to] of sorted.slice(1).entries()) {
    const chunk = whole.subarray(sorted[index], to);
    const { size, ended } = cutter.take(chunk);
    out += chunk.subarray(0, size).toString("latin1");
    if (ended) break;
  }
  return out;
}

const tops: [name: string, text: string, count: number, expected: string][] = [
  ["header only", "A: 1\r\nB: 2\r\n\r\nx\r\ny\r\n", 0, "A: 1\r\nB: 2\r\n\r\n"],
  ["one line", "A: 1\r\n\r\nx\r\ny\r\n", 1, "A: 1\r\n\r\nx\r\n"],
  ["all lines", "A: 1\r\n\r\nx\r\ny\r\n", 9, "A: 1\r\n\r\nx\r\ny\r\n"],
  ["no body", "A: 1\r\n", 3, "A: 1\r\n"],
  ["no header", "\r\nx\r\ny\r\n", 1, "\r\nx\r\n"],
  ["LF alone", "A: 1\n\nx\ny\n", 1, "A: 1\n\nx\n"],
  ["an empty line in the body counts", "A: 1\r\n\r\n\r\n\r\nz\r\n", 2, "A: 1\r\n\r\n\r\n\r\n"],
  ["CR CR LF is no empty line", "A: 1\r\n\r\r\nB\r\n\r\nx\r\n", 0, "A: 1\r\n\r\r\nB\r\n\r\n"],
  ["a body line without an end", "A\r\n\r\nxyz", 1, "A\r\n\r\nxyz"],
];

test("TOP, whole and byte by byte", () => {
  for (const [name, text, count, expected] of tops) {
    assert.equal(top(text, count, []), expected, name);
    assert.equal(top(text, count, everywhere), expected, `${name}, bytes`);
  }
});
