/**
 * Proves what of a message becomes which property: tables of small messages with the values they must give, one row for
 * each rule, and the property that any bytes give an item. The corpus is in `corpus.test.ts`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { properties } from "#props/registry.ts";
import { propertySets } from "#props/property-sets.ts";
import { attachmentBytes, getProperty, namedKey } from "#convert/item.ts";
import { bytesOf, itemOf } from "#convert/mime/test-kit.ts";
import { unflow } from "#convert/mime/bodies.ts";
import { toFileTime } from "#convert/mime/times.ts";
import type { ItemBag } from "#convert/item.ts";
import type { PropertyName } from "#props/registry.ts";

const p = properties;

function valueOf(item: ItemBag, name: PropertyName): unknown {
  const value = getProperty(item, properties[name]);
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value;
}

const march = toFileTime(Date.UTC(2026, 2, 4, 5, 6, 7));

/** Header fields (body "x") and the properties they must give; undefined for none. */
const headers: readonly (readonly [header: string, expected: Partial<Record<PropertyName, unknown>>])[] = [
  ["Subject: RE: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=", {
    PidTagSubject: "RE: Grüße", PidTagSubjectPrefix: "RE: ", PidTagNormalizedSubject: "Grüße",
    PidTagConversationTopic: "Grüße", PidTagMessageClass: "IPM.Note",
  }],
  ["From: A <a@x.org>", {
    PidTagSentRepresentingName: "A", PidTagSentRepresentingEmailAddress: "a@x.org",
    PidTagSentRepresentingAddressType: "SMTP", PidTagSenderEmailAddress: "a@x.org", PidTagSenderSearchKey: "SMTP:A@X.ORG\0",
  }],
  ["From: A <a@x.org>\nSender: b@x.org", {
    PidTagSentRepresentingSmtpAddress: "a@x.org", PidTagSenderSmtpAddress: "b@x.org", PidTagSenderName: "b@x.org",
  }],
  ["Sender: b@x.org", { PidTagSentRepresentingSmtpAddress: "b@x.org" }],
  ["From: Nobody:;", { PidTagSentRepresentingName: "Nobody", PidTagSentRepresentingEmailAddress: "" }],
  ["From: a@x.org", { PidTagReplyRecipientNames: undefined, PidTagReplyRecipientEntries: undefined }],
  ["From: a@x.org\nReply-To: R <r@x.org>, s@x.org", { PidTagReplyRecipientNames: "R; s@x.org" }],
  ["To: A <a@x.org>, b@x.org\nCc: C <c@x.org>", { PidTagDisplayTo: "A; b@x.org", PidTagDisplayCc: "C", PidTagDisplayBcc: "" }],
  ["To: undisclosed-recipients:;", { PidTagDisplayTo: "" }],
  ["Date: Wed, 4 Mar 2026 06:06:07 +0100", { PidTagClientSubmitTime: march, PidTagMessageDeliveryTime: march }],
  ["Received: from a by b; Wed, 4 Mar 2026 05:06:07 +0000\nDate: Tue, 3 Mar 2026 05:06:07 +0000",
    { PidTagMessageDeliveryTime: march }],
  ["Importance: high", { PidTagImportance: 2 }],
  ["X-Priority: 5 (lowest)", { PidTagImportance: 0 }],
  ["Priority: urgent", { PidTagPriority: 1, PidTagImportance: 2 }],
  ["Subject: x", { PidTagImportance: 1, PidTagPriority: 0, PidTagSensitivity: 0 }],
  ["Sensitivity: Company-Confidential", { PidTagSensitivity: 3 }],
  ["Message-ID: <1@x.org>\nIn-Reply-To: <0@x.org>\nReferences: <a@x.org>\n\t<0@x.org>", {
    PidTagInternetMessageId: "<1@x.org>", PidTagInReplyToId: "<0@x.org>", PidTagInternetReferences: "<a@x.org> <0@x.org>",
  }],
  ["Disposition-Notification-To: Bob <b@x.org>", {
    PidTagReadReceiptRequested: true, PidTagNonReceiptNotificationRequested: true, PidTagReadReceiptEmailAddress: "b@x.org",
  }],
  ["Return-Receipt-To: b@x.org", { PidTagOriginatorDeliveryReportRequested: true, PidTagReadReceiptRequested: undefined }],
  ["Thread-Topic: T\nSubject: Re: U", { PidTagConversationTopic: "T", PidTagConversationIndexTracking: undefined }],
  ["Thread-Index: AdDx4tPEABEiM0RVZneImaq7zN3u/w==", {
    PidTagConversationIndexTracking: true,
    PidTagConversationId: Buffer.from("00112233445566778899aabbccddeeff", "hex").toString("latin1"),
  }],
  ["Thread-Index: rubbish", { PidTagConversationIndex: undefined }],
  ["Keywords: Red, =?utf-8?Q?Gr=C3=BCn?=\nKeywords: Blue", { PidNameKeywords: ["Red", "Grün", "Blue"] }],
  ["X-Message-Flag: Follow up\nReply-By: Wed, 4 Mar 2026 05:06:07 GMT", {
    PidLidFlagRequest: "Follow up", PidTagFlagStatus: 2, PidTagReplyTime: march,
  }],
  ["Expiry-Date: Wed, 4 Mar 2026 05:06:07 GMT", { PidTagExpiryTime: march }],
  ["List-Unsubscribe: <mailto:a@x.org>\nList-Help: <http://x.org>", {
    PidTagListUnsubscribe: "<mailto:a@x.org>", PidTagListHelp: "<http://x.org>",
  }],
  ["X-Auto-Response-Suppress: DR, OOF, AutoReply", { PidTagAutoResponseSuppress: 0x31 }],
  ["X-Auto-Response-Suppress: All", { PidTagAutoResponseSuppress: -1 }],
  ["X-Microsoft-Classified: true\nX-Microsoft-ClassDesc: D", {
    PidLidClassified: true, PidLidClassificationDescription: "D",
  }],
  ["Content-Class: voice-ca", { PidTagMessageClass: "IPM.Note.Microsoft.Voicemail.UM.CA" }],
  ["Content-Class: urn:content-class:custom.Order", { PidTagMessageClass: "IPM.Note.Custom.Order" }],
  ["Accept-Language: en-GB\nX-FaxNumberOfPages: 3", { PidNameAcceptLanguage: "en-GB", PidNameXFaxNumberOfPages: 3 }],
  ["X-Unsent: 1", { PidTagMessageFlags: 8 }],
  ["Content-Type: text/plain", { PidTagBody: "x\r\n", PidTagNativeBody: 1, PidTagHtml: undefined }],
  ["Content-Type: text/html; charset=windows-1251", {
    PidTagHtml: "x\r\n", PidTagNativeBody: 3, PidTagInternetCodepage: 1251, PidTagBody: undefined,
  }],
  ["Content-Type: text/html; charset=utf-16le\nContent-Transfer-Encoding: base64\n\nYQBiAA==", {
    PidTagHtml: "ab", PidTagInternetCodepage: 65001,
  }],
];

