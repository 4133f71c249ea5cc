/**
 * Sieve scripts: what they decide, and where they are wrong. Tables follow the examples of RFC 5228 and of each
 * extension; properties show that any text is a script or an error with its place, and that no pattern takes long.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Decision } from "#rules/decisions.ts";
import { settle } from "#rules/decisions.ts";
import { RuleMessage } from "#rules/message.ts";
import { compileSieve } from "#rules/sieve/check.ts";
import { SieveError } from "#rules/sieve/lexer.ts";
import { Budget, matchOne } from "#rules/sieve/match.ts";
import { runSieve } from "#rules/sieve/run.ts";
import type { SieveWorld } from "#rules/sieve/state.ts";
import { commandRows, testRows } from "#rules/sieve/grammar.ts";

const nowMs = Date.UTC(2026, 10, 22, 12, 0, 0);

/** RFC 5228 §9 */
const coyote = `Date: Tue, 1 Apr 1997 09:06:31 -0800 (PST)
From: coyote@desert.example.org
To: roadrunner@acme.example.com
Subject: I have a present for you

Look, I'm sorry about the whole anvil thing, and I really
didn't mean to try and drop it on you from the top of the
cliff.  I want to try to make it up to you.
`;
const youCouldHave = `Date: Sat, 1 Aug 2026 09:06:31 +0200
From: youcouldberich!@reply-by-postal-mail.invalid
To: rube@landru.example.com
Subject: $$$ YOU, TOO, CAN BE A MILLIONAIRE! $$$
X-Caffeine: C8H10N4O2
Received: from a by b; Sat, 1 Aug 2026 09:06:40 +0200
Received: from c by d; Fri, 31 Jul 2026 23:00:00 -0500
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Plain millions
--b
Content-Type: text/html

<p>Html <b>millions</b></p>
--b--
`;

function message(text: string, envelope = { sender: "coyote@desert.example.org", recipient: "ken+lists@example.org" }): RuleMessage {
  return new RuleMessage({ envelope, bytes: Buffer.from(text.replaceAll("\n", "\r\n")), receivedMs: nowMs });
}

const world: SieveWorld = {
  nowMs, zoneMinutes: 60, mailboxExists: (path) => path === "Lists",
  hasSpecialUse: (path, use) => path === null && use === "\\Junk", environment: new Map([["name", "outpost"]]),
};

function run(script: string, text = coyote, more: Partial<SieveWorld> = {}): Decision[] {
  return runSieve(compileSieve(script), message(text), { ...world, ...more });
}

/** What a script comes to, in short: folders with their flags, addresses, refusals. */
function outcome(decisions: readonly Decision[]): string[] {
  const plan = settle(decisions);
  return [
    ...plan.placements.map(({ folder, flags }) => {
      const name = folder.kind === "role" ? folder.role : folder.kind === "path" ? folder.path + (folder.create ? "!" : "")
        : folder.kind === "specialUse" ? `${folder.attribute} or ${folder.path}` : "?";
      return flags.length === 0 ? name : `${name} (${flags.join(" ")})`;
    }),
    ...plan.sends.map((send) => (send.kind === "vacation" ? `vacation ${send.request.seconds}` :
      "addresses" in send ? `${send.kind} ${send.addresses.join(" ")}` : send.kind)),
    ...plan.refusal === null ? [] : [`refuse ${plan.refusal.text}`],
    ...plan.setAside.map(({ reason }) => `set aside: ${reason}`),
  ];
}

const rfcExample = `# Example Sieve Filter
# Declare any optional features or extension used by the script
#
require ["fileinto"];

#
# Handle messages from known mailing lists
# Move messages from IETF filter discussion list to filter mailbox
#
if header :is "Sender" "owner-ietf-mta-filters@imc.org"
        {
        fileinto "filter";  # move to "filter" mailbox
        }
#
# Keep all messages to or from people in my company
#
elsif address :DOMAIN :is ["From", "To"] "example.com"
        {
        keep;               # keep in "In" mailbox
        }

#
# Try and catch unsolicited email.  If a message is not to me,
# or it contains a subject known to be spam, file it away.
#
elsif anyof (NOT address :all :contains
               ["To", "Cc", "Bcc"] "me@example.com",
             header :matches "subject"
               ["*make*money*fast*", "*university*dipl*mas*"])
        {
        fileinto "spam";   # move to "spam" mailbox
        }
else
        {
        # Move all other (non-company) mail to "personal"
        # mailbox.
        fileinto "personal";
        }
`;

