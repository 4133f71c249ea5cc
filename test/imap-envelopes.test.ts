/** Over all the collected mail: an envelope told from its stored form is the one told from its objects. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMimeIndex, encodeMimeIndex, storedEnvelope } from "#format/mime/index-text.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { encodeEnvelope, encodeStoredEnvelope } from "#wire/imap/structure.ts";
import { corpusMessages, corpusMissing } from "./support/corpus.ts";

test("every envelope of the collected mail", { skip: corpusMissing }, () => {
  let quick = 0;
  let count = 0;
  for (const { name, bytes } of corpusMessages()) {
    const { index } = indexMessage(bytes);
    const told = encodeStoredEnvelope(storedEnvelope(decodeMimeIndex(encodeMimeIndex(index)))!);
    count++;
    if (told === undefined) continue;
    quick++;
    assert.equal(told, encodeEnvelope(index.envelope), name);
  }
  assert.ok(quick > count / 2, `${quick} of ${count} took the short way`);
});