test("header fields and single bodies become properties", () => {
  for (const [header, expected] of headers) {
    const item = itemOf(header.includes("\n\n") ? header : `${header}\n\nx\n`);
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(valueOf(item, name as PropertyName), value, `${header}: ${name}`);
    }
  }
});

test("other fields become named properties, those of relays and of an organisation do not", () => {
  const item = itemOf("X-Mine: =?utf-8?Q?=C3=BC?=\nDKIM-Signature: v=1\nReceived: x\nX-MS-Exchange-Organization-SCL: -1\n" +
    "ARC-Seal: x\nX-Other: y\nX-Empty:\n\nx");
  const guid = propertySets.PS_INTERNET_HEADERS.guid;
  assert.deepEqual([...item.named.keys()], [namedKey({ guid, id: "x-mine" }), namedKey({ guid, id: "x-other" })]);
  assert.equal(item.named.get(namedKey({ guid, id: "X-MINE" }))?.value, "ü");
  const few = itemOf("X-Mine: 1\nAccept-Language: en\n\nx", { isWelcome: () => false });
  assert.deepEqual([...few.named.keys()], [namedKey({ guid, id: "accept-language" })]);
});

const part = (type: string, body: string, more = ""): string => `Content-Type: ${type}\n${more}\n${body}`;
const multi = (subtype: string, ...parts: readonly string[]): string => {
  const boundary = `b${subtype}${parts.length}`;
  return `Content-Type: multipart/${subtype}; boundary=${boundary}\n\n${
    parts.map((one) => `--${boundary}\n${one}\n`).join("")}--${boundary}--\n`;
};

