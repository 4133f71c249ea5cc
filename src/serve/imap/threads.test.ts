/**
 * Threads: rows by the rules of RFC 5256 §4, and for any messages at all, each stands in exactly one place however its
 * references point, in circles or chains of any length.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { atOnce } from "#base/turns.ts";
import { idKeyLength, noIdKey } from "#mailbox/keys/content-keys.ts";
import { ThreadGatherer } from "#mailbox/keys/thread-columns.ts";
import type { Thread, ThreadMessages } from "#serve/imap/threads.ts";
import * as threads from "#serve/imap/threads.ts";

interface ThreadMessage {
  readonly number: number;
  readonly messageId: string;
  readonly references: readonly string[];
  readonly subject: string;
  readonly isReply: boolean;
}

function message(
  number: number, messageId: string, references: string[], subject = "S", isReply = false,
): ThreadMessage {
  return { number, subject, isReply, messageId, references };
}

function columnsOf(messages: readonly ThreadMessage[]): ThreadMessages {
  const builder = new ThreadGatherer([0x9e37_79b1, 0x85eb_ca6b]);
  const key = (id: string): string => (id === "" ? noIdKey : id.padStart(idKeyLength, "A"));
  for (const { number, messageId, references, subject, isReply } of messages) {
    builder.add(number, number * 1000, (isReply ? "+" : "-") + [subject, messageId, ...references].map(key).join(""));
  }
  return { ...builder.columns, numbers: Uint32Array.from(messages, ({ number }) => number) };
}

const byReferences = (messages: readonly ThreadMessage[], joins: boolean): Thread[] =>
  atOnce(threads.byReferences(columnsOf(messages), joins));
const byOrderedSubject = (messages: readonly ThreadMessage[]): Thread[] =>
  atOnce(threads.byOrderedSubject(columnsOf(messages)));
const encodeThreads = (found: readonly Thread[]): string => [...threads.threadTexts(found)].join("");

const rows: [string, ThreadMessage[], string][] = [
  ["none", [], ""],
  ["a chain", [message(1, "a", []), message(2, "b", ["a"]), message(3, "c", ["a", "b"])], "(1 2 3)"],
  ["two answers", [message(1, "a", []), message(2, "b", ["a"]), message(3, "c", ["a"])], "(1 (2)(3))"],
  ["a missing start", [message(1, "b", ["a"], "x"), message(2, "c", ["a"], "y")], "((1)(2))"],
  ["a missing link", [message(1, "a", []), message(3, "c", ["a", "b"])], "(1 3)"],
  ["an answer before its question", [message(1, "b", ["a"]), message(2, "a", [])], "(2 1)"],
  ["the same id twice", [message(1, "a", [], "x"), message(2, "a", [], "y")], "(1)(2)"],
  ["a circle", [message(1, "a", ["b"]), message(2, "b", ["a"])], "(2 1)"],
  ["itself", [message(1, "a", ["a"])], "(1)"],
  ["the same subject", [message(1, "a", [], "x"), message(2, "b", [], "x", true)], "(1 2)"],
  ["the same subject, both answers", [message(1, "a", [], "x", true), message(2, "b", [], "x", true)], "((1)(2))"],
  ["no subject", [message(1, "a", [], ""), message(2, "b", [], "", true)], "(1)(2)"],
];

test("threads by reference", () => {
  for (const [name, messages, expected] of rows) {
    assert.equal(encodeThreads(byReferences(messages, true)), expected, name);
  }
});

test("threads by subject and without it", () => {
  const messages = [
    message(1, "a", [], "x"), message(2, "b", [], "y"), message(3, "c", [], "x"), message(4, "", [], "x"),
  ];
  assert.equal(encodeThreads(byOrderedSubject(messages)), "(1 (3)(4))(2)");
  assert.equal(encodeThreads(byReferences([...messages, message(5, "e", ["a"], "x")], false)), "(2)(3)(4)(1 5)");
});

test("every message has one place", () => {
  const id = fc.constantFrom("", "a", "b", "c", "d", "e", "f");
  const references = fc.array(id.filter((one) => one !== ""), { maxLength: 4 });
  const any = fc.array(fc.tuple(id, references, fc.constantFrom("", "x", "y"), fc.boolean()), { maxLength: 12 });
  fc.assert(fc.property(any, fc.boolean(), (list, joins) => {
    const messages = list.map(([own, references, subject, isReply], at) =>
      message(at + 1, own, references, subject, isReply));
    const text = encodeThreads(byReferences(messages, joins));
    const numbers = (text.match(/\d+/g) ?? []).map(Number).sort((a, b) => a - b);
    assert.deepEqual(numbers, messages.map(({ number }) => number));
  }), { numRuns: 1000 });
});

test("a chain of 50,000 messages takes no stack and little time", () => {
  const chain = Array.from({ length: 50_000 }, (_, at) => message(at + 1, `${at}`, at === 0 ? [] : [`${at - 1}`]));
  const began = performance.now();
  assert.equal((encodeThreads(byReferences(chain.reverse(), true)).match(/\d+/g) ?? []).length, 50_000);
  assert.ok(performance.now() - began < 3000);
});

test("others have their turn while long chains are walked", () => {
  const chain = Array.from({ length: 1200 }, (_, at) => `c${at}`);
  const messages = [
    ...Array.from({ length: 13 }, (_, at) => message(at + 1, `m${at}`, chain.slice(at * 90, at * 90 + 100))),
    // Each walks up all of the chain from where it is too long to go on.
    ...Array.from({ length: 500 }, (_, at) =>
      message(at + 20, `n${at}`, chain.slice(980, 1000).flatMap((id, place) => [id, `x${at}y${place}`]))),
  ];
  const steps = threads.byReferences(columnsOf(messages), false);
  let turns = 0;
  while (steps.next().done !== true) turns++;
  assert.ok(turns > 300, `${turns} turns`);
});

test("ids that end alike are not looked for among each other", () => {
  const builder = new ThreadGatherer([0x9e37_79b1, 0x85eb_ca6b]);
  const before = process.cpuUsage();
  for (let at = 1; at <= 60_000; at++) {
    builder.add(at, 0, `-${noIdKey}${String(at).padStart(8, "A")}AAAAAAAA`);
  }
  assert.equal(builder.columns.idCount, 60_000);
  assert.ok(process.cpuUsage(before).user < 1_000_000, "one after the other they take many seconds");
});
