/** Every decoder of the server that meets bytes of strangers, one row each: where examples come from, what to run. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault, WireError } from "#base/fault.ts";
import { decodeAppointmentRecur, decodeTaskRecurrence } from "#calendar/recurrence/blob.ts";
import { Series } from "#calendar/recurrence/expand.ts";
import { recurrenceOf, recurrenceOfPattern } from "#calendar/recurrence/from-blob.ts";
import { recurrenceOfRule } from "#calendar/recurrence/from-rule.ts";
import { zoneOfDefinition, zoneOfStruct } from "#calendar/zones/definition.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { decodeTimeZoneDefinition, decodeTimeZoneStruct } from "#calendar/zones/tables.ts";
import { readVtimezone } from "#calendar/zones/vtimezone-read.ts";
import { DotReader } from "#codec/text/dot-reader.ts";
import { LineReader } from "#codec/text/line-reader.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import { calendarOf, readCalendarInto } from "#convert/ical/mime-plug.ts";
import { fromMime } from "#convert/mime/from-mime.ts";
import { decodeFlatEntryList, decodeOneOff } from "#convert/mime/one-off.ts";
import { toMime } from "#convert/mime/to-mime.ts";
import { readMsgItem, writeMsgItem } from "#convert/msg.ts";
import { readTnef } from "#convert/tnef.ts";
import { readTodos } from "#convert/todo/read.ts";
import { writeTodos } from "#convert/todo/write.ts";
import { readVcards } from "#convert/vcard/read.ts";
import { writeVcards } from "#convert/vcard/write.ts";
import { cleanHtml } from "#format/html/clean.ts";
import { htmlToText } from "#format/html/to-text.ts";
import { displayAddresses, parseAddresses } from "#format/mime/addresses.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { parseDate } from "#format/mime/date.ts";
import { decodeTransfer } from "#format/mime/decode.ts";
import { headerFieldsSlice } from "#format/mime/header-slice.ts";
import { headerFields } from "#format/mime/headers.ts";
import { createMimeIndexer, indexMessage } from "#format/mime/indexer.ts";
import { parseParameterized } from "#format/mime/parameters.ts";
import { summarize } from "#format/mime/summary.ts";
import { decodeWords, encodeWords } from "#format/mime/words.ts";
import { readMsg } from "#format/msg/read.ts";
import { compressRtf, decompressRtf, rtfCrc } from "#format/rtf/compressed.ts";
import { readRtfBody } from "#format/rtf/de-encapsulate.ts";
import { rtfToText } from "#format/rtf/to-text.ts";
import { decodeTnef } from "#format/tnef/decode.ts";
import { decodeBag, encodeBag } from "#props/bag.ts";
import { CommandReader } from "#wire/imap/reader.ts";
import { parsePop3Command } from "#wire/pop3/command.ts";
import { DotStuffer, TopCutter } from "#wire/pop3/content.ts";
import { BodyScan } from "#wire/smtp/body-scan.ts";
import { parseCommand } from "#wire/smtp/command.ts";
import { parseCapabilities, ReplyParser } from "#wire/smtp/reply.ts";
import { protocolTargets } from "./targets-protocols.ts";
import type { Recurrence } from "#calendar/recurrence/model.ts";
import type { ItemBag } from "#convert/item.ts";
import type { Material } from "./mutate.ts";

export interface Target {
  /** Corpus folder and file names that examples come from. */
  readonly corpus?: readonly [folder: string, names: RegExp];
  /** Examples by hand, latin1. */
  readonly examples?: readonly string[];
  /** Examples made by our own encoder, for formats that no file of the corpus holds alone. */
  readonly made?: () => readonly Uint8Array[];
  readonly tokens?: readonly string[];
  readonly isText?: boolean;
  readonly inputMaxBytes?: number;
  readonly repair?: (bytes: Buffer) => Buffer;
  /** Gives a value or throws WireError or Fault, in less than a second, in bounded memory. */
  readonly run: (bytes: Buffer) => unknown;
}

const corpusFolder = process.env["OUTPOST_CORPUS"] ?? "../shared/corpus";
/** Of a decoder that does not say how long its inputs may be. */
const seedMaxBytes = 256 * 1024;

function assertSame(actual: unknown, expected: unknown, what: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) throw new Error(`${what} differ`);
}