/** `P body`, `H html`, then each attachment as `name type`, "hidden", or `[…]` for a message. */
function outline(item: ItemBag): string {
  const out: string[] = [];
  const body = getProperty(item, p.PidTagBody);
  const html = getProperty(item, p.PidTagHtml);
  if (body !== undefined) out.push(`P ${body.trim().replaceAll("\r\n", "|")}`);
  if (html !== undefined) out.push(`H ${Buffer.from(html).toString("utf8").trim().replaceAll("\r\n", "|")}`);
  for (const one of item.attachments) {
    const name = getProperty(one, p.PidTagAttachLongFilename) ?? getProperty(one, p.PidTagDisplayName);
    const hidden = getProperty(one, p.PidTagAttachmentHidden) === true ? " hidden" : "";
    out.push(one.embedded === undefined ? `${name} ${getProperty(one, p.PidTagAttachMimeTag)}${hidden}`
      : `${name} [${outline(one.embedded)}]`);
  }
  return out.join(", ");
}

const png = "image/png; name=a.png";
const html = "text/html";
const structures: readonly (readonly [name: string, message: string, expected: string])[] = [
  ["alternative", multi("alternative", part("text/plain", "p"), part(html, "h")), "P p, H h"],
  ["alternative, the order turned", multi("alternative", part(html, "h"), part("text/plain", "p")), "P p, H h"],
  ["forms nobody reads go", multi("alternative", part("text/plain", "p"), part("text/x-amp-html", "a"), part(html, "h")),
    "P p, H h"],
  ["only text/enriched", multi("alternative", part("text/enriched", "<bold>e</bold>")), "P e"],
  ["what is no text in an alternative is attached", multi("alternative", part("text/plain", "p"), part(png, "i")),
    "P p, a.png image/png"],
  ["a file", multi("mixed", part("text/plain", "p"), part("application/pdf; name=x.pdf", "d")), "P p, x.pdf application/pdf"],
  ["a text that is a file", multi("mixed", part("text/plain", "p"), part("text/plain", "f",
    "Content-Disposition: attachment; filename=f.txt\n")), "P p, f.txt text/plain"],
  ["a text with a name below the body", multi("mixed", part("text/plain", "p"), part("text/plain; name=f.txt", "f")),
    "P p, f.txt text/plain"],
  ["a body with a name", multi("mixed", part("text/plain; name=p.txt", "p"), part(png, "i")), "P p, a.png image/png"],
  ["texts in a row are one", multi("mixed", part("text/plain", "p"), part("text/plain", "footer")), "P p|footer"],
  ["a footer below both forms", multi("mixed", multi("alternative", part("text/plain", "p"), part(html, "<b>h")),
    part("text/plain", "<f>")), 'P p|<f>, H <b>h|<pre style="white-space: pre-wrap">&lt;f&gt;</pre>'],
  ["the message is a file", part(png, "i", "Content-Disposition: attachment\n"), "a.png image/png"],
  ["a picture in the text", multi("related", part(html, "<img src=cid:1@x>"), part(png, "i", "Content-ID: <1@x>\n")),
    "H <img src=cid:1@x>, a.png image/png hidden"],
  ["a picture beside the text", multi("related", part(html, "h"), part(png, "i", "Content-ID: <1@x>\n")),
    "H h, a.png image/png"],
  ["a picture by location", multi("related", part(html, '<img src="http://x/a.png">'),
    part(png, "i", "Content-Location: http://x/a.png\n")), 'H <img src="http://x/a.png">, a.png image/png hidden'],
  ["alternative within related", multi("related", multi("alternative", part("text/plain", "p"), part(html, "cid:1")),
    part(png, "i", "Content-ID: <1>\n")), "P p, H cid:1, a.png image/png hidden"],
  ["related within alternative", multi("alternative", part("text/plain", "p"), multi("related", part(html, "cid:1"),
    part(png, "i", "Content-ID: <1>\n"))), "P p, H cid:1, a.png image/png hidden"],
  ["a message", multi("mixed", part("text/plain", "p"), part("message/rfc822", "Subject: s\n\ninner")), "P p, s [P inner]"],
  ["messages in a digest", multi("digest", "\nSubject: a\n\n1", "\nSubject: b\n\n2"), "a [P 1], b [P 2]"],
  ["a name is made", multi("mixed", part("text/plain", "p"), part("image/jpeg", "i"), part("x/y", "j")),
    "P p, ATT00001.jpg image/jpeg, ATT00002.dat x/y"],
  ["Macintosh halves", multi("mixed", part("text/plain", "p"),
    multi("appledouble", part("application/applefile", "r"), part(png, "d"))), "P p, a.png image/png"],
  ["broken winmail.dat", multi("mixed", part("text/plain", "p"), part("application/ms-tnef; name=winmail.dat", "xx")),
    "P p, winmail.dat application/ms-tnef"],
];

