/** The SMTP grammar: tables of good and bad lines, and properties over any bytes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { isDomain, isIpv4, isIpv6, makeAddress, parseAddressLiteral, parseMailbox, parsePathAt } from "#wire/smtp/address.ts";
import { BodyScan } from "#wire/smtp/body-scan.ts";
import { commands, parseCommand } from "#wire/smtp/command.ts";
import { notifyBits, parseOriginalRecipient } from "#wire/smtp/parameters.ts";
import { formatReply, parseCapabilities, reply, replyOfStatus, ReplyParser, replyText } from "#wire/smtp/reply.ts";
import { decodeUtf8Address, decodeXtext, encodeUtf8Address, encodeXtext } from "#wire/smtp/xtext.ts";

const command = (line: string): ReturnType<typeof parseCommand> => parseCommand(Buffer.from(line, "utf8"));

const good: [line: string, expected: unknown][] = [
  ["EHLO mail.example.org", { verb: "EHLO", client: "mail.example.org" }],
  ["ehlo [IPv6:2001:db8::1]  ", { verb: "EHLO", client: "[IPv6:2001:db8::1]" }],
  ["HELO x_y", { verb: "HELO", client: "x_y" }],
  ["NOOP anything", { verb: "NOOP" }],
  ["QUIT ", { verb: "QUIT" }],
  ["BDAT 0 last", { verb: "BDAT", sizeBytes: 0, last: true }],
  ["BDAT 86", { verb: "BDAT", sizeBytes: 86, last: false }],
  ["AUTH plain", { verb: "AUTH", mechanism: "PLAIN", initialResponse: null }],
  ["AUTH LOGIN =", { verb: "AUTH", mechanism: "LOGIN", initialResponse: "=" }],
  ["VRFY  Smith ", { verb: "VRFY", argument: "Smith" }],
  ["STARTTLS", { verb: "STARTTLS" }],
];
test("commands", () => {
  for (const [line, expected] of good) assert.deepEqual(command(line), expected, line);
});

const mails: [line: string, from: string | null, parameters: object][] = [
  ["MAIL FROM:<a@b.c>", "a@b.c", {}],
  ["mail from: <a@b.c> ", "a@b.c", {}],
  ["MAIL FROM :<a@b.c>", "a@b.c", {}],
  ["MAIL FROM:<>", null, {}],
  ["MAIL FROM:<> SIZE=100  BODY=8bitmime", null, { size: 100, body: "8BITMIME" }],
  ["MAIL FROM:<a@b> SMTPUTF8 RET=full ENVID=x+20y AUTH=<>", "a@b", { smtpUtf8: true, ret: "FULL", envelopeId: "x y", auth: "" }],
  ["MAIL FROM:<a@b> AUTH=e+3Dmc2@example.com", "a@b", { auth: "e=mc2@example.com" }],
  ["MAIL FROM:a@b SIZE=1", "a@b", { size: 1 }],
  ["MAIL FROM:<@x.y,@z:a@b>", "a@b", {}],
  ["MAIL FROM:<\"a b\"@c>", "\"a b\"@c", {}],
  ["MAIL FROM:<\"a\\\"\\\\b\"@c>", "\"a\\\"\\\\b\"@c", {}],
  ["MAIL FROM:<\"a.b\"@c>", "a.b@c", {}],
  ["MAIL FROM:<\"\"@c>", "\"\"@c", {}],
  ["MAIL FROM:<\"<a@b>\"@c>", "\"<a@b>\"@c", {}],
  ["MAIL FROM:<a@[127.0.0.1]>", "a@[127.0.0.1]", {}],
  ["MAIL FROM:<a@[ipv6:::1]>", "a@[ipv6:::1]", {}],
  ["MAIL FROM:<用户@例子.广告>", "用户@例子.广告", {}],
  ["MAIL FROM:<a!b#c$d%e&f'g*h+i/j=k?l^m_n`o{p|q}r~s@x-y.z_1>", "a!b#c$d%e&f'g*h+i/j=k?l^m_n`o{p|q}r~s@x-y.z_1", {}],
];
test("MAIL", () => {
  for (const [line, from, parameters] of mails) {
    const parsed = command(line);
    assert.ok(parsed.verb === "MAIL", `${line}: ${JSON.stringify(parsed)}`);
    assert.equal(parsed.from?.text ?? null, from, line);
    assert.deepEqual(parsed.parameters, parameters, line);
  }
});

const rcpts: [line: string, to: string, parameters: object][] = [
  ["RCPT TO:<Bob@X.org>", "Bob@X.org", {}],
  ["RCPT TO:<postmaster>", "postmaster", {}],
  ["RCPT TO:<a@b> NOTIFY=NEVER", "a@b", { notify: notifyBits.never }],
  ["RCPT TO:<a@b> NOTIFY=success,FAILURE,Delay ORCPT=rfc822;a+2Bb@c", "a@b",
    { notify: notifyBits.success | notifyBits.failure | notifyBits.delay, originalRecipient: "rfc822;a+2Bb@c" }],
  ["RCPT TO:<a@b> ORCPT=utf-8;\\x{E9}@b", "a@b", { originalRecipient: "utf-8;\\x{E9}@b" }],
];
test("RCPT", () => {
  for (const [line, to, parameters] of rcpts) {
    const parsed = command(line);
    assert.ok(parsed.verb === "RCPT", `${line}: ${JSON.stringify(parsed)}`);
    assert.equal(parsed.to.text, to, line);
    assert.deepEqual(parsed.parameters, parameters, line);
  }
  assert.deepEqual(parseOriginalRecipient("rfc822;a+2Bb@c"), { type: "rfc822", address: "a+b@c" });
  assert.deepEqual(parseOriginalRecipient("UTF-8;\\x{E9}@b"), { type: "utf-8", address: "é@b" });
});

const bad: [line: string, code: number, enhanced: string][] = [
  ["", 500, "5.5.2"], ["   ", 500, "5.5.2"], ["FOO", 500, "5.5.2"], ["constructor", 500, "5.5.2"], ["__proto__ x", 500, "5.5.2"],
  ["MAILFROM:<a@b>", 500, "5.5.2"], ["NOOP\0", 500, "5.5.2"], ["NOOP \r", 500, "5.5.2"],
  ["EHLO", 501, "5.5.4"], ["HELO  ", 501, "5.5.4"], ["EHLO a b", 501, "5.5.4"], [`EHLO ${"x".repeat(256)}`, 501, "5.5.4"],
  ["MAIL", 501, "5.5.4"], ["MAIL <a@b>", 501, "5.5.4"], ["MAIL TO:<a@b>", 501, "5.5.4"],
  ["MAIL FROM:", 501, "5.1.7"], ["MAIL FROM:<a>", 501, "5.1.7"], ["MAIL FROM:<a@>", 501, "5.1.7"], ["MAIL FROM:<@b>", 501, "5.1.7"],
  ["MAIL FROM:<a@b", 501, "5.1.7"], ["MAIL FROM:<a@b>>", 501, "5.5.4"], ["MAIL FROM:<a@b>x", 501, "5.5.4"], ["MAIL FROM:<a@b>SIZE=1", 501, "5.5.4"],
  ["MAIL FROM:<.a@b>", 501, "5.1.7"], ["MAIL FROM:<a.@b>", 501, "5.1.7"], ["MAIL FROM:<a..b@c>", 501, "5.1.7"],
  ["MAIL FROM:<a b@c>", 501, "5.1.7"], ["MAIL FROM:<a@b c>", 501, "5.1.7"], ["MAIL FROM:<a@b@c>", 501, "5.1.7"], ["MAIL FROM:<a,b@c>", 501, "5.1.7"],
  ["MAIL FROM:<a@-b>", 501, "5.1.7"], ["MAIL FROM:<a@b-.c>", 501, "5.1.7"], ["MAIL FROM:<a@b.>", 501, "5.1.7"], ["MAIL FROM:<a@.b>", 501, "5.1.7"],
  [`MAIL FROM:<a@${"b".repeat(64)}>`, 501, "5.1.7"], [`MAIL FROM:<a@${"b.".repeat(128)}c>`, 501, "5.1.7"], [`MAIL FROM:<${"a".repeat(256)}@b>`, 501, "5.1.7"],
  ["MAIL FROM:<\"a@b>", 501, "5.1.7"], ["MAIL FROM:<\"a\\", 501, "5.1.7"], ["MAIL FROM:<\"a\"b@c>", 501, "5.1.7"],
  ["MAIL FROM:<a@[1.2.3]>", 501, "5.1.7"], ["MAIL FROM:<a@[256.1.1.1]>", 501, "5.1.7"], ["MAIL FROM:<a@[x:y]>", 501, "5.1.7"], ["MAIL FROM:<a@[1.2.3.4>", 501, "5.1.7"],
  ["MAIL FROM:<@x:>", 501, "5.1.7"], ["MAIL FROM:<@x;a@b>", 501, "5.1.7"], [`MAIL FROM:<${"@x,".repeat(30)}@y:a@b>`, 501, "5.1.7"], ["MAIL FROM:<postmaster>", 501, "5.1.7"],
  ["MAIL FROM:<a@b> FOO", 555, "5.5.4"], ["MAIL FROM:<a@b> NOTIFY=NEVER", 555, "5.5.4"], ["MAIL FROM:<a@b> toString=1", 555, "5.5.4"],
  ["MAIL FROM:<a@b> SIZE", 501, "5.5.4"], ["MAIL FROM:<a@b> SIZE=-1", 501, "5.5.4"], ["MAIL FROM:<a@b> SIZE=1 size=1", 501, "5.5.4"], [`MAIL FROM:<a@b> SIZE=${"1".repeat(21)}`, 501, "5.5.4"],
  ["MAIL FROM:<a@b> BODY=BINARYMIME", 501, "5.5.4"], ["MAIL FROM:<a@b> BODY", 501, "5.5.4"], ["MAIL FROM:<a@b> SMTPUTF8=1", 501, "5.5.4"], ["MAIL FROM:<a@b> RET=SOME", 501, "5.5.4"],
  ["MAIL FROM:<a@b> ENVID=", 501, "5.5.4"], ["MAIL FROM:<a@b> ENVID=+0A", 501, "5.5.4"], ["MAIL FROM:<a@b> ENVID=+2", 501, "5.5.4"], [`MAIL FROM:<a@b> ENVID=${"x".repeat(101)}`, 501, "5.5.4"],
  [`MAIL FROM:<a@b>${" SIZE=1".repeat(21)}`, 501, "5.5.4"],
  ["RCPT TO:<>", 501, "5.1.3"], ["RCPT TO:<bob>", 501, "5.1.3"], ["RCPT FROM:<a@b>", 501, "5.5.4"],
  ["RCPT TO:<a@b> NOTIFY=", 501, "5.5.4"], ["RCPT TO:<a@b> NOTIFY=NEVER,FAILURE", 501, "5.5.4"], ["RCPT TO:<a@b> NOTIFY=ALWAYS", 501, "5.5.4"],
  ["RCPT TO:<a@b> ORCPT=a@b", 501, "5.5.4"], ["RCPT TO:<a@b> ORCPT=rfc822;", 501, "5.5.4"], ["RCPT TO:<a@b> ORCPT=rfc822;a+zz", 501, "5.5.4"], ["RCPT TO:<a@b> ORCPT=utf-8;\\x{D800}", 501, "5.5.4"],
  ["RCPT TO:<a@b> SIZE=1", 555, "5.5.4"],
  ["DATA now", 501, "5.5.4"], ["BDAT", 501, "5.5.4"], ["BDAT -1", 501, "5.5.4"], ["BDAT 1 FIRST", 501, "5.5.4"], ["BDAT 1LAST", 501, "5.5.4"], ["BDAT 9999999999999999", 501, "5.5.4"],
  ["AUTH", 501, "5.5.4"], ["AUTH PLAIN a b", 501, "5.5.4"], ["STARTTLS now", 501, "5.5.4"],
];
test("lines refused", () => {
  for (const [line, code, enhanced] of bad) {
    const parsed = command(line);
    assert.ok(parsed.verb === "", `${line}: ${JSON.stringify(parsed)}`);
    assert.deepEqual([parsed.reply.code, parsed.reply.enhanced], [code, enhanced], `${line}: ${replyText(parsed.reply)}`);
    assert.ok(!parsed.reply.lines[0]!.includes("at byte"), line);
  }
  const latin1 = parseCommand(Buffer.from("MAIL FROM:<\xe9@b>", "latin1"));
  assert.ok(latin1.verb === "" && latin1.reply.code === 500);
});

test("any bytes are a command or a refusal that fits on a line", () => {
  const anyLine = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(fc.constantFrom(...Object.keys(commands)), fc.string({ maxLength: 100, unit: "binary" })).map(([verb, rest]) => Buffer.from(`${verb} ${rest}`)),
    fc.array(fc.constantFrom("MAIL FROM:", "RCPT TO:", "<", ">", "a", "@", ".", "\"", "\\", "[", "]", " SIZE=", "1", " ORCPT=utf-8;", "\\x{", "+", ",", "é"), { maxLength: 20 })
      .map((parts) => Buffer.from(parts.join(""))),
  );
  fc.assert(fc.property(anyLine, (line) => {
    const parsed = parseCommand(line);
    if (parsed.verb === "") assert.match(formatReply(parsed.reply), /^5\d\d 5\.\d\.\d [ -~]{1,498}\r\n$/);
  }), { numRuns: 3000 });
});

const localPart = fc.string({ minLength: 1, maxLength: 30, unit: fc.constantFrom("a", "B", "1", ".", " ", "\"", "\\", "@", "<", "é", "+", "(", ",") });
const domain = fc.constantFrom("x", "mail.example.org", "a-b.c_d", "[192.0.2.1]", "[IPv6:::1]", "bücher.example");
test("an address keeps its parts through its text", () => {
  fc.assert(fc.property(localPart, domain, (local, name) => {
    const { text } = makeAddress(local, name);
    const back = parseMailbox(text);
    assert.deepEqual([back.localPart, back.domain, back.text], [local, name, text]);
    assert.deepEqual(parsePathAt(`<${text}>`, 0).address, back);
  }), { numRuns: 1000 });
});

test("address literals", () => {
  for (const text of ["0.0.0.0", "255.255.255.255"]) assert.ok(isIpv4(text), text);
  for (const text of ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.a", "0001.2.3.4", " 1.2.3.4"]) assert.ok(!isIpv4(text), text);
  for (const text of ["::", "::1", "1::", "2001:db8::8:800:200c:417a", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1::8"]) assert.ok(isIpv6(text), text);
  for (const text of ["", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1::", "g::1", "12345::", "1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", ":1:2:3:4:5:6:7", "1.2.3.4::"]) assert.ok(!isIpv6(text), text);
  assert.equal(parseAddressLiteral("[IPv6:::1]"), "::1");
  assert.equal(parseAddressLiteral("[::1]"), null);
  assert.ok(isDomain("a.b") && isDomain("[1.2.3.4]") && !isDomain("a..b") && !isDomain("") && !isDomain("a b"));
});

test("xtext", () => {
  assert.equal(decodeXtext("a+2B+3Db"), "a+=b");
  assert.equal(encodeXtext("a+=b é"), "a+2B+3Db+20+C3+A9");
  for (const text of ["a b", "+2b", "+", "a=", "\x7f"]) assert.throws(() => decodeXtext(text), WireError, text);
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    assert.equal(decodeXtext(encodeXtext(text)), text);
    assert.equal(decodeUtf8Address(encodeUtf8Address(text)), text);
  }));
});

test("replies are written", () => {
  assert.equal(formatReply(reply(250, "2.0.0", "OK")), "250 2.0.0 OK\r\n");
  assert.equal(formatReply(reply(250, null, "h", "A", "B")), "250-h\r\n250-A\r\n250 B\r\n");
  assert.equal(formatReply(reply(550, "5.1.1", "a\r\n250 OK\0é")), "550 5.1.1 a??250 OK??\r\n");
  assert.equal(formatReply(reply(550, null, "x".repeat(600))).length, 512);
  assert.deepEqual(replyOfStatus("452 4.3.1", "full"), reply(452, "4.3.1", "full"));
});

const replies: [name: string, lines: string[], expected: unknown][] = [
  ["one line", ["250 2.1.0 OK"], reply(250, "2.1.0", "OK")],
  ["several", ["250-h hello", "250-SIZE 10", "250 DSN"], reply(250, null, "h hello", "SIZE 10", "DSN")],
  ["code alone", ["354"], reply(354, null, "")],
  ["enhanced on each line", ["550-5.1.1 no", "550 5.1.1 such"], reply(550, "5.1.1", "no", "such")],
  ["a status of another class is text", ["550 4.2.1 x"], reply(550, null, "4.2.1 x")],
  ["an address is no status", ["250 2.3.4.5 is fine"], reply(250, null, "2.3.4.5 is fine")],
];
test("replies are read", () => {
  for (const [name, lines, expected] of replies) {
    const parser = new ReplyParser();
    const got = lines.map((line) => parser.push(Buffer.from(line)));
    assert.deepEqual(got.slice(0, -1), lines.slice(1).map(() => null), name);
    assert.deepEqual(got.at(-1), expected, name);
  }
  for (const lines of [["hello"], ["99 x"], ["650 x"], ["250x"], [""], ["250-a", "251 b"], Array.from({ length: 300 }, () => "250-x")]) {
    const parser = new ReplyParser();
    assert.throws(() => lines.forEach((line) => parser.push(Buffer.from(line))), WireError, lines[0]);
  }
  const ehlo = reply(250, null, "h", "size 100", "AUTH=PLAIN", "AUTH LOGIN", "8BITMIME", "é");
  assert.deepEqual([...parseCapabilities(ehlo)], [["SIZE", "100"], ["AUTH", "PLAIN"], ["8BITMIME", ""]]);
});

test("what was written is read back", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "B", " ", "9", "-", "."), maxLength: 40 });
  fc.assert(fc.property(fc.integer({ min: 200, max: 599 }), fc.array(text, { minLength: 1, maxLength: 5 }), (code, lines) => {
    const parser = new ReplyParser();
    const status = `${Math.floor(code / 100)}.7.1`;
    const sent = reply(code, [2, 4, 5].includes(Math.floor(code / 100)) ? status : null, ...lines.map((line) => `x${line}`));
    const got = formatReply(sent).split("\r\n").slice(0, -1).map((line) => parser.push(Buffer.from(line)));
    assert.deepEqual(got.at(-1), sent);
  }));
});

test("counted bodies are judged like dotted ones", () => {
  const rows: [text: string, longest: number, lf: number, cr: number, eight: boolean][] = [
    ["", 0, 0, 0, false], ["ab\r\nc\r\n", 4, 0, 0, false], ["a\nb", 3, 1, 0, false], ["a\rb\r\n", 5, 0, 1, false], ["a\r", 2, 0, 1, false],
    ["\xff\r\n", 3, 0, 0, true], ["\r\r\n", 3, 0, 1, false], ["\r\n\n", 2, 1, 0, false],
  ];
  for (const [text, longest, lf, cr, eight] of rows) {
    for (const cut of [1, 2, 100]) {
      const scan = new BodyScan();
      const bytes = Buffer.from(text, "latin1");
      for (let at = 0; at < bytes.length; at += cut) scan.push(bytes.subarray(at, at + cut));
      assert.deepEqual(scan.summary(), {
        sizeBytes: bytes.length, longestLineBytes: longest, bareLfCount: lf, bareCrCount: cr, hasEightBit: eight,
      }, JSON.stringify(text));
    }
  }
});