/** Places to cut bytes at, made of the bytes themselves so that a failure can be repeated. */
function* cuts(bytes: Buffer): Generator<Buffer> {
  let state = bytes.length;
  for (let at = 0; at < bytes.length;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345 + bytes[at]!) >>> 0;
    const end = at + 1 + (state >>> 16) % ((state & 3) === 0 ? 3 : 4000);
    yield bytes.subarray(at, end);
    at = end;
  }
}

function mimeIndex(bytes: Buffer): void {
  const whole = indexMessage(bytes);
  summarize(whole.index);
  const indexer = createMimeIndexer();
  // What is pushed is overwritten at once: nothing may be kept of it.
  for (const piece of cuts(bytes)) {
    const copy = Buffer.from(piece);
    indexer.push(copy);
    copy.fill(0x2d);
  }
  assertSame(indexer.end(), whole, "the index of the whole and of the pieces");
}

function mimeItem(bytes: Buffer): void {
  const item = fromMime(indexMessage(bytes).index, (start, end) => bytes.subarray(start, end), {
    readCalendar: (text, into) => readCalendarInto(text, into),
  });
  drain(toMime(item, { includeBcc: true, plainFromHtml: true, writeCalendar: (one) => calendarOf(one) }));
}

function drain(chunks: Iterable<Uint8Array>): void {
  for (const chunk of chunks) if (chunk.length > 1 << 26) throw new Error("a piece is not a piece");
}

/** What a decoder gave is written again; items that only a damaged file makes may be refused by name. */
function refusable(body: () => unknown): void {
  try {
    body();
  } catch (error) {
    if (!(error instanceof Fault) && !(error instanceof WireError)) throw error;
  }
}

function itemOut(item: ItemBag): void {
  refusable(() => drain(toMime(item)));
  refusable(() => writeMsgItem(item));
}

const berlin = ianaZone("Europe/Berlin")!;
const year2024 = Date.UTC(2024, 0, 1);

function expand(recurrence: Recurrence): void {
  refusable(() => {
    const series = new Series(recurrence, berlin);
    series.expand({ fromUtcMs: year2024, toUtcMs: year2024 + 400 * 86_400_000 }, 1000);
    series.occurrenceOf(recurrence.start);
  });
}

function rule(bytes: Buffer): void {
  const result = recurrenceOfRule({
    rules: bytes.toString("utf8").split("\n"), start: 223_000_000 + bytes.length, durationMinutes: 30, zone: berlin,
  });
  if (result.kind === "mapped") expand(result.recurrence);
}

function lines(bytes: Buffer): void {
  const told = (pieces: Iterable<Buffer>): string[] => {
    const reader = new LineReader({ lineLengthMaxBytes: 300 });
    const out: string[] = [];
    let text = "";
    for (const piece of pieces) {
      reader.push(piece);
      for (let event = reader.next(); event !== undefined; event = reader.next()) {
        if (event.kind === "line" || event.kind === "error") {
          const head = event.kind === "line" ? event.bytes : event.head;
          const line = Buffer.from(head).toString("latin1");
          out.push(`${event.kind} ${line}`);
          const size = /\{(\d{1,6})\}$/.exec(line);
          if (event.kind === "line" && size !== null) reader.expectExact(Number(size[1]));
          else if (event.kind === "line" && line === "DATA") reader.expectDotted();
        } else if (event.kind === "end") {
          out.push(`data ${text} ${JSON.stringify(event.summary)}`);
          text = "";
        } else {
          text += Buffer.from(event.bytes).toString("latin1");
          if (event.kind === "literal" && event.remaining === 0) {
            out.push(`literal ${text}`);
            text = "";
          }
        }
      }
    }
    return [...out, text];
  };
  assertSame(told(cuts(bytes)), told([bytes]), "lines of the whole and of the pieces");
}

function dots(bytes: Buffer): void {
  const told = (pieces: Iterable<Buffer>): unknown => {
    const reader = new DotReader();
    const out: Uint8Array[] = [];
    for (const piece of pieces) {
      for (let at = 0; at < piece.length && !reader.ended;) {
        const { consumedTo, bytes: body } = reader.read(piece, at);
        if (consumedTo <= at && body.length === 0) throw new Error("the dot reader stands still");
        out.push(Buffer.from(body));
        at = consumedTo;
      }
    }
    return [Buffer.concat(out).toString("latin1"), reader.summary(), reader.ended];
  };
  assertSame(told(cuts(bytes)), told([bytes]), "dotted data of the whole and of the pieces");
}