const rows: readonly (readonly [what: string, script: string, text: string, expected: string[]])[] = [
  ["no script keeps", "", coyote, ["inbox"]],
  ["comments and white space", "/* a\n * b */ # c\n keep; # d", coyote, ["inbox"]],
  ["RFC 5228 §9 from the company", rfcExample, coyote.replace("acme.example.com", "example.com"), ["inbox"]],
  ["RFC 5228 §9 spam", rfcExample, coyote, ["spam"]],
  ["RFC 5228 §9 personal", rfcExample, coyote.replace("roadrunner@acme.example.com", "me@example.com, a@b.example").replace("me@example.com", "me@example.com.x"), ["personal"]],
  ["RFC 5228 §9 list", rfcExample, `Sender: owner-ietf-mta-filters@imc.org\n${coyote}`, ["filter"]],
  ["RFC 5228 §4.2 redirect", 'redirect "bart@example.com";', coyote, ["redirect bart@example.com"]],
  ["redirect twice is once", 'redirect "b@x.example"; redirect "B@x.example";', coyote, ["redirect b@x.example"]],
  ["redirect five times", 'redirect "a@x.example";redirect "b@x.example";redirect "c@x.example";redirect "d@x.example";redirect "e@x.example";', coyote, ["inbox", "set aside: line 1, column 93: more than 4 redirects"]],
  ["RFC 5228 §4.3 discard", 'if header :contains ["from"] ["coyote@desert"] { discard; }', coyote, []],
  ["discard and keep", "discard; keep;", coyote, ["inbox"]],
  ["RFC 5228 §3.3 stop", 'require "fileinto"; if header :contains "from" "coyote" { stop; } fileinto "x";', coyote, ["inbox"]],
  ["elsif chain", 'require "fileinto"; if false { fileinto "a"; } elsif true { fileinto "b"; } else { fileinto "c"; }', coyote, ["b"]],
  ["else", 'require "fileinto"; if false { fileinto "a"; } elsif false { fileinto "b"; } else { fileinto "c"; }', coyote, ["c"]],
  ["two ifs in a row", 'require "fileinto"; if true { fileinto "a"; } if false { fileinto "b"; } else { fileinto "c"; }', coyote, ["a", "c"]],
  ["the same folder twice", 'require "fileinto"; fileinto "a"; fileinto "a";', coyote, ["a"]],
  ["RFC 5228 §5.1 address", 'if address :is :all "from" "COYOTE@desert.example.org" { discard; }', coyote, []],
  ["address localpart", 'if address :localpart "from" "coyote" { discard; }', coyote, []],
  ["address domain", 'if address :domain :is "from" "desert.example.org" { discard; }', coyote, []],
  ["address of a field with a name", 'if address "from" "a@b.example" { discard; }', 'From: "C, D" <a@b.example>\n\nx', []],
  ["octet comparator minds capitals", 'if header :comparator "i;octet" "subject" "i have a present for you" { discard; }', coyote, ["inbox"]],
  ["casemap is the default", 'if header "subject" "i HAVE a present for you" { discard; }', coyote, []],
  ["header contains empty is existence", 'if header :contains "X-Caffeine" "" { discard; }', youCouldHave, []],
  ["header is empty is not", 'if header :is "X-Caffeine" "" { discard; }', youCouldHave, ["inbox"]],
  ["RFC 5228 §5.5 exists", 'if not exists ["From","Date"] { discard; }', coyote, ["inbox"]],
  ["exists needs all", 'if not exists ["From","X-None"] { discard; }', coyote, []],
  ["encoded words are decoded", 'if header "subject" "Grüße" { discard; }', "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n\nx", []],
  ["size over", "if size :over 100 { discard; }", coyote, []],
  ["size under a quantity", "if size :under 1K { discard; }", coyote, []],
  ["size of its very size", "if anyof (size :over 378, size :under 378) { discard; }", coyote.padEnd(378 - coyote.split("\n").length + 1, "x"), ["inbox"]],
  ["matches with wildcards", 'if header :matches "subject" "I have * present?for*" { discard; }', coyote, []],
  ["matches an escaped star", 'if header :matches "subject" "a\\\\*b" { discard; }', "Subject: a*b\n\nx", []],
  ["matches an escaped star literally", 'if header :matches "subject" "a\\\\*b" { discard; }', "Subject: axb\n\nx", ["inbox"]],
  ["allof", 'if allof (true, not false, header :contains "subject" "present") { discard; }', coyote, []],
  ["text: with dots", 'require "reject"; reject text:\nYou\n..and me\n.\n;', coyote, ["refuse You\r\n.and me\r\n"]],
  ["RFC 5228 §5.4 envelope", 'require "envelope"; if envelope :all :is "from" "coyote@desert.example.org" { discard; }', coyote, []],
  ["RFC 5233 detail", 'require ["envelope","subaddress","fileinto"]; if envelope :detail "to" "lists" { fileinto "Lists"; }', coyote, ["Lists"]],
  ["RFC 5233 user", 'require ["envelope","subaddress"]; if envelope :user "to" "ken" { discard; }', coyote, []],
  ["no detail is no match", 'require ["envelope","subaddress"]; if envelope :detail :contains "from" "" { discard; }', coyote, ["inbox"]],
  ["RFC 5228 §2.4.2.4 hex", 'require "encoded-character"; if header "subject" "${hex:49} have a present${HEX: 20 66}or you" { discard; }', coyote, []],
  ["RFC 5228 §2.4.2.4 unicode", 'require "encoded-character"; if header "subject" "${unicode:40}" { discard; }', "Subject: @\n\nx", []],
  ["encoded-character not required", 'if header "subject" "${hex:49}" { discard; }', "Subject: ${hex:49}\n\nx", []],
  ["RFC 3894 copy", 'require ["copy","fileinto"]; fileinto :copy "a"; redirect :copy "x@y.example";', coyote, ["inbox", "a", "redirect x@y.example"]],
  ["RFC 5490 create", 'require ["mailbox","fileinto"]; if not mailboxexists "Nope" { fileinto :create "Nope"; }', coyote, ["Nope!"]],
  ["mailboxexists", 'require "mailbox"; if mailboxexists "Lists" { discard; }', coyote, []],
  ["RFC 8579 special use", 'require ["special-use","fileinto"]; if specialuse_exists "\\\\Junk" { fileinto :specialuse "\\\\Junk" "Spam"; }', coyote, ["\\Junk or Spam"]],
  ["RFC 5231 count", 'require ["relational","comparator-i;ascii-numeric"]; if header :count "ge" :comparator "i;ascii-numeric" "received" "2" { discard; }', youCouldHave, []],
  ["RFC 5231 value", 'require ["relational","comparator-i;ascii-numeric"]; if header :value "gt" :comparator "i;ascii-numeric" "x-priority" "3" { discard; }', "X-Priority: 5 (low)\n\nx", []],
  ["numbers past 2^53", 'require ["relational","comparator-i;ascii-numeric"]; if header :value "lt" :comparator "i;ascii-numeric" "x" "100000000000000000001" { discard; }', "X: 100000000000000000000\n\nx", []],
  ["no number is infinite", 'require "comparator-i;ascii-numeric"; if header :comparator "i;ascii-numeric" "x" "b" { discard; }', "X: a\n\nx", []],
  ["RFC 5173 raw", 'require "body"; if body :raw :contains "<b>millions</b>" { discard; }', youCouldHave, []],
  ["RFC 5173 text", 'require "body"; if body :text :contains "Html millions" { discard; }', youCouldHave, []],
  ["RFC 5173 content", 'require "body"; if body :content "text/html" :contains "<b>" { discard; }', youCouldHave, []],
  ["RFC 5173 content that is not there", 'require "body"; if body :content "image" :contains "" { discard; }', youCouldHave, ["inbox"]],
  ["RFC 5229 §3 set and expand", 'require ["variables","fileinto"]; set "a" "Lists"; fileinto "${A}/${none}x";', coyote, ["Lists/x"]],
  ["RFC 5229 §3.2 captures", 'require ["variables","fileinto"]; if header :matches "subject" "I have a * for *" { fileinto "${1}-${2}-${0}"; }', coyote, ["present-you-I have a present for you"]],
  ["captures are the shortest", 'require ["variables","fileinto"]; if header :matches "subject" "*/*" { fileinto "${1}|${2}"; }', "Subject: a/b/c\n\nx", ["a|b/c"]],
  ["a question mark is captured", 'require ["variables","fileinto"]; if header :matches "subject" "?*b?" { fileinto "${1}|${2}|${3}"; }', "Subject: xyzbq\n\nx", ["x|yz|q"]],
  ["modifiers in order", 'require ["variables","fileinto"]; set :upperfirst :lower "a" "jUMBled lETteRS"; fileinto "${a}";', coyote, ["Jumbled letters"]],
  ["upper and lowerfirst", 'require ["variables","fileinto"]; set :upper :lowerfirst "a" "juMB"; fileinto "${a}";', coyote, ["jUMB"]],
  ["pieces of a pattern do not overlap", 'if header :matches "subject" "ab*b" { discard; }', "Subject: ab\n\nx", ["inbox"]],
  ["quotewildcard", 'require ["variables","fileinto"]; set :quotewildcard "a" "Rock*"; fileinto "${a}";', coyote, ["Rock\\*"]],
  ["length", 'require ["variables","fileinto"]; set :length "a" "Grüße"; fileinto "${a}";', coyote, ["5"]],
  ["no expansion in a value", 'require ["variables","fileinto"]; set "a" "${"; set "b" "${a}c}"; fileinto "${b}";', coyote, ["${c}"]],
  ["string test", 'require "variables"; set "s" "1"; if string :is "${s}" "1" { discard; }', coyote, []],
  ["RFC 5230 vacation", 'require "vacation"; vacation :days 3 "gone";', coyote, ["inbox", "vacation 259200"]],
  ["vacation of no days is one", 'require "vacation"; vacation :days 0 "gone";', coyote, ["inbox", "vacation 86400"]],
  ["RFC 6131 seconds", 'require "vacation-seconds"; vacation :seconds 1800 "gone";', coyote, ["inbox", "vacation 1800"]],
  ["vacation twice", 'require "vacation"; vacation "a"; vacation "b";', coyote, ["inbox", "set aside: line 1, column 35: vacation stands twice"]],
  ["RFC 5232 implicit keep", 'require "imap4flags"; addflag "\\\\Flagged"; addflag ["$label1 \\\\Seen"];', coyote, ["inbox (\\Flagged $label1 \\Seen)"]],
  ["RFC 5232 :flags", 'require ["imap4flags","fileinto"]; setflag "\\\\Seen"; fileinto :flags "\\\\Deleted" "a"; fileinto "b";', coyote, ["a (\\Deleted)", "b (\\Seen)"]],
  ["RFC 5232 removeflag, hasflag", 'require "imap4flags"; setflag ["a","b"]; removeflag "A"; if not hasflag "a" { if hasflag :contains "B" { discard; } }', coyote, []],
  ["flag variables", 'require ["imap4flags","variables","fileinto"]; addflag "v" "x y"; if hasflag "v" "y" { fileinto :flags "${v}" "a"; }', coyote, ["a (x y)"]],
  ["RFC 5260 date", 'require "date"; if date :zone "+0000" "date" "iso8601" "1997-04-01T17:06:31+00:00" { discard; }', coyote, []],
  ["RFC 5260 original zone", 'require "date"; if date :originalzone "date" "std11" "Tue, 1 Apr 1997 09:06:31 -0800" { discard; }', coyote, []],
  ["RFC 5260 weekday by value", 'require ["date","relational"]; if currentdate :value "ge" "weekday" "1" { keep; } else { discard; }', coyote, []],
  ["RFC 5260 currentdate", 'require "date"; if currentdate "hour" "13" { discard; }', coyote, []],
  ["RFC 5260 julian", 'require "date"; if date :zone "+0000" "date" "julian" "50539" { discard; }', coyote, []],
  ["RFC 5260 index", 'require ["date","index"]; if date :index 1 :last :originalzone "received" "zone" "-0500" { discard; }', youCouldHave, []],
  ["index of a header", 'require "index"; if header :index 2 :contains "received" "from c" { discard; }', youCouldHave, []],
  ["RFC 5429 reject with keep", 'require "reject"; reject "no"; keep;', coyote, ["inbox", "set aside: line 1, column 1: a rejected message can be neither kept, sent on nor answered"]],
  ["RFC 5183 environment", 'require "environment"; if environment "name" "outpost" { discard; }', coyote, []],
  ["environment that is not there", 'require "environment"; if environment :contains "vnd.x" "" { discard; }', coyote, ["inbox"]],
];

