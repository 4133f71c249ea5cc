/**
 * IMAP sessions over real sockets against a mailbox in memory: what a client sees for each command, what one client
 * sees of another's changes and when, and that mistakes are refused without harm.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import { FakeMailbox, RawClient, serveFake } from "#serve/imap/test-kit.ts";

const plain = (subject: string, body = "Hello\r\n"): Buffer =>
  Buffer.from(`From: Bob <bob@example.test>\r\nTo: alice@example.test\r\nSubject: ${subject}\r\n` +
    `Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nMessage-ID: <${subject}@x>\r\n\r\n${body}`);

const mixed = Buffer.from([
  "From: Bob <bob@example.test>", "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "MIME-Version: 1.0",
  "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/plain; charset=iso-8859-1",
  "Content-Transfer-Encoding: quoted-printable", "", "Sch=F6ne Gr=\r\n=FC=DFe", "--b",
  "Content-Type: message/rfc822", "",
  "Subject: inner", "X-Deep: yes", "", "inner body", "--b--", "",
].join("\r\n"));

interface Stage {
  readonly mailbox: FakeMailbox;
  readonly client: RawClient;
  readonly other: () => Promise<RawClient>;
  readonly port: number;
  readonly failures: unknown[];
  readonly stop: AbortController;
}

async function onStage(messages: Buffer[], run: (stage: Stage) => Promise<void>, isTls = true): Promise<void> {
  const mailbox = new FakeMailbox();
  for (const bytes of messages) mailbox.deliver(mailbox.byRole("inbox"), bytes);
  await using server = await serveFake(mailbox, isTls);
  const client = isTls ? await RawClient.signedIn(server.port, "SELECT INBOX") : await RawClient.open(server.port);
  const others: RawClient[] = [];
  const other = async (): Promise<RawClient> => {
    others.push(await RawClient.signedIn(server.port, "SELECT INBOX"));
    return others.at(-1)!;
  };
  await run({ mailbox, client, other, ...server });
  client.close();
  for (const one of others) one.close();
  assert.deepEqual(server.failures, []);
}

/** Runs `[command, answer]` rows; an answer is what must stand in the text, or must not after `!`. */
async function script(client: RawClient, rows: readonly (readonly [string, ...(string | RegExp)[]])[]): Promise<void> {
  for (const [command, ...expected] of rows) {
    const text = await client.run(command);
    for (const one of expected) {
      if (one instanceof RegExp) assert.match(text, one, command);
      else if (one.startsWith("!")) assert.ok(!text.includes(one.slice(1)), `${command}: ${text}`);
      else assert.ok(text.includes(one), `${command}\nwanted ${one}\ngot ${text}`);
    }
  }
}

