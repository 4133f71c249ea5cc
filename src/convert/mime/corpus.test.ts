/**
 * Proves on the corpus of real and broken mail that converting both ways keeps the meaning: message → item → message →
 * item gives the same item, and every part and header field of the message is found in the message written from it,
 * save for what the tables below name with its reason. Nothing throws, equal items give equal bytes.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodeCharset } from "#format/mime/charset.ts";
import { headerFields } from "#format/mime/headers.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { paramValue } from "#format/mime/parameters.ts";
import { properties } from "#props/registry.ts";
import { tagText } from "#props/types.ts";
import { textOfHtml } from "#convert/mime/bodies.ts";
import { partBytes, withLineFeeds } from "#convert/mime/contents.ts";
import { isOwnField } from "#convert/mime/headers-read.ts";
import { bytesOf, differences, digest, itemOf, meaningOf } from "#convert/mime/test-kit.ts";
import type { MimePart } from "#format/mime/types.ts";
import type { ItemBag } from "#convert/item.ts";

const folder = join(process.env["OUTPOST_CORPUS"] ?? "../shared/corpus", "eml");
const skip = existsSync(folder) ? false : `no corpus at ${folder}`;
const files = skip === false ? readdirSync(folder).sort() : [];
const kept = { includeBcc: true, includeUnsent: true };

/** Where item → message → item may differ, for all files and for single ones: path, and why. */
const changes: readonly (readonly [file: RegExp, path: RegExp, reason: string])[] = [
  [/./, new RegExp(`^/${tagText(properties.PidTagInternetMessageId.tag)}: undefined → "<[0-9a-f]{32}@`),
    "a message that goes out must have a Message-ID"],
  [/mimekit-disposition-notification/, new RegExp(tagText(properties.PidTagReportDisposition.tag)),
    "a read report that does not say what happened says displayed"],
  [/tnef|rich-text|amazonworkmail/,
    /^(?:\/attachments\/\d+\/content)*\/(?:(?:attachments|recipients)\/\d+\/)?(?:0x|\w{8}-)/,
    "properties of winmail.dat that no header field carries, and addresses of an organisation"],
  [/openpgp-encrypted|and-signed-alice/, /^\/attachments\/1\/content/, "bare LFs of a part that is never encoded"],
  [/wildduck-fix2/, /^\/attachments\/8\/content\/html/, "the same below a signature"],
  [/tnef|rich-text/, /^(?:\/attachments\/\d+\/content)*\/html: undefined/, "rich text goes out as HTML"],
];

const converted = new Map<string, { bytes: Buffer; written: Buffer; item: ItemBag; back: ItemBag }>();

function convert(file: string): NonNullable<ReturnType<typeof converted.get>> {
  let found = converted.get(file);
  if (found === undefined) {
    const bytes = readFileSync(join(folder, file));
    const item = itemOf(bytes);
    const written = bytesOf(item, kept);
    found = { bytes, written, item, back: itemOf(written) };
    converted.set(file, found);
  }
  return found;
}

test("the corpus keeps its meaning through item, message and item", { skip }, () => {
  const problems: string[] = [];
  for (const file of files) {
    const { item, back } = convert(file);
    for (const difference of differences(meaningOf(item), meaningOf(back))) {
      if (!changes.some(([name, path]) => name.test(file) && path.test(difference))) problems.push(`${file} ${difference}`);
    }
  }
  assert.deepEqual(problems, []);
});

test("equal items give equal bytes, and a second way round changes nothing more", { skip }, () => {
  for (const file of files) {
    const { bytes, written, back } = convert(file);
    assert.ok(written.equals(bytesOf(itemOf(bytes), kept)), file);
    assert.ok(!written.includes("winmail.dat"), `${file} goes out with a winmail.dat`);
    const again = itemOf(bytesOf(back, kept));
    assert.deepEqual(differences(meaningOf(back), meaningOf(again)), [], file);
  }
});

/** What a message loses when it becomes an item, by kind; every file that shows one is named. */
const losses = {
  joined: "several inline texts become one body: an item has but one",
  dropped: "of the forms of an alternative one plain text and one HTML stay; text/enriched and such say no more",
  report: "the machine readable part of a report is written anew from its properties",
  tnef: "winmail.dat is opened and goes out as what it holds",
  nul: "NULs cannot stand in text",
  field: "a header field without a value, or whose name is broken",
} as const;