for (const [what, script, text, expected] of rows) {
  test(`script: ${what}`, () => assert.deepEqual(outcome(run(script, text)), expected));
}

/** Each with the place it is told at. */
const wrong: readonly (readonly [script: string, message: RegExp])[] = [
  ["keep", /^line 1, column 5: ";" is wanted, and the script ends$/],
  ["keep;\n  frobnicate;", /^line 2, column 3: "frobnicate" is no command$/],
  ['fileinto "a";', /^line 1, column 1: "fileinto" needs require "fileinto"$/],
  ['keep; require "fileinto";', /"require" stands before all other commands/],
  ['require "nope";', /the extension "nope" is not known here/],
  ['require "include";', /not known/],
  ["elsif true { keep; }", /"elsif" follows no "if"/],
  ["if true { keep; } keep; else { keep; }", /"else" follows no "if"/],
  ["if true keep;", /^line 1, column 9: "true" takes no test$/],
  ["if true;", /"if" needs a block/],
  ["keep { }", /"keep" has no block/],
  ["if keep { }", /"keep" is no test/],
  ["if not { }", /"not" needs a test/],
  ["if anyof true { }", /"anyof" takes tests in parentheses/],
  ["if not (true) { }", /"not" takes one test/],
  ['if header "a" { }', /"header" takes 2 arguments, not 1/],
  ['if header :is :contains "a" "b" { }', /":contains" does not go with ":is"/],
  ['if header :is :is "a" "b" { }', /stands twice/],
  ['if header "a" :is "b" { }', /":is" stands before the other arguments/],
  ['if header :regex "a" "b" { }', /"header" does not know ":regex"/],
  ['if header :comparator "i;x" "a" "b" { }', /the comparator "i;x" is not known here/],
  ['if header :comparator "i;ascii-numeric" "a" "b" { }', /needs require "comparator-i;ascii-numeric"/],
  ['require "comparator-i;ascii-numeric"; if header :contains :comparator "i;ascii-numeric" "a" "b" { }', /compares numbers only/],
  ['require "relational"; if header :value "xx" "a" "b" { }', /none of gt, ge/],
  ['redirect "nobody";', /"nobody" is no address/],
  ['redirect "a@b.example, c@d.example";', /is no address/],
  ['redirect ["a@b.example"];', /takes one string, not a list/],
  ["redirect 5;", /takes a string/],
  ['if size "5" { }', /takes a number/],
  ["if size 5 { }", /needs ":over" or ":under"/],
  ["if size :over 5X { }", /is no number/],
  ["if size :over 99999999999999999999 { }", /too large/],
  ['keep; "a', /this string has no end/],
  ["keep; /* a", /this comment has no end/],
  ['require "reject"; reject text:\nabc', /this text has no end/],
  ["keep; !", /does not belong here/],
  ['require "variables"; set "1a" "b";', /is no name of a variable/],
  ['require "encoded-character"; keep; if header "a" "${unicode:d800}" { }', /names a character that is none/],
  ['require "index"; if header :index 0 "a" "b" { }', /counts from 1/],
  ['require ["date"]; if date :index 1 "a" "year" "b" { }', /":index" needs require "index"/],
  ['require "date"; if date "date" "eon" "1" { }', /is no part of a date/],
  ['require "date"; if date :zone "CET" "date" "year" "1" { }', /is no time zone/],
  ['require "envelope"; if envelope "auth" "x" { }', /no part of an envelope/],
  [`${"if true { ".repeat(40)}keep;${" }".repeat(40)}`, /nested more than 32 deep/],
  [`if ${"not ".repeat(10_000)}true { keep; }`, /nested more than 32 deep/],
  [`#${"x".repeat(300_000)}`, /more than 262144 bytes/],
  ["keep;\0", /NUL/],
];