test("no sign-in without TLS", () => onStage([], async ({ client }) => {
  await script(client, [
    ["CAPABILITY", "STARTTLS LOGINDISABLED", "!AUTH="],
    ["LOGIN alice secret", "t NO [PRIVACYREQUIRED]"],
    ["AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "t NO [PRIVACYREQUIRED]"],
    ["SELECT INBOX", "t BAD"],
  ]);
  // What is sent ahead of the handshake counts for nothing.
  client.send("a STARTTLS\r\nb NOOP\r\n");
  await client.until(/a OK .*\r\n/);
  await script(client, [["CAPABILITY", "AUTH=PLAIN AUTH=LOGIN", "!STARTTLS", "!b OK"], ["STARTTLS", "t BAD"]]);
}, false));

test("signing in", () => onStage([], async ({ port }) => {
  const rows: [string, string[], string][] = [
    ["LOGIN alice secret", [], "t OK [CAPABILITY IMAP4rev1"],
    ["LOGIN {5}", ["alice {6}", "secret"], "t OK"],
    ["AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", [], "t OK"],
    ["AUTHENTICATE PLAIN", ["AGFsaWNlAHNlY3JldA=="], "t OK"],
    ["AUTHENTICATE LOGIN", ["YWxpY2U=", "c2VjcmV0"], "t OK"],
    ["AUTHENTICATE LOGIN YWxpY2U=", ["c2VjcmV0"], "t OK"],
    ["AUTHENTICATE PLAIN", ["*"], "t BAD"],
    ["AUTHENTICATE PLAIN", ["!!!"], "t BAD"],
    ["AUTHENTICATE PLAIN Ym9iAGFsaWNlAHNlY3JldA==", [], "t NO [AUTHORIZATIONFAILED]"],
    ["AUTHENTICATE GSSAPI", [], "t NO [CANNOT]"],
    ["LOGIN alice wrong", [], "t NO [AUTHENTICATIONFAILED]"],
  ];
  for (const [command, literals, expected] of rows) {
    const client = await RawClient.open(port);
    const text = await client.run(command, ...literals);
    assert.ok(text.includes(expected), `${command}: ${text}`);
    client.close();
  }
  const guesser = await RawClient.open(port);
  for (let guess = 1; guess < limits.badSignInsPerConnectionMax; guess++) await guesser.run("LOGIN alice x");
  assert.match(await guesser.run("LOGIN alice x"), /^\* BYE .*\r\nt NO/);
  await guesser.closed();
}));

test("SELECT, EXAMINE, STATUS and what is told", () => onStage([plain("a"), plain("b")], async ({ client }) => {
  await script(client, [
    ["SELECT inbox", "* OK [CLOSED]", "* 2 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 1]", "[UIDVALIDITY 77]", "[UIDNEXT 3]",
      "[HIGHESTMODSEQ 3]", "$MDNSent $Junk $NotJunk \\*)]", "t OK [READ-WRITE]"],
    ["EXAMINE INBOX", "[PERMANENTFLAGS ()]", "t OK [READ-ONLY]"],
    ["STORE 1 +FLAGS \\Seen", "t NO"], ["EXPUNGE", "t NO"], ["UID MOVE 1 Drafts", "t NO"],
    ["FETCH 1 BODY[TEXT]", "!\\Seen", "t OK"],
    ["STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ SIZE DELETED)",
      /\* STATUS INBOX \(MESSAGES 2 RECENT 0 UIDNEXT 3 UIDVALIDITY 77 UNSEEN 2 HIGHESTMODSEQ 3 SIZE \d+ DELETED 0\)/],
    ["SELECT nowhere", "t NO [NONEXISTENT]"], ["FETCH 1 FLAGS", "t BAD"], ["SELECT calendar", "t OK [READ-ONLY]"],
    ["SELECT INBOX (CONDSTORE)", "t OK"], ["FETCH 1 FLAGS", "MODSEQ (2)"], ["UNSELECT", "t OK"], ["CLOSE", "t BAD"],
    ["ID (\"name\" \"x\")", '* ID ("name" "Outpost"'], ["NAMESPACE", '* NAMESPACE (("" "/")) NIL NIL'],
    ["ENABLE CONDSTORE X", "* ENABLED CONDSTORE\r\n"], ["LOGIN a b", "t BAD"],
  ]);
}));

test("FETCH of every kind", () => onStage([mixed, plain("b", "")], async ({ client, mailbox }) => {
  const text = mixed.toString("latin1");
  const header = text.slice(0, text.indexOf("\r\n\r\n") + 4);
  const size = (part: string): string => `{${Buffer.byteLength(part, "latin1")}}\r\n${part}`;
  await script(client, [
    ["FETCH 1 (UID RFC822.SIZE INTERNALDATE FLAGS)",
      `* 1 FETCH (UID 1 RFC822.SIZE ${mixed.length} INTERNALDATE " 2-Jan-2024 03:04:05 +0000" FLAGS ())`],
    ["FETCH 1 BODY.PEEK[]", `* 1 FETCH (BODY[] ${size(text)})`, "!\\Seen"],
    ["FETCH 1 BODY.PEEK[HEADER]", `BODY[HEADER] ${size(header)}`],
    ["FETCH 1 RFC822.HEADER", `RFC822.HEADER ${size(header)}`],
    ["FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject x-no)]",
      `BODY[HEADER.FIELDS (Subject x-no)] ${size("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\n")}`],
    ["FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (from subject content-type)]", size("MIME-Version: 1.0\r\n\r\n")],
    ["FETCH 1 BODY.PEEK[1]", `BODY[1] ${size("Sch=F6ne Gr=\r\n=FC=DFe")}`],
    ["FETCH 1 BODY.PEEK[1.MIME]",
      size("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")],
    ["FETCH 1 BODY.PEEK[2.HEADER]", size("Subject: inner\r\nX-Deep: yes\r\n\r\n")],
    ["FETCH 1 BODY.PEEK[2.TEXT]", size("inner body")], ["FETCH 1 BODY.PEEK[2.1]", size("inner body")],
    ["FETCH 1 BODY.PEEK[2.HEADER.FIELDS (x-deep)]", size("X-Deep: yes\r\n\r\n")],
    ["FETCH 1 BODY.PEEK[3]", "BODY[3] NIL"], ["FETCH 1 BODY.PEEK[1.1]", "BODY[1.1] NIL"],
    ["FETCH 1 BODY.PEEK[1.TEXT]", "BODY[1.TEXT] NIL"],
    ["FETCH 1 BODY.PEEK[]<5.10>", `BODY[]<5> ${size(text.slice(5, 15))}`],
    ["FETCH 1 BODY.PEEK[]<99999.10>", "BODY[]<99999> {0}\r\n)"],
    ["FETCH 2 BODY.PEEK[1]", "BODY[1] {0}\r\n"], ["FETCH 2 BODY.PEEK[1.MIME]", "Subject: b"],
    ["FETCH 1 BODYSTRUCTURE",
      'BODYSTRUCTURE (("text" "plain" ("charset" "iso-8859-1") NIL NIL "quoted-printable" 21 1'],
    ["FETCH 1:* ENVELOPE", '"=?utf-8?Q?Gr=C3=BC=C3=9Fe?="', '(("Bob" NIL "bob" "example.test"))', '"<b@x>"'],
    ["FETCH 1 BODY[TEXT]", "FLAGS (\\Seen)"], ["FETCH 1 BODY[TEXT]", "!FLAGS"],
    ["UID FETCH 2:* FLAGS", "* 2 FETCH (UID 2 FLAGS ())"], ["UID FETCH 9:* FLAGS", "* 2 FETCH (UID 2"],
    ["UID FETCH 9 FLAGS", "!FETCH (", "t OK"], ["FETCH 3 FLAGS", "t BAD"], ["FETCH 2:9 FLAGS", "!FETCH (", "t BAD"],
    ["FETCH 1 FULL", " BODY ((", "ENVELOPE ("],
  ]);
  assert.equal(mailbox.byRole("inbox").messages[0]!.flags, messageFlags.seen);
}));

test("STORE and CONDSTORE", () => onStage([plain("a"), plain("b"), plain("c")], async ({ client, mailbox }) => {
  await script(client, [
    ["STORE 1:2 +FLAGS (\\Seen $Forwarded Work&ACA-x)",
      "* 1 FETCH (UID 1 FLAGS (\\Seen $Forwarded Work&ACA-x))\r\n* 2 FETCH (UID 2", "!MODSEQ"],
    ["UID STORE 2 -FLAGS.SILENT Work&ACA-x", "!FETCH"],
    ["STORE 1 FLAGS $MDNSent", /^\* 1 FETCH \(UID 1 FLAGS \(\$MDNSent\)\)\r\nt OK/],
    ["NOOP", "!FETCH"],
    ["FETCH 1:* (FLAGS) (CHANGEDSINCE 4)", "* 1 FETCH (FLAGS ($MDNSent) MODSEQ (7))", "!* 3 FETCH"],
    ["STORE 1:3 (UNCHANGEDSINCE 4) +FLAGS.SILENT \\Flagged", "t OK [MODIFIED 1:2]", "* 3 FETCH (UID 3 MODSEQ (8))"],
    ["UID STORE 1 (UNCHANGEDSINCE 0) +FLAGS x", "t OK [MODIFIED 1]"],
    ["SEARCH MODSEQ 8", "* SEARCH 3 (MODSEQ 8)"], ["SEARCH MODSEQ 900", "* SEARCH\r\n"],
    ["FETCH 3 (UID MODSEQ)", "* 3 FETCH (UID 3 MODSEQ (8))"],
    ["STATUS INBOX (HIGHESTMODSEQ)", "HIGHESTMODSEQ 9"],
  ]);
  assert.deepEqual(mailbox.byRole("inbox").messages[0]!.keywords, []);
}));

const four = ["a", "b", "c", "d"].map((subject) => plain(subject));

test("numbers stand still until they may move", () => onStage(four, async ({ client, other, mailbox }) => {
  const second = await other();
  await second.run("UID STORE 2 +FLAGS (\\Deleted)");
  await second.run("EXPUNGE");
  mailbox.deliver(mailbox.byRole("inbox"), plain("e"));
  await script(client, [
    ["FETCH 3 UID", "* 3 FETCH (UID 3)", "* 5 EXISTS", "!EXPUNGE"],
    ["STORE 4 +FLAGS \\Seen", "* 4 FETCH (UID 4", "!* 2 EXPUNGE", "t OK [EXPUNGEISSUED]"],
    ["SEARCH ALL", "* SEARCH 1 3 4 5"],
    ["UID FETCH 5 FLAGS", "* 5 FETCH (UID 5", "* 2 EXPUNGE"], ["FETCH 3 UID", "* 3 FETCH (UID 4)"],
  ]);
  assert.match(await second.run("NOOP"), /\* 4 EXISTS\r\n\* 3 FETCH \(UID 4 FLAGS \(\\Seen\)\)/);
}));

test("IDLE tells at once", () => onStage([plain("a"), plain("b")], async ({ client, mailbox, other }) => {
  client.send("i IDLE\r\n");
  await client.until(/^\+ idling\r\n/);
  mailbox.deliver(mailbox.byRole("inbox"), plain("c"));
  await client.until(/^\* 3 EXISTS\r\n\* 1 RECENT\r\n/);
  const second = await other();
  await second.run("STORE 1 FLAGS (\\Deleted \\Seen)");
  await client.until(/^\* 1 FETCH \(UID 1 FLAGS \(\\Deleted \\Seen\)\)\r\n/);
  await second.run("EXPUNGE");
  await client.until(/^\* 1 EXPUNGE\r\n/);
  client.send("DONE\r\n");
  await client.until(/^i OK .*\r\n/);
  client.send("j IDLE\r\nWHAT\r\nk NOOP\r\nl IDLE\r\nDONE\r\n");
  await client.until(/j BAD .*\r\nk OK .*\r\n\+ idling\r\nl OK .*\r\n/);
}));

test("folders: CREATE, RENAME, DELETE, LIST, LSUB", () => onStage([plain("a")], async ({ client, mailbox }) => {
  const odd = { parentId: mailbox.byRole("ipmSubtree").folderId, role: null, containerClass: "IPF.Note" };
  const api = mailbox.open();
  await api.createFolder(null as never, { ...odd, name: "a/b" });
  await api.createFolder(null as never, { ...odd, name: "inbox" });
  await script(client, [
    ['LIST "" ""', '* LIST (\\Noselect) "/" ""'],
    ['LIST "" *', '* LIST (\\HasNoChildren) "/" INBOX', '(\\HasNoChildren \\Sent) "/" "Sent Items"',
      '(\\HasNoChildren \\Trash) "/" deletedItems', '"/" a&IhU-b', '"/" inbox~', "!calendar", "!outbox", "!quickSteps",
      "!syncIssues", "!Posteingang", "!commonViews"],
    ["CREATE x/y/&ANw-/", "t OK"], ["CREATE X/Y", "t NO [ALREADYEXISTS]"], ["CREATE inbox", "t NO [ALREADYEXISTS]"],
    ["CREATE calendar", "t NO [ALREADYEXISTS]"], ["CREATE calendar/x", "t NO [CANNOT]"],
    ["CREATE a//b", "t NO [CANNOT]"],
    ["CREATE q (USE (\\Sent))", "t NO [USEATTR]"], ["CREATE /", "t NO [CANNOT]"], ["CREATE INBOX/sub", "t OK"],
    ['LIST "" %', '(\\HasChildren) "/" x\r\n', "!x/y", '(\\HasChildren) "/" INBOX'],
    ['LIST x/ %', '"/" x/y\r\n', "!&ANw-"], ['LIST "" x/*', "x/y/&ANw-"], ['LIST "" inbox', "INBOX"],
    ['LIST "" (x "Sent Items") RETURN (STATUS (MESSAGES))', "* STATUS x (MESSAGES 0)",
      '* STATUS "Sent Items" (MESSAGES 0)'],
    ['LIST (SPECIAL-USE) "" *', "\\Drafts", "\\Junk", "\\Archive", "!INBOX"],
    ["SUBSCRIBE x/y", "t OK"], ["SUBSCRIBE gone/away", "t OK"],
    ['LSUB "" *', '() "/" x/y', '() "/" gone/away', '() "/" INBOX'],
    ['LSUB "" %', '(\\Noselect) "/" x\r\n'], ["UNSUBSCRIBE INBOX", "t OK"], ['LSUB "" *', "!INBOX"],
    ['LIST (SUBSCRIBED) "" *', '(\\HasChildren \\Subscribed) "/" x/y',
      '(\\NonExistent \\Subscribed) "/" gone/away', "!INBOX"],
    ['LIST (SUBSCRIBED RECURSIVEMATCH) "" %', '(\\HasChildren) "/" x (CHILDINFO ("SUBSCRIBED"))'],
    ['LIST "" * RETURN (SUBSCRIBED)', '\\Subscribed) "/" x/y'],
    ["DELETE x", "t NO [HASCHILDREN]"], ["DELETE INBOX", "t NO [CANNOT]"], ["DELETE nowhere", "t NO [NONEXISTENT]"],
    ["RENAME x z/w", "t OK"], ['LIST "" *', "z/w/y/&ANw-"], ["RENAME z z", "t OK"], ["RENAME z Z", "t OK"],
    ["RENAME nowhere q", "t NO [NONEXISTENT]"], ["RENAME Z INBOX", "t NO [ALREADYEXISTS]"],
    ["RENAME \"Sent Items\" q", "t NO [CANNOT]"], ["DELETE Z/w/y/&ANw-", "t OK"],
    ["RENAME inbox old/mail", "* 1 EXPUNGE", "t OK"], ["STATUS old/mail (MESSAGES)", "MESSAGES 1"],
    ["SELECT old/mail", "* 1 EXISTS"], ["DELETE old/mail", "t OK"], ["CHECK", "t BAD"],
  ]);
}));

test("APPEND, COPY, MOVE, EXPUNGE with their UIDs", () => onStage([plain("a"), plain("b")], async (stage) => {
  const { client, mailbox, other } = stage;
  assert.match(await client.run('APPEND INBOX (\\Seen k) "17-Jul-1996 02:44:25 -0700" {9}', "a: b\r\n\r\nc"),
    /\* 3 EXISTS\r\n\* 1 RECENT\r\n\* FLAGS \(.* k\)\r\n.*\(.* k \\\*\)\] .*\r\nt OK \[APPENDUID 77 3\]/);
  const [appended] = mailbox.byRole("inbox").messages.slice(-1);
  assert.equal(mailbox.contents.get(appended!.contentId)!.toString(), "a: b\r\n\r\nc");
  assert.equal(appended!.internalMs, Date.UTC(1996, 6, 17, 9, 44, 25));
  assert.deepEqual([appended!.flags, appended!.keywords], [messageFlags.seen, ["k"]]);
  client.send("n APPEND nowhere {3+}\r\nabc\r\nt NOOP\r\n");
  await client.until(/n NO \[TRYCREATE\].*\r\nt OK .*\r\n/);
  await script(client, [
    ["APPEND nowhere {3}", "t NO [TRYCREATE]"], ["APPEND INBOX {999999999}", "t NO [TOOBIG]"],
    ["APPEND INBOX {0}", "t NO"], ["COPY 1 nowhere", "t NO [TRYCREATE]"],
    ["COPY 1:2 drafts", "t OK [COPYUID 77 1:2 1:2]"], ["UID COPY 99 drafts", "t OK", "!COPYUID"],
    ["UID MOVE 1 drafts", "* OK [COPYUID 77 1 3] Moved.\r\n* 1 EXPUNGE\r\nt OK"],
    ["STORE 1:2 +FLAGS.SILENT \\Deleted", "t OK"], ["UID EXPUNGE 3:9", "* 2 EXPUNGE", "!* 1 EXPUNGE"],
    ["EXPUNGE", "* 1 EXPUNGE"], ["COPY 1:* drafts", "t OK"],
  ]);
  mailbox.limitBytes = 2;
  await script(client, [["APPEND INBOX {3}", "t NO [OVERQUOTA]"]]);
  mailbox.limitBytes = null;
  const second = await other();
  await second.run("APPEND INBOX {1}", "x");
  await second.run("STORE 1 +FLAGS \\Deleted");
  assert.doesNotMatch(await second.run("CLOSE"), /EXPUNGE/);
  await script(client, [["NOOP", "!EXISTS"]]);
  assert.equal(mailbox.byRole("inbox").messages.length, 0);
}));

