/** One parser, one large message, in a process of its own: `node bench/items-memory.ts NAME FILE` prints its peak. */
import { closeSync, createReadStream, fstatSync, openSync, readFileSync, readSync } from "node:fs";

/** Each loads its code first and gives what reads the message. */
const runs: Record<string, () => Promise<(file: string) => Promise<void>>> = {
  // Indexed as its bytes pass, as on arrival; converted by ranges of the file, and written out again.
  "Outpost, index": async () => {
    const { createMimeIndexer } = await import("#format/mime/indexer.ts");
    return async (file) => {
      const indexer = createMimeIndexer();
      for await (const chunk of createReadStream(file)) indexer.push(chunk as Buffer);
      indexer.end();
    };
  },
  "Outpost, index, item and back": async () => {
    const { createMimeIndexer } = await import("#format/mime/indexer.ts");
    const { fromMime } = await import("#convert/mime/from-mime.ts");
    const { toMime } = await import("#convert/mime/to-mime.ts");
    return async (file) => {
      const indexer = createMimeIndexer();
      for await (const chunk of createReadStream(file)) indexer.push(chunk as Buffer);
      const { index } = indexer.end();
      const source = openSync(file, "r");
      const read = (start: number, end: number): Buffer => {
        const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(end, fstatSync(source).size) - start));
        return bytes.subarray(0, readSync(source, bytes, 0, bytes.length, start));
      };
      for (const chunk of toMime(fromMime(index, read))) void chunk.length;
      closeSync(source);
    };
  },
  "mailparser (simpleParser of a stream)": async () => {
    const { simpleParser } = await import("mailparser");
    return async (file) => void await simpleParser(createReadStream(file));
  },
  "postal-mime": async () => {
    const { default: PostalMime } = await import("postal-mime");
    return async (file) => void await PostalMime.parse(readFileSync(file));
  },
};

export const memoryRuns: readonly string[] = Object.keys(runs);

if (process.argv[1] === import.meta.filename) {
  const [name = "", file = ""] = process.argv.slice(2);
  const run = await runs[name]!();
  const baseBytes = process.memoryUsage.rss();
  const beganMs = performance.now();
  await run(file);
  const ms = performance.now() - beganMs;
  console.log(JSON.stringify({ baseBytes, peakBytes: process.resourceUsage().maxRSS * 1024, ms }));
}