for (const [script, expected] of wrong) {
  test(`wrong: ${script.slice(0, 60).replaceAll("\n", " ")}`, () => {
    assert.throws(() => compileSieve(script), (error: unknown) => {
      assert.ok(error instanceof SieveError);
      assert.match(error.message, expected);
      assert.ok(error.line >= 1 && error.column >= 1);
      return true;
    });
  });
}

test("duplicate remembers, and knows again (RFC 7352)", () => {
  const script = 'require "duplicate"; if duplicate :handle "h" :seconds 60 { discard; }';
  const text = `Message-ID: <1@x>\n${coyote}`;
  const first = run(script, text);
  const remembered = settle(first).remembered;
  assert.equal(remembered.length, 1);
  assert.equal(remembered[0]!.seconds, 60);
  assert.deepEqual(outcome(first), ["inbox"]);
  const isDuplicate = (key: string): boolean => key === remembered[0]!.key;
  assert.deepEqual(outcome(run(script, text, { isDuplicate })), []);
  assert.deepEqual(outcome(run(script, text.replace("<1@x>", "<2@x>"), { isDuplicate })), ["inbox"]);
});

test("a handle stays the same while the text does", () => {
  const handle = (script: string): string => {
    const [send] = settle(run(script)).sends;
    assert.ok(send?.kind === "vacation");
    return send.request.handle;
  };
  const plain = 'require ["vacation","variables"]; if header :matches "subject" "*" { vacation "about ${1}"; }';
  assert.equal(handle(plain), handle(plain));
  assert.notEqual(handle(plain), handle(plain.replace("about", "on")));
  assert.equal(handle('require "vacation"; vacation :handle "x" "a";'), "x");
});