function dotStuffing(bytes: Buffer): void {
  const stuffer = new DotStuffer();
  const out = [...cuts(bytes)].map((piece) => Buffer.from(stuffer.write(piece)));
  const sent = Buffer.concat([...out, Buffer.from(stuffer.end())]);
  const reader = new DotReader();
  const back: Uint8Array[] = [];
  for (let at = 0; at < sent.length && !reader.ended;) {
    const { consumedTo, bytes: body } = reader.read(sent, at);
    back.push(body);
    at = consumedTo;
  }
  if (!reader.ended) throw new Error("dot-stuffed data has no end");
  const cutter = new TopCutter(bytes.length % 40);
  for (const piece of cuts(bytes)) if (cutter.take(piece).ended) break;
  const scan = new BodyScan();
  for (const piece of cuts(bytes)) scan.push(piece);
  scan.summary();
}

function imap(bytes: Buffer): void {
  const told = (pieces: Iterable<Buffer>): string[] => {
    const reader = new CommandReader();
    const out: string[] = [];
    for (const piece of pieces) {
      reader.push(piece);
      for (let event = reader.next(); event !== undefined; event = reader.next()) {
        // A session ends after far fewer mistakes.
        if (out.length > 2000) return out;
        if (event.kind === "fatal") return [...out, event.text];
        if (event.kind === "append") reader.acceptLiteral();
        if (event.kind !== "data") out.push(JSON.stringify(event, plainly));
      }
    }
    return out;
  };
  assertSame(told(cuts(bytes)), told([bytes]), "commands of the whole and of the pieces");
}

function plainly(_: string, one: unknown): unknown {
  return typeof one === "bigint" ? String(one) : one;
}

function smtpReply(bytes: Buffer): void {
  const parser = new ReplyParser();
  for (const line of bytes.toString("latin1").split("\r\n")) {
    const reply = parser.push(Buffer.from(line, "latin1"));
    if (reply !== null) parseCapabilities(reply);
  }
}

/** COMPSIZE and CRC of compressed RTF. [MS-OXRTFCP] 2.1.3.1 */
function repairCompressedRtf(bytes: Buffer): Buffer {
  if (bytes.length < 16) return bytes;
  bytes.writeUInt32LE(bytes.length - 4, 0);
  bytes.writeUInt32LE(rtfCrc(bytes.subarray(16)), 12);
  return bytes;
}

/** Checksums of TNEF attributes, as far as their lengths lead. [MS-OXTNEF] 2.1.3.1 */
function repairTnef(bytes: Buffer): Buffer {
  for (let at = 6; at + 11 <= bytes.length;) {
    const size = bytes.readUInt32LE(at + 5);
    const end = at + 9 + size;
    if (end + 2 > bytes.length) break;
    let sum = 0;
    for (let index = at + 9; index < end; index++) sum = (sum + bytes[index]!) & 0xffff;
    bytes.writeUInt16LE(sum, end);
    at = end + 2;
  }
  return bytes;
}

const rtfExample = "{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0{\\fonttbl{\\f0\\fswiss Arial;}{\\f1\\fmodern " +
  "\\fcharset204 Courier;}}{\\colortbl\\red0\\green0\\blue0;}\\uc1\\pard\\plain\\deftab360 \\f0\\fs24 " +
  "{\\*\\htmltag64 <p>}a\\htmlrtf b\\htmlrtf0 \\'e4\\u252?{\\pict\\bin3 abc}{\\*\\htmltag84 &nbsp;}\\par\\b0\\line}";
