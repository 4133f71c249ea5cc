/**
 * Proves that a large part asked for in the clear, which is decoded in pieces and counted beforehand, gives the bytes
 * it gives when it is decoded at once: each encoding, whole and in part, at the edges and beyond them. RFC 3516 §4.2
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeTransfer } from "#format/mime/decode.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import type { MessageContent } from "#mailbox/api.ts";
import { decodePart, decodedPieces } from "#serve/imap/body.ts";

function contentOf(bytes: Buffer): MessageContent {
  return {
    sizeBytes: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
    async *stream(offset = 0, length = bytes.length) {
      for (let at = offset; at < offset + length; at += 10_007) {
        yield await Promise.resolve(bytes.subarray(at, Math.min(at + 10_007, offset + length)));
      }
    },
  } satisfies Partial<MessageContent> as MessageContent;
}

const lines = "Gr=C3=B6=C3=9Fe, =20and=\r\n more\r\n".repeat(12_000);
const bodies: readonly (readonly [encoding: string, body: string])[] = [
  ["base64", `${Buffer.alloc(57, 0xa5).toString("base64")}\r\n`.repeat(5000) + "QUI=\r\n"],
  ["quoted-printable", lines], ["8bit", lines], ["binary", lines],
];

for (const [encoding, body] of bodies) {
  test(`a large part in ${encoding}`, async () => {
    const message = Buffer.from(`Content-Type: text/plain\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}`);
    const { index } = indexMessage(message);
    const whole = Buffer.from(decodeTransfer(Buffer.from(body), encoding));
    for (const partial of [undefined, { offset: 0, sizeBytes: 1 }, { offset: 30_000, sizeBytes: 20_015 },
      { offset: 7, sizeBytes: 1_000_000 }, { offset: whole.length - 1, sizeBytes: 9 }, { offset: whole.length, sizeBytes: 5 },
      { offset: 5_000_000, sizeBytes: 5 }, { offset: 5, sizeBytes: 0 }]) {
      const found = await decodePart({
        item: "BINARY[]", partPath: [1], isPeek: true, partial,
      }, index, contentOf(message));
      assert.ok(found.kind === "decoded");
      const pieces: Uint8Array[] = [];
      for await (const piece of decodedPieces(found, contentOf(message))) pieces.push(piece);
      const { offset, sizeBytes } = partial ?? { offset: 0, sizeBytes: Infinity };
      const expected = whole.subarray(offset, Math.min(whole.length, offset + sizeBytes));
      assert.ok(Buffer.concat(pieces).equals(expected) && found.sizeBytes === expected.length, JSON.stringify(partial));
    }
    const size = await decodePart({ item: "BINARY.SIZE[]", partPath: [1] }, index, contentOf(message));
    assert.ok(size.kind === "decoded" && size.sizeBytes === whole.length);
  });
}