const lossesByFile: Readonly<Record<string, readonly (keyof typeof losses)[]>> = {
  "aspose-tnefWithMsgInside.eml": ["tnef"], "enmime-multiother.raw": ["joined"],
  "flanker-disposition-notification.eml": ["report"], "horde-eas-email_signed.eml": ["field"],
  "horde-eas-invitation_one.eml": ["field"], "imaptest-urlauth-binary.mbox": ["dropped"],
  "james-mdn_simple.eml": ["report"], "james-pgpSignedMail.eml": ["field"],
  "kmime-big-allocation.mbox": ["joined", "nul"], "kopano-zcp-11581.eml": ["dropped"],
  "kopano-zcp-11699-ub.eml": ["nul"], "kopano-zcp-11699-utf8.eml": ["nul"], "kopano-zcp-11713.eml": ["report"],
  "mime4j-multi-nested.msg": ["joined"], "mimekit-disposition-notification.anonymized.eml": ["report"],
  "mimekit-issue358.txt": ["field"], "mimekit-rfc2060.txt": ["dropped", "joined"], "mimekit-rich-text.eml": ["tnef"],
  "mimetreeparser-outlook.mbox": ["field"], "mimetreeparser-text+html-maillinglist.mbox": ["field", "joined"],
  "msgreader-cs-TestWithAttachmentsAndInlines.eml": ["field"],
  "msgreader-cs-TestWithInlineHavingWindows1252Fields.eml": ["field"], "notmuch-04_2_": ["joined"],
  "notmuch-20_2_": ["joined"], "notmuch-PATCH-1-2-system_data_types.7-srcfix.txt_2_S": ["field"],
  "notmuch-x-gtar-compressed.eml": ["joined"], "phpmmp-m0023": ["field"], "roundcube-tnef2.eml": ["tnef"],
  "sisimai-lhost-amazonworkmail-01.eml": ["tnef"], "sisimai-lhost-courier-01.eml": ["report"],
  "sisimai-lhost-domino-02.eml": ["report"], "sisimai-lhost-exchange2003-02.eml": ["field"],
  "sisimai-lhost-exchange2007-03.eml": ["report"], "sisimai-lhost-exchange2007-04.eml": ["report"],
  "sisimai-lhost-office365-01.eml": ["nul"], "sisimai-lhost-office365-03.eml": ["report"],
  "sisimai-lhost-office365-10.eml": ["field", "report"], "sisimai-lhost-office365-13.eml": ["report"],
  "sisimai-lhost-postfix-01.eml": ["report"], "sisimai-lhost-postfix-02.eml": ["report"],
  "sisimai-lhost-postfix-09.eml": ["report"], "sisimai-make-test-06.eml": ["report"],
  "sisimai-rhost-cox-01.eml": ["report"], "spamassassin-015": ["field"], "spamassassin-iso-2022-jp.1": ["joined"],
  "spamassassin-mime1": ["dropped"], "spamscope-mail_malformed_2": ["report"],
  "stalwart-malformed-008.eml": ["joined"], "stalwart-malformed-013.eml": ["joined"],
  "stalwart-malformed-016.eml": ["joined"], "stalwart-rfc-003.eml": ["dropped"],
  "stalwart-srv-dsn-mixed.eml": ["report"], "stalwart-srv-nested_body.eml": ["dropped", "joined"],
  "stalwart-thirdparty-004.eml": ["joined"], "stalwart-thirdparty-005.eml": ["joined"],
  "thunderbird-bug132340": ["dropped"], "thunderbird-multiple-signatures.eml": ["joined"],
  "wildduck-fix2.eml": ["joined"], "wildduck-nodemailer.eml": ["dropped"],
};

interface Leaf {
  readonly type: string;
  readonly bytes: string;
  /** The same whatever its line ends: parts that are never encoded go out with CRLF. */
  readonly lines: string;
  /** Without white space, since flowed lines and line ends may change; "" for what is no text. */
  readonly text: string;
}

function leavesOf(message: Uint8Array, root: MimePart): Leaf[] {
  const out: Leaf[] = [];
  const pending: MimePart[] = [root];
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part.kind === "multipart") pending.push(...part.children);
    else if (part.kind === "message") pending.push(part.body);
    else out.push(leafOf(message, part));
  }
  return out;
}

function leafOf(message: Uint8Array, part: MimePart): Leaf {
  const bytes = partBytes((start, end) => message.subarray(start, end), part);
  const lines = Buffer.from(Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n"), "latin1");
  const isHtml = part.subtype !== "plain";
  const raw = part.type === "text" ? decodeCharset(bytes, paramValue(part.params, "charset")) : "";
  const text = (isHtml ? textOfHtml(raw) : raw).replaceAll(/[\s>\ufeff]+/g, "");
  return { type: `${part.type}/${part.subtype}`, bytes: digest([bytes]), lines: digest([lines]), text };
}

function fieldNames(message: Uint8Array, root: MimePart): Set<string> {
  const section = withLineFeeds(message.subarray(root.headerStart, root.bodyStart));
  return new Set([...headerFields(section)].map(({ name }) => name));
}

function lossesOf(message: Uint8Array, written: Uint8Array): Set<string> {
  const before = indexMessage(message).index.root;
  const after = indexMessage(written).index.root;
  const found = new Set<string>();
  const names = fieldNames(written, after);
  for (const name of fieldNames(message, before)) {
    if (!names.has(name) && !isOwnField(name)) found.add("field");
  }
  const leaves = leavesOf(written, after);
  const digests = new Set(leaves.flatMap(({ bytes, lines }) => [bytes, lines]));
  const texts = leaves.map(({ text }) => text);
  for (const { type, bytes, lines, text } of leavesOf(message, before)) {
    if (digests.has(bytes) || digests.has(lines) || (type.startsWith("text/") && (text === "" || texts.includes(text)))) continue;
    found.add(kindOf(type, text, texts));
  }
  return found;
}

function kindOf(type: string, text: string, texts: readonly string[]): string {
  if (/delivery-status$|disposition-notification$/.test(type)) return "report";
  if (type === "application/ms-tnef") return "tnef";
  if (text.includes("\0") && texts.some((one) => one.includes(text.replaceAll("\0", "")))) return "nul";
  if (text !== "" && texts.some((one) => one.includes(text))) return "joined";
  return type.startsWith("text/") ? "dropped" : `lost ${type}`;
}

test("what a file loses is known and has its reason", { skip }, () => {
  const found: Record<string, readonly string[]> = {};
  for (const file of files) {
    const { bytes, written } = convert(file);
    const kinds = [...lossesOf(bytes, written)].sort();
    if (kinds.length > 0) found[file] = kinds;
  }
  assert.deepEqual(found, lossesByFile);
});