const mimeTokens = [
  "--", "\r\n\r\n", "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n", "--a--\r\n", "--a\r\n",
  "Content-Type: message/rfc822\r\n\r\n", "Content-Transfer-Encoding: base64\r\n", "=?utf-8?B?w6Q=?= ", "=?x?Q?=41?=",
  "Subject: ", "To: a <a@b>, ", "; filename*0*=utf-8''%41; ", "\r\n ", "(", "\"", "<", "\\", ";", ",", "@", "=\r\n",
  "\0",
  "Content-Type: text/html; charset=utf-7\r\n\r\n", "<div>", "References: <a@b> ",
  "Content-Disposition: attachment\r\n",
  "Content-Type: text/calendar; method=REQUEST\r\n\r\n", "Content-Type: application/ms-tnef\r\n", "begin 644 a\n",
];
const htmlTokens = [
  "<div>", "</div>", "<b>", "<table><tr><td>", "<svg>", "<math>", "<style>", "</style>", "<script>", "<!--", "-->",
  "<![CDATA[",
  "&", "&#", "&#x41;", "<a href=\"", "javascript:", "\"", "'", ">", "<", "=", "style=\"", "url(", "/*", "<img src=",
  "cid:a",
  "<template>", "<noscript>", "<plaintext>", "<textarea>", "<title>", "on", "\0", "<form>", "background:",
  "expression(",
];
const htmlExamples = [
  "<html><head><title>t</title><style>p{color:red}</style></head><body bgcolor=red><p style=\"color:red;background:" +
    "url(x)\">a &amp; b &nbsp;<a href=\"https://a.test/?a=1&b=2\" onclick=x>l</a><img src=\"cid:a\" width=1></p>" +
    "<blockquote><table><tr><td align=left>x</td></tr></table></blockquote><!-- c --></body></html>",
  "<svg><style><!--</style><img src=x onerror=alert(1)>--></svg><math><mtext><table><mglyph><style><math>",
];
const calendarTokens = [
  "BEGIN:VEVENT\r\n", "END:VEVENT\r\n", "BEGIN:VCALENDAR\r\n", "END:VCALENDAR\r\n", "BEGIN:VALARM\r\nTRIGGER:-PT5M\r\n",
  "RRULE:FREQ=DAILY;COUNT=3\r\n", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=2\r\n", "EXDATE:20240101T000000Z\r\n",
  "DTSTART;TZID=Europe/Berlin:20240101T100000\r\n", "DTSTART;VALUE=DATE:20240230\r\n", "DURATION:P1DT2H3M4S\r\n",
  "ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@b\r\n", "RECURRENCE-ID:20240101T000000Z\r\n", ";X=\"a\"", "\\n", "\\", ":", ";",
  ",",
  "BEGIN:VTIMEZONE\r\nTZID:a\r\nBEGIN:STANDARD\r\n", "TZOFFSETTO:+9999\r\n", "RDATE:", "BEGIN:VTODO\r\n", "\r\n ",
  "99991231T235959",
];
const vcardTokens = [
  "BEGIN:VCARD\r\n", "END:VCARD\r\n", "item1.TEL;TYPE=", "ENCODING=QUOTED-PRINTABLE:", "=\r\n", "PHOTO;ENCODING=b:",
  "ADR:;;a;b;c;d;e\r\n",
  "MEMBER:urn:uuid:", "BDAY:--0203\r\n", "VERSION:4.0\r\n", "VERSION:2.1\r\n", ";", ",", "\\", ":", "\"", "\r\n ",
  "N:a;b;c;d;e\r\n",
];
const imapTokens = [
  "{3}\r\n", "{3+}\r\n", "{99999999999}\r\n", "(", ")", "\"", "\\", "*", "%", "~{2}\r\n", "BODY.PEEK[HEADER.FIELDS (",
  "OR ", "NOT ",
  "1:*", ",", "<0.9>", "UID ", "\r\n", "RETURN (", "CHARSET ", "&AOQ-", "$", "APPEND x ", "SEARCH ", "BINARY[1.2]",
  "NOTIFY SET STATUS (", "subtree x ", "selected ", "MessageNew (", "MessageExpunge ", "FlagChange", "FUZZY ",
  "FILTER x ",
  "UPDATE (", "RELEVANCY ", "GETMETADATA (DEPTH 1) ", "SETMETADATA x (", "/private/comment ", "/shared/a/b NIL",
];