test("parts become bodies and attachments", () => {
  for (const [name, message, expected] of structures) assert.equal(outline(itemOf(`Subject: s\n${message}`)), expected, name);
});

test("attachments are read as they were encoded", () => {
  const rows = [["base64", "AQI=", [1, 2]], ["base64", "AQ", [1]], ["quoted-printable", "a=3Db=\nc", [0x61, 0x3d, 0x62, 0x63]],
    ["x-unknown", "ab", [0x61, 0x62]]] as const;
  for (const [encoding, text, bytes] of rows) {
    const item = itemOf(multi("mixed", part("text/plain", "p"), part(png, text, `Content-Transfer-Encoding: ${encoding}\n`)));
    assert.deepEqual([...attachmentBytes(item.attachments[0]!)], bytes, text);
  }
});

test("flowed lines are joined", () => {
  const rows: readonly (readonly [string, boolean, string])[] = [
    ["a \r\nb\r\nc", false, "a b\r\nc"], ["a \r\nb", true, "ab"], ["> a \r\n> b\r\nc", false, "> a b\r\nc"],
    ["a \r\n> b", false, "a \r\n> b"], ["-- \r\nme", false, "-- \r\nme"], [" >x", false, ">x"], ["", false, ""],
  ];
  for (const [text, deleteSpace, expected] of rows) assert.equal(unflow(text, deleteSpace), expected, text);
});

test("signed and encrypted messages stay as they are", () => {
  const inner = "Content-Type: text/plain\n\nsigned text";
  const signature = part("application/pkcs7-signature; name=smime.p7s", "AAAA", "Content-Transfer-Encoding: base64\n");
  const body = `--B\n${inner}\n--B\n${signature}\n--B--\n`;
  const message = `From: a@x.org\nContent-Type: multipart/signed; protocol="application/pkcs7-signature";\n boundary=B\n` +
    `Subject: s\n\n${body}`;
  const item = itemOf(message);
  assert.equal(valueOf(item, "PidTagMessageClass"), "IPM.Note.SMIME.MultipartSigned");
  assert.equal(outline(item), "P signed text, smime.p7m multipart/signed");
  const data = Buffer.from(attachmentBytes(item.attachments[0]!)).toString();
  assert.equal(data, `Content-Type: multipart/signed; protocol="application/pkcs7-signature";\n boundary=B\n\n${body}`
    .replaceAll("\n", "\r\n"));
  const written = bytesOf(item).toString();
  assert.ok(written.endsWith(`MIME-Version: 1.0\r\n${data}`), written);
  const opaque = itemOf("Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n" +
    "Content-Transfer-Encoding: base64\n\nAQID\n");
  assert.equal(valueOf(opaque, "PidTagMessageClass"), "IPM.Note.SMIME");
  assert.deepEqual([...attachmentBytes(opaque.attachments[0]!)], [1, 2, 3]);
  assert.match(bytesOf(opaque).toString(), /^Content-Type: application\/pkcs7-mime; name=smime.p7m;\s+smime-type=enveloped/m);
  const pgp = multi("encrypted", part("application/pgp-encrypted", "Version: 1"), part("application/octet-stream", "-----"))
    .replace("multipart/encrypted", "multipart/encrypted; protocol=application/pgp-encrypted");
  assert.match(bytesOf(itemOf(pgp)).toString(), /multipart\/encrypted; protocol="application\/pgp-encrypted"/);
});

