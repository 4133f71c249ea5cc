/** Proves voting: options and answers both ways, buttons that stay, streams that are broken, any names and any bytes. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import { setVote, setVotingOptions, voteOf, votingOptionsOf } from "#convert/voting.ts";
import { decodeVerbStream } from "#format/mapi/verb-stream.ts";
import { properties as p } from "#props/registry.ts";

test("options are offered and answered", () => {
  const item = newItem();
  assert.deepEqual(votingOptionsOf(item), []);
  setVotingOptions(item, ["Yes", " ", "\u4f60\u597d "]);
  assert.deepEqual(votingOptionsOf(item).map(({ name, id }) => [id, name]), [[1, "Yes"], [2, "\u4f60\u597d"]]);
  // The list of 8-bit names has no letter for it; both lists are of one length.
  const { options, extras } = decodeVerbStream(getProperty(item, p.PidLidVerbStream)!);
  assert.equal(Buffer.from(options[1]!.displayName).toString("latin1"), "??");
  assert.equal(extras.length, 2);
  const answer = newItem();
  assert.equal(voteOf(answer), undefined);
  setVote(answer, votingOptionsOf(item)[1]!);
  assert.equal(voteOf(answer), "\u4f60\u597d");
  setProperty(answer, p.PidLidVerbResponse, " ");
  assert.equal(voteOf(answer), undefined);
});

test("a broken stream offers nothing, and is replaced", () => {
  const item = newItem();
  for (const bytes of [new Uint8Array(0), Uint8Array.of(2, 1, 255, 255, 255, 255), new Uint8Array(40)]) {
    setProperty(item, p.PidLidVerbStream, bytes);
    assert.deepEqual(votingOptionsOf(item), []);
  }
  setVotingOptions(item, ["A"]);
  assert.deepEqual(votingOptionsOf(item).map(({ name }) => name), ["A"]);
});

test("any names come back, any bytes are read", () => {
  const names = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 })
    .filter((one) => one.trim() === one && one !== "" && one.isWellFormed() && !one.includes("\0"));
  fc.assert(fc.property(fc.array(names, { maxLength: 8 }), (list) => {
    const item = newItem();
    setVotingOptions(item, list);
    assert.deepEqual(votingOptionsOf(item).map(({ name }) => name), list);
  }));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    const item = newItem();
    setProperty(item, p.PidLidVerbStream, bytes);
    votingOptionsOf(item);
  }));
});
