import { test } from "node:test";
import fc from "fast-check";
import { valueOrWireError } from "#codec/binary/test-kit.ts";
import { corpusFiles, damaged } from "#format/mapi/test-kit.ts";
import { decodeTnef } from "#format/tnef/decode.ts";
import { encodeTnef } from "#format/tnef/encode.ts";
import { readMsg } from "#format/msg/read.ts";
import { writeMsg } from "#format/msg/write.ts";
import { readRtfBody } from "#format/rtf/de-encapsulate.ts";
import { decompressRtf } from "#format/rtf/compressed.ts";
test("fuzz", () => {
  let worst = 0, worstName = "";
  const end = performance.now() + 100_000;
  const files = corpusFiles(".msg", ".oft", ".tnef", ".dat").filter(({ bytes }) => bytes.length < 80_000);
  let runs = 0;
  while (performance.now() < end) for (const { name, bytes } of files) {
    fc.assert(fc.property(damaged(bytes), (b) => {
      const t = performance.now(); runs++;
      const m = /tnef|dat$/.test(name) ? valueOrWireError(() => decodeTnef(b)) : valueOrWireError(() => readMsg(b));
      if (m) { valueOrWireError(() => writeMsg(m)); valueOrWireError(() => encodeTnef(m));
        for (const q of m.properties) if (q.id === 0x1009 && q.value instanceof Uint8Array) { const r = valueOrWireError(() => decompressRtf(q.value as Uint8Array)); if (r) readRtfBody(r); } }
      const d = performance.now() - t; if (d > worst) { worst = d; worstName = name; }
    }), { numRuns: 20 });
  }
  console.log(runs, "worst ms", worst, worstName, process.memoryUsage().rss / 1e6);
});