const itemTargets: Record<string, Target> = {
  mimeIndex: { corpus: ["eml", /./], tokens: mimeTokens, isText: true, run: mimeIndex },
  fromMime: { corpus: ["eml", /./], tokens: mimeTokens, isText: true, run: mimeItem },
  headerFields: {
    corpus: ["eml", /./], tokens: mimeTokens, isText: true, inputMaxBytes: 64 * 1024,
    run: (bytes) => {
      const fields = [...headerFields(bytes)];
      for (const not of [false, true]) {
        const slice = headerFieldsSlice(bytes, ["subject", "to", "received", "x"], not);
        const names = new Set(["subject", "to", "received", "x"]);
        const wanted = fields.filter(({ name }) => names.has(name) !== not);
        const parts = wanted.flatMap(({ start, end }) => [
          bytes.subarray(start, end), Buffer.from(bytes[end - 1] === 0x0a ? "" : "\r\n"),
        ]);
        if (!Buffer.concat([...parts, Buffer.from("\r\n")]).equals(slice)) throw new Error("header slices differ");
      }
    },
  },
  headerWords: {
    examples: ["=?utf-8?B?w6Qx?= =?utf-8?Q?=C3=A4_b?=", "=?iso-2022-jp?B?GyRCJCIbKEI=?= x", "a =?koi8-r*ru?q?=C1?="],
    tokens: mimeTokens, run: (bytes) => encodeWords(decodeWords(bytes.toString("utf8"))),
  },
  addresses: {
    examples: ["A B <a@b.test>, \"c, d\" <e@f>, g: h@i, j (k) <@l,@m:n@o>;", "a@b (c \\) d), <>, undisclosed:;"],
    tokens: ["<", ">", "\"", "(", ")", ",", ";", ":", "@", "\\", "=?utf-8?Q?a?=", "[1.2.3.4]", " "],
    run: (bytes) => displayAddresses(parseAddresses(bytes.toString("utf8"))),
  },
  parameters: {
    examples: ["text/plain; charset=utf-8; name*0*=iso-8859-1'en'%E4; name*1=\"b\\\"\"; x=y",
      "attachment; filename=a b c"],
    tokens: ["*0*=", "*1=", "; ", "=", "\"", "%", "'", "filename", "utf-8''", "(", "\\"],
    run: (bytes) => parseParameterized(bytes.toString("utf8")),
  },
  dates: {
    examples: ["Tue, 1 Jul 2003 10:52:37 +0200 (CEST)", "1 Jan 99 1:2 EST", "Sat Feb 29 2024 10:00:00 GMT-0330"],
    tokens: ["+", "-", "(", ")", ":", "GMT", "2024", "Feb", ","], run: (bytes) => parseDate(bytes.toString("utf8")),
  },
  charsets: {
    corpus: ["eml", /./], inputMaxBytes: 16 * 1024,
    run: (bytes) => {
      for (const label of ["utf-8", "utf-7", "iso-2022-jp", "gb18030", "big5", "utf-16", "koi8-r", "x", null]) {
        decodeCharset(bytes, label);
      }
      decodeTransfer(bytes, "base64");
      decodeTransfer(bytes, "quoted-printable");
    },
  },
  htmlText: {
    examples: htmlExamples, corpus: ["eml", /html|stalwart|thunder/i], tokens: htmlTokens,
    run: (bytes) => htmlToText(bytes.toString("utf8")),
  },
  htmlClean: {
    examples: htmlExamples, corpus: ["eml", /html|stalwart|thunder/i], tokens: htmlTokens,
    run: (bytes) => {
      const { html } = cleanHtml(bytes.toString("utf8"), { remote: "block", cid: (id) => `/part/${id.length}` });
      if (/<(?:script|style|iframe|object|form|svg|math|base|meta|link)[\s/>]/i.test(html)) throw new Error("it acts");
    },
  },
  rtf: {
    examples: [rtfExample, rtfExample.replace("fromhtml1", "fromtext")],
    tokens: ["{", "}", "\\", "\\bin99 ", "\\'e4", "\\u-1?", "{\\*\\htmltag1 ", "\\htmlrtf ", "\\uc9", "\\f1 ",
      "\\ansicpg932 "],
    run: (bytes) => [readRtfBody(bytes), rtfToText(bytes)],
  },
  compressedRtf: {
    made: () => [compressRtf(Buffer.from(rtfExample.repeat(20))), compressRtf(Buffer.from("aaaaaaaaaaaaaaaaaaaa"))],
    repair: repairCompressedRtf, run: (bytes) => decompressRtf(bytes),
  },
  tnef: {
    corpus: ["outlook", /\.(tnef|dat)$/], repair: repairTnef,
    run: (bytes) => {
      decodeTnef(bytes);
      const item = readTnef(bytes);
      if (item !== null) itemOut(item);
    },
  },
  msg: {
    corpus: ["outlook", /\.(msg|oft)$/],
    run: (bytes) => {
      readMsg(bytes);
      itemOut(readMsgItem(bytes));
    },
  },
  bag: { corpus: ["protocol", /PROPERTIES/], run: (bytes) => encodeBag(decodeBag(bytes)) },
  entryIds: {
    corpus: ["protocol", /ENTRY/],
    run: (bytes) => {
      decodeOneOff(bytes);
      decodeFlatEntryList(bytes);
    },
  },
  recurrence: {
    corpus: ["protocol", /RECURRENCEPATTERN/], examples: ["\x04\x30\x04\x30\x0b\x20\x01\0\0\0"],
    run: (bytes) => {
      refusable(() => expand(recurrenceOfPattern(decodeTaskRecurrence(bytes), 0, 30)));
      expand(recurrenceOf(decodeAppointmentRecur(bytes)));
    },
  },
  zoneBlobs: {
    corpus: ["protocol", /TIMEZONE/],
    run: (bytes) => {
      refusable(() => zoneOfStruct("a", decodeTimeZoneStruct(bytes)).toUtc(223_000_000));
      zoneOfDefinition(decodeTimeZoneDefinition(bytes))?.toUtc(223_000_000);
    },
  },
  rrule: {
    examples: [
      "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20301231T235959Z;WKST=SU", "FREQ=MONTHLY;BYDAY=-1FR;COUNT=9",
      "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO,TU,WE,TH,FR", "FREQ=DAILY;COUNT=99999",
    ],
    tokens: ["FREQ=", "BYDAY=", "-1SU", ";", ",", "COUNT=", "INTERVAL=", "999999999", "UNTIL=", "BYSETPOS=", "\n",
      "BYMONTH="],
    run: rule,
  },
  vtimezone: {
    corpus: ["ics", /./], tokens: calendarTokens, isText: true,
    run: (bytes) => {
      const zones = bytes.toString("utf8").replaceAll(/\r?\n[ \t]/g, "").split("BEGIN:VTIMEZONE").slice(1, 20);
      for (const zone of zones) {
        const lines = ["BEGIN:VTIMEZONE", ...zone.split("END:VTIMEZONE", 1)[0]!.split(/\r?\n/), "END:VTIMEZONE"];
        refusable(() => readVtimezone(lines).zone.toUtc(223_000_000));
      }
    },
  },
  ical: {
    corpus: ["ics", /./], tokens: calendarTokens, isText: true,
    run: (bytes) => {
      const calendars = readCalendars(bytes.toString("utf8"), { zone: berlin });
      const objects = calendars.flatMap((calendar) => calendar.objects);
      const items = objects.flatMap((one) => (one.kind === "refused" ? [] : [one.item]));
      refusable(() => writeCalendar(items));
    },
  },
  todo: {
    corpus: ["ics", /todo|task|journal|note/i], tokens: calendarTokens, isText: true,
    run: (bytes) => refusable(() => writeTodos(readTodos(bytes).items)),
  },
  vcard: {
    corpus: ["vcf", /./], tokens: vcardTokens, isText: true,
    run: (bytes) => {
      const items = readVcards(bytes).cards.map((card) => card.item);
      refusable(() => writeVcards(items, { version: "4.0" }));
    },
  },
  lineReader: {
    examples: ["EHLO a\r\nDATA\r\n..a\r\n.b\r\n.\r\nx {3}\r\nabc\r\nlast\n"], isText: true,
    tokens: ["DATA\r\n", ".\r\n", "\r\n", "\n", "\r", "{3}\r\n", ".", "{0}\r\n"], run: lines,
  },
  dotReader: {
    examples: ["a\r\n..b\r\n.c\r\n.\r\nrest", ".\r\n"], corpus: ["eml", /./], isText: true,
    tokens: [".\r\n", "\r\n.\r\n", "\r", "\n", ".", "\r\n.\r", "\n.\n"],
    run: (bytes) => {
      dots(bytes);
      dotStuffing(bytes);
    },
  },
  imap: {
    examples: [
      "a FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (TO)]<0.9>)\r\n", "b SEARCH OR NOT SEEN (FROM {3}\r\nabc UID 1)\r\n",
      "c APPEND INBOX (\\Seen) \"01-Jan-2024 00:00:00 +0000\" {3+}\r\nabc\r\nd LOGIN a \"b\\\"c\"\r\n",
      "e LIST (SUBSCRIBED) \"\" (\"a\" b%) RETURN (STATUS (MESSAGES UNSEEN))\r\n",
      "k NOTIFY SET STATUS (selected-delayed (MessageNew (UID) MessageExpunge)) (subtree (x y) (MailboxName))\r\n",
      "l SETMETADATA x (/private/comment ~{3+}\r\nabc /shared/comment NIL)\r\nm CANCELUPDATE \"k\" l\r\n",
      "n GETMETADATA (MAXSIZE 5 DEPTH infinity) x (/private/a /shared/b)\r\n",
      "o UID SORT RETURN (UPDATE (UID FLAGS) RELEVANCY) (RELEVANCY) UTF-8 FUZZY (TEXT x) FILTER y\r\n",
      "f STORE 1 +FLAGS.SILENT ($a \\Seen)\r\n",
      "g ID (\"name\" NIL)\r\nh SELECT &AOQ- (QRESYNC (1 2 3:4))\r\ni UID MOVE 1:2,* Trash\r\nj ENABLE CONDSTORE\r\n",
    ],
    tokens: imapTokens, isText: true, run: imap,
  },
  smtp: {
    examples: [
      "MAIL FROM:<\"a b\"@x.test> SIZE=1 BODY=8BITMIME RET=HDRS", "RCPT TO:<@a,@b:c@d> NOTIFY=NEVER ORCPT=rfc822;a+40b",
      "EHLO [IPv6:::1]", "BDAT 10 LAST", "AUTH PLAIN AGFsaWNl", "VRFY a",
    ],
    tokens: ["<", ">", "\"", "\\", "@", "[", "]", ":", "+41", "SIZE=", "NOTIFY=", "ORCPT=", " ", "IPv6:"],
      run: parseCommand,
  },
  smtpReply: {
    examples: ["250-a.test\r\n250-SIZE 1\r\n250 AUTH PLAIN\r\n", "550 5.1.1 no\r\n"], isText: true,
    tokens: ["250-", "250 ", "5.1.1 ", "\r\n", "AUTH="], run: smtpReply,
  },
  pop3: {
    examples: ["TOP 1 2", "AUTH PLAIN AGFsaWNl", "RETR 99999999999", "USER a b", "APOP a 0123456789abcdef"],
    tokens: [" ", "0", "-1", "TOP", "\0"], run: parsePop3Command,
  },
};