test("a large message passes through both ways unchanged", () => onStage([], async ({ client, mailbox }) => {
  const body = `a: b\r\n\r\n${"\0\xff\r\n)x".repeat(500_000)}`;
  assert.match(await client.run(`APPEND INBOX {${body.length}}`, body), /t OK \[APPENDUID/);
  const kept = mailbox.contents.get(mailbox.byRole("inbox").messages[0]!.contentId)!;
  assert.equal(Buffer.from(kept).toString("latin1"), body);
  const answer = `* 1 FETCH (BODY[] {${body.length}}\r\n${body})\r\nt OK Fetched.\r\n`;
  assert.equal(await client.run("FETCH 1 BODY.PEEK[]"), answer);
}));

test("SEARCH", () => onStage([mixed, plain("second", "needle in a\r\nhaystack"), plain("third")], async (stage) => {
  const { client, mailbox } = stage;
  const [first, , third] = mailbox.byRole("inbox").messages;
  Object.assign(first!, { flags: messageFlags.seen | messageFlags.forwarded, keywords: ["Work"] });
  Object.assign(third!, { internalMs: Date.UTC(2020, 1, 1, 12) });
  const rows: [string, string][] = [
    ["ALL", "1 2 3"], ["UNSEEN", "2 3"], ["NEW", ""], ["OLD", "1 2 3"], ["KEYWORD work", "1"],
    ["UNKEYWORD WORK", "2 3"],
    ["KEYWORD $Forwarded", "1"], ["SUBJECT gr\xc3\xbc\xc3\x9fe", "1"], ["SUBJECT SECOND", "2"], ["FROM bob@", "1 2 3"],
    ['FROM "bob <bob"', "1 2 3"], ["TO alice", "2 3"], ["CC alice", ""],
    ["BODY Needle", "2"], ["BODY sch\xc3\xb6ne", "1"],
    ["BODY \"inner body\"", "1"], ["BODY X-Deep", "1"], ["BODY bob", ""], ["TEXT bob", "1 2 3"], ["TEXT haystack", "2"],
    ['BODY "gr\xc3\xbc\xc3\x9fe"', "1"], ['BODY ""', "1 2 3"],
    ['HEADER Message-ID ""', "2 3"], ["HEADER message-id <third", "3"], ["HEADER X-Deep yes", ""],
    ["NOT (OR SUBJECT second SUBJECT third)", "1"], ["LARGER 300", "1"], ["SMALLER 300", "2 3"], ["2:*", "2 3"],
    ["UID 1,3", "1 3"], ["NOT UID 1", "2 3"], ["ON 1-Feb-2020", "3"], ["BEFORE 2-Feb-2020", "3"],
    ["SINCE 2-Feb-2020", "1 2"],
    ["SENTON 17-Jul-1996", "2 3"], ["SENTSINCE 18-Jul-1996", ""], ["SENTBEFORE 18-Jul-1996", "2 3"],
    ["YOUNGER 100", ""], ["OLDER 100", "1 2 3"], ["2 SUBJECT second UNSEEN", "2"], ["OR 1 SUBJECT third", "1 3"],
  ];
  for (const [keys, expected] of rows) {
    const text = await client.run(`SEARCH ${keys}`);
    assert.equal(text, `* SEARCH${expected === "" ? "" : ` ${expected}`}\r\nt OK Searched.\r\n`, keys);
  }
  await script(client, [
    ["SEARCH CHARSET X-NO SEEN", "t NO [BADCHARSET (UTF-8 US-ASCII)]"],
    [`SEARCH BODY "${"x".repeat(limits.searchTermMaxCharacters + 1)}"`, "t NO [LIMIT]"],
    ["UID SEARCH RETURN (MIN MAX COUNT ALL) ALL", '* ESEARCH (TAG "t") UID COUNT 3 MIN 1 MAX 3 ALL 1:3\r\n'],
    ["SEARCH RETURN (MIN COUNT) KEYWORD no", '* ESEARCH (TAG "t") COUNT 0\r\n'],
  ]);
  assert.match(await client.run("SEARCH CHARSET ISO-8859-1 BODY {6}", "sch\xf6ne"), /\* SEARCH 1\r\n/);
}));

test("commands sent ahead run in order, mistakes between them too", () => onStage([plain("a")], async ({ client }) => {
  client.send('1 NOOP\r\n2 BOGUS {3+}\r\nx)\r y\r\n\r\n3 FETCH 1 (FLAGS\r\n' +
    '4 APPEND INBOX {5+}\r\na: b\n\r\n5 FETCH 2 UID\r\n6 LOGOUT\r\n');
  const text = await client.closed();
  assert.match(text, /^1 OK .*\r\n2 BAD .*\r\n\* BAD .*\r\n3 BAD .*\r\n\* 2 EXISTS\r\n\* 1 RECENT\r\n4 OK .*\r\n/);
  assert.match(text, /4 OK .*\r\n\* 2 FETCH \(UID 2\)\r\n5 OK/);
  assert.match(text, /\* BYE .*\r\n6 OK .*\r\n$/);
}));

test("a connection of mistakes ends, a stopping server says so, a deleted folder too", async () => {
  await onStage([], async ({ client }) => {
    for (let count = 1; count < limits.badCommandsMax; count++) await client.run("BOGUS");
    assert.match(await client.run("BOGUS"), /t BAD/);
    assert.match(await client.closed(), /^\* BYE /);
  });
  await onStage([], async ({ client, other, stop }) => {
    const idler = await other();
    idler.send("i IDLE\r\n");
    await idler.until(/\+ idling/);
    stop.abort();
    assert.match(await client.closed(), /\* BYE \[UNAVAILABLE\] The server is stopping/);
    assert.match(await idler.closed(), /\* BYE \[UNAVAILABLE\]/);
  });
  await onStage([], async ({ client, other }) => {
    const second = await other();
    await second.run("CREATE x");
    await client.run("SELECT x");
    await second.run("DELETE x");
    client.send("i IDLE\r\n");
    assert.match(await client.closed(), /\* BYE The selected folder was deleted/);
  });
});

test("a folder of 100,000 messages is fetched without much memory", () => onStage([], async ({ client, mailbox }) => {
  const inbox = mailbox.byRole("inbox");
  const template = mailbox.deliver(inbox, plain("a"));
  type OwnUid = typeof template.uid;
  inbox.messages = Array.from({ length: 100_000 }, (_, index) => ({ ...template, uid: (index + 1) as OwnUid }));
  inbox.uidNext = 100_001;
  await client.run("SELECT INBOX");
  const text = await client.run("FETCH 1:* (FLAGS)");
  assert.equal(text.split("\r\n").length, 100_002);
  assert.match(text, /\* 100000 FETCH \(FLAGS \(\\Recent\)\)\r\nt OK/);
}));
