/** COMPRESS=DEFLATE between two zlibs: what goes in comes out whatever the pieces, other bytes are refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { DeflateChannel, NotDeflate } from "#serve/imap/compress.ts";

function channel(pieces: Uint8Array[]): { written: Uint8Array[]; open: DeflateChannel } {
  const written: Uint8Array[] = [];
  const open = new DeflateChannel({
    read: async () => pieces.shift() ?? null,
    write: async (...out) => { written.push(...out.map((piece) => Buffer.from(piece as Uint8Array))); },
  });
  return { written, open };
}

async function readAll(open: DeflateChannel): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (let piece = await open.read(1000); piece !== null; piece = await open.read(1000)) {
    assert.ok(piece.length <= 64 * 1024, "comes in bounded pieces");
    pieces.push(piece);
  }
  open.close();
  return Buffer.concat(pieces);
}

test("what was packed is read, byte by byte or at once", async () => {
  const text = Buffer.from("a NOOP\r\n".repeat(500));
  const packed = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
  assert.deepEqual(await readAll(channel([packed]).open), text);
  assert.deepEqual(await readAll(channel([...packed].map((byte) => Uint8Array.of(byte))).open), text);
  const large = Buffer.alloc(20_000_000);
  assert.equal((await readAll(channel([deflateRawSync(large)]).open)).length, large.length);
});

test("what is written can be unpacked at once", async () => {
  const { open, written } = channel([]);
  let sent = "";
  for (const text of ["* OK\r\n", "", "a OK done\r\n", "x".repeat(100_000)]) {
    await open.write(Buffer.from(text));
    sent += text;
    const all = inflateRawSync(Buffer.concat(written), { finishFlush: constants.Z_SYNC_FLUSH });
    assert.equal(all.toString(), sent);
  }
  open.close();
});

test("what is no deflate ends the connection", async () => {
  await assert.rejects(readAll(channel([Buffer.from("a NOOP\r\nand so on")]).open), NotDeflate);
});