/** Proves that finds are seen: by their error, their time and their memory. */
const canaries: Record<string, Target> = {
  canary: { examples: ["a canary"],
    run: (bytes) => { if (bytes.includes(0x61)) throw new Error("the canary fails always"); } },
  canarySlow: {
    run: () => {
      for (const before = process.threadCpuUsage(); process.threadCpuUsage(before).user < 1_500_000;) Math.sqrt(2);
    },
  },
  canaryHang: { run: () => { for (;;) Math.sqrt(2); } },
  canaryMemory: { run: () => Buffer.alloc(700 * 1024 * 1024, 1).length },
  canaryHeap: { run: () => { const kept: unknown[] = []; for (;;) kept.push({ kept: kept.length }); } },
};

const realTargets: Record<string, Target> = { ...itemTargets, ...protocolTargets };
export const targets: Record<string, Target> = { ...realTargets, ...canaries };
export const targetNames: readonly string[] = Object.keys(realTargets);
export const canaryNames: readonly string[] = Object.keys(canaries);

export function targetOf(name: string): Target {
  const target = Object.hasOwn(targets, name) ? targets[name] : undefined;
  if (target === undefined) throw new Error(`no target is named ${name}; known are ${Object.keys(targets).join(", ")}`);
  return target;
}

export function materialOf({ corpus, examples, made, tokens, isText, repair, inputMaxBytes }: Target): Material {
  const seeds: Uint8Array[] = (examples ?? []).map((text) => Buffer.from(text, "latin1"));
  seeds.push(...made?.() ?? []);
  if (corpus !== undefined) {
    const [folder, names] = [join(corpusFolder, corpus[0]), corpus[1]];
    for (const file of readdirSync(folder).sort()) {
      if (!names.test(file)) continue;
      const bytes = readFileSync(join(folder, file));
      if (bytes.length <= (inputMaxBytes ?? seedMaxBytes)) seeds.push(bytes);
    }
  }
  return {
    seeds, tokens: (tokens ?? []).map((text) => Buffer.from(text, "latin1")), isText: isText ?? false, repair,
      inputMaxBytes,
  };
}