const hostile: readonly (readonly [pattern: string, value: string])[] = [
  ["*a*a*a*a*a*a*a*a*a*a*a*a*b", "a".repeat(200_000)],
  [`${"*?".repeat(200)}b`, "a".repeat(100_000)],
  [`*${"?".repeat(5000)}b*`, "a".repeat(100_000)],
  [`*${"a?".repeat(2500)}b*`, "a".repeat(200_000)],
];

test("hostile patterns are fast, or end", () => {
  for (const [pattern, value] of hostile) {
    const started = performance.now();
    const script = compileSieve(`if header :matches "subject" "${pattern}" { discard; }`);
    const decisions = runSieve(script, message(`Subject: ${value}\n\nx`), world);
    assert.ok(["inbox", "set aside: the script does too much work on this message"]
      .includes(outcome(decisions).at(-1)!), pattern.slice(0, 20));
    assert.ok(performance.now() - started < 1500, `${pattern.slice(0, 20)} took ${performance.now() - started} ms`);
  }
});

test("a script that grows its variables ends", () => {
  const script = `require ["variables","fileinto"]; set "a" "0123456789";\n${'set "a" "${a}${a}${a}";\n'.repeat(50)} fileinto "${"x"}";`;
  assert.deepEqual(outcome(run(script)), ["x"]);
});

