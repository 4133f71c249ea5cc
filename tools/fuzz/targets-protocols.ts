/** Decoders of single protocols and of stores of other programs, one row each. */
import { readPst } from "#format/pst/read.ts";
import { parseXml } from "#codec/xml/element.ts";
import { parsePoxRequest } from "#wire/autodiscover/pox-request.ts";
import { parseSoapRequest } from "#wire/autodiscover/soap-message.ts";
import { unpackAuxiliary } from "#wire/mapi/auxiliary.ts";
import { parseEntryId } from "#wire/mapi/entry-ids.ts";
import { compress, decompress } from "#wire/mapi/lz77.ts";
import { packRopBuffer, unpackRopBuffer } from "#wire/mapi/rop-buffer.ts";
import type { Target } from "./targets.ts";

const xmlTokens = [
  "<a>", "</a>", "<a:b xmlns:a=\"u\">", "<!DOCTYPE a [<!ENTITY b \"c\">]>", "&b;", "&#65;", "&amp;", "<![CDATA[", "]]>",
  "<?xml version=\"1.0\" encoding=\"utf-16\"?>", "<!--", "-->", "\"", "=", " xmlns=\"\"", "\0", "\xff\xfe",
];
const words = Buffer.from("a message of words, a message of words. ".repeat(40));

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
