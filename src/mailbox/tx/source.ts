/** Any range of a message's bytes, on the thread that prepares procedures. */
import type { ReadBytes } from "#convert/mime/contents.ts";
import type { MessageSource } from "#mailbox/tx/insert.ts";
import type { PrepareIo } from "#store/api.ts";

export function sourceReader({ inline, blob }: MessageSource, io: PrepareIo): ReadBytes {
  return (start, end) => {
    if (end <= inline.length || blob === null) return inline.subarray(start, end);
    const blobStart = Math.max(0, start - inline.length);
    const fromBlob = io.readBlobRange(blob.hash, blobStart, end - inline.length - blobStart);
    return start >= inline.length ? fromBlob : Buffer.concat([inline.subarray(start), fromBlob]);
  };
}

const stepBytes = 192 * 1024;

/** All of the bytes in pieces, as often as wanted. */
export function sourceChunks(source: MessageSource, io: PrepareIo): () => Iterable<Uint8Array> {
  const read = sourceReader(source, io);
  const sizeBytes = source.inline.length + (source.blob?.sizeBytes ?? 0);
  return function* () {
    for (let at = 0; at < sizeBytes; at += stepBytes) yield read(at, Math.min(at + stepBytes, sizeBytes));
  };
}