test("globs agree with a plain model", () => {
  const part = fc.constantFrom("a", "b", "*", "?", "\\*", "ab");
  fc.assert(fc.property(fc.array(part, { maxLength: 8 }), fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 10 }), (parts, value) => {
    const source = parts.map((one) => (one === "*" ? "[^]*?" : one === "?" ? "[^]" : one)).join("");
    const expected = new RegExp(`^${source}$`).test(value);
    const how = { type: "matches", relation: "eq", comparator: "i;octet" } as const;
    assert.equal(matchOne(value, parts.join(""), how, new Budget(1e6)) !== false, expected);
  }), { numRuns: 2000 });
});

const words = [
  ...Object.keys(commandRows), ...Object.keys(testRows), ":is", ":contains", ":matches", ":comparator", ":copy", ":flags",
  '"subject"', '"*a*"', '"${1}"', '"a@b.example"', "5", "1K", "[", "]", "{", "}", "(", ")", ",", ";", ";", ";",
  'require ["fileinto","variables","imap4flags","body","vacation","envelope","date","index"];',
];

test("any words are a script or an error with its place, and a script runs", () => {
  const text = message(youCouldHave);
  fc.assert(fc.property(fc.array(fc.constantFrom(...words), { maxLength: 30 }), (picked) => {
    try {
      runSieve(compileSieve(picked.join(" ")), text, world);
    } catch (error) {
      assert.ok(error instanceof SieveError, String(error));
    }
  }), { numRuns: 2000 });
});

test("any text is a script or an error with its place", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (script) => {
    try {
      compileSieve(script);
    } catch (error) {
      assert.ok(error instanceof SieveError, String(error));
    }
  }));
});