const dsn = (action: string, status: string): string => "From: MAILER-DAEMON@x.org\nTo: Me <me@x.org>\nSubject: Failed\n" +
  multi("report", part("text/plain", "sorry"), part("message/delivery-status",
    `Reporting-MTA: dns; mx.x.org\nArrival-Date: Wed, 4 Mar 2026 05:06:07 +0000\n\nFinal-Recipient: rfc822; you@y.org\n` +
    `Action: ${action}\nStatus: ${status}\nRemote-MTA: dns; mx.y.org\nDiagnostic-Code: smtp; 550 ${status} no such user`),
  part("message/rfc822", "Message-ID: <1@x.org>\nSubject: Hello\nTo: you@y.org\n\nhi"));

test("delivery reports", () => {
  const item = itemOf(dsn("failed", "5.1.1"));
  assert.equal(valueOf(item, "PidTagMessageClass"), "REPORT.IPM.Note.NDR");
  assert.equal(valueOf(item, "PidTagOriginalSubject"), "Hello");
  assert.equal(valueOf(item, "PidTagOriginalMessageId"), "<1@x.org>");
  assert.equal(valueOf(item, "PidTagReportingMessageTransferAgent"), "mx.x.org");
  assert.equal(valueOf(item, "PidTagOriginalSubmitTime"), march);
  assert.equal(valueOf(item, "PidTagReceivedBySmtpAddress"), "me@x.org");
  assert.equal(valueOf(item, "PidTagDisplayTo"), "you@y.org");
  const [recipient] = item.recipients;
  assert.ok(recipient !== undefined);
  assert.equal(getProperty(recipient, p.PidTagNonDeliveryReportStatusCode), 511);
  assert.equal(getProperty(recipient, p.PidTagNonDeliveryReportReasonCode), 1);
  assert.equal(getProperty(recipient, p.PidTagNonDeliveryReportDiagCode), 0);
  assert.equal(getProperty(recipient, p.PidTagRemoteMessageTransferAgent), "mx.y.org");
  assert.equal(getProperty(recipient, p.PidTagSupplementaryInfo), "<mx.y.org #5.1.1 smtp; 550 5.1.1 no such user>");
  assert.equal(outline(item), "P sorry, Hello [P hi]");
  const classes = [["delivered", "2.1.5", "DR"], ["delayed", "4.4.1", "Delayed.DR"], ["relayed", "2.0.0", "Relayed.DR"],
    ["expanded", "2.0.0", "Expanded.DR"], ["", "5.0.0", "NDR"]] as const;
  for (const [action, status, suffix] of classes) {
    const back = itemOf(bytesOf(itemOf(dsn(action, status))));
    assert.equal(valueOf(back, "PidTagMessageClass"), `REPORT.IPM.Note.${suffix}`);
  }
});

