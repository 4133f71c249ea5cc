/** Decoders of single protocols and of stores of other programs, one row each. */
import fc from "fast-check";
import { decode, decodePrefix, encode } from "#codec/binary/code.ts";
import { arbitrary } from "#codec/binary/test-kit.ts";
import type { Type } from "#codec/binary/type.ts";
import { readPst } from "#format/pst/read.ts";
import { parseXml } from "#codec/xml/element.ts";
import { parsePoxRequest } from "#wire/autodiscover/pox-request.ts";
import { parseSoapRequest } from "#wire/autodiscover/soap-message.ts";
import { unpackAuxiliary } from "#wire/mapi/auxiliary.ts";
import { parseEntryId } from "#wire/mapi/entry-ids.ts";
import { compress, decompress } from "#wire/mapi/lz77.ts";
import { connectRequest, executeRequest, notificationWaitRequest } from "#wire/mapi/emsmdb.ts";
import { decodeIdSet } from "#wire/mapi/id-set.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import { decodePredecessors } from "#wire/mapi/predecessors.ts";
import { packRopBuffer, unpackRopBuffer } from "#wire/mapi/rop-buffer.ts";
import { ropById } from "#wire/mapi/rop-table.ts";
import { TransferReader } from "#wire/mapi/transfer-stream.ts";
import type { Target } from "./targets.ts";

const xmlTokens = [
  "<a>", "</a>", "<a:b xmlns:a=\"u\">", "<!DOCTYPE a [<!ENTITY b \"c\">]>", "&b;", "&#65;", "&amp;", "<![CDATA[", "]]>",
  "<?xml version=\"1.0\" encoding=\"utf-16\"?>", "<!--", "-->", "\"", "=", " xmlns=\"\"", "\0", "\xff\xfe",
];
const words = Buffer.from("a message of words, a message of words. ".repeat(40));

/** What a layout can write, some of it, from its own table. */
function samplesOf(type: unknown, given: Readonly<Record<string, unknown>> = {}): Buffer[] {
  const layout = type as Type<unknown>;
  return fc.sample(arbitrary(layout, given), { numRuns: 3, seed: 1 })
    .map((value) => Buffer.from(encode(layout, value, { given })));
}

/** ROPs one after the other, as an Execute call has them. [MS-OXCROPS] 2.2.1 */
function decodeRopList(bytes: Uint8Array): void {
  const given = { isPublicLogon: false };
  for (let at = 0; at < bytes.length;) {
    const row = ropById.get(bytes[at]!);
    if (row === undefined || bytes.length - at < 2) return;
    at = decodePrefix(row.request as Type<unknown>, bytes, at + 2, { given }).end;
  }
}

const mailboxBodies = [connectRequest, executeRequest, notificationWaitRequest] as const;
const bookBodies = Object.values(addressBookBodies).map(({ request }) => request as Type<unknown>);

/** The first byte chooses which. */
const numbered = (bodies: readonly unknown[]) => ({
  made: () => bodies.flatMap((body, index) => samplesOf(body).map((one) => Buffer.concat([Buffer.from([index]), one]))),
  run: (bytes: Buffer) => (bytes.length === 0 ? null
    : decode(bodies[bytes[0]! % bodies.length] as Type<unknown>, bytes.subarray(1))),
});

export const protocolTargets: Record<string, Target> = {
  xml: { corpus: ["protocol", /\.xml$/], tokens: xmlTokens, isText: true, run: (bytes) => parseXml(bytes) },
  autodiscover: {
    corpus: ["protocol", /autodiscover.*\.xml$/i], tokens: xmlTokens, isText: true,
    examples: [
      "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\">" +
        "<Request><EMailAddress>a@b.test</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/" +
        "autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>",
    ],
    run: (bytes) => [parsePoxRequest(bytes), parseSoapRequest(bytes)],
  },
  lz77: {
    // The size told goes before the bytes.
    made: () => [Buffer.concat([Buffer.from([words.length & 0xff, words.length >> 8]), compress(words) ?? words])],
    run: (bytes) => (bytes.length < 2 ? null : decompress(bytes.subarray(2), bytes.readUInt16LE(0))),
  },
  ropBuffer: {
    made: () => [packRopBuffer([{ rops: words, handles: Uint32Array.of(1, 2) }], { compress: true, xorMagic: true })],
    run: unpackRopBuffer,
  },
  mapiRops: {
    made: () => [...ropById.values()].flatMap((row) => samplesOf(row.request, { isPublicLogon: false })
      .map((one) => Buffer.concat([Buffer.from([row.id, 0]), one]))),
    run: decodeRopList,
  },
  mapiMailboxBodies: numbered(mailboxBodies),
  mapiAddressBookBodies: numbered(bookBodies),
  mapiTransfer: {
    examples: ["\x03\0\x12\x40\x1f\0\x37\0\x06\0\0\0H\0i\0\0\0\x03\0\x3b\x40"],
    run: (bytes) => {
      const reader = new TransferReader();
      // In pieces, as buffers come.
      for (let at = 0; at < bytes.length; at += 7) {
        for (const word of reader.push(bytes.subarray(at, at + 7))) void word;
      }
    },
  },
  mapiIdSets: {
    examples: ["\x01".repeat(16) + "\x05\0\0\0\0\0\x52\x01\x05\x50\0", "\x11" + "\x01".repeat(17)],
    run: (bytes) => [decodeIdSet(bytes), decodePredecessors(bytes)],
  },
  mapiAuxiliary: { examples: ["\0\0\x04\0\x10\0\x10\0\x10\0\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0"], run: unpackAuxiliary },
  mapiEntryIds: { corpus: ["protocol", /ENTRYID/], run: parseEntryId },
  pst: {
    corpus: ["outlook", /\.(pst|ost)$/], inputMaxBytes: 300 * 1024,
    run: (bytes) => {
      let left = 200;
      for (const message of readPst((offset, size) => bytes.subarray(offset, offset + size))) {
        if (left-- === 0 || message === undefined) break;
      }
    },
  },
};
