/**
 * Proves on the corpus of real and broken mail what every conversion both ways must hold: equal items give equal bytes,
 * a second way round changes nothing more, and it makes no difference whether bodies are held or told from the message
 * in pieces. What each file loses on the way is proved by `test/items-loss-eml.test.ts`.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LargeBag, largeOf } from "#convert/large.ts";
import { bytesOf, differences, itemOf, meaningOf } from "#convert/mime/test-kit.ts";
import { properties as p } from "#props/registry.ts";
import type { ItemBag } from "#convert/item.ts";

const folder = join(process.env["OUTPOST_CORPUS"] ?? "../shared/corpus", "eml");
const skip = existsSync(folder) ? false : `no corpus at ${folder}`;
const messages = (): { file: string; bytes: Buffer }[] =>
  readdirSync(folder).sort().map((file) => ({ file, bytes: readFileSync(join(folder, file)) }));
const kept = { includeBcc: true, includeUnsent: true };

test("equal items give equal bytes, and a second way round changes nothing more", { skip }, () => {
  for (const { file, bytes } of messages()) {
    const written = bytesOf(itemOf(bytes), kept);
    const back = itemOf(written);
    assert.ok(written.equals(bytesOf(itemOf(bytes), kept)), file);
    assert.ok(!written.includes("winmail.dat"), `${file} goes out with a winmail.dat`);
    const again = itemOf(bytesOf(back, kept));
    assert.deepEqual(differences(meaningOf(back), meaningOf(again)), [], file);
  }
});

function largeCount(item: ItemBag): number {
  const own = [p.PidTagBody, p.PidTagHtml].filter(({ tag }) => largeOf(item.bag, tag) !== undefined).length;
  return item.attachments.reduce((sum, { embedded }) => sum + (embedded === undefined ? 0 : largeCount(embedded)), own);
}

test("bodies that are not held are the same, and go out as the same bytes", { skip }, () => {
  let count = 0;
  for (const { file, bytes } of messages()) {
    const held = itemOf(bytes);
    const told = itemOf(bytes, { heldMaxBytes: -1 });
    assert.ok(told.bag instanceof LargeBag);
    count += largeCount(told);
    assert.deepEqual([...told.bag].sort(([a], [b]) => a - b).map(plain), [...held.bag].sort(([a], [b]) => a - b).map(plain), file);
    for (const options of [kept, { plainFromHtml: true }]) {
      const [expected, actual] = [bytesOf(held, options), bytesOf(told, options)];
      if (!expected.equals(actual)) assert.equal(actual.toString("latin1"), expected.toString("latin1"), file);
    }
  }
  assert.ok(count > 300, `${count} bodies`);
});

/** Bytes compare by what they hold, views or not. */
function plain([tag, value]: [number, unknown]): unknown {
  return [tag, value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value];
}