test("read reports", () => {
  const rows = [["manual-action/MDN-sent-manually; displayed", "IPNRN"], ["automatic-action/MDN-sent-automatically; deleted",
    "IPNNRN"], ["manual-action/MDN-sent-manually; dispatched/error", "IPNRN"], ["x; denied", "IPNNRN"]] as const;
  for (const [disposition, suffix] of rows) {
    const mdn = "From: you@y.org\nTo: me@x.org\nSubject: Read: Hello\n" + multi("report", part("text/plain", "read"),
      part("message/disposition-notification", "Final-Recipient: rfc822; you@y.org\nOriginal-Message-ID: <1@x.org>\n" +
        `Disposition: ${disposition}\n`));
    for (const item of [itemOf(mdn), itemOf(bytesOf(itemOf(mdn)))]) {
      assert.equal(valueOf(item, "PidTagMessageClass"), `REPORT.IPM.Note.${suffix}`, disposition);
      assert.equal(valueOf(item, "PidTagOriginalMessageId"), "<1@x.org>");
      assert.equal(valueOf(item, "PidTagReportDisposition"), /; ([a-z]+)/.exec(disposition)?.[1]);
      assert.equal(valueOf(item, "PidTagDisplayTo"), "me@x.org");
    }
  }
});

test("meetings are classed by their calendar", () => {
  const calendar = (method: string, status = "ACCEPTED"): string => part(`text/calendar; method=${method}; charset=utf-8`,
    `BEGIN:VCALENDAR\nMETHOD:${method}\nBEGIN:VEVENT\nATTENDEE;PART\n STAT=${status};CN=x:mailto:a@x.org\nEND:VEVENT\nEND:VCALENDAR`);
  const rows = [["REQUEST", "", "Request"], ["CANCEL", "", "Canceled"], ["REPLY", "ACCEPTED", "Resp.Pos"],
    ["REPLY", "DECLINED", "Resp.Neg"], ["REPLY", "TENTATIVE", "Resp.Tent"], ["COUNTER", "", "Resp.Tent"]] as const;
  for (const [method, status, suffix] of rows) {
    const item = itemOf(multi("alternative", part("text/plain", "p"), calendar(method, status)));
    assert.equal(valueOf(item, "PidTagMessageClass"), `IPM.Schedule.Meeting.${suffix}`, method);
    assert.match(outline(item), /^P p, \S+ text\/calendar hidden$/);
    assert.match(bytesOf(item).toString(), new RegExp(`text/calendar; charset=utf-8; method=${method}`));
  }
  const seen: string[] = [];
  const taken = itemOf(calendar("REQUEST"), { readCalendar: (text) => seen.push(text) > 0 });
  assert.equal(outline(taken), "");
  assert.equal(seen.length, 1);
  assert.equal(valueOf(itemOf(calendar("PUBLISH")), "PidTagMessageClass"), "IPM.Note");
});

test("any bytes give an item, and that a message", () => {
  const words = ["Content-Type: ", "multipart/mixed", "multipart/alternative", "multipart/related", "message/rfc822", "text/html",
    "; boundary=b", "; charset=utf-8", "\r\n", "\n\n", "--b", "--b--", "Subject: ", "From: ", "=?utf-8?B?", "?=", "<a@x>", ",",
    "multipart/report; report-type=delivery-status", "message/delivery-status", "Status: 5.1.1", "Action: failed",
    "Final-Recipient: rfc822; a@b", "multipart/signed", "multipart/encrypted", "application/ms-tnef", "text/calendar",
    "Content-Disposition: inline; filename=", "Content-Transfer-Encoding: base64", "Thread-Index: AQ==", "Keywords: a", ": ", "\r",
    "METHOD:REPLY", "x-a: b", "multipart/appledouble", "application/applefile"];
  const pieces = fc.array(fc.oneof(fc.constantFrom(...words), fc.constantFrom(...words), fc.string({ maxLength: 8 })),
    { maxLength: 60 });
  fc.assert(fc.property(pieces, (list) => {
    const item = itemOf(Buffer.from(list.join(""), "utf8"));
    const written = bytesOf(item, { plainFromHtml: true });
    bytesOf(itemOf(written));
  }), { numRuns: 400 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
    bytesOf(itemOf(bytes));
  }), { numRuns: 200 });
});
